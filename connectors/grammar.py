"""The files of the data standard, parsed and held to our rules: one document, or every mistake in it at once.

Rules that GraphQL has are left to graphql-core; ours come on top (what a kind is, what a field may be, how a code list
ends), because agreements, checks and pages are derived from these files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeGuard

import msgspec
from graphql import (
    DefinitionNode,
    DirectiveDefinitionNode,
    DocumentNode,
    EnumTypeDefinitionNode,
    EnumValueNode,
    FieldDefinitionNode,
    GraphQLError,
    GraphQLSyntaxError,
    InterfaceTypeDefinitionNode,
    ListTypeNode,
    NamedTypeNode,
    Node,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    Source,
    StringValueNode,
    TypeNode,
    build_ast_schema,
    parse,
    validate_schema,
)
from graphql.validation.validate import validate_sdl

from connectors.errors import ConfigurationError, Mistake
from connectors.scalars import CHECKERS

TIERS = ("T1", "T2", "T3", "T4", "T5")
ENVELOPE = "Record"
#: The composed API lies beside the standard and is made from it.
PUBLISHED = "api.graphql"
#: Types that the portal's side fills in; no author does.
STAMPED_TYPES = frozenset({"Provenance", "Held"})
#: Names that every child view has already; a section cannot take one.
RESERVED_SECTIONS = frozenset(
    {"everySourceAnswered", "purpose", "asOf", "sources", "candidates", "demographics", "chronology", "held", "receipt"}
)

# GraphQL checks a schema from its root; the standard has none of its own.
_ROOT = "type Query { standard: String }"
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)", re.ASCII)
_SECTION = re.compile(r"[a-z][A-Za-z0-9]*", re.ASCII)
_SEE = "See schema/README.md."

Described = ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode | FieldDefinitionNode | EnumTypeDefinitionNode
_ALLOWED = (
    DirectiveDefinitionNode,
    EnumTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
)


class Grammar(msgspec.Struct, frozen=True):
    """The whole standard as one document, envelope added to every kind."""

    version: str
    document: DocumentNode
    kinds: tuple[ObjectTypeDefinitionNode, ...]
    objects: tuple[ObjectTypeDefinitionNode, ...]
    codes: tuple[EnumTypeDefinitionNode, ...]
    envelope: InterfaceTypeDefinitionNode


def read_grammar(folder: Path) -> Grammar:
    """Read ``VERSION`` and every ``*.graphql`` of a folder but the published API. Raises ConfigurationError, every mistake at once."""
    version, mistakes = _version(folder / "VERSION")
    definitions, unread = _definitions(folder)
    envelope = next((node for node in definitions if is_envelope(node)), None)
    if envelope is None and not unread:
        unread = [_in_file("CV309", "defines no interface Record.", folder / "record.graphql")]
    mistakes += unread + [mistake for node in definitions for mistake in _file_rules(node, envelope, definitions, version)]
    mistakes += _sections(definitions) + _endless(definitions)
    if envelope is None or unread:
        # Rules across files would only echo what a missing file leaves undefined.
        raise ConfigurationError(_ordered(mistakes))
    document = DocumentNode(definitions=tuple(_completed(node, envelope) for node in definitions))
    mistakes += _graphql_rules(document)
    if mistakes or version is None:
        raise ConfigurationError(_ordered(mistakes))
    return _grammar(version, document, envelope)


def is_envelope(node: DefinitionNode) -> TypeGuard[InterfaceTypeDefinitionNode]:
    return isinstance(node, InterfaceTypeDefinitionNode) and node.name.value == ENVELOPE


def is_kind(node: DefinitionNode) -> TypeGuard[ObjectTypeDefinitionNode]:
    return isinstance(node, ObjectTypeDefinitionNode) and has(node, "kind")


def has(node: Described, directive: str) -> bool:
    """Whether a directive stands on a type or field."""
    return any(each.name.value == directive for each in node.directives)


def argument(node: Described, directive: str, name: str) -> str | None:
    """What a directive's argument says, as text; None if the directive or the argument is not there."""
    for each in node.directives:
        for given in each.arguments if each.name.value == directive else ():
            if given.name.value == name and isinstance(given.value, StringValueNode | EnumValueNode):
                return given.value.value
    return None


