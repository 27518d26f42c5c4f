"""TOML files with their lines, so that every mistake can be shown where it stands, and all at once."""

from __future__ import annotations

import os
import re
import tomllib
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from connectors.errors import ConfigurationError, Mistake

_T = TypeVar("_T")
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_PATH = re.compile(r" - at `\$?(.*)`$")
_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]|\[\.\.\.\]")
_QUOTED = re.compile(r"`([^`]+)`")
_LIMIT = 100


class Document(msgspec.Struct, frozen=True):
    """A TOML text and where it came from. ``first`` is the file's line on which the text begins (a block inside Markdown)."""

    raw: dict[str, Any]
    text: str
    file: str
    first: int = 1

    def line(self, *path: str) -> int:
        """The line on which ``path`` stands, or that of the nearest part of it that can be found."""
        lines, at = self.text.splitlines(), 0
        for step in path:
            token = re.compile(rf"""(?<![\w-])["']?{re.escape(step)}["']?(?=\s*[=.\]}}])""")
            at = next((n for n in range(at, len(lines)) if token.search(lines[n])), at)
        return self.first + at

    def mistake(self, id: str, message: str, *path: str, hint: str | None = None) -> Mistake:
        """A mistake at ``path`` of this document."""
        return Mistake(id=id, message=message, file=self.file, line=self.line(*path), hint=hint)


def read(path: Path, id: str) -> Document:
    """Read one TOML file. Raises ConfigurationError (``id``) when it is missing, not UTF-8 or not TOML."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError([Mistake(id=id, message=f"cannot be read: {error.strerror}.", file=str(path))]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([Mistake(id=id, message="is not UTF-8.", file=str(path), hint="Save it as UTF-8.")]) from None
    return parse(text, str(path), id)


def parse(text: str, file: str, id: str, first: int = 1) -> Document:
    """Parse TOML text. Raises ConfigurationError (``id``) with the line, or the text's first where the reader itself gives up."""
    try:
        return Document(tomllib.loads(text), text, file, first)
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = first - 1 + (int(found.group(1)) if found else len(text.splitlines()))
        message = f"is not TOML: {_AT_LINE.sub('', str(error)).strip()}."
        raise ConfigurationError([Mistake(id=id, message=message, file=file, line=line)]) from None
    except (ValueError, OverflowError, RecursionError):
        message = "is not TOML that can be read: a number is too long, or something stands too deep inside something else."
        raise ConfigurationError([Mistake(id=id, message=message, file=file, line=first)]) from None


def collect(type_: type[_T], document: Document, id: str, at: tuple[str, ...] = ()) -> tuple[_T | None, list[Mistake]]:
    """Convert ``document`` (or its part at ``at``) to a struct type, with every mistake, not the first alone.

    Structs must forbid unknown fields. Returns (value, []) or (None, mistakes).
    """
    raw: Any = document.raw
    for step in at:
        raw = raw.get(step, {}) if isinstance(raw, dict) else {}
    raw = msgspec.to_builtins(raw, builtin_types=(date, datetime, time))
    mistakes: list[Mistake] = []
    taken: set[tuple[str, ...]] = set()
    for _ in range(_LIMIT):
        try:
            value = msgspec.convert(raw, type_)
        except msgspec.ValidationError as error:
            path, said = _located(str(error))
            lacking = "missing required field" in said
            if not (lacking and (*path, _QUOTED.findall(said)[0]) in taken):
                mistakes.append(document.mistake(id, _words((*at, *path), said), *at, *path, hint="See docs/reference/settings.md."))
            if not _take(raw, path):
                break
            taken.add(tuple(path))
        else:
            return (None, mistakes) if mistakes else (value, [])
    return None, mistakes


def secret(value: str, base: Path) -> str:
    """The text a setting stands for: ``env:NAME`` or ``file:PATH`` (relative to ``base``); other text is itself.

    Raises KeyError(NAME) when the variable is not set, OSError when the file cannot be read.
    """
    if value.startswith("env:"):
        return os.environ[value[4:]]
    if value.startswith("file:"):
        return (base / value[5:]).read_text("utf-8").strip()
    return value


def _located(error: str) -> tuple[list[str], str]:
    found = _PATH.search(error)
    path = [name or index for name, index in _STEP.findall(found.group(1)) if name or index] if found else []
    said = _PATH.sub("", error)
    return (path + _QUOTED.findall(said)[:1] if "unknown field" in said else path), said


def _words(path: tuple[str, ...], said: str) -> str:
    key = ".".join(path)
    if "unknown field" in said:
        return f"unknown key {key!r}."
    if "missing required field" in said:
        return f"the key {'.'.join((*path, _QUOTED.findall(said)[0]))!r} is missing."
    return f"{key}: {said.rstrip('.')}."


def _take(raw: Any, path: list[str]) -> bool:
    """Take the offending value away, so that the next mistake can be seen; False when nothing can be taken."""
    for step in path[:-1]:
        raw = raw[int(step)] if isinstance(raw, list) else raw.get(step) if isinstance(raw, dict) else None
    if path and isinstance(raw, dict):
        return raw.pop(path[-1], path) is not path
    if path and isinstance(raw, list):
        del raw[int(path[-1])]
        return True
    return False
