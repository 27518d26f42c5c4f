"""Does one clause fit one asking, and does anything of this child stand against it? Pure.

What belongs to the asking (who, in which role, for what, on which day) is the same for every child. What rests on this child (consent,
age, objection, relationship) is looked at apart, and last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from portal.agreements import ages, speaking
from portal.agreements.rules import RuleSet, Term, as_day
from portal.model import Circumstances, Entry, Informed, OutcomeState, Practitioner, Question, Voucher

_STRONGEST_FIRST: tuple[Voucher, ...] = ("other-agency", "own-agency")
IN_FORCE = frozenset({"in-force", "review-due"})

#: What comes with what is shown.
TELL_AFTER = "Tell the family that you have seen this, unless that would put a child at risk. Write down that you did, or why not."
ON_CONDITION = "The police share this on a condition: {handling}."


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody asking for a purpose on a day. ``keys`` are what grants are looked up by.

    Without ``circumstances`` it is a kind of person, and what rests on a child or on one asking is supposed to hold.
    """

    agency: str
    roles: frozenset[str]
    purpose: str
    now: datetime
    day: date
    keys: tuple[tuple[str, str, str], ...]
    issuer: str | None = None
    reason: bool = True
    declared: bool = False
    assured: frozenset[str] = frozenset()
    informed: Informed | None = None
    circumstances: Circumstances | None = None


class Lack(NamedTuple):
    """What of this child stands against a clause that fits the asking."""

    reason: str
    state: OutcomeState


def kind_of_person(agency: str, roles: Iterable[str], purpose: str, now: datetime) -> Asker:
    held = frozenset(roles)
    keys = tuple((agency, role, purpose) for role in sorted(held))
    return Asker(agency=agency, roles=held, purpose=purpose, now=now, day=as_day(now), keys=keys)


def person(question: Question, practitioner: Practitioner, purpose: str, now: datetime, known: Circumstances) -> Asker:
    return msgspec.structs.replace(
        kind_of_person(practitioner.agency, practitioner.roles, purpose, now), issuer=practitioner.issuer, reason=bool(question.reason),
        declared=question.declared, assured=frozenset(practitioner.assured), informed=question.informed, circumstances=known,
    )  # fmt: skip


def names(term: Term, asker: Asker) -> bool:
    return asker.agency in term.to and not asker.roles.isdisjoint(term.roles)


def fits(term: Term, asker: Asker) -> bool:
    """Whether a clause that permits for the purpose fits the asking: the same for every child."""
    if not names(term, asker) or term.state(asker.day) not in IN_FORCE:
        return False
    return any(_granted(term, key, asker) for key in asker.keys) and not unmet(term, asker)


def _granted(term: Term, key: tuple[str, str, str], asker: Asker) -> bool:
    """Whether the line was signed, and who may say that somebody is of that agency and role."""
    return key in term.granted and (asker.issuer is None or (asker.issuer, key[0], key[1]) in term.asserted)


def unmet(term: Term, asker: Asker) -> list[str]:
    """What a clause asks of whoever asks, and is not there."""
    asked = term.conditions
    met = {
        "break-glass": asked.break_glass is None or _broken(term, asker),
        "reason-missing": asked.reason == "optional" or asker.reason,
        "assurance": asked.assurance is None or asker.circumstances is None or asked.assurance in asker.assured,
        "informing": asked.informing != "before" or asker.circumstances is None or asker.informed == "YES",
    }
    return [code for code, holds in met.items() if not holds]


def _broken(term: Term, asker: Asker) -> bool:
    """Whether the glass is broken for a reason of this clause, and its minutes have not passed."""
    glass, breaking = term.conditions.break_glass, asker.circumstances.breaking if asker.circumstances else None
    if glass is None or breaking is None or breaking.reason not in glass.reasons:
        return False
    return breaking.at <= asker.now < breaking.at + timedelta(minutes=glass.minutes)


def failures_of(term: Term, asker: Asker) -> list[str]:
    """Everything in which a clause does not fit the asking, weightiest first; empty when it fits."""
    state = term.state(asker.day)
    holding = {
        "no-clause": asker.agency in term.to,
        "purpose": asker.purpose in term.purposes,
        "role": bool(asker.roles & term.roles),
        str(state): state in IN_FORCE,
    }
    failed = [code for code, holds in holding.items() if not holds] + unmet(term, asker)
    # Where all else fits, every partner has signed, but not this line: its source, field or issuer came in later.
    return failed or ([] if fits(term, asker) else ["unsigned"])


def given_by(term: Term, asker: Asker) -> frozenset[str]:
    return frozenset[str]().union(*(term.granted[key] for key in asker.keys if _granted(term, key, asker)))


