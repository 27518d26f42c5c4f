"""What a practitioner writes down stands in the registry and in the access log, or is refused and the refusal is in the log."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from click.testing import CliRunner, Result
from graphql import parse, validate
from structlog.testing import capture_logs

from connectors import Identifier, Person, Subject
from connectors.matching import Match
from portal.accesslog import LogUnavailable
from portal.accesslog.pseudonyms import Digests, identifiers_of
from portal.agreements import Agreements, SourceFacts
from portal.agreements.told import told_of
from portal.api.http import GraphQLEndpoint
from portal.api.typed import subject
from portal.changes import Change, Closing, DoubtClosing, NotShared, Recorded, Said, WrongChild
from portal.cli import client, main
from portal.errors import PortalError, RequestError
from portal.model import Practitioner, Responsibility, Understanding
from portal.outcomes import Outcome
from portal.recording import open_doubts, open_reviews, record
from portal.sealing import unseal
from portal.storage import StorageUnavailable
from tests.portal.agreement_cases import clause, page, signed, vocabulary
from tests.portal.entrance import JO, Standing, answer, broken, events, schema, serving, standard, standing
from tests.portal.issuer import Issuer, running_issuer

CHILD = subject(JO, ())
MORAG = Practitioner(issuer="https://id.example", person="sub-17", agency="hillview-school", roles=("named_person",))
OFFICER = Practitioner(issuer="https://id.example", person="sub-9", agency="northshire-police", roles=("privacy_officer",))
RESPONSIBLE = Responsibility(rests_on="Birth certificate", on=date(2026, 11, 2))
KINDS = '{ PoliceEvent = { fields = ["occurredOn"], ceiling = "T3", existence = "T3" } }'
PAGE = page(
    clause(1, "Police tell the school"),
    clause(2, "With consent", kinds=KINDS, conditions='{ consent = "required" }'),
    clause(3, "Unless somebody objects", purposes='["early-help"]', conditions='{ objection = "counts" }'),
    clause(4, "With consent, for early help", purposes='["early-help"]', kinds=KINDS, conditions='{ consent = "required" }'),
)


@pytest_asyncio.fixture(scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    async with running_issuer() as running:
        yield running


@pytest.fixture(scope="module")
def agreements(tmp_path_factory: pytest.TempPathFactory) -> Agreements:
    """ISA-07: §2 and §4 rest on consent, under §3 an objection counts."""
    return signed(tmp_path_factory.mktemp("agreements"), PAGE)


@pytest_asyncio.fixture
async def portal(issuer: Issuer, agreements: Agreements, tmp_path: Path) -> AsyncIterator[Standing]:
    async with standing(tmp_path, issuer) as opened:
        opened.agreements = agreements
        yield opened


def consent(**changes: Any) -> Said:
    plain = Said(
        subject=CHILD,
        what="consent",
        state="given",
        agreement="ISA-07",
        clause=2,
        party="MOTHER",
        on=date(2026, 11, 20),
        evidence="form 12",
        responsibility=RESPONSIBLE,
    )
    return msgspec.structs.replace(plain, **changes)


def objection(**changes: Any) -> Said:
    return consent(**({"what": "objection", "state": "raised", "clause": 3} | changes))


def not_shared(**changes: Any) -> NotShared:
    plain = NotShared(subject=CHILD, to="northshire-police", kinds=("Flag",), words="He works there.")
    return msgspec.structs.replace(plain, **changes)


async def recorded(portal: Standing, change: Change, by: Practitioner = MORAG) -> Recorded:
    return await record(change, by, portal)


async def refused(portal: Standing, change: Change, by: Practitioner = MORAG) -> RequestError:
    with pytest.raises(RequestError) as caught:
        await record(change, by, portal)
    return caught.value


async def states(portal: Standing, of: Subject = CHILD) -> list[str]:
    return [f"{entry.state}@{entry.version}" for entry in await portal.registry.concerning(identifiers_of(of))]


# What is written down


async def test_a_consent_stands_in_the_registry_and_in_the_log_under_one_id(portal: Standing, tmp_path: Path) -> None:
    done = await recorded(portal, consent())

    (event,) = events(tmp_path)
    (entry,) = await portal.registry.concerning(identifiers_of(CHILD))
    assert (done.id, done.version, done.state, done.at) == (entry.id, 1, "GIVEN", entry.at)
    assert (done.receipt.index, done.receipt.log) == (event["index"], event["log"])
    assert {name: event[name] for name in ("type", "what", "id", "version", "agreement", "clause", "state", "party")} == {
        "type": "change", "what": "consent", "id": entry.id, "version": "1", "agreement": "ISA-07", "clause": 2, "state": "given",
        "party": "MOTHER",
    }  # fmt: skip
    assert event["actor"]["person"] == "sub-17"
    assert {each["system"] for each in event["subject"]} == {"nhs_number", "demographics"}
    for told in ("9990000018", "Ash", "form 12", "Birth certificate"):
        assert told not in json.dumps(event)


async def test_a_consent_is_to_the_words_of_its_clause(portal: Standing, agreements: Agreements) -> None:
    await recorded(portal, consent())
    (entry,) = await portal.registry.concerning(identifiers_of(CHILD))
    short = agreements.all[0].clauses[1].short
    assert entry.told == hashlib.sha256(short.encode()).hexdigest() == told_of(agreements.all[0], 2)


async def test_a_consent_to_an_agreement_is_to_every_clause_of_it_that_rests_on_consent(portal: Standing, agreements: Agreements) -> None:
    await recorded(portal, consent(clause=None))
    (entry,) = await portal.registry.concerning(identifiers_of(CHILD))
    _, second, _, fourth = agreements.all[0].clauses
    assert entry.told == hashlib.sha256(f"{second.short}\n{fourth.short}".encode()).hexdigest()
    assert "clause" not in events_of(portal)[-1]


def events_of(portal: Standing) -> list[dict[str, Any]]:
    return events(portal.log._store.path.parent)


def test_what_was_told_changes_with_every_word(agreements: Agreements) -> None:
    agreement = agreements.all[0]
    changed = tuple(msgspec.structs.replace(each, short=each.short.replace("T3", "T4")) for each in agreement.clauses)
    other = msgspec.structs.replace(agreement, clauses=changed)
    assert told_of(other, 2) != told_of(agreement, 2)
    assert told_of(other, None) != told_of(agreement, None)
    with pytest.raises(LookupError):
        told_of(agreement, 5)


async def test_a_withdrawal_is_the_next_version_of_what_was_given(portal: Standing) -> None:
    first = await recorded(portal, consent())
    second = await recorded(portal, consent(state="withdrawn"))
    assert (second.id, second.version, second.state) == (first.id, 2, "WITHDRAWN")
    assert await states(portal) == ["withdrawn@2"]
    assert [event["state"] for event in events_of(portal)] == ["given", "withdrawn"]


async def test_two_parents_are_two_parties(portal: Standing) -> None:
    first, second = await recorded(portal, consent()), await recorded(portal, consent(party="FATHER", state="refused"))
    assert first.id != second.id
    assert sorted(await states(portal)) == ["given@1", "refused@1"]


async def test_an_objection_is_written_down_and_withdrawn(portal: Standing) -> None:
    first = await recorded(portal, objection())
    second = await recorded(portal, objection(state="withdrawn"))
    assert (first.state, second.state, second.version) == ("RAISED", "WITHDRAWN", 2)
    assert [event["what"] for event in events_of(portal)] == ["objection", "objection"]


async def test_a_decision_not_to_share_has_its_own_entry_and_its_words_are_sealed(portal: Standing, tmp_path: Path) -> None:
    done = await recorded(portal, not_shared())
    (event,) = events(tmp_path)
    assert (done.version, done.state, done.at) == (1, "NOT_SHARED", portal.log.now())
    assert (event["what"], event["id"], event["to"], event["kinds"]) == ("not-shared", done.id, "northshire-police", ["Flag"])
    assert event["subject"]
    assert b"He works there" not in b"".join(path.read_bytes() for path in tmp_path.glob("*.db*"))


async def test_a_young_person_speaks_for_themselves(portal: Standing) -> None:
    finding = Understanding(understands=True, on=date(2026, 11, 19), by="School nurse")
    done = await recorded(portal, consent(party="YOUNG_PERSON", responsibility=None, understanding=finding))
    assert done.state == "GIVEN"


# What is not


class Case(msgspec.Struct, frozen=True):
    """One refusal: what was to be written down, by whom; the id, and where it points."""

    change: Change
    id: str
    path: tuple[str, ...] = ()
    by: Practitioner = MORAG


ZYX = Subject(given_name="Zyx", family_name="Zyx", birth_date="2014-02-03")
TWO = msgspec.structs.replace(CHILD, identifiers=(*CHILD.identifiers, Identifier("nhs_number", "9990000026")))
CASES = {
    "a role that records nothing": Case(consent(), "CV432", by=msgspec.structs.replace(MORAG, roles=("auditor",))),
    "a role that records nothing, of an objection": Case(objection(), "CV432", by=OFFICER),
    "a role that records nothing, of a decision": Case(not_shared(), "CV432", by=OFFICER),
    "no such agreement": Case(consent(agreement="Zyx", subject=ZYX), "CV433", ("agreement",)),
    "an agreement by another case": Case(consent(agreement="isa-07"), "CV433", ("agreement",)),
    "no such clause": Case(consent(clause=9), "CV433", ("clause",)),
    "clause nought": Case(consent(clause=0), "CV433", ("clause",)),
    "a negative clause": Case(consent(clause=-2), "CV433", ("clause",)),
    "an agency that is no partner": Case(consent(), "CV434", by=msgspec.structs.replace(MORAG, agency="northshire-nhs")),
    "consent to what rests on none": Case(consent(clause=1), "CV435", ("clause",)),
    "consent where an objection counts": Case(consent(clause=3), "CV435", ("clause",)),
    "a withdrawal of what rests on no consent": Case(consent(clause=1, state="withdrawn"), "CV435", ("clause",)),
    "an objection that does not count": Case(objection(clause=1), "CV435", ("clause",)),
    "an objection where consent is asked": Case(objection(clause=2), "CV435", ("clause",)),
    "an adult without responsibility": Case(consent(responsibility=None), "CV441", ("responsibility",)),
    "another adult without responsibility": Case(objection(party="OTHER", responsibility=None), "CV441", ("responsibility",)),
    "a guardian without responsibility": Case(
        consent(party="GUARDIAN", state="refused", responsibility=None), "CV441", ("responsibility",)
    ),
    "a young person with responsibility": Case(consent(party="YOUNG_PERSON"), "CV441", ("responsibility",)),
    "said tomorrow": Case(consent(on=date(2026, 11, 23)), "CV442", ("on",)),
    "said before the child was born": Case(consent(on=date(2014, 2, 2)), "CV442", ("on",)),
    "understood tomorrow": Case(
        consent(understanding=Understanding(understands=True, on=date(2026, 11, 23), by="Zyx")), "CV442", ("understanding", "on")
    ),
    "understood before birth": Case(
        consent(understanding=Understanding(understands=True, on=date(2013, 1, 1), by="Zyx")), "CV442", ("understanding", "on")
    ),
    "responsible from tomorrow": Case(
        consent(responsibility=Responsibility(rests_on="Zyx", on=date(2026, 11, 23))), "CV442", ("responsibility", "on")
    ),
    "not shared with nobody known": Case(not_shared(to="Zyx", subject=ZYX), "CV433", ("to",)),
    "not shared with oneself": Case(not_shared(to="hillview-school"), "CV433", ("to",)),
    "nothing not shared": Case(not_shared(kinds=()), "CV433", ("kinds",)),
    "no such kind": Case(not_shared(kinds=("Flag", "Zyx")), "CV433", ("kinds",)),
    "two numbers of one system": Case(consent(subject=TWO), "CV437"),
    "not shared, of two numbers of one system": Case(not_shared(subject=TWO), "CV437"),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_may_not_be_written_down_is_refused_and_leaves_no_entry(portal: Standing, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    error = await refused(portal, case.change, case.by)
    assert (error.id, error.refused) == (case.id, True)
    assert error.path == case.path
    assert error.hint
    assert "Zyx" not in f"{error.message} {error.hint}"
    assert events(tmp_path) == []
    assert await states(portal) == []


@pytest.mark.parametrize(
    ("born", "day", "fits"), [("2014", 2014, True), ("2014", 2013, False), ("2014-02", 2014, False), (None, 1999, True)]
)
async def test_the_day_is_measured_by_as_much_of_the_birth_date_as_was_typed(
    portal: Standing, born: str | None, day: int, fits: bool
) -> None:
    change = consent(subject=msgspec.structs.replace(CHILD, birth_date=born), on=date(day, 1, 31))
    if fits:
        assert (await recorded(portal, change)).version == 1
    else:
        assert (await refused(portal, change)).id == "CV442"


async def test_where_no_role_records_nothing_is_recorded(portal: Standing) -> None:
    portal.settings = msgspec.structs.replace(portal.settings, registry=type(portal.settings.registry)())
    error = await refused(portal, consent())
    assert error.id == "CV432"
    assert "registry.recorders" in str(error.hint)


REFUGE = {"northshire-police": SourceFacts("northshire-police", frozenset({"WellbeingConcern", "PoliceEvent"}), "T4")}


def with_services(agreements: Agreements, **changes: Any) -> Agreements:
    """The same agreements where sources are other ones."""
    return Agreements(agreements.entries, vocabulary(**changes))


async def test_an_objection_to_a_sensitive_service_is_held_there_and_nowhere_here(portal: Standing, agreements: Agreements) -> None:
    """That somebody objects to what CAMHS may show tells that CAMHS has something to show."""
    for changes in ({"sources": REFUGE}, {"sensitive_services": frozenset({"northshire-police"})}):
        portal.agreements = with_services(agreements, **changes)
        for clause_ in (3, None):
            error = await refused(portal, objection(clause=clause_))
            assert (error.id, error.refused) == ("CV439", True)
    assert (await recorded(portal, consent())).state == "GIVEN"


async def test_an_objection_to_a_service_among_others_is_kept_here(portal: Standing, agreements: Agreements) -> None:
    two = REFUGE | {"hub": SourceFacts("northshire-police", frozenset({"WellbeingConcern"}))}
    portal.agreements = with_services(agreements, sources=two)
    assert (await recorded(portal, objection())).state == "RAISED"


# When something goes wrong


async def test_a_withdrawal_stands_though_the_log_cannot_be_written(portal: Standing) -> None:
    await recorded(portal, consent())
    await portal.log.close()
    with capture_logs() as told, pytest.raises(PortalError) as caught:
        await recorded(portal, consent(state="withdrawn"))
    assert (caught.value.id, caught.value.status, caught.value.retry_after) == ("CV701", 503, None)
    assert "written down and counts" in caught.value.message
    assert await states(portal) == ["withdrawn@2"]
    (line,) = told
    assert (line["what"], line["version"]) == ("consent", 2)


@pytest.mark.parametrize("change", [consent(state="refused"), objection()])
async def test_what_takes_away_is_kept_whatever_the_log_does(portal: Standing, change: Said) -> None:
    await portal.log.close()
    with pytest.raises(PortalError, match="CV701"):
        await recorded(portal, change)
    assert len(await states(portal)) == 1


async def test_what_lets_more_be_shown_is_not_begun_while_the_log_is_closed(portal: Standing) -> None:
    await recorded(portal, objection())
    await fill_disk(portal)
    for change in (consent(), objection(state="withdrawn")):
        with pytest.raises(LogUnavailable):
            await recorded(portal, change)
    assert await states(portal) == ["raised@1"]


@pytest.mark.parametrize(("before", "change"), [((), consent()), ((objection(),), objection(state="withdrawn"))])
async def test_what_lets_more_be_shown_does_not_count_when_its_event_cannot_be_written(
    portal: Standing, before: tuple[Said, ...], change: Said
) -> None:
    """The log is well when it begins, and fails then."""
    for each in before:
        await recorded(portal, each)
    stood, revision = await states(portal), portal.registry.revision
    await portal.log.close()
    assert portal.log.healthy
    with pytest.raises(LogUnavailable):
        await recorded(portal, change)
    assert await states(portal) == stood
    assert portal.registry.revision == revision


async def test_what_lets_more_be_shown_is_in_the_log_before_it_counts(portal: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[str], int]] = []
    change = portal.log.change

    async def watched(*arguments: Any, **more: Any) -> Any:
        receipt = await change(*arguments, **more)
        seen.append((await states(portal), portal.registry.revision))
        return receipt

    monkeypatch.setattr(portal.log, "change", watched)
    await recorded(portal, consent())
    await recorded(portal, consent(state="withdrawn"))
    assert seen == [([], 0), (["withdrawn@2"], 2)]


async def test_an_event_of_what_the_registry_could_not_keep_lets_nothing_be_shown(
    portal: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = portal.log.change

    async def then_no_disk(*arguments: Any, **more: Any) -> Any:
        await change(*arguments, **more)
        raise OSError("the registry's disk has gone")

    monkeypatch.setattr(portal.log, "change", then_no_disk)
    with pytest.raises(StorageUnavailable):
        await recorded(portal, consent())
    assert [(event["what"], event["version"]) for event in events_of(portal)] == [("consent", "1")]
    assert (await states(portal), portal.registry.revision) == ([], 0)


async def test_a_withdrawal_of_what_nobody_gave_reads_like_any_other(portal: Standing) -> None:
    """Else whoever records would learn whether something stood."""
    for change in (consent(state="withdrawn"), objection(state="withdrawn")):
        done = await recorded(portal, change)
        assert (done.version, done.state) == (1, "WITHDRAWN")


async def fill_disk(portal: Standing) -> None:
    """The log's disk is full, as SQLite itself would find it, and the log has found out."""
    store = portal.log._store
    store.probe_after = 600.0
    assert store._connection is not None
    (pages,) = store._connection.execute("pragma page_count").fetchone()
    store._connection.execute(f"pragma max_page_count = {pages}")
    with pytest.raises(LogUnavailable):
        await portal.log.change("key", "k" * 50_000, 1)
    assert not portal.log.healthy


