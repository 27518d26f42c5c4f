"""The words an agreement may use: what the federation and the standard define today.

Every name in an agreement is looked up here. The vocabulary may change after an agreement was signed; such a change
can take something out of force at once and never bring anything in (see grants.py).
"""

from __future__ import annotations

import msgspec

from connectors.standard import Standard


class SourceFacts(msgspec.Struct, frozen=True):
    """What an agreement needs to know of a source: whose it is, and the record kinds it holds."""

    agency: str
    kinds: frozenset[str]


class Vocabulary(msgspec.Struct, frozen=True):
    """A federation's names. ``agencies`` maps agency to its public keys (key id -> ``ed25519:base64``)."""

    federation: str
    standard: Standard
    agencies: dict[str, dict[str, str]]
    roles: frozenset[str]
    purposes: frozenset[str]
    sensitive_services: frozenset[str]
    sources: dict[str, SourceFacts]
