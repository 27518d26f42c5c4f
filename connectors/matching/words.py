"""A match in words: a few, safe ones for a practitioner, and all of it, with its bits, for whoever tunes the matching. Pure.

A practitioner reads of names, birth date, sex and numbers, never of place, phone, school or parents, and never bits: whoever asks
could otherwise find out by trying. That the sex differs is not said either: it would out a child.
"""

from __future__ import annotations

from connectors.matching.scoring import Part, Score

_GIVEN = {
    "exact": "The given name agrees.",
    "often-shared": "The given name agrees; brothers and sisters may share it.",
    "variant": "The given name is another form of the one you typed.",
    "slip": "The given name is spelt a little differently.",
    "near": "The given name is like the one you typed, and may be another child's.",
    "blurred": "The given name is like the one you typed, and may be another child's.",
    "sounds": "The given name sounds like the one you typed.",
    "part": "One given name is a part of the other.",
    "middle": "The given name is a middle name there.",
    "initial": "Of the given name only the first letter can be compared.",
    "swapped": "Given name and family name stand the other way round.",
    "spoilt": "The given name differs.",
    "differs": "The given name differs.",
}
_FAMILY = {
    "exact": "The family name agrees.",
    "slip": "The family name is spelt a little differently.",
    "part": "One family name is a part of the other.",
    "sounds": "The family name sounds like the one you typed.",
    "differs": "The family name differs.",
}
_BIRTH = {
    "exact": "The date of birth agrees.",
    "new-year": "The date of birth agrees; it may stand for a day nobody knows.",
    "fits": "The date of birth fits, as far as it is known.",
    "transposed": "Day and month of birth stand the other way round.",
    "year-out": "The year of birth differs by one.",
    "first-of-january": "The year of birth agrees, and the day may not be known.",
    "one-digit": "One digit of the date of birth differs.",
    "two-digits": "Two digits of the date of birth differ.",
    "two-parts": "Two parts of the date of birth agree and one differs.",
    "differs": "The date of birth differs.",
}
_MIDDLE = {"same": "A middle name agrees.", "initial": "A middle initial agrees.", "differs": "The middle names differ."}
_SAID = {
    "given": ("given_name", _GIVEN),
    "middle": ("middle_names", _MIDDLE),
    "family": ("family_name", _FAMILY),
    "birth": ("birth_date", _BIRTH),
}

_HOME = {
    ("place", "home"): "The address agrees.",
    ("place", "postcode"): "The postcode agrees, the house differs.",
    ("place", "line"): "The street agrees, the postcode differs.",
    ("place", "sector"): "The address is near.",
    ("place", "differs"): "The address differs.",
    ("phone", "same"): "A phone number agrees.",
    ("phone", "differs"): "The phone numbers differ.",
    ("school", "same"): "The school agrees.",
    ("school", "differs"): "The school differs.",
    ("parents", "same"): "A parent's name agrees.",
    ("parents", "part"): "A part of a parent's name agrees.",
    ("parents", "differs"): "The parents' names differ.",
    ("sex", "same"): "The sex agrees.",
    ("sex", "differs"): "The sex differs.",
}

_KNOWN = frozenset({"number", *_SAID, *(field for field, _ in _HOME)})

TWIN = "This may be a twin, a brother or a sister."
CAPS = {
    "no-given-name": "Without a given name a twin cannot be ruled out.",
    "names-alike": "Two children of one family can have names so alike.",
    "numbers-differ": "The numbers are two children's, or one of them is mistaken.",
    "number-shared": "The number agrees and the person differs: one of the two may be mistaken.",
    "elsewhere": "Somebody of the same name can live elsewhere.",
    "torn": "The number is one child's, and name and home are another's.",
    "another-is-closer": "Somebody else there is closer.",
    "another-identity": "Family name and number are both others.",
    "nothing-agrees": "Neither the date of birth nor the family name agrees.",
}


def for_practitioner(score: Score, cap: str | None) -> list[tuple[str, str]]:
    """(field, words) for each field that may be spoken of."""
    said = [("identifier", f"The {system} agrees.") for system in score.numbers.same]
    said += [("identifier", f"The {system} differs.") for system in score.numbers.contradicted]
    for part in score.parts:
        if part.field in _SAID and not (part.field == "family" and part.level == "swapped"):
            field, words = _SAID[part.field]
            said.append((field, words[part.level]))
        elif part.field == "sex" and part.level == "same":
            said.append(("sex", _HOME["sex", "same"]))
    if cap in ("number-shared", "numbers-differ"):
        said.append(("identifier", CAPS[cap]))
    if maybe_twin(score):
        said.append(("given_name", TWIN))
    return said


def maybe_twin(score: Score) -> bool:
    """Whether a sister or brother explains what agrees about as well as the child does."""
    return (
        score.sibling < score.unrelated
        and score.level("birth") in ("exact", "new-year")
        and score.level("given") not in ("exact", "variant", "slip", "swapped")
    )


def part_words(part: Part) -> str:
    """One part in words, places and all."""
    if part.field not in _KNOWN:
        return f"{part.field.removeprefix('model: ')}: {part.level}"
    if part.field == "number":
        return "A number agrees." if part.level == "same" else "The numbers differ."
    if part.field == "family" and part.level == "swapped":
        return _GIVEN["swapped"]
    return _SAID[part.field][1][part.level] if part.field in _SAID else _HOME[part.field, part.level]
