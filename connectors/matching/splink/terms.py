"""What conditions are made of: terms with a kind, and how they combine under SQL's three truths. What does not fit is not known."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import msgspec

from connectors.matching.splink.model import Condition, Record

Kind = Literal["text", "number", "time", "truth"]
Of = Callable[[Record, Record], Any]


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a condition: what kind of value it has and how to find it. ``column`` is set for a bare column, ``exact`` for x_l = x_r."""

    kind: Kind
    of: Of
    columns: frozenset[str] = frozenset()
    column: tuple[str, str] | None = None
    exact: str | None = None
    literal: str | float | None = None


class NotKnown(Exception):
    """A condition or a part of one that we do not know, in words."""


#: What each sign between two terms means.
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<>": operator.ne, "!=": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def of_kind(term: Term, kind: Kind) -> Term:
    """The term itself. Raises NotKnown if it is of another kind."""
    if term.kind != kind:
        raise NotKnown(f"a {term.kind} stands where a {kind} is expected")
    return term


def _columns(terms: Iterable[Term]) -> frozenset[str]:
    return frozenset[str]().union(*(term.columns for term in terms))


def joined(terms: Sequence[Term], decides: bool) -> Term:
    """AND (decided by a False) or OR (decided by a True); without a decision one NULL makes NULL."""
    parts: list[Condition] = [of_kind(term, "truth").of for term in terms]

    def of(left: Record, right: Record) -> bool | None:
        unknown = False
        for part in parts:
            found = part(left, right)
            if found is decides:
                return decides
            unknown = unknown or found is None
        return None if unknown else not decides

    return Term(kind="truth", of=of, columns=_columns(terms))


def negated(term: Term) -> Term:
    """NOT: what is NULL stays NULL."""
    inner = of_kind(term, "truth").of

    def of(left: Record, right: Record) -> bool | None:
        found: bool | None = inner(left, right)
        return None if found is None else not found

    return Term(kind="truth", of=of, columns=term.columns)


def is_null(term: Term, wanted: bool) -> Term:
    """IS NULL, or IS NOT NULL where that is not ``wanted``: never NULL itself."""
    if term.kind == "truth":
        raise NotKnown("IS NULL of a condition")
    inner = term.of
    return Term(kind="truth", of=lambda left, right: (inner(left, right) is None) is wanted, columns=term.columns)


def compared(left: Term, sign: str, right: Term) -> Term:
    """Two terms of one kind beside one another; texts only as equal or not, for their order is DuckDB's own."""
    if left.kind == "truth" or right.kind != left.kind:
        raise NotKnown(f"a {left.kind} is compared with a {right.kind}")
    if left.kind == "text" and sign not in ("=", "<>", "!="):
        raise NotKnown("the order of texts")
    found = call("truth", ORDER[sign], [left, right])
    same = sign == "=" and left.column and right.column and left.column[0] == right.column[0] and left.column[1] != right.column[1]
    return msgspec.structs.replace(found, exact=left.column[0]) if same and left.column else found


def call(kind: Kind, function: Callable[..., Any], given: Sequence[Term]) -> Term:
    """A function that is NULL when anything given to it is."""
    columns = _columns(given)
    if len(given) == 1:
        only = given[0].of

        def of_one(left: Record, right: Record) -> Any:
            value = only(left, right)
            return None if value is None else function(value)

        return Term(kind=kind, of=of_one, columns=columns)
    first, second = (term.of for term in given)

    def of_two(left: Record, right: Record) -> Any:
        one, two = first(left, right), second(left, right)
        return None if one is None or two is None else function(one, two)

    return Term(kind=kind, of=of_two, columns=columns)


def atom(kind: str, text: str) -> Term:
    """A column, a text or a number."""
    if kind == "text":
        value = text[1:-1].replace("''", "'")
        return Term(kind="text", of=lambda left, right: value, literal=value)
    if kind == "number":
        number = float(text)
        return Term(kind="number", of=lambda left, right: number, literal=number)
    name = text[1:-1].replace('""', '"') if kind == "quoted" else text
    column, side = name[:-2], name[-2:]
    if not column or side not in ("_l", "_r"):
        raise NotKnown(f"what {name!r} is")
    of: Of = (lambda left, right: left.get(column)) if side == "_l" else (lambda left, right: right.get(column))
    return Term(kind="text", of=of, columns=frozenset({column}), column=(column, side))
