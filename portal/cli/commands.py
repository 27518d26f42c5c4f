"""Every command of ``childview``, each a few lines round a function that does the work."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, ParamSpec

import aiohttp
import click
import msgspec
from rich.console import Console

from connectors.errors import ConfigurationError, Mistake
from connectors.standard import load_standard, standard_text
from portal import logcheck
from portal.agreements import as_day, show
from portal.agreements import check as check_agreements
from portal.cli import client, page, running
from portal.federation import load_federation, refused_in_production

_P = ParamSpec("_P")
_DEMO_URL = "http://127.0.0.1:8750"


def fail(mistakes: list[Mistake], *, json: bool, code: int) -> NoReturn:
    """Say every mistake, on stdout as JSON where a program reads, and leave with ``code``."""
    if json:
        click.echo(msgspec.json.encode({"errors": mistakes}).decode())
    else:
        for mistake in mistakes:
            click.echo(str(mistake), err=True)
    sys.exit(code)


def careful(command: Callable[_P, None]) -> Callable[_P, None]:
    """Turn what can go wrong into a clear message and the right exit code."""

    @wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        json = bool(kwargs.get("json", False))
        try:
            command(*args, **kwargs)
        except ConfigurationError as error:
            fail(error.mistakes, json=json, code=2)
        except (aiohttp.ClientError, TimeoutError):
            fail([Mistake(id="CV801", message="The portal cannot be reached.", hint="Is it running? See --url.")], json=json, code=1)

    return run


_json = click.option("--json", "json", is_flag=True, help="Write JSON, for programs.")
_folder = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
_url = click.option("--url", default=_DEMO_URL, show_default=True, help="Where the portal answers.")


def _needed(context: click.Context, option: click.Parameter, value: str | None) -> str:
    """The token, or how to come by one."""
    if not value:
        raise click.UsageError("There is no token. Set CHILDVIEW_TOKEN; in the demo: export CHILDVIEW_TOKEN=$(childview token morag)")
    return value


_token = click.option("--token", envvar="CHILDVIEW_TOKEN", callback=_needed, help="The asker's token; better in CHILDVIEW_TOKEN.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="childview")
def main() -> None:
    """One view of one child, across the agencies that know the child."""


@main.command()
@click.option("--once", is_flag=True, help="Stop after the view.")
@click.option("--port", default=8750, show_default=True, help="Where the portal answers on this machine; 0 chooses one.")
@click.option("--data", type=click.Path(path_type=Path), help="Where the simulated agencies keep their own systems.")
@click.option("--state", type=click.Path(path_type=Path), help="Where the portal keeps what it keeps.")
@careful
def demo(once: bool, port: int, data: Path | None, state: Path | None) -> None:
    """Start six agencies and a portal, and show one child's view."""
    try:
        sys.exit(asyncio.run(running.demo(once=once, port=port, data=data, state=state, console=Console())))
    except KeyboardInterrupt:  # before everything had started
        click.echo("Stopped.", err=True)


@main.command()
@_folder
@click.option("--state", type=click.Path(path_type=Path), help="Where the portal keeps what it keeps (default: the user's state folder).")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to answer at.")
@click.option("--port", default=8750, show_default=True, help="The port to answer at.")
@click.option("--introspection", is_flag=True, help="Let signed-in practitioners ask the API about itself.")
@careful
def serve(folder: Path, state: Path | None, host: str, port: int, introspection: bool) -> None:
    """Run the portal of the federation in FOLDER."""
    asyncio.run(running.serve(load_federation(folder, load_standard()), state, host, port, introspection=introspection))


@main.command()
@click.option("--given", help="Given name.")
@click.option("--family", help="Family name.")
@click.option("--former-family", help="Earlier family name.")
@click.option("--born", help="Date of birth, YYYY-MM-DD.")
@click.option("--number", "numbers", multiple=True, metavar="SYSTEM=VALUE", help="An identifier, such as chi=...; may be repeated.")
@click.option("--postcode", help="A postcode the child lives or lived at.")
@click.option("--subject", type=click.File("rb"), help="The child as JSON (SubjectInput) in a file, or - for standard input.")
@click.option("--purpose", required=True, help="Why you ask: one of the federation's purposes.")
@click.option("--reason", help="In your own words. Never kept in clear.")
@_url
@_token
@_json
@careful
def query(**asked: Any) -> None:
    """Show the view of one child, as a person with this token may see it.

    What is typed as an option stands in the shell's history and in the list of processes. On a machine that others use, write the child's
    details into --subject.
    """
    variables = {"subject": _subject(asked), "purpose": asked["purpose"], "reason": asked["reason"]}
    answer = client.ask(asked["url"], asked["token"], client.view_query(load_standard()), variables)
    view = _data(answer, "child", json=asked["json"])
    _known_purpose(answer, asked["purpose"], json=asked["json"])
    if asked["json"]:
        click.echo(msgspec.json.format(msgspec.json.encode(view), indent=2).decode())
    else:
        page.print_view(view, Console())


