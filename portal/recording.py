"""Writes down what a practitioner says was said or decided: consents, objections, decisions not to share, reviews closed, wrong children.

First it is checked whether this may be written down, by this person, of this agreement. Then registry and access log are written, before
anybody is answered. What takes away stands in the registry first: whatever the log does then, a withdrawal must never be lost. What lets
more be shown stands in the log first, and counts only once its event is durable. Should the registry fail in between, the event names a
version that never came to count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from datetime import date, datetime
from typing import Any, Protocol, TypeVar

import structlog

from connectors import Identifier
from connectors.standard import Standard
from portal.accesslog import LogUnavailable
from portal.accesslog.pseudonyms import identifiers_of
from portal.agreements import Agreement, Agreements, Clause, as_day
from portal.agreements.grants import holding
from portal.agreements.told import told_of
from portal.agreements.vocabulary import Vocabulary
from portal.changes import Change, Closing, DoubtClosing, NotShared, Recorded, Said, WrongChild
from portal.consent import WIDENS
from portal.doubts import Closed, Doubt, Report
from portal.errors import PortalError, RequestError
from portal.federation import FederationSettings
from portal.model import Entry, Practitioner, Receipt

log = structlog.get_logger("childview.recording")
_T = TypeVar("_T")

#: A source that raises all its records so far is a sensitive service itself.
_SENSITIVE_TIERS = ("T4", "T5")


class Registry(Protocol):
    """Where it is written down."""

    async def record(
        self, said: Said, by: Practitioner, told: str | None, first: Callable[[Entry], Awaitable[None]] | None
    ) -> Entry: ...  # fmt: skip
    async def record_not_shared(self, what: NotShared, by: Practitioner) -> str: ...


class Review(Protocol):
    """A breaking of the glass as an agency has to review it: as far as it is shown."""

    @property
    def id(self) -> str: ...
    @property
    def agency(self) -> str: ...
    @property
    def by_agency(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def access(self) -> str: ...
    @property
    def opened_at(self) -> datetime: ...
    @property
    def due(self) -> date: ...
    @property
    def outcome(self) -> str | None: ...


class Glass(Protocol):
    """Who keeps the reviews: checks who may close one, and closes it."""

    def may_review(self, practitioner: Practitioner) -> bool: ...
    async def close(self, closing: Closing, by: Practitioner) -> Review: ...
    async def reviews(self, agency: str) -> tuple[Review, ...]: ...


class Doubts(Protocol):
    """Who keeps the reports of a wrong child: checks who may make or close one, and does."""

    def may_close(self, practitioner: Practitioner) -> bool: ...
    async def report(self, wrong: WrongChild, by: Practitioner) -> Report: ...
    async def close(self, closing: DoubtClosing, by: Practitioner, first: Callable[[Closed], Awaitable[None]]) -> Closed: ...
    async def open_ones(self, agency: str) -> tuple[Doubt, ...]: ...


class Log(Protocol):
    """The part of the access log that this writes."""

    @property
    def healthy(self) -> bool: ...
    def now(self) -> datetime: ...
    async def change(
        self, what: str, id: str, version: str | int, hash: str | None = None, actor: Practitioner | None = None, *,
        subject: Iterable[Identifier] = (), more: Mapping[str, Any] | None = None,
    ) -> Receipt: ...  # fmt: skip


class Keeping(Protocol):
    """What writing down needs of a portal."""

    @property
    def settings(self) -> FederationSettings: ...
    @property
    def standard(self) -> Standard: ...
    @property
    def agreements(self) -> Agreements: ...
    @property
    def registry(self) -> Registry: ...
    @property
    def glass(self) -> Glass: ...
    @property
    def doubts(self) -> Doubts: ...
    @property
    def log(self) -> Log: ...


class Unlogged(PortalError):
    """CV701, for what is written down already: the registry has it, and who wrote it down; the access log could not be written."""

    def __init__(self) -> None:
        words = "This is written down and counts, but the access log could not be written, so that no receipt can be given."
        super().__init__("CV701", words, 503, "Do not send it again. The people who run this portal were told.")


async def record(change: Change, practitioner: Practitioner, portal: Keeping) -> Recorded:
    """Write one thing down, in the registry and in the access log.

    Raises RequestError when it may not be: CV432 not a recorder, CV433 no such agreement, clause, agency or kind, CV434 no partner,
    CV435 nothing rests on it, CV439 held at the service, CV441 responsibility, CV442 days, and those of registry, glass and doubts.
    Raises LogUnavailable and StorageUnavailable, then it does not count; and Unlogged when it does, and the log could not be written.
    """
    if isinstance(change, Closing):
        return await _to_the_end(_close(change, practitioner, portal))
    if isinstance(change, WrongChild):
        return await _to_the_end(_report(change, practitioner, portal))
    if isinstance(change, DoubtClosing):
        return await _to_the_end(_close_doubt(change, practitioner, portal))
    check_recorder(practitioner, portal.settings.registry.recorders)
    if isinstance(change, NotShared):
        check_not_shared(change, practitioner, portal.settings.agencies, portal.standard)
        return await _to_the_end(_decide_not_to_share(change, practitioner, portal))
    agreement = check_said(change, practitioner, portal.agreements, as_day(portal.log.now()))
    told = told_of(agreement, change.clause)
    if (change.what, change.state) in WIDENS:
        return await _to_the_end(_widen(change, told, practitioner, portal))
    return await _to_the_end(_say(change, told, practitioner, portal))


async def open_reviews(practitioner: Practitioner, portal: Keeping) -> tuple[Review, ...]:
    """The reviews that wait at the practitioner's own agency; none for whoever does not review. Raises StorageUnavailable."""
    if not portal.glass.may_review(practitioner):
        return ()
    return tuple(review for review in await portal.glass.reviews(practitioner.agency) if review.outcome is None)


