"""``source.matching``: how one source tells children apart, as its agency has tuned it. Read when the source's file is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec

from connectors.errors import ConfigurationError, Mistake
from connectors.matching.loading import load_matcher
from connectors.matching.matcher import Matcher
from connectors.matching.tables import Columns, columns_of
from connectors.settings import Document

#: A file's name, relative to the folder of the source's file.
Name = Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[^\x00]+$")]
_TABLE, _FILES, _OF_A_MODEL = ("source", "matching"), ("weights", "model", "frequencies", "mapping"), ("frequencies", "mapping")
_MOST = 1_000_000_000


class Tuning(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The table. ``population`` is how many children the source holds; ``mapping`` says which of the model's columns holds which field."""

    population: Annotated[int, msgspec.Meta(ge=1, le=_MOST)] | None = None
    weights: Name | None = None
    model: Name | None = None
    frequencies: Name | None = None
    mapping: Name | None = None


def tuned(document: Document, folder: Path) -> tuple[Matcher, list[Mistake]]:
    """The matcher of a source whose files lie under ``folder``, and every mistake in them. Keys of a wrong sort are told elsewhere.

    Each mistake has a line: that of the file it is in, or, where that one has no lines, that of the key which names the file.
    A model never switches the brother, sister or twin off as a rival.
    """
    raw = _raw(document)
    named = {key: raw[key] for key in _FILES if _is(raw.get(key), Name)}
    mistakes = [_alone(document, key) for key in _OF_A_MODEL if key in raw and "model" not in raw]
    files = {key: folder / name for key, name in named.items()}
    matcher, wrong = _matcher(files, raw.get("population"))
    return matcher, mistakes + [_placed(each, document, files, named) for each in wrong]


def _matcher(files: dict[str, Path], population: object) -> tuple[Matcher, list[Mistake]]:
    """What the files make. With a mapping that is wrong, no more is said of columns: a model would lack what the mapping names."""
    columns, mistakes = _columns(files.get("mapping"))
    model = files.get("model")
    try:
        matcher = load_matcher(
            weights=files.get("weights"),
            model=model,
            frequencies=files.get("frequencies") if model else None,
            columns=columns,
            population=population if isinstance(population, int) else None,
            siblings=True,
        )
    except ConfigurationError as error:
        return Matcher(), mistakes + [each for each in error.mistakes if not (mistakes and each.id == "CV612")]
    return matcher, mistakes


def _columns(mapping: Path | None) -> tuple[Columns | None, list[Mistake]]:
    try:
        written = columns_of(mapping) if mapping else None
    except ConfigurationError as error:
        return None, error.mistakes
    return written.of(written) if written else None, []


def _raw(document: Document) -> dict[str, Any]:
    """The table as written, empty where there is none."""
    raw: Any = document.raw
    for step in _TABLE:
        raw = raw.get(step) if isinstance(raw, dict) else None
    return raw if isinstance(raw, dict) else {}


def _is(value: object, type_: Any) -> bool:
    try:
        msgspec.convert(value, type_)
    except msgspec.ValidationError:
        return False
    return True


def _alone(document: Document, key: str) -> Mistake:
    hint = "Name the model as well, or leave it out."
    return document.mistake("CV151", f"source.matching.{key} belongs to a model, and there is none.", *_TABLE, key, hint=hint)


def _placed(mistake: Mistake, document: Document, files: dict[str, Path], named: dict[str, str]) -> Mistake:
    """The same mistake with a line to look at."""
    if mistake.file and mistake.line:
        return mistake
    key = next((key for key, path in files.items() if str(path) == mistake.file), None)
    told = f"source.matching.{key}: {named[key]}: {mistake.message}" if key else mistake.message
    return document.mistake(mistake.id, told, *_TABLE, *([key] if key else []), hint=mistake.hint)
