"""The one strict table reader: CSV, Excel and Parquet, by the file's name, as columns of days, words and numbers.

Parquet needs the optional package polars.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from xl_smallcap.data.sources import workbook
from xl_smallcap.data.sources.tables import MISSING, Sheet, read_dates, read_number, read_sheet
from xl_smallcap.errors import SourceError
from xl_smallcap.types import DayArray, FloatArray

PARQUET = ".parquet"


@dataclass(frozen=True)
class TableFile:
    """A file as columns: texts with the sheet they come from, of a Parquet whatever it holds."""

    file: str
    header: list[str]
    columns: list[Any]
    sheet: Sheet | None

    def at(self, names: tuple[str, ...]) -> int | None:
        """Return the place of the first column of one of these names, any case."""
        lowered = [h.strip().lower() for h in self.header]
        return next((lowered.index(n) for n in names if n in lowered), None)

    def as_sheet(self) -> Sheet:
        """Return the file as texts, days first: what a CSV of it would have given."""
        if self.sheet is not None:
            return self.sheet
        day = self.at(("date",))
        rest = [k for k in range(len(self.header)) if k != day]
        if day is None or not rest:
            raise SourceError(f"{self.file}: expected a column 'date' and at least one series.")
        columns = [np.datetime_as_string(self.days(day)).tolist()]
        for k in rest:
            number = self.columns[k].dtype.is_numeric()
            columns.append(
                ["" if math.isnan(v) else repr(v) for v in self.numbers(k).tolist()] if number else self.words(k)
            )
        rows = [(n, list(cells)) for n, cells in enumerate(zip(*columns, strict=True), start=2)]
        return Sheet(self.file, ["date", *(self.header[k] for k in rest)], rows, ".")

    def words(self, k: int) -> list[str]:
        """Return a column as trimmed words."""
        column = self.columns[k].to_list() if self.sheet is None else self.columns[k]
        return ["" if v is None else str(v).strip() for v in column]

    def days(self, k: int) -> DayArray:
        """Return a column as days."""
        if self.sheet is None:
            return self._stamps(k)
        if k == 0:
            return np.array(read_dates(self.sheet), dtype="datetime64[D]")
        rows = [(line, [row[k]]) for line, row in self.sheet.rows]
        return np.array(read_dates(Sheet(self.file, [self.header[k]], rows, ".")), dtype="datetime64[D]")

    def _stamps(self, k: int) -> DayArray:
        """Days of a Parquet column: dates, moments (in their own time zone) or ISO text."""
        column = self.columns[k]
        kind = str(column.dtype)
        where = f"{self.file}: column '{self.header[k]}'"
        if kind.startswith("Datetime"):
            column = column.dt.date()
        elif kind == "String":
            try:
                column = column.str.slice(0, 10).str.to_date("%Y-%m-%d")
            except Exception:  # polars' own kinds
                raise SourceError(f"{where} holds texts that are no dates like 2025-12-24.") from None
        elif kind != "Date":
            raise SourceError(f"{where} holds {kind} where dates are expected.")
        if column.null_count():
            raise SourceError(f"{where} is empty in a row.")
        return np.asarray(column.to_numpy()).astype("datetime64[D]")

    def numbers(self, k: int) -> FloatArray:
        """Return a column as numbers, NaN where nothing was observed."""
        column = self.columns[k]
        if self.sheet is None:
            if not column.dtype.is_numeric():
                kind = str(column.dtype)
                raise SourceError(f"{self.file}: column '{self.header[k]}' holds {kind} where numbers are expected.")
            return np.asarray(column.to_numpy(), dtype=np.float64)
        if self.sheet.decimal == ".":
            try:
                values = np.array([c if c.lower() not in MISSING else "nan" for c in column]).astype(np.float64)
                if not np.isinf(values).any():
                    return values
            except ValueError:
                pass  # read cell by cell, so that the error can name it
        cells = zip(self.sheet.rows, column, strict=True)
        read = [read_number(self.sheet, line, self.header[k], text) for (line, _), text in cells]
        return np.array([np.nan if v is None else v for v in read], dtype=np.float64)


def read_table_file(raw: bytes, file: str) -> TableFile:
    """Read a file: a workbook's first sheet, a Parquet file, or delimited text."""
    kind = file.lower()
    if kind.endswith(PARQUET):
        return _parquet(raw, file)
    if kind.endswith(workbook.SUFFIXES):
        rows = workbook.read_rows(raw, file)
        sheet = workbook.sheet_of(rows)
    else:
        sheet = read_sheet(raw, file)
    columns = [list(c) for c in zip(*(cells for _, cells in sheet.rows), strict=True)] or [[] for _ in sheet.header]
    return TableFile(file, sheet.header, columns, sheet)


def _parquet(raw: bytes, file: str) -> TableFile:
    try:
        import polars
    except ImportError:
        raise SourceError(
            f'{file}: a Parquet file needs the optional package polars: pip install "xl_smallcap[parquet]", or save it '
            "as CSV."
        ) from None
    try:
        table = polars.read_parquet(raw)
    except Exception as exc:  # polars raises its own kinds, and Rust's panics, for a damaged file
        raise SourceError(f"{file} is no readable Parquet file ({type(exc).__name__}).") from None
    names = {c: c for c in table.columns}
    index = "__index_level_0__"  # pandas' nameless index
    if index in names and not any(c.strip().lower() == "date" for c in names):
        names[index] = "date"
    shown = [c for c in table.columns if c != index or names[c] == "date"]
    return TableFile(file, [names[c] for c in shown], [table[c] for c in shown], None)
