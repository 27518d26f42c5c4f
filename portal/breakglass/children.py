"""Whether a second question of one sign-in is about the same child as the first: the glass is broken for one child.

Children are compared by lasting pseudonyms of what was typed. In doubt it is another child: signing in again is a small price.
"""

from __future__ import annotations

from collections.abc import Iterator

from connectors import Identifier, Subject
from portal.accesslog.pseudonyms import DEMOGRAPHICS, Lasting, identifiers_of, normal_name
from portal.samechild import PARTS, About, contradict, numbers

_SEPARATOR = "\x1f"
_WHOLE_DATE = len("2014-05-03")


def whom(subject: Subject, lasting: Lasting) -> About:
    """What was typed, as pseudonyms. Half a name is nobody's (twins share it): it can contradict, and never agrees."""
    about = {lasting.of(each)[1]: name for name, each in _parts(subject)}
    for each in identifiers_of(subject):
        if each.system != DEMOGRAPHICS or all(each.value.split(_SEPARATOR)):
            system, pseudonym = lasting.of(each)
            about[pseudonym] = system
    return about


def same_child(first: About, later: About) -> bool:
    """Whether ``later`` was typed about the child of ``first``, with which the glass was broken.

    They share a number, or name and birth date; no system's numbers, no name and no birth date of theirs differ; and every number of
    ``later`` was typed at first, so that no second child comes in beside the number of the first.
    """
    shared = any(later.get(pseudonym) == what and what not in PARTS for pseudonym, what in first.items())
    return shared and numbers(later) <= numbers(first) and not contradict(first, later)


def _parts(subject: Subject) -> Iterator[tuple[str, Identifier]]:
    birth = (subject.birth_date or "").strip()
    parts = (normal_name(subject.family_name or ""), normal_name(subject.given_name or ""), birth if len(birth) == _WHOLE_DATE else "")
    for at, name in enumerate(("family_name", "given_name", "birth_date")):
        if parts[at]:
            alone = [part if at == place else "" for place, part in enumerate(parts)]
            yield name, Identifier(DEMOGRAPHICS, _SEPARATOR.join(alone))
