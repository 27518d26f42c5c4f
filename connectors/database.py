"""What the reader of SQL needs of a database, whichever it is, and how a query is ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

_T = TypeVar("_T")
#: Rows by column name, in parts.
Parts = AsyncGenerator[Sequence[Mapping[str, Any]], None]
#: The connections of one database that are being given back.
Leaving = set[asyncio.Future[None]]
#: Rows are taken so many at a time.
PART = 100
#: So many seconds whoever asked waits for a stopped query, and so many it is given behind the scenes.
_PATIENCE = 0.25
_LONGEST = 60.0


class Database(Protocol):
    """What the reader needs of a database, whichever it is. ``dates`` are bound as dates; otherwise as ISO text."""

    dates: bool

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    def rows(self, query: str, given: Mapping[str, Any], step: str, deadline: float) -> Parts:
        """Rows in parts. Raises SourceError, or TimeoutError at ``deadline`` (event loop's clock)."""
        ...


class Running:
    """The steps of one query. At the deadline, or when our task is ended, the query is stopped at once; nobody waits for a driver.

    ``stop`` tells the database to stop the query (without it, ending the step does); ``kill`` gives the connection up, for a database
    that does not even answer to that. What is left to tidy up goes on behind the scenes.
    """

    def __init__(self, leaving: Leaving, stop: Callable[[], None] | None = None, kill: Callable[[], None] | None = None) -> None:
        self.stop = stop
        self.kill = kill
        #: Whether the database was told to stop: it may still hold that against the next query on this connection.
        self.stopped = False
        self._leaving = leaving
        self._steps: set[asyncio.Future[Any]] = set()

    async def step(self, deadline: float, run: Awaitable[_T]) -> _T:
        """Await one step. Raises TimeoutError at ``deadline`` (event loop's clock)."""
        task = asyncio.ensure_future(run)
        self._steps.add(task)
        task.add_done_callback(self._ended)
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(task)
        except BaseException:
            if self.stop is None:
                task.cancel()
            await self._stopped(_PATIENCE)
            raise

    async def let_go(self, close: Callable[[], Awaitable[object]]) -> None:
        """Give the connection back by ``close`` when nothing runs on it any more."""
        closing = asyncio.ensure_future(self._closed(close))
        self._leaving.add(closing)
        closing.add_done_callback(self._leaving.discard)
        await asyncio.wait({closing}, timeout=_PATIENCE)
        if not closing.done() and self.kill:
            self.kill()

    async def _closed(self, close: Callable[[], Awaitable[object]]) -> None:
        await self._stopped(_LONGEST)
        try:
            await close()
        except Exception:
            # The connection was given up, or never made. Its pool finds that out by itself.
            return

    async def _stopped(self, patience: float) -> None:
        until = asyncio.get_running_loop().time() + patience
        while self._steps and asyncio.get_running_loop().time() < until:
            if self.stop:
                # Told again and again: a query that has not begun yet does not hear it.
                self.stopped = True
                self.stop()
            await asyncio.wait(self._steps, timeout=0.05)

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._steps.discard(task)
        if not task.cancelled():
            task.exception()


async def all_left(leaving: Leaving, patience: float) -> None:
    """Wait until every connection that was being given back is back, or ``patience`` seconds have passed."""
    if leaving:
        await asyncio.wait(set(leaving), timeout=patience)
