"""A sign-in service for tests: a real server on loopback that publishes its keys and signs what it is told to."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from portal.identity import ClaimNames, IssuerSettings, MayAssert

AUDIENCE = "urn:northshire:portal"


class Issuer:
    """Keys, tokens, and a count of how often the keys were asked for. Change ``published`` or ``about`` to misbehave."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
        self.published: Any = KeySet([self.key]).as_dict(private=False)
        self.about: dict[str, Any] = {}
        self.asked = 0
        self.up = True
        self.url = ""

    def settings(self, **changes: Any) -> IssuerSettings:
        chosen: dict[str, Any] = {
            "issuer": self.url,
            "audience": AUDIENCE,
            "algorithms": ("ES256",),
            "claims": ClaimNames(),
            "assurance": ("aal1", "aal2"),
            "may_assert": MayAssert(agencies=("hillview-school", "northshire-police"), roles=("named_person", "auditor")),
        }
        return IssuerSettings(**(chosen | changes))

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a named person at Hillview School; a change to None leaves the claim out."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "sub-17",
            "iat": now,
            "exp": now + 300,
            "org": "hillview-school",
            "roles": ["named_person"],
            "acr": "aal2",
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, key: Any = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A signed token; ``header`` adds to or replaces what stands in its header."""
        signing = key or self.key
        head = {"alg": "ES256", "kid": signing.kid, "typ": "at+jwt"} | (header or {})
        head = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(head, self.claims(**changes), signing, algorithms=[head["alg"]], default_type=None)

    def bearer(self, **kwargs: Any) -> str:
        return f"Bearer {self.token(**kwargs)}"

    async def _configuration(self, request: web.Request) -> web.Response:
        return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.about, status=200 if self.up else 503)

    async def _keys(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if isinstance(self.published, str):
            return web.Response(text=self.published, content_type="application/json")
        return web.json_response(self.published)


@asynccontextmanager
async def running_issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    application = web.Application()
    application.router.add_get("/.well-known/openid-configuration", issuer._configuration)
    application.router.add_get("/keys", issuer._keys)
    async with TestServer(application) as server:
        issuer.url = str(server.make_url("")).rstrip("/")
        yield issuer
