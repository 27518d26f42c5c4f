"""Nobody finds out where a child lives by typing one place after another.

Whoever asks about one child with three different places within 24 hours is stopped, and their agency is told. What was typed is not
kept: for those hours a keyed digest of it stands beside a keyed mark of asker and child, which tells neither.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, Column, Index, MetaData, String, Table, bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors import Address, Subject
from portal.accesslog.events import stamp
from portal.accesslog.pseudonyms import Lasting, identifiers_of, normal_name
from portal.alerts import Alert, Alerts
from portal.errors import RequestError
from portal.model import Practitioner
from portal.storage import Database, StorageUnavailable

#: So many different places are one too many: a postcode mistyped once can be put right.
PLACES = 3
#: So long a place counts.
KEPT = timedelta(hours=24)
#: So much later at the soonest it is noted that a place was typed again: most questions only read.
AGAIN = timedelta(minutes=5)
#: So many seconds the table is waited for.
PATIENCE = 2.0

TABLES = MetaData()

#: ``whom`` is asker and child, ``at`` when the place was last typed; ``stopped``: with it the asker was turned away.
_TRIED = Table(
    "places_tried",
    TABLES,
    Column("whom", String(64), primary_key=True),
    Column("place", String(64), primary_key=True),
    Column("at", String(24), nullable=False),
    Column("stopped", Boolean, nullable=False),
    Index("places_tried_at", "at"),
)
#: By asker and child, the places typed, and whether each was one too many.
Known = dict[str, dict[str, bool]]
_SIGN = re.compile(r"[^\W_]+")
_WITHOUT = "Ask again without address, phone, school and parents. To keep a child safe, phone. The numbers are at /contacts."


@dataclass
class _Asked:
    """One question that waits to be counted: the place typed, by everything that names the child; None: it has not been counted yet."""

    places: Mapping[str, str]
    agency: str
    stopped: bool | None = None


class Tried:
    """The places that were typed. ``database`` has been opened with ``TABLES``; ``now`` gives aware UTC datetimes, the access log's."""

    def __init__(self, database: Database, lasting: Lasting, alerts: Alerts, now: Callable[[], datetime]) -> None:
        self._database = database
        self._lasting = lasting
        self._alerts = alerts
        self._now = now
        self._waiting: list[_Asked] = []
        self._turn = asyncio.Lock()

    async def check(self, subject: Subject, by: Practitioner) -> None:
        """Count the place that was typed, if one was. Durable on return, so that of two questions at one moment both are counted.

        Raises RequestError CV607 for the third within 24 hours, StorageUnavailable when it cannot be counted; where no place was typed,
        neither.
        """
        typed = place_of(subject)
        if typed is None:
            return
        whom = [self._lasting.mark("asked", by.key, *self._lasting.of(each)) for each in identifiers_of(subject)]
        asked = _Asked({each: self._lasting.mark("place", each, typed) for each in whom}, by.agency)
        try:
            async with asyncio.timeout(PATIENCE):
                stopped = not await self._known(asked) and await self._counted(asked)
        except (StorageUnavailable, TimeoutError) as error:
            unreadable = error if isinstance(error, StorageUnavailable) else StorageUnavailable("no answer in time")
            unreadable.hint = _WITHOUT
            raise unreadable from None
        if stopped:
            message = "You have asked about this child with several different places."
            raise RequestError("CV607", message, status=403, hint=_WITHOUT, path=("subject",))

    async def sweep(self) -> None:
        """Take out what counts no longer. Raises StorageUnavailable."""
        async with self._database.begin() as connection:
            await connection.execute(self._old())

    async def _known(self, asked: _Asked) -> bool:
        """Whether the place was typed a moment ago, under everything that names the child, and was not one too many."""
        c = _TRIED.c
        recent = select(c.whom, c.place).where(c.whom.in_(asked.places), c.at > stamp(self._now() - AGAIN), c.stopped.is_(False))
        async with self._database.read() as connection:
            found = {(row.whom, row.place) for row in await connection.execute(recent)}
        return asked.places.items() <= found

    async def _counted(self, asked: _Asked) -> bool:
        """Count a question, and with it in one transaction all that wait meanwhile; whether its place is one too many."""
        self._waiting.append(asked)
        try:
            async with self._turn:
                if asked.stopped is None:  # else somebody has counted it already
                    await self._count([*self._waiting])
        finally:
            self._waiting = [each for each in self._waiting if each is not asked]
        return bool(asked.stopped)

    async def _count(self, batch: Sequence[_Asked]) -> None:
        """Count questions in their order, and tell the agency of each that is the first of its kind to be stopped."""
        async with self._database.begin() as connection:
            await self._database.alone(connection, _TRIED)
            await connection.execute(self._old())
            known = await _rows(connection, {whom for each in batch for whom in each.places})
            noted = [note(known, each.places) for each in batch]
            await self._keep(connection, known, {pair for each in batch for pair in each.places.items()})
            told = [each.agency for each, (_, first) in zip(batch, noted, strict=True) if first]
            await self._alerts.add((Alert(kind="places", to=agency, by_agency=agency) for agency in told), connection)
        for each, (stopped, _) in zip(batch, noted, strict=True):
            each.stopped = stopped
        if told:
            self._alerts.wake()

    async def _keep(self, connection: AsyncConnection, known: Known, typed: Iterable[tuple[str, str]]) -> None:
        """Write down what was typed now, as far as it is to be remembered."""
        at = stamp(self._now())
        rows = [
            {"whom": whom, "place": place, "at": at, "stopped": known[whom][place]} for whom, place in sorted(typed) if place in known[whom]
        ]
        if rows:
            gone = delete(_TRIED).where(_TRIED.c.whom == bindparam("of"), _TRIED.c.place == bindparam("there"))
            await connection.execute(gone, [{"of": row["whom"], "there": row["place"]} for row in rows])
            await connection.execute(insert(_TRIED), rows)

    def _old(self) -> Any:
        return delete(_TRIED).where(_TRIED.c.at <= stamp(self._now() - KEPT))


