"""``workbook refresh``: our functions by our calculator, ordinary formulas by LibreOffice, values patched in place."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xl_smallcap.data.columnar import write_atomic
from xl_smallcap.errors import NoDataError, unknown_word
from xl_smallcap.functions import BY_NAME
from xl_smallcap.hosts.libreoffice.office import OfficeMissingError
from xl_smallcap.workbooks.foreign import outside
from xl_smallcap.workbooks.foreign.charts import refresh_charts
from xl_smallcap.workbooks.foreign.contents import OURS, Contents
from xl_smallcap.workbooks.foreign.package import open_package, refuse_if_open
from xl_smallcap.workbooks.foreign.patching import Change, Place, patch_sheet
from xl_smallcap.workbooks.foreign.reading import FormulaCell
from xl_smallcap.workbooks.formulas.calculator import Calculator, ask_engine
from xl_smallcap.workbooks.formulas.parser import Apply, Literal, parse
from xl_smallcap.workbooks.formulas.references import MOST_COLUMNS, MOST_ROWS, Block, address, read_reference
from xl_smallcap.workbooks.formulas.values import CellError, Grid, UnsupportedError

Progress = Callable[[str, int, int], None]
_SAME = 1e-14
"""Ordinary formulas whose value moves by less keep the bytes they had: another program's last digit is no news."""
_CIRCULAR = {"Err:522", "Err:523"}
_ROUNDS = 4
_BOOLEAN = {"AND", "OR", "NOT", "XOR", "EXACT", "TRUE", "FALSE", "=", "<>", "<", ">", "<=", ">="}
_REFERENCES = re.compile(
    r"(?:'(?:[^']|'')+'!|[^\s'!,;:()\[\]+*/&<>=^-]+!)?\$?[A-Z]{1,3}\$?\d+(?::\$?[A-Z]{1,3}\$?\d+)?"
)


@dataclass
class RefreshedBook:
    """What a refresh did: cells with our functions, cells changed, who calculated, and what a person should know."""

    path: Path
    ours: int = 0
    changed: int = 0
    charts: int = 0
    office: bool = False
    kept: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


class _Book:
    """The workbook during its refresh: values found so far, by sheet and place."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.sheets = {s.name: s for s in contents.sheets if contents.has_formulas(s)}
        self.formulas = {n: contents.read(n).formulas for n in self.sheets}
        self.direct: dict[str, dict[Place, Any]] = {n: {} for n in self.sheets}
        self.spills: dict[str, dict[Place, Grid]] = {n: {} for n in self.sheets}
        self.blocked: dict[str, list[Place]] = {n: [] for n in self.sheets}
        self.others: dict[str, dict[Place, Any]] = {n: {} for n in self.sheets}
        self.kept: dict[str, dict[Place, str]] = {n: {} for n in self.sheets}
        self.stored_refs = {
            (sheet, at): cell.ref or Block(None, *at, *at)
            for sheet, cells in self.formulas.items()
            for at, cell in cells.items()
            if cell.kind == "array"
        }
        pin = contents.names.get("RUSSELL_PIN")
        self.pin = Calculator(contents, ask_engine()).calculate(pin, "") if pin else None

    def calculator(self) -> Calculator:
        return Calculator(self.contents, ask_engine(self.pin))

    def ours(self) -> list[tuple[str, Place, FormulaCell]]:
        """Cells in whose formula one of our functions stands, or a name that stands for one."""
        names = [n for n, text in self.contents.names.items() if OURS.search(text)]
        named = re.compile(r"(?<![\w.])(?:" + "|".join(map(re.escape, names)) + r")(?![\w.(])", re.I) if names else None
        return [
            (sheet, at, cell)
            for sheet, cells in self.formulas.items()
            for at, cell in cells.items()
            if OURS.search(cell.text) or (named is not None and named.search(cell.text))
        ]


def _expand(book: _Book, ours: list[tuple[str, Place, FormulaCell]]) -> None:
    """Calculate the tables that spill first: how far they reach decides what other cells see."""
    calculator = book.calculator()
    for sheet, at, cell in ours:
        if cell.kind != "array":
            continue
        try:
            found = calculator.whole(sheet, *at)
        except UnsupportedError:
            continue
        grid = found if isinstance(found, Grid) else Grid(((found,),))
        ref = cell.ref or Block(None, *at, *at)
        if cell.dynamic:
            reach = Block(None, *at, at[0] + len(grid.rows) - 1, at[1] + len(grid.rows[0]) - 1)
            if _in_the_way(book, sheet, at, reach, ref):
                book.blocked[sheet].append(at)
                grid, reach = Grid(((CellError("#VALUE!"),),)), Block(None, *at, *at)
            cell.ref = reach
        else:
            grid = _filled(found, ref)
        book.spills[sheet][at] = grid


def _filled(found: Any, ref: Block) -> Grid:
    """An array formula of a fixed range: cut to it, #N/A beyond the table, a single value everywhere."""
    rows, columns = ref.bottom - ref.top + 1, ref.right - ref.left + 1
    if not isinstance(found, Grid):
        return Grid(tuple((found,) * columns for _ in range(rows)))

    def cell(i: int, j: int) -> Any:
        inside = i < len(found.rows) and j < len(found.rows[0])
        return found.rows[i][j] if inside else CellError("#N/A")

    return Grid(tuple(tuple(cell(i, j) for j in range(columns)) for i in range(rows)))


