"""What the reader of SQL needs of a database, whichever it is, and how a query is ended.

Drivers are extras: each is imported when an address asks for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from connectors.errors import Misconfigured

_T = TypeVar("_T")
#: Rows by column name, in parts.
Parts = AsyncGenerator[Sequence[Mapping[str, Any]], None]
#: Rows are taken so many at a time.
PART = 100
#: So many seconds a stopped query has to end.
_PATIENCE = 2.0


class Database(Protocol):
    """What the reader needs of a database, whichever it is. ``dates`` are bound as dates; otherwise as ISO text."""

    dates: bool

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    def rows(self, query: str, given: Mapping[str, Any], step: str, deadline: float) -> Parts:
        """Rows in parts. Raises SourceError, or TimeoutError at ``deadline`` (event loop's clock)."""
        ...


def database(source: str, url: str, base: Path, deadline: float) -> Database:
    """The database an address stands for; a relative file or folder lies in ``base``. Raises Misconfigured."""
    try:
        if url.startswith("duckdb:"):
            from connectors.files import Folder

            return Folder(source, url, base)
        from connectors.server import server

        return server(source, url, base, deadline)
    except ModuleNotFoundError as error:
        raise Misconfigured(f"{source}: source.url needs {error.name}, which is not installed") from None


async def ended_by(deadline: float, step: Awaitable[_T], stop: Callable[[], None] | None) -> _T:
    """Await one step of a query. At the deadline, or when our task is ended, the query is stopped at the server before anything else.

    The driver's own way of ending waits for the query first: with SQLite that can be minutes.
    """
    task = asyncio.ensure_future(step)
    try:
        async with asyncio.timeout_at(deadline):
            return await asyncio.shield(task)
    except BaseException:
        if stop is None:
            task.cancel()
            await asyncio.wait({task}, timeout=_PATIENCE)
        until = asyncio.get_running_loop().time() + _PATIENCE
        while stop and not task.done() and asyncio.get_running_loop().time() < until:
            # Told again and again: a query that has not begun yet does not hear it.
            stop()
            await asyncio.wait({task}, timeout=0.05)
        if task.done() and not task.cancelled():
            task.exception()
        raise
