"""Canaries: texts, numbers and days that stand nowhere else, where each of them stands, and a search that knows their disguises."""

from __future__ import annotations

import base64
import binascii
import random
import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import unquote_to_bytes

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
#: So much of a marker gives it away: half a name is a leak, too.
_ENOUGH = 8
_TEXT = re.compile(rb"zq(?=([a-z]{6}))")
_DIGITS = re.compile(rb"\d{10,}")
_DIGESTS = re.compile(rb"[0-9a-f]{32,}")
#: What is left of a digest that a database's page has cut in two, with whatever byte the page begins with.
_PIECES = re.compile(rb"[0-9a-f]{8,}")
_SQLITE = b"SQLite format 3\0"
_GROUPED = re.compile(rb"(?<=\d)[ .-](?=\d)")
#: A day or month of a year in which nothing but a canary's time lies: births in 1910-1919, records in the 1800s and 2100s.
_YEAR = rb"(?:191\d|18\d\d|21[3-9]\d)"
_DAYS = re.compile(
    rb"(?<![0-9a-z])" + _YEAR + rb"-(?:0[1-9]|1[0-2])(?!\d)|\d\d[/.]\d\d[/.]" + _YEAR + rb"(?!\d)|\"" + _YEAR + rb"\"|"
    rb"(?<!\d)" + _YEAR + rb"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)"
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{11,}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){8,}")
_ESCAPES = re.compile(rb"\\u00([0-9a-fA-F]{2})|\\x([0-9a-fA-F]{2})|&#x([0-9a-fA-F]{2});")


@dataclass(frozen=True)
class Where:
    """Where a marker stands: in a record of a source (``kind`` and ``field``), among a child's own details, or in a question or a failure."""

    child: str
    what: str
    source: str = ""
    kind: str = ""
    field: str = ""
    inner: str = ""
    checked: bool = True
    future: bool = False


class Markers:
    """Makes markers, each once, and knows where each stands."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._texts: dict[str, tuple[str, Where]] = {}
        self._exact: dict[str, Where] = {}
        self._day = {"born": date(1910, 1, 3), "past": date(1800, 2, 5), "future": date(2130, 2, 5)}

    def text(self, where: Where) -> str:
        """Twelve letters that begin with Zq, of which the first eight are nobody else's."""
        while True:
            marker = "Zq" + "".join(self._random.choices(_LETTERS, k=10))
            if marker[:_ENOUGH].lower() not in self._texts:
                self._texts[marker[:_ENOUGH].lower()] = (marker, where)
                return marker

    def number(self, where: Where) -> int:
        """Ten digits that no clock and no counter reaches."""
        return int(self.known(str(self._random.randrange(1_200_000_000, 1_600_000_000)), where))

    def day(self, era: str, where: Where) -> str:
        """A day (ISO) of a year that no other time uses: ``born``, ``past`` or ``future``."""
        step = 365 if era == "born" else 2
        self._day[era] += timedelta(days=step)
        return self.known(self._day[era].isoformat(), where)

    def known(self, text: str, where: Where) -> str:
        """A number or day made elsewhere, noted as a marker."""
        assert text not in self._exact, "a marker stands in one place"
        self._exact[text] = where
        return text

    def standing(self, child: str) -> Iterator[Where]:
        """Where every marker of one child stands."""
        yield from (where for _, where in self._texts.values() if where.child == child)
        yield from (where for where in self._exact.values() if where.child == child)

    def read(self, shown: bytes) -> dict[str, Where]:
        """The markers that stand in clear in what somebody was shown, and where they come from."""
        lower = shown.lower()
        found = {self._texts[prefix] for match in _TEXT.finditer(lower) if (prefix := f"zq{match[1].decode()}") in self._texts}
        exact = {text for text in re.findall(r"\d{4}-\d\d-\d\d|\d{10}", shown.decode()) if text in self._exact}
        return dict(found) | {text: self._exact[text] for text in exact}

    def sightings(self, data: bytes) -> set[str]:
        """Everything in ``data`` that is a marker, half of one, or one in disguise; in words."""
        return {said for bare in unveiled(data) for said in self._in(bare)}

    def _in(self, data: bytes) -> Iterator[str]:
        for match in _TEXT.finditer(data.lower()):
            marker, where = self._texts.get(f"zq{match[1].decode()}", (None, None))
            if marker:
                yield f"{marker}: {where}"
        # Digests are digits and letters by chance; no marker stands inside one, and two would be needed to look like one.
        plain = _DIGESTS.sub(b"", data)
        for digits in (plain, _GROUPED.sub(b"", plain)):
            for run in _DIGITS.findall(digits):
                for text in {run[at : at + 10].decode() for at in range(len(run) - 9)} & self._exact.keys():
                    yield f"{text}: {self._exact[text]}"
        for match in _DAYS.finditer(plain):
            yield f"{match[0].decode()}: a day of a canary's time"