def _in_the_way(book: _Book, sheet: str, at: Place, reach: Block, before: Block) -> bool:
    """Whether a cell that is not of the table's own stands where it would spill, or the sheet ends."""
    if reach.bottom >= MOST_ROWS or reach.right >= MOST_COLUMNS:
        return True
    found = book.contents.read(sheet)
    for row in range(reach.top, reach.bottom + 1):
        for column in range(reach.left, reach.right + 1):
            own = before.top <= row <= before.bottom and before.left <= column <= before.right
            place = (row, column)
            if place != at and (place in found.formulas or (place in found.constants and not own)):
                return True
    return False


def _calculate_ours(book: _Book, ours: list[tuple[str, Place, FormulaCell]], progress: Progress) -> None:
    _expand(book, ours)
    for sheet, grids in book.spills.items():
        for at, grid in grids.items():
            book.contents.spilled[sheet, at] = grid
    calculator = book.calculator()
    for k, (sheet, at, _) in enumerate(ours):
        if k % 200 == 0:
            progress("our functions", k, len(ours))
        if at in book.spills[sheet]:
            continue
        try:
            book.direct[sheet][at] = calculator.value(sheet, *at)
        except UnsupportedError:
            continue  # LibreOffice's turn, with our add-in
    progress("our functions", len(ours), len(ours))


def _constants(book: _Book) -> dict[str, dict[Place, Change]]:
    """What the copy for LibreOffice holds instead of formulas: our results, and what nobody here can calculate."""
    made: dict[str, dict[Place, Change]] = {}
    for sheet, cells in book.formulas.items():
        changes = made.setdefault(sheet, {})
        for at, value in book.direct[sheet].items():
            changes[at] = Change(value, "")
        for (top, left), grid in book.spills[sheet].items():
            for i, row in enumerate(grid.rows):
                for j, value in enumerate(row):
                    changes[top + i, left + j] = Change(value, "")
            for place in _abandoned(book, sheet, (top, left), grid):
                changes[place] = Change(None, "")
        for at, cell in cells.items():
            if at in changes:
                continue
            if at in book.kept[sheet] or outside.FROZEN.search(OURS.sub(r"\1", cell.text)):
                changes[at] = Change(cell.value, "")
            elif not cell.kind and (plain := OURS.sub(r"\1", cell.text)) != cell.text:
                changes[at] = Change(None, plain)
    return made


def _abandoned(book: _Book, sheet: str, at: Place, grid: Grid) -> list[Place]:
    """Cells of a table's stored range that it no longer reaches."""
    before, constants = book.stored_refs[sheet, at], book.contents.read(sheet).constants
    return [
        (row, column)
        for row in range(before.top, before.bottom + 1)
        for column in range(before.left, before.right + 1)
        if (row - at[0] >= len(grid.rows) or column - at[1] >= len(grid.rows[0])) and (row, column) in constants
    ]


def _left(book: _Book, constants: Mapping[str, Mapping[Place, Change]]) -> int:
    """How many formulas only LibreOffice can calculate."""
    return sum(
        1
        for sheet, cells in book.formulas.items()
        for at in cells
        if at not in constants[sheet] or constants[sheet][at].text
    )


def _roots(book: _Book, bad: dict[tuple[str, Place], str]) -> list[tuple[str, Place]]:
    """Of cells LibreOffice could not calculate those that do not fail merely because another does."""

    def leans(sheet: str, at: Place) -> bool:
        for written in _REFERENCES.findall(book.formulas[sheet][at].text):
            block = read_reference(written)
            if block is None:
                continue
            goal = block.sheet or sheet
            for row in range(block.top, min(block.bottom, block.top + 2000) + 1):
                for column in range(block.left, min(block.right, block.left + 200) + 1):
                    if (goal, (row, column)) in bad and (goal, (row, column)) != (sheet, at):
                        return True
        return False

    found = [key for key in bad if not leans(*key)]
    return found or list(bad)


