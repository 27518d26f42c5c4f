"""Words about a child are sealed to the auditors' key: the portal can seal, and only the auditors can open."""

from __future__ import annotations

import base64
import json
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from connectors.errors import ConfigurationError
from portal.sealing import Sealer, open_sealer, unseal

WORDS = "Says Gran is kind, and that nobody is to know."


def pair(kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(public, private) JWK."""
    key = ECKey.generate_key("P-256") if kind == "EC" else OKPKey.generate_key("X25519")
    return dict(key.as_dict(private=False)), dict(key.as_dict(private=True))


def opened(public: object, state: Path) -> Sealer:
    (state / "auditors.jwk").write_text(json.dumps(public))
    sealer = open_sealer("file:auditors.jwk", state)
    assert sealer is not None
    return sealer


def header(sealed: str) -> dict[str, Any]:
    part = sealed.split(".")[0]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


@pytest.mark.parametrize("kind", ["EC", "OKP"])
def test_only_the_private_half_opens_what_was_sealed(kind: str, tmp_path: Path) -> None:
    public, private = pair(kind)
    sealed = opened(public, tmp_path).seal(WORDS)

    assert unseal(private, sealed) == WORDS
    for other in (public, pair("EC")[1], pair("OKP")[1], {}, {"kty": "EC", "crv": "P-256"}):
        with pytest.raises(ValueError, match="does not open"):
            unseal(other, sealed)


def test_a_seal_says_how_it_is_opened_and_by_which_key(tmp_path: Path) -> None:
    public, _ = pair("EC")

    said = header(opened(public, tmp_path).seal(WORDS))

    assert (said["alg"], said["enc"], said["kid"]) == ("ECDH-ES+A256KW", "A256GCM", ECKey.import_key(public).thumbprint())


def test_equal_words_have_different_seals(tmp_path: Path) -> None:
    sealer = opened(pair("OKP")[0], tmp_path)

    assert len({sealer.seal(WORDS) for _ in range(20)}) == 20


def test_a_seal_that_was_changed_does_not_open(tmp_path: Path) -> None:
    public, private = pair("EC")
    head, key, iv, text, tag = opened(public, tmp_path).seal(WORDS).split(".")
    swapped = ("B" if text[0] == "A" else "A") + text[1:]

    for changed in (f"{head}.{key}.{iv}.{swapped}.{tag}", f"{head}.{key}.{iv}.{text}", "", "a.b.c.d.e", WORDS):
        with pytest.raises(ValueError, match="does not open"):
            unseal(private, changed)


PUBLIC, PRIVATE = pair("EC")


@given(st.text(st.characters(codec=None), max_size=200))
def test_whatever_can_be_typed_comes_back_as_it_was(words: str) -> None:
    assert unseal(PRIVATE, Sealer(ECKey.import_key(PUBLIC)).seal(words)) == words


def test_without_a_setting_there_is_no_sealer(tmp_path: Path) -> None:
    assert open_sealer(None, tmp_path) is None


def test_a_key_may_stand_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public, private = pair("OKP")
    monkeypatch.setenv("CHILDVIEW_AUDITORS_KEY", json.dumps({**public, "use": "enc", "kid": "2026", "alg": "ECDH-ES+A256KW"}))
    sealer = open_sealer("env:CHILDVIEW_AUDITORS_KEY", tmp_path)

    assert sealer is not None
    assert unseal(private, sealer.seal(WORDS)) == WORDS


RSA = RSAKey.generate_key(2048)


@pytest.mark.parametrize(
    "private",
    [
        pytest.param(pair("EC")[1], id="EC"),
        pytest.param(pair("OKP")[1], id="OKP"),
        pytest.param(dict(RSA.as_dict(private=True)), id="RSA"),
        pytest.param(dict(OctKey.generate_key(256).as_dict()), id="shared"),
    ],
)
def test_a_private_key_is_refused_and_not_repeated(private: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        opened(private, tmp_path)

    (mistake,) = raised.value.mistakes
    assert mistake.id == "CV738"
    assert mistake.hint
    said = "".join(traceback.format_exception(raised.value))
    assert not [value for name, value in private.items() if name in ("d", "k", "p", "q") and value in said]


@pytest.mark.parametrize(
    "public",
    [
        pytest.param(dict(RSA.as_dict(private=False)), id="RSA"),
        pytest.param(dict(ECKey.generate_key("P-384").as_dict(private=False)), id="other-curve"),
        pytest.param(dict(OKPKey.generate_key("Ed25519").as_dict(private=False)), id="signing-curve"),
        pytest.param({**PUBLIC, "y": PUBLIC["x"]}, id="off-the-curve"),
        pytest.param({"kty": "EC", "crv": "P-256"}, id="half-a-key"),
        pytest.param({"kty": "OKP", "crv": "X25519", "x": "A" * 43}, id="no-point"),
        pytest.param({"kty": ["EC"], "crv": "P-256"}, id="list-for-a-name"),
        pytest.param({**PUBLIC, "use": "sig"}, id="for-signing"),
        pytest.param([PUBLIC], id="list"),
        pytest.param({"keys": [PUBLIC]}, id="set"),
        pytest.param("ed25519:abc", id="text"),
    ],
)
def test_a_key_that_cannot_seal_is_refused_before_anything_is_typed(public: object, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        opened(public, tmp_path)

    assert [each.id for each in raised.value.mistakes] == ["CV737"]


@pytest.mark.parametrize("reference", ["file:no-such-file", "env:CHILDVIEW_NO_SUCH", "file:letter", "file:bytes", json.dumps(PUBLIC), ""])
def test_a_reference_that_leads_to_no_key_is_refused(reference: str, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear auditors")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigurationError) as raised:
        open_sealer(reference, tmp_path)

    assert [each.id for each in raised.value.mistakes] == ["CV737"]
