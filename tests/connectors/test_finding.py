"""Whom a source accepts, offers, or leaves out; and that nothing typed of the home can be found out by trying."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import Address, Identifier, Person, Record, Subject
from connectors.finding import Finding, find_among
from connectors.matching import Matcher
from connectors.release import KindRule
from connectors.standard import Standard
from tests.connectors.servers import ask
from tests.connectors.test_vouching import NOW, Office, office

EWAN, MORAG = "https://id.example|ewan", "https://id.example|morag"
NUMBER, OTHER = Identifier("nhs_number", "9990000018"), Identifier("nhs_number", "9990000026")
HOME, ELSEWHERE = Address(line="4 Shore Road", postcode="KW15 1AA"), Address(line="9 Mill Lane", postcode="EH1 1YZ")
ROWAN = Subject(given_name="Rowan", family_name="Ash", birth_date="2014-02-03")
THERE = Person(id="p1", given_name="Rowan", family_name="Ash", birth_date="2014-02-03", workers=(EWAN,))


def asked(**changes: object) -> Subject:
    return msgspec.structs.replace(ROWAN, **changes)


def person(id: str = "p1", **changes: object) -> Person:
    return msgspec.structs.replace(THERE, id=id, **changes)


def twin(id: str, given_name: str = "Sam", **changes: object) -> Person:
    return person(id, given_name=given_name, **changes)


def found(subject: Subject, *persons: Person, asker: str = EWAN, vouches: bool = True, chosen: tuple[str, ...] = ()) -> Finding:
    return find_among(subject, persons, Matcher(), asker, vouches, frozenset(chosen))


def ids(finding: Finding) -> tuple[list[str], list[str]]:
    """Who is accepted, and who is offered."""
    return [each.id for each in finding.persons], [offer.person.id for offer in finding.offers]


# Accepted


@pytest.mark.parametrize("count", [1, 2, 3])
def test_up_to_three_records_of_one_child_are_all_accepted(count: int) -> None:
    finding = found(ROWAN, *(person(f"p{at}") for at in range(count)))

    assert (finding.state, ids(finding)) == ("FOUND", ([f"p{at}" for at in range(count)], []))


async def test_every_accepted_record_of_the_child_is_read(standard: Standard) -> None:
    connector = Office(person("p1"), person("p2"), person("p3"), records=(Record("r", {"serviceType": "SCHOOL"}),))
    source, fields = office(standard, connector), frozenset({"serviceType"})
    finding = await source.find(ROWAN, ask(), EWAN)

    answer = await source.fetch(
        finding.persons, "Involvement", KindRule(wanted=fields, permitted=fields, ceiling="T1", existence="T1"), ask(), True, NOW
    )

    assert [each.id for each, _ in connector.asked] == ["p1", "p2", "p3"]
    assert len(answer.records) == 3


@pytest.mark.parametrize("person_of", [person, twin], ids=["records of the child", "records that may be the child's"])
def test_four_alike_are_too_many_and_no_number_of_them_is_told(person_of: object) -> None:
    four, nine = (found(ROWAN, *(person_of(f"p{at}") for at in range(count))) for count in (4, 9))  # type: ignore[operator]

    assert four == nine == Finding(state="TOO_MANY")


def test_a_child_whose_record_names_the_asker_is_vouched_for_and_the_names_go_no_further() -> None:
    both = found(ROWAN, person("p1", workers=()), person("p2"))

    assert (both.vouched, [each.workers for each in both.persons]) == (True, [(), ()])
    assert found(ROWAN, person(), asker=MORAG).vouched is False
    assert found(ROWAN, person(), vouches=False).vouched is False


def test_nobody_like_the_child_is_nobody() -> None:
    assert found(ROWAN, person(given_name="Ina", family_name="Birch", birth_date="2012-01-01")) == Finding(state="NOTHING_TO_SHOW")
    assert found(ROWAN) == Finding(state="NOTHING_TO_SHOW")


# Offered


def test_at_most_three_are_offered_the_likeliest_first() -> None:
    finding = found(ROWAN, twin("p1", family_name="Ashe"), twin("p2", "Una"), twin("p3"))

    assert finding.state == "AMBIGUOUS"
    assert ids(finding) == ([], ["p3", "p2", "p1"])
    assert finding.match == finding.offers[0].match


def test_an_offer_carries_no_bits_no_score_and_nobody_who_works_with_the_child() -> None:
    finding = found(asked(addresses=(HOME,)), twin("p1", addresses=(HOME,)), twin("p2", "Una"))

    for offer in finding.offers:
        assert (offer.match.bits, offer.match.score, offer.match.verdict) == (0.0, None, None)
        assert offer.person.workers == ()
        assert offer.match.evidence
    assert "ewan" not in repr(finding)


def test_whoever_may_be_the_child_is_not_offered_beside_whoever_is() -> None:
    finding = found(ROWAN, person(), person("p2", given_name="Rowena"))

    assert (finding.state, ids(finding)) == ("FOUND", (["p1"], []))


def test_it_is_said_when_it_rests_on_a_number_alone_that_somebody_may_be_the_child() -> None:
    typed = asked(identifiers=(NUMBER,))
    by_number = twin("p1", family_name="Ash", birth_date="2009-11-27", identifiers=(NUMBER,))

    assert found(typed, by_number).slip == {"nhs_number"}
    assert found(typed, by_number, twin("p2")).slip == frozenset(), "another may be the child without it"
    assert found(ROWAN, twin("p1")).slip == frozenset()


# Chosen


def test_whom_a_practitioner_has_picked_of_those_who_may_be_the_child_is_accepted() -> None:
    finding = found(ROWAN, twin("p1"), twin("p2", "Una"), chosen=("p2",))

    assert (finding.state, ids(finding), finding.chosen) == ("FOUND", (["p2"], []), True)
    assert finding.match is not None
    assert finding.match.band == "POSSIBLE", "that somebody picked it makes nobody likelier"


def test_whom_a_practitioner_has_picked_takes_the_place_of_whoever_would_be_linked() -> None:
    finding = found(asked(identifiers=(NUMBER,)), person("p1"), person("p2", identifiers=(OTHER,)), chosen=("p2",))

    assert (ids(finding), finding.chosen) == ((["p2"], []), True)


def test_picking_somebody_who_is_not_the_child_is_picking_nobody() -> None:
    stranger = person("p9", given_name="Ina", family_name="Birch", birth_date="2012-01-01")

    assert found(ROWAN, stranger, chosen=("p9",)) == Finding(state="NOTHING_TO_SHOW")
    assert found(ROWAN, person(), stranger, chosen=("p9",)) == found(ROWAN, person(), stranger)
    assert found(ROWAN, twin("p1"), stranger, chosen=("p9", "nobody")) == found(ROWAN, twin("p1"), stranger)


def test_more_than_three_cannot_be_picked_as_one_child() -> None:
    four = [twin(f"p{at}") for at in range(4)]

    assert found(ROWAN, *four, chosen=("p0", "p1", "p2", "p3")).state == "TOO_MANY"
    assert ids(found(ROWAN, *four, chosen=("p0",))) == (["p0"], [])


# Where a place must not be known


def test_who_is_accepted_by_the_home_alone_is_only_possible_where_the_place_is_guarded() -> None:
    finding = found(asked(family_name="Tulloch", addresses=(HOME,)), person(family_name="Isbister", addresses=(HOME,)))

    assert (finding.state, finding.on_place) == ("FOUND", True)
    assert finding.under(False) is finding
    assert (finding.under(True).state, ids(finding.under(True))) == ("AMBIGUOUS", ([], ["p1"]))


def test_where_the_home_makes_no_difference_nothing_is_kept_apart() -> None:
    finding = found(asked(addresses=(HOME,)), person(addresses=(HOME,)))

    assert (finding.blind, finding.on_place, finding.under(True)) == (None, False, finding)


NAMES = st.sampled_from(("Rowan", "Rowena", "Sam", None))
FAMILIES = st.sampled_from(("Ash", "Ashe", "Isbister", None))
DATES = st.sampled_from(("2014-02-03", "2014-02-08", "2014-03-02", "2014", "2009-11-27", None))
LINES, CODES = (
    st.sampled_from(("4 Shore Road", "4 Shore Rd", "9 Mill Lane", None)),
    st.sampled_from(("KW15 1AA", "kw151ab", "EH1 1YZ", None)),
)
HOMES = st.lists(st.builds(Address, line=LINES, postcode=CODES), max_size=3).map(tuple)
NUMBERS = st.sampled_from(((), (NUMBER,), (OTHER,)))
PHONES = st.sampled_from(((), ("01856 000111",), ("07700 900123",)))
SCHOOLS, PARENTS = st.sampled_from(("Stromness Primary", "Kirkwall Grammar", None)), st.sampled_from(((), ("Mairi Ash",), ("Ewan Birch",)))
WHO = {"given_name": NAMES, "family_name": FAMILIES, "birth_date": DATES, "identifiers": NUMBERS}
AT_HOME = {"addresses": HOMES, "phones": PHONES, "school": SCHOOLS, "parents": PARENTS}
SUBJECTS = st.builds(Subject, **WHO)
PERSONS = st.lists(
    st.builds(Person, id=st.sampled_from([f"p{at}" for at in range(9)]), **WHO, **AT_HOME), max_size=5, unique_by=lambda each: each.id
)
CHOSEN = st.sets(st.sampled_from(("p0", "p1", "p2")), max_size=2)


def told(finding: Finding) -> object:
    """All that a practitioner could learn from it, in bands and in words."""
    match = finding.match and (finding.match.band, finding.match.evidence)
    offers = [(offer.person, offer.match.band, offer.match.evidence) for offer in finding.offers]
    return finding.state, finding.persons, offers, match, finding.chosen, finding.vouched


@settings(max_examples=400, deadline=None)
@given(SUBJECTS, PERSONS, st.fixed_dictionaries(AT_HOME), st.fixed_dictionaries(AT_HOME), CHOSEN)
def test_nothing_typed_of_the_home_changes_what_is_found_where_a_place_must_not_be_known(
    subject: Subject, persons: list[Person], one: dict[str, object], other: dict[str, object], chosen: set[str]
) -> None:
    first, second = (found(msgspec.structs.replace(subject, **home), *persons, chosen=tuple(chosen)).under(True) for home in (one, other))

    assert told(first) == told(second)
    assert first.slip == second.slip


@settings(max_examples=300, deadline=None)
@given(SUBJECTS, PERSONS, CHOSEN)
def test_whatever_is_found_nobody_learns_of_more_than_three(subject: Subject, persons: list[Person], chosen: set[str]) -> None:
    finding = found(subject, *persons, chosen=tuple(chosen))

    for each in (finding, finding.under(True)):
        assert len(each.persons) <= 3
        assert len(each.offers) <= 3
        assert bool(each.persons) is (each.state == "FOUND")
        assert bool(each.offers) is (each.state == "AMBIGUOUS")
