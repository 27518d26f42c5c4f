"""A school that can be searched by CHI number alone, and a health service that knows the number. Nobody types it. Over HTTP."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from connectors import Ask, Connector, Identifier, Person, Record, Subject, provides
from connectors.connector import Shield
from connectors.declarative import Declared
from portal import logcheck
from portal.demo import FEDERATION, RunningDemo
from portal.demo.sign import sign_all
from portal.federation import Federation, load_federation
from portal.outcomes import SAYS
from tests.journeys.northshire import PURPOSE, Answered, Northshire, serving, standard
from tests.journeys.saying import OBJECTION, said
from tests.journeys.test_wrong_child import report

HEALTH, SCHOOL, SOCIAL_WORK = "northshire-nhs", "hillview-mis", "northshire-social-work"
CHI, NHS_NUMBER, ANOTHERS = "0103150005", "9990000018", "0103150013"
BORN = "2015-03-01"
TYPED = {"givenName": "Ezelda", "familyName": "Quillfeather", "birthDate": BORN}
#: Seconds that a source may take here.
DEADLINE = 1.0

ASKING = """query Later($subject: SubjectInput!, $purpose: ID!, $chosen: [ID!]) {
  child(subject: $subject, purpose: $purpose, chosen: $chosen) {
    everySourceAnswered
    sources { source state words kinds { kind state reason clause nearest } match { band report } }
    candidates { token source shown }
    %s { records { id } missing { source state words } } healthContacts { records { id } missing { source state words } }
    receipt { access }
  }
}"""
ATTENDANCE, CONCERNS = ASKING % "attendance", ASKING % "wellbeingConcerns"
BOTH = CONCERNS.replace("receipt {", "attendance { records { id } } receipt {")

HEADER = """# Numbers that systems find children by

```toml
id = "ISA-20"
version = 1
standard = "1.1"
title = "Numbers that systems find children by"
partners = ["northshire-nhs", "hillview-school", "northshire-social-work"]
coordinator = "hillview-school"
starts = 2026-01-01
review_by = 2099-01-01
dpia = "DPIA-2026-20"
benefit = "A child is found where only a number finds them."
measure = "Children found so, each term."
```
"""
CLAUSES = {
    "Identifier": ("northshire-nhs", "hillview-school", "named_person", '{ fields = ["system", "value"], ceiling = "T2" }', ""),
    "HealthContact": ("northshire-nhs", "northshire-social-work", "social_worker", '{ fields = "all", ceiling = "T3" }', ""),
    "Attendance": ("hillview-school", "northshire-social-work", "social_worker", '{ fields = "all", ceiling = "T3" }', ""),
    "WellbeingConcern": (
        "hillview-school", "northshire-social-work", "social_worker", '{ fields = "all", ceiling = "T3" }', 'objection = "counts"',
    ),
}  # fmt: skip


def clause(number: int, kind: str) -> str:
    from_, to, role, fields, conditions = CLAUSES[kind]
    return f"""
## {number}. {kind}
To protect a child from harm, one shows the other what it needs.

```toml
from = ["{from_}"]
to = ["{to}"]
roles = ["{role}"]
purposes = ["{PURPOSE}"]
kinds.{kind} = {fields}
basis = {{ article6 = "e", article9 = "g", power = "Children (Scotland) Act 1995 s.21" }}
conditions = {{ {conditions} }}
```
"""


def agreed(folder: Path, *kinds: str) -> Path:
    """A federation in which nothing is agreed but these, signed by every partner."""
    shutil.copytree(FEDERATION, folder)
    for path in (folder / "agreements").iterdir():
        path.unlink()
    text = HEADER + "".join(clause(number, kind) for number, kind in enumerate(kinds, 1))
    (folder / "agreements" / "isa-20.md").write_text(text, "utf-8")
    sign_all(folder)
    return folder


class Kept(Connector):
    """An agency's system that holds whom a test puts into it, and remembers how it was asked."""

    finds_by = frozenset({"demographics", "nhs_number", "chi"})

    def __init__(self) -> None:
        self.persons: list[Person] = []
        self.asked: list[Subject] = []
        self.fetched: list[str] = []
        self.takes, self.silent = 0.0, False

    async def find(self, subject: Subject, ask: Ask) -> list[Person]:
        self.asked.append(subject)
        await asyncio.sleep(self.takes)
        return self.persons


class Healthy(Kept):
    @provides("HealthContact")
    async def contacts(self, person: Person, ask: Ask) -> AsyncIterator[Record]:
        self.fetched.append(person.id)
        if not self.silent:
            yield Record("contact", {"occurredOn": "2026-10-01", "contactType": "HOME_VISIT", "attendance": "ATTENDED"})


