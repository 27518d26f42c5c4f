"""The nouns of one question on its way to one answer: frozen structs, no I/O.

Times are aware UTC datetimes, dates are local calendar dates, durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal

import msgspec

from connectors import Identifier, Person, Subject
from connectors.connector import Shield
from connectors.matching import Evidence, MatchBand
from connectors.standard import Held, Provenance

OutcomeState = Literal[
    "ANSWERED", "PARTIAL", "NOTHING_TO_SHOW", "AMBIGUOUS", "TOO_MANY", "NOT_ASKED", "NOT_PERMITTED",
    "CONSENT_NEEDED", "REFUSED", "TIMED_OUT", "UNAVAILABLE", "FAILED", "OUT_OF_COVERAGE", "PENDING",
]  # fmt: skip
Tier = Literal["T1", "T2", "T3", "T4", "T5"]
#: Who says that practitioner and child have to do with each other, strongest first: an agency other than the asker's, the asker's own,
#: or nobody but the asker.
Voucher = Literal["other-agency", "own-agency", "declared"]
#: The weakest voucher a clause takes; ``none``: it asks for no relationship.
Relationship = Literal["none", "declared", "own-agency", "other-agency"]
#: Who has spoken about a child's data. Two parents are two parties.
Party = Literal["YOUNG_PERSON", "MOTHER", "FATHER", "GUARDIAN", "OTHER"]
#: Whose law says when a young person decides for themselves.
Jurisdiction = Literal["scotland", "england", "wales", "northern-ireland"]
#: What the asker says of the family: told, not told, not told yet (the standard's FamilyInformed).
Informed = Literal["YES", "NO", "NOT_YET", "OTHER"]


#: Why something is not asked for, where that rests on this child. Nobody but the log is told.
RESTS_ON_CHILD = frozenset({"objection", "relationship", "ages"})


class Practitioner(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, for which agency, in which roles; ``assurance`` is the issuer's ``acr``.

    ``assured`` are the issuer's levels up to and including that one. ``signed_in`` is when the person last signed in, ``session`` an
    opaque digest of that sign-in; None when the token does not say.
    """

    issuer: str
    person: str
    agency: str
    roles: tuple[str, ...]
    assurance: str | None = None
    assured: tuple[str, ...] = ()
    signed_in: datetime | None = None
    session: str | None = None

    @property
    def key(self) -> str:
        """``issuer|person``, the form in which clearances name somebody."""
        return f"{self.issuer}|{self.person}"


