"""A model that an agency has trained on its own records with Splink, in place of the shipped bits against an unrelated child.

Only against an unrelated child: such a model supposes that fields speak for themselves, and so takes twins for one child. The brother,
sister or twin stays a rival of its own, with the bits of the weights (discussion 2023 of Splink; measured in the how-to page).
"""

from __future__ import annotations

from math import log2

import msgspec

from connectors.connector import Person, Subject
from connectors.matching import splink
from connectors.matching.scoring import Part, Score, both
from connectors.matching.tables import Plan

#: What a trained model's comparisons are called among the parts of a score.
PREFIX = "model: "


class Trained(msgspec.Struct, frozen=True):
    """A trained model, and how a child becomes a row that it reads. Without ``siblings`` it stands alone: for files without families."""

    model: splink.SplinkModel
    plan: Plan
    siblings: bool = True

    def score(self, subject: Subject, person: Person, own: Score, population: int | None) -> Score:
        """The own score with the model's bits in place of its own against an unrelated child. The parts still add up."""
        found = splink.score(self.model, self.plan.row(subject), self.plan.row(person))
        parts = [msgspec.structs.replace(part, unrelated=0.0) for part in own.parts]
        parts += [Part(PREFIX + part.comparison, part.level, part.bits + part.tf_bits, 0.0) for part in found.parts]
        unrelated = found.bits + (self.model.prior_bits if population is None else -log2(population))
        sibling = own.sibling if self.siblings else _NO_RIVAL
        return msgspec.structs.replace(own, parts=tuple(parts), unrelated=unrelated, sibling=sibling, bits=both(unrelated, sibling))


#: So far away that it takes nothing from any score.
_NO_RIVAL = 1000.0
