"""A FHIR R4 Patient as a person. Only what finding and matching need is read; everything else of the resource is never decoded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from connectors.connector import Address, Identifier, Person, Shield
from connectors.errors import Mistake
from connectors.mapping import Reading, path
from connectors.parameters import COMMON_SYSTEMS
from connectors.people import cleared_of, person_rule, shield_of, workers_of
from connectors.scalars import normalise
from connectors.settings import Document

#: What a file may say about persons; a Patient's names, dates, addresses and phones are read without being told.
OWN_KEYS = ("identifiers", "shield", "cleared", "workers", "school")
#: HL7 Confidentiality, under its present and its earlier address: how a national demographic service marks a person whose place must not
#: be told, or who is protected altogether. A code that is neither of these nor known to be harmless is the strongest.
_CONFIDENTIALITY = "v3-Confidentiality"
_EARLIER = "v3/Confidentiality"
_MARKED: dict[str, Shield | None] = {"R": "LOCATION", "V": "IDENTITY", "U": None, "L": None, "M": None, "N": None}
_PARENTS = frozenset({"PRN", "MTH", "FTH", "NMTH", "NFTH", "ADOPTP", "STPPRN", "N"})


class Period(msgspec.Struct, frozen=True):
    start: str | None = None
    end: str | None = None

    @property
    def over(self) -> bool:
        return self.end is not None and self.end[:10] < date.today().isoformat()[: len(self.end)]


class Number(msgspec.Struct, frozen=True):
    system: str | None = None
    value: str | None = None
    use: str | None = None


class HumanName(msgspec.Struct, frozen=True):
    use: str | None = None
    text: str | None = None
    family: str | None = None
    given: list[str] = []
    period: Period | None = None


class PostalAddress(msgspec.Struct, frozen=True):
    use: str | None = None
    line: list[str] = []
    city: str | None = None
    postal_code: str | None = msgspec.field(name="postalCode", default=None)
    period: Period | None = None


class ContactPoint(msgspec.Struct, frozen=True):
    system: str | None = None
    value: str | None = None


class Coding(msgspec.Struct, frozen=True):
    system: str | None = None
    code: str | None = None


class Concept(msgspec.Struct, frozen=True):
    coding: list[Coding] = []


class Contact(msgspec.Struct, frozen=True):
    relationship: list[Concept] = []
    name: HumanName | None = None


class Meta(msgspec.Struct, frozen=True):
    security: list[Coding] = []


class Patient(msgspec.Struct, frozen=True):
    """The parts of a Patient that are read."""

    id: str
    identifier: list[Number] = []
    name: list[HumanName] = []
    gender: str | None = None
    birth_date: str | None = msgspec.field(name="birthDate", default=None)
    address: list[PostalAddress] = []
    telecom: list[ContactPoint] = []
    contact: list[Contact] = []
    meta: Meta = Meta()

    def carries(self, token: str) -> bool:
        """Whether this Patient has a number, asked for as ``system|value`` or as ``value``."""
        system, bar, value = token.rpartition("|")
        return any(_compact(each.value) == _compact(value) and (not bar or each.system == system) for each in self.identifier)

    def born(self, day: str) -> bool:
        """Whether the birth date is that day, or lies in that month or year, or is a month or year that holds it."""
        known = self.birth_date or "-"
        return day.startswith(known) or known.startswith(day)


class PatientTable(msgspec.Struct, frozen=True):
    """How one server's Patients become persons. ``systems`` maps the address of a number's system to its short name."""

    source: str
    systems: Mapping[str, str]
    readings: Mapping[str, Reading]

    def person(self, patient: Patient, resource: Mapping[str, Any]) -> Person:
        """A Patient as a person. Raises Misconfigured when a marker cannot be read."""
        name = _current(patient.name)
        former = next((each for each in patient.name if each.use in ("old", "maiden") or (each.period and each.period.over)), None)
        addresses = [each for each in patient.address if each.use != "billing"]
        home = next((each for each in addresses if each.use != "old" and not (each.period and each.period.over)), None)
        school = self.readings["school"](resource) if "school" in self.readings else None
        return Person(
            id=patient.id,
            given_name=name.given[0] if name and name.given else None,
            middle_names=" ".join(name.given[1:]) or None if name else None,
            family_name=name.family if name else None,
            former_family_name=former.family if former and former is not name else None,
            birth_date=patient.birth_date,
            sex=patient.gender,
            postcode=home.postal_code if home else None,
            addresses=tuple(_address(each) for each in addresses),
            identifiers=tuple(self._numbered(patient)),
            phones=tuple(each.value for each in patient.telecom if each.system in ("phone", "sms") and each.value),
            school=school if isinstance(school, str) else None,
            parents=tuple(_said(each.name) for each in patient.contact if each.name and _said(each.name) and _is_parent(each)),
            shield=self._shield(patient, resource),
            cleared=cleared_of(self.source, self.readings["cleared"](resource)) if "cleared" in self.readings else (),
            workers=workers_of(self.source, self.readings["workers"](resource)) if "workers" in self.readings else (),
        )

    def numbers(self, person: Person) -> list[tuple[str, str]]:
        """A person's numbers as a server writes them: the address of the system, and the value."""
        addresses = {system: address for address, system in self.systems.items()}
        return [(addresses[each.system], each.value) for each in person.identifiers if each.system in addresses]

    def _numbered(self, patient: Patient) -> list[Identifier]:
        current = (each for each in patient.identifier if each.use != "old" and each.value and each.system in self.systems)
        return [Identifier(self.systems[each.system or ""], (each.value or "").strip()) for each in current]

    def _shield(self, patient: Patient, resource: Mapping[str, Any]) -> Shield | None:
        if "shield" in self.readings:
            return shield_of(self.source, self.readings["shield"](resource))
        labels = (each for each in patient.meta.security if (each.system or "").endswith((_CONFIDENTIALITY, _EARLIER)))
        marks = {_MARKED.get((each.code or "").strip().upper(), "IDENTITY") for each in labels}
        return "IDENTITY" if "IDENTITY" in marks else "LOCATION" if "LOCATION" in marks else None


