"""The served portal, those who ask it, and what came back: what every part of the campaign works with."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.simulated.processes import free_port
from connectors.standard import Standard
from tests.journeys import canary_doors as doors
from tests.journeys.canary import Markers, Where
from tests.journeys.canary_agreements import COUNCIL, OFFICER, POLICE, PURPOSE
from tests.journeys.canary_federation import CanaryChild, Entitled
from tests.journeys.canary_officers import Officers
from tests.portal.issuer import Issuer

GRAPHQL, JSON = "application/graphql-response+json", "application/json"
#: The children whose shields do not bind Ewan.
CLEARED = frozenset({"marked", "hidden"})
#: Who asks: agency, roles. Nadia looks, and reviews; Priya reviews.
ASKERS = {
    "morag": (COUNCIL, ["named_person"]), "ewan": (COUNCIL, ["named_person"]), "lennox": (POLICE, ["police_officer"]),
    "tom": (COUNCIL, ["class_teacher"]), "nadia": (COUNCIL, ["named_person", "privacy_officer"]), "priya": (POLICE, ["privacy_officer"]),
}  # fmt: skip
_ALL, _NOTHING = Entitled(None, "T4", "T4", place=True), Entitled({}, "T1", "T1", place=False)
#: What each may be shown where nothing rests on the child.
ENTITLED = {
    "morag": _ALL, "ewan": Entitled(None, "T4", "T4", place=True, cleared=CLEARED), "nadia": _ALL,
    "lennox": Entitled(OFFICER, "T3", "T4", place=False), "tom": _NOTHING, "priya": _NOTHING,
}  # fmt: skip


@dataclass(frozen=True)
class Reply:
    """What came back for one request: ``child`` when it was a question about one, ``how`` it was typed, ``sent`` what was sent.

    ``entitled`` is what each clause that applied may show, where that is not what the asker may be shown anyway.
    """

    how: str
    who: str
    child: str
    status: int
    headers: str
    raw: bytes
    entitled: tuple[Entitled, ...] | None = None
    sent: bytes = b""

    def may_see(self, where: Where, shielded: Mapping[str, str], standard: Standard) -> bool:
        """Whether a marker may stand in this view."""
        clauses = (ENTITLED[self.who],) if self.entitled is None else self.entitled
        return any(clause.may_see(where, shielded, standard) for clause in clauses)

    @cached_property
    def body(self) -> Any:
        try:
            return json.loads(self.raw)
        except ValueError:
            return None

    @property
    def view(self) -> Any:
        return ((self.body or {}).get("data") or {}).get("child") if isinstance(self.body, dict) else None

    @property
    def errors(self) -> bytes:
        """All that this reply says beside a child's view: every header, its ``errors``, and the whole of it when it holds no view."""
        said = self.body.get("errors", []) if self.view else None
        return self.headers.encode() + (self.raw if said is None else json.dumps(said, ensure_ascii=False).encode())

    @property
    def candidates(self) -> bytes:
        """What the candidates of a view are shown by: values that were typed."""
        return json.dumps([each.get("shown") for each in (self.view or {}).get("candidates", [])], ensure_ascii=False).encode()

    @property
    def besides(self) -> bytes:
        """A view but for what its candidates are shown by."""
        listed = [{name: each[name] for name in each.keys() - {"shown"}} for each in (self.view or {}).get("candidates", [])]
        return json.dumps((self.view or {}) | {"candidates": listed}, ensure_ascii=False).encode() if listed else self.raw

    @property
    def words(self) -> bytes:
        """What a view says of sources and of who is missing, and not of the child."""
        if not self.view:
            return b""
        missing = [part["missing"] for part in self.view.values() if isinstance(part, dict) and "missing" in part]
        beside = [self.view.get(name) for name in ("sources", "held", "receipt", "warnings", "duties", "purpose", "asOf")]
        return json.dumps([beside, missing], ensure_ascii=False).encode()

    @property
    def codes(self) -> list[str]:
        listed = self.body.get("errors", []) if isinstance(self.body, dict) else []
        return [error["extensions"]["code"] for error in listed]

    @property
    def states(self) -> dict[str, str]:
        return {source["source"]: source["state"] for source in self.view.get("sources", [])} if self.view else {}


