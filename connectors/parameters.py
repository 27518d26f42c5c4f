"""Placeholders in source files: which there are, and what a subject gives for each. Always bound, never pasted into text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice, product

import msgspec
from anyascii import anyascii
from jellyfish import soundex

from connectors.connector import Subject
from connectors.scalars import normalise

#: Identifier systems that every source may be searched by, besides those it names itself.
COMMON_SYSTEMS = ("nhs_number", "chi", "upn", "scn")
#: Names, birth date and sex: what matching always may be sent.
PLAIN = ("given_name", "middle_names", "family_name", "former_family_name", "birth_date", "sex")
#: Made of the same, for searching loosely: a search by the letter loses whoever was misspelt, and no scoring finds them again.
LOOSE = ("family_soundex", "given_soundex", "family_start", "given_start", "birth_year", "birth_month_day", "birth_date_swapped")
#: Placeholders of a find that ``source.needs`` must name, and by which word.
NEEDED = {"postcode": "postcode", "address": "address", "phone": "phones", "school": "school", "parents": "parents"}
#: Placeholders of a provide.
PROVIDED = frozenset({"person_id", "since", "limit"})
#: Used for ``:since`` when everything on file is wanted.
EVER = "1900-01-01"
#: So many combinations of several values (three postcodes by two phones are six) are asked, and no more.
MOST_COMBINATIONS = 16

PLACEHOLDER = re.compile(r"(?<![:\w\\]):([A-Za-z_]\w*)(?![\w:])")
_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Vocabulary(msgspec.Struct, frozen=True):
    """The placeholders one source may use in a find. ``systems`` maps a placeholder to its identifier system."""

    systems: Mapping[str, str]
    needs: frozenset[str]

    @property
    def known(self) -> tuple[str, ...]:
        """Every placeholder there is, for hints."""
        return (*self.systems, *PLAIN, *LOOSE, *NEEDED)

    def lacking(self, name: str) -> str | None:
        """The word that ``source.needs`` must hold before this placeholder may be used, or None."""
        word = NEEDED.get(name)
        return word if word and word not in self.needs else None

    def values(self, subject: Subject) -> dict[str, tuple[str, ...]]:
        """What the subject gives for each placeholder. Dates are ISO text; ``birth_date`` only when day, month and year are known."""
        given: dict[str, tuple[str, ...]] = {name: _some(getattr(subject, name)) for name in PLAIN}
        if not _FULL_DATE.fullmatch(subject.birth_date or ""):
            given["birth_date"] = ()
        given |= _loose(given)
        for name, system in self.systems.items():
            given[name] = _some(*(normalise(system, each.value) for each in subject.identifiers if each.system == system))
        given["postcode"] = _some(*(address.postcode for address in subject.addresses))
        given["address"] = _some(*(address.line for address in subject.addresses))
        given["phone"], given["school"], given["parents"] = _some(*subject.phones), _some(subject.school), _some(*subject.parents)
        return {name: () if self.lacking(name) else values for name, values in given.items()}


def vocabulary(source: str, own_systems: Iterable[str], needs: Iterable[str]) -> Vocabulary:
    """The placeholders of one source: common identifier systems, its own id (``-`` as ``_``) and those its persons carry."""
    systems = dict.fromkeys((*COMMON_SYSTEMS, source, *own_systems))
    return Vocabulary({system.replace("-", "_"): system for system in systems}, frozenset(needs))


def bindings(names: Iterable[str], values: Mapping[str, tuple[str, ...]]) -> list[dict[str, str]]:
    """Every combination of values for ``names``; empty as soon as one of them is not known."""
    wanted = sorted(set(names))
    combinations = product(*(values.get(name, ()) for name in wanted))
    return [dict(zip(wanted, combination, strict=True)) for combination in islice(combinations, MOST_COMBINATIONS)]


def placeholders(value: object) -> list[str]:
    """The names of every placeholder in a nested value, in order."""
    if isinstance(value, str):
        return PLACEHOLDER.findall(value)
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [name for part in parts for name in placeholders(part)]


def fill(value: object, given: Mapping[str, object]) -> object:
    """A nested value in which each text that *is* a placeholder has been replaced by what is given for it."""
    if isinstance(value, str):
        found = PLACEHOLDER.fullmatch(value)
        return given[found.group(1)] if found else value
    if isinstance(value, Mapping):
        return {key: fill(part, given) for key, part in value.items()}
    return [fill(part, given) for part in value] if isinstance(value, list | tuple) else value


def _loose(given: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Codes of sound (American Soundex, as databases have it), first letters, and parts of the birth date."""
    families = [_letters(each) for name in ("family_name", "former_family_name") for each in given[name]]
    firsts = [_letters(each) for each in given["given_name"]]
    born = given["birth_date"]
    return {
        "family_soundex": _some(*(soundex(each) for each in families if each)),
        "given_soundex": _some(*(soundex(each) for each in firsts if each)),
        "family_start": _some(*(each[:3] for each in families)),
        "given_start": _some(*(each[:1] for each in firsts)),
        "birth_year": _some(*(each[:4] for each in born)),
        "birth_month_day": _some(*(each[5:] for each in born)),
        "birth_date_swapped": _some(*(f"{each[:4]}-{each[8:]}-{each[5:7]}" for each in born if each[8:] <= "12" and each[8:] != each[5:7])),
    }


def _letters(name: str) -> str:
    return "".join(character for character in anyascii(name).casefold() if character.isalpha())


def _some(*values: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value.strip() for value in values if value and value.strip()))
