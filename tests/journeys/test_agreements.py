"""Agreements at work over HTTP: every yes and every no cites a clause, a partner's suspension acts at once, nobody widens alone."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from connectors import Subject
from connectors.errors import ConfigurationError
from portal.agreements import as_day
from portal.agreements.suspending import suspend
from portal.agreements.suspensions import suspension_file
from portal.decisions import WORDS, decide
from portal.demo import FEDERATION, PERSONAS, RunningDemo
from portal.demo.sign import KEY_ID, partner_key, sign_all
from portal.federation import load_federation
from portal.model import Breaking, Circumstances, Entry, Plan, PlannedAsk, Practitioner, Question, Ruling
from tests.journeys.northshire import Northshire, serving, standard, typed

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PURPOSES = ("child-protection", "early-help", "audit")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A federation folder of one's own, to edit."""
    copy = tmp_path / "federation"
    shutil.copytree(FEDERATION, copy)
    return copy


@pytest_asyncio.fixture
async def own(demo: RunningDemo, folder: Path, tmp_path: Path) -> AsyncIterator[Northshire]:
    """A portal over that folder."""
    async with serving(demo, tmp_path / "state", load_federation(folder, standard())) as northshire:
        yield northshire


def concern_of_police(answered: Any) -> str:
    return answered.kinds["northshire-police", "WellbeingConcern"]


async def test_a_partners_suspension_releases_nothing_a_second_later_and_nobody_else_lifts_it(own: Northshire, folder: Path) -> None:
    jo = typed(own.child("jo"))
    assert concern_of_police(await own.ask("morag", jo)) == "ANSWERED"
    vocabulary = own.portal.agreements.vocabulary
    await asyncio.to_thread(
        suspend, folder / "agreements", vocabulary, agreement="ISA-07", partner="northshire-nhs", key_id=KEY_ID,
        private_key=partner_key("northshire-nhs"), words="A note went astray.", at=datetime.now(UTC),
    )  # fmt: skip
    await asyncio.sleep(1)
    stopped = await own.ask("morag", jo)
    assert concern_of_police(stopped) == "NOT_PERMITTED"
    (police,) = [source for source in stopped.view["sources"] if source["source"] == "northshire-police"]
    assert [kind["reason"] for kind in police["kinds"] if kind["kind"] == "WellbeingConcern"] == ["suspended"]
    suspension_file(folder / "agreements", "ISA-07").unlink()
    await asyncio.sleep(1)
    assert concern_of_police(await own.ask("morag", jo)) == "NOT_PERMITTED", "the operator cannot lift it"


async def test_an_edited_agreement_that_nobody_signed_changes_nothing_and_is_reported(own: Northshire, folder: Path) -> None:
    jo = typed(own.child("jo"))
    before = (await own.ask("tom", jo)).states
    path = folder / "agreements" / "isa-07.md"
    path.write_text(path.read_text().replace('roles = ["named_person"]', 'roles = ["named_person", "class_teacher"]'))
    await asyncio.sleep(1)
    assert (await own.ask("tom", jo)).states == before
    async with own.session.get(f"{own.url}/readyz") as answer:
        ready = await answer.json()
    assert ready["ready"]
    assert ready["agreements"] == "refused"


async def test_a_version_that_all_have_signed_comes_into_force_without_a_restart(own: Northshire, folder: Path) -> None:
    jo = typed(own.child("jo"))
    assert concern_of_police(await own.ask("tom", jo)) == "NOT_PERMITTED"
    path = folder / "agreements" / "isa-07.md"
    version = next(line for line in path.read_text().splitlines() if line.startswith("version = "))
    text = path.read_text().replace(version, f"version = {int(version.split('=')[1]) + 1}")
    path.write_text(text.replace('roles = ["named_person"]', 'roles = ["named_person", "class_teacher"]'))
    await asyncio.to_thread(sign_all, folder)
    await asyncio.sleep(1)
    answered = await own.ask("tom", jo)
    assert concern_of_police(answered) == "ANSWERED"
    intent = [event for event in own.events() if event["type"] == "intent"][-1]
    assert f"ISA-07@{int(version.split('=')[1]) + 1}" in intent["agreements"]


# Every yes and every no


def people(issuer: str) -> Iterator[Practitioner]:
    for persona in PERSONAS.values():
        levels = ("aal1", "aal2", "aal3")
        assured = levels[: levels.index(persona.assurance) + 1]
        yield Practitioner(
            issuer=issuer, person=persona.id, agency=persona.agency, roles=persona.roles, assurance=persona.assurance, assured=assured
        )


def question(purpose: str) -> Question:
    return Question(
        subject=Subject(birth_date="2014-02-03"), purpose=purpose, reason="A reason.", wanted={}, sections=frozenset(), chronology=False,
        demographics=False, document="", informed="YES",
    )  # fmt: skip


