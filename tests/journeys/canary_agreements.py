"""What the canaries' agencies have agreed: clauses that rest on the asking alone, and one for each thing that a clause can rest on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from connectors.standard import Standard

#: What children are asked about for: a clause without conditions, clauses with, and one that only breaking the glass opens.
PURPOSE, HELP, RESCUE = "protect", "help", "rescue"
#: Agencies by id; those of one place bear a marker, because their very name tells where a child is.
COUNCIL, HEALTH, POLICE, TROUBLE, CLINIC_AGENCY = "canary-council", "canary-health", "canary-police", "canary-trouble", "canary-clinic"
SCHOOL_AGENCY, CHARITY_AGENCY = "zqhillsidek-school", "zqharbourlw-house"
#: The agreements whose clauses have conditions, and the one that the police are no partner of.
CONDITIONS, PRIVATE = "ISA-92", "ISA-93"
#: The one reason for which the glass is broken.
DANGER = "danger"

#: What the police officer's clause gives: no place, nothing above T3, and fields about other people by name.
OFFICER = {
    "Involvement": ("serviceType", "role", "service", "dutyPhone", "occurredOn"),
    "WellbeingConcern": ("occurredOn", "category", "summary", "sourceCode"),
    "ChildPlan": ("occurredOn", "planType", "reason", "parentsView", "actions"),
    "HealthContact": ("occurredOn", "setting", "detail"),
    "PersonDetails": ("givenName", "familyName", "birthDate"),
    "PoliceEvent": ("occurredOn", "typeGroup", "narrative"),
    "ChronologyEvent": ("occurredOn", "category", "event"),
    "Exclusion": ("occurredOn", "type", "parentsView", "openingsLost"),
    "Relationship": ("relation", "name", "responsibilitySeenOn"),
    "ChildVoice": ("occurredOn", "topic", "words"),
}
#: Nobody is too old: the canaries were born when nothing else happens.
_ANY_AGE = {"until": 130}
_BASIS = {"article6": "e", "article9": "g", "article10": "law", "power": "an Act"}


@dataclass(frozen=True)
class Clause:
    """One clause; ``conditions`` as its block has them."""

    givers: Sequence[str]
    kinds: Mapping[str, Any]
    to: str = COUNCIL
    role: str = "named_person"
    purpose: str = PURPOSE
    conditions: Mapping[str, Any] = field(default_factory=dict)


def agreements(standard: Standard) -> dict[str, str]:
    """Every agreement's text, by the name of its file. The school's own bears its name: whoever is shown its clause knows the school."""
    everything = {name: {"fields": "all", "ceiling": "T4"} for name in standard.kinds}
    some = {name: {"fields": list(fields), "ceiling": "T3", "existence": "T4"} for name, fields in OFFICER.items()}
    sharing, local = [COUNCIL, HEALTH, POLICE, TROUBLE], [SCHOOL_AGENCY, CHARITY_AGENCY]
    officer = {"to": POLICE, "role": "police_officer"}
    return {
        "isa-90": _agreement("ISA-90", sharing, [Clause(sharing, everything), Clause(sharing, some, **officer)]),
        "zqhillsidek-91": _agreement("ZQHILLSIDEK-91", [*local, COUNCIL, POLICE], [Clause(local, everything), Clause(local, some, **officer)]),
        "isa-92": _agreement(CONDITIONS, [*sharing, *local], _conditional(standard, everything)),
        "isa-93": _agreement(PRIVATE, [COUNCIL, CLINIC_AGENCY], [
            Clause([CLINIC_AGENCY], {"HealthContact": {"fields": "all", "ceiling": "T4"}}, purpose=HELP, conditions={"objection": "counts"}),
        ]),
    }  # fmt: skip


def _conditional(standard: Standard, everything: Mapping[str, Any]) -> list[Clause]:
    """§1 rests on consent, §2 on a relationship and the family's knowing, §3 on a history and the police's condition, §4 on broken glass."""
    happened = {name: everything[name] for name in happening(standard)}
    told = [HEALTH, POLICE]
    return [
        Clause([HEALTH, CHARITY_AGENCY], everything, purpose=HELP, conditions={"consent": "required", "objection": "counts", "notify": told}),
        Clause([COUNCIL, SCHOOL_AGENCY], everything, purpose=HELP, conditions={
            "relationship": "own-agency", "objection": "counts", "informing": "before",
        }),
        Clause([POLICE], happened, purpose=HELP, conditions={
            "relationship": "declared", "history": "P1Y", "handling": "phone us first", "informing": "after", "notify": [COUNCIL],
        }),
        Clause([COUNCIL, HEALTH, POLICE, TROUBLE, SCHOOL_AGENCY, CHARITY_AGENCY], everything, purpose=RESCUE, conditions={
            "break_glass": {"reasons": [DANGER], "minutes": 30}, "reason": "required", "notify": [SCHOOL_AGENCY],
        }),
    ]  # fmt: skip


def happening(standard: Standard) -> list[str]:
    """The kinds that a history can be kept to: an order of long ago may still be in force."""
    return [name for name, kind in standard.kinds.items() if kind.occurred and name != "Flag"]


def _agreement(id: str, partners: list[str], clauses: Sequence[Clause]) -> str:
    header = {
        "id": id, "version": 1, "standard": "1.1", "title": "Canaries", "partners": partners, "coordinator": "Nobody",
        "starts": date(2020, 1, 1), "review_by": date(2040, 1, 1), "dpia": "none", "benefit": "none", "measure": "none",
    }  # fmt: skip
    parts = [f"# Canaries\n\n```toml\n{lines(header)}```\n"]
    for number, clause in enumerate(clauses, 1):
        terms = {
            "from": list(clause.givers), "to": [clause.to], "roles": [clause.role], "purposes": [clause.purpose],
            "kinds": dict(clause.kinds), "basis": _BASIS, "conditions": _ANY_AGE | dict(clause.conditions),
        }  # fmt: skip
        parts.append(f"## {number}. Clause\n\nWords.\n\n```toml\n{lines(terms)}```\n")
    return "\n".join(parts)


def lines(table: Mapping[str, Any]) -> str:
    """TOML, one line for each key."""
    return "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return value.isoformat() if isinstance(value, date) else json.dumps(value)
