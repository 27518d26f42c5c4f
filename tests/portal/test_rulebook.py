"""Agreements while the portal runs: read again when a file changes, whole or not at all, and nothing forgotten that the log remembers."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors import Identifier, Person, Subject
from connectors.errors import ConfigurationError
from portal.accesslog import AccessLog
from portal.agreements import Vocabulary, load_agreements
from portal.agreements.suspending import lift, suspend
from portal.agreements.suspensions import suspension_file
from portal.alerts import Alert
from portal.decisions import decide
from portal.model import Entry, Found
from portal.rulebook import Rulebook, births
from portal.storage import StorageUnavailable
from tests.portal.accesslog_cases import SETTINGS
from tests.portal.agreement_cases import KEYS, clause, encoded, page, plan, practitioner, sign, vocabulary, write
from tests.portal.entrance import events as logged

POLICE, SCHOOL, NHS = "northshire-police", "hillview-school", "northshire-nhs"
CONCERN = (POLICE, "WellbeingConcern", ("summary", "occurredOn"))
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class Kept:
    """A registry and an outbox that say what they were asked."""

    entries: tuple[Entry, ...] = ()
    revision: int = 0
    silent: bool = False
    asked: list[list[Identifier]] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    busy: bool = False

    async def concerning(self, identifiers: Collection[Identifier]) -> tuple[Entry, ...]:
        self.asked.append(list(identifiers))
        if self.silent:
            raise StorageUnavailable("test")
        return self.entries

    async def add(self, alerts: Iterable[Alert]) -> None:
        if self.busy:
            raise StorageUnavailable("test")
        self.alerts += list(alerts)


@asynccontextmanager
async def opened(
    folder: Path, state: Path, kept: Kept | None = None, words: Vocabulary | None = None, first: dict[str, str] | None = None,
    clock: Any = None,
) -> AsyncIterator[Rulebook]:  # fmt: skip
    """A portal's rules over a folder, with an access log that remembers."""
    words, kept, now = words or vocabulary(), kept or Kept(), clock or (lambda: NOON)
    log = await AccessLog.open(SETTINGS, "northshire/1", state, now)
    try:
        keys = (first or dict.fromkeys(words.agencies, "2026"), "federation.toml")
        yield await Rulebook.open(folder, load_agreements(folder, words), keys, log, kept, kept, now)
    finally:
        await log.close()


def signed_page(folder: Path, text: str, name: str = "isa-07", words: Vocabulary | None = None) -> Path:
    path = write(folder, text, name)
    sign(path, words)
    return path


def permitted(book: Rulebook) -> bool:
    return decide(plan(CONCERN), practitioner(), book.rules, NOON).rulings[0].permitted


def refused(book: Rulebook) -> str | None:
    return decide(plan(CONCERN), practitioner(), book.rules, NOON).rulings[0].reason


@asynccontextmanager
async def looking(book: Rulebook) -> AsyncIterator[asyncio.Task[None]]:
    """The portal looks by itself meanwhile."""
    task = asyncio.create_task(book.run())
    try:
        yield task
    finally:
        task.cancel()


async def until(done: Callable[[], bool], seconds: float = 2.0) -> None:
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.01)


def changes(state: Path) -> list[tuple[str, str, str]]:
    return [(event["what"], event["id"], event["version"]) for event in logged(state) if event["type"] == "change"]


async def stop(folder: Path, partner: str = SCHOOL, **part: Any) -> None:
    await asyncio.to_thread(
        suspend, folder, vocabulary(), agreement="ISA-07", partner=partner, key_id="2026", private_key=KEYS[partner], words="A leak.", at=NOON, **part
    )  # fmt: skip


async def go_on(folder: Path, number: int = 1, partner: str = SCHOOL) -> None:
    await asyncio.to_thread(
        lift, folder, vocabulary(), agreement="ISA-07", number=number, partner=partner, key_id="2026", private_key=KEYS[partner], words="Mended.",
        at=NOON + timedelta(minutes=1),
    )  # fmt: skip


