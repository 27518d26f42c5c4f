"""Who a source thinks the subject is: accepted, offered for a person to choose, too many, or nobody. Pure.

Everything is worked out twice, with what was typed of the home and without: where a place must not be known, only the second counts,
so that nobody can find out by trying places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from connectors.connector import Identifier, Person, Shield, Subject
from connectors.matching import Match, Matcher

FindState = Literal["FOUND", "NOTHING_TO_SHOW", "AMBIGUOUS", "TOO_MANY", "NOT_ASKED"]

#: So many may be offered for a choice, and so many records of one child accepted; more are too many.
MOST_OFFERED = 3


class Offer(msgspec.Struct, frozen=True):
    """Somebody who may be the subject, for a practitioner to decide."""

    person: Person
    match: Match


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Who a source thinks this is: accepted persons (several when they are records of one child), or why there is none.

    Apart from that, the shields it found. ``orders_known`` is False when its orders could not be read. ``offers`` are those who may be
    the child, the likeliest first. ``blind`` is what would have been found without anything typed of the home, where that differs.
    ``crowded``: more persons were found than were seen, and their shields. ``excused``: see ``Shielded``. ``slip`` are the systems of
    the numbers on which alone it rests that somebody here may be the child. ``vouched`` says that the source names the asker among those
    who work with an accepted person; the names themselves are taken off. ``chosen``: accepted because the practitioner said so.
    ``reported``: whoever would be here is another child, the asker has said; ``doubted``: somebody else has said so, or may have. No
    source says either, but whoever asks it.
    """

    state: FindState
    persons: tuple[Person, ...] = ()
    match: Match | None = None
    offers: tuple[Offer, ...] = ()
    blind: Finding | None = None
    shields: frozenset[Shield] = frozenset()
    orders_known: bool = True
    crowded: bool = False
    excused: tuple[Identifier, ...] = ()
    slip: frozenset[str] = frozenset()
    vouched: bool = False
    chosen: bool = False
    reported: bool = False
    doubted: bool = False

    @property
    def on_place(self) -> bool:
        """Whether somebody is accepted who would not be without what was typed of the home."""
        return bool(self.persons) and self.blind is not None and self.blind.persons != self.persons

    @property
    def certain(self) -> bool:
        """Whether the child was found without anybody's say: numbers of somebody who was chosen, or doubted, are not passed on."""
        return bool(self.persons) and not (self.chosen or self.doubted) and self.match is not None and self.match.band == "LINK"

    def under(self, guarded: bool) -> Finding:
        """What counts where a place must not be known (``guarded``), or may be."""
        return self.blind if guarded and self.blind is not None else self


def find_among(subject: Subject, persons: Sequence[Person], matcher: Matcher, asker: str, vouches: bool, chosen: frozenset[str]) -> Finding:
    """Who of the persons the subject is. ``chosen`` are ids of persons a practitioner has picked: they count if they may be the child."""
    seen = _seen(_offers(subject, persons, matcher), asker, vouches, chosen)
    homeless = msgspec.structs.replace(subject, addresses=(), phones=(), school=None, parents=())
    if homeless == subject:
        return seen
    # Matched anew, not with some bits taken off: neither a cap, nor the order, nor a word of the evidence may rest on the home.
    blind = _seen(_offers(homeless, persons, matcher), asker, vouches, chosen)
    return seen if seen == blind else msgspec.structs.replace(seen, blind=blind)


def _offers(subject: Subject, persons: Sequence[Person], matcher: Matcher) -> list[Offer]:
    """Everybody with their match, the likeliest first."""
    offers = [Offer(person, found) for person, found in zip(persons, matcher.match(subject, persons), strict=True)]
    return sorted(offers, key=lambda offer: (-offer.match.bits, offer.person.id))


def _seen(offers: list[Offer], asker: str, vouches: bool, chosen: frozenset[str]) -> Finding:
    possible = [offer for offer in offers if offer.match.band != "NON_LINK"]
    picked = [offer for offer in possible if offer.person.id in chosen]
    accepted = picked or [offer for offer in possible if offer.match.band == "LINK"]
    if not possible:
        return Finding(state="NOTHING_TO_SHOW")
    if len(accepted or possible) > MOST_OFFERED:
        return Finding(state="TOO_MANY")
    if not accepted:
        slip = frozenset(system for offer in possible for system in offer.match.slip)
        alone = all(offer.match.slip for offer in possible)
        offered = tuple(_said(offer) for offer in possible)
        return Finding(state="AMBIGUOUS", match=offered[0].match, offers=offered, slip=slip if alone else frozenset())
    # One by one: an author's text in place of a list must not vouch for whoever's name is a part of it.
    vouched = vouches and any(each == asker for offer in accepted for each in offer.person.workers or ())
    return Finding(
        state="FOUND",
        persons=tuple(msgspec.structs.replace(offer.person, workers=()) for offer in accepted),
        match=_said(accepted[0]).match,
        vouched=vouched,
        chosen=bool(picked),
    )


def _said(offer: Offer) -> Offer:
    """The offer as it leaves the source's side: without bits and parts, which practitioners never see, and without who works with whom."""
    said = msgspec.structs.replace(offer.match, bits=0.0, score=None, verdict=None)
    return Offer(msgspec.structs.replace(offer.person, workers=()), said)
