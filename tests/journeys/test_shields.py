"""Two shields. IDENTITY: exists for nobody not cleared. LOCATION: the record is visible, the place is not, in nobody's view but the cleared."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from connectors.release import HELD_PLACE
from connectors.simulated.people import Child
from tests.journeys.northshire import Answered, Northshire, standard, typed

#: Nobody of this name, number and birth date is known to any agency of Northshire.
UNKNOWN = {
    "givenName": "Nobody",
    "familyName": "Hereabouts",
    "birthDate": "2016-08-22",
    "addresses": [{"postcode": "NS1 6DE"}],
    "identifiers": [{"system": "nhs_number", "value": "9990000018"}],
}


def without_receipt_and_times(answered: Answered) -> Any:
    view = dict(answered.view)
    view.pop("receipt")
    return _without_times(view)


def _without_times(told: Any) -> Any:
    """When a source was read differs from one question to the next."""
    if isinstance(told, dict):
        return {key: _without_times(value) for key, value in told.items() if key not in ("asOf", "retrievedAt")}
    return [_without_times(each) for each in told] if isinstance(told, list) else told


def places(child: Child) -> set[str]:
    return {child.home.line, child.home.town, child.home.postcode, child.home.postcode.replace(" ", "")}


def placed_fields(view: Any) -> list[str]:
    """Every field of every record that stands for a place and has a value."""
    locations = {name for kind in standard().kinds.values() for name, field in kind.fields.items() if field.location}
    sections = [section for section in view.values() if isinstance(section, dict) and "records" in section]
    told = [name for section in sections for record in section["records"] for name in locations if record.get(name) not in (None, [])]
    return told + [field["field"] for field in view["demographics"]["fields"] if field["field"] in locations]


@pytest.mark.parametrize("who", ["morag", "hamida", "lennox"])
@pytest.mark.parametrize("child", ["morven", "erin-before"])
async def test_a_child_under_an_identity_shield_answers_as_one_nobody_knows(northshire: Northshire, who: str, child: str) -> None:
    shielded = await northshire.ask(who, typed(northshire.child(child)))
    unknown = await northshire.ask(who, UNKNOWN | {"identifiers": [{"system": "chi", "value": _unused_chi(northshire)}]})

    assert without_receipt_and_times(shielded) == without_receipt_and_times(unknown)
    assert len(shielded.raw) == pytest.approx(len(unknown.raw), abs=8)


async def test_the_log_knows_that_it_was_a_shield(northshire: Northshire) -> None:
    await northshire.ask("morag", typed(northshire.child("morven")))

    outcomes = northshire.events()[-1]["outcomes"]

    assert {each.get("reason") for each in outcomes if each["state"] == "NOTHING_TO_SHOW"} == {"shielded"}
    assert northshire.events()[-1]["released"] == []


async def test_who_is_cleared_by_name_sees_the_child(northshire: Northshire) -> None:
    answered = await northshire.ask("ewan", typed(northshire.child("morven")))

    assert answered.states["northshire-social-work"] == "ANSWERED"


@pytest.mark.parametrize("who", ["morag", "lennox"])
@pytest.mark.parametrize("child", ["zara", "danylo", "kai"])
async def test_nothing_tells_where_a_child_under_a_location_shield_is(northshire: Northshire, who: str, child: str) -> None:
    hidden = northshire.child(child)
    answered = await northshire.ask(who, typed(hidden))

    assert "ANSWERED" in answered.states.values()
    assert placed_fields(answered.view) == []
    assert [place for place in places(hidden) | {"hillview", "Hillview"} if place.encode() in answered.raw] == []
    assert answered.view["held"] == [{"field": "location", "words": HELD_PLACE}]


async def test_who_is_cleared_for_a_place_sees_it_where_the_clause_gives_it(northshire: Northshire) -> None:
    answered = await northshire.ask("ewan", typed(northshire.child("zara")))

    assert placed_fields(answered.view) != []


async def test_a_place_withheld_for_a_shield_reads_as_one_no_clause_gives(northshire: Northshire) -> None:
    """Constable Lennox is given no place of any child: a shielded child's view has the same held words, in the same order."""
    shielded = (await northshire.ask("lennox", typed(northshire.child("zara")))).view
    ordinary = (await northshire.ask("lennox", typed(northshire.child("jo")))).view

    assert shielded["held"] == ordinary["held"]
    assert _held_words(shielded)
    assert _held_words(shielded) <= _held_words(ordinary)


