"""Two children who may be the one asked about: who is shown, who is chosen, and what a choice opens and does not. Over HTTP."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from connectors import Ask, Connector, Identifier, Person, Record, Subject, provides
from connectors.declarative import Declared
from portal import logcheck
from portal.demo import FEDERATION, RunningDemo
from portal.federation import Federation, load_federation
from portal.outcomes import SAYS, SAYS_TO_CHOOSE
from tests.journeys.northshire import PURPOSE, Answered, Northshire, serving, standard
from tests.journeys.saying import CONSENT, OBJECTION, RESPONSIBLE, today

POLICE, SCHOOL, SOCIAL_WORK, HEALTH, CHARITY = (
    "northshire-police", "hillview-mis", "northshire-social-work", "northshire-nhs", "bairns-first",
)  # fmt: skip
EARLY = "early-help"
BORN = "2015-03-01"
FIRST, SECOND, THIRD = "9990000018", "9990000026", "9990000034"
#: What was typed: of the given name one letter, which is not enough to tell twins apart.
E_ASH = {"givenName": "E", "familyName": "Quillfeather", "birthDate": BORN}
WITH_NUMBER = E_ASH | {"identifiers": [{"system": "nhs_number", "value": FIRST}]}
#: Whatever of these stood in a log would be a child's.
SECRETS = ("quillfeather", "zelda", "tobias", "pupil-", BORN, FIRST, SECOND, THIRD, "seen at the harbour")

ASKING = """query Choose($subject: SubjectInput!, $purpose: ID!, $reason: String, $declared: Boolean, $informed: FamilyInformed,
  $chosen: [ID!]) {
  child(subject: $subject, purpose: $purpose, reason: $reason, declared: $declared, informed: $informed, chosen: $chosen) {
    everySourceAnswered offersDeclared
    sources { source state words kinds { kind state reason } match { band evidence { field words } } }
    candidates { token source band shown evidence { field words } }
    %s { records { id } missing { source state words } } receipt { access index }
  }
}"""
CONCERNS, PLANS, CONTACTS = (ASKING % section for section in ("wellbeingConcerns", "childPlans", "healthContacts"))
SAYING = {"agreement": "ISA-11", "clause": None, "on": "", "evidence": "F-1", "understanding": None, "responsibility": RESPONSIBLE}


class Kept(Connector):
    """An agency's system that holds whom a test puts into it: whoever is asked about, all of them are found."""

    finds_by = frozenset({"demographics", "nhs_number", "chi"})

    def __init__(self) -> None:
        self.persons: list[Person] = []
        self.fetched: list[str] = []
        self.finds = 0

    async def find(self, subject: Subject, ask: Ask) -> list[Person]:
        self.finds += 1
        return self.persons

    def _record(self, person: Person, **fields: Any) -> Record:
        self.fetched.append(person.id)
        return Record(f"record-of-{person.id}", {"occurredOn": "2026-10-01", **fields})


class Concerned(Kept):
    @provides("WellbeingConcern")
    async def concerns(self, person: Person, ask: Ask) -> AsyncIterator[Record]:
        shared = {"handlingCode": "MAY_BE_SHARED", "thirdPartyChecked": True}
        yield self._record(person, category="NEGLECT", summary="Seen at the harbour.", **shared)


class Planning(Kept):
    vouches = True

    @provides("ChildPlan")
    async def plans(self, person: Person, ask: Ask) -> AsyncIterator[Record]:
        yield self._record(person, planType="SINGLE_AGENCY", state="ACTIVE", thirdPartyChecked=True)

    @provides("Involvement")
    async def involvements(self, person: Person, ask: Ask) -> AsyncIterator[Record]:
        yield Record("involved", {"serviceType": "SOCIAL_WORK", "state": "CURRENT"})


class Schooled(Kept):
    vouches = True

    @provides("Involvement")
    async def involvements(self, person: Person, ask: Ask) -> AsyncIterator[Record]:
        yield self._record(person, serviceType="SCHOOL", state="CURRENT")


class Healthy(Kept):
    @provides("HealthContact")
    async def contacts(self, person: Person, ask: Ask) -> AsyncIterator[Record]:
        yield self._record(person, contactType="HOME_VISIT", attendance="ATTENDED")


