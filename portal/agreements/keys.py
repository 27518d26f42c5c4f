"""Partners' public keys: the first is pinned when it is first seen, every later one is signed by one before it.

An operator can write anything into federation.toml; a key that no earlier key of the same partner vouches for opens nothing.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

#: ``ed25519:`` and 32 bytes in base64.
PublicKey = Annotated[str, msgspec.Meta(pattern="^ed25519:[A-Za-z0-9+/]{43}=$")]


class SucceedingKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A partner's later key; ``value`` is the signature of the partner's key ``signed_by``, in base64, over what ``succession`` gives."""

    key: PublicKey
    signed_by: str
    value: str


def succession(federation: str, agency: str, key_id: str, key: str, signed_by: str) -> bytes:
    """The bytes by which a partner's earlier key vouches for a later one."""
    return "".join(f"{part}\n" for part in ("childview-key/1", federation, agency, key_id, key, signed_by)).encode()


def vouched(federation: str, agency: str, key_id: str, key: str, signed_by: str, earlier: Ed25519PrivateKey) -> SucceedingKey:
    """A partner's later key, vouched for with its earlier one."""
    value = earlier.sign(succession(federation, agency, key_id, key, signed_by))
    return SucceedingKey(key=key, signed_by=signed_by, value=base64.b64encode(value).decode())


def plain(key: PublicKey | SucceedingKey) -> PublicKey:
    """The key itself, however it stands in the federation's file."""
    return key if isinstance(key, str) else key.key


def public_key(text: str) -> Ed25519PublicKey | None:
    """The key written ``ed25519:base64``; None when it is not one."""
    scheme, _, encoded = text.partition(":")
    with contextlib.suppress(binascii.Error, ValueError):
        if scheme == "ed25519":
            return Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded, validate=True))
    return None


def succession_mistakes(federation: str, agency: str, keys: Mapping[str, PublicKey | SucceedingKey]) -> list[tuple[str, str, str]]:
    """(key id, what is wrong, what to do) for each key of one agency that no earlier one vouches for. The first stands by itself."""
    earlier: dict[str, str] = {}
    mistakes = []
    for id, key in keys.items():
        mistakes += [(id, message, hint) for message, hint in _unvouched(federation, agency, id, key, earlier)]
        earlier[id] = plain(key)
    return mistakes


def _unvouched(
    federation: str, agency: str, id: str, key: PublicKey | SucceedingKey, earlier: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    if isinstance(key, str):
        if earlier:
            message = f"the key {id!a} of {agency} is not its first, and no earlier key vouches for it."
            yield message, "Write it as { key, signed_by, value }, signed with an earlier key of this agency."
    elif not earlier:
        yield f"the first key {id!a} of {agency} cannot be vouched for: there is none before it.", "Put the earlier key back above it."
    elif key.signed_by not in earlier:
        message = f"the key {id!a} of {agency} names {key.signed_by!a}, which is no earlier key of it."
        yield message, f"Earlier are {', '.join(earlier)}."
    elif not _signs(earlier[key.signed_by], succession(federation, agency, id, key.key, key.signed_by), key.value):
        message = f"the signature for the key {id!a} of {agency} was not made with its key {key.signed_by!a}, or not for this one."
        yield message, "Let the agency sign its new key again with its earlier one. Until then the new key opens nothing."


def _signs(key: str, said: bytes, value: str) -> bool:
    with contextlib.suppress(InvalidSignature, binascii.Error, ValueError):
        if (public := public_key(key)) is not None:
            public.verify(base64.b64decode(value, validate=True), said)
            return True
    return False
