"""What one question costs, step by step: the portal's own steps, each with a stopwatch round it while a question goes its way."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from starlette.applications import Starlette

import portal.api.http
import portal.gateway
from portal.accesslog import Access
from portal.api.documents import Documents
from portal.app import create_app
from portal.asking import Asking
from portal.gateway import open_portal
from portal.identity import Identity
from portal.rulebook import Rulebook
from tests.bench.questions import VARIABLES, federation

#: Wall and processor milliseconds, median, by step in the order in which they happen.
Costs = dict[str, tuple[float, float]]

#: Where each step stands, in the order in which they happen.
STEPS: tuple[tuple[str, Any, str], ...] = (
    ("check the token", Identity, "authenticate"),
    ("read the document (kept)", Documents, "read"),
    ("walk to the question", portal.api.http, "select"),
    ("walk to the question", portal.api.http, "question"),
    ("plan", portal.gateway, "make_plan"),
    ("look up consents and objections", Rulebook, "concerning"),
    ("decide", portal.gateway, "decide"),
    ("decide", portal.gateway, "recheck"),
    ("decide", portal.gateway, "uphold"),
    ("log the intent", Access, "__aenter__"),
    ("find and match", Asking, "find"),
    ("narrow", portal.gateway, "narrow"),
    ("fetch and minimise", Asking, "fetch"),
    ("merge", portal.gateway, "merge"),
    ("log the conclusion", Access, "conclude"),
    ("project by GraphQL", portal.api.http, "execute"),
    ("encode", portal.api.http, "_json"),
)
REST = "all else"


class Stopwatch:
    """Wall and processor seconds by step, for one question after the other."""

    def __init__(self) -> None:
        self._wall: list[defaultdict[str, float]] = []
        self._cpu: list[defaultdict[str, float]] = []

    def next(self) -> None:
        """Another question begins."""
        self._wall.append(defaultdict(float))
        self._cpu.append(defaultdict(float))

    @contextmanager
    def lap(self, step: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self._wall[-1][step] += time.perf_counter() - wall
            self._cpu[-1][step] += time.process_time() - cpu

    def round(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time taken."""

        @functools.wraps(function)
        def timed(*given: Any, **named: Any) -> Any:
            with self.lap(step):
                return function(*given, **named)

        @functools.wraps(function)
        async def timed_till_done(*given: Any, **named: Any) -> Any:
            with self.lap(step):
                return await function(*given, **named)

        return timed_till_done if inspect.iscoroutinefunction(function) else timed

    def costs(self) -> Costs:
        """The medians. What was timed as a whole becomes what is left of it when its steps are taken away."""
        for one in (*self._wall, *self._cpu):
            one[REST] = 2 * one[REST] - sum(one.values())
        steps = dict.fromkeys([*(step for step, _, _ in STEPS), REST])
        return {step: (median(one[step] for one in self._wall) * 1000, median(one[step] for one in self._cpu) * 1000) for step in steps}


async def costs(text: str, state: Path, token: str, times: int) -> Costs:
    """Ask the running demo so many times, alone, and take the medians. The server that speaks HTTP is not in it."""
    watch = Stopwatch()
    async with open_portal(federation(), state) as opened:
        app = create_app(opened)
        for _ in range(5):
            await _post(app, text, token)
        with pytest.MonkeyPatch.context() as patch:
            for step, where, name in STEPS:
                patch.setattr(where, name, watch.round(step, getattr(where, name)))
            for _ in range(times):
                watch.next()
                with watch.lap(REST):
                    await _post(app, text, token)
    return watch.costs()


async def _post(app: Starlette, text: str, token: str) -> None:
    """One question to the application itself. Raises AssertionError unless it is answered."""
    body = json.dumps({"query": text, "variables": VARIABLES}).encode()
    told = {"content-type": "application/json", "authorization": f"Bearer {token}", "content-length": str(len(body))}
    headers = [(name.encode(), value.encode()) for name, value in told.items()]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    incoming = [{"type": "http.request", "body": body, "more_body": False}]
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        if not incoming:
            await asyncio.Event().wait()  # nobody leaves
        return incoming.pop()

    async def send(message: Any) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    await app(scope, receive, send)
    assert statuses == [200]
