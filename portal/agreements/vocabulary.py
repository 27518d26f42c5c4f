"""The words an agreement may use: what the federation and the standard define today.

Every name in an agreement is looked up here. The vocabulary may change after an agreement was signed; such a change
can take something out of force at once and never bring anything in (see grants.py).
"""

from __future__ import annotations

import msgspec

from connectors.standard import Standard
from portal.model import Jurisdiction


class SourceFacts(msgspec.Struct, frozen=True):
    """What an agreement needs to know of a source: whose it is, the record kinds it holds, the tier it raises its records to."""

    agency: str
    kinds: frozenset[str]
    tier: str | None = None


class Vocabulary(msgspec.Struct, frozen=True):
    """A federation's names. ``agencies`` maps agency to its public keys (key id -> ``ed25519:base64``).

    ``assurance`` are the levels that any issuer names, ``glass_reasons`` the reasons for which the glass may be broken.
    """

    federation: str
    standard: Standard
    agencies: dict[str, dict[str, str]]
    roles: frozenset[str]
    purposes: frozenset[str]
    sensitive_services: frozenset[str]
    sources: dict[str, SourceFacts]
    jurisdiction: Jurisdiction = "scotland"
    assurance: frozenset[str] = frozenset()
    glass_reasons: frozenset[str] = frozenset()