async def test_what_is_loaded_and_whose_keys_are_trusted_stands_in_the_log_first(tmp_path: Path) -> None:
    signed_page(tmp_path / "agreements", page())
    async with opened(tmp_path / "agreements", tmp_path / "state"):
        assert changes(tmp_path / "state") == [
            ("key", SCHOOL, "2026"), ("key", NHS, "2026"), ("key", POLICE, "2026"), ("agreement-loaded", "ISA-07", "3"),
        ]  # fmt: skip
    async with opened(tmp_path / "agreements", tmp_path / "state"):
        assert changes(tmp_path / "state")[4:] == [("agreement-loaded", "ISA-07", "3")], "a key is written down when it is first seen"


async def test_a_new_version_comes_into_force_without_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "agreements"
    signed_page(folder, page(clause(roles='["duty_officer"]')))
    async with opened(folder, tmp_path / "state") as book:
        before = book.revision
        assert refused(book) == "role"
        signed_page(folder, page(version='"4"'))
        await book.refresh()
        assert permitted(book)
        assert book.revision > before
        assert changes(tmp_path / "state")[-1] == ("agreement-loaded", "ISA-07", "4")


async def test_the_portal_looks_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / "agreements"
    signed_page(folder, page())
    async with opened(folder, tmp_path / "state") as book:
        looking = asyncio.create_task(book.run())
        try:
            await stop(folder)
            async with asyncio.timeout(5):
                while permitted(book):
                    await asyncio.sleep(0.01)
        finally:
            looking.cancel()


@pytest.mark.parametrize(
    "break_it",
    [
        pytest.param(lambda path: path.write_bytes(path.read_bytes() + b"\n<!-- hidden -->\n"), id="something-hidden"),
        pytest.param(lambda path: path.write_text(path.read_text().replace("summary", "summaries")), id="an-unknown-field"),
        pytest.param(lambda path: path.write_text(path.read_text().replace("T3", "T4")), id="a-raised-ceiling-nobody-signed"),
        pytest.param(lambda path: path.unlink(), id="taken-away"),
        pytest.param(lambda path: path.with_name("isa-07.signed.toml").unlink(), id="its-signatures-taken-away"),
        pytest.param(lambda path: write(path.parent, page(version='"4"')), id="a-new-text-nobody-has-signed"),
        pytest.param(lambda path: write(path.parent, page(id='"ISA-08"') + "x", "isa-08"), id="a-bad-neighbour"),
        pytest.param(lambda path: signed_page(path.parent, page(version='"2"')), id="an-older-version"),
    ],
)
async def test_a_bad_file_leaves_the_old_in_force_and_everybody_is_told_once(tmp_path: Path, break_it: Any) -> None:
    folder, kept = tmp_path / "agreements", Kept()
    path = signed_page(folder, page())
    async with opened(folder, tmp_path / "state", kept) as book:
        loaded = changes(tmp_path / "state")
        break_it(path)
        await book.refresh()
        await book.refresh()
        assert permitted(book)
        assert book.refused
        assert changes(tmp_path / "state") == loaded
        assert [(alert.kind, alert.to) for alert in kept.alerts] == [("agreement-refused", each) for each in sorted(KEYS)]


async def test_a_folder_mended_is_taken_again(tmp_path: Path) -> None:
    folder = tmp_path / "agreements"
    path = signed_page(folder, page())
    good = path.read_bytes()
    async with opened(folder, tmp_path / "state") as book:
        path.write_bytes(good + b"<b>")
        await book.refresh()
        assert book.refused
        path.write_bytes(good)
        await book.refresh()
        assert not book.refused


# Suspensions


