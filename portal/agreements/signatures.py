"""Partners' signatures: kept beside the agreement in ``<name>.signed.toml``, so that signing never changes what is signed.

Ed25519 over the text's hash and the grants' hash. One signature per partner; a changed text starts them anew.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from connectors.errors import ConfigurationError, Mistake
from connectors.settings import Document, collect, read
from portal.agreements.documents import Agreement, read_agreement
from portal.agreements.grants import expand, signed_bytes
from portal.agreements.text import unseen
from portal.agreements.vocabulary import Vocabulary

Line = Annotated[str, msgspec.Meta(min_length=1)]


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One partner's signature. ``at`` says when; it is not part of what is signed."""

    partner: Line
    key_id: Line
    role: Line
    at: datetime
    value: Line


class Signed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in the signed file: the grants as they were signed, the list of that day, and who signed."""

    grants: tuple[Line, ...] = ()
    sensitive_services: tuple[Line, ...] = ()
    signature: tuple[Signature, ...] = ()

    @property
    def partners(self) -> frozenset[str]:
        return frozenset(signature.partner for signature in self.signature)


class SignOff(msgspec.Struct, frozen=True, kw_only=True):
    """What signing did: the file, who has signed now, and whose earlier signatures fell away with an earlier text."""

    path: Path
    signed: tuple[str, ...]
    fallen: tuple[str, ...]


def beside(path: Path) -> Path:
    """The signed file of an agreement's file."""
    return path.with_name(f"{path.stem}.signed.toml")


def read_signed(path: Path, agreement: Agreement, vocabulary: Vocabulary) -> Signed:
    """What partners signed of ``agreement``; empty when nobody has.

    Raises ConfigurationError: CV213 the file itself, CV214 an unknown partner or key, CV215 a signature that does not fit.
    """
    if not path.exists():
        return Signed()
    signed, document = _load(path)
    mistakes = [mistake for index in range(len(signed.signature)) for mistake in _vet(index, signed, document, agreement, vocabulary)]
    if mistakes:
        raise ConfigurationError(mistakes)
    return signed


def sign_off(
    path: Path, vocabulary: Vocabulary, partner: str, key_id: str, private_key: Ed25519PrivateKey, role: str, at: datetime
) -> SignOff:
    """Sign the agreement at ``path`` for one partner, as it expands today; ``role`` says as whom (chief executive ...).

    Signatures of others over this very text and these grants stay; any other falls away. Raises ConfigurationError
    CV216 when the partner or key may not sign, else as ``read_agreement``. ``at`` is aware.
    """
    agreement = read_agreement(path, vocabulary)
    _may_sign(agreement, vocabulary, partner, key_id, private_key, role)
    lines, beside_it = expand(agreement, vocabulary), beside(path)
    earlier = _load(beside_it)[0] if beside_it.exists() else Signed()
    value = private_key.sign(signed_bytes(vocabulary.federation, agreement, lines, role))
    own = Signature(partner=partner, key_id=key_id, role=role, at=at.astimezone(UTC), value=base64.b64encode(value).decode())
    same = sorted(earlier.grants) == lines and set(earlier.sensitive_services) == vocabulary.sensitive_services
    others = [each for each in earlier.signature if each.partner != partner]
    kept = [each for each in others if same and verifies(each, agreement, lines, vocabulary)]
    signatures = sorted((*kept, own), key=lambda each: each.partner)
    _write(beside_it, lines, sorted(vocabulary.sensitive_services), signatures)
    fallen = {each.partner for each in others} - {each.partner for each in kept}
    return SignOff(path=beside_it, signed=tuple(each.partner for each in signatures), fallen=tuple(sorted(fallen)))


def verifies(signature: Signature, agreement: Agreement, lines: Iterable[str], vocabulary: Vocabulary) -> bool:
    """Whether a signature is its partner's, over this very text and these grants."""
    key = public_key(vocabulary.agencies.get(signature.partner, {}).get(signature.key_id, ""))
    if key is None or signature.partner not in agreement.header.partners:
        return False
    try:
        value = base64.b64decode(signature.value, validate=True)
        key.verify(value, signed_bytes(vocabulary.federation, agreement, lines, signature.role))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return base64.b64encode(value).decode() == signature.value


