"""The commands. ``query`` and ``explain`` are clients of a running portal with a person's token: there is no operator mode.

Exit 0 done, 1 it failed or the check found something, 2 wrong use or configuration refused.
"""

from portal.cli.commands import main

__all__ = ["main"]
