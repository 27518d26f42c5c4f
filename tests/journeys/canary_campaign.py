"""The whole campaign against one served portal: every question, every failure, every way of leaving; then it is stopped and searched."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import socket
import sqlite3
import struct
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from joserfc.jwk import ECKey

from connectors.standard import Standard
from tests.connectors.servers import NHS_NUMBER, Postgres, nhs_number, serving
from tests.journeys import canary_conditions as conditions
from tests.journeys import canary_doors as doors
from tests.journeys import canary_doubts as doubts
from tests.journeys import canary_federation as north
from tests.journeys import canary_writing as writing
from tests.journeys.canary import Markers, Where
from tests.journeys.canary_agreements import COUNCIL, HEALTH, HELP, PURPOSE
from tests.journeys.canary_federation import SCHOOL, CanaryChild
from tests.journeys.canary_officers import Officers, mail_server
from tests.journeys.canary_program import JSON, Campaign, Program, Reply
from tests.journeys.saying import CONSENT
from tests.portal.issuer import running_issuer

assert NHS_NUMBER == north.NHS


# Questions that are answered.


def ways(child: CanaryChild) -> dict[str, dict[str, Any]]:
    """The ways to type one child, honest ones and those of somebody who would have a shield's owner not recognise the child."""
    nobodys = {"system": "nhs_number", "value": nhs_number(999)}
    names = ("givenName", "familyName", "birthDate")
    return {
        "all of it": child.subject,
        "names and home": child.typed(*names, "addresses"),
        "a number and a name": child.typed("nhs_number", "familyName"),
        "the school's number": child.typed(SCHOOL, "birthDate"),
        "the school's number and a wrong one": child.typed(SCHOOL, "birthDate", identifiers=[nobodys]),
        "the school's number, a name and a wrong one": child.typed(SCHOOL, "familyName", identifiers=[nobodys]),
        "everything and a wrong number": child.typed(*names, "addresses", SCHOOL, identifiers=[nobodys]),
        "names, home and a wrong number": child.typed(*names, "addresses", identifiers=[nobodys]),
        "no given name and a wrong number": child.typed("familyName", "birthDate", SCHOOL, identifiers=[nobodys]),
        "with a slip at the shield's owner": child.subject | {"formerFamilyName": child.details["sex"]},
        "half a birth date": child.typed("givenName", "familyName", SCHOOL, birthDate=child.details["birthDate"][:7]),
    }


#: Asked of every child; the other ways of the marked and of the hidden one only.
HONEST = frozenset({"all of it", "names and home"})
TELLING = frozenset({"everything and a wrong number", "the school's number and a wrong one"})
#: Ways by which the owner of a shield cannot know, or cannot say, that this child is asked about.
UNRECOGNISED = frozenset({
    "the school's number", "the school's number and a wrong one", "the school's number, a name and a wrong one", "half a birth date",
    "with a slip at the shield's owner",
})  # fmt: skip


async def ask_well(campaign: Campaign) -> None:
    """Every child in every way by everybody who may ask, and those who may not."""
    for who, child in (("morag", campaign.children["open"]), ("ewan", campaign.children["marked"])):
        # What may be seen is seen, on a busy machine too: the first question of all also opens every connection.
        for _ in range(3):
            reply = await campaign.ask("all of it", who, child.id, child.subject)
            if all(reply.states.get(source) == "ANSWERED" for source in north.GOOD):
                break
    for child in campaign.children.values():
        campaign.desk.slow = 2.3 if child.id == "late" else 0.0
        asked = [("morag", how, subject) for how, subject in ways(child).items()]
        asked += [(who, how, ways(child)[how]) for who in ("ewan", "lennox") for how in ("all of it", "everything and a wrong number")]
        asked += [("tom", "all of it", child.subject)] if child.id == "marked" else []
        asked = [each for each in asked if child.id in ("marked", "hidden") or each[1] in HONEST | TELLING]
        asked = [each for each in asked if child.id != "late" or each[:2] in (("morag", "all of it"), ("lennox", "all of it"))]
        for start in range(0, len(asked), 4):
            await asyncio.gather(*(campaign.ask(how, who, child.id, subject) for who, how, subject in asked[start : start + 4]))
    campaign.desk.slow = 0.0


