"""Asks the permitted sources at the same moment: find and match, shields, then fetch. The only caller of sources.

Who can vouch for the asker is asked first, where a clause wants to know; whoever is asked only if somebody vouches hears of nothing before.
Nothing is fetched from any source before every shield source has ended its find, or ``shield_wait`` has passed. Each
source has its own deadline within the question's budget; whatever one source does, the others' answers stand.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import combinations
from typing import Protocol, TypeVar

import msgspec
import structlog

from connectors import Ask, Asker, Identifier, Person, Subject
from connectors.connector import Shield
from connectors.finding import Finding
from connectors.matching import confirmed, standing
from connectors.release import KindRule
from connectors.source import KindAnswer, Source
from portal.accesslog import Access
from portal.doubts.heeding import Standing, heed, ids_of
from portal.endings import answered, begun, failed, spoke
from portal.federation import FederationSettings
from portal.model import Decision, Found, OutcomeState, Passed, Plan, Practitioner, Ruling, Voucher
from portal.outcomes import Outcome
from portal.passing import Passes, certain_numbers
from portal.samechild import two_children

_T = TypeVar("_T")
#: The ids of persons that a practitioner has picked, by source.
Chosen = Mapping[str, frozenset[str]]
_NOBODY: Chosen = {}
#: What still stands, and who may learn a number from whom, once more has been found.
Look = Callable[[Found], Awaitable[tuple[Decision, Passes]]]
_NOT_ASKED = Finding(state="NOT_ASKED")
log = structlog.get_logger("childview.asking")

#: How long a source that does not heed cancellation is waited for when all is over.
_PARTING = 0.1
#: How long after its deadline a source may say that it kept it.
_GRACE = 0.05


class Reports(Protocol):
    """Where it stands which of a source's persons somebody took for another child."""

    async def standing(self, source: str, persons: frozenset[str], asker: str, /) -> Standing: ...


class Asks(Protocol):
    """What asking needs of the portal."""

    @property
    def sources(self) -> Mapping[str, Source]: ...

    @property
    def settings(self) -> FederationSettings: ...

    @property
    def doubts(self) -> Reports: ...


