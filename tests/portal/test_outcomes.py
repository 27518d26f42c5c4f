"""The words for an outcome: others where the asker can mend it, and never fewer than say what it means and what to do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from portal.agreements.readability import age_of
from portal.outcomes import SAYS, SAYS_WHY, Outcome, says
from tests.documentation import page

NOW = datetime(2026, 11, 22, 10, 42, tzinfo=UTC)


def outcome(state: str, reason: str | None) -> Outcome:
    return Outcome(source="northshire-police", kind="PoliceEvent", state=state, reason=reason)  # type: ignore[arg-type]


@pytest.mark.parametrize(("state", "reason"), sorted(SAYS_WHY))
def test_what_the_asker_can_mend_is_said_by_its_reason(state: str, reason: str) -> None:
    told = says(state, "Northshire Police", NOW, outcome(state, reason))  # type: ignore[arg-type]
    assert "Northshire Police" in told
    assert "phone" in told
    assert told != says(state, "Northshire Police", NOW, outcome(state, None))  # type: ignore[arg-type]
    assert told != SAYS[state]  # type: ignore[index]


def test_another_reason_and_another_outcome_keep_their_words() -> None:
    plain = says("NOT_PERMITTED", "Northshire Police", NOW)
    assert says("NOT_PERMITTED", "Northshire Police", NOW, outcome("NOT_PERMITTED", "role")) == plain
    assert says("NOTHING_TO_SHOW", "Northshire Police", NOW, outcome("NOTHING_TO_SHOW", "voucher-silent")) == says(
        "NOTHING_TO_SHOW", "Northshire Police", NOW
    )


@pytest.mark.parametrize("words", SAYS_WHY.values())
def test_the_words_are_plain_and_written_down(words: str) -> None:
    assert f"| {words} |" in page("reference/outcomes.md")
    assert (age_of(words.replace("{name}", "Police")) or 99) <= 11