def unwrapped(node: TypeNode) -> tuple[str, bool]:
    """The innermost type's name, and whether it is a list."""
    many = False
    while isinstance(node, ListTypeNode | NonNullTypeNode):
        many = many or isinstance(node, ListTypeNode)
        node = node.type
    assert isinstance(node, NamedTypeNode)
    return node.name.value, many


def _version(path: Path) -> tuple[str | None, list[Mistake]]:
    text, mistakes = _text(path)
    if text is None:
        return None, mistakes
    if not _VERSION.fullmatch(text.strip()):
        return None, [_in_file("CV301", "is not a version.", path, "Write MAJOR.MINOR, such as 1.0.")]
    return text.strip(), []


def _text(path: Path) -> tuple[str | None, list[Mistake]]:
    try:
        return path.read_text("utf-8"), []
    except OSError as error:
        return None, [_in_file("CV301", f"cannot be read: {error.strerror}.", path, _SEE)]
    except UnicodeDecodeError:
        return None, [_in_file("CV301", "is not UTF-8.", path, "Save it as UTF-8.")]


def _definitions(folder: Path) -> tuple[list[DefinitionNode], list[Mistake]]:
    """The definitions of every file, the envelope's first, and the files that could not be read or parsed.

    ``api.graphql`` is made from the others and holds nothing of its own.
    """
    record, published = folder / "record.graphql", folder / "api.graphql"
    definitions: list[DefinitionNode] = []
    mistakes: list[Mistake] = []
    for path in (record, *sorted(path for path in folder.glob("*.graphql") if path not in (record, published))):
        text, unread = _text(path)
        mistakes += unread
        if text is not None:
            try:
                definitions += parse(Source(text, str(path))).definitions
            except GraphQLSyntaxError as error:
                mistakes.append(_of_graphql("CV302", error))
    return definitions, mistakes


def _grammar(version: str, document: DocumentNode, envelope: InterfaceTypeDefinitionNode) -> Grammar:
    types = [node for node in document.definitions if isinstance(node, ObjectTypeDefinitionNode)]
    return Grammar(
        version=version,
        document=document,
        kinds=tuple(node for node in types if is_kind(node)),
        objects=tuple(node for node in types if not is_kind(node) and node.name.value not in STAMPED_TYPES),
        codes=tuple(node for node in document.definitions if isinstance(node, EnumTypeDefinitionNode)),
        envelope=envelope,
    )


def _completed(node: DefinitionNode, envelope: InterfaceTypeDefinitionNode) -> DefinitionNode:
    """A kind with its own fields and then the envelope's; any other definition as it is."""
    if not is_kind(node):
        return node
    given = {field.name.value for field in envelope.fields}
    own = tuple(field for field in node.fields if field.name.value not in given)
    return ObjectTypeDefinitionNode(
        description=node.description,
        name=node.name,
        directives=node.directives,
        interfaces=node.interfaces,
        fields=(*own, *envelope.fields),
        loc=node.loc,
    )


def _graphql_rules(document: DocumentNode) -> list[Mistake]:
    """GraphQL's own rules: names known and used once, directives where they belong, interfaces kept."""
    errors = validate_sdl(document)
    if not errors:
        rooted = DocumentNode(definitions=(*document.definitions, *parse(_ROOT).definitions))
        errors = validate_schema(build_ast_schema(rooted, assume_valid_sdl=True))
    return [_of_graphql("CV303", error) for error in errors]


