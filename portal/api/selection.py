"""The walk from an operation to a Question: which kinds and fields were selected, and about whom.

Pure. It walks the chosen operation with coerced variables, so that a skipped field is not asked of any agency. Values
that somebody typed are never repeated in an error: only their path.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
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

from connectors.standard import ALWAYS, Kind, Standard
from portal.api.documents import Document
from portal.api.typed import LONGEST_WORDS, Place, dotted, subject, taken
from portal.choices import MOST, too_many
from portal.errors import RequestError
from portal.facts import own_fields
from portal.model import BreakGlass, Question

#: Kinds without a section: selecting ``demographics`` asks them.
DEMOGRAPHIC_KINDS = ("PersonDetails", "Identifier")
LONGEST_PURPOSE = 64
#: How the values of a type are written.
_WRITTEN = {"PartialDate": "Write YYYY-MM-DD, YYYY-MM or YYYY.", "Date": "Write YYYY-MM-DD."}
_ONE_CHILD = "One operation asks about one child. Ask about another in an operation of its own."
_ONE_CHANGE = "One operation writes down one thing. Write down another in an operation of its own."


class Selected(msgspec.Struct, frozen=True):
    """The chosen operation, its variables as coerced, and what of it needs more than projecting.

    ``child`` and ``change`` are the fields about one child (none, or one merged from several): a question, or a mutation. ``reviews``:
    open reviews are asked for; ``doubts``: reports of a wrong child that stand.
    """

    operation: OperationDefinitionNode
    variables: dict[str, Any]
    child: tuple[FieldNode, ...] = ()
    change: tuple[FieldNode, ...] = ()
    reviews: bool = False
    doubts: bool = False


def choose(document: Document, name: str | None) -> OperationDefinitionNode:
    """The operation to run. Raises RequestError CV417 when there is none of that name, or several and no name."""
    operations = [node for node in document.ast.definitions if isinstance(node, OperationDefinitionNode)]
    if name is not None:
        operations = [node for node in operations if node.name and node.name.value == name]
    if len(operations) != 1:
        raise RequestError("CV417", "Say in operationName which one operation of the document to run.")
    if operations[0].operation is OperationType.SUBSCRIPTION:
        raise RequestError("CV417", "Only queries and mutations can be run here.")
    return operations[0]


def select(schema: GraphQLSchema, document: Document, name: str | None, variables: Mapping[str, Any]) -> Selected:
    """Choose the operation, coerce its variables, find what is about a child. Raises RequestError CV412, CV417, CV418."""
    operation = choose(document, name)
    coerced = coerce_variables(schema, operation, variables)
    root = schema.get_root_type(operation.operation)
    assert root
    fields = collect_fields(schema, document.fragments, coerced, root, operation.selection_set).values()
    if operation.operation is OperationType.MUTATION:
        change = _only((nodes for nodes in fields if nodes[0].name.value != "__typename"), _ONE_CHANGE)
        return Selected(operation, coerced, change=change)
    child = _only((nodes for nodes in fields if nodes[0].name.value == "child"), _ONE_CHILD)
    asked = {nodes[0].name.value for nodes in fields}
    return Selected(operation, coerced, child, reviews="reviews" in asked, doubts="doubts" in asked)


def _only(several: Iterable[list[FieldNode]], words: str) -> tuple[FieldNode, ...]:
    """The nodes of the one field there may be, none if there is none. Raises RequestError CV412, saying ``words``."""
    found = list(several)
    if len(found) > 1:
        places = [(token.line, token.column) for nodes in found if nodes[0].loc and (token := nodes[0].loc.start_token)]
        raise RequestError("CV412", words, locations=places)
    return tuple(found[0]) if found else ()


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
    roots = [root for root in (schema.query_type, schema.mutation_type) if root]
    known = {argument for root in roots for field in root.fields.values() for argument in field.args}
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
    return RequestError("CV418", f"The variable at {dotted(path)} does not fit the type {type_}.", path=path, hint=hint)


def question(schema: GraphQLSchema, standard: Standard, document: Document, selected: Selected, sources: Collection[str]) -> Question:
    """What is asked about whom. ``sources`` are the ids whose own numbers may be typed.

    Raises RequestError: CV420 too little to search by, CV421 identifier, CV422 too long or too many, CV431 declared without a reason,
    CV609 too many chosen.
    """
    assert schema.query_type
    arguments = get_argument_values(schema.query_type.fields["child"], selected.child[0], selected.variables)
    walk = _Walk(schema, standard, document, selected)
    sections, chronology, demographics = walk.sections(), walk.chronology(), walk.demographics()
    reason = taken(arguments.get("reason"), ("reason",), LONGEST_WORDS, lines=True)
    return Question(
        subject=subject(arguments["subject"], sources),
        purpose=taken(arguments["purpose"], ("purpose",), LONGEST_PURPOSE) or "",
        reason=reason,
        wanted=_joined(sections, chronology or {}, demographics or {}),
        sections=frozenset(sections),
        chronology=chronology is not None,
        demographics=demographics is not None,
        document=document.sha256,
        break_glass=_break_glass(arguments.get("breakGlass")),
        declared=_declared(arguments.get("declared"), reason),
        informed=arguments.get("informed"),
        chosen=_chosen(arguments.get("chosen")),
    )


def _break_glass(given: Mapping[str, Any] | None) -> BreakGlass | None:
    """Breaking the glass as typed, blanks left out; whether it may be broken is decided with the glass itself."""
    if given is None:
        return None
    reason = taken(given["reason"], ("breakGlass", "reason"), LONGEST_PURPOSE)
    return BreakGlass(reason or "", taken(given["words"], ("breakGlass", "words"), LONGEST_WORDS, lines=True) or "")


def _declared(given: bool | None, reason: str | None) -> bool:
    """Whether the asker says that they work with this child: alerts go out for it, so the reason is needed."""
    if given and reason is None:
        message = "Say in reason how you work with this child: nobody else has vouched for it."
        raise RequestError("CV431", message, hint="Give a reason, or ask without declared.", path=("child", "reason"))
    return bool(given)


def _chosen(given: Sequence[str] | None) -> tuple[str, ...]:
    """The tokens as they were sent; whether they can be used is seen when they are opened."""
    if given and len(given) > MOST:
        raise too_many()
    return tuple(given or ())


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


__all__ = ["Selected", "choose", "coerce_variables", "question", "select", "subject"]
