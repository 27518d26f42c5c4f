"""Nobody finds a place by typing one after another: three within 24 hours are one too many, and their agency is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from connectors import Address, Identifier, Subject
from portal import alerts as alerting
from portal import trying
from portal.accesslog.pseudonyms import Lasting
from portal.alerts import Alerts
from portal.errors import RequestError
from portal.federation import Agency, AlertSettings
from portal.model import Practitioner
from portal.storage import Database, StorageUnavailable
from portal.trying import KEPT, Known, Tried, is_one_too_many, note, place_of
from tests.portal.storage_cases import BOTH, database, fresh, starter

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
SCHOOL = "hillview-school"
MORAG = Practitioner(issuer="https://id.example", person="morag", agency=SCHOOL, roles=("named_person",))
TOM = Practitioner(issuer="https://id.example", person="tom", agency=SCHOOL, roles=("class_teacher",))
CHI = Identifier("chi", "0302140905")


def jo(*postcodes: str, **changes: Any) -> Subject:
    """Jo Ash, who is invented, with these postcodes typed."""
    plain = {"given_name": "Jo", "family_name": "Ash", "birth_date": "2014-02-03"}
    return Subject(**(plain | {"addresses": tuple(Address(postcode=each) for each in postcodes)} | changes))


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


class Room:
    """The places tried, with their database and alerts, and a clock to turn."""

    def __init__(self, database: Database, state: Path) -> None:
        self.clock, self.database, self.state = Clock(), database, state
        self.alerts = Alerts.open(database, AlertSettings(), {SCHOOL: Agency(name="Hillview", phone="1")}, state, self.clock)
        self.tried = Tried(database, Lasting(bytes(range(32))), self.alerts, self.clock)

    async def asks(self, subject: Subject, by: Practitioner = MORAG) -> str:
        """``asked``, or the id of the refusal."""
        refused = await _refused(self.tried.check(subject, by))
        if refused is None:
            return "asked"
        assert (refused.refused, refused.status) == (True, 403)
        assert not any(word in f"{refused.message} {refused.hint}" for word in ("Ash", "NS4", "NS1"))
        return refused.id

    async def told(self) -> list[dict[str, Any]]:
        await self.alerts.deliver_due()
        return [json.loads(line) for line in (self.state / "alerts.jsonl").read_text("utf-8").splitlines()]

    async def rows(self) -> list[Any]:
        async with self.database.read() as connection:
            return [*(await connection.execute(text("select whom, place, at, stopped from places_tried order by at")))]


async def _refused(work: Awaitable[None]) -> RequestError | None:
    try:
        await work
    except RequestError as error:
        return error
    return None


@pytest.fixture(params=BOTH)
async def room(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Room]:
    async with database(await fresh(request.param, starter(request)), tmp_path, trying.TABLES, alerting.TABLES) as opened:
        yield Room(opened, tmp_path)


# What a place is


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(jo("NS4 2QX"), jo("ns42qx"), id="a-postcode-however-written"),
        pytest.param(jo(addresses=(Address(line="1 High St."),)), jo(addresses=(Address(line="1  HIGH ST"),)), id="a-line-however-written"),
        pytest.param(jo("NS4 2QX", "NS1 1AA"), jo("NS1 1AA", "NS4 2QX"), id="several-in-any-order"),
        pytest.param(jo("NS4 2QX", "NS4 2QX"), jo("NS4 2QX"), id="one-twice"),
        pytest.param(jo(phones=("+44 1632 960001",)), jo(phones=("01632-960001",)), id="a-phone-however-dialled"),
        pytest.param(jo(school="Hillview  School"), jo(school="hillview school"), id="a-school-however-written"),
        pytest.param(jo(parents=("Ann Ásh",)), jo(parents=("ann ash",)), id="a-parent-however-written"),
        pytest.param(jo(addresses=(Address(postcode="NS4 2QX", town="Dunmorrin"),)), jo("NS4 2QX"), id="a-town-adds-nothing"),
    ],
)
def test_the_same_place_is_one(one: Subject, other: Subject) -> None:
    assert place_of(one) is not None
    assert place_of(one) == place_of(other)


@pytest.mark.parametrize(
    "other",
    [
        jo("NS1 1AA"), jo(addresses=(Address(line="1 High St", postcode="NS4 2QX"),)), jo("NS4 2QX", phones=("01632 960001",)),
        jo("NS4 2QX", school="Hillview"), jo("NS4 2QX", parents=("Ann Ash",)), jo(addresses=(Address(line="NS4 2QX"),)), jo(school="NS4 2QX"),
    ],
)  # fmt: skip
def test_whatever_is_typed_of_the_home_counts(other: Subject) -> None:
    assert place_of(other) is not None
    assert place_of(other) != place_of(jo("NS4 2QX"))


@pytest.mark.parametrize("subject", [jo(), jo(addresses=(Address(town="Dunmorrin"),)), jo(phones=("--",)), jo(school=" . ")])
def test_nothing_typed_is_no_place(subject: Subject) -> None:
    assert place_of(subject) is None


@pytest.mark.parametrize(
    ("rows", "place", "stopped"),
    [
        pytest.param({}, "a", False, id="the-first"),
        pytest.param({"a": False}, "b", False, id="the-second"),
        pytest.param({"a": False, "b": False}, "c", True, id="the-third"),
        pytest.param({"a": False, "b": False}, "b", False, id="the-second-again"),
        pytest.param({"a": False, "b": False, "c": True}, "c", True, id="the-third-again"),
        pytest.param({"a": False, "b": False, "c": True}, "d", True, id="a-fourth"),
        pytest.param({"a": False, "b": False, "c": True}, "a", False, id="the-first-after-the-third"),
        pytest.param({"a": False, "c": True}, "c", False, id="the-third-when-another-counts-no-longer"),
        pytest.param({"a": False, "c": True}, "d", True, id="a-third-beside-one-that-was-stopped"),
    ],
)
def test_three_are_one_too_many(rows: dict[str, bool], place: str, stopped: bool) -> None:
    assert is_one_too_many(rows, place) is stopped


# Whom it stops


async def test_a_postcode_mistyped_once_can_be_put_right_and_a_third_place_is_stopped_and_told_once(room: Room) -> None:
    assert [await room.asks(jo(each)) for each in ("NS4 2QY", "NS4 2QX", "NS4 2QX", "NS4 2QY")] == ["asked"] * 4
    assert [await room.asks(jo(each)) for each in ("NS1 1AA", "NS1 1AB", "NS1 1AA")] == ["CV607"] * 3
    assert await room.asks(jo("NS4 2QX")) == "asked", "what was asked before can be asked again"
    assert await room.asks(jo()) == "asked", "and without a place at any time"
    (alert,) = await room.told()
    assert {name: alert[name] for name in ("kind", "to", "by_agency")} == {"kind": "places", "to": SCHOOL, "by_agency": SCHOOL}
    assert not any(word in json.dumps(alert) for word in ("Jo", "Ash", "morag", "NS4", "NS1"))


async def test_each_asker_and_each_child_is_counted_alone(room: Room) -> None:
    for subject, by in ((jo("NS4 2QX"), MORAG), (jo("NS4 2QX"), TOM), (jo("NS4 2QX", given_name="Sam"), MORAG)):
        assert await room.asks(subject, by) == "asked"
        assert await room.asks(there(subject, "NS1 1AA"), by) == "asked"
    assert await room.asks(jo("NS2 2BB"), TOM) == "CV607"
    assert await room.asks(jo("NS2 2BB", given_name="Kim"), TOM) == "asked"


def there(subject: Subject, postcode: str) -> Subject:
    return jo(postcode, given_name=subject.given_name)


async def test_a_child_is_known_again_by_its_number_and_by_its_name(room: Room) -> None:
    by_number = {"given_name": None, "family_name": None, "identifiers": (CHI,)}
    assert await room.asks(jo("NS4 2QX", identifiers=(CHI,))) == "asked"
    assert await room.asks(jo("NS1 1AA", **by_number)) == "asked"
    assert await room.asks(jo("NS2 2BB", **by_number)) == "CV607"
    assert await room.asks(jo("NS2 2BB", family_name="ÁSH")) == "asked", "the second by name"
    assert await room.asks(jo("NS3 3CC")) == "CV607"


async def test_a_place_counts_for_24_hours_after_it_was_last_typed(room: Room) -> None:
    await room.asks(jo("NS4 2QX"))
    await room.asks(jo("NS1 1AA"))
    room.clock.at += KEPT - timedelta(minutes=1)
    assert await room.asks(jo("NS4 2QX")) == "asked"
    room.clock.at += timedelta(minutes=1)
    assert await room.asks(jo("NS2 2BB")) == "asked", "the second counts no longer"
    assert await room.asks(jo("NS3 3CC")) == "CV607", "the first still does"


async def test_a_place_typed_again_within_minutes_is_only_read(room: Room) -> None:
    await room.asks(jo("NS4 2QX"))
    for minutes, noted in ((4, 0), (5, 9)):
        room.clock.at = NOON + timedelta(minutes=minutes)
        assert await room.asks(jo("NS4 2QX")) == "asked"
        (row,) = await room.rows()
        assert (row.at > "2026-11-25T12:00:00.000Z") is bool(noted)


async def test_of_questions_at_one_moment_each_is_counted(room: Room) -> None:
    answers = await asyncio.gather(*(room.asks(jo(f"NS{number} 1AA")) for number in range(1, 7)))
    assert sorted(answers) == ["CV607"] * 4 + ["asked"] * 2
    assert len(await room.told()) == 1


async def test_who_leaves_while_all_are_counted_takes_nobody_along(room: Room) -> None:
    """Those who wait are counted together by the first of them, who may be gone in the middle of it."""
    asking = [asyncio.create_task(room.asks(jo(f"NS{number} 1AA"))) for number in range(1, 9)]
    await asyncio.sleep(0)
    while not room.tried._waiting:
        await asyncio.sleep(0)
    for task in asking[:3]:
        task.cancel()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    left = [answer for answer in answers if isinstance(answer, str)]
    assert len(left) >= 5
    assert left.count("asked") <= 2
    assert room.tried._waiting == []


def test_no_more_is_noted_than_it_takes_to_stop_somebody() -> None:
    known: Known = {}
    noted = [note(known, {"whom": place}) for place in "abcdeabc"]
    assert [stopped for stopped, _ in noted] == [False, False, True, True, True, False, False, True]
    assert [first for _, first in noted] == [False, False, True, False, False, False, False, False]
    assert known == {"whom": {"a": False, "b": False, "c": True}}


# What is kept


async def test_nothing_that_was_typed_is_kept_and_nothing_longer_than_it_counts(room: Room) -> None:
    await room.asks(jo("NS4 2QX", identifiers=(CHI,)))
    rows = await room.rows()
    assert len(rows) == 2
    assert all(len(row.whom) == len(row.place) == 64 for row in rows)
    assert len({row.place for row in rows}) == 2, "one place of two children cannot be joined"
    await room.asks(jo("NS1 1AA", given_name="Sam"))
    room.clock.at += KEPT
    await room.tried.sweep()
    assert await room.rows() == []


async def test_when_it_cannot_be_counted_only_questions_with_a_place_wait(tmp_path: Path) -> None:
    async with database("sqlite:registry.db", tmp_path, alerting.TABLES) as without:
        room = Room(without, tmp_path)
        assert await room.asks(jo()) == "asked"
        with pytest.raises(StorageUnavailable) as caught:
            await room.tried.check(jo("NS4 2QX"), MORAG)
    assert caught.value.hint
    assert "without address" in caught.value.hint
