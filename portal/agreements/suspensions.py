"""The files of suspensions, ``isa-07.suspended.toml`` beside ``isa-07.md``, read entry by entry. suspending.py writes them.

A suspension must act whatever stands beside it: one bad entry takes no other with it, and a file whose agreement is gone still counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC
from itertools import pairwise
from pathlib import Path

import msgspec

from connectors.errors import ConfigurationError, Mistake
from connectors.settings import Document, collect, parse
from portal.agreements.documents import read_header
from portal.agreements.keys import public_key
from portal.agreements.markdown import read_page
from portal.agreements.suspension import Moment, Name, Number, Suspension, Text, Words, facts, from_facts, standing, verifies
from portal.agreements.text import LONGEST_STOPS, LONGEST_TEXT, files_of, read_bytes, read_text, unseen_in
from portal.agreements.vetting import FIRST_YEAR, LAST_YEAR
from portal.agreements.vocabulary import Vocabulary

__all__ = ["Suspension", "facts", "from_facts", "read_suspensions", "standing"]

_ENDING = ".suspended.toml"
ID = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)*", re.ASCII)
_BEGINS = re.compile(r"\s*\[\[\s*suspension\s*\]\]\s*(#.*)?")
_SEE = "See docs/how-to/suspend-sharing.md."


class Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One entry as the file has it. The agreement is the file's name."""

    partner: Text
    key_id: Text
    number: Number
    at: Moment
    words: Words
    clause: Number | None = None
    source: Name | None = None
    kind: Name | None = None
    lifts: Number | None = None
    value: Text


class Read(msgspec.Struct, frozen=True):
    """An entry that was signed as it must be, and where it stands."""

    suspension: Suspension
    document: Document

    def mistake(self, message: str, *path: str, hint: str, id: str = "CV221") -> Mistake:
        return self.document.mistake(id, message, *path, hint=hint)


class Parties(msgspec.Struct, frozen=True):
    """What an agreement's page says of who may suspend what; None where it cannot be read, and then nothing is held against anybody."""

    partners: frozenset[str] | None = None
    clauses: int | None = None


def read_suspensions(folder: Path, vocabulary: Vocabulary) -> tuple[tuple[Suspension, ...], list[Mistake]]:
    """Every suspension and lift that was signed as it must be, whatever else is wrong; and every mistake in every file.

    CV221: a file or entry that cannot be used. CV222: not signed by this partner, or not like this. CV246: the folder cannot be read.
    CV256: it names a clause, source or kind that is not here; it counts all the same, and is told, for its partner believes that
    something is stopped. None of these is a reason not to start: a suspension that does not act releases nothing that was signed.
    """
    read: list[Read] = []
    mistakes: list[Mistake] = []
    try:
        paths = files_of(folder, _ENDING)
    except ConfigurationError as error:
        return (), error.mistakes
    for path in paths:
        found, wrong = _apart(path, vocabulary)
        read += found
        mistakes += wrong
    mistakes += _twice(read)
    return tuple(dict.fromkeys(each.suspension for each in read)), mistakes


def _apart(path: Path, vocabulary: Vocabulary) -> tuple[list[Read], list[Mistake]]:
    """One file's, so that whatever stands in it keeps no other from acting."""
    try:
        return read_file(path, vocabulary)
    except Exception as error:  # its text is not ours to vouch for
        return [], [_mistake("CV221", f"cannot be read ({type(error).__name__}).", path, _SEE)]


def suspension_file(folder: Path, agreement: str) -> Path:
    """Where the suspensions of an agreement stand."""
    return folder / f"{agreement.lower()}{_ENDING}"


def read_file(path: Path, vocabulary: Vocabulary) -> tuple[list[Read], list[Mistake]]:
    agreement, parties = path.name.removesuffix(_ENDING).upper(), parties_of(path)
    if not ID.fullmatch(agreement):
        return [], [
            _mistake("CV221", "the file is not named after an agreement.", path, "Name it like the agreement: isa-07.suspended.toml.")
        ]
    try:
        text = read_bytes(path, LONGEST_STOPS).decode("utf-8", "replace")
    except OSError as error:
        return [], [_mistake("CV221", f"cannot be read: {error.strerror}.", path, "Let a plain file of at most 1 MiB stand there.")]
    read: list[Read] = []
    mistakes: list[Mistake] = []
    for first, part, begun in _split(text):
        entry, wrong = _read_entry(part, first, str(path), agreement, parties, vocabulary) if begun else (None, _outside(part, path))
        read += [entry] if entry else []
        mistakes += wrong
    stands = frozenset(standing(each.suspension for each in read))
    for each in read:
        mistakes += _names_nothing(each, parties, vocabulary) if each.suspension in stands else []
    return read, mistakes


def _split(text: str) -> Iterator[tuple[int, str, bool]]:
    """(line, text, whether it is an entry) of what stands above the first entry and of each entry, so that each is read by itself."""
    lines = text.split("\n")
    starts = [at for at, line in enumerate(lines) if _BEGINS.fullmatch(line.rstrip("\r"))]
    yield 1, "\n".join(lines[: starts[0] if starts else len(lines)]), False
    for start, end in pairwise([*starts, len(lines)]):
        yield start + 2, "\n".join(lines[start + 1 : end]), True


