"""One agreement as its file says it: header and clauses as frozen structs, every mistake with its line.

The shape of the page is markdown.py's, the names are checked in vetting.py; here a page's blocks become nouns.
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from connectors.errors import ConfigurationError, Mistake
from connectors.settings import Document, collect, parse
from portal.agreements.conditions import Age, Conditions
from portal.agreements.markdown import Page, Section, read_page
from portal.agreements.particulars import vet_law, vet_particulars, vet_purposes
from portal.agreements.promises import vet_conditions
from portal.agreements.templates import places
from portal.agreements.text import LONGEST_TEXT, read_bytes, read_text, unseen_in
from portal.agreements.vetting import vet_clause, vet_header
from portal.agreements.vocabulary import Vocabulary
from portal.agreements.wording import in_short

Text = Annotated[str, msgspec.Meta(min_length=1)]
Names = Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
#: ``ISA-05@2``: one version of one agreement.
Reference = Annotated[str, msgspec.Meta(pattern="^[A-Z0-9]+(-[A-Z0-9]+)*@[1-9][0-9]*(\\.[0-9]+)*$", max_length=61)]
_T = TypeVar("_T")

_SEE = "See docs/reference/agreements.md."
_WITHIN = "Write it inside conditions: conditions = {{ {key} = ... }}."


class Party(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one partner is to the data, and whom to reach: anybody, its data protection officer, its Caldicott Guardian or equal."""

    controller: Literal["controller", "joint-controller", "processor"]
    contact: Text
    dpo: Text | None = None
    caldicott: Text | None = None


