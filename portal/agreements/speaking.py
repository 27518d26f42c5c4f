"""Whose word counts about a child's data, and what it says. Pure: entries of the registry in, one state out.

Scotland: from the 12th birthday a young person is presumed to understand, and only their own word counts, unless a dated finding says
that they do not (Data Protection Act 2018 s.208). Elsewhere understanding is a recorded assessment, never an age (Gillick v West Norfolk
AHA [1986] AC 112). A parent's word never overrides that of a young person who understands, and from the 18th birthday nobody speaks for
another here. Where the age is not known, what is decided must hold for every age.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date

from connectors.localtime import day_of
from portal.agreements.ages import ADULT, anniversary, possible
from portal.model import Entry, Jurisdiction

#: From this birthday a young person in Scotland is presumed to understand.
PRESUMED = 12
#: Where no birth date is known: a young person presumed to understand all along, and a child who is not; neither is grown up.
_ANY_AGE: list[tuple[date | None, date | None]] = [(date.min, None), (None, None)]
GIVEN = "given"
NOT_SOUGHT = "not_sought"

Told = Mapping[int | None, str]


def consent(entries: Iterable[Entry], told: Told, births: Collection[str], day: date, jurisdiction: Jurisdiction) -> str:
    """What the registry says of consent: ``given@2``, ``refused@1``, ``withdrawn@3`` or ``not_sought``.

    ``entries`` are those about one clause; ``told`` has the hash of the sentence as it reads today, by what the entry is about (a clause,
    or None for the whole agreement). A consent to other words is none. It is given only if it is for every age the child may have.
    """
    said = tuple(each for each in entries if each.what == "consent")
    states = [_consent(spoken, told) for spoken in _readings(said, births, day, jurisdiction)]
    return next((state for state in states if not state.startswith(GIVEN)), states[0])


def objects(entries: Iterable[Entry], births: Collection[str], day: date, jurisdiction: Jurisdiction) -> bool:
    """Whether an objection stands, of whoever may speak at any age that the child may have."""
    said = tuple(each for each in entries if each.what == "objection")
    readings = _readings(said, births, day, jurisdiction)
    return any(each.state == "raised" for spoken in readings for each in _last_words(spoken))


def restricts(entry: Entry) -> bool:
    """Whether an entry is a no: what lets less be shown."""
    return (entry.what, entry.state) not in (("consent", "given"), ("objection", "withdrawn"))


def _readings(said: tuple[Entry, ...], births: Collection[str], day: date, jurisdiction: Jurisdiction) -> list[tuple[Entry, ...]]:
    """The entries that count, for each birth date that the child may have."""
    presumed = PRESUMED if jurisdiction == "scotland" else ADULT
    borns = sorted({end for birth in births for end in possible(birth)})
    known: list[tuple[date | None, date | None]] = [(anniversary(born, presumed), anniversary(born, ADULT)) for born in borns]
    unknown = _ANY_AGE if jurisdiction == "scotland" else _ANY_AGE[1:]
    return [_counting(said, *each, day) for each in known or unknown]


def _counting(said: tuple[Entry, ...], presumed: date | None, grown: date | None, day: date) -> tuple[Entry, ...]:
    """Whose entries count of a child who is presumed to understand from one day on, and grown up from another (None: never yet)."""
    findings = [each.understanding for each in said if each.understanding]
    lacking = max((each.on for each in findings if not each.understands), default=None)
    own = tuple(each for each in said if each.party == "YOUNG_PERSON" and _understands(each, presumed, lacking, day))
    alone = grown is not None and grown <= day
    if own or alone or (presumed is not None and presumed <= day and lacking is None):
        return own
    return tuple(each for each in said if each.party != "YOUNG_PERSON")


def _understands(entry: Entry, presumed: date | None, lacking: date | None, day: date) -> bool:
    """Whether a young person's own word counts: they were found to understand, or presumed to when they spoke, and nothing since.

    An earlier no counts from the day on which they are presumed to understand, until they say otherwise; an earlier yes does not.
    """
    if entry.understanding is not None:
        since = entry.understanding.on if entry.understanding.understands else None
    else:
        spoke = day_of(entry.at)
        since = spoke if presumed is not None and presumed <= (day if restricts(entry) else spoke) else None
    return since is not None and (lacking is None or since > lacking)


def _last_words(spoken: Iterable[Entry]) -> list[Entry]:
    """What each party said last, newest first, be it of the whole agreement or of the clause alone; both where they were said at once."""
    newest = sorted(spoken, key=lambda each: (each.at, each.id), reverse=True)
    last = {each.party: each.at for each in reversed(newest)}
    return [each for each in newest if each.at == last[each.party]]


def _consent(spoken: Iterable[Entry], told: Told) -> str:
    """Of what each party said last a no weighs more than a yes; the newest is cited."""
    last = _last_words(spoken)
    no = next((each for each in last if each.state != "given"), None)
    yes = next((each for each in last if each.state == "given" and _binding(each, told)), None)
    cited = no or yes
    return f"{cited.state}@{cited.version}" if cited else NOT_SOUGHT


def _binding(entry: Entry, told: Told) -> bool:
    """Whether a yes is one: to the words of today, by the young person or by somebody with parental responsibility."""
    may = entry.party == "YOUNG_PERSON" or entry.responsibility is not None
    return may and entry.told is not None and entry.told == told.get(entry.clause)
