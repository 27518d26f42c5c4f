"""What can go wrong on the agency's side, named by fate: what the portal does next.

    SourceError                      a source could not answer
    ├── Unavailable                  out of reach; asked once more if time remains
    ├── Refused                      the source's own access control said no; never asked again
    └── Misconfigured                our settings are wrong; wakes the operator, not the practitioner

    ConfigurationError               one or more mistakes in files, found before anybody is asked
        .mistakes: list[Mistake]     every mistake at once, each with file, line and hint

There is no NotFound: a source that knows nobody answers with an empty list.
No message here may carry anything about a child: texts name the source, the step and the kind only.
"""

from __future__ import annotations

import msgspec


class SourceError(Exception):
    """A source could not answer. ``detail`` is for operators and names no child."""

    id = "CV500"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Unavailable(SourceError):
    """The source is out of reach. ``retry_after`` is in seconds, when the source said so."""

    id = "CV501"

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Refused(SourceError):
    """The source's own access control said no, for any child."""

    id = "CV502"


class Misconfigured(SourceError):
    """The source answered in a way our settings for it do not fit."""

    id = "CV503"


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake in a file: what happened, where, and what to do. ``line`` counts from 1."""

    id: str
    message: str
    file: str | None = None
    line: int | None = None
    hint: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        return f"{place}{self.id} {self.message}" + (f" {self.hint}" if self.hint else "")


class ConfigurationError(Exception):
    """Files that cannot be used, with every mistake found in them."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes
