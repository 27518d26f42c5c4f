"""What the agencies know about the children of Northshire: one struct for each thing an agency writes down.

Every struct names the child by the world's id and the agency that wrote it. Categories here are the world's own words;
each agency's module turns them into that agency's local codes, and the federation's ``sources/*.toml`` map those to the standard.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec


class Involved(msgspec.Struct, frozen=True, kw_only=True):
    """A service works, or worked, with a child."""

    child: str
    agency: str
    service: str
    team: str
    role: str
    worker: str
    phone: str
    since: date
    until: date | None = None
    sensitive: str | None = None
    """The sensitive service this is, by the federation's word for it (``camhs``)."""


class Concern(msgspec.Struct, frozen=True, kw_only=True):
    """A worry, or a strength, that a professional wrote down about a child's well-being."""

    child: str
    agency: str
    on: date
    category: str
    seen: str
    indicators: tuple[str, ...]
    strengths: str | None = None
    child_says: str | None = None
    action: str | None = None
    urgent: str = "routine"
    by: str = "teacher"
    opinion: bool = False
    checked: bool = True
    """Somebody read the text for other people's data."""
    told: str = "yes"
    """Whether the family was told: yes, no, not-yet."""
    handling: str = "share"
    """Police only: share, condition, keep."""
    void: bool = False
    """Entered in error."""
    keep_until: date | None = None


class HealthVisit(msgspec.Struct, frozen=True, kw_only=True):
    """An appointment or attendance in the NHS, kept or not."""

    child: str
    on: date
    setting: str
    kind: str
    came: str
    """attended, was-not-brought, cancelled."""
    sensitive: str | None = None
    void: bool = False


class Absences(msgspec.Struct, frozen=True, kw_only=True):
    """One month of a pupil's attendance, in half-day openings."""

    child: str
    month: date
    possible: int
    attended: int
    authorised: int
    unauthorised: int
    late: int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One action of a child's plan."""

    what: str
    who: str
    by: date
    state: str
    """open, done, late."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A child's plan, as social work holds it."""

    child: str
    opened: date
    review: date
    reason: str
    needs: str
    outcome: str
    lead: str
    steps: tuple[Step, ...]
    child_says: str | None = None
    parents_say: str | None = None
    agreed: bool = True


class PoliceReport(msgspec.Struct, frozen=True, kw_only=True):
    """An event police attended or recorded."""

    child: str
    on: date
    category: str
    presence: str
    """present, affected, missing."""
    text: str
    handling: str = "share"
    returned: date | None = None
    keep_until: date | None = None


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """A flag on a child: a register, an order, something a colleague must know first."""

    child: str
    agency: str
    category: str
    since: date
    words: str
    authority: str
    phone: str
    until: date | None = None
    order: str | None = None
    forbids_place: bool = False
    void: bool = False


class Milestone(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the chronology that social work keeps of a child."""

    child: str
    on: str
    """As exactly as is known: YYYY, YYYY-MM or YYYY-MM-DD."""
    category: str
    text: str
    meaning: str
    impact: str
    """better, worse, both, neither, unclear."""
    action: str | None = None
    child_says: str | None = None
    indicators: tuple[str, ...] = ()
    adults: tuple[str, ...] = ()
    """By relation, in social work's words."""
    until: str | None = None
    restricted: bool = False
    """Somebody else's sensitive matter stands in it."""
    checked: bool = True
    void: bool = False


class SentHome(msgspec.Struct, frozen=True, kw_only=True):
    """An exclusion from Hillview School."""

    child: str
    start: date
    end: date
    kind: str
    reasons: tuple[str, ...]
    text: str
    openings: int
    back: str
    """not-yet, back, support, part-time, elsewhere."""
    meeting: date | None = None
    heard: bool = True
    child_says: str | None = None
    parents_say: str | None = None
    appeal: str = "none"
    """none, open, won, lost, withdrawn."""
    work_sent: bool = True
    checked: bool = True


class Kin(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of a child's family or home, beyond those who stand in the world as its family."""

    child: str
    relation: str
    name: str
    lives_with: str
    """yes, part, no."""
    responsibility: str
    """yes, part, no, unknown."""
    rests_on: str | None = None
    seen: date | None = None
    since: str | None = None
    until: str | None = None
    looks_after: bool = False


class Saying(msgspec.Struct, frozen=True, kw_only=True):
    """What a child said, as whoever listened wrote it down."""

    child: str
    agency: str
    on: date
    topic: str
    words: str
    means: str
    setting: str
    wants: str | None = None
    feels: str | None = None
    place: str | None = None
    alone: bool = True
    others: tuple[str, ...] = ()
    not_to_tell: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()
    action: str | None = None
    by: str = "Guidance teacher"
    agreed: bool = True
    """The child heard it again and agreed to the words."""
    checked: bool = True


class Histories(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, to one family or to all, by what it is."""

    involved: tuple[Involved, ...] = ()
    concerns: tuple[Concern, ...] = ()
    visits: tuple[HealthVisit, ...] = ()
    absences: tuple[Absences, ...] = ()
    plans: tuple[Planned, ...] = ()
    reports: tuple[PoliceReport, ...] = ()
    warnings: tuple[Warned, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    exclusions: tuple[SentHome, ...] = ()
    kin: tuple[Kin, ...] = ()
    sayings: tuple[Saying, ...] = ()


def joined(parts: Iterable[Histories]) -> Histories:
    """Several histories as one, in their order."""
    listed = list(parts)
    return Histories(**{field: tuple(item for part in listed for item in getattr(part, field)) for field in Histories.__struct_fields__})
