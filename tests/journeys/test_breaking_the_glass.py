"""Breaking the glass over HTTP: more for one child, for a while, for a reason; told, reviewed, and never past a shield."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from typing import Any

import pytest

from portal.demo.keys import auditors_private_key
from portal.sealing import unseal
from tests.journeys.northshire import Answered, Northshire, typed
from tests.journeys.test_consent import alerted

EVENTS = """query Ask($subject: SubjectInput!, $purpose: ID!, $reason: String, $breakGlass: BreakGlassInput) {
  child(subject: $subject, purpose: $purpose, reason: $reason, breakGlass: $breakGlass) {
    asOf sources { source state words kinds { kind state clause reason nearest } }
    policeEvents { everySourceAnswered records { id kind tier } missing { source state words } }
    receipt { access index }
  }
}"""
REVIEWS = "{ reviews { id agency byAgency reason access openedAt due overdue } }"
CLOSE = """mutation Close($review: ID!, $outcome: ReviewOutcome!, $words: String!) {
  closeReview(review: $review, outcome: $outcome, words: $words) { id state receipt { index } }
}"""
BROKEN = {"reason": "immediate-danger", "words": "Screams heard from the house, nobody opens."}
POLICE = ("northshire-police", "PoliceEvent")
WHY = "The child may be hurt now."


#: Each sign-in is at a second of its own, as people's are.
_SECONDS = itertools.count(5, 3)


def signed_in(northshire: Northshire, who: str) -> str:
    return northshire.demo.token(who, signed_in_ago=timedelta(seconds=next(_SECONDS)))


async def ask(northshire: Northshire, who: str, child: str, token: str | None = None, **more: Any) -> Answered:
    variables = {"subject": typed(northshire.child(child)), "purpose": "child-protection", "reason": WHY, "breakGlass": BROKEN, **more}
    return await northshire.post({"query": EVENTS, "variables": variables}, token=token or signed_in(northshire, who))


def code(answered: Answered) -> str:
    return str(answered.body["errors"][0]["extensions"]["code"])


async def test_what_only_broken_glass_opens_is_offered_and_opened_told_and_reviewed(northshire: Northshire) -> None:
    offered = await ask(northshire, "morag", "jo", breakGlass=None)
    (police,) = [source for source in offered.view["sources"] if source["source"] == "northshire-police"]
    assert (police["state"], police["kinds"][0]["reason"]) == ("NOT_PERMITTED", "break-glass")
    token = signed_in(northshire, "morag")
    opened = await ask(northshire, "morag", "jo", token)
    assert opened.kinds[POLICE] == "ANSWERED"
    access = opened.view["receipt"]["access"]
    intent = next(event for event in northshire.events() if event["type"] == "intent" and event["access"] == access)
    assert intent["break_glass"]["reason"] == "immediate-danger"
    alerts = await alerted(northshire, access, "break-glass", 2)
    assert {alert["to"] for alert in alerts} == {"hillview-school", "northshire-police"}
    assert not any(word in json.dumps(alerts) for word in ("Jo", "Ash", "morag", "Screams"))
    again = await ask(northshire, "morag", "jo", token)
    assert again.kinds[POLICE] == "ANSWERED", "while it is open, the same asker may look at the same child again"
    reviews = (await northshire.post({"query": REVIEWS}, token=northshire.demo.token("priya"))).body["data"]["reviews"]
    (review,) = [each for each in reviews if each["access"] == access]
    assert (review["agency"], review["byAgency"], review["overdue"]) == ("northshire-police", "hillview-school", False)
    closing = {"review": review["id"], "outcome": "JUSTIFIED", "words": "The call log bears it out."}
    for who, ended in (("morag", 400), ("callum", 400), ("priya", 200)):
        closed = await northshire.post({"query": CLOSE, "variables": closing}, token=northshire.demo.token(who))
        assert (closed.status == 200) == (ended == 200), (who, closed.raw)
    assert closed.body["data"]["closeReview"]["state"] == "JUSTIFIED"
    (event,) = [
        each for each in northshire.events() if each["type"] == "change" and each["what"] == "review" and each["id"] == review["id"]
    ]
    assert (event["actor"]["person"], event["outcome"]) == ("priya", "JUSTIFIED")


REFUSED = [
    pytest.param({"breakGlass": {"reason": "immediate-danger", "words": " "}}, "morag", "CV424", id="without-words"),
    pytest.param({"breakGlass": {"reason": "curiosity", "words": BROKEN["words"]}}, "morag", "CV425", id="for-a-reason-nobody-listed"),
    pytest.param({}, "ewan", "CV427", id="in-a-role-for-which-it-opens-nothing"),
    pytest.param({"purpose": "early-help"}, "morag", "CV427", id="for-a-purpose-for-which-it-opens-nothing"),
    pytest.param({"reason": None}, "morag", "CV427", id="without-the-reason-the-clause-asks-for"),
]


@pytest.mark.parametrize(("changed", "who", "id"), REFUSED)
async def test_the_glass_stays_whole_and_the_try_is_written_down(
    northshire: Northshire, changed: dict[str, Any], who: str, id: str
) -> None:
    before, asked = len(northshire.events()), await northshire.demo.source("northshire-police").requests()
    refused = await ask(northshire, who, "robin", **changed)
    assert code(refused) == id
    (event,) = northshire.events()[before:]
    assert (event["type"], event["why"], event["actor"]["person"]) == ("refusal", id, who)
    assert await northshire.demo.source("northshire-police").requests() == asked


async def test_an_old_sign_in_does_not_break_it(northshire: Northshire) -> None:
    stale = northshire.demo.token("morag", signed_in_ago=timedelta(minutes=10))
    assert code(await ask(northshire, "morag", "robin", stale)) == "CV426"


async def test_one_sign_in_breaks_it_for_one_child(northshire: Northshire) -> None:
    token = signed_in(northshire, "hamida")
    first = await ask(northshire, "hamida", "robin", token)
    assert first.status == 200, first.raw
    before = len(northshire.events())
    other = await ask(northshire, "hamida", "leon", token)
    assert code(other) == "CV429"
    assert [event["why"] for event in northshire.events()[before:]] == ["CV429"]


async def test_it_opens_no_shield(northshire: Northshire) -> None:
    hidden = await ask(northshire, "morag", "morven")
    assert hidden.kinds[POLICE] == "NOTHING_TO_SHOW"
    assert hidden.view["policeEvents"]["records"] == []


async def test_the_words_are_readable_with_the_auditors_key_alone(northshire: Northshire) -> None:
    await ask(northshire, "hamida", "kai", signed_in(northshire, "hamida"))
    raw = b"".join(file.read_bytes() for file in northshire.state.iterdir() if file.name.startswith("registry.db"))
    assert b"Screams" not in raw
    private = json.loads(auditors_private_key(northshire.demo.folder).read_text())
    sealed = [part for part in raw.decode("latin-1").split("eyJ")[1:] if part.count(".") >= 4]
    opened = [unsealed for part in sealed if (unsealed := _unsealed(private, "eyJ" + part))]
    assert any("Screams heard" in words for words in opened)


def _unsealed(private: dict[str, Any], text: str) -> str | None:
    """The words in the first sealed text at the beginning of ``text``; None where it is cut off by the database's pages."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
    jwe = text[: next((at for at, letter in enumerate(text) if letter not in letters), len(text))]
    try:
        return unseal(private, jwe)
    except Exception:
        return None
