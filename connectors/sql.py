"""The reader of databases: PostgreSQL and SQLite by SQLAlchemy, folders of CSV files by DuckDB.

Queries are the author's own; what is known of a child is bound to them and never becomes part of their text.
"""

from __future__ import annotations

import asyncio
import pathlib
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import date
from typing import Any

import msgspec

from connectors.connector import Ask, Person, Record
from connectors.database import Database
from connectors.declarative import Declaration
from connectors.errors import Misconfigured, Mistake
from connectors.mapping import Path
from connectors.parameters import PLACEHOLDER
from connectors.people import PersonTable, person_table
from connectors.reader import Holding, Reader, Search, given_for
from connectors.settings import Document

_PARTS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
_PASTED = re.compile(r"\{\w+\}|%\(\w+\)s|\$\{|\$\d|(?<![\w%])%s")
_READS = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
_DATES = ("birth_date", "birth_date_swapped", "since")


class SqlFind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``find``: a query whose parameters are what is known of the child."""

    query: str


class SqlProvide(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``provide``: a query by ``:person_id``, the column of the record's own id, and the fields."""

    query: str
    id: str
    fields: dict[str, Any] = {}


class SqlConnector(Reader[SqlFind, SqlProvide]):
    """A database as one file declares it."""

    find_form = SqlFind
    provide_form = SqlProvide

    def __init__(self, declaration: Declaration) -> None:
        self._people: PersonTable | None = None
        self._database: Database | None = None
        super().__init__(declaration)

    def read_person(self, document: Document) -> list[Mistake]:
        self._people, mistakes = person_table(self.source, document, self.cut, "CV350")
        return mistakes

    def check_find(self, document: Document, label: str, form: SqlFind) -> tuple[list[str], list[Mistake]]:
        return _checked(document, form.query, "find", label)

    def check_provide(self, document: Document, kind: str, form: SqlProvide) -> tuple[list[str], list[Mistake]]:
        return _checked(document, form.query, "provide", kind)

    async def open(self) -> None:
        url = self.declaration.secret(self.declaration.settings.url, "source.url")
        self._database = database(self.source, url, self.declaration.base, self.declaration.settings.deadline)
        await self._database.open()

    async def close(self) -> None:
        if self._database:
            await self._database.close()
            self._database = None

    async def check(self) -> None:
        deadline = asyncio.get_running_loop().time() + self.declaration.settings.deadline
        async with aclosing(self._opened().rows("select 1 as one", {}, "check", deadline)) as parts:
            await anext(parts, None)

    async def persons(self, search: Search[SqlFind], given: Mapping[str, str], ask: Ask) -> AsyncGenerator[Person, None]:
        assert self._people is not None
        step = f"find.{search.label}"
        async with aclosing(self._opened().rows(search.form.query, self._bound(given), step, ask.deadline)) as parts:
            async for part in parts:
                self._columns(part[0], self._people.paths, step)
                for row in part:
                    yield self._people.person(row)

    async def records(self, holding: Holding[SqlProvide], person: Person, ask: Ask) -> AsyncGenerator[Record, None]:
        step = f"provide.{holding.kind}"
        given = given_for(person, ask)
        wanted = {name: given[name] for name in _names(holding.form.query)}
        async with aclosing(self._opened().rows(holding.form.query, self._bound(wanted), step, ask.deadline)) as parts:
            async for part in parts:
                self._columns(part[0], holding.paths, step)
                for row in part:
                    yield holding.record(row)

    def _opened(self) -> Database:
        if self._database is None:
            raise Misconfigured(f"{self.source}: asked before it was opened")
        return self._database

    def _bound(self, given: Mapping[str, Any]) -> dict[str, Any]:
        if not self._opened().dates:
            return dict(given)
        return {name: date.fromisoformat(value) if name in _DATES else value for name, value in given.items()}

    def _columns(self, row: Mapping[str, Any], paths: Sequence[Path], step: str) -> None:
        """A column that the query does not give is a slip in the file, not an empty field."""
        for path in paths:
            if path[0] not in row:
                raise Misconfigured(f"{self.source}: {step}: the query gives no column {path[0]!r}")


def _checked(document: Document, query: str, *where: str) -> tuple[list[str], list[Mistake]]:
    """The placeholders of a query, and everything in it that is not a single question with bound parameters."""
    name = ".".join(where)
    said: list[tuple[str, str | None]] = []
    if not _READS.match(_PARTS.sub(" ", query)):
        said.append(("must begin with select or with: sources are read and never written.", None))
    if ";" in _PARTS.sub(" ", query).strip().rstrip(";"):
        said.append(("holds more than one statement.", None))
    if _PASTED.search(query):
        said.append(("has text pasted into it.", "Write placeholders such as :upn: they are bound, whatever they hold."))
    if any(PLACEHOLDER.search(part) for part in _PARTS.findall(query)):
        hint = "Within quotes and comments it is no parameter. Take it out of them, or write \\: for a colon."
        said.append(("has a placeholder within quotes or a comment.", hint))
    mistakes = [document.mistake("CV358", f"{name}.query {words}", *where, "query", hint=hint) for words, hint in said]
    return _names(query), mistakes


def _names(query: str) -> list[str]:
    return PLACEHOLDER.findall(_PARTS.sub(" ", query))


def database(source: str, url: str, base: pathlib.Path, deadline: float) -> Database:
    """The database an address stands for; a relative file or folder lies in ``base``. Raises Misconfigured.

    Drivers are extras: each is imported when an address asks for it.
    """
    try:
        if url.startswith("duckdb:"):
            from connectors.files import Folder

            return Folder(source, url, base)
        from connectors.server import server

        return server(source, url, base, deadline)
    except ModuleNotFoundError as error:
        raise Misconfigured(f"{source}: source.url needs {error.name}, which is not installed") from None
