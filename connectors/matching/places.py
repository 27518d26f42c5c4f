"""Where a child lives or lived, as one field: a line and a postcode speak of one home and are counted once. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

import msgspec
from rapidfuzz.fuzz import token_sort_ratio

from connectors.connector import Address

PlaceLevel = Literal["home", "postcode", "line", "sector", "differs", "missing"]

_SHORT = {
    "street": "st", "road": "rd", "avenue": "ave", "lane": "ln", "drive": "dr", "close": "cl", "court": "ct", "place": "pl",
    "crescent": "cres", "gardens": "gdns", "square": "sq", "terrace": "terr", "apartment": "flat", "apt": "flat", "saint": "st",
}  # fmt: skip
_WORD = re.compile(r"[0-9]+|[^\W\d_]+")
_ALIKE = 85.0
_LEVELS: tuple[PlaceLevel, ...] = ("home", "postcode", "line", "sector", "differs")


class Place(msgspec.Struct, frozen=True):
    """One address as prepared for comparison: a postcode without spaces, the words of its line, the numbers among them."""

    postcode: str
    line: str
    numbers: frozenset[str]


def places(addresses: Iterable[Address], postcode: str | None = None) -> tuple[Place, ...]:
    """The addresses that say anything, each once."""
    said = [_place(each.line, each.postcode) for each in addresses]
    if postcode:
        said.append(_place(None, postcode))
    return tuple(dict.fromkeys(each for each in said if each.postcode or each.line))


def compare_places(typed: tuple[Place, ...], held: tuple[Place, ...]) -> PlaceLevel:
    """The best that any address of the one side reaches with any of the other: a home of some years ago is a home."""
    if not typed or not held:
        return "missing"
    best = len(_LEVELS) - 1
    for one in typed:
        for other in held:
            best = min(best, _compare(one, other, best))
            if best == 0:
                return "home"
    return _LEVELS[best]


def _compare(one: Place, other: Place, best: int) -> int:
    if one.postcode and one.postcode == other.postcode:
        same_house = not one.line or not other.line or one.numbers == other.numbers
        return 0 if same_house else 1
    if best <= 2:
        return best
    if one.numbers and one.numbers == other.numbers and token_sort_ratio(one.line, other.line, score_cutoff=_ALIKE):
        return 2
    # All but the last two signs of a postcode: some streets that lie side by side.
    return 3 if len(one.postcode) > 4 and one.postcode[:-2] == other.postcode[:-2] else 4


def _place(line: str | None, postcode: str | None) -> Place:
    words = [_SHORT.get(word, word) for word in _WORD.findall((line or "").casefold())]
    code = "".join((postcode or "").split()).upper()
    return Place(code, " ".join(words), frozenset(word for word in words if word.isdigit()))
