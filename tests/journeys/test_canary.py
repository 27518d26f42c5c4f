"""Whatever is asked and whatever fails, nothing that agencies hold about a child is kept, printed or said in an error.

Every free-valued field of every record and person is a marker that stands nowhere else. The program is served as an operator serves it,
asked everything, told everything that can be written down, failed at in every way, stopped in the middle, and then everything it wrote
or sent is searched.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from joserfc.jwk import ECKey

from connectors.standard import Standard, load_standard
from portal import logcheck
from portal.sealing import unseal
from tests.connectors.servers import Postgres, postgres
from tests.journeys import canary_doors as doors
from tests.journeys.canary import Markers, Where, files, leaks
from tests.journeys.canary_agreements import COUNCIL, HEALTH, POLICE, SCHOOL_AGENCY
from tests.journeys.canary_campaign import UNRECOGNISED, run
from tests.journeys.canary_federation import CHARITY, DESK, GOOD, HOSPITAL, RECORDS, SCHOOL, tells_place
from tests.journeys.canary_program import ASKERS, ENTITLED, Campaign, Reply

__all__ = ["postgres"]

SHIELDED = {"marked": "LOCATION", "ordered": "LOCATION", "late": "LOCATION", "hidden": "IDENTITY"}
#: What is shown of the kinds that stand among the demographics, some of it at least.
WHO = {"PersonDetails": {"givenName", "formerNames", "birthDate", "languages", "postcode", "phones", "gpPractice"}, "Identifier": {"value"}}
#: What the local sources are called, in any case: their name, agency, contact, note and agreement all hold it.
LOCAL_NAMES = (b"zqhillsidek", b"zqharbourlw")


@pytest.fixture(scope="session")
def standard() -> Standard:
    return load_standard()


@pytest_asyncio.fixture(scope="session")
async def campaign(tmp_path_factory: pytest.TempPathFactory, standard: Standard, postgres: Postgres) -> Campaign:
    return await run(tmp_path_factory.mktemp("canary"), standard, postgres)


def shown(campaign: Campaign) -> list[Reply]:
    return [reply for reply in campaign.replies if reply.view is not None]


def fullest(campaign: Campaign, who: str, child: str) -> Reply:
    """The view of one child that showed the most to one asker who typed all of it."""
    return max(
        (reply for reply in shown(campaign) if (reply.who, reply.child, reply.how) == (who, child, "all of it")),
        key=lambda reply: len(reply.raw),
    )


def test_nothing_about_a_child_is_kept_or_printed(campaign: Campaign) -> None:
    program = campaign.program
    searched = [*files(program.state, program.copied, program.printed, program.elsewhere, program.told)]
    found = {path.name for path in searched if path.stat().st_size or path.name.startswith("stdout")}

    assert {"access.db", "access.db-wal", "registry.db", "registry.db-wal", "alerts.jsonl", "stderr-1", "stdout-1", "stderr-2"} <= found
    assert leaks(campaign.markers, searched) == []


def test_no_error_and_no_header_says_what_was_typed_or_held(campaign: Campaign) -> None:
    said = [f"{reply.how}: {each}" for reply in campaign.replies for each in sorted(campaign.markers.sightings(reply.errors))]

    assert said == []


def test_what_is_typed_in_words_is_kept_sealed_and_the_auditors_alone_can_read_it(campaign: Campaign) -> None:
    sealed = _sealed(campaign)
    opened = [campaign.markers.read(unseal(campaign.auditors, each).encode()).values() for each in sealed]
    others = ECKey.generate_key("P-256").as_dict(private=True)

    typed = {"evidence", "words", "who found so", "what it rests on", "why not", "glass", "closing", "wrong child"}
    assert typed <= {where.what for markers in opened for where in markers}
    assert all(opened), "in every seal stands something that somebody has typed"
    for each in (others, dict(campaign.auditors) | {"d": others["d"]}):
        with pytest.raises(ValueError, match="does not open"):
            unseal(each, sealed[0])


def _sealed(campaign: Campaign) -> list[str]:
    """Every sealed text of the registry as it was before the portal was told to end."""
    columns = (("said", "sealed"), ("not_shared", "sealed"), ("breakings", "words"), ("breakings_words", "words"), ("reviews", "closing"), ("doubts", "words"),
               ("doubts_closings", "words"))  # fmt: skip
    with closing(sqlite3.connect(f"file:{campaign.program.copied / '1' / 'registry.db'}?mode=ro", uri=True)) as database:
        found = [[text for (text,) in database.execute(f"select {column} from {table}") if text] for table, column in columns]
    assert all(found)
    return [text for texts in found for text in texts]


def test_no_answer_about_a_child_may_be_kept_on_the_way(campaign: Campaign) -> None:
    """Nor one to something that was written down, or refused."""
    answers = [reply for reply in campaign.replies if reply.how not in ("no HTTP", "an address")]
    written = [reply for reply in answers if "record" in reply.raw.decode() and reply.status == 200]

    assert len(written) > 20
    assert [reply.how for reply in answers if "no-store" not in reply.headers] == []


def test_what_a_view_says_of_sources_tells_nothing_of_the_child(campaign: Campaign) -> None:
    """Least of all when they fail: their own words are not passed on."""
    said = [f"{reply.how}: {each}" for reply in shown(campaign) for each in sorted(campaign.markers.sightings(reply.words))]

    assert said == []


def test_a_view_holds_of_a_child_only_what_the_clause_gives_the_asker(campaign: Campaign, standard: Standard) -> None:
    beyond = [
        f"{reply.who} asked about {reply.child} by {reply.how} and was shown {marker}: {where}"
        for reply in shown(campaign)
        if not reply.how.startswith("failing") and not _out_of_reach(reply)
        for marker, where in campaign.markers.read(reply.besides).items()
        if where.child != reply.child or not reply.may_see(where, SHIELDED, standard)
    ]

    assert beyond == []


def test_those_who_may_be_the_child_are_shown_by_nothing_but_what_was_typed(campaign: Campaign) -> None:
    said = [(reply, campaign.markers.read(reply.candidates)) for reply in shown(campaign)]
    beyond = [
        f"{reply.who}, {reply.child}, {reply.how}: {sorted(told.keys() - campaign.markers.read(reply.sent).keys())}" for reply, told in said
    ]

    assert sum(bool(told) for _, told in said) > 5
    assert [reply.status for reply in campaign.replies if reply.how.startswith("a choice")] == [200, 409]
    assert [each for each in beyond if not each.endswith("[]")] == []


def test_the_place_of_a_shielded_child_is_released_to_nobody_who_is_not_cleared(campaign: Campaign, standard: Standard) -> None:
    views = [reply for reply in shown(campaign) if reply.child in SHIELDED and reply.child not in ENTITLED[reply.who].cleared]
    places = [
        f"{reply.who}, {reply.child}, {reply.how}: {marker} {where}"
        for reply in views
        for marker, where in campaign.markers.read(reply.raw).items()
        if tells_place(where, standard)
    ]
    # A child under an identity shield is answered like one nobody knows, in whose view local sources are named.
    located = [reply for reply in views if SHIELDED[reply.child] == "LOCATION"]
    named = [f"{reply.who}, {reply.child}, {reply.how}: {name!r}" for reply in located for name in LOCAL_NAMES if name in reply.raw.lower()]

    assert len(located) > 20
    assert places + named == []


def test_a_child_under_an_identity_shield_is_not_there(campaign: Campaign) -> None:
    views = [reply for reply in shown(campaign) if reply.child == "hidden" and reply.who != "ewan" and not _out_of_reach(reply)]
    seen = {f"{reply.who}, {reply.how}: {marker}" for reply in views for marker in campaign.markers.read(reply.raw)}

    assert len(views) > 6
    assert seen == set()


def _out_of_reach(reply: Reply) -> bool:
    """A hidden child, asked about by what the owner of the shield cannot search by: no portal can wait for a word that cannot come."""
    return reply.child == "hidden" and reply.how in UNRECOGNISED


def test_places_are_there_to_be_seen_by_whoever_may_see_them(campaign: Campaign, standard: Standard) -> None:
    """Or the search for places would prove nothing: every source has shown them, of the open child, and of the marked one to the cleared."""
    for who, child in (("morag", "open"), ("ewan", "marked")):
        whole = fullest(campaign, who, child)
        placed = {where.source for where in campaign.markers.read(whole.raw).values() if tells_place(where, standard)}
        assert placed == set(GOOD)
        assert all(name in whole.raw.lower() for name in LOCAL_NAMES)


def test_every_kind_of_every_reader_has_been_shown_and_every_field_that_may_be(campaign: Campaign, standard: Standard) -> None:
    whole = fullest(campaign, "morag", "open")
    seen = set(campaign.markers.read(whole.raw).values())
    due = {
        where
        for where in campaign.markers.standing("open")
        if ENTITLED["morag"].may_see(where, {}, standard) and (standard.kinds[where.kind].section or where.field in WHO[where.kind])
    }

    assert {(where.source, where.kind) for where in seen} == {(source, kind) for source in GOOD for kind in standard.kinds}
    assert due - seen == set()


def test_every_clause_that_rests_on_something_has_shown_what_it_may(campaign: Campaign) -> None:
    """Consent, relationship, history and broken glass open what they should, or that nothing comes by them would prove nothing."""
    by_how = {reply.how: {where.source for where in campaign.markers.read(reply.raw).values()} for reply in shown(campaign)}

    assert by_how["help, everything"] == by_how["glass, everything"] == by_how["glass, again"] == set(GOOD)
    assert by_how["help, nobody asked"] == by_how["help, withdrawn meanwhile"] == {RECORDS, SCHOOL, DESK}
    assert by_how["help, objected"] == by_how["help, family not told"] == {HOSPITAL, CHARITY, DESK}
    assert by_how["help, objected meanwhile"] == {RECORDS, SCHOOL, DESK}
    assert by_how["help, the registry is gone"] == {DESK}
    nothing = ("help, stopped", "help, stopped meanwhile", "help, unknown", "glass, not broken")
    assert [how for how in nothing if by_how[how]] == []


def test_officers_were_told_by_file_webhook_and_mail_and_of_nobody(campaign: Campaign) -> None:
    told = [json.loads(line) for line in (campaign.program.state / "alerts.jsonl").read_text("utf-8").splitlines()]

    assert {"break-glass", "declared", "shown", "agreement-refused", "wrong-child", "places"} <= {alert["kind"] for alert in told}
    assert set(campaign.officers.taken) == {COUNCIL, POLICE, *(f"privacy@{agency}.example" for agency in (HEALTH, SCHOOL_AGENCY))}
    assert all(taken > 1 for taken in campaign.officers.taken.values())
    assert not any(who in line for who in ASKERS for line in map(json.dumps, told))


def test_the_campaign_reached_every_door_and_every_refusal(campaign: Campaign) -> None:
    codes = {code for reply in campaign.replies for code in reply.codes}
    states = {state for reply in campaign.replies for state in reply.states.values()}
    failing = {source: {reply.states[source] for reply in campaign.replies if source in reply.states} for source in doors_that_fail()}

    assert {"CV400", "CV401", "CV403", "CV405", "CV406", "CV410", "CV411", "CV412", "CV413", "CV414", "CV415", "CV416", "CV417"} <= codes
    assert {"CV418", "CV419", "CV420", "CV421", "CV422", "CV608", "CV701", "CV811"} <= codes
    assert "CV901" not in codes
    assert {"CV424", "CV425", "CV426", "CV427", "CV428", "CV429"} <= codes
    assert {f"CV{number}" for number in range(431, 451) if number != 436} <= codes
    assert "CV607" in codes
    assert {"ANSWERED", "PARTIAL", "NOTHING_TO_SHOW", "AMBIGUOUS", "TOO_MANY", "NOT_PERMITTED", "NOT_ASKED", "CONSENT_NEEDED"} <= states
    assert failing["canary-faulty"] >= {"FAILED", "UNAVAILABLE", "REFUSED", "TIMED_OUT", "PARTIAL"}
    assert all("FAILED" in states for states in failing.values())
    assert campaign.faulty.said >= len(doors.rest_failures()) - 1
    assert campaign.faulty_fhir.said >= len(doors.fhir_failures())
    assert {reply.who for reply in shown(campaign)} == set(ASKERS)


def doors_that_fail() -> tuple[str, ...]:
    # While the council's shields are out of reach no local source is named.
    return ("canary-faulty", "canary-faulty-fhir", "canary-raw", "canary-plugin", "canary-records", "school", "support-service")


def test_the_portal_ended_when_it_was_told_to_and_its_log_is_whole(campaign: Campaign) -> None:
    report = logcheck.check(campaign.program.state / "access.db")

    assert campaign.ends[1] == -9
    assert campaign.ends[0] in (0, -15)
    assert report.problems == []


@pytest.mark.parametrize(
    "disguise",
    [
        str.encode,
        lambda text: text.upper().encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode("utf-32"),
        lambda text: base64.b64encode(b"=" + text.encode()),
        lambda text: base64.urlsafe_b64encode(b"{" + text.encode() + b"}"),
        lambda text: text.encode().hex().encode(),
        lambda text: text.encode().hex().upper().encode(),
        lambda text: "".join(f"%{ord(each):02x}" for each in text).encode(),
        lambda text: "".join(f"\\u{ord(each):04x}" for each in text).encode(),
        lambda text: text[::-1].encode(),
    ],
)
@pytest.mark.parametrize("what", ["text", "number", "day"])
def test_the_search_finds_a_marker_that_was_planted(tmp_path: Path, disguise: Callable[[str], bytes], what: str) -> None:
    markers = Markers(seed=1)
    where = Where("a child", what)
    made = {"text": markers.text, "number": lambda where: str(markers.number(where)), "day": lambda where: markers.day("born", where)}
    planted = made[what](where)
    (tmp_path / "innocent").write_bytes(b'{"at":"2026-11-22T10:42:07.123Z","digest":"' + b"0123456789abcdef" * 4 + b'"}\n')
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "access.db-wal").write_bytes(bytes(range(256)) + disguise(planted) + bytes(range(255, -1, -1)))

    found = leaks(markers, files(tmp_path))

    assert found
    assert {line.partition(": ")[0] for line in found} == {str(tmp_path / "state" / "access.db-wal")}


def test_a_digest_that_a_page_has_cut_is_no_sighting_and_the_same_digits_elsewhere_are_one(tmp_path: Path) -> None:
    """21920625 reads as a day of a canary's time; here it stands in the nonce of an event."""
    markers, nonce = Markers(seed=1), "9b0c1733a21920625e35e50f26ea77d1"
    half = nonce[5:28]
    with closing(sqlite3.connect(tmp_path / "access.db")) as database:
        database.execute("create table events (body text)")
        database.execute("insert into events values (?)", (f'{{"nonce":"{nonce}"}}',))
        database.commit()
    for cut in (nonce[:26], nonce[6:], f"1{nonce[6:]}"):
        (tmp_path / "access.db-wal").write_bytes(b'"nonce":"' + cut.encode() + b"\0\0\x07,\x81")
        assert leaks(markers, files(tmp_path)) == []
    for leaked in ("21920625", f"{half}", "born 21920625 and more"):
        (tmp_path / "access.db-wal").write_bytes(b'"nonce":"' + leaked.encode() + b"\0\0\x07,\x81")
        assert leaks(markers, files(tmp_path)), leaked


def test_half_a_name_is_a_leak_too(tmp_path: Path) -> None:
    markers = Markers(seed=1)
    (tmp_path / "log").write_text(f"Ash-{markers.text(Where('a child', 'name'))[:9]}…", "utf-8")

    assert leaks(markers, files(tmp_path))


def test_the_search_finds_a_marker_in_a_files_name_a_number_in_groups_and_another_spelling_of_a_day(tmp_path: Path) -> None:
    markers = Markers(seed=2)
    where = Where("a child", "detail")
    number, day, text = str(markers.number(where)), markers.day("born", where), markers.text(where)
    year, month, dom = day.split("-")
    for content in (
        f"{number[:3]} {number[3:6]} {number[6:]}",
        f"{dom}/{month}/{year}",
        f"{year}{month}{dom}",
        f"{year}-{month}",
        f'"{year}"',
    ):
        (tmp_path / "log").write_text(f"x={content}.")
        assert leaks(markers, files(tmp_path)), content
    (tmp_path / "log").rename(tmp_path / text)
    (tmp_path / text).write_text("")
    assert leaks(markers, files(tmp_path))
