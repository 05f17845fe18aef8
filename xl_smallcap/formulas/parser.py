"""The text of a formula -> a tree. Tokens by openpyxl; precedence as Excel's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from openpyxl.formula import Tokenizer
from openpyxl.formula.tokenizer import Token, TokenizerError

from xl_smallcap.formulas.values import CellError, UnsupportedError

_LEVEL = {"=": 1, "<": 1, ">": 1, "<=": 1, ">=": 1, "<>": 1, "&": 2, "+": 3, "-": 3, "*": 4, "/": 4, "^": 5}
FUTURE = ("_XLFN.", "_XLWS.", "_XLL.", "_XLDUDF_")
"""Prefixes Excel writes before functions newer than the file format, or of add-ins."""


@dataclass(frozen=True)
class Literal:
    """A value written out: number, text, boolean, error or array."""

    value: Any


@dataclass(frozen=True)
class Area:
    """A reference as written: cell, range, name or structured."""

    text: str


@dataclass(frozen=True)
class Apply:
    """A function or an operator with its arguments; None where one is left out."""

    name: str
    arguments: tuple[Any, ...]


def plain_name(name: str) -> str:
    """Return a function's name in capitals without the prefixes Excel's files put before it."""
    name = name.strip().upper()
    if "!" in name:  # a function of another workbook: [1]!RUSSELL_BETA
        name = name.rsplit("!", 1)[1]
    shorter = True
    while shorter:
        shorter = False
        for prefix in FUTURE:
            if name.startswith(prefix):
                name, shorter = name[len(prefix) :], True
    return name


class _FormulaReader:
    def __init__(self, formula: str) -> None:
        try:
            items = Tokenizer(formula).items
        except (TokenizerError, IndexError) as exc:
            raise UnsupportedError(f"cannot read {formula}") from exc
        self.tokens = [t for t in items if t.type != Token.WSPACE]
        self.at = 0
        self.formula = formula

    def peek(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self) -> Token:
        token = self.peek()
        if token is None:
            raise UnsupportedError(f"cannot read {self.formula}")
        self.at += 1
        return token

    def expression(self, least: int = 1) -> Any:
        left = self.prefixed()
        while True:
            token = self.peek()
            if token is None or token.type != Token.OP_IN or _LEVEL.get(token.value, 0) < least:
                if token is not None and token.type == Token.OP_IN and token.value not in _LEVEL:
                    raise UnsupportedError(f"operator {token.value!r}")
                return left
            self.take()
            right = self.expression(_LEVEL[token.value] + 1)
            left = Apply(token.value, (left, right))

    def prefixed(self) -> Any:
        token = self.peek()
        if token is not None and token.type == Token.OP_PRE:
            self.take()
            inner = self.prefixed()  # Excel's minus binds before ^
            return inner if token.value == "+" else Apply("NEG", (inner,)) if token.value == "-" else inner
        value = self.operand()
        while (after := self.peek()) is not None and after.type == Token.OP_POST:
            self.take()
            value = Apply("%", (value,))
        return value

    def operand(self) -> Any:
        token = self.take()
        if token.type == Token.OPERAND:
            return _operand(token)
        if token.type == Token.PAREN and token.subtype == Token.OPEN:
            inner = self.expression()
            self.close(Token.PAREN)
            return inner
        if token.type == Token.FUNC and token.subtype == Token.OPEN:
            return Apply(plain_name(token.value[:-1]), tuple(self.arguments()))
        if token.type == Token.ARRAY and token.subtype == Token.OPEN:
            return Literal(self.array())
        raise UnsupportedError(f"cannot read {self.formula}")

    def close(self, kind: str) -> None:
        token = self.take()
        if token.type != kind or token.subtype != Token.CLOSE:
            raise UnsupportedError(f"cannot read {self.formula}")

    def arguments(self) -> list[Any]:
        arguments: list[Any] = []
        waiting = True
        while True:
            token = self.peek()
            if token is None:
                raise UnsupportedError(f"cannot read {self.formula}")
            if token.type == Token.FUNC and token.subtype == Token.CLOSE:
                self.take()
                return [*arguments, None] if waiting and arguments else arguments
            if token.type == Token.SEP:
                if waiting:
                    arguments.append(None)
                self.take()
                waiting = True
                continue
            if not waiting:  # two references with a blank between: an intersection
                raise UnsupportedError(f"cannot read {self.formula}")
            arguments.append(self.expression())
            waiting = False

    def array(self) -> tuple[tuple[Any, ...], ...]:
        rows: list[list[Any]] = [[]]
        while True:
            token = self.take()
            if token.type == Token.ARRAY:
                return tuple(tuple(r) for r in rows)
            if token.type == Token.SEP:
                if token.subtype == Token.ROW:
                    rows.append([])
                continue
            sign = 1.0
            if token.type == Token.OP_PRE:
                sign, token = (-1.0 if token.value == "-" else 1.0), self.take()
            value = _operand(token)
            if not isinstance(value, Literal):
                raise UnsupportedError(f"cannot read {self.formula}")
            rows[-1].append(value.value * sign if isinstance(value.value, float) else value.value)


def _operand(token: Token) -> Any:
    raw = token.value
    if token.subtype == Token.NUMBER:
        if not math.isfinite(float(raw)):
            raise UnsupportedError(f"the number {raw}")
        return Literal(float(raw))
    if token.subtype == Token.TEXT:
        return Literal(raw[1:-1].replace('""', '"'))
    if token.subtype == Token.LOGICAL:
        return Literal(raw.upper() == "TRUE")
    if token.subtype == Token.ERROR:
        return Literal(CellError(raw))
    return Area(raw)


def parse(formula: str) -> Any:
    """Read a formula."""
    reader = _FormulaReader(formula if formula.startswith("=") else "=" + formula)
    try:
        tree = reader.expression()
    except RecursionError:
        raise UnsupportedError("very deep brackets") from None
    if reader.peek() is not None:
        raise UnsupportedError(f"cannot read {formula}")
    return tree
