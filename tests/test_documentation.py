"""The documentation is tested: what must be written down is, what is written down runs, and every link leads somewhere.

Each check is proved to fail by a deliberate violation.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from graphql import parse, validate

import connectors
from connectors import ConfigurationError, declarative, release
from connectors.declarative import declare
from connectors.fhir import FhirFind, FhirProvide
from connectors.mapping import CONVERTERS, Rule
from connectors.parameters import COMMON_SYSTEMS, NEEDED, PLAIN, PROVIDED
from connectors.people import KEYS
from connectors.release import KindRule
from connectors.rest import RestFind, RestProvide
from connectors.settings import collect
from connectors.settings import parse as toml
from connectors.source import Source
from connectors.sql import SqlFind, SqlProvide
from connectors.standard import load_standard
from portal import outcomes
from portal.agreements.conditions import Conditions, OnlyBroken
from portal.agreements.documents import Basis, Header, KindTerms, Party, Retention, Rights, Subjects, Terms, When
from portal.agreements.keys import SucceedingKey
from portal.agreements.rules import State
from portal.agreements.signatures import Signature
from portal.api.schema import build_schema
from portal.decisions import WORDS
from portal.federation import FederationSettings
from tests.connectors.servers import ask as an_ask
from tests.documentation import (
    DOCS,
    ROOT,
    Block,
    blocks,
    broken_links,
    commands,
    error_ids,
    federation_settings,
    make_targets,
    page,
    pages,
    rows,
    source_settings,
    titled,
    undocumented,
    unwanted,
)
from tests.made import answer_source, made_pages, stale, standard_page

README = ROOT / "README.md"
PAGES = [pytest.param(path, id=str(path.relative_to(ROOT))) for path in pages()]
BLOCKS = [pytest.param(block, id=block.place) for path in pages() for block in blocks(path)]


def keys(*types: type[msgspec.Struct]) -> set[str]:
    """The keys of settings structs, as a file has them."""
    return {field.encode_name for type_ in types for field in msgspec.structs.fields(type_)}


# Everything is written down


def written_down() -> list[Any]:
    """(page, what must stand there)."""
    standard = load_standard()
    return [
        pytest.param("reference/settings.md", [each.key for each in (*federation_settings(), *source_settings())], id="settings"),
        pytest.param(
            "reference/sources.md", keys(SqlFind, SqlProvide, RestFind, RestProvide, FhirFind, FhirProvide, Rule), id="source-keys"
        ),
        pytest.param("reference/sources.md", [*KEYS, *CONVERTERS], id="person-keys-and-converters"),
        pytest.param("reference/sources.md", [f":{name}" for name in (*COMMON_SYSTEMS, *PLAIN, *NEEDED, *PROVIDED)], id="placeholders"),
        pytest.param("reference/sources.md", declarative.Need.__args__, id="needs"),  # type: ignore[attr-defined]
        pytest.param(
            "reference/agreements.md",
            keys(
                Header, Party, Subjects, Retention, Rights, Terms, KindTerms, Basis, When, Conditions, OnlyBroken, SucceedingKey, Signature
            )
            | {"grants", "sensitive_services", "[[signature]]"},
            id="agreement-keys",
        ),
        pytest.param("reference/agreements.md", [*WORDS, *State.__args__], id="agreement-words"),  # type: ignore[attr-defined]
        pytest.param("reference/outcomes.md", [*outcomes.SAYS, *outcomes.PRECEDENCE, *WORDS], id="outcomes"),
        pytest.param(
            "reference/standard.md", [*standard.kinds, *(kind.section for kind in standard.kinds.values() if kind.section)], id="kinds"
        ),
        pytest.param("reference/standard.md", {name for kind in standard.kinds.values() for name in kind.fields}, id="fields"),
        pytest.param("reference/standard.md", {code for codes in standard.codes.values() for code in codes}, id="codes"),
        pytest.param("reference/sdk.md", connectors.__all__, id="sdk"),
        pytest.param("reference/commands.md", [f"make {target}" for target in make_targets()], id="make-targets"),
        pytest.param(
            "explanation/what-never-leaves.md",
            ["superseded", "retention", "informant", "handling", "tier", "shielded", "refused-after-find"],
            id="true-reasons",
        ),
    ]


@pytest.mark.parametrize(("where", "names"), written_down())
def test_every_name_of_the_product_is_written_down(where: str, names: list[str]) -> None:
    assert names
    assert undocumented(names, _said(page(where), where)) == []


@pytest.mark.parametrize(("where", "names"), written_down())
def test_a_name_that_is_left_out_is_seen(where: str, names: list[str]) -> None:
    """The violation: a page without one of the names."""
    missing = sorted(names)[0]
    without = re.sub(rf"(?<![\w.-]){re.escape(missing)}(?![\w.-])", "gone", _said(page(where), where))

    assert missing in undocumented(names, without)


def _said(text: str, where: str) -> str:
    """In the page of the standard a kind is a heading, which counts as code; elsewhere names stand in code marks alone."""
    return re.sub(r"^## (\w+)$", r"`\1`", text, flags=re.MULTILINE) if where.endswith("standard.md") else text


def test_every_command_and_option_is_written_down() -> None:
    text = page("reference/commands.md")
    for command in commands():
        assert f"\n### {command.path}\n" in text
        assert [option for option, _, _ in command.options if f"| `{option}` |" not in text] == []


def test_commands_are_found_by_walking_the_whole_tree() -> None:
    """The violation: a walk that stops at the top would find no command inside a group."""
    known = {command.path: {option.split()[0] for option, _, _ in command.options} for command in commands()}

    assert "--production" in known["childview check"]
    assert known["childview log verify"] == {"--json"}
    assert "--json" in known["childview match"]
    assert "childview log" not in known


def unexplained(ids: set[str], text: str) -> list[str]:
    """Error ids without a row that says what happened and what to do, and rows about ids there are not."""
    explained = {row[0] for row in rows(text) if re.fullmatch(r"CV\d{3}", row[0]) and len(row) >= 3 and all(row)}
    listed = [row[0] for row in rows(text) if re.fullmatch(r"CV\d{3}", row[0])]
    return sorted({*(ids ^ explained), *(id for id in listed if listed.count(id) > 1)})


def test_every_error_says_what_happened_and_what_to_do() -> None:
    assert unexplained(error_ids(), page("reference/errors.md")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("| CV356 |", "| CV357 |", id="one-missing-one-twice"),
        pytest.param("| CV721 |", "| CV799 |", id="one-that-there-is-not"),
        pytest.param("| Mend the line named |", "| |", id="nothing-to-do"),
    ],
)
def test_an_error_without_its_row_is_seen(old: str, new: str) -> None:
    text = page("reference/errors.md")
    assert old in text

    assert unexplained(error_ids(), text.replace(old, new, 1)) != []


def test_error_ids_are_found_in_the_program(tmp_path: Path) -> None:
    (tmp_path / "portal").mkdir()
    (tmp_path / "connectors").mkdir()
    (tmp_path / "portal" / "new.py").write_text('raise Mistake(id="CV998", message="new")')

    assert error_ids(tmp_path) == {"CV998"}
    assert unexplained(error_ids() | {"CV998"}, page("reference/errors.md")) == ["CV998"]


def wrong_defaults(text: str) -> list[str]:
    """Settings whose row does not say what the program takes when they are left out."""
    said = {row[0]: row[1] for row in rows(text) if len(row) == 3}
    return [each.key for each in (*federation_settings(), *source_settings()) if said.get(each.key) != each.default]


def test_every_setting_says_what_stands_for_it_when_it_is_left_out() -> None:
    assert wrong_defaults(page("reference/settings.md")) == []


def test_a_default_that_has_changed_is_seen() -> None:
    text = page("reference/settings.md")

    assert wrong_defaults(text.replace("| `portal.budget` | 8.0 |", "| `portal.budget` | 9.0 |")) == ["portal.budget"]


def test_what_held_says_is_in_the_page_of_outcomes() -> None:
    words = [getattr(release, name) for name in dir(release) if name.startswith("HELD_")]
    assert len(words) >= 5

    assert [each for each in (*words, outcomes.SAYS_NO_SOURCE, outcomes.LOG_CLOSED) if each not in page("reference/outcomes.md")] == []


# What is made from the code is up to date


def test_pages_made_from_the_code_are_up_to_date() -> None:
    assert [str(path.relative_to(ROOT)) for path in stale(made_pages())] == [], "run `make docs`"


def test_a_page_that_has_drifted_is_seen(tmp_path: Path) -> None:
    made = {tmp_path / "standard.md": standard_page(load_standard())}
    (tmp_path / "standard.md").write_text(standard_page(load_standard()).replace("place", "space", 1), "utf-8")

    assert stale(made) == [tmp_path / "standard.md"]
    assert stale({tmp_path / "not-there.md": ""}) == [tmp_path / "not-there.md"]


def answers_shown(text: str) -> list[str]:
    """The functions ``answer`` that a page shows."""
    return re.findall(r"```python\n(async def answer\(.*?)```", text, re.DOTALL)


def test_the_readme_shows_the_function_that_answers() -> None:
    assert answers_shown(README.read_text("utf-8")) == [answer_source()]


def test_a_readme_that_shows_another_function_is_seen() -> None:
    assert answers_shown(README.read_text("utf-8").replace("await asked.find()", "await asked.guess()")) != [answer_source()]


# Links, words, tests that are named


@pytest.mark.parametrize("path", PAGES)
def test_every_link_leads_somewhere(path: Path) -> None:
    assert broken_links(path) == []


def test_a_link_to_nowhere_is_seen(tmp_path: Path) -> None:
    broken = DOCS / "README.md"
    text = "[gone](gone.md) [outside](../../secret.md) [no heading](glossary.md#nothing) [here](glossary.md) [there](https://example.org)"
    copy = tmp_path / "page.md"
    copy.write_text(text, "utf-8")

    assert broken_links(copy) == ["gone.md", "../../secret.md", "glossary.md#nothing", "glossary.md"]
    assert broken_links(broken) == []


def pointed_at(folder: Path) -> set[str]:
    """The pages that hints in the program point a reader to."""
    texts = (path.read_text("utf-8") for name in ("portal", "connectors") for path in (folder / name).rglob("*.py"))
    return {found for text in texts for found in re.findall(r"\b(?:docs/[\w/-]+|schema/README)\.md\b", text)}


def test_every_page_the_program_points_to_is_there(tmp_path: Path) -> None:
    (tmp_path / "portal").mkdir()
    (tmp_path / "portal" / "new.py").write_text('hint = "See docs/reference/nothing.md."')

    assert "docs/reference/settings.md" in pointed_at(ROOT)
    assert [name for name in sorted(pointed_at(ROOT)) if not (ROOT / name).exists()] == []
    assert pointed_at(tmp_path) == {"docs/reference/nothing.md"}


def test_the_changelog_speaks_to_every_reader() -> None:
    headings = re.findall(r"^### (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8").split("## [Unreleased]")[1], re.MULTILINE)

    assert headings[:4] == ["For practitioners", "For agencies", "For auditors", "For operators"]


def test_every_page_can_be_reached_from_the_index() -> None:
    assert _reached() == set(DOCS.rglob("*.md"))


def _reached() -> set[Path]:
    """The pages below docs that links lead to, from the index on."""
    found: set[Path] = set()
    ahead = {DOCS / "README.md"}
    while ahead:
        path = ahead.pop()
        found.add(path)
        named = {(path.parent / link.partition("#")[0]).resolve() for link in re.findall(r"\]\(([^)\s:]+)\)", path.read_text("utf-8"))}
        ahead |= {each for each in named if each.suffix == ".md" and each.is_relative_to(DOCS)} - found
    return found


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_words_a_reader_should_not_meet(path: Path) -> None:
    assert unwanted(path.read_text("utf-8")) == []


@pytest.mark.parametrize("text", ["Simply type it.", "It just works.", "TODO: write", "Ask the copilot", "see /home/somebody/x", "easily"])
def test_a_word_a_reader_should_not_meet_is_seen(text: str) -> None:
    assert unwanted(text)


@pytest.mark.parametrize("text", ["adjust", "justice", "YOUTH_JUSTICE", "promptly", "~/.local/state", "a sessional worker"])
def test_words_that_only_look_like_it_are_let_pass(text: str) -> None:
    assert unwanted(text) == []


def missing_tests(text: str) -> list[str]:
    """The tests a page names that there are not."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text)
    return [f"{file}::{name}" for file, name in named if not re.search(rf"^(async )?def {name}\(", _source(file), re.MULTILINE)]


