"""The contract between the portal and one agency's system: two verbs, find and provide.

``find`` says who this might be in *your* system; a ``@provides`` method says what you hold about that
person. What a connector can do is derived from the methods present. Everything that may grow travels in
``Ask``, so that a new need never changes a signature.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import date
from typing import Any, ClassVar, Literal, TypeVar

import msgspec

Shield = Literal["LOCATION", "IDENTITY"]


class Identifier(msgspec.Struct, frozen=True):
    """A number in a system: ``nhs_number``, ``chi``, ``upn``, ``scn`` or a source's own id."""

    system: str
    value: str


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """An address; dates are local calendar dates (ISO 8601)."""

    line: str | None = None
    town: str | None = None
    postcode: str | None = None
    from_: str | None = None
    to: str | None = None


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The child asked about, as typed. ``birth_date`` is a PartialDate: YYYY, YYYY-MM or YYYY-MM-DD."""

    identifiers: tuple[Identifier, ...] = ()
    given_name: str | None = None
    middle_names: str | None = None
    family_name: str | None = None
    former_family_name: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    addresses: tuple[Address, ...] = ()
    phones: tuple[str, ...] = ()
    school: str | None = None
    parents: tuple[str, ...] = ()


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A source's own idea of somebody. ``id`` is the source's; ``cleared`` lists ``issuer|person`` to whom the shield does not apply.

    ``workers`` lists ``issuer|person`` of those who work with the child. It answers one question, whether the asker is among them, and
    goes no further.
    """

    id: str
    given_name: str | None = None
    middle_names: str | None = None
    family_name: str | None = None
    former_family_name: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    postcode: str | None = None
    addresses: tuple[Address, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    phones: tuple[str, ...] = ()
    school: str | None = None
    parents: tuple[str, ...] = ()
    shield: Shield | None = None
    cleared: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as a source may know it: an agency, roles and an opaque id that means nothing elsewhere."""

    agency: str
    roles: tuple[str, ...]
    opaque: str


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that goes with one question to one source.

    ``access_id`` is derived for this source, so that two agencies cannot join their notes by it. ``deadline`` is on the event
    loop's clock, in seconds. ``since`` is a local date: older records are not wanted. At most ``limit`` records of a kind are taken.
    ``fields`` are the standard's field names wanted of the kind being provided (empty during ``find``).
    """

    access_id: str
    purpose: str
    practitioner: Asker
    deadline: float
    since: date | None = None
    limit: int = 500
    fields: frozenset[str] = frozenset()


class Record(msgspec.Struct, frozen=True):
    """One thing a source holds: its own id, and fields by the standard's names (``occurredOn``, ``summary`` ...)."""

    id: str
    fields: Mapping[str, Any]


Provide = Callable[[Person, Ask], AsyncIterator[Record]]
_Method = TypeVar("_Method", bound=Callable[..., AsyncIterator[Record]])

#: At most this many persons may come back from one search; one more says "too many".
FIND_LIMIT = 50
#: At most this many persons are looked at, whatever several searches have found.
MOST_PERSONS = 200


class Persons(list[Person]):
    """What several searches have found together; ``more`` says that one of them had found more than it may."""

    def __init__(self, persons: Iterable[Person] = (), *, more: bool = False) -> None:
        super().__init__(persons)
        self.more = more


def provides(kind: str) -> Callable[[_Method], _Method]:
    """Mark an async generator ``(self, person, ask)`` as the one that yields records of ``kind``."""

    def mark(method: _Method) -> _Method:
        method.__provides__ = kind  # type: ignore[attr-defined]
        return method

    return mark


class Connector:
    """One agency's system. Override ``find`` and write one ``@provides`` generator for each kind held.

    Neither catch ``CancelledError`` nor shield: deadlines are the portal's. Yield as you go; the portal closes
    the generator at ``ask.limit``. Raise ``Unavailable``, ``Refused`` or ``Misconfigured``; anything else is a bug.

    Set ``vouches`` where your persons name their ``workers``: agreements may then rest on your word that somebody works with a child.
    """

    sdk: ClassVar[int] = 1
    contact: str = ""
    finds_by: frozenset[str] = frozenset()
    vouches: bool = False

    async def open(self) -> None:
        """Pools and tokens. Called once, before anything else."""

    async def close(self) -> None:
        """Called once, after the last call; also after a failed ``open``."""

    async def check(self) -> None:
        """Raise the same errors as ``find`` if the source cannot be asked now."""

    def can_find(self, subject: Subject) -> bool:
        """Whether what was typed is enough to search this source by."""
        typed = {identifier.system for identifier in subject.identifiers}
        by_name = bool(subject.family_name and subject.birth_date)
        return bool(typed & self.finds_by) or (by_name and "demographics" in self.finds_by)

    async def find(self, subject: Subject, ask: Ask) -> list[Person]:
        """Who this might be here. An empty list is an answer; 51 persons say "too many", as does ``Persons(..., more=True)``."""
        raise TypeError(f"{type(self).__name__} has no find")

    def provided(self) -> Mapping[str, Provide]:
        """The kinds held here, each with its generator; derived from the ``@provides`` methods."""
        methods = (getattr(self, name) for name in dir(type(self)))
        return {method.__provides__: method for method in methods if hasattr(method, "__provides__")}


OpenConnector = Callable[[], Awaitable[Connector]]
