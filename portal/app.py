"""The portal as a web application: questions at /graphql, the phone list at /contacts, the agreements, and how the portal fares."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from html import escape

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.agreements.publication import published
from portal.api.accept import JSON
from portal.api.http import GraphQLEndpoint, bug, refusal
from portal.api.project import Agency
from portal.api.schema import build_schema
from portal.gateway import Portal, answer
from portal.outcomes import LOG_CLOSED

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}
_WORRIED = "If you are worried about a child, phone. If a child is in danger now, call 999."


def create_app(portal: Portal, *, introspection: bool = False) -> Starlette:
    """The application for an open portal. ``introspection`` lets signed-in practitioners ask the API about itself."""
    pages = Pages(portal)
    questions = GraphQLEndpoint(portal, build_schema(portal.standard), answer, introspection)
    app = Starlette(
        routes=[
            Route("/graphql", questions),
            Route("/healthz", pages.alive),
            Route("/readyz", pages.ready),
            Route("/contacts", pages.contacts),
            Route("/agreements", pages.agreements),
        ],
        middleware=[Middleware(Discreet)],
    )
    # A redirect would say an address again, with whatever somebody wrote into it.
    app.router.redirect_slashes = False
    return app


class Discreet:
    """Keeps exceptions' own words from servers and logs, which would print them: they may hold what was typed or read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            response = refusal(bug(error), JSON)
            if not begun:
                await response(scope, receive, send)


class Pages:
    """Pages that hold nothing about a child and need no sign-in."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    async def alive(self, request: Request) -> Response:
        """The process is up. Says nothing else."""
        return _json({"alive": True}, 200)

    async def ready(self, request: Request) -> Response:
        """Whether questions can be answered: 503 while the access log cannot be written. A silent source stops nobody.

        Nor do agreements that were changed and refused: those loaded before stay in force.
        """
        portal, writable = self._portal, self._portal.log.healthy
        reached = sum(source.out_since is None for source in portal.sources.values())
        log, agreements = "writable" if writable else "closed", "refused" if portal.rules.refused else "read"
        body = {"ready": writable, "log": log, "agreements": agreements, "sources": len(portal.sources), "reached": reached}
        return _json(body, 200 if writable else 503)

    async def contacts(self, request: Request) -> Response:
        """The duty and out-of-hours numbers of every agency, for when this portal cannot help or must not be waited for."""
        words = _WORRIED if self._portal.log.healthy else LOG_CLOSED
        agencies = sorted(self._portal.agencies.values(), key=lambda agency: agency.name)
        if _prefers_json(request.headers.get("accept", "")):
            listed = [{"name": each.name, "phone": each.phone, "outOfHours": each.out_of_hours} for each in agencies]
            return _json({"words": words, "agencies": listed}, 200)
        return HTMLResponse(contacts_page(words, agencies), headers=_HEADERS)

    async def agreements(self, request: Request) -> Response:
        """The public register: every agreement as it stands at this moment, in words."""
        portal = self._portal
        names = {id: agency.name for id, agency in portal.agencies.items()}
        # Apart from the loop that answers questions: a text that was never measured takes a moment.
        return _json(await asyncio.to_thread(published, portal.agreements, portal.clock(), portal.purposes, names), 200)


def contacts_page(words: str, agencies: Iterable[Agency]) -> str:
    """The phone list as a page that works everywhere: no script, no image, nothing from elsewhere."""
    rows = "\n".join(
        f'<tr><th scope="row">{escape(each.name)}</th><td>{_call(each.phone)}</td><td>{_call(each.out_of_hours)}</td></tr>'
        for each in agencies
    )
    return _PAGE.format(words=escape(words), rows=rows)


def _call(number: str | None) -> str:
    if not number:
        return "Not given. In danger, call 999."
    dialled = "".join(sign for sign in number if sign.isdecimal() or sign == "+")
    return f'<a href="tel:{dialled}">{escape(number)}</a>'


def _prefers_json(accept: str) -> bool:
    """Whether a client asks for JSON and not for a page: browsers name ``text/html``, programs name ``application/json``."""
    return JSON in accept.lower() and "text/html" not in accept.lower()


def _json(body: object, status: int) -> Response:
    return Response(msgspec.json.encode(body), status, {**_HEADERS, "Content-Type": f"{JSON}; charset=utf-8"})


_PAGE = """<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Who to phone</title>
<style>
body {{ font: 1.125rem/1.5 system-ui, sans-serif; max-width: 45rem; margin: 0 auto; padding: 1rem; color: #111; background: #fff }}
.words {{ border-left: .5rem solid #b00; padding-left: 1rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: .5rem; border-bottom: 1px solid #767676; vertical-align: top }}
a {{ color: #00408a }}
</style>
</head>
<body>
<main>
<h1>Who to phone</h1>
<p class="words" role="status">{words}</p>
<table>
<caption>Duty numbers of every agency</caption>
<thead><tr><th scope="col">Agency</th><th scope="col">In office hours</th><th scope="col">Out of hours</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</main>
</body>
</html>
"""
