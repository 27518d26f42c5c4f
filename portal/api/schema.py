"""The composed API: graphene's fixed part, extended with the data standard and one section for each record kind.

Adding a file to the data standard adds its kind here; nothing else has to be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any, cast

import graphene
from graphql import (
    DocumentNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    assert_valid_schema,
    extend_schema,
    is_introspection_type,
    parse,
    print_schema,
)
from graphql.language import TypeDefinitionNode

from connectors.scalars import CHECKERS
from connectors.standard import Kind, Standard
from portal.api import fixed, mutations

#: Fields of the fixed part that need a type of the data standard.
_JOINED = """
extend type ChildView {
  "What is there and is not shown, in words. Always one for places where they are not shown."
  held: [Held!]!
}
extend type Demographics {
  "What is there and is not shown, in words."
  held: [Held!]!
}
extend type DemographicValue { provenance: [Provenance!]! }
extend type ChronologyEntry { record: Record! }
"""

_SECTION = '''
"""{description}"""
type {kind}Section {{
  everySourceAnswered: Boolean!
  records: [{kind}!]!
  missing: [Missing!]!
}}
extend type ChildView {{
  "{words}"
  {section}: {kind}Section
}}
'''


def build_schema(standard: Standard) -> GraphQLSchema:
    """The executable API for a data standard. Raises TypeError (graphql-core) when the two do not fit together."""
    shown = [fixed.Missing, fixed.Candidate]
    base = graphene.Schema(query=fixed.Query, mutation=mutations.Mutation, types=shown, auto_camelcase=False).graphql_schema
    joined = _JOINED + "".join(_section(kind) for kind in _sections(standard))
    schema = extend_schema(extend_schema(base, _without(base, parse(standard.sdl))), parse(joined))
    for kind in _sections(standard):
        schema.type_map["ChildView"].fields[kind.section].resolve = _section_resolver(str(kind.section))  # type: ignore[attr-defined]
    _ask_informed(schema)
    for type_ in schema.type_map.values():
        _make_plain(type_)
    assert_valid_schema(schema)
    return schema


def _ask_informed(schema: GraphQLSchema) -> None:
    """The one argument of ``child`` whose type is the data standard's."""
    words = "What you say of the family: were they told that you ask?"
    child, informed = schema.type_map["Query"].fields["child"], schema.type_map["FamilyInformed"]  # type: ignore[attr-defined]
    child.args["informed"] = GraphQLArgument(cast(GraphQLEnumType, informed), description=words)


def api_text(schema: GraphQLSchema) -> str:
    """The API as published in ``schema/api.graphql``: what a client can see. Applied directives stand in the standard's own files."""
    return "# What the portal answers. Generated from the data standard: change that, not this.\n\n" + print_schema(schema) + "\n"


def _sections(standard: Standard) -> Iterator[Kind]:
    return (kind for kind in standard.kinds.values() if kind.section)


def _section(kind: Kind) -> str:
    words = f"Every {kind.name} that may be shown. Null when it was not asked for."
    description = f"{kind.name} records, and who has not answered. An empty list says that nothing can be shown, not that nothing is known."
    return _SECTION.format(kind=kind.name, section=kind.section, words=words, description=description)


def _without(base: GraphQLSchema, document: DocumentNode) -> DocumentNode:
    """The standard's definitions but those the base already has (its scalars): a name may be defined once."""
    kept = [node for node in document.definitions if not (isinstance(node, TypeDefinitionNode) and node.name.value in base.type_map)]
    return DocumentNode(definitions=tuple(kept))


def _section_resolver(section: str) -> Callable[[Any, GraphQLResolveInfo], Any]:
    def resolve(view: Any, info: GraphQLResolveInfo) -> Any:
        return view.sections.get(section)

    return resolve


def _make_plain(type_: object) -> None:
    """Scalars are checked, enums are their names, interfaces know their kinds."""
    if isinstance(type_, GraphQLScalarType) and type_.name in CHECKERS:
        type_.parse_value = CHECKERS[type_.name]  # type: ignore[assignment]
        type_.serialize = _shown  # type: ignore[method-assign]
    elif isinstance(type_, GraphQLEnumType) and not is_introspection_type(type_):
        for name, value in type_.values.items():
            value.value = name
    elif isinstance(type_, GraphQLInterfaceType):
        type_.resolve_type = _kind_of


def _kind_of(record: Any, info: GraphQLResolveInfo, interface: object) -> str:
    return str(record.kind)


def _shown(value: object) -> str:
    """Dates and times as text; the standard's checkers have already made text of the rest."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)