async def ask_for_others(campaign: Campaign, crowded: Mapping[str, Any]) -> None:
    """An unknown child, too many children, a child who may be another, and words that must be kept by nobody."""
    mark, known = campaign.mark, campaign.children["open"]
    unknown = {"givenName": mark("unknown"), "familyName": mark("unknown"), "birthDate": "1801-01-01"}
    numbered = unknown | {
        "identifiers": [{"system": SCHOOL, "value": mark("unknown number")}, {"system": "nhs_number", "value": nhs_number(998)}]
    }
    await campaign.ask("unknown", "morag", "", unknown)
    await campaign.ask("unknown number", "morag", "", numbered)
    await campaign.ask("too many", "morag", "", {"givenName": mark("crowd"), **crowded})
    await campaign.ask("ambiguous", "morag", "open", known.typed("familyName", "birthDate", givenName=mark("another given name")))
    await campaign.ask("a slip", "morag", "open", known.subject | {"formerFamilyName": mark("typed former name")})
    words = {"purpose": mark("purpose"), "reason": f"{mark('reason')}\nbecause {mark('reason')}"}
    await campaign.ask("unknown purpose", "morag", "open", known.subject, variables=words)
    await campaign.ask("a reason", "lennox", "open", known.subject, variables={"reason": mark("reason")})
    more = {"extensions": {mark("extension"): mark("extension")}, mark("key of the body"): mark("key of the body")}
    await campaign.ask("extensions", "morag", "open", known.subject, **more)
    await campaign.send("plain JSON", json.dumps({"query": "{ child(subject: 1) }"}).encode(), headers={"Accept": JSON})


async def choose(campaign: Campaign) -> None:
    """Somebody who may be the child is chosen, and once more with what was used by then."""
    child = campaign.children["open"]
    subject = ways(child)["everything and a wrong number"]
    offered = await campaign.ask("before a choice", "morag", "open", subject)
    tokens = [each["token"] for each in offered.view["candidates"]]
    for how in ("a choice", "a choice once more"):
        await campaign.ask(how, "morag", "open", subject, variables={"chosen": tokens})


# Questions that cannot be run.


def _misfits(campaign: Campaign) -> list[Any]:
    """Subjects that do not fit their type, with a marker in every position."""
    mark, subject = campaign.mark, campaign.children["open"].subject
    wrong: list[Any] = [mark("subject"), [mark("subject")], {mark("key"): mark("key")}, 7]
    for name in ("givenName", "familyName", "birthDate", "middleNames", "formerFamilyName", "sex", "school"):
        wrong += [subject | {name: value} for value in ({mark(name): mark(name)}, [mark(name)], [[mark(name)]])]
    wrong += [subject | {"birthDate": value} for value in (mark("birth date"), f"1912-13-{mark('day')}", "1912-02-31", 19120203)]
    wrong += [
        subject | {name: value} for name in ("phones", "parents") for value in ([{mark(name): 1}], {mark(name): 1}, [None, mark(name)])
    ]
    for value in ({mark("value"): mark("value")}, [mark("value")], None, 12, mark("value")):
        wrong += [
            subject | {"identifiers": [{"system": "nhs_number", "value": value}]},
            subject | {"identifiers": [{"system": value, "value": "1"}]},
        ]
    wrong += [subject | {"identifiers": each} for each in ([mark("id")], mark("id"), [{mark("key"): mark("key")}], [None])]
    wrong += [subject | {"identifiers": [{"system": mark("system"), "value": mark("value"), mark("extra"): mark("extra")}]}]
    wrong += [
        subject | {"addresses": each}
        for each in ([mark("home")], [{mark("key"): mark("key")}], [{"from": mark("from")}], [{"line": [mark("line")]}])
    ]
    wrong += [subject | {mark("unknown field"): mark("unknown field")}, {"givenName": mark("too little")}, {}]
    wrong += [
        subject | {"givenName": mark("long") * 30},
        subject | {"familyName": f"{mark('sign')}\u0000"},
        subject | {"phones": [mark("p")] * 9},
    ]
    return wrong


