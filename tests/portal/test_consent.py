"""The registry keeps what was said about the right child, in versions, and nothing about the child that can be read."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from sqlalchemy import text

from connectors import Identifier, Subject
from connectors.errors import ConfigurationError
from portal.accesslog.pseudonyms import Lasting, Pseudonyms, identifiers_of
from portal.changes import NotShared, Said
from portal.consent import SEALED, TABLES, Registry
from portal.errors import PortalError, RequestError
from portal.model import Entry, Practitioner, Responsibility, Understanding
from portal.sealing import Sealer, unseal
from portal.storage import Database
from tests.portal.storage_cases import BOTH, database, fresh, starter

KEY = bytes(range(32))
LASTING = Lasting(KEY, ("hillview-mis",))
PAIR = ECKey.generate_key("P-256")
SEALER = Sealer(ECKey.import_key(PAIR.as_dict(private=False)))
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
RECORDER = Practitioner(issuer="https://id.northshire.example", person="sub-17", agency="hillview-school", roles=("named_person", "head"))

NHS, CHI, UPN, LOCAL = "nhs_number", "chi", "upn", "hillview-mis"
JO = Subject(
    identifiers=(Identifier(NHS, "999 000 0018"), Identifier(LOCAL, "HV-17")),
    given_name="Jo",
    family_name="Ásh-Ødegård",
    birth_date="2015-03-01",
)
BY_NAME = msgspec.structs.replace(JO, identifiers=())


def numbered(*numbers: tuple[str, str], named: bool = True) -> Subject:
    """Jo under other numbers, or none; with the name and birth date or without."""
    identifiers = tuple(Identifier(system, value) for system, value in numbers)
    return msgspec.structs.replace(JO, identifiers=identifiers) if named else Subject(identifiers=identifiers)


def said(state: str = "given", subject: Subject = JO, **more: Any) -> Said:
    words = {
        "what": "consent",
        "agreement": "ISA-07",
        "clause": 3,
        "party": "YOUNG_PERSON",
        "on": date(2026, 11, 20),
        "evidence": "form 12",
    }
    return Said(subject=subject, state=state, **{**words, **more})  # type: ignore[arg-type]


class Clock:
    """Each look is a second later than the one before."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


def registry(opened: Database, lasting: Lasting = LASTING, sealer: Sealer | None = SEALER) -> Registry:
    return Registry(opened, lasting, sealer, Clock())


async def about(kept: Registry, subject: Subject) -> list[Entry]:
    return list(await kept.concerning(identifiers_of(subject)))


def states(entries: list[Entry]) -> list[tuple[str, int]]:
    return [(entry.state, entry.version) for entry in entries]


@pytest.fixture(params=BOTH)
async def url(request: pytest.FixtureRequest) -> str:
    return await fresh(request.param, starter(request))


@pytest.fixture
async def opened(url: str, tmp_path: Path) -> AsyncIterator[Database]:
    async with database(url, tmp_path, TABLES) as opened:
        yield opened


@pytest.fixture
def kept(opened: Database) -> Registry:
    return registry(opened)


async def rows(opened: Database, table: str) -> list[dict[str, Any]]:
    async with opened.read() as connection:
        return [dict(row._mapping) for row in await connection.execute(text(f"select * from {table}"))]


# What is written down comes back


async def test_what_was_recorded_is_found_as_it_was_recorded(kept: Registry) -> None:
    understanding = Understanding(understands=True, on=date(2026, 11, 19), by="Dr Bell")
    responsibility = Responsibility(rests_on="mother, on the birth certificate", on=date(2026, 11, 18))

    entry = await kept.record(said(understanding=understanding, responsibility=responsibility), RECORDER, "ab" * 32)

    assert entry == Entry(
        id=entry.id, version=1, what="consent", state="given", agreement="ISA-07", clause=3, party="YOUNG_PERSON", at=entry.at, told="ab" * 32,
        understanding=Understanding(understands=True, on=date(2026, 11, 19), by=SEALED),
        responsibility=Responsibility(rests_on=SEALED, on=date(2026, 11, 18)),
    )  # fmt: skip
    assert NOON < entry.at < NOON + timedelta(minutes=1)
    assert re.fullmatch("[0-9A-Z]{26}", entry.id)
    assert await about(kept, JO) == [entry]


