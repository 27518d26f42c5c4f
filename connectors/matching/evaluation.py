"""How well a matcher does on questions with known answers: what it links, links wrongly, offers and misses, and at which threshold. Pure.

Shares come with the 95 % interval of Wilson: of a few hundred questions without a false link one may still be wrong in two hundred.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import sqrt
from typing import Literal

import msgspec

from connectors.connector import Person, Subject
from connectors.matching.bands import MatchBand
from connectors.matching.matcher import Match, Matcher

#: The link thresholds that are tried, in bits.
THRESHOLDS = tuple(float(bits) for bits in range(21))
_Z = 1.959963984540054

Kind = Literal["false-link", "missed", "lost", "only-possible"]


class Share(msgspec.Struct, frozen=True):
    """So many of so many."""

    n: int
    of: int

    @property
    def share(self) -> float | None:
        """None of nothing."""
        return self.n / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.n, self.of)


def wilson(n: int, of: int) -> tuple[float, float]:
    """The 95 % interval of Wilson for n of so many; of nothing it is anything."""
    if not of:
        return 0.0, 1.0
    p, square = n / of, _Z * _Z
    middle, half = p + square / (2 * of), _Z * sqrt(p * (1 - p) / of + square / (4 * of * of))
    whole = 1 + square / of
    return (0.0 if n == 0 else max(0.0, (middle - half) / whole)), (1.0 if n == of else min(1.0, (middle + half) / whole))


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A child asked about, with its line in its file, and the persons found, with theirs.

    ``same`` are the places of those among the persons who are the child; ``lost`` are records of the child that were not found at all.
    """

    line: int
    subject: Subject
    persons: tuple[Person, ...]
    lines: tuple[int, ...]
    same: frozenset[int]
    lost: tuple[tuple[int, Person], ...] = ()


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One pair that went wrong: the lines it comes from, its bits (None if it was never compared), and how each field compared.

    ``cap`` is why it is no more than possible whatever the bits.
    """

    kind: Kind
    line: int
    other: int
    bits: float | None
    levels: tuple[str, ...]
    cap: str | None
    subject: Subject
    person: Person


class At(msgspec.Struct, frozen=True, kw_only=True):
    """What would be if a link began at ``threshold`` bits."""

    threshold: float
    recall: Share
    precision: Share
    false_links: int
    wrong: Share
    choices: Share


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What came out.

    Of pairs: ``precision`` of links, ``recall`` of links, ``offered`` are linked or possible, ``lost`` were never compared, each of
    those in the files. Of questions: ``wrong`` have a false link, ``choices`` have possible ones and no link, ``shown`` is how many of
    those there are then, on average. ``safe`` is the lowest threshold from which on there is no false link.
    """

    questions: int
    pairs: int
    positives: int
    precision: Share
    recall: Share
    offered: Share
    lost: Share
    false_links: int
    wrong: Share
    choices: Share
    shown: float
    sweep: tuple[At, ...]
    safe: At | None
    cases: tuple[Case, ...]


class _Count(msgspec.Struct):
    """What is counted at one threshold."""

    linked: int = 0
    false: int = 0
    wrong: int = 0
    choices: int = 0
    offered: int = 0
    shown: int = 0

    def add(self, bands: Sequence[MatchBand], same: frozenset[int]) -> None:
        links = [at for at, band in enumerate(bands) if band == "LINK"]
        possible = [at for at, band in enumerate(bands) if band == "POSSIBLE"]
        right = len(same.intersection(links))
        self.linked += right
        self.false += len(links) - right
        self.wrong += len(links) > right
        self.offered += right + len(same.intersection(possible))
        if possible and not links:
            self.choices += 1
            self.shown += len(possible)


