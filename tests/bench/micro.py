"""Single steps by themselves: matching, merging, and how many events a second the access log takes."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import msgspec

from connectors import Address, Person
from connectors.matching import match
from connectors.standard import Provenance, Standard
from portal.accesslog import AccessLog
from portal.api.schema import build_schema
from portal.gateway import Portal, open_portal
from portal.merge import merge
from portal.model import ChildView
from portal.outcomes import Outcome
from tests.bench.questions import QUESTIONS, Asked, asked, federation

#: What was measured and what came out, in words.
Lines = list[tuple[str, str]]


async def lines(state: Path) -> Lines:
    """Every single measurement. Needs the demo's environment, and asks none of its agencies."""
    loaded = federation()
    whole = await asked(QUESTIONS["whole view"], loaded, build_schema(loaded.standard))
    async with open_portal(loaded, state) as portal:
        measured = _matching(whole) + _merging(whole, portal)
        view = merge(whole.plan, whole.decision, _outcomes(whole, portal.standard, 5), {}, portal.known, datetime.now(UTC))
        for waiting in (1, 32):
            rate = await _appended(portal.log, whole, view, waiting)
            measured.append((f"access log, {waiting} waiting", f"{rate:,.0f} events a second, each durable"))
    return measured


def _matching(whole: Asked) -> Lines:
    """The costliest there is: a hundred namesakes born in one month, half of them at the child's own home, who all compete with all."""
    subject = whole.question.subject
    spellings = [subject.given_name, "Josephine", "Joanna", "Jo-Ann", "Joe", "Mya", None]
    candidates = [
        Person(
            id=str(at),
            given_name=spellings[at % len(spellings)],
            family_name=subject.family_name,
            birth_date=f"2014-02-{at % 28 + 1:02}",
            sex="female",
            addresses=(Address(line=f"{at % 9 + 1} Shore Road", postcode="NS1 1AA" if at % 2 else "NS2 2BB"),),
            parents=("Ada Ash",),
        )
        for at in range(100)
    ]
    each = _timed(lambda: match(subject, candidates)) / len(candidates)
    return [("match one subject with 100 namesakes", f"{each:.1f} µs a candidate")]


def _merging(whole: Asked, portal: Portal) -> Lines:
    told: Lines = []
    for each in (5, 100):
        outcomes = _outcomes(whole, portal.standard, each)
        count = sum(len(outcome.records) for outcome in outcomes)
        spent = _timed(lambda outcomes=outcomes: merge(whole.plan, whole.decision, outcomes, {}, portal.known, datetime.now(UTC)))  # type: ignore[misc]
        told.append(
            (f"merge {count:,} records of {len(outcomes)} (source, kind)s", f"{spent / 1000:.2f} ms, {spent / count:.1f} µs a record")
        )
    return told


def _outcomes(whole: Asked, standard: Standard, each: int) -> list[Outcome]:
    """For every ruling what it would have brought: so many records of a permitted kind, all of different days."""
    numbers = itertools.count()
    permitted = {(ruling.source, ruling.kind) for ruling in whole.decision.permitted}

    def records(source: str, kind: str) -> tuple[msgspec.Struct, ...]:
        stamp = (Provenance(source, source, datetime.now(UTC), "bench/1", standard.version),)
        dated = "occurredOn" in standard.kinds[kind].fields
        return tuple(
            standard.kinds[kind].record(
                id=str(number), kind=kind, tier="T2", contact="01632 960000", provenance=stamp,
                **({"occurredOn": f"20{number % 26:02}-{number % 12 + 1:02}-{number % 28 + 1:02}"} if dated else {}),
            )
            for number in itertools.islice(numbers, each)
        )  # fmt: skip

    return [
        Outcome(source=ruling.source, kind=ruling.kind, state="ANSWERED", records=records(ruling.source, ruling.kind), found=True)
        if (ruling.source, ruling.kind) in permitted
        else Outcome(source=ruling.source, kind=ruling.kind, state="NOT_PERMITTED")
        for ruling in whole.decision.rulings
    ]


async def _appended(log: AccessLog, whole: Asked, view: ChildView, waiting: int, accesses: int = 320) -> float:
    """Events a second, when so many accesses are open at once; each is an intent and a conclusion of a whole view."""
    left = iter(range(accesses))

    async def enter_and_conclude() -> None:
        for _ in left:
            async with log.access(whole.practitioner, whole.plan, whole.decision) as access:
                await access.conclude(view)

    start = time.perf_counter()
    await asyncio.gather(*(enter_and_conclude() for _ in range(waiting)))
    return 2 * accesses / (time.perf_counter() - start)


def _timed(work: Callable[[], object], batches: int = 7) -> float:
    """Processor microseconds of one call: the median of some batches of some 50 ms each."""
    start = time.process_time()
    work()
    calls = max(1, int(0.05 / max(time.process_time() - start, 1e-5)))
    spent: list[float] = []
    for _ in range(batches):
        start = time.process_time()
        for _ in range(calls):
            work()
        spent.append((time.process_time() - start) / calls)
    return median(spent) * 1e6
