"""One view from many answers: nothing lost, nothing invented, no order that matters, no silence that reads as none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import Identifier, Person, Subject
from connectors.matching import Evidence, Match
from connectors.release import HELD_PLACE
from connectors.standard import Held, Provenance, load_standard
from portal.masking import Known, SourceFacts
from portal.merge import merge
from portal.model import ChildView, Decision, Plan, PlannedAsk, Question, Ruling
from portal.outcomes import COMPLETE, PRECEDENCE, SAYS, SAYS_NO_SOURCE, Outcome

STANDARD = load_standard()
NOW = datetime(2026, 11, 22, 10, 42, tzinfo=UTC)
SOURCES = ("hillview-mis", "northshire-nhs", "northshire-police")
LINK = Match("LINK", (Evidence("birth_date", "The date of birth agrees."),))


def facts(source: str, mask: str | None = None) -> SourceFacts:
    return SourceFacts(
        id=source, agency=f"agency-of-{source}", name=source.replace("-", " "), phone="01", out_of_hours="02", contact="Desk", mask=mask
    )


KNOWN = Known(
    portal="northshire",
    standard=STANDARD,
    sources={source: facts(source, "a school" if source == "hillview-mis" else None) for source in SOURCES},
    duty=facts("northshire-social-work"),
)


def record(source: str, kind: str = "WellbeingConcern", id: str = "r1", **fields: Any) -> msgspec.Struct:
    told = Provenance(source, f"agency-of-{source}", NOW, "sql/1", "1.0")
    return STANDARD.kinds[kind].record(id=id, kind=kind, tier="T3", contact="Desk", provenance=(told,), held=(), **fields)


def outcome(source: str, state: str = "ANSWERED", kind: str = "WellbeingConcern", records: tuple[Any, ...] = (), **more: Any) -> Outcome:
    found = state in ("ANSWERED", "PARTIAL") or bool(records)
    return Outcome(source=source, kind=kind, state=state, records=records, **({"found": found, "match": LINK if found else None} | more))


def merged(
    outcomes: list[Outcome],
    *,
    place: bool = True,
    hidden: bool = False,
    placed: frozenset[str] = frozenset(SOURCES),
    fields: frozenset[str] | None = None,
    **shields: bool,
) -> ChildView:
    kinds = frozenset(each.kind for each in outcomes) | {"WellbeingConcern"}
    sections = frozenset(kind for kind in kinds if STANDARD.kinds[kind].section)
    wanted = {kind: (STANDARD.kinds[kind].given - {"id", "tier"}) & (fields or STANDARD.kinds[kind].given) for kind in kinds}
    question = Question(
        subject=Subject(), purpose="child-protection", reason=None, wanted=wanted, sections=sections, chronology=True, demographics=True,
        document="00",
    )  # fmt: skip
    asks = tuple(PlannedAsk(source=each.source, kind=each.kind, fields=wanted[each.kind]) for each in outcomes)
    plan = Plan(question=question, purpose="child-protection", asks=asks, unfindable=frozenset())
    rulings = tuple(
        Ruling(
            source=each.source, kind=each.kind, permitted=each.state != "NOT_PERMITTED", clause="ISA-01 §1", nearest="ISA-01 §2",
            reason="role" if each.state == "NOT_PERMITTED" else None, place=each.source in placed,
        )
        for each in outcomes
    )  # fmt: skip
    decision = Decision(at=NOW, rulings=rulings, agreements={}, place=place, hidden=hidden, **shields)
    return merge(plan, decision, outcomes, {}, KNOWN, NOW)


def concerns(view: ChildView) -> Any:
    return view.sections["wellbeingConcerns"]


@pytest.mark.parametrize("state", [state for state in PRECEDENCE if state not in COMPLETE])
def test_a_source_that_did_not_fully_answer_is_missing_from_the_section_with_words(state: str) -> None:
    section = concerns(merged([outcome("northshire-nhs"), outcome("northshire-police", state)]))

    assert section.everySourceAnswered is False
    assert [(missing.source, missing.state) for missing in section.missing] == [("northshire-police", state)]
    assert section.missing[0].words.startswith(("Northshire police", "Too many", "We ", "The agreement", "Something"))


def test_a_kind_that_no_source_holds_never_reads_as_fully_answered() -> None:
    view = merged([outcome("northshire-nhs", kind="Attendance")])

    assert concerns(view).everySourceAnswered is False
    assert concerns(view).missing[0].words == SAYS_NO_SOURCE


@pytest.mark.parametrize("state", PRECEDENCE)
def test_every_outcome_has_words_that_do_not_say_that_nothing_is_known(state: str) -> None:
    said = SAYS[state]  # type: ignore[index]

    assert "{name}" in said or state == "TOO_MANY"
    assert "nothing is known" not in said.replace("does not mean that nothing is known", "")


def test_the_same_fact_from_two_sources_is_one_record_with_two_provenances() -> None:
    told = {"occurredOn": "2026-10-01", "category": "NEGLECT"}
    view = merged(
        [
            outcome("northshire-nhs", records=(record("northshire-nhs", **told),)),
            outcome("northshire-police", records=(record("northshire-police", **told),)),
        ]
    )

    assert [[each.source for each in one.provenance] for one in concerns(view).records] == [["northshire-nhs", "northshire-police"]]


def test_facts_of_which_not_all_was_asked_or_shown_stay_apart() -> None:
    """Two events of one day and sort may differ in what nobody asked for, or in what is held back."""
    told = {"occurredOn": "2026-10-01", "category": "NEGLECT"}
    one, other = record("northshire-nhs", **told), record("northshire-police", **told)
    thin = merged(
        [outcome("northshire-nhs", records=(one,)), outcome("northshire-police", records=(other,))],
        fields=frozenset({"occurredOn", "category"}),
    )
    held = msgspec.structs.replace(other, held=(Held("summary", "Text held back."),))
    half = merged([outcome("northshire-nhs", records=(one,)), outcome("northshire-police", records=(held,))])

    assert (len(concerns(thin).records), len(concerns(half).records)) == (2, 2)


def test_what_is_held_back_of_who_a_child_is_is_said() -> None:
    person = msgspec.structs.replace(record("northshire-nhs", kind="PersonDetails"), held=(Held(None, "There is a record here."),))
    view = merged([outcome("northshire-nhs", kind="PersonDetails", records=(person,))])

    assert view.demographics is not None
    assert view.demographics.held == (Held(None, "There is a record here."),)


def test_a_match_that_rests_on_a_postcode_is_no_match_while_the_place_is_guarded() -> None:
    blind = outcome("northshire-nhs", "AMBIGUOUS", match=Match("POSSIBLE", ()))
    found = outcome("northshire-nhs", records=(record("northshire-nhs", occurredOn="2026-10-01"),), blind=blind)
    guarded, open_ = merged([found], place=False, guarded=True), merged([found])

    assert [source.state for source in guarded.sources] == ["AMBIGUOUS"]
    assert guarded.manifest.released == ()
    assert [source.state for source in open_.sources] == ["ANSWERED"]


def test_a_refusal_that_is_the_same_for_every_child_stays_so_while_the_place_is_guarded() -> None:
    down = outcome("northshire-nhs", "UNAVAILABLE", blind=outcome("northshire-nhs", "AMBIGUOUS"))

    assert [source.state for source in merged([down], place=False, guarded=True).sources] == ["UNAVAILABLE"]


def test_nobody_is_certain_while_a_shield_source_may_have_looked_for_somebody_else() -> None:
    found = outcome("northshire-nhs", records=(record("northshire-nhs", occurredOn="2026-10-01"),))
    unsure = merged([found, outcome("northshire-police", "NOTHING_TO_SHOW")], unsure=True)

    assert [source.state for source in unsure.sources] == ["AMBIGUOUS", "NOTHING_TO_SHOW"]


def test_a_hidden_child_nearby_leaves_no_hint_that_somebody_is_like_the_one_asked_about() -> None:
    veiled = merged([outcome("northshire-nhs", "AMBIGUOUS", match=Match("POSSIBLE", ()))], veiled=True)

    assert [(source.state, source.match) for source in veiled.sources] == [("NOTHING_TO_SHOW", None)]


def test_a_masked_source_is_not_told_by_its_ids_desks_or_codes() -> None:
    told = record(
        "hillview-mis", kind="Involvement", id="HILLVIEW-17", dutyPhone="01632 960210", service="hillview-office", sourceCode="HV"
    )
    view = merged([outcome("hillview-mis", kind="Involvement", records=(told,))], placed=frozenset())
    shown = view.sections["involvements"].records[0]

    assert b"HILLVIEW" not in msgspec.json.encode(view.sections).upper()
    assert (shown.id, [held.field for held in shown.held]) == ("school-1", ["dutyPhone", "service", "sourceCode"])  # type: ignore[attr-defined]
    assert [released.id for released in view.manifest.released] == ["HILLVIEW-17"]


@pytest.mark.parametrize(
    "other",
    [
        {"occurredOn": "2026-10-02", "category": "NEGLECT"},
        {"occurredOn": "2026-10-01", "category": "MISSING"},
        {"occurredOn": "2026-10-01", "category": "NEGLECT", "urgency": "IMMEDIATE"},
    ],
)
def test_facts_that_differ_in_anything_stay_apart(other: dict[str, str]) -> None:
    told = {"occurredOn": "2026-10-01", "category": "NEGLECT"}
    view = merged(
        [
            outcome("northshire-nhs", records=(record("northshire-nhs", **told),)),
            outcome("northshire-police", records=(record("northshire-police", **other),)),
        ]
    )

    assert len(concerns(view).records) == 2


def test_two_like_records_of_one_source_stay_two() -> None:
    told = {"occurredOn": "2026-10-01", "category": "NEGLECT"}
    both = (record("northshire-nhs", id="r1", **told), record("northshire-nhs", id="r2", **told))

    assert [one.id for one in concerns(merged([outcome("northshire-nhs", records=both)])).records] == ["r1", "r2"]


def test_an_identity_shield_makes_every_answer_read_as_for_an_unknown_child() -> None:
    known = [
        outcome("hillview-mis", records=(record("hillview-mis", occurredOn="2026-10-01"),)),
        outcome("northshire-nhs", "AMBIGUOUS", match=Match("POSSIBLE", ())),
        outcome("northshire-police", "FAILED", found=True),
    ]
    unknown = [outcome(source, "NOTHING_TO_SHOW") for source in SOURCES]

    hidden = msgspec.structs.replace(merged(known, hidden=True), manifest=None)  # type: ignore[arg-type]

    assert hidden == msgspec.structs.replace(merged(unknown), manifest=None)  # type: ignore[arg-type]
    assert {each.reason for each in merged(known, hidden=True).manifest.outcomes} == {"shielded"}
    assert merged(known, hidden=True).manifest.released == ()


def test_an_identity_shield_does_not_hide_that_a_source_was_never_reached() -> None:
    states = [each.state for each in merged([outcome("northshire-police", "TIMED_OUT")], hidden=True).sources]

    assert states == ["TIMED_OUT"]


def test_where_place_is_withheld_nothing_of_it_is_left_and_the_view_says_so() -> None:
    placed = record("northshire-nhs", kind="PersonDetails", town="Kirkhaven", givenName="Jo")
    view = merged([outcome("northshire-nhs", kind="PersonDetails", records=(placed,))], place=False)

    assert b"Kirkhaven" not in msgspec.json.encode(view.demographics)
    assert view.held == (Held("location", HELD_PLACE),)


def test_a_local_source_is_named_by_what_it_is_unless_the_clause_gives_place() -> None:
    answered = [outcome("hillview-mis", records=(record("hillview-mis", occurredOn="2026-10-01"),))]
    masked = merged(answered, placed=frozenset())
    named = merged(answered)

    assert b"hillview" not in msgspec.json.encode(masked.sources) + msgspec.json.encode(masked.sections) + msgspec.json.encode(
        masked.chronology
    )
    assert masked.sources[0].name == "a school"
    assert named.sources[0].source == "hillview-mis"


def test_a_denial_names_the_nearest_clause_and_an_answer_its_own() -> None:
    view = merged([outcome("northshire-nhs"), outcome("northshire-police", "NOT_PERMITTED")])
    kinds = {source.source: source.kinds[0] for source in view.sources}

    assert (kinds["northshire-nhs"].clause, kinds["northshire-nhs"].nearest) == ("ISA-01 §1", None)
    assert (kinds["northshire-police"].clause, kinds["northshire-police"].nearest, kinds["northshire-police"].reason) == (
        None,
        "ISA-01 §2",
        "role",
    )


def test_a_source_with_hidden_records_and_one_without_look_alike() -> None:
    hidden = merged([outcome("northshire-nhs", "NOTHING_TO_SHOW", found=True, match=LINK, reason="tier")])
    nothing = merged([outcome("northshire-nhs", "NOTHING_TO_SHOW")])

    assert (hidden.sources, hidden.sections) == (nothing.sources, nothing.sections)


def test_sources_that_differ_are_marked_but_never_about_sex_or_earlier_names() -> None:
    one = record("northshire-nhs", kind="PersonDetails", givenName="Jo", sex="FEMALE")
    two = record("northshire-police", kind="PersonDetails", givenName="Joanna", sex="MALE")
    view = merged(
        [
            outcome("northshire-nhs", kind="PersonDetails", records=(one,)),
            outcome("northshire-police", kind="PersonDetails", records=(two,)),
        ]
    )
    assert view.demographics is not None
    fields = {field.field: field for field in view.demographics.fields}

    assert (fields["givenName"].conflict, [value.value for value in fields["givenName"].values]) == (True, ["Jo", "Joanna"])
    assert fields["sex"].conflict is False


def test_the_log_learns_the_numbers_and_the_demographics_of_matched_persons() -> None:
    person = Person(id="p1", family_name="Ash", given_name="Jo", birth_date="2014-02-03", identifiers=(Identifier("chi", "0302145000"),))
    question_view = merged([outcome("northshire-nhs")])
    assert question_view.manifest.matched == ()

    view = _merged_with({"northshire-nhs": (person,)})

    assert [each.identifier.system for each in view.manifest.matched] == ["chi", "demographics"]


def _merged_with(persons: dict[str, tuple[Person, ...]]) -> ChildView:
    question = Question(
        subject=Subject(), purpose="p", reason=None, wanted={}, sections=frozenset(), chronology=False, demographics=False, document="00"
    )
    plan = Plan(question=question, purpose="p", asks=(), unfindable=frozenset())
    return merge(plan, Decision(at=NOW, rulings=(), agreements={}, place=False), [], persons, KNOWN, NOW)


told = st.builds(
    record,
    st.sampled_from(SOURCES),
    id=st.text("abc", min_size=1, max_size=2),
    occurredOn=st.sampled_from([None, "2026", "2026-10", "2026-10-01", "2026-10-02"]),
    category=st.sampled_from([None, "NEGLECT", "MISSING"]),
)
asked = st.tuples(st.sampled_from(SOURCES), st.lists(told, max_size=6)).map(
    lambda each: outcome(each[0], records=tuple(one for one in each[1] if one.provenance[0].source == each[0]))  # type: ignore[attr-defined]
)
answers = st.lists(asked, max_size=3, unique_by=lambda each: each.source)


@given(answers, st.randoms())
def test_the_order_in_which_sources_answer_changes_nothing(outcomes: list[Outcome], random: Any) -> None:
    shuffled = list(outcomes)
    random.shuffle(shuffled)

    assert merged(shuffled) == merged(outcomes)


@given(answers)
def test_no_record_is_lost_or_invented(outcomes: list[Outcome]) -> None:
    given_in = sorted(
        (one.provenance[0].source, one.id, one.occurredOn or "", one.category or "") for each in outcomes for one in each.records
    )  # type: ignore[attr-defined]

    records = concerns(merged(outcomes)).records
    came_out = [(told_by.source, one.occurredOn or "", one.category or "") for one in records for told_by in one.provenance]

    assert sorted(came_out) == sorted((source, on, category) for source, _, on, category in given_in)


@given(answers)
def test_the_chronology_and_the_sections_tell_the_same_records(outcomes: list[Outcome]) -> None:
    view = merged(outcomes)
    assert view.chronology is not None

    assert sorted(map(repr, (entry.record for entry in view.chronology.entries))) == sorted(map(repr, concerns(view).records))
