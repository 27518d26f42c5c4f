"""Who may say that a record is another child's, who may say that this is over, and what is written when they do.

The source's agency is told where the report is written down, in one transaction. Nobody but its officers ends it: a report that its
maker, or the portal, could take back would be a way to try children out.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
import structlog
from sqlalchemy import Row, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors import Person
from portal.accesslog import Access
from portal.accesslog.events import moment, stamp
from portal.accesslog.pseudonyms import Lasting
from portal.alerts import Alert, Alerts
from portal.alerts.letters import citable
from portal.changes import DoubtClosing, WrongChild
from portal.doubts.handles import LASTS, Handle, opened, sealed
from portal.doubts.heeding import Standing
from portal.doubts.tables import ABOUT, CLOSINGS, DOUBTS
from portal.errors import PortalError, RequestError
from portal.model import Practitioner
from portal.outcomes import Outcome
from portal.sealing import Sealer
from portal.storage import Database, StorageUnavailable
from portal.tokens import NoToken, Tokens

#: So many seconds the reports are waited for: no source's answer may be late for their sake.
READING = 0.5
#: What ends a report: the source has put its record right, or has found that it was this child's.
ENDS = frozenset({"CORRECTED", "SAME_CHILD"})
_USE = "doubt"

log = structlog.get_logger("childview.doubts")


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """A report that stands, as an officer sees it. Names no child and nobody who reported.

    ``unclear``: somebody has looked already, and could not find out.
    """

    id: str
    source: str
    access: str
    at: datetime
    by_agency: str
    unclear: bool


class Report(msgspec.Struct, frozen=True):
    """What was written down: the report's id, when, and what was shown that it is about."""

    id: str
    at: datetime
    about: Handle


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """What an officer has found, as the next version of a report; ``at`` is aware."""

    id: str
    version: int
    source: str
    outcome: Literal["CORRECTED", "SAME_CHILD", "UNCLEAR"]
    at: datetime


