"""What a clause asks for: the sentences that say it, the hash that signs it, and what cannot be asked for here."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.agreements import Vocabulary, expand, fair_copy, read_agreement
from portal.agreements.conditions import Conditions, OnlyBroken
from portal.agreements.documents import Clause, KindTerms, Terms
from portal.agreements.grants import conditions_hash, grants_in
from portal.agreements.wording import asked_of
from tests.portal.agreement_cases import bare, clause, mistakes_of, page, vocabulary, write

LAWFUL = '{ article6 = "e", article9 = "g", article10 = "Sch.1 para.18", power = "an Act" }'


def words(*vouching: str) -> Vocabulary:
    """A federation whose police hold police records, and in which these agencies can say who works with a child."""
    plain = vocabulary().sources
    sources = {id: msgspec.structs.replace(facts, vouches=facts.agency in vouching) for id, facts in plain.items()}
    return vocabulary(sources={**sources, "northshire-police": msgspec.structs.replace(sources["northshire-police"], police=True)})


SAID = [
    pytest.param('consent = "required"', ["Only if consent to this is in force."], id="consent"),
    pytest.param('objection = "counts"', ["Not if there is an objection to this."], id="objection"),
    pytest.param(
        'relationship = "declared"', ["Only if some agency, or the asker, says that the asker works with the child."], id="declared"
    ),
    pytest.param(
        'relationship = "own-agency"',
        ["Only if some agency, the asker's own or another, says that the asker works with the child."],
        id="own-agency",
    ),
    pytest.param(
        'relationship = "other-agency"',
        ["Only if an agency other than the asker's own says that the asker works with the child."],
        id="other-agency",
    ),
    pytest.param('history = "P5Y"', ["Nothing that is more than 5 years old."], id="years"),
    pytest.param('history = "P1Y"', ["Nothing that is more than 1 year old."], id="one-year"),
    pytest.param('history = "P18M"', ["Nothing that is more than 18 months old."], id="months"),
    pytest.param('history = "P30D"', ["Nothing that is more than 30 days old."], id="days"),
    pytest.param("ages = [4, 18]", ["Only for children from 4 to under 18 years old."], id="ages"),
    pytest.param("ages = [0, 5]", ["Only for children under 5 years old."], id="the-youngest"),
    pytest.param("ages = [16, 21], until = 21", ["Only for children and young people from 16 to under 21 years old."], id="grown-up"),
    pytest.param("until = 26", ["It goes on after the age of 18, to under 26 years old."], id="until"),
    pytest.param('reason = "required"', ["The asker must give a reason in words."], id="reason"),
    pytest.param('assurance = "aal2"', ["The asker must have signed in at aal2 or stronger."], id="assurance"),
    pytest.param('informing = "before"', ["The family must have been told before."], id="told-before"),
    pytest.param('informing = "after"', ["The family must be told after."], id="told-after"),
    pytest.param(
        'handling = "ask the hub first"',
        ['So are police records that may be shared on a condition, which is: "ask the hub first".'],
        id="handling",
    ),
    pytest.param(
        'notify = ["hillview-school", "northshire-police"]',
        ["hillview-school and northshire-police will be told that something was shown, but not of whom."],
        id="notify",
    ),
    pytest.param(
        'break_glass = { reasons = ["immediate-danger", "missing-child"], minutes = 30 }',
        ["Only when the glass is broken, for immediate-danger or missing-child, and then for 30 minutes."],
        id="break-glass",
    ),
    pytest.param(
        'notify = ["hillview-school"], reason = "required", consent = "required"',
        [
            "Only if consent to this is in force.",
            "The asker must give a reason in words.",
            "hillview-school will be told that something was shown, but not of whom.",
        ],
        id="always-in-the-same-order",
    ),
    pytest.param('match = "LINK"', [], id="what-every-clause-asks-for"),
]


@pytest.mark.parametrize(("conditions", "said"), SAID)
def test_each_condition_is_said_in_a_sentence_of_its_own(tmp_path: Path, conditions: str, said: list[str]) -> None:
    federation = words("northshire-police", "hillview-school")
    plain = read_agreement(write(tmp_path, page(clause(basis=LAWFUL))), federation).clauses[0].short
    text = page(clause(basis=LAWFUL, conditions=f"{{ {conditions} }}"))
    assert read_agreement(write(tmp_path, text), federation).clauses[0].short == " ".join([plain, *said])


def test_every_condition_there_is_is_said() -> None:
    """A condition added later, and forgotten in the wording, would be signed unread."""
    asking: dict[str, object] = {
        "consent": "required", "objection": "counts", "relationship": "declared", "history": "P1Y", "ages": (1, 2), "until": 20,
        "reason": "required", "assurance": "aal2", "informing": "after", "handling": "x", "notify": ("a",),
        "break_glass": OnlyBroken(reasons=("danger",)),
    }  # fmt: skip
    assert asking.keys() | {"match"} == set(Conditions.__struct_fields__)
    for key, value in asking.items():
        assert len(asked_of(Conditions(**{key: value}))) == 1, key  # type: ignore[arg-type]


conditions_drawn = st.builds(
    Conditions,
    consent=st.sampled_from(["required", "not-required"]),
    objection=st.sampled_from(["counts", "does-not-count"]),
    relationship=st.sampled_from(["none", "declared", "own-agency", "other-agency"]),
    history=st.sampled_from([None, "P1Y", "P2Y", "P2M", "P2D"]),
    ages=st.sampled_from([None, (0, 5), (4, 18)]),
    reason=st.sampled_from(["required", "optional"]),
    assurance=st.sampled_from([None, "aal1", "aal2"]),
    informing=st.sampled_from([None, "before", "after"]),
    handling=st.sampled_from([None, "ask", "wait"]),
    notify=st.sampled_from([(), ("a",), ("a", "b")]),
    break_glass=st.sampled_from([None, OnlyBroken(reasons=("danger",)), OnlyBroken(reasons=("danger",), minutes=5)]),
)


def hashed(conditions: Conditions) -> str:
    kinds = {"Flag": KindTerms(fields="all", ceiling="T3")}
    terms = Terms(from_=("a",), to=("b",), roles=("c",), purposes=("d",), kinds=kinds, conditions=conditions)
    return conditions_hash(Clause(number=1, title="", terms=terms, short=""))


@given(first=conditions_drawn, second=conditions_drawn)
def test_two_clauses_that_ask_for_different_things_differ_in_sentence_and_in_hash(first: Conditions, second: Conditions) -> None:
    assert (first == second) == (asked_of(first) == asked_of(second)) == (hashed(first) == hashed(second))


def test_the_hash_is_that_of_the_contract(tmp_path: Path) -> None:
    conditions = '{ reason = "required", ages = [4, 18], break_glass = { reasons = ["missing-child"] }, consent = "not-required" }'
    agreement = read_agreement(write(tmp_path, page(clause(conditions=conditions))), vocabulary())
    said = (
        '{"conditions":{"ages":[4,18],"break_glass":{"minutes":60,"reasons":["missing-child"]},"reason":"required"},'
        '"when":{"ends":"2028-08-31","starts":"2026-09-01"}}'
    )
    assert {grant.conditions for grant in grants_in(expand(agreement, vocabulary()))} == {hashlib.sha256(said.encode()).hexdigest()}


def test_conditions_may_stand_in_a_table_of_their_own_or_key_by_key(tmp_path: Path) -> None:
    inline = page(clause(conditions='{ reason = "required", history = "P1Y" }'))
    dotted = bare(clause(**{"conditions.reason": '"required"', "conditions.history": '"P1Y"'}))
    table = bare(clause(when=None, basis='{ article6 = "e" }\n\n[conditions]\nreason = "required"\nhistory = "P1Y"'))
    shorts = []
    for text in (inline, fair_copy(dotted.encode(), "isa-07.md").decode(), fair_copy(table.encode(), "isa-07.md").decode()):
        shorts.append(read_agreement(write(tmp_path, text), vocabulary()).clauses[0].short)
    assert shorts[0] == shorts[1]
    assert all(short.endswith("Nothing that is more than 1 year old. The asker must give a reason in words.") for short in shorts)


@pytest.mark.parametrize(
    ("weakest", "vouching", "found"),
    [
        pytest.param("declared", (), [], id="the-asker-is-enough"),
        pytest.param("own-agency", (), ["CV224"], id="nobody"),
        pytest.param("own-agency", ("hillview-school",), [], id="its-own"),
        pytest.param("own-agency", ("northshire-police",), [], id="another-is-stronger"),
        pytest.param("other-agency", ("hillview-school",), ["CV224"], id="its-own-is-not-another"),
        pytest.param("other-agency", ("northshire-police",), [], id="another"),
    ],
)
def test_a_relationship_is_asked_for_only_where_somebody_can_vouch(
    tmp_path: Path, weakest: str, vouching: tuple[str, ...], found: list[str]
) -> None:
    text = page(clause(basis=LAWFUL, conditions=f'{{ relationship = "{weakest}" }}'))
    assert [mistake.id for mistake in mistakes_of(tmp_path, text, words=words(*vouching))] == found


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        pytest.param("ages = [0, 18]", [], id="children"),
        pytest.param("ages = [4, 4]", ["CV223"], id="nobody"),
        pytest.param("ages = [16, 21]", ["CV223"], id="grown-up-and-no-until"),
        pytest.param("ages = [16, 21], until = 21", [], id="until-where-the-ages-stop"),
        pytest.param("ages = [16, 21], until = 25", ["CV223"], id="until-later-than-the-ages"),
        pytest.param("ages = [4, 18], until = 21", ["CV223"], id="until-that-the-ages-take-back"),
        pytest.param("until = 18", ["CV223"], id="until-what-holds-anyway"),
        pytest.param("until = 19", [], id="until"),
        pytest.param("until = 200", ["CV204"], id="older-than-anybody"),
    ],
)
def test_ages_that_cannot_be_are_refused(tmp_path: Path, conditions: str, found: list[str]) -> None:
    text = bare(clause(conditions=f"{{ {conditions} }}"))
    assert [mistake.id for mistake in mistakes_of(tmp_path, text) if mistake.id != "CV205"] == found


@pytest.mark.parametrize("said", ['x". Shown to all', "see [here](x)", "a <b>", "&amp;", " first", "a" * 201, "wait. Then", "a_b", "* a"])
def test_the_condition_of_the_police_cannot_be_taken_for_another_sentence(tmp_path: Path, said: str) -> None:
    text = bare(clause(basis=LAWFUL, conditions=f"{{ handling = '{said}' }}"))
    assert "CV226" in [mistake.id for mistake in mistakes_of(tmp_path, text, words=words())]
