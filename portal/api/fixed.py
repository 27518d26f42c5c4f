# mypy: disallow-subclassing-any=False
# graphene has no types, so to mypy its classes are Any.
"""The part of the API that stands whatever the data standard holds: graphene types, exactly as published.

Field names are the schema's own. Whatever needs a type of the data standard (Record, Provenance, Held) is added by
``portal.api.schema``, because graphene can only name types that are already there. Resolvers here read a finished
``Answers`` and do no I/O: what was not permitted was never fetched.
"""

from __future__ import annotations

from typing import Any, get_args

import graphene
from graphene import ID, Boolean, Field, Int, List, NonNull, ObjectType, String

from connectors.matching import MatchBand as _Bands
from portal.model import OutcomeState as _States


class Date(graphene.Scalar):
    """A local calendar date, YYYY-MM-DD."""


class DateTime(graphene.Scalar):
    """A moment, RFC 3339, in UTC."""


class PartialDate(graphene.Scalar):
    """A date as well as it is known: YYYY, YYYY-MM or YYYY-MM-DD."""


def enum_of(name: str, words: str, literal: object) -> Any:
    """An enum of the values of a ``Literal``."""
    return graphene.Enum(name, [(value, value) for value in get_args(literal)], description=lambda value: None if value else words)


OutcomeState = enum_of("OutcomeState", "How one source fared for one record kind. No state means that nothing is known.", _States)
MatchBand = enum_of("MatchBand", "How sure we are that a source's person is the child asked about.", _Bands)


def some(type_: object, description: str | None = None) -> NonNull:
    """``[X!]!``."""
    return NonNull(List(NonNull(type_)), description=description)


class IdentifierInput(graphene.InputObjectType):
    """A number and the system it belongs to: nhs_number, chi, upn, scn, or a source's id for that source's own number."""

    system = NonNull(String)
    value = NonNull(String)


class AddressInput(graphene.InputObjectType):
    """An address, and when the child lived there."""

    line = String()
    town = String()
    postcode = String()
    from_ = graphene.InputField(Date, name="from")
    to = Date()


class SubjectInput(graphene.InputObjectType):
    """The child asked about. Enough is: a number with a birth date or family name; or given name, family name and birth date."""

    identifiers = List(NonNull(IdentifierInput))
    givenName = String()
    middleNames = String()
    familyName = String()
    formerFamilyName = String()
    birthDate = PartialDate()
    sex = String()
    addresses = List(NonNull(AddressInput))
    phones = List(NonNull(String))
    school = String()
    parents = List(NonNull(String))


class BreakGlassInput(graphene.InputObjectType):
    """Seeing more than the agreement gives, to keep a child safe: a reason from the list, and words. Somebody checks it."""

    reason = NonNull(ID)
    words = NonNull(String)


class Missing(ObjectType):
    """A source that has not fully answered. Its silence must not be read as none."""

    source = NonNull(ID)
    state = NonNull(OutcomeState)
    words = NonNull(String)


class KindOutcome(ObjectType):
    """How one record kind of one source fared, and the clause it rests on."""

    kind = NonNull(String)
    state = NonNull(OutcomeState)
    clause = String()
    reason = ID()
    nearest = String()


class Evidence(ObjectType):
    """One field that spoke for or against a match. Never about place, phone, school or parents."""

    field = NonNull(String)
    words = NonNull(String)


class Match(ObjectType):
    """How sure we are that this is the same child, and why."""

    band = NonNull(MatchBand)
    evidence = some(Evidence)
    report = ID(description="Pass it to reportWrongChild to say that this is another child. Good for twelve hours, for you alone.")
    doubted = NonNull(Boolean, description="Somebody said that this may be another child's record, or it cannot be seen now if so.")


class SourceOutcome(ObjectType):
    """How one source fared: what it says, what to do, whom to phone."""

    source = NonNull(ID)
    agency = NonNull(ID)
    name = NonNull(String)
    state = NonNull(OutcomeState)
    kinds = some(KindOutcome)
    words = NonNull(String)
    phone = String()
    outOfHours = String()
    coverageFrom = Date()
    coverageTo = Date()
    coverageNote = String()
    asOf = DateTime()
    setAside = Int()
    match = Field(Match)


class Candidate(ObjectType):
    """A child that may be the one asked about, shown with what was typed and what differs."""

    token = NonNull(ID)
    source = NonNull(ID)
    band = NonNull(MatchBand)
    shown = some(String)
    evidence = some(Evidence)


class DemographicValue(ObjectType):
    """One value of a field, and who says so."""

    value = NonNull(String)


class Demographic(ObjectType):
    """One field of who the child is, with every value. `conflict` when they differ and may be said to."""

    field = NonNull(String)
    conflict = NonNull(Boolean)
    values = some(DemographicValue)


class Demographics(ObjectType):
    """Who the child is, as the sources that may say so have it."""

    everySourceAnswered = NonNull(Boolean)
    fields = some(Demographic)
    missing = some(Missing)


class ChronologyEntry(ObjectType):
    """Something that happened, with the precision in which its date is known."""

    on = Field(PartialDate, description="When; absent where no day is known, or none may be shown.")
    kind = NonNull(String)
    headline = String()


