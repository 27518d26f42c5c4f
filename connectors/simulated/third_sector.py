"""Bairns First, a charity: a folder of CSV files exported every night from a spreadsheet. No login, no server."""

from __future__ import annotations

import csv
from pathlib import Path

from connectors.simulated.families import World
from connectors.simulated.versions import by_child

AGENCY = "bairns-first"
Table = list[dict[str, str]]


def tables(world: World) -> dict[str, Table]:
    """Every row of every file, by file name; an empty cell is an empty string."""
    return {"children": _children(world), "groups": _groups(world), "notes": _notes(world)}


def write(world: World, folder: Path) -> None:
    """Write the files into ``folder``, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables(world).items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def _reference(number: int) -> str:
    return f"BF{number:05}"


def _children(world: World) -> Table:
    return [
        {
            "Ref": _reference(version.number), "First name": version.given_name, "Surname": version.family_name, "DOB": version.birth_date,
            "Sex": version.sex or "", "Postcode": version.postcode or "", "CHI": version.child.chi if version.number % 2 else "",
        }
        for version in by_child(world, AGENCY).values()
    ]  # fmt: skip


def _groups(world: World) -> Table:
    known = by_child(world, AGENCY)
    mine = [item for item in world.histories.involved if item.agency == AGENCY]
    return [
        {
            "Row": f"G{place:04}", "Ref": _reference(known[item.child].number), "Group": item.service, "Where": item.team,
            "Worker": item.worker,
            "Role": item.role, "Phone": item.phone, "Joined": item.since.isoformat(), "Left": item.until.isoformat() if item.until else "",
        }
        for place, item in enumerate(mine, 1)
    ]  # fmt: skip


def _notes(world: World) -> Table:
    known = by_child(world, AGENCY)
    mine = [item for item in world.histories.concerns if item.agency == AGENCY]
    return [
        {
            "Row": f"N{place:04}", "Ref": _reference(known[item.child].number), "Date": item.on.isoformat(), "Code": item.category,
            "Note": item.seen,
            "Going well": item.strengths or "", "In their words": item.child_says or "", "Done": item.action or "",
            "Indicators": ",".join(item.indicators), "Checked": "Y" if item.checked else "N", "Family told": item.told,
        }
        for place, item in enumerate(mine, 1)
    ]  # fmt: skip
