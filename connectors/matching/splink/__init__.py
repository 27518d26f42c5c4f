"""A trained Splink model (4 or 5, made for DuckDB) read from its JSON, and pairs of records scored by it exactly as Splink would.

Nothing is guessed and no SQL is run: a model is read whole or refused whole, and a condition is known only if every part of it is one
that was measured to mean here what it means in DuckDB. What is known: columns ``x_l`` and ``x_r``, texts and numbers in ``=``, ``<>``,
``<``, ``<=``, ``>``, ``>=``; ``IS [NOT] NULL``; AND, OR, NOT with SQL's three truths; jaro_winkler_similarity, jaro_similarity, jaccard,
levenshtein, damerau_levenshtein; lower, substring, left, nullif, ``||``, CAST AS TEXT; ABS(EPOCH(..) - EPOCH(..)) of try_strptime with
the formats of ``functions``; and regexp_extract with the patterns of Splink's own postcode and e-mail comparisons.

A record is a mapping from column to text or None. None is SQL's NULL and an empty text is a value, as in Splink: whoever trains with
empties turned into NULL must ask with None.

Distances count characters, as DuckDB 2.0.1 does. Older DuckDB (2.0.0 was measured) counts bytes, so that there a model trained on such a
one may take another level for a name with an accent; for ASCII the two are equal.
"""

from __future__ import annotations

from connectors.matching.splink.model import Comparison, Frequencies, Level, Part, Record, Scored, SplinkModel, TermFrequency, score
from connectors.matching.splink.reading import MAX_BYTES, MAX_LEVELS, MAX_TABLE_BYTES, read, read_frequencies

__all__ = [
    "MAX_BYTES", "MAX_LEVELS", "MAX_TABLE_BYTES", "Comparison", "Frequencies", "Level", "Part", "Record", "Scored", "SplinkModel",
    "TermFrequency", "read", "read_frequencies", "score",
]  # fmt: skip
