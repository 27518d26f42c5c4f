"""The servers and the standard, for every test of connectors."""

from tests.connectors.servers import fhir_server, postgres, source, standard

__all__ = ["fhir_server", "postgres", "source", "standard"]