def _outside(text: str, path: Path) -> list[Mistake]:
    try:
        document = parse(text, str(path), "CV221")
    except ConfigurationError as error:
        return _with_hint(error.mistakes)
    return [document.mistake("CV221", f"unknown key {key!a}.", key, hint=_SEE) for key in document.raw]


def _read_entry(
    text: str, first: int, file: str, agreement: str, parties: Parties, vocabulary: Vocabulary
) -> tuple[Read | None, list[Mistake]]:
    try:
        document = parse(text, file, "CV221", first)
        written, mistakes = collect(Written, document, "CV221")
    except ConfigurationError as error:
        return None, _with_hint(error.mistakes)
    mistakes += [document.mistake("CV221", f"written as an escape, {said}", *path) for path, said in unseen_in(document.raw)]
    if written and not FIRST_YEAR < written.at.year < LAST_YEAR:
        mistakes.append(document.mistake("CV221", f"at lies before {FIRST_YEAR} or after {LAST_YEAR}.", "at"))
    if written is None or mistakes:
        return None, _with_hint(mistakes)
    said = msgspec.structs.asdict(written) | {"agreement": agreement, "at": written.at.astimezone(UTC)}
    read = Read(Suspension(**said), document)
    mistakes = [*_impossible(read), *_unsigned(read, parties, vocabulary)]
    return (None if mistakes else read), mistakes


def _impossible(read: Read) -> Iterator[Mistake]:
    said = read.suspension
    if said.lifts is not None and (said.clause or said.source or said.kind):
        yield read.mistake("a lift names a part.", "lifts", hint="It lifts the whole of the suspension it names. Leave out the rest.")
    if said.lifts is not None and said.lifts >= said.number:
        yield read.mistake("a lift names a number that is not lower than its own.", "lifts", hint="Only what came earlier can be lifted.")


def _unsigned(read: Read, parties: Parties, vocabulary: Vocabulary) -> Iterator[Mistake]:
    said, document = read.suspension, read.document
    keys = vocabulary.agencies.get(said.partner, {})
    if said.lifts is None and parties.partners is not None and said.partner not in parties.partners:
        yield document.mistake("CV222", f"{said.partner!a} is not a partner of {said.agreement}.", "partner", hint="Only partners suspend.")
    elif public_key(keys.get(said.key_id, "")) is None:
        message = f"{said.partner!a} has no Ed25519 key {said.key_id!a} here."
        yield document.mistake("CV222", message, "key_id", hint="Put the partner's public key into federation.toml, as ed25519:base64.")
    elif not verifies(said, vocabulary.federation, keys[said.key_id]):
        message = f"the signature of {said.partner} does not fit this entry: something in it has changed since."
        yield document.mistake("CV222", message, "value", hint="Put back what the partner signed, or let the partner sign anew.")


def _names_nothing(read: Read, parties: Parties, vocabulary: Vocabulary) -> Iterator[Mistake]:
    for message, hint in meaningless(read.suspension, parties, vocabulary):
        yield read.mistake(message, hint=f"It stops nothing today. {hint}", id="CV256")


def meaningless(said: Suspension, parties: Parties, vocabulary: Vocabulary) -> Iterator[tuple[str, str]]:
    """(message, hint) for every name that means nothing here today."""
    if said.clause is not None and parties.clauses is not None and said.clause > parties.clauses:
        yield f"{said.agreement} has no clause {said.clause}.", f"It has clauses 1 to {parties.clauses}."
    if said.source is not None and said.source not in vocabulary.sources:
        yield f"the source {said.source!a} is not known here.", f"Known here: {', '.join(sorted(vocabulary.sources)) or 'none'}."
    if said.kind is not None and said.kind not in vocabulary.standard.kinds:
        yield f"the record kind {said.kind!a} is not known here.", "See docs/reference/standard.md."


def _twice(read: list[Read]) -> Iterator[Mistake]:
    """Two entries of one partner with one number: which of them a lift means would be anybody's guess, so both count."""
    seen: set[tuple[str, str, int]] = set()
    for each in read:
        key = (each.suspension.agreement, each.suspension.partner, each.suspension.number)
        if key in seen:
            message = f"{each.suspension.partner} has used the number {each.suspension.number} before."
            yield each.mistake(message, "number", hint="Both count. Take out one if it is a copy; else lift the number, and suspend anew.")
        seen.add(key)


def page_of(path: Path) -> Path:
    return path.with_name(f"{path.name.removesuffix(_ENDING)}.md")


def parties_of(path: Path) -> Parties:
    page_path = page_of(path)
    try:
        page, _ = read_page(read_text(read_bytes(page_path, LONGEST_TEXT), str(page_path)), str(page_path))
    except (OSError, RecursionError, ConfigurationError):
        return Parties()
    header = read_header(page, str(page_path))[0] if page else None
    if page is None or header is None:
        return Parties()
    return Parties(frozenset(header.partners), len(page.sections))


def _mistake(id: str, message: str, path: Path, hint: str) -> Mistake:
    return Mistake(id=id, message=message, file=str(path), line=1, hint=hint)


def _with_hint(mistakes: list[Mistake]) -> list[Mistake]:
    return [msgspec.structs.replace(mistake, hint=_SEE) for mistake in mistakes]