async def test_a_finding_that_somebody_does_not_understand_is_kept_apart_from_no_finding(kept: Registry) -> None:
    lack = Understanding(understands=False, on=date(2026, 11, 19), by="Dr Bell")

    found = await kept.record(said(understanding=lack), RECORDER, None)
    none = await kept.record(said(party="MOTHER"), RECORDER, None)

    assert found.understanding is not None
    assert not found.understanding.understands
    assert (none.understanding, none.responsibility, none.told) == (None, None, None)


async def test_a_finding_stands_until_another_is_made_whatever_is_said_meanwhile(kept: Registry) -> None:
    """Else a young person found not to understand would speak for themselves at their next word, and one found to understand no longer."""
    understands = Understanding(understands=True, on=date(2026, 11, 19), by="Dr Bell")
    lacks = Understanding(understands=False, on=date(2026, 11, 21), by="Dr Bell")
    earlier = Understanding(understands=True, on=date(2026, 11, 20), by="Dr Bell")
    found = []

    for finding in (understands, None, lacks, None, earlier):
        entry = await kept.record(said(understanding=finding), RECORDER, None)
        assert entry.understanding is not None
        found.append((entry.understanding.understands, entry.understanding.on.day))

    assert found == [(True, 19), (True, 19), (False, 21), (False, 21), (False, 21)]
    assert await about(kept, JO) == [entry]


async def test_responsibility_is_said_anew_each_time(kept: Registry) -> None:
    """A court order can end it."""
    responsibility = Responsibility(rests_on="the birth certificate", on=date(2026, 11, 18))
    await kept.record(said(party="MOTHER", responsibility=responsibility), RECORDER, None)

    assert (await kept.record(said(party="MOTHER"), RECORDER, None)).responsibility is None


async def test_only_the_newest_version_counts_and_every_version_stays(kept: Registry, opened: Database) -> None:
    for state in ("given", "withdrawn", "refused", "given"):
        await kept.record(said(state), RECORDER, None)

    assert states(await about(kept, JO)) == [("given", 4)]
    assert [row["state"] for row in await rows(opened, "said order by version")] == ["given", "withdrawn", "refused", "given"]


async def test_each_party_matter_and_clause_has_a_chain_of_its_own(kept: Registry) -> None:
    first = said()
    others = [{"party": "MOTHER"}, {"party": "FATHER"}, {"clause": 4}, {"clause": None}, {"agreement": "ISA-08"}, {"what": "objection"}]
    for each in (first, *(msgspec.structs.replace(first, **other) for other in others)):
        await kept.record(each, RECORDER, None)

    assert [entry.version for entry in await about(kept, JO)] == [1] * 7


async def test_what_was_recorded_is_there_when_the_portal_starts_again(url: str, tmp_path: Path) -> None:
    async with database(url, tmp_path, TABLES) as first:
        entry = await registry(first).record(said(), RECORDER, None)

    async with database(url, tmp_path, TABLES) as again:
        assert await about(registry(again), JO) == [entry]


async def test_any_identifier_finds_and_spelling_does_not_matter(kept: Registry) -> None:
    entry = await kept.record(said(), RECORDER, None)
    renamed = msgspec.structs.replace(BY_NAME, given_name="JO", family_name="ash ødegård")

    for subject in (numbered((NHS, "9990000018"), named=False), numbered((LOCAL, "hv-17"), named=False), BY_NAME, renamed):
        assert await about(kept, subject) == [entry], subject


