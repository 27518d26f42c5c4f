"""The demonstration's own keys and tokens: made once, kept for their owner alone, and what they say."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from joserfc import jwt

from connectors.standard import load_standard
from portal.cli.running import mint_for
from portal.demo import FEDERATION, PERSONAS, issuer
from portal.demo.keys import auditors_key, auditors_private_key
from portal.federation import load_federation
from portal.sealing import open_sealer, unseal


def test_words_are_sealed_to_a_key_whose_private_half_lies_in_the_demos_folder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_AUDITORS_KEY", auditors_key(tmp_path / "demo"))
    reference = load_federation(FEDERATION, load_standard(), environment=False).settings.log.auditors_key
    sealer = open_sealer(reference, tmp_path / "state")
    private = auditors_private_key(tmp_path / "demo")

    assert sealer is not None
    assert unseal(json.loads(private.read_text()), sealer.seal("She has not come home.")) == "She has not come home."
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert "d" not in json.loads(auditors_key(tmp_path / "demo"))


def test_the_auditors_key_is_made_once(tmp_path: Path) -> None:
    assert auditors_key(tmp_path) == auditors_key(tmp_path)
    assert auditors_key(tmp_path) != auditors_key(tmp_path / "other")


@pytest.mark.parametrize("minutes", [0, 20])
def test_a_token_says_when_its_bearer_signed_in(tmp_path: Path, minutes: int) -> None:
    issuer.remember(tmp_path, "http://127.0.0.1:1/demo/issuer")
    key = issuer.signing_key(issuer.issuer_folder(tmp_path))
    for token in (mint_for("morag", tmp_path, 60, minutes), issuer.mint(tmp_path, "morag", signed_in_ago=timedelta(minutes=minutes))):
        claims = jwt.decode(token, key).claims
        assert claims["iat"] - claims["auth_time"] == 60 * minutes


def test_every_agency_that_can_be_opened_has_somebody_who_reviews(tmp_path: Path) -> None:
    federation = load_federation(FEDERATION, load_standard(), environment=False)
    terms = federation.settings.break_glass
    assert terms is not None
    reviewing = {persona.agency for persona in PERSONAS.values() if set(persona.roles) & set(terms.reviewers)}
    opened = {
        agency
        for entry in federation.agreements.all
        for clause in entry.clauses
        if clause.terms.conditions.break_glass
        for agency in clause.terms.from_
    }
    assert opened <= reviewing
    assert any(set(persona.roles) & set(federation.settings.registry.recorders) for persona in PERSONAS.values())
