"""What the simulated REST servers share: counting, refusing, paging, and running on a socket that was handed over."""

from __future__ import annotations

import argparse
import hmac
import os
import socket
import unicodedata
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from connectors.simulated.families import World, build_world

COUNTER = web.AppKey("counter", Counter[str])
_ASIDE = "/-/requests"


class Page(msgspec.Struct, frozen=True):
    """One page of a list, and the number of the next one."""

    items: list[dict[str, Any]]
    following: int | None


def page(rows: list[dict[str, Any]], number: int, size: int) -> Page:
    """Page ``number`` (from 1) of ``rows``."""
    start = (number - 1) * size
    return Page(rows[start : start + size], number + 1 if start + size < len(rows) else None)


def letters(name: str) -> str:
    """A name as a register searches it: accents dropped, lower case, letters only."""
    return "".join(character for character in unicodedata.normalize("NFKD", name).casefold() if character.isalpha())


def desk(authorization: str) -> web.Application:
    """A server without routes yet, which counts every request and refuses those without exactly this ``Authorization``."""
    app = web.Application(middlewares=[counted, refuse_without(authorization)])
    app[COUNTER] = Counter()
    return app


@web.middleware
async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count every request by method and route; ``GET /-/requests`` tells the counts and is not counted."""
    counter = request.app[COUNTER]
    if request.path == _ASIDE:
        return web.json_response(counter)
    resource = request.match_info.route.resource
    counter[f"{request.method} {resource.canonical if resource else 'elsewhere'}"] += 1
    return await handler(request)


def refuse_without(authorization: str) -> Middleware:
    """Answer 401 to whoever does not bring exactly this ``Authorization`` header."""

    @web.middleware
    async def middleware(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), authorization.encode()):
            return web.json_response({"error": "not authorised"}, status=401)
        return await handler(request)

    return middleware


def serve(application: Callable[[World, str], web.Application], secret: str) -> None:
    """Run one agency's server until SIGTERM, on the listening socket with descriptor ``--fd``; ``secret`` names an environment variable."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--fd", type=int, required=True)
    arguments.add_argument("--seed", type=int, required=True)
    asked = arguments.parse_args()
    app = application(build_world(asked.seed), os.environ[secret])
    web.run_app(app, sock=socket.socket(fileno=asked.fd), print=None, access_log=None, shutdown_timeout=1.0)
