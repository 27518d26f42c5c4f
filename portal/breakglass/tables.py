"""Where breakings of the glass and their reviews stand.

The practitioner is named, as in the access log: somebody has to answer for it. The child stands under lasting pseudonyms alone, words
are sealed to the auditors' key. Moments are UTC text as the access log writes them, which sorts.
"""

from __future__ import annotations

from sqlalchemy import Column, Date, ForeignKey, Index, MetaData, String, Table, Text, UniqueConstraint

TABLES = MetaData()

#: One row for each sign-in that broke the glass.
BREAKINGS = Table(
    "breakings",
    TABLES,
    Column("id", String(32), primary_key=True),
    Column("session", String(64), nullable=False, unique=True),
    Column("practitioner", Text, nullable=False),
    Column("agency", String(63), nullable=False),
    Column("reason", String(63), nullable=False),
    Column("at", String(24), nullable=False),
    Column("until", String(24), nullable=False),
    Column("words", Text, nullable=False),
)
#: What was said in words at each later question of a breaking: ``words`` above are those of the first.
LATER_WORDS = Table(
    "breakings_words",
    TABLES,
    Column("id", String(32), primary_key=True),
    Column("breaking", String(32), ForeignKey(BREAKINGS.c.id), nullable=False, index=True),
    Column("access", String(32), nullable=False),
    Column("at", String(24), nullable=False),
    Column("words", Text, nullable=False),
)
ABOUT = Table(
    "breakings_about",
    TABLES,
    Column("breaking", String(32), ForeignKey(BREAKINGS.c.id), primary_key=True),
    Column("pseudonym", String(64), primary_key=True),
    Column("what", Text, nullable=False),
)
#: One row for each agency whose records a breaking opened.
REVIEWS = Table(
    "reviews",
    TABLES,
    Column("id", String(32), primary_key=True),
    Column("breaking", String(32), ForeignKey(BREAKINGS.c.id), nullable=False),
    Column("agency", String(63), nullable=False),
    Column("access", String(32), nullable=False),
    Column("opened_at", String(24), nullable=False),
    Column("due", Date, nullable=False),
    Column("closed_at", String(24)),
    Column("closed_by", Text),
    Column("outcome", String(16)),
    Column("closing", Text),
    Column("overdue_told", String(24)),
    UniqueConstraint("breaking", "agency"),
    Index("reviews_of_agency", "agency", "closed_at"),
    Index("reviews_overdue", "closed_at", "overdue_told", "due"),
)
