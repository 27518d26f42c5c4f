"""A trained Splink model, read and scored without Splink: equal to it, or refused.

The files in ``data/splink`` were made by ``python -m tests.bench.febrl sample`` (see tests/bench/febrl/README.md) from FEBRL, public
made-up people: a model of Splink 5, one of Splink 4, the frequencies they need, and 250 pairs each with the weight that Splink gave.
"""

from __future__ import annotations

import copy
import csv
import json
import math
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import ConfigurationError
from connectors.matching.splink import MAX_BYTES, SplinkModel, read, read_frequencies, score
from connectors.matching.splink.conditions import parse

DATA = Path(__file__).parent / "data" / "splink"
NULL = {"sql_condition": '"name_l" IS NULL OR "name_r" IS NULL', "label_for_charts": "name is NULL", "is_null_level": True}
EXACT = {"sql_condition": '"name_l" = "name_r"', "label_for_charts": "Exact match", "m_probability": 0.8, "u_probability": 0.1}
NEAR = {"sql_condition": 'jaro_winkler_similarity("name_l", "name_r") >= 0.9', "m_probability": 0.15, "u_probability": 0.1}
ELSE = {"sql_condition": "ELSE", "label_for_charts": "All other comparisons", "m_probability": 0.05, "u_probability": 0.8}


def made(*levels: dict[str, Any], **more: Any) -> str:
    """A model of one comparison, with these levels."""
    comparison = {"output_column_name": "name", "comparison_levels": [*levels]}
    return json.dumps({"sql_dialect": "duckdb", "probability_two_random_records_match": 0.2, "comparisons": [comparison]} | more)


def mistakes(text: str | bytes, **tables: Any) -> list[tuple[str, str]]:
    with pytest.raises(ConfigurationError) as refused:
        read(text, file="model.json", **tables)
    assert all(mistake.file == "model.json" for mistake in refused.value.mistakes)
    return [(mistake.id, mistake.message) for mistake in refused.value.mistakes]


def exported(version: str) -> SplinkModel:
    tables = read_frequencies((DATA / f"{version}.tf.json").read_bytes(), file="tf.json")
    return read((DATA / f"{version}.json").read_bytes(), file="model.json", term_frequencies=tables)


def pairs(version: str) -> list[tuple[dict[str, str | None], dict[str, str | None], float]]:
    with (DATA / f"{version}.tsv").open(encoding="utf-8", newline="") as lines:
        rows = [*csv.DictReader(lines, delimiter="\t")]
    sides = [[{key[:-2]: value or None for key, value in row.items() if key.endswith(side)} for side in ("_l", "_r")] for row in rows]
    return [(left, right, float(row["match_weight"])) for (left, right), row in zip(sides, rows, strict=True)]


@pytest.mark.parametrize("version", ["v5", "v4"])
def test_every_weight_is_the_one_that_splink_gave(version: str) -> None:
    model = exported(version)
    assert len(pairs(version)) >= 200
    for left, right, weight in pairs(version):
        assert score(model, left, right).weight == pytest.approx(weight, abs=1e-9, rel=0)


def test_the_parts_of_a_score_add_up_to_it() -> None:
    model = exported("v5")
    for left, right, _ in pairs("v5"):
        scored = score(model, left, right)
        assert scored.bits == pytest.approx(sum(part.bits + part.tf_bits for part in scored.parts))
        assert scored.weight == pytest.approx(model.prior_bits + scored.bits)
        assert [part.comparison for part in scored.parts] == [comparison.name for comparison in model.comparisons]


def test_the_first_level_that_holds_is_taken_and_named() -> None:
    model = read(made(NULL, EXACT, NEAR, ELSE), file="model.json")
    assert model.columns == ("name",)
    assert model.prior_bits == pytest.approx(-2)
    for left, right, label, bits in (
        ("ash", "ash", "Exact match", 3.0),
        ("ashley", "ashlee", NEAR["sql_condition"], math.log2(1.5)),
        ("ash", "oak", "All other comparisons", -4.0),
        ("ash", None, "name is NULL", 0.0),
        ("", "", "Exact match", 3.0),
    ):
        (part,) = score(model, {"name": left}, {"name": right}).parts
        assert (part.level, part.bits) == (label, pytest.approx(bits))


RARE = EXACT | {"tf_adjustment_column": "name", "tf_adjustment_weight": 1.0}