async def test_while_a_shield_source_is_silent_no_childs_place_is_shown_to_anybody(northshire: Northshire) -> None:
    nhs = northshire.demo.source("northshire-nhs")
    nhs.suspend()
    try:
        asked = [northshire.ask(who, typed(northshire.child(child))) for who in ("morag", "ewan") for child in ("jo", "zara", "ruby")]
        for answered in await asyncio.gather(*asked):
            assert placed_fields(answered.view) == []
            assert answered.view["held"] == [{"field": "location", "words": HELD_PLACE}]
            assert answered.states["northshire-nhs"] == "TIMED_OUT"
    finally:
        nhs.resume()


async def test_a_question_too_thin_for_a_shield_source_to_search_by_asks_nobody_about_any_child(northshire: Northshire) -> None:
    for child in ("jo", "morven"):
        known = northshire.child(child)
        number = {"identifiers": [{"system": "scn", "value": known.scn}]}
        for thin in ({"familyName": known.family_name}, {"birthDate": known.birth_date.isoformat()}):
            answered = await northshire.ask("morag", number | thin)

            assert set(answered.states.values()) <= {"NOT_ASKED", "NOT_PERMITTED"}


SPELLINGS = {"zara": ("Malïk", "Mal-ik", "MALIK "), "danylo": ("Mel nyk",), "kai": ("Bródie",), "morven": ("Kèrr", "Ker r", "K-err")}


@pytest.mark.parametrize(("child", "spelling"), [(child, spelling) for child, spellings in SPELLINGS.items() for spelling in spellings])
async def test_a_spelling_that_matching_forgives_lifts_no_shield(northshire: Northshire, child: str, spelling: str) -> None:
    hidden = northshire.child(child)
    for number in (True, False):
        answered = await northshire.ask("morag", typed(hidden, number=number) | {"familyName": spelling})

        assert placed_fields(answered.view) == []
        assert hidden.shield != "IDENTITY" or set(answered.states.values()) == {"NOTHING_TO_SHOW", "NOT_PERMITTED"}


async def test_nothing_hints_at_who_shares_a_name_and_a_birth_date_with_somebody_asked_about(northshire: Northshire) -> None:
    """Another given name and another number: somebody else than Morven, and no sign that there is a Morven."""
    probe = typed(northshire.child("morven"), number=False) | {
        "givenName": "Zed",
        "identifiers": [{"system": "chi", "value": _unused_chi(northshire)}],
    }
    like_morven = await northshire.ask("morag", probe)
    like_nobody = await northshire.ask("morag", probe | {"familyName": "Hereabouts"})

    assert without_receipt_and_times(like_morven) == without_receipt_and_times(like_nobody)


async def test_a_postcode_that_is_right_shows_no_more_of_a_child_in_refuge_than_a_wrong_one(northshire: Northshire) -> None:
    named = typed(northshire.child("zara"), number=False)
    right = await northshire.ask("morag", named)
    wrong = await northshire.ask("morag", named | {"addresses": [{"postcode": "NS1 1AA"}]})

    assert without_receipt_and_times(right) == without_receipt_and_times(wrong)


async def test_the_log_says_which_sources_were_asked_for_shields_alone(northshire: Northshire) -> None:
    answered = await northshire.ask("morag", typed(northshire.child("jo")))
    intent = next(event for event in northshire.events() if event.get("access") == answered.view["receipt"]["access"])

    assert intent["shield_sources"] == ["northshire-nhs", "northshire-social-work"]