def _source(file: str) -> str:
    path = ROOT / file
    return path.read_text("utf-8") if path.exists() else ""


def test_every_promise_names_tests_that_there_are() -> None:
    text = page("explanation/promises.md")
    parts = re.split(r"^## \d+\. ", text, flags=re.MULTILINE)[1:]

    assert len(parts) == 9
    assert all("tests/" in part for part in parts)
    assert [each for path in pages() for each in missing_tests(path.read_text("utf-8"))] == []


def test_a_test_that_there_is_not_is_seen() -> None:
    assert missing_tests("`tests/portal/test_merge.py::test_a_wish`") == ["tests/portal/test_merge.py::test_a_wish"]
    assert missing_tests("`tests/portal/test_nothing.py::test_a_wish`") == ["tests/portal/test_nothing.py::test_a_wish"]


# Examples


def wrong(block: Block) -> str | None:
    """What is wrong with an example as it stands, by its language; None when nothing is."""
    try:
        if block.language == "toml":
            tomllib.loads(block.text)
        elif block.language == "python":
            ast.parse(textwrap.dedent(block.text))
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "graphql" and "schema" not in block.place:
            return "; ".join(error.message for error in validate(build_schema(load_standard()), parse(block.text))) or None
        elif block.language == "sh":
            return "; ".join(_wrong_commands(block.text)) or None
        elif block.language not in ("text", "markdown", "graphql", "sql", "ini", "nginx", ""):
            return f"unknown language {block.language!r}"
    except (ValueError, SyntaxError) as error:
        return type(error).__name__
    return None


