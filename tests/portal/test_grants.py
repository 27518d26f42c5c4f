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
from portal.agreements import (
    Agreement,
    Agreements,
    IssuerFacts,
    SourceFacts,
    Vocabulary,
    expand,
    load_agreements,
    mapping_of,
    read_agreement,
    sign_off,
    signed_bytes,
)
from portal.agreements.grants import Grant, Standing, grants_in, standing_lines, standing_of
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


def grants(agreement: Agreement, words: Vocabulary) -> list[str]:
    """The lines of an agreement that give or refuse."""
    return [grant.line for grant in grants_in(expand(agreement, words))]


def test_an_agreement_expands_to_one_line_for_each_field(tmp_path: Path) -> None:
    agreement = read_agreement(write(tmp_path, page()), vocabulary())
    assert grants(agreement, vocabulary()) == [
        f"{POLICE_TO_SCHOOL}\t{field}\tT3\tT3\t{CONDITIONS}" for field in ("indicators", "occurredOn", "summary")
    ]


def test_the_lines_are_those_of_every_source_role_and_purpose(tmp_path: Path) -> None:
    words = vocabulary(sources={**vocabulary().sources, "police-2": SourceFacts("northshire-police", frozenset({"WellbeingConcern"}))})
    text = page(clause(roles='["named_person", "health_visitor"]', purposes='["child-protection", "early-help"]', when=None))
    lines = grants(read_agreement(write(tmp_path, text), words), words)
    assert len(lines) == 2 * 2 * 2 * 3
    assert lines == sorted(lines)
    assert {line.split("\t")[8] for line in lines} == {hashlib.sha256(b'{"conditions":{},"when":{}}').hexdigest()}


def test_all_means_every_field_of_that_standard_but_those_about_other_people(tmp_path: Path) -> None:
    text = page(clause(kinds='{ WellbeingConcern = { fields = "all", ceiling = "T4" } }'))
    lines = grants(read_agreement(write(tmp_path, text), vocabulary()), vocabulary())
    named = {line.split("\t")[5] for line in lines}
    assert named == {name for name, field in STANDARD.kinds["WellbeingConcern"].fields.items() if not field.third_party} - ALWAYS
    assert "parentsView" in STANDARD.kinds["WellbeingConcern"].fields
    assert "parentsView" not in named


def test_a_field_about_other_people_is_given_where_the_clause_names_it(tmp_path: Path) -> None:
    text = page(clause(kinds='{ WellbeingConcern = { fields = ["parentsView"], ceiling = "T3" } }'))
    assert [line.split("\t")[5] for line in grants(read_agreement(write(tmp_path, text), vocabulary()), vocabulary())] == ["parentsView"]


def test_a_field_above_the_ceiling_is_no_grant(tmp_path: Path) -> None:
    text = nhs('{ HealthContact = { fields = ["detail", "outcome"], ceiling = "T3", existence = "T4" } }')
    assert {line.split("\t")[5] for line in grants(read_agreement(write(tmp_path, text), vocabulary()), vocabulary())} == {"outcome"}


def test_a_kind_wholly_above_the_ceiling_gives_its_existence_alone(tmp_path: Path) -> None:
    text = page(clause(kinds='{ PoliceEvent = { fields = ["typeGroup"], ceiling = "T3", existence = "T4" } }'))
    lines = grants(read_agreement(write(tmp_path, text), vocabulary()), vocabulary())
    assert [line.split("\t")[5:8] for line in lines] == [["-", "T3", "T4"]]
    hidden = page(clause(kinds='{ PoliceEvent = { fields = ["typeGroup"], ceiling = "T3" } }'))
    assert grants(read_agreement(write(tmp_path, hidden), vocabulary()), vocabulary()) == []


def test_a_field_that_holds_objects_is_signed_with_its_parts(tmp_path: Path) -> None:
    text = nhs('{ ChildPlan = { fields = ["actions"], ceiling = "T3" } }')
    named = {line.split("\t")[5] for line in grants(read_agreement(write(tmp_path, text), vocabulary()), vocabulary())}
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
        pytest.param(_replace("northshire-police\t", "northshire-nhs\t"), "CV215", id="a-source-is-altered"),
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


def police_as(**facts: Any) -> dict[str, SourceFacts]:
    """The federation's sources, some facts of the police's changed."""
    sources = vocabulary().sources
    return {**sources, "northshire-police": msgspec.structs.replace(sources["northshire-police"], **facts)}


