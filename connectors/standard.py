"""The data standard: ``schema/*.graphql`` as record kinds, their fields and types. The only reader of ``schema/``.

Everything else that knows a kind learns it here: payload checks, agreements, the composed API, pages, documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from graphql import EnumTypeDefinitionNode, FieldDefinitionNode, ObjectTypeDefinitionNode, print_ast

from connectors.grammar import TIERS, Described, Grammar, argument, has, read_grammar, unwrapped
from connectors.payload import STAMPED, BadRecord, Checks, checks_of, object_type, payload_type, record_type, validate

__all__ = [
    "ALWAYS",
    "TIERS",
    "BadRecord",
    "Field",
    "Held",
    "Kind",
    "Provenance",
    "Standard",
    "Tier",
    "load_standard",
    "standard_text",
    "validate",
]

Tier = Literal["T1", "T2", "T3", "T4", "T5"]

#: Shown of any record whose existence is shown.
ALWAYS = frozenset({"id", "kind", "tier", "contact", "provenance", "held"})

_HERE = Path(__file__).resolve().parent


class Provenance(msgspec.Struct, frozen=True):
    """Where a record came from. ``retrievedAt`` is an aware UTC datetime."""

    source: str
    agency: str
    retrievedAt: datetime
    connector: str
    standard: str


class Held(msgspec.Struct, frozen=True):
    """A field that is there and not shown, with words; ``field`` is None when it is the whole record."""

    field: str | None
    words: str


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a kind or of an object inside a record.

    ``type`` is SDL text (``[PlanAction!]``), ``named`` its innermost name; ``nested`` is that name when it is an object type.
    ``checked_by`` is the field that names the system of a number.
    """

    name: str
    type: str
    named: str
    many: bool
    tier: Tier | None
    location: bool
    free_text: bool
    third_party: bool
    since: str | None
    nested: str | None
    description: str
    checked_by: str | None = None


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A record kind. ``fields`` are its own and the envelope's, except provenance and held; ``tier`` is the lowest it can have.

    ``since`` is the version of the standard that brought it, None for 1.0.
    ``payload`` is what an author's fields become (all optional but id); ``record`` has kind, tier, contact, provenance and held, too.
    """

    name: str
    section: str | None
    occurred: bool
    headline: str | None
    tier: Tier
    fields: dict[str, Field]
    description: str
    payload: type[msgspec.Struct]
    record: type[msgspec.Struct]
    checks: Checks
    since: str | None = None

    @property
    def given(self) -> frozenset[str]:
        """The fields an author may give: all but those the portal's side writes."""
        return frozenset(self.checks.fields)


class Standard(msgspec.Struct, frozen=True, kw_only=True):
    """The whole standard. ``objects`` are the types inside records, ``codes`` the code lists, ``sdl`` all files joined."""

    version: str
    kinds: dict[str, Kind]
    objects: dict[str, dict[str, Field]]
    codes: dict[str, tuple[str, ...]]
    sdl: str


def load_standard(folder: Path | None = None) -> Standard:
    """Read the data standard, by default the one that was shipped. Raises ConfigurationError with every mistake (CV301-CV310)."""
    grammar = read_grammar(folder or _shipped())
    codes = {node.name.value: tuple(value.name.value for value in node.values) for node in grammar.codes}
    named = {node.name.value for node in grammar.objects}
    objects = {node.name.value: _fields(node, named) for node in grammar.objects}
    return Standard(
        version=grammar.version,
        kinds=_kinds(grammar, codes, objects),
        objects=objects,
        codes=codes,
        sdl=print_ast(grammar.document),
    )


def standard_text(standard: Standard) -> str:
    """The composed standard as a reader wants it: its version, what it holds, then every definition with its words."""
    kinds = "\n".join(f"#   {kind.name:<18}{kind.section or '-':<20}{kind.tier}" for kind in standard.kinds.values())
    head = f"# The data standard, version {standard.version}: record kinds, their section in a child view, their lowest tier"
    return f"{head}\n#\n{kinds}\n\n{standard.sdl}\n"


def _shipped() -> Path:
    """The schema inside an installed package, else the one beside ``connectors/`` in the repository."""
    packaged = _HERE / "_schema"
    return packaged if packaged.is_dir() else _HERE.parent / "schema"


def _kinds(grammar: Grammar, codes: Mapping[str, tuple[str, ...]], objects: Mapping[str, Mapping[str, Field]]) -> dict[str, Kind]:
    types: dict[str, type[msgspec.Struct]] = {}
    checks: dict[str, Checks] = {}
    for name in _inside_out(objects):
        types[name] = object_type(name, objects[name], codes, types)
        checks[name] = checks_of(objects[name], codes, checks)
    return {node.name.value: _kind(node, codes, types, checks) for node in grammar.kinds}


def _kind(
    node: ObjectTypeDefinitionNode, codes: Mapping[str, tuple[str, ...]], types: Mapping[str, Any], checks: Mapping[str, Checks]
) -> Kind:
    name = node.name.value
    fields = _fields(node, types.keys())
    del fields["provenance"], fields["held"]
    given = {each.name: each for each in fields.values() if each.name not in STAMPED}
    payload = payload_type(name, given, codes, types)
    return Kind(
        name=name,
        section=argument(node, "kind", "section"),
        occurred=has(node, "occurred"),
        headline=next((field.name.value for field in node.fields if has(field, "headline")), None),
        tier=_tier(node) or "T5",
        fields=fields,
        description=_words(node),
        payload=payload,
        record=record_type(name, payload, _STAMPS),
        checks=checks_of(given, codes, checks),
        since=argument(node, "since", "version"),
    )


#: What a record has beyond its payload, as msgspec.defstruct wants it.
_STAMPS: list[tuple[Any, ...]] = [
    ("kind", str),
    ("tier", Tier),
    ("provenance", tuple[Provenance, ...]),
    ("contact", str | None, None),
    ("held", tuple[Held, ...], ()),
]


def _inside_out(objects: Mapping[str, Mapping[str, Field]]) -> list[str]:
    """Objects in an order in which each comes after those it holds; the grammar has refused circles."""
    ordered: list[str] = []

    def place(name: str) -> None:
        for field in objects[name].values():
            if field.nested and field.nested not in ordered:
                place(field.nested)
        if name not in ordered:
            ordered.append(name)

    for name in objects:
        place(name)
    return ordered


def _fields(node: ObjectTypeDefinitionNode, objects: Iterable[str]) -> dict[str, Field]:
    return {field.name.value: _field(field, frozenset(objects)) for field in node.fields}


def _field(node: FieldDefinitionNode, objects: frozenset[str]) -> Field:
    named, many = unwrapped(node.type)
    return Field(
        name=node.name.value,
        type=print_ast(node.type),
        named=named,
        many=many,
        tier=_tier(node),
        location=has(node, "location"),
        free_text=has(node, "freeText"),
        third_party=has(node, "thirdParty"),
        since=argument(node, "since", "version"),
        nested=named if named in objects else None,
        description=_words(node),
        checked_by=argument(node, "checkedBy", "field"),
    )


def _tier(node: ObjectTypeDefinitionNode | FieldDefinitionNode) -> Tier | None:
    level = argument(node, "tier", "level")
    return level if level in TIERS else None  # type: ignore[return-value]


def _words(node: Described | EnumTypeDefinitionNode) -> str:
    return " ".join(node.description.value.split()) if node.description else ""