async def test_any_one_partner_stops_an_agreement_and_only_that_partner_lifts_it(tmp_path: Path) -> None:
    folder = tmp_path / "agreements"
    signed_page(folder, page())
    async with opened(folder, tmp_path / "state") as book:
        await stop(folder)
        await book.refresh()
        assert refused(book) == "suspended"
        assert changes(tmp_path / "state")[-1] == ("suspended", "ISA-07", "1")
        await go_on(folder)
        await book.refresh()
        assert permitted(book)
        assert changes(tmp_path / "state")[-1][0] == "lifted"


async def test_a_suspension_stands_though_its_file_is_taken_away_now_or_before_a_restart(tmp_path: Path) -> None:
    folder, state = tmp_path / "agreements", tmp_path / "state"
    signed_page(folder, page())
    async with opened(folder, state) as book:
        await stop(folder)
        await book.refresh()
        suspension_file(folder, "ISA-07").unlink()
        await book.refresh()
        assert refused(book) == "suspended"
        signed_page(folder, page(version='"4"'))
        await book.refresh()
        assert refused(book) == "suspended", "a new version is the same agreement"
    async with opened(folder, state) as book:
        assert refused(book) == "suspended"


async def test_a_lift_that_came_while_the_portal_was_down_counts(tmp_path: Path) -> None:
    folder, state = tmp_path / "agreements", tmp_path / "state"
    signed_page(folder, page())
    async with opened(folder, state) as book:
        await stop(folder)
        await book.refresh()
    await go_on(folder)
    async with opened(folder, state) as book:
        assert permitted(book)
    suspension_file(folder, "ISA-07").unlink()
    async with opened(folder, state) as book:
        assert permitted(book), "the log remembers the lift as well"


async def test_a_suspension_acts_though_another_file_is_bad(tmp_path: Path) -> None:
    folder = tmp_path / "agreements"
    signed_page(folder, page())
    async with opened(folder, tmp_path / "state") as book:
        write(folder, "no agreement at all", "isa-09")
        await stop(folder)
        await book.refresh()
        assert book.refused
        assert refused(book) == "suspended"


async def test_a_suspended_clause_source_or_kind_stops_that_part_and_no_refusal(tmp_path: Path) -> None:
    folder = tmp_path / "agreements"
    refusal = clause(2, effect='"deny"', basis=None, when=None, kinds='{ WellbeingConcern = { fields = ["summary"] } }')
    signed_page(folder, page(clause(), refusal))
    async with opened(folder, tmp_path / "state") as book:
        await stop(folder, clause=2)
        await book.refresh()
        ruling = decide(plan(CONCERN), practitioner(), book.rules, NOON).rulings[0]
        assert (ruling.permitted, ruling.fields) == (True, {"occurredOn"}), "what is refused stays refused"
        await stop(folder, partner=POLICE, kind="WellbeingConcern", source=POLICE)
        await book.refresh()
        assert refused(book) == "suspended"


# Whatever stands in the folder, the portal goes on looking

ENTRY = '[[suspension]]\npartner = "hillview-school"\nkey_id = "2026"\nnumber = 1\nat = {at}\nwords = "x"\nvalue = "x"\n'
DEEP = "[" * 5000 + "]" * 5000


