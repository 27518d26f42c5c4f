"""The commands as people and programs run them: what they print, and how they end."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from portal.agreements.wording import asked_of
from portal.cli import main, running
from portal.cli.asking import explained
from portal.demo import FEDERATION
from portal.explaining import explain


def run(*arguments: str, environment: dict[str, str] | None = None) -> Result:
    return CliRunner(env=environment or {}).invoke(main, arguments)


@pytest.fixture
def federation(tmp_path: Path) -> Path:
    """The demo's federation, to be spoilt."""
    return Path(shutil.copytree(FEDERATION, tmp_path / "federation"))


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


ISSUER = {"DEMO_ISSUER": "http://127.0.0.1:1/demo/issuer"}


def test_a_federation_without_mistakes_passes_the_check(federation: Path) -> None:
    done = run("check", str(federation), environment=ISSUER)

    assert (done.exit_code, done.stdout) == (0, f"{federation}: no mistakes.\n")


def test_production_refuses_the_demo(federation: Path) -> None:
    done = run("check", str(federation), "--production", "--json", environment=ISSUER)

    assert done.exit_code == 1
    assert {error["id"] for error in json.loads(done.stdout)["errors"]} == {"CV131", "CV132", "CV133"}


def test_every_mistake_of_every_file_is_said_at_once_with_its_line(federation: Path) -> None:
    spoil(federation / "federation.toml", "budget = 8.0", 'budget = "long"')
    spoil(federation / "federation.toml", "shield_wait = 0.7", "shield_wait = 0.7, colour = 1")
    spoil(federation / "sources" / "northshire-police.toml", "contact", "kontact")
    done = run("check", str(federation), "--json", environment=ISSUER)

    errors = json.loads(done.stdout)["errors"]

    assert done.exit_code == 2
    assert {Path(error["file"]).name for error in errors} == {"federation.toml", "northshire-police.toml"}
    assert len(errors) >= 3
    assert all(error["line"] and error["id"].startswith("CV") and error["hint"] for error in errors)


def test_names_that_point_nowhere_are_mistakes(federation: Path) -> None:
    spoil(federation / "federation.toml", '"northshire-social-work", "northshire-nhs"]', '"northshire-housing"]')
    done = run("check", str(federation), environment=ISSUER)

    assert done.exit_code == 2
    assert "CV104" in done.stderr
    assert "northshire-housing" in done.stderr


def test_a_variable_that_is_not_set_is_named(federation: Path) -> None:
    done = run("check", str(federation), environment={"DEMO_ISSUER": None})  # type: ignore[dict-item]

    assert done.exit_code == 2
    assert "CV103" in done.stderr
    assert "DEMO_ISSUER" in done.stderr


def test_an_agreement_altered_since_it_was_signed_is_refused(federation: Path) -> None:
    spoil(federation / "agreements" / "isa-07.md", "to protect the child", "for any reason")
    done = run("agreement", "check", str(federation))

    assert done.exit_code == 2
    assert "isa-07" in done.stderr


def test_agreements_are_listed_with_their_state_and_shown_in_the_words_that_were_signed(federation: Path) -> None:
    listed, shown = run("agreement", "check", str(federation)), run("agreement", "show", str(federation), "ISA-07")

    assert (listed.exit_code, shown.exit_code) == (0, 0)
    assert re.search(r"^ISA-07@\d+: in-force", listed.stdout, re.MULTILINE)
    assert "In short: northshire-police shows hillview-school (named_person)" in shown.stdout


def test_an_agreement_that_is_not_there_is_said_to_be_missing_with_those_that_are(federation: Path) -> None:
    done = run("agreement", "show", str(federation), "ISA-99")

    assert done.exit_code == 2
    assert "ISA-07" in done.stderr


def test_what_the_clause_of_a_permitted_kind_asks_for_is_said_once_below_its_fields() -> None:
    held = running.without_environment(FEDERATION).agreements
    asks = {each.cite(clause.number): asked_of(clause.terms.conditions) for each in held.all for clause in each.clauses}
    rules, known = held.rules, held.vocabulary
    found = explain(rules, known.standard, known.sources, "early-help", ["named_person"], "hillview-school", None, running.now())
    lines = list(explained([msgspec.to_builtins(each) for each in found]))
    below = below_each_kind(lines)

    assert [line for line in lines if not line.startswith(" ")] == [line for line in lines if line[:3] in ("yes", "no ")]
    assert any(below.values())
    for source, kind in {(each.source, each.kind) for each in found}:
        cited = {each.clause for each in found if (each.source, each.kind) == (source, kind) and each.permitted}
        assert below[f"{source} {kind}"] == [said for clause in cited for said in asks[clause or ""]]


def below_each_kind(lines: list[str]) -> dict[str, list[str]]:
    """The indented sentences after the lines of each source and kind."""
    below: dict[str, list[str]] = {}
    what = ""
    for line in lines:
        if line.startswith("        "):
            below[what].append(line.strip())
        else:
            what = " ".join(line.split()[1:3]).split(".")[0]
            below.setdefault(what, [])
    return below


def test_the_standard_is_printed_whole() -> None:
    done = run("standard", "show")

    assert done.exit_code == 0
    assert "type WellbeingConcern implements Record" in done.stdout


def test_asking_a_portal_that_is_not_there_fails_and_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        url = f"http://127.0.0.1:{door.getsockname()[1]}"
    done = run("query", "--url", url, "--token", "t", "--family", "Ash", "--born", "2014-02-03", "--purpose", "child-protection", "--json")

    assert done.exit_code == 1
    assert json.loads(done.stdout)["errors"][0]["id"] == "CV801"


@pytest.mark.parametrize(
    "arguments", [("query",), ("query", "--number", "chi", "--purpose", "p", "--token", "t"), ("nothing",), ("check", "/nowhere")]
)
def test_wrong_use_ends_with_two(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_persona_nobody_invented_is_refused_with_those_there_are(tmp_path: Path) -> None:
    done = run("token", "nobody", "--data", str(tmp_path))

    assert done.exit_code == 2
    assert "morag" in done.stderr


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_ends_in_order_when_told_to_even_where_it_was_started_in_the_background(tmp_path: Path, sent: signal.Signals) -> None:
    """A shell that is no terminal starts what it puts into the background with SIGINT ignored."""
    folders = ["--data", str(tmp_path / "d"), "--state", str(tmp_path / "s")]
    command = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", sys.executable, "-m", "portal.cli.commands", "demo", "--port", "0", *folders]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        next(line for line in running.stdout if "log verify" in line)
        time.sleep(0.5)
        running.send_signal(sent)
        told = running.stdout.read()

    assert (running.returncode, "Stopped:" in told) == (0, True)
