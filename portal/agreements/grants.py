"""What an agreement gives, as a sorted list of lines: one line for one field of one kind of one source to one role.

The list is signed together with the text. In force is what the text expands to today *and* was signed, line by line:
an edited standard, source, role or tier can take lines away at once and never bring one in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import product

import msgspec

from connectors.standard import ALWAYS, Field, Kind, Standard
from portal.agreements.documents import Agreement, Clause, KindTerms
from portal.agreements.vetting import since
from portal.agreements.vocabulary import Vocabulary

#: In place of a field: the record's existence alone (all its content lies above the ceiling), or, in a refusal, all of it.
EXISTS, WHOLE = "-", "*"
#: In place of both tiers: this line refuses.
REFUSED = "-"


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
    def refuses(self) -> bool:
        return self.ceiling == REFUSED


def expand(agreement: Agreement, vocabulary: Vocabulary) -> list[str]:
    """Every line the agreement expands to today, sorted, each once. Pure: the same file and vocabulary give the same lines."""
    return sorted({grant.line for clause in agreement.clauses for grant in grants_of(clause, agreement.header.standard, vocabulary)})


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
    """SHA-256, in hex, of the clause's conditions and dates as canonical JSON."""
    when = {key: value.isoformat() for key, value in (("starts", clause.terms.when.starts), ("ends", clause.terms.when.ends)) if value}
    said = json.dumps({"conditions": {}, "when": when}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def grants_hash(lines: Iterable[str]) -> str:
    """SHA-256, in hex, of the sorted lines, each followed by LF."""
    return hashlib.sha256("".join(f"{line}\n" for line in sorted(lines)).encode()).hexdigest()


def signed_bytes(federation: str, agreement: Agreement, lines: Iterable[str], role: str) -> bytes:
    """The bytes one partner signs: what, which version, the text and the grants (hashes in hex), and in which role."""
    text = agreement.hash.removeprefix("sha256:")
    said = ("childview-agreement/1", federation, agreement.id, agreement.version, text, grants_hash(lines), role)
    return "".join(f"{part}\n" for part in said).encode()
