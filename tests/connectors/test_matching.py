"""Is this person the subject? One row for each way in which two descriptions of a child can meet."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import Address, Identifier, Person, Subject
from connectors.matching import match

NHS, OTHER_NHS = "9990000018", "9990000026"
POSTCODE = "KW15 1AA"

JO = Subject(
    given_name="Jo", family_name="Ash", birth_date="2014-02-03", identifiers=(Identifier("nhs_number", NHS),),
    addresses=(Address(postcode=POSTCODE),),
)  # fmt: skip
JO_THERE = Person(
    id="p1", given_name="Jo", family_name="Ash", birth_date="2014-02-03", identifiers=(Identifier("nhs_number", NHS),), postcode="kw151aa"
)


def subject(**changes: object) -> Subject:
    return msgspec.structs.replace(JO, **changes)


def person(**changes: object) -> Person:
    return msgspec.structs.replace(JO_THERE, **changes)


NO_NUMBER = {"identifiers": ()}

CASES = {
    "number, names and birth date agree": (JO, person(), "LINK"),
    "number and birth date agree, no names held": (JO, person(given_name=None, family_name=None), "LINK"),
    "number and family name agree, no birth date held": (JO, person(birth_date=None), "LINK"),
    "number alone releases nothing": (JO, person(given_name=None, family_name=None, birth_date=None), "NON_LINK"),
    "number and given name alone release nothing": (JO, person(family_name=None, birth_date=None), "NON_LINK"),
    "number agrees, given name differs: a choice for a person": (JO, person(given_name="Sam"), "POSSIBLE"),
    "number agrees, family name alone differs: a slip, or another name": (JO, person(family_name="Birch"), "POSSIBLE"),
    "number agrees, birth date alone differs: a slip": (JO, person(birth_date="2014-02-04"), "POSSIBLE"),
    "number agrees, two details differ": (JO, person(given_name="Sam", birth_date="2014-02-04"), "NON_LINK"),
    "number agrees, family name differs, no birth date": (JO, person(family_name="Birch", birth_date=None), "NON_LINK"),
    "another number of the same system": (JO, person(identifiers=(Identifier("nhs_number", OTHER_NHS),)), "POSSIBLE"),
    "an invalid number counts neither way": (JO, person(identifiers=(Identifier("nhs_number", "9990000019"),)), "LINK"),
    "names, birth date and postcode agree": (subject(**NO_NUMBER), person(**NO_NUMBER), "LINK"),
    "accents, case and hyphens do not count": (
        subject(family_name="Mac-Aodhán", **NO_NUMBER), person(family_name="MACAODHAN", **NO_NUMBER), "LINK",
    ),
    "no postcode held": (subject(**NO_NUMBER), person(postcode=None, **NO_NUMBER), "POSSIBLE"),
    "twin: same family name and birth date": (subject(**NO_NUMBER), person(given_name="Sam", **NO_NUMBER), "POSSIBLE"),
    "birth date only partly known": (subject(birth_date="2014-02", **NO_NUMBER), person(**NO_NUMBER), "NON_LINK"),
    "number agrees and a partial birth date fits": (subject(birth_date="2014"), person(), "LINK"),
    "number agrees and a partial birth date does not fit": (subject(birth_date="2013"), person(), "POSSIBLE"),
    "the earlier family name was typed": (subject(family_name="Rowan", former_family_name="Ash"), person(), "LINK"),
    "somebody else": (subject(**NO_NUMBER), person(given_name="Ina", family_name="Birch", birth_date="2012-01-01", **NO_NUMBER), "NON_LINK"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_band_follows_the_rule(case: str) -> None:
    typed, held, band = CASES[case]

    assert match(typed, [held])[0].band == band


def test_two_persons_who_would_both_link_are_both_only_possible() -> None:
    bands = [found.band for found in match(JO, [person(id="p1"), person(id="p2")])]

    assert bands == ["POSSIBLE", "POSSIBLE"]


def test_a_twin_beside_the_child_does_not_take_the_link_away() -> None:
    bands = [found.band for found in match(JO, [person(), person(id="p2", given_name="Sam", identifiers=())])]

    assert bands == ["LINK", "POSSIBLE"]


def test_evidence_never_speaks_of_a_place_a_phone_a_school_or_parents() -> None:
    evidence = match(JO, [person()])[0].evidence

    assert {each.field for each in evidence} == {"identifier", "family_name", "given_name", "birth_date"}


@given(st.permutations([person(id=str(n), given_name=name) for n, name in enumerate(("Jo", "Sam", "Kit"))]))
def test_the_order_of_persons_changes_nothing(persons: list[Person]) -> None:
    bands = {held.id: found.band for held, found in zip(persons, match(JO, persons), strict=True)}

    assert bands == {"0": "LINK", "1": "POSSIBLE", "2": "POSSIBLE"}


def test_a_number_of_one_child_and_the_home_of_a_namesake_link_neither() -> None:
    """Either may be mistyped: two children must not meet in one view."""
    by_number = person(id="b", postcode="NS9 6TW")
    by_home = person(id="a", identifiers=(Identifier("nhs_number", OTHER_NHS),))

    assert [found.band for found in match(JO, [by_number, by_home])] == ["POSSIBLE", "POSSIBLE"]
    assert [found.band for found in match(JO, [person(), by_home])] == ["LINK", "POSSIBLE"]
