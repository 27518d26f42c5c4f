"""Two versions of an agreement side by side: who gains what, who loses what, and what is asked for more or less. Pure.

Compared is what the clauses give, for each agency that shows, agency, role and purpose that sees, and record kind: not how it is written,
so that clauses may be moved without a difference. What two clauses give is never added up: where there are several, each is told by itself.
Whatever changes in what partners sign is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from itertools import groupby, product

import msgspec

from portal.agreements.documents import Agreement, Clause, When
from portal.agreements.grants import EXISTS, WHOLE, granted_fields, refused_fields
from portal.agreements.vocabulary import Vocabulary
from portal.agreements.wording import asked_of, day

#: Agency that shows, agency that sees, role, purpose, record kind.
Who = tuple[str, str, str, str, str]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What changes for one role of agency ``to``, for one purpose, of one record kind of agency ``agency``.

    ``gains`` and ``loses`` are fields, or ``-`` for knowing that a record exists; ``words`` says in sentences what else changes.
    """

    agency: str
    to: str
    role: str
    purpose: str
    kind: str
    gains: tuple[str, ...]
    loses: tuple[str, ...]
    words: tuple[str, ...]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """How ``after`` differs from ``before`` (``ISA-07@3``): in its header, its clauses' law, its words, and in what it gives to whom."""

    before: str
    after: str
    header: tuple[str, ...]
    clauses: tuple[str, ...]
    changes: tuple[Change, ...]
    words: bool

    @property
    def same(self) -> bool:
        """Whether both files are the same, byte for byte: every byte is signed."""
        return not (self.header or self.clauses or self.changes or self.words) and self.before == self.after


class _Offer(msgspec.Struct, frozen=True):
    """What one permitting clause gives of one kind to one ``Who``."""

    number: int
    paths: frozenset[str]
    ceiling: str
    existence: str
    asks: frozenset[str]
    when: str

    @property
    def terms(self) -> tuple[frozenset[str], str, str, frozenset[str], str]:
        """Everything but where it stands."""
        return self.paths, self.ceiling, self.existence, self.asks, self.when


#: By what two clauses are taken for one and the same, the surest first.
_ALIKE: tuple[Callable[[_Offer, _Offer], bool], ...] = (
    lambda was, now: was == now,
    lambda was, now: was.terms == now.terms,
    lambda was, now: was.number == now.number,
    lambda was, now: True,
)


class _Side(msgspec.Struct, frozen=True):
    """Everything one version says to one ``Who``."""

    offers: tuple[_Offer, ...] = ()
    refused: frozenset[tuple[str, str]] = frozenset()  # (field or ``*``, days)

    @property
    def given(self) -> frozenset[str]:
        """The fields and parts that one clause or another gives and none refuses, and ``-`` where a record's existence is shown."""
        refused = {field for field, _ in self.refused}
        if WHOLE in refused:
            return frozenset()
        paths = frozenset[str]().union(*(offer.paths for offer in self.offers))
        return frozenset(path for path in paths if path.split(".")[0] not in refused) | ({EXISTS} if self.offers else frozenset())


def compare(before: Agreement, after: Agreement, vocabulary: Vocabulary) -> Comparison:
    """What would change if ``after`` stood in the place of ``before``, under today's standard."""
    old, new = _sides(before, vocabulary), _sides(after, vocabulary)
    changes = (_change(who, old.get(who, _Side()), new.get(who, _Side())) for who in sorted(old.keys() | new.keys()))
    found = Comparison(
        before=before.key,
        after=after.key,
        header=tuple(_header(before, after)),
        clauses=tuple(_clauses(before, after)),
        changes=tuple(change for change in changes if change),
        words=_prose(before) != _prose(after),
    )
    return msgspec.structs.replace(found, words=True) if found.same and before.hash != after.hash else found


def told(comparison: Comparison) -> str:
    """A comparison for the terminal."""
    if comparison.same:
        return f"{comparison.after}: no difference."
    lines = [f"From {comparison.before} to {comparison.after}:" if comparison.before != comparison.after else f"{comparison.after}:"]
    for (agency, to, purpose, kind, *_), together in groupby(_in_order(comparison.changes), key=_alike):
        changes = list(together)
        roles = ", ".join(change.role for change in changes)
        lines += ["", f"{to} ({roles}), for {purpose}, {kind} from {agency}:", *(f"  {said}" for said in _said(changes[0]))]
    lines += [] if comparison.changes else ["", "What is shown to whom does not change."]
    besides = [*comparison.header, *comparison.clauses]
    lines += ["", "Besides:", *(f"  {said}" for said in besides)] if besides else []
    lines += ["", "The authors' own words, or how they are set out, have changed."] if comparison.words else []
    return "\n".join([*lines, "", "Every partner must sign the new version."])


