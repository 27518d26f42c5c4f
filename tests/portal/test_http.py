"""GraphQL over HTTP, point by point; what is written to the access log; what nobody is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from portal.accesslog import LogUnavailable
from portal.api.accept import negotiate
from portal.api.documents import MOST_TOKENS
from portal.api.http import MOST_BYTES, ClientLeft, GraphQLEndpoint, unless_left
from portal.app import Discreet, create_app
from portal.gateway import Portal
from portal.model import ChildView
from tests.portal.agreement_cases import clause, page, signed
from tests.portal.entrance import (
    ASK,
    GRAPHQL,
    JO,
    Door,
    Front,
    Standing,
    answer,
    broken,
    events,
    schema,
    serving,
    standing,
    without_sources,
)  # fmt: skip
from tests.portal.issuer import Issuer, running_issuer

JSON = "application/json"
PLAIN = {"Accept": JSON}


class House:
    """Everything one test needs: the portal, its sign-in service, its door, its folder."""

    def __init__(self, portal: Standing, issuer: Issuer, door: Door, state: Path) -> None:
        self.portal, self.issuer, self.door, self.state = portal, issuer, door, state

    def types(self) -> list[str]:
        return [f"{event['type']}:{event.get('ended') or event.get('why') or ''}".rstrip(":") for event in events(self.state)]


class Street(NamedTuple):
    """What all tests share: a server, a sign-in service, a client."""

    front: Front
    url: str
    issuer: Issuer
    session: aiohttp.ClientSession


@pytest_asyncio.fixture(scope="module")
async def street() -> AsyncIterator[Street]:
    front = Front()
    async with running_issuer() as issuer, serving(front) as url, aiohttp.ClientSession() as session:
        yield Street(front, url, issuer, session)


@pytest_asyncio.fixture
async def house(street: Street, tmp_path: Path) -> AsyncIterator[House]:
    async with standing(tmp_path, street.issuer) as portal:
        street.front.behind = GraphQLEndpoint(portal, schema(), answer, introspection=True)
        street.issuer.up = True
        yield House(portal, street.issuer, Door(street.url, street.issuer.bearer(), street.session), tmp_path)


# What goes in and out


async def test_a_child_is_answered_with_a_receipt(house: House) -> None:
    reply = await house.door.ask(ASK, {"subject": JO})
    child = reply.body["data"]["child"]
    assert reply.status == 200
    assert "errors" not in reply.body
    assert child["wellbeingConcerns"]["records"] == [{"id": "c-1", "summary": "Hungry at school."}]
    assert child["wellbeingConcerns"]["missing"][0]["state"] == "TIMED_OUT"
    assert house.types() == ["intent", "conclusion:answered"]
    assert events(house.state)[child["receipt"]["index"]]["access"] == child["receipt"]["access"]


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        ("application/json; charset=utf-8", JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8, {JSON}; charset=utf-8", GRAPHQL),
        (f"{JSON}, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL};q=0.5, {JSON}", JSON),
        (f"{GRAPHQL};q=0, */*", JSON),
        (f"{GRAPHQL}, */*;q=0.1", GRAPHQL),
        ("TEXT/html, Application/JSON;Q=0.9", JSON),
    ],
)
async def test_the_answer_comes_as_the_client_wants_it_in_utf_8(house: House, accept: str | None, media: str) -> None:
    reply = await house.door.ask("{ __typename }", headers={"Accept": accept})
    assert (reply.status, reply.headers["Content-Type"]) == (200, f"{media}; charset=utf-8")
    assert reply.body == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("accept", ["text/html", f"{JSON};q=0", f"{GRAPHQL};charset=latin-1", "application/xml, text/*", f"{JSON};q=nan"])
async def test_an_accept_that_takes_none_of_ours_is_406(house: House, accept: str) -> None:
    reply = await house.door.ask("{ __typename }", headers={"Accept": accept})
    assert (reply.status, reply.code) == (406, "CV406")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_only_post_is_taken(house: House, method: str) -> None:
    reply = await house.door.send({"query": "{ __typename }"}, method=method)
    assert (reply.status, reply.headers["Allow"], reply.code) == (405, "POST", "CV405")


async def test_head_is_answered_without_a_body(house: House) -> None:
    reply = await house.door.send(b"", method="HEAD")
    assert (reply.status, reply.raw) == (405, b"")


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "text/plain",
        "application/graphql",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/json; charset=latin-1",
    ],
)
async def test_a_body_that_is_not_declared_to_be_json_is_415(house: House, kind: str | None) -> None:
    reply = await house.door.ask("{ __typename }", headers={"Content-Type": kind})
    assert (reply.status, reply.code) == (415, "CV415")


async def test_a_compressed_body_is_415(house: House) -> None:
    reply = await house.door.ask("{ __typename }", headers={"Content-Encoding": "zstd"})
    assert (reply.status, reply.code) == (415, "CV415")


@pytest.mark.parametrize("kind", [JSON, "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])
async def test_json_may_be_declared_in_its_usual_ways(house: House, kind: str) -> None:
    assert (await house.door.ask("{ __typename }", headers={"Content-Type": kind})).status == 200


@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'"{ __typename }"',
        b"\xff\xfe",
        b'[{"query": "{ __typename }"}]',
        b"{}",
        b'{"qeury": "{ __typename }"}',
        b'{"query": null}',
        b'{"query": 7}',
        b'{"query": {"a": 1}}',
        b'{"query": "{ __typename }", "operationName": 7}',
        b'{"query": "{ __typename }", "operationName": {}}',
        b'{"query": "{ __typename }", "variables": "x"}',
        b'{"query": "{ __typename }", "variables": [1]}',
        b'{"query": "{ __typename }", "extensions": 0}',
        b'{"query": "{ __typename }", "extensions": ["x"]}',
        b'{"query": "\\ud800"}',
        b"[" * 60_000,
    ],
)
async def test_a_malformed_request_is_400_whatever_the_client_takes(house: House, body: bytes, accept: str) -> None:
    reply = await house.door.send(body, {"Accept": accept})
    assert (reply.status, reply.code) == (400, "CV400")
    assert "data" not in reply.body


@pytest.mark.parametrize(
    "more",
    [{}, {"operationName": None}, {"operationName": "A"}, {"variables": {}}, {"variables": None}, {"extensions": {"a": {}}}, {"x": 1}],
)
async def test_optional_parts_may_be_there_null_or_absent(house: House, more: dict[str, Any]) -> None:
    reply = await house.door.send({"query": "query A { __typename }"} | more)
    assert reply.body == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": ""}, "CV410"),
        ({"query": "{"}, "CV410"),
        ({"query": "{ nothing }"}, "CV411"),
        ({"query": "{ purposes }"}, "CV411"),
        ({"query": "query A { __typename } query B { __typename }"}, "CV417"),
        ({"query": "query A { __typename }", "operationName": "B"}, "CV417"),
        ({"query": "query A { __typename }", "operationName": ""}, "CV417"),
        ({"query": "fragment F on Query { __typename }"}, "CV411"),
        ({"query": "query A($p: ID!) { explain(purpose: $p) { words } }"}, "CV418"),
        ({"query": "query A($p: ID!) { explain(purpose: $p) { words } }", "variables": {"p": ["x"]}}, "CV418"),
    ],
)
async def test_a_document_that_cannot_be_run_is_400_or_200_by_media_type(house: House, body: dict[str, Any], code: str) -> None:
    modern, plain = await house.door.send(body), await house.door.send(body, PLAIN)
    assert (modern.status, modern.code) == (400, code)
    assert (plain.status, plain.code) == (200, code)
    assert "data" not in modern.body
    assert "data" not in plain.body


async def test_a_body_beyond_64_kib_is_413_announced_or_not(house: House) -> None:
    long = json.dumps({"query": "{ __typename }", "variables": {"x": "y" * MOST_BYTES}}).encode()
    reply = await house.door.send(long)
    assert (reply.status, reply.code) == (413, "CV414")

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(long), 5000):
            yield long[start : start + 5000]

    headers = {"Content-Type": JSON, "Authorization": house.door.bearer}
    async with house.door.session.post(house.door.url, data=in_pieces(), headers=headers) as response:
        assert response.status == 413


async def test_nothing_may_be_kept_and_no_cookie_is_set(house: House) -> None:
    for reply in (
        await house.door.ask(ASK, {"subject": JO}),
        await house.door.ask("{"),
        await house.door.ask("{x}", headers={"Authorization": None}),
    ):
        assert reply.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in reply.headers


@pytest.mark.parametrize("target", ["__schema { queryType { name } }", '__type(name: "ChildView") { name }'])
async def test_the_api_may_be_asked_about_itself_only_where_that_is_switched_on(street: Street, house: House, target: str) -> None:
    assert (await house.door.ask(f"{{ {target} }}")).status == 200
    street.front.behind = GraphQLEndpoint(house.portal, schema(), answer)
    reply = await house.door.ask(f"{{ {target} }}")
    assert (reply.status, reply.code) == (400, "CV419")


# Who may come in


async def test_without_a_good_token_it_is_401_and_the_access_log_stays_silent(house: House) -> None:
    for authorization in (None, "Bearer nonsense", house.issuer.bearer(exp=1)):
        with capture_logs() as told:
            reply = await house.door.ask(ASK, {"subject": JO}, {"Authorization": authorization})
        assert (reply.status, reply.code, reply.headers["WWW-Authenticate"]) == (401, "CV401", "Bearer")
        assert [line["event"] for line in told] == ["token refused"]
    assert events(house.state) == []
    assert house.portal.asked == []


@pytest.mark.parametrize(
    ("claims", "why"),
    [({"org": "elsewhere"}, "agency"), ({"roles": ["caretaker"]}, "role"), ({"org": "northshire-council"}, "overreach")],
)
async def test_a_known_practitioner_who_may_not_ask_is_403_and_in_the_access_log(house: House, claims: dict[str, Any], why: str) -> None:
    reply = await house.door.ask(ASK, {"subject": JO}, {"Authorization": house.issuer.bearer(**claims)})
    assert (reply.status, reply.code) == (403, "CV403")
    assert house.types() == [f"refusal:{why}"]
    assert events(house.state)[0]["actor"]["person"] == "sub-17"
    assert house.portal.asked == []


async def test_a_silent_sign_in_service_is_503_with_the_time_to_wait(house: House) -> None:
    house.issuer.up = False
    reply = await house.door.ask("{ __typename }")
    assert (reply.status, reply.code) == (503, "CV402")
    assert int(reply.headers["Retry-After"]) > 0


# One child, one access


@pytest.mark.parametrize(
    "query", ["{ __typename }", "{ purposes { id } sources { id } agreements { id } }", '{ explain(purpose: "x") { words } }']
)
async def test_what_concerns_no_child_writes_no_event(house: House, query: str) -> None:
    assert (await house.door.ask(query)).status == 200
    assert events(house.state) == []


TWO = {
    "alias": "{ a: child(subject: $subject, purpose: $p) { purpose } b: child(subject: $subject, purpose: $p) { purpose } }",
    "fragment": "{ a: child(subject: $subject, purpose: $p) { purpose } ...F } "
    "fragment F on Query { b: child(subject: $subject, purpose: $p) { purpose } }",
    "included": "{ a: child(subject: $subject, purpose: $p) { purpose } "
    "b: child(subject: $subject, purpose: $p) @include(if: true) { purpose } }",
}
HEAD = "query Q($subject: SubjectInput!, $p: ID!) "
WITH = {"subject": JO, "p": "child-protection"}


@pytest.mark.parametrize("form", sorted(TWO))
async def test_a_second_child_is_refused_and_the_refusal_logged(house: House, form: str) -> None:
    reply = await house.door.ask(HEAD + TWO[form], WITH)
    assert (reply.status, reply.code) == (400, "CV412")
    assert house.types() == ["refusal:CV412"]
    assert house.portal.asked == []


async def test_a_second_child_that_is_skipped_does_not_count(house: House) -> None:
    one = (
        HEAD
        + "{ a: child(subject: $subject, purpose: $p) { purpose } b: child(subject: $subject, purpose: $p) @skip(if: true) { purpose } }"
    )
    assert (await house.door.ask(one, WITH)).body["data"] == {"a": {"purpose": "child-protection"}}
    merged = HEAD + "{ child(subject: $subject, purpose: $p) { purpose } child(subject: $subject, purpose: $p) { asOf } }"
    assert set((await house.door.ask(merged, WITH)).body["data"]["child"]) == {"purpose", "asOf"}
    other = HEAD + "{ child(subject: $subject, purpose: $p) { purpose } } query Other { __typename }"
    assert (await house.door.send({"query": other, "variables": WITH, "operationName": "Q"})).status == 200
    assert len(house.portal.asked) == 3


async def test_a_child_that_is_skipped_is_not_asked_about(house: House) -> None:
    query = HEAD + "{ __typename child(subject: $subject, purpose: $p) @skip(if: true) { purpose } }"
    assert (await house.door.ask(query, WITH)).body["data"] == {"__typename": "Query"}
    assert house.portal.asked == []
    assert events(house.state) == []


ABOUT = 'query Q($s: SubjectInput!%s) { child(subject: $s, purpose: "p"%s) { purpose } }'
LITERAL_GLASS = ', breakGlass: {reason: "a", words: "Zyx"}'
IN_FRAGMENT = 'query Q($s: SubjectInput!) { ...F } fragment F on Query { child(subject: $s, purpose: "p", reason: "Zyx") { purpose } }'
SKIPPED = 'query Q($s: SubjectInput!) { child(subject: $s, purpose: "p", reason: "Zyx") @skip(if: true) { purpose } }'
REFUSED = [
    ('{ child(subject: {givenName: "Zyx"}, purpose: "p") { purpose } }', {}, "CV413"),
    ('query Q($n: String) { child(subject: {givenName: $n}, purpose: "p") { purpose } }', {"n": "Zyx"}, "CV413"),
    ('query Q($s: SubjectInput! = {givenName: "Zyx"}) { child(subject: $s, purpose: "p") { purpose } }', {}, "CV413"),
    (ABOUT % ("", ', reason: "Zyx"'), {"s": JO}, "CV413"),
    (ABOUT % (', $r: String = "Zyx"', ", reason: $r"), {"s": JO}, "CV413"),
    (ABOUT % ("", LITERAL_GLASS), {"s": JO}, "CV413"),
    (IN_FRAGMENT, {"s": JO}, "CV413"),
    (SKIPPED, {"s": JO}, "CV413"),
    (ASK, {"subject": {"givenName": "Zyx"}}, "CV420"),
    (ASK, {"subject": {"identifiers": [{"system": "nhs_number", "value": "9990000018"}]}}, "CV420"),
    (ASK, {"subject": JO | {"identifiers": [{"system": "nhs_number", "value": "9990000019"}]}}, "CV421"),
    (ASK, {"subject": JO | {"identifiers": [{"system": "Zyx", "value": "1"}]}}, "CV421"),
    (ASK, {"subject": JO | {"givenName": "Zyx" * 70}}, "CV422"),
    (ABOUT % (", $c: [ID!]", ", chosen: $c"), {"s": JO, "c": ["Zyx"] * 4}, "CV609"),
    (ABOUT % ("", ', chosen: ["Zyx"]'), {"s": JO}, "CV413"),
    (ABOUT % (", $b: BreakGlassInput", ", breakGlass: $b"), {"s": JO, "b": {"reason": "Zyx", "words": "Zyx"}}, "CV424"),
]


@pytest.mark.parametrize(("query", "variables", "code"), REFUSED)
async def test_a_question_about_a_child_that_is_refused_stands_in_the_access_log(
    house: House, query: str, variables: dict[str, Any], code: str
) -> None:
    with capture_logs() as told:
        reply = await house.door.ask(query, variables)
    assert (reply.status, reply.code) == (400, code)
    assert house.types() == [f"refusal:{code}"]
    assert house.portal.asked == []
    assert "Zyx" not in reply.raw.decode()
    assert "Zyx" not in (house.state / "access.db").read_bytes().decode("latin-1")
    assert told == []


DECLARE = ABOUT % (", $r: String, $d: Boolean", ", reason: $r, declared: $d")


async def test_whoever_declares_that_they_work_with_a_child_has_to_say_how(house: House) -> None:
    refused = await house.door.ask(DECLARE, {"s": JO, "d": True})
    taken = await house.door.ask(DECLARE, {"s": JO, "d": True, "r": "I am her social worker."})
    assert (refused.status, refused.code, taken.status) == (400, "CV431", 200)
    assert house.types() == ["refusal:CV431", "intent", "conclusion:answered"]
    assert [question.declared for question in house.portal.asked] == [True]


UNFIT: list[tuple[str, dict[str, Any]]] = [
    (ASK, {"subject": JO | {"birthDate": "Zyx"}}),
    (ASK, {"subject": JO | {"Zyx": "Zyx"}}),
    (ASK, {"subject": "Zyx"}),
    (ASK, {"subject": JO | {"identifiers": [{"system": "nhs_number", "value": "Zyx", "Zyx": 1}]}}),
    (ASK, {"subject": JO, "reason": ["Zyx"]}),
    ('{ explain(purpose: {a: "Zyx"}) { words } }', {}),
    ('{ agreements(inForceOn: "Zyx") { id } }', {}),
    ('{ explain(purpose: "Zyx" { words } }', {}),
    ('{ wellbeingConcern(a: "Zyx") { id } }', {}),
    ("{ Zyx }", {}),
    ("{ purposes { Zyx: idd } }", {}),
    ("{ purposes { id(Zyx: 1) } }", {}),
    ("{ purposes { id @Zyx } }", {}),
    ("{ purposes { ...Zyx } }", {}),
    ("{ purposes { ... on Zyx { id } } }", {}),
    ("query ($Zyx: Zyx) { __typename }", {}),
    ("query { explain(purpose: $Zyx) { words } }", {}),
]


@pytest.mark.parametrize(("query", "variables"), UNFIT)
async def test_no_error_repeats_what_was_typed_nor_offers_names(house: House, query: str, variables: dict[str, Any]) -> None:
    with capture_logs() as told:
        reply = await house.door.ask(query, variables)
    assert reply.status == 400
    assert "Zyx" not in reply.raw.decode()
    assert "Did you mean" not in reply.raw.decode()
    assert told == []


async def test_an_error_says_where_to_look(house: House) -> None:
    (variable,) = (await house.door.ask(ASK, {"subject": JO | {"birthDate": "soon"}})).body["errors"]
    assert variable["path"] == ["subject", "birthDate"]
    assert "subject.birthDate" in variable["message"]
    assert "PartialDate" in variable["message"]
    (field,) = (await house.door.ask("{ purposes {\n  idd } }")).body["errors"]
    assert (field["path"], field["locations"]) == (["purposes"], [{"line": 2, "column": 3}])
    assert "Purpose" in field["message"]


# Writing down


SAY = """mutation Say($subject: SubjectInput!, $clause: Int, $party: Party!, $state: ConsentState!, $on: Date!, $evidence: String!,
  $understanding: UnderstandingInput, $responsibility: ResponsibilityInput, $words: String) {
  recordConsent(subject: $subject, agreement: "ISA-07", clause: $clause, party: $party, state: $state, on: $on, evidence: $evidence,
    understanding: $understanding, responsibility: $responsibility, words: $words) { id version state at receipt { access index leaf } } }"""
NOT_SHARED = """mutation Not($subject: SubjectInput!, $to: ID!, $kinds: [String!]!, $words: String!) {
  recordNotShared(subject: $subject, to: $to, kinds: $kinds, words: $words) { id state receipt { index } } }"""
CLOSE = """mutation Close($review: ID!, $outcome: ReviewOutcome!, $words: String!) {
  closeReview(review: $review, outcome: $outcome, words: $words) { id } }"""
TWO_DECIDED = NOT_SHARED.replace("recordNotShared(", "a: recordNotShared(").rstrip("} ") + " } } b: " + NOT_SHARED.partition("  ")[2]
GIVEN = {
    "subject": JO, "clause": 1, "party": "MOTHER", "state": "GIVEN", "on": "2026-11-20", "evidence": "form 12",
    "responsibility": {"restsOn": "Birth certificate", "on": "2026-11-20"}, "words": "She was glad to be asked.",
}  # fmt: skip
DECIDED = {"subject": JO, "to": "northshire-police", "kinds": ["Flag"], "words": "He works there."}


@pytest_asyncio.fixture
async def agreed(house: House, tmp_path: Path) -> House:
    """A house with an agreement, ISA-07, whose first clause rests on consent."""
    house.portal.agreements = signed(tmp_path / "agreements", page(clause(1, conditions='{ consent = "required" }')))
    return house


async def test_what_was_said_is_written_down_and_answered_with_a_receipt(agreed: House) -> None:
    reply = await agreed.door.ask(SAY, GIVEN)
    told = reply.body["data"]["recordConsent"]
    (event,) = events(agreed.state)
    assert (reply.status, told["state"], told["version"], told["receipt"]["access"]) == (200, "GIVEN", 1, "")
    assert reply.headers["Cache-Control"] == "no-store"
    assert (event["index"], event["id"], event["what"]) == (told["receipt"]["index"], told["id"], "consent")
    assert event["actor"] == {
        "issuer": agreed.issuer.url,
        "person": "sub-17",
        "agency": "hillview-school",
        "roles": ["named_person"],
        "assurance": "aal2",
    }
    assert agreed.portal.asked == []


async def test_a_version_follows_the_other(agreed: House) -> None:
    first, second = [
        (await agreed.door.ask(SAY, GIVEN | {"state": state})).body["data"]["recordConsent"] for state in ("GIVEN", "WITHDRAWN")
    ]
    assert (second["id"], second["version"], second["state"]) == (first["id"], 2, "WITHDRAWN")


AUDITOR = {"roles": ["auditor"]}
NOT_WRITTEN: list[tuple[str, dict[str, Any], dict[str, Any], int, str]] = [
    (SAY.replace("subject: $subject", 'subject: {givenName: "Zyx"}'), GIVEN, {}, 400, "CV413"),
    (SAY.replace("words: $words", 'words: "Zyx"'), GIVEN, {}, 400, "CV413"),
    (SAY.replace("$evidence: String!", '$evidence: String! = "Zyx"'), GIVEN, {}, 400, "CV413"),
    (TWO_DECIDED, DECIDED | {"words": "Zyx"}, {}, 400, "CV412"),
    (SAY, GIVEN | {"subject": {"givenName": "Zyx"}}, {}, 400, "CV420"),
    (SAY, GIVEN | {"subject": JO | {"identifiers": [{"system": "Zyx", "value": "1"}]}}, {}, 400, "CV421"),
    (SAY, GIVEN | {"words": "Zyx" * 700}, {}, 400, "CV422"),
    (SAY, GIVEN | {"words": "Zyx"}, AUDITOR, 403, "CV432"),
    (SAY.replace("ISA-07", "Zyx"), GIVEN, {}, 400, "CV433"),
    (SAY, GIVEN | {"clause": 7}, {}, 400, "CV433"),
    (SAY, GIVEN | {"evidence": " ", "words": "Zyx"}, {}, 400, "CV440"),
    (SAY, GIVEN | {"responsibility": None, "words": "Zyx"}, {}, 400, "CV441"),
    (SAY, GIVEN | {"on": "2026-11-23", "words": "Zyx"}, {}, 400, "CV442"),
    (NOT_SHARED, DECIDED | {"to": "Zyx"}, {}, 400, "CV433"),
    (NOT_SHARED, DECIDED | {"kinds": ["Zyx"]}, {}, 400, "CV433"),
    (NOT_SHARED, DECIDED | {"words": "Zyx"}, AUDITOR, 403, "CV432"),
    (CLOSE, {"review": "Zyx", "outcome": "JUSTIFIED", "words": "Zyx"}, {}, 403, "CV443"),
]


@pytest.mark.parametrize(("query", "variables", "claims", "status", "code"), NOT_WRITTEN)
async def test_what_may_not_be_written_down_stands_in_the_access_log_as_a_refusal(
    agreed: House, query: str, variables: dict[str, Any], claims: dict[str, Any], status: int, code: str
) -> None:
    with capture_logs() as told:
        reply = await agreed.door.ask(query, variables, {"Authorization": agreed.issuer.bearer(**claims)})
    assert (reply.status, reply.code) == (status, code)
    assert "data" not in reply.body
    assert agreed.types() == [f"refusal:{code}"]
    assert told == []
    kept = b"".join(path.read_bytes() for path in agreed.state.glob("*.db*")).decode("latin-1")
    for where in (reply.raw.decode(), kept):
        assert "Zyx" not in where


async def test_a_mutation_that_does_not_fit_is_refused_by_path(agreed: House) -> None:
    reply = await agreed.door.ask(SAY, GIVEN | {"party": "Zyx"})
    assert (reply.status, reply.code, reply.body["errors"][0]["path"]) == (400, "CV418", ["party"])
    assert "Zyx" not in reply.raw.decode()
    assert events(agreed.state) == []


async def test_a_mutation_that_is_skipped_writes_nothing_down(agreed: House) -> None:
    skipped = NOT_SHARED.replace("words: $words)", "words: $words) @skip(if: true)")
    assert (await agreed.door.ask(skipped, DECIDED)).body == {"data": {}}
    assert (await agreed.door.ask("mutation { __typename }")).body == {"data": {"__typename": "Mutation"}}
    assert events(agreed.state) == []


async def test_a_client_that_leaves_has_said_what_it_said(agreed: House) -> None:
    """A refusal counts although nobody waits for its receipt."""
    async with agreed.portal.database.begin():  # the registry lets nobody else write meanwhile
        asking = asyncio.create_task(agreed.door.ask(SAY, GIVEN | {"state": "REFUSED"}))
        await asyncio.sleep(0.2)
        asking.cancel()
        await asyncio.sleep(0.1)
    for _ in range(200):
        if events(agreed.state):
            break
        await asyncio.sleep(0.01)
    assert asking.cancelled()
    assert [event["state"] for event in events(agreed.state)] == ["refused"]


async def test_a_registry_that_cannot_be_written_is_503_and_nothing_is_claimed(agreed: House) -> None:
    async with agreed.portal.database.begin() as connection:
        await connection.exec_driver_sql("drop table said")
    reply = await agreed.door.ask(SAY, GIVEN)
    assert (reply.status, reply.code) == (503, "CV811")
    assert int(reply.headers["Retry-After"]) > 0
    assert events(agreed.state) == []


async def test_a_log_that_cannot_be_written_does_not_hide_that_it_was_written_down(agreed: House) -> None:
    await agreed.portal.log.close()
    reply = await agreed.door.ask(SAY, GIVEN | {"state": "REFUSED"})
    assert (reply.status, reply.code) == (503, "CV701")
    assert "written down and counts" in reply.raw.decode()
    assert "Retry-After" not in reply.headers


OFFICER = {"sub": "sub-9", "org": "northshire-police", "roles": ["privacy_officer"]}
REVIEWS = "{ reviews { id agency byAgency reason access openedAt due overdue } purposes { id } }"


async def test_reviews_are_seen_and_closed_by_the_officers_of_the_agency_they_wait_at(agreed: House) -> None:
    await broken(agreed.portal)
    officer = {"Authorization": agreed.issuer.bearer(**OFFICER)}
    (review,) = (await agreed.door.ask(REVIEWS, headers=officer)).body["data"]["reviews"]
    assert (await agreed.door.ask(REVIEWS)).body["data"]["reviews"] == []

    done = await agreed.door.ask(CLOSE, {"review": review["id"], "outcome": "JUSTIFIED", "words": "She was found."}, officer)

    assert review | {"id": ""} == {
        "id": "", "agency": "northshire-police", "byAgency": "hillview-school", "reason": "immediate-danger", "access": "01JDACCESS",
        "openedAt": "2026-11-22T10:42:07.123Z", "due": "2026-11-24", "overdue": False,
    }  # fmt: skip
    assert done.body["data"]["closeReview"]["id"] == review["id"]
    assert [event["what"] for event in events(agreed.state)] == ["review"]
    assert (await agreed.door.ask(REVIEWS, headers=officer)).body["data"]["reviews"] == []


# When something goes wrong


async def test_a_client_that_leaves_ends_the_work_and_the_log_says_so(house: House) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        begun.set()
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.05)  # whoever unwinds may need a moment
            ended.set()

    house.portal.meanwhile = slowly
    asking = asyncio.create_task(house.door.ask(ASK, {"subject": JO}))
    await asyncio.wait_for(begun.wait(), 5)
    asking.cancel()
    await asyncio.wait_for(ended.wait(), 5)
    for _ in range(200):
        if len(house.types()) == 2:
            break
        await asyncio.sleep(0.01)
    assert house.types() == ["intent", "conclusion:client-left"]


async def test_the_end_of_cancelled_work_is_waited_for() -> None:
    begun, ended = asyncio.Event(), []

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.02)
            ended.append("concluded")

    async def leave() -> dict[str, Any]:
        await begun.wait()
        return {"type": "http.disconnect"}

    with pytest.raises(ClientLeft):
        await unless_left(work(), leave)
    assert ended == ["concluded"]


async def test_a_server_that_stops_waits_for_the_end_of_the_work_too() -> None:
    begun, ended = asyncio.Event(), []

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.05)
            ended.append("concluded")

    async def stay() -> dict[str, Any]:
        await asyncio.sleep(30)
        return {"type": "http.disconnect"}

    serving_one = asyncio.create_task(unless_left(work(), stay))
    await begun.wait()
    for _ in range(3):
        serving_one.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError):
        await serving_one
    assert ended == ["concluded"]


async def test_a_server_that_stops_while_the_work_ends_is_not_kept_from_stopping() -> None:
    begun, ending, ended = asyncio.Event(), asyncio.Event(), []

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(30)
        finally:
            ending.set()
            await asyncio.sleep(0.05)
            ended.append("concluded")

    async def leave() -> dict[str, Any]:
        await begun.wait()
        return {"type": "http.disconnect"}

    serving_one = asyncio.create_task(unless_left(work(), leave))
    await ending.wait()
    serving_one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving_one
    assert ended == ["concluded"]


async def test_a_client_that_leaves_while_it_still_speaks_is_no_failure_of_ours(house: House) -> None:
    address = house.door.url.removeprefix("http://").removesuffix("/graphql")
    host, port = address.split(":")
    with capture_logs() as told:
        _, writer = await asyncio.open_connection(host, int(port))
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nAuthorization: {house.door.bearer}\r\nContent-Length: 99\r\n\r\n"
        )
        writer.write(head.encode() + b'{"query"')
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.05)
    assert told == []
    assert (await house.door.ask("{ __typename }")).status == 200


async def test_an_answer_that_fails_says_nothing_of_why(house: House) -> None:
    async def fail() -> None:
        raise ValueError("Jo Ash lives at 1 Zyx Street")

    house.portal.meanwhile = fail
    with capture_logs() as told:
        reply = await house.door.ask(ASK, {"subject": JO})
    assert (reply.status, reply.code) == (500, "CV901")
    assert "Zyx" not in reply.raw.decode() + json.dumps(told)
    (line,) = told
    assert (line["event"], line["error"]) == ("bug", "ValueError")
    assert any("test_http.py" in frame and frame.endswith("fail") for frame in line["frames"])
    assert house.types() == ["intent", "conclusion:failed"]


async def test_several_failures_at_once_are_named_by_type(house: House) -> None:
    async def fail() -> None:
        raise ExceptionGroup("Zyx", [KeyError("Zyx"), OSError("Zyx")])

    house.portal.meanwhile = fail
    with capture_logs() as told:
        assert (await house.door.ask(ASK, {"subject": JO})).status == 500
    assert told[0]["inside"] == ["KeyError", "OSError"]
    assert "Zyx" not in json.dumps(told)


async def test_work_that_cancels_itself_is_our_failure_not_the_clients(house: House) -> None:
    async def stop() -> None:
        raise asyncio.CancelledError

    house.portal.meanwhile = stop
    reply = await house.door.ask(ASK, {"subject": JO})
    assert (reply.status, reply.code) == (500, "CV901")


async def test_a_field_that_cannot_be_projected_is_said_in_place_without_words_of_the_exception(house: House) -> None:
    def broken(view: ChildView) -> ChildView:
        section = view.sections["wellbeingConcerns"]
        wrong = msgspec.structs.replace(section.missing[0], state="Zyx")  # type: ignore[arg-type]
        return msgspec.structs.replace(view, sections={"wellbeingConcerns": msgspec.structs.replace(section, missing=(wrong,))})

    house.portal.change = broken
    with capture_logs() as told:
        reply = await house.door.ask(ASK, {"subject": JO})
    assert reply.status == 200
    assert reply.code == "CV901"
    assert reply.body["errors"][0]["path"] == ["child", "wellbeingConcerns", "missing", 0, "state"]
    assert reply.body["data"]["child"]["wellbeingConcerns"] is None
    assert "Zyx" not in reply.raw.decode() + json.dumps(told)


async def test_nothing_is_shown_when_the_access_log_cannot_be_written(house: House) -> None:
    async def fail() -> None:
        raise LogUnavailable("disk full")

    house.portal.meanwhile = fail
    reply = await house.door.ask(ASK, {"subject": JO})
    assert (reply.status, reply.code) == (503, "CV701")
    assert int(reply.headers["Retry-After"]) > 0
    assert "/contacts" in reply.raw.decode()
    assert "data" not in reply.body


async def test_a_refusal_that_cannot_be_logged_is_503(house: House) -> None:
    await house.portal.log.close()
    reply = await house.door.ask(HEAD + TWO["alias"], WITH)
    assert (reply.status, reply.code) == (503, "CV701")


async def test_many_words_are_refused_quickly(house: House) -> None:
    reply = await house.door.ask("{" + "x " * (MOST_TOKENS + 1) + "}")
    assert (reply.status, reply.code) == (400, "CV416")


# Pages without a child


def test_negotiation_is_by_the_most_exact_name() -> None:
    assert negotiate(f"{JSON};q=0.2, application/*;q=0.9, {GRAPHQL};q=0.1") == JSON
    assert negotiate(f"{GRAPHQL};q=0.3, {JSON};q=0.2, */*") == GRAPHQL
    assert negotiate("text/html;level=1") is None


@pytest_asyncio.fixture
async def whole(street: Street, tmp_path: Path) -> AsyncIterator[tuple[Portal, Door, str]]:
    """The shipped application over a federation that has agencies and no source yet."""
    async with standing(tmp_path, street.issuer) as bare:
        portal = await without_sources(bare, tmp_path)
        street.front.behind = create_app(portal, introspection=True)
        yield portal, Door(street.url, street.issuer.bearer(), street.session), street.url


async def test_the_shipped_application_answers_through_the_whole_path(whole: tuple[Portal, Door, str], tmp_path: Path) -> None:
    _, door, _ = whole
    reply = await door.ask(ASK, {"subject": JO})
    assert reply.status == 200
    assert reply.body["data"]["child"]["wellbeingConcerns"]["records"] == []
    assert reply.body["data"]["child"]["wellbeingConcerns"]["everySourceAnswered"] is False
    assert [event["type"] for event in events(tmp_path)] == ["intent", "conclusion"]


async def test_the_phone_list_needs_no_sign_in_and_no_script(whole: tuple[Portal, Door, str]) -> None:
    _, door, url = whole
    async with door.session.get(f"{url}/contacts") as response:
        page = await response.text()
    assert (response.status, response.content_type, response.headers["Cache-Control"]) == (200, "text/html", "no-store")
    assert "Hillview &lt;School&gt; &amp; Nursery" in page
    assert 'href="tel:01234567899"' in page
    assert "999" in page
    assert "script" not in page.lower().replace("<school>", "")
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


async def test_the_phone_list_comes_as_json_to_programs(whole: tuple[Portal, Door, str]) -> None:
    _, door, url = whole
    async with door.session.get(f"{url}/contacts", headers={"Accept": JSON}) as response:
        told = await response.json()
    assert told["agencies"][1] == {"name": "Northshire Police", "phone": "01234 567890", "outOfHours": "01234 567899"}


async def test_a_closed_log_is_said_on_the_phone_list_and_makes_the_portal_unready(whole: tuple[Portal, Door, str]) -> None:
    portal, door, url = whole
    async with door.session.get(f"{url}/readyz") as response:
        assert (response.status, await response.json()) == (
            200,
            {"ready": True, "log": "writable", "agreements": "read", "sources": 0, "reached": 0},
        )
    portal.log._store.healthy = False
    async with door.session.get(f"{url}/readyz") as response:
        assert (response.status, (await response.json())["log"]) == (503, "closed")
    async with door.session.get(f"{url}/healthz") as response:
        assert response.status == 200
    async with door.session.get(f"{url}/contacts") as response:
        page = await response.text()
    assert "We cannot record who looks" in page
    assert "999" in page


async def test_an_unknown_address_says_nothing(whole: tuple[Portal, Door, str]) -> None:
    _, door, url = whole
    async with door.session.get(f"{url}/children/9990000018") as response:
        assert (response.status, await response.text()) == (404, "Not Found")


async def test_exceptions_of_pages_keep_their_words_to_themselves(street: Street) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("Jo Ash lives at 1 Zyx Street")

    street.front.behind = Discreet(broken)
    with capture_logs() as told:
        async with street.session.get(street.url) as response:
            text = await response.text()
    assert response.status == 500
    assert "CV901" in text
    assert "Zyx" not in text + json.dumps(told)
