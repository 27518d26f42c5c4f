"""The ways a value is wrong, by kind and weight: names, birth dates, addresses, numbers. Each tells, beside the wrong value, its kind."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from datetime import date

from stdnum.gb import nhs

from tests.bench.families.population import TODAY, Child
from tests.bench.families.spellings import abbreviated, nickname, respelt, transliterated

#: A wrong value and the kind of wrong; nothing where the kind does not apply to this value.
Wrong = tuple[str, str] | None
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
#: What lies next to a letter on the keyboard.
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEAR = {letter: row[max(0, at - 1) : at] + row[at + 1 : at + 2] for row in _ROWS for at, letter in enumerate(row)}


def _pick(dice: random.Random, kinds: dict[str, tuple[float, Callable[[], str | None]]]) -> Wrong:
    """One of the kinds by weight; those that do not apply are passed over."""
    left = dict(kinds)
    while left:
        kind = dice.choices(list(left), weights=[weight for weight, _ in left.values()])[0]
        changed = left.pop(kind)[1]()
        if changed:
            return changed, kind
    return None


def wrong_given(child: Child, dice: random.Random, *, infant: bool = False) -> Wrong:
    """Another form of the given name, or a slip in it."""
    given, middle = child.given, child.middles[0] if child.middles else None
    return _pick(
        dice,
        {
            "slip": (0.27, lambda: slip(given, dice)),
            "nickname": (0.5, lambda: nickname(given, dice)),
            "respelt": (0.15, lambda: respelt(given, dice)),
            "transliterated": (0.4, lambda: transliterated(given, dice)),
            "known as": (0.11, lambda: middle),
            "merged": (0.05, lambda: middle and dice.choice((f"{given} {middle}", f"{given}{middle.lower()}", f"{given}-{middle}"))),
            "initial": (0.04, lambda: given[0]),
            "placeholder": (1.0 if infant else 0.0, lambda: infant and dice.choice(("Baby", f"Baby {child.family}", "Twin 1" if child.twin is not None else "Infant"))),
            "no diacritics": (0.15, lambda: plain(given)),
        },
    )  # fmt: skip


def wrong_family(child: Child, dice: random.Random) -> Wrong:
    """Another family name of the child, another form of it, or a slip."""
    family = child.family
    halves = family.split("-")
    others = [child.former] if child.former else list(child.other_families)
    return _pick(
        dice,
        {
            "slip": (0.35, lambda: slip(family, dice)),
            "renamed": (0.25, lambda: dice.choice(others) if others else None),
            "half": (0.4, lambda: dice.choice(halves) if len(halves) > 1 else None),
            "double-barrelled": (0.06, lambda: f"{family}-{others[0]}" if others and len(halves) == 1 and "-" not in others[0] else None),
            "respelt": (0.18, lambda: respelt(family, dice)),
            "transliterated": (0.4, lambda: transliterated(family, dice)),
            "prefix": (0.3, lambda: prefixed(family, dice)),
            "no diacritics": (0.15, lambda: plain(family)),
        },
    )


def wrong_date(born: date, dice: random.Random) -> Wrong:
    """A date that exists and is not the birth date, and not later than today's year."""
    return _pick(
        dice,
        {
            "day and month": (0.5, lambda: _date(born.year, born.day, born.month) if born.day != born.month else None),
            "one digit": (0.35, lambda: _digits(born, 1, dice)),
            "year": (0.2, lambda: _date(born.year + dice.choice((-1, 1)), born.month, born.day)),
            "1 January": (0.1, lambda: f"{born.year}-01-01"),
            "two digits": (0.1, lambda: _digits(born, 2, dice)),
        },
    )


