"""The reader of databases, against PostgreSQL, SQLite and folders of CSV files."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import sqlite3
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jellyfish import soundex

from connectors import Identifier, Misconfigured, Person, Refused, Subject, Unavailable
from connectors.declarative import Declared
from connectors.mapping import UNREADABLE
from connectors.standard import Standard, validate
from tests.connectors.servers import Postgres, ask, listed, opened

Source = Callable[..., Declared]

JO = Subject(family_name="Ash", given_name="Jo", birth_date="2014-02-03", identifiers=(Identifier("scn", "123 456 789"),))
NOBODY = Subject(family_name="Nobody", given_name="Here", birth_date="2014-02-03")

SCHOOL = """
source = {{ agency = "hillview-school", reads = "sql", url = "{url}", contact = "MIS desk, 01234 567891", deadline = {deadline} }}
find.scn = {{ query = "select * from pupil where scn = :scn" }}
find.demographics = {{ query = "select * from pupil where lower(surname) = lower(:family_name) and dob = :birth_date limit 51" }}
person = {{ id = "pupil_id", given_name = "forename", family_name = "surname", birth_date = "dob", identifiers = {{ scn = "scn" }} }}
[provide.Attendance]
query = "select * from mark where pupil_id = :person_id and day >= :since order by day desc"
id = "mark_id"
[provide.Attendance.fields]
occurredOn = "day"
code = {{ from = "mark", map = {{ "/" = "PRESENT", O = "UNAUTHORISED" }} }}
session = {{ value = "MORNING" }}
sourceCode = "mark"
"""

TABLES = """
drop table if exists mark; drop table if exists pupil;
create table pupil (pupil_id {id}, forename text, surname text, dob {date}, scn text);
create table mark (mark_id {id}, pupil_id {id}, day {date}, mark text);
insert into pupil values (7, 'Jo ', 'Ash', '2014-02-03', '123456789'), (8, 'Sam', 'Ash', '2014-02-03', null);
insert into pupil values (9, 'Al', 'Oak', '2012-01-01', '');
insert into mark values (1, 7, '2026-09-01', '/'), (2, 7, '2026-09-02', 'O'), (3, 7, '2019-09-02', '?'), (4, 8, '2026-09-01', '/');
"""


@pytest.fixture(params=["postgresql", "sqlite", "csv"])
async def school(request: pytest.FixtureRequest, postgres: Postgres, tmp_path: Path, source: Source) -> Declared:
    """The same school in each kind of database."""
    if request.param == "postgresql":
        await postgres.execute(TABLES.format(id="integer", date="date"))
        return source(SCHOOL.format(url=postgres.url, deadline=5.0))
    if request.param == "sqlite":
        with sqlite3.connect(tmp_path / "mis 1.db") as database:
            database.executescript(TABLES.format(id="integer", date="text"))
        return source(SCHOOL.format(url=f"sqlite:///{tmp_path}/mis 1.db", deadline=5.0))
    pupils = "pupil_id,forename,surname,dob,scn\n7,Jo ,Ash,2014-02-03,123456789\n8,Sam,Ash,2014-02-03,\n9,Al,Oak,2012-01-01,\n"
    (tmp_path / "pupil.csv").write_text(pupils)
    marks = "mark_id,pupil_id,day,mark\n1,7,2026-09-01,/\n2,7,2026-09-02,O\n3,7,2019-09-02,?\n4,8,2026-09-01,/\n"
    (tmp_path / "mark.csv").write_text(marks)
    text = SCHOOL.format(url=f"duckdb://{tmp_path}", deadline=5.0)
    for table in ("pupil", "mark"):
        text = text.replace(f"from {table} ", f"from read_csv('{table}.csv', all_varchar=true) ")
    return source(text)


async def test_every_database_finds_the_same_persons_and_gives_the_same_records(school: Declared, standard: Standard) -> None:
    """Dates, numbers and empty text come out alike whichever driver read them."""
    async with opened(school) as connector:
        await connector.check()
        persons = await connector.find(JO, ask())
        records = await listed(connector, "Attendance", persons[0], ask())

    assert [(each.id, each.given_name, each.birth_date, each.identifiers) for each in persons] == [
        ("7", "Jo", "2014-02-03", (Identifier("scn", "123456789"),)),
        ("8", "Sam", "2014-02-03", ()),
    ]
    assert [(each.id, each.fields["occurredOn"], each.fields["code"], each.fields["sourceCode"]) for each in records] == [
        ("2", "2026-09-02", "UNAUTHORISED", "O"),
        ("1", "2026-09-01", "PRESENT", "/"),
        ("3", "2019-09-02", "OTHER", "?"),
    ]
    assert all(validate(standard.kinds["Attendance"], each) for each in records)


async def test_since_leaves_out_what_is_older(school: Declared) -> None:
    async with opened(school) as connector:
        records = await listed(connector, "Attendance", Person(id="7"), ask(since=date(2020, 1, 1)))

    assert [record.id for record in records] == ["2", "1"]


async def test_somebody_unknown_is_an_empty_list(school: Declared) -> None:
    async with opened(school) as connector:
        assert await connector.find(NOBODY, ask()) == []


async def test_what_was_typed_is_never_part_of_the_query(school: Declared) -> None:
    """A name that is also SQL finds nobody and breaks nothing."""
    typed = Subject(family_name="x' or '1'='1", birth_date="2014-02-03")
    async with opened(school) as connector:
        assert await connector.find(typed, ask()) == []
        assert len(await connector.find(JO, ask())) == 2


async def test_ten_questions_at_once_are_all_answered(school: Declared) -> None:
    async with opened(school) as connector:
        answers = await asyncio.gather(*(connector.find(JO, ask()) for _ in range(10)))

    assert {len(answer) for answer in answers} == {2}


async def test_a_slow_query_ends_at_the_deadline_and_leaves_the_source_usable(school: Declared, source: Source) -> None:
    kind = school.settings.url.partition(":")[0]
    slow = source(re.sub(r"(find.scn = .* query = )\"[^\"]*\"", rf'\1"{SLOW[kind]}"', _text(school)), "slow")
    async with opened(slow) as connector:
        before = time.monotonic()
        with pytest.raises(TimeoutError):
            await connector.find(Subject(identifiers=JO.identifiers), ask(0.4))
        took = time.monotonic() - before
        await connector.check()
        again = time.monotonic() - before - took

    assert took < 1.2
    assert again < 1.0


SLOW = {
    "postgresql": "select *, pg_sleep(20) from pupil where scn = :scn",
    "sqlite": "with recursive n(i) as (select 1 union all select i + 1 from n where i < 900000000) "
    "select pupil.*, max(i) from n, pupil where scn = :scn",
    "duckdb": "select first(p.pupil_id) pupil_id, max(a.i * b.i % 7 + c.i) m from range(20000000) a(i), range(300) b(i), range(9) c(i), "
    "read_csv('pupil.csv', all_varchar=true) p where scn = :scn",
}


@pytest.mark.parametrize("how", ["deadline", "cancelled"])
async def test_no_query_is_left_at_the_server_a_second_after_the_deadline(postgres: Postgres, source: Source, how: str) -> None:
    """Also when the practitioner leaves: what nobody waits for is not worked on."""
    await postgres.execute(TABLES.format(id="integer", date="date"))
    text = SCHOOL.format(url=postgres.url, deadline=30.0).replace("where scn = :scn", "where scn = :scn and pg_sleep(25) is not null")
    by_number = Subject(identifiers=JO.identifiers)
    async with opened(source(text)) as connector:
        asking = asyncio.create_task(connector.find(by_number, ask(0.6 if how == "deadline" else 30)))
        await asyncio.sleep(0.4)
        while_asking = await postgres.running("pg_sleep(25)")
        if how == "cancelled":
            asking.cancel()
        with pytest.raises((TimeoutError, asyncio.CancelledError)):
            await asking
        await asyncio.sleep(0.5)
        left = await postgres.running("pg_sleep(25)")

    assert (while_asking, left) == (1, 0)


async def test_a_question_broken_off_never_ends_the_next_one_about_another_child(tmp_path: Path, source: Source) -> None:
    """SQLite keeps an order to stop for whoever uses the connection next: that source would read as silent for no reason of its own."""
    with sqlite3.connect(tmp_path / "busy.db") as database:
        database.executescript(TABLES.format(id="integer", date="text"))
        many = [(number, "Al", "Elm", "2014-02-03", None) for number in range(100, 3100)]
        database.executemany("insert into pupil values (?, ?, ?, ?, ?)", many)
    text = SCHOOL.format(url=f"sqlite:///{tmp_path}/busy.db", deadline=5.0).replace(" limit 51", "")
    broken_off = Subject(family_name="Elm", given_name="Al", birth_date="2014-02-03")
    rnd, answers = random.Random(1), []
    async with opened(source(text)) as connector:
        for _ in range(60):
            asking = [asyncio.create_task(connector.find(broken_off, ask())) for _ in range(10)]
            await asyncio.sleep(rnd.random() * 0.03)
            for each in asking:
                each.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            answers += await asyncio.gather(*(connector.find(JO, ask()) for _ in range(10)), return_exceptions=True)

    assert [each for each in answers if isinstance(each, BaseException) or len(each) != 2] == []


async def test_the_server_ends_a_query_by_itself_before_the_sources_deadline(postgres: Postgres, source: Source) -> None:
    await postgres.execute(TABLES.format(id="integer", date="date"))
    text = SCHOOL.format(url=postgres.url, deadline=0.5).replace("where scn = :scn", "where scn = :scn and pg_sleep(20) is not null")
    async with opened(source(text)) as connector:
        before = time.monotonic()
        with pytest.raises(TimeoutError, match="own limit"):
            await connector.find(Subject(identifiers=JO.identifiers), ask(10))

    assert time.monotonic() - before < 2


@pytest.mark.parametrize("connected", [False, True])
async def test_a_database_that_stands_still_ends_at_the_deadline(postgres: Postgres, source: Source, connected: bool) -> None:
    """It accepts and never answers, not even to being told to stop: nobody waits for it longer than agreed."""
    await postgres.execute(TABLES.format(id="integer", date="date"))
    async with opened(source(SCHOOL.format(url=postgres.url, deadline=5.0))) as connector:
        if connected:
            await connector.find(JO, ask())
        with postgres.suspended():
            before = time.monotonic()
            with pytest.raises(TimeoutError):
                await connector.find(JO, ask(0.5))
            took = time.monotonic() - before
        assert len(await connector.find(JO, ask())) == 2

    assert took < 1.5


@pytest.mark.parametrize("when", ["before", "between"])
async def test_a_server_that_stops_in_the_middle_of_a_list_ends_at_the_deadline(postgres: Postgres, source: Source, when: str) -> None:
    await postgres.execute(
        TABLES.format(id="integer", date="date") + "insert into mark select n, 7, '2026-09-01', '/' from generate_series(10, 3000) n"
    )
    async with opened(source(SCHOOL.format(url=postgres.url, deadline=5.0))) as connector:
        await connector.check()
        stream = connector.provided()["Attendance"](Person(id="7"), ask(1.0))
        if when == "between":
            await anext(stream)
        with postgres.suspended():
            before = time.monotonic()
            with pytest.raises(TimeoutError):
                async for _ in stream:
                    pass
            took = time.monotonic() - before

    assert took < 2.0


async def test_a_source_is_read_and_never_written(postgres: Postgres, source: Source) -> None:
    """Even a query that slips a change into a common table expression is stopped by the session."""
    await postgres.execute(TABLES.format(id="integer", date="date"))
    change = "with gone as (delete from pupil where scn = :scn returning *) select * from gone"
    text = SCHOOL.format(url=postgres.url, deadline=5.0).replace("select * from pupil where scn = :scn", change)
    async with opened(source(text)) as connector:
        with pytest.raises(Misconfigured, match="25006"):
            await connector.find(Subject(identifiers=JO.identifiers), ask())


async def test_uuid_and_numeric_ids_come_back_as_what_they_are(postgres: Postgres, source: Source) -> None:
    await postgres.execute(
        TABLES.format(id="integer", date="date") + "drop table if exists child; create table child (key uuid, name text, born date);"
        "insert into child values ('6f2a1d3e-9c47-4b8a-a1f0-2d4e6c8b0a17', 'Ash', '2014-02-03')"
    )
    text = f"""
    source = {{ agency = "a", reads = "sql", url = "{postgres.url}", contact = "desk" }}
    find.demographics = {{ query = "select * from child where name = :family_name and born = :birth_date" }}
    person = {{ id = "key", family_name = "name", birth_date = "born" }}
    [provide.Flag]
    query = "select key, born from child where key = :person_id and born >= :since limit :limit"
    id = "key"
    fields = {{ start = "born" }}
    """
    async with opened(source(text)) as connector:
        (person,) = await connector.find(JO, ask())
        (record,) = await listed(connector, "Flag", person, ask())

    assert person.id == record.id == "6f2a1d3e-9c47-4b8a-a1f0-2d4e6c8b0a17"
    assert record.fields == {"start": "2014-02-03"}


async def test_of_more_than_fifty_persons_fifty_are_seen_and_it_is_said_that_there_are_more(tmp_path: Path, source: Source) -> None:
    file = _crowd(tmp_path, 300)
    text = SCHOOL.format(url=f"sqlite:///{file}", deadline=5.0).replace(" limit 51", "")
    async with opened(source(text)) as connector:
        found = await connector.find(Subject(family_name="Ash", birth_date="2014-02-03"), ask())

    assert (len(found), found.more) == (50, True)


async def test_fifty_persons_are_not_too_many(tmp_path: Path, source: Source) -> None:
    """Two of them stand in the file already."""
    file = _crowd(tmp_path, 48)
    async with opened(source(SCHOOL.format(url=f"sqlite:///{file}", deadline=5.0))) as connector:
        found = await connector.find(Subject(family_name="Ash", birth_date="2014-02-03"), ask())

    assert (len(found), found.more) == (50, False)


LOOSELY = """
source = {{ agency = "hillview-school", reads = "sql", url = "sqlite:///{file}", contact = "desk" }}
find.scn = {{ query = "select * from pupil where scn = :scn" }}
find.sounds = {{ query = "select * from pupil where sounds = :family_soundex and substr(dob, 1, 4) = :birth_year" }}
find.day = {{ query = "select * from pupil where substr(dob, 6) = :birth_month_day and substr(forename, 1, 1) = upper(:given_start)" }}
find.swapped = {{ query = "select * from pupil where dob = :birth_date_swapped" }}
find.start = {{ query = "select * from pupil where lower(substr(surname, 1, 3)) = :family_start and dob = :birth_date" }}
find.named = {{ query = "select * from pupil where first_sounds = :given_soundex and dob = :birth_date" }}
person = {{ id = "pupil_id", given_name = "forename", family_name = "surname", birth_date = "dob", identifiers = {{ scn = "scn" }} }}
[provide.Attendance]
query = "select * from mark where pupil_id = :person_id"
id = "mark_id"
fields = {{ occurredOn = "day" }}
"""


def _loose(tmp_path: Path, *pupils: tuple[str, str, str]) -> Path:
    """A file of pupils (given name, family name, birth date) with the codes of sound that databases have."""
    file = tmp_path / "loose.db"
    with sqlite3.connect(file) as database:
        database.executescript("create table mark (mark_id text, pupil_id text, day text);")
        database.execute(
            "create table pupil (pupil_id integer, forename text, surname text, dob text, sounds text, first_sounds text, scn text)"
        )
        rows = [(at, *each, soundex(each[1]), soundex(each[0]), f"{at:09}") for at, each in enumerate(pupils)]
        database.executemany("insert into pupil values (?, ?, ?, ?, ?, ?, ?)", rows)
    return file


MISSPELT = {
    "the family name by ear": (("Rowan", "Isbystir", "2014-02-08"), True),
    "the year of birth": (("Rowan", "Isbister", "2015-02-03"), True),
    "day and month the other way round": (("Rowan", "Isbister", "2014-03-02"), True),
    "the end of the family name": (("Rowan", "Isborough", "2014-02-03"), True),
    "the family name altogether, the given name by ear": (("Rouan", "Tulloch", "2014-02-03"), True),
    "all of it": (("Una", "Tulloch", "2009-11-27"), False),
}  # fmt: skip


@pytest.mark.parametrize("case", MISSPELT)
async def test_several_loose_searches_find_a_child_that_is_misspelt_here(case: str, tmp_path: Path, source: Source) -> None:
    pupil, there = MISSPELT[case]
    typed = Subject(given_name="Rowan", family_name="Isbister", birth_date="2014-02-03")
    async with opened(source(LOOSELY.format(file=_loose(tmp_path, pupil)))) as connector:
        found = await connector.find(typed, ask())

    assert (len(found) == 1) is there
    assert not found.more


async def test_what_is_not_typed_leaves_its_loose_searches_out(tmp_path: Path, source: Source) -> None:
    async with opened(source(LOOSELY.format(file=_loose(tmp_path, ("Rowan", "Isbister", "2014-02-03"))))) as connector:
        assert not connector.can_find(Subject(given_name="Rowan", family_name="Isbister", birth_date="2014"))
        assert await connector.find(Subject(family_name="Isbister", birth_date="2014-02-03"), ask())


async def test_one_search_that_finds_too_many_takes_nothing_from_another(tmp_path: Path, source: Source) -> None:
    """Sixty share the sound of the name and the year; the search by number finds the child, whom matching may link by it."""
    others = [("Ina", "Ash", f"2014-05-{at % 28 + 1:02}") for at in range(60)]
    typed = Subject(given_name="Rowan", family_name="Ash", birth_date="2014-02-03", identifiers=(Identifier("scn", "000000060"),))
    async with opened(source(LOOSELY.format(file=_loose(tmp_path, *others, ("Rowan", "Birch", "2014-02-03"))))) as connector:
        found = await connector.find(typed, ask())

    assert found.more
    assert "60" in [each.id for each in found]
    assert len(found) == 51


async def test_two_hundred_are_the_most_whatever_several_searches_find(tmp_path: Path, source: Source) -> None:
    by_sound = [("Ina", "Ash", f"2014-05-{at % 28 + 1:02}") for at in range(50)]
    by_day = [("Rory", "Tulloch", "2013-02-03")] * 50
    swapped = [("Una", "Muir", "2014-03-02")] * 50
    by_start = [("Una", "Ashcroft", "2014-02-03")] * 50
    named = [("Rouan", "Birch", "2014-02-03")] * 49
    typed = Subject(given_name="Rowan", family_name="Ash", birth_date="2014-02-03")
    async with opened(source(LOOSELY.format(file=_loose(tmp_path, *by_sound, *by_day, *swapped, *by_start, *named)))) as connector:
        found = await connector.find(typed, ask())

    assert (len(found), found.more) == (200, True)


def _crowd(tmp_path: Path, count: int) -> Path:
    with sqlite3.connect(tmp_path / "many.db") as database:
        database.executescript(TABLES.format(id="integer", date="text"))
        many = [(number,) for number in range(100, 100 + count)]
        database.executemany("insert into pupil values (?, 'Jo', 'Ash', '2014-02-03', null)", many)
    return tmp_path / "many.db"


async def test_a_record_that_cannot_be_read_is_still_told_of(tmp_path: Path, source: Source, standard: Standard) -> None:
    """It is yielded, so that it is set aside and counted; the standard refuses it."""
    with sqlite3.connect(tmp_path / "bad.db") as database:
        database.executescript(TABLES.format(id="integer", date="text"))
        database.execute("insert into mark values (null, 7, 'last Tuesday', '/')")
        database.execute("insert into mark values (6, 7, 'soon', '/')")
    text = SCHOOL.format(url=f"sqlite:///{tmp_path}/bad.db", deadline=5.0).replace('"day"', '{{ from = "day", as = "date" }}'.format())
    async with opened(source(text)) as connector:
        records = await listed(connector, "Attendance", Person(id="7"), ask())
    bad = [record for record in records if record.fields["occurredOn"] is UNREADABLE]

    assert len(records) == 5
    assert sorted(record.id for record in bad) == ["", "6"]
    for record in bad:
        with pytest.raises(ValueError, match="Attendance"):
            validate(standard.kinds["Attendance"], record)


async def test_a_column_that_is_not_there_is_a_mistake_in_the_file(school: Declared, source: Source) -> None:
    async with opened(source(_text(school).replace('id = "mark_id"', 'id = "markid"'), "slip")) as connector:
        with pytest.raises(Misconfigured, match="markid"):
            await listed(connector, "Attendance", Person(id="7"), ask())


def _text(declared: Declared) -> str:
    return str(declared.connector.declaration.document.text)  # type: ignore[attr-defined]


MARKED = """
source = {{ agency = "refuge", reads = "sql", url = "sqlite:///{file}", contact = "desk" }}
find.demographics = {{ query = "select * from person where family = :family_name" }}
person = {{ id = "id", family_name = "family", birth_date = "born", shield = "shield", cleared = "cleared", identifiers = {{ chi = "chi" }} }}
"""


@pytest.fixture
def marked(tmp_path: Path, source: Source) -> Callable[..., Declared]:
    def make(*rows: tuple[Any, ...]) -> Declared:
        with sqlite3.connect(tmp_path / "marked.db") as database:
            database.execute("create table person (id text, family text, born text, shield text, cleared text, chi)")
            database.executemany("insert into person values (?, 'Ash', '2014-02-03', ?, ?, ?)", rows)
        return source(MARKED.format(file=tmp_path / "marked.db"))

    return make


async def test_shields_and_who_is_cleared_are_read(marked: Callable[..., Declared]) -> None:
    rows = ("a", "LOCATION", '["https://id|sub-1"]', None), ("b", " identity ", None, "0302140018"), ("c", "", "", None)
    async with opened(marked(*rows)) as connector:
        persons = {each.id: each for each in await connector.find(Subject(family_name="Ash"), ask())}

    assert {each.id: (each.shield, each.cleared) for each in persons.values()} == {
        "a": ("LOCATION", ("https://id|sub-1",)),
        "b": ("IDENTITY", ()),
        "c": (None, ()),
    }
    assert persons["b"].identifiers == (Identifier("chi", "0302140018"),)


@pytest.mark.parametrize(
    ("row", "key"),
    [
        (("a", None, None, 302140018), "identifiers.chi"),
        ((None, None, None, None), "id"),
    ],
)
async def test_a_person_that_cannot_be_read_fails_the_find(marked: Callable[..., Declared], row: tuple[Any, ...], key: str) -> None:
    """A number that has lost its leading zeros is nobody's number."""
    async with opened(marked(row)) as connector:
        with pytest.raises(Misconfigured, match=f"person.{key} "):
            await connector.find(Subject(family_name="Ash"), ask())


