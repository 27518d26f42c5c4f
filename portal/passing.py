"""Which source may be asked with numbers that another has for this child, and with which: the second wave. Pure.

A number typed by nobody, learnt from a certain match, goes to another source only under a clause that shows that source's agency the first
one's Identifier, as it stands: without consent, a relationship, a notice or a broken glass, which nobody here could see to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import combinations

import msgspec

from connectors import Identifier
from connectors.finding import Finding
from connectors.matching.described import describe
from portal.agreements import ages
from portal.agreements.rules import RuleSet, Term
from portal.clauses import Asker, fits, given_by, kind_of_person
from portal.decisions import refusals_of
from portal.model import Plan
from portal.samechild import two_children

_KIND = "Identifier"
_FIELDS = frozenset({"system", "value"})
#: What a clause may ask for and numbers still pass under it: the child's age is known to the portal.
_SEEN_TO = frozenset({"ages", "until"})


class Passes(msgspec.Struct, frozen=True, kw_only=True):
    """Who may learn a number from whom, for one purpose, by the rules of one moment.

    ``tier`` is that of an Identifier in the standard. ``births`` is every birth date that the child may have; None while nobody was looked
    for: then it is supposed that the age is one the clause takes.
    """

    rules: RuleSet
    agency_of: Mapping[str, str]
    roles: Collection[str]
    purpose: str
    now: datetime
    tier: str
    births: tuple[str, ...] | None = None

    def may(self, giver: str, taker: str) -> bool:
        """Whether numbers go from one source to the other, between two systems of one agency as between two agencies."""
        agency = self.agency_of[taker]
        asker = kind_of_person(agency, self.roles, self.purpose, self.now)
        if refusals_of(giver, _KIND, asker, self.rules):
            return False
        terms = self.rules.permissions(giver, _KIND, agency, asker.roles, self.purpose)[0]
        return any(self._under(term, asker) for term in terms)

    def _under(self, term: Term, asker: Asker) -> bool:
        """Whether the clause shows the whole number, of this source, to whoever is meant, and asks for nothing on the way.

        A police record leaves with its handling code alone, and a number on the way has none.
        """
        plain = not term.conditions.said.keys() - _SEEN_TO and not term.police and max(term.floor, self.tier) <= term.ceiling
        of_age = self.births is None or ages.within(self.births, *term.ages, asker.day)
        return plain and of_age and fits(term, asker) and given_by(term, asker) >= _FIELDS


def with_second_wave(plan: Plan, passes: Passes) -> Plan:
    """The plan, with the sources that may be asked later by a number learnt from others, and from which.

    Where no shield source could vouch for what was typed nobody is asked, first or later; and no shield source is ever asked later.
    """
    if plan.guards & plan.unfindable:
        return plan
    wanted = sorted({ask.source for ask in plan.asks} & plan.unfindable)
    givers = sorted(passes.agency_of.keys() - plan.unfindable)
    from_ = {taker: frozenset(giver for giver in givers if passes.may(giver, taker)) for taker in wanted}
    learns = {taker: those for taker, those in from_.items() if those}
    return msgspec.structs.replace(plan, unfindable=plan.unfindable - learns.keys(), learns=learns)


def certain_numbers(found: Mapping[str, Finding], givers: Collection[str]) -> dict[Identifier, frozenset[str]]:
    """The numbers of which the givers are certain, each with those who have it. ``found`` is what every source asked so far has found.

    None where two of those accepted are plainly two children; and of a system of which they have two numbers neither, for one of them is
    superseded, mistyped, or another child's. One that does not fit the record beside it counts for nothing.
    """
    persons = [person for finding in found.values() for person in finding.persons]
    if any(two_children(one, other) for one, other in combinations(persons, 2)):
        return {}
    values: dict[str, set[str]] = {}
    for person in persons:
        for system, known in describe(person).numbers.by_system.items():
            values.setdefault(system, set()).update(known)
    alone = {Identifier(system, *known) for system, known in values.items() if len(known) == 1}
    holders = {number: frozenset(giver for giver in givers if giver in found and _has(found[giver], number)) for number in alone}
    return {number: those for number, those in sorted(holders.items(), key=lambda each: each[0].system) if those}


def _has(finding: Finding, number: Identifier) -> bool:
    known = (describe(person).numbers.by_system.get(number.system, ()) for person in finding.persons)
    return finding.certain and any(number.value in values for values in known)
