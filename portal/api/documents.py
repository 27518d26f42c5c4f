"""Documents: parsed, measured, checked and kept by their SHA-256; only those that pass are kept.

A name in a document would stand in this cache and in error texts, so whatever says something about a child comes by
variable without a default (CV413). Every error here is ours: graphql-core's own texts repeat values and offer names.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator

import msgspec
from cachetools import LRUCache
from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    Visitor,
    parse,
    specified_rules,
    validate,
    visit,
)
from graphql.validation import ASTValidationRule, MaxIntrospectionDepthRule

from portal.errors import RequestError

MOST_TOKENS = 2000
MOST_DEPTH = 12
#: The deepest published introspection query asks for a type nine wrappers deep.
MOST_INTROSPECTION_DEPTH = 20
MOST_ALIASES = 16
MOST_DIRECTIVES = 16
MOST_FRAGMENTS = 64
MOST_REPEATS = 8
MOST_ERRORS = 10
#: Documents are kept up to this many characters of text in all; a parsed document takes about a hundred times its text.
KEPT_TEXT = 1024 * 1024

_SAID = frozenset({"subject", "party", "state", "on", "evidence", "understanding", "responsibility", "words"})
#: By root field, the arguments that may say something about a child or its family, about why somebody asks, or about a colleague.
BY_VARIABLE: dict[str, frozenset[str]] = {
    "child": frozenset({"subject", "reason", "chosen", "breakGlass"}),
    "recordConsent": _SAID,
    "recordObjection": _SAID,
    "recordNotShared": frozenset({"subject", "to", "kinds", "words"}),
    "closeReview": frozenset({"outcome", "words"}),
    "reportWrongChild": frozenset({"report", "words"}),
    "closeDoubt": frozenset({"outcome", "words"}),
}
_INTROSPECTION = frozenset({"__schema", "__type"})
#: A root field and one of its arguments.
Path = tuple[str, str]


def _named(rule: type[ASTValidationRule]) -> type[ASTValidationRule]:
    """A rule that notes its name on the errors it finds: the name can be shown, the error's own words cannot."""

    def report_error(self: ASTValidationRule, error: GraphQLError) -> None:
        error.extensions = {"rule": rule.__name__.removesuffix("Rule")}
        rule.report_error(self, error)

    return type(rule.__name__, (rule,), {"report_error": report_error})


_RULES = tuple(_named(rule) for rule in (*specified_rules, MaxIntrospectionDepthRule))


class Document(msgspec.Struct, frozen=True):
    """A document that may be run, with the SHA-256 of its text in hex and its length in characters."""

    ast: DocumentNode
    sha256: str
    size: int
    fragments: dict[str, FragmentDefinitionNode]


class Documents:
    """Turns text into documents that may be run. ``introspection`` says whether the API may be asked about itself."""

    def __init__(self, schema: GraphQLSchema, introspection: bool = False) -> None:
        self._schema = schema
        self._introspection = introspection
        self._kept: LRUCache[bytes, Document] = LRUCache(maxsize=KEPT_TEXT, getsizeof=lambda document: document.size)

    def read(self, text: str) -> Document:
        """The document of that text. Raises RequestError: CV410 syntax, CV411 schema, CV413 literal, CV416 limit, CV419 introspection."""
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        document = self._kept.get(digest)
        if document is None:
            ast = _parsed(text)
            fragments = {node.name.value: node for node in ast.definitions if isinstance(node, FragmentDefinitionNode)}
            document = Document(ast, digest.hex(), len(text), fragments)
            self._check(document)
            self._keep(digest, document)
        return document

    def _check(self, document: Document) -> None:
        check_limits(document, self._introspection)
        check_by_variable(self._schema, document.ast)
        errors = validate(self._schema, document.ast, _RULES, max_errors=1)
        if errors:
            raise _misfit(self._schema, document.ast, errors[0])

    def _keep(self, digest: bytes, document: Document) -> None:
        try:
            self._kept[digest] = document
        except ValueError:  # larger than the whole cache
            return


def _parsed(text: str) -> DocumentNode:
    try:
        return parse(text, max_tokens=MOST_TOKENS)
    except GraphQLError as error:
        places = [(place.line, place.column) for place in error.locations or ()]
        if error.message.endswith("Parsing aborted."):
            raise _too_much("words and signs", MOST_TOKENS) from None
        raise RequestError("CV410", "The document cannot be read as GraphQL.", locations=places) from None
    except RecursionError:
        raise _too_much("levels", MOST_DEPTH) from None


def _too_much(what: str, most: int) -> RequestError:
    return RequestError("CV416", f"The document asks for too much at once: at most {most} {what}.")


def check_limits(document: Document, introspection: bool) -> None:
    """Refuse (CV416, CV419) what would cost more than any honest question, before anything costly looks at it.

    Checking that fields of one name agree takes time by the square of their number, hence the limit on repeats.
    """
    aliases = directives = spreads = 0
    for node in _nodes(document.ast):
        directives += len(getattr(node, "directives", None) or ())
        if isinstance(node, FieldNode):
            aliases += node.alias is not None
            if not introspection and node.name.value in _INTROSPECTION:
                raise RequestError("CV419", "Questions about the API itself are switched off here.", locations=_places(node))
        elif isinstance(node, FragmentSpreadNode | InlineFragmentNode | FragmentDefinitionNode):
            spreads += 1
        elif isinstance(node, SelectionSetNode):
            _check_repeats(node)
    for count, most, what in (
        (aliases, MOST_ALIASES, "other names (aliases)"),
        (directives, MOST_DIRECTIVES, "directives"),
        (spreads, MOST_FRAGMENTS, "fragments"),
    ):
        if count > most:
            raise _too_much(what, most)
    _check_depth(document)


