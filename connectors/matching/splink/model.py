"""A trained model as it scores: comparisons with their levels, the first of which that holds is taken and paid in bits. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import msgspec

Record = Mapping[str, str | None]
Frequencies = Mapping[str, Mapping[str, float]]
#: True, False, or None where SQL says NULL: then the level is not taken.
Condition = Callable[[Record, Record], bool | None]


class TermFrequency(msgspec.Struct, frozen=True):
    """How a level pays more for a rare value: ``weight`` times log2 of ``u`` over the value's frequency, never below ``minimum``."""

    column: str
    u: float
    weight: float
    minimum: float
    frequencies: Mapping[str, float]

    def bits(self, left: Record, right: Record) -> float:
        """The adjustment in bits; a value that is in no table adjusts nothing, and where one side's is missing the other's counts."""
        found = [self.frequencies.get(value) for value in (left.get(self.column), right.get(self.column)) if value is not None]
        known = [frequency for frequency in found if frequency is not None]
        return self.weight * (math.log2(self.u) - math.log2(max(*known, self.minimum))) if known else 0.0


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which two values can meet. ``bits`` is log2 of m over u, 0 for a null level. ``holds`` is ``condition``, understood."""

    label: str
    condition: str
    holds: Condition
    null: bool = False
    bits: float = 0.0
    frequency: TermFrequency | None = None


class Comparison(msgspec.Struct, frozen=True):
    """Levels in order: the first that holds is taken, and the last is ELSE."""

    name: str
    levels: tuple[Level, ...]


class SplinkModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that can score. ``columns`` are all that it reads from a record; ``prior_bits`` are log2 of p over 1 - p."""

    prior_bits: float
    comparisons: tuple[Comparison, ...]
    columns: tuple[str, ...]


class Part(msgspec.Struct, frozen=True):
    """What one comparison said: the level taken, its bits, and its bits for how rare the value is."""

    comparison: str
    level: str
    bits: float
    tf_bits: float


class Scored(msgspec.Struct, frozen=True):
    """``weight`` is Splink's match_weight: the prior and ``bits``. ``bits`` are the evidence alone, the sum of all parts."""

    weight: float
    bits: float
    parts: tuple[Part, ...]


def score(model: SplinkModel, left: Record, right: Record) -> Scored:
    """Score one pair. A column that a record lacks is NULL. Equal to Splink within rounding (1e-9 bits)."""
    parts = tuple(_part(comparison, left, right) for comparison in model.comparisons)
    bits = sum(part.bits + part.tf_bits for part in parts)
    return Scored(model.prior_bits + bits, bits, parts)


def _part(comparison: Comparison, left: Record, right: Record) -> Part:
    for level in comparison.levels:
        if level.holds(left, right):
            frequency = level.frequency
            return Part(comparison.name, level.label, level.bits, frequency.bits(left, right) if frequency else 0.0)
    raise AssertionError("the last level is ELSE")
