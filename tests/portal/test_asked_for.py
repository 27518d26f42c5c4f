"""What a clause asks for before it shows anything: decision tables, one row for each asking, the clause or the reason as its result."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.errors import ConfigurationError
from portal.agreements import RuleSet, load_agreements
from portal.agreements.told import told_of
from portal.clauses import ON_CONDITION, TELL_AFTER
from portal.decisions import decide, recheck, uphold
from portal.explaining import explain
from portal.model import Breaking, Circumstances, Entry, Plan, Practitioner, Responsibility, Ruling
from portal.telling import of_declaring
from tests.portal.agreement_cases import ALL_PARTNERS, NOON, STANDARD, clause, page, plan, practitioner, sign, signed, vocabulary, write

POLICE, NHS, SCHOOL = "northshire-police", "northshire-nhs", "hillview-mis"
CONCERN = (POLICE, "WellbeingConcern", ("summary", "occurredOn"))
#: Twelve years old in November 2026.
JO = "2014-02-03"
WORDS = vocabulary(
    sources={
        **vocabulary().sources,
        SCHOOL: msgspec.structs.replace(vocabulary().sources[SCHOOL], vouches=True),
        NHS: msgspec.structs.replace(vocabulary().sources[NHS], vouches=True),
    },
)


def rules(folder: Path, *conditions: str, **changed: str | None) -> RuleSet:
    """One clause for each table of conditions, all giving the same."""
    clauses = [clause(number, conditions=each, **changed) for number, each in enumerate(conditions, 1)]
    return signed(folder, page(*clauses, partners=ALL_PARTNERS), words=WORDS).rules


def asking(**changed: Any) -> Plan:
    """A question about a concern; ``reason``, ``declared`` and ``informed`` are the asker's."""
    asked = plan(CONCERN)
    return msgspec.structs.replace(asked, question=msgspec.structs.replace(asked.question, **changed))


def morag(**changed: Any) -> Practitioner:
    return msgspec.structs.replace(practitioner(), **changed)


#: Morag's own school can vouch for her, and the health service.
SPEAKS = {"own-agency": SCHOOL, "other-agency": NHS}


def known(**changed: Any) -> Circumstances:
    """What is known of Jo; who has vouched, and who is silent, as whom each speaks."""
    spoken = {name: {SPEAKS[each]: each for each in changed[name]} for name in ("vouched", "mute") if changed.get(name) is not None}
    return Circumstances(**{"births": (JO,), "unfound": False, **changed, **spoken})


def ruled(rules: RuleSet, asked: Plan | None = None, who: Practitioner | None = None, about: Circumstances | None = None) -> Ruling:
    return decide(asked or asking(), who or morag(), rules, NOON, about or known()).rulings[0]


def outcome(ruling: Ruling) -> tuple[bool, str | None, str | None]:
    return ruling.permitted, ruling.reason, ruling.state


# What belongs to the asking: the same for every child, and said


ASKINGS = [
    ('{ reason = "required" }', {}, {}, "reason-missing"),
    ('{ reason = "required" }', {"reason": "Bruises seen."}, {}, None),
    ('{ assurance = "aal2" }', {}, {"assured": ("aal1",)}, "assurance"),
    ('{ assurance = "aal2" }', {}, {"assured": ("aal1", "aal2")}, None),
    ('{ informing = "before" }', {}, {}, "informing"),
    ('{ informing = "before" }', {"informed": "NOT_YET"}, {}, "informing"),
    ('{ informing = "before" }', {"informed": "YES"}, {}, None),
    ('{ informing = "after" }', {}, {}, None),
]


@pytest.mark.parametrize(("conditions", "asked", "who", "reason"), ASKINGS)
def test_what_a_clause_asks_of_the_asker_is_kept_and_said(
    tmp_path: Path, conditions: str, asked: dict[str, Any], who: dict[str, Any], reason: str | None
) -> None:
    ruling = ruled(rules(tmp_path, conditions), asking(**asked), morag(**who))
    assert outcome(ruling) == ((True, None, None) if reason is None else (False, reason, "NOT_PERMITTED"))
    assert (ruling.clause or ruling.nearest) == "ISA-07 §1"