def _sides(agreement: Agreement, vocabulary: Vocabulary) -> dict[Who, _Side]:
    sides: dict[Who, _Side] = {}
    for clause in agreement.clauses:
        for kind in clause.terms.kinds:
            side = _side(clause, kind, agreement, vocabulary)
            terms = clause.terms
            for agency, to, role, purpose in product(terms.from_, terms.to, terms.roles, terms.purposes):
                who = (agency, to, role, purpose, kind)
                earlier = sides.get(who, _Side())
                sides[who] = _Side(earlier.offers + side.offers, earlier.refused | side.refused)
    return sides


def _side(clause: Clause, name: str, agreement: Agreement, vocabulary: Vocabulary) -> _Side:
    """What one clause says of one kind."""
    terms, when = clause.terms.kinds[name], _days(clause.terms.when)
    if clause.terms.effect == "deny":
        return _Side(refused=frozenset((field, when) for field in refused_fields(terms)))
    paths = granted_fields(vocabulary.standard.kinds[name], terms, agreement.header.standard, vocabulary.standard)
    ceiling = terms.ceiling or "T1"
    asks = frozenset(asked_of(clause.terms.conditions))
    return _Side(offers=(_Offer(clause.number, frozenset(paths) - {EXISTS}, ceiling, terms.existence or ceiling, asks, when),))


def _change(who: Who, old: _Side, new: _Side) -> Change | None:
    gains, loses = _fields(new.given - old.given), _fields(old.given - new.given)
    several = max(len(old.offers), len(new.offers)) > 1
    words = (*(_each(old, new) if several else _terms(old, new)), *_refusals(old, new))
    if not (gains or loses or words):
        words = tuple(_each(old, new))  # what one clause gives and another refuses is signed too
    if not (gains or loses or words):
        return None
    agency, to, role, purpose, kind = who
    return Change(agency=agency, to=to, role=role, purpose=purpose, kind=kind, gains=gains, loses=loses, words=words)


def _each(old: _Side, new: _Side) -> Iterator[str]:
    """Clause by clause, what changes: the sum over several would hide what one of them asks for no longer."""
    for was, now in _pairs(old, new):
        if now is None:
            yield from (f"§{each.number}, gone: {_given(each)}" for each in (was,) if each)
        elif was is None:
            yield f"§{now.number}, new: {_given(now)}"
            yield from (f"§{now.number} {said}" for said in _asks(_Side(), _Side((now,))))
        else:
            named = f"§{now.number}" if now.number == was.number else f"§{now.number} (before: §{was.number})"
            yield from (f"{named} {said}" for said in (*_paths(was, now), *_terms(_Side((was,)), _Side((now,)))))


def _pairs(old: _Side, new: _Side) -> list[tuple[_Offer | None, _Offer | None]]:
    """Which clause became which: those that say the same, else those of the same number, else in order. One alone is gone, or new."""
    left, right = list(old.offers), list(new.offers)
    pairs: list[tuple[_Offer | None, _Offer | None]] = []
    for alike in _ALIKE:
        for was in tuple(left):
            now = next((each for each in right if alike(was, each)), None)
            if now is not None:
                left.remove(was)
                right.remove(now)
                pairs.append((was, now))
    pairs += [*((was, None) for was in left), *((None, now) for now in right)]
    return sorted(pairs, key=lambda pair: next(each.number for each in reversed(pair) if each))


def _paths(was: _Offer, now: _Offer) -> Iterator[str]:
    for verb, fields in (("gains", now.paths - was.paths), ("loses", was.paths - now.paths)):
        if fields:
            yield f"{verb} {', '.join(_fields(fields))}"


def _given(offer: _Offer) -> str:
    """What a clause gives, up to which tier and when."""
    content = f"{', '.join(_fields(offer.paths))} up to {offer.ceiling}, " if offer.paths else ""
    return f"{content}that a record exists up to {offer.existence}, {offer.when}"


def _terms(old: _Side, new: _Side) -> Iterator[str]:
    yield from (*_tiers(old, new), *_asks(old, new), *_dates(old, new))


def _fields(paths: frozenset[str]) -> tuple[str, ...]:
    """Fields without the parts that go with them; that a record exists only where it is all there is."""
    fields = sorted(path for path in paths if path != EXISTS and not any(path.startswith(f"{other}.") for other in paths))
    return tuple(fields or ([EXISTS] if EXISTS in paths else []))


