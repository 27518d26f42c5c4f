"""The access log as the request path sees it: intent before anybody is asked, conclusion before anything is shown."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from connectors import Identifier
from portal.accesslog import events
from portal.accesslog.errors import AccessMisused, LogUnavailable
from portal.accesslog.pseudonyms import Digests, Lasting, Pseudonyms
from portal.accesslog.settings import Keys, LogSettings, database, open_keys
from portal.accesslog.store import Entry, Store
from portal.errors import RequestError
from portal.model import Breaking, ChildView, Choice, Decision, Manifest, Passed, Plan, Practitioner, Receipt

_T = TypeVar("_T")
#: So many seconds an event is waited for.
_PATIENCE = 10.0
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class AccessLog:
    """One portal's access log. Open one with ``AccessLog.open``; close it after the last question has ended."""

    def __init__(self, store: Store, pseudonyms: Pseudonyms, lasting: Lasting, digest_key: bytes, clock: Callable[[], datetime]) -> None:
        self.lasting = lasting
        self._store = store
        self._pseudonyms = pseudonyms
        self._digest_key = digest_key
        self._clock = clock

    @classmethod
    async def open(
        cls, settings: LogSettings, log_id: str, state: Path, clock: Callable[[], datetime], systems: Iterable[str] = ()
    ) -> AccessLog:
        """Take the log ``log_id`` (``northshire/1``) for this process, and make its keys when it is new.

        ``clock`` gives aware UTC datetimes. ``systems`` are the local identifier systems (source ids) whose names events may show.
        Raises ConfigurationError: CV702 url, CV703 and CV705 keys, CV704 another writer, CV706 its end was changed,
        CV708 it cannot be opened, CV709 another key, CV710 another portal's log.
        """
        store, keys = await asyncio.to_thread(_opened, settings, log_id, state, clock)
        named = tuple(systems)
        pseudonyms = Pseudonyms(keys.pseudonym, settings.epoch, named)
        return cls(store, pseudonyms, Lasting(keys.pseudonym, named), keys.digest, clock)

    @property
    def id(self) -> str:
        return self._store.log

    @property
    def healthy(self) -> bool:
        """False after a write that failed, until one succeeds."""
        return self._store.healthy

    @property
    def last_time(self) -> datetime | None:
        """The time of the last entry, None in an empty log."""
        return self._store.tail.at

    def now(self) -> datetime:
        """The time decisions are made at: never before the last entry's, so that a clock set back revives nothing."""
        at, last = self._clock(), self.last_time
        return max(at, last) if last else at

    def access(
        self, practitioner: Practitioner, plan: Plan, decision: Decision, breaking: Breaking | None = None, chosen: Iterable[Choice] = ()
    ) -> Access:
        """An access to enter with ``async with``: the intent is durable inside the block, and exactly one conclusion follows it."""
        return Access(self, practitioner, plan, decision, breaking, chosen)

    async def refuse(self, actor: Practitioner, why: str) -> Receipt:
        """Write that somebody known was turned away before there was a plan: role, agency, overreach, or a CV4xx or CV6xx id.

        The receipt's ``access`` is empty: there was none. Raises LogUnavailable.
        """
        return await self._single(events.refusal(nonce=_nonce(), practitioner=actor, why=why))

    async def change(
        self, what: str, id: str, version: str | int, hash: str | None = None, actor: Practitioner | None = None, *,
        subject: Iterable[Identifier] = (), more: Mapping[str, Any] | None = None,
    ) -> Receipt:  # fmt: skip
        """Write that something decisions rest on has changed (``events.CHANGES``).

        ``id`` names an agreement, a key or an entry, never a child; ``subject`` are the identifiers of a child it is about, written as
        pseudonyms; ``more`` are further facts, none about a child. Without ``actor`` the portal itself is the actor. Raises LogUnavailable.
        """
        draft = events.change(
            nonce=_nonce(), actor=actor, log=self.id, what=what, id=id, version=str(version), hash=hash,
            subject=subject, pseudonyms=self._pseudonyms, more=more,
        )  # fmt: skip
        return await self._single(draft)

    async def changes(self) -> list[dict[str, Any]]:
        """Every change that was ever written here, oldest first: what was once in force, pinned or suspended is not forgotten."""
        return await asyncio.to_thread(_changes, self._store.path)

    async def close(self) -> None:
        """Write what waits and let go of the log. An access still open then stands as an intent alone."""
        await asyncio.to_thread(self._store.close)

    async def _single(self, draft: events.Draft) -> Receipt:
        return self._receipt("", await _settled(self._store.append(draft)))

    def _receipt(self, access: str, entry: Entry) -> Receipt:
        return Receipt(access=access, log=self.id, index=entry.index, leaf=entry.leaf)


