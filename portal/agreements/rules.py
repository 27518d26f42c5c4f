"""Clauses made ready for deciding: one term for each clause, source and kind, indexed by what a question asks.

A term knows what its clause says, and apart from that what of it is in force: the lines both expanded today and signed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import cached_property, lru_cache
from itertools import product
from typing import Literal, TypeVar

import msgspec

from connectors.localtime import day_of
from connectors.standard import Kind
from portal.agreements.ages import ADULT
from portal.agreements.conditions import Conditions
from portal.agreements.documents import Agreement, Clause
from portal.agreements.grants import (
    EXISTS,
    REFUSED,
    Grant,
    Standing,
    conditions_hash,
    granted_fields,
    holding,
    lines_for,
    refused_fields,
    standing_of,
)
from portal.agreements.signatures import Signed
from portal.agreements.suspension import Suspension
from portal.agreements.told import told_of
from portal.agreements.vocabulary import Vocabulary
from portal.model import Jurisdiction, Plan, Practitioner, Tier

#: Why a clause is not in force on a day. ``review-due`` is in force, with a warning.
State = Literal["in-force", "review-due", "unsigned", "suspended", "superseded", "not-started", "review-lapsed", "ended"]
Asked = tuple[str, str, str]
#: For so many kinds of asking it is kept in which order clauses come near.
_KEPT = 20_000
_Key = TypeVar("_Key", tuple[str, str], tuple[str, str, str, str])


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """The days of a clause, all included: its first, its last if it has one, the review date and the last day of grace.

    ``own_last`` is the clause's own last day: a refusal ends with it, and with nothing else.
    """

    first: date
    last: date | None
    review_by: date
    grace_ends: date
    own_last: date | None = None

    def state(self, day: date) -> State:
        """What the days alone say on ``day``."""
        if day < self.first:
            return "not-started"
        if self.last and day > self.last:
            return "ended"
        if day > self.grace_ends:
            return "review-lapsed"
        return "review-due" if day > self.review_by else "in-force"

    def refuses(self, day: date) -> State:
        """What the days say of a refusal: once begun it stands until its own clause says otherwise, whatever ends around it."""
        if day < self.first:
            return "not-started"
        return "ended" if self.own_last and day > self.own_last else "in-force"


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """What one clause says of one kind at one source.

    ``fields`` is what the clause would give or refuses (``*`` for all of it); ``granted`` what of it is in force, by (to,
    role, purpose). A key that is absent there is not in force at all; an empty set shows that records exist.
    ``asserted`` are the (issuer, agency, role) that partners signed and the federation still has. ``ages`` are from a birthday, if any,
    to below another. ``stands_for`` are the agreements that this one supersedes, ``sentences`` the hashes of all its clauses' sentences.
    ``vouchers`` are the sources that partners signed as vouching and that vouch today.
    ``told`` is what the registry's consents must have been told. ``floor`` and ``police`` are what was signed of the
    source: no record of it is less sensitive.
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
    conditions: Conditions = Conditions()
    ages: tuple[int | None, int] = (None, ADULT)
    told: Mapping[int | None, str] = msgspec.field(default_factory=dict)
    asserted: frozenset[Asked] = frozenset()
    vouchers: frozenset[str] = frozenset()
    floor: Tier = "T1"
    police: bool = False
    suspended: bool = False
    superseded_from: date | None = None
    stands_for: frozenset[str] = frozenset()
    sentences: frozenset[str] = frozenset()

    @property
    def clause(self) -> str:
        """``ISA-07 §3``; the agreement alone when the signed list holds a refusal that no clause expands to any more."""
        return f"{self.agreement} §{self.number}" if self.number else self.agreement

    @property
    def order(self) -> tuple[str, int]:
        """The lowest comes first where two clauses would do."""
        return self.agreement, self.number

    def apart(self, agency: str, roles: frozenset[str], purpose: str) -> int:
        """How many of agency, role and purpose are others in this clause."""
        return (agency not in self.to) + roles.isdisjoint(self.roles) + (purpose not in self.purposes)

    def state(self, day: date) -> State:
        """Whether the clause is in force on ``day``, or why not. Nothing but its own last day lifts a refusal."""
        if not self.signed:
            return "unsigned"
        if self.refuses:
            return self.span.refuses(day)
        if self.suspended:
            return "suspended"
        if self.superseded_from and day >= self.superseded_from:
            return "superseded"
        return self.span.state(day)


