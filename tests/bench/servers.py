"""What is measured, each in a process of its own: the portal; the bare limit; a page that says hello.

``python -m tests.bench.servers portal|limit|hello --port PORT --state FOLDER``. Every one answers ``/-/cpu`` with the seconds of
processor time it has used. The limit asks the same connectors for the same kinds, all at once, and sends on what comes: no
token, no decision, no log, no match, no merge, no GraphQL.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors import Ask, Asker, Connector, Subject
from connectors.source import minimised
from portal.api.schema import build_schema
from portal.app import create_app
from portal.gateway import open_portal
from tests.bench.questions import QUESTIONS, Asked, asked, federation
from tests.journeys.northshire import PURPOSE

_WHO = Asker(agency="hillview-school", roles=("named_person",), opaque="bench")


async def _cpu(request: Request) -> Response:
    return JSONResponse(time.process_time())


@asynccontextmanager
async def _portal(state: Path) -> AsyncIterator[Starlette]:
    async with open_portal(federation(), state) as portal:
        app = create_app(portal)
        app.router.routes.append(Route("/-/cpu", _cpu))
        yield app


@asynccontextmanager
async def _hello(state: Path) -> AsyncIterator[Starlette]:
    async def hello(request: Request) -> Response:
        await request.body()
        return JSONResponse({"hello": "world"})

    yield Starlette(routes=[Route("/graphql", hello, methods=["POST"]), Route("/-/cpu", _cpu)])


@asynccontextmanager
async def _limit(state: Path) -> AsyncIterator[Starlette]:
    loaded = federation()
    schema = build_schema(loaded.standard)
    wanted = {text: await asked(text, loaded, schema) for text in QUESTIONS.values()}
    connectors = {each.id: each.connector for each in loaded.declared.values()}

    async def fan_out(request: Request) -> Response:
        body = msgspec.json.decode(await request.body())
        told = await _told(connectors, wanted[body["query"]])
        return Response(msgspec.json.encode(told, enc_hook=str), media_type="application/json")

    async with AsyncExitStack() as stack:
        for connector in connectors.values():
            await connector.open()
            stack.push_async_callback(connector.close)
        yield Starlette(routes=[Route("/graphql", fan_out, methods=["POST"]), Route("/-/cpu", _cpu)])


async def _told(connectors: Mapping[str, Connector], question: Asked) -> list[Any]:
    subject = question.question.subject
    return await asyncio.gather(
        *(
            _one(connectors[source], minimised(subject, question.sources[source].settings.needs), kinds)
            for source, kinds in question.permitted.items()
        )
    )


async def _one(connector: Connector, subject: Subject, kinds: list[str]) -> Any:
    deadline = asyncio.get_running_loop().time() + 5.0
    ask = Ask(access_id="bench", purpose=PURPOSE, practitioner=_WHO, deadline=deadline)
    persons = await connector.find(subject, ask)
    same = [person for person in persons if person.family_name == subject.family_name] or persons
    return await asyncio.gather(*(_records(connector, kind, same[0], ask) for kind in kinds))


async def _records(connector: Connector, kind: str, person: Any, ask: Ask) -> list[Any]:
    return [record async for record in connector.provided()[kind](person, ask)]


SERVERS = {"portal": _portal, "limit": _limit, "hello": _hello}


async def _serve(what: str, port: int, state: Path) -> None:
    async with SERVERS[what](state) as app:
        await uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False, lifespan="off")).serve()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("what", choices=SERVERS)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--state", type=Path, required=True)
    told = arguments.parse_args()
    asyncio.run(_serve(told.what, told.port, told.state))
