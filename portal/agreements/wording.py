"""The sentence ``In short:`` of a clause, made word for word from its block.

It is what register, page and signer show, so it leaves nothing out that the block decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from portal.agreements.markdown import IN_SHORT

if TYPE_CHECKING:
    from portal.agreements.documents import KindTerms, Terms, When


def in_short(terms: Terms, standard: str) -> str:
    """The one paragraph that says what a clause's block says. ``standard`` is the version in the agreement's header."""
    verb = _verb(terms)
    kinds = "; and ".join(_kind(name, kind, standard, terms.effect == "deny") for name, kind in terms.kinds.items())
    who = f"{_and(terms.from_)} {verb} {_and(terms.to)} ({', '.join(terms.roles)})"
    return f"{IN_SHORT} {who}, for {_and(terms.purposes)}: {kinds}{_when(terms.when)}."


def day(when: date) -> str:
    """``1 September 2026``."""
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def _verb(terms: Terms) -> str:
    many = len(terms.from_) > 1
    if terms.effect == "deny":
        return "do not show" if many else "does not show"
    return "show" if many else "shows"


def _kind(name: str, kind: KindTerms, standard: str, denied: bool) -> str:
    if denied:
        return f"{name} (none of it)" if kind.fields == "all" else f"{name} ({', '.join(kind.fields)})"
    fields = f"every field of standard {standard} but those about other people" if kind.fields == "all" else ", ".join(kind.fields)
    exists = f"; that a record exists up to {kind.existence}" if kind.existence and kind.existence != kind.ceiling else ""
    return f"{name} ({fields}) up to {kind.ceiling}{exists}"


def _when(when: When) -> str:
    if when.starts and when.ends:
        return f", from {day(when.starts)} to {day(when.ends)}"
    if when.starts:
        return f", from {day(when.starts)}"
    return f", until {day(when.ends)}" if when.ends else ""


def _and(names: Sequence[str]) -> str:
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]


# Named here and not taken from the locale: the sentence must read the same on every machine.
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
