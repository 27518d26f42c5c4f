"""Northshire social work's case system: one SQLite file, as an export of an older system is.

Social work holds the shields. ``cleared`` lists the named people to whom a child's shield does not apply, as ``issuer|person``.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from connectors.simulated.families import World
from connectors.simulated.versions import by_child

AGENCY = "northshire-social-work"
DDL = """
create table client (
  client_no integer primary key, chi text, nhs_no text, first_name text, other_names text, last_name text, previous_name text, born text,
  sex text, address text, town text, post_code text, protect text, cleared text);
create table allocation (
  alloc_no text primary key, client_no integer, team text, service text, worker text, worker_role text, tel text, opened text, closed text);
create table case_note (
  note_no text primary key, client_no integer, dated text, type_code text, narrative text, strengths text, child_view text, action text,
  shanarri text, opinion integer, third_party_read integer, informed text, keep_until text, cancelled integer);
create table plan (
  plan_no text primary key, client_no integer, opened text, review text, reason text, needs text, outcome text, lead text,
  child_view text, parent_view text, agreed integer, actions text);
create table warning (
  warn_no text primary key, client_no integer, code text, text text, order_name text, hide_place integer, from_date text, to_date text,
  authority text, tel text, cancelled integer);
create index client_chi on client (chi); create index client_born on client (born);
"""
_SHIELDS = {"LOCATION": "L", "IDENTITY": "X"}
_SHANARRI = {
    "Safe": "S", "Healthy": "H", "Achieving": "A1", "Nurtured": "N", "Active": "A2", "Respected": "R1", "Responsible": "R2",
    "Included": "I",
}  # fmt: skip
_STEPS = {"open": "O", "done": "C", "late": "OD"}
Rows = list[tuple[Any, ...]]


def tables(world: World, issuer: str) -> dict[str, Rows]:
    """Every row of every table; ``issuer`` is the identity provider by which cleared people are named."""
    return {
        "client": _clients(world, issuer), "allocation": _allocations(world), "case_note": _notes(world), "plan": _plans(world),
        "warning": _warnings(world),
    }  # fmt: skip


def write(world: World, file: Path, issuer: str) -> None:
    """Write the database anew; it appears whole or not at all."""
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    database = sqlite3.connect(draft)
    with database:
        database.executescript(DDL)
        for table, rows in tables(world, issuer).items():
            if rows:
                database.executemany(f"insert into {table} values ({', '.join('?' * len(rows[0]))})", rows)
    database.close()
    draft.replace(file)


def _clients(world: World, issuer: str) -> Rows:
    rows: Rows = []
    for version in by_child(world, AGENCY).values():
        child = version.child
        protect = _SHIELDS[child.shield] if child.shield and AGENCY in child.shield_at else None
        cleared = json.dumps([f"{issuer}|{person}" for person in child.cleared]) if protect else None
        rows.append((
            version.number, child.chi, child.nhs_number, version.given_name, version.middle_names, version.family_name,
            version.former_family_name,
            version.birth_date, version.sex, child.home.line, child.home.town, version.postcode, protect, cleared,
        ))  # fmt: skip
    return rows


def _allocations(world: World) -> Rows:
    known = by_child(world, AGENCY)
    mine = [item for item in world.histories.involved if item.agency == AGENCY]
    return [
        (f"AL{place:05}", known[item.child].number, item.team, item.service, item.worker, "SW", item.phone, item.since.isoformat(),
         item.until.isoformat() if item.until else None)
        for place, item in enumerate(mine, 1)
    ]  # fmt: skip


def _notes(world: World) -> Rows:
    known = by_child(world, AGENCY)
    mine = [item for item in world.histories.concerns if item.agency == AGENCY]
    return [
        (f"CN{place:05}", known[item.child].number, item.on.isoformat(), item.category, item.seen, item.strengths, item.child_says,
        item.action,
         json.dumps([_SHANARRI[word] for word in item.indicators]), int(item.opinion), int(item.checked), item.told[0].upper(),
         item.keep_until.isoformat() if item.keep_until else None, int(item.void))
        for place, item in enumerate(mine, 1)
    ]  # fmt: skip


def _plans(world: World) -> Rows:
    known = by_child(world, AGENCY)
    rows: Rows = []
    for place, plan in enumerate(world.histories.plans, 1):
        actions = [{"what": step.what, "who": step.who, "due": step.by.isoformat(), "st": _STEPS[step.state]} for step in plan.steps]
        rows.append((
            f"PL{place:05}", known[plan.child].number, plan.opened.isoformat(), plan.review.isoformat(), plan.reason, plan.needs,
            plan.outcome, plan.lead,
            plan.child_says, plan.parents_say, int(plan.agreed), json.dumps(actions),
        ))  # fmt: skip
    return rows


def _warnings(world: World) -> Rows:
    known = by_child(world, AGENCY)
    mine = [item for item in world.histories.warnings if item.agency == AGENCY]
    return [
        (f"WN{place:05}", known[item.child].number, item.category, item.words, item.order, int(item.forbids_place), item.since.isoformat(),
         item.until.isoformat() if item.until else None, item.authority, item.phone, int(item.void))
        for place, item in enumerate(mine, 1)
    ]  # fmt: skip
