"""The canaries' agencies as servers and files: those that answer as they should, and those that fail in every way they can think of."""

from __future__ import annotations

import asyncio
import csv
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import asyncpg
from aiohttp import web

from connectors.standard import Standard
from tests.connectors.servers import serving
from tests.journeys.canary import Markers, Where
from tests.journeys.canary_federation import CHARITY, DESK, HOSPITAL, NHS, RECORDS, SCHOOL, CanaryChild

Answer = Callable[[web.Request, str], web.StreamResponse | Awaitable[web.StreamResponse]]
Children = Sequence[CanaryChild]
_PERSON = (
    "key", "nhs", "own", "given_name", "family_name", "birth_date", "sex", "middle_names", "former_family_name", "postcode", "school",
    "phones", "parents", "addresses", "shield", "cleared", "workers",
)  # fmt: skip


def person_row(child: CanaryChild, source: str) -> dict[str, Any]:
    """A child as one source's list of people has it; lists stay lists."""
    details = child.details
    return {
        "key": child.key(source), "nhs": details["nhs_number"] if source in (RECORDS, HOSPITAL) else None, "own": details["local"].get(source),
        "given_name": details["givenName"], "family_name": details["familyName"], "birth_date": details["birthDate"], "sex": details["sex"],
        "middle_names": details["middleNames"], "former_family_name": details["formerFamilyName"], "postcode": details["postcode"],
        "school": details["school"], "phones": details["phones"], "parents": details["parents"],
        "addresses": [{"line": details["line"], "town": details["town"], "postcode": details["postcode"]}],
        "shield": child.shields.get(source), "cleared": details["cleared"] if source in child.shields else None,
        "workers": child.workers[source],
    }  # fmt: skip


def crowd(markers: Markers, family: str, born: str) -> list[dict[str, Any]]:
    """Sixty people of one name and birth date."""
    blank = dict.fromkeys(_PERSON)
    names = [markers.text(Where("crowd", "given name")) for _ in range(60)]
    return [blank | {"key": name, "given_name": name, "family_name": family, "birth_date": born} for name in names]


# Databases and files: every value as text, lists and objects as JSON.


def _tables(
    who: Children, source: str, standard: Standard, more: list[dict[str, Any]]
) -> dict[str, tuple[list[str], list[list[str | None]]]]:
    people = [person_row(child, source) for child in who] + more
    tables = {"person": ([*_PERSON], [[_text(row[name]) for name in _PERSON] for row in people])}
    for kind in standard.kinds.values():
        columns = ["id", "person_key", *sorted(kind.given)]
        rows = [record | {"person_key": child.key(source)} for child in who for record in child.records[source, kind.name]]
        tables[kind.name.lower()] = (columns, [[_text(row[name]) for name in columns] for row in rows])
    return tables


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def fill_records(path: Path, who: Children, standard: Standard, more: list[dict[str, Any]]) -> None:
    """The council's SQLite file."""
    with closing(sqlite3.connect(path)) as database:
        for name, (columns, rows) in _tables(who, RECORDS, standard, more).items():
            database.execute(f"create table {name} ({', '.join(map(_quoted, columns))})")
            database.executemany(f"insert into {name} values ({', '.join('?' for _ in columns)})", rows)
        database.commit()


def fill_charity(folder: Path, who: Children, standard: Standard) -> None:
    """The charity's folder of CSV files."""
    folder.mkdir(parents=True)
    for name, (columns, rows) in _tables(who, CHARITY, standard, []).items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([columns, *rows])


async def fill_school(url: str, who: Children, standard: Standard) -> None:
    """The school's PostgreSQL, in a schema of its own."""
    connection = await asyncpg.connect(url)
    try:
        for name, (columns, rows) in _tables(who, SCHOOL, standard, []).items():
            await connection.execute(f"create table {name} ({', '.join(f'{_quoted(each)} text' for each in columns)})")
            values = ", ".join(f"${index}" for index, _ in enumerate(columns, 1))
            await connection.executemany(f"insert into {name} values ({values})", rows)
    finally:
        await connection.close()


def _quoted(name: str) -> str:
    return f'"{name}"'


# Services that answer as they should.


