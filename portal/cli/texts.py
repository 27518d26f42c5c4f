"""The files of agreements as commands find, rewrite and read them, whatever state they are in."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from connectors.errors import ConfigurationError, Mistake
from portal.agreements import Agreement, Vocabulary, fair_copy, read_agreement
from portal.agreements.documents import read_header
from portal.agreements.markdown import read_page
from portal.agreements.text import read_text


def texts(folder: Path, agreement_id: str | None) -> list[Path]:
    """The files of one agreement or of all, read or not."""
    paths = sorted((folder / "agreements").glob("*.md"))
    chosen = [path for path in paths if agreement_id in (None, path.stem.upper())]
    if not chosen and agreement_id:
        raise no_such([path.stem.upper() for path in paths], folder)
    return chosen


def no_such(known: list[str], folder: Path) -> ConfigurationError:
    return ConfigurationError([mistake("CV299", "No such agreement.", folder, f"There are: {', '.join(known) or 'none'}.")])


def rewritten(paths: Iterable[Path]) -> dict[Path, bytes]:
    """The files whose sentences are not what their blocks say, as they should be. Raises ConfigurationError with all mistakes of all."""
    changed: dict[Path, bytes] = {}
    mistakes: list[Mistake] = []
    for path in paths:
        try:
            before = path.read_bytes()
            after = fair_copy(before, str(path))
        except ConfigurationError as error:
            mistakes += error.mistakes
        else:
            changed |= {path: after} if after != before else {}
    if mistakes:
        raise ConfigurationError(mistakes)
    return changed


def replace(path: Path, text: bytes) -> None:
    """Write the file whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(text)
    os.replace(fresh, path)


def read_anywhere(path: Path, vocabulary: Vocabulary) -> Agreement:
    """An agreement whose file may be called anything and lie anywhere, such as an earlier version out of version control."""
    raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    page, mistakes = read_page(read_text(raw, str(path)), str(path))
    header = read_header(page, str(path))[0] if page else None
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"{header.id.lower() if header else 'agreement'}.md"
        copy.write_bytes(raw)
        try:
            return msgspec.structs.replace(read_agreement(copy, vocabulary), file=str(path))
        except ConfigurationError as error:
            told = [msgspec.structs.replace(mistake, file=str(path)) for mistake in error.mistakes]
            raise ConfigurationError(told or mistakes) from None


def mistake(id: str, message: str, path: Path, hint: str) -> Mistake:
    return Mistake(id=id, message=message, file=str(path), hint=hint)
