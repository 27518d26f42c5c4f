"""The database of what the portal keeps itself (consents, reviews, alerts): SQLite under the state folder, PostgreSQL for several gateways.

Whoever keeps something hands over its tables and works in transactions. A driver's words never leave this file: they can hold what was
bound.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, MetaData, Table, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from connectors.errors import ConfigurationError, Mistake
from connectors.settings import secret
from portal.errors import PortalError

#: So many seconds a transaction may take, and so many more may pass until its connection has been given up.
PATIENCE = 8.0
_GIVING_UP = 2.0
#: So many seconds another writer is waited for.
_BUSY = 5.0
_POOL = 10
#: Whoever makes tables in PostgreSQL holds this lock: two gateways may start at once.
_MAKING = 0x6368696C64
_KEPT = "select current_setting('fsync') = 'on' and current_setting('synchronous_commit') <> 'off'"
_SQLITE = re.compile(r"sqlite:(?!//)([^?#:\x00]+)")
_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "fullfsync = ON", "foreign_keys = ON")
_OPTIONS = {"host", "ssl"}
_UNIQUE = {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "23505"}

_log = structlog.get_logger(__name__)
# These print rows and bound values when somebody turns debugging on for the whole process.
for _talkative in ("sqlalchemy.engine", "sqlalchemy.pool", "aiosqlite"):
    logging.getLogger(_talkative).setLevel(logging.WARNING)


class StorageUnavailable(PortalError):
    """CV811: what the portal keeps cannot be read or written now. ``why`` is for operators: the driver's name for it, never its text."""

    def __init__(self, why: str) -> None:
        words = "What this portal keeps itself, such as consents, cannot be read or written now."
        super().__init__("CV811", words, 503, "Try again soon. To keep a child safe, phone. The numbers are at /contacts.", retry_after=30)
        self.why = why


class UniqueConflict(StorageUnavailable):
    """Somebody else wrote the same key first. Trying again, from what stands there now, may help."""


class Database:
    """One database by its URL. ``healthy`` is False after a transaction that failed, until one succeeds."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.healthy = True
        self._engine = engine
        self._reading = engine.execution_options(reads=True, **({"postgresql_readonly": True} if _served(engine) else {}))
        # SQLite has one writer. Who waits here waits in order, and keeps no thread busy.
        self._turn = asyncio.Semaphore(_POOL if _served(engine) else 1)

    @classmethod
    async def open(cls, url: str, state: Path, *tables: MetaData) -> Database:
        """Open the database of ``registry.url``, and make the tables that are missing.

        ``url`` is ``sqlite:PATH`` (relative to ``state``), ``postgresql://...`` without a password, or ``env:NAME`` / ``file:PATH`` where
        either stands. Raises ConfigurationError: CV812 no usable URL or driver, CV813 it cannot be opened, CV814 it has other tables.
        """
        opened = cls(_engine(_address(url, state)))
        try:
            async with opened._transaction(opened._engine) as connection:
                lacking = await _made(connection, tables)
        except StorageUnavailable as error:
            await opened.close()
            raise _mistake("CV813", f"cannot be opened: {error.why}.", "Is the server up, the folder ours, the disk local?") from None
        if lacking:
            await opened.close()
            what = ", ".join(lacking)
            raise _mistake("CV814", f"names a database whose tables lack {what}.", "Name a database of its own for this portal.")
        return opened

    def begin(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One transaction that writes: durable when the block has ended, undone when it raises.

        Raises StorageUnavailable in place of any driver's error, UniqueConflict where a key was taken, both on leaving the block; within
        10 seconds whatever happens. A transaction begun inside another one waits for it in vain.
        """
        return self._writing()

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One transaction that only reads, and waits for no writer. Raises StorageUnavailable."""
        return self._transaction(self._reading)

    async def alone(self, connection: AsyncConnection, table: Table) -> None:
        """Until the transaction ends nobody else writes to ``table``; readers are not disturbed. SQLite has one writer anyway."""
        if _served(self._engine):
            await connection.execute(text(f'lock table "{table.name}" in share row exclusive mode'))

    async def close(self) -> None:
        """Let go of the database; a second call does nothing."""
        try:
            async with asyncio.timeout(_GIVING_UP):
                await self._engine.dispose()
        except (TimeoutError, SQLAlchemyError, OSError):
            # It hangs: whoever ends the process ends its connections.
            return

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        until = _until()
        try:
            async with asyncio.timeout_at(until):
                await self._turn.acquire()
        except TimeoutError:
            raise self._failed("Busy") from None
        try:
            async with self._transaction(self._engine, until) as connection:
                yield connection
        finally:
            self._turn.release()

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine, until: float | None = None) -> AsyncIterator[AsyncConnection]:
        connection = engine.connect()
        until = until or _until()
        try:
            # The inner limit stops the query. The outer one then gives up a connection that does not even end.
            async with asyncio.timeout_at(until + _GIVING_UP), asyncio.timeout_at(until):
                try:
                    await _started(connection)
                    yield connection
                    await connection.commit()
                finally:
                    if connection.sync_connection is not None:
                        await connection.close()
        except IntegrityError as error:
            if _name(error) in _UNIQUE:
                raise UniqueConflict(_name(error)) from None
            raise self._failed(_name(error)) from None
        except (SQLAlchemyError, OSError, TimeoutError, EOFError, _NotStarted) as error:
            raise self._failed(_name(error)) from None
        self._works()

    def _failed(self, why: str) -> StorageUnavailable:
        if self.healthy:
            _log.error("What the portal keeps cannot be read or written.", id="CV811", error=why)
        self.healthy = False
        return StorageUnavailable(why)

    def _works(self) -> None:
        if not self.healthy:
            _log.info("What the portal keeps can be read and written again.")
        self.healthy = True


class _NotStarted(Exception):
    """No connection: drivers raise all kinds of things before there is one."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def _until() -> float:
    return asyncio.get_running_loop().time() + PATIENCE


