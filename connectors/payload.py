"""What an author yields, checked against the standard once, and the types a record becomes.

All that depends on the kind alone is done when the standard is loaded: for each field one check, for each kind one msgspec
type. Checking a record is then one walk over its fields and one ``msgspec.convert``. No message holds a value, nor a name the
standard does not have: either may come from a child's record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from difflib import get_close_matches
from functools import partial
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from connectors.connector import Record
from connectors.scalars import CHECKERS, check_identifier

if TYPE_CHECKING:
    from connectors.standard import Field, Kind

Check = Callable[[Any], Any]
Codes = Mapping[str, tuple[str, ...]]


class Checks(msgspec.Struct, frozen=True):
    """The check of each field that may be given, and (field, field that names its system) for numbers that need two."""

    fields: dict[str, Check]
    numbers: tuple[tuple[str, str], ...]


#: Characters in a field of words that somebody typed, in any other text, and in an id; values in a list.
FREE_TEXT_LIMIT = 32_000
TEXT_LIMIT = 1_000
ID_LIMIT = 256
LIST_LIMIT = 200

#: Fields that the portal's side writes; an author does not give them.
STAMPED = frozenset({"id", "kind", "contact", "provenance", "held"})

_INT = msgspec.Meta(ge=-(2**31), le=2**31 - 1)
_EXPECTED = r"(Expected `[\w| ]+`(?:, got `\w+`| of length [<>]= \d+| [<>]= -?\d+)?)"
_SAID = re.compile(_EXPECTED + r" - at `\$\.([\w.\[\]]+)`")
_SURROGATE = re.compile("[\ud800-\udfff]")


class BadRecord(ValueError):
    """A record that does not fit the standard. Says the field and what belongs there, never what was there."""

    id = "CV511"

    def __init__(self, words: str, path: str = "") -> None:
        super().__init__(words)
        self.words = words
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.words}" if self.path else self.words

    def under(self, name: str) -> BadRecord:
        """The same mistake, seen from the object or list that holds the field."""
        self.path = name + ("" if not self.path or self.path.startswith("[") else ".") + self.path
        return self


def validate(kind: Kind, record: Record) -> msgspec.Struct:
    """What an author yielded as the kind's payload, its dates and numbers in canonical form.

    Dates and naive datetimes of a driver become ISO text; a number for a text, a float, an unknown field or code are
    refused. Raises BadRecord.
    """
    if not isinstance(record.fields, Mapping):
        raise BadRecord("expected fields by name", kind.name)
    try:
        ready = _checked(kind.checks, record.fields)
        ready["id"] = _identified(record.id)
    except BadRecord as bad:
        bad.under(kind.name)
        raise
    try:
        return msgspec.convert(ready, kind.payload)
    except msgspec.ValidationError as error:
        found = _SAID.fullmatch(str(error))
    # Raised outside the handler: msgspec's error holds the value and must not travel along as the context.
    raise _refused(found).under(kind.name)


def payload_type(name: str, fields: Mapping[str, Field], codes: Codes, objects: Mapping[str, Any]) -> type[msgspec.Struct]:
    """The type an author's fields become: every field optional but ``id``."""
    id_ = ("id", Annotated[str, msgspec.Meta(min_length=1, max_length=ID_LIMIT)])
    return _struct(f"{name}Payload", [id_, *((each.name, annotation(each, codes, objects) | None, None) for each in fields.values())])


def object_type(name: str, fields: Mapping[str, Field], codes: Codes, objects: Mapping[str, Any]) -> type[msgspec.Struct]:
    """The type of an object inside a record."""
    return _struct(name, [(each.name, annotation(each, codes, objects) | None, None) for each in fields.values()])


def record_type(name: str, payload: type[msgspec.Struct], stamped: list[tuple[Any, ...]]) -> type[msgspec.Struct]:
    """The type of a record as it leaves: the payload's fields, and those that are stamped on it."""
    taken = {each[0] for each in stamped}
    own = [(each.name, each.type, each.default) for each in msgspec.structs.fields(payload) if each.name not in taken and not each.required]
    return _struct(name, [("id", str), *stamped, *own])


def annotation(field: Field, codes: Codes, objects: Mapping[str, Any]) -> Any:
    """The msgspec type of one field's value."""
    limit = FREE_TEXT_LIMIT if field.free_text else TEXT_LIMIT
    plain: dict[str, Any] = {
        "String": Annotated[str, msgspec.Meta(max_length=limit)],
        "ID": Annotated[str, msgspec.Meta(max_length=ID_LIMIT)],
        "Int": Annotated[int, _INT],
        "Boolean": bool,
    }
    type_ = plain.get(field.named) or objects.get(field.named) or (str if field.named in CHECKERS else _literal(codes[field.named]))
    return Annotated[GenericAlias(tuple, (type_, ...)), msgspec.Meta(max_length=LIST_LIMIT)] if field.many else type_


def checks_of(fields: Mapping[str, Field], codes: Codes, objects: Mapping[str, Checks]) -> Checks:
    """The checks of the fields that may be given, made once."""
    numbers = tuple((each.name, each.checked_by) for each in fields.values() if each.checked_by)
    return Checks({each.name: _check(each, codes, objects) for each in fields.values()}, numbers)


