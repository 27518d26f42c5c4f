"""The invented world: about 200 families of Northshire, from a seed. Pure: the same seed gives the same world.

Named families with a story of their own come from ``named.py``; all others are ordinary, with ordinary worries, so that a
search meets siblings, namesakes and shared homes as it would in a real area. The world stands still at ``AS_OF``.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import msgspec

from connectors.simulated import named, numbers, words
from connectors.simulated.happenings import (
    Absences,
    Concern,
    HealthVisit,
    Histories,
    Involved,
    Milestone,
    Planned,
    PoliceReport,
    Saying,
    SentHome,
    Step,
    Warned,
    joined,
)
from connectors.simulated.people import Adult, Child, Family, Home, Sex, age_on

SEED = 20261120
AS_OF = date(2026, 11, 20)
_ORDINARY = 190


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is true in Northshire; what each agency knows of it is for the agency modules to say."""

    seed: int
    families: tuple[Family, ...]
    histories: Histories

    @property
    def children(self) -> tuple[Child, ...]:
        return tuple(child for family in self.families for child in family.children)

    def adults(self, child: Child) -> tuple[Adult, ...]:
        """The adults of the child's home."""
        return next(family.adults for family in self.families if child in family.children)


def build_world(seed: int = SEED) -> World:
    """The world of one seed. Identifiers are valid and no two children share one."""
    rng = random.Random(seed)
    told = named.families()
    taken = {child.chi for family in told for child in family.children}
    ordinary = [_family(rng, index, taken) for index in range(_ORDINARY)]
    first = joined([named.histories(), *(_history(rng, family) for family in ordinary)])
    # Numbers of their own for each family: what was drawn before stays as it was.
    later = [_told(random.Random(f"{seed}/told/{family.id}"), family, first) for family in ordinary]
    return World(seed=seed, families=(*told, *ordinary), histories=joined([first, *later]))


def _family(rng: random.Random, index: int, taken: set[str]) -> Family:
    surname = rng.choice(words.SURNAMES)
    if rng.random() < 0.08:
        surname = f"{surname}-{rng.choice(words.SURNAMES)}"
    home = _home(rng)
    born = AS_OF - timedelta(days=rng.randrange(60, 18 * 365))
    children: list[Child] = []
    for number in range(rng.choices((1, 2, 3, 4), (30, 45, 20, 5))[0]):
        if born >= AS_OF - timedelta(days=20) or age_on(born, AS_OF) > 17:
            break
        children.append(_child(rng, f"f{index:03}c{number}", surname, born, home, taken, index * 4 + number))
        born += timedelta(days=rng.randrange(400, 1500))
    return Family(id=f"f{index:03}", adults=_adults(rng, surname), children=tuple(children))


def _home(rng: random.Random) -> Home:
    town = rng.choice(list(words.TOWNS))
    letters = "ABDEFGHJLNPQRSTUWXYZ"
    postcode = f"{words.TOWNS[town]} {rng.randrange(1, 9)}{rng.choice(letters)}{rng.choice(letters)}"
    return Home(line=f"{rng.randrange(1, 80)} {rng.choice(words.STREETS)}", town=town, postcode=postcode)


def _adults(rng: random.Random, surname: str) -> tuple[Adult, ...]:
    phone = f"01632 960{rng.randrange(100, 999)}"
    mother = Adult(given_name=rng.choice(words.WOMEN), family_name=surname.split("-")[0], relation="mother", phone=phone)
    if rng.random() < 0.3:
        return (mother,)
    father = Adult(given_name=rng.choice(words.MEN), family_name=surname.split("-")[-1], relation="father", phone=phone)
    return (mother, father)


def _child(rng: random.Random, id: str, surname: str, born: date, home: Home, taken: set[str], serial: int) -> Child:
    sex: Sex = rng.choice(("F", "M"))
    given = rng.choice(words.GIRLS if sex == "F" else words.BOYS)
    chi = next(number for number in numbers.chis(born, sex) if number not in taken)
    taken.add(chi)
    pupil = age_on(born, AS_OF) >= 5
    return Child(
        id=id, given_name=given, family_name=surname, birth_date=born, sex=sex, chi=chi, home=home,
        middle_names=rng.choice(words.MIDDLE) if rng.random() < 0.6 else None,
        known_as=words.NICKNAMES.get(given) if rng.random() < 0.5 else None,
        nhs_number=numbers.nhs_number(1_000 + serial * 11) if rng.random() < 0.06 else None,
        scn=numbers.scn(1_000 + serial) if pupil else None, hillview=pupil and rng.random() < 0.5,
    )  # fmt: skip


