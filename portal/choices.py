"""A practitioner's choice among those who may be the child: each candidate comes with a token that is good once, soon, and for nobody else.

A token holds the source, its own id of the person, and the access that offered it. It is bound to the practitioner at their agency, the
sign-in, the child as typed and the purpose; whatever does not fit reads alike. That a token was used is kept, as its digest, until it
could not be used any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec
import structlog
from sqlalchemy import Column, Index, MetaData, String, Table, delete, insert, select

from portal.accesslog.events import stamp
from portal.accesslog.pseudonyms import Lasting, identifiers_of
from portal.errors import RequestError
from portal.model import ChildView, Choice, Practitioner, Question
from portal.storage import Database, UniqueConflict
from portal.tokens import MOST as ROOM
from portal.tokens import NoToken, Tokens

#: So many candidates are offered in one view, and so many chosen at once.
MOST = 3
#: So long a candidate may be chosen.
LASTS = timedelta(minutes=5)
_USE = "choice"
#: That a token was used is kept this much longer than it lasts: gateways' clocks differ.
_KEPT = LASTS + timedelta(minutes=10)
_ACCESS = "0" * 26

TABLES = MetaData()

_SPENT = Table(
    "choices_spent",
    TABLES,
    Column("token", String(64), primary_key=True),
    Column("until", String(24), nullable=False),
    Index("choices_spent_until", "until"),
)
log = structlog.get_logger("childview.choices")


class _Meant(msgspec.Struct, frozen=True, array_like=True):
    """What a token holds."""

    source: str
    person: str
    access: str


class Choices:
    """Seals, opens and spends tokens; ``database`` has been opened with ``TABLES``, ``clock`` gives aware moments that never go back."""

    def __init__(self, database: Database, lasting: Lasting, clock: Callable[[], datetime]) -> None:
        self._tokens = Tokens(lasting.key("choices"))
        self._database, self._lasting, self._clock = database, lasting, clock

    def offered(self, view: ChildView, question: Question, practitioner: Practitioner, access: str) -> ChildView:
        """The view with a token for each of its candidates. Operators are told of sources whose candidates cannot be offered."""
        for source in sorted(view.manifest.unfit):
            log.error("candidates not offered", id="CV512", source=source, why="the id of one of its persons is too long")
        if not view.candidates:
            return view
        holder, at = holder_of(question, practitioner, self._lasting), self._clock()
        meant = (msgspec.msgpack.encode(_Meant(each.source, each.person, access)) for each in view.manifest.offered)
        tokens = [self._tokens.seal(_USE, holder, each, at) for each in meant]
        candidates = (msgspec.structs.replace(each, token=token) for each, token in zip(view.candidates, tokens, strict=True))
        return msgspec.structs.replace(view, candidates=tuple(candidates))

    async def opened(self, question: Question, practitioner: Practitioner) -> tuple[Choice, ...]:
        """Whom the question's tokens mean. Nothing is spent yet.

        Raises RequestError CV608, the same for every token that cannot be used, and StorageUnavailable.
        """
        if not question.chosen:
            return ()
        holder = holder_of(question, practitioner, self._lasting)
        chosen = tuple(self._open(token, holder) for token in dict.fromkeys(question.chosen))
        async with self._database.read() as connection:
            used = select(_SPENT.c.token).where(_SPENT.c.token.in_([each.token for each in chosen]))
            if (await connection.execute(used)).first():
                raise no_longer_open()
        return chosen

    async def spend(self, chosen: Iterable[Choice]) -> None:
        """Note durably that these were used: all of them, or none. Raises RequestError CV608 when one was used before."""
        now = self._clock()
        rows = [{"token": each.token, "until": stamp(now + _KEPT)} for each in chosen]
        if not rows:
            return
        try:
            async with self._database.begin() as connection:
                await connection.execute(delete(_SPENT).where(_SPENT.c.until < stamp(now)))
                await connection.execute(insert(_SPENT), rows)
        except UniqueConflict:
            raise no_longer_open() from None

    def _open(self, token: str, holder: str) -> Choice:
        try:
            meant = msgspec.msgpack.decode(self._tokens.open(_USE, holder, token, self._clock(), LASTS), type=_Meant)
        except (NoToken, msgspec.DecodeError):  # what cannot be decoded was sealed by another version of the portal
            raise no_longer_open() from None
        digest = hashlib.sha256(token.encode()).hexdigest()
        return Choice(source=meant.source, person=meant.person, access=meant.access, token=digest)


def holder_of(question: Question, practitioner: Practitioner, lasting: Lasting) -> str:
    """Everything that must be the same when a token comes back: who asks, for whom, in which sign-in, for what, about which child as typed.

    Where the sign-in is not known the token is bound to the person and the agency alone.
    """
    who = (practitioner.issuer, practitioner.person, practitioner.agency, practitioner.session or "")
    child = sorted({lasting.of(each)[1] for each in identifiers_of(question.subject)})
    return lasting.mark(_USE, *who, question.purpose, *child)


def fits(source: str, person: str) -> bool:
    """Whether a token can hold this source's id of a person."""
    try:
        return len(msgspec.msgpack.encode(_Meant(source, person, _ACCESS))) <= ROOM
    except UnicodeEncodeError:  # half a character
        return False


def by_source(chosen: Iterable[Choice]) -> dict[str, frozenset[str]]:
    """The ids of the persons chosen, by source."""
    picked: dict[str, frozenset[str]] = {}
    for each in chosen:
        picked[each.source] = picked.get(each.source, frozenset()) | {each.person}
    return picked


def no_longer_open() -> RequestError:
    """What to raise (CV608) for any token that cannot be used. Why, nobody is told."""
    hint = "Ask again, and choose from what is shown then."
    return RequestError("CV608", "This choice is no longer open.", status=409, hint=hint, path=("child", "chosen"))


def too_many() -> RequestError:
    """What to raise (CV609) for more tokens than a view can offer."""
    return RequestError(
        "CV609", f"At most {MOST} can be chosen at once.", hint="Choose only whom you are sure of.", path=("child", "chosen")
    )
