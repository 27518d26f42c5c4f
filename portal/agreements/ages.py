"""How old a child may be on a day, and how far back a history reaches. Pure.

A birth date is known as well as it is known: ``2014``, ``2014-02`` or ``2014-02-03``. Whatever depends on an age must hold for every
birth date that it may stand for; where none is known, for every age.
"""

from __future__ import annotations

import calendar
from collections.abc import Collection
from datetime import date, timedelta

#: On this birthday a child is a child no longer, in all of the United Kingdom.
ADULT = 18
_LONGEST = "0001-01-01"


def anniversary(born: date, years: int) -> date:
    """The day at whose beginning somebody attains an age.

    Born on 29 February, in other years than leap years it is 1 March (Age of Legal Capacity (Scotland) Act 1991 s.6(2)).
    """
    year = min(born.year + years, date.max.year)
    if (born.month, born.day) == (2, 29) and not calendar.isleap(year):
        return date(year, 3, 1)
    return born.replace(year=year)


def possible(birth: str) -> tuple[date, date]:
    """The first and the last day that a PartialDate may stand for."""
    year, month, day = (*(int(part) for part in birth.split("-")), 0, 0)[:3]
    if day:
        return (whole := date(year, month, day)), whole
    if month:
        return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
    return date(year, 1, 1), date(year, 12, 31)


def attained(births: Collection[str], years: int, day: date) -> frozenset[bool]:
    """Whether a child has attained an age on ``day``: every answer that is possible, both where no birth date is known."""
    if not births:
        return frozenset({True, False})
    ends = [end for birth in births for end in possible(birth)]
    return frozenset(anniversary(born, years) <= day for born in ends)


def within(births: Collection[str], first: int | None, last: int, day: date) -> bool:
    """Whether every possible birth date gives an age from ``first`` (attained) to below ``last``. Nobody's birth date gives none."""
    if not births:
        return False
    old_enough = first is None or attained(births, first, day) == {True}
    return old_enough and attained(births, last, day) == {False}


def back(day: date, history: str) -> date:
    """The first day of a history (``P5Y``, ``P18M``, ``P30D``) that ends on ``day``; none is before the calendar's first."""
    count, unit = int(history[1:-1]), history[-1]
    if unit == "D":
        return day - timedelta(days=count)
    months = day.year * 12 + day.month - 1 - (count * 12 if unit == "Y" else count)
    year, month = divmod(months, 12)
    if year < 1:
        return date.fromisoformat(_LONGEST)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
