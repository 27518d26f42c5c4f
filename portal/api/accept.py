"""Media types: what a request may come in, and what its answer goes out in (GraphQL over HTTP, RFC 9110 §12.5.1)."""

from __future__ import annotations

import re
from email.message import Message

from portal.errors import PortalError

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
_WEIGHT = re.compile(r"[01](\.[0-9]{0,3})?")
#: How well a pattern of ``Accept`` names a media type. A bare wildcard means plain JSON, as clients of old expect.
_PATTERNS = {GRAPHQL: (GRAPHQL,), JSON: (JSON, "application/*", "*/*")}


def negotiate(accept: str | None) -> str | None:
    """The media type to answer in, or None when the client takes none of ours. Without a wish it is plain JSON."""
    if not accept or not accept.strip():
        return JSON
    wishes = [_parsed(part) for part in accept.split(",") if part.strip()]
    weights = {media: _weight(media, wishes) for media in (GRAPHQL, JSON)}
    best = max(weights, key=lambda media: weights[media])
    return best if weights[best] > 0 else None


def check_content_type(content_type: str | None, encoding: str | None) -> None:
    """Raise PortalError CV415 for anything but JSON in UTF-8 as it stands."""
    type_, parameters = _parsed(content_type or "")
    if type_ != JSON or parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise PortalError("CV415", f"Send the question as {JSON} in UTF-8.", 415)
    if encoding and encoding.strip().lower() != "identity":
        raise PortalError("CV415", "Send the question uncompressed.", 415)


def _weight(media: str, wishes: list[tuple[str, dict[str, str]]]) -> float:
    """The weight of the most exact pattern that names ``media``; 0 when none does."""
    for pattern in _PATTERNS[media]:
        named = [_quality(parameters) for type_, parameters in wishes if type_ == pattern and _readable(parameters)]
        if named:
            return max(named)
    return 0.0


def _readable(parameters: dict[str, str]) -> bool:
    return parameters.get("charset", "utf-8").lower() in ("utf-8", "utf8")


def _quality(parameters: dict[str, str]) -> float:
    weight = parameters.get("q", "1")
    return min(float(weight), 1.0) if _WEIGHT.fullmatch(weight) else 0.0


def _parsed(value: str) -> tuple[str, dict[str, str]]:
    """A media type and its parameters, names in lower case."""
    message = Message()
    message["content-type"] = "".join(sign for sign in value if sign.isprintable()).strip() or "x/x"
    found = message.get_params(failobj=[("x/x", "")])
    return found[0][0].lower(), {name.lower(): str(text).strip('"') for name, text in found[1:]}
