"""``workbook refresh``: our functions by our calculator, ordinary formulas by LibreOffice, values patched in place."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from xl_smallcap.data.atomic import NOTHING, as_read, beside, check_target, digest_of, write_atomic
from xl_smallcap.errors import BadArgumentError, BusyError, SavedMeanwhileError, XlSmallcapError, unknown_word
from xl_smallcap.functions import BY_NAME
from xl_smallcap.functions.arguments import fingerprint_of
from xl_smallcap.functions.formula import ALONE, OURS, near_miss
from xl_smallcap.hosts.libreoffice.office import OfficeMissingError
from xl_smallcap.session import current_session, one_snapshot
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
from xl_smallcap.workbooks.foreign.own import calculate_ours, stored_at
from xl_smallcap.workbooks.foreign.package import open_package, refuse_if_open
from xl_smallcap.workbooks.foreign.patching import Change, patch_sheet
from xl_smallcap.workbooks.foreign.state import Book, Ours, Progress, unknown_functions
from xl_smallcap.workbooks.formulas.references import address
from xl_smallcap.workbooks.formulas.values import CellError
from xl_smallcap.workbooks.on_call import OfficeOnCall


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
        lost = [at for at, change in changes.items() if _is_worse(book, sheet, at, change)]
        if keep:
            changes = {at: change for at, change in changes.items() if at not in set(lost)}
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


def _is_worse(book: Book, sheet: str, at: tuple[int, int], change: Change) -> bool:
    """Whether a cell that had a number gets an error, or becomes empty because its table is one."""
    if not isinstance(stored_at(book, sheet, at), float):
        return False
    if isinstance(change.value, CellError):
        return True
    return change.value is None and any(
        ref.top <= at[0] <= ref.bottom and ref.left <= at[1] <= ref.right
        for anchor, grid in book.spills[sheet].items()
        if isinstance(grid.first, CellError) and len(grid.rows) == len(grid.rows[0]) == 1
        for ref in [book.stored_refs[sheet, anchor]]
    )


def _say_worse(report: RefreshedBook, book: Book, keep: bool, why: list[str]) -> None:
    count = report.worse + (len(book.saved) if keep else 0)
    reasons = " ".join(dict.fromkeys(why[:3]))
    if keep:
        told = f"{count} cells that had numbers would be errors now and keep their old values."
    else:
        told = f"{count} cells that had numbers are errors now; --keep leaves such cells as they were."
    report.kept.append(f"{told} {reasons}".strip())


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
