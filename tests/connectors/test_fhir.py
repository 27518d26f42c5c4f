"""The reader of FHIR R4, against a real server with published sample people, and against servers that lie."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import Any

import pytest
from aiohttp import web

from connectors import Identifier, Misconfigured, Person, Refused, Subject, Unavailable
from connectors.declarative import Declared
from connectors.matching import match
from connectors.standard import Standard, validate
from tests.connectors.servers import NHS_NUMBER, FhirServer, ask, listed, nhs_number, opened, serving

Source = Callable[..., Declared]

HEALTH = """
source = {{ agency = "northshire-nhs", reads = "fhir", url = "{url}", contact = "Clinical desk, 01234 567892", auth = {{ bearer = "env:T" }} }}
find.nhs_number = {{ search = "Patient", parameters = {{ identifier = "{system}|:nhs_number" }} }}
find.demographics = {{ search = "Patient", parameters = {{ family = ":family_name", birthdate = ":birth_date" }} }}
person = {{ identifiers = {{ nhs_number = "{system}" }} }}
[provide.HealthContact]
search = "Encounter"
parameters = {{ patient = ":person_id", date = "ge:since", _count = "1" }}
id = "id"
fields = {{ occurredOn = {{ from = "period/start", as = "date" }}, setting = {{ from = "class/code", map = {{ AMB = "OUTPATIENT" }} }}, sourceCode = "class/code" }}
[provide.Flag]
search = "Condition"
parameters = {{ patient = ":person_id", _count = "1" }}
fields = {{ type = {{ value = "MEDICAL_ALERT" }}, sourceText = "code/coding/0/display" }}
[provide.PersonDetails]
search = "Patient"
parameters = {{ _id = ":person_id" }}
fields = {{ familyName = "name/0/family", givenName = "name/0/given/0" }}
"""


@pytest.fixture
def health(source: Source, fhir_server: FhirServer, monkeypatch: pytest.MonkeyPatch) -> Declared:
    monkeypatch.setenv("T", fhir_server.token)
    return source(HEALTH.format(url=fhir_server.url, system=NHS_NUMBER), "northshire-nhs")


def _subject(patient: dict[str, Any], *, numbered: bool) -> Subject:
    if numbered:
        value = next(each["value"] for each in patient["identifier"] if each["system"] == NHS_NUMBER)
        return Subject(identifiers=(Identifier("nhs_number", f"{value[:3]} {value[3:]}"),), birth_date=patient["birthDate"])
    return Subject(family_name=patient["name"][0]["family"], birth_date=patient["birthDate"])


async def test_a_published_sample_child_is_found_by_number_and_by_name_as_one_person(health: Declared, fhir_server: FhirServer) -> None:
    async with opened(health) as connector:
        await connector.check()
        for patient in fhir_server.patients:
            by_number = await connector.find(_subject(patient, numbered=True), ask())
            by_name = await connector.find(_subject(patient, numbered=False), ask())

            assert [each.id for each in by_number] == [patient["id"]]
            assert patient["id"] in [each.id for each in by_name]
            assert by_number[0].family_name == patient["name"][0]["family"]
            assert by_number[0].birth_date == patient["birthDate"]
            assert by_number[0].postcode == "NS7 1AA"
            assert by_number[0].identifiers == (Identifier("nhs_number", patient["identifier"][-1]["value"]),)


async def test_records_come_over_all_pages_although_links_lead_to_another_host(
    health: Declared, fhir_server: FhirServer, standard: Standard
) -> None:
    """The server believes in an address of its own and writes it into every link: one resource per page shows it."""
    async with opened(health) as connector:
        conditions = contacts = 0
        for patient in fhir_server.patients:
            (person,) = await connector.find(_subject(patient, numbered=True), ask())
            for kind in ("HealthContact", "Flag", "PersonDetails"):
                records = await listed(connector, kind, person, ask())
                assert all(validate(standard.kinds[kind], record) for record in records)
                conditions += len(records) if kind == "Flag" else 0
                contacts += len(records) if kind == "HealthContact" else 0
                assert kind != "PersonDetails" or [each.fields["familyName"] for each in records] == [person.family_name]

    assert contacts == len(fhir_server.patients)
    assert conditions > contacts


async def test_since_goes_to_the_server(health: Declared, fhir_server: FhirServer) -> None:
    person = Person(id=fhir_server.patients[0]["id"])
    async with opened(health) as connector:
        (contact,) = await listed(connector, "HealthContact", person, ask(since=date(2025, 12, 31)))

        assert contact.fields == {"occurredOn": "2026-01-01", "setting": "OUTPATIENT", "sourceCode": "AMB"}
        assert await listed(connector, "HealthContact", person, ask(since=date(2026, 1, 2))) == []


async def test_an_unknown_child_is_an_empty_list(health: Declared) -> None:
    async with opened(health) as connector:
        assert await connector.find(Subject(identifiers=(Identifier("nhs_number", nhs_number(77)),)), ask()) == []
        assert await connector.find(Subject(family_name="No, Body|$\\", birth_date="2014-02-03"), ask()) == []


async def test_a_parameter_the_server_does_not_know_is_told_and_gives_nobody(health: Declared, source: Source) -> None:
    text = health.connector.declaration.document.text.replace("birthdate =", "dateOfBirthday =")  # type: ignore[attr-defined]
    async with opened(source(text)) as connector:
        with pytest.raises(Misconfigured, match="400"):
            await connector.find(Subject(family_name="Syntheson", birth_date="2014-07-02"), ask())


async def test_a_wrong_token_is_refused(health: Declared, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T", "another")
    async with opened(health) as connector:
        with pytest.raises(Refused):
            await connector.find(Subject(family_name="Syntheson", birth_date="2014-07-02"), ask())


async def test_nothing_typed_or_answered_is_logged(health: Declared, fhir_server: FhirServer, caplog: pytest.LogCaptureFixture) -> None:
    patient = fhir_server.patients[0]
    with caplog.at_level(logging.DEBUG):
        async with opened(health) as connector:
            (person,) = await connector.find(_subject(patient, numbered=True), ask())
            await listed(connector, "HealthContact", person, ask())

    assert not [word for word in (patient["name"][0]["family"], patient["identifier"][-1]["value"], patient["id"]) if word in caplog.text]


# Servers that lie.


def _patient(id: str, **more: Any) -> dict[str, Any]:
    number = [{"system": NHS_NUMBER, "value": nhs_number(1)}]
    return {"resourceType": "Patient", "id": id, "identifier": number, "name": [{"family": "Ash"}], "birthDate": "2014-02-03"} | more


def _bundle(*resources: dict[str, Any], next: str | None = None, self: str | None = None) -> dict[str, Any]:
    links = [{"relation": name, "url": url} for name, url in (("next", next), ("self", self)) if url]
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": [{"resource": each} for each in resources]}


class Liar:
    """A server that gives these answers one after the other, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.url = ""

    async def __call__(self, request: web.Request) -> web.Response:
        form = dict(await request.post()) if request.method == "POST" else None
        self.asked.append((request.method, request.path_qs, dict(request.headers), form))
        answer = self.answers.pop(0) if self.answers else _bundle()
        return answer if isinstance(answer, web.Response) else web.json_response(answer, content_type="application/fhir+json")