async def test_nobody_elses_entries_are_given_to_a_child_nothing_was_said_about(kept: Registry) -> None:
    await kept.record(said(), RECORDER, None)

    assert await kept.concerning(()) == ()
    assert await about(kept, numbered((NHS, "9990000026"), named=False)) == []
    assert await about(kept, msgspec.structs.replace(BY_NAME, given_name="Ali")) == []


async def test_identifiers_learnt_by_recording_find_the_chain_from_then_on(kept: Registry) -> None:
    await kept.record(said(subject=numbered((NHS, "9990000018"), named=False)), RECORDER, None)
    upn = numbered((UPN, "A801200001001"), named=False)
    assert await about(kept, upn) == []

    await kept.record(said("withdrawn", numbered((NHS, "9990000018"), (UPN, "A801200001001"), named=False)), RECORDER, None)

    assert states(await about(kept, upn)) == [("withdrawn", 2)]


async def test_a_thousand_identifiers_find_what_one_of_them_leads_to(kept: Registry) -> None:
    """A source may know somebody under any number of numbers; none may be passed over."""
    entry = await kept.record(said(subject=numbered((NHS, "9990000018"), named=False)), RECORDER, None)
    many = [Identifier(LOCAL, f"HV-{number}") for number in range(1200)]

    for at in (0, 600, 1200):
        assert await kept.concerning([*many[:at], Identifier(NHS, "9990000018"), *many[at:]]) == (entry,)


# Withdrawing


@pytest.mark.parametrize("what", ["consent", "objection"])
async def test_what_was_never_recorded_can_be_withdrawn_too(kept: Registry, what: str) -> None:
    """To refuse it would tell whether something was recorded."""
    await kept.record(said(party="FATHER", what=what), RECORDER, None)

    entry = await kept.record(said("withdrawn", what=what), RECORDER, None)

    assert (entry.state, entry.version) == ("withdrawn", 1)
    assert entry in await about(kept, JO)


@pytest.mark.parametrize(("given_for", "withdrawn_for"), [(None, 3), (3, None)])
async def test_a_part_of_what_was_consented_to_can_be_withdrawn_and_so_can_all(
    kept: Registry, given_for: int | None, withdrawn_for: int | None
) -> None:
    await kept.record(said(clause=given_for), RECORDER, None)
    await kept.record(said("withdrawn", clause=withdrawn_for), RECORDER, None)

    assert [(entry.clause, entry.state) for entry in await about(kept, JO)] == [(given_for, "given"), (withdrawn_for, "withdrawn")]


async def test_what_is_withdrawn_from_one_clause_stands_for_another(kept: Registry) -> None:
    await kept.record(said(clause=4), RECORDER, None)
    await kept.record(said("withdrawn", clause=3), RECORDER, None)

    assert [(entry.clause, entry.state) for entry in await about(kept, JO)] == [(4, "given"), (3, "withdrawn")]


async def test_a_clock_set_back_puts_no_word_before_an_earlier_one(opened: Database) -> None:
    """Else a consent to the whole would seem to be said after the withdrawal from a part."""
    clock = Clock()
    kept = Registry(opened, LASTING, SEALER, clock)
    given = await kept.record(said(clause=None), RECORDER, None)
    clock.at -= timedelta(minutes=10)

    withdrawn = await kept.record(said("withdrawn", clause=3), RECORDER, None)

    assert withdrawn.at >= given.at
    assert sorted(await about(kept, JO), key=lambda entry: entry.state) == [given, withdrawn]


async def test_what_is_to_be_done_first_is_done_before_an_entry_counts(kept: Registry) -> None:
    done: list[tuple[Entry, list[Entry], int]] = []

    async def first(entry: Entry) -> None:
        done.append((entry, await about(kept, JO), kept.revision))

    async def failing(entry: Entry) -> None:
        raise PortalError("CV701", "The log is full.", 503)

    entry = await kept.record(said(), RECORDER, None, first)
    with pytest.raises(PortalError, match="CV701"):
        await kept.record(said(), RECORDER, None, failing)

    assert done == [(entry, [], 0)]
    assert await about(kept, JO) == [entry]
    assert kept.revision == 1


