"""The official GraphQL over HTTP audit (npm ``graphql-http`` 1.23.1), where ``tests/audit/run.sh`` has put it.

Without node the same points are tested one by one in ``tests/portal/test_http.py``.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from portal.api.http import GraphQLEndpoint
from tests.portal.entrance import answer, schema, serving, standing
from tests.portal.issuer import running_issuer

MODULES = os.environ.get("AUDIT_MODULES")
#: What asks for GET, which is refused here: a child's details travel in bodies only.
GET = {"5A70", "D6D5", "6A70"}


async def audit(url: str, token: str) -> list[dict[str, Any]]:
    script = str(Path(__file__).with_name("audit.mjs"))
    environment = {**os.environ, "TOKEN": token}
    process = await asyncio.create_subprocess_exec("node", script, str(MODULES), url, stdout=asyncio.subprocess.PIPE, env=environment)
    printed, _ = await process.communicate()
    assert process.returncode == 0
    findings: list[dict[str, Any]] = json.loads(printed)
    return findings


if MODULES:

    async def test_every_must_and_should_of_the_audit_passes(tmp_path: Path) -> None:
        async with (
            running_issuer() as issuer,
            standing(tmp_path, issuer) as portal,
            serving(GraphQLEndpoint(portal, schema(), answer, introspection=True)) as url,
        ):
            findings = await audit(f"{url}/graphql", issuer.token())
        assert len(findings) == 61
        assert {each["id"] for each in findings if each["status"] != "ok"} <= GET
        assert [each for each in findings if each["status"] == "error"] == []
        for each in findings:
            if each["name"].startswith(("MUST", "SHOULD")):
                assert each["status"] == "ok", each["name"]
