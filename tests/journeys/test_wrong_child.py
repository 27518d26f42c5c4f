"""Over HTTP: a record shown as one child's is another's. Its reporter does not see it again, others are warned, its source ends it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from portal.demo import RunningDemo
from tests.journeys.northshire import Answered, Northshire, serving, typed
from tests.journeys.test_breaking_the_glass import code
from tests.journeys.test_consent import alerted

CONCERNS = """query Ask($subject: SubjectInput!, $purpose: ID!) { child(subject: $subject, purpose: $purpose) {
  sources { source state words kinds { kind state reason } match { band evidence { field words } report doubted } }
  wellbeingConcerns { records { id provenance { source } } missing { source state words } }
  keyRoles { records { id provenance { source } } }
  receipt { access }
} }"""
REPORT = """mutation Report($report: ID!, $words: String!) {
  reportWrongChild(report: $report, words: $words) { id version state at receipt { index } }
}"""
CLOSE = """mutation Close($doubt: ID!, $outcome: DoubtOutcome!, $words: String!) {
  closeDoubt(doubt: $doubt, outcome: $outcome, words: $words) { id version state receipt { index } }
}"""
DOUBTS = "{ doubts { id source byAgency access at unclear } }"
POLICE = "northshire-police"
WORDS = "She is the cousin, not Jo Ash."


@pytest_asyncio.fixture
async def own(demo: RunningDemo, tmp_path: Path) -> AsyncIterator[Northshire]:
    """A portal of its own: what is reported here must not be missing elsewhere."""
    async with serving(demo, tmp_path) as portal:
        yield portal


async def look(northshire: Northshire, who: str) -> Answered:
    return await northshire.ask(who, typed(northshire.child("jo")), query=CONCERNS)


def source(answered: Answered, id: str = POLICE) -> Any:
    return next(each for each in answered.view["sources"] if each["source"] == id)


def shown(answered: Answered) -> set[str]:
    """The sources whose records are shown."""
    sections = (answered.view["wellbeingConcerns"], answered.view["keyRoles"])
    return {told["source"] for section in sections for record in section["records"] for told in record["provenance"]}


async def report(northshire: Northshire, who: str, handle: str) -> Answered:
    return await northshire.post({"query": REPORT, "variables": {"report": handle, "words": WORDS}}, token=northshire.demo.token(who))


async def close(northshire: Northshire, who: str, doubt: str, outcome: str = "CORRECTED") -> Answered:
    said = {"doubt": doubt, "outcome": outcome, "words": "We have taken the two apart."}
    return await northshire.post({"query": CLOSE, "variables": said}, token=northshire.demo.token(who))


async def open_at(northshire: Northshire, who: str) -> list[Any]:
    return list((await northshire.post({"query": DOUBTS}, token=northshire.demo.token(who))).body["data"]["doubts"])


async def test_a_wrong_child_is_reported_hidden_doubted_and_put_right_by_its_source(own: Northshire) -> None:
    before = await look(own, "morag")
    match = source(before)["match"]
    assert (source(before)["state"], match["band"], match["doubted"]) == ("ANSWERED", "LINK", False)
    others = shown(before) - {POLICE}
    assert others
    assert POLICE in shown(before)

    # Said, and written down without a name.
    said = await report(own, "morag", match["report"])
    assert said.status == 200, said.raw
    recorded = said.body["data"]["reportWrongChild"]
    assert (recorded["version"], recorded["state"]) == (1, "REPORTED")
    (event,) = [each for each in own.events() if each["type"] == "change" and each["id"] == recorded["id"]]
    assert (event["what"], event["version"], event["source"], event["actor"]["person"]) == ("wrong-child", "1", POLICE, "morag")
    assert event["shown_in"] == before.view["receipt"]["access"]
    assert all(len(each) == 64 for each in event["persons"])
    assert {each.split(":")[0] for each in event["evidence"]} >= {"given_name", "family_name", "birth_date"}
    child = own.child("jo")
    assert not any(text in json.dumps(event) for text in (WORDS, child.given_name + '"', child.family_name, child.chi, child.home.postcode))
    (alert,) = await alerted(own, before.view["receipt"]["access"], "wrong-child", 1)
    assert (alert["to"], alert["source"], alert["doubt"], alert["by_agency"]) == (POLICE, POLICE, recorded["id"], "hillview-school")
    assert not any(text in json.dumps(alert) for text in ("Jo", "Ash", "cousin", child.chi, "morag", "Morag"))
    kept = b"".join(file.read_bytes() for file in own.state.iterdir() if file.name.startswith("registry.db"))
    assert b"cousin" not in kept

    # Who said so does not see it again, and is told why; everything else stands.
    again = await look(own, "morag")
    assert {kind["state"] for kind in source(again)["kinds"]} == {"AMBIGUOUS"}
    assert (source(again)["state"], source(again)["match"]) == ("AMBIGUOUS", None)
    assert source(again)["words"].startswith("You said that the record at Northshire Police is another child's.")
    assert shown(again) == others
    assert [each["words"][:14] for each in again.view["wellbeingConcerns"]["missing"] if each["source"] == POLICE] == ["You said that "]
    conclusion = [each for each in own.events() if each["type"] == "conclusion"][-1]
    assert {each.get("reason") for each in conclusion["outcomes"] if each["source"] == POLICE} == {"reported"}
    assert POLICE not in {each["source"] for each in conclusion["matched"]}

    # Everybody else sees it, and a warning.
    seen = await look(own, "ewan")
    assert POLICE in shown(seen)
    assert source(seen)["match"]["doubted"] is True
    assert source(seen)["match"]["evidence"][-1]["words"] == "Somebody said that this record may be another child's. Check before you act."
    assert b"morag" not in seen.raw
    assert not any(each["match"]["doubted"] for each in seen.view["sources"] if each["source"] != POLICE and each["match"])

    # Only an officer of the source's agency ends it, and never whoever reported.
    (doubt,) = await open_at(own, "priya")
    assert (doubt["id"], doubt["source"], doubt["byAgency"], doubt["unclear"]) == (recorded["id"], POLICE, "hillview-school", False)
    assert await open_at(own, "callum") == await open_at(own, "lennox") == await open_at(own, "morag") == []
    for who in ("morag", "callum", "lennox", "nell"):
        events = len(own.events())
        assert code(await close(own, who, doubt["id"])) == "CV448"
        assert [each["why"] for each in own.events()[events:]] == ["CV448"]
    unclear = await close(own, "priya", doubt["id"], "UNCLEAR")
    assert unclear.body["data"]["closeDoubt"]["state"] == "UNCLEAR"
    assert POLICE not in shown(await look(own, "morag")), "who could not find out has ended nothing"
    ended = await close(own, "priya", doubt["id"])
    assert (ended.body["data"]["closeDoubt"]["version"], ended.body["data"]["closeDoubt"]["state"]) == (3, "CORRECTED")
    told = [each for each in own.events() if each["type"] == "change" and each["id"] == doubt["id"]]
    assert [(each["version"], each.get("outcome"), each["actor"]["person"]) for each in told] == [
        ("1", None, "morag"), ("2", "UNCLEAR", "priya"), ("3", "CORRECTED", "priya"),
    ]  # fmt: skip
    assert code(await close(own, "priya", doubt["id"])) == "CV450"

    # And then it is as before.
    assert POLICE in shown(await look(own, "morag"))
    assert source(await look(own, "ewan"))["match"]["doubted"] is False


async def test_a_handle_is_of_use_to_its_holder_alone_and_once(own: Northshire) -> None:
    seen = await look(own, "morag")
    handles = [each["match"]["report"] for each in seen.view["sources"] if each["match"]]
    assert len({len(each) for each in handles}) == 1
    assert len(set(handles)) == len(handles) > 1
    handle = source(seen)["match"]["report"]
    events = len(own.events())
    assert code(await report(own, "ewan", handle)) == "CV446"
    assert code(await report(own, "morag", handle[:-2] + "AA")) == "CV446"
    assert (await report(own, "morag", handle)).status == 200
    assert code(await report(own, "morag", handle)) == "CV447"
    literal = REPORT.replace("report: $report,", f'report: "{handle}",').replace("$report: ID!, ", "")
    refused = await own.post({"query": literal, "variables": {"words": WORDS}}, token=own.demo.token("morag"))
    assert code(refused) == "CV413"
    assert [each.get("why", each.get("what")) for each in own.events()[events:]] == ["CV446", "CV446", "wrong-child", "CV447", "CV413"]
    assert len(await open_at(own, "priya")) == 1
