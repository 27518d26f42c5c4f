"""One source file: what is taken, and every way of being refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors import ConfigurationError, Misconfigured, Mistake, Person, Subject
from connectors.declarative import Declared, declare, readers
from connectors.matching import Matcher
from connectors.standard import Standard

Source = Callable[..., Declared]

SQL = """
source = { agency = "hillview-school", reads = "sql", sdk = 1, url = "env:MIS_URL", contact = "MIS desk, 01234 567891", deadline = 5.0, coverage = { from = 2019-08-01 } }
find.scn = { query = "select * from pupil where scn = :scn" }
find.demographics = { query = "select * from pupil where dob = :birth_date limit 51" }     # a 51st row = too many
person = { id = "pupil_id", given_name = "forename", family_name = "surname", birth_date = "dob", identifiers = { scn = "scn" } }
provide.Attendance = { query = "select * from mark where pupil_id = :person_id and day >= :since", id = "mark_id", fields = { occurredOn = "day", code = { from = "mark", map = { "/" = "PRESENT", O = "UNAUTHORISED" }, else = "OTHER" }, sourceCode = "mark" } }
"""
REST = """
source = { agency = "northshire-police", reads = "rest", sdk = 1, url = "env:POLICE_URL", contact = "Desk, 01234 567890", auth = { bearer = "env:POLICE_TOKEN" }, needs = ["postcode"] }
find.demographics = { post = "/people/search", body = { surname = ":family_name", dob = ":birth_date" }, rows = "people" }
person = { id = "urn", given_name = "forename", family_name = "surname", birth_date = "dob", postcode = "home/postcode", shield = "marker" }
provide.WellbeingConcern = { get = "/people/:person_id/concerns", rows = "items", next = "links/next", id = "ref", fields = { occurredOn = "occurred", summary = "text", sourceCode = "type" } }
"""
FHIR = """
source = { agency = "northshire-nhs", reads = "fhir", sdk = 1, url = "env:FHIR_URL", contact = "Clinical desk, 01234 567892" }
find.nhs_number = { search = "Patient", parameters = { identifier = "https://fhir.nhs.uk/Id/nhs-number|:nhs_number" } }
person = { identifiers = { nhs_number = "https://fhir.nhs.uk/Id/nhs-number" } }     # a Patient's names, dates, addresses are read by the reader itself
provide.HealthContact = { search = "Encounter", parameters = { patient = ":person_id" }, id = "id", fields = { occurredOn = { from = "period/start", as = "date" }, setting = "class/code" } }
"""


@pytest.mark.parametrize("text", [SQL, REST, FHIR], ids=["sql", "rest", "fhir"])
def test_the_files_of_the_contract_are_taken_as_they_stand(source: Source, text: str) -> None:
    declared = source(text, "a-source")

    assert declared.id == "a-source"
    assert declared.settings.sdk == 1
    assert declared.connector.contact == declared.settings.contact
    assert len(declared.connector.provided()) == 1


def test_settings_have_the_defaults_that_are_promised(source: Source) -> None:
    settings = source(FHIR).settings

    assert (settings.deadline, settings.needs, settings.local, settings.tier, settings.service) == (5.0, (), False, None, None)
    assert str(source(SQL).settings.coverage.from_) == "2019-08-01"


def test_what_a_source_can_be_searched_by_follows_from_its_finds(source: Source) -> None:
    assert source(SQL).connector.finds_by == {"scn", "demographics"}
    assert source(FHIR).connector.finds_by == {"nhs_number"}
    assert source(FHIR).connector.can_find(Subject(family_name="Ash", birth_date="2014-02-03")) is False


def test_a_source_vouches_where_its_persons_name_their_workers(source: Source) -> None:
    def with_workers(text: str) -> str:
        return text.replace("person = {", 'person = { workers = "team",', 1)

    assert [source(text).connector.vouches for text in (SQL, REST, FHIR)] == [False, False, False]
    assert [source(with_workers(text)).connector.vouches for text in (SQL, REST, FHIR)] == [True, True, True]


def test_a_list_of_who_works_with_whom_is_a_source_by_itself(source: Source) -> None:
    text = "\n".join(line for line in SQL.splitlines() if not line.startswith("provide"))

    assert source(text.replace("person = {", 'person = { workers = "team",')).connector.provided() == {}
    assert "CV350" in [id for id, _, _ in _mistakes(source, text)]


def _mistakes(source: Source, text: str) -> list[tuple[str, int | None, str]]:
    with pytest.raises(ConfigurationError) as raised:
        source(text)
    for mistake in raised.value.mistakes:
        assert mistake.file is not None
        assert mistake.file.endswith("a-source.toml")
        assert mistake.line is not None
    return [(each.id, each.line, str(each)) for each in raised.value.mistakes]


REFUSED = [
    # settings
    (SQL, "deadline = 5.0", "dedline = 5.0", "CV151", "source.dedline"),
    (SQL, "deadline = 5.0", "deadline = -1", "CV151", "deadline"),
    (SQL, 'contact = "MIS desk, 01234 567891", ', "", "CV151", "source.contact"),
    (SQL, "sdk = 1", 'sdk = "1"', "CV151", "sdk"),
    (SQL, "sdk = 1", "sdk = 2", "CV153", "sdk is 2"),
    (SQL, 'reads = "sql"', 'reads = "sequel"', "CV152", "sequel"),
    (SQL, "source = {", "sauce = 1\nsource = {", "CV151", "sauce"),
    (SQL, "coverage = { from = 2019-08-01 }", 'coverage = { from = "lately" }', "CV151", "coverage"),
    (SQL, 'url = "env:MIS_URL"', 'url = "postgresql://mis:secret@db/x"', "CV154", "password"),
    (SQL, 'url = "env:MIS_URL"', 'url = "postgresql://db/x?password=secret"', "CV154", "password"),
    (REST, 'bearer = "env:POLICE_TOKEN"', 'bearer = "secret"', "CV154", "bearer"),
    (REST, 'bearer = "env:POLICE_TOKEN"', 'user = "env:U"', "CV151", "user and password"),
    (REST, 'needs = ["postcode"]', 'needs = ["shoe size"]', "CV151", "needs"),
    # person
    (SQL, 'person = { id = "pupil_id", ', "person = { ", "CV350", "person.id"),
    (SQL, 'given_name = "forename"', 'first_name = "forename"', "CV350", "person.first_name"),
    (SQL, 'birth_date = "dob"', 'birth_date = { from = "dob", as = "day" }', "CV350", "'day'"),
    (REST, 'shield = "marker"', 'shield = { from = "marker", map = { S = "SECRET" } }', "CV350", "SECRET"),
    (REST, 'shield = "marker"', 'shield = { from = "marker", map = { S = "LOCATION" }, else = "NONE" }', "CV350", "NONE"),
    (SQL, "person = {", 'person = { workers = { value = "morag" },', "CV350", "person.workers must name where it stands"),
    (FHIR, "person = { identifiers", 'person = { family_name = "x", identifiers', "CV350", "person.family_name"),
    (FHIR, 'nhs_number = "https://fhir.nhs.uk/Id/nhs-number" }', 'nhs_number = "nhs" }', "CV350", "person.identifiers.nhs_number"),
    # find
    (SQL, "scn = :scn", "scn = :scm", "CV355", ":scm"),
    (SQL, "where scn = :scn", "where scn = '1'", "CV355", "everybody"),
    (SQL, "where scn = :scn", "where postcode = :postcode", "CV356", "needs"),
    (SQL, "where scn = :scn", "where scn = '{scn}' or scn = :scn", "CV358", "pasted"),
    (SQL, "where scn = :scn", "where scn = '%s' or scn = :scn", "CV358", "pasted"),
    (SQL, "where scn = :scn", "where scn = ':scn' or scn = :scn", "CV358", "quotes"),
    (SQL, "where scn = :scn", "where scn = :scn -- not :upn", "CV358", "comment"),
    (SQL, "where scn = :scn", "where scn = :scn; delete from pupil", "CV358", "more than one statement"),
    (SQL, "select * from pupil where scn = :scn", "delete from pupil where scn = :scn", "CV358", "select"),
    (SQL, 'find.scn = { query', 'find.scn = { sql = "x", query', "CV350", "find.scn.sql"),
    (REST, 'post = "/people/search", body', 'get = "/people/search", body', "CV359", "address"),
    (REST, '"/people/search", body', '"/people/search", params = { q = ":upn" }, body', "CV359", "address"),
    (REST, '"/people/search"', '"/people/:nhs_number"', "CV359", "address"),
    (REST, 'surname = ":family_name"', 'surname = "like :family_name"', "CV355", "part of a text"),
    (REST, '"/people/search"', '"https://elsewhere.example/people"', "CV350", "begins with /"),
    (REST, '"/people/search"', '"/people?x=1"', "CV350", "no query"),
    (REST, '"/people/search"', '"/people/../admin"', "CV350", "path"),
    (FHIR, 'search = "Patient"', 'search = "Person"', "CV350", "Patient"),
    (FHIR, "|:nhs_number", "|x:nhs_number:", "CV355", "uses nothing"),
    (FHIR, '"https://fhir.nhs.uk/Id/nhs-number|:nhs_number"', '"a :nhs_number"', "CV355", "inside a text"),
    # provide
    (SQL, "provide.Attendance", "provide.Attendence", "CV351", "Attendence"),
    (SQL, "occurredOn =", "ocurredOn =", "CV352", "ocurredOn"),
    (SQL, "occurredOn =", "kind =", "CV352", "'kind'"),
    (SQL, "occurredOn =", "provenance =", "CV352", "'provenance'"),
    (SQL, 'id = "mark_id", ', "", "CV350", "provide.Attendance.id"),
    (SQL, "pupil_id = :person_id and", "", "CV357", ":person_id"),
    (SQL, "day >= :since", "day >= :until", "CV355", ":until"),
    (SQL, "day >= :since", "scn = :scn", "CV355", ":scn"),
    (SQL, '"PRESENT"', '"HERE"', "CV354", "'HERE'"),
    (SQL, 'else = "OTHER"', 'else = "ELSE"', "CV354", "'ELSE'"),
    (SQL, 'sourceCode = "mark"', 'session = { value = "NIGHT" }', "CV354", "'NIGHT'"),
    (SQL, 'sourceCode = "mark"', "minutesLate = { value = true }", "CV354", "minutesLate"),
    (SQL, 'sourceCode = "mark"', 'periodStart = { value = "soon" }', "CV354", "'soon'"),
    (SQL, 'sourceCode = "mark"', 'sourceCode = { from = "mark", as = "code" }', "CV353", "'code'"),
    (SQL, 'sourceCode = "mark"', 'sourceCode = { from = "mark", value = "x" }', "CV353", "either from or value"),
    (SQL, 'sourceCode = "mark"', "sourceCode = {}", "CV353", "either from or value"),
    (SQL, 'sourceCode = "mark"', 'sourceCode = { from = "mark", else = "x" }', "CV353", "else without map"),
    (SQL, 'sourceCode = "mark"', 'sourceCode = { value = "x", as = "text" }', "CV353", "value stands alone"),
    (SQL, 'sourceCode = "mark"', 'sourceCode = { from = "mark", when = "x" }', "CV353", "when"),
    (SQL, 'sourceCode = "mark"', "sourceCode = 5", "CV353", "sourceCode"),
    (REST, 'summary = "text"', 'summary = "a//b"', "CV353", "a//b"),
    (REST, "/people/:person_id/concerns", "/people/concerns/:upn", "CV359", ":upn"),
    (REST, "/people/:person_id/concerns", "/people/x:person_id/concerns", "CV357", ":person_id"),
    (REST, "/people/:person_id/concerns", "/people/p-:person_id/concerns", "CV355", "part of a step"),
    (REST, 'get = "/people', 'post = "/x", get = "/people', "CV350", "either get or post"),
    (FHIR, 'patient = ":person_id"', 'patient = "5"', "CV357", ":person_id"),
    (FHIR, 'search = "Encounter"', 'search = "../Encounter"', "CV350", "resource"),
    (FHIR, 'as = "date"', 'as = "day"', "CV353", "'day'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "old", "new", "id", "words"), REFUSED)
def test_a_mistake_is_refused_with_its_id_and_words(source: Source, text: str, old: str, new: str, id: str, words: str) -> None:
    assert old in text
    found = _mistakes(source, text.replace(old, new, 1))

    assert id in [each[0] for each in found]
    assert any(each[0] == id and words in each[2] for each in found), found


def test_every_mistake_shows_at_once_and_each_where_it_stands(source: Source) -> None:
    text = """[source]
