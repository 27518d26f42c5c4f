"""The commands for agreements and keys, as people and programs run them: what they print, what they write, and how they end."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from connectors.standard import load_standard
from portal.agreements import load_agreements
from portal.agreements.keyfile import written
from portal.agreements.keys import SucceedingKey, succession_mistakes
from portal.agreements.templates import templates
from portal.cli import main
from portal.demo import FEDERATION
from portal.demo.sign import partner_key
from portal.federation import load_vocabulary

POLICE, SCHOOL, SOCIAL_WORK = "northshire-police", "hillview-school", "northshire-social-work"


def run(*arguments: object, typed: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments], input=typed)


def did(*arguments: object, typed: str | bytes | None = None) -> str:
    """What a command that must succeed prints."""
    done = run(*arguments, typed=typed)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments: object, code: int = 2) -> list[str]:
    """The ids a command is refused with, in JSON."""
    done = run(*arguments, "--json")
    assert done.exit_code == code, done.output
    return [error["id"] for error in json.loads(done.stdout)["errors"]]


@pytest.fixture
def federation(tmp_path: Path) -> Path:
    """The demo's federation, to be worked on."""
    return Path(shutil.copytree(FEDERATION, tmp_path / "federation"))


@pytest.fixture
def keys(tmp_path: Path) -> Callable[[str], Path]:
    """The file of a partner's private key, as `keys make` would have written it."""

    def file(partner: str) -> Path:
        path = tmp_path / f"{partner}.pem"
        path.write_bytes(partner_key(partner).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        path.chmod(0o600)
        return path

    return file


def text_of(federation: Path, name: str = "isa-09") -> Path:
    return federation / "agreements" / f"{name}.md"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def state_of(federation: Path, agreement: str) -> str:
    line = next(line for line in did("agreement", "check", federation).splitlines() if line.startswith(f"{agreement}@"))
    return line.split(": ")[1].split(" ")[0].rstrip(",")


# new, fmt, check, sign


@pytest.mark.parametrize("template", sorted(templates()))
def test_every_template_begins_an_agreement_and_lists_what_is_left_to_write(federation: Path, template: str) -> None:
    partners = ("--partner", "northshire-nhs", "--partner", SCHOOL)
    said = did("agreement", "new", federation, "isa-20", "--template", template, "--title", "A trial", *partners, "--starts", "2026-12-01")

    text = text_of(federation, "isa-20").read_text("utf-8")
    assert 'id = "ISA-20"' in text
    assert 'title = "A trial"' in text
    assert "starts = 2026-12-01" in text
    assert set(re.findall(r"\{\{(.*?)\}\}", text)) == set(re.findall(r"\{\{(.*?)\}\}", said))
    assert {"CV231"} <= set(refused("agreement", "fmt", federation, "ISA-20")) | set(refused("agreement", "check", federation))


def test_an_agreement_that_is_there_is_never_written_over(federation: Path) -> None:
    before = text_of(federation).read_bytes()

    assert refused(
        "agreement", "new", federation, "ISA-09", "--template", "short", "--title", "x", "--partner", SCHOOL
    ) == ["CV252"]  # fmt: skip
    assert text_of(federation).read_bytes() == before


def test_a_template_that_there_is_not_is_refused_with_those_there_are(federation: Path) -> None:
    done = run("agreement", "new", federation, "ISA-20", "--template", "none", "--title", "x", "--partner", SCHOOL)

    assert done.exit_code == 2
    assert "CV255" in done.stderr
    assert all(name in done.stderr for name in templates())


@pytest.mark.parametrize("id", ["../isa-20", "ISA/20", "", "ISA 20", "isa-２０", ".."])
def test_an_id_leads_to_no_other_folder(federation: Path, id: str) -> None:
    done = run("agreement", "new", federation, id, "--template", "short", "--title", "x", "--partner", SCHOOL)

    assert done.exit_code == 2
    assert not list(federation.parent.glob("*.md"))
    assert len(list((federation / "agreements").glob("*.md"))) == len(list((FEDERATION / "agreements").glob("*.md")))


def test_sentences_are_written_and_all_else_stays(federation: Path) -> None:
    path = text_of(federation)
    good = path.read_text("utf-8")
    path.write_text(re.sub(r"^In short:.*$", "In short: nothing.", good, flags=re.MULTILINE), "utf-8")

    assert did("agreement", "fmt", federation, "ISA-09") == "isa-09.md: sentences written.\n"
    assert path.read_text("utf-8") == good
    assert did("agreement", "fmt", federation) == "Every sentence says what its block says.\n"


def test_the_check_of_sentences_writes_nothing_and_fails(federation: Path) -> None:
    path = text_of(federation)
    change(path, "In short:", "In short: not")
    spoilt = path.read_bytes()

    assert refused("agreement", "fmt", federation, "--check", code=1) == ["CV205"]
    assert path.read_bytes() == spoilt
    did("agreement", "fmt", federation)
    assert did("agreement", "fmt", federation, "--check") == "Every sentence says what its block says.\n"


def test_sentences_are_written_in_every_file_or_in_none(federation: Path) -> None:
    change(text_of(federation, "isa-01"), "In short:", "In short: not")
    change(text_of(federation, "isa-07"), "```toml", "~~~toml")
    change(text_of(federation, "isa-09"), "```toml\nid =", "```toml\nid = ?")
    spoilt = text_of(federation, "isa-01").read_bytes()
    done = run("agreement", "fmt", federation)

    assert done.exit_code == 2
    assert {"isa-07.md", "isa-09.md"} == {Path(line.split(":")[0]).name for line in done.stderr.splitlines()}
    assert text_of(federation, "isa-01").read_bytes() == spoilt


def test_the_check_tells_the_age_at_which_the_words_can_be_read_and_a_review_that_comes_near(
    federation: Path,
) -> None:
    agreements = load_agreements(federation / "agreements", load_vocabulary(federation, load_standard()))
    due = min(agreement.header.review_by for agreement in agreements.all)
    for left, said in ((61, False), (60, True), (31, True)):
        moment = f"datetime({due.year}, {due.month}, {due.day}, 12, tzinfo=UTC) - timedelta(days={left})"
        script = (
            "from datetime import UTC, datetime, timedelta; from portal.cli import running, main; "
            f"running.now = lambda: {moment}; main(['agreement', 'check', {str(federation)!r}])"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        assert (f"Review it within {left} days" in done.stdout) is said
        assert re.search(r"^ISA-09@\d+: in-force \(reading age \d+\)$", done.stdout, re.MULTILINE)


def test_the_check_gives_programs_the_register(federation: Path) -> None:
    told = json.loads(did("agreement", "check", federation, "--json"))

    assert told["errors"] == []
    assert told["agreements"] == json.loads(did("agreement", "register", federation))["agreements"]


def test_every_partner_signs_and_then_it_is_in_force(federation: Path, keys: Callable[[str], Path]) -> None:
    path = text_of(federation)
    partners = json.loads(did("agreement", "show", federation, "ISA-09", "--json"))[0]["parties"]
    path.with_name("isa-09.signed.toml").unlink()
    for number, partner in enumerate((each["agency"] for each in partners), 1):
        said = did("agreement", "sign", federation, "ISA-09", "--partner", partner, "--key", keys(partner), "--role", "Chief officer")
        assert "In short: " in said
        assert ("Every partner has signed." in said) is (number == len(partners))

    assert state_of(federation, "ISA-09") == "in-force"


def test_signing_another_text_says_whose_signatures_fall_away(federation: Path, keys: Callable[[str], Path]) -> None:
    path = text_of(federation)
    version = int(re.findall(r"^version = \"?(\d+)", path.read_text("utf-8"), re.MULTILINE)[0])
    path.write_text(re.sub(r"^version = .*$", f"version = {version + 1}", path.read_text("utf-8"), count=1, flags=re.MULTILINE), "utf-8")
    partner = json.loads(did("agreement", "sign", federation, "ISA-09", "--partner", SOCIAL_WORK, "--key", keys(SOCIAL_WORK), "--role", "x", "--json"))  # fmt: skip

    assert partner["signed"] == [SOCIAL_WORK]
    assert partner["fallen"] == partner["missing"] != []


def test_a_moment_of_signing_has_a_time_zone(federation: Path, keys: Callable[[str], Path]) -> None:
    common = ("agreement", "sign", federation, "ISA-09", "--partner", SOCIAL_WORK, "--key", keys(SOCIAL_WORK), "--role", "x")
    did(*common, "--at", "2026-11-22T10:00:00+01:00")

    assert run(*common, "--at", "2026-11-22T10:00:00").exit_code == 2
    signatures = tomllib.loads(text_of(federation).with_name("isa-09.signed.toml").read_text("utf-8"))["signature"]
    assert [f"{each['at']:%H:%M}" for each in signatures if each["partner"] == SOCIAL_WORK] == ["09:00"]


def test_an_agreement_can_be_signed_while_its_neighbour_is_not_in_order(federation: Path, keys: Callable[[str], Path]) -> None:
    text_of(federation, "isa-01").write_text("spoilt")

    did("agreement", "sign", federation, "ISA-09", "--partner", SOCIAL_WORK, "--key", keys(SOCIAL_WORK), "--role", "x")


def test_nobody_signs_with_another_partners_key(federation: Path, keys: Callable[[str], Path]) -> None:
    common = ("agreement", "sign", federation, "ISA-09", "--partner", SOCIAL_WORK, "--role", "x", "--key")

    assert refused(*common, keys(POLICE)) == ["CV216"]
    assert refused(*common, keys(SOCIAL_WORK), "--key-id", "2025") == ["CV216"]


# Key files


def test_a_key_is_made_for_its_owners_eyes_alone_and_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "school.pem"
    public = did("keys", "make", file).strip()
    before = file.read_bytes()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert written(load_pem_private_key(before, None)) == public  # type: ignore[arg-type]
    assert run("keys", "make", file).exit_code == 2
    assert file.read_bytes() == before


def test_a_new_key_comes_with_its_table_for_the_federations_file(tmp_path: Path) -> None:
    table = tomllib.loads(did("keys", "make", tmp_path / "k.pem", "--agency", SCHOOL, "--key-id", "2026"))

    assert re.fullmatch(r"ed25519:[A-Za-z0-9+/]{43}=", table["agencies"][SCHOOL]["keys"]["2026"])


def test_a_key_file_can_be_locked(tmp_path: Path, federation: Path) -> None:
    file = tmp_path / "k.pem"
    did("keys", "make", file, "--passphrase", typed="a long one\na long one\n")
    sign = ("agreement", "sign", federation, "ISA-09", "--partner", SOCIAL_WORK, "--role", "x", "--key", file)

    assert b"ENCRYPTED" in file.read_bytes()
    assert "CV216" in run(*sign, typed="a long one\n").stderr, "it was opened; it is only not theirs"
    assert "CV250" in run(*sign, typed="another\n").stderr


def test_a_key_file_that_others_can_read_is_told_and_used(federation: Path, keys: Callable[[str], Path]) -> None:
    file = keys(SOCIAL_WORK)
    file.chmod(0o640)
    done = run("agreement", "sign", federation, "ISA-09", "--partner", SOCIAL_WORK, "--key", file, "--role", "x", "--json")

    assert done.exit_code == 0
    assert "CV251" in done.stderr
    assert json.loads(done.stdout)["errors"] == []


def test_a_bare_key_in_base64_will_do(federation: Path, tmp_path: Path) -> None:
    file = tmp_path / "bare"
    file.write_bytes(base64.b64encode(partner_key(SOCIAL_WORK).private_bytes_raw()) + b"\n")
    file.chmod(0o600)

    did("agreement", "sign", federation, "ISA-09", "--partner", SOCIAL_WORK, "--key", file, "--role", "x")


EC = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "content", [b"", b"not a key", b"AAAA", EC, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", b"\xff" * 32, None]
)
def test_what_is_no_key_is_refused(federation: Path, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o600)

    assert refused("agreement", "sign", federation, "ISA-09", "--partner", SOCIAL_WORK, "--key", file, "--role", "x") == ["CV250"]


def succeed(federation: Path, old: Path, new: Path, *more: str) -> tuple[object, ...]:
    return ("keys", "succeed", federation, SCHOOL, "--old", old, "--old-id", "2026", "--new", new, "--new-id", "2027", *more)


def test_an_earlier_key_vouches_for_a_later_one_and_the_line_is_taken(
    federation: Path, keys: Callable[[str], Path], tmp_path: Path
) -> None:
    did("keys", "make", tmp_path / "new.pem")
    line = did(*succeed(federation, keys(SCHOOL), tmp_path / "new.pem"))
    vocabulary = load_vocabulary(federation, load_standard())
    later = SucceedingKey(**tomllib.loads(line)["2027"])

    assert succession_mistakes(vocabulary.federation, SCHOOL, {"2026": vocabulary.agencies[SCHOOL]["2026"], "2027": later}) == []


def test_a_key_that_is_not_the_partners_vouches_for_nothing(federation: Path, keys: Callable[[str], Path], tmp_path: Path) -> None:
    did("keys", "make", tmp_path / "new.pem")

    assert refused(*succeed(federation, keys(POLICE), tmp_path / "new.pem")) == ["CV216"]
    assert refused(*succeed(federation, keys(SCHOOL), keys(SCHOOL))) == ["CV253"]
    assert refused(*succeed(federation, keys(SCHOOL), tmp_path / "new.pem", "--new-id", "2026")) == ["CV253"]


@pytest.mark.parametrize("name", ["2027 b", 'x" = 1', "", "a.b", "ü"])
def test_a_name_that_would_change_the_federations_file_is_wrong_use(
    federation: Path, keys: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    did("keys", "make", tmp_path / "new.pem")

    assert run(*succeed(federation, keys(SCHOOL), tmp_path / "new.pem", "--new-id", name)).exit_code == 2
    assert run("keys", "make", tmp_path / "more.pem", "--agency", name).exit_code == 2


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("no folder")
    done = run("keys", "make", tmp_path / "keys" / "k.pem")

    assert done.exit_code == 1
    assert re.match(r".*/keys: CV254 cannot be read or written: ", done.stderr)


# suspend


def suspend(federation: Path, key: Path, partner: str = POLICE, *more: object) -> tuple[object, ...]:
    return ("agreement", "suspend", federation, "ISA-07", "--partner", partner, "--key", key, "--words", "A leak.", *more)


def test_one_partner_stops_an_agreement_and_lifts_it_again(federation: Path, keys: Callable[[str], Path]) -> None:
    said = did(*suspend(federation, keys(POLICE)))
    stopped = state_of(federation, "ISA-07")
    checked, shown = did("agreement", "check", federation), did("agreement", "show", federation, "ISA-07")
    lifted = did(*suspend(federation, keys(POLICE), POLICE, "--lift", 1))

    assert re.match(r"northshire-police has stopped ISA-07 since \d+ \w+ \d{4}: A leak\.\nIt is number 1; lift it with --lift 1\.", said)
    assert (stopped, state_of(federation, "ISA-07")) == ("suspended", "in-force")
    assert "northshire-police has stopped ISA-07" in checked
    assert "northshire-police has stopped ISA-07" in shown
    assert lifted.startswith("northshire-police lifts its suspension 1 of ISA-07: ")


def test_another_partners_lift_lifts_nothing(federation: Path, keys: Callable[[str], Path]) -> None:
    did(*suspend(federation, keys(POLICE)))
    did(*suspend(federation, keys(SCHOOL), SCHOOL))
    did(*suspend(federation, keys(SCHOOL), SCHOOL, "--lift", 1))

    assert state_of(federation, "ISA-07") == "suspended"
    assert refused(*suspend(federation, keys(SCHOOL), POLICE, "--lift", 1)) == ["CV216"]


def test_a_lift_of_what_the_file_does_not_hold_is_written_and_said_to_lift_nobody_elses(
    federation: Path, keys: Callable[[str], Path]
) -> None:
    did(*suspend(federation, keys(POLICE)))
    lost = run(*suspend(federation, keys(SCHOOL), SCHOOL, "--lift", 1))
    beyond = run(*suspend(federation, keys(POLICE), POLICE, "--lift", 4), "--json")

    assert (lost.exit_code, beyond.exit_code) == (0, 0)
    assert lost.stdout.startswith("hillview-school lifts its suspension 1 of ISA-07: ")
    assert "No suspension 1 by hillview-school stands in the file (standing there: none)." in lost.stderr
    assert "only for hillview-school's own suspension 1" in lost.stderr
    assert "No suspension 4 by northshire-police stands in the file (standing there: 1)." in beyond.stderr
    assert json.loads(beyond.stdout)["lifts"] == 4
    assert state_of(federation, "ISA-07") == "suspended"


def test_a_lift_of_what_stands_in_the_file_is_not_doubted(federation: Path, keys: Callable[[str], Path]) -> None:
    did(*suspend(federation, keys(POLICE)))

    assert run(*suspend(federation, keys(POLICE), POLICE, "--lift", 1)).stderr == ""


def test_a_part_is_stopped_in_the_table_of_who_may_see_what(federation: Path, keys: Callable[[str], Path]) -> None:
    def permitted() -> set[tuple[str, str]]:
        rows = json.loads(did("agreement", "show", federation, "ISA-07", "--matrix", "--json"))
        return {(row["source"], row["kind"]) for row in rows if row["permitted"]}

    before = permitted()
    did(*suspend(federation, keys(POLICE), POLICE, "--source", "northshire-police", "--kind", "WellbeingConcern"))

    assert ("northshire-police", "WellbeingConcern") in before
    assert permitted() == before - {("northshire-police", "WellbeingConcern")}


def test_a_lift_of_a_part_is_wrong_use(federation: Path, keys: Callable[[str], Path]) -> None:
    assert run(*suspend(federation, keys(POLICE), POLICE, "--lift", 1, "--clause", 1)).exit_code == 2


def test_suspending_works_while_every_agreement_is_spoilt(federation: Path, keys: Callable[[str], Path]) -> None:
    for path in (federation / "agreements").glob("*.md"):
        path.write_text("spoilt")

    did(*suspend(federation, keys(POLICE)))


def test_whoever_signs_is_told_what_stays_stopped(federation: Path, keys: Callable[[str], Path]) -> None:
    did(*suspend(federation, keys(POLICE), POLICE, "--clause", 1))
    said = did("agreement", "sign", federation, "ISA-07", "--partner", SCHOOL, "--key", keys(SCHOOL), "--role", "x")

    assert "Of this version too: northshire-police has stopped ISA-07 §1 since" in said


def test_programs_learn_the_number_of_a_suspension(federation: Path, keys: Callable[[str], Path]) -> None:
    told = json.loads(did(*suspend(federation, keys(POLICE), POLICE, "--clause", 1), "--json"))

    assert (told["errors"], told["number"], told["lifts"]) == ([], 1, None)
    assert Path(told["file"]).name == "isa-07.suspended.toml"


# show, diff, register


def test_the_table_says_by_which_clause_under_which_conditions(federation: Path) -> None:
    rows: list[dict[str, Any]] = json.loads(did("agreement", "show", federation, "--matrix", "--json"))
    table = did("agreement", "show", federation, "--matrix")

    assert all(row["clause"] for row in rows if row["permitted"])
    assert all(row["reason"] for row in rows if not row["permitted"])
    assert "hillview-school (named_person), for child-protection" in table
    assert any(row["conditions"] for row in rows)
    assert {said for row in rows for said in row["conditions"]} <= {line.strip() for line in table.splitlines()}


def test_the_table_of_another_day_is_that_days(federation: Path) -> None:
    later = json.loads(did("agreement", "show", federation, "--matrix", "--json", "--on", "2099-01-01"))

    assert later
    assert not any(row["permitted"] for row in later)
    assert "State on 1 January 2099: not in force" in did("agreement", "show", federation, "--on", "2099-01-01")


def test_a_difference_ends_with_one_and_none_with_nought(federation: Path, tmp_path: Path) -> None:
    old = Path(shutil.copy(text_of(federation, "isa-07"), tmp_path / "whatever it was called.txt"))
    same = run("agreement", "diff", old, text_of(federation, "isa-07"), "--folder", federation)
    change(old, 'ceiling = "T3"', 'ceiling = "T2"')
    old.write_text(_with_sentences(old, federation), "utf-8")
    differs = run("agreement", "diff", old, text_of(federation, "isa-07"), "--folder", federation)

    assert (same.exit_code, same.stdout.split(": ")[1]) == (0, "no difference.\n")
    assert differs.exit_code == 1
    assert re.search(r"^  (gains|ceiling raised)", differs.stdout, re.MULTILINE)


def _with_sentences(path: Path, federation: Path) -> str:
    """The text with its sentences written, as its authors would have had them written at the time."""
    folder = path.parent / "elsewhere"
    shutil.copytree(federation, folder)
    shutil.copy(path, folder / "agreements" / "isa-07.md")
    did("agreement", "fmt", folder, "ISA-07")
    return (folder / "agreements" / "isa-07.md").read_text("utf-8")


def test_an_earlier_version_comes_by_standard_input(federation: Path) -> None:
    path = text_of(federation, "isa-07")
    done = run("agreement", "diff", "-", path, "--folder", federation, "--json", typed=path.read_bytes().replace(b"\n## 1.", b"\n\n## 1."))

    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["same"], told["words"], told["changes"]) == (False, True, [])


def test_a_file_that_is_no_agreement_cannot_be_compared_and_is_named_as_it_was_typed(federation: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("nothing")
    done = run("agreement", "diff", path, text_of(federation, "isa-07"), "--folder", federation)

    assert done.exit_code == 2
    assert done.stderr.startswith(f"{path}:")
    assert "CV203" in done.stderr


@pytest.mark.parametrize("command", ["fmt", "show", "sign", "suspend"])
def test_an_agreement_that_is_not_there_is_named_with_those_that_are(federation: Path, keys: Callable[[str], Path], command: str) -> None:
    more: tuple[object, ...] = {
        "sign": ("--partner", POLICE, "--key", keys(POLICE), "--role", "x"),
        "suspend": ("--partner", POLICE, "--key", keys(POLICE), "--words", "x"),
    }.get(command, ())
    done = run("agreement", command, federation, "ISA-99", *more)

    assert done.exit_code == 2
    assert re.search("CV299|CV221", done.stderr)


def test_the_register_is_json(federation: Path) -> None:
    told = json.loads(did("agreement", "register", federation))

    assert told["federation"] == "northshire"
    assert {"ISA-01", "ISA-07"} <= {each["id"] for each in told["agreements"]}


def test_the_installed_command_does_it_too_with_mistakes_apart_from_what_it_prints(federation: Path) -> None:
    childview = Path(sys.executable).parent / "childview"
    command = [str(childview), "agreement", "suspend", str(federation), "ISA-07", "--partner", POLICE, "--key", "nowhere", "--words", "x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "NO_COLOR": "1"})

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "nowhere: CV250 cannot be read: No such file or directory. Name the file that `childview keys make` wrote.\n"