# Twins and namesakes


async def test_a_namesake_with_another_number_has_entries_of_their_own(kept: Registry) -> None:
    namesake = numbered((NHS, "9990000026"))
    await kept.record(said("given"), RECORDER, None)
    await kept.record(said("refused", namesake), RECORDER, None)

    assert states(await about(kept, JO)) == [("given", 1)]
    assert states(await about(kept, namesake)) == [("refused", 1)]
    assert states(await about(kept, BY_NAME)) == [("refused", 1)], "whose the consent is nobody knows"


async def test_by_name_alone_nothing_is_recorded_where_two_children_may_be_meant(kept: Registry) -> None:
    await kept.record(said("given"), RECORDER, None)
    await kept.record(said("given", numbered((NHS, "9990000026"))), RECORDER, None)

    with pytest.raises(RequestError) as raised:
        await kept.record(said("withdrawn", BY_NAME), RECORDER, None)

    assert raised.value.id == "CV437"
    assert states(await about(kept, JO)) == [("given", 1)]
    assert await about(kept, BY_NAME) == []


async def test_by_name_alone_the_one_child_of_that_name_is_meant(kept: Registry) -> None:
    await kept.record(said("given"), RECORDER, None)
    await kept.record(said("withdrawn", BY_NAME), RECORDER, None)

    assert states(await about(kept, JO)) == [("withdrawn", 2)]


async def test_what_was_recorded_by_name_alone_becomes_that_of_the_number_given_later(kept: Registry) -> None:
    await kept.record(said("given", BY_NAME), RECORDER, None)
    await kept.record(said("withdrawn"), RECORDER, None)

    assert states(await about(kept, JO)) == [("withdrawn", 2)]
    assert states(await about(kept, numbered((NHS, "9990000018"), named=False))) == [("withdrawn", 2)]
    assert await about(kept, numbered((NHS, "9990000026"))) == []


async def test_under_other_numbers_the_same_name_only_restricts_and_is_not_written_over(kept: Registry) -> None:
    """They may be namesakes: what one said may hold the other's data back, never opens it, and never becomes the other's word."""
    by_upn, by_nhs = numbered((UPN, "A801200001001")), numbered((NHS, "9990000018"))
    await kept.record(said("given", by_upn), RECORDER, None)
    await kept.record(said("withdrawn", by_nhs), RECORDER, None)

    assert states(await about(kept, by_nhs)) == [("withdrawn", 1)]
    assert states(await about(kept, by_upn)) == [("given", 1), ("withdrawn", 1)]


@pytest.mark.parametrize(
    ("what", "state", "counts"), [("consent", "given", False), ("consent", "refused", True), ("objection", "raised", True)]
)
async def test_what_was_recorded_by_name_alone_opens_nothing_for_a_child_with_a_number(
    kept: Registry, what: str, state: str, counts: bool
) -> None:
    """It may be a namesake's."""
    entry = await kept.record(said(state, BY_NAME, what=what), RECORDER, None)

    assert await about(kept, JO) == ([entry] if counts else [])
    assert await about(kept, BY_NAME) == [entry]


async def test_anothers_withdrawn_objection_does_not_silence_the_one_that_was_raised(kept: Registry) -> None:
    """One number in common and another that differs: somebody mistyped, or it is another child."""
    chi, nhs = (CHI, "0302140905"), (NHS, "9990000018")
    other = numbered((CHI, "0302140875"), nhs, named=False)
    mine = await kept.record(said("raised", numbered(chi, named=False), what="objection"), RECORDER, None)
    await kept.record(said("raised", other, what="objection"), RECORDER, None)
    await kept.record(said("withdrawn", other, what="objection"), RECORDER, None)

    assert await about(kept, numbered(chi, nhs, named=False)) == [mine]
    assert states(await about(kept, other)) == [("withdrawn", 2)]