@main.command()
@click.option("--purpose", required=True, help="One of the federation's purposes.")
@click.option("--role", help="A role; without it, your own.")
@click.option("--agency", help="An agency; without it, your own.")
@click.option("--kind", "kinds", multiple=True, help="A record kind; may be repeated.")
@_url
@_token
@_json
@careful
def explain(purpose: str, role: str | None, agency: str | None, kinds: tuple[str, ...], url: str, token: str, json: bool) -> None:
    """Show what a kind of person may see for a purpose, clause by clause. No child, no source is asked."""
    variables = {"purpose": purpose, "role": role, "agency": agency, "kinds": list(kinds) or None}
    held = load_standard().kinds
    if unknown := sorted(set(kinds) - held.keys()):
        fail([_no_such("CV805", f"There is no record kind {unknown[0]!r}.", held)], json=json, code=2)
    answer = client.ask(url, token, client.EXPLAIN, variables)
    rulings = _data(answer, "explain", json=json)
    _known_purpose(answer, purpose, json=json)
    if json:
        click.echo(msgspec.json.format(msgspec.json.encode(rulings), indent=2).decode())
        return
    for ruling in rulings:
        what = f"{ruling['source']} {ruling['kind']}" + (f".{ruling['field']}" if ruling["field"] else "")
        cited = ruling["clause"] or " ".join(part for part in (ruling["reason"], ruling["nearest"]) if part)
        click.echo(f"{'yes' if ruling['permitted'] else 'no ':3} {what:60} {cited}")


@main.command()
@_folder
@click.option("--production", is_flag=True, help="Refuse what only a demonstration may have.")
@click.option("--open", "opened", is_flag=True, help="Ask every source whether it can be asked.")
@_json
@careful
def check(folder: Path, production: bool, opened: bool, json: bool) -> None:
    """Report every mistake in the federation in FOLDER."""
    federation = load_federation(folder, load_standard())
    mistakes = refused_in_production(federation) if production else []
    mistakes += asyncio.run(running.unreachable(federation)) if opened else []
    if mistakes:
        fail(mistakes, json=json, code=1)
    click.echo(msgspec.json.encode({"errors": []}).decode() if json else f"{folder}: no mistakes.")


@main.command()
@click.argument("persona")
@click.option("--data", type=click.Path(path_type=Path), help="Where the demo keeps its agencies' systems.")
@click.option("--minutes", default=60, show_default=True, help="How long the token is good for.")
@careful
def token(persona: str, data: Path | None, minutes: int) -> None:
    """Mint a token for one of the demo's invented people. Demo only."""
    click.echo(running.mint_for(persona, data, minutes))


@main.group()
def agreement() -> None:
    """Agreements: check them, show what they say."""


@agreement.command("check")
@_folder
@_json
@careful
def agreement_check(folder: Path, json: bool) -> None:
    """Report every mistake in the agreements of the federation in FOLDER, and which are in force; fails 30 days before a review is due."""
    federation = running.without_environment(folder)
    overdue = check_agreements(folder / "agreements", federation.vocabulary, as_day(running.now()))
    if overdue:
        fail(overdue, json=json, code=1)
    if json:
        click.echo(msgspec.json.encode({"errors": []}).decode())
        return
    for each in federation.agreements.all:
        click.echo(f"{each.id}@{each.version}: {federation.agreements.state(each, running.now())}")


@agreement.command("show")
@_folder
@click.argument("agreement_id", metavar="ID", required=False)
@careful
def agreement_show(folder: Path, agreement_id: str | None) -> None:
    """Show what each clause allows, in the words that were signed."""
    federation = running.without_environment(folder)
    chosen = [each for each in federation.agreements.all if agreement_id in (None, each.id)]
    if not chosen:
        known = ", ".join(each.id for each in federation.agreements.all)
        fail([Mistake(id="CV299", message="No such agreement.", file=str(folder), hint=f"There are: {known}.")], json=False, code=2)
    for each in chosen:
        click.echo(show(each, federation.agreements, running.now()))


@main.group("log")
def log_() -> None:
    """The access log."""


@log_.command("verify")
@click.argument("database", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_json
@careful
def log_verify(database: Path, json: bool) -> None:
    """Check every entry of an access log, from outside. A tail that was cut off cannot be seen by this alone."""
    report = logcheck.check(database)
    click.echo(msgspec.json.encode(report).decode() if json else logcheck.report_text(report))
    sys.exit(1 if report.problems else 0)


@main.group()
def standard() -> None:
    """The data standard."""


@standard.command("show")
@careful
def standard_show() -> None:
    """Print the composed data standard."""
    click.echo(standard_text(load_standard()))


def _subject(asked: dict[str, Any]) -> dict[str, Any]:
    if asked["subject"]:
        try:
            return msgspec.json.decode(asked["subject"].read(), type=dict[str, Any])
        except msgspec.DecodeError:
            raise click.BadParameter("must hold one JSON object", param_hint="--subject") from None
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


def _data(answer: client.Answer, root: str, *, json: bool) -> Any:
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


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
