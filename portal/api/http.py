"""GraphQL over HTTP: one POST is one operation, and at most one child asked about or one thing written down.

Follows the GraphQL over HTTP draft; GET is refused, because a child's details travel in bodies only. Whatever goes
wrong is answered in our own words: no exception's text, no value that was typed, leaves or is logged.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import PurePath
from typing import Any, Protocol, TypeVar

import msgspec
import structlog
from graphql import ExecutionResult, GraphQLError, GraphQLSchema, execute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from connectors.standard import Standard
from portal.api.accept import GRAPHQL, JSON, check_content_type, negotiate
from portal.api.documents import Documents
from portal.api.project import Answers, Register
from portal.api.selection import question, select
from portal.api.writing import change
from portal.errors import IssuerUnreachable, PortalError, RequestError, Unauthenticated
from portal.identity import Forbidden, Identity
from portal.model import ChildView, Practitioner, Question
from portal.recording import Keeping, Log, open_doubts, open_reviews, record

log = structlog.get_logger("childview.http")
_T = TypeVar("_T")

MOST_BYTES = 64 * 1024
_SHAPE = 'The body must be a JSON object: "query" (text); if need be "operationName" (text), "variables" and "extensions" (objects).'
_BUG = "Something went wrong here, and the people who run this portal were told."
_NEVER_KEPT = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Refusals(Log, Protocol):
    """The part of the access log that this entrance writes itself."""

    async def refuse(self, practitioner: Practitioner, why: str, /) -> object: ...


class Entrance(Register, Keeping, Protocol):
    """What this entrance needs of a portal."""

    @property
    def standard(self) -> Standard: ...
    @property
    def identity(self) -> Identity: ...
    @property
    def log(self) -> Refusals: ...


P = TypeVar("P", bound=Entrance)
Answer = Callable[[Question, Practitioner, P], Awaitable[ChildView]]


class Asked(msgspec.Struct, frozen=True):
    """The body of a request."""

    query: str
    operationName: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


class ClientLeft(Exception):
    """Nobody is there any more to read the answer."""


class GraphQLEndpoint:
    """``POST /graphql`` as an ASGI application."""

    def __init__(self, portal: P, schema: GraphQLSchema, answer: Answer[P], introspection: bool = False) -> None:
        self._portal: Any = portal
        self._schema = schema
        self._answer = answer
        self._documents = Documents(schema, introspection)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        media = negotiate(request.headers.get("accept")) or JSON
        try:
            response = await self._respond(request)
        except (ClientLeft, ClientDisconnect):
            response = Response(status_code=499)
        except PortalError as error:
            response = refusal(error, media)
        except Exception as error:
            response = refusal(bug(error), media)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        media = check(request)
        practitioner = await self._recognise(request.headers.get("authorization"))
        asked = await _read(request)
        try:
            return await self._run(asked, practitioner, media, request.receive)
        except RequestError as error:
            if error.refused:
                await self._portal.log.refuse(practitioner, error.id)
            raise

    async def _recognise(self, authorization: str | None) -> Practitioner:
        """The practitioner; refusals of a known one stand in the access log, bad tokens in the operators' log only."""
        portal: Entrance = self._portal
        try:
            return await portal.identity.authenticate(authorization)
        except Forbidden as error:
            await portal.log.refuse(error.practitioner, error.why)
            raise
        except (Unauthenticated, IssuerUnreachable) as error:
            log.warning("token refused", id=error.id, why=error.why)
            raise

    async def _run(self, asked: Asked, practitioner: Practitioner, media: str, receive: Receive) -> Response:
        portal: Entrance = self._portal
        document = self._documents.read(asked.query)
        selected = select(self._schema, document, asked.operationName, asked.variables or {})
        view = recorded = None
        if selected.child:
            wanted = question(self._schema, portal.standard, document, selected, portal.sources)
            view = await unless_left(self._answered(wanted, practitioner), receive)
        if selected.change:  # whether or not the client stays: what was begun is written down
            recorded = await record(change(self._schema, selected, portal.sources), practitioner, portal)
        reviews = await open_reviews(practitioner, portal) if selected.reviews else ()
        doubts = await open_doubts(practitioner, portal) if selected.doubts else ()
        result = execute(
            self._schema,
            document.ast,
            root_value=Answers(portal, practitioner, view, recorded, reviews, doubts),
            variable_values=asked.variables,
            operation_name=asked.operationName,
            is_awaitable=_never,
        )
        assert isinstance(result, ExecutionResult)
        return _answered(result, media)

    async def _answered(self, wanted: Question, practitioner: Practitioner) -> ChildView:
        return await self._answer(wanted, practitioner, self._portal)