class BreakGlass(msgspec.Struct, frozen=True):
    """Asking for more than the agreements ordinarily give: one of the federation's reasons, and words."""

    reason: str
    words: str


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked: a child, a purpose, and the record kinds and fields selected.

    ``wanted`` maps kind to the fields selected. ``sections`` are the kinds whose section is selected; ``chronology`` and
    ``demographics`` say whether these were. ``document`` is the SHA-256 of the query text, in hex. ``declared``: the asker says that
    they work with this child. ``informed``: what the asker says of whether the family has been told. ``chosen`` are tokens of those
    whom the asker has chosen among candidates, as they were sent.
    """

    subject: Subject
    purpose: str
    reason: str | None
    wanted: dict[str, frozenset[str]]
    sections: frozenset[str]
    chronology: bool
    demographics: bool
    document: str
    break_glass: BreakGlass | None = None
    declared: bool = False
    informed: Informed | None = None
    chosen: tuple[str, ...] = ()


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
    learns: Mapping[str, frozenset[str]] = msgspec.field(default_factory=dict)
    """Sources that can be asked only by a number nobody typed, and the sources from which such a number may go to them."""
    begins: Mapping[str, date] = msgspec.field(default_factory=dict)

    def wanted(self, source: str, kind: str) -> frozenset[str]:
        """The fields wanted of one (source, kind)."""
        return next((ask.fields for ask in self.asks if (ask.source, ask.kind) == (source, kind)), frozenset())


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided for one (source, kind): permitted under a clause, or denied for a reason with the nearest clause.

    ``fields`` are those both wanted and permitted. ``ceiling`` is the highest tier whose content is shown, ``existence`` the highest
    of which it is shown that a record exists. ``state`` is the outcome when nothing is asked, else None. A no that rests on this child
    (``reason`` objection, relationship, ages) has the state NOTHING_TO_SHOW, and ``nearest`` the clause that any child is shown there.
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
    relationship: Relationship = "none"
    """The weakest voucher the clause takes. Until the vouchers have spoken, the ruling supposes that one will."""
    vouchers: frozenset[str] = frozenset()
    """The sources that its partners have signed as vouching, where it asks for a relationship."""
    consent: str | None = None
    """What the registry says where the clause rests on consent: ``given@2``, ``refused@1``, ``withdrawn@3`` or ``not_sought``."""
    since: date | None = None
    """The clause's history window: records that may be older are not shown."""
    handling: bool = False
    """The clause carries the condition under which police may share (``conditions.handling``)."""
    voucher: Voucher | None = None
    """Who vouches, of those whom the clause takes; ``declared`` where only the asker does. None where nobody need, or until it is known."""
    broken: bool = False
    """The clause is one that only breaking the glass opens."""
    minutes: int = 0
    """For so many minutes it is open then."""
    floor: Tier = "T1"
    """No record of this source is less sensitive, whatever the source says today: it was signed so."""
    police: bool = False
    """Its records are police records, or were when the agreement was signed."""
    duties: tuple[str, ...] = ()
    """What whoever is shown this must do, in words."""
    notify: tuple[str, ...] = ()
    """The agencies that are told that this was shown: that it was, not of whom."""

    @property
    def rests_on_child(self) -> bool:
        """A no that must read like the answer about a child nobody knows: by its clause anybody else would be asked about."""
        return not self.permitted and self.reason in RESTS_ON_CHILD


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Every ruling of one question, the agreements it rests on (``ISA-07@3`` -> ``sha256:hex``) and its moment.

    ``place`` says whether anything ``@location`` may be shown; ``hidden`` that an IDENTITY shield binds the view; ``veiled`` that a hidden
    child is like this one, so that nothing may hint at who else is. ``guarded``: a LOCATION shield binds, so that no answer may rest on a
    postcode typed. ``unsure``: a shield source may have looked for somebody else than the others found, or two children were chosen,
    so that nobody is certain.
    ``warnings`` are words about agreements past their review date, shown on the view; ``duties`` what comes with what is shown.
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
    duties: tuple[str, ...] = ()

    @property
    def permitted(self) -> tuple[Ruling, ...]:
        return tuple(ruling for ruling in self.rulings if ruling.permitted and ruling.state is None)

    @property
    def open(self) -> tuple[Ruling, ...]:
        """Those that are asked for, and those that would be but for this child: who else is asked must not tell the two apart."""
        return tuple(
            ruling
            for ruling in self.rulings
            if (ruling.permitted and ruling.state is None) or (ruling.rests_on_child and ruling.state == "NOTHING_TO_SHOW")
        )

    @property
    def vouchers(self) -> frozenset[str]:
        """The sources that are asked who works with this child."""
        return frozenset[str]().union(*(ruling.vouchers for ruling in self.open))

    @property
    def wants_voucher(self) -> bool:
        """Whether any clause wants to know who works with this child."""
        return any(ruling.relationship != "none" for ruling in self.open)


