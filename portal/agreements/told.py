"""What a family is told when they are asked for consent, as a hash: a consent is to those words, and to no others.

The words are the ``In short:`` sentences, which say all that a clause's block decides. When a sentence changes, what was said to the
earlier one is no consent any more. Pure.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal.agreements.documents import Agreement, Clause


def told_of(agreement: Agreement, clause: int | None) -> str:
    """SHA-256, in hex, of the ``In short:`` sentence of one clause; of the whole agreement (None) those of every clause that rests on
    consent, in their order, joined by LF. Raises LookupError when there is no such clause.
    """
    chosen = [each for each in agreement.clauses if each.number == clause] if clause is not None else resting_on_consent(agreement)
    if clause is not None and not chosen:
        raise LookupError("no such clause")
    return hashlib.sha256("\n".join(each.short for each in chosen).encode()).hexdigest()


def resting_on_consent(agreement: Agreement) -> list[Clause]:
    """The clauses under which something is shown only with consent, in their order."""
    return [each for each in agreement.clauses if each.terms.conditions.consent == "required"]
