"""One process of the demo: started in a session of its own, suspended and killed on demand, never left behind.

On Linux the kernel ends it when we die, however we die (``PR_SET_PDEATHSIG``); elsewhere an orderly stop does.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Process:
    """A child process of ours. ``ending`` is the signal that asks it to end in order."""

    def __init__(
        self, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None, ending: int = signal.SIGTERM,
        user: int | None = None, descriptors: Sequence[int] = (), folder: Path | None = None,
    ) -> None:  # fmt: skip
        """Start it; what it prints goes to the file ``log``. ``user`` is a numeric user id, for who is root."""
        self._ending = ending
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})},
                start_new_session=True, preexec_fn=_ends_with_us(ending), pass_fds=descriptors, cwd=folder,
                user=user, group=user, extra_groups=nobody_else(user),
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def suspend(self) -> None:
        """Stop it as it stands: it still accepts connections and never answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it and its children at once, as a power cut does."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    async def stop(self, patience: float = 5.0) -> None:
        """Ask it to end, and kill it after ``patience`` seconds. Does nothing when it has ended already."""
        if not self.alive:
            return
        self.resume()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, self._ending)
        for _ in range(int(patience / 0.01)):
            if not self.alive:
                return
            await asyncio.sleep(0.01)
        self.kill()

    def _signal(self, number: int) -> None:
        # Children first on the way down: a killed parent can no longer be asked who its children were.
        for pid in (*_descendants(self.pid), self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def nobody_else(user: int | None) -> list[int] | None:
    """The further groups of a process that gives up being root: none. None leaves things as they are."""
    return [] if user is not None else None


def listening() -> socket.socket:
    """A listening socket on loopback, its port chosen by the system, to be handed to a process."""
    return socket.create_server(("127.0.0.1", 0), backlog=64)


def listening_again(port: int) -> socket.socket:
    """A listening socket on loopback on this port. Raises OSError when somebody else has it."""
    return socket.create_server(("127.0.0.1", port), backlog=64)


def free_port() -> int:
    """A port of loopback that nobody used a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        return int(chosen.getsockname()[1])


def _ends_with_us(number: int) -> Callable[[], None] | None:
    if _LIBC is None:
        return None
    parent, prctl = os.getpid(), _LIBC.prctl

    def ask_the_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # we died in between
            os.kill(os.getpid(), signal.SIGKILL)

    return ask_the_kernel


def _descendants(pid: int) -> list[int]:
    """The children of a process and theirs, the youngest first (Linux; elsewhere none are known)."""
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, children.read_text().split()):
                found = [*_descendants(child), child, *found]
    return found
