"""Puts the answers together into one child view. Pure: nothing dropped, nothing unexplained, order of sources no matter.

What agencies know stands side by side, each value with its sources. The same fact told by two sources is one record with
two provenances. Every (source, kind) of the plan ends in one outcome, and every section says who is missing from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from connectors import Person
from connectors.release import HELD_PLACE, without_place
from connectors.standard import Held, Kind, Provenance, Standard
from portal.accesslog.pseudonyms import demographics
from portal.model import (
    ChildView,
    Chronology,
    ChronologyEntry,
    Decision,
    Demographic,
    Demographics,
    DemographicValue,
    KindOutcome,
    LoggedOutcome,
    Manifest,
    MatchedIdentifier,
    Missing,
    Plan,
    ReleasedRecord,
    Ruling,
    Section,
    SourceOutcome,
)
from portal.outcomes import COMPLETE, SAYS_NO_SOURCE, Outcome, first, says

#: Never shown as a conflict: it would out a child (sex, gender, earlier names).
NO_CONFLICT = frozenset({"sex", "gender"})
WHO = ("PersonDetails", "Identifier")


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


def merge(
    plan: Plan, decision: Decision, outcomes: Iterable[Outcome], persons: Mapping[str, Person], known: Known, now: datetime
) -> ChildView:
    """The child view. ``persons`` are those accepted, by source, for the log's pseudonyms; they are not shown."""
    settled = sorted((_settled(outcome, decision, known.standard) for outcome in outcomes), key=lambda each: (each.source, each.kind))
    names = _Names(decision, known)
    shown = [_masked(outcome, names) for outcome in settled]
    sources = _source_outcomes(shown, settled, decision, names, now)
    return ChildView(
        everySourceAnswered=all(outcome.state in COMPLETE for outcome in settled) and bool(settled),
        purpose=plan.purpose,
        asOf=now,
        sources=sources,
        demographics=_demographics(shown, plan, names, now) if plan.question.demographics else None,
        chronology=_chronology(shown, plan, names, now) if plan.question.chronology else None,
        sections={
            section: _section(kind, shown, names, now)
            for kind in sorted(plan.question.sections)
            if (section := known.standard.kinds[kind].section)
        },
        held=() if decision.place else (Held("location", HELD_PLACE),),
        warnings=decision.warnings,
        manifest=_manifest(settled, decision, {} if decision.hidden else persons),
    )


class _Names:
    """What each source is called in this view: local ones by what they are, unless the asker's clause gives place."""

    def __init__(self, decision: Decision, known: Known) -> None:
        self.known = known
        self._placed = {ruling.source for ruling in decision.rulings if ruling.permitted and ruling.place} if decision.place else set()

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


def _settled(outcome: Outcome, decision: Decision, standard: Standard) -> Outcome:
    """The outcome after shields: under an IDENTITY shield whatever any source said reads the same as for an unknown child."""
    find_failed = not outcome.found and outcome.state in ("TIMED_OUT", "UNAVAILABLE", "REFUSED", "FAILED")
    never_asked = outcome.state in ("NOT_ASKED", "NOT_PERMITTED", "OUT_OF_COVERAGE", "CONSENT_NEEDED")
    if decision.hidden and not find_failed and not never_asked:
        return Outcome(source=outcome.source, kind=outcome.kind, state="NOTHING_TO_SHOW", reason="shielded", seconds=outcome.seconds)
    if decision.place or not outcome.records:
        return outcome
    kind = standard.kinds[outcome.kind]
    return msgspec.structs.replace(outcome, records=tuple(without_place(kind, record, standard) for record in outcome.records))


def _masked(outcome: Outcome, names: _Names) -> Outcome:
    """The outcome with a local source's name taken off its records."""
    if not names.masked(outcome.source) or not outcome.records:
        return outcome
    facts = names.of(outcome.source)
    records = tuple(
        msgspec.structs.replace(
            record,
            contact=facts.contact,
            provenance=tuple(msgspec.structs.replace(each, source=facts.id, agency=facts.agency) for each in _provenance(record)),
        )
        for record in outcome.records
    )
    return msgspec.structs.replace(outcome, records=records)


def _source_outcomes(
    shown: list[Outcome], settled: list[Outcome], decision: Decision, names: _Names, now: datetime
) -> tuple[SourceOutcome, ...]:
    rulings = {(ruling.source, ruling.kind): ruling for ruling in decision.rulings}
    by_source: dict[str, list[Outcome]] = {}
    for outcome in settled:
        by_source.setdefault(outcome.source, []).append(outcome)
    entries = [_source_outcome(source, ended, rulings, names, now) for source, ended in by_source.items()]
    # A masked source must not be known by its place in the list.
    return tuple(sorted(entries, key=lambda entry: (entry.source, entry.state, entry.name)))