def lacking(term: Term, asker: Asker, rules: RuleSet) -> Lack | None:
    """What of this child stands against a clause; what is the same for every child is looked at first, so that nothing else shows."""
    known, asked = asker.circumstances, term.conditions
    if known is None:
        return None
    if asked.rests_on_registry and not known.readable:
        return Lack("registry-silent", "NOT_ASKED")
    if asked.consent == "required" and not _consent(term, asker, rules).startswith(speaking.GIVEN):
        return Lack("consent", "CONSENT_NEEDED")
    unvouched = _unvouched(term, asker, known)
    if unvouched == "voucher-silent":
        return Lack(unvouched, "NOT_ASKED")
    if not _of_age(term, asker, known):
        return Lack("ages", "NOTHING_TO_SHOW")
    if asked.objection == "counts" and speaking.objects(_about(term, known), known.births, asker.day, rules.jurisdiction):
        return Lack("objection", "NOTHING_TO_SHOW")
    return Lack(unvouched, "NOTHING_TO_SHOW") if unvouched else None


def _consent(term: Term, asker: Asker, rules: RuleSet) -> str:
    known = asker.circumstances or Circumstances()
    return speaking.consent(_about(term, known), term.told, known.births, asker.day, rules.jurisdiction)


def _about(term: Term, known: Circumstances) -> list[Entry]:
    """The entries that bear on a clause.

    What lets more be shown is about this agreement, and this clause of it or all. A no is not lost when clauses get other numbers, or
    another agreement takes the place of this one: it is about the clause that says the same sentence; where none does, about all of them.
    """
    return [each for each in known.recorded if (_no_bears if speaking.restricts(each) else _yes_bears)(each, term)]


def _yes_bears(entry: Entry, term: Term) -> bool:
    return entry.agreement == term.agreement and entry.clause in (None, term.number)


def _no_bears(entry: Entry, term: Term) -> bool:
    if entry.agreement not in (term.agreement, *term.stands_for):
        return False
    told = entry.told or ""
    return entry.clause is None or told == term.told.get(term.number) or told not in term.sentences


def _of_age(term: Term, asker: Asker, known: Circumstances) -> bool:
    """Whether every possible birth date has the ages of the clause. One not typed may still be learnt while nobody was found."""
    if not known.births and known.unfound:
        return True
    return ages.within(known.births, *term.ages, asker.day)


def _unvouched(term: Term, asker: Asker, known: Circumstances) -> str | None:
    """Why nobody has vouched as the clause asks; None when somebody has, or while nobody was looked for yet."""
    if term.conditions.relationship == "none" or (known.vouched is None and known.unfound) or _voucher(term, asker) is not None:
        return None
    # Whoever may declare it is offered to.
    silent = _as_whom(term, known.mute) or term.conditions.relationship == "declared"
    return "voucher-silent" if silent else "relationship"


def _voucher(term: Term, asker: Asker) -> Voucher | None:
    """The strongest who vouches, of those whom the clause takes; the asker alone, with a reason, where one of these has not spoken."""
    known, weakest = asker.circumstances, term.conditions.relationship
    if known is None or weakest == "none" or (known.vouched is None and known.unfound):
        return None
    vouch = _as_whom(term, known.vouched or {})
    may_declare = weakest == "declared" or bool(_as_whom(term, known.mute))
    declares = asker.declared and asker.reason and may_declare
    return next((each for each in _STRONGEST_FIRST if each in vouch), "declared" if declares else None)


def _as_whom(term: Term, sources: Mapping[str, Voucher]) -> frozenset[Voucher]:
    """As whom sources speak, of those that partners have signed as vouching, and that the clause takes."""
    spoken = frozenset(voucher for source, voucher in sources.items() if source in term.vouchers)
    return spoken & {"other-agency"} if term.conditions.relationship == "other-agency" else spoken


def brings(term: Term, given: frozenset[str], asker: Asker, rules: RuleSet) -> dict[str, Any]:
    """What a clause brings along, whoever the child is."""
    asked, glass = term.conditions, term.conditions.break_glass
    return {
        "place": bool(given & term.places),
        "relationship": asked.relationship,
        "vouchers": term.vouchers if asked.relationship != "none" else frozenset(),
        "voucher": _voucher(term, asker),
        "consent": _consent(term, asker, rules) if asked.consent == "required" and asker.circumstances else None,
        "since": ages.back(asker.day, asked.history) if asked.history else None,
        "handling": asked.handling is not None,
        "broken": glass is not None,
        "minutes": glass.minutes if glass else 0,
        "duties": _duties(term),
        "notify": asked.notify,
    }


def _duties(term: Term) -> tuple[str, ...]:
    asked = term.conditions
    told = (TELL_AFTER,) if asked.informing == "after" else ()
    return (*told, ON_CONDITION.format(handling=asked.handling.rstrip("."))) if asked.handling else told
