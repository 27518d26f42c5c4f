"""What GraphQL projects: a finished child view, and what the portal knows without asking anybody.

Everything here is at hand before the operation is executed, so that resolvers do no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Protocol

import msgspec

from connectors.standard import Standard
from portal.agreements import Agreements, Listed, as_day
from portal.changes import Recorded
from portal.doubts import Doubt
from portal.explaining import Explained, explain
from portal.model import ChildView, Practitioner
from portal.recording import Review


class SourceSettings(Protocol):
    """The part of a source's settings that is shown."""

    @property
    def name(self) -> str | None: ...
    @property
    def contact(self) -> str: ...


class Source(Protocol):
    """The part of a source that is shown."""

    @property
    def id(self) -> str: ...
    @property
    def agency(self) -> str: ...
    @property
    def kinds(self) -> Collection[str]: ...
    @property
    def settings(self) -> SourceSettings: ...


class Agency(Protocol):
    """The part of an agency that is shown: its name, its duty and out-of-hours numbers."""

    @property
    def name(self) -> str: ...
    @property
    def phone(self) -> str: ...
    @property
    def out_of_hours(self) -> str | None: ...


class Register(Protocol):
    """What of a portal can be shown without a child."""

    @property
    def standard(self) -> Standard: ...
    @property
    def sources(self) -> Mapping[str, Source]: ...
    @property
    def agencies(self) -> Mapping[str, Agency]: ...
    @property
    def purposes(self) -> Mapping[str, str]: ...
    @property
    def agreements(self) -> Agreements: ...
    @property
    def clock(self) -> Callable[[], datetime]: ...


class ShownPurpose(msgspec.Struct, frozen=True):
    """A purpose, under the schema's names."""

    id: str
    words: str


class ShownSource(msgspec.Struct, frozen=True):
    """A source, under the schema's names."""

    id: str
    agency: str
    name: str
    kinds: tuple[str, ...]
    contact: str


class ShownReview(msgspec.Struct, frozen=True):
    """A review that waits, under the schema's names."""

    id: str
    agency: str
    byAgency: str
    reason: str
    access: str
    openedAt: datetime
    due: date
    overdue: bool


class ShownDoubt(msgspec.Struct, frozen=True):
    """A report that stands, under the schema's names."""

    id: str
    source: str
    byAgency: str
    access: str
    at: datetime
    unclear: bool


class Answers:
    """The root of one operation. ``child`` is None when it asks about no child, ``recorded`` when it writes nothing down."""

    def __init__(
        self, register: Register, practitioner: Practitioner, child: ChildView | None, recorded: Recorded | None = None,
        reviews: Iterable[Review] = (), doubts: Iterable[Doubt] = (),
    ) -> None:  # fmt: skip
        self.child = child
        self.recorded = recorded
        self.reviews = [_shown(each, as_day(register.clock())) for each in reviews]
        self.doubts = [ShownDoubt(each.id, each.source, each.by_agency, each.access, each.at, each.unclear) for each in doubts]
        self._register = register
        self._practitioner = practitioner

    def explain(
        self, purpose: str, role: str | None = None, agency: str | None = None, kinds: Collection[str] | None = None
    ) -> tuple[Explained, ...]:
        """What a kind of person could see for a purpose; the practitioner's own roles and agency unless others are named."""
        register, asker = self._register, self._practitioner
        roles = (role,) if role else asker.roles
        rules = register.agreements.rules
        return explain(rules, register.standard, register.sources, purpose, roles, agency or asker.agency, kinds, register.clock())

    def purposes(self) -> list[ShownPurpose]:
        return [ShownPurpose(id, words) for id, words in sorted(self._register.purposes.items())]

    def sources(self) -> list[ShownSource]:
        return [self._source(source) for _, source in sorted(self._register.sources.items())]

    def agreements(self, inForceOn: str | None = None) -> list[Listed]:
        """The register as of today; with a day (YYYY-MM-DD), what is in force then."""
        if inForceOn is None:
            return list(self._register.agreements.listed(as_day(self._register.clock())))
        return [each for each in self._register.agreements.listed(date.fromisoformat(inForceOn)) if each.inForce]

    def _source(self, source: Source) -> ShownSource:
        name = source.settings.name or self._register.agencies[source.agency].name
        return ShownSource(source.id, source.agency, name, tuple(sorted(source.kinds)), source.settings.contact)


def _shown(review: Review, today: date) -> ShownReview:
    return ShownReview(
        id=review.id, agency=review.agency, byAgency=review.by_agency, reason=review.reason, access=review.access,
        openedAt=review.opened_at, due=review.due, overdue=review.due < today,
    )  # fmt: skip
