"""Suspensions: whoever may stop, what is stopped, and that nobody else lifts it: not the operator, not another partner."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.errors import ConfigurationError, Mistake
from portal.accesslog.events import canonical
from portal.agreements import check, load_agreements
from portal.agreements.suspending import lift, suspend
from portal.agreements.suspension import Suspension, facts, from_facts, in_words, signed_bytes, standing
from portal.agreements.suspensions import read_suspensions
from tests.portal.agreement_cases import KEYS, clause, encoded, page, vocabulary, write

POLICE, SCHOOL, NHS = "northshire-police", "hillview-school", "northshire-nhs"
AT = datetime(2026, 11, 22, 10, 42, 7, 500, tzinfo=UTC)
WORDS = "We are looking into a leak."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the agreement ISA-07 between police and school, of two clauses."""
    write(tmp_path, page(clause(1), clause(2, "Again")))
    return tmp_path


def stop(folder: Path, partner: str = POLICE, at: datetime = AT, **what: Any) -> Suspension:
    said: dict[str, Any] = {"agreement": "ISA-07", "words": WORDS, "key_id": "2026", **what}
    return suspend(folder, vocabulary(), partner=partner, private_key=KEYS[partner], at=at, **said)


def go_on(folder: Path, number: int, partner: str = POLICE, at: datetime = AT, **what: Any) -> Suspension:
    said: dict[str, Any] = {"agreement": "ISA-07", "words": "It is mended.", "key_id": "2026", **what}
    return lift(folder, vocabulary(), partner=partner, private_key=KEYS[partner], number=number, at=at, **said)


def read(folder: Path) -> tuple[Suspension, ...]:
    seen, mistakes = read_suspensions(folder, vocabulary())
    assert mistakes == []
    return seen


def wrong(folder: Path) -> list[Mistake]:
    return read_suspensions(folder, vocabulary())[1]


def file(folder: Path) -> Path:
    return folder / "isa-07.suspended.toml"


def change(folder: Path, old: str, new: str) -> None:
    text = file(folder).read_text("utf-8")
    assert old in text
    file(folder).write_text(text.replace(old, new, 1), "utf-8")


def test_what_a_partner_stops_is_read_as_it_was_said(folder: Path) -> None:
    said = stop(folder, clause=2, source="northshire-police", kind="WellbeingConcern")

    assert read(folder) == (said,)
    assert (said.number, said.at) == (1, AT.replace(microsecond=0))
    assert in_words(said) == (
        "northshire-police has stopped ISA-07 §2, WellbeingConcern from northshire-police since 22 November 2026: We are looking into a leak."
    )


def test_either_partner_stops_alone_and_each_counts_its_own(folder: Path) -> None:
    stop(folder, POLICE)
    stop(folder, SCHOOL, clause=1)
    stop(folder, POLICE, kind="WellbeingConcern")

    assert [(each.partner, each.number) for each in standing(read(folder))] == [(SCHOOL, 1), (POLICE, 1), (POLICE, 2)]


@pytest.mark.parametrize(
    ("what", "covered"),
    [
        ({}, {"1p", "1m", "2p", "2m", "1f"}),
        ({"clause": 1}, {"1p", "1m", "1f"}),
        ({"source": "northshire-police"}, {"1p", "2p", "1f"}),
        ({"kind": "Flag"}, {"1f"}),
        ({"clause": 2, "source": "northshire-police"}, {"2p"}),
        ({"clause": 2, "kind": "Flag"}, set()),
    ],
)
def test_a_suspension_covers_what_it_names_and_all_of_what_it_does_not_name(folder: Path, what: dict[str, Any], covered: set[str]) -> None:
    asked = {
        "1p": (1, "northshire-police", "WellbeingConcern"),
        "1m": (1, "hillview-mis", "WellbeingConcern"),
        "2p": (2, "northshire-police", "WellbeingConcern"),
        "2m": (2, "hillview-mis", "WellbeingConcern"),
        "1f": (1, "northshire-police", "Flag"),
    }
    said = stop(folder, **what)

    assert {name for name, each in asked.items() if said.covers("ISA-07", *each)} == covered
    assert not said.covers("ISA-08", 1, "northshire-police", "WellbeingConcern")
    assert not go_on(folder, 1).covers("ISA-07", 1, "northshire-police", "WellbeingConcern")


def test_what_a_partner_stopped_it_lifts_and_nothing_else_of_its_own(folder: Path) -> None:
    stop(folder, clause=1)
    second = stop(folder, clause=2)
    go_on(folder, 1)

    assert standing(read(folder)) == (second,)
    go_on(folder, 2)
    assert standing(read(folder)) == ()


