"""The events of the access log and their exact bytes: canonical JSON, leaf, link (CONTRACTS C6).

A builder gives what an event says, or raises ValueError when that has no canonical form; the store adds ``v``, ``log``, ``index``
and ``at``. Nothing here does I/O.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from connectors import Identifier
from portal.accesslog.pseudonyms import Digests, Pseudonyms, identifiers_of
from portal.model import Breaking, Choice, Decision, LoggedOutcome, Manifest, Passed, Plan, Practitioner, Question, Ruling

Facts = dict[str, Any]
#: What an event says, given the moment the store writes it at: pseudonyms belong to that moment's epoch.
Draft = Callable[[datetime], Facts]
Ended = Literal["answered", "client-left", "refused", "failed"]

VERSION = 1
FIRST_LINK = bytes(32)
CHANGES = frozenset(
    {"agreement-loaded", "suspended", "lifted", "consent", "objection", "not-shared", "break-glass", "review", "wrong-child", "key"},
)
NOTHING = Manifest(outcomes=(), matched=(), released=())

_REFUSALS = re.compile(r"role|agency|overreach|CV[46]\d\d", re.ASCII)
_LARGEST = 2**53


def canonical(value: object) -> bytes:
    """The one byte form of an event: RFC 8785 for objects, strings, integers below 2^53, booleans and lists.

    Raises ValueError (never naming the value) for null, floats, other integers, keys that are not ASCII, and lone surrogates.
    """
    _check(value)
    return encoded(value)


def encoded(value: object) -> bytes:
    """The canonical form of what is known to have one: a draft has been checked when it was made."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def leaf(body: bytes) -> bytes:
    """SHA-256(0x00 || body): a leaf of an RFC 9162 tree."""
    return hashlib.sha256(b"\x00" + body).digest()


def link(previous: bytes, leaf: bytes) -> bytes:
    """SHA-256(previous link || leaf); the first previous link is 32 zero bytes."""
    return hashlib.sha256(previous + leaf).digest()


