"""A partner's private key in a file of its own: PKCS 8 as PEM, with or without a passphrase, or the key's 32 bytes in base64.

Whoever holds it signs for that partner, so it is made readable for its owner alone and never written anywhere else.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from connectors.errors import ConfigurationError, Mistake


def make_key_file(path: Path, passphrase: str | None = None) -> Ed25519PrivateKey:
    """Make a new key, readable for its owner alone (0600), in a folder that is made if missing (0700).

    Raises ConfigurationError CV252 when there is a file already: what was signed with a key that is overwritten is lost.
    """
    private = Ed25519PrivateKey.generate()
    locked: KeySerializationEncryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError([_mistake("CV252", "is there already.", path, "Choose another name, or move it away.")]) from None
    with open(handle, "wb") as file:
        file.write(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        file.flush()
        os.fsync(file.fileno())
    return private


def read_key_file(path: Path, passphrase: Callable[[], str]) -> Ed25519PrivateKey:
    """The private key in a file; ``passphrase`` is asked only where the file needs one. Raises ConfigurationError CV250."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}.") from None
    if b"-----BEGIN" not in raw:
        return _bare(raw, path)
    try:
        needed = b"ENCRYPTED" in raw.partition(b"\n")[0]
        private = load_pem_private_key(raw, passphrase().encode() if needed else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unusable(path, "holds no private key, or one with another passphrase.") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise _unusable(path, "holds a key that is not Ed25519.")
    return private


def too_open(path: Path) -> Mistake | None:
    """That others on this machine can read a key's file (CV251), which is told and hinders nothing; None when they cannot."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None
    if not mode & 0o077:
        return None
    return _mistake("CV251", f"can be read by others on this machine (mode {mode:04o}).", path, "Give it mode 0600. Who else has read it?")


def written(private_key: Ed25519PrivateKey) -> str:
    """The public half as ``federation.toml`` has it: ``ed25519:base64``."""
    return f"ed25519:{base64.b64encode(private_key.public_key().public_bytes_raw()).decode()}"


def _bare(raw: bytes, path: Path) -> Ed25519PrivateKey:
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(raw.strip(), validate=True))
    except (binascii.Error, ValueError):
        raise _unusable(path, "holds neither a key as PEM nor its 32 bytes in base64.") from None


def _unusable(path: Path, message: str) -> ConfigurationError:
    return ConfigurationError([_mistake("CV250", message, path, "Name the file that `childview keys make` wrote.")])


def _mistake(id: str, message: str, path: Path, hint: str) -> Mistake:
    return Mistake(id=id, message=message, file=str(path), hint=hint)