class Doubts:
    """The reports of one federation. ``officers`` are the roles that close them, each at the source's agency.

    ``database`` has been opened with ``TABLES``; ``agency_of`` maps sources to their agencies; ``clock`` gives aware UTC datetimes, the
    access log's. Without a ``sealer`` for the words nothing can be reported.
    """

    def __init__(
        self, *, database: Database, lasting: Lasting, sealer: Sealer | None, alerts: Alerts, officers: Collection[str],
        agency_of: Mapping[str, str], clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._database = database
        self._lasting = lasting
        self._sealer = sealer
        self._alerts = alerts
        self._tokens = Tokens(lasting.key("doubts"))
        self._officers = officers
        self._agency_of = agency_of
        self._clock = clock

    def handles(
        self, persons: Mapping[str, Iterable[Person]], outcomes: Iterable[Outcome], by: Practitioner, access: Access
    ) -> dict[str, str]:
        """For each source, what ``by`` can report its record by. ``persons`` are those accepted there."""
        matches = {outcome.source: outcome.match for outcome in outcomes if outcome.found and outcome.match}
        return {
            source: sealed(self._handle(source, [each.id for each in known], match.classes, access), self._tokens, by.key, self._clock())
            for source, known in persons.items()
            if (match := matches.get(source))
        }

    async def standing(self, source: str, persons: Collection[str], asker: str) -> Standing:
        """Which of a source's persons, by id, were reported by ``asker`` (``issuer|person``), and which by others. Never raises."""
        marked = {self._mark(source, id): id for id in persons}
        if not marked:
            return Standing()
        about = select(ABOUT.c.person, DOUBTS.c.reporter).join(DOUBTS, DOUBTS.c.id == ABOUT.c.doubt)
        about = about.where(ABOUT.c.person.in_(marked), DOUBTS.c.ended_at.is_(None))
        try:
            async with asyncio.timeout(READING), self._database.read() as connection:
                found = (await connection.execute(about)).all()
        except (StorageUnavailable, TimeoutError) as error:
            log.error("reports cannot be read", id="CV811", why=getattr(error, "why", "no answer in time"))
            return Standing(readable=False)
        own = frozenset(marked[row.person] for row in found if row.reporter == asker)
        return Standing(own=own, others=frozenset(marked[row.person] for row in found if row.reporter != asker))

    async def report(self, wrong: WrongChild, by: Practitioner) -> Report:
        """Write down that a record is another child's, and tell the source's agency. Durable on return; the words are sealed.

        Raises RequestError: CV446 no handle of this person's, CV447 reported before; PortalError CV739 without a key to seal with;
        StorageUnavailable.
        """
        handle, sealer = self._opened(wrong.report, by), self._sealing()
        id, at, persons = secrets.token_hex(8), moment(stamp(self._clock())), {mark.hex() for mark in handle.marks}
        row = {"id": id, "source": handle.source, "reporter": by.key, "agency": by.agency, "access": handle.access, "at": stamp(at)}
        row["words"] = _sealed(sealer, id, wrong.words)
        async with self._database.begin() as connection:
            await self._database.alone(connection, ABOUT)
            new = persons - await _reported(connection, persons, by.key)
            if not new:
                hint = "What you said then stands until the agency has looked into it. If it cannot wait, phone."
                raise RequestError("CV447", "You have reported this record before.", status=409, hint=hint, path=("report",))
            await connection.execute(insert(DOUBTS).values(row))
            await connection.execute(insert(ABOUT), [{"doubt": id, "person": person} for person in sorted(new)])
            await self._alerts.add([self._alert(id, handle, by)], connection)
        self._alerts.wake()
        return Report(id, at, handle)

    def may_close(self, practitioner: Practitioner) -> bool:
        """Whether somebody holds a role that closes reports, at their own agency."""
        return not set(self._officers).isdisjoint(practitioner.roles)

    async def open_ones(self, agency: str) -> tuple[Doubt, ...]:
        """The reports about an agency's records that stand, the oldest first. Raises StorageUnavailable."""
        own = [source for source, of in self._agency_of.items() if of == agency]
        unclear = exists().where(CLOSINGS.c.doubt == DOUBTS.c.id).label("unclear")
        stand = select(DOUBTS, unclear).where(DOUBTS.c.source.in_(own), DOUBTS.c.ended_at.is_(None)).order_by(DOUBTS.c.at, DOUBTS.c.id)
        async with self._database.read() as connection:
            return tuple(_doubt(row) for row in await connection.execute(stand))

    async def close(self, closing: DoubtClosing, by: Practitioner, first: Callable[[Closed], Awaitable[None]]) -> Closed:
        """Write down what an officer of the source's agency has found; the words are sealed.

        ``first`` is done before it is durable: where it raises, nothing was closed. Raises RequestError: CV448 not this person's to close,
        CV449 their own report, CV450 it is over already; PortalError CV739 without a key to seal with; StorageUnavailable.
        """
        sealer, at = self._sealing(), moment(stamp(self._clock()))
        async with self._database.begin() as connection:
            await self._database.alone(connection, CLOSINGS)
            row = (await connection.execute(select(DOUBTS).where(DOUBTS.c.id == closing.doubt))).first()
            row = self._to_close(row, by)
            version = 2 + (await connection.execute(select(func.count()).where(CLOSINGS.c.doubt == row.id))).scalar_one()
            closed = Closed(id=row.id, version=version, source=row.source, outcome=closing.outcome, at=at)
            said = {"doubt": row.id, "version": version, "at": stamp(at), "by": by.key, "outcome": closing.outcome}
            said["words"] = _sealed(sealer, f"{row.id}/{version}", closing.words)
            await connection.execute(insert(CLOSINGS).values(said))
            if closing.outcome in ENDS:
                await connection.execute(update(DOUBTS).where(DOUBTS.c.id == row.id).values(ended_at=stamp(at)))
            await first(closed)
        return closed

    def _handle(self, source: str, persons: Iterable[str], evidence: tuple[str, ...], access: Access) -> Handle:
        known = sorted(persons)
        marks = tuple(bytes.fromhex(self._mark(source, id)) for id in known)
        digests = tuple(bytes.fromhex(access.record(source, "Person", id)) for id in known)
        return Handle(source, access.id, marks, digests, evidence)

    def _opened(self, token: str, by: Practitioner) -> Handle:
        try:
            handle = opened(token, self._tokens, by.key, self._clock())
        except NoToken:
            handle = None
        if handle is None or handle.source not in self._agency_of:
            hint = f"Ask again, and report what you are shown within {LASTS.total_seconds() / 3600:g} hours. If it cannot wait, phone."
            raise RequestError("CV446", "Nothing that was shown to you can be reported by this.", hint=hint, path=("report",))
        return handle

    def _sealing(self) -> Sealer:
        if self._sealer is None:
            hint = "Phone the agency. Whoever runs the portal has to set log.auditors_key."
            raise PortalError("CV739", "This cannot be written down: its words are only kept sealed.", 503, hint)
        return self._sealer

    def _to_close(self, row: Row[Any] | None, by: Practitioner) -> Row[Any]:
        if row is None or self._agency_of.get(row.source) != by.agency or not self.may_close(by):
            hint = "Ask who keeps the data right at the agency whose record it is."
            raise RequestError("CV448", "There is no such report for you to close.", status=403, hint=hint)
        if row.reporter == by.key:
            raise RequestError("CV449", "You made this report yourself.", status=403, hint="Somebody else has to close it.")
        if row.ended_at is not None:
            raise RequestError("CV450", "This report was closed before.", status=409, hint="What was said then stands.")
        return row

    def _alert(self, id: str, handle: Handle, by: Practitioner) -> Alert:
        to, source = self._agency_of[handle.source], handle.source if citable(handle.source) else None
        return Alert(kind="wrong-child", to=to, source=source, doubt=id, access=handle.access, by_agency=by.agency)

    def _mark(self, source: str, person: str) -> str:
        return self._lasting.mark(_USE, source, person)


async def _reported(connection: AsyncConnection, persons: Collection[str], reporter: str) -> set[str]:
    """Those of the persons, by mark, whom the reporter has reported, and it stands."""
    about = select(ABOUT.c.person).join(DOUBTS, DOUBTS.c.id == ABOUT.c.doubt)
    own = about.where(ABOUT.c.person.in_(persons), DOUBTS.c.reporter == reporter, DOUBTS.c.ended_at.is_(None))
    return {row.person for row in await connection.execute(own)}


def _sealed(sealer: Sealer, of: str, words: str) -> str:
    """Words, sealed together with the id of what they belong to: they cannot be put beside something else."""
    return sealer.seal(json.dumps({"of": of, "words": words}))


def _doubt(row: Row[Any]) -> Doubt:
    return Doubt(id=row.id, source=row.source, access=row.access, at=moment(row.at), by_agency=row.agency, unclear=bool(row.unclear))
