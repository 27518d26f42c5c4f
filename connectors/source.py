"""Runs one connector: find, match, fetch, validate, minimise, stamp. One source's bug is one source's outcome.

``Source`` is what the portal sees of an agency's system. It keeps nothing about a child between two questions.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, date, datetime
from typing import Literal, TypeVar

import msgspec
import structlog

from connectors.connector import FIND_LIMIT, Address, Ask, Person, Record, Shield, Subject
from connectors.declarative import Declared
from connectors.errors import Misconfigured, Unavailable
from connectors.localtime import day_of
from connectors.matching import Match, compare, match
from connectors.release import KindRule, SourceRule, Stamp, release, withheld
from connectors.standard import BadRecord, Kind, Provenance, Standard, validate

_T = TypeVar("_T")
log = structlog.get_logger("childview.source")

#: Seconds before a source that was out of reach is asked once more; and the longest that it may itself ask for.
_BREATH, _PATIENCE = 0.05, 1.0

FindState = Literal["FOUND", "NOTHING_TO_SHOW", "AMBIGUOUS", "TOO_MANY"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Who a source thinks this is: an accepted person, or why there is none; and, apart from that, the shields it found.

    ``orders_known`` is False when the source holds orders and could not say whether one forbids disclosing a place.
    """

    state: FindState
    person: Person | None = None
    match: Match | None = None
    shields: frozenset[Shield] = frozenset()
    orders_known: bool = True


class KindAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The records of one kind that may leave, how many could not be read, and why others were withheld (for the log)."""

    records: tuple[msgspec.Struct, ...]
    set_aside: int = 0
    cut: bool = False
    reasons: tuple[str, ...] = ()


class Source:
    """One agency's system, as connected."""

    def __init__(self, declared: Declared, standard: Standard, *, police: bool) -> None:
        self.id = declared.id
        self.settings = declared.settings
        self.agency = declared.settings.agency
        self.kinds = tuple(sorted(declared.connector.provided()))
        self._out: dict[str, datetime] = {}
        self._connector = declared.connector
        self._standard = standard
        self._rule = SourceRule(tier=self.settings.tier, service=self.settings.service, police=police)

    @property
    def out_since(self) -> datetime | None:
        """Since when it has not answered: to find, or to fetch one of its kinds; None when all that was last asked of it answered."""
        return min(self._out.values(), default=None)

    async def open(self) -> None:
        await self._connector.open()

    async def close(self) -> None:
        await self._connector.close()

    async def check(self) -> None:
        """Raise what ``find`` would raise if this source cannot be asked now."""
        await self._connector.check()

    def can_find(self, subject: Subject) -> bool:
        """Whether what was typed is enough to look a child up here."""
        return self._connector.can_find(minimised(subject, self.settings.needs))

    async def find(self, subject: Subject, ask: Ask, asker: str) -> Finding:
        """Find the subject here. ``asker`` is ``issuer|person``, for clearances. Raises SourceError, TimeoutError or a bug's own error."""
        sent = minimised(subject, self.settings.needs)
        return await self._asked("find", ask.deadline, lambda: self._found(sent, ask, asker))

    async def fetch(self, person: Person, kind: str, rule: KindRule, ask: Ask, place: bool, now: datetime) -> KindAnswer:
        """The records of one kind about an accepted person, minimised to what is permitted. Raises as ``find``."""
        return await self._asked(kind, ask.deadline, lambda: self._answer(person, self._standard.kinds[kind], rule, ask, place, now))

    async def _found(self, sent: Subject, ask: Ask, asker: str) -> Finding:
        persons = await self._connector.find(sent, ask)
        shields, open_to_asker = _shielded(sent, persons, asker)
        matches = match(sent, open_to_asker)
        if len(persons) > FIND_LIMIT and not any(_numbered(sent, person) for person in open_to_asker):
            # Those beyond the limit were not seen, nor their shields.
            return Finding(state="TOO_MANY", shields=shields, orders_known=False)
        bound = [person for person in open_to_asker if _binds(sent, person)]
        forbidding, known = await self._orders(bound, ask)
        return _finding(open_to_asker, matches, shields | forbidding, known)

    async def _answer(self, person: Person, kind: Kind, rule: KindRule, ask: Ask, place: bool, now: datetime) -> KindAnswer:
        today, stamp = day_of(now), self._stamp()
        records: list[msgspec.Struct] = []
        reasons: set[str] = set()
        set_aside, cut = 0, False
        async with aclosing(_generator(self._connector.provided()[kind.name](person, ask))) as stream:
            async for record in stream:
                reason = withheld(kind, record.fields, rule, self._rule, today)
                if reason:
                    reasons.add(reason)
                    continue
                if len(records) + set_aside >= ask.limit:
                    cut = True
                    break
                try:
                    payload = validate(kind, record)
                except BadRecord as bad:
                    set_aside += 1
                    log.warning("record set aside", source=self.id, kind=kind.name, why=str(bad))
                    continue
                records.append(release(kind, payload, rule, self._rule, stamp, self._standard, place, today))
        return KindAnswer(records=tuple(records), set_aside=set_aside, cut=cut, reasons=tuple(sorted(reasons)))

    async def _orders(self, persons: list[Person], ask: Ask) -> tuple[frozenset[Shield], bool]:
        """An order that forbids disclosing a place sets the LOCATION shield by itself, whoever asks and whatever is selected."""
        if "Flag" not in self.kinds:
            return frozenset(), True
        flags = msgspec.structs.replace(ask, fields=frozenset({"forbidsPlace", "status", "start", "end"}))
        try:
            for person in persons:
                async for record in _generator(self._connector.provided()["Flag"](person, flags)):
                    if _forbids_place(record, day_of(datetime.now(UTC))):
                        return frozenset({"LOCATION"}), True
        except Exception as error:
            # Not knowing is not the same as none: the place is withheld as if the source had been silent.
            log.warning("orders unknown", source=self.id, error=type(error).__name__)
            return frozenset(), False
        return frozenset(), True

    async def _asked(self, step: str, deadline: float, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Ask within the deadline, once more if the source was out of reach, and note when a step went silent and when it came back."""
        try:
            async with asyncio.timeout_at(deadline):
                answer = await _twice(ask)
        except (Unavailable, TimeoutError) as error:
            if step not in self._out:
                self._out[step] = datetime.now(UTC)
                why = error.detail if isinstance(error, Unavailable) else "no answer within the deadline"
                log.error("source out of reach", source=self.id, step=step, why=why)
            raise
        except SystemExit:
            # A connector's exit must not be the portal's.
            raise Misconfigured(f"{self.id}: {step}: the connector tried to end the program") from None
        if self._out.pop(step, None):
            log.info("source back", source=self.id, step=step)
        return answer

    def _stamp(self) -> Stamp:
        connector = f"{self.settings.reads}/{self.settings.sdk}"
        moment = datetime.now(UTC)
        provenance = Provenance(
            source=self.id, agency=self.agency, retrievedAt=moment, connector=connector, standard=self._standard.version
        )
        return Stamp(provenance=provenance, contact=self.settings.contact)


async def _twice(ask: Callable[[], Awaitable[_T]]) -> _T:
    """Ask once more if the source was out of reach, unless it wants to be left alone for longer than anybody waits."""
    try:
        return await ask()
    except Unavailable as first:
        if (first.retry_after or 0.0) > _PATIENCE:
            raise
        await asyncio.sleep(first.retry_after or _BREATH)
        return await ask()


def minimised(subject: Subject, needs: tuple[str, ...]) -> Subject:
    """The subject as one source may know it: identifiers, names, birth date, sex, and only what its settings say it ``needs``."""
    addresses: tuple[Address, ...] = ()
    if "address" in needs:
        addresses = subject.addresses
    elif "postcode" in needs:
        addresses = tuple(Address(postcode=address.postcode) for address in subject.addresses if address.postcode)
    return msgspec.structs.replace(
        subject,
        addresses=addresses,
        phones=subject.phones if "phones" in needs else (),
        school=subject.school if "school" in needs else None,
        parents=subject.parents if "parents" in needs else (),
    )


def _numbered(subject: Subject, person: Person) -> bool:
    return compare(subject, person).by_identifier


def _binds(subject: Subject, person: Person) -> bool:
    """Whether a shield on this person binds the view: a link, or a possible one that no number proves to be somebody else."""
    compared = compare(subject, person)
    return (
        compared.by_identifier or compared.by_demographics or compared.possible or compared.identifier is not None
    ) and not compared.contradicted


def _shielded(subject: Subject, persons: list[Person], asker: str) -> tuple[frozenset[Shield], list[Person]]:
    """The shields that bind, and the persons left: one under an IDENTITY shield exists for nobody not cleared."""
    shields: set[Shield] = set()
    left: list[Person] = []
    for person in persons:
        shield = person.shield if asker not in person.cleared else None
        if shield and _binds(subject, person):
            shields.add(shield)
        if shield != "IDENTITY":
            left.append(person)
    return frozenset(shields), left


def _finding(persons: list[Person], matches: list[Match], shields: frozenset[Shield], known: bool) -> Finding:
    ranked = [(found, person) for found, person in zip(matches, persons, strict=True) if found.band != "NON_LINK"]
    linked = [(found, person) for found, person in ranked if found.band == "LINK"]
    if linked:
        found, person = linked[0]
        return Finding(state="FOUND", person=person, match=found, shields=shields, orders_known=known)
    if ranked:
        return Finding(state="AMBIGUOUS", match=ranked[0][0], shields=shields, orders_known=known)
    return Finding(state="NOTHING_TO_SHOW", shields=shields, orders_known=known)


def _forbids_place(record: Record, today: date) -> bool:
    fields: Mapping[str, object] = record.fields
    said = fields.get("forbidsPlace")
    end = str(fields.get("end") or "")
    over = bool(end) and end[:10] < today.isoformat()[: len(end[:10])]
    in_error = fields.get("status") in ("ENTERED_IN_ERROR", "SUPERSEDED")
    # Anything but a clear no forbids: a value we cannot read must not open a door.
    return said not in (None, False, "false", "0", 0, "") and not over and not in_error


async def _generator(stream: AsyncIterator[Record]) -> AsyncGenerator[Record, None]:
    """Any async iterator as a generator that can be closed, whatever the author wrote."""
    try:
        async for record in stream:
            yield record
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
