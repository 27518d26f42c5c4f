"""Families with known truth, and how well a matcher does on them: ``python -m tests.bench.families --queries 500 --mode plain``."""
