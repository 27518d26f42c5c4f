"""The command line's questions to a running portal: an HTTP client with a person's token, nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from connectors.standard import Kind, Standard

_TIMEOUT = aiohttp.ClientTimeout(total=90)

EXPLAIN = """query Explain($purpose: ID!, $role: ID, $agency: ID, $kinds: [String!]) {
  explain(purpose: $purpose, role: $role, agency: $agency, kinds: $kinds) { source kind field permitted clause reason nearest words }
  purposes { id }
}"""

REVIEWS = "query Reviews { reviews { id byAgency reason access openedAt due overdue } }"

_RECORDED = "{ id version state at receipt { log index leaf } }"
_SAID = """mutation Record($subject: SubjectInput!, $agreement: ID!, $clause: Int, $party: Party!, $state: %s!, $on: Date!,
  $evidence: String!, $understanding: UnderstandingInput, $responsibility: ResponsibilityInput, $words: String) {
  %s(subject: $subject, agreement: $agreement, clause: $clause, party: $party, state: $state, on: $on, evidence: $evidence,
    understanding: $understanding, responsibility: $responsibility, words: $words) %s
}"""
#: What writes one thing down, by its field.
MUTATIONS = {
    "recordConsent": _SAID % ("ConsentState", "recordConsent", _RECORDED),
    "recordObjection": _SAID % ("ObjectionState", "recordObjection", _RECORDED),
    "recordNotShared": f"""mutation Record($subject: SubjectInput!, $to: ID!, $kinds: [String!]!, $words: String!) {{
  recordNotShared(subject: $subject, to: $to, kinds: $kinds, words: $words) {_RECORDED}
}}""",
    "closeReview": f"""mutation Record($review: ID!, $outcome: ReviewOutcome!, $words: String!) {{
  closeReview(review: $review, outcome: $outcome, words: $words) {_RECORDED}
}}""",
}

_FIXED = """fragment Told on Record { id kind tier contact held { field words } provenance { source agency retrievedAt } }
query ChildView($subject: SubjectInput!, $purpose: ID!, $reason: String, $breakGlass: BreakGlassInput, $declared: Boolean,
  $informed: FamilyInformed) {
  child(subject: $subject, purpose: $purpose, reason: $reason, breakGlass: $breakGlass, declared: $declared, informed: $informed) {
    everySourceAnswered purpose asOf
    sources { source agency name state words phone outOfHours coverageFrom coverageTo coverageNote asOf setAside
      kinds { kind state clause reason nearest } match { band evidence { field words } doubted } }
    demographics { everySourceAnswered fields { field conflict values { value provenance { source agency retrievedAt } } }
      missing { source state words } held { field words } }
    chronology { everySourceAnswered entries { on kind headline record { id kind provenance { source agency } } }
      missing { source state words } }
%s
    held { field words }
    warnings
    duties
    offersDeclared
    receipt { access log index leaf proof }
  }
  purposes { id }
}"""


class Answer(msgspec.Struct, frozen=True):
    """What the portal said: HTTP status and decoded body."""

    status: int
    body: Any


def view_query(standard: Standard) -> str:
    """The query that asks for every section and every field of its own: what a person reads. The rest of the envelope is for programs."""
    sections = [_section(kind, standard) for kind in standard.kinds.values() if kind.section]
    return _FIXED % "\n".join(sections)


def ask(url: str, token: str, query: str, variables: Mapping[str, Any]) -> Answer:
    """Send one GraphQL request. Raises aiohttp.ClientError or TimeoutError when the portal cannot be reached."""
    return asyncio.run(send(url, token, query, variables))


async def send(url: str, token: str, query: str, variables: Mapping[str, Any]) -> Answer:
    """``ask`` for callers that already run an event loop."""
    body = msgspec.json.encode({"query": query, "variables": variables})
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/graphql-response+json, application/json;q=0.9",
    }
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, session.post(f"{url}/graphql", data=body, headers=headers) as response:
        return Answer(response.status, msgspec.json.decode(await response.read()))


def _section(kind: Kind, standard: Standard) -> str:
    envelope = set.intersection(*(set(each.fields) for each in standard.kinds.values())) - {"occurredOn"}
    fields = " ".join(_field(name, kind, standard) for name in kind.fields if name not in envelope)
    return f"    {kind.section} {{ everySourceAnswered missing {{ source state words }} records {{ ...Told {fields} }} }}"


def _field(name: str, kind: Kind, standard: Standard) -> str:
    nested = kind.fields[name].nested
    return f"{name} {{ {' '.join(standard.objects[nested])} }}" if nested else name
