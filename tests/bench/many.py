"""A large federation: twelve agencies with a source each, ten record kinds, hundreds of agreements written and signed by the real code."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors import Subject
from connectors.standard import ALWAYS, Standard
from portal.agreements import IssuerFacts, SourceFacts, Vocabulary, fair_copy, mapping_of, sign_off
from portal.model import Circumstances, Plan, PlannedAsk, Practitioner, Question

AGENCIES = tuple(f"agency-{letter}" for letter in "abcdefghijkl")
ROLES = ("named_person", "health_visitor", "duty_officer", "social_worker", "youth_worker", "hub_officer")
PURPOSES = ("child-protection", "early-help", "health-assessment")
KINDS = ("Attendance", "ChildPlan", "ChildVoice", "ChronologyEvent", "Exclusion", "Flag", "Involvement", "KeyRole", "Relationship", "WellbeingConcern")  # fmt: skip
ISSUER = "https://id.bench.example"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
_KEYS = {agency: Ed25519PrivateKey.from_private_bytes(hashlib.sha256(agency.encode()).digest()) for agency in AGENCIES}

#: What clauses ask for besides; most ask for nothing.
_CONDITIONS = (
    "", "", "", "", 'consent = "required"', 'reason = "required"', 'assurance = "aal2"', 'informing = "after"',
    "ages = [0, 16]", 'history = "P5Y"', 'relationship = "own-agency"', 'break_glass = { reasons = ["immediate-danger"] }',
)  # fmt: skip
#: Of this kind an objection counts, and each agency gives it under one clause alone: beside another the objection would tell of itself (CV244).
_OBJECTED = "ChildVoice"
#: Kinds of which every record has a day, so that a history can be asked for.
_DATED = frozenset({"ChronologyEvent", "Exclusion", "WellbeingConcern"})

_HEADER = """# Sharing between {partners}

What these partners show each other of a child, to keep the child safe. Whoever is refused by it may still phone.

```toml
id = "ISA-{number:03}"
version = {version}
standard = "{standard}"
title = "Sharing {number}"
partners = [{partners}]
coordinator = "The coordinator"
starts = 2026-01-01
review_by = 2027-12-31
dpia = "DPIA-{number:03}"
benefit = "Whoever meets the child in the morning knows of the night."
measure = "Questions answered by the next school day, each term."
```
"""
_CLAUSE = """
## {number}. Clause {number}

What is shown here, to whom and why, in the partners' own words.

```toml
from = [{from_}]
to = [{to}]
roles = [{roles}]
purposes = [{purposes}]
{kinds}
{rest}
```
"""


def vocabulary(standard: Standard) -> Vocabulary:
    """The federation's names: every agency has one source, which holds all ten kinds and can vouch."""
    mapping = mapping_of({"person": "sub", "agency": "org", "roles": "roles", "assurance": "acr"}, "urn:bench", ("aal1", "aal2"))
    return Vocabulary(
        federation="bench",
        standard=standard,
        agencies={agency: {"2026": _encoded(key)} for agency, key in _KEYS.items()},
        roles=frozenset(ROLES),
        purposes=frozenset(PURPOSES),
        sensitive_services=frozenset({"camhs"}),
        sources={source_of(agency): SourceFacts(agency, frozenset(KINDS), vouches=True) for agency in AGENCIES},
        assurance=frozenset({"aal1", "aal2"}),
        glass_reasons=frozenset({"immediate-danger"}),
        issuers={ISSUER: IssuerFacts(ISSUER, frozenset(AGENCIES), frozenset(ROLES), mapping)},
    )


def write(folder: Path, words: Vocabulary, count: int, seed: int = 7) -> None:
    """Write so many agreements, and sign each for all of its partners."""
    chance, givers = random.Random(seed), set[str]()
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        partners = tuple(chance.sample(AGENCIES, chance.choice((2, 2, 3, 4))))
        path = folder / f"isa-{number:03}.md"
        path.write_bytes(fair_copy(_page(number, partners, words.standard, chance, givers).encode(), path.name))
        for partner in partners:
            sign_off(path, words, partner, "2026", _KEYS[partner], "Chief executive", datetime(2026, 8, 20, tzinfo=UTC))


