"""What the native scorer makes of the models and people that ``train`` wrote: runs in the product's environment, without Splink.

python -m tests.bench.febrl equal [FOLDER]     the greatest difference from Splink's own weights, in bits
python -m tests.bench.febrl recall [FOLDER]    what is found at no false link, by each file's model on the other file
python -m tests.bench.febrl shipped [FOLDER]   the same people by the weights that the product ships, every tenth record asked
python -m tests.bench.febrl sample [FOLDER]    write tests/connectors/data/splink anew
"""

from __future__ import annotations

import csv
import json
import math
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from jellyfish import metaphone

from connectors.connector import Address, Person, Subject
from connectors.matching.splink import SplinkModel, read, read_frequencies, score

Record = Mapping[str, str | None]
Pair = tuple[str, str]

#: A block larger than this is a key that says nothing; none on FEBRL is.
LARGEST = 2_000
SAMPLED = 10
SAMPLES, KEPT = Path(__file__).parents[2] / "connectors" / "data" / "splink", 250
TARGETS = {"febrl3": 0.992, "febrl4": 0.998}
OTHER = {"febrl3": "febrl4", "febrl4": "febrl3"}


@dataclass
class File:
    """One FEBRL file: its people by id, its true pairs, and the pairs that the search keys bring together."""

    name: str
    people: dict[str, Record]
    true: set[Pair]
    candidates: set[Pair]

    @classmethod
    def read(cls, folder: Path, name: str) -> File:
        raw = json.loads((folder / f"{name}.people.json").read_text("utf-8"))
        people = {row.pop("unique_id"): row for row in raw["people"]}
        return cls(name, people, {ordered(*pair) for pair in raw["true"]}, blocked(people))


def ordered(one: str, two: str) -> Pair:
    return (one, two) if one < two else (two, one)


def keys(record: Record) -> Iterator[tuple[object, ...]]:
    """What an agency's reader would search by: loosely, and names either way round. Each key's first part says which it is."""
    given, family, born = record["given_name"], record["surname"], record["date_of_birth"]
    year, day = (born[:4], born[5:]) if born else (None, None)
    code, suburb, street, house = record["postcode"], record["suburb"], record["address_1"], record["street_number"]
    yield ("birth date", born)
    yield ("year and month of birth, postcode", born[:7] if born else None, code)
    yield ("month and day of birth, suburb", day, suburb)
    yield ("year of birth, postcode, house number", year, code, house)
    yield ("street, house number", street, house)
    yield ("street, suburb", street, suburb)
    yield ("both names' initials, birth date but for the year", frozenset({given[0], family[0]}) if given and family else None, day)
    for name in {given, family}:
        sound, initial = (metaphone(name), name[0]) if name else (None, None)
        yield ("a name's sound, year of birth", sound, year)
        yield ("a name's sound, month and day of birth", sound, day)
        yield ("a name's sound, postcode", sound, code)
        yield ("a name's sound, suburb", sound, suburb)
        yield ("a name's initial, postcode, house number", initial, code, house)
        yield ("a name's initial, street", initial, street)
    yield ("both names' sound", frozenset(map(metaphone, (given, family))) if given and family else None)


def blocked(people: Mapping[str, Record]) -> set[Pair]:
    """All pairs that share a key of which no part is missing."""
    blocks: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for id, record in people.items():
        for key in keys(record):
            if all(key):
                blocks[key].add(id)
    return {ordered(*pair) for ids in blocks.values() if len(ids) <= LARGEST for pair in combinations(ids, 2)}


def model(folder: Path, name: str, version: str) -> SplinkModel:
    """A model that was trained on one of the files, with its term frequencies."""
    tables = read_frequencies((folder / f"{name}.{version}.tf.json").read_bytes(), file=f"{name}.{version}.tf.json")
    return read((folder / f"{name}.{version}.json").read_bytes(), file=f"{name}.{version}.json", term_frequencies=tables)


def equal(folder: Path) -> None:
    """Every weight that Splink gave, beside the native one."""
    for version in ("v5", "v4"):
        for name in ("febrl3", "febrl4"):
            own = model(folder, name, version)
            people = File.read(folder, name).people
            with (folder / f"{name}.{version}.weights.tsv").open() as lines:
                rows = [(people[left], people[right], float(weight)) for left, right, weight in csv.reader(lines, delimiter="\t")]
            began = time.process_time()
            apart = max(abs(score(own, left, right).weight - weight) for left, right, weight in rows)
            each = (time.process_time() - began) / len(rows) * 1e6
            print(f"{name} {version}: {len(rows)} pairs, greatest difference {apart:.3g} bits, {each:.1f} us a pair (CPU)")


def recall(folder: Path) -> None:
    """Each file scored by the model of the other: the threshold set on the file itself, and the one carried from the training file."""
    files = {name: File.read(folder, name) for name in TARGETS}
    for name, file in files.items():
        reached = len(file.true & file.candidates) / len(file.true)
        print(f"\n{name}: {len(file.people)} records, {len(file.true)} true pairs, {len(file.candidates)} candidate pairs")
        print(f"  brought together by the keys: {reached:.4f} of true pairs ({len(file.true - file.candidates)} lost)")
        own, trained = model(folder, OTHER[name], "v5"), files[OTHER[name]]
        weights, carried = scored(own, file), highest_false(scored(own, trained), trained)
        within = highest_false(weights, file)
        told(f"threshold set here ({within:.2f} bits)", {pair for pair, weight in weights.items() if weight > within}, file)
        told(f"threshold carried over ({carried:.2f} bits)", {pair for pair, weight in weights.items() if weight > carried}, file)


