"""The time agencies live by: dates are local calendar dates of the United Kingdom, moments are aware."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Europe/London")


def local(moment: datetime) -> datetime:
    """An aware moment as the clock on the wall shows it."""
    return moment.astimezone(LOCAL)


def day_of(moment: datetime) -> date:
    """The local calendar day of an aware moment: at 00:00 local a day's rules begin and end."""
    return local(moment).date()
