"""The rules of one portal: the agreements in force, read again whenever their files change, and what the registry says of one child.

A folder that cannot be read whole leaves what was loaded in force, and everybody who has to know is told. A partner's suspension acts
even then. Whatever comes into force stands in the access log first.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog

from connectors import Identifier, Person
from connectors.errors import ConfigurationError, Mistake
from portal.accesslog import AccessLog, LogUnavailable
from portal.accesslog.pseudonyms import demographics, identifiers_of
from portal.agreements import Agreements, as_day, load_agreements, refuse_gone, refuse_older, refuse_replaced, refuse_unsigned
from portal.agreements.register import Entry as AgreementEntry
from portal.agreements.remembered import Remembered, key_hash, refuse_other_keys, remembered
from portal.agreements.rules import RuleSet
from portal.agreements.suspension import Suspension, facts
from portal.agreements.suspensions import read_suspensions
from portal.alerts import Alert
from portal.model import Breaking, Circumstances, Entry, Found, Plan, Practitioner, Question
from portal.storage import StorageUnavailable

#: So often, in seconds, it is looked whether a file has changed.
EVERY = 0.25
#: So many seconds the registry is waited for: no source's answer may be late for its sake.
READING = 1.0
#: So many mistakes are told at once: a file made of nothing else would drown the log.
_MOST = 100
log = structlog.get_logger("childview.rules")

_Seen = tuple[tuple[str, int, int, int, int], ...]


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
        self._unread: tuple[Mistake, ...] = ()
        self._unused: tuple[Mistake, ...] = ()
        self._told: tuple[Mistake, ...] = ()
        self._folder, self._log, self._registry, self._alerts, self._clock = folder, log, registry, alerts, clock
        self._memory = memory
        self._loaded: _Seen | None = None  # the first look reads again: something may have changed since the start read it
        self._heard: _Seen | None = None
        self._reloads = 0
        self._reminded: date | None = None

    @classmethod
    async def open(
        cls, folder: Path, agreements: Agreements, keys: tuple[Mapping[str, str], str], log: AccessLog, registry: Registry,
        alerts: Outbox, clock: Callable[[], datetime],
    ) -> Rulebook:  # fmt: skip
        """Put the agreements read from ``folder`` in force. ``keys`` are each agency's first key id, and the file they stand in.

        Raises ConfigurationError (CV218, CV220, CV241, CV242, CV245, CV247) when what the access log remembers speaks against it, and
        LogUnavailable.
        """
        memory = remembered(await log.changes())
        named, (first, file) = agreements.vocabulary.agencies, keys
        refuse_other_keys(named, first, memory.keys, file)
        _refuse(agreements, memory, folder)
        book = cls(folder, agreements, memory, log, registry, alerts, clock)
        for agency, known in named.items():
            for id in sorted(known.keys() - {name for owner, name in memory.keys if owner == agency}):
                await log.change("key", agency, id, key_hash(known[id]))
        await book._remember(agreements.seen)
        await book._accept(agreements, everything=True)
        return book

    @property
    def refused(self) -> tuple[Mistake, ...]:
        """What is wrong with the folder now, whether or not everybody has been told: what was in force before is so still."""
        return tuple(dict.fromkeys((*self._unread, *self._unused)))

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
        seen = found.persons.values() if found and "IDENTITY" not in found.shields else ()
        persons = [person for there in seen for person in there]
        recorded, readable = await self._recorded(question, persons) if rules.rests_on_registry(plan, practitioner) else ((), True)
        return rules, Circumstances(
            births=births(question.subject.birth_date, persons),
            unfound=found is None,
            recorded=recorded,
            readable=readable,
            vouched=found.vouched if found else None,
            mute=found.mute if found else {},
            breaking=breaking,
        )

    async def run(self) -> None:
        """Look at the folder every quarter of a second, and remind partners of reviews once a day, until cancelled.

        Suspensions are looked for apart: however long agreements take to be read, a partner who stops sharing does not wait for it.
        """
        await asyncio.gather(self._ever(self._suspend), self._ever(self._reload), self._ever(self._tell), self._ever(self._remind))

    async def refresh(self) -> None:
        """Read the folder again if a file of it has changed. Raises LogUnavailable: then what was in force stays so."""
        await self._suspend()
        await self._reload()
        await self._tell()

    async def _ever(self, step: Callable[[], Awaitable[None]]) -> None:
        """Take a step again and again. Whatever goes wrong with it, the next look tries again."""
        failed: str | None = None
        while True:
            await asyncio.sleep(EVERY)
            try:
                await step()
                failed = None
            except (LogUnavailable, StorageUnavailable):
                pass  # both are told elsewhere
            except Exception as error:  # its text is not ours to vouch for
                if failed != type(error).__name__:
                    failed = type(error).__name__
                    log.error("agreements not read", why=failed)

    async def _suspend(self) -> None:
        """Let suspensions act: no other file's mistake, nor the time it takes to read it, can keep them from it."""
        try:
            seen = await asyncio.to_thread(_seen, self._folder)
            if seen == self._heard:
                return
            valid, wrong = await asyncio.to_thread(read_suspensions, self._folder, self.agreements.vocabulary)
            await self._remember(valid)
            if frozenset(self.agreements.seen) != self._memory.suspensions:
                self._put(msgspec.structs.replace(self.agreements, seen=tuple(self._memory.suspensions)))
        except LogUnavailable:
            raise
        except Exception:
            self._unused, self._heard = (_unreadable(self._folder),), None
            raise
        idle = [each for each in wrong if each.id == "CV256"]
        for each in idle[:_MOST]:
            log.warning("suspension stops nothing today", id=each.id, file=_name(each), line=each.line, why=each.message)
        self._unused, self._heard = tuple(each for each in wrong if each.id != "CV256"), seen

    async def _reload(self) -> None:
        """Put what stands in the folder in force, if a file of it has changed and all of it can be."""
        try:
            seen = await asyncio.to_thread(_seen, self._folder)
            if seen == self._loaded:
                return
            fresh = await asyncio.to_thread(load_agreements, self._folder, self.agreements.vocabulary, self.agreements)
            _refuse(fresh, self._memory, self._folder)
            await self._accept(fresh)
            self._loaded = seen
        except ConfigurationError as error:
            self._unread, self._loaded = tuple(error.mistakes), seen
        except LogUnavailable:
            raise
        except Exception:
            self._unread, self._loaded = (_unreadable(self._folder),), None
            raise

    async def _recorded(self, question: Question, persons: Iterable[Person]) -> tuple[tuple[Entry, ...], bool]:
        try:
            async with asyncio.timeout(READING):
                return await self._registry.concerning([*identifiers_of(question.subject), *_identifiers(persons)]), True
        except (StorageUnavailable, TimeoutError) as error:
            log.error("registry cannot be read", id="CV811", why=getattr(error, "why", "no answer in time"))
            return (), False

    async def _remember(self, suspensions: Iterable[Suspension]) -> None:
        """Write down suspensions that were never seen before."""
        fresh = sorted(set(suspensions) - self._memory.suspensions, key=lambda each: (each.agreement, each.partner, each.number, each.at))
        for each in fresh:
            what = "lifted" if each.lifts else "suspended"
            await self._log.change(what, each.agreement, each.number, more=facts(each))
            self._memory = msgspec.structs.replace(self._memory, suspensions=self._memory.suspensions | {each})

    async def _accept(self, fresh: Agreements, *, everything: bool = False) -> None:
        """Put agreements in force, once the log has them. Suspensions are those remembered: ``_suspend`` alone takes new ones in."""
        known = {entry.agreement.key: _loaded(entry) for entry in self.agreements.entries}
        for entry in fresh.entries:
            each, more = entry.agreement, _loaded(entry)
            if everything or known.get(each.key) != more:
                await self._log.change("agreement-loaded", each.id, each.version, each.hash, more=more)
                self._memory.load(each.id, each.version, each.hash, more)
        self._put(msgspec.structs.replace(fresh, seen=tuple(self._memory.suspensions)))
        if self._unread:
            log.info("agreements can be read again")
        self._unread = ()

    def _put(self, agreements: Agreements) -> None:
        _ = agreements.rules  # made before anybody asks for them
        self.agreements = agreements
        self._reloads += 1

    async def _tell(self) -> None:
        """Say what is wrong to operators and to every agency, once for each set of mistakes, and again until the outbox has it."""
        mistakes = self.refused
        if mistakes == self._told:
            return
        if mistakes:
            await self._alerts.add(Alert(kind="agreement-refused", to=agency) for agency in sorted(self.agreements.vocabulary.agencies))
        for each in mistakes[:_MOST]:
            log.error("agreements refused", id=each.id, file=_name(each), line=each.line, why=each.message)
        self._told = mistakes

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


