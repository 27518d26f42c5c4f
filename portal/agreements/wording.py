"""The paragraph ``In short:`` of a clause, made word for word from its block.

It is what register, page and signer show, so it leaves nothing out that the block decides: one sentence for who, whom, what and when,
then a short one for each condition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from portal.agreements.markdown import IN_SHORT

if TYPE_CHECKING:
    from portal.agreements.conditions import Conditions
    from portal.agreements.documents import KindTerms, Terms, When


def in_short(terms: Terms, standard: str) -> str:
    """The one paragraph that says what a clause's block says. ``standard`` is the version in the agreement's header."""
    verb = _verb(terms)
    kinds = "; and ".join(_kind(name, kind, standard, terms.effect == "deny") for name, kind in terms.kinds.items())
    who = f"{_and(terms.from_)} {verb} {_and(terms.to)} ({', '.join(terms.roles)})"
    said = f"{IN_SHORT} {who}, for {_and(terms.purposes)}: {kinds}{_when(terms.when)}."
    return " ".join((said, *asked_of(terms.conditions)))


def asked_of(conditions: Conditions) -> tuple[str, ...]:
    """One short sentence for each thing that a clause asks for, always in the same order; none for a clause that asks for nothing."""
    each = (_glass, _consent, _relationship, _ages, _history, _asker, _family, _police, _told)
    return tuple(sentence for say in each for sentence in say(conditions))


def _glass(conditions: Conditions) -> Iterator[str]:
    if glass := conditions.break_glass:
        yield f"Only when the glass is broken, for {_or(glass.reasons)}, and then for {glass.minutes} minutes."


def _consent(conditions: Conditions) -> Iterator[str]:
    if conditions.consent == "required":
        yield "Only if consent to this is in force."
    if conditions.objection == "counts":
        yield "Not if there is an objection to this."


def _relationship(conditions: Conditions) -> Iterator[str]:
    if conditions.relationship != "none":
        yield f"Only if {_VOUCHERS[conditions.relationship]} says that the asker works with the child."


def _ages(conditions: Conditions) -> Iterator[str]:
    ages, until = conditions.ages, conditions.until
    if ages:
        who = "children" if until is None else "children and young people"
        yield f"Only for {who} from {ages[0]} to under {ages[1]} years old." if ages[0] else f"Only for {who} under {ages[1]} years old."
    elif until is not None:
        yield f"It goes on after the age of 18, to under {until} years old."


def _history(conditions: Conditions) -> Iterator[str]:
    if conditions.history:
        count, unit = conditions.history[1:-1], _UNITS[conditions.history[-1]]
        yield f"Nothing that is more than {count} {unit}{'' if count == '1' else 's'} old."


def _asker(conditions: Conditions) -> Iterator[str]:
    if conditions.reason == "required":
        yield "The asker must give a reason in words."
    if conditions.assurance:
        yield f"The asker must have signed in at {conditions.assurance} or stronger."


def _family(conditions: Conditions) -> Iterator[str]:
    if conditions.informing == "before":
        yield "The family must have been told before."
    elif conditions.informing == "after":
        yield "The family must be told after."


def _police(conditions: Conditions) -> Iterator[str]:
    if conditions.handling:
        yield f'So are police records that may be shared on a condition, which is: "{conditions.handling}".'


def _told(conditions: Conditions) -> Iterator[str]:
    if conditions.notify:
        yield f"{_and(conditions.notify)} will be told that something was shown, but not of whom."


def day(when: date) -> str:
    """``1 September 2026``."""
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def _verb(terms: Terms) -> str:
    many = len(terms.from_) > 1
    if terms.effect == "deny":
        return "do not show" if many else "does not show"
    return "show" if many else "shows"


def _kind(name: str, kind: KindTerms, standard: str, denied: bool) -> str:
    if denied:
        return f"{name} (none of it)" if kind.fields == "all" else f"{name} ({', '.join(kind.fields)})"
    fields = f"every field of standard {standard} but those about other people" if kind.fields == "all" else ", ".join(kind.fields)
    exists = f"; that a record exists up to {kind.existence}" if kind.existence and kind.existence != kind.ceiling else ""
    return f"{name} ({fields}) up to {kind.ceiling}{exists}"


def _when(when: When) -> str:
    if when.starts and when.ends:
        return f", from {day(when.starts)} to {day(when.ends)}"
    if when.starts:
        return f", from {day(when.starts)}"
    return f", until {day(when.ends)}" if when.ends else ""


def _and(names: Sequence[str]) -> str:
    return _joined(names, " and ")


def _or(names: Sequence[str]) -> str:
    return _joined(names, " or ")


def _joined(names: Sequence[str], last: str) -> str:
    return last.join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]


# Named here and not taken from the locale: the sentence must read the same on every machine.
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_UNITS = {"Y": "year", "M": "month", "D": "day"}
#: Who may say it: the weakest that a clause takes, and whoever is stronger.
_VOUCHERS = {
    "declared": "some agency, or the asker,",
    "own-agency": "some agency, the asker's own or another,",
    "other-agency": "an agency other than the asker's own",
}
