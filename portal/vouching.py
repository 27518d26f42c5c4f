"""How often agencies vouch for their own people: an agency that vouches for everybody vouches for nothing.

Counted per agency, day and person (under a pseudonym), never per child; kept as long as it is compared, 30 days.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import msgspec
from sqlalchemy import Column, Date, Index, Integer, MetaData, String, Table, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors import Identifier
from portal.accesslog.pseudonyms import Lasting
from portal.storage import Database, UniqueConflict

#: So many days are looked at, the last one included.
DAYS = 30
#: Fewer vouchings than these say nothing.
LEAST = 20
#: So many times its peers' rate is unusual.
TIMES = 3

TABLES = MetaData()

_TALLIES = Table(
    "vouchings",
    TABLES,
    Column("agency", String(63), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("person", String(64), primary_key=True),
    Column("asked", Integer, nullable=False),
    Column("vouched", Integer, nullable=False),
    Index("vouchings_day", "day"),
)
_TOLD = Table("vouchings_told", TABLES, Column("agency", String(63), primary_key=True), Column("day", Date, primary_key=True))


class Tally(msgspec.Struct, frozen=True):
    """What an agency did in the days compared: how many of its people asked, and for how many questions it vouched itself."""

    people: int
    vouched: int


class Vouchings:
    """The tallies of a federation; ``database`` has been opened with ``TABLES``. Every method raises StorageUnavailable."""

    def __init__(self, database: Database, lasting: Lasting) -> None:
        self._database = database
        self._lasting = lasting

    async def note(self, agency: str, practitioner_key: str, vouched_by_own: bool, day: date) -> None:
        """Count one question of one person (``issuer|person``) on a local day, and whether their own agency vouched for them."""
        person = self._lasting.of(Identifier("practitioner", f"{agency}|{practitioner_key}"))[1]
        try:
            await self._count(agency, person, vouched_by_own, day)
        except UniqueConflict:  # the person's first question of the day came twice at once
            await self._count(agency, person, vouched_by_own, day)

    async def unusual(self, agency: str, day: date) -> bool:
        """Whether the agency vouches for its own people unusually often, in the days up to ``day``. True once for each agency and day."""
        async with self._database.read() as connection:
            told = (await connection.execute(select(_TOLD).where(_TOLD.c.agency == agency, _TOLD.c.day == day))).first()
            if told or not is_unusual(agency, await _tallies(connection, day)):
                return False
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(_TOLD).values(agency=agency, day=day))
        except UniqueConflict:
            return False
        return True

    async def _count(self, agency: str, person: str, vouched: bool, day: date) -> None:
        c = _TALLIES.c
        async with self._database.begin() as connection:
            one_more = update(_TALLIES).where(c.agency == agency, c.day == day, c.person == person)
            if (await connection.execute(one_more.values(asked=c.asked + 1, vouched=c.vouched + int(vouched)))).rowcount:
                return
            await connection.execute(insert(_TALLIES).values(agency=agency, day=day, person=person, asked=1, vouched=int(vouched)))
            for table in (_TALLIES, _TOLD):
                await connection.execute(delete(table).where(table.c.day <= day - timedelta(days=DAYS)))


def is_unusual(agency: str, tallies: Mapping[str, Tally]) -> bool:
    """Whether an agency's vouchings per asking person are more than ``TIMES`` the mean of the other agencies'.

    Nobody is compared with agencies of which nobody asked, nor for fewer than ``LEAST`` vouchings.
    """
    own = tallies.get(agency, Tally(0, 0))
    peers = [each.vouched / each.people for name, each in tallies.items() if name != agency and each.people]
    if own.vouched < LEAST or not peers:
        return False
    return own.vouched / own.people > TIMES * sum(peers) / len(peers)


async def _tallies(connection: AsyncConnection, day: date) -> dict[str, Tally]:
    c = _TALLIES.c
    summed = select(c.agency, func.count(c.person.distinct()).label("people"), func.sum(c.vouched).label("vouched"))
    within = summed.where(c.day > day - timedelta(days=DAYS), c.day <= day).group_by(c.agency)
    return {row.agency: Tally(row.people, row.vouched) for row in await connection.execute(within)}
