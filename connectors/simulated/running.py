"""Starts and stops the six agencies' systems, each a real process or database on loopback, under one folder.

What was prepared once is used again: a cluster, a FHIR database and files stand under a name made from the seed and from
the code that made them, so that a second start takes about a second. Ports are the system's choice. Nothing is left behind.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import inspect
import re
import secrets
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import ModuleType

import aiohttp

from connectors.errors import ConfigurationError, Mistake
from connectors.simulated import (
    chronicles,
    families,
    happenings,
    named,
    nhs,
    numbers,
    people,
    postgres,
    school,
    social_work,
    stories,
    third_sector,
    versions,
    words,
)
from connectors.simulated.families import SEED, World, build_world
from connectors.simulated.processes import Process, free_port, listening, listening_again

_WORLD = (chronicles, families, happenings, named, numbers, people, stories, versions, words)


class RunningSource:
    """One agency's system while it runs. A source that is a file has no process: there is nothing to stop or suspend."""

    def __init__(
        self,
        id: str,
        environment: Mapping[str, str],
        process: Process | None = None,
        again: Callable[[], Awaitable[Process]] | None = None,
        counting: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self.id = id
        self.environment = dict(environment)
        self.process = process
        self._again = again
        self._counting = counting

    async def stop(self) -> None:
        """End it in order. Does nothing when it has ended or has no process."""
        if self.process:
            await self.process.stop()

    def kill(self) -> None:
        """End it at once. Raises TypeError where there is no process."""
        self._of_ours().kill()

    def suspend(self) -> None:
        """Let it accept connections and never answer."""
        self._of_ours().suspend()

    def resume(self) -> None:
        self._of_ours().resume()

    async def restart(self) -> None:
        """Start it again after ``stop`` or ``kill``, on the same port."""
        if self._again is None:
            raise TypeError(f"{self.id} is a file: it has no process")
        self.process = await self._again()

    async def requests(self) -> int:
        """How often it was asked since it was prepared or started: proof that it was, or was not. Raises TypeError for files."""
        if self._counting is None:
            raise TypeError(f"{self.id} is a file: nobody counts who reads it")
        return await self._counting()

    def _of_ours(self) -> Process:
        if self.process is None:
            raise TypeError(f"{self.id} is a file: it has no process")
        return self.process


class RunningAgencies:
    """All six, by source id, and the environment variables that ``sources/*.toml`` name."""

    def __init__(self, world: World, sources: Mapping[str, RunningSource]) -> None:
        self.world = world
        self.sources = dict(sources)

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for source in self.sources.values() for name, value in source.environment.items()}

    async def stop(self) -> None:
        """End every process, all at the same time."""
        await asyncio.gather(*(source.stop() for source in self.sources.values()))


