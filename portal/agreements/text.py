"""Is this text what it seems to be? Bytes that a reader's eye and a parser could take for different things are refused.

A signer reads a page; the portal reads bytes. Letters that cannot be seen, two spellings of one letter, and stray line
ends would let the two differ. Files that are no plain files are never opened as one: a pipe would hold its reader for ever.
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from connectors.errors import ConfigurationError, Mistake

#: Letters and marks that draw nothing, or as good as nothing, though their Unicode category is an ordinary one.
_DRAWS_NOTHING = frozenset(
    ["\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u2800", "\u3164", "\uffa0"]
    + [chr(number) for number in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))]
)
#: So many bytes a text may have, a file of suspensions, and a list that was signed. A text of this length, made to be read slowly, takes
#: little more than a second; the demonstration's longest has 15 KiB, and 500 signed lists together 19 MiB.
LONGEST_TEXT, LONGEST_STOPS, LONGEST_LIST = 1 << 18, 1 << 20, 16 << 20
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def files_of(folder: Path, ending: str) -> list[Path]:
    """The files of a folder whose names end like this, by name; none of one that is not there. Names that begin with a dot are an editor's.

    Raises ConfigurationError (CV246) when the folder cannot be read.
    """
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        message, hint = f"the folder cannot be read: {error.strerror}.", "Look at its owner and mode."
        raise ConfigurationError([Mistake(id="CV246", message=message, file=str(folder), hint=hint)]) from None
    return [folder / name for name in sorted(names) if name.endswith(ending) and not name.startswith(".")]


def read_bytes(path: Path, longest: int) -> bytes:
    """A plain file's bytes. Raises OSError with its reason: not there, a link, a pipe, a folder, or longer than ``longest`` bytes."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a link, and links are not followed") from None
        raise
    with open(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no plain file")
        raw = file.read(longest + 1)
    if len(raw) > longest:
        raise OSError(errno.EFBIG, f"it is longer than {longest >> 10} KiB")
    return raw


def read_text(raw: bytes, file: str) -> str:
    """The text of an agreement's bytes. Raises ConfigurationError (CV201), with every line that is not plain text."""
    if raw.startswith(b"\xef\xbb\xbf"):
        raise ConfigurationError([_mistake(file, 1, "the file begins with a byte order mark.", "Save it as UTF-8 without BOM.")])
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigurationError([_mistake(file, line, "the file is not UTF-8.", "Save it as UTF-8.")]) from None
    mistakes = [
        _mistake(file, number, said, "Type the line again in a plain text editor.")
        for number, line in enumerate(text.split("\n"), 1)
        if (said := unseen(line))
    ]
    if mistakes:
        raise ConfigurationError(mistakes)
    return text


def unseen(text: str) -> str | None:
    """What in ``text`` a reader cannot see, in words that name the character; None if all of it can be seen."""
    if text.isascii() and text.isprintable():
        return None
    for character in text:
        if character == "\r":
            return "the line ends in a carriage return (lines must end in LF alone)."
        if unicodedata.category(character) in _UNSEEN or character in _DRAWS_NOTHING:
            return f"the line holds a control or invisible character (U+{ord(character):04X})."
        if character != " " and unicodedata.category(character) == "Zs":
            return f"the line holds a space that is not an ordinary one (U+{ord(character):04X})."
    if not unicodedata.is_normalized("NFC", text):
        return "the line is not in Unicode normal form C."
    return None


def unseen_in(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text within a TOML value that holds something unseen (an escape can hide it), with its path."""
    if isinstance(value, str) and (said := unseen(value)):
        yield path, said
    elif isinstance(value, list):
        for each in value:
            yield from unseen_in(each, path)
    elif isinstance(value, dict):
        for key, each in value.items():
            if said := unseen(key):
                yield path, said
            yield from unseen_in(each, (*path, key))


def _mistake(file: str, line: int, message: str, hint: str) -> Mistake:
    return Mistake(id="CV201", message=message, file=file, line=line, hint=hint)