def test_what_comes_with_what_is_shown_is_said_on_the_view(tmp_path: Path) -> None:
    told = '{ informing = "after", notify = ["northshire-police"] }'
    decision = decide(asking(), morag(), rules(tmp_path, told), NOON, known())
    assert decision.duties == (TELL_AFTER,)
    assert decision.rulings[0].notify == ("northshire-police",)


GLASS = '{ break_glass = { reasons = ["immediate-danger"], minutes = 60 } }'
BROKEN = Breaking(id="b-1", reason="immediate-danger", at=NOON, until=NOON)


@pytest.mark.parametrize(
    ("breaking", "at", "permitted"),
    [
        pytest.param(None, NOON, False, id="unbroken"),
        pytest.param(BROKEN, NOON, True, id="at-once"),
        pytest.param(BROKEN, NOON + timedelta(minutes=60, seconds=-1), True, id="in-its-last-second"),
        pytest.param(BROKEN, NOON + timedelta(minutes=60), False, id="when-its-time-is-over"),
        pytest.param(msgspec.structs.replace(BROKEN, reason="missing-child"), NOON, False, id="for-a-reason-of-another-clause"),
    ],
)
def test_a_clause_under_glass_opens_for_its_reasons_and_its_minutes(
    tmp_path: Path, breaking: Breaking | None, at: datetime, permitted: bool
) -> None:
    ruling = decide(asking(), morag(), rules(tmp_path, GLASS), at, known(breaking=breaking)).rulings[0]
    assert outcome(ruling) == ((True, None, None) if permitted else (False, "break-glass", "NOT_PERMITTED"))
    assert not permitted or (ruling.broken, ruling.minutes) == (True, 60)


def test_the_offer_to_break_the_glass_comes_before_another_clause_as_near(tmp_path: Path) -> None:
    text = page(clause(roles='["duty_officer"]'), clause(2, conditions=GLASS[:-1] + ', reason = "required" }'))
    ruling = ruled(signed(tmp_path, text, words=WORDS).rules)
    assert (ruling.reason, ruling.nearest) == ("break-glass", "ISA-07 §2")


# Consent: a part of the decision, where the clause rests on it


CONSENT = '{ consent = "required" }'


def said(rules: RuleSet, state: str, party: str = "YOUNG_PERSON", *, clause: int | None = 1, version: int = 1, **changed: Any) -> Entry:
    told = next(term.told[clause] for term in rules.terms if clause in term.told)
    responsible = None if party == "YOUNG_PERSON" else Responsibility(rests_on="sealed", on=date(2026, 10, 1))
    at = datetime(2026, 10, 5, 12, tzinfo=UTC)
    entry: dict[str, Any] = {
        "id": f"{party}-{clause}", "version": version, "what": "consent", "state": state, "agreement": "ISA-07", "clause": clause,
        "party": party, "at": at, "told": told, "responsibility": responsible,
    }  # fmt: skip
    return Entry(**{**entry, **changed})


def test_consent_given_is_cited_with_its_version(tmp_path: Path) -> None:
    consenting = rules(tmp_path, CONSENT)
    ruling = ruled(consenting, about=known(recorded=(said(consenting, "given", version=2),)))
    assert (outcome(ruling), ruling.consent) == ((True, None, None), "given@2")


@pytest.mark.parametrize(("state", "consent"), [(None, "not_sought"), ("refused", "refused@1"), ("withdrawn", "withdrawn@1")])
def test_never_sought_refused_and_withdrawn_read_alike(tmp_path: Path, state: str | None, consent: str) -> None:
    consenting = rules(tmp_path, CONSENT)
    entries = (said(consenting, state),) if state else ()
    ruling = ruled(consenting, about=known(recorded=entries))
    assert outcome(ruling) == (False, "consent", "CONSENT_NEEDED")
    assert (ruling.nearest, ruling.consent) == ("ISA-07 §1", consent), "the log alone tells them apart"
    assert msgspec.structs.replace(ruling, consent=None) == msgspec.structs.replace(ruled(consenting), consent=None)


