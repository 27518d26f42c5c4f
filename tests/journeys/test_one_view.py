"""Morag, named person at Hillview, asks about Jo Ash; and what other people at other agencies may see."""

from __future__ import annotations

from typing import Any

from connectors.release import HELD_PLACE
from portal import logcheck
from portal.demo import SUBJECT
from tests.journeys.northshire import Northshire, typed


async def test_morag_sees_jo_as_five_agencies_know_her_and_why_the_sixth_is_silent(northshire: Northshire) -> None:
    answered = await northshire.ask("morag", SUBJECT)

    assert answered.states == {
        "bairns-first": "NOT_PERMITTED",
        "hillview-mis": "ANSWERED",
        "northshire-fire": "ANSWERED",
        "northshire-nhs": "ANSWERED",
        "northshire-police": "ANSWERED",
        "northshire-social-work": "ANSWERED",
    }
    assert answered.headers["Cache-Control"] == "no-store"


async def test_every_answer_cites_its_clause_and_every_no_the_nearest_one(northshire: Northshire) -> None:
    answered = await northshire.ask("morag", SUBJECT)
    kinds = [kind for source in answered.view["sources"] for kind in source["kinds"]]

    assert all(kind["clause"].startswith("ISA-") for kind in kinds if kind["state"] == "ANSWERED")
    assert all(kind["reason"] for kind in kinds if kind["state"] == "NOT_PERMITTED")


async def test_every_section_says_who_is_missing_from_it(northshire: Northshire) -> None:
    view = (await northshire.ask("morag", SUBJECT)).view

    concerns = view["wellbeingConcerns"]

    assert concerns["everySourceAnswered"] is False
    assert [missing["source"] for missing in concerns["missing"]] == ["bairns-first"]
    assert concerns["records"]


async def test_the_receipt_names_the_entry_in_which_the_look_stands(northshire: Northshire) -> None:
    receipt = (await northshire.ask("morag", SUBJECT)).view["receipt"]
    events = [event for event in northshire.events() if event.get("access") == receipt["access"]]

    assert [(event["type"], event.get("ended")) for event in events] == [("intent", None), ("conclusion", "answered")]
    assert events[1]["index"] == receipt["index"]
    assert logcheck.check(northshire.database).problems == []


async def test_the_look_is_found_by_any_number_jo_is_known_by(northshire: Northshire) -> None:
    by_name = await northshire.ask("morag", typed(northshire.child("jo"), number=False))
    by_number = await northshire.ask("morag", SUBJECT)

    def pseudonyms(access: str, what: str) -> set[str]:
        events = [event for event in northshire.events() if event.get("access") == access]
        return {each["pseudonym"] for event in events for each in event.get(what, [])}

    typed_number = pseudonyms(by_number.view["receipt"]["access"], "subject")
    matched_by_name = pseudonyms(by_name.view["receipt"]["access"], "matched")

    assert typed_number & matched_by_name


async def test_a_class_teacher_has_no_clause_and_nobody_is_asked(northshire: Northshire) -> None:
    counted = [northshire.demo.source(source) for source in ("northshire-police", "northshire-fire", "northshire-nhs", "hillview-mis")]
    before = [await source.requests() for source in counted]

    answered = await northshire.ask("tom", SUBJECT)

    assert set(answered.states.values()) == {"NOT_PERMITTED"}
    assert [await source.requests() for source in counted] == before
    assert _ends(northshire, answered) == ["intent", "conclusion"]


async def test_constable_lennox_learns_no_place_and_not_which_school_answered(northshire: Northshire) -> None:
    answered = await northshire.ask("lennox", SUBJECT)
    jo = northshire.child("jo")

    assert [held["words"] for held in answered.view["held"]] == [HELD_PLACE]
    for place in (jo.home.line, jo.home.postcode, jo.home.town, "Hillview", "hillview"):
        assert place.encode() not in answered.raw, place


async def test_a_sensitive_service_is_not_even_named_to_those_whose_clause_does_not_reach_it(northshire: Northshire) -> None:
    answered = await northshire.ask("morag", typed(_camhs(northshire)))

    assert b"CAMHS" not in answered.raw.upper()


async def test_a_purpose_nobody_agreed_on_is_refused_by_every_source(northshire: Northshire) -> None:
    answered = await northshire.ask("morag", SUBJECT, purpose="curiosity")

    assert set(answered.states.values()) == {"NOT_PERMITTED"}
    assert b"curiosity" not in answered.raw


async def test_text_nobody_checked_for_other_people_is_held_back_with_words(northshire: Northshire) -> None:
    held = [held for child in northshire.demo.world.children[:40] for held in await _held_texts(northshire, child)]

    assert any("Text held back" in words for words in held)


async def _held_texts(northshire: Northshire, child: Any) -> list[str]:
    view = (await northshire.ask("ewan", typed(child))).view
    sections = [section for section in view.values() if isinstance(section, dict) and "records" in section]
    return [held["words"] for section in sections for record in section["records"] for held in record["held"]]


def _ends(northshire: Northshire, answered: Any) -> list[str]:
    access = answered.view["receipt"]["access"]
    return [event["type"] for event in northshire.events() if event.get("access") == access]


def _camhs(northshire: Northshire) -> Any:
    return next(child for family in northshire.demo.world.families if family.id == "laidlaw" for child in family.children)


async def test_a_record_of_which_only_the_existence_is_shown_stands_on_the_chronology_without_a_day(northshire: Northshire) -> None:
    view = (await northshire.ask("ewan", typed(_camhs(northshire)))).view
    undated = [entry for entry in view["chronology"]["entries"] if entry["on"] is None]

    assert {(entry["kind"], entry["headline"]) for entry in undated} == {("HealthContact", None)}
    assert any(held["field"] is None for record in view["healthContacts"]["records"] for held in record["held"])
