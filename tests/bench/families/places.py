"""Streets, postcodes, schools and phones of the town."""

from __future__ import annotations

import random
from datetime import date
from importlib import import_module

import msgspec

_INWARD = "ABDEFGHJLNPQRSTUWXYZ"
_KINDS = ("Street", "Road", "Avenue", "Close", "Lane", "Drive", "Crescent", "Terrace", "Gardens", "Court", "Place", "Way", "Grove")
_COMMON = """Church Station High Park Victoria Green Manor Mill Chapel London
North South Queen King Albert School George Grange York New"""
_ELSEWHERE = (("Northby", "YO"), ("Castleham", "DE"), ("Southmere", "BN"), ("Wellbridge", "HR"), ("Easthaven", "NR"))
_FAITHS = ("Primary School", "St Mary's Primary School", "Community Primary School", "C of E Primary School", "Primary Academy")
_SECONDARIES = ("Academy", "High School", "Community College", "School")


class Place(msgspec.Struct, frozen=True):
    """One home."""

    line: str
    town: str
    postcode: str


class Schools(msgspec.Struct, frozen=True):
    """Where a family sends its children."""

    primary: str
    secondary: str


class Town:
    """Where people live: streets of some fifteen homes, each with a postcode of its own, in twelve districts of one postcode area."""

    def __init__(self, dice: random.Random, children: int) -> None:
        self.name, self.area = "Westhampton", "WS"
        surnames = import_module("faker.providers.person.en_GB").Provider.last_names
        names = [*_COMMON.split(), *surnames]
        self._streets = [self._street(dice, dice.choice(names), "Westhampton", "WS") for _ in range(max(50, children // 12))]
        self._streets += [self._street(dice, dice.choice(names), *dice.choice(_ELSEWHERE)) for _ in range(max(20, children // 60))]
        self._primary = [f"{dice.choice(names)} {dice.choice(_FAITHS)}" for _ in range(max(4, children // 450))]
        self._secondary = [f"{dice.choice(names)} {kind}" for kind in _SECONDARIES for _ in range(3)]

    @staticmethod
    def _street(dice: random.Random, name: str, town: str, area: str) -> Place:
        unit = dice.choice(_INWARD) + dice.choice(_INWARD)
        return Place(f"{name} {dice.choice(_KINDS)}", town, f"{area}{dice.randint(1, 12)} {dice.randint(1, 9)}{unit}")

    def place(self, dice: random.Random) -> Place:
        """Any home; in five one is a flat."""
        street, number = dice.choice(self._streets), dice.randint(1, 120)
        line = f"Flat {dice.randint(1, 24)}, {number} {street.line}" if dice.random() < 0.2 else f"{number} {street.line}"
        return Place(line, street.town, street.postcode)

    def schools_of(self, dice: random.Random) -> Schools:
        return Schools(dice.choice(self._primary), dice.choice(self._secondary))

    def school(self, dice: random.Random, family: Schools, born: date, today: date) -> str:
        """By age; siblings mostly go to one school, and the youngest to none."""
        age = (today - born).days / 365.25
        if age < 4.2:
            return ""
        primary = age < 11.5
        if dice.random() < 0.1:
            return dice.choice(self._primary if primary else self._secondary)
        return family.primary if primary else family.secondary

    def phone(self, dice: random.Random) -> str:
        return f"07{dice.randrange(10**9):09d}"
