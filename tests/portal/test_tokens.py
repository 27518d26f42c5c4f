"""Sealed tokens: of one length, another each time, and of use to one holder, for one thing, for a while."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta

import pytest

from portal.tokens import MOST, NoToken, Tokens

NOON = datetime(2026, 11, 25, 12, 0, 0, 123000, tzinfo=UTC)
HOUR = timedelta(hours=1)
MORAG = "https://id.example|morag"
TOKENS = Tokens(bytes(range(32)))
TOKEN = TOKENS.seal("use", MORAG, b"person 17 of northshire-police", NOON)


def test_what_was_sealed_is_opened_at_any_gateway_by_its_holder() -> None:
    assert Tokens(bytes(range(32))).open("use", MORAG, TOKEN, NOON + HOUR, HOUR) == b"person 17 of northshire-police"


@pytest.mark.parametrize("content", [b"", b"\0", b"x" * MOST], ids=["nothing", "a-zero", "the-most"])
def test_every_token_is_of_one_length_and_another_each_time(content: bytes) -> None:
    tokens = {TOKENS.seal("use", MORAG, content, NOON) for _ in range(3)}
    assert {len(each) for each in tokens} == {len(TOKEN)}
    assert len(tokens) == 3
    assert {TOKENS.open("use", MORAG, each, NOON, HOUR) for each in tokens} == {content}


def test_a_token_says_nothing() -> None:
    raw = urlsafe_b64decode(TOKEN)
    assert not any(word in raw for word in (b"person", b"17", b"morag", b"northshire"))


def test_more_than_fits_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="at most"):
        TOKENS.seal("use", MORAG, b"x" * (MOST + 1), NOON)


def _changed(at: int) -> str:
    return TOKEN[:at] + ("A" if TOKEN[at] != "A" else "B") + TOKEN[at + 1 :]


@pytest.mark.parametrize(
    ("use", "holder", "token", "after"),
    [
        pytest.param("other", MORAG, TOKEN, HOUR, id="another-use"),
        pytest.param("use", "https://id.example|tom", TOKEN, HOUR, id="another-holder"),
        pytest.param("us", f"e\0{MORAG}", TOKEN, HOUR, id="use-and-holder-cut-elsewhere"),
        pytest.param("use", MORAG, TOKEN, HOUR + timedelta(milliseconds=1), id="too-late"),
        pytest.param("use", MORAG, TOKEN, -timedelta(minutes=2), id="from-far-ahead"),
        *(pytest.param("use", MORAG, _changed(at), HOUR, id=f"changed-at-{at}") for at in (0, 20, 700, len(TOKEN) - 1)),
        pytest.param("use", MORAG, TOKEN[:-4], HOUR, id="cut"),
        pytest.param("use", MORAG, TOKEN + "\n", HOUR, id="with-a-line-end"),
        pytest.param("use", MORAG, TOKEN + "=", HOUR, id="with-padding"),
        pytest.param("use", MORAG, "", HOUR, id="empty"),
        pytest.param("use", MORAG, "é\ud800", HOUR, id="not-ascii"),
    ],
)
def test_anything_else_is_no_token(use: str, holder: str, token: str, after: timedelta) -> None:
    with pytest.raises(NoToken):
        TOKENS.open(use, holder, token, NOON + after, HOUR)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(NoToken):
        Tokens(bytes(32)).open("use", MORAG, TOKEN, NOON, HOUR)


def test_a_clock_a_little_behind_hinders_nobody() -> None:
    assert TOKENS.open("use", MORAG, TOKEN, NOON - timedelta(seconds=30), HOUR)
