"""The demonstration's federation as practitioners meet it: six agencies running, one portal served over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from connectors.simulated.people import Child
from connectors.standard import Standard, load_standard
from portal.app import create_app
from portal.cli.client import view_query
from portal.demo import FEDERATION, RunningDemo
from portal.federation import Federation, load_federation
from portal.gateway import Portal, open_portal

GRAPHQL = "application/graphql-response+json"
PURPOSE = "child-protection"


@cache
def standard() -> Standard:
    return load_standard()


@cache
def everything() -> str:
    """The question that asks for every section and every field."""
    return view_query(standard())


@dataclass(frozen=True)
class Answered:
    """What came back over HTTP: status, headers, decoded body and the raw bytes."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def view(self) -> Any:
        assert self.status == 200, self.raw[:300]
        return self.body["data"]["child"]

    @property
    def states(self) -> dict[str, str]:
        return {source["source"]: source["state"] for source in self.view["sources"]}

    @property
    def kinds(self) -> dict[tuple[str, str], str]:
        return {(source["source"], kind["kind"]): kind["state"] for source in self.view["sources"] for kind in source["kinds"]}


@dataclass(frozen=True)
class Northshire:
    """A running portal of Northshire. ``state`` is where it keeps what it keeps."""

    demo: RunningDemo
    portal: Portal
    url: str
    state: Path
    session: aiohttp.ClientSession

    async def ask(self, who: str, subject: Mapping[str, Any], *, purpose: str = PURPOSE, query: str | None = None, **more: Any) -> Answered:
        """One question by a persona."""
        variables = {"subject": subject, "purpose": purpose, **more}
        return await self.post({"query": query or everything(), "variables": variables}, token=self.demo.token(who))

    async def post(self, body: Any, *, token: str | None, timeout: float = 30) -> Answered:
        headers = {"Content-Type": "application/json", "Accept": GRAPHQL} | ({"Authorization": f"Bearer {token}"} if token else {})
        limit = aiohttp.ClientTimeout(total=timeout)
        async with self.session.post(f"{self.url}/graphql", data=json.dumps(body), headers=headers, timeout=limit) as answer:
            return Answered(answer.status, dict(answer.headers), await answer.read())

    @property
    def database(self) -> Path:
        return self.state / "access.db"

    def events(self) -> list[dict[str, Any]]:
        """Every event of the access log, oldest first."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return [json.loads(body) for (body,) in connection.execute("select body from events order by idx")]

    def child(self, id: str) -> Child:
        """An invented child by the id in the stories."""
        return next(child for child in self.demo.world.children if child.id == id)


def typed(child: Child, *, number: bool = True) -> dict[str, Any]:
    """A child as a practitioner would type it."""
    subject: dict[str, Any] = {
        "givenName": child.given_name,
        "familyName": child.family_name,
        "birthDate": child.birth_date.isoformat(),
        "addresses": [{"postcode": child.home.postcode}],
    }
    return subject | ({"identifiers": [{"system": "chi", "value": child.chi}]} if number else {})


@asynccontextmanager
async def serving(
    demo: RunningDemo, state: Path, federation: Federation | None = None, *, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Northshire]:
    """A portal over the running agencies, served on loopback. ``environment`` puts other doors in place of agencies' own."""
    before = {name: os.environ.get(name) for name in environment or {}}
    os.environ.update(environment or {})
    try:
        federation = federation or load_federation(FEDERATION, standard())
        state.mkdir(parents=True, exist_ok=True)
        # Idle connections are let go before the server does: a question sent into a closing one would be lost.
        brief = aiohttp.TCPConnector(keepalive_timeout=2)
        async with open_portal(federation, state) as portal, _listening(portal) as url, aiohttp.ClientSession(connector=brief) as session:
            yield Northshire(demo, portal, url, state, session)
    finally:
        os.environ.update({name: value for name, value in before.items() if value is not None})


@asynccontextmanager
async def _listening(portal: Portal) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(portal), log_config=None, access_log=False, lifespan="off"))
    running = asyncio.create_task(server.serve([listener]))
    while not server.started and not running.done():
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
