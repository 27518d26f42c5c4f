"""What one agency's system does wrong is that agency's outcome; whatever the others know stands, and the view comes in time."""

from __future__ import annotations

import asyncio
import gc
import gzip
import os
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from connectors import Ask, Connector, Person, Record, Subject, provides
from connectors.declarative import Declared
from connectors.release import HELD_PLACE
from portal.demo import FEDERATION, SUBJECT, RunningDemo
from portal.federation import Federation, load_federation
from tests.journeys.doors import Answer, Door, babbles, dies, door, drips, mute, never, passes, sends_to, speaks
from tests.journeys.northshire import Answered, Northshire, serving, standard, typed

FIRE = "northshire-fire"
#: Nobody waits longer than the budget, and a little for what is the portal's own.
OWN_TIME = 0.5
BUDGET = 2.5
DEADLINE = 1.0
#: What is known of Jo and must not stand in any report to the operators.
JO = ("Jo", "Ash", "0302140905", "117003507", "NS4 2QX", "2014-02-03")


@dataclass
class Hasty:
    """A portal in a hurry: the fire service's system stands behind a door, and is waited for one second; a question, two and a half."""

    northshire: Northshire
    fire: Door

    async def ask(self, who: str = "morag", *, left: float = 1.0) -> Timely:
        return await timely(self.northshire, who, left=left)


@dataclass(frozen=True)
class Timely:
    """An answer, the seconds it took, and what was reported to the operators meanwhile."""

    answered: Answered
    seconds: float
    reports: list[Any]

    def state(self, source: str) -> set[str]:
        """The states of all kinds of one source that were asked."""
        return {state for (told, _), state in self.answered.kinds.items() if told == source and state != "NOT_PERMITTED"}


async def timely(northshire: Northshire, who: str = "morag", subject: Mapping[str, Any] = SUBJECT, *, left: float = 1.0) -> Timely:
    """Ask, and prove what holds for every answer, whatever went wrong: in time, concluded, nothing left running, no child in a report.

    ``left`` is how many seconds later no task of the question runs any more.
    """
    before = asyncio.all_tasks()
    with capture_logs() as reports:
        start = time.monotonic()
        answered = await northshire.ask(who, subject)
        seconds = time.monotonic() - start
        await _until(lambda: asyncio.all_tasks() <= before, "tasks of the question go on after its end", left)
    assert seconds < northshire.portal.settings.portal.budget + OWN_TIME
    assert not [word for word in JO if any(word in str(report) for report in reports)]
    access = answered.view["receipt"]["access"]
    assert [event["type"] for event in northshire.events() if event.get("access") == access] == ["intent", "conclusion"]
    return Timely(answered, seconds, reports)


@pytest.fixture(scope="module", autouse=True)
def _a_heap_of_its_own() -> Iterator[None]:
    """The portal runs in the suite's own process here; what earlier tests left behind is not collected in its time (0.3 s each time)."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest_asyncio.fixture(scope="module")
async def hasty(demo: RunningDemo, tmp_path_factory: Any) -> AsyncIterator[Hasty]:
    folder = tmp_path_factory.mktemp("hasty")
    federation = federation_with(folder, budget=BUDGET, deadlines={FIRE: DEADLINE, "hillview-mis": DEADLINE})
    with door(passes(demo.environment["FIRE_URL"], lambda path: None)) as fire:
        async with serving(demo, folder / "state", federation, environment={"FIRE_URL": fire.url}) as northshire:
            yield Hasty(northshire, fire)


@pytest_asyncio.fixture(scope="module")
async def calm(northshire: Northshire) -> Mapping[str, Any]:
    """What morag and ewan see of Jo when nothing is wrong."""
    views = {who: (await northshire.ask(who, SUBJECT)).view for who in ("morag", "ewan")}
    assert not any(source["state"] in ("TIMED_OUT", "UNAVAILABLE", "FAILED") for view in views.values() for source in view["sources"])
    return views


def federation_with(
    folder: Path, *, budget: float = 8.0, shield_wait: float = 2.0, deadlines: Mapping[str, float] | None = None
) -> Federation:
    """The demonstration's federation with other times. Agreements do not speak of them, so their signatures hold."""
    copy = folder / "federation"
    shutil.copytree(FEDERATION, copy)
    _edit(copy / "federation.toml", "budget = 8.0, shield_wait = 0.7", f"budget = {budget}, shield_wait = {shield_wait}")
    for source, seconds in (deadlines or {}).items():
        _edit(copy / "sources" / f"{source}.toml", "[source]\n", f"[source]\ndeadline = {seconds}\n")
    return load_federation(copy, standard())


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


