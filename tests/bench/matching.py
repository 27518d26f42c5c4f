"""What matching costs: a candidate with its explanation on average, and the slowest of questions with a hundred candidates."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Sequence

from connectors import Person, Subject
from connectors.matching import explained, match
from tests.bench.families.measure import read_person, read_subject
from tests.bench.families.queries import make_queries

Lines = list[tuple[str, str]]
Asked = tuple[Subject, list[Person]]

QUESTIONS, CROWDED, CANDIDATES = 1_000, 1_000, 100


def lines() -> Lines:
    """Processor time of this process alone. Families are those of ``tests.bench.families``, with everything agencies may have."""
    asked = [
        (read_subject(each.subject), [read_person(one) for one in each.candidates]) for each in make_queries("bench", QUESTIONS, "full")
    ]
    everybody = [person for _, persons in asked for person in persons]
    dice = random.Random("bench")
    crowded = [(subject, [*persons, *dice.sample(everybody, CANDIDATES - len(persons))]) for subject, persons in asked[:CROWDED]]
    asked = [each for each in asked if each[1]]
    spent = _spent(asked)
    candidates = sum(len(persons) for _, persons in asked)
    slowest = sorted(_spent(crowded))
    return [
        (f"match {candidates:,} candidates of {len(asked):,} questions", f"{sum(spent) / candidates * 1e6:.1f} µs a candidate, explained"),
        (
            f"match {CANDIDATES} candidates",
            f"{slowest[len(slowest) // 2] * 1e3:.2f} ms median, {slowest[len(slowest) * 99 // 100] * 1e3:.2f} ms p99",
        ),
    ]


def _spent(asked: Sequence[Asked]) -> list[float]:
    """Seconds of processor time for each question, matched and explained."""
    _explained(asked[0])
    # What made the questions is not collected in the time of those who answer them.
    gc.collect()
    gc.freeze()
    times = []
    for each in asked:
        before = time.process_time()
        _explained(each)
        times.append(time.process_time() - before)
    gc.unfreeze()
    return times


def _explained(asked: Asked) -> None:
    for found in match(*asked):
        explained(found)
