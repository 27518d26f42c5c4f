"""Children as programs write them: JSON by the fields' own names, made into subjects and persons. Pure.

No mistake told here ever holds a value, nor a key that somebody wrote: either may be a child's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec

from connectors.connector import Address, Identifier, Person, Subject
from connectors.errors import ConfigurationError, Mistake
from connectors.scalars import check_partial_date

MAX_LINE, MAX_CANDIDATES, _MAX_LIST, _MAX_TEXT = 1_000_000, 1_000, 100, 1_000
_Text = Annotated[str, msgspec.Meta(max_length=_MAX_TEXT)]
_Coded = _Text | int
_Several = _Text | Annotated[list[_Text], msgspec.Meta(max_length=_MAX_LIST)] | None
_Phones = _Coded | Annotated[list[_Coded], msgspec.Meta(max_length=_MAX_LIST)] | None


class _Number(msgspec.Struct, forbid_unknown_fields=True):
    system: _Text
    value: _Coded | None = None


class _Home(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    line: _Text | None = None
    town: _Text | None = None
    postcode: _Text | None = None
    from_: _Text | None = None
    to: _Text | None = None


class _Child(msgspec.Struct, forbid_unknown_fields=True):
    identifiers: Annotated[list[_Number], msgspec.Meta(max_length=_MAX_LIST)] | None = None
    given_name: _Text | None = None
    middle_names: _Several = None
    family_name: _Text | None = None
    former_family_name: _Text | None = None
    birth_date: _Text | None = None
    sex: _Text | None = None
    addresses: Annotated[list[_Home], msgspec.Meta(max_length=_MAX_LIST)] | None = None
    phones: _Phones = None
    school: _Text | None = None
    parents: _Several = None


class _Candidate(_Child):
    id: _Coded | None = None
    postcode: _Text | None = None


class _Query(msgspec.Struct, forbid_unknown_fields=True):
    subject: _Child
    candidates: Annotated[list[_Candidate], msgspec.Meta(max_length=MAX_CANDIDATES)]


class _Single(msgspec.Struct, forbid_unknown_fields=True):
    subject: _Child
    candidate: _Candidate


class Query(msgspec.Struct, frozen=True):
    """One child asked about, and the persons who may be it, each with an id of its own."""

    subject: Subject
    candidates: tuple[Person, ...]


_KEYS = sorted({field.encode_name for type_ in (_Query, _Single, _Candidate, _Home, _Number) for field in msgspec.structs.fields(type_)})
_QUERY, _SINGLE = msgspec.json.Decoder(_Query), msgspec.json.Decoder(_Single)
_AT = re.compile(r" - at `\$?\.?(.*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`$", re.DOTALL)
_HINT = "See docs/how-to/tune-matching.md for the keys and their types."


def read_query(text: bytes, file: str, line: int, *, nameless: bool = False) -> Query:
    """The query in one JSON text. Raises ConfigurationError (CV610). With ``nameless`` ids may be left out, and ``candidate`` be one."""
    written = _decoded(text, file, line, nameless)
    candidates = written.candidates if isinstance(written, _Query) else [written.candidate]
    ids = [str(index) if each.id is None and nameless else _text(each.id) for index, each in enumerate(candidates, 1)]
    said = [*_wrong_ids(ids), *_wrong_dates("subject", [written.subject]), *_wrong_dates("candidates", candidates)]
    if said:
        raise ConfigurationError([Mistake(id="CV610", message=each, file=file, line=line, hint=_HINT) for each in said])
    return Query(_subject(written.subject), tuple(_person(each, id or "") for each, id in zip(candidates, ids, strict=True)))


def _decoded(text: bytes, file: str, line: int, single: bool) -> _Query | _Single:
    try:
        if single and b'"candidates"' not in text:
            return _SINGLE.decode(text)
        return _QUERY.decode(text)
    except msgspec.ValidationError as error:
        message, hint = _said(str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        place = re.search(r"\(byte \d+\)", str(error))
        message, hint = f"This is not JSON in UTF-8{f' {place.group()}' if place else ''}.", "Write each query on a line of its own."
    raise ConfigurationError([Mistake(id="CV610", message=message, file=file, line=line, hint=hint)])


def _said(error: str) -> tuple[str, str]:
    """What the JSON reader says of types and places; of an unknown key only the known one that is nearest to it."""
    found = _AT.search(error)
    place, said = (found.group(1) if found else "") or "The query", _AT.sub("", error)
    unknown = _UNKNOWN.match(said)
    if not unknown:
        return f"{place}: {said.replace('`', '')}.", _HINT
    near = get_close_matches(unknown.group(1)[:40], _KEYS, 1)
    return f"{place}: has a key that is not known{f', like {near[0]!r}' if near else ''}.", _HINT


def _wrong_ids(ids: Sequence[str | None]) -> list[str]:
    missing = [f"candidates[{index}]: the id is missing." for index, id in enumerate(ids) if not id]
    doubled = [f"candidates[{index}]: another candidate has this id." for index, id in enumerate(ids) if id and id in ids[:index]]
    return missing + (doubled if len({id for id in ids if id}) < len([id for id in ids if id]) else [])


def _wrong_dates(place: str, children: Sequence[_Child]) -> Iterable[str]:
    for index, child in enumerate(children):
        try:
            check_partial_date(child.birth_date.strip()) if child.birth_date and child.birth_date.strip() else None
        except ValueError as error:
            yield f"{place if place == 'subject' else f'{place}[{index}]'}.birth_date: {error}."


def _subject(child: _Child) -> Subject:
    return Subject(**_fields(child))


def _person(candidate: _Candidate, id: str) -> Person:
    return Person(id=id, postcode=_text(candidate.postcode), **_fields(candidate))


def _fields(child: _Child) -> dict[str, Any]:
    """The fields that a subject and a person have in common."""
    return {
        "identifiers": tuple(Identifier(each.system, _text(each.value) or "") for each in child.identifiers or ()),
        "given_name": _text(child.given_name),
        "middle_names": " ".join(_listed(child.middle_names)) or None,
        "family_name": _text(child.family_name),
        "former_family_name": _text(child.former_family_name),
        "birth_date": _text(child.birth_date),
        "sex": _text(child.sex),
        "addresses": tuple(Address(**msgspec.structs.asdict(each)) for each in child.addresses or ()),
        "phones": _listed(child.phones),
        "school": _text(child.school),
        "parents": _listed(child.parents),
    }


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value).strip() or None


def _listed(value: str | int | Sequence[str | int] | None) -> tuple[str, ...]:
    listed = (value,) if value is None or isinstance(value, str | int) else value
    return tuple(text for text in map(_text, listed) if text)


def values(someone: Subject | Person) -> dict[str, Any]:
    """What is known of a child, by the names that JSON has for it."""
    known = {name: value for name, value in msgspec.structs.asdict(someone).items() if value and name != "id"}
    return {name: [_known(each) for each in value] if isinstance(value, tuple) else value for name, value in known.items()}


def _known(value: Any) -> Any:
    if not isinstance(value, msgspec.Struct):
        return value
    return {name.strip("_"): each for name, each in msgspec.structs.asdict(value).items() if each}