def _history(rng: random.Random, family: Family) -> Histories:
    """What befell one ordinary family; most of it is nothing much."""
    parts = [_everyday(rng, child) for child in family.children]
    for chance, story in ((0.14, _school_worry), (0.10, _helped), (0.09, _police_called), (0.12, _fire_visit), (0.09, _charity)):
        if family.children and rng.random() < chance:
            parts.append(story(rng, rng.choice(family.children)))
    return joined(parts)


def _everyday(rng: random.Random, child: Child) -> Histories:
    age = age_on(child.birth_date, AS_OF)
    nurse = ("health-visiting", "Health visitor") if age < 5 else ("school-nursing", "School nurse")
    involved = [_involved(rng, child, "northshire-nhs", nurse[0], nurse[1], max(child.birth_date, _back(rng, 300, 900)))]
    if age >= 10 and rng.random() < 0.05:
        involved.append(_involved(rng, child, "northshire-nhs", "camhs", "Mental health nurse", _back(rng, 30, 300), sensitive="camhs"))
    if child.hillview:
        involved.append(_involved(rng, child, "hillview-school", "pupil-support", "Guidance teacher", date(2025, 8, 18)))
    return Histories(involved=tuple(involved), visits=_visits(rng, child), absences=_absences(rng, child))


def _involved(
    rng: random.Random, child: Child, agency: str, service: str, role: str, since: date, sensitive: str | None = None
) -> Involved:
    worker = f"{rng.choice(words.WOMEN + words.MEN)} {rng.choice(words.SURNAMES)}"
    phone = f"01632 960{rng.randrange(100, 999)}"
    team = f"{child.home.town} team"
    return Involved(
        child=child.id,
        agency=agency,
        service=service,
        team=team,
        role=role,
        worker=worker,
        phone=phone,
        since=max(since, child.birth_date),
        sensitive=sensitive,
    )


def _back(rng: random.Random, least: int, most: int) -> date:
    return AS_OF - timedelta(days=rng.randrange(least, most))


def _visits(rng: random.Random, child: Child) -> tuple[HealthVisit, ...]:
    days = sorted(_back(rng, 5, 700) for _ in range(rng.randrange(0, 4)))
    visits = []
    for day in days:
        setting, kind = rng.choice(words.VISITS)
        came = rng.choices(("attended", "was-not-brought", "cancelled"), (80, 13, 7))[0]
        if day > child.birth_date:
            visits.append(HealthVisit(child=child.id, on=day, setting=setting, kind=kind, came="attended" if setting != "AMB" else came))
    return tuple(visits)


def _absences(rng: random.Random, child: Child) -> tuple[Absences, ...]:
    if not child.hillview:
        return ()
    months = ((date(2026, 8, 1), 20), (date(2026, 9, 1), 42), (date(2026, 10, 1), 34), (date(2026, 11, 1), 28))
    habit = rng.choices((0.02, 0.07, 0.2), (70, 22, 8))[0]
    rows = []
    for month, possible in months:
        away = sum(rng.random() < habit for _ in range(possible))
        authorised = sum(rng.random() < 0.7 for _ in range(away))
        late = sum(rng.random() < habit / 2 for _ in range(possible - away))
        rows.append(
            Absences(child=child.id, month=month, possible=possible, attended=possible - away, authorised=authorised,
                     unauthorised=away - authorised, late=late)
        )  # fmt: skip
    return tuple(rows)


def _concern(rng: random.Random, child: Child, agency: str, choices: tuple[Any, ...], by: str) -> Concern:
    category, seen, indicators = rng.choice(choices)
    return Concern(
        child=child.id, agency=agency, on=max(child.birth_date, _back(rng, 10, 500)), category=category, seen=seen, indicators=indicators,
        by=by, checked=rng.random() < 0.7, told=rng.choice(("yes", "yes", "no", "not-yet")), action="Shared with the named person.",
    )  # fmt: skip


def _school_worry(rng: random.Random, child: Child) -> Histories:
    if not child.hillview:
        return Histories()
    return Histories(concerns=(_concern(rng, child, "hillview-school", words.SCHOOL_WORRIES, "teacher"),))


def _helped(rng: random.Random, child: Child) -> Histories:
    worker = _involved(rng, child, "northshire-social-work", "children-and-families", "Social worker", _back(rng, 30, 400))
    plan = Planned(
        child=child.id, opened=worker.since, review=AS_OF + timedelta(days=rng.randrange(20, 120)), reason="Help for the family at home.",
        needs="Settled mornings and someone to talk to.", outcome="The child is at school on time and rested.", lead=worker.worker,
        steps=(Step(what="Weekly visit", who="northshire-social-work", by=AS_OF + timedelta(days=30), state="open"),
               Step(what="Breakfast club place", who="hillview-school", by=AS_OF - timedelta(days=12), state="done")),
    )  # fmt: skip
    concern = _concern(rng, child, "northshire-social-work", words.SOCIAL_WORRIES, "social-worker")
    flags = (_registered(child, worker.since),) if rng.random() < 0.3 else ()
    return Histories(involved=(worker,), plans=(plan,), concerns=(concern,), warnings=flags)


