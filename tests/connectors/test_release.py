"""What may leave a source: what is hidden is hidden whole, what is held is said, and nothing else is taken."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import Record
from connectors.release import (
    HELD_CLAUSE,
    HELD_PLACE,
    HELD_TEXT,
    HELD_TIER,
    KindRule,
    SourceRule,
    Stamp,
    record_tier,
    release,
    withheld,
    without_place,
)
from connectors.standard import Provenance, load_standard, validate

STANDARD = load_standard()
TODAY = date(2026, 11, 22)
STAMP = Stamp(
    provenance=Provenance("northshire-nhs", "northshire-nhs", datetime(2026, 11, 22, tzinfo=UTC), "fhir/1", "1.0"),
    contact="Desk, 01234 567890",
)
POLICE = SourceRule(police=True)
CONCERN = {"occurredOn": "2026-10-01", "category": "NEGLECT", "summary": "Came to school without a coat.", "thirdPartyChecked": True}


def rule(kind: str, wanted: set[str] | None = None, permitted: set[str] | None = None, **changes: Any) -> KindRule:
    everything = frozenset(STANDARD.kinds[kind].given - {"id", "tier"})
    allowed = everything if permitted is None else frozenset(permitted)
    asked = KindRule(wanted=frozenset(wanted or everything), permitted=allowed, ceiling="T3", existence="T3")
    return msgspec.structs.replace(asked, **changes)


def leaves(kind: str, fields: dict[str, Any], what: KindRule, source: SourceRule = SourceRule(), place: bool = True) -> Any:
    payload = validate(STANDARD.kinds[kind], Record("r1", fields))
    return release(STANDARD.kinds[kind], payload, what, source, STAMP, STANDARD, place, TODAY)


def words_of(record: Any) -> dict[str | None, str]:
    return {held.field: held.words for held in record.held}


HIDDEN = {
    "entered in error": ("WellbeingConcern", {"status": "ENTERED_IN_ERROR"}, SourceRule(), "superseded"),
    "superseded": ("WellbeingConcern", {"status": "SUPERSEDED"}, SourceRule(), "superseded"),
    "past its retention": ("WellbeingConcern", {"retainUntil": "2026-11-21"}, SourceRule(), "retention"),
    "retained until today still leaves": ("WellbeingConcern", {"retainUntil": "2026-11-22"}, SourceRule(), None),
    "about an informant": ("WellbeingConcern", {"thirdParty": "INFORMANT"}, SourceRule(), "informant"),
    "police, no handling code": ("WellbeingConcern", {}, POLICE, "handling"),
    "police, not to be shared": ("WellbeingConcern", {"handlingCode": "NOT_TO_BE_SHARED"}, POLICE, "handling"),
    "police, under a condition no clause names": ("WellbeingConcern", {"handlingCode": "MAY_BE_SHARED_UNDER_CONDITION"}, POLICE, "handling"),
    "police, may be shared": ("WellbeingConcern", {"handlingCode": "MAY_BE_SHARED"}, POLICE, None),
    "a police event told by another agency": ("PoliceEvent", {}, SourceRule(), "handling"),
    "above the existence tier": ("WellbeingConcern", {"tier": "T4"}, SourceRule(), "tier"),
    "shielded": ("WellbeingConcern", {"tier": "T5"}, SourceRule(), "tier"),
    "a tier nobody knows": ("WellbeingConcern", {"tier": "secret"}, SourceRule(), "tier"),
    "a source that raises": ("WellbeingConcern", {}, SourceRule(tier="T4"), "tier"),
    "a source cannot lower": ("PoliceEvent", {"handlingCode": "MAY_BE_SHARED"}, SourceRule(tier="T1"), "tier"),
    "a record cannot lower": ("PoliceEvent", {"handlingCode": "MAY_BE_SHARED", "tier": "T1"}, SourceRule(), "tier"),
    "a sensitive service": ("Involvement", {"service": "CAMHS"}, SourceRule(), "tier"),
    "a sensitive service, written otherwise": ("Involvement", {"service": "Sexual Health (north)"}, SourceRule(), "tier"),
    "a sensitive service in the author's role": ("Involvement", {"authorRole": "camhs nurse"}, SourceRule(), "tier"),
    "a source that is a sensitive service": ("Involvement", {}, SourceRule(service="refuge"), "tier"),
    "a sensitive service, written in one word": ("Involvement", {"service": "sexualhealth"}, SourceRule(), "tier"),
    "a sensitive service in an agency's name": ("KeyRole", {"agencyName": "Kirkbrae CAMHS"}, SourceRule(), "tier"),
    "a service for refugees is no refuge": ("Involvement", {"service": "Refugee welcome"}, SourceRule(), None),
    "a handling code from anybody": ("WellbeingConcern", {"handlingCode": "NOT_TO_BE_SHARED"}, SourceRule(), "handling"),
    "a last day nobody can read is for validation": ("WellbeingConcern", {"retainUntil": "01/12/2027"}, SourceRule(), None),
    "an ordinary service": ("Involvement", {"service": "Health visiting"}, SourceRule(), None),
}  # fmt: skip


@pytest.mark.parametrize("case", HIDDEN)
def test_a_record_is_withheld_for_its_true_reason(case: str) -> None:
    kind, fields, source, reason = HIDDEN[case]
    listed = rule(kind, sensitive=frozenset({"camhs", "sexual-health", "substance-use", "refuge"}))

    assert withheld(STANDARD.kinds[kind], fields, listed, source, TODAY) == reason


SINCE = date(2025, 11, 22)
MAY = {"handlingCode": "MAY_BE_SHARED"}
CONDITION = {"handlingCode": "MAY_BE_SHARED_UNDER_CONDITION"}
#: What a clause and what was signed add to the source's own rules: kind, fields, the rule's changes, the source, the reason.
SIGNED = {
    "on the first day of the window": ("WellbeingConcern", {"occurredOn": "2025-11-22"}, {"since": SINCE}, SourceRule(), None),
    "the day before the window": ("WellbeingConcern", {"occurredOn": "2025-11-21"}, {"since": SINCE}, SourceRule(), "history"),
    "a day of a driver": ("WellbeingConcern", {"occurredOn": date(2025, 11, 21)}, {"since": SINCE}, SourceRule(), "history"),
    "a moment of a driver": ("WellbeingConcern", {"occurredOn": datetime(2025, 11, 21, 23, 59)}, {"since": SINCE}, SourceRule(), "history"),
    "a month that begins before the window": ("WellbeingConcern", {"occurredOn": "2025-11"}, {"since": SINCE}, SourceRule(), "history"),
    "a month within the window": ("WellbeingConcern", {"occurredOn": "2025-12"}, {"since": SINCE}, SourceRule(), None),
    "a year that begins before the window": ("WellbeingConcern", {"occurredOn": "2025"}, {"since": SINCE}, SourceRule(), "history"),
    "a year within the window": ("WellbeingConcern", {"occurredOn": "2026"}, {"since": SINCE}, SourceRule(), None),
    "no date and a window": ("WellbeingConcern", {"recordedOn": "2026-11-01"}, {"since": SINCE}, SourceRule(), "history"),
    "no date and no window": ("WellbeingConcern", {}, {}, SourceRule(), None),
    "a date nobody can read is for validation": ("WellbeingConcern", {"occurredOn": "last May"}, {"since": SINCE}, SourceRule(), None),
    "a day still to come": ("HealthContact", {"occurredOn": "2027-01-01"}, {"since": SINCE}, SourceRule(), None),
    "a condition the clause carries": ("PoliceEvent", CONDITION, {"handling": True}, POLICE, None),
    "a condition, and a code it does not reach": ("PoliceEvent", {"handlingCode": "NOT_TO_BE_SHARED"}, {"handling": True}, POLICE, "handling"),
    "a condition, and another code": ("PoliceEvent", {"handlingCode": "OTHER"}, {"handling": True}, POLICE, "handling"),
    "a condition, and no code": ("PoliceEvent", {}, {"handling": True}, POLICE, "handling"),
    "a condition the clause does not carry": ("PoliceEvent", CONDITION, {}, POLICE, "handling"),
    "signed as police, no code": ("WellbeingConcern", {}, {"police": True}, SourceRule(), "handling"),
    "signed as police, may be shared": ("WellbeingConcern", MAY, {"police": True}, SourceRule(), None),
    "police today, though not when it was signed": ("WellbeingConcern", {}, {"police": False}, POLICE, "handling"),
    "signed at a higher tier": ("WellbeingConcern", {}, {"tier": "T4"}, SourceRule(), "tier"),
    "signed at a lower tier than the source has today": ("WellbeingConcern", {}, {"tier": "T1"}, SourceRule(tier="T4"), "tier"),
    "signed at a lower tier than the kind has": ("PoliceEvent", MAY, {"tier": "T1"}, POLICE, "tier"),
    "signed at a tier nobody knows": ("WellbeingConcern", {}, {"tier": "secret"}, SourceRule(), "tier"),
    "shielded by what was signed": ("WellbeingConcern", {}, {"tier": "T5", "existence": "T5"}, SourceRule(), "tier"),
}  # fmt: skip


@pytest.mark.parametrize("case", SIGNED)
def test_a_window_a_condition_and_a_floor_withhold_a_record_for_their_own_reason(case: str) -> None:
    kind, fields, changes, source, reason = SIGNED[case]
    asked = rule(kind, **({"existence": "T4"} if kind == "PoliceEvent" and "tier" not in changes else {}) | changes)

    assert withheld(STANDARD.kinds[kind], fields, asked, source, TODAY) == reason


def test_a_floor_that_was_signed_stands_on_the_record_that_leaves() -> None:
    record = leaves("WellbeingConcern", CONCERN, rule("WellbeingConcern", tier="T4", existence="T4"))

    assert (record.tier, record.summary, [held.field for held in record.held]) == ("T4", None, [None])


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "occurredOn": st.one_of(
            st.dates(date(2000, 1, 1), date(2027, 1, 1)),
            st.dates(date(2000, 1, 1), date(2027, 1, 1)).flatmap(lambda day: st.sampled_from([f"{day}", f"{day:%Y-%m}", f"{day:%Y}"])),
            st.sampled_from(["", "soon", "2026-13", 2026]),
        ),
        "tier": st.sampled_from(["T1", "T2", "T3", "T4", "T5", "secret"]),
        "status": st.sampled_from(["CURRENT", "SUPERSEDED", "OTHER"]),
        "handlingCode": st.sampled_from(["MAY_BE_SHARED", "MAY_BE_SHARED_UNDER_CONDITION", "NOT_TO_BE_SHARED", "OTHER"]),
        "service": st.sampled_from(["CAMHS", "Health visiting"]),
    },
)
WINDOWS = st.dates(date(2000, 1, 1), date(2027, 1, 1))
TIERS = st.sampled_from([None, "T1", "T2", "T3", "T4", "T5"])
SOURCES = st.builds(SourceRule, tier=TIERS, service=st.sampled_from([None, "camhs"]), police=st.booleans())


def rules(kind: str) -> st.SearchStrategy[KindRule]:
    return st.builds(
        lambda **changes: rule(kind, sensitive=frozenset({"camhs"}), **changes),
        existence=st.sampled_from(["T3", "T4", "T5"]), since=st.none() | WINDOWS, handling=st.booleans(), tier=TIERS, police=st.booleans(),
    )  # fmt: skip


KINDS = st.sampled_from(["WellbeingConcern", "PoliceEvent", "Involvement", "ChronologyEvent"])


@given(data=st.data(), kind=KINDS, fields=FIELDS, source=SOURCES, since=WINDOWS)
def test_a_window_or_a_later_one_never_releases_more(
    data: st.DataObject, kind: str, fields: dict[str, Any], source: SourceRule, since: date
) -> None:
    before = data.draw(rules(kind))
    later = since if before.since is None else max(since, before.since)
    after = msgspec.structs.replace(before, since=later)

    assert withheld(STANDARD.kinds[kind], fields, after, source, TODAY) or not withheld(STANDARD.kinds[kind], fields, before, source, TODAY)


@given(data=st.data(), kind=KINDS, fields=FIELDS, source=SOURCES, floor=TIERS)
def test_a_floor_never_lowers_a_tier_and_what_was_signed_as_police_never_releases_more(
    data: st.DataObject, kind: str, fields: dict[str, Any], source: SourceRule, floor: str | None
) -> None:
    bare = msgspec.structs.replace(data.draw(rules(kind)), tier=None, police=False)
    signed = msgspec.structs.replace(bare, tier=floor, police=True)
    tier, raised = (record_tier(STANDARD.kinds[kind], fields, each, source) for each in (bare, signed))

    assert raised == max(tier, floor or "T1")
    assert withheld(STANDARD.kinds[kind], fields, signed, source, TODAY) or not withheld(STANDARD.kinds[kind], fields, bare, source, TODAY)


def test_a_permitted_record_leaves_with_the_values_that_were_wanted_and_says_nothing_of_the_rest() -> None:
    record = leaves("WellbeingConcern", CONCERN, rule("WellbeingConcern", {"occurredOn", "summary"}))

    assert (record.occurredOn, record.summary, record.category, record.held) == ("2026-10-01", CONCERN["summary"], None, ())
    assert (record.id, record.kind, record.tier, record.contact) == ("r1", "WellbeingConcern", "T3", "Desk, 01234 567890")


def test_a_field_no_clause_gives_is_held_whether_or_not_the_source_has_it() -> None:
    with_text = leaves("WellbeingConcern", CONCERN, rule("WellbeingConcern", permitted={"occurredOn"}))
    without = leaves("WellbeingConcern", {"occurredOn": "2026-10-01"}, rule("WellbeingConcern", permitted={"occurredOn"}))

    assert words_of(with_text) == words_of(without)
    assert words_of(with_text)["summary"] == HELD_CLAUSE


def test_text_that_nobody_checked_for_other_people_stays_and_says_so() -> None:
    record = leaves("WellbeingConcern", CONCERN | {"thirdPartyChecked": False}, rule("WellbeingConcern"))

    assert record.summary is None
    assert words_of(record)["summary"] == HELD_TEXT


def test_a_place_withheld_reads_the_same_as_a_place_no_clause_gives() -> None:
    fields = {"town": "Kirkhaven", "givenName": "Jo"}
    shielded = leaves("PersonDetails", fields, rule("PersonDetails"), place=False)
    no_clause = leaves("PersonDetails", fields, rule("PersonDetails", permitted=_not_places("PersonDetails")))

    assert shielded == no_clause
    assert (shielded.town, words_of(shielded)["town"]) == (None, HELD_PLACE)


def test_a_shield_that_comes_late_leaves_a_record_as_it_would_have_left_under_the_shield() -> None:
    fields = {"town": "Kirkhaven", "givenName": "Jo"}
    early, wanted = leaves("PersonDetails", fields, rule("PersonDetails")), rule("PersonDetails").wanted

    late = without_place(STANDARD.kinds["PersonDetails"], early, wanted, STANDARD, "T3", TODAY)

    assert (early.town, late.town, late.givenName) == ("Kirkhaven", None, "Jo")
    assert late == leaves("PersonDetails", fields, rule("PersonDetails"), place=False)


def test_a_sensitive_service_inside_a_record_does_not_leave_it() -> None:
    actions = [{"what": "Weekly talk", "agencyName": "Kirkbrae CAMHS"}, {"what": "Morning check-in", "agencyName": "Hillview School"}]
    plan = {"planType": "MULTI_AGENCY", "actions": actions, "thirdPartyChecked": True}
    record = leaves("ChildPlan", plan, rule("ChildPlan", sensitive=frozenset({"camhs"})))

    assert [action.what for action in record.actions] == ["Morning check-in"]


def test_above_the_ceiling_only_a_sign_that_there_is_a_record_leaves() -> None:
    record = leaves("WellbeingConcern", CONCERN | {"tier": "T4"}, rule("WellbeingConcern", existence="T4"))
    said = {name: value for name, value in msgspec.structs.asdict(record).items() if value is not None}

    assert set(said) == {"id", "kind", "tier", "contact", "provenance", "held"}
    assert [held.field for held in record.held] == [None]


def test_a_sensitive_field_of_an_ordinary_record_is_held() -> None:
    record = leaves("HealthContact", {"detail": "Asthma review.", "thirdPartyChecked": True}, rule("HealthContact"))

    assert (record.detail, words_of(record)["detail"]) == (None, HELD_TIER)


def test_the_day_of_a_contact_still_to_come_is_a_place() -> None:
    record = leaves("HealthContact", {"occurredOn": "2026-12-01"}, rule("HealthContact"), place=False)

    assert (record.occurredOn, words_of(record)["occurredOn"]) == (None, HELD_PLACE)


@given(
    kind=st.sampled_from(sorted(STANDARD.kinds)),
    data=st.data(),
    place=st.booleans(),
    ceiling=st.sampled_from(["T1", "T2", "T3", "T4"]),
)
def test_nothing_leaves_that_was_not_both_wanted_and_permitted(kind: str, data: st.DataObject, place: bool, ceiling: str) -> None:
    named = sorted(STANDARD.kinds[kind].given - {"id", "tier"})
    wanted = data.draw(st.frozensets(st.sampled_from(named), min_size=1))
    permitted = data.draw(st.frozensets(st.sampled_from(named)))
    texts = {name: "x1" for name in named if STANDARD.kinds[kind].fields[name].type == "String"}
    record = leaves(kind, texts, rule(kind, set(wanted), set(permitted), ceiling=ceiling, existence="T4"), place=place)

    shown = {name for name in named if getattr(record, name) is not None}

    assert shown <= wanted & permitted
    assert place or not any(STANDARD.kinds[kind].fields[name].location for name in shown)


def _not_places(kind: str) -> set[str]:
    return {
        name
        for name, field in STANDARD.kinds[kind].fields.items()
        if not field.location and name in STANDARD.kinds[kind].given - {"id", "tier"}
    }
