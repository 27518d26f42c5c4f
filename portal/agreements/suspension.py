"""Suspensions: any one partner stops an agreement, or a part of it, alone and at once; nobody but that partner lifts it.

Each is signed by itself (Ed25519) and holds for every later version of the agreement. A suspension takes permissions away and never
a refusal: it cannot release anything. suspensions.py reads the files, suspending.py writes them. What was read once is remembered in the
access log, so that taking a file away lifts nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal.agreements.keys import public_key
from portal.agreements.wording import day

Text = Annotated[str, msgspec.Meta(min_length=1)]
#: A name that cannot be mistaken for the ``-`` that stands in the signed bytes where nothing is named.
Name = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9]")]
Number = Annotated[int, msgspec.Meta(ge=1, le=999_999)]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Suspension(msgspec.Struct, frozen=True, kw_only=True):
    """What one partner has stopped; or, with ``lifts``, that it lifts its own suspension of that number.

    Without ``clause``, ``source`` and ``kind`` all of the agreement is stopped. ``number`` counts from 1 for each partner and agreement,
    ``words`` say why and are shown to everybody, ``value`` is the signature in base64. ``at`` is in UTC, to the second.
    """

    agreement: str
    partner: Text
    key_id: Text
    number: Number
    at: Moment
    words: Words
    value: Text
    clause: Number | None = None
    source: Name | None = None
    kind: Name | None = None
    lifts: Number | None = None

    def covers(self, agreement: str, clause: int, source: str, kind: str) -> bool:
        """Whether this stops what clause ``clause`` permits of one kind at one source. A lift covers nothing."""
        named = ((self.clause, clause), (self.source, source), (self.kind, kind))
        return self.lifts is None and self.agreement == agreement and all(mine in (None, theirs) for mine, theirs in named)

    @property
    def what(self) -> str:
        """What is stopped, in words: ``ISA-07 §3, WellbeingConcern from northshire-police``."""
        clause = f" §{self.clause}" if self.clause else ""
        part = " ".join(filter(None, (self.kind, f"from {self.source}" if self.source else None)))
        return f"{self.agreement}{clause}" + (f", {part}" if part else "")


def standing(seen: Iterable[Suspension]) -> tuple[Suspension, ...]:
    """The suspensions in effect among all that were ever seen, in any order: those that their own partner has not lifted.

    A lift counts for what came before it, by number and by time: a number may come twice where a file was taken away meanwhile.
    """
    known = sorted(frozenset(seen), key=lambda each: (each.agreement, each.partner, each.number, each.at))
    return tuple(each for each in known if each.lifts is None and not any(_lifted(each, later) for later in known))


def signed_bytes(federation: str, suspension: Suspension) -> bytes:
    """The bytes a partner signs, each part followed by LF; ``-`` stands where nothing is named, words are there by their SHA-256 in hex."""
    optional = (suspension.lifts, suspension.clause, suspension.source, suspension.kind)
    said = (
        "childview-suspension/1", federation, suspension.agreement, suspension.partner, str(suspension.number),
        *("-" if each is None else str(each) for each in optional),
        stamp(suspension.at), hashlib.sha256(suspension.words.encode()).hexdigest(),
    )  # fmt: skip
    return "".join(f"{part}\n" for part in said).encode()


def signed(suspension: Suspension, federation: str, private_key: Ed25519PrivateKey) -> Suspension:
    """The same with its partner's signature."""
    value = private_key.sign(signed_bytes(federation, suspension))
    return msgspec.structs.replace(suspension, value=base64.b64encode(value).decode())


def verifies(suspension: Suspension, federation: str, key: str) -> bool:
    """Whether the signature is that of ``key`` (``ed25519:base64``) over exactly this."""
    known = public_key(key)
    if known is None or suspension.at.microsecond:
        return False
    try:
        value = base64.b64decode(suspension.value, validate=True)
        known.verify(value, signed_bytes(federation, suspension))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return base64.b64encode(value).decode() == suspension.value


def facts(suspension: Suspension) -> dict[str, Any]:
    """What the access log keeps of it, as texts and whole numbers: enough to go on suspending, and to prove who did."""
    said = {**msgspec.structs.asdict(suspension), "signed_at": stamp(suspension.at)}
    return {name: value for name, value in sorted(said.items()) if value is not None and name != "at"}


def from_facts(event: Mapping[str, Any]) -> Suspension:
    """The suspension, or lift, that a change event of the access log holds. Raises ValueError when it holds none."""
    names = [field.name for field in msgspec.structs.fields(Suspension)]
    said = {name: event[name] for name in names if name in event and name != "at"}
    return msgspec.convert({**said, "at": event.get("signed_at")}, Suspension)


def stamp(at: datetime) -> str:
    """A moment as it is signed: RFC 3339 in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"


def in_words(suspension: Suspension) -> str:
    """For people: who has stopped what, since when, and why."""
    return f"{suspension.partner} has stopped {suspension.what} since {day(suspension.at.date())}: {suspension.words}"


def _lifted(suspension: Suspension, by: Suspension) -> bool:
    same = (by.agreement, by.partner, by.lifts) == (suspension.agreement, suspension.partner, suspension.number)
    return same and by.number > suspension.number and by.at >= suspension.at
