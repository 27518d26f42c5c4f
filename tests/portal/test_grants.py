"""What is signed: the lines an agreement expands to, the bytes, and that nothing counts which was not signed."""

from __future__ import annotations

import base64
import hashlib
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.portal.agreement_cases as cases
from connectors.errors import ConfigurationError
from connectors.standard import ALWAYS, Field
from portal.agreements import Agreements, SourceFacts, Vocabulary, expand, load_agreements, read_agreement, sign_off, signed_bytes
from tests.portal.agreement_cases import KEYS, SIGNED_AT, STANDARD, clause, page, sign, signed, vocabulary, write

DATES = '{"conditions":{},"when":{"ends":"2028-08-31","starts":"2026-09-01"}}'
CONDITIONS = hashlib.sha256(DATES.encode()).hexdigest()
POLICE_TO_SCHOOL = "northshire-police\thillview-school\tnamed_person\tchild-protection\tWellbeingConcern"


def shown(agreements: Agreements) -> set[tuple[str, ...]]:
    """Everything in force: (source, kind, to, role, purpose, field), an existence alone as ``-``."""
    return {
        (term.source, term.kind, *asked, field)
        for term in agreements.rules.terms
        if term.signed
        for asked, fields in term.granted.items()
        for field in fields or {"-"}
    }


def test_an_agreement_expands_to_one_line_for_each_field(tmp_path: Path) -> None:
    agreement = read_agreement(write(tmp_path, page()), vocabulary())
    assert expand(agreement, vocabulary()) == [
        f"{POLICE_TO_SCHOOL}\t{field}\tT3\tT3\t{CONDITIONS}" for field in ("indicators", "occurredOn", "summary")
    ]


def test_the_lines_are_those_of_every_source_role_and_purpose(tmp_path: Path) -> None:
    words = vocabulary(sources={**vocabulary().sources, "police-2": SourceFacts("northshire-police", frozenset({"WellbeingConcern"}))})
    text = page(clause(roles='["named_person", "health_visitor"]', purposes='["child-protection", "early-help"]', when=None))
    lines = expand(read_agreement(write(tmp_path, text), words), words)
    assert len(lines) == 2 * 2 * 2 * 3
    assert lines == sorted(lines)
    assert {line.split("\t")[8] for line in lines} == {hashlib.sha256(b'{"conditions":{},"when":{}}').hexdigest()}


def test_all_means_every_field_of_that_standard_but_those_about_other_people(tmp_path: Path) -> None:
    text = page(clause(kinds='{ WellbeingConcern = { fields = "all", ceiling = "T4" } }'))
    lines = expand(read_agreement(write(tmp_path, text), vocabulary()), vocabulary())
    named = {line.split("\t")[5] for line in lines}
    assert named == {name for name, field in STANDARD.kinds["WellbeingConcern"].fields.items() if not field.third_party} - ALWAYS
    assert "parentsView" in STANDARD.kinds["WellbeingConcern"].fields
    assert "parentsView" not in named


def test_a_field_about_other_people_is_given_where_the_clause_names_it(tmp_path: Path) -> None:
    text = page(clause(kinds='{ WellbeingConcern = { fields = ["parentsView"], ceiling = "T3" } }'))
    assert [line.split("\t")[5] for line in expand(read_agreement(write(tmp_path, text), vocabulary()), vocabulary())] == ["parentsView"]


def test_a_field_above_the_ceiling_is_no_grant(tmp_path: Path) -> None:
    text = nhs('{ HealthContact = { fields = ["detail", "outcome"], ceiling = "T3", existence = "T4" } }')
    assert {line.split("\t")[5] for line in expand(read_agreement(write(tmp_path, text), vocabulary()), vocabulary())} == {"outcome"}


