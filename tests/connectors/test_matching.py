"""Is this person the subject? One row for each way in which two descriptions of a child can meet."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import Address, Identifier, Person, Subject
from connectors.matching import Match, Matcher, explained, grade, match

NHS, OTHER_NHS = "9990000018", "9990000026"
POSTCODE = "KW15 1AA"

JO = Subject(
    given_name="Rowan", family_name="Ash", birth_date="2014-02-03", sex="female", identifiers=(Identifier("nhs_number", NHS),),
    addresses=(Address(line="4 Shore Road", postcode=POSTCODE),),
)  # fmt: skip
JO_THERE = Person(
    id="p1", given_name="Rowan", family_name="Ash", birth_date="2014-02-03", sex="female", identifiers=(Identifier("nhs_number", NHS),),
    addresses=(Address(line="4 Shore Rd", postcode="kw151aa"),),
)  # fmt: skip


def subject(**changes: object) -> Subject:
    return msgspec.structs.replace(JO, **changes)


def person(**changes: object) -> Person:
    return msgspec.structs.replace(JO_THERE, **changes)


NO_NUMBER = {"identifiers": ()}
ELSEWHERE = {"addresses": (Address(line="9 Mill Lane", postcode="EH1 1YZ"),)}


def named(given_name: str | None, **more: object) -> Person:
    return person(given_name=given_name, **NO_NUMBER, **more)


def asked(given_name: str | None, **more: object) -> Subject:
    return subject(given_name=given_name, **NO_NUMBER, **more)


CASES = {
    "number, names and birth date agree": (JO, person(), "LINK"),
    "number and birth date agree, no names held": (JO, person(given_name=None, family_name=None), "LINK"),
    "number and family name agree, no birth date held": (JO, person(birth_date=None), "LINK"),
    "number alone releases nothing": (JO, person(given_name=None, family_name=None, birth_date=None), "NON_LINK"),
    "number and given name alone release nothing": (JO, person(family_name=None, birth_date=None), "NON_LINK"),
    "number and home alone release nothing": (JO, person(given_name=None, family_name=None, birth_date=None), "NON_LINK"),
    "number agrees, given name differs: a choice for a person": (JO, person(given_name="Sam"), "POSSIBLE"),
    "number agrees, given name is a twin's": (subject(given_name="Maya"), person(given_name="Mya"), "POSSIBLE"),
    "number agrees, a new family name": (JO, person(family_name="Birch"), "LINK"),
    "number agrees, one digit of the birth date differs": (JO, person(birth_date="2014-02-04"), "LINK"),
    "number agrees, another birth date": (JO, person(birth_date="2009-11-27"), "POSSIBLE"),
    "number agrees, family name differs, no birth date": (JO, person(family_name="Birch", birth_date=None), "NON_LINK"),
    "another number of the same system never links": (JO, person(identifiers=(Identifier("nhs_number", OTHER_NHS),)), "POSSIBLE"),
    "another number and another family name: not even a hint": (
        JO, person(identifiers=(Identifier("nhs_number", OTHER_NHS),), family_name="Birch"), "NON_LINK",
    ),
    "an invalid number counts neither way": (JO, person(identifiers=(Identifier("nhs_number", "9990000019"),)), "LINK"),
    "names, birth date and home agree": (subject(**NO_NUMBER), named("Rowan"), "LINK"),
    "no home held": (subject(**NO_NUMBER), named("Rowan", addresses=()), "LINK"),
    "moved": (subject(**NO_NUMBER), named("Rowan", **ELSEWHERE), "LINK"),
    "moved, and the birth date differs in a digit": (subject(**NO_NUMBER), named("Rowan", birth_date="2014-02-08", **ELSEWHERE), "POSSIBLE"),
    "accents, case and hyphens do not count": (asked("Rowan", family_name="Mac-Aodhán"), named("Rowan", family_name="MACAODHAN"), "LINK"),
    "twin: another given name": (subject(**NO_NUMBER), named("Sam"), "POSSIBLE"),
    "a brother or sister: another name and birth date": (subject(**NO_NUMBER), named("Sam", birth_date="2011-09-17"), "NON_LINK"),
    "a slip of the pen": (asked("Charlotte"), named("Chalrotte"), "LINK"),
    "two names a letter apart may be twins": (asked("Maya"), named("Mya"), "POSSIBLE"),
    "two spellings in fashion may be twins": (asked("Sophie"), named("Sophia"), "POSSIBLE"),
    "a short form may be a twin's name": (asked("Josephine"), named("Josie"), "POSSIBLE"),
    "a short form, and a middle name agrees": (asked("Josephine", middle_names="Una"), named("Josie", middle_names="Una"), "LINK"),
    "no given name held: a twin cannot be ruled out": (subject(**NO_NUMBER), named(None), "POSSIBLE"),
    "a word stands where the given name should": (subject(**NO_NUMBER), named("Baby"), "POSSIBLE"),
    "given and family name stand the other way round": (asked("Rowan", family_name="Tulloch"), named("Tulloch", family_name="Rowan"), "LINK"),
    "day and month stand the other way round": (subject(**NO_NUMBER), named("Rowan", birth_date="2014-03-02"), "LINK"),
    "the first of January may be nobody's birthday": (
        asked("Rowan", birth_date="2014-01-01"), named("Rowan", birth_date="2014-01-01", **ELSEWHERE), "POSSIBLE",
    ),
    "birth date only partly known, at home": (asked("Rowan", birth_date="2014-02"), named("Rowan"), "LINK"),
    "birth date only partly known, elsewhere": (asked("Rowan", birth_date="2014-02"), named("Rowan", **ELSEWHERE), "POSSIBLE"),
    "the earlier family name was typed": (subject(family_name="Rowe", former_family_name="Ash"), person(), "LINK"),
    "one of two joined names": (asked("Rowan", family_name="Ash-Muir"), named("Rowan"), "LINK"),
    "called by a middle name": (asked("Rowan"), named("Agnes", middle_names="Rowan"), "POSSIBLE"),
    "another sex, the same name": (asked("Rowan"), named("Rowan", sex="male"), "LINK"),
    "somebody else": (subject(**NO_NUMBER), named("Ina", family_name="Birch", birth_date="2012-01-01", **ELSEWHERE), "NON_LINK"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_band_follows_the_rule(case: str) -> None:
    typed, held, band = CASES[case]

    assert match(typed, [held])[0].band == band


def bands(typed: Subject, *persons: Person) -> list[str]:
    return [found.band for found in match(typed, persons)]


def test_two_records_of_one_child_are_both_linked() -> None:
    assert bands(JO, person(id="p1"), person(id="p2", **ELSEWHERE)) == ["LINK", "LINK"]


def test_a_twin_beside_the_child_is_neither_linked_nor_offered() -> None:
    assert bands(asked("Maya"), named("Maya"), named("Mya", id="p2")) == ["LINK", "NON_LINK"]


def test_twins_of_whom_neither_is_the_name_typed_are_a_choice() -> None:
    assert bands(asked("M"), named("Maya"), named("Mya", id="p2")) == ["POSSIBLE", "POSSIBLE"]


def test_a_namesake_elsewhere_does_not_take_the_place_of_a_child_who_was_misspelt_at_home() -> None:
    assert bands(asked("Maya"), named("Mya"), named("Maya", id="p2", **ELSEWHERE))[1] == "POSSIBLE"


def test_a_number_of_one_child_and_the_home_of_a_namesake_link_neither() -> None:
    """Either may be mistyped: two children must not meet in one view."""
    by_number = person(id="b", addresses=(Address(postcode="NS9 6TW"),))
    by_home = person(id="a", identifiers=(Identifier("nhs_number", OTHER_NHS),))

    assert "LINK" not in bands(JO, by_number, by_home)
    assert bands(JO, person(), by_home)[0] == "LINK"


def test_brothers_who_share_mohammed_are_told_apart_by_the_second_name() -> None:
    typed = asked("Mohammed", middle_names="Ali", family_name="Khan")
    brother = named("Mohammed", middle_names="Hassan", family_name="Khan", birth_date="2014-02-03")

    assert bands(typed, brother) != ["LINK"]
    assert bands(typed, msgspec.structs.replace(brother, middle_names="Ali")) == ["LINK"]


def test_a_common_name_elsewhere_is_weaker_than_a_rare_one() -> None:
    common = match(asked("Oliver", family_name="Smith"), [named("Oliver", family_name="Smith", **ELSEWHERE)])[0]
    rare = match(asked("Torquil", family_name="Isbister"), [named("Torquil", family_name="Isbister", **ELSEWHERE)])[0]

    assert rare.bits > common.bits + 3


def test_in_a_larger_file_the_same_agreement_is_worth_less() -> None:
    small, large = (Matcher(population=size).match(asked("Rowan"), [named("Rowan", **ELSEWHERE)])[0].bits for size in (1_000, 1_000_000))

    assert small > large


def test_what_speaks_of_the_home_is_counted_once() -> None:
    """Address, phone, school and parents are one family's: together they are worth no more than the address alone, at most."""
    home = asked("Rowan", phones=("01856 000111",), school="Stromness Primary", parents=("Mairi Ash",))
    there = named("Sam", phones=("+44 1856 000111",), school="Stromness Primary School", parents=("Mairi Ash",))

    assert match(home, [there])[0].score.unrelated - match(asked("Rowan"), [named("Sam")])[0].score.unrelated < 1.0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("chi", "birth_date", "sex", "counts"),
    [
        ("0302140018", "2014-02-03", "male", True),
        ("0302140026", "2014-02-03", "female", True),
        ("0302140026", "2014-02-03", "male", False),
        ("0302140026", "2013-02-03", "female", False),
        ("0302140026", None, None, True),
    ],
)
def test_a_chi_number_of_another_birth_date_or_sex_is_ignored_and_flagged(
    chi: str, birth_date: str | None, sex: str | None, counts: bool
) -> None:
    numbers = (Identifier("chi", chi),)
    found = match(subject(identifiers=numbers, sex=None), [person(identifiers=numbers, birth_date=birth_date or "2014-02-03", sex=sex)])[0]

    assert ("identifier:same" in found.classes) is counts
    assert ("invalid-chi" in found.flags) is not counts


