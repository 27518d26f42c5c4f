"""The wrong child: who may say so, what it does to later finds, and who alone says that it is over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from sqlalchemy import func, select, text

from connectors import Person
from connectors.finding import Finding, Offer
from connectors.matching import Evidence, Match
from portal import alerts as alerting
from portal import doubts as doubting
from portal.accesslog.pseudonyms import Digests, Lasting
from portal.alerts import Alerts
from portal.changes import DoubtClosing, WrongChild
from portal.doubts import DOUBTED, UNKNOWN, Closed, Doubts, Handle, Report, Standing, heed
from portal.doubts.handles import LASTS, opened, sealed
from portal.doubts.heeding import ids_of
from portal.doubts.tables import ABOUT, CLOSINGS, DOUBTS
from portal.errors import PortalError, RequestError
from portal.federation import Agency, AlertSettings
from portal.model import Practitioner
from portal.outcomes import Outcome
from portal.sealing import Sealer, unseal
from portal.storage import Database, StorageUnavailable
from portal.tokens import NoToken, Tokens
from tests.portal.storage_cases import BOTH, database, fresh, starter

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
SCHOOL, POLICE, NHS = "hillview-school", "northshire-police", "northshire-nhs"
AGENCY_OF = {"hillview-mis": SCHOOL, "police-vpd": POLICE, "nhs-fhir": NHS}
PAIR = ECKey.generate_key("P-256")
SEALER = Sealer(ECKey.import_key(PAIR.as_dict(private=False)))
WORDS = "The record is about her cousin of the same name."
LINK = Match("LINK", (Evidence("birth_date", "The date of birth agrees."),), classes=("given_name:exact", "birth_date:exact"))
POSSIBLE = Match("POSSIBLE", (Evidence("birth_date", "The date of birth agrees."),))
SLIP = Match("POSSIBLE", (Evidence("identifier", "The chi agrees."),), slip=frozenset({"chi"}))


def person(name: str, agency: str, *roles: str) -> Practitioner:
    return Practitioner(issuer="https://id.northshire.example", person=name, agency=agency, roles=roles)


MORAG, EWAN = person("morag", SCHOOL, "named_person"), person("ewan", NHS, "social_worker")
PRIYA, CALLUM = person("priya", POLICE, "privacy_officer"), person("callum", SCHOOL, "privacy_officer")


# What reports do to a find


def found(*ids: str, **changes: Any) -> Finding:
    """Persons accepted as records of one child."""
    return Finding(**({"state": "FOUND", "persons": tuple(Person(id=each) for each in ids), "match": LINK, "vouched": True} | changes))


def offering(*offers: tuple[str, Match], **changes: Any) -> Finding:
    """Persons who may be the child."""
    made = tuple(Offer(Person(id=id), match) for id, match in offers)
    return Finding(**({"state": "AMBIGUOUS", "offers": made, "match": made[0].match} | changes))


def test_a_person_whom_the_asker_has_reported_is_accepted_no_more() -> None:
    seen = heed(found("a", shields=frozenset({"LOCATION"}), orders_known=False, crowded=True), Standing(own=frozenset({"a"})))
    assert (seen.state, seen.persons, seen.match, seen.offers, seen.reported) == ("AMBIGUOUS", (), None, (), True)
    assert (seen.vouched, seen.chosen) == (False, False)
    assert (seen.shields, seen.orders_known, seen.crowded) == (frozenset({"LOCATION"}), False, True), "a report ends no shield"


def test_of_records_taken_for_one_child_none_is_shown_when_one_is_another_childs() -> None:
    seen = heed(found("a", "b"), Standing(own=frozenset({"b"})))
    assert (seen.persons, seen.reported) == ((), True)


def test_to_everybody_else_a_reported_record_is_shown_with_a_warning() -> None:
    seen = heed(found("a"), Standing(others=frozenset({"a"})))
    assert (seen.state, [each.id for each in seen.persons], seen.vouched) == ("FOUND", ["a"], True)
    assert seen.match
    assert seen.match.evidence == (*LINK.evidence, DOUBTED)
    assert (seen.certain, found("a").certain) == (False, True), "a doubted person's numbers are not passed on"
    assert heed(found("a"), Standing(others=frozenset({"b"}))) == found("a")


def test_when_reports_cannot_be_read_all_is_shown_with_a_warning() -> None:
    unreadable = Standing(readable=False)
    seen = heed(found("a"), unreadable)
    assert seen.persons
    assert seen.match
    assert seen.match.evidence[-1] == UNKNOWN
    assert heed(Finding(state="NOTHING_TO_SHOW"), unreadable) == Finding(state="NOTHING_TO_SHOW")


def test_who_was_reported_is_offered_no_more_and_the_rest_still_is() -> None:
    asked = offering(("a", POSSIBLE), ("b", SLIP), ("c", POSSIBLE))
    seen = heed(asked, Standing(own=frozenset({"a"}), others=frozenset({"c"})))
    assert [offer.person.id for offer in seen.offers] == ["b", "c"]
    assert (seen.state, seen.match, seen.slip, seen.reported) == ("AMBIGUOUS", SLIP, frozenset(), False)
    assert seen.offers[1].match.evidence[-1] == DOUBTED
    only_by_number = heed(asked, Standing(own=frozenset({"a", "c"})))
    assert only_by_number.slip == {"chi"}
    nobody = heed(offering(("b", SLIP), slip=frozenset({"chi"})), Standing(own=frozenset({"b"})))
    assert (nobody.offers, nobody.match, nobody.reported) == ((), None, True)
    assert nobody.slip == {"chi"}, "a number still hints at nobody"


def test_what_would_be_found_without_the_home_is_heeded_too() -> None:
    seen = heed(found("a", blind=offering(("a", POSSIBLE), ("b", POSSIBLE))), Standing(own=frozenset({"a"})))
    assert seen.reported
    assert seen.blind
    assert [offer.person.id for offer in seen.blind.offers] == ["b"]
    assert ids_of(found("a", blind=offering(("b", POSSIBLE)))) == {"a", "b"}


_IDS = st.frozensets(st.sampled_from("abcd"))


@given(_IDS, _IDS, st.lists(st.sampled_from("abcd"), unique=True, max_size=3), st.booleans())
def test_nobody_is_added_and_only_the_askers_own_reports_take_away(
    own: frozenset[str], others: frozenset[str], ids: list[str], accepted: bool
) -> None:
    before = (found(*ids) if accepted else offering(*((id, POSSIBLE) for id in ids))) if ids else Finding(state="NOTHING_TO_SHOW")
    after = heed(before, Standing(own=own, others=others))
    assert ids_of(after) <= ids_of(before) - own
    if not own & set(ids):
        assert (after.state, ids_of(after), after.reported) == (before.state, ids_of(before), False)


# Handles


HANDLE = Handle("police-vpd", "01JD8Z0000000000000000000A", (b"m" * 32,), (b"d" * 32,), ("given_name:near",))


def test_a_handle_is_its_holders_for_twelve_hours_and_always_of_one_length() -> None:
    tokens = Tokens(bytes(range(32)))
    token = sealed(HANDLE, tokens, MORAG.key, NOON)
    assert opened(token, tokens, MORAG.key, NOON + LASTS) == HANDLE
    fullest = Handle("s" * 63, HANDLE.access, (b"m" * 32,) * 3, (b"d" * 32,) * 3, ("former_family_name:often-shared",) * 40)
    assert len(sealed(fullest, tokens, MORAG.key, NOON)) == len(token)
    for holder, at in ((EWAN.key, NOON), (MORAG.key, NOON + LASTS + timedelta(seconds=1))):
        with pytest.raises(NoToken):
            opened(token, tokens, holder, at)


# Reporting and closing


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


class Shown:
    """An access as far as handles need it."""

    def __init__(self, id: str = "01JD8Z0000000000000000000A") -> None:
        self.id = id
        self.record = Digests(bytes(32), id).record


class Room:
    """The reports of one federation with their database and alerts, and a clock to turn."""

    def __init__(self, database: Database, state: Path, **changes: Any) -> None:
        self.clock, self.database, self.state = Clock(), database, state
        agencies = {id: Agency(name=id, phone="01632 960000") for id in (SCHOOL, POLICE, NHS)}
        self.alerts = Alerts.open(database, AlertSettings(), agencies, state, self.clock)
        given: dict[str, Any] = {"sealer": SEALER, "officers": ("privacy_officer",), "lasting": Lasting(bytes(range(32)))}
        self.doubts = Doubts(database=database, alerts=self.alerts, agency_of=AGENCY_OF, clock=self.clock, **(given | changes))

    def shows(self, by: Practitioner, *ids: str, source: str = "police-vpd") -> str:
        """The handle with which ``by`` was shown these persons' records."""
        outcome = Outcome(source=source, kind="PoliceEvent", state="ANSWERED", found=True, match=LINK)
        persons, access = {source: tuple(Person(id=each) for each in ids)}, Shown()
        return self.doubts.handles(persons, [outcome], by, access)[source]  # type: ignore[arg-type]

    async def reports(self, by: Practitioner, *ids: str) -> Report:
        return await self.doubts.report(WrongChild(report=self.shows(by, *ids), words=WORDS), by)

    async def closes(self, id: str, by: Practitioner = PRIYA, outcome: Any = "CORRECTED") -> Closed:
        async def nothing(_: Closed) -> None:
            return

        return await self.doubts.close(DoubtClosing(doubt=id, outcome=outcome, words="We looked."), by, nothing)

    async def refused(self, work: Any) -> str:
        with pytest.raises(RequestError) as caught:
            await work
        assert caught.value.refused, "the access log has to say so"
        assert caught.value.hint
        return caught.value.id

    async def standing(self, asker: Practitioner, *ids: str, source: str = "police-vpd") -> Standing:
        return await self.doubts.standing(source, frozenset(ids), asker.key)

    async def told(self) -> list[dict[str, Any]]:
        await self.alerts.deliver_due()
        return [json.loads(line) for line in (self.state / "alerts.jsonl").read_text("utf-8").splitlines()]

    async def count(self, table: Any) -> int:
        async with self.database.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