class Desk:
    """The police's JSON service. ``slow`` seconds pass before it says who somebody is."""

    def __init__(self, who: Children, standard: Standard, more: list[dict[str, Any]]) -> None:
        self.slow = 0.0
        self._people = [person_row(child, DESK) for child in who] + more
        self._records = {(child.key(DESK), kind): child.records[DESK, kind] for child in who for kind in standard.kinds}

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/people/search":
            await asyncio.sleep(self.slow)
            body = await request.json()
            family, born = str(body.get("family", "")).lower(), body.get("born")
            found = [each for each in self._people if (str(each["family_name"]).lower(), each["birth_date"]) == (family, born)]
            return web.json_response({"people": [{**each, "id": each["key"]} for each in found]})
        _, door, person, kind = request.path.split("/")
        return web.json_response({"rows": self._records.get((person, kind), []) if door == "people" else []})


class Hospital:
    """The health board's FHIR server: Patients, and everything else as Basic resources.

    While ``held`` is set it says nothing of what it has but for orders, which are asked for before anything else; ``asked`` is set when
    somebody wants to know.
    """

    def __init__(self, who: Children, standard: Standard) -> None:
        self.held = False
        self.asked = asyncio.Event()
        self._patients = [_patient(child) for child in who]
        self._records = {
            (f"Patient/{child.key(HOSPITAL)}", kind): child.records[HOSPITAL, kind] for child in who for kind in standard.kinds
        }

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        if request.path == "/Patient/_search":
            return bundle([patient for patient in self._patients if self._fits(patient, form)])
        about, kind = str(form["subject"]), str(form["code"])
        if kind != "Flag":
            self.asked.set()
            while self.held:
                await asyncio.sleep(0.01)
        return bundle(
            [
                {"resourceType": "Basic", "id": record["id"], "subject": {"reference": about}, "canary": record}
                for record in self._records.get((about, kind), [])
            ]
        )

    @staticmethod
    def _fits(patient: dict[str, Any], form: Mapping[str, Any]) -> bool:
        if "identifier" in form:
            return bool(form["identifier"] == f"{NHS}|{patient['identifier'][0]['value']}")
        name = patient["name"][0]["family"].lower()
        return name == str(form.get("family", "")).lower() and patient["birthDate"] == form.get("birthdate")


def _patient(child: CanaryChild) -> dict[str, Any]:
    details = child.details
    return {
        "resourceType": "Patient", "id": child.key(HOSPITAL), "birthDate": details["birthDate"], "gender": details["sex"],
        "identifier": [{"system": NHS, "value": details["nhs_number"]}],
        "name": [
            {"use": "official", "family": details["familyName"], "given": [details["givenName"], details["middleNames"]]},
            {"use": "old", "family": details["formerFamilyName"]},
        ],
        "address": [{"use": "home", "line": [details["line"]], "city": details["town"], "postalCode": details["postcode"]}],
        "telecom": [{"system": "phone", "value": phone} for phone in details["phones"]],
        "contact": [{"relationship": [{"coding": [{"code": "MTH"}]}], "name": {"text": parent}} for parent in details["parents"]],
        "canary": {"workers": child.workers[HOSPITAL]},
    }  # fmt: skip


def bundle(resources: Sequence[Any], **more: Any) -> web.Response:
    """A page of a search, as FHIR writes it."""
    page = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": each} for each in resources]} | more
    return fhir(page)


def fhir(content: Any, status: int = 200) -> web.Response:
    return web.json_response(content, status=status, content_type="application/fhir+json")


# Services that fail. Each failure says a marker, as a careless system says the child's name.


class Faulty:
    """A service that knows nobody, until ``failure`` says how it fails. ``said`` counts what it has sent."""

    def __init__(self, nobody: Callable[[], web.Response]) -> None:
        self.failure: tuple[Answer, str] | None = None
        self.said = 0
        self._nobody = nobody

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        if self.failure is None:
            return self._nobody()
        fail, marker = self.failure
        self.said += 1
        answer = fail(request, marker)
        return answer if isinstance(answer, web.StreamResponse) else await answer