def _documents(campaign: Campaign) -> list[str]:
    """Documents that cannot be run, with a marker in every position."""
    m = campaign.mark
    head, view = "query Q($subject: SubjectInput!, $purpose: ID!)", "{ everySourceAnswered }"
    return [
        f'{{ child(subject: {{ givenName: "{m("literal")}" }}, purpose: "{PURPOSE}") {view} }}',
        f'query Q($subject: SubjectInput = {{ givenName: "{m("default")}" }}) {{ child(subject: $subject, purpose: "p") {view} }}',
        f'{head} {{ child(subject: $subject, purpose: $purpose, reason: "{m("reason")}") {view} }}',
        f'{head} {{ child(subject: $subject, purpose: $purpose, breakGlass: {{ reason: "x", words: "{m("glass")}" }}) {view} }}',
        f'{head} {{ child(subject: $subject, purpose: $purpose, chosen: ["{m("chosen")}"]) {view} }}',
        f"{head} {{ child(subject: $subject, purpose: $purpose, {m('argument')}: 1) {view} }}",
        f"{head} {{ child(subject: $subject, purpose: {m('enum')}) {view} }}",
        f"{head} {{ child(subject: $subject, purpose: $purpose) {{ {m('field')} }} }}",
        f"{head} {{ child(subject: $subject, purpose: $purpose) {{ sources {{ {m('inner')} }} }} }}",
        f"{head} {{ {m('root')} }}", f"query {m('name')}($subject: {m('type')}) {{ purposes {{ id }} }}",
        f"query Q(${m('variable')}: SubjectInput!) {{ child(subject: ${m('other')}, purpose: 1) {view} }}",
        f"{head} {{ child(subject: $subject, purpose: $purpose) {{ ...{m('spread')} }} }}", f"fragment {m('fragment')} on {m('on')} {{ x }}",
        f"{head} {{ child(subject: $subject, purpose: $purpose) @{m('directive')} {view} }}",
        f"{head} {{ {m('one')}: child(subject: $subject, purpose: $purpose) {view} {m('two')}: child(subject: $subject, purpose: $purpose) {view} }}",
        f'{{ child(subject: {{ givenName: "{m("open")} }}', f"{{ child(subject: #{m('comment')}", m("bare"), f'"""{m("block")}', f"{{ \u0000{m('sign')} }}",
        f"mutation {m('mutation')} {{ {m('does')} }}", f"subscription {{ {m('watches')} }}", f'{{ __type(name: "{m("type")}") {{ name }} }}',
        f'{{ explain(purpose: "{m("purpose")}", role: "{m("role")}", kinds: ["{m("kind")}"]) {{ words }} }}',
        f'{{ agreements(inForceOn: "{m("day")}") {{ id }} }}', f"{{ {m('alias')}: purposes {{ id {m('id')}: {m('wrong')} }} }}",
        f"query {m('first')} {{ purposes {{ id }} }} query {m('second')} {{ purposes {{ id }} }}", f"{{ purposes {{ id }} }} # {m('note')}", f"{{ {m('many')} " * 1100, f"{{ {m('deep')} {'{ id ' * 30}",
    ]  # fmt: skip