@pytest.fixture(params=BOTH)
async def room(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Room]:
    async with database(await fresh(request.param, starter(request)), tmp_path, doubting.TABLES, alerting.TABLES) as opened:
        yield Room(opened, tmp_path)


async def test_a_report_hides_from_its_reporter_warns_the_others_and_tells_the_source(room: Room) -> None:
    report = await room.reports(MORAG, "P-17", "P-18")
    assert await room.standing(MORAG, "P-17", "P-18", "P-19") == Standing(own=frozenset({"P-17", "P-18"}))
    assert await room.standing(EWAN, "P-17", "P-19") == Standing(others=frozenset({"P-17"}))
    assert await room.standing(EWAN, "P-17", source="nhs-fhir") == Standing(), "another source's person of the same id"
    assert await room.standing(EWAN, "p-17", "P-1 7") == Standing(), "ids are compared letter for letter"
    (alert,) = await room.told()
    assert {name: alert.get(name) for name in ("kind", "to", "source", "doubt", "access", "by_agency")} == {
        "kind": "wrong-child", "to": POLICE, "source": "police-vpd", "doubt": report.id, "access": "01JD8Z0000000000000000000A",
        "by_agency": SCHOOL,
    }  # fmt: skip
    assert not any(word in json.dumps(alert) for word in ("P-17", "morag", "cousin"))
    assert report.about.evidence == ("given_name:exact", "birth_date:exact")
    digests = Digests(bytes(32), "01JD8Z0000000000000000000A")
    assert {each.hex() for each in report.about.digests} == {digests.record("police-vpd", "Person", id) for id in ("P-17", "P-18")}


