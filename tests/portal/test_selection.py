"""From an operation to a question: what is asked of the agencies, and which questions are not taken."""

from __future__ import annotations

import re
import time
from datetime import date
from typing import Any

import pytest
from graphql import get_introspection_query
from hypothesis import given
from hypothesis import strategies as st

from connectors import Address, Identifier
from connectors.standard import ALWAYS
from portal.api.documents import (
    BY_VARIABLE,
    MOST_ALIASES,
    MOST_DEPTH,
    MOST_DIRECTIVES,
    MOST_FRAGMENTS,
    MOST_REPEATS,
    MOST_TOKENS,
    Documents,
)
from portal.api.selection import question, select, subject
from portal.api.writing import change
from portal.changes import Change, Closing, NotShared, Said
from portal.errors import RequestError
from portal.facts import own_fields
from portal.model import BreakGlass, Question, Responsibility, Understanding
from tests.portal.entrance import JO, schema, standard

HEAD = "query Q($s: SubjectInput!) "
SWITCHED = "query Q($s: SubjectInput!, $yes: Boolean = true, $no: Boolean = false) "


def asked(body: str, more: str = "", variables: dict[str, Any] | None = None, sources: tuple[str, ...] = ()) -> Question:
    """The question behind ``child { body }``, with further definitions in the document."""
    head = SWITCHED if "$yes" in body else HEAD
    return of(f'{head} {{ child(subject: $s, purpose: "child-protection") {{ {body} }} }} {more}', {"s": JO} | (variables or {}), sources)


def of(
    text: str, variables: dict[str, Any], sources: tuple[str, ...] = (), name: str | None = None, introspection: bool = True
) -> Question:
    document = Documents(schema(), introspection).read(text)
    return question(schema(), standard(), document, select(schema(), document, name, variables), sources)


def refused(text: str, variables: dict[str, Any] | None = None, introspection: bool = True) -> RequestError:
    with pytest.raises(RequestError) as caught:
        of(text, variables or {}, introspection=introspection)
    return caught.value


# What is wanted


def test_a_section_asks_for_the_fields_selected_of_its_records() -> None:
    got = asked("wellbeingConcerns { everySourceAnswered missing { words } records { id kind tier summary status provenance { source } } }")
    assert got.wanted == {"WellbeingConcern": frozenset({"summary", "status"})}
    assert got.sections == {"WellbeingConcern"}
    assert (got.chronology, got.demographics) == (False, False)


def test_a_section_without_records_is_still_asked() -> None:
    assert asked("attendance { everySourceAnswered }").wanted == {"Attendance": frozenset()}


def test_what_is_no_section_asks_nobody_for_anything() -> None:
    got = asked("asOf sources { state } held { words } receipt { access } __typename candidates { token }")
    assert (got.wanted, got.sections) == ({}, frozenset())


def test_skipped_and_not_included_selections_are_not_asked() -> None:
    got = asked(
        "wellbeingConcerns @skip(if: $yes) { records { summary } } attendance @include(if: $no) { records { code } }"
        " childPlans @include(if: $yes) { records { reason @skip(if: true) needs planType @include(if: $no) } }"
    )
    assert got.wanted == {"ChildPlan": frozenset({"needs"})}


def test_variables_decide_what_is_skipped() -> None:
    body = "wellbeingConcerns @skip(if: $yes) { records { summary } } attendance @include(if: $no) { records { session } }"
    assert asked(body, variables={"yes": False, "no": True}).sections == {"WellbeingConcern", "Attendance"}


def test_fragments_and_aliases_are_followed_and_joined() -> None:
    got = asked(
        "a: wellbeingConcerns { records { summary } } ...B ... { childPlans { records { ...Plan } } }",
        "fragment B on ChildView { b: wellbeingConcerns { r: records { x: category ...Any ... on Record { status } } } }"
        " fragment Any on Record { recordedOn ... on WellbeingConcern { urgency } ... on ChildPlan { needs } }"
        " fragment Plan on ChildPlan { actions { what } }",
    )
    assert got.wanted == {
        "WellbeingConcern": frozenset({"summary", "category", "recordedOn", "urgency", "status"}),
        "ChildPlan": frozenset({"actions"}),
    }


