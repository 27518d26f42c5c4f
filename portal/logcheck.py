"""Verifies an access log from outside: from its file alone, while a portal writes it or long after.

Shares no code with the writer and needs only the standard library, so that an auditor can read it whole, copy it, and run it
elsewhere: ``python logcheck.py access.db``. The rules are those of docs/reference/access-log.md. No message names a value of an event.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

_ALWAYS = ("v", "type", "log", "index", "at", "nonce", "actor")
_FIELDS = {
    "intent": ("access", "purpose", "subject", "query", "agreements", "rulings"),
    "release": ("access", "released"),
    "conclusion": ("access", "ended", "parts", "outcomes", "matched", "released"),
    "refusal": ("why",),
    "reading": ("what",),
    "change": ("what", "id"),
}
_ENDED = ("answered", "client-left", "refused", "failed")
_AT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z", re.ASCII)
_LOG = re.compile(r"[\w./-]{1,100}")
_NONCE = re.compile(r"[0-9a-f]{32}")
_SELECT = "select idx, access, type, body, leaf, link from events order by idx"

_Row = tuple[Any, Any, Any, Any, Any, Any]


@dataclass(frozen=True)
class Problem:
    """What is wrong with one entry. ``index`` is None when it concerns the whole file."""

    index: int | None
    id: str
    message: str


@dataclass(frozen=True)
class Report:
    """What was found. ``open_intents`` counts intents without a conclusion; ``head`` is the last link, in hexadecimal."""

    events: int
    intents: int
    conclusions: int
    open_intents: int
    problems: list[Problem]
    log: str | None = None
    head: str | None = None


def check(path: Path | str) -> Report:
    """Verify every entry of the log in ``path``, read-only, on one snapshot. Problems are returned, never raised."""
    state = _State()
    try:
        with closing(_connect(Path(path))) as connection:
            for row in connection.execute(_SELECT):
                state.take(row)
    except (sqlite3.Error, OSError) as error:
        why = getattr(error, "sqlite_errorname", None) or type(error).__name__
        state.say(None, "CV730", f"The file cannot be read as an access log any further ({why}).")
    return state.report()


def report_text(report: Report) -> str:
    """The report in words, and what it cannot say."""
    # What a changed file says must not steer the terminal of whoever reads this.
    log = report.log if report.log and _LOG.fullmatch(report.log) else "unknown"
    lines = [f"Log {log}: {_many(report.events, 'event')}, {_many(report.intents, 'intent')}, "
             f"{_many(report.conclusions, 'conclusion')}."]  # fmt: skip
    lines += [f"{problem.id} {_where(problem.index)}{problem.message}" for problem in report.problems]
    if report.open_intents:
        lines.append(
            f"{_many(report.open_intents, 'intent')} without a conclusion: still being answered, or cut short. "
            "Assume that all that was permitted was seen."
        )
    if report.head is not None:
        lines.append(f"The last link is {report.head}.")
    lines.append(
        "A chain shows what was changed or taken out between two entries that are there. It cannot show that its last entries are "
        "missing, nor that the whole was written anew: compare the last link, or a receipt's index and leaf, with what somebody else kept."
    )
    lines.append(_verdict(report))
    return "\n".join(lines)


def main(argv: list[str]) -> int:
    """Verify the file named and print the report. 0 no problem, 1 problems, 2 wrong use."""
    if len(argv) != 1 or argv[0].startswith("-"):
        print("Usage: python logcheck.py ACCESS.DB", file=sys.stderr)
        return 2
    report = check(argv[0])
    print(report_text(report))
    return 1 if report.problems else 0


@dataclass
class _State:
    """What has been seen so far; ``stored`` is the last link as it stands, ``reckoned`` as it follows from the leaves."""

    events: int = 0
    intents: int = 0
    conclusions: int = 0
    next: int = 0
    at: str = ""
    log: str | None = None
    stored: bytes = bytes(32)
    reckoned: bytes = bytes(32)
    problems: list[Problem] = field(default_factory=list)
    concluded: dict[str, bool] = field(default_factory=dict)

    def take(self, row: _Row) -> None:
        index, access, type_, body, leaf, link = row
        self.events += 1
        if not isinstance(index, int):
            self.say(None, "CV724", "An entry has no index.")
            return
        self._contiguous(index)
        self._chained(index, leaf, link)
        event = self._event(index, body)
        if event is not None:
            self._columns(index, access, type_, event)
        if not isinstance(body, bytes) or leaf != hashlib.sha256(b"\x00" + body).digest():
            self.say(index, "CV722", "The leaf is not that of the body: one of them was changed.")
            event = None
        if event is None:
            self._access(index, access, type_)  # what the columns say keeps one changed body from casting doubt on other entries
            return
        self._form(index, event)
        self._time(index, event.get("at"))
        self._access(index, event.get("access"), event.get("type"))

    def report(self) -> Report:
        head = self.stored.hex() if self.events else None
        open_intents = sum(not ended for ended in self.concluded.values())
        return Report(self.events, self.intents, self.conclusions, open_intents, self.problems, self.log, head)

    def say(self, index: int | None, id: str, message: str) -> None:
        self.problems.append(Problem(index, id, message))

    def _contiguous(self, index: int) -> None:
        if index != self.next:
            missing = f"{self.next} to {index - 1}" if index - 1 > self.next else f"{self.next}"
            self.say(index, "CV724", f"Entries are missing before this one: {missing}." if index > self.next else "The index is below 0.")
        self.next = index + 1

    def _chained(self, index: int, leaf: object, link: object) -> None:
        # An entry may follow from the link that stands before it or from the one that should: so only the entry changed is named.
        sound = False
        if isinstance(leaf, bytes) and isinstance(link, bytes):
            sound = link in (_link(self.stored, leaf), _link(self.reckoned, leaf))
            self.reckoned = link if sound else _link(self.stored, leaf)
            self.stored = link
        if not sound:
            self.say(index, "CV723", "The link does not follow from the entry before: either was changed, or one between was taken out.")

    def _event(self, index: int, body: object) -> dict[str, Any] | None:
        try:
            event = _parsed(body)
        except (ValueError, RecursionError) as error:
            self.say(index, "CV721", f"The body is not canonical JSON: {error}." if type(error) is ValueError else "The body is not JSON.")
            return None
        return event

    def _columns(self, index: int, access: object, type_: object, event: dict[str, Any]) -> None:
        stored = {"index": index, "access": access, "type": type_}
        for name, value in stored.items():
            if event.get(name) != value or isinstance(event.get(name), bool):
                self.say(index, "CV725", f"The column for {name!r} is not what the body says.")

    def _form(self, index: int, event: dict[str, Any]) -> None:
        type_ = str(event.get("type"))
        if type_ not in _FIELDS:
            self.say(index, "CV729", "The event is of no known type.")
        lacking = [name for name in (*_ALWAYS, *_FIELDS.get(type_, ())) if name not in event]
        if lacking:
            self.say(index, "CV731", f"The event lacks {', '.join(lacking)}.")
        known = event.get("v") == 1 and event.get("v") is not True and event.get("ended", "answered") in _ENDED
        if not known or not _NONCE.fullmatch(str(event.get("nonce"))):
            self.say(index, "CV732", "The version, the nonce or the way it ended is none that is known.")
        self.log = self.log if self.log is not None else str(event.get("log"))
        if event.get("log") != self.log:
            self.say(index, "CV733", "The event belongs to another log.")

    def _time(self, index: int, at: object) -> None:
        if not isinstance(at, str) or not _is_moment(at):
            self.say(index, "CV734", "The time is not a UTC moment in milliseconds.")
        elif at < self.at:
            self.say(index, "CV728", "The time is before that of an earlier entry.")
        else:
            self.at = at

    def _access(self, index: int, named: object, type_: object) -> None:
        access = str(named)
        if type_ == "intent":
            self.intents += 1
            if access in self.concluded:
                self.say(index, "CV735", "The access already has an intent.")
            self.concluded.setdefault(access, False)
        elif type_ == "conclusion":
            self.conclusions += 1
            if access not in self.concluded:
                self.say(index, "CV726", "The conclusion has no intent before it.")
            elif self.concluded[access]:
                self.say(index, "CV727", "The access already has a conclusion.")
            self.concluded[access] = True
        elif type_ == "release" and self.concluded.get(access, True):
            self.say(index, "CV736", "The release has no open intent before it.")


def _connect(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise FileNotFoundError
    # Without a write-ahead log beside it nobody has the file open: read it as it lies and leave nothing beside it.
    lying = "" if path.with_name(path.name + "-wal").exists() else "&immutable=1"
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro{lying}", uri=True, timeout=5.0)
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    return connection


def _link(previous: bytes, leaf: bytes) -> bytes:
    return hashlib.sha256(previous + leaf).digest()


def _parsed(body: object) -> dict[str, Any]:
    """The event a body holds. Raises ValueError unless the body is, byte for byte, the canonical form of that event."""
    if not isinstance(body, bytes):
        raise ValueError("it is not bytes")
    event = json.loads(body, parse_float=_refused, parse_constant=_refused, parse_int=_integer)
    if not isinstance(event, dict):
        raise ValueError("it is not an object")
    if any(value is None for value in _walk(event)):
        raise ValueError("it holds a null")
    if json.dumps(event, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() != body:
        raise ValueError("written again it differs")
    return event


def _walk(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, dict):
        if not all(key.isascii() for key in value):
            raise ValueError("a key is not ASCII")
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _walk(each)


def _refused(text: str) -> NoReturn:
    raise ValueError("it holds a number that is no integer")


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) >= 2**53:
        raise ValueError("it holds an integer of 2^53 or more")
    return int(text)


def _is_moment(text: str) -> bool:
    try:
        return bool(_AT.fullmatch(text)) and datetime.fromisoformat(text) is not None
    except ValueError:
        return False


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _where(index: int | None) -> str:
    return "" if index is None else f"entry {index}: "


def _verdict(report: Report) -> str:
    if report.problems:
        return f"FAILED: {_many(len(report.problems), 'problem')}."
    return "No problem found." if report.events else "No problem found, and no event: is this the right file?"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