@dataclass
class Choosing:
    """A portal over systems of a test's own, and one practitioner's sign-in: tokens are bound to it."""

    northshire: Northshire
    held: dict[str, Kept]
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, who: str) -> str:
        if who not in self.tokens:
            self.tokens[who] = self.northshire.demo.token(who)
        return self.tokens[who]

    async def ask(
        self, subject: Any = None, *chosen: str, who: str = "morag", purpose: str = PURPOSE, query: str = CONCERNS, **more: Any
    ) -> Answered:
        """One question, with the tokens of those chosen."""
        variables = {"subject": subject or E_ASH, "purpose": purpose, "chosen": list(chosen) or None, **more}
        return await self.northshire.post({"query": query, "variables": variables}, token=self.token(who))

    async def say(self, subject: Any, state: str, query: str = CONSENT, who: str = "morag", **more: Any) -> None:
        variables = {**SAYING, "subject": subject, "party": "MOTHER", "state": state, "on": today(), **more}
        answered = await self.northshire.post({"query": query, "variables": variables}, token=self.token(who))
        assert answered.status == 200, answered.raw[:400]

    def events(self, access: str) -> list[dict[str, Any]]:
        return [event for event in self.northshire.events() if event.get("access") == access]

    def last(self, type_: str) -> dict[str, Any]:
        return [event for event in self.northshire.events() if event["type"] == type_][-1]

    def hold(self, source: str, *persons: Person) -> None:
        self.held[source].persons = list(persons)


def someone(id: str, given_name: str | None = None, born: str = BORN, nhs_number: str | None = None, **more: Any) -> Person:
    numbers = (Identifier("nhs_number", nhs_number),) if nhs_number else ()
    return Person(id=id, given_name=given_name, family_name="Quillfeather", birth_date=born, identifiers=numbers, **more)


#: Twins. Of what was typed, one bears the letter and the other does not.
ELLA, TOBIAS = someone("pupil-ella", "Ezelda"), someone("pupil-tobias", "Tobias")


def connected(federation: Federation, held: dict[str, Kept]) -> Federation:
    """The demonstration's federation with other systems behind its sources."""
    declared = {id: Declared(id, federation.declared[id].settings, held.get(id, Kept())) for id in federation.declared}
    return msgspec.structs.replace(federation, declared=declared)


@pytest_asyncio.fixture(scope="module")
async def portal(demo: RunningDemo, tmp_path_factory: Any) -> AsyncIterator[Choosing]:
    held = {POLICE: Concerned(), CHARITY: Concerned(), SOCIAL_WORK: Planning(), SCHOOL: Schooled(), HEALTH: Healthy()}
    federation = connected(load_federation(FEDERATION, standard()), held)
    async with serving(demo, tmp_path_factory.mktemp("choosing"), federation) as northshire:
        yield Choosing(northshire, held)


@pytest.fixture
def choosing(portal: Choosing) -> Iterator[Choosing]:
    """The portal with nobody known anywhere."""
    for kept in portal.held.values():
        kept.persons, kept.fetched = [], []
    return portal


def token_of(answered: Answered, *shown: str) -> str:
    """The token of the one candidate shown by all of these."""
    (token,) = [each["token"] for each in answered.view["candidates"] if set(shown) <= set(each["shown"])]
    return str(token)


def of(answered: Answered, source: str) -> Any:
    return next(each for each in answered.view["sources"] if each["source"] == source)


def without_receipt(answered: Answered) -> Any:
    return {name: value for name, value in answered.view.items() if name != "receipt"}


LETTER, ANOTHER = "Given name differs in part", "Given name differs"