def _wrong_commands(text: str) -> Iterator[str]:
    known = {command.path: command for command in commands()}
    for line in re.findall(r"\bchildview (?!=)[^)|>\n]*", text):
        path = next((name for name in sorted(known, key=len, reverse=True) if line.startswith(name)), None)
        if path is None:
            if not line.startswith("childview\n") and line.split()[1:2] and line.split()[1][0].isalpha():
                yield f"there is no command {line!r}"
            continue
        options = {part for option, _, _ in known[path].options for part in option.split()[0].split("/")}
        yield from (f"{path} has no option {used}" for used in re.findall(r"(?<= )--[\w-]+", line) if used not in options)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_is_well_formed(block: Block) -> None:
    assert wrong(block) is None


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("toml", "a = "),
        ("python", "def broken(:"),
        ("json", "{'a': 1}"),
        ("graphql", "query { child }"),
        ("sh", "childview conjure --once"),
        ("sh", "childview check --thorough folder"),
        ("brainfuck", "+"),
    ],
)
def test_an_example_that_is_not_well_formed_is_seen(language: str, text: str) -> None:
    assert wrong(Block(DOCS / "README.md", 1, language, {}, text)) is not None


def test_the_federation_file_of_the_settings_page_is_taken() -> None:
    settings, mistakes = collect(
        FederationSettings, toml(_example("reference/settings.md", "[[issuers]]"), "federation.toml", "CV101"), "CV102"
    )

    assert mistakes == []
    assert settings
    assert settings.issuers[0].claims.roles == "realm_access/roles"