def unveiled(data: bytes) -> Iterator[bytes]:
    """The bytes as they stand, and as they read without the usual disguises."""
    yield data
    yield data[::-1]
    if b"\0" in data:
        yield data.replace(b"\0", b"")  # UTF-16 and UTF-32
    if b"%" in data:
        yield unquote_to_bytes(data)
    if _ESCAPES.search(data):
        yield _ESCAPES.sub(lambda found: bytes.fromhex((found[1] or found[2] or found[3]).decode()), data)
    yield b"\n".join(_decoded_hex(data))
    yield b"\n".join(_decoded_base64(data))


def _decoded_hex(data: bytes) -> Iterator[bytes]:
    for run in _HEX.findall(data):
        for start in (0, 1):
            part = run[start:]
            yield binascii.unhexlify(part[: len(part) // 2 * 2])


def _decoded_base64(data: bytes) -> Iterator[bytes]:
    for run in _BASE64.findall(data):
        for start in range(4):
            part = run[start:].replace(b"-", b"+").replace(b"_", b"/")
            part = part[:-1] if len(part) % 4 == 1 else part
            yield base64.b64decode(part + b"=" * (-len(part) % 4))


def files(*folders: Path) -> Iterator[Path]:
    """Every file below ``folders``, whatever its name."""
    for folder in folders:
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def leaks(markers: Markers, paths: Iterable[Path]) -> list[str]:
    """Every sighting in every file, and in the files' names. What databases hold as digests is known whole, and counts for nothing in pieces."""
    searched = [*paths]
    pieces = _pieces(digests(searched))
    said: list[str] = []
    for path in searched:
        found = markers.sightings(_without(pieces, path.read_bytes())) | markers.sightings(path.name.encode())
        said += [f"{path}: {each}" for each in sorted(found)]
    return said


def digests(paths: Iterable[Path]) -> set[bytes]:
    """Every digest in a value of a database that was closed in order. A page may cut what its value holds whole."""
    return {digest for path in paths if path.read_bytes()[:16] == _SQLITE for value in _values(path) for digest in _DIGESTS.findall(value)}


def _values(database: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)) as opened:
        for (table,) in opened.execute("select name from sqlite_master where type = 'table'").fetchall():
            for row in opened.execute(f'select * from "{table}"'):
                yield from (value if isinstance(value, bytes) else value.encode() for value in row if isinstance(value, bytes | str))


def _pieces(whole: Iterable[bytes]) -> frozenset[bytes]:
    """Every beginning and every end of a digest that is long enough to look like a day."""
    return frozenset(piece for digest in whole for at in range(8, len(digest)) for piece in (digest[:at], digest[-at:]))


def _without(pieces: Collection[bytes], data: bytes) -> bytes:
    """What is left without them: the piece alone, or behind one byte of the page's own."""
    return _PIECES.sub(lambda run: b"" if run[0] in pieces or run[0][1:] in pieces else run[0], data)
