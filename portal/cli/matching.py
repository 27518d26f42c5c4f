"""The commands for matching: alone, without a portal and without a network, on test data or an agency's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click
import msgspec
from rich.console import Console

from connectors.errors import ConfigurationError, Mistake
from connectors.matching import Match, Matcher, Told, explained
from connectors.matching.evaluation import Evaluation, evaluate
from connectors.matching.loading import load_matcher
from connectors.matching.queries import MAX_LINE, Query, read_query
from connectors.matching.tables import MappingFile, columns_of
from portal.cli import evaluated, labelled
from portal.cli.frame import careful, json_option, print_json

_Command = TypeVar("_Command", bound=Callable[..., Any])
_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_MATCHER = (
    click.option("--population", type=click.IntRange(1, 1_000_000_000), metavar="N", help="How many children the agency's file holds."),
    click.option("--weights", type=_file, metavar="FILE", help="Weights in place of those shipped."),
    click.option("--model", type=_file, metavar="FILE", help="A trained Splink model in place of the weights against an unrelated child."),
    click.option("--frequencies", type=_file, metavar="FILE", help="With --model: how common each value is, if the model asks for it."),
    click.option("--mapping", type=_file, metavar="FILE", help="Which column holds which field, in TOML."),
    click.option("--link", type=float, metavar="BITS", help="From how many bits on a link begins, in place of the weights'."),
    click.option("--possible", type=float, metavar="BITS", help="From how many bits on somebody is possible, in place of the weights'."),
)


def _matcher_options(command: _Command) -> _Command:
    for option in reversed(_MATCHER):
        command = option(command)
    return command


def _matcher(said: dict[str, Any]) -> tuple[Matcher, MappingFile]:
    """The matcher that the options make, and the columns they name. Raises ConfigurationError."""
    mapping = columns_of(said["mapping"]) if said["mapping"] else MappingFile()
    wanted = {name: said[name] for name in ("weights", "model", "frequencies", "population", "link", "possible")}
    return load_matcher(columns=mapping.of(mapping), **wanted), mapping


def _of_json(said: dict[str, Any]) -> Matcher:
    """The same where what is read names its fields itself, so that columns are those of a model."""
    if said["mapping"] and not said["model"]:
        message, hint = "A mapping names the columns of a model, and there is none.", "Give --model as well, or leave --mapping out."
        raise ConfigurationError([Mistake(id="CV615", message=message, hint=hint)])
    return _matcher(said)[0]


@click.group(invoke_without_command=True)
@_matcher_options
@json_option
@careful
def match(json: bool, **said: Any) -> None:
    """Match children: with --json alone, one query a line from standard input, one answer a line to standard output.

    A query is {"subject": {...}, "candidates": [{"id": ..., ...}]}. Candidates that are no match are left out of the answer. A line
    that is wrong is answered with its errors, and the reading goes on.
    """
    given = [name for name, value in {**said, "json": json}.items() if value not in (None, False)]
    if command := click.get_current_context().invoked_subcommand:
        if given:
            raise click.UsageError(f"Write --{given[0]} after {command}.")
        return
    if not json:
        raise click.UsageError("Give --json to read queries from standard input, or name a command: evaluate, explain.")
    sys.exit(1 if _answer_lines(_of_json(said), sys.stdin.buffer, sys.stdout.buffer) else 0)


class _Result(msgspec.Struct):
    id: str
    band: str
    bits: float
    evidence: list[Told]


def _answer_lines(matcher: Matcher, typed: BinaryIO, out: BinaryIO) -> int:
    """Answer every line as it comes; how many were wrong."""
    encode, wrong = msgspec.json.Encoder().encode, 0
    for number, line in _lines(typed):
        answer: dict[str, Any]
        try:
            query = _query(line, number)
            answer = {"results": _results(query, matcher.match(query.subject, query.candidates))}
        except ConfigurationError as error:
            answer, wrong = {"errors": error.mistakes}, wrong + 1
        out.write(encode(answer) + b"\n")
        out.flush()
    return wrong


def _lines(typed: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Every line that is not blank, with its number; None for one that is too long, of which no more is kept than a piece."""
    number = 0
    while line := typed.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE and not line.endswith(b"\n"):
            while (more := typed.readline(MAX_LINE)) and not more.endswith(b"\n"):
                pass
            yield number, None
        elif line.strip():
            yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line


def _query(line: bytes | None, number: int) -> Query:
    if line is None:
        hint = "Ask about fewer candidates at once."
        raise ConfigurationError([Mistake(id="CV610", message="This line is longer than 1 MB.", file="<stdin>", line=number, hint=hint)])
    return read_query(line, "<stdin>", number)


def _results(query: Query, found: list[Match]) -> list[_Result]:
    """Links and possible ones, the likeliest first."""
    kept = [(person.id, each) for person, each in zip(query.candidates, found, strict=True) if each.band != "NON_LINK"]
    kept.sort(key=lambda pair: -pair[1].bits)
    return [_Result(id, each.band, round(each.bits, 4), _evidence(each)) for id, each in kept]


def _evidence(found: Match) -> list[Told]:
    return [Told(each.field, each.words, round(each.bits, 4)) for each in explained(found)]


