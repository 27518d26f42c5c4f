"""Which source may learn a number from which, and which numbers pass: decision tables, each row with the rule it follows from."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from connectors import Identifier, Person
from connectors.connector import Subject
from connectors.finding import Finding, Offer
from connectors.matching import Match, MatchBand, Matcher
from connectors.shields import shielded
from portal.agreements import RuleSet, load_agreements
from portal.agreements.rules import rule_set
from portal.agreements.suspending import suspend
from portal.cli import main
from portal.demo import FEDERATION
from portal.demo.sign import sign_all
from portal.federation import load_federation
from portal.model import Plan
from portal.outcomes import Outcome
from portal.passing import Passes, certain_numbers, with_second_wave
from portal.settling import unlearnt
from tests.documentation import DOCS, blocks
from tests.portal.agreement_cases import (
    ALL_PARTNERS,
    HEADER,
    KEYS,
    NOON,
    SIGNED_AT,
    STANDARD,
    block,
    clause,
    noon,
    page,
    plan,
    sign,
    signed,
    vocabulary,
    write,
)

NHS, SCHOOL, POLICE, WARD = "northshire-nhs", "hillview-mis", "northshire-police", "northshire-ward"
PLAIN = vocabulary().sources
WORDS = vocabulary(
    sources={
        **PLAIN,
        NHS: msgspec.structs.replace(PLAIN[NHS], kinds=PLAIN[NHS].kinds | {"Identifier"}, vouches=True),
        POLICE: msgspec.structs.replace(PLAIN[POLICE], kinds=PLAIN[POLICE].kinds | {"Identifier"}, police=True),
        WARD: msgspec.structs.replace(PLAIN[NHS], kinds=frozenset({"Identifier"}), tier="T4"),
    },
)
NUMBERS = '{ Identifier = { fields = ["system", "value"], ceiling = "T2" } }'
PAGE = DOCS / "how-to" / "let-a-number-be-passed-on.md"
HANDLING = "Only to keep a child safe"


def shows(number: int = 1, **changed: str | None) -> str:
    """The health service shows the school its numbers."""
    told = {"from_": '["northshire-nhs"]', "kinds": NUMBERS, "when": None, **changed}
    return clause(number, "Numbers", **told)


def rules(folder: Path, *clauses: str, **header: str | None) -> RuleSet:
    return signed(folder, page(*clauses, partners=ALL_PARTNERS, **header), words=WORDS).rules


def passes(rules: RuleSet, **changed: Any) -> Passes:
    agencies = {id: source.agency for id, source in WORDS.sources.items()}
    plain = Passes(
        rules=rules, agency_of=agencies, roles=WORDS.roles, purpose="child-protection", now=NOON, tier=STANDARD.kinds["Identifier"].tier,
        births=("2015-03-01",),
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changed)


def test_numbers_pass_under_a_clause_that_shows_them_as_it_stands(tmp_path: Path) -> None:
    may = passes(rules(tmp_path, shows())).may
    assert may(NHS, SCHOOL)
    assert not may(NHS, POLICE), "the clause is not for the police"
    assert not may(SCHOOL, NHS), "nor does it work backwards"


CONDITIONS = [
    pytest.param('{ consent = "required" }', id="consent:-whose-it-is-cannot-be-seen-to-between-two-systems"),
    pytest.param('{ objection = "counts" }', id="objection:-it-is-held-against-the-clause"),
    pytest.param('{ relationship = "declared" }', id="relationship:-nobody-at-the-taker-works-with-the-child-yet"),
    pytest.param('{ relationship = "other-agency" }', id="voucher:-nobody-vouches-for-a-system"),
    pytest.param('{ reason = "required" }', id="reason:-a-system-gives-none"),
    pytest.param('{ assurance = "aal2" }', id="assurance:-a-system-does-not-sign-in"),
    pytest.param('{ informing = "before" }', id="informing:-the-family-was-not-told-of-this"),
    pytest.param('{ informing = "after" }', id="informing-after:-nobody-would-tell-it"),
    pytest.param('{ notify = ["northshire-police"] }', id="notify:-nothing-was-shown-to-anybody"),
    pytest.param('{ break_glass = { reasons = ["immediate-danger"] } }', id="break-glass:-it-is-never-broken-for-a-system"),
]


@pytest.mark.parametrize("conditions", CONDITIONS)
def test_no_number_passes_under_a_clause_that_asks_for_more_than_an_age(tmp_path: Path, conditions: str) -> None:
    asking = rules(tmp_path / "asking", shows(conditions=conditions))
    assert not passes(asking).may(NHS, SCHOOL)
    assert passes(rules(tmp_path / "both", shows(conditions=conditions), shows(2))).may(NHS, SCHOOL), "one plain clause is enough"


def test_no_number_of_the_police_passes_for_it_has_no_handling_code(tmp_path: Path) -> None:
    police = {"from_": '["northshire-police"]', "basis": '{ article6 = "e", part3 = "s.36(4)", power = "PFR(S)A 2012 s.32" }'}
    handled = shows(**police, conditions=f'{{ handling = "{HANDLING}" }}')
    assert not passes(rules(tmp_path / "handled", handled)).may(POLICE, SCHOOL)
    assert not passes(rules(tmp_path / "plain", shows(**police))).may(POLICE, SCHOOL)


AGES = [
    ('{ ages = [4, 12] }', ("2015-03-01",), True, "eleven"),
    ('{ ages = [4, 11] }', ("2015-03-01",), False, "the eleventh birthday is past"),
    ('{ ages = [4, 12] }', ("2015-03-01", "2010-03-01"), False, "every birth date that it may be must fit"),
    ('{ ages = [4, 12] }', (), False, "nobody knows it"),
    ('{ ages = [4, 12] }', None, True, "nobody was looked for yet: it is looked at once more"),
    ("{}", ("2007-03-01",), False, "a clause is for children"),
    ("{ until = 21 }", ("2007-03-01",), True, "until the day it names"),
]  # fmt: skip


@pytest.mark.parametrize(("conditions", "births", "may", "why"), AGES)
def test_the_child_has_the_age_that_the_clause_takes(tmp_path: Path, conditions: str, births: Any, may: bool, why: str) -> None:
    assert passes(rules(tmp_path, shows(conditions=conditions)), births=births).may(NHS, SCHOOL) is may, why


GIVES = [
    ('{ Identifier = { fields = "all", ceiling = "T2" } }', True, "every field"),
    ('{ Identifier = { fields = ["value"], ceiling = "T2" } }', False, "a number without its system"),
    ('{ Identifier = { fields = ["system", "verification"], ceiling = "T2" } }', False, "that there is one"),
    ('{ PersonDetails = { fields = ["givenName"], ceiling = "T2" } }', False, "another kind"),
]


@pytest.mark.parametrize(("kinds", "may", "what"), GIVES)
def test_the_clause_gives_the_number_with_its_system(tmp_path: Path, kinds: str, may: bool, what: str) -> None:
    details = {**WORDS.sources, NHS: msgspec.structs.replace(WORDS.sources[NHS], kinds=WORDS.sources[NHS].kinds | {"PersonDetails"})}
    words = msgspec.structs.replace(WORDS, sources=details)
    text = page(shows(kinds=kinds), partners=ALL_PARTNERS)
    assert passes(signed(tmp_path, text, words=words).rules).may(NHS, SCHOOL) is may, what


def test_a_number_passes_only_where_its_record_would_be_shown(tmp_path: Path) -> None:
    """The ward is a sensitive service: its records are of tier T4, and so is that it knows the child."""
    higher = NUMBERS.replace("T2", "T4")
    assert not passes(rules(tmp_path / "low", shows())).may(WARD, SCHOOL)
    assert passes(rules(tmp_path / "high", shows(kinds=higher))).may(WARD, SCHOOL)


def refusal(fields: str) -> str:
    return shows(2, effect='"deny"', basis=None, kinds=f"{{ Identifier = {{ fields = {fields} }} }}", roles='["duty_officer"]')


@pytest.mark.parametrize("fields", ['"all"', '["verification"]'])
def test_a_refusal_to_anybody_at_the_taker_wins(tmp_path: Path, fields: str) -> None:
    assert not passes(rules(tmp_path, shows(), refusal(fields))).may(NHS, SCHOOL)


def test_between_two_systems_of_one_agency_a_clause_must_say_so_too(tmp_path: Path) -> None:
    """One agency may hold a ward whose patients its other systems do not know."""
    assert not passes(rules(tmp_path / "none", shows())).may(NHS, WARD)
    assert passes(rules(tmp_path / "own", shows(to='["northshire-nhs"]'))).may(NHS, WARD)


def test_not_under_an_agreement_that_is_not_in_force_for_this(tmp_path: Path) -> None:
    in_force = rules(tmp_path / "now", shows())
    assert not passes(in_force, purpose="early-help").may(NHS, SCHOOL), "another purpose"
    assert not passes(in_force, now=noon(date(2026, 9, 1) - timedelta(days=1))).may(NHS, SCHOOL), "not started"
    assert passes(in_force, now=noon(date(2027, 9, 28))).may(NHS, SCHOOL), "past its review, within the days of grace"
    assert not passes(in_force, now=noon(date(2027, 9, 29)), births=None).may(NHS, SCHOOL), "review lapsed"
    ended = rules(tmp_path / "ended", shows(when="{ starts = 2026-09-01, ends = 2026-10-31 }"))
    assert not passes(ended).may(NHS, SCHOOL), "ended"


def test_not_under_an_agreement_that_somebody_has_not_signed_or_has_suspended(tmp_path: Path) -> None:
    path = write(tmp_path, page(shows(), partners=ALL_PARTNERS))
    sign(path, WORDS, ["northshire-nhs", "hillview-school"])
    assert not passes(load_agreements(tmp_path, WORDS).rules).may(NHS, SCHOOL), "unsigned by one partner"
    sign(path, WORDS, ["northshire-police"])
    assert passes(load_agreements(tmp_path, WORDS).rules).may(NHS, SCHOOL)
    suspend(
        tmp_path, WORDS, agreement="ISA-07", partner="northshire-nhs", key_id="2026", private_key=KEYS["northshire-nhs"], words="A note.",
        at=SIGNED_AT,
    )  # fmt: skip
    assert not passes(load_agreements(tmp_path, WORDS).rules).may(NHS, SCHOOL), "suspended"


# The plan


def asked(unfindable: set[str], guards: set[str] | None = None) -> Plan:
    plain = plan((SCHOOL, "Attendance", ()), (NHS, "HealthContact", ()), unfindable=unfindable)
    return msgspec.structs.replace(plain, guards=frozenset(guards or ()))


def test_a_source_that_cannot_be_found_in_may_be_asked_later(tmp_path: Path) -> None:
    may = passes(rules(tmp_path, shows()))
    later = with_second_wave(asked({SCHOOL}), may)
    assert (later.learns, later.unfindable) == ({SCHOOL: {NHS}}, frozenset())
    assert with_second_wave(asked(set()), may) == asked(set()), "whoever can be asked is asked at once"
    assert with_second_wave(asked({SCHOOL, NHS}), may) == asked({SCHOOL, NHS}), "nobody learns from who cannot be asked either"
    assert with_second_wave(asked({SCHOOL}), passes(rules(tmp_path / "none", shows(to='["northshire-police"]')))) == asked({SCHOOL})


def test_a_shield_source_is_never_asked_later_and_without_its_word_nobody_is(tmp_path: Path) -> None:
    may = passes(rules(tmp_path, shows()))
    for guards in ({SCHOOL}, {SCHOOL, POLICE}):
        assert with_second_wave(asked({SCHOOL}, guards), may) == asked({SCHOOL}, guards)
    everybody = asked({*WORDS.sources}, {NHS})
    assert with_second_wave(everybody, may) == everybody, "no shield source could vouch for what was typed"
    assert with_second_wave(asked({SCHOOL}, {NHS}), may).learns == {SCHOOL: {NHS}}


# The numbers

CHI, ANOTHER, NUMBER = "0103150005", "0103150013", "9990000018"


def someone(*numbers: str, **changed: Any) -> Person:
    held = tuple(Identifier("nhs_number" if each.startswith("999") else "chi", each) for each in numbers)
    named = {"given_name": "Ezelda", "family_name": "Quillfeather", "birth_date": "2015-03-01"}
    return Person(id="p", **{**named, "identifiers": held, **changed})


def finding(*persons: Person, band: MatchBand = "LINK", **changed: Any) -> Finding:
    return Finding(state="FOUND", persons=persons, match=Match(band, ()), **changed)


def learnt(*givers: str, **found: Finding) -> dict[str, set[str]]:
    return {number.value: set(those) for number, those in certain_numbers(found, givers or tuple(found)).items()}


def test_every_number_stands_with_those_who_have_it() -> None:
    both = {"nhs": finding(someone(CHI, NUMBER)), "gp": finding(someone("010315 0005"))}
    assert learnt(**both) == {CHI: {"nhs", "gp"}, NUMBER: {"nhs"}}
    assert learnt("gp", **both) == {CHI: {"gp"}}, "of those who may pass it on"


UNCERTAIN = [
    pytest.param({"a": finding(someone(CHI), band="POSSIBLE")}, id="a-possible-match"),
    pytest.param({"a": finding(someone(CHI), chosen=True)}, id="somebody-was-chosen"),
    pytest.param({"a": finding(someone(CHI), doubted=True)}, id="somebody-said-that-it-is-another-child"),
    pytest.param({"a": Finding(state="AMBIGUOUS", offers=(Offer(someone(CHI), Match("POSSIBLE", ())),))}, id="several-who-may-be-it"),
    pytest.param({"a": finding(someone("0103150006"))}, id="a-wrong-check-digit"),
    pytest.param({"a": finding(someone(CHI, birth_date="2015-03-02"))}, id="a-chi-of-another-birth-date"),
    pytest.param({"a": finding(someone(CHI, sex="male"))}, id="a-chi-of-the-other-sex"),
    pytest.param({"a": finding(someone(CHI, ANOTHER))}, id="two-of-one-system:-one-is-superseded-or-another-childs"),
    pytest.param({"a": finding(someone(CHI), someone(ANOTHER))}, id="two-records-of-one-child-with-two-numbers"),
    pytest.param({"a": finding(someone(CHI)), "b": finding(someone(ANOTHER))}, id="two-givers-with-two-numbers"),
    pytest.param({"a": finding(someone(CHI)), "b": finding(someone(ANOTHER), chosen=True)}, id="another-is-said-by-the-asker"),
    pytest.param({"a": finding(someone(CHI)), "b": finding(someone(given_name="Tobias"))}, id="two-children"),
    pytest.param({"a": finding(someone())}, id="no-number"),
]


@pytest.mark.parametrize("found", UNCERTAIN)
def test_no_number_of_which_nobody_is_certain(found: dict[str, Finding]) -> None:
    assert learnt(**found) == {}


def test_what_one_system_has_twice_takes_nothing_from_another() -> None:
    assert learnt(a=finding(someone(CHI, NUMBER)), b=finding(someone(ANOTHER))) == {NUMBER: {"a"}}


def test_a_learnt_number_brings_in_a_shield_and_proves_nothing() -> None:
    """A child adopted since, under another name: the number is the same."""
    typed = Subject(given_name="Ezelda", family_name="Quillfeather", birth_date="2015-03-01")
    hidden = someone(CHI, given_name="Una", family_name="Sprott", shield="IDENTITY")
    number = (Identifier("chi", CHI),)
    assert shielded(typed, [hidden], "", Matcher()).shields == frozenset()
    assert shielded(typed, [hidden], "", Matcher(), number).shields == {"IDENTITY"}
    refuge = msgspec.structs.replace(hidden, shield="LOCATION")
    assert shielded(typed, [refuge], "", Matcher(), number).shields == {"LOCATION"}
    alike = someone(ANOTHER, shield="IDENTITY")
    assert shielded(typed, [alike], "", Matcher(), number).shields == {"IDENTITY"}, "it excuses nobody"
    assert shielded(typed, [hidden], "me", Matcher(), number).shields == {"IDENTITY"}
    cleared = msgspec.structs.replace(hidden, cleared=("me",))
    assert shielded(typed, [cleared], "me", Matcher(), number).shields == frozenset()


# What is shown


def ended(state: Any, kind: str = "Attendance", source: str = SCHOOL, reason: str | None = None) -> Outcome:
    return Outcome(source=source, kind=kind, state=state, reason=reason)


@pytest.mark.parametrize("state", ["NOTHING_TO_SHOW", "TIMED_OUT", "UNAVAILABLE", "FAILED", "REFUSED", "TOO_MANY"])
def test_whatever_shows_nothing_there_reads_as_never_asked_and_the_log_is_told_why(state: Any) -> None:
    (shown,) = unlearnt([ended(state)], {SCHOOL})
    assert (shown.state, shown.reason) == ("NOT_ASKED", state.lower().replace("_", "-"))
    (shown,) = unlearnt([ended(state, reason="shielded")], {SCHOOL})
    assert (shown.state, shown.reason) == ("NOT_ASKED", "shielded")
    assert unlearnt([ended(state)], {NHS}) == [ended(state)], "of another source it stands as it is"


@pytest.mark.parametrize("state", ["ANSWERED", "PARTIAL", "AMBIGUOUS"])
def test_where_something_is_shown_the_rest_stands_as_it_is(state: Any) -> None:
    both = [ended(state), ended("NOTHING_TO_SHOW", "WellbeingConcern", reason="objection")]
    assert unlearnt(both, {SCHOOL}) == both


@pytest.mark.parametrize("state", ["NOT_ASKED", "NOT_PERMITTED", "CONSENT_NEEDED", "OUT_OF_COVERAGE"])
def test_what_is_the_same_for_every_child_stays(state: Any) -> None:
    assert unlearnt([ended(state, reason="registry-silent")], {SCHOOL}) == [ended(state, reason="registry-silent")]


# The page that tells agencies how


def test_the_clause_of_the_page_is_taken_says_what_the_page_says_and_lets_a_number_pass(tmp_path: Path) -> None:
    told = {block.language: block.text for block in blocks(PAGE) if block.language in ("toml", "text")}
    folder = tmp_path / "federation"
    shutil.copytree(FEDERATION, folder)
    header = {**HEADER, "id": '"ISA-20"', "partners": ALL_PARTNERS, "review_by": "2099-01-01"}
    text = f"## 1. Health tells the school the number\nTo protect a child from harm.\n\n```toml\n{told['toml']}```\n"
    (folder / "agreements" / "isa-20.md").write_text(f"# Numbers\n\n{block(HEADER, header)}\n{text}", "utf-8")
    sign_all(folder)
    assert told["text"].strip() in (folder / "agreements" / "isa-20.md").read_text("utf-8")
    done = CliRunner().invoke(main, ["agreement", "check", str(folder)])
    assert (done.exit_code, "ISA-20@3: in-force" in done.stdout) == (0, True), done.output
    federation = load_federation(folder, STANDARD, environment=False)
    agencies = {id: each.settings.agency for id, each in federation.declared.items()}
    alone = rule_set(term for term in federation.agreements.rules.terms if term.agreement == "ISA-20")
    assert passes(alone, agency_of=agencies, roles=frozenset(federation.settings.roles)).may(NHS, SCHOOL)
