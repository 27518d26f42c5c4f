"""A partner stops an agreement, or a part of it, or lifts what it stopped: one signed entry more in the agreement's file.

Run by the partners' command, where the private key is. The portal only reads.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.errors import ConfigurationError, Mistake
from portal.agreements.keys import public_key
from portal.agreements.suspension import Suspension, signed, stamp, standing
from portal.agreements.suspensions import ID, Written, meaningless, page_of, parties_of, read_file, suspension_file
from portal.agreements.text import unseen
from portal.agreements.vocabulary import Vocabulary

_HEAD = "# Written by `childview agreement suspend`. Every entry is signed by its partner; only that partner lifts it.\n"


def suspend(
    folder: Path, vocabulary: Vocabulary, *, agreement: str, partner: str, key_id: str, private_key: Ed25519PrivateKey, words: str,
    at: datetime, clause: int | None = None, source: str | None = None, kind: str | None = None,
) -> Suspension:  # fmt: skip
    """Stop an agreement, or a part of it, for one partner. ``at`` is aware.

    Raises ConfigurationError: CV216 the partner or key may not sign, CV221 a name that is not known here, or words nobody could read.
    """
    fresh = Suspension(
        agreement=agreement, partner=partner, key_id=key_id, number=1, at=_second(at), words=words, value="-",
        clause=clause, source=source, kind=kind,
    )  # fmt: skip
    return _sign_and_append(folder, vocabulary, fresh, private_key)


def lift(
    folder: Path, vocabulary: Vocabulary, *, agreement: str, partner: str, key_id: str, private_key: Ed25519PrivateKey, number: int,
    words: str, at: datetime,
) -> Suspension:  # fmt: skip
    """Lift the partner's own suspension ``number``, also where the file has lost it: the portal remembers it.

    Raises ConfigurationError as ``suspend`` does; CV221 too when that number is lifted already or is itself a lift.
    """
    fresh = Suspension(
        agreement=agreement, partner=partner, key_id=key_id, number=number + 1, at=_second(at), words=words, value="-", lifts=number
    )
    return _sign_and_append(folder, vocabulary, fresh, private_key)


def own_standing(folder: Path, vocabulary: Vocabulary, *, agreement: str, partner: str) -> tuple[int, ...]:
    """The numbers of a partner's suspensions of an agreement that stand in its file. A portal may remember more."""
    path = suspension_file(folder, agreement)
    read, _ = read_file(path, vocabulary) if path.exists() else ([], [])
    return tuple(each.number for each in standing(each.suspension for each in read) if each.partner == partner)


def _second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


def _sign_and_append(folder: Path, vocabulary: Vocabulary, fresh: Suspension, private_key: Ed25519PrivateKey) -> Suspension:
    path = suspension_file(folder, fresh.agreement)
    _refuse(fresh, path, vocabulary, private_key)
    with _alone(folder):
        read, _ = read_file(path, vocabulary) if path.exists() else ([], [])
        own = [each.suspension for each in read if each.suspension.partner == fresh.partner]
        _refuse_lift(fresh, own, path)
        last = max((each.number for each in own), default=0)
        # Never before what the same partner said earlier, whatever this machine's clock says: order is what lifts.
        at = max([fresh.at, *(each.at for each in own)])
        done = signed(msgspec.structs.replace(fresh, number=max(last + 1, fresh.number), at=at), vocabulary.federation, private_key)
        _append(path, done)
    return done


def _refuse(fresh: Suspension, path: Path, vocabulary: Vocabulary, private_key: Ed25519PrivateKey) -> None:
    """Raises ConfigurationError when the partner may not sign this, or when it would stop nothing."""
    key, parties = public_key(vocabulary.agencies.get(fresh.partner, {}).get(fresh.key_id, "")), parties_of(path)
    mistakes = []
    if not ID.fullmatch(fresh.agreement) or not (path.exists() or page_of(path).exists()):
        mistakes.append(
            _mistake("CV221", f"there is no agreement {fresh.agreement!a} here.", path, "Name one of `childview agreement check`.")
        )
    if fresh.lifts is None and parties.partners is not None and fresh.partner not in parties.partners:
        mistakes.append(_mistake("CV216", f"{fresh.partner!a} is not a partner of {fresh.agreement}.", path, "Only partners suspend."))
    if key is None or key.public_bytes_raw() != private_key.public_key().public_bytes_raw():
        message = f"this key is not the key {fresh.key_id!a} of {fresh.partner!a}."
        mistakes.append(_mistake("CV216", message, path, "Its public half must stand in federation.toml."))
    if not fresh.words.strip() or len(fresh.words) > 500 or unseen(fresh.words):
        message = "the words are empty, longer than 500 characters, or hold a control or invisible character."
        mistakes.append(_mistake("CV221", message, path, "Say in one line why, and name no child: everybody can read it."))
    mistakes += [_mistake("CV221", message, path, hint) for message, hint in meaningless(fresh, parties, vocabulary)]
    if mistakes:
        raise ConfigurationError(mistakes)


def _refuse_lift(fresh: Suspension, own: list[Suspension], path: Path) -> None:
    named = [each for each in own if each.number == fresh.lifts]
    if named and not set(named) & set(standing(own)):
        message = f"{fresh.partner} has no suspension {fresh.lifts} that still stands."
        there = ", ".join(str(each.number) for each in standing(own)) or "none"
        raise ConfigurationError([_mistake("CV221", message, path, f"Standing: {there}.")])


def _append(path: Path, suspension: Suspension) -> None:
    """Write the file whole, with one entry more, or not at all."""
    before = path.read_bytes() if path.exists() else _HEAD.encode()
    gap = b"" if before.endswith(b"\n") else b"\n"
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(before + gap + _entry(suspension).encode())
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def _entry(suspension: Suspension) -> str:
    lines = ["", "[[suspension]]"]
    for name in (field.name for field in msgspec.structs.fields(Written)):
        value = getattr(suspension, name)
        if value is not None:
            # A JSON text without control characters is a TOML text too.
            lines.append(f"{name} = {stamp(value) if isinstance(value, datetime) else json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer at a time: of two that appended at once, one would undo the other's suspension."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _mistake(id: str, message: str, path: Path, hint: str) -> Mistake:
    return Mistake(id=id, message=message, file=str(path), hint=hint)
