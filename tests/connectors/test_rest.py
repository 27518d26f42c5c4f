"""The reader of JSON services."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import Any

import pytest
from aiohttp import web

from connectors import Address, Misconfigured, Person, Subject, Unavailable
from connectors.declarative import Declared
from connectors.standard import Standard, validate
from tests.connectors.servers import ask, listed, opened, serving

Source = Callable[..., Declared]

POLICE = """
source = {{ agency = "northshire-police", reads = "rest", url = "{url}", contact = "Desk, 01234 567890", auth = {{ bearer = "env:T" }}, needs = ["postcode"] }}
find.demographics = {{ post = "/people/search", body = {{ who = {{ surname = ":family_name", dob = ":birth_date" }}, exact = true }}, rows = "people", next = "next" }}
find.home = {{ post = "/homes", body = {{ postcode = ":postcode", names = [":family_name"] }}, rows = "people" }}
person = {{ id = "urn", given_name = "forename", family_name = "surname", birth_date = "dob", postcode = "home/postcode", shield = "marker", addresses = "homes" }}
[provide.WellbeingConcern]
get = "/people/:person_id/concerns"
params = {{ since = ":since", size = 2, all = true }}
rows = "items"
next = "links/next"
id = "ref"
[provide.WellbeingConcern.fields]
occurredOn = {{ from = "occurred", as = "date" }}
summary = "text"
category = {{ from = "type", map = {{ DA = "DOMESTIC_ABUSE", MISPER = "MISSING" }} }}
indicators = {{ from = "areas", map = {{ s = "SAFE", h = "HEALTHY" }} }}
immediateDanger = {{ from = "now", as = "boolean" }}
sourceCode = "type"
"""


class Police:
    """A police service of the tests; it remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any, dict[str, str]]] = []
        self.answers: dict[str, Any] = {}

    async def __call__(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.raw_path, body, dict(request.headers)))
        answer = self.answers.get(request.raw_path, {"people": [], "items": []})
        return answer if isinstance(answer, web.Response) else web.json_response(answer)


@pytest.fixture
async def police(source: Source, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Police, Any]]:
    monkeypatch.setenv("T", "a-token")
    service = Police()
    async with serving(service) as url, opened(source(POLICE.format(url=f"{url}/api"), "northshire-police")) as connector:
        yield service, connector


JO = Subject(given_name="Jo", family_name="Ash", birth_date="2014-02-03", addresses=(Address(postcode="NS7 1AA"), Address(line="1 Row")))
ROW = {"urn": "U/7 é", "forename": "Jo", "surname": "Ash", "dob": "2014-02-03", "home": {"postcode": "NS7 1AA"}, "marker": None}


async def test_a_childs_details_travel_in_bodies_with_the_access_beside_them(police: tuple[Police, Any]) -> None:
    service, connector = police
    service.answers = {
        "/api/people/search": {"people": [ROW]},
        "/api/homes": {"people": [{**ROW, "marker": "LOCATION", "homes": [{"line": "1 Row", "from": "2020-01-01"}]}]},
    }

    (person,) = await connector.find(JO, ask())

    assert (person.id, person.family_name, person.postcode, person.shield) == ("U/7 é", "Ash", "NS7 1AA", "LOCATION")
    assert person.addresses == (Address(line="1 Row", from_="2020-01-01"),)
    assert {(method, path) for method, path, _, _ in service.asked} == {("POST", "/api/people/search"), ("POST", "/api/homes")}
    bodies = {path: body for _, path, body, _ in service.asked}
    assert bodies["/api/people/search"] == {"who": {"surname": "Ash", "dob": "2014-02-03"}, "exact": True}
    assert bodies["/api/homes"] == {"postcode": "NS7 1AA", "names": ["Ash"]}
    for _, _, _, headers in service.asked:
        assert headers["Authorization"] == "Bearer a-token"
        assert (headers["X-Childview-Access"], headers["X-Childview-Purpose"]) == ("access-of-the-test", "child-protection")


async def test_only_finds_whose_parameters_are_all_known_are_asked(police: tuple[Police, Any]) -> None:
    service, connector = police

    assert connector.can_find(Subject(family_name="Ash", birth_date="2014-02-03"))
    assert not connector.can_find(Subject(family_name="Ash", birth_date="2014-02"))
    assert not connector.can_find(Subject(given_name="Jo"))
    await connector.find(Subject(family_name="Ash", birth_date="2014-02-03"), ask())
    assert [path for _, path, _, _ in service.asked] == ["/api/people/search"]


async def test_records_come_over_all_pages_and_stay_with_the_configured_server(police: tuple[Police, Any], standard: Standard) -> None:
    """The id is percent-encoded in the path; a link to another host keeps its query and loses its host."""
    service, connector = police
    path = "/api/people/U%2F7%20%C3%A9/concerns"
    one = {"ref": "c1", "occurred": "2026-06-30T23:30:00Z", "text": "Seen.", "type": "DA", "areas": ["s", "h", "?"], "now": "N"}
    service.answers = {
        f"{path}?since=2026-01-01&size=2&all=true": {
            "items": [one],
            "links": {"next": "https://evil.example/api/people/U%2F7%20%C3%A9/concerns?cursor=2"},
        },
        f"{path}?cursor=2": {"items": [{**one, "ref": 2, "type": "ODD"}, {"text": 5}], "links": {"next": None}},
    }

    records = await listed(connector, "WellbeingConcern", Person(id="U/7 é"), ask(since=date(2026, 1, 1)))

    assert [record.id for record in records] == ["c1", "2", ""]
    assert records[0].fields == {
        "occurredOn": "2026-07-01",
        "summary": "Seen.",
        "category": "DOMESTIC_ABUSE",
        "indicators": ["SAFE", "HEALTHY", "OTHER"],
        "immediateDanger": False,
        "sourceCode": "DA",
    }
    assert records[1].fields["category"] == "OTHER"
    assert all(validate(standard.kinds["WellbeingConcern"], record) for record in records[:2])
    with pytest.raises(ValueError, match="WellbeingConcern"):
        validate(standard.kinds["WellbeingConcern"], records[2])


