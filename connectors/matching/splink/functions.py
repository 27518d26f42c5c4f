"""What DuckDB's functions mean. Each was measured against DuckDB itself: see tests/bench/febrl/README.md."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from rapidfuzz.distance import DamerauLevenshtein, Jaro, Levenshtein

from connectors.matching.splink.terms import NotKnown, Term, atom, call, of_kind


def _jaro(one: str, two: str) -> float:
    return Jaro.similarity(one, two) if one or two else 0.0


def _jaro_winkler(one: str, two: str) -> float:
    """Jaro, and above 0.7 a tenth of what is missing for each of up to four first letters; added with one rounding, as DuckDB adds."""
    similarity = _jaro(one, two)
    if similarity <= 0.7:
        return similarity
    prefix = 0
    for mine, theirs in zip(one[:4], two[:4], strict=False):
        if mine != theirs:
            break
        prefix += 1
    return _fused(prefix * 0.1, 1.0 - similarity, similarity)


def _fused(one: float, two: float, more: float) -> float:
    """one * two + more, rounded once: the product's own rounding error is found (Dekker) and added back."""
    high, low = _halves(one)
    high_two, low_two = _halves(two)
    product = one * two
    lost = ((high * high_two - product) + high * low_two + low * high_two) + low * low_two
    total = product + more
    rest = total - product
    return total + (((product - (total - rest)) + (more - rest)) + lost)


def _halves(number: float) -> tuple[float, float]:
    scaled = number * 134217729.0
    high = scaled - (scaled - number)
    return high, number - high


def _jaccard(one: str, two: str) -> float:
    """Shared characters over all characters, each counted once. DuckDB refuses an empty text; here it shares nothing."""
    mine, theirs = set(one), set(two)
    return len(mine & theirs) / len(mine | theirs) if mine and theirs else 0.0


def _lower(text: str) -> str:
    """Letter by letter, as DuckDB: no final sigma, and never one letter to two."""
    if text.isascii():
        return text.lower()
    return "".join("i" if letter == "İ" else letter.lower() for letter in text)


_ONE_TEXT: dict[str, Callable[[str], Any]] = {"lower": _lower}
_TWO_TEXTS: dict[str, Callable[[str, str], Any]] = {
    "jaro_winkler_similarity": _jaro_winkler,
    "jaro_similarity": _jaro,
    "jaccard": _jaccard,
    "levenshtein": Levenshtein.distance,
    # DuckDB counts true Damerau-Levenshtein distance, not optimal string alignment.
    "damerau_levenshtein": DamerauLevenshtein.distance,
}


def function(name: str, given: Sequence[Term]) -> Term:
    """The function of this name, given these. Raises NotKnown for any that was not measured to mean the same here."""
    if name in _ONE_TEXT and len(given) == 1:
        return call("text", _ONE_TEXT[name], [of_kind(given[0], "text")])
    if name in _TWO_TEXTS and len(given) == 2:
        return call("number", _TWO_TEXTS[name], [of_kind(term, "text") for term in given])
    if name == "abs" and len(given) == 1:
        return call("number", abs, [of_kind(given[0], "number")])
    if name == "epoch" and len(given) == 1:
        return call("number", lambda moment: moment if math.isfinite(moment) else None, [of_kind(given[0], "time")])
    if name in ("substring", "substr", "left"):
        return _substring([given[0], atom("number", "1"), *given[1:]] if name == "left" else given)
    if name == "nullif":
        return _nullif(given)
    if name == "try_strptime":
        return _moment(given)
    if name == "regexp_extract":
        return _extract(given)
    raise NotKnown(f"the function {name!r} with {len(given)} value(s)")


def _substring(given: Sequence[Term]) -> Term:
    numbers = [term.literal for term in given[1:]]
    start, length = numbers if len(numbers) == 2 else (None, None)
    if not isinstance(start, float) or not isinstance(length, float) or start < 1 or start % 1 or length % 1:
        raise NotKnown("a substring that is not from a first character for a length")
    first, last = int(start) - 1, int(start) - 1 + int(length)
    return call("text", lambda text: text[first:last], [of_kind(given[0], "text")])


def _nullif(given: Sequence[Term]) -> Term:
    if len(given) != 2 or not isinstance(given[1].literal, str):
        raise NotKnown("a nullif that does not name a text")
    null = given[1].literal
    return call("text", lambda text: None if text == null else text, [of_kind(given[0], "text")])


#: Splink's own patterns for postcodes and e-mail addresses, and nothing else: other patterns may mean another thing elsewhere.
_PATTERNS = {
    pattern: re.compile(pattern)
    for pattern in (
        "^[A-Za-z]{1,2}[0-9][A-Za-z0-9]? [0-9]",
        "^[A-Za-z]{1,2}[0-9][A-Za-z0-9]?",
        "^[A-Za-z]{1,2}",
        "^[^@]+",
    )
}


def _extract(given: Sequence[Term]) -> Term:
    """The part that fits the pattern, and an empty text where none does."""
    pattern = given[1].literal if len(given) in (2, 3) else None
    compiled = _PATTERNS.get(pattern) if isinstance(pattern, str) else None
    if compiled is None or (len(given) == 3 and given[2].literal != 0.0):
        raise NotKnown(f"the pattern {pattern!r}")

    def extract(text: str) -> str:
        found = compiled.match(text)
        return found[0] if found else ""

    return call("text", extract, [of_kind(given[0], "text")])


_YEAR, _TWO = r"([0-9]{1,4}+)", r"([0-9]{1,2}+)"
#: The ways of writing a date that are known, each with the order in which year, month and day stand.
_FORMATS = {
    "%Y-%m-%d": (re.compile(rf"\s*{_YEAR}-{_TWO}-{_TWO}\s*", re.ASCII), (0, 1, 2)),
    "%d/%m/%Y": (re.compile(rf"\s*{_TWO}/{_TWO}/{_YEAR}\s*", re.ASCII), (2, 1, 0)),
    "%d-%m-%Y": (re.compile(rf"\s*{_TWO}-{_TWO}-{_YEAR}\s*", re.ASCII), (2, 1, 0)),
    "%Y%m%d": (re.compile(rf"\s*{_YEAR}{_TWO}{_TWO}\s*", re.ASCII), (0, 1, 2)),
}
#: DuckDB reads these words as moments in any format.
_MOMENTS = {"epoch": 0.0, "infinity": math.inf, "-infinity": -math.inf}


def _moment(given: Sequence[Term]) -> Term:
    """Seconds since 1970, None where the text is no date of the format."""
    format = given[1].literal if len(given) == 2 else None
    if not isinstance(format, str) or format not in _FORMATS:
        raise NotKnown(f"the date format {format!r}")
    pattern, places = _FORMATS[format]

    def moment(text: str) -> float | None:
        found = pattern.fullmatch(text)
        if not found:
            return _MOMENTS.get(text.strip(" \t\n\r\f\v").lower())
        parts = found.groups()
        return _seconds(*(int(parts[place]) for place in places))

    return call("time", moment, [of_kind(given[0], "text")])


#: 400 years of the calendar, in days; Python's calendar begins in the year 1 and DuckDB's in the year 0.
_CYCLE, _EPOCH = 146_097, date(1970, 1, 1).toordinal()


def _seconds(year: int, month: int, day: int) -> float | None:
    try:
        days = date(year, month, day).toordinal() if year else date(400, month, day).toordinal() - _CYCLE
    except ValueError:
        return None
    return (days - _EPOCH) * 86_400.0