def _calculate_others(book: _Book, pdf: Path | None, progress: Progress) -> None:
    parts = {name: s.part for name, s in book.sheets.items()}
    for round_ in range(_ROUNDS):
        progress("LibreOffice", round_, _ROUNDS)
        results = outside.calculate(book.contents.package, parts, _constants(book), pdf)
        bad: dict[tuple[str, Place], str] = {}
        for sheet, cells in book.formulas.items():
            for at, cell in cells.items():
                value = results.get(sheet, {}).get(at)
                if isinstance(value, CellError) and _unknowable(cell, value):
                    bad[sheet, at] = value.code
        if not bad or round_ == _ROUNDS - 1:
            break
        for sheet, at in _roots(book, bad):
            code = bad[sheet, at]
            why = "a circular reference" if code in _CIRCULAR else f"LibreOffice cannot calculate it ({code})"
            book.kept[sheet][at] = why
    for sheet, found in results.items():
        if sheet in book.others:
            book.others[sheet] = found
    progress("LibreOffice", _ROUNDS, _ROUNDS)


def _unknowable(cell: FormulaCell, value: CellError) -> bool:
    if value.code == "#NAME?":
        return not _unknown(cell.text) and cell.value != value
    return value.code not in outside.REAL_ERRORS


def _unknown(text: str) -> list[str]:
    return [m[1].upper() for m in OURS.finditer(text) if m[1].upper() not in BY_NAME]


def _is_boolean(text: str) -> bool:
    try:
        tree = parse(text)
    except UnsupportedError:
        return False

    def boolean(node: Any) -> bool:
        if isinstance(node, Literal):
            return isinstance(node.value, bool)
        if not isinstance(node, Apply):
            return False
        if node.name in ("IF", "IFERROR", "IFNA"):
            return any(boolean(a) for a in (node.arguments[1:] if node.name == "IF" else node.arguments))
        return node.name in _BOOLEAN or node.name.startswith("IS")

    return boolean(tree)


def _same(old: Any, new: Any, exact: bool) -> bool:
    if old is None:
        return new is None or new == ""
    if isinstance(old, bool) or isinstance(new, bool) or not (isinstance(old, float) and isinstance(new, float)):
        return type(old) is type(new) and bool(old == new)
    return old == new if exact else math.isclose(old, new, rel_tol=_SAME, abs_tol=1e-300)


def _final(book: _Book, sheet: str, at: Place, cell: FormulaCell) -> tuple[Any, bool] | None:
    """New value of a formula and whether it is one of our results; None where it keeps the stored one."""
    if at in book.direct[sheet]:
        return book.direct[sheet][at], True
    if at in book.kept[sheet] or at not in book.others[sheet] or outside.FROZEN.search(OURS.sub(r"\1", cell.text)):
        return None
    value = book.others[sheet][at]
    if isinstance(value, CellError) and _unknowable(cell, value):
        return None
    if isinstance(value, float) and value in (0.0, 1.0) and (cell.type == "b" or _is_boolean(cell.text)):
        value = bool(value)
    return value, bool(OURS.search(cell.text))


def _changes(book: _Book, sheet: str) -> dict[Place, Change]:
    found: dict[Place, Change] = {}
    contents = book.contents.read(sheet)
    for at, cell in book.formulas[sheet].items():
        if at in book.spills[sheet]:
            continue
        final = _final(book, sheet, at, cell)
        if final is not None and not _same(cell.value, final[0], final[1]):
            found[at] = Change(final[0])
        if cell.kind == "array" and cell.ref is not None:  # an ordinary array formula: LibreOffice fills its range
            for row in range(cell.ref.top, cell.ref.bottom + 1):
                for column in range(cell.ref.left, cell.ref.right + 1):
                    place = (row, column)
                    value = book.others[sheet].get(place)
                    if place != at and value is not None and not _same(contents.constants.get(place), value, False):
                        found[place] = Change(value)
    for at, grid in book.spills[sheet].items():
        found.update(_spill_changes(contents, at, grid, book.stored_refs[sheet, at]))
        found.update({place: Change(None) for place in _abandoned(book, sheet, at, grid)})
    return found


def _spill_changes(contents: Any, at: Place, grid: Grid, before: Block) -> dict[Place, Change]:
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


