"""One person beside the subject by itself, as shields and doubts need it: competition among persons is no matter here. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from connectors.connector import Person, Subject
from connectors.matching.bands import MatchBand
from connectors.matching.described import describe
from connectors.matching.matcher import Matcher
from connectors.matching.scoring import Score
from connectors.scalars import normalise


class Standing(msgspec.Struct, frozen=True):
    """How a person stands to the subject if there is nobody else."""

    score: Score
    band: MatchBand

    @property
    def number(self) -> str | None:
        """A system in which both have the same valid number."""
        return next(iter(self.score.numbers.same), None)

    @property
    def contradicted(self) -> str | None:
        """A system in which both have valid numbers, and different ones."""
        return next(iter(self.score.numbers.contradicted), None)

    @property
    def by_number(self) -> bool:
        return self.band == "LINK" and self.number is not None

    @property
    def possible(self) -> bool:
        return self.band != "NON_LINK"

    @property
    def another_given_name(self) -> bool:
        return self.score.level("given") in ("differs", "spoilt")

    @property
    def of_one_family(self) -> bool:
        """Family name and birth date agree: the child, or a twin."""
        return self.score.level("family") == "exact" and self.score.level("birth") in ("exact", "new-year")

    @property
    def wholly_different(self) -> bool:
        """Family name, given name and birth date all differ."""
        levels = {self.score.level(field) for field in ("family", "birth")}
        return levels == {"differs"} and self.another_given_name


def standing(subject: Subject, person: Person, matcher: Matcher) -> Standing:
    """Put one person beside the subject."""
    found = matcher.match(subject, [person])[0]
    return Standing(matcher.score(describe(subject), describe(person)) if found.score is None else found.score, found.band)


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
        addresses=tuple(each for each in subject.addresses if each.postcode and _code(each.postcode) in postcodes),
    )


def _plain(name: str | None) -> str:
    return (name or "").strip().casefold()


def _postcodes(person: Person) -> set[str]:
    return {_code(code) for code in (person.postcode, *(address.postcode for address in person.addresses)) if code}


def _code(postcode: str) -> str:
    return "".join(postcode.split()).upper()
