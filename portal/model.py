"""The nouns of one question on its way to one answer: frozen structs, no I/O.

Times are aware UTC datetimes, dates are local calendar dates, durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal

import msgspec

from connectors import Identifier, Subject
from connectors.connector import Shield
from connectors.matching import Match, MatchBand
from connectors.standard import Held, Provenance

OutcomeState = Literal[
    "ANSWERED", "PARTIAL", "NOTHING_TO_SHOW", "AMBIGUOUS", "TOO_MANY", "NOT_ASKED", "NOT_PERMITTED",
    "CONSENT_NEEDED", "REFUSED", "TIMED_OUT", "UNAVAILABLE", "FAILED", "OUT_OF_COVERAGE", "PENDING",
]  # fmt: skip
Tier = Literal["T1", "T2", "T3", "T4", "T5"]


class Practitioner(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, for which agency, in which roles; ``assurance`` is the issuer's ``acr``."""

    issuer: str
    person: str
    agency: str
    roles: tuple[str, ...]
    assurance: str | None = None

    @property
    def key(self) -> str:
        """``issuer|person``, the form in which clearances name somebody."""
        return f"{self.issuer}|{self.person}"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked: a child, a purpose, and the record kinds and fields selected.

    ``wanted`` maps kind to the fields selected. ``sections`` are the kinds whose section is selected; ``chronology`` and
    ``demographics`` say whether these were. ``document`` is the SHA-256 of the query text, in hex.
    """

    subject: Subject
    purpose: str
    reason: str | None
    wanted: dict[str, frozenset[str]]
    sections: frozenset[str]
    chronology: bool
    demographics: bool
    document: str


class PlannedAsk(msgspec.Struct, frozen=True, kw_only=True):
    """One (source, kind) that would help to answer, with the fields wanted of it."""

    source: str
    kind: str
    fields: frozenset[str]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Which sources, kinds and fields would answer; ``unfindable`` sources have no way to look this child up.

    ``guards`` are the shield sources: they are asked about the child, for shields alone, whenever anybody is asked. ``begins`` has the
    first day a source covers, where it names one.
    """

    question: Question
    purpose: str
    asks: tuple[PlannedAsk, ...]
    unfindable: frozenset[str]
    guards: frozenset[str] = frozenset()
    begins: Mapping[str, date] = msgspec.field(default_factory=dict)

    def wanted(self, source: str, kind: str) -> frozenset[str]:
        """The fields wanted of one (source, kind)."""
        return next((ask.fields for ask in self.asks if (ask.source, ask.kind) == (source, kind)), frozenset())


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided for one (source, kind): permitted under a clause, or denied for a reason with the nearest clause.

    ``fields`` are those both wanted and permitted. ``ceiling`` is the highest tier whose content is shown, ``existence`` the highest
    of which it is shown that a record exists. ``state`` is the outcome when nothing is asked, else None.
    """

    source: str
    kind: str
    permitted: bool
    fields: frozenset[str] = frozenset()
    ceiling: Tier = "T1"
    existence: Tier = "T1"
    clause: str | None = None
    reason: str | None = None
    nearest: str | None = None
    state: OutcomeState | None = None
    sensitive: frozenset[str] = frozenset()
    """The ``sensitive_services`` that count: those signed and today's."""
    place: bool = False
    """The clause gives at least one ``@location`` field of this kind, selected or not."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Every ruling of one question, the agreements it rests on (``ISA-07@3`` -> ``sha256:hex``) and its moment.

    ``place`` says whether anything ``@location`` may be shown; ``hidden`` that an IDENTITY shield binds the view; ``veiled`` that a hidden
    child is like this one, so that nothing may hint at who else is. ``guarded``: a LOCATION shield binds, so that no answer may rest on a
    postcode typed. ``unsure``: a shield source may have looked for somebody else than the others found, so that nobody is certain.
    ``warnings`` are words about agreements past their review date, shown on the view.
    """

    at: datetime
    rulings: tuple[Ruling, ...]
    agreements: dict[str, str]
    place: bool
    hidden: bool = False
    veiled: bool = False
    guarded: bool = False
    unsure: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def permitted(self) -> tuple[Ruling, ...]:
        return tuple(ruling for ruling in self.rulings if ruling.permitted and ruling.state is None)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the finds have said: the shields that bind, and whether a shield source is silent.

    ``veiled`` and ``unsure`` as in ``Decision``.
    """

    shields: frozenset[Shield] = frozenset()
    silent: bool = True
    veiled: bool = False
    unsure: bool = False


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the access log this access stands. ``proof`` is None until the log is a Merkle tree."""

    access: str
    log: str
    index: int
    leaf: str
    proof: str | None = None


class LoggedOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one (source, kind) truly ended: for the log, where the true reason stands."""

    source: str
    kind: str
    state: OutcomeState
    records: int
    clause: str | None = None
    reason: str | None = None
    band: MatchBand | None = None


class MatchedIdentifier(msgspec.Struct, frozen=True, kw_only=True):
    """An identifier (or ``demographics``) of a matched person, for the conclusion's pseudonyms."""

    source: str
    identifier: Identifier


class ReleasedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was released of one record: ``content`` is its canonical JSON, digested by the log and not kept."""

    source: str
    kind: str
    id: str
    content: bytes


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the log needs to know of a view: outcomes, matched identifiers, released records. Never projected to GraphQL."""

    outcomes: tuple[LoggedOutcome, ...]
    matched: tuple[MatchedIdentifier, ...]
    released: tuple[ReleasedRecord, ...]


class KindOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one (source, kind) ended, as shown."""

    kind: str
    state: OutcomeState
    clause: str | None = None
    reason: str | None = None
    nearest: str | None = None


class SourceOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one source ended, as shown to the practitioner: no latency, no match bits."""

    source: str
    agency: str
    name: str
    state: OutcomeState
    kinds: tuple[KindOutcome, ...]
    words: str
    phone: str | None = None
    outOfHours: str | None = None
    coverageFrom: date | None = None
    coverageTo: date | None = None
    coverageNote: str | None = None
    asOf: datetime | None = None
    setAside: int | None = None
    match: Match | None = None


class Missing(msgspec.Struct, frozen=True):
    """A source that has not fully answered for a section: silence that must not be read as none."""

    source: str
    state: OutcomeState
    words: str


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """All records of one kind, and who is missing. ``everySourceAnswered`` is true only when nobody is."""

    everySourceAnswered: bool
    records: tuple[msgspec.Struct, ...]
    missing: tuple[Missing, ...]


class DemographicValue(msgspec.Struct, frozen=True):
    value: str
    provenance: tuple[Provenance, ...]


class Demographic(msgspec.Struct, frozen=True):
    """One field of who the child is, every value with its sources; ``conflict`` when they differ and may be said to."""

    field: str
    conflict: bool
    values: tuple[DemographicValue, ...]


class Demographics(msgspec.Struct, frozen=True, kw_only=True):
    """Who the child is. ``held`` says what is there of it and not shown: a cell left out must not read as nothing known."""

    everySourceAnswered: bool
    fields: tuple[Demographic, ...]
    missing: tuple[Missing, ...]
    held: tuple[Held, ...] = ()


class ChronologyEntry(msgspec.Struct, frozen=True, kw_only=True):
    on: str | None
    kind: str
    headline: str | None
    record: msgspec.Struct


class Chronology(msgspec.Struct, frozen=True, kw_only=True):
    everySourceAnswered: bool
    entries: tuple[ChronologyEntry, ...]
    missing: tuple[Missing, ...]


class ChildView(msgspec.Struct, frozen=True, kw_only=True):
    """One child as the permitted agencies answered: what GraphQL projects. ``sections`` are keyed by the section's field name."""

    everySourceAnswered: bool
    purpose: str
    asOf: datetime
    sources: tuple[SourceOutcome, ...]
    demographics: Demographics | None
    chronology: Chronology | None
    sections: dict[str, Section]
    held: tuple[Held, ...]
    manifest: Manifest
    receipt: Receipt | None = None
    candidates: tuple[msgspec.Struct, ...] = ()
    warnings: tuple[str, ...] = ()
