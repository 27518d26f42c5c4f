"""Agreements as Cedar policies: a second reading of the same terms, for an evaluator that shares no line with ours.

One ``permit`` for each permitting clause, source and kind, one ``forbid`` for each refusal; ``@id`` is the citation. Cedar's own rules do
the rest: a forbid wins, and what nothing permits is denied. It is no part of answering; see docs/decisions/0011-native-evaluator.md.

What is asked of Cedar: may ``principal`` see ``resource``, one field of one kind at one source? The field ``-`` stands for the record's
existence. Days are whole numbers (20261122), so that adding 180000 to a birth date gives the eighteenth birthday: of a child born on
29 February too, for whom no day lies between 28 February and 1 March. What a caller must say in ``context`` is in ``SCHEMA``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from portal.agreements.grants import EXISTS, WHOLE
from portal.agreements.rules import RuleSet, Term
from portal.agreements.wording import day as in_words

SCHEMA = """
entity Kind;
// said: the issuer|agency|role that the token says.
entity Person { agency: String, roles: Set<String>, said: Set<String>, assured: Set<String> };
entity Field in [Kind] { field: String };
action see appliesTo {
  principal: [Person],
  resource: [Field],
  context: {
    purpose: String,
    day: Long,
    reason: Bool,
    declared: Bool,
    informed?: String,
    glass?: { reason: String, microseconds: Long },
    // The last and the first day that may be the child's birthday; absent while no birth date is known.
    youngest?: Long,
    oldest?: Long,
    unfound: Bool,
    readable: Bool,
    // The clauses for which the registry has a consent in force, or an objection.
    consented: Set<String>,
    objected: Set<String>,
    // Absent until vouchers were asked; as whom a source speaks, and the source: other-agency|northshire-nhs.
    vouched?: Set<String>,
    mute: Set<String>,
  },
};
"""
#: A year, in days written as whole numbers.
_YEAR = 10_000
_TAKES = {"declared": ("other-agency", "own-agency"), "own-agency": ("other-agency", "own-agency"), "other-agency": ("other-agency",)}


def cedar_text(rules: RuleSet) -> str:
    """Every term as one policy, in order. A clause that is unsigned or suspended is a comment: on no day does it give anything."""
    return "\n".join(_policy(term) for term in rules.terms)


def number_of(day: date) -> int:
    """A day as policies write it: 20261122."""
    return day.year * _YEAR + day.month * 100 + day.day


def resource_of(source: str, kind: str, field: str = "") -> str:
    """The id of a field; without one, that of the kind which it is in."""
    return f"{source}/{kind}/{field}" if field else f"{source}/{kind}"


def _policy(term: Term) -> str:
    if not term.signed or (term.suspended and not term.refuses):
        return f"// {term.clause}, {term.kind} of {term.source}: {'suspended' if term.signed else 'not signed by every partner'}.\n"
    effect, conditions = ("forbid", _refusal(term)) if term.refuses else ("permit", _permission(term))
    scope = f'principal, action == Action::"see", resource in Kind::{_text(resource_of(term.source, term.kind))}'
    when = "".join(f"when {{ {condition} }} // {said}\n" for condition, said in conditions)
    return f"@id({_text(term.clause)})\n{effect} ({scope})\n{when};\n"


def _refusal(term: Term) -> Iterator[tuple[str, str]]:
    span = term.span
    yield _days(span.first, span.own_last), "a refusal ends on its own last day alone"
    yield f"{_among(term.to)}.contains(principal.agency) && principal.roles.containsAny({_among(term.roles)})", "to whom"
    yield f"{_among(term.purposes)}.contains(context.purpose)", "for what"
    if WHOLE not in term.fields:
        yield f"{_among(term.fields)}.contains(resource.field)", "which fields"


def _permission(term: Term) -> Iterator[tuple[str, str]]:
    span = term.span
    lasts = [day for day in (span.last, span.grace_ends) if day]
    yield _days(span.first, min(lasts)), f"review by {in_words(span.review_by)}"
    if term.superseded_from:
        yield f"context.day < {number_of(term.superseded_from)}", "another stands in its place from then on"
    yield " || ".join(_granted(term)) or "false", "who, in which role, for what, which fields"
    yield from _asked(term)
    yield from _of_this_child(term)


def _granted(term: Term) -> Iterator[str]:
    """What was signed, line by line; and whose word is taken that somebody holds the role."""
    for (to, role, purpose), fields in sorted(term.granted.items(), key=lambda item: item[0]):
        issuers = sorted(f"{issuer}|{to}|{role}" for issuer, agency, held in term.asserted if (agency, held) == (to, role))
        if issuers:
            who = f"principal.agency == {_text(to)} && principal.roles.contains({_text(role)})"
            said = f"principal.said.containsAny({_among(issuers)})"
            yield f"({who} && {said} && context.purpose == {_text(purpose)} && {_among({*fields, EXISTS})}.contains(resource.field))"


def _asked(term: Term) -> Iterator[tuple[str, str]]:
    """What is asked of whoever asks."""
    asked, glass = term.conditions, term.conditions.break_glass
    if glass:
        running = f"context.glass.microseconds >= 0 && context.glass.microseconds < {glass.minutes * 60_000_000}"
        yield f"context has glass && {_among(glass.reasons)}.contains(context.glass.reason) && {running}", "only when the glass is broken"
    if asked.reason == "required":
        yield "context.reason", "a reason in words"
    if asked.assurance:
        yield f"principal.assured.contains({_text(asked.assurance)})", "how strongly signed in"
    if asked.informing == "before":
        yield 'context has informed && context.informed == "YES"', "the family was told before"


def _of_this_child(term: Term) -> Iterator[tuple[str, str]]:
    """What rests on the child."""
    asked, (first, last) = term.conditions, term.ages
    if asked.consent == "required" or asked.objection == "counts":
        yield "context.readable", "the registry can be read"
    if asked.consent == "required":
        yield f"context.consented.contains({_text(term.clause)})", "consent is in force"
    if asked.objection == "counts":
        yield f"!context.objected.contains({_text(term.clause)})", "nobody objects"
    if asked.relationship != "none":
        yield _vouched(asked.relationship, term.vouchers), "somebody says that the asker works with the child"
    old = f" && context.youngest + {first * _YEAR} <= context.day" if first is not None else ""
    known = f"context has youngest && context has oldest{old} && context.oldest + {last * _YEAR} > context.day"
    yield f"(!(context has youngest) && context.unfound) || ({known})", "the age, for every birth date that may be the child's"


def _vouched(weakest: str, vouchers: Iterable[str]) -> str:
    takes = _among(f"{voucher}|{source}" for voucher in _TAKES[weakest] for source in vouchers)
    silent = "" if weakest == "declared" else f" && context.mute.containsAny({takes})"
    somebody = f"(context has vouched && context.vouched.containsAny({takes}))"
    supposed = "(!(context has vouched) && context.unfound)"
    heard = "(context has vouched || !context.unfound)"
    return f"{somebody} || {supposed} || ({heard} && context.declared && context.reason{silent})"


def _days(first: date, last: date | None) -> str:
    until = f" && context.day <= {number_of(last)}" if last else ""
    return f"context.day >= {number_of(first)}{until}"


def _among(names: Iterable[str]) -> str:
    return f"[{', '.join(_text(name) for name in sorted(names))}]"


def _text(name: str) -> str:
    escaped = "".join(f"\\u{{{ord(letter):x}}}" if letter in '"\\' or not letter.isprintable() else letter for letter in name)
    return f'"{escaped}"'
