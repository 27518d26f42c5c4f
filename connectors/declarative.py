"""One ``.toml`` file -> a connector. Everything is refused with file, line and hint, every mistake at once, before anybody is asked.

The file says where a source is (``source``), how a child is looked up there (``find``), what its persons are called (``person``) and
which record kinds it holds (``provide``). Which program reads it (``source.reads``) is an entry point of the group
``childview.connectors``: something that takes a ``Declaration`` and gives a ``Connector``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

import msgspec

from connectors import settings as files
from connectors.connector import Connector
from connectors.errors import ConfigurationError, Misconfigured, Mistake
from connectors.matching import Matcher
from connectors.matching.tuning import Tuning, tuned
from connectors.settings import Document
from connectors.standard import Standard

#: Where third parties' readers, and our own, are found.
GROUP = "childview.connectors"
#: The versions of the contract between portal and connector that this release speaks.
SPOKEN = (1,)

Tier = Literal["T1", "T2", "T3", "T4", "T5"]
Need = Literal["postcode", "address", "phones", "school", "parents"]
_SECRET_NAMES = re.compile(r"pass(word|wd)?|pwd|token|secret|api_?key|sig(nature)?", re.IGNORECASE)
_STANDS_ELSEWHERE = ("env:", "file:")


class Coverage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """The time a source covers, as local dates; ``note`` says what else it does not cover."""

    from_: date | None = None
    to: date | None = None
    note: str | None = None


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the source knows us: a bearer token, or a user and a password. Secrets stand as ``env:NAME`` or ``file:PATH``."""

    bearer: str | None = None
    user: str | None = None
    password: str | None = None


class SourceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The ``source`` table. ``deadline`` is in seconds; ``tier`` raises every record of the source and never lowers one."""

    agency: str
    reads: str
    url: str
    contact: str
    sdk: int = 1
    name: str | None = None
    deadline: Annotated[float, msgspec.Meta(gt=0, le=120)] = 5.0
    coverage: Coverage = Coverage()
    needs: tuple[Need, ...] = ()
    local: bool = False
    tier: Tier | None = None
    service: str | None = None
    auth: Auth | None = None
    matching: Tuning = Tuning()


class Declaration(msgspec.Struct, frozen=True):
    """All that a reader is given: the source's id and settings, the document with the other tables, the standard, and where secrets lie."""

    id: str
    settings: SourceSettings
    document: Document
    standard: Standard
    base: Path

    def secret(self, value: str, key: str) -> str:
        """What ``env:NAME`` or ``file:PATH`` stands for; other text is itself. Raises Misconfigured, naming the key and the place."""
        try:
            return files.secret(value, self.base)
        except KeyError:
            raise Misconfigured(f"{self.id}: {key} stands in {value}, and that variable is not set") from None
        except (OSError, UnicodeDecodeError):
            raise Misconfigured(f"{self.id}: {key} stands in {value}, and that file cannot be read") from None


class Declared(msgspec.Struct):
    """A source as one file declares it, ready to be opened."""

    id: str
    settings: SourceSettings
    connector: Connector
    matcher: Matcher = Matcher()


Factory = Callable[[Declaration], Connector]


def declare(path: Path, standard: Standard, secrets: Path | None = None) -> Declared:
    """Read one source file; its name is the source's id.

    ``secrets`` is the folder to which ``file:PATH`` (and a relative database file) is relative; None: the file's own folder. Secrets
    are resolved when the connector opens, so that a file can be checked without them. Files that ``source.matching`` names are read
    at once, and are relative to the file's own folder. Raises ConfigurationError with every mistake.
    """
    document = files.read(path, "CV150")
    settings, mistakes = _settings(document)
    factory, unknown = _factory(document)
    matcher, untuned = tuned(document, path.parent)
    mistakes += [*unknown, *untuned]
    # The other tables are read even when the settings are wrong, so that all mistakes show at once.
    stand_in = settings or _stand_in(document)
    connector: Connector | None = None
    if factory:
        try:
            connector = factory(Declaration(path.stem, stand_in, document, standard, secrets or path.parent))
        except ConfigurationError as error:
            mistakes += error.mistakes
    if mistakes or settings is None or connector is None:
        # The file's own mistakes by line, and then those of the files it names.
        raise ConfigurationError(sorted(mistakes, key=lambda each: (each.file != document.file, each.file or "", each.line or 0)))
    connector.contact = settings.contact
    return Declared(path.stem, settings, connector, matcher)