def test_another_operation_of_the_document_asks_for_nothing() -> None:
    text = HEAD + '{ child(subject: $s, purpose: "p") { attendance { records { id } } } }'
    other = text.replace("query Q", "query Other").replace("attendance", "policeEvents")
    assert of(text + other, {"s": JO}, name="Q").sections == {"Attendance"}


def test_the_chronology_asks_every_kind_that_has_happened_for_its_date_and_headline() -> None:
    got = asked("chronology { everySourceAnswered }")
    happened = {kind.name: kind for kind in standard().kinds.values() if kind.occurred}
    assert set(got.wanted) == set(happened)
    for name, kind in happened.items():
        assert got.wanted[name] == {"occurredOn"} | ({kind.headline} if kind.headline else set())
    assert (got.chronology, got.sections) == (True, frozenset())


def test_fields_selected_of_a_record_on_the_chronology_are_asked_of_its_kind_alone() -> None:
    entries = "entries { on record { id status ... on WellbeingConcern { summary } ... on ChildPlan @skip(if: true) { needs } } }"
    got = asked(f"chronology {{ {entries} }}")
    assert {"summary", "status", "occurredOn"} <= got.wanted["WellbeingConcern"]
    assert "status" in got.wanted["PoliceEvent"]
    assert "summary" not in got.wanted["HealthContact"]
    assert "needs" not in got.wanted["ChildPlan"]


def test_chronology_and_section_are_asked_together() -> None:
    got = asked("chronology { everySourceAnswered } wellbeingConcerns { records { summary } }")
    assert got.wanted["WellbeingConcern"] == {"occurredOn", "category", "summary"}
    assert got.sections == {"WellbeingConcern"}


def test_demographics_ask_for_all_that_says_who_a_child_is() -> None:
    got = asked("demographics { everySourceAnswered }")
    assert got.wanted == {kind: own_fields(standard().kinds[kind], standard()) for kind in ("PersonDetails", "Identifier")}
    assert got.demographics


def test_what_is_always_shown_is_never_asked_for() -> None:
    for fields in asked("chronology { entries { record { id kind tier contact held { words } provenance { source } } } }").wanted.values():
        assert not fields & ALWAYS


def test_the_question_carries_the_document_by_its_hash_alone() -> None:
    got = asked("asOf")
    assert len(got.document) == 64
    assert got.document != asked("asOf ").document


# Who is asked about


def test_a_subject_is_taken_as_typed_without_blanks() -> None:
    typed = {
        "identifiers": [{"system": "nhs_number", "value": " 999 000 0018 "}, {"system": "hillview-mis", "value": "p-7"}],
        "givenName": " Jo ",
        "middleNames": "",
        "familyName": "Ash",
        "birthDate": "2014-02",
        "addresses": [{"postcode": "NS1 1AA", "from": "2020-01-01"}, {"line": " "}],
        "phones": ["01234 567890", " "],
        "parents": ["Kim Ash"],
    }
    got = asked("asOf", variables={"s": typed}, sources=("hillview-mis",)).subject
    assert got.identifiers == (Identifier("nhs_number", "9990000018"), Identifier("hillview-mis", got.identifiers[1].value))
    assert (got.given_name, got.middle_names, got.family_name, got.birth_date) == ("Jo", None, "Ash", "2014-02")
    assert got.addresses == (Address(postcode="NS1 1AA", from_="2020-01-01"),)
    assert (got.phones, got.parents, got.school) == (("01234 567890",), ("Kim Ash",), None)


NUMBER = {"identifiers": [{"system": "nhs_number", "value": "9990000018"}]}


@pytest.mark.parametrize(
    ("typed", "enough"),
    [
        (NUMBER | {"birthDate": "2014"}, True),
        (NUMBER | {"familyName": "Ash"}, True),
        ({"givenName": "Jo", "familyName": "Ash", "birthDate": "2014-02-03"}, True),
        (NUMBER, False),
        (NUMBER | {"givenName": "Jo"}, False),
        (NUMBER | {"familyName": "  "}, False),
        ({"familyName": "Ash", "birthDate": "2014-02-03"}, False),
        ({"givenName": "Jo", "familyName": "Ash"}, False),
        ({"identifiers": [], "familyName": "Ash", "birthDate": "2014-02-03"}, False),
        ({}, False),
    ],
)
def test_a_number_alone_or_a_name_alone_is_too_little(typed: dict[str, Any], enough: bool) -> None:
    if enough:
        assert subject(typed, ())
    else:
        with pytest.raises(RequestError) as caught:
            subject(typed, ())
        assert caught.value.id == "CV420"