def _registered(child: Child, since: date) -> Warned:
    return Warned(
        child=child.id, agency="northshire-social-work", category="CPR", since=since, words="On the child protection register.",
        authority="Northshire Council", phone="01632 960300",
    )  # fmt: skip


def _police_called(rng: random.Random, child: Child) -> Histories:
    concern = _concern(rng, child, "northshire-police", words.POLICE_WORRIES, "police-officer")
    concern = msgspec.structs.replace(concern, handling=rng.choices(("share", "condition", "keep"), (70, 20, 10))[0])
    report = PoliceReport(
        child=child.id, on=concern.on, category=concern.category, presence=rng.choice(("present", "affected")),
        text="Attended and recorded.", handling=concern.handling,
    )  # fmt: skip
    return Histories(concerns=(concern,), reports=(report,))


def _fire_visit(rng: random.Random, child: Child) -> Histories:
    visit = _involved(rng, child, "northshire-fire", "home-safety", "Community firefighter", _back(rng, 10, 500))
    return Histories(involved=(visit,), concerns=(_concern(rng, child, "northshire-fire", words.FIRE_WORRIES, "firefighter"),))


def _charity(rng: random.Random, child: Child) -> Histories:
    group = _involved(rng, child, "bairns-first", "young-carers", "Group worker", _back(rng, 10, 500))
    return Histories(involved=(group,), concerns=(_concern(rng, child, "bairns-first", words.CHARITY_WORRIES, "group-worker"),))


def _told(rng: random.Random, family: Family, first: Histories) -> Histories:
    """What an ordinary family's children lived through and said, where an agency that writes such things down knows them already."""
    helped = {item.child: item.since for item in first.involved if item.agency == "northshire-social-work"}
    return joined(
        [
            *(_beside_a_social_worker(rng, child, helped[child.id]) for child in family.children if child.id in helped),
            *(_beside_a_teacher(rng, child) for child in family.children if child.hillview and age_on(child.birth_date, AS_OF) >= 7),
        ]
    )


def _beside_a_social_worker(rng: random.Random, child: Child, since: date) -> Histories:
    began = Milestone(
        child=child.id, on=since.isoformat(), category="service", text="A social worker began to work with the family.",
        meaning="They asked for it.", impact="better",
    )  # fmt: skip
    happened = [_milestone(rng, child) for _ in range(rng.randrange(1, 4))]
    small = age_on(child.birth_date, AS_OF) < 4
    topic, spoken = rng.choice(words.SHOWN if small else words.SAYINGS)
    said = Saying(
        child=child.id, agency="northshire-social-work", on=max(since, _back(rng, 3, 30)), topic=topic, words=spoken,
        means="observed" if small else "spoken", setting="home", by="Social worker",
    )  # fmt: skip
    return Histories(milestones=(began, *happened), sayings=(said,) if rng.random() < 0.6 else ())


def _milestone(rng: random.Random, child: Child) -> Milestone:
    category, text, meaning, impact = rng.choice(words.MILESTONES)
    day = max(child.birth_date, _back(rng, 20, 900))
    exactly = rng.choice((day.isoformat(), day.isoformat(), f"{day:%Y-%m}", f"{day:%Y}"))
    return Milestone(child=child.id, on=exactly, category=category, text=text, meaning=meaning, impact=impact, checked=rng.random() < 0.8)


def _beside_a_teacher(rng: random.Random, child: Child) -> Histories:
    said: tuple[Saying, ...] = ()
    if rng.random() < 0.08:
        topic, spoken = rng.choice(words.SAYINGS)
        said = (Saying(child=child.id, agency="hillview-school", on=_back(rng, 5, 300), topic=topic, words=spoken, means="written",
                       setting="school", checked=rng.random() < 0.8),)  # fmt: skip
    away: tuple[SentHome, ...] = ()
    if rng.random() < 0.04:
        # A Monday of this term: the world stands still on a Friday.
        start, (reason, text) = AS_OF - timedelta(days=4, weeks=rng.randrange(1, 12)), rng.choice(words.EXCLUSIONS)
        away = (SentHome(child=child.id, start=start, end=start + timedelta(days=1), kind="temporary", reasons=(reason,), text=text,
                         openings=4, back=rng.choice(("back", "support"))),)  # fmt: skip
    return Histories(sayings=said, exclusions=away)