def issuer_as(**facts: Any) -> dict[str, IssuerFacts]:
    return {cases.ISSUER: msgspec.structs.replace(vocabulary().issuers[cases.ISSUER], **facts)}


RAISED = vocabulary(sources=police_as(tier="T4", police=True), sensitive_services=frozenset({"camhs", "refuge"}))
LAWFUL = page(clause(basis='{ article6 = "e", article9 = "g", part3 = "s.35", power = "CYP(S)A 2014 s.96" }'))
FEW = vocabulary(issuers=issuer_as(roles=frozenset({"duty_officer"})))


def lines_of(folder: Path, words: Vocabulary, text: str = LAWFUL) -> list[str]:
    return standing_lines(read_agreement(write(folder, text), words), words)


def test_the_standing_lines_are_those_of_the_contract(tmp_path: Path) -> None:
    assert lines_of(tmp_path, RAISED) == [
        "-\t-\t-\t-\t(service)\tcamhs\t-\t-\t-",
        "-\t-\t-\t-\t(service)\trefuge\t-\t-\t-",
        f"{cases.ISSUER}\thillview-school\tnamed_person\t-\t(issuer)\t-\t-\t-\t{cases.MAPPING}",
        "northshire-police\t-\t-\t-\t(source)\tpolice\t-\t-\t-",
        "northshire-police\t-\t-\t-\t(source)\ttier\tT4\t-\t-",
    ]
    assert set(lines_of(tmp_path, RAISED)) <= set(expand(read_agreement(tmp_path / "isa-07.md", RAISED), RAISED))


def test_what_standing_lines_say_can_be_read_back(tmp_path: Path) -> None:
    lines = expand(read_agreement(write(tmp_path, LAWFUL), RAISED), RAISED)
    assert standing_of(lines) == Standing(
        services=frozenset({"camhs", "refuge"}),
        tiers={"northshire-police": "T4"},
        police=frozenset({"northshire-police"}),
        asserted=frozenset({(cases.ISSUER, "hillview-school", "named_person", cases.MAPPING)}),
    )
    assert standing_of([]) == Standing()
    assert {grant.kind for grant in grants_in(lines)} == {"WellbeingConcern"}


K = '{ WellbeingConcern = { fields = ["summary"], ceiling = "T3", existence = "T3" } }'
VOUCHED = page(clause(kinds=K, conditions='{ relationship = "own-agency" }'))
CONSENTED = page(clause(kinds=K, conditions='{ consent = "required" }'), clause(2, kinds=K))


def vouching(*names: str, **changed: Any) -> Vocabulary:
    """Sources that say who works with a child; ``fly`` is of an agency that is no partner."""
    sources = {**vocabulary().sources, "fly": SourceFacts("northshire-nhs", frozenset({"Involvement"}))}
    named = {id: msgspec.structs.replace(source, vouches=id in names) for id, source in sources.items()}
    return vocabulary(sources=named, **changed)


@pytest.mark.parametrize("weakest", ["declared", "own-agency"])
def test_which_sources_vouch_is_signed_where_a_clause_wants_to_know(tmp_path: Path, weakest: str) -> None:
    words, line = vouching("hillview-mis", "fly"), "hillview-mis\thillview-school\t-\t-\t(source)\tvouches\t-\t-\t-"
    text = page(clause(kinds=K, conditions=f'{{ relationship = "{weakest}" }}'))
    assert [each for each in lines_of(tmp_path, words, text) if "vouches" in each] == [line], "whoever is no partner vouches for nobody"
    assert standing_of([line]).vouchers == {("hillview-mis", "hillview-school")}
    assert not any("vouches" in each for each in lines_of(tmp_path, words, page()))


@pytest.mark.parametrize(
    ("then", "now", "left"),
    [
        pytest.param(("hillview-mis",), ("hillview-mis", "northshire-police"), {"hillview-mis"}, id="one-more-of-a-partner"),
        pytest.param(("hillview-mis",), ("hillview-mis", "fly"), {"hillview-mis"}, id="one-more-of-a-stranger"),
        pytest.param(("hillview-mis", "northshire-police"), ("hillview-mis",), {"hillview-mis"}, id="one-less"),
    ],
)
def test_only_sources_vouch_that_were_signed_and_still_can(
    tmp_path: Path, then: tuple[str, ...], now: tuple[str, ...], left: set[str]
) -> None:
    sign(write(tmp_path, VOUCHED), vouching(*then))
    assert {term.vouchers for term in load_agreements(tmp_path, vouching(*now)).rules.terms} == {frozenset(left)}


