"""The workbook we ship, its installation for Excel, the demo's: live formulas with their values stored."""

from __future__ import annotations

import datetime as dt
import io
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xl_smallcap.config import load_settings
from xl_smallcap.data.atomic import write_atomic
from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.errors import FitError, NoDataError, XlSmallcapError
from xl_smallcap.functions import RUSSELL_ASOF, RUSSELL_BETAS
from xl_smallcap.functions.regimes import compute_regime_history
from xl_smallcap.hosts.excel.attach import attach
from xl_smallcap.hosts.excel.loader import dll_folder, dll_names, write_settings
from xl_smallcap.session import Session, one_snapshot, use_session
from xl_smallcap.types import Table
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.sheets import (
    breadth,
    factors,
    inputs,
    news,
    outlook,
    pitch,
    pitch_data,
    pitch_words,
    reference,
)
from xl_smallcap.workbooks.styles import FONT, named_styles
from xl_smallcap.xlsx.package import Package

CREATED = dt.datetime(2026, 1, 1)
"""Fixed, so that the same inputs give the same file."""
_CALCULATOR = 191029
"""What Excel 2019 and later write as the version that calculated a file."""
_ERROR_FORMULA = re.compile(rb"<f>#(?:N/A|NUM!|VALUE!|REF!|DIV/0!|NAME\?|NULL!)</f>")
Progress = Callable[[str, int, int], None]
SHEETS = (
    "Pitch", "Inputs", "Betas", "News", "Attribution", "Fair value", "Regimes", "Scenarios", "Needle", "Dispersion",
    "Positioning", "Thesis", "Data", "Functions", "Pitch data",
)  # fmt: skip


def _quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def new_draft(
    buffer: io.BytesIO, title: str, comments: str, *, macros: bool = False, cell_by_cell: bool = False
) -> Draft:
    """Open an empty workbook with fixed properties."""
    import xlsxwriter

    # the plain style's font is the measure of a column's width
    plain = {"font_name": FONT, "font_size": 10}
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "default_format_properties": plain})
    book.set_properties({"title": title, "comments": comments, "created": CREATED})
    # opening shows the stored values: not a full calculation, and no older version's number, which asks for one too
    book.set_calc_mode("auto", calc_id=_CALCULATOR)
    book.calc_on_load = False
    return Draft(book, for_excel=macros, cell_by_cell=cell_by_cell)


def prepare(progress: Progress = _quiet) -> None:
    """Compute the regimes' history of the default model where it is not there yet: a few seconds, once a snapshot."""
    try:
        compute_regime_history("pool", None, progress)
    except XlSmallcapError:
        return  # the cells that need it say so


def check(as_of: dt.date | None = None) -> None:
    """Raise where the default model cannot be fitted: a workbook of nothing but errors helps nobody."""
    RUSSELL_ASOF()
    try:
        RUSSELL_BETAS("relative", 250, as_of)
    except FitError as exc:
        raise NoDataError(f"The workbook's own tables cannot be fitted on these data: {exc}") from exc


