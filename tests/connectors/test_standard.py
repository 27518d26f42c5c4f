"""The data standard: the shipped files, what they become, what a record must be, and every way a file is refused."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import graphene
import msgspec
import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    execute,
    extend_schema,
    find_breaking_changes,
    parse,
    print_schema,
    validate_schema,
)
from graphql import validate as validate_document
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from connectors import ConfigurationError, Mistake, Record
from connectors.payload import FREE_TEXT_LIMIT, LIST_LIMIT, STAMPED, TEXT_LIMIT
from connectors.scalars import CHECKERS
from connectors.standard import ALWAYS, TIERS, BadRecord, Field, Held, Kind, Provenance, load_standard, standard_text, validate

SHIPPED = Path(__file__).resolve().parents[2] / "schema"
STANDARD = load_standard(SHIPPED)
KINDS = sorted(STANDARD.kinds)
CONCERN = STANDARD.kinds["WellbeingConcern"]
WHEN = datetime(2026, 11, 22, 10, 42, tzinfo=UTC)
FROM = (Provenance(source="a-source", agency="an-agency", retrievedAt=WHEN, connector="sql/1", standard=STANDARD.version),)

SAMPLES: dict[str, Any] = {
    "String": "plain words",
    "ID": "x-1",
    "Int": 927,
    "Boolean": True,
    "Date": "2026-02-03",
    "PartialDate": "2026-02",
    "DateTime": "2026-02-03T10:00:00Z",
    "NhsNumber": "9434765919",
    "ChiNumber": "0102141231",
    "Upn": "B801200005001",
    "ScottishCandidateNumber": "140012347",
}


def sample(field: Field) -> Any:
    """A value that fits a field, as an author would give it."""
    if field.nested:
        one = {name: sample(inner) for name, inner in STANDARD.objects[field.nested].items()}
    else:
        one = SAMPLES[field.named] if field.named in SAMPLES else STANDARD.codes[field.named][-1]
    return [one, one] if field.many else one


def filled(kind: Kind) -> dict[str, Any]:
    return {name: sample(kind.fields[name]) for name in sorted(kind.given)}


def plain(value: Any) -> Any:
    """A struct as its JSON reads."""
    return msgspec.json.decode(msgspec.json.encode(value))


def as_record(kind: Kind, payload: msgspec.Struct) -> msgspec.Struct:
    fields = {**msgspec.structs.asdict(payload), "tier": "T3"}
    return kind.record(**fields, kind=kind.name, contact="Desk, 01234 567890", provenance=FROM, held=(Held("place", "Not shown."),))


# The shipped standard


def test_the_shipped_standard_holds_the_first_kinds() -> None:
    assert {name: (kind.section, kind.tier, kind.headline, kind.occurred) for name, kind in STANDARD.kinds.items()} == {
        "PersonDetails": (None, "T2", None, False),
        "Identifier": (None, "T2", None, False),
        "Involvement": ("involvements", "T1", "serviceType", False),
        "KeyRole": ("keyRoles", "T1", "role", False),
        "WellbeingConcern": ("wellbeingConcerns", "T3", "category", True),
        "ChildPlan": ("childPlans", "T3", "planType", True),
        "Attendance": ("attendance", "T3", "code", False),
        "HealthContact": ("healthContacts", "T3", "setting", True),
        "Flag": ("flags", "T3", "type", True),
        "PoliceEvent": ("policeEvents", "T4", "typeGroup", True),
        "ChronologyEvent": ("chronologyEvents", "T3", "category", True),
        "Exclusion": ("exclusions", "T3", "type", True),
        "Relationship": ("relationships", "T3", "relation", False),
        "ChildVoice": ("childVoices", "T3", "topic", True),
    }
    assert set(STANDARD.objects) == {"PlanAction"}
    assert re.fullmatch(r"\d+\.\d+", STANDARD.version)


def test_a_kind_says_which_version_of_the_standard_brought_it() -> None:
    brought = {name: kind.since for name, kind in STANDARD.kinds.items() if kind.since}

    assert brought == dict.fromkeys(("ChronologyEvent", "Exclusion", "Relationship", "ChildVoice"), "1.1")
    assert STANDARD.version == "1.1"


def test_everybody_who_is_an_adult_to_the_standard_can_stand_in_a_family() -> None:
    """Two lists of relations that drift apart would call one grandmother by two names."""
    adults, persons = STANDARD.codes["AdultRelation"], STANDARD.codes["PersonRelation"]

    assert set(adults) < set(persons)
    assert [code for code in persons if code in adults] == list(adults)


def test_no_code_for_where_a_child_was_listened_to_names_a_service_or_a_refuge() -> None:
    said = {code.casefold() for code in STANDARD.codes["VoiceSetting"]}

    assert not [code for code in said for word in ("refuge", "camhs", "hospital", "secure", "residential", "substance") if word in code]


def test_a_family_stands_by_relation_and_a_name_only_where_a_clause_names_the_field() -> None:
    fields = {name: field for name, field in STANDARD.kinds["Relationship"].fields.items() if field.named in ("String", "ID")}
    own = fields.keys() - STANDARD.kinds["KeyRole"].fields.keys()

    assert {name for name in own if not fields[name].third_party} == set()
    assert fields["name"].third_party


def test_the_shipped_standard_is_what_is_loaded_when_no_folder_is_named() -> None:
    assert load_standard().sdl == STANDARD.sdl


def test_every_field_and_code_says_what_it_is() -> None:
    """Descriptions become the reference; a bare name explains nothing."""
    schema = build_schema("type Query { x: Int } " + STANDARD.sdl)
    own = [type_ for name, type_ in schema.type_map.items() if type_.ast_node and name != "Query"]
    parts = [
        (type_.name, name, part) for type_ in own for name, part in {**getattr(type_, "fields", {}), **getattr(type_, "values", {})}.items()
    ]

    assert [type_.name for type_ in own if not type_.description] == []
    assert [(owner, name) for owner, name, part in parts if not part.description] == []
    assert [directive.name for directive in schema.directives if not directive.description] == []


def test_every_code_list_of_a_source_ends_in_other() -> None:
    assert [name for name, codes in STANDARD.codes.items() if name != "Tier" and codes[-1] != "OTHER"] == []
    assert STANDARD.codes["Tier"] == TIERS


def test_what_tells_a_place_is_marked() -> None:
    """A child who must not be found is not found through these."""
    marked = {f"{kind.name}.{field.name}" for kind in STANDARD.kinds.values() for field in kind.fields.values() if field.location}

    assert marked == {
        *(f"PersonDetails.{name}" for name in ("addressLine", "town", "postcode", "phones", "school", "gpPractice")),
        *(f"Involvement.{name}" for name in ("agencyName", "team", "nextContact", "phone", "email")),
        *(f"KeyRole.{name}" for name in ("agencyName", "phone", "email", "base")),
        "WellbeingConcern.whereNow",
        "Attendance.school",
        "HealthContact.place",
        "HealthContact.nextAppointment",
        "PoliceEvent.place",
        "Exclusion.school",
        "Exclusion.returnMeeting",
        "Relationship.livesWith",
        "ChildVoice.place",
    }
    assert STANDARD.objects["PlanAction"]["agencyName"].location


def test_what_somebody_typed_and_what_is_about_others_is_marked() -> None:
    texts = {f"{kind.name}.{field.name}" for kind in STANDARD.kinds.values() for field in kind.fields.values() if field.free_text}
    others = {f"{kind.name}.{field.name}" for kind in STANDARD.kinds.values() for field in kind.fields.values() if field.third_party}

    assert texts >= {
        "WellbeingConcern.summary",
        "HealthContact.detail",
        "PoliceEvent.narrative",
        "Flag.conditions",
        "Attendance.sourceText",
        *(f"ChronologyEvent.{name}" for name in ("event", "significance", "actionTaken", "childsView")),
        *(f"Exclusion.{name}" for name in ("circumstances", "childsView", "parentsView")),
        *(f"ChildVoice.{name}" for name in ("words", "wants", "feels", "actionTaken")),
    }
    assert others == {
        "WellbeingConcern.parentsView",
        "ChildPlan.parentsView",
        "Flag.appliesTo",
        "Exclusion.parentsView",
        "Relationship.name",
    }
    assert STANDARD.objects["PlanAction"]["who"].third_party
    assert STANDARD.objects["PlanAction"]["what"].free_text


def test_detail_is_more_sensitive_than_the_outline() -> None:
    contact = STANDARD.kinds["HealthContact"]

    assert contact.tier == "T3"
    assert contact.fields["detail"].tier == "T4"
    assert contact.fields["setting"].tier is None


def test_a_kind_has_its_own_fields_and_the_envelopes() -> None:
    own = {"category", "summary", "indicators", "whereNow"}
    envelope = {
        "id",
        "kind",
        "occurredOn",
        "recordedOn",
        "tier",
        "contact",
        "sourceCode",
        "thirdPartyChecked",
        "handlingCode",
        "retainUntil",
    }

    assert CONCERN.fields.keys() >= own | envelope
    assert not CONCERN.fields.keys() & {"provenance", "held"}
    assert CONCERN.given == CONCERN.fields.keys() - STAMPED
    assert set(ALWAYS) <= set(CONCERN.record.__struct_fields__)


def test_a_field_tells_what_it_is() -> None:
    actions = STANDARD.kinds["ChildPlan"].fields["actions"]

    assert (actions.type, actions.named, actions.many, actions.nested) == ("[PlanAction!]", "PlanAction", True, "PlanAction")
    assert actions.description == "Who does what, by when."


def test_the_types_in_code_are_those_of_the_standard() -> None:
    """Provenance and Held are written twice: in SDL for readers, as structs for speed."""
    schema = build_schema("type Query { x: Int } " + STANDARD.sdl)

    for struct in (Provenance, Held):
        assert tuple(schema.type_map[struct.__name__].fields) == struct.__struct_fields__
    assert set(CHECKERS) == {
        name for name, type_ in schema.type_map.items() if type_.ast_node and type_.ast_node.kind == "scalar_type_definition"
    }


def test_the_composed_standard_can_be_read_in_one_piece() -> None:
    text = standard_text(STANDARD)

    assert text.startswith(f"# The data standard, version {STANDARD.version}")
    assert parse(text)
    assert 'type WellbeingConcern implements Record @kind(section: "wellbeingConcerns") @tier(level: T3) @occurred' in text


# Records


@pytest.mark.parametrize("name", KINDS)
def test_every_field_of_every_kind_comes_through(name: str) -> None:
    kind = STANDARD.kinds[name]
    fields = filled(kind)
    if name == "Identifier":
        fields |= {"system": "nhs_number", "value": "9434765919"}

    payload = validate(kind, Record("r-1", fields))
    assert plain(payload) == {"id": "r-1", **fields}

    record = as_record(kind, payload)
    assert msgspec.json.decode(msgspec.json.encode(record), type=kind.record) == record


@pytest.mark.parametrize("name", KINDS)
def test_a_record_may_hold_nothing_but_its_id(name: str) -> None:
    kind = STANDARD.kinds[name]
    given_ = dict.fromkeys(kind.given)

    assert validate(kind, Record("r-1", given_)) == validate(kind, Record("r-1", {})) == kind.payload(id="r-1")


def test_dates_of_a_driver_become_iso_text() -> None:
    payload = validate(
        STANDARD.kinds["ChildPlan"],
        Record(
            "r-1", {"reviewDate": date(2026, 2, 3), "occurredOn": datetime(2026, 2, 3, 9, 30), "actions": [{"byWhen": date(2026, 3, 1)}]}
        ),
    )

    assert (payload.reviewDate, payload.occurredOn, payload.actions[0].byWhen) == ("2026-02-03", "2026-02-03", "2026-03-01")


def test_a_moment_is_kept_in_universal_time() -> None:
    payload = validate(STANDARD.kinds["PoliceEvent"], Record("r-1", {"missingSince": WHEN, "missingUntil": "2026-07-01T00:30:00+01:00"}))

    assert (payload.missingSince, payload.missingUntil) == ("2026-11-22T10:42:00Z", "2026-06-30T23:30:00Z")


def test_the_local_date_is_not_guessed_from_a_moment_elsewhere() -> None:
    """Half past eleven at night in universal time is tomorrow in a British summer."""
    with pytest.raises(BadRecord, match=r"WellbeingConcern\.occurredOn: expected PartialDate without an offset"):
        validate(CONCERN, Record("r-1", {"occurredOn": WHEN}))


def test_a_national_number_stands_in_its_systems_form() -> None:
    identifier = STANDARD.kinds["Identifier"]

    assert validate(identifier, Record("r-1", {"value": "943 476 5919", "system": "nhs_number"})).value == "9434765919"
    assert validate(identifier, Record("r-1", {"value": "ab 12", "system": "hillview-mis"})).value == "ab 12"
    with pytest.raises(BadRecord, match=r"Identifier\.value: expected an NHS number"):
        validate(identifier, Record("r-1", {"value": "943 476 5918", "system": "nhs_number"}))


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("WellbeingConcern", {"summary": 12345678}, "WellbeingConcern.summary: expected str, got int"),
        ("WellbeingConcern", {"sourceCode": 12345678}, "WellbeingConcern.sourceCode: expected str, got int"),
        ("WellbeingConcern", {"category": "HUGE"}, "WellbeingConcern.category: expected a code of ConcernCategory"),
        ("WellbeingConcern", {"category": ["NEGLECT"]}, "WellbeingConcern.category: expected a code of ConcernCategory"),
        ("WellbeingConcern", {"indicators": ["SAFE", "HUGE"]}, "WellbeingConcern.indicators[1]: expected a code of WellbeingIndicator"),
        ("WellbeingConcern", {"indicators": "SAFE"}, "WellbeingConcern.indicators: expected a list"),
        ("WellbeingConcern", {"indicators": {"SAFE"}}, "WellbeingConcern.indicators: expected a list"),
        (
            "WellbeingConcern",
            {"indicators": ["SAFE"] * (LIST_LIMIT + 1)},
            f"WellbeingConcern.indicators: expected at most {LIST_LIMIT} values",
        ),
        ("WellbeingConcern", {"dueBy": "03/02/2026"}, "WellbeingConcern.dueBy: expected a date, YYYY-MM-DD"),
        ("WellbeingConcern", {"dueBy": 20260203}, "WellbeingConcern.dueBy: expected Date as text"),
        ("WellbeingConcern", {"immediateDanger": 1}, "WellbeingConcern.immediateDanger: expected bool, got int"),
        ("WellbeingConcern", {"tier": "T9"}, "WellbeingConcern.tier: expected a code of Tier"),
        ("WellbeingConcern", {"sumary": "x"}, "WellbeingConcern: a field that the standard does not have; did you mean summary?"),
        ("WellbeingConcern", {1: "x"}, "WellbeingConcern: a field that the standard does not have"),
        ("WellbeingConcern", {"contact": "x"}, "WellbeingConcern: a field that the portal writes was given by the source"),
        ("WellbeingConcern", {"id": "x"}, "WellbeingConcern: a field that the portal writes was given by the source"),
        ("WellbeingConcern", {"summary": "x" * (FREE_TEXT_LIMIT + 1)}, "WellbeingConcern.summary: expected str of length <= 32000"),
        ("WellbeingConcern", {"sourceCode": "x" * (TEXT_LIMIT + 1)}, "WellbeingConcern.sourceCode: expected str of length <= 1000"),
        ("WellbeingConcern", {"summary": "\ud800"}, "WellbeingConcern.summary: expected text that can be written as UTF-8"),
        ("Attendance", {"attendancePerMille": float("nan")}, "Attendance.attendancePerMille: expected int, got float"),
        ("Attendance", {"attendancePerMille": 927.0}, "Attendance.attendancePerMille: expected int, got float"),
        ("Attendance", {"possibleOpenings": True}, "Attendance.possibleOpenings: expected int, got bool"),
        ("Attendance", {"possibleOpenings": 2**31}, "Attendance.possibleOpenings: expected int <= 2147483647"),
        ("ChildPlan", {"actions": [{}, {"byWhen": "soon"}]}, "ChildPlan.actions[1].byWhen: expected a date, YYYY-MM-DD"),
        ("ChildPlan", {"actions": [{"what": 12345678}]}, "ChildPlan.actions[0].what: expected str, got int"),
        ("ChildPlan", {"actions": [{"dueBy": "x"}]}, "ChildPlan.actions[0]: a field that the standard does not have"),
        ("ChildPlan", {"actions": ["x"]}, "ChildPlan.actions[0]: expected an object"),
        ("ChildPlan", {"needs": ["x", None]}, "ChildPlan.needs[1]: expected str, got null"),
        ("PoliceEvent", {"missingSince": datetime(2026, 2, 3, 4, 5)}, "PoliceEvent.missingSince: expected a moment with its offset"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_with_its_place(kind: str, fields: dict[Any, Any], words: str) -> None:
    with pytest.raises(BadRecord) as refused:
        validate(STANDARD.kinds[kind], Record("r-1", fields))

    assert str(refused.value).startswith(words)


@pytest.mark.parametrize("id_", [12345678, "", "x" * 257, None, "\ud800"])
def test_a_record_has_an_id_of_text(id_: Any) -> None:
    with pytest.raises(BadRecord, match=r"WellbeingConcern\.id: expected"):
        validate(CONCERN, Record(id_, {}))


def test_fields_must_be_fields() -> None:
    with pytest.raises(BadRecord, match="WellbeingConcern: expected fields by name"):
        validate(CONCERN, Record("r-1", [("summary", "x")]))  # type: ignore[arg-type]


#: Letters that stand in no word of ours, so that finding one in a message means that it came from a value.
_FOREIGN = st.text("ЖЩЫЮЯ漢字語✓`'\\$", min_size=1).map(lambda text: f"Ж{text}")
_VALUES = st.one_of(
    _FOREIGN,
    st.lists(_FOREIGN, min_size=1),
    st.dictionaries(_FOREIGN, _FOREIGN, min_size=1),
    st.lists(st.dictionaries(st.one_of(_FOREIGN, st.sampled_from(["what", "byWhen", "state"])), _FOREIGN, min_size=1), min_size=1),
    _FOREIGN.map(lambda text: f"{text} - at `$.{text}`"),
    _FOREIGN.map(lambda text: text.encode()),
)


def refusal(kind: Kind, record: Record) -> BadRecord | None:
    try:
        validate(kind, record)
    except BadRecord as refused:
        return refused
    return None


@settings(max_examples=50)
@given(kind=st.sampled_from(KINDS), data=st.data())
def test_no_refusal_of_a_record_holds_anything_of_it(kind: str, data: st.DataObject) -> None:
    """Neither the message, its arguments, nor an error that travels along: a log prints them all."""
    names = st.one_of(st.sampled_from(sorted(STANDARD.kinds[kind].given)), _FOREIGN)
    fields = data.draw(st.dictionaries(names, _VALUES, min_size=1))
    refused = refusal(STANDARD.kinds[kind], Record(data.draw(_FOREIGN), fields))

    assert "Ж" not in f"{refused} {refused!r} {refused and refused.args} {refused and refused.path}"
    assert refused is None or (refused.__context__, refused.__cause__) == (None, None)


@pytest.mark.parametrize("name", KINDS)
def test_the_repr_of_a_record_holds_no_value(name: str) -> None:
    """structlog and rich print reprs: neither may print a child."""
    kind = STANDARD.kinds[name]
    payload = validate(kind, Record("r-1", {"sourceCode": "Ж", "sourceText": "Ж"}))
    console = Console(file=io.StringIO())
    console.print(payload, as_record(kind, payload))

    assert "Ж" not in f"{payload!r} {as_record(kind, payload)!r} {console.file.getvalue()}"


# The standard inside a GraphQL schema


class _View(graphene.ObjectType):
    words = graphene.String()


class _Query(graphene.ObjectType):
    view = graphene.Field(_View)


SECTIONS = "extend type _View { records: [Record!]! }"


def _extended() -> Any:
    base = graphene.Schema(query=_Query).graphql_schema
    schema = extend_schema(base, parse(f"{STANDARD.sdl}\n{SECTIONS}"))
    record = schema.type_map["Record"]
    assert isinstance(record, GraphQLInterfaceType)
    # Types that come from SDL alone do not know how to tell themselves apart.
    record.resolve_type = lambda value, _info, _type: value.kind
    return schema


def test_the_standard_extends_a_graphene_schema_and_its_records_answer_queries() -> None:
    schema = _extended()
    records = [
        as_record(CONCERN, validate(CONCERN, Record("r-1", {"category": "NEGLECT", "summary": "Seen.", "indicators": ["SAFE"]}))),
        as_record(
            STANDARD.kinds["ChildPlan"],
            validate(
                STANDARD.kinds["ChildPlan"], Record("r-2", {"actions": [{"what": "Visit.", "state": "DONE", "byWhen": "2026-02-03"}]})
            ),
        ),
    ]
    document = parse(
        """{ view { records { __typename id tier contact held { field words }
             ... on WellbeingConcern { category summary indicators } ... on ChildPlan { actions { what state byWhen } } } } }"""
    )

    assert validate_schema(schema) == []
    assert validate_document(schema, document) == []
    result = execute(schema, document, {"view": {"records": records}})
    envelope = {"tier": "T3", "contact": "Desk, 01234 567890", "held": [{"field": "place", "words": "Not shown."}]}
    assert result.errors is None
    assert result.data == {
        "view": {
            "records": [
                {
                    "__typename": "WellbeingConcern",
                    "id": "r-1",
                    **envelope,
                    "category": "NEGLECT",
                    "summary": "Seen.",
                    "indicators": ["SAFE"],
                },
                {
                    "__typename": "ChildPlan",
                    "id": "r-2",
                    **envelope,
                    "actions": [{"what": "Visit.", "state": "DONE", "byWhen": "2026-02-03"}],
                },
            ]
        }
    }


@pytest.mark.parametrize("name", KINDS)
def test_every_field_of_every_kind_can_be_queried(name: str) -> None:
    """Values as validated are values graphql-core can write."""
    kind = STANDARD.kinds[name]
    fields = filled(kind) | ({"system": "scn", "value": "140012347"} if name == "Identifier" else {})
    inner = {each: " { " + " ".join(STANDARD.objects[kind.fields[each].nested]) + " }" for each in fields if kind.fields[each].nested}  # type: ignore[index]
    selection = " ".join(f"{each}{inner.get(each, '')}" for each in sorted(fields))
    record = as_record(kind, validate(kind, Record("r-1", fields)))
    result = execute(_extended(), parse(f"{{ view {{ records {{ ... on {name} {{ {selection} }} }} }} }}"), {"view": {"records": [record]}})

    assert result.errors is None
    assert result.data == {"view": {"records": [fields | {"tier": "T3"}]}}


def test_directives_survive_in_the_composed_text_and_on_the_extended_schema() -> None:
    schema = _extended()
    concern = schema.type_map["WellbeingConcern"]
    assert isinstance(concern, GraphQLObjectType)
    assert concern.ast_node is not None

    assert [each.name.value for each in concern.ast_node.directives] == ["kind", "tier", "occurred"]
    assert "@location" in STANDARD.sdl
    assert "@location" not in print_schema(schema).replace("directive @location", "")


@pytest.mark.parametrize(
    ("before", "after", "broken"),
    [
        ("  whereNow: String @location @freeText\n", "", "WellbeingConcern.whereNow was removed."),
        ("  dueBy: Date\n", "  dueBy: PartialDate\n", "WellbeingConcern.dueBy changed type from Date to PartialDate."),
        ("  SELF_HARM\n", "", "SELF_HARM was removed from enum type ConcernCategory."),
    ],
)
def test_taking_something_out_of_the_standard_is_seen_as_breaking(before: str, after: str, broken: str) -> None:
    root = "type Query { x: Int } "
    assert before in STANDARD.sdl
    changed = re.sub(r'(  "[^"\n]*"\n)?' + re.escape(before), lambda _found: after, STANDARD.sdl, count=1)

    assert find_breaking_changes(build_schema(root + STANDARD.sdl), build_schema(root + STANDARD.sdl)) == []
    assert [change.description for change in find_breaking_changes(build_schema(root + STANDARD.sdl), build_schema(root + changed))] == [
        broken
    ]


# Files that are refused


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[str, str], list[Mistake]]:
    """Write one file into a copy of the shipped standard, and say what loading it finds."""
    folder = tmp_path / "schema"
    shutil.copytree(SHIPPED, folder)

    def load(name: str, text: str) -> list[Mistake]:
        (folder / name).write_text(text, "utf-8")
        with pytest.raises(ConfigurationError) as found:
            load_standard(folder)
        return found.value.mistakes

    return load


VISIT = 'type Visit implements Record @kind(section: "visits") @tier(level: T3) {\n'


@pytest.mark.parametrize(
    ("text", "id_", "line", "words"),
    [
        (VISIT + "  state: String\n  :\n}\n", "CV302", 3, "Syntax Error: Expected Name"),
        (VISIT + "  state: Visitation\n}\n", "CV303", 2, "Unknown type 'Visitation'"),
        (VISIT + "  state: String @secret\n}\n", "CV303", 2, "Unknown directive '@secret'"),
        (VISIT + "  state: String @kind\n}\n", "CV303", 2, "Directive '@kind' may not be used on"),
        (VISIT + "  state: String\n  state: Int\n}\n", "CV303", 2, "Field 'Visit.state' can only be defined once"),
        (VISIT + "  __state: String\n}\n", "CV303", 2, "must not begin with"),
        (VISIT.replace("(level: T3)", "") + "  state: String\n}\n", "CV303", 1, "argument 'level' of type 'Tier!' is required"),
        (VISIT + "  state: String\n  status: String\n}\n", "CV304", 3, "Visit repeats the field status"),
        (VISIT + "\n  state: String!\n}\n", "CV305", 3, "state must not be required"),
        (VISIT + "  state: [[String!]]\n}\n", "CV305", 2, "state is a list of lists"),
        (VISIT + "  state: [Float!]\n}\n", "CV305", 2, "state is a Float"),
        (VISIT + "  state: Flag\n}\n", "CV305", 2, "state puts one record inside another"),
        (VISIT + "  state(at: Int): String\n}\n", "CV305", 2, "state takes arguments"),
        (
            VISIT + "  by: Visitor\n}\n\ntype Visitor { with: [Companion!] }\ntype Companion { of: Visitor }\n",
            "CV305",
            5,
            "Visitor holds itself",
        ),
        (VISIT + "  by: Visitor\n}\n\ntype Visitor { name: String! }\n", "CV305", 5, "name must not be required"),
        (VISIT + "  state: Going\n}\n\nenum Going {\n  OTHER\n  YES\n}\n", "CV306", 5, "the code list Going does not end in OTHER"),
        (VISIT.replace("visits", "flags") + "  state: String\n}\n", "CV307", 1, "Visit and Flag both have the section flags"),
        (VISIT.replace("visits", "receipt") + "  state: String\n}\n", "CV307", 1, "Visit cannot have the section receipt"),
        (VISIT.replace("visits", "The Visits") + "  state: String\n}\n", "CV307", 1, "Visit cannot have the section"),
        (VISIT + "  state: String @headline\n  words: String @headline\n}\n", "CV308", 3, "Visit has more than one @headline"),
        (VISIT + "  words: String @headline @freeText\n}\n", "CV308", 2, "the @headline of Visit"),
        (VISIT + "  words: [String!] @headline\n}\n", "CV308", 2, "the @headline of Visit is a list"),
        (VISIT.replace("T3)", "T3) @occurred") + "  state: String\n}\n", "CV308", 1, "Visit stands on the chronology and has no @headline"),
        ("input Visit {\n  state: String\n}\n", "CV309", 1, "a input object type definition has no place"),
        ("extend type Flag {\n  state: String\n}\n", "CV309", 1, "a object type extension has no place"),
        ("interface Visit {\n  state: String\n}\n", "CV309", 1, "the interface Visit has no place here"),
        ("\nscalar Money\n", "CV309", 2, "the scalar Money has no checker"),
        ("type Visit implements Record {\n  state: String\n}\n", "CV309", 1, "Visit must both implement Record and carry @kind"),
        (VISIT.replace(" implements Record", "") + "  state: String\n}\n", "CV309", 1, "Visit must both implement Record and carry @kind"),
        (VISIT.replace(" @tier(level: T3)", "") + "  state: String\n}\n", "CV310", 1, "Visit does not say its tier"),
        (VISIT.replace("T3", "T9") + "  state: String\n}\n", "CV310", 1, "the tier of Visit is none of T1"),
        (VISIT + "  state: String @tier(level: T2)\n}\n", "CV310", 2, "the tier of state is lower than that of its record"),
        (VISIT + '  state: String @since(version: "9.0")\n}\n', "CV310", 2, "@since does not name this version"),
        (VISIT + '  state: String @since(version: "1")\n}\n', "CV310", 2, "@since does not name this version"),
        (VISIT + '  state: String @checkedBy(field: "system")\n}\n', "CV310", 2, "state is checked by a field that Visit does not have"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("CV") else "",
)
def test_a_mistake_in_a_kinds_file_is_shown_where_it_stands(
    refused: Callable[[str, str], list[Mistake]], text: str, id_: str, line: int, words: str
) -> None:
    mistakes = refused("visit.graphql", text)
    shown = [mistake for mistake in mistakes if words in mistake.message]

    assert [(mistake.id, Path(mistake.file or "").name, mistake.line) for mistake in shown][:1] == [(id_, "visit.graphql", line)]
    assert shown[0].hint


def test_a_mistake_is_shown_at_the_name_and_not_at_the_description_above_it(refused: Callable[[str, str], list[Mistake]]) -> None:
    mistakes = refused("visit.graphql", '"""\nA visit.\n"""\n' + VISIT + '  "How it went."\n  state: String!\n}\n')

    assert [(mistake.id, mistake.line) for mistake in mistakes] == [("CV305", 6)]


def test_every_mistake_of_every_file_is_shown_at_once(refused: Callable[[str, str], list[Mistake]], tmp_path: Path) -> None:
    (tmp_path / "schema" / "call.graphql").write_text("type Call {\n  to: [[Int!]]\n}\nenum Line { LONG }\n", "utf-8")
    mistakes = refused("visit.graphql", VISIT + "  status: String\n  went: Nowhere\n  how: String!\n}\n")

    assert [(Path(mistake.file or "").name, mistake.line, mistake.id) for mistake in mistakes] == [
        ("call.graphql", 2, "CV305"),
        ("call.graphql", 4, "CV306"),
        ("visit.graphql", 2, "CV304"),
        ("visit.graphql", 3, "CV303"),
        ("visit.graphql", 4, "CV305"),
    ]


def test_two_files_that_cannot_be_parsed_are_both_shown_and_nothing_that_only_follows_from_them(
    refused: Callable[[str, str], list[Mistake]], tmp_path: Path
) -> None:
    (tmp_path / "schema" / "wellbeingconcern.graphql").write_text("type WellbeingConcern {", "utf-8")
    mistakes = refused("visit.graphql", "type {")

    assert [(Path(mistake.file or "").name, mistake.id) for mistake in mistakes] == [
        ("visit.graphql", "CV302"),
        ("wellbeingconcern.graphql", "CV302"),
    ]


@pytest.mark.parametrize("version", ["", "1", "1.0.0", "v1.0", "1.0-beta", "01.0", "1.x"])
def test_the_version_is_major_and_minor(refused: Callable[[str, str], list[Mistake]], version: str) -> None:
    assert [(mistake.id, Path(mistake.file or "").name) for mistake in refused("VERSION", version)] == [("CV301", "VERSION")]


def test_a_folder_without_a_standard_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as found:
        load_standard(tmp_path)

    assert [(mistake.id, Path(mistake.file or "").name) for mistake in found.value.mistakes] == [
        ("CV301", "VERSION"),
        ("CV301", "record.graphql"),
    ]


def test_a_standard_without_the_interface_record_is_refused(refused: Callable[[str, str], list[Mistake]]) -> None:
    mistakes = refused("record.graphql", "scalar Date\n")

    assert ("CV309", "defines no interface Record.") in [(mistake.id, mistake.message) for mistake in mistakes]


def test_a_file_that_is_not_utf_8_is_refused(refused: Callable[[str, str], list[Mistake]], tmp_path: Path) -> None:
    (tmp_path / "schema" / "visit.graphql").write_bytes(b'"caf\xe9"')

    assert [mistake.id for mistake in refused("VERSION", STANDARD.version)] == ["CV301"]


def test_the_published_api_beside_the_standard_is_no_part_of_it(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path, dirs_exist_ok=True)
    (tmp_path / "api.graphql").write_text("type Query { child: Flag! }\n", "utf-8")

    assert load_standard(tmp_path).sdl == STANDARD.sdl


def test_a_new_kind_is_a_new_file(tmp_path: Path) -> None:
    """Nothing else need be touched: not the envelope, not a list of kinds, not a line of Python."""
    shutil.copytree(SHIPPED, tmp_path, dirs_exist_ok=True)
    (tmp_path / "VERSION").write_text("1.1\n", "utf-8")
    (tmp_path / "visit.graphql").write_text(
        '"A visit."\ntype Visit implements Record @kind(section: "visits") @tier(level: T4) @since(version: "1.1") {\n'
        '  "What was done."\n  did: [Done!] @since(version: "1.1")\n}\n"A thing done."\ntype Done {\n  "On which day."\n  on: Date\n}\n',
        "utf-8",
    )
    standard = load_standard(tmp_path)
    visit = standard.kinds["Visit"]

    assert (standard.version, visit.section, visit.tier, visit.fields["did"].since) == ("1.1", "visits", "T4", "1.1")
    assert validate(visit, Record("r-1", {"did": [{"on": date(2026, 2, 3)}]})).did[0].on == "2026-02-03"