@pytest.mark.parametrize(
    ("level", "name", "bits"),
    [
        (RARE, "rare", math.log2(0.1 / 0.001)),
        (RARE, "common", -1.0),
        (RARE, "in no table", 0.0),
        (RARE | {"tf_adjustment_weight": 0.5}, "common", -0.5),
        (RARE | {"tf_minimum_u_value": 0.05}, "rare", 1.0),
    ],
)
def test_a_rare_value_says_more_than_a_common_one(level: dict[str, Any], name: str, bits: float) -> None:
    model = read(made(NULL, level, ELSE), file="model.json", term_frequencies={"name": {"rare": 0.001, "common": 0.2}})
    assert score(model, {"name": name}, {"name": name}).parts[0].tf_bits == pytest.approx(bits)


def test_a_near_value_is_adjusted_by_the_commoner_of_the_two_and_from_the_exact_levels_u() -> None:
    near = NEAR | {"tf_adjustment_column": "name"}
    model = read(made(NULL, EXACT, near, ELSE), file="model.json", term_frequencies={"name": {"ashley": 0.01, "ashlee": 0.05}})
    assert score(model, {"name": "ashley"}, {"name": "ashlee"}).parts[0].tf_bits == pytest.approx(1.0)
    assert score(model, {"name": "ashley"}, {"name": "ashleyy"}).parts[0].tf_bits == pytest.approx(math.log2(10))


UNKNOWN = [
    'soundex("name_l") = soundex("name_r")',
    'levenshtein("name_l", "name_r") <= 1 OR custom("name_l")',
    '"name_l" = "name_r"; drop table x',
    '"name_l" LIKE "name_r"',
    '"name_l" = 3',
    'ABS("name_l" - "name_r") <= 3',
    '"name" = "name_r"',
    "regexp_extract(\"name_l\", '.*$', 0) = 'x'",
    "try_strptime(\"name_l\", '%c') IS NULL",
    'array_length(list_intersect("name_l", "name_r")) >= 1',
    '"name_l" =',
    '"name_l" < "name_r"',
    '("name_l" = "name_r"',
    "(" * 200 + '"name_l" = "name_r"' + ")" * 200,
    "1 = 1 = 1",
    "TRUE",
    "",
]


@pytest.mark.parametrize("condition", UNKNOWN)
def test_a_condition_that_is_not_known_is_refused_by_comparison_and_level(condition: str) -> None:
    ((id, message),) = mistakes(made(NULL, EXACT | {"sql_condition": condition}, ELSE))
    assert id == "CV602"
    assert message.startswith("Comparison 'name', level 2: the condition ")


def test_every_mistake_is_told_at_once() -> None:
    unknown, missing = EXACT | {"sql_condition": "f(x_l)"}, {key: value for key, value in NEAR.items() if key != "m_probability"}
    out, rare = NEAR | {"u_probability": 1.5}, RARE
    told = mistakes(made(NULL, unknown, missing, out, rare, ELSE | {"match_weight": 3}))
    assert [id for id, _ in told] == ["CV602", "CV603", "CV603", "CV604", "CV601"]


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("", "CV601"),
        ("[]", "CV601"),
        (b"\xff", "CV601"),
        ("[" * 100_000, "CV601"),
        (" " * (MAX_BYTES + 1), "CV601"),
        (made(NULL, *[NEAR] * 200, ELSE), "CV601"),
        (made(NULL, EXACT), "CV601"),
        (made(NULL, ELSE, EXACT), "CV601"),
        (made(NULL, EXACT, ELSE, sql_dialect="spark"), "CV601"),
        (made(NULL, EXACT, ELSE, prior_of_my_own=1), "CV601"),
        (made(NULL, EXACT, ELSE, comparisons=[]), "CV601"),
        (made(NULL, EXACT, ELSE, comparisons=[3]), "CV601"),
        (made(NULL, EXACT, NEAR | {"sql_condition": '"Name_l" = "name_r"'}, ELSE), "CV601"),
        (made(NULL | {"is_null_level": "yes"}, EXACT, ELSE), "CV601"),
        (made(NULL, EXACT, ELSE, probability_two_random_records_match=1.0), "CV603"),
        (made(NULL, EXACT, ELSE, probability_two_random_records_match=None), "CV603"),
        (made(NULL, EXACT | {"m_probability": 0}, ELSE), "CV603"),
        (made(NULL, EXACT | {"u_probability": True}, ELSE), "CV603"),
        (made(NULL, EXACT | {"m_probability": "level not observed in training dataset"}, ELSE), "CV603"),
        (made(NULL, RARE, ELSE), "CV604"),
    ],
)
def test_what_cannot_be_scored_is_refused(text: str | bytes, id: str) -> None:
    assert id in {found for found, _ in mistakes(text)}


