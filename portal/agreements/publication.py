"""The public register: what anybody may read of every agreement, in words and as a program reads it. Nothing about a child is in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from threading import Lock
from typing import Any

import msgspec
from cachetools import LRUCache, cached

from portal.agreements.documents import Agreement, Clause
from portal.agreements.readability import reading_age
from portal.agreements.register import WORDS_OF_STATE, Agreements, Entry
from portal.agreements.rules import State, as_day
from portal.agreements.suspension import Suspension, in_words


class PublicParty(msgspec.Struct, frozen=True, kw_only=True):
    """One partner: what it is to the data, whom to reach, and who signed for it when; None where nobody has."""

    agency: str
    name: str
    controller: str | None
    contact: str | None
    dpo: str | None
    signedAs: str | None
    signedAt: datetime | None


class PublicClause(msgspec.Struct, frozen=True, kw_only=True):
    """One clause: the authors' words, and the sentence made from its block, which is what counts."""

    number: int
    title: str
    effect: str
    words: str
    inShort: str


class PublicSuspension(msgspec.Struct, frozen=True, kw_only=True):
    """What one partner has stopped and not lifted. ``number`` is what it names to lift it."""

    partner: str
    number: int
    what: str
    since: datetime
    words: str
    sentence: str


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """One agreement as anybody may read it. ``readingAge`` is in years, ``hash`` that of the text that was signed."""

    id: str
    version: str
    title: str
    state: State
    stateInWords: str
    inForce: bool
    parties: tuple[PublicParty, ...]
    coordinator: str
    purposes: dict[str, str]
    clauses: tuple[PublicClause, ...]
    suspensions: tuple[PublicSuspension, ...]
    starts: date
    reviewBy: date
    lastDay: date
    ends: date | None
    benefit: str
    measure: str
    dpia: str
    rights: str | None
    complaints: str | None
    supersedes: tuple[str, ...]
    hash: str
    readingAge: float | None


def published(agreements: Agreements, now: datetime, purposes: Mapping[str, str], names: Mapping[str, str]) -> dict[str, Any]:
    """The whole register at the aware moment ``now``. ``purposes`` and ``names`` are the federation's words for purposes and agencies."""
    entries = [_published(entry, agreements, now, purposes, names) for entry in agreements.entries]
    return {"federation": agreements.vocabulary.federation, "on": as_day(now), "agreements": entries}


def _published(entry: Entry, agreements: Agreements, now: datetime, purposes: Mapping[str, str], names: Mapping[str, str]) -> Published:
    agreement, header = entry.agreement, entry.agreement.header
    state = agreements.state(agreement, now)
    stopped = [each for each in agreements.suspensions if each.agreement == agreement.id]
    return Published(
        id=agreement.id, version=agreement.version, title=header.title,
        state=state, stateInWords=WORDS_OF_STATE[state], inForce=state in ("in-force", "review-due"),
        parties=tuple(_party(partner, entry, names) for partner in header.partners), coordinator=header.coordinator,
        purposes=_purposes(agreement, purposes), clauses=tuple(map(_clause, agreement.clauses)), suspensions=tuple(map(_stopped, stopped)),
        starts=header.starts, reviewBy=header.review_by, lastDay=agreement.last_day, ends=header.ends,
        benefit=header.benefit, measure=header.measure, dpia=header.dpia,
        rights=header.rights.contact if header.rights else None, complaints=header.complaints, supersedes=header.supersedes,
        hash=agreement.hash, readingAge=_age(agreement),
    )  # fmt: skip


def _party(partner: str, entry: Entry, names: Mapping[str, str]) -> PublicParty:
    said = (entry.agreement.header.parties or {}).get(partner)
    signature = next((each for each in entry.signed.signature if each.partner == partner), None)
    return PublicParty(
        agency=partner,
        name=names.get(partner, partner),
        controller=said.controller if said else None,
        contact=said.contact if said else None,
        dpo=said.dpo if said else None,
        signedAs=signature.role if signature else None,
        signedAt=signature.at if signature else None,
    )


def _purposes(agreement: Agreement, words: Mapping[str, str]) -> dict[str, str]:
    """The purposes of every clause in plain words: the agreement's own, else the federation's."""
    used = _unique(purpose for clause in agreement.clauses for purpose in clause.terms.purposes)
    return {purpose: (agreement.header.purposes or {}).get(purpose) or words.get(purpose, purpose) for purpose in used}


def _clause(clause: Clause) -> PublicClause:
    return PublicClause(number=clause.number, title=clause.title, effect=clause.terms.effect, words=clause.words, inShort=clause.short)


def _stopped(suspension: Suspension) -> PublicSuspension:
    return PublicSuspension(
        partner=suspension.partner,
        number=suspension.number,
        what=suspension.what,
        since=suspension.at,
        words=suspension.words,
        sentence=in_words(suspension),
    )


@cached(LRUCache[str, float | None](4096), key=lambda agreement: agreement.hash, lock=Lock())
def _age(agreement: Agreement) -> float | None:
    try:
        return reading_age(agreement)
    except Exception:
        # The figure is a hint, the register a duty: a text that cannot be measured is published all the same.
        return None


def _unique(names: Iterable[str]) -> list[str]:
    return sorted(frozenset(names))