class ByNumber(Kept):
    """Only a CHI number finds anybody here: whoever has it, or whoever a test says is found by any number."""

    finds_by = frozenset({"chi"})

    @provides("Attendance")
    async def attendance(self, person: Person, ask: Ask) -> AsyncIterator[Record]:
        self.fetched.append(person.id)
        yield Record("days", {"periodStart": "2026-08-18", "periodEnd": "2026-10-09", "possibleOpenings": 70, "attendedOpenings": 40})

    @provides("WellbeingConcern")
    async def concerns(self, person: Person, ask: Ask) -> AsyncIterator[Record]:
        self.fetched.append(person.id)
        if not self.silent:
            yield Record("concern", {"occurredOn": "2026-10-01", "category": "NEGLECT", "thirdPartyChecked": True})


def someone(id: str, chi: str | None = CHI, **changed: Any) -> Person:
    numbers = (Identifier("chi", chi),) if chi else ()
    named = {"given_name": "Ezelda", "family_name": "Quillfeather", "birth_date": BORN, "identifiers": numbers}
    return Person(id=id, **{**named, **changed})


PATIENT = someone("patient-1", identifiers=(Identifier("nhs_number", NHS_NUMBER), Identifier("chi", CHI)))


@dataclass
class Later:
    """A portal over systems of a test's own, one of which can be searched by CHI number alone."""

    northshire: Northshire
    health: Healthy
    school: ByNumber
    social_work: Kept

    async def ask(self, typed: Any = None, query: str = ATTENDANCE, *chosen: str) -> Answered:
        return await self.northshire.ask("ewan", typed or TYPED, query=query, chosen=list(chosen) or None)

    def conclusion(self) -> dict[str, Any]:
        return [event for event in self.northshire.events() if event["type"] == "conclusion"][-1]

    def reason(self, source: str = SCHOOL, kind: str = "Attendance") -> str | None:
        (outcome,) = [each for each in self.conclusion()["outcomes"] if (each["source"], each["kind"]) == (source, kind)]
        return outcome.get("reason")  # type: ignore[no-any-return]

    def nobody(self) -> None:
        for kept in (self.health, self.school, self.social_work):
            kept.__init__()  # type: ignore[misc]

    async def unknown(self, typed: Any = None, query: str = ATTENDANCE) -> Any:
        """The view of a child nobody knows."""
        self.nobody()
        return seen(await self.ask(typed, query))


def connected(federation: Federation, held: dict[str, Kept]) -> Federation:
    declared = {}
    for id, each in federation.declared.items():
        settings = msgspec.structs.replace(each.settings, deadline=DEADLINE)
        declared[id] = Declared(id, settings, held.get(id) or Kept())
    return msgspec.structs.replace(federation, declared=declared)


@pytest_asyncio.fixture(scope="module")
async def portal(demo: RunningDemo, tmp_path_factory: Any) -> AsyncIterator[Later]:
    async with _portal(demo, tmp_path_factory.mktemp("later"), *CLAUSES) as later:
        yield later


class _portal:
    """A portal under these clauses."""

    def __init__(self, demo: RunningDemo, folder: Path, *kinds: str, guards: tuple[str, ...] = (SOCIAL_WORK, HEALTH)) -> None:
        self.later = (Healthy(), ByNumber(), Kept())
        held = dict(zip((HEALTH, SCHOOL, SOCIAL_WORK), self.later, strict=True))
        federation = connected(load_federation(agreed(folder / "federation", *kinds), standard()), held)
        settings = msgspec.structs.replace(federation.settings, shield_sources=guards)
        federation = msgspec.structs.replace(federation, settings=settings)
        self._serving = serving(demo, folder / "state", federation)

    async def __aenter__(self) -> Later:
        return Later(await self._serving.__aenter__(), *self.later)

    async def __aexit__(self, *how: Any) -> None:
        await self._serving.__aexit__(*how)


@pytest.fixture
def later(portal: Later) -> Iterator[Later]:
    """The portal with nobody known anywhere."""
    portal.nobody()
    yield portal
    portal.nobody()


def seen(answered: Answered) -> Any:
    return {name: value for name, value in answered.view.items() if name != "receipt"}


def states(answered: Answered) -> tuple[str, str]:
    """How the two ended. Where a place is kept the school is named no more than any other."""
    state = {kind: state for (_, kind), state in answered.kinds.items()}
    return state["HealthContact"], state["Attendance"]