def test_the_source_table_of_the_settings_page_is_taken() -> None:
    document = toml(_example("reference/settings.md", "[source]"), "hillview-mis.toml", "CV150")

    assert collect(declarative.SourceSettings, document, "CV151", ("source",))[1] == []


def _example(where: str, holding: str) -> str:
    return next(block.text for block in blocks(DOCS / where) if block.language == "toml" and holding in block.text)


@pytest.mark.parametrize("name", sorted(titled(DOCS / "reference" / "sources.md")))
def test_every_source_file_of_the_page_is_taken(tmp_path: Path, name: str) -> None:
    declared = declare(_saved(tmp_path, "reference/sources.md", name), load_standard())

    assert declared.connector.provided()
    assert declared.connector.finds_by


def test_the_page_has_a_source_file_for_every_reader() -> None:
    files = titled(DOCS / "reference" / "sources.md").values()

    assert {tomllib.loads(text)["source"]["reads"] for text in files} == {"sql", "rest", "fhir"}


def test_a_source_file_with_a_slip_in_it_is_seen(tmp_path: Path) -> None:
    path = _saved(tmp_path, "reference/sources.md", "sources/northshire-police.toml")
    path.write_text(path.read_text("utf-8").replace('needs = ["postcode"]', 'need = ["postcode"]'), "utf-8")

    with pytest.raises(ConfigurationError, match="CV151"):
        declare(path, load_standard())


