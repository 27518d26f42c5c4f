"""Who may vouch for practitioners: the federation's issuers, their settings and their signing keys.

Keys are fetched over OpenID Connect Discovery 1.0 and RFC 7517, kept for ``KEYS_KEPT`` seconds, and asked for once more
when a token names a key we do not know. No redirect is followed and no address outside the issuer's settings is asked first.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias, cast
from urllib.parse import urlsplit

import aiohttp
import msgspec
from cachetools import TTLCache
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from connectors import Mistake
from portal.errors import IssuerUnreachable

#: Asymmetric only: a shared secret would let whoever checks tokens also make them (RFC 8725 §3.2).
Algorithm = Literal["ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "Ed25519"]
PublicKey: TypeAlias = ECKey | RSAKey | OKPKey
Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]

KEYS_KEPT = 600.0
ASK_AGAIN_AFTER = 30.0
#: So long after a failed try nobody waits for the next one.
REST = 5.0
_TIMEOUT = aiohttp.ClientTimeout(total=5, connect=3)
_MOST_BYTES = 256 * 1024
_MOST_KEYS = 50
_LEAST_RSA_BITS = 2048

#: The path of the demonstration's own issuer. It signs for anybody, so production refuses it wherever it is served.
DEMO_ISSUER_PATH = "/demo/issuer"


class ClaimNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a token says who somebody is: a claim's name, or names joined by ``/`` for a claim inside a claim."""

    person: Name = "sub"
    agency: Name = "org"
    roles: Name = "roles"
    assurance: Name = "acr"