@pytest.fixture
async def liar(source: Source, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Liar, Any]]:
    monkeypatch.setenv("T", "a-token")
    server = Liar()
    async with serving(server) as url:
        server.url = url
        async with opened(source(HEALTH.format(url=f"{url}/fhir", system=NHS_NUMBER), "northshire-nhs")) as connector:
            yield server, connector


JO = Subject(identifiers=(Identifier("nhs_number", nhs_number(1)),))
JO_BY_NAME = Subject(family_name="Ash", birth_date="2014-02-03")


async def test_a_search_is_a_post_that_says_strict_and_who_asks(liar: tuple[Liar, Any]) -> None:
    server, connector = liar
    server.answers = [_bundle(_patient("1"))]

    (person,) = await connector.find(JO, ask())
    method, address, headers, form = server.asked[0]

    assert person.identifiers == (Identifier("nhs_number", nhs_number(1)),)
    assert (method, address) == ("POST", "/fhir/Patient/_search")
    assert form == {"identifier": f"{NHS_NUMBER}|{nhs_number(1)}", "_count": "51"}
    assert headers["Prefer"] == "handling=strict"
    assert headers["Authorization"] == "Bearer a-token"
    assert (headers["X-Childview-Access"], headers["X-Childview-Purpose"]) == ("access-of-the-test", "child-protection")


