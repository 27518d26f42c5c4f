"""Whom a shield binds: a row for each way in which a hidden child can meet what was typed."""

from __future__ import annotations

import msgspec
import pytest

from connectors import Identifier, Person, Record, Subject
from connectors.shields import binds, forbids_place, shielded
from tests.connectors.test_release import TODAY

CHI, OTHER = Identifier("chi", "0302140905"), Identifier("chi", "0302140913")
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
    "another given name, no number held: perhaps a nickname": (hidden(identifiers=(), given_name="Joanna"), True, True),
    "the same number, one detail differs": (hidden(family_name="Birch"), True, True),
    "the same number, nothing else alike": (hidden(given_name="Ina", family_name="Birch", birth_date="2012-01-01"), False, True),
    "somebody else": (hidden(given_name="Ina", family_name="Birch", birth_date="2012-01-01", identifiers=()), False, False),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_shield_binds_whoever_it_may_belong_to(case: str) -> None:
    person, identity, location = CASES[case]

    assert (binds(JO, person, "IDENTITY"), binds(JO, person, "LOCATION")) == (identity, location)


def test_a_hidden_child_exists_for_nobody_but_those_cleared_by_name() -> None:
    for_others, for_ewan = shielded(JO, [hidden()], "id|morag"), shielded(JO, [hidden()], "id|ewan")

    assert (for_others.persons, for_others.shields) == ((), {"IDENTITY"})
    assert (for_ewan.persons, for_ewan.shields) == ((hidden(),), frozenset())


def test_a_number_that_tells_a_hidden_child_from_the_one_asked_about_has_to_be_somebodys() -> None:
    seen = shielded(JO, [hidden(identifiers=(OTHER,), given_name="Sam")], "id|morag")

    assert (seen.shields, seen.excused) == (frozenset(), (CHI,))


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
