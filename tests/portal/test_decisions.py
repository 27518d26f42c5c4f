"""What is decided, as tables: one row for each case, the clause or the reason as its result."""

from __future__ import annotations

import hashlib
import re
import tempfile
import tomllib
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.portal.agreement_cases as cases
from connectors.connector import Shield
from portal.agreements import RuleSet, fair_copy, load_agreements
from portal.agreements.rules import rule_set
from portal.decisions import WORDS, decide, narrow
from portal.explaining import explain
from portal.model import Decision, Found, Plan, Practitioner, Ruling
from tests.portal.agreement_cases import NOON, STANDARD, clause, noon, page, plan, practitioner, sign, signed, vocabulary, write

TODAY = NOON.date()
POLICE, NHS, SCHOOL = "northshire-police", "northshire-nhs", "hillview-mis"
CONCERN = (POLICE, "WellbeingConcern", ("summary", "occurredOn", "strengths"))
DOCS = Path(__file__).parents[2] / "docs" / "reference" / "agreements.md"


def kinds(kind: str, fields: str, ceiling: str | None = "T3") -> str:
    tiers = f', ceiling = "{ceiling}"' if ceiling else ""
    return f"{{ {kind} = {{ fields = {fields}{tiers} }} }}"


def refusal(number: int, fields: str, **changed: str | None) -> str:
    return clause(number, "Not this", effect='"deny"', basis=None, kinds=kinds("WellbeingConcern", fields, None), **changed)


def ruling(rules: RuleSet, asked: Plan, who: Practitioner | None = None, on: date = TODAY) -> Ruling:
    return decide(asked, who or practitioner(), rules, noon(on)).rulings[0]


def test_a_yes_cites_its_clause_and_gives_the_fields_both_wanted_and_granted(tmp_path: Path) -> None:
    decision = decide(plan(CONCERN), practitioner(), signed(tmp_path, page()).rules, NOON)
    assert decision.rulings == (
        Ruling(
            source=POLICE, kind="WellbeingConcern", permitted=True, fields=frozenset({"summary", "occurredOn"}), ceiling="T3",
            existence="T3", clause="ISA-07 §1", sensitive=frozenset({"camhs"}),
        ),
    )  # fmt: skip
    assert list(decision.agreements) == ["ISA-07@3"]
    assert re.fullmatch("sha256:[0-9a-f]{64}", decision.agreements["ISA-07@3"])
    assert decision.at == NOON
    assert decision.permitted == decision.rulings


FIRST, LAST = date(2026, 9, 1), date(2028, 8, 31)
DENIED = [
    pytest.param(page(), plan((NHS, "WellbeingConcern", ())), practitioner(), TODAY, "no-clause", None, id="no-clause-at-all"),
    pytest.param(page(), plan(CONCERN), practitioner(agency="northshire-nhs"), TODAY, "no-clause", "ISA-07 §1", id="another-agency"),
    pytest.param(page(), plan(CONCERN), practitioner(agency="atlantis"), TODAY, "no-clause", "ISA-07 §1", id="an-unknown-agency"),
    pytest.param(page(), plan(CONCERN, purpose="early-help"), practitioner(), TODAY, "purpose", "ISA-07 §1", id="another-purpose"),
    pytest.param(page(), plan(CONCERN, purpose="unknown"), practitioner(), TODAY, "purpose", "ISA-07 §1", id="an-unknown-purpose"),
    pytest.param(page(), plan(CONCERN), practitioner("duty_officer"), TODAY, "role", "ISA-07 §1", id="another-role"),
    pytest.param(page(), plan(CONCERN), practitioner("king"), TODAY, "role", "ISA-07 §1", id="an-unknown-role"),
    pytest.param(page(starts="2026-09-02"), plan(CONCERN), practitioner(), FIRST, "not-started", "ISA-07 §1", id="agreement-not-begun"),
    pytest.param(
        page(starts="2026-01-01"), plan(CONCERN), practitioner(), FIRST - timedelta(1), "not-started", "ISA-07 §1", id="clause-not-begun"
    ),
    pytest.param(
        page(review_by="2030-01-01"), plan(CONCERN), practitioner(), LAST + timedelta(1), "ended", "ISA-07 §1", id="clause-ended"
    ),
    pytest.param(
        page(ends="2027-09-01"), plan(CONCERN), practitioner(), date(2027, 9, 2), "ended", "ISA-07 §1", id="agreement-ended"
    ),
    pytest.param(page(), plan(CONCERN), practitioner(), date(2027, 9, 29), "review-lapsed", "ISA-07 §1", id="past-the-days-of-grace"),
    pytest.param(page(grace_days="0"), plan(CONCERN), practitioner(), date(2027, 9, 1), "review-lapsed", "ISA-07 §1", id="no-grace"),
    pytest.param(
        page(clause(), refusal(2, '"all"')), plan(CONCERN), practitioner(), TODAY, "denied-by", "ISA-07 §2", id="refused-by-a-clause"
    ),
    pytest.param(
        page(clause(roles='["health_visitor"]', purposes='["early-help"]'), clause(2, roles='["duty_officer"]')),
        plan(CONCERN), practitioner(), TODAY, "role", "ISA-07 §2", id="nearest-is-where-fewest-things-fail",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "asked", "who", "on", "reason", "nearest"), DENIED)
