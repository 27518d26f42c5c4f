"""The register of agreements: every file of the folder, who has signed it, and whether it is in force on a day."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path

import msgspec

from connectors.errors import ConfigurationError, Mistake
from portal.agreements.documents import Agreement, read_agreement
from portal.agreements.grants import grants_hash
from portal.agreements.remembered import Remembered
from portal.agreements.rules import RuleSet, State, Term, as_day, rule_set, span_of, terms_of
from portal.agreements.signatures import Signed, beside, read_signed
from portal.agreements.suspension import Suspension, standing
from portal.agreements.suspension import in_words as suspended
from portal.agreements.suspensions import read_suspensions
from portal.agreements.text import LONGEST_LIST, LONGEST_TEXT, files_of, read_bytes
from portal.agreements.vocabulary import Vocabulary
from portal.agreements.wording import day as in_words

#: How long before its review date ``check`` fails, and how long before it the partners are told.
NOTICE, TOLD = timedelta(days=30), timedelta(days=60)


class Entry(msgspec.Struct, frozen=True, dict=True):
    """One agreement of the register, what was signed of it, and the bytes of both files."""

    agreement: Agreement
    signed: Signed
    vocabulary: Vocabulary
    raw: tuple[bytes, bytes] = (b"", b"")

    @property
    def unsigned(self) -> tuple[str, ...]:
        """The partners whose signature is missing."""
        return tuple(sorted(set(self.agreement.header.partners) - self.signed.partners))

    @cached_property
    def grants(self) -> str:
        """The hash of the lines that were signed, in hex."""
        return grants_hash(self.signed.grants)

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """What it gives and refuses, made once for as long as neither file changes."""
        return tuple(terms_of(self.agreement, self.signed, self.vocabulary))

    def state(self, day: date) -> State:
        """Whether the agreement as a whole is in force on ``day``, or why not; a clause may have narrower days."""
        return "unsigned" if self.unsigned else span_of(self.agreement).state(day)

    def due(self, day: date) -> bool:
        """Whether its review is past or less than 60 days away, and it has not ended."""
        return day >= self.agreement.header.review_by - TOLD and self.state(day) != "ended"


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One agreement as the public register shows it, under the schema's names. ``text`` is its ``In short:`` paragraphs."""

    id: str
    version: str
    title: str
    partners: tuple[str, ...]
    purposes: tuple[str, ...]
    starts: date
    reviewBy: date  # the schema's name, projected as it stands
    ends: date | None
    inForce: bool
    hash: str
    text: str


class Agreements(msgspec.Struct, frozen=True, dict=True):
    """Every agreement of a federation, by id, every suspension and lift that was ever seen, and the rules made of them."""

    entries: tuple[Entry, ...]
    vocabulary: Vocabulary
    seen: tuple[Suspension, ...] = ()

    @cached_property
    def suspensions(self) -> tuple[Suspension, ...]:
        """The suspensions that stand."""
        return standing(self.seen)

    @cached_property
    def rules(self) -> RuleSet:
        """What decisions are made by."""
        terms = (term for entry in self.entries for term in entry.terms)
        return rule_set(terms, self.suspensions, self._superseded, self.vocabulary.jurisdiction)

    @property
    def all(self) -> tuple[Agreement, ...]:
        """Every agreement, by id."""
        return tuple(entry.agreement for entry in self.entries)

    def find(self, id: str) -> Agreement | None:
        """The agreement of that id."""
        return next((each for each in self.all if each.id == id), None)

    def entry(self, agreement: Agreement) -> Entry:
        """The register's entry of one of ``all``."""
        return next(entry for entry in self.entries if entry.agreement.id == agreement.id)

    def state(self, agreement: Agreement, now: datetime) -> State:
        """Whether an agreement is in force at the aware moment ``now``, or why not."""
        return self._state(self.entry(agreement), as_day(now))

    def listed(self, on: date) -> tuple[Listed, ...]:
        """The register as of a day; ``inForce`` says of each whether it is in force then."""
        return tuple(_listed(entry, self._state(entry, on)) for entry in self.entries)

    def _state(self, entry: Entry, day: date) -> State:
        state, since = entry.state(day), self._superseded.get(entry.agreement.key)
        if state == "unsigned":
            return state
        if any(
            (each.agreement, each.clause, each.source, each.kind) == (entry.agreement.id, None, None, None) for each in self.suspensions
        ):
            return "suspended"
        return "superseded" if since and day >= since else state

    @cached_property
    def _superseded(self) -> Mapping[str, date]:
        """From which day another agreement stands in the place of one, by ``ID@VERSION``: only one that every partner has signed does."""
        found: dict[str, date] = {}
        for entry in self.entries:
            for key in () if entry.unsigned else entry.agreement.header.supersedes:
                found[key] = min(found.get(key, date.max), entry.agreement.header.starts)
        return found


