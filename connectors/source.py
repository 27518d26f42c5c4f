"""Runs one connector: find, match, fetch, validate, minimise, stamp. One source's bug is one source's outcome.

``Source`` is what the portal sees of an agency's system. It keeps nothing about a child between two questions.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Literal, TypeVar

import msgspec
import structlog

from connectors.connector import FIND_LIMIT, MOST_PERSONS, Address, Ask, Identifier, Person, Persons, Provide, Record, Shield, Subject
from connectors.declarative import Declared
from connectors.errors import Misconfigured, Refused, SourceError, Unavailable
from connectors.finding import Finding, find_among
from connectors.localtime import day_of
from connectors.matching import standing
from connectors.release import KindRule, SourceRule, Stamp, release, withheld
from connectors.shields import binds_also, forbids_place, shielded
from connectors.standard import BadRecord, Kind, Provenance, Standard, validate

_T = TypeVar("_T")
log = structlog.get_logger("childview.source")

#: Seconds before a source that was out of reach is asked once more; and the longest that it may itself ask for.
_BREATH, _PATIENCE = 0.05, 1.0
#: After so many records the others get their turn, and a deadline can strike.
_BREATHER = 100


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
        self.vouches = declared.connector.vouches is True
        self.matcher = declared.matcher
        self._out: dict[str, datetime] = {}
        self._out_as: Literal["TIMED_OUT", "UNAVAILABLE"] = "UNAVAILABLE"
        self._opened, self._opening = False, asyncio.Lock()
        self._connector = declared.connector
        self._ours = type(declared.connector).__module__.partition(".")[0] == __package__
        self._standard = standard
        self._rule = SourceRule(tier=self.settings.tier, service=self.settings.service, police=police)

    @property
    def out_since(self) -> datetime | None:
        """Since when it has not answered: to find, or to fetch one of its kinds; None when all that was last asked of it answered."""
        return min(self._out.values(), default=None)

    @property
    def out_as(self) -> Literal["TIMED_OUT", "UNAVAILABLE"] | None:
        """How the last find went, if it brought no answer: no time was left, or it was out of reach."""
        return self._out_as if "find" in self._out else None

    async def open(self) -> None:
        """Open the connector. A source that could not be opened is opened with the next question. Raises as ``find``."""
        async with self._opening:
            if not self._opened:
                await self._connector.open()
                self._opened = True

    async def close(self) -> None:
        await self._connector.close()

    async def check(self) -> None:
        """Raise what ``find`` would raise if this source cannot be asked now."""
        await self._connector.check()

    def can_find(self, subject: Subject) -> bool:
        """Whether what was typed is enough to look a child up here. A connector that cannot even say is asked, and fails by itself."""
        try:
            return self._connector.can_find(minimised(subject, self.settings.needs))
        except Exception as error:
            log.error("source failed", source=self.id, step="can_find", error=type(error).__name__)
            return True

    def can_vouch(self, subject: Subject) -> bool:
        """Whether its word on shields would be about this child.

        It must be searchable by every number typed, or by family name and birth date. A number it does not know may be the child's where
        its word counts for nothing, and a birth date alone finds whoever shares it.
        """
        numbers = subject.identifiers
        named = bool(subject.family_name) and len(subject.birth_date or "") == len("YYYY-MM-DD")
        known = bool(numbers) and all(self.can_find(Subject(identifiers=(number,))) for number in numbers)
        return known or (named and self.can_find(subject))

    async def find(
        self, subject: Subject, ask: Ask, asker: str, chosen: frozenset[str] = frozenset(), learnt: tuple[Identifier, ...] = ()
    ) -> Finding:
        """Find the subject here. ``asker`` is ``issuer|person``, for clearances; ``chosen`` the ids of persons a practitioner has picked.

        ``learnt`` are numbers nobody typed: they are searched by and can bring in a shield, and prove nothing; who is found is put beside
        what was typed alone.
        Raises SourceError, TimeoutError or a bug's own error.
        """
        sent = minimised(subject, self.settings.needs)
        return await self._asked("find", ask.deadline, lambda: self._found(sent, ask, asker, chosen, learnt))

    async def fetch(self, persons: tuple[Person, ...], kind: str, rule: KindRule, ask: Ask, place: bool, now: datetime) -> KindAnswer:
        """The records of one kind about the accepted persons, minimised to what is permitted. Raises as ``find``."""
        if rule.since and (ask.since is None or ask.since < rule.since):
            ask = msgspec.structs.replace(ask, since=rule.since)
        return await self._asked(kind, ask.deadline, lambda: self._answer(persons, self._standard.kinds[kind], rule, ask, place, now))

    async def _found(self, sent: Subject, ask: Ask, asker: str, chosen: frozenset[str], learnt: tuple[Identifier, ...]) -> Finding:
        await self.open()
        persons = await self._connector.find(msgspec.structs.replace(sent, identifiers=(*sent.identifiers, *learnt)), ask)
        # Those beyond the limit were not seen, nor their shields.
        crowded = persons.more if isinstance(persons, Persons) else len(persons) > FIND_LIMIT
        seen = shielded(sent, persons[:MOST_PERSONS], asker, self.matcher, learnt)
        if crowded and not any(standing(sent, person, self.matcher).by_number for person in seen.persons):
            return Finding(state="TOO_MANY", shields=seen.shields, crowded=True, excused=seen.excused)
        meant = [each for each in seen.persons if binds_also(sent, each, "LOCATION", self.matcher, learnt)]
        forbidding, known = await self._orders(meant, ask)
        found = find_among(sent, seen.persons, self.matcher, asker, self.vouches, chosen)
        self._tell_flags(found)
        more = {"shields": seen.shields | forbidding, "orders_known": known, "crowded": crowded, "excused": seen.excused}
        blind = msgspec.structs.replace(found.blind, **more) if found.blind else None
        return msgspec.structs.replace(found, blind=blind, **more)

    def _tell_flags(self, found: Finding) -> None:
        """Tell whoever keeps the source which kinds of number look wrong there: of no child, and no number."""
        matches = [found.match, *(offer.match for offer in found.offers)]
        if flags := sorted({flag for match in matches if match for flag in match.flags}):
            log.warning("number looks wrong", source=self.id, why=flags)

    async def _answer(self, persons: tuple[Person, ...], kind: Kind, rule: KindRule, ask: Ask, place: bool, now: datetime) -> KindAnswer:
        today, stamp = day_of(now), self._stamp()
        records: list[msgspec.Struct] = []
        reasons: set[str] = set()
        set_aside, cut, scanned = 0, False, 0
        async with aclosing(_one_after_another(self._connector.provided()[kind.name], persons, ask)) as stream:
            async for record in stream:
                scanned += 1
                if scanned % _BREATHER == 0:
                    await asyncio.sleep(0)
                reason = withheld(kind, record.fields, rule, self._rule, today) if isinstance(record.fields, Mapping) else None
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
        now = asyncio.get_running_loop().time()
        try:
            # Half of the time left: a find must not time out because this child, and no other, has orders to be read.
            async with asyncio.timeout_at(now + (ask.deadline - now) / 2):
                for person in persons:
                    async for record in _generator(self._connector.provided()["Flag"](person, flags)):
                        if forbids_place(record, day_of(datetime.now(UTC))):
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
                answer = await _twice(lambda: self._quietly(step, ask))
        except (Unavailable, TimeoutError) as error:
            if step == "find":
                self._out_as = "UNAVAILABLE" if isinstance(error, Unavailable) else "TIMED_OUT"
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

    async def _quietly(self, step: str, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Ask, and put our words in place of an error's that are not ours: an author may have put anything into them."""
        try:
            return await ask()
        except SourceError as error:
            if self._ours:
                raise
            raise _in_our_words(error, f"{self.id}: {step}") from None

    def _stamp(self) -> Stamp:
        connector = f"{self.settings.reads}/{self.settings.sdk}"
        moment = datetime.now(UTC)
        provenance = Provenance(
            source=self.id, agency=self.agency, retrievedAt=moment, connector=connector, standard=self._standard.version
        )
        return Stamp(provenance=provenance, contact=self.settings.contact)


def _in_our_words(error: SourceError, where: str) -> SourceError:
    """The same fate, raised at the same place, without the author's text."""
    fate = next(each for each in (Refused, Misconfigured, Unavailable, SourceError) if isinstance(error, each))
    told = fate(f"{where}: the connector raised {fate.__name__}")
    if isinstance(told, Unavailable) and isinstance(error, Unavailable):
        told.retry_after = error.retry_after
    return told.with_traceback(error.__traceback__)


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


async def _one_after_another(provide: Provide, persons: tuple[Person, ...], ask: Ask) -> AsyncGenerator[Record, None]:
    """The records of every accepted person: one child may stand in a system twice."""
    for person in persons:
        async with aclosing(_generator(provide(person, ask))) as stream:
            async for record in stream:
                yield record


async def _generator(stream: AsyncIterator[Record]) -> AsyncGenerator[Record, None]:
    """Any async iterator as a generator that can be closed, whatever the author wrote."""
    try:
        async for record in stream:
            yield record
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
