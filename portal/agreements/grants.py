"""What an agreement gives, as a sorted list of lines: one line for one field of one kind of one source to one role.

The list is signed together with the text. In force is what the text expands to today *and* was signed, line by line:
an edited standard, source, role or tier can take lines away at once and never bring one in.

Some facts bear on every line: which services are sensitive, which sources are raised or are of the police, which may vouch, who may say
that somebody holds a role, whose law decides when a young person speaks for themselves. They are *standing* lines of the same list, with
their kind in brackets.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import product
from typing import TypeAlias, cast

import msgspec

from connectors.standard import ALWAYS, TIERS, Field, Kind, Standard, Tier
from portal.agreements.documents import Agreement, Clause, KindTerms
from portal.agreements.vetting import since
from portal.agreements.vocabulary import Vocabulary

#: In place of a field: the record's existence alone (all its content lies above the ceiling), or, in a refusal, all of it.
EXISTS, WHOLE = "-", "*"
#: In place of both tiers: this line refuses.
REFUSED = "-"
#: The kinds of standing lines. A record kind is a GraphQL name, so that none can be called so.
SERVICE, SOURCE, ISSUER, JURISDICTION = "(service)", "(source)", "(issuer)", "(jurisdiction)"
#: Source or issuer, to, role, kind, field, tier, hash.
_Parts: TypeAlias = tuple[str, str, str, str, str, str, str]


class Grant(msgspec.Struct, frozen=True, order=True):
    """One line. Tiers are ``-`` in a refusal; ``conditions`` is the hash of the clause's conditions and dates, in hex."""

    source: str
    to: str
    role: str
    purpose: str
    kind: str
    field: str
    ceiling: str
    existence: str
    conditions: str

    @property
    def line(self) -> str:
        return "\t".join(msgspec.structs.astuple(self))

    @property
    def standing(self) -> bool:
        return self.kind.startswith("(")

    @property
    def refuses(self) -> bool:
        return self.ceiling == REFUSED and not self.standing


def lines_for(grant: Grant, fields: Iterable[str]) -> Iterator[str]:
    """The lines that differ from ``grant`` in the field alone."""
    before = "\t".join((grant.source, grant.to, grant.role, grant.purpose, grant.kind, ""))
    after = "\t".join(("", grant.ceiling, grant.existence, grant.conditions))
    return (f"{before}{field}{after}" for field in fields)


class Standing(msgspec.Struct, frozen=True):
    """What standing lines say: the sensitive services, the tiers sources raise to, the sources of police records, who asserts roles.

    ``asserted`` has (issuer as the federation names it, agency, role, hash of the claims' names). ``vouchers`` are the sources that may say
    who works with a child, each with its agency, ``jurisdictions`` those under whose law consents and objections were to be read.
    """

    services: frozenset[str] = frozenset()
    tiers: dict[str, Tier] = {}
    police: frozenset[str] = frozenset()
    asserted: frozenset[tuple[str, str, str, str]] = frozenset()
    vouchers: frozenset[tuple[str, str]] = frozenset()
    jurisdictions: frozenset[str] = frozenset()


def expand(agreement: Agreement, vocabulary: Vocabulary) -> list[str]:
    """Every line the agreement expands to today, sorted, each once. Pure: the same file and vocabulary give the same lines."""
    grants = {grant.line for clause in agreement.clauses for grant in grants_of(clause, agreement.header.standard, vocabulary)}
    return sorted(grants | set(standing_lines(agreement, vocabulary)))


def grants_in(lines: Iterable[str]) -> list[Grant]:
    """The lines that give or refuse, in order: those that stand for themselves left out, and whatever is no line of ours."""
    split = (line.split("\t") for line in lines)
    grants = (Grant(*parts) for parts in split if len(parts) == len(Grant.__struct_fields__))
    return [grant for grant in grants if not grant.standing]


