"""Working days: no Saturday, no Sunday, no bank holiday of the jurisdiction."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import holidays

from portal.model import Jurisdiction

_SUBDIVISIONS: dict[Jurisdiction, str] = {"scotland": "SCT", "england": "ENG", "wales": "WLS", "northern-ireland": "NIR"}


def working_days_after(day: date, days: int, jurisdiction: Jurisdiction) -> date:
    """The last of ``days`` working days after a local day, which itself does not count."""
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < 5 and day not in _holidays(jurisdiction)
    return day


@cache
def _holidays(jurisdiction: Jurisdiction) -> holidays.HolidayBase:
    return holidays.country_holidays("GB", subdiv=_SUBDIVISIONS[jurisdiction])
