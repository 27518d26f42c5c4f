"""The invented world makes sense: the same every time, its numbers right, its agencies telling one story in different words."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import date

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from connectors.scalars import valid
from connectors.simulated import fire, nhs, police, school, social_work, third_sector
from connectors.simulated.families import AS_OF, build_world
from connectors.simulated.people import Child, age_on
from connectors.simulated.versions import AGENCIES, by_child, versions

WORLD = build_world()
CHILDREN = {child.id: child for child in WORLD.children}
ISSUER = "https://id.example"
NAMED = [child for child in WORLD.children if not child.id.startswith("f")]


def test_the_same_seed_makes_the_same_world():
    assert msgspec.json.encode(build_world(5)) == msgspec.json.encode(build_world(5))


def test_another_seed_makes_other_families_and_the_same_named_children():
    other = build_world(5)
    assert [child.id for child in other.children if not child.id.startswith("f")] == [child.id for child in NAMED]
    assert msgspec.json.encode(other) != msgspec.json.encode(WORLD)


def test_there_are_about_two_hundred_families_of_children_under_eighteen():
    assert 195 <= len(WORLD.families) <= 215
    assert {age_on(child.birth_date, AS_OF) for child in WORLD.children} == set(range(18))


@pytest.mark.parametrize(("system", "attribute"), [("chi", "chi"), ("nhs_number", "nhs_number"), ("upn", "upn"), ("scn", "scn")])
def test_every_number_is_valid_and_belongs_to_one_child(system: str, attribute: str):
    numbers = [getattr(child, attribute) for child in WORLD.children if getattr(child, attribute)]
    assert numbers
    assert all(valid(system, number) for number in numbers)
    assert len(set(numbers)) == len(numbers)


def test_a_chi_begins_with_the_birth_date_and_its_ninth_digit_tells_the_sex():
    for child in WORLD.children:
        assert child.chi[:6] == f"{child.birth_date:%d%m%y}"
        assert int(child.chi[8]) % 2 == (child.sex == "M")


def test_nhs_numbers_come_from_the_range_given_to_nobody():
    assert all(child.nhs_number.startswith("999") for child in WORLD.children if child.nhs_number)


def test_nothing_happens_to_a_child_before_birth_or_after_the_world_stands_still():
    told = WORLD.histories
    for item in (*told.concerns, *told.visits, *told.reports):
        assert CHILDREN[item.child].birth_date <= item.on <= AS_OF
    for item in (*told.involved, *told.warnings):
        assert CHILDREN[item.child].birth_date <= item.since <= AS_OF


def test_attendance_adds_up():
    for row in WORLD.histories.absences:
        assert row.attended + row.authorised + row.unauthorised == row.possible
        assert row.late <= row.attended


def test_six_agencies_know_jo_ash_by_one_name_and_birth_date():
    held = [by_child(WORLD, agency)["jo"] for agency in AGENCIES]
    assert {(version.given_name.casefold(), version.family_name.casefold(), version.birth_date) for version in held} == {
        ("jo", "ash", "2014-02-03")
    }


def test_jos_attendance_falls_month_by_month():
    rates = [row.attended / row.possible for row in WORLD.histories.absences if row.child == "jo"]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.7 < rates[0]


def test_the_agencies_of_jos_plan_are_those_that_work_with_her():
    plan = next(plan for plan in WORLD.histories.plans if plan.child == "jo")
    working = {item.agency for item in WORLD.histories.involved if item.child == "jo" and item.until is None}
    assert {step.who for step in plan.steps} <= working


def test_the_same_night_stands_in_the_police_records_of_both_ash_children():
    night = [item.child for item in WORLD.histories.reports if item.on == date(2026, 9, 19)]
    assert {"jo", "robin"} <= set(night)


def test_the_twins_share_family_name_birth_date_home_and_school_and_no_number():
    isla, ailsa = CHILDREN["isla"], CHILDREN["ailsa"]
    assert (isla.family_name, isla.birth_date, isla.home, isla.hillview) == (
        ailsa.family_name,
        ailsa.birth_date,
        ailsa.home,
        ailsa.hillview,
    )
    assert not {isla.chi, isla.scn} & {ailsa.chi, ailsa.scn}


def test_nothing_but_the_birth_date_and_first_name_connects_the_adopted_child_with_the_record_before():
    now, before = CHILDREN["erin"], CHILDREN["erin-before"]
    assert before.shield == "IDENTITY"
    assert (now.chi, now.family_name, now.home) != (before.chi, before.family_name, before.home)
    assert now.former_family_name is None


def test_one_child_is_known_to_one_agency_only():
    assert [agency for agency in AGENCIES if "poppy" in by_child(WORLD, agency)] == ["northshire-nhs"]


def test_agencies_write_the_same_children_down_in_different_ways():
    told: dict[str, set[tuple[str, str, str]]] = {}
    for agency in AGENCIES:
        for version in versions(WORLD, agency):
            told.setdefault(version.child.id, set()).add((version.given_name, version.family_name, version.birth_date))
    assert sum(len(names) > 1 for names in told.values()) >= 15
    assert any(version.postcode is None for agency in AGENCIES for version in versions(WORLD, agency))


@pytest.mark.parametrize("agency", AGENCIES)
def test_an_agencys_own_numbers_say_nothing_about_the_child(agency: str):
    held = versions(WORLD, agency)
    assert len({version.number for version in held}) == len(held)
    assert not any(str(version.number) in (version.child.chi, version.child.scn) for version in held)


def test_social_work_names_cleared_people_by_issuer_and_person():
    rows = {row[1]: row for row in social_work.tables(WORLD, "https://id.example")["client"]}
    assert rows[CHILDREN["morven"].chi][-2:] == ("X", '["https://id.example|ewan"]')
    assert rows[CHILDREN["zara"].chi][-2] == "L"
    assert rows[CHILDREN["jo"].chi][-2:] == (None, None)


def test_health_marks_the_children_whose_shield_it_holds_and_no_others():
    marked = {resource["identifier"][0]["value"] for resource in nhs.resources(WORLD) if "meta" in resource}
    assert marked == {CHILDREN["danylo"].chi, CHILDREN["erin-before"].chi}


def test_the_school_knows_its_own_pupils_only():
    pupils = school.tables(WORLD, ISSUER)["pupil"]
    assert len(pupils) == sum(child.hillview for child in WORLD.children)


def test_an_empty_cell_of_the_charitys_files_is_an_empty_text():
    for rows in third_sector.tables(WORLD).values():
        assert rows
        assert all(isinstance(value, str) for row in rows for value in row.values())


def test_one_named_person_works_with_every_pupil_of_the_school():
    assert {row[-1] for row in school.tables(WORLD, ISSUER)["pupil"]} == {'["https://id.example|morag"]'}


def test_social_work_names_those_who_work_with_a_client_now_and_can_sign_in():
    rows = {row[1]: row[-3] for row in social_work.tables(WORLD, ISSUER)["client"]}
    named = {child.id: rows[child.chi] for child in NAMED if rows.get(child.chi)}
    ewan, both = '["https://id.example|ewan"]', '["https://id.example|ewan", "https://id.example|hamida"]'
    assert named == {"jo": ewan, "robin": ewan, "leon": ewan, "morven": ewan, "kai": ewan, "zara": both}


def test_what_version_1_1_brought_makes_nobody_known_to_an_agency():
    """Else every number an agency gives would be another than before."""
    told = WORLD.histories
    clients, pupils = by_child(WORLD, social_work.AGENCY), by_child(WORLD, school.AGENCY)
    assert {item.child for item in (*told.milestones, *told.kin)} <= clients.keys()
    assert {item.child for item in told.exclusions} <= pupils.keys()
    known = {social_work.AGENCY: clients, school.AGENCY: pupils}
    assert all(item.child in known[item.agency] for item in told.sayings)


def test_what_version_1_1_brought_fits_into_each_childs_life():
    told = WORLD.histories
    for item in told.milestones:
        born = CHILDREN[item.child].birth_date.isoformat()
        assert born[: len(item.on)] <= item.on <= AS_OF.isoformat()[: len(item.on)]
        assert item.until is None or item.until >= item.on
    for away in told.exclusions:
        assert CHILDREN[away.child].birth_date < away.start <= min(away.end, AS_OF)
        assert away.start.weekday() < 5
    for said in told.sayings:
        assert CHILDREN[said.child].birth_date <= said.on <= AS_OF


def test_many_families_have_a_chronology_a_household_and_words_of_their_own():
    told, tables = WORLD.histories, social_work.tables(WORLD, ISSUER)
    for items in (told.milestones, told.exclusions, told.sayings):
        assert len({item.child for item in items}) >= 8
        assert len([item for item in items if item.child.startswith("f")]) >= 3
    assert {row[1] for row in tables["household"]} == {version.number for version in versions(WORLD, social_work.AGENCY)}


def test_a_brother_stands_in_a_sisters_household_and_a_mother_in_both():
    rows = social_work.tables(WORLD, ISSUER)["household"]
    known = by_child(WORLD, social_work.AGENCY)
    jo, robin = ([row[2:5] for row in rows if row[1] == known[child].number] for child in ("jo", "robin"))
    assert ("SB", "Robin Ash", "yes") in jo
    assert ("SB", "Jo Ash", "yes") in robin
    assert ("M", "Karen Ash", "yes") in jo
    assert ("M", "Karen Ash", "yes") in robin


def test_nothing_in_an_adopted_childs_household_leads_to_the_record_before():
    rows = social_work.tables(WORLD, ISSUER)["household"]
    known = by_child(WORLD, social_work.AGENCY)
    now, before = ({row[3] for row in rows if row[1] == known[child].number} for child in ("erin", "erin-before"))
    assert (now, before) == ({"Heather Lockhart"}, {"Donna Tait"})


@pytest.fixture
async def police_desk() -> AsyncIterator[TestClient]:
    async with TestClient(TestServer(police.application(WORLD, "secret"))) as client:
        yield client


@pytest.fixture
async def fire_desk() -> AsyncIterator[TestClient]:
    async with TestClient(TestServer(fire.application(WORLD, "secret"))) as client:
        yield client


def _basic(password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'childview:{password}'.encode()).decode()}"}


def _asked(child: Child) -> dict[str, str]:
    return {"surname": child.family_name, "dob": child.birth_date.isoformat()}


async def test_police_refuse_whoever_brings_no_token(police_desk: TestClient):
    answer = await police_desk.post("/people/search", json=_asked(CHILDREN["jo"]))
    assert answer.status == 401
    assert await (await police_desk.get("/-/requests")).json() == {"POST /people/search": 1}


async def test_police_give_concerns_in_pages_of_two(police_desk: TestClient):
    bearer = {"Authorization": "Bearer secret"}
    found = await (await police_desk.post("/people/search", json=_asked(CHILDREN["jo"]), headers=bearer)).json()
    assert [person["surname"] for person in found["people"]] == ["ASH"]
    first = await (await police_desk.get(f"/people/{found['people'][0]['urn']}/concerns", headers=bearer)).json()
    second = await (await police_desk.get(first["links"]["next"], headers=bearer)).json()
    assert (len(first["items"]), len(second["items"]), second["links"]["next"]) == (2, 1, None)


async def test_police_count_what_they_are_asked_by_route_and_not_by_child(police_desk: TestClient):
    bearer = {"Authorization": "Bearer secret"}
    await police_desk.get("/people/NP26-000001/concerns", headers=bearer)
    await police_desk.get("/people/NP26-000002/concerns", headers=bearer)
    assert await (await police_desk.get("/-/requests")).json() == {"GET /people/{urn}/concerns": 2}


async def test_the_fire_service_wants_a_user_and_a_password(fire_desk: TestClient):
    asked = {"lastName": "Ash", "born": "2014-02-03"}
    assert (await fire_desk.post("/v2/occupants/query", json=asked, headers=_basic("wrong"))).status == 401
    answer = await fire_desk.post("/v2/occupants/query", json=asked, headers=_basic("secret"))
    assert [occupant["name"]["first"] for occupant in (await answer.json())["data"]["occupants"]] == ["Jo"]


async def test_the_fire_services_pages_say_how_many_there_are(fire_desk: TestClient):
    numbers = {version.child.id: version.number for version in versions(WORLD, fire.AGENCY)}
    answer = await fire_desk.get(f"/v2/visits?occupant=oc{numbers['jo']}", headers=_basic("secret"))
    assert (await answer.json())["paging"] == {"next": None, "total": 1}