def refuse_unknown_tables(document: Document, known: tuple[str, ...]) -> list[Mistake]:
    """A mistake for each top-level table that is not among ``known``."""
    hint = f"Known are {', '.join(known)}."
    return [document.mistake("CV151", f"unknown key {key!r}.", key, hint=hint) for key in document.raw if key not in known]


def readers() -> dict[str, Any]:
    """The entry points that ``source.reads`` may name; nothing is imported until one is used."""
    return {point.name: point for point in entry_points(group=GROUP)}


def _settings(document: Document) -> tuple[SourceSettings | None, list[Mistake]]:
    if "source" not in document.raw:
        return None, [document.mistake("CV151", "the table 'source' is missing.", hint="See docs/reference/settings.md.")]
    settings, mistakes = files.collect(SourceSettings, document, "CV151", ("source",))
    raw = document.raw["source"]
    if isinstance(raw, dict):
        mistakes += [*_version(document, raw.get("sdk", 1)), *_pasted_secrets(document, raw), *_auth(document, raw.get("auth"))]
    return settings if not mistakes else None, mistakes


def _version(document: Document, sdk: object) -> list[Mistake]:
    if not isinstance(sdk, int) or sdk in SPOKEN:
        return []
    hint = f"This portal speaks version {', '.join(map(str, SPOKEN))}: write the file for it, or update the portal."
    return [document.mistake("CV153", f"source.sdk is {sdk}, which is not spoken here.", "source", "sdk", hint=hint)]


def _pasted_secrets(document: Document, raw: dict[str, Any]) -> list[Mistake]:
    mistakes: list[Mistake] = []
    if isinstance(url := raw.get("url"), str) and _has_secret(url):
        hint = 'Write url = "env:NAME" or "file:PATH", and put the whole address there.'
        mistakes.append(document.mistake("CV154", "source.url holds a password or a token.", "source", "url", hint=hint))
    auth = raw.get("auth")
    for key in ("bearer", "password"):
        value = auth.get(key) if isinstance(auth, dict) else None
        if isinstance(value, str) and not value.startswith(_STANDS_ELSEWHERE):
            hint = f'Write {key} = "env:NAME" or "file:PATH".'
            mistakes.append(document.mistake("CV154", f"source.auth.{key} is written in the file.", "source", "auth", key, hint=hint))
    return mistakes


def _has_secret(url: str) -> bool:
    if url.startswith(_STANDS_ELSEWHERE):
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.password) or any(_SECRET_NAMES.fullmatch(name) for name, _ in parse_qsl(parts.query))
    except ValueError:
        return "@" in url


def _auth(document: Document, auth: object) -> list[Mistake]:
    if not isinstance(auth, dict) or auth.keys() & {"bearer", "user", "password"} in ({"bearer"}, {"user", "password"}):
        return []
    return [document.mistake("CV151", "source.auth must hold either bearer, or user and password.", "source", "auth")]


def _factory(document: Document) -> tuple[Factory | None, list[Mistake]]:
    source = document.raw.get("source")
    name = source.get("reads") if isinstance(source, dict) else None
    if not isinstance(name, str):
        return None, []
    point = readers().get(name)
    if point is None:
        hint = f"Installed are {', '.join(sorted(readers())) or 'none'}; others come as packages with an entry point of the group {GROUP}."
        return None, [document.mistake("CV152", f"there is no reader {name!r}.", "source", "reads", hint=hint)]
    try:
        return point.load(), []
    except ImportError as error:
        hint = "Install the extra that brings it, such as childview[sqlite] or childview[postgresql]."
        lacking = f"the reader {name!r} needs {error.name or 'a package'}, which is not installed."
        return None, [document.mistake("CV152", lacking, "source", "reads", hint=hint)]


def _stand_in(document: Document) -> SourceSettings:
    """Settings that let the other tables be checked when the real ones cannot be used."""
    source = document.raw.get("source")
    needs = source.get("needs") if isinstance(source, dict) else None
    known = tuple(need for need in needs if need in Need.__args__) if isinstance(needs, list) else ()  # type: ignore[attr-defined]
    return SourceSettings(agency="", reads="", url="", contact="", needs=known)
