"""Free text about a child is kept sealed: to the auditors' public key, so that nobody who runs the portal can read it back.

The portal holds the public half alone (``log.auditors_key``). The form is a compact JWE (RFC 7516), which any JOSE library opens.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from connectors.errors import ConfigurationError, Mistake
from connectors.settings import secret

_Key = ECKey | OKPKey
_ALGORITHM, _ENCRYPTION = "ECDH-ES+A256KW", "A256GCM"
_TAKEN: dict[tuple[object, object], type[ECKey] | type[OKPKey]] = {("EC", "P-256"): ECKey, ("OKP", "X25519"): OKPKey}
#: What only the private half of a key has, of any kind of key (RFC 7518 §6).
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


class Sealer:
    """Seals text to one public key. ``kid`` is the key's thumbprint (RFC 7638); each sealed text names it in its header."""

    def __init__(self, key: _Key) -> None:
        self.kid = key.thumbprint()
        self._key = key

    def seal(self, text: str) -> str:
        """A compact JWE of the text, another one each time: equal texts cannot be told by their seals."""
        header = {"alg": _ALGORITHM, "enc": _ENCRYPTION, "kid": self.kid}
        # A lone surrogate can be typed; an error here would carry the text with it.
        return jwe.encrypt_compact(header, text.encode("utf-8", "surrogatepass"), self._key, algorithms=[_ALGORITHM, _ENCRYPTION])


def open_sealer(reference: str | None, state: Path) -> Sealer | None:
    """The sealer of ``log.auditors_key``: ``file:PATH`` (under ``state``) or ``env:NAME`` holding a public JWK. None without a setting.

    Raises ConfigurationError: CV737 the key cannot be used, CV738 it is a private one.
    """
    if reference is None:
        return None
    members = _members(reference, state)
    if _PRIVATE & members.keys():
        why = "log.auditors_key holds a private key, with which whoever runs this portal could read every sealed text."
        hint = "Take it away from this machine, let the auditors make a new pair, and put its public half here."
        raise ConfigurationError([Mistake(id="CV738", message=why, hint=hint)])
    sealer = _sealer(members)
    if sealer is None:
        raise _unusable("is no public key this portal can seal to")
    return sealer


def unseal(private_jwk: dict[str, Any], sealed: str) -> str:
    """The text of a seal, for whoever holds the private half. Raises ValueError when this key does not open it."""
    try:
        key = _TAKEN[private_jwk["kty"], private_jwk["crv"]].import_key(private_jwk)
        opened = jwe.decrypt_compact(sealed, key, algorithms=[_ALGORITHM, _ENCRYPTION]).plaintext
    except (JoseError, ValueError, KeyError, TypeError):
        raise ValueError("this key does not open this seal") from None
    return (opened or b"").decode("utf-8", "surrogatepass")


def _members(reference: str, state: Path) -> dict[str, Any]:
    if not reference.startswith(("file:", "env:")):
        raise _unusable("is not a reference")
    try:
        members = json.loads(secret(reference, state))
    except KeyError:
        raise _unusable(f"cannot be read: the variable {reference[4:]} is not set") from None
    except OSError as error:
        raise _unusable(f"cannot be read at {reference}: {error.strerror}") from None
    except ValueError:
        raise _unusable("is not JSON") from None
    if not isinstance(members, dict):
        raise _unusable("is not a JWK")
    return members


def _sealer(members: dict[str, Any]) -> Sealer | None:
    """A sealer that has sealed something, or None: a key may look well and be none."""
    try:
        sealer = Sealer(_TAKEN[members["kty"], members["crv"]].import_key(members))
        sealer.seal("")
    except (JoseError, ValueError, KeyError, TypeError):
        return None
    return sealer


def _unusable(what: str) -> ConfigurationError:
    hint = "Write file:PATH or env:NAME of the auditors' public key as a JWK: EC P-256 or OKP X25519, for encryption."
    return ConfigurationError([Mistake(id="CV737", message=f"log.auditors_key {what}.", hint=hint)])