@pytest.mark.parametrize(
    ("name", "make"),
    [
        pytest.param(".#isa-07.md", lambda path: path.symlink_to("somebody@host.1234:17"), id="an-editors-lock"),
        pytest.param("isa-50.md", os.mkfifo, id="a-pipe"),
        pytest.param("isa-50.md", lambda path: path.symlink_to(path), id="a-link-to-itself"),
        pytest.param("isa-99.md", lambda path: path.write_text(page(id='"ISA-99"', review_by="9999-12-31")), id="the-last-day-there-is"),
        pytest.param("isa-99.md", lambda path: path.write_text(f"# x\n\n```toml\nid = {DEEP}\n```\n"), id="nested-too-deep"),
        pytest.param("isa-99.md", lambda path: path.write_text("# x\n\n" + ">" * 20_000), id="quoted-too-deep"),
        pytest.param(
            "isa-08.suspended.toml", lambda path: path.write_text(ENTRY.format(at="0001-01-01T00:00:00+14:00")), id="the-first-day"
        ),
        pytest.param("isa-08.suspended.toml", lambda path: path.write_text(f"[[suspension]]\nx = {DEEP}\n"), id="a-suspension-too-deep"),
        pytest.param("isa-08.suspended.toml", lambda path: path.write_text(f"[[suspension]]\nnumber = {'1' * 5000}\n"), id="5000-digits"),
    ],
)
async def test_nothing_that_can_stand_in_the_folder_ends_the_looking(tmp_path: Path, name: str, make: Callable[[Path], object]) -> None:
    folder, kept = tmp_path / "agreements", Kept()
    signed_page(folder, page())
    async with opened(folder, tmp_path / "state", kept) as book, looking(book) as task:
        make(folder / name)
        if not name.startswith("."):
            await until(lambda: bool(book.refused and kept.alerts))
        assert permitted(book)
        await stop(folder)
        await until(lambda: not permitted(book))
        (folder / name).unlink()
        signed_page(folder, page(version='"4"'))
        await until(lambda: changes(tmp_path / "state")[-1] == ("agreement-loaded", "ISA-07", "4") and not book.refused)
        assert not task.done()


async def test_a_partner_who_stops_sharing_does_not_wait_for_what_is_being_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, go = tmp_path / "agreements", threading.Event()
    signed_page(folder, page())
    async with opened(folder, tmp_path / "state") as book:

        def slowly(*given: Any) -> Any:
            go.wait(20)
            return load_agreements(*given)

        monkeypatch.setattr("portal.rulebook.load_agreements", slowly)
        async with looking(book):
            signed_page(folder, page(version='"4"'))
            await asyncio.sleep(0.6)  # it is being read now
            await stop(folder)
            await until(lambda: not permitted(book))
            assert changes(tmp_path / "state")[-1][0] == "suspended"
            go.set()
            await until(lambda: changes(tmp_path / "state")[-1] == ("agreement-loaded", "ISA-07", "4"))
            assert refused(book) == "suspended", "what was read meanwhile does not undo it"
            assert [what for what, _, _ in changes(tmp_path / "state")].count("suspended") == 1


async def test_an_error_nobody_foresaw_is_told_and_the_next_look_tries_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, kept = tmp_path / "agreements", Kept()
    signed_page(folder, page())
    async with opened(folder, tmp_path / "state", kept) as book:

        def fails(*_: Any) -> Any:
            raise MemoryError

        for name in ("load_agreements", "read_suspensions"):
            with monkeypatch.context() as patch:
                patch.setattr(f"portal.rulebook.{name}", fails)
                async with looking(book) as task:
                    (folder / "isa-07.md").touch()
                    await until(lambda: [each.id for each in book.refused] == ["CV246"] and bool(kept.alerts))
                    patch.undo()
                    await until(lambda: not book.refused)
                    assert not task.done()


async def test_a_file_put_in_the_place_of_another_is_seen_though_time_and_size_are_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "agreements"
    path = signed_page(folder, page())
    async with opened(folder, tmp_path / "state") as book:
        found, other = path.stat(), folder / "other"
        other.write_bytes(path.read_bytes().replace(b"# Sharing", b"# Shading"))
        os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
        os.replace(other, path)
        assert (path.stat().st_size, path.stat().st_mtime_ns) == (found.st_size, found.st_mtime_ns)
        await book.refresh()
        assert [each.id for each in book.refused] == ["CV215", "CV215"]


async def test_what_is_wrong_shows_at_once_and_agencies_are_told_when_the_outbox_is_back(tmp_path: Path) -> None:
    folder, kept = tmp_path / "agreements", Kept()
    signed_page(folder, page())
    async with opened(folder, tmp_path / "state", kept) as book:
        kept.busy = True
        (folder / "isa-09.md").write_text("nonsense")
        with pytest.raises(StorageUnavailable):
            await book.refresh()
        assert book.refused
        assert kept.alerts == []
        kept.busy = False
        await book.refresh()
        await book.refresh()
        assert len(kept.alerts) == len(KEYS)


