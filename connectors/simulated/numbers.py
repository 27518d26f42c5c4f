"""Invented numbers that pass the real checks: CHI, NHS number, UPN, Scottish Candidate Number.

NHS numbers come from the 999 range, which is given to nobody. No such range exists for the CHI: a valid one is a date of birth,
a serial and a check digit, so these are right in form and belong to invented children only within this demo.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from stdnum.gb import upn as upn_rules

_WEIGHTS = (10, 9, 8, 7, 6, 5, 4, 3, 2)


def modulus_11(nine: str) -> str | None:
    """The check digit of nine digits as CHI and NHS number have it, or None where no digit fits (the serial is then not used)."""
    check = 11 - sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, nine, strict=True)) % 11
    return None if check == 10 else str(check % 11)


def chis(born: date, sex: str) -> Iterator[str]:
    """Every CHI of one day and sex ("F" or "M"): DDMMYY, two digits, a digit even for a girl and odd for a boy, check digit."""
    for serial in range(100):
        for digit in range(0 if sex == "F" else 1, 10, 2):
            nine = f"{born:%d%m%y}{serial:02}{digit}"
            if (check := modulus_11(nine)) is not None:
                yield nine + check


def nhs_number(serial: int) -> str:
    """The NHS number of the 999 range nearest after ``serial`` (0 to 999,999) that has a check digit."""
    while (check := modulus_11(f"999{serial:06}")) is None:
        serial += 1
    return f"999{serial:06}{check}"


def upn(serial: int) -> str:
    """A Unique Pupil Number as an English school (local authority 391) gave it in 2017; ``serial`` is 0 to 999."""
    body = f"391400117{serial:03}"
    return upn_rules.calc_check_digit("A" + body) + body


def scn(serial: int) -> str:
    """A Scottish Candidate Number: nine digits, one for each ``serial`` (0 to 999,999)."""
    return f"{117_000_000 + serial * 7:09}"
