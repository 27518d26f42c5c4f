"""Which sources, kinds and fields would answer a question. Pure, and says nothing about what is permitted."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from connectors.source import Source
from connectors.standard import Standard
from portal.model import Plan, PlannedAsk, Question

UNKNOWN_PURPOSE = "unknown"


def make_plan(
    question: Question, standard: Standard, sources: Mapping[str, Source], purposes: Mapping[str, str], shield_sources: Collection[str]
) -> Plan:
    """One ask for each (source, kind) wanted that the source provides, sorted, so that nothing depends on order.

    A purpose that the federation does not know becomes ``unknown``: whatever was typed there goes no further. Where what was typed is
    not enough for a shield source to vouch for, no source can be asked: nobody could say whether this child may be shown.
    """
    asks = tuple(
        PlannedAsk(source=source.id, kind=kind, fields=question.wanted[kind] & standard.kinds[kind].fields.keys())
        for source in sorted(sources.values(), key=lambda source: source.id)
        for kind in source.kinds
        if kind in question.wanted
    )
    unfindable = frozenset(source.id for source in sources.values() if not source.can_find(question.subject))
    unsafe = not all(sources[source].can_vouch(question.subject) for source in shield_sources)
    purpose = question.purpose if question.purpose in purposes else UNKNOWN_PURPOSE
    return Plan(
        question=question,
        purpose=purpose,
        asks=asks,
        unfindable=frozenset(sources) if unsafe else unfindable,
        guards=frozenset(shield_sources),
        begins={source.id: begins for source in sources.values() if (begins := source.settings.coverage.from_)},
    )