def _sentences(book: _Book, ours: list[tuple[str, Place, FormulaCell]], report: RefreshedBook) -> None:
    """What a person should know: unknown functions, tables whose way is blocked, formulas that are text."""
    for sheet, at, cell in ours:
        for name in _unknown(cell.text):
            report.told.append(f"{sheet}!{address(*at)}: {unknown_word('function', name, BY_NAME)}")
    for sheet, places in book.blocked.items():
        for at in places:
            report.told.append(
                f"{sheet}!{address(*at)}: the table has no room, other cells are in its way (#SPILL!); clear them."
            )
    typed = [
        f"{sheet}!{address(*at)}"
        for sheet in book.contents.with_text("RUSSELL_")
        for at, value in book.contents.read(sheet).constants.items()
        if isinstance(value, str) and value.lstrip().startswith("=") and OURS.search(value)
    ]
    if typed:
        report.told.append(
            f"Formulas that are text and are not calculated: {', '.join(typed[:5])}{' ...' if len(typed) > 5 else ''}. "
            "Set the cell's format to General and press F2, Enter in Excel."
        )
    for sheet, found in book.kept.items():
        report.kept += [f"{sheet}!{address(*at)} keeps its old value: {why}." for at, why in found.items()]


def refresh_workbook(path: Path, out: Path | None, pdf: Path | None, progress: Progress) -> RefreshedBook:
    """Recalculate a workbook and patch its stored values.

    Parameters
    ----------
    path : pathlib.Path
        An .xlsx or .xlsm with RUSSELL_ functions.
    out : pathlib.Path, optional
        Where the result goes; default in its place, written beside it first.
    pdf : pathlib.Path, optional
        Also printed there, by LibreOffice.
    progress : callable
        Told of (what, done, total).

    Returns
    -------
    RefreshedBook

    Raises
    ------
    BadArgumentError, NoDataError
        No workbook, one that cannot be opened, or open elsewhere.
    OfficeMissingError
        A PDF is wanted and LibreOffice is not there.
    """
    target = out or path
    package = open_package(path)
    refuse_if_open(target)
    progress("reading", 0, 1)
    book = _Book(Contents(package))
    ours = book.ours()
    report = RefreshedBook(target, ours=len(ours))
    if not ours:
        report.told.append(f"{path.name} has no RUSSELL_ formula.")
    _calculate_ours(book, ours, progress)
    left = _left(book, _constants(book))
    if left or pdf is not None:
        try:
            _calculate_others(book, pdf, progress)
            report.office = True
        except OfficeMissingError as exc:
            if pdf is not None:
                raise
            _without_office(book, left, str(exc), report)
    _sentences(book, ours, report)
    for sheet, part in book.sheets.items():
        changes = _changes(book, sheet)
        if changes:
            package.changed[part.part] = patch_sheet(package.part(part.part), changes)
            report.changed += len(changes)
    report.charts = refresh_charts(package, _shown(book))
    progress("writing", 0, 1)
    if package.changed or out is not None:
        try:
            write_atomic(target, package.to_bytes() if package.changed else package.data)
        except PermissionError as exc:
            raise NoDataError(
                f"{target.name} cannot be replaced, a program has it open; close it, or give another file with --out."
            ) from exc
    return report


def _without_office(book: _Book, left: int, why: str, report: RefreshedBook) -> None:
    """Ordinary formulas our calculator knows; the rest keeps its old values and is counted."""
    calculator = book.calculator()
    missed = 0
    for sheet, cells in book.formulas.items():
        for at, cell in cells.items():
            if at in book.direct[sheet] or at in book.spills[sheet]:
                continue
            if outside.FROZEN.search(OURS.sub(r"\1", cell.text)):
                continue
            try:
                book.others[sheet][at] = calculator.value(sheet, *at)
            except UnsupportedError:
                missed += 1
    report.told.append(why)
    if missed:
        report.kept.append(f"{missed} of {left} ordinary formulas need LibreOffice and keep their old values.")


def _shown(book: _Book) -> Callable[[str, int, int], Any]:
    """Sheet, row, column -> what the cell shows after the refresh."""
    known = {s.name.lower(): s.name for s in book.contents.sheets}

    def value(sheet: str, row: int, column: int) -> Any:
        name, at = known[sheet.lower()], (row, column)
        contents = book.contents.read(name)
        if name in book.sheets:
            for (top, left), grid in book.spills[name].items():
                if 0 <= row - top < len(grid.rows) and 0 <= column - left < len(grid.rows[0]):
                    return grid.rows[row - top][column - left]
            cell = contents.formulas.get(at)
            if cell is not None:
                final = _final(book, name, at, cell)
                return cell.value if final is None else final[0]
        return contents.constants.get(at)

    return value
