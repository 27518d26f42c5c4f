"""Asks the permitted sources at the same moment: find and match, shields, then fetch. The only caller of sources.

Who can vouch for the asker is asked first, where a clause wants to know; whoever is asked only if somebody vouches hears of nothing before.
Nothing is fetched from any source before every shield source has ended its find, or ``shield_wait`` has passed. Each
source has its own deadline within the question's budget; whatever one source does, the others' answers stand.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

import msgspec
import structlog

from connectors import Ask, Asker, Person, Subject
from connectors.connector import Shield
from connectors.errors import Misconfigured, Refused, SourceError, Unavailable
from connectors.matching import Match, compare, confirmed
from connectors.release import KindRule
from connectors.source import Finding, KindAnswer, Source
from portal.accesslog import Access
from portal.federation import FederationSettings
from portal.model import Decision, Found, OutcomeState, Plan, Practitioner, Ruling, Voucher
from portal.outcomes import Outcome

_T = TypeVar("_T")
log = structlog.get_logger("childview.asking")

#: How long a source that does not heed cancellation is waited for when all is over.
_PARTING = 0.1
#: How long after its deadline a source may say that it kept it.
_GRACE = 0.05


class Asks(Protocol):
    """What asking needs of the portal."""

    @property
    def sources(self) -> Mapping[str, Source]: ...

    @property
    def settings(self) -> FederationSettings: ...


class Asking:
    """One question on its way to its sources. Made by ``asking``, which ends every task it began."""

    def __init__(self, plan: Plan, decision: Decision, practitioner: Practitioner, access: Access, asks: Asks) -> None:
        self._plan, self._decision, self._practitioner, self._access = plan, decision, practitioner, access
        self._sources = asks.sources
        settings = asks.settings.portal
        self._shield_wait, self._voucher_wait, self._budget = settings.shield_wait, settings.voucher_wait, settings.budget
        self._start = asyncio.get_running_loop().time()
        self._was_silent = self._was_unsure = False
        self._vouchers: frozenset[str] = frozenset()
        self._finds: dict[str, asyncio.Task[Finding]] = {}
        self._fetches: dict[tuple[str, str], asyncio.Task[KindAnswer | None]] = {}

    async def find(self) -> Found:
        """Start the finds; return once vouchers and shield sources have spoken, or ``voucher_wait`` and ``shield_wait`` have passed.

        A source of which every kind waits for a voucher is not asked yet.
        """
        self._vouchers = self._decision.vouchers & self._sources.keys()
        asked = {ruling.source for ruling in self._decision.permitted if ruling.relationship == "none"}
        if not self._decision.open:
            return Found()
        self._begin_finds(asked | self._plan.guards | (self._vouchers - self._plan.unfindable))
        await asyncio.gather(self._spoken(self._plan.guards, self._shield_wait), self._spoken(self._vouchers, self._voucher_wait))
        found = self.found()
        self._was_silent, self._was_unsure = found.silent, found.unsure
        return found

    def _begin_finds(self, sources: Iterable[str]) -> None:
        for source in sorted(set(sources) - self._finds.keys()):
            self._finds[source] = _begun(self._find(source))

    async def _spoken(self, sources: Iterable[str], wait: float) -> None:
        """Wait until these sources have ended their find, or so many seconds have passed."""
        finds = [self._finds[source] for source in sources if source in self._finds]
        if finds:
            await asyncio.wait(finds, timeout=wait)

    def _vouched(self, hidden: bool) -> tuple[dict[str, Voucher] | None, dict[str, Voucher]]:
        """Who has vouched, each as whom (None: nobody was to be asked), and who could have and has not spoken.

        For a hidden child nobody vouches, and only those are silent who would be for a child nobody knows.
        """
        if not self._decision.wants_voucher:
            return None, {}
        said = {source: self._finds[source].result() for source in self._vouchers if source in self._finds and _spoke(self._finds[source])}
        # Too many, or not sure who: it has not said no.
        spoke = {source for source, finding in said.items() if hidden or finding.state in ("FOUND", "NOTHING_TO_SHOW")}
        yes = {source: self._as_voucher(source) for source in spoke if said[source].vouched and not hidden}
        return yes, {source: self._as_voucher(source) for source in self._vouchers - spoke}

    def _as_voucher(self, source: str) -> Voucher:
        return "own-agency" if self._sources[source].agency == self._practitioner.agency else "other-agency"

    def found(self) -> Found:
        """What is known at this moment; a shield source that has not spoken, or had not when fetching began, is silent.

        Doubts that follow from who the child is count for nothing of a hidden child: they would tell it from one nobody knows.
        """
        ended = {source: task.result() for source, task in self._finds.items() if _spoke(task)}
        guards = self._plan.guards & ended.keys()
        shields, veiled = self._shields(ended)
        hidden = "IDENTITY" in shields
        crowded = any(ended[source].crowded for source in guards)
        doubtful = not hidden and not all(finding.orders_known for finding in ended.values())
        unsure = not hidden and (self._was_unsure or not all(self._spoke_of_ours(source, ended) for source in guards))
        silent = self._was_silent or not self._plan.guards <= ended.keys() or crowded or doubtful
        vouched, mute = self._vouched(hidden)
        persons = {source: finding.person for source, finding in ended.items() if finding.person is not None}
        return Found(shields=shields, silent=silent, veiled=veiled, unsure=unsure, persons=persons, vouched=vouched, mute=mute)

    def _shields(self, ended: Mapping[str, Finding]) -> tuple[frozenset[Shield], bool]:
        """The shields that bind, and whether a hidden child is like this one and yet somebody else. A number nobody has proves nothing."""
        shields = frozenset[Shield]().union(*(finding.shields for finding in ended.values()))
        excused = [number for finding in ended.values() for number in finding.excused]
        persons = [finding.person for finding in ended.values() if finding.person is not None]
        borne_out = confirmed(self._plan.question.subject, persons).identifiers
        if all(number in borne_out for number in excused):
            return shields, bool(excused)
        return shields | {"IDENTITY"}, False

    def _spoke_of_ours(self, source: str, ended: Mapping[str, Finding]) -> bool:
        """Whether a shield source's word is about the child that others have found.

        "Nobody" to a mistyped number or name says nothing of a child whom another source knows by other details: that source must have
        been searched by something that a person accepted elsewhere bears out. Nor does "too many".
        """
        finding, subject = ended[source], self._plan.question.subject
        persons = [each.person for other, each in ended.items() if other != source and each.person is not None]
        if not persons or finding.state in ("FOUND", "AMBIGUOUS"):
            return True
        sure = confirmed(subject, persons)
        named = any(compare(subject, person).possible for person in persons)
        by_number = self._sources[source].can_find(Subject(identifiers=sure.identifiers))
        return finding.state != "TOO_MANY" and (by_number or (named and self._sources[source].can_find(sure)))

    async def fetch(self, decision: Decision) -> list[Outcome]:
        """One outcome for each ruling of the decision. Waits until every source has answered or its time is up."""
        rulings = decision.permitted
        self._begin_finds(ruling.source for ruling in rulings)
        for ruling in rulings:
            self._fetches[ruling.source, ruling.kind] = _begun(self._fetch(ruling, decision))
        await self._patiently()
        await self._as_long_as_for_anybody(decision)
        return [self._outcome(ruling) for ruling in decision.rulings]

    def persons(self) -> dict[str, Person]:
        """The persons accepted, by source."""
        ended = {source: task.result() for source, task in self._finds.items() if _spoke(task)}
        return {source: finding.person for source, finding in ended.items() if finding.person is not None}

    async def part(self) -> None:
        """End every task that is left; one that does not heed cancellation is not waited for."""
        tasks = [task for task in (*self._fetches.values(), *self._finds.values()) if not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_PARTING)

    async def _find(self, source: str) -> Finding:
        return await self._sources[source].find(self._plan.question.subject, self._ask(source), self._practitioner.key)

    async def _fetch(self, ruling: Ruling, decision: Decision) -> KindAnswer | None:
        finding = await asyncio.shield(self._finds[ruling.source])
        if finding.person is None or decision.hidden or decision.unsure or (decision.guarded and finding.on_place):
            return None
        rule = KindRule(
            wanted=self._plan.wanted(ruling.source, ruling.kind),
            permitted=ruling.fields,
            ceiling=ruling.ceiling,
            existence=ruling.existence,
            sensitive=ruling.sensitive,
            since=ruling.since,
            handling=ruling.handling,
            tier=ruling.floor,
            police=ruling.police,
        )
        ask = msgspec.structs.replace(self._ask(ruling.source), fields=ruling.fields)
        return await self._sources[ruling.source].fetch(finding.person, ruling.kind, rule, ask, decision.place, decision.at)

    async def _patiently(self) -> None:
        """Wait for every fetch until its source's time is up, and no longer, whether or not the source's connector heeds that."""
        waiting: dict[float, list[asyncio.Task[KindAnswer | None]]] = {}
        for (source, _), task in self._fetches.items():
            waiting.setdefault(self._patience(source), []).append(task)
        for patience, tasks in sorted(waiting.items(), key=lambda entry: entry[0]):
            left = self._start + patience + _GRACE - asyncio.get_running_loop().time()
            await asyncio.wait(tasks, timeout=max(0.0, left))

    async def _as_long_as_for_anybody(self, decision: Decision) -> None:
        """Wait for a source that hangs also where it is not asked for this child's sake: an answer in no time would tell."""
        spared = {ruling.source for ruling in decision.rulings if ruling.rests_on_child} - self._finds.keys()
        waits = [self._patience(source) for source in spared if self._sources[source].out_as == "TIMED_OUT"]
        if waits:
            await asyncio.sleep(max(0.0, self._start + max(waits) - asyncio.get_running_loop().time()))

    def _ask(self, source: str) -> Ask:
        who = self._practitioner
        opaque = self._access.for_source(f"{source}|{who.key}")
        return Ask(
            access_id=self._access.for_source(source),
            purpose=self._plan.purpose,
            practitioner=Asker(agency=who.agency, roles=who.roles, opaque=opaque),
            deadline=self._start + self._patience(source),
        )

    def _patience(self, source: str) -> float:
        return min(self._sources[source].settings.deadline, self._budget)

    def _guarded_by(self, systems: frozenset[str]) -> bool:
        """Whether every shield source can be searched by the numbers of these systems that were typed.

        Where one cannot, a hint that rests on such a number could be a hint at a hidden child.
        """
        numbers = [number for number in self._plan.question.subject.identifiers if number.system in systems]
        guards = [self._sources[source] for source in self._plan.guards]
        return all(guard.can_find(Subject(identifiers=(number,))) for guard in guards for number in numbers)

    def _outcome(self, ruling: Ruling) -> Outcome:
        source = self._sources[ruling.source]
        blank = Outcome(source=ruling.source, kind=ruling.kind, state="FAILED", seconds=self._patience(ruling.source))
        if ruling.state is not None:
            said = msgspec.structs.replace(blank, state=ruling.state, reason=ruling.reason)
            return self._like_nobody(said, source) if ruling.rests_on_child and ruling.state == "NOTHING_TO_SHOW" else said
        find, fetch = self._finds[ruling.source], self._fetches[ruling.source, ruling.kind]
        if not _spoke(find):
            return _failed(blank, find, source, found=False)
        finding = find.result()
        blank = msgspec.structs.replace(blank, crowded=finding.crowded)
        if finding.person is None:
            if finding.slip and not self._guarded_by(finding.slip):
                return msgspec.structs.replace(blank, state="NOTHING_TO_SHOW", reason="match-too-weak")
            state: OutcomeState = "NOTHING_TO_SHOW" if finding.state == "FOUND" else finding.state
            return msgspec.structs.replace(blank, state=state, match=finding.match)
        known = msgspec.structs.replace(blank, found=True, match=finding.match, on_place=finding.on_place)
        if not _spoke(fetch):
            return _failed(known, fetch, source, found=True)
        return _answered(known, fetch.result())

    def _like_nobody(self, said: Outcome, source: Source) -> Outcome:
        """A no that rests on this child as it would be for a child nobody knows: a source that is silent is silent for both."""
        find = self._finds.get(source.id)
        if find is None:
            return msgspec.structs.replace(said, state=source.out_as, since=source.out_since) if source.out_as else said
        if not _spoke(find):
            return _failed(said, find, source, found=False)
        finding = find.result()
        if finding.person is None and finding.state in ("TOO_MANY", "AMBIGUOUS") and not finding.slip:
            return msgspec.structs.replace(said, state=finding.state, match=finding.match, crowded=finding.crowded)
        return said


