"""Does every name in an agreement mean something here, and do its tiers and dates make sense?

Pure checks of one well-formed block against the vocabulary; each gives every mistake, with its line. What a clause's conditions
ask for is vetted in promises.py, the header's particulars and the law relied on in particulars.py.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

from connectors.errors import Mistake
from connectors.settings import Document
from connectors.standard import ALWAYS, Field, Kind
from portal.agreements.vocabulary import Vocabulary

if TYPE_CHECKING:
    from portal.agreements.documents import Header, KindTerms, Terms

#: The first and the last year any date here can have: beyond them no day can be counted on from.
FIRST_YEAR, LAST_YEAR = 1900, 2200


def vet_header(header: Header, block: Document, stem: str, vocabulary: Vocabulary) -> list[Mistake]:
    """Mistakes in a header: partners, standard, dates, and an id that is not the file's name."""
    mistakes = [*unknown("agency", header.partners, vocabulary.agencies, block, "partners"), *repeated(header.partners, block, "partners")]
    if header.id.lower() != stem:
        message = f"the id {header.id!r} is not the file's name."
        mistakes.append(block.mistake("CV211", message, "id", hint=f"Name the file {header.id.lower()}.md."))
    if not speaks(header.standard, vocabulary.standard.version):
        message = f"standard {header.standard} is not one that standard {vocabulary.standard.version}, in use here, includes."
        mistakes.append(block.mistake("CV212", message, "standard", hint="Name the version of the standard the partners have read."))
    days = [("starts", header.starts), ("review_by", header.review_by), ("ends", header.ends)]
    given = [(key, when) for key, when in days if when]
    mistakes += [mistake for key, when in given for mistake in far_off(when, block, key)]
    for (before, first), (after, second) in pairwise(given):
        if second < first:
            mistakes.append(block.mistake("CV209", f"{after} lies before {before}.", after, hint="Put the dates in order."))
    return mistakes


def vet_clause(terms: Terms, header: Header, block: Document, vocabulary: Vocabulary) -> list[Mistake]:
    """Mistakes in one clause: names, tiers, dates, the law relied on."""
    mistakes: list[Mistake] = []
    for key, names in (("from", terms.from_), ("to", terms.to)):
        mistakes += unknown("agency", names, vocabulary.agencies, block, key)
        mistakes += strangers(names, header, vocabulary, block, key)
    mistakes += unknown("role", terms.roles, vocabulary.roles, block, "roles")
    mistakes += unknown("purpose", terms.purposes, vocabulary.purposes, block, "purposes")
    for key, names in (("from", terms.from_), ("to", terms.to), ("roles", terms.roles), ("purposes", terms.purposes)):
        mistakes += repeated(names, block, key)
    for name, kind in terms.kinds.items():
        mistakes += _vet_kind(name, kind, terms, header, block, vocabulary)
    for key, when in (("starts", terms.when.starts), ("ends", terms.when.ends)):
        mistakes += far_off(when, block, "when", key) if when else []
    if terms.when.starts and terms.when.ends and terms.when.ends < terms.when.starts:
        mistakes.append(block.mistake("CV209", "ends lies before starts.", "when", "ends", hint="Put the dates in order."))
    if terms.effect == "permit" and terms.basis is None:
        mistakes.append(block.mistake("CV204", "the key 'basis' is missing.", hint="Name the law relied on, article6 at least."))
    return mistakes


def far_off(when: date, block: Document, *path: str) -> Iterator[Mistake]:
    if not FIRST_YEAR <= when.year <= LAST_YEAR:
        yield block.mistake("CV209", f"{path[-1]} lies before {FIRST_YEAR} or after {LAST_YEAR}.", *path, hint="Correct the year.")


def speaks(version: str, ours: str) -> bool:
    """Whether standard ``ours`` includes everything of ``version``: the same major version, and no older."""
    theirs, here = _numbers(version), _numbers(ours)
    return theirs[0] == here[0] and theirs <= here


def since(thing: Field | Kind, version: str) -> bool:
    """Whether a field, or a whole record kind, stood in the standard at ``version``."""
    return thing.since is None or speaks(thing.since, version)


def _numbers(version: str) -> tuple[int, int, int]:
    parts = [int(part) for part in re.findall(r"\d+", version)[:3]]
    return parts[0], parts[1] if len(parts) > 1 else 0, parts[2] if len(parts) > 2 else 0