class Chronology(ObjectType):
    """What happened, across kinds and sources."""

    everySourceAnswered = NonNull(Boolean)
    entries = some(ChronologyEntry)
    missing = some(Missing)


class Receipt(ObjectType):
    """Where in the access log this access stands."""

    access = NonNull(ID)
    log = NonNull(ID)
    index = NonNull(Int)
    leaf = NonNull(String)
    proof = String()


class ChildView(ObjectType):
    """One child as the agencies that may answer have answered. It is not all that is known."""

    everySourceAnswered = NonNull(Boolean)
    purpose = NonNull(ID)
    asOf = NonNull(DateTime)
    sources = some(SourceOutcome)
    candidates = some(Candidate)
    demographics = Field(Demographics)
    chronology = Field(Chronology)
    warnings = some(String, description="Agreements past their review date that this view still rests on.")
    duties = some(String, description="What whoever is shown this must do.")
    offersDeclared = NonNull(
        Boolean,
        description="No agency could say whether you work with this child. Ask again with declared and a reason if you do.",
    )
    receipt = NonNull(Receipt)


class Ruling(ObjectType):
    """What a kind of person may see of one record kind of one source, for a purpose, and the clause that says so."""

    source = NonNull(ID)
    kind = NonNull(String)
    field = String()
    permitted = NonNull(Boolean)
    clause = String()
    reason = ID()
    nearest = String()
    words = NonNull(String)


class Review(ObjectType):
    """A breaking of the glass that an officer of this agency has to look at. Names no child and nobody who asked."""

    id = NonNull(ID)
    agency = NonNull(ID, description="The agency whose records were opened: yours.")
    byAgency = NonNull(ID, description="The agency of whoever broke the glass.")
    reason = NonNull(ID)
    access = NonNull(ID, description="Where the access log says who it was, and what was shown.")
    openedAt = NonNull(DateTime)
    due = NonNull(Date)
    overdue = NonNull(Boolean)


class Doubt(ObjectType):
    """A report that a record of this agency's was shown as another child's. Names no child and nobody who reported."""

    id = NonNull(ID)
    source = NonNull(ID)
    byAgency = NonNull(ID, description="The agency of whoever reported.")
    access = NonNull(ID, description="Where the access log says what was shown, to whom.")
    at = NonNull(DateTime)
    unclear = NonNull(Boolean, description="Somebody has looked already, and could not find out. It stands.")


class Purpose(ObjectType):
    """A purpose for which a child may be asked about."""

    id = NonNull(ID)
    words = NonNull(String)


class Source(ObjectType):
    """One agency's system, as connected."""

    id = NonNull(ID)
    agency = NonNull(ID)
    name = NonNull(String)
    kinds = some(String)
    contact = NonNull(String)


class Agreement(ObjectType):
    """An agreement between agencies, with its text."""

    id = NonNull(ID)
    version = NonNull(String)
    title = NonNull(String)
    partners = some(ID)
    purposes = some(ID)
    starts = NonNull(Date)
    reviewBy = NonNull(Date)
    ends = Date()
    inForce = NonNull(Boolean)
    hash = NonNull(String)
    text = NonNull(String)


class Query(ObjectType):
    """What may be asked. `child` once in an operation; the others concern no child."""

    child = Field(
        NonNull(ChildView),
        subject=NonNull(SubjectInput),
        purpose=NonNull(ID),
        reason=String(),
        chosen=List(NonNull(ID), description="Tokens of candidates whom you are sure of. Each is good once, and for five minutes."),
        breakGlass=BreakGlassInput(),
        declared=Boolean(description="I work with this child. For when no agency can vouch for that; needs a reason, and is checked."),
        description="One child, for one purpose. Pass subject, reason, chosen and breakGlass as variables without default values.",
    )
    explain = Field(
        some(Ruling),
        purpose=NonNull(ID),
        role=ID(),
        agency=ID(),
        kinds=List(NonNull(String)),
        description="What the agreements let a kind of person see for a purpose. Takes no child and asks no source.",
    )
    purposes = Field(some(Purpose), description="The purposes of this federation.")
    sources = Field(some(Source), description="The systems connected to this federation.")
    agreements = Field(
        some(Agreement),
        inForceOn=Date(),
        description="The agreements of this federation; only those in force on a day, if one is given.",
    )
    reviews = Field(
        some(Review),
        description="The breakings of the glass that your agency has yet to review; empty for whoever does not review them.",
    )
    doubts = Field(
        some(Doubt),
        description="The reports of a wrong child that stand at your agency; empty for whoever does not close them.",
    )

    @staticmethod
    def resolve_child(answers: Any, info: Any, **_typed: Any) -> Any:
        return answers.child

    @staticmethod
    def resolve_explain(answers: Any, info: Any, **named: Any) -> Any:
        return answers.explain(**named)

    @staticmethod
    def resolve_purposes(answers: Any, info: Any) -> Any:
        return answers.purposes()

    @staticmethod
    def resolve_sources(answers: Any, info: Any) -> Any:
        return answers.sources()

    @staticmethod
    def resolve_agreements(answers: Any, info: Any, **named: Any) -> Any:
        return answers.agreements(**named)

    @staticmethod
    def resolve_reviews(answers: Any, info: Any) -> Any:
        return answers.reviews

    @staticmethod
    def resolve_doubts(answers: Any, info: Any) -> Any:
        return answers.doubts
