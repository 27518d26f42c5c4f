"""Who may sign in to the demonstration: invented practitioners of Northshire, each with agency, roles and assurance."""

from __future__ import annotations

from typing import Any

import msgspec


class UnknownPersona(LookupError):
    """There is no such persona in the demonstration."""


class Persona(msgspec.Struct, frozen=True, kw_only=True):
    """One practitioner as the demo's identity provider knows them; ``id`` is the token's ``sub``."""

    id: str
    name: str
    agency: str
    roles: tuple[str, ...]
    assurance: str
    about: str


PERSONAS: dict[str, Persona] = {
    persona.id: persona
    for persona in (
        Persona(id="morag", name="Morag Baillie", agency="hillview-school", roles=("named_person",), assurance="aal2",
                about="Depute head at Hillview School and named person for its pupils."),
        Persona(id="tom", name="Tom Laing", agency="hillview-school", roles=("class_teacher",), assurance="aal1",
                about="Class teacher at Hillview School. No agreement gives a class teacher anything."),
        Persona(id="hamida", name="Hamida Yusuf", agency="northshire-nhs", roles=("health_visitor",), assurance="aal2",
                about="Health visitor in Dunmorrin."),
        Persona(id="ewan", name="Ewan Drummond", agency="northshire-social-work", roles=("social_worker",), assurance="aal2",
                about="Social worker; cleared for the children whose shields social work holds."),
        Persona(id="lennox", name="Catherine Lennox", agency="northshire-police", roles=("police_officer",), assurance="aal2",
                about="Constable in the concern hub. No clause tells her where a child is."),
        Persona(id="audrey", name="Audrey Sim", agency="northshire-nhs", roles=("auditor",), assurance="aal2",
                about="Auditor for NHS Northshire."),
        Persona(id="angus", name="Angus Reith", agency="northshire-police", roles=("auditor",), assurance="aal2",
                about="Auditor for Northshire Police."),
        Persona(id="isobel", name="Isobel Grant", agency="northshire-social-work", roles=("ig_lead",), assurance="aal3",
                about="Information-governance lead of Northshire Council."),
        Persona(id="priya", name="Priya Nair", agency="northshire-police", roles=("privacy_officer",), assurance="aal2",
                about="Privacy officer of Northshire Police: reviews who broke the glass to its records."),
        Persona(id="callum", name="Callum Rae", agency="hillview-school", roles=("privacy_officer",), assurance="aal2",
                about="Privacy officer of Hillview School."),
        Persona(id="nell", name="Nell Forsyth", agency="northshire-nhs", roles=("privacy_officer",), assurance="aal2",
                about="Privacy officer of NHS Northshire."),
    )
}  # fmt: skip

#: The demo's main child, Jo Ash, as a practitioner would type her: the variable ``subject`` of a question.
SUBJECT: dict[str, Any] = {
    "identifiers": [{"system": "chi", "value": "0302140905"}, {"system": "scn", "value": "117003507"}],
    "givenName": "Jo",
    "familyName": "Ash",
    "birthDate": "2014-02-03",
    "addresses": [{"postcode": "NS4 2QX"}],
}


def persona(id: str) -> Persona:
    """The persona of that id. Raises UnknownPersona, naming those there are."""
    if id not in PERSONAS:
        raise UnknownPersona(f"There is no persona {id!r}. There are {', '.join(PERSONAS)}.")
    return PERSONAS[id]
