"""One child view as a page in the terminal, in the order a practitioner reads it. Works from the GraphQL answer alone.

Purpose and identity, who answered, flags, who is working with this child, concerns, plan, chronology, then the rest; the receipt last.
No section is ever an empty cell: where nothing stands, it says who has not answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

Json = Mapping[str, Any]

#: The sections that are read first, in this order; every other section of the standard follows.
READ_FIRST = ("flags", "keyRoles", "involvements", "wellbeingConcerns", "childPlans")
TITLES = {
    "flags": "Safety flags and orders",
    "keyRoles": "Who to speak to",
    "involvements": "Who is working with this child",
    "wellbeingConcerns": "Concerns",
    "childPlans": "The plan",
}
_ENVELOPE = ("id", "kind", "tier", "contact", "provenance", "held", "recordedOn", "sourceCode", "sourceText", "retainUntil")
_QUIET = (*_ENVELOPE, "occurredOn", "status", "statementType", "thirdParty", "thirdPartyChecked", "handlingCode", "service", "authorRole")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_CODE = re.compile(r"^[A-Z][A-Z0-9_]+$")
_MARKS = {"ANSWERED": ("answered", "green"), "NOTHING_TO_SHOW": ("nothing to show", "yellow")}


def print_view(view: Json, console: Console) -> None:
    """Print one child view: the ``child`` object of the GraphQL answer."""
    console.print(Panel(_identity(view), title="Child view", title_align="left", border_style="bold"))
    console.print(_sources(view))
    for words in (*(held["words"] for held in view["held"]), *view["warnings"]):
        console.print(Text(words, style="yellow"))
    sections = [name for name in (*READ_FIRST, *_others(view)) if view.get(name)]
    first = [name for name in sections if name in READ_FIRST]
    for name in first:
        console.print(_section(TITLES[name], view[name]))
    if view.get("chronology"):
        console.print(_chronology(view["chronology"]))
    for name in sections[len(first) :]:
        console.print(_section(TITLES.get(name) or _words(name).capitalize(), view[name]))
    console.print(_receipt(view))


def _identity(view: Json) -> RenderableType:
    lines = [Text(f"Purpose: {_words(view['purpose'])}    As of {_time(view['asOf'])}", style="bold")]
    demographics = view.get("demographics") or {"fields": [], "missing": [], "held": []}
    table = Table.grid(padding=(0, 2))
    for field in demographics["fields"]:
        values = Text("; ").join(_value(value) for value in field["values"])
        mark = Text("  sources differ", style="bold red") if field["conflict"] else Text("")
        table.add_row(Text(_words(field["field"]), style="dim"), values + mark)
    lines.append(Text("Is this the right child? Who is missing below? Phone them. What you see is not all that is known.", style="italic"))
    held = _held(demographics)
    told = [Text(f"{_fields(names)}: {words}", style="yellow") for words, names in held.items()]
    return Group(*lines, table if demographics["fields"] else Text("No source has shown who this child is."), *told)


def _value(value: Json) -> Text:
    sources = ", ".join(sorted({each["source"] for each in value["provenance"]}))
    return Text(_shown(value["value"])) + Text(f" ({sources})", style="dim")


def _sources(view: Json) -> RenderableType:
    sources = view["sources"]
    answered = [source for source in sources if source["state"] == "ANSWERED"]
    head = Text(f"{len(answered)} of {len(sources)} answered. Only those your role may ask were asked.", style="bold")
    table = Table.grid(padding=(0, 2))
    for source in sources:
        word, style = _MARKS.get(source["state"], (_words(source["state"]), "bold red"))
        phone = " · ".join(part for part in (source["phone"], _out_of_hours(source)) if part)
        table.add_row(Text(source["name"]), Text(word, style=style), Text(phone, style="dim"))
        if source["state"] != "ANSWERED":
            table.add_row(Text(""), Text(""), Text(source["words"], style="dim"))
    return Padding(Group(head, table), (1, 0, 0, 1))


def _out_of_hours(source: Json) -> str:
    return f"out of hours {source['outOfHours']}" if source["outOfHours"] else ""


def _section(title: str, section: Json) -> RenderableType:
    parts: list[RenderableType] = [Text(title, style="bold underline")]
    everywhere = _held_everywhere(section["records"])
    parts += [_record(record, everywhere) for record in section["records"]]
    parts += [Text(f"  {_fields(names)}: {words}", style="yellow") for words, names in everywhere.items()]
    if not section["records"]:
        parts.append(Text("  Nothing that can be shown here. That does not mean that nothing is known.", style="dim"))
    parts += _missing(section["missing"])
    return Padding(Group(*parts), (1, 0, 0, 1))


def _record(record: Json, everywhere: Mapping[str, list[str]]) -> RenderableType:
    day = Text(f"{record.get('occurredOn') or 'no date'}  ", style="cyan") if record.get("occurredOn") else Text("")
    lines = [Text("• ") + day + Text(", ".join(sorted({each["source"] for each in record["provenance"]})), style="dim")]
    lines += [Text(f"    {_words(name)}: {_plain(value)}") for name, value in _said(record)]
    held = {words: [name for name in names if name not in everywhere.get(words, ())] for words, names in _held(record).items()}
    lines += [Text(f"    {_fields(names)}: {words}", style="yellow") for words, names in held.items() if names]
    return Group(*lines)


def _held_everywhere(records: list[Json]) -> dict[str, list[str]]:
    """What is held in every record of a section, by the words for it: said once, below them."""
    told = [_held(record) for record in records]
    words = [each for each in told[0] if all(each in other for other in told)] if told else []
    common = {each: [name for name in told[0][each] if all(name in other[each] for other in told)] for each in words}
    return {each: names for each, names in common.items() if names}


def _held(record: Json) -> dict[str, list[str]]:
    by_words: dict[str, list[str]] = {}
    for each in record["held"]:
        by_words.setdefault(each["words"], []).append(each["field"] or "this record")
    return by_words


def _fields(names: list[str]) -> str:
    return ", ".join(_words(name) for name in names)


def _said(record: Json) -> Iterator[tuple[str, Any]]:
    yield from ((name, value) for name, value in record.items() if name not in _QUIET and value not in (None, [], ""))


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{_words(name)} {_plain(each)}" for name, each in value.items() if each is not None)
    if isinstance(value, list):
        return "; ".join(_plain(each) for each in value)
    return "yes" if value is True else "no" if value is False else _shown(str(value))


def _chronology(chronology: Json) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for entry in chronology["entries"]:
        sources = ", ".join(sorted({each["source"] for each in entry["record"]["provenance"]}))
        headline = _shown(entry["headline"]) if entry["headline"] else ""
        table.add_row(Text(entry["on"] or "no date", style="cyan"), Text(_words(entry["kind"])), Text(headline), Text(sources, style="dim"))
    return Padding(Group(Text("Chronology", style="bold underline"), table, *_missing(chronology["missing"])), (1, 0, 0, 1))


def _missing(missing: Iterable[Json]) -> list[RenderableType]:
    return [Text(f"  No full answer: {each['words']}", style="red") for each in missing]


def _receipt(view: Json) -> RenderableType:
    receipt = view["receipt"]
    text = f"Receipt: access {receipt['access']} · entry {receipt['index']} of log {receipt['log']} · leaf {receipt['leaf'][:16]}…"
    return Padding(Text(text, style="dim"), (1, 0, 0, 1))


def _others(view: Json) -> list[str]:
    known = {"demographics", "chronology", *READ_FIRST}
    return [name for name, value in view.items() if isinstance(value, Mapping) and "records" in value and name not in known]


def _words(name: str) -> str:
    return _HUMP.sub(" ", name).replace("_", " ").replace("-", " ").replace(".", " ").lower()


def _shown(value: str) -> str:
    return _words(value) if (_CODE.match(value) and "_" in value) or (value.isupper() and len(value) > 3 and value.isalpha()) else value


def _time(moment: str) -> str:
    return moment.replace("T", " ")[:16]