@pytest.mark.parametrize(
    ("tables", "text"),
    [
        ({"name": {"ash": 2.0}}, made(NULL, RARE, ELSE)),
        ({"name": {}, "other": {}}, made(NULL, RARE, ELSE)),
        ({"name": {"ash": 0.1}}, made(NULL, RARE | {"tf_adjustment_weight": 0}, ELSE)),
        ({"name": {}}, made(NULL, NEAR | {"tf_adjustment_column": "name"}, ELSE)),
    ],
)
def test_a_term_frequency_table_that_does_not_fit_is_refused(tables: dict[str, dict[str, float]], text: str) -> None:
    assert {id for id, _ in mistakes(text, term_frequencies=tables)} == {"CV604"}


@pytest.mark.parametrize("text", ["", "[]", '{"name": {"ash": "often"}}', '{"name": 0.1}'])
def test_term_frequencies_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="CV604"):
        read_frequencies(text, file="tf.json")


def test_no_exported_model_with_anything_broken_ever_raises_another_error() -> None:
    model, chance = json.loads((DATA / "v4.json").read_text("utf-8")), random.Random(3)
    for _ in range(200):
        broken = copy.deepcopy(model)
        place: Any = chance.choice(broken["comparisons"])
        if chance.random() < 0.8:
            place = chance.choice(place["comparison_levels"])
        place[chance.choice([*place])] = chance.choice([None, 3, -1, "x", [], {}, [3], '"', True, 1e400])
        with suppress(ConfigurationError):
            read(json.dumps(broken), file="model.json")


# The meaning of conditions, beside DuckDB itself.