async def test_twins_are_shown_one_is_chosen_and_the_records_of_that_one_alone_are_read(choosing: Choosing) -> None:
    choosing.hold(POLICE, ELLA, TOBIAS)
    offered = await choosing.ask()
    assert of(offered, POLICE)["state"] == "AMBIGUOUS"
    assert of(offered, POLICE)["words"] == SAYS_TO_CHOOSE.format(name="Northshire Police")
    agreed = ["Family name Quillfeather", "Date of birth 1 March 2015"]
    assert [each["shown"] for each in offered.view["candidates"]] == [[ANOTHER, *agreed], [LETTER, *agreed]]
    assert {(each["source"], each["band"]) for each in offered.view["candidates"]} == {(POLICE, "POSSIBLE")}
    assert len({len(each["token"]) for each in offered.view["candidates"]}) == 1
    assert not [name for name in (b"zelda", b"Tobias", b"pupil") if name in offered.raw]
    assert choosing.held[POLICE].fetched == []

    chosen = await choosing.ask(None, token_of(offered, LETTER))
    assert choosing.held[POLICE].fetched == ["pupil-ella"]
    assert [each["id"] for each in chosen.view["wellbeingConcerns"]["records"]] == ["record-of-pupil-ella"]
    assert chosen.view["candidates"] == []
    match = of(chosen, POLICE)["match"]
    assert (match["band"], match["evidence"][-1]) == ("POSSIBLE", {"field": "chosen", "words": "You chose this child."})


async def test_the_log_says_who_was_offered_and_chosen_and_by_which_evidence_and_holds_no_value(choosing: Choosing) -> None:
    choosing.hold(POLICE, ELLA, TOBIAS)
    offered = await choosing.ask()
    token = token_of(offered, LETTER)
    chosen = await choosing.ask(None, token)
    first, then = (each.view["receipt"]["access"] for each in (offered, chosen))
    intent, offering = choosing.events(first)
    assert "chosen" not in intent
    assert [(each["source"], each["band"]) for each in offering["offered"]] == [(POLICE, "POSSIBLE")] * 2
    outcome = next(each for each in offering["outcomes"] if each["source"] == POLICE)
    assert (outcome["state"], "chosen" in outcome) == ("AMBIGUOUS", False)
    picked, conclusion = choosing.events(then)
    (choice,) = picked["chosen"]
    assert (choice["source"], choice["offered_in"]) == (POLICE, first)
    assert choice["person"] == offering["offered"][1]["person"], "an auditor sees which of those offered it was"
    outcome = next(each for each in conclusion["outcomes"] if each["source"] == POLICE)
    assert (outcome["state"], outcome["band"], outcome["chosen"]) == ("ANSWERED", "POSSIBLE", True)
    assert set(outcome["evidence"]) == {"given_name:initial", "family_name:exact", "birth_date:exact"}
    assert "offered" not in conclusion
    kept = kept_bytes(choosing.northshire.state).lower()
    assert not [secret for secret in SECRETS if secret.lower().encode() in kept]
    assert token.lower().encode() not in kept
    assert logcheck.check(choosing.northshire.database).problems == []


def kept_bytes(state: Path) -> bytes:
    """Every byte that the portal keeps, write-ahead logs too, and what its tables say."""
    files = b"".join(path.read_bytes() for path in sorted(state.rglob("*")) if path.is_file())
    with closing(sqlite3.connect(f"file:{state / 'access.db'}?mode=ro", uri=True)) as connection:
        return files + b"".join(body for (body,) in connection.execute("select body from events"))


async def test_a_choice_counts_once(choosing: Choosing) -> None:
    choosing.hold(POLICE, ELLA, TOBIAS)
    token = token_of(await choosing.ask(), LETTER)
    assert (await choosing.ask(None, token)).status == 200
    finds = choosing.held[POLICE].finds
    again = await choosing.ask(None, token)
    assert again.status == 409
    assert again.body["errors"][0]["extensions"] == {"code": "CV608", "hint": "Ask again, and choose from what is shown then."}
    assert (choosing.northshire.events()[-1]["type"], choosing.northshire.events()[-1]["why"]) == ("refusal", "CV608")
    assert choosing.held[POLICE].finds == finds, "nobody was asked"