async def test_a_child_is_found_by_a_number_that_nobody_typed_and_no_other_number_is_passed_on(later: Later) -> None:
    later.health.persons, later.school.persons = [PATIENT], [someone("pupil-1")]
    answered = await later.ask()
    assert states(answered) == ("ANSWERED", "ANSWERED")
    (asked,) = later.school.asked
    assert asked.identifiers == (Identifier("chi", CHI),), "the number it can be searched by, and not the NHS number"
    assert [each["id"] for each in answered.view["attendance"]["records"]] == ["days"]


async def test_the_log_says_who_passed_which_kind_of_number_to_whom_and_no_number(later: Later) -> None:
    later.health.persons, later.school.persons = [PATIENT], [someone("pupil-1")]
    await later.ask()
    assert later.conclusion()["passed"] == [{"to": SCHOOL, "from": [HEALTH], "systems": ["chi"]}]
    later.nobody()
    await later.ask()
    assert "passed" not in later.conclusion()
    files = b"".join(path.read_bytes() for path in sorted(later.northshire.state.rglob("*")) if path.is_file())
    with closing(sqlite3.connect(f"file:{later.northshire.database}?mode=ro", uri=True)) as connection:
        files += b"".join(body for (body,) in connection.execute("select body from events"))
    assert not [secret for secret in (CHI, NHS_NUMBER, "uillfeather", "patient-1", "pupil-1") if secret.encode() in files]
    assert logcheck.check(later.northshire.database).problems == []


async def test_what_was_passed_on_is_written_down_also_of_a_question_that_was_broken_off(later: Later) -> None:
    later.health.persons, later.school.persons, later.school.takes = [PATIENT], [someone("pupil-1")], 0.8
    body, token = {"query": ATTENDANCE, "variables": {"subject": TYPED, "purpose": PURPOSE}}, later.northshire.demo.token("ewan")
    with pytest.raises(TimeoutError):
        await later.northshire.post(body, token=token, timeout=0.5)
    await asyncio.sleep(1)
    ended = later.conclusion()
    assert (ended["ended"], ended["passed"]) == ("client-left", [{"to": SCHOOL, "from": [HEALTH], "systems": ["chi"]}])


async def test_without_a_clause_for_the_number_the_source_is_never_asked(demo: RunningDemo, tmp_path: Path) -> None:
    async with _portal(demo, tmp_path, "HealthContact", "Attendance", "WellbeingConcern") as later:
        later.health.persons, later.school.persons = [PATIENT], [someone("pupil-1")]
        answered = await later.ask()
        assert states(answered) == ("ANSWERED", "NOT_ASKED")
        words = next(each["words"] for each in answered.view["sources"] if each["source"] == SCHOOL)
        assert words == SAYS["NOT_ASKED"].format(name="Hillview School")
        assert (later.school.asked, "passed" in later.conclusion()) == ([], False)


@pytest.mark.parametrize(
    ("persons", "typed"),
    [
        ([PATIENT, someone("patient-2", ANOTHERS, given_name="Edwina")], TYPED | {"givenName": "E"}),
        ([PATIENT], TYPED | {"birthDate": "2015-03-02"}),
        ([someone("patient-1"), someone("patient-1b", ANOTHERS)], TYPED),
        ([someone("patient-1", "0103150006")], TYPED),
        ([someone("patient-1", "0203150003")], TYPED),
        ([someone("patient-1", None)], TYPED),
    ],
    ids=["two-who-may-be-it", "one-who-may-be-it", "two-numbers-of-one-child", "no-number-at-all", "of-another-birth-date", "none"],
)
async def test_a_number_of_which_nobody_is_certain_is_not_passed_on(later: Later, persons: list[Person], typed: Any) -> None:
    later.health.persons, later.school.persons = persons, [someone("pupil-1")]
    answered = await later.ask(typed)
    assert (answered.kinds[SCHOOL, "Attendance"], later.school.asked) == ("NOT_ASKED", [])


async def test_the_number_of_somebody_who_was_chosen_is_not_passed_on(later: Later) -> None:
    later.health.persons, later.school.persons = [PATIENT, someone("patient-2", ANOTHERS, given_name="Edwina")], [someone("pupil-1")]
    typed = TYPED | {"givenName": "E"}
    offered = await later.ask(typed)
    chosen = await later.ask(typed, ATTENDANCE, offered.view["candidates"][0]["token"])
    assert (states(chosen), later.school.asked) == (("ANSWERED", "NOT_ASKED"), [])


