"""Agreements: Markdown files that partners sign, and that decide what may be shown to whom.

documents.py reads a file, grants.py expands it to the lines that are signed, signatures.py signs and verifies,
register.py loads a folder, rules.py makes it ready for deciding.
"""

from portal.agreements.documents import Agreement, Clause, read_agreement
from portal.agreements.faircopy import fair_copy
from portal.agreements.grants import Grant, expand, grants_hash, signed_bytes
from portal.agreements.register import (
    Agreements,
    Entry,
    Listed,
    check,
    load_agreements,
    refuse_gone,
    refuse_older,
    refuse_replaced,
    refuse_unsigned,
    show,
)
from portal.agreements.rules import RuleSet, Term, as_day
from portal.agreements.signatures import Signature, Signed, SignOff, sign_off
from portal.agreements.vocabulary import IssuerFacts, SourceFacts, Vocabulary, mapping_of
from portal.agreements.wording import in_short

__all__ = [
    "Agreement",
    "Agreements",
    "Clause",
    "Entry",
    "Grant",
    "IssuerFacts",
    "Listed",
    "RuleSet",
    "SignOff",
    "Signature",
    "Signed",
    "SourceFacts",
    "Term",
    "Vocabulary",
    "as_day",
    "check",
    "expand",
    "fair_copy",
    "grants_hash",
    "in_short",
    "load_agreements",
    "mapping_of",
    "read_agreement",
    "refuse_gone",
    "refuse_older",
    "refuse_replaced",
    "refuse_unsigned",
    "show",
    "sign_off",
    "signed_bytes",
]
