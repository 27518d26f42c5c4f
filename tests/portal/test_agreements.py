"""Reading agreements: what a page must look like, what it may say, and the sentence each clause is known by."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.portal.agreement_cases as cases
from connectors.errors import ConfigurationError
from portal.agreements import check, fair_copy, load_agreements, read_agreement, show
from portal.agreements.text import read_text
from tests.portal.agreement_cases import bare, clause, mistakes_of, page, sign, signed, vocabulary, write

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "agreements.md"
POLICE = "In short: northshire-police shows hillview-school (named_person), for child-protection: "
DATES = ", from 1 September 2026 to 31 August 2028."


def short_of(tmp_path: Path, **changed: str | None) -> str:
    """The sentence written for one clause whose block is changed."""
    text = page(clause(**changed), partners=cases.ALL_PARTNERS)
    return read_agreement(write(tmp_path, text), vocabulary()).clauses[0].short


def test_a_clause_is_known_by_the_sentence_of_the_contract(tmp_path: Path) -> None:
    assert short_of(tmp_path) == POLICE + "WellbeingConcern (occurredOn, summary, indicators) up to T3" + DATES


@pytest.mark.parametrize(
    ("changed", "short"),
    [
        pytest.param(
            {"kinds": '{ WellbeingConcern = { fields = ["occurredOn"], ceiling = "T3", existence = "T4" } }'},
            POLICE + "WellbeingConcern (occurredOn) up to T3; that a record exists up to T4" + DATES,
            id="existence-above-the-ceiling",
        ),
        pytest.param(
            {"kinds": '{ WellbeingConcern = { fields = ["occurredOn"], ceiling = "T3" } }'},
            POLICE + "WellbeingConcern (occurredOn) up to T3" + DATES,
            id="existence-left-out-is-the-ceiling",
        ),
        pytest.param(
            {"kinds": '{ WellbeingConcern = { fields = ["summary"], ceiling = "T3" }, Flag = { fields = ["type"], ceiling = "T4" } }'},
            POLICE + "WellbeingConcern (summary) up to T3; and Flag (type) up to T4" + DATES,
            id="two-kinds",
        ),
        pytest.param(
            {"kinds": '{ WellbeingConcern = { fields = "all", ceiling = "T3" } }'},
            POLICE + f"WellbeingConcern (every field of standard {cases.STANDARD.version} but those about other people) up to T3" + DATES,
            id="every-field",
        ),
        pytest.param(
            {"effect": '"deny"', "basis": None, "kinds": '{ WellbeingConcern = { fields = ["summary"] } }'},
            POLICE.replace("shows", "does not show") + "WellbeingConcern (summary)" + DATES,
            id="a-refusal-of-fields",
        ),
        pytest.param(
            {"effect": '"deny"', "basis": None, "kinds": '{ WellbeingConcern = { fields = "all" } }'},
            POLICE.replace("shows", "does not show") + "WellbeingConcern (none of it)" + DATES,
            id="a-refusal-of-all",
        ),
        pytest.param(
            {
                "from_": '["northshire-police", "northshire-nhs"]',
                "to": cases.ALL_PARTNERS,
                "roles": '["named_person", "health_visitor"]',
                "purposes": '["child-protection", "early-help"]',
            },
            "In short: northshire-police and northshire-nhs show hillview-school, northshire-nhs and northshire-police (named_person, "
            "health_visitor), for child-protection and early-help: WellbeingConcern (occurredOn, summary, indicators) up to T3" + DATES,
            id="several-of-each",
        ),
        pytest.param({"when": None}, POLICE + "WellbeingConcern (occurredOn, summary, indicators) up to T3.", id="no-dates"),
        pytest.param(
            {"when": "{ starts = 2026-09-01 }"},
            POLICE + "WellbeingConcern (occurredOn, summary, indicators) up to T3, from 1 September 2026.",
            id="a-first-day-only",
        ),
        pytest.param(
            {"when": "{ ends = 2028-08-31 }"},
            POLICE + "WellbeingConcern (occurredOn, summary, indicators) up to T3, until 31 August 2028.",
            id="a-last-day-only",
        ),
    ],
)
def test_the_sentence_says_what_the_block_says(tmp_path: Path, changed: dict[str, str | None], short: str) -> None:
    assert short_of(tmp_path, **changed) == short


GOOD = page()
SHORT = next(line for line in GOOD.split("\n") if line.startswith("In short:"))
PROSE = cases.PROSE
ANOTHER = '```toml\nfrom = ["northshire-police"]\n```\n'


@pytest.mark.parametrize(
    ("text", "id", "at"),
    [
        pytest.param(GOOD.replace(PROSE, f"{PROSE} <!-- {PROSE} -->"), "CV202", "<!--", id="an-html-comment-in-a-line"),
        pytest.param(GOOD.replace(PROSE, f"<!--\n{ANOTHER}-->\n"), "CV202", "<!--", id="an-html-comment-that-hides-a-block"),
        pytest.param(GOOD.replace(PROSE, "<div>a</div>"), "CV202", "<div>", id="an-html-block"),
        pytest.param(GOOD.replace(PROSE, f"{PROSE}\nand <b>this</b>."), "CV202", "<b>", id="html-in-a-line"),
        pytest.param(GOOD.replace(PROSE, "![a](b.png)"), "CV202", "![a]", id="an-image"),
        pytest.param(GOOD.replace(PROSE, f"{PROSE}\n\n[//]: # (never health)"), "CV202", "[//]", id="a-comment-as-a-link-definition"),
        pytest.param(GOOD.replace(PROSE, f"{PROSE}\n\n    indented = 1\n"), "CV202", "    indented", id="an-indented-block"),
        pytest.param(GOOD.replace(PROSE, "> " + ANOTHER.replace("\n", "\n> ")), "CV202", "> ```", id="a-block-in-a-quotation"),
        pytest.param(GOOD.replace(PROSE, "- a\n\n  " + ANOTHER.replace("\n", "\n  ")), "CV202", "  ```", id="a-block-in-a-list"),
        pytest.param(GOOD.replace(PROSE, ANOTHER.replace("```", "~~~")), "CV202", "~~~", id="a-block-of-tildes"),
        pytest.param(GOOD.replace(PROSE, ANOTHER.replace("```", "````")), "CV202", "````", id="a-block-of-four-ticks"),
        pytest.param(GOOD.replace(PROSE, ANOTHER.replace("toml", "yaml")), "CV202", "```yaml", id="a-block-of-another-language"),
        pytest.param(GOOD.replace(PROSE, ANOTHER.replace("toml", "toml hidden")), "CV202", "```toml hidden", id="a-block-with-more-words"),
        pytest.param(GOOD.replace(PROSE, ANOTHER.replace("```toml", " ```toml")), "CV202", " ```toml", id="a-block-set-in"),
        pytest.param(GOOD.replace(PROSE, "A zero width&#8203;space"), "CV202", "&#8203;", id="an-invisible-character-reference"),
        pytest.param(GOOD + "\n```toml\nfrom = []", "CV202", "```toml\nfrom = []", id="a-block-that-is-not-closed"),
        pytest.param(GOOD.replace(PROSE, "> ## 2. Nested"), "CV202", "> ##", id="a-heading-in-a-quotation"),
        pytest.param(GOOD.replace(PROSE, "Underlined\n---"), "CV202", "Underlined", id="an-underlined-heading"),
        pytest.param(GOOD.replace(PROSE, ANOTHER), "CV203", "## 1.", id="a-second-block"),
        pytest.param(GOOD.replace(PROSE, "# Another agreement"), "CV203", "# Another", id="a-main-heading-among-clauses"),
        pytest.param(GOOD + "\nBut never at weekends.\n", "CV203", "But never", id="text-after-the-block"),
        pytest.param(GOOD.replace(SHORT, f"But never.\n\n{SHORT}"), "CV203", "But never", id="text-between-block-and-sentence"),
        pytest.param(GOOD.replace("## 1.", "## 2."), "CV203", "## 2.", id="a-wrong-number"),
        pytest.param(GOOD.replace("## 1. Police tell the school", "## Police"), "CV203", "## Police", id="no-number"),
        pytest.param(GOOD[: GOOD.index("## 1.")], "CV203", None, id="no-clause"),
        pytest.param(GOOD[GOOD.index("## 1.") :], "CV203", None, id="no-header"),
        pytest.param(GOOD.replace("## 1.", f"{ANOTHER}\n## 1."), "CV203", ANOTHER, id="two-headers"),
        pytest.param(GOOD.replace("ceiling", "ceiling ="), "CV204", "kinds =", id="not-toml"),
        pytest.param(GOOD.replace(SHORT, ""), "CV205", None, id="no-sentence"),
        pytest.param(GOOD.replace("up to T3", "up to T2"), "CV205", "In short:", id="another-sentence"),
        pytest.param(GOOD.replace(SHORT, SHORT.replace(" (named", "\n(named")), "CV205", "In short:", id="the-sentence-on-two-lines"),
        pytest.param(GOOD.replace(SHORT, f" {SHORT}"), "CV205", " In short:", id="the-sentence-set-in"),
        pytest.param(GOOD.replace(SHORT, SHORT.replace("child-protection", "child&#45;protection")), "CV205", "In short:", id="by-code"),
    ],
)
def test_a_page_of_the_wrong_shape_is_refused_with_its_line(tmp_path: Path, text: str, id: str, at: str | None) -> None:
    found = mistakes_of(tmp_path, text)
    assert id in [mistake.id for mistake in found]
    assert all(mistake.file and mistake.line and mistake.hint for mistake in found)
    if at is not None:
        line = text[: text.index(at)].count("\n") + 1
        assert (id, line) in [(mistake.id, mistake.line) for mistake in found]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\xef\xbb\xbf" + GOOD.encode(), id="byte-order-mark"),
        pytest.param(GOOD.replace("\n", "\r\n").encode(), id="carriage-returns"),
        pytest.param(GOOD.encode("utf-16"), id="not-utf-8"),
        pytest.param(GOOD.replace("Sharing", "Sha\N{ZERO WIDTH SPACE}ring").encode(), id="zero-width-space"),
        pytest.param(GOOD.replace("Sharing", "Sha\N{RIGHT-TO-LEFT OVERRIDE}ring").encode(), id="bidirectional"),
        pytest.param(GOOD.replace("Sharing", "Sha\N{SOFT HYPHEN}ring").encode(), id="soft-hyphen"),
        pytest.param(GOOD.replace("Sharing", "Sha\N{HANGUL FILLER}ring").encode(), id="a-letter-that-draws-nothing"),
        pytest.param(GOOD.replace("Sharing", "Sha\N{VARIATION SELECTOR-1}ring").encode(), id="variation-selector"),
        pytest.param(GOOD.replace("Sharing", "Sha\N{NO-BREAK SPACE}ring").encode(), id="no-break-space"),
        pytest.param(GOOD.replace("Sharing", "Sha\tring").encode(), id="tab"),
        pytest.param(GOOD.replace("Sharing", "Sha\x00ring").encode(), id="null"),
        pytest.param(GOOD.replace("Sharing", "Sha\N{LINE SEPARATOR}ring").encode(), id="line-separator"),
        pytest.param(GOOD.replace("Sharing", "Sha\ue000ring").encode(), id="private-use"),
        pytest.param(GOOD.replace("Sharing", "Cafe\N{COMBINING ACUTE ACCENT}").encode(), id="not-normal-form-c"),
        pytest.param(page(title='"Wellbeing"').replace('"Wellbeing"', '"Well\\u200bbeing"').encode(), id="hidden-by-an-escape"),
    ],
)
def test_text_that_an_eye_and_a_parser_could_read_differently_is_refused(tmp_path: Path, raw: bytes) -> None:
    found = mistakes_of(tmp_path, raw)
    assert {mistake.id for mistake in found} == {"CV201"}
    assert all(mistake.line and mistake.hint for mistake in found)


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, len(GOOD)), unseen=st.characters(categories=("Cf", "Cc", "Co", "Zl", "Zp"), exclude_characters="\n"))
def test_no_invisible_character_is_read_anywhere(at: int, unseen: str) -> None:
    with pytest.raises(ConfigurationError, match="CV201"):
        read_text((GOOD[:at] + unseen + GOOD[at:]).encode(), "isa-07.md")


@pytest.mark.parametrize(
    ("changed", "id", "said"),
    [
        pytest.param({"from_": '["northshire-polise"]'}, "CV206", "Did you mean 'northshire-police'?", id="agency"),
        pytest.param({"to": '["hillview-schооl"]'}, "CV206", "'hillview-sch\\u043e\\u043el' is not known", id="agency-in-other-letters"),
        pytest.param({"to": '["northshire-nhs"]'}, "CV206", "'northshire-nhs' is not a partner", id="not-a-partner"),
        pytest.param({"roles": '["named_persom"]'}, "CV206", "the role 'named_persom'", id="role"),
        pytest.param({"purposes": '["research"]'}, "CV206", "the purpose 'research'", id="purpose"),
        pytest.param({"kinds": '{ Concern = { fields = "all", ceiling = "T3" } }'}, "CV206", "record kind 'Concern'", id="kind"),
        pytest.param({"kinds": '{ Flag = { fields = ["sumary"], ceiling = "T3" } }'}, "CV206", "Flag has no field 'sumary'", id="field"),
        pytest.param({"kinds": '{ Flag = { fields = ["id"], ceiling = "T3" } }'}, "CV207", "'id' cannot be named", id="always-shown"),
        pytest.param({"kinds": '{ Flag = { fields = ["held"], ceiling = "T3" } }'}, "CV207", "'held' cannot be named", id="held"),
        pytest.param({"kinds": '{ Flag = { fields = ["type", "type"], ceiling = "T3" } }'}, "CV207", "'type' is named twice", id="twice"),
        pytest.param({"roles": '["named_person", "named_person"]'}, "CV207", "named twice", id="role-twice"),
        pytest.param({"kinds": '{ Flag = { fields = ["type"], ceiling = "T5" } }'}, "CV208", "ceiling of Flag is above T4", id="t5"),
        pytest.param({"kinds": '{ Flag = { fields = ["type"] } }'}, "CV208", "Flag has no ceiling", id="no-ceiling"),
        pytest.param(
            {"kinds": '{ Flag = { fields = ["type"], ceiling = "T3", existence = "T5" } }'}, "CV208", "existence of Flag is", id="exists-t5"
        ),
        pytest.param(
            {"kinds": '{ Flag = { fields = ["type"], ceiling = "T3", existence = "T2" } }'}, "CV208", "below its ceiling", id="exists-below"
        ),
        pytest.param(
            {"kinds": '{ Flag = { fields = "all", ceiling = "T3" } }', "effect": '"deny"'},
            "CV208",
            "a refusal of Flag names",
            id="deny-tier",
        ),
        pytest.param({"when": "{ starts = 2028-09-01, ends = 2026-09-01 }"}, "CV209", "ends lies before starts", id="upside-down"),
        pytest.param({"when": '{ starts = "2026-09-01T00:00:00" }'}, "CV204", "when.starts", id="not-a-date"),
        pytest.param({"fron": '["hillview-school"]'}, "CV204", "unknown key 'fron'", id="unknown-key"),
        pytest.param({"basis": '{ article6 = "e", article99 = "x" }'}, "CV204", "unknown key 'basis.article99'", id="unknown-key-within"),
        pytest.param({"basis": None}, "CV204", "'basis' is missing", id="no-law"),
        pytest.param({"to": "[]"}, "CV204", "to:", id="nobody"),
        pytest.param({"effect": '"allow"'}, "CV204", "effect:", id="effect"),
        pytest.param({"kinds": '{ Flag = { fields = "some", ceiling = "T3" } }'}, "CV204", "kinds.", id="fields-of-another-word"),
    ],
)
def test_a_clause_that_says_what_means_nothing_here_is_refused(tmp_path: Path, changed: dict[str, str | None], id: str, said: str) -> None:
    text = bare(clause(**changed))
    found = [mistake for mistake in mistakes_of(tmp_path, text) if mistake.id != "CV205"]
    assert [mistake.id for mistake in found] == [id]
    assert said in f"{found[0].message} {found[0].hint}"
    key = next(iter(changed)).rstrip("_")
    first = text.index("## 1.")
    expected = text[: text.index(f"\n{key} =", first) + 1].count("\n") + 1 if f"\n{key} =" in text[first:] else None
    assert found[0].line == expected or expected is None


@pytest.mark.parametrize(
    ("header", "id", "said"),
    [
        pytest.param({"partners": '["northshire-police", "atlantis"]'}, "CV206", "the agency 'atlantis'", id="partner"),
        pytest.param({"partners": '["northshire-police"]'}, "CV204", "partners", id="alone"),
        pytest.param({"standard": '"1.7"'}, "CV212", "standard 1.7", id="newer-standard"),
        pytest.param({"standard": '"0.9"'}, "CV212", "standard 0.9", id="another-major-standard"),
        pytest.param({"review_by": "2026-01-01"}, "CV209", "review_by lies before starts", id="review-before-start"),
        pytest.param({"ends": "2027-01-01"}, "CV209", "ends lies before review_by", id="end-before-review"),
        pytest.param({"grace_days": "91"}, "CV204", "grace_days", id="too-much-grace"),
        pytest.param({"dpia": None}, "CV204", "'dpia' is missing", id="no-dpia"),
        pytest.param({"id": '"ISA-08"'}, "CV211", "not the file's name", id="another-id-than-the-file"),
        pytest.param({"id": '"ISA-\N{CYRILLIC CAPITAL LETTER O}7"'}, "CV204", "id", id="id-in-other-letters"),
        pytest.param({"colour": '"red"'}, "CV204", "unknown key 'colour'", id="unknown-key"),
    ],
)
def test_a_header_that_cannot_hold_is_refused(tmp_path: Path, header: dict[str, str | None], id: str, said: str) -> None:
    found = [mistake for mistake in mistakes_of(tmp_path, bare(**header)) if mistake.id != "CV205"]
    assert id in [mistake.id for mistake in found]
    assert any(said in mistake.message and mistake.line and mistake.hint for mistake in found)


@pytest.mark.parametrize("key", ["break_glass", "consent", "relationship", "history", "ages", "notify", "match"])
def test_a_condition_beside_the_conditions_is_refused_and_told_where_it_belongs(tmp_path: Path, key: str) -> None:
    found = mistakes_of(tmp_path, bare(clause(**{key: '"required"'})))
    assert [(mistake.message, mistake.hint) for mistake in found if mistake.id == "CV204"] == [
        (f"unknown key '{key}'.", f"Write it inside conditions: conditions = {{ {key} = ... }}.")
    ]


def test_conditions_that_ask_for_nothing_are_no_conditions(tmp_path: Path) -> None:
    assert short_of(tmp_path, conditions="{}") == short_of(tmp_path)
    assert short_of(tmp_path, conditions='{ consent = "not-required", relationship = "none", match = "LINK" }') == short_of(tmp_path)


def test_every_mistake_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, bare(clause(from_='["atlantis"]', roles='["king"]'), clause(2, purposes='["war"]')), "isa-07")
    write(tmp_path, bare(clause(roles='["queen"]'), id='"ISA-08"'), "isa-08")
    with pytest.raises(ConfigurationError) as raised:
        load_agreements(tmp_path, vocabulary())
    told = " ".join(mistake.message for mistake in raised.value.mistakes)
    assert all(name in told for name in ("atlantis", "king", "war", "queen"))


def test_two_files_cannot_hold_one_agreement(tmp_path: Path) -> None:
    write(tmp_path, page(), "isa-07")
    assert "CV211" in [mistake.id for mistake in mistakes_of(tmp_path, page(), "isa-07-copy")]


def test_writing_the_sentences_changes_nothing_else_and_settles_at_once() -> None:
    raw = bare(clause(), clause(2, "More", when=None)).encode()
    once = fair_copy(raw, "isa-07.md")
    assert fair_copy(once, "isa-07.md") == once
    assert [line for line in once.decode().split("\n") if line and not line.startswith("In short:")] == [
        line for line in raw.decode().split("\n") if line
    ]
    assert fair_copy(once.replace(b"up to T3", b"up to T1"), "isa-07.md") == once


def test_the_register_shows_the_sentences_and_not_the_authors_prose(tmp_path: Path) -> None:
    listed = signed(tmp_path, page(clause(), clause(2, "Again", when=None))).listed(date(2026, 11, 22))[0]
    assert listed.text.split("\n\n") == [SHORT, SHORT.replace(DATES, ".")]
    assert (listed.id, listed.version, listed.inForce, listed.purposes) == ("ISA-07", "3", True, ("child-protection",))
    assert re.fullmatch("sha256:[0-9a-f]{64}", listed.hash)


def test_showing_an_agreement_tells_who_has_signed(tmp_path: Path) -> None:
    path = write(tmp_path, page())
    sign(path, partners=["northshire-police"])
    agreements = load_agreements(tmp_path, vocabulary())
    shown = show(agreements.all[0], agreements, cases.NOON)
    assert "northshire-police: signed by Chief executive on 20 August 2026" in shown
    assert "hillview-school: not signed" in shown
    assert "not in force: not every partner has signed it" in shown
    assert SHORT in shown


@pytest.mark.parametrize(("days", "found"), [(-31, []), (-30, ["CV217"]), (0, ["CV217"]), (400, ["CV217"])])
def test_a_review_that_is_due_is_found_thirty_days_before(tmp_path: Path, days: int, found: list[str]) -> None:
    sign(write(tmp_path, page()))
    assert [mistake.id for mistake in check(tmp_path, vocabulary(), date(2027, 8, 31) + timedelta(days=days))] == found


def test_a_folder_without_agreements_shares_nothing(tmp_path: Path) -> None:
    assert load_agreements(tmp_path, vocabulary()).all == ()
    assert load_agreements(tmp_path / "none", vocabulary()).rules.terms == ()


def test_the_reference_names_every_mistake() -> None:
    sources = Path(__file__).parents[2] / "portal" / "agreements"
    used = {found for path in sources.glob("*.py") for found in re.findall(r"CV2\d\d", path.read_text())}
    assert used
    assert used <= set(re.findall(r"CV2\d\d", DOCS.read_text()))
