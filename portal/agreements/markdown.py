"""The shape of an agreement's page: one header block, then numbered clauses of prose, block and ``In short:`` line.

Read with a CommonMark parser, never with patterns of our own: what a Markdown page shows is what is executed, and
whatever one reader of Markdown would show and another hide (raw HTML, images, blocks in quotes or lists, indented
blocks, ``~~~``, link definitions) refuses the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

import msgspec
from markdown_it import MarkdownIt
from markdown_it.token import Token

from connectors.errors import Mistake
from portal.agreements.text import unseen

_TITLE = re.compile(r"## ([1-9][0-9]*)\. (\S.*)")
_FENCE, _OPENING = "```", "```toml"
IN_SHORT = "In short:"
_PARSER = MarkdownIt("commonmark")
# It makes its tables when it is first used. Agreements may be read in two threads at once, so that is now.
_PARSER.parse("first")


class Block(msgspec.Struct, frozen=True):
    """The inside of one ``toml`` fence; ``first`` is the file's line on which it begins, ``after`` the first one below the fence."""

    text: str
    first: int
    after: int


class Section(msgspec.Struct, frozen=True):
    """One clause as it stands on the page: ``short`` is the paragraph after its block, word for word, and its line.

    ``words`` are the paragraphs above the block, without markup.
    """

    number: int
    title: str
    line: int
    block: Block
    short: str | None
    short_line: int
    words: str


class Page(msgspec.Struct, frozen=True):
    """A page that has the right shape. ``words`` are the paragraphs above the first clause, without markup."""

    header: Block
    sections: tuple[Section, ...]
    words: str


class _Reader:
    """Gathers the parts of one page and every mistake in its shape."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.lines = text.split("\n")
        self.mistakes: list[Mistake] = []
        environment: MutableMapping[str, Any] = {}
        self.tokens = _PARSER.parse(text, environment)
        self.definitions = environment.get("references", {})

    def wrong(self, id: str, line: int, message: str, hint: str) -> None:
        self.mistakes.append(Mistake(id=id, message=message, file=self.file, line=line, hint=hint))

    def raw(self, token: Token) -> list[str]:
        start, end = token.map or (0, 0)
        return self.lines[start:end]


def read_page(text: str, file: str) -> tuple[Page | None, list[Mistake]]:
    """The page's parts, or None and every mistake in its shape (CV202 what must not stand in it, CV203 what is missing or misplaced)."""
    reader = _Reader(text, file)
    _refuse_hidden(reader)
    _refuse_fences(reader)
    _refuse_headings(reader)
    parts = list(_split(reader.tokens))
    header = _header(reader, parts[0])
    sections = [_section(reader, expected, part) for expected, part in enumerate(parts[1:], 1)]
    if not sections:
        reader.wrong("CV203", len(reader.lines), "the agreement has no clause.", "Begin one with a heading: '## 1. Who shows what'.")
    if reader.mistakes or header is None:
        return None, reader.mistakes
    return Page(header, tuple(section for section in sections if section), _words(parts[0])), []


def _refuse_hidden(reader: _Reader) -> None:
    for definition in reader.definitions.values():
        reader.wrong("CV202", definition["map"][0] + 1, "a link definition is not shown on the page.", "Write the link where it is used.")
    for token in reader.tokens:
        line = _line(token)
        if token.type == "html_block":
            reader.wrong("CV202", line, "raw HTML must not stand in an agreement.", "Take it out; comments too.")
        if token.type == "code_block":
            reader.wrong("CV202", line, "an indented code block must not stand in an agreement.", "Begin the line at its left edge.")
        for child, at in _inline(token):
            if child.type == "html_inline":
                reader.wrong("CV202", at, "raw HTML must not stand in an agreement.", "Take it out; comments too.")
            elif child.type == "image":
                reader.wrong("CV202", at, "an image must not stand in an agreement.", "Say it in words.")
            elif child.type in ("text", "text_special", "code_inline") and (said := unseen(child.content)):
                reader.wrong("CV202", at, f"written as a character reference, {said}", "Take it out.")


def _inline(token: Token) -> Iterator[tuple[Token, int]]:
    line = _line(token)
    for child in token.children or ():
        yield child, line
        line += child.type in ("softbreak", "hardbreak")


