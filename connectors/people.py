"""A source's rows -> persons, and several finds' persons -> one list. A shield that cannot be read is never "no shield"."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, cast

import msgspec
import structlog

from connectors.connector import Address, Identifier, Person, Shield
from connectors.errors import Misconfigured, Mistake
from connectors.mapping import CONVERTERS, UNREADABLE, Path, Reading, Rule, at, plain, reading, text_id
from connectors.settings import Document, collect

log = structlog.get_logger("childview.source")

TEXTS = ("given_name", "middle_names", "family_name", "former_family_name", "sex", "postcode", "school")
LISTS = ("phones", "parents", "addresses")
KEYS = ("id", *TEXTS, "birth_date", *LISTS, "identifiers", "shield", "cleared", "workers")
_SHIELDS = ("LOCATION", "IDENTITY")


class PersonTable(msgspec.Struct, frozen=True):
    """How one source's rows become persons. ``paths`` are all that are read, ``id`` where the person's own id stands."""

    source: str
    id: Path
    readings: Mapping[str, Reading]
    identifiers: Mapping[str, Reading]
    paths: tuple[Path, ...]

    def person(self, row: Any) -> Person:
        """One row's person. Raises Misconfigured, naming the key, when a value cannot be what the key says."""
        read = {name: take(row) for name, take in self.readings.items()}
        own = text_id(at(row, self.id))
        if own is None:
            raise self._wrong("id", "is empty or neither text nor a whole number")
        return Person(
            id=own,
            birth_date=self._birth_date(read.get("birth_date")),
            addresses=self._addresses(read.get("addresses")),
            phones=self._list("phones", read.get("phones")),
            parents=self._list("parents", read.get("parents")),
            identifiers=self._identifiers(row),
            shield=shield_of(self.source, read.get("shield")),
            cleared=cleared_of(self.source, read.get("cleared")),
            workers=workers_of(self.source, read.get("workers")),
            **{name: self._text(name, read.get(name)) for name in TEXTS},
        )

    def _wrong(self, key: str, why: str) -> Misconfigured:
        return Misconfigured(f"{self.source}: person.{key} {why}")

    def _text(self, key: str, value: Any) -> str | None:
        if value is None or isinstance(value, str):
            return value
        raise self._wrong(key, "is not text")

    def _birth_date(self, value: Any) -> str | None:
        if value is None:
            return None
        text = CONVERTERS["partial_date"](value)
        if text is UNREADABLE or (isinstance(value, str) and "/" in value):
            raise self._wrong("birth_date", 'is not a date (YYYY-MM-DD); { from = ..., as = "date" } takes day/month/year')
        return cast("str | None", text)

    def _list(self, key: str, value: Any) -> tuple[str, ...]:
        values = _listed(value)
        texts = tuple(text.strip() for text in values if isinstance(text, str) and text.strip())
        if value is UNREADABLE or len(texts) != len([each for each in values if each not in (None, "")]):
            raise self._wrong(key, "is not a list of texts")
        return texts

    def _addresses(self, value: Any) -> tuple[Address, ...]:
        if value is UNREADABLE:
            raise self._wrong("addresses", "is not a list of addresses")
        try:
            listed = [_address(each) for each in _listed(value)]
            return tuple(msgspec.convert(listed, list[Address]))
        except msgspec.ValidationError:
            raise self._wrong("addresses", "is not a list of objects with line, town, postcode, from, to") from None

    def _identifiers(self, row: Any) -> tuple[Identifier, ...]:
        found: list[Identifier] = []
        for system, take in self.identifiers.items():
            value = take(row)
            if value is None:
                continue
            if not isinstance(value, str):
                # A number has lost its leading zeros: it may be somebody else's.
                raise self._wrong(f"identifiers.{system}", "is not text: turn it into text in the query")
            found.append(Identifier(system, value))
        return tuple(found)


def person_table(source: str, document: Document, cut: Callable[[str], Path], id: str) -> tuple[PersonTable | None, list[Mistake]]:
    """Read the ``person`` table; ``cut`` parts a name into a path. ``id`` is the error id of its mistakes."""
    raw = document.raw.get("person")
    if not isinstance(raw, dict):
        hint = 'Write person = { id = "...", family_name = "...", birth_date = "..." }.'
        return None, [document.mistake(id, "the table 'person' is missing.", "person", hint=hint)]
    hint = f"Known are {', '.join(KEYS)}."
    mistakes = [document.mistake(id, f"unknown key 'person.{key}'.", "person", key, hint=hint) for key in raw if key not in KEYS]
    paths: list[Path] = []
    readings: dict[str, Reading] = {}
    for key in (key for key in KEYS if key in raw and key not in ("id", "identifiers")):
        take, wrong = person_rule(document, cut, id, paths, "person", key)
        mistakes += wrong
        if take:
            readings[key] = take
    identifiers: dict[str, Reading] = {}
    listed = raw.get("identifiers", {})
    if not isinstance(listed, dict):
        mistakes.append(document.mistake(id, "person.identifiers must name a column for each system.", "person", "identifiers"))
        listed = {}
    for system in listed:
        take, wrong = person_rule(document, cut, id, paths, "person", "identifiers", system)
        mistakes += wrong
        if take:
            identifiers[system] = take
    own = cut(raw["id"]) if isinstance(raw.get("id"), str) else ()
    if not own:
        where = ("person", "id") if "id" in raw else ("person",)
        mistakes.append(document.mistake(id, "person.id must name where the person's own id stands.", *where))
    return (None, mistakes) if mistakes else (PersonTable(source, own, readings, identifiers, (own, *paths)), [])


