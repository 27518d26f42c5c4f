"""Guards over the whole repository. Each is shown to hold, and shown to fail when somebody breaks what it guards."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
from graphql import EnumTypeDefinitionNode, GraphQLNamedType, ObjectTypeDefinitionNode, find_breaking_changes, parse, print_ast
from graphql import build_schema as parsed

from connectors.grammar import argument
from connectors.standard import Standard, load_standard
from portal.api.publish import PUBLISHED
from portal.api.schema import api_text, build_schema

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = ROOT / "schema"


def breaking(before: str, after: str) -> list[str]:
    """What a reader of the earlier standard would miss in the later one."""
    old, new = (parsed(f"type Query {{ x: Int }}\n{sdl}") for sdl in (before, after))
    return [change.description for change in find_breaking_changes(old, new)]


def published() -> dict[str, str]:
    """Every standard in ``schema/published`` by its version, the oldest first."""
    paths = sorted((SCHEMA / "published").glob("*.graphql"), key=lambda path: numbered(path.stem))
    return {path.stem: path.read_text("utf-8") for path in paths}


def numbered(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def last_published() -> str:
    """The newest standard in ``schema/published``, by version."""
    return [*published().values()][-1]


def changed_standard(tmp_path: Path, file: str, old: str, new: str) -> Standard:
    """The standard with one line of one file changed."""
    folder = tmp_path / "schema"
    shutil.copytree(SCHEMA, folder, dirs_exist_ok=True)
    text = (folder / file).read_text("utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), "utf-8")
    return load_standard(folder)


def layers(root: Path) -> subprocess.CompletedProcess[str]:
    """The layers contract, as ``make check`` runs it."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=120, env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"}
    )


@pytest.mark.parametrize("version", published())
def test_the_standard_breaks_nothing_that_was_published(version: str) -> None:
    assert breaking(published()[version], load_standard().sdl) == []


def test_the_newest_published_standard_is_of_the_version_in_use() -> None:
    assert [*published()][-1] == load_standard().version
    assert published().keys() == {"1.0", "1.1"}


def unmarked(before: str, after: str, version: str) -> list[str]:
    """What came after a version and does not say so: who signed under it would share it unasked under "every field"."""
    old = parsed(f"type Query {{ x: Int }}\n{before}").type_map
    return [place for place, parts in _parts(after).items() if place not in old and numbered(parts.pop("", "1.0")) <= numbered(version)] + [
        f"{place}.{name}"
        for place, parts in _parts(after).items()
        if place in old
        for name, since in parts.items()
        if name and name not in _names(old[place]) and numbered(since) <= numbered(version)
    ]


def _names(type_: GraphQLNamedType) -> Collection[str]:
    return {**getattr(type_, "fields", {}), **getattr(type_, "values", {})}


def _parts(sdl: str) -> dict[str, dict[str, str]]:
    """Every object and code list, and every field and code of it, with its @since or 1.0; the type's own stands under no name."""
    types = [node for node in parse(sdl).definitions if isinstance(node, ObjectTypeDefinitionNode | EnumTypeDefinitionNode)]
    return {
        node.name.value: {
            "": argument(node, "since", "version") or "1.0",
            **{
                part.name.value: argument(part, "since", "version") or "1.0"  # type: ignore[arg-type]
                for part in (node.fields if isinstance(node, ObjectTypeDefinitionNode) else node.values)
            },
        }
        for node in types
    }