def test_a_no_names_its_reason_and_the_nearest_clause(
    tmp_path: Path, text: str, asked: Plan, who: Practitioner, on: date, reason: str, nearest: str | None
) -> None:
    decision = decide(asked, who, signed(tmp_path, text).rules, noon(on))
    ruled = decision.rulings[0]
    assert (ruled.permitted, ruled.reason, ruled.nearest, ruled.state) == (False, reason, nearest, "NOT_PERMITTED")
    assert (ruled.fields, ruled.clause, ruled.place, decision.permitted, decision.place) == (frozenset(), None, False, (), False)
    assert bool(decision.agreements) == (nearest is not None)


@pytest.mark.parametrize(
    ("text", "on"),
    [
        pytest.param(page(), FIRST, id="first-day"),
        pytest.param(page(review_by="2030-01-01"), LAST, id="last-day-of-the-clause"),
        pytest.param(page(ends="2027-08-31"), date(2027, 8, 31), id="last-day-of-the-agreement"),
        pytest.param(page(), date(2027, 9, 28), id="last-day-of-grace"),
        pytest.param(page(grace_days="0"), date(2027, 8, 31), id="review-day-without-grace"),
    ],
)
def test_first_and_last_days_are_included(tmp_path: Path, text: str, on: date) -> None:
    assert ruling(signed(tmp_path, text).rules, plan(CONCERN), on=on).permitted


def test_an_agreement_not_signed_by_all_gives_nothing(tmp_path: Path) -> None:
    sign(write(tmp_path, page()), partners=["northshire-police"])
    ruled = ruling(load_agreements(tmp_path, vocabulary()).rules, plan(CONCERN))
    assert (ruled.permitted, ruled.reason, ruled.nearest) == (False, "unsigned", "ISA-07 §1")


def test_a_review_overdue_is_said_on_the_view_as_long_as_it_is_in_force(tmp_path: Path) -> None:
    rules = signed(tmp_path, page()).rules
    assert decide(plan(CONCERN), practitioner(), rules, noon(date(2027, 8, 31))).warnings == ()
    assert decide(plan(CONCERN), practitioner(), rules, noon(date(2027, 9, 1))).warnings == (
        "Agreement ISA-07 was due for review by 31 August 2027. Unless it is renewed, nothing is shown under it after 28 September 2027.",
    )
    assert decide(plan(CONCERN), practitioner("king"), rules, noon(date(2027, 9, 1))).warnings == ()


