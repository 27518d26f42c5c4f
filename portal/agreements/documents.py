"""One agreement as its file says it: header and clauses as frozen structs, every mistake with its line.

The shape of the page is markdown.py's, the names are checked in vetting.py; here a page's blocks become nouns.
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from connectors.errors import ConfigurationError, Mistake
from connectors.settings import Document, collect, parse
from portal.agreements.markdown import Page, Section, read_page
from portal.agreements.text import read_text, unseen_in
from portal.agreements.vetting import vet_clause, vet_header
from portal.agreements.vocabulary import Vocabulary
from portal.agreements.wording import in_short

Text = Annotated[str, msgspec.Meta(min_length=1)]
Names = Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
_T = TypeVar("_T")

#: Clause keys that later versions will understand. Until then a clause that leans on one would promise what is not kept.
NOT_YET = (
    "ages", "assurance", "break_glass", "conditions", "consent", "handling", "history", "identifier", "informing", "match",
    "notify", "reason", "relationship", "retention",
)  # fmt: skip
_SEE = "See docs/reference/agreements.md."


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agreement's first block. Dates are local calendar dates, both ends included; ``grace_days`` run from ``review_by``."""

    id: Annotated[str, msgspec.Meta(pattern="^[A-Z0-9]+(-[A-Z0-9]+)*$", max_length=40)]
    version: Annotated[int, msgspec.Meta(ge=1)] | Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]*(\\.[0-9]+)*$", max_length=20)]
    standard: Annotated[str, msgspec.Meta(pattern="^[0-9]+\\.[0-9]+(\\.[0-9]+)?$", max_length=20)]
    title: Text
    partners: Annotated[tuple[Text, ...], msgspec.Meta(min_length=2)]
    coordinator: Text
    starts: date
    review_by: date
    grace_days: Annotated[int, msgspec.Meta(ge=0, le=90)] = 28
    ends: date | None = None
    dpia: Text
    benefit: Text
    measure: Text


class KindTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a clause says of one record kind. A refusal names no tiers: it holds at every tier."""

    fields: Literal["all"] | Names
    ceiling: Literal["T1", "T2", "T3", "T4", "T5"] | None = None
    existence: Literal["T1", "T2", "T3", "T4", "T5"] | None = None


class Basis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The law relied on, as the partners name it. It is recorded, not judged: an agreement does not make sharing lawful."""

    article6: Text
    article9: Text | None = None
    article10: Text | None = None
    schedule1: Text | None = None
    part3: Text | None = None
    power: Text | None = None


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The clause's own first and last day, both included."""

    starts: date | None = None
    ends: date | None = None


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One clause's block."""

    from_: Names = msgspec.field(name="from")
    to: Names
    roles: Names
    purposes: Names
    kinds: Annotated[dict[Text, KindTerms], msgspec.Meta(min_length=1)]
    basis: Basis | None = None
    effect: Literal["permit", "deny"] = "permit"
    when: When = When()


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered clause. ``short`` is the sentence that register, page and signer show."""

    number: int
    title: str
    terms: Terms
    short: str


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """One agreement's text, whole and well formed. ``hash`` is ``sha256:`` and that of the file's bytes, in hex."""

    header: Header
    clauses: tuple[Clause, ...]
    hash: str
    file: str
    line: int

    @property
    def id(self) -> str:
        return self.header.id

    @property
    def version(self) -> str:
        return str(self.header.version)

    @property
    def key(self) -> str:
        """``ISA-07@3``, as decisions and the access log cite it."""
        return f"{self.id}@{self.version}"

    @property
    def last_day(self) -> date:
        """The last day of the grace that follows the review date."""
        return self.header.review_by + timedelta(days=self.header.grace_days)

    @property
    def text(self) -> str:
        """The ``In short:`` paragraphs, one below the other: what the register shows."""
        return "\n\n".join(clause.short for clause in self.clauses)

    def cite(self, number: int) -> str:
        """``ISA-07 §3``."""
        return f"{self.id} §{number}"


def read_agreement(path: Path, vocabulary: Vocabulary) -> Agreement:
    """One agreement's file. Raises ConfigurationError (CV200-CV212) with every mistake in it."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigurationError([Mistake(id="CV200", message=f"cannot be read: {error.strerror}.", file=str(path))]) from None
    text = read_text(raw, str(path))
    page, mistakes = read_page(text, str(path))
    if page is None:
        raise ConfigurationError(mistakes)
    return _agreement(page, raw, path, vocabulary)


