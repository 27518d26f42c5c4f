"""The access log: intent before anybody is asked, exactly one conclusion, nothing of the child, nothing lost."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import random
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import Identifier, Subject
from connectors.errors import ConfigurationError
from portal.accesslog import Access, AccessLog, AccessMisused, LogSettings, LogUnavailable, events
from portal.accesslog import log as log_module
from portal.accesslog.pseudonyms import Digests, Pseudonyms, demographics, epoch_of, identifiers_of, normal_name
from portal.logcheck import check
from portal.model import ChildView, Manifest, MatchedIdentifier, Receipt
from tests.portal.accesslog_cases import (
    CONTENT,
    DECISION,
    LOG,
    MANIFEST,
    NHS_NUMBER,
    NOON,
    PLAN,
    PRACTITIONER,
    REASON,
    SETTINGS,
    VIEW,
    Clock,
    ask,
    conclusions,
    opened,
    written,
)

ROOT = Path(__file__).parents[2]
TEXT = st.text(st.characters(exclude_categories=("Cs",)))
KEY = st.text(st.characters(max_codepoint=127), max_size=8)
VALUE = st.recursive(
    TEXT | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(KEY, each, max_size=4),
    max_leaves=8,
)


# --- bytes -----------------------------------------------------------------------------------------------------------


@given(VALUE)
def test_canonical_json_says_what_was_meant_in_one_way_only(value: Any) -> None:
    body = events.canonical(value)
    assert json.loads(body) == value
    assert events.canonical(json.loads(body)) == body


@given(st.dictionaries(KEY, VALUE, max_size=4))
def test_the_order_in_which_a_thing_was_built_does_not_change_its_bytes(value: dict[str, Any]) -> None:
    assert events.canonical(dict(reversed(value.items()))) == events.canonical(value)


def test_canonical_json_is_that_of_rfc_8785() -> None:
    value = {"b": [True, False, -1], "a": {"é": "x"} and 'é€\u0007\n"\\/\U0001f600', "": 9007199254740991}
    assert events.canonical(value) == '{"":9007199254740991,"a":"é€\\u0007\\n\\"\\\\/\U0001f600","b":[true,false,-1]}'.encode()


@pytest.mark.parametrize("value", [None, 1.5, 2**53, -(2**53), {"clé": 1}, {1: 2}, "\ud800", ("a",), float("nan"), b"x", {"Ash": {"Ash"}}])
def test_what_has_no_canonical_form_is_refused_and_not_named(value: object) -> None:
    with pytest.raises(ValueError, match="an event holds") as refused:
        events.canonical({"a": [value]})
    assert "Ash" not in str(refused.value)
    assert refused.value.__cause__ is None


@given(st.lists(st.binary(), min_size=1, max_size=20), st.data())
def test_a_change_in_any_body_changes_every_link_after_it(bodies: list[bytes], data: st.DataObject) -> None:
    def links(bodies: list[bytes]) -> list[bytes]:
        chain = [bytes(32)]
        for body in bodies:
            chain.append(events.link(chain[-1], events.leaf(body)))
        return chain[1:]

    at = data.draw(st.integers(0, len(bodies) - 1))
    changed = [*bodies[:at], bodies[at] + b"\x00", *bodies[at + 1 :]]
    before, after = links(bodies), links(changed)
    assert before[:at] == after[:at]
    assert all(one != other for one, other in zip(before[at:], after[at:], strict=True))


def _hkdf(key: bytes, info: str) -> bytes:
    """HKDF-SHA-256 for one block, by hand (RFC 5869)."""
    extracted = hmac.digest(bytes(32), key, "sha256")
    return hmac.digest(extracted, info.encode() + b"\x01", "sha256")


def test_pseudonyms_can_be_computed_by_hand() -> None:
    key = bytes(range(32))
    epoch_key = _hkdf(key, "2026Q4")
    by_hand = hmac.new(epoch_key, b"nhs_number\x009990000018", hashlib.sha256).hexdigest()
    pseudonyms = Pseudonyms(key, "quarter", ["hillview-mis"])
    found = pseudonyms.of(Identifier("nhs_number", " 999 000-0018"), NOON)
    assert found == {"system": "nhs_number", "epoch": "2026Q4", "pseudonym": by_hand}
    named = hmac.new(epoch_key, "demographics\x00ashødegard\x1fjo\x1f2015-03-01".encode(), hashlib.sha256).hexdigest()
    typed = demographics("Ásh-Ødegård", "Jo ", "2015-03-01")
    assert typed is not None
    assert pseudonyms.of(typed, NOON)["pseudonym"] == named
    assert pseudonyms.of(Identifier("demographics", "ÁSH Ødegard\x1fJO\x1f2015-03-01"), NOON)["pseudonym"] == named
    local = hmac.new(epoch_key, b"hillview-mis\x00P17", hashlib.sha256).hexdigest()
    assert pseudonyms.of(Identifier("hillview-mis", "p17"), NOON) == {"system": "hillview-mis", "epoch": "2026Q4", "pseudonym": local}


def test_digests_can_be_computed_by_hand() -> None:
    key, digests = _hkdf(b"d" * 32, "01JD8Z"), Digests(b"d" * 32, "01JD8Z")

    def by_hand(message: bytes) -> str:
        return hmac.new(key, message, hashlib.sha256).hexdigest()

    assert digests.reason(b"n" * 16, "é") == by_hand(b"reason\x00" + b"n" * 16 + "é".encode())
    assert digests.record("police", "Flag", "7") == by_hand(b"record\x00police\x00Flag\x007")
    assert digests.released(CONTENT) == by_hand(b"released\x00" + CONTENT)
    assert digests.for_source("police") == by_hand(b"source\x00police")[:32]


@pytest.mark.parametrize(
    ("name", "normal"),
    [("Ásh", "ash"), ("O'Neill-Ash", "oneillash"), ("MACRAE", "macrae"), ("Strauß", "strauss"), ("ﬁona", "fiona"), (" ", "")],
)
def test_names_are_compared_by_their_letters(name: str, normal: str) -> None:
    assert normal_name(name) == normal


@given(st.text())
def test_a_name_made_normal_stays_as_it_is(name: str) -> None:
    assert normal_name(normal_name(name)) == normal_name(name)


@pytest.mark.parametrize(
    ("parts", "value"),
    [
        (("Ash", "Jo", "2015-03-01"), "ash\x1fjo\x1f2015-03-01"),
        (("Ash", None, "2015-03-01"), "ash\x1f\x1f2015-03-01"),
        (("Ash", "Jo", "2015-03"), "ash\x1fjo\x1f"),
        ((None, "Jo", "2015-03-01"), "\x1fjo\x1f2015-03-01"),
        ((None, None, "2015-03-01"), None),
        (("Ash", "-", "2015"), None),
        ((None, None, None), None),
    ],
)
def test_demographics_need_two_parts_and_leave_missing_ones_empty(parts: tuple[str | None, ...], value: str | None) -> None:
    found = demographics(*parts)
    assert (found.value if found else None) == value


def test_blank_identifiers_have_no_pseudonym() -> None:
    assert identifiers_of(Subject(identifiers=(Identifier("nhs_number", " "),), birth_date="2015-03-01")) == []


@pytest.mark.parametrize(
    ("at", "epochs"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), ("2026Q1", "2026-01", "2026")),
        (datetime(2026, 3, 31, 23, 59, tzinfo=UTC), ("2026Q1", "2026-03", "2026")),
        (datetime(2026, 10, 1, tzinfo=UTC), ("2026Q4", "2026-10", "2026")),
    ],
)
def test_an_epoch_is_a_quarter_a_month_or_a_year(at: datetime, epochs: tuple[str, str, str]) -> None:
    assert (epoch_of(at, "quarter"), epoch_of(at, "month"), epoch_of(at, "year")) == epochs


# --- one access ------------------------------------------------------------------------------------------------------


async def test_the_intent_is_durable_before_the_block_begins(tmp_path: Path) -> None:
    async with opened(tmp_path) as log, log.access(PRACTITIONER, PLAN, DECISION) as access:
        (event,) = written(tmp_path)
        assert (event["type"], event["access"]) == ("intent", access.id)
        await access.conclude(VIEW)


async def test_an_intent_says_who_asks_why_under_what_and_what_was_decided(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        view = await ask(log)
        key = bytes.fromhex((tmp_path / "keys/pseudonym").read_text())
        digests = Digests(bytes.fromhex((tmp_path / "keys/digest").read_text()), view.receipt.access if view.receipt else "")
    event = written(tmp_path)[0]
    nonce = event.pop("nonce")
    assert re.fullmatch("[0-9a-f]{32}", nonce)
    assert view.receipt is not None
    pseudonyms = Pseudonyms(key, "quarter")
    assert event == {
        "v": 1,
        "type": "intent",
        "log": LOG,
        "index": 0,
        "at": "2026-11-22T12:00:00.123Z",
        "access": view.receipt.access,
        "actor": {
            "issuer": "https://id.northshire.example",
            "person": "sub-17",
            "agency": "hillview-school",
            "roles": ["named_person"],
            "assurance": "aal2",
        },
        "purpose": "child-protection",
        "reason": {"committed": digests.reason(bytes.fromhex(nonce), REASON)},
        "subject": [pseudonyms.of(each, NOON) for each in identifiers_of(PLAN.question.subject)],
        "query": "ab" * 32,
        "agreements": {"ISA-07@3": "sha256:" + "cd" * 32},
        "rulings": [
            {
                "source": "northshire-police",
                "kind": "WellbeingConcern",
                "permit": True,
                "fields": ["occurredOn", "summary"],
                "clause": "ISA-07 §3",
            },
            {"source": "northshire-nhs", "kind": "HealthContact", "permit": False, "reason": "no-clause", "nearest": "ISA-09 §2"},
        ],
    }
    assert [each["system"] for each in event["subject"]] == ["nhs_number", "other", "demographics"]


async def test_a_conclusion_says_how_it_ended_and_what_was_released(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        receipt = (await ask(log)).receipt
        assert receipt is not None
        pseudonyms = Pseudonyms(bytes.fromhex((tmp_path / "keys/pseudonym").read_text()), "quarter")
        digests = Digests(bytes.fromhex((tmp_path / "keys/digest").read_text()), receipt.access)
    intent, event = written(tmp_path)
    assert event.pop("nonce") != intent["nonce"]
    police = "northshire-police"
    assert event == {
        "v": 1,
        "type": "conclusion",
        "log": LOG,
        "index": 1,
        "at": "2026-11-22T12:00:00.123Z",
        "access": receipt.access,
        "actor": intent["actor"],
        "ended": "answered",
        "parts": 1,
        "outcomes": [
            {"source": police, "kind": "WellbeingConcern", "state": "ANSWERED", "band": "LINK", "clause": "ISA-07 §3", "records": 1},
            {"source": "northshire-nhs", "kind": "HealthContact", "state": "NOTHING_TO_SHOW", "records": 0, "reason": "shielded"},
        ],
        "matched": [pseudonyms.of(each.identifier, NOON, source=police) for each in MANIFEST.matched],
        "released": [
            {
                "source": police,
                "kind": "WellbeingConcern",
                "record": digests.record(police, "WellbeingConcern", "9990000018/7"),
                "digest": digests.released(CONTENT),
            }
        ],
    }
    assert event["matched"][0]["pseudonym"] == intent["subject"][0]["pseudonym"], "who types the number finds both"


async def test_the_view_comes_back_with_a_receipt_of_its_conclusion(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        view = await ask(log)
    body = events.canonical(written(tmp_path)[1])
    receipt = view.receipt
    assert receipt == Receipt(access=written(tmp_path)[1]["access"], log=LOG, index=1, leaf=hashlib.sha256(b"\x00" + body).hexdigest())
    assert msgspec.structs.replace(view, receipt=None) == VIEW


async def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    practitioner = msgspec.structs.replace(PRACTITIONER, assurance=None)
    plan = msgspec.structs.replace(PLAN, question=msgspec.structs.replace(PLAN.question, reason=None))
    async with opened(tmp_path) as log, log.access(practitioner, plan, DECISION) as access:
        await access.conclude(msgspec.structs.replace(VIEW, manifest=Manifest(outcomes=(), matched=(), released=())))
    intent, conclusion = written(tmp_path)
    assert "reason" not in intent
    assert "assurance" not in intent["actor"]
    assert conclusion["matched"] == conclusion["released"] == conclusion["outcomes"] == []


async def test_nothing_of_the_child_stands_in_the_files(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await ask(log)
        with suppress(LookupError):
            async with log.access(PRACTITIONER, PLAN, DECISION):
                raise LookupError("Jo Ash")
        held = _bytes_of(tmp_path, "access.db", "access.db-wal")
    numbers = ["9990000018", NHS_NUMBER, "HV-17-Ash", "Jo's number", "2015-03-01"]
    for text in [*numbers, "Ásh", "Ødegård", "ødegard", "odegard", "Jo Ash", "Bruise", REASON, "Hungry"]:
        assert text.lower().encode() not in held, text
    for digest in (hashlib.sha256(b"9990000018"), hashlib.sha256(REASON.encode()), hashlib.sha256(CONTENT)):
        assert digest.hexdigest().encode() not in held, "an unkeyed digest can be guessed"


def _bytes_of(state: Path, *names: str) -> bytes:
    files = [path for path in state.rglob("*") if path.is_file()]
    assert set(names) <= {path.name for path in files}
    return b"\n".join(path.read_bytes() for path in files).lower()


async def test_pseudonyms_belong_to_the_epoch_of_the_events_own_time(tmp_path: Path) -> None:
    clock = Clock(datetime(2026, 9, 30, 23, 59, 59, 999_000, tzinfo=UTC))
    async with opened(tmp_path, clock) as log, log.access(PRACTITIONER, PLAN, DECISION) as access:
        clock.move(milliseconds=1)
        await access.conclude(VIEW)
    intent, conclusion = written(tmp_path)
    assert {each["epoch"] for each in intent["subject"]} == {"2026Q3"}
    assert {each["epoch"] for each in conclusion["matched"]} == {"2026Q4"}
    assert intent["subject"][0]["pseudonym"] != conclusion["matched"][0]["pseudonym"]


async def test_the_same_identifier_stands_once(tmp_path: Path) -> None:
    subject = Subject(identifiers=(Identifier("nhs_number", "9990000018"), Identifier("nhs_number", NHS_NUMBER)))
    plan = msgspec.structs.replace(PLAN, question=msgspec.structs.replace(PLAN.question, subject=subject))
    same = MatchedIdentifier(source="northshire-police", identifier=Identifier("nhs_number", "9990000018"))
    async with opened(tmp_path) as log, log.access(PRACTITIONER, plan, DECISION) as access:
        await access.conclude(msgspec.structs.replace(VIEW, manifest=Manifest(outcomes=(), matched=(same, same), released=())))
    intent, conclusion = written(tmp_path)
    assert len(intent["subject"]) == len(conclusion["matched"]) == 1


async def test_two_sources_cannot_join_their_notes(tmp_path: Path) -> None:
    async with opened(tmp_path) as log, log.access(PRACTITIONER, PLAN, DECISION) as access:
        police, nhs = access.for_source("northshire-police"), access.for_source("northshire-nhs")
        assert len({police, nhs, access.id}) == 3
        assert access.for_source("northshire-police") == police
        await access.conclude(VIEW)
    async with opened(tmp_path) as log, log.access(PRACTITIONER, PLAN, DECISION) as other:
        assert other.for_source("northshire-police") != police
        await other.conclude(VIEW)


async def test_access_ids_sort_by_time_and_do_not_repeat(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as log:
        ids = []
        for _ in range(50):
            ids.append(log.access(PRACTITIONER, PLAN, DECISION).id)
            clock.move(milliseconds=1)
        assert ids == sorted(ids)
        assert len({log.access(PRACTITIONER, PLAN, DECISION).id for _ in range(1000)}) == 1000
        assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{26}", each) for each in ids)


async def test_a_refusal_names_the_practitioner_and_no_child(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        receipt = await log.refuse(PRACTITIONER, "CV420")
        assert (receipt.index, receipt.access) == (0, "")
        with pytest.raises(ValueError, match="why"):
            await log.refuse(PRACTITIONER, "Jo Ash")
    (event,) = written(tmp_path)
    assert {name: value for name, value in event.items() if name not in ("nonce", "at", "actor")} == {
        "v": 1, "type": "refusal", "log": LOG, "index": 0, "why": "CV420",
    }  # fmt: skip
    assert event["actor"]["person"] == "sub-17"


async def test_a_change_names_what_changed_and_who_changed_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.change("agreement-loaded", "ISA-07", "3", "sha256:ab")
        await log.change("suspended", "ISA-07 §3", 3, actor=PRACTITIONER)
        with pytest.raises(ValueError, match="a change is one of"):
            await log.change("something", "ISA-07", "3")
    loaded, suspended = written(tmp_path)
    assert (loaded["what"], loaded["id"], loaded["version"], loaded["hash"]) == ("agreement-loaded", "ISA-07", "3", "sha256:ab")
    assert loaded["actor"] == {"portal": LOG}
    assert (suspended["actor"]["agency"], suspended["version"], "hash" in suspended) == ("hillview-school", "3", False)


# --- however it ends -------------------------------------------------------------------------------------------------


async def test_an_error_is_written_as_failed_and_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        with pytest.raises(LookupError, match="source"):
            async with log.access(PRACTITIONER, PLAN, DECISION):
                raise LookupError("source")
    assert [event.get("ended") for event in written(tmp_path)] == [None, "failed"]
    assert [event.get("parts") for event in written(tmp_path)] == [None, 0]


async def test_leaving_without_a_conclusion_is_a_bug_that_is_written_down(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        with pytest.raises(AccessMisused):
            async with log.access(PRACTITIONER, PLAN, DECISION):
                pass
    assert list(conclusions(written(tmp_path)).values()) == [["failed"]]


async def test_an_access_is_concluded_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        access = log.access(PRACTITIONER, PLAN, DECISION)
        with pytest.raises(AccessMisused):
            await access.conclude(VIEW)
        with pytest.raises(AccessMisused, match="concluded once"):
            await _concluded_twice(access)
        with pytest.raises(AccessMisused, match="entered once"):
            await access.__aenter__()
        with pytest.raises(AccessMisused):
            await access.conclude(VIEW)
    assert list(conclusions(written(tmp_path)).values()) == [["answered"]]


async def _concluded_twice(access: Access) -> None:
    async with access:
        await access.conclude(VIEW)
        await access.conclude(VIEW)


async def test_a_view_that_cannot_be_written_down_is_not_released(tmp_path: Path) -> None:
    """The conclusion is refused before it is queued, so the access ends as failed, once."""
    outcome = msgspec.structs.replace(MANIFEST.outcomes[0], records=2**60)
    view = msgspec.structs.replace(VIEW, manifest=Manifest(outcomes=(outcome,), matched=(), released=()))
    async with opened(tmp_path) as log:
        with pytest.raises(ValueError, match="an event holds"):
            async with log.access(PRACTITIONER, PLAN, DECISION) as access:
                await access.conclude(view)
        assert log.healthy
    assert list(conclusions(written(tmp_path)).values()) == [["failed"]]


async def test_a_typed_lone_surrogate_does_not_stop_the_log(tmp_path: Path) -> None:
    question = msgspec.structs.replace(PLAN.question, reason="\ud800", subject=Subject(identifiers=(Identifier("\udfff", "\ud800"),)))
    async with opened(tmp_path) as log, log.access(PRACTITIONER, msgspec.structs.replace(PLAN, question=question), DECISION) as access:
        await access.conclude(VIEW)
    assert check(tmp_path / "access.db").problems == []


async def test_who_leaves_is_written_before_the_cancellation_goes_on(tmp_path: Path) -> None:
    inside = asyncio.Event()
    async with opened(tmp_path) as log:
        task = asyncio.create_task(ask(log, inside, before=60))
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert list(conclusions(written(tmp_path)).values()) == [["client-left"]]


async def test_cancelling_twice_does_not_lose_the_conclusion(tmp_path: Path) -> None:
    clock, inside = Clock(), asyncio.Event()
    async with opened(tmp_path, clock) as log:
        task = asyncio.create_task(ask(log, inside, before=60))
        await inside.wait()
        clock.hold()
        for _ in range(3):
            task.cancel()
            await clock.held()
        assert not task.done(), "it waits until the conclusion is durable"
        clock.go()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert list(conclusions(written(tmp_path)).values()) == [["client-left"]]


async def test_an_intent_cancelled_while_it_is_written_still_gets_its_conclusion(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as log:
        clock.hold()
        task = asyncio.create_task(ask(log))
        await clock.held()
        task.cancel()
        await asyncio.sleep(0.01)
        assert not task.done()
        clock.go()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert list(conclusions(written(tmp_path)).values()) == [["client-left"]]


async def test_a_conclusion_cancelled_while_it_is_written_counts(tmp_path: Path) -> None:
    clock, inside = Clock(), asyncio.Event()
    async with opened(tmp_path, clock) as log:
        task = asyncio.create_task(ask(log, inside, before=0.05))
        await inside.wait()
        clock.hold()
        await clock.held()
        task.cancel()
        task.cancel()
        clock.go()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert list(conclusions(written(tmp_path)).values()) == [["answered"]]


async def test_a_time_limit_around_an_access_still_reads_as_a_time_limit(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await ask(log, before=60)
        assert list(conclusions(written(tmp_path)).values()) == [["client-left"]]


async def test_a_stream_that_is_closed_still_gets_its_conclusion(tmp_path: Path) -> None:
    async def parts(log: AccessLog) -> AsyncGenerator[str]:
        async with log.access(PRACTITIONER, PLAN, DECISION) as access:
            yield access.id

    async with opened(tmp_path) as log:
        stream = parts(log)
        await anext(stream)
        await stream.aclose()
    assert list(conclusions(written(tmp_path)).values()) == [["client-left"]]


async def test_in_a_storm_of_cancellations_each_intent_has_exactly_one_conclusion(tmp_path: Path) -> None:
    chance = random.Random(7)
    async with opened(tmp_path, Clock()) as log:
        for _ in range(3):
            tasks = [asyncio.create_task(ask(log, before=chance.random() / 50, after=chance.random() / 50)) for _ in range(100)]
            for task in chance.sample(tasks, 90):
                await asyncio.sleep(chance.random() / 2000)
                task.cancel()
                if chance.random() < 0.3:
                    task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(result) for result in results} <= {asyncio.CancelledError, type(VIEW)}
    ended = conclusions(written(tmp_path))
    assert all(len(each) == 1 for each in ended.values())
    assert {each[0] for each in ended.values()} == {"answered", "client-left"}
    report = check(tmp_path / "access.db")
    assert (report.problems, report.open_intents) == ([], 0)


# --- the disk --------------------------------------------------------------------------------------------------------


async def test_the_writer_waits_for_the_disk(tmp_path: Path) -> None:
    """NORMAL would be faster, and would lose acknowledged events when the power goes."""
    async with opened(tmp_path) as log:
        await ask(log)
        connection = log._store._connection
        assert connection is not None
        assert connection.execute("pragma synchronous").fetchone() == (2,)
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)


async def test_events_that_wait_share_a_commit(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as log:
        clock.hold()
        asks = [asyncio.create_task(ask(log)) for _ in range(100)]
        await clock.held()
        await asyncio.sleep(0.02)
        clock.go()
        await asyncio.gather(*asks)
        assert len(written(tmp_path)) == 200
        assert log._store.commits < 30


async def test_indexes_have_no_gap_however_many_ask(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        views = await asyncio.gather(*(ask(log) for _ in range(50)))
    assert [event["index"] for event in written(tmp_path)] == list(range(100))
    assert len({view.receipt.index for view in views if view.receipt}) == 50


async def test_when_too_many_wait_an_intent_is_turned_away_and_a_conclusion_is_not(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as log:
        log._store.limit = 3
        async with log.access(PRACTITIONER, PLAN, DECISION) as access:
            clock.hold()
            first = asyncio.create_task(log.refuse(PRACTITIONER, "role"))
            await clock.held()
            waiting = [asyncio.create_task(log.refuse(PRACTITIONER, "role")) for _ in range(3)]
            await asyncio.sleep(0.01)
            with pytest.raises(LogUnavailable) as refused:
                await ask(log)
            assert (refused.value.id, refused.value.status) == ("CV701", 503)
            concluding = asyncio.create_task(access.conclude(VIEW))
            await asyncio.sleep(0.01)
            clock.go()
            view = await concluding
            await asyncio.gather(first, *waiting)
        assert view.receipt is not None
    assert list(conclusions(written(tmp_path)).values()) == [["answered"]]


async def test_when_the_intent_cannot_be_written_nothing_further_happens(tmp_path: Path) -> None:
    inside = asyncio.Event()
    async with opened(tmp_path) as log:
        await ask(log)
        _fill(log)
        with pytest.raises(LogUnavailable):
            await _ask_much(log, inside)
        assert not inside.is_set()
        assert not log.healthy
        await ask(log)
        assert log.healthy, "a write that succeeds says so"
    report = check(tmp_path / "access.db")
    assert (report.problems, report.events, report.open_intents) == ([], 4, 0)


async def _ask_much(log: AccessLog, inside: asyncio.Event) -> None:
    """An access whose intent needs more room than a full disk has left."""
    rulings = DECISION.rulings * 200
    async with log.access(PRACTITIONER, PLAN, msgspec.structs.replace(DECISION, rulings=rulings)) as access:
        inside.set()
        await access.conclude(VIEW)


async def test_a_log_that_failed_finds_its_way_back_without_a_question(tmp_path: Path) -> None:
    """A portal that is not ready is sent no questions, so it cannot wait for one."""
    async with opened(tmp_path) as log:
        await ask(log)
        log._store.probe_after = 0.02
        _fill(log)
        with pytest.raises(LogUnavailable):
            await _ask_much(log, asyncio.Event())
        assert not log.healthy
        await asyncio.sleep(0.5)
        assert log.healthy
    assert check(tmp_path / "access.db").events == 2


async def test_a_view_whose_conclusion_cannot_be_written_is_not_given_back(tmp_path: Path) -> None:
    released: list[ChildView] = []
    async with opened(tmp_path) as log:
        with pytest.raises(LogUnavailable):
            await _release_much(log, released)
        assert released == []
        assert list(conclusions(written(tmp_path)).values()) == [[]]
        await ask(log)
    report = check(tmp_path / "access.db")
    assert (report.problems, report.events, report.open_intents) == ([], 3, 1)


async def _release_much(log: AccessLog, released: list[ChildView]) -> None:
    """An access on whose way the disk fills up."""
    many = msgspec.structs.replace(MANIFEST, released=MANIFEST.released * 2000)
    async with log.access(PRACTITIONER, PLAN, DECISION) as access:
        _fill(log)
        released.append(await access.conclude(msgspec.structs.replace(VIEW, manifest=many)))


def _fill(log: AccessLog) -> None:
    """The disk is full for the connection that is open now, as SQLite itself would find it."""
    connection = log._store._connection
    assert connection is not None
    (pages,) = connection.execute("pragma page_count").fetchone()
    connection.execute(f"pragma max_page_count = {pages + 2}")


async def test_a_full_disk_refuses_and_space_made_again_is_enough(tmp_path: Path) -> None:
    """The operating system refuses the bytes here; nobody restarts the portal."""
    said = await asyncio.to_thread(_script, tmp_path, FULL_DISK)
    assert said == ["CV701", "False", "True"]
    report = check(tmp_path / "access.db")
    assert report.problems == []
    assert report.events >= 12


FULL_DISK = """
    import resource
    async def main():
        async with opened(state) as log:
            for _ in range(5):
                await ask(log)
            full = (state / "access.db-wal").stat().st_size + 6000
            resource.setrlimit(resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
            try:
                while True:
                    await ask(log)
            except LogUnavailable as error:
                print(error.id)
            print(log.healthy)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            await ask(log)
            print(log.healthy)
"""

KILLED = """
    async def one(log):
        while True:
            receipt = (await ask(log)).receipt
            print(receipt.index, receipt.leaf, flush=True)
    async def main():
        async with opened(state) as log:
            await asyncio.gather(*(one(log) for _ in range(8)))
"""

HEADER = """
    import asyncio, sys
    from pathlib import Path
    import structlog
    from portal.accesslog import LogUnavailable
    from tests.portal.accesslog_cases import ask, opened
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    state = Path(sys.argv[1])
"""


def _command(state: Path, script: str) -> list[str]:
    text = textwrap.dedent(HEADER) + textwrap.dedent(script) + "\nasyncio.run(main())\n"
    return [sys.executable, "-c", text, str(state)]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}


def _script(state: Path, script: str) -> list[str]:
    done = subprocess.run(_command(state, script), env=_environment(), cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


def test_no_acknowledged_event_is_lost_when_the_portal_is_killed(tmp_path: Path) -> None:
    chance = random.Random(11)
    acknowledged: dict[int, str] = {}
    for _ in range(4):
        with subprocess.Popen(
            _command(tmp_path, KILLED), env=_environment(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as portal:
            assert portal.stdout is not None
            for _ in range(chance.randrange(5, 300)):
                index, leaf = portal.stdout.readline().split()
                acknowledged[int(index)] = leaf
            portal.send_signal(signal.SIGKILL)
            rest = portal.stdout.read().splitlines()
            whole = [line.split() for line in rest if re.fullmatch(r"\d+ [0-9a-f]{64}", line)]
            acknowledged |= {int(index): leaf for index, leaf in whole}
    with closing(sqlite3.connect(tmp_path / "access.db")) as connection:
        kept = {index: leaf.hex() for index, leaf in connection.execute("select idx, leaf from events")}
    assert acknowledged.items() <= kept.items()
    report = check(tmp_path / "access.db")
    assert report.problems == []
    assert report.open_intents <= 4 * 8


# --- time, keys, lock ------------------------------------------------------------------------------------------------


async def test_time_never_goes_back_in_the_log_nor_for_decisions(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as log:
        assert (log.last_time, log.now()) == (None, NOON)
        await ask(log)
        clock.move(hours=-2)
        await ask(log)
        last = NOON.replace(microsecond=123_000)
        assert log.last_time == log.now() == last
    async with opened(tmp_path, clock) as log:
        assert log.now() == last, "nor after a restart"
        clock.move(hours=3)
        assert log.now() == NOON + timedelta(hours=1)
        await ask(log)
    ats = [event["at"] for event in written(tmp_path)]
    assert ats == sorted(ats)
    assert ats[-1] == "2026-11-22T13:00:00.123Z"


async def test_a_second_writer_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        with pytest.raises(ConfigurationError, match=r"CV704.*another process"):
            await AccessLog.open(SETTINGS, LOG, tmp_path, Clock())
        await ask(log)
    async with opened(tmp_path) as log:
        await ask(log)
    assert len(written(tmp_path)) == 4


async def test_after_closing_nothing_is_written(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await ask(log)
    with pytest.raises(LogUnavailable):
        await ask(log)
    await log.close()
    assert len(written(tmp_path)) == 2


async def test_keys_are_made_on_first_use_and_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await ask(log)
    keys = [tmp_path / "keys/pseudonym", tmp_path / "keys/digest"]
    texts = [path.read_text() for path in keys]
    assert all(re.fullmatch("[0-9a-f]{64}\n", text) for text in texts)
    assert texts[0] != texts[1]
    assert {stat.S_IMODE(path.stat().st_mode) for path in [*keys, tmp_path / "access.db"]} == {0o600}
    async with opened(tmp_path):
        assert [path.read_text() for path in keys] == texts


@pytest.mark.parametrize("name", ["pseudonym", "digest"])
async def test_a_log_with_events_does_not_get_new_keys(tmp_path: Path, name: str) -> None:
    async with opened(tmp_path) as log:
        await ask(log)
    key = tmp_path / "keys" / name
    kept = key.read_text()
    key.unlink()
    with pytest.raises(ConfigurationError, match=f"CV705 log.{name}_key is gone"):
        await AccessLog.open(SETTINGS, LOG, tmp_path, Clock())
    assert not key.exists()
    key.write_text("0" * 64)
    with pytest.raises(ConfigurationError, match=f"CV709 log.{name}_key"):
        await AccessLog.open(SETTINGS, LOG, tmp_path, Clock())
    key.write_text(kept)
    async with opened(tmp_path) as log:
        await ask(log)


async def test_keys_can_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = LogSettings(url="sqlite:logs/access.db", pseudonym_key="env:CV_PSEUDONYM", digest_key="env:CV_DIGEST", epoch="month")
    with pytest.raises(ConfigurationError) as refused:
        await AccessLog.open(settings, LOG, tmp_path, Clock())
    assert [each.id for each in refused.value.mistakes] == ["CV703", "CV703"], "every mistake at once"
    monkeypatch.setenv("CV_PSEUDONYM", "ab" * 32)
    monkeypatch.setenv("CV_DIGEST", "cd" * 32)
    async with opened(tmp_path, settings=settings, systems=["hillview-mis"]) as log:
        await ask(log)
    monkeypatch.delenv("CV_DIGEST")
    with pytest.raises(ConfigurationError, match="CV705"):
        await AccessLog.open(settings, LOG, tmp_path, Clock())


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "ab" * 33])
async def test_a_key_that_is_none_is_refused_and_not_shown(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/pseudonym").write_text(content)
    with pytest.raises(ConfigurationError, match="CV703") as refused:
        await AccessLog.open(SETTINGS, LOG, tmp_path, Clock())
    assert not content or content not in str(refused.value)


@pytest.mark.parametrize("reference", ["0" * 64, "keys/pseudonym", "ENV:KEY"])
async def test_a_key_itself_in_the_settings_is_refused_and_not_shown(tmp_path: Path, reference: str) -> None:
    with pytest.raises(ConfigurationError, match="CV703") as refused:
        await AccessLog.open(msgspec.structs.replace(SETTINGS, digest_key=reference), LOG, tmp_path, Clock())
    assert reference not in str(refused.value)


@pytest.mark.parametrize("url", ["postgresql://log", "sqlite:///a.db", "sqlite::memory:", "sqlite:", "a.db", "sqlite:a.db?mode=rw"])
async def test_only_a_sqlite_file_is_a_log(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="CV702"):
        await AccessLog.open(msgspec.structs.replace(SETTINGS, url=url), LOG, tmp_path, Clock())


async def test_a_log_whose_end_was_changed_is_not_continued(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await ask(log)
    blobs = [("body", b"{}"), ("body", b"[1]"), ("leaf", bytes(32)), ("link", bytes(32))]
    for column, value in [*blobs, ("type", "intent"), ("access", None), ("idx", 7)]:
        with closing(sqlite3.connect(tmp_path / "access.db", isolation_level=None)) as connection:
            (kept,) = connection.execute(f"select {column} from events where idx = 1").fetchone()
            connection.execute(f"update events set {column} = ? where idx = 1", [value])
            with pytest.raises(ConfigurationError, match="CV706"):
                await AccessLog.open(SETTINGS, LOG, tmp_path, Clock())
            connection.execute(f"update events set {column} = ? where idx > 0", [kept])
    async with opened(tmp_path) as log:
        await ask(log)


async def test_a_log_of_another_portal_is_not_continued(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await ask(log)
    with pytest.raises(ConfigurationError, match="CV710"):
        await AccessLog.open(SETTINGS, "southshire/1", tmp_path, Clock())


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "access.db").write_bytes(b"not a database, but long enough to look like something" * 100)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="CV708"):
            await AccessLog.open(SETTINGS, LOG, tmp_path, Clock())


async def test_an_opening_that_failed_leaves_the_log_free(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        await AccessLog.open(msgspec.structs.replace(SETTINGS, digest_key="?"), LOG, tmp_path, Clock())
    async with opened(tmp_path) as log:
        await ask(log)


@pytest.mark.parametrize("left", [False, True])
async def test_a_disk_that_hangs_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch, left: bool) -> None:
    """Whoever waits is told, whether or not the client has left meanwhile; the event itself may still come late."""
    monkeypatch.setattr(log_module, "_PATIENCE", 0.2)
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(log_module._settled(never))
    await asyncio.sleep(0)
    if left:
        waiting.cancel()

    with pytest.raises(asyncio.CancelledError if left else LogUnavailable):
        async with asyncio.timeout(5):
            await waiting
