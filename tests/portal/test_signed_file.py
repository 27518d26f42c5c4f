"""The signed file is TOML, and its lines are read as TOML would read them, however they are written."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.agreements.signatures import _list, written

AFTER = 'sensitive_services = []\n\n[[signature]]\npartner = "a"\n'
letters = st.characters(exclude_categories=["Cs"])
lines = st.lists(st.text(letters, min_size=1), min_size=1, max_size=4)


@given(listed=lines)
@example(listed=["a\tb\t-"])
@example(listed=["it's", "a\nb", "a',\n]\nb", "\\", '"', "]", "',"])
@example(listed=["café", "\x7f", "\u2028", "a\rb"])
def test_what_signing_writes_is_read_as_toml_reads_it(listed: list[str]) -> None:
    text = f"grants = {_list(listed)}\n{AFTER}"
    assert tomllib.loads(text)["grants"] == listed
    found, rest = written(text)
    assert found in ([], listed)
    assert tomllib.loads(rest)["signature"] == [{"partner": "a"}]
    assert found or rest == text


def test_lines_of_plain_letters_are_taken_as_they_stand() -> None:
    listed = ["northshire-police\thillview-school\tnamed_person\tsummary", "-\t-\t(service)"]
    assert written(f"grants = {_list(listed)}\n{AFTER}") == (listed, AFTER)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"grants = [\n  {json.dumps(chr(9))},\n]\n{AFTER}", id="with-escapes-as-earlier-versions-wrote-them"),
        pytest.param(f"grants = []\n{AFTER}", id="no-lines"),
        pytest.param(f"grants = [\n  'a',  # why\n  'b',\n]\n{AFTER}", id="a-comment"),
        pytest.param(f"grants = [\n  'a', 'b',\n]\n{AFTER}", id="two-on-a-line"),
        pytest.param(f"grants = [\n  'a'\n]\n{AFTER}", id="no-last-comma"),
        pytest.param(f"grants = [\n  'a\x01',\n]\n{AFTER}", id="a-control-character"),
        pytest.param(f"grants = [\n  'caf\u00e9',\n]\n{AFTER}", id="a-letter-that-is-not-ascii"),
        pytest.param(f"# words\ngrants = [\n  'a',\n]\n{AFTER}", id="something-before"),
        pytest.param("grants = [\n  'a',\n", id="broken-off"),
        pytest.param("", id="nothing"),
    ],
)
def test_whatever_is_written_otherwise_goes_through_the_toml_reader(text: str) -> None:
    assert written(text) == ([], text)
