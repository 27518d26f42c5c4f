"""What reports do to a later find. Pure: nothing here knows who has reported.

Whoever has said that a record is another child's does not see it again; everybody else sees it with a warning. A report takes no
record from anybody but its reporter, and no shield from anybody.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from connectors.finding import Finding, Offer
from connectors.matching import Evidence, Match

#: Beside a match about which somebody has said so. Never who.
DOUBTED = Evidence("record", "Somebody said that this record may be another child's. Check before you act.")
#: Beside every match while the reports cannot be read.
UNKNOWN = Evidence("record", "We cannot see now if somebody said that this record is another child's. Check before you act.")


class Standing(msgspec.Struct, frozen=True):
    """The ids of a source's persons about whom a report stands: the asker's ``own``, and of others.

    Where the reports cannot be read (``readable`` False) anybody may have been reported: a portal that showed nothing then would leave
    everybody blind, so that all is shown, with a warning.
    """

    own: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    readable: bool = True


def ids_of(finding: Finding) -> frozenset[str]:
    """Everybody whom a find has accepted or offers, with what was typed of the home and without."""
    blind = ids_of(finding.blind) if finding.blind else frozenset()
    return blind | {person.id for person in finding.persons} | {offer.person.id for offer in finding.offers}


def heed(finding: Finding, standing: Standing) -> Finding:
    """The finding as the asker may see it.

    An accepted person whom the asker has reported leaves nobody accepted: what was taken for records of one child is another child's.
    Whoever was reported by somebody else is not certain any more: their numbers go to no other source.
    """
    if finding.blind:
        finding = msgspec.structs.replace(finding, blind=heed(finding.blind, standing))
    if any(person.id in standing.own for person in finding.persons):
        return _reported(finding)
    finding = _without_own_offers(finding, standing.own)
    said = _warning((person.id for person in finding.persons), standing)
    offers = tuple(_warned(offer, _warning([offer.person.id], standing)) for offer in finding.offers)
    match = offers[0].match if offers else _beside(finding.match, said)
    return msgspec.structs.replace(finding, offers=offers, match=match, doubted=said is not None)


def _without_own_offers(finding: Finding, own: frozenset[str]) -> Finding:
    """Those whom the asker has reported are offered no more; whether the rest rests on numbers alone is worked out anew."""
    left = tuple(offer for offer in finding.offers if offer.person.id not in own)
    if len(left) == len(finding.offers):
        return finding
    if not left:
        return _reported(finding)
    alone = all(offer.match.slip for offer in left)
    slip = frozenset(system for offer in left for system in offer.match.slip) if alone else frozenset[str]()
    return msgspec.structs.replace(finding, offers=left, match=left[0].match, slip=slip)


def _reported(finding: Finding) -> Finding:
    """Nobody is accepted or offered. Shields stay, and so does ``slip``: it keeps a hint at a hidden child from being given."""
    return msgspec.structs.replace(
        finding, state="AMBIGUOUS", persons=(), match=None, offers=(), vouched=False, chosen=False, reported=True
    )


def _warning(ids: Iterable[str], standing: Standing) -> Evidence | None:
    known = [*ids]
    if known and not standing.readable:
        return UNKNOWN
    return DOUBTED if not standing.others.isdisjoint(known) else None


def _warned(offer: Offer, said: Evidence | None) -> Offer:
    match = _beside(offer.match, said)
    return Offer(offer.person, match) if match else offer


def _beside(match: Match | None, said: Evidence | None) -> Match | None:
    return msgspec.structs.replace(match, evidence=(*match.evidence, said)) if match and said else match
