"""What becomes of each cell of a foreign workbook: new values against stored ones."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from xl_smallcap.functions import BY_NAME
from xl_smallcap.functions.formula import OURS
from xl_smallcap.workbooks.foreign.charts import CellValues
from xl_smallcap.workbooks.foreign.others import unknowable
from xl_smallcap.workbooks.foreign.own import abandoned
from xl_smallcap.workbooks.foreign.patching import Change, Place
from xl_smallcap.workbooks.foreign.reading import FormulaCell, SheetContents
from xl_smallcap.workbooks.foreign.state import Book
from xl_smallcap.workbooks.formulas.library import EAGER
from xl_smallcap.workbooks.formulas.parser import Apply, Literal, parse
from xl_smallcap.workbooks.formulas.references import Block
from xl_smallcap.workbooks.formulas.values import CellError, Grid, UnsupportedError

_SAME = 1e-14
"""Ordinary formulas whose value moves by less keep the bytes they had: another program's last digit is no news."""
_SIXTEEN = 1e-15
"""Of our own results: some programs store sixteen digits where seventeen tell the bits."""
_BOOLEAN = {"AND", "OR", "NOT", "XOR", "EXACT", "TRUE", "FALSE", "=", "<>", "<", ">", "<=", ">=", "ISBLANK", "ISERR",
            "ISERROR", "ISEVEN", "ISFORMULA", "ISLOGICAL", "ISNA", "ISNONTEXT", "ISNUMBER", "ISODD", "ISREF", "ISTEXT",
            "ISOMITTED"}  # fmt: skip
_SIGN = re.compile(r"NEG|[-+*/^&%]")
_LONGEST = 32_767
"""Characters a cell holds in Excel."""


def changes_of(book: Book, sheet: str) -> dict[Place, Change]:
    """Return the cells of a sheet that show something else now. Place -> change."""
    found: dict[Place, Change] = {}
    contents = book.contents.read(sheet)
    for at, cell in book.formulas[sheet].items():
        if at in book.spills[sheet]:
            continue
        final = _final(book, sheet, at, cell)
        before = book.stored_refs.get((sheet, at), cell.ref)
        moved = cell.ref if final is not None and cell.ref != before else None
        if final is not None and (moved is not None or not _same(cell.value, final[0], final[1])):
            found[at] = Change(final[0], ref=moved)
        if moved is not None and before is not None:
            table = Grid(((None,) * (moved.right - moved.left + 1),) * (moved.bottom - moved.top + 1))
            found.update({place: Change(None) for place in abandoned(book, sheet, at, table)})
        if final is not None and cell.kind == "array" and cell.ref is not None:
            # what LibreOffice gave, by its cells or by the range's, whichever are fewer
            for place in _places(cell.ref, book.others[sheet]):
                value = book.others[sheet].get(place)
                if place != at and value is not None and not _same(contents.constants.get(place), value, False):
                    found[place] = Change(value)
    for at, grid in book.spills[sheet].items():
        found.update(_spill_changes(contents, at, grid, book.stored_refs[sheet, at]))
        found.update({place: Change(None) for place in abandoned(book, sheet, at, grid)})
    return found


def _places(block: Block, values: Mapping[Place, Any]) -> Iterator[Place]:
    """The places of a block that have a value, in order."""
    if (block.bottom - block.top + 1) * (block.right - block.left + 1) > len(values):
        inside = (p for p in values if block.top <= p[0] <= block.bottom and block.left <= p[1] <= block.right)
        yield from sorted(inside)
        return
    for row in range(block.top, block.bottom + 1):
        for column in range(block.left, block.right + 1):
            if (row, column) in values:
                yield row, column


