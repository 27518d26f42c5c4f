"""``python -m tests.bench.families --queries 3000 --seed 7 --mode plain``: ask, add up, print."""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import import_module
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.families.measure import Matcher, Outcome, Report, Share, outcome, report
from tests.bench.families.noise import Rates
from tests.bench.families.queries import CHILDREN, MODES, QUERIES_A_TOWN, Mix, Mode, Query, make_queries

_PRODUCT = "tests.bench.families.measure:product"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The questions to one town; towns differ, so that no child is asked for too often."""

    seed: str
    count: int
    mode: Mode
    rates: Rates
    mix: Mix
    children: int
    matcher: str

    def queries(self) -> Iterable[Query]:
        return make_queries(self.seed, self.count, self.mode, self.rates, self.mix, self.children)


def main(argv: Sequence[str] | None = None) -> None:
    """Run and print."""
    options = _options(argv)
    started = time.perf_counter()
    if options.dump:
        _dump(parts(options), options.dump)
        return
    found = report(_ask(parts(options), options.jobs))
    if options.json:
        Path(options.json).write_text(json.dumps({"options": vars(options), **found.plain()}, ensure_ascii=False), "utf-8")
    console = Console(width=160, highlight=False)
    title = f"{found.queries:,} questions, {options.mode}{', doubled' * options.doubled}{', strict' * options.strict}, seed {options.seed}"
    console.print(_figures(found, f"{title}, {time.perf_counter() - started:.0f} s"), _rows(found.categories, "By what makes it hard"))
    console.print(_rows(_worst(found), "Where the child is missed or only offered, by what is wrong"))
    _errors(console, found, options.show_errors)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.families", description=__doc__)
    parser.add_argument("--queries", type=int, default=3000)
    parser.add_argument("--seed", default="7")
    parser.add_argument("--mode", choices=MODES, default="plain")
    parser.add_argument("--doubled", action="store_true", help="a file kept half as well")
    parser.add_argument("--strict", action="store_true", help="names and birth dates may be missing as often as anything else")
    parser.add_argument("--typed-wrong", type=float, default=0.02, help="errors a field of the question")
    parser.add_argument("--children", type=int, default=CHILDREN, help="of a town")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--matcher", default=_PRODUCT, help="module:function (subject, candidates) -> [(id, band, bits)]")
    parser.add_argument("--show-errors", type=int, default=0, metavar="N", help="of each kind of error so many")
    parser.add_argument("--json", metavar="FILE", help="the figures, all errors and the scores")
    parser.add_argument("--dump", metavar="FILE", help="write the questions, a line each, and ask nobody")
    return parser.parse_args(argv)


def parts(options: argparse.Namespace) -> list[Part]:
    """The towns; the same for any number of jobs."""
    towns = max(1, -(-options.queries // QUERIES_A_TOWN))
    rates = Rates().strict() if options.strict else Rates()
    return [
        Part(
            seed=f"{options.seed}/{town}",
            count=options.queries // towns + (town < options.queries % towns),
            mode=options.mode,
            rates=rates.doubled() if options.doubled else rates,
            mix=Mix(typed_wrong=options.typed_wrong),
            children=options.children,
            matcher=options.matcher,
        )
        for town in range(towns)
    ]


def _ask(towns: Sequence[Part], jobs: int) -> list[Outcome]:
    if jobs < 2 or len(towns) < 2:
        return [each for town in towns for each in _town(town)]
    with Pool(jobs) as pool:
        return [each for outcomes in pool.imap(_town, towns) for each in outcomes]


def _town(town: Part) -> list[Outcome]:
    matcher = _matcher(town.matcher)
    return [outcome(query, matcher) for query in town.queries()]


def _matcher(path: str) -> Matcher:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _dump(towns: Sequence[Part], file: str) -> None:
    """The questions as ``childview match --json`` reads them, with the truth beside."""
    with Path(file).open("w", encoding="utf-8") as lines:
        for town in towns:
            for query in town.queries():
                lines.write(json.dumps({**msgspec.to_builtins(query), "truth": sorted(query.truth)}, ensure_ascii=False) + "\n")


def _figures(found: Report, title: str) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    wrong = ", ".join(f"{who} {count}" for who, count in found.false_pairs.items()) or "none"
    rows: list[tuple[str, str]] = [
        ("false links (questions with one)", _words(found.false_links)),
        ("  to whom (category of the question: who it is)", wrong),
        ("LINK recall, of those held and among the candidates", _words(found.link_recall)),
        ("LINK or POSSIBLE recall, of the same", _words(found.offered_recall)),
        ("lost by blocking, of those held", _words(found.blocking_lost)),
        ("a choice (no link, something offered)", _words(found.choice)),
        ("shown a question", f"{found.mean_shown:.2f} of {found.mean_candidates:.1f} candidates"),
        ("decoys: false links", _words(found.decoys)),
        ("decoys: the twin, sibling or namesake is offered", _words(found.decoys_offered)),
    ]
    for row in rows:
        table.add_row(*row)
    return table


def _words(share: Share) -> str:
    low, high = share.interval
    return f"{share.n:,} / {share.of:,} = {share.share:.3%}  (95 %: {low:.3%} to {high:.3%})"


def _rows(rows: dict[str, dict[str, int]], title: str) -> Table:
    names = ("queries", "false", "reached", "linked", "possible", "missed", "choice", "lost")
    table = Table("", *names, "linked %", "offered %", title=title, title_justify="left")
    for label, row in rows.items():
        of = row["reached"]
        shares = [f"{row['linked'] / of:.1%}", f"{(of - row['missed']) / of:.1%}"] if of else ["", ""]
        table.add_row(label, *(f"{row[name]:,}" for name in names), *shares)
    return table


def _worst(found: Report) -> dict[str, dict[str, int]]:
    """The thirty by most questions not linked."""
    return dict(sorted(found.tags.items(), key=lambda item: item[1]["linked"] - item[1]["reached"])[:30])


def _errors(console: Console, found: Report, most: int) -> None:
    """All false links with their kinds; of the missed and the only offered so many."""
    shown = Counter[str]()
    for example in sorted(found.examples, key=lambda each: ("FALSE LINK", "MISSED", "POSSIBLE ONLY").index(each.kind)):
        shown[example.kind] += 1
        if shown[example.kind] <= (max(most, 50) if example.kind == "FALSE LINK" else most):
            wrong = f"{example.kind} [{example.category}] {example.who}, {example.bits:.1f} bits: {', '.join(example.errors)}"
            console.print(wrong, style="bold", markup=False)
            console.print(f"  asked {_line(example.subject)}\n  held  {_line(example.record)}", markup=False)


def _line(fields: dict[str, Any]) -> str:
    homes = "; ".join(", ".join(f"{value}" for value in home.values()) for home in fields.get("addresses", ()))
    shown = ("given_name", "family_name", "birth_date", "sex")
    told = {name: value for name, value in fields.items() if name not in ("addresses", "id", *shown)}
    who = " ".join(fields.get(name) or f"[no {name}]" for name in shown)
    return f"{who} | {homes}{f' | {told}' if told else ''}"


if __name__ == "__main__":
    main()
