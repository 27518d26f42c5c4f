"""Clauses made ready for deciding: one term for each clause, source and kind, indexed by what a question asks.

A term knows what its clause says, and apart from that what of it is in force: the lines both expanded today and signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from connectors.localtime import day_of
from connectors.standard import Kind
from portal.agreements.documents import Agreement, Clause
from portal.agreements.grants import EXISTS, REFUSED, Grant, conditions_hash, granted_fields, holding, refused_fields
from portal.agreements.signatures import Signed
from portal.agreements.vocabulary import Vocabulary
from portal.model import Plan, Practitioner, Tier

if TYPE_CHECKING:
    from portal.agreements.register import Agreements

#: Why a clause is not in force on a day. ``review-due`` is in force, with a warning.
State = Literal["in-force", "review-due", "unsigned", "not-started", "review-lapsed", "ended"]
Asked = tuple[str, str, str]
_Key = TypeVar("_Key", tuple[str, str], tuple[str, str, str])


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """The days of a clause, all included: its first, its last if it has one, the review date and the last day of grace."""

    first: date
    last: date | None
    review_by: date
    grace_ends: date

    def state(self, day: date) -> State:
        """What the days alone say on ``day``."""
        if day < self.first:
            return "not-started"
        if self.last and day > self.last:
            return "ended"
        if day > self.grace_ends:
            return "review-lapsed"
        return "review-due" if day > self.review_by else "in-force"


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """What one clause says of one kind at one source.

    ``fields`` is what the clause would give or refuses (``*`` for all of it); ``granted`` what of it is in force, by (to,
    role, purpose). A key that is absent there is not in force at all; an empty set shows that records exist.
    """

    agreement: str
    key: str
    hash: str
    number: int
    source: str
    kind: str
    refuses: bool
    to: frozenset[str]
    roles: frozenset[str]
    purposes: frozenset[str]
    signed: bool
    span: Span
    fields: frozenset[str]
    granted: dict[Asked, frozenset[str]]
    ceiling: Tier
    existence: Tier
    places: frozenset[str]
    sensitive: frozenset[str]

    @property
    def clause(self) -> str:
        """``ISA-07 §3``; the agreement alone when the signed list holds a refusal that no clause expands to any more."""
        return f"{self.agreement} §{self.number}" if self.number else self.agreement

    @property
    def order(self) -> tuple[str, int]:
        """The lowest comes first where two clauses would do."""
        return self.agreement, self.number

    def state(self, day: date) -> State:
        """Whether the clause is in force on ``day``, or why not. A lapsed review does not lift a refusal."""
        if not self.signed:
            return "unsigned"
        state = self.span.state(day)
        return "review-due" if self.refuses and state == "review-lapsed" else state


class RuleSet(msgspec.Struct, frozen=True, dict=True):
    """Every term, in an order of its own, so that the order of files and clauses never counts."""

    terms: tuple[Term, ...]

    def about(self, source: str, kind: str) -> tuple[Term, ...]:
        """Every term about this kind at this source, in force or not."""
        return self._about.get((source, kind), ())

    def applying(self, source: str, kind: str, purpose: str) -> tuple[Term, ...]:
        """Those that name this purpose."""
        return self._applying.get((source, kind, purpose), ())

    @cached_property
    def _about(self) -> Mapping[tuple[str, str], tuple[Term, ...]]:
        return _index((term, (term.source, term.kind)) for term in self.terms)

    @cached_property
    def _applying(self) -> Mapping[Asked, tuple[Term, ...]]:
        return _index((term, (term.source, term.kind, purpose)) for term in self.terms for purpose in term.purposes)


class Rules:
    """The agreements in the portal's hands; ``concerning`` gives what one question needs."""

    def __init__(self, agreements: Agreements) -> None:
        self.agreements = agreements
        self._rules = agreements.rules

    async def concerning(self, practitioner: Practitioner, plan: Plan) -> RuleSet:
        """The rules that bear on this practitioner's question."""
        return self._rules

    async def whole(self) -> RuleSet:
        """The rules for ``explain``, which knows no child and no practitioner."""
        return self._rules


def rule_set(terms: Iterable[Term]) -> RuleSet:
    return RuleSet(tuple(sorted(terms, key=lambda term: (term.order, term.source, term.kind, sorted(term.to), sorted(term.fields)))))


def as_day(now: datetime) -> date:
    """The local calendar day on which agreements are judged at the aware moment ``now``."""
    return day_of(now)


