"""An invented federation, its keys, and agreements written, signed and loaded the way people do it."""

from __future__ import annotations

import base64
import hashlib
import tomllib
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors import Subject
from connectors.errors import ConfigurationError, Mistake
from connectors.standard import Field, Kind, Standard, load_standard
from portal.agreements import Agreements, IssuerFacts, SourceFacts, Vocabulary, fair_copy, load_agreements, mapping_of, sign_off
from portal.model import Plan, PlannedAsk, Practitioner, Question

STANDARD = load_standard()
AGENCIES = ("hillview-school", "northshire-nhs", "northshire-police")
KEYS = {agency: Ed25519PrivateKey.from_private_bytes(hashlib.sha256(agency.encode()).digest()) for agency in AGENCIES}
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SIGNED_AT = datetime(2026, 8, 20, 9, 30, tzinfo=UTC)

HEADER: dict[str, str] = {
    "id": '"ISA-07"',
    "version": '"3"',
    "standard": f'"{STANDARD.version}"',
    "title": '"Wellbeing in Northshire"',
    "partners": '["northshire-police", "hillview-school"]',
    "coordinator": '"hillview-school"',
    "starts": "2026-09-01",
    "review_by": "2027-08-31",
    "dpia": '"DPIA-2026-11"',
    "benefit": '"The named person hears of a concern before the next school day."',
    "measure": '"Concerns known at school within one school day, each term."',
}
CLAUSE: dict[str, str] = {
    "from": '["northshire-police"]',
    "to": '["hillview-school"]',
    "roles": '["named_person"]',
    "purposes": '["child-protection"]',
    "kinds": '{ WellbeingConcern = { fields = ["occurredOn", "summary", "indicators"], ceiling = "T3", existence = "T3" } }',
    "basis": '{ article6 = "e", article9 = "g", power = "CYP(S)A 2014 s.96" }',
    "when": "{ starts = 2026-09-01, ends = 2028-08-31 }",
}
#: What published agreements have besides: every key that may be left out.
PARTICULARS: dict[str, str] = {
    "parties": '{ northshire-police = { controller = "controller", contact = "Hub, 01632 960400", dpo = "A", caldicott = "B" }, '
    'hillview-school = { controller = "joint-controller", contact = "Office, 01632 960200" } }',
    "purposes": '{ child-protection = "To keep a child from harm." }',
    "subjects": '{ ages = [0, 18], area = "Northshire" }',
    "security": '"TLS"',
    "retention": '{ view = "Gone when it is closed.", log_years = 7 }',
    "rights": '{ contact = "The data protection officer.", withholding = "What would harm somebody." }',
    "complaints": '"The office, 01632 960200"',
    "breaches": '"The hub, 01632 960400"',
    "training": '"The course, every two years."',
    "dpia_hash": f'"sha256:{hashlib.sha256(b"DPIA-2026-11").hexdigest()}"',
    "supersedes": '["ISA-05@2", "ISA-07@2"]',
}
PROSE = "Northshire Police may show concerns to the named person, to protect the child."
ALL_PARTNERS = f"[{', '.join(repr(agency) for agency in AGENCIES)}]".replace("'", '"')


ISSUER = "https://id.northshire.example"
ROLES = frozenset({"named_person", "health_visitor", "duty_officer"})
#: How the issuer's tokens are read, as it is signed.
MAPPING = mapping_of({"person": "sub", "agency": "org", "roles": "roles", "assurance": "acr"}, "urn:northshire:portal", ("aal1", "aal2"))


def encoded(key: Ed25519PrivateKey) -> str:
    return f"ed25519:{base64.b64encode(key.public_key().public_bytes_raw()).decode()}"


def vocabulary(**changed: Any) -> Vocabulary:
    """The federation's names, some of them changed."""
    plain = Vocabulary(
        federation="northshire",
        standard=STANDARD,
        agencies={agency: {"2026": encoded(key)} for agency, key in KEYS.items()},
        roles=ROLES,
        purposes=frozenset({"child-protection", "early-help"}),
        sensitive_services=frozenset({"camhs"}),
        sources={
            "northshire-police": SourceFacts("northshire-police", frozenset({"WellbeingConcern", "PoliceEvent", "Flag"})),
            "northshire-nhs": SourceFacts("northshire-nhs", frozenset({"HealthContact", "ChildPlan", "Involvement"})),
            "hillview-mis": SourceFacts("hillview-school", frozenset({"Attendance", "WellbeingConcern"})),
        },
        assurance=frozenset({"aal1", "aal2"}),
        glass_reasons=frozenset({"immediate-danger", "missing-child"}),
        issuers={ISSUER: IssuerFacts(ISSUER, frozenset(AGENCIES), ROLES, MAPPING)},
    )
    return msgspec.structs.replace(plain, **changed)


