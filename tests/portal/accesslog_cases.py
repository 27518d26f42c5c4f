"""Jo Ash, who is invented, and one question about Jo: what the access log's tests write down."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors import Identifier, Subject
from portal.accesslog import AccessLog, LogSettings
from portal.model import (
    ChildView,
    Decision,
    LoggedOutcome,
    Manifest,
    MatchedIdentifier,
    Plan,
    PlannedAsk,
    Practitioner,
    Question,
    ReleasedRecord,
    Ruling,
)

LOG = "northshire/1"
NHS_NUMBER = "999 000 0018"
REASON = "Bruise seen at registration, says fell at Gran's"
CONTENT = b'{"id":"9990000018/7","summary":"Hungry at school again"}'
NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
SETTINGS = LogSettings(url="sqlite:access.db", pseudonym_key="file:keys/pseudonym", digest_key="file:keys/digest")

PRACTITIONER = Practitioner(
    issuer="https://id.northshire.example", person="sub-17", agency="hillview-school", roles=("named_person",), assurance="aal2"
)
SUBJECT = Subject(
    identifiers=(Identifier("nhs_number", NHS_NUMBER), Identifier("Jo's number", "HV-17-Ash")),
    given_name="Jo",
    family_name="Ásh-Ødegård",
    birth_date="2015-03-01",
)
PLAN = Plan(
    question=Question(
        subject=SUBJECT,
        purpose="child-protection",
        reason=REASON,
        wanted={"WellbeingConcern": frozenset({"summary", "occurredOn"})},
        sections=frozenset({"WellbeingConcern"}),
        chronology=False,
        demographics=False,
        document="ab" * 32,
    ),
    purpose="child-protection",
    asks=(PlannedAsk(source="northshire-police", kind="WellbeingConcern", fields=frozenset({"summary", "occurredOn"})),),
    unfindable=frozenset(),
)
DECISION = Decision(
    at=NOON,
    rulings=(
        Ruling(
            source="northshire-police",
            kind="WellbeingConcern",
            permitted=True,
            fields=frozenset({"summary", "occurredOn"}),
            ceiling="T3",
            existence="T3",
            clause="ISA-07 §3",
        ),
        Ruling(
            source="northshire-nhs",
            kind="HealthContact",
            permitted=False,
            reason="no-clause",
            nearest="ISA-09 §2",
            state="NOT_PERMITTED",
        ),
    ),
    agreements={"ISA-07@3": "sha256:" + "cd" * 32},
    place=False,
)
MANIFEST = Manifest(
    outcomes=(
        LoggedOutcome(source="northshire-police", kind="WellbeingConcern", state="ANSWERED", records=1, clause="ISA-07 §3", band="LINK"),
        LoggedOutcome(source="northshire-nhs", kind="HealthContact", state="NOTHING_TO_SHOW", records=0, reason="shielded"),
    ),
    matched=(
        MatchedIdentifier(source="northshire-police", identifier=Identifier("nhs_number", "9990000018")),
        MatchedIdentifier(source="northshire-police", identifier=Identifier("demographics", "Ash-Odegard\x1fJo\x1f2015-03-01")),
    ),
    released=(ReleasedRecord(source="northshire-police", kind="WellbeingConcern", id="9990000018/7", content=CONTENT),),
)
VIEW = ChildView(
    everySourceAnswered=True,
    purpose="child-protection",
    asOf=NOON,
    sources=(),
    demographics=None,
    chronology=None,
    sections={},
    held=(),
    manifest=MANIFEST,
)


class Clock:
    """A clock that stands until it is moved. While ``gate`` is clear the log's writer waits in it, as it would for a slow disk."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()

    def __call__(self) -> datetime:
        if threading.current_thread().name == "access-log":
            self.reached.set()
            self.gate.wait(30)
        return self.at

    def hold(self) -> None:
        self.reached.clear()
        self.gate.clear()

    def go(self) -> None:
        self.gate.set()

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)

    async def held(self) -> None:
        """Until the writer waits at the gate."""
        await asyncio.to_thread(self.reached.wait, 30)


@asynccontextmanager
async def opened(state: Path, clock: Clock | None = None, settings: LogSettings = SETTINGS, **more: Any) -> AsyncIterator[AccessLog]:
    log = await AccessLog.open(settings, LOG, state, clock or Clock(), **more)
    try:
        yield log
    finally:
        if clock is not None:
            clock.go()
        await log.close()


async def ask(log: AccessLog, inside: asyncio.Event | None = None, before: float = 0, after: float = 0) -> ChildView:
    """One whole access, answered. ``inside`` is set when the block begins; ``before`` and ``after`` its conclusion are seconds."""
    async with log.access(PRACTITIONER, PLAN, DECISION) as access:
        if inside is not None:
            inside.set()
        await asyncio.sleep(before)
        view = await access.conclude(VIEW)
        await asyncio.sleep(after)
        return view


def written(state: Path) -> list[dict[str, Any]]:
    """The events as another process would read them now."""
    with closing(sqlite3.connect(f"file:{state / 'access.db'}?mode=ro", uri=True)) as connection:
        return [json.loads(body) for (body,) in connection.execute("select body from events order by idx")]


def conclusions(events: list[dict[str, Any]]) -> dict[str, list[str]]:
    """How each access ended, by the accesses that have an intent; a list of one is what every access should have."""
    ended: dict[str, list[str]] = {event["access"]: [] for event in events if event["type"] == "intent"}
    for event in events:
        if event["type"] == "conclusion":
            ended[event["access"]].append(event["ended"])
    return ended