async def test_of_two_who_send_it_at_the_same_moment_one_is_answered(choosing: Choosing) -> None:
    choosing.hold(POLICE, ELLA, TOBIAS)
    token = token_of(await choosing.ask(), LETTER)
    ended = await asyncio.gather(*(choosing.ask(None, token) for _ in range(4)))
    assert sorted(each.status for each in ended) == [200, 409, 409, 409]
    intents = {event["access"] for event in choosing.northshire.events() if event["type"] == "intent" and "chosen" in event}
    ended_as = [event["ended"] for event in choosing.northshire.events() if event["type"] == "conclusion" and event["access"] in intents]
    assert set(ended_as) <= {"answered", "refused"}


async def test_nobody_else_and_no_other_question_can_use_it(choosing: Choosing) -> None:
    choosing.hold(POLICE, ELLA, TOBIAS)
    token = token_of(await choosing.ask(), LETTER)
    again = choosing.northshire.demo.token("morag", signed_in_ago=timedelta(minutes=3))
    variables = {"subject": E_ASH, "purpose": PURPOSE, "chosen": [token]}
    refused = [
        await choosing.ask(None, token, who="hamida"),
        await choosing.ask(E_ASH | {"givenName": "T"}, token),
        await choosing.ask(None, token, purpose=EARLY),
        await choosing.ask(None, token[:-4] + "AAAA"),
        await choosing.northshire.post({"query": CONCERNS, "variables": variables}, token=again),
        await choosing.ask(None, "not-a-token"),
    ]
    assert {(each.status, each.raw) for each in refused} == {(409, refused[0].raw)}
    assert (await choosing.ask(None, token, token, token, token)).body["errors"][0]["extensions"]["code"] == "CV609"
    assert (await choosing.ask(None, token)).status == 200, "none of this has spent it"


async def test_a_question_refused_for_something_else_spends_no_choice(choosing: Choosing) -> None:
    choosing.hold(POLICE, ELLA, TOBIAS)
    token = token_of(await choosing.ask(), LETTER)
    refused = await choosing.ask(None, token, declared=True)
    assert refused.body["errors"][0]["extensions"]["code"] == "CV431"
    assert (await choosing.ask(None, token)).status == 200


async def test_a_token_in_the_document_is_refused_so_that_no_cache_keeps_it(choosing: Choosing) -> None:
    query = 'query C($s: SubjectInput!) { child(subject: $s, purpose: "child-protection", chosen: ["x"]) { asOf } }'
    answered = await choosing.northshire.post({"query": query, "variables": {"s": E_ASH}}, token=choosing.token("morag"))
    assert answered.body["errors"][0]["extensions"]["code"] == "CV413"


async def test_a_source_that_does_not_fit_is_still_unsure_and_is_offered_after_the_choice(choosing: Choosing) -> None:
    choosing.hold(POLICE, ELLA, TOBIAS)
    choosing.hold(SOCIAL_WORK, someone("c-1", "Ezelda"), someone("c-2", "Tobias"))
    both = CONCERNS.replace("receipt", "childPlans { records { id } } receipt")
    offered = await choosing.ask(query=both)
    assert [each["source"] for each in offered.view["candidates"]] == [POLICE, POLICE]
    assert of(offered, SOCIAL_WORK)["words"] == SAYS["AMBIGUOUS"].format(name="Northshire social work")
    then = await choosing.ask(None, token_of(offered, LETTER), query=both)
    assert [each["id"] for each in then.view["wellbeingConcerns"]["records"]] == ["record-of-pupil-ella"]
    assert [each["source"] for each in then.view["candidates"]] == [SOCIAL_WORK, SOCIAL_WORK]


# A choice is a new decision about the one who was chosen


async def test_a_chosen_child_who_is_shielded_reads_as_one_nobody_knows(choosing: Choosing) -> None:
    choosing.hold(POLICE, ELLA, TOBIAS)
    token = token_of(await choosing.ask(), LETTER)
    choosing.hold(SOCIAL_WORK, msgspec.structs.replace(someone("c-1", "Ezelda"), shield="IDENTITY"))
    hidden = await choosing.ask(None, token)
    choosing.hold(POLICE)
    choosing.hold(SOCIAL_WORK)
    nobody = await choosing.ask()
    assert without_receipt(hidden) == without_receipt(nobody)
    outcomes = choosing.events(hidden.view["receipt"]["access"])[-1]["outcomes"]
    assert {each["reason"] for each in outcomes if each["source"] == POLICE} == {"shielded"}


