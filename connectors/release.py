"""What may leave a source: pure rules, applied to every record before it is counted, limited or shown.

A record either leaves with the fields that are permitted, leaves as a bare sign that it exists, or is withheld for a
reason that only the log may name. Hidden records are weighed before they are validated, so that a bad hidden record
cannot be told from none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from connectors.scalars import CHECKERS
from connectors.standard import TIERS, Field, Held, Kind, Provenance, Standard

HELD_PLACE = (
    "Where this child lives or goes to school is not shown here. Ask the lead worker. Do not pass on an address you find some other way."
)
HELD_CLAUSE = "The agreement does not let your role see this. To keep a child safe you can still phone."
HELD_TEXT = "Text held back: nobody has read it for other people's details yet. Phone and ask."
HELD_TIER = "This is too sensitive to show here. Phone if you need to know."
HELD_EXISTS = "There is a record here that your role may not read. Phone if you need to know."

#: Fields whose value can name a sensitive service; compared with the federation's ``sensitive_services``.
_NAMING_SERVICE = ("service", "serviceType", "setting", "authorRole", "role", "team", "agencyName", "base", "sourceCode")
_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


class KindRule(msgspec.Struct, frozen=True, kw_only=True):
    """What may leave of one kind: fields wanted, fields permitted, and the highest tiers shown.

    ``since`` is the first day of the clause's window: a record that may be older stays. ``handling`` says that the clause carries the
    condition under which the police share. ``tier`` and ``police`` are what was signed of the source: floors, which only ever withhold.
    """

    wanted: frozenset[str]
    permitted: frozenset[str]
    ceiling: str
    existence: str
    sensitive: frozenset[str] = frozenset()
    since: date | None = None
    handling: bool = False
    tier: str | None = None
    police: bool = False


class SourceRule(msgspec.Struct, frozen=True, kw_only=True):
    """What the source itself adds: a tier it raises to, the service it is, whether its records are police records."""

    tier: str | None = None
    service: str | None = None
    police: bool = False


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What the portal's side writes on every record that leaves: where it came from and whom to phone."""

    provenance: Provenance
    contact: str


def withheld(kind: Kind, fields: Mapping[str, Any], rule: KindRule, source: SourceRule, today: date) -> str | None:
    """The true reason why a record must not leave, not even as a sign that it exists; None if it may.

    Works on the author's fields before they are validated. Reasons are codes for the log, never shown.
    """
    if fields.get("status") in ("ENTERED_IN_ERROR", "SUPERSEDED"):
        return "superseded"
    if _past(fields.get("retainUntil"), today):
        return "retention"
    if fields.get("thirdParty") == "INFORMANT":
        return "informant"
    if not _handled(kind, fields.get("handlingCode"), rule, source):
        return "handling"
    if rule.since and _may_be_older(fields.get("occurredOn"), rule.since):
        return "history"
    tier = record_tier(kind, fields, rule, source)
    return "tier" if tier == "T5" or tier > rule.existence else None


def record_tier(kind: Kind, fields: Mapping[str, Any], rule: KindRule, source: SourceRule) -> str:
    """The highest tier that the schema, the source, what was signed of it, the record and the list of sensitive services give."""
    services = [source.service, *(fields.get(name) for name in _NAMING_SERVICE)]
    lifted = "T4" if any(is_sensitive(service, rule.sensitive) for service in services) else "T1"
    return max(kind.tier, lifted, *(_level(said) for said in (source.tier, rule.tier, fields.get("tier"))))


def release(
    kind: Kind, payload: msgspec.Struct, rule: KindRule, source: SourceRule, stamp: Stamp, standard: Standard, place: bool, today: date
) -> msgspec.Struct:
    """The record as it leaves: permitted fields with their values, everything else wanted held with words."""
    fields = msgspec.structs.asdict(payload)
    tier = record_tier(kind, fields, rule, source)
    envelope = {"id": fields["id"], "kind": kind.name, "tier": tier, "contact": stamp.contact, "provenance": (stamp.provenance,)}
    if tier > rule.ceiling:
        return kind.record(**envelope, held=(Held(None, HELD_EXISTS),))
    shown: dict[str, Any] = {}
    held: list[Held] = []
    checked = fields.get("thirdPartyChecked") is True
    for name in sorted(rule.wanted):
        field, value = kind.fields[name], fields.get(name)
        words = _held_words(field, value, rule, place, checked, _future(name, value, today))
        if words:
            held.append(Held(name, words))
        else:
            shown[name] = _pruned(field, _ordinary(value, rule), standard, place, checked, held, rule.ceiling)
    return kind.record(**envelope, **shown, held=tuple(held))


