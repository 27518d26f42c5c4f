"""What the portal keeps is kept whole, on SQLite and on PostgreSQL; when it cannot be, that is said in time and without a driver's words."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sqlite3
import stat
import sys
import textwrap
import threading
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, distinct, func, insert, select, text
from structlog.testing import capture_logs

from connectors.errors import ConfigurationError
from portal import storage
from portal.errors import RequestError
from portal.storage import Database, StorageUnavailable, UniqueConflict
from tests.connectors.servers import Postgres
from tests.portal.storage_cases import BOTH, database, fresh, starter

TABLES = MetaData()
SHELF = Table("shelf", TABLES, Column("id", String, primary_key=True), Column("place", Integer, nullable=False))
BOOK = Table("book", TABLES, Column("id", String, primary_key=True), Column("shelf", ForeignKey("shelf.id"), nullable=False))
MARKER = "Skriðuklaustur"


@pytest.fixture(params=BOTH)
async def url(request: pytest.FixtureRequest) -> str:
    return await fresh(request.param, starter(request))


@pytest.fixture
async def opened(url: str, tmp_path: Path) -> AsyncIterator[Database]:
    async with database(url, tmp_path, TABLES) as opened:
        yield opened


async def put(opened: Database, id: str, place: int | None = 1) -> None:
    async with opened.begin() as connection:
        await connection.execute(insert(SHELF).values(id=id, place=place))


async def ids(opened: Database) -> list[str]:
    async with opened.read() as connection:
        return list((await connection.execute(select(SHELF.c.id).order_by(SHELF.c.id))).scalars())


# One contract, two databases


async def test_what_was_written_is_there_when_the_database_is_opened_again(url: str, tmp_path: Path) -> None:
    async with database(url, tmp_path, TABLES) as first:
        await put(first, "a")

    async with database(url, tmp_path, TABLES) as again:
        assert await ids(again) == ["a"]


async def test_a_block_that_raises_leaves_nothing_and_its_error_comes_out_as_it_is(opened: Database) -> None:
    async def refused() -> None:
        async with opened.begin() as connection:
            await connection.execute(insert(SHELF).values(id="a", place=1))
            raise RequestError("CV437", "More than one child may be meant.")

    with pytest.raises(RequestError) as raised:
        await refused()

    assert raised.value.id == "CV437"
    assert await ids(opened) == []
    assert opened.healthy


async def test_a_reading_transaction_cannot_write(opened: Database) -> None:
    with pytest.raises(StorageUnavailable):
        async with opened.read() as connection:
            await connection.execute(insert(SHELF).values(id="a", place=1))

    assert await ids(opened) == []
    await put(opened, "b")
    assert await ids(opened) == ["b"]


async def test_a_key_that_is_taken_is_told_apart_from_every_other_failure(opened: Database) -> None:
    await put(opened, "a")

    with pytest.raises(UniqueConflict):
        await put(opened, "a")
    assert opened.healthy
    with pytest.raises(StorageUnavailable) as raised:
        await put(opened, "b", None)
    assert not isinstance(raised.value, UniqueConflict)


async def test_a_row_that_refers_to_nothing_is_refused(opened: Database) -> None:
    with pytest.raises(StorageUnavailable):
        async with opened.begin() as connection:
            await connection.execute(insert(BOOK).values(id="a", shelf="nowhere"))


async def test_no_error_and_no_log_line_carries_what_was_bound(opened: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await put(opened, MARKER)
    said = []

    with capture_logs() as logged:
        for failing in (lambda: put(opened, MARKER), lambda: put(opened, MARKER + "2", None), lambda: _nonsense(opened)):
            with pytest.raises(StorageUnavailable) as raised:
                await failing()
            said.append("".join(traceback.format_exception(raised.value)) + repr(raised.value) + raised.value.why)

    assert len(said) == 3
    assert MARKER not in "".join(said) + caplog.text + repr(logged)
    assert [entry["id"] for entry in logged if entry["log_level"] == "error"] == ["CV811"]


async def _nonsense(opened: Database) -> None:
    async with opened.begin() as connection:
        await connection.execute(text("select nonsense from shelf where id = :id"), {"id": MARKER})


async def test_it_is_unhealthy_from_the_failure_to_the_next_success(opened: Database) -> None:
    with pytest.raises(StorageUnavailable):
        await _nonsense(opened)
    assert not opened.healthy

    await ids(opened)
    assert opened.healthy


async def test_who_is_alone_with_a_table_sees_all_that_was_written_before(url: str, tmp_path: Path) -> None:
    """Two gateways, thirty writers: each counts the rows and writes the count; none may see what another saw."""
    async with database(url, tmp_path, TABLES) as one, database(url, tmp_path, TABLES) as other:

        async def counted(number: int) -> None:
            through = (one, other)[number % 2]
            async with through.begin() as connection:
                await through.alone(connection, SHELF)
                rows = (await connection.execute(select(func.count()).select_from(SHELF))).scalar_one()
                await connection.execute(insert(SHELF).values(id=f"{number:02}", place=rows))

        await asyncio.gather(*map(counted, range(30)))

        async with one.read() as connection:
            assert (await connection.execute(select(func.count(distinct(SHELF.c.place))))).scalar_one() == 30


async def test_a_reader_does_not_wait_for_a_writer(opened: Database) -> None:
    await put(opened, "a")

    async with opened.begin() as connection:
        await opened.alone(connection, SHELF)
        await connection.execute(insert(SHELF).values(id="b", place=1))
        async with asyncio.timeout(2):
            assert await ids(opened) == ["a"]
    assert await ids(opened) == ["a", "b"]


async def test_a_writer_that_never_ends_makes_the_next_one_give_up_in_time(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_BUSY", 0.3)
    async with database(url, tmp_path, TABLES) as one, database(url, tmp_path, TABLES) as other, one.begin() as holding:
        await one.alone(holding, SHELF)
        began = time.monotonic()
        with pytest.raises(StorageUnavailable):
            async with other.begin() as connection:
                await other.alone(connection, SHELF)

        assert time.monotonic() - began < 3


async def test_gateways_that_start_at_once_make_the_tables_once(url: str, tmp_path: Path) -> None:
    opened = await asyncio.gather(*(Database.open(url, tmp_path, TABLES) for _ in range(4)))
    try:
        await put(opened[0], "a")
        assert await ids(opened[3]) == ["a"]
    finally:
        for each in opened:
            await each.close()


async def test_a_database_with_other_tables_is_refused(url: str, tmp_path: Path) -> None:
    older = MetaData()
    Table("shelf", older, Column("id", String, primary_key=True))
    async with database(url, tmp_path, older):
        pass

    with pytest.raises(ConfigurationError) as raised:
        await Database.open(url, tmp_path, TABLES)

    assert [each.id for each in raised.value.mistakes] == ["CV814"]
    assert "shelf.place" in str(raised.value)


async def test_whoever_is_cancelled_leaves_nothing_and_nobody_waiting(opened: Database) -> None:
    begun = asyncio.Event()

    async def writing() -> None:
        async with opened.begin() as connection:
            await connection.execute(insert(SHELF).values(id="a", place=1))
            begun.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(writing())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await put(opened, "b")
    assert await ids(opened) == ["b"]


# SQLite


async def test_the_file_is_ours_alone_and_durable(tmp_path: Path) -> None:
    async with database("sqlite:kept/registry.db", tmp_path, TABLES) as opened:
        await put(opened, "a")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "kept").iterdir()}
        async with opened.read() as connection:
            pragmas = ("journal_mode", "synchronous", "foreign_keys")
            said = [(await connection.execute(text(f"pragma {each}"))).scalar_one() for each in pragmas]

    assert modes == {"registry.db": 0o600, "registry.db-wal": 0o600, "registry.db-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    assert said == ["wal", 2, 1]


WRITER = """
import asyncio, sys
from pathlib import Path
from sqlalchemy import Column, Integer, MetaData, String, Table, insert
from portal.storage import Database

