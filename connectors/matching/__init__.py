"""Is this person the subject? Pure, used at the source's side, and every answer explains itself.

``match`` puts every person a source found beside the subject, field by field, weighs the agreement against two rivals (an unrelated
child, and a brother, sister or twin), lets the persons compete, and says LINK, POSSIBLE or NON_LINK with the bits and their parts.
"""

from __future__ import annotations

from connectors.matching.bands import MatchBand
from connectors.matching.matcher import Evidence, Grade, Match, Matcher, Told, explained, grade, match
from connectors.matching.scoring import Part, Score
from connectors.matching.standing import Standing, confirmed, standing
from connectors.matching.weights import SHIPPED, Weights, weights_of

__all__ = [
    "SHIPPED", "Evidence", "Grade", "Match", "MatchBand", "Matcher", "Part", "Score", "Standing", "Told", "Weights", "confirmed",
    "explained", "grade", "match", "standing", "weights_of",
]  # fmt: skip
