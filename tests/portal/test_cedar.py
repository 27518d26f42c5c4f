"""The evaluator beside Cedar's: agreements exported as Cedar policies, and every decision made twice.

Shared between the two: what is read from a file and what of it was signed (``Term``: names, days, granted lines, tiers), and the text of
the policies, which cedar.py writes. Not shared: who is in force on a day, who fits, consent, objection, age, vouchers, the glass, that a
refusal wins, and which of several clauses is taken. Facts about the child are worked out here once more, in another way.
"""

from __future__ import annotations

import calendar
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import cedarpy
import pytest

import portal.clauses
import portal.decisions
from portal.agreements import RuleSet, Term
from portal.agreements.cedar import SCHEMA, cedar_text, number_of, resource_of
from portal.agreements.grants import EXISTS
from portal.decisions import decide
from portal.model import Circumstances, Entry, Plan, Practitioner, Ruling
from tests.portal import drawn

LONDON = ZoneInfo("Europe/London")


class Given(NamedTuple):
    """What a decision says of one (source, kind): whether, by which clause, which fields."""

    permitted: bool
    clause: str | None
    fields: frozenset[str]


class Asked(NamedTuple):
    """One question and everything that bears on it."""

    rules: RuleSet
    plan: Plan
    who: Practitioner
    now: Any
    known: Circumstances


def drawn_questions(chance: random.Random, folder: Path, each: int) -> Iterator[list[Asked]]:
    """So many questions to one set of agreements, and then to the next, without end."""
    while True:
        rules = drawn.rules(chance, folder)
        asked = []
        for _ in range(each):
            now = drawn.moment(chance)
            asked.append(Asked(rules, drawn.plan(chance), drawn.practitioner(chance), now, drawn.circumstances(chance, rules, now)))
        yield asked


# What Cedar says


def by_cedar(asked: Asked, policies: cedarpy.PolicySet) -> list[Given]:
    """Ask Cedar for every field, and for the record's existence; the clause that gives most fields is the one that permits."""
    names = [(ask.source, ask.kind, field) for ask in asked.plan.asks for field in (EXISTS, *sorted(ask.fields))]
    context, who = json.dumps(context_of(asked)), {"type": "Person", "id": "asker"}
    requests = [{"principal": who, "action": 'Action::"see"', "resource": {"type": "Field", "id": resource_of(*name)}, "context": context} for name in names]  # fmt: skip
    answers = cedarpy.is_authorized_batch(requests, policies, entities(asked.who))
    giving: dict[tuple[str, str, str], list[str]] = {}
    for name, answer in zip(names, answers, strict=True):
        assert not answer.diagnostics.errors
        giving[name] = list(answer.diagnostics.id_annotations_by_reason.values()) if answer.allowed else []
    return [_given(ask.source, ask.kind, ask.fields, giving, asked.rules) for ask in asked.plan.asks]


def _given(source: str, kind: str, wanted: Iterable[str], giving: dict[tuple[str, str, str], list[str]], rules: RuleSet) -> Given:
    count = Counter(dict.fromkeys(giving[source, kind, EXISTS], 0))
    count.update(clause for field in wanted for clause in giving[source, kind, field])
    terms = {term.clause: term for term in rules.about(source, kind) if not term.refuses}
    if not count:
        return Given(False, None, frozenset())

    def rank(clause: str) -> tuple[Any, ...]:
        term = terms[clause]
        return count[clause], term.ceiling, term.existence, term.conditions.objection != "counts", -int(term.agreement[4:]), -term.number

    best = max(count, key=rank)
    return Given(True, best, frozenset(field for field in wanted if best in giving[source, kind, field]))


FIELDS = [
    {"uid": {"type": "Field", "id": resource_of(source, kind, field)}, "attrs": {"field": field}, "parents": [{"type": "Kind", "id": resource_of(source, kind)}]}
    for source in drawn.SOURCES for kind, fields in drawn.KINDS.items() for field in (*fields, EXISTS)
]  # fmt: skip
KINDS = [{"uid": {"type": "Kind", "id": resource_of(source, kind)}, "attrs": {}, "parents": []} for source in drawn.SOURCES for kind in drawn.KINDS]  # fmt: skip
RESOURCES = cedarpy.Entities.from_json_str(json.dumps(FIELDS + KINDS))
_PEOPLE: dict[tuple[Any, ...], cedarpy.Entities] = {}


