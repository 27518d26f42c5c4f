"""Fresh databases for tests: an SQLite file, or a database of a real PostgreSQL server."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData

from portal.storage import Database
from tests.connectors.servers import Postgres

BOTH = ("sqlite", "postgresql")


async def fresh(which: str, server: Callable[[], Postgres]) -> str:
    """The URL of a database that nobody has used: of ``which`` kind. ``server`` is only called when one is needed."""
    if which == "sqlite":
        return "sqlite:registry.db"
    postgres = server()
    name = f"registry_{secrets.token_hex(4)}"
    await postgres.execute(f"create database {name}")
    return postgres.url.replace("/postgres?", f"/{name}?")


@asynccontextmanager
async def database(url: str, state: Path, *tables: MetaData) -> AsyncIterator[Database]:
    """One open database, closed again whatever happens."""
    opened = await Database.open(url, state, *tables)
    try:
        yield opened
    finally:
        await opened.close()


def starter(request: Any) -> Callable[[], Postgres]:
    """Starts the PostgreSQL server when it is first needed."""
    return lambda: request.getfixturevalue("postgres")
