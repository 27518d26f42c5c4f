"""The commands that write something down through a running portal. What tells of a child comes from files, never as an option."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO, TextIO, TypeVar, get_args

import click

from portal.cli import client
from portal.cli.asking import SUBJECT_HELP, data_of, read_subject, token_option, url_option
from portal.cli.frame import careful, json_option, print_json
from portal.model import Party

_F = TypeVar("_F", bound=Callable[..., Any])


@click.group()
def record() -> None:
    """Write down what a family said, a decision not to share, or what a review has found."""


def _told(command: _F) -> _F:
    """Who says it, to which portal, and how it answers."""
    for option in (json_option, token_option, url_option):
        command = option(command)
    return command


_subject = click.option("--subject", type=click.File("rb"), required=True, help=SUBJECT_HELP)


def _words(required: bool) -> Callable[[_F], _F]:
    words = "In your own words, in a file, or - for standard input. Kept sealed."
    return click.option("--words-file", type=click.File("r"), required=required, help=words)


def _said(*states: str) -> Callable[[_F], _F]:
    """The options of what somebody said."""
    options = (
        _subject,
        click.option("--agreement", required=True, help="The agreement's id."),
        click.option("--clause", type=int, help="One clause by its number; without it, all of the agreement."),
        click.option("--party", type=click.Choice(get_args(Party)), required=True, help="Who has spoken."),
        click.option("--state", type=click.Choice(states), required=True, help="What they said."),
        click.option("--on", required=True, metavar="DATE", help="The day on which it was said, YYYY-MM-DD."),
        click.option("--evidence", required=True, help="Where it is kept: a form's number. Name nobody."),
        click.option("--rests-on", help="Of an adult: what parental responsibility rests on."),
        click.option("--seen-on", metavar="DATE", help="Of an adult: when you saw that."),
        click.option("--understands", type=click.Choice(("yes", "no")), help="A finding on whether the young person understands."),
        click.option("--found-on", metavar="DATE", help="When it was found."),
        click.option("--found-by", help="Who found it, by role."),
        _words(required=False),
    )

    def with_options(command: _F) -> _F:
        for option in reversed(options):
            command = option(command)
        return command

    return with_options


@record.command()
@_said("GIVEN", "REFUSED", "WITHDRAWN")
@_told
@careful
def consent(**given: Any) -> None:
    """Write down what somebody said when they were asked for consent, or that they take it back."""
    _record("recordConsent", _heard(given), given)


@record.command()
@_said("RAISED", "WITHDRAWN")
@_told
@careful
def objection(**given: Any) -> None:
    """Write down that somebody objects to sharing, or no longer does."""
    _record("recordObjection", _heard(given), given)


@record.command("not-shared")
@_subject
@click.option("--to", required=True, help="The agency that is not told.")
@click.option("--kind", "kinds", multiple=True, required=True, help="A record kind that is not shared; may be repeated.")
@_words(required=True)
@_told
@careful
def not_shared(subject: BinaryIO, to: str, kinds: tuple[str, ...], words_file: TextIO, **asked: Any) -> None:
    """Write down a decision not to share something about a child, and why."""
    variables = {"subject": read_subject(subject), "to": to, "kinds": list(kinds), "words": words_file.read()}
    _record("recordNotShared", variables, asked)


@record.command()
@click.argument("review", required=False)
@click.option("--outcome", type=click.Choice(("JUSTIFIED", "NOT_JUSTIFIED", "UNCLEAR")), help="What you have found.")
@_words(required=False)
@_told
@careful
def review(review: str | None, outcome: str | None, words_file: TextIO | None, **asked: Any) -> None:
    """Close a REVIEW of a breaking of the glass; without one, list those that wait at your agency."""
    if review is None:
        _list_reviews(asked)
    elif outcome is None or words_file is None:
        raise click.UsageError("To close a review, give --outcome and --words-file.")
    else:
        _record("closeReview", {"review": review, "outcome": outcome, "words": words_file.read()}, asked)


def _heard(given: dict[str, Any]) -> dict[str, Any]:
    """The variables of what somebody said."""
    variables = {name: given[name] for name in ("agreement", "clause", "party", "state", "on", "evidence")}
    variables["subject"] = read_subject(given["subject"])
    variables["words"] = given["words_file"].read() if given["words_file"] else None
    variables["responsibility"] = _whole(given, restsOn="rests_on", on="seen_on")
    if found := _whole(given, understands="understands", on="found_on", by="found_by"):
        variables["understanding"] = found | {"understands": found["understands"] == "yes"}
    return variables


def _whole(given: dict[str, Any], **named: str) -> dict[str, Any] | None:
    """Options that belong together: all of them, or none."""
    found = {name: given[option] for name, option in named.items()}
    if all(value is None for value in found.values()):
        return None
    if lacking := [option for name, option in named.items() if found[name] is None]:
        raise click.UsageError("Give " + " and ".join(f"--{option.replace('_', '-')}" for option in lacking) + ", too.")
    return found


def _record(field: str, variables: dict[str, Any], asked: dict[str, Any]) -> None:
    answer = client.ask(asked["url"], asked["token"], client.MUTATIONS[field], variables)
    done = data_of(answer, field, json=asked["json"])
    if asked["json"]:
        print_json(done)
        return
    receipt = done["receipt"]
    click.echo(f"Written down: {done['id']}, version {done['version']}, {done['state']}.")
    click.echo(f"Entry {receipt['index']} of log {receipt['log']}, leaf {receipt['leaf']}")


def _list_reviews(asked: dict[str, Any]) -> None:
    answer = client.ask(asked["url"], asked["token"], client.REVIEWS, {})
    waiting = data_of(answer, "reviews", json=asked["json"])
    if asked["json"]:
        print_json(waiting)
        return
    for each in waiting:
        late = ", overdue" if each["overdue"] else ""
        click.echo(f"{each['id']}  due {each['due']}{late}  {each['reason']}  by {each['byAgency']}  access {each['access']}")
    if not waiting:
        click.echo("No review waits for you.")
