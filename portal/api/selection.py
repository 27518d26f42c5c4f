"""The walk from an operation to a Question: which kinds and fields were selected, and about whom.

Pure. It walks the chosen operation with coerced variables, so that a skipped field is not asked of any agency. Values
that somebody typed are never repeated in an error: only their path.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, cast

import msgspec
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLType,
    OperationDefinitionNode,
    OperationType,
    coerce_input_value,
    is_non_null_type,
    type_from_ast,
    value_from_ast,
)
from graphql.execution.collect_fields import collect_fields, collect_sub_fields
from graphql.execution.values import get_argument_values

from connectors import Address, Identifier, Subject
from connectors.scalars import normalise, valid
from connectors.standard import ALWAYS, Kind, Standard
from portal.api.documents import Document
from portal.errors import RequestError
from portal.facts import own_fields
from portal.model import Question

#: Kinds without a section: selecting ``demographics`` asks them.
DEMOGRAPHIC_KINDS = ("PersonDetails", "Identifier")
KNOWN_SYSTEMS = ("nhs_number", "chi", "upn", "scn")
MOST_LISTED = 8
LONGEST_TEXT = 200
LONGEST_REASON = 2000
LONGEST_PURPOSE = 64
_PARTS = ("line", "town", "postcode", "from_", "to")
_UNUSABLE = frozenset({"Cc", "Cs", "Cn"})


Place = tuple[str | int, ...]
#: How the values of a type are written.
_WRITTEN = {"PartialDate": "Write YYYY-MM-DD, YYYY-MM or YYYY.", "Date": "Write YYYY-MM-DD."}


class Selected(msgspec.Struct, frozen=True):
    """The chosen operation: its ``child`` fields (none, or one merged from several), its variables as coerced."""

    operation: OperationDefinitionNode
    variables: dict[str, Any]
    child: tuple[FieldNode, ...]


def choose(document: Document, name: str | None) -> OperationDefinitionNode:
    """The operation to run. Raises RequestError CV417 when there is none of that name, or several and no name."""
    operations = [node for node in document.ast.definitions if isinstance(node, OperationDefinitionNode)]
    if name is not None:
        operations = [node for node in operations if node.name and node.name.value == name]
    if len(operations) != 1:
        raise RequestError("CV417", "Say in operationName which one operation of the document to run.")
    if operations[0].operation is not OperationType.QUERY:
        raise RequestError("CV417", "Only queries can be run here.")
    return operations[0]


def select(schema: GraphQLSchema, document: Document, name: str | None, variables: Mapping[str, Any]) -> Selected:
    """Choose the operation, coerce its variables, find its ``child``. Raises RequestError CV412, CV417, CV418."""
    operation = choose(document, name)
    coerced = coerce_variables(schema, operation, variables)
    assert schema.query_type
    roots = collect_fields(schema, document.fragments, coerced, schema.query_type, operation.selection_set)
    children = [nodes for nodes in roots.values() if nodes[0].name.value == "child"]
    if len(children) > 1:
        places = [(token.line, token.column) for nodes in children if nodes[0].loc and (token := nodes[0].loc.start_token)]
        raise RequestError("CV412", "One operation asks about one child. Ask about another in an operation of its own.", locations=places)
    return Selected(operation, coerced, tuple(children[0]) if children else ())


def coerce_variables(schema: GraphQLSchema, operation: OperationDefinitionNode, given: Mapping[str, Any]) -> dict[str, Any]:
    """The operation's variables by the schema's types. Raises RequestError CV418 naming path and type, never the value."""
    coerced: dict[str, Any] = {}
    for definition in operation.variable_definitions:
        name = definition.variable.name.value
        place = _place(schema, operation, name)
        type_ = cast(GraphQLInputType, type_from_ast(schema, definition.type))
        if name not in given:
            if definition.default_value is not None:
                coerced[name] = value_from_ast(definition.default_value, type_)
            elif is_non_null_type(type_):
                raise _unfit(place, type_)
            continue

        def refuse(path: list[str | int], value: Any, error: GraphQLError, place: Place = place, type_: GraphQLType = type_) -> None:
            raise _unfit((*place, *path), _type_at(type_, path)) from None

        coerced[name] = coerce_input_value(given[name], type_, refuse, hide_suggestions=True)
    return coerced


def _place(schema: GraphQLSchema, operation: OperationDefinitionNode, name: str) -> Place:
    """How an error names a variable: by its name where that is one of the API's own words, else by its number. A name is typed, too."""
    known = {argument for field in schema.query_type.fields.values() for argument in field.args} if schema.query_type else set()
    names = [definition.variable.name.value for definition in operation.variable_definitions]
    return (name,) if name in known else ("variables", names.index(name))


