"""A user's folder of files, or a workbook, or the sample: which may hold series, in which layout, what is in each."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

import numpy as np

from xl_smallcap.data.catalogue import Names
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.sources import cftc, constituents, ishares, workbook
from xl_smallcap.data.sources.answer import Loaded, Progress
from xl_smallcap.data.sources.table_file import PARQUET, read_table_file
from xl_smallcap.data.sources.tables import (
    MISSING,
    NotSeriesError,
    Sheet,
    TwiceError,
    out_of_order,
    read_dates,
    read_number,
    read_sheet,
    split,
)
from xl_smallcap.errors import SourceError

_BOOK = "a workbook is loaded by its own name, such as 'xl-smallcap data load BOOK.xlsx --add'."
_OTHER_KINDS = {
    ".xlsx": _BOOK, ".xlsm": _BOOK, ".xls": "save it in Excel as .xlsx, then load that.",
    ".tsv": "rename it to .csv; tabs between the cells are read.", ".gz": "unpack it first.",
    ".zip": "unpack it first.",
}  # fmt: skip
"""Files that hold data but are not read in a folder, and what to do."""


def _is_report(path: Path) -> bool:
    """Whether a .txt file is the CFTC's: its yearly archives hold such files."""
    with path.open("rb") as file:
        head = file.readline(20_000).decode("utf-8", "replace")
    return cftc.is_report(h.strip().strip('"') for h in head.split(","))


def files_of(place: Path) -> tuple[list[Path], dict[str, str]]:
    """Return the files that may hold series, and what to do with those of other kinds.

    What macOS and Excel leave beside them (``._daily.csv``, ``~$book.xlsx``) is none. list of pathlib.Path: CSV
    files, and the CFTC's .txt files; dict of str to str: file left out -> what to do.
    """
    files, unread = [], dict[str, str]()
    for path in sorted(place.iterdir()):
        kind = path.suffix.lower()
        if path.name.startswith((".", "~$")) or not path.is_file():
            continue
        if kind in _OTHER_KINDS:
            unread[path.name] = f"{path.name}: {_OTHER_KINDS[kind]}"
        if kind not in (".csv", ".txt", PARQUET):
            continue
        with contextlib.suppress(OSError):
            if kind == ".txt" and not _is_report(path):
                continue
        files.append(path)
    return files, unread


# -- Tables that are laid out otherwise than "date, then a column a series": a terminal's pairs, a day's open to clos


Row = tuple[int, list[str]]
DATES = ("date", "dates", "observation_date")
"""Headers of the column of dates, in small letters."""
_FIELDS = ("px_last", "px last", "last_price", "last price", "tot_return_index_gross_dvds", "px_settle", "px_mid")
_OPEN_TO_CLOSE = {"open", "high", "low"}
_CLOSE = ("close", "price", "last")
CLOSE, ADJ_CLOSE = "Close", "Adj Close"
"""Yahoo's names of a close without and with its dividends; the second is the catalogue's field, too."""
_ADJUSTED = ("adj close", "adj_close", "adjusted close", "adjclose")
_STACKED = {"price", "ticker", "date"}
_BESIDE = _OPEN_TO_CLOSE | {
    "volume",
    "vol.",
    "vol",
    "change %",
    "change",
    "openint",
    "dividends",
    "stock splits",
    "capital gains",
}


@dataclass(frozen=True)
class Pair:
    """One security of a terminal's table: its ticker, the field asked for, and its own days and values."""

    ticker: str
    field: str
    sheet: Sheet


