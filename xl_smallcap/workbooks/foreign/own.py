"""Our functions in a foreign workbook: tables that spill first, since they decide what other cells see."""

from __future__ import annotations

from typing import Any

from xl_smallcap.workbooks.foreign.patching import Place
from xl_smallcap.workbooks.foreign.state import Book, Ours, Progress
from xl_smallcap.workbooks.formulas.references import MOST_COLUMNS, MOST_ROWS, Block
from xl_smallcap.workbooks.formulas.values import CellError, Grid, UnsupportedError

_MOST_CELLS = 200_000
"""Of an array formula's fixed range."""


def calculate_ours(book: Book, ours: Ours, progress: Progress) -> None:
    """Calculate the cells that hold our functions, as far as our calculator can."""
    _expand(book, ours, progress)
    calculator = book.calculator()
    alone = [(sheet, at) for sheet, at, _ in ours if at not in book.spills[sheet]]
    for k, (sheet, at) in enumerate(alone, len(ours) - len(alone)):
        if k % 200 == 0:
            progress("our functions", k, len(ours))
        try:
            value = calculator.value(sheet, *at)
        except UnsupportedError:
            continue  # LibreOffice's turn, with our add-in
        before = stored_at(book, sheet, at)
        if book.keep_numbers and isinstance(value, CellError) and isinstance(before, float):
            book.saved.append((sheet, at))
            book.contents.forced[sheet, at] = value = before
        book.direct[sheet][at] = value
    book.cut = {(sheet, (row, column)) for sheet, row, column in calculator.cut}
    progress("our functions", len(ours), len(ours))


def _expand(book: Book, ours: Ours, progress: Progress) -> None:
    """Calculate the tables that spill first: how far they reach decides what other cells see."""
    calculator = book.calculator()
    for k, (sheet, at, cell) in enumerate(one for one in ours if one[2].kind == "array"):
        if k % 200 == 0:
            progress("our functions", k, len(ours))
        try:
            found = calculator.whole(sheet, *at)
        except UnsupportedError:
            continue
        grid = found if isinstance(found, Grid) else Grid(((found,),))
        ref = cell.ref or Block(None, *at, *at)
        if cell.dynamic:
            reach = Block(None, *at, at[0] + len(grid.rows) - 1, at[1] + len(grid.rows[0]) - 1)
            if in_the_way(book, sheet, at, reach, ref):
                book.blocked[sheet].append(at)
                grid, reach = Grid(((CellError("#VALUE!"),),)), Block(None, *at, *at)
            book.contents.read(sheet).resize(at, reach)
        else:
            if (ref.bottom - ref.top + 1) * (ref.right - ref.left + 1) > _MOST_CELLS:
                continue  # LibreOffice's turn; it will say so
            grid = _filled(found, ref)
        if book.keep_numbers and isinstance(found, CellError):
            before = [[stored_at(book, sheet, (r, c)) for c in range(ref.left, ref.right + 1)]
                      for r in range(ref.top, ref.bottom + 1)]  # fmt: skip
            if any(isinstance(v, float) for line in before for v in line):
                book.saved += [(sheet, at)] * sum(isinstance(v, float) for line in before for v in line)
                grid = Grid(tuple(map(tuple, before)))
                book.contents.read(sheet).resize(at, book.stored_refs[sheet, at])
        book.spill(sheet, at, grid)


def stored_at(book: Book, sheet: str, at: Place) -> Any:
    """Return what a cell showed before."""
    contents = book.contents.read(sheet)
    cell = contents.formulas.get(at)
    return contents.constants.get(at) if cell is None else cell.value


def _filled(found: Any, ref: Block) -> Grid:
    """An array formula of a fixed range: cut to it, #N/A beyond the table, a single value everywhere."""
    rows, columns = ref.bottom - ref.top + 1, ref.right - ref.left + 1
    if not isinstance(found, Grid):
        return Grid(tuple((found,) * columns for _ in range(rows)))

    def cell(i: int, j: int) -> Any:
        inside = i < len(found.rows) and j < len(found.rows[0])
        return found.rows[i][j] if inside else CellError("#N/A")

    return Grid(tuple(tuple(cell(i, j) for j in range(columns)) for i in range(rows)))


def in_the_way(book: Book, sheet: str, at: Place, reach: Block, before: Block) -> bool:
    """Return whether something stands where a table would spill: another cell, table or merge, or the sheet's end."""
    if reach.bottom >= MOST_ROWS or reach.right >= MOST_COLUMNS:
        return True
    if (reach.bottom, reach.right) == at:
        return False  # a single value does not spill: it may stand in a table or in merged cells
    found = book.contents.read(sheet)
    granted = (other for other in book.granted[sheet].meeting(reach) if other != at)
    if any(book.contents.occupied(sheet).meeting(reach)) or any(granted):
        return True
    for row in range(reach.top, reach.bottom + 1):
        for column in range(reach.left, reach.right + 1):
            own = before.top <= row <= before.bottom and before.left <= column <= before.right
            place = (row, column)
            formula = found.formulas.get(place)
            if own and formula is not None and formula.text.startswith("#"):
                continue  # an error some programs write as a formula: it is the table's own
            if place != at and (formula is not None or (place in found.constants and not own)):
                return True
    return False


def abandoned(book: Book, sheet: str, at: Place, grid: Grid) -> list[Place]:
    """Return the cells of a table's stored range that it no longer reaches."""
    before, constants = book.stored_refs[sheet, at], book.contents.read(sheet).constants
    return [
        (row, column)
        for row in range(before.top, before.bottom + 1)
        for column in range(before.left, before.right + 1)
        if (row - at[0] >= len(grid.rows) or column - at[1] >= len(grid.rows[0])) and (row, column) in constants
    ]
