"""A town of families: who the children truly are, where they have lived, and who looks like whom. The same seed gives the same town."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import msgspec
from stdnum.gb import nhs

from tests.bench.families.names import Community, Sex, daughters, draw_community
from tests.bench.families.places import Place, Town

TODAY = date(2025, 6, 1)
YEAR = 365.25
#: Of a hundred: births that are twins, pairs called alike, pairs of one initial.
TWIN_BIRTHS, ALIKE, SAME_INITIAL = 0.0155, 0.15, 0.2
MOVES_A_YEAR = 0.15
HALF_SIBLINGS, PARTED, DOUBLE_BARRELLED, MIXED, CHANGED_NAME = 0.12, 0.12, 0.06, 0.08, 0.05
#: A namesake of the very same day who lives elsewhere is, by all that is typed, the child after a move: there are as many as chance makes.
NAMESAKES = 0.02
_MOHAMMEDS = ("Mohammed", "Muhammad", "Mohammad", "Mohamed")
_ALIKE = {
    "female": "Mya Maya|Ella Ellie|Mia Mila|Lily Libby|Ava Ada|Amelia Emilia|Eva Evie|Anna Hanna|Amina Amira|Lola Lila|Zara Sara|Sophia Sophie|Olivia Olive|Elsie Elise|Isabella Isabelle|Hana Hiba|Millie Tilly|Faiza Faria|Aisha Alisha",
    "male": "Jayden Kayden|Jaden Caden|Alfie Archie|Lewis Louis|Ethan Nathan|Harry Harley|Liam Kian|Mason Jason|Logan Rogan|Taylor Tyler|Hassan Hussain|Ayaan Aryan|Jake Jack|Luca Lucas|Ryan Bryan|Leo Leon",
}
_BIRTHS = (0.4, 0.41, 0.14, 0.05)


class Stay(msgspec.Struct, frozen=True):
    """A home for a time; the current one has no end."""

    place: Place
    since: date
    until: date | None


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """The truth about one child. ``other_families`` are names a record may wrongly hold: a parent's or step-parent's."""

    key: int
    household: int
    community: str
    given: str
    middles: tuple[str, ...]
    family: str
    former: str | None
    other_families: tuple[str, ...]
    born: date
    sex: Sex
    nhs: str
    stays: tuple[Stay, ...]
    phones: tuple[str, ...]
    school: str
    parents: tuple[str, ...]
    twin: int | None = None
    alike: bool = False


class Couple(msgspec.Struct, frozen=True):
    """The parents as far as children are named after them."""

    community: Community
    mother: str
    mother_family: str
    father: str
    family: str
    step: str


class Population(msgspec.Struct, frozen=True):
    """All children, by their key."""

    children: tuple[Child, ...]

    def household(self, child: Child) -> Iterator[Child]:
        """The others at home: their keys lie next to the child's."""
        for step in (-1, 1):
            at = child.key + step
            while 0 <= at < len(self.children) and self.children[at].household == child.household:
                yield self.children[at]
                at += step


def make_population(seed: str | int, children: int = 20_000) -> Population:
    """About so many children in families. Namesakes by design come last: single children called as somebody elsewhere."""
    dice = random.Random(f"{seed}/population")
    town, made, numbers = Town(dice, children), list[Child](), _numbers(dice)
    house = 0
    while len(made) < children * (1 - NAMESAKES):
        made += _family(dice, town, numbers, len(made), house)
        house += 1
    for model in dice.sample(made, children - len(made)) if children > len(made) else ():
        made.append(_namesake(model, dice, town, numbers, len(made), house))
        house += 1
    return Population(tuple(made))


def _numbers(dice: random.Random) -> Iterator[str]:
    """NHS numbers of the range that is never issued, each once and in no order."""
    start, step = dice.randrange(1_000_000), dice.choice((618_033, 381_967, 709_871))
    for index in range(1_000_000):
        serial = f"999{(start + index * step) % 1_000_000:06d}"
        check = -nhs.checksum(f"{serial}0") % 11
        if check < 10:
            yield f"{serial}{check}"


