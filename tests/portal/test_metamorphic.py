"""What must stay true whatever agreements say: whoever says less never has more shown, and no order counts.

"More" is meant for each (source, kind): a no that becomes a yes, a field more, or anything that no signed line of the clause cited gives.
One clause permits the whole of a kind, so where it is made narrower another may take its place: with at most as many fields, and other ones.
"""

from __future__ import annotations

import copy
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.portal.agreement_cases as cases
from connectors.standard import load_standard
from portal.agreements import RuleSet, SourceFacts, Term, load_agreements
from portal.agreements.rules import rule_set, terms_of
from portal.clauses import failures_of, person
from portal.decisions import closest, decide, recheck, uphold
from portal.model import Circumstances, Decision, Entry, Plan, PlannedAsk, Practitioner, Ruling
from tests.portal import drawn
from tests.portal.agreement_cases import NOON, clause, page, practitioner
from tests.portal.drawn import Drawn

SEEDS = st.integers(0, 2**32 - 1)
few = settings(max_examples=20, deadline=None)
SCHEMA = Path(__file__).parents[2] / "schema"


class Asking(NamedTuple):
    """One question: what is asked for, by whom, when, and what is known of the child."""

    plan: Plan
    who: Practitioner
    now: datetime
    known: Circumstances


class Written(NamedTuple):
    """Agreements as they are in force: the rules, and the signed lines by agreement."""

    rules: RuleSet
    lines: dict[str, frozenset[str]]


@contextmanager
def world(seed: int) -> Iterator[tuple[random.Random, list[Drawn], Callable[[list[Drawn]], Written]]]:
    """Lots to draw from, agreements drawn, and a way to put agreements in force."""
    chance = random.Random(seed)
    pages, jurisdiction, words = drawn.agreements(chance, 2), chance.choice(drawn.JURISDICTIONS), drawn.vocabulary()
    with tempfile.TemporaryDirectory() as folder:

        def write(agreed: list[Drawn]) -> Written:
            pairs = drawn.read(agreed, Path(folder), words)
            terms = [term for agreement, signed in pairs for term in terms_of(agreement, signed, words)]
            lines = {agreement.id: frozenset(signed.grants) for agreement, signed in pairs}
            return Written(rule_set(terms, jurisdiction=jurisdiction), lines)

        yield chance, pages, write


def askings(chance: random.Random, rules: RuleSet, number: int = 12) -> list[Asking]:
    found = []
    for _ in range(number):
        now = drawn.moment(chance)
        found.append(Asking(drawn.plan(chance), drawn.practitioner(chance), now, drawn.circumstances(chance, rules, now)))
    return found


def decided(asking: Asking, rules: RuleSet) -> Decision:
    return decide(asking.plan, asking.who, rules, asking.now, asking.known)


def more(before: Decision, after: Decision) -> list[tuple[Ruling, Ruling]]:
    """Where more is shown after than before."""
    pairs = zip(before.rulings, after.rulings, strict=True)
    return [(old, new) for old, new in pairs if new.permitted > old.permitted or len(new.fields) > len(old.fields)]


def more_sensitive(before: Decision, after: Decision) -> list[tuple[Ruling, Ruling]]:
    """Where records of a higher tier are shown after than before."""
    pairs = zip(before.rulings, after.rulings, strict=True)
    return [(old, new) for old, new in pairs if new.permitted and (new.ceiling, new.existence) > (old.ceiling, old.existence)]


def ungiven(asking: Asking, decision: Decision, lines: dict[str, frozenset[str]]) -> list[Ruling]:
    """What is shown though the clause cited has no signed line that gives it."""
    plan, who = asking.plan, asking.who
    wrong = []
    for ruling in (each for each in decision.rulings if each.permitted):
        signed = [line.split("\t") for line in lines[str(ruling.clause).split(" §")[0]]]
        head = (ruling.source, who.agency, plan.purpose, ruling.kind)
        mine = [line for line in signed if (line[0], line[1], line[3], line[4]) == head and line[2] in who.roles]
        due = {line[5] for line in mine if line[6] >= ruling.ceiling and line[7] >= ruling.existence}
        if not due or not ruling.fields <= due & plan.wanted(ruling.source, ruling.kind):
            wrong.append(ruling)
    return wrong


# Agreements that say less