# Three at once, with the demonstration's own settings.


async def test_one_killed_one_hung_one_babbling_and_the_view_comes_within_its_budget_with_all_the_others_know(
    demo: RunningDemo, calm: Mapping[str, Any], tmp_path: Path
) -> None:
    """Police killed, the school's database accepts and never answers, fire says 10 MB of nonsense; budget 8 s, deadlines 5 s."""
    faulty = ("northshire-police", "hillview-mis", FIRE)
    with door(mute) as school, door(babbles(10 * 1024 * 1024)) as fire:
        doors = {"MIS_URL": f"postgresql://childview:none@127.0.0.1:{school.port}/postgres", "FIRE_URL": fire.url}
        async with serving(demo, tmp_path, environment=doors) as northshire, killed(demo, "northshire-police"):
            seen = await timely(northshire)

    assert northshire.portal.settings.portal.budget == 8.0
    assert (seen.state("northshire-police"), seen.state("hillview-mis"), seen.state(FIRE)) == ({"UNAVAILABLE"}, {"TIMED_OUT"}, {"FAILED"})
    assert told(seen.answered.view, faulty) == told(calm["morag"], faulty)
    for whole in ("flags", "childPlans", "healthContacts"):
        assert seen.answered.view[whole]["records"]
        assert not {missing["source"] for missing in seen.answered.view[whole]["missing"]} & set(faulty) - {"hillview-mis"}


async def test_the_budget_holds_even_for_a_connector_that_swallows_its_cancellation(
    demo: RunningDemo, calm: Mapping[str, Any], tmp_path: Path
) -> None:
    """The whole budget of 8 seconds, as the demonstration sets it."""
    moody = Moody()
    moody.finding = deaf(9.0)
    federation = federation_with(tmp_path, shield_wait=0.7, deadlines={"bairns-first": 10.0})
    async with serving(demo, tmp_path / "state", with_connector(federation, "bairns-first", moody)) as northshire:
        start = time.monotonic()
        answered = await northshire.ask("ewan", SUBJECT)
        seconds = time.monotonic() - start
        await asyncio.sleep(max(0.0, 9.2 - seconds))

    assert 8.0 <= seconds < 8.5
    assert answered.states["bairns-first"] == "TIMED_OUT"
    assert told(answered.view, ["bairns-first"]) == told(calm["ewan"], ["bairns-first"])


# One at a time: whatever the fire service's server does instead of answering find.


def _bomb() -> Answer:
    return speaks(gzip.compress(b" " * 200 * 1024 * 1024, 1), more={"Content-Encoding": "gzip"})


