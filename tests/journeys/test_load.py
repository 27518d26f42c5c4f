"""Under load, cancellation, bugs and power cuts every intent has one conclusion or is seen to have none, and no change goes unseen."""

from __future__ import annotations

import asyncio
import json
import random
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from connectors.simulated.processes import Process, free_port
from portal import logcheck
from portal.demo import FEDERATION, SUBJECT, RunningDemo
from tests.bench import steps
from tests.bench.crowd import UNLUCKY, Came, Job, ask_all, light, planted_bug
from tests.bench.questions import QUESTIONS
from tests.journeys.doors import door, never
from tests.journeys.northshire import PURPOSE, serving, typed

PLAIN, LEAVING, FAILING = 300, 100, 100
CHILDVIEW = Path(sys.executable).with_name("childview")


# Ten clients, five hundred questions.


@dataclass(frozen=True)
class Load:
    """What came of the load: the log as it stands afterwards, what the clients were told, what was reported, and how many tasks were left."""

    database: Path
    came: Came
    reports: list[Any]
    tasks: int

    def events(self) -> list[dict[str, Any]]:
        return events(self.database)


@pytest_asyncio.fixture(scope="module")
async def load(demo: RunningDemo, tmp_path_factory: Any) -> Load:
    """500 questions in an order that is always the same."""
    chance = random.Random(20261122)
    jobs: list[Job] = [*(["plain"] * PLAIN), *(["leaving"] * LEAVING), *(["failing"] * FAILING)]
    chance.shuffle(jobs)
    with planted_bug(), capture_logs() as reports:
        async with serving(demo, tmp_path_factory.mktemp("load")) as northshire:
            before = asyncio.all_tasks()
            too_little = {"query": light("flags"), "variables": {"subject": {"givenName": "Jo"}, "purpose": PURPOSE}}
            await northshire.post(too_little, token=demo.token("morag"))
            came = await ask_all(northshire, iter(jobs), chance, ("flags", "flags", "attendance"))
            await asyncio.sleep(0.5)
            left = len(asyncio.all_tasks() - before)
    return Load(northshire.database, came, [*reports], left)


async def test_of_five_hundred_questions_every_intent_has_exactly_one_conclusion(load: Load) -> None:
    intents = [event["access"] for event in load.events() if event["type"] == "intent"]
    conclusions = [event["access"] for event in load.events() if event["type"] == "conclusion"]
    ended = Counter(event["ended"] for event in load.events() if event["type"] == "conclusion")

    assert len(intents) == len(set(intents))
    assert sorted(intents) == sorted(conclusions)
    assert ended["failed"] == FAILING
    assert ended["answered"] >= PLAIN
    assert ended.total() <= PLAIN + LEAVING + FAILING
    # So that the test tries what it means to: many were cut off in the middle.
    assert load.came.left > LEAVING / 2
    assert LEAVING / 4 < ended["client-left"] <= load.came.left


async def test_every_receipt_given_under_load_names_its_own_conclusion(load: Load) -> None:
    receipts = [answer.view["receipt"] for answer in load.came.answers]
    written = {event["index"]: event for event in load.events()}

    assert len(receipts) == PLAIN
    assert len({receipt["access"] for receipt in receipts}) == PLAIN
    for receipt in receipts:
        assert written[receipt["index"]]["access"] == receipt["access"]
        assert written[receipt["index"]]["ended"] == "answered"


async def test_what_a_bug_says_reaches_neither_the_asker_nor_the_operators(load: Load) -> None:
    assert {(answer.status, answer.body["errors"][0]["extensions"]["code"]) for answer in load.came.failures} == {(500, "CV901")}
    assert not [answer for answer in load.came.failures if UNLUCKY.encode() in answer.raw or b"cannot merge" in answer.raw]

    bugs = [report for report in load.reports if report["event"] == "bug"]
    assert len(bugs) == FAILING
    assert UNLUCKY not in str(load.reports)
    assert any("broken" in frame for frame in bugs[0]["frames"])


async def test_no_task_is_left_after_five_hundred_questions(load: Load) -> None:
    assert load.tasks == 0


async def test_log_verify_agrees(load: Load) -> None:
    code, said = await verified(load.database)

    assert code == 0, said
    assert "No problem found." in said
    assert "without a conclusion" not in said


async def test_the_bench_still_goes_the_way_that_questions_go(demo: RunningDemo, tmp_path: Path) -> None:
    costs = await steps.costs(QUESTIONS["whole view"], tmp_path, demo.token("morag"), times=1)

    assert {"plan", "decide", "log the intent", "find and match", "merge", "log the conclusion", "encode"} <= costs.keys()
    assert logcheck.check(tmp_path / "access.db").problems == []