def test_a_kind_wholly_above_the_ceiling_gives_its_existence_alone(tmp_path: Path) -> None:
    text = page(clause(kinds='{ PoliceEvent = { fields = ["typeGroup"], ceiling = "T3", existence = "T4" } }'))
    lines = expand(read_agreement(write(tmp_path, text), vocabulary()), vocabulary())
    assert [line.split("\t")[5:8] for line in lines] == [["-", "T3", "T4"]]
    hidden = page(clause(kinds='{ PoliceEvent = { fields = ["typeGroup"], ceiling = "T3" } }'))
    assert expand(read_agreement(write(tmp_path, hidden), vocabulary()), vocabulary()) == []


def test_a_field_that_holds_objects_is_signed_with_its_parts(tmp_path: Path) -> None:
    text = nhs('{ ChildPlan = { fields = ["actions"], ceiling = "T3" } }')
    named = {line.split("\t")[5] for line in expand(read_agreement(write(tmp_path, text), vocabulary()), vocabulary())}
    assert "actions" in named
    assert "actions.what" in named
    assert "actions.who" not in named, "a part about other people is never given"


def nhs(kinds: str, **changed: str | None) -> str:
    return page(clause(from_='["northshire-nhs"]', kinds=kinds, **changed), partners='["northshire-nhs", "hillview-school"]', id='"ISA-07"')


def test_the_signed_bytes_are_those_of_the_contract(tmp_path: Path) -> None:
    path = write(tmp_path, page())
    agreement = read_agreement(path, vocabulary())
    lines = expand(agreement, vocabulary())
    text_hash = hashlib.sha256(path.read_bytes()).hexdigest()
    grants_hash = hashlib.sha256(("\n".join(lines) + "\n").encode()).hexdigest()
    expected = f"childview-agreement/1\nnorthshire\nISA-07\n3\n{text_hash}\n{grants_hash}\nChief executive\n"
    assert signed_bytes("northshire", agreement, lines, "Chief executive") == expected.encode()
    sign(path)
    for signature in stored(tmp_path)["signature"]:
        KEYS[signature["partner"]].public_key().verify(base64.b64decode(signature["value"]), expected.encode())


def stored(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "isa-07.signed.toml").read_text())


def test_signing_leaves_the_text_as_it_was(tmp_path: Path) -> None:
    path = write(tmp_path, page())
    before = path.read_bytes()
    sign(path)
    assert path.read_bytes() == before
    assert stored(tmp_path)["sensitive_services"] == ["camhs"]


def test_nothing_is_in_force_until_every_partner_has_signed(tmp_path: Path) -> None:
    path = write(tmp_path, page())
    assert shown(load_agreements(tmp_path, vocabulary())) == set()
    sign(path, partners=["northshire-police"])
    assert not any(term.granted or term.signed for term in load_agreements(tmp_path, vocabulary()).rules.terms)
    sign(path, partners=["hillview-school"])
    agreements = load_agreements(tmp_path, vocabulary())
    assert {line[5] for line in shown(agreements)} == {"occurredOn", "summary", "indicators"}
    assert agreements.state(agreements.all[0], cases.NOON) == "in-force"


def test_a_partner_who_signs_again_replaces_their_own_signature(tmp_path: Path) -> None:
    path = write(tmp_path, page())
    sign(path)
    done = sign_off(path, vocabulary(), "hillview-school", "2026", KEYS["hillview-school"], "Head teacher", SIGNED_AT)
    assert (done.signed, done.fallen) == (("hillview-school", "northshire-police"), ())
    assert [each["role"] for each in stored(tmp_path)["signature"]] == ["Head teacher", "Chief executive"]
    assert shown(load_agreements(tmp_path, vocabulary()))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(page().replace("to protect", "to save"), vocabulary(), id="the-text"),
        pytest.param(page(version='"4"'), vocabulary(), id="the-version"),
        pytest.param(
            page(),
            vocabulary(sources={**vocabulary().sources, "police-2": SourceFacts("northshire-police", frozenset({"WellbeingConcern"}))}),
            id="the-grants",
        ),
        pytest.param(page(), vocabulary(sensitive_services=frozenset({"camhs", "refuge"})), id="the-sensitive-services"),
    ],
)
def test_signatures_over_another_text_or_other_grants_are_never_mixed(tmp_path: Path, text: str, words: Vocabulary) -> None:
    sign(write(tmp_path, page()))
    path = write(tmp_path, text)
    done = sign_off(path, words, "hillview-school", "2026", KEYS["hillview-school"], "Head teacher", SIGNED_AT)
    assert (done.signed, done.fallen) == (("hillview-school",), ("northshire-police",))
    assert shown(load_agreements(tmp_path, words)) == set()


