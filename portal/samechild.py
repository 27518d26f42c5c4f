"""Whether two sets of pseudonyms are of one child: as far as numbers, name and birth date can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connectors import Identifier
from portal.accesslog.pseudonyms import DEMOGRAPHICS, OTHER, Lasting

#: Pseudonym -> what it is of: a number's system, ``demographics``, or a part of these. The pseudonym alone identifies.
About = Mapping[str, str]
#: What is no number: name and birth date together, and each of them.
PARTS = frozenset({"family_name", "given_name", "birth_date"})
_NO_NUMBERS = PARTS | {DEMOGRAPHICS}


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


def _sorted(about: About) -> dict[str, set[str]]:
    """What can contradict, by what it is. Systems nobody declared stand under one name: their numbers cannot."""
    found: dict[str, set[str]] = {}
    for pseudonym, what in about.items():
        if what not in (DEMOGRAPHICS, OTHER):
            found.setdefault(what, set()).add(pseudonym)
    return found