def cell_values(book: Book) -> CellValues:
    """Return what tells the value of any cell after the refresh, and before it."""
    known = {s.name.lower(): s.name for s in book.contents.sheets}

    def value(sheet: str, row: int, column: int) -> Any:
        name, at = known[sheet.lower()], (row, column)
        contents = book.contents.read(name)
        if name in book.sheets:
            for top, left in book.granted[name].holding(row, column):
                return book.spills[name][top, left].rows[row - top][column - left]
            cell = contents.formulas.get(at)
            if cell is not None:
                final = _final(book, name, at, cell)
                return cell.value if final is None else final[0]
            if at in book.others[name] and book.contents.anchor(name, row, column) is not None:
                return book.others[name][at]  # of an array LibreOffice calculated
        return contents.constants.get(at)

    def stored(sheet: str, row: int, column: int) -> Any:
        contents = book.contents.read(known[sheet.lower()])
        cell = contents.formulas.get((row, column))
        return contents.constants.get((row, column)) if cell is None else cell.value

    @cache
    def extent(sheet: str) -> tuple[int, int]:
        name = known[sheet.lower()]
        rows, columns = book.contents.extent(name)
        for cell in book.formulas.get(name, {}).values():
            if cell.kind == "array" and cell.ref is not None:
                rows, columns = max(rows, cell.ref.bottom + 1), max(columns, cell.ref.right + 1)
        return rows, columns

    return CellValues(value, stored, extent)


def _final(book: Book, sheet: str, at: Place, cell: FormulaCell) -> tuple[Any, bool] | None:
    """New value of a formula and whether it is one of our results; None where it keeps the stored one."""
    if at in book.direct[sheet]:
        return book.direct[sheet][at], True
    if at in book.kept[sheet] or at not in book.others[sheet]:
        return None
    value = book.others[sheet][at]
    if isinstance(value, CellError) and unknowable(cell, value) and (sheet, at) not in book.named:
        return None
    if isinstance(value, float) and value in (0.0, 1.0):
        every, some = _booleans(cell.text)
        if every or (some and cell.type == "b"):
            value = bool(value)
    if isinstance(value, str) and len(value) > _LONGEST:
        value = CellError("#VALUE!")
    return value, bool(OURS.search(cell.text))


def _spill_changes(contents: SheetContents, at: Place, grid: Grid, before: Block) -> dict[Place, Change]:
    """A table's cells with new values, and its new range."""
    found: dict[Place, Change] = {}
    cell = contents.formulas[at]
    reach = Block(None, *at, at[0] + len(grid.rows) - 1, at[1] + len(grid.rows[0]) - 1)
    moved = cell.dynamic and (reach.bottom, reach.right) != (before.bottom, before.right)
    for i, row in enumerate(grid.rows):
        for j, value in enumerate(row):
            place = (at[0] + i, at[1] + j)
            if place == at:
                if moved or not _same(cell.value, value, True):
                    found[place] = Change(value, ref=reach if moved else None)
            elif not _same(contents.constants.get(place), value, True):
                found[place] = Change(value)
    return found


def _booleans(text: str) -> tuple[bool, bool]:
    """Whether a formula gives a boolean whatever happens, and whether it can at all."""
    try:
        tree = parse(text)
    except UnsupportedError:
        return False, True

    def look(node: Any) -> tuple[bool, bool]:
        if isinstance(node, Literal):
            return (isinstance(node.value, bool),) * 2
        if not isinstance(node, Apply):
            return False, node is not None  # a cell may hold one
        if node.name in ("IF", "IFERROR", "IFNA"):
            branches = [look(a) for a in (node.arguments[1:] if node.name == "IF" else node.arguments)]
            return all(b[0] for b in branches), any(b[1] for b in branches)
        known = node.name in _BOOLEAN
        return known, known or (node.name not in EAGER and node.name not in BY_NAME and not _SIGN.fullmatch(node.name))

    return look(tree)


def _same(old: Any, new: Any, exact: bool) -> bool:
    if old is None:
        return new is None or new == ""
    if isinstance(old, bool) or isinstance(new, bool) or not (isinstance(old, float) and isinstance(new, float)):
        return type(old) is type(new) and bool(old == new)
    return math.isclose(old, new, rel_tol=_SIXTEEN if exact else _SAME, abs_tol=1e-300)
