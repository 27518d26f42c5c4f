"""How well a matcher does on questions with known answers: links to the wrong child, links and offers of the right one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import sqrt
from typing import Any

import msgspec

from connectors.connector import Address, Identifier, Person, Subject
from tests.bench.families.queries import Query

#: Per candidate its id, the band and the bits of evidence.
Judged = list[tuple[str, str, float]]
Matcher = Callable[[dict[str, Any], list[dict[str, Any]]], Judged]
_RANK = {"LINK": 2, "POSSIBLE": 1}


class Share(msgspec.Struct, frozen=True):
    """So many of so many, with the 95 % interval of Wilson."""

    n: int
    of: int

    @property
    def share(self) -> float:
        return self.n / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        if not self.of:
            return 0.0, 1.0
        z, p, n = 1.96, self.share, self.of
        middle, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n))

    def plain(self) -> dict[str, Any]:
        low, high = self.interval
        return {"n": self.n, "of": self.of, "share": self.share, "low": low, "high": high}


class Example(msgspec.Struct, frozen=True):
    """A question that went wrong: what was typed, the record in question, who that is, and what is wrong with it."""

    kind: str
    category: str
    who: str
    bits: float
    errors: tuple[str, ...]
    subject: dict[str, Any]
    record: dict[str, Any]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one question. ``best`` is the band of the best record of the child: 2 LINK, 1 POSSIBLE, 0 none; -1 there was none."""

    category: str
    held: bool
    best: int
    false_links: tuple[str, ...]
    links: int
    possible: int
    candidates: int
    relative_possible: bool
    tags: tuple[str, ...]
    true_bits: float | None
    other_bits: float | None
    examples: tuple[Example, ...]

    @property
    def candidate(self) -> bool:
        return self.best >= 0

    @property
    def linked(self) -> bool:
        return self.best == 2 and not self.false_links


def product(subject: dict[str, Any], candidates: list[dict[str, Any]]) -> Judged:
    """The product's own matcher; it is imported only now, so that questions can be made and others measured without it."""
    from connectors.matching import match

    return asked(match, subject, candidates)


def asked(match: Callable[[Subject, list[Person]], Sequence[Any]], subject: dict[str, Any], candidates: list[dict[str, Any]]) -> Judged:
    """What a ``match(subject, persons)`` of the product's kind says; one that counts no bits has none."""
    judged = match(read_subject(subject), [read_person(each) for each in candidates])
    return [(each["id"], found.band, float(getattr(found, "bits", 0.0))) for each, found in zip(candidates, judged, strict=True)]


def read_subject(fields: dict[str, Any]) -> Subject:
    """What was typed, as the product has it."""
    found: Subject = _read(fields, Subject)
    return found


def read_person(fields: dict[str, Any]) -> Person:
    """A record, as the product has it."""
    found: Person = _read(fields, Person)
    return found


def _read(fields: dict[str, Any], kind: Any) -> Any:
    homes = tuple(_address(**home) for home in fields.get("addresses", ()))
    numbers = tuple(Identifier(**each) for each in fields.get("identifiers", ()))
    lists = {name: tuple(fields[name]) for name in ("phones", "parents") if name in fields}
    return kind(**{**fields, **lists, "addresses": homes, "identifiers": numbers})


def _address(**home: str) -> Address:
    since = {"from_": home.pop("from")} if "from" in home else {}
    return Address(**home, **since)


def outcome(query: Query, matcher: Matcher) -> Outcome:
    """Ask one question."""
    judged = matcher(query.subject, query.candidates)
    bands = {id: band for id, band, _ in judged}
    bits = {id: score for id, _, score in judged}
    links = [id for id, band in bands.items() if band == "LINK"]
    false = tuple(id for id in links if id not in query.truth)
    best = max(query.truth, key=lambda id: (_RANK.get(bands[id], 0), bits[id], id), default=None)
    shown = [id for id, band in bands.items() if band == "POSSIBLE"]
    return Outcome(
        category=query.category,
        held=query.held > 0,
        best=_RANK.get(bands[best], 0) if best else -1,
        false_links=tuple(query.others[id] for id in false),
        links=len(links),
        possible=len(shown),
        candidates=len(judged),
        relative_possible=any(query.others.get(id, "stranger") != "stranger" for id in shown),
        tags=_tags(query, best),
        true_bits=bits[best] if best else None,
        other_bits=max((score for id, score in bits.items() if id not in query.truth), default=None),
        examples=tuple(_examples(query, bands, bits, false, best)),
    )


