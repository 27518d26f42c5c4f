"""The particulars that published agreements have: parties, purposes in words, subjects, what stands in another's place, and the law.

Pure checks; each gives every mistake, with its line. The law is not judged. What is refused is silence where a signer, a court or a
Caldicott Guardian would ask first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from connectors.errors import Mistake
from connectors.settings import Document
from portal.agreements.vetting import seen, unknown
from portal.agreements.vocabulary import Vocabulary

if TYPE_CHECKING:
    from portal.agreements.documents import Header, Terms


def vet_particulars(header: Header, block: Document, vocabulary: Vocabulary) -> list[Mistake]:
    """Mistakes in a header's particulars: CV206 names, CV223 ages, CV227 parties, CV229 agreements it stands in the place of."""
    return [*_parties(header, block, vocabulary), *_subjects(header, block), *_supersedes(header, block)]


def vet_purposes(header: Header, used: Collection[str], block: Document) -> list[Mistake]:
    """The purposes in words must be those of the clauses (CV228): no purpose without words, no words that nothing is shown for."""
    if header.purposes is None:
        return []
    missing = sorted(set(used) - header.purposes.keys())
    spare = sorted(header.purposes.keys() - set(used))
    said = [(name, f"the purpose {name!r} of a clause has no words here.", "Say in plain words what it is for.") for name in missing]
    said += [(name, f"no clause is for the purpose {seen(name)}.", "Take it out, or correct the name.") for name in spare]
    return [block.mistake("CV228", message, "purposes", *((name,) if name in spare else ()), hint=hint) for name, message, hint in said]


def vet_law(terms: Terms, header: Header, block: Document, vocabulary: Vocabulary) -> list[Mistake]:
    """What a permitting clause must name of the law (CV230), and what the parties must be or name (CV227)."""
    if terms.effect == "deny" or terms.basis is None:
        return []
    mistakes = [*_consent(terms, block), *_police(terms, block, vocabulary)]
    return [*mistakes, *_sensitive(terms, header, block), *_processors(terms, header, block)]


def _consent(terms: Terms, block: Document) -> Iterator[Mistake]:
    """Consent that is the legal basis must be in force: UK GDPR Art. 6(1)(a), 7(3)."""
    basis = terms.basis
    if basis and "a" in (basis.article6, basis.article9) and terms.conditions.consent != "required":
        hint = 'Ask for it: conditions = { consent = "required" }. Where you would share anyway, do not rest on consent.'
        yield block.mistake("CV230", "the clause rests on consent and does not ask for it.", "basis", hint=hint)


def _police(terms: Terms, block: Document, vocabulary: Vocabulary) -> Iterator[Mistake]:
    """Police records are about offences, and were kept for law enforcement: reuse needs a power and a condition (DPA 2018 ss.10, 36)."""
    police = sorted({source.agency for source in vocabulary.sources.values() if source.police} & set(terms.from_))
    basis = terms.basis
    if not police or basis is None:
        return
    if basis.power is None:
        hint = "Name it in basis.power: data kept for law enforcement may be used for something else only where law allows it."
        yield block.mistake("CV230", f"the power by which {police[0]} shares police records is not named.", "basis", hint=hint)
    if basis.article10 is None and basis.part3 is None:
        hint = "Name basis.article10 (records about offences), or basis.part3 (shared for law enforcement)."
        yield block.mistake("CV230", f"the condition for police records of {police[0]} is not named.", "basis", hint=hint)


def _sensitive(terms: Terms, header: Header, block: Document) -> Iterator[Mistake]:
    """Content of T4 is special category data or about offences, and somebody answers for it by name."""
    kinds = [name for name, kind in terms.kinds.items() if kind.ceiling == "T4"]
    if not kinds or terms.basis is None:
        return
    if terms.basis.article9 is None and terms.basis.article10 is None and terms.basis.part3 is None:
        hint = "Name basis.article9, basis.article10 or basis.part3, or lower the ceiling."
        yield block.mistake("CV230", f"{kinds[0]} is shown up to T4, and no condition for sensitive data is named.", "basis", hint=hint)
    for agency in terms.from_:
        party = (header.parties or {}).get(agency)
        if party and party.caldicott is None:
            message = f"{agency} shows {kinds[0]} up to T4, and its party names no Caldicott Guardian."
            hint = f"Name the guardian, or whoever holds an equal office, in parties.{agency}.caldicott of the header."
            yield block.mistake("CV227", message, "kinds", kinds[0], hint=hint)


def _processors(terms: Terms, header: Header, block: Document) -> Iterator[Mistake]:
    for agency in terms.from_:
        party = (header.parties or {}).get(agency)
        if party and party.controller == "processor":
            hint = "Name the agency that decides over these records, or say in parties that this one does."
            yield block.mistake("CV227", f"{agency} is a processor: what it holds is not its own to show.", "from", hint=hint)


def _parties(header: Header, block: Document, vocabulary: Vocabulary) -> Iterator[Mistake]:
    if header.parties is None:
        return
    yield from unknown("agency", header.parties, vocabulary.agencies, block, "parties")
    for name in header.parties:
        if name in vocabulary.agencies and name not in header.partners:
            message = f"{name!r} is not a partner of this agreement."
            yield block.mistake("CV227", message, "parties", name, hint="Name it among the partners, or take it out.")
    for name in header.partners:
        if name not in header.parties:
            hint = f"Say what it is: parties.{name} = {{ controller = ..., contact = ... }}."
            yield block.mistake("CV227", f"the partner {seen(name)} is not among the parties.", "parties", hint=hint)


def _subjects(header: Header, block: Document) -> Iterator[Mistake]:
    ages = header.subjects.ages if header.subjects else None
    if ages and ages[0] >= ages[1]:
        hint = "Name the first birthday, then the one at which it stops."
        yield block.mistake("CV223", "the ages of the subjects are upside down.", "subjects", "ages", hint=hint)


def _supersedes(header: Header, block: Document) -> Iterator[Mistake]:
    for name in dict.fromkeys(header.supersedes):
        id, _, version = name.partition("@")
        if header.supersedes.count(name) > 1:
            yield block.mistake("CV229", f"{name} is named twice.", "supersedes", hint="Name it once.")
        if id == header.id and rank(version) >= rank(str(header.version)):
            message = f"{name} is not an earlier version of {header.id}."
            yield block.mistake("CV229", message, "supersedes", hint="An agreement stands in the place of earlier ones only.")


def rank(version: str) -> tuple[int, ...]:
    """How versions are compared: number by number, ``3`` and ``3.0`` alike."""
    parts = [int(part) for part in version.split(".")]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return tuple(parts)