@asynccontextmanager
async def running_agencies(folder: Path, issuer: str, seed: int = SEED) -> AsyncIterator[RunningAgencies]:
    """The six systems, for as long as the block lasts. ``issuer`` is the identity provider by which clearances name people.

    Raises ConfigurationError (CV850) when another demo uses ``folder``, RuntimeError or TimeoutError when a system does not start.
    """
    with locked(folder) as home:
        agencies = RunningAgencies(build_world(seed), {})
        try:
            starting = [start(home, agencies.world, issuer) for start in (_nhs, _school, _police, _fire, _social_work, _third_sector)]
            # Each is noted as soon as it runs, so that one that fails leaves none of the others behind.
            results = await asyncio.gather(*(_noted(agencies, each) for each in starting), return_exceptions=True)
            for failed in (result for result in results if isinstance(result, BaseException)):
                raise failed
            yield agencies
        finally:
            await agencies.stop()


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """The folder, made if it is not there, for nobody else at the same time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            hint = "Stop it first, or name other folders with --data and --state, and a port with --port 0."
            raise ConfigurationError(
                [Mistake(id="CV850", message="another demo runs in this folder.", file=str(folder), hint=hint)]
            ) from None
        yield folder.resolve()


async def _noted(agencies: RunningAgencies, starting: Awaitable[RunningSource]) -> None:
    source = await starting
    agencies.sources[source.id] = source


def _fresh(log: Path) -> Path:
    log.unlink(missing_ok=True)
    return log


def prepared(folder: Path, agency: ModuleType, seed: int, issuer: str = "") -> tuple[Path, bool]:
    """Where an agency's data stands, and whether it is there whole. What an earlier seed, issuer or code left is removed.

    ``issuer`` is named where the data names people by it.
    """
    made_by = "".join(inspect.getsource(module) for module in (*_WORLD, agency))
    stamp = hashlib.sha256(f"{seed}\n{issuer}\n{sys.version_info[:2]}\n{made_by}".encode()).hexdigest()[:12]
    home = folder / agency.AGENCY
    here = home / stamp
    if (here / "whole").exists():
        return here, True
    shutil.rmtree(home, ignore_errors=True)
    here.mkdir(parents=True)
    return here, False


async def _nhs(folder: Path, world: World, issuer: str) -> RunningSource:
    here, whole = prepared(folder, nhs, world.seed)
    port, log = free_port(), _fresh(here / "server.log")
    url = f"http://127.0.0.1:{port}/fhir"

    async def start() -> Process:
        process = nhs.start(here, port, log)
        return await _or_stop(process, nhs.ready(process, port))

    process = await start()
    if not whole:
        await _or_stop(process, nhs.load(world, url))
        (here / "whole").touch()

    async def count() -> int:
        return log.read_text().count('"POST /fhir/')

    return RunningSource("northshire-nhs", {"FHIR_URL": url}, process, start, count)


async def _school(folder: Path, world: World, issuer: str) -> RunningSource:
    here, whole = prepared(folder, school, world.seed, issuer)
    data, key, log, port = here / "postgres", here / "key", _fresh(here / "server.log"), free_port()
    if not whole:
        key.touch(mode=0o600)
        key.write_text(secrets.token_urlsafe(18))
        await asyncio.to_thread(postgres.initialise, data, key.read_text())
    password = key.read_text()

    async def start() -> Process:
        process = postgres.start(data, port, log)
        return await _or_stop(process, postgres.ready(process, port, password))

    process = await start()
    if not whole:
        await _or_stop(process, school.load(world, postgres.url(port, password), issuer))
        (here / "whole").touch()

    loaded = _statements(log)

    async def count() -> int:
        return _statements(log) - loaded

    return RunningSource("hillview-mis", {"MIS_URL": postgres.url(port, password, driver="+asyncpg")}, process, start, count)


def _statements(log: Path) -> int:
    """How often a PostgreSQL server was asked for rows of ours: its log has every statement, without parameters."""
    return len(re.findall(r"\bfrom (?:pupil|staff_link|attendance_month|pastoral_note|exclusion|pupil_voice)\b", log.read_text()))


async def _police(folder: Path, world: World, issuer: str) -> RunningSource:
    token = secrets.token_urlsafe(24)
    return await _served(folder, world, "northshire-police", "police", {"POLICE_TOKEN": token}, "POLICE_URL")


async def _fire(folder: Path, world: World, issuer: str) -> RunningSource:
    password = secrets.token_urlsafe(24)
    return await _served(folder, world, "northshire-fire", "fire", {"FIRE_PASSWORD": password}, "FIRE_URL")


async def _served(folder: Path, world: World, id: str, module: str, secret: dict[str, str], variable: str) -> RunningSource:
    """A REST server of our own: it is handed a socket on which it is already listened for, so that nobody has to wait for it."""
    home = folder / id
    home.mkdir(exist_ok=True)
    first = listening()
    port = int(first.getsockname()[1])
    url = f"http://127.0.0.1:{port}"

    async def start() -> Process:
        with first if first.fileno() >= 0 else listening_again(port) as door:
            command = [sys.executable, "-m", f"connectors.simulated.{module}", "--fd", str(door.fileno()), "--seed", str(world.seed)]
            process = Process(command, log=home / "server.log", environment=secret, descriptors=(door.fileno(),))
        return await _or_stop(process, _counted(url))

    async def count() -> int:
        return sum((await _counted(url)).values())

    return RunningSource(id, {variable: url, **secret}, await start(), start, count)


async def _counted(url: str) -> dict[str, int]:
    async with aiohttp.ClientSession(raise_for_status=True) as session, session.get(f"{url}/-/requests") as answer:
        counts: dict[str, int] = await answer.json()
        return counts


async def _social_work(folder: Path, world: World, issuer: str) -> RunningSource:
    home = folder / social_work.AGENCY
    home.mkdir(exist_ok=True)
    file = home / "cases.sqlite"
    # Written at every start: it names the issuer, and takes a blink.
    social_work.write(world, file, issuer)
    return RunningSource("northshire-social-work", {"SOCIAL_WORK_URL": f"sqlite+aiosqlite:///{file}"})


async def _third_sector(folder: Path, world: World, issuer: str) -> RunningSource:
    home = folder / third_sector.AGENCY
    third_sector.write(world, home)
    return RunningSource("bairns-first", {"BAIRNS_FIRST_URL": f"duckdb:///{home}"})


async def _or_stop(process: Process, task: Awaitable[object]) -> Process:
    """The process, once the task is done; ended, if the task fails or is cancelled."""
    try:
        await task
    except BaseException:
        await process.stop()
        raise
    return process
