"""The composed API: as published, as complete as the data standard, and without a resolver that could ask anybody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from graphql import (
    ExecutionResult,
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    execute,
    find_breaking_changes,
    find_dangerous_changes,
    is_required_argument,
    parse,
)
from graphql import build_schema as from_text
from msgspec.structs import replace

from connectors import Subject
from connectors.scalars import CHECKERS
from portal.api.documents import BY_VARIABLE
from portal.api.project import Answers
from portal.api.publish import PUBLISHED
from portal.api.schema import api_text, build_schema
from portal.changes import Closing, DoubtClosing, Recorded, Said
from portal.doubts import Doubt
from portal.model import Informed, Party, Practitioner, Question, Receipt
from tests.portal.agreement_cases import page, signed
from tests.portal.entrance import AT, POLICE, Standing, schema, settings, standard, view
from tests.portal.issuer import Issuer

PUBLISHED_TEXT = PUBLISHED.read_text("utf-8")
ASKER = Practitioner(issuer="https://id.example", person="p", agency="hillview-school", roles=("named_person",))


def type_named(name: str) -> GraphQLObjectType:
    found = schema().type_map[name]
    assert isinstance(found, GraphQLObjectType)
    return found


def signature(type_name: str, field: str) -> str:
    return str(type_named(type_name).fields[field].type)


def test_the_published_api_is_what_is_served() -> None:
    assert api_text(schema()) == PUBLISHED_TEXT, "run: make api"


def test_the_published_api_reads_as_a_schema_and_nothing_in_it_breaks() -> None:
    published = from_text(PUBLISHED_TEXT)
    assert find_breaking_changes(published, schema()) == []
    assert find_dangerous_changes(published, schema()) == []


def test_a_field_taken_away_is_found_as_a_breaking_change() -> None:
    poorer = from_text(PUBLISHED_TEXT.replace("  receipt: Receipt!\n", "", 1))
    assert [str(change.description) for change in find_breaking_changes(schema(), poorer)] == ["ChildView.receipt was removed."]


def test_every_kind_with_a_section_has_one_in_the_child_view() -> None:
    for kind in standard().kinds.values():
        if kind.section:
            assert signature("ChildView", kind.section) == f"{kind.name}Section"
            fields = {name: str(field.type) for name, field in type_named(f"{kind.name}Section").fields.items()}
            assert fields == {"everySourceAnswered": "Boolean!", "records": f"[{kind.name}!]!", "missing": "[Missing!]!"}
    assert "personDetails" not in type_named("ChildView").fields


def test_a_section_is_nullable_so_that_not_asked_is_not_empty() -> None:
    assert not signature("ChildView", "wellbeingConcerns").endswith("!")
    assert not signature("ChildView", "demographics").endswith("!")


CONTRACT = {
    "ChildView.held": "[Held!]!",
    "ChildView.receipt": "Receipt!",
    "ChildView.candidates": "[Candidate!]!",
    "ChildView.duties": "[String!]!",
    "ChildView.offersDeclared": "Boolean!",
    "Query.reviews": "[Review!]!",
    "Review.openedAt": "DateTime!",
    "Review.due": "Date!",
    "Review.overdue": "Boolean!",
    "Query.doubts": "[Doubt!]!",
    "Doubt.at": "DateTime!",
    "Match.report": "ID",
    "Match.doubted": "Boolean!",
    "ChildView.asOf": "DateTime!",
    "SourceOutcome.match": "Match",
    "SourceOutcome.coverageFrom": "Date",
    "SourceOutcome.kinds": "[KindOutcome!]!",
    "KindOutcome.reason": "ID",
    "Demographic.values": "[DemographicValue!]!",
    "DemographicValue.provenance": "[Provenance!]!",
    "ChronologyEntry.record": "Record!",
    "ChronologyEntry.on": "PartialDate",
    "Receipt.index": "Int!",
    "Agreement.reviewBy": "Date!",
    "Ruling.permitted": "Boolean!",
    "Query.child": "ChildView!",
    "Query.explain": "[Ruling!]!",
    "WellbeingConcern.provenance": "[Provenance!]!",
    "WellbeingConcern.held": "[Held!]!",
}


@pytest.mark.parametrize("place", sorted(CONTRACT))
def test_the_fixed_part_is_as_agreed(place: str) -> None:
    assert signature(*place.split(".")) == CONTRACT[place]


def test_the_arguments_of_child_are_as_agreed() -> None:
    arguments = type_named("Query").fields["child"].args
    assert {name: str(argument.type) for name, argument in arguments.items()} == {
        "subject": "SubjectInput!",
        "purpose": "ID!",
        "reason": "String",
        "chosen": "[ID!]",
        "breakGlass": "BreakGlassInput",
        "declared": "Boolean",
        "informed": "FamilyInformed",
    }
    assert [name for name, argument in arguments.items() if is_required_argument(argument)] == ["subject", "purpose"]


SAID = {
    "subject": "SubjectInput!", "agreement": "ID!", "clause": "Int", "party": "Party!", "state": "ConsentState!", "on": "Date!",
    "evidence": "String!", "understanding": "UnderstandingInput", "responsibility": "ResponsibilityInput", "words": "String",
}  # fmt: skip
MUTATIONS = {
    "recordConsent": SAID,
    "recordObjection": SAID | {"state": "ObjectionState!"},
    "recordNotShared": {"subject": "SubjectInput!", "to": "ID!", "kinds": "[String!]!", "words": "String!"},
    "closeReview": {"review": "ID!", "outcome": "ReviewOutcome!", "words": "String!"},
    "reportWrongChild": {"report": "ID!", "words": "String!"},
    "closeDoubt": {"doubt": "ID!", "outcome": "DoubtOutcome!", "words": "String!"},
}


def test_what_may_be_written_down_is_as_agreed() -> None:
    fields = type_named("Mutation").fields
    told = {name: {argument: str(each.type) for argument, each in field.args.items()} for name, field in fields.items()}
    assert told == MUTATIONS
    assert {str(field.type) for field in fields.values()} == {"Recorded!"}
    assert {name: str(field.type) for name, field in type_named("Recorded").fields.items()} == {
        "id": "ID!", "version": "Int!", "state": "String!", "at": "DateTime!", "receipt": "Receipt!",
    }  # fmt: skip


def test_every_argument_that_may_tell_of_a_child_comes_by_variable() -> None:
    """What may stand in a document: names of agreements, clauses, reviews and reports, and how a view is asked for."""
    told = {"agreement", "clause", "review", "doubt", "purpose", "declared", "informed"}
    roots = {"child": type_named("Query").fields["child"], **type_named("Mutation").fields}
    assert {name: frozenset(field.args) - told for name, field in roots.items()} == BY_VARIABLE


def test_the_codes_of_the_api_are_those_of_the_program() -> None:
    def codes(name: str) -> set[str]:
        return set(schema().type_map[name].values)  # type: ignore[attr-defined]

    assert codes("FamilyInformed") == set(get_args(Informed))
    assert codes("Party") == set(get_args(Party))
    said = {state.lower() for name in ("ConsentState", "ObjectionState") for state in codes(name)}
    assert said == set(get_args(get_type_hints(Said)["state"]))
    assert codes("ReviewOutcome") == set(get_args(get_type_hints(Closing)["outcome"]))
    assert codes("DoubtOutcome") == set(get_args(get_type_hints(DoubtClosing)["outcome"]))


def test_practitioners_see_neither_latency_nor_match_bits() -> None:
    for name, type_ in schema().type_map.items():
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__"):
            assert not [field for field in type_.fields if re.search("latency|duration|elapsed|score|bits|weight", field, re.IGNORECASE)]


def test_enums_are_their_names_inside_and_outside() -> None:
    for name, type_ in schema().type_map.items():
        if isinstance(type_, GraphQLEnumType) and not name.startswith("__"):
            assert all(type_.serialize(value) == value and type_.parse_value(value) == value for value in type_.values)


def test_scalars_are_checked_and_an_error_holds_no_value() -> None:
    for name in ("Date", "PartialDate", "DateTime"):
        with pytest.raises((ValueError, TypeError)) as caught:
            schema().type_map[name].parse_value("Zyx")  # type: ignore[attr-defined]
        assert "Zyx" not in str(caught.value)
    assert set(CHECKERS) <= set(schema().type_map)


def test_every_kind_of_record_is_known_by_its_kind() -> None:
    interface = schema().type_map["Record"]
    assert isinstance(interface, GraphQLInterfaceType)
    assert {type_.name for type_ in schema().get_possible_types(interface)} == set(standard().kinds)


def ask(query: str, answers: Answers) -> Any:
    result = execute(schema(), parse(query), root_value=answers)
    assert isinstance(result, ExecutionResult), "no resolver may wait for anything"
    assert result.errors is None
    return result.data


def standing_without_log() -> Standing:
    nothing: Any = None
    return Standing(
        log=nothing, identity=nothing, settings=settings(Issuer()), database=nothing, registry=nothing, glass=nothing, doubts=nothing,
        alerts=nothing,
    )  # fmt: skip


def question(**changes: Any) -> Question:
    chosen: dict[str, Any] = {
        "subject": Subject(family_name="Ash"),
        "purpose": "child-protection",
        "reason": None,
        "wanted": {},
        "sections": frozenset({"WellbeingConcern", "Attendance"}),
        "chronology": True,
        "demographics": True,
        "document": "ab" * 32,
    }
    return Question(**(chosen | changes))


CHILD = '{ child(subject: {}, purpose: "p") %s }'


def test_a_view_is_projected_without_asking_anybody() -> None:
    answers = Answers(standing_without_log(), ASKER, view(question()))
    wanted = """{ asOf everySourceAnswered held { field words }
      sources { source state coverageFrom asOf setAside match { band evidence { field words } report doubted } kinds { kind state clause } }
      demographics { fields { field conflict values { value provenance { source retrievedAt } } } }
      chronology { entries { on kind headline record { __typename id tier ... on WellbeingConcern { category indicators } } } }
      wellbeingConcerns { records { id kind occurredOn summary whereNow provenance { agency standard } held { words } } }
      attendances: attendance { everySourceAnswered records { id } missing { source state } }
      childPlans { everySourceAnswered } candidates { token } }"""
    child = ask(CHILD % wanted, answers)["child"]
    assert child["asOf"] == "2026-11-22T10:42:07.123Z"
    assert child["sources"][0]["coverageFrom"] == "2019-08-01"
    evidence = [{"field": "birthDate", "words": "the same"}]
    assert child["sources"][0]["match"] == {"band": "LINK", "evidence": evidence, "report": "handle", "doubted": False}
    assert child["demographics"]["fields"][0]["values"][0]["provenance"][0]["retrievedAt"] == "2026-11-22T10:42:07.123Z"
    (entry,) = child["chronology"]["entries"]
    assert entry["record"] == {"__typename": "WellbeingConcern", "id": "c-1", "tier": "T3", "category": "NEGLECT", "indicators": None}
    (concern,) = child["wellbeingConcerns"]["records"]
    assert (concern["occurredOn"], concern["summary"], concern["whereNow"]) == ("2026-03", "Hungry at school.", None)
    assert child["attendances"] == {
        "everySourceAnswered": False,
        "records": [],
        "missing": [{"source": "northshire-nhs", "state": "TIMED_OUT"}],
    }
    assert child["childPlans"] is None
    assert child["candidates"] == []


def test_a_section_not_asked_for_is_null_not_empty() -> None:
    answers = Answers(standing_without_log(), ASKER, view(question(sections=frozenset(), chronology=False, demographics=False)))
    wanted = "{ wellbeingConcerns { records { id } } chronology { everySourceAnswered } demographics { everySourceAnswered } }"
    child = ask(CHILD % wanted, answers)
    assert child["child"] == {"wellbeingConcerns": None, "chronology": None, "demographics": None}


def test_what_comes_with_what_is_shown_is_projected() -> None:
    told = replace(view(question()), duties=("Tell the family within a day.",), offersDeclared=True)
    child = ask(CHILD % "{ duties offersDeclared }", Answers(standing_without_log(), ASKER, told))["child"]
    assert child == {"duties": ["Tell the family within a day."], "offersDeclared": True}


def test_what_was_written_down_is_projected_whichever_way_it_was_asked_for() -> None:
    receipt = Receipt(access="", log="northshire/1", index=7, leaf="ab" * 32)
    recorded = Recorded(id="01JD", version=2, state="WITHDRAWN", at=AT, receipt=receipt)
    document = """mutation R($s: SubjectInput!, $w: String!, $k: [String!]!, $t: ID!) {
      done: recordNotShared(subject: $s, to: $t, kinds: $k, words: $w) { id version state at receipt { index leaf access } } }"""
    given = {"s": {}, "w": "w", "k": [], "t": "t"}
    result = execute(schema(), parse(document), root_value=Answers(standing_without_log(), ASKER, None, recorded), variable_values=given)
    assert isinstance(result, ExecutionResult), "no resolver may wait for anything"
    assert result.errors is None
    assert result.data == {
        "done": {
            "id": "01JD", "version": 2, "state": "WITHDRAWN", "at": "2026-11-22T10:42:07.123Z",
            "receipt": {"index": 7, "leaf": "ab" * 32, "access": ""},
        }
    }  # fmt: skip


def test_reports_of_a_wrong_child_are_shown_as_an_officer_needs_them() -> None:
    doubt = Doubt(id="d1", source=POLICE.id, access="01JD", at=AT, by_agency="hillview-school", unclear=True)
    told = ask("{ doubts { id source byAgency access at unclear } }", Answers(standing_without_log(), ASKER, None, doubts=[doubt]))
    assert told["doubts"] == [
        {
            "id": "d1",
            "source": POLICE.id,
            "byAgency": "hillview-school",
            "access": "01JD",
            "at": "2026-11-22T10:42:07.123Z",
            "unclear": True,
        }
    ]


def test_purposes_and_sources_are_shown_without_a_child() -> None:
    told = ask("{ purposes { id words } sources { id agency name kinds contact } }", Answers(standing_without_log(), ASKER, None))
    assert told["purposes"] == [{"id": "child-protection", "words": "Protect a child from harm"}]
    assert told["sources"] == [
        {
            "id": POLICE.id,
            "agency": POLICE.agency,
            "name": "Northshire Police",
            "kinds": ["PoliceEvent", "WellbeingConcern"],
            "contact": "Desk, 01234 567890",
        }
    ]


def test_explain_answers_for_the_asker_or_for_whoever_is_named() -> None:
    answers = Answers(standing_without_log(), ASKER, None)
    query = '{ explain(purpose: "child-protection", kinds: ["PoliceEvent"]) { source kind field permitted clause reason words } }'
    told = ask(query, answers)
    (line,) = told["explain"]
    assert (line["source"], line["kind"], line["permitted"], line["clause"], line["reason"]) == (
        POLICE.id,
        "PoliceEvent",
        False,
        None,
        "no-clause",
    )
    everything = ask('{ explain(purpose: "child-protection", role: "auditor", agency: "northshire-police") { kind } }', answers)
    assert {line["kind"] for line in everything["explain"]} == {"PoliceEvent", "WellbeingConcern"}


def test_agreements_are_listed_by_day(tmp_path: Path) -> None:
    portal = standing_without_log()
    portal.agreements = signed(tmp_path, page())
    answers = Answers(portal, ASKER, None)
    (told,) = ask("{ agreements { id version title partners purposes starts reviewBy ends inForce hash text } }", answers)["agreements"]
    assert (told["id"], told["version"], told["starts"], told["ends"], told["inForce"]) == ("ISA-07", "3", "2026-09-01", None, True)
    assert told["hash"] == portal.agreements.all[0].hash
    assert "In short:" in told["text"] or "shows" in told["text"]
    assert ask('{ agreements(inForceOn: "2026-10-01") { id } }', answers)["agreements"] == [{"id": "ISA-07"}]
    assert ask('{ agreements(inForceOn: "2026-08-31") { id } }', answers)["agreements"] == []


def test_a_signed_clause_is_explained_field_by_field(tmp_path: Path) -> None:
    portal = standing_without_log()
    portal.agreements = signed(tmp_path, page())
    query = '{ explain(purpose: "child-protection", kinds: ["WellbeingConcern"]) { field permitted clause reason } }'
    told = {line["field"]: line for line in ask(query, Answers(portal, ASKER, None))["explain"]}
    assert told["summary"] == {"field": "summary", "permitted": True, "clause": "ISA-07 §1", "reason": None}
    assert told["parentsView"]["permitted"] is False


def test_a_new_record_kind_needs_nothing_but_its_file() -> None:
    dog = replace(standard().kinds["WellbeingConcern"], name="Pet", section="pets")
    fields = " ".join(f"{name}: {field.type}" for name, field in dog.fields.items() if name in RECORD)
    pet = f"type Pet implements Record {{ {fields} {REST} }}"
    grown = replace(standard(), kinds={**standard().kinds, "Pet": dog}, sdl=standard().sdl + "\n" + pet)
    composed = build_schema(grown)
    assert "pets" in composed.type_map["ChildView"].fields  # type: ignore[attr-defined]
    assert find_breaking_changes(schema(), composed) == []


RECORD = frozenset(schema().type_map["Record"].fields)  # type: ignore[attr-defined]
REST = " provenance: [Provenance!]! held: [Held!]!"