class RuleSet(msgspec.Struct, frozen=True, dict=True):
    """Every term, in an order of its own, so that the order of files and clauses never counts."""

    terms: tuple[Term, ...]
    jurisdiction: Jurisdiction = "scotland"

    def about(self, source: str, kind: str) -> tuple[Term, ...]:
        """Every term about this kind at this source, in force or not."""
        return self._about.get((source, kind), ())

    def permissions(self, source: str, kind: str, agency: str, roles: frozenset[str], purpose: str) -> tuple[tuple[Term, ...], ...]:
        """Every term that permits something of this kind at this source, in force or not: first those in which agency, role and purpose
        are those of the asking, then those in which one of the three is another, then two, then all; the lowest of each first.
        """
        return self._permissions(source, kind, agency, roles, purpose)

    def refusals(self, source: str, kind: str, agency: str, purpose: str) -> tuple[Term, ...]:
        """Every term that refuses something of it to this agency for this purpose, in force or not."""
        return self._refusals.get((source, kind, agency, purpose), ())

    def rests_on_registry(self, plan: Plan, practitioner: Practitioner) -> bool:
        """Whether any clause that may decide this question asks for consent or lets an objection count."""
        return any(
            term.conditions.rests_on_registry
            for ask in plan.asks
            for term in self.permissions(ask.source, ask.kind, practitioner.agency, frozenset(practitioner.roles), plan.purpose)[0]
        )

    @cached_property
    def _about(self) -> Mapping[tuple[str, str], tuple[Term, ...]]:
        return _index((term, (term.source, term.kind)) for term in self.terms)

    @cached_property
    def _permissions(self) -> Callable[[str, str, str, frozenset[str], str], tuple[tuple[Term, ...], ...]]:
        """Kept for the next who asks in the same role for the same: it says nothing of any child."""

        def sort(source: str, kind: str, agency: str, roles: frozenset[str], purpose: str) -> tuple[tuple[Term, ...], ...]:
            found: tuple[list[Term], ...] = ([], [], [], [])
            for term in self.about(source, kind):
                if not term.refuses:
                    found[term.apart(agency, roles, purpose)].append(term)
            return tuple(map(tuple, found))

        return lru_cache(_KEPT)(sort)

    @cached_property
    def _refusals(self) -> Mapping[tuple[str, str, str, str], tuple[Term, ...]]:
        named = ((term, to, purpose) for term in self.terms if term.refuses for to, purpose in product(term.to, term.purposes))
        return _index((term, (term.source, term.kind, to, purpose)) for term, to, purpose in named)


def rule_set(
    terms: Iterable[Term], suspensions: Collection[Suspension] = (), superseded: Mapping[str, date] | None = None,
    jurisdiction: Jurisdiction = "scotland",
) -> RuleSet:  # fmt: skip
    """Terms ready for deciding. ``superseded`` says from which day another agreement stands in the place of one (by ``ID@VERSION``)."""
    bound = (_bound(term, suspensions, superseded or {}) for term in terms)
    order = sorted(bound, key=lambda term: (term.order, term.source, term.kind, sorted(term.to), sorted(term.fields)))
    return RuleSet(tuple(order), jurisdiction)


def _bound(term: Term, suspensions: Collection[Suspension], superseded: Mapping[str, date]) -> Term:
    suspended = any(each.covers(term.agreement, term.number, term.source, term.kind) for each in suspensions)
    since = superseded.get(term.key)
    if not suspended and since is None:
        return term
    return msgspec.structs.replace(term, suspended=suspended, superseded_from=since)


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
    own = when.ends if when else None
    return Span(first=max(starts), last=last, review_by=header.review_by, grace_ends=agreement.last_day, own_last=own)


def ages_of(agreement: Agreement, conditions: Conditions) -> tuple[int | None, int]:
    """The ages for which a clause holds: its own, within the agreement's, and below eighteen unless it says ``until``."""
    firsts, lasts = [], [conditions.until or ADULT]
    for ages in (conditions.ages, agreement.header.subjects.ages if agreement.header.subjects else None):
        if ages:
            # From birth is from the beginning: a baby of whom only the year is known, or who is not born yet, is not shut out.
            firsts += [ages[0]] if ages[0] else []
            lasts.append(ages[1])
    return (max(firsts) if firsts else None), min(lasts)


def terms_of(agreement: Agreement, signed: Signed, vocabulary: Vocabulary) -> Iterator[Term]:
    """Every term of one agreement: those of its clauses today, and the signed refusals its clauses no longer expand to."""
    whole = signed.partners >= frozenset(agreement.header.partners)
    lines = frozenset(signed.grants) if whole else frozenset()
    standing = standing_of(lines)
    asserted = _asserted(standing, vocabulary)
    refused: set[str] = set()
    for clause in agreement.clauses:
        common, conditions = _common(agreement, clause, standing, asserted, whole, vocabulary), conditions_hash(clause)
        # Under another law other people may consent and object: whoever signed has agreed to nothing that rests on them.
        foreign = clause.terms.conditions.rests_on_registry and vocabulary.jurisdiction not in standing.jurisdictions
        for name in clause.terms.kinds:
            kind, paths = vocabulary.standard.kinds[name], _paths(clause, name, agreement, vocabulary)
            for source in holding(clause.terms.from_, name, vocabulary):
                term = _term(common, clause, source, kind, paths, standing, vocabulary)
                refused |= set(_lines(term, conditions)) if term.refuses else set()
                yield (
                    term
                    if term.refuses
                    else msgspec.structs.replace(term, granted={} if foreign else _granted(term, paths, lines, conditions))
                )
    yield from _left_over(agreement, (line for line in lines if f"\t{REFUSED}\t" in line and line not in refused))


