"""Agreements, askers and children drawn by lot: every condition, every state, days and moments on the edge.

All is drawn from a ``random.Random``, which may be a plain one or one of hypothesis's. Files are read and expanded by the real code;
signatures are taken as given (test_agreements.py is about those).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

import tests.portal.agreement_cases as cases
from connectors import Subject
from portal.agreements import Agreement, IssuerFacts, RuleSet, Signature, Signed, SourceFacts, Term, Vocabulary, expand, read_agreement
from portal.agreements.rules import rule_set, terms_of
from portal.agreements.suspension import Suspension
from portal.model import (
    Breaking,
    Circumstances,
    Entry,
    Jurisdiction,
    Plan,
    PlannedAsk,
    Practitioner,
    Question,
    Responsibility,
    Understanding,
    Voucher,
)
from tests.portal.agreement_cases import AGENCIES, ISSUER, MAPPING, clause, page

_T = TypeVar("_T")
ROLES = ("duty_officer", "health_visitor", "named_person")
PURPOSES = ("child-protection", "early-help")
KINDS = {
    "WellbeingConcern": ("category", "indicators", "occurredOn", "strengths", "summary", "urgency"),
    "HealthContact": ("conditions", "contactType", "detail", "outcome", "place", "setting"),  # two of T4, one a place
    "ChildPlan": ("actions", "needs", "planType", "reviewDate", "start", "state"),  # one of objects
}
SOURCES = ("hillview-mis", "northshire-nhs", "northshire-police")
OTHER_ISSUER = "https://id.elsewhere.example"
GLASS = ("immediate-danger", "missing-child")
JURISDICTIONS: tuple[Jurisdiction, ...] = ("scotland", "england", "wales", "northern-ireland")
#: Who can vouch, and as whom.
SPEAKING: dict[str, Voucher] = dict(zip(SOURCES, ("own-agency", "other-agency"), strict=False))
_DAYS = tuple(date.fromisoformat(day) for day in ("2026-09-01", *["2026-11-22"] * 5, "2026-12-01", "2026-12-25", "2027-01-31", "2027-08-31", "2027-09-28", "2028-02-29", "2028-08-31"))  # fmt: skip
_BIRTHS = (
    "2008", "2008-02-29", "2010-11", "2012-02-29", "2012-02-29", "2013-07-07", "2014-02", "2014-09-01", "2014-11-22", "2015", "2016-02-29", "2020-05-05",
)  # fmt: skip


class Shown(msgspec.Struct):
    """What a clause says of one kind; ``fields`` None means all, a refusal names no tiers."""

    fields: list[str] | None
    ceiling: str | None
    existence: str | None

    def text(self) -> str:
        tiers = (("ceiling", self.ceiling), ("existence", self.existence))
        said = ['fields = "all"' if self.fields is None else f"fields = {_listed(self.fields)}"]
        return "{ " + ", ".join(said + [f'{key} = "{tier}"' for key, tier in tiers if tier]) + " }"


class Said(msgspec.Struct):
    """One clause, before it is written: the keys of its block, what it says of each kind, and what it asks for."""

    keys: dict[str, str | None]
    kinds: dict[str, Shown]
    conditions: list[str]

    @property
    def denies(self) -> bool:
        return self.keys["effect"] is not None

    def text(self, number: int) -> str:
        kinds = f"{{ {', '.join(f'{kind} = {shown.text()}' for kind, shown in self.kinds.items())} }}"
        asked = f"{{ {', '.join(self.conditions)} }}" if self.conditions else None
        return clause(number, **self.keys, kinds=kinds, conditions=asked)


class Drawn(msgspec.Struct):
    """One agreement, before it is written."""

    header: dict[str, str | None]
    clauses: list[Said]

    def text(self) -> str:
        return page(*(each.text(number) for number, each in enumerate(self.clauses, 1)), **self.header)


def vocabulary(**changed: Any) -> Vocabulary:
    """Every source holds every kind, and can vouch. Of two issuers one speaks for one agency alone."""
    sources = {source: SourceFacts(agency, frozenset(KINDS), vouches=True) for source, agency in zip(SOURCES, AGENCIES, strict=True)}
    issuers = {ISSUER: IssuerFacts(ISSUER, frozenset(AGENCIES), frozenset(ROLES), MAPPING)}
    issuers[OTHER_ISSUER] = IssuerFacts(OTHER_ISSUER, frozenset(AGENCIES[:1]), frozenset(ROLES[:2]), MAPPING)
    return msgspec.structs.replace(cases.vocabulary(sources=sources, issuers=issuers), **changed)


# Agreements


def agreements(chance: random.Random, most: int = 3) -> list[Drawn]:
    return [_agreement(chance, number) for number in range(7, 7 + chance.randint(min(2, most), most))]


def _agreement(chance: random.Random, number: int) -> Drawn:
    subjects = chance.choice((None, None, None, (0, 16), (5, 25)))
    header = {
        "id": f'"ISA-{number:02}"',
        "version": '"1"',
        "partners": cases.ALL_PARTNERS,
        "starts": chance.choice(("2026-01-01", "2026-09-01", "2026-09-01", "2026-12-01")),
        "review_by": chance.choice(("2027-08-31", "2028-08-31", "2027-01-03")),
        "grace_days": chance.choice(("0", "28")),
        "ends": chance.choice((None, None, "2027-09-01", "2028-02-29")),
        "subjects": f"{{ ages = {list(subjects)} }}" if subjects else None,
    }
    header["ends"] = None if header["ends"] and header["ends"] < str(header["review_by"]) else header["ends"]
    return Drawn(header, [said(chance, subjects) for _ in range(chance.randint(3, 7))])


def said(chance: random.Random, subjects: tuple[int, int] | None = None, denies: bool | None = None) -> Said:
    """One clause."""
    denies = chance.random() < 0.1 if denies is None else denies
    keys = {
        "from_": _listed(_some(chance, AGENCIES, 3)),
        "to": _listed(_some(chance, AGENCIES, 3)),
        "roles": _listed(_some(chance, ROLES, 3)),
        "purposes": _listed(_some(chance, PURPOSES, 2)),
        "effect": '"deny"' if denies else None,
        "basis": None if denies else cases.CLAUSE["basis"],
        "when": chance.choice((None, None, None, "{ starts = 2026-12-01 }", "{ ends = 2027-08-31 }", "{ starts = 2026-09-01, ends = 2027-01-31 }")),
    }  # fmt: skip
    asked = [] if denies or chance.random() < 0.35 else _conditions(chance, subjects)
    return Said(keys, {kind: _shown(chance, kind, denies) for kind in _some(chance, sorted(KINDS), 2)}, asked)


def _shown(chance: random.Random, kind: str, denies: bool) -> Shown:
    fields = None if chance.random() < 0.15 else _some(chance, KINDS[kind], 5)
    ceiling = chance.choice(("T2", "T3", "T3", "T4"))
    existence = chance.choice([None, *(tier for tier in ("T3", "T4") if tier >= ceiling)])
    return Shown(fields, None, None) if denies else Shown(fields, ceiling, existence)


def _conditions(chance: random.Random, subjects: tuple[int, int] | None) -> list[str]:
    first, last = subjects or (0, 18)
    ages = [
        f"ages = [{max(12, first)}, {min(16, last)}]", f"ages = [{first}, {min(12, last)}]",
        "until = 21" if last > 21 or not subjects else f"ages = [{first}, {min(18, last)}]",
    ]  # fmt: skip
    each = [
        *['consent = "required"', 'objection = "counts"', f'relationship = "{chance.choice(("declared", "own-agency", "other-agency"))}"'] * 3,
        'reason = "required"', 'assurance = "aal2"', f'informing = "{chance.choice(("before", "after"))}"', chance.choice(ages),
        f'notify = ["{AGENCIES[0]}"]',
        *[f"break_glass = {{ reasons = {_listed(_some(chance, GLASS, 2))}, minutes = {chance.choice((5, 60))} }}"] * 2,
    ]  # fmt: skip
    return list({key.split(" =")[0]: key for key in chance.sample(each, chance.choice((1, 1, 2, 2, 3)))}.values())


def read(drawn: Iterable[Drawn], folder: Path, words: Vocabulary) -> list[tuple[Agreement, Signed]]:
    """Written, read and expanded; and what all partners would have signed."""
    found = []
    for each in drawn:
        path = folder / f"{str(each.header['id']).strip(chr(34)).lower()}.md"
        path.write_text(each.text())
        agreement = read_agreement(path, words)
        found.append((agreement, signed_by(expand(agreement, words), agreement.header.partners)))
    return found


def signed_by(lines: Iterable[str], partners: Iterable[str]) -> Signed:
    signatures = (Signature(partner=each, key_id="2026", role="Chief executive", at=cases.SIGNED_AT, value="-") for each in partners)
    return Signed(grants=tuple(lines), signature=tuple(signatures))


def rules(chance: random.Random, folder: Path) -> RuleSet:
    """Some agreements with all that can befall them: not signed by all, lines left out, suspended, superseded, sources and issuers changed."""
    words = vocabulary()
    pairs = read(agreements(chance), folder, words)
    pairs = [(agreement, _tampered(chance, signed)) for agreement, signed in pairs]
    today = words
    if chance.random() < 0.2:  # a source has changed hands, an issuer says less
        moved = {**words.sources, SOURCES[0]: SourceFacts(AGENCIES[1], frozenset(KINDS), vouches=True)}
        today = vocabulary(sources=moved, issuers={ISSUER: msgspec.structs.replace(words.issuers[ISSUER], roles=frozenset(ROLES[1:]))})
    terms = [term for agreement, signed in pairs for term in terms_of(agreement, signed, today)]
    parts: tuple[dict[str, Any], ...] = ({}, {"clause": 1}, {"source": SOURCES[0]}, {"kind": "ChildPlan"})
    suspensions = [suspension(agreement.id, **chance.choice(parts)) for agreement, _ in pairs if chance.random() < 0.15]
    superseded = {agreement.key: chance.choice(_DAYS) for agreement, _ in pairs if chance.random() < 0.15}
    return rule_set(terms, suspensions, superseded, chance.choice(JURISDICTIONS))


def _tampered(chance: random.Random, signed: Signed) -> Signed:
    if chance.random() < 0.1:
        return msgspec.structs.replace(signed, signature=signed.signature[1:])
    if chance.random() < 0.2:
        return msgspec.structs.replace(signed, grants=tuple(line for line in signed.grants if chance.random() < 0.9))
    return signed


def suspension(agreement: str, **what: Any) -> Suspension:
    """One partner has stopped all of an agreement, or one ``clause``, ``source`` or ``kind`` of it."""
    return Suspension(
        agreement=agreement, partner=AGENCIES[0], key_id="2026", number=1, at=cases.SIGNED_AT, words="stop", value="-", **what
    )


# Askers and children


def moment(chance: random.Random) -> datetime:
    """Noon, or midnight to the second: local time is that of London."""
    day = chance.choice(_DAYS) + timedelta(days=chance.choice((-1, 0, 1)))
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + chance.choice(
        (timedelta(hours=12), timedelta(0), timedelta(seconds=-1), timedelta(hours=-1), timedelta(hours=23))
    )


def practitioner(chance: random.Random) -> Practitioner:
    assured = chance.choice(((), ("aal1",), ("aal1", "aal2")))
    return Practitioner(
        issuer=chance.choice((*[ISSUER] * 6, OTHER_ISSUER)), person="sub-17", agency=chance.choice((*AGENCIES * 3, "atlantis")),
        roles=tuple(_some(chance, (*ROLES, "king") if chance.random() < 0.1 else ROLES, 3)), assured=assured,
    )  # fmt: skip


def plan(chance: random.Random, fields: int = 6) -> Plan:
    """Some or all fields of every kind of every source."""
    purpose = chance.choice((*PURPOSES * 4, "unknown"))
    asks = tuple(
        PlannedAsk(source=source, kind=kind, fields=frozenset(_some(chance, KINDS[kind], fields))) for source in SOURCES for kind in KINDS
    )
    question = Question(
        subject=Subject(), purpose=purpose, reason=chance.choice((None, "", "words")), wanted={}, sections=frozenset(), chronology=False,
        demographics=False, document="", declared=chance.random() < 0.4, informed=chance.choice((None, "YES", "YES", "NO", "NOT_YET", "OTHER")),
    )  # fmt: skip
    return Plan(question=question, purpose=purpose, asks=asks, unfindable=frozenset())


def circumstances(chance: random.Random, rules: RuleSet, now: datetime) -> Circumstances:
    """A child of any age, known well or not at all, of whom much or nothing was said."""
    vouched = {source: each for source, each in SPEAKING.items() if chance.random() < 0.35} if chance.random() < 0.7 else None
    return Circumstances(
        births=births(chance, now.date()),
        unfound=chance.random() < 0.4,
        recorded=tuple(entry(chance, rules.terms, now) for _ in range(chance.choice((0, 1, 2, 3, 5, 8)))) if rules.terms else (),
        readable=chance.random() < 0.95,
        vouched=vouched,
        mute={source: each for source, each in SPEAKING.items() if vouched is not None and source not in vouched and chance.random() < 0.3},
        breaking=_breaking(chance, now) if chance.random() < 0.6 else None,
    )


def births(chance: random.Random, day: date) -> tuple[str, ...]:
    """None, one or two: birthdays on the day, the day before and after, and partial dates."""
    chosen = []
    for _ in range(chance.choice((0, 1, 1, 1, 1, 2))):
        edge = day - timedelta(days=chance.choice((-1, 0, 1)))
        year = edge.year - chance.choice((5, 12, 12, 16, 18, 21))
        edge = edge.replace(year=year, day=28 if (edge.month, edge.day) == (2, 29) else edge.day)
        chosen.append(chance.choice((*_BIRTHS, edge.isoformat(), edge.isoformat(), edge.isoformat()[:7])))
    return tuple(sorted(set(chosen)))


def entry(chance: random.Random, terms: tuple[Term, ...], now: datetime) -> Entry:
    """Something said of one clause, or of one agreement, by anybody, at any time, to the words of today or others."""
    term = chance.choice(terms)
    about = chance.choice((None, term.number or None))
    what = chance.choice(("consent", "consent", "objection"))
    at = now - timedelta(days=chance.choice((0, 1, 30, 400)), seconds=chance.choice((0, 1)))
    finding = Understanding(understands=chance.random() < 0.6, on=at.date() - timedelta(days=chance.choice((-1, 0, 1, 50))), by="GP")
    party = chance.choice(("YOUNG_PERSON", "YOUNG_PERSON", "MOTHER", "FATHER"))
    return Entry(
        id=f"e{chance.randint(1, 99)}", version=chance.randint(1, 3), what=what,
        state=chance.choice(("given", "given", "given", "refused", "withdrawn") if what == "consent" else ("raised", "raised", "withdrawn")),
        agreement=term.agreement, clause=about, party=party, at=at, told=chance.choice((term.told.get(about), term.told.get(about), _OTHER_WORDS, None)),
        understanding=finding if party == "YOUNG_PERSON" and chance.random() < 0.5 else None,
        responsibility=Responsibility(rests_on="birth certificate", on=at.date()) if party != "YOUNG_PERSON" and chance.random() < 0.7 else None,
    )  # fmt: skip


_OTHER_WORDS = hashlib.sha256(b"In short: something else.").hexdigest()


def _breaking(chance: random.Random, now: datetime) -> Breaking:
    since = timedelta(minutes=chance.choice((0, 1, 5, 60, 61))) - timedelta(seconds=chance.choice((-1, 0, 1)))
    return Breaking(id="b1", reason=chance.choice((*GLASS, "other")), at=now - since, until=now)


def _some(chance: random.Random, among: Iterable[_T], most: int) -> list[_T]:
    """One to so many of them, each once."""
    known = list(dict.fromkeys(among))
    return chance.sample(known, chance.randint(1, min(most, len(known))))


def _listed(names: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"
