"""Calculates cells from their formulas: our functions, references, operators and the ordinary functions."""

from __future__ import annotations

import datetime as dt
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from xl_smallcap.formulas.library import EAGER, OF_DAYS, RANGED
from xl_smallcap.formulas.parser import Apply, Area, Literal, parse
from xl_smallcap.formulas.values import (
    CellError,
    Grid,
    Range,
    UnsupportedError,
    cell_of,
    compare,
    number,
    scalar,
    sortable,
    text,
    truth,
)
from xl_smallcap.functions import BY_NAME
from xl_smallcap.functions.cells import evaluate
from xl_smallcap.functions.formula import elsewhere
from xl_smallcap.types import Scalar, Table
from xl_smallcap.xlsx.references import Block, read_reference

Ask = Callable[[str, list[Any]], Any]


class Formats(Protocol):
    """Where names and number formats of a workbook are read."""

    @property
    def names(self) -> Mapping[str, str]:
        """What each defined name, in capitals, refers to."""

    def in_percent(self, sheet: str, row: int, column: int) -> bool:
        """Whether a cell's number format shows a percentage."""


class NoFormats:
    """A workbook whose shocks are plain numbers."""

    def in_percent(self, sheet: str, row: int, column: int) -> bool:
        """Whether a cell's number format shows a percentage: none does."""
        return False


def ask_engine(pin: Any = None) -> Ask:
    """Return what answers a RUSSELL_ call, errors as values.

    Name, raw arguments -> float, str, list of rows, or :class:`CellError`.
    """

    def ask(name: str, arguments: list[Any]) -> Scalar | Table | CellError:
        answer = evaluate(name, arguments, pin)
        if answer.code is not None:
            return CellError(answer.code)
        return answer.table if answer.table is not None else answer.value

    return ask


def as_shown(cells: Formats, written: str, rows: list[list[Any]], sheet: str) -> None:
    """Write shocks in cells with a percent format as they are shown: the cell of -10% holds -0.1."""
    block = read_reference(cells.names.get(written.rsplit("!", 1)[-1].upper(), written).lstrip("="))
    if block is None:
        return
    for i, row in enumerate(rows):
        plain = len(row) > 1 and isinstance(row[1], float)
        if plain and cells.in_percent(block.sheet or sheet, block.top + i, block.left + 1):
            row[1] = f"{100.0 * row[1]:.15g}%"


# -- Calculates cells from their formulas: our functions, references, operators and the ordinary functions it knows.


_RELATIVE = re.compile(r"(?<![\w$.])\$?[A-Z]{1,3}[0-9]+(?![\w(])|(?<![\w$.])[A-Z]{1,3}\$[0-9]+(?![\w(])", re.IGNORECASE)
"""A reference without both dollar signs: in a name it moves with the cell that uses it."""
_TEXTS = re.compile(r'"(?:[^"]|"")*"')
_MOST_CELLS = 200_000
"""A range is cut to the used part of its sheet; one still larger than this is left to a spreadsheet program."""


@dataclass(frozen=True)
class Formula:
    """A formula in a cell; `spills` where its whole table shows, from this cell down and to the right."""

    text: str
    spills: bool = False


class Cells(Formats, Protocol):
    """Where the calculator reads a workbook: contents by place, used rows and columns, names and formats."""

    @property
    def date1904(self) -> bool:
        """Whether day numbers count from 1904."""

    def content(self, sheet: str, row: int, column: int) -> Any:
        """Return a constant, a :class:`Formula`, or None."""

    def extent(self, sheet: str) -> tuple[int, int]:
        """Return the numbers of used rows and columns; raises KeyError for an unknown sheet."""

    def anchor(self, sheet: str, row: int, column: int) -> tuple[int, int] | None:
        """Return the cell whose spilled table may reach this one, else None."""