def test_a_number_shared_with_another_child_is_flagged_for_whoever_keeps_the_record() -> None:
    assert match(JO, [person(given_name="Sam")])[0].flags == ("identifier-shared",)


def test_evidence_never_speaks_of_a_place_a_phone_a_school_or_parents_and_never_of_another_sex() -> None:
    typed = subject(phones=("01856 000111",), school="Stromness Primary", parents=("Mairi Ash",), sex="male")
    found = match(typed, [person(phones=("01856 000111",), school="Stromness Primary", parents=("Mairi Ash",))])[0]

    assert {each.field for each in found.evidence} == {"identifier", "family_name", "given_name", "birth_date"}
    assert not {each.partition(":")[0] for each in found.classes} & {"address", "phone", "school", "parents"}


def test_a_twin_is_said_to_be_perhaps_a_twin() -> None:
    assert any("twin" in each.words for each in match(asked("Maya"), [named("Mya")])[0].evidence)


@pytest.mark.parametrize(("band", "bits", "expected"), [
    ("LINK", 12.0, "certain"), ("POSSIBLE", 3.0, "probable"), ("POSSIBLE", -3.0, "possible"), ("NON_LINK", -20.0, "certainly-not"),
])  # fmt: skip
def test_bands_are_fhir_match_grades(band: str, bits: float, expected: str) -> None:
    assert grade(band, bits) == expected  # type: ignore[arg-type]