@pytest.mark.parametrize(
    ("system", "value"),
    [("nhs_number", "9990000019"), ("chi", "9990000018"), ("upn", "A"), ("scn", "12345"), ("nhs_number", ""), ("passport", "1"), ("", "1")],
)
def test_a_number_that_cannot_be_one_is_refused_by_path_and_never_by_value(system: str, value: str) -> None:
    with pytest.raises(RequestError) as caught:
        subject({"identifiers": [NUMBER["identifiers"][0], {"system": system, "value": value}], "familyName": "Ash"}, ("hillview-mis",))
    error = caught.value
    assert error.id == "CV421"
    assert error.path[:3] == ("subject", "identifiers", 1)
    if len(value) > 1:
        assert value not in error.message


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"identifiers": NUMBER["identifiers"] * 9}, ("subject", "identifiers")),
        ({"addresses": [{}] * 9}, ("subject", "addresses")),
        ({"phones": ["1"] * 9}, ("subject", "phones")),
        ({"parents": ["a", "b" * 201]}, ("subject", "parents", 1)),
        ({"school": "x" * 201}, ("subject", "school")),
        ({"givenName": "Jo\x00"}, ("subject", "givenName")),
        ({"familyName": "A\nsh"}, ("subject", "familyName")),
        ({"addresses": [{"line": "x" * 201}]}, ("subject", "addresses", 0, "line")),
        ({"identifiers": [{"system": "nhs_number", "value": "9" * 201}]}, ("subject", "identifiers", 0, "value")),
    ],
)
def test_too_much_is_refused_by_path(changed: dict[str, Any], path: tuple[str | int, ...]) -> None:
    with pytest.raises(RequestError) as caught:
        subject(NUMBER | {"familyName": "Ash"} | changed, ())
    assert (caught.value.id, caught.value.path) == ("CV422", path)


def test_eight_of_each_and_two_hundred_characters_are_taken() -> None:
    typed = {"identifiers": NUMBER["identifiers"] * 8, "familyName": "A" * 200, "phones": ["1"] * 8, "addresses": [{"town": "T"}] * 8}
    assert len(subject(typed, ()).addresses) == 8


def test_names_of_every_script_are_taken() -> None:
    for name in ("Zoë-Anaïs", "Ó\u00a0Briain", "محمد", "李小龍", "D’Arcy", "Nguyễn", "👶🏽 Baby", "a\u200db"):
        assert subject(NUMBER | {"familyName": name}, ()).family_name == name


def test_reasons_may_have_lines_and_have_an_end() -> None:
    text = 'query Q($s: SubjectInput!, $r: String) { child(subject: $s, purpose: "p", reason: $r) { asOf } }'
    assert of(text, {"s": JO, "r": "Hungry.\nAgain.\t"}).reason == "Hungry.\nAgain."
    assert of(text, {"s": JO}).reason is None
    assert refused(text, {"s": JO, "r": "x" * 2001}).id == "CV422"
    assert refused(text, {"s": JO, "r": "bell\x07"}).id == "CV422"


def test_a_purpose_may_come_either_way_and_has_an_end() -> None:
    text = "query Q($s: SubjectInput!, $p: ID!) { child(subject: $s, purpose: $p) { asOf } }"
    assert of(text, {"s": JO, "p": "early-help"}).purpose == "early-help"
    assert refused(text, {"s": JO, "p": "x" * 65}).id == "CV422"


ASKING = """query Q($s: SubjectInput!, $r: String, $b: BreakGlassInput, $d: Boolean, $i: FamilyInformed) {
  child(subject: $s, purpose: "p", reason: $r, breakGlass: $b, declared: $d, informed: $i) { asOf } }"""


def test_a_question_says_what_the_asker_says_of_themselves_and_of_the_family() -> None:
    plain, full = of(ASKING, {"s": JO}), of(ASKING, {"s": JO, "r": "I am her social worker.", "d": True, "i": "NOT_YET"})
    assert (plain.declared, plain.informed, plain.break_glass) == (False, None, None)
    assert (full.declared, full.informed) == (True, "NOT_YET")


