"""Northshire Police's sharing service: a REST server with a bearer token, identifiers in bodies, lists in pages of two.

Run as its own process: ``python -m connectors.simulated.police --fd 7 --seed 1`` with ``POLICE_TOKEN`` in the environment.
``GET /-/requests`` counts what was asked, by route: proof for tests that somebody was, or was not, asked.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from connectors.simulated.families import World
from connectors.simulated.serving import Page, desk, letters, page, serve
from connectors.simulated.versions import Version, by_child

AGENCY = "northshire-police"
_PAGE = 2
_HANDLING = {"share": "P1", "condition": "P2", "keep": "P4"}
_GRADES = {"immediate": "R", "next-day": "A", "routine": "G"}
_PRESENCE = {"present": "PRES", "affected": "AFF", "missing": "MISP"}


def application(world: World, token: str) -> web.Application:
    """The server for one world; every request but the counter's needs ``Authorization: Bearer token``."""
    register = {_urn(version.number): version for version in by_child(world, AGENCY).values()}
    app = desk(f"Bearer {token}")

    async def search(request: web.Request) -> web.Response:
        asked = await request.json()
        if not asked.get("surname") or not asked.get("dob"):
            return web.json_response({"error": "surname and dob are needed"}, status=400)
        found = [_person(urn, version) for urn, version in register.items() if _might_be(version, asked)]
        return web.json_response({"people": found})

    async def concerns(request: web.Request) -> web.Response:
        return _listed(request, register, _concerns(world, register))

    async def events(request: web.Request) -> web.Response:
        return _listed(request, register, _events(world, register))

    app.add_routes([
        web.post("/people/search", search), web.get("/people/{urn}/concerns", concerns), web.get("/people/{urn}/events", events),
    ])  # fmt: skip
    return app


def _urn(number: int) -> str:
    return f"NP26-{number:06}"


def _might_be(version: Version, asked: dict[str, str]) -> bool:
    same_name = letters(version.family_name) == letters(asked["surname"])
    alike = letters(version.family_name)[:3] == letters(asked["surname"])[:3]
    return (alike and version.birth_date == asked["dob"]) or (same_name and version.birth_date[:4] == asked["dob"][:4])


def _person(urn: str, version: Version) -> dict[str, Any]:
    home = version.child.home
    return {
        "urn": urn, "forename": version.given_name, "middle": version.middle_names, "surname": version.family_name,
        "dob": version.birth_date, "sex": version.sex, "home": {"line": home.line, "town": home.town, "postcode": version.postcode},
        "marker": None,
    }  # fmt: skip


def _listed(request: web.Request, register: dict[str, Version], rows: dict[str, list[dict[str, Any]]]) -> web.Response:
    urn = request.match_info["urn"]
    if urn not in register:
        return web.json_response({"error": "unknown urn"}, status=404)
    found: Page = page(rows.get(urn, []), int(request.query.get("page", "1")), _PAGE)
    following = f"{request.path}?page={found.following}" if found.following else None
    return web.json_response({"items": found.items, "links": {"next": following}})


def _concerns(world: World, register: dict[str, Version]) -> dict[str, list[dict[str, Any]]]:
    numbers = {version.child.id: urn for urn, version in register.items()}
    rows: dict[str, list[dict[str, Any]]] = {}
    for place, item in enumerate((concern for concern in world.histories.concerns if concern.agency == AGENCY), 1):
        rows.setdefault(numbers[item.child], []).append({
            "ref": f"IVPD-{place:05}", "occurred": item.on.isoformat(), "type": item.category, "text": item.seen, "action": item.action,
            "indicators": list(item.indicators), "grade": _GRADES[item.urgent], "handling": _HANDLING[item.handling],
            "sanitised": item.checked, "familyTold": item.told, "weed": item.keep_until.isoformat() if item.keep_until else None,
        })  # fmt: skip
    return rows


def _events(world: World, register: dict[str, Version]) -> dict[str, list[dict[str, Any]]]:
    numbers = {version.child.id: urn for urn, version in register.items()}
    rows: dict[str, list[dict[str, Any]]] = {}
    for place, item in enumerate(world.histories.reports, 1):
        rows.setdefault(numbers[item.child], []).append({
            "ref": f"STORM-{place:05}", "occurred": item.on.isoformat(), "type": item.category, "child": _PRESENCE[item.presence],
            "log": item.text, "handling": _HANDLING[item.handling], "weed": item.keep_until.isoformat() if item.keep_until else None,
        })  # fmt: skip
    return rows


if __name__ == "__main__":
    serve(application, "POLICE_TOKEN")