def _status(status: int, **headers: str) -> Answer:
    def fail(request: web.Request, marker: str) -> web.Response:
        named = {name.replace("_", "-"): value.format(marker) for name, value in headers.items()}
        return web.Response(
            status=status, reason=marker, text=f'{{"error": "no row for {marker}"}}', headers=named, content_type="application/json"
        )

    return fail


def _text_answer(text: str, **more: Any) -> Answer:
    return lambda request, marker: web.Response(text=text.replace("MARK", marker), content_type="application/json", **more)


def _found(**changed: Any) -> Answer:
    """A person is found, with something wrong about it."""

    def fail(request: web.Request, marker: str) -> web.Response:
        person = {"id": marker, "given_name": marker, "family_name": marker, "birth_date": "1812-01-02"}
        wrong = json.loads(json.dumps(changed).replace("MARK", marker))
        return web.json_response({"people": [person | wrong]})

    return fail


def _held(rows: str) -> Answer:
    """The child is found as it should be, whoever it is, and what is held about it is wrong."""

    async def fail(request: web.Request, marker: str) -> web.Response:
        if request.path != "/people/search":
            return web.Response(text=rows.replace("MARK", marker), content_type="application/json")
        body = await request.json()
        person = {"id": marker, "family_name": body.get("family"), "birth_date": body.get("born"), "nhs": body.get("nhs")}
        return web.json_response({"people": [person]})

    return fail


async def _cut_off(request: web.Request, marker: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "900"})
    await response.prepare(request)
    await response.write(b'{"people": [{"id": "' + marker.encode())
    assert request.transport is not None
    request.transport.abort()
    return response


async def _silent(request: web.Request, marker: str) -> web.StreamResponse:
    await asyncio.sleep(2.5)
    return web.Response(text=marker)


def rest_failures() -> dict[str, Answer]:
    """Every way in which a JSON service fails, by name."""
    row = '{{"id": "MARK", "handlingCode": "MAY_BE_SHARED", {} }}'
    return {
        "500": _status(500), "503 later": _status(503, Retry_After="{}"), "401": _status(401, WWW_Authenticate='Basic realm="{}"'),
        "403": _status(403), "404": _status(404), "429": _status(429, Retry_After="Mon, 99 {} 2026"), "418": _status(418, Set_Cookie="who={}"),
        "redirect": _status(302, Location="https://elsewhere.example/{}"),
        "no JSON": _text_answer('{"people": [{"id": "MARK", "given_name": MARK}]}'),
        "half JSON": _text_answer('{"people": ["MARK'),
        "a list": _text_answer('["MARK"]'),
        "no rows": _text_answer('{"people": {"MARK": "MARK"}}'),
        "rows of text": _text_answer('{"people": ["MARK"]}'),
        "a page of HTML": lambda request, marker: web.Response(text=f"<h1>{marker}</h1>", content_type="text/html"),
        "an odd type": lambda request, marker: web.Response(text="{}", headers={"Content-Type": f"json; x={marker}"}),
        "no gzip": _text_answer("MARK", headers={"Content-Encoding": "gzip"}),
        "too much": lambda request, marker: web.Response(text=f'["{marker}' + "x" * 9_000_000 + '"]', content_type="application/json"),
        "next elsewhere": _text_answer('{"people": [], "next": "https://elsewhere.example/MARK"}'),
        "cut off": _cut_off, "silent": _silent,
        "no id": _found(id=None), "id a list": _found(id=["MARK"]), "name a number": _found(family_name={"MARK": 1}),
        "born never": _found(birth_date="MARK"), "born in words": _found(birth_date="2 MARK 1812"), "phones odd": _found(phones=[{"MARK": 1}]),
        "addresses odd": _found(addresses=[{"line": ["MARK"]}]), "number a number": _found(nhs=9990001), "unknown shield": _found(shield="MARK"),
        "cleared odd": _found(cleared='{"MARK": 1}'), "cleared broken": _found(cleared="[MARK"),
        "workers odd": _found(workers='{"MARK": 1}'), "workers broken": _found(workers="[MARK"), "workers nested": _found(workers=[["MARK"]]),
        "records 500": lambda request, marker: (_status(500) if request.method == "GET" else _held(""))(request, marker),
        "records no JSON": _held('{"rows": [MARK]}'),
        "records in a circle": _held('{"rows": [], "next": "/people/MARK?MARK=MARK"}'),
        "records unfit": _held('{"rows": [' + ", ".join(row.format(each) for each in (
            '"occurredOn": "MARK"', '"occurredOn": {"MARK": 1}', '"category": "MARK"', '"statementType": ["MARK"]', '"indicators": "MARK"',
            '"summary": ["MARK"]', '"thirdPartyChecked": "MARK"', '"actions": [{"MARK": "MARK"}]', '"recordedOn": "0000-MARK"',
            '"attendedOpenings": "MARK"', '"system": "nhs_number", "value": "MARK"', '"summary": "' + "MARK" * 4000 + '"',
            '"adults": ["MARK"]', '"missingSince": "MARK"', '"tier": "MARK"', '"status": "MARK"', '"retainUntil": "MARK"',
        )) + ', {"id": ["MARK"]}, {"id": null, "summary": "MARK"}]}'),
    }  # fmt: skip


