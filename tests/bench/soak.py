"""Ten clients for as long as told, some leaving, some meeting a planted bug, while one agency's server misbehaves; then the books are checked.

``python -m tests.bench.soak SECONDS``. Exit 1 if the access log does not verify, if an intent lacks its one conclusion, if somebody was
told another thing than he should be, if a task is left over or if open file descriptors have grown; memory is told and judged by nobody.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog
from rich.console import Console

from portal import logcheck
from portal.demo import demo_federation
from tests.bench.__main__ import data_folder
from tests.bench.crowd import Came, Job, ask_all, planted_bug
from tests.journeys.doors import Answer, Door, babbles, dies, door, passes, speaks
from tests.journeys.northshire import Northshire, serving

SECTIONS = ("flags", "attendance", "involvements", "wellbeingConcerns")
#: Pools fill and idle connections come and go: so many descriptors more are no growth.
SLACK = 12
_WARM_UP = 5.0


@dataclass(frozen=True)
class Held:
    """What the process holds at one moment, when nobody asks anything."""

    memory: float
    descriptors: int
    tasks: int


async def soak(seconds: float, console: Console) -> int:
    """Returns the exit code."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as state:
        async with demo_federation(data_folder()) as demo:
            with planted_bug(), door(passes(demo.environment["FIRE_URL"], lambda path: None)) as fire:
                async with serving(demo, Path(state), environment={"FIRE_URL": fire.url}) as northshire:
                    await _crowd(northshire, fire, _WARM_UP)
                    before = await _held()
                    came = await _crowd(northshire, fire, seconds)
                    after = await _held()
                    wrong = _wrong(northshire, came, before, after)
                    _tell(console, northshire, came, seconds, before, after)
    for each in wrong:
        console.print(each, style="bold red")
    return 1 if wrong else 0


async def _crowd(northshire: Northshire, fire: Door, seconds: float) -> Came:
    misbehaving = asyncio.create_task(_misbehave(fire))
    try:
        return await ask_all(northshire, _jobs(seconds), random.Random(7), SECTIONS, keep=False)
    finally:
        misbehaving.cancel()
        with suppress(asyncio.CancelledError):
            await misbehaving


def _jobs(seconds: float) -> Iterator[Job]:
    """Three that want an answer to each that leaves and each that fails, until the time is up."""
    end = time.monotonic() + seconds
    jobs: tuple[Job, ...] = ("plain", "plain", "leaving", "plain", "failing")
    for job in itertools.cycle(jobs):
        if time.monotonic() > end:
            return
        yield job


async def _misbehave(fire: Door) -> None:
    """Let the fire service's server be well and ill by turns, half a second each."""
    ills: tuple[Answer, ...] = (dies, babbles(1024 * 1024), speaks({}, status="503 Service Unavailable"), speaks([]))
    for ill in itertools.cycle(ills):
        await asyncio.sleep(0.5)
        with fire.answering(ill):
            await asyncio.sleep(0.5)


async def _held() -> Held:
    """What is held once everything has had time to end."""
    await asyncio.sleep(3.0)
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    mebibytes = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return Held(mebibytes, len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()))


def _wrong(northshire: Northshire, came: Came, before: Held, after: Held) -> list[str]:
    report = logcheck.check(northshire.database)
    wrong = [f"entry {problem.index}: {problem.id} {problem.message}" for problem in report.problems]
    if report.open_intents or report.intents != report.conclusions:
        wrong.append(f"{report.open_intents} intents have no conclusion, and nobody is being answered.")
    expected = {("plain", 200), ("leaving", 200), ("failing", 500)}
    wrong += [
        f"{times} {job} questions were answered {status}."
        for (job, status), times in came.statuses.items()
        if (job, status) not in expected
    ]
    if after.descriptors > before.descriptors + SLACK:
        wrong.append(f"Open descriptors have grown from {before.descriptors} to {after.descriptors}.")
    if after.tasks > before.tasks:
        wrong.append(f"{after.tasks - before.tasks} tasks are left over.")
    return wrong


def _tell(console: Console, northshire: Northshire, came: Came, seconds: float, before: Held, after: Held) -> None:
    ended = Counter(event["ended"] for event in northshire.events() if event["type"] == "conclusion")
    console.print(
        f"{came.total} questions in {seconds:g} s ({came.total / seconds:.1f} a second): {came.statuses['plain', 200]} answered, "
        f"{came.left} left before, {came.statuses['failing', 500]} met the bug."
    )
    console.print(f"The log, with the warm-up: {sum(ended.values())} conclusions, {dict(sorted(ended.items()))}.")
    console.print(f"Memory {before.memory:.1f} -> {after.memory:.1f} MiB, descriptors {before.descriptors} -> {after.descriptors}, "
                  f"tasks {before.tasks} -> {after.tasks}.")  # fmt: skip


def main(arguments: list[str]) -> int:
    if len(arguments) > 1 or not all(each.replace(".", "", 1).isdecimal() for each in arguments):
        print("Usage: python -m tests.bench.soak SECONDS", file=sys.stderr)
        return 2
    return asyncio.run(soak(float(arguments[0]) if arguments else 60.0, Console(width=110)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
