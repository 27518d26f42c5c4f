"""Whose word counts about a child's data, as tables: who spoke, when, what was found of their understanding; in Scotland and elsewhere."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.agreements.speaking import consent, objects
from portal.model import Entry, Jurisdiction, Responsibility, Understanding

TODAY = date(2026, 11, 22)
ELEVEN, TWELVE, FIFTEEN = "2014-11-23", "2014-11-22", "2011-05-05"
NOW = {1: "the words of clause 1", None: "the words of all clauses"}
ELSEWHERE: tuple[Jurisdiction, ...] = ("england", "wales", "northern-ireland")
YOUNG: Any = {"party": "YOUNG_PERSON"}


def found(understands: bool, on: date = date(2026, 11, 1)) -> Understanding:
    return Understanding(understands=understands, on=on, by="GP")


def said(
    state: Any = "given", party: Any = "MOTHER", on: date = date(2026, 11, 10), *, clause: int | None = 1, told: str | None = "", version: int = 1,
    finding: Understanding | None = None, responsibility: bool = True, what: Any = "consent",
) -> Entry:  # fmt: skip
    """What one party said of clause 1, told in the words of today; a parent with parental responsibility."""
    rests = Responsibility(rests_on="birth certificate", on=on) if responsibility and party != "YOUNG_PERSON" else None
    return Entry(
        id=f"{party}-{on}-{clause}", version=version, what=what, state=state, agreement="ISA-07", clause=clause, party=party,
        at=datetime(on.year, on.month, on.day, 12, tzinfo=UTC), told=NOW[clause] if told == "" else told, understanding=finding, responsibility=rests,
    )  # fmt: skip


def own(state: Any = "given", on: date = date(2026, 11, 10), **more: Any) -> Entry:
    return said(state, "YOUNG_PERSON", on, **more)


SCOTLAND = [
    # From the 12th birthday: presumed to understand, unless shown otherwise.
    pytest.param([own(on=TODAY)], (TWELVE,), "given@1", id="at-12-a-young-persons-own-yes-DPA-2018-s208"),
    pytest.param([own()], (TWELVE,), "not_sought", id="at-12-a-childs-earlier-yes-is-none-yet-DPA-2018-s208"),
    pytest.param([own(), said("refused")], (TWELVE,), "not_sought", id="at-12-a-childs-earlier-yes-does-not-beat-a-parents-no"),
    pytest.param([own("refused")], (TWELVE,), "refused@1", id="at-12-a-young-persons-own-no-DPA-2018-s208"),
    pytest.param([said()], (TWELVE,), "not_sought", id="at-12-a-parents-yes-alone-is-none-DPA-2018-s208"),
    pytest.param([own(on=TODAY), said("refused")], (TWELVE,), "given@1", id="at-12-a-parents-no-never-overrides-DPA-2018-s208"),
    pytest.param([own("refused"), said()], (TWELVE,), "refused@1", id="at-12-nor-a-parents-yes-DPA-2018-s208"),
    pytest.param([own("withdrawn", version=2), said()], (TWELVE,), "withdrawn@2", id="at-12-a-young-person-withdraws-UK-GDPR-art7-3"),
    # On the day before.
    pytest.param([own()], (ELEVEN,), "not_sought", id="at-11-a-childs-own-yes-needs-a-finding"),
    pytest.param([said()], (ELEVEN,), "given@1", id="at-11-a-parents-yes-Children-Scotland-Act-1995-s2"),
    pytest.param([own("refused"), said()], (ELEVEN,), "given@1", id="at-11-a-childs-no-without-a-finding"),
    pytest.param([own("refused", finding=found(True)), said()], (ELEVEN,), "refused@1", id="at-11-a-childs-no-with-a-finding-1991-Act-s2-4A"),
    pytest.param([own(finding=found(True))], (ELEVEN,), "given@1", id="at-11-a-childs-yes-with-a-finding-1991-Act-s2-4A"),
    # Found not to understand.
    pytest.param([own(finding=found(False)), said()], (FIFTEEN,), "given@1", id="found-not-to-understand-so-a-parent-speaks-DPA-2018-s208"),
    pytest.param([own("refused", finding=found(False)), said()], (FIFTEEN,), "given@1", id="found-not-to-understand-what-was-refused"),
    pytest.param([own(finding=found(False))], (FIFTEEN,), "not_sought", id="found-not-to-understand-and-nobody-else-asked"),
    pytest.param(
        [own("refused", date(2026, 11, 10)), own(on=date(2026, 10, 1), clause=None, finding=found(False, date(2026, 10, 1)))],
        (FIFTEEN,), "refused@1", id="spoke-again-since-the-finding",
    ),
    pytest.param(
        [own("refused", date(2026, 10, 1)), own(on=date(2026, 11, 10), clause=None, finding=found(False, date(2026, 11, 10))), said()],
        (FIFTEEN,), "given@1", id="found-not-to-understand-since-they-spoke",
    ),
    # The age is not known, or known in part: it must be a yes whatever it is.
    pytest.param([said()], (), "not_sought", id="no-birth-date-a-parents-yes-may-not-count"),
    pytest.param([own()], (), "not_sought", id="no-birth-date-a-young-persons-yes-may-not-count"),
    pytest.param([own(), said()], (), "given@1", id="no-birth-date-both-say-yes"),
    pytest.param([own(), said()], ("2014",), "given@1", id="eleven-or-twelve-both-say-yes"),
    pytest.param([own(), said("refused")], ("2014",), "refused@1", id="eleven-or-twelve-the-parent-says-no"),
    pytest.param([own()], ("2014",), "not_sought", id="eleven-or-twelve-the-young-person-alone"),
    pytest.param([said()], ("2015",), "given@1", id="a-year-in-which-nobody-is-twelve"),
]  # fmt: skip


@pytest.mark.parametrize(("entries", "births", "state"), SCOTLAND)
def test_in_scotland_a_young_person_speaks_from_the_twelfth_birthday(entries: list[Entry], births: tuple[str, ...], state: str) -> None:
    assert consent(entries, NOW, births, TODAY, "scotland") == state


GILLICK = [
    pytest.param([own()], "not_sought", id="no-age-decides-Gillick-1986-AC-112"),
    pytest.param([own(), said()], "given@1", id="so-a-parent-speaks-Children-Act-1989-s3"),
    pytest.param([own("refused"), said()], "given@1", id="over-a-no-without-a-finding"),
    pytest.param([own(finding=found(True))], "given@1", id="found-to-understand-Gillick-1986-AC-112"),
    pytest.param([own("refused", finding=found(True)), said()], "refused@1", id="a-parent-does-not-override-one-who-understands-Gillick"),
    pytest.param([own(finding=found(True)), said("refused")], "given@1", id="nor-refuse-for-them-Gillick"),
    pytest.param([own(finding=found(False)), said()], "given@1", id="found-not-to-understand"),
]


@pytest.mark.parametrize("jurisdiction", ELSEWHERE)
@pytest.mark.parametrize(
    "births", [(ELEVEN,), (TWELVE,), ("2009-01-01",), ("2014",), ()], ids=["11", "12", "17", "partly-known", "unknown"]
)
@pytest.mark.parametrize(("entries", "state"), GILLICK)
def test_elsewhere_understanding_is_a_recorded_finding_and_never_an_age(
    entries: list[Entry], state: str, births: tuple[str, ...], jurisdiction: Jurisdiction
) -> None:
    assert consent(entries, NOW, births, TODAY, jurisdiction) == state


EARLIER, LATER = date(2026, 11, 1), date(2026, 11, 20)
PARENTS = [
    pytest.param([said(), said(party="FATHER")], "given@1", id="both-say-yes"),
    pytest.param([said(), said("refused", "FATHER", version=3)], "refused@3", id="one-no-weighs-more-than-one-yes"),
    pytest.param([said("refused", on=EARLIER), said(on=LATER, clause=None)], "given@1", id="of-one-party-the-last-word-counts"),
    pytest.param([said(on=EARLIER, clause=None), said("withdrawn", on=LATER, version=2)], "withdrawn@2", id="withdrawn-of-the-clause-after-all"),
    pytest.param([said(responsibility=False)], "not_sought", id="a-yes-without-parental-responsibility-is-none"),
    pytest.param([said("refused", responsibility=False), said(party="FATHER")], "refused@1", id="a-no-counts-of-whomever"),
    pytest.param([said(told="the words of last year")], "not_sought", id="a-yes-to-other-words-is-none-UK-GDPR-art4-11"),
    pytest.param([said(told=None)], "not_sought", id="a-yes-to-no-words-is-none"),
    pytest.param([said(told=NOW[None])], "not_sought", id="the-words-of-all-are-not-those-of-the-clause"),
    pytest.param([said(clause=None)], "given@1", id="of-the-whole-agreement"),
    pytest.param([said("refused", told="the words of last year")], "refused@1", id="a-no-counts-in-whatever-words"),
    pytest.param([said("refused", "OTHER"), said()], "refused@1", id="somebody-else-says-no"),
    pytest.param([], "not_sought", id="nobody-was-asked"),
    pytest.param([said("raised", what="objection")], "not_sought", id="an-objection-is-no-consent"),
]  # fmt: skip


@pytest.mark.parametrize("jurisdiction", ["scotland", *ELSEWHERE])
@pytest.mark.parametrize(("entries", "state"), PARENTS)
def test_of_those_who_speak_for_a_child_a_no_weighs_more_than_a_yes(entries: list[Entry], state: str, jurisdiction: Jurisdiction) -> None:
    for order in itertools.permutations(entries):
        assert consent(order, NOW, (ELEVEN,), TODAY, jurisdiction) == state


def objection(state: str = "raised", party: Any = "MOTHER", **more: Any) -> Entry:
    return said(state, party, what="objection", **more)


OBJECTIONS = [
    pytest.param([objection()], (ELEVEN,), True, id="at-11-a-parent-objects-UK-GDPR-art21"),
    pytest.param([objection()], (TWELVE,), False, id="at-12-a-parents-objection-does-not-count-DPA-2018-s208"),
    pytest.param([objection(**YOUNG)], (TWELVE,), True, id="at-12-the-young-person-objects-DPA-2018-s208"),
    pytest.param([objection(**YOUNG)], (ELEVEN,), False, id="at-11-without-a-finding"),
    pytest.param([objection(**YOUNG, finding=found(True))], (ELEVEN,), True, id="at-11-with-a-finding"),
    pytest.param([objection("withdrawn", **YOUNG)], (TWELVE,), False, id="withdrawn"),
    pytest.param([objection("withdrawn"), objection(party="FATHER")], (ELEVEN,), True, id="one-parent-withdraws-the-other-does-not"),
    pytest.param([objection(on=EARLIER), objection("withdrawn", on=LATER, clause=None)], (ELEVEN,), False, id="of-one-party-the-last-word-counts"),
    pytest.param([objection()], (), True, id="no-birth-date-whoever-may-speak-is-heard"),
    pytest.param([objection(**YOUNG)], (), True, id="no-birth-date-the-young-person-too"),
    pytest.param([said("refused")], (ELEVEN,), False, id="a-refusal-of-consent-is-no-objection"),
]  # fmt: skip


@pytest.mark.parametrize(("entries", "births", "stands"), OBJECTIONS)
def test_an_objection_stands_of_whoever_may_speak_at_any_age_that_may_be_theirs(
    entries: list[Entry], births: tuple[str, ...], stands: bool
) -> None:
    assert objects(entries, births, TODAY, "scotland") is stands


@pytest.mark.parametrize("off", [timedelta(seconds=-1), timedelta(0), timedelta(seconds=1)])
def test_whether_somebody_spoke_after_a_finding_goes_by_local_days(off: timedelta) -> None:
    finding = own(on=date(2026, 6, 1), clause=None, finding=found(False, date(2026, 7, 1)))
    midnight = datetime(2026, 7, 1, 23, tzinfo=UTC)  # 00:00 on 2 July in London
    spoke = Entry(
        id="e", version=1, what="consent", state="given", agreement="ISA-07", clause=1, party="YOUNG_PERSON", at=midnight + off, told=NOW[1]
    )
    since = off >= timedelta(0)
    assert consent([finding, spoke], NOW, (FIFTEEN,), TODAY, "scotland") == ("given@1" if since else "not_sought")


entries = st.builds(
    said, st.sampled_from(["given", "refused", "withdrawn"]), st.sampled_from(["YOUNG_PERSON", "MOTHER", "FATHER"]), st.sampled_from([EARLIER, LATER]),
    clause=st.sampled_from([1, None]), finding=st.none(), responsibility=st.booleans(),
)  # fmt: skip


@given(said_before=st.lists(entries, max_size=4), births=st.sampled_from([(ELEVEN,), (TWELVE,), ("2014",), ()]), jurisdiction=st.sampled_from(["scotland", "england"]))  # fmt: skip
def test_a_no_said_last_by_whoever_may_speak_is_a_no(said_before: list[Entry], births: tuple[str, ...], jurisdiction: Jurisdiction) -> None:
    everybody = [said("withdrawn", party, TODAY) for party in ("YOUNG_PERSON", "MOTHER", "FATHER")]
    assert not consent([*said_before, *everybody], NOW, births, TODAY, jurisdiction).startswith("given")