# Any column of any row.


async def test_a_change_of_any_column_of_any_row_is_found_and_the_entry_named(load: Load, tmp_path: Path) -> None:
    """On the first 200 entries, which are a log as good as the whole; among the 30 rows tried is every type of event."""
    copy = _copied(load.database, tmp_path, first=200)
    written = events(copy)
    assert {event["type"] for event in written} == {"change", "intent", "refusal", "conclusion"}
    tried = 0
    for index in _sampled(written, 30):
        for column, changed in _changes(copy, index).items():
            with _changed(copy, index, column, changed):
                problems = logcheck.check(copy).problems
            assert _named(problems, index, column), (index, column, problems)
            tried += 1
    assert tried == 30 * 6
    assert logcheck.check(copy).problems == []


@pytest.mark.parametrize("column", ["idx", "access", "type", "body", "leaf", "link"])
async def test_the_command_says_which_entry_was_changed_and_exits_1(column: str, load: Load, tmp_path: Path) -> None:
    copy = _copied(load.database, tmp_path)
    index = random.Random(column).choice([event["index"] for event in load.events() if event["type"] == "conclusion"])
    with _changed(copy, index, column, _changes(copy, index)[column]):
        code, said = await verified(copy)

    assert code == 1
    assert f"entry {index}:" in said or (column == "idx" and f"missing before this one: {index}." in said)
    assert "FAILED:" in said


async def test_a_row_taken_out_anywhere_but_at_the_end_is_found(load: Load, tmp_path: Path) -> None:
    copy = _copied(load.database, tmp_path)
    for index in _sampled(load.events()[:-1], 10):
        with closing(sqlite3.connect(copy)) as connection:
            row = connection.execute("select * from events where idx = ?", (index,)).fetchone()
            connection.execute("delete from events where idx = ?", (index,))
            connection.commit()
            assert _named(logcheck.check(copy).problems, index, "idx")
            connection.execute("insert into events values (?, ?, ?, ?, ?, ?)", row)
            connection.commit()


def _sampled(written: list[dict[str, Any]], count: int) -> list[int]:
    """Indexes of so many events, every type and every ending of a conclusion among them."""
    chance = random.Random(7)
    by_type: dict[str, list[int]] = {}
    for event in written:
        by_type.setdefault(f"{event['type']}/{event.get('ended', '')}", []).append(event["index"])
    chosen = [chance.choice(indexes) for indexes in by_type.values()]
    rest = [event["index"] for event in written if event["index"] not in chosen]
    return sorted([*chosen, *chance.sample(rest, max(0, count - len(chosen)))][:count])


