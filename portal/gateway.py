"""The whole product is ``answer``: one question about one child on its way to one view, every access logged.

``Portal`` holds the handful of objects that have effects: sources, rules, the access log, identity, the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import structlog

from connectors.errors import SourceError
from connectors.source import Source
from connectors.standard import Standard
from portal import alerts as alerting
from portal import breakglass, choices, consent, doubts, trying, vouching
from portal.accesslog import Access, AccessLog
from portal.agreements import Agreements, as_day
from portal.agreements.rules import RuleSet
from portal.alerts import Alert, Alerts
from portal.asking import Asking, Look, asking
from portal.breakglass import Glass, opens_nothing
from portal.choices import Choices, by_source
from portal.consent import Registry
from portal.decisions import decide, narrow, recheck, uphold
from portal.doubts import Doubts
from portal.errors import PortalError
from portal.federation import MASKS, Agency, Federation, FederationSettings, is_police
from portal.identity import Identity
from portal.masking import Known, SourceFacts
from portal.merge import merge
from portal.model import Breaking, ChildView, Decision, Found, Plan, Practitioner, Question
from portal.outcomes import Outcome
from portal.passing import Passes, with_second_wave
from portal.planner import make_plan
from portal.rulebook import Rulebook
from portal.sealing import open_sealer
from portal.storage import Database, StorageUnavailable
from portal.telling import of_declaring, of_showing
from portal.trying import Tried
from portal.vouching import Vouchings

_TABLES = (consent.TABLES, breakglass.TABLES, alerting.TABLES, vouching.TABLES, choices.TABLES, doubts.TABLES, trying.TABLES)
#: So often, in seconds, it is looked for reviews that nobody has closed in time, and for places that count no longer.
_REVIEWS_EVERY = 60.0
#: So many seconds counting may take.
_COUNTING = 1.0
#: So often at most a view is made anew because what it rests on has changed meanwhile.
_LOOKS = 20
log = structlog.get_logger("childview.gateway")


@dataclass(frozen=True, kw_only=True)
class Portal:
    """What answering needs, opened and ready. Made by ``open_portal``."""

    settings: FederationSettings
    standard: Standard
    sources: Mapping[str, Source]
    rules: Rulebook
    registry: Registry
    glass: Glass
    vouchings: Vouchings
    choices: Choices
    doubts: Doubts
    tried: Tried
    alerts: Alerts
    log: AccessLog
    identity: Identity
    known: Known
    clock: Callable[[], datetime]

    @property
    def agreements(self) -> Agreements:
        return self.rules.agreements

    @property
    def agencies(self) -> Mapping[str, Agency]:
        return self.settings.agencies

    @property
    def agency_of(self) -> Mapping[str, str]:
        """The agency of each source."""
        return {id: source.agency for id, source in self.sources.items()}

    @property
    def purposes(self) -> Mapping[str, str]:
        return self.settings.purposes

    @property
    def roles(self) -> Mapping[str, str]:
        return self.settings.roles

    def passes(self, rules: RuleSet, purpose: str, births: tuple[str, ...] | None = None) -> Passes:
        """Who may learn a number from whom by these rules, now. ``births`` as in ``Passes``."""
        tier = self.standard.kinds["Identifier"].tier
        now, roles = self.log.now(), frozenset(self.roles)
        return Passes(rules=rules, agency_of=self.agency_of, roles=roles, purpose=purpose, now=now, tier=tier, births=births)


async def answer(question: Question, practitioner: Practitioner, portal: Portal) -> ChildView:
    """Answer one practitioner's question about one child.

    Raises LogUnavailable when who looks cannot be written down: then nobody has been asked, or nothing is released. Raises RequestError
    (CV424-CV430) when the glass may not be broken, CV608 when a choice is no longer open, CV607 for a third place, StorageUnavailable when
    one of these cannot be written down.
    """
    plan = make_plan(question, portal.standard, portal.sources, portal.purposes, portal.settings.shield_sources)  # pure: who would answer
    breaking = await portal.glass.wanted(question, practitioner, portal.log.now())  # more than agreements ordinarily give
    chosen = await portal.choices.opened(question, practitioner)  # whom the asker chose among those offered before
    rules, known = await portal.rules.concerning(plan, practitioner, breaking)  # agreements; consents, objections by what was typed
    plan = with_second_wave(plan, portal.passes(rules, plan.purpose))  # pure: who may learn a number from whom
    decision = decide(plan, practitioner, rules, portal.log.now(), known)  # pure: every yes and every no cites its clause
    breaking = opened(breaking, decision)
    await portal.tried.check(question.subject, practitioner)  # nobody finds a place by typing one after another
    async with (
        portal.log.access(practitioner, plan, decision, breaking, chosen) as access,  # intent durable; on any exit exactly one conclusion
        asking(plan, decision, practitioner, access, portal, by_source(chosen)) as asked,  # whatever happens, nobody is asked afterwards
    ):
        if breaking:
            await portal.glass.broken(breaking, question, practitioner, decision, access.id)  # kept and told before anybody is asked
        await portal.choices.spend(chosen)  # each choice counts once
        found = await asked.find()  # relationship first; find and match at every source; shields
        rules, known = await portal.rules.concerning(plan, practitioner, breaking, found)  # consents, objections by what was learnt
        decision = recheck(decision, plan, practitioner, rules, portal.log.now(), known)  # pure: what is left; nothing is added
        await portal.alerts.add(of_declaring(decision, practitioner, portal.agency_of, access.id))  # nobody but the asker vouches
        look = _look(plan, decision, practitioner, breaking, portal)  # once more before a number goes from one source to another
        outcomes = await asked.fetch(narrow(decision, found, portal.standard), look)  # only what is still permitted; deadline; isolation
        view = await _merged(plan, decision, outcomes, asked, practitioner, breaking, access, portal)
        view = portal.choices.offered(view, question, practitioner, access.id)  # a sealed token for each who may be the child
        view = await access.conclude(view)  # durable before one byte leaves; never content
    await _tell(decision, found, view, practitioner, access, portal)
    return view


def _look(plan: Plan, decision: Decision, practitioner: Practitioner, breaking: Breaking | None, portal: Portal) -> Look:
    """What still stands of a decision, and who may learn a number from whom, by the rules and the registry of that moment."""

    async def look(found: Found) -> tuple[Decision, Passes]:
        rules, known = await portal.rules.concerning(plan, practitioner, breaking, found)
        upheld = uphold(decision, plan, practitioner, rules, portal.log.now(), known)
        return narrow(upheld, found, portal.standard), portal.passes(rules, plan.purpose, known.births)

    return look


async def _merged(
    plan: Plan, decision: Decision, outcomes: list[Outcome], asked: Asking, practitioner: Practitioner, breaking: Breaking | None,
    access: Access, portal: Portal,
) -> ChildView:  # fmt: skip
    """The view of what still stands: made again if anything that it rests on was withdrawn or changed while it was made.

    Nothing is waited for between the last look and the conclusion, so that a withdrawal stands in the log either before it, and counts,
    or after it.
    """
    for _ in range(_LOOKS):
        revision = portal.rules.revision
        found = asked.found()
        rules, known = await portal.rules.concerning(plan, practitioner, breaking, found)
        upheld = uphold(decision, plan, practitioner, rules, portal.log.now(), known)
        final = narrow(upheld, found, portal.standard)  # a shield that came late binds what has come already
        handles = portal.doubts.handles(asked.persons(final.guarded), outcomes, practitioner, access)  # to report a wrong child by
        # Pure: nothing dropped, nothing unexplained.
        view = merge(plan, final, outcomes, asked.persons(), portal.known, portal.clock(), handles)
        if portal.rules.revision == revision:
            return view
    raise PortalError("CV243", "What this rests on keeps changing, so that nothing can be shown now.", 503, "Ask again.", retry_after=1)


async def _tell(decision: Decision, found: Found, view: ChildView, practitioner: Practitioner, access: Access, portal: Portal) -> None:
    """Tell the agencies that clauses name that something was shown; count how often an agency vouches for its own people.

    Raises StorageUnavailable when those who are to be told cannot be: then nothing is shown. The count alone hinders nobody.
    """
    await portal.alerts.add(of_showing(decision, view.manifest, practitioner, access.id))
    if found.vouched is None:
        return
    agency, day = practitioner.agency, as_day(portal.log.now())
    try:
        async with asyncio.timeout(_COUNTING):
            await portal.vouchings.note(agency, practitioner.key, "own-agency" in found.vouched.values(), day)
            if await portal.vouchings.unusual(agency, day):
                await portal.alerts.add(Alert(kind="own-agency-rate", to=each, by_agency=agency) for each in sorted(portal.agencies))
    except (StorageUnavailable, TimeoutError) as error:
        log.error("vouching not counted", error=type(error).__name__)


def opened(breaking: Breaking | None, decision: Decision) -> Breaking | None:
    """The breaking, until the end of the longest clause that it opens. Raises RequestError CV427 when it opens none."""
    if breaking is None:
        return None
    # Whether it opens anything must not tell of this child.
    minutes = [ruling.minutes for ruling in decision.open if ruling.broken]
    if not minutes:
        raise opens_nothing()
    return msgspec.structs.replace(breaking, until=max(breaking.until, breaking.at + timedelta(minutes=max(minutes))))


@asynccontextmanager
async def open_portal(federation: Federation, state: Path, clock: Callable[[], datetime] | None = None) -> AsyncIterator[Portal]:
    """Open everything a federation names, and close it again. A source that cannot be opened does not stop the others.

    Raises ConfigurationError, LogUnavailable or StorageUnavailable when the portal cannot keep its promises: then it does not start.
    """
    settings, now = federation.settings, clock or _utc
    sources = {each.id: Source(each, federation.standard, police=is_police(each, settings)) for each in federation.declared.values()}
    async with AsyncExitStack() as stack:
        accesslog = await AccessLog.open(settings.log, f"{settings.portal.id}/1", state, now, systems=sources)
        stack.push_async_callback(accesslog.close)
        database = await Database.open(settings.registry.url, state, *_TABLES)
        stack.push_async_callback(database.close)
        alerts = Alerts.open(database, settings.alerts, settings.agencies, state, now)
        sealer = open_sealer(settings.log.auditors_key, state)
        registry = Registry(database, accesslog.lasting, sealer, accesslog.now)
        await registry.check_key()
        rules = await Rulebook.open(
            federation.folder / "agreements", federation.agreements, _first_keys(federation), accesslog, registry, alerts, now
        )
        glass = Glass(
            database=database, lasting=accesslog.lasting, sealer=sealer, alerts=alerts, terms=settings.break_glass,
            agency_of={id: source.agency for id, source in sources.items()}, jurisdiction=settings.portal.jurisdiction, clock=now,
        )  # fmt: skip
        wrong = Doubts(
            database=database, lasting=accesslog.lasting, sealer=sealer, alerts=alerts, officers=settings.doubts.officers,
            agency_of={id: source.agency for id, source in sources.items()}, clock=accesslog.now,
        )  # fmt: skip
        tried = Tried(database, accesslog.lasting, alerts, accesslog.now)
        identity = Identity(settings.issuers, agencies=frozenset(settings.agencies), roles=frozenset(settings.roles))
        await asyncio.gather(*(_open(source, stack) for source in sources.values()))
        await stack.enter_async_context(_running(rules.run(), alerts.run(), _watch(glass, tried, now)))
        yield Portal(
            settings=settings,
            standard=federation.standard,
            sources=sources,
            rules=rules,
            registry=registry,
            glass=glass,
            vouchings=Vouchings(database, accesslog.lasting),
            choices=Choices(database, accesslog.lasting, accesslog.now),
            doubts=wrong,
            tried=tried,
            alerts=alerts,
            log=accesslog,
            identity=identity,
            known=_known(federation),
            clock=now,
        )


@asynccontextmanager
async def _running(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Work that goes on beside the questions. What ends one of them by mistake is told, and begins no chain of silence."""
    tasks = [asyncio.create_task(_told(work)) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _told(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception as error:  # its text is not ours to vouch for
        log.error("background work ended", id="CV902", error=type(error).__name__)


async def _watch(glass: Glass, tried: Tried, now: Callable[[], datetime]) -> None:
    """Look for reviews whose time is over, and take out places that count no longer, until cancelled."""
    while True:
        with suppress(StorageUnavailable):
            await glass.overdue(now())
            await tried.sweep()
        await asyncio.sleep(_REVIEWS_EVERY)


def _first_keys(federation: Federation) -> tuple[dict[str, str], str]:
    """The key of each agency that no earlier one vouches for, and the file where it stands."""
    agencies = federation.settings.agencies.items()
    first = {id: key_id for id, agency in agencies for key_id, key in agency.keys.items() if isinstance(key, str)}
    return first, str(federation.folder / "federation.toml")


async def _open(source: Source, stack: AsyncExitStack) -> None:
    """Open one source. What cannot be opened now is opened with the next question, and ends as its own outcome."""
    stack.push_async_callback(source.close)
    try:
        await source.open()
    except Exception as error:
        detail = error.detail if isinstance(error, SourceError) else None
        log.error("source not opened", source=source.id, error=type(error).__name__, detail=detail)


def _known(federation: Federation) -> Known:
    settings = federation.settings
    facts = {each.id: _facts(each.id, federation) for each in federation.declared.values()}
    owner = next(iter(settings.shield_sources), None)
    duty = facts[owner] if owner else SourceFacts(
        id=settings.portal.id, agency=settings.portal.id, name=settings.portal.name, phone=None, out_of_hours=None, contact=""
    )  # fmt: skip
    return Known(portal=settings.portal.id, standard=federation.standard, sources=facts, duty=duty)


def _facts(source: str, federation: Federation) -> SourceFacts:
    settings = federation.declared[source].settings
    agency = federation.settings.agencies[settings.agency]
    return SourceFacts(
        id=source,
        agency=settings.agency,
        name=settings.name or agency.name,
        phone=agency.phone,
        out_of_hours=agency.out_of_hours,
        contact=settings.contact,
        coverage_from=settings.coverage.from_,
        coverage_to=settings.coverage.to,
        coverage_note=settings.coverage.note,
        mask=MASKS[agency.type] if settings.local else None,
    )


def _utc() -> datetime:
    return datetime.now(UTC)