def _couple(dice: random.Random) -> Couple:
    his = draw_community(dice)
    hers = draw_community(dice) if dice.random() < MIXED else his
    family, maiden = his.families.draw(dice), hers.families.draw(dice)
    mother_family = family if dice.random() < 0.55 else maiden
    if dice.random() < DOUBLE_BARRELLED:
        family = f"{maiden}-{family}"
    elif his.key in ("english", "scottish", "irish", "welsh") and dice.random() < 0.12:
        family = maiden
    return Couple(
        hers, hers.parent("female", dice), mother_family, his.parent("male", dice), family, draw_community(dice).families.draw(dice)
    )


def _births(dice: random.Random) -> list[tuple[date, Sex, bool]]:
    """Birth date, sex and whether it is the second of twins, from the eldest on; nobody is born after today."""
    born, births = TODAY - timedelta(days=dice.randrange(1, int(19 * YEAR) - 4)), list[tuple[date, Sex, bool]]()
    for _ in range(dice.choices((1, 2, 3, 4), weights=_BIRTHS)[0]):
        if born > TODAY:
            break
        sex: Sex = dice.choice(("male", "female"))
        births.append((born, sex, False))
        if dice.random() < TWIN_BIRTHS:
            # A third are identical; of the rest half are of one sex.
            same = dice.random() < 1 / 3
            births.append((born, sex if same else dice.choice(("male", "female")), True))
        born += timedelta(days=330 + int(dice.gammavariate(2, 330)))
    return births[:5]


def _family(dice: random.Random, town: Town, numbers: Iterator[str], first: int, house: int, *, only: bool = False) -> list[Child]:
    couple, births = _couple(dice), _births(dice)
    births = births[:1] if only else births
    homes = _stays(dice, town, births[0][0])
    phone, siblings = town.phone(dice), list[Child]()
    again = dice.randrange(1, len(births)) if len(births) > 1 and dice.random() < HALF_SIBLINGS else len(births)
    mohammeds = dice.choice(_MOHAMMEDS) if couple.community.key in ("pakistani", "arabic") and dice.random() < 0.15 else None
    school = town.schools_of(dice)
    for index, (born, sex, second) in enumerate(births):
        if index == again and not second:
            couple = _remarried(couple, dice)
        # Twins are told apart by their names even there, or nobody could tell them apart at all.
        alone = not second and all(born != other for other, _, twin in births if twin)
        child = _child(dice, couple, born, sex, siblings, mohammeds if alone else None, second)
        homes_then = _alone(dice, town, homes) if len(births) > 1 and dice.random() < PARTED / 2 else homes
        siblings.append(
            msgspec.structs.replace(
                child,
                key=first + index,
                household=house,
                nhs=next(numbers),
                stays=_since(homes_then, born),
                phones=_phones(dice, town, phone, born),
                school=town.school(dice, school, born, TODAY),
            )
        )
    return _paired(siblings, dice)


def _remarried(couple: Couple, dice: random.Random) -> Couple:
    family = couple.step if dice.random() < 0.7 else couple.family
    return msgspec.structs.replace(couple, father=couple.community.parent("male", dice), family=family, step=couple.family)


def _child(
    dice: random.Random, couple: Couple, born: date, sex: Sex, siblings: Sequence[Child], mohammeds: str | None, second: bool
) -> Child:
    given = _given(dice, couple.community, sex, siblings, second)
    middles = _middles(dice, couple.community, sex, {given, *(each.given for each in siblings)})
    if mohammeds and sex == "male" and given != mohammeds:
        given, middles = mohammeds, (given,)
    family = daughters(couple.family, couple.community.key, dice) if sex == "female" else couple.family
    others = tuple(dict.fromkeys(name for name in (couple.mother_family, couple.step, *family.split("-")) if name != family))
    former = dice.choice(others[:2]) if others and dice.random() < CHANGED_NAME else None
    parents = (f"{couple.mother} {couple.mother_family}", f"{couple.father} {couple.family}")
    return Child(
        key=0,
        household=0,
        community=couple.community.key,
        given=given,
        middles=middles,
        family=family,
        former=former,
        other_families=others,
        born=born,
        sex=sex,
        nhs="",
        stays=(),
        phones=(),
        school="",
        parents=parents,
    )