def patient_table(source: str, document: Document) -> tuple[PatientTable | None, list[Mistake]]:
    """Read the ``person`` table of a FHIR source; it may be missing."""
    raw = document.raw.get("person", {})
    if not isinstance(raw, dict):
        return None, [document.mistake("CV350", "'person' must be a table.", "person")]
    hint = f"Known are {', '.join(OWN_KEYS)}; a Patient's names, birth date and addresses are read without being told."
    mistakes = [document.mistake("CV350", f"unknown key 'person.{key}'.", "person", key, hint=hint) for key in raw if key not in OWN_KEYS]
    readings: dict[str, Reading] = {}
    for key in (key for key in OWN_KEYS if key in raw and key != "identifiers"):
        take, wrong = person_rule(document, path, "CV350", [], "person", key)
        mistakes += wrong
        if take:
            readings[key] = take
    identifiers = raw.get("identifiers", {})
    systems: dict[str, str] = {}
    for system, address in identifiers.items() if isinstance(identifiers, dict) else ():
        if not isinstance(address, str) or ":" not in address:
            words = f"person.identifiers.{system} must be the address of a system (a URI)."
            mistakes.append(document.mistake("CV350", words, "person", "identifiers", system))
        else:
            systems[address] = system
    if not isinstance(identifiers, dict):
        mistakes.append(document.mistake("CV350", "person.identifiers must be a table.", "person", "identifiers"))
    return (None, mistakes) if mistakes else (PatientTable(source, systems, readings), [])


def _current(names: list[HumanName]) -> HumanName | None:
    """The name in use: the official one, else the usual one, else one without a use; a nickname or a former name only if all else fails."""
    order = {"official": 0, "usual": 1, None: 2, "nickname": 3, "temp": 3, "anonymous": 3}
    ranked = sorted(names, key=lambda each: (bool(each.period and each.period.over), order.get(each.use, 4)))
    return ranked[0] if ranked else None


def _address(address: PostalAddress) -> Address:
    period = address.period or Period()
    line = ", ".join(part for part in address.line if part) or None
    return Address(line=line, town=address.city, postcode=address.postal_code, from_=_day(period.start), to=_day(period.end))


def _day(text: str | None) -> str | None:
    return text[:10] if text else None


def _said(name: HumanName | None) -> str:
    return name.text or " ".join([*name.given, name.family or ""]).strip() if name else ""


def _is_parent(contact: Contact) -> bool:
    return any(coding.code in _PARENTS for concept in contact.relationship for coding in concept.coding)


def _compact(value: str | None) -> str:
    return normalise(COMMON_SYSTEMS[0], value or "")
