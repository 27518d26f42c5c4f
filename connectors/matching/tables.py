"""Children as tables hold them: rows by named columns, made into subjects and persons, and persons into rows again.

No mistake told here ever holds a value: it may be a child's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from connectors.connector import Address, Identifier, Person, Subject
from connectors.errors import ConfigurationError, Mistake
from connectors.scalars import SYSTEMS, check_partial_date
from connectors.settings import collect, read

_Columns = str | tuple[str, ...]


class DateColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column of dates that are written in another way than YYYY-MM-DD."""

    column: str
    format: str = "%Y-%m-%d"


class HomeColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The columns that together hold one address."""

    line: str | None = None
    town: str | None = None
    postcode: str | None = None


class Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which column of a table, or of a model, holds which field. What is not named here is looked for under its own name."""

    id: str | None = None
    given_name: _Columns | None = None
    middle_names: _Columns | None = None
    family_name: _Columns | None = None
    former_family_name: _Columns | None = None
    birth_date: str | DateColumn | None = None
    sex: str | None = None
    line: str | None = None
    town: str | None = None
    postcode: str | None = None
    addresses: tuple[HomeColumns, ...] = ()
    phones: _Columns | None = None
    school: _Columns | None = None
    parents: _Columns | None = None
    identifiers: Mapping[str, str] = msgspec.field(default_factory=dict)


