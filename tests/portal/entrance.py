"""A portal without agencies, for tests of its entrance: a real standard, sign-in service, access log and server.

What it answers about Jo Ash, who is invented, is fixed; everything on the way to the answer and back is what is shipped.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import uvicorn
from graphql import GraphQLSchema
from joserfc.jwk import ECKey

from connectors import Identifier, Subject
from connectors.declarative import SourceSettings
from connectors.matching import Evidence
from connectors.standard import Held, Provenance, Standard, load_standard
from portal import alerts as alerting
from portal import breakglass, choices, consent, doubts, trying, vouching
from portal.accesslog import AccessLog, LogSettings
from portal.agreements import Agreements, Vocabulary
from portal.alerts import Alerts
from portal.api.schema import build_schema
from portal.breakglass import Glass
from portal.choices import Choices
from portal.consent import Registry
from portal.doubts import Doubts
from portal.federation import Agency, AlertSettings, BreakGlassSettings, FederationSettings, PortalSettings, RegistrySettings
from portal.gateway import Portal
from portal.identity import Identity, MayAssert
from portal.masking import Known, SourceFacts
from portal.model import (
    BreakGlass,
    Breaking,
    ChildView,
    Chronology,
    ChronologyEntry,
    Decision,
    Demographic,
    Demographics,
    DemographicValue,
    KindOutcome,
    Manifest,
    Missing,
    Plan,
    Practitioner,
    Question,
    Ruling,
    Section,
    ShownMatch,
    SourceOutcome,
)
from portal.rulebook import Rulebook
from portal.sealing import open_sealer
from portal.storage import Database
from portal.trying import Tried
from portal.vouching import Vouchings
from tests.portal.issuer import Issuer

AT = datetime(2026, 11, 22, 10, 42, 7, 123456, tzinfo=UTC)
JO = {"identifiers": [{"system": "nhs_number", "value": "999 000 0018"}], "familyName": "Ash", "birthDate": "2014-02-03"}
ASK = """query Ask($subject: SubjectInput!, $reason: String) {
  child(subject: $subject, purpose: "child-protection", reason: $reason) {
    purpose receipt { access index } wellbeingConcerns { everySourceAnswered records { id summary } missing { source state words } }
  }
}"""
GRAPHQL = "application/graphql-response+json"


@cache
def standard() -> Standard:
    return load_standard()


@cache
def schema() -> GraphQLSchema:
    return build_schema(standard())


@dataclass(frozen=True)
class Connected:
    """A source as the entrance sees it."""

    id: str
    agency: str
    kinds: tuple[str, ...]
    settings: SourceSettings
    out_since: datetime | None = None


POLICE = Connected(
    "northshire-police",
    "northshire-police",
    ("WellbeingConcern", "PoliceEvent"),
    SourceSettings(agency="northshire-police", reads="rest", url="https://police.example", contact="Desk, 01234 567890"),
)


@dataclass
class Standing:
    """What the entrance needs of a portal. ``asked`` collects the questions that reached it."""

    log: AccessLog
    identity: Identity
    settings: FederationSettings
    database: Database
    registry: Registry
    glass: Glass
    doubts: Doubts
    alerts: Alerts
    standard: Standard = field(default_factory=standard)
    sources: Mapping[str, Connected] = field(default_factory=lambda: {POLICE.id: POLICE})
    agreements: Agreements = field(default_factory=lambda: Agreements((), vocabulary()))
    clock: Callable[[], datetime] = lambda: AT
    asked: list[Question] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[None]] | None = None
    change: Callable[[ChildView], ChildView] = lambda view: view

    @property
    def agencies(self) -> Mapping[str, Agency]:
        return self.settings.agencies

    @property
    def purposes(self) -> Mapping[str, str]:
        return self.settings.purposes


AGENCIES = {
    "northshire-police": Agency(name="Northshire Police", phone="01234 567890", out_of_hours="01234 567899", type="police"),
    "hillview-school": Agency(name="Hillview <School> & Nursery", phone="01234 567891", type="school"),
}
PURPOSES = {"child-protection": "Protect a child from harm"}
ROLES = {"named_person": "Named person", "auditor": "Auditor", "privacy_officer": "Privacy officer"}


def vocabulary() -> Vocabulary:
    return Vocabulary("northshire", standard(), {}, frozenset(), frozenset(), frozenset(), {})


async def answer(question: Question, practitioner: Practitioner, portal: Standing) -> ChildView:
    """Answers as the gateway does, inside an access, without asking anybody."""
    await portal.glass.wanted(question, practitioner, AT)
    portal.asked.append(question)
    plan = Plan(question=question, purpose=question.purpose, asks=(), unfindable=frozenset())
    decision = Decision(at=AT, rulings=(), agreements={}, place=False)
    async with portal.log.access(practitioner, plan, decision) as access:
        if portal.meanwhile:
            await portal.meanwhile()
        return await access.conclude(portal.change(view(question)))


async def broken(portal: Standing) -> None:
    """A named person breaks the glass to what the police hold about Jo, as the path does it."""
    asker = Practitioner(
        issuer="https://id.example", person="sub-17", agency="hillview-school", roles=("named_person",), signed_in=AT, session="s" * 64
    )
    question = Question(
        subject=Subject(identifiers=(Identifier("nhs_number", "9990000018"),), family_name="Ash"), purpose="child-protection", reason=None,
        wanted={}, sections=frozenset(), chronology=False, demographics=False, document="",
        break_glass=BreakGlass("immediate-danger", "She has not come home."),
    )  # fmt: skip
    breaking = Breaking(id="b" * 32, reason="immediate-danger", at=AT, until=AT)
    ruling = Ruling(source=POLICE.id, kind="PoliceEvent", permitted=True, broken=True)
    decision = Decision(at=AT, rulings=(ruling,), agreements={}, place=False)
    await portal.glass.broken(breaking, question, asker, decision, "01JDACCESS")


def record(kind: str, **fields: Any) -> msgspec.Struct:
    """A record as it leaves a source."""
    told = (Provenance("northshire-police", "northshire-police", AT, "rest", "1.0"),)
    made: dict[str, Any] = {"id": "c-1", "kind": kind, "tier": "T3", "provenance": told, "contact": "Desk"} | fields
    return standard().kinds[kind].record(**made)


CONCERN = {"occurredOn": "2026-03", "summary": "Hungry at school.", "category": "NEGLECT"}


def view(question: Question) -> ChildView:
    concern, told = record("WellbeingConcern", **CONCERN), record("WellbeingConcern").provenance  # type: ignore[attr-defined]
    silent = Missing("northshire-nhs", "TIMED_OUT", "Health did not answer in 5 seconds.")
    outcome = SourceOutcome(
        source="northshire-police",
        agency="northshire-police",
        name="Northshire Police",
        state="ANSWERED",
        kinds=(KindOutcome(kind="WellbeingConcern", state="ANSWERED", clause="ISA-07 §3"),),
        words="Northshire Police answered.",
        coverageFrom=date(2019, 8, 1),
        asOf=AT,
        match=ShownMatch(band="LINK", evidence=(Evidence("birthDate", "the same"),), report="handle"),
    )
    sections = {kind: Section(everySourceAnswered=False, records=(), missing=(silent,)) for kind in question.sections}
    if "WellbeingConcern" in sections:
        sections["WellbeingConcern"] = Section(everySourceAnswered=False, records=(concern,), missing=(silent,))
    entry = ChronologyEntry(on="2026-03", kind="WellbeingConcern", headline="NEGLECT", record=concern)
    name = Demographic("givenName", False, (DemographicValue("Jo", told),))
    return ChildView(
        everySourceAnswered=False,
        purpose=question.purpose,
        asOf=AT,
        sources=(outcome,),
        demographics=Demographics(everySourceAnswered=True, fields=(name,), missing=()) if question.demographics else None,
        chronology=Chronology(everySourceAnswered=False, entries=(entry,), missing=(silent,)) if question.chronology else None,
        sections={str(standard().kinds[kind].section): section for kind, section in sections.items()},
        held=(Held("whereNow", "Where this child is is not shown here."),),
        manifest=Manifest(outcomes=(), matched=(), released=()),
    )


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """A real server on loopback; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))  # whoever comes before the server is ready waits here
    config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


