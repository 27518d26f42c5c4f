"""The invented people of Northshire: homes, adults, children, families. Frozen, no I/O.

Dates are local calendar dates. ``id`` is the world's own and stands in no agency's system.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

Sex = Literal["F", "M"]
Shield = Literal["LOCATION", "IDENTITY"]


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """Where a family lives; the postcode area NS is given to nobody."""

    line: str
    town: str
    postcode: str


class Adult(msgspec.Struct, frozen=True, kw_only=True):
    """A parent or carer, known to the agencies as somebody's relation."""

    given_name: str
    family_name: str
    relation: str
    phone: str


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """One child as the world knows the truth; agencies hold their own versions (``versions.py``)."""

    id: str
    given_name: str
    family_name: str
    birth_date: date
    sex: Sex
    chi: str
    home: Home
    middle_names: str | None = None
    known_as: str | None = None
    former_family_name: str | None = None
    nhs_number: str | None = None
    scn: str | None = None
    upn: str | None = None
    hillview: bool = False
    """A pupil at Hillview School."""
    shield: Shield | None = None
    cleared: tuple[str, ...] = ()
    """Persons (as the identity provider names them) to whom the shield does not apply."""
    shield_at: tuple[str, ...] = ()
    """The agencies that hold the shield."""


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Who lives together."""

    id: str
    adults: tuple[Adult, ...]
    children: tuple[Child, ...]


def age_on(born: date, day: date) -> int:
    """Whole years between two dates."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
