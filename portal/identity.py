"""Who is asking: a bearer token becomes a Practitioner, or a refusal that says no more than it must.

First on the request path. A token is believed when one of the federation's issuers signed it, for this portal, now
(RFC 7519, RFC 8725, RFC 9068). What it claims is believed as far as that issuer may speak for the agency and the roles.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jws import JWSRegistry, deserialize_compact, extract_compact
from joserfc.jwt import JWTClaimsRegistry

from portal.errors import PortalError, Unauthenticated
from portal.issuers import DEMO_ISSUER_PATH, ClaimNames, IssuerKeys, IssuerSettings, MayAssert, PublicKey, production_mistakes
from portal.model import Practitioner

__all__ = ["DEMO_ISSUER_PATH", "ClaimNames", "Forbidden", "Identity", "IssuerSettings", "MayAssert", "production_mistakes"]

#: Clocks of an issuer and of this portal may differ by so many seconds.
LEEWAY = 30
_LONGEST_TOKEN = 8192
_LONGEST_NAME = 255
_MOST_ROLES = 32
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_BROKEN = (JoseError, ValueError, TypeError, RecursionError)


Why = Literal["role", "agency", "overreach"]
_FORBIDDEN: dict[Why, str] = {
    "agency": "Your agency is not part of this federation.",
    "role": "You hold no role that this federation knows.",
    "overreach": "Your sign-in service may not speak for this agency or role.",
}


class Forbidden(PortalError):
    """A known practitioner who may not ask. ``practitioner`` holds what the token claimed, for the access log."""

    def __init__(self, why: Why, practitioner: Practitioner) -> None:
        super().__init__("CV403", _FORBIDDEN[why], 403, "To keep a child safe you can still phone. The numbers are at /contacts.")
        self.why = why
        self.practitioner = practitioner


class _Registry(JWSRegistry):
    max_header_length = 4096
    max_payload_length = _LONGEST_TOKEN


class Identity:
    """Recognises practitioners by the tokens of the federation's issuers.

    ``agencies`` and ``roles`` are those the federation knows. Keys are fetched when the first token comes.
    """

    def __init__(
        self,
        issuers: Sequence[IssuerSettings],
        agencies: Collection[str],
        roles: Collection[str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._keys = {issuer.issuer: IssuerKeys(issuer) for issuer in issuers}
        self._agencies = frozenset(agencies)
        self._roles = frozenset(roles)
        self._now = now

    async def authenticate(self, authorization: str | None) -> Practitioner:
        """The practitioner whom an ``Authorization`` header speaks for.

        Raises Unauthenticated (no, bad or expired token), Forbidden (agency, role or overreach; carries the practitioner),
        IssuerUnreachable.
        """
        token = _bearer(authorization)
        header, unproven = _opened(token)
        issuer = self._issuer(unproven.get("iss"))
        _check_header(header, issuer)
        key = await self._keys[issuer.issuer].key(header.get("kid"), header["alg"])
        if key is None:
            raise Unauthenticated("key")
        now = int(self._now())
        claims = _proven(token, key, issuer, now)
        return self._entitled(_practitioner(claims, issuer, now), issuer)

    def _issuer(self, name: object) -> IssuerSettings:
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise Unauthenticated("issuer")
        return issuer

    def _entitled(self, claimed: Practitioner, issuer: IssuerSettings) -> Practitioner:
        """The practitioner with the roles that count here. A role the federation does not know is passed over, not refused."""
        known = tuple(role for role in claimed.roles if role in self._roles)
        if claimed.agency not in self._agencies:
            raise Forbidden("agency", claimed)
        if not known:
            raise Forbidden("role", claimed)
        if claimed.agency not in issuer.may_assert.agencies or not set(known) <= set(issuer.may_assert.roles):
            raise Forbidden("overreach", claimed)
        return msgspec.structs.replace(claimed, roles=known)


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("no-token")
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        raise Unauthenticated("malformed")
    return token


def _opened(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims as they stand, proven by nobody: good for choosing the issuer to ask, for nothing else."""
    try:
        opened = extract_compact(token.encode(), registry=_Registry())
        header = opened.headers()
        claims = msgspec.json.decode(opened.payload, type=dict[str, Any])
    except _BROKEN:
        raise Unauthenticated("malformed") from None
    if not isinstance(header, dict):
        raise Unauthenticated("malformed")
    return header, claims