def _never(value: object) -> bool:
    """No resolver does I/O, so no value of one has to be waited for, and none is asked whether it has."""
    return False


def check(request: Request) -> str:
    """The media type to answer in. Raises PortalError CV405 method, CV415 content type, CV406 Accept, in this order."""
    if request.method != "POST":
        raise PortalError("CV405", "Questions are sent by POST, so that nothing about a child stands in an address.", 405)
    check_content_type(request.headers.get("content-type"), request.headers.get("content-encoding"))
    media = negotiate(request.headers.get("accept"))
    if media is None:
        raise PortalError("CV406", f"Answers come as {GRAPHQL} or {JSON}.", 406)
    return media


async def _read(request: Request) -> Asked:
    """The body. Raises PortalError CV414 too long, CV400 not the JSON object the protocol asks for."""
    body = bytearray()
    if _announced(request) > MOST_BYTES:
        raise _too_long()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise _too_long()
    try:
        return msgspec.json.decode(body, type=Asked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise PortalError("CV400", _SHAPE, 400) from None


def _announced(request: Request) -> int:
    length = request.headers.get("content-length") or "0"
    return int(length) if length.isdecimal() and len(length) < 12 else MOST_BYTES + 1


def _too_long() -> PortalError:
    return PortalError("CV414", f"The body is longer than {MOST_BYTES} bytes.", 413)


async def unless_left(work: Coroutine[Any, Any, _T], receive: Receive) -> _T:
    """What ``work`` gives, unless the client leaves first: then it is cancelled, its end awaited, and ClientLeft raised.

    Awaiting the end matters: the access log writes its conclusion while the cancelled work unwinds.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientLeft
    finally:
        await _end(working, leaving)
    if working.cancelled():
        raise RuntimeError("the work cancelled itself")
    return working.result()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until each has ended, even when we are cancelled ourselves meanwhile."""
    interrupted = False
    for task in tasks:
        task.cancel()
    while pending := {task for task in tasks if not task.done()}:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError:
            interrupted = True
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen here, so that the event loop does not print it
    if interrupted:
        raise asyncio.CancelledError


def refusal(error: PortalError, media: str) -> Response:
    """An error as an answer. A document that cannot be run is 200 to a client that reads plain JSON only, as the protocol asks."""
    status = 200 if isinstance(error, RequestError) and media == JSON else error.status
    headers = dict(_NEVER_KEPT)
    if error.status == 405:
        headers["Allow"] = "POST"
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return _json({"errors": [_shown(error)]}, media, status, headers)


def _shown(error: PortalError) -> dict[str, Any]:
    shown: dict[str, Any] = {"message": error.message}
    if isinstance(error, RequestError) and error.locations:
        shown["locations"] = [{"line": line, "column": column} for line, column in error.locations]
    if isinstance(error, RequestError) and error.path:
        shown["path"] = list(error.path)
    shown["extensions"] = {"code": error.id} | ({"hint": error.hint} if error.hint else {})
    return shown


def _answered(result: ExecutionResult, media: str) -> Response:
    """The projected view. A field that could not be projected is our bug: said so in place, without the exception's words."""
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body = {"errors": [_unprojected(error) for error in result.errors], **body}
    return _json(body, media, 200, _NEVER_KEPT)


def _unprojected(error: GraphQLError) -> dict[str, Any]:
    shown = _shown(bug(error.original_error or error))
    return shown | ({"path": error.path} if error.path else {})


def _json(body: Mapping[str, Any], media: str, status: int, headers: Mapping[str, str]) -> Response:
    return Response(msgspec.json.encode(body), status, {**headers, "Content-Type": f"{media}; charset=utf-8"})


def bug(error: BaseException) -> PortalError:
    """Log where an unexpected exception came from, by type and place alone: its text may hold what was typed or read."""
    frames = [_place(frame) for frame in traceback.extract_tb(error.__traceback__)]
    inside = [type(one).__qualname__ for one in error.exceptions] if isinstance(error, BaseExceptionGroup) else []
    log.error("bug", id="CV901", error=type(error).__qualname__, inside=inside, frames=frames)
    return PortalError("CV901", _BUG, 500, "Phone if you need to know today.")


def _place(frame: traceback.FrameSummary) -> str:
    return f"{'/'.join(PurePath(frame.filename).parts[-2:])}:{frame.lineno} {frame.name}"
