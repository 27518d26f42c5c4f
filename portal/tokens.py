"""Sealed tokens: what a view hands out to be handed back, such as whom a source offered. They name nobody, and all are of one length.

AES-256-GCM, under one key for all gateways of a portal. A token opens for the use and the holder it was sealed for, for as long as
the use says, and for nobody else; every other token reads alike: none.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

#: So many bytes may be sealed; every token is filled up to them.
MOST = 768
_MILLISECOND = timedelta(milliseconds=1)
#: So far at most another gateway's clock may be ahead.
_AHEAD = timedelta(minutes=1)
_BEGAN = datetime(1970, 1, 1, tzinfo=UTC)
#: When it was sealed, in milliseconds, and how many bytes of what follows count.
_AT, _LENGTH, _NONCE, _TAG = 8, 2, 12, 16
#: A whole number of 24-bit groups, so that no token ends in padding of its own.
_FILLED = -(_NONCE + _AT + _LENGTH + MOST + _TAG) % 3
_SEALED = _NONCE + _AT + _LENGTH + MOST + _FILLED + _TAG


class NoToken(Exception):
    """Not a token of this use and holder, or its time is over. Which of these it is nobody is told."""


class Tokens:
    """Seals and opens. ``key`` is 32 bytes, the same at every gateway."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, use: str, holder: str, content: bytes, at: datetime) -> str:
        """A token of ``content`` for one use and one holder (``issuer|person``), sealed at an aware moment; another one each time.

        Raises ValueError for more than ``MOST`` bytes.
        """
        if len(content) > MOST:
            raise ValueError(f"a token holds at most {MOST} bytes")
        milliseconds = (at - _BEGAN) // _MILLISECOND
        plain = milliseconds.to_bytes(_AT) + len(content).to_bytes(_LENGTH) + content.ljust(MOST + _FILLED, b"\0")
        nonce = secrets.token_bytes(_NONCE)
        return urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, plain, _bound(use, holder))).decode()

    def open(self, use: str, holder: str, token: str, now: datetime, lasts: timedelta) -> bytes:
        """What was sealed for this use and holder, no longer than ``lasts`` ago. Raises NoToken."""
        try:
            sealed = urlsafe_b64decode(token.encode("ascii"))
            if len(sealed) != _SEALED or urlsafe_b64encode(sealed).decode() != token:
                raise NoToken
            plain = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(use, holder))
        except (InvalidTag, NotBase64, UnicodeEncodeError):
            raise NoToken from None
        at = _BEGAN + int.from_bytes(plain[:_AT]) * _MILLISECOND
        if not -_AHEAD <= now - at <= lasts:
            raise NoToken
        return plain[_AT + _LENGTH :][: int.from_bytes(plain[_AT : _AT + _LENGTH])]


def _bound(use: str, holder: str) -> bytes:
    """What a token is bound to without holding it."""
    return b"\0".join((use.encode(), holder.encode("utf-8", "surrogatepass")))
