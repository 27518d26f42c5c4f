"""What each source may be asked for, decided before anybody is asked.

For every (source, record kind) of a question:

1. A refusal in force wins over every permission.
2. Else one clause must permit the whole of it. It fits the asking: the source's agency, the asker's agency, one of the asker's roles, the
   purpose; it is signed by every partner, nobody has suspended it, its days hold; a reason is given, the sign-in is strong enough, the
   family is told first, the glass is broken, where it asks for that. And nothing of this child stands against it: consent where it rests
   on consent, age, objection, relationship. Of several that do, the one that gives most. Clauses are never added up.
3. Shown are the fields that were both asked for and signed. Whatever no clause names is not shown.
4. A no names its reason and the clause that came nearest. One that rests on the child is shown as the answer about a child nobody knows.

Everything here is pure: the same question, rules, circumstances and moment give the same decision.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import msgspec

from connectors.standard import Standard
from portal.agreements.grants import WHOLE
from portal.agreements.rules import RuleSet, Term
from portal.agreements.wording import day as in_words
from portal.clauses import IN_FORCE, Asker, brings, failures_of, fits, given_by, lacking, names, person
from portal.model import Circumstances, Decision, Found, Plan, Practitioner, Ruling

#: What any clause is nearer than: how much fails in it, whether more than that the glass is not broken, and its order.
_PHONE = "To keep a child safe you can still phone and ask."

#: Why something is not shown, in words for the practitioner. The same for every child.
WORDS: dict[str, str] = {
    "no-clause": f"No agreement lets your agency see this from here. {_PHONE}",
    "purpose": f"The agreement does not let you see this for this purpose. {_PHONE}",
    "role": f"The agreement does not let your role see this. {_PHONE}",
    "unsigned": f"Not every partner has signed the agreement for this yet. {_PHONE}",
    "suspended": f"A partner has stopped sharing this for now. {_PHONE}",
    "superseded": f"Another agreement has taken the place of the one for this. {_PHONE}",
    "not-started": f"The agreement for this has not begun yet. {_PHONE}",
    "review-lapsed": f"The agreement for this was not looked at again in time, so nothing is shown under it. {_PHONE}",
    "ended": f"The agreement for this has ended. {_PHONE}",
    "denied-by": f"The agreement says that this is not shown to your role for this purpose. {_PHONE}",
    "break-glass": f"You can see this only if a child may be harmed and you say why. Somebody will check it. {_PHONE}",
    "reason-missing": f"You must say why you ask before you can see this. {_PHONE}",
    "assurance": f"You must sign in more securely before you can see this. {_PHONE}",
    "informing": f"The family must be told before you can see this, and you must say that they were. {_PHONE}",
    "changed": f"The agreement for this changed while you asked. Ask again. {_PHONE}",
    "coverage": f"This source does not cover the time or place. Ask the area where the child lived then. {_PHONE}",
}


def decide(plan: Plan, practitioner: Practitioner, rules: RuleSet, now: datetime, known: Circumstances | None = None) -> Decision:
    """Every yes and every no of one question, each with its clause. ``now`` is aware, ``known`` what is known of this child.

    Before vouchers have been asked it is supposed that one will say yes, and before a child is found that it has the age a clause asks
    for. A source that has no way to look this child up, or covers nothing yet, is ruled on like any other, and then not asked.
    """
    known = known or Circumstances()
    asker = person(plan.question, practitioner, plan.purpose, now, known)
    ruled = [rule(ask.source, ask.kind, ask.fields, asker, rules) for ask in plan.asks]
    rulings = tuple(_not_asked(ruling, plan, asker.day) for ruling, _ in ruled)
    consulted = {term.key: term.hash for _, terms in ruled for term in terms}
    # What a no that rests on this child would have brought along comes all the same, or its absence would tell.
    lean_on = {term.key: term for ruling, terms in ruled if _looks_open(ruling) for term in terms if not term.refuses}
    return Decision(
        at=now,
        rulings=rulings,
        agreements=dict(sorted(consulted.items())),
        place=any(ruling.place for ruling in rulings if _looks_open(ruling)),
        warnings=tuple(_overdue(term) for _, term in sorted(lean_on.items()) if term.state(asker.day) == "review-due"),
        duties=tuple(sorted({duty for ruling in rulings if _looks_open(ruling) for duty in ruling.duties})),
    )


def recheck(decision: Decision, plan: Plan, practitioner: Practitioner, rules: RuleSet, now: datetime, known: Circumstances) -> Decision:
    """What is left of a decision once it is known who vouches, and as whom sources know the child. Nothing is ever added."""
    again = decide(plan, practitioner, rules, now, known)
    rulings = tuple(_capped(first, then) for first, then in zip(decision.rulings, again.rulings, strict=True))
    return _again(decision, again, rulings)


def uphold(decision: Decision, plan: Plan, practitioner: Practitioner, rules: RuleSet, now: datetime, known: Circumstances) -> Decision:
    """What still stands of a decision whose records have come: a yes stands with its own clause, exactly as it was, or falls.

    Consents withdrawn, objections raised, agreements suspended or changed meanwhile count.
    """
    asker = person(plan.question, practitioner, plan.purpose, now, known)
    rulings = tuple(_upheld(ruling, asker, rules) for ruling in decision.rulings)
    return _again(decision, decision, rulings)


def narrow(decision: Decision, found: Found, standard: Standard) -> Decision:
    """What is left of a decision once the sources have said whether a shield binds this child.

    LOCATION, or a shield source still silent or unsure: everything that tells where the child is goes. IDENTITY: the child is
    hidden, and a LOCATION shield beside it must not tell this child from one nobody knows. Nothing is ever added.
    """
    hidden = "IDENTITY" in found.shields
    guarded = ("LOCATION" in found.shields or found.silent) and not hidden
    decision = msgspec.structs.replace(decision, hidden=hidden, guarded=guarded, veiled=found.veiled, unsure=found.unsure)
    if guarded or found.silent or found.unsure:
        rulings = tuple(_without_place(ruling, standard) for ruling in decision.rulings)
        decision = msgspec.structs.replace(decision, rulings=rulings, place=False)
    return decision


def rule(source: str, kind: str, wanted: frozenset[str], asker: Asker, rules: RuleSet) -> tuple[Ruling, tuple[Term, ...]]:
    """The ruling on one (source, kind), and the terms it rests on."""
    refusals = refusals_of(source, kind, asker, rules)
    if total := _total(refusals):
        return _denied(source, kind, "denied-by", total), (total,)
    permissions = rules.permissions(source, kind, asker.agency, asker.roles, asker.purpose)
    fitting = [term for term in permissions[0] if fits(term, asker)]
    if not fitting:
        reason, nearest = closest(permissions, asker)
        return _denied(source, kind, reason, nearest), (nearest,) if nearest else ()
    refused = frozenset[str]().union(*(term.fields for term in refusals))
    ranked = _ranked(fitting, wanted, refused, asker)
    for at, term in enumerate(ranked):
        if lacking(term, asker, rules) is None:
            ruling = _permitted(term, wanted, given_by(term, asker) - refused, asker, rules)
            return _at_most(ruling, ranked[:at]), (term, *refusals)
    against = _shown_against(ranked, asker, rules)
    return _stands_against(against, given_by(against, asker) - refused, asker, rules), (against, *refusals)


def _shown_against(ranked: list[Term], asker: Asker, rules: RuleSet) -> Term:
    """The clause by which a child nobody knows would be asked about: the first that only this child stands against; if none, the first."""
    return next((term for term in ranked if (lack := lacking(term, asker, rules)) and lack.state == "NOTHING_TO_SHOW"), ranked[0])


def _at_most(ruling: Ruling, fell: list[Term]) -> Ruling:
    """The ruling, of no record more sensitive than under the clauses that this child stands against: no withdrawal may open one."""
    ceiling = min((ruling.ceiling, *(term.ceiling for term in fell)))
    existence = min((ruling.existence, *(term.existence for term in fell)))
    return msgspec.structs.replace(ruling, ceiling=ceiling, existence=existence) if fell else ruling


def _ranked(fitting: list[Term], wanted: frozenset[str], refused: frozenset[str], asker: Asker) -> list[Term]:
    """The one that gives most comes first: fields, then tiers. Of equals one against which nobody can object, so that no objection shows
    by the clause that is cited; then the lowest."""
    if len(fitting) == 1:
        return fitting

    def gives(term: Term) -> tuple[int, int, int, bool]:
        fields = len(wanted & given_by(term, asker) - refused)
        return -fields, -int(term.ceiling[1]), -int(term.existence[1]), term.conditions.objection == "counts"

    return sorted(fitting, key=lambda term: (gives(term), term.order))


def refusals_of(source: str, kind: str, asker: Asker, rules: RuleSet) -> tuple[Term, ...]:
    refusals = rules.refusals(source, kind, asker.agency, asker.purpose)
    return tuple(term for term in refusals if names(term, asker) and term.state(asker.day) in IN_FORCE)


def _total(refusals: Iterable[Term]) -> Term | None:
    return next((term for term in refusals if WHOLE in term.fields), None)


def _permitted(term: Term, wanted: frozenset[str], given: frozenset[str], asker: Asker, rules: RuleSet) -> Ruling:
    return Ruling(
        source=term.source, kind=term.kind, permitted=True, fields=wanted & given, ceiling=term.ceiling, existence=term.existence,
        clause=term.clause, sensitive=term.sensitive, floor=term.floor, police=term.police, **brings(term, given, asker, rules),
    )  # fmt: skip


def _stands_against(term: Term, given: frozenset[str], asker: Asker, rules: RuleSet) -> Ruling:
    """A no that rests on this child, or on nobody having vouched or consented: by its clause others are asked about."""
    lack = lacking(term, asker, rules)
    assert lack is not None
    return Ruling(
        source=term.source, kind=term.kind, permitted=False, reason=lack.reason, nearest=term.clause, state=lack.state,
        **brings(term, given, asker, rules),
    )  # fmt: skip


def _denied(source: str, kind: str, reason: str, nearest: Term | None) -> Ruling:
    clause = nearest.clause if nearest else None
    return Ruling(source=source, kind=kind, permitted=False, reason=reason, nearest=clause, state="NOT_PERMITTED")


def closest(terms: Iterable[Iterable[Term]], asker: Asker) -> tuple[str, Term | None]:
    """The clause that comes nearest, and the weightiest thing that fails in it. ``terms`` come as ``RuleSet.permissions`` gives them.

    Nearest are those in which fewest of agency, role and purpose are another's; of these that which breaking the glass would open, for
    whoever must keep a child safe now; then that in which fewest other things fail; then the lowest.
    """
    apart, equals = next(((apart, found) for apart, each in enumerate(terms) if (found := tuple(each))), (0, ()))
    nearest: tuple[tuple[bool, int, tuple[str, int]], list[str], Term] | None = None
    for term in equals:
        failures = failures_of(term, asker)
        distance = (apart > 0 or "break-glass" not in failures, len(failures), term.order)
        if nearest is None or distance < nearest[0]:
            nearest = distance, failures, term
        if apart and len(failures) == apart:
            break  # in each that follows at least so much fails
    return (nearest[1][0] if nearest and nearest[1] else "no-clause"), nearest[2] if nearest else None


def _not_asked(ruling: Ruling, plan: Plan, day: date) -> Ruling:
    if not _looks_open(ruling):
        return ruling
    if plan.begins.get(ruling.source, day) > day:
        return msgspec.structs.replace(ruling, state="OUT_OF_COVERAGE")
    return msgspec.structs.replace(ruling, state="NOT_ASKED") if ruling.source in plan.unfindable else ruling


def _looks_open(ruling: Ruling) -> bool:
    return ruling.permitted or ruling.rests_on_child


def _capped(first: Ruling, then: Ruling) -> Ruling:
    """The second ruling, giving nothing that the first did not. A no stays; but a silent voucher shows for all alike."""
    if first.rests_on_child and first.state == "NOTHING_TO_SHOW" and then.reason == "voucher-silent":
        return then
    if not first.permitted or first.state is not None:
        return first
    if not then.permitted:
        return then
    if then.broken and not first.broken:
        # Whose officers were told, and which reviews were opened, was settled before anybody was asked.
        return msgspec.structs.replace(
            first, permitted=False, fields=frozenset(), reason="changed", nearest=then.clause, clause=None, state="NOT_PERMITTED"
        )
    since = max(filter(None, (first.since, then.since)), default=None)
    return msgspec.structs.replace(
        then, fields=first.fields & then.fields, place=first.place and then.place, floor=max(first.floor, then.floor), since=since,
        ceiling=min(first.ceiling, then.ceiling), existence=min(first.existence, then.existence), handling=first.handling and then.handling,
    )  # fmt: skip


def _upheld(ruling: Ruling, asker: Asker, rules: RuleSet) -> Ruling:
    if not ruling.permitted or ruling.state is not None:
        return ruling
    permissions = rules.permissions(ruling.source, ruling.kind, asker.agency, asker.roles, asker.purpose)
    term = next((each for each in permissions[0] if each.clause == ruling.clause), None)
    refusals = refusals_of(ruling.source, ruling.kind, asker, rules)
    if total := _total(refusals):
        return _denied(ruling.source, ruling.kind, "denied-by", total)
    if term is None or not fits(term, asker):
        return _fallen(ruling, asker, rules)
    given = given_by(term, asker) - frozenset[str]().union(*(each.fields for each in refusals))
    if lacking(term, asker, rules):
        return _stands_against(term, given, asker, rules)
    today = _permitted(term, ruling.fields, given, asker, rules)
    if not _holds(ruling, today):
        return _fallen(ruling, asker, rules)
    return msgspec.structs.replace(ruling, place=ruling.place and today.place)


def _holds(ruling: Ruling, today: Ruling) -> bool:
    """Whether what was decided is still within what the clause gives."""
    tiers = ruling.ceiling <= today.ceiling and ruling.existence <= today.existence and ruling.floor >= today.floor
    window = today.since is None or (ruling.since is not None and ruling.since >= today.since - timedelta(days=1))
    strict = ruling.sensitive >= today.sensitive and ruling.police >= today.police and ruling.handling <= today.handling
    return ruling.fields == today.fields and tiers and window and strict


def _fallen(ruling: Ruling, asker: Asker, rules: RuleSet) -> Ruling:
    """Why a yes fell that was one a moment ago; where another clause would do, one must ask again."""
    now, terms = rule(ruling.source, ruling.kind, ruling.fields, asker, rules)
    return now if now.state == "NOT_PERMITTED" else _denied(ruling.source, ruling.kind, "changed", terms[0])


def _again(decision: Decision, again: Decision, rulings: tuple[Ruling, ...]) -> Decision:
    """The decision with other rulings. Where places may be shown was settled first, alike for every child, and can only be taken back."""
    place = decision.place and any(ruling.place for ruling in rulings if _looks_open(ruling))
    duties = tuple(sorted({duty for ruling in rulings if _looks_open(ruling) for duty in ruling.duties}))
    agreements = dict(sorted({**decision.agreements, **again.agreements}.items()))
    return msgspec.structs.replace(decision, rulings=rulings, agreements=agreements, place=place, duties=duties, warnings=again.warnings)


def _without_place(ruling: Ruling, standard: Standard) -> Ruling:
    fields = standard.kinds[ruling.kind].fields if ruling.kind in standard.kinds else {}
    kept = frozenset(name for name in ruling.fields if name in fields and not fields[name].location)
    return msgspec.structs.replace(ruling, fields=kept, place=False)


def _overdue(term: Term) -> str:
    return (
        f"Agreement {term.agreement} was due for review by {in_words(term.span.review_by)}. "
        f"Unless it is renewed, nothing is shown under it after {in_words(term.span.grace_ends)}."
    )
