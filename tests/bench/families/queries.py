"""An agency's file of the town, and questions about its children as a practitioner types them, each with the truth beside it."""

from __future__ import annotations

import random
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, get_args

import msgspec

from tests.bench.families.noise import Rates, Written, noised, write
from tests.bench.families.population import Child, Population, make_population
from tests.bench.families.wrong import wrong_date, wrong_family, wrong_given, wrong_line, wrong_postcode

Mode = Literal["plain", "rich", "numbers", "full"]
MODES: tuple[Mode, ...] = get_args(Mode)
#: At most so many records are looked at for one question, as a source may send.
LIMIT = 50
CHILDREN, QUERIES_A_TOWN = 20_000, 2_500
_PLAIN = ("given_name", "family_name", "birth_date", "sex")
_RICH = ("middle_names", "former_family_name", "phones", "school", "parents")
_CODES = {letter: str(code) for code, letters in enumerate(("bfpv", "cgjkqsxz", "dt", "l", "mn", "r"), 1) for letter in letters}


class Mix(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. Of the decoys so many are twins, and of these so many called alike; a namesake is asked for where only the other is held."""

    decoys: float = 0.10
    twins: float = 0.55
    alike: float = 1 / 3
    namesakes: float = 0.015
    typed_wrong: float = 0.02


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One question in the form of ``childview match --json``, and the truth about it.

    ``truth`` are the candidates that are this child, ``held`` all its records of the file; ``others`` tells who a candidate is to the
    child, ``errors`` what is wrong with it, and ``typed`` what is wrong with the question.
    """

    subject: dict[str, Any]
    candidates: list[dict[str, Any]]
    truth: frozenset[str]
    held: int
    category: str
    typed: tuple[str, ...]
    others: Mapping[str, str]
    errors: Mapping[str, tuple[str, ...]]


class AgencyFile:
    """The records of one agency and its indexes."""

    def __init__(self, population: Population, rates: Rates, dice: random.Random) -> None:
        self.records: list[Written] = []
        self.by_child: dict[int, list[int]] = defaultdict(list)
        named: dict[int, set[str]] = defaultdict(set)
        for child in population.children:
            named[child.household].add(child.given)
        serials = iter(dice.sample(range(10**6), 2 * len(population.children)))
        for child in population.children:
            for _ in range(0 if dice.random() < rates.absent else 2 if dice.random() < rates.duplicate else 1):
                self.by_child[child.key].append(len(self.records))
                record = write(child, f"R{next(serials):06d}", rates, dice)
                if record.fields.get("given_name") != child.given and record.fields.get("given_name") in named[child.household]:
                    # A slip that makes it a sister's name makes it the sister's record, as far as anybody can tell.
                    record.fields["given_name"] = child.given
                self.records.append(record)
        self._index: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for at, record in enumerate(self.records):
            # Of the homes a file is searched by the latest alone; asked for is any that was typed.
            for key in _keys({**record.fields, "addresses": record.fields["addresses"][-1:]}, numbers=True):
                self._index[key].append(at)

    def names(self, child: int, given: str) -> bool:
        """Whether a record of this child bears that given name: by all that is typed it is the other's, and no matcher can tell."""
        return any(self.records[at].fields.get("given_name") == given for at in self.by_child[child])

    def near(self, subject: Mapping[str, Any], without: Iterable[int], *, numbers: bool) -> list[Written]:
        """The records that share a key with the question; where they are too many, those that share the most keys."""
        left_out, shared = set(without), Counter[int]()
        for key in _keys(subject, numbers=numbers):
            shared.update(self._index.get(key, ()))
        ranked = sorted((at for at in shared if at not in left_out), key=lambda at: (-shared[at], self.records[at].id))
        return sorted((self.records[at] for at in ranked[:LIMIT]), key=lambda record: record.id)


def _keys(fields: Mapping[str, Any], *, numbers: bool) -> list[tuple[str, ...]]:
    """Loose blocking: what a source might search by, each key alone enough."""
    given, family, born = letters(fields.get("given_name")), letters(fields.get("family_name")), fields.get("birth_date") or ""
    keys = [("born", born)] if born else []
    if born and family:
        keys += [("sound", _sound(family), born[:4]), ("start", family[:3], born[5:])]
    if born and given:
        keys.append(("given", given, born[:4]))
    if given:
        keys += [("home", home.get("postcode", ""), given[0]) for home in fields.get("addresses", ()) if home.get("postcode")]
    if numbers:
        keys += [("number", each["value"]) for each in fields.get("identifiers", ())]
    return keys


def letters(text: str | None) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", text or "").lower() if "a" <= sign <= "z")


def _sound(name: str) -> str:
    """The first letter and the next consonants' classes."""
    code, last = name[:1], _CODES.get(name[:1], "")
    for letter in name[1:]:
        now = _CODES.get(letter, "")
        if now and now != last:
            code += now
        last = now if letter not in "hw" else last
    return code[:4]


def make_queries(
    seed: str | int, count: int, mode: Mode, rates: Rates | None = None, mix: Mix | None = None, children: int = CHILDREN
) -> Iterator[Query]:
    """So many questions to one town's agency. The children and their records are those of the seed, whatever the mode."""
    rates, mix = rates or Rates(), mix or Mix()
    population = make_population(seed, children)
    file = AgencyFile(population, rates, random.Random(f"{seed}/file"))
    asked = _asked(population, file, count, mix, random.Random(f"{seed}/asked"))
    for at, (child, absent) in enumerate(asked):
        yield _query(population, file, child, absent, mode, mix, random.Random(f"{seed}/query/{at}"))


def _asked(population: Population, file: AgencyFile, count: int, mix: Mix, dice: random.Random) -> list[tuple[Child, str]]:
    """The children asked about, each with the kind of decoy it is; of a decoy the file is read as if it had no record."""
    children, held = population.children, file.by_child
    twins = [child for child in children if child.twin is not None and child.twin in held and not file.names(child.twin, child.given)]
    pools = {
        "twin, alike": [child for child in twins if child.alike],
        "twin": [child for child in twins if not child.alike],
        "sibling": [child for child in children if child.twin is None and _has_sibling(population, child, file)],
        "namesake": [child for child in children if _has_namesake(population, child, held)],
    }
    weights = (mix.twins * mix.alike, mix.twins * (1 - mix.alike), 1 - mix.twins)
    decoys = dice.choices(("twin, alike", "twin", "sibling"), weights=weights, k=round(count * mix.decoys))
    decoys += ["namesake"] * round(count * mix.namesakes)
    for pool in pools.values():
        dice.shuffle(pool)
    # Nobody is asked about twice: the same question again would count one slip of the matcher as two.
    asked = [(pools[kind].pop(), kind) for kind in decoys if pools[kind]]
    decoyed = {child.key for child, _ in asked}
    left = sorted(held.keys() - decoyed)
    present = dice.sample(left, min(count - len(asked), len(left)))
    asked += [(children[key], "") for key in present]
    dice.shuffle(asked)
    return asked


def _has_sibling(population: Population, child: Child, file: AgencyFile) -> bool:
    """Whether brothers or sisters are held, none of them under this child's very name."""
    others = [each.key for each in population.household(child) if each.key in file.by_child]
    return bool(others) and not any(file.names(other, child.given) for other in others)


def _has_namesake(population: Population, child: Child, held: Mapping[int, Any]) -> bool:
    """Whether only a namesake born on another day is held: one of the same day, elsewhere, is by all that is typed the child after a move."""
    others = [key for key in _namesakes(population, child) if key in held]
    return bool(others) and all(population.children[key].born != child.born for key in others)


def _namesakes(population: Population, child: Child) -> list[int]:
    """Those of other households with the same names, born within two years."""
    named = _named(population)
    others = (population.children[key] for key in named[child.given, child.family])
    return [other.key for other in others if other.household != child.household and abs((other.born - child.born).days) <= 730]


_NAMED: dict[int, tuple[Population, dict[tuple[str, str], list[int]]]] = {}


def _named(population: Population) -> dict[tuple[str, str], list[int]]:
    """The children by name; kept for the town last asked for."""
    if id(population) not in _NAMED:
        _NAMED.clear()
        named: dict[tuple[str, str], list[int]] = defaultdict(list)
        for child in population.children:
            named[child.given, child.family].append(child.key)
        _NAMED[id(population)] = population, named
    return _NAMED[id(population)][1]


def _query(population: Population, file: AgencyFile, child: Child, absent: str, mode: Mode, mix: Mix, dice: random.Random) -> Query:
    typed: list[str] = []
    fields = _typed(child, mix, typed, dice)
    if fields["given_name"] != child.given and fields["given_name"] in {each.given for each in population.household(child)}:
        # A slip that makes it a sister's name asks about the sister.
        fields["given_name"] = child.given
        typed[:] = [error for error in typed if not error.startswith("given_name")]
    subject = _shown(fields, mode, dice)
    mine = file.by_child.get(child.key, [])
    records = file.near(subject, mine if absent else (), numbers=mode in ("numbers", "full"))
    true = frozenset(record.id for record in records if record.child == child.key)
    relatives = {each.key: "sibling" for each in population.household(child)} | dict.fromkeys(_namesakes(population, child), "namesake")
    relatives |= {child.twin: "twin"} if child.twin is not None else {}
    others = {record.id: _who(record, subject, relatives) for record in records if record.id not in true}
    held = [] if absent else [file.records[at] for at in mine]
    return Query(
        subject=subject,
        candidates=[{"id": record.id, **_shown(record.fields, mode, random.Random(record.id))} for record in records],
        truth=true,
        held=len(held),
        category=f"decoy: {absent}" if absent else _category(held, typed, set(others.values()), child),
        typed=tuple(error for error in typed if seen(error, mode)),
        others=others,
        errors={record.id: tuple(error for error in record.errors if seen(error, mode)) for record in records},
    )


def _who(record: Written, subject: Mapping[str, Any], relatives: Mapping[int, str]) -> str:
    """Whose record it is to the child asked about. A twin whose record bears this child's name cannot be told apart by names at all."""
    who = relatives.get(record.child, "stranger")
    same = letters(record.fields.get("given_name")) == letters(subject.get("given_name"))
    return f"{who} under this name" if same and who in ("twin", "sibling") else who


def _typed(child: Child, mix: Mix, typed: list[str], dice: random.Random) -> dict[str, Any]:
    """What a practitioner who knows the child types, mostly right, with everything there is to know."""
    stay, rate = child.stays[-1].place, mix.typed_wrong
    homes = [
        {"line": each.place.line, "town": each.place.town, "postcode": each.place.postcode, "from": each.since.isoformat() if each.since > child.born else None, "to": each.until and each.until.isoformat()}
        for each in child.stays
    ]  # fmt: skip
    homes[-1]["line"] = noised("line", stay.line, 0, rate, lambda: wrong_line(stay.line, dice), typed, dice)
    homes[-1]["postcode"] = noised("postcode", stay.postcode, 0, rate, lambda: wrong_postcode(stay.postcode, dice), typed, dice)
    sexes = {"male": "female", "female": "male"}
    number = noised("nhs_number", child.nhs, 0, rate, lambda: (child.nhs[:8] + child.nhs[:7:-1], "slip"), typed, dice)
    fields = {
        "identifiers": [{"system": "nhs_number", "value": number}],
        "given_name": noised("given_name", child.given, 0, rate, lambda: wrong_given(child, dice), typed, dice),
        "middle_names": " ".join(child.middles) if dice.random() < 0.7 else "",
        "family_name": noised("family_name", child.family, 0, rate, lambda: wrong_family(child, dice), typed, dice),
        "former_family_name": child.former if dice.random() < 0.5 else None,
        "birth_date": noised("birth_date", child.born.isoformat(), 0, rate, lambda: wrong_date(child.born, dice), typed, dice),
        "sex": noised("sex", child.sex, 0, rate, lambda: (sexes[child.sex], "sex"), typed, dice),
        "addresses": [{name: value for name, value in home.items() if value} for home in homes],
        "phones": [dice.choice(child.phones)] if dice.random() < 0.85 else [],
        "school": child.school if dice.random() < 0.85 else "",
        "parents": list(child.parents)[: dice.choice((1, 2))] if dice.random() < 0.85 else [],
    }
    return {name: value for name, value in fields.items() if value}


def _shown(fields: Mapping[str, Any], mode: Mode, dice: random.Random) -> dict[str, Any]:
    """What of the fields there is in a mode: one address in the plain ones, mostly the history in the rich."""
    rich = mode in ("rich", "full")
    wanted = {*_PLAIN, *(_RICH if rich else ()), *(("identifiers",) if mode in ("numbers", "full") else ())}
    shown = {name: value for name, value in fields.items() if name in wanted}
    homes = fields["addresses"] if rich and dice.random() < 0.75 else fields["addresses"][-1:]
    bare = [home if rich else {name: value for name, value in home.items() if name not in ("from", "to")} for home in homes]
    return {**shown, "addresses": [home for home in bare if home]}


def seen(error: str, mode: Mode) -> bool:
    """Whether an error matters in the mode."""
    return not error.startswith("nhs_number") or mode in ("numbers", "full")


def _category(held: list[Written], typed: list[str], beside: set[str], child: Child) -> str:
    """The one thing that makes the question hard; the hardest first."""
    errors = min((record.errors for record in held), key=len)
    core = [error for error in errors if error.startswith(("given_name", "family_name", "birth_date"))]
    named = dict(error.split(": ") for error in core)
    with_twin = bool(beside & {"twin", "twin under this name"})
    rules = (
        ("duplicate", len(held) > 1),
        ("garbled", "garbled" in errors),
        ("swapped", "swapped" in errors),
        ("name or date missing", any(f"missing {name}" in errors for name in ("given_name", "family_name", "birth_date"))),
        ("two or more of name and date wrong", len(core) > 1),
        ("renamed", named.get("family_name") in ("renamed", "half", "double-barrelled")),
        ("transliterated", "transliterated" in named.values()),
        (f"given name: {named.get('given_name')}", "given_name" in named),
        ("family name: spelling", "family_name" in named),
        (f"birth date: {named.get('birth_date')}", "birth_date" in named),
        ("typed wrong", any(error.startswith(("given_name", "family_name", "birth_date")) for error in typed)),
        ("twin beside, alike", with_twin and child.alike),
        ("twin beside", with_twin),
        ("namesake beside", "namesake" in beside),
        ("moved", "moved" in errors),
        ("postcode wrong or missing", any("postcode" in error for error in (*errors, *typed))),
    )
    return next((name for name, so in rules if so), "plain")
