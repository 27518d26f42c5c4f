"""A model's JSON, and its tables of frequencies, read: every mistake at once, each naming its comparison and level."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from connectors.errors import ConfigurationError, Mistake
from connectors.matching.splink.conditions import ELSE, parse
from connectors.matching.splink.model import Comparison, Frequencies, Level, SplinkModel, TermFrequency
from connectors.matching.splink.terms import NotKnown, Term

MAX_BYTES, MAX_LEVELS = 2_000_000, 200
#: A table of names is larger than a model.
MAX_TABLE_BYTES = 32_000_000

_Pair = tuple[dict[str, Any], Term]
#: Stands only in a model that is refused.
_UNKNOWN = Term(kind="truth", of=lambda left, right: None)


def read(text: str | bytes, *, file: str, term_frequencies: Frequencies | None = None) -> SplinkModel:
    """The model in this JSON, or a ``ConfigurationError`` with every mistake in it, each naming its comparison and level.

    ``term_frequencies`` holds, for each column that the model adjusts by, the share of records with each value: Splink keeps these
    tables apart from the model. A model that needs a table which is not given is refused.
    """
    reader = _Reader(file, term_frequencies or {})
    model = reader.model(text)
    if model is None or reader.mistakes:
        raise ConfigurationError(reader.mistakes)
    return model


def read_frequencies(text: str | bytes, *, file: str) -> Frequencies:
    """Term frequencies as ``{"column": {"value": frequency}}``, or a ``ConfigurationError``. ``read`` looks at each number."""
    try:
        if len(text) > MAX_TABLE_BYTES:
            raise ValueError("it is larger than 32 MB")
        return msgspec.json.decode(text, type=dict[str, dict[str, float]])
    except (ValueError, RecursionError) as wrong:
        words = f"The term frequencies cannot be read: {wrong}."
        hint = 'Expected {"column": {"value": frequency}}.'
        raise ConfigurationError([Mistake(id="CV604", message=words, file=file, hint=hint)]) from None


_MODEL_KEYS = frozenset({
    "sql_dialect", "link_type", "comparisons", "probability_two_random_records_match", "blocking_rules_to_generate_predictions",
    "retain_matching_columns", "retain_intermediate_calculation_columns", "additional_columns_to_retain", "unique_id_column_name",
    "source_dataset_column_name", "bayes_factor_column_prefix", "match_weight_column_prefix", "comparison_vector_value_column_prefix",
    "term_frequency_adjustment_column_prefix", "em_convergence", "max_iterations", "linker_uid",
})  # fmt: skip
_COMPARISON_KEYS = frozenset({"output_column_name", "comparison_levels", "comparison_description"})
_LEVEL_KEYS = frozenset({
    "sql_condition", "label_for_charts", "is_null_level", "m_probability", "u_probability", "fix_m_probability", "fix_u_probability",
    "tf_adjustment_column", "tf_adjustment_weight", "tf_minimum_u_value", "disable_tf_exact_match_detection",
})  # fmt: skip
#: Splink takes no m or u below this.
_SMALLEST = 1e-300


class _Reader:
    """Reads one model and keeps all that is wrong with it."""

    def __init__(self, file: str, tables: Frequencies) -> None:
        self.file, self.tables = file, tables
        self.mistakes: list[Mistake] = []
        self.columns: set[str] = set()
        self.adjusted: set[str] = set()

    def wrong(self, id: str, message: str, hint: str | None = None) -> None:
        self.mistakes.append(Mistake(id=id, message=message, file=self.file, hint=hint))

    def model(self, text: str | bytes) -> SplinkModel | None:
        raw = self._json(text)
        if raw is None:
            return None
        self._keys("The model", raw, _MODEL_KEYS)
        if raw.get("sql_dialect") != "duckdb":
            hint = "Only models made for DuckDB are known to mean the same here."
            self.wrong("CV601", f"The model is made for {raw.get('sql_dialect')!r}.", hint)
        prior = self._probability("The model", raw, "probability_two_random_records_match", below=1.0)
        comparisons = self._comparisons(raw.get("comparisons"))
        self._spelling()
        for column in sorted(set(self.tables) - self.adjusted):
            self.wrong("CV604", f"A term frequency table is given for {column!r}, by which the model adjusts nothing.")
        columns = tuple(sorted(self.columns))
        return SplinkModel(prior_bits=math.log2(prior / (1 - prior)), comparisons=comparisons, columns=columns) if prior else None

    def _json(self, text: str | bytes) -> dict[str, Any] | None:
        try:
            if len(text) > MAX_BYTES:
                raise ValueError("it is larger than 2 MB")
            raw = msgspec.json.decode(text)
            if not isinstance(raw, dict):
                raise ValueError("it is no JSON object")
            return raw
        except (ValueError, RecursionError) as wrong:
            self.wrong("CV601", f"This is not a Splink model that can be read: {wrong}.", "Write it with linker.misc.save_model_to_json.")
            return None

    def _keys(self, where: str, raw: Mapping[str, Any], known: frozenset[str]) -> None:
        for key in sorted(raw.keys() - known):
            self.wrong("CV601", f"{where} has {key!r}, which is not a key that we know.", "It may change scores, so it is not passed over.")

    def _comparisons(self, raw: object) -> tuple[Comparison, ...]:
        found = [each for each in raw if isinstance(each, dict)] if isinstance(raw, list) else []
        if not isinstance(raw, list) or not found or len(found) < len(raw):
            self.wrong("CV601", "The model has no list of comparisons that can be read.")
        levels = sum(len(each["comparison_levels"]) for each in found if isinstance(each.get("comparison_levels"), list))
        if levels > MAX_LEVELS:
            self.wrong("CV601", f"The model has {levels} levels, more than {MAX_LEVELS}.")
            return ()
        read = [self._comparison(each, number) for number, each in enumerate(found, 1)]
        names = [comparison.name for comparison in read]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.wrong("CV601", f"Two comparisons are named {name!r}.")
        return tuple(read)

    def _comparison(self, raw: dict[str, Any], number: int) -> Comparison:
        name, levels = raw.get("output_column_name"), raw.get("comparison_levels")
        if not isinstance(name, str) or not name:
            self.wrong("CV601", f"Comparison {number} has no output_column_name.")
            name = str(number)
        where = f"Comparison {name!r}"
        self._keys(where, raw, _COMPARISON_KEYS)
        if not isinstance(levels, list) or not levels or not all(isinstance(level, dict) for level in levels):
            self.wrong("CV601", f"{where} has no list of levels that can be read.")
            return Comparison(name, ())
        conditions = [self._condition(f"{where}, level {place}", level) for place, level in enumerate(levels, 1)]
        if [condition is ELSE for condition in conditions] != [False] * (len(levels) - 1) + [True]:
            self.wrong("CV601", f"{where} must end in one ELSE level, or some pairs have no score.")
        pairs = [*zip(levels, conditions, strict=True)]
        return Comparison(name, tuple(self._level(f"{where}, level {place}", pair, pairs) for place, pair in enumerate(pairs, 1)))

    def _condition(self, where: str, level: dict[str, Any]) -> Term:
        """The level's condition, understood; one that is not is a mistake, and nothing stands in for it."""
        text = level.get("sql_condition")
        if not isinstance(text, str):
            self.wrong("CV601", f"{where} has no sql_condition.")
            return _UNKNOWN
        try:
            found = parse(text)
        except NotKnown as unknown:
            self.wrong("CV602", f"{where}: the condition {text[:300]!r} is not known: {unknown}.", "Use a level of Splink's library.")
            return _UNKNOWN
        self.columns |= found.columns
        return found

    def _level(self, where: str, own: _Pair, all_levels: Sequence[_Pair]) -> Level:
        raw, condition = own
        self._keys(where, raw, _LEVEL_KEYS)
        null = self._flag(where, raw, "is_null_level")
        text, label = str(raw.get("sql_condition")), raw.get("label_for_charts")
        label = label if isinstance(label, str) and label else text
        if null:
            return Level(label=label, condition=text, holds=condition.of, null=True)
        m, u = (self._probability(where, raw, key) for key in ("m_probability", "u_probability"))
        bits = math.log2(m / u) if m and u else 0.0
        return Level(label=label, condition=text, holds=condition.of, bits=bits, frequency=self._frequency(where, own, all_levels))

    def _frequency(self, where: str, own: _Pair, levels: Sequence[_Pair]) -> TermFrequency | None:
        raw, condition = own
        named = raw.get("tf_adjustment_column")
        weight = self._number(where, raw, "tf_adjustment_weight", 1.0)
        minimum = self._number(where, raw, "tf_minimum_u_value", 0.0)
        detect = not self._flag(where, raw, "disable_tf_exact_match_detection")
        if named is None:
            return None
        if weight == 0:
            self.wrong("CV604", f"{where}: a tf_adjustment_weight of 0 is read as 1 by Splink itself.", "Leave tf_adjustment_column out.")
        if not isinstance(named, str):
            self.wrong("CV604", f"{where}: tf_adjustment_column is no text.")
            return None
        column = named.strip('"')
        self.columns.add(column)
        self.adjusted.add(column)
        table = self._table(where, column)
        u = self._exact_u(where, column, levels) if detect else raw.get("u_probability")
        if table is None or not isinstance(u, int | float) or not u > 0 or condition is ELSE:
            return None
        return TermFrequency(column, u, weight, minimum, table)

    def _exact_u(self, where: str, column: str, levels: Sequence[_Pair]) -> object:
        """The u of the first level that says only that the column is equal: frequencies replace that one."""
        for raw, condition in levels:
            if condition.exact is not None and condition.exact.lower() == column.lower():
                return raw.get("u_probability")
        self.wrong("CV604", f"{where} adjusts by the frequency of {column!r}, and no level of the comparison says that it is equal.")
        return None

    def _table(self, where: str, column: str) -> Mapping[str, float] | None:
        table = self.tables.get(column)
        if table is None:
            self.wrong("CV604", f"{where} needs the term frequencies of {column!r}.", "Export the table beside the model.")
        elif not all(_is_number(share) and 0 < share <= 1 for share in table.values()):
            self.wrong("CV604", f"{where}: a term frequency of {column!r} is not above 0 and at most 1.")
        else:
            return table
        return None

    def _probability(self, where: str, raw: Mapping[str, Any], key: str, *, below: float | None = None) -> float | None:
        value = raw.get(key)
        if value is None:
            self.wrong("CV603", f"{where} has no {key}.", "Splink leaves it out when it saw no such pair: set it by hand.")
        elif not _is_number(value) or not _SMALLEST <= value <= 1 or value == below:
            self.wrong("CV603", f"{where}: {key} is {value!r}, not a probability above 0.", "Give one above 0 and at most 1.")
        else:
            return float(value)
        return None

    def _number(self, where: str, raw: Mapping[str, Any], key: str, default: float) -> float:
        value = raw.get(key, default)
        if _is_number(value) and 0 <= value <= 1_000:
            return float(value)
        self.wrong("CV604", f"{where}: {key} is {value!r}, not a number that can be used.")
        return default

    def _flag(self, where: str, raw: Mapping[str, Any], key: str) -> bool:
        value = raw.get(key, False)
        if not isinstance(value, bool):
            self.wrong("CV601", f"{where}: {key} is {value!r}, neither true nor false.")
        return value is True

    def _spelling(self) -> None:
        """DuckDB takes ``Name`` and ``name`` for one column; a record here does not."""
        folded: dict[str, set[str]] = {}
        for column in self.columns:
            folded.setdefault(column.lower(), set()).add(column)
        for spellings in folded.values():
            if len(spellings) > 1:
                self.wrong("CV601", f"One column is written in several ways: {', '.join(sorted(spellings))}.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
