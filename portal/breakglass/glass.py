"""Who may break the glass, and what is written when it happens.

Asked for more than the agreements ordinarily give, the portal first looks whether that can be (``wanted``); what it opens is for the
agreements to say; and inside the access, before any agency is asked, it is written down and told (``broken``).
One sign-in breaks the glass once, for one child: a session left open is no master key.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.localtime import day_of
from portal.accesslog.events import moment, stamp
from portal.accesslog.pseudonyms import Lasting
from portal.alerts import Alert, Alerts
from portal.breakglass.children import same_child, whom
from portal.breakglass.reviews import Review, all_reviews, close_review, open_reviews, overdue_reviews, tell_overdue
from portal.breakglass.tables import ABOUT, BREAKINGS, LATER_WORDS
from portal.breakglass.workdays import working_days_after
from portal.changes import Closing
from portal.errors import PortalError, RequestError
from portal.model import BreakGlass, Breaking, Decision, Jurisdiction, Practitioner, Question
from portal.samechild import About, several_of_one_system
from portal.sealing import Sealer
from portal.storage import Database, UniqueConflict

#: So many characters at least are words.
WORDS = 10
_TRIES = 5
_PHONE = "To keep a child safe you can still phone. The numbers are at /contacts."
_AGAIN = "Sign in again, and ask again at once."

log = structlog.get_logger("childview.breakglass")


class GlassTerms(Protocol):
    """The ``break_glass`` table of federation.toml: reasons by id, the roles that review, seconds, working days."""

    @property
    def reasons(self) -> Mapping[str, str]: ...
    @property
    def reviewers(self) -> Collection[str]: ...
    @property
    def fresh(self) -> int: ...
    @property
    def review_days(self) -> int: ...


class Glass:
    """The glass of one federation. Without ``terms``, or without a ``sealer`` for the words, it cannot be broken.

    ``database`` has been opened with ``TABLES``; ``agency_of`` maps sources to their agencies; ``clock`` gives aware UTC datetimes.
    """

    def __init__(
        self,
        *,
        database: Database,
        lasting: Lasting,
        sealer: Sealer | None,
        alerts: Alerts,
        terms: GlassTerms | None,
        agency_of: Mapping[str, str],
        jurisdiction: Jurisdiction,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._lasting = lasting
        self._sealer = sealer
        self._alerts = alerts
        self._terms = terms
        self._agency_of = agency_of
        self._jurisdiction = jurisdiction
        self._clock = clock
        if terms and sealer is None:
            log.error("The glass cannot be broken: reasons in words are only kept sealed.", id="CV424", setting="log.auditors_key")

    async def wanted(self, question: Question, practitioner: Practitioner, now: datetime) -> Breaking | None:
        """The breaking this question asks for: new, or the one that is running; None when it asks for none. Writes nothing.

        Raises RequestError: CV424 not set up or no words, CV425 no such reason, or not the one it was broken for, CV426 not signed in a
        moment ago, CV428 its time is over, CV429 this sign-in has broken the glass for another child, CV430 numbers of more than one;
        StorageUnavailable.
        """
        asked = question.break_glass
        if asked is None:
            return None
        terms, _ = self._set_up()
        _check(asked, terms)
        if several_of_one_system(question.subject.identifiers, self._lasting):
            raise _refusal("CV430", "The glass is broken for one child.", 400, "Type one number of each system.")
        session = _session(practitioner)
        async with self._database.read() as connection:
            running = await _running(connection, session)
        if running is None:
            _check_fresh(practitioner, now, terms.fresh)
            at = moment(stamp(now))
            return Breaking(id=_id(session), reason=asked.reason, at=at, until=at)
        self._check_same(running, question, practitioner)
        if now >= running.breaking.until:
            raise _refusal("CV428", "You have broken the glass with this sign-in, and its time is over.", 403, _AGAIN)
        _check_reason(running, asked.reason)
        return running.breaking

    async def broken(self, breaking: Breaking, question: Question, practitioner: Practitioner, decision: Decision, access: str) -> None:
        """Write that the glass is broken: the breaking (once), a review at every agency it opens, alerts to both sides. All or nothing.

        ``breaking`` is what ``wanted`` gave, with its ``until``. Raises RequestError when the same sign-in broke it at the same moment,
        CV429 for another child, CV425 for another reason; StorageUnavailable. Then nothing may be asked.
        """
        self._set_up()
        opened = {self._agency_of[ruling.source] for ruling in decision.permitted if ruling.broken}
        for last in (False,) * (_TRIES - 1) + (True,):
            try:
                async with self._database.begin() as connection:
                    await self._keep(connection, breaking, question, practitioner, access)
                    await self._open_reviews(connection, breaking, practitioner, opened, access)
                break
            except UniqueConflict:  # a question of the same sign-in was written at the same moment: look again at what stands there now
                if last:
                    raise
        self._alerts.wake()

    async def reviews(self, agency: str) -> tuple[Review, ...]:
        """An agency's reviews: the open ones by due day, then the closed ones, the last first. Raises StorageUnavailable."""
        async with self._database.read() as connection:
            return await all_reviews(connection, agency)

    def may_review(self, practitioner: Practitioner) -> bool:
        """Whether somebody holds a role that reviews, at their own agency."""
        return self._terms is not None and not set(self._terms.reviewers).isdisjoint(practitioner.roles)

    async def close(self, closing: Closing, by: Practitioner) -> Review:
        """Close a review of the officer's own agency; the words are sealed.

        Raises RequestError: CV443 not this person's to close, CV444 their own breaking, CV445 closed before; PortalError CV739 without a
        key to seal with; StorageUnavailable.
        """
        if self._sealer is None:
            hint = "Whoever runs the portal has to set log.auditors_key."
            raise PortalError("CV739", "The review cannot be closed: its words are only kept sealed.", 503, hint)
        reviewers = self._terms.reviewers if self._terms else ()
        sealed = _sealed(self._sealer, closing.review, closing.words)
        async with self._database.begin() as connection:
            return await close_review(connection, closing, by, reviewers, sealed, self._clock())

    async def overdue(self, now: datetime) -> None:
        """Tell both agencies of every review whose time is over, once. Raises StorageUnavailable."""
        async with self._database.read() as connection:
            late = await overdue_reviews(connection, now)
        for review in late:
            async with self._database.begin() as connection:
                await self._alerts.add(await tell_overdue(connection, review, now), connection)
        if late:
            self._alerts.wake()

    def _set_up(self) -> tuple[GlassTerms, Sealer]:
        if self._terms is None or self._sealer is None:
            raise _refusal("CV424", "Breaking the glass is not set up here.", 400, _PHONE)
        return self._terms, self._sealer

    def _check_same(self, running: _Running, question: Question, practitioner: Practitioner) -> None:
        """One sign-in, one child; and one agency: somebody who acts for two breaks the glass for each."""
        if not same_child(running.about, whom(question.subject, self._lasting)) or running.agency != practitioner.agency:
            raise _refusal("CV429", "You have broken the glass with this sign-in already, for another child.", 403, _AGAIN)

    async def _keep(
        self, connection: AsyncConnection, breaking: Breaking, question: Question, practitioner: Practitioner, access: str
    ) -> None:
        """Write the breaking once, and the words of every question. Later ones may open clauses that last longer; none begins anew."""
        _, sealer = self._set_up()
        words = question.break_glass.words if question.break_glass else ""
        running = await _running(connection, _session(practitioner))
        if running:
            self._check_same(running, question, practitioner)
            _check_reason(running, breaking.reason)
            later = {"id": secrets.token_hex(16), "breaking": breaking.id, "access": access, "at": stamp(self._clock())}
            later["words"] = _sealed(sealer, later["id"], words)
            await connection.execute(insert(LATER_WORDS).values(later))
            longest = max(running.breaking.until, breaking.until)
            await connection.execute(update(BREAKINGS).where(BREAKINGS.c.id == breaking.id).values(until=stamp(longest)))
            return
        row = {"id": breaking.id, "session": practitioner.session, "practitioner": practitioner.key, "agency": practitioner.agency}
        row |= {"reason": breaking.reason, "at": stamp(breaking.at), "until": stamp(breaking.until)}
        row["words"] = _sealed(sealer, breaking.id, words)
        await connection.execute(insert(BREAKINGS).values(row))
        about = whom(question.subject, self._lasting)
        await connection.execute(
            insert(ABOUT), [{"breaking": breaking.id, "pseudonym": each, "what": what} for each, what in about.items()]
        )

    async def _open_reviews(
        self, connection: AsyncConnection, breaking: Breaking, practitioner: Practitioner, agencies: Collection[str], access: str
    ) -> None:
        """A review at each agency that this breaking opens for the first time; it and the asker's agency are told."""
        terms, _ = self._set_up()
        now = self._clock()
        due = working_days_after(day_of(now), terms.review_days, self._jurisdiction)
        new = await open_reviews(connection, breaking.id, agencies, access, now, due)
        told = Alert(kind="break-glass", to=practitioner.agency, access=access, reason=breaking.reason, by_agency=practitioner.agency)
        at_sources = [msgspec.structs.replace(told, to=agency, review=review, due=due) for agency, review in new.items()]
        if new:
            await self._alerts.add(at_sources if practitioner.agency in new else [*at_sources, told], connection)


