"""How each agency wrote the same child down: other spellings, nicknames, missing postcodes, its own number.

Matching exists because of this module. Named children are written down with care, except where their story is the mistake.
"""

from __future__ import annotations

import random
from datetime import date

import msgspec

from connectors.simulated.families import World
from connectors.simulated.people import Child

AGENCIES = ("northshire-nhs", "hillview-school", "northshire-social-work", "northshire-police", "northshire-fire", "bairns-first")

#: Named children whose story is how they were written down: (agency, child) -> what differs.
_TOLD: dict[tuple[str, str], dict[str, str | None]] = {
    ("northshire-police", "jo"): {"given_name": "JO", "family_name": "ASH", "middle_names": None},
    ("northshire-police", "ruby"): {"family_name": "Doig", "former_family_name": None, "postcode": None},
    ("bairns-first", "ruby"): {"given_name": "Rubie"},
    ("northshire-police", "ella"): {"family_name": "Macleod Ross"},
    ("northshire-fire", "ella"): {"family_name": "McLeod", "given_name": "Ellie"},
    ("northshire-fire", "isla"): {"given_name": "Twin", "middle_names": None},
    ("northshire-fire", "ailsa"): {"given_name": "Twin", "middle_names": None},
    ("hillview-school", "aaron"): {"given_name": "Arron"},
    ("northshire-social-work", "leon"): {"birth_date": "2012-05-02"},
}


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One child as one agency wrote the child down. ``number`` is the agency's own and says nothing about the child."""

    child: Child
    number: int
    given_name: str
    family_name: str
    birth_date: str
    sex: str | None
    middle_names: str | None
    former_family_name: str | None
    known_as: str | None
    postcode: str | None


def versions(world: World, agency: str) -> tuple[Version, ...]:
    """Every child the agency knows, as it wrote the child down, in the order of its own numbers."""
    mentioned = _mentioned(world, agency)
    known = [child for child in world.children if _knows(agency, child, mentioned)]
    random.Random(f"{world.seed}/{agency}").shuffle(known)
    written = {child.id: _written(world.seed, agency, child, 1000 + 7 * place) for place, child in enumerate(known)}
    return tuple(written.values())


def by_child(world: World, agency: str) -> dict[str, Version]:
    """The agency's version of each child it knows, by the world's id."""
    return {version.child.id: version for version in versions(world, agency)}


def _knows(agency: str, child: Child, mentioned: set[str]) -> bool:
    if agency == "northshire-nhs":
        return True
    if agency == "hillview-school":
        return child.hillview
    return agency in child.shield_at or child.id in mentioned


def _mentioned(world: World, agency: str) -> set[str]:
    told = world.histories
    noted = {item.child for item in told.involved if item.agency == agency}
    noted |= {item.child for item in told.concerns if item.agency == agency}
    noted |= {item.child for item in told.warnings if item.agency == agency}
    if agency == "northshire-police":
        noted |= {report.child for report in told.reports}
    return noted | ({plan.child for plan in told.plans} if agency == "northshire-social-work" else set())


def _written(seed: int, agency: str, child: Child, number: int) -> Version:
    truth = Version(
        child=child, number=number, given_name=child.given_name, family_name=child.family_name, birth_date=child.birth_date.isoformat(),
        sex=child.sex, middle_names=child.middle_names, former_family_name=child.former_family_name, known_as=child.known_as,
        postcode=child.home.postcode,
    )  # fmt: skip
    if not child.id.startswith("f"):
        return msgspec.structs.replace(truth, **_TOLD.get((agency, child.id), {}))
    return _mistaken(random.Random(f"{seed}/{agency}/{child.id}"), agency, truth)


def _mistaken(rng: random.Random, agency: str, truth: Version) -> Version:
    """What a hurried clerk makes of it: one slip in about three records, none in the health service's names."""
    slips: dict[str, str | None] = {}
    if agency != "northshire-nhs" and truth.known_as and rng.random() < 0.5:
        slips["given_name"] = truth.known_as
    if "-" in truth.family_name and rng.random() < 0.5:
        slips["family_name"] = truth.family_name.replace("-", " ")
    elif agency != "northshire-nhs" and truth.family_name.startswith("Mac") and rng.random() < 0.4:
        slips["family_name"] = "Mc" + truth.family_name[3:]
    if rng.random() < 0.12:
        slips["postcode"] = None
    if agency in ("northshire-police", "northshire-fire") and rng.random() < 0.08:
        slips["birth_date"] = _swapped(truth.child.birth_date)
    if rng.random() < 0.3:
        slips["middle_names"] = None
    return msgspec.structs.replace(truth, **slips)


def _swapped(born: date) -> str:
    return born.replace(month=born.day, day=born.month).isoformat() if born.day <= 12 else born.isoformat()
