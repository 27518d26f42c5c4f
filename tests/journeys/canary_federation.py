"""A federation made for canaries: children all of whose details are markers, the agencies that know them, one folder to serve.

Records are grown from the data standard itself: a kind or field that is added tomorrow is a canary tomorrow.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from stdnum.gb import nhs

from connectors.standard import ALWAYS, Field, Kind, Standard, load_standard
from portal.agreements import fair_copy, sign_off
from portal.federation import load_federation
from tests.connectors.servers import nhs_number
from tests.journeys.canary import Markers, Where
from tests.journeys.canary_agreements import (
    CHARITY_AGENCY,
    CLINIC_AGENCY,
    COUNCIL,
    DANGER,
    HEALTH,
    HELP,
    POLICE,
    PURPOSE,
    RESCUE,
    SCHOOL_AGENCY,
    TROUBLE,
    agreements,
    lines,
)  # fmt: skip

NHS = "https://fhir.nhs.uk/Id/nhs-number"
#: Sources by id; the local ones bear a marker, like their agencies.
RECORDS, HOSPITAL, DESK, CLINIC = "canary-records", "canary-hospital", "canary-desk", "canary-clinic-list"
SCHOOL, CHARITY = "zqhillsidek-mis", "zqharbourlw-list"
#: Sources that fail in every way, each behind a reader of its own.
FAULTY, FAULTY_FHIR, RAW, PLUGIN = "canary-faulty", "canary-faulty-fhir", "canary-raw", "canary-plugin"
GOOD = (RECORDS, HOSPITAL, DESK, SCHOOL, CHARITY)
LOCAL = (SCHOOL, CHARITY)
#: Every agency, and its type.
AGENCIES = {
    COUNCIL: "social-work", HEALTH: "health", POLICE: "police", TROUBLE: "other", CLINIC_AGENCY: "health", SCHOOL_AGENCY: "school",
    CHARITY_AGENCY: "third-sector",
}  # fmt: skip

_CODES = {"status": "CURRENT", "thirdParty": "NONE", "handlingCode": "MAY_BE_SHARED", "tier": "T1"}
_ERAS = {"retainUntil": "future", "end": "future", "nextContact": "future", "nextAppointment": "future", "byWhen": "future"}


@dataclass(frozen=True)
class CanaryChild:
    """One child as agencies know it. ``details`` are the child's own; each source adds an id, and the records it holds."""

    id: str
    details: Mapping[str, Any]
    shields: Mapping[str, str] = field(default_factory=dict)
    """The marker column, by source."""
    ordered: str | None = None
    """The source that holds an order which forbids disclosing a place."""
    workers: dict[str, list[str]] = field(default_factory=dict)
    """Who works with the child, as ``issuer|person``, by source."""
    records: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)

    def key(self, source: str) -> str:
        """What this child is called at one source."""
        return str(self.details["keys"][source])

    @property
    def subject(self) -> dict[str, Any]:
        """All that a practitioner could type."""
        typed = {
            name: self.details[name] for name in ("givenName", "familyName", "birthDate", "middleNames", "school", "parents", "phones")
        }
        numbers = [{"system": system, "value": self.details[system]} for system in ("nhs_number", "chi")]
        return typed | {"identifiers": numbers, "addresses": [{"line": self.details["line"], "postcode": self.details["postcode"]}]}

    def typed(self, *names: str, **more: Any) -> dict[str, Any]:
        """A subject of these details only. ``more`` is added as it stands; identifiers by their system."""
        subject = {name: self.subject[name] for name in names if name in self.subject}
        numbers = [{"system": name, "value": self.details[name]} for name in names if name in ("nhs_number", "chi")]
        numbers += [{"system": name, "value": self.details["local"][name]} for name in names if name in LOCAL]
        numbers += more.pop("identifiers", [])
        return subject | more | ({"identifiers": numbers} if numbers else {})


#: For whom an agency vouches: the own one for these children, a school for that one, nobody for the last.
_VOUCHED = {"open": RECORDS, "marked": RECORDS, "hidden": RECORDS, "ordered": SCHOOL}


