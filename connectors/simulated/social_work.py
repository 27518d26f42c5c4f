"""Northshire social work's case system: one SQLite file, as an export of an older system is.

Social work holds the shields. ``cleared`` lists the named people to whom a child's shield does not apply, as ``issuer|person``, and
``workers`` those who work with the child now.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from connectors.simulated.families import World
from connectors.simulated.happenings import Kin
from connectors.simulated.named import SIGN_IN, STAYED_WITH
from connectors.simulated.people import Adult, Child
from connectors.simulated.versions import by_child

AGENCY = "northshire-social-work"
DDL = """
create table client (
  client_no integer primary key, chi text, nhs_no text, first_name text, other_names text, last_name text, previous_name text, born text,
  sex text, address text, town text, post_code text, workers text, protect text, cleared text);
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
create table chronology (
  entry_no text primary key, client_no integer, at text, until text, kind text, event text, meaning text, effect text, action text,
  child_view text, shanarri text, adults text, restricted integer, third_party_read integer, cancelled integer);
create table household (
  kin_no text primary key, client_no integer, rel text, name text, lives text, day_to_day integer, prr text, prr_basis text, prr_seen text,
  since text, until text);
create table child_view (
  view_no text primary key, client_no integer, dated text, subject text, said text, wishes text, feelings text, method text, setting text,
  venue text, seen_alone integer, present text, not_to_tell text, shanarri text, result text, worker_role text, read_back integer,
  third_party_read integer);
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
        "warning": _warnings(world), "chronology": _chronology(world), "household": _households(world), "child_view": _views(world),
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
            version.birth_date, version.sex, child.home.line, child.home.town, version.postcode, _workers(world, child.id, issuer),
            protect, cleared,
        ))  # fmt: skip
    return rows


def _workers(world: World, child: str, issuer: str) -> str | None:
    """Who works with a client now and can sign in: those it is allocated to, and who stayed with the family."""
    mine = (item for item in world.histories.involved if item.child == child and item.agency == AGENCY and item.until is None)
    people = dict.fromkeys([*(SIGN_IN[item.worker] for item in mine if item.worker in SIGN_IN), *STAYED_WITH.get(child, ())])
    return json.dumps([f"{issuer}|{person}" for person in people]) if people else None


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


_ENTRIES = {
    "family": "C01", "home": "C02", "care": "C03", "money": "C04", "health": "C05", "school": "C06", "harm": "C07", "home-violence": "C08",
    "missing": "C09", "police": "C10", "legal": "C11", "not-seen": "C12", "meeting": "C13", "service": "C14", "support": "C15",
    "achievement": "C16",
}  # fmt: skip
_RELATIONS = {
    "mother": "M", "father": "F", "step-parent": "SP", "partner": "PX", "grandparent": "GP", "adult-sibling": "AS", "foster-carer": "FC",
    "kinship-carer": "KC", "sibling": "SB", "half-sibling": "HS",
}  # fmt: skip


def _chronology(world: World) -> Rows:
    known = by_child(world, AGENCY)
    mine = [item for item in world.histories.milestones if item.child in known]
    return [
        (f"CE{place:05}", known[item.child].number, item.on, item.until, _ENTRIES[item.category], item.text, item.meaning, item.impact,
         item.action, item.child_says, json.dumps([_SHANARRI[word] for word in item.indicators]),
         json.dumps([_RELATIONS[word] for word in item.adults]), int(item.restricted), int(item.checked), int(item.void))
        for place, item in enumerate(mine, 1)
    ]  # fmt: skip


def _households(world: World) -> Rows:
    """The people of every client's family: those told of by name, and those of the world's family whom they do not stand for."""
    known = by_child(world, AGENCY)
    told = world.histories.kin
    listed = [kin for family in world.families for child in family.children if child.id in known
              for kin in _around(child, family.adults, family.children, [each for each in told if each.child == child.id])]  # fmt: skip
    return [
        (f"KN{place:05}", known[kin.child].number, _RELATIONS[kin.relation], kin.name, kin.lives_with, int(kin.looks_after),
         kin.responsibility, kin.rests_on, kin.seen.isoformat() if kin.seen else None, kin.since, kin.until)
        for place, kin in enumerate(listed, 1)
    ]  # fmt: skip


def _around(child: Child, adults: tuple[Adult, ...], children: tuple[Child, ...], told: list[Kin]) -> list[Kin]:
    apart = {kin.relation for kin in told}
    basis = {"mother": "birth", "father": "certificate"}
    parents = [
        Kin(child=child.id, relation=adult.relation, name=f"{adult.given_name} {adult.family_name}", lives_with="yes", responsibility="yes",
            rests_on=basis[adult.relation], looks_after=True)
        for adult in adults if adult.relation not in apart
    ]  # fmt: skip
    siblings = [
        Kin(child=child.id, relation="sibling", name=f"{other.given_name} {other.family_name}", lives_with="yes", responsibility="no")
        for other in children if other is not child
    ]  # fmt: skip
    return [*parents, *told, *siblings]


def _views(world: World) -> Rows:
    known = by_child(world, AGENCY)
    mine = [item for item in world.histories.sayings if item.agency == AGENCY and item.child in known]
    return [
        (f"VW{place:05}", known[item.child].number, item.on.isoformat(), item.topic, item.words, item.wants, item.feels, item.means,
         item.setting, item.place, int(item.alone), json.dumps([_RELATIONS[word] for word in item.others]),
         json.dumps([_RELATIONS[word] for word in item.not_to_tell]), json.dumps([_SHANARRI[word] for word in item.indicators]),
         item.action, item.by, int(item.agreed), int(item.checked))
        for place, item in enumerate(mine, 1)
    ]  # fmt: skip
