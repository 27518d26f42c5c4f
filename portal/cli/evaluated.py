"""A score and an evaluation as people and programs read them. Values of a child are shown only where somebody asks for them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table

from connectors.matching import Match, MatchBand, explained, grade
from connectors.matching.evaluation import At, Case, Evaluation, Share
from connectors.matching.queries import values
from connectors.matching.weights import FIELDS

NOTICE = "For test data, or for your own agency's data alone. Nothing of it is kept."
_SENTENCES: dict[MatchBand, str] = {
    "LINK": "LINK: this is taken to be the child, and the records are read.",
    "POSSIBLE": "POSSIBLE: it may be the child; a person has to decide.",
    "NON_LINK": "NON_LINK: it is not taken to be the child, and nothing is said of it.",
}
_KINDS = {
    "false-link": "linked, and another child",
    "missed": "the child, and not linked",
    "lost": "the child, and not compared",
    "only-possible": "the child, and only possible",
}

# One pair


def told(found: Match) -> dict[str, Any]:
    """One pair for a program: every field, what each sum is made of, and what comes out."""
    score, verdict = found.score, found.verdict
    if score is None or verdict is None:
        return {"band": found.band, "grade": grade(found.band, found.bits), "bits": found.bits}
    lines = explained(found)
    fields = [
        {"field": each.field, "level": part.level, "words": each.words, "unrelated": part.unrelated, "sibling": part.sibling}
        for part, each in zip(score.parts, lines[1:], strict=False)
    ]
    prior = {"unrelated": lines[0].bits, "sibling": score.sibling - sum(part.sibling for part in score.parts)}
    return {
        "band": found.band,
        "grade": grade(found.band, found.bits),
        "sentence": _SENTENCES[found.band],
        "bits": found.bits,
        "prior": prior,
        "fields": fields,
        "sum": {"unrelated": score.unrelated, "sibling": score.sibling},
        "rivals": score.bits,
        "competition": verdict.competition,
        "cap": next((each.words for each in lines if each.field == "cap"), None),
    }


def print_pair(found: Match, id: str, bands: Any, console: Console) -> None:
    """One pair in words, with the bits of every field against both rivals."""
    said = told(found)
    console.print(NOTICE)
    table = Table(title=f"Candidate {id}", title_justify="left")
    for name in ("Field", "How it compares"):
        table.add_column(name)
    for name in ("Unrelated child", "Sibling or twin"):
        table.add_column(name, justify="right")
    table.add_row("before", "anything is compared", *_bits(said.get("prior")), end_section=not said.get("fields"))
    for at, each in enumerate(said.get("fields", ()), 1):
        table.add_row(each["field"], each["words"], *_bits(each), end_section=at == len(said["fields"]))
    table.add_row("sum", "", *_bits(said.get("sum")))
    console.print(table)
    if missing := sorted(set(FIELDS) - {part.field for part in found.score.parts}) if found.score else []:
        console.print(f"Missing on one side or both, and worth nothing: {', '.join(missing)}.")
    for words, bits in _sums(said):
        console.print(f"{words:<44}{bits:>8.1f} bits", highlight=False)
    if said.get("cap"):
        console.print(f"Held back: {said['cap']}")
    console.print(f"{said['sentence']} In FHIR, match-grade {said['grade']}.")
    console.print(f"A link begins at {bands.link:g} bits, possible at {bands.possible:g}.", highlight=False)


def _sums(said: dict[str, Any]) -> Iterator[tuple[str, float]]:
    if "sum" in said:
        yield "Against an unrelated child", said["sum"]["unrelated"]
        yield "What a sibling or twin as a rival takes away", said["rivals"] - said["sum"]["unrelated"]
        yield "What other candidates take away", said["competition"]
    yield "Left", said["bits"]


def _bits(pair: dict[str, Any] | None) -> tuple[str, str]:
    return (f"{pair['unrelated']:+.1f}", f"{pair['sibling']:+.1f}") if pair else ("", "")


# An evaluation


def plain(found: Evaluation, show_values: bool) -> dict[str, Any]:
    """An evaluation for a program."""
    fields = {name: value for name, value in msgspec.structs.asdict(found).items() if name not in ("sweep", "safe", "cases")}
    return {
        **{name: _plain(value) for name, value in fields.items()},
        "sweep": [_step(each) for each in found.sweep],
        "safe": _step(found.safe) if found.safe else None,
        "cases": [_case(each, show_values) for each in found.cases],
    }


def _step(at: At) -> dict[str, Any]:
    return {name: _plain(value) for name, value in msgspec.structs.asdict(at).items()}


def _plain(value: Any) -> Any:
    if not isinstance(value, Share):
        return value
    low, high = value.interval
    return {"n": value.n, "of": value.of, "share": value.share, "low": low, "high": high}


def _case(case: Case, show_values: bool) -> dict[str, Any]:
    said = {"kind": case.kind, "a": case.line, "b": case.other, "bits": case.bits, "levels": case.levels, "cap": case.cap}
    return said | ({"subject": values(case.subject), "person": values(case.person)} if show_values else {})


def print_evaluation(found: Evaluation, link: float, show_values: bool, console: Console) -> None:
    """An evaluation for a person: what came out, at which threshold what would, and the pairs that went wrong."""
    console.print(NOTICE)
    asked = f"{found.questions:,} questions, {found.pairs:,} pairs compared, {found.positives:,} pairs of one child in the files."
    console.print(asked, highlight=False)
    console.print(_summary(found, link))
    if found.choices.n:
        console.print(f"Where there is a choice, {found.shown:.1f} are offered on average.", highlight=False)
    console.print(sweep(found), _safe(found), sep="\n", highlight=False)
    if found.cases:
        console.print(_wrong(found.cases))
        for case in found.cases if show_values else ():
            console.print(f"{case.line} {values(case.subject)}\n{case.other} {values(case.person)}", highlight=False, markup=False)


def _summary(found: Evaluation, link: float) -> Table:
    table = Table(title=f"Linked from {link:g} bits on", title_justify="left")
    table.add_column("")
    for name in ("Count", "Share", "95 % interval"):
        table.add_column(name, justify="right")
    rows = (
        ("links that are right (precision)", found.precision),
        ("pairs of one child that are linked (recall)", found.recall),
        ("pairs of one child linked or possible", found.offered),
        ("pairs of one child not compared at all", found.lost),
        ("questions with a choice and no link", found.choices),
    )
    for words, share in rows:
        table.add_row(words, f"{share.n:,} of {share.of:,}", _percent(share.share), _interval(share))
    low, high = found.wrong.interval
    a_lot = f"{10_000 * found.wrong.share:,.1f} in 10,000" if found.wrong.share is not None else ""
    table.add_row(
        "questions with a false link", f"{found.wrong.n:,} of {found.wrong.of:,}", a_lot, f"{1e4 * low:,.1f} to {1e4 * high:,.1f}"
    )
    table.add_row("false links", f"{found.false_links:,}", "", "")
    return table


def sweep(found: Evaluation) -> Table:
    """What would be at each threshold, with a bar for the recall."""
    table = Table(title="If a link began at", title_justify="left")
    for name, justify in (("Bits", "right"), ("Recall", "left"), ("", "right"), ("Precision", "right"), ("False links", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("Choices", justify="right")
    for at in found.sweep:
        bar = "█" * round(20 * (at.recall.share or 0.0))
        shares = (_percent(each.share) for each in (at.recall, at.precision))
        table.add_row(f"{at.threshold:g}", bar, *shares, f"{at.false_links:,}", _percent(at.choices.share))
    return table


def _safe(found: Evaluation) -> str:
    if found.safe is None:
        return "There are false links at every threshold that was tried."
    at = found.safe
    most = 10_000 * at.wrong.interval[1]
    return (
        f"From {at.threshold:g} bits on there is no false link in these {at.wrong.of:,} questions, and {_percent(at.recall.share)} of the "
        f"pairs of one child are linked. No more can be said from so many questions than: up to {most:,.1f} in 10,000 (95 %)."
    )


def _wrong(cases: Sequence[Case]) -> Table:
    table = Table(title="What went wrong", title_justify="left")
    for name in ("What", "Line", "Line"):
        table.add_column(name, justify="right" if name == "Line" else "left")
    table.add_column("Bits", justify="right")
    table.add_column("How the fields compare", overflow="fold")
    for case in cases:
        bits = "" if case.bits is None else f"{case.bits:.1f}"
        table.add_row(
            _KINDS[case.kind],
            str(case.line),
            str(case.other),
            bits,
            " ".join((*case.levels, *((f"held back: {case.cap}",) if case.cap else ()))),
        )
    return table


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _interval(share: Share) -> str:
    low, high = share.interval
    return f"{100 * low:.1f} to {100 * high:.1f} %"


_FROM_ELSEWHERE = re.compile(r"@font-face \{.*?\}|<!--.*?-->", re.DOTALL)


def plot(found: Evaluation, path: Path) -> None:
    """Write the sweep as a picture that loads nothing from anywhere."""
    console = Console(record=True, width=90, file=io.StringIO())
    shown: RenderableType = Group(sweep(found), _safe(found))
    console.print(Panel(shown))
    path.write_text(_FROM_ELSEWHERE.sub("", console.export_svg(title="Matching by threshold")), "utf-8")
