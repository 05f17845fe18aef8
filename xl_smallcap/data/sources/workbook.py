"""A sheet or a range of an Excel workbook: a header row with "date" and a column a series, as in a CSV file.

Read with openpyxl; values, not formulas: what Excel stored when it last saved the file.
"""

from __future__ import annotations

import datetime as dt
import io
import re
from pathlib import Path
from typing import Any

from xl_smallcap.data.sources._loaded import Loaded, Progress
from xl_smallcap.data.sources.delimited import Sheet
from xl_smallcap.data.sources.folder import series_of
from xl_smallcap.errors import SourceError, closest, unknown_word

SUFFIXES = (".xlsx", ".xlsm")
_RANGE = re.compile(r"\$?[A-Z]{1,3}\$?\d{1,7}:\$?[A-Z]{1,3}\$?\d{1,7}$")


def read(place: Path, progress: Progress, sheet: str | None = None, area: str | None = None) -> Loaded:
    """Read one sheet, or a range of it, into series.

    Parameters
    ----------
    place : pathlib.Path
        The workbook; it may be open in Excel.
    progress : callable
        Called with (sheet, done, total).
    sheet : str, optional
        Name of the sheet; default the first.
    area : str, optional
        Such as ``A3:F500``, or a name defined in the workbook; default all that is filled.

    Returns
    -------
    Loaded

    Raises
    ------
    SourceError
        No such file, sheet or range, or a cell that cannot be read; the cell is named.
    """
    import openpyxl

    try:
        content = io.BytesIO(place.read_bytes())
        book = openpyxl.load_workbook(content, read_only=False, data_only=True)
    except FileNotFoundError:
        raise SourceError(f"There is no workbook '{place}'.") from None
    except OSError as exc:
        raise SourceError(f"{place.name} could not be read: {exc.strerror}.") from exc
    except Exception as exc:  # openpyxl raises whatever the broken part of the file leads to
        raise SourceError(
            f"{place.name} is not a whole .xlsx or .xlsm workbook ({type(exc).__name__}); open it in Excel "
            "and save it again."
        ) from exc
    name, cells = _cells(book, place.name, sheet, area)
    progress(name, 0, 1)
    table = _sheet(cells, f"{place.name}!{name}")
    series = series_of(table, dt.date.today())
    progress(name, 1, 1)
    return Loaded(series=series, origins=dict.fromkeys(series, f"{place.name}!{name}"))


def _cells(book: Any, file: str, sheet: str | None, area: str | None) -> tuple[str, list[tuple[Any, ...]]]:
    if area and "!" in area:
        named_sheet, _, area = area.rpartition("!")
        named_sheet = named_sheet.strip("'")
        if sheet and sheet.strip().lower() != named_sheet.lower():
            raise SourceError(f"{file}: the range is on sheet '{named_sheet}', but --sheet says '{sheet}'.")
        sheet = named_sheet
    if area and not _RANGE.match(area.upper()):
        named = {k.lower(): v for k, v in book.defined_names.items()}
        found = named.get(area.strip().lower())
        if found is None:
            known_names = f" Names: {', '.join(book.defined_names)}." if named else " The workbook defines no names."
            near = closest(area, book.defined_names)
            hint = f" Did you mean '{near}'?" if near else ""
            raise SourceError(f"{file}: '{area}' is neither a range such as A3:F500 nor a name.{hint}{known_names}")
        places = list(found.destinations)
        if len(places) != 1:
            raise SourceError(f"{file}: the name '{area}' means {len(places)} areas; one is needed.")
        on, area = places[0]
        if sheet and sheet.strip().lower() != on.lower():
            raise SourceError(f"{file}: the name is on sheet '{on}', but --sheet says '{sheet}'.")
        sheet = on
    known = [s.title for s in book.worksheets]
    chosen = {t.lower(): t for t in known}.get(sheet.strip().lower()) if sheet else known[0]
    if chosen is None:
        raise SourceError(f"{file}: {unknown_word('sheet', str(sheet), known)}")
    found_sheet = book[chosen]
    rows = found_sheet[area.replace("$", "")] if area else found_sheet.iter_rows()
    return chosen, [tuple(row) for row in rows]


def _text(cell: Any, where: str) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        raise SourceError(f"{where}, cell {cell.coordinate}: TRUE or FALSE is not a number.")
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if not (value.hour or value.minute) else value.isoformat(timespec="minutes")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, (int, float)):
        return repr(value)
    text = str(value).strip()
    return "" if text in ("#N/A", "#N/A N/A") else text


def _sheet(rows: list[tuple[Any, ...]], where: str) -> Sheet:
    """The filled part of the cells as the table a CSV file would have given, rows by their number in the sheet."""
    texts = [(row[0].row, [_text(c, where) for c in row]) for row in rows if row]
    texts = [(n, t) for n, t in texts if any(t)]
    if not texts:
        raise SourceError(f"{where} is empty.")
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
