"""The whole product is ``answer``: one question about one child on its way to one view, every access logged.

``Portal`` holds the handful of objects that have effects: sources, rules, the access log, identity, the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from connectors.errors import SourceError
from connectors.source import Source
from connectors.standard import Standard
from portal.accesslog import AccessLog
from portal.agreements import Agreements, Rules, refuse_older
from portal.asking import asking
from portal.decisions import decide, narrow
from portal.federation import MASKS, Agency, Federation, FederationSettings, is_police
from portal.identity import Identity
from portal.masking import Known, SourceFacts
from portal.merge import merge
from portal.model import ChildView, Practitioner, Question
from portal.planner import make_plan

log = structlog.get_logger("childview.gateway")


@dataclass(frozen=True, kw_only=True)
class Portal:
    """What answering needs, opened and ready. Made by ``open_portal``."""

    settings: FederationSettings
    standard: Standard
    sources: Mapping[str, Source]
    rules: Rules
    agreements: Agreements
    log: AccessLog
    identity: Identity
    known: Known
    clock: Callable[[], datetime]

    @property
    def agencies(self) -> Mapping[str, Agency]:
        return self.settings.agencies

    @property
    def purposes(self) -> Mapping[str, str]:
        return self.settings.purposes

    @property
    def roles(self) -> Mapping[str, str]:
        return self.settings.roles


async def answer(question: Question, practitioner: Practitioner, portal: Portal) -> ChildView:
    """Answer one practitioner's question about one child.

    Raises LogUnavailable when who looks cannot be written down: then nobody has been asked, or nothing is released.
    """
    plan = make_plan(question, portal.standard, portal.sources, portal.purposes, portal.settings.shield_sources)  # pure: who would answer
    rules = await portal.rules.concerning(practitioner, plan)  # the agreements in force
    decision = decide(plan, practitioner, rules, portal.log.now())  # pure: every yes and every no cites its clause
    async with (
        portal.log.access(practitioner, plan, decision) as access,  # intent durable; on any exit exactly one conclusion
        asking(plan, decision, practitioner, access, portal) as asked,  # whatever happens, nobody is being asked afterwards
    ):
        found = await asked.find()  # find and match at every source; shields
        narrowed = narrow(decision, found, portal.standard)  # pure: what is left under the shields
        outcomes = await asked.fetch(narrowed)  # only what is still permitted; deadline; isolation
        final = narrow(decision, asked.found(), portal.standard)  # a shield that came late binds what has come already
        view = merge(plan, final, outcomes, asked.persons(), portal.known, portal.clock())  # pure: nothing dropped, nothing unexplained
        return await access.conclude(view)  # durable before one byte leaves; never content


@asynccontextmanager
async def open_portal(federation: Federation, state: Path, clock: Callable[[], datetime] | None = None) -> AsyncIterator[Portal]:
    """Open everything a federation names, and close it again. A source that cannot be opened does not stop the others.

    Raises ConfigurationError or LogUnavailable when the portal cannot keep its promises: then it does not start.
    """
    settings, now = federation.settings, clock or _utc
    sources = {each.id: Source(each, federation.standard, police=is_police(each, settings)) for each in federation.declared.values()}
    async with AsyncExitStack() as stack:
        accesslog = await AccessLog.open(settings.log, f"{settings.portal.id}/1", state, now, systems=sources)
        stack.push_async_callback(accesslog.close)
        refuse_older(federation.agreements, await accesslog.agreements_loaded())
        for agreement in federation.agreements.all:
            await accesslog.change("agreement-loaded", agreement.id, str(agreement.version), agreement.hash)
        identity = Identity(settings.issuers, agencies=frozenset(settings.agencies), roles=frozenset(settings.roles))
        await asyncio.gather(*(_open(source, stack) for source in sources.values()))
        yield Portal(
            settings=settings,
            standard=federation.standard,
            sources=sources,
            rules=Rules(federation.agreements),
            agreements=federation.agreements,
            log=accesslog,
            identity=identity,
            known=_known(federation),
            clock=now,
        )


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