FAULTS: dict[str, tuple[Callable[[], Answer], str]] = {
    "never answers": (lambda: never, "TIMED_OUT"),
    "drips one byte a second": (lambda: drips, "TIMED_OUT"),
    "dies in the middle of its answer": (lambda: dies, "UNAVAILABLE"),
    "is overloaded": (lambda: speaks({}, status="503 Service Unavailable"), "UNAVAILABLE"),
    "wants to be left alone for an hour": (lambda: speaks({}, status="429 Too Many Requests", more={"Retry-After": "3600"}), "UNAVAILABLE"),
    "refuses us": (lambda: speaks({}, status="403 Forbidden"), "REFUSED"),
    "has moved": (lambda: speaks({}, status="404 Not Found"), "FAILED"),
    "says ten megabytes of nonsense": (lambda: babbles(10 * 1024 * 1024), "FAILED"),
    "says one megabyte of nonsense": (lambda: babbles(1024 * 1024), "FAILED"),
    "sends a bomb of 200 packed megabytes": (_bomb, "FAILED"),
    "answers with a page": (lambda: speaks(b"<html>Jo Ash</html>", type="text/html"), "FAILED"),
    "does not speak HTTP": (lambda: lambda call: call.send(b"\x00\xff\x00\xffJo Ash\r\n\r\n"), "FAILED"),
    "says null": (lambda: speaks(None), "FAILED"),
    "says a list of other things": (lambda: speaks([1, "Jo Ash", None]), "FAILED"),
    "says a text where a list belongs": (lambda: speaks({"data": {"occupants": "Jo Ash"}}), "FAILED"),
    "lists texts where persons belong": (lambda: speaks({"data": {"occupants": ["Jo Ash"]}}), "FAILED"),
    "nests a million lists": (lambda: speaks(b"[" * 1_000_000 + b"]" * 1_000_000), "FAILED"),
    "nests a thousand objects": (lambda: speaks(b'{"data":' * 5_000 + b"1" + b"}" * 5_000), "FAILED"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_source_that(fault: str, hasty: Hasty, calm: Mapping[str, Any]) -> None:
    """... ends in its own outcome for each of its kinds, and takes nothing from the others."""
    make, state = FAULTS[fault]
    with hasty.fire.answering(make()):
        seen = await hasty.ask()

    assert seen.state(FIRE) == {state}
    assert told(seen.answered.view, [FIRE]) == told(calm["morag"], [FIRE])
    assert {missing["source"] for missing in seen.answered.view["wellbeingConcerns"]["missing"]} >= {FIRE}
    await _until(lambda: hasty.fire.open == 0, "the portal has not hung up")


async def test_a_redirect_is_not_followed_so_that_no_child_and_no_password_goes_elsewhere(hasty: Hasty) -> None:
    with door(speaks({})) as elsewhere, hasty.fire.answering(sends_to(f"{elsewhere.url}/v2/occupants/query")):
        seen = await hasty.ask()

    assert seen.state(FIRE) == {"FAILED"}
    assert elsewhere.asked == []


async def test_when_the_fault_is_over_the_next_question_is_answered_whole(hasty: Hasty, calm: Mapping[str, Any]) -> None:
    with hasty.fire.answering(dies):
        await hasty.ask()
    seen = await hasty.ask()

    assert seen.state(FIRE) == {"ANSWERED"}
    assert told(seen.answered.view) == told(calm["morag"])


# Find answers, and then it breaks.


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (never, "TIMED_OUT"),
        (drips, "TIMED_OUT"),
        (dies, "UNAVAILABLE"),
        (speaks({"data": {}}), "FAILED"),
        (speaks({}, status="403 Forbidden"), "NOTHING_TO_SHOW"),
    ],
    ids=["hangs", "drips", "dies", "babbles", "refuses"],
)
async def test_a_fault_in_one_fetch_is_the_outcome_of_that_kind_alone(fault: Answer, state: str, hasty: Hasty, demo: RunningDemo) -> None:
    """A refusal after find rests on this child: it reads like any other nothing."""
    broken = passes(demo.environment["FIRE_URL"], lambda path: fault if path.startswith("/v2/observations") else None)
    with hasty.fire.answering(broken):
        seen = await hasty.ask()

    kinds = {kind: told for (source, kind), told in seen.answered.kinds.items() if source == FIRE and told != "NOT_PERMITTED"}
    assert kinds == {"WellbeingConcern": state, "Involvement": "ANSWERED"}
    assert FIRE in _sources_of(seen.answered.view["involvements"])


async def test_a_source_that_answers_find_and_is_dead_before_fetch_is_out_of_reach_in_every_kind(hasty: Hasty, demo: RunningDemo) -> None:
    with hasty.fire.answering(passes(demo.environment["FIRE_URL"], lambda path: None if path.endswith("/query") else dies)):
        seen = await hasty.ask()

    assert seen.state(FIRE) == {"UNAVAILABLE"}
    assert FIRE not in _sources_of(seen.answered.view["involvements"]) | _sources_of(seen.answered.view["wellbeingConcerns"])


