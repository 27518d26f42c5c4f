"""What the commands run: the portal as a server, and the demonstration around it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import structlog
import uvicorn
from rich.console import Console

from connectors.errors import ConfigurationError, Mistake, SourceError
from connectors.source import Source
from connectors.standard import load_standard
from portal.agreements import Vocabulary
from portal.app import create_app
from portal.cli import client, page
from portal.demo import FEDERATION, PERSONAS, SUBJECT, demo_federation, issuer, mint
from portal.federation import Federation, load_federation, load_vocabulary, state_folder
from portal.gateway import open_portal

log = structlog.get_logger("childview.portal")

#: Who asks in the demonstration, and why.
ASKER, PURPOSE = "morag", "child-protection"


def now() -> datetime:
    return datetime.now(UTC)


def without_environment(folder: Path) -> Federation:
    """The federation as its files alone say it, for commands that ask nobody."""
    return load_federation(folder, load_standard(), environment=False)


def names_of(folder: Path) -> Vocabulary:
    """What agreements may speak of, whatever state they themselves are in."""
    return load_vocabulary(folder, load_standard())


def mint_for(name: str, data: Path | None, minutes: int, signed_in_ago: int = 0) -> str:
    """A token for one of the demo's invented people, signed by the demo's own issuer; both times are minutes.

    Raises ConfigurationError CV851, CV852.
    """
    folder = data or demo_data()
    if name not in PERSONAS:
        raise _refused("CV851", f"There is no persona {name!r}.", f"There are {', '.join(PERSONAS)}.")
    if issuer.remembered_port(folder) is None:
        raise _refused(
            "CV852", "The demo has never been started here, so its issuer has no key.", "Run `make demo` first, or name its --data."
        )
    return mint(folder, name, timedelta(minutes=minutes), timedelta(minutes=signed_in_ago))


def _refused(id: str, message: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Mistake(id=id, message=message, hint=hint)])


def demo_data() -> Path:
    """Where the simulated agencies keep their own systems: never under the portal's state."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "childview" / "demo-agencies"


async def unreachable(federation: Federation) -> list[Mistake]:
    """Ask every source whether it can be asked now."""
    sources = [Source(each, federation.standard, police=False) for each in federation.declared.values()]
    return [mistake for mistake in await asyncio.gather(*(_checked(source, federation) for source in sources)) if mistake]


async def serve(federation: Federation, state: Path | None, host: str, port: int, *, introspection: bool) -> None:
    """Run the portal until it is told to stop."""
    report_to_stderr()
    kept = state_folder(federation.settings.portal.id, state)
    with _door(host, port) as door:
        async with open_portal(federation, kept) as portal, _serving(create_app(portal, introspection=introspection), door):
            log.info("portal answers", at=f"http://{host}:{door.getsockname()[1]}")
            await _told_to_stop()
    log.info("portal stopped")


async def demo(*, once: bool, port: int, data: Path | None, state: Path | None, console: Console) -> int:
    """Start six agencies and a portal, print one child's view, and serve until Ctrl-C. Returns the exit code."""
    report_to_stderr(logging.ERROR)
    agencies = data or demo_data()
    with _door("127.0.0.1", port) as door:
        console.print("Starting six agencies of Northshire, all invented, each behind its own door ...")
        async with demo_federation(agencies):
            federation = load_federation(FEDERATION, load_standard())
            kept = state_folder(federation.settings.portal.id, state)
            async with open_portal(federation, kept) as portal, _serving(create_app(portal, introspection=True), door) as url:
                seen = await _show(url, agencies, console)
                if once or not seen:
                    return 0 if seen else 1
                _invite(url, kept, data, console)
                await _told_to_stop()
    console.print("Stopped: the portal, the six agencies and the sign-in service.")
    return 0


async def _show(url: str, agencies: Path, console: Console) -> bool:
    token = mint(agencies, ASKER, timedelta(minutes=5))
    answer = await client.send(url, token, client.view_query(load_standard()), {"subject": SUBJECT, "purpose": PURPOSE})
    view = (answer.body.get("data") or {}).get("child")
    if view is None:
        console.print(f"The portal answered {answer.status}: {answer.body.get('errors')}", style="bold red")
        return False
    page.print_view(view, console)
    return True


def _invite(url: str, kept: Path, data: Path | None, console: Console) -> None:
    """Say what can be tried, in lines that can be copied whole."""
    childview, elsewhere = sys.argv[0], f" --data {data}" if data else ""
    asked = f"--given Jo --family Ash --born 2014-02-03 --number chi=0302140905 --postcode 'NS4 2QX' --purpose {PURPOSE}"
    lines = (
        f"\nThe portal answers at {url}/graphql (phone list: {url}/contacts). Ctrl-C stops everything. In another terminal:\n",
        f"  export CHILDVIEW_TOKEN=$({childview} token {ASKER}{elsewhere})",
        f"  {childview} query --url {url} {asked}",
        f"  {childview} log verify {kept / 'access.db'}",
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


@contextmanager
def _door(host: str, port: int) -> Iterator[socket.socket]:
    """The listening socket, before anything else is started. Raises ConfigurationError CV803 when somebody else has the port."""
    try:
        door = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        hint = "Stop what uses it, or choose another with --port (0 chooses one that is free)."
        raise _refused("CV803", f"Port {port} of {host} cannot be used: {error.strerror}.", hint) from None
    with door:
        yield door


@asynccontextmanager
async def _serving(app: Any, door: socket.socket) -> AsyncIterator[str]:
    """Serve within a block; the portal answers when the block begins."""
    server = _Server(_config(app))
    running = asyncio.create_task(server.serve([door]))
    try:
        while not server.started and not running.done():  # noqa: ASYNC110 - uvicorn tells by a flag alone
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


class _Server(uvicorn.Server):
    """A server that leaves signals to us: whoever starts it decides what has to end, and in which order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _told_to_stop() -> None:
    """Wait for SIGINT (Ctrl-C) or SIGTERM, even where the shell that started us would have us ignore them."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    try:
        await stop.wait()
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off")


async def _checked(source: Source, federation: Federation) -> Mistake | None:
    try:
        await source.open()
        await source.check()
    except (SourceError, TimeoutError) as error:
        said = error.detail if isinstance(error, SourceError) else "no answer in time."
        return Mistake(id=getattr(error, "id", "CV501"), message=said, file=str(federation.folder / "sources" / f"{source.id}.toml"))
    finally:
        await source.close()
    return None


def report_to_stderr(level: int = logging.INFO) -> None:
    """Operators' reports as JSON lines on stderr. Errors of libraries give their type, never their text: it could name a child."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    logging.basicConfig(level=logging.CRITICAL, handlers=[logging.NullHandler()], force=True)
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: _unseen(type(context.get("exception"))))
    # These would print an error's text, or a warning's, whatever a connector has put into it.
    threading.excepthook = lambda left: _unseen(left.exc_type)
    sys.unraisablehook = lambda left: _unseen(left.exc_type)
    warnings.showwarning = _warned


def _unseen(error: type[BaseException | None]) -> None:
    structlog.get_logger("childview").error("unseen error", error=error.__name__)


def _warned(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None, line: str | None = None
) -> None:
    structlog.get_logger("childview").warning("warning", category=category.__name__, where=f"{Path(filename).name}:{lineno}")
