"""Keys, sentences and signatures for agreements, until ``childview agreement`` has commands of its own for them.

    python agree.py key AGENCY                        a private key in keys/AGENCY.pem; prints the public half for federation.toml
    python agree.py words AGREEMENT.md                writes the paragraph "In short:" below every block
    python agree.py sign FOLDER ID AGENCY "ROLE"      signs agreement ID of the federation in FOLDER with keys/AGENCY.pem

Whoever holds a private key signs for that agency: each partner runs this on a machine of its own.
"""

from __future__ import annotations

import base64
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from connectors import ConfigurationError
from connectors.standard import load_standard
from portal.agreements import fair_copy, sign_off
from portal.federation import load_federation

KEY_ID = "2026"


def key(agency: str) -> None:
    """Make a private key, readable for its owner alone, and print what federation.toml needs of it. Never overwrites one."""
    private = Ed25519PrivateKey.generate()
    Path("keys").mkdir(mode=0o700, exist_ok=True)
    with open(os.open(f"keys/{agency}.pem", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    print(f'\n[agencies.{agency}.keys]\n{KEY_ID} = "ed25519:{public}"')


def words(file: str) -> None:
    """Write every ``In short:`` paragraph anew; all else stays as it is."""
    path = Path(file)
    path.write_bytes(fair_copy(path.read_bytes(), file))


def sign(folder: str, agreement: str, agency: str, role: str) -> None:
    """Sign for one partner what the agreement says and gives today."""
    private = load_pem_private_key(Path(f"keys/{agency}.pem").read_bytes(), None)
    assert isinstance(private, Ed25519PrivateKey)
    vocabulary = load_federation(Path(folder), load_standard(), environment=False).vocabulary
    text = Path(folder) / "agreements" / f"{agreement.lower()}.md"
    done = sign_off(text, vocabulary, agency, KEY_ID, private, role, datetime.now(UTC))
    print(f"{agreement}: signed by {', '.join(done.signed)}." + (f" Fallen away: {', '.join(done.fallen)}." if done.fallen else ""))


if __name__ == "__main__":
    try:
        {"key": key, "words": words, "sign": sign}[sys.argv[1]](*sys.argv[2:])
    except (IndexError, KeyError, TypeError):
        sys.exit(__doc__)
    except ConfigurationError as error:
        sys.exit(str(error))
