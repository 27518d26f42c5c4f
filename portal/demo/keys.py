"""The demonstration's own keys, made at first use and kept in its folder for their owner alone.

The identity provider's signs tokens. The auditors' would elsewhere be on another machine: here both halves lie side by side, so that
anybody can try what an auditor can read.
"""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey


def kept_key(file: Path, **about: str) -> ECKey:
    """The P-256 key in ``file`` (mode 0600), made if it is missing; ``about`` are further members, such as ``use`` and ``alg``."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        parameters: Any = {**about, "kid": uuid.uuid4().hex[:12]}
        fresh = ECKey.generate_key("P-256", parameters)
        draft = file.with_suffix(".draft")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as written:
            written.write(json.dumps(fresh.as_dict(private=True)))
        draft.replace(file)
    return ECKey.import_key(json.loads(file.read_text("utf-8")))


def auditors_key(folder: Path) -> str:
    """The public half of the auditors' key, as a JWK. The private half lies in ``auditors/private.jwk`` below the demo's folder."""
    key = kept_key(auditors_private_key(folder), use="enc", alg="ECDH-ES+A256KW")
    return json.dumps(key.as_dict(private=False), sort_keys=True)


def auditors_private_key(folder: Path) -> Path:
    """Where the private half of the auditors' key lies."""
    return folder / "auditors" / "private.jwk"