def _saved(folder: Path, where: str, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(titled(DOCS / where)[name], "utf-8")
    return path


async def test_the_connector_of_the_sdk_page_is_found_by_its_entry_point_and_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's package, installed as Python sees one: a module, and metadata with the entry point of its pyproject.toml."""
    _saved(tmp_path, "reference/sdk.md", "library.py")
    points = tomllib.loads(titled(DOCS / "reference" / "sdk.md")["pyproject.toml"])["project"]["entry-points"]["childview.connectors"]
    metadata = tmp_path / "dunmorrin_library-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: dunmorrin-library\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[childview.connectors]\n" + "".join(f"{name} = {at}\n" for name, at in points.items()))
    readers = [
        {"card": "L-1", "given": "Rory", "family": "Baxter", "born": "2013-05-06", "postcode": "NS4 7PD", "since": "2021-04-01"},
        {"card": "L-2", "given": "Ruth", "family": "Baxter", "born": "2013-05-06", "postcode": "NS4 7PD", "since": "2021-04-01"},
    ]
    (tmp_path / "readers.json").write_text(json.dumps(readers))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("LIBRARY_FILE", str(tmp_path / "readers.json"))
    standard = load_standard()
    source = Source(declare(_saved(tmp_path, "reference/sdk.md", "sources/dunmorrin-library.toml"), standard), standard, police=False)
    subject = connectors.Subject(
        given_name="Rory", family_name="Baxter", birth_date="2013-05-06", addresses=(connectors.Address(postcode="NS4 7PD"),)
    )
    await source.open()
    found = await source.find(subject, an_ask(), "issuer|morag")
    assert found.persons
    fields = frozenset({"serviceType", "start", "sourceText"})
    rule = KindRule(wanted=fields, permitted=fields, ceiling="T1", existence="T1")
    answer = await source.fetch(found.persons, "Involvement", rule, an_ask(), True, datetime.now(UTC))
    await source.close()

    assert (found.state, found.persons[0].id, source.can_find(subject)) == ("FOUND", "L-1", True)
    assert [(record.id, record.start) for record in answer.records] == [("L-1", "2021-04-01")]  # type: ignore[attr-defined]
    assert answer.set_aside == 0