def children(markers: Markers, standard: Standard, issuer: str) -> dict[str, CanaryChild]:
    """One child open to all who may ask, and one under each sort of shield. Ewan is cleared for two of them, Morag works with four."""
    made = {
        "open": _child("open", 1, markers),
        "marked": _child("marked", 2, markers, shields={RECORDS: "LOCATION"}),
        "ordered": _child("ordered", 3, markers, ordered=HOSPITAL),
        "hidden": _child("hidden", 4, markers, shields={RECORDS: "IDENTITY"}),
        "late": _child("late", 5, markers, shields={DESK: "LOCATION"}),
    }
    for child in made.values():
        child.details["cleared"].append(f"{issuer}|ewan" if child.id in ("marked", "hidden") else f"https://elsewhere.example|{child.id}")
        for source in GOOD:
            named = [f"{issuer}|{markers.text(Where(child.id, 'worker', source))}" for _ in range(2)]
            child.workers[source] = named + ([f"{issuer}|morag"] if _VOUCHED.get(child.id) == source else [])
            for kind in standard.kinds.values():
                child.records[source, kind.name] = [*_records(child, source, kind, standard, markers)]
    return made


def _child(id: str, serial: int, markers: Markers, **more: Any) -> CanaryChild:
    def text(what: str) -> str:
        return markers.text(Where(id, what))

    born = markers.day("born", Where(id, "birth date"))
    details = {
        "givenName": text("given name"), "familyName": text("family name"), "middleNames": text("middle name"), "birthDate": born,
        "formerFamilyName": text("former family name"), "line": text("address line"), "town": text("town"), "postcode": text("postcode"),
        "phones": [text("phone"), text("phone")], "school": text("school"), "parents": [text("parent")], "sex": text("sex"),
        "nhs_number": markers.known(nhs_number(700 + serial), Where(id, "NHS number")),
        "chi": markers.known(_chi(born, serial), Where(id, "CHI number")),
        "local": {source: text(f"number at {source}") for source in LOCAL},
        "keys": {source: markers.text(Where(id, "person id", source)) for source in GOOD},
        "cleared": [],
    }  # fmt: skip
    return CanaryChild(id, details, **more)


def _chi(born: str, serial: int) -> str:
    day = date.fromisoformat(born)
    candidates = (f"{day:%d%m%y}{serial:02}{rest:02}" for rest in range(100))
    return next(number for number in candidates if nhs.checksum(number) == 0)


def _records(child: CanaryChild, source: str, kind: Kind, standard: Standard, markers: Markers) -> Iterator[dict[str, Any]]:
    """Two records of a kind: one read for other people's details and past, one neither. Every field has a value, each its own."""
    for checked in (True, False):
        where = Where(child.id, "record", source, kind.name, checked=checked, future=not checked and kind.occurred)
        grown = {name: _grown(each, where, standard, markers) for name, each in kind.fields.items() if name in kind.given}
        grown |= {"thirdPartyChecked": checked, "id": markers.text(_at(where, "id"))}
        if kind.name == "Flag":
            grown["forbidsPlace"] = child.ordered == source
        if kind.name == "Identifier" and not checked:
            grown["system"] = SCHOOL  # a number of the school's own: which school it is must not be told by it
        yield grown


def _grown(field: Field, where: Where, standard: Standard, markers: Markers, within: str = "") -> Any:
    at = _at(where, within or field.name, field.name if within else "")
    if field.many:
        return [_one(field, at, standard, markers) for _ in range(2 if field.named not in standard.codes else 1)]
    return _one(field, at, standard, markers)


def _one(field: Field, at: Where, standard: Standard, markers: Markers) -> Any:
    if field.nested:
        inner = standard.objects[field.nested].values()
        return {each.name: _grown(each, at, standard, markers, at.field) for each in inner}
    if field.named in standard.codes:
        return _CODES.get(field.name, standard.codes[field.named][0])
    if field.named == "Boolean":
        return True
    if field.named == "Int":
        return markers.number(at)
    if field.named in ("Date", "PartialDate", "DateTime"):
        future = field.name in _ERAS or (field.name == "occurredOn" and at.future)
        day = markers.day("future" if future else "past", at)
        return f"{day}T12:00:00Z" if field.named == "DateTime" else day
    return markers.text(at)


def _at(where: Where, field: str, inner: str = "") -> Where:
    return Where(where.child, where.what, where.source, where.kind, field, inner, where.checked, where.future)


# The folder.


@dataclass(frozen=True)
class Addresses:
    """Where everything listens."""

    issuer: str
    hospital: str
    desk: str
    postgres: str
    faulty: str
    faulty_fhir: str
    raw: str
    officers: str
    mail: int


