"""Records side by side: the same fact told by two sources once, oldest first; nothing lost, nothing invented. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import groupby

import msgspec

from connectors.standard import Kind, Provenance, Standard
from portal.outcomes import Outcome


def side_by_side(name: str, outcomes: Iterable[Outcome], standard: Standard, wanted: frozenset[str]) -> tuple[msgspec.Struct, ...]:
    """All records of a kind, the same fact once, oldest first, those without a date last."""
    kind = standard.kinds[name]
    whole = own_fields(kind, standard) <= wanted
    facts: list[msgspec.Struct] = []
    alike: dict[object, list[int]] = {}
    for record in _in_order(record for outcome in outcomes if outcome.kind == name for record in outcome.records):
        # Only records of one day and headline can tell the same fact: each is compared with those, not with all.
        gist = _gist(kind, record) if whole and not record.held else None  # type: ignore[attr-defined]
        places = [] if gist is None else alike.setdefault(gist, [])
        twin = next((at for at in places if _same_fact(kind, facts[at], record)), None)
        if twin is None:
            places.append(len(facts))
            facts.append(record)
        else:
            both = sorted((*told_by(facts[twin]), *told_by(record)), key=lambda each: each.source)
            facts[twin] = msgspec.structs.replace(facts[twin], provenance=tuple(both))
    return tuple(facts)


def _in_order(records: Iterable[msgspec.Struct]) -> Iterable[msgspec.Struct]:
    """Oldest first, those without a date last; of one moment by who told it, and only where even that is the same by what it says."""
    key = _moment_and_teller
    for _, same in groupby(sorted(records, key=key), key=key):
        told = list(same)
        yield from told if len(told) == 1 else sorted(told, key=content)


def _gist(kind: Kind, record: msgspec.Struct) -> tuple[str, object] | None:
    """The full date and the headline of a record; None where it lacks one of them, and so is nobody else's fact."""
    on, headline = getattr(record, "occurredOn", None), getattr(record, kind.headline) if kind.headline else None
    return (on, headline) if on is not None and len(on) == len("2014-02-03") and headline is not None else None


def _same_fact(kind: Kind, one: msgspec.Struct, other: msgspec.Struct) -> bool:
    """Two sources tell the same fact: both were asked for all that can be said of it, nothing is held back, and they say it alike."""
    if {each.source for each in told_by(one)} & {each.source for each in told_by(other)}:
        return False
    return all(getattr(one, name) == getattr(other, name) for name in (*kind.fields, "held", "tier") if name not in ("id", "contact"))


def own_fields(kind: Kind, standard: Standard) -> frozenset[str]:
    """The fields of a kind that are not the envelope's."""
    return frozenset(kind.fields) - frozenset.intersection(*(frozenset(each.fields) for each in standard.kinds.values()))


def _moment_and_teller(record: msgspec.Struct) -> tuple[bool, str, str, str]:
    on = getattr(record, "occurredOn", None)
    return on is None, on or "", told_by(record)[0].source, str(getattr(record, "id", ""))


def told_by(record: msgspec.Struct) -> tuple[Provenance, ...]:
    return record.provenance  # type: ignore[attr-defined,no-any-return]


def content(record: msgspec.Struct) -> bytes:
    """What a record says, as canonical JSON, without when it was fetched: the bytes that the log digests."""
    said = {name: value for name, value in msgspec.to_builtins(record).items() if value is not None and name != "provenance"}
    return json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
