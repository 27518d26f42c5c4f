"""The public register: everything that anybody may know of an agreement, at this moment, without signing in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import aiohttp
import msgspec
import pytest

from portal.agreements import Agreements, load_agreements
from portal.agreements import publication as publication_module
from portal.agreements.publication import published
from portal.agreements.suspending import lift, suspend
from portal.app import create_app
from portal.federation import Agency
from portal.gateway import Portal
from tests.portal.agreement_cases import KEYS, NOON, STANDARD, clause, noon, page, sign, signed, vocabulary, write
from tests.portal.entrance import serving

PURPOSES = {"child-protection": "Protect a child from harm", "early-help": "Offer help early"}
NAMES = {"northshire-police": "Northshire Police"}
PARTIES = (
    '{ northshire-police = { controller = "controller", contact = "Concern hub, 01632 960400", dpo = "privacy@police.example" },'
    ' hillview-school = { controller = "processor", contact = "School office" } }'
)


def register(agreements: Agreements, now: datetime = NOON) -> Any:
    """The register as a client reads it."""
    return json.loads(msgspec.json.encode(published(agreements, now, PURPOSES, NAMES)))


def only(agreements: Agreements, now: datetime = NOON) -> Any:
    (entry,) = register(agreements, now)["agreements"]
    return entry


def test_everything_that_was_agreed_is_published_in_words(tmp_path: Path) -> None:
    text = page(clause(purposes='["child-protection"]'), parties=PARTIES, complaints='"Write to the council."')
    entry = only(signed(tmp_path, text))

    assert (entry["id"], entry["version"], entry["title"]) == ("ISA-07", "3", "Wellbeing in Northshire")
    assert (entry["state"], entry["stateInWords"], entry["inForce"]) == ("in-force", "in force", True)
    assert entry["parties"] == [
        {
            "agency": "northshire-police", "name": "Northshire Police", "controller": "controller", "contact": "Concern hub, 01632 960400",
            "dpo": "privacy@police.example", "signedAs": "Chief executive", "signedAt": "2026-08-20T09:30:00Z",
        },
        {
            "agency": "hillview-school", "name": "hillview-school", "controller": "processor", "contact": "School office",
            "dpo": None, "signedAs": "Chief executive", "signedAt": "2026-08-20T09:30:00Z",
        },
    ]  # fmt: skip
    assert entry["purposes"] == {"child-protection": "Protect a child from harm"}
    assert entry["clauses"][0]["inShort"].startswith("In short: northshire-police shows hillview-school (named_person)")
    assert entry["clauses"][0]["words"].startswith("Northshire Police may show concerns")
    assert (entry["starts"], entry["reviewBy"], entry["lastDay"], entry["ends"]) == ("2026-09-01", "2027-08-31", "2027-09-28", None)
    assert entry["benefit"].startswith("The named person hears")
    assert entry["measure"].startswith("Concerns known at school")
    assert entry["hash"].startswith("sha256:")
    assert 5 <= entry["readingAge"] <= 25
    assert entry["complaints"] == "Write to the council."


def test_the_agreements_own_words_for_a_purpose_come_before_the_federations(tmp_path: Path) -> None:
    entry = only(signed(tmp_path, page(purposes='{ child-protection = "To hear early of harm." }')))

    assert entry["purposes"] == {"child-protection": "To hear early of harm."}


@pytest.mark.parametrize(
    ("on", "state", "words"),
    [
        (date(2026, 8, 31), "not-started", "not in force: it has not begun"),
        (date(2026, 9, 1), "in-force", "in force"),
        (date(2027, 9, 1), "review-due", "in force, review overdue"),
        (date(2027, 9, 29), "review-lapsed", "not in force: its review is overdue and the days of grace are past"),
    ],
)
def test_the_state_is_that_of_the_day_in_words(tmp_path: Path, on: date, state: str, words: str) -> None:
    agreements = signed(tmp_path, page())
    entry = only(agreements, noon(on))

    assert (entry["state"], entry["stateInWords"], entry["inForce"]) == (state, words, state in ("in-force", "review-due"))
    assert register(agreements, noon(on))["on"] == on.isoformat()


def test_an_agreement_that_one_partner_has_not_signed_says_which(tmp_path: Path) -> None:
    sign(write(tmp_path, page()), partners=["northshire-police"])
    entry = only(load_agreements(tmp_path, vocabulary()))

    assert (entry["state"], entry["inForce"]) == ("unsigned", False)
    assert [party["agency"] for party in entry["parties"] if party["signedAt"] is None] == ["hillview-school"]


def stop(folder: Path, **part: Any) -> None:
    suspend(
        folder, vocabulary(), agreement="ISA-07", partner="hillview-school", key_id="2026", private_key=KEYS["hillview-school"],
        words="We look into a leak.", at=NOON, **part,
    )  # fmt: skip


def test_what_a_partner_has_stopped_is_published_until_it_is_lifted(tmp_path: Path) -> None:
    signed(tmp_path, page())
    stop(tmp_path, kind="WellbeingConcern")
    stopped = only(load_agreements(tmp_path, vocabulary()))
    lift(
        tmp_path, vocabulary(), agreement="ISA-07", partner="hillview-school", key_id="2026", private_key=KEYS["hillview-school"],
        number=1, words="Mended.", at=NOON,
    )  # fmt: skip

    assert stopped["suspensions"] == [
        {
            "partner": "hillview-school", "number": 1, "what": "ISA-07, WellbeingConcern", "since": "2026-11-22T12:00:00Z",
            "words": "We look into a leak.",
            "sentence": "hillview-school has stopped ISA-07, WellbeingConcern since 22 November 2026: We look into a leak.",
        }
    ]  # fmt: skip
    assert only(load_agreements(tmp_path, vocabulary()))["suspensions"] == []


def test_an_agreement_that_is_stopped_as_a_whole_is_not_in_force(tmp_path: Path) -> None:
    signed(tmp_path, page())
    stop(tmp_path)
    entry = only(load_agreements(tmp_path, vocabulary()))

    assert (entry["state"], entry["inForce"]) == ("suspended", False)


def test_a_refusal_is_published_as_one(tmp_path: Path) -> None:
    refusal = clause(2, "Not the words", effect='"deny"', basis=None, when=None, kinds='{ WellbeingConcern = { fields = ["summary"] } }')
    entry = only(signed(tmp_path, page(clause(), refusal)))

    assert [each["effect"] for each in entry["clauses"]] == ["permit", "deny"]


@dataclass
class Standing:
    """As much of a portal as the register reads, its agreements to be changed while it answers."""

    agreements: Agreements
    standard: Any = STANDARD
    agencies: Mapping[str, Agency] = field(
        default_factory=lambda: {"northshire-police": Agency(name="Northshire Police", phone="01632 960400")}
    )
    purposes: Mapping[str, str] = field(default_factory=lambda: PURPOSES)
    clock: Callable[[], datetime] = lambda: NOON


@asynccontextmanager
async def answering(portal: Standing) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    async with serving(create_app(cast(Portal, portal))) as url, aiohttp.ClientSession() as session:
        yield session, f"{url}/agreements"


async def test_anybody_reads_the_register_as_it_is_at_that_moment(tmp_path: Path) -> None:
    portal = Standing(signed(tmp_path, page()))
    async with answering(portal) as (session, url):
        async with session.get(url) as response:
            told = await response.json()
            assert (response.status, response.content_type) == (200, "application/json")
            assert response.headers["Cache-Control"] == "no-store"
        stop(tmp_path)
        portal.agreements = load_agreements(tmp_path, vocabulary())
        async with session.get(url) as response:
            later = await response.json()

    assert told == json.loads(msgspec.json.encode(published(signed(tmp_path / "again", page()), NOON, PURPOSES, NAMES)))
    assert [each["state"] for answer in (told, later) for each in answer["agreements"]] == ["in-force", "suspended"]


async def test_the_register_takes_no_question(tmp_path: Path) -> None:
    async with answering(Standing(signed(tmp_path, page()))) as (session, url), session.post(url, json={"child": "x"}) as response:
        assert response.status == 405


ODD = [
    pytest.param(page(clause(1, "§ ☂ 𝔘 &amp; 1 < 2"), title='"\\"<b>\\" ☂"', benefit='"ẞ ⁂ 日本"'), id="letters"),
    pytest.param(page(clause(1, "9"), title='"."', benefit='"—"', measure='"0"', coordinator='"?"').replace("may show concerns", "2 3 4"), id="no-words"),
    pytest.param(page(*(clause(n, f"Clause {n}") for n in range(1, 60))), id="long"),
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
async def test_odd_words_are_published_and_break_nothing(tmp_path: Path, text: str) -> None:
    portal = Standing(signed(tmp_path, text))
    async with answering(portal) as (session, url), session.get(url) as response:
        assert response.status == 200
        assert len((await response.json())["agreements"]) == 1


async def test_a_register_without_agreements_is_empty(tmp_path: Path) -> None:
    async with answering(Standing(Agreements((), vocabulary()))) as (session, url), session.get(url) as response:
        assert (response.status, (await response.json())["agreements"]) == (200, [])


async def test_a_text_that_cannot_be_measured_is_published_without_the_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> float:
        raise RuntimeError("no dictionary")

    monkeypatch.setattr(publication_module, "reading_age", broken)
    portal = Standing(signed(tmp_path, page(title='"A text measured nowhere else"')))
    async with answering(portal) as (session, url), session.get(url) as response:
        assert (response.status, (await response.json())["agreements"][0]["readingAge"]) == (200, None)


async def test_many_who_read_at_once_all_read_the_same(tmp_path: Path) -> None:
    async with answering(Standing(signed(tmp_path, page()))) as (session, url):

        async def read() -> bytes:
            async with session.get(url) as response:
                return await response.read()

        assert len(set(await asyncio.gather(*(read() for _ in range(50))))) == 1