class Access:
    """One practitioner's look at one child. ``id`` sorts by time; it is for the log and the receipt, never for a source.

    However the block is left, one conclusion is written: ``answered`` by ``conclude``, ``client-left`` on a cancellation (passed
    on once it is durable), ``failed`` on anything else. Only an intent that could not be written, or a conclusion that could
    not, leaves less: an intent alone reads as "assume that all that was permitted was seen".
    """

    def __init__(
        self, log: AccessLog, practitioner: Practitioner, plan: Plan, decision: Decision, breaking: Breaking | None = None,
        chosen: Iterable[Choice] = (),
    ) -> None:  # fmt: skip
        self.id = access_id(log.now())
        self._log = log
        self._practitioner = practitioner
        self._plan = plan
        self._decision = decision
        self._breaking = breaking
        self._chosen = tuple(chosen)
        self._digests = Digests(log._digest_key, self.id)
        self._passed: list[Passed] = []
        self._entered = False
        self._ended = False

    def for_source(self, source_id: str) -> str:
        """What this access is called towards one source: opaque, and another for every source."""
        return self._digests.for_source(source_id)

    def record(self, source: str, kind: str, id: str) -> str:
        """The digest under which something a source holds stands in the log of this access."""
        return self._digests.record(source, kind, id)

    def passing(self, passed: Passed) -> None:
        """Note that numbers are about to go from some sources to another. Whatever comes of it, the conclusion says so."""
        self._passed.append(passed)

    async def conclude(self, view: ChildView) -> ChildView:
        """The view with its receipt, once what it releases stands durably in the log. Raises LogUnavailable: then nothing may leave."""
        if not self._entered or self._ended:
            raise AccessMisused("an access is concluded once, inside its block")
        draft = self._conclusion("answered", view.manifest)
        entry = await _settled(self._end(draft))
        return msgspec.structs.replace(view, receipt=self._log._receipt(self.id, entry))

    async def __aenter__(self) -> Access:
        if self._entered:
            raise AccessMisused("an access is entered once")
        self._entered = True
        written = self._log._store.append(self._intent())
        try:
            await _settled(written)
        except asyncio.CancelledError:
            if written.done() and written.exception() is None:
                await self._close("client-left")
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._ended:
            return
        if kind is None:
            await self._close("failed")
            raise AccessMisused("an access was left without its conclusion")
        if issubclass(kind, GeneratorExit):  # a coroutine being closed may not wait: the log's thread writes the event in its own time
            self._ended = True
            with contextlib.suppress(LogUnavailable):
                self._log._store.leave(self._conclusion("client-left", events.NOTHING))
            return
        refused: events.Ended = "refused" if issubclass(kind, RequestError) else "failed"
        await self._close("client-left" if issubclass(kind, asyncio.CancelledError) else refused)

    async def _close(self, ended: events.Ended) -> None:
        """Conclude without an answer. If that cannot be written what is already on its way out goes on: nothing was released."""
        with contextlib.suppress(LogUnavailable):
            await _settled(self._end(self._conclusion(ended, events.NOTHING)))

    def _end(self, draft: events.Draft) -> asyncio.Future[Entry]:
        """Queue the conclusion. From here on it counts, whatever happens to the one who waits for it."""
        written = self._log._store.append(draft, bounded=False)
        self._ended = True
        return written

    def _intent(self) -> events.Draft:
        return events.intent(
            access=self.id,
            nonce=_nonce(),
            practitioner=self._practitioner,
            plan=self._plan,
            decision=self._decision,
            breaking=self._breaking,
            chosen=[(each, self._as_offered(each)) for each in self._chosen],
            pseudonyms=self._log._pseudonyms,
            digests=self._digests,
        )

    def _as_offered(self, choice: Choice) -> str:
        """The digest of a chosen person as it stands in the conclusion of the access that offered them."""
        return Digests(self._log._digest_key, choice.access).record(choice.source, "Person", choice.person)

    def _conclusion(self, ended: events.Ended, manifest: Manifest) -> events.Draft:
        return events.conclusion(
            access=self.id,
            nonce=_nonce(),
            practitioner=self._practitioner,
            ended=ended,
            manifest=manifest,
            passed=sorted(self._passed, key=lambda each: each.to),
            pseudonyms=self._log._pseudonyms,
            digests=self._digests,
        )


def access_id(at: datetime) -> str:
    """A ULID: 48 bits of milliseconds, 80 random bits, 26 characters of Crockford's base 32."""
    number = int(at.timestamp() * 1000) << 80 | secrets.randbits(80)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


async def _settled(written: asyncio.Future[_T]) -> _T:
    """Wait until it is known whether a write is durable, however often the waiter is cancelled; then pass the cancellation on.

    A disk that hangs is as good as none: after ``_PATIENCE`` seconds LogUnavailable is raised. Should the event become durable after
    all it says more than happened, never less.
    """
    left: asyncio.CancelledError | None = None
    ends = asyncio.get_running_loop().time() + _PATIENCE
    while not written.done():
        try:
            if not (await asyncio.wait({written}, timeout=ends - asyncio.get_running_loop().time()))[0]:
                written.add_done_callback(lambda late: late.cancelled() or late.exception())
                raise left or LogUnavailable("no answer from the disk")
        except asyncio.CancelledError as error:
            left = error
            if asyncio.get_running_loop().time() >= ends:
                raise
    if left is not None:
        written.exception()  # looked at, so that no loop reports it as never retrieved
        raise left
    return written.result()


def _opened(settings: LogSettings, log_id: str, state: Path, clock: Callable[[], datetime]) -> tuple[Store, Keys]:
    store = Store(database(settings, state), log_id, clock)
    store.open()
    try:
        keys = open_keys(settings, state, first_use=store.tail.index < 0)
        store.mark_keys({"pseudonym_key": _mark(keys.pseudonym), "digest_key": _mark(keys.digest)})
    except BaseException:
        store.close()
        raise
    store.start()
    return store, keys


def _changes(path: Path) -> list[dict[str, Any]]:
    with contextlib.closing(sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True)) as connection:
        return [json.loads(body) for (body,) in connection.execute("select body from events where type = 'change' order by idx")]


def _mark(key: bytes) -> str:
    return hmac.new(key, b"childview/key", hashlib.sha256).hexdigest()


def _nonce() -> bytes:
    return secrets.token_bytes(16)
