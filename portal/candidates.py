"""Who may be the child, shown so that somebody who knows the child can tell, and nobody can learn anything. Pure.

Of a candidate only that is shown which the asker has typed, where it agrees, and otherwise that it differs: never a value the asker did
not type, never a place, a phone, a school or a parent, and never that the sex differs. Nothing of the home decides what is shown or in
which order: whoever tried addresses could find out by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

import msgspec

from connectors import Person, Subject
from connectors.finding import Offer
from connectors.matching import Evidence, Match
from connectors.scalars import normalise, valid
from portal.accesslog.pseudonyms import normal_name
from portal.choices import MOST, fits
from portal.masking import Names
from portal.model import Candidate, Decision, OfferedPerson
from portal.outcomes import Outcome

#: Beside a match that rests on a practitioner's choice.
CHOSEN = Evidence("chosen", "You chose this child.")

_AGREES = frozenset({"exact", "often-shared", "new-year", "same"})
_DIFFERS = frozenset({"differs", "spoilt"})
_NUMBERS = {"nhs_number": "NHS number", "chi": "CHI number", "upn": "Unique pupil number", "scn": "Scottish candidate number"}


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """The candidates of one view, those who stand behind them, and the sources ``unfit`` to be chosen from: their ids are too long."""

    candidates: tuple[Candidate, ...] = ()
    offered: tuple[OfferedPerson, ...] = ()
    unfit: frozenset[str] = frozenset()

    @property
    def sources(self) -> frozenset[str]:
        """The sources whose candidates are listed."""
        return frozenset(each.source for each in self.offered)


def listed(settled: Iterable[Outcome], decision: Decision, subject: Subject, names: Names) -> Listed:
    """At most three candidates in all, and of each source all or none; of the others nothing is listed, and they read AMBIGUOUS still.

    Sources come in the order of the names they are shown under, however many may be the child there. Nobody is listed while nothing may
    hint at who else there is, or nobody is certain.
    """
    if decision.hidden or decision.veiled or decision.unsure:
        return Listed()
    offers = _offers(settled, decision)
    unfit = frozenset(source for source, there in offers.items() if not all(fits(source, each.person.id) for each in there))
    taken: list[tuple[str, Candidate, Offer]] = []
    for source in sorted(offers.keys() - unfit, key=lambda source: (names.of(source).id, source)):
        there = sorted(((_candidate(source, each, subject, names), each) for each in offers[source]), key=_by_what_is_shown)
        if len(taken) + len(there) <= MOST:
            taken += [(source, candidate, offer) for candidate, offer in there]
    return Listed(
        candidates=tuple(candidate for _, candidate, _ in taken),
        offered=tuple(OfferedPerson(source=source, person=offer.person.id, band=offer.match.band) for source, _, offer in taken),
        unfit=unfit,
    )


def as_chosen(match: Match | None) -> Match | None:
    """A match as the view shows it where it rests on a choice."""
    return match and msgspec.structs.replace(match, evidence=(*match.evidence, CHOSEN))


def _offers(settled: Iterable[Outcome], decision: Decision) -> dict[str, tuple[Offer, ...]]:
    """Who is offered by the sources that are not sure and were asked for something: the kinds of one source share one find."""
    permitted = {(ruling.source, ruling.kind) for ruling in decision.permitted}
    found: dict[str, tuple[Offer, ...]] = {}
    for outcome in settled:
        if outcome.state == "AMBIGUOUS" and outcome.offers and (outcome.source, outcome.kind) in permitted:
            found.setdefault(outcome.source, outcome.offers)
    return found


def _candidate(source: str, offer: Offer, subject: Subject, names: Names) -> Candidate:
    match = names.of_match(offer.match) or offer.match
    return Candidate(source=names.of(source).id, band=match.band, shown=shown(subject, offer), evidence=match.evidence)


def _by_what_is_shown(pair: tuple[Candidate, Offer]) -> tuple[int, tuple[str, ...], str]:
    """Those of whom the most agrees first. Scores do not count: the home is in them."""
    candidate, offer = pair
    return sum(" differ" in each for each in candidate.shown), candidate.shown, offer.person.id


def shown(subject: Subject, offer: Offer) -> tuple[str, ...]:
    """What a candidate is shown by, in words."""
    levels = dict(each.split(":", 1) for each in offer.match.classes)
    return tuple(_said(subject, offer.person, levels))


def _said(subject: Subject, person: Person, levels: Mapping[str, str]) -> Iterator[str]:
    yield from _field("Given name", levels.get("given_name"), [subject.given_name])
    middle = _common(subject.middle_names, person.middle_names)
    yield from _field("Middle name", levels.get("middle_names"), [" ".join(middle)])
    yield from _field("Family name", levels.get("family_name"), _families(subject, person))
    yield from _birth(subject.birth_date, levels.get("birth_date"))
    if levels.get("sex") == "same" and subject.sex:
        yield f"Sex {subject.sex}"
    yield from _numbers(subject, person, levels.get("identifier"))


def _field(name: str, level: str | None, typed: Iterable[str | None]) -> Iterator[str]:
    """What is said of one field; nothing where one of the sides has none."""
    if level is None:
        return
    if level in _AGREES:
        value = next((each for each in typed if each), None)
        yield f"{name} {value}" if value else f"{name} agrees"
    else:
        yield f"{name} differs" if level in _DIFFERS else f"{name} differs in part"


def _common(typed: str | None, held: str | None) -> list[str]:
    """The words of what was typed that stand there as well."""
    there = {normal_name(each) for each in (held or "").split()}
    return [each for each in (typed or "").split() if normal_name(each) in there]


def _families(subject: Subject, person: Person) -> list[str]:
    """The family names typed that stand there; one that was typed alone is the one that agrees, however it is written."""
    typed = [each for each in (subject.family_name, subject.former_family_name) if each]
    there = {normal_name(each) for each in (person.family_name, person.former_family_name) if each}
    same = [each for each in typed if normal_name(each) in there]
    return same or (typed if len(typed) == 1 else [])


def _birth(typed: str | None, level: str | None) -> Iterator[str]:
    if level == "fits" and typed:
        yield f"Date of birth {_in_words(typed)}, as far as it is known"
    else:
        yield from _field("Date of birth", level, [_in_words(typed) if typed else None])


def _in_words(partial: str) -> str:
    """A PartialDate as it is spoken: ``2015-03-01`` is 1 March 2015."""
    parts = [int(each) for each in partial.split("-")]
    if len(parts) == 1:
        return partial
    month = f"{date(parts[0], parts[1], 1):%B} {parts[0]}"
    return month if len(parts) == 2 else f"{parts[2]} {month}"


def _numbers(subject: Subject, person: Person, level: str | None) -> Iterator[str]:
    """Each number typed that stands there or, where matching counts it as another, differs."""
    for typed in subject.identifiers:
        there = {
            normalise(each.system, each.value)
            for each in person.identifiers
            if each.system == typed.system and valid(each.system, each.value)
        }
        name = _NUMBERS.get(typed.system, "Number")
        if normalise(typed.system, typed.value) in there:
            yield f"{name} {typed.value}"
        elif there and level == "contradicted":
            yield f"{name} differs"