def write_federation(folder: Path, standard: Standard, at: Addresses, data: Path) -> dict[str, Ed25519PrivateKey]:
    """Write a federation folder of the canaries' agencies. Its agreements are signed by keys made for this run, which are returned."""
    keys = {agency: Ed25519PrivateKey.generate() for agency in AGENCIES}
    (folder / "sources").mkdir(parents=True)
    (folder / "agreements").mkdir()
    _write(folder / "federation.toml", _federation(keys, at))
    for id, tables in _sources(standard, at, data).items():
        _write(folder / "sources" / f"{id}.toml", tables)
    for id, text in agreements(standard).items():
        path = folder / "agreements" / f"{id}.md"
        path.write_bytes(fair_copy(text.encode(), str(path)))
    federation = load_federation(folder, load_standard())
    for agreement in federation.agreements.all:
        for partner in agreement.header.partners:
            sign_off(Path(agreement.file), federation.vocabulary, partner, "k", keys[partner], "Director", datetime.now(UTC))
    return keys


def _federation(keys: Mapping[str, Ed25519PrivateKey], at: Addresses) -> dict[str, Any]:
    return {
        "portal": {"id": "canary", "name": "Canary", "budget": 8.0, "shield_wait": 2.0, "voucher_wait": 1.5, "standard": "1.0"},
        "log": {
            "url": "sqlite:access.db", "pseudonym_key": "file:keys/pseudonym", "digest_key": "file:keys/digest",
            "auditors_key": "env:CANARY_AUDITORS_KEY",
        },
        "registry": {"recorders": ["named_person", "police_officer"]},
        "break_glass": {"reasons": {DANGER: "A child is in danger now"}, "reviewers": ["privacy_officer"]},
        "doubts": {"officers": ["privacy_officer"]},
        "alerts": {"file": "alerts.jsonl", "smtp": f"smtp://127.0.0.1:{at.mail}", "sender": "portal@canary.example"},
        "roles": {
            "named_person": "Named person", "police_officer": "Police officer", "class_teacher": "Class teacher",
            "privacy_officer": "Privacy officer",
        },
        "purposes": {PURPOSE: "Protect a child from harm", HELP: "Help early", RESCUE: "Keep a child safe now"},
        "shield_sources": [RECORDS, HOSPITAL],
        "agencies": {id: _agency(id, key, at) for id, key in keys.items()},
        "issuers": [{
            "issuer": at.issuer, "audience": "urn:northshire:portal", "algorithms": ["ES256"], "assurance": ["aal1", "aal2"],
            "may_assert": {
                "agencies": [COUNCIL, POLICE], "roles": ["named_person", "police_officer", "class_teacher", "privacy_officer"],
            },
        }],
    }  # fmt: skip


def _agency(id: str, key: Ed25519PrivateKey, at: Addresses) -> dict[str, Any]:
    """An agency; the officers of two are reached by webhook, of two by email, the others not at all."""
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    told = {agency: {"privacy_officer": f"{at.officers}/{agency}"} for agency in (COUNCIL, POLICE)}
    told |= {agency: {"privacy_officer": f"privacy@{agency}.example"} for agency in (HEALTH, SCHOOL_AGENCY)}
    said = {"name": f"The {id}", "type": AGENCIES[id], "phone": "01632 960000", "keys": {"k": f"ed25519:{public}"}}
    return said | told.get(id, {})


def _sources(standard: Standard, at: Addresses, data: Path) -> dict[str, dict[str, Any]]:
    place = {"local": True, "coverage": {"note": "Zqhillsidek and Zqharbourlw only."}}
    csv = "read_csv('{}.csv', all_varchar=true)"
    return {
        RECORDS: _sql(standard, COUNCIL, RECORDS, f"sqlite:///{data / 'records.db'}", "{}"),
        SCHOOL: _sql(standard, SCHOOL_AGENCY, SCHOOL, "env:CANARY_POSTGRES", "{}") | place,
        CHARITY: _sql(standard, CHARITY_AGENCY, CHARITY, f"duckdb:///{data / 'charity'}", csv) | place,
        HOSPITAL: _fhir(standard, HEALTH, at.hospital),
        DESK: _rest(standard, POLICE, at.desk),
        FAULTY: _rest(standard, TROUBLE, at.faulty),
        FAULTY_FHIR: _fhir(standard, TROUBLE, at.faulty_fhir),
        RAW: _rest(standard, TROUBLE, at.raw),
        PLUGIN: {"source": _source(TROUBLE, "canary", "nowhere:")},
        CLINIC: _clinic(_rest(standard, CLINIC_AGENCY, at.desk)),
    }


