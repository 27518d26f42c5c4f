"""The demonstration's identity provider: discovery document, key set, and tokens signed with a key under the demo's folder.

Run as its own process: ``python -m portal.demo.issuer --fd 7 --folder F --address http://127.0.0.1:41234/demo/issuer``.
It has no login: whoever can read the key's file can be anybody. Production refuses its address.
"""

from __future__ import annotations

import argparse
import socket
import time
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey

from portal.demo.keys import kept_key
from portal.demo.personas import Persona, persona

AUDIENCE = "urn:northshire:portal"
PATH = "/demo/issuer"
LIFETIME = timedelta(hours=1)
_KEY, _ADDRESS = "signing.jwk", "address"


def signing_key(folder: Path) -> ECKey:
    """The issuer's ES256 key, made at first use and kept in ``folder`` for its owner alone."""
    return kept_key(folder / _KEY, use="sig", alg="ES256")


def mint(folder: Path, who: Persona | str, lifetime: timedelta = LIFETIME, signed_in_ago: timedelta = timedelta(0)) -> str:
    """A token that says its bearer is this persona (or the one of this id), valid from now; a negative ``lifetime`` has passed already.

    ``folder`` is the demo's; ``signed_in_ago`` is how long ago the person signed in. Raises UnknownPersona, and FileNotFoundError when no
    demo was ever started there.
    """
    signed = who if isinstance(who, Persona) else persona(who)
    home = issuer_folder(folder)
    address = (home / _ADDRESS).read_text("utf-8")
    key = signing_key(home)
    header = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid}
    said = claims(signed, address, time.time(), lifetime, signed_in_ago)
    return jwt.encode(header, said, key, algorithms=["ES256"])


def claims(
    who: Persona, issuer: str, now: float, lifetime: timedelta = LIFETIME, signed_in_ago: timedelta = timedelta(0)
) -> dict[str, Any]:
    """What a token says of a persona (RFC 9068). ``now`` is in seconds since 1970."""
    return {
        "iss": issuer, "sub": who.id, "aud": AUDIENCE, "iat": int(now), "nbf": int(now), "exp": int(now + lifetime.total_seconds()),
        "jti": uuid.uuid4().hex, "auth_time": int(now - signed_in_ago.total_seconds()),
        "name": who.name, "org": who.agency, "roles": list(who.roles), "acr": who.assurance,
    }  # fmt: skip


def issuer_folder(folder: Path) -> Path:
    """Where the issuer keeps its key and address, below the demo's folder."""
    return folder / "issuer"


def remember(folder: Path, address: str) -> None:
    """Note under which address the issuer is served, for whoever mints."""
    home = issuer_folder(folder)
    home.mkdir(parents=True, exist_ok=True)
    (home / _ADDRESS).write_text(address, "utf-8")


def remembered_port(folder: Path) -> int | None:
    """The port of the last start, so that the issuer keeps its name; None when there was none."""
    try:
        return int((issuer_folder(folder) / _ADDRESS).read_text("utf-8").removesuffix(PATH).rpartition(":")[2])
    except (OSError, ValueError):
        return None


def application(address: str, key: ECKey) -> web.Application:
    """The issuer's two documents (OpenID Connect Discovery 1.0, RFC 7517)."""
    discovery = {
        "issuer": address, "jwks_uri": f"{address}/jwks", "id_token_signing_alg_values_supported": ["ES256"],
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "claims_supported": ["sub", "org", "roles", "acr", "auth_time"],
    }  # fmt: skip
    keys = {"keys": [key.as_dict(private=False)]}

    async def about(request: web.Request) -> web.Response:
        return web.json_response(discovery)

    async def jwks(request: web.Request) -> web.Response:
        return web.json_response(keys)

    app = web.Application()
    app.add_routes([web.get(f"{PATH}/.well-known/openid-configuration", about), web.get(f"{PATH}/jwks", jwks)])
    return app


def main() -> None:
    """Serve until SIGTERM, on the listening socket whose descriptor is ``--fd``."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--fd", type=int, required=True)
    arguments.add_argument("--folder", type=Path, required=True)
    arguments.add_argument("--address", required=True)
    asked = arguments.parse_args()
    app = application(asked.address, signing_key(issuer_folder(asked.folder)))
    web.run_app(app, sock=socket.socket(fileno=asked.fd), print=None, access_log=None, shutdown_timeout=1.0)


if __name__ == "__main__":
    main()
