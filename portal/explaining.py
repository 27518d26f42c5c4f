"""What a kind of person could see for a purpose, clause by clause: takes no child and asks no source. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from connectors.standard import ALWAYS, Standard
from portal.agreements.rules import RuleSet
from portal.agreements.wording import asked_of
from portal.clauses import Asker, kind_of_person
from portal.decisions import WORDS, closest, refusals_of, rule
from portal.model import Ruling


class Holding(Protocol):
    """What ``explain`` needs to know of a source: the record kinds it holds."""

    @property
    def kinds(self) -> Collection[str]: ...


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the answer to "what could I see?": for a kind refused, ``field`` is None; else one line for each field."""

    source: str
    kind: str
    field: str | None
    permitted: bool
    clause: str | None
    reason: str | None
    nearest: str | None
    words: str


def explain(
    rules: RuleSet, standard: Standard, sources: Mapping[str, Holding], purpose: str, roles: Iterable[str], agency: str,
    kinds: Collection[str] | None, now: datetime,
) -> tuple[Explained, ...]:  # fmt: skip
    """What a kind of person could see for a purpose, from every source: takes no child and asks nobody.

    ``kinds`` None means all. Sorted by source, kind and field. What a clause asks for besides is said in words.
    """
    asker = kind_of_person(agency, roles, purpose, now)
    lines: list[Explained] = []
    for source in sorted(sources):
        for kind in sorted(name for name in sources[source].kinds if name in standard.kinds and (kinds is None or name in kinds)):
            lines += _explained(source, kind, standard.kinds[kind].fields.keys() - ALWAYS, asker, rules)
    return tuple(lines)


def _explained(source: str, kind: str, fields: Collection[str], asker: Asker, rules: RuleSet) -> Iterable[Explained]:
    ruling, terms = rule(source, kind, frozenset(fields), asker, rules)
    if not ruling.permitted:
        yield _line(ruling, None, ruling.reason, ruling.nearest, ())
        return
    besides = asked_of(terms[0].conditions)
    for field in sorted(fields):
        if field in ruling.fields:
            yield _line(ruling, field, None, None, besides)
        else:
            yield _line(ruling, field, *_why_not(ruling, field, asker, rules), ())


def _why_not(ruling: Ruling, field: str, asker: Asker, rules: RuleSet) -> tuple[str, str | None]:
    """Why a field is not shown though its kind is: a refusal, or no clause that gives both; and the nearest that gives it."""
    refusing = [term for term in refusals_of(ruling.source, ruling.kind, asker, rules) if field in term.fields]
    if refusing:
        return "denied-by", min(refusing, key=lambda term: term.order).clause
    every = rules.permissions(ruling.source, ruling.kind, asker.agency, asker.roles, asker.purpose)
    others = ((term for term in equals if field in term.fields) for equals in every)
    _, nearest = closest(others, asker)
    return "no-clause", nearest.clause if nearest else ruling.clause


def _line(ruling: Ruling, field: str | None, reason: str | None, nearest: str | None, besides: Collection[str]) -> Explained:
    permitted = reason is None
    words = " ".join((f"{ruling.clause} lets this role see this for this purpose.", *besides))
    return Explained(
        source=ruling.source, kind=ruling.kind, field=field, permitted=permitted, clause=ruling.clause if permitted else None,
        reason=reason, nearest=nearest, words=words if permitted else WORDS[reason or "no-clause"],
    )  # fmt: skip