def concern(number: int, fields: str, **changed: str | None) -> str:
    return clause(number, kinds=kinds("WellbeingConcern", fields), **changed)


@pytest.mark.parametrize(
    ("clauses", "cited", "fields"),
    [
        pytest.param([concern(1, '["summary"]'), concern(2, '["strengths"]')], "ISA-07 §1", {"summary"}, id="never-added-up"),
        pytest.param(
            [concern(1, '["summary"]'), concern(2, '["summary", "strengths"]')],
            "ISA-07 §2",
            {"summary", "strengths"},
            id="the-one-giving-most",
        ),
        pytest.param(
            [concern(1, '["urgency", "outcome", "dueBy"]'), concern(2, '["summary"]')],
            "ISA-07 §2",
            {"summary"},
            id="most-of-what-is-wanted",
        ),
        pytest.param([concern(1, '["urgency"]')], "ISA-07 §1", set(), id="nothing-wanted-is-granted"),
        pytest.param(
            [concern(1, '["summary", "strengths"]'), refusal(2, '["summary"]')], "ISA-07 §1", {"strengths"}, id="a-refused-field-goes"
        ),
        pytest.param(
            [concern(1, '["summary"]'), concern(2, '["strengths"]'), refusal(3, '["summary"]')],
            "ISA-07 §2",
            {"strengths"},
            id="a-refusal-counts-before-choosing",
        ),
        pytest.param(
            [concern(1, '["summary"]'), refusal(2, '"all"', roles='["duty_officer"]')],
            "ISA-07 §1",
            {"summary"},
            id="refused-to-another-role",
        ),
        pytest.param(
            [concern(1, '["summary"]'), refusal(2, '"all"', purposes='["early-help"]')],
            "ISA-07 §1",
            {"summary"},
            id="refused-for-another-purpose",
        ),
        pytest.param(
            [concern(1, '["summary"]'), refusal(2, '"all"', when="{ starts = 2027-01-01 }")],
            "ISA-07 §1",
            {"summary"},
            id="refused-from-later",
        ),
    ],
)
def test_one_clause_permits_the_whole(tmp_path: Path, clauses: list[str], cited: str, fields: set[str]) -> None:
    ruled = ruling(signed(tmp_path, page(*clauses)).rules, plan(CONCERN))
    assert (ruled.permitted, ruled.clause, ruled.fields) == (True, cited, frozenset(fields))


def test_a_refusal_binds_whoever_holds_the_refused_role_among_others(tmp_path: Path) -> None:
    rules = signed(tmp_path, page(concern(1, '["summary"]'), refusal(2, '"all"', roles='["duty_officer"]'))).rules
    assert ruling(rules, plan(CONCERN), practitioner("named_person", "duty_officer")).reason == "denied-by"


def test_a_refusal_of_one_agreement_binds_another(tmp_path: Path) -> None:
    rules = signed(tmp_path, page(), page(refusal(1, '"all"'), id='"ISA-08"')).rules
    assert (ruling(rules, plan(CONCERN)).reason, ruling(rules, plan(CONCERN)).nearest) == ("denied-by", "ISA-08 §1")


def test_a_lapsed_review_does_not_lift_a_refusal(tmp_path: Path) -> None:
    lapsing = page(refusal(1, '"all"'), id='"ISA-08"', grace_days="0")
    rules = signed(tmp_path, page(review_by="2028-08-31"), lapsing).rules
    assert ruling(rules, plan(CONCERN), on=date(2028, 1, 1)).reason == "denied-by"


def test_the_end_of_its_agreement_does_not_lift_a_refusal_and_its_own_last_day_does(tmp_path: Path) -> None:
    ending = page(refusal(1, '"all"', when=None), id='"ISA-08"', ends="2027-08-31")
    rules = signed(tmp_path / "ends", page(review_by="2028-08-31"), ending).rules
    assert ruling(rules, plan(CONCERN), on=date(2028, 1, 1)).reason == "denied-by"
    own = page(refusal(1, '"all"', when="{ ends = 2027-08-31 }"), id='"ISA-08"')
    rules = signed(tmp_path / "own", page(review_by="2028-08-31"), own).rules
    assert ruling(rules, plan(CONCERN), on=date(2027, 8, 31)).reason == "denied-by"
    assert ruling(rules, plan(CONCERN), on=date(2027, 9, 1)).permitted