TABLES = MetaData()
SHELF = Table("shelf", TABLES, Column("id", String, primary_key=True), Column("place", Integer, nullable=False))

async def main():
    opened = await Database.open("sqlite:registry.db", Path(sys.argv[1]), TABLES)
    async with opened.begin() as connection:
        await connection.execute(insert(SHELF).values(id="kept", place=1))
    async with opened.begin() as connection:
        await connection.execute(insert(SHELF).values(id="half", place=1))
        print("now", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_process_that_is_killed_leaves_what_it_finished_and_nothing_else(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path), stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}
    )
    assert process.stdout is not None
    assert (await process.stdout.readline()).strip() == b"now"
    process.send_signal(signal.SIGKILL)
    await process.wait()

    async with database("sqlite:registry.db", tmp_path, TABLES) as again:
        assert await ids(again) == ["kept"]


async def test_a_disk_that_hangs_is_given_up_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "PATIENCE", 0.5)
    monkeypatch.setattr(storage, "_GIVING_UP", 0.5)
    lasting = threading.Event()
    async with database("sqlite:registry.db", tmp_path, TABLES) as opened:

        async def hang() -> None:
            async with opened.begin() as connection:
                raw: Any = (await connection.get_raw_connection()).driver_connection
                await raw.create_function("hang", 0, lambda: lasting.wait(30))
                await connection.execute(text("select hang()"))

        began = time.monotonic()
        with pytest.raises(StorageUnavailable):
            await hang()
        waited = time.monotonic() - began
        lasting.set()

    assert waited < 3