def test_nobodys_consent_changes_a_clause_that_does_not_rest_on_it(tmp_path: Path) -> None:
    plain = rules(tmp_path, "{}")
    for state in ("given", "refused", "withdrawn"):
        assert ruled(plain, about=known(recorded=(said(plain, state),))).permitted
    assert ruled(plain, about=known(recorded=(said(plain, "raised", what="objection"),))).permitted


def test_a_consent_to_other_words_is_none(tmp_path: Path) -> None:
    consenting = rules(tmp_path, CONSENT)
    told = said(consenting, "given", told="0" * 64)
    assert ruled(consenting, about=known(recorded=(told,))).consent == "not_sought"


def test_consent_to_the_whole_agreement_counts_and_a_refusal_of_the_part_weighs_more(tmp_path: Path) -> None:
    consenting = rules(tmp_path, CONSENT)
    whole, part = said(consenting, "given", clause=None), said(consenting, "refused")
    assert ruled(consenting, about=known(recorded=(whole,))).permitted
    assert ruled(consenting, about=known(recorded=(whole, part))).consent == "refused@1"


def test_of_what_one_party_said_of_the_whole_and_of_a_part_the_last_counts(tmp_path: Path) -> None:
    consenting = rules(tmp_path, CONSENT)
    later = datetime(2026, 10, 6, 12, tzinfo=UTC)
    gone, again = said(consenting, "withdrawn", clause=None, version=2), said(consenting, "given", at=later)
    assert ruled(consenting, about=known(recorded=(gone, again))).consent == "given@1"
    gone, before = said(consenting, "withdrawn", clause=None, version=2, at=later), said(consenting, "given")
    assert ruled(consenting, about=known(recorded=(gone, before))).consent == "withdrawn@2"


def test_where_another_clause_does_without_consent_that_one_is_cited(tmp_path: Path) -> None:
    two = rules(tmp_path, CONSENT, "{}")
    assert ruled(two).clause == "ISA-07 §2"
    assert ruled(two, about=known(recorded=(said(two, "given"),))).clause == "ISA-07 §1", "both do: the lower is cited"


def test_a_registry_that_cannot_be_read_lets_nothing_through_that_rests_on_it(tmp_path: Path) -> None:
    for folder, conditions in (("a", CONSENT), ("b", '{ objection = "counts" }')):
        assert outcome(ruled(rules(tmp_path / folder, conditions), about=known(readable=False))) == (False, "registry-silent", "NOT_ASKED")
    assert ruled(rules(tmp_path / "c", "{}"), about=known(readable=False)).permitted


# What rests on this child is told to nobody


OBJECTION = '{ objection = "counts" }'


def test_an_objection_reads_as_the_answer_about_a_child_nobody_knows(tmp_path: Path) -> None:
    objecting = rules(tmp_path, OBJECTION)
    raised = said(objecting, "raised", what="objection")
    ruling = ruled(objecting, about=known(recorded=(raised,)))
    assert (outcome(ruling), ruling.nearest) == ((False, "objection", "NOTHING_TO_SHOW"), "ISA-07 §1")
    assert ruled(objecting, about=known(recorded=(msgspec.structs.replace(raised, state="withdrawn"),))).permitted


def test_where_two_clauses_give_the_same_the_one_is_cited_against_which_nobody_can_object(tmp_path: Path) -> None:
    assert ruled(rules(tmp_path, OBJECTION, "{}")).clause == "ISA-07 §2"


LESS = '{ WellbeingConcern = { fields = ["occurredOn"], ceiling = "T3" } }'


@pytest.mark.parametrize(
    "beside",
    [
        pytest.param(clause(2, kinds=LESS), id="one-that-gives-less"),
        pytest.param(clause(2, conditions=OBJECTION), id="one-to-which-one-can-object-apart"),
        pytest.param(clause(2, conditions='{ objection = "counts", consent = "required" }'), id="one-that-rests-on-consent-as-well"),
    ],
)
def test_a_clause_beside_one_under_which_an_objection_counts_must_not_tell_of_it(tmp_path: Path, beside: str) -> None:
    with pytest.raises(ConfigurationError, match="CV244"):
        signed(tmp_path, page(clause(conditions=OBJECTION), beside), words=WORDS)