async def test_a_chosen_child_whom_the_source_itself_hides_is_not_offered_and_not_read(choosing: Choosing) -> None:
    choosing.hold(POLICE, ELLA, TOBIAS)
    token = token_of(await choosing.ask(), LETTER)
    choosing.hold(POLICE, msgspec.structs.replace(ELLA, shield="IDENTITY"), TOBIAS)
    hidden = await choosing.ask(None, token)
    assert choosing.held[POLICE].fetched == []
    assert hidden.view["candidates"] == []
    assert of(hidden, POLICE)["state"] == "NOTHING_TO_SHOW"


async def test_the_chosen_twins_own_objection_counts(choosing: Choosing) -> None:
    """Consent stands under what was typed. Tobias alone objects, under a number that nobody typed."""
    ella, tobias = someone("pupil-ella", "Ezelda", nhs_number=SECOND), someone("pupil-tobias", "Tobias", nhs_number=THIRD)
    choosing.hold(CHARITY, ella, tobias)
    one = E_ASH | {"identifiers": [{"system": "chi", "value": "0103150005"}]}
    await choosing.say(one, "GIVEN", clause=1)
    own = {"givenName": "Tobias", "familyName": "Quillfeather", "birthDate": BORN}
    await choosing.say(own | {"identifiers": [{"system": "nhs_number", "value": THIRD}]}, "RAISED", OBJECTION, clause=1)

    async def choose(*shown: str) -> Answered:
        offered = await choosing.ask(one, purpose=EARLY)
        return await choosing.ask(one, token_of(offered, *shown), purpose=EARLY)

    assert of(await choose(LETTER), CHARITY)["state"] == "ANSWERED"
    choosing.held[CHARITY].fetched = []
    objecting = await choose(ANOTHER)
    assert (of(objecting, CHARITY)["state"], choosing.held[CHARITY].fetched) == ("NOTHING_TO_SHOW", [])
    assert objecting.view["wellbeingConcerns"]["records"] == []
    outcome = next(each for each in choosing.last("conclusion")["outcomes"] if each["source"] == CHARITY)
    assert outcome["reason"] == "objection"
    assert of(objecting, CHARITY)["match"] is None, "not even that somebody was chosen"


async def test_a_chosen_child_of_another_age_is_outside_the_clause(choosing: Choosing) -> None:
    """ISA-11 §4 is for children under five: the child typed is four, one of those who may be meant is six."""
    typed = {"givenName": "E", "familyName": "Quillfeather", "birthDate": "2023-03-01"}
    choosing.hold(HEALTH, someone("young", "Ezelda", born="2023-03-01"), someone("older", "Ezelda", born="2020-03-01"))
    await choosing.say(typed, "GIVEN", who="ewan", clause=4)
    same, other = "Date of birth 1 March 2023", "Date of birth differs in part"
    states = {}
    for shown in (same, other):
        offered = await choosing.ask(typed, who="ewan", purpose=EARLY, query=CONTACTS)
        chosen = await choosing.ask(typed, token_of(offered, shown), who="ewan", purpose=EARLY, query=CONTACTS)
        states[shown] = of(chosen, HEALTH)["state"]
    assert states == {same: "ANSWERED", other: "NOTHING_TO_SHOW"}
    assert choosing.held[HEALTH].fetched == ["young"]
    outcome = next(each for each in choosing.last("conclusion")["outcomes"] if each["source"] == HEALTH)
    assert outcome["reason"] == "ages"


@pytest.fixture
async def related(choosing: Choosing) -> Choosing:
    """ISA-11 §3: the child's plan is for a named person whom an agency names. The school names Morag for one of the twins."""
    await choosing.say(WITH_NUMBER, "GIVEN", clause=3)
    workers = (choosing.northshire.demo.key("morag"),)
    choosing.hold(SCHOOL, msgspec.structs.replace(ELLA, workers=workers), TOBIAS)
    return choosing


async def plan_of(choosing: Choosing, *chosen: str) -> Answered:
    query = PLANS.replace("receipt", "involvements { records { id } } receipt")
    return await choosing.ask(WITH_NUMBER, *chosen, purpose=EARLY, query=query, informed="YES")


