"""Who is asking: which tokens are believed, how far, and what is said of those that are not."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from portal.errors import IssuerUnreachable, Unauthenticated
from portal.identity import ClaimNames, Forbidden, Identity, IssuerSettings, MayAssert, production_mistakes
from portal.issuers import ASK_AGAIN_AFTER, KEYS_KEPT, REST, IssuerKeys
from tests.portal.issuer import AUDIENCE, Issuer, running_issuer

AGENCIES = ("hillview-school", "northshire-police", "northshire-council")
ROLES = ("named_person", "auditor", "health_visitor")


@pytest_asyncio.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with running_issuer() as issuer:
        yield issuer


def identity(issuer: Issuer, **changes: Any) -> Identity:
    return Identity([issuer.settings(**changes)], AGENCIES, ROLES)


async def refused(issuer: Issuer, authorization: str | None, **changes: Any) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await identity(issuer, **changes).authenticate(authorization)
    assert caught.value.status == 401
    return caught.value.why


async def forbidden(issuer: Issuer, authorization: str, **changes: Any) -> Forbidden:
    with pytest.raises(Forbidden) as caught:
        await identity(issuer, **changes).authenticate(authorization)
    assert caught.value.status == 403
    return caught.value


async def test_a_token_of_a_known_issuer_becomes_a_practitioner(issuer: Issuer) -> None:
    practitioner = await identity(issuer).authenticate(issuer.bearer())
    assert practitioner.key == f"{issuer.url}|sub-17"
    assert (practitioner.agency, practitioner.roles, practitioner.assurance) == ("hillview-school", ("named_person",), "aal2")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "abc"])
async def test_without_a_bearer_token_nobody_is_known(issuer: Issuer, header: str | None) -> None:
    assert await refused(issuer, header) == "no-token"


@pytest.mark.parametrize("token", ["abc", "a.b.c", "..", "é.é.é", "x" * 9000, "." * 20, "bm8.bm8.bm8"])
async def test_what_is_no_token_is_refused_before_anybody_is_asked(issuer: Issuer, token: str) -> None:
    assert await refused(issuer, f"Bearer {token}") == "malformed"
    assert issuer.asked == 0


async def test_the_scheme_may_be_written_in_any_case(issuer: Issuer) -> None:
    assert await identity(issuer).authenticate(f"bEARER  {issuer.token()} ")


async def test_nesting_beyond_reason_is_refused_and_does_not_crash(issuer: Issuer) -> None:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    header = part(json.dumps({"alg": "ES256", "typ": "JWT"}))
    assert await refused(issuer, f"Bearer {header}.{part('[' * 4000)}.AA") == "malformed"
    assert await refused(issuer, f"Bearer {part('[' * 2000)}.{part('{}')}.AA") == "malformed"


async def test_a_token_of_an_unknown_issuer_is_refused_and_its_issuer_is_not_asked(issuer: Issuer) -> None:
    async with running_issuer() as stranger:
        assert await refused(issuer, stranger.bearer()) == "issuer"
        assert stranger.asked == 0
    assert await refused(issuer, issuer.bearer(iss=["a"])) == "issuer"


async def test_a_token_for_another_audience_is_refused(issuer: Issuer) -> None:
    assert await refused(issuer, issuer.bearer(aud="urn:elsewhere")) == "claims"
    assert await refused(issuer, issuer.bearer(aud=None)) == "claims"
    assert await identity(issuer).authenticate(issuer.bearer(aud=["urn:elsewhere", AUDIENCE]))


@pytest.mark.parametrize(
    ("moved", "why"),
    [
        ({"exp": -31}, "expired"),
        ({"exp": -29}, None),
        ({"nbf": 31}, "claims"),
        ({"nbf": 20}, None),
        ({"iat": 60}, "claims"),
    ],
)
async def test_times_are_kept_to_within_thirty_seconds(issuer: Issuer, moved: dict[str, int], why: str | None) -> None:
    now = int(time.time())
    bearer = issuer.bearer(**{name: now + seconds for name, seconds in moved.items()})
    exact = Identity([issuer.settings()], AGENCIES, ROLES, now=lambda: now)
    if why is None:
        assert await exact.authenticate(bearer)
    else:
        with pytest.raises(Unauthenticated) as caught:
            await exact.authenticate(bearer)
        assert caught.value.why == why


@pytest.mark.parametrize("expiry", [None, "soon", float("1e400"), True])
async def test_a_token_without_a_real_expiry_is_refused(issuer: Issuer, expiry: Any) -> None:
    assert await refused(issuer, issuer.bearer(exp=expiry)) in ("claims", "malformed")


async def test_an_unsigned_token_is_refused(issuer: Issuer) -> None:
    head, claims, _ = issuer.token().split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    assert await refused(issuer, f"Bearer {none}.{claims}.") == "algorithm"
    assert await refused(issuer, f"Bearer {head}.{claims}.") == "signature"


async def test_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused(issuer: Issuer) -> None:
    secret = OctKey.import_key(base64.b64encode(issuer.key.as_pem(private=False)), {"kid": "one"})
    token = jwt.encode({"alg": "HS256", "kid": "one", "typ": "JWT"}, issuer.claims(), secret, algorithms=["HS256"])
    assert await refused(issuer, f"Bearer {token}") == "algorithm"


async def test_a_token_with_another_claim_in_it_loses_its_signature(issuer: Issuer) -> None:
    head, _, signature = issuer.token().split(".")
    _, other, _ = issuer.token(org="northshire-police").split(".")
    assert await refused(issuer, f"Bearer {head}.{other}.{signature}") == "signature"


async def test_a_token_signed_by_a_strangers_key_of_the_same_name_is_refused(issuer: Issuer) -> None:
    assert await refused(issuer, issuer.bearer(key=ECKey.generate_key("P-256", {"kid": "one"}))) == "signature"


async def test_a_key_carried_in_the_token_is_not_believed(issuer: Issuer) -> None:
    own = ECKey.generate_key("P-256", {"kid": "mine"})
    header = {"jwk": own.as_dict(private=False), "jku": f"{issuer.url}/keys"}
    assert await refused(issuer, issuer.bearer(key=own, header=header)) == "key"


@pytest.mark.parametrize("kind", [None, "dpop+jwt", "logout+jwt", "secevent+jwt"])
async def test_a_token_made_for_something_else_is_refused(issuer: Issuer, kind: str | None) -> None:
    assert await refused(issuer, issuer.bearer(header={"typ": kind})) == "type"


@pytest.mark.parametrize("kind", ["JWT", "at+jwt", "application/at+JWT"])
async def test_access_tokens_and_plain_tokens_are_taken(issuer: Issuer, kind: str) -> None:
    assert await identity(issuer).authenticate(issuer.bearer(header={"typ": kind}))


async def test_a_critical_extension_is_refused_because_none_is_understood(issuer: Issuer) -> None:
    assert await refused(issuer, issuer.bearer(header={"crit": ["b64"], "b64": True})) == "critical"


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", RSAKey.generate_key(2048, {"kid": "r"})),
        ("PS256", RSAKey.generate_key(2048, {"kid": "r"})),
        ("ES384", ECKey.generate_key("P-384", {"kid": "e"})),
        ("Ed25519", OKPKey.generate_key("Ed25519", {"kid": "o"})),
    ],
)
async def test_the_issuers_own_algorithms_are_taken_and_no_other(issuer: Issuer, algorithm: str, key: Any) -> None:
    issuer.published = KeySet([key]).as_dict(private=False)
    bearer = issuer.bearer(key=key, header={"alg": algorithm})
    assert await identity(issuer, algorithms=(algorithm,)).authenticate(bearer)
    assert await refused(issuer, bearer) == "algorithm"


async def test_a_key_that_does_not_fit_the_algorithm_is_refused(issuer: Issuer) -> None:
    rsa = RSAKey.generate_key(2048, {"kid": "one"})
    bearer = issuer.bearer(key=rsa, header={"alg": "RS256"})
    assert await refused(issuer, bearer, algorithms=("ES256", "RS256")) == "signature"


@pytest.mark.parametrize(
    "change",
    [{"use": "enc"}, {"kty": "oct"}, {"kty": "EC", "crv": "P-999"}, {"alg": "ES512"}, {"x": "!"}],
)
async def test_a_published_key_that_cannot_be_for_signing_is_left_out(issuer: Issuer, change: dict[str, str]) -> None:
    issuer.published = {"keys": [issuer.published["keys"][0] | change]}
    assert await refused(issuer, issuer.bearer()) == "key"


async def test_a_private_or_weak_key_is_left_out(issuer: Issuer) -> None:
    weak = {"kty": "RSA", "kid": "weak", "e": "AQAB", "n": base64.urlsafe_b64encode(b"\xc1" * 128).decode().rstrip("=")}
    issuer.published = {"keys": [issuer.key.as_dict(private=True), weak, "nonsense", None]}
    assert await refused(issuer, issuer.bearer()) == "key"
    named_alike = issuer.bearer(key=RSAKey.generate_key(2048, {"kid": "weak"}), header={"alg": "RS256"})
    assert await refused(issuer, named_alike, algorithms=("RS256",)) == "key"


async def test_without_a_key_id_the_only_key_counts_and_of_two_none(issuer: Issuer) -> None:
    bearer = issuer.bearer(header={"kid": None})
    assert await identity(issuer).authenticate(bearer)
    issuer.published = KeySet([issuer.key, ECKey.generate_key("P-256", {"kid": "two"})]).as_dict(private=False)
    assert await refused(issuer, bearer) == "key"


async def test_keys_are_asked_for_once_and_then_kept(issuer: Issuer) -> None:
    portal = identity(issuer)
    await asyncio.gather(*(portal.authenticate(issuer.bearer()) for _ in range(5)))
    assert issuer.asked == 1


async def test_an_unknown_key_is_looked_for_once_more_but_not_by_every_token() -> None:
    clock = [1000.0]
    async with running_issuer() as issuer:
        keys = IssuerKeys(issuer.settings(), clock=lambda: clock[0])
        assert await keys.key("one", "ES256")
        assert await keys.key("two", "ES256") is None
        assert issuer.asked == 1, "asked a moment ago"
        issuer.published = KeySet([ECKey.generate_key("P-256", {"kid": "two"})]).as_dict(private=False)
        clock[0] += ASK_AGAIN_AFTER
        found = await asyncio.gather(*(keys.key("two", "ES256") for _ in range(4)))
        assert all(found)
        assert issuer.asked == 2
        assert await keys.key("one", "ES256") is None, "a key taken back is believed no longer"


async def test_keys_are_not_believed_for_ever_when_the_issuer_is_silent() -> None:
    clock = [1000.0]
    async with running_issuer() as issuer:
        keys = IssuerKeys(issuer.settings(), clock=lambda: clock[0])
        assert await keys.key("one", "ES256")
        issuer.up = False
        clock[0] += ASK_AGAIN_AFTER
        assert await keys.key("unknown", "ES256") is None
        assert await keys.key("one", "ES256"), "keys at hand outlive a silent moment"
        clock[0] += KEYS_KEPT
        with pytest.raises(IssuerUnreachable):
            await keys.key("one", "ES256")


async def test_a_silent_issuer_is_not_asked_by_every_token() -> None:
    clock = [1000.0]
    async with running_issuer() as issuer:
        issuer.up = False
        keys = IssuerKeys(issuer.settings(), clock=lambda: clock[0])
        for _ in range(2):
            with pytest.raises(IssuerUnreachable):
                await keys.key("one", "ES256")
        issuer.up = True
        with pytest.raises(IssuerUnreachable):
            await keys.key("one", "ES256")
        clock[0] += REST
        assert await keys.key("one", "ES256")


@pytest.mark.parametrize(
    "about",
    [{"issuer": "https://other.example"}, {"jwks_uri": None}, {"jwks_uri": "file:///etc/passwd"}, {"jwks_uri": 7}],
)
async def test_a_discovery_document_that_does_not_speak_for_the_issuer_is_refused(issuer: Issuer, about: dict[str, Any]) -> None:
    issuer.about = about
    with pytest.raises(IssuerUnreachable) as caught:
        await identity(issuer).authenticate(issuer.bearer())
    assert caught.value.status == 503


@pytest.mark.parametrize("published", ["not json", "[]", "[" * 5000, "{}" + " " * 300_000])
async def test_keys_that_cannot_be_read_are_an_unreachable_issuer(issuer: Issuer, published: str) -> None:
    issuer.published = published
    with pytest.raises(IssuerUnreachable):
        await identity(issuer).authenticate(issuer.bearer())


async def test_nobody_listening_is_an_unreachable_issuer(issuer: Issuer) -> None:
    nobody = "http://127.0.0.1:9"
    portal = Identity([issuer.settings(issuer=nobody)], AGENCIES, ROLES)
    with pytest.raises(IssuerUnreachable) as caught:
        await portal.authenticate(issuer.bearer(iss=nobody))
    assert caught.value.retry_after


async def test_an_agency_outside_the_federation_is_forbidden_and_named_for_the_log(issuer: Issuer) -> None:
    error = await forbidden(issuer, issuer.bearer(org="elsewhere"))
    assert (error.why, error.practitioner.agency, error.practitioner.person) == ("agency", "elsewhere", "sub-17")
    assert (await forbidden(issuer, issuer.bearer(org=None))).why == "agency"
    assert (await forbidden(issuer, issuer.bearer(org=["hillview-school", "northshire-police"]))).why == "agency"


async def test_somebody_without_a_role_of_the_federation_is_forbidden(issuer: Issuer) -> None:
    for roles in (["caretaker"], [], None, {"named_person": True}, 7):
        assert (await forbidden(issuer, issuer.bearer(roles=roles))).why == "role"


async def test_an_issuer_that_speaks_for_another_agency_or_role_is_overreaching(issuer: Issuer) -> None:
    assert (await forbidden(issuer, issuer.bearer(org="northshire-council"))).why == "overreach"
    error = await forbidden(issuer, issuer.bearer(roles=["named_person", "health_visitor"]))
    assert (error.why, error.practitioner.roles) == ("overreach", ("named_person", "health_visitor"))


async def test_roles_that_mean_nothing_here_are_passed_over(issuer: Issuer) -> None:
    practitioner = await identity(issuer).authenticate(issuer.bearer(roles=["staff", "named_person", "named_person", "auditor"]))
    assert practitioner.roles == ("named_person", "auditor")


async def test_roles_may_come_as_words_in_one_text(issuer: Issuer) -> None:
    assert (await identity(issuer).authenticate(issuer.bearer(roles="auditor named_person"))).roles == ("auditor", "named_person")


async def test_claims_are_read_where_the_issuer_puts_them(issuer: Issuer) -> None:
    names = ClaimNames(person="oid", agency="https://id.example/org", roles="realm_access/roles", assurance="loa")
    bearer = issuer.bearer(
        oid="p-1", **{"https://id.example/org": "northshire-police", "realm_access": {"roles": ["auditor"]}, "loa": "aal1", "org": None}
    )
    practitioner = await identity(issuer, claims=names).authenticate(bearer)
    assert (practitioner.person, practitioner.agency, practitioner.roles, practitioner.assurance) == (
        "p-1",
        "northshire-police",
        ("auditor",),
        "aal1",
    )


@pytest.mark.parametrize("person", ["", None, ["a", "b"], "x" * 300, "a\nb", 7])
async def test_a_token_that_names_no_person_is_refused(issuer: Issuer, person: Any) -> None:
    assert await refused(issuer, issuer.bearer(oid=person), claims=ClaimNames(person="oid")) == "claims"


async def test_an_assurance_the_issuer_does_not_list_counts_as_none(issuer: Issuer) -> None:
    assert (await identity(issuer).authenticate(issuer.bearer(acr="aal9"))).assurance is None


@pytest.mark.parametrize(
    ("level", "assured"),
    [("aal1", ("aal1",)), ("aal2", ("aal1", "aal2")), ("aal3", ("aal1", "aal2", "aal3")), ("aal9", ()), (None, ()), (["aal1", "aal3"], ())],
)
async def test_whoever_is_recognised_well_is_recognised_at_every_weaker_level(issuer: Issuer, level: Any, assured: tuple[str, ...]) -> None:
    portal = identity(issuer, assurance=("aal1", "aal2", "aal3"))
    assert (await portal.authenticate(issuer.bearer(acr=level))).assured == assured


async def test_when_somebody_signed_in_is_what_the_token_says(issuer: Issuer) -> None:
    at = int(time.time()) - 240
    practitioner = await identity(issuer).authenticate(issuer.bearer(auth_time=at))
    assert practitioner.signed_in == datetime.fromtimestamp(at, UTC)
    assert practitioner.session is not None
    assert len(practitioner.session) == 64
    assert "sub-17" not in practitioner.session


@pytest.mark.parametrize(
    "said",
    [None, "1700000000", True, False, 0, -5, 1e300, 10**30, [1700000000], {"at": 1}, "soon"],
)
async def test_a_time_of_signing_in_that_cannot_be_is_no_time(issuer: Issuer, said: Any) -> None:
    practitioner = await identity(issuer).authenticate(issuer.bearer(auth_time=said))
    assert (practitioner.signed_in, practitioner.session) == (None, None)


@pytest.mark.parametrize(("ahead", "known"), [(-300, True), (0, True), (29, True), (31, False), (3600, False)])
async def test_nobody_has_signed_in_in_the_future_but_for_what_clocks_differ(issuer: Issuer, ahead: int, known: bool) -> None:
    now = int(time.time())
    exact = Identity([issuer.settings()], AGENCIES, ROLES, now=lambda: now)
    practitioner = await exact.authenticate(issuer.bearer(auth_time=now + ahead))
    assert (practitioner.signed_in is not None, practitioner.session is not None) == (known, known)


async def test_every_token_of_one_sign_in_belongs_to_one_session_and_to_no_other(issuer: Issuer) -> None:
    portal, at = identity(issuer), int(time.time()) - 60

    async def session(**claims: Any) -> str | None:
        return (await portal.authenticate(issuer.bearer(**({"auth_time": at} | claims)))).session

    first = await session()
    assert await session(jti="another-token", acr="aal1", exp=int(time.time()) + 900) == first
    assert await session(auth_time=at + 0.7) == first, "the same second"
    assert len({first, await session(auth_time=at + 1), await session(sub="sub-18"), await session(auth_time=at - 1)}) == 4


async def test_no_error_repeats_the_token(issuer: Issuer) -> None:
    bearer = issuer.bearer(aud="urn:elsewhere")
    with pytest.raises(Unauthenticated) as caught:
        await identity(issuer).authenticate(bearer)
    assert "elsewhere" not in repr(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("algorithm", ["none", "HS256", "EdDSA", "ES256K"])
def test_settings_take_asymmetric_algorithms_only(algorithm: str) -> None:
    raw = {
        "issuer": "https://id.example",
        "audience": "a",
        "algorithms": [algorithm],
        "may_assert": {"agencies": [], "roles": []},
    }
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(raw, IssuerSettings)
    assert msgspec.convert(raw | {"algorithms": ["ES256"]}, IssuerSettings)
    for wrong in ({"algorithms": []}, {"secret": "x"}, {"issuer": "ftp://id.example"}, {"issuer": "https://id.example|x"}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(raw | {"algorithms": ["ES256"]} | wrong, IssuerSettings)


@pytest.mark.parametrize(
    ("address", "ids"),
    [
        ("https://id.northshire.example", []),
        ("http://id.northshire.example", ["CV131"]),
        ("https://localhost:8443", ["CV132"]),
        ("https://127.8.8.8/x", ["CV132"]),
        ("https://[::1]/x", ["CV132"]),
        ("http://127.0.0.1:8000/demo/issuer", ["CV131", "CV132", "CV133"]),
        ("https://portal.example/demo/issuer/", ["CV133"]),
    ],
)
def test_production_refuses_issuers_that_cannot_be_trusted(address: str, ids: list[str]) -> None:
    settings = IssuerSettings(issuer=address, audience="a", algorithms=("ES256",), may_assert=MayAssert(agencies=(), roles=()))
    assert [mistake.id for mistake in production_mistakes([settings])] == ids


def test_production_refuses_two_tables_for_one_issuer() -> None:
    settings = IssuerSettings(issuer="https://id.example", audience="a", algorithms=("ES256",), may_assert=MayAssert(agencies=(), roles=()))
    assert {mistake.id for mistake in production_mistakes([settings, settings])} == {"CV134"}