def fhir_failures() -> dict[str, Answer]:
    """Every way in which a FHIR server fails, by name."""
    said = "Patient {} could not be found by that number"

    def outcome(marker: str) -> dict[str, Any]:
        return {
            "resourceType": "OperationOutcome", "text": {"div": said.format(marker)},
            "issue": [{"severity": "error", "code": "not-found", "diagnostics": said.format(marker), "details": {"text": marker}}],
        }  # fmt: skip

    def patient(marker: str, **changed: Any) -> dict[str, Any]:
        return {"resourceType": "Patient", "id": marker, "identifier": [{"system": NHS, "value": marker}]} | changed

    return {
        "400 outcome": lambda request, marker: fhir(outcome(marker), 400), "422 outcome": lambda request, marker: fhir(outcome(marker), 422),
        "500 outcome": lambda request, marker: fhir(outcome(marker), 500), "401 outcome": lambda request, marker: fhir(outcome(marker), 401),
        "outcome in a bundle": lambda request, marker: bundle([outcome(marker)]),
        "outcome instead": lambda request, marker: fhir(outcome(marker)),
        "no searchset": lambda request, marker: bundle([], type=marker),
        "no bundle": lambda request, marker: fhir({"resourceType": marker, "name": marker}),
        "broken bundle": lambda request, marker: fhir({"resourceType": "Bundle", "type": "searchset", "entry": {marker: marker}}),
        "broken patient": lambda request, marker: bundle([patient(marker, name={"family": marker})]),
        "somebody else": lambda request, marker: bundle([patient(marker, birthDate="1812-01-02")]),
        "parameter unused": lambda request, marker: bundle([], link=[{"relation": "self", "url": f"https://x.example/?{marker}={marker}"}]),
        "next elsewhere": lambda request, marker: bundle([], link=[{"relation": "next", "url": f"https://x.example/{marker}"}]),
        "next no address": lambda request, marker: bundle([], link=[{"relation": "next", "url": f"http://[{marker}"}]),
        "no JSON": lambda request, marker: web.Response(text=f"{{{marker}", content_type="application/fhir+json"),
        "a page of HTML": lambda request, marker: web.Response(text=f"<h1>{marker}</h1>", content_type="text/html"),
    }  # fmt: skip


#: What does not even speak HTTP as agreed.
RAW_FAILURES = (
    b"HTTP/1.1 200 MARK\r\nMARK\r\n\r\n", b"HTTP/9.9 MARK MARK\r\n\r\n", b"MARK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nMARK\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: MARK\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Child: " + b"MARK" * 9000 + b"\r\n\r\n{}",
    b"HTTP/1.1 301 MARK\r\nLocation: http://[MARK\r\n\r\n", b"",
)  # fmt: skip


class Raw:
    """A server that says ``answer`` to whoever connects, and hangs up."""

    def __init__(self) -> None:
        self.nobody = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"people":[]}'
        self.answer = self.nobody
        self.url = ""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(4096)
            writer.write(self.answer)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def saying_raw() -> AsyncIterator[Raw]:
    raw = Raw()
    server = await asyncio.start_server(raw.talk, "127.0.0.1", 0)
    async with server:
        raw.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield raw


