"""Northshire, started once for all journeys; a portal of its own for whoever needs an untouched one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from portal.demo import RunningDemo, demo_federation
from tests.journeys.northshire import Northshire, serving


@pytest_asyncio.fixture(scope="session")
async def demo(tmp_path_factory: object) -> AsyncIterator[RunningDemo]:
    folder: Path = tmp_path_factory.mktemp("agencies")  # type: ignore[attr-defined]
    async with demo_federation(folder) as running:
        yield running


@pytest_asyncio.fixture(scope="session")
async def northshire(demo: RunningDemo, tmp_path_factory: object) -> AsyncIterator[Northshire]:
    async with serving(demo, tmp_path_factory.mktemp("portal")) as portal:  # type: ignore[attr-defined]
        yield portal
