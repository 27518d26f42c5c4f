"""Consent, objection and relationship on the way from an asker to a view: Morag, Ewan and Hamida, over HTTP, through real agencies."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest

from tests.journeys.northshire import Answered, Northshire, typed
from tests.journeys.saying import OBJECTION, said, say

EARLY = "early-help"
#: The groups a child goes to, and the days it was kept out of school: under ISA-11 both rest on consent.
GROUPS = """query Ask($subject: SubjectInput!, $purpose: ID!, $reason: String, $declared: Boolean, $informed: FamilyInformed) {
  child(subject: $subject, purpose: $purpose, reason: $reason, declared: $declared, informed: $informed) {
    everySourceAnswered asOf offersDeclared duties warnings held { field words }
    sources { source agency name state words phone asOf setAside kinds { kind state clause reason nearest } match { band } }
    %s receipt { access index }
  }
}"""
SECTION = "{ everySourceAnswered records { id kind held { field words } provenance { source } } missing { source state words } }"
WELLBEING = GROUPS % f"wellbeingConcerns {SECTION}"
EXCLUSIONS = GROUPS % f"exclusions {SECTION}"
PLANS = GROUPS % f"childPlans {SECTION}"


async def early(northshire: Northshire, who: str, subject: Any, query: str = WELLBEING, **more: Any) -> Answered:
    return await northshire.ask(who, subject, purpose=EARLY, query=query, **more)


def same_but_for_receipt_and_times(answered: Answered) -> Any:
    view = json.loads(answered.raw)["data"]["child"]
    del view["receipt"], view["asOf"]
    for source in view["sources"]:
        source.pop("asOf")
    return view


def club(answered: Answered) -> str:
    return answered.kinds["bairns-first", "WellbeingConcern"]


async def test_consent_opens_what_rests_on_it_and_its_withdrawal_closes_it_at_once(northshire: Northshire) -> None:
    jo = typed(northshire.child("jo"))
    assert club(await early(northshire, "morag", jo)) == "CONSENT_NEEDED"
    first = await said(northshire, "morag", jo, "GIVEN")
    assert (first["version"], first["state"]) == (1, "GIVEN")
    given = await early(northshire, "morag", jo)
    assert club(given) == "ANSWERED"
    assert [record for record in given.view["wellbeingConcerns"]["records"] if record["provenance"][0]["source"] == "bairns-first"]
    # Found by the name alone, too, and under another number that a source knows her by.
    assert club(await early(northshire, "morag", typed(northshire.child("jo"), number=False))) == "ANSWERED"
    taken_back = await said(northshire, "hamida", jo, "WITHDRAWN")
    assert (taken_back["id"], taken_back["version"]) == (first["id"], 2)
    assert club(await early(northshire, "morag", jo)) == "CONSENT_NEEDED"
    events = [event for event in northshire.events() if event["type"] == "change" and event["id"] == first["id"]]
    assert [(event["what"], event["version"], event["actor"]["person"]) for event in events] == [
        ("consent", "1", "morag"), ("consent", "2", "hamida"),
    ]  # fmt: skip
    assert {each["system"] for each in events[0]["subject"]} == {"chi", "demographics"}


async def test_never_sought_refused_and_withdrawn_read_alike(northshire: Northshire) -> None:
    never, refused, withdrawn = (typed(northshire.child(id)) for id in ("aaron", "sam", "ruby"))
    await said(northshire, "morag", refused, "REFUSED")
    await said(northshire, "morag", withdrawn, "GIVEN")
    await said(northshire, "morag", withdrawn, "WITHDRAWN")
    seen = [
        next(source for source in same_but_for_receipt_and_times(await early(northshire, "morag", child))["sources"]
             if source["source"] == "bairns-first")
        for child in (never, refused, withdrawn)
    ]  # fmt: skip
    assert seen[0] == seen[1] == seen[2]
    assert seen[0]["state"] == "CONSENT_NEEDED"
    conclusions = [event for event in northshire.events() if event["type"] == "conclusion"][-3:]
    told = [next(each for each in event["outcomes"] if each["source"] == "bairns-first") for event in conclusions]
    assert [each["consent"] for each in told] == ["not_sought", "refused@1", "withdrawn@2"], "the log alone tells them apart"


async def test_a_source_is_not_asked_about_a_child_for_whom_no_consent_is_in_force(northshire: Northshire) -> None:
    robin = typed(northshire.child("robin"))
    before = await northshire.demo.source("hillview-mis").requests()
    asked = {"query": EXCLUSIONS, "reason": "A plan is to be made.", "declared": True}
    answered = await early(northshire, "ewan", robin, **asked)
    assert answered.kinds["hillview-mis", "Exclusion"] == "CONSENT_NEEDED" if ("hillview-mis", "Exclusion") in answered.kinds else (
        answered.kinds["school", "Exclusion"] == "CONSENT_NEEDED"
    )  # fmt: skip
    assert await northshire.demo.source("hillview-mis").requests() == before


async def test_a_parent_speaks_for_a_nine_year_old_and_not_for_a_competent_young_person(northshire: Northshire) -> None:
    robin, kai = typed(northshire.child("robin")), typed(northshire.child("kai"))
    await said(northshire, "morag", robin, "GIVEN", party="MOTHER")
    assert club(await early(northshire, "morag", robin)) != "CONSENT_NEEDED"
    await said(northshire, "morag", robin, "REFUSED", party="FATHER")
    assert club(await early(northshire, "morag", robin)) == "CONSENT_NEEDED", "two parents are two parties"
    await said(northshire, "morag", kai, "GIVEN")
    await said(northshire, "morag", kai, "REFUSED", party="MOTHER")
    assert club(await early(northshire, "morag", kai)) != "CONSENT_NEEDED", "he is fifteen: his own word counts"


async def test_an_objecting_an_unknown_and_a_shielded_child_read_alike(northshire: Northshire) -> None:
    """Consent is recorded for all of them; one objects, nobody knows another, the third is hidden."""
    objecting = typed(northshire.child("kyle"))
    shielded = typed(northshire.child("morven"))
    unknown = {"givenName": "Una", "familyName": "Nemo", "birthDate": "2012-09-01", "addresses": [{"postcode": "NS4 2QX"}]}
    for child in (objecting, unknown):
        await said(northshire, "morag", child, "GIVEN")
    await said(northshire, "morag", shielded, "GIVEN", party="MOTHER")
    await said(northshire, "morag", objecting, "RAISED", query=OBJECTION)
    seen = []
    for child in (objecting, unknown, shielded):
        view = same_but_for_receipt_and_times(await early(northshire, "morag", child))
        seen.append((next(each for each in view["sources"] if each["source"] == "bairns-first"), view["held"], view["duties"]))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0]["state"] == "NOTHING_TO_SHOW"
    intents = [event for event in northshire.events() if event["type"] == "intent"][-3:]
    reasons = [next(each for each in event["rulings"] if each["source"] == "bairns-first").get("reason") for event in intents]
    assert reasons == ["objection", None, None]
    await said(northshire, "morag", objecting, "WITHDRAWN", query=OBJECTION)


async def test_what_was_withdrawn_while_a_source_answered_is_not_released(northshire: Northshire) -> None:
    ella = typed(northshire.child("ella"))
    await said(northshire, "morag", ella, "GIVEN")
    school, asked = northshire.demo.source("hillview-mis"), {"query": EXCLUSIONS, "reason": "A plan is to be made.", "declared": True}
    undisturbed = await early(northshire, "ewan", ella, **asked)
    (name,) = {source for source, kind in undisturbed.kinds if kind == "Exclusion"}
    assert undisturbed.kinds[name, "Exclusion"] in ("ANSWERED", "NOTHING_TO_SHOW")
    intents = sum(event["type"] == "intent" for event in northshire.events())
    school.suspend()
    try:
        under_way = asyncio.create_task(early(northshire, "ewan", ella, **asked))
        while sum(event["type"] == "intent" for event in northshire.events()) == intents:
            await asyncio.sleep(0.01)
        await said(northshire, "morag", ella, "WITHDRAWN")
    finally:
        school.resume()
    answered = await under_way
    assert answered.kinds[name, "Exclusion"] == "CONSENT_NEEDED"
    assert answered.view["exclusions"]["records"] == []
    conclusion = [event for event in northshire.events() if event["type"] == "conclusion"][-1]
    outcome = next(each for each in conclusion["outcomes"] if each["kind"] == "Exclusion")
    assert (outcome["state"], outcome["consent"], outcome["records"]) == ("CONSENT_NEEDED", "withdrawn@2", 0)
    assert conclusion["released"] == []


# Who says that the asker works with the child


async def test_a_plan_is_shown_to_whom_the_own_school_names_and_the_family_was_told(northshire: Northshire) -> None:
    jo = typed(northshire.child("jo"))
    await said(northshire, "morag", jo, "GIVEN", clause=3)
    plan = ("northshire-social-work", "ChildPlan")
    assert (await early(northshire, "morag", jo, PLANS)).kinds[plan] == "NOT_PERMITTED"
    answered = await early(northshire, "morag", jo, PLANS, informed="YES")
    assert answered.kinds[plan] == "ANSWERED"
    conclusion = [event for event in northshire.events() if event["type"] == "conclusion"][-1]
    assert conclusion["voucher"] == "own-agency"
    intent = [event for event in northshire.events() if event["type"] == "intent"][-1]
    assert intent["vouchers"] == ["hillview-mis", "northshire-social-work"]
    assert intent["informed"] == "YES"


async def test_a_child_the_asker_is_not_named_for_reads_like_one_nobody_knows(northshire: Northshire) -> None:
    """Poppy is known to health alone: no school names Morag for her."""
    poppy = typed(northshire.child("poppy"))
    unknown = {**poppy, "givenName": "Una", "familyName": "Nemo", "identifiers": []}
    for child in (poppy, unknown):
        await said(northshire, "morag", child, "GIVEN", clause=3, party="MOTHER")
    views = [same_but_for_receipt_and_times(await early(northshire, "morag", child, PLANS, informed="YES")) for child in (poppy, unknown)]
    assert views[0] == views[1]
    assert views[0]["sources"][0]["state"] == "NOTHING_TO_SHOW"
    intents = [event for event in northshire.events() if event["type"] == "intent"][-2:]
    assert all(each["rulings"][0]["permit"] for each in intents)


async def test_a_silent_voucher_offers_the_askers_own_word_which_is_told_to_both_agencies(northshire: Northshire) -> None:
    jo = typed(northshire.child("jo"))
    with contextlib.suppress(AssertionError):
        await said(northshire, "morag", jo, "GIVEN", clause=3)
    school, plan = northshire.demo.source("hillview-mis"), ("northshire-social-work", "ChildPlan")
    school.suspend()
    try:
        silent = await early(northshire, "morag", jo, PLANS, informed="YES")
        assert (silent.kinds[plan], silent.view["offersDeclared"]) == ("NOT_ASKED", True)
        without_reason = await early(northshire, "morag", jo, PLANS, informed="YES", declared=True)
        assert without_reason.status == 400
        answered = await early(
            northshire, "morag", jo, PLANS, informed="YES", declared=True, reason="I have been her named person since 2025."
        )
    finally:
        school.resume()
    assert (answered.kinds[plan], answered.view["offersDeclared"]) == ("ANSWERED", False)
    conclusion = [event for event in northshire.events() if event["type"] == "conclusion"][-1]
    assert conclusion["voucher"] == "declared"
    alerts = await alerted(northshire, answered.view["receipt"]["access"], "declared", 2)
    assert {alert["to"] for alert in alerts} == {"hillview-school", "northshire-social-work"}
    assert all("Jo" not in json.dumps(alert) and "morag" not in json.dumps(alert) for alert in alerts)


async def alerted(northshire: Northshire, access: str, kind: str, count: int) -> list[dict[str, Any]]:
    """The alerts of one access, once so many have been written."""
    file = northshire.state / "alerts.jsonl"
    async with asyncio.timeout(5):
        while True:
            lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
            found = [line for line in lines if line.get("access") == access and line["kind"] == kind]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.02)


async def test_an_agency_named_by_the_clause_is_told_that_something_was_shown(northshire: Northshire) -> None:
    children = [child for child in ("jo", "robin", "aaron", "kai", "sam", "ruby") if child]
    for id in children:
        child = typed(northshire.child(id))
        born = northshire.child(id).birth_date.year
        await said(northshire, "morag", child, "GIVEN", clause=6, **({} if born < 2014 else {"party": "GUARDIAN"}))
        answered = await early(northshire, "ewan", child, EXCLUSIONS, reason="A plan is to be made.", declared=True)
        if answered.view["exclusions"]["records"]:
            (alert,) = await alerted(northshire, answered.view["receipt"]["access"], "shown", 1)
            assert (alert["to"], alert["agreement"]) == ("bairns-first", "ISA-11 §6")
            return
    pytest.fail("no child of the stories was kept out of school")


async def test_only_who_may_writes_down_what_families_say(northshire: Northshire) -> None:
    jo = typed(northshire.child("jo"))
    before = len(northshire.events())
    refused = await say(northshire, "tom", jo, "GIVEN")
    assert refused.status in (400, 403)
    (event,) = northshire.events()[before:]
    assert (event["type"], event["why"]) == ("refusal", refused.body["errors"][0]["extensions"]["code"])
