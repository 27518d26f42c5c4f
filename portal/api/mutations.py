# mypy: disallow-subclassing-any=False
# graphene has no types, so to mypy its classes are Any.
"""What may be written down over the API: consents, objections, decisions not to share, reviews closed, wrong children.

Resolvers here read what is recorded already and do no I/O: the entry and its event stand before the operation is executed.
"""

from __future__ import annotations

from typing import Any, Literal, get_type_hints

import graphene
from graphene import ID, Boolean, Field, Int, List, NonNull, ObjectType, String

from portal.api.fixed import Date, DateTime, Receipt, SubjectInput, enum_of
from portal.changes import Closing, DoubtClosing
from portal.model import Party as _Parties

_HEARD = "Pass everything but agreement and clause as variables without default values."

Party = enum_of("Party", "Who has spoken. Two parents are two parties.", _Parties)
ConsentState = enum_of("ConsentState", "What was said of a consent.", Literal["GIVEN", "REFUSED", "WITHDRAWN"])
ObjectionState = enum_of("ObjectionState", "What was said of an objection.", Literal["RAISED", "WITHDRAWN"])
ReviewOutcome = enum_of("ReviewOutcome", "What a review of a breaking of the glass has found.", get_type_hints(Closing)["outcome"])
DoubtOutcome = enum_of(
    "DoubtOutcome", "What the source has found about a report of a wrong child.", get_type_hints(DoubtClosing)["outcome"]
)


class UnderstandingInput(graphene.InputObjectType):
    """A dated finding, by somebody competent, on whether the young person understands what is asked."""

    understands = NonNull(Boolean)
    on = NonNull(Date)
    by = NonNull(String, description="Who found so, by role: no name is needed.")


class ResponsibilityInput(graphene.InputObjectType):
    """What an adult's parental responsibility rests on. A court order can end it."""

    restsOn = NonNull(String)
    on = NonNull(Date, description="When you saw what it rests on.")


class Recorded(ObjectType):
    """What was written down, and where that stands in the access log. Keep it with the form."""

    id = NonNull(ID)
    version = NonNull(Int)
    state = NonNull(String)
    at = NonNull(DateTime)
    receipt = NonNull(Receipt)


def _said(state: object, description: str) -> Field:
    return Field(
        NonNull(Recorded),
        subject=NonNull(SubjectInput),
        agreement=NonNull(ID),
        clause=Int(description="One clause by its number; without it, all of the agreement."),
        party=NonNull(Party),
        state=NonNull(state),
        on=NonNull(Date, description="The day on which it was said."),
        evidence=NonNull(String, description="Where it is kept: a form's number, a letter's reference."),
        understanding=UnderstandingInput(),
        responsibility=ResponsibilityInput(description="Needed of everybody but the young person."),
        words=String(description="In your own words. Kept sealed."),
        description=f"{description} {_HEARD}",
    )


class Mutation(ObjectType):
    """What may be written down: one thing in an operation, each with an entry of its own in the access log."""

    recordConsent = _said(ConsentState, "What somebody said when asked for consent, or that they take it back.")
    recordObjection = _said(ObjectionState, "That somebody objects to sharing, or no longer does.")
    recordNotShared = Field(
        NonNull(Recorded),
        subject=NonNull(SubjectInput),
        to=NonNull(ID, description="The agency that is not told."),
        kinds=NonNull(List(NonNull(String)), description="The record kinds that are not shared."),
        words=NonNull(String, description="Why not. Kept sealed."),
        description="A decision not to share something about a child. Pass every argument as a variable without a default value.",
    )
    closeReview = Field(
        NonNull(Recorded),
        review=NonNull(ID),
        outcome=NonNull(ReviewOutcome),
        words=NonNull(String, description="What you have found. Kept sealed."),
        description="What the review of a breaking of the glass has found. Pass outcome and words as variables without default values.",
    )

    reportWrongChild = Field(
        NonNull(Recorded),
        report=NonNull(ID, description="The handle that came with the match, within twelve hours."),
        words=NonNull(String, description="Why you think so. Kept sealed."),
        description="What was shown as this child's is another child's. Pass both as variables without default values.",
    )
    closeDoubt = Field(
        NonNull(Recorded),
        doubt=NonNull(ID),
        outcome=NonNull(DoubtOutcome),
        words=NonNull(String, description="What you have found. Kept sealed."),
        description="What became of a report of a wrong child. Pass outcome and words as variables without default values.",
    )

    @staticmethod
    def resolve_recordConsent(answers: Any, info: Any, **_typed: Any) -> Any:
        return answers.recorded

    resolve_recordObjection = resolve_recordNotShared = resolve_closeReview = resolve_recordConsent
    resolve_reportWrongChild = resolve_closeDoubt = resolve_recordConsent