async def ask_wrongly(campaign: Campaign) -> None:
    """Variables, documents, bodies and requests that cannot be, each with markers where its error would repeat them."""
    mark, subject = campaign.mark, campaign.children["open"].subject
    for wrong in _misfits(campaign):
        await campaign.ask("a misfit", "morag", "open", wrong)
    for document in _documents(campaign):
        await campaign.ask("a document", "morag", "open", subject, query=document)
    named = "query Q($%s: %s!, $purpose: ID!) { child(subject: $%s, purpose: $purpose) { purpose } }"
    for type_ in ("SubjectInput", "String"):
        variable = mark("variable")
        await campaign.ask(
            "a variable's name", "morag", "", None, named % (variable, type_, variable), variables={variable: {mark("key"): mark("value")}}
        )
    typed = "query Q($subject: SubjectInput!, $purpose: ID!, $chosen: [ID!], $glass: BreakGlassInput, $reason: String) " \
        "{ child(subject: $subject, purpose: $purpose, chosen: $chosen, breakGlass: $glass, reason: $reason) { purpose } }"  # fmt: skip
    for more in (
        {"chosen": [mark("chosen")]}, {"chosen": {mark("chosen"): 1}}, {"glass": {"reason": mark("why"), "words": mark("words")}},
        {"glass": {mark("key"): 1}}, {"reason": {mark("key"): mark("reason")}}, {"reason": [mark("reason")]}, {"reason": mark("r") * 400},
        {"purpose": {mark("key"): mark("purpose")}}, {"purpose": mark("purpose") * 20}, {"purpose": 1.5}, {mark("unused"): mark("unused")},
    ):  # fmt: skip
        await campaign.ask("another variable", "morag", "open", subject, typed, variables=more)
    await campaign.ask("an operation's name", "morag", "open", subject, operationName=mark("operation"))
    await _send_oddly(campaign)


async def _send_oddly(campaign: Campaign) -> None:
    mark = campaign.mark
    good = json.dumps(
        {"query": campaign.everything, "variables": {"subject": campaign.children["open"].subject, "purpose": PURPOSE}}
    ).encode()
    bodies = [
        b'{"query": "' + mark("cut").encode(), mark("bare").encode(), f'["{mark("list")}"]'.encode(), f'{{"query": {{"{mark("key")}": 1}}}}'.encode(),
        f'{{"query": "x", "variables": "{mark("variables")}"}}'.encode(), f'{{"query": "x", "operationName": ["{mark("operation")}"]}}'.encode(),
        b'{"query": "' + mark("byte").encode() + b'\xff"}', b"[" * 30_000 + mark("deep").encode(), mark("long").encode() * 9_000, b"",
        json.dumps(mark("utf-16")).encode("utf-16"), f'{{"query": "\\ud800{mark("surrogate")}"}}'.encode(),
    ]  # fmt: skip
    for body in bodies:
        await campaign.send("a body", body)
    for headers in (
        {"Content-Type": f"text/{mark('type')}"}, {"Content-Type": f"{JSON}; charset={mark('charset')}"}, {"Content-Encoding": mark("encoding")},
        {"Accept": f"text/{mark('accept')}"}, {"User-Agent": mark("agent"), "Referer": f"https://x/{mark('referer')}", "Cookie": f"a={mark('cookie')}"},
        {"X-Forwarded-For": mark("for"), "X-Request-Id": mark("id"), "traceparent": mark("trace"), "Accept-Language": mark("language")},
    ):  # fmt: skip
        await campaign.send("headers", good, child="open", headers=headers)
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE"):
        for path in (f"/graphql?query={mark('query')}&variables=%7B%22{mark('address')}%22%7D", f"/graphql/{mark('path')}", f"/{mark('path')}",
                     f"/graphql/?subject={mark('slash')}", f"/contacts?child={mark('contacts')}", f"/healthz/?{mark('healthz')}", f"//{mark('host')}/graphql/"):  # fmt: skip
            await campaign.send("an address", b"", method=method, path=path, headers={"Authorization": None, "Content-Type": None})
    for spoken in (f"GET /{mark('old')} HTTP/9.9", f"{mark('verb')} / HTTP/1.1", f"GET /\x01{mark('control')} HTTP/1.1", "GET / HTTP/1.1\r\nX: " + mark("big") * 9000,
                   f"POST /graphql HTTP/1.1\r\nContent-Length: {mark('length')}", f"GET /graphql?{mark('socket')} HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade"):  # fmt: skip
        await _speak(campaign, spoken)