@pytest.mark.parametrize("to", ["northshire-nhs", "hillview-school"], ids=["to-a-stranger", "to-another-partner"])
def test_a_signed_source_that_changes_hands_vouches_no_more(tmp_path: Path, to: str) -> None:
    """Else a word of the asker's own agency could pass for another's."""
    words = vouching("hillview-mis", "northshire-police")
    sign(write(tmp_path, VOUCHED), words)
    moved = msgspec.structs.replace(words.sources["northshire-police"], agency=to)
    agreements = load_agreements(tmp_path, msgspec.structs.replace(words, sources={**words.sources, "northshire-police": moved}))
    assert all(term.vouchers <= {"hillview-mis"} for term in agreements.rules.terms)


def test_whose_law_it_is_is_signed_and_nothing_that_rests_on_it_holds_under_another(tmp_path: Path) -> None:
    line = "-\t-\t-\t-\t(jurisdiction)\tscotland\t-\t-\t-"
    assert line in lines_of(tmp_path, vocabulary(), CONSENTED)
    assert not any("(jurisdiction)" in each for each in lines_of(tmp_path, vocabulary(), page()))
    sign(write(tmp_path, CONSENTED))
    here, abroad = (load_agreements(tmp_path, vocabulary(jurisdiction=law)) for law in ("scotland", "england"))
    assert [term.number for term in here.rules.terms if term.granted] == [1, 2]
    assert [term.number for term in abroad.rules.terms if term.granted] == [2]
    sign(tmp_path / "isa-07.md", vocabulary(jurisdiction="england"))
    assert [term.number for term in load_agreements(tmp_path, vocabulary(jurisdiction="england")).rules.terms if term.granted] == [1, 2]


def test_standing_lines_refuse_nobody(tmp_path: Path) -> None:
    assert not any(Grant(*line.split("\t")).refuses for line in lines_of(tmp_path, RAISED))
    sign(write(tmp_path, LAWFUL), RAISED)
    later = vocabulary()
    terms = load_agreements(tmp_path, later).rules.terms
    assert terms
    assert not any(term.refuses for term in terms), "a line that nothing expands to any more is no refusal for that"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("northshire-police\t-\t-\t-\t(source)\ttier\tT9\t-\t-", id="a-tier-there-is-not"),
        pytest.param("northshire-police\t-\t-\t-\t(later)\ttier\tT4\t-\t-", id="a-kind-of-a-later-release"),
        pytest.param("-\t-\t-\t-\t(service)\tcamhs", id="too-short"),
        pytest.param("-\t-\t-\t-\t(service)\tca\tmhs\t-\t-\t-", id="parted-by-a-tab"),
    ],
)
def test_a_line_that_is_not_understood_says_nothing(line: str) -> None:
    assert standing_of([line]) == Standing()


def test_of_two_tiers_the_higher_counts() -> None:
    tiers = [f"northshire-police\t-\t-\t-\t(source)\ttier\t{tier}\t-\t-" for tier in ("T3", "T4", "T2")]
    assert standing_of(tiers).tiers == {"northshire-police": "T4"}


#: (what partners signed, what an operator made of it afterwards): each would let more out, if only today's file counted.
LOOSENED = [
    pytest.param(RAISED, vocabulary(sources=police_as(police=True), sensitive_services=RAISED.sensitive_services), id="a-tier-lowered"),
    pytest.param(RAISED, vocabulary(sources=police_as(tier="T4"), sensitive_services=RAISED.sensitive_services), id="police-no-more"),
    pytest.param(RAISED, vocabulary(sources=RAISED.sources), id="a-service-struck-out"),
    pytest.param(RAISED, vocabulary(), id="all-of-it"),
    pytest.param(
        vocabulary(sources=police_as(tier="T4")), vocabulary(sources=police_as(tier="T2")), id="a-tier-lowered-but-not-taken-away"
    ),
]