def _agreement(page: Page, raw: bytes, path: Path, vocabulary: Vocabulary) -> Agreement:
    header, block, mistakes = read_header(page, str(path))
    clauses: list[Clause] = []
    for section in page.sections:
        clause, wrong = _clause(section, str(path), header, vocabulary)
        mistakes += wrong
        clauses += [clause] if clause else []
    if header and block:
        mistakes += vet_header(header, block, path.stem, vocabulary)
    if mistakes or header is None or block is None:
        raise ConfigurationError(sorted(mistakes, key=lambda mistake: mistake.line or 0))
    hashed = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    return Agreement(header=header, clauses=tuple(clauses), hash=hashed, file=str(path), line=block.line("id"))


def read_header(page: Page, file: str) -> tuple[Header | None, Document | None, list[Mistake]]:
    """The page's header block; None and its mistakes (CV204) when it does not hold what a header holds."""
    return _read(Header, page.header.text, file, page.header.first)


def read_terms(section: Section, file: str) -> tuple[Terms | None, Document | None, list[Mistake]]:
    """One clause's block; None and its mistakes (CV204, CV210) when it does not hold what a clause holds."""
    return _read(Terms, section.block.text, file, section.block.first)


def _read(type_: type[_T], text: str, file: str, first: int) -> tuple[_T | None, Document | None, list[Mistake]]:
    try:
        block = parse(text, file, "CV204", first)
    except ConfigurationError as error:
        return None, None, [msgspec.structs.replace(mistake, hint=_SEE) for mistake in error.mistakes]
    hidden = "written as an escape,"
    mistakes = [block.mistake("CV201", f"{hidden} {said}", *path, hint="Take it out.") for path, said in unseen_in(block.raw)]
    known, not_yet = _without_not_yet(block) if type_ is Terms else (block, [])
    value, wrong = collect(type_, known, "CV204")
    mistakes += not_yet + [msgspec.structs.replace(mistake, hint=_SEE) for mistake in wrong]
    return (None if mistakes else value), block, mistakes


def _without_not_yet(block: Document) -> tuple[Document, list[Mistake]]:
    raw: dict[str, Any] = {key: value for key, value in block.raw.items() if key not in NOT_YET}
    hint = "Take it out, or wait with this clause: it would promise what the portal does not yet keep."
    mistakes = [
        block.mistake("CV210", f"{key!r} is not supported yet.", *path, hint=hint)
        for path in _named(block.raw)
        for key in (".".join(path),)
    ]
    return msgspec.structs.replace(block, raw=raw), mistakes


def _named(raw: dict[str, Any]) -> list[tuple[str, ...]]:
    """The keys not yet supported; an empty ``conditions`` table asks for nothing and is fine."""
    found: list[tuple[str, ...]] = []
    for key in NOT_YET:
        if key == "conditions" and isinstance(raw.get(key), dict):
            found += [(key, name) for name in raw[key]]
        elif key in raw:
            found.append((key,))
    return found


def _clause(section: Section, file: str, header: Header | None, vocabulary: Vocabulary) -> tuple[Clause | None, list[Mistake]]:
    terms, block, mistakes = read_terms(section, file)
    if terms is None or block is None:
        return None, mistakes
    if header:
        mistakes += vet_clause(terms, header, block, vocabulary)
    mistakes += _short_mistakes(section, file, in_short(terms, header.standard)) if header else []
    if mistakes or header is None:
        return None, mistakes
    return Clause(number=section.number, title=section.title, terms=terms, short=in_short(terms, header.standard)), []


def _short_mistakes(section: Section, file: str, due: str) -> list[Mistake]:
    if section.short == due:
        return []
    said = "does not say what its block says" if section.short else "is missing"
    message = f"the paragraph 'In short:' of clause {section.number} {said}."
    hint = f"Below the block must stand, on one line: {due}"
    return [Mistake(id="CV205", message=message, file=file, line=section.short_line, hint=hint)]