@pytest.mark.parametrize(("shown", "state"), [(LETTER, "ANSWERED"), (ANOTHER, "NOTHING_TO_SHOW")])
async def test_who_works_with_one_twin_only_is_vouched_for_that_one_only(related: Choosing, shown: str, state: str) -> None:
    related.hold(SOCIAL_WORK, someone("client-1", nhs_number=FIRST))
    offered = await plan_of(related)
    assert offered.kinds[SOCIAL_WORK, "ChildPlan"] == "NOT_ASKED", "while it is not known who is meant nobody vouches"
    chosen = await plan_of(related, token_of(offered, shown))
    assert chosen.kinds[SOCIAL_WORK, "ChildPlan"] == state
    assert related.held[SOCIAL_WORK].fetched == (["client-1"] if state == "ANSWERED" else [])


async def test_who_works_with_one_twin_cannot_open_the_others_records_by_choosing_both(related: Choosing) -> None:
    """The school vouches for one twin; social work's plan is the other's. Nothing of either is read."""
    related.hold(SOCIAL_WORK, someone("client-2", "Tobias", nhs_number=FIRST))
    offered = await plan_of(related)
    assert len(offered.view["candidates"]) == 3
    mixed = await plan_of(related, token_of(offered, LETTER), token_of(offered, f"NHS number {FIRST}"))
    assert related.held[SOCIAL_WORK].fetched == related.held[SCHOOL].fetched == []
    assert mixed.view["childPlans"]["records"] == mixed.view["involvements"]["records"] == []
    assert mixed.view["candidates"] == []
    assert len(related.events(mixed.view["receipt"]["access"])[0]["chosen"]) == 2


# What is not offered at all


async def test_numbers_that_differ_never_link_and_what_differs_is_said(choosing: Choosing) -> None:
    """The names, the birth date and even the home agree: two children, or a number mistyped. A person says."""
    choosing.hold(POLICE, someone("pupil-ella", "Ezelda", nhs_number=SECOND))
    subject = WITH_NUMBER | {"givenName": "Ezelda"}
    answered = await choosing.ask(subject)

    assert of(answered, POLICE)["state"] == "AMBIGUOUS"
    (candidate,) = answered.view["candidates"]
    assert "NHS number differs" in candidate["shown"]
    assert SECOND.encode() not in answered.raw
    outcome = next(each for each in choosing.last("conclusion")["outcomes"] if each["source"] == POLICE)
    assert (outcome["band"], "identifier:contradicted" in outcome["evidence"]) == ("POSSIBLE", True)
    assert choosing.held[POLICE].fetched == []


async def test_a_child_adopted_under_another_name_and_number_is_not_even_offered(choosing: Choosing) -> None:
    adopted = msgspec.structs.replace(someone("pupil-new", "Ezelda", nhs_number=SECOND), family_name="Heronshaw")
    choosing.hold(POLICE, adopted)
    known = await choosing.ask(WITH_NUMBER | {"givenName": "Ezelda"})
    choosing.hold(POLICE)
    unknown = await choosing.ask(WITH_NUMBER | {"givenName": "Ezelda"})

    assert (known.view["candidates"], known.states, known.kinds) == ([], unknown.states, unknown.kinds)
    assert [each["words"] for each in known.view["sources"]] == [each["words"] for each in unknown.view["sources"]]


async def test_too_many_who_look_like_the_child_are_none_shown_and_more_is_asked_for(choosing: Choosing) -> None:
    choosing.hold(POLICE, *(someone(f"pupil-{at}", name) for at, name in enumerate(("Ezelda", "Esme", "Edie", "Elspeth"))))
    answered = await choosing.ask()

    assert of(answered, POLICE)["state"] == "TOO_MANY"
    assert "Add a full name, a date of birth or a number" in of(answered, POLICE)["words"]
    assert answered.view["candidates"] == []
    assert choosing.held[POLICE].fetched == []
    assert next(each for each in choosing.last("conclusion")["outcomes"] if each["source"] == POLICE)["state"] == "TOO_MANY"
