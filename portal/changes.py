"""What a practitioner may write down, and not only ask: consents, objections, decisions not to share, reviews closed, wrong children.

Frozen structs on their way from an entrance to the registry. Free text in them is sealed before it is kept.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec

from connectors import Subject
from portal.model import Party, Receipt, Responsibility, Understanding


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What one party said about one agreement, or one clause of it (``clause`` None: all of it).

    ``on`` is the local day on which it was said, ``evidence`` a reference to where it is kept (a form's number), ``words`` free text.
    """

    subject: Subject
    what: Literal["consent", "objection"]
    state: Literal["given", "refused", "withdrawn", "raised"]
    agreement: str
    clause: int | None
    party: Party
    on: date
    evidence: str
    understanding: Understanding | None = None
    responsibility: Responsibility | None = None
    words: str | None = None


class NotShared(msgspec.Struct, frozen=True, kw_only=True):
    """A decision not to share something about a child, with its reason in words. ``to`` is the agency that is not told."""

    subject: Subject
    to: str
    kinds: tuple[str, ...]
    words: str


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """A review of one breaking of the glass, brought to its end by an officer of the source's agency."""

    review: str
    outcome: Literal["JUSTIFIED", "NOT_JUSTIFIED", "UNCLEAR"]
    words: str


class WrongChild(msgspec.Struct, frozen=True, kw_only=True):
    """What was shown as this child's is another child's. ``report`` is the handle that came with the match."""

    report: str
    words: str


class DoubtClosing(msgspec.Struct, frozen=True, kw_only=True):
    """What an officer of the source's agency has found about a report of a wrong child."""

    doubt: str
    outcome: Literal["CORRECTED", "SAME_CHILD", "UNCLEAR"]
    words: str


Change = Said | NotShared | Closing | WrongChild | DoubtClosing


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What was written down, and where that stands in the access log."""

    id: str
    version: int
    state: str
    at: datetime
    receipt: Receipt
