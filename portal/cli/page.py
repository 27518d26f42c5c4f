"""One child view as a page in the terminal, in the order a practitioner reads it. Works from the GraphQL answer alone.

Who the child is and what to do at once; who answered; flags, concerns, the plan, who is working with this child, a chronology, then the
rest; at the end what is not shown and why, and the receipt. Nothing is ever an empty cell, and every reason is said once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from portal.cli.phrases import date_of, label, plain, time_of

Json = Mapping[str, Any]

#: The sections that are read first, in this order; every other section of the standard follows.
READ_FIRST = ("flags", "wellbeingConcerns", "childPlans", "keyRoles", "involvements")
#: Read from the newest backwards.
NEWEST_FIRST = ("flags", "wellbeingConcerns")
TITLES = {
    "flags": "Safety flags and orders",
    "keyRoles": "Who to speak to",
    "involvements": "Who is working with this child",
    "wellbeingConcerns": "Concerns",
    "childPlans": "The plan",
}
_ASIDE = ("id", "kind", "tier", "contact", "provenance", "held", "occurredOn")
_NOTHING = "Nothing that can be shown here. That does not mean that nothing is known."
_ASK_YOURSELF = "Is this the right child? Who has not answered? Phone them. What you see is not all that is known."
_DECLARE = (
    "No agency could say now whether you work with this child. If you do, ask again with --declared and a --reason. "
    "Somebody checks it afterwards."
)
_DANGER = "If a child is in danger now, call 999."


def print_view(view: Json, console: Console) -> None:
    """Print one child view: the ``child`` object of the GraphQL answer."""
    names = {source["source"]: source["name"] for source in view["sources"]}
    asked = [name for name in (*READ_FIRST, *_others(view)) if view.get(name)]
    sections = [name for name in asked if not _unconnected(view[name], names)]
    console.print(Panel(_identity(view, names), title=_title(view), title_align="left", border_style="bold"))
    console.print(_sources(view))
    for name in (name for name in sections if name in READ_FIRST):
        console.print(_section(name, view[name], names))
    if view.get("chronology"):
        console.print(_chronology(view["chronology"], names))
    for name in (name for name in sections if name not in READ_FIRST):
        console.print(_section(name, view[name], names))
    console.print(_not_connected([name for name in asked if name not in sections]))
    console.print(_not_shown(view, sections))
    console.print(_duties(view))
    console.print(_receipt(view))


def _title(view: Json) -> str:
    """Who this is, in one line, where the sources agree."""
    told = {field["field"]: field["values"] for field in (view.get("demographics") or {"fields": []})["fields"]}
    name = " ".join(told[part][0]["value"] for part in ("givenName", "middleNames", "familyName") if len(told.get(part, ())) == 1)
    born = [f"born {date_of(told['birthDate'][0]['value'])}"] if len(told.get("birthDate", ())) == 1 else []
    return " · ".join(["Child view", *([name] if name else []), *born])


def _identity(view: Json, names: Mapping[str, str]) -> RenderableType:
    demographics = view.get("demographics") or {"fields": []}
    table = _grid()
    for field in demographics["fields"]:
        values = Text("; ").join(_value(value, names) for value in field["values"])
        table.add_row(
            Text(label(field["field"]), style="dim"), values + Text("  sources differ" if field["conflict"] else "", style="bold red")
        )
    nobody = Text("No source can show here who this child is.")
    return Group(
        Text(f"Purpose: {label(view['purpose'])}    As of {time_of(view['asOf'])}", style="bold"),
        Text(
            f"Is this the right child? Who has not answered? Phone them. What you see is not all that is known. {_DANGER}", style="italic"
        ),
        table if demographics["fields"] else nobody,
    )


def _value(value: Json, names: Mapping[str, str]) -> Text:
    return Text(plain(value["value"])) + Text(f" ({_told_by(value, names)})", style="dim")


def _sources(view: Json) -> RenderableType:
    answered = sum(source["state"] == "ANSWERED" for source in view["sources"])
    head = Text(f"{answered} of {len(view['sources'])} answered. Only those your role may ask were asked.", style="bold")
    table = _grid(3)
    for source in view["sources"]:
        style = {"ANSWERED": "green", "NOTHING_TO_SHOW": "yellow"}.get(source["state"], "bold red")
        phone = " · ".join(part for part in (source["phone"], source["outOfHours"] and f"out of hours {source['outOfHours']}") if part)
        table.add_row(
            Text(source["name"]), Text(label(source["state"]), style=style), Text(" ".join((phone, _clauses(source))), style="dim")
        )
        if source["state"] != "ANSWERED":
            table.add_row(Text(""), Text(""), Text(source["words"]))
        if words := _doubt(source):
            table.add_row(Text(""), Text(""), Text(words, style="bold red"))
    return Padding(Group(head, table), (1, 0, 0, 1))


def _doubt(source: Json) -> str | None:
    """What somebody has said against the record that is shown, if anybody has."""
    match = source.get("match")
    said = [each["words"] for each in match["evidence"] if each["field"] == "record"] if match and match["doubted"] else []
    return " ".join(said) or None


def _phones(source: Json) -> str:
    by_night = f"out of hours {source['outOfHours']}" if source["outOfHours"] else None
    return " · ".join(part for part in (source["phone"], by_night) if part)


def _clauses(source: Json) -> str:
    """The clauses a source's answer, or its silence, rests on."""
    cited = sorted({kind["clause"] or kind["nearest"] for kind in source["kinds"]} - {None})
    return f"[{', '.join(cited)}]" if cited else ""


