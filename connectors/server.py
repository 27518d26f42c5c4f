"""PostgreSQL and SQLite by SQLAlchemy: read-only sessions, limited and stopped at the server, errors named by fate.

A pool for each source; connections are made when they are needed, so that a source may come up later than we do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from sqlalchemy import event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, InvalidRequestError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from connectors.database import PART, Leaving, Parts, Running, all_left
from connectors.errors import Misconfigured, Refused, Unavailable

#: At most so many connections to one source, made when they are first needed.
_POOL = 10
_SHARE_OF_DEADLINE = 0.9
#: So many seconds a file that is being written is waited for, once.
_LOCKED = 1.0

# These print rows and bound values when somebody turns debugging on for the whole process. They say nothing of a child here.
for _name in ("sqlalchemy.engine", "sqlalchemy.pool", "aiosqlite"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Server:
    """PostgreSQL or SQLite through SQLAlchemy."""

    def __init__(self, source: str, url: URL, deadline: float) -> None:
        self.source = source
        self.dates = url.get_backend_name() == "postgresql"
        self._url = url
        self._deadline = deadline
        self._engine: AsyncEngine | None = None
        self._leaving: Leaving = set()

    async def open(self) -> None:
        """Make the pool. Connections are made when they are needed, so that a source may come up later than we do."""
        # Rounded down to milliseconds; nought would mean no limit.
        limit = max(1, int(self._deadline * _SHARE_OF_DEADLINE * 1000))
        options: dict[str, Any] = {}
        if self.dates:
            session = {"default_transaction_read_only": "on", "statement_timeout": str(limit), "application_name": "childview"}
            options["connect_args"] = {"server_settings": session, "timeout": self._deadline}
        else:
            # While a writer holds a file nothing can interrupt who waits for it.
            options["connect_args"] = {"timeout": min(_LOCKED, self._deadline / 3)}
        try:
            self._engine = create_async_engine(
                self._url,
                hide_parameters=True,
                pool_size=_POOL,
                # Connections beyond a pool's size are made for one query and closed after it: dearer than the query.
                max_overflow=0,
                pool_timeout=self._deadline,
                pool_pre_ping=self.dates,
                pool_recycle=1800,
                **options,
            )
        except ModuleNotFoundError as error:
            raise Misconfigured(f"{self.source}: source.url needs {error.name}, which is not installed") from None
        if self.dates:
            event.listen(self._engine.sync_engine, "connect", _numbers_as_text)

    async def close(self) -> None:
        if self._engine:
            await all_left(self._leaving, self._deadline)
            await self._engine.dispose()
            self._engine = None

    async def rows(self, query: str, given: Mapping[str, Any], step: str, deadline: float) -> Parts:
        if self._engine is None:
            raise Misconfigured(f"{self.source}: {step}: asked before it was opened")
        connection, running = self._engine.connect(), Running(self._leaving)
        try:
            await running.step(deadline, connection.start())
            running.stop, running.kill = await _stoppers(connection)
            streamed = connection.stream(text(query), dict(given), execution_options={"yield_per": PART})
            mappings = (await running.step(deadline, streamed)).mappings()
            while part := await running.step(deadline, mappings.fetchmany(PART)):
                yield cast("Sequence[Mapping[str, Any]]", part)
        except Exception as error:
            raise self._fate(error, step) from None
        finally:
            await running.let_go(lambda: _given_back(connection, running))

    def _fate(self, error: BaseException, step: str) -> Exception:
        return fate(error, f"{self.source}: {step}")


def server(source: str, url: str, base: Path, deadline: float) -> Server:
    """The server an address stands for; a relative file lies in ``base``. Raises Misconfigured."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise Misconfigured(f"{source}: source.url is no address of a database") from None
    if parsed.drivername.partition("+")[0] in ("postgresql", "postgres"):
        return Server(source, parsed.set(drivername="postgresql+asyncpg"), deadline)
    if parsed.drivername.partition("+")[0] == "sqlite" and parsed.database and parsed.database != ":memory:":
        path = quote(str((base / parsed.database).absolute()))
        readonly = {"mode": "ro", "uri": "true"}
        return Server(source, URL.create("sqlite+aiosqlite", database=f"file:{path}", query=readonly), deadline)
    raise Misconfigured(f"{source}: source.url must begin with postgresql://, sqlite:/// and a file, or duckdb:/// and a folder")