def test_breaking_the_glass_is_taken_as_typed_without_blanks() -> None:
    """Whether it may be broken, blank words and all, is decided where the glass is."""
    typed = {"reason": " immediate-danger ", "words": " He said\nthat he is coming. "}
    assert of(ASKING, {"s": JO, "b": typed}).break_glass == BreakGlass("immediate-danger", "He said\nthat he is coming.")
    assert of(ASKING, {"s": JO, "b": {"reason": "", "words": " "}}).break_glass == BreakGlass("", "")
    assert refused(ASKING, {"s": JO, "b": typed | {"words": "x" * 2001}}).path == ("breakGlass", "words")
    assert refused(ASKING, {"s": JO, "b": typed | {"reason": "x" * 65}}).id == "CV422"


@pytest.mark.parametrize("reason", [None, "", " \n "])
def test_whoever_declares_that_they_work_with_a_child_has_to_say_how(reason: str | None) -> None:
    error = refused(ASKING, {"s": JO, "r": reason, "d": True})
    assert (error.id, error.refused, error.path) == ("CV431", True, ("child", "reason"))
    assert not of(ASKING, {"s": JO, "r": reason, "d": False}).declared


NAMES = st.sampled_from([*JO, "givenName", "addresses", "x", "value", "system"])
TYPED = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(TYPED)
def test_whatever_is_typed_is_refused_in_our_words_or_makes_a_question(typed: Any) -> None:
    text = 'query Q($s: SubjectInput!) { child(subject: $s, purpose: "p") { asOf } }'
    try:
        of(text, {"s": typed})
    except RequestError as error:
        seen = error.id
    else:
        seen = "asked"
    assert seen in {"asked", "CV418", "CV420", "CV421", "CV422"}


# What is written down

HEARD = """mutation M($s: SubjectInput!, $c: Int, $p: Party!, $st: %sState!, $on: Date!, $e: String!, $u: UnderstandingInput,
  $r: ResponsibilityInput, $w: String) { record%s(subject: $s, agreement: "ISA-07", clause: $c, party: $p, state: $st, on: $on, evidence: $e,
  understanding: $u, responsibility: $r, words: $w) { id } }"""
CONSENT, OBJECTION = HEARD % ("Consent", "Consent"), HEARD % ("Objection", "Objection")
NOT_SHARED = """mutation M($s: SubjectInput!, $to: ID!, $kinds: [String!]!, $w: String!) {
  recordNotShared(subject: $s, to: $to, kinds: $kinds, words: $w) { id } }"""
CLOSE = """mutation M($o: ReviewOutcome!, $w: String!) { closeReview(review: "17", outcome: $o, words: $w) { id } }"""
GIVEN = {"s": JO, "p": "MOTHER", "st": "GIVEN", "on": "2026-11-20", "e": " form 12 "}


def written(text: str, variables: dict[str, Any]) -> Change:
    document = Documents(schema()).read(text)
    return change(schema(), select(schema(), document, None, variables), ("hillview-mis",))


def not_written(text: str, variables: dict[str, Any]) -> RequestError:
    with pytest.raises(RequestError) as caught:
        written(text, variables)
    return caught.value


def test_what_somebody_said_is_taken_as_typed() -> None:
    more = {
        "c": 3,
        "u": {"understands": False, "on": "2026-11-01", "by": " Paediatrician "},
        "r": {"restsOn": "Birth certificate", "on": "2026-11-19"},
        "w": "By phone,\nthen in writing.",
    }
    assert written(CONSENT, GIVEN | more) == Said(
        subject=subject(JO, ()),
        what="consent",
        state="given",
        agreement="ISA-07",
        clause=3,
        party="MOTHER",
        on=date(2026, 11, 20),
        evidence="form 12",
        understanding=Understanding(understands=False, on=date(2026, 11, 1), by="Paediatrician"),
        responsibility=Responsibility(rests_on="Birth certificate", on=date(2026, 11, 19)),
        words="By phone,\nthen in writing.",
    )
    bare = written(OBJECTION, GIVEN | {"st": "WITHDRAWN", "w": " "})
    assert isinstance(bare, Said)
    assert (bare.what, bare.state, bare.clause, bare.understanding, bare.responsibility, bare.words) == (
        "objection", "withdrawn", None, None, None, None,
    )  # fmt: skip