def pairs(rows: Sequence[Row], where: str) -> list[Pair]:
    """Read a terminal's table: pairs of columns with tickers above, or one column of dates and fields below tickers.

    Empty where the table is of another layout.
    """
    for n, (_, cells) in enumerate(rows[:3]):
        places = [k for k, cell in enumerate(cells) if cell.lower() in DATES]
        fields = [k for k, cell in enumerate(cells) if cell.lower() in _FIELDS]
        if len(places) < 2 and not (places and fields):
            continue
        above = rows[n - 1][1] if n else [""] * len(cells)
        securities = []
        for k, first in enumerate(places):
            end = places[k + 1] if k + 1 < len(places) else len(cells)
            for column in range(first + 1, end):
                if cells[column] or above[column] or any(row[column] for _, row in rows[n + 1 :]):
                    securities.append(_pair(rows[n:], above, first, column, where))
        return securities
    return []


def _pair(rows: Sequence[Row], above: list[str], first: int, column: int, where: str) -> Pair:
    head = rows[0][1][column]
    named = above[column] or (above[first] if column == first + 1 else "")
    field = head if head.lower() in _FIELDS else ""
    ticker = named or ("" if field else head)
    if not ticker:
        raise SourceError(
            f"{where}, row {rows[0][0]}: column {column + 1} ('{head}') has no ticker above it. Give the range with "
            "the row of tickers, such as --range A1:D42."
        )
    own = [(line, [cells[first], cells[column]]) for line, cells in rows[1:] if cells[first]]
    return Pair(ticker, field, Sheet(where, ["date", ticker], own, "."))


def stacked(rows: Sequence[Row], where: str) -> list[Pair]:
    """Read what yfinance writes of a download: fields in the first row, tickers in the second, Date in the third.

    The closes, and the adjusted ones where there are; empty where the table is of another layout.
    """
    if len(rows) < len(_STACKED):
        return []
    first = {rows[k][1][0].lower(): rows[k][1] for k in range(len(_STACKED)) if rows[k][1]}
    if set(first) != _STACKED:
        return []
    securities = []
    for column in range(1, len(first["price"])):
        field, ticker = first["price"][column], first["ticker"][column]
        if field.lower() in (*_CLOSE, *_ADJUSTED):
            own = [(line, [cells[0], cells[column]]) for line, cells in rows[len(_STACKED) :] if cells[0]]
            which = CLOSE if field.lower() in _CLOSE else ADJ_CLOSE
            securities.append(Pair(ticker, which, Sheet(where, ["date", ticker], own, ".")))
    return securities


@dataclass(frozen=True)
class Bars:
    """A file of one security's days: where close and adjusted close stand, and what else there is."""

    close: int
    adjusted: int | None
    beside: list[str]


def bars(header: Sequence[str]) -> Bars | None:
    """Tell whether a header is that of one security's days: its close, mostly with open, high and low."""
    lowered = [h.strip().lower() for h in header]
    close = next((lowered.index(c) for c in _CLOSE if c in lowered), None)
    others = set(lowered[1:]) - _BESIDE - set(_CLOSE) - set(_ADJUSTED)
    if close is None or others:
        return None
    adjusted = next((lowered.index(a) for a in _ADJUSTED if a in lowered), None)
    beside = [h for k, h in enumerate(header) if k not in (0, close, adjusted)]
    return Bars(close, adjusted, beside)


def security_of(stem: str) -> str:
    """Return the security a downloaded file is about, from its name."""
    name = re.sub(r"(?: ?\(\d+\)|_d|_daily|_history| Historical Data)$", "", stem.strip(), flags=re.IGNORECASE)
    return re.sub(r"\.us$", "", name, flags=re.IGNORECASE)


# -- A user's folder of CSV files: wide files (date, one column a series), one file a series, or other known layouts.


CROSS_SECTION = "cross_section"
"""The subfolder whose files are read as constituents."""
_VINTAGE = "available_at"
_EARLIEST = dt.date(1800, 1, 1)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2})?$")
_HEAD = 4000
"""Share of rows that go backwards, days off the market, and usual gap in days, from which dates look exchanged."""
_AGREE = 1e-9
"""Two files of one series, a year each, may overlap where they say the same."""


@dataclass
class Table:
    """What one table held: series by name, and what a person should know of how it was read."""

    series: dict[str, SeriesData] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


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
    moments: list[np.datetime64] = []
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
        moments.append(moment)
    return moments