def standing_lines(agreement: Agreement, vocabulary: Vocabulary) -> list[str]:
    """What bears on every line of the agreement today: services, its sources' tiers and police records, who vouches, who asserts its roles,
    whose law it is."""
    facts = (*_facts(agreement, vocabulary), *_vouchers(agreement, vocabulary), *_jurisdiction(agreement, vocabulary))
    found = (*_services(vocabulary), *facts, *_issuers(agreement, vocabulary))
    return sorted({_standing(*parts) for parts in found})


def standing_of(lines: Iterable[str]) -> Standing:
    """What the standing lines among ``lines`` say. Of two tiers of one source the higher counts; a line of an unknown kind says nothing."""
    split = [line.split("\t") for line in lines if "\t(" in line]
    grants = [Grant(*parts) for parts in split if len(parts) == len(Grant.__struct_fields__)]
    facts = [grant for grant in grants if grant.kind == SOURCE]
    tiers: dict[str, Tier] = {}
    for grant in facts:
        if grant.field == "tier" and grant.ceiling in TIERS:
            tiers[grant.source] = cast(Tier, max(tiers.get(grant.source, "T1"), grant.ceiling))
    return Standing(
        services=frozenset(grant.field for grant in grants if grant.kind == SERVICE),
        tiers=tiers,
        police=frozenset(grant.source for grant in facts if grant.field == "police"),
        asserted=frozenset((grant.source, grant.to, grant.role, grant.conditions) for grant in grants if grant.kind == ISSUER),
        vouchers=frozenset((grant.source, grant.to) for grant in facts if grant.field == "vouches"),
        jurisdictions=frozenset(grant.field for grant in grants if grant.kind == JURISDICTION),
    )


def _standing(source: str, to: str, role: str, kind: str, field: str, ceiling: str, conditions: str) -> str:
    return Grant(source, to, role, "-", kind, field, ceiling, "-", conditions).line


def _services(vocabulary: Vocabulary) -> Iterator[_Parts]:
    for service in vocabulary.sensitive_services:
        yield "-", "-", "-", SERVICE, service, "-", "-"


def _facts(agreement: Agreement, vocabulary: Vocabulary) -> Iterator[_Parts]:
    owners = {agency for clause in agreement.clauses for agency in clause.terms.from_}
    for id, source in vocabulary.sources.items():
        if source.agency in owners and source.tier:
            yield id, "-", "-", SOURCE, "tier", source.tier, "-"
        if source.agency in owners and source.police:
            yield id, "-", "-", SOURCE, "police", "-", "-"


def _vouchers(agreement: Agreement, vocabulary: Vocabulary) -> Iterator[_Parts]:
    """The partners' sources that may say who works with a child, where a clause wants to know."""
    if all(clause.terms.conditions.relationship == "none" for clause in agreement.clauses):
        return
    for id, source in vocabulary.sources.items():
        if source.vouches and source.agency in agreement.header.partners:
            yield id, source.agency, "-", SOURCE, "vouches", "-", "-"


def _jurisdiction(agreement: Agreement, vocabulary: Vocabulary) -> Iterator[_Parts]:
    """Whose law says when a young person speaks for themselves, where a clause rests on what is said."""
    if any(clause.terms.conditions.rests_on_registry for clause in agreement.clauses):
        yield "-", "-", "-", JURISDICTION, vocabulary.jurisdiction, "-", "-"


def _issuers(agreement: Agreement, vocabulary: Vocabulary) -> Iterator[_Parts]:
    agencies = {agency for clause in agreement.clauses for agency in clause.terms.to}
    roles = {role for clause in agreement.clauses for role in clause.terms.roles}
    for issuer in vocabulary.issuers.values():
        for agency, role in product(agencies & issuer.agencies, roles & issuer.roles):
            yield issuer.named, agency, role, ISSUER, "-", "-", issuer.mapping