@pytest.mark.parametrize(
    ("partner", "key_id", "signer", "role"),
    [
        pytest.param("northshire-nhs", "2026", "northshire-nhs", "Chief executive", id="not-a-partner"),
        pytest.param("hillview-school", "2026", "northshire-police", "Head teacher", id="the-key-of-another"),
        pytest.param("hillview-school", "2025", "hillview-school", "Head teacher", id="an-unknown-key"),
        pytest.param("hillview-school", "2026", "hillview-school", "Head\nteacher", id="a-role-of-two-lines"),
        pytest.param("hillview-school", "2026", "hillview-school", " ", id="no-role"),
    ],
)
def test_nobody_signs_for_another(tmp_path: Path, partner: str, key_id: str, signer: str, role: str) -> None:
    path = write(tmp_path, page())
    with pytest.raises(ConfigurationError, match="CV216"):
        sign_off(path, vocabulary(), partner, key_id, KEYS[signer], role, SIGNED_AT)
    assert not (tmp_path / "isa-07.signed.toml").exists()


def _replace(old: str, new: str) -> Callable[[str], str]:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return edit


@pytest.mark.parametrize(
    ("edit", "id"),
    [
        pytest.param(_replace("summary", "strengths"), "CV215", id="a-grant-is-altered"),
        pytest.param(_replace("northshire-police\\t", "northshire-nhs\\t"), "CV215", id="a-source-is-altered"),
        pytest.param(
            lambda text: "\n".join(line for line in text.split("\n") if "summary" not in line), "CV215", id="a-grant-is-taken-out"
        ),
        pytest.param(_replace("grants = [", 'grants = [ "more",'), "CV215", id="a-grant-is-put-in"),
        pytest.param(_replace("Chief executive", "Clerk"), "CV215", id="the-signers-role-is-altered"),
        pytest.param(_replace('partner = "hillview-school"', 'partner = "northshire-nhs"'), "CV214", id="a-stranger-signs"),
        pytest.param(_replace('key_id = "2026"', 'key_id = "2025"'), "CV214", id="an-unknown-key"),
        pytest.param(_replace('partner = "hillview-school"', 'partner = "northshire-police"'), "CV213", id="one-signs-twice"),
        pytest.param(_replace("sensitive_services", "services"), "CV213", id="an-unknown-key-in-the-file"),
        pytest.param(_replace("[[signature]]", "[[signature"), "CV213", id="not-toml"),
        pytest.param(_replace('value = "', 'value = "!'), "CV215", id="a-value-that-is-not-base64"),
    ],
)
def test_an_altered_signed_file_is_refused_with_its_line(tmp_path: Path, edit: Callable[[str], str], id: str) -> None:
    sign(write(tmp_path, page()))
    beside = tmp_path / "isa-07.signed.toml"
    beside.write_text(edit(beside.read_text()))
    with pytest.raises(ConfigurationError) as raised:
        load_agreements(tmp_path, vocabulary())
    assert id in [mistake.id for mistake in raised.value.mistakes]
    assert all(mistake.line and mistake.hint and mistake.file == str(beside) for mistake in raised.value.mistakes)


def test_signatures_without_their_agreement_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, page())
    sign(path)
    path.unlink()
    with pytest.raises(ConfigurationError, match="CV213"):
        load_agreements(tmp_path, vocabulary())


