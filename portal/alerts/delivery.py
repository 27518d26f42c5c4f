"""Alerts on their way: kept first, then copied to the file and sent to the officers, again and again until they have arrived.

Nobody who asks waits for this. A letter arrives at least once; its id tells that it came twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.errors import ConfigurationError, Mistake
from portal.alerts.channels import PATIENCE, AlertTerms, Channels, NotDelivered, Officer, open_channels
from portal.alerts.letters import Alert, letter
from portal.alerts.outbox import Outbox, Waiting, pause
from portal.storage import Database, StorageUnavailable

#: So many seconds at most until what waits is looked at again.
EVERY = 15.0
#: So many officers are written to at once.
_AT_ONCE = 8
_BATCH = 200
#: Who claims a letter has so long to send it; then it is anybody's again.
_CLAIM = timedelta(seconds=4 * PATIENCE)
_KEPT = timedelta(days=30)

log = structlog.get_logger("childview.alerts")


class Alerts:
    """What officers are told. ``add`` keeps it, ``run`` sees to it that it arrives. Opened with ``Alerts.open``."""

    def __init__(self, outbox: Outbox, channels: Channels, names: Mapping[str, str], clock: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._channels = channels
        self._names = names
        self._clock = clock
        self._added = asyncio.Event()
        self._officers = asyncio.Semaphore(_AT_ONCE)
        self._file_works = True
        self._told_of: set[str] = set()
        self._swept: datetime | None = None

    @classmethod
    def open(
        cls, database: Database, terms: AlertTerms, agencies: Mapping[str, Officer], state: Path, clock: Callable[[], datetime]
    ) -> Alerts:
        """The alerts of a federation; ``database`` has been opened with ``TABLES``, ``clock`` gives aware UTC datetimes.

        Raises ConfigurationError: CV860 an officer's address, CV861 the mail server or the sender, CV862 the file.
        """
        channels = open_channels(terms, agencies, state)
        try:
            if channels.file:
                channels.file.check()
        except OSError as error:
            hint = "See the owner, mode and free space of the place it names."
            raise ConfigurationError(
                [Mistake(id="CV862", message=f"alerts.file cannot be written: {error.strerror}.", hint=hint)]
            ) from None
        return cls(Outbox(database), channels, {id: agency.name for id, agency in agencies.items()}, clock)

    async def add(self, alerts: Iterable[Alert], connection: AsyncConnection | None = None) -> None:
        """Keep alerts: durable when this returns or, with ``connection``, when its transaction ends. Raises StorageUnavailable.

        Whoever gives a connection calls ``wake`` after the transaction, or the alerts leave up to ``EVERY`` seconds later.
        """
        if await self._outbox.add(alerts, self._clock(), connection) and connection is None:
            self.wake()

    def wake(self) -> None:
        """Something was added: deliver it now."""
        self._added.set()

    async def run(self) -> None:
        """Deliver what waits, now and whenever something is added, until cancelled. Nothing that goes wrong ends it."""
        while True:
            self._added.clear()
            try:
                await self.deliver_due()
            except StorageUnavailable:
                pass  # the database has said so, and says when it is back
            except Exception as error:
                log.error("Alerts could not be delivered.", id="CV863", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._added.wait()

    async def deliver_due(self) -> None:
        """Copy and send everything that is due now. What fails is tried again later. Raises StorageUnavailable."""
        await self._copy()
        await self._say_who_cannot_be_told()
        while await self._send():
            pass
        await self._sweep()

    async def _copy(self) -> None:
        """Everything that is not in the file yet goes there."""
        file = self._channels.file
        while file and (batch := await self._outbox.uncopied(_BATCH)):
            try:
                await file.write(letter(each.alert, each.id, each.at, self._names) for each in batch)
            except NotDelivered as error:
                self._say_of_file(error.why)
                return
            self._say_of_file(None)
            await self._outbox.copied([each.id for each in batch], self._clock())

    async def _send(self) -> bool:
        """Send what is due, agency beside agency. True when there may be more."""
        batch = await self._outbox.due(self._channels.officers, self._clock(), _BATCH)
        by_agency = groupby(sorted(batch, key=lambda each: each.alert.to), key=lambda each: each.alert.to)
        turns = [self._send_to(agency, list(waiting)) for agency, waiting in by_agency]
        ended = await asyncio.gather(*turns, return_exceptions=True)
        for each in ended:
            if isinstance(each, BaseException):
                raise each
        return len(batch) == _BATCH

    async def _send_to(self, agency: str, waiting: Iterable[Waiting]) -> None:
        """One officer's letters, one after the other, until one does not leave."""
        channel = self._channels.officers[agency]
        async with self._officers:
            for each in waiting:
                if not await self._outbox.claim(each, self._clock() + _CLAIM):
                    continue
                try:
                    await channel.send(letter(each.alert, each.id, each.at, self._names))
                except NotDelivered as error:
                    await self._outbox.failed(each, self._clock() + pause(each.tries))
                    log.warning(
                        "An alert did not leave; it is tried again.",
                        id="CV864",
                        alert=each.id,
                        to=agency,
                        error=error.why,
                        tries=each.tries + 1,
                    )
                    return
                await self._outbox.delivered(each, self._clock())

    async def _say_who_cannot_be_told(self) -> None:
        """Once for each agency whose officer has no address that works here: its alerts wait in the outbox."""
        for agency in sorted(await self._outbox.stranded(self._channels.officers) - self._told_of):
            self._told_of.add(agency)
            setting = f"agencies.{agency}.privacy_officer"
            log.error("Alerts for an agency have nowhere to go; they wait in the outbox.", id="CV865", agency=agency, setting=setting)

    def _say_of_file(self, why: str | None) -> None:
        if why and self._file_works:
            log.error("The file of alerts cannot be written; alerts wait in the outbox.", id="CV862", error=why)
        self._file_works = why is None

    async def _sweep(self) -> None:
        """Once a day, take out what arrived long ago."""
        now = self._clock()
        if self._swept is None or now - self._swept >= timedelta(days=1):
            await self._outbox.sweep(now - _KEPT, copies=self._channels.file is not None)
            self._swept = now
