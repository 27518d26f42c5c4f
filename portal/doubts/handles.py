"""What a view gives to report by: a sealed handle for each source whose record was shown, of no use to anybody else. Pure.

It holds what the portal has to know again and keeps nowhere: which of the source's persons it was, as marks and digests.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from portal.tokens import NoToken, Tokens

#: So long a handle can be used.
LASTS = timedelta(hours=12)
_USE = "wrong-child"
#: So many classes of evidence are noted, each no longer than this.
_MOST, _LONGEST = 10, 32


class Handle(msgspec.Struct, frozen=True, array_like=True):
    """Whose record of which source was shown in which access: the persons as lasting marks, and as digests of that access.

    ``evidence`` says how fields compared (``given_name:near``), without a value.
    """

    source: str
    access: str
    marks: tuple[bytes, ...]
    digests: tuple[bytes, ...]
    evidence: tuple[str, ...] = ()


def sealed(handle: Handle, tokens: Tokens, holder: str, at: datetime) -> str:
    """The handle for one holder (``issuer|person``), always of one length."""
    few = msgspec.structs.replace(handle, evidence=_few(handle.evidence))
    return tokens.seal(_USE, holder, msgspec.msgpack.encode(few), at)


def opened(token: str, tokens: Tokens, holder: str, now: datetime) -> Handle:
    """The handle that this holder was given, no longer than ``LASTS`` ago. Raises NoToken."""
    try:
        return msgspec.msgpack.decode(tokens.open(_USE, holder, token, now, LASTS), type=Handle)
    except msgspec.DecodeError:  # sealed by another version of the portal
        raise NoToken from None


def _few(evidence: Iterable[str]) -> tuple[str, ...]:
    return tuple(each for each in evidence if len(each) <= _LONGEST and each.isascii())[:_MOST]
