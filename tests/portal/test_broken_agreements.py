"""Broken, hidden and tampered agreements: each is refused with the right id, file and line, or is not in force."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import tests.portal.agreement_cases as cases
from connectors.errors import ConfigurationError
from portal.agreements import Agreements, SourceFacts, Vocabulary, load_agreements
from tests.portal.agreement_cases import KEYS, PARTICULARS, clause, page, sign, vocabulary, write
from tests.portal.test_grants import shown

Edit = Callable[[str], str]

CONDITIONS = '{ objection = "counts", history = "P5Y", ages = [4, 18], reason = "required", assurance = "aal2" }'
GOOD = page(clause(conditions=CONDITIONS), **PARTICULARS)
SHORT = next(line for line in GOOD.split("\n") if line.startswith("In short:"))
BLOCK = '```toml\nfrom = ["northshire-police"]\n```\n'
TEXT, SIGNED = "isa-07.md", "isa-07.signed.toml"


def swap(old: str, new: str) -> Edit:
    """An edit that must find what it replaces."""

    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return edit


def prose(new: str) -> Edit:
    return swap(cases.PROSE, new)


def row(name: str, edit: Edit, id: str, at: str | None, file: str = TEXT) -> Any:
    """One broken file: what was done to it, and the id and the line (that of ``at``, None for any) with which it is refused."""
    return pytest.param(file, edit, id, at, id=name)


REFUSED = [
    # What one reader sees and another does not
    row("raw-html", prose("<div>never health</div>"), "CV202", "<div>"),
    row("html-in-a-line", prose("Never <b>health</b>."), "CV202", "<b>"),
    row("a-comment", prose("Fine. <!-- but not this -->"), "CV202", "<!--"),
    row("a-block-inside-a-comment", prose(f"<!--\n{BLOCK}-->"), "CV202", "<!--"),
    row("a-block-in-a-quotation", prose("> " + BLOCK.replace("\n", "\n> ")), "CV202", "> ```"),
    row("a-block-in-a-list", prose("- a\n\n  " + BLOCK.replace("\n", "\n  ")), "CV202", "  ```"),
    row("a-block-of-tildes", prose(BLOCK.replace("```", "~~~")), "CV202", "~~~"),
    row("a-second-block", prose(BLOCK), "CV203", "## 1."),
    row("a-second-header", swap("## 1.", f"{BLOCK}\n## 1."), "CV203", BLOCK),
    row("an-indented-block", prose("Fine.\n\n    from = []\n"), "CV202", "    from"),
    row("a-block-that-is-not-closed", lambda text: f"{text}\n```toml\nto = []", "CV202", "```toml\nto = []"),
    row("an-image", prose("![never health](a.png)"), "CV202", "!["),
    row("a-link-definition", prose("Fine.\n\n[//]: # (never health)"), "CV202", "[//]"),
    row("a-nested-heading", prose("> ## 2. Hidden"), "CV202", "> ##"),
    row("text-after-the-block", lambda text: f"{text}\nBut never at weekends.\n", "CV203", "But never"),
    row("no-clause", lambda text: text[: text.index("## 1.")], "CV203", None),
    row("a-clause-out-of-order", swap("## 1.", "## 3."), "CV203", "## 3."),
    # Letters
    row("zero-width-space", swap("Sharing", "Sha\N{ZERO WIDTH SPACE}ring"), "CV201", "# Sha"),
    row("right-to-left", swap("Sharing", "Sha\N{RIGHT-TO-LEFT OVERRIDE}ring"), "CV201", "# Sha"),
    row("byte-order-mark", lambda text: f"\ufeff{text}", "CV201", "\ufeff"),
    row("carriage-returns", lambda text: text.replace("\n", "\r\n"), "CV201", "# "),
    row("not-normal-form-c", prose("Cafe\N{COMBINING ACUTE ACCENT}"), "CV201", "Cafe"),
    row("hidden-by-an-escape", swap('title = "W', 'title = "\\u200bW'), "CV201", "title ="),
    row("hidden-by-a-character-reference", prose("Never&#8203; health."), "CV202", "Never"),
    row("an-id-in-other-letters", swap('"ISA-07"', '"ISA-\N{CYRILLIC CAPITAL LETTER O}7"'), "CV204", "id ="),
    row("an-agency-in-other-letters", swap('to = ["hillview-school"]', 'to = ["hillview-schооl"]'), "CV206", "to = "),
    # Sentence and block
    row("no-sentence", swap(SHORT, ""), "CV205", None),
    row("a-sentence-about-less", swap("up to T3", "up to T1"), "CV205", "In short:"),
    row("a-sentence-without-its-condition", swap(" Not if there is an objection to this.", ""), "CV205", "In short:"),
    row("a-condition-without-its-sentence", swap('objection = "counts", ', ""), "CV205", "In short:"),
    # Names
    row("another-id-than-the-file", swap('"ISA-07"', '"ISA-08"'), "CV211", "id ="),
    row("a-newer-standard", swap('standard = "', 'standard = "1.9'), "CV212", "standard ="),
    row("an-unknown-key", swap("\nroles =", "\nrules = []\nroles ="), "CV204", "rules ="),
    row("an-unknown-key-of-the-header", swap("\ncoordinator =", '\ncolour = "red"\ncoordinator ='), "CV204", "colour ="),
    row("an-unknown-kind", swap("{ WellbeingConcern =", "{ Wellbeing ="), "CV206", "kinds ="),
    row("an-unknown-field", swap('"summary"', '"sumary"'), "CV206", "kinds ="),
    row("an-unknown-agency", swap('from = ["northshire-police"]', 'from = ["northshire-polise"]'), "CV206", "from ="),
    row("an-unknown-role", swap('"named_person"', '"named_persom"'), "CV206", "roles ="),
    row("an-unknown-purpose", swap('purposes = ["child-protection"]', 'purposes = ["research"]'), "CV206", 'purposes = ["research"]'),
    row("an-agency-that-is-no-partner", swap('to = ["hillview-school"]', 'to = ["northshire-nhs"]'), "CV206", "to ="),
    row("a-field-that-cannot-be-named", swap('"summary"', '"held"'), "CV207", "kinds ="),
    # Tiers and days
    row("above-the-highest-tier", swap('existence = "T3"', 'existence = "T5"'), "CV208", "kinds ="),
    row("existence-below-content", swap('existence = "T3"', 'existence = "T1"'), "CV208", "kinds ="),
    row("no-ceiling", swap('ceiling = "T3", ', ""), "CV208", "kinds ="),
    row("days-upside-down", swap("ends = 2028-08-31", "ends = 2026-08-31"), "CV209", "when ="),
    row("a-year-after-all-time", swap("\nreview_by =", "\nreview_by = 9999-12-31 #"), "CV209", "review_by ="),
    row("a-year-before-all-time", swap("\nstarts =", "\nstarts = 0001-01-01 #"), "CV209", "starts ="),
    row("a-clause-after-all-time", swap("ends = 2028-08-31", "ends = 9999-12-31"), "CV209", "when ="),
    row("a-number-too-long", swap("\ncoordinator =", f"\nx = {'1' * 5000}\ncoordinator ="), "CV204", None),
    row("nested-too-deep", swap("\ncoordinator =", f"\nx = {'[' * 5000}{']' * 5000}\ncoordinator ="), "CV204", None),
    row("too-long", lambda text: text + " " * (1 << 20), "CV200", None),
    row("a-list-with-a-number-too-long", lambda text: f"{text}\nx = {'9' * 5000}\n", "CV213", None, SIGNED),
    row("no-law", swap("basis =", "#basis ="), "CV204", None),
    # Conditions
    row("a-condition-beside-the-conditions", swap("\nbasis =", '\nconsent = "required"\nbasis ='), "CV204", 'consent = "required"'),
    row("an-unknown-condition", swap('objection = "counts"', "retention = 7"), "CV204", "conditions ="),
    row("a-history-nobody-can-count", swap('"P5Y"', '"5 years"'), "CV204", "conditions ="),
    row("ages-upside-down", swap("[4, 18]", "[18, 4]"), "CV223", "conditions ="),
    row("ages-beyond-the-subjects", swap("ages = [0, 18]", "ages = [0, 12]"), "CV223", "conditions ="),
    row("grown-up-without-saying-so", swap("[4, 18]", "[4, 25]"), "CV223", "conditions ="),
    row("until-a-birthday-of-a-child", swap("ages = [4, 18]", "until = 16"), "CV223", "conditions ="),
    row("an-assurance-level-nobody-has", swap('"aal2"', '"gold"'), "CV206", "conditions ="),
    row("a-reason-that-breaks-no-glass", swap('reason = "required"', 'break_glass = { reasons = ["curious"] }'), "CV206", "conditions ="),
    row("someone-told-who-is-no-partner", swap('reason = "required"', 'notify = ["northshire-nhs"]'), "CV206", "conditions ="),
    row("nobody-to-vouch", swap('reason = "required"', 'relationship = "own-agency"'), "CV224", "conditions ="),
    row("no-police-to-set-a-condition", swap('reason = "required"', 'handling = "ask first"'), "CV224", "conditions ="),
    row("a-condition-that-forges-a-sentence", swap('reason = "required"', "handling = 'x\". Shows all'"), "CV226", "conditions ="),
    row("consent-that-is-not-asked-for", swap('article6 = "e"', 'article6 = "a"'), "CV230", "basis ="),
    # Particulars
    row("a-partner-without-its-party", swap("northshire-police = {", "northshire-nhs = {"), "CV227", "parties ="),
    row("a-processor-that-shows", swap('"controller", contact = "Hub', '"processor", contact = "Hub'), "CV227", 'from = ["north'),
    row("a-purpose-without-words", swap('{ child-protection = "To', '{ early-help = "To'), "CV228", "purposes ="),
    row("in-the-place-of-itself", swap('"ISA-07@2"', '"ISA-07@3"'), "CV229", "supersedes ="),
    row("in-the-place-of-anything", swap('"ISA-05@2"', '"every other agreement"'), "CV204", "supersedes ="),
    row("a-hash-that-is-none", swap("sha256:", "md5:"), "CV204", "dpia_hash ="),
    row("a-place-of-the-template", swap('"TLS"', '"{{how records are kept safe}}"'), "CV231", "security ="),
    # What was signed
    row("a-line-put-in", swap("grants = [", 'grants = [ "more",'), "CV215", "[[signature]]", SIGNED),
    row("a-line-altered", swap("summary", "strengths"), "CV215", "[[signature]]", SIGNED),
    row("a-condition-altered", swap("\tT3\tT3\t", "\tT3\tT3\t0"), "CV215", "[[signature]]", SIGNED),
    row("a-role-altered", swap("Chief executive", "Clerk"), "CV215", "[[signature]]", SIGNED),
    row("a-service-struck-out", swap("  'camhs',\n", ""), "CV213", "sensitive_services", SIGNED),
    row("a-service-line-struck-out", swap("  '-\t-\t-\t-\t(service)\tcamhs\t-\t-\t-',\n", ""), "CV213", "sensitive_services", SIGNED),
    row("another-issuer", swap("https://id.northshire.example", "https://id.evil.example"), "CV215", "[[signature]]", SIGNED),
    row("another-key", swap('key_id = "2026"', 'key_id = "2025"'), "CV214", "[[signature]]", SIGNED),
    row("a-stranger", swap('partner = "hillview-school"', 'partner = "northshire-nhs"'), "CV214", "[[signature]]", SIGNED),
    row("one-for-both", swap('partner = "northshire-police"', 'partner = "hillview-school"'), "CV213", None, SIGNED),
    row("an-unknown-key-of-the-list", swap("sensitive_services", "services"), "CV213", "services", SIGNED),
    row("a-list-that-is-not-toml", swap("[[signature]]", "[[signature"), "CV213", "[[signature\n", SIGNED),
    row("text-altered-after-signing", prose("Northshire Police may show everything."), "CV215", None),
]


def healthy(folder: Path, words: Vocabulary | None = None) -> None:
    """A whole agreement with everything in it, signed by both partners and in force."""
    sign(write(folder, GOOD), words)
    assert shown(load_agreements(folder, words or vocabulary()))


@pytest.mark.parametrize(("file", "edit", "id", "at"), REFUSED)
def test_a_broken_file_is_refused_with_id_file_and_line(tmp_path: Path, file: str, edit: Edit, id: str, at: str | None) -> None:
    healthy(tmp_path)
    text = edit((tmp_path / file).read_text("utf-8"))
    (tmp_path / file).write_text(text, "utf-8", newline="")
    with pytest.raises(ConfigurationError) as raised:
        load_agreements(tmp_path, vocabulary())
    # Whatever was altered after signing is found by its signature, which stands in the other file.
    told = SIGNED if id == "CV215" else file
    found = [mistake for mistake in raised.value.mistakes if mistake.id == id and mistake.file == str(tmp_path / told)]
    assert found, [str(mistake) for mistake in raised.value.mistakes]
    assert all(mistake.line and mistake.hint for mistake in raised.value.mistakes)
    if at is not None:
        assert text[: text.index(at)].count("\n") + 1 in [mistake.line for mistake in found]


@pytest.mark.parametrize(("file", "id"), [("isa-09.md", "CV200"), (SIGNED, "CV213")])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(os.mkfifo, id="a-pipe"),
        pytest.param(lambda path: path.symlink_to(path.with_name(TEXT)), id="a-link"),
        pytest.param(lambda path: path.symlink_to("nowhere"), id="a-link-to-nowhere"),
        pytest.param(lambda path: path.mkdir(), id="a-folder"),
        pytest.param(lambda path: path.write_bytes(b"x" * ((16 << 20) + 1)), id="too-long"),
    ],
)
def test_what_is_no_plain_file_is_refused_and_never_waited_for(tmp_path: Path, file: str, id: str, make: Callable[[Path], object]) -> None:
    healthy(tmp_path)
    (tmp_path / file).unlink(missing_ok=True)
    make(tmp_path / file)
    with pytest.raises(ConfigurationError) as raised:
        load_agreements(tmp_path, vocabulary())
    assert [(mistake.id, mistake.file, bool(mistake.hint)) for mistake in raised.value.mistakes] == [(id, str(tmp_path / file), True)]


def test_what_an_editor_leaves_is_passed_over_and_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    healthy(tmp_path)
    (tmp_path / ".#isa-07.md").symlink_to("somebody@host.1234:17")
    (tmp_path / ".isa-08.signed.toml").write_text("x")
    assert shown(load_agreements(tmp_path, vocabulary()))
    with pytest.raises(ConfigurationError, match="CV246"):
        load_agreements(tmp_path / TEXT, vocabulary())


def test_the_table_has_no_row_that_a_sound_agreement_fails(tmp_path: Path) -> None:
    """The violation: were the sound agreement refused, every row above would pass for nothing."""
    healthy(tmp_path)
    assert len(REFUSED) >= 40
    assert len({param.id for param in REFUSED}) == len(REFUSED)


def police_holds_police_records() -> Vocabulary:
    plain = vocabulary()
    facts = SourceFacts("northshire-police", plain.sources["northshire-police"].kinds, police=True)
    return vocabulary(sources={**plain.sources, "northshire-police": facts})


@pytest.mark.parametrize(
    ("changed", "id", "said"),
    [
        pytest.param({}, "CV230", "the condition for police records", id="no-condition-for-offences"),
        pytest.param({"basis": '{ article6 = "e", article10 = "x" }'}, "CV230", "the power by which", id="no-power"),
        pytest.param(
            {"basis": '{ article6 = "e" }', "kinds": '{ PoliceEvent = { fields = ["typeGroup"], ceiling = "T4" } }'},
            "CV230",
            "no condition for sensitive data",
            id="t4-without-a-condition",
        ),
        pytest.param(
            {"effect": '"deny"', "basis": None, "kinds": '{ Flag = { fields = "all" } }', "conditions": '{ consent = "required" }'},
            "CV225",
            "a refusal has conditions",
            id="a-refusal-on-a-condition",
        ),
        pytest.param({"conditions": '{ history = "P1Y" }', "kinds": '{ Involvement = { fields = ["state"], ceiling = "T1" } }'},
                     "CV224", "no day on which it happened", id="a-history-of-what-has-no-day"),
    ],
)  # fmt: skip
def test_a_clause_that_could_not_be_kept_or_rests_on_nothing_is_refused(
    tmp_path: Path, changed: dict[str, str | None], id: str, said: str
) -> None:
    found = cases.mistakes_of(tmp_path, page(clause(**changed)), words=police_holds_police_records())
    assert any(mistake.id == id and said in mistake.message and mistake.line and mistake.hint for mistake in found)


@pytest.mark.parametrize("basis", ['article10 = "Sch.1 para.18"', 'part3 = "s.35"'])
def test_police_records_are_shown_where_power_and_condition_are_named(tmp_path: Path, basis: str) -> None:
    text = page(clause(basis=f'{{ article6 = "e", power = "an Act", {basis} }}'))
    assert cases.mistakes_of(tmp_path, text, words=police_holds_police_records()) == []


def test_whoever_shows_t4_names_a_caldicott_guardian_or_equal(tmp_path: Path) -> None:
    kinds = '{ PoliceEvent = { fields = ["typeGroup"], ceiling = "T4" } }'
    named, silent = PARTICULARS["parties"], PARTICULARS["parties"].replace(', caldicott = "B"', "")
    assert cases.mistakes_of(tmp_path, page(clause(kinds=kinds), parties=named)) == []
    assert [mistake.id for mistake in cases.mistakes_of(tmp_path, page(clause(kinds=kinds), parties=silent))] == ["CV227"]
    assert cases.mistakes_of(tmp_path, page(clause(), parties=silent)) == [], "nothing of T4 is shown"


def test_a_kind_newer_than_the_standard_partners_have_read_is_refused(tmp_path: Path) -> None:
    newer = next(kind for kind in cases.STANDARD.kinds.values() if kind.since == "1.1")
    kinds = f'{{ {newer.name} = {{ fields = "all", ceiling = "T3" }} }}'
    found = cases.mistakes_of(tmp_path, page(clause(kinds=kinds), standard='"1.0"'))
    assert [(mistake.id, newer.name in mistake.message) for mistake in found] == [("CV206", True)]
    assert cases.mistakes_of(tmp_path, page(clause(kinds=kinds), standard='"1.1"')) == []


def test_two_files_of_one_id_are_refused_in_the_second(tmp_path: Path) -> None:
    healthy(tmp_path)
    write(tmp_path, GOOD, "isa-07-copy")
    with pytest.raises(ConfigurationError) as raised:
        load_agreements(tmp_path, vocabulary())
    assert [(mistake.id, Path(mistake.file or "").name) for mistake in raised.value.mistakes] == [("CV211", "isa-07-copy.md")]


def unsigned(folder: Path) -> None:
    (folder / SIGNED).unlink()


def half_signed(folder: Path) -> None:
    (folder / SIGNED).unlink()
    sign(folder / TEXT, partners=["northshire-police"])


def nothing(folder: Path) -> None:
    """Leave it as it is."""


@pytest.mark.parametrize(
    ("edit", "day", "state"),
    [
        pytest.param(unsigned, date(2026, 11, 22), "unsigned", id="unsigned"),
        pytest.param(half_signed, date(2026, 11, 22), "unsigned", id="half-signed"),
        pytest.param(nothing, date(2026, 8, 31), "not-started", id="the-day-before"),
        pytest.param(nothing, date(2026, 9, 1), "in-force", id="the-first-day"),
        pytest.param(nothing, date(2027, 9, 28), "review-due", id="the-last-day-of-grace"),
        pytest.param(nothing, date(2027, 9, 29), "review-lapsed", id="after-the-days-of-grace"),
        pytest.param(nothing, date(2031, 1, 1), "review-lapsed", id="years-later"),
    ],
)
def test_a_sound_file_that_is_not_in_force_says_why(tmp_path: Path, edit: Callable[[Path], None], day: date, state: str) -> None:
    healthy(tmp_path)
    edit(tmp_path)
    agreements: Agreements = load_agreements(tmp_path, vocabulary())
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    assert agreements.state(agreements.all[0], noon) == state
    assert bool(shown(agreements)) == (state != "unsigned")


def test_a_text_signed_for_another_federation_or_by_another_key_is_refused(tmp_path: Path) -> None:
    healthy(tmp_path, vocabulary())
    other = {**vocabulary().agencies, "hillview-school": {"2026": cases.encoded(KEYS["northshire-nhs"])}}
    for words in (vocabulary(federation="southshire"), vocabulary(agencies=other)):
        with pytest.raises(ConfigurationError, match="CV215"):
            load_agreements(tmp_path, words)