def _held_words(view: Any) -> set[str]:
    sections = [section for section in view.values() if isinstance(section, dict) and "records" in section]
    return {json.dumps(held) for section in sections for record in section["records"] for held in record["held"]}


def _unused_chi(northshire: Northshire) -> str:
    """A valid number of the same day that no child of Northshire has."""
    from connectors.scalars import valid

    taken = {child.chi for child in northshire.demo.world.children}
    return next(chi for n in range(10_000) if valid("chi", chi := f"220816{n:04}") and chi not in taken)


async def test_who_shares_a_name_and_a_birthday_is_never_put_into_one_view_with_the_other(northshire: Northshire) -> None:
    """Jack's names and home with the other Jack's number: either was mistyped."""
    one, other = northshire.child("jack-a"), northshire.child("jack-b")
    answered = await northshire.ask("ewan", typed(one, number=False) | {"identifiers": [{"system": "chi", "value": other.chi}]})

    assert other.home.postcode.encode() not in answered.raw
    assert other.home.line.encode() not in answered.raw


async def test_a_number_of_the_schools_own_beside_a_wrong_one_tells_nothing_of_a_hidden_child(northshire: Northshire) -> None:
    morven = northshire.child("morven")
    for thin in ({"familyName": morven.family_name}, {"birthDate": morven.birth_date.isoformat()}):
        numbers = [{"system": "nhs_number", "value": "9990000018"}, {"system": "scn", "value": morven.scn}]
        known = await northshire.ask("morag", thin | {"identifiers": numbers})
        unknown = await northshire.ask("morag", thin | {"identifiers": [numbers[0], {"system": "scn", "value": "117999999"}]})

        assert without_receipt_and_times(known) == without_receipt_and_times(unknown)


async def test_another_childs_number_beside_ones_own_does_not_hide_an_ordinary_child(northshire: Northshire) -> None:
    subject = typed(northshire.child("jo"))
    answered = await northshire.ask(
        "morag", subject | {"identifiers": [*subject["identifiers"], {"system": "chi", "value": northshire.child("morven").chi}]}
    )

    assert "ANSWERED" in answered.states.values()


@pytest.mark.parametrize(
    ("slip", "state"),
    [
        ({"birthDate": "2014-02-04"}, "ANSWERED"),
        ({"familyName": "Asch"}, "ANSWERED"),
        ({"givenName": "Zo"}, "AMBIGUOUS"),
        ({"birthDate": "2009-11-27"}, "AMBIGUOUS"),
    ],
)
async def test_a_slip_beside_the_right_number_never_reads_as_nothing_known(
    northshire: Northshire, slip: dict[str, str], state: str
) -> None:
    answered = await northshire.ask("morag", typed(northshire.child("jo")) | slip)

    assert answered.states["northshire-nhs"] == state


async def test_a_hyphen_more_or_less_keeps_no_ordinary_child_from_being_found(northshire: Northshire) -> None:
    for name in ("MacLeod-Ross", "Macleod Ross"):
        answered = await northshire.ask("morag", typed(northshire.child("ella"), number=False) | {"familyName": name})

        assert answered.states["northshire-nhs"] == "ANSWERED"


@pytest.mark.parametrize("slip", [{"familyName": "Hereabouts"}, {"birthDate": "2016-08-22"}])
async def test_a_slip_beside_the_schools_own_number_does_not_hint_at_a_hidden_child(northshire: Northshire, slip: dict[str, str]) -> None:
    morven = northshire.child("morven")
    typed_wrong = typed(morven, number=False) | slip
    known = await northshire.ask("morag", typed_wrong | {"identifiers": [{"system": "scn", "value": morven.scn}]})
    unknown = await northshire.ask("morag", typed_wrong | {"identifiers": [{"system": "scn", "value": "117999999"}]})

    assert without_receipt_and_times(known) == without_receipt_and_times(unknown)