def test_an_objecting_child_reads_as_one_nobody_knows_where_another_clause_asks_for_consent(tmp_path: Path) -> None:
    two = signed(tmp_path, page(clause(conditions=OBJECTION), clause(2, conditions=CONSENT)), words=WORDS).rules
    raised = said(two, "raised", what="objection")
    plain, objecting = ruled(two), ruled(two, about=known(recorded=(raised,)))
    assert (plain.permitted, plain.clause) == (True, "ISA-07 §1")
    assert (outcome(objecting), objecting.nearest) == ((False, "objection", "NOTHING_TO_SHOW"), "ISA-07 §1")


def test_a_no_is_not_lost_when_a_clause_gets_another_number_or_other_words_or_another_agreement_takes_its_place(tmp_path: Path) -> None:
    before = rules(tmp_path / "before", OBJECTION)
    raised = known(recorded=(said(before, "raised", what="objection"),))
    other = clause(1, roles='["duty_officer"]')
    moved = signed(tmp_path / "moved", page(other, clause(2, conditions=OBJECTION), version='"4"'), words=WORDS).rules
    assert ruled(moved, about=raised).reason == "objection"
    reworded = rules(tmp_path / "reworded", '{ objection = "counts", history = "P1Y" }')
    assert ruled(reworded, about=raised).reason == "objection"
    path = write(tmp_path / "instead", page(clause(conditions=OBJECTION), id='"ISA-08"', supersedes='["ISA-07@3"]'), "isa-08")
    sign(path, WORDS)
    assert ruled(load_agreements(path.parent, WORDS).rules, about=raised).reason == "objection"


def test_a_no_to_one_clause_is_no_no_to_another_that_says_something_else(tmp_path: Path) -> None:
    two = page(clause(roles='["duty_officer"]', conditions=OBJECTION), clause(2, conditions=OBJECTION))
    agreed = signed(tmp_path, two, words=WORDS).rules
    raised = known(recorded=(said(agreed, "raised", clause=1, what="objection"),))
    assert ruled(agreed, about=raised).permitted
    assert ruled(agreed, who=practitioner("duty_officer"), about=raised).reason == "objection"


def test_places_duties_and_warnings_come_with_a_no_that_rests_on_the_child(tmp_path: Path) -> None:
    """Else their absence would tell an objecting child from one nobody knows."""
    located = next(name for name, field in STANDARD.kinds["WellbeingConcern"].fields.items() if field.location)
    kinds = f'{{ WellbeingConcern = {{ fields = ["summary", "{located}"], ceiling = "T3" }} }}'
    objecting = rules(tmp_path, '{ objection = "counts", informing = "after" }', kinds=kinds)
    raised = known(recorded=(said(objecting, "raised", what="objection"),))
    plain, objected = (decide(asking(), morag(), objecting, NOON, each) for each in (known(), raised))
    assert (plain.place, plain.duties, plain.warnings) == (objected.place, objected.duties, objected.warnings) == (True, (TELL_AFTER,), ())
    assert plain.agreements == objected.agreements
    assert (len(plain.permitted), len(objected.permitted), len(objected.open)) == (1, 0, 1)


@pytest.mark.parametrize(
    ("births", "unfound", "permitted"),
    [
        pytest.param((JO,), False, True, id="twelve"),
        pytest.param(("2008-11-22",), False, False, id="eighteen-today"),
        pytest.param(("2008-11-23",), False, True, id="eighteen-tomorrow"),
        pytest.param(("2008-11",), False, False, id="perhaps-eighteen"),
        pytest.param(("2008",), False, False, id="perhaps-eighteen-this-year"),
        pytest.param(("2014-02-03", "2008-01-01"), False, False, id="two-birth-dates-one-of-them-an-adults"),
        pytest.param((), True, True, id="none-typed-and-nobody-looked-for-yet"),
        pytest.param((), False, False, id="none-known-to-anybody"),
    ],
)
def test_a_clause_about_children_ends_with_every_birthday_that_may_be_the_eighteenth(
    tmp_path: Path, births: tuple[str, ...], unfound: bool, permitted: bool
) -> None:
    ruling = ruled(rules(tmp_path, "{}"), about=known(births=births, unfound=unfound))
    assert outcome(ruling) == ((True, None, None) if permitted else (False, "ages", "NOTHING_TO_SHOW"))


