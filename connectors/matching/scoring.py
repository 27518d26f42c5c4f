"""One person beside the subject: which level every field reaches, and what each is worth against each of two rivals. Pure.

The bits of a field are log2 of how much likelier its level is if the person is the child than if it is the rival: an unrelated child, or
a brother, sister or twin, who shares surname, home and, as a twin, birth date. Final are the log2 odds against both rivals together, a
little below the smaller (Fellegi and Sunter 1969; that independent fields merge twins was measured, docs/explanation/matching.md).
"""

from __future__ import annotations

from math import log2

import msgspec
from rapidfuzz.distance import OSA

from connectors.matching.dates import compare_dates
from connectors.matching.described import Described, Home
from connectors.matching.names import (
    Name,
    compare_family,
    compare_given,
    family_share,
    given_share,
    is_known_given,
    leads_elsewhere,
    often_shared,
)
from connectors.matching.numbers import NumberMatch, compare_numbers
from connectors.matching.places import compare_places
from connectors.matching.weights import Weights

#: What speaks of the family's home rather than of the child; never told to a practitioner: it would be an oracle.
OF_HOME = ("place", "phone", "school", "parents")


class Part(msgspec.Struct, frozen=True):
    """What one field adds: its level, and the bits against an unrelated child and against a sibling."""

    field: str
    level: str
    unrelated: float
    sibling: float


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """A person beside the subject. ``bits`` are the log2 odds against both rivals."""

    parts: tuple[Part, ...]
    numbers: NumberMatch
    unrelated: float
    sibling: float
    bits: float

    @property
    def without_number(self) -> float:
        """The odds that are left if no number had agreed."""
        number = next((part for part in self.parts if part.field == "number"), None)
        return self.bits if number is None else both(self.unrelated - number.unrelated, self.sibling - number.sibling)

    def level(self, field: str) -> str | None:
        """The level that a field reached; None where it is missing on either side."""
        return next((part.level for part in self.parts if part.field == field), None)


def both(unrelated: float, sibling: float) -> float:
    """The log2 odds against two rivals together."""
    low, high = (unrelated, sibling) if unrelated < sibling else (sibling, unrelated)
    return low - log2(1.0 + 2.0 ** max(low - high, -64.0))


def score(subject: Described, person: Described, weights: Weights, population: int) -> Score:
    """Compare every field. The order of the two sides makes no difference to the bits."""
    numbers = compare_numbers(subject.numbers, person.numbers)
    own = [*_names(subject, person, weights), *_rest(subject, person, numbers, weights)]
    home = [] if _somebody_else(own) else _home(subject.home, person.home, weights)
    parts = (*own, *home)
    unrelated = -log2(population) + sum(part.unrelated for part in parts)
    sibling = weights.prior.sibling + sum(part.sibling for part in parts)
    return Score(parts=parts, numbers=numbers, unrelated=unrelated, sibling=sibling, bits=both(unrelated, sibling))


def _somebody_else(own: list[Part]) -> bool:
    """Neither birth date nor family name agree, nor does a number: whatever the home says, this is nobody to look at."""
    levels = {part.field: part.level for part in own}
    return levels.get("birth", "differs") == levels.get("family", "differs") == "differs" and "number" not in levels


def _part(field: str, level: str, weights: Weights) -> Part:
    unrelated, sibling = weights.bits[field][level]
    return Part(field, level, unrelated, sibling)


def _names(subject: Described, person: Described, weights: Weights) -> list[Part]:
    one, other = subject.given, person.given
    alike = compare_given(one, other) if one and other else None
    if alike == "differs" and _swapped(subject, person):
        # Which of the two is the given name cannot be told where one of them is only alike.
        level = "swapped" if _wholly_swapped(subject, person) else "near"
        return [_part("given", level, weights), _part("family", "swapped", weights), *_middle(subject, person, weights)]
    given = [_given(one, other, _given_level(alike, one, other, subject, person), weights)] if one and other and alike else []
    return [*given, *_middle(subject, person, weights), *_family(subject, person, weights)]