async def test_a_server_that_answers_with_everybody_is_not_believed(liar: tuple[Liar, Any]) -> None:
    server, connector = liar
    stranger = _patient("2", identifier=[{"system": NHS_NUMBER, "value": nhs_number(2)}])
    server.answers = [_bundle(_patient("1"), stranger)]
    with pytest.raises(Misconfigured, match="ignored the parameter 'identifier'"):
        await connector.find(JO, ask())

    server.answers = [_bundle(_patient("1"), _patient("2", birthDate="2011-01-01"))]
    with pytest.raises(Misconfigured, match="ignored the parameter 'birthdate'"):
        await connector.find(JO_BY_NAME, ask())


async def test_a_self_link_that_leaves_a_parameter_out_is_believed(liar: tuple[Liar, Any]) -> None:
    server, connector = liar
    server.answers = [_bundle(_patient("1"), self="http://elsewhere/fhir/Patient?birthdate=2014-02-03")]
    with pytest.raises(Misconfigured, match="did not use the parameter 'family'"):
        await connector.find(JO_BY_NAME, ask())


async def test_a_server_that_searches_by_sound_is_welcome_and_matching_decides(liar: tuple[Liar, Any]) -> None:
    server, connector = liar
    maiden = _patient("3", name=[{"family": "Oak", "use": "official"}, {"family": "Ash", "use": "maiden"}])
    stranger = _patient("5", name=[{"family": "Iqbal", "given": ["Bea"]}])
    server.answers = [
        _bundle(_patient("1"), maiden, _patient("2", name=[{"family": "Ashe"}]), _patient("4", name=[{"family": "Esh"}]), stranger)
    ]

    found = await connector.find(JO_BY_NAME, ask())

    assert [(each.id, each.family_name, each.former_family_name) for each in found] == [
        ("1", "Ash", None),
        ("3", "Oak", "Ash"),
        ("2", "Ashe", None),
        ("4", "Esh", None),
        ("5", "Iqbal", None),
    ]
    assert {each.id: match(JO_BY_NAME, [each])[0].band for each in found} == {
        "1": "POSSIBLE",
        "3": "POSSIBLE",
        "2": "POSSIBLE",
        "4": "POSSIBLE",
        "5": "NON_LINK",
    }


@pytest.mark.parametrize(
    ("outcome", "fails"),
    [
        ({"severity": "error", "code": "processing"}, True),
        ({"severity": "warning", "code": "not-supported"}, True),
        ({"severity": "information", "code": "informational"}, False),
    ],
)
async def test_an_operation_outcome_among_the_entries_is_read(liar: tuple[Liar, Any], outcome: dict[str, str], fails: bool) -> None:
    server, connector = liar
    told = {"resourceType": "OperationOutcome", "issue": [outcome | {"diagnostics": "Ash is unknown"}]}
    server.answers = [_bundle(told, _patient("1"))]
    if fails:
        with pytest.raises(Misconfigured) as raised:
            await connector.find(JO_BY_NAME, ask())
        assert "Ash" not in str(raised.value)
    else:
        assert len(await connector.find(JO_BY_NAME, ask())) == 1