async def _rows(connection: AsyncConnection, whom: Collection[str]) -> Known:
    known: Known = {}
    for row in await connection.execute(select(_TRIED).where(_TRIED.c.whom.in_(whom))):
        known.setdefault(row.whom, {})[row.place] = row.stopped
    return known


def note(known: Known, places: Mapping[str, str]) -> tuple[bool, bool]:
    """Note in ``known`` the place typed, under everything that names the child: whether it is one too many, and whether for the first time.

    No more places are noted than it takes to stop somebody.
    """
    stopped = first = False
    for whom, place in places.items():
        there = known.setdefault(whom, {})
        too_many = is_one_too_many(there, place)
        stopped, first = stopped or too_many, first or (too_many and not any(there.values()))
        if place in there or len(there) < PLACES:
            there[place] = too_many
    return stopped, first


def is_one_too_many(there: Mapping[str, bool], place: str) -> bool:
    """Whether a place is the third; ``there`` are those typed before, and whether each was stopped. The first two can be typed again."""
    return len(there.keys() | {place}) >= PLACES and there.get(place, True)


def place_of(subject: Subject) -> str | None:
    """Everything that was typed of where a child is at home, as one plain text; None where nothing was."""
    parts = {
        "address": {_address(each) for each in subject.addresses},
        "phone": {_phone(each) for each in subject.phones},
        "school": {_plain(subject.school or "")},
        "parents": {normal_name(each) for each in subject.parents},
    }
    said = {name: sorted(filter(None, texts)) for name, texts in parts.items()}
    return json.dumps(said, sort_keys=True) if any(said.values()) else None


def _address(address: Address) -> str:
    """Line and postcode, by which children are matched. A town alone matches nobody."""
    line, postcode = _plain(address.line or ""), _plain(address.postcode or "").replace(" ", "")
    return f"{line}|{postcode}" if line or postcode else ""


def _phone(phone: str) -> str:
    """The digits of a number, as they are dialled within the country."""
    digits = "".join(each for each in phone if each.isdecimal())
    return re.sub(r"^(0044|44)0?", "0", digits)


def _plain(text: str) -> str:
    return " ".join(_SIGN.findall(text.casefold()))