async def test_neither_the_person_nor_the_words_stand_in_the_database(room: Room) -> None:
    report = await room.reports(MORAG, "P-17")
    await room.closes(report.id)
    async with room.database.read() as connection:
        rows = [repr(row) for table in (DOUBTS, ABOUT, CLOSINGS) for row in await connection.execute(select(table))]
        (words,) = (await connection.execute(select(DOUBTS.c.words))).scalars()
        (finding,) = (await connection.execute(select(CLOSINGS.c.words))).scalars()
    assert not any(word in row for row in rows for word in ("P-17", "cousin", "looked"))
    assert json.loads(unseal(PAIR.as_dict(private=True), words)) == {"of": report.id, "words": WORDS}
    assert json.loads(unseal(PAIR.as_dict(private=True), finding)) == {"of": f"{report.id}/2", "words": "We looked."}


async def test_a_second_report_of_one_record_by_one_person_adds_nothing(room: Room) -> None:
    handle = room.shows(MORAG, "P-17")
    again = [room.doubts.report(WrongChild(report=handle, words=WORDS), MORAG) for _ in range(4)]
    ended = await asyncio.gather(*again, return_exceptions=True)
    refused = [each.id for each in ended if isinstance(each, RequestError)]
    assert refused == ["CV447"] * 3
    assert await room.refused(room.reports(MORAG, "P-17")) == "CV447"
    assert (await room.count(DOUBTS), await room.count(ABOUT), len(await room.told())) == (1, 1, 1)
    await room.reports(EWAN, "P-17")
    assert await room.count(DOUBTS) == 2, "another person's report is another one"


@pytest.mark.parametrize("handle", ["", "nonsense", "A" * 1076])
async def test_only_what_was_shown_to_oneself_can_be_reported(room: Room, handle: str) -> None:
    assert await room.refused(room.doubts.report(WrongChild(report=handle, words=WORDS), MORAG)) == "CV446"
    mine = room.shows(EWAN, "P-17")
    assert await room.refused(room.doubts.report(WrongChild(report=mine, words=WORDS), MORAG)) == "CV446"
    gone = room.shows(MORAG, "P-17", source="taken-away")
    assert await room.refused(room.doubts.report(WrongChild(report=gone, words=WORDS), MORAG)) == "CV446"
    late = room.shows(MORAG, "P-17")
    room.clock.at += LASTS + timedelta(minutes=1)
    assert await room.refused(room.doubts.report(WrongChild(report=late, words=WORDS), MORAG)) == "CV446"
    assert await room.count(DOUBTS) == 0


