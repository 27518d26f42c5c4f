"""The reader of FHIR R4. Every search is a POST to ``_search``; nothing a server answers is believed before it has been checked.

Servers in use ignore parameters they do not know and answer with everybody, and write links with names of their own. So handling
is strict, the ``self`` link and every resource are checked against what was asked, and links are rebased on the configured address.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import msgspec
from yarl import URL

from connectors.connector import FIND_LIMIT, Ask, Person, Record
from connectors.declarative import Declaration
from connectors.errors import Misconfigured, Mistake
from connectors.http import PAGE_LIMIT, Http, Link, access_headers
from connectors.mapping import Path, path
from connectors.parameters import PLACEHOLDER
from connectors.patient import Patient, PatientTable, patient_table
from connectors.reader import Holding, Reader, Search, given_for
from connectors.settings import Document

FHIR_JSON = "application/fhir+json"
_RESOURCE = re.compile(r"[A-Z][A-Za-z]{1,63}")
#: A whole value, a value after ``system|`` or ``Patient/``, or one after a comparison such as ``ge``.
_TEMPLATE = re.compile(r"(?P<before>|eq|ne|gt|lt|ge|le|sa|eb|ap|[^:].*[|/]):(?P<name>[A-Za-z_]\w*)")
_MENTION = re.compile(r"(?<![:\w]):[A-Za-z_]\w*(?!\w*:)")
_RESERVED = re.compile(r"([\\,$|])")
_PAGE = 100
#: Where resources say whom they are about.
_ABOUT = ("subject", "patient", "beneficiary", "for", "individual")


class FhirFind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``find``: a search of Patient, with its parameters."""

    search: str
    parameters: dict[str, str]


