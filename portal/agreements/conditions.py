"""What a clause asks for before it shows anything: its ``conditions`` table.

Conditions are part of the signed grants, by their hash: a changed condition is a changed clause. What they mean is said once more in
the clause's ``In short:`` paragraph (wording.py); whether they can be kept here is vetted in promises.py.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from portal.model import Relationship

Text = Annotated[str, msgspec.Meta(min_length=1)]
Age = Annotated[int, msgspec.Meta(ge=0, le=130)]


class OnlyBroken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The clause opens only when the glass is broken, for one of these reasons, and for so many minutes."""

    reasons: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    minutes: Annotated[int, msgspec.Meta(ge=5, le=240)] = 60


class Conditions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clause's ``conditions``. What is not named asks for nothing, but for the eighteenth birthday (see ``until``).

    ``ages`` are from the first birthday named until the second, that one not included. ``until`` lets the clause go on after the
    eighteenth birthday, until that one. ``history`` is an ISO 8601 duration (P5Y, P18M, P30D). ``reason`` is the asker's, in words.
    ``assurance`` is the weakest sign-in that will do, one of an issuer's levels. ``informing`` is whether the family must have been told
    before, or must be told after. ``handling`` is the condition under which police may share, in plain words. ``notify`` are agencies
    that are told that something was shown.
    """

    consent: Literal["required", "not-required"] = "not-required"
    objection: Literal["counts", "does-not-count"] = "does-not-count"
    relationship: Relationship = "none"
    history: Annotated[str, msgspec.Meta(pattern="^P[1-9][0-9]{0,2}[YMD]$")] | None = None
    ages: tuple[Age, Age] | None = None
    until: Age | None = None
    match: Literal["LINK"] = "LINK"
    reason: Literal["required", "optional"] = "optional"
    assurance: Text | None = None
    informing: Literal["before", "after"] | None = None
    handling: Text | None = None
    notify: tuple[Text, ...] = ()
    break_glass: OnlyBroken | None = None

    @property
    def rests_on_registry(self) -> bool:
        """Whether what families have said counts."""
        return self.consent == "required" or self.objection == "counts"

    @property
    def said(self) -> dict[str, object]:
        """The keys that ask for something, as canonical JSON will have them: what is hashed into every grant of the clause.

        Compared by value: ``omit_defaults`` would keep a default that the file spells out.
        """
        unasked: dict[str, object] = msgspec.structs.asdict(Conditions())
        return {key: msgspec.to_builtins(value) for key, value in msgspec.structs.asdict(self).items() if value != unasked[key]}
