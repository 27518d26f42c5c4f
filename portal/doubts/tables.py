"""Where it stands that somebody took a record for another child's.

The reporter is named, as in the access log: somebody has to answer for it. The person at the source stands under a lasting mark alone,
never its id; words are sealed to the auditors' key. Moments are UTC text as the access log writes them, which sorts.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, MetaData, String, Table, Text

TABLES = MetaData()

#: One row for each report. It stands until ``ended_at``.
DOUBTS = Table(
    "doubts",
    TABLES,
    Column("id", String(16), primary_key=True),
    Column("source", Text, nullable=False),
    Column("reporter", Text, nullable=False),
    Column("agency", String(63), nullable=False),
    Column("access", String(32), nullable=False),
    Column("at", String(24), nullable=False),
    Column("words", Text, nullable=False),
    Column("ended_at", String(24)),
    Index("doubts_of_source", "source", "ended_at"),
)
#: The persons it is about: several when they were shown as records of one child.
ABOUT = Table(
    "doubts_about",
    TABLES,
    Column("doubt", String(16), ForeignKey(DOUBTS.c.id), primary_key=True),
    Column("person", String(64), primary_key=True),
    Index("doubts_about_whom", "person"),
)
#: What officers have found; ``UNCLEAR`` ends nothing, and another one may follow.
CLOSINGS = Table(
    "doubts_closings",
    TABLES,
    Column("doubt", String(16), ForeignKey(DOUBTS.c.id), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("at", String(24), nullable=False),
    Column("by", Text, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("words", Text, nullable=False),
)
