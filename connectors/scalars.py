"""One checker for each scalar of the data standard, and for the national numbers by which a child is known.

A checker takes text and gives it back in canonical form, or raises ValueError with words that never hold the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime

from stdnum.gb import nhs, upn

Checker = Callable[[str], str]

_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?)(\.\d{1,6})?\d*(Z|[+-]\d{2}:\d{2})", re.ASCII)
_TEN_DIGITS = re.compile(r"\d{10}", re.ASCII)
_NINE_DIGITS = re.compile(r"\d{9}", re.ASCII)
# The letters I, O and S are never used: they look like digits.
_UPN = re.compile(r"[A-HJ-NP-RT-Z]\d{11}[A-HJ-NP-RT-Z\d]", re.ASCII)
_SEPARATORS = re.compile(r"[\s-]+")
_LOCAL_LIMIT = 64


def check_date(text: str) -> str:
    """A local calendar date, YYYY-MM-DD. Raises ValueError."""
    if len(text) != 10 or _calendar(text) is None:
        raise ValueError("expected a date, YYYY-MM-DD")
    return text


def check_partial_date(text: str) -> str:
    """As much of a local calendar date as is known: YYYY, YYYY-MM or YYYY-MM-DD. Raises ValueError."""
    if _calendar(text) is None:
        raise ValueError("expected as much of a date as is known, YYYY, YYYY-MM or YYYY-MM-DD")
    return text


def check_date_time(text: str) -> str:
    """A moment with an offset, given back in universal time, ``YYYY-MM-DDTHH:MM:SSZ``, to the microsecond at most.

    Raises ValueError, also when there is no offset: a time that two readers place an hour apart is worse than none.
    """
    found = _MOMENT.fullmatch(text)
    moment = _universal("".join(part or "" for part in found.groups())) if found else None
    if moment is None:
        raise ValueError("expected a moment with its offset, YYYY-MM-DDTHH:MM:SSZ or +HH:MM")
    return moment.isoformat().replace("+00:00", "Z")


def check_nhs_number(text: str) -> str:
    """An NHS number: ten digits, modulus 11. Ten equal digits pass that sum and are what people type for "none"."""
    number = _compact(text)
    if not _ten_digits_sum(number):
        raise ValueError("expected an NHS number, ten digits of which the last is a check digit")
    return number


def check_chi_number(text: str) -> str:
    """A Community Health Index number: a birth date DDMMYY, three digits, and a check digit as in an NHS number."""
    number = _compact(text)
    if not _ten_digits_sum(number) or not _birth_date(number[:6]):
        raise ValueError("expected a CHI number, ten digits that begin with a birth date and end in a check digit")
    return number


def check_upn(text: str) -> str:
    """A Unique Pupil Number, temporary ones included.

    python-stdnum computes the check letter; its list of authorities is of 2011 and refuses pupils of every
    authority founded since, so that the authority is not checked.
    """
    number = _compact(text)
    if not _UPN.fullmatch(number) or upn.calc_check_digit(number[1:]) != number[0]:
        raise ValueError("expected a UPN, a check letter and twelve more characters")
    return number


def check_scottish_candidate_number(text: str) -> str:
    """A Scottish Candidate Number: nine digits.

    HESA publishes a check digit for it (field SCN of 2007/08); that every number issued since keeps to it we cannot
    show, and a pupil's true number must not be refused.
    """
    number = _compact(text)
    if not _NINE_DIGITS.fullmatch(number) or _all_equal(number):
        raise ValueError("expected a Scottish Candidate Number, nine digits")
    return number


#: Scalar of the data standard -> its checker.
CHECKERS: dict[str, Checker] = {
    "Date": check_date,
    "PartialDate": check_partial_date,
    "DateTime": check_date_time,
    "NhsNumber": check_nhs_number,
    "ChiNumber": check_chi_number,
    "Upn": check_upn,
    "ScottishCandidateNumber": check_scottish_candidate_number,
}

#: National identifier system -> the checker of its numbers.
SYSTEMS: dict[str, Checker] = {
    "nhs_number": check_nhs_number,
    "chi": check_chi_number,
    "upn": check_upn,
    "scn": check_scottish_candidate_number,
}


def normalise(system: str, value: str) -> str:
    """A number as it is compared and put under a pseudonym: no spaces, upper case; national numbers without hyphens, too."""
    return _compact(value) if system in SYSTEMS else "".join(value.split()).upper()


def valid(system: str, value: str) -> bool:
    """Whether ``value`` can be a number of ``system``. A source's own number is any text of 1 to 64 characters."""
    number = normalise(system, value)
    checker = SYSTEMS.get(system)
    if checker is None:
        return 0 < len(number) <= _LOCAL_LIMIT
    try:
        checker(number)
    except ValueError:
        return False
    return True


def check_identifier(system: str, value: str) -> str:
    """A number of ``system`` in canonical form; a source's own number stays as it was written. Raises ValueError."""
    checker = SYSTEMS.get(system)
    if checker is not None:
        return checker(value)
    if not valid(system, value):
        raise ValueError("expected a number of 1 to 64 characters")
    return value


def _compact(text: str) -> str:
    return _SEPARATORS.sub("", text).upper()


def _all_equal(number: str) -> bool:
    return len(set(number)) == 1


def _ten_digits_sum(number: str) -> bool:
    return bool(_TEN_DIGITS.fullmatch(number)) and not _all_equal(number) and nhs.checksum(number) == 0


def _calendar(text: str) -> date | None:
    """The first day that a whole or partial date can mean; None if it is not one."""
    found = _PARTIAL.fullmatch(text)
    if not found:
        return None
    year, month, day = (int(part) if part else 1 for part in found.groups())
    return _day(year, month, day)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _birth_date(ddmmyy: str) -> bool:
    """Whether six digits are a day of this century or the last: 29 February is there in 2000 and not in 1900."""
    day, month, year = int(ddmmyy[:2]), int(ddmmyy[2:4]), int(ddmmyy[4:])
    return any(_day(century + year, month, day) for century in (1900, 2000))


def _universal(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