def _source_outcome(
    source: str, ended: list[Outcome], rulings: Mapping[tuple[str, str], Ruling], names: _Names, now: datetime
) -> SourceOutcome:
    facts, masked = names.of(source), names.masked(source)
    state = first([outcome.state for outcome in ended])
    leading = next(outcome for outcome in ended if outcome.state == state)
    speaks = state in ("ANSWERED", "PARTIAL", "AMBIGUOUS")
    aside = sum(outcome.set_aside for outcome in ended)
    return SourceOutcome(
        source=facts.id,
        agency=facts.agency,
        name=facts.name,
        state=state,
        kinds=tuple(_kind_outcome(outcome, rulings[outcome.source, outcome.kind], masked) for outcome in ended),
        words=says(state, facts.name, now, msgspec.structs.replace(leading, set_aside=aside)),
        phone=facts.phone,
        outOfHours=facts.out_of_hours,
        coverageFrom=facts.coverage_from,
        coverageTo=facts.coverage_to,
        coverageNote=facts.coverage_note,
        asOf=now if state in ("ANSWERED", "PARTIAL") else None,
        setAside=aside or None,
        match=leading.match if speaks else None,
    )


def _kind_outcome(outcome: Outcome, ruling: Ruling, masked: bool) -> KindOutcome:
    """What is shown of one ruling: clause and reason are the same for every child; a masked source's clause would name it."""
    denied = outcome.state == "NOT_PERMITTED"
    return KindOutcome(
        kind=outcome.kind,
        state=outcome.state,
        clause=None if masked or denied else ruling.clause,
        reason=ruling.reason if denied else None,
        nearest=ruling.nearest if denied and not masked else None,
    )


def _missing(kinds: Iterable[str], outcomes: Iterable[Outcome], names: _Names, now: datetime) -> tuple[Missing, ...]:
    """Who has not fully answered for these kinds; the portal itself when no source holds one of them."""
    wanted, missing, held = set(kinds), [], set()
    for outcome in outcomes:
        if outcome.kind not in wanted:
            continue
        held.add(outcome.kind)
        if outcome.state not in COMPLETE:
            facts = names.of(outcome.source)
            missing.append(Missing(facts.id, outcome.state, says(outcome.state, facts.name, now, outcome)))
    if wanted - held:
        missing.append(Missing(names.known.portal, "NOT_ASKED", SAYS_NO_SOURCE))
    unique = {(each.source, each.state, each.words): each for each in missing}
    return tuple(unique[key] for key in sorted(unique))


def _section(kind: str, outcomes: list[Outcome], names: _Names, now: datetime) -> Section:
    missing = _missing([kind], outcomes, names, now)
    return Section(everySourceAnswered=not missing, records=_records(kind, outcomes, names.known.standard), missing=missing)


def _records(name: str, outcomes: Iterable[Outcome], standard: Standard) -> tuple[msgspec.Struct, ...]:
    """All records of a kind, the same fact once, oldest first, those without a date last."""
    kind = standard.kinds[name]
    told = sorted(
        (record for outcome in outcomes if outcome.kind == name for record in outcome.records),
        key=lambda record: (_moment(record), _told_by(record)),
    )
    facts: list[msgspec.Struct] = []
    for record in told:
        twin = next((at for at, other in enumerate(facts) if _same_fact(kind, other, record)), None)
        if twin is None:
            facts.append(record)
        else:
            both = sorted((*_provenance(facts[twin]), *_provenance(record)), key=lambda each: each.source)
            facts[twin] = msgspec.structs.replace(facts[twin], provenance=tuple(both))
    return tuple(facts)


def _same_fact(kind: Kind, one: msgspec.Struct, other: msgspec.Struct) -> bool:
    """Two sources tell the same fact: same full date and headline, and nothing that either says does the other not say alike."""
    sources = {each.source for each in _provenance(one)}
    if not kind.headline or sources & {each.source for each in _provenance(other)}:
        return False
    on, headline = getattr(one, "occurredOn", None), getattr(one, kind.headline)
    if on is None or len(on) < len("2014-02-03") or headline is None:
        return False
    return all(getattr(one, name) == getattr(other, name) for name in (*kind.fields, "held", "tier") if name not in ("id", "contact"))


