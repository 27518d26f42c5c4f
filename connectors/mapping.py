"""The vocabulary in which a source file says what its fields mean: ``from``, ``value``, ``map``/``else``, ``as``.

A vocabulary and not a language: no templates, no expressions, no conditions. The first ``if`` is a connector in Python.

    occurredOn = "day"                                             a column, or a path through JSON: names and indexes joined by /
    occurredOn = { from = "period/start", as = "date" }            read, then converted
    code = { from = "mark", map = { "/" = "PRESENT" }, else = "OTHER" }   read, then translated
    setting = { value = "SCHOOL" }                                 the same for every record
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from connectors.localtime import LOCAL

Path = tuple[str, ...]
Reading = Callable[[Any], Any]

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_PARTIAL_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})


class Unreadable:
    """Stands where a value could not be converted. No field of the standard takes it, so the record is set aside and counted."""

    def __repr__(self) -> str:
        return "unreadable"


UNREADABLE = Unreadable()


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from", "as_": "as", "else_": "else"}):
    """What one field means, as written."""

    from_: str | None = None
    as_: str | None = None
    map: dict[str, str | bool] | None = None
    else_: str | bool | None = None
    value: Any = msgspec.UNSET


def column(text: str) -> Path:
    """A column of a table: one name, whatever it contains."""
    return (text,) if text.strip() else ()


def path(text: str) -> Path:
    """Names and indexes joined by ``/``, from the outside in; empty when the text is no path."""
    steps = tuple(text.split("/"))
    return steps if all(step.strip() for step in steps) else ()


def at(row: Any, steps: Path) -> Any:
    """What stands at a path, or None where nothing does."""
    for step in steps:
        if isinstance(row, Mapping):
            row = row.get(step)
        elif isinstance(row, list):
            row = row[int(step)] if step.isdecimal() and int(step) < len(row) else None
        else:
            return None
    return row


def plain(value: Any) -> Any:
    """A driver's value as the standard's checks take it: text stripped, empty text as None, dates as ISO 8601.

    A datetime stays one: whether it may stand for a local date depends on its offset, and that is for the standard to say.
    """
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, date | time) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        # What is no number (NaN, signalling or not) stays what it is: no field of the standard takes it.
        if not value.is_finite():
            return value
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value) if isinstance(value, UUID) else value


def reading(rule: Rule, steps: Path, *, codes: bool = False, many: bool = False) -> Reading:
    """The function that takes a row and gives the field's value.

    ``codes``: the field has a code list, so that a code which ``map`` does not know becomes OTHER. ``many``: the field is a list, so
    that a single value becomes a list of one.
    """
    if rule.value is not msgspec.UNSET:
        constant = _listed(rule.value, many)
        return lambda row: constant
    convert = CONVERTERS[rule.as_] if rule.as_ else plain
    translate = _translation(rule, codes) if rule.map is not None else None

    def read(row: Any) -> Any:
        value = convert(at(row, steps))
        return _listed(translate(value) if translate else value, many)

    return read


def text_id(value: Any) -> str | None:
    """A declared id column as text. A driver may give a number or a UUID; anything else that is not text is no id."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | UUID):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None


def _listed(value: Any, many: bool) -> Any:
    return [value] if many and value is not None and not isinstance(value, list | tuple) else value


def _translation(rule: Rule, codes: bool) -> Reading:
    known = rule.map or {}
    fallback = rule.else_ if rule.else_ is not None else "OTHER" if codes else None

    def translate(value: Any) -> Any:
        if isinstance(value, list):
            return [translate(each) for each in value]
        if value is None:
            return known.get("")
        if value is UNREADABLE or isinstance(value, dict | bytes):
            return UNREADABLE
        key = str(value).lower() if isinstance(value, bool) else str(value)
        if key in known:
            return known[key]
        return fallback if fallback is not None else value

    return translate


def _as_text(value: Any) -> Any:
    value = plain(value)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else UNREADABLE


def _as_date(value: Any) -> Any:
    """A local calendar date: of ISO 8601 text, an instant, a driver's date, or day/month/year as the United Kingdom writes it."""
    if isinstance(value, datetime):
        return _local(value).date().isoformat()
    value = plain(value)
    if value is None:
        return None
    if not isinstance(value, str):
        return UNREADABLE
    day_first = _DAY_FIRST.fullmatch(value)
    try:
        if day_first:
            day, month, year = map(int, day_first.groups())
            return date(year, month, day).isoformat()
        if _ISO_DATE.fullmatch(value):
            return date.fromisoformat(value).isoformat()
        return _local(datetime.fromisoformat(value)).date().isoformat() if len(value) > len("YYYY-MM-DD") else UNREADABLE
    except ValueError:
        return UNREADABLE


def _as_partial_date(value: Any) -> Any:
    """YYYY, YYYY-MM, or whatever ``date`` takes."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and _PARTIAL_DATE.fullmatch(value.strip()):
        text = value.strip()
        return text if _exists(text) else UNREADABLE
    return _as_date(value)


def _as_datetime(value: Any) -> Any:
    """An instant in UTC, as ISO 8601 text; a time without a zone is local time."""
    if isinstance(value, str):
        value = value.strip() or None
        try:
            value = datetime.fromisoformat(value) if value else None
        except ValueError:
            return UNREADABLE
    if value is None:
        return None
    if not isinstance(value, datetime):
        return UNREADABLE
    aware = value if value.tzinfo else value.replace(tzinfo=LOCAL)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _as_integer(value: Any) -> Any:
    value = plain(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else UNREADABLE
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else UNREADABLE


def _as_boolean(value: Any) -> Any:
    value = plain(value)
    if value is None or isinstance(value, bool):
        return value
    word = str(value).lower()
    return True if word in _TRUE else False if word in _FALSE else UNREADABLE


def _as_json(value: Any) -> Any:
    """A JSON text, or what a driver has already decoded of one."""
    if isinstance(value, list | dict):
        return value
    value = value if isinstance(value, bytes) else plain(value)
    if value is None:
        return None
    if not isinstance(value, str | bytes):
        return UNREADABLE
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return UNREADABLE


def _as_list(value: Any) -> Any:
    """Text parted by commas, or a list as it stands; empty parts are left out."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()] or None
    if isinstance(value, tuple):
        value = list(value)
    return value if value is None or isinstance(value, list) else UNREADABLE


def _local(moment: datetime) -> datetime:
    return moment.astimezone(LOCAL) if moment.tzinfo else moment


def _exists(text: str) -> bool:
    try:
        date.fromisoformat(text + "-01-01"[len(text) - 4 :] if len(text) < len("YYYY-MM-DD") else text)
    except ValueError:
        return False
    return True


#: What ``as`` may say.
CONVERTERS: dict[str, Reading] = {
    "date": _as_date,
    "partial_date": _as_partial_date,
    "datetime": _as_datetime,
    "text": _as_text,
    "integer": _as_integer,
    "boolean": _as_boolean,
    "json": _as_json,
    "list": _as_list,
}