def person_rule(
    document: Document, cut: Callable[[str], Path], id: str, paths: list[Path], *where: str
) -> tuple[Reading | None, list[Mistake]]:
    """One key of the ``person`` table as a reading; its path is noted in ``paths``."""
    raw: Any = document.raw
    for step in where:
        raw = raw[step]
    rule, mistakes = (Rule(from_=raw), []) if isinstance(raw, str) else collect(Rule, document, id, where)
    key = ".".join(where)
    if rule is None:
        return None, mistakes
    steps = cut(rule.from_) if rule.from_ else ()
    if not steps or rule.value is not msgspec.UNSET:
        mistakes.append(document.mistake(id, f"{key} must name where it stands.", *where))
    if rule.as_ and rule.as_ not in CONVERTERS:
        mistakes.append(document.mistake(id, f"{key}: there is no as = {rule.as_!r}.", *where, hint=f"Known are {', '.join(CONVERTERS)}."))
    if rule.else_ is not None and rule.map is None:
        mistakes.append(document.mistake(id, f"{key}: else without map.", *where))
    if where[-1] == "shield":
        said = [*(rule.map or {}).values(), *([rule.else_] if rule.else_ is not None else [])]
        mistakes += [
            document.mistake(id, f"{key}: {word!r} is no shield.", *where, hint="Shields are LOCATION, IDENTITY, or empty text for none.")
            for word in said
            if word not in (*_SHIELDS, "")
        ]
    if mistakes:
        return None, mistakes
    paths.append(steps)
    return reading(rule, steps), []


def shield_of(source: str, value: Any) -> Shield | None:
    """The shield a marker stands for. An unknown marker is the strongest, and operators are told: it must never read as "no shield"."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.strip().upper() in _SHIELDS:
        return cast(Shield, value.strip().upper())
    log.error("shield marker not understood", source=source, why="person.shield holds none of LOCATION, IDENTITY and nothing")
    return "IDENTITY"


def cleared_of(source: str, value: Any) -> tuple[str, ...]:
    """The ``issuer|person`` to whom a shield does not apply, from a JSON list or its text. One that cannot be read clears nobody."""
    listed = _named_people(value)
    if listed is None:
        log.error("clearances not understood", source=source, why="person.cleared is not a JSON list of texts")
    return listed or ()


def workers_of(source: str, value: Any) -> tuple[str, ...]:
    """The ``issuer|person`` who work with a child, from a JSON list or its text. One that cannot be read vouches for nobody."""
    listed = _named_people(value)
    if listed is None:
        log.error("workers not understood", source=source, why="person.workers is not a JSON list of texts")
    return listed or ()


def _named_people(value: Any) -> tuple[str, ...] | None:
    """The people of a JSON list; an absent list names nobody. None when it cannot be read."""
    listed = CONVERTERS["json"](value) if isinstance(value, str | bytes) else value
    if listed is None:
        return ()
    return tuple(listed) if isinstance(listed, list) and all(isinstance(each, str) for each in listed) else None


def join(persons: Iterable[Person]) -> list[Person]:
    """Persons by their id, in the order first seen."""
    joined: dict[str, Person] = {}
    for person in persons:
        known = joined.get(person.id)
        joined[person.id] = _together(known, person) if known else person
    return list(joined.values())


def _together(first: Person, second: Person) -> Person:
    """Two rows of one person. Of two shields the stronger holds; cleared, and vouched for, are only those whom both rows name.

    Each opens records, and two rows that disagree are no ground to open any.
    """
    moved = () if second.postcode in (None, first.postcode) or first.postcode is None else (Address(postcode=second.postcode),)
    return Person(
        id=first.id,
        birth_date=first.birth_date or second.birth_date,
        addresses=_union(first.addresses, second.addresses, moved),
        phones=_union(first.phones, second.phones),
        parents=_union(first.parents, second.parents),
        identifiers=_union(first.identifiers, second.identifiers),
        shield=_stronger(first.shield, second.shield),
        cleared=tuple(each for each in first.cleared if each in second.cleared),
        workers=tuple(each for each in first.workers if each in second.workers),
        **{name: getattr(first, name) or getattr(second, name) for name in TEXTS},
    )


def _stronger(first: Shield | None, second: Shield | None) -> Shield | None:
    return "IDENTITY" if "IDENTITY" in (first, second) else first or second


def _union(*parts: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(each for part in parts for each in part))


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = CONVERTERS["json"](value)
    if value is None or value is UNREADABLE:
        return [] if value is None else [value]
    return value if isinstance(value, list) else [value]


def _address(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    names = {"line": "line", "town": "town", "postcode": "postcode", "from": "from_", "to": "to"}
    return {names[key]: _day(part) for key, part in value.items() if key in names}


def _day(value: Any) -> Any:
    return value.date().isoformat() if isinstance(value, datetime) else value.isoformat() if isinstance(value, date) else plain(value)
