"""What two versions of an agreement differ in: told in words, whoever gains and whoever loses, and nothing passed over."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.agreements import expand, read_agreement
from portal.agreements.compare import Comparison, compare, told
from tests.portal.agreement_cases import ALL_PARTNERS, clause, page, vocabulary, write

WORDS = vocabulary()


def kinds(fields: str = '["occurredOn", "summary"]', ceiling: str = "T3", existence: str = "T3", name: str = "WellbeingConcern") -> str:
    return f'{{ {name} = {{ fields = {fields}, ceiling = "{ceiling}", existence = "{existence}" }} }}'


def difference(folder: Path, before: str, after: str) -> Comparison:
    old, new = (read_agreement(write(folder / name, text), WORDS) for name, text in (("before", before), ("after", after)))
    return compare(old, new, WORDS)


def lines(comparison: Comparison) -> list[str]:
    return [line for line in told(comparison).splitlines() if line]


BASE = page(clause(kinds=kinds()))


def test_an_agreement_does_not_differ_from_itself(tmp_path: Path) -> None:
    found = difference(tmp_path, BASE, BASE)

    assert found.same
    assert told(found) == "ISA-07@3: no difference."


def test_who_gains_and_who_loses_which_fields_is_told(tmp_path: Path) -> None:
    found = difference(tmp_path, BASE, page(clause(kinds=kinds('["occurredOn", "category", "childsView"]')), version='"4"'))

    assert lines(found) == [
        "From ISA-07@3 to ISA-07@4:",
        "hillview-school (named_person), for child-protection, WellbeingConcern from northshire-police:",
        "  gains category, childsView",
        "  loses summary",
        "Every partner must sign the new version.",
    ]


def test_roles_for_which_the_same_changes_are_told_together_and_listed_apart_for_programs(tmp_path: Path) -> None:
    after = page(clause(kinds=kinds(), roles='["named_person", "health_visitor", "duty_officer"]'))
    found = difference(tmp_path, BASE, after)

    assert "hillview-school (duty_officer, health_visitor), for child-protection, WellbeingConcern from northshire-police:" in lines(found)
    assert [(change.role, change.gains) for change in found.changes] == [
        ("duty_officer", ("occurredOn", "summary")), ("health_visitor", ("occurredOn", "summary")),
    ]  # fmt: skip


CHANGES = [
    pytest.param({"to": '["northshire-police"]', "from_": '["hillview-school"]'}, ["  gains occurredOn, summary", "  loses occurredOn, summary"], id="direction"),
    pytest.param({"purposes": '["early-help"]'}, ["  loses occurredOn, summary", "  gains occurredOn, summary"], id="purpose"),
    pytest.param({"kinds": kinds(name="PoliceEvent", fields='["occurredOn"]', ceiling="T4", existence="T4")}, ["  gains occurredOn", "  loses occurredOn, summary"], id="kind"),
    pytest.param(
        {"kinds": kinds(ceiling="T4", existence="T4")},
        [
            "  ceiling raised: its content is shown up to T4, instead of T3",
            "  existence raised: that a record exists is shown up to T4, instead of T3",
        ],
        id="ceiling",
    ),
    pytest.param({"kinds": kinds(existence="T4")}, ["  existence raised: that a record exists is shown up to T4, instead of T3"], id="existence"),
    pytest.param({"kinds": kinds(ceiling="T2", existence="T3")}, ["  loses occurredOn, summary", "  ceiling lowered: its content is shown up to T2, instead of T3"], id="existence-alone"),
    pytest.param({"when": None}, ["  shown for as long as the agreement lasts, instead of from 1 September 2026 until 31 August 2028"], id="days"),
    pytest.param(
        {"conditions": '{ consent = "required", history = "P5Y" }'},
        ["  from now on: Nothing that is more than 5 years old.", "  from now on: Only if consent to this is in force."],
        id="conditions",
    ),
    pytest.param(
        {"effect": '"deny"', "basis": None, "kinds": '{ WellbeingConcern = { fields = "all" } }'},
        ["  loses occurredOn, summary", "  refused from now on, by other agreements too: all of it, from 1 September 2026 until 31 August 2028"],
        id="refusal",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "said"), CHANGES)
def test_every_change_of_a_clause_is_told(tmp_path: Path, changed: dict[str, str | None], said: list[str]) -> None:
    found = difference(tmp_path, BASE, page(clause(**{"kinds": kinds(), **changed})))

    assert [line for line in lines(found) if line.startswith("  ")] == said


@pytest.mark.parametrize(("changed", "said"), CHANGES)
def test_the_way_back_tells_the_opposite(tmp_path: Path, changed: dict[str, str | None], said: list[str]) -> None:
    there = difference(tmp_path, BASE, page(clause(**{"kinds": kinds(), **changed})))
    back = difference(tmp_path, page(clause(**{"kinds": kinds(), **changed})), BASE)

    assert [(change.gains, change.loses) for change in there.changes] == [(change.loses, change.gains) for change in back.changes]
    assert len(there.changes) == len(back.changes)


def test_a_condition_that_goes_is_told(tmp_path: Path) -> None:
    before = page(clause(kinds=kinds(), conditions='{ reason = "required" }'))

    assert "  no longer: The asker must give a reason in words." in lines(difference(tmp_path, before, BASE))


def test_a_refused_field_is_lost_and_comes_back_when_the_refusal_goes(tmp_path: Path) -> None:
    refusal = clause(2, "Not the words", effect='"deny"', basis=None, when=None, kinds='{ WellbeingConcern = { fields = ["summary"] } }')
    after = page(clause(kinds=kinds()), refusal)

    assert [line for line in lines(difference(tmp_path, BASE, after)) if line.startswith("  ")] == [
        "  loses summary",
        "  refused from now on, by other agreements too: summary, for as long as the agreement lasts",
        "  clauses: 2, instead of 1",
    ]
    assert "  no longer refused, by other agreements too: summary, for as long as the agreement lasts" in lines(
        difference(tmp_path, after, BASE)
    )


def test_parts_of_a_field_go_with_it(tmp_path: Path) -> None:
    before = page(clause(kinds=kinds('["reviewDate"]', name="ChildPlan")))
    after = page(clause(kinds=kinds('["actions", "reviewDate"]', name="ChildPlan")))
    found = difference(tmp_path, before, after)

    assert [(change.gains, change.loses) for change in found.changes] == [(("actions",), ())]


def test_clauses_that_are_moved_or_parted_make_no_difference_in_what_is_shown(tmp_path: Path) -> None:
    school = {"from_": '["hillview-school"]', "to": '["northshire-police"]', "roles": '["duty_officer"]'}
    before = page(clause(1, "One", kinds=kinds()), clause(2, "Two", kinds=kinds(), **school))
    after = page(clause(1, "Two", kinds=kinds(), **school), clause(2, "One", kinds=kinds()))
    found = difference(tmp_path, before, after)

    assert found.changes == ()
    assert "What is shown to whom does not change." in lines(found)


def test_a_difference_that_adds_nothing_to_the_sum_is_told_all_the_same(tmp_path: Path) -> None:
    """Two clauses are never added up: to put their fields into one shows more at once, though no field is new."""
    before = page(clause(1, "One", kinds=kinds('["occurredOn"]')), clause(2, "Two", kinds=kinds('["summary"]')))
    found = difference(tmp_path, before, page(clause(1, "Both", kinds=kinds())))

    assert said_of(found) == [
        "§1 gains summary",
        "§2, gone: summary up to T3, that a record exists up to T3, from 1 September 2026 until 31 August 2028",
    ]


def said_of(comparison: Comparison) -> list[str]:
    """What is told besides fields of the one change there is."""
    (change,) = comparison.changes
    return list(change.words)


LOOSENED = [
    pytest.param(
        '{ history = "P2Y", ages = [4, 16], reason = "required" }',
        ["from now on: Nothing that is more than 2 years old.", "no longer: Nothing that is more than 1 year old."],
        id="history-longer",
    ),
    pytest.param('{ ages = [4, 16], reason = "required" }', ["no longer: Nothing that is more than 1 year old."], id="history"),
    pytest.param('{ history = "P1Y", reason = "required" }', ["no longer: Only for children from 4 to under 16 years old."], id="ages"),
    pytest.param('{ history = "P1Y", ages = [4, 16] }', ["no longer: The asker must give a reason in words."], id="reason"),
]


@pytest.mark.parametrize(("conditions", "said"), LOOSENED)
@pytest.mark.parametrize("loosened", [1, 2])
def test_what_one_of_two_clauses_asks_for_no_longer_is_told_with_its_number(
    tmp_path: Path, conditions: str, said: list[str], loosened: int
) -> None:
    """The other clause asks for the same still, or never asked for it: neither hides what has changed."""
    strict = '{ history = "P1Y", ages = [4, 16], reason = "required" }'
    for other in (None, strict):
        asked: dict[int, str | None] = {loosened: strict, 3 - loosened: other}
        found = difference(tmp_path, two(asked), two({**asked, loosened: conditions}))

        assert said_of(found) == [f"§{loosened} {each}" for each in said]


def two(asked: dict[int, str | None]) -> str:
    """One kind under two clauses, each with conditions of its own."""
    given = {1: kinds('["occurredOn"]'), 2: kinds('["occurredOn", "summary"]')}
    return page(*(clause(number, "Clause", kinds=given[number], conditions=asked[number]) for number in (1, 2)))


def test_fields_tiers_and_days_of_each_of_several_clauses_are_told(tmp_path: Path) -> None:
    before = page(clause(1, "One", kinds=kinds('["occurredOn"]')), clause(2, "Two", kinds=kinds('["occurredOn", "summary"]', "T3", "T4")))
    after = page(
        clause(1, "One", kinds=kinds('["occurredOn", "category"]', "T3", "T4")),
        clause(2, "Two", kinds=kinds('["occurredOn"]', "T3", "T4"), when=None),
    )

    assert said_of(difference(tmp_path, before, after)) == [
        "§1 gains category",
        "§1 existence raised: that a record exists is shown up to T4, instead of T3",
        "§2 loses summary",
        "§2 shown for as long as the agreement lasts, instead of from 1 September 2026 until 31 August 2028",
    ]


def test_a_clause_beside_another_that_is_new_is_told_with_all_it_asks_for(tmp_path: Path) -> None:
    after = page(clause(kinds=kinds()), clause(2, "Two", kinds=kinds('["summary"]'), when=None, conditions='{ history = "P1Y" }'))

    assert said_of(difference(tmp_path, BASE, after)) == [
        "§2, new: summary up to T3, that a record exists up to T3, for as long as the agreement lasts",
        "§2 from now on: Nothing that is more than 1 year old.",
    ]


def test_a_clause_that_has_moved_is_told_by_both_its_numbers_if_it_changed_and_not_at_all_if_not(tmp_path: Path) -> None:
    one, two = kinds('["occurredOn"]'), kinds('["summary"]')
    before = page(clause(1, "One", kinds=one), clause(2, "Two", kinds=two))
    moved = page(clause(1, "Two", kinds=two), clause(2, "One", kinds=one))
    changed = page(clause(1, "Two", kinds=two), clause(2, "One", kinds=one, conditions='{ history = "P1Y" }'))

    assert difference(tmp_path, before, moved).changes == ()
    assert said_of(difference(tmp_path, before, changed)) == ["§2 (before: §1) from now on: Nothing that is more than 1 year old."]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"review_by": "2028-08-31"}, "review_by: 31 August 2028, instead of 31 August 2027"),
        ({"ends": "2028-08-31"}, "ends, new: 31 August 2028"),
        ({"grace_days": "0"}, "grace_days: 0, instead of 28"),
        ({"title": '"Wellbeing"'}, "title: Wellbeing, instead of Wellbeing in Northshire"),
        ({"partners": ALL_PARTNERS}, "northshire-nhs becomes a partner"),
        ({"complaints": '"Write to us."'}, "complaints, new: Write to us."),
        ({"subjects": '{ area = "Northshire" }'}, "subjects.area, new: Northshire"),
    ],
)
def test_every_change_of_the_header_is_told(tmp_path: Path, header: dict[str, str], said: str) -> None:
    found = difference(tmp_path, BASE, page(clause(kinds=kinds()), **header))

    assert found.header == (said,)
    assert not found.same


def test_a_change_of_the_law_or_of_the_words_alone_is_told(tmp_path: Path) -> None:
    law = difference(tmp_path, BASE, page(clause(kinds=kinds(), basis='{ article6 = "c", article9 = "g", power = "CYP(S)A 2014 s.96" }')))
    words = difference(tmp_path, BASE, BASE.replace("to protect the child.", "to protect a child."))

    assert law.clauses == ("§1, the law relied on, article6: c, instead of e",)
    assert (words.same, words.words, words.changes) == (False, True, ())
    assert "The authors' own words, or how they are set out, have changed." in lines(words)


def test_not_even_an_empty_line_more_is_passed_over_because_every_byte_is_signed(tmp_path: Path) -> None:
    assert not difference(tmp_path, BASE, BASE.replace("\n## 1.", "\n\n## 1.")).same


FIELDS = ["occurredOn", "category", "summary", "childsView", "indicators"]
ONE = st.fixed_dictionaries(
    {
        "kinds": st.builds(
            kinds,
            st.lists(st.sampled_from(FIELDS), min_size=1, unique=True).map(
                lambda names: "[" + ", ".join(f'"{name}"' for name in names) + "]"
            ),
            st.sampled_from(["T1", "T2", "T3"]),
            st.sampled_from(["T3", "T4"]),
        ),
        "roles": st.sampled_from(['["named_person"]', '["named_person", "health_visitor"]']),
        "purposes": st.sampled_from(['["child-protection"]', '["early-help"]']),
        "when": st.sampled_from([None, "{ starts = 2026-10-01 }"]),
        "conditions": st.sampled_from([None, '{ reason = "required" }', '{ objection = "counts" }', "{ ages = [4, 16] }"]),
    }
)
REFUSAL = st.fixed_dictionaries(
    {
        "kinds": st.sampled_from(['{ WellbeingConcern = { fields = "all" } }', '{ WellbeingConcern = { fields = ["summary"] } }']),
        "effect": st.just('"deny"'),
        "basis": st.none(),
        "when": st.sampled_from([None, "{ ends = 2028-01-01 }"]),
    }
)
CLAUSES = st.lists(ONE | REFUSAL, min_size=1, max_size=3)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CLAUSES, CLAUSES)
def test_whatever_changes_in_what_partners_sign_is_told(
    tmp_path: Path, before: list[dict[str, str | None]], after: list[dict[str, str | None]]
) -> None:
    old, new = (page(*(clause(number, "Clause", **each) for number, each in enumerate(side, 1))) for side in (before, after))
    first, second = (read_agreement(write(tmp_path / name, text), WORDS) for name, text in (("old", old), ("new", new)))
    found = compare(first, second, WORDS)

    if expand(first, WORDS) != expand(second, WORDS):
        assert found.changes
        assert not found.same
    if old == new:
        assert found.same