def _date(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat() if year <= TODAY.year else None
    except ValueError:
        return None


def _digits(born: date, count: int, dice: random.Random) -> str | None:
    for _ in range(30):
        digits = list(born.strftime("%Y%m%d"))
        # The first two digits of a year are not mistyped unseen.
        for at in dice.sample(range(2, 8), count):
            digits[at] = dice.choice([digit for digit in "0123456789" if digit != digits[at]])
        text = "".join(digits)
        changed = _date(int(text[:4]), int(text[4:6]), int(text[6:])) if int(text[:4]) > 2000 else None
        if changed:
            return changed
    return None


def slip(text: str, dice: random.Random) -> str | None:
    """One letter too many, too few, another, or two the wrong way round; the first letter is the least often hit."""
    places = [at for at, letter in enumerate(text) if letter.isalpha()]
    if len(places) < 3:
        return None
    at = dice.choice(places[1:] if dice.random() < 0.9 else places)
    old, kind = text[at], dice.choice(("insert", "delete", "replace", "transpose"))
    near = dice.choice(_NEAR.get(plain_letter(old), _LETTERS)) if dice.random() < 0.6 else dice.choice(_LETTERS)
    if kind == "transpose" and at > 0:
        pair = f"{old}{text[at - 1]}".lower()
        changed = text[: at - 1] + (pair.capitalize() if text[at - 1].isupper() else pair) + text[at + 1 :]
    else:
        changed = text[:at] + {"insert": old + (old if dice.random() < 0.4 else near), "delete": ""}.get(kind, near) + text[at + 1 :]
    return changed[:1].upper() + changed[1:] if changed != text else slip(text, dice)


def plain_letter(letter: str) -> str:
    return unicodedata.normalize("NFKD", letter)[0].lower()


def plain(text: str) -> str | None:
    """Without diacritics, if there were any."""
    bare = unicodedata.normalize("NFKD", text.replace("ł", "l").replace("Ł", "L").replace("ı", "i")).encode("ascii", "ignore").decode()
    return bare if bare != text else None


def prefixed(family: str, dice: random.Random) -> str | None:
    """O'Brien as O Brien or Obrien, MacDonald as Mc Donald, Al-Hassan as Alhassan."""
    for mark in ("O'", "Mac", "Mc", "Al-", "El-"):
        if family.startswith(mark) and len(family) > len(mark) + 2:
            rest = family[len(mark) :]
            other = {"Mac": "Mc", "Mc": "Mac"}.get(mark, mark.rstrip("'-"))
            return dice.choice((f"{other}{rest}", f"{mark.rstrip(chr(39) + '-')} {rest}", f"{mark.rstrip(chr(39) + '-')}{rest.lower()}"))
    return None


def wrong_postcode(code: str, dice: random.Random) -> Wrong:
    """Another unit of the right sector, or a slip."""
    at = dice.choice([at for at, sign in enumerate(code) if sign != " "])
    if dice.random() < 0.4:
        return code[:-2] + dice.choice("ABDEFGHJLNPQRSTUWXYZ") + dice.choice("ABDEFGHJLNPQRSTUWXYZ"), "unit"
    other = "0123456789" if code[at].isdigit() else "ABCDEFGHIJKLMNOPRSTUWXYZ"
    return code[:at] + dice.choice([sign for sign in other if sign != code[at]]) + code[at + 1 :], "slip"


def wrong_line(line: str, dice: random.Random) -> Wrong:
    """Abbreviated, a slip, or another house number."""
    number = next((word for word in line.split() if word.isdigit()), "")
    return _pick(
        dice,
        {
            "abbreviated": (0.5, lambda: abbreviated(line, dice)),
            "slip": (0.25, lambda: slip(line, dice)),
            "number": (0.25, lambda: line.replace(number, _beside(number, dice), 1) if number else None),
        },
    )


def _beside(number: str, dice: random.Random) -> str:
    return str(max(1, int(number) + dice.choice((-2, 2, 10, -1, 1))))


def wrong_number(number: str, dice: random.Random) -> Wrong:
    """A slip, which the check digit finds out; now and then another valid number, of nobody in the town."""
    if dice.random() < 0.1:
        serial = f"998{dice.randrange(10**6):06d}"
        check = -nhs.checksum(f"{serial}0") % 11
        if check < 10:
            return f"{serial}{check}", "other number"
    at = dice.randrange(10)
    return number[:at] + dice.choice([digit for digit in "0123456789" if digit != number[at]]) + number[at + 1 :], "slip"
