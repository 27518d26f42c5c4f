"""A child as prepared for comparison: read once from what was typed, and once from each person a source found. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

import msgspec
from anyascii import anyascii

from connectors.connector import Person, Subject
from connectors.matching.names import Name, family, given
from connectors.matching.numbers import Numbers, numbers
from connectors.matching.places import Place, places

_DIGITS = re.compile(r"\D+")
_PHONE = 9
_SEXES = {"male": "m", "m": "m", "boy": "m", "man": "m", "female": "f", "f": "f", "girl": "f", "woman": "f"}
_SCHOOLS = frozenset(
    {"school", "primary", "secondary", "academy", "high", "ps", "hs", "the", "of", "nursery", "infant", "junior", "college"}
)
_WORD = re.compile(r"[^\W_]+")
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr"})


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one child's family: where it lives or lived, its phones, the school, the parents."""

    places: tuple[Place, ...]
    phones: frozenset[str]
    school: frozenset[str]
    parents: tuple[tuple[str, ...], ...]


class Described(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What is known of one child, in the form in which it is compared. A word in place of a given name is no name."""

    given: Name | None
    middles: tuple[Name, ...]
    families: tuple[Name, ...]
    birth: str | None
    sex: str | None
    numbers: Numbers
    someone: Subject | Person

    @cached_property
    def home(self) -> Home:
        """Prepared only for whoever is looked at that closely: most of those found are plainly somebody else."""
        someone = self.someone
        return Home(
            places=places(someone.addresses, someone.postcode if isinstance(someone, Person) else None),
            phones=frozenset(_phones(someone.phones)),
            school=_words(someone.school) - _SCHOOLS or _words(someone.school),
            parents=tuple(dict.fromkeys(words for words in map(_person, someone.parents) if words)),
        )


def describe(someone: Subject | Person) -> Described:
    """Prepare a subject or a source's person. Nothing of it is kept anywhere else."""
    sex = _SEXES.get((someone.sex or "").strip().casefold())
    first, middles = _given(someone.given_name, someone.middle_names)
    families = (family(someone.family_name), family(someone.former_family_name))
    return Described(
        given=first,
        middles=middles,
        families=tuple(dict.fromkeys(name for name in families if name)),
        birth=someone.birth_date or None,
        sex=sex,
        numbers=numbers(someone.identifiers, someone.birth_date, sex),
        someone=someone,
    )


def _given(first: str | None, middle: str | None) -> tuple[Name | None, tuple[Name, ...]]:
    middles = (given(each) for each in (middle or "").split())
    return given(first), tuple(name for name in middles if name)


def _phones(phones: Iterable[str]) -> Iterable[str]:
    """The last nine digits of each: what is the same however the country or the area is dialled."""
    for phone in phones:
        digits = _DIGITS.sub("", phone)
        if len(digits) >= _PHONE:
            yield digits[-_PHONE:]


def _person(name: str) -> tuple[str, ...]:
    """An adult's names, without a title."""
    plain = name if name.isascii() else anyascii(name)
    return tuple(word for word in _WORD.findall(plain.casefold()) if word not in _TITLES)


def _words(text: str | None) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold())) if text else frozenset()