def _common(
    agreement: Agreement, clause: Clause, standing: Standing, asserted: frozenset[Asked], whole: bool, vocabulary: Vocabulary
) -> Term:
    """What all terms of one clause have in common."""
    terms, conditions = clause.terms, clause.terms.conditions
    return Term(
        agreement=agreement.id, key=agreement.key, hash=agreement.hash, number=clause.number, source="", kind="",
        refuses=terms.effect == "deny", signed=whole, span=span_of(agreement, clause),
        to=frozenset(terms.to), roles=frozenset(terms.roles), purposes=frozenset(terms.purposes),
        fields=frozenset(), granted={}, ceiling="T1", existence="T1", places=frozenset(),
        sensitive=vocabulary.sensitive_services | standing.services, conditions=conditions, ages=ages_of(agreement, conditions),
        told={clause.number: told_of(agreement, clause.number), None: told_of(agreement, None)},
        asserted=asserted, vouchers=_vouchers(agreement, standing, vocabulary),
        stands_for=frozenset(key.partition("@")[0] for key in agreement.header.supersedes),
        sentences=frozenset(told_of(agreement, each.number) for each in agreement.clauses),
    )  # fmt: skip


def _asserted(standing: Standing, vocabulary: Vocabulary) -> frozenset[Asked]:
    """Who may say that somebody holds a role: what was signed, as far as the federation still says so."""
    return frozenset(
        (address, agency, role)
        for address, issuer in vocabulary.issuers.items()
        for named, agency, role, mapping in standing.asserted
        if (named, mapping) == (issuer.named, issuer.mapping) and agency in issuer.agencies and role in issuer.roles
    )


def _vouchers(agreement: Agreement, standing: Standing, vocabulary: Vocabulary) -> frozenset[str]:
    """The sources of partners that may say who works with a child: those that were signed, and are the same agency's today."""
    partners = agreement.header.partners
    today = {(id, source.agency) for id, source in vocabulary.sources.items() if source.vouches and source.agency in partners}
    return frozenset(id for id, _ in standing.vouchers & today)


def _term(common: Term, clause: Clause, source: str, kind: Kind, paths: Iterable[str], standing: Standing, vocabulary: Vocabulary) -> Term:
    said, facts = clause.terms.kinds[kind.name], vocabulary.sources[source]
    ceiling: Tier = said.ceiling or "T1"
    today: Tier = facts.tier or "T1"  # type: ignore[assignment]
    floor = max(today, standing.tiers.get(source, "T1"))
    return msgspec.structs.replace(
        common, source=source, kind=kind.name, ceiling=ceiling, existence=said.existence or ceiling, floor=floor,
        police=facts.police or source in standing.police,
        fields=frozenset(path for path in paths if "." not in path and path != EXISTS),
        places=frozenset(name for name, field in kind.fields.items() if field.location),
    )  # fmt: skip


def _paths(clause: Clause, name: str, agreement: Agreement, vocabulary: Vocabulary) -> tuple[str, ...]:
    """What the clause says of a kind, as the paths that are signed."""
    said, kind = clause.terms.kinds[name], vocabulary.standard.kinds[name]
    if clause.terms.effect == "deny":
        return refused_fields(said)
    return granted_fields(kind, said, agreement.header.standard, vocabulary.standard)


def _granted(term: Term, paths: tuple[str, ...], lines: frozenset[str], conditions: str) -> dict[Asked, frozenset[str]]:
    """The fields in force, by (to, role, purpose): a field counts when it and all its parts were signed."""
    granted: dict[Asked, frozenset[str]] = {}
    tops = [path.partition(".")[0] for path in paths]
    whole = frozenset(tops) - {EXISTS}
    for asked in product(term.to, term.roles, term.purposes):
        lines_due = lines_for(_grant(term, asked, conditions), paths)
        missing = {top for top, line in zip(tops, lines_due, strict=True) if line not in lines}
        if not missing.issuperset(tops):
            granted[asked] = whole - missing
    return granted


def _grant(term: Term, asked: Asked, conditions: str) -> Grant:
    """The line of a record's existence: those of its fields differ from it in the field alone."""
    to, role, purpose = asked
    ceiling, existence = (REFUSED, REFUSED) if term.refuses else (term.ceiling, term.existence)
    return Grant(term.source, to, role, purpose, term.kind, EXISTS, ceiling, existence, conditions)


def _lines(term: Term, conditions: str) -> Iterator[str]:
    for asked in product(term.to, term.roles, term.purposes):
        yield from lines_for(_grant(term, asked, conditions), term.fields)


def _left_over(agreement: Agreement, lines: Iterable[str]) -> Iterator[Term]:
    """Refusals that were signed and that no clause expands to today (a source has changed hands): they still refuse."""
    for line in sorted(lines):
        parts = line.split("\t")
        if len(parts) != len(Grant.__struct_fields__) or not (grant := Grant(*parts)).refuses:
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