def entities(who: Practitioner) -> cedarpy.Entities:
    """Every field there is, and one asker; parsed once for each kind of asker."""
    key = (who.issuer, who.agency, who.roles, who.assured)
    if key not in _PEOPLE:
        said = [f"{who.issuer}|{who.agency}|{role}" for role in who.roles]
        attrs = {"agency": who.agency, "roles": list(who.roles), "said": said, "assured": list(who.assured)}
        person = [{"uid": {"type": "Person", "id": "asker"}, "attrs": attrs, "parents": []}]
        _PEOPLE[key] = RESOURCES.with_added_json_str(json.dumps(person))
    return _PEOPLE[key]


def context_of(asked: Asked) -> dict[str, Any]:
    rules, plan, _, now, known = asked
    day = now.astimezone(LONDON).date()
    spoken = _Spoken(known, day, rules.jurisdiction)
    permitting = [term for term in rules.terms if not term.refuses]
    context: dict[str, Any] = {
        "purpose": plan.purpose,
        "day": number_of(day),
        "reason": plan.question.reason not in (None, ""),
        "declared": plan.question.declared,
        "unfound": known.unfound,
        "readable": known.readable,
        "consented": sorted({term.clause for term in permitting if spoken.consents(term)}),
        "objected": sorted({term.clause for term in permitting if spoken.objects(term)}),
        "mute": sorted(f"{each}|{source}" for source, each in known.mute.items()),
    }
    if plan.question.informed:
        context["informed"] = plan.question.informed
    if known.vouched is not None:
        context["vouched"] = sorted(f"{each}|{source}" for source, each in known.vouched.items())
    if known.births:
        days = [day for birth in known.births for day in _days_of(birth)]
        context |= {"oldest": number_of(min(days)), "youngest": number_of(max(days))}
    if known.breaking:
        context["glass"] = {"reason": known.breaking.reason, "microseconds": (now - known.breaking.at) // timedelta(microseconds=1)}
    return context


def _days_of(birth: str) -> tuple[date, date]:
    first = date.fromisoformat(f"{birth}-01-01"[:10])
    last = f"{birth}-12"[:7]
    return first, date.fromisoformat(birth if len(birth) == 10 else f"{last}-{calendar.monthrange(int(last[:4]), int(last[5:]))[1]}")


class _Spoken:
    """Whose word counts, once more: for every birth date that may be the child's; of one of whom none is known, presumed to understand or not."""

    def __init__(self, known: Circumstances, day: date, jurisdiction: str) -> None:
        self._recorded, self._today = known.recorded, number_of(day)
        self._years = 120_000 if jurisdiction == "scotland" else 180_000
        ends = {number_of(end) for birth in known.births for end in _days_of(birth)}
        self._born: set[int | None] = {*ends} or ({None, 0} if jurisdiction == "scotland" else {None})

    def consents(self, term: Term) -> bool:
        return all(self._consents(self._counted(term, "consent", born), term) for born in self._born)

    def objects(self, term: Term) -> bool:
        return any(entry.state == "raised" for born in self._born for entry in self._counted(term, "objection", born))

    def _consents(self, counted: list[Entry], term: Term) -> bool:
        due = {entry.state for entry in counted}
        return due == {"given"} and any(
            entry.told == term.told.get(entry.clause) and (entry.party == "YOUNG_PERSON" or entry.responsibility) for entry in counted
        )

    def _counted(self, term: Term, what: str, born: int | None) -> list[Entry]:
        about = [each for each in self._recorded if each.what == what and _bears(each, term)]
        lacking = [each.understanding.on for each in about if each.understanding and not each.understanding.understands]
        presumed = born is not None and (born == 0 or born + self._years <= self._today)
        grown = born not in (None, 0) and born + 180_000 <= self._today  # type: ignore[operator]
        own = [each for each in about if each.party == "YOUNG_PERSON" and self._own(each, born, presumed, max(lacking, default=date.min))]
        alone = own or grown or (presumed and not lacking)
        counted = own if alone else [each for each in about if each.party != "YOUNG_PERSON"]
        # What somebody said earlier does not count any more.
        return [each for each in counted if not any(later.party == each.party and later.at > each.at for later in counted)]

    def _own(self, entry: Entry, born: int | None, presumed: bool, lacking: date) -> bool:
        if entry.understanding:
            return entry.understanding.understands and entry.understanding.on > lacking
        spoke = entry.at.astimezone(LONDON).date()
        then = born == 0 or (born is not None and born + self._years <= number_of(spoke))
        return (presumed if _is_no(entry) else then) and spoke > lacking


def _is_no(entry: Entry) -> bool:
    return entry.state in ("raised", "refused") or (entry.what, entry.state) == ("consent", "withdrawn")


def _bears(entry: Entry, term: Term) -> bool:
    """A yes is about its clause, or all; a no about what says the same sentence, and about everything where nothing says it any more."""
    if entry.agreement != term.agreement or entry.clause is None:
        return entry.agreement == term.agreement
    if not _is_no(entry):
        return entry.clause == term.number
    return entry.told == term.told[term.number] or entry.told not in term.sentences


# What we say, and how the two differ


def by_us(asked: Asked) -> list[Ruling]:
    return list(decide(asked.plan, asked.who, asked.rules, asked.now, asked.known).rulings)


def differences(seed: int, fields: int, folder: Path) -> tuple[list[str], Counter[str]]:
    """Where the two differ among at least so many fields, or in the first set of agreements where they do; and how often what came out."""
    found, seen = [], Counter[str]()
    for questions in drawn_questions(random.Random(seed), folder, 40):
        policies = cedarpy.PolicySet.from_str(cedar_text(questions[0].rules))
        for asked in questions:
            for ask, ours, theirs in zip(asked.plan.asks, by_us(asked), by_cedar(asked, policies), strict=True):
                seen["fields"] += len(ask.fields)
                seen[ours.reason or "permitted"] += 1
                if Given(ours.permitted, ours.clause, ours.fields) != theirs:
                    found.append(
                        f"seed {seed}, {ask.source} {ask.kind}: {ours.permitted} {ours.clause} {sorted(ours.fields)}, Cedar {theirs}"
                    )
        if seen["fields"] >= fields or found:
            return found, seen
    raise AssertionError("unreachable")


def test_a_hundred_thousand_decisions_on_fields_are_those_that_cedar_makes(tmp_path: Path) -> None:
    found, seen = differences(2026, 100_000, tmp_path)
    assert seen["fields"] >= 100_000
    assert not found, found[0]
    # It was about something: every reason that is the same for every child, and each that is not, came up, and many a yes.
    due = {"denied-by", "no-clause", "purpose", "role", "unsigned", "suspended", "superseded", "not-started", "review-lapsed", "ended"}
    due |= {"break-glass", "reason-missing", "assurance", "informing", "consent", "ages", "objection", "relationship", "voucher-silent"}
    assert due <= {reason for reason, times in seen.items() if times > 20}, due - seen.keys()
    assert seen["permitted"] > seen.total() / 50


BROKEN: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "a refusal is passed over": (portal.decisions, "refusals_of", lambda *_: ()),
    "consent is taken for granted": (portal.clauses, "_consent", lambda *_: "given@1"),
    "an objection is not heard": (portal.clauses.speaking, "objects", lambda *_: False),
    "everybody is of age": (portal.clauses, "_of_age", lambda *_: True),
    "nobody need vouch": (portal.clauses, "_unvouched", lambda *_: None),
    "the glass stays broken": (portal.clauses, "_broken", lambda *_: True),
    "nothing is asked of the asker": (portal.clauses, "unmet", lambda *_: []),
    "any issuer's word is taken": (portal.clauses, "_granted", lambda term, key, _: key in term.granted),
    "every day is in force": (Term, "state", lambda *_: "in-force"),
    "clauses are added up": (portal.decisions, "given_by", lambda term, _: term.fields),
    "the first clause is taken": (portal.decisions, "_ranked", lambda fitting, *_: sorted(fitting, key=lambda term: term.order)),
    "a silent registry gives consent": (portal.decisions, "lacking", lambda *_: None),
}  # fmt: skip


@pytest.mark.parametrize("how", BROKEN)
def test_an_evaluator_that_is_broken_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    where, name, broken = BROKEN[how]
    monkeypatch.setattr(where, name, broken)
    found, _ = differences(11, 30_000, tmp_path)
    assert found


def test_the_policies_are_well_typed(tmp_path: Path) -> None:
    chance = random.Random(3)
    for _ in range(10):
        result = cedarpy.validate_policies(cedar_text(drawn.rules(chance, tmp_path)), SCHEMA)
        assert result.validation_passed, [str(error) for error in result.errors]
