"""Names, codes, dates and numbers of the answer in a reader's words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from connectors.localtime import local

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|[A-Z]{4,}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_OWN = {
    "childsView": "child's view",
    "parentsView": "parents' view",
    "attendancePerMille": "attendance",
    "outOfHoursPhone": "out of hours",
    "AMBIGUOUS": "not sure which child",
    "location": "where this child is",
}


def label(name: str) -> str:
    """A field, kind, code or purpose in words."""
    head, dot, inner = name.partition(".")
    words = _OWN.get(head) or _HUMP.sub(" ", head).replace("_", " ").replace("-", " ").lower()
    return f"{words}: {label(inner)}" if dot else words


def plain(value: Any, field: str = "") -> str:
    """A value in words: codes as words, yes and no, dates as people write them, lists one after the other."""
    if isinstance(value, Mapping):
        return ", ".join(plain(each) for each in value.values() if each is not None)
    if isinstance(value, list):
        return ("\n" if any(isinstance(each, Mapping) for each in value) else "; ").join(plain(each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field == "attendancePerMille" and isinstance(value, int):
        return f"{value / 10:g} %"
    text = str(value)
    return label(text) if _CODE.fullmatch(text) else date_of(text)


def date_of(text: str) -> str:
    """A whole date as people write it; anything else as it stands."""
    if not _DAY.fullmatch(text):
        return text
    day = date.fromisoformat(text)
    return f"{day.day} {day:%b %Y}"


def time_of(moment: str) -> str:
    """A moment of the answer, in local time."""
    at = local(datetime.fromisoformat(moment))
    return f"{at.day} {at:%B %Y, %H:%M}"
