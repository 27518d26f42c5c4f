"""Does one clause fit one asking, and does anything of this child stand against it? Pure.

What belongs to the asking (who, in which role, for what, on which day) is the same for every child. What rests on this child (consent,
age, objection, relationship) is looked at apart, and last.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from portal.agreements import ages, speaking
from portal.agreements.rules import RuleSet, Term, as_day
from portal.model import Circumstances, Entry, Informed, OutcomeState, Practitioner, Question, Voucher

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
    rests = asked.rests_on_registry
    if rests and not known.readable:
        return Lack("registry-silent", "NOT_ASKED")
    entries = [each for each in known.recorded if each.agreement == term.agreement and each.clause in (None, term.number)] if rests else []
    if asked.consent == "required" and not _consent(term, entries, asker, rules).startswith(speaking.GIVEN):
        return Lack("consent", "CONSENT_NEEDED")
    unvouched = _unvouched(term, asker, known)
    if unvouched == "voucher-silent":
        return Lack(unvouched, "NOT_ASKED")
    if not _of_age(term, asker, known):
        return Lack("ages", "NOTHING_TO_SHOW")
    if asked.objection == "counts" and speaking.objects(entries, known.births, asker.day, rules.jurisdiction):
        return Lack("objection", "NOTHING_TO_SHOW")
    return Lack(unvouched, "NOTHING_TO_SHOW") if unvouched else None


def _consent(term: Term, entries: Iterable[Entry], asker: Asker, rules: RuleSet) -> str:
    births = asker.circumstances.births if asker.circumstances else ()
    return speaking.consent(entries, term.told, births, asker.day, rules.jurisdiction)


def _of_age(term: Term, asker: Asker, known: Circumstances) -> bool:
    """Whether every possible birth date has the ages of the clause. One not typed may still be learnt while nobody was found."""
    if not known.births and known.unfound:
        return True
    return ages.within(known.births, *term.ages, asker.day)


def _unvouched(term: Term, asker: Asker, known: Circumstances) -> str | None:
    """Why nobody has vouched as the clause asks; None when somebody has, or when it is not yet known."""
    weakest = term.conditions.relationship
    if weakest == "none" or known.vouched is None:
        return None
    takes: frozenset[Voucher] = frozenset({"other-agency"}) if weakest == "other-agency" else frozenset({"other-agency", "own-agency"})
    declares = asker.declared and asker.reason
    if known.vouched & takes or (weakest == "declared" and declares):
        return None
    if known.mute & takes or weakest == "declared":
        return None if declares else "voucher-silent"
    return "relationship"


def brings(term: Term, given: frozenset[str], asker: Asker, rules: RuleSet) -> dict[str, Any]:
    """What a clause brings along, whoever the child is."""
    asked, glass = term.conditions, term.conditions.break_glass
    entries = asker.circumstances.recorded if asker.circumstances else ()
    mine = [each for each in entries if each.agreement == term.agreement and each.clause in (None, term.number)]
    return {
        "place": bool(given & term.places),
        "relationship": asked.relationship,
        "consent": _consent(term, mine, asker, rules) if asked.consent == "required" and asker.circumstances else None,
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