def _check_header(header: Mapping[str, Any], issuer: IssuerSettings) -> None:
    """No algorithm but the issuer's own, no other kind of token, no extension we would have to understand (RFC 8725 §3.1, §3.11)."""
    kind = header.get("typ")
    if header.get("alg") not in issuer.algorithms:
        raise Unauthenticated("algorithm")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise Unauthenticated("type")
    if "crit" in header or "b64" in header:
        raise Unauthenticated("critical")
    if not isinstance(header.get("kid"), str | None):
        raise Unauthenticated("malformed")


def _proven(token: str, key: PublicKey, issuer: IssuerSettings, now: int) -> Mapping[str, Any]:
    """The claims, once signature, issuer, audience and times have been checked."""
    registry = _Registry(algorithms=issuer.algorithms, strict_check_header=False)
    try:
        claims = msgspec.json.decode(deserialize_compact(token, key, registry=registry).payload, type=dict[str, Any])
    except _BROKEN:
        raise Unauthenticated("signature") from None
    expected = JWTClaimsRegistry(
        now=now,
        leeway=LEEWAY,
        iss={"essential": True, "value": issuer.issuer},
        aud={"essential": True, "value": issuer.audience},
        exp={"essential": True},
    )
    try:
        expected.validate(claims)
    except ExpiredTokenError:
        raise Unauthenticated("expired") from None
    except _BROKEN:
        raise Unauthenticated("claims") from None
    return claims


def _practitioner(claims: Mapping[str, Any], issuer: IssuerSettings, now: int) -> Practitioner:
    """What the claims say, in our words. A person without a name of their own is nobody."""
    names = issuer.claims
    person = _name(_claim(claims, names.person))
    if not person:
        raise Unauthenticated("claims")
    assurance = _name(_claim(claims, names.assurance))
    signed_in = _signed_in(claims, now)
    return Practitioner(
        issuer=issuer.issuer,
        person=person,
        agency=_name(_claim(claims, names.agency)),
        roles=_names(_claim(claims, names.roles)),
        assurance=assurance if assurance in issuer.assurance else None,
        assured=issuer.up_to(assurance),
        signed_in=signed_in,
        session=_session(issuer.issuer, person, signed_in) if signed_in else None,
    )


def _signed_in(claims: Mapping[str, Any], now: int) -> datetime | None:
    """When the person proved who they are: ``auth_time`` (OpenID Connect Core 1.0 §2, RFC 9068 §2.2.1), whole seconds.

    None when the token does not say, or says what cannot be: then nothing may rest on it.
    """
    said = claims.get("auth_time")
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 < said <= now + LEEWAY:
        return None
    return datetime.fromtimestamp(int(said), UTC)


def _session(issuer: str, person: str, signed_in: datetime) -> str:
    """One sign-in of one person, the same for every token that comes of it."""
    return hashlib.sha256("\0".join((issuer, person, str(int(signed_in.timestamp())))).encode()).hexdigest()


def _claim(claims: Mapping[str, Any], path: str) -> object:
    """The claim of that name, or the one that ``a/b`` points to. Names may hold slashes themselves, so the whole is tried first."""
    if path in claims:
        return claims[path]
    found: object = claims
    for step in path.split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _name(value: object) -> str:
    """One name; a list of exactly one counts as that one. Anything else is no name: nobody acts for two agencies at once."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    fit = isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()
    return value if fit and isinstance(value, str) else ""


def _names(value: object) -> tuple[str, ...]:
    """Names from a list or from words in one text, each once, in order, at most ``_MOST_ROLES``."""
    listed = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(dict.fromkeys(filter(None, map(_name, listed))))[:_MOST_ROLES]