class Front:
    """One server for many tests: whatever application stands behind it now answers."""

    behind: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.behind(scope, receive, send)


def settings(issuer: Issuer) -> FederationSettings:
    """A federation of two agencies that believes ``issuer``."""
    may_assert = MayAssert(agencies=tuple(AGENCIES), roles=tuple(ROLES))
    return FederationSettings(
        portal=PortalSettings(id="northshire", name="Northshire"),
        log=LogSettings(
            url="sqlite:access.db",
            pseudonym_key="file:keys/pseudonym",
            digest_key="file:keys/digest",
            auditors_key="file:keys/auditors.jwk",
        ),
        roles=ROLES,
        purposes=PURPOSES,
        agencies=AGENCIES,
        issuers=[issuer.settings(may_assert=may_assert)],
        registry=RegistrySettings(recorders=("named_person",)),
        break_glass=BreakGlassSettings(reasons={"immediate-danger": "A child is in danger now"}, reviewers=("privacy_officer",)),
        alerts=AlertSettings(file=None),
    )


@asynccontextmanager
async def standing(state: Path, issuer: Issuer) -> AsyncIterator[Standing]:
    """A portal that keeps what it keeps in ``state`` and believes ``issuer``."""
    chosen = settings(issuer)
    async with AsyncExitStack() as stack:
        log = await AccessLog.open(chosen.log, "northshire/1", state, lambda: AT)
        stack.push_async_callback(log.close)
        tables = (consent.TABLES, alerting.TABLES, breakglass.TABLES, vouching.TABLES, choices.TABLES, doubts.TABLES, trying.TABLES)
        database = await Database.open(chosen.registry.url, state, *tables)
        stack.push_async_callback(database.close)
        sealer = open_sealer(auditors(state), state)
        alerts = Alerts.open(database, chosen.alerts, AGENCIES, state, lambda: AT)
        glass = Glass(
            database=database,
            lasting=log.lasting,
            sealer=sealer,
            alerts=alerts,
            terms=chosen.break_glass,
            agency_of={POLICE.id: POLICE.agency},
            jurisdiction="scotland",
            clock=lambda: AT,
        )
        yield Standing(
            log=log,
            identity=Identity(chosen.issuers, (*AGENCIES, "northshire-council"), ROLES),
            settings=chosen,
            database=database,
            registry=Registry(database, log.lasting, sealer, lambda: AT),
            glass=glass,
            doubts=Doubts(
                database=database,
                lasting=log.lasting,
                sealer=sealer,
                alerts=alerts,
                officers=("privacy_officer",),
                agency_of={POLICE.id: POLICE.agency},
                clock=lambda: AT,
            ),
            alerts=alerts,
        )


