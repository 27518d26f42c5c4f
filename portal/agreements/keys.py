"""Partners' public keys: the first is pinned when it is first seen, every later one is signed by one before it.

An operator can write anything into federation.toml; a key that no earlier key of the same partner vouches for opens nothing.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

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
