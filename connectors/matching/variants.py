"""Which given names are forms of one another: short forms, spellings, the same name in another language.

A pair counts only when a parent would hardly give the two names to two living children of one family. Harry and Henry, Ella and
Ellie, Olivia and Livia are borne by twins, so they are two names here, though one can be short for the other. Nothing is concluded
across a third name: Jack is John and Jack is Jackson, yet John is not Jackson.

The pairs are those of ``data/variants.txt``, and those of the table of English nicknames in which at most one of the two names is
in common use among children today: two common names in one pair may well be two children. ``not`` lines take pairs away from both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, combinations, product
from pathlib import Path

from nicknames import NickNamer

_DATA = Path(__file__).parent / "data"
# From this many children in 100,000 on, a name is in common use.
_COMMON = 4.0
_NONE: frozenset[str] = frozenset()

Pair = tuple[str, str]


def same_name(a: str, b: str) -> bool:
    """Whether two prepared texts are one given name in two forms."""
    return a == b or b in _FORMS.get(a, _NONE)


def is_known_given(text: str) -> bool:
    """Whether this is somebody's given name as it stands, so that it is hardly a slip of the pen for another."""
    return text in _KNOWN


def read_shares(file: str) -> dict[str, float]:
    """How many of 100,000 children bear each name of a data file, by prepared text."""
    lines = (_DATA / file).read_text("utf-8").splitlines()
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return {_letters(name): float(count) for name, count in rows}


def _letters(name: str) -> str:
    return name.replace("-", "").replace("'", "")


def _groups(words: str) -> list[list[str]]:
    return [group.split() for group in words.split(",") if group.strip()]


def _pairs(line: str) -> Iterator[Pair]:
    """The pairs that one line of variants.txt declares."""
    left, _, right = line.partition(":")
    names, forms = left.split(), _groups(right)
    yield from chain.from_iterable(combinations(group, 2) for group in (names, *forms))
    yield from product(names, chain.from_iterable(forms))


def _denied(line: str) -> Iterator[Pair]:
    left, _, right = line.removeprefix("not ").partition(":")
    return product(left.split(), right.split())


def _english(shares: dict[str, float]) -> Iterator[Pair]:
    """The pairs of the table of English nicknames, without those of two names in common use today."""
    for name, forms in NickNamer.default_lookup().items():
        for form in forms:
            if min(shares.get(name, 0.0), shares.get(form, 0.0)) < _COMMON and name.isalpha() and form.isalpha():
                yield name, form


def _both_ways(pairs: Iterable[Pair]) -> set[Pair]:
    return {way for a, b in pairs for way in ((a, b), (b, a)) if a != b}


def _table(own: Iterable[Pair], english: Iterable[Pair], denied: Iterable[Pair]) -> dict[str, frozenset[str]]:
    """For each name, the names that are the same."""
    forms: dict[str, set[str]] = {}
    for a, b in _both_ways(chain(own, english)) - _both_ways(denied):
        forms.setdefault(a, set()).add(b)
    return {name: frozenset(others) for name, others in forms.items()}


def _variants() -> tuple[list[str], list[str]]:
    """The lines of variants.txt that declare pairs, and those that deny them."""
    lines = [line for line in (_DATA / "variants.txt").read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return [line for line in lines if not line.startswith("not ")], [line for line in lines if line.startswith("not ")]


GIVEN_SHARES = read_shares("given_names.tsv")
_OWN, _NOT = _variants()
_FORMS = _table(chain.from_iterable(map(_pairs, _OWN)), _english(GIVEN_SHARES), chain.from_iterable(map(_denied, _NOT)))
_KNOWN = frozenset(GIVEN_SHARES) | frozenset(_FORMS)
