"""How alerts leave: a file, an agency's webhook, an officer's mailbox. Each gives a letter away or raises NotDelivered.

Addresses may be secrets (a webhook's often is), so no log line and no error repeats one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

import aiohttp
import aiosmtplib
import msgspec

from connectors.errors import ConfigurationError, Mistake
from connectors.settings import secret
from portal.alerts.letters import Letter
from portal.issuers import is_loopback

#: So many seconds one letter may take to leave.
PATIENCE = 15.0


class AlertTerms(Protocol):
    """The ``alerts`` table of federation.toml."""

    @property
    def file(self) -> str | None: ...
    @property
    def smtp(self) -> str | None: ...
    @property
    def sender(self) -> str | None: ...


class Officer(Protocol):
    """An agency as alerts see it: its name, and where its privacy officer is reached."""

    @property
    def name(self) -> str: ...
    @property
    def privacy_officer(self) -> str | None: ...


class NotDelivered(Exception):
    """A letter did not leave. ``why`` is for operators: a type or a status, never an address."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Channel(Protocol):
    """One way to one officer."""

    async def send(self, letter: Letter) -> None:
        """Give the letter away. Raises NotDelivered; it may have arrived all the same."""


class File:
    """Appends letters to a file, one JSON object a line, durably. Only its owner reads it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def write(self, letters: Iterable[Letter]) -> None:
        """Raises NotDelivered."""
        text = b"".join(msgspec.json.encode(each) + b"\n" for each in letters)
        try:
            await asyncio.to_thread(self._append, text)
        except OSError as error:
            raise NotDelivered(error.strerror or type(error).__name__) from None

    def check(self) -> None:
        """Make the file if it is missing. Raises OSError."""
        self._append(b"")

    def _append(self, text: bytes) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            end = os.lseek(handle, 0, os.SEEK_END)
            # A full disk may have cut the last line short. What follows begins on a line of its own.
            torn = text and end and os.pread(handle, 1, end - 1) != b"\n"
            rest = b"\n" + text if torn else text
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        finally:
            os.close(handle)


class Webhook:
    """POSTs letters as JSON. ``Idempotency-Key`` is the letter's id: it may come twice."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def send(self, letter: Letter) -> None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": letter.id}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session,
                session.post(self._address, data=msgspec.json.encode(letter), headers=headers, allow_redirects=False) as response,
            ):
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise NotDelivered(type(error).__name__) from None
        if not 200 <= status < 300:
            raise NotDelivered(f"HTTP {status}")


class Relay(msgspec.Struct, frozen=True):
    """The mail server that takes our letters: TLS from the start, or STARTTLS, or neither where it is this machine."""

    host: str
    port: int
    implicit_tls: bool
    start_tls: bool
    user: str | None
    password: str | None

    def __repr__(self) -> str:
        return "Relay(...)"


class Email:
    """Sends letters as plain text. The Message-ID is the letter's id: it may come twice."""

    def __init__(self, relay: Relay, sender: str, officer: str) -> None:
        self._relay = relay
        self._sender = sender
        self._officer = officer

    async def send(self, letter: Letter) -> None:
        relay = self._relay
        try:
            async with asyncio.timeout(PATIENCE):
                await aiosmtplib.send(
                    self._message(letter),
                    hostname=relay.host,
                    port=relay.port,
                    username=relay.user,
                    password=relay.password,
                    use_tls=relay.implicit_tls,
                    start_tls=relay.start_tls,
                    timeout=PATIENCE,
                )
        except (aiosmtplib.SMTPException, TimeoutError, OSError, ValueError) as error:
            raise NotDelivered(type(error).__name__) from None

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = self._officer
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(letter.at)
        message["Message-ID"] = f"<{letter.id}@{self._sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office reply
        message.set_content(letter.words)
        return message


class Channels(msgspec.Struct, frozen=True):
    """Every way out: the file, and the officers who can be reached, by agency."""

    file: File | None
    officers: Mapping[str, Channel]


