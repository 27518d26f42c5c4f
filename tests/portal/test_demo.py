"""The demonstration starts, answers through all six doors, survives what is done to it, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from connectors import Address, Ask, Asker, ConfigurationError, Connector, Identifier, Person, Record, Subject, Unavailable
from connectors.declarative import declare
from connectors.matching import match
from connectors.scalars import valid
from connectors.simulated.families import AS_OF
from connectors.source import Source
from connectors.standard import Standard, load_standard, validate
from portal.demo import FEDERATION, PERSONAS, SUBJECT, RunningDemo, demo_federation, mint
from portal.demo.sign import sign_all
from portal.errors import Unauthenticated
from portal.explaining import Explained, explain
from portal.federation import Federation, load_federation
from portal.identity import Identity

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[2]
NOW = datetime(AS_OF.year, AS_OF.month, AS_OF.day, 12, tzinfo=UTC)
LINUX = sys.platform == "linux"
HELD: dict[str, dict[str, int]] = {
    "northshire-nhs": {"PersonDetails": 1, "Identifier": 1, "Involvement": 2, "KeyRole": 1, "HealthContact": 6, "Flag": 1},
    "hillview-mis": {
        "PersonDetails": 1,
        "Identifier": 1,
        "Involvement": 1,
        "KeyRole": 1,
        "Attendance": 4,
        "WellbeingConcern": 3,
        "Exclusion": 1,
        "ChildVoice": 2,
    },
    "northshire-social-work": {
        "PersonDetails": 1,
        "Involvement": 1,
        "KeyRole": 1,
        "WellbeingConcern": 2,
        "ChildPlan": 1,
        "Flag": 1,
        "ChronologyEvent": 11,
        "Relationship": 5,
        "ChildVoice": 1,
    },
    "northshire-police": {"WellbeingConcern": 3, "PoliceEvent": 4},
    "northshire-fire": {"Involvement": 1, "WellbeingConcern": 1},
    "bairns-first": {"Involvement": 1, "WellbeingConcern": 1},
}
PROCESSES = ("northshire-nhs", "hillview-mis", "northshire-police", "northshire-fire")
_STARTED = """
import asyncio, json, os, sys
from pathlib import Path
from portal.demo import demo_federation
NAMES = ("DEMO_ISSUER", "POLICE_TOKEN", "MIS_URL")
for name in NAMES:
    os.environ.pop(name, None)
async def main():
    async with demo_federation(Path(sys.argv[1])) as demo:
        print(json.dumps({"processes": demo.processes, "issuer": demo.issuer}), flush=True)
        await asyncio.sleep(600)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print(json.dumps([name for name in NAMES if name in os.environ]))