class Subjects(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose records the agreement is about. ``ages`` bind every clause that shows: from the first birthday until the second.

    ``area`` says which agencies take part, never where a child lives now; it is words.
    """

    ages: tuple[Age, Age] | None = None
    area: Text | None = None


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a view is kept, in words, and the access log, in years."""

    view: Text
    log_years: Annotated[int, msgspec.Meta(ge=1, le=100)]


class Rights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom people ask about their own data, and what may be kept back from them and why."""

    contact: Text
    withholding: Text


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agreement's first block. Dates are local calendar dates, both ends included; ``grace_days`` run from ``review_by``.

    From ``parties`` on the keys are those of published agreements (WASPI, SASPI, the ICO's data sharing code); all may be left out.
    """

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
    parties: dict[Text, Party] | None = None
    purposes: dict[Text, Text] | None = None
    subjects: Subjects | None = None
    security: Text | None = None
    retention: Retention | None = None
    rights: Rights | None = None
    complaints: Text | None = None
    breaches: Text | None = None
    training: Text | None = None
    dpia_hash: Annotated[str, msgspec.Meta(pattern="^sha256:[0-9a-f]{64}$")] | None = None
    supersedes: tuple[Reference, ...] = ()


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
    conditions: Conditions = Conditions()


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered clause. ``short`` is what register, page and signer show; ``words`` are the authors' own, without markup."""

    number: int
    title: str
    terms: Terms
    short: str
    words: str = ""


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """One agreement's text, whole and well formed. ``hash`` is ``sha256:`` and that of the file's bytes, in hex.

    ``preamble`` are the authors' words above the first clause, without markup.
    """

    header: Header
    clauses: tuple[Clause, ...]
    hash: str
    file: str
    line: int
    preamble: str = ""

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
    """One agreement's file. Raises ConfigurationError (CV200-CV212, CV223-CV231) with every mistake in it."""
    try:
        raw = read_bytes(path, LONGEST_TEXT)
        page, mistakes = read_page(read_text(raw, str(path)), str(path))
        if page is None:
            raise ConfigurationError(mistakes)
        return _agreement(page, raw, path, vocabulary)
    except OSError as error:
        raise _unreadable(path, f"{error.strerror}.") from None
    except RecursionError:
        raise _unreadable(path, "something stands too deep inside something else.") from None


def _unreadable(path: Path, why: str) -> ConfigurationError:
    hint = "Let a plain file of at most 256 KiB stand there, and look at its owner and mode."
    return ConfigurationError([Mistake(id="CV200", message=f"cannot be read: {why}", file=str(path), line=1, hint=hint)])


def _agreement(page: Page, raw: bytes, path: Path, vocabulary: Vocabulary) -> Agreement:
    header, block, mistakes = read_header(page, str(path))
    mistakes += places(raw.decode(), str(path))
    clauses: list[Clause] = []
    purposes: set[str] = set()
    for section in page.sections:
        clause, terms, wrong = _clause(section, str(path), header, vocabulary)
        mistakes += wrong
        clauses += [clause] if clause else []
        purposes |= set(terms.purposes) if terms else set()
    if header and block:
        mistakes += vet_header(header, block, path.stem, vocabulary)
        mistakes += vet_particulars(header, block, vocabulary)
        mistakes += vet_purposes(header, purposes, block) if not mistakes else []
    if mistakes or header is None or block is None:
        raise ConfigurationError(sorted(mistakes, key=lambda mistake: mistake.line or 0))
    hashed, line = f"sha256:{hashlib.sha256(raw).hexdigest()}", block.line("id")
    return Agreement(header=header, clauses=tuple(clauses), hash=hashed, file=str(path), line=line, preamble=page.words)


def read_header(page: Page, file: str) -> tuple[Header | None, Document | None, list[Mistake]]:
    """The page's header block; None and its mistakes (CV204) when it does not hold what a header holds."""
    return _read(Header, page.header.text, file, page.header.first)


def read_terms(section: Section, file: str) -> tuple[Terms | None, Document | None, list[Mistake]]:
    """One clause's block; None and its mistakes (CV204) when it does not hold what a clause holds."""
    return _read(Terms, section.block.text, file, section.block.first)


def _read(type_: type[_T], text: str, file: str, first: int) -> tuple[_T | None, Document | None, list[Mistake]]:
    try:
        block = parse(text, file, "CV204", first)
    except ConfigurationError as error:
        return None, None, [msgspec.structs.replace(mistake, hint=_SEE) for mistake in error.mistakes]
    hidden = "written as an escape,"
    mistakes = [block.mistake("CV201", f"{hidden} {said}", *path, hint="Take it out.") for path, said in unseen_in(block.raw)]
    value, wrong = collect(type_, block, "CV204")
    mistakes += [msgspec.structs.replace(mistake, hint=_hint(mistake) if type_ is Terms else _SEE) for mistake in wrong]
    return (None if mistakes else value), block, mistakes


def _hint(mistake: Mistake) -> str:
    """A condition that stands beside ``conditions`` and not in it is the likeliest slip."""
    misplaced = (key for key in Conditions.__struct_fields__ if mistake.message == f"unknown key {key!r}.")
    return next((_WITHIN.format(key=key) for key in misplaced), _SEE)


def _clause(
    section: Section, file: str, header: Header | None, vocabulary: Vocabulary
) -> tuple[Clause | None, Terms | None, list[Mistake]]:
    terms, block, mistakes = read_terms(section, file)
    if terms is None or block is None or header is None:
        return None, terms, mistakes
    mistakes += vet_clause(terms, header, block, vocabulary)
    mistakes += vet_conditions(terms, header, block, vocabulary)
    mistakes += vet_law(terms, header, block, vocabulary)
    short = in_short(terms, header.standard)
    mistakes += _short_mistakes(section, file, short)
    if mistakes:
        return None, terms, mistakes
    return Clause(number=section.number, title=section.title, terms=terms, short=short, words=section.words), terms, []


def _short_mistakes(section: Section, file: str, due: str) -> list[Mistake]:
    if section.short == due:
        return []
    said = "does not say what its block says" if section.short else "is missing"
    message = f"the paragraph 'In short:' of clause {section.number} {said}."
    hint = f"Below the block must stand, on one line: {due}"
    return [Mistake(id="CV205", message=message, file=file, line=section.short_line, hint=hint)]
