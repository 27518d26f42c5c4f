"""What the declared connectors share: the tables of one file read and checked, finds run together, persons joined.

A reader adds what is its own: the shape of a find and of a provide, and how one of them is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from connectors.connector import FIND_LIMIT, MOST_PERSONS, Ask, Connector, Person, Persons, Provide, Record, Subject
from connectors.declarative import Declaration, refuse_unknown_tables
from connectors.errors import ConfigurationError, Mistake
from connectors.mapping import CONVERTERS, Path, Reading, Rule, at, column, reading, text_id
from connectors.parameters import EVER, PLACEHOLDER, PROVIDED, Vocabulary, bindings, vocabulary
from connectors.people import join
from connectors.settings import Document, collect
from connectors.standard import Kind, Standard, validate

_Find = TypeVar("_Find", bound=msgspec.Struct)
_Provide = TypeVar("_Provide", bound=msgspec.Struct)

#: ``:limit`` is so many times what will be taken: records that may not be shown are not counted, and must not crowd out others.
ROOM = 10


class Search(msgspec.Struct, Generic[_Find], frozen=True):
    """One ``find``: its label, its table, and the placeholders it needs."""

    label: str
    form: _Find
    parameters: tuple[str, ...]


class Holding(msgspec.Struct, Generic[_Provide], frozen=True):
    """One ``provide``: the kind, its table, and how a row becomes a record."""

    kind: str
    form: _Provide
    id: Path
    fields: Mapping[str, Reading]
    paths: tuple[Path, ...]

    def record(self, row: Any) -> Record:
        """A row as a record. One whose id cannot be read has none, and is set aside where records are validated."""
        return Record(text_id(at(row, self.id)) or "", {name: take(row) for name, take in self.fields.items()})


class Reader(Connector, Generic[_Find, _Provide]):
    """A connector declared in one file. Raises ConfigurationError with every mistake when it is made."""

    find_form: type[_Find]
    provide_form: type[_Provide]
    tables: ClassVar[tuple[str, ...]] = ("source", "find", "person", "provide")

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.source = declaration.id
        document = declaration.document
        own_systems = _own_systems(document)
        self.vocabulary = vocabulary(declaration.id, own_systems, declaration.settings.needs)
        mistakes = refuse_unknown_tables(document, self.tables)
        mistakes += self.read_person(document)
        self.searches, wrong = self._searches(document)
        mistakes += wrong
        self.holdings, wrong = self._holdings(document)
        mistakes += wrong
        if mistakes:
            raise ConfigurationError(mistakes)
        systems = {self.vocabulary.systems.get(name) for search in self.searches for name in search.parameters} - {None}
        by_name = any({"family_name", "birth_date"} & set(search.parameters) for search in self.searches)
        self.finds_by = frozenset({*(str(system) for system in systems), *(["demographics"] if by_name else [])})
        self.vouches = "workers" in document.raw.get("person", {})

    # What a reader adds.

    def cut(self, text: str) -> Path:
        """Part a name in the file into a path."""
        return column(text)

    def read_person(self, document: Document) -> list[Mistake]:
        """Read the ``person`` table; its mistakes."""
        raise TypeError(f"{type(self).__name__} reads no persons")

    def check_find(self, document: Document, label: str, form: _Find) -> tuple[list[str], list[Mistake]]:
        """The placeholders of one find, and what is wrong with it."""
        raise TypeError(f"{type(self).__name__} has no finds")

    def check_provide(self, document: Document, kind: str, form: _Provide) -> tuple[list[str], list[Mistake]]:
        """The placeholders of one provide, and what is wrong with it."""
        raise TypeError(f"{type(self).__name__} provides nothing")

    def persons(self, search: Search[_Find], given: Mapping[str, str], ask: Ask) -> AsyncGenerator[Person, None]:
        """The persons one find gives for one set of values."""
        raise TypeError(f"{type(self).__name__} has no finds")

    def records(self, holding: Holding[_Provide], person: Person, ask: Ask) -> AsyncGenerator[Record, None]:
        """The records of one kind about one person."""
        raise TypeError(f"{type(self).__name__} provides nothing")

    # The contract.

    def can_find(self, subject: Subject) -> bool:
        """Whether every placeholder of at least one find is known."""
        return bool(self._asked(subject))

    async def find(self, subject: Subject, ask: Ask) -> list[Person]:
        """Every find whose placeholders are all known, at the same time; persons joined by id, at most 200 of them."""
        runs = [self._persons(search, given, ask) for search, given in self._asked(subject)]
        found = await together(runs)
        joined = join(person for persons in found for person in persons)
        more = len(joined) > MOST_PERSONS or any(persons.more for persons in found)
        return Persons(joined[:MOST_PERSONS], more=more)

    def provided(self) -> Mapping[str, Provide]:
        """The kinds that the file declares."""
        return {holding.kind: partial(self.records, holding) for holding in self.holdings}

    def _asked(self, subject: Subject) -> list[tuple[Search[_Find], dict[str, str]]]:
        values = self.vocabulary.values(subject)
        return [(search, given) for search in self.searches for given in bindings(search.parameters, values)]

    async def _persons(self, search: Search[_Find], given: Mapping[str, str], ask: Ask) -> Persons:
        found = Persons()
        seen: set[str] = set()
        async with aclosing(self.persons(search, given, ask)) as persons:
            async for person in persons:
                if len(seen | {person.id}) > FIND_LIMIT:
                    found.more = True
                    break
                found.append(person)
                seen.add(person.id)
        return found

    # The file.

    def _searches(self, document: Document) -> tuple[list[Search[_Find]], list[Mistake]]:
        tables, mistakes = _tables(document, "find", "CV350")
        searches: list[Search[_Find]] = []
        for label in tables:
            form, wrong = collect(self.find_form, document, "CV350", ("find", label))
            mistakes += wrong
            if form is None:
                continue
            names, wrong = self.check_find(document, label, form)
            mistakes += wrong + find_placeholders(document, label, names, self.vocabulary)
            searches.append(Search(label, form, tuple(dict.fromkeys(names))))
        return searches, mistakes

    def _holdings(self, document: Document) -> tuple[list[Holding[_Provide]], list[Mistake]]:
        tables, mistakes = _tables(document, "provide", "CV350")
        standard = self.declaration.standard
        holdings: list[Holding[_Provide]] = []
        for name in tables:
            kind = standard.kinds.get(name)
            if kind is None:
                hint = f"The standard has {', '.join(sorted(standard.kinds))}."
                mistakes.append(document.mistake("CV351", f"there is no record kind {name!r}.", "provide", name, hint=hint))
            form, wrong = collect(self.provide_form, document, "CV350", ("provide", name))
            mistakes += wrong
            if form is None:
                continue
            placeholders, wrong = self.check_provide(document, name, form)
            mistakes += wrong + provide_placeholders(document, name, placeholders)
            if kind is None:
                continue
            fields, paths, wrong = field_readings(document, kind, standard, self.cut)
            mistakes += wrong
            own = self.cut(form.id)  # type: ignore[attr-defined]
            if not own:
                mistakes.append(document.mistake("CV353", f"provide.{name}.id names nothing.", "provide", name, "id"))
            holdings.append(Holding(name, form, own, fields, (own, *paths)))
        return holdings, mistakes


async def together(runs: Iterable[Any]) -> list[Any]:
    """Run all at once and give their results in order; the first error ends the others and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run) for run in runs]
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
    return [task.result() for task in tasks]