def _given(dice: random.Random, community: Community, sex: Sex, siblings: Sequence[Child], second: bool) -> str:
    """A name that no sibling has; a twin's may begin as the other's."""
    taken = {name for each in siblings for name in (each.given, *each.middles[:1])}
    initial = siblings[-1].given[0] if second and dice.random() < SAME_INITIAL else ""
    names = [name for _ in range(40) if (name := community.given(sex, dice)) not in taken]
    fit = [name for name in names if name.startswith(initial)]
    return (fit or names or [community.given(sex, dice)])[0]


def _middles(dice: random.Random, community: Community, sex: Sex, taken: set[str]) -> tuple[str, ...]:
    if community.key == "sikh":
        return ("Singh" if sex == "male" else "Kaur",) if dice.random() < 0.6 else ()
    count = dice.choices((0, 1, 2), weights=community.middles)[0]
    drawn = dict.fromkeys(community.given(sex, dice) for _ in range(count))
    return tuple(name for name in drawn if name not in taken)


def _paired(siblings: list[Child], dice: random.Random) -> list[Child]:
    """Twins know each other, and some pairs of one sex are called alike."""
    paired = list(siblings)
    for at in range(1, len(paired)):
        first, second = paired[at - 1 : at + 1]
        if first.born == second.born:
            names, alike = _twins(first, second, {each.given for each in paired}, dice)
            paired[at - 1] = msgspec.structs.replace(first, given=names[0], twin=second.key, alike=alike)
            paired[at] = msgspec.structs.replace(second, given=names[1], twin=first.key, alike=alike)
    return paired


def _twins(first: Child, second: Child, taken: set[str], dice: random.Random) -> tuple[Sequence[str], bool]:
    """Their given names, and whether these are alike. Pairs of two sexes have no such names: those of one sex have them the more often."""
    pair = dice.choice(_ALIKE[first.sex].split("|")).split()
    if first.sex == second.sex and dice.random() < ALIKE * 1.5 and not taken & set(pair):
        return dice.sample(pair, 2), True
    return (first.given, second.given), False


def _stays(dice: random.Random, town: Town, since: date) -> tuple[Stay, ...]:
    """A family's homes one after the other; a move is as likely in any year as in any other."""
    stays, place = list[Stay](), town.place(dice)
    while True:
        until = since + timedelta(days=1 + int(dice.expovariate(MOVES_A_YEAR) * YEAR))
        if until >= TODAY:
            return (*stays, Stay(place, since, None))
        stays.append(Stay(place, since, until))
        since, place = until, town.place(dice)


def _since(stays: Sequence[Stay], born: date) -> tuple[Stay, ...]:
    kept = [stay for stay in stays if stay.until is None or stay.until > born]
    return (msgspec.structs.replace(kept[0], since=max(kept[0].since, born)), *kept[1:])


def _alone(dice: random.Random, town: Town, stays: tuple[Stay, ...]) -> tuple[Stay, ...]:
    """To the other parent, some time within the last years."""
    on = max(stays[-1].since, TODAY - timedelta(days=dice.randrange(1, int(6 * YEAR)))) + timedelta(days=1)
    if on >= TODAY:
        return stays
    return (*stays[:-1], msgspec.structs.replace(stays[-1], until=on), Stay(town.place(dice), on, None))


def _phones(dice: random.Random, town: Town, shared: str, born: date) -> tuple[str, ...]:
    own = (TODAY - born).days > 14 * YEAR and dice.random() < 0.6
    return (town.phone(dice),) if own and dice.random() < 0.5 else (shared, town.phone(dice)) if own else (shared,)


def _namesake(model: Child, dice: random.Random, town: Town, numbers: Iterator[str], key: int, house: int) -> Child:
    """A single child elsewhere, called as the model is and born within two years of it, on another day."""
    (alone,) = _family(dice, town, numbers, key, house, only=True)
    near = dice.choice((-1, 1)) * dice.randrange(1, 730)
    born = min(model.born + timedelta(days=near), TODAY)
    return msgspec.structs.replace(
        alone, community=model.community, given=model.given, family=model.family, born=born, sex=model.sex, former=None,
        middles=(), parents=tuple(f"{name.split()[0]} {model.family}" for name in alone.parents), stays=_stays(dice, town, born), school=town.school(dice, town.schools_of(dice), born, TODAY),
    )  # fmt: skip