def opens_nothing() -> RequestError:
    """CV427: the agreements have nothing that breaking the glass would open for this role, purpose and reason."""
    return _refusal("CV427", "Breaking the glass opens nothing for your role, this purpose and this reason.", 403, _PHONE)


class _Running(msgspec.Struct, frozen=True):
    """A breaking as it was written: of which agency's practitioner, about whom."""

    breaking: Breaking
    agency: str
    about: About


async def _running(connection: AsyncConnection, session: str) -> _Running | None:
    row = (await connection.execute(select(BREAKINGS).where(BREAKINGS.c.session == session))).first()
    if row is None:
        return None
    about = await connection.execute(select(ABOUT).where(ABOUT.c.breaking == row.id))
    breaking = Breaking(id=row.id, reason=row.reason, at=moment(row.at), until=moment(row.until))
    return _Running(breaking, row.agency, {each.pseudonym: each.what for each in about})


def _check(asked: BreakGlass, terms: GlassTerms) -> None:
    if len(" ".join(asked.words.split())) < WORDS:
        raise _refusal("CV424", "Say in words why you have to break the glass.", 400, f"Write {WORDS} characters at least. Name nobody.")
    if asked.reason not in terms.reasons:
        listed = ", ".join(f"{id} ({words})" for id, words in terms.reasons.items())
        raise _refusal("CV425", "The glass is not broken for that reason here.", 400, f"The reasons are: {listed}.")


