"""What each source may be asked for, decided before anybody is asked.

For every (source, record kind) of a question:

1. A refusal in force wins over every permission.
2. Else one clause must permit the whole of it: it names the source's agency, the asker's agency, one of the asker's
   roles and the purpose, it is signed by every partner, and its days hold. Clauses are never added up.
3. Shown are the fields that were both asked for and signed. Whatever no clause names is not shown.
4. A no names its reason and the clause that came nearest. It is the same for every child, because no child was looked at.

Everything here is pure: the same question, rules and moment give the same decision.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Protocol

import msgspec

from connectors.standard import ALWAYS, Standard
from portal.agreements.grants import WHOLE
from portal.agreements.rules import RuleSet, Term, as_day
from portal.agreements.wording import day as in_words
from portal.model import Decision, Found, Plan, Practitioner, Ruling

_PHONE = "To keep a child safe you can still phone and ask."

#: Why something is not shown, in words for the practitioner. The same for every child.
WORDS: dict[str, str] = {
    "no-clause": f"No agreement lets your agency see this from here. {_PHONE}",
    "purpose": f"The agreement does not let you see this for this purpose. {_PHONE}",
    "role": f"The agreement does not let your role see this. {_PHONE}",
    "unsigned": f"Not every partner has signed the agreement for this yet. {_PHONE}",
    "suspended": f"A partner has stopped sharing this for now. {_PHONE}",
    "not-started": f"The agreement for this has not begun yet. {_PHONE}",
    "review-lapsed": f"The agreement for this was not looked at again in time, so nothing is shown under it. {_PHONE}",
    "ended": f"The agreement for this has ended. {_PHONE}",
    "denied-by": f"The agreement says that this is not shown to your role for this purpose. {_PHONE}",
    "reason-missing": f"You must say why you ask before you can see this. {_PHONE}",
    "assurance": f"You must sign in more securely before you can see this. {_PHONE}",
    "coverage": f"This source does not cover the time or place. Ask the area where the child lived then. {_PHONE}",
}

IN_FORCE = frozenset({"in-force", "review-due"})


class Holding(Protocol):
    """What ``explain`` needs to know of a source: the record kinds it holds."""

    @property
    def kinds(self) -> Collection[str]: ...


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the answer to "what could I see?": for a kind refused, ``field`` is None; else one line for each field."""

    source: str
    kind: str
    field: str | None
    permitted: bool
    clause: str | None
    reason: str | None
    nearest: str | None
    words: str


class _Asker(msgspec.Struct, frozen=True):
    """A kind of person asking for a purpose on a day; nothing here knows a child. ``keys`` are what grants are looked up by."""

    agency: str
    roles: frozenset[str]
    purpose: str
    day: date
    keys: tuple[tuple[str, str, str], ...]


def decide(plan: Plan, practitioner: Practitioner, rules: RuleSet, now: datetime) -> Decision:
    """Every yes and every no of one question, each with its clause. ``now`` is aware.

    A source that has no way to look this child up, or covers nothing yet, is ruled on like any other, and then not asked.
    """
    asker = _asker(practitioner.agency, practitioner.roles, plan.purpose, now)
    ruled = [_rule(ask.source, ask.kind, ask.fields, asker, rules) for ask in plan.asks]
    rulings = tuple(_not_asked(ruling, plan, asker.day) for ruling, _ in ruled)
    consulted = {term.key: term.hash for _, terms in ruled for term in terms}
    lean_on = {term.key: term for ruling, terms in ruled if ruling.permitted for term in terms if not term.refuses}
    return Decision(
        at=now,
        rulings=rulings,
        agreements=dict(sorted(consulted.items())),
        place=any(ruling.place for ruling in rulings if ruling.permitted),
        warnings=tuple(_overdue(term) for _, term in sorted(lean_on.items()) if term.state(asker.day) == "review-due"),
    )


