"""The verifier: whatever is changed in a log is found, and named where it stands."""

from __future__ import annotations

import ast
import asyncio
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal import logcheck
from portal.logcheck import Report, check, report_text
from tests.portal.accesslog_cases import DECISION, LOG, PLAN, PRACTITIONER, VIEW, Clock, ask, opened

COLUMNS = ("idx", "access", "type", "body", "leaf", "link")


@pytest.fixture(scope="module")
async def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of eight entries: a change, three accesses, a refusal. It is copied, never changed."""
    state, clock = tmp_path_factory.mktemp("sound"), Clock()
    async with opened(state, clock) as log:
        await log.change("agreement-loaded", "ISA-07", "3", "sha256:ab")
        for _ in range(3):
            await ask(log)
            clock.move(seconds=1)
        await log.refuse(PRACTITIONER, "role")
    return state / "access.db"


@pytest.fixture
def log(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sound, tmp_path / "access.db"))


def _rows(path: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as connection:
        return [dict(zip(COLUMNS, row, strict=True)) for row in connection.execute(f"select {', '.join(COLUMNS)} from events order by idx")]


def _change(path: Path, index: int, **columns: Any) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for column, value in columns.items():
            connection.execute(f"update events set {column} = ? where idx = ?", [value, index])


def _rewrite(path: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Change events and then every index, leaf and link, as somebody would who owns the file and knows the rules."""
    events = change([json.loads(row["body"]) for row in _rows(path)])
    link = bytes(32)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("delete from events")
        for index, event in enumerate(events):
            body = json.dumps(event | {"index": index}, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
            leaf = hashlib.sha256(b"\x00" + body).digest()
            link = hashlib.sha256(link + leaf).digest()
            row = (index, event.get("access"), str(event.get("type")), body, leaf, link)
            connection.execute("insert into events (idx, access, type, body, leaf, link) values (?, ?, ?, ?, ?, ?)", row)


def _found(report: Report) -> set[tuple[int | None, str]]:
    return {(problem.index, problem.id) for problem in report.problems}


def test_it_shares_nothing_with_what_it_checks() -> None:
    """It runs from its file alone, on the standard library alone."""
    tree = ast.parse(Path(logcheck.__file__).read_text("utf-8"))
    roots = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    roots |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert roots <= sys.stdlib_module_names


def test_a_sound_log_has_no_problem(sound: Path) -> None:
    report = check(sound)
    assert report.problems == []
    assert (report.events, report.intents, report.conclusions, report.open_intents) == (8, 3, 3, 0)
    assert (report.log, report.head) == (LOG, _rows(sound)[-1]["link"].hex())


@pytest.mark.parametrize("index", range(8))
@pytest.mark.parametrize(
    ("column", "value"),
    [("access", "01JD8Z"), ("access", None), ("type", "reading"), ("type", "gossip"), ("body", b"{}"),
     ("leaf", bytes(32)), ("link", bytes(32)), ("leaf", b""), ("link", b"\x00")],
)  # fmt: skip
def test_a_column_that_was_changed_is_found_where_it_stands(log: Path, index: int, column: str, value: Any) -> None:
    if _rows(log)[index][column] == value:
        value = "01JD8Z"
    _change(log, index, **{column: value})
    assert {problem.index for problem in check(log).problems} == {index}


@pytest.mark.parametrize("index", range(8))
def test_an_index_that_was_changed_is_found(log: Path, index: int) -> None:
    _change(log, index, idx=index + 100)
    assert index + 100 in {problem.index for problem in check(log).problems}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 7), st.sampled_from(["body", "leaf", "link"]), st.data())
