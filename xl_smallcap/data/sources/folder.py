"""A user's folder of CSV files: wide files (date, one column a series) or one file a series (date, value).

The CFTC's report and iShares' holdings files are known by their columns and read as what they are; the subfolder
``cross_section`` holds constituents. Every ``*.csv`` directly in the folder is looked at. A file of another layout is
skipped and named; a file of ours with one bad cell refuses the whole load, so that a half-read folder never replaces
good data.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from pathlib import Path

import numpy as np

from xl_smallcap.data.holdings import Holdings
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.sources import cftc, constituents, ishares
from xl_smallcap.data.sources._loaded import Loaded, Progress
from xl_smallcap.data.sources.delimited import (
    MISSING,
    NotSeriesError,
    Sheet,
    read_dates,
    read_number,
    read_sheet,
)
from xl_smallcap.errors import SourceError

CROSS_SECTION = "cross_section"
"""The subfolder whose files are read as constituents."""
_DATE_HEADERS = ("date", "observation_date")
_VINTAGE = "available_at"
_EARLIEST = dt.date(1800, 1, 1)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2})?$")


def _is_text_column(sheet: Sheet, position: int) -> bool:
    """Tell a column of words (a code, a name) from a column of numbers with a bad cell in it."""
    cells = [row[position] for _, row in sheet.rows if row[position].lower() not in MISSING]
    return bool(cells) and not any(any(ch.isdigit() for ch in c) and not c[0].isalpha() for c in cells[:200])


def _check_dates(sheet: Sheet, dates: list[dt.date], today: dt.date | None) -> None:
    for (line, _), day in zip(sheet.rows, dates, strict=True):
        if day < _EARLIEST or (today is not None and day > today):
            limit = f"before {_EARLIEST}" if day < _EARLIEST else f"after today, {today}"
            raise SourceError(
                f"{sheet.file}, line {line}, column '{sheet.header[0]}': {day} is {limit}; is the year right?"
            )


def _duplicates(sheet: Sheet, dates: list[dt.date], moments: list[np.datetime64] | None) -> None:
    first_seen: dict[tuple[dt.date, str], int] = {}
    for i, ((line, _), day) in enumerate(zip(sheet.rows, dates, strict=True)):
        key = (day, "" if moments is None else str(moments[i]))
        if key in first_seen:
            raise SourceError(
                f"{sheet.file}, line {line}, column '{sheet.header[0]}': {day} is there already in line "
                f"{first_seen[key]}. Keep one, or give each an '{_VINTAGE}' of its own."
            )
        first_seen[key] = line


def _moments(sheet: Sheet, position: int) -> list[np.datetime64]:
    found: list[np.datetime64] = []
    for line, row in sheet.rows:
        text = row[position]
        moment: np.datetime64 | None = None
        if text.lower() in MISSING:
            moment = np.datetime64("NaT", "m")
        elif _MOMENT.match(text):
            with contextlib.suppress(ValueError):
                moment = np.datetime64(text.replace(" ", "T") + ("" if len(text) > 10 else "T00:00"), "m")
        if moment is None:
            raise SourceError(
                f"{sheet.file}, line {line}, column '{_VINTAGE}': '{text}' is not a moment; write 2025-12-18T08:30."
            )
        found.append(moment)
    return found


def parse(raw: bytes, file: str, today: dt.date | None = None) -> dict[str, SeriesData]:
    """Read the bytes of one file into series.

    Parameters
    ----------
    raw : bytes
        A wide file (date, one column a series), or ``date,value[,available_at]`` where the file's stem is the series.
    file : str
        File name, for errors and for the id of a single series.
    today : datetime.date, optional
        A later date is refused as a slip of the pen.

    Returns
    -------
    dict of str to SeriesData

    Raises
    ------
    NotSeriesError
        The file is of another layout.
    SourceError
        A cell cannot be read; file, line and column are named.
    """
    return series_of(read_sheet(raw, file), today)


def series_of(sheet: Sheet, today: dt.date | None = None) -> dict[str, SeriesData]:
    """Read a table into series: a wide one, one of a single series, or the CFTC's report.

    Parameters
    ----------
    sheet : Sheet
        Header and rows.
    today : datetime.date, optional
        A later date is refused as a slip of the pen.

    Returns
    -------
    dict of str to SeriesData

    Raises
    ------
    NotSeriesError
        The table is of another layout.
    SourceError
        A cell cannot be read.
    """
    file = sheet.file
    if cftc.is_report(sheet.header):
        found = cftc.read_report(sheet)
        if not found:
            raise NotSeriesError(f"{file}: a CFTC report without the Russell 2000's and the S&P 500's contracts.")
        return found
    if sheet.header[0].lower() not in _DATE_HEADERS:
        raise NotSeriesError(f"{file}: the first column is '{sheet.header[0]}', not 'date'.")
    if not sheet.rows:
        raise SourceError(f"{file} has a header but no rows.")
    lowered = [h.lower() for h in sheet.header]
    single = "value" in lowered
    columns = [i for i, name in enumerate(lowered) if i > 0 and name != _VINTAGE]
    for i in columns:
        if _is_text_column(sheet, i):
            raise NotSeriesError(f"{file}: column '{sheet.header[i]}' holds words, so this is no file of series.")
    if single and len(columns) != 1:
        raise SourceError(f"{file}, line 1: a file with a column 'value' holds one series: date,value[,{_VINTAGE}].")
    dates = read_dates(sheet)
    vintages = _moments(sheet, lowered.index(_VINTAGE)) if _VINTAGE in lowered else None
    _check_dates(sheet, dates, today)
    _duplicates(sheet, dates, vintages)
    days = np.array(dates, dtype="datetime64[D]")
    for (line, _), day, moment in zip(sheet.rows, days, vintages or [], strict=False):
        if moment < day:
            raise SourceError(f"{sheet.file}, line {line}, column '{_VINTAGE}': {moment} lies before its date {day}.")
    found = {}
    for i in columns:
        name = Path(file.rpartition("!")[2]).stem if single else sheet.header[i]
        numbers = [read_number(sheet, line, sheet.header[i], row[i]) for line, row in sheet.rows]
        keep = np.array([n is not None for n in numbers])
        if not keep.any():
            continue
        values = np.array([n for n in numbers if n is not None], dtype=np.float64)
        known = None if vintages is None else np.array(vintages, dtype="datetime64[m]")[keep]
        found[name] = SeriesData.build(days[keep], values, known)
    return found


def read(place: Path, progress: Progress) -> Loaded:
    """Read every CSV file of a folder.

    Parameters
    ----------
    place : pathlib.Path
        The folder.
    progress : callable
        Called with (file, done, total).

    Returns
    -------
    Loaded

    Raises
    ------
    SourceError
        No such folder, nothing readable in it, a bad cell, or a series in two files.
    """
    if not place.is_dir():
        raise SourceError(
            f"'{place}' is neither a folder of CSV files nor a workbook (.xlsx, .xlsm) nor the word 'sample'. Give the "
            "folder that holds the file; save an .xls as .xlsx."
        )
    files = sorted(p for p in place.iterdir() if p.suffix.lower() == ".csv")
    below = place / CROSS_SECTION
    if not files and not below.is_dir():
        raise SourceError(f"There is no .csv file in '{place}'.")
    series: dict[str, SeriesData] = {}
    origins: dict[str, str] = {}
    skipped: dict[str, str] = {}
    holdings: list[tuple[Holdings, str]] = []
    for done, path in enumerate(files):
        progress(path.name, done, len(files))
        try:
            raw = path.read_bytes()
            if ishares.is_holdings(raw):
                holdings.append((ishares.read_holdings(raw, path.name, ishares.fund_of(path.name)), path.name))
                continue
            found = parse(raw, path.name, dt.date.today())
        except NotSeriesError as exc:
            skipped[path.name] = str(exc)
            continue
        except OSError as exc:
            raise SourceError(f"{path.name} could not be read: {exc.strerror}. Is it open elsewhere?") from exc
        for name, data in found.items():
            if name in series:
                raise SourceError(f"Series '{name}' is in both {origins[name]} and {path.name}; keep one.")
            series[name] = data
            origins[name] = path.name
    progress("", len(files), len(files))
    many = constituents.read(below, progress) if below.is_dir() else constituents.Constituents()
    holdings += [(h, f"{CROSS_SECTION}/{file}") for h, file in many.holdings]
    skipped |= {f"{CROSS_SECTION}/{file}": why for file, why in many.skipped.items()}
    if not series and not holdings and many.prices is None:
        reasons = " ".join(skipped.values())
        raise SourceError(f"No file in '{place}' holds series. {reasons}")
    return Loaded(
        series=series, origins=origins, skipped=skipped, holdings=holdings, prices=many.prices,
        prices_origin=f"{CROSS_SECTION}/{many.origin}" if many.origin else "", remarks=many.remarks,
    )  # fmt: skip
