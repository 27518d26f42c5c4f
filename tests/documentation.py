"""What the tests of the documentation read: pages with their examples, links and words, and the names that pages must hold."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec
from markdown_it import MarkdownIt

from connectors.declarative import SourceSettings
from portal.cli import main as cli
from portal.federation import FederationSettings

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"

# Pages and examples


@dataclass(frozen=True)
class Block:
    """One fenced example. ``marks`` are the words after the language: ``title="first/club.sql"``."""

    page: Path
    line: int
    language: str
    marks: Mapping[str, str]
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every page a reader meets."""
    return [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "schema" / "README.md",
        ROOT / "deploy" / "demo" / "README.md",
        *sorted(DOCS.rglob("*.md")),
    ]


def page(name: str) -> str:
    """The text of one page, by its path below ``docs``."""
    return (DOCS / name).read_text("utf-8")


_MARK = re.compile(r'(\w+)="?([^"\s]*)"?')


def blocks(path: Path) -> list[Block]:
    """Every fenced example of a page, in order."""
    found = []
    for token in MarkdownIt().parse(path.read_text("utf-8")):
        if token.type == "fence":
            language, _, rest = token.info.strip().partition(" ")
            line = token.map[0] + 1 if token.map else 0
            found.append(Block(path, line, language, dict(_MARK.findall(rest)), token.content))
    return found


def titled(path: Path) -> dict[str, str]:
    """The examples of a page that are files, by the name under which the reader saves them."""
    return {block.marks["title"]: block.text for block in blocks(path) if "title" in block.marks}


# What must be written down


def undocumented(names: Iterable[str], text: str) -> list[str]:
    """The names that stand nowhere in a page as code, in order."""
    inline = [child for token in MarkdownIt().enable("table").parse(text) for child in token.children or ()]
    said = {child.content for child in inline if child.type == "code_inline"}
    return sorted({name for name in names if name not in said})


def rows(text: str) -> list[list[str]]:
    """The cells of every row of every table of a page, code marks taken off the first."""
    listed = [line.strip() for line in text.splitlines() if line.lstrip().startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in listed]
    return [[row[0].strip("`"), *row[1:]] for row in cells if not set(row[0]) <= set("-: ")]


@dataclass(frozen=True)
class Setting:
    """One key of a settings file: its dotted name, and what stands for it when it is left out (``needed`` when it cannot be)."""

    key: str
    default: str


def settings(type_: Any, prefix: str) -> Iterator[Setting]:
    """Every key of a settings struct, those of the tables inside it too. A table whose keys are the writer's own is ``<name>``."""
    for field in msgspec.structs.fields(type_):
        key = f"{prefix}{field.encode_name}"
        inner, listed = _inside(field.type)
        if inner is None:
            yield Setting(key, _default(field))
        else:
            yield from settings(inner, f"{key}{listed}.")


def _inside(type_: Any) -> tuple[Any, str]:
    """The struct inside an annotation, and how its table's key goes on."""
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return type_, ""
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    structs = [each for each in arguments if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    if not structs:
        return None, ""
    return structs[0], ".<name>" if origin is dict else ""


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "needed"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if value is None or value in ((), {}, []):
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def federation_settings() -> list[Setting]:
    """Every key of ``federation.toml``."""
    return list(settings(FederationSettings, ""))


def source_settings() -> list[Setting]:
    """Every key of the ``source`` table of a source's file."""
    return list(settings(SourceSettings, "source."))


def error_ids(root: Path = ROOT) -> set[str]:
    """Every error id that stands in the program's text."""
    texts = (path.read_text("utf-8") for folder in ("portal", "connectors") for path in (root / folder).rglob("*.py"))
    return {found for text in texts for found in re.findall(r"\bCV\d{3}\b", text)}


@dataclass(frozen=True)
class Command:
    """One command as it is typed, and its options as they are typed."""

    path: str
    help: str
    usage: str
    options: tuple[tuple[str, str, str], ...]


def commands() -> list[Command]:
    """Every command, with (option, default, help) of each of its options. A group that does something by itself is one as well."""
    return list(_commands(cli, ("childview",)))


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[Command]:
    context = click.Context(command, info_name=" ".join(path))
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield _command(command, path, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner
            yield from _commands(inner, (*path, name))


def _command(command: click.Command, path: tuple[str, ...], context: click.Context) -> Command:
    options = [
        (
            "/".join((*option.opts, *option.secondary_opts)) + ("" if option.is_flag else f" {option.make_metavar(context)}"),
            "needed" if option.required else str(option.default) if type(option.default) in (str, int) else "",
            option.help or "",
        )
        for option in command.params
        if isinstance(option, click.Option)
    ]
    usage = " ".join([*path, *command.collect_usage_pieces(context)])
    return Command(" ".join(path), (command.help or "").split("\f")[0].strip(), usage, tuple(options))


def make_targets() -> list[str]:
    """Every target of the Makefile that a person types."""
    text = (ROOT / "Makefile").read_text("utf-8")
    return next(line for line in text.splitlines() if line.startswith(".PHONY:")).split()[1:]


# Links


_LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")


def broken_links(path: Path) -> list[str]:
    """The links of a page that lead nowhere in the repository. Links to other machines are not followed."""
    text = re.sub(r"^(`{3,}).*?^\1", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [link for link in _LINK.findall(text) if not re.match(r"[a-z]+:", link) and not _leads_somewhere(path, link)]


def _leads_somewhere(path: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (path.parent / name).resolve() if name else path
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not anchor or anchor in anchors(target.read_text("utf-8"))


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#{1,6} +(.+?)\s*$", re.sub(r"^(`{3,}).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# Words

_UNWANTED = (
    (r"\b(simply|just|easily)\b", "tells a reader who is stuck that it is easy"),
    (r"\b(language model|chatbot|copilot|assistant|prompt(ed|s)?)\b", "is about how pages were written"),
    (r"(?<![\w.])/(work|root|home)/\w|\bpythonhosted\b", "belongs to one machine"),
    (r"\b(TODO|FIXME|TBD|coming soon|lorem)\b", "is not finished"),
)


def unwanted(text: str) -> list[str]:
    """The words of a page that a reader should not meet, each with the reason. Examples count as well."""
    return [f"{found.group()!r} {why}" for pattern, why in _UNWANTED for found in re.finditer(pattern, text, re.IGNORECASE)]
