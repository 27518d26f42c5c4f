"""What each source is called in one view: local ones by what they are, unless the asker's clause gives place. Pure.

One school, one practice, one refuge tells where a child is: for every child alike it is named only to those whose clause gives place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.matching import Match
from connectors.release import HELD_PLACE
from connectors.standard import Held, Kind, Standard
from portal.facts import told_by
from portal.model import Decision
from portal.outcomes import Outcome

#: What tells which local source a record is from, though no place in itself.
_TELLING = ("dutyPhone", "outOfHoursPhone", "service", "sourceCode", "sourceText")


class SourceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a source before any subject is: constants that are shown with its outcome.

    ``mask`` is what a local source is called where place is withheld ("a school"), None for sources that are never masked.
    """

    id: str
    agency: str
    name: str
    phone: str | None
    out_of_hours: str | None
    contact: str
    coverage_from: Any = None
    coverage_to: Any = None
    coverage_note: str | None = None
    mask: str | None = None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Everything merge needs that does not depend on the child. ``duty`` answers for masked sources."""

    portal: str
    standard: Standard
    sources: Mapping[str, SourceFacts]
    duty: SourceFacts


class Names:
    """What each source is called in this view: local ones by what they are, unless the asker's clause gives place."""

    def __init__(self, decision: Decision, known: Known) -> None:
        self.known = known
        seen = [ruling for ruling in decision.rulings if ruling.permitted or ruling.rests_on_child] if decision.place else []
        self._placed = {ruling.source for ruling in seen if ruling.place}

    def masked(self, source: str) -> bool:
        return self.known.sources[source].mask is not None and source not in self._placed

    def of(self, source: str) -> SourceFacts:
        facts = self.known.sources[source]
        if not self.masked(source) or facts.mask is None:
            return facts
        duty = self.known.duty
        anonymous = facts.mask.removeprefix("a ").removeprefix("an ").replace(" ", "-")
        return SourceFacts(
            id=anonymous, agency=anonymous, name=facts.mask, phone=duty.phone, out_of_hours=duty.out_of_hours, contact=duty.contact
        )

    def of_match(self, match: Match | None) -> Match | None:
        """A match in whose words no masked source is named: a number may be one of its own."""
        if match is None:
            return None
        said = [(evidence, f"The {source} ") for evidence in match.evidence for source in self.known.sources if self.masked(source)]
        named = {evidence: evidence.words.replace(name, "A number ", 1) for evidence, name in said if evidence.words.startswith(name)}
        evidence = tuple(msgspec.structs.replace(each, words=named.get(each, each.words)) for each in match.evidence)
        return msgspec.structs.replace(match, evidence=evidence)

    def of_system(self, system: str) -> str:
        """What the numbers of one system are called: a masked source's own by what it is."""
        return self.of(system).id if system in self.known.sources else system


def mask(outcome: Outcome, names: Names, standard: Standard) -> Outcome:
    """The outcome with whatever would name a local source taken off its records: ids, desks, its own words for things."""
    if not names.masked(outcome.source) or not outcome.records:
        return outcome
    facts, kind = names.of(outcome.source), standard.kinds[outcome.kind]
    records = tuple(_anonymous(kind, record, facts, f"{facts.id}-{n}") for n, record in enumerate(outcome.records, 1))
    return msgspec.structs.replace(outcome, records=records)


def _anonymous(kind: Kind, record: msgspec.Struct, facts: SourceFacts, id: str) -> msgspec.Struct:
    telling = [name for name in _TELLING if name in kind.fields and getattr(record, name) is not None]
    held = [*record.held, *(Held(name, HELD_PLACE) for name in telling)]  # type: ignore[attr-defined]
    provenance = tuple(msgspec.structs.replace(each, source=facts.id, agency=facts.agency) for each in told_by(record))
    taken: dict[str, Any] = dict.fromkeys(telling)
    return msgspec.structs.replace(
        record, id=id, contact=facts.contact, provenance=provenance, held=tuple(sorted(held, key=lambda each: each.field or "")), **taken
    )