def auditors(state: Path) -> str:
    """The auditors' key, made in ``state``; gives what ``log.auditors_key`` names. The private half lies beside the public one."""
    key = ECKey.generate_key("P-256")
    for name, private in (("auditors.jwk", False), ("private.jwk", True)):
        (state / "keys" / name).write_text(json.dumps(key.as_dict(private=private)))
    return "file:keys/auditors.jwk"


async def without_sources(bare: Standing, state: Path) -> Portal:
    """The shipped portal with agencies, sign-in, log and registry, and nobody to ask."""
    duty = SourceFacts(id="northshire", agency="northshire", name="Northshire", phone=None, out_of_hours=None, contact="")
    folder = state / "agreements"
    folder.mkdir()
    rules = await Rulebook.open(folder, bare.agreements, ({}, "federation.toml"), bare.log, bare.registry, bare.alerts, bare.clock)
    return Portal(
        settings=bare.settings,
        standard=bare.standard,
        sources={},
        rules=rules,
        registry=bare.registry,
        glass=bare.glass,
        vouchings=Vouchings(bare.database, bare.log.lasting),
        choices=Choices(bare.database, bare.log.lasting, bare.log.now),
        doubts=bare.doubts,
        tried=Tried(bare.database, bare.log.lasting, bare.alerts, bare.log.now),
        alerts=bare.alerts,
        log=bare.log,
        identity=bare.identity,
        known=Known(portal="northshire", standard=bare.standard, sources={}, duty=duty),
        clock=bare.clock,
    )


def events(state: Path) -> list[dict[str, Any]]:
    """Every event of the access log, from its file."""
    with closing(sqlite3.connect(state / "access.db")) as connection:
        return [json.loads(body) for (body,) in connection.execute("select body from events order by idx")]


class Door:
    """A client of one portal's /graphql, with a practitioner's token unless another header is given."""

    def __init__(self, url: str, bearer: str, session: aiohttp.ClientSession) -> None:
        self.url = f"{url}/graphql"
        self.bearer = bearer
        self.session = session

    async def send(self, body: Any, headers: Mapping[str, str | None] | None = None, method: str = "POST") -> Reply:
        """Send ``body`` (bytes as they stand, else as JSON). A header given as None is left out."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        chosen = {"Content-Type": "application/json", "Authorization": self.bearer, "Accept": GRAPHQL} | dict(headers or {})
        sent = {name: value for name, value in chosen.items() if value is not None}
        async with self.session.request(
            method, self.url, data=data, headers=sent, skip_auto_headers=("Accept", "Content-Type")
        ) as response:
            return Reply(response.status, dict(response.headers), await response.read())

    async def ask(self, query: str, variables: Mapping[str, Any] | None = None, headers: Mapping[str, str | None] | None = None) -> Reply:
        return await self.send({"query": query, "variables": variables}, headers)


class Reply(msgspec.Struct):
    """What came back."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def code(self) -> str:
        """The id of the only error."""
        (error,) = self.body["errors"]
        return str(error["extensions"]["code"])
