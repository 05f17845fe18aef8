"""The workbook we ship: live formulas with their values stored, so that it shows numbers in any viewer.

Built from the function table and the open snapshot by the sheets' own modules; the same inputs give the same bytes.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xl_smallcap.data.atomic import write_atomic
from xl_smallcap.errors import FitError, NoDataError, XlSmallcapError
from xl_smallcap.functions import RUSSELL_ASOF, RUSSELL_BETAS
from xl_smallcap.functions.regimes import compute_regime_history
from xl_smallcap.session import current_session, one_snapshot
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.named_styles import named_styles
from xl_smallcap.workbooks.sheets import (
    attribution,
    betas,
    breadth,
    fair_value,
    needle,
    pitch,
    pitch_data,
    reference,
    regimes,
    scenarios,
)

CREATED = dt.datetime(2026, 1, 1)
"""Fixed, so that the same inputs give the same file."""
_CALCULATOR = 191029
"""What Excel 2019 and later write as the version that calculated a file."""
_ERROR_FORMULA = re.compile(rb"<f>#(?:N/A|NUM!|VALUE!|REF!|DIV/0!|NAME\?|NULL!)</f>")
Progress = Callable[[str, int, int], None]
SHEETS = (
    "Pitch", "Betas", "Attribution", "Fair value", "Regimes", "Scenarios", "Needle", "Dispersion", "Positioning",
    "Thesis", "Data", "Functions", "Pitch data",
)  # fmt: skip


def _quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def new_draft(
    buffer: io.BytesIO, title: str, comments: str, *, macros: bool = False, cell_by_cell: bool = False
) -> Draft:
    """Open an empty workbook with fixed properties."""
    import xlsxwriter

    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    book.set_properties({"title": title, "comments": comments, "created": CREATED})
    # opening shows the stored values: not a full calculation, and no older version's number, which asks for one too
    book.set_calc_mode("auto", calc_id=_CALCULATOR)
    book.calc_on_load = False
    return Draft(book, for_excel=macros, cell_by_cell=cell_by_cell)


def prepare(progress: Progress = _quiet) -> None:
    """Compute the regimes' history of the default model where it is not there yet: a few seconds, once a snapshot."""
    try:
        compute_regime_history("chains", None, progress)
    except XlSmallcapError:
        return  # the cells that need it say so


def check(as_of: dt.date | None = None) -> None:
    """Raise where the default model cannot be fitted: a workbook of nothing but errors helps nobody."""
    RUSSELL_ASOF()
    try:
        RUSSELL_BETAS("relative", 250, as_of)
    except FitError as exc:
        raise NoDataError(f"The workbook's own tables cannot be fitted on these data: {exc}") from exc


def _pitch(pages: dict[str, Page], options: pitch.PitchOptions) -> None:
    pitch_data.build(pages[pitch_data.NAME], options.projecting)
    pitch.build(pages["Pitch"], options)


def workbook_bytes(*, macros: bool = False, cell_by_cell: bool = False, progress: Progress = _quiet) -> bytes:
    """Return the workbook, computed from the open snapshot. An .xlsx."""
    with one_snapshot():
        return _workbook(macros, cell_by_cell, progress)


def _workbook(macros: bool, cell_by_cell: bool, progress: Progress) -> bytes:
    check()
    buffer = io.BytesIO()
    draft = new_draft(
        buffer,
        "xl_smallcap",
        "Russell 2000 and macro: betas, regimes, scenarios, thesis",
        macros=macros,
        cell_by_cell=cell_by_cell,
    )
    pages = {name: draft.page(name) for name in SHEETS}
    options = pitch.PitchOptions()
    pitch.inputs(pages["Pitch"], options, None, list(current_session().scenarios.paths))
    betas.inputs(pages["Betas"])
    work: list[tuple[str, Callable[[], Any]]] = [
        ("Betas", lambda: betas.build(draft, pages["Betas"])),
        ("Attribution", lambda: attribution.build(draft, pages["Attribution"])),
        ("Fair value", lambda: fair_value.build(draft, pages["Fair value"])),
        ("Regimes", lambda: regimes.build(draft, pages["Regimes"])),
        ("Scenarios", lambda: scenarios.build(draft, pages["Scenarios"])),
        ("Needle", lambda: needle.build(draft, pages["Needle"])),
        ("Dispersion", lambda: breadth.dispersion(draft, pages["Dispersion"])),
        ("Positioning", lambda: breadth.positioning(draft, pages["Positioning"])),
        ("Thesis", lambda: reference.thesis(draft, pages["Thesis"])),
        ("Data", lambda: reference.data(draft, pages["Data"])),
        ("Functions", lambda: reference.functions(draft, pages["Functions"])),
        ("Pitch", lambda: _pitch(pages, options)),
    ]
    steps = len(work) + len(pages) + 1
    for k, (name, build) in enumerate(work):
        progress(f"layout of {name}", k, steps)
        build()
    if macros:
        pages["Betas"].sheet.insert_button(
            3, 4, {"macro": "RUSSELL_REFRESH", "caption": "Refresh data", "width": 110, "height": 24}
        )
    draft.finish(lambda name, k: progress(name, len(work) + k, steps))
    progress("", steps, steps)
    return finished(buffer.getvalue(), draft)


def finished(data: bytes, draft: Draft) -> bytes:
    """Return a workbook with what XlsxWriter has no way to write: named styles, a watermark, errors as values.

    It writes an error as a formula; inside a spilled table a formula would stand in the table's way.
    """
    mark = f'<a:srgbClr val="{pitch.VEIL[1:]}"/>'.encode()
    thin = mark[:-2] + b'><a:alpha val="22000"/></a:srgbClr>'
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            part = old.read(info.filename)
            if info.filename.startswith("xl/drawings/"):
                part = part.replace(mark, thin)
            elif info.filename.startswith("xl/worksheets/"):
                part = _ERROR_FORMULA.sub(b"", part)
            elif info.filename == "xl/styles.xml":
                part = named_styles(part, draft.styles.kinds())
            new.writestr(info, part)
    return out.getvalue()


def build_workbook(
    path: Path, *, macros: bool = False, cell_by_cell: bool = False, progress: Progress = _quiet
) -> Path:
    """Write the workbook. The file."""
    write_atomic(path, workbook_bytes(macros=macros, cell_by_cell=cell_by_cell, progress=progress))
    return path