class FhirProvide(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``provide``: a search by ``:person_id``, the path of the record's own id, and the fields."""

    search: str
    parameters: dict[str, str]
    id: str = "id"
    fields: dict[str, Any] = {}


class Mode(msgspec.Struct, frozen=True):
    mode: str | None = None


class Entry(msgspec.Struct, frozen=True):
    resource: dict[str, Any] | None = None
    search: Mode | None = None


class BundleLink(msgspec.Struct, frozen=True):
    relation: str
    url: str


class Bundle(msgspec.Struct, frozen=True, tag_field="resourceType", tag="Bundle"):
    """What a search answers, as far as it is read."""

    type: str | None = None
    link: list[BundleLink] = []
    entry: list[Entry] = []

    def url(self, relation: str) -> str | None:
        return next((link.url for link in self.link if link.relation == relation), None)


class FhirConnector(Reader[FhirFind, FhirProvide]):
    """A FHIR R4 server as one file declares it."""

    find_form = FhirFind
    provide_form = FhirProvide

    def __init__(self, declaration: Declaration) -> None:
        self._patients: PatientTable | None = None
        self._http: Http | None = None
        super().__init__(declaration)

    def cut(self, text: str) -> Path:
        return path(text)

    def read_person(self, document: Document) -> list[Mistake]:
        self._patients, mistakes = patient_table(self.source, document)
        return mistakes

    def check_find(self, document: Document, label: str, form: FhirFind) -> tuple[list[str], list[Mistake]]:
        names, mistakes = _checked(document, form, "find", label)
        if form.search != "Patient":
            mistakes.append(document.mistake("CV350", f"find.{label} must search Patient.", "find", label, "search"))
        return names, mistakes

    def check_provide(self, document: Document, kind: str, form: FhirProvide) -> tuple[list[str], list[Mistake]]:
        names, mistakes = _checked(document, form, "provide", kind)
        if not _RESOURCE.fullmatch(form.search):
            mistakes.append(document.mistake("CV350", f"provide.{kind} must search a resource.", "provide", kind, "search"))
        return names, mistakes

    async def open(self) -> None:
        self._http = Http.of(self.declaration)
        await self._http.open()

    async def close(self) -> None:
        if self._http:
            await self._http.close()
            self._http = None

    async def check(self) -> None:
        http = self._opened()
        deadline = asyncio.get_running_loop().time() + self.declaration.settings.deadline
        await http.json("GET", http.below("/metadata"), step="check", deadline=deadline, accept=FHIR_JSON)

    async def persons(self, search: Search[FhirFind], given: Mapping[str, str], ask: Ask) -> AsyncGenerator[Person, None]:
        assert self._patients is not None
        step = f"find.{search.label}"
        async with aclosing(self._pages(search.form, given, step, ask, FIND_LIMIT + 1)) as pages:
            async for resources in pages:
                for resource in resources:
                    patient = self._patient(resource, step)
                    self._asked_for(patient, search.form, given, step)
                    yield self._patients.person(patient, resource)

    async def records(self, holding: Holding[FhirProvide], person: Person, ask: Ask) -> AsyncGenerator[Record, None]:
        step = f"provide.{holding.kind}"
        async with aclosing(self._pages(holding.form, given_for(person, ask), step, ask, _PAGE)) as pages:
            async for resources in pages:
                about = [self._is_about(resource, person) for resource in resources]
                if resources and not any(about):
                    raise Misconfigured(f"{self.source}: {step}: the server answered about others than the one it was asked about")
                for resource, fits in zip(resources, about, strict=True):
                    # What is about somebody else is not read; without an id it is set aside and counted.
                    yield holding.record(resource) if fits else Record("", {})

    async def _pages(
        self, form: FhirFind | FhirProvide, given: Mapping[str, Any], step: str, ask: Ask, count: int
    ) -> AsyncGenerator[list[dict[str, Any]], None]:
        """The matching resources of every page."""
        http = self._opened()
        sent = [(name, _filled(text, given)) for name, text in form.parameters.items()]
        if "_count" not in form.parameters:
            sent.append(("_count", str(count)))
        headers = {"Prefer": "handling=strict", **access_headers(ask)}
        method, link, values = "POST", http.below(f"/{form.search}/_search"), sent
        asked: set[tuple[str, Link, tuple[tuple[str, str], ...]]] = set()
        for _ in range(PAGE_LIMIT):
            asked.add((method, link, tuple(values)))
            body = values if method == "POST" else None
            page = await http.json(method, link, step=step, deadline=ask.deadline, headers=headers, form=body, accept=FHIR_JSON)
            bundle = self._bundle(page, step)
            if values is sent:
                self._used(bundle, form, step)
            yield self._matches(bundle, form.search, step)
            following = bundle.url("next")
            if following is None:
                return
            method, link, values = self._following(following, link, form.search, step)
            if method == "GET":
                http.told_nothing(link, [str(given[name]) for name in _names(form) if name in given], step)
            if (method, link, tuple(values)) in asked:
                raise Misconfigured(f"{self.source}: {step}: the pages go in a circle")
        raise Misconfigured(f"{self.source}: {step}: more than {PAGE_LIMIT} pages")

    def _bundle(self, page: Any, step: str) -> Bundle:
        try:
            bundle = msgspec.convert(page, Bundle)
        except msgspec.ValidationError:
            raise Misconfigured(f"{self.source}: {step}: answered with something that is no Bundle") from None
        if bundle.type != "searchset":
            raise Misconfigured(f"{self.source}: {step}: answered with a Bundle that is no searchset")
        return bundle

    def _used(self, bundle: Bundle, form: FhirFind | FhirProvide, step: str) -> None:
        """A ``self`` link that names parameters must name all of ours: one it leaves out was not used."""
        link = bundle.url("self")
        try:
            shown = {_bare(name) for name in URL(link or "").query}
        except ValueError:
            return
        unused = {_bare(name) for name in form.parameters if not name.startswith("_") or name == "_id"} - shown
        if shown and unused:
            raise Misconfigured(f"{self.source}: {step}: the server did not use the parameter {min(unused)!r}")

    def _matches(self, bundle: Bundle, type_: str, step: str) -> list[dict[str, Any]]:
        matches: list[dict[str, Any]] = []
        for entry in bundle.entry:
            resource = entry.resource or {}
            if resource.get("resourceType") == "OperationOutcome":
                self._complained(resource, step)
            elif resource.get("resourceType") == type_ and (entry.search is None or entry.search.mode in (None, "match")):
                matches.append(resource)
        return matches

    def _complained(self, outcome: Mapping[str, Any], step: str) -> None:
        """A server says in an OperationOutcome that it could not do as asked. Its words are not passed on: they can hold values."""
        issues = outcome.get("issue")
        for issue in issues if isinstance(issues, list) else ():
            severity, code = (issue.get("severity"), issue.get("code")) if isinstance(issue, dict) else ("error", None)
            if severity in ("error", "fatal") or code in ("not-supported", "not-found", "invalid"):
                raise Misconfigured(f"{self.source}: {step}: the server could not search as it was asked to")

    def _following(self, next_: str, link: Link, type_: str, step: str) -> tuple[str, Link, list[tuple[str, str]]]:
        """The next page. Where the link repeats the search, its query goes into a body; a page token is asked for as it stands."""
        http = self._opened()
        try:
            url = URL(next_)
        except ValueError:
            raise Misconfigured(f"{self.source}: {step}: a next link is no address") from None
        steps = [part for part in url.path.split("/") if part]
        if steps[-1:] == [type_] or steps[-2:] == [type_, "_search"]:
            return "POST", http.below(f"/{type_}/_search"), list(url.query.items())
        if "_getpages" in url.query:
            return "GET", msgspec.structs.replace(http.below(""), query=url.raw_query_string), []
        return "GET", http.rebased(next_, link, step), []

    def _patient(self, resource: dict[str, Any], step: str) -> Patient:
        try:
            return msgspec.convert(resource, Patient)
        except msgspec.ValidationError:
            raise Misconfigured(f"{self.source}: {step}: answered with a Patient that is not of FHIR R4") from None

    def _asked_for(self, patient: Patient, form: FhirFind, given: Mapping[str, str], step: str) -> None:
        """A server that answers with a Patient who was not asked for has ignored a parameter."""
        for name, text in form.parameters.items():
            value = _filled(text, given, raw=True)
            if (_bare(name) == "identifier" and not patient.carries(value)) or (_bare(name) == "birthdate" and not patient.born(value)):
                raise Misconfigured(f"{self.source}: {step}: the server ignored the parameter {_bare(name)!r}")

    def _is_about(self, resource: Mapping[str, Any], person: Person) -> bool:
        if resource.get("resourceType") == "Patient":
            return bool(resource.get("id") == person.id)
        assert self._patients is not None
        numbers = self._patients.numbers(person)
        return any(_refers(reference, person.id, numbers) for reference in _references(resource))

    def _opened(self) -> Http:
        if self._http is None:
            raise Misconfigured(f"{self.source}: asked before it was opened")
        return self._http


def _checked(document: Document, form: FhirFind | FhirProvide, *where: str) -> tuple[list[str], list[Mistake]]:
    name = ".".join(where)
    hint = "Write :name, system|:name, Patient/:name, or a comparison such as ge:since."
    mistakes = [
        document.mistake("CV355", f"{name}: the parameter {key!r} has a placeholder inside a text.", *where, "parameters", key, hint=hint)
        for key, text in form.parameters.items()
        if _MENTION.search(text) and not _TEMPLATE.fullmatch(text)
    ]
    if any(PLACEHOLDER.search(key) and not re.fullmatch(r"[\w.-]+(:[\w-]+)?", key) for key in form.parameters):
        mistakes.append(document.mistake("CV355", f"{name}: the name of a parameter is no placeholder.", *where, "parameters"))
    return _names(form), mistakes


def _names(form: FhirFind | FhirProvide) -> list[str]:
    found = (_TEMPLATE.fullmatch(text) for text in form.parameters.values())
    return [match.group("name") for match in found if match]


def _filled(text: str, given: Mapping[str, Any], raw: bool = False) -> str:
    """A parameter's value. What FHIR reserves (``, | $ \\``) is escaped, so that a name with a comma stays one name."""
    found = _TEMPLATE.fullmatch(text)
    if not found:
        return text
    value = str(given[found.group("name")])
    return found.group("before") + (value if raw else _RESERVED.sub(r"\\\1", value))


def _bare(name: str) -> str:
    """A parameter's name without its modifier and chain."""
    return name.partition(":")[0].partition(".")[0]


def _references(resource: Mapping[str, Any]) -> Iterable[Any]:
    yield from (resource[name] for name in _ABOUT if name in resource)
    participants = resource.get("participant")
    for participant in participants if isinstance(participants, list) else ():
        if isinstance(participant, dict):
            yield from (participant[name] for name in ("actor", "individual") if name in participant)


def _refers(reference: Any, person: str, numbers: Sequence[tuple[str, str]]) -> bool:
    """Whether a reference is to this Patient, by address (relative, absolute, versioned) or by a number of theirs."""
    if not isinstance(reference, dict):
        return False
    text, identifier = reference.get("reference"), reference.get("identifier")
    if isinstance(text, str):
        steps = text.partition("/_history/")[0].split("/")
        return steps[-2:] == ["Patient", person]
    return isinstance(identifier, dict) and (identifier.get("system"), identifier.get("value")) in numbers
