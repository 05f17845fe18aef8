"""The other formulas of a foreign workbook: by LibreOffice, or as far as our calculator goes where it is not there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from xl_smallcap.workbooks.foreign import outside
from xl_smallcap.workbooks.foreign.contents import OURS
from xl_smallcap.workbooks.foreign.own import abandoned
from xl_smallcap.workbooks.foreign.patching import Change, Place
from xl_smallcap.workbooks.foreign.reading import FormulaCell
from xl_smallcap.workbooks.foreign.state import Book, Progress, unknown_functions
from xl_smallcap.workbooks.formulas.references import read_reference
from xl_smallcap.workbooks.formulas.values import CellError, UnsupportedError

_CIRCULAR = {"Err:522", "Err:523"}
_ROUNDS = 4
_REFERENCES = re.compile(
    r"(?:'(?:[^']|'')+'!|[^\s'!,;:()\[\]+*/&<>=^-]+!)?\$?[A-Z]{1,3}\$?\d+(?::\$?[A-Z]{1,3}\$?\d+)?"
)


def constants(book: Book) -> dict[str, dict[Place, Change]]:
    """Return what the copy for LibreOffice holds instead of formulas: our results, and what nobody here can calculate.

    Parameters
    ----------
    book : Book
        The workbook.

    Returns
    -------
    dict
        Sheet -> place -> change.
    """
    made: dict[str, dict[Place, Change]] = {}
    for sheet, cells in book.formulas.items():
        changes = made.setdefault(sheet, {})
        for at, value in book.direct[sheet].items():
            changes[at] = Change(value, "")
        for (top, left), grid in book.spills[sheet].items():
            for i, row in enumerate(grid.rows):
                for j, value in enumerate(row):
                    changes[top + i, left + j] = Change(value, "")
            for place in abandoned(book, sheet, (top, left), grid):
                changes[place] = Change(None, "")
        for at, cell in cells.items():
            if at in changes:
                continue
            if at in book.kept[sheet] or outside.FROZEN.search(OURS.sub(r"\1", cell.text)):
                changes[at] = Change(cell.value, "")
            elif not cell.kind and (plain := OURS.sub(r"\1", cell.text)) != cell.text:
                changes[at] = Change(None, plain)
    return made


def left_over(book: Book, fixed: Mapping[str, Mapping[Place, Change]]) -> int:
    """Return how many formulas only LibreOffice can calculate.

    Parameters
    ----------
    book : Book
        The workbook.
    fixed : mapping
        From :func:`constants`.

    Returns
    -------
    int
    """
    return sum(
        1 for sheet, cells in book.formulas.items() for at in cells if at not in fixed[sheet] or fixed[sheet][at].text
    )


def _roots(book: Book, bad: dict[tuple[str, Place], str]) -> list[tuple[str, Place]]:
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


def calculate_others(book: Book, pdf: Path | None, progress: Progress) -> None:
    """Calculate every formula left by LibreOffice; what it cannot calculate keeps its old value, and others see that.

    Parameters
    ----------
    book : Book
        Gets the values.
    pdf : pathlib.Path or None
        Where to print.
    progress : callable
        Told of (what, done, total).

    Raises
    ------
    OfficeMissingError
        LibreOffice is not there, too old, or does not answer.
    """
    parts = {name: s.part for name, s in book.sheets.items()}
    for round_ in range(_ROUNDS):
        progress("LibreOffice", round_, _ROUNDS)
        results = outside.calculate(book.contents.package, parts, constants(book), pdf)
        bad: dict[tuple[str, Place], str] = {}
        for sheet, cells in book.formulas.items():
            for at, cell in cells.items():
                value = results.get(sheet, {}).get(at)
                if isinstance(value, CellError) and unknowable(cell, value):
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


def unknowable(cell: FormulaCell, value: CellError) -> bool:
    """Return whether a result says no more than that LibreOffice does not know the formula.

    Parameters
    ----------
    cell : FormulaCell
        As the file has it.
    value : CellError
        What LibreOffice shows.

    Returns
    -------
    bool
    """
    if value.code == "#NAME?":
        return not unknown_functions(cell.text) and cell.value != value
    return value.code not in outside.REAL_ERRORS


def without_office(book: Book) -> int:
    """Calculate by our own calculator what it knows.

    Parameters
    ----------
    book : Book
        Gets the values.

    Returns
    -------
    int
        Formulas that keep their old values.
    """
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
    return missed
