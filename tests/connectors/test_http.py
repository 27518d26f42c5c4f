"""The HTTP core against servers that misbehave: every fault has its fate, and no secret leaves for another host."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from connectors import Misconfigured, Refused, Unavailable
from connectors.http import Http, Link
from tests.connectors.servers import saying, serving

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@asynccontextmanager
async def http(url: str) -> AsyncIterator[Http]:
    opened = Http("a-source", url, "Bearer a-secret")
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


async def asked(url: str, path: str = "/people", deadline: float = 3.0) -> object:
    async with http(url) as core:
        until = asyncio.get_running_loop().time() + deadline
        return await core.json("POST", core.below(path), step="find.x", deadline=until, body={"surname": "Ash"})


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, None), (201, None), (301, Misconfigured), (302, Misconfigured), (304, Misconfigured), (400, Misconfigured), (401, Refused),
        (403, Refused), (404, Misconfigured), (409, Misconfigured), (422, Misconfigured), (408, Unavailable), (429, Unavailable),
        (500, Unavailable), (502, Unavailable), (503, Unavailable), (504, Unavailable),
    ],
)  # fmt: skip
async def test_every_status_has_its_fate(status: int, error: type[Exception] | None) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"said": "Ash"}, status=status)

    async with serving(answer) as url:
        if error is None:
            assert await asked(url) == {"said": "Ash"}
            return
        with pytest.raises(error) as raised:
            await asked(url)

    assert "a-source: find.x" in str(raised.value)
    assert "Ash" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", Unavailable),
        (b"this is no HTTP at all\r\n\r\n", Misconfigured),
        (HEAD + b'Content-Length: 400\r\n\r\n{"a": 1', Unavailable),
        (HEAD + b'Transfer-Encoding: chunked\r\n\r\n7\r\n{"a":', Unavailable),
        (HEAD + b'Content-Length: 7\r\n\r\n{"a": 1', Misconfigured),
        (HEAD + b"Content-Length: 4\r\n\r\n\xff\xfe{}", Misconfigured),
        (HEAD + b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000, Misconfigured),
        (HEAD.replace(b"application/json", b"text/html") + b"Content-Length: 2\r\n\r\n{}", Misconfigured),
        (HEAD + b"Content-Length: 99999999999\r\n\r\n" + b"9" * (10 * 1024 * 1024), Misconfigured),
    ],
    ids=["hangs-up", "no-http", "cut-off", "cut-off-chunk", "no-json", "no-utf8", "too-deep", "no-json-type", "ten-megabytes"],
)
async def test_what_is_no_answer_is_never_read_as_an_empty_one(answer: bytes, error: type[Exception]) -> None:
    async with saying(answer) as url:
        with pytest.raises(error):
            await asked(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nowhere.invalid.localhost:1", "https://127.0.0.1:1"])
async def test_nobody_there_is_unavailable(url: str) -> None:
    with pytest.raises(Unavailable):
        await asked(url)


async def test_a_server_without_the_tls_it_should_have_is_unavailable() -> None:
    async with saying(b"hello, this is no TLS\r\n") as url:
        with pytest.raises(Unavailable):
            await asked(url.replace("http://", "https://"))


async def test_a_compressed_bomb_is_stopped() -> None:
    """A small answer that unfolds into a large one counts as the large one."""

    async def answer(request: web.Request) -> web.Response:
        response = web.Response(body=b'"' + b"a" * (64 * 1024 * 1024) + b'"', content_type="application/json")
        response.enable_compression()
        return response

    async with serving(answer) as url:
        with pytest.raises((Misconfigured, Unavailable)):
            await asked(url, deadline=20)


async def test_a_slow_server_ends_at_the_deadline_and_its_connection_is_closed() -> None:
    gone = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            pass
        gone.set()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    before = time.monotonic()
    async with server, http(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as core:
        with pytest.raises(TimeoutError):
            await core.json("GET", core.below("/"), step="find.x", deadline=asyncio.get_running_loop().time() + 0.3)
        await asyncio.wait_for(gone.wait(), 1)

    assert time.monotonic() - before < 1


async def test_a_server_that_drips_ends_at_the_deadline() -> None:
    async with saying(HEAD + b"Content-Length: 400\r\n\r\n{", hold=30) as url:
        before = time.monotonic()
        with pytest.raises(TimeoutError):
            await asked(url, deadline=0.3)

    assert time.monotonic() - before < 1


async def test_ending_the_task_closes_the_connection() -> None:
    gone = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            pass
        gone.set()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with server:
        asking = asyncio.create_task(asked(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", deadline=30))
        await asyncio.sleep(0.2)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(gone.wait(), 1)


async def test_a_redirect_elsewhere_is_not_followed_and_gets_no_token() -> None:
    heard: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        heard.append(request.headers.get("Authorization", ""))
        return web.json_response([])

    async with serving(elsewhere) as other:

        async def answer(request: web.Request) -> web.Response:
            raise web.HTTPTemporaryRedirect(f"{other}/people")

        async with serving(answer) as url:
            with pytest.raises(Misconfigured, match="redirects"):
                await asked(url)

    assert heard == []


@pytest.mark.parametrize(("header", "seconds"), [("3", 3), ("soon", None), (None, None)])
async def test_how_long_to_wait_is_read(header: str | None, seconds: float | None) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": header} if header else {})

    async with serving(answer) as url:
        with pytest.raises(Unavailable) as raised:
            await asked(url)

    assert raised.value.retry_after == seconds


async def test_how_long_to_wait_may_be_a_date() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)})

    async with serving(answer) as url:
        with pytest.raises(Unavailable) as raised:
            await asked(url)

    assert 25 < (raised.value.retry_after or 0) <= 30


async def test_cookies_of_a_source_are_not_kept() -> None:
    heard: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        heard.append(request.headers.get("Cookie"))
        response = web.json_response([])
        response.set_cookie("child", "Ash")
        return response

    async with serving(answer) as url, http(url) as core:
        for _ in range(2):
            await core.json("GET", core.below("/"), step="x", deadline=asyncio.get_running_loop().time() + 3)

    assert heard == [None, None]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://127.0.0.1/", "https"),
        ("not an address", "https"),
        ("http://police.example/", "unprotected"),
        ("https://user:pw@police.example/", "source.auth"),
        ("https://police.example/?key=1", "source.auth"),
    ],
)
def test_an_address_that_would_give_something_away_is_refused(url: str, words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        Http("a-source", url)


@pytest.mark.parametrize(
    ("link", "rebased"),
    [
        ("?page=2", Link("/api/people/7/x", "page=2")),
        ("/api/people/7/x?page=2", Link("/api/people/7/x", "page=2")),
        ("https://other.example/api/people/7/x?page=2", Link("/api/people/7/x", "page=2")),
        ("https://other.example/v9/people/7/x?page=2", Link("/api/people/7/x", "page=2")),
        ("https://other.example/api/pages/77", Link("/api/pages/77", "")),
        ("//other.example/api/pages/77", Link("/api/pages/77", "")),
        ("https://other.example/elsewhere?page=2", None),
        ("https://other.example/", None),
        ("/api/../admin", None),
        ("/api/%2e%2e/admin", None),
        ("http://[", None),
    ],
)
def test_links_are_rebased_on_the_configured_address_or_refused(link: str, rebased: Link | None) -> None:
    core = Http("a-source", "https://police.example/api")
    if rebased is None:
        with pytest.raises(Misconfigured):
            core.rebased(link, Link("/api/people/7/x"), "provide.x")
    else:
        assert core.rebased(link, Link("/api/people/7/x"), "provide.x") == rebased
