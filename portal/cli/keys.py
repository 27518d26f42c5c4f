"""The commands for a partner's signing keys: make one, and let an earlier one vouch for a later one."""

from __future__ import annotations

from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.errors import ConfigurationError, Mistake
from portal.agreements.keyfile import make_key_file, read_key_file, too_open, written
from portal.agreements.keys import vouched
from portal.cli import running
from portal.cli.frame import bare, careful, folder_argument, json_option, print_json, warn

_file = click.Path(dir_okay=False, path_type=Path)


@click.group()
def keys() -> None:
    """Partners' signing keys: make them, replace them."""


@keys.command("make")
@click.argument("file", type=_file)
@click.option("--agency", callback=bare, help="Whose it is: prints the table for federation.toml, and not the key alone.")
@click.option("--key-id", callback=bare, help="With --agency: what the key is called (default: this year).")
@click.option("--passphrase", is_flag=True, help="Lock the file; the passphrase is asked for.")
@careful
def keys_make(file: Path, agency: str | None, key_id: str | None, passphrase: bool) -> None:
    """Make a private key in FILE, for its owner's eyes alone, and print the public half for federation.toml.

    Whoever has FILE signs for the partner. It stays with the partner; the portal never needs it.
    """
    said = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True) if passphrase else None
    public = written(make_key_file(file, said))
    click.echo(f'\n[agencies.{agency}.keys]\n{key_id or running.now().year} = "{public}"' if agency else public)


@keys.command("succeed")
@folder_argument
@click.argument("agency")
@click.option("--old", "old", type=_file, required=True, help="The file of an earlier private key of AGENCY.")
@click.option("--old-id", required=True, help="What that key is called in federation.toml.")
@click.option("--new", "new", type=_file, required=True, help="The file of the new private key.")
@click.option("--new-id", required=True, callback=bare, help="What the new key will be called.")
@json_option
@careful
def keys_succeed(folder: Path, agency: str, old: Path, old_id: str, new: Path, new_id: str, json: bool) -> None:
    """Let an earlier key of AGENCY vouch for a new one, and print the line for federation.toml, below the keys that are there.

    Without it a new key opens nothing: else whoever can edit federation.toml could sign for every partner.
    """
    vocabulary = running.names_of(folder)
    earlier, later = private_key(old), private_key(new)
    known = vocabulary.agencies.get(agency, {})
    if known.get(old_id) != written(earlier):
        raise _refused("CV216", f"{old} is not the key {old_id!a} of {agency!a}.", "Its public half must stand in federation.toml.")
    if new_id in known or written(later) in known.values():
        raise _refused("CV253", f"{agency} has a key {new_id!a}, or this very key, already.", "Make a new key, and give it a new id.")
    line = vouched(vocabulary.federation, agency, new_id, written(later), old_id, earlier)
    if json:
        print_json({"id": new_id, "key": line.key, "signed_by": line.signed_by, "value": line.value})
    else:
        click.echo(f'{new_id} = {{ key = "{line.key}", signed_by = "{line.signed_by}", value = "{line.value}" }}')


def private_key(file: Path) -> Ed25519PrivateKey:
    """The private key in ``file``; its passphrase is asked for if it has one, and others who can read it are told of."""
    warn(filter(None, [too_open(file)]))
    return read_key_file(file, lambda: str(click.prompt(f"Passphrase of {file}", hide_input=True, err=True)))


def _refused(id: str, message: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Mistake(id=id, message=message, hint=hint)])