class Asking:
    """One question on its way to its sources. Made by ``asking``, which ends every task it began."""

    def __init__(
        self, plan: Plan, decision: Decision, practitioner: Practitioner, access: Access, asks: Asks, chosen: Chosen = _NOBODY
    ) -> None:
        self._chosen = chosen
        self._plan, self._decision, self._practitioner, self._access = plan, decision, practitioner, access
        self._sources, self._doubts = asks.sources, asks.doubts
        settings = asks.settings.portal
        self._shield_wait, self._voucher_wait, self._budget = settings.shield_wait, settings.voucher_wait, settings.budget
        self._start = asyncio.get_running_loop().time()
        self._was_silent = self._was_unsure = False
        self._vouchers: frozenset[str] = frozenset()
        self._finds: dict[str, asyncio.Task[Finding]] = {}
        self._fetches: dict[tuple[str, str], asyncio.Task[KindAnswer | None]] = {}

    async def find(self) -> Found:
        """Start the finds; return once vouchers and shield sources have spoken, or ``voucher_wait`` and ``shield_wait`` have passed.

        Where a practitioner has chosen, those sources are waited for like shield sources.

        A source of which every kind waits for a voucher is not asked yet.
        """
        self._vouchers = self._decision.vouchers & self._sources.keys()
        asked = {ruling.source for ruling in self._decision.permitted if ruling.relationship == "none"}
        if not self._decision.open:
            return Found()
        self._begin_finds((asked | self._plan.guards | (self._vouchers - self._plan.unfindable)) - self._plan.learns.keys())
        await asyncio.gather(
            self._spoken(self._plan.guards, self._shield_wait),
            self._spoken(self._vouchers, self._voucher_wait),
            self._spoken(self._chosen, self._shield_wait),  # what was said of whom the asker chose counts before anything is fetched
        )
        found = self.found()
        self._was_silent, self._was_unsure = found.silent, found.unsure
        return found

    def _begin_finds(self, sources: Iterable[str]) -> None:
        for source in sorted(set(sources) - self._finds.keys()):
            self._finds[source] = begun(self._find(source))

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
        # Who is asked only by what others have found vouches for nobody.
        asked = (self._vouchers & self._finds.keys()) - self._plan.learns.keys()
        said = {source: self._finds[source].result() for source in asked if spoke(self._finds[source])}
        # Too many, or not sure who: it has not said no.
        heard = {source for source, finding in said.items() if hidden or finding.state in ("FOUND", "NOTHING_TO_SHOW")}
        yes = {source: self._as_voucher(source) for source in heard if said[source].vouched and not hidden}
        return yes, {source: self._as_voucher(source) for source in self._vouchers - heard}

    def _as_voucher(self, source: str) -> Voucher:
        return "own-agency" if self._sources[source].agency == self._practitioner.agency else "other-agency"

    def found(self) -> Found:
        """What is known at this moment; a shield source that has not spoken, or had not when fetching began, is silent.

        Doubts that follow from who the child is count for nothing of a hidden child: they would tell it from one nobody knows.
        """
        ended = {source: task.result() for source, task in self._finds.items() if spoke(task)}
        guards = self._plan.guards & ended.keys()
        shields, veiled = self._shields(ended)
        hidden = "IDENTITY" in shields
        crowded = any(ended[source].crowded for source in guards)
        doubtful = not hidden and not all(finding.orders_known for finding in ended.values())
        ours = all(self._spoke_of_ours(source, ended) for source in guards) and not _chose_two_children(ended)
        unsure = not hidden and (self._was_unsure or not ours)
        silent = self._was_silent or not self._plan.guards <= ended.keys() or crowded or doubtful
        vouched, mute = self._vouched(hidden)
        persons = {source: finding.persons for source, finding in ended.items() if finding.persons}
        return Found(shields=shields, silent=silent, veiled=veiled, unsure=unsure, persons=persons, vouched=vouched, mute=mute)

    def _shields(self, ended: Mapping[str, Finding]) -> tuple[frozenset[Shield], bool]:
        """The shields that bind, and whether a hidden child is like this one and yet somebody else. A number nobody has proves nothing."""
        shields = frozenset[Shield]().union(*(finding.shields for finding in ended.values()))
        excused = [number for finding in ended.values() for number in finding.excused]
        persons = [person for finding in ended.values() for person in finding.persons]
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
        persons = [person for other, each in ended.items() if other != source for person in each.persons]
        if not persons or finding.state in ("FOUND", "AMBIGUOUS"):
            return True
        sure = confirmed(subject, persons)
        named = any(standing(subject, person, self._sources[source].matcher).possible for person in persons)
        by_number = self._sources[source].can_find(Subject(identifiers=sure.identifiers))
        return finding.state != "TOO_MANY" and (by_number or (named and self._sources[source].can_find(sure)))

    async def fetch(self, decision: Decision, look: Look) -> list[Outcome]:
        """One outcome for each ruling of the decision. Waits until every source has answered or its time is up.

        ``look`` is taken before a number goes from one source to another.
        """
        rulings = decision.permitted
        self._begin_finds({ruling.source for ruling in rulings} - self._plan.learns.keys())
        for source in sorted({ruling.source for ruling in rulings} & self._plan.learns.keys()):
            self._finds[source] = begun(self._find_later(source, look))
        for ruling in rulings:
            self._fetches[ruling.source, ruling.kind] = begun(self._fetch(ruling, decision))
        await self._patiently()
        await self._as_long_as_for_anybody(decision)
        return [self._outcome(ruling, decision.guarded) for ruling in decision.rulings]

    def persons(self, guarded: bool = False) -> dict[str, tuple[Person, ...]]:
        """The persons accepted, by source; ``guarded``: as where a place must not be known."""
        ended = {source: task.result().under(guarded) for source, task in self._finds.items() if spoke(task)}
        return {source: finding.persons for source, finding in ended.items() if finding.persons}

    async def part(self) -> None:
        """End every task that is left; one that does not heed cancellation is not waited for."""
        tasks = [task for task in (*self._fetches.values(), *self._finds.values()) if not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_PARTING)

    async def _find(self, source: str, learnt: tuple[Identifier, ...] = ()) -> Finding:
        chosen = self._chosen.get(source, frozenset())
        asker = self._practitioner.key
        finding = await self._sources[source].find(self._plan.question.subject, self._ask(source), asker, chosen, learnt)
        return heed(finding, await self._doubts.standing(source, ids_of(finding), asker))

    async def _find_later(self, source: str, look: Look) -> Finding:
        """The second wave: find by numbers of the child that others are certain of and may pass on. Without one nobody is asked.

        Where a match rests on what was typed of the home, so does whether this source was asked at all.
        """
        await self._othersspoke(source)
        ended = {each: task.result() for each, task in self._finds.items() if spoke(task) and each not in self._plan.learns}
        decision, passes = await look(self.found())
        guards = [ended.get(guard) for guard in self._plan.guards]
        # Before every shield source has spoken, and has seen all whom it found, nobody's number goes anywhere.
        sure = not (decision.hidden or decision.unsure) and all(guard is not None and not guard.crowded for guard in guards)
        if not sure or self._is_over(source):
            return _NOT_ASKED
        permitted = {ruling.source for ruling in decision.permitted}
        givers = {giver for giver in self._plan.learns[source] & permitted if passes.may(giver, source)}
        numbers, blind = (self._numbers(source, givers, ended, guarded) for guarded in (decision.guarded, True))
        if source not in permitted or not numbers:
            return _NOT_ASKED
        from_ = sorted(frozenset[str]().union(*numbers.values()))
        self._access.passing(Passed(to=source, givers=tuple(from_), systems=tuple(number.system for number in numbers)))
        finding = await self._find(source, tuple(numbers))
        return finding if numbers.keys() == blind.keys() else msgspec.structs.replace(finding, blind=_NOT_ASKED)

    async def _othersspoke(self, source: str) -> None:
        """Wait for those who may pass on a number, and for shield sources: for half of the time, so that enough is left to ask."""
        waited = [self._finds[each] for each in self._plan.learns[source] | self._plan.guards if each in self._finds]
        left = self._start + self._patience(source) / 2 - asyncio.get_running_loop().time()
        if waited:
            await asyncio.wait(waited, timeout=max(0.0, left))

    def _is_over(self, source: str) -> bool:
        return asyncio.get_running_loop().time() >= self._start + self._patience(source)

    def _numbers(
        self, source: str, givers: Collection[str], ended: Mapping[str, Finding], guarded: bool
    ) -> dict[Identifier, frozenset[str]]:
        """The numbers that ``source`` may be asked by, each by itself, with those who are certain of them."""
        certain = certain_numbers({each: finding.under(guarded) for each, finding in ended.items()}, givers)
        return {each: those for each, those in certain.items() if self._sources[source].can_find(Subject(identifiers=(each,)))}

    async def _fetch(self, ruling: Ruling, decision: Decision) -> KindAnswer | None:
        finding = (await asyncio.shield(self._finds[ruling.source])).under(decision.guarded)
        if not finding.persons or decision.hidden or decision.unsure or self._is_late(ruling.source):
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
        return await self._sources[ruling.source].fetch(finding.persons, ruling.kind, rule, ask, decision.place, decision.at)

    def _is_late(self, source: str) -> bool:
        """Whether a source of the second wave has itself found what forbids reading anything."""
        return source in self._plan.learns and ((found := self.found()).unsure or "IDENTITY" in found.shields)

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
        spared = {ruling.source for ruling in decision.rulings if ruling.rests_on_child} - self._finds.keys() - self._plan.learns.keys()
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

    def _outcome(self, ruling: Ruling, guarded: bool) -> Outcome:
        source = self._sources[ruling.source]
        blank = Outcome(source=ruling.source, kind=ruling.kind, state="FAILED", seconds=self._patience(ruling.source))
        if ruling.state is not None:
            said = msgspec.structs.replace(blank, state=ruling.state, reason=ruling.reason)
            return self._like_nobody(said, source) if ruling.rests_on_child and ruling.state == "NOTHING_TO_SHOW" else said
        find, fetch = self._finds[ruling.source], self._fetches[ruling.source, ruling.kind]
        if not spoke(find):
            return failed(blank, find, source, found=False)
        finding = find.result().under(guarded)
        blank = msgspec.structs.replace(blank, crowded=finding.crowded)
        if finding.blind is not None:
            blank = msgspec.structs.replace(blank, blind=self._unread(blank, finding.blind))
        if not finding.persons:
            return self._unread(blank, finding)
        known = msgspec.structs.replace(blank, found=True, match=finding.match, chosen=finding.chosen)
        if not spoke(fetch):
            return failed(known, fetch, source, found=True)
        return answered(known, fetch.result())

    def _unread(self, blank: Outcome, finding: Finding) -> Outcome:
        """The outcome of a source of which nothing is read, whoever it found."""
        if finding.slip and not self._guarded_by(finding.slip):
            return msgspec.structs.replace(blank, state="NOTHING_TO_SHOW", reason="match-too-weak")
        state: OutcomeState = "NOTHING_TO_SHOW" if finding.state == "FOUND" else finding.state
        reason = "reported" if finding.reported else None
        return msgspec.structs.replace(blank, state=state, reason=reason, match=finding.match, offers=finding.offers)

    def _like_nobody(self, said: Outcome, source: Source) -> Outcome:
        """A no that rests on this child as it would be for a child nobody knows: a source that is silent is silent for both."""
        find = self._finds.get(source.id)
        if find is None:
            return msgspec.structs.replace(said, state=source.out_as, since=source.out_since) if source.out_as else said
        if not spoke(find):
            return failed(said, find, source, found=False)
        finding = find.result()
        if not finding.persons and finding.state in ("TOO_MANY", "AMBIGUOUS") and not finding.slip:
            reason = "reported" if finding.reported else said.reason
            return msgspec.structs.replace(said, state=finding.state, reason=reason, match=finding.match, crowded=finding.crowded)
        return said


@asynccontextmanager
async def asking(
    plan: Plan, decision: Decision, practitioner: Practitioner, access: Access, asks: Asks, chosen: Chosen = _NOBODY
) -> AsyncIterator[Asking]:
    """Ask within a block; when the block ends, however it ends, no source is being asked any more. ``chosen`` as in ``Chosen``."""
    asked = Asking(plan, decision, practitioner, access, asks, chosen)
    try:
        yield asked
    finally:
        await asked.part()


def _chose_two_children(ended: Mapping[str, Finding]) -> bool:
    """Whether a choice has put two children together: who may see one, and what was said of one, must not open the other's records."""
    pairs = ((one, other) for one, other in combinations(ended.values(), 2) if one.chosen or other.chosen)
    return any(two_children(person, there) for one, other in pairs for person in one.persons for there in other.persons)
