"""Whether two sets of pseudonyms, or two sources' persons, are of one child: as far as numbers, name and birth date can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connectors import Identifier, Person, Subject
from connectors.matching import Matcher, standing
from portal.accesslog.pseudonyms import DEMOGRAPHICS, OTHER, Lasting

#: Pseudonym -> what it is of: a number's system, ``demographics``, or a part of these. The pseudonym alone identifies.
About = Mapping[str, str]
#: What is no number: name and birth date together, and each of them.
PARTS = frozenset({"family_name", "given_name", "birth_date"})
_NO_NUMBERS = PARTS | {DEMOGRAPHICS}
_MATCHER = Matcher()


def numbers(about: About) -> frozenset[str]:
    """The pseudonyms of its numbers, of systems nobody declared too."""
    return frozenset(pseudonym for pseudonym, what in about.items() if what not in _NO_NUMBERS)


def share_number(one: About, other: About) -> bool:
    """They have a number in common, and not the name and birth date alone."""
    return not numbers(one).isdisjoint(numbers(other))


def contradict(one: About, other: About) -> bool:
    """Both have something of one system (or part of the name), and nothing of it in common: two children."""
    ones, others = _sorted(one), _sorted(other)
    return any(ones[what].isdisjoint(others[what]) for what in ones.keys() & others.keys())


def several_of_one_system(identifiers: Iterable[Identifier], lasting: Lasting) -> bool:
    """Whether two different numbers of one system were typed: nobody has two, so that they are of two children."""
    typed: dict[str, str] = {}
    return any(typed.setdefault(each.system, lasting.of(each)[1]) != lasting.of(each)[1] for each in identifiers)


def two_children(one: Person, other: Person) -> bool:
    """Whether two sources' persons are plainly two children: twins have two names, and most of them two numbers.

    A number alone may be mistyped at one of the sources; beside a given name that is missing or not the same it counts.
    """
    stands = standing(_as_subject(one), other, _MATCHER)
    same_name = stands.score.level("given") in ("exact", "variant", "slip")
    return stands.another_given_name or (stands.contradicted is not None and not same_name)


def _as_subject(person: Person) -> Subject:
    """A person as one would be typed who is looked for elsewhere; the home says nothing here."""
    return Subject(
        identifiers=person.identifiers,
        given_name=person.given_name,
        middle_names=person.middle_names,
        family_name=person.family_name,
        former_family_name=person.former_family_name,
        birth_date=person.birth_date,
        sex=person.sex,
    )


def _sorted(about: About) -> dict[str, set[str]]:
    """What can contradict, by what it is. Systems nobody declared stand under one name: their numbers cannot."""
    found: dict[str, set[str]] = {}
    for pseudonym, what in about.items():
        if what not in (DEMOGRAPHICS, OTHER):
            found.setdefault(what, set()).add(pseudonym)
    return found