# PostgreSQL


async def test_a_server_that_stands_still_is_given_up_in_time_and_used_again(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "PATIENCE", 0.5)
    url = await fresh("postgresql", lambda: postgres)
    async with database(url, tmp_path, TABLES) as opened:
        with postgres.suspended():
            began = time.monotonic()
            with pytest.raises(StorageUnavailable):
                await ids(opened)
            assert time.monotonic() - began < 5
        assert not opened.healthy
        await put(opened, "a")

        assert await ids(opened) == ["a"]


async def test_a_server_that_was_started_anew_is_used_at_once(postgres: Postgres, tmp_path: Path) -> None:
    url = await fresh("postgresql", lambda: postgres)
    async with database(url, tmp_path, TABLES) as opened:
        await put(opened, "a")
        await postgres.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'childview'")

        assert await ids(opened) == ["a"]


async def test_a_server_that_does_not_keep_what_it_says_it_kept_is_refused(postgres: Postgres, tmp_path: Path) -> None:
    url = await fresh("postgresql", lambda: postgres)
    name = url.split("/postgres:@/")[-1].split("?")[0].rsplit("/", 1)[-1]
    await postgres.execute(f"alter database {name} set synchronous_commit = off")

    with pytest.raises(ConfigurationError, match=r"CV813 .*NotDurable"):
        await Database.open(url, tmp_path, TABLES)


async def test_a_driver_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)

    with pytest.raises(ConfigurationError, match=r"CV812 .*asyncpg.*childview\[postgresql\]"):
        await Database.open("postgresql://registry@db.northshire.example/registry", tmp_path, TABLES)


# Addresses


@pytest.mark.parametrize(
    ("url", "id"),
    [
        pytest.param("", "CV812", id="empty"),
        pytest.param("sqlite:", "CV812", id="no-path"),
        pytest.param("sqlite:///registry.db", "CV812", id="slashes"),
        pytest.param("sqlite::memory:", "CV812", id="memory"),
        pytest.param("mysql://db/registry", "CV812", id="other-database"),
        pytest.param(f"postgresql://registry:{MARKER}@db/registry", "CV812", id="password"),
        pytest.param(f"postgresql://registry@db/registry?password={MARKER}", "CV812", id="password-elsewhere"),
        pytest.param(f"postgresql://db:{MARKER}/registry", "CV812", id="no-address"),
        pytest.param("env:CHILDVIEW_NO_SUCH", "CV812", id="unset"),
        pytest.param("file:no-such-file", "CV812", id="no-file"),
        pytest.param("sqlite:taken/registry.db", "CV813", id="not-a-folder"),
        pytest.param("sqlite:taken", "CV813", id="not-a-database"),
        pytest.param("postgresql://registry@127.0.0.1:9/registry", "CV813", id="nobody-there"),
    ],
)
async def test_an_address_that_cannot_be_used_is_refused_without_its_secrets(url: str, id: str, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a letter " * 200)

    with pytest.raises(ConfigurationError) as raised:
        await Database.open(url, tmp_path, TABLES)

    (mistake,) = raised.value.mistakes
    assert mistake.id == id
    assert mistake.hint
    assert MARKER not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("where", ["env", "file"])
async def test_an_address_may_stand_elsewhere(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHILDVIEW_REGISTRY", "sqlite:elsewhere.db")
    (tmp_path / "address").write_text("sqlite:elsewhere.db\n")

    async with database({"env": "env:CHILDVIEW_REGISTRY", "file": "file:address"}[where], tmp_path, TABLES) as opened:
        await put(opened, "a")

    with closing(sqlite3.connect(tmp_path / "elsewhere.db")) as connection:
        assert connection.execute("select id from shelf").fetchall() == [("a",)]


async def test_a_password_may_stand_elsewhere(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = (await fresh("postgresql", lambda: postgres)).replace("postgres:@", f"postgres:{MARKER}@")
    monkeypatch.setenv("CHILDVIEW_REGISTRY", url)

    async with database("env:CHILDVIEW_REGISTRY", tmp_path, TABLES) as opened:
        await put(opened, "a")
        assert await ids(opened) == ["a"]
