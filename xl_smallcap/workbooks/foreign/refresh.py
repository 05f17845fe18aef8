"""``workbook refresh``: our functions by our calculator, ordinary formulas by LibreOffice, values patched in place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from xl_smallcap.data.writing import write_atomic
from xl_smallcap.errors import BadArgumentError, unknown_word
from xl_smallcap.functions import BY_NAME
from xl_smallcap.functions.formula import ALONE, OURS, near_miss
from xl_smallcap.hosts.libreoffice.office import OfficeMissingError
from xl_smallcap.workbooks.foreign.changes import cell_values, changes_of
from xl_smallcap.workbooks.foreign.charts import refresh_charts
from xl_smallcap.workbooks.foreign.contents import Contents
from xl_smallcap.workbooks.foreign.others import (
    calculate_others,
    constants,
    foresee_office,
    left_over,
    mark_frozen,
    without_office,
)
from xl_smallcap.workbooks.foreign.own import calculate_ours
from xl_smallcap.workbooks.foreign.package import open_package, refuse_if_open
from xl_smallcap.workbooks.foreign.patching import patch_sheet
from xl_smallcap.workbooks.foreign.state import Book, Ours, Progress, unknown_functions
from xl_smallcap.workbooks.formulas.references import address
from xl_smallcap.workbooks.on_call import OfficeOnCall


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
    target = (out or path).resolve()  # behind a link it is the file that is replaced
    if pdf is not None and pdf.resolve() in (target, path.resolve()):
        raise BadArgumentError(f"The PDF would overwrite the workbook {pdf.name}; give it another name.")
    if pdf is not None and pdf.is_dir():
        raise BadArgumentError(f"{pdf} is a folder; give the PDF a name.")
    if target.is_dir():
        raise BadArgumentError(f"{target} is a folder; give the workbook a name.")
    package = open_package(path)
    refuse_if_open(target)
    progress("reading", 0, 1)
    book = Book(Contents(package))
    ours = book.ours()
    report = RefreshedBook(target, ours=len(ours))
    if not ours:
        report.told.append(f"{path.name} has no RUSSELL_ formula.")
    with OfficeOnCall() as office:
        if pdf is not None or foresee_office(book, ours):
            office.foresee()
        calculate_ours(book, ours, progress)
        _calculate_rest(book, office, pdf, progress, report)
    _sentences(book, ours, report)
    for sheet, part in book.sheets.items():
        changes = changes_of(book, sheet)
        if changes:
            package.changed[part.part] = patch_sheet(package.part(part.part), changes)
            report.changed += len(changes)
    charts = refresh_charts(book, cell_values(book))
    report.charts = charts.changed
    report.told += charts.kept
    progress("writing", 0, 1)
    if package.changed or out is not None:
        write_atomic(target, package.to_bytes() if package.changed else package.data)
    return report


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
    for sheet, at, cell in ours:
        for name in unknown_functions(cell.text):
            report.told.append(f"{sheet}!{address(*at)}: {unknown_word('function', name, BY_NAME)}")
    # a formula that takes one number out of a table shows what it means; one that is nothing but the call does not
    corners = [
        f"{sheet}!{address(*at)}" for sheet, at, cell in ours if (sheet, at) in book.cut and ALONE.fullmatch(cell.text)
    ]
    if corners:
        report.told.append(
            f"Tables that show only their upper left cell: {', '.join(corners[:5])}{' ...' * (len(corners) > 5)}. "
            "Type the formula anew: in Excel 365 press Enter; in LibreOffice and older Excel select as many cells as "
            "the table needs and press Ctrl+Shift+Enter."
        )
    for sheet, cells in book.formulas.items():
        for at, cell in cells.items():
            near = near_miss(cell.text, BY_NAME)
            if near is not None:
                report.told.append(
                    f"{sheet}!{address(*at)}: There is no function {near[0]}. Did you mean {near[1]}? The cell keeps "
                    "its value."
                )
    for sheet, places in book.blocked.items():
        for at in places:
            report.kept.append(
                f"{sheet}!{address(*at)}: the table has no room, other cells are in its way (#SPILL!); clear them."
            )
    typed = [
        f"{sheet}!{address(*at)}"
        for sheet in book.contents.with_text("RUSSELL_")
        for at, value in book.contents.read(sheet).constants.items()
        if isinstance(value, str) and value.lstrip().startswith("=") and OURS.search(value)
        if not _meant(book, sheet, at, value)
    ]
    if typed:
        report.told.append(
            f"Formulas that are text and are not calculated: {', '.join(typed[:5])}{' ...' if len(typed) > 5 else ''}. "
            "Set the cell's format to General and press F2, Enter in Excel."
        )
    for sheet, found in book.kept.items():
        report.kept += [f"{sheet}!{address(*at)} keeps its old value: {why}." for at, why in found.items()]


def _meant(book: Book, sheet: str, at: tuple[int, int], text: str) -> bool:
    """Whether a formula is a text on purpose: its live twin, or on our sheet Frozen its value, stands beside it."""
    beside = book.contents.read(sheet).formulas.get((at[0], at[1] + 1))
    return sheet == "Frozen" or (beside is not None and "=" + beside.text == text)