async def test_two_sources_with_two_numbers_pass_on_neither(later: Later) -> None:
    later.health.persons, later.social_work.persons = [PATIENT], [someone("client-1", ANOTHERS)]
    later.school.persons = [someone("pupil-1")]
    assert (states(await later.ask()), later.school.asked) == (("ANSWERED", "NOT_ASKED"), [])


# Whoever is found is put beside what was typed


@pytest.mark.parametrize(
    "planted",
    [
        someone("pupil-2", given_name="Murdo", family_name="Sprott", birth_date="2011-07-30"),
        someone("pupil-2", given_name="Murdo"),
        someone("pupil-2", given_name=None),
    ],
    ids=["a-stranger", "a-brother", "one-whom-the-number-alone-would-make-certain"],
)
async def test_another_child_under_the_number_is_not_linked(later: Later, planted: Person) -> None:
    later.health.persons, later.school.persons = [PATIENT], [planted]
    answered = await later.ask()
    assert len(later.school.asked) == 1
    assert later.school.fetched == []
    assert answered.view["attendance"]["records"] == []
    assert answered.kinds[SCHOOL, "Attendance"] in ("NOT_ASKED", "AMBIGUOUS")


async def test_a_child_found_there_with_nothing_to_show_reads_as_one_whose_number_nobody_knew(later: Later) -> None:
    """Else it would tell that the health service, which shows nothing, knows the child."""
    later.health.persons, later.health.silent, later.school.persons = [PATIENT], True, []
    known = seen(await later.ask())
    assert (len(later.school.asked), later.reason()) == (1, "nothing-to-show")
    assert known == await later.unknown()


# Who must not be told from a child nobody knows


@pytest.mark.parametrize("shield", ["IDENTITY"])
@pytest.mark.parametrize("where", [HEALTH, SCHOOL, SOCIAL_WORK])
async def test_a_hidden_child_reads_as_one_nobody_knows(later: Later, where: str, shield: Shield) -> None:
    held = {HEALTH: PATIENT, SCHOOL: someone("pupil-1"), SOCIAL_WORK: someone("client-1")}
    held[where] = msgspec.structs.replace(held[where], shield=shield)
    later.health.persons, later.school.persons, later.social_work.persons = [held[HEALTH]], [held[SCHOOL]], [held[SOCIAL_WORK]]
    hidden = seen(await later.ask())
    assert (len(later.school.asked), later.school.fetched) == (1 if where == SCHOOL else 0, [])
    assert hidden == await later.unknown()


async def test_a_child_hidden_there_under_another_name_is_known_by_the_number(later: Later) -> None:
    later.health.persons = [PATIENT]
    later.school.persons = [someone("pupil-1", given_name="Una", family_name="Sprott", shield="IDENTITY")]
    hidden = seen(await later.ask())
    assert later.school.fetched == []
    assert hidden == await later.unknown()


async def test_a_shield_source_that_is_silent_keeps_every_number_where_it_is(later: Later) -> None:
    later.health.persons, later.school.persons, later.social_work.takes = [PATIENT], [someone("pupil-1")], 5.0
    answered = await later.ask()
    assert (states(answered), later.school.asked) == (("ANSWERED", "NOT_ASKED"), [])


async def test_a_child_who_objects_reads_as_one_nobody_knows_and_the_source_is_not_asked(later: Later) -> None:
    objecting = {"givenName": "Isla", "familyName": "Thistledown", "birthDate": "2015-05-09"}
    await said(later.northshire, "ewan", objecting, "RAISED", party="MOTHER", agreement="ISA-20", clause=4, query=OBJECTION)
    named = {"given_name": "Isla", "family_name": "Thistledown", "birth_date": "2015-05-09"}
    number = (Identifier("chi", "0905150007"),)
    later.health.persons, later.health.silent = [someone("patient-3", **named, identifiers=number)], True
    later.school.persons = [someone("pupil-3", **named, identifiers=number)]
    view = seen(await later.ask(objecting, CONCERNS))
    assert (later.school.asked, later.reason(kind="WellbeingConcern")) == ([], "objection")
    assert view == await later.unknown(query=CONCERNS)


async def test_an_objection_under_the_number_itself_counts_before_it_goes(demo: RunningDemo, tmp_path: Path) -> None:
    """It is recorded by number alone, and who knows the number answers after everything else was decided."""
    async with _portal(demo, tmp_path, *CLAUSES, guards=(SOCIAL_WORK,)) as later:
        by_number = {"identifiers": [{"system": "chi", "value": CHI}], "birthDate": BORN}
        later.health.persons, later.health.takes, later.school.persons = [PATIENT], 0.2, [someone("pupil-1")]
        await later.ask(query=CONCERNS)
        assert len(later.school.asked) == 1
        later.school.asked = []
        await said(later.northshire, "ewan", by_number, "RAISED", party="MOTHER", agreement="ISA-20", clause=4, query=OBJECTION)
        await later.ask(query=CONCERNS)
        assert (later.school.asked, later.reason(kind="WellbeingConcern")) == ([], "objection")


