"""How one (source, kind) ended, which of several endings counts, and the words a practitioner reads for each.

Every text has two parts: what it says, and what to do. No text lets a reader conclude that nothing is known.
Source: the outcome list of the contract; words kept at a reading age of eleven or under.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from connectors.finding import Offer
from connectors.localtime import local
from connectors.matching import Match
from portal.model import OutcomeState

#: A source's own state is the first of these that any of its kinds has.
PRECEDENCE: tuple[OutcomeState, ...] = (
    "PENDING", "FAILED", "TIMED_OUT", "UNAVAILABLE", "REFUSED", "TOO_MANY", "AMBIGUOUS", "PARTIAL", "ANSWERED",
    "NOTHING_TO_SHOW", "CONSENT_NEEDED", "NOT_PERMITTED", "OUT_OF_COVERAGE", "NOT_ASKED",
)  # fmt: skip

#: States that leave nothing open: the source has said all it may show here.
COMPLETE = frozenset({"ANSWERED", "NOTHING_TO_SHOW"})

SAYS: dict[OutcomeState, str] = {
    "ANSWERED": "{name} answered at {time}. It shows what was on file on {day}. Read it, and check the dates. "
    "If it matters today, phone and ask what is new.",
    "PARTIAL": "{name} sent some of what it may share. {aside} Do not treat this as all there is. Phone and ask what is missing.",
    "NOTHING_TO_SHOW": "{name} has nothing it can show you here. That does not mean that nothing is known. Some records are never "
    "shown on this page. If you are worried, phone the duty team and tell them what you have seen.",
    "AMBIGUOUS": "{name} may know this child, but we are not sure that it is the same child. Nothing was read. "
    "Check what you typed and add a number. If you are still not sure, phone.",
    "TOO_MANY": "Too many children at {name} look like this. We did not show any. "
    "Add a full name, a date of birth or a number, then ask again.",
    "NOT_ASKED": "We did not ask {name}. What you typed is not enough to look a child up safely. This tells you nothing about the child. "
    "Add a date of birth, a full name or a number, or phone.",
    "NOT_PERMITTED": "The agreement does not let your role see this from {name} for this purpose. The answer is the same for every child. "
    "To keep a child safe you can still phone and ask.",
    "CONSENT_NEEDED": "{name} needs the family's consent, and none is in force. Ask the family and record what they say. "
    "To keep a child safe you can still phone.",
    "REFUSED": "{name} would not take our question. It would have said no for any child. Phone, and give them the code CV502.",
    "TIMED_OUT": "{name} did not answer in {seconds} seconds. We do not know what it holds. Try again once. If you cannot wait, phone.",
    "UNAVAILABLE": "{name} has been out of reach since {since}. We do not know what it holds. Phone now. Note who you spoke to.",
    "FAILED": "Something went wrong when we read {name}. We do not know what it holds. We have told the people who run this. "
    "Phone if you need to know today.",
    "OUT_OF_COVERAGE": "{name} does not cover the time or place you asked about. Ask the area where the child lived then.",
    "PENDING": "We are still waiting for {name}. What you see so far is not all. Wait a few more seconds, or phone. Do not decide yet.",
}  # fmt: skip

#: Other words where the asker can mend it, or has said it: by (outcome, reason). Each of these reasons is the same for every child, but
#: ``reported``, which rests on the asker's own word.
SAYS_WHY: dict[tuple[OutcomeState, str], str] = {
    ("NOT_ASKED", "voucher-silent"): "We did not ask {name}. It wants to know first who works with this child, and the agencies that "
    "can say did not answer. This tells you nothing about the child. If you work with this child, say so and why, or phone.",
    ("NOT_ASKED", "registry-silent"): "We did not ask {name}. What families have said about sharing counts here, and cannot be read now. "
    "This tells you nothing about the child. Try again once. If you cannot wait, phone.",
    ("NOT_PERMITTED", "reason-missing"): "We did not ask {name}, because you have not said why you ask. "
    "Give your reason and ask again. To keep a child safe you can still phone.",
    ("NOT_PERMITTED", "assurance"): "We did not ask {name}, because you must sign in more securely for this. "
    "Sign in again that way. To keep a child safe you can still phone.",
    ("NOT_PERMITTED", "informing"): "We did not ask {name}, because the family must be told first. "
    "Tell them if that is safe, say that you did, and ask again. If it is not safe, phone.",
    ("NOT_PERMITTED", "break-glass"): "{name} shows this only if a child may be harmed and you say why. Somebody will check it. "
    "Use it if you need it to keep a child safe: you will not be blamed for honest use. You can also phone.",
    ("AMBIGUOUS", "reported"): "You said that the record at {name} is another child's. It was told, so you are not shown it. "
    "This does not mean that nothing is known about your child. If you need to know, phone.",
}

#: In place of the words for AMBIGUOUS where it is shown below who it may be.
SAYS_TO_CHOOSE = (
    "{name} may know this child, but we are not sure that it is the same child. Nothing was read. "
    "Look at who it may be. Choose only if you are sure. If you are not sure, phone."
)

SAYS_NO_SOURCE = "No agency here is connected for this. That tells you nothing about the child. Phone if you need to know."

#: Served in place of every child's page when who looks cannot be recorded.
LOG_CLOSED = (
    "We cannot record who looks, so we cannot show any child's page now. Do not wait: use the phone list below. "
    "If a child is in danger now, call 999. Write down what you did and add it later."
)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one (source, kind) ended. ``reason`` is the true one, for the log. ``found`` says that a person was accepted there,
    ``crowded`` that the source found more than it may, ``chosen`` that a practitioner picked the person.

    ``offers`` are those who may be the child; ``listed``: the view shows them. ``blind`` is how it would have ended without anything typed
    of the home, where that differs.
    ``since`` is when a source went out of reach; ``seconds`` is how long it was waited for.
    """

    source: str
    kind: str
    state: OutcomeState
    records: tuple[msgspec.Struct, ...] = ()
    set_aside: int = 0
    reason: str | None = None
    match: Match | None = None
    found: bool = False
    crowded: bool = False
    chosen: bool = False
    offers: tuple[Offer, ...] = ()
    listed: bool = False
    blind: Outcome | None = None
    since: datetime | None = None
    seconds: float = 0.0


def first(states: list[OutcomeState]) -> OutcomeState:
    """The state that counts for a source whose kinds ended in ``states`` (at least one)."""
    return min(states, key=PRECEDENCE.index)


def says(state: OutcomeState, name: str, now: datetime, outcome: Outcome | None = None) -> str:
    """The words for one outcome of the source shown as ``name``; times are shown in local time."""
    at = local(now)
    since = local(outcome.since) if outcome and outcome.since else at
    aside = outcome.set_aside if outcome else 0
    template = SAYS_WHY.get((state, outcome.reason or ""), SAYS[state]) if outcome else SAYS[state]
    if outcome and outcome.listed and state == "AMBIGUOUS":
        template = SAYS_TO_CHOOSE
    words = template.format(
        name=name,
        time=f"{at:%H:%M}",
        day=f"{at.day} {at:%B %Y}",
        seconds=f"{outcome.seconds:g}" if outcome else "some",
        since=f"{since:%H:%M}",
        aside=f"{aside} could not be read." if aside else "There is more.",
    )
    return words[:1].upper() + words[1:]
