"""Doors on loopback behind which something is wrong: servers that say nothing, drip, babble, send elsewhere, or die.

    with door(drips) as fire:
        ...  # environment={"FIRE_URL": fire.url}
        with fire.answering(dies):
            ...

Each door runs in a thread of its own, so that what it does costs the portal's event loop nothing and leaves no task in it.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

MEBIBYTE = 1024 * 1024


@dataclass
class Door:
    """One listening door: ``asked`` are the paths that came through it and when (monotonic seconds), ``open`` how many callers have not left."""

    answer: Answer
    port: int = 0
    asked: list[tuple[str, float]] = field(default_factory=list)
    open: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def answering(self, answer: Answer) -> Iterator[None]:
        """Answer otherwise within a block."""
        before, self.answer = self.answer, answer
        try:
            yield
        finally:
            self.answer = before


@dataclass(frozen=True)
class Call:
    """One request: its path, all its bytes, and the wire to answer on."""

    path: str
    raw: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def begin(
        self, *, status: str = "200 OK", type: str = "application/json", length: int | None, more: Mapping[str, str] | None = None
    ) -> None:
        """Send the head of an answer; the connection ends with it."""
        told = {"Content-Type": type, "Connection": "close", **(more or {})} | ({} if length is None else {"Content-Length": str(length)})
        head = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in told.items()), "", ""]
        await self.send("\r\n".join(head).encode())

    async def send(self, part: bytes) -> None:
        self.writer.write(part)
        await self.writer.drain()

    async def until_left(self) -> None:
        """Wait until the caller hangs up."""
        while await self.reader.read(MEBIBYTE):
            continue


Answer = Callable[[Call], Awaitable[None]]


@contextmanager
def door(answer: Answer) -> Iterator[Door]:
    """A door that speaks HTTP, each request answered by ``answer``; within the block it listens on ``port``."""
    opened, ready, loop = Door(answer), threading.Event(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(_listen(opened, ready),), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield opened
    finally:
        loop.call_soon_threadsafe(_stop, loop)
        thread.join()
        loop.close()


async def mute(call: Call) -> None:
    """For a door to which nobody speaks HTTP: ``door(mute)`` accepts whoever comes and never says a word."""
    await call.until_left()


async def never(call: Call) -> None:
    """Take the question and say nothing."""
    await call.until_left()


async def drips(call: Call) -> None:
    """Begin an answer and go on with it, one byte a second."""
    await call.begin(length=1000)
    with suppress(TimeoutError, ConnectionError):
        while not call.reader.at_eof():
            await call.send(b" ")
            async with asyncio.timeout(1.0):
                await call.reader.read(1)


async def dies(call: Call) -> None:
    """End in the middle of an answer, as a killed process does."""
    await call.begin(length=1000)
    await call.send(b'{"data": {"occupants": [{"id":')
    call.writer.transport.abort()


def babbles(size: int, *, type: str = "application/json") -> Answer:
    """Say ``size`` bytes of nonsense under the name of JSON."""
    nonsense = os.urandom(MEBIBYTE)

    async def answer(call: Call) -> None:
        await call.begin(length=size, type=type)
        for _ in range(size // MEBIBYTE):
            await call.send(nonsense)

    return answer


def speaks(body: object, *, status: str = "200 OK", type: str = "application/json", more: Mapping[str, str] | None = None) -> Answer:
    """Say ``body``: bytes as they are, anything else as JSON."""
    said = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def answer(call: Call) -> None:
        await call.begin(status=status, type=type, length=len(said), more=more)
        await call.send(said)

    return answer


def sends_to(address: str) -> Answer:
    """Redirect to another address."""
    return speaks(b"", status="307 Temporary Redirect", more={"Location": address})


def passes(upstream: str, instead: Callable[[str], Answer | None]) -> Answer:
    """Hand each request on to the agency's own server, but those of whose path ``instead`` says what is to happen to them."""
    behind = urlsplit(upstream)

    async def answer(call: Call) -> None:
        fault = instead(call.path)
        if fault is not None:
            await fault(call)
            return
        reader, writer = await asyncio.open_connection(behind.hostname, behind.port)
        # One request a connection, so that the end of the answer is the end of the connection.
        writer.write(call.raw.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        while part := await reader.read(MEBIBYTE):
            await call.send(part)
        writer.close()

    return answer


async def _call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Call:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(fields.get("content-length", "0")))
    return Call(first.split(" ")[1], head + body, reader, writer)


async def _listen(opened: Door, ready: threading.Event) -> None:
    async def come_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.open += 1
        # Callers leave when they like: that is what is being tried.
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            call = await _call(reader, writer) if opened.answer is not mute else Call("", b"", reader, writer)
            opened.asked.append((call.path, time.monotonic()))
            await opened.answer(call)
        opened.open -= 1
        writer.close()

    server = await asyncio.start_server(come_in, "127.0.0.1", 0)
    opened.port = server.sockets[0].getsockname()[1]
    ready.set()
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    server.close()


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()
