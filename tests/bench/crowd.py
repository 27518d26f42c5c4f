"""A crowd at the portal: some get their answer, some leave in the middle, and some meet a planted bug."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import portal.gateway
from tests.journeys.northshire import Answered, Northshire, typed

CLIENTS = 10
#: Typed by nobody else: the planted bug breaks on it, and says it.
UNLUCKY = "Quillfeather"
Job = Literal["plain", "leaving", "failing"]


def light(section: str) -> str:
    """A question for the ids of one section."""
    return f"""query Light($subject: SubjectInput!, $purpose: ID!) {{ child(subject: $subject, purpose: $purpose) {{
  receipt {{ access index leaf }} {section} {{ everySourceAnswered records {{ id }} missing {{ source state }} }} }} }}"""


@dataclass
class Came:
    """What the crowd was told: answers, what the unlucky got, and how many left before they were answered.

    ``usual`` is how long a question has taken of late, in seconds: whoever leaves does so within that, fast machine or slow.
    ``statuses`` counts HTTP statuses by what was wanted. The answers themselves are kept unless ``keep`` is false.
    """

    keep: bool = True
    answers: list[Answered] = field(default_factory=list)
    failures: list[Answered] = field(default_factory=list)
    left: int = 0
    usual: float = 0.3
    statuses: Counter[tuple[Job, int]] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.statuses.total() + self.left

    def note(self, job: Job, answered: Answered) -> None:
        self.statuses[job, answered.status] += 1
        if self.keep and job != "leaving":
            (self.failures if job == "failing" else self.answers).append(answered)


@contextmanager
def planted_bug() -> Iterator[None]:
    """Within the block merging breaks for one family name, and its text says that name."""
    merge: Callable[..., Any] = portal.gateway.merge

    def broken(plan: Any, *rest: Any) -> Any:
        if plan.question.subject.family_name == UNLUCKY:
            raise RuntimeError(f"cannot merge {plan.question.subject}")
        return merge(plan, *rest)

    portal.gateway.merge = broken
    try:
        yield
    finally:
        portal.gateway.merge = merge


async def ask_all(
    northshire: Northshire, jobs: Iterator[Job], chance: random.Random, sections: tuple[str, ...], *, keep: bool = True
) -> Came:
    """Ten clients share the jobs until there are none left."""
    came = Came(keep)
    async with asyncio.TaskGroup() as clients:
        for _ in range(CLIENTS):
            clients.create_task(_client(northshire, jobs, chance, sections, came))
    return came


async def _client(northshire: Northshire, jobs: Iterator[Job], chance: random.Random, sections: tuple[str, ...], came: Came) -> None:
    for job in jobs:
        subject = typed(chance.choice(northshire.demo.world.children), number=chance.random() < 0.3)
        query = light(chance.choice(sections))
        if job == "failing":
            came.note(job, await northshire.ask("morag", subject | {"familyName": UNLUCKY}, query=query))
        elif job == "plain":
            began = time.perf_counter()
            came.note(job, await northshire.ask(chance.choice(("morag", "ewan", "hamida", "tom")), subject, query=query))
            came.usual += (time.perf_counter() - began - came.usual) / 10
        else:
            # The connection is dropped while the question is on its way, being asked, being written down, or just answered.
            try:
                async with asyncio.timeout(chance.uniform(0, came.usual)):
                    came.note(job, await northshire.ask("morag", subject, query=query))
            except TimeoutError:
                came.left += 1
