"""NHS Northshire: FHIR R4 resources in a real FHIR server (``sekmet serve``), loaded as transactions.

A Patient for every child; Encounters for contacts, kept or missed; EpisodesOfCare for who works with the child; Flags.
The server's own base address is deliberately not where it is asked, as behind a hospital's gateway: its ``next`` links
point elsewhere, and a reader must put them right.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from connectors.simulated.families import World
from connectors.simulated.processes import Process
from connectors.simulated.versions import Version, by_child

AGENCY = "northshire-nhs"
BASE = "https://fhir.northshire-nhs.example/fhir"
CHI = "urn:oid:2.16.840.1.113883.2.1.3.2.4.16.53"
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
CODES = "https://northshire-nhs.example/codes/"
_SHIELDS = {"LOCATION": "R", "IDENTITY": "V"}
_CAME = {"attended": "ATT", "was-not-brought": "WNB", "cancelled": "CANF"}
_SERVICES = {"school-nursing": "SN", "health-visiting": "HV", "camhs": "CAMHS"}
_BATCH = 400
Resource = dict[str, Any]


def resources(world: World) -> Iterator[Resource]:
    """Every resource, patients first."""
    known = by_child(world, AGENCY)
    yield from (_patient(version) for version in known.values())
    for place, visit in enumerate(world.histories.visits, 1):
        service = {"serviceType": _coded("service", visit.sensitive, visit.sensitive)} if visit.sensitive else {}
        yield {
            "resourceType": "Encounter", "id": f"e{place:05}", "status": "entered-in-error" if visit.void else "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": visit.setting},
            "type": [_coded("clinic", visit.kind, visit.kind), _coded("outcome", _CAME[visit.came], visit.came)],
            "subject": _about(known[visit.child]), "period": {"start": visit.on.isoformat()}, **service,
        }  # fmt: skip
    for place, item in enumerate((item for item in world.histories.involved if item.agency == AGENCY), 1):
        period = {"start": item.since.isoformat(), **({"end": item.until.isoformat()} if item.until else {})}
        yield {
            "resourceType": "EpisodeOfCare", "id": f"c{place:05}", "status": "finished" if item.until else "active",
            "type": [_coded("service", _SERVICES[item.service], item.role)], "patient": _about(known[item.child]), "period": period,
            "managingOrganization": {"display": item.team}, "careManager": {"display": item.worker},
            "extension": [{"url": CODES + "duty-phone", "valueString": item.phone}],
        }  # fmt: skip
    for place, warned in enumerate((warned for warned in world.histories.warnings if warned.agency == AGENCY), 1):
        yield {
            "resourceType": "Flag", "id": f"g{place:05}", "status": "active", "code": _coded("alert", warned.category, warned.words),
            "subject": _about(known[warned.child]), "period": {"start": warned.since.isoformat()}, "author": {"display": warned.authority},
            "extension": [{"url": CODES + "duty-phone", "valueString": warned.phone}],
        }  # fmt: skip


async def load(world: World, url: str) -> None:
    """Put every resource on the server at ``url``. Raises ClientResponseError when it refuses one."""
    waiting = list(resources(world))
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        for start in range(0, len(waiting), _BATCH):
            entries = [
                {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}
                for resource in waiting[start : start + _BATCH]
            ]
            bundle = msgspec.json.encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})
            headers = {"Content-Type": "application/fhir+json", "Prefer": "return=minimal"}
            async with session.post(url, data=bundle, headers=headers) as answer:
                await answer.read()


def start(folder: Path, port: int, log: Path) -> Process:
    """Start the FHIR server on ``port``; it keeps its database in ``folder``."""
    settings = {
        "base_url": BASE, "host": "127.0.0.1", "port": port, "data_dir": str(folder), "validation": {"inbound": "off"},
        "simulator": {"enabled": False}, "log_inbound": False, "facility_name": "NHS Northshire", "subscriptions": {"hook_token": "unused"},
    }  # fmt: skip
    written = folder / "settings.yaml"
    written.write_bytes(msgspec.json.encode(settings))  # JSON is YAML too
    program = "from sekmet.cli import app; app()"
    command = [sys.executable, "-c", program, "serve", "--config", str(written), "--host", "127.0.0.1", "--port", str(port)]
    return Process(command, log=log, folder=folder, environment={"SEKMET_CONFIG": str(written)})


async def ready(process: Process, port: int) -> None:
    """Wait until the server answers. Raises RuntimeError when it has ended instead, TimeoutError after 40 seconds."""
    async with asyncio.timeout(40), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/fhir/Patient/unknown") as answer:
                    await answer.read()
                    return
            except aiohttp.ClientError:
                if not process.alive:
                    raise RuntimeError("The FHIR server ended while it started: see its log.") from None
                await asyncio.sleep(0.03)


def _patient(version: Version) -> Resource:
    child, home = version.child, version.child.home
    given = [version.given_name, *([version.middle_names] if version.middle_names else [])]
    names: list[Resource] = [{"use": "official", "family": version.family_name, "given": given}]
    if version.known_as:
        names.append({"use": "nickname", "given": [version.known_as], "family": version.family_name})
    if version.former_family_name:
        names.append({"use": "old", "family": version.former_family_name, "given": given[:1]})
    numbers = [{"system": CHI, "value": child.chi}, *([{"system": NHS_NUMBER, "value": child.nhs_number}] if child.nhs_number else [])]
    address = {"use": "home", "line": [home.line], "city": home.town, **({"postalCode": version.postcode} if version.postcode else {})}
    shield = _SHIELDS[child.shield] if child.shield and AGENCY in child.shield_at else None
    meta = {"meta": {"security": [{"system": CONFIDENTIALITY, "code": shield}]}} if shield else {}
    return {
        "resourceType": "Patient", "id": f"p{version.number:06}", **meta, "identifier": numbers, "name": names,
        "gender": "female" if version.sex == "F" else "male", "birthDate": version.birth_date, "address": [address],
        "generalPractitioner": [{"display": f"{home.town} Health Centre"}],
    }  # fmt: skip


def _about(version: Version) -> Resource:
    return {"reference": f"Patient/p{version.number:06}"}


def _coded(system: str, code: str, text: str) -> Resource:
    return {"coding": [{"system": CODES + system, "code": code}], "text": text}
