"""Strict reading of delimited text: what is unambiguous is read, the rest refused naming file, line and column."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from dataclasses import dataclass

from xl_smallcap.errors import SourceError

MISSING = frozenset({"", ".", "na", "n/a", "#n/a", "nan", "null"})
"""Spellings of "not observed", in lower case."""
_ISO = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?$")
_SLASHED = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})$")
_POINT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")
_COMMA = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?$")
_BOMS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))


class NotSeriesError(SourceError):
    """The file is of another layout altogether, not a damaged file of ours."""


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
    found: dict[str, list[tuple[int, str, str]]] = {",": [], ".": []}
    for line, cells in rows:
        for name, cell in zip(header, cells, strict=False):
            for sign, pattern in ((",", _COMMA), (".", _POINT)):
                if sign in cell and pattern.match(cell):
                    found[sign].append((line, name, cell))
    if found[","] and found["."]:
        line, name, cell = found[","][-1]
        raise SourceError(
            f"{file}, line {line}, column '{name}': '{cell}' has a decimal comma but other cells have a decimal "
            "point; use one of them."
        )
    for sign, written in found.items():
        if written and all(len(cell.lower().partition("e")[0].rpartition(sign)[2]) == 3 for _, _, cell in written):
            line, name, cell = written[-1]
            raise SourceError(
                f"{file}, line {line}, column '{name}': '{cell}' may be thousands or decimals (every number has three "
                "digits behind its sign); save the file with commas between the cells."
            )
    return "," if found[","] else "."


def read_sheet(raw: bytes, file: str) -> Sheet:
    """Split the bytes of a delimited file into header and rows.

    Parameters
    ----------
    raw : bytes
        UTF-8 or UTF-16 with mark; comma, semicolon or tab.
    file : str
        Named in errors.

    Returns
    -------
    Sheet

    Raises
    ------
    SourceError
        Encoding, delimiter, ragged lines or duplicate columns.
    """
    text = _text(raw, file).replace("\r\n", "\n").replace("\r", "\n")
    if text.startswith("sep=") and "\n" in text:
        raise SourceError(f"{file}, line 1: delete the line 'sep=', then load again.")
    if not text.strip():
        raise NotSeriesError(f"{file} is empty.")
    delimiter = _delimiter(text.split("\n", 1)[0], file)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        header = [c.strip() for c in next(reader)]
        for cells in reader:
            stripped = [c.strip() for c in cells]
            if any(stripped):
                rows.append((reader.line_num, stripped))
    except csv.Error as exc:
        raise SourceError(f"{file}, line {reader.line_num}: {exc}.") from None
    # Excel leaves empty columns at the right end; a column with neither name nor value is none.
    while len(header) > 1 and not header[-1] and all(len(c) == len(header) and not c[-1] for _, c in rows):
        header.pop()
        rows = [(line, cells[:-1]) for line, cells in rows]
    for line, cells in rows:
        if len(cells) != len(header):
            raise SourceError(
                f"{file}, line {line}: {len(cells)} cells where the header has {len(header)}; "
                "is a delimiter missing, or a thousands separator left in?"
            )
    seen: set[str] = set()
    for position, name in enumerate(header, start=1):
        if not name:
            raise SourceError(f"{file}, line 1: column {position} has no name.")
        if name.lower() in seen:
            raise SourceError(f"{file}, line 1: column '{name}' is there twice.")
        seen.add(name.lower())
    return Sheet(file, header, rows, _decimal_sign(rows, header, delimiter, file))


def read_dates(sheet: Sheet) -> list[dt.date]:
    """Read the first column as dates, ISO or, where the file itself proves the order, day and month with slashes.

    Parameters
    ----------
    sheet : Sheet
        From :func:`read_sheet`.

    Returns
    -------
    list of datetime.date
        One a row.

    Raises
    ------
    SourceError
        Neither ISO nor proved.
    """
    cells = [(line, row[0]) for line, row in sheet.rows]
    column = sheet.header[0]
    slashed = [(line, m) for line, text in cells if (m := _SLASHED.match(text))]
    day_first = False
    if slashed:
        first_over = any(int(m.group(1)) > 12 for _, m in slashed)
        second_over = any(int(m.group(2)) > 12 for _, m in slashed)
        if first_over == second_over:
            why = "both orders occur" if first_over else "no day is above 12, so the order cannot be told"
            raise SourceError(
                f"{sheet.file}, line {slashed[0][0]}, column '{column}': '{slashed[0][1].group(0)}' may be day or "
                f"month first ({why}); write dates as 2025-12-24."
            )
        day_first = first_over
    found: list[dt.date] = []
    for line, text in cells:
        iso = _ISO.match(text)
        other = _SLASHED.match(text)
        try:
            if iso:
                found.append(dt.date(int(iso.group(1)), int(iso.group(2)), int(iso.group(3))))
                continue
            if other:
                a, b, year = (int(g) for g in other.groups())
                found.append(dt.date(year, b, a) if day_first else dt.date(year, a, b))
                continue
        except ValueError:
            pass
        raise SourceError(
            f"{sheet.file}, line {line}, column '{column}': '{text}' is not a date; write dates like 2025-12-24."
        )
    return found


def read_number(sheet: Sheet, line: int, column: str, text: str) -> float | None:
    """Read one cell as a number in the file's decimal sign.

    Parameters
    ----------
    sheet : Sheet
        Gives file name and decimal sign.
    line : int
        Line in the file.
    column : str
        Column name.
    text : str
        The cell.

    Returns
    -------
    float or None
        None is "not observed".

    Raises
    ------
    SourceError
        Text, infinity, percent signs or thousands separators.
    """
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