def _check_repeats(node: SelectionSetNode) -> None:
    names = Counter((field.alias or field.name).value for field in node.selections if isinstance(field, FieldNode))
    if names and max(names.values()) > MOST_REPEATS:
        raise _too_much("fields of one name in one place", MOST_REPEATS)


def _nodes(root: Node) -> Iterator[Node]:
    """Every node of a document, without recursion."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        for key in node.keys:
            if key == "loc":
                continue
            value = getattr(node, key, None)
            stack.extend(item for item in (value if isinstance(value, list | tuple) else (value,)) if isinstance(item, Node))


def _check_depth(document: Document) -> None:
    """Count levels of fields, through fragments. A fragment is looked at again only when it is met deeper; cycles end at the limit."""
    deepest: dict[tuple[str, bool], int] = {}
    stack: list[tuple[SelectionSetNode, int, bool]] = [
        (node.selection_set, 1, False) for node in document.ast.definitions if isinstance(node, OperationDefinitionNode)
    ]
    while stack:
        selections, depth, inside = stack.pop()
        most = MOST_INTROSPECTION_DEPTH if inside else MOST_DEPTH
        if depth > most:
            raise _too_much("levels", most)
        for node in selections.selections:
            if isinstance(node, FieldNode) and node.selection_set:
                stack.append((node.selection_set, depth + 1, inside or node.name.value in _INTROSPECTION))
            elif isinstance(node, InlineFragmentNode):
                stack.append((node.selection_set, depth, inside))
            elif isinstance(node, FragmentSpreadNode):
                fragment, seen = document.fragments.get(node.name.value), (node.name.value, inside)
                if fragment and deepest.get(seen, 0) < depth:
                    deepest[seen] = depth
                    stack.append((fragment.selection_set, depth, inside))


def check_by_variable(schema: GraphQLSchema, ast: DocumentNode) -> None:
    """Refuse (CV413) a subject, a reason, words that stand in the document, as a literal or as a default value."""
    found = _Guarded(TypeInfo(schema), schema)
    visit(ast, TypeInfoVisitor(found.types, found))
    names: dict[str, Path] = {}
    for path, argument in found.arguments:
        if isinstance(argument.value, VariableNode):
            names[argument.value.name.value] = path
        elif not isinstance(argument.value, NullValueNode):
            raise _literal(path, argument)
    for operation in ast.definitions:
        for variable in getattr(operation, "variable_definitions", None) or ():
            if variable.default_value is not None and variable.variable.name.value in names:
                raise _literal(names[variable.variable.name.value], variable)


def _literal(path: Path, node: Node) -> RequestError:
    return RequestError(
        "CV413",
        f"{path[1]} must be passed as a variable without a default value, so that nothing about a child stands in a document.",
        locations=_places(node),
        path=path,
    )


class _Guarded(Visitor):
    """Collects the arguments that must come by variable, each with its place in the API."""

    def __init__(self, types: TypeInfo, schema: GraphQLSchema) -> None:
        super().__init__()
        self.types = types
        self.arguments: list[tuple[Path, ArgumentNode]] = []
        self._roots = {root.name for root in (schema.query_type, schema.mutation_type) if root}

    def enter_field(self, node: FieldNode, *_: object) -> None:
        parent, field = self.types.get_parent_type(), node.name.value
        if parent and parent.name in self._roots:
            guarded = BY_VARIABLE.get(field, frozenset())
            self.arguments += [((field, each.name.value), each) for each in node.arguments if each.name.value in guarded]


class _Whereabouts(Visitor):
    """Finds how the API's own names lead to a node of a document."""

    def __init__(self, types: TypeInfo, wanted: Node | None) -> None:
        super().__init__()
        self.path: tuple[str, ...] = ()
        self.type_name: str | None = None
        self._types = types
        self._wanted = wanted
        self._names: list[str | None] = []

    def enter(self, node: Node, *_: object) -> None:
        if isinstance(node, FieldNode):
            self._names.append(node.name.value if self._types.get_field_def() else None)
        if node is self._wanted:
            parent = self._types.get_parent_type()
            self.path = tuple(name for name in self._names if name)
            self.type_name = parent.name if parent else None

    def leave(self, node: Node, *_: object) -> None:
        if isinstance(node, FieldNode):
            self._names.pop()


def _misfit(schema: GraphQLSchema, ast: DocumentNode, error: GraphQLError) -> RequestError:
    """Our words for a document that does not fit the API. Only names the API itself has are said again."""
    node = error.nodes[0] if error.nodes else None
    types = TypeInfo(schema)
    found = _Whereabouts(types, node)
    visit(ast, TypeInfoVisitor(types, found))
    what = (node.kind if node else "document").replace("_", " ")
    rule = (error.extensions or {}).get("rule", "limit")
    where = f", on type {found.type_name}" if found.type_name else ""
    places = [(place.line, place.column) for place in error.locations or ()]
    message = f"The document does not fit this API: see this {what}{where} (rule {rule})."
    return RequestError("CV411", message, locations=places, path=found.path)


def _places(node: Node) -> list[tuple[int, int]]:
    place = node.loc.start_token if node.loc else None
    return [(place.line, place.column)] if place else []
