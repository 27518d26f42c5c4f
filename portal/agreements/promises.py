"""Can what a clause asks for be kept here? A condition that cannot is refused: an agreement must not promise more than is done.

Pure checks of one clause's ``conditions`` against its own block, its header and the vocabulary; each gives every mistake, with its line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from connectors.errors import Mistake
from connectors.settings import Document
from portal.agreements.ages import ADULT
from portal.agreements.conditions import Conditions
from portal.agreements.vetting import line_of, nearest, repeated, seen, strangers, unknown
from portal.agreements.vocabulary import SourceFacts, Vocabulary

if TYPE_CHECKING:
    from portal.agreements.documents import Header, Terms

#: The longest condition of the police's that still reads as a part of a sentence.
_LONGEST = 200
_BETWEEN_WORDS = frozenset(" ,;:'()/-")


def vet_conditions(terms: Terms, header: Header, block: Document, vocabulary: Vocabulary) -> list[Mistake]:
    """Mistakes in what one clause asks for: CV206 and CV207 names, CV223 ages, CV224 what cannot be kept, CV225 a refusal, CV226 words."""
    conditions = terms.conditions
    if terms.effect == "deny":
        if "conditions" not in block.raw or not block.raw["conditions"]:
            return []
        hint = "A refusal holds for every child and whoever asks. Take the conditions out; 'when' may stay."
        return [block.mistake("CV225", "a refusal has conditions.", "conditions", hint=hint)]
    mistakes = [*_names(conditions, header, block, vocabulary), *_ages(conditions, header, block)]
    mistakes += [*_relationship(terms, header, block, vocabulary), *_history(terms, block, vocabulary)]
    return [*mistakes, *_handling(terms, block, vocabulary)]


def _names(conditions: Conditions, header: Header, block: Document, vocabulary: Vocabulary) -> Iterator[Mistake]:
    yield from unknown("agency", conditions.notify, vocabulary.agencies, block, "conditions", "notify")
    yield from strangers(conditions.notify, header, vocabulary, block, "conditions", "notify")
    yield from repeated(conditions.notify, block, "conditions", "notify")
    if conditions.assurance and conditions.assurance not in vocabulary.assurance:
        message = f"no issuer has the assurance level {seen(conditions.assurance)}."
        hint = nearest(conditions.assurance, vocabulary.assurance)
        yield block.mistake("CV206", message, "conditions", "assurance", hint=hint)
    if conditions.break_glass:
        path = ("conditions", "break_glass", "reasons")
        yield from repeated(conditions.break_glass.reasons, block, *path)
        for reason in dict.fromkeys(conditions.break_glass.reasons):
            if reason not in vocabulary.glass_reasons:
                message = f"the glass is not broken for {seen(reason)} here."
                hint = f"{nearest(reason, vocabulary.glass_reasons)} They are break_glass.reasons of federation.toml."
                yield Mistake(id="CV206", message=message, file=block.file, line=line_of(block, reason, *path), hint=hint)


def _ages(conditions: Conditions, header: Header, block: Document) -> Iterator[Mistake]:
    ages, until = conditions.ages, conditions.until
    bound = header.subjects.ages if header.subjects else None
    if ages and ages[0] >= ages[1]:
        yield _age(block, "ages", "the ages are upside down.", "Name the first birthday, then the one at which it stops.")
    elif ages and ages[1] > ADULT and until is None:
        yield _age(block, "ages", "the ages go on after the eighteenth birthday.", f"Say so with 'until = {ages[1]}', or stop at {ADULT}.")
    if until is not None and until <= ADULT:
        yield _age(block, "until", "'until' does not lie after the eighteenth birthday.", "Take it out: without it a clause stops there.")
    elif until is not None and ages and until != ages[1]:
        yield _age(block, "until", "'until' is not where the ages stop.", "Let both name the same birthday, or leave ages out.")
    if bound and ages and (ages[0] < bound[0] or ages[1] > bound[1]):
        yield _age(block, "ages", "the ages go beyond those of the agreement's subjects.", f"They are {bound[0]} to {bound[1]}.")
    elif bound and until and until > bound[1]:
        yield _age(block, "until", "'until' goes beyond the ages of the agreement's subjects.", f"They are {bound[0]} to {bound[1]}.")


def _age(block: Document, key: str, message: str, hint: str) -> Mistake:
    return block.mistake("CV223", message, "conditions", key, hint=hint)


def _relationship(terms: Terms, header: Header, block: Document, vocabulary: Vocabulary) -> Iterator[Mistake]:
    """A clause that asks for a voucher needs one that can be asked, for every agency whose practitioners it names."""
    weakest = terms.conditions.relationship
    if weakest in ("none", "declared"):
        return
    vouching = {source.agency for source in vocabulary.sources.values() if source.vouches and source.agency in header.partners}
    for agency in dict.fromkeys(terms.to):
        if vouching if weakest == "own-agency" and agency in vouching else vouching - {agency}:
            continue
        who = "neither it nor another partner" if weakest == "own-agency" else "no other partner"
        message = f"{who} has a source that can say who of {agency} works with a child."
        hint = "Name the column 'workers' in a source's person table, or ask for less: relationship = \"declared\"."
        yield block.mistake("CV224", message, "conditions", "relationship", hint=hint)


def _history(terms: Terms, block: Document, vocabulary: Vocabulary) -> Iterator[Mistake]:
    if terms.conditions.history is None:
        return
    for name in terms.kinds:
        kind = vocabulary.standard.kinds.get(name)
        if kind and not kind.occurred:
            message = f"a record of {name} has no day on which it happened, so no history can be kept to."
            yield block.mistake("CV224", message, "conditions", "history", hint="Give this kind a clause of its own without 'history'.")
    if "Flag" in terms.kinds:
        message = "an order or a warning of long ago may still be in force, and a history would hide it."
        yield block.mistake("CV224", message, "conditions", "history", hint="Give Flag a clause of its own without 'history'.")


def _handling(terms: Terms, block: Document, vocabulary: Vocabulary) -> Iterator[Mistake]:
    said, path = terms.conditions.handling, ("conditions", "handling")
    if said is None:
        return
    if len(said) > _LONGEST or not said[0].isalnum() or not all(letter.isalnum() or letter in _BETWEEN_WORDS for letter in said):
        hint = f"It stands in the sentence 'In short:'. Use letters, digits, spaces and , ; : ' ( ) / - alone, {_LONGEST} at most."
        yield block.mistake("CV226", "the condition of the police is not plain words.", *path, hint=hint)
    if not any(source.police for source in _sources(terms, vocabulary)):
        message = "no source that shows here holds police records, so there is nothing that a handling condition could let out."
        yield block.mistake("CV224", message, *path, hint="Take it out, or name the police agency in 'from'.")


def _sources(terms: Terms, vocabulary: Vocabulary) -> Iterator[SourceFacts]:
    return (source for source in vocabulary.sources.values() if source.agency in terms.from_)