async def open_doubts(practitioner: Practitioner, portal: Keeping) -> tuple[Doubt, ...]:
    """The reports of a wrong child that stand at the practitioner's own agency; none for whoever closes none. Raises StorageUnavailable."""
    return await portal.doubts.open_ones(practitioner.agency) if portal.doubts.may_close(practitioner) else ()


# Whether it may be written down


def check_recorder(practitioner: Practitioner, recorders: Collection[str]) -> None:
    """Raises RequestError CV432 for whoever holds none of the roles that write down what families say."""
    if not set(recorders) & set(practitioner.roles):
        message = "Your role does not write down what families say."
        named = ", ".join(sorted(recorders))
        hint = f"Ask somebody who does: {named}." if named else "No role does here: see registry.recorders of federation.toml."
        raise RequestError("CV432", message, status=403, hint=hint)


def check_said(said: Said, practitioner: Practitioner, agreements: Agreements, today: date) -> Agreement:
    """The agreement that was spoken about. Raises RequestError CV433, CV434, CV435, CV439, CV441, CV442."""
    agreement = next((each for each in agreements.all if each.id == said.agreement), None)
    if agreement is None:
        raise RequestError("CV433", "There is no such agreement here.", hint=_there_are(agreements), path=("agreement",))
    clauses = [each for each in agreement.clauses if said.clause in (None, each.number)]
    if not clauses:
        hint = f"It has clauses 1 to {len(agreement.clauses)}; without a clause, it is about the whole agreement."
        raise RequestError("CV433", f"{agreement.id} has no such clause.", hint=hint, path=("clause",))
    if practitioner.agency not in agreement.header.partners:
        hint = "Ask an agency that is to write it down."
        raise RequestError("CV434", f"Your agency is no partner of {agreement.id}.", status=403, hint=hint)
    _check_matter(said, agreement, clauses, agreements.vocabulary)
    _check_party(said)
    _check_days(said, today)
    return agreement