def _vet_kind(name: str, kind: KindTerms, terms: Terms, header: Header, block: Document, vocabulary: Vocabulary) -> Iterator[Mistake]:
    known = vocabulary.standard.kinds
    if name not in known:
        yield block.mistake("CV206", f"the record kind {seen(name)} is not known here.", "kinds", name, hint=nearest(name, known))
    elif not since(known[name], header.standard):
        message = f"the record kind {name} came into the standard after {header.standard}."
        hint = f"Set the header's standard to {known[name].since}, or take the kind out."
        yield block.mistake("CV206", message, "kinds", name, hint=hint)
    elif kind.fields != "all":
        yield from _vet_fields(known[name], kind.fields, header, block)
    yield from _vet_tiers(name, kind, terms, block)


def _vet_fields(kind: Kind, fields: tuple[str, ...], header: Header, block: Document) -> Iterator[Mistake]:
    path = ("kinds", kind.name, "fields")
    yield from repeated(fields, block, *path)
    for field in fields:
        if field in ALWAYS:
            message = f"the field {field!r} cannot be named."
            hint = "It is shown of every record that may be seen at all. Take it out."
            yield Mistake(id="CV207", message=message, file=block.file, line=line_of(block, field, *path), hint=hint)
        elif field not in kind.fields:
            message = f"{kind.name} has no field {seen(field)}."
            yield Mistake(id="CV206", message=message, file=block.file, line=line_of(block, field, *path), hint=nearest(field, kind.fields))
        elif not since(kind.fields[field], header.standard):
            message = f"the field {field!r} came into {kind.name} after standard {header.standard}."
            hint = f"Set the header's standard to {kind.fields[field].since}, or take the field out."
            yield Mistake(id="CV206", message=message, file=block.file, line=line_of(block, field, *path), hint=hint)


def _vet_tiers(name: str, kind: KindTerms, terms: Terms, block: Document) -> Iterator[Mistake]:
    path = ("kinds", name)
    if terms.effect == "deny":
        if kind.ceiling or kind.existence:
            yield block.mistake("CV208", f"a refusal of {name} names a tier.", *path, hint="A refusal holds at every tier. Take it out.")
        return
    if kind.ceiling is None:
        yield block.mistake("CV208", f"{name} has no ceiling.", *path, hint="Name the highest tier whose content is shown: T1 to T4.")
        return
    if kind.ceiling > "T4":
        yield block.mistake("CV208", f"the ceiling of {name} is above T4.", *path, "ceiling", hint="T5 is never shown.")
    if kind.existence and kind.existence > "T4":
        yield block.mistake("CV208", f"the existence of {name} is above T4.", *path, "existence", hint="T5 is never shown.")
    if kind.existence and kind.existence < kind.ceiling:
        yield block.mistake("CV208", f"the existence of {name} is below its ceiling.", *path, "existence", hint="Raise it to the ceiling.")


def unknown(what: str, names: Iterable[str], known: Collection[str], block: Document, *path: str) -> Iterator[Mistake]:
    for name in dict.fromkeys(names):
        if name not in known:
            message = f"the {what} {seen(name)} is not known here."
            yield Mistake(id="CV206", message=message, file=block.file, line=line_of(block, name, *path), hint=nearest(name, known))


def strangers(names: Iterable[str], header: Header, vocabulary: Vocabulary, block: Document, *path: str) -> Iterator[Mistake]:
    for name in dict.fromkeys(names):
        if name in vocabulary.agencies and name not in header.partners:
            message = f"{name!r} is not a partner of this agreement."
            hint = "Name it among the header's partners, or take it out."
            yield Mistake(id="CV206", message=message, file=block.file, line=line_of(block, name, *path), hint=hint)


def repeated(names: tuple[str, ...], block: Document, *path: str) -> Iterator[Mistake]:
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            message = f"{seen(name)} is named twice."
            yield Mistake(id="CV207", message=message, file=block.file, line=line_of(block, name, *path), hint="Name it once.")


def line_of(block: Document, name: str, *path: str) -> int:
    """The line on which ``name`` stands as a text, at or below its key."""
    at = block.line(*path)
    lines = block.text.splitlines()[at - block.first :]
    return next((at + n for n, line in enumerate(lines) if f'"{name}"' in line or f"'{name}'" in line), at)


def nearest(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), 1)
    return f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(sorted(known)) or 'none'}."


def seen(name: str) -> str:
    """The name in quotes, letters of other alphabets made visible: two names may look alike and differ."""
    return ascii(name)
