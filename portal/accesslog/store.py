"""The file the access log stands in: append-only SQLite, written by one thread of one process.

Group commit: everything that queued while the last commit ran goes into the next, so that many accesses share one
fsync and none waits for a timer. Whoever appends is woken after the commit, never before. A failure of any kind fails
the whole batch, rolls back, and starts the next batch on a fresh connection whose tail is read anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hmac
import json
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from connectors.errors import ConfigurationError, Mistake
from portal.accesslog import events
from portal.accesslog.errors import LogUnavailable

#: As many events may wait for the disk; one more is turned away. At 3,000 events a second this is over a second of waiting.
QUEUE_LIMIT = 4096
#: As many events share one commit at most.
BATCH_LIMIT = 256
#: After a failure the disk is tried again every so many seconds, so that a portal nobody is sent to any more finds its way back.
PROBE_AFTER = 1.0

_log = structlog.get_logger(__name__)
_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "fullfsync = ON")
_SCHEMA = """
create table if not exists events (
  idx integer primary key, access text, type text not null, body blob not null, leaf blob not null, link blob not null
) strict;
create table if not exists keys (name text primary key, mark text not null) strict;
"""
_INSERT = "insert into events (idx, access, type, body, leaf, link) values "
_TAIL = "select idx, access, type, body, leaf, link from events order by idx desc limit 2"

_Row = tuple[int, str | None, str, bytes, bytes, bytes]


class Entry(msgspec.Struct, frozen=True):
    """Where an event stands, once it is durable. ``leaf`` is in hexadecimal."""

    index: int
    leaf: str


class Tail(msgspec.Struct, frozen=True):
    """The last entry: its index (-1 when there is none), link and time."""

    index: int = -1
    link: bytes = events.FIRST_LINK
    at: datetime | None = None


class _Waiting(NamedTuple):
    draft: events.Draft
    future: asyncio.Future[Entry] | None


class Store:
    """Appends events to one log; ``open`` takes the lock and checks the tail, ``close`` writes what waits and lets go."""

    def __init__(self, path: Path, log: str, clock: Callable[[], datetime], limit: int = QUEUE_LIMIT) -> None:
        self.path = path
        self.log = log
        self.limit = limit
        self.probe_after = PROBE_AFTER
        self.healthy = True
        self.commits = 0
        self.tail = Tail()
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._connection: sqlite3.Connection | None = None
        self._lock: int | None = None
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)

    def open(self) -> None:
        """Take the log for this process. Blocks.

        Raises ConfigurationError: CV704 another process writes it, CV706 its last entry does not check, CV708 it cannot be opened.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _locked(self.path)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection, self.tail = self._connect()
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise _unopened(error, self.path) from None
        except ConfigurationError:
            self.close()
            raise

    def start(self) -> None:
        """Begin to write what is appended."""
        self._thread.start()

    def mark_keys(self, marks: Mapping[str, str]) -> None:
        """Remember which keys an empty log is written with, or check that a log with events gets the same. Blocks; before ``start``.

        Raises ConfigurationError (CV709) when a key is not the one this log was written with.
        """
        connection = self._connection
        assert connection is not None, "the log is open"
        try:
            if self.tail.index < 0:
                connection.executemany("insert or replace into keys (name, mark) values (?, ?)", marks.items())
            kept = dict(connection.execute("select name, mark from keys"))
        except sqlite3.Error as error:
            raise _unopened(error, self.path) from None
        hint = "Put back the key this log was written with, or begin a new log."
        mistakes = [
            Mistake(id="CV709", message=f"log.{name} is not the key this log was written with.", hint=hint)
            for name, mark in marks.items()
            if not hmac.compare_digest(kept.get(name, ""), mark)
        ]
        if mistakes:
            raise ConfigurationError(mistakes)

    def append(self, draft: events.Draft, *, bounded: bool = True) -> asyncio.Future[Entry]:
        """Queue one event; the future is done when it is durable, or holds LogUnavailable when it is not.

        Raises LogUnavailable at once when too many wait; an event that is not ``bounded`` is always let in.
        """
        future: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
        self._queue(_Waiting(draft, future), bounded)
        return future

    def leave(self, draft: events.Draft) -> None:
        """Queue one event that nobody can wait for."""
        self._queue(_Waiting(draft, None), bounded=False)

    def close(self) -> None:
        """Write what waits, close the file, let go of the lock. Blocks; a second call does nothing."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()
        self._disconnect()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _queue(self, waiting: _Waiting, bounded: bool) -> None:
        with self._changed:
            if self._closing:
                raise LogUnavailable("it is closed")
            if bounded and len(self._waiting) >= self.limit:
                raise LogUnavailable("too many events wait for the disk")
            self._waiting.append(waiting)
            self._changed.notify()

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            try:
                entries = self._write([each.draft for each in batch])
            except Exception as error:  # whatever it was, nobody may believe that it was written
                self._fail(batch, error)
            else:
                self._succeed(batch, entries)

    def _next(self) -> list[_Waiting] | None:
        """What waits, in order; an empty batch when it is time to try the disk again, None when the log is closing and all is done."""
        with self._changed:
            while not self._waiting and not self._closing:
                if not self._changed.wait(None if self.healthy else self.probe_after):
                    return []
            if not self._waiting:
                return None
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_LIMIT))]

    def _write(self, drafts: Sequence[events.Draft]) -> list[Entry]:
        if self._connection is None:
            self._connection, self.tail = self._connect()
        if not drafts:
            self._connection.execute("pragma user_version = 1")  # a page on its way to the disk and back, and no event
            return []
        tail = self.tail
        rows: list[_Row] = []
        for draft in drafts:
            row, tail = self._row(draft, tail)
            rows.append(row)
        # One statement is one transaction and one turn without the interpreter's lock: a row at a time, each turn waits for a busy loop.
        self._connection.execute(_INSERT + ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(rows)), [*chain.from_iterable(rows)])
        self.tail = tail
        self.commits += 1
        return [Entry(row[0], row[4].hex()) for row in rows]

    def _row(self, draft: events.Draft, tail: Tail) -> tuple[_Row, Tail]:
        index, at = tail.index + 1, _not_before(self._clock(), tail.at)
        event = {**draft(at), "v": events.VERSION, "log": self.log, "index": index, "at": events.stamp(at)}
        body = events.encoded(event)
        leaf = events.leaf(body)
        link = events.link(tail.link, leaf)
        return (index, event.get("access"), event["type"], body, leaf, link), Tail(index, link, at)

    def _succeed(self, batch: list[_Waiting], entries: list[Entry]) -> None:
        if not self.healthy:
            _log.info("The access log can be written again.", log=self.log)
        self.healthy = True
        _wake([(each.future, entry) for each, entry in zip(batch, entries, strict=True)])

    def _fail(self, batch: list[_Waiting], error: Exception) -> None:
        why = _name(error)
        if self.healthy:
            _log.error("The access log cannot be written: nothing about a child is shown.", id="CV701", log=self.log, error=why)
        self.healthy = False
        # After an I/O error what this connection believes is worth nothing: the next batch begins with what the disk holds.
        self._disconnect()
        _wake([(each.future, LogUnavailable(why)) for each in batch])

    def _connect(self) -> tuple[sqlite3.Connection, Tail]:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=5.0)
        try:
            for pragma in _PRAGMAS:
                connection.execute(f"pragma {pragma}")
            if _pragma(connection, "journal_mode") != "wal" or _pragma(connection, "synchronous") != 2:
                raise _mistake("CV708", "cannot be made durable on this file system.", self.path, "Put the state folder on a local disk.")
            connection.executescript(_SCHEMA)
            return connection, _tail(connection, self.path, self.log)
        except BaseException:
            connection.close()
            raise

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.rollback()
            with contextlib.suppress(sqlite3.Error):
                connection.close()


def _not_before(at: datetime, last: datetime | None) -> datetime:
    """The clock's time to the millisecond, or the last entry's where the clock has gone back."""
    at = events.to_milliseconds(at)
    return max(at, last) if last else at


def _locked(path: Path) -> int:
    """A lock beside the database, held while the descriptor is open; the file names the process that holds it."""
    beside = path.with_name(path.name + ".lock")
    handle = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(handle, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(handle)
        hint = "One log has one writer. Ask the running portal (childview query, explain), or stop it first."
        raise _mistake("CV704", f"is being written by another process ({holder}).", path, hint) from None
    os.ftruncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())
    return handle


def _tail(connection: sqlite3.Connection, path: Path, log: str) -> Tail:
    rows: list[_Row] = connection.execute(_TAIL).fetchall()
    if not rows:
        return Tail()
    index, access, type_, body, leaf, link = rows[0]
    previous = rows[1][5] if len(rows) > 1 and rows[1][0] == index - 1 else events.FIRST_LINK if index == 0 else b""
    try:
        event = json.loads(body)
        at = events.moment(event["at"])
        sound = (event["index"], event.get("access"), event["type"]) == (index, access, type_)
        sound = sound and leaf == events.leaf(body) and link == events.link(previous, leaf)
    except (ValueError, KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        hint = "Keep the file as it is, run childview log verify, and tell the auditors."
        raise _mistake("CV706", f"has been changed: its last entry ({index}) does not check.", path, hint)
    if event.get("log") != log:
        raise _mistake("CV710", f"is the log of another portal, not {log}.", path, "See portal.id, log.url and --state.")
    return Tail(index, link, at)


def _wake(outcomes: list[tuple[asyncio.Future[Entry] | None, Entry | LogUnavailable]]) -> None:
    """Tell everybody in one call per event loop; a loop that is closed has nobody waiting any more."""
    waiting = [(future, outcome) for future, outcome in outcomes if future is not None]
    for loop in {future.get_loop() for future, _ in waiting}:
        of_loop = [(future, outcome) for future, outcome in waiting if future.get_loop() is loop]
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, of_loop)


def _settle(outcomes: list[tuple[asyncio.Future[Entry], Entry | LogUnavailable]]) -> None:
    for future, outcome in outcomes:
        if future.done():
            continue
        if isinstance(outcome, LogUnavailable):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


def _pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"pragma {name}").fetchone()[0]


def _name(error: Exception) -> str:
    """The storage's own name for a failure; never its text, which is not ours to vouch for."""
    if isinstance(error, sqlite3.Error):
        return str(getattr(error, "sqlite_errorname", type(error).__name__))
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__


def _unopened(error: Exception, path: Path) -> ConfigurationError:
    return _mistake("CV708", f"cannot be opened: {_name(error)}.", path, "See the folder's owner, mode and free space.")


def _mistake(id: str, message: str, path: Path, hint: str) -> ConfigurationError:
    return ConfigurationError([Mistake(id=id, message=f"The access log {message}", file=str(path), hint=hint)])