async def test_where_another_kind_is_shown_an_objection_reads_as_having_none_of_this_kind(later: Later) -> None:
    objecting = {"givenName": "Isla", "familyName": "Thistledown", "birthDate": "2015-05-09"}
    await said(later.northshire, "ewan", objecting, "RAISED", party="FATHER", agreement="ISA-20", clause=4, query=OBJECTION)
    views = []
    for typed, chi in ((objecting, "0905150007"), (TYPED, CHI)):
        named = {"given_name": typed["givenName"], "family_name": typed["familyName"], "birth_date": typed["birthDate"]}
        number = (Identifier("chi", chi),)
        later.nobody()
        later.health.persons, later.school.persons = (
            [someone("p", **named, identifiers=number)],
            [someone("p", **named, identifiers=number)],
        )
        later.school.silent = True
        answered = await later.ask(typed, BOTH)
        views.append({kind: state for (source, kind), state in answered.kinds.items() if source == SCHOOL})
    assert views[0] == views[1] == {"Attendance": "ANSWERED", "WellbeingConcern": "NOTHING_TO_SHOW"}


async def test_where_the_place_is_kept_nobody_can_find_out_a_home_by_who_is_asked_later(later: Later) -> None:
    """Without the home that was typed nobody is certain: where a place must not be known, no number goes on."""
    typed = TYPED | {"familyName": "Quilfeather", "birthDate": "2015-03-02", "addresses": [{"postcode": "NS4 2QX"}]}
    later.health.persons, later.school.persons = [msgspec.structs.replace(PATIENT, postcode="NS4 2QX")], [someone("pupil-1")]
    later.social_work.persons = [someone("client-1", postcode="NS4 2QX")]
    await later.ask(typed)
    assert len(later.school.asked) == 1
    later.school.asked = []
    later.social_work.persons = [someone("client-1", postcode="NS4 2QX", shield="LOCATION")]
    assert states(await later.ask(typed))[1] == "NOT_ASKED"
    assert later.school.asked == []


async def test_a_place_that_is_kept_there_closes_what_rested_on_the_home(later: Later) -> None:
    """The shield is at the school itself, and is heard of after the number was passed on."""
    typed = TYPED | {"familyName": "Quilfeather", "birthDate": "2015-03-02", "addresses": [{"postcode": "NS4 2QX"}]}
    later.health.persons = [msgspec.structs.replace(PATIENT, postcode="NS4 2QX")]
    later.social_work.persons = [someone("client-1", postcode="NS4 2QX")]
    later.school.persons = [someone("pupil-1", shield="LOCATION")]
    answered = await later.ask(typed)
    assert len(later.school.asked) == 1
    assert states(answered)[1] == "NOT_ASKED"


async def test_the_number_of_a_record_that_is_reported_is_not_passed_on(later: Later) -> None:
    patient = msgspec.structs.replace(PATIENT, id="patient-9")
    later.health.persons, later.school.persons = [patient], [someone("pupil-1")]
    answered = await later.ask()
    handle = next(each["match"]["report"] for each in answered.view["sources"] if each["source"] == HEALTH)
    assert (await report(later.northshire, "ewan", handle)).status == 200
    later.school.asked = []
    again = await later.ask()
    assert (again.kinds[SCHOOL, "Attendance"], later.school.asked) == ("NOT_ASKED", [])


# Time


async def test_a_source_that_hangs_when_it_is_asked_later_makes_nobody_wait_beyond_its_own_deadline(later: Later) -> None:
    later.health.persons, later.school.takes = [PATIENT], 5.0
    before = time.monotonic()
    answered = await later.ask()
    assert time.monotonic() - before < DEADLINE + 0.6
    assert states(answered) == ("ANSWERED", "NOT_ASKED")
    assert later.reason() == "timed-out"


async def test_who_answers_too_late_to_pass_a_number_on_holds_nobody_up(later: Later) -> None:
    later.health.persons, later.health.takes, later.school.persons = [PATIENT], 0.8, [someone("pupil-1")]
    before = time.monotonic()
    answered = await later.ask()
    assert time.monotonic() - before < DEADLINE + 0.6
    assert states(answered) == ("ANSWERED", "NOT_ASKED")
    assert later.school.asked == []