async def test_records_that_cannot_be_read_are_counted_and_the_others_shown(hasty: Hasty, demo: RunningDemo) -> None:
    rows = [
        {"id": "obs-1", "occupant": "x", "date": "2026-05-01", "code": "NEG", "words": "As it should be."},
        {"id": "obs-2", "occupant": "x", "date": "the day Jo Ash fell", "code": "NEG"},
        {"id": None},
    ]
    observed = speaks({"data": rows, "paging": {"next": None}})
    with hasty.fire.answering(passes(demo.environment["FIRE_URL"], lambda path: observed if path.startswith("/v2/observations") else None)):
        seen = await hasty.ask()

    source = next(source for source in seen.answered.view["sources"] if source["source"] == FIRE)
    assert (source["state"], source["setAside"]) == ("PARTIAL", 2)
    assert [report["event"] for report in seen.reports if report["event"] != "source back"] == ["record set aside", "record set aside"]


# Real processes and real databases.


async def test_a_system_killed_while_it_is_being_asked_is_out_of_reach(demo: RunningDemo, hasty: Hasty, calm: Mapping[str, Any]) -> None:
    police = demo.source("northshire-police")
    police.suspend()
    asking = asyncio.create_task(hasty.ask())
    await asyncio.sleep(0.4)
    async with killed(demo, "northshire-police"):
        seen = await asking

    assert seen.state("northshire-police") == {"UNAVAILABLE"}
    assert told(seen.answered.view, ["northshire-police"]) == told(calm["morag"], ["northshire-police"])


async def test_a_database_that_hangs_is_timed_out_as_often_as_it_is_asked_and_answers_when_it_goes_on(
    demo: RunningDemo, hasty: Hasty, calm: Mapping[str, Any]
) -> None:
    """PostgreSQL stopped as it stands, then asked by more people than there are connections to it. It does not even answer to a
    farewell: the driver gives that up two seconds later, behind the scenes."""
    school = demo.source("hillview-mis")
    await hasty.ask()
    school.suspend()
    try:
        seen = await hasty.ask(left=3.0)
        start = time.monotonic()
        crowd = await asyncio.gather(*(hasty.northshire.ask("morag", SUBJECT) for _ in range(6)))
        seconds = time.monotonic() - start
    finally:
        school.resume()
    await asyncio.sleep(0.2)
    afterwards = await hasty.ask()

    assert seen.state("hillview-mis") == {"TIMED_OUT"}
    assert seen.seconds < DEADLINE + OWN_TIME
    assert told(seen.answered.view, ["hillview-mis"]) == told(calm["morag"], ["hillview-mis"])
    assert {answered.states["hillview-mis"] for answered in crowd} <= {"TIMED_OUT", "UNAVAILABLE"}
    assert seconds < BUDGET + OWN_TIME
    assert afterwards.state("hillview-mis") == {"ANSWERED"}


async def test_one_second_after_the_deadline_no_query_of_ours_runs_at_the_server(demo: RunningDemo, hasty: Hasty) -> None:
    """Somebody holds the school's table, so that our queries wait at the server itself."""
    async with connected(demo) as other, other.transaction():
        await other.execute("lock table pupil in access exclusive mode")
        seen = await hasty.ask()
        waited = seen.seconds
        await asyncio.sleep(max(0.0, DEADLINE + 1.0 - waited))
        running = await other.fetch("select state from pg_stat_activity where application_name = 'childview' and state <> 'idle'")

    assert seen.state("hillview-mis") == {"TIMED_OUT"}
    assert [row["state"] for row in running] == []
    assert (await hasty.ask()).state("hillview-mis") == {"ANSWERED"}


async def test_a_file_that_somebody_else_has_locked_ends_in_time_and_its_silence_withholds_the_place(
    demo: RunningDemo, hasty: Hasty
) -> None:
    """Social work's SQLite file: a shield source that cannot be read."""
    file = demo.environment["SOCIAL_WORK_URL"].removeprefix("sqlite+aiosqlite:///")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("begin exclusive")
        seen = await hasty.ask()
        other.execute("rollback")

    assert seen.state("northshire-social-work") <= {"TIMED_OUT", "UNAVAILABLE"}
    assert _place_is_withheld(seen.answered, hasty.northshire, "jo")
    assert (await hasty.ask()).state("northshire-social-work") == {"ANSWERED"}


