"""What every command is framed by: how it tells mistakes, how it ends, and the arguments that several of them take."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, ParamSpec

import aiohttp
import click
import msgspec

from connectors.errors import ConfigurationError, Mistake

_P = ParamSpec("_P")
_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)

json_option = click.option("--json", "json", is_flag=True, help="Write JSON, for programs.")
folder_argument = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))


def bare(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """A name that can stand in a TOML file as it is."""
    if value is not None and not _BARE.fullmatch(value):
        raise click.BadParameter("write letters, digits, - and _")
    return value


def fail(mistakes: list[Mistake], *, json: bool, code: int) -> NoReturn:
    """Say every mistake, on stdout as JSON where a program reads, and leave with ``code``."""
    if json:
        click.echo(msgspec.json.encode({"errors": mistakes}).decode())
    else:
        warn(mistakes)
    sys.exit(code)


def warn(mistakes: Iterable[Mistake]) -> None:
    """Say mistakes that hinder nothing."""
    for mistake in mistakes:
        click.echo(str(mistake), err=True)


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
        except OSError as error:
            if not error.filename:
                raise
            message = f"cannot be read or written: {error.strerror}."
            fail([Mistake(id="CV254", message=message, file=str(error.filename), hint="Look at its owner and mode.")], json=json, code=1)

    return run


def print_json(value: Any) -> None:
    """A value for programs, set out so that a person can read it too."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