def _permitting(pages: list[Drawn]) -> list[drawn.Said]:
    return [each for agreement in pages for each in agreement.clauses if not each.denies]


def refuse(chance: random.Random, pages: list[Drawn]) -> None:
    chance.choice(pages).clauses.append(drawn.said(chance, denies=True))


def refuse_elsewhere(chance: random.Random, pages: list[Drawn]) -> None:
    header = {**pages[0].header, "id": '"ISA-99"'}
    pages.append(Drawn(header, [drawn.said(chance, denies=True) for _ in range(3)]))


def name_fewer_fields(chance: random.Random, pages: list[Drawn]) -> None:
    for kind, shown in (pair for each in _permitting(pages) for pair in each.kinds.items()):
        named = shown.fields or list(drawn.KINDS[kind])
        shown.fields = chance.sample(named, max(1, len(named) - chance.randint(0, 2)))


def lower_the_ceiling(chance: random.Random, pages: list[Drawn]) -> None:
    for shown in (shown for each in _permitting(pages) for shown in each.kinds.values()):
        if chance.random() < 0.5 and shown.ceiling:
            shown.ceiling = f"T{int(shown.ceiling[1]) - 1}"


def name_fewer_people(chance: random.Random, pages: list[Drawn]) -> None:
    for each in _permitting(pages):
        key = chance.choice(("from_", "to", "roles", "purposes"))
        names = str(each.keys[key]).strip("[]").split(", ")
        each.keys[key] = f"[{', '.join(chance.sample(names, max(1, len(names) - 1)))}]"


def ask_for_more(chance: random.Random, pages: list[Drawn]) -> None:
    ways = ('consent = "required"', 'objection = "counts"', 'reason = "required"', 'assurance = "aal2"', 'relationship = "other-agency"')
    for each in _permitting(pages):
        asked = chance.choice(ways)
        if asked.split(" ")[0] not in {other.split(" ")[0] for other in each.conditions}:
            each.conditions.append(asked)


def take_a_clause_out(chance: random.Random, pages: list[Drawn]) -> None:
    """The last one, so that the others keep their numbers."""
    agreement = chance.choice(pages)
    if not agreement.clauses[-1].denies:
        agreement.clauses.pop()


def end_clauses(chance: random.Random, pages: list[Drawn]) -> None:
    for each in _permitting(pages):
        if "starts" not in str(each.keys["when"]) and chance.random() < 0.5:
            each.keys["when"] = "{ ends = 2026-11-21 }"


def end_an_agreement(chance: random.Random, pages: list[Drawn]) -> None:
    header = chance.choice(pages).header
    if str(header["starts"]) < "2026-11-01":
        header |= {"review_by": "2026-11-01", "ends": "2026-11-21"}


LESS = (
    refuse, refuse_elsewhere, name_fewer_fields, lower_the_ceiling, name_fewer_people, ask_for_more, take_a_clause_out, end_clauses,
    end_an_agreement,
)  # fmt: skip


@pytest.mark.parametrize("change", LESS, ids=lambda change: change.__name__)
@few
@given(seed=SEEDS)
def test_agreements_that_say_less_never_show_more(change: Callable[[random.Random, list[Drawn]], None], seed: int) -> None:
    with world(seed) as (chance, pages, write):
        before = write(pages)
        less = copy.deepcopy(pages)
        change(chance, less)
        after = write(less)
        for asking in askings(chance, before.rules):
            old, new = decided(asking, before.rules), decided(asking, after.rules)
            assert not more(old, new)
            assert not ungiven(asking, old, before.lines)
            assert not ungiven(asking, new, after.lines)


def suspended(chance: random.Random, rules: RuleSet) -> RuleSet:
    term = chance.choice(rules.terms)
    what = chance.choice(({}, {"clause": term.number}, {"source": term.source}, {"kind": term.kind}))
    return rule_set(rules.terms, [drawn.suspension(term.agreement, **what)], {}, rules.jurisdiction)


def superseded(chance: random.Random, rules: RuleSet) -> RuleSet:
    return rule_set(rules.terms, (), {chance.choice(rules.terms).key: drawn.moment(chance).date()}, rules.jurisdiction)


