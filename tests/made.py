"""What is made from the code: the page of the data standard, parts of other pages, and the function that the README shows.

``python -m tests.made`` (``make docs``) writes anew whatever is not up to date. Parts of pages stand between
``<!-- made from the code: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from pathlib import Path

from graphql import EnumTypeDefinitionNode, parse

from connectors.standard import Field, Kind, Standard, load_standard
from portal import decisions, gateway, outcomes
from tests.documentation import DOCS, ROOT, commands, make_targets


def standard_page(standard: Standard) -> str:
    """The reference of the data standard: every kind, field and code list, with what is marked on each."""
    kinds = sorted(standard.kinds.values(), key=lambda kind: kind.name)
    envelope = set.intersection(*(set(kind.fields) for kind in kinds))
    words = _code_words()
    parts = [_STANDARD_HEAD.format(version=standard.version)]
    parts += ["| Kind | Section | Tier | On the chronology | Headline |", "|---|---|---|---|---|"]
    parts += [
        f"| [{kind.name}](#{kind.name.lower()}) | {f'`{kind.section}`' if kind.section else 'demographics'} | {kind.tier} | "
        f"{'yes' if kind.occurred else ''} | {f'`{kind.headline}`' if kind.headline else ''} |"
        for kind in kinds
    ]
    parts += ["", "## Every record", "", "These fields belong to every kind. `provenance` and `held` are written by the portal's side.", ""]
    parts += _field_table([field for field in kinds[0].fields.values() if field.name in envelope])
    for kind in kinds:
        parts += ["", f"## {kind.name}", "", kind.description, "", _kind_facts(kind), ""]
        parts += _field_table([field for field in kind.fields.values() if field.name not in envelope])
        for nested in sorted({field.nested for field in kind.fields.values() if field.nested}):
            parts += ["", f"### {nested}", "", f"An object inside {kind.name}.", "", *_field_table(list(standard.objects[nested].values()))]
    parts += ["", "## Code lists", "", "Every list a source maps to ends in `OTHER`; the source's own code travels along in `sourceCode`."]
    for name in sorted(standard.codes):
        parts += ["", f"### {name}", "", "| Code | Meaning |", "|---|---|"]
        parts += [f"| `{code}` | {words.get((name, code), '')} |" for code in standard.codes[name]]
    return "\n".join(parts) + "\n"


_STANDARD_HEAD = """# The data standard

<!-- Made from schema/*.graphql by `make docs`. Change those files, not this page. -->

Version {version}. What agencies show of what they hold about a child. How it is written and how it changes:
[schema/README.md](../../schema/README.md). `childview standard show` prints the files in one piece.

Marks: **place** tells where the child is, lives, learns or will be; **free text** leaves a source only when somebody has read it for other
people's details; **other people** is shown only where a clause names the field; a tier such as **T4** is the field's own, where it is
above its record's. Types are GraphQL's: `[X!]` is a list.

## Kinds
"""


def _kind_facts(kind: Kind) -> str:
    section = f"Section `{kind.section}`" if kind.section else "Shown among the demographics"
    chronology = ", on the chronology by `occurredOn`" if kind.occurred else ""
    since = f" Since {kind.since}." if kind.since else ""
    return f"{section}. Lowest tier {kind.tier}{chronology}.{since}"


def _field_table(fields: list[Field]) -> list[str]:
    lines = ["| Field | Type | Marks | Meaning |", "|---|---|---|---|"]
    return lines + [f"| `{field.name}` | `{field.type}` | {', '.join(_marks(field))} | {field.description} |" for field in fields]


def _marks(field: Field) -> Iterator[str]:
    marked = (
        (field.tier, f"**{field.tier}**"),
        (field.location, "**place**"),
        (field.free_text, "**free text**"),
        (field.third_party, "**other people**"),
        (field.checked_by, f"number of the system in `{field.checked_by}`"),
        (field.since, f"since {field.since}"),
    )
    return (words for given, words in marked if given)


@cache
def _code_words() -> dict[tuple[str, str], str]:
    """(code list, code) -> its words, which the loaded standard does not keep apart."""
    lists = [node for node in parse(load_standard().sdl).definitions if isinstance(node, EnumTypeDefinitionNode)]
    return {
        (node.name.value, value.name.value): " ".join(value.description.value.split())
        for node in lists
        for value in node.values
        if value.description
    }


def outcome_table() -> str:
    """Every outcome in order of precedence, with the words a practitioner reads."""
    lines = ["| | Outcome | Words |", "|---|---|---|"]
    lines += [f"| {at} | `{state}` | {outcomes.SAYS[state]} |" for at, state in enumerate(outcomes.PRECEDENCE, 1)]
    return "\n".join(lines)


def denial_table() -> str:
    """Every reason for a no, with the words a practitioner reads."""
    lines = ["| Reason | Words |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{code}` | {words} |" for code, words in decisions.WORDS.items())])


def command_list() -> str:
    """Every command with its options."""
    parts: list[str] = []
    for command in commands():
        words = " ".join(command.help.split())
        parts += [f"### {command.path}", "", words, "", "```text", command.usage, "```", ""]
        if command.options:
            parts += ["| Option | If left out | Meaning |", "|---|---|---|"]
            parts += [f"| `{option}` | {default} | {help_} |" for option, default, help_ in command.options]
            parts += [""]
    return "\n".join(parts).rstrip()


def target_table() -> str:
    """Every make target with the words the Makefile has for it."""
    text = (ROOT / "Makefile").read_text("utf-8")
    words = dict(re.findall(r"^(\w+):[^#\n]*## (.*)$", text, re.MULTILINE))
    lines = ["| Target | What it does |", "|---|---|"]
    return "\n".join(
        [*lines, *(f"| `make {target}` | {words.get(target, 'removes what was installed and built')} |" for target in make_targets())]
    )


def answer_source() -> str:
    """The function the README shows."""
    return inspect.getsource(gateway.answer)


MADE: dict[str, Callable[[], str]] = {
    "outcomes": outcome_table,
    "reasons": denial_table,
    "commands": command_list,
    "targets": target_table,
}
_PART = re.compile(r"(<!-- made from the code: (\w+) -->).*?(<!-- end -->)", re.DOTALL)


def made_anew(text: str) -> str:
    """A page with every part between marks made anew. Raises KeyError for a mark nobody makes."""
    return _PART.sub(lambda found: f"{found.group(1)}\n\n{MADE[found.group(2)]()}\n\n{found.group(3)}", text)


def readme_anew(text: str) -> str:
    """The README with the function ``answer`` as it stands."""
    return re.sub(
        r"(```python\n)async def answer\(.*?(```)", lambda found: found.group(1) + answer_source() + found.group(2), text, flags=re.DOTALL
    )


def made_pages() -> dict[Path, str]:
    """Every page that is made from the code, whole or in part, as it should be now."""
    fresh = {DOCS / "reference" / "standard.md": standard_page(load_standard())}
    for path in DOCS.rglob("*.md"):
        if path not in fresh and _PART.search(text := path.read_text("utf-8")):
            fresh[path] = made_anew(text)
    readme = ROOT / "README.md"
    return {**fresh, readme: readme_anew(readme.read_text("utf-8"))}


def stale(made: Mapping[Path, str]) -> list[Path]:
    """The pages that do not say what the code says."""
    return sorted(path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text)


def write(made: Mapping[Path, str]) -> Collection[Path]:
    """Write the stale pages; which they were."""
    late = stale(made)
    for path in late:
        path.write_text(made[path], "utf-8")
    return late


if __name__ == "__main__":
    for written in write(made_pages()):
        print(written.relative_to(ROOT))