async def test_by_name_alone_a_namesakes_withdrawn_objection_silences_nobody(kept: Registry) -> None:
    mine = await kept.record(said("raised", what="objection"), RECORDER, None)
    await kept.record(said("withdrawn", numbered((UPN, "A801200001001")), what="objection"), RECORDER, None)

    assert await about(kept, BY_NAME) == [mine]


async def test_two_numbers_of_one_system_join_no_two_children(kept: Registry) -> None:
    one, other = (CHI, "0302140905"), (CHI, "0302140875")
    await kept.record(said("refused", numbered(other, named=False)), RECORDER, None)
    for subject in (numbered(one, other, named=False), numbered(one, other)):
        with pytest.raises(RequestError, match="CV437"):
            await kept.record(said("given", subject), RECORDER, None)

    assert states(await about(kept, numbered(other, named=False))) == [("refused", 1)]
    spelt_twice = numbered((NHS, "9990000018"), (NHS, "999 000 0018"), named=False)
    assert (await kept.record(said("given", spelt_twice), RECORDER, None)).version == 1


async def test_a_number_of_each_of_two_children_joins_them_neither(kept: Registry) -> None:
    """Their other numbers tell that they are two."""
    one, other = numbered((NHS, "9990000018"), (CHI, "0302140905"), named=False), numbered((UPN, "A8"), (CHI, "0302140875"), named=False)
    await kept.record(said("given", one), RECORDER, None)
    await kept.record(said("refused", other), RECORDER, None)

    with pytest.raises(RequestError, match="CV437"):
        await kept.record(said("given", numbered((NHS, "9990000018"), (UPN, "A8"), named=False)), RECORDER, None)

    assert states(await about(kept, other)) == [("refused", 1)]


async def test_a_recording_with_both_numbers_makes_one_chain_of_two(kept: Registry, opened: Database) -> None:
    nhs, upn = (NHS, "9990000018"), (UPN, "A801200001001")
    one = await kept.record(said("given", numbered(nhs, named=False)), RECORDER, None)
    two = await kept.record(said("refused", numbered(upn, (CHI, "0103159990"), named=False)), RECORDER, None)

    both = await kept.record(said("given", numbered(nhs, upn, named=False)), RECORDER, None)

    assert (both.id, both.version) == (one.id, 2)
    for number in (nhs, upn, (CHI, "0103159990")):
        assert await about(kept, numbered(number, named=False)) == [both]
    assert [row["joins"] for row in await rows(opened, "said where joins is not null")] == [f"{two.id}@1"]
    assert len(await rows(opened, "said")) == 3


async def test_half_a_name_is_nobodys(kept: Registry) -> None:
    """Twins share a family name and a birth date."""
    half = {"family_name": "Ash", "birth_date": "2015-03-01"}
    one, other = (
        Subject(identifiers=(Identifier(system, value),), **half) for system, value in ((NHS, "9990000018"), (UPN, "A801200001001"))
    )
    await kept.record(said("given", one), RECORDER, None)

    assert await about(kept, other) == []
    with pytest.raises(RequestError) as raised:
        await kept.record(said("given", Subject(**half)), RECORDER, None)
    assert raised.value.id == "CV438"


@pytest.mark.parametrize(
    ("what", "state", "counts"),
    [("consent", "given", False), ("consent", "refused", True), ("consent", "withdrawn", True), ("objection", "raised", True)],
)
async def test_where_one_number_agrees_and_another_does_not_what_permits_does_not_count(
    kept: Registry, what: str, state: str, counts: bool
) -> None:
    if state == "withdrawn":
        await kept.record(said("given"), RECORDER, None)
    entry = await kept.record(said(state, what=what), RECORDER, None)
    mixed = numbered((NHS, "9990000018"), (LOCAL, "HV-99"), named=False)

    assert await about(kept, mixed) == ([entry] if counts else [])


