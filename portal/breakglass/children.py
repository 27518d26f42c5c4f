"""Whether a second question of one sign-in is about the same child as the first: the glass is broken for one child.

Children are compared by lasting pseudonyms of what was typed. In doubt it is another child: signing in again is a small price.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connectors import Identifier, Subject
from portal.accesslog.pseudonyms import DEMOGRAPHICS, OTHER, Lasting, identifiers_of, normal_name

#: Pseudonym -> what it is of: a number's system, ``demographics``, or one part of these.
About = Mapping[str, str]

_SEPARATOR = "\x1f"
_PARTS = frozenset({"family_name", "given_name", "birth_date"})
_WHOLE_DATE = len("2014-05-03")


def whom(subject: Subject, lasting: Lasting) -> About:
    """What was typed, as pseudonyms. Half a name is nobody's (twins share it): it can contradict, and never agrees."""
    about = {lasting.of(each)[1]: name for name, each in _parts(subject)}
    for each in identifiers_of(subject):
        if each.system != DEMOGRAPHICS or all(each.value.split(_SEPARATOR)):
            system, pseudonym = lasting.of(each)
            about[pseudonym] = system
    return about


def same_child(one: About, other: About) -> bool:
    """They share a number, or name and birth date; and no system's numbers, no name and no birth date of theirs differ."""
    shared = any(other.get(pseudonym) == what and what not in _PARTS for pseudonym, what in one.items())
    ones, others = _sorted(one), _sorted(other)
    return shared and not any(ones[what].isdisjoint(others[what]) for what in ones.keys() & others.keys())


def _parts(subject: Subject) -> Iterator[tuple[str, Identifier]]:
    birth = (subject.birth_date or "").strip()
    parts = (normal_name(subject.family_name or ""), normal_name(subject.given_name or ""), birth if len(birth) == _WHOLE_DATE else "")
    for at, name in enumerate(("family_name", "given_name", "birth_date")):
        if parts[at]:
            alone = [part if at == place else "" for place, part in enumerate(parts)]
            yield name, Identifier(DEMOGRAPHICS, _SEPARATOR.join(alone))


def _sorted(about: About) -> dict[str, set[str]]:
    """What can contradict, by what it is. Systems nobody declared stand under one name: their numbers cannot."""
    found: dict[str, set[str]] = {}
    for pseudonym, what in about.items():
        if what not in (DEMOGRAPHICS, OTHER):
            found.setdefault(what, set()).add(pseudonym)
    return found
