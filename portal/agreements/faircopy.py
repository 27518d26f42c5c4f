"""Writes the ``In short:`` paragraph of every clause where it belongs: what ``agreement fmt`` does."""

from __future__ import annotations

from connectors.errors import ConfigurationError
from portal.agreements.documents import read_header, read_terms
from portal.agreements.markdown import read_page
from portal.agreements.text import read_text
from portal.agreements.wording import in_short


def fair_copy(raw: bytes, file: str) -> bytes:
    """The same file with every ``In short:`` paragraph made anew from its block; all else stays, byte for byte.

    Raises ConfigurationError (CV201-CV204) when the page or a block cannot be read. Names are not looked up.
    """
    text = read_text(raw, file)
    page, mistakes = read_page(text, file)
    if page is None:
        raise ConfigurationError(mistakes)
    header, _, mistakes = read_header(page, file)
    lines = text.split("\n")
    for section in reversed(page.sections):
        terms, _, wrong = read_terms(section, file)
        mistakes += wrong
        if terms and header:
            written = in_short(terms, header.standard)
            old = section.short.count("\n") + 1 if section.short is not None else 0
            at = section.short_line - 1 if old else section.block.after - 1
            lines[at : at + old] = [written] if old else _inserted(lines, at, written)
    if mistakes:
        raise ConfigurationError(mistakes)
    return "\n".join(lines).encode()


def _inserted(lines: list[str], at: int, written: str) -> list[str]:
    return [written] if at >= len(lines) or not lines[at] else [written, ""]