class Breaking(msgspec.Struct, frozen=True, kw_only=True):
    """The glass, broken by one practitioner for one child: why (one of the federation's reasons), when, and until when (aware).

    A clause opens for its own minutes after ``at``; ``until`` is the end of the longest that it opened, ``at`` before that is known.
    """

    id: str
    reason: str
    at: datetime
    until: datetime


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the finds have said: the shields that bind, and whether a shield source is silent.

    ``veiled`` and ``unsure`` as in ``Decision``. ``persons`` are those accepted so far, by source. ``vouched`` are the sources
    that vouched, each as whom; None when none was asked. ``mute`` are those that could have and have not spoken.
    """

    shields: frozenset[Shield] = frozenset()
    silent: bool = True
    veiled: bool = False
    unsure: bool = False
    persons: Mapping[str, tuple[Person, ...]] = msgspec.field(default_factory=dict)
    vouched: Mapping[str, Voucher] | None = None
    mute: Mapping[str, Voucher] = msgspec.field(default_factory=dict)


class Understanding(msgspec.Struct, frozen=True, kw_only=True):
    """A dated finding, by somebody competent, on whether the young person understands what is asked."""

    understands: bool
    on: date
    by: str


class Responsibility(msgspec.Struct, frozen=True, kw_only=True):
    """What an adult's parental responsibility rests on, as recorded; a court order can end it."""

    rests_on: str
    on: date


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One version of what one party said about one agreement, or one clause of it (``clause`` None: all of it).

    ``state`` of a consent: given, refused, withdrawn; of an objection: raised, withdrawn. ``told`` is the SHA-256, in hex, of the clause's
    ``In short:`` sentence as it was told. ``id`` names the chain of versions, never a child; ``at`` is aware.
    """

    id: str
    version: int
    what: Literal["consent", "objection"]
    state: Literal["given", "refused", "withdrawn", "raised"]
    agreement: str
    clause: int | None
    party: Party
    at: datetime
    told: str | None = None
    understanding: Understanding | None = None
    responsibility: Responsibility | None = None


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the access log this access stands. ``proof`` is None until the log is a Merkle tree."""

    access: str
    log: str
    index: int
    leaf: str
    proof: str | None = None


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody a practitioner has chosen among candidates: a source's own id of a person, and the access that offered it.

    ``token`` is the SHA-256, in hex, of the token that was handed back.
    """

    source: str
    person: str
    access: str
    token: str


class LoggedOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one (source, kind) truly ended: for the log, where the true reason stands.

    ``evidence`` are classes such as ``given_name:near``, without a value. ``chosen``: the person is one that the practitioner chose.
    """

    source: str
    kind: str
    state: OutcomeState
    records: int
    clause: str | None = None
    reason: str | None = None
    band: MatchBand | None = None
    consent: str | None = None
    evidence: tuple[str, ...] = ()
    chosen: bool = False


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """That numbers of the child went to one source (``to``) from others: of which systems, never which numbers."""

    to: str
    givers: tuple[str, ...]
    systems: tuple[str, ...]


class OfferedPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Who stood behind one candidate: the true source and its own id of the person, for the token and for the log's digest."""

    source: str
    person: str
    band: MatchBand


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
    """What the log needs to know of a view: outcomes, matched identifiers, released records. Never projected to GraphQL.

    ``voucher``: the weakest who vouched for something that was released and rests on a relationship. ``offered`` are those behind the
    view's candidates, in their order; ``unfit`` the sources whose candidates cannot be offered, for their ids are too long.
    """

    outcomes: tuple[LoggedOutcome, ...]
    matched: tuple[MatchedIdentifier, ...]
    released: tuple[ReleasedRecord, ...]
    voucher: Voucher | None = None
    offered: tuple[OfferedPerson, ...] = ()
    unfit: frozenset[str] = frozenset()


class KindOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one (source, kind) ended, as shown."""

    kind: str
    state: OutcomeState
    clause: str | None = None
    reason: str | None = None
    nearest: str | None = None


class ShownMatch(msgspec.Struct, frozen=True, kw_only=True):
    """How sure we are that a source's person is the child, as shown.

    ``report`` is a sealed handle by which the asker can say that it is another child; None where nobody was accepted. ``doubted``:
    somebody has said so, or it cannot be known now whether somebody has.
    """

    band: MatchBand
    evidence: tuple[Evidence, ...]
    report: str | None = None
    doubted: bool = False


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
    match: ShownMatch | None = None


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


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may be the child: ``shown`` are values the asker typed and that agree there, and what differs, never a value else.

    ``token`` is empty until it is sealed.
    """

    source: str
    band: MatchBand
    shown: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    token: str = ""


class ChildView(msgspec.Struct, frozen=True, kw_only=True):
    """One child as the permitted agencies answered: what GraphQL projects. ``sections`` are keyed by the section's field name.

    ``offersDeclared``: no agency could say whether the asker works with this child; asking again with ``declared`` and a reason may help.
    """

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
    candidates: tuple[Candidate, ...] = ()
    warnings: tuple[str, ...] = ()
    duties: tuple[str, ...] = ()
    offersDeclared: bool = False


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of this child and this asking beyond the agreements: first from what was typed, then from what was matched.

    ``births`` are PartialDates, every one of which may be the child's birth date; while nobody was looked for (``unfound``) more may be
    learnt. ``recorded`` are the registry's entries about this child,
    ``readable`` whether the registry could be read. ``vouched`` and ``mute`` as in ``Found``. ``breaking`` is the glass broken for this
    child, by this asker.
    """

    births: tuple[str, ...] = ()
    unfound: bool = True
    recorded: tuple[Entry, ...] = ()
    readable: bool = True
    vouched: Mapping[str, Voucher] | None = None
    mute: Mapping[str, Voucher] = msgspec.field(default_factory=dict)
    breaking: Breaking | None = None