def parse(raw: bytes, file: str, today: dt.date | None = None) -> dict[str, SeriesData]:
    """Read the bytes of one file into series."""
    return read_table(raw, file, today).series


def read_table(raw: bytes, file: str, today: dt.date | None = None, names: Names | None = None) -> Table:
    """Read the bytes of one file into series, with what a person should know of how it was read."""
    if file.lower().endswith(PARQUET):
        return series_of(read_table_file(raw, file).as_sheet(), today, names)
    head = raw[:_HEAD].lower()
    if head.lstrip(b"\xef\xbb\xbf").startswith((b"price,", b"ticker,")):
        securities = stacked(split(raw, file), file)
        if securities:
            return series_of_pairs(securities, today, names)
    if head.count(b"date") > 1 or any(f in head for f in (b"px_", b"px last", b"last_price", b"last price")):
        securities = pairs(split(raw, file), file)
        if securities:
            return series_of_pairs(securities, today, names)
    return series_of(read_sheet(raw, file), today, names)


def read_workbook(
    place: Path, progress: Progress, sheet: str | None = None, area: str | None = None, names: Names | None = None
) -> Loaded:
    """Read one sheet of a workbook, or a range of it, into series."""
    try:
        raw = place.read_bytes()
    except FileNotFoundError:
        raise SourceError(f"There is no workbook '{place}'.") from None
    except OSError as exc:
        raise SourceError(f"{place.name} could not be read: {exc.strerror}.") from exc
    rows = workbook.read_rows(raw, place.name, sheet, area)
    progress(rows.where, 0, 1)
    securities = pairs(rows.texts, rows.where)
    today = dt.date.today()
    table = (
        series_of_pairs(securities, today, names) if securities else series_of(workbook.sheet_of(rows), today, names)
    )
    progress(rows.where, 1, 1)
    origins = dict.fromkeys(table.series, rows.where)
    return Loaded(series=table.series, origins=origins, remarks=[*rows.remarks, *table.remarks])


def series_of_pairs(securities: list[Pair], today: dt.date | None, names: Names | None) -> Table:
    """Read a terminal's pairs of columns, each security with its own days."""
    table = Table()
    for pair in securities:
        field = "" if pair.field == CLOSE else pair.field
        series_id = names.series_of(pair.ticker, field) if names else None
        if field == ADJ_CLOSE and series_id is None:
            continue  # an index has no dividends
        adjusted = names.series_of(pair.ticker, ADJ_CLOSE) if names and pair.field == CLOSE else None
        if adjusted and all(other.field != ADJ_CLOSE for other in securities):
            table.remarks.append(
                f"{pair.sheet.file}: {pair.ticker} is taken for the traded price. yfinance adjusts 'Close' unless it "
                f"is told auto_adjust=False; if so, name the column {adjusted}."
            )
        name = series_id or (f"{pair.ticker} {field}" if field.lower() not in ("", "px_last") else pair.ticker)
        if name in table.series:
            raise SourceError(f"{pair.sheet.file}: '{name}' is there twice.")
        for data in series_of(pair.sheet, today, None).series.values():
            table.series[name] = data
    return table


