"""How fast agreements decide, and how fast they load: five hundred of them, and a plan of all that twelve agencies hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TypeVar

from connectors.standard import Standard
from portal.agreements import Agreements, RuleSet, load_agreements
from portal.agreements.rules import rule_set
from portal.decisions import decide
from portal.model import Circumstances, Plan, Practitioner
from tests.bench import many

#: What was measured and what came out, in words.
Lines = list[tuple[str, str]]
COUNT, ROUNDS = 500, 5
_T = TypeVar("_T")


def lines(folder: Path, standard: Standard) -> Lines:
    """Write the agreements, load them, decide by them. Asserts no time."""
    words = many.vocabulary(standard)
    many.write(folder, words, COUNT)
    loaded = load_agreements(folder, words)
    return [*_deciding(loaded, standard), _loading(folder, loaded)]


def _deciding(loaded: Agreements, standard: Standard) -> Lines:
    """Every kind of asker asks for everything: the first time anybody of that role at that agency asks, and from then on."""
    plan, known, askers, rules = many.plan(standard), many.known(), many.askers(), loaded.rules
    fields = sum(len(ask.fields) for ask in plan.asks) * len(askers)
    rulings = [ruling for who in askers for ruling in decide(plan, who, rules, many.NOW, known).rulings]
    yes, clauses = sum(ruling.permitted for ruling in rulings), len({ruling.clause for ruling in rulings})
    title = f"decide, {len(many.AGENCIES)} sources x {len(many.KINDS)} kinds x 8 fields, {len(loaded.entries)} agreements"
    first = _seconds(lambda fresh: _ask_all(plan, askers, fresh, known), lambda: _fresh(rules))
    again = _seconds(lambda kept: _ask_all(plan, askers, kept, known), lambda: rules)
    return [
        (title, f"{fields / again:,.0f} fields a second and core, every no explained"),
        ("the same, each kind of asker for the first time", f"{fields / first:,.0f} fields a second and core"),
        ("of those", f"{yes / len(rulings):.0%} yes by {clauses:,} clauses; {again / len(rulings) * 1e6:.1f} µs a (source, kind)"),
    ]


def _ask_all(plan: Plan, askers: list[Practitioner], rules: RuleSet, known: Circumstances) -> None:
    for who in askers:
        decide(plan, who, rules, many.NOW, known)


def _fresh(rules: RuleSet) -> RuleSet:
    """The same rules, indexed, and by nobody asked yet."""
    fresh = rule_set(rules.terms, jurisdiction=rules.jurisdiction)
    return _indexed(fresh)


def _indexed(rules: RuleSet) -> RuleSet:
    rules.about("", "")
    rules.refusals("", "", "", "")
    return rules


def _loading(folder: Path, loaded: Agreements) -> tuple[str, str]:
    spent = _seconds(lambda _: _indexed(load_agreements(folder, loaded.vocabulary).rules), lambda: None)
    files = list(folder.iterdir())
    size = sum(path.stat().st_size for path in files) / 2**20
    signed = sum(len(entry.signed.grants) for entry in loaded.entries)
    signatures = sum(len(entry.signed.signature) for entry in loaded.entries)
    title = f"load {len(loaded.entries)} agreements: parse, verify, expand, index"
    return title, f"{spent:.2f} s of processor time; {size:.0f} MiB, {signed:,} signed lines, {signatures:,} signatures"


def _seconds(work: Callable[[_T], object], prepare: Callable[[], _T]) -> float:
    """Processor seconds, the median of some rounds; what is prepared is not counted."""
    spent = []
    for _ in range(ROUNDS):
        given = prepare()
        start = time.process_time()
        work(given)
        spent.append(time.process_time() - start)
    return median(spent)