def given_for(person: Person, ask: Ask) -> dict[str, Any]:
    """What ``:person_id``, ``:since`` (ISO text) and ``:limit`` stand for."""
    since = ask.since.isoformat() if ask.since else EVER
    return {"person_id": person.id, "since": since, "limit": ask.limit * ROOM + 1}


def find_placeholders(document: Document, label: str, names: list[str], known: Vocabulary) -> list[Mistake]:
    """What is wrong with the placeholders of a find: unknown, not among ``needs``, or none at all."""
    mistakes: list[Mistake] = []
    if not names:
        hint = "Without one it would return everybody. Use a parameter such as :nhs_number, or :family_name with :birth_date."
        mistakes.append(document.mistake("CV355", f"find.{label} uses nothing that is known of the child.", "find", label, hint=hint))
    for name in dict.fromkeys(names):
        if name not in known.known:
            hint = f"Known are {', '.join(':' + each for each in known.known)}."
            mistakes.append(document.mistake("CV355", f"find.{label}: there is no :{name}.", "find", label, hint=hint))
        elif lacking := known.lacking(name):
            hint = f'Write source.needs = ["{lacking}"]: what matching needs beyond names, birth date and sex is declared.'
            mistakes.append(document.mistake("CV356", f"find.{label} uses :{name} without saying so.", "find", label, hint=hint))
    return mistakes


def provide_placeholders(document: Document, kind: str, names: list[str]) -> list[Mistake]:
    """What is wrong with the placeholders of a provide: unknown, or no ``:person_id``."""
    hint = "Known are :person_id, :since and :limit."
    mistakes = [
        document.mistake("CV355", f"provide.{kind}: there is no :{name}.", "provide", kind, hint=hint)
        for name in dict.fromkeys(names)
        if name not in PROVIDED
    ]
    if "person_id" not in names:
        hint = "Ask for the records of one person: bind :person_id."
        mistakes.append(document.mistake("CV357", f"provide.{kind} does not use :person_id.", "provide", kind, hint=hint))
    return mistakes