@pytest.mark.parametrize("outcome", ["CORRECTED", "SAME_CHILD"])
async def test_the_source_ends_it_for_its_reporter_and_for_all(room: Room, outcome: str) -> None:
    report = await room.reports(MORAG, "P-17")
    closed = await room.closes(report.id, outcome=outcome)
    assert (closed.version, closed.outcome, closed.source) == (2, outcome, "police-vpd")
    assert await room.standing(MORAG, "P-17") == await room.standing(EWAN, "P-17") == Standing()
    assert await room.doubts.open_ones(POLICE) == ()
    assert await room.refused(room.closes(report.id)) == "CV450"
    again = await room.reports(MORAG, "P-17")
    assert again.id != report.id, "shown again, it can be reported again"


async def test_who_could_not_find_out_leaves_it_as_it_is_until_somebody_does(room: Room) -> None:
    report = await room.reports(MORAG, "P-17")
    assert (await room.closes(report.id, outcome="UNCLEAR")).version == 2
    assert (await room.standing(MORAG, "P-17")).own
    (doubt,) = await room.doubts.open_ones(POLICE)
    assert (doubt.id, doubt.unclear) == (report.id, True)
    assert (await room.closes(report.id)).version == 3
    assert await room.doubts.open_ones(POLICE) == ()


async def test_nobody_else_ends_it(room: Room) -> None:
    report = await room.reports(MORAG, "P-17")
    own = await room.reports(PRIYA, "P-18")
    constable, reporter = person("lennox", POLICE, "police_officer"), person("morag", POLICE, "privacy_officer")
    for id, by, refusal in (
        (report.id, CALLUM, "CV448"), (report.id, constable, "CV448"), (report.id, MORAG, "CV448"), ("0" * 16, PRIYA, "CV448"),
        (own.id, PRIYA, "CV449"), (report.id, reporter, "CV449"),
    ):  # fmt: skip
        assert await room.refused(room.closes(id, by)) == refusal
    assert await room.count(CLOSINGS) == 0


async def test_an_officer_sees_the_reports_of_their_own_agency_and_of_nobody(room: Room) -> None:
    report = await room.reports(MORAG, "P-17")
    room.clock.at += timedelta(minutes=5)
    await room.reports(EWAN, "P-18")
    first, second = await room.doubts.open_ones(POLICE)
    assert (first.id, first.source, first.access, first.at) == (report.id, "police-vpd", "01JD8Z0000000000000000000A", NOON)
    assert (first.by_agency, second.by_agency, first.unclear) == (SCHOOL, NHS, False)
    assert "morag" not in repr((first, second))
    assert await room.doubts.open_ones(SCHOOL) == ()
    assert [room.doubts.may_close(each) for each in (PRIYA, CALLUM, MORAG)] == [True, True, False]


async def test_it_is_not_closed_where_the_log_cannot_say_so(room: Room) -> None:
    report = await room.reports(MORAG, "P-17")

    async def closed(_: Closed) -> None:
        raise RuntimeError("the log is closed")

    with pytest.raises(RuntimeError):
        await room.doubts.close(DoubtClosing(doubt=report.id, outcome="CORRECTED", words="We looked."), PRIYA, closed)
    assert await room.count(CLOSINGS) == 0
    assert (await room.standing(MORAG, "P-17")).own


async def test_without_a_key_for_its_words_nothing_is_written(room: Room) -> None:
    bare = Room(room.database, room.state, sealer=None)
    with pytest.raises(PortalError) as caught:
        await bare.reports(MORAG, "P-17")
    assert caught.value.id == "CV739"
    assert await room.count(DOUBTS) == 0


async def test_reports_that_cannot_be_read_leave_nobody_blind(room: Room) -> None:
    await room.reports(MORAG, "P-17")
    async with room.database.begin() as connection:
        await connection.execute(text("alter table doubts_about rename to elsewhere"))
    assert await room.standing(MORAG, "P-17") == Standing(readable=False)
    assert await room.standing(MORAG) == Standing(), "where nobody was found nothing is asked"
    with pytest.raises(StorageUnavailable):
        await room.reports(MORAG, "P-18")


def test_a_view_gives_no_handle_where_nobody_was_accepted(tmp_path: Path) -> None:
    nobody: Any = None
    doubts = Doubts(
        database=nobody, lasting=Lasting(bytes(range(32))), sealer=SEALER, alerts=nobody, officers=(), agency_of=AGENCY_OF, clock=Clock()
    )
    unread = Outcome(source="police-vpd", kind="PoliceEvent", state="AMBIGUOUS", match=POSSIBLE)
    assert doubts.handles({"police-vpd": (Person(id="P-17"),)}, [unread], MORAG, Shown()) == {}  # type: ignore[arg-type]
