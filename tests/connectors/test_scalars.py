"""The scalars' checkers: what is canonical, what is refused, and that no refusal repeats what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum.gb import nhs, upn

from connectors.scalars import CHECKERS, SYSTEMS, check_identifier, normalise, valid

CHI = "0102141231"
UPN = "B801200005001"
SCN = "140012347"

#: Every word a refusal may say.
WORDS = [
    "expected a date, YYYY-MM-DD",
    "expected as much of a date as is known, YYYY, YYYY-MM or YYYY-MM-DD",
    "expected a moment with its offset, YYYY-MM-DDTHH:MM:SSZ or +HH:MM",
    "expected an NHS number, ten digits of which the last is a check digit",
    "expected a CHI number, ten digits that begin with a birth date and end in a check digit",
    "expected a UPN, a check letter and twelve more characters",
    "expected a Scottish Candidate Number, nine digits",
]


def nhs_with_check_digit(nine: str) -> str | None:
    """The number with its check digit, or None where the sum gives ten and no number is issued."""
    found = [nine + str(digit) for digit in range(10) if nhs.checksum(nine + str(digit)) == 0]
    return found[0] if found else None


def upn_with_check_letter(rest: str) -> str:
    return upn.calc_check_digit(rest) + rest


@pytest.mark.parametrize(
    ("scalar", "given_", "canonical"),
    [
        ("Date", "2014-02-03", "2014-02-03"),
        ("Date", "2024-02-29", "2024-02-29"),
        ("PartialDate", "2014", "2014"),
        ("PartialDate", "2014-02", "2014-02"),
        ("PartialDate", "2014-02-03", "2014-02-03"),
        ("DateTime", "2026-11-22T10:42:07Z", "2026-11-22T10:42:07Z"),
        ("DateTime", "2026-07-01T00:30:00+01:00", "2026-06-30T23:30:00Z"),
        ("DateTime", "2026-11-22T10:42Z", "2026-11-22T10:42:00Z"),
        ("DateTime", "2026-11-22T10:42:07.1234567Z", "2026-11-22T10:42:07.123456Z"),
        ("NhsNumber", "943 476 5919", "9434765919"),
        ("NhsNumber", "943-476-5870", "9434765870"),
        ("ChiNumber", "010214 1231", CHI),
        ("Upn", "b801200005001", UPN),
        ("ScottishCandidateNumber", "14 0012347", SCN),
    ],
)
def test_a_value_is_given_back_in_canonical_form(scalar: str, given_: str, canonical: str) -> None:
    assert CHECKERS[scalar](given_) == canonical


@pytest.mark.parametrize(
    ("scalar", "given_"),
    [
        ("Date", "2014-2-3"),
        ("Date", "2014-02"),
        ("Date", "2023-02-29"),
        ("Date", "03/02/2014"),
        ("Date", "2014-02-03T00:00:00"),
        ("Date", "20140203"),
        ("Date", "٢٠١٤-٠٢-٠٣"),
        ("Date", "2014-02-03\n"),
        ("PartialDate", "2014-13"),
        ("PartialDate", "14"),
        ("PartialDate", "0000"),
        ("PartialDate", "2014-"),
        ("DateTime", "2026-11-22T10:42:07"),
        ("DateTime", "2026-11-22"),
        ("DateTime", "2026-11-22T25:42:07Z"),
        ("DateTime", "0001-01-01T00:00:00+14:00"),
        ("NhsNumber", "9434765918"),
        ("NhsNumber", "943476591"),
        ("NhsNumber", "0000000000"),
        ("NhsNumber", "1111111111"),
        ("NhsNumber", "٩٤٣٤٧٦٥٩١٩"),
        ("ChiNumber", "9434765919"),
        ("ChiNumber", "0102141232"),
        ("Upn", "A801200005001"),
        ("Upn", "B80120000500"),
        ("Upn", "I801200005001"),
        ("ScottishCandidateNumber", "14001234"),
        ("ScottishCandidateNumber", "000000000"),
    ],
)
def test_a_value_that_cannot_be_right_is_refused(scalar: str, given_: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        CHECKERS[scalar](given_)


def test_a_chi_number_must_begin_with_a_day_that_there_was() -> None:
    """The check digit alone does not make a CHI number: 31 February never was, 29 February 2000 was."""
    assert nhs.checksum("3102141234") == 0
    assert nhs.checksum("2902001231") == 0

    assert not valid("chi", "3102141234")
    assert valid("chi", "2902001231")


def test_pupils_of_authorities_founded_lately_have_valid_numbers() -> None:
    """Cumberland (942) is not in the 2011 list that python-stdnum keeps."""
    assert valid("upn", upn_with_check_letter("942200005001"))


def test_a_temporary_pupil_number_ends_in_a_letter() -> None:
    number = upn_with_check_letter("80120000500A")

    assert valid("upn", number)
    assert not valid("upn", number[:-1] + "O")


@given(st.text("0123456789", min_size=9, max_size=9))
def test_an_nhs_number_has_one_check_digit_and_no_other(nine: str) -> None:
    number = nhs_with_check_digit(nine)
    assume(number is not None and len(set(number)) > 1)

    assert [digit for digit in "0123456789" if valid("nhs_number", nine + digit)] == [number[-1]]


@given(st.text("0123456789", min_size=12, max_size=12), st.integers(0, 11), st.sampled_from("123456789"))
def test_one_wrong_digit_in_a_pupil_number_is_noticed(rest: str, at: int, step: str) -> None:
    number = upn_with_check_letter(rest)
    other = str((int(rest[at]) + int(step)) % 10)
    wrong = number[: at + 1] + other + number[at + 2 :]

    assert valid("upn", number)
    assert not valid("upn", wrong)


@pytest.mark.parametrize(
    ("system", "value", "same"),
    [
        ("nhs_number", " 943 476-5919 ", "9434765919"),
        ("upn", "b801 2000 05001", UPN),
        ("hillview-mis", " ab 12-c\u00a0", "AB12-C"),
    ],
)
def test_identifiers_are_compared_without_spaces_and_in_upper_case(system: str, value: str, same: str) -> None:
    assert normalise(system, value) == same
    assert normalise(system, same) == same


def test_a_sources_own_number_is_any_short_text() -> None:
    assert valid("hillview-mis", "x" * 64)
    assert not valid("hillview-mis", "x" * 65)
    assert not valid("hillview-mis", "  ")


def test_a_sources_own_number_is_shown_as_it_stands_there() -> None:
    assert check_identifier("hillview-mis", "ab 12") == "ab 12"
    assert check_identifier("chi", "010214 1231") == CHI


def refusal(scalar: str, text: str) -> ValueError | None:
    try:
        CHECKERS[scalar](text)
    except ValueError as refused:
        return refused
    return None


@pytest.mark.parametrize("scalar", sorted(CHECKERS))
@given(text=st.text(min_size=3))
def test_no_refusal_of_a_scalar_holds_the_value(scalar: str, text: str) -> None:
    refused = refusal(scalar, text)
    assume(refused is not None and all(text not in words for words in WORDS))

    assert text not in f"{refused} {refused!r}"
    assert (refused.__context__, refused.__cause__) == (None, None)


@pytest.mark.parametrize("system", sorted(SYSTEMS))
@given(text=st.text())
def test_any_text_can_be_asked_whether_it_is_a_number(system: str, text: str) -> None:
    assert valid(system, text) in (True, False)
    assert normalise(system, normalise(system, text)) == normalise(system, text)