def test_a_refusal_stands_though_its_source_has_changed_hands(tmp_path: Path) -> None:
    both = '["northshire-police", "northshire-nhs"]'
    text = page(concern(1, '["summary"]', from_=both), refusal(2, '"all"'), partners=cases.ALL_PARTNERS)
    assert ruling(signed(tmp_path, text).rules, plan(CONCERN)).reason == "denied-by"
    moved = {**vocabulary().sources, POLICE: msgspec.structs.replace(vocabulary().sources[POLICE], agency="northshire-nhs")}
    ruled = ruling(load_agreements(tmp_path, vocabulary(sources=moved)).rules, plan(CONCERN))
    assert (ruled.reason, ruled.nearest) == ("denied-by", "ISA-07")


def test_a_source_that_came_after_signing_is_not_shared(tmp_path: Path) -> None:
    signed(tmp_path, page())
    wider = {**vocabulary().sources, "police-2": vocabulary().sources[POLICE]}
    rules = load_agreements(tmp_path, vocabulary(sources=wider)).rules
    assert ruling(rules, plan(("police-2", "WellbeingConcern", ("summary",)))).reason == "unsigned"
    assert ruling(rules, plan(CONCERN)).permitted


def test_a_source_that_cannot_look_the_child_up_is_permitted_and_not_asked(tmp_path: Path) -> None:
    rules = signed(tmp_path, page()).rules
    decision = decide(plan(CONCERN, unfindable=[POLICE]), practitioner(), rules, NOON)
    assert [(each.permitted, each.state) for each in decision.rulings] == [(True, "NOT_ASKED")]
    assert decision.permitted == ()
    refused = decide(plan(CONCERN, unfindable=[POLICE]), practitioner("king"), rules, NOON)
    assert refused.rulings[0].state == "NOT_PERMITTED", "what the source can look up makes no difference to a no"


def attendance(fields: str) -> str:
    return page(clause(from_='["hillview-school"]', kinds=kinds("Attendance", fields)))


@pytest.mark.parametrize(("fields", "place"), [('["code", "school"]', True), ('["code"]', False)])
def test_place_is_given_where_the_clause_gives_it_selected_or_not(tmp_path: Path, fields: str, place: bool) -> None:
    decision = decide(plan((SCHOOL, "Attendance", ("code",))), practitioner(), signed(tmp_path, attendance(fields)).rules, NOON)
    assert (decision.rulings[0].place, decision.place) == (place, place)


@pytest.mark.parametrize(
    ("shields", "silent", "fields", "place", "hidden"),
    [
        pytest.param([], False, {"code", "school"}, True, False, id="no-shield"),
        pytest.param(["LOCATION"], False, {"code"}, False, False, id="location"),
        pytest.param([], True, {"code"}, False, False, id="a-shield-source-is-silent"),
        pytest.param(["IDENTITY"], False, {"code", "school"}, True, True, id="identity"),
        pytest.param(["IDENTITY", "LOCATION"], False, {"code", "school"}, True, True, id="both-read-as-a-child-nobody-knows"),
    ],
)
def test_a_shield_takes_away_and_adds_nothing(
    tmp_path: Path, shields: list[Shield], silent: bool, fields: set[str], place: bool, hidden: bool
) -> None:
    asked = plan((SCHOOL, "Attendance", ("code", "school")))
    before = decide(asked, practitioner(), signed(tmp_path, attendance('["code", "school"]')).rules, NOON)
    after = narrow(before, Found(shields=frozenset(shields), silent=silent), STANDARD)
    assert [(each.fields, each.place) for each in after.rulings] == [(frozenset(fields), place)]
    assert (after.place, after.hidden) == (place, hidden)
    assert after.rulings[0].fields <= before.rulings[0].fields