def _refuse_fences(reader: _Reader) -> None:
    for token in reader.tokens:
        if token.type != "fence":
            continue
        raw, line = reader.raw(token), _line(token)
        if token.level:
            reader.wrong("CV202", line, "a block stands inside a list or a quotation.", "Move it to the left edge.")
        elif raw[0] != _OPENING:
            reader.wrong("CV202", line, "a block does not begin with ```toml alone on its line.", "Agreements hold blocks of ```toml only.")
        elif len(raw) < 2 or raw[-1] != _FENCE:
            reader.wrong("CV202", line, "a block is not closed by ``` alone on its line.", "Close it with ``` at the left edge.")


def _refuse_headings(reader: _Reader) -> None:
    begun = False
    for token in reader.tokens:
        if token.type != "heading_open":
            continue
        begun = begun or token.tag == "h2"
        if token.level or not reader.raw(token)[0].startswith("#"):
            reader.wrong("CV202", _line(token), "a heading is nested, indented or underlined.", "Write headings with # at the left edge.")
        elif token.tag == "h1" and begun:
            reader.wrong("CV203", _line(token), "a main heading stands among the clauses.", "Put it above the first clause.")


def _split(tokens: list[Token]) -> Iterator[list[Token]]:
    """The tokens before the first clause, then those of each clause, its heading first."""
    part: list[Token] = []
    for token in tokens:
        if token.type == "heading_open" and token.tag == "h2" and not token.level:
            yield part
            part = []
        part.append(token)
    yield part


def _header(reader: _Reader, part: list[Token]) -> Block | None:
    fences = [token for token in part if token.type == "fence"]
    if not fences:
        reader.wrong("CV203", 1, "the header block is missing.", "Begin with a ```toml block: id, version, standard, title and so on.")
        return None
    for second in fences[1:]:
        reader.wrong("CV203", _line(second), "a second block stands before the first clause.", "Give each clause its own numbered heading.")
    return _block(fences[0])


def _section(reader: _Reader, expected: int, part: list[Token]) -> Section | None:
    line, found = _line(part[0]), _TITLE.fullmatch(reader.raw(part[0])[0])
    if not found or int(found[1]) != expected:
        reader.wrong("CV203", line, f"this heading should be that of clause {expected}.", f"Write it as '## {expected}. Title'.")
    fences = [token for token in part if token.type == "fence"]
    if len(fences) != 1:
        message = f"clause {expected} has {len(fences)} blocks where it needs one."
        reader.wrong("CV203", line, message, "Give each clause exactly one ```toml block.")
        return None
    after = [token for token in part[part.index(fences[0]) + 1 :] if not token.level and token.nesting >= 0]
    block = _block(fences[0])
    short = _short(reader, after)
    for token in after[1 if short is not None else 0 :]:
        reader.wrong("CV203", _line(token), f"text stands after the block of clause {expected}.", "Move it above the block.")
    short_line = _line(after[0]) if short is not None else block.after
    words = _words(part[: part.index(fences[0])])
    return Section(expected, found[2] if found else "", line, block, short, short_line, words)


def _short(reader: _Reader, after: list[Token]) -> str | None:
    if not after or after[0].type != "paragraph_open":
        return None
    paragraph = "\n".join(reader.raw(after[0]))
    return paragraph if paragraph.lstrip().startswith(IN_SHORT) else None


def _words(part: list[Token]) -> str:
    """The paragraphs of a part as a reader reads them, headings left out."""
    heads = {index + 1 for index, token in enumerate(part) if token.type == "heading_open"}
    paragraphs = (_plain(token) for index, token in enumerate(part) if token.type == "inline" and index not in heads)
    return "\n\n".join(filter(None, paragraphs))


def _plain(token: Token) -> str:
    said = (" " if child.type in ("softbreak", "hardbreak") else child.content for child in token.children or ())
    return "".join(said).strip()


def _block(fence: Token) -> Block:
    start, end = fence.map or (0, 0)
    return Block(fence.content, start + 2, end + 1)


def _line(token: Token) -> int:
    return (token.map or (0, 0))[0] + 1
