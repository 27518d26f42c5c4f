"""Where the access log and its keys lie: the ``log`` table of federation.toml, read once when the portal starts."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Literal

import msgspec

from connectors.errors import ConfigurationError, Mistake
from connectors.settings import secret

Epoch = Literal["month", "quarter", "year"]
KEY_BYTES = 32

_SQLITE = re.compile(r"sqlite:(?!//)([^?#:\x00]+)")
_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}")


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ``log`` table. ``url`` is ``sqlite:PATH``, keys are ``file:PATH`` or ``env:NAME``; relative paths lie under the state folder.

    ``epoch`` is how long a child keeps one pseudonym. ``signing_key`` and ``auditors_key`` are accepted for checkpoints and sealed text.
    """

    url: str
    pseudonym_key: str
    digest_key: str
    signing_key: str | None = None
    auditors_key: str | None = None
    epoch: Epoch = "quarter"


class Keys(msgspec.Struct, frozen=True):
    """The two secrets of a log, 32 bytes each."""

    pseudonym: bytes
    digest: bytes

    def __repr__(self) -> str:
        return "Keys(...)"


def database(settings: LogSettings, state: Path) -> Path:
    """The file the log stands in. Raises ConfigurationError (CV702) for any url but ``sqlite:PATH``."""
    found = _SQLITE.fullmatch(settings.url)
    if found is None:
        raise ConfigurationError(
            [Mistake(id="CV702", message="log.url is not one this portal can write.", hint='Write url = "sqlite:access.db".')]
        )
    return state / found.group(1)


def open_keys(settings: LogSettings, state: Path, *, first_use: bool) -> Keys:
    """The keys named by the settings; on first use, a key file that is missing is made (32 random bytes in hex, mode 0600).

    Raises ConfigurationError with every mistake: CV703 a key that cannot be used, CV705 a key that is gone though the log has events.
    A new key in place of a lost one would make every pseudonym written before it unfindable, so none is made then.
    """
    found = [
        _key(name, reference, state, first_use=first_use)
        for name, reference in (("pseudonym_key", settings.pseudonym_key), ("digest_key", settings.digest_key))
    ]
    mistakes = [each for each in found if isinstance(each, Mistake)]
    if mistakes:
        raise ConfigurationError(mistakes)
    pseudonym, digest = (each for each in found if isinstance(each, bytes))
    return Keys(pseudonym, digest)


def _key(name: str, reference: str, state: Path, *, first_use: bool) -> bytes | Mistake:
    if not reference.startswith(("file:", "env:")):
        hint = "Write file:PATH or env:NAME; a key never stands here itself."
        return Mistake(id="CV703", message=f"log.{name} is not a reference.", hint=hint)
    path = state / reference[5:] if reference.startswith("file:") else None
    if path is not None and not path.exists():
        if not first_use:
            return _gone(name, f"its file {path} is not there")
        try:
            _make(path)
        except OSError as error:
            return Mistake(id="CV703", message=f"log.{name} cannot be made at {path}: {error.strerror}.")
    try:
        text = secret(reference, state)
    except KeyError:
        unset = f"the variable {reference[4:]} is not set"
        if not first_use:
            return _gone(name, unset)
        return Mistake(id="CV703", message=f"log.{name} cannot be read: {unset}.", hint="Make a key with: openssl rand -hex 32")
    except (OSError, UnicodeDecodeError):
        return Mistake(id="CV703", message=f"log.{name} cannot be read.", hint=f"See {reference}: its owner, mode and content.")
    if not _HEX_KEY.fullmatch(text.strip()):
        return Mistake(id="CV703", message=f"log.{name} is not 64 hexadecimal digits.", hint="Make one with: openssl rand -hex 32")
    return bytes.fromhex(text.strip())


def _gone(name: str, why: str) -> Mistake:
    hint = "Put back the key this log was written with. Only an empty log gets new keys."
    return Mistake(id="CV705", message=f"log.{name} is gone: {why}.", hint=hint)


def _make(path: Path) -> None:
    """Write a new key whole or not at all: under another name first, so that a crash leaves no half key behind."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    new.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
