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
from connectors.simulated.named import NAMED_PERSON
from connectors.simulated.people import age_on
from connectors.simulated.versions import by_child

AGENCY = "hillview-school"
DDL = """
create table pupil (
  pupil_id integer primary key, scn text, chi text, previous_upn text, forename text, middle_names text, surname text, known_as text,
  previous_surname text, dob date, gender text, house text, town text, postcode text, stage text, left_on date,
  workers text);
create table contact (pupil_id integer, name text, relation text, phone text);
create table staff_link (
  link_id text primary key, pupil_id integer, staff_role text, staff_name text, phone text, base text, from_day date, to_day date);
create table attendance_month (
  row_id text primary key, pupil_id integer, month date, openings integer, present integer, authorised integer, unauthorised integer,
  late integer);
create table pastoral_note (
  note_id text primary key, pupil_id integer, noted_on date, code text, body text, strengths text, pupil_view text, action_taken text,
  prompts text, urgency text, author text, read_for_others boolean, family_told text, destroy_after date, void boolean);
create table exclusion (
  excl_id text primary key, pupil_id integer, from_day date, to_day date, kind text, reasons text, incident text, openings integer,
  return_code text, meeting_on date, pupil_heard boolean, pupil_view text, parent_view text, appeal text, work_sent boolean,
  read_for_others boolean);
create table pupil_voice (
  voice_id text primary key, pupil_id integer, said_on date, about text, words text, asks text, mood text, how text, spot text, room text,
  alone boolean, with_whom text, keep_from text, prompts text, outcome text, listener text, read_back boolean, read_for_others boolean);
create index on pupil (scn); create index on pupil (chi); create index on pupil (dob);
create index on pastoral_note (pupil_id); create index on attendance_month (pupil_id); create index on staff_link (pupil_id);
create index on exclusion (pupil_id); create index on pupil_voice (pupil_id);
"""
Rows = list[tuple[Any, ...]]


def tables(world: World, issuer: str) -> dict[str, Rows]:
    """Every row of every table, by table; ``issuer`` is the identity provider by which a pupil's workers are named."""
    return {
        "pupil": _pupils(world, issuer), "contact": _contacts(world), "staff_link": _staff(world), "attendance_month": _attendance(world),
        "pastoral_note": _notes(world), "exclusion": _exclusions(world), "pupil_voice": _voices(world),
    }  # fmt: skip


async def load(world: World, url: str, issuer: str) -> None:
    """Create the tables in the database at ``url`` (postgresql://...) and fill them, in one transaction."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(DDL)
            for table, rows in tables(world, issuer).items():
                await connection.copy_records_to_table(table, records=rows)
        await connection.execute("analyze")
    finally:
        await connection.close()


def _pupils(world: World, issuer: str) -> Rows:
    rows: Rows = []
    # One named person for every pupil of the school.
    workers = json.dumps([f"{issuer}|{NAMED_PERSON}"])
    for version in by_child(world, AGENCY).values():
        child, home = version.child, version.child.home
        born = date.fromisoformat(version.birth_date)
        rows.append((
            version.number, child.scn, child.chi, child.upn, version.given_name, version.middle_names, version.family_name,
            version.known_as, version.former_family_name, born, version.sex, home.line, home.town, version.postcode, _stage(born), None,
            workers,
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


_KINDS = {"temporary": "TEX", "part": "PTD", "removed": "RFR"}
_REASONS = {
    "disobedience": "GPD", "disruption": "DIS", "staff-abuse": "VAS", "pupil-abuse": "VAP", "pupil-assault": "PAP", "staff-assault": "PAS",
    "fight": "FGT", "damage": "DMG", "substances": "SUB", "phone": "PHN",
}  # fmt: skip
_BACK = {"not-yet": "N", "back": "R", "support": "RS", "part-time": "RP", "elsewhere": "E"}


def _exclusions(world: World) -> Rows:
    known = by_child(world, AGENCY)
    mine = [item for item in world.histories.exclusions if item.child in known]
    return [
        (f"EX{place:05}", known[item.child].number, item.start, item.end, _KINDS[item.kind],
         json.dumps([_REASONS[word] for word in item.reasons]), item.text, item.openings, _BACK[item.back], item.meeting, item.heard,
         item.child_says, item.parents_say, item.appeal, item.work_sent, item.checked)
        for place, item in enumerate(mine, 1)
    ]  # fmt: skip


def _voices(world: World) -> Rows:
    known = by_child(world, AGENCY)
    mine = [item for item in world.histories.sayings if item.agency == AGENCY and item.child in known]
    return [
        (f"PV{place:05}", known[item.child].number, item.on, item.topic, item.words, item.wants, item.feels, item.means, item.setting,
         item.place, item.alone, json.dumps(item.others), json.dumps(item.not_to_tell),
         json.dumps([word.lower() for word in item.indicators]), item.action, item.by, item.agreed, item.checked)
        for place, item in enumerate(mine, 1)
    ]  # fmt: skip
