"""An agency that vouches for everybody vouches for nothing: figures, and what they say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from portal.accesslog.pseudonyms import Lasting
from portal.storage import Database
from portal.vouching import TABLES, Tally, Vouchings, is_unusual
from tests.portal.storage_cases import BOTH, database, fresh, starter

SCHOOL, POLICE, NHS = "hillview-school", "northshire-police", "northshire-nhs"
TODAY = date(2026, 11, 25)


@pytest.fixture(params=BOTH)
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async with database(await fresh(request.param, starter(request)), tmp_path, TABLES) as opened:
        yield opened


@pytest.fixture
def vouchings(opened: Database) -> Vouchings:
    return Vouchings(opened, Lasting(bytes(range(32))))


async def figures(vouchings: Vouchings, agency: str, people: int, vouched: int, day: date = TODAY) -> None:
    """So many people of an agency asked, each as often as the next; for so many questions the agency vouched itself."""
    for number in range(max(people, vouched)):
        await vouchings.note(agency, f"https://id.example|{agency}-{number % people}", number < vouched, day)


@pytest.mark.parametrize(
    ("own", "peers", "unusual"),
    [
        pytest.param((2, 40), [(10, 10), (10, 10)], True, id="twenty-times-its-peers"),
        pytest.param((10, 31), [(10, 10)], True, id="just-more-than-three-times"),
        pytest.param((10, 30), [(10, 10)], False, id="three-times-exactly"),
        pytest.param((40, 40), [(10, 10)], False, id="many-because-many-ask"),
        pytest.param((1, 19), [(10, 1)], False, id="too-few-to-say-anything"),
        pytest.param((1, 20), [(10, 1)], True, id="just-enough-to-say-something"),
        pytest.param((5, 100), [], False, id="nobody-to-compare-with"),
        pytest.param((5, 100), [(0, 0)], False, id="a-peer-of-whom-nobody-asked"),
        pytest.param((5, 100), [(10, 0)], True, id="peers-that-never-vouch-for-themselves"),
        pytest.param((10, 40), [(1, 4), (10, 0)], False, id="the-mean-of-agencies-and-not-of-people"),
        pytest.param((0, 0), [(10, 10)], False, id="nobody-of-its-own-asked"),
    ],
)
def test_more_than_three_times_the_others_rate_is_unusual(own: tuple[int, int], peers: list[tuple[int, int]], unusual: bool) -> None:
    tallies = {f"peer-{number}": Tally(*peer) for number, peer in enumerate(peers)} | {SCHOOL: Tally(*own)}
    assert is_unusual(SCHOOL, tallies) is unusual
    assert not is_unusual("unheard-of", tallies)


async def test_an_agency_that_vouches_too_often_is_told_of_once_a_day(vouchings: Vouchings) -> None:
    await figures(vouchings, POLICE, people=5, vouched=5)
    await figures(vouchings, NHS, people=4, vouched=4)
    await figures(vouchings, SCHOOL, people=2, vouched=19)
    assert not await vouchings.unusual(SCHOOL, TODAY)
    await figures(vouchings, SCHOOL, people=1, vouched=1)
    assert await vouchings.unusual(SCHOOL, TODAY)
    assert not await vouchings.unusual(SCHOOL, TODAY), "it was told today"
    assert not await vouchings.unusual(POLICE, TODAY)
    tomorrow = TODAY + timedelta(days=1)
    assert await vouchings.unusual(SCHOOL, tomorrow), "and again the next day, while it lasts"


async def test_questions_nobody_vouched_for_count_the_person_and_no_vouching(vouchings: Vouchings) -> None:
    await figures(vouchings, POLICE, people=5, vouched=5)
    await figures(vouchings, SCHOOL, people=1, vouched=25)
    for number in range(8):
        await vouchings.note(SCHOOL, f"https://id.example|other-{number}", False, TODAY)
    assert not await vouchings.unusual(SCHOOL, TODAY), "25 vouchings for 9 people"


@pytest.mark.parametrize(("days_ago", "counts"), [(0, True), (29, True), (30, False), (-1, False)])
async def test_thirty_days_are_compared(vouchings: Vouchings, days_ago: int, counts: bool) -> None:
    await figures(vouchings, POLICE, people=5, vouched=5)
    await figures(vouchings, SCHOOL, people=1, vouched=25, day=TODAY - timedelta(days=days_ago))
    assert await vouchings.unusual(SCHOOL, TODAY) is counts


async def test_one_person_on_many_days_is_one_person(vouchings: Vouchings) -> None:
    await figures(vouchings, POLICE, people=5, vouched=10)
    for day in range(25):
        await vouchings.note(SCHOOL, "https://id.example|morag", True, TODAY - timedelta(days=day))
    assert await vouchings.unusual(SCHOOL, TODAY), "25 vouchings for one person, not one for each of 25"


async def test_nothing_is_lost_or_told_twice_when_many_ask_at_once(vouchings: Vouchings, opened: Database) -> None:
    await figures(vouchings, POLICE, people=5, vouched=5)
    await asyncio.gather(*(vouchings.note(SCHOOL, "https://id.example|morag", True, TODAY) for _ in range(30)))
    async with opened.read() as connection:
        counted = (await connection.execute(text("select asked, vouched from vouchings where agency = 'hillview-school'"))).all()
    assert [tuple(row) for row in counted] == [(30, 30)]
    told = await asyncio.gather(*(vouchings.unusual(SCHOOL, TODAY) for _ in range(5)))
    assert sorted(told) == [False] * 4 + [True]


async def test_people_stand_under_pseudonyms_and_no_longer_than_they_are_compared(vouchings: Vouchings, opened: Database) -> None:
    await vouchings.note(SCHOOL, "https://id.example|morag", True, TODAY)
    async with opened.read() as connection:
        (row,) = (await connection.execute(text("select * from vouchings"))).all()
    assert "morag" not in repr(row).lower()
    await vouchings.note(POLICE, "https://id.example|isobel", True, TODAY + timedelta(days=30))
    async with opened.read() as connection:
        kept = (await connection.execute(text("select agency from vouchings"))).scalars().all()
    assert kept == [POLICE]
