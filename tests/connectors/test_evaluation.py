"""The statistics of matching against figures worked out elsewhere, and children read from JSON and from rows."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from connectors import ConfigurationError
from connectors.connector import Address, Identifier, Person, Subject
from connectors.matching import SHIPPED, Matcher
from connectors.matching.evaluation import THRESHOLDS, Question, Share, evaluate, wilson
from connectors.matching.loading import load_matcher, load_model
from connectors.matching.queries import read_query
from connectors.matching.tables import Columns, DateColumn, HomeColumns, MappingFile, columns_of, plan_of

# Statistics


@pytest.mark.parametrize(
    ("n", "of", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_interval_is_wilsons(n: int, of: int, low: float, high: float) -> None:
    assert wilson(n, of) == pytest.approx((low, high), abs=0.00005)


def test_the_bounds_of_the_page_are_right() -> None:
    assert [round(10_000 * wilson(0, of)[1]) for of in (300, 1_000, 4_000, 40_000)] == [126, 38, 10, 1]


def test_a_share_of_nothing_is_none() -> None:
    assert Share(0, 0).share is None


ROSA = {"given_name": "Rosalind", "family_name": "Featherstone", "birth_date": "2014-02-03"}


def question(line: int, subject: dict[str, str], persons: list[dict[str, str]], same: set[int], lost: int = 0) -> Question:
    people = tuple(Person(id=str(at), **each) for at, each in enumerate(persons))
    gone = tuple((900 + at, Person(id=f"lost-{at}")) for at in range(lost))
    return Question(line=line, subject=Subject(**subject), persons=people, lines=tuple(range(len(people))), same=frozenset(same), lost=gone)


def test_links_offers_misses_and_losses_are_counted() -> None:
    twin, stranger = {**ROSA, "given_name": "Gwendolen"}, {"given_name": "Otis", "family_name": "Blue", "birth_date": "2009-05-06"}
    asked = [
        question(1, ROSA, [ROSA, stranger], {0}),
        question(2, ROSA, [ROSA], set()),
        question(3, ROSA, [stranger], {0}),
        question(4, ROSA, [twin], set(), lost=1),
        question(5, ROSA, [], set()),
    ]

    found = evaluate(asked, Matcher())

    assert (found.questions, found.pairs, found.positives) == (5, 5, 3)
    assert (found.precision, found.recall, found.lost) == (Share(1, 2), Share(1, 3), Share(1, 3))
    assert (found.false_links, found.wrong) == (1, Share(1, 5))
    assert {(case.kind, case.line, case.other) for case in found.cases} == {("false-link", 2, 0), ("missed", 3, 0), ("lost", 4, 900)}


def test_who_is_offered_counts_apart_from_who_is_linked() -> None:
    unsure = msgspec.structs.replace(SHIPPED, bands=msgspec.structs.replace(SHIPPED.bands, link=40.0))

    found = evaluate([question(1, ROSA, [ROSA, ROSA], {0, 1}), question(2, ROSA, [ROSA], set())], Matcher(weights=unsure))

    assert (found.recall, found.offered, found.precision) == (Share(0, 2), Share(2, 2), Share(0, 0))
    assert (found.choices, found.shown, found.wrong) == (Share(2, 2), 1.5, Share(0, 2))


def test_of_each_kind_no_more_cases_are_kept_than_asked_for() -> None:
    asked = [question(at, ROSA, [ROSA], set()) for at in range(5)]

    found = evaluate(asked, Matcher(), most=2)

    assert ([case.line for case in found.cases], found.false_links) == ([0, 1], 5)


def test_the_safe_threshold_is_the_lowest_from_which_on_nobody_is_linked_wrongly() -> None:
    asked = [question(1, ROSA, [ROSA], {0}), question(2, {**ROSA, "family_name": "Fetherstone"}, [ROSA], set())]

    found = evaluate(asked, Matcher())

    assert found.safe
    assert all(at.false_links == 0 for at in found.sweep if at.threshold >= found.safe.threshold)
    assert found.safe.threshold == 0 or found.sweep[int(found.safe.threshold) - 1].false_links > 0


def drawn(seed: int) -> list[Question]:
    """Questions in which persons compete: few names, few days, some numbers."""
    chance = random.Random(seed)

    def child() -> dict[str, object]:
        return {
            "given_name": chance.choice(["Rosalind", "Rosalin", "Gwen", "Otis", None]),
            "family_name": chance.choice(["Featherstone", "Fetherston", "Blue"]),
            "birth_date": chance.choice(["2014-02-03", "2014-03-02", "2014-02-04", "2009"]),
            "sex": chance.choice(["F", None]),
            "identifiers": chance.choice([(), (Identifier("upn", "A1"),), (Identifier("ours", "7"),), (Identifier("ours", "8"),)]),
            "addresses": chance.choice([(), (Address(postcode="NS1 1AA"),)]),
        }

    asked = []
    for line in range(60):
        persons = tuple(Person(id=str(at), **child()) for at in range(chance.randrange(6)))  # type: ignore[arg-type]
        same = frozenset(at for at in range(len(persons)) if chance.random() < 0.3)
        subject = Subject(**child())  # type: ignore[arg-type]
        asked.append(Question(line=line, subject=subject, persons=persons, lines=tuple(range(len(persons))), same=same))
    return asked


@pytest.mark.parametrize("seed", range(4))
def test_the_sweep_says_what_the_matcher_says_at_that_threshold(seed: int) -> None:
    """The sweep looks again only at whom the threshold can change; that must not change what comes out."""
    asked = drawn(seed)
    swept = evaluate(asked, Matcher(population=200)).sweep
    assert [at.threshold for at in swept] == list(THRESHOLDS)

    for at in swept[::5]:
        bands = msgspec.structs.replace(SHIPPED.bands, link=at.threshold)
        found = evaluate(asked, Matcher(weights=msgspec.structs.replace(SHIPPED, bands=bands), population=200))
        assert (at.recall, at.precision, at.false_links, at.wrong, at.choices) == (
            found.recall, found.precision, found.false_links, found.wrong, found.choices,
        )  # fmt: skip


# JSON


def read(text: str | bytes, **how: bool) -> object:
    return read_query(text.encode() if isinstance(text, str) else text, "<stdin>", 3, **how)


def test_every_field_of_a_query_is_read() -> None:
    one = (
        '{"identifiers": [{"system": "chi", "value": 302140905}], "given_name": " Jo ", "middle_names": ["A", "B"], "family_name": "Ash",'
        ' "former_family_name": "", "birth_date": "2014-02", "sex": "F", "addresses": [{"line": "1 High St", "town": null, "postcode": "NS1 1AA",'
        ' "from": "2020", "to": "2021"}], "phones": 1632960123, "school": "Hill", "parents": "Ann Ash"'
    )

    query = read(f'{{"subject": {one}}}, "candidates": [{one}, "id": 7, "postcode": "NS2"}}]}}')

    subject = Subject(
        identifiers=(Identifier("chi", "302140905"),), given_name="Jo", middle_names="A B", family_name="Ash", birth_date="2014-02",
        sex="F", addresses=(Address(line="1 High St", postcode="NS1 1AA", from_="2020", to="2021"),), phones=("1632960123",),
        school="Hill", parents=("Ann Ash",),
    )  # fmt: skip
    assert query.subject == subject  # type: ignore[attr-defined]
    assert query.candidates == (Person(id="7", postcode="NS2", **msgspec.structs.asdict(subject)),)  # type: ignore[attr-defined]


WRONG = [
    "CANARY",
    '"CANARY"',
    "[" * 100_000,
    '{"subject": {"CANARY": 1}, "candidates": []}',
    '{"subject": {"given_name": ["CANARY"]}, "candidates": []}',
    '{"subject": {"given_name": true, "school": "CANARY"}, "candidates": []}',
    '{"subject": {"phones": [1.5]}, "candidates": []}',
    '{"subject": {"birth_date": "CANARY"}, "candidates": []}',
    '{"subject": {"birth_date": "03/02/2014"}, "candidates": [{"id": "CANARY"}, {"id": "CANARY"}]}',
    '{"subject": {}, "candidates": [{"given_name": "CANARY"}]}',
    '{"subject": {}, "candidates": [{"id": ""}]}',
    '{"subject": {}, "candidates": [{"id": 1}, {"id": "1"}]}',
    '{"subject": {}, "candidates": [{"id": 1, "birth_date": "2014-02-30"}]}',
    '{"subject": {"identifiers": [{"CANARY": "x"}]}, "candidates": []}',
    '{"subject": {"identifiers": {"CANARY": "x"}}, "candidates": []}',
    '{"subject": {"given_name": "' + "CANARY" * 200 + '"}, "candidates": []}',
    '{"subject": {}, "candidates": [' + ",".join(f'{{"id": {at}}}' for at in range(1_001)) + "]}",
    '{"subject": {"given_name": "CANARY\\ud800"}, "candidates": []}',
    '{"subject": {"given_name": ' + "9" * 5_000 + '}, "candidates": []}',
    '{"subject": {}}',
    '{"candidates": []}',
    b'{"subject": {"given_name": "CANARY\xff"}, "candidates": []}',
]


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_a_wrong_query_is_refused_without_a_value(text: str | bytes) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(text)

    assert {(each.id, each.file, each.line) for each in refused.value.mistakes} == {("CV610", "<stdin>", 3)}
    assert "CANARY" not in str(refused.value)
    assert all(each.hint for each in refused.value.mistakes)


def test_every_wrong_date_and_id_of_a_query_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as refused:
        read('{"subject": {"birth_date": "x"}, "candidates": [{"id": 1}, {"id": "1", "birth_date": "y"}, {}]}')

    assert [each.message.split(":")[0] for each in refused.value.mistakes] == [
        "candidates[2]", "candidates[1]", "subject.birth_date", "candidates[1].birth_date",
    ]  # fmt: skip


def test_a_slip_in_a_key_brings_the_nearest_one() -> None:
    with pytest.raises(ConfigurationError, match="like 'family_name'"):
        read('{"subject": {"familyname": "Ash"}, "candidates": []}')


def test_ids_may_be_left_out_only_where_that_is_allowed() -> None:
    single = '{"subject": {}, "candidate": {"given_name": "Jo"}}'

    assert read(single, nameless=True).candidates == (Person(id="1", given_name="Jo"),)  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError):
        read(single)


# Rows

COLUMNS = Columns(
    given_name="forename", middle_names=("mid1", "mid2"), birth_date=DateColumn("DOB", "%d/%m/%Y"), phones="tel",
    addresses=(HomeColumns(line="addr1", postcode="pcode"), HomeColumns(postcode="old")), identifiers={"nhs_number": "NHS No"},
)  # fmt: skip
ROW = {
    "forename": " Jo ", "mid1": "A", "mid2": "", "family_name": "Ash", "DOB": "03/02/2014", "tel": "1; 2", "addr1": "1 High St",
    "pcode": "NS1 1AA", "old": "", "NHS No": "999 398 2598", "upn": "A1",
}  # fmt: skip


def test_a_row_becomes_a_child_and_a_child_a_row() -> None:
    plan, mistakes = plan_of(COLUMNS, list(ROW), "a.csv")
    assert mistakes == []

    child = plan.person(ROW, "7")

    assert child == Person(
        id="7", given_name="Jo", middle_names="A", family_name="Ash", birth_date="2014-02-03", phones=("1", "2"),
        addresses=(Address(line="1 High St", postcode="NS1 1AA"),),
        identifiers=(Identifier("nhs_number", "999 398 2598"), Identifier("upn", "A1")),
    )  # fmt: skip
    assert plan.row(child) == {**ROW, "forename": "Jo", "mid2": None, "tel": "1", "old": None}
    assert plan.columns == set(ROW)


def test_columns_that_are_not_there_are_told_all_at_once_with_those_that_are() -> None:
    mistakes = plan_of(COLUMNS, ["a_forename", "a_DOB"], "a.csv", "a_")[1]

    assert [each.message for each in mistakes] == [
        f"has no column 'a_{name}'." for name in ("mid1", "mid2", "tel", "addr1", "pcode", "old", "NHS No")
    ]
    assert {(each.id, each.hint) for each in mistakes} == {("CV612", "Its columns are 'a_forename', 'a_DOB'.")}


@pytest.mark.parametrize("date", ["2014-02-03", "31/02/2014", "CANARY"])
def test_a_date_of_another_format_is_refused_without_its_value(date: str) -> None:
    plan = plan_of(COLUMNS, list(ROW), "a.csv")[0]

    with pytest.raises(ValueError, match="birth_date") as refused:
        plan.subject({**ROW, "DOB": date})
    assert date not in str(refused.value)


def test_a_file_of_columns_is_read_for_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "columns.toml"
    path.write_text('family_name = "sn"\ngiven_name = "gn"\n[b]\ngiven_name = "forename"\n')

    mapping = columns_of(path)

    assert isinstance(mapping, MappingFile)
    assert (mapping.of(mapping.a).given_name, mapping.of(mapping.b).given_name) == ("gn", "forename")
    assert mapping.of(mapping.b).family_name == "sn"


@pytest.mark.parametrize(
    "text",
    [
        "given_nam = 1",
        'birth_date = { column = "DOB", format = "%d" }',
        'b.birth_date = { column = "DOB", format = "%Q" }',
        "given_name = ",
    ],
)
def test_a_wrong_file_of_columns_is_told_with_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "columns.toml"
    path.write_text(f"# ours\n{text}\n")

    with pytest.raises(ConfigurationError) as refused:
        columns_of(path)
    assert [(each.id, each.line) for each in refused.value.mistakes] == [("CV612", 2)]


# Loading


def test_thresholds_and_population_stand_in_for_those_of_the_weights() -> None:
    matcher = load_matcher(link=9.5, possible=-1.0, population=300)

    assert (matcher.weights.bands.link, matcher.weights.bands.possible, matcher.size) == (9.5, -1.0, 300)
    assert matcher.weights.bits == SHIPPED.bits


def test_everything_that_is_wrong_with_a_matcher_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "weights.toml").write_text("nonsense = 1\n")
    (tmp_path / "model.json").write_text("{")

    with pytest.raises(ConfigurationError) as refused:
        load_matcher(weights=tmp_path / "weights.toml", model=tmp_path / "model.json", link=1)
    assert {"CV605", "CV601"} <= {each.id for each in refused.value.mistakes}

    with pytest.raises(ConfigurationError) as refused:
        load_matcher(link=1, possible=2, frequencies=tmp_path / "model.json")
    assert [each.id for each in refused.value.mistakes] == ["CV615", "CV615"]


MODEL = {
    "sql_dialect": "duckdb",
    "probability_two_random_records_match": 0.001,
    "comparisons": [
        {
            "output_column_name": "forename",
            "comparison_levels": [
                {"sql_condition": '"forename_l" = "forename_r"', "m_probability": 0.9, "u_probability": 0.01},
                {"sql_condition": "ELSE", "m_probability": 0.1, "u_probability": 0.99},
            ],
        }
    ],
}


def test_a_model_reads_the_columns_that_the_mapping_names(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(msgspec.json.encode(MODEL))

    model, plan = load_model(path, None, Columns(given_name="forename", family_name="not-in-the-model"))

    assert plan.row(Subject(given_name="Rosalind", family_name="Featherstone")) == {"forename": "Rosalind"}
    assert set(model.columns) == plan.columns


def test_a_model_that_reads_a_column_nobody_names_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(msgspec.json.encode(MODEL))

    with pytest.raises(ConfigurationError, match="'forename'") as refused:
        load_model(path, None, Columns())
    assert [each.id for each in refused.value.mistakes] == ["CV612"]
