"""One child view in the terminal: what comes with what is shown, and what may be asked for besides."""

from __future__ import annotations

import io
from typing import Any

import msgspec
from graphql import ExecutionResult, execute, parse
from rich.console import Console

from portal.api.project import Answers
from portal.cli.client import view_query
from portal.cli.page import print_view
from portal.doubts import DOUBTED
from portal.model import ChildView, Practitioner, Receipt, ShownMatch
from tests.portal.entrance import schema, standard, view
from tests.portal.test_api_schema import question, standing_without_log

ASKER = Practitioner(issuer="https://id.example", person="p", agency="hillview-school", roles=("named_person",))
RECEIPT = Receipt(access="01JD", log="northshire/1", index=7, leaf="ab" * 32)


def printed(**changes: Any) -> str:
    """The page of the entrance's view, some of it changed, as a reader sees it."""
    shown: ChildView = msgspec.structs.replace(view(question()), receipt=RECEIPT, **changes)
    given = {"subject": {}, "purpose": "child-protection"}
    root = Answers(standing_without_log(), ASKER, shown)
    result = execute(schema(), parse(view_query(standard())), root_value=root, variable_values=given)
    assert isinstance(result, ExecutionResult)
    assert result.errors is None
    page = io.StringIO()
    print_view((result.data or {})["child"], Console(file=page, width=140))
    return page.getvalue()


def test_what_comes_with_what_is_shown_is_printed_with_it() -> None:
    page = printed(duties=("Tell the family within a day.", "Do not pass it on."))
    assert "What you must do with this" in page
    assert "• Tell the family within a day." in page
    assert "• Do not pass it on." in page


def test_whoever_no_agency_could_vouch_for_is_offered_to_say_so_themselves() -> None:
    assert "--declared" in printed(offersDeclared=True)


def test_a_record_that_may_be_another_childs_is_printed_with_a_warning() -> None:
    (source,) = view(question()).sources
    doubted = msgspec.structs.replace(source, match=ShownMatch(band="LINK", evidence=(DOUBTED,), doubted=True))
    assert DOUBTED.words in printed(sources=(doubted,))


def test_where_there_is_neither_nothing_is_said_of_them() -> None:
    page = printed()
    assert DOUBTED.words not in page
    assert "What you must do" not in page
    assert "--declared" not in page
    assert "Receipt: access 01JD" in page
