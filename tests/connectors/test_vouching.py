"""Who works with a child: the source says one word, whether the asker does, and the list it is told from goes nowhere."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from connectors import Ask, Connector, Identifier, Person, Record, Subject, provides
from connectors.connector import Shield
from connectors.declarative import Declared, SourceSettings
from connectors.people import join, workers_of
from connectors.release import KindRule
from connectors.source import Finding, Source
from connectors.standard import Standard
from tests.connectors.servers import ask, opened

Declare = Callable[..., Declared]

CHI, OTHER = Identifier("chi", "0302140905"), Identifier("chi", "0302140875")
JO = Subject(identifiers=(CHI,), given_name="Jo", family_name="Ash", birth_date="2014-02-03")
TEAM = ("https://id.example|ewan", "https://id.example|hamida")
EWAN, MORAG = TEAM[0], "https://id.example|morag"


class Office(Connector):
    """A connector somebody wrote by hand: it holds whatever persons and records it is given, and notes what it was asked."""

    vouches = True
    finds_by = frozenset({"chi", "demographics"})

    def __init__(self, *persons: Person, records: tuple[Record, ...] = ()) -> None:
        self.persons, self.records, self.asked = list(persons), records, list[tuple[Person, Ask]]()

    async def find(self, subject: Subject, ask: Ask) -> list[Person]:
        return self.persons

    @provides("Involvement")
    async def involvements(self, person: Person, ask: Ask) -> Any:
        self.asked.append((person, ask))
        for record in self.records:
            yield record


def office(standard: Standard, connector: Connector) -> Source:
    settings = SourceSettings(agency="northshire-social-work", reads="office", url="x", contact="Desk, 01632 960300")
    return Source(Declared("office", settings, connector), standard, police=False)


def child(workers: Any = TEAM, number: Identifier = CHI, given: str = "Jo", shield: Shield | None = None) -> Person:
    return Person(
        id="7", given_name=given, family_name="Ash", birth_date="2014-02-03", identifiers=(number,), workers=workers, shield=shield
    )


async def found(standard: Standard, *persons: Person, asker: str = EWAN, subject: Subject = JO, vouches: bool = True) -> Finding:
    connector = Office(*persons)
    connector.vouches = vouches
    return await office(standard, connector).find(subject, ask(), asker)


#: The persons a source finds, who asks, whether the source says that it vouches, what state the find has, and whether the asker is vouched for.
CASES: dict[str, tuple[tuple[Person, ...], str, bool, str, bool]] = {
    "on the child's list": ((child(),), EWAN, True, "FOUND", True),
    "not on it": ((child(),), MORAG, True, "FOUND", False),
    "the list is empty": ((child(()),), EWAN, True, "FOUND", False),
    "the same person of another issuer": ((child(),), "https://other.example|ewan", True, "FOUND", False),
    "a part of a name": ((child(),), "https://id.example|ewa", True, "FOUND", False),
    "a source that does not say that it vouches": ((child(),), EWAN, False, "FOUND", False),
    "a text in place of a list": ((child(f"{EWAN},{MORAG}"),), EWAN, True, "FOUND", False),
    "a text that is the asker": ((child(EWAN),), EWAN, True, "FOUND", False),
    "nothing in place of a list": ((child(None),), EWAN, True, "FOUND", False),
    "on the list of somebody like the child": ((child(number=OTHER, given="Joanna"),), EWAN, True, "AMBIGUOUS", False),
    "on the list of one of two": ((child(), child(number=OTHER)), EWAN, True, "FOUND", True),
    "on the list of a child who is hidden from the asker": ((child(shield="IDENTITY"),), EWAN, True, "NOTHING_TO_SHOW", False),
    "on the list of a child whose place is not told": ((child(shield="LOCATION"),), EWAN, True, "FOUND", True),
    "nobody is found": ((), EWAN, True, "NOTHING_TO_SHOW", False),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
async def test_a_source_vouches_for_whom_the_accepted_childs_list_names(case: str, standard: Standard) -> None:
    persons, asker, vouches, state, vouched = CASES[case]

    finding = await found(standard, *persons, asker=asker, vouches=vouches)

    assert (finding.state, finding.vouched) == (state, vouched)


async def test_too_many_vouch_for_nobody(standard: Standard) -> None:
    many = [msgspec.structs.replace(child(number=OTHER), id=str(place)) for place in range(51)]

    finding = await found(standard, *many)

    assert (finding.state, finding.vouched) == ("TOO_MANY", False)


async def test_the_list_itself_is_taken_off_the_finding_and_off_what_is_asked_next(standard: Standard) -> None:
    connector = Office(child())
    source = office(standard, connector)
    finding = await source.find(JO, ask(), MORAG)
    assert finding.persons
    fields = frozenset({"serviceType"})

    await source.fetch(
        finding.persons, "Involvement", KindRule(wanted=fields, permitted=fields, ceiling="T1", existence="T1"), ask(), True, NOW
    )

    assert "ewan" not in repr(finding)
    assert [person.workers for person, _ in connector.asked] == [()]


NOW = datetime(2026, 11, 22, tzinfo=UTC)
EVERYTHING = frozenset({"serviceType", "occurredOn"})
RULE = KindRule(wanted=EVERYTHING, permitted=EVERYTHING, ceiling="T1", existence="T1")


@pytest.mark.parametrize(
    ("asked", "window", "told"),
    [
        (None, None, None),
        (None, date(2025, 1, 1), date(2025, 1, 1)),
        (date(2024, 1, 1), date(2025, 1, 1), date(2025, 1, 1)),
        (date(2026, 1, 1), date(2025, 1, 1), date(2026, 1, 1)),
        (date(2026, 1, 1), None, date(2026, 1, 1)),
    ],
)
async def test_a_source_is_told_the_window_of_the_clause(
    asked: date | None, window: date | None, told: date | None, standard: Standard
) -> None:
    connector = Office(child())

    await office(standard, connector).fetch(
        (child(),), "Involvement", msgspec.structs.replace(RULE, since=window), ask(since=asked), True, NOW
    )

    assert [each.since for _, each in connector.asked] == [told]


async def test_a_source_that_gives_older_records_all_the_same_has_them_withheld_and_uncounted(standard: Standard) -> None:
    """A bad old record cannot be told from none, and none of the old ones takes the place of a new one."""
    old = tuple(Record(f"o{place}", {"occurredOn": "2024-12-31", "serviceType": 5}) for place in range(9))
    connector = Office(child(), records=(*old, Record("new", {"occurredOn": "2025-01-01", "serviceType": "SCHOOL"})))
    window = msgspec.structs.replace(RULE, since=date(2025, 1, 1))

    answer = await office(standard, connector).fetch((child(),), "Involvement", window, ask(limit=1), True, NOW)

    assert [record.id for record in answer.records] == ["new"]  # type: ignore[attr-defined]
    assert (answer.set_aside, answer.cut, answer.reasons) == (0, False, ("history",))


# Source files

TEXT = """
source = {{ agency = "social-work", reads = "sql", url = "sqlite:///{file}", contact = "desk" }}
find.chi = {{ query = "select * from client where chi = :chi" }}
find.demographics = {{ query = "select * from client where born = :birth_date" }}
person = {{ id = "id", given_name = "given", family_name = "family", birth_date = "born", workers = "team", identifiers = {{ chi = "chi" }} }}
"""


@pytest.fixture
def clients(tmp_path: Path, source: Declare) -> Callable[..., Declared]:
    """A case system whose clients have these lists of workers, as text."""

    def make(*teams: str | None) -> Declared:
        with sqlite3.connect(tmp_path / "clients.db") as database:
            database.execute("create table client (id text, chi text, given text, family text, born text, team text)")
            rows = [(f"c{place}", CHI.value, team) for place, team in enumerate(teams)]
            database.executemany("insert into client values (?, ?, 'Jo', 'Ash', '2014-02-03', ?)", rows)
        return source(TEXT.format(file=tmp_path / "clients.db"))

    return make


async def test_a_declared_source_vouches_by_the_column_it_names(clients: Callable[..., Declared], standard: Standard) -> None:
    source = Source(clients(json.dumps(TEAM)), standard, police=False)
    try:
        assert source.vouches
        assert [(await source.find(JO, ask(), who)).vouched for who in (EWAN, MORAG)] == [True, False]
    finally:
        await source.close()


LISTS: dict[str, tuple[Any, tuple[str, ...], bool]] = {
    "a list": (list(TEAM), TEAM, True),
    "a text that is one": (json.dumps(TEAM), TEAM, True),
    "nothing": (None, (), True),
    "an empty list": ("[]", (), True),
    "a name": (EWAN, (), False),
    "names with commas": (",".join(TEAM), (), False),
    "an object": ({"worker": EWAN}, (), False),
    "a list of objects": ([{"worker": EWAN}], (), False),
    "a list with a number": (json.dumps([EWAN, 7]), (), False),
    "a broken list": (f'["{EWAN}"', (), False),
    "a number": (7, (), False),
}  # fmt: skip


@pytest.mark.parametrize("case", LISTS)
def test_a_list_that_cannot_be_read_vouches_for_nobody_and_operators_are_told_without_it(case: str) -> None:
    value, workers, readable = LISTS[case]
    with capture_logs() as lines:
        assert workers_of("office", value) == workers

    assert [line["event"] for line in lines] == ([] if readable else ["workers not understood"])
    assert "ewan" not in repr(lines)


async def test_of_two_rows_of_one_child_only_those_work_with_it_whom_both_name(clients: Callable[..., Declared]) -> None:
    """A list that one row has and another has not is a list somebody ought to look at; until then it opens nothing."""
    async with opened(clients(None)) as connector:
        (person,) = await connector.find(JO, ask())
    assert person.workers == ()

    def rows(*teams: tuple[str, ...]) -> list[tuple[str, ...]]:
        return [person.workers for person in join([child(team) for team in teams])]

    assert rows(TEAM, TEAM[:1]) == [TEAM[:1]]
    assert rows(TEAM[:1], TEAM) == [TEAM[:1]]
    assert rows(TEAM, ()) == [()]
    assert rows(TEAM, TEAM, TEAM) == [TEAM]


async def test_one_row_that_two_finds_meet_keeps_its_list(clients: Callable[..., Declared]) -> None:
    async with opened(clients(json.dumps(TEAM))) as connector:
        persons = await connector.find(JO, ask())
        assert connector.provided() == {}

    assert [person.workers for person in persons] == [TEAM]


async def test_a_number_that_looks_wrong_is_told_by_its_kind_without_the_child(standard: Standard) -> None:
    wrong = (CHI, Identifier("nhs_number", "9990000019"), Identifier("ash jo", ""))
    with capture_logs() as told:
        await found(standard, msgspec.structs.replace(child(), identifiers=wrong), subject=JO)

    (report,) = [each for each in told if each["event"] == "number looks wrong"]
    assert report["why"] == ["invalid-nhs_number"]
    assert not [value for value in (CHI.value, "9990000019", "Ash", "Jo", "2014") if value in repr(report)]
