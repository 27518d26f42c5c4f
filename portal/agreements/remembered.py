"""What the access log remembers of agreements: versions once in use, partners' keys once pinned, suspensions once seen. Pure.

The folder of a federation can be edited by whoever runs the portal. What stood in it once is not forgotten by editing it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from connectors.errors import ConfigurationError, Mistake
from portal.agreements.suspension import Suspension, from_facts


class Remembered(msgspec.Struct, frozen=True):
    """``loaded`` maps agreement id to the versions that were in use, ``keys`` agency and key id to the hash of the key.

    ``signed`` are the agreements that every partner had signed when they were loaded, ``texts`` what of them, oldest first: version, hash
    of the text, hash of the grants. ``partners`` are those of the version loaded last.
    """

    loaded: dict[str, set[str]]
    signed: set[str]
    keys: dict[tuple[str, str], str]
    suspensions: frozenset[Suspension]
    partners: dict[str, frozenset[str]] = {}
    texts: dict[str, list[tuple[str, str, str]]] = {}

    def load(self, id: str, version: str, hash: str, more: Mapping[str, Any]) -> None:
        """Remember that a version came into use; ``more`` are the further facts of the log's event."""
        self.loaded.setdefault(id, set()).add(version)
        if "partners" in more:
            self.partners[id] = frozenset(more["partners"])
        if more.get("signed"):
            self.signed.add(id)
            self.texts.setdefault(id, []).append((version, hash, more.get("grants", "")))


def remembered(changes: Iterable[Mapping[str, Any]]) -> Remembered:
    """What the change events of an access log say, oldest first."""
    memory = Remembered({}, set(), {}, frozenset())
    suspensions: set[Suspension] = set()
    for event in changes:
        if event["what"] == "agreement-loaded":
            memory.load(event["id"], event["version"], event.get("hash", ""), event)
        elif event["what"] == "key":
            memory.keys[event["id"], event["version"]] = event["hash"]
        elif event["what"] in ("suspended", "lifted"):
            suspensions.add(from_facts(event))
    return msgspec.structs.replace(memory, suspensions=frozenset(suspensions))


def key_hash(key: str) -> str:
    """The SHA-256 of a public key as it is written, as the log keeps it."""
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def refuse_other_keys(
    keys: Mapping[str, Mapping[str, str]], first: Mapping[str, str], pinned: Mapping[tuple[str, str], str], file: str
) -> None:
    """Refuse a key that is not the one of its id that was seen first, and a first key where the partner had one before.

    ``keys`` are agency -> key id -> key, ``first`` agency -> the id of the key that no earlier one vouches for. Raises ConfigurationError
    (CV241, CV242), every mistake at once.
    """
    mistakes = [
        _mistake("CV241", f"the key {id!r} of {agency} is not the one that was in use here before.", file)
        for agency, named in keys.items()
        for id, key in named.items()
        if pinned.get((agency, id), key_hash(key)) != key_hash(key)
    ]
    mistakes += [
        _mistake("CV242", f"the key {id!r} of {agency} is new, and no earlier key of theirs vouches for it.", file)
        for agency, id in first.items()
        if (agency, id) not in pinned and any(known == agency for known, _ in pinned)
    ]
    if mistakes:
        raise ConfigurationError(mistakes)


def _mistake(id: str, message: str, file: str) -> Mistake:
    hint = "Put the partner's keys back as they were. A later key is added beside them, signed with an earlier one: childview keys succeed."
    return Mistake(id=id, message=message, file=file, hint=hint)
