"""What the portal says when it cannot answer, named by who can mend it.

    PortalError                      id, message, HTTP status, hint
    ├── RequestError                 CV4xx: the request itself; `refused` ones are written to the access log
    ├── Unauthenticated              CV401: no, bad or expired token
    ├── Forbidden                    CV403: a known practitioner whose agency or role may not ask (portal/identity.py)
    ├── IssuerUnreachable            CV402: the sign-in service cannot be asked for its keys
    └── LogUnavailable               CV701: the access log cannot be written (portal/accesslog)

Messages name a path, a type, a source or a setting; never a value, and nothing about a child.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class PortalError(Exception):
    """The portal cannot answer. ``status`` is the HTTP status; ``retry_after`` is in seconds, when trying again may help."""

    def __init__(self, id: str, message: str, status: int = 500, hint: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(f"{id} {message}")
        self.id = id
        self.message = message
        self.status = status
        self.hint = hint
        self.retry_after = retry_after


class RequestError(PortalError):
    """The operation cannot be run. ``locations`` are (line, column) in the document, ``path`` names fields and indexes.

    ``refused`` says that a child was asked about, or written about: the access log has to say so. That holds of everything between
    424 (breaking the glass) and 450 (writing down), and from 607 (writing down a wrong child) to 609 (choosing).
    """

    refusals: ClassVar[frozenset[str]] = frozenset(
        f"CV{number}" for number in (412, 413, 420, 421, 422, *range(424, 451), *range(607, 610))
    )

    def __init__(
        self,
        id: str,
        message: str,
        *,
        status: int = 400,
        hint: str | None = None,
        locations: Sequence[tuple[int, int]] = (),
        path: Sequence[str | int] = (),
    ) -> None:
        super().__init__(id, message, status, hint)
        self.locations = tuple(locations)
        self.path = tuple(path)

    @property
    def refused(self) -> bool:
        return self.id in self.refusals


class Unauthenticated(PortalError):
    """Nobody we know. ``why`` is one of a fixed set of words for operators; practitioners are told the same for all."""

    def __init__(self, why: str) -> None:
        super().__init__("CV401", "Sign in again: no valid token came with this request.", 401)
        self.why = why


class IssuerUnreachable(PortalError):
    """The sign-in service could not be asked for its keys. ``why`` is for operators."""

    def __init__(self, why: str) -> None:
        super().__init__("CV402", "The sign-in service cannot be reached, so nobody can be recognised now.", 503, retry_after=30)
        self.why = why