def lines_left_out(chance: random.Random, rules: RuleSet) -> RuleSet:
    """Some of what is permitted is signed no more, and of some roles nobody says any more who holds them."""

    def less(term: Term) -> Term:
        given = {key: frozenset(field for field in fields if chance.random() < 0.8) for key, fields in term.granted.items()}
        told = frozenset(each for each in term.asserted if chance.random() < 0.8)
        return term if term.refuses else msgspec.structs.replace(term, granted=given, asserted=told)

    return rule_set(map(less, rules.terms), jurisdiction=rules.jurisdiction)


@pytest.mark.parametrize("change", [suspended, superseded, lines_left_out], ids=lambda change: change.__name__)
@few
@given(seed=SEEDS)
def test_what_is_taken_out_of_force_never_shows_more(change: Callable[[random.Random, RuleSet], RuleSet], seed: int) -> None:
    with world(seed) as (chance, pages, write):
        before = write(pages).rules
        after = change(chance, before)
        for asking in askings(chance, before):
            assert not more(decided(asking, before), decided(asking, after))


# A child of whom, and an asker of whom, less may be shown


def withdraw(chance: random.Random, asking: Asking, rules: RuleSet) -> Asking:
    """Some consents are withdrawn, by whom they were given and found as they were."""

    def later(entry: Entry) -> Entry:
        withdrawn = entry.what == "consent" and chance.random() < 0.7
        return msgspec.structs.replace(entry, state="withdrawn", version=entry.version + 1, at=asking.now) if withdrawn else entry

    return _but(asking, recorded=tuple(map(later, asking.known.recorded)))


def object_(chance: random.Random, asking: Asking, rules: RuleSet) -> Asking:
    """Whoever it is, and whether that is known to understand or not said: never that somebody has found them not to."""
    raised = msgspec.structs.replace(drawn.entry(chance, rules.terms, asking.now), what="objection", state="raised", at=asking.now)
    finding = raised.understanding and msgspec.structs.replace(raised.understanding, understands=True)
    raised = msgspec.structs.replace(raised, id="new", understanding=finding)
    return _but(asking, recorded=(*asking.known.recorded, raised))


def lose_a_voucher(chance: random.Random, asking: Asking, rules: RuleSet) -> Asking:
    """One who has said yes says no, or nothing; where none was asked yet, none says yes. (Whoever falls silent may let the asker declare.)"""
    known, lost = asking.known, chance.choice([*drawn.SPEAKING])
    if known.vouched is None:
        return _but(asking, vouched={})
    left = {source: each for source, each in known.vouched.items() if source != lost}
    silent = {lost: drawn.SPEAKING[lost]} if lost in known.vouched and chance.random() < 0.5 else {}
    return _but(asking, vouched=left, mute={**known.mute, **silent})


def let_the_glass_time_out(chance: random.Random, asking: Asking, rules: RuleSet) -> Asking:
    breaking = asking.known.breaking
    return _but(asking, breaking=breaking and msgspec.structs.replace(breaking, at=asking.now - timedelta(minutes=240)))


def know_less_of_the_age(chance: random.Random, asking: Asking, rules: RuleSet) -> Asking:
    births = asking.known.births
    return _but(asking, births=(*births, *drawn.births(chance, asking.now.date()))) if births else asking


def lose_the_registry(chance: random.Random, asking: Asking, rules: RuleSet) -> Asking:
    return _but(asking, readable=False)


def say_less_of_oneself(chance: random.Random, asking: Asking, rules: RuleSet) -> Asking:
    question = asking.plan.question
    said = chance.choice(({"reason": None}, {"declared": False}, {"informed": "NOT_YET"}))
    who = msgspec.structs.replace(asking.who, assured=asking.who.assured[:-1])
    return asking._replace(plan=msgspec.structs.replace(asking.plan, question=msgspec.structs.replace(question, **said)), who=who)


def come_from_elsewhere(chance: random.Random, asking: Asking, rules: RuleSet) -> Asking:
    """Signed in by an issuer who may speak for fewer, or for nobody."""
    return asking._replace(who=msgspec.structs.replace(asking.who, issuer="https://nobody.example"))


LESS_KNOWN = (
    withdraw, object_, lose_a_voucher, let_the_glass_time_out, know_less_of_the_age, lose_the_registry, say_less_of_oneself, come_from_elsewhere,
)  # fmt: skip

OF_THE_CHILD = (withdraw, object_, lose_a_voucher, know_less_of_the_age, lose_the_registry)


def _but(asking: Asking, **changed: object) -> Asking:
    return asking._replace(known=msgspec.structs.replace(asking.known, **changed))


@pytest.mark.parametrize("change", LESS_KNOWN, ids=lambda change: change.__name__.strip("_"))
@few
@given(seed=SEEDS)
def test_a_child_and_an_asker_of_whom_less_holds_are_never_shown_more(
    change: Callable[[random.Random, Asking, RuleSet], Asking], seed: int
) -> None:
    with world(seed) as (chance, pages, write):
        rules = write(pages).rules
        for asking in askings(chance, rules, 40):
            before, after = decided(asking, rules), decided(change(chance, asking, rules), rules)
            assert not more(before, after)
            # Where the change is the child's, the clause that takes over opens no record more sensitive than the one that fell.
            assert change not in OF_THE_CHILD or not more_sensitive(before, after)


# One decision after the other


def within(first: Decision, then: Decision) -> bool:
    """Whether the later decision shows nothing that the earlier one does not."""
    narrower = (
        then.place <= first.place,
        *(_within(old, new) for old, new in zip(first.rulings, then.rulings, strict=True) if new.permitted and new.state is None),
    )
    return all(narrower)


def _within(old: Ruling, new: Ruling) -> bool:
    tiers = new.ceiling <= old.ceiling and new.existence <= old.existence and new.floor >= old.floor
    return old.permitted and old.state is None and new.fields <= old.fields and new.place <= old.place and tiers


@few
@given(seed=SEEDS)
def test_what_is_decided_again_is_never_more_than_before(seed: int) -> None:
    with world(seed) as (chance, pages, write):
        rules = write(pages).rules
        for asking in askings(chance, rules, 40):
            plan, who, now, typed = asking
            first = decide(plan, who, rules, now, msgspec.structs.replace(typed, unfound=True, vouched=None, mute={}))
            changed = chance.choice((suspended, superseded, lines_left_out, lambda _, same: same))(chance, rules)
            matched = msgspec.structs.replace(drawn.circumstances(chance, rules, now), unfound=False)
            then = recheck(first, plan, who, changed, now, matched)
            assert within(first, then)
            again = chance.choice((suspended, superseded, lines_left_out, lambda _, same: same))(chance, changed)
            late = msgspec.structs.replace(drawn.circumstances(chance, rules, now), unfound=False)
            last = uphold(then, plan, who, again, now + timedelta(seconds=chance.choice((0, 1, 3600))), late)
            assert within(then, last)
            stood = [(old, new) for old, new in zip(then.rulings, last.rulings, strict=True) if new.permitted and new.state is None]
            assert all(old == msgspec.structs.replace(new, place=old.place) for old, new in stood), "a yes stands as it was, or falls"


# No order counts


def without_citations(decision: Decision) -> list[tuple[object, ...]]:
    """Of equals the lowest is taken: of a yes only how much it shows is the same in another order, of a no that it is one."""
    return [(each.source, each.kind, each.permitted, len(each.fields), each.ceiling, each.existence) for each in decision.rulings]


@few
@given(seed=SEEDS)
def test_the_order_of_partners_and_of_files_does_not_count(seed: int) -> None:
    with world(seed) as (chance, pages, write):
        before = write(pages).rules
        other = copy.deepcopy(pages)
        chance.shuffle(other)
        for each in other:
            partners = str(each.header["partners"]).strip("[]").split(", ")
            each.header["partners"] = f"[{', '.join(chance.sample(partners, len(partners)))}]"
        after = write(other).rules
        for asking in askings(chance, before):
            old, new = decided(asking, before), decided(asking, after)
            assert old.rulings == new.rulings, "citations too"
            assert old.agreements.keys() == new.agreements.keys()


@few
@given(seed=SEEDS)
def test_the_order_of_clauses_does_not_count_but_for_their_numbers(seed: int) -> None:
    with world(seed) as (chance, pages, write):
        before = write(pages).rules
        other, moved = copy.deepcopy(pages), {}
        for each in other:
            order = chance.sample(range(len(each.clauses)), len(each.clauses))
            each.clauses = [each.clauses[at] for at in order]
            moved |= {(str(each.header["id"]).strip('"'), at + 1): number for number, at in enumerate(order, 1)}
        after = write(other).rules
        for asking in askings(chance, before):
            known = msgspec.structs.replace(
                asking.known, recorded=tuple(_renumbered(each, moved, before, after) for each in asking.known.recorded)
            )
            there = asking._replace(known=known)
            assert without_citations(decided(asking, before)) == without_citations(decided(there, after))


