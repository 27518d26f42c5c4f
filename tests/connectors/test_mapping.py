"""The vocabulary: from, value, map/else, as."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import Address, Identifier, Subject
from connectors.mapping import CONVERTERS, UNREADABLE, Rule, at, column, path, plain, reading, text_id
from connectors.parameters import bindings, fill, placeholders, vocabulary

BAD = UNREADABLE


@pytest.mark.parametrize(
    ("as_", "value", "expected"),
    [
        ("date", "2026-09-01", "2026-09-01"), ("date", date(2026, 9, 1), "2026-09-01"), ("date", "2026-09-01T08:00:00", "2026-09-01"),
        ("date", "2026-06-30T23:30:00Z", "2026-07-01"), ("date", datetime(2026, 6, 30, 23, 30, tzinfo=UTC), "2026-07-01"),
        ("date", datetime(2026, 6, 30, 23, 30), "2026-06-30"), ("date", "2026-12-30T23:30:00Z", "2026-12-30"),
        ("date", datetime(2026, 6, 30, 23, 30, tzinfo=timezone(timedelta(hours=1))), "2026-06-30"), ("date", "3/2/2014", "2014-02-03"),
        ("date", " 2026-09-01 ", "2026-09-01"), ("date", "", None), ("date", None, None), ("date", "2026-02-30", BAD), ("date", "31/02/2026", BAD),
        ("date", "2026-09", BAD), ("date", "soon", BAD), ("date", 20260901, BAD), ("date", True, BAD), ("date", "20260901", BAD),
        ("partial_date", "2026", "2026"), ("partial_date", "2026-09", "2026-09"), ("partial_date", 2026, "2026"), ("partial_date", "2026-13", BAD),
        ("partial_date", "2026-02-30", BAD), ("partial_date", date(2026, 9, 1), "2026-09-01"), ("partial_date", "about 2026", BAD),
        ("datetime", "2026-06-30T10:00:00+01:00", "2026-06-30T09:00:00Z"), ("datetime", "2026-06-30T10:00:00", "2026-06-30T09:00:00Z"),
        ("datetime", datetime(2026, 1, 1, 10, tzinfo=UTC), "2026-01-01T10:00:00Z"), ("datetime", "later", BAD), ("datetime", 5, BAD),
        ("text", 5, "5"), ("text", " a ", "a"), ("text", "", None), ("text", True, "true"), ("text", Decimal("5"), "5"), ("text", {"a": 1}, BAD),
        ("text", date(2026, 9, 1), "2026-09-01"), ("text", UUID(int=5), str(UUID(int=5))), ("text", b"a", BAD),
        ("integer", "12", 12), ("integer", 12, 12), ("integer", 12.0, 12), ("integer", Decimal("12"), 12), ("integer", "12.5", BAD),
        ("integer", 12.5, BAD), ("integer", True, BAD), ("integer", "", None), ("integer", "9" * 4000, BAD), ("integer", "٣", BAD),
        ("boolean", "Y", True), ("boolean", "no", False), ("boolean", 1, True), ("boolean", 0, False), ("boolean", False, False),
        ("boolean", "maybe", BAD), ("boolean", 2, BAD), ("boolean", None, None),
        ("json", '[{"what": "x"}]', [{"what": "x"}]), ("json", [1], [1]), ("json", "", None), ("json", "[", BAD), ("json", 5, BAD),
        ("json", "[" * 100_000, BAD),
        ("list", "a, b,,c", ["a", "b", "c"]), ("list", ["a"], ["a"]), ("list", ("a",), ["a"]), ("list", "", None), ("list", 5, BAD),
    ],
)  # fmt: skip
def test_converters(as_: str, value: Any, expected: Any) -> None:
    assert CONVERTERS[as_](value) == expected


_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes()
    | st.decimals()
    | st.uuids(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(_ANY)
def test_no_value_of_any_driver_makes_a_converter_fail(value: Any) -> None:
    """What cannot be converted is marked, and the record set aside; an error would take every other record with it."""
    for convert in CONVERTERS.values():
        convert(value)
    plain(value)
    text_id(value)
    reading(Rule(from_="a", map={"x": "Y"}), ("a",), codes=True, many=True)({"a": value})


@given(st.dates(min_value=date(1900, 1, 1)))
def test_every_date_survives_every_way_a_driver_may_write_it(day: date) -> None:
    forms = (
        day,
        day.isoformat(),
        datetime(day.year, day.month, day.day, 12),
        f"{day.isoformat()}T12:00:00Z",
        f"{day.day}/{day.month}/{day.year:04}",
    )
    assert {CONVERTERS["date"](form) for form in forms} == {day.isoformat()}


def test_a_path_reads_names_and_indexes_and_finds_nothing_where_nothing_is() -> None:
    row = {"code": {"coding": [{"code": "x"}]}, "a/b": 1, "0": "key"}

    assert at(row, path("code/coding/0/code")) == "x"
    assert at(row, path("code/coding/1/code")) is None
    assert at(row, path("code/coding/-1/code")) is None
    assert at(row, path("code/coding/code")) is None
    assert at(row, path("0")) == "key"
    assert at(row, column("a/b")) == 1
    assert (path(""), path("a//b"), path("/a"), column(" ")) == ((), (), (), ())


def _read(rule: Rule, value: Any, **more: bool) -> Any:
    return reading(rule, ("a",), **more)({"a": value})


def test_a_code_that_map_does_not_know_is_other_never_a_guess() -> None:
    rule = Rule(from_="a", map={"/": "PRESENT", "1": "LATE", "": "NOT_EXPECTED"})

    assert _read(rule, "/", codes=True) == "PRESENT"
    assert _read(rule, 1, codes=True) == "LATE"
    assert _read(rule, "?", codes=True) == "OTHER"
    assert _read(rule, None, codes=True) == "NOT_EXPECTED"
    assert _read(Rule(from_="a", map={"/": "PRESENT"}), None, codes=True) is None
    assert _read(Rule(from_="a", map={"/": "PRESENT"}, else_="NO_REASON_YET"), "?", codes=True) == "NO_REASON_YET"
    assert _read(Rule(from_="a", map={"Y": True, "true": False}), True) is False
    assert _read(Rule(from_="a", map={"Y": True}), "perhaps") == "perhaps"


def test_lists_are_translated_one_by_one_and_a_single_value_is_a_list_of_one() -> None:
    rule = Rule(from_="a", as_="list", map={"s": "SAFE"})

    assert _read(rule, "s,x", codes=True, many=True) == ["SAFE", "OTHER"]
    assert _read(Rule(from_="a", map={"s": "SAFE"}), "s", codes=True, many=True) == ["SAFE"]
    assert _read(Rule(value="SAFE"), None, many=True) == ["SAFE"]
    assert _read(rule, 5, codes=True) is BAD


def test_what_cannot_be_read_shows_nothing_of_what_was_there() -> None:
    assert repr(_read(Rule(from_="a", as_="date"), "Jo Ash was here")) == "unreadable"


def test_an_id_is_text_a_whole_number_or_a_uuid() -> None:
    assert [text_id(value) for value in (" a ", 7, UUID(int=7), True, 7.0, None, "", {}, b"x")] == [
        "a", "7", str(UUID(int=7)), None, None, None, None, None, None,
    ]  # fmt: skip


SUBJECT = Subject(
    identifiers=(Identifier("nhs_number", "999 000 0018"), Identifier("nhs_number", "9990000026"), Identifier("hillview-mis", "p 7")),
    family_name=" Ash ", birth_date="2014-02", addresses=(Address(postcode="NS1 1AA", line="1 Row"), Address(postcode="NS2 2BB")),
)  # fmt: skip


def test_a_subject_gives_values_only_for_what_is_known_and_needed() -> None:
    known = vocabulary("hillview-mis", ["chi"], ["postcode"]).values(SUBJECT)

    assert known["nhs_number"] == ("9990000018", "9990000026")
    assert known["hillview_mis"] == ("P7",)
    assert known["family_name"] == ("Ash",)
    assert known["postcode"] == ("NS1 1AA", "NS2 2BB")
    assert known["birth_date"] == known["address"] == known["upn"] == known["given_name"] == ()


def test_a_find_runs_for_every_combination_and_not_at_all_when_one_value_is_unknown() -> None:
    values = {"a": ("1", "2"), "b": ("x", "y"), "c": ()}

    assert bindings(["b", "a"], values) == [{"a": "1", "b": "x"}, {"a": "1", "b": "y"}, {"a": "2", "b": "x"}, {"a": "2", "b": "y"}]
    assert bindings(["a", "c"], values) == []
    assert bindings(["unheard_of"], values) == []


def test_only_whole_texts_are_placeholders() -> None:
    body = {"a": ":x", "b": ["urn:oid:1.2", "12:30", "::x", ":x"], "c": 5}

    assert placeholders(body) == ["x", "x"]
    assert fill(body, {"x": "v'"}) == {"a": "v'", "b": ["urn:oid:1.2", "12:30", "::x", "v'"], "c": 5}
