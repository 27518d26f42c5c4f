"""The walk from a mutation to a Change: what is to be written down, about whom.

Pure. Whether it may be written down is decided in ``portal.recording``. Values that somebody typed are never repeated in an
error: only their path.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any, Literal

from graphql import GraphQLSchema
from graphql.execution.values import get_argument_values

from portal.api.selection import Selected
from portal.api.typed import LONGEST_WORDS, few, needed, subject, taken
from portal.changes import Change, Closing, DoubtClosing, NotShared, Said, WrongChild
from portal.model import Responsibility, Understanding

#: Names and ids of the federation's own are shorter.
LONGEST_ID = 64

Typed = Mapping[str, Any]


def change(schema: GraphQLSchema, selected: Selected, sources: Collection[str]) -> Change:
    """What the chosen mutation writes down. ``sources`` are the ids whose own numbers may be typed.

    Raises RequestError: CV420 too little to tell the child by, CV421 identifier, CV422 too long or too many, CV440 nothing written.
    """
    assert schema.mutation_type
    node = selected.change[0]
    typed = get_argument_values(schema.mutation_type.fields[node.name.value], node, selected.variables)
    return _CHANGES[node.name.value](typed, sources)


def _said(what: Literal["consent", "objection"], typed: Typed, sources: Collection[str]) -> Said:
    return Said(
        subject=subject(typed["subject"], sources),
        what=what,
        state=typed["state"].lower(),
        agreement=needed(typed["agreement"], ("agreement",), LONGEST_ID),
        clause=typed.get("clause"),
        party=typed["party"],
        on=date.fromisoformat(typed["on"]),
        evidence=needed(typed["evidence"], ("evidence",)),
        understanding=_understanding(typed.get("understanding")),
        responsibility=_responsibility(typed.get("responsibility")),
        words=taken(typed.get("words"), ("words",), LONGEST_WORDS, lines=True),
    )


def _understanding(typed: Typed | None) -> Understanding | None:
    if typed is None:
        return None
    by = needed(typed["by"], ("understanding", "by"))
    return Understanding(understands=typed["understands"], on=date.fromisoformat(typed["on"]), by=by)


def _responsibility(typed: Typed | None) -> Responsibility | None:
    if typed is None:
        return None
    rests_on = needed(typed["restsOn"], ("responsibility", "restsOn"))
    return Responsibility(rests_on=rests_on, on=date.fromisoformat(typed["on"]))


def _not_shared(typed: Typed, sources: Collection[str]) -> NotShared:
    kinds = few(typed["kinds"], ("kinds",))
    return NotShared(
        subject=subject(typed["subject"], sources),
        to=needed(typed["to"], ("to",), LONGEST_ID),
        kinds=tuple(dict.fromkeys(needed(kind, ("kinds", index), LONGEST_ID) for index, kind in enumerate(kinds))),
        words=needed(typed["words"], ("words",), LONGEST_WORDS, lines=True),
    )


def _closing(typed: Typed, sources: Collection[str]) -> Closing:
    return Closing(
        review=needed(typed["review"], ("review",), LONGEST_ID),
        outcome=typed["outcome"],
        words=needed(typed["words"], ("words",), LONGEST_WORDS, lines=True),
    )


def _wrong_child(typed: Typed, sources: Collection[str]) -> WrongChild:
    return WrongChild(
        report=needed(typed["report"], ("report",), LONGEST_WORDS),
        words=needed(typed["words"], ("words",), LONGEST_WORDS, lines=True),
    )


def _doubt_closing(typed: Typed, sources: Collection[str]) -> DoubtClosing:
    return DoubtClosing(
        doubt=needed(typed["doubt"], ("doubt",), LONGEST_ID),
        outcome=typed["outcome"],
        words=needed(typed["words"], ("words",), LONGEST_WORDS, lines=True),
    )


_CHANGES: dict[str, Callable[[Typed, Collection[str]], Change]] = {
    "recordConsent": lambda typed, sources: _said("consent", typed, sources),
    "recordObjection": lambda typed, sources: _said("objection", typed, sources),
    "recordNotShared": _not_shared,
    "closeReview": _closing,
    "reportWrongChild": _wrong_child,
    "closeDoubt": _doubt_closing,
}
