"""Who may not ask: what they are told, what is written down, and that no agency hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from joserfc import jwt

from portal.demo import SUBJECT, issuer
from portal.demo.issuer import issuer_folder, signing_key
from tests.journeys.northshire import PURPOSE, Northshire, everything

COUNTED = ("northshire-police", "northshire-fire", "northshire-nhs", "hillview-mis")


async def requests(northshire: Northshire) -> list[int]:
    return [await northshire.demo.source(source).requests() for source in COUNTED]


@pytest_asyncio.fixture
async def unheard(northshire: Northshire) -> AsyncIterator[Northshire]:
    """The portal, of which no agency may have heard anything by the end of the test."""
    before = await requests(northshire)
    yield northshire
    assert await requests(northshire) == before


def token(northshire: Northshire, **claims: Any) -> str:
    """Morag's token with other claims, truly signed by the demo's issuer."""
    key = signing_key(issuer_folder(northshire.demo.folder))
    said, _ = _parts(northshire.demo.token("morag"), key)
    return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": key.kid}, said | claims, key)


def _parts(signed: str, key: Any) -> tuple[dict[str, Any], Any]:
    decoded = jwt.decode(signed, key)
    return dict(decoded.claims), decoded.header


async def ask(northshire: Northshire, signed: str | None) -> Any:
    return await northshire.post({"query": everything(), "variables": {"subject": SUBJECT, "purpose": PURPOSE}}, token=signed)


BAD = {
    "no token": lambda northshire: None,
    "not a token": lambda northshire: "abc.def.ghi",
    "expired": lambda northshire: northshire.demo.token("morag", timedelta(seconds=-120)),
    "another audience": lambda northshire: token(northshire, aud="urn:elsewhere:portal"),
    "another issuer": lambda northshire: token(northshire, iss="https://id.elsewhere.example"),
    "not yet valid": lambda northshire: token(northshire, nbf=4_000_000_000),
    "altered": lambda northshire: _altered(northshire.demo.token("morag")),
}

FORBIDDEN = {
    "an agency nobody knows": ({"org": "southshire-school"}, {"agency", "overreach"}),
    "a role nobody knows": ({"roles": ["head_of_everything"]}, {"role", "overreach"}),
    "no role": ({"roles": []}, {"role"}),
}


def _altered(signed: str) -> str:
    header, payload, signature = signed.split(".")
    return ".".join((header, payload, signature[:-4] + ("AAAA" if signature[-4:] != "AAAA" else "BBBB")))


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_token_is_401_and_leaves_no_event(unheard: Northshire, case: str) -> None:
    before = len(unheard.events())
    answered = await ask(unheard, BAD[case](unheard))

    assert (answered.status, answered.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answered.body["errors"][0]["extensions"]["code"] == "CV401"
    assert len(unheard.events()) == before


@pytest.mark.parametrize("case", FORBIDDEN)
async def test_an_agency_or_role_that_may_not_ask_is_403_and_a_refusal(unheard: Northshire, case: str) -> None:
    claims, why = FORBIDDEN[case]
    answered = await ask(unheard, token(unheard, **claims))
    event = unheard.events()[-1]

    assert (answered.status, answered.body["errors"][0]["extensions"]["code"]) == (403, "CV403")
    assert (event["type"], event["actor"]["person"]) == ("refusal", "morag")
    assert event["why"] in why


async def test_an_issuer_that_asserts_more_than_it_may_is_overreach(unheard: Northshire) -> None:
    identity = unheard.portal.settings.issuers[0]
    beyond = sorted(set(unheard.portal.roles) - set(identity.may_assert.roles)) or sorted(
        set(unheard.portal.agencies) - set(identity.may_assert.agencies)
    )
    assert beyond, "the demo's issuer must leave something that it may not assert"
    claims = {"roles": beyond[:1]} if beyond[0] in unheard.portal.roles else {"org": beyond[0]}

    answered = await ask(unheard, token(unheard, **claims))

    assert answered.status == 403
    assert unheard.events()[-1]["why"] == "overreach"


async def test_without_a_clause_the_answer_is_200_with_intent_and_conclusion(unheard: Northshire) -> None:
    answered = await ask(unheard, unheard.demo.token("tom"))
    access = answered.view["receipt"]["access"]

    assert set(answered.states.values()) == {"NOT_PERMITTED"}
    assert [event["type"] for event in unheard.events() if event.get("access") == access] == ["intent", "conclusion"]


async def test_a_second_child_in_one_question_is_refused_and_written_down(unheard: Northshire) -> None:
    query = """query Two($subject: SubjectInput!, $purpose: ID!) {
      a: child(subject: $subject, purpose: $purpose) { asOf } b: child(subject: $subject, purpose: $purpose) { asOf } }"""
    answered = await unheard.post(
        {"query": query, "variables": {"subject": SUBJECT, "purpose": PURPOSE}}, token=unheard.demo.token("morag")
    )

    assert answered.body["errors"][0]["extensions"]["code"] == "CV412"
    assert (unheard.events()[-1]["type"], unheard.events()[-1]["why"]) == ("refusal", "CV412")


async def test_asking_by_a_number_alone_is_refused_and_written_down(unheard: Northshire) -> None:
    answered = await unheard.ask("morag", {"identifiers": SUBJECT["identifiers"]})

    assert answered.body["errors"][0]["extensions"]["code"] == "CV420"
    assert (unheard.events()[-1]["type"], unheard.events()[-1]["why"]) == ("refusal", "CV420")


async def test_a_choice_that_nobody_offered_is_refused_and_written_down(unheard: Northshire) -> None:
    query = "query C($subject: SubjectInput!, $purpose: ID!, $chosen: [ID!]) { child(subject: $subject, purpose: $purpose, chosen: $chosen) { asOf } }"
    answered = await unheard.ask("morag", SUBJECT, query=query, chosen=["x"])

    assert answered.status == 409
    assert answered.body["errors"][0]["extensions"]["code"] == "CV608"
    assert (unheard.events()[-1]["type"], unheard.events()[-1]["why"]) == ("refusal", "CV608")


async def test_explaining_asks_nobody_and_writes_nothing(unheard: Northshire) -> None:
    before = len(unheard.events())
    query = "query E($purpose: ID!) { explain(purpose: $purpose) { source kind field permitted clause reason words } purposes { id words } sources { id agency } agreements { id inForce text } }"
    answered = await unheard.post({"query": query, "variables": {"purpose": PURPOSE}}, token=unheard.demo.token("morag"))
    rulings = answered.body["data"]["explain"]

    assert {ruling["permitted"] for ruling in rulings} == {True, False}
    assert all(ruling["clause"] for ruling in rulings if ruling["permitted"])
    assert len(unheard.events()) == before
    await asyncio.sleep(0)


def test_the_demos_issuer_is_not_for_production(northshire: Northshire) -> None:
    from connectors.standard import load_standard
    from portal.federation import load_federation, refused_in_production

    federation = load_federation(northshire.demo.federation, load_standard())

    assert {mistake.id for mistake in refused_in_production(federation)} >= {"CV131", "CV132", "CV133"}
    assert issuer.PATH
