"""Questions about the canaries that rest on more than the asking: consent, objection, relationship, history, broken glass.

And what can happen meanwhile: a consent is taken back, an agreement is stopped, the registry cannot be read or written.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from connectors.standard import load_standard
from portal.agreements.suspending import lift, suspend
from portal.federation import load_vocabulary
from tests.journeys import canary_writing as writing
from tests.journeys.canary_agreements import CONDITIONS as AGREEMENT
from tests.journeys.canary_agreements import DANGER, HEALTH, HELP, RESCUE, happening
from tests.journeys.canary_federation import CHARITY, DESK, GOOD, HOSPITAL, RECORDS, SCHOOL, CanaryChild, Entitled
from tests.journeys.canary_program import CLEARED, Campaign, Reply
from tests.journeys.saying import CONSENT, OBJECTION

_STANDARD = load_standard()
_HAPPENING = {name: [each.name for each in _STANDARD.kinds[name].fields.values() if not each.third_party] for name in happening(_STANDARD)}
_ALL = Entitled(None, "T4", "T4", place=True)
#: What each clause shows when what it asks for is there.
CONSENTED = replace(_ALL, sources=frozenset({HOSPITAL, CHARITY}))
RELATED = replace(_ALL, sources=frozenset({RECORDS, SCHOOL}))
RECENT = replace(_ALL, kinds=_HAPPENING, sources=frozenset({DESK}), recent=True)
BROKEN = replace(_ALL, sources=frozenset(GOOD))
REVIEWS = "{ reviews { id agency byAgency reason access openedAt due overdue } }"
_WRITTEN = ("said", "not_shared", "breakings", "alerts", "vouchings")
_WHY = 'query { explain(purpose: "help", role: "named_person") { source kind permitted clause reason nearest words } }'


async def help_(campaign: Campaign, how: str, who: str, child: CanaryChild, *clauses: Entitled, **variables: Any) -> Reply:
    """A question for which these clauses may show something."""
    entitled = tuple(replace(clause, cleared=CLEARED if who == "ewan" else frozenset()) for clause in clauses)
    asked = {"purpose": HELP, "informed": "YES"} | variables
    return await campaign.ask(f"help, {how}", who, child.id, child.subject, variables=asked, entitled=entitled)


async def ask_for_help(campaign: Campaign) -> None:
    """Before and after families have spoken; by who works with a child, who says so, and who does not."""
    mark, known = campaign.mark, campaign.children["open"]
    await help_(campaign, "nobody asked", "morag", known, RELATED, RECENT)
    await writing.write_down(campaign)
    await help_(campaign, "everything", "morag", known, CONSENTED, RELATED, RECENT)
    for child in campaign.children.values():
        works = [] if child.id == "late" else [RELATED, RECENT]
        await help_(campaign, "known to work", "morag", child, CONSENTED, *works)
        await help_(campaign, "not known to work", "ewan", child, CONSENTED)
        await help_(campaign, "declared", "ewan", child, CONSENTED, RECENT, declared=True, reason=f"{mark('reason')}\n{mark('reason')}")
    await help_(campaign, "family not told", "morag", known, CONSENTED, RECENT, informed="NOT_YET", reason=mark("reason"))
    await help_(campaign, "by a reviewer", "priya", known)
    await help_(campaign, "declared without a reason", "ewan", known, declared=True)
    for wrong in (
        {"declared": mark("declared")},
        {"informed": mark("informed")},
        {"informed": [mark("informed")]},
        {"declared": {mark("key"): 1}},
    ):
        await help_(campaign, "wrong", "ewan", known, **wrong)
    unknown = writing.nobodys(campaign, 607)
    await campaign.ask("help, unknown", "morag", "", unknown, variables={"purpose": HELP, "informed": "YES"}, entitled=())
    await writing.say(campaign, known.subject, "RAISED", OBJECTION, clause=2)
    await help_(campaign, "objected", "morag", known, CONSENTED, RECENT)
    await writing.say(campaign, known.subject, "WITHDRAWN", OBJECTION, clause=2)


async def change_meanwhile(campaign: Campaign) -> None:
    """While the hospital answers: a consent is taken back, an objection raised, the agreement stopped; and it stays stopped for a while."""
    known = campaign.children["open"]
    async with _held(campaign, "withdrawn meanwhile", known, RELATED, RECENT):
        await writing.say(campaign, known.subject, "WITHDRAWN")
    await writing.say(campaign, known.subject, "GIVEN")
    async with _held(campaign, "objected meanwhile", known, RELATED, RECENT):
        await writing.say(campaign, known.subject, "RAISED", OBJECTION)
    await writing.say(campaign, known.subject, "WITHDRAWN", OBJECTION)
    async with _held(campaign, "stopped meanwhile", known):
        _stop(campaign)
        await _until(campaign, stopped=True)
    await campaign.look("stopped")
    await help_(campaign, "stopped", "morag", known)
    await writing.say(campaign, known.subject, "GIVEN")
    _stop(campaign, lifted=1)
    await _until(campaign, stopped=False)
    await help_(campaign, "going on", "morag", known, CONSENTED, RELATED, RECENT)
    await _break_a_file(campaign)


@asynccontextmanager
async def _held(campaign: Campaign, how: str, child: CanaryChild, *clauses: Entitled) -> AsyncIterator[None]:
    """A question that has asked the hospital for records, and gets them when the block has ended."""
    campaign.hospital.asked.clear()
    campaign.hospital.held = True
    asking = asyncio.create_task(help_(campaign, how, "morag", child, *clauses))
    async with asyncio.timeout(5):
        await campaign.hospital.asked.wait()
    yield
    campaign.hospital.held = False
    await asking


def _stop(campaign: Campaign, lifted: int | None = None) -> None:
    """One partner stops the agreement, or lifts that again."""
    folder = campaign.program.federation
    signing: dict[str, Any] = {
        "agreement": AGREEMENT, "partner": HEALTH, "key_id": "k", "private_key": campaign.partners[HEALTH],
        "words": "For a while.", "at": datetime.now(UTC),
    }  # fmt: skip
    vocabulary = load_vocabulary(folder, _STANDARD)
    if lifted is None:
        suspend(folder / "agreements", vocabulary, **signing)
    else:
        lift(folder / "agreements", vocabulary, number=lifted, **signing)


async def _until(campaign: Campaign, stopped: bool) -> None:
    """Wait until nothing of the hospital's is shown because a partner has stopped that, or something is again."""
    async with asyncio.timeout(5):
        while True:
            reply = await campaign.run("explain", _WHY)
            if stopped != any(line["permitted"] for line in reply.body["data"]["explain"] if line["source"] == HOSPITAL):
                return
            await asyncio.sleep(0.1)


