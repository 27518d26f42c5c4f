"""What practitioners write down over HTTP: consents, objections, decisions not to share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.localtime import day_of
from tests.journeys.northshire import Answered, Northshire

_SAYING = """mutation Say($subject: SubjectInput!, $agreement: ID!, $clause: Int, $party: Party!, $state: {type}!, $on: Date!,
  $evidence: String!, $understanding: UnderstandingInput, $responsibility: ResponsibilityInput, $words: String) {{
  {field}(subject: $subject, agreement: $agreement, clause: $clause, party: $party, state: $state, on: $on, evidence: $evidence,
    understanding: $understanding, responsibility: $responsibility, words: $words) {{ id version state at receipt {{ index }} }}
}}"""
CONSENT = _SAYING.format(field="recordConsent", type="ConsentState")
OBJECTION = _SAYING.format(field="recordObjection", type="ObjectionState")
RESPONSIBLE = {"restsOn": "Birth certificate seen.", "on": "2026-11-02"}


def today() -> str:
    return day_of(datetime.now(UTC)).isoformat()


async def say(
    northshire: Northshire, who: str, subject: Mapping[str, Any], state: str, *, party: str = "YOUNG_PERSON", agreement: str = "ISA-11",
    clause: int | None = None, query: str = CONSENT, **more: Any,
) -> Answered:  # fmt: skip
    """One consent or objection, written down by a persona."""
    said = {"subject": subject, "agreement": agreement, "clause": clause, "party": party, "state": state, "on": today(), "evidence": "F-1"}
    responsibility = None if party == "YOUNG_PERSON" else RESPONSIBLE
    variables = {**said, "responsibility": responsibility, **more}
    return await northshire.post({"query": query, "variables": variables}, token=northshire.demo.token(who))


async def said(*asked: Any, **more: Any) -> Any:
    """What was written down; the test fails where it was not."""
    answered = await say(*asked, **more)
    assert answered.status == 200, answered.raw[:400]
    return next(iter(answered.body["data"].values()))
