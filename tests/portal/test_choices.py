"""Choosing between those who may be the child: what a token is bound to, that it is good once, and what a candidate is shown by."""

from __future__ import annotations

import asyncio
import string
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from structlog.testing import capture_logs

from connectors import Address, Identifier, Person, Subject
from connectors.finding import Finding, Offer, find_among
from connectors.matching import Evidence, Match, Matcher
from connectors.standard import load_standard
from portal.accesslog import events
from portal.accesslog.pseudonyms import Digests, Lasting, Pseudonyms
from portal.agreements.readability import age_of
from portal.candidates import CHOSEN, listed, shown
from portal.choices import LASTS, MOST, TABLES, Choices, by_source, fits, too_many
from portal.errors import RequestError
from portal.masking import Known, Names, SourceFacts
from portal.merge import merge
from portal.model import (
    Candidate,
    ChildView,
    Choice,
    Decision,
    LoggedOutcome,
    Manifest,
    OfferedPerson,
    OutcomeState,
    Plan,
    PlannedAsk,
    Practitioner,
    Question,
    Ruling,
)
from portal.outcomes import SAYS_TO_CHOOSE, Outcome, says
from portal.samechild import two_children
from portal.settling import settle
from portal.storage import Database
from tests.documentation import page
from tests.portal.storage_cases import BOTH, database, fresh, starter

NOW = datetime(2026, 11, 22, 10, 42, tzinfo=UTC)
ACCESS = "01JD8Z0000000000000000ABCD"
POLICE, NHS, SCHOOL, OTHER_SCHOOL = "northshire-police", "northshire-nhs", "hillview-mis", "alder-mis"
STANDARD = load_standard()
MORAG = Practitioner(
    issuer="https://id.example", person="morag", agency="hillview-school", roles=("named_person",), session="a" * 64
)  # fmt: skip
TYPED = Subject(given_name="E", family_name="Ash", birth_date="2015-03-01", identifiers=(Identifier("chi", "0103150005"),))
ASKED = Question(
    subject=TYPED, purpose="child-protection", reason=None, wanted={"WellbeingConcern": frozenset({"summary"})},
    sections=frozenset({"WellbeingConcern"}), chronology=False, demographics=False, document="00",
)  # fmt: skip


