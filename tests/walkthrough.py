"""Does what a page says, word by word, as a reader would: saves its files, types its commands, compares what comes back.

The marks on an example say what it is: ``title="first/club.sql"`` a file to save, ``replace="..."`` lines to put into one, ``sh`` a command
line, ``sh fails=2`` one that ends with that code, ``sh terminal=portal`` one that goes on in a terminal of its own, ``text`` right after a
command what it prints, ``…`` standing for anything.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.documentation import ROOT, Block

BIN = Path(sys.executable).parent

#: As much of curl as the pages use: ``-s``, ``-H``, ``--data @file`` and an address.
_CURL = """
import sys, urllib.request
given, headers, data = iter(sys.argv[1:]), {}, None
for each in given:
    if each == "-H":
        name, _, value = next(given).partition(": ")
        headers[name] = value
    elif each == "--data":
        data = open(next(given)[1:], "rb").read()
    elif each != "-s":
        address = each
with urllib.request.urlopen(urllib.request.Request(address, data, headers)) as answer:
    sys.stdout.buffer.write(answer.read())
"""


@dataclass
class Reader:
    """Somebody at home in ``home`` who follows pages, in a folder ``childview`` of their own that has what a clone has.

    ``swaps`` replace ports of the page by free ones; ``curl`` gives a machine without it one that does what the pages need.
    """

    home: Path
    swaps: Mapping[str, str] = field(default_factory=dict)
    curl: bool = False
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._desk = Path(tempfile.mkdtemp(prefix="walk-", dir=self.home))
        self._place = self._desk / "place"
        self.folder = self._desk / "childview"
        self.folder.mkdir()
        for name in ("deploy", "docs", "portal", "connectors", "schema", "README.md"):
            (self.folder / name).symlink_to(ROOT / name)
        (self.folder / ".venv").symlink_to(BIN.parent, target_is_directory=True)
        self._place.write_text(f"cd {self.folder}\n")
        if self.curl:
            (self._desk / "curl").write_text(f"#!{sys.executable}\n{_CURL}")
            (self._desk / "curl").chmod(0o755)

    def follow(self, examples: Sequence[Block], elsewhere: frozenset[str] = frozenset()) -> None:
        """Do what the examples say, in order. Terminals named in ``elsewhere`` are open already."""
        printed: tuple[Block, str] | None = None
        for block in examples:
            if "title" in block.marks:
                self._save(self.folder / block.marks["title"], block.text)
            elif "replace" in block.marks:
                self._put(self.folder / block.marks["replace"], block.text)
            elif block.language == "sh" and "terminal" in block.marks:
                if block.marks["terminal"] not in elsewhere:
                    self.start(block)
            elif block.language == "sh":
                printed = block, self.type(block)
                continue
            elif block.language == "text" and printed:
                assert like(printed[1], self._swapped(block.text)), f"{block.place}: what {printed[0].place} prints is\n{printed[1]}"
            printed = None

    def type(self, block: Block) -> str:
        """What the commands print; they must end as the example says. Folder and variables stay as they were left."""
        place = self._place
        after = f'\n{{ echo "cd $PWD"; export -p; }} > {place}'
        done = subprocess.run(
            ["bash", "-c", f"source {place}; set -e\n{self._swapped(block.text)}{after}"], env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == int(block.marks.get("fails", "0")), f"{block.place}: ended with {done.returncode}\n{done.stdout}"
        return done.stdout

    def start(self, block: Block) -> None:
        """Start a command that goes on, and wait until the portal it names a port for answers."""
        text = self._swapped(block.text)
        command = ["bash", "-c", f"source {self._place}; exec {text}"]
        with (self._desk / "terminal.log").open("ab") as log:
            self.running.append(subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, start_new_session=True))
        found = re.search(r"--port (\d+)", text)
        assert found, f"{block.place}: a portal of a page names its port"
        answers(f"http://127.0.0.1:{found.group(1)}/readyz", self.running[-1])

    def leave(self) -> None:
        """Close every terminal that was opened."""
        for process in self.running:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(10)

    @property
    def environment(self) -> dict[str, str]:
        """A reader's environment: a home of their own, and the virtual environment switched on."""
        path = f"{self._desk}:{BIN}:/usr/local/bin:/usr/bin:/bin"
        return {"HOME": str(self.home), "PATH": path, "COLUMNS": "100", "LANG": "C.UTF-8", "TZ": "Europe/London"}

    def _swapped(self, text: str) -> str:
        for old, new in self.swaps.items():
            text = text.replace(old, new)
        return text

    def _save(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._swapped(text), "utf-8")

    def _put(self, path: Path, text: str) -> None:
        key = text.split("=")[0].strip()
        lines = path.read_text("utf-8").splitlines(keepends=True)
        places = [at for at, line in enumerate(lines) if line.split("=")[0].strip() == key]
        assert places, f"{path.name} has no line {key!r} to be replaced"
        lines[places[0] : places[0] + 1] = [text]
        path.write_text("".join(lines), "utf-8")


def answers(url: str, process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    """Wait until an address answers. Raises TimeoutError, also when the process has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"{url} does not answer")


def like(printed: str, shown: str) -> bool:
    """Whether a page shows what was printed; ``…`` stands for anything, and blanks at the ends of lines do not count."""
    bare = ("\n".join(line.rstrip() for line in text.strip().splitlines()) for text in (printed, shown))
    said, expected = (re.sub(r"\n{2,}", "\n", text) for text in bare)
    pattern = ".*".join(re.escape(part) for part in re.split(r"\n?…\n?", expected))
    return re.fullmatch(rf"\s*{pattern}\s*", said, re.DOTALL) is not None