def build_page(pages: dict[str, Page], options: inputs.PitchOptions) -> None:
    """Write the page and the sheet behind it; Inputs, whose names they use, is there already."""
    behind = pitch_data.build(pages[pitch_data.NAME], options)
    pitch_words.write(behind.results, options)
    pages[pitch_data.NAME].sheet.print_area(0, 0, behind.results.bottom, 2)
    pitch.build(pages[pitch.NAME], options, behind)


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
    options = inputs.PitchOptions()
    inputs.build(pages[inputs.NAME], options, None)
    factors.inputs(pages["Betas"])
    work: list[tuple[str, Callable[[], Any]]] = [
        ("Betas", lambda: factors.build_betas(draft, pages["Betas"])),
        ("News", lambda: news.build(draft, pages["News"])),
        ("Attribution", lambda: factors.build_attribution(draft, pages["Attribution"])),
        ("Fair value", lambda: factors.build_fair_value(draft, pages["Fair value"])),
        ("Regimes", lambda: outlook.build_regimes(draft, pages["Regimes"])),
        ("Scenarios", lambda: outlook.build_scenarios(draft, pages["Scenarios"])),
        ("Needle", lambda: outlook.build_needle(draft, pages["Needle"])),
        ("Dispersion", lambda: breadth.dispersion(draft, pages["Dispersion"])),
        ("Positioning", lambda: breadth.positioning(draft, pages["Positioning"])),
        ("Thesis", lambda: reference.thesis(draft, pages["Thesis"])),
        ("Data", lambda: reference.data(draft, pages["Data"])),
        ("Functions", lambda: reference.functions(draft, pages["Functions"])),
        ("Pitch", lambda: build_page(pages, options)),
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
    """Return a workbook with what XlsxWriter has no way to write: named styles, errors as values.

    It writes an error as a formula; inside a spilled table a formula would stand in the table's way.
    """
    package = Package("The workbook", data)
    for name in package.names():
        if name.startswith("xl/worksheets/"):
            package.changed[name] = _ERROR_FORMULA.sub(b"", package.part(name))
    package.changed["xl/styles.xml"] = named_styles(package.part("xl/styles.xml"), draft.styles.kinds())
    return package.to_bytes()


def build_workbook(
    path: Path, *, macros: bool = False, cell_by_cell: bool = False, progress: Progress = _quiet
) -> Path:
    """Write the workbook. The file."""
    write_atomic(path, workbook_bytes(macros=macros, cell_by_cell=cell_by_cell, progress=progress))
    return path


# -- Build the macro workbook on the user's machine and tell Excel which Python answers.


NAME = "xl_smallcap.xlsm"


def default_place() -> Path:
    """Return where the workbook goes: the user's documents."""
    import platformdirs

    return Path(platformdirs.user_documents_dir()) / NAME


def install(out: Path | None = None, profile: Path | None = None) -> list[str]:
    """Write xl_smallcap.xlsm, macros inside, and on Windows the settings file of this user.

    A workbook that is there already keeps its sheets; only its macros are brought up to date. What was done and what
    to do next, a sentence each.
    """
    target = out or default_place()
    if target.is_dir() or target.suffix.lower() != ".xlsm":
        target = target / NAME
    if target.exists():
        attach(target)
        remarks = [f"{target} is there already: its macros were brought up to date, its sheets left as they are."]
    else:
        prepare()
        with tempfile.TemporaryDirectory() as folder:
            source = build_workbook(Path(folder) / "xl_smallcap.xlsx", macros=True)
            attach(source, target)
        remarks = [f"Written: {target}"]
    if sys.platform == "win32" or profile is not None:
        remarks.append(f"Written: {write_settings(profile)}")
    else:
        remarks.append(
            "This is not Windows: the workbook is built, and each Windows user runs 'xl-smallcap excel install' once."
        )
    if sys.platform == "win32" and dll_folder(Path(sys.executable)) is None:
        remarks.append(
            f"But {dll_names()[0]} is not beside this Python, so Excel will not reach it: run 'xl-smallcap doctor'."
        )
    remarks.append("Open it in Excel, press 'Enable Content', and the formulas are live.")
    return remarks


# -- The demo: fit the embedded sample, show the betas, write a workbook that opens anywhere.


_SHOWN = ("factor", "beta", "se", "tstat", "pvalue", "lower", "upper", "sign_share", "nobs", "role")


@dataclass(frozen=True)
class DemoReport:
    """What the demo made: the beta table, where the workbook is, and whether the sample is CURRENT."""

    table: Table
    workbook: Path
    snapshot_name: str
    as_of: dt.date
    is_current: bool


def run_demo(folder: Path, progress: Callable[[str, int, int], None]) -> DemoReport:
    """Run the main job on the embedded sample. The sample becomes CURRENT only where nothing else is."""
    settings = load_settings()
    store = Store(settings.store_dir)
    report = load(store, "sample", progress, make_current=store.current() is None)
    is_current = store.current() == report.snapshot.fingerprint
    use_session(Session(settings, report.snapshot.fingerprint))
    try:
        progress("fitting", 1, 3)
        table = RUSSELL_BETAS()
        kept = [table[0].index(name) for name in _SHOWN]
        progress("writing the workbook", 2, 3)
        prepare(progress)
        path = build_workbook(folder / "xl_smallcap_demo.xlsx", cell_by_cell=True)
        progress("", 3, 3)
        return DemoReport(
            table=[[row[i] for i in kept] for row in table],
            workbook=path.resolve(),
            snapshot_name=report.snapshot.name,
            as_of=RUSSELL_ASOF(),
            is_current=is_current,
        )
    finally:
        use_session(None)