def span_of(agreement: Agreement, clause: Clause | None = None) -> Span:
    """The days of an agreement, within them those of one clause."""
    header, when = agreement.header, clause.terms.when if clause else None
    starts, ends = [header.starts], [header.ends]
    if when:
        starts, ends = [header.starts, *filter(None, [when.starts])], [header.ends, when.ends]
    lasts = [end for end in ends if end]
    last = min(lasts) if lasts else None
    return Span(first=max(starts), last=last, review_by=header.review_by, grace_ends=agreement.last_day)


def terms_of(agreement: Agreement, signed: Signed, vocabulary: Vocabulary) -> Iterator[Term]:
    """Every term of one agreement: those of its clauses today, and the signed refusals its clauses no longer expand to."""
    whole = signed.partners >= frozenset(agreement.header.partners)
    lines = frozenset(signed.grants) if whole else frozenset()
    refused: set[str] = set()
    for clause in agreement.clauses:
        for kind in clause.terms.kinds:
            for source in holding(clause.terms.from_, kind, vocabulary):
                term = _term(agreement, clause, source, vocabulary.standard.kinds[kind], lines, whole, signed, vocabulary)
                refused |= {grant.line for grant in _lines(term, term.fields, conditions_hash(clause))} if term.refuses else set()
                yield term
    yield from _left_over(agreement, lines - refused)


def _term(
    agreement: Agreement, clause: Clause, source: str, kind: Kind, lines: frozenset[str], whole: bool, signed: Signed,
    vocabulary: Vocabulary,
) -> Term:  # fmt: skip
    said, terms = clause.terms.kinds[kind.name], clause.terms
    refuses = terms.effect == "deny"
    paths = refused_fields(said) if refuses else granted_fields(kind, said, agreement.header.standard, vocabulary.standard)
    ceiling: Tier = said.ceiling or "T1"
    bare = Term(
        agreement=agreement.id, key=agreement.key, hash=agreement.hash, number=clause.number,
        source=source, kind=kind.name, refuses=refuses, signed=whole, span=span_of(agreement, clause),
        to=frozenset(terms.to), roles=frozenset(terms.roles), purposes=frozenset(terms.purposes),
        fields=frozenset(path for path in paths if "." not in path and path != EXISTS), granted={},
        ceiling=ceiling, existence=said.existence or ceiling,
        places=frozenset(name for name, field in kind.fields.items() if field.location),
        sensitive=vocabulary.sensitive_services | frozenset(signed.sensitive_services),
    )  # fmt: skip
    granted = {} if refuses else _granted(bare, paths, lines, conditions_hash(clause))
    return msgspec.structs.replace(bare, granted=granted)


def _granted(term: Term, paths: Iterable[str], lines: frozenset[str], conditions: str) -> dict[Asked, frozenset[str]]:
    """The fields in force, by (to, role, purpose): a field counts when it and all its parts were signed."""
    granted: dict[Asked, frozenset[str]] = {}
    for asked in product(term.to, term.roles, term.purposes):
        missing: set[str] = set()
        signed: set[str] = set()
        for path in paths:
            (signed if _grant(term, asked, path, conditions).line in lines else missing).add(path.split(".")[0])
        if signed - missing:
            granted[asked] = frozenset(signed - missing - {EXISTS})
    return granted


def _grant(term: Term, asked: Asked, field: str, conditions: str) -> Grant:
    to, role, purpose = asked
    ceiling, existence = (REFUSED, REFUSED) if term.refuses else (term.ceiling, term.existence)
    return Grant(term.source, to, role, purpose, term.kind, field, ceiling, existence, conditions)


def _lines(term: Term, fields: Iterable[str], conditions: str) -> Iterator[Grant]:
    for asked, field in product(product(term.to, term.roles, term.purposes), fields):
        yield _grant(term, asked, field, conditions)


def _left_over(agreement: Agreement, lines: Iterable[str]) -> Iterator[Term]:
    """Refusals that were signed and that no clause expands to today (a source has changed hands): they still refuse."""
    for line in sorted(lines):
        parts = line.split("\t")
        if len(parts) != 9 or not (grant := Grant(*parts)).refuses:
            continue
        yield Term(
            agreement=agreement.id, key=agreement.key, hash=agreement.hash, number=0, source=grant.source, kind=grant.kind,
            refuses=True, to=frozenset({grant.to}), roles=frozenset({grant.role}), purposes=frozenset({grant.purpose}), signed=True,
            span=span_of(agreement), fields=frozenset({grant.field}), granted={}, ceiling="T1", existence="T1",
            places=frozenset(), sensitive=frozenset(),
        )  # fmt: skip


def _index(pairs: Iterable[tuple[Term, _Key]]) -> dict[_Key, tuple[Term, ...]]:
    found: dict[_Key, list[Term]] = {}
    for term, key in pairs:
        found.setdefault(key, []).append(term)
    return {key: tuple(terms) for key, terms in found.items()}
