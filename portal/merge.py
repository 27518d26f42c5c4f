"""Puts the answers together into one child view. Pure: nothing dropped, nothing unexplained, order of sources no matter.

What agencies know stands side by side, each value with its sources. The same fact told by two sources is one record with
two provenances. Every (source, kind) of the plan ends in one outcome, and every section says who is missing from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec

from connectors import Person
from connectors.localtime import day_of
from connectors.matching import Match
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
    OutcomeState,
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


def merge(
    plan: Plan, decision: Decision, outcomes: Iterable[Outcome], persons: Mapping[str, Person], known: Known, now: datetime
) -> ChildView:
    """The child view. ``persons`` are those accepted, by source, for the log's pseudonyms; they are not shown."""
    settled = sorted((_settled(outcome, plan, decision, known.standard) for outcome in outcomes), key=lambda each: (each.source, each.kind))
    names = _Names(decision, known)
    shown = [_masked(outcome, names, known.standard) for outcome in settled]
    sources = _source_outcomes(shown, settled, decision, names, now)
    records = {
        kind: _records(kind, shown, known.standard, plan.question.wanted.get(kind, frozenset()))
        for kind in sorted(plan.question.sections | plan.question.wanted.keys())
    }
    return ChildView(
        everySourceAnswered=_complete(plan, settled),
        purpose=plan.purpose,
        asOf=now,
        sources=sources,
        demographics=_demographics(shown, plan, names, now) if plan.question.demographics else None,
        chronology=_chronology(records, shown, plan, names, now) if plan.question.chronology else None,
        sections={
            section: _section(kind, records[kind], shown, names, now)
            for kind in sorted(plan.question.sections)
            if (section := known.standard.kinds[kind].section)
        },
        held=() if decision.place else (Held("location", HELD_PLACE),),
        warnings=decision.warnings,
        manifest=_manifest(settled, shown, decision, {} if decision.hidden else persons),
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


def _complete(plan: Plan, settled: list[Outcome]) -> bool:
    """Whether every source has said all it may show, and every kind asked for is held by some source."""
    return all(outcome.state in COMPLETE for outcome in settled) and plan.question.wanted.keys() <= {each.kind for each in settled}


def _settled(outcome: Outcome, plan: Plan, decision: Decision, standard: Standard) -> Outcome:
    """The outcome after shields: under an IDENTITY shield whatever any source said reads the same as for an unknown child."""
    if decision.hidden and not _same_for_all(outcome):
        return _emptied(outcome, "NOTHING_TO_SHOW", "shielded")
    if outcome.found and (decision.unsure or (decision.guarded and outcome.on_place)):
        possible = outcome.match and Match("POSSIBLE", outcome.match.evidence)
        outcome = msgspec.structs.replace(_emptied(outcome, "AMBIGUOUS", "match-too-weak"), match=possible)
    if decision.veiled and outcome.state == "AMBIGUOUS":
        return _emptied(outcome, "NOTHING_TO_SHOW", "shielded")
    if decision.place or not outcome.records:
        return outcome
    kind, wanted, today = standard.kinds[outcome.kind], plan.wanted(outcome.source, outcome.kind), day_of(decision.at)
    ceiling = next(each.ceiling for each in decision.rulings if (each.source, each.kind) == (outcome.source, outcome.kind))
    records = tuple(without_place(kind, record, wanted, standard, ceiling, today) for record in outcome.records)
    return msgspec.structs.replace(outcome, records=records)


def _same_for_all(outcome: Outcome) -> bool:
    """Whether the outcome says nothing about this child: nobody was asked, or finding failed, or too many share a name and a birth date."""
    never_asked = outcome.state in ("NOT_ASKED", "NOT_PERMITTED", "OUT_OF_COVERAGE", "CONSENT_NEEDED")
    return never_asked or (not outcome.found and outcome.state in ("TIMED_OUT", "UNAVAILABLE", "REFUSED", "FAILED", "TOO_MANY"))


def _emptied(outcome: Outcome, state: OutcomeState, reason: str) -> Outcome:
    return Outcome(source=outcome.source, kind=outcome.kind, state=state, reason=reason, seconds=outcome.seconds)


def _masked(outcome: Outcome, names: _Names, standard: Standard) -> Outcome:
    """The outcome with whatever would name a local source taken off its records: ids, desks, its own words for things."""
    if not names.masked(outcome.source) or not outcome.records:
        return outcome
    facts, kind = names.of(outcome.source), standard.kinds[outcome.kind]
    records = tuple(_anonymous(kind, record, facts, f"{facts.id}-{n}") for n, record in enumerate(outcome.records, 1))
    return msgspec.structs.replace(outcome, records=records)


def _anonymous(kind: Kind, record: msgspec.Struct, facts: SourceFacts, id: str) -> msgspec.Struct:
    telling = [name for name in _TELLING if name in kind.fields and getattr(record, name) is not None]
    held = [*record.held, *(Held(name, HELD_PLACE) for name in telling)]  # type: ignore[attr-defined]
    provenance = tuple(msgspec.structs.replace(each, source=facts.id, agency=facts.agency) for each in _provenance(record))
    taken: dict[str, Any] = dict.fromkeys(telling)
    return msgspec.structs.replace(
        record, id=id, contact=facts.contact, provenance=provenance, held=tuple(sorted(held, key=lambda each: each.field or "")), **taken
    )


def _source_outcomes(
    shown: list[Outcome], settled: list[Outcome], decision: Decision, names: _Names, now: datetime
) -> tuple[SourceOutcome, ...]:
    rulings = {(ruling.source, ruling.kind): ruling for ruling in decision.rulings}
    by_source: dict[str, list[Outcome]] = {}
    for outcome in settled:
        by_source.setdefault(outcome.source, []).append(outcome)
    entries = [_source_outcome(source, ended, rulings, names, now) for source, ended in by_source.items()]
    # A masked source must not be known by its place in the list.
    return tuple(sorted(entries, key=lambda entry: (entry.source, entry.state, entry.name, repr(entry.kinds))))


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
        match=names.of_match(leading.match) if speaks else None,
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


def _section(kind: str, records: tuple[msgspec.Struct, ...], outcomes: list[Outcome], names: _Names, now: datetime) -> Section:
    missing = _missing([kind], outcomes, names, now)
    return Section(everySourceAnswered=not missing, records=records, missing=missing)


def _records(name: str, outcomes: Iterable[Outcome], standard: Standard, wanted: frozenset[str]) -> tuple[msgspec.Struct, ...]:
    """All records of a kind, the same fact once, oldest first, those without a date last."""
    kind = standard.kinds[name]
    whole = own_fields(kind, standard) <= wanted
    facts: list[msgspec.Struct] = []
    alike: dict[object, list[int]] = {}
    for record in _in_order(record for outcome in outcomes if outcome.kind == name for record in outcome.records):
        # Only records of one day and headline can tell the same fact: each is compared with those, not with all.
        gist = _gist(kind, record) if whole and not record.held else None  # type: ignore[attr-defined]
        places = [] if gist is None else alike.setdefault(gist, [])
        twin = next((at for at in places if _same_fact(kind, facts[at], record)), None)
        if twin is None:
            places.append(len(facts))
            facts.append(record)
        else:
            both = sorted((*_provenance(facts[twin]), *_provenance(record)), key=lambda each: each.source)
            facts[twin] = msgspec.structs.replace(facts[twin], provenance=tuple(both))
    return tuple(facts)


def _in_order(records: Iterable[msgspec.Struct]) -> Iterable[msgspec.Struct]:
    """Oldest first, those without a date last; of one moment by who told it, and only where even that is the same by what it says."""
    key = _moment_and_teller
    for _, same in groupby(sorted(records, key=key), key=key):
        told = list(same)
        yield from told if len(told) == 1 else sorted(told, key=content)


def _gist(kind: Kind, record: msgspec.Struct) -> tuple[str, object] | None:
    """The full date and the headline of a record; None where it lacks one of them, and so is nobody else's fact."""
    on, headline = getattr(record, "occurredOn", None), getattr(record, kind.headline) if kind.headline else None
    return (on, headline) if on is not None and len(on) == len("2014-02-03") and headline is not None else None


def _same_fact(kind: Kind, one: msgspec.Struct, other: msgspec.Struct) -> bool:
    """Two sources tell the same fact: both were asked for all that can be said of it, nothing is held back, and they say it alike."""
    if {each.source for each in _provenance(one)} & {each.source for each in _provenance(other)}:
        return False
    return all(getattr(one, name) == getattr(other, name) for name in (*kind.fields, "held", "tier") if name not in ("id", "contact"))


def _chronology(
    records: Mapping[str, tuple[msgspec.Struct, ...]], outcomes: list[Outcome], plan: Plan, names: _Names, now: datetime
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


def _demographics(outcomes: list[Outcome], plan: Plan, names: _Names, now: datetime) -> Demographics:
    """Per field every value with its sources. Identifiers are fields by their system."""
    values: dict[str, dict[str, list[Provenance]]] = {}
    for outcome in outcomes:
        if outcome.kind not in WHO:
            continue
        for record in outcome.records:
            for field, value in _who(outcome.kind, record, names):
                values.setdefault(field, {}).setdefault(value, []).extend(_provenance(record))
    missing = _missing([kind for kind in WHO if kind in names.known.standard.kinds], outcomes, names, now)
    fields = tuple(_demographic(field, values[field]) for field in sorted(values))
    held = {each for outcome in outcomes if outcome.kind in WHO for record in outcome.records for each in record.held}  # type: ignore[attr-defined]
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


def _who(kind: str, record: msgspec.Struct, names: _Names) -> Iterable[tuple[str, str]]:
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


def own_fields(kind: Kind, standard: Standard) -> frozenset[str]:
    """The fields of a kind that are not the envelope's."""
    return frozenset(kind.fields) - frozenset.intersection(*(frozenset(each.fields) for each in standard.kinds.values()))


def _moment_and_teller(record: msgspec.Struct) -> tuple[bool, str, str, str]:
    on = getattr(record, "occurredOn", None)
    return on is None, on or "", _provenance(record)[0].source, str(getattr(record, "id", ""))


def _provenance(record: msgspec.Struct) -> tuple[Provenance, ...]:
    return record.provenance  # type: ignore[attr-defined,no-any-return]


def content(record: msgspec.Struct) -> bytes:
    """What a record says, as canonical JSON, without when it was fetched: the bytes that the log digests."""
    said = {name: value for name, value in msgspec.to_builtins(record).items() if value is not None and name != "provenance"}
    return json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _manifest(settled: list[Outcome], shown: list[Outcome], decision: Decision, persons: Mapping[str, Person]) -> Manifest:
    """What the log is told: true sources, ids and reasons, and the content as it was shown."""
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
        ReleasedRecord(source=outcome.source, kind=outcome.kind, id=str(getattr(record, "id", "")), content=content(as_shown))
        for outcome, masked in zip(settled, shown, strict=True)
        for record, as_shown in zip(outcome.records, masked.records, strict=True)
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