def grants_of(clause: Clause, standard: str, vocabulary: Vocabulary) -> Iterator[Grant]:
    """The lines of one clause today, unsorted. ``standard`` is the header's: ``fields = "all"`` means all of that version."""
    terms, conditions = clause.terms, conditions_hash(clause)
    for name, kind_terms in terms.kinds.items():
        kind = vocabulary.standard.kinds[name]
        refuses = terms.effect == "deny"
        fields = refused_fields(kind_terms) if refuses else granted_fields(kind, kind_terms, standard, vocabulary.standard)
        ceiling = REFUSED if refuses else kind_terms.ceiling or "T1"
        existence = REFUSED if refuses else kind_terms.existence or ceiling
        sources = holding(terms.from_, name, vocabulary)
        for source, to, role, purpose, field in product(sources, terms.to, terms.roles, terms.purposes, fields):
            yield Grant(source, to, role, purpose, name, field, ceiling, existence, conditions)


def holding(agencies: Iterable[str], kind: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The sources of ``agencies`` that hold records of ``kind`` today."""
    owners = frozenset(agencies)
    return tuple(sorted(id for id, source in vocabulary.sources.items() if source.agency in owners and kind in source.kinds))


def granted_fields(kind: Kind, terms: KindTerms, standard: str, today: Standard) -> tuple[str, ...]:
    """The fields a permitting clause gives of one kind, and the parts of those that hold objects (``actions.owner``).

    Nothing above the ceiling is listed, so that lowering a tier later brings nothing in. Where that leaves no field, the
    line ``-`` says that a record's existence may be shown, if existence reaches the kind's own tier.
    """
    ceiling = terms.ceiling or "T1"
    existence = terms.existence or ceiling
    named = whole(kind, standard) if terms.fields == "all" else frozenset(terms.fields)
    fields = [kind.fields[name] for name in sorted(named)] if kind.tier <= ceiling else []
    seen = [field for field in fields if (field.tier or "T1") <= ceiling]
    paths = [path for field in seen for path in (field.name, *parts(field, ceiling, today))]
    return tuple(paths) or ((EXISTS,) if kind.tier <= existence else ())


def refused_fields(terms: KindTerms) -> tuple[str, ...]:
    return (WHOLE,) if terms.fields == "all" else terms.fields


def whole(kind: Kind, standard: str) -> frozenset[str]:
    """What ``fields = "all"`` means: every field of that version of the standard, other people's excepted."""
    return frozenset(name for name, field in kind.fields.items() if name not in ALWAYS and not field.third_party and since(field, standard))


def parts(field: Field, ceiling: str, today: Standard, within: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The parts of a field that holds objects, as paths: they are signed too, or a new part would be shared by no signature.

    Parts about other people are never shown, whoever names the field, and parts above the ceiling neither.
    """
    if field.nested is None or field.nested in within:
        return ()
    path, found = field.name, []
    for part in today.objects[field.nested].values():
        if part.third_party or (part.tier or "T1") > ceiling:
            continue
        found += [f"{path}.{part.name}", *(f"{path}.{deeper}" for deeper in parts(part, ceiling, today, (*within, field.nested)))]
    return tuple(sorted(found))


def conditions_hash(clause: Clause) -> str:
    """SHA-256, in hex, of the clause's conditions and dates as canonical JSON. Keys that ask for nothing are left out."""
    when = {key: value.isoformat() for key, value in (("starts", clause.terms.when.starts), ("ends", clause.terms.when.ends)) if value}
    said = json.dumps({"conditions": clause.terms.conditions.said, "when": when}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def grants_hash(lines: Iterable[str]) -> str:
    """SHA-256, in hex, of the sorted lines, each followed by LF."""
    return _hash(tuple(sorted(lines)))


@lru_cache(maxsize=16)
def _hash(lines: tuple[str, ...]) -> str:
    """Kept for a moment: every partner of an agreement signs the same lines."""
    return hashlib.sha256("\n".join((*lines, "")).encode()).hexdigest()


def signed_bytes(federation: str, agreement: Agreement, lines: Iterable[str], role: str) -> bytes:
    """The bytes one partner signs: what, which version, the text and the grants (hashes in hex), and in which role."""
    text = agreement.hash.removeprefix("sha256:")
    said = ("childview-agreement/1", federation, agreement.id, agreement.version, text, grants_hash(lines), role)
    return "".join(f"{part}\n" for part in said).encode()