def _file_rules(
    node: DefinitionNode, envelope: InterfaceTypeDefinitionNode | None, every: Sequence[DefinitionNode], version: str | None
) -> Iterator[Mistake]:
    """Our rules for one definition."""
    yield from _place(node)
    if isinstance(node, EnumTypeDefinitionNode):
        yield from _code_list(node)
    if isinstance(node, EnumTypeDefinitionNode | ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
        yield from _since(node, version)
    if not isinstance(node, ObjectTypeDefinitionNode):
        return
    if is_kind(node):
        yield from _kind(node, envelope)
        yield from _headline(node)
    if node.name.value not in STAMPED_TYPES:
        kinds = {each.name.value for each in every if is_kind(each)}
        for field in node.fields:
            yield from _field(field, kinds)
            yield from _field_directives(field, node)


def _place(node: DefinitionNode) -> Iterator[Mistake]:
    """Only what the standard is made of may stand in its files."""
    if not isinstance(node, _ALLOWED):
        yield _at("CV309", f"a {node.kind.replace('_', ' ')} has no place in the data standard.", node, _SEE)
    elif isinstance(node, InterfaceTypeDefinitionNode) and not is_envelope(node):
        yield _at("CV309", f"the interface {node.name.value} has no place here: Record is the only one.", node, _SEE)
    elif isinstance(node, ScalarTypeDefinitionNode) and node.name.value not in CHECKERS:
        yield _at("CV309", f"the scalar {node.name.value} has no checker.", node, "Write one in connectors/scalars.py first.")
    elif isinstance(node, ObjectTypeDefinitionNode) and is_kind(node) != any(each.name.value == ENVELOPE for each in node.interfaces):
        message = f"{node.name.value} must both implement Record and carry @kind, or neither."
        yield _at("CV309", message, node, f"Write: type {node.name.value} implements Record @kind @tier(level: T3)")


def _code_list(node: EnumTypeDefinitionNode) -> Iterator[Mistake]:
    """What a source means and no code says must have somewhere to go, or mapping becomes falsification."""
    codes = [value.name.value for value in node.values]
    if node.name.value == "Tier":
        if tuple(codes) != TIERS:
            yield _at("CV306", f"Tier must be {' '.join(TIERS)}.", node, "Tiers are not a source's codes.")
    elif codes[-1:] != ["OTHER"]:
        yield _at("CV306", f"the code list {node.name.value} does not end in OTHER.", node, "Make OTHER its last code.")


def _kind(node: ObjectTypeDefinitionNode, envelope: InterfaceTypeDefinitionNode | None) -> Iterator[Mistake]:
    given = {field.name.value for field in envelope.fields} if envelope else set()
    for field in node.fields:
        if field.name.value in given:
            message = f"{node.name.value} repeats the field {field.name.value}, which every record carries."
            yield _at("CV304", message, field, "Take it out, or give it another name.")
    if not has(node, "tier"):
        yield _at("CV310", f"{node.name.value} does not say its tier.", node, "Add @tier(level: T3), or whichever fits.")
    yield from _tier(node, "T1")


def _headline(node: ObjectTypeDefinitionNode) -> Iterator[Mistake]:
    """One short field, never one that may be withheld for what it is: the chronology shows it."""
    marked = [field for field in node.fields if has(field, "headline")]
    for field in marked[1:]:
        yield _at("CV308", f"{node.name.value} has more than one @headline.", field, "Keep one.")
    for field in marked[:1]:
        unfit = [name for name in ("freeText", "location", "thirdParty", "tier") if has(field, name)]
        if unfit or unwrapped(field.type)[1]:
            message = f"the @headline of {node.name.value} is a list, or carries @freeText, @location, @thirdParty or @tier."
            yield _at("CV308", message, field, "Mark a code or another short field.")
    if has(node, "occurred") and not marked:
        message = f"{node.name.value} stands on the chronology and has no @headline."
        yield _at("CV308", message, node, "Mark the field that says what happened, or take @occurred away.")


def _field(field: FieldDefinitionNode, kinds: set[str]) -> Iterator[Mistake]:
    """An own field is an optional value, object or flat list of them."""
    name, type_ = field.name.value, field.type
    inner = type_.type if isinstance(type_, ListTypeNode) else type_
    inner = inner.type if isinstance(inner, NonNullTypeNode) else inner
    if isinstance(type_, NonNullTypeNode):
        yield _at("CV305", f"{name} must not be required: sources are incomplete.", field, "Take the ! away.")
    elif isinstance(inner, ListTypeNode):
        yield _at("CV305", f"{name} is a list of lists.", field, "Use an object with a list in it.")
    if unwrapped(type_)[0] == "Float":
        yield _at("CV305", f"{name} is a Float, which two machines write differently.", field, "Use Int in a smaller unit.")
    if unwrapped(type_)[0] in kinds | STAMPED_TYPES | {ENVELOPE}:
        yield _at("CV305", f"{name} puts one record inside another.", field, "Use an object type without @kind.")
    if field.arguments:
        yield _at("CV305", f"{name} takes arguments.", field, "Fields of a record take none.")


def _field_directives(field: FieldDefinitionNode, owner: ObjectTypeDefinitionNode) -> Iterator[Mistake]:
    yield from _tier(field, argument(owner, "tier", "level") or "T1")
    other = argument(field, "checkedBy", "field")
    if other is not None and (other == field.name.value or other not in {each.name.value for each in owner.fields}):
        yield _at(
            "CV310", f"{field.name.value} is checked by a field that {owner.name.value} does not have.", field, "Name a field beside it."
        )


def _tier(node: ObjectTypeDefinitionNode | FieldDefinitionNode, floor: str) -> Iterator[Mistake]:
    level = argument(node, "tier", "level")
    if has(node, "tier") and level not in TIERS:
        yield _at("CV310", f"the tier of {node.name.value} is none of {', '.join(TIERS)}.", node, _SEE)
    elif level is not None and floor in TIERS and level < floor:
        yield _at("CV310", f"the tier of {node.name.value} is lower than that of its record.", node, "A field can only be more sensitive.")


def _since(node: EnumTypeDefinitionNode | ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode, version: str | None) -> Iterator[Mistake]:
    """Nothing can be newer than the standard it stands in."""
    parts: Iterable[Node] = node.values if isinstance(node, EnumTypeDefinitionNode) else node.fields
    for each in (node, *parts):
        said = argument(each, "since", "version")  # type: ignore[arg-type]
        if said is not None and not (_VERSION.fullmatch(said) and (version is None or _number(said) <= _number(version))):
            yield _at("CV310", "@since does not name this version of the standard or an earlier one.", each, "Write MAJOR.MINOR.")


def _sections(definitions: Sequence[DefinitionNode]) -> list[Mistake]:
    """One section for one kind: else silence about one could be read as silence about both."""
    mistakes: list[Mistake] = []
    taken: dict[str, str] = {}
    for node in filter(is_kind, definitions):
        section = argument(node, "kind", "section")
        if section is None:
            continue
        if section in taken:
            message = f"{node.name.value} and {taken[section]} both have the section {section}."
            mistakes.append(_at("CV307", message, node, "Give each kind a section of its own."))
        elif section in RESERVED_SECTIONS or not _SECTION.fullmatch(section):
            message = f"{node.name.value} cannot have the section {section}."
            mistakes.append(_at("CV307", message, node, "Choose a camelCase name that a child view has not."))
        taken.setdefault(section, node.name.value)
    return mistakes


def _endless(definitions: Sequence[DefinitionNode]) -> list[Mistake]:
    """Objects that hold themselves, straight or by way of others: no record could be checked to its end."""
    types = {node.name.value: node for node in definitions if isinstance(node, ObjectTypeDefinitionNode) and not is_kind(node)}
    holds = {name: {unwrapped(field.type)[0] for field in node.fields} & types.keys() for name, node in types.items()}
    mistakes = []
    for name, node in types.items():
        reached: set[str] = set()
        ahead = set(holds[name])
        while ahead:
            reached |= ahead
            ahead = set().union(*(holds[each] for each in ahead)) - reached
        if name in reached:
            mistakes.append(_at("CV305", f"{name} holds itself.", node, "Objects inside a record must come to an end."))
    return mistakes


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _at(id: str, message: str, node: Node, hint: str | None = None) -> Mistake:
    assert node.loc is not None
    line = node.loc.source.get_location(node.loc.start_token.start).line
    name = getattr(node, "name", None)
    if name is not None and name.loc is not None:
        # A description stands before the name, on lines of its own.
        line = name.loc.source.get_location(name.loc.start).line
    return Mistake(id=id, message=message, file=node.loc.source.name, line=line, hint=hint)


def _of_graphql(id: str, error: GraphQLError) -> Mistake:
    node = error.nodes[0] if error.nodes else None
    if node is not None and node.loc is not None:
        return _at(id, error.message, node, _SEE)
    line = error.locations[0].line if error.locations else None
    return Mistake(id=id, message=error.message, file=error.source.name if error.source else None, line=line, hint=_SEE)


def _in_file(id: str, message: str, path: Path, hint: str | None = None) -> Mistake:
    return Mistake(id=id, message=message, file=str(path), line=1, hint=hint)


def _ordered(mistakes: list[Mistake]) -> list[Mistake]:
    return sorted(mistakes, key=lambda mistake: (mistake.file or "", mistake.line or 0, mistake.id))