def load_agreements(folder: Path, vocabulary: Vocabulary, earlier: Agreements | None = None) -> Agreements:
    """Every agreement (``*.md``) of a folder, with its signatures and what is suspended. An unsigned one is loaded and not in force.

    Files that are byte for byte those of ``earlier``, under the same vocabulary, are not read again. Raises ConfigurationError
    (CV200-CV246) with every mistake of every file but those of suspensions: what is wrong with one must not keep another from acting.
    """
    entries, mistakes = _read_all(folder, vocabulary, earlier)
    seen, _ = read_suspensions(folder, vocabulary)
    mistakes += [*_superseding(entries), *_telling(entries)]
    if mistakes:
        raise ConfigurationError(mistakes)
    return Agreements(tuple(sorted(entries, key=lambda entry: entry.agreement.id)), vocabulary, seen)


def refuse_older(agreements: Agreements, loaded: Mapping[str, Collection[str]]) -> None:
    """Refuse a version lower than one that was loaded before: an older agreement may give what a newer one took back.

    ``loaded`` maps agreement id to the versions in the access log. Raises ConfigurationError (CV218), every mistake at once.
    """
    mistakes = [
        Mistake(
            id="CV218",
            message=f"is version {each.version}, but version {newest} was in use before.",
            file=each.file,
            line=each.line,
            hint="Put the newer file back, or give this one a higher version and have it signed.",
        )
        for each in agreements.all
        if (newest := max(loaded.get(each.id, ()), key=_rank, default=None)) and _rank(each.version) < _rank(newest)
    ]
    if mistakes:
        raise ConfigurationError(mistakes)


def refuse_gone(agreements: Agreements, memory: Remembered, folder: Path) -> None:
    """Refuse that an agreement that was in use is taken away: with it would go what it refuses. An ended one stays as what it is.

    Only one that stands in its place, signed by all its partners and all theirs among them, lets it go. Raises ConfigurationError (CV220),
    every mistake at once.
    """
    there = {each.id for each in agreements.all} | set(_replaced(agreements, memory))
    mistakes = [
        Mistake(
            id="CV220",
            message=f"{id} was in use before and is gone.",
            file=str(folder),
            hint=f"Put {id.lower()}.md back. To end it, set ends and sign, or let an agreement signed by its partners supersede it.",
        )
        for id in sorted(set(memory.loaded) - there)
    ]
    if mistakes:
        raise ConfigurationError(mistakes)


def refuse_replaced(agreements: Agreements, memory: Remembered) -> None:
    """Refuse a text, or what was signed of it, that another of the same version has replaced: it may give what the other took back.

    Signing the same again is no other. Raises ConfigurationError (CV247), every mistake at once.
    """
    mistakes = []
    for entry in agreements.entries:
        each = entry.agreement
        same = [said for version, *said in memory.texts.get(each.id, ()) if _rank(version) == _rank(each.version)]
        if not entry.unsigned and [each.hash, entry.grants] in same and same[-1] != [each.hash, entry.grants]:
            message = f"this text of version {each.version}, as it was signed, was replaced before."
            hint = "Put back what replaced it, or give it a higher version and have it signed."
            mistakes.append(Mistake(id="CV247", message=message, file=each.file, line=each.line, hint=hint))
    if mistakes:
        raise ConfigurationError(mistakes)


