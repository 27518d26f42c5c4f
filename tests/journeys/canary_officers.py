"""The privacy officers of the canaries' agencies: a webhook and a mail server that keep, file by file, whatever comes to them.

Both refuse the first message to each officer, in words that a careless system would use, so that it is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP


class Officers:
    """Both, with one folder. ``mark`` makes the marker that a refusal says; ``taken`` counts the messages taken, by officer."""

    def __init__(self, folder: Path, mark: Callable[[str], str]) -> None:
        self.taken: dict[str, int] = {}
        self._folder = folder
        self._mark = mark

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        head = f"{request.method} {request.raw_path} {request.raw_headers!r}\n"
        if self._keep(request.path.strip("/"), head.encode() + await request.read()):
            return web.Response(text="taken")
        said = self._mark("webhook")
        return web.Response(status=500, reason=said, text=f"no row for {said}", headers={"Retry-After": said, "Set-Cookie": f"who={said}"})

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """As aiosmtpd calls it: one mail."""
        (officer,) = envelope.rcpt_tos
        taken = self._keep(officer, f"{session.host_name} {envelope.mail_from}\n".encode() + envelope.content)
        return "250 OK" if taken else f"554 no row for {self._mark('mail server')}"

    def _keep(self, officer: str, message: bytes) -> bool:
        """Keep a message; whether it is taken."""
        self.taken[officer] = self.taken.get(officer, -1) + 1
        (self._folder / f"{officer.replace('/', '-')}-{self.taken[officer]}").write_bytes(message)
        return self.taken[officer] > 0


@asynccontextmanager
async def mail_server(officers: Officers) -> AsyncIterator[int]:
    """A mail server on loopback; its port."""
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(officers, hostname="mail.example"), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