@pytest.mark.parametrize(("begins", "state"), [(NOON.date(), None), (NOON.date() + timedelta(days=1), "OUT_OF_COVERAGE")])
def test_a_source_that_covers_nothing_yet_is_not_asked_and_says_so(tmp_path: Path, begins: date, state: str | None) -> None:
    asked = msgspec.structs.replace(plan((SCHOOL, "Attendance", ("code",))), begins={SCHOOL: begins})
    decision = decide(asked, practitioner(), signed(tmp_path, attendance('["code"]')).rules, NOON)

    assert [each.state for each in decision.rulings] == [state]


def test_explaining_gives_one_line_for_each_field_or_one_for_a_kind_refused(tmp_path: Path) -> None:
    rules = signed(tmp_path, page(concern(1, '["summary", "strengths"]'), refusal(2, '["strengths"]'), concern(3, '["urgency"]'))).rules
    sources = vocabulary().sources
    lines = explain(rules, STANDARD, sources, "child-protection", ["named_person"], "hillview-school", ["WellbeingConcern", "Flag"], NOON)
    whole = [line for line in lines if line.field is None]
    assert [(line.source, line.kind, line.reason, line.nearest) for line in whole] == [
        (SCHOOL, "WellbeingConcern", "no-clause", None),
        (POLICE, "Flag", "no-clause", None),
    ]
    fields = {line.field: line for line in lines if line.field}
    assert fields.keys() == STANDARD.kinds["WellbeingConcern"].fields.keys() - {"id", "kind", "tier", "contact"}
    assert [name for name, line in fields.items() if line.permitted] == ["summary"]
    assert (fields["summary"].clause, fields["summary"].words) == ("ISA-07 §1", "ISA-07 §1 lets this role see this for this purpose.")
    assert (fields["strengths"].reason, fields["strengths"].nearest) == ("denied-by", "ISA-07 §2")
    assert (fields["urgency"].reason, fields["urgency"].nearest) == ("no-clause", "ISA-07 §3")
    assert all(line.words == WORDS[line.reason] for line in lines if line.reason)


def test_explaining_without_kinds_tells_of_every_kind_of_every_source(tmp_path: Path) -> None:
    sources = vocabulary().sources
    lines = explain(signed(tmp_path, page()).rules, STANDARD, sources, "early-help", ["named_person"], "hillview-school", None, NOON)
    assert {(line.source, line.kind) for line in lines} == {(id, kind) for id, source in sources.items() for kind in source.kinds}
    assert not any(line.permitted for line in lines)


@pytest.mark.parametrize("code", WORDS)
def test_every_no_says_that_one_may_still_phone_and_stands_in_the_reference(code: str) -> None:
    assert WORDS[code].endswith("To keep a child safe you can still phone and ask.")
    assert all(len(sentence.split()) <= 18 for sentence in re.split(r"[.,] ", WORDS[code])), "short sentences, for a reader in a hurry"
    assert f"`{code}`" in DOCS.read_text()


# Whatever agreements say, and in whatever order: nothing is shown that was not signed, and by one clause.

KINDS = {"WellbeingConcern": ("summary", "strengths", "urgency"), "Flag": ("type", "order", "relation")}
AGENCIES = st.lists(st.sampled_from(cases.AGENCIES), min_size=1, max_size=2, unique=True)
ROLES = st.lists(st.sampled_from(["named_person", "health_visitor"]), min_size=1, unique=True)
PURPOSES = st.lists(st.sampled_from(["child-protection", "early-help"]), min_size=1, unique=True)