def refuse_unsigned(agreements: Agreements, signed: Collection[str]) -> None:
    """Refuse that a signature is taken away, or a text put in the place of one that all had signed: with it would go what it refuses.

    ``signed`` are the ids of agreements that every partner had signed when they were in use. Raises ConfigurationError (CV245).
    """
    mistakes = [
        Mistake(
            id="CV245",
            message=f"{entry.agreement.key} is not signed by {', '.join(entry.unsigned)}, though all had signed it, or one before it.",
            file=entry.agreement.file,
            line=entry.agreement.line,
            hint="Put back what all have signed. Let a new text be signed in a copy of the folder, and bring both files over together.",
        )
        for entry in agreements.entries
        if entry.unsigned and entry.agreement.id in signed
    ]
    if mistakes:
        raise ConfigurationError(mistakes)


def _replaced(agreements: Agreements, memory: Remembered) -> Iterable[str]:
    """The ids of remembered agreements whose newest version another agreement of all their partners stands in the place of."""
    for entry in agreements.entries:
        for id, _, version in (key.partition("@") for key in entry.agreement.header.supersedes):
            newest = max(memory.loaded.get(id, ()), key=_rank, default=None)
            partners = memory.partners.get(id)
            whole = partners is not None and partners <= set(entry.agreement.header.partners)
            if not entry.unsigned and newest and _rank(version) >= _rank(newest) and whole:
                yield id


def _superseding(entries: Iterable[Entry]) -> Iterable[Mistake]:
    """An agreement can stand in the place of another only if everybody who signed the other is among its partners."""
    there = {entry.agreement.key: entry.agreement for entry in entries}
    for agreement in list(there.values()):
        for key in agreement.header.supersedes:
            left_out = set(there[key].header.partners) - set(agreement.header.partners) if key in there else set()
            if left_out:
                message = f"{agreement.id} supersedes {key}, and {', '.join(sorted(left_out))} is not a partner of it."
                hint = "Only all who signed an agreement can put another in its place."
                yield Mistake(id="CV240", message=message, file=agreement.file, line=agreement.line, hint=hint)


def _telling(entries: Iterable[Entry]) -> Iterable[Mistake]:
    """Where an objection counts under one clause for the same people to whom another gives the same kind, what is missing would tell of it.

    Allowed is another that gives no less and under which no objection counts. Clauses that only broken glass opens are apart.
    """
    terms = [(term, entry.agreement) for entry in entries for term in entry.terms if not term.refuses and not term.conditions.break_glass]
    by_kind: dict[tuple[str, str], list[Term]] = {}
    for term, _ in terms:
        by_kind.setdefault((term.source, term.kind), []).append(term)
    for term, agreement in terms:
        if term.conditions.objection == "counts":
            others = [other for other in by_kind[term.source, term.kind] if other is not term and _tells(term, other)]
            yield from (_told_by(term, other, agreement) for other in others)


def _tells(term: Term, other: Term) -> bool:
    same = term.to & other.to and term.roles & other.roles and term.purposes & other.purposes
    less = term.fields - other.fields or (term.ceiling, term.existence) > (other.ceiling, other.existence)
    return bool(same and (less or other.conditions.objection == "counts"))


def _told_by(term: Term, other: Term, agreement: Agreement) -> Mistake:
    message = f"an objection counts under {term.clause}, and {other.clause} gives the same people some of {term.kind}."
    hint = "Whoever sees the less would know of the objection. Give it in one clause, or let the other give no less and no objection count."
    return Mistake(id="CV244", message=message, file=agreement.file, line=agreement.line, hint=hint)


def _rank(version: str) -> tuple[int, ...]:
    parts = [int(part) for part in version.split(".")]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def check(folder: Path, vocabulary: Vocabulary, today: date) -> list[Mistake]:
    """Every mistake of every file, suspensions too, and every agreement whose review date (CV217) is past or less than 30 days away."""
    entries, mistakes = _read_all(folder, vocabulary)
    mistakes += read_suspensions(folder, vocabulary)[1]
    return mistakes + [mistake for entry in entries for mistake in _review(entry, today)]