def check_not_shared(what: NotShared, practitioner: Practitioner, agencies: Collection[str], standard: Standard) -> None:
    """Raises RequestError CV433 for an agency that is not one, or the practitioner's own, and for kinds that are none."""
    others = sorted(set(agencies) - {practitioner.agency})
    if what.to not in others:
        message = "There is no other agency of that id here."
        raise RequestError("CV433", message, hint=f"There are {', '.join(others)}.", path=("to",))
    if not what.kinds or not set(what.kinds) <= standard.kinds.keys():
        message = "Name at least one record kind, and only those of the data standard."
        raise RequestError("CV433", message, hint=f"There are {', '.join(sorted(standard.kinds))}.", path=("kinds",))


def _there_are(agreements: Agreements) -> str:
    named = ", ".join(each.id for each in agreements.all)
    return f"There are {named}." if named else "There are none."


def _check_matter(said: Said, agreement: Agreement, clauses: list[Clause], vocabulary: Vocabulary) -> None:
    """Whether anything rests on what was said. To write it down regardless would let a family believe that it changes something."""
    if said.what == "consent":
        resting = [each for each in clauses if each.terms.conditions.consent == "required"]
    else:
        resting = [each for each in clauses if each.terms.conditions.objection == "counts"]
    where = agreement.id if said.clause is None else agreement.cite(said.clause)
    if not resting:
        message = f"{where} asks for no consent." if said.what == "consent" else f"No objection counts under {where}."
        hint = "Tell the family so: writing it down would change nothing."
        raise RequestError("CV435", message, hint=hint, path=("clause",))
    if said.what == "objection" and all(_held_there(each, vocabulary) for each in resting):
        message = f"An objection to what {where} shows is held by the service itself, so that nobody here learns of it."
        raise RequestError("CV439", message, hint="Help the family to tell the service.", path=("clause",))


def _held_there(clause: Clause, vocabulary: Vocabulary) -> bool:
    """Whether every source of a clause is a sensitive service: that somebody objects to one would tell that it holds something."""
    sources = {source for kind in clause.terms.kinds for source in holding(clause.terms.from_, kind, vocabulary)}
    return bool(sources) and all(_sensitive(source, vocabulary) for source in sources)


def _sensitive(source: str, vocabulary: Vocabulary) -> bool:
    return source in vocabulary.sensitive_services or vocabulary.sources[source].tier in _SENSITIVE_TIERS


def _check_party(said: Said) -> None:
    """An adult's word rests on parental responsibility, a young person's on nothing but their understanding (DPA 2018 s.208)."""
    young = said.party == "YOUNG_PERSON"
    if young and said.responsibility:
        message = "A young person speaks for themselves: no parental responsibility is needed for it."
        raise RequestError("CV441", message, hint="Leave responsibility out, or name the adult as party.", path=("responsibility",))
    if not young and not said.responsibility:
        message = "Say what this adult's parental responsibility rests on, and when you saw it."
        raise RequestError("CV441", message, hint="A birth certificate, a court's order, an agreement.", path=("responsibility",))


def _check_days(said: Said, today: date) -> None:
    """No day lies ahead; nobody was asked, and no understanding found, before the child was born."""
    born = said.subject.birth_date or ""
    days: dict[tuple[str, ...], date] = {("on",): said.on}
    days |= {("understanding", "on"): said.understanding.on} if said.understanding else {}
    for path, day in days.items():
        if day > today or day.isoformat()[: len(born)] < born:
            raise _wrong_day(path, "Give one from the child's birth until today.")
    if said.responsibility and said.responsibility.on > today:
        raise _wrong_day(("responsibility", "on"), "Give one until today.")


def _wrong_day(path: tuple[str, ...], hint: str) -> RequestError:
    return RequestError("CV442", f"The day at {'.'.join(path)} cannot be.", hint=hint, path=path)


# Writing it down


async def _say(said: Said, told: str | None, by: Practitioner, portal: Keeping) -> Recorded:
    """What takes away: the registry first."""
    entry = await portal.registry.record(said, by, told, None)
    receipt = await _logged(portal.log, said.what, entry.id, entry.version, by, identifiers_of(said.subject), _more(said))
    return _recorded(entry, receipt)