async def _speak(campaign: Campaign, head: str) -> None:
    """Bytes that no HTTP client would send."""
    reader, writer = await _connected(campaign)
    writer.write(f"{head}\r\nHost: x\r\n\r\n".encode("latin-1"))
    try:
        async with asyncio.timeout(3):
            said = await reader.read(65536)
    except (ConnectionError, TimeoutError):
        said = b""
    writer.close()
    campaign.replies.append(Reply("no HTTP", "", "", 400, "", said))


async def _connected(campaign: Campaign) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(campaign.program.url.rpartition(":")[2]))


async def ask_as_nobody(campaign: Campaign) -> None:
    """Tokens that are not believed, with markers in all they claim, and believed ones that claim more than is read of them."""
    mark, issuer = campaign.mark, campaign.issuer
    stolen = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
    claims = {name: mark(name) for name in ("name", "given_name", "email", "birthdate", "address", "jti", "sid")}
    own = {"sub": mark("sub"), "org": mark("org"), "roles": [mark("role")], "acr": mark("acr")}
    unsigned = (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "none"}, claims)) + "."
    )
    tokens = [
        issuer.token(key=stolen, **claims, **own), issuer.token(exp=1, **claims, **own), issuer.token(aud=mark("audience"), **claims, **own),
        issuer.token(header={"kid": mark("kid")}, **own), issuer.token(header={"typ": mark("typ")}), issuer.token(iss=f"https://{mark('issuer')}.example"),
        issuer.token(header={"jku": f"https://{mark('jku')}.example", "cty": mark("cty")}), issuer.token(exp=mark("exp"), **own), issuer.token(sub={"x": mark("sub")}, **claims),
        unsigned, mark("bare"), f"{mark('a')}.{mark('b')}.{mark('c')}", mark("long") * 900,
    ]  # fmt: skip
    for token in tokens:
        await campaign.send("a bad token", b"{}", headers={"Authorization": f"Bearer {token}"})
    for header in (f"Basic {mark('basic')}", mark("scheme"), f"Bearer {mark('one')} {mark('two')}"):
        await campaign.send("a bad header", b"{}", headers={"Authorization": header})
    # What a proven token says of the practitioner's agency and roles stands in the log on purpose; nothing else that it claims does.
    for changes in ({"org": "elsewhere"}, {"roles": ["visitor"]}, {"org": HEALTH}, {"roles": []}):
        claimed = {"sub": "stranger", "org": COUNCIL, "roles": ["named_person"]} | claims | changes
        await campaign.send("forbidden", b"{}", headers={"Authorization": f"Bearer {issuer.token(**claimed)}"})
    believed = issuer.token(
        **({"sub": "morag", "org": COUNCIL, "roles": ["named_person", mark("other role")], "acr": mark("acr")} | claims)
    )
    await campaign.send("more claims", b'{"query": "{ purposes { id } }"}', headers={"Authorization": f"Bearer {believed}"})


# Sources that fail, clients that leave, a log that cannot be written.

_FEW = """query Few($subject: SubjectInput!, $purpose: ID!) { child(subject: $subject, purpose: $purpose) {
  sources { source state words setAside kinds { kind state reason } match { evidence { words } } }
  wellbeingConcerns { records { id summary category indicators actionTaken held { field words } } missing { words } }
  flags { records { id type conditions } } attendance { records { id attendedOpenings } } childPlans { records { id actions { what } } }
  demographics { fields { field values { value } } } policeEvents { records { id missingSince adults narrative } } receipt { index } } }"""