def test_a_decision_not_to_share_and_a_review_closed_are_taken_as_typed() -> None:
    typed = {"s": JO, "to": "northshire-police", "kinds": ["ChildPlan", "Flag", "ChildPlan"], "w": " He would come. "}
    expected = NotShared(subject=subject(JO, ()), to="northshire-police", kinds=("ChildPlan", "Flag"), words="He would come.")
    assert written(NOT_SHARED, typed) == expected
    assert written(CLOSE, {"o": "UNCLEAR", "w": "Ask again."}) == Closing(review="17", outcome="UNCLEAR", words="Ask again.")


@pytest.mark.parametrize(
    ("text", "variables", "id", "path"),
    [
        (CONSENT, GIVEN | {"e": " "}, "CV440", ("evidence",)),
        (CONSENT, GIVEN | {"e": "Zyx" * 70}, "CV422", ("evidence",)),
        (CONSENT, GIVEN | {"u": {"understands": True, "on": "2026-11-01", "by": ""}}, "CV440", ("understanding", "by")),
        (CONSENT, GIVEN | {"r": {"restsOn": " ", "on": "2026-11-01"}}, "CV440", ("responsibility", "restsOn")),
        (CONSENT, GIVEN | {"w": "bell\x07Zyx"}, "CV422", ("words",)),
        (CONSENT, GIVEN | {"s": {"givenName": "Zyx"}}, "CV420", ("subject",)),
        (CONSENT, GIVEN | {"s": JO | {"identifiers": [{"system": "Zyx", "value": "1"}]}}, "CV421", ("subject", "identifiers", 0, "system")),
        (CONSENT, GIVEN | {"on": "Zyx"}, "CV418", ("on",)),
        (CONSENT, GIVEN | {"st": "Zyx"}, "CV418", ("variables", 3)),
        (CONSENT, GIVEN | {"p": "Zyx"}, "CV418", ("variables", 2)),
        (NOT_SHARED, {"s": JO, "to": "Zyx" * 30, "kinds": ["Flag"], "w": "x"}, "CV422", ("to",)),
        (NOT_SHARED, {"s": JO, "to": " ", "kinds": ["Flag"], "w": "x"}, "CV440", ("to",)),
        (NOT_SHARED, {"s": JO, "to": "x", "kinds": ["Flag", ""], "w": "x"}, "CV440", ("kinds", 1)),
        (NOT_SHARED, {"s": JO, "to": "x", "kinds": ["Flag"] * 9, "w": "x"}, "CV422", ("kinds",)),
        (NOT_SHARED, {"s": JO, "to": "x", "kinds": ["Flag"], "w": " "}, "CV440", ("words",)),
        (CLOSE, {"o": "UNCLEAR", "w": ""}, "CV440", ("words",)),
    ],
)
def test_what_cannot_be_written_down_is_refused_by_path_and_never_by_value(
    text: str, variables: dict[str, Any], id: str, path: tuple[str | int, ...]
) -> None:
    error = not_written(text, variables)
    assert (error.id, error.path) == (id, path)
    assert "Zyx" not in f"{error.message} {error.hint}"


TWICE = """mutation M($s: SubjectInput!, $to: ID!, $kinds: [String!]!, $w: String!) {
  a: recordNotShared(subject: $s, to: $to, kinds: $kinds, words: $w) { id }
  b: recordNotShared(subject: $s, to: $to, kinds: $kinds, words: $w) %s { id } }"""
ONCE = {"s": JO, "to": "northshire-police", "kinds": ["Flag"], "w": "x"}


def test_one_operation_writes_down_one_thing() -> None:
    error = not_written(TWICE % "", ONCE)
    assert (error.id, error.refused) == ("CV412", True)
    assert written(TWICE % "@skip(if: true)", ONCE) == written(NOT_SHARED, ONCE)


def test_a_mutation_that_writes_nothing_down_needs_nothing() -> None:
    document = Documents(schema()).read("mutation { __typename }")
    selected = select(schema(), document, None, {})
    assert (selected.change, selected.child, selected.reviews) == ((), (), False)


def test_a_document_may_hold_queries_and_mutations_and_one_is_run() -> None:
    both = NOT_SHARED.replace("mutation M", "mutation Write") + " query Read { reviews { id } }"
    document = Documents(schema()).read(both)
    assert select(schema(), document, "Read", {}).reviews
    assert select(schema(), document, "Write", ONCE).change
    assert not_written(both, ONCE).id == "CV417"