def _check_reason(running: _Running, reason: str) -> None:
    """Whoever reviews it has one reason to judge, which stands in the alert."""
    if reason != running.breaking.reason:
        hint = f"Give that reason again ({running.breaking.reason}). For another one sign in again."
        raise _refusal("CV425", "You have broken the glass with this sign-in for another reason.", 400, hint)


def _check_fresh(practitioner: Practitioner, now: datetime, fresh: int) -> None:
    """Somebody else may sit at a screen left open (NIST SP 800-63B §2.3: who comes back proves it again)."""
    if practitioner.signed_in is None or now - practitioner.signed_in > timedelta(seconds=fresh):
        raise _refusal("CV426", "To break the glass you must have signed in a moment ago.", 403, _AGAIN)


def _session(practitioner: Practitioner) -> str:
    """The sign-in that a breaking belongs to; CV426 where the token does not say when that was."""
    if practitioner.session is None:
        hint = f"{_AGAIN} If that does not help, your sign-in service does not say when you signed in: phone, and tell whoever runs it."
        raise _refusal("CV426", "To break the glass it must be known when you signed in.", 403, hint)
    return practitioner.session


def _id(session: str) -> str:
    """One sign-in has one breaking, whichever of its questions is written first."""
    return hashlib.sha256(b"breaking\0" + session.encode()).hexdigest()[:32]


def _sealed(sealer: Sealer, of: str, words: str) -> str:
    """Words, sealed together with the id of what they belong to: they cannot be put beside something else."""
    return sealer.seal(json.dumps({"of": of, "words": words}))


def _refusal(id: str, message: str, status: int, hint: str) -> RequestError:
    return RequestError(id, message, status=status, hint=hint, path=("child", "breakGlass"))