async def ask_while_sources_fail(campaign: Campaign) -> None:
    """One question for each failure; all faulty sources fail at the same time, each in its own way."""
    rest, fhir = doors.rest_failures(), doors.fhir_failures()
    known = campaign.children["open"]
    for turn in range(max(len(rest), len(fhir), len(doors.RAW_FAILURES), len(doors.PLUGIN_FAILURES))):
        names = [[*failures][turn] if turn < len(failures) else "none" for failures in (rest, fhir)]
        for faulty, failures, name in ((campaign.faulty, rest, names[0]), (campaign.faulty_fhir, fhir, names[1])):
            faulty.failure = (failures[name], campaign.mark(name)) if name in failures else None
        bytes_ = doors.RAW_FAILURES[turn] if turn < len(doors.RAW_FAILURES) else campaign.raw.nobody
        campaign.raw.answer = bytes_.replace(b"MARK", campaign.mark("raw").encode())
        step, how = doors.PLUGIN_FAILURES[turn] if turn < len(doors.PLUGIN_FAILURES) else ("no", "no")
        campaign.plugin.next(step, how, campaign.mark(how), known.details["birthDate"])
        purposes = (PURPOSE, HELP) if turn % 5 == 0 else (PURPOSE,)  # as sources, and as those who could vouch
        for purpose in purposes:
            said = {"purpose": purpose}
            await campaign.ask(f"failing: {names[0]}, {names[1]}, {step} {how}", "morag", "open", known.subject, _FEW, variables=said)
        if not campaign.program.alive:
            raise RuntimeError(f"the portal ended while sources failed: {names}, {step} {how}")
    campaign.faulty.failure = campaign.faulty_fhir.failure = None
    campaign.raw.answer = campaign.raw.nobody
    campaign.plugin.next("no", "no", "", "")


