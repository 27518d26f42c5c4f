"""Labelled tables, of pairs or of two files, made into questions with known answers. Every mistake of a file is found at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from connectors.connector import Person, Subject
from connectors.errors import ConfigurationError, Mistake
from connectors.matching.described import describe
from connectors.matching.evaluation import Question
from connectors.matching.tables import MappingFile, Plan, columns_told, plan_of

MAX_BYTES, MAX_ROWS, MAX_TEXT, MAX_MISTAKES = 200_000_000, 1_000_000, 1_000, 100
#: A key that more records bear than these tells nobody apart.
MAX_BEARERS = 2_000
_YES, _NO = frozenset({"1", "yes", "y", "true", "t"}), frozenset({"0", "no", "n", "false", "f"})
_KEYS = ("truth", "person")

Row = Mapping[str, str | None]


class Table(msgspec.Struct, frozen=True):
    """A file of rows: its columns, and its rows each with the line on which it begins."""

    file: str
    header: tuple[str, ...]
    rows: Callable[[], Iterator[tuple[int, Row]]]


class _Held(msgspec.Struct, frozen=True):
    """A row of one of two files: ``id`` is how the pairs of a truth file name it, ``key`` what the records of one child share."""

    line: int
    id: str
    key: str | None
    child: Any


# Reading


def table(path: Path, delimiter: str) -> Table:
    """A CSV file with a header, or JSON lines of flat objects. Raises ConfigurationError (CV611), naming lines and no values."""
    if not path.is_file():
        raise _unreadable(path, "is not a file.", None, "Name a CSV file with a header, or a file of JSON lines.")
    if path.stat().st_size > MAX_BYTES:
        raise _unreadable(path, "is larger than 200 MB.", None, "Take a part of it that was drawn at random.")
    with path.open("rb") as file:
        start = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    rows = _json_rows if start.startswith(b"{") else _csv_rows
    header = _json_header(path) if start.startswith(b"{") else next(_csv(path, delimiter), (1, ()))[1]
    twice = {name for name in header if header.count(name) > 1}
    if not header or twice:
        message = f"has the column {sorted(twice)[0]!r} twice." if twice else "is empty."
        raise ConfigurationError(
            [Mistake(id="CV612", message=message, file=str(path), line=1, hint="Give every column a name of its own.")]
        )
    return Table(str(path), tuple(header), lambda: rows(path, delimiter, tuple(header)))


def _csv(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    with path.open("rb") as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as file:
        reader, line = csv.reader(file, delimiter=delimiter, strict=True), 1
        try:
            for row in reader:
                if row:
                    yield line, row
                line = reader.line_num + 1
        except csv.Error as error:
            raise _unreadable(
                path, f"is not CSV from here on: {error}.", line, "Is the delimiter right, and every quotation closed?"
            ) from None
        except UnicodeDecodeError:
            raise _unreadable(path, "is not UTF-8 from about here on.", line, "Save it as UTF-8.") from None


def _csv_rows(path: Path, delimiter: str, header: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    rows = _csv(path, delimiter)
    next(rows)
    for line, row in rows:
        if len(row) != len(header):
            message = f"has {len(row)} values here, and the header {len(header)}."
            raise _unreadable(path, message, line, "Put values that hold the delimiter between quotation marks.")
        yield line, dict(zip(header, row, strict=True))


_FLAT = msgspec.json.Decoder(dict[str, str | int | float | bool | None])


def _json(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                yield line, _FLAT.decode(text.removeprefix(b"\xef\xbb\xbf"))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                hint = "Every line is a JSON object in UTF-8, its values texts, numbers, true, false or null."
                raise _unreadable(path, "is not a flat JSON object.", line, hint) from None


def _json_header(path: Path) -> list[str]:
    return list(dict.fromkeys(name for _, row in _json(path) for name in row))


def _json_rows(path: Path, delimiter: str, header: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    for line, row in _json(path):
        yield line, {name: None if value is None else str(value) for name, value in row.items()}


def _unreadable(path: Path, message: str, line: int | None, hint: str) -> ConfigurationError:
    return ConfigurationError([Mistake(id="CV611", message=message, file=str(path), line=line, hint=hint)])


# Labelled pairs


def pairs(read: Table, mapping: MappingFile) -> list[Question]:
    """The questions of a table of pairs: one child of each row asked about, the other found. Raises ConfigurationError."""
    left, mistakes = _planned(read, mapping.of(mapping.a), "a_")
    right, more = _planned(read, mapping.of(mapping.b), "b_")
    mistakes += more
    if "same" not in read.header:
        hint = f"It says 1 or 0; for two files name both. {columns_told(read.header)}"
        mistakes.append(Mistake(id="CV612", message="has no column 'same'.", file=read.file, line=1, hint=hint))
    if mistakes:
        raise ConfigurationError(mistakes)

    def question(line: int, row: Row) -> Question:
        same = _is_same(row.get("same"))
        person = right.person(row, str(line))
        found = frozenset({0} if same else ())
        return Question(line=line, subject=left.subject(row), persons=(person,), lines=(line,), same=found)

    found = _all(read, question)
    labels = [bool(each.same) for each in found]
    if all(labels) or not any(labels):
        raise _unlabelled(read.file, "has no pair of one child." if not any(labels) else "has no pair of two children.")
    return found


def _is_same(text: str | None) -> bool:
    said = (text or "").strip().casefold()
    if said not in _YES | _NO:
        raise ValueError("same: expected 1 or 0, yes or no, true or false")
    return said in _YES


def _planned(read: Table, columns: Any, prefix: str = "") -> tuple[Plan, list[Mistake]]:
    plan, mistakes = plan_of(columns, read.header, read.file, prefix)
    if not mistakes and not {"given_name", "family_name", "birth_date"} & plan.plain.keys():
        hint = f"Name them with --mapping. {columns_told(read.header)}"
        message = f"has no column {prefix + 'given_name'!r}, {prefix + 'family_name'!r} or {prefix + 'birth_date'!r}."
        mistakes = [Mistake(id="CV612", message=message, file=read.file, line=1, hint=hint)]
    return plan, mistakes


def _all(read: Table, made: Callable[[int, Row], Any]) -> list[Any]:
    """What is made of every row. Raises ConfigurationError with the first hundred values that cannot be read (CV613)."""
    found: list[Any] = []
    mistakes: list[Mistake] = []
    for number, (line, row) in enumerate(read.rows(), 1):
        if number > MAX_ROWS:
            raise _unreadable(Path(read.file), "has more than 1,000,000 rows.", line, "Take a part of it that was drawn at random.")
        try:
            if any(len(value) > MAX_TEXT for value in row.values() if value):
                raise ValueError(f"a value is longer than {MAX_TEXT} characters")
            found.append(made(line, row))
        except ValueError as error:
            hint = "Correct it; for dates give their format with --mapping." if "date" in str(error) else "Correct it."
            mistakes.append(Mistake(id="CV613", message=f"{error}.", file=read.file, line=line, hint=hint))
            if len(mistakes) == MAX_MISTAKES:
                break
    if mistakes:
        raise ConfigurationError(mistakes)
    return found


def _unlabelled(file: str, message: str) -> ConfigurationError:
    return ConfigurationError([Mistake(id="CV614", message=message, file=file, hint="Without both nothing can be measured.")])


# Two files


def linked(a: Table, b: Table, mapping: MappingFile, truth: str | None, truth_file: Table | None) -> Iterator[Question]:
    """The questions of two files: every record of the first asked about, found in the second by loose keys. Raises ConfigurationError."""
    left = _records(a, mapping.of(mapping.a), truth, truth_file is not None, Plan.subject)
    right = _records(b, mapping.of(mapping.b), truth, truth_file is not None, Plan.person)
    mistakes = [each for side in (left, right) if not isinstance(side, list) for each in side.mistakes]
    if isinstance(left, ConfigurationError) or isinstance(right, ConfigurationError):
        raise ConfigurationError(mistakes)
    truths = _from_file(truth_file, left, right) if truth_file else _from_keys(left, right)
    if not any(truths.values()):
        raise _unlabelled(a.file, f"and {b.file} have no child in common.")
    return _questions(left, right, truths)


def _records(
    read: Table, columns: Any, truth: str | None, by_id: bool, of: Callable[..., Subject | Person]
) -> list[_Held] | ConfigurationError:
    plan, mistakes = _planned(read, columns)
    id = columns.id or ("id" if "id" in read.header else None)
    key = truth or next((name for name in _KEYS if name in read.header), None)
    wanted = id if by_id else key
    if wanted not in read.header:
        what = (id or "id") if by_id else (key or "truth")
        hint = f"Name it with {'--mapping' if by_id else '--truth'}. {columns_told(read.header)}"
        mistakes.append(Mistake(id="CV612", message=f"has no column {what!r}.", file=read.file, line=1, hint=hint))
    if mistakes:
        return ConfigurationError(mistakes)
    seen: set[str] = set()

    def held(line: int, row: Row) -> _Held:
        own = ((row.get(id) or "").strip() if id else "") or (None if by_id else str(line))
        if not own or (by_id and own in seen):
            raise ValueError(f"{id}: another row has this id" if own else f"{id}: the id is missing")
        seen.add(own)
        shared = None if by_id else (row.get(key or "") or "").strip() or None
        return _Held(line, own, shared, of(plan, row) if of is Plan.subject else of(plan, row, own))

    try:
        return _all(read, held)
    except ConfigurationError as error:
        return error


def _from_keys(left: Sequence[_Held], right: Sequence[_Held]) -> dict[int, frozenset[int]]:
    """Line of the first file -> places in the second of the same child."""
    places: dict[str, set[int]] = {}
    for at, each in enumerate(right):
        if each.key:
            places.setdefault(each.key, set()).add(at)
    return {each.line: frozenset(places.get(each.key or "", ())) for each in left}


def _from_file(read: Table, left: Sequence[_Held], right: Sequence[_Held]) -> dict[int, frozenset[int]]:
    lines, places = {each.id: each.line for each in left}, {each.id: at for at, each in enumerate(right)}
    if missing := [name for name in ("a", "b") if name not in read.header]:
        hint = f"It has one pair a row, in columns a and b. {columns_told(read.header)}"
        raise ConfigurationError([Mistake(id="CV612", message=f"has no column {missing[0]!r}.", file=read.file, line=1, hint=hint)])
    truths: dict[int, set[int]] = {each.line: set() for each in left}

    def pair(line: int, row: Row) -> None:
        one, other = (row.get("a") or "").strip(), (row.get("b") or "").strip()
        if one not in lines or other not in places:
            raise ValueError(f"{'b' if one in lines else 'a'}: there is no record of this id")
        truths[lines[one]].add(places[other])

    _all(read, pair)
    return {line: frozenset(found) for line, found in truths.items()}


def _questions(left: Sequence[_Held], right: Sequence[_Held], truths: Mapping[int, frozenset[int]]) -> Iterator[Question]:
    index: dict[tuple[str, ...], list[int]] = {}
    for at, each in enumerate(right):
        for key in keys(each.child):
            bearers = index.setdefault(key, [])
            if len(bearers) <= MAX_BEARERS:
                bearers.append(at)
    for each in left:
        known = [index[key] for key in keys(each.child) if key in index]
        found = sorted({at for bearers in known if len(bearers) <= MAX_BEARERS for at in bearers})
        true = truths[each.line]
        yield Question(
            line=each.line,
            subject=each.child,
            persons=tuple(right[at].child for at in found),
            lines=tuple(right[at].line for at in found),
            same=frozenset(place for place, at in enumerate(found) if at in true),
            lost=tuple((right[at].line, right[at].child) for at in sorted(true.difference(found))),
        )


def keys(child: Subject | Person) -> set[tuple[str, ...]]:
    """The loose keys by which records that may be one child's find each other. They are wider than an agency's own search."""
    known = describe(child)
    born, given = known.birth or "", known.given
    whole, year = len(born) == len("2014-02-03"), born[:4]
    found: set[tuple[str, ...]] = {("born", born)} if whole else set()
    if given and year:
        found.add(("given", given.text, year))
    for name in known.families:
        if year:
            found |= {("sounds", sound, year) for sound in name.sounds}
        if whole:
            found.add(("begins", name.text[:3], born[5:]))
    if given:
        found |= {("postcode", place.postcode, given.text[0]) for place in known.home.places if place.postcode}
    return found | {(system, number) for system, numbers in known.numbers.by_system.items() for number in numbers}