def scored(own: SplinkModel, file: File) -> dict[Pair, float]:
    return {(left, right): score(own, file.people[left], file.people[right]).weight for left, right in file.candidates}


def highest_false(weights: Mapping[Pair, float], file: File) -> float:
    return max((weight for pair, weight in weights.items() if pair not in file.true), default=-math.inf)


def told(words: str, linked: set[Pair], file: File) -> None:
    """Per true pair, and per query: each record asked about among all the others; found is at least one true record, all is every one."""
    true, found = partners(file.true), partners(linked & file.true)
    one = sum(bool(found[id]) for id in true) / len(true)
    every = sum(found[id] == ids for id, ids in true.items()) / len(true)
    share, false = len(linked & file.true) / len(file.true), len(linked - file.true)
    asked = len(partners(linked - file.true))
    print(f"  {words}: pairs {share:.4f} (target {TARGETS[file.name]}), queries {one:.4f} one / {every:.4f} all, ", end="")
    print(f"{false} false pairs, {asked} queries with one")


def partners(pairs: set[Pair]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for left, right in pairs:
        found[left].add(right)
        found[right].add(left)
    return found


def shipped(folder: Path) -> None:
    """The product's own weights on the same candidates: every tenth record asked, all its candidates competing as one agency's."""
    from connectors.matching import match

    for name in TARGETS:
        file = File.read(folder, name)
        people = {id: described(id, record) for id, record in file.people.items()}
        near, true = partners(file.candidates), partners(file.true)
        bands: dict[str, set[Pair]] = {"LINK": set(), "POSSIBLE": set(), "NON_LINK": set()}
        queries = sorted(true)[::SAMPLED]
        for id in queries:
            held = [people[other] for other in sorted(near[id])]
            for person, found in zip(held, match(asked(people[id]), held), strict=True):
                bands[found.band].add((id, person.id))
        linked = {pair for pair in bands["LINK"] if ordered(*pair) in file.true}
        offered = linked | {pair for pair in bands["POSSIBLE"] if ordered(*pair) in file.true}
        pairs = sum(len(true[id]) for id in queries)
        print(f"{name}: {len(queries)} queries, {pairs} true records, {sum(len(near[id]) for id in queries)} candidates, shipped weights")
        for words, found in (("linked", linked), ("linked or offered", offered)):
            print(f"  {words}: {len(found) / pairs:.4f} of true records, {len({id for id, _ in found}) / len(queries):.4f} of queries")
        choices = len({id for id, _ in bands["POSSIBLE"]}) / len(queries)
        print(f"  {len(bands['LINK']) - len(linked)} false links, {choices:.3f} of queries with a choice")


def described(id: str, record: Record) -> Person:
    """A FEBRL record as a source's person; numbers of any kind are left out."""
    line = " ".join(filter(None, (record["street_number"], record["address_1"], record["address_2"]))) or None
    home = Address(line=line, town=record["suburb"], postcode=record["postcode"])
    given, family, born = record["given_name"], record["surname"], record["date_of_birth"]
    return Person(id=id, given_name=given, family_name=family, birth_date=born, addresses=(home,))


def asked(person: Person) -> Subject:
    names = {"given_name": person.given_name, "family_name": person.family_name}
    return Subject(birth_date=person.birth_date, addresses=person.addresses, **names)


def sample(folder: Path) -> None:
    """Write anew what the test suite holds the scorer to: models, the frequencies needed, and pairs with Splink's own weights."""
    people = File.read(folder, "febrl3").people
    for version in ("v5", "v4"):
        with (folder / f"febrl3.{version}.weights.tsv").open() as lines:
            rows = [*csv.reader(lines, delimiter="\t")]
        kept = random.Random(1).sample(rows, KEPT)
        text = (folder / f"febrl3.{version}.json").read_text("utf-8")
        (SAMPLES / f"{version}.json").write_text(json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n", "utf-8")
        known = {value for left, right, _ in kept for id in (left, right) for value in people[id].values()}
        tables = read_frequencies((folder / f"febrl3.{version}.tf.json").read_bytes(), file=version)
        short = {column: {value: share for value, share in sorted(table.items()) if value in known} for column, table in tables.items()}
        (SAMPLES / f"{version}.tf.json").write_text(json.dumps(short, indent=0, ensure_ascii=False) + "\n", "utf-8")
        with (SAMPLES / f"{version}.tsv").open("w", encoding="utf-8", newline="") as out:
            fields = [*people[kept[0][0]]]
            table = csv.writer(out, delimiter="\t", lineterminator="\n")
            table.writerow([*(f"{field}{side}" for side in ("_l", "_r") for field in fields), "match_weight"])
            table.writerows(
                [*(people[id][field] or "" for id in (left, right) for field in fields), weight] for left, right, weight in kept
            )


def main(arguments: list[str]) -> None:
    verbs = {"equal": equal, "recall": recall, "shipped": shipped, "sample": sample}
    if not arguments or arguments[0] not in verbs:
        raise SystemExit(__doc__)
    verbs[arguments[0]](Path(arguments[1] if len(arguments) > 1 else "build/febrl"))


if __name__ == "__main__":
    main(sys.argv[1:])
