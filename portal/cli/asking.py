"""The commands that ask a running portal: ``query`` about a child, ``explain`` about what may be seen. Clients with a person's token."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, BinaryIO, get_args

import click
import msgspec
from rich.console import Console

from connectors.errors import Mistake
from connectors.standard import load_standard
from portal.cli import client, page
from portal.cli.frame import careful, fail, json_option, print_json
from portal.model import Informed

#: Between two sentences of a ruling. The conditions of a clause hold no full stop themselves.
_SENTENCE_ENDS = re.compile(r"(?<=\.) ")
_DEMO_URL = "http://127.0.0.1:8750"
SUBJECT_HELP = "The child as JSON (SubjectInput) in a file, or - for standard input."

url_option = click.option("--url", default=_DEMO_URL, show_default=True, help="Where the portal answers.")


def _needed(context: click.Context, option: click.Parameter, value: str | None) -> str:
    """The token, or how to come by one."""
    if not value:
        raise click.UsageError("There is no token. Set CHILDVIEW_TOKEN; in the demo: export CHILDVIEW_TOKEN=$(childview token morag)")
    return value


token_option = click.option("--token", envvar="CHILDVIEW_TOKEN", callback=_needed, help="The asker's token; better in CHILDVIEW_TOKEN.")


@click.command()
@click.option("--given", help="Given name.")
@click.option("--family", help="Family name.")
@click.option("--former-family", help="Earlier family name.")
@click.option("--born", help="Date of birth, YYYY-MM-DD.")
@click.option("--number", "numbers", multiple=True, metavar="SYSTEM=VALUE", help="An identifier, such as chi=...; may be repeated.")
@click.option("--postcode", help="A postcode the child lives or lived at.")
@click.option("--subject", type=click.File("rb"), help=SUBJECT_HELP)
@click.option("--purpose", required=True, help="Why you ask: one of the federation's purposes.")
@click.option("--reason", help="In your own words. Never kept in clear.")
@click.option(
    "--break-glass", metavar="REASON", help="See more to keep a child safe, for one of the federation's reasons. Checked afterwards."
)
@click.option("--words", help="With --break-glass: what has happened, in your own words, naming nobody. Kept sealed.")
@click.option(
    "--declared", is_flag=True, help="Say that you work with this child, where no agency can; needs --reason. Checked afterwards."
)
@click.option("--informed", type=click.Choice(get_args(Informed)), help="Whether the family know that you ask.")
@url_option
@token_option
@json_option
@careful
def query(**asked: Any) -> None:
    """Show the view of one child, as a person with this token may see it.

    What is typed as an option stands in the shell's history and in the list of processes. On a machine that others use, write the child's
    details into --subject.
    """
    variables = {name: asked[name] for name in ("purpose", "reason", "declared", "informed")}
    variables |= {"subject": subject_of(asked), "breakGlass": _break_glass(asked["break_glass"], asked["words"])}
    answer = client.ask(asked["url"], asked["token"], client.view_query(load_standard()), variables)
    view = data_of(answer, "child", json=asked["json"])
    _known_purpose(answer, asked["purpose"], json=asked["json"])
    if asked["json"]:
        print_json(view)
    else:
        page.print_view(view, Console())


@click.command()
@click.option("--purpose", required=True, help="One of the federation's purposes.")
@click.option("--role", help="A role; without it, your own.")
@click.option("--agency", help="An agency; without it, your own.")
@click.option("--kind", "kinds", multiple=True, help="A record kind; may be repeated.")
@url_option
@token_option
@json_option
@careful
def explain(purpose: str, role: str | None, agency: str | None, kinds: tuple[str, ...], url: str, token: str, json: bool) -> None:
    """Show what a kind of person may see for a purpose, clause by clause. No child, no source is asked."""
    variables = {"purpose": purpose, "role": role, "agency": agency, "kinds": list(kinds) or None}
    held = load_standard().kinds
    if unknown := sorted(set(kinds) - held.keys()):
        fail([_no_such("CV805", f"There is no record kind {unknown[0]!r}.", held)], json=json, code=2)
    answer = client.ask(url, token, client.EXPLAIN, variables)
    rulings = data_of(answer, "explain", json=json)
    _known_purpose(answer, purpose, json=json)
    if json:
        print_json(rulings)
        return
    for line in explained(rulings):
        click.echo(line)


def explained(rulings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each ruling; after those of one kind, once, what the clause that permits it asks for besides."""
    for _, together in groupby(rulings, key=lambda ruling: (ruling["source"], ruling["kind"])):
        of_kind = list(together)
        for ruling in of_kind:
            what = f"{ruling['source']} {ruling['kind']}" + (f".{ruling['field']}" if ruling["field"] else "")
            cited = ruling["clause"] or " ".join(part for part in (ruling["reason"], ruling["nearest"]) if part)
            yield f"{'yes' if ruling['permitted'] else 'no ':3} {what:60} {cited}"
        besides = (said for ruling in of_kind if ruling["permitted"] for said in _SENTENCE_ENDS.split(ruling["words"])[1:])
        yield from (f"        {said}" for said in dict.fromkeys(besides))


def read_subject(file: BinaryIO) -> dict[str, Any]:
    """The child as JSON, from a file."""
    try:
        return msgspec.json.decode(file.read(), type=dict[str, Any])
    except msgspec.DecodeError:
        raise click.BadParameter("must hold one JSON object", param_hint="--subject") from None


def subject_of(asked: dict[str, Any]) -> dict[str, Any]:
    """The child, from a file or from what was typed."""
    if asked["subject"]:
        return read_subject(asked["subject"])
    identifiers = []
    for number in asked["numbers"]:
        system, equals, value = number.partition("=")
        if not equals:
            raise click.BadParameter("write SYSTEM=VALUE", param_hint="--number")
        identifiers.append({"system": system, "value": value})
    subject = {
        "identifiers": identifiers or None,
        "givenName": asked["given"],
        "familyName": asked["family"],
        "formerFamilyName": asked["former_family"],
        "birthDate": asked["born"],
        "addresses": [{"postcode": asked["postcode"]}] if asked["postcode"] else None,
    }
    return {name: value for name, value in subject.items() if value is not None}


def _break_glass(reason: str | None, words: str | None) -> dict[str, str] | None:
    if words and not reason:
        raise click.UsageError("--words belong to --break-glass.")
    return {"reason": reason, "words": words or ""} if reason else None


def data_of(answer: client.Answer, root: str, *, json: bool) -> Any:
    """The data of one root, or the portal's errors and exit 1."""
    body = answer.body if isinstance(answer.body, dict) else {}
    data = (body.get("data") or {}).get(root)
    if data is not None:
        return data
    errors = body.get("errors") or [{"message": f"The portal answered {answer.status}."}]
    fail([_mistake(error) for error in errors], json=json, code=1)


def _known_purpose(answer: client.Answer, purpose: str, *, json: bool) -> None:
    """A purpose nobody agreed on gives nothing: say that it is the purpose, and which there are."""
    known = [each["id"] for each in answer.body["data"]["purposes"]]
    if purpose not in known:
        fail([_no_such("CV804", f"There is no purpose {purpose!r} here.", known)], json=json, code=1)


def _no_such(id: str, message: str, known: Iterable[str]) -> Mistake:
    return Mistake(id=id, message=message, hint=f"There are {', '.join(sorted(known))}.")


def _mistake(error: dict[str, Any]) -> Mistake:
    told = error.get("extensions") or {}
    return Mistake(id=str(told.get("code") or "CV802"), message=str(error.get("message")), hint=told.get("hint"))