def _refuse(agreements: Agreements, memory: Remembered, folder: Path) -> None:
    """Raises ConfigurationError when what the access log remembers speaks against these agreements."""
    refuse_older(agreements, memory.loaded)
    refuse_gone(agreements, memory, folder)
    refuse_unsigned(agreements, memory.signed)
    refuse_replaced(agreements, memory)


def _loaded(entry: AgreementEntry) -> dict[str, Any]:
    """What the access log keeps of an agreement that comes into force, besides its id, version and hash."""
    signed, partners = not entry.unsigned, sorted(entry.agreement.header.partners)
    return {"signed": signed, "partners": partners, "grants": entry.grants}


def _unreadable(folder: Path) -> Mistake:
    hint = "Look at the folder's files, their owners and modes. What was read before is in force."
    return Mistake(id="CV246", message="the folder cannot be read.", file=str(folder), hint=hint)


def _name(mistake: Mistake) -> str | None:
    return Path(mistake.file).name if mistake.file else None


def _seen(folder: Path) -> _Seen:
    """Name, times, size and number of every file: enough to see that one has changed or stands in the place of another.

    A file that cannot be looked at is seen as such. Names that begin with a dot are an editor's.
    """
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith((".md", ".toml")) and not name.startswith("."))
    except OSError:
        return ()
    return tuple(_looked(folder / name) for name in names)


def _looked(path: Path) -> tuple[str, int, int, int, int]:
    try:
        found = os.lstat(path)
    except OSError:
        return path.name, -1, -1, -1, -1
    return path.name, found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns
