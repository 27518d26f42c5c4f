"""Two shields, and whom they bind. Pure.

IDENTITY (adoption, protected person): exists for nobody not cleared. LOCATION (refuge, at-risk family, an order): the record
is visible, the place is not. A source reports the shields it found apart from the persons; clearance is a list of names.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec

from connectors.connector import Identifier, Person, Record, Shield, Subject
from connectors.matching import Matcher, Standing, standing
from connectors.scalars import CHECKERS, normalise, valid

#: What a subject gives beside names, birth date and numbers, by the part of the score that it makes, and what stands for "not typed".
_BESIDES: dict[str, tuple[str, object]] = {
    "middle": ("middle_names", None), "sex": ("sex", None), "place": ("addresses", ()), "phone": ("phones", ()),
    "school": ("school", None), "parents": ("parents", ()),
}  # fmt: skip


class Shielded(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of the persons found, and the shields that bind.

    ``excused`` are typed numbers by which a hidden child like the subject would be somebody else: that holds only if somebody has them.
    """

    persons: tuple[Person, ...]
    shields: frozenset[Shield]
    excused: tuple[Identifier, ...]


def shielded(subject: Subject, persons: Iterable[Person], asker: str, matcher: Matcher, learnt: tuple[Identifier, ...] = ()) -> Shielded:
    """Apply the shields of the persons found. ``asker`` is ``issuer|person``; who is cleared by name meets no shield.

    ``learnt`` are numbers of the child that nobody typed: they bind as if somebody had, and excuse nobody.
    """
    shields: set[Shield] = set()
    left: list[Person] = []
    excused: list[Identifier] = []
    for person in persons:
        shield = person.shield if asker not in person.cleared else None
        if shield and binds_also(subject, person, shield, matcher, learnt):
            shields.add(shield)
        elif shield == "IDENTITY" and may_be(subject, person, stands := standing(subject, person, matcher), matcher):
            excused += [each for each in subject.identifiers if each.system == stands.contradicted]
        if shield != "IDENTITY":
            left.append(person)
    return Shielded(persons=tuple(left), shields=frozenset(shields), excused=tuple(excused))


def binds(subject: Subject, person: Person, shield: Shield, matcher: Matcher) -> bool:
    """Whether a shield on this person binds the view: a link, or a possible one that is not proved to be somebody else.

    Another number proves nothing: it may be mistyped, or typed to get round the shield. With another given or family name it may, of a
    child who would be hidden altogether; a place is withheld even then, for it may be a twin's. The same number beside another name and
    another birth date is a slip: no source could link such a person.
    """
    stands = standing(subject, person, matcher)
    if stands.number is not None or _same_number(subject, person):
        return shield == "LOCATION" or not stands.wholly_different
    if shield == "LOCATION":
        return stands.of_one_family or may_be(subject, person, stands, matcher)
    another_name = stands.another_given_name or stands.score.level("family") == "differs"
    return not (stands.contradicted is not None and another_name) and may_be(subject, person, stands, matcher)


def binds_also(subject: Subject, person: Person, shield: Shield, matcher: Matcher, learnt: tuple[Identifier, ...]) -> bool:
    """Whether a shield on this person binds the view, by what was typed or by a number of the child that another source is certain of."""
    known = msgspec.structs.replace(subject, identifiers=(*subject.identifiers, *learnt))
    return binds(subject, person, shield, matcher) or (bool(learnt) and binds(known, person, shield, matcher))


def may_be(subject: Subject, person: Person, stands: Standing, matcher: Matcher) -> bool:
    """Whether this may be the subject, if nothing that was typed besides names and birth date may speak against it.

    A source that does not hold it could link or offer the child all the same: a wrong number or school must be no way round a shield.
    """
    if stands.possible:
        return True
    against = {part.field for part in stands.score.parts if part.unrelated < 0}
    left = {name: nothing for field, (name, nothing) in _BESIDES.items() if field in against}
    numbers = tuple(each for each in subject.identifiers if each.system not in stands.score.numbers.contradicted)
    return standing(msgspec.structs.replace(subject, identifiers=numbers, **left), person, matcher).possible


def _same_number(subject: Subject, person: Person) -> bool:
    """Whether a number is the same, also one that does not fit the birth date beside it: that may be what is wrong with the record."""
    typed, held = (
        {(each.system, normalise(each.system, each.value)) for each in someone.identifiers if valid(each.system, each.value)}
        for someone in (subject, person)
    )
    return not typed.isdisjoint(held)


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
