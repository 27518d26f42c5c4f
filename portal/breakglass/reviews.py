"""Reviews: every agency whose records were opened looks at it afterwards, within some working days, and says what it thinks of it."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import date, datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Row, Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.localtime import day_of
from portal.accesslog.events import moment, stamp
from portal.alerts import Alert
from portal.breakglass.tables import BREAKINGS, REVIEWS
from portal.changes import Closing
from portal.errors import RequestError
from portal.model import Practitioner


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """One breaking of the glass, as agency ``agency`` has to review it by the end of ``due`` (a local date).

    ``by`` (``issuer|person``) of ``by_agency`` broke it, for ``reason``, from ``at`` to ``until``; ``access`` is the access that opened
    this agency's records. ``words`` and ``closing`` are sealed: the auditors' key opens them. ``outcome`` is None while it is open.
    """

    id: str
    breaking: str
    agency: str
    by: str
    by_agency: str
    reason: str
    at: datetime
    until: datetime
    access: str
    opened_at: datetime
    due: date
    words: str
    closed_at: datetime | None = None
    closed_by: str | None = None
    outcome: Literal["JUSTIFIED", "NOT_JUSTIFIED", "UNCLEAR"] | None = None
    closing: str | None = None


async def open_reviews(
    connection: AsyncConnection, breaking: str, agencies: Collection[str], access: str, at: datetime, due: date
) -> dict[str, str]:
    """Open a review at each of ``agencies`` that has none of this breaking; agency -> id of those that are new."""
    known = await connection.execute(select(REVIEWS.c.agency).where(REVIEWS.c.breaking == breaking))
    new = {agency: secrets.token_hex(8) for agency in sorted(set(agencies) - {row.agency for row in known})}
    common = {"breaking": breaking, "access": access, "opened_at": stamp(at), "due": due}
    if new:
        await connection.execute(insert(REVIEWS), [{"id": id, "agency": agency} | common for agency, id in new.items()])
    return new


async def all_reviews(connection: AsyncConnection, agency: str) -> tuple[Review, ...]:
    """An agency's reviews: the open ones by due day, then the closed ones, the last first."""
    found = await connection.execute(_reviews().where(REVIEWS.c.agency == agency).order_by(REVIEWS.c.due, REVIEWS.c.opened_at))
    everything = [_review(row) for row in found]
    closed = sorted((each for each in everything if each.closed_at), key=lambda each: each.closed_at or each.at, reverse=True)
    return (*(each for each in everything if not each.closed_at), *closed)


async def close_review(
    connection: AsyncConnection, closing: Closing, by: Practitioner, reviewers: Collection[str], sealed: str, at: datetime
) -> Review:
    """Bring a review to its end. Raises RequestError: CV443 not this person's to close, CV444 their own breaking, CV445 closed before."""
    row = (await connection.execute(_reviews().where(REVIEWS.c.id == closing.review))).first()
    if row is None or row.agency != by.agency or set(reviewers).isdisjoint(by.roles):
        hint = "Ask who reviews broken glass at the agency that the review belongs to."
        raise RequestError("CV443", "There is no such review for you to close.", status=403, hint=hint)
    if row.by == by.key:
        raise RequestError("CV444", "You broke the glass here yourself.", status=403, hint="Somebody else has to review it.")
    ended = {"closed_at": stamp(at), "closed_by": by.key, "outcome": closing.outcome, "closing": sealed}
    still_open = update(REVIEWS).where(REVIEWS.c.id == closing.review, REVIEWS.c.closed_at.is_(None))
    if not (await connection.execute(still_open.values(ended))).rowcount:
        raise RequestError("CV445", "This review was closed before.", status=409, hint="What was said then stands.")
    return msgspec.structs.replace(
        _review(row), closed_at=moment(ended["closed_at"]), closed_by=by.key, outcome=closing.outcome, closing=sealed
    )


async def overdue_reviews(connection: AsyncConnection, now: datetime) -> list[Review]:
    """The open reviews whose last day is over and of which nobody was told."""
    c = REVIEWS.c
    late = _reviews().where(c.closed_at.is_(None), c.overdue_told.is_(None), c.due < day_of(now))
    return [_review(row) for row in await connection.execute(late.order_by(c.due))]


async def tell_overdue(connection: AsyncConnection, review: Review, now: datetime) -> list[Alert]:
    """The alerts to both agencies, once for each review: nothing when it was told or closed meanwhile."""
    c = REVIEWS.c
    untold = update(REVIEWS).where(c.id == review.id, c.overdue_told.is_(None), c.closed_at.is_(None)).values(overdue_told=stamp(now))
    if not (await connection.execute(untold)).rowcount:
        return []
    return [
        Alert(
            kind="review-overdue", to=to, review=review.id, access=review.access, reason=review.reason, by_agency=review.by_agency,
            due=review.due,
        )
        for to in dict.fromkeys((review.agency, review.by_agency))
    ]  # fmt: skip


def _reviews() -> Select[Any]:
    broken = BREAKINGS.c
    about = (broken.practitioner.label("by"), broken.agency.label("by_agency"), broken.reason, broken.at, broken.until, broken.words)
    return select(REVIEWS, *about).join(BREAKINGS, broken.id == REVIEWS.c.breaking)


def _review(row: Row[Any]) -> Review:
    return Review(
        id=row.id,
        breaking=row.breaking,
        agency=row.agency,
        by=row.by,
        by_agency=row.by_agency,
        reason=row.reason,
        at=moment(row.at),
        until=moment(row.until),
        access=row.access,
        opened_at=moment(row.opened_at),
        due=row.due,
        words=row.words,
        closed_at=moment(row.closed_at) if row.closed_at else None,
        closed_by=row.closed_by,
        outcome=row.outcome,
        closing=row.closing,
    )
