"""Northshire Fire and Rescue's home-safety service: another style of REST: basic authentication, envelopes, pages by number.

Run as its own process: ``python -m connectors.simulated.fire --fd 7 --seed 1`` with ``FIRE_PASSWORD`` in the environment.
"""

from __future__ import annotations

import base64
from typing import Any

from aiohttp import web

from connectors.simulated.families import World
from connectors.simulated.serving import desk, letters, page, serve
from connectors.simulated.versions import Version, by_child

AGENCY = "northshire-fire"
USER = "childview"
_PAGE = 10


def application(world: World, password: str) -> web.Application:
    """The server for one world; every request but the counter's needs basic authentication as ``childview``."""
    occupants = {f"oc{version.number}": version for version in by_child(world, AGENCY).values()}
    numbers = {version.child.id: id for id, version in occupants.items()}
    secret = base64.b64encode(f"{USER}:{password}".encode()).decode()
    app = desk(f"Basic {secret}")

    async def query(request: web.Request) -> web.Response:
        asked = await request.json()
        surname, born = letters(asked.get("lastName") or ""), asked.get("born")
        found = [_occupant(id, version) for id, version in occupants.items() if _might_be(version, surname, born)]
        return web.json_response({"data": {"occupants": found}})

    async def visits(request: web.Request) -> web.Response:
        return _paged(request, [row for row in _visits(world, numbers) if row["occupant"] == request.query.get("occupant")])

    async def observations(request: web.Request) -> web.Response:
        return _paged(request, [row for row in _observations(world, numbers) if row["occupant"] == request.query.get("occupant")])

    app.add_routes([
        web.post("/v2/occupants/query", query), web.get("/v2/visits", visits), web.get("/v2/observations", observations),
    ])  # fmt: skip
    return app


def _might_be(version: Version, surname: str, born: str | None) -> bool:
    return letters(version.family_name)[:3] == surname[:3] and bool(born) and version.birth_date[:7] == str(born)[:7]


def _occupant(id: str, version: Version) -> dict[str, Any]:
    home = version.child.home
    return {
        "id": id, "name": {"first": version.given_name, "last": version.family_name}, "born": version.birth_date, "gender": version.sex,
        "dwelling": {"street": home.line, "town": home.town, "postcode": version.postcode},
    }  # fmt: skip


def _paged(request: web.Request, rows: list[dict[str, Any]]) -> web.Response:
    found = page(rows, int(request.query.get("page", "1")), _PAGE)
    following = str(request.rel_url.update_query(page=str(found.following))) if found.following else None
    return web.json_response({"data": found.items, "paging": {"next": following, "total": len(rows)}})


def _visits(world: World, numbers: dict[str, str]) -> list[dict[str, Any]]:
    mine = [item for item in world.histories.involved if item.agency == AGENCY]
    return [
        {
            "id": f"hfsv-{place}", "occupant": numbers[item.child], "service": "HFSV", "station": item.team, "crew": item.worker,
            "phone": item.phone, "date": item.since.isoformat(),
        }
        for place, item in enumerate(mine, 1)
    ]  # fmt: skip


def _observations(world: World, numbers: dict[str, str]) -> list[dict[str, Any]]:
    mine = [item for item in world.histories.concerns if item.agency == AGENCY]
    return [
        {
            "id": f"obs-{place}", "occupant": numbers[item.child], "date": item.on.isoformat(), "code": item.category, "words": item.seen,
            "advice": item.action, "wellbeing": [word.upper() for word in item.indicators], "redacted": item.checked,
            "toldFamily": item.told,
        }
        for place, item in enumerate(mine, 1)
    ]  # fmt: skip


if __name__ == "__main__":
    serve(application, "FIRE_PASSWORD")