@asynccontextmanager
async def asking(plan: Plan, decision: Decision, practitioner: Practitioner, access: Access, asks: Asks) -> AsyncIterator[Asking]:
    """Ask within a block; when the block ends, however it ends, no source is being asked any more."""
    asked = Asking(plan, decision, practitioner, access, asks)
    try:
        yield asked
    finally:
        await asked.part()


def _begun(work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
    """A task whose error is always looked at: the event loop would print an unseen one, text and all."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


def _spoke(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _answered(known: Outcome, answer: KindAnswer | None) -> Outcome:
    if answer is None:
        # Nothing was asked for: whoever this is, nobody is certain. What a shield makes of that is settled later.
        possible = known.match and Match("POSSIBLE", known.match.evidence)
        return msgspec.structs.replace(known, state="AMBIGUOUS", match=possible)
    reason = ",".join(answer.reasons) or None
    # Known here without such records, and known with hidden ones: the same words for both.
    whole: OutcomeState = "ANSWERED" if answer.records else "NOTHING_TO_SHOW"
    state: OutcomeState = "PARTIAL" if answer.set_aside or answer.cut else whole
    return msgspec.structs.replace(known, state=state, records=answer.records, set_aside=answer.set_aside, reason=reason)


def _failed(blank: Outcome, task: asyncio.Task[Any], source: Source, *, found: bool) -> Outcome:
    """The outcome of a task that brought no answer. ``Refused`` counts only before find has returned."""
    error = task.exception() if task.done() and not task.cancelled() else TimeoutError()
    if isinstance(error, TimeoutError):
        return msgspec.structs.replace(blank, state="TIMED_OUT")
    if isinstance(error, Unavailable):
        return msgspec.structs.replace(blank, state="UNAVAILABLE", since=source.out_since)
    if isinstance(error, Refused):
        log.error("source refused", source=source.id, kind=blank.kind, found=found)
        state = "NOTHING_TO_SHOW" if found else "REFUSED"
        return msgspec.structs.replace(blank, state=state, reason="refused-after-find" if found else None)
    _report(error, blank)
    return msgspec.structs.replace(blank, state="FAILED")


def _report(error: BaseException | None, outcome: Outcome) -> None:
    """Tell the operators where it broke. Only our own errors' texts are known to name no child: others give type and place."""
    detail = error.detail if isinstance(error, SourceError) else None
    where = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)][-3:] if error else []
    event = "source misconfigured" if isinstance(error, Misconfigured) else "source failed"
    log.error(event, source=outcome.source, kind=outcome.kind, error=type(error).__name__, detail=detail, where=where)
