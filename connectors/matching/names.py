"""What the matcher knows about names: what a name looks and sounds like, how common it is, and how alike two names are.

A name is prepared once per record and compared often. Case, accents, scripts, hyphens and apostrophes do not count: O'Brien, O Brien
and OBRIEN are one name. Everything here is a table or a pure function; nothing about a child is kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, Literal

import msgspec
from anyascii import anyascii
from jellyfish import metaphone, nysiis
from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.process import extract_iter

from connectors.matching.variants import GIVEN_SHARES, is_known_given, read_shares, same_name

__all__ = [
    "FamilyLevel",
    "GivenLevel",
    "Name",
    "compare_family",
    "compare_given",
    "family",
    "family_share",
    "given",
    "given_share",
    "is_known_given",
    "is_placeholder",
    "often_shared",
    "same_name",
]

GivenLevel = Literal["exact", "variant", "typo", "near", "sounds", "part", "initial", "differs"]
FamilyLevel = Literal["exact", "typo", "part", "sounds", "differs"]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_words = partial(re.compile(r"[^\W\d_]+", re.ASCII).findall)
_distance = OSA.distance
#: Names common enough to be counted, and so to be a twin's.
_GIVEN_NAMES = tuple(name for name, share in GIVEN_SHARES.items() if share > 0)
_similarity = JaroWinkler.similarity
_ALIKE: Final = 0.9
_LONG: Final = 7
_SHORTEST_PART: Final = 3
# Nothing that stands for a name says so later than here.
_PHRASE: Final = 80

# Written apart or together, these belong to the word that follows them.
_PARTICLES: Final = _set(
    "al el ul ur ud as ash at van von vander der den de del della di da do dos das du la le los ten ter te af av zu bin ibn bint ben "
    "abu abi umm ould mac mc o fitz ap ab ferch st saint san santa ni nic nig ui ua"
)
_GIVEN_PARTICLES: Final = _set("al el ul ur ud bin ibn bint abu umm de da la le")

_NOT_A_NAME: Final = _set(
    "baby bab bb babyboy babygirl babyof infant newborn neonate unborn foetus fetus twin twins triplet triplets quad quads "
    "unknown unk unnamed unidentified undisclosed unspecified noname nameless anon anonymous anonymised withheld redacted "
    "male female boy girl child nk nkn none nil null na tbc tba tbd test testing tester dummy patient zztest zzztest xxtestpatient "
    "mr mrs ms miss master x xx xxx xxxx zz zzz zzzz notknown notgiven notstated notrecorded notapplicable duplicate"
)
# These open a placeholder, whatever follows: "Baby of Smith", "Twin Two", "Infant Jones".
_OPENERS: Final = _set(
    "baby babyboy babygirl babyof infant newborn unborn twin triplet unknown unnamed unidentified male female boy girl foetus fetus "
    "test dummy anonymous"
)
_PHRASES: Final = re.compile(
    r"n\W*[/\\.]\W*a\W*|b\W*/\W*o\b.*|not\s+(yet\s+)?(known|given|stated|recorded|applicable|available|named|provided|disclosed|specified).*"
    r"|no\s+(first\s+|given\s+|fore|last\s+|family\s+|sur)?name.*|to\s+be\s+(confirmed|advised|named|decided).*|(son|daughter|child)\s+of\b.*"
    r"|(1st|2nd|3rd|first|second|third)\s+(twin|triplet|baby)\b.*|.*\btwin\s*([1-4a-d]|i{1,3}|one|two|three)|do\s+not\s+use.*"
)
# Placeholders for a given name that are people's family names.
_FAMILIES: Final = _set("child boy girl null male master")

_SHARED: Final = _set(
    "muhammad syed syeda sayed sayyid sayyed syedah saiyed sheikh shaikh shaykh sheik abdul abd abdel abdal abdi abdur abu umm ummu bint "
    "bibi begum begom khatun khatoon khanam khanom akhtar akhter akter aktar parveen parvin sultana noor nur nour mst mosammat "
    "musammat mossammat most md hafiz hafez haji hajji mir mirza ghulam golam singh kaur kumar kumari ul al el bin ibn"
)
_COMPANIONS: Final = _set("mae may rose grace leigh lee jo lou ann anne anna marie mary maria louise jane jean juan jose")

_FAMILY_SHARES: Final = read_shares("family_names.tsv")


class Name(msgspec.Struct, frozen=True):
    """A name as it is compared: ``text`` in plain small letters without gaps, its ``parts``, and how whole and parts sound."""

    text: str
    parts: tuple[str, ...]
    sounds: frozenset[str]


def given(raw: str | None) -> Name | None:
    """A given name made ready for comparison. None if there is none, or only a stand-in such as "Baby Girl" or "Twin 1"."""
    return None if raw is None or is_placeholder(raw) else _name(_joined(_letters(raw), _GIVEN_PARTICLES))


def family(raw: str | None) -> Name | None:
    """A family name made ready for comparison. None if there is none, or only a stand-in such as "Unknown"."""
    if raw is None or (is_placeholder(raw) and "".join(_letters(raw)) not in _FAMILIES):
        return None
    return _name(_joined(_letters(raw), _PARTICLES))


def is_placeholder(raw: str | None) -> bool:
    """Whether this was written for want of a name. No name at all is not a placeholder."""
    plain = _plain(raw or "").strip()
    words = _words(plain)
    if not words:
        return bool(plain)
    if words[0] in _OPENERS or _PHRASES.fullmatch(plain[:_PHRASE]):
        return True
    return "".join(words) in _NOT_A_NAME and plain != "na"


def given_share(name: Name) -> float | None:
    """The share of children in the United Kingdom with this given name, from 0 to 1. None if it is too rare to say."""
    return _share(GIVEN_SHARES, name)


def family_share(name: Name) -> float | None:
    """The share of children in the United Kingdom with this family name, from 0 to 1. None if it is too rare to say."""
    return _share(_FAMILY_SHARES, name)


def often_shared(text: str) -> bool:
    """Whether brothers or sisters often share this first name, such as Mohammed or Syed, so that it does not tell them apart."""
    return text in _SHARED or same_name(text, "muhammad")


def leads_elsewhere(one: str, other: str) -> bool:
    """Of a name and a text that is none: whether the text is nearer to another name, or as near to one much like the first.

    "Eliseg" is Elise sooner than Elsie, "Nadem" as soon Nadeem as Nadim: a twin may be called so.
    """
    name, spoilt = (one, other) if is_known_given(one) else (other, one)
    apart = _distance(name, spoilt)
    return any(
        rival != name and (distance < apart or _distance(name, rival, score_cutoff=2) <= 2)
        for rival, distance, _ in extract_iter(spoilt, _GIVEN_NAMES, scorer=_distance, score_cutoff=apart)
    )


def compare_given(a: Name, b: Name) -> GivenLevel:
    """How alike two given names are: the first that holds, from the strongest to the weakest.

    exact: the same letters. variant: forms of one name. typo: a small slip, of which one side alone is a name: a slip of the pen.
    near: the same small slip between two names, or between two that are none: it could be a brother or sister. sounds: alike to the
    ear, or nearly alike to the eye and neither holds the other. part: one holds the other, or they share a part. initial: one is the
    first letter of the other.
    """
    if a.text == b.text:
        return "exact"
    if same_name(a.text, b.text):
        return "variant"
    x, y = _apart(a, b)
    if x == y:
        return "variant"
    if _slip(x, y):
        return "typo" if is_known_given(x) != is_known_given(y) else "near"
    if len(a.parts) == len(b.parts) == 1 and not a.sounds.isdisjoint(b.sounds):
        return "sounds"
    if _shares_given(a, b):
        return "part"
    if _alike(x, y):
        return "sounds"
    return "initial" if _initial(a.text, b.text) else "differs"


def compare_family(a: Name, b: Name) -> FamilyLevel:
    """How alike two family names are: the first that holds, from the strongest to the weakest.

    exact: the same letters. typo: a small slip, unless both are common names that sound different (Morris, Norris). part: they share
    one of two names joined (Smith-Jones, Jones), or one lacks its particle (Silva, de Silva). sounds: alike to the ear or nearly
    alike to the eye.
    """
    if a.text == b.text:
        return "exact"
    heard = not a.sounds.isdisjoint(b.sounds)
    if _slip(a.text, b.text) and (heard or a.text not in _FAMILY_SHARES or b.text not in _FAMILY_SHARES):
        return "typo"
    joined = len(a.parts) + len(b.parts) > 2
    if (joined and (heard or _held(a, b) or _held(b, a))) or _without_particle(a.text, b.text) or _without_particle(b.text, a.text):
        return "part"
    return "sounds" if heard or _alike(a.text, b.text) else "differs"


def _plain(raw: str) -> str:
    """Small ASCII letters, apostrophes gone, whatever the script."""
    text: str = raw if raw.isascii() else anyascii(unicodedata.normalize("NFKC", raw))
    return text.casefold().replace("'", "").replace("`", "")


def _letters(raw: str) -> list[str]:
    return _words(_plain(raw))


def _joined(words: Sequence[str], particles: frozenset[str]) -> Iterator[str]:
    """The words with their particles: "van der Berg" is one part. A particle with nothing after it stands alone."""
    held = ""
    for word in words:
        held += word
        if word not in particles:
            yield held
            held = ""
    if held:
        yield held


def _name(joined: Iterator[str]) -> Name | None:
    parts = tuple(joined)
    if not parts:
        return None
    text = "".join(parts)
    heard = {text, *(part for part in parts if len(part) >= _SHORTEST_PART)}
    return Name(text, parts, frozenset(_sound(one) for one in heard if len(one) >= _SHORTEST_PART))


def _sound(text: str) -> str:
    """Two codes in one, since either alone calls too much alike: Liam and Leon, Mia and May."""
    return f"{metaphone(text)}|{nysiis(text)}"


def _share(shares: dict[str, float], name: Name) -> float | None:
    count = shares.get(name.text)
    return count / 100_000 if count else None


def _apart(a: Name, b: Name) -> tuple[str, str]:
    """The texts in which two names differ: of "Mohammed Ali" and "Muhammad Adil" only "ali" and "adil". Equal if in none."""
    if len(a.parts) == 1 or len(a.parts) != len(b.parts):
        return a.text, b.text
    pairs = [(x, y) for x, y in zip(a.parts, b.parts, strict=True) if not same_name(x, y)]
    if not pairs:
        return "", ""
    return pairs[0] if len(pairs) == 1 else (a.text, b.text)


def _slip(x: str, y: str) -> bool:
    """One letter wrong, missing, too many or changed places; two in a long name. In a name of two letters one is no small slip."""
    one, other = len(x), len(y)
    if not -2 <= one - other <= 2 or one < _SHORTEST_PART or other < _SHORTEST_PART:
        return False
    allowed = 2 if one >= _LONG and other >= _LONG else 1
    return _distance(x, y, score_cutoff=allowed) <= allowed


def _alike(x: str, y: str) -> bool:
    return x[0] == y[0] and _similarity(x, y, score_cutoff=_ALIKE) >= _ALIKE


def _held(a: Name, b: Name) -> bool:
    """Whether a part of one family name stands in the other, also when the other is written in one word: Jones, Smithjones."""
    return any(len(part) >= _SHORTEST_PART and (part in b.parts or _opens_or_ends(part, b.text)) for part in a.parts)


def _opens_or_ends(part: str, text: str) -> bool:
    return len(part) > _SHORTEST_PART and (text.startswith(part) or text.endswith(part))


def _without_particle(short: str, long: str) -> bool:
    """Silva, de Silva."""
    return long.endswith(short) and long[: -len(short)] in _PARTICLES


def _shares_given(a: Name, b: Name) -> bool:
    """Whether one given name is a part of the other, or both have a part that two children of one family would not share."""
    if len(a.parts) == len(b.parts) == 1:
        short, long = (a.text, b.text) if len(a.text) < len(b.text) else (b.text, a.text)
        return (long.startswith(short) or long.endswith(short)) and _joins(short, long)
    alone = len(a.parts) == 1 or len(b.parts) == 1
    common = (x for x in a.parts for y in b.parts if len(x) >= _SHORTEST_PART and same_name(x, y))
    return any(alone or not (x in _COMPANIONS or often_shared(x)) for x in common)


def _joins(short: str, long: str) -> bool:
    """Whether the long name is the short one and another common name in one word: Mary, Maryjane."""
    if len(short) < _SHORTEST_PART or len(long) - len(short) < _SHORTEST_PART:
        return False
    rest = long[len(short) :] if long.startswith(short) else long[: -len(short)]
    return bool(GIVEN_SHARES.get(rest))


def _initial(x: str, y: str) -> bool:
    return (len(x) == 1 or len(y) == 1) and x[0] == y[0]
