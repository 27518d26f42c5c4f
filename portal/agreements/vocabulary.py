"""The words an agreement may use: what the federation and the standard define today.

Every name in an agreement is looked up here. The vocabulary may change after an agreement was signed; such a change
can take something out of force at once and never bring anything in (see grants.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

import msgspec

from connectors.standard import Standard
from portal.model import Jurisdiction


class SourceFacts(msgspec.Struct, frozen=True):
    """What an agreement needs to know of a source: whose it is, and the record kinds it holds.

    ``tier`` is what the source raises its records to (T4 where it is a sensitive service itself). ``police``: its records are police
    records. ``vouches``: it can say who works with a child.
    """

    agency: str
    kinds: frozenset[str]
    tier: str | None = None
    police: bool = False
    vouches: bool = False


class IssuerFacts(msgspec.Struct, frozen=True):
    """Who may say that somebody holds a role. ``named`` is how the federation's file names the issuer; ``mapping`` see ``mapping_of``."""

    named: str
    agencies: frozenset[str]
    roles: frozenset[str]
    mapping: str


class Vocabulary(msgspec.Struct, frozen=True):
    """A federation's names. ``agencies`` maps agency to its public keys (key id -> ``ed25519:base64``), ``issuers`` their address.

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
    issuers: dict[str, IssuerFacts] = {}


def mapping_of(claims: Mapping[str, str], audience: str, levels: Iterable[str]) -> str:
    """SHA-256, in hex, of how an issuer's tokens are read, as canonical JSON: names of claims, audience, levels of assurance in order.

    An edit of any of these could make the same token say more than partners knew of, so it is part of what they sign.
    """
    said = json.dumps({**claims, "audience": audience, "levels": list(levels)}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()