async def test_a_share_that_has_gone_away_blocks_neither_the_question_nor_the_end_of_the_portal(demo: RunningDemo, tmp_path: Path) -> None:
    """Bairns First's folder as a network share whose server is gone: opening a file never returns, and nothing can interrupt it."""
    share = tmp_path / "share"
    share.mkdir()
    for name in ("children.csv", "groups.csv", "notes.csv"):
        os.mkfifo(share / name)
    federation = federation_with(tmp_path, budget=BUDGET, deadlines={"bairns-first": DEADLINE})
    before = asyncio.all_tasks()
    try:
        async with serving(demo, tmp_path / "state", federation, environment={"BAIRNS_FIRST_URL": f"duckdb:///{share}"}) as northshire:
            start = time.monotonic()
            answered = await northshire.ask("ewan", SUBJECT)
            seconds, closing = time.monotonic() - start, time.monotonic()
        closed = time.monotonic() - closing
    finally:
        os.close(os.open(share / "children.csv", os.O_RDWR | os.O_NONBLOCK))

    assert answered.states["bairns-first"] == "TIMED_OUT"
    assert answered.states["northshire-police"] == "ANSWERED"
    assert seconds < DEADLINE + OWN_TIME
    assert closed < 8.0
    await _until(lambda: asyncio.all_tasks() <= before, "tasks of the question go on after the share is back", 3.0)


# A shield source that hangs.


async def test_while_a_shield_source_hangs_no_place_is_shown_of_any_child_and_the_others_answer(demo: RunningDemo, tmp_path: Path) -> None:
    """The demonstration's own ``shield_wait``; the health board is given one second, a question two and a half."""
    federation = federation_with(tmp_path, budget=BUDGET, shield_wait=0.7, deadlines={"northshire-nhs": DEADLINE})
    with door(never) as nhs, door(passes(demo.environment["FIRE_URL"], lambda path: None)) as fire:
        doors = {"FHIR_URL": f"{nhs.url}/fhir", "FIRE_URL": fire.url}
        async with serving(demo, tmp_path / "state", federation, environment=doors) as northshire:
            seen = [await timely(northshire, "morag", SUBJECT)]
            seen += [await timely(northshire, "morag", typed(child)) for child in demo.world.children[:3]]

    for each in seen:
        assert each.state("northshire-nhs") == {"TIMED_OUT"}
        assert each.answered.states["northshire-social-work"] in ("ANSWERED", "NOTHING_TO_SHOW")
        assert [held["words"] for held in each.answered.view["held"]] == [HELD_PLACE]
    assert _place_is_withheld(seen[0].answered, northshire, "jo")
    asked = dict(reversed([(path.split("?")[0], at) for path, at in fire.asked]))
    assert asked["/v2/observations"] - asked["/v2/occupants/query"] > 0.6


# A connector written in Python, and written badly.

Finding = Callable[[Subject, Ask], Awaitable[list[Person]]]
Recording = Callable[[Person, Ask], AsyncIterator[Any]]
KNOWN = Person(id="1", given_name="Jo", family_name="Ash", birth_date="2014-02-03", postcode="NS4 2QX")


async def _known(subject: Subject, ask: Ask) -> list[Person]:
    return [KNOWN]


async def _nothing(person: Person, ask: Ask) -> AsyncIterator[Any]:
    for record in ():
        yield record


class Moody(Connector):
    """A connector whose behaviour can be changed."""

    finds_by = frozenset({"demographics", "chi"})

    def __init__(self) -> None:
        self.finding: Finding = _known
        self.recording: Recording = _nothing

    async def find(self, subject: Subject, ask: Ask) -> list[Person]:
        return await self.finding(subject, ask)

    @provides("Involvement")
    async def involvements(self, person: Person, ask: Ask) -> AsyncIterator[Record]:
        yield Record("1", {"serviceType": "OTHER", "state": "CURRENT"})

    @provides("WellbeingConcern")
    async def concerns(self, person: Person, ask: Ask) -> AsyncIterator[Record]:
        async for record in self.recording(person, ask):
            yield record


