"""Is this person the subject? Pure, and every answer explains itself.

The rule: LINK if a valid identifier of one system is equal, birth date or family name is present on both sides and equal, and
neither birth date, given name nor family name differs; or given name, family name, birth date and postcode are all equal and no
second such candidate stands beside it. POSSIBLE if family name and birth date agree, or if an identifier and one of them agree and
one detail alone differs (a slip of the pen must not read as "nothing known"). Else NON_LINK. An identifier alone links nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from connectors.connector import Identifier, Person, Subject
from connectors.scalars import normalise, valid

MatchBand = Literal["LINK", "POSSIBLE", "NON_LINK"]
Agreement = Literal["same", "differs", "unknown"]


class Evidence(msgspec.Struct, frozen=True):
    """One field that spoke for or against a match, in words. Never about place, phone, school or parents: that would be an oracle."""

    field: str
    words: str


class Match(msgspec.Struct, frozen=True):
    """How sure we are that a source's person is the subject, and why."""

    band: MatchBand
    evidence: tuple[Evidence, ...]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One person beside the subject, field by field. ``contradicted`` names a system in which both have different valid numbers."""

    identifier: str | None
    contradicted: str | None
    family_name: Agreement
    given_name: Agreement
    birth_date: Agreement
    postcode: bool

    @property
    def differs(self) -> bool:
        fields = (self.family_name, self.given_name, self.birth_date)
        return "differs" in fields or self.contradicted is not None

    @property
    def by_identifier(self) -> bool:
        return self.identifier is not None and "same" in (self.birth_date, self.family_name) and not self.differs

    @property
    def by_demographics(self) -> bool:
        names = self.given_name == self.family_name == self.birth_date == "same"
        return names and self.postcode and not self.contradicted

    @property
    def alike(self) -> bool:
        return self.family_name == self.birth_date == "same"

    @property
    def slip(self) -> bool:
        """A number agrees, and one detail alone differs from it."""
        details = (self.family_name, self.birth_date, self.given_name)
        return self.identifier is not None and details.count("differs") == 1 and "same" in details[:2]

    @property
    def possible(self) -> bool:
        return self.alike or self.slip

    @property
    def namesake(self) -> bool:
        """Names, birth date and postcode agree, and a number says that it is somebody else."""
        return self.given_name == self.family_name == self.birth_date == "same" and self.postcode and self.contradicted is not None


def match(subject: Subject, persons: Sequence[Person]) -> list[Match]:
    """The band and evidence of each person, in the order given. Persons compete: two that would link are both only POSSIBLE."""
    compared = [compare(subject, person) for person in persons]
    linking = [comparison for comparison in compared if comparison.by_identifier or comparison.by_demographics]
    # The number is one child's and the home another's: either may be mistyped.
    torn = any(comparison.namesake for comparison in compared) and not all(comparison.postcode for comparison in linking)
    return [Match(_band(comparison, len(linking) == 1 and not torn), _evidence(comparison)) for comparison in compared]


def compare(subject: Subject, person: Person) -> Comparison:
    """Put one person beside the subject. Invalid identifiers count for nothing, neither for nor against."""
    typed, held = _numbers(subject.identifiers), _numbers(person.identifiers)
    shared = sorted(typed.keys() & held.keys())
    return Comparison(
        identifier=next((system for system in shared if typed[system] & held[system]), None),
        contradicted=next((system for system in shared if not typed[system] & held[system]), None),
        family_name=_names((subject.family_name, subject.former_family_name), (person.family_name, person.former_family_name)),
        given_name=_names((subject.given_name,), (person.given_name,)),
        birth_date=_dates(subject.birth_date, person.birth_date),
        postcode=bool(_postcodes(subject) & _postcodes(person)),
    )


def confirmed(subject: Subject, persons: Iterable[Person]) -> Subject:
    """What of the subject's numbers, names, birth date and postcodes stands letter for letter with one of these persons; the rest may
    be mistyped, and a source that searches by the letter would not have found the child by it.
    """
    known = list(persons)
    numbers = {(each.system, normalise(each.system, each.value)) for person in known for each in person.identifiers}
    families = {_plain(name) for person in known for name in (person.family_name, person.former_family_name) if name}
    given, born = {_plain(person.given_name) for person in known if person.given_name}, {person.birth_date for person in known}
    postcodes = {postcode for person in known for postcode in _postcodes(person)}
    return Subject(
        identifiers=tuple(each for each in subject.identifiers if (each.system, normalise(each.system, each.value)) in numbers),
        given_name=subject.given_name if _plain(subject.given_name) in given else None,
        family_name=subject.family_name if _plain(subject.family_name) in families else None,
        former_family_name=subject.former_family_name if _plain(subject.former_family_name) in families else None,
        birth_date=subject.birth_date if subject.birth_date in born else None,
        addresses=tuple(each for each in subject.addresses if each.postcode and each.postcode.replace(" ", "").upper() in postcodes),
    )


def _plain(name: str | None) -> str:
    return (name or "").strip().casefold()


def letters(name: str | None) -> str:
    """A name as compared: accents dropped, case folded, letters only."""
    bare = unicodedata.normalize("NFKD", name or "").casefold()
    return "".join(character for character in bare if character.isalpha())


def _band(comparison: Comparison, alone: bool) -> MatchBand:
    if alone and (comparison.by_identifier or comparison.by_demographics):
        return "LINK"
    if comparison.by_identifier or comparison.by_demographics or comparison.possible:
        return "POSSIBLE"
    return "NON_LINK"


def _numbers(identifiers: Iterable[Identifier]) -> dict[str, set[str]]:
    numbers: dict[str, set[str]] = {}
    for identifier in identifiers:
        if valid(identifier.system, identifier.value):
            numbers.setdefault(identifier.system, set()).add(normalise(identifier.system, identifier.value))
    return numbers


def _names(typed: Iterable[str | None], held: Iterable[str | None]) -> Agreement:
    ours, theirs = {letters(name) for name in typed} - {""}, {letters(name) for name in held} - {""}
    if not ours or not theirs:
        return "unknown"
    return "same" if ours & theirs else "differs"


def _dates(typed: str | None, held: str | None) -> Agreement:
    if not typed or not held:
        return "unknown"
    if typed == held and len(typed) == len("2014-02-03"):
        return "same"
    # A partial date that fits neither proves nor disproves.
    return "unknown" if typed.startswith(held) or held.startswith(typed) else "differs"


def _postcodes(someone: Subject | Person) -> set[str]:
    codes = {address.postcode for address in someone.addresses}
    if isinstance(someone, Person):
        codes.add(someone.postcode)
    return {code.replace(" ", "").upper() for code in codes if code}


_WORDS = {
    "family_name": {"same": "The family name agrees.", "differs": "The family name differs."},
    "given_name": {"same": "The given name agrees.", "differs": "The given name differs."},
    "birth_date": {"same": "The date of birth agrees.", "differs": "The date of birth differs."},
}


def _evidence(comparison: Comparison) -> tuple[Evidence, ...]:
    said = [Evidence("identifier", f"The {comparison.identifier} agrees.")] if comparison.identifier else []
    if comparison.contradicted:
        said.append(Evidence("identifier", f"The {comparison.contradicted} differs."))
    for field, words in _WORDS.items():
        agreement = getattr(comparison, field)
        if agreement in words:
            said.append(Evidence(field, words[agreement]))
    return tuple(said)