def test_until_lets_a_clause_go_on_and_ages_bound_it(tmp_path: Path) -> None:
    until = rules(tmp_path / "until", "{ until = 26 }")
    assert ruled(until, about=known(births=("2001-01-01",))).permitted
    assert not ruled(until, about=known(births=("2000-11-22",))).permitted
    young = rules(tmp_path / "young", "{ ages = [4, 12] }")
    assert [ruled(young, about=known(births=(born,))).permitted for born in ("2022-11-22", "2022-11-23", "2014-11-22", "2014-11-23")] == [
        True, False, False, True,
    ]  # fmt: skip


# Who says that the asker works with the child


OWN, OTHER, DECLARED = ('{ relationship = "own-agency" }', '{ relationship = "other-agency" }', '{ relationship = "declared" }')
SAYS = {"declared": True, "reason": "Her class teacher."}
VOUCHING = [
    (OWN, None, (), {}, None),
    (OWN, ("own-agency",), (), {}, None),
    (OWN, ("other-agency",), (), {}, None),
    (OWN, (), (), {}, "relationship"),
    (OWN, (), (), SAYS, "relationship"),
    (OWN, (), ("own-agency",), {}, "voucher-silent"),
    (OWN, (), ("own-agency",), SAYS, None),
    (OWN, (), ("other-agency",), {"declared": True}, "voucher-silent"),
    (OTHER, ("own-agency",), (), {}, "relationship"),
    (OTHER, ("own-agency",), ("own-agency",), SAYS, "relationship"),
    (OTHER, ("own-agency",), ("other-agency",), {}, "voucher-silent"),
    (OTHER, (), ("other-agency",), SAYS, None),
    (OTHER, ("other-agency",), (), {}, None),
    (DECLARED, (), (), {}, "voucher-silent"),
    (DECLARED, (), (), SAYS, None),
    (DECLARED, ("own-agency",), (), {}, None),
]


@pytest.mark.parametrize(("conditions", "vouched", "mute", "asked", "reason"), VOUCHING)
def test_a_relationship_rests_on_who_vouches(
    tmp_path: Path, conditions: str, vouched: tuple[Any, ...] | None, mute: tuple[Any, ...], asked: dict[str, Any], reason: str | None
) -> None:
    about = known(vouched=None if vouched is None else frozenset(vouched), mute=frozenset(mute), unfound=vouched is None)
    ruling = ruled(rules(tmp_path, conditions), asking(**asked), about=about)
    state = {"voucher-silent": "NOT_ASKED", "relationship": "NOTHING_TO_SHOW", None: None}[reason]
    assert outcome(ruling) == (reason is None, reason, state)


@pytest.mark.parametrize(
    ("vouched", "mute", "voucher"),
    [(("own-agency",), (), "own-agency"), (("own-agency", "other-agency"), (), "other-agency"), ((), ("own-agency",), "declared")],
)
def test_the_strongest_voucher_is_what_the_decision_rests_on(tmp_path: Path, vouched: Any, mute: Any, voucher: str) -> None:
    about = known(vouched=frozenset(vouched), mute=frozenset(mute))
    assert ruled(rules(tmp_path, OWN), asking(**SAYS), about=about).voucher == voucher


def test_who_vouches_without_being_taken_is_not_who_it_rests_on(tmp_path: Path) -> None:
    """Morag's own school vouches for her; the clause wants another agency's word, and that agency is silent: it is her own that counts."""
    about = known(vouched=frozenset({"own-agency"}), mute=frozenset({"other-agency"}))
    decision = decide(asking(**SAYS), morag(), rules(tmp_path, OTHER), NOON, about)
    assert decision.rulings[0].voucher == "declared"
    assert {alert.to for alert in of_declaring(decision, morag(), {POLICE: POLICE}, "01M")} == {POLICE, "hillview-school"}