def series_of(sheet: Sheet, today: dt.date | None = None, names: Names | None = None) -> Table:
    """Read a table into series: a wide one, one of a single series, one security's days, or the CFTC's report."""
    file = sheet.file
    if cftc.is_report(sheet.header):
        series = cftc.read_report(sheet)
        if not series:
            raise NotSeriesError(f"{file}: a CFTC report without the Russell 2000's and the S&P 500's contracts.")
        return Table(series)
    if sheet.header[0].lower() not in DATES:
        raise NotSeriesError(f"{file}: the first column is '{sheet.header[0]}', not 'date'.")
    if not sheet.rows:
        raise SourceError(f"{file} has a header but no rows.")
    lowered = [h.lower() for h in sheet.header]
    columns, remarks = _columns(sheet, names)
    for i, _ in columns:
        if _is_text_column(sheet, i):
            raise NotSeriesError(f"{file}: column '{sheet.header[i]}' holds words, so this is no file of series.")
    dates = read_dates(sheet)
    vintages = _moments(sheet, lowered.index(_VINTAGE)) if _VINTAGE in lowered else None
    _check_dates(sheet, dates, today)
    _duplicates(sheet, dates, vintages)
    days = np.array(dates, dtype="datetime64[D]")
    remarks += out_of_order(days, sheet.file, [line for line, _ in sheet.rows])
    for (line, _), day, moment in zip(sheet.rows, days, vintages or [], strict=False):
        if moment < day:
            raise SourceError(f"{sheet.file}, line {line}, column '{_VINTAGE}': {moment} lies before its date {day}.")
    made: dict[str, SeriesData] = {}
    for i, name in columns:
        numbers = [read_number(sheet, line, sheet.header[i], row[i]) for line, row in sheet.rows]
        keep = np.array([n is not None for n in numbers])
        if not keep.any():
            continue
        values = np.array([n for n in numbers if n is not None], dtype=np.float64)
        moments = None if vintages is None else np.array(vintages, dtype="datetime64[m]")[keep]
        made[name] = SeriesData.build(days[keep], values, moments)
    return Table(made, remarks)


def _columns(sheet: Sheet, names: Names | None) -> tuple[list[tuple[int, str]], list[str]]:
    """Which columns hold which series, and what is to be said of the others."""
    lowered = [h.lower() for h in sheet.header]
    columns = [(i, sheet.header[i]) for i, name in enumerate(lowered) if i > 0 and name != _VINTAGE]
    day = bars(sheet.header)
    if day is not None:
        security = _security(sheet.file, names)
        columns = [(day.close, security)]
        adjusted = names.series_of(security, ADJ_CLOSE) if names and day.adjusted is not None else None
        if day.adjusted is not None and adjusted:
            columns.append((day.adjusted, adjusted))
        taken = [i for i, _ in columns]
        left = ", ".join(h for i, h in enumerate(sheet.header) if i and i not in taken)
        return columns, [f"{sheet.file}: {sheet.header[day.close]} is {security}; {left} are left out."]
    if "value" in lowered:
        if len(columns) != 1:
            raise SourceError(
                f"{sheet.file}, line 1: a file with a column 'value' holds one series: date,value[,{_VINTAGE}]."
            )
        return [(columns[0][0], security_of(Path(sheet.file.rpartition("!")[2]).stem))], []
    return columns, []


def _security(file: str, names: Names | None) -> str:
    """The security a file of open to close is about: by its name, in a workbook by the sheet's where that is known."""
    book, _, sheet = file.rpartition("!")
    words = [security_of(Path(word).stem) for word in (sheet, book) if word]
    ids = [series_id for word in words if names and (series_id := names.series_of(word))]
    return ids[0] if ids else words[-1]


def _together(name: str, one: SeriesData, two: SeriesData, files: tuple[str, str]) -> SeriesData:
    """Two files of one series, such as a year each; where both have a day they must agree."""
    _, first, second = np.intersect1d(one.dates, two.dates, return_indices=True)
    a, b = one.values[first], two.values[second]
    apart = np.flatnonzero(np.abs(a - b) > _AGREE * np.maximum(np.abs(a), np.abs(b)))
    if apart.size or one.has_vintages or two.has_vintages:
        where = f" and differ on {one.dates[first][apart[0]]}" if apart.size else ""
        raise TwiceError(f"Series '{name}' is in both {files[0]} and {files[1]}{where}; keep one.")
    new = ~np.isin(two.dates, one.dates)
    return SeriesData.build(np.concatenate([one.dates, two.dates[new]]), np.concatenate([one.values, two.values[new]]))


