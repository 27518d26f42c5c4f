"""The demonstration: the six agencies of Northshire, an identity provider of its own, and personas who may ask.

It runs the production path; only addresses, the identity provider and the agencies' systems differ. Its issuer signs for
anybody who can read the key in the demo's folder, so production refuses it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal.demo.issuer import mint
    from portal.demo.personas import PERSONAS, SUBJECT, Persona, persona
    from portal.demo.run import FEDERATION, RunningDemo, demo_federation

__all__ = ["FEDERATION", "PERSONAS", "SUBJECT", "Persona", "RunningDemo", "demo_federation", "mint", "persona"]

_HOMES = {"FEDERATION": "run", "RunningDemo": "run", "demo_federation": "run", "mint": "issuer"}


def __getattr__(name: str) -> object:
    """What this package offers, loaded when it is first used: the issuer's own process needs none of the agencies."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'personas')}"), name)