def _clinic(tables: dict[str, Any]) -> dict[str, Any]:
    """A sensitive service: all it has is T4. It would have health contacts, and has none of anybody."""
    provided = {"HealthContact": tables["provide"]["HealthContact"] | {"get": "/clinic/:person_id/HealthContact"}}
    return tables | {"source": tables["source"] | {"tier": "T4"}, "provide": provided}


def _source(agency: str, reads: str, url: str, contact: str = "The duty desk") -> dict[str, Any]:
    needs = ["postcode", "address", "phones", "school", "parents"]
    deadline = 1.2 if agency == TROUBLE else 6.0
    return {"agency": agency, "reads": reads, "url": url, "contact": f"{contact} of {agency}", "deadline": deadline, "needs": needs}


def _sql(standard: Standard, agency: str, id: str, url: str, table: str) -> dict[str, Any]:
    """Tables of text, whichever the database. ``find.slip`` is a slip in the file: the database's error repeats the value."""
    own = id.replace("-", "_")
    person = table.format("person")
    finds = {
        "number": f"select * from {person} where nhs = :nhs_number limit 51",
        "own": f"select * from {person} where upper(own) = :{own} limit 51",
        "names": f"select * from {person} where lower(family_name) = lower(:family_name) and birth_date = {{born}} limit 51",
        "slip": f"select * from {person} where key = cast(cast(:former_family_name as integer) as varchar)",
    }
    born = "to_char(cast(:birth_date as date), 'YYYY-MM-DD')" if url.startswith("env:") else ":birth_date"
    if url.startswith("sqlite"):
        finds["slip"] = f"select * from {person} where key = json_extract(:former_family_name, '$.x')"
    return {
        "source": _source(agency, "sql", url),
        "find": {label: {"query": query.format(born=born)} for label, query in finds.items()},
        "person": {
            "id": "key", "given_name": "given_name", "family_name": "family_name", "birth_date": "birth_date", "sex": "sex",
            "middle_names": "middle_names", "former_family_name": "former_family_name", "postcode": "postcode", "school": "school",
            "phones": {"from": "phones", "as": "json"}, "parents": {"from": "parents", "as": "json"},
            "addresses": {"from": "addresses", "as": "json"}, "shield": "shield", "cleared": "cleared", "workers": "workers",
            "identifiers": {"nhs_number": "nhs", id: "own"},
        },
        "provide": {
            kind.name: {
                "query": f"select * from {table.format(kind.name.lower())} where person_key = :person_id", "id": "id",
                "fields": {name: _column(kind.fields[name]) for name in sorted(kind.given)},
            }
            for kind in standard.kinds.values()
        },
    }  # fmt: skip


def _column(field: Field) -> Any:
    as_ = "json" if field.many or field.nested else {"Boolean": "boolean", "Int": "integer"}.get(field.named)
    return {"from": field.name, "as": as_} if as_ else field.name


def _rest(standard: Standard, agency: str, url: str) -> dict[str, Any]:
    return {
        "source": _source(agency, "rest", url),
        "find": {
            "names": {"post": "/people/search", "body": {"family": ":family_name", "born": ":birth_date"}, "rows": "people"},
            "number": {"post": "/people/search", "body": {"nhs": ":nhs_number"}, "rows": "people"},
        },
        "person": {
            **{name: name for name in ("id", "given_name", "family_name", "birth_date", "sex", "middle_names", "postcode", "school")},
            **{name: name for name in ("former_family_name", "phones", "parents", "addresses", "shield", "cleared", "workers")},
            "identifiers": {"nhs_number": "nhs"},
        },
        "provide": {
            kind.name: {
                "get": f"/people/:person_id/{kind.name}", "rows": "rows", "next": "next", "id": "id",
                "fields": {name: name for name in sorted(kind.given)},
            }
            for kind in standard.kinds.values()
        },
    }  # fmt: skip


def _fhir(standard: Standard, agency: str, url: str) -> dict[str, Any]:
    return {
        "source": _source(agency, "fhir", url),
        "find": {
            "number": {"search": "Patient", "parameters": {"identifier": f"{NHS}|:nhs_number"}},
            "names": {"search": "Patient", "parameters": {"family": ":family_name", "birthdate": ":birth_date"}},
        },
        "person": {"identifiers": {"nhs_number": NHS}, "workers": "canary/workers"},
        "provide": {
            kind.name: {
                "search": "Basic", "parameters": {"subject": "Patient/:person_id", "code": kind.name},
                "fields": {name: f"canary/{name}" for name in sorted(kind.given)},
            }
            for kind in standard.kinds.values()
        },
    }  # fmt: skip