@asynccontextmanager
async def serving_faulty(faulty: Faulty) -> AsyncIterator[str]:
    async with serving(faulty) as url:
        yield url


# A connector in Python, by entry point: whatever an author can do wrong.

PLUGIN_MODULE = """
import asyncio, logging, threading, warnings
from pathlib import Path
import msgspec
from connectors import Connector, Identifier, Misconfigured, Person, Record, Refused, Unavailable, provides

MODE = Path(__file__).with_name("mode")

class Quiet(BaseException):
    pass

class Dying:
    def __init__(self, words):
        self.words = words
    def __del__(self):
        raise ValueError(self.words)

async def orphan(words):
    raise ValueError(words)

def fall(words):
    raise ValueError(words)

def do(how, words):
    if how == "error":
        raise ValueError(words)
    if how == "chained":
        try:
            raise KeyError(words)
        except KeyError as error:
            raise LookupError(words) from error
    if how == "group":
        raise ExceptionGroup(words, [ValueError(words), OSError(2, words)])
    if how == "unavailable":
        raise Unavailable(words)
    if how == "refused":
        raise Refused(words)
    if how == "misconfigured":
        raise Misconfigured(words)
    if how == "quiet":
        raise Quiet(words)
    if how == "exit":
        raise SystemExit(words)
    if how == "unfit":
        msgspec.convert({"id": [words]}, Person)
    if how == "thread":
        thread = threading.Thread(target=fall, args=(words,), name=words)
        thread.start()
        thread.join()
    if how == "orphan":
        asyncio.get_running_loop().create_task(orphan(words))
    if how == "dying":
        Dying(words)
    if how == "warning":
        warnings.warn(words)
    if how == "logging":
        logging.getLogger("canary").error("no row for %s", words)
        logging.error(words)

def connector(declaration):
    return Canary()

class Canary(Connector):
    finds_by = frozenset({"nhs_number"})
    vouches = True

    def instructions(self):
        step, how, words, born = MODE.read_text().split("|")
        return step, how, words, born

    async def find(self, subject, ask):
        step, how, words, born = self.instructions()
        if step == "find":
            do(how, words)
        if how == "persons":
            return {words: words}
        if how == "person":
            return [Person(id=[words], birth_date=7, identifiers=words, workers=[[words]])]
        if step == "fetch":
            return [Person(id=words, birth_date=born, identifiers=subject.identifiers, workers=(words,))]
        return []

    @provides("WellbeingConcern")
    async def concerns(self, person, ask):
        step, how, words, born = self.instructions()
        try:
            yield Record(words, {"summary": words, words: words})
            yield Record(words, words)
            yield Record([words], {"summary": words})
            yield Record(words, {("summary", words): words})
            yield {"id": words}
            do(how, words)
        finally:
            if how == "closing":
                raise ValueError(words)

    @provides("Flag")
    async def flags(self, person, ask):
        step, how, words, born = self.instructions()
        do(how, words)
        yield Record(words, {"forbidsPlace": words, "status": [words]})
"""
#: What the connector does wrong, and when.
PLUGIN_FAILURES = [
    *(("find", how) for how in (
        "error", "chained", "group", "unavailable", "refused", "misconfigured", "quiet", "exit", "unfit", "thread", "orphan", "dying",
        "warning", "logging", "persons", "person",
    )),
    *(("fetch", how) for how in ("error", "group", "unavailable", "refused", "misconfigured", "quiet", "exit", "unfit", "closing", "none")),
]  # fmt: skip


class Plugin:
    """The folder from which the connector is loaded, and what it does next."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        about = folder / "canary_plugin-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: canary-plugin\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[childview.connectors]\ncanary = canary_plugin:connector\n")
        (folder / "canary_plugin.py").write_text(PLUGIN_MODULE)
        self.next("no", "no", "", "")

    def next(self, step: str, how: str, marker: str, born: str) -> None:
        """``born`` is the birth date of the child that the connector says it knows."""
        (self.folder / "mode").write_text("|".join((step, how, marker, born)))