class Calculator:
    """Values of cells, each calculated once."""

    def __init__(self, cells: Cells, ask: Ask) -> None:
        self._cells, self._ask = cells, ask
        self._known: dict[tuple[str, int, int], Any] = {}
        self._under_way: set[tuple[str, int, int]] = set()
        self.cut: set[tuple[str, int, int]] = set()
        """Cells whose formula gives a table and shows only its upper left cell."""
        self._names_under_way: set[str] = set()
        self._trees: dict[str, Any] = {}

    def value(self, sheet: str, row: int, column: int) -> Any:
        """Return what a cell shows."""
        result = self.whole(sheet, row, column)
        return result.first if isinstance(result, Grid) else result

    def whole(self, sheet: str, row: int, column: int) -> Any:
        """Return what a cell's formula gives, a spilled table as a :class:`Grid`."""
        key = (sheet, row, column)
        if key in self._known:
            return self._known[key]
        content = self._cells.content(sheet, row, column)
        if content is None:
            anchor = self._cells.anchor(sheet, row, column)
            if anchor is None or anchor == (row, column):
                return None
            table = self.whole(sheet, *anchor)
            down, across = row - anchor[0], column - anchor[1]
            if isinstance(table, Grid) and down < len(table.rows) and across < len(table.rows[0]):
                return table.rows[down][across]
            return None
        if not isinstance(content, Formula):
            return content
        if key in self._under_way:
            raise UnsupportedError("a circular reference")
        self._under_way.add(key)
        try:
            result = self.calculate(content.text, sheet)
            if isinstance(result, Grid):
                if not content.spills and (len(result.rows) > 1 or len(result.rows[0]) > 1):
                    self.cut.add(key)
                result = _spilled(result) if content.spills else result.first
            self._known[key] = 0.0 if result is None else result
        except RecursionError:
            raise UnsupportedError("a very long chain of cells") from None
        finally:
            self._under_way.discard(key)
        return self._known[key]

    def calculate(self, formula: str, sheet: str) -> Any:
        """Return what a formula gives on a sheet, errors as values."""
        try:
            tree = self._trees.get(formula)
            if tree is None:
                tree = self._trees[formula] = parse(formula)
            return self._eval(tree, sheet)
        except CellError as error:
            return error
        except RecursionError:
            if self._under_way:
                raise  # a chain of cells, which whoever began it names
            raise UnsupportedError("a formula of thousands of parts") from None

    def _eval(self, tree: Any, sheet: str) -> Any:
        if isinstance(tree, Literal):
            result = Grid(tree.value) if isinstance(tree.value, tuple) else tree.value
        elif isinstance(tree, Area):
            result = self._area(tree.text, sheet)
        elif isinstance(tree, Apply):
            result = self._apply(tree, sheet)
        else:
            return None
        if isinstance(result, CellError):
            raise result
        return result

    def _caught(self, tree: Any, sheet: str) -> Any:
        try:
            return self._eval(tree, sheet)
        except CellError as error:
            return error

    def _area(self, written: str, sheet: str) -> Any:
        block = read_reference(written)
        if block is not None:
            return self._block(block, block.sheet or sheet)
        name = written.rsplit("!", 1)[-1].upper()
        target = self._cells.names.get(name)
        if target is None or "[" in written or _RELATIVE.search(_TEXTS.sub('""', target)):
            raise UnsupportedError(f"name {written}")
        if name in self._names_under_way:
            raise UnsupportedError("a name in a circle")
        self._names_under_way.add(name)
        try:
            return self.calculate(target, sheet)
        finally:
            self._names_under_way.discard(name)

    def _block(self, block: Block, sheet: str) -> Any:
        try:
            rows, columns = self._cells.extent(sheet)
        except KeyError:
            raise UnsupportedError(f"sheet {sheet}") from None
        if block.top == block.bottom and block.left == block.right:
            return self.value(sheet, block.top, block.left)
        bottom, right = min(block.bottom, max(rows - 1, block.top)), min(block.right, max(columns - 1, block.left))
        if (bottom - block.top + 1) * (right - block.left + 1) > _MOST_CELLS:
            raise UnsupportedError("a range of very many cells")
        return Range(
            tuple(
                tuple(self.value(sheet, r, c) for c in range(block.left, right + 1))
                for r in range(block.top, bottom + 1)
            ),
            (block.bottom - block.top + 1, block.right - block.left + 1),
        )

    def _lazy(self, name: str, given: tuple[Any, ...], sheet: str) -> Any:
        """IF, IFERROR, IFNA, CHOOSE: only what is needed is calculated."""
        if name == "CHOOSE":
            which = int(number(self._eval(given[0], sheet)))
            if not 1 <= which < len(given):
                raise CellError("#VALUE!")
            return self._eval(given[which], sheet)
        if name == "IF":
            if len(given) not in (2, 3):
                raise UnsupportedError("IF with other than two or three arguments")
            if truth(self._eval(given[0], sheet)):
                return self._eval(given[1], sheet)
            return self._eval(given[2], sheet) if len(given) == 3 else False
        if len(given) != 2:
            raise UnsupportedError(f"{name} with other than two arguments")
        result = self._caught(given[0], sheet)
        if isinstance(result, Range):
            raise UnsupportedError(f"{name} of a range")
        first = result.first if isinstance(result, Grid) else result
        caught = isinstance(first, CellError) and (name == "IFERROR" or first.code == "#N/A")
        return self._eval(given[1], sheet) if caught else result

    def _apply(self, tree: Apply, sheet: str) -> Any:
        name, given = tree.name, tree.arguments
        if name in BY_NAME:
            return self._russell(name, given, sheet)
        if name in ("ANCHORARRAY", "FORMULATEXT", "ISFORMULA") and len(given) == 1:
            return self._of_cell(name, given[0], sheet)
        if name in ("IF", "IFERROR", "IFNA", "CHOOSE"):
            return self._lazy(name, given, sheet)
        if name in ("ISERROR", "ISNUMBER", "ISTEXT", "ISNA", "ISBLANK") and len(given) == 1:
            result = self._caught(given[0], sheet)
            return _is(name, result.first if isinstance(result, Grid) else result)
        if name in ("NEG", "%", "+", "-", "*", "/", "^", "&", "=", "<>", "<", ">", "<=", ">="):
            return _operate(name, [self._eval(g, sheet) for g in given])
        if name not in EAGER or (self._cells.date1904 and name in OF_DAYS):
            raise UnsupportedError(f"function {name}")
        try:
            return EAGER[name]([self._argument(name, g, sheet) for g in given])
        except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as exc:
            raise UnsupportedError(f"{name}: {exc}") from exc

    def _of_cell(self, name: str, tree: Any, sheet: str) -> Any:
        """Another cell's table (A1#, as files hold it), the text of its formula, or whether it has one."""
        block = read_reference(tree.text) if isinstance(tree, Area) else None
        if block is None or (block.top, block.left) != (block.bottom, block.right):
            raise UnsupportedError(f"{name} of other than a cell")
        if name == "ANCHORARRAY":
            return self.whole(block.sheet or sheet, block.top, block.left)
        content = self._cells.content(block.sheet or sheet, block.top, block.left)
        if name == "ISFORMULA":
            return isinstance(content, Formula)
        if not isinstance(content, Formula):
            raise CellError("#N/A")
        return content.text if content.text.startswith("=") else "=" + content.text

    def _argument(self, name: str, tree: Any, sheet: str) -> Any:
        """Of a sum and its like a single cell counts as a range: texts in it do not count, typed ones do."""
        value = self._eval(tree, sheet)
        if name in RANGED and isinstance(tree, Area) and not isinstance(value, Grid):
            return Grid(((value,),))
        refers = isinstance(tree, Apply) and tree.name in ("IF", "IFERROR", "IFNA", "CHOOSE", "INDEX")
        if name in RANGED and refers and not isinstance(value, (float, Grid)):
            raise UnsupportedError("a reference to a cell without a number")
        return value

    def _russell(self, name: str, given: tuple[Any, ...], sheet: str) -> Any:
        entry = BY_NAME[name]
        raw: list[Any] = []
        for k, argument in enumerate(given):
            value = self._eval(argument, sheet)
            if isinstance(value, Grid):
                cells = [list(r) for r in value.rows]
                for row in cells:
                    for cell in row:
                        if isinstance(cell, CellError):
                            raise cell
                value = cells
            parameter = entry.parameters[k] if k < len(entry.parameters) else None
            if parameter and parameter.is_date and self._cells.date1904 and isinstance(value, float) and value:
                value += 1462.0
            if parameter and parameter.is_shocks and isinstance(value, list) and isinstance(argument, Area):
                as_shown(self._cells, argument.text, value, sheet)
            raw.append(value)
        if name == "RUSSELL_WHY" and given:
            try:
                self._anew(given[0], sheet)
            except UnsupportedError:
                return elsewhere(str(raw[0]))
        answer = self._ask(name, raw)
        if isinstance(answer, CellError):
            raise answer
        date1904 = self._cells.date1904
        if isinstance(answer, list):
            return Grid(tuple(tuple(cell_of(v, date1904) for v in row) for row in answer))
        result = cell_of(answer, date1904)
        if isinstance(result, CellError):
            raise result
        return result

    def _anew(self, argument: Any, sheet: str) -> None:
        """Calculate the cell RUSSELL_WHY asks about once more, so that the last error on record is its own."""
        inner = argument.arguments[0] if isinstance(argument, Apply) and argument.name == "FORMULATEXT" else None
        block = read_reference(inner.text) if isinstance(inner, Area) else None
        if block is None:
            return
        key = (block.sheet or sheet, block.top, block.left)
        content = self._cells.content(*key)
        if isinstance(content, Formula) and key not in self._under_way:
            self.calculate(content.text, key[0])


