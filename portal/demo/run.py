"""Starts the whole demonstration but the portal: six agencies, the identity provider, the environment they are asked by.

    async with demo_federation(folder) as demo:
        ...                                       # the folder federation() can be served now
        demo.source("northshire-police").kill()   # and so can this be tried

``folder`` holds the agencies' own data; nothing of the portal's is kept there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp

from connectors.simulated.families import SEED, World
from connectors.simulated.processes import Process, listening, listening_again
from connectors.simulated.running import RunningAgencies, RunningSource, locked, running_agencies
from portal.demo import issuer
from portal.demo.keys import auditors_key
from portal.demo.personas import persona

__all__ = ["FEDERATION", "RunningDemo", "demo_federation", "federation_folder"]


class RunningDemo:
    """The demonstration while it runs. ``issuer`` is the identity provider's address, ``environment`` what was set."""

    def __init__(self, folder: Path, agencies: RunningAgencies, address: str, process: Process) -> None:
        self.folder = folder
        self.issuer = address
        self.federation = FEDERATION
        self.environment = {**agencies.environment, "DEMO_ISSUER": address, "DEMO_AUDITORS_KEY": auditors_key(folder)}
        self._agencies = agencies
        self._issuer = process

    @property
    def world(self) -> World:
        """Who and what is in Northshire, as it truly is."""
        return self._agencies.world

    @property
    def sources(self) -> Mapping[str, RunningSource]:
        """The six systems by source id: each can be stopped, killed, suspended, started again, and asked how often it was asked."""
        return self._agencies.sources

    @property
    def processes(self) -> tuple[int, ...]:
        """The process ids of everything that was started, whether it still runs or not."""
        return (self._issuer.pid, *(source.process.pid for source in self.sources.values() if source.process))

    def source(self, id: str) -> RunningSource:
        """One system. Raises KeyError."""
        return self._agencies.sources[id]

    def token(self, who: str, lifetime: timedelta = issuer.LIFETIME, signed_in_ago: timedelta = timedelta(0)) -> str:
        """A bearer token for one persona (``personas.PERSONAS``), valid for ``lifetime``, who signed in ``signed_in_ago``."""
        return issuer.mint(self.folder, who, lifetime, signed_in_ago)

    def key(self, who: str) -> str:
        """``issuer|person``, as clearances and the access log name a persona."""
        return f"{self.issuer}|{persona(who).id}"

    def stop_issuer(self) -> None:
        """End the identity provider at once; tokens are signed without it, keys are then known to whoever has kept them."""
        self._issuer.kill()


@asynccontextmanager
async def demo_federation(folder: Path, seed: int = SEED) -> AsyncIterator[RunningDemo]:
    """Everything the demonstration needs, for as long as the block lasts; the environment is put back afterwards.

    The first start in a folder prepares data (some five seconds), later ones use it again. Raises ConfigurationError (CV850) when
    another demo uses the folder, RuntimeError or TimeoutError when something does not start; nothing is left running then.
    """
    with locked(folder):
        address, process = _start_issuer(folder)
        try:
            async with running_agencies(folder / "agencies", address, seed) as agencies:
                await _answers(address)
                demo = RunningDemo(folder, agencies, address, process)
                with _environment(demo.environment):
                    yield demo
        finally:
            await process.stop()


def federation_folder() -> Path:
    """The folder of the demonstration's federation: shipped inside the package, or ``deploy/demo`` of the repository."""
    shipped = Path(__file__).parent.parent / "_demo"
    return shipped if shipped.is_dir() else Path(__file__).parents[2] / "deploy" / "demo"


#: The folder of the demonstration's federation.
FEDERATION = federation_folder()


def _start_issuer(folder: Path) -> tuple[str, Process]:
    """Start it on the port it had last time if that is free: its address is its name, and stands in clearances."""
    port = issuer.remembered_port(folder)
    door = None
    if port is not None:
        with contextlib.suppress(OSError):
            door = listening_again(port)
    with door or listening() as heard:
        address = f"http://127.0.0.1:{heard.getsockname()[1]}{issuer.PATH}"
        issuer.remember(folder, address)
        issuer.signing_key(issuer.issuer_folder(folder))
        command = [sys.executable, "-m", "portal.demo.issuer", "--fd", str(heard.fileno()), "--folder", str(folder), "--address", address]
        return address, Process(command, log=issuer.issuer_folder(folder) / "server.log", descriptors=(heard.fileno(),))


async def _answers(address: str) -> None:
    """Wait until the issuer answers: its door was open before it was there. Raises ClientError or TimeoutError."""
    session = aiohttp.ClientSession(raise_for_status=True)
    async with asyncio.timeout(20), session, session.get(f"{address}/jwks") as answer:
        await answer.read()


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
