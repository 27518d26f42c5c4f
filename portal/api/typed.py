"""What somebody typed, checked before anything is made of it: a child as typed, texts, numbers.

Pure. Values that somebody typed are never repeated in an error: only their path.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from connectors import Address, Identifier, Subject
from connectors.scalars import normalise, valid
from portal.errors import RequestError

KNOWN_SYSTEMS = ("nhs_number", "chi", "upn", "scn")
MOST_LISTED = 8
LONGEST_TEXT = 200
LONGEST_WORDS = 2000
_PARTS = ("line", "town", "postcode", "from_", "to")
_UNUSABLE = frozenset({"Cc", "Cs", "Cn"})

Place = tuple[str | int, ...]


def dotted(path: Iterable[str | int]) -> str:
    """A path as an error names it: ``subject.identifiers[1].value``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def subject(typed: Mapping[str, Any], sources: Collection[str]) -> Subject:
    """The child asked about, as typed, blanks left out. Raises RequestError CV420, CV421, CV422."""
    child = Subject(
        identifiers=tuple(_identifiers(typed, sources)),
        given_name=_named(typed, "givenName"),
        middle_names=_named(typed, "middleNames"),
        family_name=_named(typed, "familyName"),
        former_family_name=_named(typed, "formerFamilyName"),
        birth_date=_named(typed, "birthDate"),
        sex=_named(typed, "sex"),
        addresses=tuple(_addresses(typed)),
        phones=_texts(typed, "phones"),
        school=_named(typed, "school"),
        parents=_texts(typed, "parents"),
    )
    by_number = child.identifiers and (child.birth_date or child.family_name)
    by_name = child.given_name and child.family_name and child.birth_date
    if not (by_number or by_name):
        message = "This is too little to look a child up by, or to be sure that it is the right one."
        hint = "Give a number with a birth date or family name; or given name, family name and birth date."
        raise RequestError("CV420", message, hint=hint, path=("subject",))
    return child


def _identifiers(typed: Mapping[str, Any], sources: Collection[str]) -> Iterator[Identifier]:
    for index, given in enumerate(_listed(typed, "identifiers")):
        path = ("subject", "identifiers", index)
        system = taken(given["system"], (*path, "system"))
        value = taken(given["value"], (*path, "value"))
        if system not in KNOWN_SYSTEMS and system not in sources:
            hint = f"Known are {', '.join(KNOWN_SYSTEMS)}, and the id of a source for its own numbers."
            raise RequestError("CV421", f"The system at {dotted((*path, 'system'))} is not known here.", hint=hint, path=(*path, "system"))
        if system is None or value is None or not valid(system, value):
            raise RequestError("CV421", f"The number at {dotted(path)} is no {system}: check its digits.", path=(*path, "value"))
        yield Identifier(system, normalise(system, value))


def _addresses(typed: Mapping[str, Any]) -> Iterator[Address]:
    for index, given in enumerate(_listed(typed, "addresses")):
        parts = {part: taken(given.get(part), ("subject", "addresses", index, part)) for part in _PARTS}
        if any(parts.values()):
            yield Address(**parts)


def _listed(typed: Mapping[str, Any], name: str) -> list[Any]:
    return few(typed.get(name), ("subject", name))


def few(listed: list[Any] | None, path: Place) -> list[Any]:
    """A list with no more entries than are taken. Raises RequestError CV422."""
    if listed and len(listed) > MOST_LISTED:
        raise too_long(path, f"more than {MOST_LISTED} entries")
    return list(listed or ())


def _named(typed: Mapping[str, Any], name: str) -> str | None:
    return taken(typed.get(name), ("subject", name))


def _texts(typed: Mapping[str, Any], name: str) -> tuple[str, ...]:
    texts = (taken(each, ("subject", name, index)) for index, each in enumerate(_listed(typed, name)))
    return tuple(each for each in texts if each)


def taken(value: str | None, path: Place, longest: int = LONGEST_TEXT, lines: bool = False) -> str | None:
    """A text without blanks at its ends, or None when nothing is left of it. Raises RequestError CV422."""
    if value is None:
        return None
    if len(value) > longest:
        raise too_long(path, f"more than {longest} characters")
    if any(unicodedata.category(sign) in _UNUSABLE and not (lines and sign in "\r\n\t") for sign in value):
        raise too_long(path, "control signs in it")
    return value.strip() or None


def needed(value: str, path: Place, longest: int = LONGEST_TEXT, lines: bool = False) -> str:
    """A text that must say something. Raises RequestError CV422, and CV440 where nothing is left of it."""
    given = taken(value, path, longest, lines)
    if given is None:
        raise RequestError("CV440", f"Nothing is written at {dotted(path)}, and it is needed.", path=path)
    return given


def too_long(path: Place, what: str) -> RequestError:
    """What to raise (CV422) for a text or a list beyond what is taken."""
    path = tuple("from" if step == "from_" else step for step in path)
    return RequestError("CV422", f"What stands at {dotted(path)} has {what}.", path=path)
