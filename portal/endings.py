"""How a task that asked a source ended, as an outcome; what went wrong is told to the operators without a child's details."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
import structlog

from connectors.errors import Misconfigured, Refused, SourceError, Unavailable
from connectors.source import KindAnswer, Source
from portal.model import OutcomeState
from portal.outcomes import Outcome

_T = TypeVar("_T")
log = structlog.get_logger("childview.asking")


def begun(work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
    """A task whose error is always looked at: the event loop would print an unseen one, text and all."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


def spoke(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def answered(known: Outcome, answer: KindAnswer | None) -> Outcome:
    if answer is None:
        # Nothing was asked for: whoever this is, nobody is certain. What a shield makes of that is settled later.
        possible = known.match and msgspec.structs.replace(known.match, band="POSSIBLE")
        return msgspec.structs.replace(known, state="AMBIGUOUS", match=possible)
    reason = ",".join(answer.reasons) or None
    # Known here without such records, and known with hidden ones: the same words for both.
    whole: OutcomeState = "ANSWERED" if answer.records else "NOTHING_TO_SHOW"
    state: OutcomeState = "PARTIAL" if answer.set_aside or answer.cut else whole
    return msgspec.structs.replace(known, state=state, records=answer.records, set_aside=answer.set_aside, reason=reason)


def failed(blank: Outcome, task: asyncio.Task[Any], source: Source, *, found: bool) -> Outcome:
    """The outcome of a task that brought no answer. ``Refused`` counts only before find has returned."""
    error = task.exception() if task.done() and not task.cancelled() else TimeoutError()
    if isinstance(error, TimeoutError):
        return msgspec.structs.replace(blank, state="TIMED_OUT")
    if isinstance(error, Unavailable):
        return msgspec.structs.replace(blank, state="UNAVAILABLE", since=source.out_since)
    if isinstance(error, Refused):
        log.error("source refused", source=source.id, kind=blank.kind, found=found)
        state = "NOTHING_TO_SHOW" if found else "REFUSED"
        return msgspec.structs.replace(blank, state=state, reason="refused-after-find" if found else None)
    _report(error, blank)
    return msgspec.structs.replace(blank, state="FAILED")


def _report(error: BaseException | None, outcome: Outcome) -> None:
    """Tell the operators where it broke. Only our own errors' texts are known to name no child: others give type and place."""
    detail = error.detail if isinstance(error, SourceError) else None
    where = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)][-3:] if error else []
    event = "source misconfigured" if isinstance(error, Misconfigured) else "source failed"
    log.error(event, source=outcome.source, kind=outcome.kind, error=type(error).__name__, detail=detail, where=where)