def listed(names: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


@st.composite
def drawn_clause(draw: st.DrawFn, number: int) -> str:
    kind = draw(st.sampled_from(sorted(KINDS)))
    fields = draw(st.one_of(st.just('"all"'), st.lists(st.sampled_from(KINDS[kind]), min_size=1, unique=True).map(listed)))
    denies = draw(st.integers(0, 3)) == 0
    changed: dict[str, str | None] = {
        "from_": listed(draw(AGENCIES)), "to": listed(draw(AGENCIES)), "roles": listed(draw(ROLES)), "purposes": listed(draw(PURPOSES)),
        "kinds": kinds(kind, fields, None if denies else draw(st.sampled_from(["T2", "T3", "T4"]))),
        "when": draw(st.sampled_from([None, "{ starts = 2026-12-01 }", "{ ends = 2026-10-01 }", "{ starts = 2026-09-01 }"])),
    }  # fmt: skip
    return clause(number, effect='"deny"', basis=None, **changed) if denies else clause(number, **changed)


@st.composite
def drawn_pages(draw: st.DrawFn) -> list[str]:
    clauses = [[draw(drawn_clause(number)) for number in range(1, draw(st.integers(1, 3)) + 1)] for _ in range(draw(st.integers(1, 2)))]
    pages = [cases.bare(*each, id=f'"ISA-{number:02}"', partners=cases.ALL_PARTNERS) for number, each in enumerate(clauses, 7)]
    return [fair_copy(text.encode(), "isa.md").decode() for text in pages]


#: The hashes of those days among the drawn ones that hold at noon.
IN_FORCE = {hashlib.sha256(f'{{"conditions":{{}},"when":{{{when}}}}}'.encode()).hexdigest() for when in ("", '"starts":"2026-09-01"')}
EVERYTHING = plan(*((source, kind, fields) for source in (POLICE, SCHOOL) for kind, fields in KINDS.items()))


@settings(max_examples=40, deadline=None)
@given(pages=drawn_pages(), who=ROLES, order=st.randoms(use_true_random=False))
def test_nothing_is_shown_that_one_signed_clause_does_not_give(pages: list[str], who: list[str], order: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rules = signed(Path(folder), *pages).rules
        stored = [tomllib.loads(path.read_text())["grants"] for path in sorted(Path(folder).glob("*.signed.toml"))]
    decision = decide(EVERYTHING, practitioner(*who), rules, NOON)
    lines = [tuple(line.split("\t")) for grants in stored for line in grants]
    for each in decision.rulings:
        bearing = [
            line
            for line in lines
            if (line[0], line[1], line[3], line[4]) == (each.source, "hillview-school", "child-protection", each.kind)
        ]
        bearing = [line for line in bearing if line[2] in who and line[8] in IN_FORCE]
        assert each.fields <= {line[5] for line in bearing if (line[6], line[7]) == (each.ceiling, each.existence)}
        refused = {line[5] for line in bearing if line[6] == "-"}
        assert not each.fields & refused
        assert not (each.permitted and "*" in refused)
        assert not each.permitted or each.fields <= named_by(pages, each.clause)
        assert each.permitted == (each.clause is not None) == (each.reason is None)
    assert reordered(rules, order, who) == decision


def named_by(pages: list[str], cited: str | None) -> frozenset[str]:
    """The fields the cited clause's own sentence names."""
    assert cited is not None
    agreement, number = re.fullmatch(r"ISA-(\d+) §(\d+)", cited).groups()  # type: ignore[union-attr]
    short = [line for line in pages[int(agreement) - 7].split("\n") if line.startswith("In short:")][int(number) - 1]
    assert " not show " not in short
    named = short.split("(")[2].split(")")[0]
    return frozenset(field for fields in KINDS.values() for field in fields) if named.startswith("every") else frozenset(named.split(", "))


def reordered(rules: RuleSet, order: object, who: list[str]) -> Decision:
    terms = list(rules.terms)
    order.shuffle(terms)  # type: ignore[attr-defined]
    return decide(EVERYTHING, practitioner(*reversed(who)), rule_set(terms), NOON)
