"""Hillview School's management information system: a PostgreSQL database with its own tables and codes.

The tables look as such a system's do: one row per pupil, contacts beside it, attendance counted by month, pastoral notes with
a local code. Nothing here is named as the data standard names it; ``deploy/demo/sources/hillview-mis.toml`` does that.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import asyncpg

from connectors.simulated.families import AS_OF, World
from connectors.simulated.people import age_on
from connectors.simulated.versions import by_child

AGENCY = "hillview-school"
DDL = """
create table pupil (
  pupil_id integer primary key, scn text, chi text, previous_upn text, forename text, middle_names text, surname text, known_as text,
  previous_surname text, dob date, gender text, house text, town text, postcode text, stage text, left_on date);
create table contact (pupil_id integer, name text, relation text, phone text);
create table staff_link (
  link_id text primary key, pupil_id integer, staff_role text, staff_name text, phone text, base text, from_day date, to_day date);
create table attendance_month (
  row_id text primary key, pupil_id integer, month date, openings integer, present integer, authorised integer, unauthorised integer,
  late integer);
create table pastoral_note (
  note_id text primary key, pupil_id integer, noted_on date, code text, body text, strengths text, pupil_view text, action_taken text,
  prompts text, urgency text, author text, read_for_others boolean, family_told text, destroy_after date, void boolean);
create index on pupil (scn); create index on pupil (chi); create index on pupil (dob);
create index on pastoral_note (pupil_id); create index on attendance_month (pupil_id); create index on staff_link (pupil_id);
"""
Rows = list[tuple[Any, ...]]


def tables(world: World) -> dict[str, Rows]:
    """Every row of every table, by table."""
    return {
        "pupil": _pupils(world), "contact": _contacts(world), "staff_link": _staff(world), "attendance_month": _attendance(world),
        "pastoral_note": _notes(world),
    }  # fmt: skip


async def load(world: World, url: str) -> None:
    """Create the tables in the database at ``url`` (postgresql://...) and fill them, in one transaction."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(DDL)
            for table, rows in tables(world).items():
                await connection.copy_records_to_table(table, records=rows)
        await connection.execute("analyze")
    finally:
        await connection.close()


def _pupils(world: World) -> Rows:
    rows: Rows = []
    for version in by_child(world, AGENCY).values():
        child, home = version.child, version.child.home
        born = date.fromisoformat(version.birth_date)
        rows.append((
            version.number, child.scn, child.chi, child.upn, version.given_name, version.middle_names, version.family_name,
            version.known_as, version.former_family_name, born, version.sex, home.line, home.town, version.postcode, _stage(born), None,
        ))  # fmt: skip
    return rows


def _stage(born: date) -> str:
    year = age_on(born, date(AS_OF.year, 8, 15)) - 4
    return f"P{max(year, 1)}" if year <= 7 else f"S{min(year - 7, 6)}"


def _contacts(world: World) -> Rows:
    known = by_child(world, AGENCY)
    return [
        (known[child.id].number, f"{adult.given_name} {adult.family_name}", adult.relation, adult.phone)
        for family in world.families for child in family.children if child.id in known for adult in family.adults
    ]  # fmt: skip


def _staff(world: World) -> Rows:
    known = by_child(world, AGENCY)
    mine = [item for item in world.histories.involved if item.agency == AGENCY and item.child in known]
    return [
        (f"SL{place:05}", known[item.child].number, _ROLES[item.role], item.worker, item.phone, item.team, item.since, item.until)
        for place, item in enumerate(mine, 1)
    ]


_ROLES = {"Named person": "NP", "Guidance teacher": "GUID"}


def _attendance(world: World) -> Rows:
    known = by_child(world, AGENCY)
    mine = [item for item in world.histories.absences if item.child in known]
    return [
        (f"AM{place:05}", known[item.child].number, item.month, item.possible, item.attended, item.authorised, item.unauthorised, item.late)
        for place, item in enumerate(mine, 1)
    ]


def _notes(world: World) -> Rows:
    known = by_child(world, AGENCY)
    mine = [item for item in world.histories.concerns if item.agency == AGENCY and item.child in known]
    return [
        (f"PN{place:05}", known[item.child].number, item.on, item.category, item.seen, item.strengths, item.child_says, item.action,
         json.dumps([word.lower() for word in item.indicators]), item.urgent, item.by, item.checked, item.told, item.keep_until, item.void)
        for place, item in enumerate(mine, 1)
    ]  # fmt: skip
