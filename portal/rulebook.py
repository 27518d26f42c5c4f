"""The rules of one portal: the agreements in force, read again whenever their files change, and what the registry says of one child.

A folder that cannot be read whole leaves what was loaded in force, and everybody who has to know is told. A partner's suspension acts
even then. Whatever comes into force stands in the access log first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from connectors import Identifier, Person
from connectors.errors import ConfigurationError, Mistake
from portal.accesslog import AccessLog, LogUnavailable
from portal.accesslog.pseudonyms import demographics, identifiers_of
from portal.agreements import Agreements, as_day, load_agreements, refuse_gone, refuse_older, refuse_unsigned
from portal.agreements.remembered import Remembered, key_hash, refuse_other_keys, remembered
from portal.agreements.rules import RuleSet
from portal.agreements.suspension import Suspension, facts
from portal.agreements.suspensions import read_suspensions
from portal.alerts import Alert
from portal.model import Breaking, Circumstances, Entry, Found, Plan, Practitioner, Question
from portal.storage import StorageUnavailable

#: So often, in seconds, it is looked whether a file has changed.
EVERY = 0.25
log = structlog.get_logger("childview.rules")

_Seen = tuple[tuple[str, int, int], ...]


class Registry(Protocol):
    """What was said of consent and objection. ``revision`` grows with everything written down through this portal."""

    @property
    def revision(self) -> int: ...
    async def concerning(self, identifiers: Collection[Identifier]) -> tuple[Entry, ...]: ...


class Outbox(Protocol):
    """Where alerts are kept until they are delivered."""

    async def add(self, alerts: Iterable[Alert]) -> None: ...


class Rulebook:
    """What decisions are made by. Made by ``Rulebook.open``; ``run`` keeps it up to date."""

    def __init__(
        self, folder: Path, agreements: Agreements, memory: Remembered, log: AccessLog, registry: Registry, alerts: Outbox,
        clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self.agreements = agreements
        self.refused: tuple[Mistake, ...] = ()
        self._folder, self._log, self._registry, self._alerts, self._clock = folder, log, registry, alerts, clock
        self._memory = memory
        self._seen: _Seen = _seen(folder)
        self._reloads = 0
        self._reminded: date | None = None

    @classmethod
    async def open(
        cls, folder: Path, agreements: Agreements, keys: tuple[Mapping[str, str], str], log: AccessLog, registry: Registry,
        alerts: Outbox, clock: Callable[[], datetime],
    ) -> Rulebook:  # fmt: skip
        """Put the agreements read from ``folder`` in force. ``keys`` are each agency's first key id, and the file they stand in.

        Raises ConfigurationError (CV218, CV220, CV241, CV242, CV245) when what the access log remembers speaks against it; LogUnavailable.
        """
        memory = remembered(await log.changes())
        named, (first, file) = agreements.vocabulary.agencies, keys
        refuse_other_keys(named, first, memory.keys, file)
        refuse_older(agreements, memory.loaded)
        refuse_gone(agreements, memory.loaded, folder)
        refuse_unsigned(agreements, memory.signed)
        book = cls(folder, agreements, memory, log, registry, alerts, clock)
        for agency, known in named.items():
            for id in sorted(known.keys() - {name for owner, name in memory.keys if owner == agency}):
                await log.change("key", agency, id, key_hash(known[id]))
        await book._accept(agreements, everything=True)
        return book

    @property
    def rules(self) -> RuleSet:
        """The rules of this moment."""
        return self.agreements.rules

    @property
    def revision(self) -> tuple[int, int]:
        """Grows whenever a decision made before might be another now."""
        return self._reloads, self._registry.revision

    async def concerning(
        self, plan: Plan, practitioner: Practitioner, breaking: Breaking | None = None, found: Found | None = None
    ) -> tuple[RuleSet, Circumstances]:
        """The rules that bear on a question, and what is known of its child: by what was typed or, with ``found``, by what was matched."""
        rules, question = self.rules, plan.question
        # Of a child whom a shield hides nothing may be known that is not known of a child nobody knows.
        persons = list(found.persons.values()) if found and "IDENTITY" not in found.shields else []
        recorded, readable = await self._recorded(question, persons) if rules.rests_on_registry(plan, practitioner) else ((), True)
        return rules, Circumstances(
            births=births(question.subject.birth_date, persons),
            unfound=found is None,
            recorded=recorded,
            readable=readable,
            vouched=found.vouched if found else None,
            mute=found.mute if found else frozenset(),
            breaking=breaking,
        )

    async def run(self) -> None:
        """Look at the folder every quarter of a second, and remind partners of reviews once a day, until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            with contextlib.suppress(LogUnavailable, StorageUnavailable):  # both are told elsewhere; the next look tries again
                await self.refresh()
                await self._remind()

    async def refresh(self) -> None:
        """Read the folder again if a file of it has changed. Raises LogUnavailable: then what was in force stays so."""
        seen = await asyncio.to_thread(_seen, self._folder)
        if seen == self._seen:
            return
        await self._suspend()
        try:
            fresh = await asyncio.to_thread(load_agreements, self._folder, self.agreements.vocabulary, self.agreements)
            refuse_older(fresh, self._memory.loaded)
            refuse_gone(fresh, self._memory.loaded, self._folder)
            refuse_unsigned(fresh, self._memory.signed)
        except ConfigurationError as error:
            await self._refuse(tuple(error.mistakes))
        else:
            await self._accept(fresh)
        self._seen = seen

    async def _recorded(self, question: Question, persons: Iterable[Person]) -> tuple[tuple[Entry, ...], bool]:
        try:
            return await self._registry.concerning([*identifiers_of(question.subject), *_identifiers(persons)]), True
        except StorageUnavailable as error:
            log.error("registry cannot be read", id=error.id, why=error.why)
            return (), False

    async def _suspend(self) -> None:
        """Let suspensions act before anything else is read: no other file's mistake can keep them from it."""
        valid, _ = await asyncio.to_thread(read_suspensions, self._folder, self.agreements.vocabulary)
        if await self._remember(valid):
            self._put(msgspec.structs.replace(self.agreements, seen=tuple(self._memory.suspensions)))

    async def _remember(self, suspensions: Iterable[Suspension]) -> bool:
        """Write down suspensions that were never seen before; whether there were any."""
        fresh = sorted(set(suspensions) - self._memory.suspensions, key=lambda each: (each.agreement, each.partner, each.number, each.at))
        for each in fresh:
            what = "lifted" if each.lifts else "suspended"
            await self._log.change(what, each.agreement, each.number, more=facts(each))
            self._memory = msgspec.structs.replace(self._memory, suspensions=self._memory.suspensions | {each})
        return bool(fresh)

    async def _accept(self, fresh: Agreements, *, everything: bool = False) -> None:
        """Put agreements in force, once the log has them."""
        await self._remember(fresh.seen)
        known = {entry.agreement.key: (entry.agreement.hash, entry.unsigned) for entry in self.agreements.entries}
        for entry in fresh.entries:
            each = entry.agreement
            if everything or known.get(each.key) != (each.hash, entry.unsigned):
                await self._log.change("agreement-loaded", each.id, each.version, each.hash, more={"signed": not entry.unsigned})
                self._memory.loaded.setdefault(each.id, set()).add(each.version)
                self._memory.signed.update([] if entry.unsigned else [each.id])
        self._put(msgspec.structs.replace(fresh, seen=tuple(self._memory.suspensions)))
        if self.refused:
            log.info("agreements can be read again")
        self.refused = ()

    def _put(self, agreements: Agreements) -> None:
        _ = agreements.rules  # made before anybody asks for them
        self.agreements = agreements
        self._reloads += 1

    async def _refuse(self, mistakes: tuple[Mistake, ...]) -> None:
        """Say it to operators and to every agency, once for each set of mistakes; what was in force stays in force."""
        if mistakes == self.refused:
            return
        self.refused = mistakes
        for each in mistakes:
            log.error("agreements refused", id=each.id, file=Path(each.file).name if each.file else None, line=each.line, why=each.message)
        await self._alerts.add(Alert(kind="agreement-refused", to=agency) for agency in sorted(self.agreements.vocabulary.agencies))

    async def _remind(self) -> None:
        """Tell the partners of agreements whose review comes near, or is past: weekly first, in the last week and after it daily."""
        today = as_day(self._clock())
        if self._reminded == today:
            return
        due = [entry.agreement for entry in self.agreements.entries if entry.due(today)]
        alerts = [
            Alert(kind="review-due", to=partner, agreement=each.id, due=each.header.review_by)
            for each in due
            if (left := (each.header.review_by - today).days) < 7 or left % 7 == 0
            for partner in each.header.partners
        ]
        await self._alerts.add(alerts)
        self._reminded = today
        for each in due:
            log.warning("agreement due for review", agreement=each.id, review_by=each.header.review_by.isoformat())


def births(typed: str | None, persons: Iterable[Person]) -> tuple[str, ...]:
    """Every birth date that the child may have: those matched, and the one typed, unless that is partial and one is known whole."""
    known = {person.birth_date for person in persons if person.birth_date}
    whole = any(len(each) == len("YYYY-MM-DD") for each in known)
    if typed and (len(typed) == len("YYYY-MM-DD") or not whole):
        known.add(typed)
    return tuple(sorted(known))


def _identifiers(persons: Iterable[Person]) -> list[Identifier]:
    found: list[Identifier] = []
    for person in persons:
        named = demographics(person.family_name, person.given_name, person.birth_date)
        found += [*person.identifiers, *([named] if named else [])]
    return found


def _seen(folder: Path) -> _Seen:
    """Name, time and size of every file: enough to see that one has changed."""
    try:
        files = sorted((path, path.stat()) for path in folder.iterdir() if path.suffix in (".md", ".toml"))
    except OSError:
        return ()
    return tuple((path.name, stat.st_mtime_ns, stat.st_size) for path, stat in files)