@pytest.mark.parametrize("version", published())
def test_whatever_is_newer_than_a_published_standard_says_so(version: str) -> None:
    assert unmarked(published()[version], load_standard().sdl, version) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "unsaid"),
    [
        ("wellbeingconcern.graphql", "  dueBy: Date\n", "  dueBy: Date\n  heardFrom: String\n", "WellbeingConcern.heardFrom"),
        (
            "wellbeingconcern.graphql",
            '  "Basic needs are not met."\n',
            '  "Alone."\n  ALONE\n  "Basic needs are not met."\n',
            "ConcernCategory.ALONE",
        ),
        ("exclusion.graphql", ' @occurred @since(version: "1.1") {', " @occurred {", "Exclusion"),
        ("exclusion.graphql", 'enum ExclusionType @since(version: "1.1") {', "enum ExclusionType {", "ExclusionType"),
    ],
)
def test_something_newer_that_does_not_say_so_is_seen(tmp_path: Path, file: str, old: str, new: str, unsaid: str) -> None:
    changed = changed_standard(tmp_path, file, old, new)

    assert unmarked(published()["1.0"], changed.sdl, "1.0") == [unsaid]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('  "What was seen and heard, in plain words."\n  summary: String @freeText\n', ""),
        ("  dueBy: Date\n", "  dueBy: String\n"),
        ('  "Basic needs are not met."\n  NEGLECT\n', ""),
    ],
)
def test_a_field_or_code_taken_away_is_seen_as_breaking(tmp_path: Path, old: str, new: str) -> None:
    changed = changed_standard(tmp_path, "wellbeingconcern.graphql", old, new)

    assert len(breaking(last_published(), changed.sdl)) == 1


def test_what_was_published_of_the_api_is_what_the_portal_serves() -> None:
    assert PUBLISHED.read_text("utf-8") == api_text(build_schema(load_standard())), "run `make api` and say so in the changelog"


def test_an_api_that_has_drifted_is_seen(tmp_path: Path) -> None:
    changed = changed_standard(tmp_path, "wellbeingconcern.graphql", "  dueBy: Date\n", "  dueBy: Date\n  answeredBy: Date\n")

    assert PUBLISHED.read_text("utf-8") != api_text(build_schema(changed))


def test_imports_point_downward_only() -> None:
    done = layers(ROOT)

    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("connectors/finding.py", "import portal.model"),
        ("portal/merge.py", "import portal.gateway"),
        ("portal/decisions.py", "import portal.api.schema"),
    ],
)
def test_an_import_that_points_upward_is_seen(tmp_path: Path, file: str, line: str) -> None:
    for folder in ("portal", "connectors"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    guilty = tmp_path / file
    guilty.write_text(f"{guilty.read_text('utf-8')}\n{line}  # noqa\n", "utf-8")

    done = layers(tmp_path)

    assert done.returncode == 1
    assert "not allowed to import" in done.stdout


def weakened(before: str, after: str) -> list[str]:
    """Marks taken away and tiers lowered since the earlier standard: what was signed under it would give more than was signed."""
    then, now = _marks(before), _marks(after)
    lost = [
        f"{place} lost {mark}" for place, marks in then.items() for mark in sorted(marks.keys() - now.get(place, {}).keys()) if place in now
    ]
    lowered = [f"{place} was lowered" for place, marks in then.items() if marks.get("tier", "") > now.get(place, {}).get("tier", "") != ""]
    return lost + lowered


def _marks(sdl: str) -> dict[str, dict[str, str]]:
    """The directives on every kind and field, with the tier's level."""
    marks: dict[str, dict[str, str]] = {}
    for node in parse(sdl).definitions:
        if isinstance(node, ObjectTypeDefinitionNode):
            for place, marked in [(node.name.value, node), *((f"{node.name.value}.{field.name.value}", field) for field in node.fields)]:
                marks[place] = {each.name.value: "".join(print_ast(value.value) for value in each.arguments) for each in marked.directives}
    return marks


@pytest.mark.parametrize("version", published())
def test_no_mark_and_no_tier_of_a_published_standard_has_become_weaker(version: str) -> None:
    assert weakened(published()[version], load_standard().sdl) == []


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("persondetails.graphql", "town: String @location @tier(level: T3)", "town: String @tier(level: T3)"),
        ("persondetails.graphql", "town: String @location @tier(level: T3)", "town: String @location @tier(level: T2)"),
        ("wellbeingconcern.graphql", "summary: String @freeText", "summary: String"),
        ("policeevent.graphql", "@tier(level: T4) @occurred", "@tier(level: T3) @occurred"),
        ("relationship.graphql", "livesWith: LivesWith @location", "livesWith: LivesWith"),
        ("childvoice.graphql", "@tier(level: T3) @occurred", "@tier(level: T2) @occurred"),
    ],
)
def test_a_mark_taken_away_or_a_tier_lowered_is_seen(tmp_path: Path, file: str, old: str, new: str) -> None:
    changed = changed_standard(tmp_path, file, old, new)

    assert len(weakened(last_published(), changed.sdl)) == 1