async def test_a_marker_nobody_knows_is_the_strongest_and_a_list_nobody_can_read_clears_nobody(marked: Callable[..., Declared]) -> None:
    async with opened(marked(("a", "S-FLAG", None, None), ("b", "LOCATION", "sub-1", None))) as connector:
        persons = {person.id: person for person in await connector.find(Subject(family_name="Ash"), ask())}

    assert (persons["a"].shield, persons["b"].shield, persons["b"].cleared) == ("IDENTITY", "LOCATION", ())


async def test_two_finds_that_meet_one_person_give_one_person(marked: Callable[..., Declared], tmp_path: Path, source: Source) -> None:
    """Of two shields the stronger holds, and only whom both clear is cleared."""
    declared = marked(("a", None, '["x|1", "x|2"]', "0302140018"), ("a", "LOCATION", '["x|2"]', None))
    async with opened(declared) as connector:
        persons = await connector.find(Subject(family_name="Ash"), ask())

    assert [(each.id, each.shield, each.cleared, len(each.identifiers)) for each in persons] == [("a", "LOCATION", ("x|2",), 1)]


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("postgresql://127.0.0.1:1/x", Unavailable),
        ("sqlite:////nowhere/at/all.db", Unavailable),
        ("duckdb:///nowhere/at/all", Misconfigured),
        ("mysql://localhost/x", Misconfigured),
        ("nonsense", Misconfigured),
        ("env:CHILDVIEW_TEST_NOT_SET", Misconfigured),
        ("file:not-there", Misconfigured),
    ],
)
async def test_a_database_out_of_reach_or_unheard_of_is_told_apart(source: Source, url: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        async with opened(source(SCHOOL.format(url=url, deadline=2.0))) as connector:
            await connector.find(JO, ask())


async def test_a_database_that_refuses_us_is_refused(postgres: Postgres, source: Source) -> None:
    await postgres.execute(TABLES.format(id="integer", date="date") + "drop role if exists stranger; create role stranger login;")
    url = postgres.url.replace("postgres:@", "stranger@")
    async with opened(source(SCHOOL.format(url=url, deadline=2.0))) as connector:
        with pytest.raises(Refused, match="42501"):
            await connector.find(JO, ask())


async def test_nothing_outside_the_folder_can_be_read(tmp_path: Path, source: Source) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "pupil.csv").write_text("pupil_id,scn\n1,123456789\n")
    (tmp_path / "outside.csv").write_text("pupil_id,scn\n2,123456789\n")
    for file in ("../outside.csv", f"{tmp_path}/outside.csv", "inside/../../outside.csv", "https://example.org/x.csv"):
        text = f"""
        source = {{ agency = "a", reads = "sql", url = "duckdb://{tmp_path}/inside", contact = "desk" }}
        find.scn = {{ query = "select * from read_csv('{file}', all_varchar=true) where scn = :scn" }}
        person = {{ id = "pupil_id", identifiers = {{ scn = "scn" }}, shield = "scn" }}
        """
        async with opened(source(text)) as connector:
            with pytest.raises((Misconfigured, Unavailable)):
                await connector.find(JO, ask())


async def test_no_log_line_and_no_error_says_anything_about_the_child(
    school: Declared, source: Source, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even with every logger of the process at its most talkative."""
    broken = source(_text(school).replace("lower(surname)", "lower(sirname)"), "broken")
    with caplog.at_level(logging.DEBUG):
        async with opened(school) as connector:
            persons = await connector.find(JO, ask())
            await listed(connector, "Attendance", persons[0], ask())
        async with opened(broken) as connector:
            with pytest.raises(Misconfigured) as raised:
                await connector.find(JO, ask())
    printed = capsys.readouterr()
    said = caplog.text + printed.out + printed.err + repr(raised.value) + str(raised.value.__cause__)

    assert not [secret for secret in ("Ash", "123456789", "2014-02-03", "UNAUTHORISED") if secret in said]
