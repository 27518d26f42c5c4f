"""A folder of CSV files as a database, read by DuckDB in a thread of its own. Nothing outside the folder can be read.

Queries say ``read_csv('pupils.csv', all_varchar=true)``: a number with leading zeros stays what it is, and dates stay text until
``as = "date"`` reads them. A file's name is relative to the folder.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb

from connectors.database import PART, Leaving, Parts, Running, all_left
from connectors.errors import Misconfigured, Unavailable
from connectors.parameters import PLACEHOLDER

_THREADS = 4
#: So many seconds queries that were stopped are waited for when the portal closes.
_FAREWELL = 4.0
_FILE = re.compile(r"(\bread_(?:csv|csv_auto|parquet)\s*\(\s*)'(?!/)((?:[^']|'')+)'", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)


class Folder:
    """One folder. ``url`` is ``duckdb:///absolute/folder``, or ``duckdb:folder`` relative to ``base``."""

    dates = False

    def __init__(self, source: str, url: str, base: Path) -> None:
        self.source = source
        path = unquote(url.removeprefix("duckdb:"))
        self.folder = (base / (path[2:] if path.startswith("//") else path)).resolve()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._leaving: Leaving = set()

    async def open(self) -> None:
        """Open an empty database in memory that can see this folder and nothing else. Raises Misconfigured if there is no such folder."""
        if not await asyncio.to_thread(self.folder.is_dir):
            raise Misconfigured(f"{self.source}: source.url names no folder")
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="childview-files")
        self._connection = await asyncio.to_thread(_sandbox, self.folder)

    async def close(self) -> None:
        connection, threads = self._connection, self._threads
        self._connection = self._threads = None
        if connection and threads:
            connection.interrupt()
            await all_left(self._leaving, _FAREWELL)
            # A thread that reads from a share which has gone away never ends: it is left behind.
            threads.shutdown(wait=False, cancel_futures=True)
            if not self._leaving:
                connection.close()

    async def rows(self, query: str, given: Mapping[str, Any], step: str, deadline: float) -> Parts:
        """Rows in parts, their values as DuckDB gives them. Raises SourceError, or TimeoutError at ``deadline``."""
        if self._connection is None or self._threads is None:
            raise Misconfigured(f"{self.source}: {step}: asked before it was opened")
        threads, cursor = self._threads, self._connection.cursor()
        run = partial(asyncio.get_running_loop().run_in_executor, threads)
        statement, running = located(query, self.folder), Running(self._leaving, cursor.interrupt)
        try:
            names = await running.step(deadline, run(_executed, cursor, statement, dict(given)))
            while part := await running.step(deadline, run(cursor.fetchmany, PART)):
                yield [dict(zip(names, row, strict=True)) for row in part]
        except Exception as error:
            raise _fate(error, f"{self.source}: {step}") from None
        finally:
            await running.let_go(lambda: asyncio.to_thread(cursor.close))


def located(query: str, folder: Path) -> str:
    """The query with file names made absolute and placeholders written as DuckDB writes them (``$name``)."""
    prefix = str(folder).replace("'", "''")
    absolute = _FILE.sub(lambda found: f"{found.group(1)}'{prefix}/{found.group(2)}'", query)
    parts: list[str] = []
    at = 0
    for quoted in _QUOTED.finditer(absolute):
        parts += [PLACEHOLDER.sub(r"$\1", absolute[at : quoted.start()]), quoted.group()]
        at = quoted.end()
    parts.append(PLACEHOLDER.sub(r"$\1", absolute[at:]))
    return "".join(parts).replace("\\:", ":")


def _sandbox(folder: Path) -> duckdb.DuckDBPyConnection:
    inside = str(folder).replace("'", "''")
    connection = duckdb.connect(":memory:")
    for setting in (
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "python_enable_replacements = false",
        "memory_limit = '1GB'",
        "threads = 2",
        f"allowed_directories = ['{inside}/']",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"set {setting}")
    return connection


def _executed(cursor: duckdb.DuckDBPyConnection, statement: str, given: dict[str, Any]) -> list[str]:
    kinds = [each.type for each in duckdb.extract_statements(statement)]
    if kinds != [duckdb.StatementType.SELECT]:
        raise duckdb.PermissionException("not a select")
    cursor.execute(statement, given)
    return [column[0] for column in cursor.description or []]


def _fate(error: Exception, where: str) -> Exception:
    """DuckDB's error by fate, without its text: that can hold a row of the file."""
    if isinstance(error, TimeoutError | duckdb.InterruptException):
        return TimeoutError(f"{where}: no answer within the deadline")
    if isinstance(error, duckdb.IOException | OSError):
        return Unavailable(f"{where}: the file cannot be read now")
    return Misconfigured(f"{where}: the query does not fit the files ({type(error).__name__})")
