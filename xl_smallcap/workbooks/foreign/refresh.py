"""``workbook refresh``: our functions by our calculator, ordinary formulas by LibreOffice, values put in by offset."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from xl_smallcap.data.atomic import NOTHING, as_read, beside, check_target, digest_of, write_atomic
from xl_smallcap.errors import BadArgumentError, BusyError, SavedMeanwhileError, XlSmallcapError, unknown_word
from xl_smallcap.formulas.library import EAGER
from xl_smallcap.formulas.parser import Apply, Literal, parse
from xl_smallcap.formulas.values import CellError, Grid, UnsupportedError
from xl_smallcap.functions import BY_NAME
from xl_smallcap.functions.arguments import fingerprint_of
from xl_smallcap.functions.formula import ALONE, OURS, near_miss
from xl_smallcap.office.office import OfficeMissingError
from xl_smallcap.session import current_session, one_snapshot
from xl_smallcap.workbooks.foreign.calculating import (
    abandoned,
    calculate_others,
    calculate_ours,
    constants,
    foresee_office,
    left_over,
    mark_frozen,
    stored_at,
    unknowable,
    without_office,
)
from xl_smallcap.workbooks.foreign.charts import CellValues, refresh_charts
from xl_smallcap.workbooks.foreign.patching import Change, Place, patch_sheet
from xl_smallcap.workbooks.foreign.reading import (
    Book,
    Contents,
    FormulaCell,
    Ours,
    Progress,
    SheetContents,
    unknown_functions,
)
from xl_smallcap.workbooks.on_call import OfficeOnCall
from xl_smallcap.xlsx.package import open_package, refuse_if_open
from xl_smallcap.xlsx.references import Block, address

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
    changes: dict[Place, Change] = {}
    contents = book.contents.read(sheet)
    for cell_at, cell in book.formulas[sheet].items():
        if cell_at in book.spills[sheet]:
            continue
        final = _final(book, sheet, cell_at, cell)
        before = book.stored_refs.get((sheet, cell_at), cell.ref)
        moved = cell.ref if final is not None and cell.ref != before else None
        if final is not None and (moved is not None or not _same(cell.value, final[0], final[1])):
            changes[cell_at] = Change(final[0], ref=moved)
        if moved is not None and before is not None:
            table = Grid(((None,) * (moved.right - moved.left + 1),) * (moved.bottom - moved.top + 1))
            changes.update({place: Change(None) for place in abandoned(book, sheet, cell_at, table)})
        if final is not None and cell.kind == "array" and cell.ref is not None:
            # what LibreOffice gave, by its cells or by the range's, whichever are fewer
            for place in _places(cell.ref, book.others[sheet]):
                value = book.others[sheet].get(place)
                if place != cell_at and value is not None and not _same(contents.constants.get(place), value, False):
                    changes[place] = Change(value)
    for anchor, grid in book.spills[sheet].items():
        changes.update(_spill_changes(contents, anchor, grid, book.stored_refs[sheet, anchor]))
        changes.update({place: Change(None) for place in abandoned(book, sheet, anchor, grid)})
    return changes


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
    names = {s.name.lower(): s.name for s in book.contents.sheets}

    def value(sheet: str, row: int, column: int) -> Any:
        name, place = names[sheet.lower()], (row, column)
        contents = book.contents.read(name)
        if name in book.sheets:
            for top, left in book.granted[name].holding(row, column):
                return book.spills[name][top, left].rows[row - top][column - left]
            cell = contents.formulas.get(place)
            if cell is not None:
                final = _final(book, name, place, cell)
                return cell.value if final is None else final[0]
            if place in book.others[name] and book.contents.anchor(name, row, column) is not None:
                return book.others[name][place]  # of an array LibreOffice calculated
        return contents.constants.get(place)

    def stored(sheet: str, row: int, column: int) -> Any:
        contents = book.contents.read(names[sheet.lower()])
        cell = contents.formulas.get((row, column))
        return contents.constants.get((row, column)) if cell is None else cell.value

    @cache
    def extent(sheet: str) -> tuple[int, int]:
        name = names[sheet.lower()]
        rows, columns = book.contents.extent(name)
        for cell in book.formulas.get(name, {}).values():
            if cell.kind == "array" and cell.ref is not None:
                rows, columns = max(rows, cell.ref.bottom + 1), max(columns, cell.ref.right + 1)
        return rows, columns

    return CellValues(value, stored, extent)


def _final(book: Book, sheet: str, place: Place, cell: FormulaCell) -> tuple[Any, bool] | None:
    """New value of a formula and whether it is one of our results; None where it keeps the stored one."""
    if place in book.direct[sheet]:
        return book.direct[sheet][place], True
    if place in book.kept[sheet] or place not in book.others[sheet]:
        return None
    value = book.others[sheet][place]
    if isinstance(value, CellError) and unknowable(cell, value) and (sheet, place) not in book.named:
        return None
    if isinstance(value, float) and value in (0.0, 1.0):
        every, some = _booleans(cell.text)
        if every or (some and cell.type == "b"):
            value = bool(value)
    if isinstance(value, str) and len(value) > _LONGEST:
        value = CellError("#VALUE!")
    return value, bool(OURS.search(cell.text))


def _spill_changes(contents: SheetContents, anchor: Place, grid: Grid, before: Block) -> dict[Place, Change]:
    """A table's cells with new values, and its new range."""
    changes: dict[Place, Change] = {}
    cell = contents.formulas[anchor]
    reach = Block(None, *anchor, anchor[0] + len(grid.rows) - 1, anchor[1] + len(grid.rows[0]) - 1)
    moved = cell.dynamic and (reach.bottom, reach.right) != (before.bottom, before.right)
    for i, row in enumerate(grid.rows):
        for j, value in enumerate(row):
            place = (anchor[0] + i, anchor[1] + j)
            if place == anchor:
                if moved or not _same(cell.value, value, True):
                    changes[place] = Change(value, ref=reach if moved else None)
            elif not _same(contents.constants.get(place), value, True):
                changes[place] = Change(value)
    return changes


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
        every = node.name in _BOOLEAN
        return every, every or (node.name not in EAGER and node.name not in BY_NAME and not _SIGN.fullmatch(node.name))

    return look(tree)