async def _break_a_file(campaign: Campaign) -> None:
    """An agreement that cannot be read any more: those loaded stay in force, and every agency is told."""
    path = campaign.program.federation / "agreements" / "isa-93.md"
    whole = path.read_bytes()
    path.write_bytes(whole + b"\n## 9. Not a clause\n")
    async with asyncio.timeout(5):
        while not await _refused(campaign):
            await asyncio.sleep(0.1)
    await campaign.look("refused agreements")
    path.write_bytes(whole)


async def _refused(campaign: Campaign) -> bool:
    reply = await campaign.send("ready", b"", method="GET", path="/readyz", headers={"Authorization": None, "Content-Type": None})
    return bool(reply.body["agreements"] == "refused")


# Broken glass.


async def rescue(campaign: Campaign, how: str, who: str, child: CanaryChild, token: str, **more: Any) -> Reply:
    """A question that breaks the glass; ``more`` changes its variables, and ``entitled`` says what it may show."""
    glass = {"reason": DANGER, "words": f"{campaign.mark('glass')} and {campaign.mark('glass')}"}
    entitled = more.pop("entitled", (replace(BROKEN, cleared=CLEARED if who == "ewan" else frozenset()),))
    asked = {"purpose": RESCUE, "reason": campaign.mark("reason"), "breakGlass": glass} | more
    return await campaign.ask(f"glass, {how}", who, child.id, child.subject, variables=asked, token=token, entitled=entitled)


async def break_the_glass(campaign: Campaign) -> None:
    """For every child; for two with one sign-in; in every way in which it stays whole. Then it is reviewed."""
    known, token = campaign.children["open"], campaign.signed_in("morag")
    await rescue(campaign, "not broken", "morag", known, token, breakGlass=None, entitled=())
    await _break_unwritten(campaign, known, token)
    await rescue(campaign, "again", "morag", known, token)
    await rescue(campaign, "a second child", "morag", campaign.children["hidden"], token)
    for child in campaign.children.values():
        for who in ("morag", "ewan"):
            await rescue(campaign, "each", who, child, campaign.signed_in(who))
    await rescue(campaign, "by a reviewer", "nadia", known, campaign.signed_in("nadia"))
    await _break_wrongly(campaign, known)
    await _outlast(campaign, known)
    await review(campaign)


async def _break_unwritten(campaign: Campaign, child: CanaryChild, token: str) -> None:
    """The first time the file of alerts cannot be written."""
    file = campaign.program.state / "alerts.jsonl"
    aside = file.rename(campaign.program.state / "alerts.aside")
    file.mkdir()
    await rescue(campaign, "everything", "morag", child, token)
    await asyncio.sleep(0.3)
    file.rmdir()
    aside.rename(file)


