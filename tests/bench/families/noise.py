"""An agency's records: what it wrote down about a child, how long ago, and how often that is wrong or missing."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import msgspec

from tests.bench.families.population import TODAY, YEAR, Child
from tests.bench.families.wrong import Wrong, slip, wrong_date, wrong_family, wrong_given, wrong_line, wrong_number, wrong_postcode


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """How good an agency's file is. ``missing_names`` and ``missing_dates`` are how often the given name and the rest of the names lack."""

    wrong: float = 0.08
    missing: float = 0.10
    missing_given: float = 0.005
    missing_core: float = 0.0
    moved: float = 0.15
    swapped: float = 0.02
    duplicate: float = 0.03
    absent: float = 0.15
    garbled: float = 0.01
    written: float = 4.0

    def doubled(self) -> Rates:
        """The same file, kept half as well."""
        twice = {
            name: 2 * getattr(self, name)
            for name in ("wrong", "missing", "missing_given", "missing_core", "moved", "swapped", "duplicate", "garbled")
        }
        return msgspec.structs.replace(self, **twice)

    def strict(self) -> Rates:
        """A file that may lack names and birth date as often as anything else."""
        return msgspec.structs.replace(self, missing_given=self.missing, missing_core=self.missing)


class Written(msgspec.Struct, frozen=True):
    """An agency's record as it would be sent, whose it truly is, and what is wrong with it."""

    id: str
    child: int
    fields: dict[str, Any]
    errors: tuple[str, ...]


def write(child: Child, id: str, rates: Rates, dice: random.Random) -> Written:
    """A record of the child with everything an agency may hold, written down some time within the last years and not looked at since."""
    on = TODAY - timedelta(days=int(dice.random() * min(rates.written * YEAR, (TODAY - child.born).days)))
    errors: list[str] = []
    garbled = set(dice.sample(("given_name", "family_name", "birth_date", "postcode"), 2)) if dice.random() < rates.garbled else set()
    if garbled:
        errors.append("garbled")
    fields = _who(child, on, rates, garbled, errors, dice)
    if dice.random() < rates.swapped and "given_name" in fields and "family_name" in fields:
        fields["given_name"], fields["family_name"] = fields["family_name"], fields["given_name"]
        errors.append("swapped")
    fields["addresses"] = _addresses(child, on, rates, garbled, errors, dice)
    _number(child, fields, rates, errors, dice)
    _more(child, on, fields, rates, errors, dice)
    return Written(id, child.key, fields, tuple(errors))


def _who(child: Child, on: date, rates: Rates, garbled: set[str], errors: list[str], dice: random.Random) -> dict[str, Any]:
    """Names, birth date and sex."""
    infant = (on - child.born).days < 120
    values: tuple[tuple[str, str, float, Callable[[], Wrong]], ...] = (
        ("given_name", child.given, rates.missing_given, lambda: wrong_given(child, dice, infant=infant)),
        ("family_name", child.family, rates.missing_core, lambda: wrong_family(child, dice)),
        ("birth_date", child.born.isoformat(), rates.missing_core, lambda: wrong_date(child.born, dice)),
        ("sex", child.sex, rates.missing, lambda: ({"male": "female", "female": "male"}[child.sex], "sex")),
    )
    fields = {
        name: noised(name, value, missing, rates.wrong, wrong, errors, dice, name in garbled) for name, value, missing, wrong in values
    }
    return {name: value for name, value in fields.items() if value}


def noised(
    name: str,
    value: str,
    missing: float,
    rate: float,
    wrong: Callable[[], Wrong],
    errors: list[str],
    dice: random.Random,
    surely: bool = False,
) -> str | None:
    """The value, nothing, or something wrong; what became of it is added to the errors."""
    if not surely and dice.random() < missing:
        errors.append(f"missing {name}")
        return None
    if surely or dice.random() < rate:
        changed = wrong()
        if changed and changed[0] != value:
            errors.append(f"{name}: {changed[1]}")
            return changed[0]
    return value


def _addresses(child: Child, on: date, rates: Rates, garbled: set[str], errors: list[str], dice: random.Random) -> list[dict[str, str]]:
    """The homes known on the day of writing, the latest last. Where an agency's file is worse than the town moves, it is older still."""
    known = [stay for stay in child.stays if stay.since <= on] or [child.stays[0]]
    years = (TODAY - on).days / YEAR
    if len(known) > 1 and dice.random() < 1 - (1 - max(0.0, rates.moved - 0.15)) ** years:
        known.pop()
    if known[-1].until is not None:
        errors.append("moved")
    addresses = []
    for stay in known:
        mine = errors if stay is known[-1] else []
        fields = {
            "line": noised("line", stay.place.line, rates.missing, rates.wrong, lambda stay=stay: wrong_line(stay.place.line, dice), mine, dice),
            "town": noised("town", stay.place.town, rates.missing, rates.wrong, lambda stay=stay: (slip(stay.place.town, dice) or "", "slip"), mine, dice),
            "postcode": noised("postcode", stay.place.postcode, rates.missing, rates.wrong, lambda stay=stay: wrong_postcode(stay.place.postcode, dice), mine, dice, "postcode" in garbled and stay is known[-1]),
            "from": stay.since.isoformat() if stay.since > child.born else None,
            "to": stay.until.isoformat() if stay.until and stay is not known[-1] else None,
        }  # fmt: skip
        addresses.append({name: value for name, value in fields.items() if value})
    return addresses


def _number(child: Child, fields: dict[str, Any], rates: Rates, errors: list[str], dice: random.Random) -> None:
    """Sixty records of a hundred bear the number."""
    if dice.random() < 0.6:
        number = noised("nhs_number", child.nhs, 0, rates.wrong, lambda: wrong_number(child.nhs, dice), errors, dice)
        fields["identifiers"] = [{"system": "nhs_number", "value": number}]


def _more(child: Child, on: date, fields: dict[str, Any], rates: Rates, errors: list[str], dice: random.Random) -> None:
    """Middle names, phones, school and parents, as agencies have them. Their errors are too many to tell apart."""
    unsaid: list[str] = []
    held = dice.random
    if child.middles and held() < 0.7:
        middles = " ".join(child.middles)
        fields["middle_names"] = noised(
            "middle_names", middles, 0, rates.wrong, lambda: (slip(middles, dice) or middles[0], "slip"), unsaid, dice
        )
    if child.former and held() < 0.5 and fields.get("family_name") != child.former:
        fields["former_family_name"] = child.former
    if held() < 0.8:
        # A phone is given up about as often as a home.
        stale = held() < (1 - (1 - rates.moved) ** ((TODAY - on).days / YEAR)) / 2
        fields["phones"] = [f"07{dice.randrange(10**9):09d}"] if stale or held() < rates.wrong else [dice.choice(child.phones)]
    if child.school and held() < 0.85:
        fields["school"] = f"{child.school.split()[0]} Nursery" if held() < 0.5 * (TODAY - on).days / (7 * YEAR) else child.school
    if held() < 0.75:
        parents = list(child.parents) if held() < 0.5 else [child.parents[0] if held() < 0.8 else child.parents[1]]
        fields["parents"] = [
            noised("parents", name, 0, rates.wrong, lambda name=name: (slip(name, dice) or name, "slip"), unsaid, dice) for name in parents
        ]
