"""What agreement and disagreement are worth, in bits, against each rival. Read from a file that says where every figure comes from."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from math import log2
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from connectors.errors import ConfigurationError, Mistake
from connectors.settings import Document, collect, parse, read

Share = Literal["share"]
Probability = Annotated[float, msgspec.Meta(gt=0, le=1)]
#: Field -> level -> bits against an unrelated child, and against a brother, sister or twin.
Bits = Mapping[str, Mapping[str, tuple[float, float]]]


class Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"self_": "self"}):
    """How probable one level is of the child's own record, of an unrelated child's, and of a brother's, sister's or twin's."""

    self_: Probability
    unrelated: Probability | Share
    sibling: Probability


class Prior(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known before anything is compared: children in the file; odds against a sibling, in bits."""

    population: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)] = 20_000
    sibling: Annotated[float, msgspec.Meta(ge=-20, le=20)] = 0.0


class Bands(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From how many bits on a person is linked, and from how many on it is offered as possible."""

    link: float = 7.0
    possible: float = -6.0


class Most(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Bits against an unrelated child at most: of each name, and of home, phone, school and parents together."""

    given: float = 9.5
    family: float = 9.5
    home: float = 10.0


_Levels = dict[str, Level]


class WeightsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of weights as written."""

    prior: Prior = Prior()
    bands: Bands = Bands()
    most: Most = Most()
    given: _Levels
    middle: _Levels
    family: _Levels
    birth: _Levels
    sex: _Levels
    place: _Levels
    phone: _Levels
    school: _Levels
    parents: _Levels
    number: _Levels


FIELDS = ("given", "middle", "family", "birth", "sex", "place", "phone", "school", "parents", "number")


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """Weights ready to be added up. ``given_self`` and the like are the chances that a name agrees exactly, where rarity decides."""

    prior: Prior
    bands: Bands
    most: Most
    bits: Bits
    shared: Mapping[tuple[str, str], float]


def weights_of(path: Path) -> Weights:
    """The weights of a file. Raises ConfigurationError (CV605) with every mistake, with file and line."""
    return _weights(read(path, "CV605"))


def _shipped() -> Weights:
    text = files("connectors.matching").joinpath("data/weights.toml").read_text("utf-8")
    return _weights(parse(text, "weights.toml", "CV605"))


def _weights(document: Document) -> Weights:
    written, mistakes = collect(WeightsFile, document, "CV605")
    if written is None:
        raise ConfigurationError(mistakes)
    mistakes = [*_levels_mistakes(written, document), *_bands_mistakes(written, document)]
    if mistakes:
        raise ConfigurationError(mistakes)
    return Weights(prior=written.prior, bands=written.bands, most=written.most, bits=_bits(written), shared=_by_share(written))


def _bits(written: WeightsFile) -> Bits:
    return {field: {name: _pair(level) for name, level in getattr(written, field).items()} for field in FIELDS}


def _pair(level: Level) -> tuple[float, float]:
    unrelated = 0.0 if isinstance(level.unrelated, str) else log2(level.self_ / level.unrelated)
    return unrelated, log2(level.self_ / level.sibling)


def _by_share(written: WeightsFile) -> dict[tuple[str, str], float]:
    """The levels whose worth depends on how many bear the name, with the chance of them in the child's own record."""
    return {
        (field, name): level.self_
        for field in ("given", "family")
        for name, level in getattr(written, field).items()
        if isinstance(level.unrelated, str)
    }


def _levels_mistakes(written: WeightsFile, document: Document) -> list[Mistake]:
    """Every level that can come up must have a weight, and no other may be named."""
    mistakes: list[Mistake] = []
    for field, known in LEVELS.items():
        levels = getattr(written, field)
        hint = f"Its levels are {', '.join(known)}."
        mistakes += [
            document.mistake("CV605", f"{field} has no level {name!r}.", field, name, hint=hint) for name in levels if name not in known
        ]
        mistakes += [document.mistake("CV605", f"{field}.{name} is missing.", field, hint=hint) for name in known if name not in levels]
        mistakes += [
            document.mistake("CV605", f"{field}.{name}: only names have a share.", field, name)
            for name, level in levels.items()
            if isinstance(level.unrelated, str) and field not in ("given", "family")
        ]
    return mistakes


def _bands_mistakes(written: WeightsFile, document: Document) -> list[Mistake]:
    if written.bands.possible <= written.bands.link:
        return []
    return [document.mistake("CV605", "bands.possible lies above bands.link: nobody would be offered.", "bands", "possible")]


#: Every level of every field, strongest first.
LEVELS: dict[str, tuple[str, ...]] = {
    "given": (
        "exact",
        "often-shared",
        "variant",
        "slip",
        "near",
        "blurred",
        "sounds",
        "part",
        "middle",
        "initial",
        "swapped",
        "spoilt",
        "differs",
    ),
    "middle": ("same", "initial", "differs"),
    "family": ("exact", "slip", "part", "sounds", "swapped", "differs"),
    "birth": ("exact", "new-year", "fits", "transposed", "year-out", "first-of-january", "one-digit", "two-digits", "two-parts", "differs"),
    "sex": ("same", "differs"),
    "place": ("home", "postcode", "line", "sector", "differs"),
    "phone": ("same", "differs"),
    "school": ("same", "differs"),
    "parents": ("same", "part", "differs"),
    "number": ("same", "contradicted"),
}

SHIPPED = _shipped()
