"""What stands in the log instead of a child: keyed pseudonyms of what was typed and matched, keyed digests of what was shown.

Without the keys nothing here can be turned back; with them, whoever knows a child's number or name can find that child's accesses.
The bytes are those of CONTRACTS C6; docs/reference/access-log.md says how to compute each by hand.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from connectors import Identifier, Subject
from connectors.scalars import SYSTEMS as NATIONAL
from connectors.scalars import normalise
from portal.accesslog.settings import Epoch

DEMOGRAPHICS = "demographics"
#: Written in place of a system nobody declared: the system is typed text too, and may hold a name.
OTHER = "other"

_SEPARATOR = "\x1f"
#: The one moment under which lasting pseudonyms are made.
_ALWAYS = datetime(1, 1, 1, tzinfo=UTC)
_WHOLE_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def epoch_of(at: datetime, epoch: Epoch) -> str:
    """The epoch a UTC moment lies in: ``2026Q4``, ``2026-11`` or ``2026``."""
    if epoch == "quarter":
        return f"{at.year:04}Q{(at.month + 2) // 3}"
    return f"{at.year:04}-{at.month:02}" if epoch == "month" else f"{at.year:04}"


def derived(key: bytes, info: str) -> bytes:
    """HKDF-SHA-256 without salt, 32 bytes: an epoch's key, or an access's."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info.encode()).derive(key)


def normal_name(value: str) -> str:
    """A name as pseudonyms see it: NFKD, marks dropped, casefolded, letters only."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", value) if not unicodedata.category(each).startswith("M"))
    return "".join(each for each in plain.casefold() if unicodedata.category(each).startswith("L"))


def demographics(family_name: str | None, given_name: str | None, birth_date: str | None) -> Identifier | None:
    """Family name, given name and birth date as one identifier of system ``demographics``; None when fewer than two are known.

    A part that is missing is empty, and a partial birth date counts as missing. One part alone is not written: half the
    children of a class would share it.
    """
    parts = (normal_name(family_name or ""), normal_name(given_name or ""), _whole_date(birth_date))
    return Identifier(DEMOGRAPHICS, _SEPARATOR.join(parts)) if sum(map(bool, parts)) > 1 else None


def identifiers_of(subject: Subject) -> list[Identifier]:
    """Every identifier typed, then the demographics if enough of them were typed; blank ones are left out."""
    typed = [each for each in subject.identifiers if normalise(each.system, each.value)]
    named = demographics(subject.family_name, subject.given_name, subject.birth_date)
    return [*typed, named] if named else typed


class Pseudonyms:
    """Turns identifiers into pseudonyms, under a key of the epoch. ``systems`` are the local systems declared: source ids."""

    def __init__(self, key: bytes, epoch: Epoch, systems: Iterable[str] = ()) -> None:
        self._key = key
        self._epoch = epoch
        self._epoch_keys: dict[str, bytes] = {}
        self._systems = frozenset({*NATIONAL, *systems, DEMOGRAPHICS})

    def of(self, identifier: Identifier, at: datetime, **more: str) -> dict[str, str]:
        """``{system, epoch, pseudonym}`` of one identifier at a moment.

        The pseudonym rests on the system as given; the event shows it only when it is one that was declared.
        """
        system, value = identifier.system, self._normal(identifier)
        epoch = epoch_of(at, self._epoch)
        message = b"\x00".join((_bytes(system), _bytes(value)))
        pseudonym = hmac.new(self._key_of(epoch), message, hashlib.sha256).hexdigest()
        shown = system if system in self._systems else OTHER
        return {"system": shown, "epoch": epoch, "pseudonym": pseudonym, **more}

    def _key_of(self, epoch: str) -> bytes:
        # Two threads come here; each may derive the key once more, neither may find it gone.
        key = self._epoch_keys.get(epoch) or derived(self._key, epoch)
        self._epoch_keys = {epoch: key}
        return key

    def _normal(self, identifier: Identifier) -> str:
        if identifier.system != DEMOGRAPHICS or identifier.value.count(_SEPARATOR) != 2:
            return normalise(identifier.system, identifier.value)
        family, given, birth_date = identifier.value.split(_SEPARATOR)
        return _SEPARATOR.join((normal_name(family), normal_name(given), _whole_date(birth_date)))


class Lasting:
    """Pseudonyms that do not change with time: what consents and objections stand under, for as long as they are in force.

    Under a key of their own, so that the registry and the log cannot be joined without it. ``systems`` as in ``Pseudonyms``.
    """

    def __init__(self, key: bytes, systems: Iterable[str] = ()) -> None:
        self._key = derived(key, "registry")
        self._pseudonyms = Pseudonyms(self._key, "year", systems)

    def of(self, identifier: Identifier) -> tuple[str, str]:
        """(system, pseudonym in hex) of one identifier."""
        said = self._pseudonyms.of(identifier, _ALWAYS)
        return said["system"], said["pseudonym"]

    def key(self, use: str) -> bytes:
        """A key of its own for one use, 32 bytes, the same at every gateway."""
        return derived(self._key, f"key/{use}")

    def mark(self, use: str, *parts: str) -> str:
        """A keyed digest, in hex, of what is compared letter for letter and is no number of a child; each use has its own."""
        return hmac.new(self.key(use), json.dumps(parts).encode(), hashlib.sha256).hexdigest()


class Digests:
    """Keyed digests of one access: they prove what was shown to whoever brings it again, and tell nothing to anybody else."""

    def __init__(self, key: bytes, access: str) -> None:
        self._key = derived(key, access)

    def reason(self, nonce: bytes, text: str) -> str:
        """The commitment to a reason in words; the words are not kept. ``nonce`` is the event's, 16 bytes."""
        return self._hex(b"reason", nonce + _bytes(text))

    def record(self, source: str, kind: str, id: str) -> str:
        """The digest of a record's id: a source's id can be a child's number."""
        return self._hex(b"record", b"\x00".join(map(_bytes, (source, kind, id))))

    def released(self, content: bytes) -> str:
        """The digest of what was shown of a record: its canonical JSON."""
        return self._hex(b"released", content)

    def for_source(self, source: str) -> str:
        """What one source knows this access by, 32 hexadecimal digits: two sources cannot join their notes by it."""
        return self._hex(b"source", _bytes(source))[:32]

    def _hex(self, what: bytes, message: bytes) -> str:
        return hmac.new(self._key, what + b"\x00" + message, hashlib.sha256).hexdigest()


def _whole_date(value: str | None) -> str:
    text = (value or "").strip()
    return text if _WHOLE_DATE.fullmatch(text) else ""


def _bytes(text: str) -> bytes:
    # A lone surrogate can be typed; an error here would carry the text with it.
    return text.encode("utf-8", "surrogatepass")
