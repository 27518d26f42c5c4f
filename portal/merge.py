"""Puts the answers together into one child view. Pure: nothing dropped, nothing unexplained, order of sources no matter.

What agencies know stands side by side, each value with its sources. Every (source, kind) of the plan ends in one outcome, and
every section says who is missing from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from connectors import Person
from connectors.matching import Match
from connectors.release import HELD_PLACE
from connectors.standard import Held, Kind, Provenance
from portal.candidates import as_chosen, listed
from portal.doubts.heeding import DOUBTED, UNKNOWN
from portal.facts import own_fields, side_by_side, told_by
from portal.manifest import manifest_of
from portal.masking import Known, Names, mask
from portal.model import (
    ChildView,
    Chronology,
    ChronologyEntry,
    Decision,
    Demographic,
    Demographics,
    DemographicValue,
    KindOutcome,
    Missing,
    Plan,
    Ruling,
    Section,
    ShownMatch,
    SourceOutcome,
)
from portal.outcomes import COMPLETE, SAYS_NO_SOURCE, Outcome, first, says
from portal.settling import settle, unlearnt

#: Never shown as a conflict: it would out a child (sex, gender, earlier names).
NO_CONFLICT = frozenset({"sex", "gender"})
WHO = ("PersonDetails", "Identifier")
_NONE: Mapping[str, str] = {}


def merge(
    plan: Plan, decision: Decision, outcomes: Iterable[Outcome], persons: Mapping[str, tuple[Person, ...]], known: Known, now: datetime,
    handles: Mapping[str, str] = _NONE,
) -> ChildView:  # fmt: skip
    """The child view. ``persons`` are those accepted, by source, for the log's pseudonyms; they are not shown. ``handles`` are what the
    asker can report each source's record by.
    """
    settled = sorted((settle(outcome, plan, decision, known.standard) for outcome in outcomes), key=lambda each: (each.source, each.kind))
    settled = unlearnt(settled, plan.learns)
    names = Names(decision, known)
    may_be = listed(settled, decision, plan.question.subject, names)
    settled = [msgspec.structs.replace(each, listed=each.source in may_be.sources) for each in settled]
    shown = [mask(outcome, names, known.standard) for outcome in settled]
    sources = _source_outcomes(shown, settled, decision, names, now, handles)
    records = {
        kind: side_by_side(kind, shown, known.standard, plan.question.wanted.get(kind, frozenset()))
        for kind in sorted(plan.question.sections | plan.question.wanted.keys())
    }
    return ChildView(
        everySourceAnswered=_complete(plan, settled),
        purpose=plan.purpose,
        asOf=now,
        sources=sources,
        candidates=may_be.candidates,
        demographics=_demographics(shown, plan, names, now) if plan.question.demographics else None,
        chronology=_chronology(records, shown, plan, names, now) if plan.question.chronology else None,
        sections={
            section: _section(kind, records[kind], shown, names, now)
            for kind in sorted(plan.question.sections)
            if (section := known.standard.kinds[kind].section)
        },
        held=() if decision.place else (Held("location", HELD_PLACE),),
        warnings=decision.warnings,
        duties=decision.duties,
        offersDeclared=any(ruling.reason == "voucher-silent" for ruling in decision.rulings),
        manifest=manifest_of(settled, shown, decision, {} if decision.hidden or decision.unsure else persons, may_be),
    )


def _complete(plan: Plan, settled: list[Outcome]) -> bool:
    """Whether every source has said all it may show, and every kind asked for is held by some source."""
    return all(outcome.state in COMPLETE for outcome in settled) and plan.question.wanted.keys() <= {each.kind for each in settled}


def _source_outcomes(
    shown: list[Outcome], settled: list[Outcome], decision: Decision, names: Names, now: datetime, handles: Mapping[str, str]
) -> tuple[SourceOutcome, ...]:
    rulings = {(ruling.source, ruling.kind): ruling for ruling in decision.rulings}
    by_source: dict[str, list[Outcome]] = {}
    for outcome in settled:
        by_source.setdefault(outcome.source, []).append(outcome)
    entries = [_source_outcome(source, ended, rulings, names, now, handles.get(source)) for source, ended in by_source.items()]
    # A masked source must not be known by its place in the list.
    return tuple(sorted(entries, key=lambda entry: (entry.source, entry.state, entry.name, repr(entry.kinds))))


def _source_outcome(
    source: str, ended: list[Outcome], rulings: Mapping[tuple[str, str], Ruling], names: Names, now: datetime, handle: str | None
) -> SourceOutcome:
    facts, masked = names.of(source), names.masked(source)
    state = first([outcome.state for outcome in ended])
    leading = next(outcome for outcome in ended if outcome.state == state)
    speaks = state in ("ANSWERED", "PARTIAL", "AMBIGUOUS")
    match = as_chosen(leading.match) if leading.chosen else leading.match
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
        match=_shown_match(names.of_match(match), handle if leading.found else None) if speaks else None,
    )


def _shown_match(match: Match | None, handle: str | None) -> ShownMatch | None:
    if match is None:
        return None
    doubted = not {DOUBTED, UNKNOWN}.isdisjoint(match.evidence)
    return ShownMatch(band=match.band, evidence=match.evidence, report=handle, doubted=doubted)


def _kind_outcome(outcome: Outcome, ruling: Ruling, masked: bool) -> KindOutcome:
    """What is shown of one ruling: clause and reason are the same for every child; a masked source's clause would name it.

    Of a no that rests on this child the clause is shown by which anybody else would have been asked about.
    """
    denied = outcome.state == "NOT_PERMITTED"
    cited = ruling.clause if ruling.permitted else ruling.nearest
    return KindOutcome(
        kind=outcome.kind,
        state=outcome.state,
        clause=None if masked or denied else cited,
        reason=ruling.reason if denied else None,
        nearest=ruling.nearest if denied and not masked else None,
    )


def _missing(kinds: Iterable[str], outcomes: Iterable[Outcome], names: Names, now: datetime) -> tuple[Missing, ...]:
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


def _section(kind: str, records: tuple[msgspec.Struct, ...], outcomes: list[Outcome], names: Names, now: datetime) -> Section:
    missing = _missing([kind], outcomes, names, now)
    return Section(everySourceAnswered=not missing, records=records, missing=missing)


def _chronology(
    records: Mapping[str, tuple[msgspec.Struct, ...]], outcomes: list[Outcome], plan: Plan, names: Names, now: datetime
) -> Chronology:
    standard = names.known.standard
    kinds = [name for name, kind in standard.kinds.items() if kind.occurred and name in plan.question.wanted]
    entries = [
        ChronologyEntry(on=getattr(record, "occurredOn", None), kind=name, headline=_headline(standard.kinds[name], record), record=record)
        for name in kinds
        for record in records[name]
    ]
    missing = _missing(kinds, outcomes, names, now)
    # Of one day and kind the records are in order already, and stay in it.
    entries.sort(key=lambda entry: (entry.on is None, entry.on or "", entry.kind))
    return Chronology(everySourceAnswered=not missing, entries=tuple(entries), missing=missing)


def _headline(kind: Kind, record: msgspec.Struct) -> str | None:
    value = getattr(record, kind.headline, None) if kind.headline else None
    return None if value is None else str(value)


def _demographics(outcomes: list[Outcome], plan: Plan, names: Names, now: datetime) -> Demographics:
    """Per field every value with its sources. Identifiers are fields by their system."""
    values: dict[str, dict[str, list[Provenance]]] = {}
    for outcome in outcomes:
        if outcome.kind not in WHO:
            continue
        for record in outcome.records:
            for field, value in _who(outcome.kind, record, names):
                values.setdefault(field, {}).setdefault(value, []).extend(told_by(record))
    missing = _missing([kind for kind in WHO if kind in names.known.standard.kinds], outcomes, names, now)
    fields = tuple(_demographic(field, values[field]) for field in sorted(values))
    told = [each for outcome in outcomes if outcome.kind in WHO for record in outcome.records for each in record.held]  # type: ignore[attr-defined]
    # What one source holds back and another shows is shown.
    held = {each for each in told if each.field not in values}
    return Demographics(
        everySourceAnswered=not missing,
        fields=fields,
        missing=missing,
        held=tuple(sorted(held, key=lambda each: (each.field or "", each.words))),
    )


def _demographic(field: str, values: Mapping[str, list[Provenance]]) -> Demographic:
    told = tuple(
        DemographicValue(value, tuple(sorted({each.source: each for each in provenance}.values(), key=lambda each: each.source)))
        for value, provenance in sorted(values.items())
    )
    return Demographic(field=field, conflict=len(told) > 1 and field not in NO_CONFLICT and not _earlier(field), values=told)


def _earlier(field: str) -> bool:
    return "former" in field.lower() or "preferred" in field.lower()


def _who(kind: str, record: msgspec.Struct, names: Names) -> Iterable[tuple[str, str]]:
    """The fields of one person record as (name, text); several values of a list each count by themselves."""
    if kind == "Identifier":
        system, value = getattr(record, "system", None), getattr(record, "value", None)
        if system and value:
            yield names.of_system(str(system)), str(value)
        return
    standard = names.known.standard
    for name in sorted(own_fields(standard.kinds[kind], standard)):
        value = getattr(record, name)
        if value is None:
            continue
        for each in value if isinstance(value, tuple) else (value,):
            yield name, str(each).lower() if isinstance(each, bool) else str(each)
