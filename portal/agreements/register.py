"""The register of agreements: every file of the folder, who has signed it, and whether it is in force on a day."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path

import msgspec

from connectors.errors import ConfigurationError, Mistake
from portal.agreements.documents import Agreement, read_agreement
from portal.agreements.rules import RuleSet, State, as_day, rule_set, span_of, terms_of
from portal.agreements.signatures import Signed, beside, read_signed
from portal.agreements.vocabulary import Vocabulary
from portal.agreements.wording import day as in_words

#: How long before its review date ``check`` finds an agreement.
NOTICE = timedelta(days=30)


class Entry(msgspec.Struct, frozen=True):
    """One agreement of the register, and what was signed of it."""

    agreement: Agreement
    signed: Signed

    @property
    def unsigned(self) -> tuple[str, ...]:
        """The partners whose signature is missing."""
        return tuple(sorted(set(self.agreement.header.partners) - self.signed.partners))

    def state(self, day: date) -> State:
        """Whether the agreement as a whole is in force on ``day``, or why not; a clause may have narrower days."""
        return "unsigned" if self.unsigned else span_of(self.agreement).state(day)


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
    """Every agreement of a federation, by id, with the rules made of them."""

    entries: tuple[Entry, ...]
    vocabulary: Vocabulary

    @cached_property
    def rules(self) -> RuleSet:
        """What decisions are made by."""
        return rule_set(term for entry in self.entries for term in terms_of(entry.agreement, entry.signed, self.vocabulary))

    @property
    def all(self) -> tuple[Agreement, ...]:
        """Every agreement, by id."""
        return tuple(entry.agreement for entry in self.entries)

    def entry(self, agreement: Agreement) -> Entry:
        """The register's entry of one of ``all``."""
        return next(entry for entry in self.entries if entry.agreement.id == agreement.id)

    def state(self, agreement: Agreement, now: datetime) -> State:
        """Whether an agreement is in force at the aware moment ``now``, or why not."""
        return self.entry(agreement).state(as_day(now))

    def listed(self, on: date) -> tuple[Listed, ...]:
        """The register as of a day; ``inForce`` says of each whether it is in force then."""
        return tuple(_listed(entry, on) for entry in self.entries)


def load_agreements(folder: Path, vocabulary: Vocabulary) -> Agreements:
    """Every agreement (``*.md``) of a folder, with its signatures. An unsigned one is loaded and not in force.

    Raises ConfigurationError (CV200-CV215) with every mistake of every file.
    """
    entries, mistakes = _read_all(folder, vocabulary)
    if mistakes:
        raise ConfigurationError(mistakes)
    return Agreements(tuple(sorted(entries, key=lambda entry: entry.agreement.id)), vocabulary)


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


def _rank(version: str) -> tuple[int, ...]:
    parts = [int(part) for part in version.split(".")]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def check(folder: Path, vocabulary: Vocabulary, today: date) -> list[Mistake]:
    """Every mistake of every file, and every agreement whose review date (CV217) is past or less than 30 days away."""
    entries, mistakes = _read_all(folder, vocabulary)
    return mistakes + [mistake for entry in entries for mistake in _review(entry, today)]


def show(agreement: Agreement, agreements: Agreements, now: datetime) -> str:
    """One agreement for the terminal: what it gives, between whom, until when, and whose signature stands or is missing."""
    entry, today, header = agreements.entry(agreement), as_day(now), agreement.header
    ends = f", ends {in_words(header.ends)}" if header.ends else ""
    signatures = {each.partner: each for each in entry.signed.signature}
    lines = [
        f"{agreement.id} version {agreement.version}: {header.title}",
        f"State on {in_words(today)}: {WORDS_OF_STATE[entry.state(today)]}",
        f"Starts {in_words(header.starts)}, review by {in_words(header.review_by)} and {header.grace_days} days of grace{ends}",
        "Partners:",
    ]
    for partner in header.partners:
        each = signatures.get(partner)
        lines.append(f"  {partner}: signed by {each.role} on {in_words(each.at.date())}" if each else f"  {partner}: not signed")
    clauses = [f"\n§{clause.number} {clause.title}\n{clause.short}" for clause in agreement.clauses]
    return "\n".join([*lines, f"Text: {agreement.hash}", *clauses])


#: What each state means, for people.
WORDS_OF_STATE: dict[State, str] = {
    "in-force": "in force",
    "review-due": "in force, review overdue",
    "unsigned": "not in force: not every partner has signed it",
    "not-started": "not in force: it has not begun",
    "review-lapsed": "not in force: its review is overdue and the days of grace are past",
    "ended": "not in force: it has ended",
}


def _read_all(folder: Path, vocabulary: Vocabulary) -> tuple[list[Entry], list[Mistake]]:
    entries: list[Entry] = []
    mistakes = list(_orphans(folder))
    for path in sorted(folder.glob("*.md")):
        try:
            agreement = read_agreement(path, vocabulary)
            entries.append(Entry(agreement, read_signed(beside(path), agreement, vocabulary)))
        except ConfigurationError as error:
            mistakes += error.mistakes
    return entries, mistakes


def _orphans(folder: Path) -> Iterable[Mistake]:
    for path in sorted(folder.glob("*.signed.toml")):
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


def _listed(entry: Entry, on: date) -> Listed:
    agreement, header = entry.agreement, entry.agreement.header
    purposes = {purpose for clause in agreement.clauses if clause.terms.effect == "permit" for purpose in clause.terms.purposes}
    return Listed(
        id=agreement.id, version=agreement.version, title=header.title, partners=header.partners, purposes=tuple(sorted(purposes)),
        starts=header.starts, reviewBy=header.review_by, ends=header.ends, inForce=entry.state(on) in ("in-force", "review-due"),
        hash=agreement.hash, text=agreement.text,
    )  # fmt: skip