def fate(error: BaseException, where: str) -> Exception:
    """A driver's error by fate, without its text: that can hold what was asked for, or a row. ``where`` names source and step."""
    if isinstance(error, PoolTimeout):
        return Unavailable(f"{where}: every connection is busy")
    if isinstance(error, TimeoutError):
        return TimeoutError(f"{where}: no answer within the deadline")
    origin = getattr(error, "orig", None) or error
    state = getattr(origin, "sqlstate", None) or getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return _postgresql_fate(state, where)
    name = getattr(origin, "sqlite_errorname", None)
    if isinstance(name, str):
        return _sqlite_fate(name, where)
    if isinstance(origin, OSError | EOFError) or getattr(error, "connection_invalidated", False):
        return Unavailable(f"{where}: out of reach ({type(origin).__name__})")
    if isinstance(origin, SQLAlchemyError) and not isinstance(origin, InvalidRequestError):
        return Unavailable(f"{where}: the connection failed ({type(origin).__name__})")
    return Misconfigured(f"{where}: the driver refused ({type(origin).__name__})")


def _postgresql_fate(state: str, where: str) -> Exception:
    """By class of SQLSTATE (PostgreSQL documentation, appendix A)."""
    if state == "57014":
        return TimeoutError(f"{where}: ended at the server's own limit")
    if state[:2] == "28" or state == "42501":
        return Refused(f"{where}: the database refused us (SQLSTATE {state})")
    if state[:2] in ("08", "53", "57", "58", "55", "40", "XX"):
        return Unavailable(f"{where}: the database cannot answer now (SQLSTATE {state})")
    return Misconfigured(f"{where}: the query does not fit the database (SQLSTATE {state})")


def _sqlite_fate(name: str, where: str) -> Exception:
    if name == "SQLITE_INTERRUPT":
        return TimeoutError(f"{where}: ended at the deadline")
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR")):
        return Unavailable(f"{where}: the file cannot be read now ({name})")
    if name.startswith(("SQLITE_AUTH", "SQLITE_PERM")):
        return Refused(f"{where}: the file may not be read ({name})")
    return Misconfigured(f"{where}: the query does not fit the database ({name})")


async def _stoppers(connection: AsyncConnection) -> tuple[Callable[[], None] | None, Callable[[], None] | None]:
    """What stops a running query, and what gives the connection up.

    PostgreSQL's driver tells the server when its task ends. SQLite's thread has to be told: its driver would wait for it, for minutes.
    """
    driver: Any = (await connection.get_raw_connection()).driver_connection
    if connection.dialect.name == "sqlite":
        return driver._conn.interrupt, None
    return None, driver.terminate


async def _given_back(connection: AsyncConnection, running: Running) -> None:
    """Back to the pool, or out of it when it is no longer any good: one told to stop would end the next query, about another child."""
    try:
        if running.stopped:
            await connection.invalidate()
        await connection.close()
    except Exception:
        await connection.invalidate()
        await connection.close()


def _numbers_as_text(connection: Any, _: object) -> None:
    """Let text be bound where the database keeps numbers: ids and numbers of persons are text here, and digits there."""

    async def tell(driver: Any) -> None:
        for name, decode in (("int2", int), ("int4", int), ("int8", int), ("numeric", Decimal)):
            await driver.set_type_codec(name, schema="pg_catalog", encoder=str, decoder=decode, format="text")

    connection.run_async(tell)