async def _widen(said: Said, told: str | None, by: Practitioner, portal: Keeping) -> Recorded:
    """What lets more be shown: the log first, inside the registry's transaction. Not begun while the log is closed."""
    if not portal.log.healthy:
        raise LogUnavailable("closed before it was begun")
    receipts: list[Receipt] = []

    async def tell(entry: Entry) -> None:
        subject = identifiers_of(said.subject)
        receipts.append(await portal.log.change(said.what, entry.id, entry.version, actor=by, subject=subject, more=_more(said)))

    entry = await portal.registry.record(said, by, told, tell)
    return _recorded(entry, receipts[-1])


def _more(said: Said) -> dict[str, Any]:
    clause = {} if said.clause is None else {"clause": said.clause}
    return {"agreement": said.agreement, "state": said.state, "party": said.party, **clause}


def _recorded(entry: Entry, receipt: Receipt) -> Recorded:
    return Recorded(id=entry.id, version=entry.version, state=entry.state.upper(), at=entry.at, receipt=receipt)


async def _decide_not_to_share(what: NotShared, by: Practitioner, portal: Keeping) -> Recorded:
    id, at = await portal.registry.record_not_shared(what, by), portal.log.now()
    more = {"to": what.to, "kinds": list(what.kinds)}
    receipt = await _logged(portal.log, "not-shared", id, 1, by, identifiers_of(what.subject), more)
    return Recorded(id=id, version=1, state="NOT_SHARED", at=at, receipt=receipt)


async def _close(closing: Closing, by: Practitioner, portal: Keeping) -> Recorded:
    review, at = await portal.glass.close(closing, by), portal.log.now()
    receipt = await _logged(portal.log, "review", review.id, 1, by, (), {"outcome": closing.outcome})
    return Recorded(id=review.id, version=1, state=closing.outcome, at=at, receipt=receipt)


async def _report(wrong: WrongChild, by: Practitioner, portal: Keeping) -> Recorded:
    """It takes from nobody but its reporter, and warns everybody else: the registry first."""
    report = await portal.doubts.report(wrong, by)
    about = report.about
    more = {"source": about.source, "shown_in": about.access, "persons": [each.hex() for each in about.digests]}
    receipt = await _logged(portal.log, "wrong-child", report.id, 1, by, (), more | {"evidence": list(about.evidence)})
    return Recorded(id=report.id, version=1, state="REPORTED", at=report.at, receipt=receipt)


async def _close_doubt(closing: DoubtClosing, by: Practitioner, portal: Keeping) -> Recorded:
    """Its reporter may be shown the record again: the log first, inside the transaction. Not begun while the log is closed."""
    if not portal.log.healthy:
        raise LogUnavailable("closed before it was begun")
    receipts: list[Receipt] = []

    async def tell(closed: Closed) -> None:
        more = {"source": closed.source, "outcome": closed.outcome}
        receipts.append(await portal.log.change("wrong-child", closed.id, closed.version, actor=by, more=more))

    closed = await portal.doubts.close(closing, by, tell)
    return Recorded(id=closed.id, version=closed.version, state=closed.outcome, at=closed.at, receipt=receipts[-1])


async def _logged(
    to: Log, what: str, id: str, version: int, by: Practitioner, subject: Iterable[Identifier], more: Mapping[str, Any]
) -> Receipt:
    """The event of what stands already. Raises Unlogged: then operators are told which entry has no event."""
    try:
        return await to.change(what, id, version, actor=by, subject=subject, more=more)
    except LogUnavailable as error:
        log.error("written down, but not in the access log", id="CV701", what=what, entry=id, version=version, why=error.why)
        raise Unlogged from None


async def _to_the_end(work: Coroutine[Any, Any, _T]) -> _T:
    """What ``work`` gives. A cancellation is passed on only when it has ended: an entry without its event would be nobody's."""
    working = asyncio.create_task(work)
    left: asyncio.CancelledError | None = None
    while not working.done():
        try:
            await asyncio.wait({working})
        except asyncio.CancelledError as error:
            left = error
    if left is not None:
        working.exception()  # looked at, so that no loop reports it as never retrieved
        raise left
    return working.result()
