"""``parse``: a level's condition, understood whole or refused."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import NoReturn

from connectors.matching.splink.functions import function
from connectors.matching.splink.terms import ORDER, NotKnown, Term, atom, call, compared, is_null, joined, negated, of_kind

MAX_CONDITION, _DEEPEST = 4_000, 24
#: The condition of the level that is taken when no other holds.
ELSE = Term(kind="truth", of=lambda left, right: True)


def parse(text: str) -> Term:
    """The condition in this text. Raises NotKnown, saying which part of it is not known."""
    if text.strip().upper() == "ELSE":
        return ELSE
    if len(text) > MAX_CONDITION:
        raise NotKnown(f"it is longer than {MAX_CONDITION} characters")
    parser = _Parser(_tokens(text))
    found = parser.any_of()
    parser.end()
    return of_kind(found, "truth")


_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"]|"")+")|(?P<text>'(?:[^']|'')*')|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]))"""
    r"""|(?P<word>[A-Za-z_]\w*)|(?P<sign><=|>=|<>|!=|\|\||[=<>(),-]))""",
    re.ASCII,
)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, place, end = [], 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise NotKnown(f"what stands at {text[place : place + 20]!r}")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        place = match.end()
    return tokens


class _Parser:
    """Recursive descent over one condition: or, and, not, comparison, ``||`` and minus, operand."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens, self.place, self.depth = tokens, 0, 0

    def end(self) -> None:
        if self.place < len(self.tokens):
            self._unknown()

    def any_of(self) -> Term:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise NotKnown("it is nested too deeply")
        found = self._joined("OR", self._all_of, True)
        self.depth -= 1
        return found

    def _all_of(self) -> Term:
        return self._joined("AND", self._negated, False)

    def _joined(self, word: str, inner: Callable[[], Term], decides: bool) -> Term:
        terms = [inner()]
        while self._took(word):
            terms.append(inner())
        return terms[0] if len(terms) == 1 else joined(terms, decides)

    def _negated(self) -> Term:
        turns = 0
        while self._took("NOT"):
            turns += 1
        found = self._compared()
        return negated(found) if turns % 2 else of_kind(found, "truth") if turns else found

    def _compared(self) -> Term:
        left = self._summed()
        if self._took("IS"):
            wanted = not self._took("NOT")
            self._need("NULL")
            return is_null(left, wanted)
        sign = self._peek()
        if sign not in ORDER:
            return left
        self.place += 1
        return compared(left, sign, self._summed())

    def _summed(self) -> Term:
        found = self._operand()
        while True:
            if self._took("||"):
                found = call("text", lambda one, two: one + two, [of_kind(found, "text"), of_kind(self._operand(), "text")])
            elif self._took("-"):
                found = call("number", operator.sub, [of_kind(found, "number"), of_kind(self._operand(), "number")])
            else:
                return found

    def _operand(self) -> Term:
        if self._took("("):
            found = self.any_of()
            self._need(")")
            return found
        kind, text = self.tokens[self.place] if self.place < len(self.tokens) else ("end", "")
        if kind == "word" and self._peek(1) == "(":
            self.place += 2
            return self._called(text.lower())
        if kind not in ("quoted", "text", "number", "word"):
            self._unknown()
        self.place += 1
        return atom(kind, text)

    def _called(self, name: str) -> Term:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise NotKnown("it is nested too deeply")
        if name == "cast":
            found = self._cast()
        else:
            given = [self._summed()]
            while self._took(","):
                given.append(self._summed())
            found = function(name, given)
        self._need(")")
        self.depth -= 1
        return found

    def _cast(self) -> Term:
        found = of_kind(self._summed(), "text")
        self._need("AS")
        if not (self._took("TEXT") or self._took("VARCHAR")):
            self._unknown()
        return call("text", lambda value: value, [found])

    def _peek(self, ahead: int = 0) -> str | None:
        """The word or sign that comes next, words in capitals; never a quoted name or a text."""
        place = self.place + ahead
        kind, text = self.tokens[place] if place < len(self.tokens) else ("end", "")
        return text.upper() if kind in ("word", "sign") else None

    def _took(self, token: str) -> bool:
        taken = self._peek() == token
        self.place += taken
        return taken

    def _need(self, token: str) -> None:
        if not self._took(token):
            self._unknown()

    def _unknown(self) -> NoReturn:
        raise NotKnown(f"what stands at {self.tokens[self.place][1]!r}" if self.place < len(self.tokens) else "it ends too early")
