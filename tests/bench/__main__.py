"""Measure the portal beside the bare limit and a page that says hello, in one run, and print ratios. Asserts no time.

    make bench

Absolute times are this machine's and this hour's; a ratio of two that were measured in turns says more. Processor time is that of
the serving process alone, whoever else is busy.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import aiohttp
from rich.console import Console
from rich.table import Table

from connectors.simulated.processes import Process, free_port
from portal.demo import RunningDemo, demo_federation
from tests.bench import deciding, matching, micro, steps
from tests.bench.questions import QUESTIONS, VARIABLES
from tests.journeys.northshire import standard

ROUNDS, CROWD = 3, 10
_PORTAL, _LIMIT, _HELLO = "portal", "limit", "hello"


@dataclass
class Runner:
    """One of those measured: which server, which question, how many requests a round; and what came of it, in seconds."""

    name: str
    server: str
    question: str
    times: int
    walls: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    @property
    def wall(self) -> float:
        return median(self.walls) * 1000

    @property
    def processor(self) -> float:
        return median(self.cpu) * 1000

    @property
    def rate(self) -> float:
        return median(self.rates)


def runners() -> list[Runner]:
    return [
        Runner("portal, Jo, every section", _PORTAL, "whole view", 12),
        Runner("limit, the same asks", _LIMIT, "whole view", 12),
        Runner("portal, one section", _PORTAL, "small question", 30),
        Runner("limit, the same asks", _LIMIT, "small question", 30),
        Runner("hello", _HELLO, "small question", 200),
    ]


async def bench(console: Console) -> None:
    with tempfile.TemporaryDirectory() as given:
        folder = Path(given)
        async with demo_federation(data_folder()) as demo:
            token = demo.token("morag")
            measured = runners()
            # Idle connections are let go before the servers do: a question sent into a closing one would be lost.
            brief = aiohttp.TCPConnector(keepalive_timeout=2)
            async with _servers(folder) as urls, aiohttp.ClientSession(connector=brief) as session:
                for round_ in range(-1, ROUNDS):
                    for runner in measured:
                        await _round(runner, session, urls[runner.server], token, warm=round_ < 0)
            console.print(_compared(measured))
            for name, text in QUESTIONS.items():
                console.print(_by_step(name, await steps.costs(text, folder / name.replace(" ", "-"), token, 30)))
            console.print(_single("Single steps", await micro.lines(folder / "micro")))
            console.print(_single("Matching", matching.lines()))
            console.print(_single("Agreements", deciding.lines(folder / "agreements", standard())))
            console.print(_machine(demo), style="dim")


def data_folder() -> Path:
    """Where the agencies' data is kept between two runs: making it anew takes longer than the measuring."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "childview" / "bench-agencies"


@asynccontextmanager
async def _servers(folder: Path) -> AsyncIterator[dict[str, str]]:
    """One process each, ready."""
    async with AsyncExitStack() as stack:
        urls: dict[str, str] = {}
        for what in (_PORTAL, _LIMIT, _HELLO):
            port = free_port()
            command = [sys.executable, "-m", "tests.bench.servers", what, "--port", str(port), "--state", str(folder / what)]
            process = Process(command, log=folder / f"{what}.log")
            stack.push_async_callback(process.stop)
            urls[what] = f"http://127.0.0.1:{port}"
            await _ready(process, urls[what], folder / f"{what}.log")
        yield urls


async def _ready(process: Process, url: str, log: Path) -> None:
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        while True:
            try:
                await _spent(session, url)
            except aiohttp.ClientError:
                if not process.alive:
                    raise RuntimeError(log.read_text()[-2000:]) from None
                await asyncio.sleep(0.05)
            else:
                return


async def _spent(session: aiohttp.ClientSession, url: str) -> float:
    async with session.get(f"{url}/-/cpu") as answer:
        return float(await answer.json())


async def _round(runner: Runner, session: aiohttp.ClientSession, url: str, token: str, *, warm: bool) -> None:
    """One after the other, then ten at a time. A warm-up is not counted."""
    body = json.dumps({"query": QUESTIONS[runner.question], "variables": VARIABLES})
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    async def ask() -> float:
        start = time.perf_counter()
        async with session.post(f"{url}/graphql", data=body, headers=headers) as answer:
            said = await answer.read()
            assert answer.status == 200, said[:200]
        return time.perf_counter() - start

    before = await _spent(session, url)
    walls = [await ask() for _ in range(runner.times)]
    cpu = (await _spent(session, url) - before) / runner.times
    left = iter(range(2 * runner.times))

    async def client() -> None:
        for _ in left:
            await ask()

    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CROWD)))
    rate = 2 * runner.times / (time.perf_counter() - start)
    if not warm:
        runner.walls += walls
        runner.cpu.append(cpu)
        runner.rates.append(rate)


def _compared(measured: list[Runner]) -> Table:
    table = Table(title=f"Side by side: {ROUNDS} rounds in turns, over HTTP on loopback, medians")
    for heading in ("", "p50 ms", "CPU ms", "a second, ten at once", "wall x limit", "CPU x limit", "CPU x hello"):
        table.add_column(heading, justify="left" if not heading else "right")
    limits = {runner.question: runner for runner in measured if runner.server == _LIMIT}
    hello = next(runner for runner in measured if runner.server == _HELLO)
    for runner in measured:
        limit = limits[runner.question]
        beside = [""] * 2 if runner is hello else [f"{runner.wall / limit.wall:.2f}", f"{runner.processor / limit.processor:.2f}"]
        numbers = [f"{runner.wall:.1f}", f"{runner.processor:.2f}", f"{runner.rate:.1f}", *beside]
        table.add_row(runner.name, *numbers, f"{runner.processor / hello.processor:.0f}")
    return table


def _by_step(name: str, costs: steps.Costs) -> Table:
    table = Table(title=f"Where the time of one question goes: {name}, alone, medians")
    for heading in ("step", "wall ms", "CPU ms", "CPU share"):
        table.add_column(heading, justify="left" if heading == "step" else "right")
    total = sum(cpu for _, cpu in costs.values())
    for step, (wall, cpu) in costs.items():
        table.add_row(step, f"{wall:.2f}", f"{cpu:.2f}", f"{cpu / total:.0%}")
    table.add_row("together", f"{sum(wall for wall, _ in costs.values()):.1f}", f"{total:.1f}", "", style="bold")
    return table


def _single(title: str, lines: micro.Lines) -> Table:
    table = Table(title=title, show_header=False)
    for what, came in lines:
        table.add_row(what, came)
    return table


def _machine(demo: RunningDemo) -> str:
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} processors, load {load:.1f} at the end, Python {sys.version.split()[0]}, {len(demo.sources)} agencies on this machine."


if __name__ == "__main__":
    asyncio.run(bench(Console(width=110)))