def read(place: Path, progress: Progress, names: Names | None = None) -> Loaded:
    """Read every file of series in a folder. What could not be read is among `skipped`."""
    if not place.is_dir():
        raise SourceError(
            f"'{place}' is neither a folder of CSV files nor a workbook (.xlsx, .xlsm) nor the word 'sample'. Give the "
            "folder that holds the file; save an .xls as .xlsx."
        )
    files, unread = files_of(place)
    below = place / CROSS_SECTION
    if not files and not below.is_dir():
        raise SourceError(" ".join([f"There is no .csv file in '{place}'.", *unread.values()]))
    loaded = Loaded(series={}, origins={}, skipped=unread)
    for done, path in enumerate(files):
        progress(path.name, done, len(files))
        try:
            raw = path.read_bytes()
            if ishares.is_holdings(raw):
                held = ishares.read_holdings(raw, path.name, ishares.fund_in(raw, path.name))
                loaded.holdings.append((held, path.name))
                continue
            table = read_table(raw, path.name, dt.date.today(), names)
        except TwiceError:
            raise
        except SourceError as exc:
            loaded.skipped[path.name] = str(exc)
            continue
        except OSError as exc:
            loaded.skipped[path.name] = f"{path.name} could not be read: {exc.strerror}. Is it open elsewhere?"
            continue
        loaded.remarks.extend(table.remarks)
        for name, data in table.series.items():
            if name not in loaded.series:
                loaded.series[name], loaded.origins[name] = data, path.name
                continue
            loaded.series[name] = _together(name, loaded.series[name], data, (loaded.origins[name], path.name))
            loaded.origins[name] += f"+{path.name}"
    progress("", len(files), len(files))
    many = _below(below, progress, loaded.skipped) if below.is_dir() else constituents.Constituents()
    loaded.holdings.extend((h, f"{CROSS_SECTION}/{file}") for h, file in many.holdings)
    loaded.skipped.update({f"{CROSS_SECTION}/{file}": why for file, why in many.skipped.items()})
    if not loaded.series and not loaded.holdings and many.prices is None:
        raise SourceError(f"No file in '{place}' holds series. {' '.join(loaded.skipped.values())}")
    return replace(
        loaded, prices=many.prices, prices_origin=f"{CROSS_SECTION}/{many.origin}" if many.origin else "",
        remarks=loaded.remarks + many.remarks,
    )  # fmt: skip


def _below(folder: Path, progress: Progress, skipped: dict[str, str]) -> constituents.Constituents:
    try:
        return constituents.read(folder, progress)
    except TwiceError:
        raise
    except SourceError as exc:
        skipped[CROSS_SECTION] = str(exc)
        return constituents.Constituents()


# -- The embedded sample: synthetic data from ``tools/make_sample.py``; whatever is computed from it says SAMPLE.


FILES = ("daily.csv", "weekly.csv", "monthly.csv", "positions.csv", "gauges.csv")
STOCKS = ("prices.csv", "weights.csv", "russell_members.csv", "sp500_members.csv")


def read_sample(progress: Progress) -> Loaded:
    """Read the embedded sample with the same parser as a user's folder. With ``synthetic=True``."""
    folder = resources.files("xl_smallcap.data.sample")
    loaded = Loaded(series={}, origins={}, synthetic=True)
    total = len(FILES) + len(STOCKS)
    for done, name in enumerate(FILES):
        progress(name, done, total)
        raw = gzip.decompress(folder.joinpath(f"{name}.gz").read_bytes())
        for series_id, data in parse(raw, name).items():
            loaded.series[series_id] = data
            loaded.origins[series_id] = f"sample/{name}"
    many = constituents.Constituents()
    for done, name in enumerate(STOCKS, start=len(FILES)):
        progress(name, done, total)
        constituents.take(many, gzip.decompress(folder.joinpath(f"{name}.gz").read_bytes()), name)
    progress("", total, total)
    loaded.holdings.extend((held, f"sample/{file}") for held, file in many.holdings)
    return replace(loaded, prices=many.prices, prices_origin="sample/prices.csv")
