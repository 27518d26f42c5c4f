"""Breaking the glass: who may, once, for one child; what is written and told; and who looks at it afterwards, by when."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from joserfc.jwk import ECKey
from sqlalchemy import func, select, text
from structlog.testing import capture_logs

from connectors import Identifier, Subject
from portal import alerts as alerting
from portal import breakglass
from portal.accesslog.pseudonyms import Lasting
from portal.alerts import Alerts
from portal.breakglass import Glass, opens_nothing
from portal.breakglass.children import same_child, whom
from portal.breakglass.tables import BREAKINGS, LATER_WORDS, REVIEWS
from portal.breakglass.workdays import working_days_after
from portal.changes import Closing
from portal.errors import PortalError, RequestError
from portal.federation import Agency, AlertSettings, BreakGlassSettings
from portal.model import BreakGlass, Breaking, Decision, Jurisdiction, Practitioner, Question, Ruling
from portal.sealing import Sealer, unseal
from portal.storage import Database, StorageUnavailable
from tests.portal.storage_cases import BOTH, database, fresh, starter

#: A Wednesday.
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
SCHOOL, POLICE, NHS, COUNCIL = "hillview-school", "northshire-police", "northshire-nhs", "northshire-social-work"
AGENCY_OF = {"hillview-mis": SCHOOL, "police-vpd": POLICE, "police-custody": POLICE, "nhs-fhir": NHS}
TERMS = BreakGlassSettings(
    reasons={"risk-to-life": "A child may die or be badly hurt", "missing": "A child is missing"}, reviewers=("privacy_officer", "ig_lead")
)
LASTING = Lasting(bytes(range(32)), tuple(AGENCY_OF))
PAIR = ECKey.generate_key("P-256")
SEALER = Sealer(ECKey.import_key(PAIR.as_dict(private=False)))
PRIVATE = PAIR.as_dict(private=True)
ISSUER = "https://id.northshire.example"
WORDS = "She ran out of the building with a knife in her bag."

JO = Subject(identifiers=(Identifier("nhs_number", "999 000 0018"),), given_name="Jo", family_name="Ash", birth_date="2014-05-03")
SAM = Subject(identifiers=(Identifier("nhs_number", "999 000 0026"),), given_name="Sam", family_name="Dow", birth_date="2014-05-03")


def person(name: str, agency: str, *roles: str, ago: float | None = 60, sign_in: int = 1) -> Practitioner:
    """Somebody who signed in ``ago`` seconds before noon, for the ``sign_in``-th time."""
    known = ago is not None
    return Practitioner(
        issuer=ISSUER, person=name, agency=agency, roles=roles,
        signed_in=NOON - timedelta(seconds=ago) if ago is not None else None, session=f"{name}-{sign_in}".ljust(64, "0") if known else None,
    )  # fmt: skip


MORAG = person("morag", SCHOOL, "named_person")
HAMIDA = person("hamida", NHS, "health_visitor", "privacy_officer")
ISOBEL = person("isobel", POLICE, "ig_lead")


def question(subject: Subject = JO, reason: str = "risk-to-life", words: str = WORDS, broken: bool = True) -> Question:
    return Question(
        subject=subject, purpose="child-protection", reason=None, wanted={}, sections=frozenset(), chronology=False, demographics=False,
        document="0" * 64, break_glass=BreakGlass(reason, words) if broken else None,
    )  # fmt: skip


def decision(*sources: str, ordinarily: tuple[str, ...] = ()) -> Decision:
    """Sources opened by breaking the glass, and others that show something ordinarily."""
    opened = [Ruling(source=source, kind="PoliceEvent", permitted=True, clause="ISA-02 §4", broken=True) for source in sources]
    shown = [Ruling(source=source, kind="Attendance", permitted=True, clause="ISA-01 §1") for source in ordinarily]
    denied = Ruling(source="nhs-fhir", kind="HealthContact", permitted=False, reason="no-clause", broken=True)
    return Decision(at=NOON, rulings=(*opened, *shown, denied), agreements={}, place=False)


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


class Room:
    """One glass with its database and alerts, and a clock to turn."""

    def __init__(self, database: Database, state: Path, **changes: Any) -> None:
        self.clock, self.database, self.state = Clock(), database, state
        agencies = {id: Agency(name=id, phone="01632 960000") for id in (SCHOOL, POLICE, NHS, COUNCIL)}
        self.alerts = Alerts.open(database, AlertSettings(), agencies, state, self.clock)
        given: dict[str, Any] = {"sealer": SEALER, "terms": TERMS, "jurisdiction": "scotland", "lasting": LASTING}
        self.glass = Glass(database=database, alerts=self.alerts, agency_of=AGENCY_OF, clock=self.clock, **(given | changes))

    async def wanted(self, asked: Question, by: Practitioner = MORAG) -> Breaking | None:
        return await self.glass.wanted(asked, by, self.clock())

    async def refused(self, asked: Question, by: Practitioner = MORAG) -> str:
        with pytest.raises(RequestError) as caught:
            await self.wanted(asked, by)
        assert caught.value.refused, "the access log has to say so"
        assert caught.value.path == ("child", "breakGlass")
        assert caught.value.hint
        for said in (asked.break_glass and asked.break_glass.words, asked.subject.family_name, asked.subject.identifiers[0].value):
            assert not said or said not in f"{caught.value.message} {caught.value.hint}"
        return caught.value.id

    async def breaks(
        self, asked: Question | None = None, by: Practitioner = MORAG, *, opens: tuple[str, ...] = ("police-vpd",), minutes: int = 60,
        access: str = "01JD8Z0000000000000000000A",
    ) -> Breaking:  # fmt: skip
        """Ask, and go through with it, as the path does."""
        asked = asked or question()
        breaking = await self.wanted(asked, by)
        assert breaking
        ends = max(breaking.until, breaking.at + timedelta(minutes=minutes))
        breaking = msgspec.structs.replace(breaking, until=ends)
        await self.glass.broken(breaking, asked, by, decision(*opens), access)
        return breaking

    async def told(self) -> list[dict[str, Any]]:
        await self.alerts.deliver_due()
        return [json.loads(line) for line in (self.state / "alerts.jsonl").read_text("utf-8").splitlines()]

    async def count(self, table: Any) -> int:
        async with self.database.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


@pytest.fixture(params=BOTH)
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async with database(await fresh(request.param, starter(request)), tmp_path, breakglass.TABLES, alerting.TABLES) as opened:
        yield opened


@pytest.fixture
def room(opened: Database, tmp_path: Path) -> Room:
    return Room(opened, tmp_path)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Database]:
    """A database where it does not matter which."""
    async with database("sqlite:registry.db", tmp_path, breakglass.TABLES, alerting.TABLES) as opened:
        yield opened


# Who may


async def test_who_does_not_ask_for_it_breaks_nothing(room: Room) -> None:
    assert await room.wanted(question(broken=False)) is None
    assert await room.count(BREAKINGS) == 0


async def test_morag_who_has_just_signed_in_may_break_the_glass(room: Room) -> None:
    breaking = await room.wanted(question())
    assert breaking == Breaking(id=breaking.id if breaking else "", reason="risk-to-life", at=NOON, until=NOON)
    assert await room.count(BREAKINGS) == 0, "nothing is written until the agreements have said that it opens something"


@pytest.mark.parametrize(
    ("asked", "by", "refused"),
    [
        pytest.param(question(words=""), MORAG, "CV424", id="without-words"),
        pytest.param(question(words="emergency"), MORAG, "CV424", id="in-too-few-words"),
        pytest.param(question(words="  help   \n   me  "), MORAG, "CV424", id="in-spaces"),
        pytest.param(question(words="help me now"), MORAG, None, id="in-ten-characters"),
        pytest.param(question(reason="curious"), MORAG, "CV425", id="for-no-reason-of-the-federation"),
        pytest.param(question(reason=""), MORAG, "CV425", id="for-no-reason"),
        pytest.param(question(reason="missing"), MORAG, None, id="for-another-reason-of-the-federation"),
        pytest.param(question(), person("morag", SCHOOL, ago=None), "CV426", id="signed-in-nobody-knows-when"),
        pytest.param(question(), person("morag", SCHOOL, ago=301), "CV426", id="signed-in-five-minutes-and-a-second-ago"),
        pytest.param(question(), person("morag", SCHOOL, ago=300), None, id="signed-in-five-minutes-ago"),
        pytest.param(question(), person("morag", SCHOOL, ago=-20), None, id="signed-in-by-a-clock-that-is-ahead"),
    ],
)
async def test_the_glass_is_broken_in_words_for_a_listed_reason_by_somebody_who_is_there(
    kept: Database, tmp_path: Path, asked: Question, by: Practitioner, refused: str | None
) -> None:
    room = Room(kept, tmp_path)
    if refused:
        assert await room.refused(asked, by) == refused
    else:
        assert await room.wanted(asked, by)


@pytest.mark.parametrize(("changes", "operators"), [({"terms": None}, []), ({"sealer": None}, ["log.auditors_key"])])
async def test_where_it_is_not_set_up_the_glass_stays_whole(
    kept: Database, tmp_path: Path, changes: dict[str, Any], operators: list[str]
) -> None:
    with capture_logs() as logged:
        room = Room(kept, tmp_path, **changes)
    assert [line["setting"] for line in logged] == operators
    assert await room.refused(question()) == "CV424"
    assert await room.wanted(question(broken=False)) is None
    with pytest.raises(RequestError):
        await room.glass.broken(Breaking(id="x", reason="missing", at=NOON, until=NOON), question(), MORAG, decision(), "A")


def test_who_would_be_shown_nothing_more_is_told_so() -> None:
    error = opens_nothing()
    assert (error.id, error.status, error.refused, error.path) == ("CV427", 403, True, ("child", "breakGlass"))


# Once, for one child, for a while


async def test_while_it_is_broken_the_same_question_may_be_asked_again_however_long_ago_the_sign_in(room: Room) -> None:
    first = await room.breaks()
    room.clock.at += timedelta(minutes=59, seconds=59)
    assert await room.wanted(question(words="I need to look again.")) == first


async def test_a_reason_given_later_has_to_be_the_one_given_then(room: Room) -> None:
    """Whoever reviews it judges one reason; and another one may open other clauses."""
    first = await room.wanted(question(reason="missing"))
    assert first
    await room.breaks()
    assert await room.refused(question(reason="missing")) == "CV425"
    with pytest.raises(RequestError, match="CV425"):  # and one that was asked at the same moment
        await room.glass.broken(first, question(reason="missing"), MORAG, decision("police-vpd"), "B")
    assert await room.wanted(question(words="I need to look again."))
    assert await room.count(LATER_WORDS) == 0


async def test_the_words_of_every_question_are_kept_sealed(room: Room) -> None:
    breaking = await room.breaks()
    later = ("He has her phone now.", "Her aunt does not answer.")
    for access, words in zip("BC", later, strict=True):
        await room.breaks(question(words=words), access=access)
    async with room.database.read() as connection:
        rows = (await connection.execute(select(LATER_WORDS).order_by(LATER_WORDS.c.access))).all()
    assert [(row.breaking, row.access) for row in rows] == [(breaking.id, "B"), (breaking.id, "C")]
    assert not any(words in repr(rows) for words in later)
    assert [json.loads(unseal(PRIVATE, row.words)) for row in rows] == [
        {"of": row.id, "words": words} for row, words in zip(rows, later, strict=True)
    ]
    assert json.loads(unseal(PRIVATE, (await room.glass.reviews(POLICE))[0].words))["words"] == WORDS


async def test_the_glass_is_not_broken_for_the_numbers_of_two_children(room: Room) -> None:
    """Else each of them would be the same child afterwards."""
    both = Subject(identifiers=(*JO.identifiers, *SAM.identifiers), birth_date="2014")
    assert await room.refused(question(both)) == "CV430"
    twice = Subject(identifiers=(*JO.identifiers, Identifier("nhs_number", "9990000018")), family_name="Ash")
    await room.breaks(question(twice))
    assert await room.refused(question(both)) == "CV430"


async def test_no_other_childs_number_comes_in_beside_the_one_typed_at_first(room: Room) -> None:
    await room.breaks(question(Subject(identifiers=JO.identifiers, family_name="Ash")))
    sams = Subject(identifiers=(*JO.identifiers, Identifier("chi", "0305140018")), given_name="Sam", family_name="Ash")
    assert await room.refused(question(sams)) == "CV429"


async def test_when_its_time_is_over_the_same_sign_in_does_not_break_it_again(room: Room) -> None:
    await room.breaks(minutes=30)
    room.clock.at += timedelta(minutes=30)
    assert await room.refused(question()) == "CV428"
    late = person("morag", SCHOOL, "named_person", ago=-1790, sign_in=2)
    assert await room.wanted(question(), late), "a new sign-in may"


async def test_a_breaking_that_opened_for_no_time_is_over(room: Room) -> None:
    await room.breaks(minutes=0)
    assert await room.refused(question()) == "CV428"


async def test_for_another_child_she_signs_in_again(room: Room) -> None:
    await room.breaks()
    assert await room.refused(question(SAM)) == "CV429"
    assert await room.wanted(question(SAM), person("morag", SCHOOL, "named_person", sign_in=2))


async def test_somebody_elses_breaking_opens_nothing_for_hamida(room: Room) -> None:
    mine = await room.breaks()
    theirs = await room.wanted(question(), HAMIDA)
    assert theirs
    assert theirs.id != mine.id
    assert theirs.until == theirs.at, "it is not running"


async def test_the_same_person_at_another_agency_breaks_it_for_that_agency(room: Room) -> None:
    await room.breaks()
    assert await room.refused(question(), msgspec.structs.replace(MORAG, agency=NHS)) == "CV429"


async def test_a_second_question_that_opens_a_longer_clause_lasts_from_the_beginning(room: Room) -> None:
    await room.breaks(minutes=30)
    room.clock.at += timedelta(minutes=20)
    await room.breaks(minutes=60)
    room.clock.at = NOON + timedelta(minutes=59)
    again = await room.wanted(question())
    assert again
    assert (again.at, again.until) == (NOON, NOON + timedelta(minutes=60))
    shorter = msgspec.structs.replace(again, until=NOON + timedelta(minutes=10))
    await room.glass.broken(shorter, question(), MORAG, decision("police-vpd"), "B")
    assert await room.wanted(question()) == again, "and a shorter one takes nothing away"


def typed(number: str | None = None, system: str = "nhs_number", **more: str) -> Subject:
    return Subject(identifiers=(Identifier(system, number),) if number else (), **more)


A_NAME = {"given_name": "Jo", "family_name": "Ash", "birth_date": "2014-05-03"}


@pytest.mark.parametrize(
    ("then", "now", "same"),
    [
        pytest.param(JO, JO, True, id="the-same"),
        pytest.param(JO, typed("9990000018", family_name="ASH"), True, id="by-number"),
        pytest.param(JO, typed(**A_NAME), True, id="by-name-and-birth-date"),
        pytest.param(JO, typed(**A_NAME | {"given_name": "jó"}), True, id="an-accent-more"),
        pytest.param(typed(**A_NAME), JO, False, id="a-number-more"),
        pytest.param(JO, typed("9990000026", **A_NAME), False, id="another-number-of-that-system"),
        pytest.param(JO, typed("0305140018", "chi", **A_NAME), False, id="a-number-of-another-system"),
        pytest.param(JO, typed("0305140018", "chi", family_name="Ash"), False, id="nothing-in-common-but-half-a-name"),
        pytest.param(JO, typed(**A_NAME | {"given_name": "Sam"}), False, id="the-twin"),
        pytest.param(JO, typed("9990000018", **A_NAME | {"given_name": "Sam"}), False, id="the-number-with-the-twins-name"),
        pytest.param(JO, typed("9990000018", birth_date="2014-05-04"), False, id="the-number-with-another-birth-date"),
        pytest.param(JO, typed("9990000018", birth_date="2014"), True, id="the-number-with-a-year"),
        pytest.param(JO, typed("9990000018", family_name="Dow"), False, id="the-number-with-another-name"),
        pytest.param(typed("9990000018", birth_date="2014-05-03"), typed("9990000018", given_name="Jo", family_name="Ash"), True, id="parts-that-do-not-meet"),
        pytest.param(typed("HV-17", "hillview-mis", family_name="Ash"), typed("HV-17", "hillview-mis", family_name="Ash"), True, id="a-local-number"),
        pytest.param(typed("HV-17", "hillview-mis", family_name="Ash"), typed("HV-17", "police-vpd", family_name="Ash"), False, id="a-number-of-another-place"),
        pytest.param(typed("9990000018", family_name="Ash", birth_date="2014-05-03"), typed("0305140018", "chi", family_name="Ash", birth_date="2014-05-03"), False, id="what-twins-have-in-common"),
        pytest.param(Subject(), Subject(), False, id="nothing"),
    ],
)  # fmt: skip
def test_in_doubt_it_is_another_child(then: Subject, now: Subject, same: bool) -> None:
    assert same_child(whom(then, LASTING), whom(now, LASTING)) is same


# At the same moment


async def test_of_two_children_at_the_same_moment_one_sign_in_gets_one(room: Room) -> None:
    jo, sam = await room.wanted(question()), await room.wanted(question(SAM))
    assert jo
    assert sam
    until = NOON + timedelta(hours=1)

    async def go(breaking: Breaking, asked: Question, access: str) -> None:
        await room.glass.broken(msgspec.structs.replace(breaking, until=until), asked, MORAG, decision("police-vpd"), access)

    ended = await asyncio.gather(go(jo, question(), "A"), go(sam, question(SAM), "B"), return_exceptions=True)
    (lost,) = [each for each in ended if each is not None]
    assert isinstance(lost, RequestError)
    assert lost.id == "CV429"
    assert (await room.count(BREAKINGS), await room.count(REVIEWS), len(await room.told())) == (1, 1, 2)


async def test_ten_questions_about_one_child_at_the_same_moment_are_one_breaking(room: Room) -> None:
    asked = [await room.wanted(question()) for _ in range(10)]
    opens = ["police-vpd", "nhs-fhir"] * 5

    async def go(at: int) -> None:
        breaking = asked[at]
        assert breaking
        ends = msgspec.structs.replace(breaking, until=NOON + timedelta(minutes=60))
        await room.glass.broken(ends, question(), MORAG, decision(opens[at]), f"A{at}")

    await asyncio.gather(*(go(at) for at in range(10)))
    assert (await room.count(BREAKINGS), await room.count(REVIEWS)) == (1, 2)
    reviewing = [line["to"] for line in await room.told() if "review" in line]
    assert sorted(reviewing) == [NHS, POLICE]


# What is written and told


async def test_what_is_written_names_morag_and_not_the_child(room: Room) -> None:
    breaking = await room.breaks(question(SAM))
    everything = ""
    for table in ("breakings", "breakings_about", "reviews", "alerts"):
        async with room.database.read() as connection:
            everything += repr((await connection.execute(text(f"select * from {table}"))).all())
    assert f"{ISSUER}|morag" in everything
    for of_the_child in ("Sam", "Dow", "SAM", "9990000026", "2014", "knife"):
        assert of_the_child not in everything
    (review,) = await room.glass.reviews(POLICE)
    assert json.loads(unseal(PRIVATE, review.words)) == {"of": breaking.id, "words": WORDS}


async def test_each_agency_whose_records_are_opened_reviews_it_and_the_askers_is_told(room: Room) -> None:
    asked = question()
    breaking = await room.wanted(asked)
    assert breaking
    opens = decision("police-vpd", "police-custody", "nhs-fhir", ordinarily=("hillview-mis",))
    await room.glass.broken(msgspec.structs.replace(breaking, until=NOON + timedelta(hours=1)), asked, MORAG, opens, "01JD8Z")
    reviews = {agency: await room.glass.reviews(agency) for agency in (SCHOOL, POLICE, NHS, COUNCIL)}
    assert {agency: len(listed) for agency, listed in reviews.items()} == {SCHOOL: 0, POLICE: 1, NHS: 1, COUNCIL: 0}
    review = reviews[POLICE][0]
    assert (review.by, review.by_agency, review.reason, review.access) == (f"{ISSUER}|morag", SCHOOL, "risk-to-life", "01JD8Z")
    assert (review.at, review.until, review.due, review.outcome) == (NOON, NOON + timedelta(hours=1), date(2026, 11, 27), None)
    told = await room.told()
    assert sorted((line["to"], line.get("review"), line.get("due")) for line in told if "review" in line) == [
        (NHS, reviews[NHS][0].id, "2026-11-27"), (POLICE, review.id, "2026-11-27"),
    ]  # fmt: skip
    assert [line["to"] for line in told if "review" not in line] == [SCHOOL]
    for line in told:
        assert (line["kind"], line["access"], line["reason"], line["by_agency"]) == ("break-glass", "01JD8Z", "risk-to-life", SCHOOL)
        assert "morag" not in json.dumps(line).lower()


async def test_an_agency_that_opens_its_own_records_is_told_once_and_reviews(room: Room) -> None:
    await room.breaks(opens=("hillview-mis",))
    (told,) = await room.told()
    assert (told["to"], told["review"]) == (SCHOOL, (await room.glass.reviews(SCHOOL))[0].id)


async def test_asking_again_tells_nobody_again_unless_it_opens_another_agency(room: Room) -> None:
    await room.breaks()
    await room.breaks(access="B")
    assert len(await room.told()) == 2
    await room.breaks(opens=("police-vpd", "nhs-fhir"), access="C")
    told = await room.told()
    assert sorted(line["to"] for line in told if line["access"] == "C") == [SCHOOL, NHS]
    assert [(await room.glass.reviews(agency))[0].access for agency in (POLICE, NHS)] == ["01JD8Z0000000000000000000A", "C"]


async def test_when_it_cannot_be_told_it_is_not_broken(room: Room) -> None:
    breaking = await room.wanted(question())
    assert breaking
    async with room.database.begin() as connection:
        await connection.execute(text("alter table alerts rename to away"))
    with pytest.raises(StorageUnavailable):
        await room.glass.broken(breaking, question(), MORAG, decision("police-vpd"), "A")
    assert (await room.count(BREAKINGS), await room.count(REVIEWS)) == (0, 0)


# Reviews


@pytest.mark.parametrize(
    ("day", "days", "jurisdiction", "due"),
    [
        pytest.param("2026-11-23", 2, "scotland", "2026-11-25", id="monday"),
        pytest.param("2026-11-26", 2, "england", "2026-11-30", id="thursday-over-a-weekend"),
        pytest.param("2026-11-27", 2, "scotland", "2026-12-02", id="friday-before-st-andrews-day"),
        pytest.param("2026-11-27", 2, "wales", "2026-12-01", id="friday-where-that-is-a-day-like-any-other"),
        pytest.param("2026-11-28", 1, "england", "2026-11-30", id="saturday"),
        pytest.param("2026-12-24", 2, "england", "2026-12-30", id="christmas-on-a-friday"),
        pytest.param("2026-12-31", 2, "scotland", "2027-01-06", id="two-days-of-new-year-of-which-one-is-made-up-for"),
        pytest.param("2026-12-31", 2, "england", "2027-01-05", id="one-day-of-new-year"),
        pytest.param("2026-03-16", 2, "northern-ireland", "2026-03-19", id="st-patricks-day"),
        pytest.param("2026-04-02", 1, "scotland", "2026-04-06", id="easter-monday-in-scotland"),
        pytest.param("2026-04-02", 1, "england", "2026-04-07", id="easter-monday-in-england"),
    ],
)
def test_a_review_is_due_after_working_days_of_the_place(day: str, days: int, jurisdiction: Jurisdiction, due: str) -> None:
    assert working_days_after(date.fromisoformat(day), days, jurisdiction).isoformat() == due


async def test_the_day_is_the_local_day(kept: Database, tmp_path: Path) -> None:
    """Half past midnight on Tuesday in Scotland is still Monday in UTC."""
    room = Room(kept, tmp_path)
    room.clock.at = datetime(2026, 6, 22, 23, 30, tzinfo=UTC)
    late = person("morag", SCHOOL, "named_person", sign_in=3)
    await room.breaks(by=msgspec.structs.replace(late, signed_in=room.clock.at))
    assert (await room.glass.reviews(POLICE))[0].due == date(2026, 6, 25)


def closing(review: str, outcome: Any = "JUSTIFIED", words: str = "Rang her head teacher; it was right.") -> Closing:
    return Closing(review=review, outcome=outcome, words=words)


async def test_isobel_closes_what_morag_broke_at_her_agency(room: Room) -> None:
    await room.breaks()
    (review,) = await room.glass.reviews(POLICE)
    room.clock.at += timedelta(days=1)
    closed = await room.glass.close(closing(review.id), ISOBEL)
    assert closed == (await room.glass.reviews(POLICE))[0]
    assert (closed.closed_at, closed.closed_by, closed.outcome) == (room.clock.at, f"{ISSUER}|isobel", "JUSTIFIED")
    assert json.loads(unseal(PRIVATE, closed.closing or "")) == {"of": review.id, "words": "Rang her head teacher; it was right."}


@pytest.mark.parametrize(
    ("by", "refused"),
    [
        pytest.param(ISOBEL, None, id="isobel-of-the-police-who-reviews"),
        pytest.param(person("hugh", POLICE, "police_officer", "privacy_officer"), None, id="anybody-there-with-a-role-that-reviews"),
        pytest.param(person("lennox", POLICE, "police_officer"), "CV443", id="lennox-of-the-police-who-does-not"),
        pytest.param(HAMIDA, "CV443", id="hamida-who-reviews-elsewhere"),
        pytest.param(person("morag", SCHOOL, "ig_lead"), "CV443", id="the-askers-own-agency"),
        pytest.param(person("morag", POLICE, "ig_lead"), "CV444", id="morag-herself-had-she-changed-sides"),
    ],
)
async def test_only_the_sources_own_officer_closes_a_review_and_never_who_broke_the_glass(
    kept: Database, tmp_path: Path, by: Practitioner, refused: str | None
) -> None:
    room = Room(kept, tmp_path)
    await room.breaks()
    (review,) = await room.glass.reviews(POLICE)
    if refused is None:
        assert (await room.glass.close(closing(review.id), by)).closed_by == by.key
        return
    with pytest.raises(RequestError) as caught:
        await room.glass.close(closing(review.id), by)
    assert (caught.value.id, caught.value.status) == (refused, 403)
    assert (await room.glass.reviews(POLICE))[0].outcome is None


async def test_hamida_who_reviews_does_not_review_herself(room: Room) -> None:
    await room.breaks(by=HAMIDA, opens=("nhs-fhir",))
    (review,) = await room.glass.reviews(NHS)
    assert room.glass.may_review(HAMIDA)
    with pytest.raises(RequestError) as caught:
        await room.glass.close(closing(review.id), HAMIDA)
    assert caught.value.id == "CV444"


async def test_a_review_that_is_not_there_reads_like_one_of_another_agency(room: Room) -> None:
    await room.breaks()
    (review,) = await room.glass.reviews(POLICE)
    said = []
    for id in (review.id, "not-there"):
        with pytest.raises(RequestError) as caught:
            await room.glass.close(closing(id), HAMIDA)
        said.append((caught.value.id, caught.value.message, caught.value.hint))
    assert said[0] == said[1]


async def test_of_two_officers_at_the_same_moment_one_closes_it(room: Room) -> None:
    await room.breaks()
    (review,) = await room.glass.reviews(POLICE)
    hugh = person("hugh", POLICE, "ig_lead")
    ended = await asyncio.gather(
        room.glass.close(closing(review.id, "JUSTIFIED"), ISOBEL),
        room.glass.close(closing(review.id, "UNCLEAR"), hugh),
        return_exceptions=True,
    )
    (lost,) = [each for each in ended if isinstance(each, BaseException)]
    (closed,) = [each for each in ended if not isinstance(each, BaseException)]
    assert isinstance(lost, RequestError)
    assert lost.id == "CV445"
    assert (await room.glass.reviews(POLICE))[0] == closed


async def test_without_a_key_to_seal_with_or_rules_no_review_is_closed(room: Room) -> None:
    await room.breaks()
    (review,) = await room.glass.reviews(POLICE)
    with pytest.raises(PortalError) as unsealed:
        await Room(room.database, room.state, sealer=None).glass.close(closing(review.id), ISOBEL)
    with pytest.raises(PortalError) as unruled:
        await Room(room.database, room.state, terms=None).glass.close(closing(review.id), ISOBEL)
    assert (unsealed.value.id, unruled.value.id) == ("CV739", "CV443")
    assert not Room(room.database, room.state, terms=None).glass.may_review(ISOBEL)


async def test_open_reviews_stand_first_the_most_pressing_on_top(room: Room) -> None:
    for sign_in in (1, 2, 3):
        by = person("morag", SCHOOL, "named_person", sign_in=sign_in)
        await room.breaks(by=msgspec.structs.replace(by, signed_in=room.clock.at), access=f"A{sign_in}")
        room.clock.at += timedelta(days=1)
    first, second, third = await room.glass.reviews(POLICE)
    await room.glass.close(closing(first.id), ISOBEL)
    room.clock.at += timedelta(seconds=1)
    await room.glass.close(closing(second.id), ISOBEL)
    assert [review.access for review in await room.glass.reviews(POLICE)] == ["A3", "A2", "A1"]
    assert third.outcome is None


async def test_a_review_nobody_closed_in_time_is_told_to_both_agencies_once(room: Room) -> None:
    await room.breaks()
    (review,) = await room.glass.reviews(POLICE)
    before = len(await room.told())
    for at, told in (
        (datetime(2026, 11, 27, 23, 59, 59, tzinfo=UTC), 0),
        (datetime(2026, 11, 28, 0, 0, 0, tzinfo=UTC), 2),
        (datetime(2026, 12, 28, tzinfo=UTC), 2),
    ):
        room.clock.at = at
        await room.glass.overdue(at)
        late = (await room.told())[before:]
        assert len(late) == told
    assert sorted(line["to"] for line in late) == [SCHOOL, POLICE]
    assert {(line["kind"], line["review"], line["due"]) for line in late} == {("review-overdue", review.id, "2026-11-27")}


async def test_two_gateways_tell_of_an_overdue_review_once(room: Room) -> None:
    await room.breaks(by=HAMIDA, opens=("nhs-fhir", "police-vpd"))
    before = len(await room.told())
    late = NOON + timedelta(days=9)
    await asyncio.gather(*(room.glass.overdue(late) for _ in range(4)))
    assert sorted(line["to"] for line in (await room.told())[before:]) == [NHS, NHS, POLICE], "each side of each review, once"


async def test_a_review_that_was_closed_is_never_overdue(room: Room) -> None:
    await room.breaks()
    await room.glass.close(closing((await room.glass.reviews(POLICE))[0].id), ISOBEL)
    before = len(await room.told())
    await room.glass.overdue(NOON + timedelta(days=30))
    assert len(await room.told()) == before
