"""Strict reading of tables: what is unambiguous is read, the rest refused naming file, line and column."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xl_smallcap.data.releases import weekend
from xl_smallcap.errors import SourceError
from xl_smallcap.types import DayArray, FloatArray

MISSING = frozenset({"", ".", "na", "n/a", "#n/a", "#n/a n/a", "#n/a field not applicable", "nan", "null"})
"""Spellings of "not observed", in lower case. A terminal's "#N/A Requesting Data..." and "#N/A Invalid Security" are
none: there the value is not known yet, or the name is wrong."""
_DAY_NUMBER = re.compile(r"[2-7]\d{4}(?:\.\d+)?$")
_DISORDER, _WEEKENDS, _DAILY_GAP = 0.02, 3, 31
_NAMELESS = ("", "unnamed: 0")
_MIDNIGHT = re.compile(r" 12:00(?::00)? ?AM$", re.IGNORECASE)
_CLOCK = r"(?:[T ](?P<clock>\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(?P<zone> ?(?:Z|UTC|[+-]\d{2}:?\d{2}))?)?$"
_ISO = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})" + _CLOCK)
_COMPACT = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})$")
_SLASHED = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})" + _CLOCK)
_WORDED = re.compile(
    r"(?:(?P<d1>\d{1,2})[- ](?P<m1>[A-Za-z]{3,9})[- ,]{1,2}|(?P<m2>[A-Za-z]{3,9}) (?P<d2>\d{1,2}),? )(?P<y>\d{4})"
    + _CLOCK
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
                "november", "december", "sept")  # fmt: skip
_POINT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")
_COMMA = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?$")
_BOMS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))


class NotSeriesError(SourceError):
    """The file is of another layout altogether, not a damaged file of ours."""


class TwiceError(SourceError):
    """Two files tell the same thing, and not alike: no one can say which is right, so nothing is loaded."""


@dataclass(frozen=True)
class Sheet:
    """A delimited file as read: header, rows with their line numbers, and the decimal sign."""

    file: str
    header: list[str]
    rows: list[tuple[int, list[str]]]
    decimal: str


def _text(raw: bytes, file: str) -> str:
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            try:
                return raw.decode(encoding)
            except UnicodeDecodeError:
                raise SourceError(f"{file}: the text is cut short in the middle of a letter ({encoding}).") from None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise SourceError(
            f"{file}, line {line}: the text is not UTF-8. In Excel save as 'CSV UTF-8 (Comma delimited)'."
        ) from None


def _delimiter(first_line: str, file: str) -> str:
    counts = {d: first_line.count(d) for d in (",", ";", "\t") if d in first_line}
    if len(counts) == 1:
        return next(iter(counts))
    if not counts:
        raise NotSeriesError(f"{file}, line 1: one column only; expected 'date' and at least one series.")
    # a quoted header may hold the other sign; the first cell ends at the true delimiter
    ended = re.match(r'(?:"[^"]*"|[^",;\t]*)([,;\t])', first_line)
    if ended and '"' in first_line:
        return ended.group(1)
    raise SourceError(f"{file}, line 1: the header mixes {' and '.join(map(repr, counts))}; use one delimiter.")


def _decimal_sign(rows: list[tuple[int, list[str]]], header: list[str], delimiter: str, file: str) -> str:
    if delimiter == ",":
        return "."
    by_sign: dict[str, list[tuple[int, str, str]]] = {",": [], ".": []}
    for line, cells in rows:
        for name, cell in zip(header, cells, strict=False):
            for sign, pattern in ((",", _COMMA), (".", _POINT)):
                if sign in cell and pattern.match(cell):
                    by_sign[sign].append((line, name, cell))
    if by_sign[","] and by_sign["."]:
        line, name, cell = by_sign[","][-1]
        raise SourceError(
            f"{file}, line {line}, column '{name}': '{cell}' has a decimal comma but other cells have a decimal "
            "point; use one of them."
        )
    for sign, written in by_sign.items():
        parts = [cell.lower().partition("e")[0].rpartition(sign) for _, _, cell in written]
        if parts and all(len(after) == 3 and len(before.lstrip("+-")) <= 3 for before, _, after in parts):
            line, name, cell = written[-1]
            raise SourceError(
                f"{file}, line {line}, column '{name}': '{cell}' may be thousands or decimals (every number has three "
                "digits behind its sign); save the file with commas between the cells."
            )
    return "," if by_sign[","] else "."


def _rows(raw: bytes, file: str) -> tuple[list[str], list[tuple[int, list[str]]], str]:
    """Header, filled rows with their line and the delimiter."""
    text = _text(raw, file).replace("\r\n", "\n").replace("\r", "\n")
    if text.startswith("sep=") and "\n" in text:
        text = "\n" + text.partition("\n")[2]  # Excel's own hint; the header says it too
    if not text.strip():
        raise NotSeriesError(f"{file} is empty.")
    delimiter = _delimiter(text.lstrip("\n").split("\n", 1)[0], file)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        header: list[str] = []
        for cells in reader:
            stripped = [c.strip() for c in cells]
            if not header:
                header = stripped
            elif any(stripped):
                rows.append((reader.line_num, stripped))
    except csv.Error as exc:
        raise SourceError(f"{file}, line {reader.line_num}: {exc}.") from None
    return header, rows, delimiter


def split(raw: bytes, file: str) -> list[tuple[int, list[str]]]:
    """Split the bytes of a delimited file into rows of equal width, the first line among them; nothing is checked.

    Line and cells.
    """
    header, rows, _ = _rows(raw, file)
    width = max(len(cells) for cells in [header, *(c for _, c in rows)])
    return [(line, cells + [""] * (width - len(cells))) for line, cells in [(1, header), *rows]]


def read_sheet(raw: bytes, file: str) -> Sheet:
    """Split the bytes of a delimited file into header and rows."""
    header, rows, delimiter = _rows(raw, file)
    # Excel leaves empty columns at the right end; a column with neither name nor value is none.
    while len(header) > 1 and not header[-1] and all(len(c) == len(header) and not c[-1] for _, c in rows):
        header.pop()
        rows = [(line, cells[:-1]) for line, cells in rows]
    if header[0].lower() in _NAMELESS and len(header) > 1:
        header[0] = "date"  # what pandas writes of an index without a name; cells that are no dates are refused below
    for line, cells in rows:
        if len(cells) != len(header):
            raise SourceError(
                f"{file}, line {line}: {len(cells)} cell{'s' if len(cells) > 1 else ''} where the header has "
                f"{len(header)}; is a delimiter missing, a thousands separator left in, or is it a note below?"
            )
    seen: set[str] = set()
    for position, name in enumerate(header, start=1):
        if not name:
            raise SourceError(f"{file}, line 1: column {position} has no name.")
        if name.lower() in seen:
            raise SourceError(f"{file}, line 1: column '{name}' is there twice.")
        seen.add(name.lower())
    return Sheet(file, header, rows, _decimal_sign(rows, header, delimiter, file))


def out_of_order(days: DayArray, file: str, lines: Sequence[int]) -> list[str]:
    """Look at the order of the rows: where they neither rise nor fall, days and months may be exchanged.

    A sentence where files look pasted together; empty where the rows are in order.
    """
    steps = np.diff(days).astype(np.int64)
    if np.all(steps >= 0) or np.all(steps <= 0):
        return []
    against = np.sign(steps) != np.sign(np.median(steps))
    back = int(np.flatnonzero(against)[0]) + 1
    where, off = f"{file}, line {lines[back]}", int(weekend(days).sum())
    if against.mean() > _DISORDER and off >= _WEEKENDS and np.median(np.abs(steps)) <= _DAILY_GAP:
        raise SourceError(
            f"{where}: rows are in no order of days ({days[back]} follows {days[back - 1]}), and {off} fall on "
            "weekends. Day and month look exchanged, which Excel does to dates of another order than its own; import "
            "the original anew, or write dates as 2025-12-24."
        )
    return [f"{where}: rows are in no order of days ({days[back]} follows {days[back - 1]})."]


def _worded(match: re.Match[str]) -> dt.date | None:
    word = (match["m1"] or match["m2"]).lower()
    if word not in _MONTHS and word not in _LONG_MONTHS:
        return None
    return dt.date(int(match["y"]), _MONTHS.index(word[:3]) + 1, int(match["d1"] or match["d2"]))


def _plain_iso(text: str) -> dt.date | None:
    """The commonest spelling, without a pattern."""
    if len(text) != len("2025-12-24") or text[4] != "-" or text[7] != "-":
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _day_of(text: str, day_first: bool) -> dt.date | None:
    """One date; a moment of a time zone is one only at midnight, when it cannot be another day's."""
    match = _ISO.match(text) or _SLASHED.match(text) or _WORDED.match(text)
    if match and match["zone"] and re.sub(r"[0:.]", "", match["clock"]):
        return None
    try:
        if iso := _ISO.match(text) or _COMPACT.match(text):
            return dt.date(int(iso[1]), int(iso[2]), int(iso[3]))
        if other := _SLASHED.match(text):
            a, b, year = int(other[1]), int(other[2]), int(other[3])
            return dt.date(year, b, a) if day_first else dt.date(year, a, b)
        if worded := _WORDED.match(text):
            return _worded(worded)
    except ValueError:
        pass
    return None


