"""Signs the demonstration's agreements for every partner: ``python -m portal.demo.sign`` after a change of text, source or standard.

The partners' keys are made from their names, so that anybody can sign for them: good for a demonstration, and for nothing else.
What is written is the same every time, so that a test can tell whether the committed signatures are up to date.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.standard import load_standard
from portal.agreements import fair_copy, sign_off
from portal.demo.run import federation_folder
from portal.federation import load_federation

KEY_ID = "2026"
ROLES = {
    "hillview-school": "Head teacher",
    "northshire-nhs": "Caldicott Guardian",
    "northshire-social-work": "Chief social work officer",
    "northshire-police": "Divisional commander",
    "northshire-fire": "Area commander",
    "bairns-first": "Chief executive",
}
_AT = datetime(2026, 8, 14, 9, 30, tzinfo=UTC)


def partner_key(agency: str) -> Ed25519PrivateKey:
    """The demonstration's private key of one agency."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"childview demo key {agency}".encode()).digest())


def sign_all(folder: Path) -> list[Path]:
    """Write every ``In short:`` paragraph of ``folder`` anew and sign every agreement for every partner. Raises ConfigurationError."""
    texts = sorted((folder / "agreements").glob("*.md"))
    for text in texts:
        text.write_bytes(fair_copy(text.read_bytes(), str(text)))
        text.with_name(f"{text.stem}.signed.toml").unlink(missing_ok=True)
    federation = load_federation(folder, load_standard(), environment=False)
    for agreement in federation.agreements.all:
        for partner in agreement.header.partners:
            sign_off(Path(agreement.file), federation.vocabulary, partner, KEY_ID, partner_key(partner), ROLES[partner], _AT)
    return texts


if __name__ == "__main__":
    for signed in sign_all(federation_folder()):
        print(signed.name)