async def test_pages_of_a_search_are_posted_again_and_never_repeat_it_in_an_address(police: tuple[Police, Any]) -> None:
    service, connector = police
    service.answers = {
        "/api/people/search": {"people": [ROW], "next": "/api/people/search?page=2"},
        "/api/people/search?page=2": {"people": [{**ROW, "urn": "8"}], "next": None},
    }
    found = await connector.find(Subject(family_name="Ash", birth_date="2014-02-03"), ask())

    assert [each.id for each in found] == ["U/7 é", "8"]
    assert [(method, path) for method, path, _, _ in service.asked] == [
        ("POST", "/api/people/search"),
        ("POST", "/api/people/search?page=2"),
    ]
    assert service.asked[0][2] == service.asked[1][2]
    service.answers = {"/api/people/search": {"people": [ROW], "next": "/api/people/search?surname=Ash&page=2"}}
    with pytest.raises(Misconfigured, match="repeats"):
        await connector.find(Subject(family_name="Ash", birth_date="2014-02-03"), ask())
    service.answers = {"/api/people/search": {"people": [ROW], "next": "/api/people/search"}}
    with pytest.raises(Misconfigured, match="circle"):
        await connector.find(Subject(family_name="Ash", birth_date="2014-02-03"), ask())


async def test_a_next_link_about_somebody_else_is_not_followed(police: tuple[Police, Any]) -> None:
    service, connector = police
    start = "/api/people/7/concerns"
    service.answers = {f"{start}?since=1900-01-01&size=2&all=true": {"items": [], "links": {"next": "/api/people/8/concerns?p=2"}}}
    with pytest.raises(Misconfigured, match="somebody else"):
        await listed(connector, "WellbeingConcern", Person(id="7"), ask())


@pytest.mark.parametrize(
    "answer", [{}, [], {"people": None}, {"people": {}}, {"people": ["Ash"]}, {"people": [ROW], "next": 5}, "Ash", None]
)
async def test_an_answer_of_another_shape_is_no_empty_list(police: tuple[Police, Any], answer: Any) -> None:
    service, connector = police
    service.answers = {"/api/people/search": answer}
    with pytest.raises(Misconfigured) as raised:
        await connector.find(Subject(family_name="Ash", birth_date="2014-02-03"), ask())

    assert "Ash" not in str(raised.value)


@pytest.mark.parametrize(
    ("row", "key"),
    [
        ({"urn": None}, "id"),
        ({"urn": {"x": 1}}, "id"),
        ({"dob": "03/02/2014"}, "birth_date"),
        ({"dob": "unknown"}, "birth_date"),
        ({"surname": 5}, "family_name"),
        ({"homes": ["1 Row"]}, "addresses"),
    ],
)
async def test_a_person_that_cannot_be_read_fails_the_find(police: tuple[Police, Any], row: dict[str, Any], key: str) -> None:
    service, connector = police
    service.answers = {"/api/people/search": {"people": [ROW | row]}}
    with pytest.raises(Misconfigured, match=f"person.{key} "):
        await connector.find(Subject(family_name="Ash", birth_date="2014-02-03"), ask())


async def test_the_first_find_that_fails_fails_the_whole_find_as_itself(police: tuple[Police, Any]) -> None:
    """What one of two searches would have found is not known: the answer is not complete."""
    service, connector = police
    service.answers = {"/api/people/search": {"people": [ROW]}, "/api/homes": web.Response(status=500)}
    with pytest.raises(Unavailable):
        await connector.find(JO, ask())


async def test_an_id_that_would_climb_out_of_the_path_is_refused(police: tuple[Police, Any]) -> None:
    service, connector = police
    for id in ("..", ".", ""):
        with pytest.raises(Misconfigured):
            await listed(connector, "WellbeingConcern", Person(id=id), ask())
    assert service.asked == []


async def test_closing_the_generator_stops_the_paging(police: tuple[Police, Any]) -> None:
    service, connector = police
    start = "/api/people/1/concerns"
    service.answers = {f"{start}?since=1900-01-01&size=2&all=true": {"items": [{"ref": "a"}, {"ref": "b"}], "links": {"next": "?p=2"}}}
    stream = connector.provided()["WellbeingConcern"](Person(id="1"), ask())
    assert (await anext(stream)).id == "a"
    await stream.aclose()

    assert len(service.asked) == 1


async def test_check_asks_whether_the_service_lets_us_in(police: tuple[Police, Any]) -> None:
    service, connector = police
    service.answers = {"/api/": web.Response(status=404)}
    await connector.check()
    service.answers = {"/api/": web.Response(status=500)}
    with pytest.raises(Unavailable):
        await connector.check()