def plan(standard: Standard, purpose: str = PURPOSES[0]) -> Plan:
    """Everything, of everybody: eight fields of every kind of every source."""
    fields = {kind: frozenset(sorted(standard.kinds[kind].fields.keys() - ALWAYS)[:8]) for kind in KINDS}
    asks = tuple(PlannedAsk(source=source_of(agency), kind=kind, fields=fields[kind]) for agency in AGENCIES for kind in KINDS)
    question = Question(
        subject=Subject(), purpose=purpose, reason="a reason", wanted=fields, sections=frozenset(KINDS), chronology=True, demographics=False,
        document="",
    )  # fmt: skip
    return Plan(question=question, purpose=purpose, asks=asks, unfindable=frozenset())


def askers() -> list[Practitioner]:
    """One of each role at each agency."""
    return [
        Practitioner(issuer=ISSUER, person="bench", agency=agency, roles=(role,), assurance="aal2", assured=("aal1", "aal2"))
        for agency in AGENCIES
        for role in ROLES
    ]


def known() -> Circumstances:
    """A child of twelve of whom nothing was recorded, and somebody has vouched."""
    return Circumstances(births=("2014-02-03",), unfound=False, vouched={source_of(AGENCIES[0]): "own-agency"})


def source_of(agency: str) -> str:
    return f"{agency}-records"


def _page(number: int, partners: tuple[str, ...], standard: Standard, chance: random.Random, givers: set[str]) -> str:
    named = _listed(partners)
    header = _HEADER.format(number=number, version=chance.randint(1, 4), partners=named, standard=standard.version)
    return header + "".join(_clause(at, partners, standard, chance, givers) for at in range(1, chance.randint(2, 4) + 1))


def _clause(number: int, partners: tuple[str, ...], standard: Standard, chance: random.Random, givers: set[str]) -> str:
    refuses, kinds = chance.random() < 0.05, chance.sample(KINDS, chance.randint(1, 3))
    conditions = "" if refuses else chance.choice(_CONDITIONS)
    if "history" in conditions and not _DATED.issuperset(kinds):
        conditions = ""
    first = chance.choice(partners)
    if _OBJECTED in kinds and not refuses:
        kinds, conditions = ([_OBJECTED], 'objection = "counts"') if first not in givers else (["Attendance"], "")
        givers.add(first)
    asks = f"conditions = {{ {conditions} }}" if conditions else ""
    said = "\n".join(f"kinds.{kind} = {{ {_fields(kind, standard, chance)}{_tiers(refuses, chance)} }}" for kind in kinds)
    others = [partner for partner in partners if partner != first]
    return _CLAUSE.format(
        number=number, from_=_listed([first]), to=_listed(others), roles=_listed(chance.sample(ROLES, chance.randint(1, 3))),
        purposes=_listed(chance.sample(PURPOSES, chance.randint(1, 2))), kinds=said,
        rest='effect = "deny"' if refuses else f'basis = {{ article6 = "e", article9 = "g" }}\n{asks}',
    )  # fmt: skip


def _fields(kind: str, standard: Standard, chance: random.Random) -> str:
    fields = sorted(standard.kinds[kind].fields.keys() - ALWAYS)
    return f"fields = [{_listed(chance.sample(fields, chance.randint(4, 12)))}]"


def _tiers(refuses: bool, chance: random.Random) -> str:
    return "" if refuses else f', ceiling = "{chance.choice(("T3", "T3", "T4"))}"'


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _encoded(key: Ed25519PrivateKey) -> str:
    return f"ed25519:{base64.b64encode(key.public_key().public_bytes_raw()).decode()}"
