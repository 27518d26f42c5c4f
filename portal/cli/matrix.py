"""Who may see what, as a table: every agency, role and purpose that an agreement names, against every source, record kind and field. Pure.

It is made by the rules that decide questions, so that it cannot say anything else than they do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import TypeAlias

import msgspec

from portal.agreements import Agreements
from portal.agreements.wording import asked_of
from portal.explaining import Explained, explain

#: Source, kind, whether permitted, clause, conditions, reason, nearest clause.
_Answer: TypeAlias = tuple[str, str, bool, str | None, tuple[str, ...], str | None, str | None]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line: ``field`` None is all of the kind. ``conditions`` are what the clause asks for besides, in sentences."""

    to: str
    role: str
    purpose: str
    source: str
    kind: str
    field: str | None
    permitted: bool
    clause: str | None
    conditions: tuple[str, ...]
    reason: str | None
    nearest: str | None


def rows(agreements: Agreements, now: datetime, agreement_id: str | None = None) -> list[Row]:
    """Every line, sorted; with ``agreement_id`` those that one agreement permits or came nearest to permitting."""
    rules, vocabulary, conditions = agreements.rules, agreements.vocabulary, _conditions(agreements)
    found: list[Row] = []
    for to, role, purpose in _askers(agreements):
        for line in explain(rules, vocabulary.standard, vocabulary.sources, purpose, [role], to, None, now):
            if agreement_id in (None, (line.clause or line.nearest or "").split(" ")[0]):
                found.append(_row(to, role, purpose, line, conditions))
    return found


def table(found: Sequence[Row]) -> str:
    """The lines for a terminal, fields of one answer together."""
    lines: list[str] = []
    for (to, role, purpose), asked in groupby(found, key=lambda row: (row.to, row.role, row.purpose)):
        lines += ["", f"{to} ({role}), for {purpose}"]
        answers: dict[_Answer, list[str]] = {}
        for row in asked:
            answers.setdefault(_answer(row), []).extend([row.field] if row.field else [])
        for answer, fields in answers.items():
            lines += _told(answer, fields)
    return "\n".join(lines[1:]) or "No agreement names anybody who may see anything."


def _askers(agreements: Agreements) -> list[tuple[str, str, str]]:
    """Everybody whom a clause names: to, role, purpose."""
    terms = (clause.terms for agreement in agreements.all for clause in agreement.clauses)
    return sorted({(to, role, purpose) for each in terms for to in each.to for role in each.roles for purpose in each.purposes})


def _conditions(agreements: Agreements) -> dict[str, tuple[str, ...]]:
    """What each clause asks for, by how it is cited."""
    return {each.cite(clause.number): asked_of(clause.terms.conditions) for each in agreements.all for clause in each.clauses}


def _row(to: str, role: str, purpose: str, line: Explained, conditions: dict[str, tuple[str, ...]]) -> Row:
    return Row(
        to=to, role=role, purpose=purpose, source=line.source, kind=line.kind, field=line.field, permitted=line.permitted,
        clause=line.clause, conditions=conditions.get(line.clause or "", ()), reason=line.reason, nearest=line.nearest,
    )  # fmt: skip


def _answer(row: Row) -> _Answer:
    return row.source, row.kind, row.permitted, row.clause, row.conditions, row.reason, row.nearest


def _told(answer: _Answer, fields: list[str]) -> Iterator[str]:
    source, kind, permitted, clause, conditions, reason, nearest = answer
    named = f" ({', '.join(fields)})" if fields else ""
    cited = clause if permitted else " ".join(filter(None, (reason, nearest)))
    yield f"  {'yes' if permitted else 'no '} {source} {kind}{named}: {cited}"
    yield from (f"        {said}" for said in conditions)
