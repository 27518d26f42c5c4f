"""Ages and days as tables: birthdays to the second, 29 February, birth dates known in part or not at all, and the clock's own changes.

A day begins at 00:00 by the clock on the wall in the United Kingdom: in summer that is 23:00 UTC of the day before.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from portal.agreements import RuleSet, as_day
from portal.agreements.ages import anniversary, attained, back, possible, within
from portal.decisions import decide
from portal.model import Circumstances, Ruling
from tests.portal.agreement_cases import clause, page, plan, practitioner, signed

CONCERN = ("northshire-police", "WellbeingConcern", ("summary",))
SECOND = timedelta(seconds=1)


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ruling(rules: RuleSet, now: datetime, *births: str, unfound: bool = False) -> Ruling:
    return decide(plan(CONCERN), practitioner(), rules, now, Circumstances(births=births, unfound=unfound)).rulings[0]


def agreement(folder: Path, conditions: str | None = None, **header: str | None) -> RuleSet:
    asked = f"{{ {conditions} }}" if conditions else None
    return signed(folder, page(clause(when=None, conditions=asked), review_by="2035-08-31", **header)).rules


# Days


#: A local midnight as a moment in UTC, and the day that begins then.
MIDNIGHTS = [
    pytest.param("2026-03-28T00:00", date(2026, 3, 28), id="the-day-before-the-clocks-go-forward"),
    pytest.param("2026-03-29T00:00", date(2026, 3, 29), id="the-day-the-clocks-go-forward-2026"),
    pytest.param("2026-03-29T23:00", date(2026, 3, 30), id="the-first-midnight-of-summer-time-2026"),
    pytest.param("2026-10-24T23:00", date(2026, 10, 25), id="the-day-the-clocks-go-back-2026"),
    pytest.param("2026-10-26T00:00", date(2026, 10, 26), id="the-first-midnight-of-winter-time-2026"),
    pytest.param("2027-03-28T00:00", date(2027, 3, 28), id="the-day-the-clocks-go-forward-2027"),
    pytest.param("2027-03-28T23:00", date(2027, 3, 29), id="the-first-midnight-of-summer-time-2027"),
    pytest.param("2027-10-30T23:00", date(2027, 10, 31), id="the-day-the-clocks-go-back-2027"),
    pytest.param("2027-11-01T00:00", date(2027, 11, 1), id="the-first-midnight-of-winter-time-2027"),
    pytest.param("2027-06-30T23:00", date(2027, 7, 1), id="in-summer"),
    pytest.param("2028-02-29T00:00", date(2028, 2, 29), id="29-february"),
]


@pytest.mark.parametrize(("midnight", "day"), MIDNIGHTS)
def test_a_day_begins_at_midnight_by_the_clock_on_the_wall(midnight: str, day: date) -> None:
    begins = at(midnight)
    assert [as_day(begins - SECOND), as_day(begins), as_day(begins + SECOND)] == [day - timedelta(days=1), day, day]


@pytest.mark.parametrize(("midnight", "day"), MIDNIGHTS)
def test_a_clause_begins_and_ends_at_midnight_to_the_second(tmp_path: Path, midnight: str, day: date) -> None:
    begins = at(midnight)
    starting = agreement(tmp_path / "starts", starts=day.isoformat())
    assert [ruling(starting, begins + off, unfound=True).reason for off in (-SECOND, 0 * SECOND, SECOND)] == ["not-started", None, None]
    last = (day - timedelta(days=1)).isoformat()
    ending = signed(tmp_path / "ends", page(clause(when=f"{{ ends = {last} }}"), starts="2025-01-01", review_by="2035-08-31")).rules
    assert [ruling(ending, begins + off, unfound=True).reason for off in (-SECOND, 0 * SECOND, SECOND)] == [None, "ended", "ended"]


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_an_hour_that_comes_twice_or_not_at_all_changes_nothing(tmp_path: Path, day: date) -> None:
    rules = agreement(tmp_path, starts=day.isoformat())
    noon = datetime(day.year, day.month, day.day, tzinfo=UTC)
    hours = [noon + timedelta(minutes=minutes) for minutes in range(0, 180, 15)]
    assert {as_day(hour) for hour in hours} == {day}
    assert {ruling(rules, hour, unfound=True).permitted for hour in hours} == {True}


# Birthdays


#: A birth date, an age, and the moment in UTC at which it is attained.
BIRTHDAYS = [
    pytest.param("2008-11-22", 18, "2026-11-22T00:00", id="18-in-winter"),
    pytest.param("2009-07-01", 18, "2027-06-30T23:00", id="18-in-summer"),
    pytest.param("2009-03-28", 18, "2027-03-28T00:00", id="18-on-the-day-the-clocks-go-forward"),
    pytest.param("2008-10-25", 18, "2026-10-24T23:00", id="18-on-the-day-the-clocks-go-back"),
    pytest.param("2014-11-22", 12, "2026-11-22T00:00", id="12-in-winter"),
    pytest.param("2015-07-01", 12, "2027-06-30T23:00", id="12-in-summer"),
    pytest.param("2012-02-29", 16, "2028-02-29T00:00", id="29-february-in-a-leap-year"),
    pytest.param("2008-02-29", 19, "2027-03-01T00:00", id="29-february-Age-of-Legal-Capacity-Scotland-Act-1991-s6-2"),
    pytest.param("2012-02-29", 15, "2027-03-01T00:00", id="29-february-is-1-march-in-other-years-1991-Act-s6-2"),
    pytest.param("2012-02-28", 15, "2027-02-28T00:00", id="28-february-stays"),
]


@pytest.mark.parametrize(("birth", "years", "moment"), BIRTHDAYS)
def test_an_age_is_attained_at_the_beginning_of_the_birthday(tmp_path: Path, birth: str, years: int, moment: str) -> None:
    attained_at = at(moment)
    assert anniversary(date.fromisoformat(birth), years) == as_day(attained_at)
    until = agreement(tmp_path / "until", f"ages = [0, {years}]" + (f", until = {years}" if years > 18 else ""), starts="2026-01-01")
    assert [ruling(until, attained_at + off, birth).reason for off in (-SECOND, 0 * SECOND, SECOND)] == [None, "ages", "ages"]
    since = agreement(tmp_path / "since", f"ages = [{years}, 25], until = 25", starts="2026-01-01")
    assert [ruling(since, attained_at + off, birth).reason for off in (-SECOND, 0 * SECOND, SECOND)] == ["ages", None, None]


EIGHTEEN = at("2026-11-22T00:00")


@pytest.mark.parametrize(
    ("conditions", "subjects", "after"),
    [
        pytest.param(None, None, "ages", id="a-clause-stops-at-18-unless-it-says-until"),
        pytest.param("until = 19", None, None, id="until-19"),
        pytest.param("ages = [0, 18]", None, "ages", id="ages-to-18"),
        pytest.param("ages = [16, 21], until = 21", None, None, id="ages-to-21"),
        pytest.param(None, "{ ages = [0, 18] }", "ages", id="the-agreement's-subjects"),
        pytest.param(None, "{ ages = [0, 25] }", "ages", id="subjects-to-25-and-no-until"),
        pytest.param("until = 21", "{ ages = [0, 25] }", None, id="subjects-to-25-and-until-21"),
    ],
)
def test_a_clause_for_children_stops_on_the_eighteenth_birthday(
    tmp_path: Path, conditions: str | None, subjects: str | None, after: str | None
) -> None:
    rules = agreement(tmp_path, conditions, subjects=subjects)
    ruled = [ruling(rules, EIGHTEEN + off, "2008-11-22") for off in (-SECOND, 0 * SECOND)]
    assert [each.reason for each in ruled] == [None, after]
    assert after is None or ruled[1].state == "NOTHING_TO_SHOW", "as of a child nobody knows"


#: What is known of the birth date, for a clause on children under 12, on 22 November 2026.
KNOWN = [
    pytest.param(("2014-11-23",), None, id="eleven-until-tomorrow"),
    pytest.param(("2014-11-22",), "ages", id="twelve-today"),
    pytest.param(("2015",), None, id="a-year-in-which-nobody-is-twelve"),
    pytest.param(("2014",), "ages", id="a-year-in-which-some-are-twelve"),
    pytest.param(("2013",), "ages", id="a-year-in-which-all-are-twelve"),
    pytest.param(("2014-12",), None, id="a-month-in-which-nobody-is-twelve"),
    pytest.param(("2014-11",), "ages", id="a-month-in-which-some-are-twelve"),
    pytest.param(("2015-01-01", "2016-01-01"), None, id="two-dates-that-both-will-do"),
    pytest.param(("2015-01-01", "2014-01-01"), "ages", id="two-dates-of-which-one-will-not-do"),
    pytest.param((), "ages", id="no-birth-date"),
]


@pytest.mark.parametrize(("births", "reason"), KNOWN)
def test_an_age_must_hold_for_every_birth_date_that_may_be_the_childs(tmp_path: Path, births: tuple[str, ...], reason: str | None) -> None:
    assert ruling(agreement(tmp_path, "ages = [0, 12]"), EIGHTEEN, *births).reason == reason


def test_a_birth_date_that_was_not_typed_may_still_be_learnt_and_a_wrong_one_not(tmp_path: Path) -> None:
    rules = agreement(tmp_path, "ages = [0, 12]")
    assert ruling(rules, EIGHTEEN, unfound=True).permitted
    assert ruling(rules, EIGHTEEN, "2010-01-01", unfound=True).reason == "ages"


@pytest.mark.parametrize(
    ("birth", "first", "last"),
    [
        ("2014", "2014-01-01", "2014-12-31"),
        ("2014-02", "2014-02-01", "2014-02-28"),
        ("2012-02", "2012-02-01", "2012-02-29"),
        ("2012-02-29", "2012-02-29", "2012-02-29"),
    ],
)
def test_a_partial_date_stands_for_every_day_in_it(birth: str, first: str, last: str) -> None:
    assert possible(birth) == (date.fromisoformat(first), date.fromisoformat(last))


def test_without_a_birth_date_every_age_is_possible_and_none_certain() -> None:
    day = date(2026, 11, 22)
    assert attained((), 12, day) == {True, False}
    assert not within((), None, 18, day)
    assert attained(("2014",), 12, day) == {True, False}
    assert (attained(("2013-11",), 12, day), attained(("2015",), 12, day)) == ({True}, {False})


# How far back


@pytest.mark.parametrize(
    ("day", "history", "first"),
    [
        pytest.param("2026-11-22", "P5Y", "2021-11-22", id="years"),
        pytest.param("2028-02-29", "P5Y", "2023-02-28", id="from-29-february"),
        pytest.param("2028-02-29", "P4Y", "2024-02-29", id="from-one-29-february-to-another"),
        pytest.param("2026-03-31", "P1M", "2026-02-28", id="to-a-shorter-month"),
        pytest.param("2026-11-22", "P18M", "2025-05-22", id="months"),
        pytest.param("2026-03-30", "P30D", "2026-02-28", id="days-over-a-change-of-the-clocks"),
        pytest.param("2026-11-22", "P999Y", "1027-11-22", id="as-far-as-can-be-said"),
    ],
)
def test_a_history_begins_so_many_years_months_or_days_ago(day: str, history: str, first: str) -> None:
    assert back(date.fromisoformat(day), history) == date.fromisoformat(first)


def test_a_ruling_says_from_which_day_records_may_be_shown(tmp_path: Path) -> None:
    rules = agreement(tmp_path, 'history = "P18M"')
    assert ruling(rules, EIGHTEEN, "2015-01-01").since == date(2025, 5, 22)
    assert ruling(rules, EIGHTEEN - SECOND, "2015-01-01").since == date(2025, 5, 21)
