"""What an outcome becomes once it is known which shields bind. Pure.

Under an IDENTITY shield whatever any source said reads the same as for an unknown child, in words, shape and order.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from connectors.localtime import day_of
from connectors.release import without_place
from connectors.standard import Standard
from portal.model import Decision, OutcomeState, Plan, Ruling
from portal.outcomes import Outcome

_NEVER_ASKED = frozenset({"NOT_ASKED", "NOT_PERMITTED", "OUT_OF_COVERAGE", "CONSENT_NEEDED"})


def settle(outcome: Outcome, plan: Plan, decision: Decision, standard: Standard) -> Outcome:
    """The outcome after shields, and after what was withdrawn or changed while the source answered.

    Under an IDENTITY shield whatever any source said reads the same as for an unknown child.
    """
    outcome = _as_ruled(outcome, decision)
    if decision.hidden and not _same_for_all(outcome):
        # A child nobody knows who shares name and birth date would be one of too many.
        return _emptied(outcome, "TOO_MANY" if outcome.crowded else "NOTHING_TO_SHOW", "shielded")
    if decision.guarded and outcome.blind is not None and not _same_for_all(outcome):
        # Whatever was typed of the home may have made the difference: nobody may find out by trying.
        outcome = outcome.blind
    if outcome.found and decision.unsure:
        possible = outcome.match and msgspec.structs.replace(outcome.match, band="POSSIBLE")
        outcome = msgspec.structs.replace(_emptied(outcome, "AMBIGUOUS", "match-too-weak"), match=possible)
    if decision.veiled and outcome.state == "AMBIGUOUS":
        return _emptied(outcome, "NOTHING_TO_SHOW", "shielded")
    if decision.place or not outcome.records:
        return outcome
    kind, wanted, today = standard.kinds[outcome.kind], plan.wanted(outcome.source, outcome.kind), day_of(decision.at)
    ceiling = _ruling(outcome, decision).ceiling
    records = tuple(without_place(kind, record, wanted, standard, ceiling, today) for record in outcome.records)
    return msgspec.structs.replace(outcome, records=records)


def unlearnt(settled: list[Outcome], learners: Collection[str]) -> list[Outcome]:
    """The outcomes, where a source that can be asked only by a number learnt elsewhere and shows nothing reads as never asked.

    Of a child nobody knows no number is learnt. That one was, whatever came of it, would tell that another source knows the child.
    """
    speaking = {outcome.source for outcome in settled if outcome.state in ("ANSWERED", "PARTIAL", "AMBIGUOUS")}
    silent = set(learners) - speaking
    return [_never_asked(outcome) if outcome.source in silent else outcome for outcome in settled]


def _never_asked(outcome: Outcome) -> Outcome:
    if outcome.state in _NEVER_ASKED:
        return outcome
    return _emptied(outcome, "NOT_ASKED", outcome.reason or outcome.state.lower().replace("_", "-"))


def _as_ruled(outcome: Outcome, decision: Decision) -> Outcome:
    """The outcome as far as its ruling still stands: a yes that has become a no releases nothing of what has come already."""
    ruling = _ruling(outcome, decision)
    # What the asker has reported reads the same for every kind: which of them rest on this child must not be told by it.
    same = _same_for_all(outcome) or outcome.reason == "reported"
    if ruling.permitted or ruling.state in (None, outcome.state) or (ruling.rests_on_child and same):
        return outcome
    return _emptied(outcome, ruling.state, ruling.reason or "changed")


def _ruling(outcome: Outcome, decision: Decision) -> Ruling:
    return next(each for each in decision.rulings if (each.source, each.kind) == (outcome.source, outcome.kind))


def _same_for_all(outcome: Outcome) -> bool:
    """Whether the outcome says nothing about this child: nobody was asked, or finding failed, or too many share a name and a birth date."""
    return outcome.state in _NEVER_ASKED or (
        not outcome.found and outcome.state in ("TIMED_OUT", "UNAVAILABLE", "REFUSED", "FAILED", "TOO_MANY")
    )


def _emptied(outcome: Outcome, state: OutcomeState, reason: str) -> Outcome:
    return Outcome(source=outcome.source, kind=outcome.kind, state=state, reason=reason, seconds=outcome.seconds)