async def test_a_spoilt_suspension_is_told_and_keeps_nothing_from_starting_or_being_read(tmp_path: Path) -> None:
    folder, kept = tmp_path / "agreements", Kept()
    signed_page(folder, page(clause(1), clause(2)))
    await stop(folder, clause=2)
    suspension_file(folder, "ISA-09").write_text("spoilt")
    signed_page(folder, page(version='"4"'))
    async with opened(folder, tmp_path / "state", kept) as book:
        await book.refresh()
        assert [each.id for each in book.refused] == ["CV221"], "a suspension of a clause that is gone is no mistake of anybody's"
        assert len(kept.alerts) == len(KEYS)
        signed_page(folder, page(clause(roles='["duty_officer"]'), version='"5"'))
        await book.refresh()
        assert not permitted(book)
        assert changes(tmp_path / "state")[-1] == ("agreement-loaded", "ISA-07", "5")


# What the log remembers


SCHOOL_AND_NHS = clause(from_=f'["{NHS}"]', kinds='{ Involvement = { fields = ["role"], ceiling = "T1" } }')


@pytest.mark.parametrize(
    ("successor", "partners", "id"),
    [
        pytest.param(page(id='"ISA-99"', supersedes='["ISA-07@3"]'), [POLICE], "CV220", id="one-that-not-all-have-signed"),
        pytest.param(
            page(SCHOOL_AND_NHS, id='"ISA-99"', partners=f'["{NHS}", "{SCHOOL}"]', supersedes='["ISA-07@3"]'),
            None,
            "CV220",
            id="one-of-others",
        ),
        pytest.param(page(id='"ISA-99"', supersedes='["ISA-07@2"]'), None, "CV220", id="one-that-ends-an-earlier-version"),
        pytest.param(page(id='"ISA-99"', supersedes='["ISA-07@3"]'), None, None, id="one-of-all-its-partners"),
    ],
)
async def test_what_is_gone_is_let_go_only_for_one_that_all_its_partners_have_signed(
    tmp_path: Path, successor: str, partners: list[str] | None, id: str | None
) -> None:
    folder, state = tmp_path / "agreements", tmp_path / "state"
    path = signed_page(folder, page())
    async with opened(folder, state) as book:
        path.unlink()
        path.with_name("isa-07.signed.toml").unlink()
        sign(write(folder, successor, "isa-99"), partners=partners) if partners else signed_page(folder, successor, "isa-99")
        await book.refresh()
        assert [each.id for each in book.refused] == ([id] if id else [])
    if id:
        with pytest.raises(ConfigurationError, match=id):
            async with opened(folder, state):
                pass


async def test_what_another_text_of_the_same_version_has_replaced_does_not_come_back(tmp_path: Path) -> None:
    folder, state = tmp_path / "agreements", tmp_path / "state"
    signed_page(folder, page())
    wide = {each: each.read_bytes() for each in folder.iterdir()}
    narrow = page(clause(kinds='{ WellbeingConcern = { fields = ["occurredOn"], ceiling = "T3", existence = "T3" } }'))
    async with opened(folder, state) as book:
        signed_page(folder, narrow)
        await book.refresh()
        assert not book.refused
        for path, raw in wide.items():
            path.write_bytes(raw)
        await book.refresh()
        assert [each.id for each in book.refused] == ["CV247"]
        assert decide(plan(CONCERN), practitioner(), book.rules, NOON).rulings[0].fields == {"occurredOn"}
        signed_page(folder, narrow)
        await book.refresh()
        assert not book.refused, "signing the same again is no other text"
    async with opened(folder, state):
        pass
    for path, raw in wide.items():
        path.write_bytes(raw)
    with pytest.raises(ConfigurationError, match="CV247"):
        async with opened(folder, state):
            pass