def without_place(
    kind: Kind, record: msgspec.Struct, wanted: Iterable[str], standard: Standard, ceiling: str, today: date
) -> msgspec.Struct:
    """The record without its places, nor a day that lies ahead, exactly as if they had been withheld from the start: a shield came late."""
    held: list[Held] = list(record.held)  # type: ignore[attr-defined]
    if any(each.field is None for each in held):
        return record
    taken: dict[str, Any] = {}
    for name in sorted(kind.fields.keys() & set(wanted)):
        field, value = kind.fields[name], getattr(record, name)
        if field.location or _future(name, value, today):
            taken[name] = None
            held = [each for each in held if each.field != name] + [Held(name, HELD_PLACE)]
        elif field.nested and value is not None:
            # What else was to be pruned has gone already, and its text was checked; only the place is new.
            taken[name] = _pruned(field, value, standard, False, True, held, ceiling)
    order = {name: position for position, name in enumerate(sorted(wanted))}
    held.sort(key=lambda each: order[(each.field or "").partition(".")[0]])
    return msgspec.structs.replace(record, **taken, held=tuple(held))


def _level(said: Any) -> str:
    """A tier as somebody gave it: none lifts nothing, and one nobody knows is the most careful one."""
    return "T1" if said is None else said if said in TIERS else "T5"


def _handled(kind: Kind, code: Any, rule: KindRule, source: SourceRule) -> bool:
    """Whether the police let it go: not without a code that says so, and under a condition only where the clause carries it."""
    if code is None:
        return not (source.police or rule.police or kind.name == "PoliceEvent")
    return code == "MAY_BE_SHARED" or (rule.handling and code == "MAY_BE_SHARED_UNDER_CONDITION")


def _may_be_older(on: Any, since: date) -> bool:
    """Whether a record may be from before a window: by the first day its date can mean, and always where it has none.

    One that cannot be read is left to validation, which sets the record aside and counts it.
    """
    if on is None:
        return True
    try:
        first = f"{CHECKERS['PartialDate'](str(on)[:10])}-01-01"[:10]
    except ValueError:
        return False
    return first < since.isoformat()


def _held_words(field: Field, value: Any, rule: KindRule, place: bool, checked: bool, future: bool) -> str | None:
    if field.location and not (place and field.name in rule.permitted):
        return HELD_PLACE
    if field.name not in rule.permitted:
        return HELD_CLAUSE
    if future and not place:
        # A contact still to come tells where the child will be.
        return HELD_PLACE
    if (field.tier or "T1") > rule.ceiling:
        return HELD_TIER
    return HELD_TEXT if field.free_text and value is not None and not checked else None


def _ordinary(value: Any, rule: KindRule) -> Any:
    """Of objects inside a record, those that name no sensitive service; the others are T4, existence included."""
    if rule.existence >= "T4" or not isinstance(value, tuple):
        return value
    return tuple(each for each in value if not (isinstance(each, msgspec.Struct) and _names_sensitive(each, rule.sensitive)))


def _names_sensitive(inner: msgspec.Struct, sensitive: Iterable[str]) -> bool:
    return any(is_sensitive(getattr(inner, name, None), sensitive) for name in _NAMING_SERVICE)


def _pruned(field: Field, value: Any, standard: Standard, place: bool, checked: bool, held: list[Held], ceiling: str) -> Any:
    """Take from nested objects what may not be shown; each thing taken is named once in ``held``."""
    if field.nested is None or value is None:
        return value
    inner = standard.objects[field.nested]
    values = value if field.many else (value,)
    pruned = tuple(_pruned_object(field.name, inner, each, place, checked, held, ceiling) for each in values)
    return pruned if field.many else pruned[0]


def _pruned_object(
    path: str, inner: Mapping[str, Field], value: msgspec.Struct, place: bool, checked: bool, held: list[Held], ceiling: str
) -> msgspec.Struct:
    taken: dict[str, None] = {}
    for name, field in inner.items():
        if getattr(value, name) is None:
            continue
        words = _nested_words(field, place, checked, ceiling)
        if words:
            taken[name] = None
            if Held(f"{path}.{name}", words) not in held:
                held.append(Held(f"{path}.{name}", words))
    return msgspec.structs.replace(value, **taken)


def _nested_words(field: Field, place: bool, checked: bool, ceiling: str) -> str | None:
    if field.location and not place:
        return HELD_PLACE
    if field.third_party:
        # A clause names fields of a kind, not of the objects inside it: nobody can have named these.
        return HELD_CLAUSE
    if (field.tier or "T1") > ceiling:
        return HELD_TIER
    return HELD_TEXT if field.free_text and not checked else None


def is_sensitive(service: Any, sensitive: Iterable[str]) -> bool:
    """Whether words name a listed service, however they are joined: "Sexual Health (north)", "sexualhealth", "SEXUAL_HEALTH"."""
    if isinstance(service, (list, tuple)):
        return any(is_sensitive(each, sensitive) for each in service)
    if not isinstance(service, str):
        return False
    words = [word for word in _NOT_A_WORD.split(service.casefold()) if word]
    runs = {"".join(words[start:end]) for start in range(len(words)) for end in range(start + 1, min(start + 5, len(words) + 1))}
    return any(listed.replace("-", "") in runs for listed in sensitive)


def _past(until: Any, today: date) -> bool:
    """Whether a last day has passed. One that cannot be read is left to validation, which sets the record aside and counts it."""
    try:
        return until is not None and CHECKERS["Date"](str(until)[:10]) < today.isoformat()
    except ValueError:
        return False


def _future(name: str, value: Any, today: date) -> bool:
    return name == "occurredOn" and value is not None and str(value) > today.isoformat()[: len(str(value))]
