"""Whom a shield binds: a row for each way in which a hidden child can meet what was typed."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import Address, Identifier, Person, Record, Subject
from connectors.matching import MatchBand, Matcher, standing
from connectors.shields import binds, forbids_place, shielded
from tests.connectors.test_release import TODAY

CHI, OTHER = Identifier("chi", "0302140905"), Identifier("chi", "0302140913")
MATCHER = Matcher()
JO = Subject(given_name="Jo", family_name="Ash", birth_date="2014-02-03", identifiers=(CHI,))
HIDDEN = Person(
    id="1", given_name="Jo", family_name="Ash", birth_date="2014-02-03", identifiers=(CHI,), shield="IDENTITY", cleared=("id|ewan",)
)


def hidden(**changes: object) -> Person:
    return msgspec.structs.replace(HIDDEN, **changes)


CASES = {
    "the child": (hidden(), True, True),
    "no number held": (hidden(identifiers=()), True, True),
    "another number, same names: a slip or a trick": (hidden(identifiers=(OTHER,)), True, True),
    "another number and another given name": (hidden(identifiers=(OTHER,), given_name="Sam"), False, True),
    "another number and another family name: how an adoption looks": (hidden(identifiers=(OTHER,), family_name="Birch"), False, True),
    "another given name, no number held: perhaps a nickname": (hidden(identifiers=(), given_name="Joanna"), True, True),
    "another given name, no number held: perhaps a twin": (hidden(identifiers=(), given_name="Sam"), True, True),
    "another family name, no number held": (hidden(identifiers=(), family_name="Birch"), True, True),
    "the same number, one detail differs": (hidden(family_name="Birch"), True, True),
    "the same number, which does not fit the birth date on file": (hidden(family_name="Birch", birth_date="2012-11-27"), True, True),
    "the same number, nothing else alike": (hidden(given_name="Ina", family_name="Birch", birth_date="2012-01-01"), False, True),
    "somebody else": (hidden(given_name="Ina", family_name="Birch", birth_date="2012-01-01", identifiers=()), False, False),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_shield_binds_whoever_it_may_belong_to(case: str) -> None:
    person, identity, location = CASES[case]

    assert (binds(JO, person, "IDENTITY", MATCHER), binds(JO, person, "LOCATION", MATCHER)) == (identity, location)


def test_a_hidden_child_exists_for_nobody_but_those_cleared_by_name() -> None:
    for_others, for_ewan = shielded(JO, [hidden()], "id|morag", MATCHER), shielded(JO, [hidden()], "id|ewan", MATCHER)

    assert (for_others.persons, for_others.shields) == ((), {"IDENTITY"})
    assert (for_ewan.persons, for_ewan.shields) == ((hidden(),), frozenset())


@pytest.mark.parametrize("another", [{"given_name": "Sam"}, {"family_name": "Birch"}], ids=["a twin, perhaps", "an adoption, perhaps"])
def test_a_number_that_tells_a_hidden_child_from_the_one_asked_about_has_to_be_somebodys(another: dict[str, str]) -> None:
    seen = shielded(JO, [hidden(identifiers=(OTHER,), **another)], "id|morag", MATCHER)

    assert (seen.shields, seen.excused) == (frozenset(), (CHI,))


def test_a_hidden_child_who_is_somebody_else_by_names_and_birth_date_asks_for_no_number_to_be_proved() -> None:
    stranger = hidden(given_name="Ina", family_name="Birch", birth_date="2012-01-01", identifiers=(OTHER,))

    assert shielded(JO, [stranger], "id|morag", MATCHER).excused == ()


# Whatever was typed

WRONG = {
    "identifiers": (OTHER,),
    "middle_names": "Una",
    "sex": "male",
    "addresses": (Address(line="9 Mill Lane", postcode="EH1 1YZ"),),
    "phones": ("07700 900123",),
    "school": "Kirkwall Grammar",
    "parents": ("Ewan Birch",),
}
FULL = hidden(
    middle_names="Rose", sex="female", addresses=(Address(line="4 Shore Road", postcode="KW15 1AA"),), phones=("01856 000111",),
    school="Stromness Primary", parents=("Mairi Ash",),
)  # fmt: skip
TYPED = st.builds(
    Subject,
    given_name=st.sampled_from(("Jo", "Joanna", "Sam", None)),
    family_name=st.sampled_from(("Ash", "Ashe", "Birch", None)),
    birth_date=st.sampled_from(("2014-02-03", "2014-02-04", "2014-03-02", "2014", None)),
)
WRONGS = st.sets(st.sampled_from(sorted(WRONG)))


@settings(max_examples=300, deadline=None)
@given(TYPED, WRONGS)
def test_nothing_wrong_that_is_typed_besides_names_and_birth_date_gets_round_a_shield(typed: Subject, wrong: set[str]) -> None:
    """Another source may hold none of it, and would link or offer the child by the rest. Then a number has to be proved, at least."""
    asked = msgspec.structs.replace(typed, **{name: WRONG[name] for name in wrong})
    elsewhere = hidden(identifiers=(), shield=None)
    seen = shielded(asked, [FULL], "id|morag", MATCHER)

    if standing(asked, elsewhere, MATCHER).possible:
        assert seen.shields == {"IDENTITY"} or seen.excused == (OTHER,)
        assert binds(asked, FULL, "LOCATION", MATCHER)


@settings(max_examples=300, deadline=None)
@given(TYPED, WRONGS)
def test_a_shield_binds_whoever_its_own_source_would_link_or_offer(typed: Subject, wrong: set[str]) -> None:
    asked = msgspec.structs.replace(typed, **{name: WRONG[name] for name in wrong})
    homeless = msgspec.structs.replace(asked, addresses=(), phones=(), school=None, parents=())
    bands: set[MatchBand] = {MATCHER.match(each, [FULL])[0].band for each in (asked, homeless)}

    if bands != {"NON_LINK"}:
        assert binds(asked, FULL, "IDENTITY", MATCHER) or shielded(asked, [FULL], "id|morag", MATCHER).excused
        assert binds(asked, FULL, "LOCATION", MATCHER)


ORDERS = {
    "in force": ({"forbidsPlace": True, "end": "2027-01-01"}, True),
    "until today": ({"forbidsPlace": True, "end": TODAY.isoformat()}, True),
    "over": ({"forbidsPlace": True, "end": "2026-11-21"}, False),
    "over this year, perhaps": ({"forbidsPlace": True, "end": "2026"}, True),
    "an end nobody can read": ({"forbidsPlace": True, "end": "01/12/2025"}, True),
    "a word nobody knows": ({"forbidsPlace": "aye"}, True),
    "it does not forbid": ({"forbidsPlace": False}, False),
    "it does not say": ({}, False),
    "entered in error": ({"forbidsPlace": True, "status": "ENTERED_IN_ERROR"}, False),
}  # fmt: skip


@pytest.mark.parametrize("case", ORDERS)
def test_an_order_forbids_a_place_while_it_may_be_in_force(case: str) -> None:
    fields, forbids = ORDERS[case]

    assert forbids_place(Record("f1", fields), TODAY) is forbids