def to_milliseconds(at: datetime) -> datetime:
    """An aware moment in UTC, cut to the millisecond. Raises ValueError for a naive one, whose zone would be a guess."""
    if at.tzinfo is None:
        raise ValueError("a moment without a time zone")
    at = at.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def stamp(at: datetime) -> str:
    """A moment as events write it: UTC, milliseconds, ``Z``."""
    return to_milliseconds(at).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def moment(text: str) -> datetime:
    """The moment an event's ``at`` names. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def intent(
    *, access: str, nonce: bytes, practitioner: Practitioner, plan: Plan, decision: Decision, breaking: Breaking | None = None,
    chosen: Iterable[tuple[Choice, str]] = (), pseudonyms: Pseudonyms, digests: Digests,
) -> Draft:  # fmt: skip
    """Somebody is about to look: durable before any agency is asked.

    ``chosen`` are the candidates chosen, each with the digest under which the access that offered it has it.
    """
    question = plan.question
    facts: Facts = {
        "type": "intent",
        "access": access,
        "nonce": nonce.hex(),
        "actor": _actor(practitioner),
        "purpose": plan.purpose,
        "query": question.document,
        "agreements": dict(decision.agreements),
        "rulings": [_ruling(each) for each in decision.rulings],
    }
    if decision.open and plan.guards:
        # Whoever is asked for anything, these are asked about the child as well.
        facts["shield_sources"] = sorted(plan.guards)
    if asked := decision.vouchers - plan.unfindable - plan.learns.keys():
        facts["vouchers"] = sorted(asked)
    facts |= _said(question)
    if picked := [{"source": each.source, "person": digest, "offered_in": each.access} for each, digest in chosen]:
        facts["chosen"] = picked
    if breaking:
        facts["break_glass"] = {"id": breaking.id, "reason": breaking.reason, "until": stamp(breaking.until)}
    if question.reason:
        facts["reason"] = {"committed": digests.reason(nonce, question.reason)}
    identifiers = identifiers_of(question.subject)
    _check(facts)
    return lambda at: {**facts, "subject": _unique(pseudonyms.of(each, at) for each in identifiers)}


def conclusion(
    *, access: str, nonce: bytes, practitioner: Practitioner, ended: Ended, manifest: Manifest, passed: Iterable[Passed] = (),
    pseudonyms: Pseudonyms, digests: Digests,
) -> Draft:  # fmt: skip
    """How an access ended and what was released: durable before one byte leaves. What was ``passed`` on was, however it ended."""
    facts: Facts = {
        "type": "conclusion",
        "access": access,
        "nonce": nonce.hex(),
        "actor": _actor(practitioner),
        "ended": ended,
        "parts": 1 if ended == "answered" else 0,
        "outcomes": [_outcome(each) for each in manifest.outcomes],
        "released": [
            {
                "source": each.source,
                "kind": each.kind,
                "record": digests.record(each.source, each.kind, each.id),
                "digest": digests.released(each.content),
            }
            for each in manifest.released
        ],
    }
    facts |= _present(voucher=manifest.voucher)
    if numbers := [{"to": each.to, "from": list(each.givers), "systems": list(each.systems)} for each in passed]:
        facts["passed"] = numbers
    if manifest.offered:
        facts["offered"] = [
            {"source": each.source, "person": digests.record(each.source, "Person", each.person), "band": each.band}
            for each in manifest.offered
        ]
    matched = manifest.matched
    _check([facts, [each.source for each in matched]])
    return lambda at: {**facts, "matched": _unique(pseudonyms.of(each.identifier, at, source=each.source) for each in matched)}


def refusal(*, nonce: bytes, practitioner: Practitioner, why: str) -> Draft:
    """Somebody known was turned away before there was a plan. ``why``: role, agency, overreach, or a CV4xx or CV6xx id, else ValueError."""
    if not _REFUSALS.fullmatch(why):
        raise ValueError("a refusal's why is role, agency, overreach, or a CV4xx or CV6xx id")
    facts: Facts = {"type": "refusal", "nonce": nonce.hex(), "actor": _actor(practitioner), "why": why}
    _check(facts)
    return lambda at: facts


def change(
    *, nonce: bytes, actor: Practitioner | None, log: str, what: str, id: str, version: str, hash: str | None,
    subject: Iterable[Identifier] = (), pseudonyms: Pseudonyms | None = None, more: Mapping[str, Any] | None = None,
) -> Draft:  # fmt: skip
    """Something that decisions rest on has changed. Without a practitioner the actor is the portal itself.

    ``subject`` are the identifiers of the child it is about, if it is about one; ``more`` are further facts, never about a child.
    """
    if what not in CHANGES:
        raise ValueError(f"a change is one of {', '.join(sorted(CHANGES))}")
    facts = {"type": "change", "nonce": nonce.hex(), "actor": _actor(actor) if actor else {"portal": log}, "what": what, "id": id}
    facts |= _present(version=version, hash=hash) | dict(more or {})
    _check(facts)
    identifiers = list(subject)
    if not identifiers or pseudonyms is None:
        return lambda at: facts
    return lambda at: {**facts, "subject": _unique(pseudonyms.of(each, at) for each in identifiers)}


def _actor(practitioner: Practitioner) -> Facts:
    return {
        "issuer": practitioner.issuer,
        "person": practitioner.person,
        "agency": practitioner.agency,
        "roles": list(practitioner.roles),
        **_present(assurance=practitioner.assurance),
    }


def _said(question: Question) -> Facts:
    """What the asker says of themselves and of the family."""
    return ({"declared": True} if question.declared else {}) | _present(informed=question.informed)


def _ruling(ruling: Ruling) -> Facts:
    shown = {"fields": sorted(ruling.fields)} if ruling.permitted else {}
    relationship = ruling.relationship if ruling.permitted and ruling.relationship != "none" else None
    cited = _present(clause=ruling.clause, reason=ruling.reason, nearest=ruling.nearest, consent=ruling.consent, relationship=relationship)
    return {"source": ruling.source, "kind": ruling.kind, "permit": ruling.permitted, **shown, **cited}


def _outcome(outcome: LoggedOutcome) -> Facts:
    cited = _present(band=outcome.band, clause=outcome.clause, reason=outcome.reason, consent=outcome.consent)
    rests_on: Facts = ({"evidence": list(outcome.evidence)} if outcome.evidence else {}) | ({"chosen": True} if outcome.chosen else {})
    return {"source": outcome.source, "kind": outcome.kind, "state": outcome.state, "records": outcome.records, **cited, **rests_on}


def _present(**values: str | None) -> Facts:
    return {name: value for name, value in values.items() if value is not None}


def _unique(entries: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    return list({tuple(sorted(each.items())): each for each in entries}.values())


def _check(value: object) -> None:
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
            raise ValueError("an event holds text that is not Unicode")
    elif isinstance(value, bool):
        return
    elif isinstance(value, int):
        if not -_LARGEST < value < _LARGEST:
            raise ValueError("an event holds an integer of 2^53 or more")
    elif isinstance(value, Mapping):
        if not all(isinstance(key, str) and key.isascii() for key in value):
            raise ValueError("an event holds a key that is not ASCII text")
        for each in value.values():
            _check(each)
    elif isinstance(value, list):
        for each in value:
            _check(each)
    else:
        raise ValueError(f"an event holds a {type(value).__name__}")