def _changes(database: Path, index: int) -> dict[str, Any]:
    """For every column of a row another value, as little different as can be."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("select * from events where idx = ?", (index,)).fetchone())
    body = row["body"]
    at = body.index(b'"at":"') + len('"at":"2026-11-22T10:42:07.12')
    return {
        "idx": 1_000_000 + index,
        "access": "01ARZ3NDEKTSV4RRFFQ69G5FAV"
        if row["access"] is None
        else row["access"][:-1] + ("0" if row["access"][-1] != "0" else "1"),
        "type": {"intent": "conclusion", "conclusion": "release"}.get(row["type"], "reading"),
        # One digit of the time, so that it is still an event as good as any.
        "body": body[:at] + (b"1" if body[at : at + 1] != b"1" else b"2") + body[at + 1 :],
        "leaf": _flipped(row["leaf"]),
        "link": _flipped(row["link"]),
    }


def _flipped(bits: bytes) -> bytes:
    return bytes([bits[0] ^ 1]) + bits[1:]


class _changed:
    """One value of one row changed within a block."""

    def __init__(self, database: Path, index: int, column: str, value: Any) -> None:
        self._database, self._index, self._column, self._value = database, index, column, value

    def __enter__(self) -> None:
        self._was = self._write(self._index, self._value)

    def __exit__(self, *error: object) -> None:
        self._write(self._value if self._column == "idx" else self._index, self._was)

    def _write(self, index: int, value: Any) -> Any:
        with closing(sqlite3.connect(self._database)) as connection:
            (was,) = connection.execute(f"select {self._column} from events where idx = ?", (index,)).fetchone()
            connection.execute(f"update events set {self._column} = ? where idx = ?", (value, index))
            connection.commit()
        return was


def _named(problems: Iterable[logcheck.Problem], index: int, column: str) -> bool:
    if column == "idx":
        return any(re.search(rf"missing before this one: {index}\b", problem.message) for problem in problems)
    return any(problem.index == index for problem in problems)


def _copied(database: Path, folder: Path, first: int | None = None) -> Path:
    """A copy of a log, or of its first so many entries."""
    copy = folder / "copy.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        if first is not None:
            target.execute("delete from events where idx >= ?", (first,))
            target.commit()
    return copy


# A power cut, and a second portal.


@dataclass
class Served:
    """The portal as the command ``childview serve`` runs it, in a process of its own."""

    process: Process
    url: str
    session: aiohttp.ClientSession

    async def ask(self, token: str, subject: Mapping[str, Any], query: str) -> Any:
        body = json.dumps({"query": query, "variables": {"subject": subject, "purpose": PURPOSE}})
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        async with self.session.post(f"{self.url}/graphql", data=body, headers=headers) as answer:
            assert answer.status == 200
            return (await answer.json())["data"]["child"]


@asynccontextmanager
async def served(state: Path, environment: Mapping[str, str] | None = None) -> AsyncIterator[Served]:
    port = free_port()
    command = [str(CHILDVIEW), "serve", str(FEDERATION), "--state", str(state), "--port", str(port)]
    process = Process(command, log=state.parent / f"{state.name}.log", environment=environment)
    async with aiohttp.ClientSession() as session:
        try:
            await _ready(process, f"http://127.0.0.1:{port}", session)
            yield Served(process, f"http://127.0.0.1:{port}", session)
        finally:
            await process.stop()


async def test_after_a_power_cut_the_portal_starts_again_and_what_was_cut_short_is_seen(demo: RunningDemo, tmp_path: Path) -> None:
    """Five clients get answers, five wait for a service that never answers, and then the process is killed."""
    state, token, receipts = tmp_path / "state", demo.token("morag"), []
    state.mkdir()

    async def busy(portal: Served) -> None:
        for child in demo.world.children * 100:
            receipts.append((await portal.ask(token, typed(child, number=False), light("flags")))["receipt"])

    with door(never) as fire:
        async with served(state, {"FIRE_URL": fire.url}) as first:
            asking = [asyncio.create_task(busy(first)) for _ in range(5)]
            asking += [asyncio.create_task(first.ask(token, SUBJECT, light("involvements"))) for _ in range(5)]
            await _until(lambda: len(receipts) > 20 and fire.open == 5)
            first.process.kill()
            await asyncio.gather(*asking, return_exceptions=True)
    assert not any(task.done() and not task.exception() for task in asking)

    cut_short = _open(events(state / "access.db"))
    assert len(cut_short) >= 5
    await _verified_with(state, cut_short)

    async with served(state) as second:
        seen = await second.ask(token, SUBJECT, light("flags"))
        await _verified_with(state, cut_short)

    written = {event["index"]: event for event in events(state / "access.db")}
    for receipt in [*receipts, seen["receipt"]]:
        assert written[receipt["index"]]["access"] == receipt["access"]
    assert _open(events(state / "access.db")) == cut_short
    await _verified_with(state, cut_short)


async def test_a_second_portal_on_the_same_state_is_refused_and_the_first_goes_on(demo: RunningDemo, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    async with served(state) as first:
        code, said = await _run("serve", str(FEDERATION), "--state", str(state), "--port", str(free_port()))
        seen = await first.ask(demo.token("morag"), SUBJECT, light("flags"))

    assert code == 2
    assert "CV704" in said
    assert "Traceback" not in said
    assert seen["receipt"]["access"]
    assert logcheck.check(state / "access.db").problems == []


async def _verified_with(state: Path, cut_short: set[str]) -> None:
    code, said = await verified(state / "access.db")
    assert code == 0, said
    assert f"{len(cut_short)} intents without a conclusion" in said


def _open(written: list[dict[str, Any]]) -> set[str]:
    """The accesses that have an intent and no conclusion."""
    intents = {event["access"] for event in written if event["type"] == "intent"}
    return intents - {event["access"] for event in written if event["type"] == "conclusion"}


def events(database: Path) -> list[dict[str, Any]]:
    """Every event of an access log, oldest first."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return [json.loads(body) for (body,) in connection.execute("select body from events order by idx")]


async def verified(database: Path) -> tuple[int, str]:
    """What ``childview log verify`` says, and its exit code."""
    return await _run("log", "verify", str(database))


async def _run(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        str(CHILDVIEW), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(30):
            said, _ = await process.communicate()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def _ready(process: Process, url: str, session: aiohttp.ClientSession) -> None:
    async def answers() -> bool:
        with suppress(aiohttp.ClientError):
            async with session.get(f"{url}/readyz") as answer:
                return answer.status == 200
        assert process.alive, "the portal ended while it started"
        return False

    async with asyncio.timeout(20):
        while not await answers():
            await asyncio.sleep(0.05)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)