def test_nobody_lifts_what_another_partner_stopped(folder: Path) -> None:
    said = stop(folder, POLICE)
    stop(folder, SCHOOL)
    go_on(folder, 1, SCHOOL)

    assert standing(read(folder)) == (said,)


def test_an_operator_who_takes_lines_or_the_file_away_lifts_nothing_that_was_seen(folder: Path) -> None:
    said = stop(folder)
    seen = read(folder)
    file(folder).unlink()

    assert read(folder) == ()
    assert standing((*seen, *read(folder))) == (said,)


def test_a_lift_from_before_does_not_lift_what_was_stopped_anew_under_the_same_number(folder: Path) -> None:
    """After an operator took the file away, a partner that begins to count anew must not be silenced by its own old lift."""
    stop(folder)
    go_on(folder, 1)
    seen = read(folder)
    file(folder).unlink()
    again = stop(folder, at=AT + timedelta(minutes=1))

    assert again.number == 1
    assert standing((*seen, *read(folder))) == (again,)


def test_a_clock_set_back_does_not_undo_the_order_in_which_a_partner_spoke(folder: Path) -> None:
    stop(folder)
    go_on(folder, 1, at=AT - timedelta(hours=2))
    again = stop(folder, at=AT - timedelta(hours=2))

    assert standing(read(folder)) == (again,)


def test_what_stands_does_not_depend_on_the_order_in_which_it_was_seen(folder: Path) -> None:
    stop(folder, clause=1)
    stop(folder, SCHOOL)
    go_on(folder, 1)
    seen = read(folder)

    assert {standing(order) for order in permutations(seen)} == {standing(seen)}
    assert standing((*seen, *seen)) == standing(seen)


def test_a_partner_lifts_what_only_the_portal_remembers(folder: Path) -> None:
    stop(folder)
    seen = read(folder)
    file(folder).unlink()
    go_on(folder, 1)

    assert standing((*seen, *read(folder))) == ()


def test_a_suspension_outlives_the_version_and_the_agreement_itself(folder: Path) -> None:
    said = stop(folder)
    write(folder, page(version='"4"'))
    assert standing(read(folder)) == (said,)

    (folder / "isa-07.md").unlink()
    assert standing(read(folder)) == (said,)


