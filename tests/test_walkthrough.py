"""What the pages tell a reader to do is done, word by word, and what they show is what comes back.

Each check is proved to fail by a deliberate violation.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.documentation import DOCS, ROOT, Block, blocks, make_targets, pages
from tests.walkthrough import BIN, Reader, like

README = ROOT / "README.md"
#: The pages that go on from one another, in the order in which a reader comes by them.
IN_ORDER = (
    "tutorial/first-source.md", "how-to/write-an-agreement.md", "how-to/suspend-sharing.md", "how-to/replace-a-key.md",
    "how-to/verify-the-log.md", "how-to/run-in-production.md",
)  # fmt: skip

#: The pages that go on from the demonstration alone.
OF_THE_DEMONSTRATION = ("how-to/record-a-consent.md", "how-to/ask-with-break-glass.md")


@dataclass
class Demonstration:
    """``childview demo`` as it runs for a reader whose home is ``home``: what it printed, and its port."""

    home: Path
    printed: str
    port: str

    def reader(self, *, curl: bool = False) -> Reader:
        return Reader(self.home, {"8750": self.port, "8751": _free_port()}, curl=curl)


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """Started by the command itself, on a free port, with a home of its own."""
    home = tmp_path_factory.mktemp("home")
    screen = home / "screen"
    with screen.open("wb") as out:
        command = [str(BIN / "childview"), "demo", "--port", "0"]
        process = subprocess.Popen(command, stdout=out, stderr=out, env=Reader(home).environment, start_new_session=True)
    try:
        end = time.monotonic() + 120
        while "log verify" not in (printed := screen.read_text("utf-8")):
            assert process.poll() is None, printed
            assert time.monotonic() < end, printed
            time.sleep(0.05)
        port = re.search(r"http://127\.0\.0\.1:(\d+)/graphql", printed)
        assert port
        yield Demonstration(home, printed, port.group(1))
    finally:
        process.terminate()
        process.wait(20)


def _free_port() -> str:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return str(door.getsockname()[1])


def test_the_readme_shows_what_the_demonstration_prints(demonstration: Demonstration) -> None:
    shown = next(block.text for block in blocks(README) if "Child view" in block.text)

    assert not_printed(shown, demonstration.printed) == []


def not_printed(shown: str, printed: str) -> list[str]:
    """The lines of a shortened view that were not printed, or not in this order. ``…`` stands for anything."""
    lines = [line.rstrip() for line in printed.splitlines()]
    missing, at = [], 0
    for line in (line.rstrip() for line in shown.splitlines() if line.strip(" …")):
        pattern = re.compile(re.escape(line).replace("…", ".*").replace(r"\ \ ", r"\ +").replace(r"\ +\ +", r"\ +"))
        found = next((index for index in range(at, len(lines)) if pattern.match(lines[index])), None)
        missing += [line] if found is None else []
        at = at if found is None else found + 1
    return missing


def test_a_readme_that_shows_more_than_is_printed_is_seen(demonstration: Demonstration) -> None:
    shown = next(block.text for block in blocks(README) if "Child view" in block.text)

    assert not_printed(shown.replace("5 of 6 answered", "6 of 6 answered"), demonstration.printed) == [
        " 6 of 6 answered. Only those your role may ask were asked."
    ]


def test_the_commands_of_the_readme_work_as_written(demonstration: Demonstration) -> None:
    reader = demonstration.reader()
    typed = [block for block in blocks(README) if "childview token" in block.text]
    assert len(typed) == 1

    said = reader.type(Block(README, typed[0].line, "sh", {}, _here(typed[0].text, demonstration.port)))

    assert "5 of 6 answered." in said
    assert re.search(r"^yes hillview-mis +WellbeingConcern\.summary +ISA-01 §2$", said, re.MULTILINE)
    assert "ISA-07 version" in said
    assert "No problem found." in said


def _here(text: str, port: str) -> str:
    """Commands with the address of this demonstration, where the reader's own would need none."""
    return re.sub(r"childview (query|explain) ", rf"childview \1 --url http://127.0.0.1:{port} ", text)


def test_the_readme_begins_with_the_two_commands() -> None:
    typed = [line for block in blocks(README) if block.language == "sh" for line in block.text.splitlines()]

    assert typed[:4] == ["git clone <this repository> childview", "cd childview", "make demo", "make test"]
    assert {"demo", "test"} <= set(make_targets())


def test_the_tutorial_and_what_goes_on_from_it_work_word_by_word(demonstration: Demonstration) -> None:
    reader = demonstration.reader()
    try:
        for name in IN_ORDER:
            reader.follow(blocks(DOCS / name), elsewhere=frozenset({"demonstration"}))
    finally:
        reader.leave()


def test_a_page_that_shows_what_is_not_printed_is_seen(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    examples = [Block(README, 1, "sh", {}, "echo one"), Block(README, 2, "text", {}, "two")]

    with pytest.raises(AssertionError, match="prints is\none"):
        reader.follow(examples)


def test_a_command_of_a_page_that_fails_is_seen(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ended with 1"):
        Reader(tmp_path).follow([Block(README, 1, "sh", {}, "false\ntrue")])


@pytest.mark.parametrize(
    ("printed", "shown", "same"),
    [
        ("a\nb\nc\n", "a\n…\nc", True),
        ("a\nb\nc\n", "a\n…\nd", False),
        ("3 events, no problem", "… events, no problem", True),
        ("3 events, 1 problem", "… events, no problem", False),
        ("a  \n\nb", "a\nb", True),
        ("a\nb", "a", False),
    ],
)
def test_what_a_page_shows_is_compared_with_what_is_printed(printed: str, shown: str, same: bool) -> None:
    assert like(printed, shown) is same


async def test_the_question_of_the_graphql_page_is_answered(demonstration: Demonstration) -> None:
    await asyncio.to_thread(demonstration.reader(curl=shutil.which("curl") is None).follow, blocks(DOCS / "how-to" / "ask-over-graphql.md"))


async def test_the_question_of_the_graphql_page_is_answered_without_curl_too(demonstration: Demonstration) -> None:
    """Where a machine has no curl the walk has one of its own; that it does as much is shown here."""
    await asyncio.to_thread(demonstration.reader(curl=True).follow, blocks(DOCS / "how-to" / "ask-over-graphql.md"))


@pytest.mark.parametrize("name", OF_THE_DEMONSTRATION)
def test_what_is_written_down_with_the_demonstration_works_word_by_word(demonstration: Demonstration, name: str) -> None:
    demonstration.reader().follow(blocks(DOCS / name))


def test_every_page_with_commands_is_walked() -> None:
    """Commands on a page nobody walks would rot."""
    walked = {
        README,
        *(DOCS / name for name in (*IN_ORDER, *OF_THE_DEMONSTRATION, "how-to/ask-over-graphql.md", "how-to/tune-matching.md")),
    }

    assert {path for path in pages() if any(block.language == "sh" for block in blocks(path))} == walked