def open_channels(terms: AlertTerms, agencies: Mapping[str, Officer], state: Path) -> Channels:
    """The ways out that a federation names; nothing is asked or made. ``file:`` references lie under ``state``.

    Raises ConfigurationError with every mistake: CV860 an officer's address, CV861 the mail server or the sender.
    """
    relay = _relay(terms, state)
    reached = {id: _officer(id, agency, relay, terms.sender, state) for id, agency in agencies.items()}
    mistakes = [each for each in (relay, *reached.values()) if isinstance(each, Mistake)]
    if mistakes:
        raise ConfigurationError(mistakes)
    officers = {id: each for id, each in reached.items() if each is not None and not isinstance(each, Mistake)}
    return Channels(File(state / terms.file) if terms.file else None, officers)


def _officer(id: str, agency: Officer, relay: Relay | Mistake | None, sender: str | None, state: Path) -> Channel | Mistake | None:
    setting = f"agencies.{id}.privacy_officer"
    if agency.privacy_officer is None:
        return None
    address = _resolved(agency.privacy_officer, state)
    if address is None:
        return Mistake(id="CV860", message=f"{setting} cannot be read.", hint="Set the variable, or mend the file, that it names.")
    if address.lower().startswith(("http://", "https://")):
        if _trusted(_split(address), "https"):
            return Webhook(address)
        return Mistake(
            id="CV860", message=f"{setting} is a web address that anybody on the way could read.", hint="Give its https address."
        )
    if not _mailbox(address):
        hint = "Write an email address or an https address, or env:NAME or file:PATH where one stands."
        return Mistake(id="CV860", message=f"{setting} is neither an email address nor a web address.", hint=hint)
    return Email(relay, sender, address) if isinstance(relay, Relay) and sender else None


def _relay(terms: AlertTerms, state: Path) -> Relay | Mistake | None:
    if terms.smtp is None:
        return None
    text = _resolved(terms.smtp, state)
    if text is None:
        return Mistake(id="CV861", message="alerts.smtp cannot be read.", hint="Set the variable, or mend the file, that it names.")
    url = _split(text)
    if url is None or url.scheme not in ("smtp", "smtps") or url.path.strip("/") or url.query:
        return Mistake(
            id="CV861", message="alerts.smtp is not a mail server's address.", hint="Write smtps://HOST:PORT or smtp://HOST:PORT."
        )
    if url.password and text == terms.smtp:
        hint = "Write env:NAME or file:PATH, put the whole address there, and change the password: it has been seen."
        return Mistake(id="CV861", message="alerts.smtp has a password in it, which everybody reads who reads settings.", hint=hint)
    if not _mailbox(terms.sender or ""):
        return Mistake(id="CV861", message="alerts.sender is not an email address.", hint="Give the address that alerts come from.")
    return _server(url)


def _server(url: SplitResult) -> Relay:
    implicit = url.scheme == "smtps"
    return Relay(
        host=url.hostname or "",
        port=url.port or (465 if implicit else 587),
        implicit_tls=implicit,
        start_tls=not implicit and not is_loopback(url.hostname or ""),
        user=unquote(url.username) if url.username else None,
        password=unquote(url.password) if url.password else None,
    )


def _resolved(value: str, state: Path) -> str | None:
    try:
        return secret(value, state).strip()
    except (KeyError, OSError, UnicodeDecodeError):
        return None


def _split(text: str) -> SplitResult | None:
    """The parts of an address with a host and, if any, a port that can be; else None."""
    try:
        parts = urlsplit(text)
        return parts if parts.hostname and text.isprintable() and (parts.port is None or parts.port > 0) else None
    except ValueError:
        return None


def _trusted(parts: SplitResult | None, scheme: str) -> bool:
    return parts is not None and (parts.scheme == scheme or is_loopback(parts.hostname or ""))


def _mailbox(text: str) -> bool:
    """Whether ``text`` is one address: a name in front or a second address would be somebody else's line in the header."""
    try:
        address = Address(addr_spec=text)
    except (MessageError, ValueError, IndexError):
        return False
    return bool(address.username and address.domain) and text.isascii() and text.isprintable() and " " not in text
