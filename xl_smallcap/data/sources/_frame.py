"""A table of columns from a CSV or a Parquet file, read strictly; Parquet needs the optional package polars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xl_smallcap.data.sources.delimited import MISSING, Sheet, read_dates, read_number, read_sheet
from xl_smallcap.errors import SourceError
from xl_smallcap.types import DayArray, FloatArray


@dataclass(frozen=True)
class Frame:
    """A file as columns: of a CSV texts with the sheet they come from, of a Parquet whatever it holds."""

    file: str
    header: list[str]
    columns: list[Any]
    sheet: Sheet | None

    def at(self, names: tuple[str, ...]) -> int | None:
        """Return the place of the first column of one of these names, any case."""
        lowered = [h.strip().lower() for h in self.header]
        return next((lowered.index(n) for n in names if n in lowered), None)

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
                found = np.array([c if c.lower() not in MISSING else "nan" for c in column]).astype(np.float64)
                if not np.isinf(found).any():
                    return found
            except ValueError:
                pass  # read cell by cell, so that the error can name it
        cells = zip(self.sheet.rows, column, strict=True)
        read = [read_number(self.sheet, line, self.header[k], text) for (line, _), text in cells]
        return np.array([np.nan if v is None else v for v in read], dtype=np.float64)


def read_frame(raw: bytes, file: str) -> Frame:
    """Read a CSV or, by its name, a Parquet file."""
    return _parquet(raw, file) if file.lower().endswith(".parquet") else _delimited(raw, file)


def _delimited(raw: bytes, file: str) -> Frame:
    sheet = read_sheet(raw, file)
    columns = [list(c) for c in zip(*(cells for _, cells in sheet.rows), strict=True)] or [[] for _ in sheet.header]
    return Frame(file, sheet.header, columns, sheet)


def _parquet(raw: bytes, file: str) -> Frame:
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
    return Frame(file, [names[c] for c in shown], [table[c] for c in shown], None)