def evaluate(questions: Iterable[Question], matcher: Matcher, most: int = 20) -> Evaluation:
    """Ask every question. Of each kind of wrong case the first ``most`` are kept, false links before all others."""
    steps = [threshold for threshold in THRESHOLDS if threshold >= matcher.weights.bands.possible]
    ways = [_at(matcher, threshold) for threshold in steps]
    now, swept = _Count(), [_Count() for _ in steps]
    asked = pairs = positives = lost = 0
    cases: dict[Kind, list[Case]] = {"false-link": [], "missed": [], "lost": [], "only-possible": []}
    for question in questions:
        found = matcher.match(question.subject, question.persons)
        now.add([each.band for each in found], question.same)
        for count, bands in zip(swept, _swept(question, found, ways, matcher), strict=True):
            count.add(bands, question.same)
        for case in _cases(question, found):
            if len(cases[case.kind]) < most:
                cases[case.kind].append(case)
        asked, pairs, lost = asked + 1, pairs + len(found), lost + len(question.lost)
        positives += len(question.same) + len(question.lost)
    sweep = tuple(_step(threshold, count, asked, positives) for threshold, count in zip(steps, swept, strict=True))
    return Evaluation(
        questions=asked,
        pairs=pairs,
        positives=positives,
        precision=Share(now.linked, now.linked + now.false),
        recall=Share(now.linked, positives),
        offered=Share(now.offered, positives),
        lost=Share(lost, positives),
        false_links=now.false,
        wrong=Share(now.wrong, asked),
        choices=Share(now.choices, asked),
        shown=now.shown / now.choices if now.choices else 0.0,
        sweep=sweep,
        safe=_safe(sweep),
        cases=tuple(case for kept in cases.values() for case in kept),
    )


def _at(matcher: Matcher, threshold: float) -> Matcher:
    bands = msgspec.structs.replace(matcher.weights.bands, link=threshold)
    return msgspec.structs.replace(matcher, weights=msgspec.structs.replace(matcher.weights, bands=bands))


def _swept(question: Question, found: Sequence[Match], ways: Sequence[Matcher], matcher: Matcher) -> Iterator[Sequence[MatchBand]]:
    """The bands at every threshold.

    Only who reaches the bits of a possible match takes part in what others are given, and only who reaches those of the lowest
    threshold can ever be linked; so that mostly nobody, or one person alone, is looked at again.
    """
    usual = [each.band for each in found]
    possible = matcher.weights.bands.possible
    strong = [at for at, each in enumerate(found) if _alone(each) >= possible or (each.score and each.score.numbers.contradicted)]
    if not ways or not any(_alone(found[at]) >= ways[0].weights.bands.link for at in strong):
        yield from (usual for _ in ways)
        return
    persons = [question.persons[at] for at in strong]
    lowest = ways[0].match(question.subject, persons)
    for way in ways:
        if len(strong) == 1:
            again = [_raised(lowest[0], way.weights.bands.link)]
        else:
            again = [each.band for each in (lowest if way is ways[0] else way.match(question.subject, persons))]
        bands = list(usual)
        for at, band in zip(strong, again, strict=True):
            bands[at] = band
        yield bands


def _raised(found: Match, link: float) -> MatchBand:
    """The band of one person alone, who is judged at the lowest threshold, at a higher one."""
    return "POSSIBLE" if found.band == "LINK" and found.bits < link else found.band


def _alone(found: Match) -> float:
    """The bits of a person before the others take away theirs."""
    return found.score.bits if found.score else found.bits


def _cases(question: Question, found: Sequence[Match]) -> Iterator[Case]:
    for at, each in enumerate(found):
        if kind := _kind(each.band, at in question.same):
            yield _case(kind, question, question.lines[at], question.persons[at], each)
    for line, person in question.lost:
        yield _case("lost", question, line, person, None)


def _case(kind: Kind, question: Question, other: int, person: Person, found: Match | None) -> Case:
    parts = found.score.parts if found and found.score else ()
    return Case(
        kind=kind,
        line=question.line,
        other=other,
        bits=found.bits if found else None,
        levels=tuple(f"{part.field}:{part.level}" for part in parts),
        cap=found.verdict.cap if found and found.verdict else None,
        subject=question.subject,
        person=person,
    )


def _kind(band: MatchBand, same: bool) -> Kind | None:
    if not same:
        return "false-link" if band == "LINK" else None
    if band == "LINK":
        return None
    return "only-possible" if band == "POSSIBLE" else "missed"


def _step(threshold: float, count: _Count, asked: int, positives: int) -> At:
    return At(
        threshold=threshold,
        recall=Share(count.linked, positives),
        precision=Share(count.linked, count.linked + count.false),
        false_links=count.false,
        wrong=Share(count.wrong, asked),
        choices=Share(count.choices, asked),
    )


def _safe(sweep: Sequence[At]) -> At | None:
    """The lowest step from which on nothing is linked wrongly."""
    safe = None
    for step in reversed(sweep):
        if step.false_links:
            break
        safe = step
    return safe