POSTCODE, AREA = "^[A-Za-z]{1,2}[0-9][A-Za-z0-9]? [0-9]", "^[A-Za-z]{1,2}"
DAY = "ABS(EPOCH(try_strptime(\"b_l\", '{0}')) - EPOCH(try_strptime(\"b_r\", '{0}'))) <= {1}"
KNOWN = [
    '"a_l" IS NULL OR "a_r" IS NULL',
    "(\"a_l\" IS NULL OR \"a_l\" = '') OR (\"a_r\" IS NULL OR \"a_r\" = '')",
    '("a_l" IS NULL OR "a_r" IS NULL) AND ("b_l" IS NULL OR "b_r" IS NULL)',
    '"a_l" = "a_r"',
    'a_l <> b_r AND a_l IS NOT NULL',
    '"a_l" = "b_r" AND "a_r" = "b_l"',
    'NOT ("a_l" = "a_r") OR NOT "b_l" = "b_r"',
    *(f'jaro_winkler_similarity("a_l", "a_r") >= {least}' for least in (0.7, 0.8, 0.85, 0.88, 0.9, 0.92, 0.95)),
    *(f'jaro_similarity("a_l", "a_r") >= {least}' for least in (0.6, 0.7, 0.75, 0.8, 0.9)),
    *(f'levenshtein("a_l", "a_r") <= {most}' for most in (1, 2, 3, 2.5)),
    *(f'damerau_levenshtein("a_l", "a_r") <= {most}' for most in (1, 2, 3)),
    "jaccard(\"a_l\" || 'x', \"a_r\" || 'x') >= 0.5",
    'LOWER(a_l) || b_l = LOWER(a_r) || b_r',
    "NULLIF(SUBSTRING(LOWER(\"a_l\"), 1, 3), '') = NULLIF(SUBSTRING(LOWER(\"a_r\"), 1, 3), '')",
    'left("a_l", 1) = left("a_r", 1)',
    'levenshtein(CAST("a_l" AS TEXT), CAST("a_r" AS TEXT)) <= 1',
    *(f"NULLIF(regexp_extract(\"c_l\", '{pattern}', 0), '') = NULLIF(regexp_extract(\"c_r\", '{pattern}', 0), '')" for pattern in (POSTCODE, AREA, "^[^@]+")),
    *(f"try_strptime(\"b_l\", '{form}') IS NULL OR try_strptime(\"b_r\", '{form}') IS NULL" for form in ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%Y%m%d")),
    *(DAY.format(form, most) for form in ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%Y%m%d") for most in (86400, 2629800.0, 31557600.0)),
]  # fmt: skip


def slipped(text: str, chance: random.Random) -> str:
    """The text with up to three slips of the pen."""
    letters = [*text]
    for _ in range(chance.randint(0, 3)):
        place = chance.randrange(len(letters) + 1)
        kind = chance.choice(["add", "drop", "swap", "case"])
        if kind == "add":
            letters.insert(place, chance.choice("aeé日 -0İΣ😀"))
        elif kind == "drop":
            del letters[place : place + 1]
        elif kind == "swap":
            letters[place : place + 2] = letters[place : place + 2][::-1]
        else:
            letters[place : place + 1] = [letter.swapcase() for letter in letters[place : place + 1]]
    return "".join(letters)


#: Words that DuckDB reads as moments; not all of its versions as the same ones.
MOMENTS = ["epoch", " Epoch ", "infinity", "-INFINITY", "- infinity", "now"]


def a_pair(chance: random.Random) -> tuple[str | None, ...]:
    """a, b and c of both sides: names, dates in one of four ways of writing, postcodes and e-mail addresses; some missing or empty."""
    name = "".join(chance.choice("abcdeéñσΣİ日😀 '-") for _ in range(chance.randint(0, 11)))
    form = chance.choice(["{0:04d}-{1:02d}-{2:02d}", "{2:02d}/{1:02d}/{0:04d}", "{2}-{1}-{0}", "{0:04d}{1:02d}{2:02d}"])
    date = form.format(chance.choice([0, 1, 1899, 1970, 2000, 2013, 2014, 2100, 9999]), chance.randint(1, 13), chance.randint(0, 32))
    place = chance.choice(["KW15 1AA", "EH1 1YZ", "M1 1AE", "kw15 1aa", "SW1A 1AA", "jo@ash.example", "jo@", "@", "12"])
    left = [name, chance.choice([date] * 99 + MOMENTS), place]
    right = [slipped(text, chance) for text in left]
    return tuple(chance.choice([text] * 18 + [None, ""]) for text in (*left, *right))


def plain(row: tuple[str | None, ...]) -> tuple[str | None, ...]:
    """The row in ASCII, and no word in the place of a date."""
    ascii_only = [text and text.encode("ascii", "replace").decode() for text in row]
    return tuple("" if text and place in (1, 4) and any(map(str.isalpha, text)) else text for place, text in enumerate(ascii_only))


@pytest.fixture(scope="module")
def beside_duckdb() -> tuple[Any, list[tuple[str | None, ...]]]:
    duckdb = pytest.importorskip("duckdb")
    chance, connection = random.Random(7), duckdb.connect()
    rows = [a_pair(chance) for _ in range(3_000)]
    (apart,) = connection.execute("select levenshtein('é', 'e')").fetchone()
    if apart == 2:  # An older DuckDB counts bytes and reads other words as moments: compared where the two cannot differ.
        rows = [plain(row) for row in rows]
    connection.execute("create table pairs (n integer, a_l text, b_l text, c_l text, a_r text, b_r text, c_r text)")
    values = ", ".join(
        "(" + ", ".join([str(n), *("NULL" if text is None else "'" + text.replace("'", "''") + "'" for text in row)]) + ")"
        for n, row in enumerate(rows)
    )
    connection.execute(f"insert into pairs values {values}")
    return connection, rows


@pytest.mark.parametrize("condition", KNOWN)
def test_a_condition_means_what_it_means_in_duckdb(condition: str, beside_duckdb: tuple[Any, list[tuple[str | None, ...]]]) -> None:
    connection, rows = beside_duckdb
    expected = [truth for (truth,) in connection.execute(f"select {condition} from pairs order by n").fetchall()]
    holds = parse(condition).of
    found = [holds(dict(zip("abc", row[:3], strict=True)), dict(zip("abc", row[3:], strict=True))) for row in rows]
    assert [(row, here) for row, here, there in zip(rows, found, expected, strict=True) if here is not there] == []