def _renumbered(entry: Entry, moved: dict[tuple[str, int], int], before: RuleSet, after: RuleSet) -> Entry:
    """The same thing said of the same clause, told in the same words, under its new number."""
    number = entry.clause and moved[entry.agreement, entry.clause]
    told = {term.told.get(entry.clause) for term in before.terms if term.agreement == entry.agreement and entry.told}
    now = next((term.told[number] for term in after.terms if term.agreement == entry.agreement and number in term.told), None)
    return msgspec.structs.replace(entry, clause=number, told=now if entry.told in told else entry.told)


# What is kept, and what is looked at first, changes nothing

#: What makes a clause another's.
AGAINST = frozenset({"no-clause", "role", "purpose"})


@few
@given(seed=SEEDS)
def test_the_nearest_clause_is_the_nearest_of_all_there_are(seed: int) -> None:
    with world(seed) as (chance, pages, write):
        rules = write(pages).rules
        for plan, who, now, known in askings(chance, rules, 30):
            asker = person(plan.question, who, plan.purpose, now, known)
            for ask in plan.asks:
                failing = [(failures_of(term, asker), term) for term in rules.about(ask.source, ask.kind) if not term.refuses]
                apart = min((len(AGAINST & set(failures)) for failures, _ in failing), default=0)
                equals = [(failures, term) for failures, term in failing if len(AGAINST & set(failures)) == apart]
                glass = [(failures, term) for failures, term in equals if "break-glass" in failures and not apart]
                failures, nearest = min(glass or equals, key=lambda pair: (len(pair[0]), pair[1].order), default=([], None))
                found = closest(rules.permissions(ask.source, ask.kind, asker.agency, asker.roles, asker.purpose), asker)
                assert found == (failures[0] if failures else "no-clause", nearest)


@few
@given(seed=SEEDS)
def test_what_others_have_asked_before_changes_no_decision(seed: int) -> None:
    with world(seed) as (chance, pages, write):
        rules = write(pages).rules
        asked = askings(chance, rules)
        first = [decided(asking, RuleSet(rules.terms, rules.jurisdiction)) for asking in asked]
        for _ in range(2):
            order = chance.sample(range(len(asked)), len(asked))
            assert [decided(asked[at], rules) for at in order] == [first[at] for at in order]


# What came into the standard later


EVERYTHING = page(
    clause(kinds='{ WellbeingConcern = { fields = "all", ceiling = "T4" } }'),
    clause(2, "More", kinds='{ PoliceEvent = { fields = "all", ceiling = "T4" } }'),
)  # fmt: skip


def test_a_new_kind_in_the_schema_is_shared_by_nobody(tmp_path: Path) -> None:
    cases.signed(tmp_path / "agreements", EVERYTHING)
    shutil.copytree(SCHEMA, tmp_path / "schema")
    sample = (SCHEMA / "keyrole.graphql").read_text()
    (tmp_path / "schema" / "newcomer.graphql").write_text(sample.replace("KeyRole", "Newcomer").replace("keyRoles", "newcomers"))
    standard = load_standard(tmp_path / "schema")
    assert "Newcomer" in standard.kinds
    holds = {id: SourceFacts(source.agency, source.kinds | {"Newcomer"}) for id, source in cases.vocabulary().sources.items()}
    rules = load_agreements(tmp_path / "agreements", cases.vocabulary(standard=standard, sources=holds)).rules
    asks = [PlannedAsk(source=id, kind="Newcomer", fields=frozenset(standard.kinds["Newcomer"].fields)) for id in holds]
    for agency in cases.AGENCIES:
        for purpose in ("child-protection", "early-help"):
            asked = msgspec.structs.replace(cases.plan(purpose=purpose), asks=tuple(asks))
            for ruling in decide(asked, practitioner(*cases.ROLES, agency=agency), rules, NOON).rulings:
                assert (ruling.permitted, ruling.reason, ruling.nearest) == (False, "no-clause", None)
    known = cases.plan(("northshire-police", "WellbeingConcern", ("summary",)))
    assert decide(known, practitioner(), rules, NOON).rulings[0].permitted, "and all that was agreed on still is"