def _tags(query: Query, best: str | None) -> tuple[str, ...]:
    mine = query.errors[best] if best else ()
    return (*mine, *(f"typed {error}" for error in query.typed)) or ("nothing wrong",)


def _examples(query: Query, bands: dict[str, str], bits: dict[str, float], false: Sequence[str], best: str | None) -> Iterable[Example]:
    records = {each["id"]: each for each in query.candidates}
    for id in false:
        yield Example("FALSE LINK", query.category, query.others[id], bits[id], _tags(query, id), query.subject, records[id])
    if best and bands[best] != "LINK":
        kind = "POSSIBLE ONLY" if bands[best] == "POSSIBLE" else "MISSED"
        yield Example(kind, query.category, "the child", bits[best], _tags(query, best), query.subject, records[best])


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one run. ``categories`` and ``missed`` are rows; the rest is told in the README."""

    queries: int
    false_links: Share
    false_pairs: dict[str, int]
    link_recall: Share
    offered_recall: Share
    blocking_lost: Share
    choice: Share
    mean_shown: float
    mean_candidates: float
    decoys: Share
    decoys_offered: Share
    categories: dict[str, dict[str, int]]
    tags: dict[str, dict[str, int]]
    examples: tuple[Example, ...]
    scores: tuple[tuple[str, float | None, float | None], ...]

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return msgspec.to_builtins({name: value.plain() if isinstance(value, Share) else value for name, value in values.items()})


def measure(queries: Iterable[Query], matcher: Matcher = product) -> Report:
    """Ask them all and add up."""
    return report([outcome(query, matcher) for query in queries])


def report(outcomes: Sequence[Outcome]) -> Report:
    """The figures of the outcomes."""
    reached = [each for each in outcomes if each.candidate]
    held = [each for each in outcomes if each.held]
    decoys = [each for each in outcomes if each.category.startswith("decoy")]
    return Report(
        queries=len(outcomes),
        false_links=_share(outcomes, lambda each: bool(each.false_links)),
        false_pairs=dict(Counter(f"{each.category}: {who}" for each in outcomes for who in each.false_links).most_common()),
        link_recall=_share(reached, lambda each: each.linked),
        offered_recall=_share(reached, lambda each: each.best > 0),
        blocking_lost=_share(held, lambda each: not each.candidate),
        choice=_share(outcomes, lambda each: not each.links and each.possible > 0),
        mean_shown=sum(each.links + each.possible for each in outcomes) / max(1, len(outcomes)),
        mean_candidates=sum(each.candidates for each in outcomes) / max(1, len(outcomes)),
        decoys=_share(decoys, lambda each: bool(each.false_links)),
        decoys_offered=_share(decoys, lambda each: each.relative_possible),
        categories=_rows((each.category, each) for each in outcomes),
        tags=_rows((tag, each) for each in reached for tag in each.tags),
        examples=tuple(example for each in outcomes for example in each.examples),
        scores=tuple((each.category, each.true_bits, each.other_bits) for each in outcomes),
    )


def _share(outcomes: Sequence[Outcome], so: Callable[[Outcome], bool]) -> Share:
    return Share(sum(map(so, outcomes)), len(outcomes))


def _rows(labelled: Iterable[tuple[str, Outcome]]) -> dict[str, dict[str, int]]:
    """Per label: questions, false links, and of those whose child was reached the linked, the only offered and the missed; and the choices."""
    rows: dict[str, Counter[str]] = {}
    for label, each in labelled:
        row = rows.setdefault(label, Counter(queries=0, false=0, reached=0, linked=0, possible=0, missed=0, choice=0, lost=0))
        row.update(
            queries=1,
            false=bool(each.false_links),
            reached=each.candidate,
            linked=each.linked,
            possible=each.best == 1,
            missed=each.best == 0,
            choice=not each.links and each.possible > 0,
            lost=each.held and not each.candidate,
        )
    return {label: dict(row) for label, row in sorted(rows.items(), key=lambda item: -item[1]["queries"])}