def test_a_signature_for_another_federation_does_not_count_here(tmp_path: Path) -> None:
    sign(write(tmp_path, page()), vocabulary(federation="southshire"))
    with pytest.raises(ConfigurationError, match="CV215"):
        load_agreements(tmp_path, vocabulary())


def test_the_lists_of_sensitive_services_add_up(tmp_path: Path) -> None:
    sign(write(tmp_path, page()), vocabulary(sensitive_services=frozenset({"camhs"})))
    agreements = load_agreements(tmp_path, vocabulary(sensitive_services=frozenset({"refuge"})))
    assert {term.sensitive for term in agreements.rules.terms} == {frozenset({"camhs", "refuge"})}


# What was signed is the most that can ever be shown: every change below would have widened an unsigned list.

CONCERN, CONTACT = STANDARD.kinds["WellbeingConcern"], STANDARD.kinds["HealthContact"]
NEW = Field(
    name="newlyMade", type="String", named="String", many=False, tier=None, location=False, free_text=False, third_party=False,
    since=None, nested=None, description="",
)  # fmt: skip
ALL_CONCERNS = page(clause(kinds='{ WellbeingConcern = { fields = "all", ceiling = "T3", existence = "T3" } }'))
TIERED = nhs('{ HealthContact = { fields = ["setting", "detail"], ceiling = "T3", existence = "T4" } }')
POLICE_EVENT = page(clause(kinds='{ PoliceEvent = { fields = ["typeGroup", "adults"], ceiling = "T3" } }'))
ACTIONS = nhs('{ ChildPlan = { fields = ["actions", "state"], ceiling = "T3" } }')
WIDER = [
    pytest.param(ALL_CONCERNS, vocabulary(standard=cases.with_field(STANDARD, "WellbeingConcern", NEW)), id="a-new-field"),
    pytest.param(
        ALL_CONCERNS,
        vocabulary(
            standard=cases.with_field(
                STANDARD, "WellbeingConcern", msgspec.structs.replace(CONCERN.fields["parentsView"], third_party=False)
            )
        ),
        id="other-people-no-longer-marked",
    ),
    pytest.param(
        TIERED,
        vocabulary(standard=cases.with_field(STANDARD, "HealthContact", msgspec.structs.replace(CONTACT.fields["detail"], tier="T3"))),
        id="a-fields-tier-lowered",
    ),
    pytest.param(
        POLICE_EVENT,
        vocabulary(standard=cases.with_kind(STANDARD, msgspec.structs.replace(STANDARD.kinds["PoliceEvent"], tier="T3"))),
        id="a-kinds-tier-lowered",
    ),
    pytest.param(
        page(),
        vocabulary(sources={**vocabulary().sources, "police-2": SourceFacts("northshire-police", frozenset({"WellbeingConcern"}))}),
        id="a-new-source",
    ),
    pytest.param(
        page(),
        vocabulary(sources={**vocabulary().sources, "northshire-nhs": SourceFacts("northshire-police", frozenset({"WellbeingConcern"}))}),
        id="a-source-changes-hands",
    ),
    pytest.param(
        page(clause(kinds='{ Attendance = { fields = ["code"], ceiling = "T3" } }')),
        vocabulary(sources={**vocabulary().sources, "northshire-police": SourceFacts("northshire-police", frozenset({"Attendance"}))}),
        id="a-source-holds-more",
    ),
    pytest.param(ACTIONS, vocabulary(standard=cases.with_part(STANDARD, "PlanAction", NEW)), id="a-new-part-of-an-object"),
    pytest.param(
        ACTIONS,
        vocabulary(
            standard=cases.with_part(
                STANDARD, "PlanAction", msgspec.structs.replace(STANDARD.objects["PlanAction"]["who"], third_party=False)
            )
        ),
        id="a-part-no-longer-marked-as-about-other-people",
    ),
]


