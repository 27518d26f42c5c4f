"""The two questions that are measured, and what the demonstration's agreements permit Morag of each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from graphql import GraphQLSchema

from connectors.source import Source
from portal.api.documents import Documents
from portal.api.selection import question, select
from portal.cli.client import view_query
from portal.decisions import decide
from portal.demo import FEDERATION, SUBJECT
from portal.demo.personas import persona
from portal.federation import Federation, load_federation
from portal.model import Decision, Plan, Practitioner, Question
from portal.planner import make_plan
from tests.bench.crowd import light
from tests.journeys.northshire import PURPOSE, standard

VARIABLES: dict[str, Any] = {"subject": SUBJECT, "purpose": PURPOSE}
QUESTIONS = {"whole view": view_query(standard()), "small question": light("flags")}


class Asked(msgspec.Struct, frozen=True):
    """One question as it is decided, and the sources it goes to, closed."""

    question: Question
    plan: Plan
    decision: Decision
    practitioner: Practitioner
    sources: dict[str, Source]

    @property
    def permitted(self) -> dict[str, list[str]]:
        """The kinds that may be asked, by source."""
        kinds: dict[str, list[str]] = {}
        for ruling in self.decision.permitted:
            kinds.setdefault(ruling.source, []).append(ruling.kind)
        return kinds


def federation() -> Federation:
    return load_federation(FEDERATION, standard())


async def asked(text: str, loaded: Federation, schema: GraphQLSchema) -> Asked:
    """What becomes of a question by Morag until somebody is asked."""
    document = Documents(schema).read(text)
    sources = {each.id: Source(each, loaded.standard, police=False) for each in loaded.declared.values()}
    wanted = question(schema, loaded.standard, document, select(schema, document, None, VARIABLES), sources)
    plan = make_plan(wanted, loaded.standard, sources, loaded.settings.purposes, loaded.settings.shield_sources)
    morag = practitioner("morag", loaded)
    decision = decide(plan, morag, loaded.agreements.rules, datetime.now(UTC))
    return Asked(wanted, plan, decision, morag, sources)


def practitioner(who: str, loaded: Federation) -> Practitioner:
    """A persona as the portal knows her once her token is verified: by the issuer that partners have signed for."""
    one, issuer = persona(who), next(iter(loaded.agreements.vocabulary.issuers))
    return Practitioner(issuer=issuer, person=one.id, agency=one.agency, roles=one.roles, assurance=one.assurance)