def read_dates(sheet: Sheet) -> list[dt.date]:
    """Read the first column as dates: ISO, 24-Dec-2025, 20251224, or, where the file proves the order, with slashes.

    One a row.
    """
    cells = [(line, _MIDNIGHT.sub("", row[0])) for line, row in sheet.rows]
    column = sheet.header[0]
    slashed = [(line, m) for line, text in cells if (m := _SLASHED.match(text))]
    day_first = False
    if slashed:
        other = next(((line, text) for line, text in cells if _ISO.match(text)), None)
        if other is not None:
            raise SourceError(
                f"{sheet.file}, column '{column}': line {other[0]} has '{other[1]}' and line {slashed[0][0]} has "
                f"'{slashed[0][1].group(0)}'. When Excel opens a file whose dates are in another order than its own, "
                "it exchanges day and month of those up to the twelfth and leaves the rest as text, so neither can be "
                "trusted. Import the file anew (Data, From Text, with the right date order), or write dates as "
                "2025-12-24."
            )
        first_over = any(int(m.group(1)) > 12 for _, m in slashed)
        second_over = any(int(m.group(2)) > 12 for _, m in slashed)
        if first_over == second_over:
            why = "both orders occur" if first_over else "no day is above 12, so the order cannot be told"
            raise SourceError(
                f"{sheet.file}, line {slashed[0][0]}, column '{column}': '{slashed[0][1].group(0)}' may be day or "
                f"month first ({why}); write dates as 2025-12-24."
            )
        day_first = first_over
    dates: list[dt.date] = []
    for line, text in cells:
        day = _plain_iso(text) or _day_of(text, day_first)
        if day is None:
            zoned = re.search(r"\d:\d\d.*(?:Z|UTC|[+-]\d{2}:?\d{2})$", text)
            hint = "its time zone may make it another day; " if zoned else ""
            if _DAY_NUMBER.match(text):
                hint = (
                    "it looks like Excel's number of a day: give the column a date format in Excel and save again, or "
                )
            raise SourceError(
                f"{sheet.file}, line {line}, column '{column}': '{text}' is not a date; {hint}write dates like "
                "2025-12-24."
            )
        dates.append(day)
    return dates


