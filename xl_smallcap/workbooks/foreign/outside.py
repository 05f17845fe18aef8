"""Ordinary formulas, calculated by a headless LibreOffice on a copy that it never saves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

from xl_smallcap.hosts.excel import opc
from xl_smallcap.hosts.libreoffice.office import Office
from xl_smallcap.workbooks.foreign.package import Package
from xl_smallcap.workbooks.foreign.patching import Change, Place, patch_sheet
from xl_smallcap.workbooks.formulas.values import CellError

Results = dict[str, dict[Place, Any]]
REAL_ERRORS = {"#N/A", "#NUM!", "#VALUE!", "#DIV/0!", "#REF!", "#NULL!", "#NAME?"}
_SECONDS = 600.0
_FROZEN = re.compile(
    r"\[\d+\][^'\[\]!,()]*'?!|(?<![\w.])(?:_xlfn\.|_xlws\.)*(?:GETPIVOTDATA|CUBE\w+|RTD|STOCKHISTORY|WEBSERVICE|IMAGE|PY|CALL|"
    r"REGISTER\.ID|BDP|BDH|BDS|FDS|TR|RDP\.\w+|CELL|INFO|FORMULATEXT|ISFORMULA)\s*\(",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"_xl(?:fn|ws|pm)\.", re.IGNORECASE)
_TEXTS = re.compile(r'"(?:[^"]|"")*"')


def frozen(text: str) -> bool:
    """Return whether nobody but Excel can renew a formula here.

    True for other workbooks' cells, pivot tables, cubes, terminals, feeds, and what asks about file or formulas.
    """
    return _FROZEN.search(_TEXTS.sub('""', text)) is not None


def unknown(office: Office, functions: Sequence[str]) -> set[str]:
    """Return the functions LibreOffice does not know, found by calling each from a workbook of their own."""
    if not functions:
        return set()
    with office.scratch() as folder:
        path = Path(folder) / "functions.xlsx"
        book = xlsxwriter.Workbook(str(path))
        sheet = book.add_worksheet("S")
        for row, name in enumerate(functions):
            sheet.write_formula(row, 0, f"={_PREFIX.sub(lambda m: m[0].lower(), name)}()")
        book.close()
        opened = office.do("open", str(path), seconds=_SECONDS)
        office.do("recalculate", opened, seconds=_SECONDS)
        told = office.do("results", opened, seconds=_SECONDS)
        office.do("close", opened, seconds=_SECONDS)
    found = set()
    for top, _, rows in told["S"]:
        for row, (value,) in enumerate(rows, top):
            if value == {"error": "#NAME?"}:
                found.add(functions[row])
    return found


def _cut_off(copy: Package) -> None:
    """Take out of a copy all that would be fetched from elsewhere: linked pictures, other files, queries of the web."""
    for name in copy.names():
        lower = name.lower()
        if lower.endswith(".rels"):
            data = copy.part(name)
            for tag in reversed(opc.tags(data)):
                fetched = tag.name == "Relationship" and tag.attributes.get("TargetMode") == "External"
                if fetched and not tag.attributes.get("Type", "").endswith("/hyperlink"):
                    alone = data[tag.end - 2 : tag.end] == b"/>"
                    end = tag.end if alone else data.index(b">", data.index(b"</", tag.end)) + 1
                    data = data[: tag.start] + data[end:]
            if data != copy.part(name):
                copy.changed[name] = data
        elif lower.endswith("/connections.xml"):
            copy.changed[name] = (
                b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
                b'<connections xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'
            )


def calculate(
    office: Office,
    package: Package,
    parts: Mapping[str, str],
    changes: Mapping[str, Mapping[Place, Change]],
    spilled: Mapping[tuple[str, Place], str],
    pdf: Path | None,
) -> tuple[Results, dict[tuple[str, Place], tuple[int, int]]]:
    """Return what every formula left in a changed copy of the workbook shows.

    Sheet -> place -> value; errors LibreOffice alone knows ("Err:522") are texts in a :class:`CellError`. Then the
    rows and columns of each spilled formula.
    """
    copy = Package(package.name, package.data)
    for sheet, part in parts.items():
        if changes.get(sheet):
            copy.changed[part] = patch_sheet(package.part(part), changes[sheet])
    _cut_off(copy)
    with office.scratch() as folder:
        # never the original: a lock file beside it would make loading fail in silence
        path = Path(folder) / "book.xlsx"
        path.write_bytes(copy.to_bytes())
        opened = office.do("open", str(path), seconds=_SECONDS)
        office.do("recalculate", opened, seconds=_SECONDS)
        # arrays are calculated after cells that refer to them from before; the second time all see them
        office.do("recalculate", opened, seconds=_SECONDS)
        told = office.do("results", opened, seconds=_SECONDS)
        keys = list(spilled)
        asked = [[sheet, _PREFIX.sub("", spilled[sheet, at])] for sheet, at in keys]
        known = office.do("sizes", opened, asked, seconds=_SECONDS) if keys else []
        if pdf is not None:
            office.do("save", opened, str(pdf.resolve()), "pdf", seconds=_SECONDS)
        office.do("close", opened, seconds=_SECONDS)
    found: Results = {}
    for sheet, blocks in told.items():
        cells = found.setdefault(sheet, {})
        for top, left, rows in blocks:
            for i, line in enumerate(rows):
                for j, value in enumerate(line):
                    cells[top + i, left + j] = CellError(value["error"]) if isinstance(value, dict) else value
    sizes = {key: (int(size[0]), int(size[1])) for key, size in zip(keys, known, strict=True) if size is not None}
    return found, sizes
