"""The reader of JSON over HTTP. A child's details travel in bodies, never in an address; only ``:person_id`` may stand in a path."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

import msgspec

from connectors.connector import Ask, Person, Record
from connectors.declarative import Declaration
from connectors.errors import Misconfigured, Mistake, Refused, Unavailable
from connectors.http import PAGE_LIMIT, Http, Link, access_headers
from connectors.mapping import Path, at, path
from connectors.parameters import PLACEHOLDER, PROVIDED, fill, placeholders
from connectors.people import PersonTable, person_table
from connectors.reader import Holding, Reader, Search, given_for
from connectors.settings import Document

Json = Any
Scalar = str | int | float | bool


class RestFind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``find``: a path to post to, a JSON body with placeholders, and where the rows stand in the answer."""

    post: str | None = None
    get: str | None = None
    body: dict[str, Any] | None = None
    params: dict[str, Scalar] = {}
    rows: str | None = None
    next: str | None = None


class RestProvide(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``provide``: as a find, by ``:person_id``, with the path of the record's own id and the fields."""

    id: str
    post: str | None = None
    get: str | None = None
    body: dict[str, Any] | None = None
    params: dict[str, Scalar] = {}
    rows: str | None = None
    next: str | None = None
    fields: dict[str, Any] = {}


Form = RestFind | RestProvide
_IN_PATHS = "~:@!$&'()*+,;=%"


class RestConnector(Reader[RestFind, RestProvide]):
    """An agency's JSON service as one file declares it."""

    find_form = RestFind
    provide_form = RestProvide

    def __init__(self, declaration: Declaration) -> None:
        self._people: PersonTable | None = None
        self._http: Http | None = None
        super().__init__(declaration)

    def cut(self, text: str) -> Path:
        return path(text)

    def read_person(self, document: Document) -> list[Mistake]:
        self._people, mistakes = person_table(self.source, document, self.cut, "CV350")
        return mistakes

    def check_find(self, document: Document, label: str, form: RestFind) -> tuple[list[str], list[Mistake]]:
        where = ("find", label)
        mistakes = form_mistakes(document, form, where)
        told = _in_address(form)
        if told or form.post is None:
            hint = "Write post = ... and body = { ... }: addresses stand in servers' logs."
            mistakes.append(document.mistake("CV359", f"find.{label} would put a child's details into an address.", *where, hint=hint))
        return [*placeholders(form.body), *told], mistakes

    def check_provide(self, document: Document, kind: str, form: RestProvide) -> tuple[list[str], list[Mistake]]:
        where = ("provide", kind)
        mistakes = form_mistakes(document, form, where)
        told = _in_address(form)
        for name in sorted({*told} - PROVIDED):
            hint = "Only :person_id, :since and :limit may stand in an address."
            mistakes.append(document.mistake("CV359", f"provide.{kind} would put :{name} into an address.", *where, hint=hint))
        return [*placeholders(form.body), *(name for name in told if name in PROVIDED)], mistakes

    async def open(self) -> None:
        self._http = Http.of(self.declaration)
        await self._http.open()

    async def close(self) -> None:
        if self._http:
            await self._http.close()
            self._http = None

    async def check(self) -> None:
        """Whether the service answers and lets us in. What it answers at its root does not matter."""
        http = self._opened()
        deadline = asyncio.get_running_loop().time() + self.declaration.settings.deadline
        try:
            await http.json("GET", http.below("/"), step="check", deadline=deadline)
        except (Refused, Unavailable):
            raise
        except Misconfigured:
            return

    async def persons(self, search: Search[RestFind], given: Mapping[str, str], ask: Ask) -> AsyncGenerator[Person, None]:
        assert self._people is not None
        async with aclosing(self._rows(search.form, dict(given), f"find.{search.label}", ask, tuple(given.values()))) as rows:
            async for row in rows:
                yield self._people.person(row)

    async def records(self, holding: Holding[RestProvide], person: Person, ask: Ask) -> AsyncGenerator[Record, None]:
        async with aclosing(self._rows(holding.form, given_for(person, ask), f"provide.{holding.kind}", ask, ())) as rows:
            async for row in rows:
                yield holding.record(row)

    async def _rows(self, form: Form, given: Mapping[str, Any], step: str, ask: Ask, typed: Sequence[str]) -> AsyncGenerator[Json, None]:
        """The rows of every page. ``typed`` are values that no next link may repeat; one that is about a person stays with that person."""
        http = self._opened()
        method, link, body = _request(http, form, given)
        seen: set[Link] = set()
        for _ in range(PAGE_LIMIT):
            seen.add(link)
            page = await http.json(method, link, step=step, deadline=ask.deadline, headers=access_headers(ask), body=body)
            for row in self._listed(page, form, step):
                yield row
            following = at(page, path(form.next)) if form.next else None
            if not following:
                return
            if not isinstance(following, str):
                raise Misconfigured(f"{self.source}: {step}: what stands at {form.next!r} is no link")
            link = http.rebased(following, link, step)
            http.told_nothing(link, typed, step)
            if not _about(given, form, link):
                raise Misconfigured(f"{self.source}: {step}: a next link is about somebody else")
            if link in seen:
                raise Misconfigured(f"{self.source}: {step}: the pages go in a circle")
        raise Misconfigured(f"{self.source}: {step}: more than {PAGE_LIMIT} pages")

    def _listed(self, page: Json, form: Form, step: str) -> list[Json]:
        rows = at(page, path(form.rows)) if form.rows else page
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Misconfigured(f"{self.source}: {step}: there is no list of rows at {form.rows or 'the root'!r}")
        return rows

    def _opened(self) -> Http:
        if self._http is None:
            raise Misconfigured(f"{self.source}: asked before it was opened")
        return self._http


def _about(given: Mapping[str, Any], form: Form, link: Link) -> bool:
    """Whether a next link stays with the person asked about, in its path and in every parameter that names a person."""
    person, query = str(given.get("person_id")), parse_qs(link.query)
    steps = [unquote(step) for step in link.path.split("/")]
    named = [name for name, text in (form.params or {}).items() if text == ":person_id"]
    in_path = ":person_id" not in (form.get or form.post or "").split("/") or person in steps
    return in_path and all(value == person for name in named for value in query.get(name, ()))


def form_mistakes(document: Document, form: Form, where: tuple[str, ...]) -> list[Mistake]:
    """What is wrong with the shape of one request."""
    name = ".".join(where)
    said: list[tuple[str, str, str | None]] = []
    if (form.get is None) == (form.post is None):
        said.append(("CV350", "must have either get or post.", None))
    if form.get is not None and form.body is not None:
        said.append(("CV350", "has a body, which only a post carries.", None))
    for text in (form.get, form.post):
        if text is not None and (not text.startswith("/") or "?" in text or "#" in text or ".." in text.split("/")):
            said.append(("CV350", "must give a path that begins with / and has no query.", "Queries stand in params = { ... }."))
    if any(step and PLACEHOLDER.search(step) and not PLACEHOLDER.fullmatch(step) for step in (form.get or form.post or "").split("/")):
        said.append(("CV355", "has a placeholder that is only a part of a step of its path.", "A step is a placeholder or a text."))
    if any(not PLACEHOLDER.fullmatch(text) for value in (form.body, form.params) for text in _mentioning(value)):
        hint = "A text is a placeholder or has none: values are never pasted."
        said.append(("CV355", "has a placeholder that is only a part of a text.", hint))
    for key in ("rows", "next"):
        if getattr(form, key) is not None and not path(getattr(form, key)):
            said.append(("CV353", f"{key} names nothing.", "A path is names and indexes joined by /."))
    return [document.mistake(id, f"{name} {words}", *where, hint=hint) for id, words, hint in said]


def _mentioning(value: object) -> list[str]:
    """Every text in a nested value that mentions a placeholder."""
    if isinstance(value, str):
        return [value] if PLACEHOLDER.search(value) else []
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [text for part in parts for text in _mentioning(part)]


def _in_address(form: Form) -> list[str]:
    """The placeholders that would stand in the request's address."""
    return [*placeholders((form.get or form.post or "").split("/")), *placeholders(form.params)]


def _request(http: Http, form: Form, given: Mapping[str, Any]) -> tuple[str, Link, Json]:
    steps = (form.get or form.post or "").split("/")
    address = http.below("/".join(_step(http.source, step, given) for step in steps))
    params = {name: fill(value, given) for name, value in form.params.items()}
    query = urlencode({name: str(value).lower() if isinstance(value, bool) else value for name, value in params.items()})
    body = fill(form.body, given) if form.body is not None else {} if form.post is not None else None
    return ("GET" if form.get is not None else "POST"), Link(address.path, query), body


def _step(source: str, step: str, given: Mapping[str, Any]) -> str:
    if not PLACEHOLDER.fullmatch(step):
        return quote(step, safe=_IN_PATHS)
    value = str(fill(step, given))
    if value in ("", ".", ".."):
        raise Misconfigured(f"{source}: a person's id cannot stand in an address")
    return quote(value, safe="")