def block(base: dict[str, str], changed: dict[str, str | None]) -> str:
    """A ``toml`` block: the base's keys, some changed, those set to None left out."""
    keys = {**base, **changed}
    return "```toml\n" + "".join(f"{key} = {value}\n" for key, value in keys.items() if value is not None) + "```\n"


def clause(number: int = 1, title: str = "Police tell the school", /, **changed: str | None) -> str:
    """One clause without its ``In short:`` paragraph; ``from_`` stands for ``from``."""
    named = {key.rstrip("_"): value for key, value in changed.items()}
    return f"## {number}. {title}\n{PROSE}\n\n{block(CLAUSE, named)}\n"


def bare(*clauses: str, **header: str | None) -> str:
    """A whole agreement without ``In short:`` paragraphs."""
    return f"# Sharing about wellbeing\n\n{block(HEADER, header)}\n" + "\n".join(clauses or (clause(),))


def page(*clauses: str, **header: str | None) -> str:
    """A whole agreement as its authors would hand it round for signing."""
    return fair_copy(bare(*clauses, **header).encode(), "isa-07.md").decode()


def write(folder: Path, text: str | bytes, name: str = "isa-07") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.md"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def sign(path: Path, words: Vocabulary | None = None, partners: Iterable[str] | None = None) -> None:
    """Sign for the given partners, or for all the header names."""
    header = tomllib.loads(path.read_text().split("```toml\n")[1].split("```")[0])
    for partner in partners if partners is not None else header["partners"]:
        sign_off(path, words or vocabulary(), partner, "2026", KEYS[partner], "Chief executive", SIGNED_AT)


def signed(folder: Path, *pages: str, words: Vocabulary | None = None) -> Agreements:
    """Pages written as isa-07.md, isa-08.md ..., signed by all, loaded."""
    for number, text in enumerate(pages, 7):
        sign(write(folder, text, f"isa-{number:02}"), words)
    return load_agreements(folder, words or vocabulary())


def mistakes_of(folder: Path, text: str | bytes, name: str = "isa-07", words: Vocabulary | None = None) -> list[Mistake]:
    """Every mistake found in one agreement; none if it is loaded."""
    write(folder, text, name)
    try:
        load_agreements(folder, words or vocabulary())
    except ConfigurationError as error:
        return error.mistakes
    return []


def plan(*asks: tuple[str, str, Iterable[str]], purpose: str = "child-protection", unfindable: Iterable[str] = ()) -> Plan:
    question = Question(
        subject=Subject(), purpose=purpose, reason=None, wanted={}, sections=frozenset(), chronology=False, demographics=False, document=""
    )
    planned = tuple(PlannedAsk(source=source, kind=kind, fields=frozenset(fields)) for source, kind, fields in asks)
    return Plan(question=question, purpose=purpose, asks=planned, unfindable=frozenset(unfindable))


def practitioner(*roles: str, agency: str = "hillview-school") -> Practitioner:
    return Practitioner(issuer=ISSUER, person="sub-17", agency=agency, roles=roles or ("named_person",))


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def with_field(standard: Standard, kind: str, field: Field) -> Standard:
    """The standard with one field of one kind put in or replaced."""
    changed = msgspec.structs.replace(standard.kinds[kind], fields={**standard.kinds[kind].fields, field.name: field})
    return with_kind(standard, changed)


def with_kind(standard: Standard, kind: Kind) -> Standard:
    return msgspec.structs.replace(standard, kinds={**standard.kinds, kind.name: kind})


def with_part(standard: Standard, object_: str, part: Field) -> Standard:
    """The standard with one field of one nested object put in or replaced."""
    return msgspec.structs.replace(standard, objects={**standard.objects, object_: {**standard.objects[object_], part.name: part}})