async def test_the_same_text_with_grants_that_others_have_replaced_does_not_come_back(tmp_path: Path) -> None:
    folder, state, words = tmp_path / "agreements", tmp_path / "state", vocabulary()
    more = vocabulary(sources={**words.sources, "police-2": words.sources[POLICE]})
    path = signed_page(folder, page(), words=more)
    beside = path.with_name("isa-07.signed.toml")
    wide = beside.read_bytes()
    async with opened(folder, state, words=more):
        pass
    sign(path, words)
    async with opened(folder, state, words=more) as book:
        beside.write_bytes(wide)
        await book.refresh()
        assert [each.id for each in book.refused] == ["CV247"]


async def test_an_older_version_or_one_gone_stops_the_start(tmp_path: Path) -> None:
    folder, state = tmp_path / "agreements", tmp_path / "state"
    path = signed_page(folder, page())
    async with opened(folder, state):
        pass
    signed_page(folder, page(version='"2"'))
    with pytest.raises(ConfigurationError, match="CV218"):
        async with opened(folder, state):
            pass
    path.unlink()
    path.with_name("isa-07.signed.toml").unlink()
    with pytest.raises(ConfigurationError, match="CV220"):
        async with opened(folder, state):
            pass


async def test_a_signature_taken_away_stops_the_start_and_lifts_no_refusal(tmp_path: Path) -> None:
    folder, state = tmp_path / "agreements", tmp_path / "state"
    refusal = clause(1, effect='"deny"', basis=None, when=None, kinds='{ WellbeingConcern = { fields = "all" } }')
    signed_page(folder, page())
    path = signed_page(folder, page(refusal, id='"ISA-08"'), "isa-08")
    async with opened(folder, state) as book:
        assert refused(book) == "denied-by"
        path.with_name("isa-08.signed.toml").unlink()
        await book.refresh()
        assert refused(book) == "denied-by"
    with pytest.raises(ConfigurationError, match="CV245"):
        async with opened(folder, state):
            pass


async def test_another_agreement_of_the_same_partners_can_take_its_place(tmp_path: Path) -> None:
    folder, state = tmp_path / "agreements", tmp_path / "state"
    path = signed_page(folder, page())
    successor = page(clause(roles='["duty_officer"]'), id='"ISA-08"', starts="2026-11-01", supersedes='["ISA-07@3"]')
    async with opened(folder, state) as book:
        write(folder, successor, "isa-08")
        await book.refresh()
        assert permitted(book), "nobody has signed it yet"
        signed_page(folder, successor, "isa-08")
        await book.refresh()
        ruling = decide(plan(CONCERN), practitioner(), book.rules, NOON).rulings[0]
        assert not ruling.permitted
    path.unlink()
    path.with_name("isa-07.signed.toml").unlink()
    async with opened(folder, state) as book:
        assert not permitted(book)


async def test_nobody_can_put_an_agreement_in_the_place_of_one_they_do_not_share_with_all_its_partners(tmp_path: Path) -> None:
    folder = tmp_path / "agreements"
    signed_page(folder, page())
    signed_page(folder, page(clause(from_=f'["{NHS}"]', kinds='{ HealthContact = { fields = ["occurredOn"], ceiling = "T3" } }'),
                             id='"ISA-08"', partners=f'["{NHS}", "{SCHOOL}"]', supersedes='["ISA-07@3"]'), "isa-08")  # fmt: skip
    with pytest.raises(ConfigurationError, match="CV240"):
        load_agreements(folder, vocabulary())


@pytest.mark.parametrize(
    ("keys", "id"),
    [
        pytest.param({"2026": encoded(Ed25519PrivateKey.generate())}, "CV241", id="another-key-under-the-same-id"),
        pytest.param({"2027": encoded(Ed25519PrivateKey.generate())}, "CV242", id="a-new-first-key"),
    ],
)
async def test_a_partners_key_is_pinned_when_it_is_first_seen(tmp_path: Path, keys: dict[str, str], id: str) -> None:
    folder, state = tmp_path / "agreements", tmp_path / "state"
    folder.mkdir()
    async with opened(folder, state):
        pass
    other = vocabulary(agencies={**vocabulary().agencies, POLICE: keys})
    first = {agency: min(known) for agency, known in other.agencies.items()}
    with pytest.raises(ConfigurationError, match=id):
        async with opened(folder, state, words=other, first=first):
            pass