def _write(path: Path, tables: Mapping[str, Any]) -> None:
    """TOML, one line for each key. Settings that belong to the source table may stand beside the others."""
    tables = dict(tables)
    if "source" in tables:
        tables["source"] = tables["source"] | {key: tables.pop(key) for key in ("local", "coverage") if key in tables}
    path.write_text(lines(tables), "utf-8")


# The question that asks for everything, and what of it may be shown.


def everything(standard: Standard) -> str:
    """Every section and every field of every record, the envelope's and those of nested objects too."""
    sections = [
        f"{kind.section} {{ everySourceAnswered records {{ {_selection(kind, standard)} }} missing {{ source state words }} }}"
        for kind in standard.kinds.values()
        if kind.section
    ]
    return f"""query Everything($subject: SubjectInput!, $purpose: ID!, $reason: String, $declared: Boolean, $informed: FamilyInformed,
  $breakGlass: BreakGlassInput, $chosen: [ID!]) {{
  child(subject: $subject, purpose: $purpose, reason: $reason, declared: $declared, informed: $informed, breakGlass: $breakGlass,
    chosen: $chosen) {{
    everySourceAnswered purpose asOf warnings duties offersDeclared
    sources {{ source agency name state words phone outOfHours coverageFrom coverageTo coverageNote setAside
      kinds {{ kind state clause reason nearest }} match {{ band evidence {{ field words }} }} }}
    candidates {{ token source shown evidence {{ field words }} }}
    demographics {{ everySourceAnswered fields {{ field conflict values {{ value provenance {{ source agency }} }} }} missing {{ source words }} }}
    chronology {{ entries {{ on kind headline record {{ id kind occurredOn service sourceCode provenance {{ source agency }} }} }}
      missing {{ source words }} }}
    {" ".join(sections)}
    held {{ field words }} receipt {{ access log index leaf }}
  }}
}}"""


def _selection(kind: Kind, standard: Standard) -> str:
    def selected(field: Field) -> str:
        if field.nested is None:
            return field.name
        return f"{field.name} {{ {' '.join(selected(each) for each in standard.objects[field.nested].values())} }}"

    return " ".join([*map(selected, kind.fields.values()), "provenance { source agency connector standard } held { field words }"])


@dataclass(frozen=True)
class Entitled:
    """What one clause lets one asker be shown. ``kinds`` and ``sources`` None: all; ``cleared`` names the children whose shields do not
    bind this asker; ``recent``: only what happens from now on, because the clause has a history and all else of a canary is long past.
    """

    kinds: Mapping[str, Iterable[str]] | None
    ceiling: str
    existence: str
    place: bool
    cleared: frozenset[str] = frozenset()
    sources: frozenset[str] | None = None
    recent: bool = False

    def may_see(self, where: Where, shielded: Mapping[str, str], standard: Standard) -> bool:
        """Whether a marker may stand in a view, told from the standard and the clause alone."""
        kind = standard.kinds.get(where.kind)
        if kind is None or (self.kinds is not None and where.kind not in self.kinds):
            return False
        if (self.sources is not None and where.source not in self.sources) or (self.recent and not where.future):
            return False
        shield = shielded.get(where.child) if where.child not in self.cleared else None
        if shield == "IDENTITY" or kind.tier > self.existence:
            return False
        if where.field in ALWAYS:
            return True
        own = kind.fields[where.field]
        named = own.name in self.kinds[where.kind] if self.kinds is not None else not own.third_party
        inner = standard.objects[own.nested][where.inner] if own.nested and where.inner else None
        fields = [own, *([inner] if inner else [])]
        place = self.place and shield is None
        return (
            named
            and not (inner and inner.third_party)
            and all((each.tier or kind.tier) <= self.ceiling and kind.tier <= self.ceiling for each in fields)
            and (place or not _tells_place(where, fields))
            and (where.checked or not any(each.free_text for each in fields))
        )


def tells_place(where: Where, standard: Standard) -> bool:
    """Whether a marker of a record tells where a child is, or will be."""
    kind = standard.kinds.get(where.kind)
    if kind is None or where.field not in kind.fields:
        return False
    own = kind.fields[where.field]
    return _tells_place(where, [own, *([standard.objects[own.nested][where.inner]] if own.nested and where.inner else [])])


def _tells_place(where: Where, fields: Iterable[Field]) -> bool:
    return any(each.location for each in fields) or (where.field == "occurredOn" and where.future)