def show(agreement: Agreement, agreements: Agreements, now: datetime) -> str:
    """One agreement for the terminal: what it gives, between whom, until when, and whose signature stands or is missing."""
    entry, today, header = agreements.entry(agreement), as_day(now), agreement.header
    ends = f", ends {in_words(header.ends)}" if header.ends else ""
    signatures = {each.partner: each for each in entry.signed.signature}
    lines = [
        f"{agreement.id} version {agreement.version}: {header.title}",
        f"State on {in_words(today)}: {WORDS_OF_STATE[agreements.state(agreement, now)]}",
        f"Starts {in_words(header.starts)}, review by {in_words(header.review_by)} and {header.grace_days} days of grace{ends}",
        "Partners:",
    ]
    for partner in header.partners:
        each = signatures.get(partner)
        lines.append(f"  {partner}: signed by {each.role} on {in_words(each.at.date())}" if each else f"  {partner}: not signed")
    lines += [suspended(each) for each in agreements.suspensions if each.agreement == agreement.id]
    clauses = [f"\n§{clause.number} {clause.title}\n{clause.short}" for clause in agreement.clauses]
    return "\n".join([*lines, f"Text: {agreement.hash}", *clauses])


#: What each state means, for people.
WORDS_OF_STATE: dict[State, str] = {
    "in-force": "in force",
    "review-due": "in force, review overdue",
    "unsigned": "not in force: not every partner has signed it",
    "suspended": "not in force: a partner has stopped sharing under it",
    "superseded": "not in force: another agreement stands in its place",
    "not-started": "not in force: it has not begun",
    "review-lapsed": "not in force: its review is overdue and the days of grace are past",
    "ended": "not in force: it has ended",
}


def _read_all(folder: Path, vocabulary: Vocabulary, earlier: Agreements | None = None) -> tuple[list[Entry], list[Mistake]]:
    known = {Path(entry.agreement.file).name: entry for entry in earlier.entries} if earlier and earlier.vocabulary == vocabulary else {}
    entries: list[Entry] = []
    mistakes = list(_orphans(folder))
    for path in files_of(folder, ".md"):
        raw = (_bytes(path, LONGEST_TEXT), _bytes(beside(path), LONGEST_LIST))
        same = known.get(path.name)
        if same and same.raw == raw:
            entries.append(same)
            continue
        try:
            agreement = read_agreement(path, vocabulary)
            entries.append(Entry(agreement, read_signed(beside(path), agreement, vocabulary), vocabulary, raw))
        except ConfigurationError as error:
            mistakes += error.mistakes
    return entries, mistakes


def _bytes(path: Path, longest: int) -> bytes:
    """A file's bytes; none of one that is not there, or cannot be read: reading it tells why."""
    try:
        return read_bytes(path, longest)
    except OSError:
        return b""


def _orphans(folder: Path) -> Iterable[Mistake]:
    for path in files_of(folder, ".signed.toml"):
        if not path.with_name(f"{path.name.removesuffix('.signed.toml')}.md").exists():
            hint = "Put the agreement back beside it, or move both away."
            yield Mistake(id="CV213", message="these signatures belong to no agreement here.", file=str(path), line=1, hint=hint)


def _review(entry: Entry, today: date) -> Iterable[Mistake]:
    agreement, due = entry.agreement, entry.agreement.header.review_by
    if today < due - NOTICE or entry.state(today) == "ended":
        return
    when = "was" if today > due else "is"
    message = f"the review of {agreement.id} {when} due by {in_words(due)}."
    hint = f"Nothing is shared under it after {in_words(agreement.last_day)}. Review it, set review_by, and let every partner sign."
    yield Mistake(id="CV217", message=message, file=agreement.file, line=agreement.line, hint=hint)


def _listed(entry: Entry, state: State) -> Listed:
    agreement, header = entry.agreement, entry.agreement.header
    purposes = {purpose for clause in agreement.clauses if clause.terms.effect == "permit" for purpose in clause.terms.purposes}
    return Listed(
        id=agreement.id, version=agreement.version, title=header.title, partners=header.partners, purposes=tuple(sorted(purposes)),
        starts=header.starts, reviewBy=header.review_by, ends=header.ends, inForce=state in ("in-force", "review-due"),
        hash=agreement.hash, text=agreement.text,
    )  # fmt: skip