# Whatever was typed and held

NAMES = st.sampled_from(("Maya", "Mya", "Jo", "Joseph", "Mohammed", "Baby", "Siobhán", "Q", "Chalrotte", "Mary-Jane", None))
FAMILIES = st.sampled_from(("Ash", "Khan", "Ash-Muir", "O'Brien", "Maya", None))
DATES = st.sampled_from(("2014-02-03", "2014-03-02", "2014-02-04", "2014", "2011-09-17", "2014-01-01", None))
SEXES = st.sampled_from(("male", "female", None))
HOMES = st.lists(st.sampled_from((Address(line="4 Shore Road", postcode=POSTCODE), Address(postcode="EH1 1YZ"))), max_size=2).map(tuple)
NUMBERS = st.lists(
    st.sampled_from((Identifier("nhs_number", NHS), Identifier("nhs_number", OTHER_NHS), Identifier("upn", "x"))), max_size=2
).map(tuple)
MORE = {
    "middle_names": st.sampled_from(("Ali", "Rose Ann", "R", None)),
    "phones": st.sampled_from(((), ("01856 000111",), ("07700 900123",))),
    "school": st.sampled_from(("Stromness Primary", "Kirkwall Grammar", None)),
    "parents": st.sampled_from(((), ("Mairi Ash",), ("Ewan Ash",))),
}
COMMON = {
    "given_name": NAMES,
    "family_name": FAMILIES,
    "birth_date": DATES,
    "sex": SEXES,
    "addresses": HOMES,
    "identifiers": NUMBERS,
    **MORE,
}
SUBJECTS = st.builds(Subject, **COMMON)
PERSONS = st.lists(st.builds(Person, id=st.uuids().map(str), **COMMON), min_size=1, max_size=6, unique_by=lambda each: each.id)