def narrow(decision: Decision, found: Found, standard: Standard) -> Decision:
    """What is left of a decision once the sources have said whether a shield binds this child.

    LOCATION, or a shield source still silent or unsure: everything that tells where the child is goes. IDENTITY: the child is
    hidden, and a LOCATION shield beside it must not tell this child from one nobody knows. Nothing is ever added.
    """
    hidden = "IDENTITY" in found.shields
    guarded = "LOCATION" in found.shields and not hidden
    decision = msgspec.structs.replace(decision, hidden=hidden, guarded=guarded, veiled=found.veiled, unsure=found.unsure)
    if found.silent or found.unsure or guarded:
        rulings = tuple(_without_place(ruling, standard) for ruling in decision.rulings)
        decision = msgspec.structs.replace(decision, rulings=rulings, place=False)
    return decision


def explain(
    rules: RuleSet, standard: Standard, sources: Mapping[str, Holding], purpose: str, roles: Iterable[str], agency: str,
    kinds: Collection[str] | None, now: datetime,
) -> tuple[Explained, ...]:  # fmt: skip
    """What a kind of person could see for a purpose, from every source: takes no child and asks nobody.

    ``kinds`` None means all. Sorted by source, kind and field.
    """
    asker = _asker(agency, roles, purpose, now)
    lines: list[Explained] = []
    for source in sorted(sources):
        for kind in sorted(name for name in sources[source].kinds if name in standard.kinds and (kinds is None or name in kinds)):
            lines += _explained(source, kind, standard.kinds[kind].fields.keys() - ALWAYS, asker, rules)
    return tuple(lines)


def _asker(agency: str, roles: Iterable[str], purpose: str, now: datetime) -> _Asker:
    held = frozenset(roles)
    return _Asker(agency, held, purpose, as_day(now), tuple((agency, role, purpose) for role in sorted(held)))


def _rule(source: str, kind: str, wanted: frozenset[str], asker: _Asker, rules: RuleSet) -> tuple[Ruling, tuple[Term, ...]]:
    """The ruling on one (source, kind), and the terms it rests on."""
    refusals = _refusals(source, kind, asker, rules)
    total = next((term for term in refusals if WHOLE in term.fields), None)
    if total:
        return _denied(source, kind, "denied-by", total), (total,)
    permits = [term for term in rules.applying(source, kind, asker.purpose) if not term.refuses and _applies(term, asker)]
    if not permits:
        return _nearest(source, kind, asker, rules)
    refused = frozenset[str]().union(*(term.fields for term in refusals))
    best = min(permits, key=lambda term: (-len(wanted & _given(term, asker) - refused), term.order))
    return _permitted(best, wanted, _given(best, asker) - refused), (best, *refusals)


def _refusals(source: str, kind: str, asker: _Asker, rules: RuleSet) -> tuple[Term, ...]:
    applying = rules.applying(source, kind, asker.purpose)
    return tuple(term for term in applying if term.refuses and _applies(term, asker))


def _applies(term: Term, asker: _Asker) -> bool:
    """Whether a clause that names the purpose fits the asker and is in force; of a permission, also whether it was signed."""
    if asker.agency not in term.to or asker.roles.isdisjoint(term.roles) or term.state(asker.day) not in IN_FORCE:
        return False
    return term.refuses or any(key in term.granted for key in asker.keys)


def _failures(term: Term, asker: _Asker) -> list[str]:
    """Everything in which a clause does not fit the asker, weightiest first; empty when it applies."""
    state = term.state(asker.day)
    fits = {
        "no-clause": asker.agency in term.to,
        "purpose": asker.purpose in term.purposes,
        "role": bool(asker.roles & term.roles),
        str(state): state in IN_FORCE,
    }
    failed = [code for code, holds in fits.items() if not holds]
    # Where all else fits, every partner has signed, but not this line: its source or field came in later.
    return failed or ([] if _applies(term, asker) else ["unsigned"])


def _given(term: Term, asker: _Asker) -> frozenset[str]:
    return frozenset[str]().union(*(term.granted.get(key, frozenset()) for key in asker.keys))


