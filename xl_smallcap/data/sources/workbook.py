"""The cells of an Excel workbook as texts: a sheet, a range or a name.

Read with openpyxl; values, not formulas: what Excel stored when it last saved the file. A formula that was never
calculated has none and is refused; a cell that shows a percentage counts as what it shows.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from xl_smallcap.data.sources.tables import MISSING, Sheet
from xl_smallcap.errors import BadArgumentError, SourceError, closest, unknown_word
from xl_smallcap.xlsx.package import DAMAGED_ARCHIVE, OLE, Package, in_percent

_STRICT = b"http://purl.oclc.org/ooxml/"
_NAMESPACES = (
    (b"http://purl.oclc.org/ooxml/officeDocument/", b"http://schemas.openxmlformats.org/officeDocument/2006/"),
    (b"http://purl.oclc.org/ooxml/spreadsheetml/main", b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"),
    (b"http://purl.oclc.org/ooxml/drawingml/", b"http://schemas.openxmlformats.org/drawingml/2006/"),
)
SUFFIXES = (".xlsx", ".xlsm")
_RANGE = re.compile(r"\$?[A-Z]{1,3}\$?\d{1,7}:\$?[A-Z]{1,3}\$?\d{1,7}$")
_HALF_A_SECOND = dt.timedelta(milliseconds=500)
Cells = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Rows:
    """The filled rows of a sheet as texts, by their number, and what is to be said of how they were read."""

    where: str
    texts: list[tuple[int, list[str]]]
    remarks: list[str]


def read_rows(raw: bytes, file: str, sheet: str | None = None, area: str | None = None) -> Rows:
    """Read one sheet of a workbook, or a range of it; the first where none is named."""
    import openpyxl

    data = _without_strict(raw, file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what openpyxl cannot keep (extensions, odd names) is not wanted here
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=False, data_only=True)
    except Exception as exc:  # openpyxl raises whatever the broken part of the file leads to
        raise SourceError(
            f"{file} is not a whole .xlsx or .xlsm workbook ({type(exc).__name__}); open it in Excel and save it again."
        ) from exc
    name, cells = _cells(book, file, sheet, area)
    where = f"{file}!{name}"
    _calculated(data, book, name, cells, where)
    remarks: list[str] = []
    return Rows(where, _filled(cells, where, remarks), remarks)


def _named(book: Any, file: str, area: str, sheet: str | None) -> tuple[str, str]:
    """Sheet and range of the name of a range or of a table."""
    tables = {t.lower(): (s.title, ref) for s in book.worksheets for t, ref in s.tables.items()}
    wanted = area.strip().lower()
    if wanted in tables:
        return tables[wanted]
    named = {k.lower(): v for k, v in book.defined_names.items()}
    definition = named.get(wanted)
    if definition is None:
        every = [*book.defined_names, *(t for s in book.worksheets for t in s.tables)]
        listing = f" Names: {', '.join(every)}." if every else " The workbook defines no names and has no tables."
        near = closest(area, every)
        hint = f" Did you mean '{near}'?" if near else ""
        raise SourceError(f"{file}: '{area}' is neither a range such as A3:F500 nor a name.{hint}{listing}")
    places = list(definition.destinations)
    if len(places) != 1:
        raise SourceError(f"{file}: the name '{area}' means {len(places)} areas; one is needed.")
    return places[0][0], places[0][1]


def _cells(book: Any, file: str, sheet: str | None, area: str | None) -> tuple[str, Cells]:
    if area and "!" in area:
        named_sheet, _, area = area.rpartition("!")
        if named_sheet.startswith("'") and named_sheet.endswith("'"):
            named_sheet = named_sheet[1:-1].replace("''", "'")
        if sheet and sheet.strip().lower() != named_sheet.lower():
            raise SourceError(f"{file}: the range is on sheet '{named_sheet}', but --sheet says '{sheet}'.")
        sheet = named_sheet
    if area and not _RANGE.match(area.upper()):
        on, area = _named(book, file, area, sheet)
        if sheet and sheet.strip().lower() != on.lower():
            raise SourceError(f"{file}: the name is on sheet '{on}', but --sheet says '{sheet}'.")
        sheet = on
    titles = [s.title for s in book.worksheets]
    if not titles:
        raise SourceError(f"{file} has no sheet of cells.")
    chosen = {t.lower(): t for t in titles}.get(sheet.strip().lower()) if sheet else titles[0]
    if chosen is None:
        raise SourceError(f"{file}: {unknown_word('sheet', str(sheet), titles)}")
    found_sheet = book[chosen]
    return chosen, _there(found_sheet, area.replace("$", "") if area else None)


def _there(sheet: Any, area: str | None) -> Cells:
    """The rows and columns with something in them, and the empty columns beside those, which part tables.

    A sheet is as large as its furthest cell, be that one blank in the last row; only what exists is walked.
    """
    from openpyxl.utils import range_boundaries

    left, top, right, bottom = range_boundaries(area) if area else (None, None, None, None)
    inside = [
        (r, c)
        for (r, c), cell in sheet._cells.items()
        if cell.value is not None
        and str(cell.value).strip()
        and (top or 1) <= r <= (bottom or r)
        and (left or 1) <= c <= (right or c)
    ]
    rows, filled = sorted({r for r, _ in inside}), {c for _, c in inside}
    near = {c + step for c in filled for step in (-1, 0, 1)}
    columns = sorted(c for c in near if (left or 1) <= c <= (right or max(filled)))
    return [tuple(sheet.cell(r, c) for c in columns) for r in rows]


def _calculated(data: bytes, book: Any, sheet: str, cells: Cells, where: str) -> None:
    """Refuse formulas without a value: programs write them so, and what stands for them is nothing, or 0."""
    coordinates = {c.coordinate for row in cells for c in row}
    waits = bool(getattr(book.calculation, "fullCalcOnLoad", False))
    for cell, value in _formulas(data, where, sheet):
        if cell in coordinates and (value is None or (waits and value == "0")):
            stored = "has no stored value" if value is None else "has 0 stored, and the file asks to be calculated"
            raise SourceError(
                f"{where}, cell {cell} is a formula that was never calculated ({stored}); open the book in Excel, save "
                "it and load again."
            )


def _without_strict(data: bytes, file: str) -> bytes:
    """Return a workbook as openpyxl reads it; a Strict one with the usual namespaces."""
    if data.startswith(OLE):
        raise SourceError(f"{file} has a password, or is an old .xls; save it in Excel as .xlsx without a password.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old:
            if _STRICT not in old.read("_rels/.rels"):
                return data
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
                for info in old.infolist():
                    part = old.read(info)
                    if info.filename.endswith((".xml", ".rels")):
                        for strict, usual in _NAMESPACES:
                            part = part.replace(strict, usual)
                        part = part.replace(b' conformance="strict"', b"")
                    new.writestr(info.filename, part)
            return out.getvalue()
    except DAMAGED_ARCHIVE as exc:
        raise SourceError(
            f"{file} is not a whole .xlsx or .xlsm workbook ({type(exc).__name__}); open it in Excel and save it again."
        ) from exc


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _formulas(data: bytes, file: str, sheet: str) -> Iterator[tuple[str, str | None]]:
    """Go through the formulas of a sheet.

    Address, and the value stored beside the formula; None where none is, which an empty text is not.
    """
    try:
        package = Package(file, data)
        part = next((part for name, _, part in package.sheets() if name == sheet), "")
        content = package.part(part) if part else b""
    except BadArgumentError as exc:
        raise SourceError(str(exc)) from None
    if not content:
        return
    for _, cell in ElementTree.iterparse(io.BytesIO(content)):  # noqa: S314 - expat of Python 3.11 bounds entities
        if _local(cell.tag) == "row":
            cell.clear()
        if _local(cell.tag) != "c" or not any(_local(e.tag) == "f" for e in cell):
            continue
        value = next((e.text for e in cell if _local(e.tag) == "v"), None)
        yield str(cell.get("r")), value or ("" if cell.get("t") == "str" and value is not None else None)


def _text(cell: Any, where: str) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        raise SourceError(f"{where}, cell {cell.coordinate}: TRUE or FALSE is not a number.")
    if isinstance(value, dt.datetime):
        value = (value + _HALF_A_SECOND).replace(microsecond=0)  # a calculated day may lie a hair before midnight
        return value.date().isoformat() if not (value.hour or value.minute) else value.isoformat(timespec="minutes")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, (int, float)):
        return f"{value * 100.0:.13g}" if in_percent(cell.number_format) else repr(value)
    text = str(value).strip()
    return "" if text.lower() in MISSING else text


def _filled(cells: Cells, where: str, remarks: list[str]) -> list[tuple[int, list[str]]]:
    """The filled rows by their number in the sheet; says which columns show percentages."""
    rows = [(row[0].row, [_text(c, where) for c in row]) for row in cells if row]
    rows = [(n, t) for n, t in rows if any(t)]
    if not rows:
        raise SourceError(f"{where} is empty.")
    percent = sorted({c.column_letter for row in cells for c in row
                      if isinstance(c.value, (int, float)) and in_percent(c.number_format)})  # fmt: skip
    if percent:
        remarks.append(
            f"{where}: cells of column {', '.join(percent)} show percentages and are read as shown (4.31 for 4.31%)."
        )
    return rows


def sheet_of(rows: Rows) -> Sheet:
    """Return the table a CSV file would have given."""
    texts, where = rows.texts, rows.where
    first, header = texts[0]
    used = [k for k, h in enumerate(header) if h or any(t[k] for _, t in texts)]
    unnamed = next((k for k in used if not header[k]), None)
    if unnamed is not None:
        raise SourceError(
            f"{where}, row {first}: column {unnamed + 1} has values but no name; where is the table (--range A3:C6)?"
        )
    names = [header[k] for k in used]
    lowered = [n.lower() for n in names]
    twice = next((n for n in names if lowered.count(n.lower()) > 1), None)
    if twice is not None:
        raise SourceError(f"{where}, row {first}: column '{twice}' is there twice.")
    return Sheet(where, names, [(n, [t[k] for k in used]) for n, t in texts[1:]], ".")