class MappingFile(Columns, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of columns. ``a`` and ``b`` hold what is called otherwise in the first or in the second of two files."""

    a: Columns = Columns()
    b: Columns = Columns()

    def of(self, side: Columns) -> Columns:
        """The columns of one side: its own, else those for both."""
        merged = {each.name: getattr(side, each.name) or getattr(self, each.name) for each in msgspec.structs.fields(Columns)}
        return Columns(**merged)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How rows of one table become children: each field's columns, all of which there are."""

    plain: Mapping[str, tuple[str, ...]]
    homes: tuple[HomeColumns, ...]
    numbers: Mapping[str, str]
    dates: str | None

    @property
    def columns(self) -> set[str]:
        """Every column that is read."""
        homes = {column for home in self.homes for column in msgspec.structs.astuple(home) if column}
        return {column for columns in self.plain.values() for column in columns} | homes | {*self.numbers.values()}

    def subject(self, row: Mapping[str, str | None]) -> Subject:
        """The child of a row. Raises ValueError, naming the field and never the value."""
        return Subject(**self._fields(row))

    def person(self, row: Mapping[str, str | None], id: str) -> Person:
        """The child of a row as somebody whom a source holds. Raises ValueError, naming the field and never the value."""
        return Person(id=id, **self._fields(row))

    def row(self, someone: Subject | Person) -> dict[str, str | None]:
        """A child as a row of this table: what a model that was trained on it reads. What is not known is None."""
        homes = [*someone.addresses, *([Address(postcode=someone.postcode)] if isinstance(someone, Person) and someone.postcode else [])]
        row: dict[str, str | None] = {}
        for field, columns in self.plain.items():
            value = getattr(someone, field)
            values = (self._dated(value),) if field == "birth_date" else value if isinstance(value, tuple) else (value,)
            row |= {column: values[at] if at < len(values) else None for at, column in enumerate(columns)}
        for at, home in enumerate(self.homes):
            row |= {column: getattr(homes[at], part) if at < len(homes) else None for part, column in _parts(home)}
        held = {each.system: each.value for each in someone.identifiers}
        return row | {column: held.get(system) for system, column in self.numbers.items()}

    def _fields(self, row: Mapping[str, str | None]) -> dict[str, Any]:
        said = {field: [value for column in columns if (value := _cell(row, column))] for field, columns in self.plain.items()}
        fields: dict[str, Any] = {field: " ".join(values) or None for field, values in said.items()}
        fields |= {field: tuple(_split(said[field])) for field in ("phones", "parents") if field in said}
        if fields.get("birth_date"):
            fields["birth_date"] = self._date(fields["birth_date"])
        homes = [{part: _cell(row, column) for part, column in _parts(home)} for home in self.homes]
        fields["addresses"] = tuple(Address(**home) for home in homes if any(home.values()))
        numbers = [(system, _cell(row, column)) for system, column in self.numbers.items()]
        return fields | {"identifiers": tuple(Identifier(system, value) for system, value in numbers if value)}

    def _date(self, text: str) -> str:
        try:
            return datetime.strptime(text, self.dates).date().isoformat() if self.dates else check_partial_date(text)
        except ValueError:
            raise ValueError("birth_date: the date cannot be read") from None

    def _dated(self, value: str | None) -> str | None:
        return datetime.fromisoformat(value).strftime(self.dates) if value and self.dates and len(value) == 10 else value


def columns_of(path: Path) -> MappingFile:
    """The columns that a file names. Raises ConfigurationError (CV612) with every mistake, with file and line."""
    document = read(path, "CV612")
    written, mistakes = collect(MappingFile, document, "CV612")
    if written is None:
        raise ConfigurationError([msgspec.structs.replace(each, hint="See docs/how-to/tune-matching.md.") for each in mistakes])
    for side, columns in (("", written), ("a", written.a), ("b", written.b)):
        if (format := getattr(columns.birth_date, "format", None)) and not _is_format(format):
            place = (side, "birth_date", "format") if side else ("birth_date", "format")
            hint = 'Write %d for the day, %m for the month and %Y for the year, such as "%d/%m/%Y".'
            mistakes.append(document.mistake("CV612", f"{format!r} does not say where a whole date has its parts.", *place, hint=hint))
    if mistakes:
        raise ConfigurationError(mistakes)
    return written


def plan_of(columns: Columns, header: Sequence[str], file: str, prefix: str = "") -> tuple[Plan, list[Mistake]]:
    """How rows under this header are read, without what is named and not there, and all of that (CV612). ``prefix`` begins each name."""
    there, missing = set(header), list[str]()

    def named(given: str | Iterable[str] | None, own: str | None) -> tuple[str, ...]:
        wanted = [prefix + each for each in ((given,) if isinstance(given, str) else given or ())]
        missing.extend(each for each in wanted if each not in there)
        return tuple(each for each in wanted or [prefix + own if own else ""] if each in there)

    date = columns.birth_date
    plain = {field: named(getattr(columns, field), field) for field in _PLAIN}
    plain["birth_date"] = named(date.column if isinstance(date, DateColumn) else date, "birth_date")
    homes = [HomeColumns(**{part: _only(named(column, None)) for part, column in _parts(home)}) for home in columns.addresses]
    own = {part: _only(named(getattr(columns, part), None if homes else part)) for part in ("line", "town", "postcode")}
    numbers = {system: named(columns.identifiers.get(system), system) for system in {**columns.identifiers, **SYSTEMS}}
    plan = Plan(
        plain={field: found for field, found in plain.items() if found},
        homes=tuple(home for home in (*homes, HomeColumns(**own)) if home != HomeColumns()),
        numbers={system: found[0] for system, found in numbers.items() if found},
        dates=date.format if isinstance(date, DateColumn) and date.format != "%Y-%m-%d" else None,
    )
    hint = columns_told(header)
    return plan, [Mistake(id="CV612", message=f"has no column {each!r}.", file=file, line=1, hint=hint) for each in dict.fromkeys(missing)]


_PLAIN = ("given_name", "middle_names", "family_name", "former_family_name", "sex", "phones", "school", "parents")


def columns_told(header: Sequence[str]) -> str:
    """The names of a table's columns, in words; not where the first row looks like a child's: it may have been written without a header."""
    if len(header) < 2:
        return "There is one column: name the sign between columns with --delimiter, and save a spreadsheet as CSV."
    if not all(header) or any(_A_VALUE.search(name) for name in header):
        return "The first row does not look like names of columns: write them above the rows, and save a spreadsheet as CSV."
    return f"Its columns are {', '.join(map(repr, header))}."


_A_VALUE = re.compile(r"\d\d|[/@\x00-\x1f]")


def _parts(home: HomeColumns) -> list[tuple[str, str]]:
    return [(part, column) for part, column in msgspec.structs.asdict(home).items() if column]


def _only(found: tuple[str, ...]) -> str | None:
    return found[0] if found else None


def _cell(row: Mapping[str, str | None], column: str) -> str | None:
    return (row.get(column) or "").strip() or None


def _split(texts: Iterable[str]) -> Iterable[str]:
    """Several in one column stand apart by a semicolon."""
    return (part.strip() for text in texts for part in text.split(";") if part.strip())


def _is_format(format: str) -> bool:
    try:
        day = datetime(2014, 2, 3)
        return datetime.strptime(day.strftime(format), format).date() == day.date()
    except ValueError:
        return False