def with_connector(federation: Federation, source: str, connector: Connector) -> Federation:
    """The federation with another connector for one source, as its package would bring it."""
    declared = Declared(source, federation.declared[source].settings, connector)
    return msgspec.structs.replace(federation, declared={**federation.declared, source: declared})


@dataclass
class Charity:
    """A portal in a hurry in which Bairns First is read by a connector in Python."""

    northshire: Northshire
    connector: Moody

    async def ask(self) -> Timely:
        return await timely(self.northshire, "ewan")


@pytest_asyncio.fixture(scope="module")
async def charity(demo: RunningDemo, tmp_path_factory: Any) -> AsyncIterator[Charity]:
    folder, connector = tmp_path_factory.mktemp("charity"), Moody()
    federation = with_connector(federation_with(folder, budget=BUDGET, deadlines={"bairns-first": DEADLINE}), "bairns-first", connector)
    async with serving(demo, folder / "state", federation) as northshire:
        yield Charity(northshire, connector)


@pytest.fixture
def moody(charity: Charity) -> Iterator[Moody]:
    yield charity.connector
    charity.connector.finding, charity.connector.recording = _known, _nothing


def deaf(seconds: float) -> Finding:
    """A find that goes on for so long, whoever cancels it."""

    async def find(subject: Subject, ask: Ask) -> list[Person]:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                await asyncio.sleep(left)
            except asyncio.CancelledError:
                continue
        return []

    return find


async def test_a_connector_that_blocks_for_a_while_costs_the_others_nothing(
    charity: Charity, moody: Moody, calm: Mapping[str, Any]
) -> None:
    async def blocks(subject: Subject, ask: Ask) -> list[Person]:
        _hold_up(0.4)
        return [KNOWN]

    moody.finding = blocks
    seen = await charity.ask()

    assert seen.state("bairns-first") == {"ANSWERED", "NOTHING_TO_SHOW"}
    assert told(seen.answered.view, ["bairns-first"]) == told(calm["ewan"], ["bairns-first"])


def _hold_up(seconds: float) -> None:
    """Keep the whole event loop waiting, as a driver does that knows no asyncio."""
    time.sleep(seconds)


async def _raises(person: Person, ask: Ask) -> AsyncIterator[Any]:
    raise KeyError("Jo Ash, 0302140905")
    yield


async def _exits(person: Person, ask: Ask) -> AsyncIterator[Any]:
    raise SystemExit("Jo Ash")
    yield


async def _recurses(person: Person, ask: Ask) -> AsyncIterator[Any]:
    async for record in _recurses(person, ask):
        yield record


async def _no_records(person: Person, ask: Ask) -> AsyncIterator[Any]:
    yield None


async def _endless(person: Person, ask: Ask) -> AsyncIterator[Any]:
    while True:
        yield Record("1", {"summary": "Jo Ash", "thirdPartyChecked": True})
        await asyncio.sleep(0)


async def _endless_hidden(person: Person, ask: Ask) -> AsyncIterator[Any]:
    while True:
        yield Record("1", {"status": "ENTERED_IN_ERROR"})
        await asyncio.sleep(0)


async def _not_async(person: Person, ask: Ask) -> AsyncIterator[Any]:
    async for record in [1, 2]:  # type: ignore[attr-defined]
        yield record


async def _hangs(person: Person, ask: Ask) -> AsyncIterator[Any]:
    await asyncio.Event().wait()
    yield