class MayAssert(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The agencies and roles an issuer may speak for. Anything else it says is overreach."""

    agencies: tuple[Name, ...]
    roles: tuple[Name, ...]


class IssuerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ``[[issuers]]`` table of ``federation.toml``. ``assurance`` lists the issuer's ``acr`` values, weakest first."""

    issuer: Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s?#|]+$")]
    audience: Name
    algorithms: Annotated[tuple[Algorithm, ...], msgspec.Meta(min_length=1)]
    may_assert: MayAssert
    claims: ClaimNames = ClaimNames()
    assurance: tuple[Name, ...] = ()

    def up_to(self, level: str) -> tuple[str, ...]:
        """The levels that somebody recognised at ``level`` has reached, weakest first; none for a level not listed."""
        return self.assurance[: self.assurance.index(level) + 1] if level in self.assurance else ()


def production_mistakes(issuers: Sequence[IssuerSettings], file: str = "federation.toml") -> list[Mistake]:
    """What production refuses of its issuers: plain http, this machine, the demonstration's issuer, two tables for one issuer."""
    mistakes = []
    for issuer in issuers:
        parts = urlsplit(issuer.issuer)
        if parts.scheme != "https":
            mistakes.append(_mistake("CV131", file, issuer, "is not asked over https.", "Give the issuer's https address."))
        if is_loopback(parts.hostname or ""):
            mistakes.append(_mistake("CV132", file, issuer, "is this machine itself.", "Give the sign-in service's address."))
        if parts.path.rstrip("/").endswith(DEMO_ISSUER_PATH):
            mistakes.append(_mistake("CV133", file, issuer, "is the demonstration's, which signs for anybody.", "Remove it."))
        if sum(other.issuer == issuer.issuer for other in issuers) > 1:
            mistakes.append(_mistake("CV134", file, issuer, "has more than one table.", "Keep one."))
    return mistakes


def _mistake(id: str, file: str, issuer: IssuerSettings, said: str, hint: str) -> Mistake:
    return Mistake(id=id, message=f"The issuer {issuer.issuer} {said}", file=file, hint=hint)


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine itself."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


class IssuerKeys:
    """One issuer's public signing keys, asked for when needed and kept for a while."""

    def __init__(self, issuer: IssuerSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._clock = clock
        self._kept: TTLCache[str, tuple[PublicKey, ...]] = TTLCache(maxsize=1, ttl=KEYS_KEPT, timer=clock)
        self._asked = self._failed = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def key(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """The key a token was signed with, or None. A ``kid`` not known is looked for once more, at most every 30 seconds.

        Raises IssuerUnreachable when no keys are held and none can be had.
        """
        keys = self._kept.get("keys")
        return (_choose(keys, kid, algorithm) if keys else None) or _choose(await self._newer(keys), kid, algorithm)

    async def _newer(self, seen: tuple[PublicKey, ...] | None) -> tuple[PublicKey, ...]:
        """Keys that somebody fetched since ``seen``, or fetched now; ``seen`` itself when these were fetched a moment ago."""
        async with self._one_at_a_time:
            kept = self._kept.get("keys")
            if kept is not None and (kept is not seen or self._clock() - self._asked < ASK_AGAIN_AFTER):
                return kept
            if kept is None and self._clock() - self._failed < REST:
                raise IssuerUnreachable("it failed a moment ago")
            self._asked = self._clock()
            try:
                self._kept["keys"] = kept = await _fetch_keys(self._issuer.issuer)
            except IssuerUnreachable:
                self._failed = self._clock()
                if kept is None:
                    raise
            return kept


def _choose(keys: tuple[PublicKey, ...], kid: str | None, algorithm: str) -> PublicKey | None:
    """The key of that id; without an id, the one key that fits the algorithm, if it is the only one."""
    fitting = [key for key in keys if (kid is None or key.kid == kid) and key.alg in (None, algorithm)]
    return fitting[0] if len(fitting) == 1 else None


async def _fetch_keys(issuer: str) -> tuple[PublicKey, ...]:
    try:
        async with aiohttp.ClientSession(timeout=_TIMEOUT, raise_for_status=True) as session:
            about = await _get(session, issuer.rstrip("/") + "/.well-known/openid-configuration")
            if about.get("issuer") != issuer:
                raise IssuerUnreachable("the discovery document names another issuer")
            return _public_keys(await _get(session, _keys_address(about, issuer)))
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError, RecursionError, ValueError) as error:
        raise IssuerUnreachable(type(error).__name__) from None


def _keys_address(about: Mapping[str, Any], issuer: str) -> str:
    address = about.get("jwks_uri")
    if not isinstance(address, str) or urlsplit(address).scheme not in ("https", urlsplit(issuer).scheme):
        raise IssuerUnreachable("the discovery document gives no usable jwks_uri")
    return address


async def _get(session: aiohttp.ClientSession, address: str) -> Mapping[str, Any]:
    async with session.get(address, allow_redirects=False, headers={"Accept": "application/json"}) as response:
        body = await response.content.read(_MOST_BYTES + 1)
        while len(body) <= _MOST_BYTES and not response.content.at_eof():
            body += await response.content.read(_MOST_BYTES + 1 - len(body))
    if response.status != 200 or len(body) > _MOST_BYTES:
        raise IssuerUnreachable("an answer that is too long or not 200")
    return msgspec.json.decode(body, type=dict[str, Any])


def _public_keys(document: Mapping[str, Any]) -> tuple[PublicKey, ...]:
    """The usable signing keys of a JWK set; keys of other kinds and uses, weak or private ones are left out (RFC 8725 §3.5)."""
    listed = document.get("keys")
    candidates = listed[:_MOST_KEYS] if isinstance(listed, list) else []
    return tuple(key for jwk in candidates if (key := _public_key(jwk)) is not None)


def _public_key(jwk: object) -> PublicKey | None:
    if not isinstance(jwk, dict) or jwk.get("kty") not in ("EC", "RSA", "OKP") or jwk.get("use", "sig") != "sig" or "d" in jwk:
        return None
    if jwk["kty"] == "RSA" and len(str(jwk.get("n"))) * 6 < _LEAST_RSA_BITS:
        return None
    try:
        return cast(PublicKey, JWKRegistry.import_key(jwk))
    except (JoseError, ValueError, TypeError, KeyError):
        return None