# What is known of a child


async def test_the_registry_is_asked_only_where_a_clause_rests_on_it_and_by_every_name_and_number_known(tmp_path: Path) -> None:
    folder, kept = tmp_path / "agreements", Kept()
    signed_page(folder, page())
    jo = Subject(given_name="Jo", family_name="Ash", birth_date="2014-02-03")
    asked = msgspec.structs.replace(plan(CONCERN), question=msgspec.structs.replace(plan(CONCERN).question, subject=jo))
    async with opened(folder, tmp_path / "state", kept) as book:
        await book.concerning(asked, practitioner())
        assert kept.asked == []
        signed_page(folder, page(clause(conditions='{ consent = "required" }'), version='"4"'))
        await book.refresh()
        _, known = await book.concerning(asked, practitioner())
        assert (known.unfound, known.births) == (True, ("2014-02-03",))
        person = Person(id="7", identifiers=(Identifier("chi", "0302140905"),), birth_date="2014-02-03", family_name="Ash", given_name="Jo")
        _, known = await book.concerning(asked, practitioner(), None, Found(persons={POLICE: (person,)}, vouched={}))
        assert [[each.system for each in asked] for asked in kept.asked] == [["demographics"], ["demographics", "chi", "demographics"]]
        await book.concerning(asked, practitioner(), None, Found(persons={POLICE: (person,)}, shields=frozenset({"IDENTITY"})))
        assert [each.system for each in kept.asked[-1]] == ["demographics"], "of a hidden child no more is known than of one nobody knows"
        kept.silent = True
        _, known = await book.concerning(asked, practitioner())
        assert (known.readable, known.recorded) == (False, ())


@pytest.mark.parametrize(
    ("typed", "matched", "may_be"),
    [
        ("2014-02-03", [], ("2014-02-03",)),
        ("2014", [], ("2014",)),
        (None, [None], ()),
        ("2014", ["2014-02-03"], ("2014-02-03",)),
        ("2014-02-03", ["2014-03-02", None], ("2014-02-03", "2014-03-02")),
        ("2014", ["2014-02"], ("2014", "2014-02")),
        (None, ["2008", "2014-02-03"], ("2008", "2014-02-03")),
    ],
)
def test_every_birth_date_that_may_be_the_childs_counts(typed: str | None, matched: list[str | None], may_be: tuple[str, ...]) -> None:
    assert births(typed, [Person(id=str(n), birth_date=each) for n, each in enumerate(matched)]) == may_be


@pytest.mark.parametrize(
    ("today", "told"),
    [
        pytest.param(date(2027, 7, 1), 0, id="two-months-and-a-day-before"),
        pytest.param(date(2027, 7, 6), 2, id="eight-weeks-before"),
        pytest.param(date(2027, 7, 7), 0, id="the-day-after"),
        pytest.param(date(2027, 8, 26), 2, id="in-the-last-week"),
        pytest.param(date(2027, 9, 10), 2, id="in-the-days-of-grace"),
    ],
)
async def test_partners_are_reminded_of_a_review_weekly_and_then_daily(tmp_path: Path, today: date, told: int) -> None:
    folder, kept = tmp_path / "agreements", Kept()
    signed_page(folder, page())
    at = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    async with opened(folder, tmp_path / "state", kept, clock=lambda: at) as book:
        for _ in range(2):
            await book._remind()
    assert [(alert.kind, alert.agreement) for alert in kept.alerts] == [("review-due", "ISA-07")] * told
    assert json.dumps([alert.to for alert in kept.alerts]) == json.dumps(["northshire-police", "hillview-school"][:told])