_CLOSE = frozenset({"exact", "variant", "typo"})


def _swapped(subject: Described, person: Described) -> bool:
    """The given name of each stands where the other's family name is, the given name that was typed letter for letter."""
    ours, theirs = subject.given, person.given
    if not ours or not theirs:
        return False
    one = {compare_given(ours, name) for name in person.families}
    other = {compare_given(theirs, name) for name in subject.families}
    return ("exact" in one and bool(other & _CLOSE)) or ("exact" in other and bool(one & _CLOSE))


def _wholly_swapped(subject: Described, person: Described) -> bool:
    ours, theirs = {name.text for name in subject.families}, {name.text for name in person.families}
    return bool(subject.given and person.given and subject.given.text in theirs and person.given.text in ours)


def _given(one: Name, other: Name, level: str, weights: Weights) -> Part:
    if (chance := weights.shared.get(("given", level))) is None:
        return _part("given", level, weights)
    bits = min(log2(chance / (given_share(one) or _RARE)), weights.most.given)
    return Part("given", level, bits, weights.bits["given"][level][1])


def _gendered(one: str, other: str) -> bool:
    """They differ in the last letter alone, as a boy's name and a girl's do (Naim, Naima)."""
    return one[:-1] == other[:-1] or one[:-1] == other or one == other[:-1]


#: The share of children who bear a name nobody has counted.
_RARE = 0.00005


def _given_level(alike: str, one: Name, other: Name, subject: Described, person: Described) -> str:
    level = _level_of_given(alike, one, other, subject, person)
    return "near" if level == "slip" and subject.sex != person.sex and _gendered(one.text, other.text) else level


def _level_of_given(level: str, one: Name, other: Name, subject: Described, person: Described) -> str:
    if level == "exact":
        return "often-shared" if often_shared(one.text) else "exact"
    if level == "variant":
        return "near" if often_shared(one.text) and often_shared(other.text) else "variant"
    if level == "part":
        return "part" if _is_part(one, other) or _merged(one.text, other.text) else "differs"
    if level in ("typo", "near"):
        return _small_slip(level, one.text, other.text)
    if _as_middle(subject, person):
        return "middle"
    if level in ("sounds", "differs") and is_known_given(one.text) != is_known_given(other.text):
        return _large_slip(level, one.text, other.text)
    return level


def _is_part(one: Name, other: Name) -> bool:
    """All of one stands in the other; of Mohammed Ali and Mohammed Hassan neither does, and Mohammed alone says little."""
    whole = set(one.parts) <= set(other.parts) or set(other.parts) <= set(one.parts)
    return whole and not (often_shared(one.text) or often_shared(other.text))


def _small_slip(level: str, one: str, other: str) -> str:
    """A letter or two apart: a slip of the pen, unless both are names, or the slip leads as well to another child's name."""
    known = is_known_given(one), is_known_given(other)
    if all(known):
        return "near"
    if any(known):
        small = OSA.distance(one, other, score_cutoff=1) <= 1
        return "slip" if level == "typo" and small and not leads_elsewhere(one, other) else "blurred"
    return "slip" if _of_the_pen(one, other) else "blurred"


def _large_slip(level: str, one: str, other: str) -> str:
    """One of the two is no name: spelt by ear, with a middle name written on, or spoilt beyond recognition."""
    if level == "sounds":
        return "blurred"
    return "part" if _merged(one, other) else "spoilt"


def _of_the_pen(one: str, other: str) -> bool:
    """A slip between two names nobody has counted: two letters change places, or one in a long name; twins are hardly called so."""
    return (len(one) == len(other) and sorted(one) == sorted(other)) or min(len(one), len(other)) >= _LONG_NAME


_LONG_NAME = 7


def _merged(one: str, other: str) -> bool:
    """One begins with the other and is no name itself: a middle name was written on."""
    short, long = sorted((one, other), key=len)
    return len(short) > 3 and long.startswith(short) and not is_known_given(long)


