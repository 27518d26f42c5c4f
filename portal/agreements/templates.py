"""Skeletons of agreements after the headings of published frameworks: what ``agreement new`` begins with.

Words between ``{{`` and ``}}`` are for the authors. Those that are known are filled in; the others stay, and no file that holds one can
be signed (CV231).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TypeAlias

from connectors.errors import Mistake

#: What fills a place: a text, a whole number, a day, or names.
Value: TypeAlias = str | int | date | Sequence[str]

_PLACE = re.compile(r"\{\{([^{}\n]+)\}\}")
_LISTED = re.compile(r'\["\{\{([^{}\n]+)\}\}"\]')
_QUOTED = re.compile(r'"\{\{([^{}\n]+)\}\}"')
_FENCED = re.compile(r"(^```toml\n.*?^```$)", re.MULTILINE | re.DOTALL)
_HERE = Path(__file__).resolve()


def templates() -> dict[str, str]:
    """Every template by name, its places not filled."""
    return {path.stem: path.read_text("utf-8") for path in sorted(_folder().glob("*.md")) if path.stem != "README"}


def filled(name: str, **values: Value) -> str:
    """The template of that name with its places filled; a place of which nothing is said stays. Raises KeyError.

    ``partners`` also gives ``parties``, and ``from`` (the first) and ``to`` (the others) unless these are given: ``from_`` stands for
    ``from``. ``id``, ``title``, ``coordinator``, ``standard``, ``starts``, ``review_by`` and ``roles`` have places in every template.
    """
    known: dict[str, Value] = {key.rstrip("_"): value for key, value in values.items()}
    partners = known.get("partners")
    if partners is not None and not isinstance(partners, str | int | date):
        known = {"from": partners[:1], "to": partners[1:], **known}
    parts = _FENCED.split(templates()[name])
    return "".join(_in_block(part, known) if index % 2 else _in_words(part, known) for index, part in enumerate(parts))


def places(text: str, file: str) -> Iterator[Mistake]:
    """Places that nobody has filled, as mistakes (CV231) with their lines."""
    for number, line in enumerate(text.split("\n"), 1):
        for place in _PLACE.findall(line):
            hint = "It came with the template: write what fits here in its place."
            yield Mistake(id="CV231", message=f"'{{{{{place}}}}}' is still to be written.", file=file, line=number, hint=hint)


def _in_block(block: str, values: Mapping[str, Value]) -> str:
    """A ``toml`` block: a place in brackets takes a list, one in quotes a single value."""
    block = _LISTED.sub(lambda found: _names(values[found[1]]) if found[1] in values else found[0], block)
    block = _QUOTED.sub(lambda found: _literal(values[found[1]]) if found[1] in values else found[0], block)
    return block.replace("[parties]\n{{parties}}", _parties(values.get("partners", ())))


def _in_words(words: str, values: Mapping[str, Value]) -> str:
    return _PLACE.sub(lambda found: _said(values[found[1]]) if found[1] in values else found[0], words)


def _names(value: Value) -> str:
    return json.dumps(
        [value] if isinstance(value, str) else list(value) if isinstance(value, Sequence) else [str(value)], ensure_ascii=False
    )


def _literal(value: Value) -> str:
    """As TOML writes it: a JSON text is a TOML text, a day stands bare."""
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value if isinstance(value, str | int) else _said(value), ensure_ascii=False)


def _said(value: Value) -> str:
    if isinstance(value, str | int | date):
        return str(value)
    return " and ".join((", ".join(value[:-1]), value[-1])) if len(value) > 1 else "".join(value)


def _parties(partners: Value) -> str:
    """One table for each partner, its particulars for the partner to write."""
    names = partners if not isinstance(partners, str | int | date) else ()
    tables = [
        f'[parties.{name}]\ncontact = "{{{{desk and phone of {name}}}}}"\ndpo = "{{{{data protection officer of {name}}}}}"\n'
        'controller = "controller"'
        for name in names
    ]
    return "\n\n".join(tables) if tables else "[parties]"


def _folder() -> Path:
    """The templates inside an installed package, else those of the repository."""
    shipped = _HERE.parents[1] / "_templates"
    return shipped if shipped.is_dir() else _HERE.parents[2] / "deploy" / "templates"