class Clock:
    """A clock that goes where it is put."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def person(id: str, **more: Any) -> Person:
    return Person(id=id, **({"family_name": "Ash", "birth_date": "2015-03-01"} | more))


ELLA, TOM = person("p-ella", given_name="Ella"), person("p-tom", given_name="Tom")


def view_of(*offered: OfferedPerson) -> ChildView:
    """A view with a candidate for each of these, before they have tokens."""
    candidates = tuple(Candidate(source=each.source, band="POSSIBLE", shown=(), evidence=()) for each in offered)
    return ChildView(
        everySourceAnswered=False, purpose="child-protection", asOf=NOW, sources=(), demographics=None, chronology=None, sections={},
        held=(), candidates=candidates, manifest=Manifest(outcomes=(), matched=(), released=(), offered=offered),
    )  # fmt: skip


def behind(source: str = POLICE, id: str = "p-ella") -> OfferedPerson:
    return OfferedPerson(source=source, person=id, band="POSSIBLE")


def choosing(*tokens: str, **changed: Any) -> Question:
    """The question again, with these tokens."""
    return msgspec.structs.replace(ASKED, chosen=tokens, **changed)


# A token names nobody, is always of one length, and is good once, soon, and for one asker about one child


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=BOTH)
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async with database(await fresh(request.param, starter(request)), tmp_path, TABLES) as opened:
        yield opened


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Database]:
    async with database("sqlite:registry.db", tmp_path, TABLES) as kept:
        yield kept


def made(kept: Database, clock: Clock, key: bytes = bytes(range(32))) -> Choices:
    return Choices(kept, Lasting(key), clock)


def tokens(choices: Choices, *offered: OfferedPerson, asked: Question = ASKED, who: Practitioner = MORAG) -> list[str]:
    view = choices.offered(view_of(*(offered or (behind(),))), asked, who, ACCESS)
    return [each.token for each in view.candidates]


async def closed(choices: Choices, question: Question, who: Practitioner = MORAG) -> RequestError:
    with pytest.raises(RequestError) as refused:
        await choices.spend(await choices.opened(question, who))
    return refused.value


async def test_whom_a_token_means_is_known_again_by_whoever_it_was_given_to(kept: Database, clock: Clock) -> None:
    choices = made(kept, clock)
    one, other = tokens(choices, behind(), behind(NHS, "n-1"))
    chosen = await choices.opened(choosing(other, one, other), MORAG)
    assert [(each.source, each.person, each.access) for each in chosen] == [(NHS, "n-1", ACCESS), (POLICE, "p-ella", ACCESS)]
    assert by_source(chosen) == {POLICE: {"p-ella"}, NHS: {"n-1"}}
    assert await choices.opened(choosing(), MORAG) == ()


async def test_another_gateway_with_the_same_keys_opens_it_and_one_with_other_keys_does_not(kept: Database, clock: Clock) -> None:
    (token,) = tokens(made(kept, clock))
    assert await made(kept, clock).opened(choosing(token), MORAG)
    assert (await closed(made(kept, clock, bytes(32)), choosing(token))).id == "CV608"


@given(source=st.sampled_from((POLICE, NHS, SCHOOL)), id=st.text(max_size=128).filter(lambda id: fits(POLICE, id)))
def test_every_token_is_as_long_as_every_other_and_names_nobody(source: str, id: str) -> None:
    choices = Choices(None, Lasting(bytes(32)), lambda: NOW)  # type: ignore[arg-type]
    one, other = tokens(choices, behind(source, id), behind(POLICE, "1"))
    again = tokens(choices, behind(source, id))[0]
    assert len(one) == len(other) < 2000
    assert set(one) <= set(string.ascii_letters + string.digits + "-_")
    assert len(id) < 5 or id not in one
    assert one != again, "nor can it be told that two are of one person"


def test_ids_up_to_128_characters_fit_and_longer_ones_are_told_to_operators() -> None:
    assert fits(POLICE, "9" * 128)
    assert fits(POLICE, "é" * 128)
    assert not fits(POLICE, "9" * 1000)
    assert not fits(POLICE, "\ud800")
    choices = Choices(None, Lasting(bytes(32)), lambda: NOW)  # type: ignore[arg-type]
    view = msgspec.structs.replace(view_of(), manifest=Manifest(outcomes=(), matched=(), released=(), unfit=frozenset({POLICE})))
    with capture_logs() as told:
        choices.offered(view, ASKED, MORAG, ACCESS)
    assert [(each["id"], each["source"]) for each in told] == [("CV512", POLICE)]


OTHERS = {
    "person": {"person": "ewan"}, "issuer": {"issuer": "https://other.example"}, "agency": {"agency": "northshire-police"},
    "sign-in": {"session": "b" * 64}, "unknown-sign-in": {"session": None},
}  # fmt: skip
ELSEWHERE = {
    "purpose": {"purpose": "early-help"},
    "number": {"subject": msgspec.structs.replace(TYPED, identifiers=(Identifier("chi", "0203140905"),))},
    "no-number": {"subject": msgspec.structs.replace(TYPED, identifiers=())},
    "given-name": {"subject": msgspec.structs.replace(TYPED, given_name="Tom")},
    "family-name": {"subject": msgspec.structs.replace(TYPED, family_name="Oak")},
    "birth-date": {"subject": msgspec.structs.replace(TYPED, birth_date="2015-03-02")},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
async def test_it_is_bound_to_who_asks_and_to_the_sign_in(kept: Database, clock: Clock, other: dict[str, Any]) -> None:
    choices = made(kept, clock)
    (token,) = tokens(choices)
    assert (await closed(choices, choosing(token), msgspec.structs.replace(MORAG, **other))).id == "CV608"
    assert await choices.opened(choosing(token), MORAG), "whoever it was given to can use it still"


@pytest.mark.parametrize("other", ELSEWHERE.values(), ids=ELSEWHERE)
async def test_it_is_bound_to_the_child_as_typed_and_to_the_purpose(kept: Database, clock: Clock, other: dict[str, Any]) -> None:
    choices = made(kept, clock)
    (token,) = tokens(choices)
    assert (await closed(choices, choosing(token, **other))).id == "CV608"


async def test_where_the_sign_in_is_not_known_it_is_bound_to_the_person(kept: Database, clock: Clock) -> None:
    choices, unknown = made(kept, clock), msgspec.structs.replace(MORAG, session=None)
    (token,) = tokens(choices, who=unknown)
    assert await choices.opened(choosing(token), unknown)
    assert (await closed(choices, choosing(token), msgspec.structs.replace(unknown, person="ewan"))).id == "CV608"


async def test_the_same_child_typed_another_way_is_the_same_child(kept: Database, clock: Clock) -> None:
    choices = made(kept, clock)
    (token,) = tokens(choices)
    spelt = msgspec.structs.replace(TYPED, family_name="ASH", identifiers=(Identifier("chi", "010315 0005"),))
    assert await choices.opened(choosing(token, subject=spelt), MORAG)


@pytest.mark.parametrize(("later", "opens"), [(timedelta(0), True), (LASTS, True), (LASTS + timedelta(milliseconds=1), False)])
async def test_it_lasts_five_minutes(kept: Database, clock: Clock, later: timedelta, opens: bool) -> None:
    choices = made(kept, clock)
    (token,) = tokens(choices)
    clock.now += later
    if opens:
        assert await choices.opened(choosing(token), MORAG)
    else:
        assert (await closed(choices, choosing(token))).id == "CV608"
    assert timedelta(minutes=5) == LASTS


@given(st.data())
def test_whatever_is_changed_in_it_closes_it(data: st.DataObject) -> None:
    choices = Choices(None, Lasting(bytes(32)), lambda: NOW)  # type: ignore[arg-type]
    (token,) = tokens(choices)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(string.ascii_letters + string.digits + "-_=+/ \n\0é").filter(lambda sign: sign != token[at]))
    changed = data.draw(st.sampled_from((token[:at] + other + token[at + 1 :], token[:at], token + other, token[:at] + other + token[at:])))
    with pytest.raises(RequestError, match="CV608"):
        asyncio.run(choices.opened(choosing(changed), MORAG))


async def test_it_is_good_once(opened: Database, clock: Clock) -> None:
    choices = made(opened, clock)
    one, other = tokens(choices, behind(), behind(NHS, "n-1"))
    await choices.spend(await choices.opened(choosing(one), MORAG))
    assert (await closed(choices, choosing(one))).id == "CV608"
    assert (await closed(choices, choosing(other, one))).id == "CV608"
    assert await choices.opened(choosing(other), MORAG), "a choice refused beside it is not spent"


async def test_opening_spends_nothing(kept: Database, clock: Clock) -> None:
    choices = made(kept, clock)
    (token,) = tokens(choices)
    first = await choices.opened(choosing(token), MORAG)
    second = await choices.opened(choosing(token), MORAG)
    assert first == second
    await choices.spend(first)


async def test_of_many_who_use_it_at_once_one_does(opened: Database, clock: Clock) -> None:
    choices = made(opened, clock)
    one, other = tokens(choices, behind(), behind(NHS, "n-1"))
    chosen = await choices.opened(choosing(one, other), MORAG)
    ended = await asyncio.gather(*(choices.spend(chosen) for _ in range(8)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in ended) == ["NoneType", *["RequestError"] * 7]
    assert {each.id for each in ended if isinstance(each, RequestError)} == {"CV608"}


async def test_all_of_several_are_spent_or_none(opened: Database, clock: Clock) -> None:
    choices = made(opened, clock)
    one, other = tokens(choices, behind(), behind(NHS, "n-1"))
    both, first = await choices.opened(choosing(one, other), MORAG), await choices.opened(choosing(one), MORAG)
    await choices.spend(first)
    with pytest.raises(RequestError, match="CV608"):
        await choices.spend(both)
    assert await choices.opened(choosing(other), MORAG)


async def test_what_is_kept_is_a_digest_and_is_swept_when_it_can_be_of_no_use(opened: Database, clock: Clock) -> None:
    choices = made(opened, clock)

    async def rows() -> list[Any]:
        async with opened.read() as connection:
            return list((await connection.execute(text("select token, until from choices_spent"))).all())

    for _ in range(2):
        (token,) = tokens(choices)
        await choices.spend(await choices.opened(choosing(token), MORAG))
        clock.now += LASTS
    kept = await rows()
    assert len(kept) == 2, "kept for longer than it lasts"
    assert "ella" not in repr(kept).lower()
    clock.now += timedelta(hours=1)
    (token,) = tokens(choices)
    await choices.spend(await choices.opened(choosing(token), MORAG))
    assert len(await rows()) == 1


async def test_every_token_that_cannot_be_used_reads_alike(kept: Database, clock: Clock) -> None:
    choices = made(kept, clock)
    used, old, good = tokens(choices)[0], tokens(choices)[0], tokens(choices)[0]
    await choices.spend(await choices.opened(choosing(used), MORAG))
    refused = [
        await closed(choices, choosing(used)),
        await closed(choices, choosing("never-seen")),
        await closed(choices, choosing("")),
        await closed(choices, choosing(good[::-1])),
        await closed(choices, choosing(good), msgspec.structs.replace(MORAG, person="ewan")),
        await closed(choices, choosing(good, purpose="early-help")),
        await closed(choices, choosing(good, "never-seen")),
    ]
    clock.now += LASTS * 2
    refused.append(await closed(choices, choosing(old)))
    said = {(each.id, each.message, each.hint, each.status, each.path, each.refused) for each in refused}
    assert said == {
        ("CV608", "This choice is no longer open.", "Ask again, and choose from what is shown then.", 409, ("child", "chosen"), True)
    }
    assert (too_many().id, too_many().refused) == ("CV609", True)


# Who is listed


def facts(source: str, mask: str | None = None) -> SourceFacts:
    return SourceFacts(id=source, agency=f"of-{source}", name=source, phone="01", out_of_hours=None, contact="Desk", mask=mask)


KNOWN = Known(
    portal="northshire",
    standard=STANDARD,
    sources={POLICE: facts(POLICE), NHS: facts(NHS), SCHOOL: facts(SCHOOL, "a school"), OTHER_SCHOOL: facts(OTHER_SCHOOL, "a school")},
    duty=facts("northshire-social-work"),
)


def found(subject: Subject, *persons: Person, chosen: frozenset[str] = frozenset()) -> Finding:
    return find_among(subject, persons, Matcher(), "https://id.example|morag", False, chosen)


def unsure(source: str, count: int = 2, *, subject: Subject = TYPED) -> Outcome:
    """A source that finds so many who may be the child."""
    persons = [person(f"{source}-{number}", given_name=("Ella", "Tom", "Rory")[number]) for number in range(count)]
    finding = found(msgspec.structs.replace(subject, identifiers=()), *persons)
    assert (finding.state, len(finding.offers)) == ("AMBIGUOUS", count)
    return Outcome(source=source, kind="WellbeingConcern", state="AMBIGUOUS", match=finding.match, offers=finding.offers)


def decision(*outcomes: Outcome, permitted: bool = True, **more: Any) -> Decision:
    rulings = tuple(
        Ruling(source=each.source, kind=each.kind, permitted=permitted, reason=None if permitted else "objection", clause="ISA-01 §1")
        for each in outcomes
    )
    return Decision(at=NOW, rulings=rulings, agreements={}, **({"place": True} | more))


def sources(outcomes: list[Outcome], **more: Any) -> list[str]:
    ruled = decision(*outcomes, **more)
    return [each.source for each in listed(outcomes, ruled, TYPED, Names(ruled, KNOWN)).offered]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param({POLICE: 3}, [POLICE] * 3, id="three-of-one-source"),
        pytest.param({POLICE: 1, NHS: 2}, [NHS, NHS, POLICE], id="in-the-order-of-names"),
        pytest.param({POLICE: 2, NHS: 2}, [NHS, NHS], id="all-of-a-source-or-none"),
        pytest.param({POLICE: 3, NHS: 1}, [NHS], id="however-many-there-are"),
        pytest.param({}, [], id="nobody"),
    ],
)
def test_at_most_three_are_listed_and_of_each_source_all_or_none(counts: dict[str, int], expected: list[str]) -> None:
    assert sources([unsure(source, count) for source, count in counts.items()]) == expected
    assert sources([unsure(source, count) for source, count in reversed(counts.items())]) == expected
    assert MOST == 3


@pytest.mark.parametrize("flag", ["hidden", "veiled", "unsure"])
def test_nobody_is_listed_where_nothing_may_hint_at_anybody(flag: str) -> None:
    assert sources([unsure(POLICE)], **{flag: True}) == []


def test_nobody_is_listed_of_a_source_of_which_nothing_was_permitted() -> None:
    assert sources([unsure(POLICE)], permitted=False) == []
    both = [unsure(POLICE), msgspec.structs.replace(unsure(POLICE), kind="PoliceEvent")]
    assert sources(both) == [POLICE, POLICE], "two kinds share one find: each is listed once"


@pytest.mark.parametrize("state", [state for state in get_args(OutcomeState) if state != "AMBIGUOUS"])
def test_nobody_is_listed_of_a_source_in_any_other_state(state: str) -> None:
    assert sources([msgspec.structs.replace(unsure(POLICE), state=state)]) == []


def test_a_source_whose_ids_are_too_long_lists_nobody_and_operators_learn_of_it() -> None:
    outcome = unsure(POLICE)
    long = msgspec.structs.replace(outcome.offers[0].person, id="9" * 2000)
    outcome = msgspec.structs.replace(outcome, offers=(Offer(long, outcome.offers[0].match), *outcome.offers[1:]))
    ruled = decision(outcome)
    may_be = listed([outcome, unsure(NHS, 1)], decision(outcome, unsure(NHS, 1)), TYPED, Names(ruled, KNOWN))
    assert (may_be.unfit, may_be.sources) == ({POLICE}, {NHS})


def test_a_masked_source_is_named_as_in_the_rest_of_the_view() -> None:
    """Two schools cannot be told from one another, and number systems of their own name none."""
    own = Subject(family_name="Ash", birth_date="2015-03-01", given_name="Tom", identifiers=(Identifier(SCHOOL, "77"),))
    there = found(own, person("1", given_name="Ella", identifiers=(Identifier(SCHOOL, "77"),)))
    outcomes = [
        Outcome(source=SCHOOL, kind="WellbeingConcern", state="AMBIGUOUS", match=there.match, offers=there.offers),
        unsure(OTHER_SCHOOL, 1),
    ]
    ruled = decision(*outcomes, place=False)
    may_be = listed(outcomes, ruled, own, Names(ruled, KNOWN))
    assert [each.source for each in may_be.candidates] == ["school", "school"]
    assert [each.source for each in may_be.offered] == [OTHER_SCHOOL, SCHOOL]
    said = repr(may_be.candidates)
    assert not [name for name in (SCHOOL, OTHER_SCHOOL) if name in said]
    assert "Number 77" in may_be.candidates[1].shown


def test_once_a_shield_or_a_no_is_known_no_offer_is_left() -> None:
    outcome = msgspec.structs.replace(unsure(POLICE), blind=unsure(POLICE))
    plan = planned(outcome)
    taken_back = decision(outcome)
    denied = msgspec.structs.replace(taken_back.rulings[0], permitted=False, reason="objection", state="NOTHING_TO_SHOW")
    for after in (
        decision(outcome, hidden=True), decision(outcome, veiled=True), decision(outcome, hidden=True, guarded=True),
        msgspec.structs.replace(taken_back, rulings=(denied,)),
    ):  # fmt: skip
        settled = settle(outcome, plan, after, STANDARD)
        assert (settled.state, settled.offers) == ("NOTHING_TO_SHOW", ())
    accepted = msgspec.structs.replace(outcome, found=True, chosen=True, state="ANSWERED")
    doubtful = settle(accepted, plan, decision(outcome, unsure=True), STANDARD)
    assert (doubtful.state, doubtful.offers, doubtful.chosen) == ("AMBIGUOUS", (), False)
    guarded = settle(outcome, plan, decision(outcome, guarded=True), STANDARD)
    assert guarded.offers == outcome.blind.offers, "what counts where a place must not be known"  # type: ignore[union-attr]


# What is shown


@pytest.mark.parametrize(
    ("typed", "there", "expected"),
    [
        pytest.param({}, {"given_name": "Ella"}, ("Given name Ella", "Family name Ash", "Date of birth 1 March 2015"), id="all-agrees"),
        pytest.param({"given_name": "E"}, {"given_name": "Ella"},
                     ("Given name differs in part", "Family name Ash", "Date of birth 1 March 2015"), id="an-initial"),
        pytest.param({}, {"given_name": "Tom"}, ("Given name differs", "Family name Ash", "Date of birth 1 March 2015"), id="another"),
        pytest.param({}, {}, ("Family name Ash", "Date of birth 1 March 2015"), id="none-there"),
        pytest.param({"middle_names": "Rose May"}, {"middle_names": "May"},
                     ("Middle name May", "Family name Ash", "Date of birth 1 March 2015"), id="a-middle-name"),
        pytest.param({"middle_names": "Rose"}, {"middle_names": "Kim"},
                     ("Middle name differs", "Family name Ash", "Date of birth 1 March 2015"), id="another-middle-name"),
        pytest.param({"former_family_name": "Oak"}, {"family_name": "Oak"},
                     ("Family name Oak", "Date of birth 1 March 2015"), id="an-earlier-family-name"),
        pytest.param({"birth_date": "2015-03"}, {}, ("Family name Ash", "Date of birth March 2015, as far as it is known"), id="a-month"),
        pytest.param({"birth_date": "2015"}, {}, ("Family name Ash", "Date of birth 2015, as far as it is known"), id="a-year"),
        pytest.param({}, {"birth_date": "2015-03-02"}, ("Family name Ash", "Date of birth differs in part"), id="another-day"),
        pytest.param({"sex": "female"}, {"sex": "F"}, ("Family name Ash", "Date of birth 1 March 2015", "Sex female"), id="the-sex"),
        pytest.param({"sex": "female"}, {"sex": "M"}, ("Family name Ash", "Date of birth 1 March 2015"), id="never-that-the-sex-differs"),
        pytest.param({"identifiers": (Identifier("chi", "0103150005"),)}, {"identifiers": (Identifier("chi", "010315 0005"),)},
                     ("Family name Ash", "Date of birth 1 March 2015", "CHI number 0103150005"), id="a-number"),
    ],
)  # fmt: skip
def test_a_candidate_is_shown_by_what_was_typed_and_what_differs(
    typed: dict[str, Any], there: dict[str, Any], expected: tuple[str, ...]
) -> None:
    subject = Subject(**({"given_name": "Ella", "family_name": "Ash", "birth_date": "2015-03-01"} | typed))
    held = person("1", **there)
    assert shown(subject, Offer(held, Matcher().match(subject, [held])[0])) == expected


WORDS = st.sampled_from(["Ella", "Ellie", "Eva", "E", "Tom", "Ash", "Ashe", "Oak", "Rose", "May", "Rose May", "Zeb"])
DATES = st.sampled_from(["2015-03-01", "2015-01-03", "2015-03-02", "2014-03-01", "2015-03", "2015", "2009-12-24"])
SEXES = st.sampled_from(["male", "female", "M"])
CHIS = st.sampled_from(["0103150005", "0302140905", "1106150880"])
SECRET = "Zqhidden"


def someone(kind: type[Any], **fixed: Any) -> st.SearchStrategy[Any]:
    parts = {name: st.none() | WORDS for name in ("given_name", "middle_names", "family_name", "former_family_name")}
    numbers = st.lists(st.builds(Identifier, st.just("chi"), CHIS), max_size=1).map(tuple)
    return st.builds(kind, **parts, birth_date=st.none() | DATES, sex=st.none() | SEXES, identifiers=numbers, **fixed)


@given(subject=someone(Subject), held=someone(Person, id=st.just("1"), school=st.just(SECRET), phones=st.just((SECRET,)),
       parents=st.just((SECRET,)), postcode=st.just(SECRET)))  # fmt: skip
def test_nothing_is_shown_that_was_not_typed(subject: Subject, held: Person) -> None:
    offer = Offer(held, Matcher().match(subject, [held])[0])
    ruled = decision(unsure(POLICE))
    outcome = Outcome(source=POLICE, kind="WellbeingConcern", state="AMBIGUOUS", offers=(offer,))
    (candidate,) = listed([outcome], ruled, subject, Names(ruled, KNOWN)).candidates
    said = " ".join((*candidate.shown, *(each.words for each in candidate.evidence)))
    typed = {word for name in (subject.given_name, subject.middle_names, subject.family_name, subject.former_family_name) if name
             for word in name.split()}  # fmt: skip
    values = {"Ella", "Ellie", "Eva", "Tom", "Ash", "Ashe", "Oak", "Rose", "Zeb"} - typed
    assert not values & set(said.replace(",", " ").split())
    assert SECRET not in said
    assert not [each.value for each in held.identifiers if each not in subject.identifiers and each.value in said]
    assert not any("sex" in each.lower() and "differ" in each for each in (*candidate.shown, *(one.words for one in candidate.evidence)))
    years = {date[:4] for date in (subject.birth_date,) if date}
    assert not {year for year in ("2009", "2014", "2015") if year in said} - years


def test_the_home_decides_neither_who_comes_first_nor_what_is_shown() -> None:
    """Whoever tries addresses sees no difference, with a shield and without."""
    persons = [person("1", given_name="Ella", postcode="NS1 1AA"), person("2", given_name="Evan", postcode="NS9 9ZZ")]
    ruled = decision(unsure(POLICE))
    seen = []
    for postcode in ("NS1 1AA", "NS9 9ZZ", "NS5 5AA"):
        finding = found(msgspec.structs.replace(TYPED, addresses=(Address(postcode=postcode),), identifiers=()), *persons)
        outcomes = [
            Outcome(source=POLICE, kind="WellbeingConcern", state="AMBIGUOUS", offers=each.offers)
            for each in (finding, finding.under(True))
        ]
        assert finding.under(True).match == found(msgspec.structs.replace(TYPED, identifiers=()), *persons).match
        seen += [listed([each], ruled, TYPED, Names(ruled, KNOWN)).offered for each in outcomes]
    assert len(set(seen)) == 1


# In the view


def planned(*outcomes: Outcome) -> Plan:
    asks = tuple(PlannedAsk(source=each.source, kind=each.kind, fields=frozenset({"summary"})) for each in outcomes)
    return Plan(question=ASKED, purpose="child-protection", asks=asks, unfindable=frozenset())


def merged(*outcomes: Outcome, **more: Any) -> ChildView:
    return merge(planned(*outcomes), decision(*outcomes, **more), outcomes, {}, KNOWN, NOW)


def test_the_words_beside_a_source_say_that_one_may_choose_only_where_somebody_is_listed() -> None:
    view = merged(unsure(POLICE, 3), unsure(NHS, 1))
    said = {each.source: each.words for each in view.sources}
    assert said[NHS] == SAYS_TO_CHOOSE.format(name=NHS.capitalize())
    assert said[POLICE] == says("AMBIGUOUS", POLICE, NOW)
    assert {each.source: each.words for each in view.sections["wellbeingConcerns"].missing} == said
    assert {each.state for each in view.sources} == {"AMBIGUOUS"}
    assert [(each.source, each.band) for each in view.candidates] == [(NHS, "POSSIBLE")]


def test_the_words_are_plain_and_written_down() -> None:
    assert SAYS_TO_CHOOSE in page("reference/outcomes.md")
    assert (age_of(SAYS_TO_CHOOSE.replace("{name}", "Police")) or 99) <= 11
    assert "only if you are sure" in SAYS_TO_CHOOSE
    assert "phone" in SAYS_TO_CHOOSE
    assert age_of(CHOSEN.words) is None or (age_of(CHOSEN.words) or 99) <= 11


def chosen_outcome(state: OutcomeState = "ANSWERED") -> Outcome:
    finding = found(msgspec.structs.replace(TYPED, identifiers=()), ELLA, TOM, chosen=frozenset({"p-ella"}))
    assert (finding.state, finding.chosen, [each.id for each in finding.persons]) == ("FOUND", True, ["p-ella"])
    return Outcome(source=POLICE, kind="WellbeingConcern", state=state, found=True, match=finding.match, chosen=True)


def test_a_view_says_that_it_rests_on_a_choice() -> None:
    (source,) = merged(chosen_outcome()).sources
    assert source.match
    assert (source.match.band, source.match.evidence[-1]) == ("POSSIBLE", CHOSEN)
    assert len(source.match.evidence) > 1
    (silent,) = merged(chosen_outcome("NOTHING_TO_SHOW")).sources
    assert silent.match is None, "as for a child nobody knows"


def test_only_those_who_may_be_the_child_can_be_chosen() -> None:
    stranger = person("p-x", given_name="Zeb", family_name="Oak", birth_date="2009-12-24")
    finding = found(msgspec.structs.replace(TYPED, identifiers=()), ELLA, TOM, stranger, chosen=frozenset({"p-x"}))
    assert (finding.state, finding.chosen) == ("AMBIGUOUS", False)


@pytest.mark.parametrize(
    ("one", "other", "two"),
    [
        pytest.param({"given_name": "Ella"}, {"given_name": "Tom"}, True, id="two-names"),
        pytest.param({"given_name": "Ella"}, {"given_name": "Ella"}, False, id="one-name"),
        pytest.param({"given_name": "Ella"}, {"given_name": "E"}, False, id="an-initial"),
        pytest.param({"given_name": "Ella"}, {}, False, id="no-name-there"),
        pytest.param({"chi": "0103150005"}, {"chi": "0103150013"}, True, id="two-numbers-and-no-name"),
        pytest.param({"chi": "0103150005"}, {"chi": "0103150005"}, False, id="one-number"),
        pytest.param({"given_name": "Ella", "chi": "0103150005"}, {"given_name": "Ella", "chi": "0103150013"}, False, id="a-wrong-number"),
    ],
)
def test_twins_are_two_children_and_a_slip_is_not(one: dict[str, str], other: dict[str, str], two: bool) -> None:
    def held(told: dict[str, str]) -> Person:
        numbers = (Identifier("chi", told["chi"]),) if "chi" in told else ()
        return person("1", given_name=told.get("given_name"), identifiers=numbers)

    assert two_children(held(one), held(other)) is two
    assert two_children(held(other), held(one)) is two


# In the log


def test_what_was_offered_and_chosen_can_be_joined_in_the_log_and_names_nobody() -> None:
    digests, pseudonyms = Digests(b"d" * 32, ACCESS), Pseudonyms(b"p" * 32, "quarter")
    outcome = LoggedOutcome(
        source=POLICE, kind="WellbeingConcern", state="AMBIGUOUS", records=0, evidence=("given_name:initial",), chosen=True
    )
    manifest = Manifest(outcomes=(outcome,), matched=(), released=(), offered=(behind(),))
    common: dict[str, Any] = {"nonce": bytes(16), "practitioner": MORAG, "pseudonyms": pseudonyms}
    ended = events.conclusion(access=ACCESS, ended="answered", manifest=manifest, digests=digests, **common)(NOW)
    (offered,) = ended["offered"]
    assert offered == {"source": POLICE, "person": digests.record(POLICE, "Person", "p-ella"), "band": "POSSIBLE"}
    assert ended["outcomes"][0]["evidence"] == ["given_name:initial"]
    assert ended["outcomes"][0]["chosen"] is True
    choice = Choice(source=POLICE, person="p-ella", access=ACCESS, token="t" * 64)
    begun = events.intent(
        access="01JD8Z0000000000000000WXYZ", plan=planned(), decision=decision(), chosen=[(choice, offered["person"])],
        digests=Digests(b"d" * 32, "01JD8Z0000000000000000WXYZ"), **common,
    )(NOW)  # fmt: skip
    assert begun["chosen"] == [{"source": POLICE, "person": offered["person"], "offered_in": ACCESS}]
    assert b"p-ella" not in events.canonical([ended, begun])
    assert b"tttt" not in events.canonical([ended, begun])


def test_a_view_without_candidates_and_choices_says_nothing_of_them_in_the_log() -> None:
    view = merged(Outcome(source=POLICE, kind="WellbeingConcern", state="NOTHING_TO_SHOW"))
    ended = events.conclusion(
        access=ACCESS, ended="answered", manifest=view.manifest, nonce=bytes(16), practitioner=MORAG,
        pseudonyms=Pseudonyms(b"p" * 32, "quarter"), digests=Digests(b"d" * 32, ACCESS),
    )(NOW)  # fmt: skip
    assert "offered" not in ended
    assert not {"evidence", "chosen"} & ended["outcomes"][0].keys()


def test_the_classes_of_evidence_are_logged_and_no_place_among_them() -> None:
    subject = msgspec.structs.replace(TYPED, addresses=(Address(postcode="NS1 1AA"),), phones=("01632960200",), school="Hillview")
    held = person("1", given_name="Ella", postcode="NS1 1AA", phones=("01632960200",), school="Hillview")
    match = Matcher().match(subject, [held])[0]
    (logged,) = merged(Outcome(source=POLICE, kind="WellbeingConcern", state="ANSWERED", found=True, match=match)).manifest.outcomes
    assert {each.split(":")[0] for each in logged.evidence} == {"given_name", "family_name", "birth_date"}
    bare = Match("LINK", (Evidence("birth_date", "The date of birth agrees."),))
    (logged,) = merged(Outcome(source=POLICE, kind="WellbeingConcern", state="ANSWERED", found=True, match=bare)).manifest.outcomes
    assert logged.evidence == ()