CALLS = {
    "recordConsent": 'recordConsent(subject: $s, agreement: "A", party: $p, state: $cs, on: $on, evidence: $e, understanding: $u, '
    "responsibility: $r, words: $w)",
    "recordObjection": 'recordObjection(subject: $s, agreement: "A", party: $p, state: $os, on: $on, evidence: $e, understanding: $u, '
    "responsibility: $r, words: $w)",
    "recordNotShared": "recordNotShared(subject: $s, to: $to, kinds: $k, words: $w)",
    "closeReview": 'closeReview(review: "17", outcome: $o, words: $w)',
}
LITERALS = {
    "subject": '{givenName: "Zyx"}', "party": "FATHER", "state": "WITHDRAWN", "on": '"2026-11-20"', "evidence": '"Zyx"',
    "understanding": '{understands: true, on: "2026-11-20", by: "Zyx"}', "responsibility": '{restsOn: "Zyx", on: "2026-11-20"}',
    "words": '"Zyx"', "to": '"Zyx"', "kinds": '["Zyx"]', "outcome": "UNCLEAR",
}  # fmt: skip
WITH_VARIABLES = "mutation M($s: SubjectInput!, $p: Party!, $cs: ConsentState!, $os: ObjectionState!, $on: Date!, $e: String!, " \
    "$u: UnderstandingInput, $r: ResponsibilityInput, $w: String!, $to: ID!, $k: [String!]!, $o: ReviewOutcome!)"  # fmt: skip
ARGUMENTS = [(field, argument) for field in CALLS for argument in sorted(BY_VARIABLE[field])]


@pytest.mark.parametrize(("field", "argument"), ARGUMENTS)
def test_nothing_that_may_tell_of_a_child_stands_in_a_mutation_itself(field: str, argument: str) -> None:
    call = re.sub(rf"\b{argument}: \$\w+", f"{argument}: {LITERALS[argument]}", CALLS[field])
    error = not_written(f"{WITH_VARIABLES} {{ {call} {{ id }} }}", {})
    assert (error.id, error.path, error.refused) == ("CV413", (field, argument), True)
    assert "Zyx" not in error.message


def test_nor_as_the_default_of_a_variable_nor_in_another_operation_nor_in_a_fragment() -> None:
    default = NOT_SHARED.replace("$w: String!", '$w: String! = "Zyx"')
    elsewhere = "query Q { __typename } " + NOT_SHARED.replace("words: $w", 'words: "Zyx"').replace(", $w: String!", "")
    fragment = 'mutation M { ...F } fragment F on Mutation { closeReview(review: "17", outcome: UNCLEAR, words: "Zyx") { id } }'
    for text in (default, elsewhere, fragment):
        assert not_written(text, ONCE).id == "CV413"


# Documents


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{" + "a " * (MOST_TOKENS + 1) + "}", "words"),
        ("{" + "#\n" * (MOST_TOKENS + 1) + "__typename}", "words"),
        ("{" + "purposes{" * MOST_DEPTH + "id" + "}" * MOST_DEPTH + "}", "levels"),
        ("{" * 900, None),
        ("{" + " ".join(f"a{n}: __typename" for n in range(MOST_ALIASES + 1)) + "}", "aliases"),
        ("{" + " ".join(["__typename"] * (MOST_REPEATS + 1)) + "}", "one name"),
        ("{ __typename " + "@skip(if: false) " * (MOST_DIRECTIVES + 1) + "}", "directives"),
        ("{" + "... { __typename } " * (MOST_FRAGMENTS + 1) + "}", "fragments"),
        ("{ ...A } fragment A on Query { purposes { id } ...A }", None),
        ("{ ...A } fragment A on Query { purposes { ...B } } fragment B on Purpose { x { ...A } }", "levels"),
    ],
)
def test_documents_beyond_reason_are_refused(text: str, what: str | None) -> None:
    error = refused(text)
    assert error.id == ("CV416" if what else error.id)
    if what:
        assert what in error.message
    assert error.id in {"CV410", "CV411", "CV416"}