def test_a_source_that_partners_have_not_signed_as_vouching_vouches_for_nobody(tmp_path: Path) -> None:
    wanting = rules(tmp_path, OWN)
    assert not ruled(wanting, about=msgspec.structs.replace(known(), vouched={"new-school": "own-agency"})).permitted
    assert decide(asking(), morag(), wanting, NOON, known(unfound=True)).vouchers == {SCHOOL, NHS}


def test_a_clause_that_asks_for_a_voucher_does_not_open_where_none_was_asked(tmp_path: Path) -> None:
    """The first clause fell for the child's age, once it was found; nobody was asked who works with it."""
    two = rules(tmp_path, "{ ages = [0, 12] }", OTHER)
    first = decide(asking(), morag(), two, NOON, known(births=(), unfound=True))
    assert first.rulings[0].clause == "ISA-07 §1"
    then = recheck(first, asking(), morag(), two, NOON, known(births=("2011-01-01",)))
    assert not then.rulings[0].permitted


def test_a_silent_voucher_shows_for_an_objecting_child_as_for_any_other(tmp_path: Path) -> None:
    both = rules(tmp_path, '{ objection = "counts", relationship = "own-agency" }')
    first, silent = known(recorded=(said(both, "raised", what="objection"),)), {"vouched": {}, "mute": {SCHOOL: "own-agency"}}
    for about in (known(unfound=True), msgspec.structs.replace(first, unfound=True)):
        before = decide(asking(), morag(), both, NOON, about)
        assert before.wants_voucher
        after = recheck(before, asking(), morag(), both, NOON, msgspec.structs.replace(about, unfound=False, **silent))
        assert outcome(after.rulings[0]) == (False, "voucher-silent", "NOT_ASKED")


# What is learnt later only takes away


def test_rechecking_adds_nothing_and_falls_back_on_a_clause_that_asks_for_less(tmp_path: Path) -> None:
    little = '{ WellbeingConcern = { fields = ["occurredOn", "strengths"], ceiling = "T3" } }'
    text = page(clause(conditions=OWN), clause(2, kinds=little))
    two = signed(tmp_path, text, words=WORDS).rules
    before = decide(asking(), morag(), two, NOON, known(unfound=True))
    assert (before.rulings[0].clause, before.rulings[0].fields) == ("ISA-07 §1", {"summary", "occurredOn"})
    after = recheck(before, asking(), morag(), two, NOON, known(vouched=frozenset()))
    assert (after.rulings[0].clause, after.rulings[0].fields) == ("ISA-07 §2", {"occurredOn"})


def test_a_window_and_a_condition_of_the_police_are_never_widened_by_rechecking(tmp_path: Path) -> None:
    two = rules(tmp_path, '{ relationship = "own-agency", history = "P1Y" }', "{}")
    before = decide(asking(), morag(), two, NOON, known(unfound=True))
    after = recheck(before, asking(), morag(), two, NOON, known(vouched=frozenset()))
    assert (before.rulings[0].since, after.rulings[0].since) == (date(2025, 11, 22), date(2025, 11, 22))


def test_a_clause_under_glass_does_not_take_over_once_it_is_settled_who_is_told(tmp_path: Path) -> None:
    two = signed(tmp_path, page(clause(conditions=OWN), clause(2, conditions=GLASS, kinds=LESS)), words=WORDS).rules
    first = decide(asking(), morag(), two, NOON, known(breaking=BROKEN, unfound=True))
    then = recheck(first, asking(), morag(), two, NOON, known(breaking=BROKEN, vouched=frozenset()))
    assert (first.rulings[0].clause, outcome(then.rulings[0])) == ("ISA-07 §1", (False, "changed", "NOT_PERMITTED"))


