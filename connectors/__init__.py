"""What an agency needs to connect a system: the contract, its nouns, and its errors. Nothing else is public."""

from connectors.connector import (
    Address,
    Ask,
    Asker,
    Connector,
    Identifier,
    Person,
    Record,
    Subject,
    provides,
)
from connectors.errors import ConfigurationError, Misconfigured, Mistake, Refused, SourceError, Unavailable

__all__ = [
    "Address",
    "Ask",
    "Asker",
    "ConfigurationError",
    "Connector",
    "Identifier",
    "Misconfigured",
    "Mistake",
    "Person",
    "Record",
    "Refused",
    "SourceError",
    "Subject",
    "Unavailable",
    "provides",
]