def public_key(text: str) -> Ed25519PublicKey | None:
    """The key written ``ed25519:base64``; None when it is not one."""
    scheme, _, encoded = text.partition(":")
    with contextlib.suppress(binascii.Error, ValueError):
        if scheme == "ed25519":
            return Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded, validate=True))
    return None


def _load(path: Path) -> tuple[Signed, Document]:
    try:
        document = read(path, "CV213")
        signed, mistakes = collect(Signed, document, "CV213")
    except ConfigurationError as error:
        signed, mistakes = None, error.mistakes
    if signed is None:
        hint = "Signing writes this file, nobody else. Put back the last signed copy, or take it away and sign again."
        raise ConfigurationError([msgspec.structs.replace(mistake, hint=hint) for mistake in mistakes])
    return signed, document


def _vet(index: int, signed: Signed, document: Document, agreement: Agreement, vocabulary: Vocabulary) -> Iterable[Mistake]:
    signature, line = signed.signature[index], _line(document, index)

    def mistake(id: str, message: str, hint: str) -> Mistake:
        return Mistake(id=id, message=message, file=document.file, line=line, hint=hint)

    keys = vocabulary.agencies.get(signature.partner, {})
    if signature.partner in {earlier.partner for earlier in signed.signature[:index]}:
        yield mistake("CV213", f"{signature.partner!a} signs twice.", "Keep one signature of each partner.")
    elif signature.partner not in agreement.header.partners:
        yield mistake("CV214", f"{signature.partner!a} is not a partner of {agreement.id}.", "Only partners sign.")
    elif public_key(keys.get(signature.key_id, "")) is None:
        message = f"{signature.partner} has no Ed25519 key {signature.key_id!a} here."
        yield mistake("CV214", message, "Put the partner's public key into federation.toml, as ed25519:base64.")
    elif not verifies(signature, agreement, signed.grants, vocabulary):
        message = f"the signature of {signature.partner} does not fit {agreement.key}: text, grants, version or key have changed since."
        yield mistake("CV215", message, "Put back the text and list that were signed, or let every partner sign the new text.")


def _line(document: Document, index: int) -> int:
    lines = [number for number, line in enumerate(document.text.split("\n"), document.first) if line.strip() == "[[signature]]"]
    return lines[index] if index < len(lines) else document.first


def _may_sign(agreement: Agreement, vocabulary: Vocabulary, partner: str, key_id: str, private_key: Ed25519PrivateKey, role: str) -> None:
    key, ours = public_key(vocabulary.agencies.get(partner, {}).get(key_id, "")), private_key.public_key()
    if partner not in agreement.header.partners:
        message, hint = f"{partner!a} is not a partner of {agreement.id}.", "Only partners sign."
    elif key is None or key.public_bytes_raw() != ours.public_bytes_raw():
        message, hint = f"this key is not the key {key_id!a} of {partner}.", "Its public half must stand in federation.toml."
    elif not role.strip() or unseen(role):
        message, hint = "the signer's role is empty or holds a control or invisible character.", "Name the role in plain words."
    else:
        return
    raise ConfigurationError([Mistake(id="CV216", message=message, file=agreement.file, hint=hint)])


def _write(path: Path, lines: list[str], services: list[str], signatures: list[Signature]) -> None:
    """Write the signed file whole or not at all."""
    text = [f"grants = {_list(lines)}", f"sensitive_services = {_list(services)}"]
    for each in signatures:
        text += ["", "[[signature]]"]
        text += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in _texts(each)]
        text.insert(len(text) - 1, f"at = {each.at.isoformat()}")
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text("\n".join(text) + "\n", "utf-8")
    os.replace(fresh, path)


def _texts(signature: Signature) -> list[tuple[str, str]]:
    return [(key, getattr(signature, key)) for key in ("partner", "key_id", "role", "value")]


def _list(texts: list[str]) -> str:
    # A JSON text of ASCII letters is a TOML text too.
    return "[\n" + "".join(f"  {json.dumps(text)},\n" for text in texts) + "]" if texts else "[]"