def field_readings(
    document: Document, kind: Kind, standard: Standard, cut: Callable[[str], Path]
) -> tuple[dict[str, Reading], list[Path], list[Mistake]]:
    """``provide.<Kind>.fields`` as readings, the paths they read, and every mistake."""
    where = ("provide", kind.name, "fields")
    raw = document.raw["provide"][kind.name].get("fields", {})
    readings: dict[str, Reading] = {}
    paths: list[Path] = []
    mistakes: list[Mistake] = []
    for name, written in raw.items() if isinstance(raw, dict) else ():
        if name not in kind.given:
            hint = f"It has {', '.join(sorted(kind.given))}."
            words = f"{kind.name} has no field {name!r} that a source may fill."
            mistakes.append(document.mistake("CV352", words, *where, name, hint=hint))
            continue
        rule, wrong = (Rule(from_=written), []) if isinstance(written, str) else collect(Rule, document, "CV353", (*where, name))
        mistakes += wrong
        if rule is None:
            continue
        steps = cut(rule.from_) if rule.from_ else ()
        wrong = rule_mistakes(document, kind, standard, name, rule, steps)
        mistakes += wrong
        if not wrong:
            field = kind.fields[name]
            readings[name] = reading(rule, steps, codes=field.named in standard.codes, many=field.many)
            paths += [steps] if steps else []
    return readings, paths, mistakes


def rule_mistakes(document: Document, kind: Kind, standard: Standard, name: str, rule: Rule, steps: Path) -> list[Mistake]:
    """What is wrong with one field's rule: its shape, its converter, its codes."""
    where = ("provide", kind.name, "fields", name)
    constant = rule.value is not msgspec.UNSET
    said: list[tuple[str, str | None]] = []
    if constant == (rule.from_ is not None):
        said.append(("must have either from or value.", None))
    if rule.from_ is not None and not steps:
        said.append((f"{rule.from_!r} names nothing.", "A path is names and indexes joined by /; an SQL column is one name."))
    if constant and (rule.as_ or rule.map is not None or rule.else_ is not None):
        said.append(("value stands alone: it takes neither as nor map nor else.", None))
    if rule.as_ and rule.as_ not in CONVERTERS:
        said.append((f"there is no as = {rule.as_!r}.", f"Known are {', '.join(CONVERTERS)}."))
    if rule.else_ is not None and rule.map is None:
        said.append(("else without map.", None))
    if rule.from_ and PLACEHOLDER.fullmatch(rule.from_):
        said.append(("from names where a value stands; it takes no placeholder.", None))
    mistakes = [document.mistake("CV353", f"provide.{kind.name}.{name}: {words}", *where, hint=hint) for words, hint in said]
    return mistakes + _values(document, kind, standard, name, rule)


def _values(document: Document, kind: Kind, standard: Standard, name: str, rule: Rule) -> list[Mistake]:
    """Values written in the file that the standard does not take."""
    where = ("provide", kind.name, "fields", name)
    field = kind.fields[name]
    written: list[tuple[tuple[str, ...], Any]] = [(("map", key), code) for key, code in (rule.map or {}).items()]
    written += [(("else",), rule.else_)] if rule.else_ is not None else []
    written += [(("value",), rule.value)] if rule.value is not msgspec.UNSET else []
    codes = standard.codes.get(field.named)
    hint = f"{field.named} has {', '.join(codes)}." if codes else f"It must be {field.type}."
    return [
        document.mistake("CV354", f"provide.{kind.name}.{name}: {value!r} is not a value of {field.named}.", *where, *step, hint=hint)
        for step, value in written
        if not _fits(kind, name, value, field.many)
    ]


def _fits(kind: Kind, name: str, value: Any, many: bool) -> bool:
    listed = [value] if many and not isinstance(value, list) else value
    try:
        validate(kind, Record("probe", {name: listed}))
    except ValueError:
        return False
    return True


def _tables(document: Document, table: str, id: str) -> tuple[dict[str, Any], list[Mistake]]:
    raw = document.raw.get(table)
    if isinstance(raw, dict) and raw:
        return raw, []
    person = document.raw.get("person")
    if table == "provide" and isinstance(person, dict) and {"shield", "workers"} & person.keys() and raw in (None, {}):
        return {}, []  # a list of shields, or of who works with whom, and nothing else is a source worth having
    hint = "Write find.<label> = { ... }." if table == "find" else "Write provide.<Kind> = { ... }."
    return {}, [document.mistake(id, f"there is no table {table!r}: nothing could be asked.", table, hint=hint)]


def _own_systems(document: Document) -> list[str]:
    person = document.raw.get("person")
    identifiers = person.get("identifiers") if isinstance(person, dict) else None
    return [*identifiers] if isinstance(identifiers, dict) else []