async def test_numbers_of_systems_nobody_declared_contradict_nothing(kept: Registry) -> None:
    """They all stand under one name, so that two of them may be of two systems."""
    one, other = numbered((NHS, "9990000018"), ("clinic-a", "7")), numbered((NHS, "9990000018"), ("clinic-b", "8"))
    await kept.record(said("given", one), RECORDER, None)

    assert states(await about(kept, other)) == [("given", 1)]
    assert states(await about(kept, numbered(("clinic-a", "7"), named=False))) == [("given", 1)]


# Two at once


async def test_two_who_record_at_once_write_two_versions_of_one_chain(url: str, tmp_path: Path) -> None:
    async with database(url, tmp_path, TABLES) as one, database(url, tmp_path, TABLES) as other:
        through = (registry(one), registry(other))

        entries = await asyncio.gather(
            *(through[at % 2].record(said("given" if at % 3 else "refused"), RECORDER, None) for at in range(12))
        )

        assert len({entry.id for entry in entries}) == 1
        assert sorted(entry.version for entry in entries) == list(range(1, 13))
        (newest,) = await about(through[0], JO)
        assert newest in entries
        assert newest.version == 12


async def test_a_reader_sees_a_recording_whole_or_not_at_all(kept: Registry) -> None:
    """A chain joined to another is gone in the moment in which the other takes over whom it was about."""
    nhs, upn = (NHS, "9990000018"), (UPN, "A801200001001")
    await kept.record(said("refused", numbered(nhs, named=False)), RECORDER, None)
    await kept.record(said("refused", numbered(upn, named=False)), RECORDER, None)
    done = asyncio.Event()
    seen: set[tuple[tuple[str, int], ...]] = set()

    async def looking() -> None:
        while not done.is_set():
            seen.add(tuple(states(await about(kept, numbered(nhs, upn, named=False)))))

    looks = asyncio.create_task(looking())
    await asyncio.sleep(0.05)
    await kept.record(said("refused", numbered(nhs, upn, named=False)), RECORDER, None)
    await asyncio.sleep(0.05)
    done.set()
    await looks

    assert seen == {(("refused", 1), ("refused", 1)), (("refused", 2),)}


