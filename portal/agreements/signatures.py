"""Partners' signatures: kept beside the agreement in ``<name>.signed.toml``, so that signing never changes what is signed.

Ed25519 over the text's hash and the grants' hash. One signature per partner; a changed text starts them anew.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.errors import ConfigurationError, Mistake
from connectors.settings import Document, collect, parse
from portal.agreements.documents import Agreement, read_agreement
from portal.agreements.grants import expand, signed_bytes, standing_of
from portal.agreements.keys import public_key
from portal.agreements.text import LONGEST_LIST, read_bytes, unseen
from portal.agreements.vocabulary import Vocabulary

#: How the lines begin in a signed file, in TOML's texts without escapes; and the ASCII characters that stand in such a text for themselves.
_QUOTE = "'"
_FIRST = f"grants = [\n  {_QUOTE}"
_PLAIN = b"\t\n" + bytes(range(0x20, 0x7F))

Line = Annotated[str, msgspec.Meta(min_length=1)]


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One partner's signature. ``at`` says when; it is not part of what is signed."""

    partner: Line
    key_id: Line
    role: Line
    at: datetime
    value: Line


class Signed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in the signed file: the lines as they were signed, the services among them once more, and who signed."""

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
    if not os.path.lexists(path):
        return Signed()
    signed, document = _load(path)
    mistakes = [*_services(signed, document)]
    mistakes += [mistake for index in range(len(signed.signature)) for mistake in _vet(index, signed, document, agreement, vocabulary)]
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
    same = sorted(earlier.grants) == lines
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


def _load(path: Path) -> tuple[Signed, Document]:
    try:
        document = _document(path)
        signed, mistakes = collect(Signed, document, "CV213")
    except ConfigurationError as error:
        signed, mistakes = None, error.mistakes
    if signed is None:
        hint = "Signing writes this file, nobody else. Put back the last signed copy, or take it away and sign again."
        raise ConfigurationError([msgspec.structs.replace(mistake, hint=hint) for mistake in mistakes])
    return signed, document


def _document(path: Path) -> Document:
    """A signed file. Its lines are by far the most of it: where they stand as signing writes them they are taken as they stand, and only
    the rest goes through the TOML reader, which reads letter by letter. Raises ConfigurationError (CV213)."""
    try:
        text = read_bytes(path, LONGEST_LIST).decode().replace("\r\n", "\n")
    except OSError as error:
        raise ConfigurationError([Mistake(id="CV213", message=f"cannot be read: {error.strerror}.", file=str(path), line=1)]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([Mistake(id="CV213", message="is not UTF-8.", file=str(path), line=1)]) from None
    lines, rest = written(text)
    document = parse(rest, str(path), "CV213", first=text.count("\n") - rest.count("\n") + 1)
    if lines and "grants" in document.raw:
        return parse(text, str(path), "CV213")  # twice, which TOML refuses
    return Document({"grants": lines, **document.raw} if lines else document.raw, text, str(path))


def written(text: str) -> tuple[list[str], str]:
    """The lines with which a signed file begins and what follows them; none, and all of it, where TOML could read them otherwise."""
    listed, end, rest = text.partition(f"{_QUOTE},\n]\n")
    lines = listed.removeprefix(_FIRST).split(f"{_QUOTE},\n  {_QUOTE}")
    plain = listed.startswith(_FIRST) and not listed.encode().translate(None, _PLAIN)
    whole = listed.count("\n") == len(lines) and listed.count(_QUOTE) == 2 * len(lines) - 1
    return (lines, rest) if end and plain and whole else ([], text)


def _services(signed: Signed, document: Document) -> Iterable[Mistake]:
    """The list of services is for people's eyes; what was signed are the lines."""
    if set(signed.sensitive_services) != standing_of(signed.grants).services:
        message = "sensitive_services is not what the signed lines say."
        yield document.mistake("CV213", message, "sensitive_services", hint="Put back the last signed copy, or sign again.")


def _vet(index: int, signed: Signed, document: Document, agreement: Agreement, vocabulary: Vocabulary) -> Iterable[Mistake]:
    signature = signed.signature[index]

    def mistake(id: str, message: str, hint: str) -> Mistake:
        return Mistake(id=id, message=message, file=document.file, line=_line(document, index), hint=hint)

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
    return "[\n" + "".join(f"  {_text(text)},\n" for text in texts) + "]" if texts else "[]"


def _text(text: str) -> str:
    """A TOML text. As it stands wherever that can be: people read the lines, and nothing need be put back when they are loaded."""
    plain = all(letter == "\t" or letter.isprintable() for letter in text) and "'" not in text
    # A JSON text is a TOML text too, but for the one control character that JSON lets stand.
    return f"'{text}'" if plain else json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