def _type_at(type_: GraphQLType, path: Iterable[str | int]) -> GraphQLType:
    for step in path:
        type_ = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if isinstance(type_, GraphQLList) and isinstance(step, int):
            type_ = type_.of_type
        elif isinstance(type_, GraphQLInputObjectType):
            type_ = type_.fields[str(step)].type
    return type_


def _unfit(path: tuple[str | int, ...], type_: GraphQLType) -> RequestError:
    hint = _WRITTEN.get(str(type_).rstrip("!"))
    return RequestError("CV418", f"The variable at {_dotted(path)} does not fit the type {type_}.", path=path, hint=hint)


def _dotted(path: Iterable[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def question(schema: GraphQLSchema, standard: Standard, document: Document, selected: Selected, sources: Collection[str]) -> Question:
    """What is asked about whom. ``sources`` are the ids whose own numbers may be typed.

    Raises RequestError: CV420 too little to search by, CV421 identifier, CV422 too long or too many, CV424 breakGlass, CV601 chosen.
    """
    assert schema.query_type
    arguments = get_argument_values(schema.query_type.fields["child"], selected.child[0], selected.variables)
    if arguments.get("breakGlass") is not None:
        raise RequestError("CV424", "Breaking the glass is not possible here yet.", hint="Phone.", path=("child", "breakGlass"))
    if arguments.get("chosen") is not None:
        raise RequestError("CV601", "Choosing between candidates is not possible here yet.", path=("child", "chosen"))
    walk = _Walk(schema, standard, document, selected)
    sections, chronology, demographics = walk.sections(), walk.chronology(), walk.demographics()
    return Question(
        subject=subject(arguments["subject"], sources),
        purpose=_text(arguments["purpose"], ("purpose",), LONGEST_PURPOSE) or "",
        reason=_text(arguments.get("reason"), ("reason",), LONGEST_REASON, lines=True),
        wanted=_joined(sections, chronology or {}, demographics or {}),
        sections=frozenset(sections),
        chronology=chronology is not None,
        demographics=demographics is not None,
        document=document.sha256,
    )


def _joined(*several: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    kinds = sorted({kind for one in several for kind in one})
    return {kind: frozenset().union(*(one.get(kind, frozenset()) for one in several)) for kind in kinds}


Wanted = dict[str, frozenset[str]]


class _Walk:
    """Reads the selections under ``child``."""

    def __init__(self, schema: GraphQLSchema, standard: Standard, document: Document, selected: Selected) -> None:
        self._schema = schema
        self._standard = standard
        self._fragments = document.fragments
        self._variables = selected.variables
        self._view = self._under("ChildView", selected.child)

    def _under(self, type_name: str, nodes: Iterable[FieldNode]) -> dict[str, list[FieldNode]]:
        """Fields selected under ``nodes`` for one object type, by the schema's name (aliases joined)."""
        type_ = cast(GraphQLObjectType, self._schema.type_map[type_name])
        found = collect_sub_fields(self._schema, self._fragments, self._variables, type_, list(nodes))
        named: dict[str, list[FieldNode]] = {}
        for aliased in found.values():
            named.setdefault(aliased[0].name.value, []).extend(aliased)
        return named

    def sections(self) -> Wanted:
        """Kinds whose section is selected, with the fields selected of their records."""
        wanted = {}
        for kind in self._standard.kinds.values():
            if kind.section and kind.section in self._view:
                section = self._under(f"{kind.name}Section", self._view[kind.section])
                wanted[kind.name] = self._fields(kind, section.get("records", ()))
        return wanted

    def chronology(self) -> Wanted | None:
        """Every kind that stands on the chronology, with its date, its headline, and what is selected of its record."""
        nodes = self._view.get("chronology")
        if nodes is None:
            return None
        entries = self._under("Chronology", nodes).get("entries", ())
        records = self._under("ChronologyEntry", entries).get("record", ())
        return {kind.name: _shown_first(kind) | self._fields(kind, records) for kind in self._standard.kinds.values() if kind.occurred}

    def demographics(self) -> Wanted | None:
        """All fields of their own of the kinds that say who a child is."""
        if "demographics" not in self._view:
            return None
        kinds = self._standard.kinds
        return {kind: own_fields(kinds[kind], self._standard) for kind in DEMOGRAPHIC_KINDS if kind in kinds}

    def _fields(self, kind: Kind, nodes: Iterable[FieldNode]) -> frozenset[str]:
        return (frozenset(self._under(kind.name, nodes)) & kind.fields.keys()) - ALWAYS


def _shown_first(kind: Kind) -> frozenset[str]:
    return frozenset(filter(None, ("occurredOn", kind.headline))) - ALWAYS


def subject(typed: Mapping[str, Any], sources: Collection[str]) -> Subject:
    """The child asked about, as typed, blanks left out. Raises RequestError CV420, CV421, CV422."""
    child = Subject(
        identifiers=tuple(_identifiers(typed, sources)),
        given_name=_named(typed, "givenName"),
        middle_names=_named(typed, "middleNames"),
        family_name=_named(typed, "familyName"),
        former_family_name=_named(typed, "formerFamilyName"),
        birth_date=_named(typed, "birthDate"),
        sex=_named(typed, "sex"),
        addresses=tuple(_addresses(typed)),
        phones=_texts(typed, "phones"),
        school=_named(typed, "school"),
        parents=_texts(typed, "parents"),
    )
    by_number = child.identifiers and (child.birth_date or child.family_name)
    by_name = child.given_name and child.family_name and child.birth_date
    if not (by_number or by_name):
        message = "This is too little to look a child up by, or to be sure that it is the right one."
        hint = "Give a number with a birth date or family name; or given name, family name and birth date."
        raise RequestError("CV420", message, hint=hint, path=("subject",))
    return child


def _identifiers(typed: Mapping[str, Any], sources: Collection[str]) -> Iterator[Identifier]:
    for index, given in enumerate(_listed(typed, "identifiers")):
        path = ("subject", "identifiers", index)
        system = _text(given["system"], (*path, "system"))
        value = _text(given["value"], (*path, "value"))
        if system not in KNOWN_SYSTEMS and system not in sources:
            hint = f"Known are {', '.join(KNOWN_SYSTEMS)}, and the id of a source for its own numbers."
            raise RequestError("CV421", f"The system at {_dotted((*path, 'system'))} is not known here.", hint=hint, path=(*path, "system"))
        if system is None or value is None or not valid(system, value):
            raise RequestError("CV421", f"The number at {_dotted(path)} is no {system}: check its digits.", path=(*path, "value"))
        yield Identifier(system, normalise(system, value))


def _addresses(typed: Mapping[str, Any]) -> Iterator[Address]:
    for index, given in enumerate(_listed(typed, "addresses")):
        parts = {part: _text(given.get(part), ("subject", "addresses", index, part)) for part in _PARTS}
        if any(parts.values()):
            yield Address(**parts)


def _listed(typed: Mapping[str, Any], name: str) -> list[Any]:
    listed = typed.get(name) or []
    if len(listed) > MOST_LISTED:
        raise _too_long(("subject", name), f"more than {MOST_LISTED} entries")
    return list(listed)


def _named(typed: Mapping[str, Any], name: str) -> str | None:
    return _text(typed.get(name), ("subject", name))


def _texts(typed: Mapping[str, Any], name: str) -> tuple[str, ...]:
    texts = (_text(text, ("subject", name, index)) for index, text in enumerate(_listed(typed, name)))
    return tuple(text for text in texts if text)


def _text(value: str | None, path: tuple[str | int, ...], longest: int = LONGEST_TEXT, lines: bool = False) -> str | None:
    """A text without blanks at its ends, or None when nothing is left of it."""
    if value is None:
        return None
    if len(value) > longest:
        raise _too_long(path, f"more than {longest} characters")
    if any(unicodedata.category(sign) in _UNUSABLE and not (lines and sign in "\r\n\t") for sign in value):
        raise _too_long(path, "control signs in it")
    return value.strip() or None


def _too_long(path: tuple[str | int, ...], what: str) -> RequestError:
    path = tuple("from" if step == "from_" else step for step in path)
    return RequestError("CV422", f"What stands at {_dotted(path)} has {what}.", path=path)


__all__ = ["Selected", "choose", "coerce_variables", "question", "select", "subject"]