WITHDRAWER = """
import asyncio, json, sys
from datetime import UTC, date, datetime
from pathlib import Path
from joserfc.jwk import ECKey
from connectors import Identifier, Subject
from portal.accesslog.pseudonyms import Lasting
from portal.changes import Said
from portal.consent import TABLES, Registry
from portal.model import Practitioner
from portal.sealing import Sealer
from portal.storage import Database

async def main():
    url, state, key = sys.argv[1:]
    opened = await Database.open(url, Path(state), TABLES)
    sealer = Sealer(ECKey.import_key(json.loads(key)))
    registry = Registry(opened, Lasting(bytes(range(32)), ("hillview-mis",)), sealer, lambda: datetime.now(UTC))
    by = Practitioner(issuer="i", person="p", agency="a", roles=())
    subject = Subject(identifiers=(Identifier("nhs_number", "9990000018"),))
    for state in ("given", "withdrawn"):
        await registry.record(
            Said(subject=subject, what="consent", state=state, agreement="ISA-07", clause=3, party="MOTHER", on=date(2026, 11, 20), evidence=""),
            by, None,
        )
    print("withdrawn", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_withdrawal_that_was_confirmed_outlives_the_process(url: str, tmp_path: Path) -> None:
    key = json.dumps(PAIR.as_dict(private=False))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WITHDRAWER, url, str(tmp_path), key, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}
    )
    assert process.stdout is not None
    assert (await process.stdout.readline()).strip() == b"withdrawn"
    process.send_signal(signal.SIGKILL)
    await process.wait()

    async with database(url, tmp_path, TABLES) as again:
        assert states(await about(registry(again), JO)) == [("withdrawn", 2)]


# Nothing about a child can be read


MARKED = Subject(
    identifiers=(Identifier(NHS, "9990000018"), Identifier("Mark-system", "Mark-number")),
    given_name="Markgiven",
    family_name="Markfamily",
    birth_date="2011-11-11",
    former_family_name="Markformer",
    sex="Marksex",
    phones=("Markphone",),
    school="Markschool",
    parents=("Markparent",),
)
MARKS = (
    "9990000018", "2011-11-11", "20111111", "mark-system", "mark-number", "markgiven", "markfamily", "markformer", "marksex", "markphone",
    "markschool", "markparent", "markevidence", "markwords", "markfinder", "markresponsible", "markreason",
)  # fmt: skip


async def test_no_name_number_or_word_stands_in_the_database_and_the_auditors_can_read_the_words(
    kept: Registry, opened: Database, url: str, tmp_path: Path
) -> None:
    understanding = Understanding(understands=True, on=date(2026, 11, 19), by="Markfinder")
    responsibility = Responsibility(rests_on="Markresponsible", on=date(2026, 11, 18))
    more = {"evidence": "Markevidence", "words": "Markwords", "understanding": understanding, "responsibility": responsibility}

    entry = await kept.record(said("given", MARKED, **more), RECORDER, "ab" * 32)
    await kept.record(said("withdrawn", MARKED, **more), RECORDER, None)
    id = await kept.record_not_shared(NotShared(subject=MARKED, to="northshire-police", kinds=("Flag",), words="Markreason"), RECORDER)

    everything = repr([await rows(opened, table) for table in ("said", "about", "not_shared", "registry_key")]).lower().encode()
    if url.startswith("sqlite"):
        everything += b"".join(path.read_bytes().lower() for path in sorted(tmp_path.glob("registry.db*")))
    assert b"northshire-police" in everything
    assert [mark for mark in MARKS if mark.encode() in everything] == []

    private = dict(PAIR.as_dict(private=True))
    sealed = [json.loads(unseal(private, row["sealed"])) for row in await rows(opened, "said order by version")]
    words = {
        "evidence": "Markevidence",
        "words": "Markwords",
        "understanding.by": "Markfinder",
        "responsibility.rests_on": "Markresponsible",
    }
    assert sealed == [{"of": f"{entry.id}@{version}", **words} for version in (1, 2)]
    assert json.loads(unseal(private, (await rows(opened, "not_shared"))[0]["sealed"])) == {"of": id, "words": "Markreason"}


async def test_the_registry_and_the_log_cannot_be_joined_by_their_pseudonyms(kept: Registry, opened: Database) -> None:
    await kept.record(said(), RECORDER, None)
    here = {row["pseudonym"] for row in await rows(opened, "about")}

    for epoch in ("month", "quarter", "year"):
        log = Pseudonyms(KEY, epoch, ("hillview-mis",))  # type: ignore[arg-type]
        for at in (NOON, datetime(1, 1, 1, tzinfo=UTC)):
            assert not here & {log.of(each, at)["pseudonym"] for each in identifiers_of(JO)}
    assert len(here) == 3


async def test_who_recorded_it_stands_beside_it(kept: Registry, opened: Database) -> None:
    await kept.record(said(), RECORDER, None)
    await kept.record_not_shared(NotShared(subject=JO, to="northshire-police", kinds=("Flag", "PoliceEvent"), words="w"), RECORDER)

    for row in (*await rows(opened, "said"), *await rows(opened, "not_shared")):
        assert (row["recorded_by"], row["agency"], row["roles"]) == (RECORDER.key, "hillview-school", "named_person head")
        assert row["recorded_at"].startswith("2026-11-22T12:00:")


async def test_a_decision_not_to_share_is_about_the_child_and_is_no_entry(kept: Registry, opened: Database) -> None:
    id = await kept.record_not_shared(NotShared(subject=JO, to="northshire-police", kinds=("Flag", "PoliceEvent"), words="w"), RECORDER)

    assert await about(kept, JO) == []
    assert {row["chain"] for row in await rows(opened, "about")} == {id}
    assert [(row["to"], row["kinds"]) for row in await rows(opened, "not_shared")] == [("northshire-police", "Flag PoliceEvent")]


async def test_without_the_auditors_key_nothing_is_recorded_and_everything_is_found(opened: Database) -> None:
    entry = await registry(opened).record(said(), RECORDER, None)
    unsealed = registry(opened, sealer=None)

    with pytest.raises(PortalError) as consenting:
        await unsealed.record(said("withdrawn"), RECORDER, None)
    with pytest.raises(PortalError) as deciding:
        await unsealed.record_not_shared(NotShared(subject=JO, to="northshire-police", kinds=(), words="w"), RECORDER)

    assert (consenting.value.id, deciding.value.id) == ("CV739", "CV739")
    assert await about(unsealed, JO) == [entry]


async def test_another_pseudonym_key_is_noticed_before_an_objection_goes_unfound(opened: Database) -> None:
    await registry(opened).check_key()
    await registry(opened).check_key()

    with pytest.raises(ConfigurationError) as raised:
        await registry(opened, Lasting(bytes(32))).check_key()

    assert [each.id for each in raised.value.mistakes] == ["CV815"]
    await registry(opened, Lasting(KEY)).check_key()


# Properties


@asynccontextmanager
async def emptied() -> AsyncIterator[Registry]:
    """A registry nobody has written to."""
    with tempfile.TemporaryDirectory() as folder:
        async with database("sqlite:registry.db", Path(folder), TABLES) as opened:
            yield registry(opened)


def asynchronous(run: Callable[[], Any]) -> None:
    """Each example in a loop of its own: hypothesis calls plain functions."""
    asyncio.run(run())


UNRELATED = [
    said(state, numbered((NHS, number), named=False), party=party)
    for number in ("9990000018", "9990000026", "9990000034")
    for party, state in (("MOTHER", "given"), ("FATHER", "refused"))
]
few = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@few
@given(st.permutations(range(len(UNRELATED))))
def test_the_order_in_which_unrelated_things_are_recorded_does_not_matter(order: list[int]) -> None:
    async def run() -> None:
        async with emptied() as kept:
            for at in order:
                await kept.record(UNRELATED[at], RECORDER, None)
            for each in UNRELATED:
                found = await about(kept, each.subject)
                assert sorted((entry.party, entry.state, entry.version) for entry in found) == [
                    ("FATHER", "refused", 1),
                    ("MOTHER", "given", 1),
                ]

    asynchronous(run)


SYSTEMS = (NHS, CHI, UPN)


@few
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["one", "other"]), st.sets(st.sampled_from(SYSTEMS)), st.booleans(), st.sampled_from(["given", "refused"])
        ),
        max_size=6,
    )
)
def test_a_twins_entries_never_come_back_for_the_other(recorded: list[tuple[str, set[str], bool, str]]) -> None:
    """Twins of one name, as a registrar's slip makes them, each with numbers of their own; both are always recorded with their NHS number."""

    def twin(which: str, systems: set[str], named: bool) -> Subject:
        return numbered(*((system, f"{which}-{system}") for system in sorted(systems | {NHS})), named=named)

    async def run() -> None:
        async with emptied() as kept:
            last: dict[str, list[tuple[str, int]]] = {"one": [], "other": []}
            for which, systems, named, state in recorded:
                entry = await kept.record(said(state, twin(which, systems, named)), RECORDER, None)
                last[which] = [(state, entry.version)]
            for which, newest in last.items():
                assert states(await about(kept, twin(which, set(SYSTEMS), True))) == newest

    asynchronous(run)


def test_every_state_is_known_to_widen_or_to_restrict() -> None:
    """Of these ``given``, and of an objection ``withdrawn``, widens; one that comes into the model later has to be thought of in the registry."""
    (state,) = (field for field in msgspec.structs.fields(Entry) if field.name == "state")

    assert set(state.type.__args__) == {"given", "refused", "withdrawn", "raised"}
