"""Over HTTP: nobody finds out where a child lives by typing one place after another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from portal.demo import RunningDemo
from tests.journeys.northshire import Answered, Northshire, serving, typed
from tests.journeys.test_breaking_the_glass import code

FLAGS = """query Ask($subject: SubjectInput!, $purpose: ID!) { child(subject: $subject, purpose: $purpose) {
  sources { source state } flags { records { id } } receipt { access }
} }"""
#: Those that count how often they are asked.
SOURCES = ("hillview-mis", "northshire-nhs", "northshire-police")


@pytest_asyncio.fixture
async def own(demo: RunningDemo, tmp_path: Path) -> AsyncIterator[Northshire]:
    async with serving(demo, tmp_path) as portal:
        yield portal


async def ask(northshire: Northshire, who: str, subject: Any) -> Answered:
    return await northshire.ask(who, subject, query=FLAGS)


def at(child: dict[str, Any], postcode: str) -> dict[str, Any]:
    return child | {"addresses": [{"postcode": postcode}]}


async def requests(northshire: Northshire) -> list[int]:
    return [await northshire.demo.source(each).requests() for each in SOURCES]


async def told(northshire: Northshire) -> list[dict[str, Any]]:
    """The alerts about places, once there is one."""
    file = northshire.state / "alerts.jsonl"
    async with asyncio.timeout(5):
        while True:
            alerts = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
            if found := [alert for alert in alerts if alert["kind"] == "places"]:
                return found
            await asyncio.sleep(0.02)


async def test_the_third_place_is_stopped_told_logged_and_nobody_is_asked(own: Northshire) -> None:
    jo = typed(own.child("jo"))
    for postcode in ("NS4 2QX", "NS4 2QY", "ns42qx"):
        assert (await ask(own, "morag", at(jo, postcode))).status == 200, "a postcode mistyped once is put right"
    before, asked = len(own.events()), await requests(own)
    stopped = await ask(own, "morag", at(jo, "NS1 1AA"))
    assert (code(stopped), stopped.status) == ("CV607", 403)
    error = stopped.body["errors"][0]
    assert error["path"] == ["subject"]
    assert "phone" in error["extensions"]["hint"]
    assert not any(text in stopped.raw.decode() for text in ("NS1", "NS4", "Ash"))
    (event,) = own.events()[before:]
    assert (event["type"], event["why"], event["actor"]["person"]) == ("refusal", "CV607", "morag")
    assert await requests(own) == asked, "no agency was asked"
    (alert,) = await told(own)
    assert (alert["to"], alert["by_agency"]) == ("hillview-school", "hillview-school")
    assert not any(text in json.dumps(alert) for text in ("Jo", "Ash", "NS1", "NS4", "morag", "Morag"))

    # Other ways stay open: without a place, with one of the first two, to a colleague, about another child.
    for who, subject in (
        ("morag", {**jo, "addresses": []}), ("morag", at(jo, "NS4 2QX")), ("ewan", at(jo, "NS1 1AA")),
        ("morag", at(typed(own.child("robin")), "NS1 1AA")),
    ):  # fmt: skip
        assert (await ask(own, who, subject)).status == 200
    assert code(await ask(own, "morag", at({**jo, "identifiers": []}, "NS1 1AB"))) == "CV607", "by name alone it is the same child"
    assert len(await told(own)) == 1


async def test_what_was_tried_is_kept_as_digests(own: Northshire) -> None:
    jo = typed(own.child("jo"))
    await ask(own, "morag", at(jo, "NS4 2QX") | {"parents": ["Ann Ash"], "phones": ["01632 960001"], "school": "Hillview"})
    kept = b"".join(file.read_bytes() for file in own.state.iterdir() if file.name.startswith("registry.db"))
    assert b"places_tried" in kept
    assert not any(text in kept for text in (b"NS4", b"ns42qx", b"Ann", b"ann", b"960001", b"Hillview", b"hillview "))


async def test_of_questions_at_one_moment_no_more_than_two_places_are_asked_with(own: Northshire) -> None:
    sam = typed(own.child("sam"))
    answers = await asyncio.gather(*(ask(own, "morag", at(sam, f"NS{number} 1AA")) for number in range(1, 6)))
    assert sorted(each.status for each in answers) == [200, 200, 403, 403, 403]