def _is(name: str, value: Any) -> bool:
    if name == "ISBLANK":
        return value is None
    if name == "ISERROR":
        return isinstance(value, CellError)
    if name == "ISNA":
        return isinstance(value, CellError) and value.code == "#N/A"
    if name == "ISTEXT":
        return isinstance(value, str)
    return isinstance(value, (float, dt.date)) and not isinstance(value, bool)


def _operate(name: str, values: list[Any]) -> Any:
    if any(isinstance(v, Grid) for v in values):
        raise UnsupportedError("an operator on a range")
    if name == "NEG":
        return -number(values[0])
    if name == "%":
        return number(values[0]) / 100.0
    one, two = values
    if name == "&":
        return text(one) + text(two)
    if name in ("<", ">", "<=", ">=") and not (sortable(one) and sortable(two)):
        raise UnsupportedError("an order of texts")
    if name in _COMPARED:
        return _COMPARED[name](compare(scalar(one), scalar(two)), 0)
    return _arithmetic(name, number(one), number(two))


_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def _arithmetic(name: str, a: float, b: float) -> float:
    if name == "/" and b == 0.0:
        raise CellError("#DIV/0!")
    if name == "^" and a == 0.0 and b <= 0.0:
        raise CellError("#NUM!" if b == 0.0 else "#DIV/0!")
    try:
        made: Any = {"^": operator.pow, "/": operator.truediv, "+": operator.add, "-": operator.sub,
                     "*": operator.mul}[name](a, b)  # fmt: skip
    except OverflowError:
        raise CellError("#NUM!") from None
    if isinstance(made, complex) or not math.isfinite(made):
        raise CellError("#NUM!")
    return float(made)


def _spilled(grid: Grid) -> Grid:
    """A range that spills shows its empty cells as 0."""
    return Grid(tuple(tuple(0.0 if v is None else v for v in row) for row in grid.rows))