@pytest.mark.parametrize(
    "glass", [None, Breaking(id="b", reason="immediate-danger", at=NOW, until=NOW)], ids=["glass-whole", "glass-broken"]
)
def test_every_field_released_has_one_permitting_clause_and_every_no_a_code_and_a_nearest_clause(demo: RunningDemo, glass: Any) -> None:
    """All personas, purposes, sources and kinds of the demonstration. Consent is in force for all, so that every clause is met."""
    federation = load_federation(FEDERATION, standard())
    rules, kinds = federation.agreements.rules, standard().kinds
    asks = tuple(
        PlannedAsk(source=id, kind=kind, fields=frozenset(kinds[kind].fields))
        for id, declared in sorted(federation.declared.items())
        for kind in sorted(declared.connector.provided())
    )
    consents = tuple(
        Entry(id=key, version=1, what="consent", state="given", agreement=term.agreement, clause=term.number, party="YOUNG_PERSON", at=NOW,
              told=term.told[term.number])
        for term in rules.terms if term.number for key in [f"{term.agreement}-{term.number}"]
    )  # fmt: skip
    known = Circumstances(births=("2014-02-03",), unfound=False, recorded=consents, breaking=glass)
    seen: set[tuple[str, str]] = set()
    for who, purpose in product(people(demo.issuer), PURPOSES):
        plan = Plan(question=question(purpose), purpose=purpose, asks=asks, unfindable=frozenset())
        decision = decide(plan, who, rules, NOW, known)
        assert len(decision.rulings) == len(asks)
        for ruling in decision.rulings:
            seen.add((purpose, ruling.reason or "yes"))
            (_check_yes if ruling.permitted else _check_no)(ruling, who, purpose, rules)
    assert {reason for _, reason in seen} >= {"yes", "no-clause", "purpose", "role", "denied-by"}
    assert ("child-protection", "break-glass") in seen or glass


def _check_yes(ruling: Ruling, who: Practitioner, purpose: str, rules: Any) -> None:
    """Its clause, and no other, gives every field: signed for one of the asker's roles, in force, and refused by nobody."""
    cited = [term for term in rules.about(ruling.source, ruling.kind) if term.clause == ruling.clause and not term.refuses]
    (term,) = cited
    assert term.state(as_day(NOW)) == "in-force"
    given = frozenset().union(*(term.granted.get((who.agency, role, purpose), frozenset()) for role in who.roles))
    assert ruling.fields <= given
    assert (ruling.reason, ruling.nearest) == (None, None)
    refusing = [each for each in rules.about(ruling.source, ruling.kind) if each.refuses and purpose in each.purposes]
    refused = [each for each in refusing if who.agency in each.to and each.roles & set(who.roles)]
    assert all(ruling.fields.isdisjoint(each.fields) and "*" not in each.fields for each in refused)


def _check_no(ruling: Ruling, who: Practitioner, purpose: str, rules: Any) -> None:
    assert ruling.reason in {*WORDS, "ages", "relationship", "objection", "consent", "voucher-silent"}
    assert ruling.fields == frozenset()
    about = rules.about(ruling.source, ruling.kind)
    assert (ruling.nearest is None) == (not about), "a clause came nearest wherever one is about this kind at this source"
    assert ruling.nearest is None or ruling.nearest in {term.clause for term in about}


async def test_explaining_agrees_with_what_was_decided(northshire: Northshire) -> None:
    """What `explain` says of Morag, for a purpose, is what stands in the intent of her question: clause by clause, field by field."""
    await northshire.ask("morag", typed(northshire.child("jo")), reason="A reason.", informed="YES")
    intent = [event for event in northshire.events() if event["type"] == "intent"][-1]
    query = 'query { explain(purpose: "child-protection") { source kind field permitted clause reason nearest } }'
    lines = (await northshire.post({"query": query}, token=northshire.demo.token("morag"))).body["data"]["explain"]
    for ruling in intent["rulings"]:
        mine = [line for line in lines if (line["source"], line["kind"]) == (ruling["source"], ruling["kind"])]
        if ruling["permit"]:
            assert {line["field"] for line in mine if line["permitted"]} >= set(ruling["fields"])
            assert {line["clause"] for line in mine if line["permitted"]} == {ruling["clause"]}
        else:
            assert [(line["reason"], line["nearest"]) for line in mine] == [(ruling["reason"], ruling.get("nearest"))]


# Nobody widens alone


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        pytest.param("federation.toml", '"privacy_officer"]', '"privacy_officer", "class_teacher"]', id="nothing-to-widen-with"),
        pytest.param(
            "sources/northshire-police.toml", 'agency = "northshire-police"', 'agency = "northshire-fire"', id="a-source-changes-hands"
        ),
        pytest.param("federation.toml", 'sensitive_services = ["camhs", ', "sensitive_services = [", id="a-service-taken-off-the-list"),
        pytest.param("federation.toml", 'roles = "roles"', 'roles = "groups"', id="roles-read-from-another-claim"),
    ],
)
def test_what_an_operator_edits_gives_nobody_more(demo: RunningDemo, folder: Path, file: str, old: str, new: str) -> None:
    before = _released(load_federation(folder, standard()), demo)
    path = folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    try:
        after = _released(load_federation(folder, standard()), demo)
    except ConfigurationError:
        return  # refused whole: the portal does not start, or goes on with what it had
    assert after <= before


def _released(federation: Any, demo: RunningDemo) -> set[tuple[str, ...]]:
    """Everything shown to anybody for anything, with the tiers and services that count."""
    kinds = standard().kinds
    asks = tuple(
        PlannedAsk(source=id, kind=kind, fields=frozenset(kinds[kind].fields))
        for id, declared in federation.declared.items()
        for kind in declared.connector.provided()
    )
    shown = set()
    for who, purpose in product(people(demo.issuer), PURPOSES):
        plan = Plan(question=question(purpose), purpose=purpose, asks=asks, unfindable=frozenset())
        for ruling in decide(plan, who, federation.agreements.rules, NOW, Circumstances(births=("2014-02-03",), unfound=False)).rulings:
            for field in ruling.fields:
                unlisted = {"camhs", "sexual-health", "substance-use", "refuge"} - ruling.sensitive
                shown |= {(who.person, purpose, ruling.source, ruling.kind, field, service) for service in (*unlisted, "")}
    return shown