def _permitted(term: Term, wanted: frozenset[str], given: frozenset[str]) -> Ruling:
    return Ruling(
        source=term.source, kind=term.kind, permitted=True, fields=wanted & given, ceiling=term.ceiling, existence=term.existence,
        clause=term.clause, sensitive=term.sensitive, place=bool(given & term.places),
    )  # fmt: skip


def _denied(source: str, kind: str, reason: str, nearest: Term | None) -> Ruling:
    clause = nearest.clause if nearest else None
    return Ruling(source=source, kind=kind, permitted=False, reason=reason, nearest=clause, state="NOT_PERMITTED")


def _nearest(source: str, kind: str, asker: _Asker, rules: RuleSet) -> tuple[Ruling, tuple[Term, ...]]:
    reason, term = _closest((term for term in rules.about(source, kind) if not term.refuses), asker)
    return _denied(source, kind, reason, term), (term,) if term else ()


def _closest(terms: Iterable[Term], asker: _Asker) -> tuple[str, Term | None]:
    """The clause in which fewest things fail, the lowest of several, and the weightiest thing that fails in it."""
    failing = [(_failures(term, asker), term) for term in terms]
    if not failing:
        return "no-clause", None
    failures, term = min(failing, key=lambda pair: (len(pair[0]), pair[1].order))
    return (failures[0] if failures else "no-clause"), term


def _not_asked(ruling: Ruling, plan: Plan, day: date) -> Ruling:
    if not ruling.permitted:
        return ruling
    if plan.begins.get(ruling.source, day) > day:
        return msgspec.structs.replace(ruling, state="OUT_OF_COVERAGE")
    return msgspec.structs.replace(ruling, state="NOT_ASKED") if ruling.source in plan.unfindable else ruling


def _without_place(ruling: Ruling, standard: Standard) -> Ruling:
    fields = standard.kinds[ruling.kind].fields if ruling.kind in standard.kinds else {}
    kept = frozenset(name for name in ruling.fields if name in fields and not fields[name].location)
    return msgspec.structs.replace(ruling, fields=kept, place=False)


def _overdue(term: Term) -> str:
    return (
        f"Agreement {term.agreement} was due for review by {in_words(term.span.review_by)}. "
        f"Unless it is renewed, nothing is shown under it after {in_words(term.span.grace_ends)}."
    )


def _explained(source: str, kind: str, fields: Collection[str], asker: _Asker, rules: RuleSet) -> Iterable[Explained]:
    ruling, _ = _rule(source, kind, frozenset(fields), asker, rules)
    if not ruling.permitted:
        yield _line(ruling, None, ruling.reason, ruling.nearest)
        return
    for field in sorted(fields):
        if field in ruling.fields:
            yield _line(ruling, field, None, None)
        else:
            yield _line(ruling, field, *_why_not(ruling, field, asker, rules))


def _why_not(ruling: Ruling, field: str, asker: _Asker, rules: RuleSet) -> tuple[str, str | None]:
    """Why a field is not shown though its kind is: a refusal, or no clause that gives both; and the nearest that gives it."""
    refusing = [term for term in _refusals(ruling.source, ruling.kind, asker, rules) if field in term.fields]
    if refusing:
        return "denied-by", min(refusing, key=lambda term: term.order).clause
    others = (term for term in rules.about(ruling.source, ruling.kind) if not term.refuses and field in term.fields)
    _, nearest = _closest(others, asker)
    return "no-clause", nearest.clause if nearest else ruling.clause


def _line(ruling: Ruling, field: str | None, reason: str | None, nearest: str | None) -> Explained:
    permitted = reason is None
    words = f"{ruling.clause} lets this role see this for this purpose." if permitted else WORDS[reason or "no-clause"]
    return Explained(
        source=ruling.source, kind=ruling.kind, field=field, permitted=permitted, clause=ruling.clause if permitted else None,
        reason=reason, nearest=nearest, words=words,
    )  # fmt: skip
