"""How two birth dates compare. Pure. A date is a PartialDate: YYYY, YYYY-MM or YYYY-MM-DD; what is unknown contradicts nothing."""

from __future__ import annotations

from typing import Literal

DateLevel = Literal[
    "exact", "new-year", "fits", "transposed", "year-out", "first-of-january", "one-digit", "two-digits", "two-parts", "differs", "missing"
]

_WHOLE = len("2014-02-03")


def compare_dates(typed: str | None, held: str | None) -> DateLevel:
    """The first that holds: equal, one fits into the other, or one of the slips that people make with dates."""
    if not typed or not held:
        return "missing"
    if typed == held:
        if len(typed) != _WHOLE:
            return "fits"
        # The day that is entered when only the year is known agrees with itself.
        return "new-year" if typed.endswith("-01-01") else "exact"
    if len(typed) != _WHOLE or len(held) != _WHOLE:
        return "fits" if typed.startswith(held) or held.startswith(typed) else "differs"
    return _slip(typed, held)


def _slip(one: str, other: str) -> DateLevel:
    same_year, same_month, same_day = one[:4] == other[:4], one[5:7] == other[5:7], one[8:] == other[8:]
    if same_year and one[5:7] == other[8:] and one[8:] == other[5:7]:
        return "transposed"
    if same_month and same_day and abs(int(one[:4]) - int(other[:4])) == 1:
        return "year-out"
    if same_year and "01-01" in (one[5:], other[5:]):
        # The day that is entered when only the year is known.
        return "first-of-january"
    digits = sum(a != b for a, b in zip(one, other, strict=True))
    if digits <= 2:
        return "one-digit" if digits == 1 else "two-digits"
    return "two-parts" if same_year + same_month + same_day == 2 else "differs"
