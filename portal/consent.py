"""The registry of what families and young people said: consents, objections, and decisions not to share.

A child stands here under lasting pseudonyms alone, and what was said in words is sealed. Each party's word on an agreement, or on one
clause of it, is a chain of versions, of which the newest counts. This file keeps and finds; whether a consent is in force is decided
elsewhere, from the entries it gives.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any

import msgspec
from sqlalchemy import Boolean, Column, Date, Index, Integer, MetaData, Row, String, Table, Text, and_, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors import Identifier, Subject
from connectors.errors import ConfigurationError, Mistake
from portal.accesslog.events import moment, stamp
from portal.accesslog.log import access_id
from portal.accesslog.pseudonyms import DEMOGRAPHICS, Lasting, identifiers_of
from portal.changes import NotShared, Said
from portal.errors import PortalError, RequestError
from portal.model import Entry, Practitioner, Responsibility, Understanding
from portal.samechild import About, contradict, numbers, several_of_one_system, share_number
from portal.sealing import Sealer
from portal.storage import Database

#: What stands in an entry for words that were sealed: who found, and what responsibility rests on.
SEALED = "sealed"
TABLES = MetaData()
#: What lets more be shown than before; everything else can only take away.
WIDENS = frozenset({("consent", "given"), ("objection", "withdrawn")})
#: So many identifiers are looked for at once.
_AT_ONCE = 500

_said = Table(
    "said",
    TABLES,
    Column("chain", String(26), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("what", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("agreement", Text, nullable=False),
    Column("clause", Integer),
    Column("party", String(16), nullable=False),
    Column("said_on", Date, nullable=False),
    Column("recorded_at", String(24), nullable=False),
    Column("told", String(64)),
    Column("understands", Boolean),
    Column("understood_on", Date),
    Column("responsibility_on", Date),
    Column("joins", Text),
    Column("recorded_by", Text, nullable=False),
    Column("agency", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("sealed", Text, nullable=False),
)
_not_shared = Table(
    "not_shared",
    TABLES,
    Column("id", String(26), primary_key=True),
    Column("to", Text, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("recorded_at", String(24), nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("agency", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("sealed", Text, nullable=False),
)
#: The child that a chain, or a decision not to share, is about. The pseudonym alone identifies: the system is part of what it was made of.
_about = Table(
    "about",
    TABLES,
    Column("chain", String(26), primary_key=True),
    Column("pseudonym", String(64), primary_key=True),
    Column("system", Text, nullable=False),
    Index("about_whom", "pseudonym", "chain"),
)
_mark = Table("registry_key", TABLES, Column("name", String(16), primary_key=True), Column("mark", String(64), nullable=False))


class _Chain(msgspec.Struct, frozen=True):
    """The newest version of a chain, and whom it is about."""

    entry: Entry
    about: About


class Registry:
    """What was said about children. ``clock`` gives aware datetimes, the access log's; without a ``sealer`` nothing can be recorded."""

    def __init__(self, database: Database, lasting: Lasting, sealer: Sealer | None, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._lasting = lasting
        self._sealer = sealer
        self._clock = clock
        #: How often something was written down here that a decision may rest on.
        self.revision = 0

    async def check_key(self) -> None:
        """Make sure, when the portal starts, that pseudonyms are made with the key this registry was written with.

        Under another key nobody's objection would be found. Raises ConfigurationError (CV815), StorageUnavailable.
        """
        _, mark = self._lasting.of(Identifier(DEMOGRAPHICS, "registry"))
        async with self._database.begin() as connection:
            await self._database.alone(connection, _mark)
            kept = (await connection.execute(select(_mark.c.mark))).scalar()
            if kept is None:
                await connection.execute(insert(_mark).values(name="pseudonym", mark=mark))
        if kept not in (None, mark):
            why = "log.pseudonym_key is not the key the registry was written with, so that no consent or objection in it would be found."
            raise ConfigurationError([Mistake(id="CV815", message=why, hint="Put that key back, or begin with an empty registry.")])

    async def concerning(self, identifiers: Collection[Identifier]) -> tuple[Entry, ...]:
        """The newest version of every chain that may be about the child with these identifiers, oldest chain first.

        A chain is another child's, and left out, when both have numbers of one system and none in common: twins, namesakes. In doubt (one
        number agrees and another does not; only the name does) what restricts is given and what widens is not (``WIDENS``): a consent,
        or an objection withdrawn, needs a number in common, or a question without any, by a name that is one child's alone.
        Raises StorageUnavailable.
        """
        asked = self._pseudonyms(identifiers)
        async with self._database.read() as connection:
            found = await _found(connection, asked)
        return tuple(chain.entry for chain in found if _counts(chain, asked, found))

    async def record(
        self, said: Said, by: Practitioner, told: str | None, first: Callable[[Entry], Awaitable[None]] | None = None
    ) -> Entry:
        """Write down what a party said, as the next version of its chain; durable on return. ``told`` as in ``Entry``.

        ``first`` is done before the entry is durable: where it raises, there is no entry. A withdrawal of what was never recorded is
        written down too: it only takes away, and to refuse it would tell whether something was.
        Raises RequestError: CV437 more than one child may be meant, CV438 too little to find it again by; PortalError CV739 without a key
        to seal with; StorageUnavailable.
        """
        sealer, about = self._sealing(), self._whom(said.subject)
        async with self._database.begin() as connection:
            await self._database.alone(connection, _said)
            found = await _found(connection, about)
            at = max([self._clock(), *(chain.entry.at for chain in found)])
            own = _own([chain for chain in found if _alike(chain.entry, said)], about)
            chain = own[0].entry.id if own else access_id(at)
            version = own[0].entry.version + 1 if own else 1
            sealed = sealer.seal(_words(said, f"{chain}@{version}"))
            row = {"chain": chain, "version": version, "told": told, "sealed": sealed, "joins": _names(own[1:])}
            row |= _facts(said, _newest_finding(said, own)) | _recorded(by, at)
            await connection.execute(insert(_said).values(row))
            await _join(connection, chain, own, about)
            entry = _entry(row)
            if first:
                await first(entry)
        self.revision += 1
        return entry

    async def record_not_shared(self, what: NotShared, by: Practitioner) -> str:
        """Write down a decision not to share; its id. Raises as ``record`` does."""
        sealer, about = self._sealing(), self._whom(what.subject)
        at = self._clock()
        id = access_id(at)
        sealed = sealer.seal(json.dumps({"of": id, "words": what.words}))
        row = {"id": id, "to": what.to, "kinds": " ".join(what.kinds), "sealed": sealed} | _recorded(by, at)
        async with self._database.begin() as connection:
            await connection.execute(insert(_not_shared).values(row))
            await _join(connection, id, [], about)
        return id

    def _sealing(self) -> Sealer:
        if self._sealer is None:
            hint = "Whoever runs the portal has to set log.auditors_key."
            raise PortalError("CV739", "Nothing can be recorded: words about a child are only kept sealed.", 503, hint)
        return self._sealer

    def _whom(self, subject: Subject) -> About:
        if several_of_one_system(subject.identifiers, self._lasting):
            hint = "Give one number of each system, and record it once for each child."
            raise RequestError("CV437", "More than one child may be meant: there are two numbers of one system.", hint=hint)
        about = self._pseudonyms(identifiers_of(subject))
        if not about:
            hint = "Give a number, or given name, family name and whole birth date."
            raise RequestError("CV438", "This is too little to find it again by.", hint=hint)
        return about

    def _pseudonyms(self, identifiers: Iterable[Identifier]) -> About:
        """Half a name is nobody's: twins share a family name and a birth date."""
        named = (self._lasting.of(each) for each in identifiers if each.system != DEMOGRAPHICS or all(each.value.split("\x1f")))
        return {pseudonym: system for system, pseudonym in named}


# Is it the same child?


def _counts(chain: _Chain, asked: About, found: Iterable[_Chain]) -> bool:
    """Whether a chain counts for who was asked about; ``found`` are all that the same identifiers led to.

    What restricts counts unless it is surely another child's. What widens counts where it is surely this child's.
    """
    agrees, differs = share_number(chain.about, asked), contradict(chain.about, asked)
    if (chain.entry.what, chain.entry.state) not in WIDENS:
        return agrees or not differs
    if numbers(asked):
        return agrees and not differs
    return not any(_apart(chain.about, other.about) for other in found)


def _apart(one: About, other: About) -> bool:
    """Whether they may be two children: both have numbers, which do not say that it is one."""
    both = bool(numbers(one) and numbers(other))
    return both and (contradict(one, other) or not share_number(one, other))


def _own(found: Iterable[_Chain], about: About) -> list[_Chain]:
    """The chains that what was said is a new version of, oldest first. Raises RequestError CV437.

    A chain found by name and birth date alone is only written to when it, or who records, has no number: else it may be a namesake's.
    """
    own = [chain for chain in found if not _apart(chain.about, about)]
    numbered = [chain.about for chain in own if numbers(chain.about)]
    if (len(numbered) > 1 and not numbers(about)) or any(contradict(*pair) for pair in combinations(numbered, 2)):
        raise RequestError("CV437", "More than one child may be meant.", hint="Give one of the child's numbers, and no other child's.")
    return own


def _alike(entry: Entry, said: Said) -> bool:
    """The same party's word on the same matter."""
    return (entry.what, entry.agreement, entry.clause, entry.party) == (said.what, said.agreement, said.clause, said.party)


# Rows


async def _found(connection: AsyncConnection, about: About) -> list[_Chain]:
    """Every chain that any of the pseudonyms leads to, oldest first."""
    rows: list[Row[Any]] = []
    sought = sorted(about)
    for at in range(0, len(sought), _AT_ONCE):
        rows += (await connection.execute(_sought(sought[at : at + _AT_ONCE]))).all()
    newest = {row.chain: row for row in rows}
    whom: dict[str, dict[str, str]] = {}
    for row in rows:
        whom.setdefault(row.chain, {})[row.pseudonym] = row.system
    return [_Chain(_entry(newest[chain]._asdict()), whom[chain]) for chain in sorted(newest)]


def _sought(pseudonyms: Sequence[str]) -> Any:
    led_to = select(_about.c.chain).where(_about.c.pseudonym.in_(pseudonyms))
    newer = _said.alias("newer")
    last = select(func.max(newer.c.version)).where(newer.c.chain == _said.c.chain).scalar_subquery()
    joined = _said.join(_about, _about.c.chain == _said.c.chain)
    newest = and_(_said.c.chain.in_(led_to), _said.c.version == last)
    return select(_said, _about.c.pseudonym, _about.c.system).select_from(joined).where(newest)


async def _join(connection: AsyncConnection, chain: str, own: Sequence[_Chain], about: About) -> None:
    """Whom the chain is about grows by what was typed now, and takes over whom the chains joined to it were about."""
    known = own[0].about if own else {}
    for each in own[1:]:
        await connection.execute(delete(_about).where(_about.c.chain == each.entry.id))
        about = {**each.about, **about}
    new = [{"chain": chain, "pseudonym": each, "system": system} for each, system in about.items() if each not in known]
    if new:
        await connection.execute(insert(_about), new)


def _recorded(by: Practitioner, at: datetime) -> dict[str, Any]:
    return {"recorded_at": stamp(at), "recorded_by": by.key, "agency": by.agency, "roles": " ".join(by.roles)}


def _newest_finding(said: Said, own: Iterable[_Chain]) -> Understanding | None:
    """What was found of a young person's understanding stands until something else is found, whatever they say meanwhile."""
    findings = [said.understanding, *(chain.entry.understanding for chain in own)]
    return max((each for each in findings if each), key=lambda each: each.on, default=None)


def _facts(said: Said, understanding: Understanding | None) -> dict[str, Any]:
    responsibility = said.responsibility
    return {
        "what": said.what,
        "state": said.state,
        "agreement": said.agreement,
        "clause": said.clause,
        "party": said.party,
        "said_on": said.on,
        "understands": understanding and understanding.understands,
        "understood_on": understanding and understanding.on,
        "responsibility_on": responsibility and responsibility.on,
    }


def _words(said: Said, of: str) -> str:
    """What is sealed: all that was said in words, and the version it belongs to."""
    found_by = said.understanding and said.understanding.by
    rests_on = said.responsibility and said.responsibility.rests_on
    return json.dumps(
        {"of": of, "evidence": said.evidence, "words": said.words, "understanding.by": found_by, "responsibility.rests_on": rests_on}
    )


def _names(chains: Iterable[_Chain]) -> str | None:
    return " ".join(f"{chain.entry.id}@{chain.entry.version}" for chain in chains) or None


def _entry(row: Mapping[str, Any]) -> Entry:
    understood, responsible = row["understood_on"], row["responsibility_on"]
    return Entry(
        id=row["chain"],
        version=row["version"],
        what=row["what"],
        state=row["state"],
        agreement=row["agreement"],
        clause=row["clause"],
        party=row["party"],
        at=moment(row["recorded_at"]),
        told=row["told"],
        understanding=Understanding(understands=row["understands"], on=understood, by=SEALED) if understood else None,
        responsibility=Responsibility(rests_on=SEALED, on=responsible) if responsible else None,
    )