async def _break_wrongly(campaign: Campaign, child: CanaryChild) -> None:
    mark = campaign.mark
    glasses: list[Any] = [
        {"reason": DANGER, "words": mark("glass")[:9]}, {"reason": mark("reason"), "words": mark("glass")}, {"reason": DANGER, "words": [mark("glass")]},
        {"reason": DANGER, "words": mark("glass") * 200}, {"reason": mark("reason") * 9, "words": mark("glass")}, {"reason": DANGER}, mark("glass"),
        {"reason": {mark("key"): mark("reason")}, "words": mark("glass")}, {"reason": DANGER, "words": f"{mark('glass')}\u0000", }, [mark("glass")],
        {"reason": DANGER, "words": mark("glass"), mark("key"): mark("glass")}, {"reason": f"{DANGER}\n{mark('reason')}", "words": mark("glass")},
    ]  # fmt: skip
    for glass in glasses:
        await rescue(campaign, "wrongly", "morag", child, campaign.signed_in("morag"), breakGlass=glass)
    await rescue(campaign, "no reason", "morag", child, campaign.signed_in("morag"), reason=None)
    await rescue(campaign, "another purpose", "morag", child, campaign.signed_in("morag"), purpose=HELP)
    await rescue(campaign, "another role", "tom", child, campaign.signed_in("tom"))
    await rescue(campaign, "long since signed in", "morag", child, campaign.signed_in("morag", ago=900))
    await rescue(campaign, "signed in nobody knows when", "morag", child, campaign.token("morag"))
    await rescue(campaign, "signed in some day", "morag", child, campaign.token("morag", auth_time=mark("auth_time")))


async def _outlast(campaign: Campaign, child: CanaryChild) -> None:
    """The time of a breaking is over: it is moved, because nobody can wait for it here."""
    token = campaign.signed_in("ewan")
    await rescue(campaign, "the last time", "ewan", child, token)
    with closing(sqlite3.connect(campaign.program.state / "registry.db")) as database:
        database.execute("update breakings set until = '2026-01-01T00:00:00.000Z' where practitioner like '%|ewan'")
        database.commit()
    await rescue(campaign, "too late", "ewan", child, token)


async def review(campaign: Campaign) -> None:
    """Reviews as their officers see them, closed as they should be, by whoever may not, and twice."""
    mark = campaign.mark
    for who in ("morag", "tom", "lennox"):
        await campaign.run("reviews", REVIEWS, who=who)
    open_ = {who: (await campaign.run("reviews", REVIEWS, who=who)).body["data"]["reviews"] for who in ("priya", "nadia")}
    for who, each in itertools.chain((("priya", each) for each in open_["priya"][:3]), (("nadia", each) for each in open_["nadia"])):
        closing_ = {"review": each["id"], "outcome": "NOT_JUSTIFIED", "words": f"{mark('closing')}\n{mark('closing')}"}
        await campaign.run("reviewed", writing.CLOSE, closing_, who)  # one of Nadia's is her own, and not hers to close
    again = {"review": open_["priya"][0]["id"], "outcome": "JUSTIFIED", "words": mark("closing again")}
    await campaign.run("refused", writing.CLOSE, again, "priya")
    both = (
        "query B($subject: SubjectInput!, $purpose: ID!) { reviews { id access } child(subject: $subject, purpose: $purpose) { purpose } }"
    )
    await campaign.ask("reviews and a child", "nadia", "open", campaign.children["open"].subject, both)


# The registry is closed.


async def close_the_registry(campaign: Campaign) -> None:
    """Its tables refuse what is written; then they are gone; then somebody else keeps it busy for longer than it is waited for."""
    known = campaign.children["open"]
    with closing(sqlite3.connect(campaign.program.state / "registry.db", timeout=5, isolation_level=None)) as database:
        for table in _WRITTEN:
            database.execute(f"create trigger shut_{table} before insert on {table} begin select raise(abort, 'shut'); end")
        await _use_the_registry(campaign, known, "shut", RELATED, RECENT)
        for table in _WRITTEN:
            database.execute(f"drop trigger shut_{table}")
        database.execute("alter table said rename to said_elsewhere")
        database.execute("alter table reviews rename to reviews_elsewhere")
        await _use_the_registry(campaign, known, "gone")
        database.execute("alter table reviews_elsewhere rename to reviews")
        database.execute("alter table said_elsewhere rename to said")
        database.execute("begin immediate")
        waiting = asyncio.create_task(rescue(campaign, "the registry is busy", "morag", known, campaign.signed_in("morag")))
        await campaign.run("the registry is busy", CONSENT, writing.said(campaign, known.subject, "GIVEN"))
        database.execute("rollback")
        await waiting
    # What was withdrawn while the log was closed was withdrawn.
    await help_(campaign, "the registry is open again", "morag", known, RELATED, RECENT)


async def _use_the_registry(campaign: Campaign, child: CanaryChild, how: str, *clauses: Entitled) -> None:
    """Everything that reads or writes it, while it cannot be."""
    mark = campaign.mark
    # Clauses that rest on nothing the registry knows may show what they show; here that is the desk's.
    await help_(campaign, f"the registry is {how}", "morag", child, *(clauses or (RECENT,)), reason=mark("reason"))
    for state in ("GIVEN", "WITHDRAWN"):
        await campaign.run(f"the registry is {how}", CONSENT, writing.said(campaign, child.subject, state))
    await campaign.run(f"the registry is {how}", writing.NOT_SHARED, writing.kept(campaign, child.subject))
    await rescue(campaign, f"the registry is {how}", "morag", child, campaign.signed_in("morag"))
    await campaign.run(f"the registry is {how}", REVIEWS, who="priya")
    closing_ = {"review": "0123456789abcdef", "outcome": "UNCLEAR", "words": mark("closing")}
    await campaign.run(f"the registry is {how}", writing.CLOSE, closing_, "priya")
    await campaign.look(f"the registry is {how}")