def _as_middle(subject: Described, person: Described) -> bool:
    """Called by a middle name: the given name of one side is a middle name of the other."""
    ours, theirs = subject.given, person.given
    held, typed = {name.text for name in person.middles}, {name.text for name in subject.middles}
    return bool((ours and ours.text in held) or (theirs and theirs.text in typed))


def _middle(subject: Described, person: Described, weights: Weights) -> list[Part]:
    ours, theirs = {name.text for name in subject.middles}, {name.text for name in person.middles}
    if not ours or not theirs:
        return []
    if ours & theirs:
        return [_part("middle", "same", weights)]
    begins = any((len(one) == 1 or len(other) == 1) and one[0] == other[0] for one in ours for other in theirs)
    return [_part("middle", "initial" if begins else "differs", weights)]


_FAMILY_ORDER = ("exact", "typo", "part", "sounds", "differs")


def _family(subject: Described, person: Described, weights: Weights) -> list[Part]:
    """The best that any family name, present or former, of the one side reaches with any of the other."""
    best, share = len(_FAMILY_ORDER), 1.0
    for one in subject.families:
        for other in person.families:
            rank = _FAMILY_ORDER.index(_family_level(one, other))
            if rank < best:
                best, share = rank, family_share(one) or _RARE
    if best == len(_FAMILY_ORDER):
        return []
    level = "slip" if _FAMILY_ORDER[best] == "typo" else _FAMILY_ORDER[best]
    if (chance := weights.shared.get(("family", level))) is None:
        return [_part("family", level, weights)]
    return [Part("family", level, min(log2(chance / share), weights.most.family), weights.bits["family"][level][1])]


def _family_level(one: Name, other: Name) -> str:
    """As the names compare; two letters apart are two names that sound alike rather than one with a slip."""
    level = compare_family(one, other)
    return "sounds" if level == "typo" and OSA.distance(one.text, other.text, score_cutoff=1) > 1 else level


def _rest(subject: Described, person: Described, numbers: NumberMatch, weights: Weights) -> list[Part]:
    parts = []
    if (birth := compare_dates(subject.birth, person.birth)) != "missing":
        parts.append(_part("birth", birth, weights))
    if subject.sex and person.sex:
        parts.append(_part("sex", "same" if subject.sex == person.sex else "differs", weights))
    if numbers.contradicted:
        parts.append(_part("number", "contradicted", weights))
    elif numbers.same:
        parts.append(_part("number", "same", weights))
    return parts


def _home(subject: Home, person: Home, weights: Weights) -> list[Part]:
    """What speaks of the home, together no more than ``most.home`` against an unrelated child: it is one fact, said several times."""
    parts = []
    if (place := compare_places(subject.places, person.places)) != "missing":
        parts.append(_part("place", place, weights))
    if subject.phones and person.phones:
        parts.append(_part("phone", "same" if subject.phones & person.phones else "differs", weights))
    if subject.school and person.school:
        parts.append(_part("school", "same" if _alike(subject.school, person.school) else "differs", weights))
    if subject.parents and person.parents:
        parts.append(_part("parents", _parents(subject, person), weights))
    return _capped(parts, weights.most.home)


def _capped(parts: list[Part], most: float) -> list[Part]:
    left, capped = most, []
    for part in parts:
        bits = min(part.unrelated, left) if part.unrelated > 0 else part.unrelated
        left -= max(bits, 0.0)
        capped.append(part if bits == part.unrelated else msgspec.structs.replace(part, unrelated=bits))
    return capped


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return one <= other or other <= one


def _parents(subject: Home, person: Home) -> str:
    """A parent is known by a first name; the family name they share with the child tells nothing more."""
    pairs = [(one, other) for one in subject.parents for other in person.parents if one[0] == other[0]]
    if any(set(one[1:]) & set(other[1:]) for one, other in pairs):
        return "same"
    return "part" if pairs else "differs"