class Program:
    """``childview serve`` as an operator starts it, all it writes and prints kept apart for the search."""

    def __init__(self, folder: Path, federation: Path, environment: Mapping[str, str]) -> None:
        self.state, self.printed, self.elsewhere = folder / "state", folder / "printed", folder / "elsewhere"
        self.told, self.copied = folder / "told", folder / "copied"
        self.federation, self.url, self.starts = federation, "", 0
        for each in (self.printed, self.told, *(self.elsewhere / name for name in ("cwd", "home", "tmp"))):
            each.mkdir(parents=True)
        homes = {"HOME": str(self.elsewhere / "home"), "TMPDIR": str(self.elsewhere / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}
        self._environment = {**os.environ, **environment, **homes}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        port = free_port()
        self.url, self.starts = f"http://127.0.0.1:{port}", self.starts + 1
        command = [
            str(Path(sys.executable).with_name("childview")),
            "serve",
            str(self.federation),
            "--state",
            str(self.state),
            "--port",
            str(port),
        ]
        with (self.printed / f"stdout-{self.starts}").open("wb") as out, (self.printed / f"stderr-{self.starts}").open("wb") as err:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=err, env=self._environment, cwd=self.elsewhere / "cwd"
            )
        async with asyncio.timeout(30), aiohttp.ClientSession() as session:
            while self._process.returncode is None:
                try:
                    async with session.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        raise RuntimeError("the portal did not start: " + (self.printed / f"stderr-{self.starts}").read_text("utf-8", "replace"))

    def copy(self) -> None:
        """Keep what it has written until now: a database that is closed in order leaves no write-ahead log behind."""
        shutil.copytree(self.state, self.copied / str(self.starts))

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def end(self, how: signal.Signals) -> int:
        """Send one signal and wait for the end; what it ended with."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(how)
        async with asyncio.timeout(15):
            return await self._process.wait()


@dataclass
class Campaign:
    """The portal, those who ask, and everything that came back."""

    markers: Markers
    standard: Standard
    children: Mapping[str, CanaryChild]
    program: Program
    issuer: Issuer
    desk: doors.Desk
    hospital: doors.Hospital
    officers: Officers
    auditors: Mapping[str, Any]
    partners: Mapping[str, Ed25519PrivateKey]
    faulty: doors.Faulty
    faulty_fhir: doors.Faulty
    raw: doors.Raw
    plugin: doors.Plugin
    session: aiohttp.ClientSession
    everything: str
    replies: list[Reply] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    _sign_ins: Iterator[int] = field(default_factory=lambda: itertools.count(5, 2))

    def mark(self, what: str) -> str:
        """A marker that somebody types, or that a failing system says."""
        return self.markers.text(Where("nobody", what))

    def token(self, who: str, **more: Any) -> str:
        agency, roles = ASKERS[who]
        return self.issuer.token(sub=who, org=agency, roles=roles, **more)

    def signed_in(self, who: str, ago: int | None = None) -> str:
        """A token of a fresh sign-in, another one each time; or of one so many seconds ago."""
        return self.token(who, auth_time=int(time.time()) - (next(self._sign_ins) if ago is None else ago))

    async def send(self, how: str, body: bytes, who: str = "morag", child: str = "", **more: Any) -> Reply:
        """One POST of bytes; ``more`` changes token, headers, method or path, and says what may be shown."""
        token = more.get("token") or self.token(who)
        headers = {"Content-Type": JSON, "Accept": GRAPHQL, "Authorization": f"Bearer {token}"} | more.get("headers", {})
        headers = {name: value for name, value in headers.items() if value is not None}
        url = self.program.url + more.get("path", "/graphql")
        async with self.session.request(more.get("method", "POST"), url, data=body, headers=headers, allow_redirects=False) as answer:
            reply = Reply(how, who, child, answer.status, str(answer.raw_headers), await answer.read(), more.get("entitled"), body)
        self.replies.append(reply)
        return reply

    async def ask(self, how: str, who: str, child: str, subject: Any, query: str | None = None, **more: Any) -> Reply:
        """One question. ``variables`` are added to those of every question, ``token`` and ``entitled`` are as in ``send``."""
        sent = {name: more.pop(name) for name in ("token", "entitled") if name in more}
        variables = {"subject": subject, "purpose": PURPOSE} | more.pop("variables", {})
        body = {"query": query or self.everything, "variables": variables} | more
        return await self.send(how, json.dumps(body).encode(), who, child, **sent)

    async def run(self, how: str, query: str, variables: Any = None, who: str = "morag", **more: Any) -> Reply:
        """One operation that is no question about a child."""
        return await self.send(how, json.dumps({"query": query, "variables": variables}).encode(), who, **more)

    async def look(self, how: str) -> None:
        """The pages that need no sign-in, as they are now."""
        for path in ("/agreements", "/readyz", "/contacts", "/healthz"):
            await self.send(f"{how}: {path}", b"", method="GET", path=path, headers={"Authorization": None, "Content-Type": None})
