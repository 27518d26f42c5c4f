"""Scores -> bands. Persons of one agency compete unless they are records of one child; some things only a person may decide. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2
from typing import Literal

import msgspec

from connectors.matching.scoring import Score
from connectors.matching.weights import Bands

MatchBand = Literal["LINK", "POSSIBLE", "NON_LINK"]
Alike = Callable[[int, int], bool]

#: Levels at which two given names may well be two children's.
_ANOTHER_NAME = frozenset({"differs", "spoilt", "near", "sounds"})
#: Levels at which it is always for a person to say, and those at which a middle name settles it.
_MAYBE_TWINS, _FORMS = frozenset({"near", "blurred", "sounds", "middle"}), frozenset({"variant", "part"})
_THERE = frozenset({"home", "postcode"})
_DISAGREE = frozenset({"differs", "spoilt", None})


class Verdict(msgspec.Struct, frozen=True):
    """One person's band and final bits. ``competition`` is what the others took away, ``cap`` why the band is lower than the bits."""

    band: MatchBand
    bits: float
    competition: float
    cap: str | None = None


def judge(scores: Sequence[Score], bits: Sequence[float], bands: Bands, alike: Alike) -> list[Verdict]:
    """The verdict on each, in the order given, by the bits given: all of them, or those without the home.

    ``alike(i, j)`` says whether two persons are records of one child. Another person can only take away: it makes nobody likelier.
    """
    strong = [index for index, value in enumerate(bits) if value >= bands.possible and not _says_nothing(scores[index])]
    torn = _torn(scores)
    verdicts = []
    for index, score in enumerate(scores):
        others = [j for j in strong if j != index] if index in strong else []
        rivals = [j for j in others if not alike(index, j)]
        closer = any(_is_closer(scores[j], score, j in rivals) for j in others)
        verdicts.append(_verdict(score, bits[index], [bits[j] for j in rivals], bands, torn, closer))
    return verdicts


def _verdict(score: Score, own: float, rivals: Sequence[float], bands: Bands, torn: bool, closer: bool) -> Verdict:
    if _says_nothing(score):
        return Verdict("NON_LINK", own, 0.0, "nothing-agrees")
    if score.numbers.contradicted and score.level("family") == "differs":
        # A new name beside a new number is how an adoption looks: not even a hint may be given.
        return Verdict("NON_LINK", own, 0.0, "another-identity")
    taken = -log2(1.0 + sum(2.0 ** min(rival, 60.0) for rival in rivals)) if rivals else 0.0
    left = own + taken
    if left < bands.link:
        return Verdict("POSSIBLE" if left >= bands.possible or _kept_by_number(score) else "NON_LINK", left, taken)
    cap = "another-is-closer" if closer else _cap(score, torn)
    return Verdict("POSSIBLE" if cap else "LINK", left, taken, cap)


def _is_closer(other: Score, score: Score, rival: bool) -> bool:
    """Whether somebody else found is closer, so that this is for a person to decide: a rival, or a record at the home that was typed."""
    if other.unrelated <= score.unrelated or (score.numbers.same and not other.numbers.same):
        return False
    return rival or (not score.numbers.same and score.level("place") == "differs" and other.level("place") in _THERE)


def _cap(score: Score, torn: bool) -> str | None:
    """Why it is for a person to decide, whatever the bits say."""
    same_number, given = bool(score.numbers.same), score.level("given")
    if score.numbers.contradicted:
        return "numbers-differ"
    if same_number and (given in _ANOTHER_NAME or score.level("birth") == "differs"):
        return "number-shared"
    if given is None and not same_number:
        return "no-given-name"
    if not same_number and (given in _MAYBE_TWINS or (given in _FORMS and score.level("middle") != "same")):
        return "names-alike"
    if not same_number and _may_be_elsewhere(score):
        return "elsewhere"
    return "torn" if torn and score.level("place") not in _THERE else None


def _may_be_elsewhere(score: Score) -> bool:
    """Another home, and nothing but names and birth date to go by: then one small slip in a name is all that is allowed."""
    # One parent's first name, or one middle name, agrees by chance; a phone hardly does.
    known_by = 2 * (score.level("phone") == "same") + (score.level("parents") == "same") + (score.level("middle") == "same")
    if score.level("place") not in ("differs", "sector", None) or known_by > 1:
        return False
    slips = [level for field in ("given", "family") if (level := score.level(field)) not in ("exact", "often-shared", "swapped")]
    return slips not in ([], ["slip"]) or score.level("birth") != "exact"


def _says_nothing(score: Score) -> bool:
    """A number alone, or a home alone, releases nothing: birth date or family name must agree, at least nearly."""
    return score.level("birth") in (None, "differs") and score.level("family") in _DISAGREE


def _kept_by_number(score: Score) -> bool:
    """A number agrees and one detail alone contradicts it: a slip of the pen must not read as "nothing known"."""
    levels = (score.level("family"), score.level("birth"), score.level("given"))
    return bool(score.numbers.same) and levels.count("differs") <= 1


def _torn(scores: Sequence[Score]) -> bool:
    """The number typed is one child's, and the name, birth date and home another's: either may be mistyped."""
    return any(
        score.numbers.contradicted
        and score.level("given") == score.level("family") == score.level("birth") == "exact"
        and score.level("place") in ("home", "postcode")
        for score in scores
    )