def read_number(sheet: Sheet, line: int, column: str, text: str) -> float | None:
    """Read one cell as a number in the file's decimal sign. None is "not observed"."""
    if text.lower() in MISSING:
        return None
    if (_POINT if sheet.decimal == "." else _COMMA).match(text):
        value = float(text.replace(",", "."))
        if value - value == 0.0:
            return value
    hint = "thousands separators are not read; " if re.match(r"[\d.,' ]+$", text) else ""
    raise SourceError(
        f"{sheet.file}, line {line}, column '{column}': '{text}' is not a number ({hint}leave the cell empty "
        "where nothing was observed)."
    )


# -- What every feed of text has in common: it may be a page instead, dates are ISO, numbers are numbers or missing.


_FEED_ISO = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T[\d:.]+Z?)?$")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")


def not_a_page(raw: bytes, who: str) -> None:
    """Refuse a web page that came with status 200 in place of data."""
    head = raw[:2000].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if not head:
        raise SourceError(f"{who}: the answer is empty.")
    if head.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<script")) or b"<html" in head:
        raise SourceError(
            f"{who}: a web page came instead of data. Is a proxy asking for a login, or the site refusing programs?"
        )


def read_days(cells: Sequence[Any], who: str) -> DayArray:
    """Read ISO dates."""
    out: list[str] = []
    for n, cell in enumerate(cells, 1):
        match = _FEED_ISO.match(str(cell).strip())
        if not match:
            raise SourceError(f"{who}: '{cell}' in row {n} is not a date; is the text cut short?")
        out.append(match.group(1))
    try:
        return np.array(out, dtype="datetime64[D]")
    except ValueError as exc:
        raise SourceError(f"{who}: a date does not exist ({exc}).") from None


def read_values(cells: Sequence[Any], who: str) -> FloatArray:
    """Read numbers; a dot, an empty cell or NaN is "not observed". NaN where not observed."""
    out = np.full(len(cells), np.nan)
    for n, cell in enumerate(cells):
        text = str(cell).strip()
        if text.lower() in MISSING or text == "-":
            continue
        if not _NUMBER.match(text) or not np.isfinite(float(text)):
            raise SourceError(f"{who}: '{text[:40]}' in row {n + 1} is not a number; is the text cut short?")
        out[n] = float(text)
    return out