async def test_pages_stay_with_the_configured_server_and_searches_stay_in_bodies(liar: tuple[Liar, Any]) -> None:
    server, connector = liar
    elsewhere = "https://evil.example/other/Patient?family=Ash&birthdate=2014-02-03&_page=2"
    server.answers = [
        _bundle(_patient("1"), next=elsewhere),
        _bundle(_patient("2"), next="http://x/fhir?_getpages=abc"),
        _bundle(_patient("3")),
    ]

    found = await connector.find(JO_BY_NAME, ask())

    assert [each.id for each in found] == ["1", "2", "3"]
    assert [(method, address) for method, address, _, _ in server.asked] == [
        ("POST", "/fhir/Patient/_search"),
        ("POST", "/fhir/Patient/_search"),
        ("GET", "/fhir?_getpages=abc"),
    ]
    assert server.asked[1][3] == {"family": "Ash", "birthdate": "2014-02-03", "_page": "2"}


async def test_pages_that_go_in_a_circle_or_repeat_the_search_in_an_address_are_refused(liar: tuple[Liar, Any]) -> None:
    server, connector = liar
    server.answers = [_bundle(_patient("1"), next="http://x/fhir/Patient?_page=2"), _bundle(next="http://x/fhir/Patient?_page=2")]
    with pytest.raises(Misconfigured, match="circle"):
        await connector.find(JO_BY_NAME, ask())
    server.answers = [_bundle(_patient("1"), next="http://x/fhir?_getpages=abc&family=Ash")]
    with pytest.raises(Misconfigured, match="repeats"):
        await connector.find(JO_BY_NAME, ask())
    server.answers = [_bundle(_patient("1"), next="http://x/somewhere/else?_page=2")]
    with pytest.raises(Misconfigured, match="away"):
        await connector.find(JO_BY_NAME, ask())


