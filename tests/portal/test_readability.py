"""The reading age of agreements, and the templates they begin with."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError
from connectors.standard import load_standard
from portal.agreements import fair_copy, read_agreement
from portal.agreements.readability import age_of, reading_age, reading_ages
from portal.agreements.templates import filled, templates
from portal.demo.run import FEDERATION
from portal.federation import load_federation
from tests.portal.agreement_cases import PROSE, bare, clause, page, vocabulary, write

EASY = "The cat sat on the mat. The dog ran to her. She had a red hat."
HARD = (
    "Notwithstanding considerations of proportionality, organisational representatives disseminate confidential "
    "information subsequently necessitated by multidisciplinary safeguarding deliberations."
)
KNOWN: dict[str, object] = {
    "id": "ISA-20", "title": 'Help "early"', "partners": ("hillview-school", "northshire-nhs", "northshire-social-work"),
    "coordinator": "Isobel Grant", "standard": "1.1", "starts": date(2026, 12, 1), "review_by": date(2027, 12, 1),
    "roles": ("named_person", "health_visitor", "social_worker"),
}  # fmt: skip


def test_plain_words_read_younger_than_long_ones() -> None:
    easy, hard = age_of(EASY), age_of(HARD)
    assert easy is not None
    assert hard is not None
    assert easy < 7 < 20 < hard


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        # 0.39 words/sentences + 11.8 syllables/words - 15.59, counted by hand.
        pytest.param("A family may take a yes back with any partner.", 0.39 * 10 + 11.8 * 14 / 10 - 15.59, id="one-sentence"),
        pytest.param("We ask a family: they may refuse us.", 0.39 * 4 + 11.8 * 11 / 8 - 15.59, id="a-colon-ends-one"),
    ],
)
def test_the_figure_is_that_of_the_formula(text: str, grade: float) -> None:
    assert age_of(text) == max(5.0, round(grade + 5, 1))


@pytest.mark.parametrize("text", ["", "   ", "12 34.", "- ?"])
def test_what_has_no_words_has_no_reading_age(text: str) -> None:
    assert age_of(text) is None


def test_names_that_no_dictionary_has_are_read_all_the_same() -> None:
    assert age_of("Northshire tells Dunmorrin. Zxqwv sees Bairns.") is not None


def test_the_authors_words_are_kept_as_a_reader_reads_them(tmp_path: Path) -> None:
    text = page(clause()).replace("# Sharing about wellbeing\n", "# Sharing about wellbeing\n\nWhy *this*\nis [good](https://x.example).\n")
    agreement = read_agreement(write(tmp_path, text), vocabulary())
    assert agreement.preamble == "Why this is good."
    assert [each.words for each in agreement.clauses] == [PROSE]
    assert reading_ages(agreement).prose == age_of(f"Why this is good.\n\n{PROSE}")


def test_authors_words_and_sentences_are_measured_apart(tmp_path: Path) -> None:
    easy = read_agreement(write(tmp_path, page(clause()).replace(PROSE, EASY)), vocabulary())
    hard = read_agreement(write(tmp_path, page(clause()).replace(PROSE, HARD)), vocabulary())
    assert reading_ages(easy).sentences == reading_ages(hard).sentences
    assert (reading_ages(easy).prose or 0) < (reading_ages(hard).prose or 0)
    assert reading_age(easy) < reading_age(hard)


def test_nothing_is_fetched_to_measure_it() -> None:
    """In a process of its own that may open no socket, with no home to keep anything in."""
    program = (
        "import socket\n"
        "def no(*a, **k): raise AssertionError('asked the network')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = no\n"
        "from portal.agreements.readability import age_of\n"
        f"print(age_of({HARD!r}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"HOME": "/nonexistent", "PATH": ""}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, str(age_of(HARD))), done.stderr


def test_the_demonstrations_agreements_can_be_read_by_somebody_of_twelve() -> None:
    agreements = load_federation(FEDERATION, load_standard(), environment=False).agreements.all
    assert {agreement.id: reading_age(agreement) for agreement in agreements if reading_age(agreement) > 12} == {}


@pytest.mark.parametrize("name", ["protect", "early-help", "short"])
def test_a_template_refuses_to_be_signed_as_it_is_and_stands_once_it_is_written(tmp_path: Path, name: str) -> None:
    words = load_federation(FEDERATION, load_standard(), environment=False).vocabulary
    text = fair_copy(filled(name, **KNOWN).encode(), "isa-20.md").decode()  # type: ignore[arg-type]
    path = write(tmp_path, text, "isa-20")
    with pytest.raises(ConfigurationError) as raised:
        read_agreement(path, words)
    assert {mistake.id for mistake in raised.value.mistakes} == {"CV231"}
    assert [mistake.line for mistake in raised.value.mistakes] == [
        number for number, line in enumerate(text.split("\n"), 1) for _ in re.findall(r"\{\{", line)
    ]
    path.write_text(re.sub(r"\{\{[^{}]+\}\}", "what fits here", text), "utf-8")
    agreement = read_agreement(path, words)
    assert (agreement.id, agreement.header.title, agreement.header.starts) == ("ISA-20", 'Help "early"', date(2026, 12, 1))
    assert set(agreement.header.parties or {}) == set(agreement.header.partners) == set(KNOWN["partners"])  # type: ignore[call-overload]
    assert {party.controller for party in (agreement.header.parties or {}).values()} == {"controller"}
    assert agreement.clauses[-1].terms.from_ == ("hillview-school",)


def test_every_template_is_tried() -> None:
    assert set(templates()) == {"protect", "early-help", "short"}


def test_a_template_there_is_not_is_no_template() -> None:
    with pytest.raises(KeyError):
        filled("everything")


def test_a_place_of_which_nothing_is_said_stays() -> None:
    assert 'id = "{{id}}"' in filled("short")
    assert 'partners = ["{{partners}}"]' in filled("short")
    assert "{{" not in bare(clause())