"""


class Earlier(msgspec.Struct):
    """Two demos that ran in processes of their own: one prepared the folder and was interrupted, one was killed without warning."""

    folder: Path
    issuer: str
    interrupted: list[int]
    killed: list[int]
    left_in_environment: list[str]
    prepared: dict[Path, float]


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Earlier:
    folder = tmp_path_factory.mktemp("northshire")
    first, left = _run(folder, signal.SIGINT)
    prepared = {whole: whole.stat().st_mtime for whole in folder.glob("agencies/*/*/whole")}
    interrupted = [pid for pid in first["processes"] if _alive(pid)]
    second, _ = _run(folder, signal.SIGKILL)
    killed = _left_after(second["processes"], seconds=10 if LINUX else 0)
    return Earlier(folder, first["issuer"], interrupted, killed, json.loads(left), prepared)


def _run(folder: Path, ending: signal.Signals) -> tuple[dict[str, Any], bytes]:
    """Start a demo in a process of its own, end that by a signal; what it said when it ran, and at its end."""
    with subprocess.Popen([sys.executable, "-c", _STARTED, str(folder)], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        process.send_signal(ending)
        return said, process.stdout.read()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo(earlier: Earlier) -> AsyncIterator[RunningDemo]:
    async with demo_federation(earlier.folder) as running:
        yield running


@pytest.fixture(scope="module")
def standard() -> Standard:
    return load_standard()


@pytest.fixture(scope="module")
def federation(demo: RunningDemo, standard: Standard) -> Federation:
    return load_federation(FEDERATION, standard)


@asynccontextmanager
async def _opened(source: str, standard: Standard) -> AsyncIterator[Connector]:
    connector = declare(FEDERATION / "sources" / f"{source}.toml", standard).connector
    await connector.open()
    try:
        yield connector
    finally:
        await connector.close()


def _ask(seconds: float = 8.0) -> Ask:
    deadline = asyncio.get_running_loop().time() + seconds
    return Ask(access_id="a", purpose="child-protection", practitioner=Asker(agency="x", roles=("y",), opaque="z"), deadline=deadline)


def _child(demo: RunningDemo, id: str) -> Subject:
    child = next(child for child in demo.world.children if child.id == id)
    return Subject(
        identifiers=(Identifier("chi", child.chi),),
        given_name=child.given_name,
        family_name=child.family_name,
        birth_date=child.birth_date.isoformat(),
        addresses=(Address(postcode=child.home.postcode),),
    )


async def _linked(connector: Connector, subject: Subject) -> Person:
    persons = await connector.find(subject, _ask())
    return next(person for person, found in zip(persons, match(subject, persons), strict=True) if found.band == "LINK")


async def _records(connector: Connector, person: Person, kind: str) -> list[Record]:
    return [record async for record in connector.provided()[kind](person, _ask())]


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _left_after(pids: list[int], seconds: float) -> list[int]:
    """The processes that still run; they have this long to end."""
    end = time.monotonic() + seconds
    while (left := [pid for pid in pids if _alive(pid)]) and time.monotonic() < end:
        time.sleep(0.05)
    return left


@pytest.mark.parametrize("source", sorted(HELD))
async def test_every_source_finds_jo_and_gives_what_it_holds_in_the_words_of_the_standard(
    source: str, demo: RunningDemo, standard: Standard
):
    async with _opened(source, standard) as connector:
        person = await _linked(connector, _child(demo, "jo"))
        given = {kind: await _records(connector, person, kind) for kind in connector.provided()}
    assert {kind: len(records) for kind, records in given.items()} == HELD[source]
    for kind, records in given.items():
        for record in records:
            validate(standard.kinds[kind], record)


async def test_the_subject_offered_for_questions_is_jo(demo: RunningDemo, standard: Standard):
    jo = next(child for child in demo.world.children if child.id == "jo")
    typed = {each["system"]: each["value"] for each in SUBJECT["identifiers"]}
    assert typed == {"chi": jo.chi, "scn": jo.scn}
    assert all(valid(system, value) for system, value in typed.items())
    assert [SUBJECT["givenName"], SUBJECT["familyName"], SUBJECT["birthDate"]] == [jo.given_name, jo.family_name, jo.birth_date.isoformat()]
    assert SUBJECT["addresses"] == [{"postcode": jo.home.postcode}]


@pytest.mark.parametrize("source", ["northshire-social-work", "northshire-nhs"])
@pytest.mark.parametrize("forgotten", ["identifiers", "names"])
async def test_who_holds_shields_finds_a_child_by_number_alone_and_by_name_alone(
    source: str, forgotten: str, demo: RunningDemo, standard: Standard
):
    nothing: Mapping[str, Any] = (
        {"identifiers": ()} if forgotten == "identifiers" else {"given_name": None, "family_name": None, "birth_date": None}
    )
    async with _opened(source, standard) as connector:
        persons = await connector.find(msgspec.structs.replace(_child(demo, "zara"), **nothing), _ask())
    assert [person.given_name for person in persons] == ["Zara"]


@pytest.mark.parametrize(
    ("source", "child", "shield", "cleared"),
    [
        ("northshire-social-work", "morven", "IDENTITY", ("ewan",)),
        ("northshire-social-work", "zara", "LOCATION", ("ewan", "hamida")),
        ("northshire-social-work", "erin-before", "IDENTITY", ()),
        ("northshire-nhs", "erin-before", "IDENTITY", ()),
        ("northshire-nhs", "danylo", "LOCATION", ()),
        ("northshire-nhs", "jo", None, ()),
        ("northshire-social-work", "erin", None, ()),
    ],
)
async def test_a_shield_stands_at_its_owner_with_the_people_who_are_cleared(
    source: str, child: str, shield: str | None, cleared: tuple[str, ...], demo: RunningDemo, standard: Standard
):
    async with _opened(source, standard) as connector:
        person = await _linked(connector, _child(demo, child))
    assert person.shield == shield
    assert person.cleared == tuple(demo.key(who) for who in cleared)


@pytest.mark.parametrize(
    ("source", "child", "workers"),
    [
        ("hillview-mis", "jo", ("morag",)),
        ("hillview-mis", "sam", ("morag",)),
        ("northshire-social-work", "jo", ("ewan",)),
        ("northshire-social-work", "zara", ("ewan", "hamida")),
        ("northshire-social-work", "ruby", ()),
        ("northshire-nhs", "jo", ()),
    ],
)
async def test_two_sources_vouch_for_those_who_work_with_a_child_and_for_nobody_else(
    source: str, child: str, workers: tuple[str, ...], demo: RunningDemo, standard: Standard
):
    vouching = Source(declare(FEDERATION / "sources" / f"{source}.toml", standard), standard, police=False)
    try:
        said = {who: await vouching.find(_child(demo, child), _ask(), demo.key(who)) for who in PERSONAS}
    finally:
        await vouching.close()
    assert vouching.vouches == (source != "northshire-nhs")
    assert {who for who, found in said.items() if found.vouched} == set(workers)
    assert {found.state for found in said.values()} == {"FOUND"}


async def test_one_order_forbids_disclosing_a_place(demo: RunningDemo, standard: Standard):
    async with _opened("northshire-social-work", standard) as connector:
        flags = await _records(connector, await _linked(connector, _child(demo, "kai")), "Flag")
    assert [flag.fields["forbidsPlace"] for flag in flags] == [True]


@pytest.mark.parametrize(
    ("source", "kind", "field", "value"),
    [
        ("hillview-mis", "WellbeingConcern", "retainUntil", "2024-06-30"),
        ("hillview-mis", "WellbeingConcern", "thirdPartyChecked", False),
        ("northshire-social-work", "WellbeingConcern", "status", "ENTERED_IN_ERROR"),
        ("northshire-nhs", "HealthContact", "status", "ENTERED_IN_ERROR"),
        ("northshire-police", "WellbeingConcern", "handlingCode", "NOT_TO_BE_SHARED"),
        ("northshire-police", "WellbeingConcern", "handlingCode", "MAY_BE_SHARED_UNDER_CONDITION"),
        ("northshire-police", "PoliceEvent", "retainUntil", "2021-03-02"),
        ("northshire-social-work", "ChronologyEvent", "status", "ENTERED_IN_ERROR"),
        ("northshire-social-work", "ChronologyEvent", "tier", "T4"),
        ("northshire-social-work", "ChronologyEvent", "thirdPartyChecked", False),
        ("northshire-social-work", "ChronologyEvent", "occurredOn", "2019-06"),
    ],
)
async def test_jos_records_include_one_of_each_sort_that_must_be_held_back(
    source: str, kind: str, field: str, value: object, demo: RunningDemo, standard: Standard
):
    async with _opened(source, standard) as connector:
        records = await _records(connector, await _linked(connector, _child(demo, "jo")), kind)
    assert [record.fields.get(field) for record in records].count(value) == 1


async def test_every_police_record_carries_a_handling_code(demo: RunningDemo, standard: Standard):
    async with _opened("northshire-police", standard) as connector:
        person = await _linked(connector, _child(demo, "jo"))
        records = [record for kind in connector.provided() for record in await _records(connector, person, kind)]
    assert all(record.fields["handlingCode"] in standard.codes["HandlingCode"] for record in records)


async def test_a_record_of_a_sensitive_service_says_so(demo: RunningDemo, standard: Standard):
    async with _opened("northshire-nhs", standard) as connector:
        person = await _linked(connector, _child(demo, "aaron"))
        services = {
            record.fields["service"] for kind in ("Involvement", "HealthContact") for record in await _records(connector, person, kind)
        }
    assert {"CAMHS", "camhs"} <= services


@pytest.mark.parametrize("source", ["hillview-mis", "northshire-nhs"])
async def test_a_twin_is_not_taken_for_the_other(source: str, demo: RunningDemo, standard: Standard):
    async with _opened(source, standard) as connector:
        subject = _child(demo, "isla")
        persons = await connector.find(subject, _ask())
    bands = {person.given_name: found.band for person, found in zip(persons, match(subject, persons), strict=True)}
    assert bands == {"Isla": "LINK", "Ailsa": "NON_LINK"}
    alone = match(subject, [person for person in persons if person.given_name == "Ailsa"])
    assert [found.band for found in alone] in (["POSSIBLE"], ["NON_LINK"])


async def test_a_child_known_under_an_earlier_name_is_found_by_it(demo: RunningDemo, standard: Standard):
    doig = Subject(given_name="Ruby", family_name="Doig", birth_date="2013-10-30")
    for source in ("northshire-police", "northshire-social-work", "northshire-nhs"):
        async with _opened(source, standard) as connector:
            assert [person.given_name for person in await connector.find(doig, _ask())] == ["Ruby"], source


@pytest.mark.parametrize("source", PROCESSES)
async def test_a_source_counts_who_asks_it(source: str, demo: RunningDemo, standard: Standard):
    before = await demo.source(source).requests()
    async with _opened(source, standard) as connector:
        await connector.find(_child(demo, "jo"), _ask())
    assert await demo.source(source).requests() > before


@pytest.mark.parametrize("source", PROCESSES)
async def test_a_source_that_is_killed_is_out_of_reach_until_it_is_started_again(source: str, demo: RunningDemo, standard: Standard):
    async with _opened(source, standard) as connector:
        demo.source(source).kill()
        with pytest.raises(Unavailable):
            await connector.find(_child(demo, "jo"), _ask())
        await demo.source(source).restart()
        assert await _linked(connector, _child(demo, "jo"))


@pytest.mark.parametrize("source", PROCESSES)
async def test_a_source_that_is_suspended_does_not_answer_until_it_is_resumed(source: str, demo: RunningDemo, standard: Standard):
    async with _opened(source, standard) as connector:
        assert await connector.find(_child(demo, "jo"), _ask())
        demo.source(source).suspend()
        try:
            with pytest.raises(TimeoutError):
                await connector.find(_child(demo, "jo"), _ask(0.4))
        finally:
            demo.source(source).resume()
        assert await _linked(connector, _child(demo, "jo"))


async def test_a_source_that_is_a_file_cannot_be_killed(demo: RunningDemo):
    with pytest.raises(TypeError, match="is a file"):
        demo.source("bairns-first").kill()


@pytest.mark.parametrize("who", sorted(PERSONAS))
async def test_every_persona_is_recognised_by_agency_role_and_assurance(who: str, demo: RunningDemo, federation: Federation):
    settings = federation.settings
    identity = Identity(settings.issuers, settings.agencies, settings.roles)
    practitioner = await identity.authenticate(f"Bearer {demo.token(who)}")
    persona = PERSONAS[who]
    assert (practitioner.agency, practitioner.roles, practitioner.assurance) == (persona.agency, persona.roles, persona.assurance)
    assert practitioner.key == demo.key(who)


async def test_a_token_that_has_expired_is_refused(demo: RunningDemo, federation: Federation):
    identity = Identity(federation.settings.issuers, federation.settings.agencies, federation.settings.roles)
    with pytest.raises(Unauthenticated):
        await identity.authenticate(f"Bearer {demo.token('morag', timedelta(minutes=-5))}")


async def test_nobody_mints_for_a_persona_there_is_not(demo: RunningDemo):
    with pytest.raises(LookupError, match="morag"):
        mint(demo.folder, "nobody")


async def test_the_issuer_publishes_its_public_key_only(demo: RunningDemo):
    async with aiohttp.ClientSession() as session, session.get(f"{demo.issuer}/jwks") as answer:
        keys = (await answer.json())["keys"]
    assert [(key["kty"], "d" in key) for key in keys] == [("EC", False)]


def _explained(federation: Federation, who: str, purpose: str) -> tuple[Explained, ...]:
    persona, held = PERSONAS[who], federation.vocabulary.sources
    return explain(federation.agreements.rules, federation.standard, held, purpose, persona.roles, persona.agency, None, NOW)


async def test_every_agreement_is_signed_by_every_partner_and_in_force(federation: Federation):
    states = {agreement.id: federation.agreements.state(agreement, NOW) for agreement in federation.agreements.all}
    assert states == dict.fromkeys(("ISA-01", "ISA-02", "ISA-07", "ISA-09", "ISA-11"), "in-force")


async def test_the_committed_signatures_are_those_that_signing_anew_gives(tmp_path: Path, demo: RunningDemo):
    copy = tmp_path / "federation"
    shutil.copytree(FEDERATION, copy)
    sign_all(copy)
    for written in sorted((copy / "agreements").iterdir()):
        assert written.read_bytes() == (FEDERATION / "agreements" / written.name).read_bytes(), (
            f"run: python -m portal.demo.sign ({written.name})"
        )


async def test_to_protect_a_child_five_of_six_sources_show_the_named_person_something(federation: Federation):
    permitted = {line.source for line in _explained(federation, "morag", "child-protection") if line.permitted}
    assert permitted == HELD.keys() - {"bairns-first"}


async def test_no_clause_tells_an_officer_where_a_child_is(federation: Federation, standard: Standard):
    shown = [line for line in _explained(federation, "lennox", "child-protection") if line.permitted and line.field]
    assert shown
    assert not any(
        standard.kinds[line.kind].fields[line.field].location for line in shown if line.field in standard.kinds[line.kind].fields
    )


@pytest.mark.parametrize(("who", "purpose"), [("tom", "child-protection"), ("tom", "early-help"), *((who, "audit") for who in PERSONAS)])
async def test_some_roles_and_one_purpose_have_no_clause_at_all(who: str, purpose: str, federation: Federation):
    assert not any(line.permitted for line in _explained(federation, who, purpose))


async def test_a_refusal_keeps_health_contacts_from_early_help_at_school(federation: Federation):
    (line,) = (
        line for line in _explained(federation, "morag", "early-help") if (line.source, line.kind) == ("northshire-nhs", "HealthContact")
    )
    assert (line.permitted, line.reason, line.nearest) == (False, "denied-by", "ISA-02 §4")


async def test_an_interrupted_demo_ends_every_process_and_puts_the_environment_back(earlier: Earlier):
    assert earlier.interrupted == []
    assert earlier.left_in_environment == []


async def test_a_demo_that_is_killed_leaves_no_process_behind(earlier: Earlier):
    """On Linux the kernel ends what a killed process started."""
    assert earlier.killed == []


async def test_a_later_start_uses_what_the_first_prepared_and_keeps_the_issuers_name(earlier: Earlier, demo: RunningDemo):
    assert len(earlier.prepared) == 2
    assert {whole: whole.stat().st_mtime for whole in earlier.prepared} == earlier.prepared
    assert demo.issuer == earlier.issuer


async def test_the_environment_names_every_source(demo: RunningDemo):
    assert {name: os.environ[name] for name in demo.environment} == demo.environment


async def test_two_demos_cannot_share_a_folder(demo: RunningDemo):
    with pytest.raises(ConfigurationError) as refused:
        async with demo_federation(demo.folder):
            pass
    assert [mistake.id for mistake in refused.value.mistakes] == ["CV850"]


async def test_nothing_but_the_agencies_own_data_and_the_issuers_key_lies_in_the_folder(demo: RunningDemo):
    assert {path.name for path in demo.folder.iterdir()} == {"agencies", "auditors", "issuer", "lock"}
    assert (demo.folder / "issuer" / "signing.jwk").stat().st_mode & 0o077 == 0