def _same(old: Any, new: Any, exact: bool) -> bool:
    if old is None:
        return new is None or new == ""
    if isinstance(old, bool) or isinstance(new, bool) or not (isinstance(old, float) and isinstance(new, float)):
        return type(old) is type(new) and bool(old == new)
    return math.isclose(old, new, rel_tol=_SIXTEEN if exact else _SAME, abs_tol=1e-300)


# -- ``workbook refresh``: our functions by our calculator, ordinary formulas by LibreOffice, values patched in place


@dataclass
class RefreshedBook:
    """What a refresh did: cells with our functions, cells changed, who calculated, and what a person should know."""

    path: Path
    ours: int = 0
    changed: int = 0
    charts: int = 0
    office: bool = False
    worse: int = 0
    """Cells that had a number and would show an error, or nothing, now."""
    kept: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


def refresh_workbook(
    path: Path, out: Path | None, pdf: Path | None, progress: Progress, *, keep: bool = False
) -> RefreshedBook:
    """Recalculate a workbook and patch its stored values.

    Where the file was saved by somebody meanwhile, `path` is a copy beside it.
    """
    target = check_target(out or path).resolve()
    if pdf is not None and pdf.resolve() in (target, path.resolve()):
        raise BadArgumentError(f"The PDF would overwrite the workbook {pdf.name}; give it another name.")
    if pdf is not None:
        check_target(pdf, ".pdf")
    package = open_package(path)
    there = digest_of(package.data) if target == path.resolve() else as_read(target)
    refuse_if_open(target)
    progress("reading", 0, 1)
    book = Book(Contents(package))
    ours = book.ours()
    report = RefreshedBook(target, ours=len(ours))
    if not ours:
        report.told.append(f"{path.name} has no RUSSELL_ formula.")
    book.keep_numbers = keep
    with one_snapshot(_data_of(book)) if ours else nullcontext(), OfficeOnCall() as office:
        before = list(current_session().errors)
        if pdf is not None or foresee_office(book, ours):
            office.foresee()
        calculate_ours(book, ours, progress)
        _calculate_rest(book, office, pdf, progress, report)
        # by identity: the record is bounded, and a full one does not grow
        why = [e.sentence for e in current_session().errors if not any(e is old for old in before)]
    _sentences(book, ours, report)
    for sheet, part in book.sheets.items():
        changes = changes_of(book, sheet)
        lost = [place for place, change in changes.items() if _is_worse(book, sheet, place, change)]
        if keep:
            changes = {place: change for place, change in changes.items() if place not in set(lost)}
        report.worse += len(lost)
        if changes:
            package.changed[part.part] = patch_sheet(package.part(part.part), changes)
            report.changed += len(changes)
    charts = refresh_charts(book, cell_values(book))
    report.charts = charts.changed
    report.told += charts.kept
    if report.worse or book.saved:
        _say_worse(report, book, keep, why)
    progress("writing", 0, 1)
    if package.changed or out is not None:
        _write(report, target, package.to_bytes() if package.changed else package.data, there)
    return report


def _data_of(book: Book) -> str:
    """The snapshot a workbook is calculated on: in use now, or pinned; with none at all nothing is worth writing."""
    session = current_session()
    try:
        if book.pin is not None:
            return session.store.meant(fingerprint_of(book.pin))
        session.follow()
        return session.snapshot.fingerprint
    except XlSmallcapError as exc:
        pin = "The workbook's name RUSSELL_PIN: " if book.pin is not None else ""
        home = "" if book.pin is not None else f" (The data folder is {session.settings.home}.)"
        raise type(exc)(f"{pin}{exc}{home} Nothing was written.") from None


