"""The servers, for every test of the portal that needs one."""

from tests.connectors.servers import postgres

__all__ = ["postgres"]
