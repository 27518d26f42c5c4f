"""Publishes the composed API as ``schema/api.graphql``: ``python -m portal.api.publish``."""

from __future__ import annotations

from pathlib import Path

from connectors.standard import load_standard
from portal.api.schema import api_text, build_schema

PUBLISHED = Path(__file__).resolve().parents[2] / "schema" / "api.graphql"


def publish(path: Path = PUBLISHED) -> None:
    """Write the API of the shipped data standard to ``path``."""
    path.write_text(api_text(build_schema(load_standard())), "utf-8")


if __name__ == "__main__":
    publish()