@match.command("explain")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--pair", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Which candidate of the file.")
@_matcher_options
@json_option
@careful
def match_explain(file: Path, pair: int, json: bool, **said: Any) -> None:
    """Say field by field why one pair is a match or none. FILE is JSON: subject, and candidate or candidates; or several, one a line.

    For test data, or for your own agency's data alone: it tells of homes, phones, schools and parents. Nothing of it is kept.
    """
    matcher = _of_json(said)
    query, at = _pair(_queries(file), pair, file)
    found = matcher.match(query.subject, query.candidates)[at]
    if json:
        print_json({"errors": [], "id": query.candidates[at].id, **evaluated.told(found)})
    else:
        evaluated.print_pair(found, query.candidates[at].id, matcher.weights.bands, Console())


def _queries(file: Path) -> list[Query]:
    """The queries of a file: one JSON text, on however many lines, or one a line."""
    with click.open_file(str(file), "rb") as typed:
        text = typed.read(MAX_LINE * 10 + 1).removeprefix(b"\xef\xbb\xbf")
    if len(text) > MAX_LINE * 10:
        hint = "Take out of it what is to be explained."
        raise ConfigurationError([Mistake(id="CV610", message="is larger than 10 MB.", file=str(file), hint=hint)])
    lines = [(at, line) for at, line in enumerate(text.splitlines(), 1) if line.strip()]
    try:
        return [read_query(text, str(file), 1, nameless=True)]
    except ConfigurationError:
        if len(lines) < 2 or not all(line.lstrip().startswith(b"{") and line.rstrip().endswith(b"}") for _, line in lines):
            raise
    return [read_query(line, str(file), at, nameless=True) for at, line in lines]


def _pair(queries: list[Query], pair: int, file: Path) -> tuple[Query, int]:
    pairs = [(query, at) for query in queries for at in range(len(query.candidates))]
    if pair > len(pairs):
        hint = f"Give --pair from 1 to {len(pairs)}." if pairs else "Write at least one candidate."
        raise ConfigurationError([Mistake(id="CV615", message=f"has no pair {pair}.", file=str(file), hint=hint)])
    return pairs[pair - 1]


def _delimiter(context: click.Context, option: click.Parameter, value: str) -> str:
    sign = "\t" if value in ("tab", "\\t") else value
    if len(sign) != 1 or sign in '"\r\n':
        raise click.BadParameter("write one sign, or tab")
    return sign


@match.command("evaluate")
@click.argument("file", type=_file)
@click.argument("file_b", type=_file, required=False)
@click.option("--truth", metavar="COLUMN", help="Of two files: the column that the records of one child share (default: truth or person).")
@click.option("--truth-file", type=_file, metavar="FILE", help="Of two files: the pairs of one child by their ids, in columns a and b.")
@click.option(
    "--delimiter", default=",", show_default=True, callback=_delimiter, metavar="SIGN", help="What stands between values; or tab."
)
@_matcher_options
@click.option("--wrong", type=click.IntRange(0, 10_000), default=20, show_default=True, metavar="N", help="How many wrong pairs to show.")
@click.option("--show-values", is_flag=True, help="Show names, dates and homes of wrong pairs, not their lines alone.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.svg", help="Write the thresholds as a picture.")
@json_option
@careful
def match_evaluate(file: Path, file_b: Path | None, json: bool, **said: Any) -> None:
    """Measure the matching on labelled data, and find the threshold at which nobody is linked wrongly.

    FILE alone holds pairs: columns a_given_name, b_given_name and so on, and same, 1 or 0. With FILE_B every record of FILE is asked
    about and looked for in FILE_B. For test data, or for your own agency's data alone; nothing of it is kept.
    """
    _check(file_b, said)
    matcher, mapping = _matcher(said)
    read = labelled.table(file, said["delimiter"])
    if file_b:
        truths = labelled.table(said["truth_file"], said["delimiter"]) if said["truth_file"] else None
        questions = labelled.linked(read, labelled.table(file_b, said["delimiter"]), mapping, said["truth"], truths)
    else:
        questions = iter(labelled.pairs(read, mapping))
    found = _few(evaluate(questions, matcher, said["wrong"]), said["wrong"])
    if said["plot"]:
        evaluated.plot(found, said["plot"])
    if json:
        print_json({"errors": [], **evaluated.plain(found, said["show_values"])})
    else:
        evaluated.print_evaluation(found, matcher.weights.bands.link, said["show_values"], Console())


def _check(file_b: Path | None, said: dict[str, Any]) -> None:
    """Refuse options that do not go together, all at once."""
    wrong: list[tuple[str, str]] = []
    if not file_b and (said["truth"] or said["truth_file"]):
        wrong.append(("A truth is told of two files, and there is one.", "Name both files, or give the pairs a column 'same'."))
    if said["truth"] and said["truth_file"]:
        wrong.append(("The truth is told twice.", "Give --truth or --truth-file."))
    if said["plot"] and said["plot"].suffix != ".svg":
        wrong.append(("The picture is written as SVG.", "Give --plot a name that ends in .svg."))
    if wrong:
        raise ConfigurationError([Mistake(id="CV615", message=message, hint=hint) for message, hint in wrong])


def _few(found: Evaluation, most: int) -> Evaluation:
    """The same with so many wrong pairs, false links first."""
    return msgspec.structs.replace(found, cases=found.cases[:most])