def _tiers(old: _Side, new: _Side) -> Iterator[str]:
    if not (old.offers and new.offers):
        return
    for name, words in (("ceiling", "its content is shown"), ("existence", "that a record exists is shown")):
        was, now = (max(getattr(offer, name) for offer in side.offers) for side in (old, new))
        if was != now:
            yield f"{name} {'raised' if now > was else 'lowered'}: {words} up to {now}, instead of {was}"


def _asks(old: _Side, new: _Side) -> Iterator[str]:
    """What every clause that gives it asks for; of what appears or goes as a whole, all of it."""
    was, now = (_common([offer.asks for offer in side.offers]) for side in (old, new))
    yield from (f"from now on: {said}" for said in sorted(now - was))
    if new.offers:
        yield from (f"no longer: {said}" for said in sorted(was - now))


def _dates(old: _Side, new: _Side) -> Iterator[str]:
    was, now = (sorted({offer.when for offer in side.offers}) for side in (old, new))
    if old.offers and new.offers and was != now:
        yield f"shown {' and '.join(now)}, instead of {' and '.join(was)}"


def _refusals(old: _Side, new: _Side) -> Iterator[str]:
    for words, refused in (("refused from now on", new.refused - old.refused), ("no longer refused", old.refused - new.refused)):
        for when, fields in groupby(sorted(refused, key=lambda pair: (pair[1], pair[0])), key=lambda pair: pair[1]):
            named = [field for field, _ in fields]
            yield f"{words}, by other agreements too: {'all of it' if WHOLE in named else ', '.join(named)}, {when}"


def _common(sets: list[frozenset[str]]) -> frozenset[str]:
    return frozenset.intersection(*sets) if sets else frozenset()


def _days(when: When) -> str:
    first = f"from {day(when.starts)}" if when.starts else ""
    last = f"until {day(when.ends)}" if when.ends else ""
    return " ".join(filter(None, (first, last))) or "for as long as the agreement lasts"


def _header(before: Agreement, after: Agreement) -> Iterator[str]:
    old, new = (set(agreement.header.partners) for agreement in (before, after))
    yield from (f"{partner} becomes a partner" for partner in sorted(new - old))
    yield from (f"{partner} is no longer a partner" for partner in sorted(old - new))
    yield from _differences(_flat(before.header, ("partners", "version")), _flat(after.header, ("partners", "version")))


def _clauses(before: Agreement, after: Agreement) -> Iterator[str]:
    if len(before.clauses) != len(after.clauses):
        yield f"clauses: {len(after.clauses)}, instead of {len(before.clauses)}"
    for old, new in zip(before.clauses, after.clauses, strict=False):
        if old.terms.basis and new.terms.basis:  # a refusal needs no law
            law = _differences(_flat(old.terms.basis), _flat(new.terms.basis))
            yield from (f"§{new.number}, the law relied on, {said}" for said in law)


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if was is None or now is None:
            yield f"{name}, {'gone' if now is None else 'new'}: {was if now is None else now}"
        else:
            yield f"{name}: {now}, instead of {was}"


def _flat(value: object, without: tuple[str, ...] = (), path: str = "") -> dict[str, str]:
    """Every text of a nested noun, by its dotted name; dates in words."""
    if isinstance(value, msgspec.Struct):
        value = {name: each for name, each in msgspec.structs.asdict(value).items() if name not in without}
    if isinstance(value, Mapping):
        found = (_flat(each, (), f"{path}.{name}" if path else str(name)) for name, each in value.items())
        return {name: said for each in found for name, said in each.items()}
    if value is None or value == ():
        return {}
    if isinstance(value, tuple):
        return {path: ", ".join(map(str, value))}
    return {path: day(value) if isinstance(value, date) else str(value)}


def _prose(agreement: Agreement) -> tuple[object, ...]:
    return agreement.preamble, *((clause.title, clause.words) for clause in agreement.clauses)


def _alike(change: Change) -> tuple[object, ...]:
    return change.agency, change.to, change.purpose, change.kind, change.gains, change.loses, change.words


def _in_order(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: (_alike(change), change.role))


def _said(change: Change) -> Iterator[str]:
    for verb, fields in (("gains", change.gains), ("loses", change.loses)):
        if fields:
            yield f"{verb} {', '.join('that a record exists' if field == EXISTS else field for field in fields)}"
    yield from change.words
