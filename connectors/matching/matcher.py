"""``Matcher``: persons beside the subject, scored, competing, banded and explained. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from connectors.connector import Person, Subject
from connectors.matching.bands import MatchBand, Verdict, judge
from connectors.matching.described import Described, describe
from connectors.matching.scoring import OF_HOME, Score, score
from connectors.matching.trained import Trained
from connectors.matching.weights import SHIPPED, Bands, Weights
from connectors.matching.words import CAPS, for_practitioner, part_words
from connectors.scalars import SYSTEMS

Grade = Literal["certain", "probable", "possible", "certainly-not"]


class Evidence(msgspec.Struct, frozen=True):
    """One field that spoke for or against a match, in words. Never about place, phone, school or parents: that would be an oracle."""

    field: str
    words: str


class Told(msgspec.Struct, frozen=True):
    """One part of a score for whoever tunes the matching: the parts' bits add up to the score."""

    field: str
    words: str
    bits: float


class Match(msgspec.Struct, frozen=True):
    """How sure we are that a source's person is the subject, and why.

    ``bits`` are log2 odds after all rivals and competitors. ``flags`` name what looks wrong with the record itself, for whoever keeps it.
    ``slip`` are the systems of the numbers without which it would be no
    match. ``classes`` are the fields that may be spoken of and how each compared (``given_name:near``), without a value, for the log.
    """

    band: MatchBand
    evidence: tuple[Evidence, ...]
    bits: float = 0.0
    flags: tuple[str, ...] = ()
    slip: frozenset[str] = frozenset()
    classes: tuple[str, ...] = ()
    score: Score | None = None
    verdict: Verdict | None = None


class Matcher(msgspec.Struct, frozen=True, kw_only=True):
    """A way to match: weights, and how many children the agency's file holds (None: as many as the weights suppose)."""

    weights: Weights = SHIPPED
    population: int | None = None
    trained: Trained | None = None

    @property
    def size(self) -> int:
        return self.population or self.weights.prior.population

    def score(self, subject: Described, person: Described) -> Score:
        """One person beside the subject, as if there were nobody else."""
        return score(subject, person, self.weights, self.size)

    def match(self, subject: Subject, persons: Sequence[Person]) -> list[Match]:
        """The match of each person, in the order given; the order changes nothing."""
        typed, held = describe(subject), [describe(person) for person in persons]
        scores = [self.score(typed, each) for each in held]
        if self.trained:
            told = zip(persons, scores, strict=True)
            scores = [self.trained.score(subject, person, own, self.population) for person, own in told]
        twins = _Alike(held, self)
        verdicts = judge(scores, [each.bits for each in scores], self.weights.bands, twins)
        return [_match(one, verdict, other, self.weights.bands) for one, verdict, other in zip(scores, verdicts, held, strict=True)]


#: Two records that agree with the subject are likelier one child's than two namesakes' when they agree with one another thus far.
_ONE_NAME, _ONE_CHILD = frozenset({"exact", "variant", "slip", "often-shared", "swapped"}), 3.0


class _Alike:
    """Whether two persons of one source are records of one child; looked at when it matters, and once."""

    def __init__(self, held: Sequence[Described], matcher: Matcher) -> None:
        self._held, self._matcher = held, matcher
        self._known: dict[tuple[int, int], bool] = {}

    def __call__(self, one: int, other: int) -> bool:
        pair = (one, other) if one < other else (other, one)
        if pair not in self._known:
            found = self._matcher.score(self._held[pair[0]], self._held[pair[1]])
            another = found.numbers.contradicted or found.level("given") not in _ONE_NAME
            self._known[pair] = not another and found.bits >= _ONE_CHILD
        return self._known[pair]


def match(subject: Subject, persons: Sequence[Person], matcher: Matcher | None = None) -> list[Match]:
    """The band, bits and evidence of each person, in the order given. Persons compete, unless they are records of one child."""
    return (matcher or _SHIPPED).match(subject, persons)


_SHIPPED = Matcher()


def grade(band: MatchBand, bits: float) -> Grade:
    """The match-grade of HL7 FHIR R4 (value set match-grade) for a band: possible ones that are likelier than not are probable."""
    if band == "LINK":
        return "certain"
    if band == "NON_LINK":
        return "certainly-not"
    return "probable" if bits > 0 else "possible"


def explained(found: Match) -> list[Told]:
    """A score in parts whose bits add up to ``found.bits``: prior, fields, the sibling as a rival, others found. Empty without a score."""
    if found.score is None or found.verdict is None:
        return []
    parts, verdict = found.score.parts, found.verdict
    prior = found.score.unrelated - sum(part.unrelated for part in parts)
    told = [Told("prior", "One child of all in the file.", prior)]
    told += [Told(_LONG.get(part.field, part.field), part_words(part), part.unrelated) for part in parts]
    against = f"Against a brother, sister or twin it is {found.score.sibling:.1f} bits."
    told.append(Told("sibling", against, found.score.bits - found.score.unrelated))
    told.append(Told("competition", "Others who may be the child.", verdict.competition))
    if verdict.cap:
        told.append(Told("cap", CAPS[verdict.cap], 0.0))
    return told


_LONG = {
    "given": "given_name",
    "middle": "middle_names",
    "family": "family_name",
    "birth": "birth_date",
    "place": "address",
    "number": "identifier",
}


def _match(one: Score, verdict: Verdict, held: Described, bands: Bands) -> Match:
    if verdict.band == "NON_LINK":
        return Match("NON_LINK", (), verdict.bits, score=one, verdict=verdict)
    said = for_practitioner(one, verdict.cap)
    return Match(
        band=verdict.band,
        evidence=tuple(Evidence(field, words) for field, words in said),
        bits=verdict.bits,
        flags=_flags(one, verdict, held),
        slip=frozenset(one.numbers.same) if verdict.band == "POSSIBLE" and one.without_number < bands.possible else frozenset(),
        classes=tuple(f"{_LONG.get(part.field, part.field)}:{part.level}" for part in one.parts if part.field not in OF_HOME),
        score=one,
        verdict=verdict,
    )


def _flags(one: Score, verdict: Verdict, held: Described) -> tuple[str, ...]:
    # A system of an author's own may be called anything.
    flags = [f"invalid-{system if system in SYSTEMS else 'other'}" for system in held.numbers.flagged]
    return (*flags, "identifier-shared") if verdict.cap == "number-shared" else tuple(flags)