@pytest.mark.parametrize(("text", "wider"), WIDER)
def test_a_vocabulary_widened_after_signing_widens_nothing(tmp_path: Path, text: str, wider: Vocabulary) -> None:
    before = shown(signed(tmp_path, text))
    agreement = read_agreement(tmp_path / "isa-07.md", wider)
    signed_then = set(stored(tmp_path)["grants"])
    assert set(expand(agreement, wider)) - signed_then, "this change would widen what was signed"
    assert shown(load_agreements(tmp_path, wider)) <= before


def test_a_part_that_came_later_takes_its_whole_field_out_of_force(tmp_path: Path) -> None:
    assert {line[5] for line in shown(signed(tmp_path, ACTIONS))} == {"actions", "state"}
    wider = vocabulary(standard=cases.with_part(STANDARD, "PlanAction", NEW))
    assert {line[5] for line in shown(load_agreements(tmp_path, wider))} == {"state"}


@pytest.mark.parametrize(
    ("text", "narrower", "left"),
    [
        pytest.param(
            TIERED,
            vocabulary(standard=cases.with_field(STANDARD, "HealthContact", msgspec.structs.replace(CONTACT.fields["setting"], tier="T4"))),
            set(),
            id="a-fields-tier-raised",
        ),
        pytest.param(
            page(),
            vocabulary(standard=cases.with_kind(STANDARD, msgspec.structs.replace(CONCERN, tier="T4"))),
            set(),
            id="a-kinds-tier-raised",
        ),
        pytest.param(
            page(),
            vocabulary(sources={"northshire-police": SourceFacts("northshire-nhs", frozenset({"WellbeingConcern"}))}),
            set(),
            id="a-source-changes-hands",
        ),
        pytest.param(
            ALL_CONCERNS.replace('"all"', '["summary", "strengths"]').replace(
                "every field of standard 1.0 but those about other people", "summary, strengths"
            ),
            vocabulary(
                standard=cases.with_field(STANDARD, "WellbeingConcern", msgspec.structs.replace(CONCERN.fields["summary"], tier="T4"))
            ),
            {"strengths"},
            id="one-of-two-fields-raised",
        ),
    ],
)
def test_a_vocabulary_narrowed_after_signing_narrows_at_once(tmp_path: Path, text: str, narrower: Vocabulary, left: set[str]) -> None:
    signed(tmp_path, text)
    assert {line[5] for line in shown(load_agreements(tmp_path, narrower))} == left


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_no_single_altered_byte_of_the_text_is_in_force(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), TEXT)
        (Path(folder) / "isa-07.signed.toml").write_bytes(SIGNED)
        at = data.draw(st.integers(0, len(TEXT) - 1))
        byte = data.draw(st.integers(0, 255).filter(lambda value: value != TEXT[at]))
        path.write_bytes(TEXT[:at] + bytes([byte]) + TEXT[at + 1 :])
        assert in_force(Path(folder)) == set()


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_no_single_altered_byte_of_a_grant_is_in_force(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), TEXT)
        at = data.draw(st.integers(SIGNED.index(b'"'), SIGNED.index(b"]") - 1))
        byte = data.draw(st.integers(0, 255).filter(lambda value: value != SIGNED[at]))
        altered = SIGNED[:at] + bytes([byte]) + SIGNED[at + 1 :]
        (Path(folder) / "isa-07.signed.toml").write_bytes(altered)
        assert same_grants(altered) or in_force(Path(folder)) == set()


def in_force(folder: Path) -> set[tuple[str, ...]]:
    try:
        return shown(load_agreements(folder, vocabulary()))
    except ConfigurationError:
        return set()


def same_grants(raw: bytes) -> bool:
    """Whether an altered file still holds the very same lines (a comma's blank became another blank, say)."""
    try:
        return bool(tomllib.loads(raw.decode())["grants"] == tomllib.loads(SIGNED.decode())["grants"])
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError):
        return False


def _sample() -> tuple[bytes, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), page())
        sign(path)
        return path.read_bytes(), (Path(folder) / "isa-07.signed.toml").read_bytes()


TEXT, SIGNED = _sample()
