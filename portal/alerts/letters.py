"""What an alert says: what kind of thing has happened, between which agencies, and where to look. Never of whom.

No child, no practitioner, no purpose stands in a letter: it may lie in a mailbox that many read. Whoever may know more looks it up
in the access log or among the reviews, under the ids given here, and leaves an entry of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal

import msgspec

Kind = Literal[
    "break-glass", "declared", "own-agency-rate", "review-due", "review-overdue", "shown", "agreement-refused", "wrong-child", "places",
]  # fmt: skip

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
_CITED = re.compile(r"[A-Za-z0-9][A-Za-z0-9 @§._-]{0,99}")

#: What each kind is called on the outside of an email.
SUBJECTS: dict[Kind, str] = {
    "break-glass": "the glass was broken",
    "declared": "somebody vouched for themselves",
    "own-agency-rate": "an agency vouches unusually often",
    "review-due": "an agreement is due for review",
    "review-overdue": "a review is overdue",
    "shown": "something was shown that you are told of",
    "agreement-refused": "an agreement was refused",
    "wrong-child": "a record may be another child's",
    "places": "several places were tried for one child",
}
_WORDS: dict[Kind, str] = {
    "break-glass": "Somebody at {by} has broken the glass: for a while they may see more than the agreements ordinarily show.",
    "declared": "Somebody at {by} has said themselves that they work with a child; no agency could say so for them.",
    "own-agency-rate": "{by} vouches for its own people more than three times as often as the other agencies do for theirs.",
    "review-due": "An agreement is due for review. When its days of grace are over nothing is shown under it.",
    "review-overdue": "Nobody has closed a review of a broken glass, and its time is over. It was broken at {by}.",
    "shown": "Something was shown to {by} under a clause that says that you are told.",
    "agreement-refused": "The files of the agreements have changed and were refused. Those loaded before stay in force.",
    "wrong-child": "Somebody at {by} says that a record of yours was shown as one child's and is another's. Until you have said what you "
    "have found they do not see it, and everybody else is warned. This is for whoever keeps your records right: please hand it on.",
    "places": "Somebody at {by} has asked about one child with three different places within 24 hours, and was stopped. Whoever looks "
    "into it finds them in the access log, among the refusals with CV607.",
}
_PRIVATE = "This message names no child and nobody who asked. Do not answer it with a name."


def citable(text: str) -> bool:
    """Whether an alert may name this: an id that somebody else chose may be a sentence."""
    return _CITED.fullmatch(text) is not None


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the privacy officer of agency ``to`` is told.

    ``access``, ``review`` and ``doubt`` are ids to look up, ``agreement`` names an agreement or clause, ``source`` a source, ``reason``
    is a reason's id, never its words.
    ``by_agency`` is whose people did it. Raises ValueError for text that cannot be one of these: an alert is no place for sentences.
    """

    kind: Kind
    to: str
    access: str | None = None
    agreement: str | None = None
    review: str | None = None
    reason: str | None = None
    by_agency: str | None = None
    due: date | None = None
    source: str | None = None
    doubt: str | None = None

    def __post_init__(self) -> None:
        named = (self.to, self.reason, self.by_agency)
        cited = (self.access, self.review, self.agreement, self.source, self.doubt)
        if not all(each is None or _ID.fullmatch(each) for each in named) or not all(each is None or citable(each) for each in cited):
            raise ValueError("an alert holds ids and nothing else")


class Letter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An alert as it leaves. It may come twice: whoever takes it keeps one of each ``id``. ``at`` is aware, ``due`` a local date."""

    id: str
    at: datetime
    kind: Kind
    to: str
    words: str
    access: str | None = None
    agreement: str | None = None
    review: str | None = None
    reason: str | None = None
    by_agency: str | None = None
    due: date | None = None
    source: str | None = None
    doubt: str | None = None

    @property
    def subject(self) -> str:
        return f"childview: {SUBJECTS[self.kind]}"


def letter(alert: Alert, id: str, at: datetime, names: Mapping[str, str]) -> Letter:
    """The alert in words. ``names`` maps agency ids to their names."""
    said = msgspec.structs.asdict(alert)
    return Letter(id=id, at=at, words=_words(alert, names), **said)


def _words(alert: Alert, names: Mapping[str, str]) -> str:
    by = names.get(alert.by_agency, alert.by_agency) if alert.by_agency else "an agency of this federation"
    facts = [
        ("For", names.get(alert.to, alert.to)),
        ("Reason", alert.reason),
        ("Agreement", alert.agreement),
        ("Source", alert.source),
        ("Look up in the access log", alert.access),
        ("Look up among the reviews", alert.review),
        ("Look up among the reports", alert.doubt),
        ("Due by", f"{alert.due.day} {alert.due:%B %Y}" if alert.due else None),
    ]
    told = "\n".join(f"{what}: {value}" for what, value in facts if value)
    return f"{_WORDS[alert.kind].format(by=by)}\n\n{told}\n\n{_PRIVATE}\n"