def _write(report: RefreshedBook, target: Path, content: bytes, there: str) -> None:
    """Write the workbook, or a copy beside it where somebody has opened or saved it meanwhile."""
    try:
        refuse_if_open(target)
        write_atomic(target, content, read_as=there)
    except (SavedMeanwhileError, BusyError) as exc:
        report.path = beside(target, "refreshed")
        write_atomic(report.path, content, read_as=NOTHING)
        report.kept.append(f"{exc} What it would be after the refresh of what it was before: {report.path.name}.")


def _is_worse(book: Book, sheet: str, place: tuple[int, int], change: Change) -> bool:
    """Whether a cell that had a number gets an error, or becomes empty because its table is one."""
    if not isinstance(stored_at(book, sheet, place), float):
        return False
    if isinstance(change.value, CellError):
        return True
    return change.value is None and any(
        ref.top <= place[0] <= ref.bottom and ref.left <= place[1] <= ref.right
        for anchor, grid in book.spills[sheet].items()
        if isinstance(grid.first, CellError) and len(grid.rows) == len(grid.rows[0]) == 1
        for ref in [book.stored_refs[sheet, anchor]]
    )


def _say_worse(report: RefreshedBook, book: Book, keep: bool, why: list[str]) -> None:
    count = report.worse + (len(book.saved) if keep else 0)
    reasons = " ".join(dict.fromkeys(why[:3]))
    if keep:
        sentence = f"{count} cells that had numbers would be errors now and keep their old values."
    else:
        sentence = f"{count} cells that had numbers are errors now; --keep leaves such cells as they were."
    report.kept.append(f"{sentence} {reasons}".strip())


def _calculate_rest(
    book: Book, office: OfficeOnCall, pdf: Path | None, progress: Progress, report: RefreshedBook
) -> None:
    mark_frozen(book)
    left = left_over(book, constants(book))
    if not left and pdf is None:
        return
    try:
        calculate_others(book, office, pdf, progress)
        report.office = True
    except OfficeMissingError as exc:
        if pdf is not None:
            raise
        report.told.append(str(exc))
        missed = without_office(book)
        if missed:
            report.kept.append(f"{missed} of {left} ordinary formulas need LibreOffice and keep their old values.")


def _sentences(book: Book, ours: Ours, report: RefreshedBook) -> None:
    """What a person should know: unknown functions, tables whose way is blocked, formulas that are text."""
    for sheet, place, cell in ours:
        for name in unknown_functions(cell.text):
            report.told.append(f"{sheet}!{address(*place)}: {unknown_word('function', name, BY_NAME)}")
    # a formula that takes one number out of a table shows what it means; one that is nothing but the call does not
    corners = [
        f"{sheet}!{address(*place)}"
        for sheet, place, cell in ours
        if (sheet, place) in book.cut and ALONE.fullmatch(cell.text)
    ]
    if corners:
        report.told.append(
            f"Tables that show only their upper left cell: {', '.join(corners[:5])}{' ...' * (len(corners) > 5)}. "
            "Type the formula anew: in Excel 365 press Enter; in LibreOffice and older Excel select as many cells as "
            "the table needs and press Ctrl+Shift+Enter."
        )
    for sheet, cells in book.formulas.items():
        for place, cell in cells.items():
            near = near_miss(cell.text, BY_NAME)
            if near is not None:
                report.told.append(
                    f"{sheet}!{address(*place)}: There is no function {near[0]}. Did you mean {near[1]}? The cell "
                    "keeps its value."
                )
    for sheet, places in book.blocked.items():
        for place in places:
            report.kept.append(
                f"{sheet}!{address(*place)}: the table has no room, other cells are in its way (#SPILL!); clear them."
            )
    typed = [
        f"{sheet}!{address(*place)}"
        for sheet in book.contents.with_text("RUSSELL_")
        for place, value in book.contents.read(sheet).constants.items()
        if isinstance(value, str) and value.lstrip().startswith("=") and OURS.search(value)
        if not _meant(book, sheet, place, value)
    ]
    if typed:
        report.told.append(
            f"Formulas that are text and are not calculated: {', '.join(typed[:5])}{' ...' if len(typed) > 5 else ''}. "
            "Set the cell's format to General and press F2, Enter in Excel."
        )
    for sheet, reasons in book.kept.items():
        report.kept += [f"{sheet}!{address(*place)} keeps its old value: {why}." for place, why in reasons.items()]


def _meant(book: Book, sheet: str, place: tuple[int, int], text: str) -> bool:
    """Whether a formula is a text on purpose: its live twin, or on our sheet Frozen its value, stands beside it."""
    beside = book.contents.read(sheet).formulas.get((place[0], place[1] + 1))
    return sheet == "Frozen" or (beside is not None and "=" + beside.text == text)