async def _started(connection: AsyncConnection) -> None:
    try:
        await connection.start()
        await connection.begin()
    except TimeoutError:
        raise
    except Exception as error:
        raise _NotStarted(_name(error)) from None


def _address(url: str, state: Path) -> URL:
    referred = url.startswith(("env:", "file:"))
    try:
        resolved = secret(url, state)
    except KeyError:
        raise _mistake("CV812", f"names the variable {url[4:]}, which is not set.", "Set it.") from None
    except (OSError, UnicodeDecodeError):
        raise _mistake("CV812", f"cannot be read at {url}.", "See the file's owner, mode and content.") from None
    if found := _SQLITE.fullmatch(resolved):
        return URL.create("sqlite+aiosqlite", database=str(_file(state / found.group(1))))
    return _server(resolved, referred)


def _server(resolved: str, referred: bool) -> URL:
    try:
        url = make_url(resolved)
    except (ArgumentError, ValueError):
        url = URL.create("none")
    if url.drivername not in ("postgresql", "postgres") or set(url.query) - _OPTIONS:
        hint = 'Write "sqlite:registry.db", or postgresql://USER@HOST/NAME with nothing but ?ssl=verify-full and ?host=.'
        raise _mistake("CV812", "is not one this portal can use.", hint)
    if url.password and not referred:
        hint = "Put the whole URL into an environment variable or a file, and write env:NAME or file:PATH."
        raise _mistake("CV812", "has a password in it, which everybody reads who may read the federation.", hint)
    return url.set(drivername="postgresql+asyncpg")


def _file(path: Path) -> Path:
    """The file, made if it is missing: a driver would make it readable to all."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise _mistake("CV813", f"cannot be opened at {path}: {error.strerror}.", "See the folder's owner, mode and free space.") from None
    return path.absolute()


def _engine(url: URL) -> AsyncEngine:
    served = url.get_backend_name() == "postgresql"
    try:
        engine = create_async_engine(
            url,
            hide_parameters=True,
            pool_size=_POOL,
            max_overflow=0,
            pool_timeout=PATIENCE,
            pool_pre_ping=served,
            pool_recycle=1800,
            connect_args=_session() if served else {"timeout": _BUSY, "isolation_level": None},
        )
    except ModuleNotFoundError as error:
        raise _mistake("CV812", f"needs {error.name}, which is not installed.", "Install childview[postgresql].") from None
    if not served:
        event.listen(engine.sync_engine, "connect", _durable)
        event.listen(engine.sync_engine, "begin", _begun)
    return engine


def _session() -> dict[str, Any]:
    """A PostgreSQL session that ends by itself what we have given up."""
    limits = {name: str(int(_BUSY * 1000)) for name in ("statement_timeout", "lock_timeout")}
    idle = {"idle_in_transaction_session_timeout": str(int((PATIENCE + _GIVING_UP) * 1000))}
    return {"timeout": _BUSY, "server_settings": {"application_name": "childview", **limits, **idle}}


def _durable(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"pragma {pragma}")
    cursor.execute("pragma journal_mode")
    if cursor.fetchone()[0] != "wal":
        raise _NotStarted("NotDurable")
    cursor.close()


def _begun(connection: Connection) -> None:
    """A transaction that may write takes its turn at once: one that began by reading could not be let through later."""
    reads = connection.get_execution_options().get("reads")
    connection.exec_driver_sql(f"pragma query_only = {'on' if reads else 'off'}")
    connection.exec_driver_sql("begin" if reads else "begin immediate")


async def _made(connection: AsyncConnection, tables: tuple[MetaData, ...]) -> list[str]:
    """Make what is missing; the columns that tables already there lack."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("select pg_advisory_xact_lock(:making)"), {"making": _MAKING})
        if not (await connection.execute(text(_KEPT))).scalar_one():
            raise _NotStarted("NotDurable")
    for each in tables:
        await connection.run_sync(each.create_all)
    return await connection.run_sync(lambda bound: [lack for each in tables for lack in _lacking(bound, each)])


def _lacking(connection: Connection, tables: MetaData) -> list[str]:
    seen = inspect(connection)
    return [
        f"{table.name}.{column}"
        for table in tables.sorted_tables
        for column in sorted({each.name for each in table.columns} - {each["name"] for each in seen.get_columns(table.name)})
    ]


def _served(engine: AsyncEngine) -> bool:
    return engine.dialect.name == "postgresql"


def _name(error: BaseException) -> str:
    """The driver's own name for a failure: SQLite's, or PostgreSQL's SQLSTATE; else the error's type."""
    if isinstance(error, _NotStarted):
        return error.why
    origin = getattr(error, "orig", None) or error
    named = getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None)
    return str(named or type(origin).__name__)


def _mistake(id: str, message: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Mistake(id=id, message=f"registry.url {message}", hint=hint)])