def test_the_deepest_honest_view_is_within_the_limits() -> None:
    plan = "... on ChildPlan { actions { what } provenance { source } held { words } }"
    assert asked(f"chronology {{ entries {{ record {{ {plan} }} }} }}").chronology


def test_fragments_that_double_at_every_level_cost_little() -> None:
    levels = " ".join(f"fragment F{n} on ChildView {{ ...F{n + 1} ...F{n + 1} }}" for n in range(20))
    begun = time.process_time()
    asked("...F0", levels + " fragment F20 on ChildView { asOf }")
    assert time.process_time() - begun < 1


def test_introspection_runs_where_it_is_allowed_and_not_to_any_depth() -> None:
    assert Documents(schema(), introspection=True).read(get_introspection_query())
    deep = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }"
    assert refused(deep).id == "CV411"
    assert refused("{ ...A } fragment A on Query { __schema { queryType { name } } }", introspection=False).id == "CV419"


def test_documents_that_pass_are_kept_and_others_are_not() -> None:
    documents = Documents(schema())
    assert documents.read("{ __typename }") is documents.read("{ __typename }")
    for wrong in ("{ nothing }", "{", '{ child(subject: {givenName: "Zyx"}, purpose: "p") { asOf } }'):
        for _ in range(2):
            with pytest.raises(RequestError):
                documents.read(wrong)
    assert len(documents._kept) == 1
    assert "Zyx" not in repr(list(documents._kept.values()))


def test_what_is_kept_has_an_end() -> None:
    documents = Documents(schema())
    for number in range(40):
        documents.read("{ __typename } #" + str(number) + "x" * 60_000)
    assert documents._kept.currsize <= documents._kept.maxsize


def test_a_null_written_in_the_document_says_nothing_about_a_child() -> None:
    text = 'query Q($s: SubjectInput!) { child(subject: $s, purpose: "p", reason: null, breakGlass: null, chosen: null) { asOf } }'
    assert of(text, {"s": JO}).reason is None


def test_variables_that_say_nothing_of_a_child_may_have_defaults() -> None:
    text = 'query Q($s: SubjectInput!, $p: ID = "early-help") { child(subject: $s, purpose: $p) { asOf } }'
    assert of(text, {"s": JO}).purpose == "early-help"


def test_a_subscription_is_not_taken() -> None:
    assert refused("subscription { x }").id in {"CV411", "CV417"}


@pytest.mark.parametrize(
    ("variables", "path", "type_"),
    [
        ({}, ("variables", 0), "SubjectInput!"),
        ({"s": None}, ("variables", 0), "SubjectInput!"),
        ({"s": 7}, ("variables", 0), "SubjectInput!"),
        ({"s": {"birthDate": "3 Feb"}}, ("variables", 0, "birthDate"), "PartialDate"),
        ({"s": {"identifiers": [{"system": "chi"}]}}, ("variables", 0, "identifiers", 0), "IdentifierInput!"),
        ({"s": {"identifiers": [{"system": "chi", "value": 7}]}}, ("variables", 0, "identifiers", 0, "value"), "String!"),
        ({"s": {"addresses": [{"from": "2014-02-30"}]}}, ("variables", 0, "addresses", 0, "from"), "Date"),
        ({"s": {"phones": [None]}}, ("variables", 0, "phones", 0), "String!"),
        ({"s": {"nickname": "Jo"}}, ("variables", 0), "SubjectInput!"),
    ],
)
def test_a_variable_that_does_not_fit_is_named_by_path_and_type(variables: dict[str, Any], path: tuple[str | int, ...], type_: str) -> None:
    error = refused('query Q($s: SubjectInput!) { child(subject: $s, purpose: "p") { asOf } }', variables)
    assert (error.id, error.path) == ("CV418", path)
    assert type_ in error.message
    assert "Jo" not in error.message


def test_a_variable_is_named_in_an_error_only_by_a_word_of_the_api() -> None:
    """A variable's name is typed, too: whoever writes documents by program may put anything there."""
    named = refused('query Q($subject: SubjectInput!) { child(subject: $subject, purpose: "p") { asOf } }', {"subject": 7})
    other = refused('query Q($JoAsh: SubjectInput!) { child(subject: $JoAsh, purpose: "p") { asOf } }', {"JoAsh": 7})

    assert named.path == ("subject",)
    assert other.path == ("variables", 0)
    assert "JoAsh" not in other.message
