"""One HTTP core for every source that is asked over HTTP: one session, one origin, a deadline, a size limit, no redirects.

A request can name a path and a query only; the origin is the configured one, so that no link in an answer can carry the
source's token, or a child's name, to another host. Errors are named by fate and say nothing of what was asked or answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote

import aiohttp
import msgspec
from yarl import URL

from connectors.connector import Ask
from connectors.declarative import Declaration
from connectors.errors import Misconfigured, Refused, SourceError, Unavailable

#: No honest answer about one child is larger.
SIZE_LIMIT = 8 * 1024 * 1024
#: So many pages are read of one list, and no more.
PAGE_LIMIT = 200
#: So many requests at once go to one source.
CONNECTIONS = 16
_CHUNK = 64 * 1024
_TRY_LATER = frozenset({408, 425, 429})


class Link(msgspec.Struct, frozen=True):
    """A place below the configured address: a percent-encoded path and a query, without an origin."""

    path: str
    query: str = ""


class Http:
    """One source's HTTP. ``base`` is an absolute address; every request goes below it."""

    def __init__(self, source: str, base: str, authorization: str | None = None) -> None:
        self.source = source
        self.base = _base(source, base)
        self._headers = {"Authorization": authorization} if authorization else {}
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def of(cls, declaration: Declaration) -> Http:
        """The HTTP of a declared source, with its secrets. Raises Misconfigured."""
        settings = declaration.settings
        return cls(declaration.id, declaration.secret(settings.url, "source.url"), _authorization(declaration))

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            headers={"User-Agent": "childview", **self._headers},
            trust_env=False,
        )

    async def close(self) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def json(
        self,
        method: str,
        link: Link,
        *,
        step: str,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        form: Iterable[tuple[str, str]] | None = None,
        accept: str = "application/json",
    ) -> Any:
        """Send one request and decode its JSON. ``body`` is sent as JSON, ``form`` as a form.

        Raises Unavailable (out of reach, 5xx, 429, cut off), Refused (401, 403), Misconfigured (a redirect, another 4xx, no JSON,
        too much of it), TimeoutError at ``deadline`` (event loop's clock). Ending the task closes the connection.
        """
        sent = {"Accept": accept, **(headers or {})}
        data: object = None
        if body is not None:
            data, sent["Content-Type"] = msgspec.json.encode(body), "application/json"
        elif form is not None:
            data = aiohttp.FormData(list(form), charset="utf-8")
        try:
            async with asyncio.timeout_at(deadline):
                return await self._sent(method, link, step, sent, data)
        except (aiohttp.InvalidURL, aiohttp.ClientResponseError):
            raise Misconfigured(f"{self.source}: {step}: what answered does not speak HTTP as agreed") from None
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise Unavailable(f"{self.source}: {step}: out of reach ({type(error).__name__})") from None

    async def _sent(self, method: str, link: Link, step: str, headers: dict[str, str], data: object) -> Any:
        if self._session is None:
            raise Misconfigured(f"{self.source}: {step}: asked before it was opened")
        async with self._session.request(method, self._address(link), headers=headers, data=data, allow_redirects=False) as response:
            wrong = _fate(self.source, step, response)
            if wrong:
                response.close()
                raise wrong
            return _decoded(self.source, step, await _content(self.source, step, response))

    def _address(self, link: Link) -> URL:
        query = f"?{link.query}" if link.query else ""
        return URL(f"{self.base.origin()}{link.path}{query}", encoded=True)

    def below(self, path: str) -> Link:
        """A percent-encoded path below the configured address."""
        return Link(self.base.raw_path.rstrip("/") + path)

    def rebased(self, link: str, asked: Link, step: str) -> Link:
        """A link out of an answer, as a place below the configured address.

        A server behind another name writes links with that name: only path and query are taken, never the host. Raises Misconfigured
        when they do not lie below the configured address or lead to what was asked.
        """
        try:
            url = URL(link)
        except ValueError:
            raise Misconfigured(f"{self.source}: {step}: a next link is no address") from None
        below = self.base.raw_path.rstrip("/")
        relative = unquote(asked.path.removeprefix(below))
        path = url.path if url.raw_path not in ("", "/") or url.absolute else unquote(asked.path)
        if path == unquote(asked.path) or (relative.strip("/") and path.endswith(relative)):
            return Link(asked.path, url.raw_query_string)
        if url.raw_path.startswith(f"{below}/") and ".." not in path.split("/"):
            return Link(url.raw_path, url.raw_query_string)
        raise Misconfigured(f"{self.source}: {step}: a next link leads away from source.url")

    def told_nothing(self, link: Link, values: Iterable[str], step: str) -> None:
        """Raise Misconfigured if a link repeats something that was typed of the child: addresses stand in servers' logs."""
        shown = URL(f"http://x{link.path}?{link.query}", encoded=True)
        parts = {*shown.parts, *shown.query.values(), *(part for value in shown.query.values() for part in value.split("|"))}
        if any(value in parts for value in values):
            raise Misconfigured(f"{self.source}: {step}: a next link repeats what was searched for in an address")


def access_headers(ask: Ask) -> dict[str, str]:
    """What a source may note beside its own audit: the access, as derived for this source, and the purpose."""
    return {"X-Childview-Access": ask.access_id, "X-Childview-Purpose": ask.purpose}


def _authorization(declaration: Declaration) -> str | None:
    auth = declaration.settings.auth
    if auth is None:
        return None
    if auth.bearer is not None:
        return f"Bearer {declaration.secret(auth.bearer, 'source.auth.bearer')}"
    user = declaration.secret(auth.user or "", "source.auth.user")
    return aiohttp.encode_basic_auth(user, declaration.secret(auth.password or "", "source.auth.password"), "utf-8")


def _base(source: str, text: str) -> URL:
    """The configured address. Raises Misconfigured unless it is https, or http to this machine, without user, query or fragment."""
    try:
        url = URL(text)
    except ValueError:
        raise Misconfigured(f"{source}: source.url is no address") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise Misconfigured(f"{source}: source.url must begin with https://")
    if url.user is not None or url.password is not None or url.query_string or url.fragment:
        raise Misconfigured(f"{source}: source.url must hold neither user nor query: credentials stand in source.auth")
    if url.scheme == "http" and not _this_machine(url.host):
        raise Misconfigured(f"{source}: source.url must be https: a child's details would travel unprotected")
    return url


def _this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _fate(source: str, step: str, response: aiohttp.ClientResponse) -> SourceError | None:
    status = response.status
    if 200 <= status < 300:
        return None
    said = f"{source}: {step}: answered {status}"
    if status in (401, 403):
        return Refused(said)
    if status >= 500 or status in _TRY_LATER:
        return Unavailable(said, _retry_after(response.headers.get("Retry-After")))
    return Misconfigured(f"{said}, and redirects are not followed" if 300 <= status < 400 else said)


def _retry_after(value: str | None) -> float | None:
    """Seconds, from a number of them or a date."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value.strip())
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


async def _content(source: str, step: str, response: aiohttp.ClientResponse) -> bytes:
    if "json" not in response.content_type:
        response.close()
        raise Misconfigured(f"{source}: {step}: answered with something that is not JSON")
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(_CHUNK):
        size += len(part)
        if size > SIZE_LIMIT:
            response.close()
            raise Misconfigured(f"{source}: {step}: answered with more than {SIZE_LIMIT // (1024 * 1024)} MiB")
        parts.append(part)
    return b"".join(parts)


def _decoded(source: str, step: str, content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Misconfigured(f"{source}: {step}: answered with something that is not JSON") from None
