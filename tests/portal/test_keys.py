"""Partners' keys: the first stands by itself, every later one is vouched for by an earlier one of the same partner."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.errors import ConfigurationError
from connectors.standard import load_standard
from portal.agreements.keys import PublicKey, SucceedingKey, succession_mistakes, vouched
from portal.demo.run import FEDERATION
from portal.demo.sign import partner_key
from portal.federation import load_federation
from tests.portal.agreement_cases import encoded

FIRST, SECOND, THIRD, STRANGER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3, 4))
AGENCY = "hillview-school"


def after(key: Ed25519PrivateKey, key_id: str, by: Ed25519PrivateKey, signed_by: str, agency: str = AGENCY) -> SucceedingKey:
    return vouched("northshire", agency, key_id, encoded(key), signed_by, by)


def test_keys_that_vouch_for_each_other_in_turn_are_taken() -> None:
    keys = {"2026": encoded(FIRST), "2027": after(SECOND, "2027", FIRST, "2026"), "2028": after(THIRD, "2028", SECOND, "2027")}
    assert succession_mistakes("northshire", AGENCY, keys) == []
    assert succession_mistakes("northshire", AGENCY, {}) == []


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        pytest.param({"2026": encoded(FIRST), "2027": encoded(SECOND)}, "no earlier key vouches for it", id="a-second-plain-key"),
        pytest.param({"2027": after(SECOND, "2027", FIRST, "2026")}, "there is none before it", id="no-first-key"),
        pytest.param(
            {"2026": encoded(FIRST), "2027": after(SECOND, "2027", STRANGER, "2026")}, "not made with its key '2026'", id="a-stranger"
        ),
        pytest.param({"2026": encoded(FIRST), "2027": after(SECOND, "2027", SECOND, "2027")}, "no earlier key of it", id="by-itself"),
        pytest.param(
            {"2026": encoded(FIRST), "2027": after(SECOND, "2027", FIRST, "2026", "northshire-nhs")},
            "or not for this one",
            id="of-another-agency",
        ),
        pytest.param({"2026": encoded(FIRST), "2028": after(SECOND, "2027", FIRST, "2026")}, "or not for this one", id="under-another-id"),
        pytest.param(
            {"2026": encoded(FIRST), "2027": msgspec.structs.replace(after(SECOND, "2027", FIRST, "2026"), key=encoded(STRANGER))},
            "or not for this one",
            id="another-key-in-its-place",
        ),
        pytest.param(
            {"2026": encoded(FIRST), "2027": msgspec.structs.replace(after(SECOND, "2027", FIRST, "2026"), value="?")},
            "or not for this one",
            id="no-signature-at-all",
        ),
    ],
)
def test_a_key_that_nobody_vouches_for_is_refused(keys: dict[str, PublicKey | SucceedingKey], said: str) -> None:
    found = succession_mistakes("northshire", AGENCY, keys)
    assert len(found) == 1
    assert said in found[0][1]
    assert found[0][2]


def folder_with(tmp_path: Path, keys: str) -> Path:
    folder = tmp_path / "federation"
    shutil.copytree(FEDERATION, folder)
    settings = folder / "federation.toml"
    plain = f'keys = {{ "2026" = "{encoded(partner_key(AGENCY))}" }}'
    text = settings.read_text("utf-8")
    assert plain in text
    settings.write_text(text.replace(plain, keys), "utf-8")
    return folder


def test_a_new_key_in_the_federations_file_needs_the_old_ones_word(tmp_path: Path) -> None:
    keys = f'keys = {{ "2026" = "{encoded(partner_key(AGENCY))}", "2027" = "{encoded(STRANGER)}" }}'
    folder = folder_with(tmp_path, keys)
    with pytest.raises(ConfigurationError) as raised:
        load_federation(folder, load_standard(), environment=False)
    text = (folder / "federation.toml").read_text("utf-8")
    assert [(mistake.id, mistake.line) for mistake in raised.value.mistakes] == [("CV219", text[: text.index(keys)].count("\n") + 1)]


def test_a_new_key_with_the_old_ones_word_is_taken(tmp_path: Path) -> None:
    later = after(SECOND, "2027", partner_key(AGENCY), "2026")
    table = f'{{ key = "{later.key}", signed_by = "2026", value = "{later.value}" }}'
    folder = folder_with(tmp_path, f'keys = {{ "2026" = "{encoded(partner_key(AGENCY))}", "2027" = {table} }}')
    assert load_federation(folder, load_standard(), environment=False).vocabulary.agencies[AGENCY] == {
        "2026": encoded(partner_key(AGENCY)),
        "2027": encoded(SECOND),
    }