agency = "a"
reads = "sql"
url = "postgresql://u:p@h/x"
contact = 5
[find.one]
query = "select * from t where a = :nobody"
[find.two]
query = "select * from t where a = :phone"
[person]
surname = "x"
[provide.Attendance]
query = "select * from t"
id = "id"
[provide.Attendance.fields]
code = { from = "a", map = { x = "X" } }
nothing = "a"
[provide.Nonsense]
query = "select * from t where a = :person_id"
"""
    found = [(id, line) for id, line, _ in _mistakes(source, text)]

    assert found == [
        ("CV154", 4), ("CV151", 5), ("CV355", 6), ("CV356", 8), ("CV350", 10), ("CV350", 11), ("CV357", 12), ("CV354", 16), ("CV352", 17),
        ("CV351", 18), ("CV350", 18),
    ]  # fmt: skip


def test_a_file_that_is_no_toml_says_where(source: Source) -> None:
    ((id, line, _),) = _mistakes(source, "source = {}\nfind = \n")

    assert (id, line) == ("CV150", 2)


@pytest.mark.parametrize(
    "text", ["", "source = 5", "find = 5\nperson = 5\nprovide = 5\nsource = { reads = 'sql' }", "source = { reads = 5 }"]
)
def test_whatever_stands_in_a_file_is_refused_and_never_a_bug(source: Source, text: str) -> None:
    assert _mistakes(source, text)


async def test_a_secret_is_looked_for_when_the_source_opens_and_named_when_it_is_missing(
    tmp_path: Path, standard: Standard, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sources").mkdir()
    path = tmp_path / "sources" / "police.toml"
    path.write_text(REST.replace('"env:POLICE_TOKEN"', '"file:keys/police"'))
    declared = declare(path, standard, tmp_path)
    monkeypatch.delenv("POLICE_URL", raising=False)
    with pytest.raises(Misconfigured, match="POLICE_URL"):
        await declared.connector.open()
    monkeypatch.setenv("POLICE_URL", "https://police.example/api")
    with pytest.raises(Misconfigured, match="keys/police"):
        await declared.connector.open()
    await declared.connector.close()
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "police").write_text("a-token\n")

    await declared.connector.open()
    await declared.connector.close()
    await declared.connector.close()


def test_the_readers_are_found_by_their_entry_points() -> None:
    assert {"sql", "rest", "fhir"} <= readers().keys()


def test_a_thousand_files_can_be_checked_in_seconds(source: Source) -> None:
    """A large federation starts without a pause: one file takes a few milliseconds."""
    source(SQL)
    before = time.process_time()
    for _ in range(20):
        source(SQL)

    assert (time.process_time() - before) / 20 < 0.05


# Matching, tuned

WEIGHTS = files("connectors.matching").joinpath("data/weights.toml").read_text("utf-8")
MODEL: dict[str, Any] = {
    "sql_dialect": "duckdb",
    "probability_two_random_records_match": 0.001,
    "comparisons": [
        {
            "output_column_name": "forename",
            "comparison_levels": [
                {"sql_condition": '"forename_l" = "forename_r"', "m_probability": 0.9, "u_probability": 0.01, "tf_adjustment_column": "forename"},
                {"sql_condition": "ELSE", "m_probability": 0.1, "u_probability": 0.99},
            ],
        }
    ],
}  # fmt: skip
#: Files that are all right, by their names.
TUNED = {
    "weights.toml": WEIGHTS.replace("link = 7.0", "link = 12.5"),
    "model.json": msgspec.json.encode(MODEL).decode(),
    "tf.json": '{"forename": {"Isla": 0.01}}',
    "mapping.toml": 'given_name = "forename"\n',
}
MODEL_KEYS = 'model = "model.json", frequencies = "tf.json", mapping = "mapping.toml"'


def _tuned(folder: Path, standard: Standard, matching: str, changed: Mapping[str, str | None] | None = None) -> Declared:
    """A source with this table, beside the files above, of which some are changed or (None) left out."""
    for name, text in {**TUNED, **(changed or {})}.items():
        if text is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
    path = folder / "a-source.toml"
    path.write_text(SQL.replace("deadline = 5.0", f"matching = {{ {matching} }}"), "utf-8")
    return declare(path, standard, folder.parent)


def test_a_source_matches_as_its_agency_has_tuned_it(tmp_path: Path, standard: Standard) -> None:
    matcher = _tuned(tmp_path, standard, f'population = 4000, weights = "weights.toml", {MODEL_KEYS}').matcher

    assert (matcher.size, matcher.weights.bands.link) == (4000, 12.5)
    assert matcher.trained
    assert matcher.trained.plan.row(Subject(given_name="Isla")) == {"forename": "Isla"}
    assert matcher.trained.model.comparisons[0].levels[0].frequency


def test_a_source_that_says_nothing_of_matching_matches_as_shipped(source: Source) -> None:
    assert source(SQL).matcher == Matcher()


def test_a_model_never_switches_the_brother_sister_or_twin_off(tmp_path: Path, standard: Standard) -> None:
    trained = _tuned(tmp_path, standard, MODEL_KEYS).matcher.trained

    assert trained
    assert trained.siblings is True
    assert [each.id for each in _untuned(tmp_path, standard, f"siblings = false, {MODEL_KEYS}")] == ["CV151"]


def test_a_match_among_a_million_has_fewer_bits_than_one_among_a_hundred(tmp_path: Path, standard: Standard) -> None:
    typed, held = (
        Subject(given_name="Isla", family_name="Campbell", birth_date="2014-03-16"),
        [Person(id="1", given_name="Isla", family_name="Campbell", birth_date="2014-03-16")],
    )
    for model in ("", f", {MODEL_KEYS}"):
        few = _tuned(tmp_path, standard, f"population = 100{model}").matcher.match(typed, held)[0].bits
        many = _tuned(tmp_path, standard, f"population = 1000000{model}").matcher.match(typed, held)[0].bits

        assert many < few - 3


def _untuned(folder: Path, standard: Standard, matching: str, changed: Mapping[str, str | None] | None = None) -> list[Mistake]:
    """What is wrong; everything has a file that there is and a line."""
    with pytest.raises(ConfigurationError) as raised:
        _tuned(folder, standard, matching, changed)
    for mistake in raised.value.mistakes:
        assert mistake.file
        assert mistake.line
        assert Path(mistake.file).exists()
    return raised.value.mistakes


_NO_TABLE = 'model = "model.json", mapping = "mapping.toml"'
_ELSEWHERE = msgspec.json.encode({**MODEL, "sql_dialect": "spark"}).decode()
_UNKNOWN_CONDITION = TUNED["model.json"].replace('= \\"forename_r', '~ \\"forename_r').replace(',"tf_adjustment_column":"forename"', "")
UNTUNED = [
    # the table itself
    ("populaton = 4000", {}, "CV151", "a-source.toml", "source.matching.populaton"),
    ("population = 0", {}, "CV151", "a-source.toml", "source.matching.population"),
    ("population = -5", {}, "CV151", "a-source.toml", "source.matching.population"),
    ("population = 2000000000", {}, "CV151", "a-source.toml", "source.matching.population"),
    ("population = true", {}, "CV151", "a-source.toml", "source.matching.population"),
    ('population = "many"', {}, "CV151", "a-source.toml", "source.matching.population"),
    ("weights = 5", {}, "CV151", "a-source.toml", "source.matching.weights"),
    ('weights = ""', {}, "CV151", "a-source.toml", "source.matching.weights"),
    ('weights = "a\\u0000b"', {}, "CV151", "a-source.toml", "source.matching.weights"),
    ('mapping = "mapping.toml"', {}, "CV151", "a-source.toml", "source.matching.mapping belongs to a model"),
    ('frequencies = "tf.json"', {}, "CV151", "a-source.toml", "source.matching.frequencies belongs to a model"),
    # files that are not there, or are none
    ('weights = "weights.toml"', {"weights.toml": None}, "CV605", "a-source.toml", "source.matching.weights: weights.toml: cannot be read"),
    ('weights = "."', {}, "CV605", "a-source.toml", "cannot be read"),
    (MODEL_KEYS, {"model.json": None}, "CV601", "a-source.toml", "source.matching.model: model.json: cannot be read"),
    (MODEL_KEYS, {"tf.json": None}, "CV604", "a-source.toml", "source.matching.frequencies: tf.json: cannot be read"),
    (MODEL_KEYS, {"mapping.toml": None}, "CV612", "a-source.toml", "source.matching.mapping: mapping.toml: cannot be read"),
    # weights
    ('weights = "weights.toml"', {"weights.toml": "given ="}, "CV605", "weights.toml", "is not TOML"),
    ('weights = "weights.toml"', {"weights.toml": WEIGHTS.replace("possible = -6.0", "possible = 9.0")}, "CV605", "weights.toml", "nobody would be offered"),
    ('weights = "weights.toml"', {"weights.toml": WEIGHTS.replace("\nblurred =", "\nblured =")}, "CV605", "weights.toml", "blured"),
    # models
    (MODEL_KEYS, {"model.json": "{"}, "CV601", "a-source.toml", "source.matching.model: model.json: This is not a Splink model"),
    (MODEL_KEYS, {"model.json": _ELSEWHERE}, "CV601", "a-source.toml", "'spark'"),
    (_NO_TABLE, {"model.json": _UNKNOWN_CONDITION}, "CV602", "a-source.toml", "is not known"),
    (MODEL_KEYS, {"model.json": TUNED["model.json"].replace('"m_probability":0.9,', "")}, "CV603", "a-source.toml", "no m_probability"),
    (MODEL_KEYS, {"tf.json": "[]"}, "CV604", "a-source.toml", "source.matching.frequencies: tf.json: "),
    (MODEL_KEYS, {"tf.json": "{}"}, "CV604", "a-source.toml", "needs the term frequencies of 'forename'"),
    (MODEL_KEYS, {"mapping.toml": "given_nam = 'forename'"}, "CV612", "mapping.toml", "given_nam"),
    (MODEL_KEYS, {"mapping.toml": "family_name = 'forename2'"}, "CV612", "a-source.toml", "reads the column 'forename'"),
]  # fmt: skip


@pytest.mark.parametrize(("matching", "changed", "id", "file", "words"), UNTUNED)
def test_a_mistake_in_the_matching_of_a_source_is_refused_where_it_stands(
    tmp_path: Path, standard: Standard, matching: str, changed: dict[str, str | None], id: str, file: str, words: str
) -> None:
    found = _untuned(tmp_path, standard, matching, changed)

    assert {(each.id, Path(each.file or "").name) for each in found} == {(id, file)}
    assert any(words in str(each) for each in found), found
    assert file != "a-source.toml" or [each.line for each in found] == [2] * len(found)


def test_mistakes_in_the_files_of_matching_show_with_all_others(tmp_path: Path, standard: Standard) -> None:
    wrong = {"weights.toml": "nonsense = 1", "model.json": None, "tf.json": None, "mapping.toml": "x = 1"}

    found = _untuned(tmp_path, standard, f'sibling = 1, population = 0, weights = "weights.toml", {MODEL_KEYS}', wrong)

    told = [(each.id, Path(each.file or "").name) for each in found]
    assert sorted(told[:4]) == [("CV151", "a-source.toml")] * 2 + [("CV601", "a-source.toml"), ("CV604", "a-source.toml")]
    assert set(told[4:]) == {("CV605", "weights.toml"), ("CV612", "mapping.toml")}


def test_files_of_matching_are_found_from_the_folder_of_the_source_wherever_they_lie(tmp_path: Path, standard: Standard) -> None:
    """As with ``file:PATH``: whoever writes a source's file says where things are."""
    sources = tmp_path / "federation" / "sources"
    sources.mkdir(parents=True)
    (tmp_path / "elsewhere.toml").write_text(TUNED["weights.toml"], "utf-8")
    (sources / "tuned").mkdir()
    (sources / "tuned" / "link.toml").symlink_to(tmp_path / "elsewhere.toml")

    for name in ("weights.toml", "../../elsewhere.toml", "tuned/link.toml", str(tmp_path / "elsewhere.toml")):
        assert _tuned(sources, standard, f'weights = "{name}"').matcher.weights.bands.link == 12.5