async def leave_in_the_middle(campaign: Campaign) -> None:
    """Clients that go while they are being answered, or before they have asked to the end."""
    campaign.desk.slow = 0.4
    subject = campaign.children["open"].subject
    body = json.dumps({"query": campaign.everything, "variables": {"subject": subject, "purpose": PURPOSE}}).encode()
    written = json.dumps({"query": CONSENT, "variables": writing.said(campaign, subject, "GIVEN")}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nAuthorization: Bearer {campaign.token('morag')}\r\nContent-Length: "
    )
    leaving = (
        (body, 0.02),
        (body, 0.1),
        (body, 0.3),
        (body[: len(body) // 2], 0.05),
        (body, 0.0),
        (written, 0.0),
        (written, 0.01),
        (written[:-9], 0.05),
    )
    for part, pause in leaving:
        _, writer = await _connected(campaign)
        writer.write(f"{head}{len(body if body.startswith(part) else written)}\r\n\r\n".encode() + part)
        await writer.drain()
        await asyncio.sleep(pause)
        # Without lingering, so that the portal sees a reset and not an orderly end.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()
    campaign.desk.slow = 0.0
    await asyncio.sleep(0.6)


async def ask_while_the_log_is_closed(campaign: Campaign) -> None:
    """For a moment the database refuses every entry."""
    with closing(sqlite3.connect(campaign.program.state / "access.db")) as database:
        database.execute("create trigger shut before insert on events begin select raise(abort, 'shut'); end")
        database.commit()
        await campaign.ask("the log is closed", "morag", "open", campaign.children["open"].subject)
        await campaign.ask("the log is closed", "morag", "open", {"givenName": campaign.mark("too little")})
        for state in ("GIVEN", "WITHDRAWN"):
            await campaign.run("the log is closed", CONSENT, writing.said(campaign, campaign.children["open"].subject, state))
        await campaign.run("the log is closed", writing.NOT_SHARED, writing.kept(campaign, campaign.children["open"].subject))
        await campaign.look("the log is closed")
        database.execute("drop trigger shut")
        database.commit()
    await campaign.ask("the log is open again", "morag", "open", campaign.children["open"].subject)


async def end_in_the_middle(campaign: Campaign, how: signal.Signals) -> None:
    """End the portal while it is answering."""
    campaign.desk.slow = 0.5
    subject = campaign.children["open"].subject
    asking = asyncio.create_task(campaign.ask("ended meanwhile", "morag", "open", subject))
    await asyncio.sleep(0.25)
    said = asyncio.create_task(campaign.run("ended meanwhile", CONSENT, writing.said(campaign, subject, "REFUSED")))
    await asyncio.sleep(0)
    campaign.ends.append(await campaign.program.end(how))
    await asyncio.gather(asking, said, return_exceptions=True)
    campaign.desk.slow = 0.0


# All of it.


@asynccontextmanager
async def prepared(folder: Path, standard: Standard, postgres: Postgres) -> AsyncIterator[tuple[Campaign, dict[str, Any]]]:
    """A federation of canaries with all its agencies running, and the portal started; and the name that too many share."""
    markers = Markers(seed=20261122)
    async with AsyncExitStack() as stack:
        issuer = await stack.enter_async_context(running_issuer())
        known = north.children(markers, standard, issuer.url)
        crowded = {
            "familyName": markers.text(Where("crowd", "family name")),
            "birthDate": markers.day("born", Where("crowd", "birth date")),
        }
        crowd, who = doors.crowd(markers, crowded["familyName"], crowded["birthDate"]), [*known.values()]
        data, plugin = folder / "agencies", doors.Plugin(folder / "packages")
        data.mkdir()
        doors.fill_records(data / "records.db", who, standard, crowd)
        doors.fill_charity(data / "charity", who, standard)
        await postgres.execute("drop database if exists canary")
        await postgres.execute("create database canary")
        school = postgres.url.replace("/postgres?", "/canary?")
        await doors.fill_school(school, who, standard)
        officers = Officers(folder / "run" / "told", lambda what: markers.text(Where("nobody", what)))
        auditors = ECKey.generate_key("P-256", {"use": "enc"})
        desk, hospital = doors.Desk(who, standard, crowd), doors.Hospital(who, standard)
        faulty = doors.Faulty(lambda: web.json_response({"people": []}))
        faulty_fhir = doors.Faulty(lambda: doors.bundle([]))
        raw = await stack.enter_async_context(doors.saying_raw())
        urls = [await stack.enter_async_context(serving(each)) for each in (hospital, desk, faulty, faulty_fhir, officers)]
        mail = await stack.enter_async_context(mail_server(officers))
        environment = {
            "CANARY_POSTGRES": school,
            "PYTHONPATH": str(plugin.folder),
            "CANARY_AUDITORS_KEY": json.dumps(auditors.as_dict(private=False)),
        }
        sys.path.insert(0, str(plugin.folder))
        stack.callback(sys.path.remove, str(plugin.folder))
        where = north.Addresses(issuer.url, urls[0], urls[1], school, urls[2], urls[3], raw.url, urls[4], mail)
        partners = north.write_federation(folder / "federation", standard, where, data)
        program = Program(folder / "run", folder / "federation", environment)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        await program.start()
        stack.push_async_callback(program.end, signal.SIGKILL)
        everything = north.everything(standard)
        yield Campaign(
            markers=markers, standard=standard, children=known, program=program, issuer=issuer, desk=desk, hospital=hospital,
            officers=officers, auditors=auditors.as_dict(private=True), partners=partners, faulty=faulty, faulty_fhir=faulty_fhir,
            raw=raw, plugin=plugin, session=session, everything=everything,
        ), crowded  # fmt: skip


async def run(folder: Path, standard: Standard, postgres: Postgres) -> Campaign:
    """The whole campaign; the portal has ended twice when it returns, once in order and once at once."""
    async with prepared(folder, standard, postgres) as (campaign, crowded):
        await ask_well(campaign)
        await ask_for_others(campaign, crowded)
        await choose(campaign)
        await conditions.ask_for_help(campaign)
        await conditions.change_meanwhile(campaign)
        await conditions.break_the_glass(campaign)
        await doubts.report_wrong_children(campaign)
        await doubts.try_places(campaign)
        await ask_wrongly(campaign)
        await writing.write_wrongly(campaign)
        await ask_as_nobody(campaign)
        await ask_while_sources_fail(campaign)
        await leave_in_the_middle(campaign)
        await ask_while_the_log_is_closed(campaign)
        await conditions.close_the_registry(campaign)
        campaign.program.copy()
        await end_in_the_middle(campaign, signal.SIGTERM)
        await campaign.program.start()
        await campaign.ask("after a start", "morag", "open", campaign.children["open"].subject)
        await conditions.review(campaign)
        await end_in_the_middle(campaign, signal.SIGKILL)
        return campaign