TAMPERED = {
    "partner": (f'partner = "{POLICE}"', f'partner = "{SCHOOL}"'),
    "partner-unknown": (f'partner = "{POLICE}"', 'partner = "northshire-housing"'),
    "partner-elsewhere": (f'partner = "{POLICE}"', f'partner = "{NHS}"'),
    "key_id": ('key_id = "2026"', 'key_id = "2025"'),
    "number": ("number = 1", "number = 2"),
    "at": ("10:42:07Z", "10:42:08Z"),
    "at-fraction": ("10:42:07Z", "10:42:07.5Z"),
    "at-zone": ("10:42:07Z", "10:42:07+01:00"),
    "words": ("leak", "lead"),
    "value": ('value = "', 'value = "A'),
    "clause": ("clause = 2", "clause = 1"),
    "clause-gone": ("clause = 2\n", ""),
    "source": ('source = "northshire-police"', 'source = "hillview-mis"'),
    "source-gone": ('source = "northshire-police"\n', ""),
    "kind": ('kind = "WellbeingConcern"', 'kind = "Flag"'),
    "kind-gone": ('kind = "WellbeingConcern"\n', ""),
    "lifts-instead": ("number = 1\n", "number = 2\nlifts = 1\n"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_an_entry_of_which_anything_was_altered_does_not_count_and_is_told_with_its_line(folder: Path, name: str) -> None:
    stop(folder, clause=2, source="northshire-police", kind="WellbeingConcern")
    change(folder, *TAMPERED[name])
    if name == "lifts-instead":
        change(folder, 'clause = 2\nsource = "northshire-police"\nkind = "WellbeingConcern"\n', "")
    seen, mistakes = read_suspensions(folder, vocabulary())

    assert seen == ()
    assert [mistake.id for mistake in mistakes] == ["CV222"]
    assert mistakes[0].file == str(file(folder))
    assert 3 <= (mistakes[0].line or 0) <= 13
    assert mistakes[0].hint


@pytest.mark.parametrize("part", ["clause", "source", "kind"])
def test_a_part_cannot_be_put_into_what_was_signed_for_the_whole(folder: Path, part: str) -> None:
    """``-`` stands in the signed bytes for nothing: naming a part ``-`` must not make a suspension of everything one of nothing."""
    stop(folder)
    change(folder, "value =", f'{part} = "-"\nvalue =')
    seen, mistakes = read_suspensions(folder, vocabulary())

    assert seen == ()
    assert [mistake.id for mistake in mistakes] == ["CV221"]


def test_a_suspension_of_another_agreement_or_federation_does_not_count(folder: Path) -> None:
    stop(folder)
    file(folder).rename(folder / "isa-08.suspended.toml")
    elsewhere = read_suspensions(folder, vocabulary())
    (folder / "isa-08.suspended.toml").rename(file(folder))
    abroad = read_suspensions(folder, vocabulary(federation="southshire"))

    assert [(seen, [each.id for each in mistakes]) for seen, mistakes in (elsewhere, abroad)] == [((), ["CV222"]), ((), ["CV222"])]


def replaced_key() -> dict[str, dict[str, str]]:
    return {**vocabulary().agencies, POLICE: {"2027": encoded(KEYS[NHS])}}


def test_a_suspension_by_a_key_that_is_gone_counts_for_whoever_saw_it_and_the_new_key_lifts_it(folder: Path) -> None:
    stop(folder)
    seen = read(folder)
    words = vocabulary(agencies=replaced_key())
    assert [mistake.id for mistake in read_suspensions(folder, words)[1]] == ["CV222"]
    lift(folder, words, agreement="ISA-07", partner=POLICE, key_id="2027", private_key=KEYS[NHS], number=1, words=WORDS, at=AT)

    assert len(standing(seen)) == 1
    assert standing((*seen, *read_suspensions(folder, words)[0])) == ()


BROKEN: dict[str, tuple[Callable[[str], str], int]] = {
    "an-unknown-key": (lambda text: text.replace("key_id", 'colour = "red"\nkey_id'), 1),
    "a-key-missing": (lambda text: text.replace('key_id = "2026"\n', ""), 1),
    "no-toml": (lambda text: text.replace("number = 1", "number = "), 1),
    "number-nought": (lambda text: text.replace("number = 1", "number = 0"), 1),
    "a-number-that-is-text": (lambda text: text.replace("number = 1", 'number = "1"'), 1),
    "a-moment-without-zone": (lambda text: text.replace("10:42:07Z", "10:42:07"), 1),
    "a-day-alone": (lambda text: text.replace("2026-11-22T10:42:07Z", "2026-11-22"), 1),
    "a-line-break-by-escape": (lambda text: text.replace("leak.", "leak.\\nNo."), 1),
    "an-invisible-character": (lambda text: text.replace("leak", "le\u200bak"), 1),
    "no-words": (lambda text: text.replace(WORDS, ""), 1),
    "two-slips-in-one": (lambda text: text.replace("number = 1", "number = 0").replace("key_id", "keyid"), 3),
    "a-key-outside": (lambda text: 'partner = "x"\n' + text, 1),
    "another-table": (lambda text: text + "[suspended]\nall = true\n", 1),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_entry_is_told_with_its_line_and_what_to_do(folder: Path, name: str) -> None:
    spoil, count = BROKEN[name]
    stop(folder)
    file(folder).write_text(spoil(file(folder).read_text("utf-8")), "utf-8")
    mistakes = wrong(folder)

    assert [mistake.id for mistake in mistakes] == ["CV221"] * count
    assert all(mistake.line and mistake.hint and mistake.file == str(file(folder)) for mistake in mistakes)


@pytest.mark.parametrize("name", BROKEN)
def test_no_broken_entry_or_file_keeps_another_suspension_from_acting(folder: Path, name: str) -> None:
    spoil, _ = BROKEN[name]
    stop(folder)
    spoilt = spoil(file(folder).read_text("utf-8"))
    file(folder).unlink()
    good = stop(folder, SCHOOL)
    file(folder).write_text(f"{spoilt}\n{file(folder).read_text('utf-8')}", "utf-8")
    (folder / "isa-09.suspended.toml").write_bytes(b"\xff\xfe nothing \x00 of use")
    (folder / "no agreement.suspended.toml").write_text("")
    seen, mistakes = read_suspensions(folder, vocabulary())

    assert good in standing(seen)
    assert {Path(str(mistake.file)).name for mistake in mistakes} == {
        "isa-07.suspended.toml", "isa-09.suspended.toml", "no agreement.suspended.toml",
    }  # fmt: skip


def test_a_byte_that_is_no_text_spoils_its_own_entry_alone(folder: Path) -> None:
    stop(folder)
    good = stop(folder, SCHOOL)
    file(folder).write_bytes(file(folder).read_bytes().replace(b"leak", b"le\xffk", 1))
    seen, mistakes = read_suspensions(folder, vocabulary())

    assert seen == (good,)
    assert [mistake.id for mistake in mistakes] == ["CV222"]


def test_a_file_that_cannot_be_read_is_told(folder: Path) -> None:
    file(folder).mkdir()

    assert [mistake.id for mistake in wrong(folder)] == ["CV221"]


def test_what_names_nothing_here_counts_and_is_told_until_it_is_lifted(folder: Path) -> None:
    said = stop(folder, clause=2)
    write(folder, page(clause(1), version='"4"'))
    seen, mistakes = read_suspensions(folder, vocabulary())

    assert seen == (said,)
    assert [(mistake.id, mistake.message) for mistake in mistakes] == [("CV256", "ISA-07 has no clause 2.")]
    go_on(folder, 1)
    assert standing(read(folder)) == ()


def test_what_stops_nothing_or_is_spoilt_keeps_no_portal_from_starting_and_fails_the_check(folder: Path) -> None:
    stop(folder, clause=2)
    write(folder, page(clause(1), version='"4"'))
    said = stop(folder, SCHOOL)
    (folder / "isa-09.suspended.toml").write_text("spoilt")

    assert said in load_agreements(folder, vocabulary()).suspensions
    assert {mistake.id for mistake in check(folder, vocabulary(), AT.date())} == {"CV221", "CV256"}


UNREADABLE: dict[str, Callable[[Path], object]] = {
    "a-pipe": os.mkfifo,
    "a-link": lambda path: path.symlink_to(path.with_name("isa-07.suspended.toml")),
    "a-link-to-nowhere": lambda path: path.symlink_to("nowhere"),
    "a-folder": lambda path: path.mkdir(),
    "too-long": lambda path: path.write_bytes(b"#" * ((1 << 20) + 1)),
    "a-number-too-long": lambda path: path.write_text("[[suspension]]\nnumber = " + "1" * 5000),
    "nested-too-deep": lambda path: path.write_text("[[suspension]]\nx = " + "[" * 5000 + "]" * 5000),
    "before-all-time": lambda path: path.write_text(
        file(path.parent).read_text().replace("2026-11-22T10:42:07Z", "0001-01-01T00:00:00+14:00")
    ),
    "after-all-time": lambda path: path.write_text(
        file(path.parent).read_text().replace("2026-11-22T10:42:07Z", "9999-12-31T23:00:00-14:00")
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_is_told_and_keeps_no_other_from_acting(folder: Path, name: str) -> None:
    good = stop(folder)
    UNREADABLE[name](folder / "isa-09.suspended.toml")
    seen, mistakes = read_suspensions(folder, vocabulary())

    assert seen == (good,)
    assert [(mistake.id, Path(str(mistake.file)).name, bool(mistake.hint)) for mistake in mistakes] == [
        ("CV221", "isa-09.suspended.toml", True)
    ]


def test_what_an_editor_leaves_beside_a_file_is_no_file_of_ours(folder: Path) -> None:
    stop(folder)
    (folder / ".#isa-07.suspended.toml").symlink_to("somebody@host.1234:17")
    (folder / ".isa-07.suspended.toml.swp").write_text("x")

    assert len(read(folder)) == 1


def test_two_entries_with_one_number_both_count_and_are_told(folder: Path) -> None:
    first = stop(folder, clause=1)
    text = file(folder).read_text("utf-8")
    file(folder).unlink()
    second = stop(folder, clause=2)
    file(folder).write_text(f"{text}{file(folder).read_text('utf-8')}", "utf-8")
    seen, mistakes = read_suspensions(folder, vocabulary())

    assert set(standing(seen)) == {first, second}
    assert [(mistake.id, mistake.line) for mistake in mistakes] == [("CV221", 16)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("lifts = 1", "lifts = 2", id="itself"),
        pytest.param("lifts = 1", "lifts = 1\nclause = 1", id="a-part"),
    ],
)
def test_a_lift_that_cannot_be_is_told_and_lifts_nothing(folder: Path, old: str, new: str) -> None:
    said = stop(folder)
    go_on(folder, 1)
    change(folder, old, new)
    seen, mistakes = read_suspensions(folder, vocabulary())

    assert standing(seen) == (said,)
    assert {mistake.id for mistake in mistakes} == {"CV221", "CV222"}


def refused(act: Callable[[], object]) -> list[str]:
    with pytest.raises(ConfigurationError) as error:
        act()
    return [mistake.id for mistake in error.value.mistakes]


def test_whoever_is_no_partner_cannot_suspend(folder: Path) -> None:
    assert refused(lambda: stop(folder, NHS)) == ["CV216"]
    assert not file(folder).exists()


def test_a_key_that_is_not_the_partners_cannot_suspend(folder: Path) -> None:
    said: dict[str, Any] = {"agreement": "ISA-07", "partner": POLICE, "words": WORDS, "at": AT}

    assert refused(lambda: suspend(folder, vocabulary(), key_id="2026", private_key=KEYS[SCHOOL], **said)) == ["CV216"]
    assert refused(lambda: suspend(folder, vocabulary(), key_id="2025", private_key=KEYS[POLICE], **said)) == ["CV216"]


@pytest.mark.parametrize(
    "what",
    [
        {"agreement": "ISA-99"},
        {"agreement": "../isa-07"},
        {"clause": 3},
        {"source": "northshire-polise"},
        {"kind": "WellbeingConcerns"},
        {"words": "  "},
        {"words": "one\ntwo"},
        {"words": "x" * 501},
    ],
)
def test_what_would_stop_nothing_or_say_nothing_is_refused_when_it_is_written(folder: Path, what: dict[str, Any]) -> None:
    assert refused(lambda: stop(folder, **what)) == ["CV221"]
    assert sorted(path.name for path in folder.iterdir()) == ["isa-07.md"]


def test_every_reason_to_refuse_is_told_at_once(folder: Path) -> None:
    assert refused(lambda: stop(folder, NHS, clause=3, kind="No", words="")) == ["CV216", "CV221", "CV221", "CV221"]


def test_a_partner_stops_an_agreement_whose_page_nobody_can_read_any_more(folder: Path) -> None:
    """A bad new file leaves the old one in force, so it must not keep anybody from stopping it."""
    (folder / "isa-07.md").write_text("<b>spoilt</b>")
    said = stop(folder, clause=2)

    assert standing(read(folder)) == (said,)


def test_what_is_lifted_already_cannot_be_lifted_again_nor_can_a_lift(folder: Path) -> None:
    stop(folder)
    go_on(folder, 1)

    assert refused(lambda: go_on(folder, 1)) == ["CV221"]
    assert refused(lambda: go_on(folder, 2)) == ["CV221"]


def test_what_others_wrote_into_the_file_stays_byte_for_byte(folder: Path) -> None:
    stop(folder)
    before = file(folder).read_bytes() + b"# a note without a line end"
    file(folder).write_bytes(before)
    stop(folder, SCHOOL)

    assert file(folder).read_bytes().startswith(before + b"\n")
    assert len(standing(read(folder))) == 2
    assert sorted(path.name for path in folder.iterdir()) == ["isa-07.md", "isa-07.suspended.toml"]


def test_the_signed_bytes_are_those_that_are_published(folder: Path) -> None:
    """Whoever signs with a program of its own goes by these lines."""
    said = stop(folder, clause=2)

    assert signed_bytes("northshire", said).decode().split("\n") == [
        "childview-suspension/1", "northshire", "ISA-07", POLICE, "1", "-", "2", "-", "-", "2026-11-22T10:42:07Z",
        "9f30c552444b359dc7faa61812ec3f4731c470b87ab20c7529a6688c080a9233", "",
    ]  # fmt: skip


@pytest.mark.parametrize("what", [{}, {"clause": 1, "source": "northshire-police", "kind": "Flag"}])
def test_the_log_remembers_enough_to_go_on_suspending(folder: Path, what: dict[str, Any]) -> None:
    said = (stop(folder, **what), go_on(folder, 1))
    events = [
        json.loads(canonical({"type": "change", "at": "2026-11-22T10:42:09.001Z", "what": "suspended", **facts(each)})) for each in said
    ]

    assert tuple(map(from_facts, events)) == said
    assert all(isinstance(value, str | int) for each in said for value in facts(each).values())


def test_a_change_that_holds_no_suspension_is_none() -> None:
    with pytest.raises(ValueError, match="at"):
        from_facts({"type": "change", "what": "key", "id": "2026"})


def test_a_suspension_cannot_be_changed_in_place(folder: Path) -> None:
    said = stop(folder)
    with pytest.raises(AttributeError):
        said.clause = 3  # type: ignore[misc]
    assert hash(said) == hash(msgspec.structs.replace(said))
