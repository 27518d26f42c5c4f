"""Identifiers beside one another: which agree, which contradict, and which count for nothing. Pure.

A number alone proves nothing: it is mistyped, handed on to a sister, or somebody else's. One that cannot be right is ignored and
flagged, never held against anybody.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from connectors.connector import Identifier
from connectors.scalars import normalise, valid

#: From what a CHI number says: its first six digits are a birth date DDMMYY, its ninth is odd for men and boys, even for women and girls.
_SEXES = {"m": 1, "f": 0}


class Numbers(msgspec.Struct, frozen=True):
    """The numbers of one side: those that can be right, by system, and the systems of those that cannot."""

    by_system: dict[str, frozenset[str]]
    flagged: tuple[str, ...]


class NumberMatch(msgspec.Struct, frozen=True):
    """Systems of which a number agrees, and of which both sides have valid numbers and none agrees."""

    same: tuple[str, ...]
    contradicted: tuple[str, ...]


NOTHING = NumberMatch((), ())


def numbers(identifiers: Iterable[Identifier], birth: str | None, sex: str | None) -> Numbers:
    """Sort one side's identifiers. ``birth`` and ``sex`` (m, f) are that side's own, which a CHI number must not contradict."""
    found: dict[str, frozenset[str]] = {}
    flagged: list[str] = []
    for each in identifiers:
        number = normalise(each.system, each.value)
        if not number:
            continue
        if valid(each.system, each.value) and not (each.system == "chi" and chi_contradicts(number, birth, sex)):
            found[each.system] = found.get(each.system, frozenset()) | {number}
        else:
            flagged.append(each.system)
    return Numbers(found, tuple(dict.fromkeys(flagged)))


def chi_contradicts(number: str, birth: str | None, sex: str | None) -> bool:
    """Whether a CHI number was made for another birth date, or another sex, than those beside it."""
    born = birth or ""
    parts = ((born[8:10], number[:2]), (born[5:7], number[2:4]), (born[2:4], number[4:6]))
    another_day = any(ours and ours != theirs for ours, theirs in parts)
    return another_day or (sex in _SEXES and int(number[8]) % 2 != _SEXES[sex])


def compare_numbers(typed: Numbers, held: Numbers) -> NumberMatch:
    """Put the numbers of two sides beside one another, system by system."""
    if not typed.by_system or not held.by_system:
        return NOTHING
    shared = sorted(typed.by_system.keys() & held.by_system.keys())
    agree = tuple(system for system in shared if typed.by_system[system] & held.by_system[system])
    return NumberMatch(agree, tuple(system for system in shared if system not in agree))