async def test_a_client_that_leaves_does_not_part_an_entry_from_its_event(portal: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, written = asyncio.Event(), portal.registry.record

    async def slowly(*arguments: Any) -> Any:
        entry = await written(*arguments)
        kept.set()
        await asyncio.sleep(0.05)
        return entry

    monkeypatch.setattr(portal.registry, "record", slowly)
    recording = asyncio.create_task(recorded(portal, consent()))
    await kept.wait()
    for _ in range(3):
        recording.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await recording
    assert await states(portal) == ["given@1"]
    assert [event["what"] for event in events_of(portal)] == ["consent"]


async def test_withdrawals_at_the_same_moment_are_all_kept(portal: Standing) -> None:
    await recorded(portal, consent())
    done = await asyncio.gather(*(recorded(portal, consent(state="withdrawn")) for _ in range(8)))
    assert sorted(each.version for each in done) == list(range(2, 10))
    assert await states(portal) == ["withdrawn@9"]
    assert len(events_of(portal)) == 9


# Reviews


async def test_an_officer_sees_the_open_reviews_of_their_own_agency_and_closes_one(portal: Standing, tmp_path: Path) -> None:
    await broken(portal)
    (review,) = await open_reviews(OFFICER, portal)
    done = await recorded(portal, Closing(review=review.id, outcome="JUSTIFIED", words="Rightly so."), OFFICER)

    assert (review.reason, review.access, review.by_agency) == ("immediate-danger", "01JDACCESS", "hillview-school")
    assert (done.id, done.state) == (review.id, "JUSTIFIED")
    (event,) = events(tmp_path)
    assert (event["what"], event["id"], event["outcome"], event["actor"]["person"]) == ("review", review.id, "JUSTIFIED", "sub-9")
    assert "subject" not in event
    assert await open_reviews(OFFICER, portal) == ()
    (closed,) = await portal.glass.reviews("northshire-police")
    private = json.loads((tmp_path / "keys" / "private.jwk").read_text())
    assert "Rightly so." in unseal(private, str(closed.closing))


async def test_nobody_else_sees_or_closes_a_review(portal: Standing, tmp_path: Path) -> None:
    await broken(portal)
    (review,) = await open_reviews(OFFICER, portal)
    elsewhere = msgspec.structs.replace(OFFICER, agency="hillview-school")
    for other in (MORAG, elsewhere):
        assert await open_reviews(other, portal) == ()
        error = await refused(portal, Closing(review=review.id, outcome="JUSTIFIED", words="Rightly so."), other)
        assert (error.id, error.refused) == ("CV443", True)
    assert events(tmp_path) == []


async def test_a_review_is_closed_once(portal: Standing) -> None:
    await broken(portal)
    (review,) = await open_reviews(OFFICER, portal)
    await recorded(portal, Closing(review=review.id, outcome="UNCLEAR", words="Asked her."), OFFICER)
    error = await refused(portal, Closing(review=review.id, outcome="JUSTIFIED", words="Rightly so."), OFFICER)
    assert (error.id, error.refused) == ("CV445", True)
    assert len(events_of(portal)) == 1


# Wrong children


def wrong_child(portal: Standing, person: str = "P-17") -> WrongChild:
    """What Morag was shown of somebody at the police is another child's."""
    shown: Any = SimpleNamespace(id="01JDACCESS", record=Digests(bytes(32), "01JDACCESS").record)
    match = Match("LINK", (), classes=("birth_date:exact",))
    outcome = Outcome(source="northshire-police", kind="PoliceEvent", state="ANSWERED", found=True, match=match)
    handles = portal.doubts.handles({"northshire-police": (Person(id=person),)}, [outcome], MORAG, shown)
    return WrongChild(report=handles["northshire-police"], words="Her cousin.")


async def test_a_wrong_child_stands_in_the_log_by_digests_and_so_does_its_end(portal: Standing, tmp_path: Path) -> None:
    said = await recorded(portal, wrong_child(portal))
    (event,) = events(tmp_path)
    assert (said.version, said.state) == (1, "REPORTED")
    assert (event["what"], event["id"], event["version"], event["source"]) == ("wrong-child", said.id, "1", "northshire-police")
    assert (event["shown_in"], event["evidence"]) == ("01JDACCESS", ["birth_date:exact"])
    assert event["persons"] == [Digests(bytes(32), "01JDACCESS").record("northshire-police", "Person", "P-17")]
    assert not any(word in json.dumps(event) for word in ("P-17", "cousin", "subject"))
    assert [each.id for each in await open_doubts(OFFICER, portal)] == [said.id]
    assert await open_doubts(MORAG, portal) == ()
    closed = await recorded(portal, DoubtClosing(doubt=said.id, outcome="SAME_CHILD", words="It is hers."), OFFICER)
    assert (closed.id, closed.version, closed.state) == (said.id, 2, "SAME_CHILD")
    assert (events(tmp_path)[-1]["version"], events(tmp_path)[-1]["outcome"]) == ("2", "SAME_CHILD")
    assert await open_doubts(OFFICER, portal) == ()


async def test_a_report_stands_whatever_the_log_does_and_is_not_ended_while_the_log_is_closed(portal: Standing) -> None:
    first = await recorded(portal, wrong_child(portal))
    await fill_disk(portal)
    with pytest.raises(LogUnavailable):
        await recorded(portal, DoubtClosing(doubt=first.id, outcome="CORRECTED", words="Done."), OFFICER)
    await portal.log.close()
    with pytest.raises(PortalError, match="written down and counts"):
        await recorded(portal, wrong_child(portal, "P-18"))
    assert len(await open_doubts(OFFICER, portal)) == 2


# From the command line


@pytest_asyncio.fixture
async def url(portal: Standing) -> AsyncIterator[str]:
    async with serving(GraphQLEndpoint(portal, schema(), answer)) as address:
        yield address


def files(folder: Path) -> tuple[str, str]:
    """The child and the words, in files: nothing of either is typed as an option."""
    (folder / "child.json").write_text(json.dumps(JO))
    (folder / "words.txt").write_text("She was glad to be asked.")
    return str(folder / "child.json"), str(folder / "words.txt")


async def command(url: str, issuer: Issuer, *arguments: str, **claims: Any) -> Result:
    environment = {"CHILDVIEW_TOKEN": issuer.token(**claims)}
    return await asyncio.to_thread(CliRunner(env=environment).invoke, main, ["record", *arguments, "--url", url])


def heard(folder: Path, state: str, *more: str) -> list[str]:
    child, words = files(folder)
    said = ["--agreement", "ISA-07", "--party", "MOTHER", "--state", state, "--on", "2026-11-20", "--evidence", "form 12"]
    return ["--subject", child, "--words-file", words, *said, "--rests-on", "Birth certificate", "--seen-on", "2026-11-20", *more]


async def test_what_was_said_is_written_down_from_the_command_line(url: str, issuer: Issuer, portal: Standing, tmp_path: Path) -> None:
    found = ("--understands", "no", "--found-on", "2026-11-19", "--found-by", "Paediatrician")
    given = await command(url, issuer, "consent", *heard(tmp_path, "GIVEN", "--clause", "2", *found))
    raised = await command(url, issuer, "objection", *heard(tmp_path, "RAISED", "--json"))
    assert (given.exit_code, raised.exit_code) == (0, 0)
    assert "version 1, GIVEN" in given.stdout
    assert json.loads(raised.stdout)["state"] == "RAISED"
    assert [event["what"] for event in events_of(portal)] == ["consent", "objection"]
    entry = next(each for each in await portal.registry.concerning(identifiers_of(CHILD)) if each.what == "consent")
    assert entry.understanding is not None
    assert (entry.clause, entry.understanding.understands) == (2, False)


async def test_a_decision_not_to_share_is_written_down_from_the_command_line(
    url: str, issuer: Issuer, portal: Standing, tmp_path: Path
) -> None:
    child, words = files(tmp_path)
    decided = ("--subject", child, "--to", "northshire-police", "--kind", "Flag", "--words-file", words)
    done = await command(url, issuer, "not-shared", *decided)
    assert (done.exit_code, [event["kinds"] for event in events_of(portal)]) == (0, [["Flag"]])


async def test_a_refusal_is_said_with_its_id_and_exit_one(url: str, issuer: Issuer, tmp_path: Path) -> None:
    done = await command(url, issuer, "consent", *heard(tmp_path, "GIVEN", "--clause", "1"))
    assert done.exit_code == 1
    assert "CV435" in done.stderr


async def test_half_of_what_belongs_together_is_wrong_use(url: str, issuer: Issuer, portal: Standing, tmp_path: Path) -> None:
    done = await command(url, issuer, "consent", *heard(tmp_path, "GIVEN", "--understands", "yes"))
    assert done.exit_code == 2
    assert "--found-on" in done.stderr
    assert events_of(portal) == []


async def test_an_officer_lists_and_closes_reviews_from_the_command_line(
    url: str, issuer: Issuer, portal: Standing, tmp_path: Path
) -> None:
    await broken(portal)
    officer = {"sub": "sub-9", "org": "northshire-police", "roles": ["privacy_officer"]}
    listed = await command(url, issuer, "review", **officer)
    (review, *_) = listed.stdout.split()
    closed = await command(url, issuer, "review", review, "--outcome", "JUSTIFIED", "--words-file", files(tmp_path)[1], **officer)
    unfinished = await command(url, issuer, "review", review, "--outcome", "JUSTIFIED", **officer)
    assert (listed.exit_code, closed.exit_code, unfinished.exit_code) == (0, 0, 2)
    assert "due 2026-11-24" in listed.stdout
    assert "No review waits for you." in (await command(url, issuer, "review", **officer)).stdout
    assert [event["outcome"] for event in events_of(portal)] == ["JUSTIFIED"]


@pytest.mark.parametrize("document", [client.REVIEWS, client.EXPLAIN, client.view_query(standard()), *client.MUTATIONS.values()])
def test_what_the_commands_ask_fits_the_api(document: str) -> None:
    assert validate(schema(), parse(document)) == []
