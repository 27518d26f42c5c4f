"""What is written down about the canaries: consents, objections, decisions not to share; as it should be, and in every wrong form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.connectors.servers import nhs_number
from tests.journeys.canary import Where
from tests.journeys.canary_agreements import CONDITIONS as AGREEMENT
from tests.journeys.canary_agreements import COUNCIL, HEALTH, PRIVATE
from tests.journeys.canary_doubts import CLOSE as CLOSE_DOUBT
from tests.journeys.canary_doubts import REPORT
from tests.journeys.canary_program import JSON, Campaign, Reply
from tests.journeys.saying import CONSENT, OBJECTION, today

NOT_SHARED = """mutation Keep($subject: SubjectInput!, $to: ID!, $kinds: [String!]!, $words: String!) {
  recordNotShared(subject: $subject, to: $to, kinds: $kinds, words: $words) { id version state at receipt { access index leaf } }
}"""
CLOSE = """mutation Close($review: ID!, $outcome: ReviewOutcome!, $words: String!) {
  closeReview(review: $review, outcome: $outcome, words: $words) { id version state at receipt { access index leaf } }
}"""
#: Arguments that may stand in a document: they say nothing of a child.
_OPEN = ("agreement", "clause", "review", "doubt")


def said(campaign: Campaign, subject: Any, state: str, **more: Any) -> dict[str, Any]:
    """The variables of a consent or objection, with a marker in every text that is typed: they are kept sealed."""
    mark, party = campaign.mark, more.get("party", "YOUNG_PERSON")
    typed: dict[str, Any] = {"subject": subject, "agreement": AGREEMENT, "clause": 1, "party": party, "state": state, "on": today()}
    typed |= {"evidence": mark("evidence"), "words": f"{mark('words')}\nand {mark('words')}"}
    typed |= {"understanding": {"understands": True, "on": today(), "by": mark("who found so")}}
    if party != "YOUNG_PERSON":
        typed |= {"responsibility": {"restsOn": mark("what it rests on"), "on": today()}}
    return typed | more


def kept(campaign: Campaign, subject: Any) -> dict[str, Any]:
    return {
        "subject": subject,
        "to": HEALTH,
        "kinds": ["Flag", "ChildVoice"],
        "words": f"{campaign.mark('why not')} {campaign.mark('why not')}",
    }


async def say(campaign: Campaign, subject: Any, state: str, query: str = CONSENT, who: str = "morag", **more: Any) -> Reply:
    """One consent or objection that is written down."""
    return await campaign.run("written down", query, said(campaign, subject, state, **more), who)


def nobodys(campaign: Campaign, *numbers: int, **more: Any) -> dict[str, Any]:
    """A child whom no agency knows, typed in markers."""
    mark = campaign.mark
    numbered = [campaign.markers.known(nhs_number(each), Where("nobody", "typed number")) for each in numbers]
    typed = {"givenName": mark("given name"), "familyName": mark("family name"), "birthDate": "1801-02-03", "parents": [mark("parent")]}
    return typed | {"identifiers": [{"system": "nhs_number", "value": value} for value in numbered]} | more


async def write_down(campaign: Campaign) -> None:
    """Everything that can be written down of every child, and of one whom nobody knows."""
    for child in campaign.children.values():
        await say(campaign, child.subject, "GIVEN")
        await say(campaign, child.subject, "GIVEN", party="MOTHER")
    unknown = nobodys(campaign, 601)
    await say(campaign, unknown, "REFUSED", party="FATHER", clause=None)
    await say(campaign, unknown, "RAISED", OBJECTION, clause=2)
    await say(campaign, unknown, "WITHDRAWN", OBJECTION, clause=2, who="lennox")
    for subject in (unknown, campaign.children["hidden"].subject):
        await campaign.run("written down", NOT_SHARED, kept(campaign, subject))


async def write_wrongly(campaign: Campaign) -> None:
    """Wrong values in every argument, values in the document itself, and two things at once; with a marker wherever one can stand."""
    for query, good in _forms(campaign):
        asked = [
            (f"wrong: {argument}", query, good | {argument: wrong})
            for argument in good
            for wrong in _wrong(campaign, argument, good[argument])
        ]
        asked += [("wrong: a document", document, good) for document in _documents(campaign, query, good)]
        for start in range(0, len(asked), 8):
            await asyncio.gather(*(campaign.run(*each) for each in asked[start : start + 8]))
        body = json.dumps({"query": query, "variables": good | {"words": [campaign.mark("words")]}}).encode()
        await campaign.send("wrong: as plain JSON", body, headers={"Accept": JSON})
    await _write_what_may_not_be(campaign)


def _forms(campaign: Campaign) -> list[tuple[str, dict[str, Any]]]:
    """Each mutation with variables that would do. What of it is written down after all, because a part may be wrong, is refused consent."""
    subject = nobodys(campaign, 602)
    return [
        (CONSENT, said(campaign, subject, "REFUSED", party="MOTHER")),
        (OBJECTION, said(campaign, subject, "RAISED")),
        (NOT_SHARED, kept(campaign, subject)),
        (CLOSE, {"review": campaign.mark("review"), "outcome": "UNCLEAR", "words": campaign.mark("closing")}),
        (REPORT, {"report": campaign.mark("handle"), "words": campaign.mark("wrong child")}),
        (CLOSE_DOUBT, {"doubt": campaign.mark("doubt"), "outcome": "UNCLEAR", "words": campaign.mark("wrong child")}),
    ]


def _wrong(campaign: Campaign, argument: str, good: Any) -> Iterator[Any]:
    """What an argument cannot be, or should not."""
    m = campaign.mark
    yield from (
        {m(argument): m(argument)},
        [[m(argument)]],
        m(argument),
        m(argument) * 200,
        f"{m(argument)}\u0000",
        f"{m(argument)}\ud800",
        None,
        -7,
        1.5,
        "  ",
    )
    if isinstance(good, Mapping):
        yield from (good | {m(argument): m(argument)}, good | {next(iter(good)): {m(argument): 1}})
        for key, value in good.items():
            if isinstance(value, str):
                yield from (good | {key: [m(key)]}, good | {key: m(key) * 40}, good | {key: f"1912-13-{m(key)}"})
    if argument == "kinds":
        yield from ([], [m("kind")], [m("kind")] * 9, ["Flag", {m("kind"): 1}])


def _documents(campaign: Campaign, query: str, good: Mapping[str, Any]) -> Iterator[str]:
    """The mutation with markers in the document: as a literal, as a default, as a name; and the mutation twice."""
    m = campaign.mark
    for argument in good:
        literal = f'{{ {m("key")}: "{m(argument)}" }}' if isinstance(good[argument], Mapping) else f'"{m(argument)}"'
        yield query.replace(f"{argument}: ${argument}", f"{argument}: {literal}")
        declared = next(part for part in query.replace(")", ",").split(",") if f"${argument}:" in part)
        yield query.replace(declared, f'{declared} = "{m("default")}"')
        if argument in _OPEN:
            whole = query.replace(f"{argument}: ${argument}", f'{argument}: "{m(argument)}"')
            yield whole.replace(f"{declared},", "").replace(f"({declared.split('(')[-1]},", "(") if argument not in ("review", "doubt") else (
                whole.replace(f"${argument}: ID!, ", "")
            )  # fmt: skip
    field = query[query.index("record" if "record" in query else "reportWrong" if "reportWrong" in query else "close") : query.rindex("}")]
    whole = query[: query.rindex("}")]
    yield f"{whole} {m('alias')}: {field} }}"
    yield f"{whole} ...{m('fragment')} }} fragment {m('fragment')} on Mutation {{ {field} }}"
    yield query.replace("{ id version", f"{{ {m('field')} id version")
    yield query.replace("mutation", f"mutation {m('operation')} {{ __typename }} mutation")
    yield query.replace("mutation", "query")


async def _write_what_may_not_be(campaign: Campaign) -> None:
    """Well formed, and refused: CV432 to CV443; and what looks as if it would be."""
    mark, subject, known = campaign.mark, nobodys(campaign, 603), campaign.children["open"].subject

    async def refused(query: str = CONSENT, who: str = "morag", state: str = "GIVEN", subject: Any = subject, **more: Any) -> None:
        await campaign.run("refused", query, said(campaign, subject, state, **more), who)

    past = campaign.markers.day("past", Where("nobody", "day"))
    future = campaign.markers.day("future", Where("nobody", "day"))
    await refused(who="tom")
    await refused(who="lennox", agreement=PRIVATE)
    await refused(agreement=mark("agreement"))
    await refused(clause=99)
    await refused(agreement="ISA-90")
    await refused(OBJECTION, state="RAISED", agreement=PRIVATE)
    for query, number in ((CONSENT, 604), (OBJECTION, 605)):  # of what was never recorded: whether it was is told to nobody
        await say(campaign, nobodys(campaign, number), "WITHDRAWN", query)
    await refused(subject=nobodys(campaign, 609, 610))
    await refused(party="GUARDIAN", responsibility=None)
    await refused(responsibility={"restsOn": mark("what it rests on"), "on": today()})
    for day in (past, future):
        await refused(on=day, subject=known)
        await refused(understanding={"understands": False, "on": day, "by": mark("who found so")}, subject=known)
    await refused(party="MOTHER", responsibility={"restsOn": mark("what it rests on"), "on": future})
    await refused(evidence=" ")
    await refused(subject={"givenName": mark("too little"), "identifiers": [{"system": mark("system"), "value": mark("value")}]})
    await refused(subject={"familyName": mark("too little")})
    await refused(subject=subject | {"identifiers": [{"system": "nhs_number", "value": mark("number")}]})
    await refused(subject={**nobodys(campaign), "birthDate": "1801"})
    await _record_twins(campaign)
    for changes in ({"to": mark("to")}, {"to": COUNCIL}, {"kinds": [mark("kind")]}, {"kinds": []}, {"words": " "}):
        await campaign.run("refused", NOT_SHARED, kept(campaign, subject) | changes)
    for who in ("priya", "morag"):
        closing = {"review": mark("review"), "outcome": "JUSTIFIED", "words": mark("closing")}
        await campaign.run("refused", CLOSE, closing, who)


async def _record_twins(campaign: Campaign) -> None:
    """Two children of one name and birth date, and then one of them without a number."""
    one, other = nobodys(campaign, 606), nobodys(campaign, 608)
    names = {name: one[name] for name in ("givenName", "familyName", "birthDate")}
    for subject in (one, other | names):
        await say(campaign, subject, "REFUSED")
    await campaign.run("refused", CONSENT, said(campaign, names, "REFUSED"))