def test_a_no_stays_a_no_when_more_is_learnt(tmp_path: Path) -> None:
    consenting = rules(tmp_path, CONSENT)
    before = decide(asking(), morag(), consenting, NOON, known())
    after = recheck(before, asking(), morag(), consenting, NOON, known(recorded=(said(consenting, "given"),)))
    assert after.rulings == before.rulings


def test_what_was_withdrawn_meanwhile_stands_against_its_own_clause(tmp_path: Path) -> None:
    consenting = rules(tmp_path, CONSENT)
    given = said(consenting, "given")
    before = decide(asking(), morag(), consenting, NOON, known(recorded=(given,)))
    assert uphold(before, asking(), morag(), consenting, NOON, known(recorded=(given,))).rulings == before.rulings
    withdrawn = msgspec.structs.replace(given, state="withdrawn", version=2)
    after = uphold(before, asking(), morag(), consenting, NOON, known(recorded=(withdrawn,)))
    assert (outcome(after.rulings[0]), after.rulings[0].consent) == ((False, "consent", "CONSENT_NEEDED"), "withdrawn@2")


def test_an_agreement_that_changed_meanwhile_lets_nothing_through_that_it_gives_no_more(tmp_path: Path) -> None:
    before_rules = rules(tmp_path / "before", "{}")
    before = decide(asking(), morag(), before_rules, NOON, known())
    after_rules = signed(tmp_path / "after", page(clause(kinds=LESS), version='"4"'), words=WORDS).rules
    after = uphold(before, asking(), morag(), after_rules, NOON, known())
    assert outcome(after.rulings[0]) == (False, "changed", "NOT_PERMITTED")


def test_a_place_that_a_clause_gives_no_more_is_not_upheld(tmp_path: Path) -> None:
    located = next(name for name, field in STANDARD.kinds["WellbeingConcern"].fields.items() if field.location)
    giving = f'{{ WellbeingConcern = {{ fields = ["summary", "occurredOn", "{located}"], ceiling = "T3" }} }}'
    before = decide(asking(), morag(), rules(tmp_path / "before", "{}", kinds=giving), NOON, known())
    without = signed(tmp_path / "after", page(version='"4"'), words=WORDS).rules
    after = uphold(before, asking(), morag(), without, NOON, known())
    assert (before.place, after.place, after.rulings[0].permitted) == (True, False, True)


# The rest of a clause


def test_a_history_reaches_back_from_today(tmp_path: Path) -> None:
    assert ruled(rules(tmp_path, '{ history = "P5Y" }')).since == date(2021, 11, 22)


def test_a_condition_of_the_police_is_carried_and_said(tmp_path: Path) -> None:
    sources = {**WORDS.sources, POLICE: msgspec.structs.replace(WORDS.sources[POLICE], police=True)}
    words = msgspec.structs.replace(WORDS, sources=sources)
    basis = '{ article6 = "e", article9 = "g", part3 = "s.35", power = "Police and Fire Reform (Scotland) Act 2012 s.32" }'
    text = page(clause(conditions='{ handling = "not to be passed to the family" }', basis=basis))
    decision = decide(asking(), morag(), signed(tmp_path, text, words=words).rules, NOON, known())
    assert (decision.rulings[0].handling, decision.rulings[0].police) == (True, True)
    assert decision.duties == (ON_CONDITION.format(handling="not to be passed to the family"),)


def test_explaining_says_in_words_what_a_clause_asks_for_besides(tmp_path: Path) -> None:
    asked = rules(tmp_path, '{ consent = "required", relationship = "own-agency", reason = "required", assurance = "aal2" }')
    lines = explain(asked, STANDARD, WORDS.sources, "child-protection", ["named_person"], "hillview-school", ["WellbeingConcern"], NOON)
    (words,) = {line.words for line in lines if line.permitted}
    assert all(part in words for part in ("ISA-07 §1 lets", "consent", "works with the child", "reason", "aal2"))


def test_told_is_what_the_sentence_says(tmp_path: Path) -> None:
    agreements = signed(tmp_path, page(clause(conditions=CONSENT)), words=WORDS)
    assert agreements.rules.terms[0].told == {1: told_of(agreements.all[0], 1), None: told_of(agreements.all[0], None)}
