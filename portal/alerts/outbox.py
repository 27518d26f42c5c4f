"""The outbox: alerts wait in the database until they have left. What is committed here is not lost when the portal ends.

Several gateways may share one outbox: a row is claimed for a while before it is sent, so that mostly one of them sends it.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text, delete, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from portal.accesslog.events import moment, stamp
from portal.alerts.letters import Alert
from portal.storage import Database

TABLES = MetaData()

#: ``at``, ``due_at`` and the rest are UTC moments as the access log writes them, which sort as text.
_OUTBOX = Table(
    "alerts",
    TABLES,
    Column("id", String(32), primary_key=True),
    Column("at", String(24), nullable=False),
    Column("to_agency", String(63), nullable=False),
    Column("alert", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", String(24), nullable=False),
    Column("copied_at", String(24)),
    Column("delivered_at", String(24)),
    Index("alerts_due", "delivered_at", "due_at"),
    Index("alerts_copied", "copied_at"),
)


class Waiting(msgspec.Struct, frozen=True):
    """One alert in the outbox: ``tries`` have failed so far, it is due again at ``due_at`` (as written)."""

    id: str
    at: datetime
    alert: Alert
    tries: int
    due_at: str


class Outbox:
    """The table of alerts. Every method raises StorageUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, alerts: Iterable[Alert], at: datetime, connection: AsyncConnection | None = None) -> int:
        """Keep alerts, durably when this returns, or when the transaction of ``connection`` has ended. Gives how many."""
        rows = [_row(alert, at) for alert in alerts]
        if rows and connection is not None:
            await connection.execute(insert(_OUTBOX), rows)
        elif rows:
            async with self._database.begin() as own:
                await own.execute(insert(_OUTBOX), rows)
        return len(rows)

    async def uncopied(self, most: int) -> list[Waiting]:
        """The alerts that do not stand in the file yet, oldest first."""
        return await self._select(select(_OUTBOX).where(_OUTBOX.c.copied_at.is_(None)).order_by(_OUTBOX.c.at).limit(most))

    async def copied(self, ids: Sequence[str], at: datetime) -> None:
        await self._update(update(_OUTBOX).where(_OUTBOX.c.id.in_(ids)).values(copied_at=stamp(at)))

    async def due(self, agencies: Collection[str], at: datetime, most: int) -> list[Waiting]:
        """What is to be sent to ``agencies`` now: those that failed least often first, so that one bad alert holds up no other."""
        c = _OUTBOX.c
        due = select(_OUTBOX).where(c.delivered_at.is_(None), c.due_at <= stamp(at), c.to_agency.in_(agencies))
        return await self._select(due.order_by(c.tries, c.at).limit(most))

    async def claim(self, waiting: Waiting, until: datetime) -> bool:
        """Take an alert to be sent by nobody else before ``until``. False: somebody else has it, or has sent it."""
        c = _OUTBOX.c
        free = update(_OUTBOX).where(c.id == waiting.id, c.delivered_at.is_(None), c.due_at == waiting.due_at)
        return await self._update(free.values(due_at=stamp(until))) == 1

    async def delivered(self, waiting: Waiting, at: datetime) -> None:
        await self._update(update(_OUTBOX).where(_OUTBOX.c.id == waiting.id).values(delivered_at=stamp(at)))

    async def failed(self, waiting: Waiting, again: datetime) -> None:
        """Try this alert again at ``again``, and nothing else for the same agency before it: what failed is the way there."""
        c = _OUTBOX.c
        async with self._database.begin() as connection:
            await connection.execute(update(_OUTBOX).where(c.id == waiting.id).values(tries=waiting.tries + 1, due_at=stamp(again)))
            others = update(_OUTBOX).where(c.to_agency == waiting.alert.to, c.delivered_at.is_(None), c.due_at < stamp(again))
            await connection.execute(others.values(due_at=stamp(again)))

    async def stranded(self, agencies: Collection[str]) -> set[str]:
        """The agencies beyond ``agencies`` for which something waits."""
        c = _OUTBOX.c
        async with self._database.read() as connection:
            found = await connection.execute(select(c.to_agency).where(c.delivered_at.is_(None), c.to_agency.not_in(agencies)).distinct())
            return {row.to_agency for row in found}

    async def sweep(self, before: datetime, *, copies: bool) -> None:
        """Take out what was delivered before then; with ``copies``, only what stands in the file as well."""
        gone = delete(_OUTBOX).where(_OUTBOX.c.delivered_at < stamp(before))
        await self._update(gone.where(_OUTBOX.c.copied_at.is_not(None)) if copies else gone)

    async def _select(self, statement: Any) -> list[Waiting]:
        async with self._database.read() as connection:
            return [_waiting(row) for row in await connection.execute(statement)]

    async def _update(self, statement: Any) -> int:
        async with self._database.begin() as connection:
            return int((await connection.execute(statement)).rowcount)


def pause(tries: int) -> timedelta:
    """How long nobody tries after so many failures: 5 seconds, twice as long each time, an hour at most."""
    return timedelta(seconds=min(3600, 5 * 2 ** min(tries, 10)))


def _row(alert: Alert, at: datetime) -> dict[str, Any]:
    kept = msgspec.json.encode(alert).decode()
    return {"id": secrets.token_hex(16), "at": stamp(at), "to_agency": alert.to, "alert": kept, "tries": 0, "due_at": stamp(at)}


def _waiting(row: Row[Any]) -> Waiting:
    return Waiting(row.id, moment(row.at), msgspec.json.decode(row.alert, type=Alert), row.tries, row.due_at)
