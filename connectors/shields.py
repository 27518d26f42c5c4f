"""Two shields, and whom they bind. Pure.

IDENTITY (adoption, protected person): exists for nobody not cleared. LOCATION (refuge, at-risk family, an order): the record
is visible, the place is not. A source reports the shields it found apart from the persons; clearance is a list of names.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec

from connectors.connector import Identifier, Person, Record, Shield, Subject
from connectors.matching import compare
from connectors.scalars import CHECKERS


class Shielded(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of the persons found, and the shields that bind.

    ``excused`` are typed numbers by which a hidden child like the subject would be somebody else: that holds only if somebody has them.
    """

    persons: tuple[Person, ...]
    shields: frozenset[Shield]
    excused: tuple[Identifier, ...]


def shielded(subject: Subject, persons: Iterable[Person], asker: str) -> Shielded:
    """Apply the shields of the persons found. ``asker`` is ``issuer|person``; who is cleared by name meets no shield."""
    shields: set[Shield] = set()
    left: list[Person] = []
    excused: list[Identifier] = []
    for person in persons:
        shield = person.shield if asker not in person.cleared else None
        if shield and binds(subject, person, shield):
            shields.add(shield)
        elif shield == "IDENTITY" and compare(subject, person).possible:
            excused += [each for each in subject.identifiers if each.system == compare(subject, person).contradicted]
        if shield != "IDENTITY":
            left.append(person)
    return Shielded(persons=tuple(left), shields=frozenset(shields), excused=tuple(excused))


def binds(subject: Subject, person: Person, shield: Shield) -> bool:
    """Whether a shield on this person binds the view: a link, or a possible one that is not proved to be somebody else.

    Another number proves nothing: it may be mistyped, or typed to get round the shield. With another given name it may, of a child who
    would be hidden altogether; a place is withheld even then, for it may be a twin's. The same number beside another name and another
    birth date is a slip: no source could link such a person.
    """
    compared = compare(subject, person)
    details = (compared.family_name, compared.given_name, compared.birth_date)
    if compared.identifier is not None:
        return shield == "LOCATION" or details.count("differs") < len(details)
    somebody_else = shield == "IDENTITY" and compared.contradicted is not None and compared.given_name == "differs"
    return (compared.by_demographics or compared.possible) and not somebody_else


def forbids_place(record: Record, today: date) -> bool:
    """Whether this Flag is an order in force that forbids disclosing a place. Whatever cannot be read forbids: it must not open a door."""
    fields = record.fields
    said = fields.get("forbidsPlace")
    in_error = fields.get("status") in ("ENTERED_IN_ERROR", "SUPERSEDED")
    return said not in (None, False, "false", "0", 0, "") and not in_error and not _over(fields.get("end"), today)


def _over(end: object, today: date) -> bool:
    try:
        last = CHECKERS["PartialDate"](end.isoformat()[:10] if isinstance(end, date) else str(end))
    except ValueError:
        return False
    return last < today.isoformat()[: len(last)]