def _check(field: Field, codes: Codes, objects: Mapping[str, Checks]) -> Check:
    if field.named in objects:
        one = _object_check(objects[field.named])
    elif field.named in CHECKERS:
        one = _scalar_check(field.named)
    elif field.named in codes:
        one = _code_check(field.named, frozenset(codes[field.named]))
    else:
        one = _text_check if field.named in ("String", "ID") else _as_it_is
    return _list_check(one) if field.many else one


def _checked(checks: Checks, fields: Mapping[Any, Any]) -> dict[str, Any]:
    """Every value through its field's check; absent values stay absent."""
    ready: dict[str, Any] = {}
    for name, value in fields.items():
        check = checks.fields.get(name)
        if check is None:
            raise _unknown(name, checks)
        if value is not None:
            ready[name] = _placed(check, name, value)
    for name, system in checks.numbers:
        if isinstance(ready.get(name), str) and isinstance(ready.get(system), str):
            ready[name] = _placed(_number_check(ready[system]), name, ready[name])
    return ready


def _unknown(name: Any, checks: Checks) -> BadRecord:
    """Words about a field the standard lacks. Its name is not told, only the standard's nearest: a name may be a value."""
    if name in STAMPED:
        return BadRecord("a field that the portal writes was given by the source")
    near = get_close_matches(str(name), list(checks.fields), n=1)
    return BadRecord("a field that the standard does not have" + (f"; did you mean {near[0]}?" if near else ""))


def _identified(id_: Any) -> str:
    if not isinstance(id_, str):
        raise BadRecord("expected text", "id")
    return str(_placed(_text_check, "id", id_))


def _as_it_is(value: Any) -> Any:
    return value


def _text_check(value: Any) -> Any:
    if isinstance(value, str) and not value.isascii() and _SURROGATE.search(value):
        raise BadRecord("expected text that can be written as UTF-8")
    return value


def _code_check(name: str, codes: frozenset[str]) -> Check:
    def check(value: Any) -> Any:
        if not isinstance(value, str) or value not in codes:
            raise BadRecord(f"expected a code of {name}")
        return value

    return check


def _scalar_check(name: str) -> Check:
    checker = CHECKERS[name]

    def check(value: Any) -> str:
        text = _written(name, value)
        if not isinstance(text, str):
            raise BadRecord(f"expected {name} as text")
        return _worded(checker, text)

    return check


def _number_check(system: str) -> Check:
    return lambda value: _worded(partial(check_identifier, system), value)


def _worded(checker: Callable[[str], str], text: str) -> str:
    """A checker's answer; its ValueError as a BadRecord in the same words."""
    try:
        return checker(text)
    except ValueError as wrong:
        words = str(wrong)
    # Raised outside the handler, so that nothing the checker raised travels along as the context.
    raise BadRecord(words)


def _written(scalar: str, value: Any) -> Any:
    """A driver's date or datetime as ISO text.

    A datetime with an offset is no local date: late on a summer evening the day in universal time is another one.
    """
    if isinstance(value, datetime) and scalar in ("Date", "PartialDate"):
        if value.tzinfo is not None:
            raise BadRecord(f"expected {scalar} without an offset: the local date cannot be told from it")
        return value.date().isoformat()
    if isinstance(value, datetime) or (isinstance(value, date) and scalar != "DateTime"):
        return value.isoformat()
    return value


def _list_check(one: Check) -> Check:
    def check(values: Any) -> list[Any]:
        if not isinstance(values, list | tuple):
            raise BadRecord("expected a list")
        if len(values) > LIST_LIMIT:
            raise BadRecord(f"expected at most {LIST_LIMIT} values")
        return [_placed(one, f"[{index}]", value) for index, value in enumerate(values)]

    return check


def _placed(check: Check, name: str, value: Any) -> Any:
    """A check's answer; a BadRecord told from where the value stands."""
    try:
        return check(value)
    except BadRecord as bad:
        bad.under(name)
        raise


def _object_check(checks: Checks) -> Check:
    def check(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise BadRecord("expected an object")
        return _checked(checks, value)

    return check


def _refused(found: re.Match[str] | None) -> BadRecord:
    """msgspec's words, where they are of the one form that names types and places only."""
    if found is None:
        return BadRecord("expected what the standard says")
    words = found.group(1).replace("`", "").replace(" | null", "")
    return BadRecord(words[0].lower() + words[1:], found.group(2))


def _literal(codes: tuple[str, ...]) -> Any:
    return Literal.__getitem__(codes)


def _struct(name: str, fields: list[Any]) -> type[msgspec.Struct]:
    """A frozen type whose repr holds no value, so that none can reach a log through one."""
    return msgspec.defstruct(
        name, fields, frozen=True, kw_only=True, forbid_unknown_fields=True, namespace={"__repr__": _silent, "__rich_repr__": _nothing}
    )


def _silent(self: msgspec.Struct) -> str:
    return f"<{type(self).__name__}>"


def _nothing(self: msgspec.Struct) -> Iterator[Any]:
    return iter(())