@pytest.mark.parametrize(("then", "now"), LOOSENED)
def test_a_fact_loosened_after_signing_holds_as_it_was_signed(tmp_path: Path, then: Vocabulary, now: Vocabulary) -> None:
    sign(write(tmp_path, LAWFUL), then)
    before, after = load_agreements(tmp_path, then), load_agreements(tmp_path, now)
    assert shown(after) <= shown(before)
    assert facts(after) == facts(before)
    assert standing_of(stored(tmp_path)["grants"]) == standing_of(lines_of(tmp_path, then))
    assert set(lines_of(tmp_path, then)) - set(lines_of(tmp_path, now)), "this change would have loosened what was signed"


def facts(agreements: Agreements) -> set[tuple[Any, ...]]:
    """What no record of a source may be less than: its tier, whether it is of the police, the services that raise it."""
    return {(term.source, term.kind, term.floor, term.police, term.sensitive) for term in agreements.rules.terms}


def test_a_fact_tightened_after_signing_holds_at_once(tmp_path: Path) -> None:
    sign(write(tmp_path, LAWFUL), vocabulary())
    assert {(term.floor, term.police) for term in load_agreements(tmp_path, vocabulary()).rules.terms} == {("T1", False)}
    assert {(term.floor, term.police) for term in load_agreements(tmp_path, RAISED).rules.terms} == {("T4", True)}


WIDER_ISSUERS = [
    pytest.param(FEW, vocabulary(), id="an-issuer-may-assert-another-role"),
    pytest.param(vocabulary(issuers=issuer_as(agencies=frozenset({"northshire-nhs"}))), vocabulary(), id="another-agency"),
    pytest.param(vocabulary(), vocabulary(issuers=issuer_as(mapping=cases.MAPPING[::-1])), id="roles-are-read-from-another-claim"),
    pytest.param(
        FEW,
        vocabulary(
            issuers={**FEW.issuers, "https://id.evil.example": msgspec.structs.replace(vocabulary().issuers[cases.ISSUER], named="x")}
        ),
        id="another-issuer",
    ),
    pytest.param(
        vocabulary(),
        vocabulary(issuers={"https://id.evil.example": msgspec.structs.replace(vocabulary().issuers[cases.ISSUER], named="x")}),
        id="another-issuer-in-its-place",
    ),
]


@pytest.mark.parametrize(("then", "now"), WIDER_ISSUERS)
def test_nobody_new_may_say_that_somebody_holds_a_role(tmp_path: Path, then: Vocabulary, now: Vocabulary) -> None:
    sign(write(tmp_path, page()), then)
    assert asserted(load_agreements(tmp_path, now)) <= asserted(load_agreements(tmp_path, then))
    assert set(lines_of(tmp_path, now, page())) - set(stored(tmp_path)["grants"]), "this change would widen what was signed"


def asserted(agreements: Agreements) -> set[tuple[str, str, str]]:
    return {each for term in agreements.rules.terms for each in term.asserted}


def test_an_issuer_may_move_where_the_federation_calls_it_by_a_name(tmp_path: Path) -> None:
    """Its address may stand in the environment: what is signed is how the file names it."""
    sign(write(tmp_path, page()), vocabulary(issuers={"http://127.0.0.1:1/x": issuer_as(named="env:ISSUER")[cases.ISSUER]}))
    moved = vocabulary(issuers={"http://127.0.0.1:2/x": issuer_as(named="env:ISSUER")[cases.ISSUER]})
    assert asserted(load_agreements(tmp_path, moved)) == {("http://127.0.0.1:2/x", "hillview-school", "named_person")}


@pytest.mark.parametrize("changed", ["person", "agency", "roles", "assurance"])
def test_the_mapping_changes_with_every_claim(changed: str) -> None:
    claims = {"person": "sub", "agency": "org", "roles": "roles", "assurance": "acr"}
    plain = mapping_of(claims, "urn:x", ("aal1", "aal2"))
    assert mapping_of({**claims, changed: "other"}, "urn:x", ("aal1", "aal2")) != plain
    assert mapping_of(claims, "urn:y", ("aal1", "aal2")) != plain
    assert mapping_of(claims, "urn:x", ("aal2", "aal1")) != plain


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
                f"every field of standard {STANDARD.version} but those about other people", "summary, strengths"
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
        at = data.draw(st.integers(SIGNED.index(b"'"), SIGNED.index(b"]") - 1))
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