def test_one_bit_is_enough(log: Path, index: int, column: str, data: st.DataObject) -> None:
    kept = _rows(log)[index][column]
    at = data.draw(st.integers(0, len(kept) * 8 - 1))
    _change(log, index, **{column: bytes(byte ^ (1 << at % 8 if place == at // 8 else 0) for place, byte in enumerate(kept))})
    assert {problem.index for problem in check(log).problems} == {index}
    _change(log, index, **{column: kept})
    assert check(log).problems == []


@pytest.mark.parametrize("index", range(7))
def test_an_entry_taken_out_leaves_a_gap(log: Path, index: int) -> None:
    with closing(sqlite3.connect(log, isolation_level=None)) as connection:
        connection.execute("delete from events where idx = ?", [index])
    assert {(index + 1, "CV724"), (index + 1, "CV723")} <= _found(check(log))


def test_an_entry_taken_out_and_the_rest_moved_up_is_found(log: Path) -> None:
    with closing(sqlite3.connect(log, isolation_level=None)) as connection:
        connection.execute("delete from events where idx = 3")
        for index in range(4, 8):
            connection.execute("update events set idx = ? where idx = ?", [index - 1, index])
    found = _found(check(log))
    assert (3, "CV723") in found
    assert (3, "CV725") in found


def test_two_entries_exchanged_are_found(log: Path) -> None:
    first, second = _rows(log)[3], _rows(log)[4]
    _change(log, 3, **{column: second[column] for column in COLUMNS[1:]})
    _change(log, 4, **{column: first[column] for column in COLUMNS[1:]})
    assert {(3, "CV725"), (4, "CV725"), (3, "CV723"), (4, "CV723")} <= _found(check(log))


def test_an_entry_written_anew_with_its_own_leaf_and_link_is_found_at_the_next(log: Path) -> None:
    body = _rows(log)[2]["body"].replace(b'"answered"', b'"failed"')
    leaf = hashlib.sha256(b"\x00" + body).digest()
    _change(log, 2, body=body, leaf=leaf, link=hashlib.sha256(_rows(log)[1]["link"] + leaf).digest())
    assert _found(check(log)) == {(3, "CV723")}


def test_a_log_written_anew_as_a_whole_is_sound_by_itself_and_has_another_head(log: Path) -> None:
    """What a chain cannot show, shown: only somebody who kept the head, or a receipt, can tell."""
    before = check(log)
    _rewrite(log, lambda events: [event for event in events if event["type"] != "refusal"])
    after = check(log)
    assert after.problems == []
    assert before.head != after.head
    _rewrite(log, lambda events: events[:3])
    assert check(log).problems == []
    assert "cannot show that its last entries are missing" in report_text(check(log))


def _with(events: list[dict[str, Any]], index: int, **fields: Any) -> list[dict[str, Any]]:
    return [event | fields if at == index else event for at, event in enumerate(events)]


@pytest.mark.parametrize(
    ("problem", "change"),
    [
        ((1, "CV726"), lambda events: [*events[:1], *events[2:]]),
        ((3, "CV727"), lambda events: [*events[:3], *events[2:]]),
        ((3, "CV735"), lambda events: [*events[:3], *events[1:]]),
        ((4, "CV728"), lambda events: _with(events, 3, at="2026-11-22T12:00:02.123Z")),
        ((5, "CV729"), lambda events: _with(events, 5, type="gossip")),
        ((5, "CV729"), lambda events: _with(events, 5, type=["intent"])),
        ((3, "CV731"), lambda events: [{k: v for k, v in event.items() if k != "purpose" or at != 3} for at, event in enumerate(events)]),
        ((3, "CV732"), lambda events: _with(events, 3, v=2)),
        ((3, "CV732"), lambda events: _with(events, 3, v=True)),
        ((3, "CV732"), lambda events: _with(events, 3, nonce="")),
        ((4, "CV732"), lambda events: _with(events, 4, ended="well")),
        ((3, "CV733"), lambda events: _with(events, 3, log="southshire/1")),
        ((3, "CV734"), lambda events: _with(events, 3, at="2026-11-22T12:00:01Z")),
        ((3, "CV734"), lambda events: _with(events, 3, at="2026-13-22T12:00:01.000Z")),
        ((3, "CV734"), lambda events: _with(events, 3, at=7)),
        ((3, "CV736"), lambda events: [*events[:3], events[2] | {"type": "release"}, *events[3:]]),
        ((3, "CV721"), lambda events: _with(events, 3, purpose=None)),
        ((3, "CV721"), lambda events: _with(events, 3, purpose=1.5)),
        ((3, "CV721"), lambda events: _with(events, 3, purpose=2**53)),
        ((3, "CV721"), lambda events: _with(events, 3, agreements={"é": "x"})),
    ],
)
def test_an_event_that_breaks_a_rule_is_found_even_in_a_sound_chain(log: Path, problem: tuple[int, str], change: Any) -> None:
    _rewrite(log, change)
    assert problem in _found(check(log))


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b'{"a":1,"a":1}', b'{"a": 1}', b'{"b":1,"a":1}', b'{"a":"\\u00e9"}', b'{"a":"\\ud800"}', b"\xff",
     b'{"a":NaN}', b'{"a":1e2}', b'{"a":-0}', b"[" * 100_000, b'{"a":' + b"9" * 5000 + b"}", b'\xef\xbb\xbf{"a":1}'],
)  # fmt: skip
def test_a_body_that_is_not_canonical_is_found(log: Path, body: bytes) -> None:
    leaf = hashlib.sha256(b"\x00" + body).digest()
    _change(log, 7, body=body, leaf=leaf, link=hashlib.sha256(_rows(log)[6]["link"] + leaf).digest())
    assert _found(check(log)) == {(7, "CV721")}


async def test_an_intent_without_a_conclusion_is_counted_and_explained(tmp_path: Path) -> None:
    async with opened(tmp_path) as log, log.access(PRACTITIONER, PLAN, DECISION) as access:
        report = check(tmp_path / "access.db")
        assert (report.problems, report.open_intents) == ([], 1)
        assert "Assume that all that was permitted was seen." in report_text(report)
        await access.conclude(VIEW)


async def test_it_can_run_while_a_portal_writes(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await ask(log)
        asking = [asyncio.create_task(_ask_for(log, 40)) for _ in range(8)]
        seen = [await asyncio.to_thread(check, tmp_path / "access.db") for _ in range(10)]
        await asyncio.gather(*asking)
    assert all(report.problems == [] for report in seen)
    counts = [report.events for report in seen]
    assert counts == sorted(counts)
    assert check(tmp_path / "access.db").events == 2 + 8 * 40 * 2


async def _ask_for(log: Any, times: int) -> None:
    for _ in range(times):
        await ask(log)


def test_it_leaves_nothing_beside_a_log_at_rest(log: Path) -> None:
    before = log.read_bytes()
    check(log)
    assert [path.name for path in log.parent.iterdir()] == ["access.db"]
    assert log.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"not a database" * 1000])
def test_a_file_that_is_no_log_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "access.db"
    path.write_bytes(content)
    assert _found(check(path)) == {(None, "CV730")}


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert _found(check(tmp_path / "access.db")) == {(None, "CV730")}
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_page_is_a_problem_and_not_a_crash(log: Path) -> None:
    content = bytearray(log.read_bytes())
    for at in range(4096, len(content), 4096):
        content[at : at + 200] = os.urandom(200)
    log.write_bytes(content)
    assert check(log).problems


def test_columns_of_the_wrong_kind_are_problems_and_not_crashes(tmp_path: Path) -> None:
    path = tmp_path / "access.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("create table events (idx, access, type, body, leaf, link)")
        rows = [("a", None, 1, "{}", "x", None), (None,) * 6, (0, b"\xff", "\x1b[2J", b"{}", 1.5, "x"), (1, 1, 1, 1, 1, 1)]
        connection.executemany("insert into events values (?, ?, ?, ?, ?, ?)", rows)
        connection.execute("insert into events values (2, cast(x'ff' as text), 'intent', x'7b7d', x'00', x'00')")
    report = check(path)
    assert report.problems
    assert "\x1b" not in report_text(report)


def test_what_a_changed_log_says_does_not_reach_the_terminal(log: Path) -> None:
    _rewrite(log, lambda events: [event | {"log": "\x1b[2Jno problem", "type": "\x1b[1m"} for event in events])
    text = report_text(check(log))
    assert "\x1b" not in text
    assert "FAILED" in text


def test_it_runs_from_its_file_alone(log: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    program = shutil.copy(logcheck.__file__, elsewhere / "logcheck.py")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-I", program, *arguments], capture_output=True, text=True, timeout=60, check=False)

    done = run(str(log))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "No problem found.")
    assert done.stdout.startswith("Log northshire/1: 8 events, 3 intents, 3 conclusions.")
    _change(log, 2, type="reading")
    done = run(str(log))
    assert done.returncode == 1
    assert "CV725 entry 2: The column for 'type' is not what the body says." in done.stdout
    assert run().returncode == 2


def test_the_search_by_hand_of_the_reference_finds_both_events_of_an_access(sound: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/reference/access-log.md").read_text("utf-8")
    program = text.split("```python\n")[1].split("```")[0]
    arguments = [str(sound), str(sound.parent / "keys/pseudonym"), "nhs_number"]

    def run(number: str) -> list[str]:
        command = [sys.executable, "-I", "-c", program, *arguments, number]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()

    assert [line.split()[1] for line in run("9990000018")] == ["intent", "conclusion"] * 3
    assert run("9990000026") == []


def test_every_id_is_in_the_reference() -> None:
    root = Path(__file__).parents[2]
    text = (root / "docs/reference/access-log.md").read_text("utf-8")
    sources = [root / "portal/logcheck.py", *(root / "portal/accesslog").glob("*.py")]
    ids = {found for path in sources for found in re.findall(r"CV[79]\d\d", path.read_text("utf-8"))}
    assert {id for id in ids if id not in text} == set()
    assert len(ids) > 20
