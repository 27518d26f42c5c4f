"""Guards over the whole repository. Each is shown to hold, and shown to fail when somebody breaks what it guards."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import ObjectTypeDefinitionNode, find_breaking_changes, parse, print_ast
from graphql import build_schema as parsed

from connectors.standard import Standard, load_standard
from portal.api.publish import PUBLISHED
from portal.api.schema import api_text, build_schema

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = ROOT / "schema"


def breaking(before: str, after: str) -> list[str]:
    """What a reader of the earlier standard would miss in the later one."""
    old, new = (parsed(f"type Query {{ x: Int }}\n{sdl}") for sdl in (before, after))
    return [change.description for change in find_breaking_changes(old, new)]


def last_published() -> str:
    """The newest standard in ``schema/published``, by version."""
    versions = sorted((SCHEMA / "published").glob("*.graphql"), key=lambda path: [int(part) for part in path.stem.split(".")])
    return versions[-1].read_text("utf-8")


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


def test_the_standard_breaks_nothing_that_was_published() -> None:
    assert breaking(last_published(), load_standard().sdl) == []


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
        ("connectors/matching.py", "import portal.model"),
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


def test_no_mark_and_no_tier_of_the_published_standard_has_become_weaker() -> None:
    assert weakened(last_published(), load_standard().sdl) == []


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("persondetails.graphql", "town: String @location @tier(level: T3)", "town: String @tier(level: T3)"),
        ("persondetails.graphql", "town: String @location @tier(level: T3)", "town: String @location @tier(level: T2)"),
        ("wellbeingconcern.graphql", "summary: String @freeText", "summary: String"),
        ("policeevent.graphql", "@tier(level: T4) @occurred", "@tier(level: T3) @occurred"),
    ],
)
def test_a_mark_taken_away_or_a_tier_lowered_is_seen(tmp_path: Path, file: str, old: str, new: str) -> None:
    changed = changed_standard(tmp_path, file, old, new)

    assert len(weakened(last_published(), changed.sdl)) == 1