def _encounter(id: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Encounter", "id": id, "period": {"start": "2026-06-30T23:30:00Z"}, "class": {"code": "AMB"}} | more


async def test_what_is_about_somebody_else_is_never_read(liar: tuple[Liar, Any], standard: Standard) -> None:
    """It is set aside and counted; if nothing is about the child, the server has ignored what it was asked."""
    server, connector = liar
    person = Person(id="1", identifiers=(Identifier("nhs_number", nhs_number(1)),))
    mine = [
        _encounter("a", subject={"reference": "Patient/1"}),
        _encounter("b", subject={"reference": "https://x/fhir/Patient/1/_history/4"}),
        _encounter("c", subject={"identifier": {"system": NHS_NUMBER, "value": nhs_number(1)}}),
    ]
    others = [_encounter("d", subject={"reference": "Patient/11"}), _encounter("e"), _encounter("f", subject={"reference": "Group/1"})]
    server.answers = [_bundle(*mine, *others)]

    records = await listed(connector, "HealthContact", person, ask())

    assert [record.id for record in records] == ["a", "b", "c", "", "", ""]
    assert all(record.fields == {} for record in records[3:])
    assert records[0].fields["occurredOn"] == "2026-07-01"
    for record in records[3:]:
        with pytest.raises(ValueError, match="id"):
            validate(standard.kinds["HealthContact"], record)
    server.answers = [_bundle(*others)]
    with pytest.raises(Misconfigured, match="others"):
        await listed(connector, "HealthContact", person, ask())


@pytest.mark.parametrize(
    "answer",
    [
        {"resourceType": "Patient", "id": "1"},
        {"resourceType": "Bundle", "type": "collection"},
        {"resourceType": "Bundle", "type": "searchset", "entry": [3]},
        [],
        {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": {"resourceType": "Patient", "id": 7}}]},
    ],
)
async def test_nonsense_is_told_from_an_empty_answer(liar: tuple[Liar, Any], answer: Any) -> None:
    server, connector = liar
    server.answers = [answer]
    with pytest.raises(Misconfigured):
        await connector.find(JO, ask())


async def test_a_server_in_trouble_is_unavailable(liar: tuple[Liar, Any]) -> None:
    server, connector = liar
    server.answers = [web.json_response({"resourceType": "OperationOutcome"}, status=503, headers={"Retry-After": "7"})]
    with pytest.raises(Unavailable) as raised:
        await connector.find(JO, ask())

    assert raised.value.retry_after == 7


CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"


@pytest.mark.parametrize(
    ("code", "shield"), [("R", "LOCATION"), ("r", "LOCATION"), ("V", "IDENTITY"), ("REDACTED", "IDENTITY"), ("U", None), ("N", None)]
)
async def test_a_confidential_patient_is_shielded_without_being_told_so(liar: tuple[Liar, Any], code: str, shield: str | None) -> None:
    server, connector = liar
    others = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
    server.answers = [_bundle(_patient("1", meta={"security": [others, {"system": CONFIDENTIALITY, "code": code}]}))]

    assert (await connector.find(JO, ask()))[0].shield == shield


async def test_a_declared_shield_is_read_where_it_is_declared(liar: tuple[Liar, Any], source: Source) -> None:
    server, _ = liar
    text = HEALTH.format(url=f"{server.url}/fhir", system=NHS_NUMBER)
    declared = 'shield = { from = "extension/0/valueCode", map = { S = "IDENTITY", A = "LOCATION", N = "" } }'
    text = text.replace("person = {", f"person = {{ {declared},")
    async with opened(source(text)) as connector:
        for code, shield in (("S", "IDENTITY"), ("A", "LOCATION"), ("N", None)):
            server.answers = [_bundle(_patient("1", extension=[{"url": "x", "valueCode": code}]))]
            assert (await connector.find(JO, ask()))[0].shield == shield
        server.answers = [_bundle(_patient("1", extension=[{"url": "x", "valueCode": "?"}]))]
        assert (await connector.find(JO, ask()))[0].shield == "IDENTITY", "a marker nobody knows is the strongest"


async def test_who_works_with_a_patient_is_read_where_it_is_declared(liar: tuple[Liar, Any], source: Source) -> None:
    server, _ = liar
    text = HEALTH.format(url=f"{server.url}/fhir", system=NHS_NUMBER).replace(
        "person = {", 'person = { workers = "extension/0/valueString",'
    )
    async with opened(source(text)) as connector:
        for said, workers in (('["id|hamida"]', ("id|hamida",)), ("id|hamida", ()), ('{"id": "hamida"}', ())):
            server.answers = [_bundle(_patient("1", extension=[{"url": "x", "valueString": said}]))]
            assert (await connector.find(JO, ask()))[0].workers == workers
        server.answers = [_bundle(_patient("1"))]
        assert (await connector.find(JO, ask()))[0].workers == ()
    assert connector.vouches


async def test_a_patients_names_addresses_phones_and_parents_are_read(liar: tuple[Liar, Any]) -> None:
    server, connector = liar
    server.answers = [
        _bundle(
            _patient(
                "1",
                name=[
                    {"use": "nickname", "given": ["Josie"], "family": "Ash"},
                    {"use": "usual", "given": ["Josephine", "May", "Ann"], "family": "Ash"},
                    {"use": "old", "given": ["Josephine"], "family": "Oak"},
                ],
                gender="female",
                address=[
                    {"use": "old", "postalCode": "NS1 1AA"},
                    {
                        "use": "home",
                        "line": ["Flat 2", "9 Mill Lade"],
                        "city": "Kirkbrae",
                        "postalCode": "NS2 2BB",
                        "period": {"start": "2020-01-01"},
                    },
                ],
                telecom=[{"system": "phone", "value": "01632 960001"}, {"system": "email", "value": "x@example.org"}],
                contact=[
                    {"relationship": [{"coding": [{"code": "MTH"}]}], "name": {"given": ["Ada"], "family": "Ash"}},
                    {"name": {"text": "A neighbour"}},
                ],
            )
        )
    ]

    (person,) = await connector.find(JO, ask())

    assert (person.given_name, person.middle_names, person.family_name, person.former_family_name) == ("Josephine", "May Ann", "Ash", "Oak")
    assert (person.sex, person.postcode, person.phones, person.parents) == ("female", "NS2 2BB", ("01632 960001",), ("Ada Ash",))
    assert [(each.line, each.town, each.from_) for each in person.addresses] == [
        (None, None, None),
        ("Flat 2, 9 Mill Lade", "Kirkbrae", "2020-01-01"),
    ]
