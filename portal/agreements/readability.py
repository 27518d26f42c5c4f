"""How old somebody must be to read an agreement with ease: the Flesch-Kincaid reading age.

The measure counts words to a sentence and syllables to a word. It says nothing of whether a text is true or complete, and a low figure
can be had by writing badly: it is a hint to authors, never a gate (docs/decisions/0009-reading-age.md). Everything it needs is
installed with it; nothing is fetched.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from portal.agreements.documents import Agreement
from portal.agreements.markdown import IN_SHORT

if TYPE_CHECKING:
    import pyphen

#: From a school year of the United States, which the formula gives, to an age in years.
_YEARS_BEFORE_SCHOOL = 5
_YOUNGEST = 5.0
_NAMES = re.compile(r" \([^()]*\)")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_SENTENCE = re.compile(r"[.!?:;](?:\s|$)|\n\n")


class ReadingAge(msgspec.Struct, frozen=True):
    """In years: of the authors' own words, and of the sentences that are made from the blocks. None where there is nothing to read."""

    prose: float | None
    sentences: float | None


def reading_age(agreement: Agreement) -> float:
    """The reading age, in years, of all the plain words of an agreement: the authors' and the sentences together."""
    return age_of("\n\n".join((_prose(agreement), _sentences(agreement)))) or _YOUNGEST


def reading_ages(agreement: Agreement) -> ReadingAge:
    """The same apart: authors can mend their own words; the sentences follow from what they decide."""
    return ReadingAge(prose=age_of(_prose(agreement)), sentences=age_of(_sentences(agreement)))


def age_of(text: str) -> float | None:
    """The reading age of an English text, rounded to a tenth of a year and never below five; None of a text without words.

    Flesch-Kincaid grade = 0.39 words/sentences + 11.8 syllables/words - 15.59 (Kincaid et al. 1975). What a colon or semicolon ends
    counts as a sentence, as Flesch counted it (1949).
    """
    words = _WORD.findall(text)
    if not words:
        return None
    sentences = sum(bool(_WORD.search(part)) for part in _SENTENCE.split(text))
    syllables = sum(_syllables(word.casefold().replace("’", "'")) for word in words)
    grade = 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59
    return max(_YOUNGEST, round(grade + _YEARS_BEFORE_SCHOOL, 1))


@lru_cache(maxsize=20_000)
def _syllables(word: str) -> int:
    """By the dictionary of pronunciations that textstat brings; a word that is not in it (Northshire) is hyphenated instead."""
    # Read at first use: the dictionary takes a third of a second, which no question should wait for.
    import textstat

    try:
        return max(1, int(textstat.syllable_count(word)))
    except KeyError:
        # textstat expects a dictionary that gives an empty list for a word it lacks; later ones raise.
        return len(_hyphens().positions(word)) + 1


@lru_cache(maxsize=1)
def _hyphens() -> pyphen.Pyphen:
    import pyphen

    return pyphen.Pyphen(lang="en_GB")


def _prose(agreement: Agreement) -> str:
    return "\n\n".join(filter(None, (agreement.preamble, *(clause.words for clause in agreement.clauses))))


def _sentences(agreement: Agreement) -> str:
    """The sentences without the lists of fields and roles, the names of kinds read as the words they are made of."""
    said = (clause.short.removeprefix(IN_SHORT).strip() for clause in agreement.clauses)
    return "\n\n".join(_HUMP.sub(" ", _NAMES.sub("", short)).replace("-", " ") for short in said)