def _section(name: str, section: Json, names: Mapping[str, str]) -> RenderableType:
    records = (
        sorted(section["records"], key=lambda each: each.get("occurredOn") or "", reverse=True)
        if name in NEWEST_FIRST
        else section["records"]
    )
    parts: list[RenderableType] = [Text(TITLES.get(name) or label(name).capitalize(), style="bold underline")]
    parts += [_record(record, names) for record in records]
    if not records:
        parts.append(Text(_NOTHING, style="dim"))
    parts += _missing(section["missing"], names)
    return Padding(Group(*parts), (1, 0, 0, 1))


def _record(record: Json, names: Mapping[str, str]) -> RenderableType:
    day = record.get("occurredOn")
    table = _grid()
    for field, value in _said(record):
        table.add_row(Text(label(field), style="dim"), Text(plain(value, field)))
    for held in record["held"]:
        if held["field"] is None or held["words"].startswith("Text held back"):
            table.add_row(Text(label(held["field"] or "this record"), style="dim"), Text(held["words"], style="yellow"))
    head = Text("• ") + Text(f"{date_of(day)}  " if day else "", style="cyan") + Text(_told_by(record, names), style="bold")
    return Padding(Group(head, Padding(table, (0, 0, 0, 2))), (0, 0, 1, 0))


def _said(record: Json) -> Iterator[tuple[str, Any]]:
    yield from ((name, value) for name, value in record.items() if name not in _ASIDE and value not in (None, [], ""))


def _chronology(chronology: Json, names: Mapping[str, str]) -> RenderableType:
    table = _grid(4)
    for entry in chronology["entries"]:
        day = Text(date_of(entry["on"]) if entry["on"] else "no day", style="cyan")
        teller = Text(_told_by(entry["record"], names), style="dim")
        table.add_row(day, Text(label(entry["kind"])), Text(plain(entry["headline"] or "")), teller)
    told = table if chronology["entries"] else Text(_NOTHING, style="dim")
    return Padding(Group(Text("Chronology", style="bold underline"), told, *_missing(chronology["missing"], names)), (1, 0, 0, 1))


def _missing(missing: Iterable[Json], names: Mapping[str, str]) -> list[RenderableType]:
    """Who has not fully answered, by name; what that means stands with each source above, or here where no source is meant."""
    known = [f"{names[each['source']]} ({label(each['state'])})" for each in missing if each["source"] in names]
    lines: list[RenderableType] = [Text(each["words"], style="red") for each in missing if each["source"] not in names]
    return lines + ([Text(f"No full answer from: {', '.join(known)}.", style="red")] if known else [])


def _unconnected(section: Json, names: Mapping[str, str]) -> bool:
    """Whether no source at all holds this kind: then the portal itself is named as missing."""
    return not section["records"] and bool(section["missing"]) and all(each["source"] not in names for each in section["missing"])


def _not_connected(sections: list[str]) -> RenderableType:
    if not sections:
        return Text("")
    named = ", ".join(TITLES.get(name, label(name)).lower() for name in sections)
    words = f"No agency here is connected for: {named}. That tells you nothing about the child. Phone if you need to know."
    return Padding(Text(words, style="red"), (1, 0, 0, 1))


def _not_shown(view: Json, sections: Iterable[str]) -> RenderableType:
    """Everything held back, each reason once, with the fields it holds back."""
    reasons: dict[str, dict[str, None]] = {}
    for words in view["warnings"]:
        reasons[words] = {}
    for held in (*view["held"], *(view.get("demographics") or {"held": []})["held"]):
        reasons.setdefault(held["words"], {})[label(held["field"] or "who this child is")] = None
    for name in sections:
        for held in (held for record in view[name]["records"] for held in record["held"]):
            if held["field"] is not None and not held["words"].startswith("Text held back"):
                reasons.setdefault(held["words"], {})[label(held["field"])] = None
    if not reasons:
        return Text("")
    table = _grid(1)
    for words, fields in reasons.items():
        told = Text(f" From some or all: {', '.join(sorted(fields))}." if fields else "", style="dim")
        table.add_row(Text(words, style="yellow") + told)
    return Padding(Group(Text("What you do not see here", style="bold underline"), table), (1, 0, 0, 1))


def _duties(view: Json) -> RenderableType:
    """What comes with what is shown, and the offer to say oneself that one works with this child."""
    lines = [Text(f"• {words}") for words in view["duties"]]
    parts: list[RenderableType] = [Text("What you must do with this", style="bold underline"), *lines] if lines else []
    if view["offersDeclared"]:
        parts.append(Text(_DECLARE, style="bold yellow"))
    return Padding(Group(*parts), (1, 0, 0, 1)) if parts else Text("")


def _receipt(view: Json) -> RenderableType:
    receipt = view["receipt"]
    lines = f"Receipt: access {receipt['access']} · entry {receipt['index']} of log {receipt['log']}\nleaf {receipt['leaf']}"
    return Padding(Text(lines, style="dim"), (1, 0, 0, 1))


def _told_by(told: Json, names: Mapping[str, str]) -> str:
    return ", ".join(sorted({names.get(each["source"], each["source"]) for each in told["provenance"]}))


def _others(view: Json) -> list[str]:
    known = {"demographics", "chronology", *READ_FIRST}
    return [name for name, value in view.items() if isinstance(value, Mapping) and "records" in value and name not in known]


def _grid(columns: int = 2) -> Table:
    """Columns side by side, so that long text wraps under itself."""
    table = Table.grid(padding=(0, 2))
    for _ in range(columns):
        table.add_column(overflow="fold")
    return table