def _chronology(outcomes: list[Outcome], plan: Plan, names: _Names, now: datetime) -> Chronology:
    standard = names.known.standard
    kinds = [name for name, kind in standard.kinds.items() if kind.occurred and name in plan.question.wanted]
    entries = [
        ChronologyEntry(on=getattr(record, "occurredOn", None), kind=name, headline=_headline(standard.kinds[name], record), record=record)
        for name in kinds
        for record in _records(name, outcomes, standard)
    ]
    missing = _missing(kinds, outcomes, names, now)
    entries.sort(key=lambda entry: (entry.on is None, entry.on or "", entry.kind, _told_by(entry.record)))
    return Chronology(everySourceAnswered=not missing, entries=tuple(entries), missing=missing)


def _headline(kind: Kind, record: msgspec.Struct) -> str | None:
    value = getattr(record, kind.headline, None) if kind.headline else None
    return None if value is None else str(value)


def _demographics(outcomes: list[Outcome], plan: Plan, names: _Names, now: datetime) -> Demographics:
    """Per field every value with its sources. Identifiers are fields by their system."""
    values: dict[str, dict[str, list[Provenance]]] = {}
    for outcome in outcomes:
        if outcome.kind not in WHO:
            continue
        for record in outcome.records:
            for field, value in _who(outcome.kind, record, names.known.standard):
                values.setdefault(field, {}).setdefault(value, []).extend(_provenance(record))
    missing = _missing([kind for kind in WHO if kind in names.known.standard.kinds], outcomes, names, now)
    fields = tuple(_demographic(field, values[field]) for field in sorted(values))
    return Demographics(everySourceAnswered=not missing, fields=fields, missing=missing)


def _demographic(field: str, values: Mapping[str, list[Provenance]]) -> Demographic:
    told = tuple(
        DemographicValue(value, tuple(sorted({each.source: each for each in provenance}.values(), key=lambda each: each.source)))
        for value, provenance in sorted(values.items())
    )
    return Demographic(field=field, conflict=len(told) > 1 and field not in NO_CONFLICT and not _earlier(field), values=told)


def _earlier(field: str) -> bool:
    return "former" in field.lower() or "preferred" in field.lower()


def _who(kind: str, record: msgspec.Struct, standard: Standard) -> Iterable[tuple[str, str]]:
    """The fields of one person record as (name, text); several values of a list each count by themselves."""
    if kind == "Identifier":
        system, value = getattr(record, "system", None), getattr(record, "value", None)
        if system and value:
            yield str(system), str(value)
        return
    envelope = set.intersection(*(set(each.fields) for each in standard.kinds.values()))
    for name in standard.kinds[kind].fields:
        if name in envelope or (value := getattr(record, name, None)) is None:
            continue
        for each in value if isinstance(value, tuple) else (value,):
            yield name, str(each).lower() if isinstance(each, bool) else str(each)


def _moment(record: msgspec.Struct) -> tuple[bool, str]:
    on = getattr(record, "occurredOn", None)
    return on is None, on or ""


def _told_by(record: msgspec.Struct) -> tuple[str, str, bytes]:
    first_told = _provenance(record)[0]
    return first_told.source, str(getattr(record, "id", "")), content(record)


def _provenance(record: msgspec.Struct) -> tuple[Provenance, ...]:
    return record.provenance  # type: ignore[attr-defined,no-any-return]


def content(record: msgspec.Struct) -> bytes:
    """What a record says, as canonical JSON, without when it was fetched: the bytes that the log digests."""
    said = {name: value for name, value in msgspec.to_builtins(record).items() if value is not None and name != "provenance"}
    return json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _manifest(settled: list[Outcome], decision: Decision, persons: Mapping[str, Person]) -> Manifest:
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
        )
        for outcome in settled
    )
    released = tuple(
        ReleasedRecord(source=outcome.source, kind=outcome.kind, id=str(getattr(record, "id", "")), content=content(record))
        for outcome in settled
        for record in outcome.records
    )
    return Manifest(outcomes=outcomes, matched=_matched(persons), released=released)


def _matched(persons: Mapping[str, Person]) -> tuple[MatchedIdentifier, ...]:
    """The numbers and the demographics by which matched persons are known, so that an auditor who types any of them finds the access."""
    matched: list[MatchedIdentifier] = []
    for source, person in sorted(persons.items()):
        matched += [MatchedIdentifier(source=source, identifier=identifier) for identifier in person.identifiers]
        named = demographics(person.family_name, person.given_name, person.birth_date)
        matched += [MatchedIdentifier(source=source, identifier=named)] if named else []
    return tuple(matched)
