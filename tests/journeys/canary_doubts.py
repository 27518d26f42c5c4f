"""Reports of a wrong child about the canaries: made, made by whoever may not, read, closed; with a marker in every text that is typed.

And what is typed of homes, place after place, until it is stopped.
"""

from __future__ import annotations

from typing import Any

from tests.journeys.canary_federation import RECORDS, CanaryChild
from tests.journeys.canary_program import Campaign

REPORT = """mutation Report($report: ID!, $words: String!) {
  reportWrongChild(report: $report, words: $words) { id version state at receipt { access index leaf } }
}"""
CLOSE = """mutation Close($doubt: ID!, $outcome: DoubtOutcome!, $words: String!) {
  closeDoubt(doubt: $doubt, outcome: $outcome, words: $words) { id version state at receipt { access index leaf } }
}"""
DOUBTS = "{ doubts { id source byAgency access at unclear } }"
_MATCHES = """query Matches($subject: SubjectInput!, $purpose: ID!) { child(subject: $subject, purpose: $purpose) {
  sources { source state words match { band evidence { words } report doubted } } wellbeingConcerns { records { id } } receipt { index } } }"""


async def report_wrong_children(campaign: Campaign) -> None:
    """Nadia and Morag report the council's record; Nadia, who closes them, cannot close her own. In the end none stands for Morag."""
    known = campaign.children["open"]
    for who in ("nadia", "morag"):
        handle = await _handle(campaign, who, known)
        for reporter in (who, who, "ewan"):  # once, again, and by somebody to whom it was not shown
            await campaign.run("wrong child", REPORT, {"report": handle, "words": _words(campaign)}, reporter)
    await campaign.run("wrong child", REPORT, {"report": campaign.mark("handle"), "words": _words(campaign)})
    await campaign.run("wrong child", REPORT.replace("$words)", f'"{campaign.mark("literal")}")'), {"report": "x"})
    for who in ("morag", "ewan"):
        await campaign.ask("wrong child, afterwards", who, "open", known.subject, _MATCHES)
        await campaign.ask("all of it", who, "open", known.subject)
    for who in ("nadia", "priya", "morag"):
        await campaign.run("wrong child", DOUBTS, who=who)
    await _close(campaign)


async def _close(campaign: Campaign) -> None:
    doubts = (await campaign.run("wrong child", DOUBTS, who="nadia")).body["data"]["doubts"]
    for doubt in doubts:
        for who, outcome in (
            ("priya", "CORRECTED"),
            ("morag", "SAME_CHILD"),
            ("nadia", "UNCLEAR"),
            ("nadia", "CORRECTED"),
            ("nadia", "CORRECTED"),
        ):
            await campaign.run("wrong child", CLOSE, {"doubt": doubt["id"], "outcome": outcome, "words": _words(campaign)}, who)
    await campaign.run("wrong child", CLOSE, {"doubt": campaign.mark("doubt"), "outcome": "CORRECTED", "words": _words(campaign)}, "nadia")


async def _handle(campaign: Campaign, who: str, child: CanaryChild) -> str:
    reply = await campaign.ask("wrong child", who, child.id, child.subject, _MATCHES)
    return next(str(each["match"]["report"]) for each in reply.body["data"]["child"]["sources"] if each["source"] == RECORDS)


def _words(campaign: Campaign) -> str:
    return f"{campaign.mark('wrong child')}\nand {campaign.mark('wrong child')}"


async def try_places(campaign: Campaign) -> None:
    """One home after the other, for a child whom nobody knows: from the third on nobody is asked."""
    mark = campaign.mark
    unknown = {"givenName": mark("given name"), "familyName": mark("family name"), "birthDate": "1801-03-03"}
    homes: list[dict[str, Any]] = [
        {"addresses": [{"line": mark("line"), "postcode": mark("postcode")}]}, {"school": mark("school")}, {"parents": [mark("parent")]},
        {"phones": [mark("phone"), "1200000000"]}, {"addresses": [{"postcode": mark("postcode")}], "school": mark("school")},
    ]  # fmt: skip
    for home in homes:
        await campaign.ask("places", "morag", "", unknown | home)
    await campaign.ask("places", "morag", "", unknown)