def by_id(typed: Subject, persons: list[Person]) -> dict[str, Match]:
    return {held.id: found for held, found in zip(persons, match(typed, persons), strict=True)}


@settings(max_examples=300, deadline=None)
@given(SUBJECTS, PERSONS)
def test_explanations_add_up_to_the_score(typed: Subject, persons: list[Person]) -> None:
    for found in match(typed, persons):
        assert sum(each.bits for each in explained(found)) == pytest.approx(found.bits, abs=1e-6)


@settings(max_examples=300, deadline=None)
@given(SUBJECTS, PERSONS, st.randoms(use_true_random=False))
def test_the_order_of_persons_changes_nothing(typed: Subject, persons: list[Person], dice: object) -> None:
    shuffled = list(persons)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    before, after = by_id(typed, persons), by_id(typed, shuffled)

    assert {id: found.band for id, found in before.items()} == {id: found.band for id, found in after.items()}
    assert all(after[id].bits == pytest.approx(found.bits, abs=1e-9) for id, found in before.items())


@settings(max_examples=500, deadline=None)
@given(SUBJECTS, PERSONS)
def test_one_more_person_makes_nobody_likelier(typed: Subject, persons: list[Person]) -> None:
    """Above all a possible one never becomes a link because of a rival."""
    more = by_id(typed, persons)
    rank = {"NON_LINK": 0, "POSSIBLE": 1, "LINK": 2}
    for id, found in by_id(typed, persons[:-1]).items():
        assert rank[more[id].band] <= rank[found.band]
        assert more[id].bits <= found.bits + 1e-9


@settings(max_examples=300, deadline=None)
@given(SUBJECTS, PERSONS)
def test_a_number_that_contradicts_never_links_and_nothing_links_by_a_number_alone(typed: Subject, persons: list[Person]) -> None:
    for found in match(typed, persons):
        assert found.score is not None
        if found.band == "LINK":
            assert not found.score.numbers.contradicted
            assert found.score.level("birth") not in (None, "differs") or found.score.level("family") not in (None, "differs")
