"""A matcher as somebody asks for it on a command line or in a setting: weights, a trained model, thresholds, the size of the file."""

from __future__ import annotations

from pathlib import Path

import msgspec

from connectors.errors import ConfigurationError, Mistake
from connectors.matching import splink
from connectors.matching.matcher import Matcher
from connectors.matching.tables import Columns, Plan, plan_of
from connectors.matching.trained import Trained
from connectors.matching.weights import SHIPPED, Weights, weights_of


def load_matcher(
    *,
    weights: Path | None = None,
    model: Path | None = None,
    frequencies: Path | None = None,
    columns: Columns | None = None,
    population: int | None = None,
    link: float | None = None,
    possible: float | None = None,
    siblings: bool = True,
) -> Matcher:
    """The matcher that these make. Raises ConfigurationError with every mistake of all of them.

    ``columns`` say which of the model's columns holds which field; without ``siblings`` a model stands alone, which merges twins;
    ``link`` and ``possible`` stand in for the thresholds of the weights.
    """
    mistakes: list[Mistake] = []
    found, trained = SHIPPED, None
    try:
        found = _with_bands(weights_of(weights) if weights else SHIPPED, link, possible)
    except ConfigurationError as error:
        mistakes += error.mistakes
    try:
        trained = load_model(model, frequencies, columns or Columns()) if model else None
    except ConfigurationError as error:
        mistakes += error.mistakes
    if frequencies and not model:
        mistakes.append(Mistake(id="CV615", message="Frequencies belong to a model.", hint="Give --model as well, or leave them out."))
    if mistakes:
        raise ConfigurationError(mistakes)
    matcher = Matcher(weights=found, population=population)
    return matcher if trained is None else msgspec.structs.replace(matcher, trained=Trained(*trained, siblings=siblings))


def load_model(path: Path, frequencies: Path | None, columns: Columns) -> tuple[splink.SplinkModel, Plan]:
    """A trained model, and how a child becomes a row that it reads. Raises ConfigurationError: CV601 to CV604, CV612 for its columns."""
    text, shares = _contents((path, splink.MAX_BYTES, "CV601"), (frequencies, splink.MAX_TABLE_BYTES, "CV604"))
    table = splink.read_frequencies(shares, file=str(frequencies)) if frequencies else None
    model = splink.read(text, file=str(path), term_frequencies=table)
    # Columns that are named for the table, and that this model does not read, are no mistake.
    plan = plan_of(columns, model.columns, str(path))[0]
    hint = "Name the field that it holds in the mapping: see docs/how-to/tune-matching.md."
    mistakes = [
        Mistake(id="CV612", message=f"The model reads the column {column!r}, and no field is written there.", file=str(path), hint=hint)
        for column in sorted(set(model.columns) - plan.columns)
    ]
    if mistakes:
        raise ConfigurationError(mistakes)
    return model, plan


def _with_bands(weights: Weights, link: float | None, possible: float | None) -> Weights:
    bands = msgspec.structs.replace(
        weights.bands,
        link=weights.bands.link if link is None else link,
        possible=weights.bands.possible if possible is None else possible,
    )
    if not bands.possible <= bands.link:
        message = f"Possible begins at {bands.possible:g} bits, above a link at {bands.link:g}: nobody would be offered."
        raise ConfigurationError([Mistake(id="CV615", message=message, hint="Give --possible no more than --link.")])
    return msgspec.structs.replace(weights, bands=bands)


def _contents(*files: tuple[Path | None, int, str]) -> list[bytes]:
    """What stands in each file, or every mistake of those that cannot be read."""
    mistakes: list[Mistake] = []
    found: list[bytes] = []
    for path, most, id in files:
        try:
            found.append(_bytes(path, most, id) if path else b"")
        except ConfigurationError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ConfigurationError(mistakes)
    return found


def _bytes(path: Path, most: int, id: str) -> bytes:
    """A file that is no longer than what is read of its kind; one byte more is enough for the reader to refuse it."""
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise ConfigurationError([Mistake(id=id, message=f"cannot be read: {error.strerror}.", file=str(path))]) from None
