"""What the log is told of a view: outcomes with their true reasons, who was matched, what was released. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from connectors import Person
from portal.accesslog.pseudonyms import demographics
from portal.candidates import Listed
from portal.facts import content
from portal.model import Decision, LoggedOutcome, Manifest, MatchedIdentifier, ReleasedRecord, Voucher
from portal.outcomes import Outcome

_WEAKEST_FIRST: tuple[Voucher, ...] = ("declared", "own-agency", "other-agency")


def manifest_of(
    settled: list[Outcome], shown: list[Outcome], decision: Decision, persons: Mapping[str, tuple[Person, ...]], may_be: Listed
) -> Manifest:
    """What the log is told: true sources, ids and reasons, the content as it was shown, and who stood behind the candidates."""
    rulings = {(ruling.source, ruling.kind): ruling for ruling in decision.rulings}
    outcomes = tuple(
        LoggedOutcome(
            source=outcome.source,
            kind=outcome.kind,
            state=outcome.state,
            records=len(outcome.records),
            clause=rulings[outcome.source, outcome.kind].clause,
            reason=outcome.reason or rulings[outcome.source, outcome.kind].reason,
            band=outcome.match.band if outcome.match else None,
            consent=rulings[outcome.source, outcome.kind].consent,
            evidence=outcome.match.classes if outcome.match else (),
            chosen=outcome.chosen,
        )
        for outcome in settled
    )
    released = tuple(
        ReleasedRecord(source=outcome.source, kind=outcome.kind, id=str(getattr(record, "id", "")), content=content(as_shown))
        for outcome, masked in zip(settled, shown, strict=True)
        for record, as_shown in zip(outcome.records, masked.records, strict=True)
    )
    rest_on = {rulings[outcome.source, outcome.kind].voucher for outcome in settled if outcome.records}
    weakest = next((each for each in _WEAKEST_FIRST if each in rest_on), None)
    return Manifest(
        outcomes=outcomes, matched=_matched(persons), released=released, voucher=weakest, offered=may_be.offered, unfit=may_be.unfit
    )


def _matched(persons: Mapping[str, tuple[Person, ...]]) -> tuple[MatchedIdentifier, ...]:
    """The numbers and the demographics by which matched persons are known, so that an auditor who types any of them finds the access."""
    matched: list[MatchedIdentifier] = []
    for source, person in [(each, person) for each in sorted(persons) for person in persons[each]]:
        matched += [MatchedIdentifier(source=source, identifier=identifier) for identifier in person.identifiers]
        named = demographics(person.family_name, person.given_name, person.birth_date)
        matched += [MatchedIdentifier(source=source, identifier=named)] if named else []
    return tuple(matched)