@pytest.mark.parametrize(
    ("recording", "state"),
    [
        (_raises, "FAILED"), (_exits, "FAILED"), (_recurses, "FAILED"), (_no_records, "FAILED"), (_not_async, "FAILED"),
        (_hangs, "TIMED_OUT"), (_endless, "PARTIAL"), (_endless_hidden, "TIMED_OUT"),
    ],
)  # fmt: skip
async def test_a_bug_in_one_generator_is_the_outcome_of_that_kind_alone(
    recording: Recording, state: str, charity: Charity, moody: Moody, calm: Mapping[str, Any]
) -> None:
    moody.recording = recording
    seen = await charity.ask()

    assert seen.answered.kinds["bairns-first", "WellbeingConcern"] == state
    assert seen.answered.kinds["bairns-first", "Involvement"] == "ANSWERED"
    assert told(seen.answered.view, ["bairns-first"]) == told(calm["ewan"], ["bairns-first"])


# What the operators are told.


@pytest.mark.parametrize("fault", [dies, never], ids=["dead", "hung"])
async def test_an_outage_is_reported_once_when_it_begins_and_once_when_it_is_over(fault: Answer, hasty: Hasty) -> None:
    reports = []
    for answer in (fault, fault, fault, hasty.fire.answer, hasty.fire.answer):
        with hasty.fire.answering(answer):
            reports += (await hasty.ask()).reports

    assert [(report["event"], report["source"]) for report in reports] == [("source out of reach", FIRE), ("source back", FIRE)]


async def test_an_outage_of_one_kind_is_no_outage_and_return_of_the_source_with_every_question(hasty: Hasty, demo: RunningDemo) -> None:
    broken = passes(demo.environment["FIRE_URL"], lambda path: dies if path.startswith("/v2/observations") else None)
    reports = []
    for answer in (broken, broken, broken, hasty.fire.answer):
        with hasty.fire.answering(answer):
            reports += (await hasty.ask()).reports

    assert [report["event"] for report in reports] == ["source out of reach", "source back"]


# What is compared, and how long is waited for.


def told(view: Any, without: Collection[str] = ()) -> dict[str, Any]:
    """All that sources but some have told in a view, and who is missing from each section; without the times of retrieval."""
    sections = {name: part for name, part in view.items() if isinstance(part, dict) and "missing" in part}
    return {
        "records": {name: _told([*part["records"]], without) for name, part in sections.items() if "records" in part},
        "chronology": _told(
            [entry["record"] | {"on": entry["on"], "headline": entry["headline"]} for entry in view["chronology"]["entries"]], without
        ),
        "who": [
            (field["field"], value["value"], _sources(value, without))
            for field in view["demographics"]["fields"]
            for value in field["values"]
            if _sources(value, without)
        ],
        "missing": {
            name: [(missing["source"], missing["state"]) for missing in part["missing"] if missing["source"] not in without]
            for name, part in sections.items()
        },
        "states": [
            (source["source"], source["state"], source["kinds"], source["phone"])
            for source in view["sources"]
            if source["source"] not in without
        ],
        "held": view["held"],
    }


def _told(records: list[Any], without: Collection[str]) -> list[Any]:
    return [record | {"provenance": _sources(record, without)} for record in records if _sources(record, without)]


def _sources(told: Any, without: Collection[str]) -> list[str]:
    return [provenance["source"] for provenance in told["provenance"] if provenance["source"] not in without]


def _sources_of(section: Any) -> set[str]:
    return {source for record in section["records"] for source in _sources(record, ())}


def _place_is_withheld(answered: Answered, northshire: Northshire, child: str) -> bool:
    home = northshire.child(child).home
    return not [word for word in (home.line, home.postcode, home.town, "Hillview") if word.encode() in answered.raw]


async def _until(holds: Callable[[], bool], otherwise: str, seconds: float = 1.0) -> None:
    """Wait so many seconds for it."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, otherwise
        await asyncio.sleep(0.01)


@asynccontextmanager
async def killed(demo: RunningDemo, source: str) -> AsyncIterator[None]:
    """One agency's system, killed, and started again afterwards."""
    demo.source(source).kill()
    try:
        yield
    finally:
        await demo.source(source).restart()


@asynccontextmanager
async def connected(demo: RunningDemo) -> AsyncIterator[Any]:
    """Somebody else at the school's database."""
    connection = await asyncpg.connect(demo.environment["MIS_URL"].replace("+asyncpg", ""))
    try:
        yield connection
    finally:
        await connection.close()
