"""Every command of ``childview``, each a few lines round a function that does the work."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import click
import msgspec
from rich.console import Console

from connectors.standard import load_standard, standard_text
from portal import logcheck
from portal.cli import running
from portal.cli.agreements import agreement
from portal.cli.asking import explain, query
from portal.cli.frame import careful, fail, folder_argument, json_option
from portal.cli.keys import keys
from portal.cli.matching import match
from portal.cli.records import record
from portal.federation import load_federation, refused_in_production


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
@folder_argument
@click.option("--state", type=click.Path(path_type=Path), help="Where the portal keeps what it keeps (default: the user's state folder).")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to answer at.")
@click.option("--port", default=8750, show_default=True, help="The port to answer at.")
@click.option("--introspection", is_flag=True, help="Let signed-in practitioners ask the API about itself.")
@careful
def serve(folder: Path, state: Path | None, host: str, port: int, introspection: bool) -> None:
    """Run the portal of the federation in FOLDER."""
    asyncio.run(running.serve(load_federation(folder, load_standard()), state, host, port, introspection=introspection))


@main.command()
@folder_argument
@click.option("--production", is_flag=True, help="Refuse what only a demonstration may have.")
@click.option("--open", "opened", is_flag=True, help="Ask every source whether it can be asked.")
@json_option
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
@click.option("--signed-in-ago", default=0, metavar="MINUTES", show_default=True, help="How long ago the person signed in.")
@careful
def token(persona: str, data: Path | None, minutes: int, signed_in_ago: int) -> None:
    """Mint a token for one of the demo's invented people. Demo only."""
    click.echo(running.mint_for(persona, data, minutes, signed_in_ago))


main.add_command(query)
main.add_command(explain)
main.add_command(record)
main.add_command(agreement)
main.add_command(keys)
main.add_command(match)


@main.group("log")
def log_() -> None:
    """The access log."""


@log_.command("verify")
@click.argument("database", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
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


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
