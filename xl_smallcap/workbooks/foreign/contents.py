"""A user's workbook as the calculator reads it: sheets, formulas, names."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from openpyxl.formula.translate import Translator, TranslatorError

from xl_smallcap.errors import BadArgumentError
from xl_smallcap.hosts.excel import opc
from xl_smallcap.workbooks.foreign.areas import Areas
from xl_smallcap.workbooks.foreign.package import Package
from xl_smallcap.workbooks.foreign.reading import (
    FORMULA_TAG,
    SheetContents,
    read_percent_styles,
    read_sheet,
    read_strings,
)
from xl_smallcap.workbooks.formulas.calculator import Formula
from xl_smallcap.workbooks.formulas.references import address, read_reference
from xl_smallcap.workbooks.formulas.values import Grid


@dataclass(frozen=True)
class SheetPart:
    """A worksheet: its name and its part."""

    name: str
    part: str


class Contents:
    """The workbook's cells, read when asked for."""

    def __init__(self, package: Package) -> None:
        self.package = package
        main = package.part(package.main)
        relations = package.relations(package.main)
        self.sheets: list[SheetPart] = []
        self.date1904 = False
        every: list[str] = []
        for tag in opc.tags(main):
            a = tag.attributes
            if tag.name == "sheet" and tag.path[-1:] == ("sheets",):
                key = next((v for k, v in a.items() if k.endswith(":id")), "")
                kind, part = relations.get(key, ("", ""))
                every.append(a.get("name", ""))
                if kind == "worksheet":
                    self.sheets.append(SheetPart(a.get("name", ""), part))
            elif tag.name == "workbookPr":
                self.date1904 = a.get("date1904", "0").lower() in ("1", "true")
        self.scoped_names: dict[tuple[str, str], str] = {}
        """Every name: (sheet in small letters, "" for the workbook; name in capitals) -> "=" and what it means."""
        self.names = self._names(main, every)
        self.forced: dict[tuple[str, tuple[int, int]], Any] = {}
        """What some cells are held at, whatever their formula gives: another sheet's input, a number that is kept."""
        self.spilled: dict[tuple[str, tuple[int, int]], Grid] = {}
        self._reach: dict[str, tuple[int, int]] = {}
        self._strings: list[str] | None = None
        self._read: dict[str, SheetContents] = {}
        self._occupied: dict[str, Areas] = {}
        self._by_name = {s.name.lower(): s for s in self.sheets}
        self._relations = relations

    def _names(self, main: bytes, sheets: list[str]) -> Mapping[str, str]:
        """Names of the whole workbook; one that a sheet has too is left to a spreadsheet program."""
        for attributes, text in opc.texts(main, "definedName"):
            if "name" not in attributes:
                continue
            key, meant = attributes["name"].upper(), "=" + text
            own = attributes.get("localSheetId", "")
            if not own:
                self.scoped_names["", key] = meant
            elif own.isascii() and own.isdigit() and int(own) < len(sheets):
                self.scoped_names[sheets[int(own)].lower(), key] = meant
        local = {key for sheet, key in self.scoped_names if sheet}
        return {key: v for (sheet, key), v in self.scoped_names.items() if not sheet and key not in local}

    @property
    def strings(self) -> list[str]:
        """The shared strings."""
        if self._strings is None:
            part = next((p for kind, p in self._relations.values() if kind == "sharedStrings"), None)
            self._strings = read_strings(self.package.part(part)) if part else []
        return self._strings

    @cached_property
    def percent_styles(self) -> Set[str]:
        """The cell styles that show a percentage."""
        part = next((p for kind, p in self._relations.values() if kind == "styles"), None)
        return read_percent_styles(self.package.part(part)) if part else frozenset()

    def in_percent(self, sheet: str, row: int, column: int) -> bool:
        """Return whether a cell's number format shows a percentage; for the calculator."""
        return (row, column) in self.read(sheet).percentages

    def has_formulas(self, sheet: SheetPart) -> bool:
        """Whether a sheet has any formula at all, without reading its cells."""
        return FORMULA_TAG.search(self.package.part(sheet.part)) is not None

    def occupied(self, name: str) -> Areas:
        """Return what no table can spill over: a sheet's merged cells, tables and pivot tables."""
        sheet = self._by_name[name.lower()]
        if sheet.name not in self._occupied:
            blocks = list(self.read(name).merged)
            for kind, part in self.package.relations(sheet.part).values():
                if kind in ("table", "pivotTable"):
                    for tag in opc.tags(self.package.part(part)):
                        if tag.name in ("table", "location") and "ref" in tag.attributes:
                            block = read_reference(tag.attributes["ref"])
                            blocks += [block] if block is not None else []
            found = self._occupied[sheet.name] = Areas()
            for k, block in enumerate(blocks):
                found.put((k, 0), block)
        return self._occupied[sheet.name]

    def with_text(self, word: str) -> list[str]:
        """Return the sheets whose texts may hold a word, without reading the cells of the others."""
        if any(word in s.upper() for s in self.strings):
            return [s.name for s in self.sheets]
        return [s.name for s in self.sheets if word.encode() in self.package.part(s.part)]

    def read(self, name: str) -> SheetContents:
        """Return a sheet's contents, shared formulas written out."""
        sheet = self._by_name[name.lower()]
        if sheet.name not in self._read:
            found = read_sheet(self.package.part(sheet.part), self.strings, sheet.name, self.percent_styles)
            _share(found)
            self._read[sheet.name] = found
        return self._read[sheet.name]

    def content(self, sheet: str, row: int, column: int) -> Any:  # noqa: PLR0911 - a kind of cell a line
        """Return a cell's constant or formula; for the calculator."""
        if (sheet, (row, column)) in self.forced:
            return self.forced[sheet, (row, column)]
        found = self.read(sheet)
        cell = found.formulas.get((row, column))
        if cell is not None:
            if cell.kind == "dataTable" or not cell.text:
                return cell.value
            table = self.spilled.get((self._by_name[sheet.lower()].name, (row, column)))
            if table is not None and len(table.rows) == len(table.rows[0]) == 1:
                return table.first  # a single value, or one whose way is blocked
            return Formula(cell.text, spills=cell.dynamic or cell.kind == "array")
        at = self.anchor(sheet, row, column)
        if at is None:
            return found.constants.get((row, column))
        table = self.spilled.get((self._by_name[sheet.lower()].name, at))
        down, across = row - at[0], column - at[1]
        if table is not None and down < len(table.rows) and across < len(table.rows[0]):
            return table.rows[down][across]
        return None  # a spilled value of before

    def extent(self, sheet: str) -> tuple[int, int]:
        """Return the numbers of used rows and columns; for the calculator."""
        found, name = self.read(sheet), self._by_name[sheet.lower()].name
        rows, columns = self._reach.get(name, (0, 0))
        return max(found.rows, rows), max(found.columns, columns)

    def spill(self, sheet: str, at: tuple[int, int], grid: Grid) -> None:
        """Take in a table that is calculated already: it reaches as far as it is, not as far as the file says."""
        self.spilled[sheet, at] = grid
        rows, columns = self._reach.get(sheet, (0, 0))
        self._reach[sheet] = max(rows, at[0] + len(grid.rows)), max(columns, at[1] + len(grid.rows[0]))

    def anchor(self, sheet: str, row: int, column: int) -> tuple[int, int] | None:
        """Return the array formula whose stored range holds a cell; for the calculator."""
        return next((at for at in self.read(sheet).arrays.holding(row, column) if at != (row, column)), None)


def _share(found: SheetContents) -> None:
    """Write out the formulas that a group of cells shares, each from the group's first."""
    masters = {c.group: (at, c.text) for at, c in found.formulas.items() if c.kind == "shared" and c.text}
    for at, cell in found.formulas.items():
        if cell.kind == "shared" and not cell.text and cell.group in masters:
            origin, text = masters[cell.group]
            try:
                moved = Translator("=" + text, origin=address(*origin)).translate_formula(address(*at))
            except (TranslatorError, IndexError, ValueError) as exc:
                raise BadArgumentError(f"The shared formula of {address(*at)} cannot be read ({exc}).") from exc
            cell.text = moved[1:]


def plain_text(text: str) -> str:
    """Return a text of an XML part with its entities turned back to characters."""
    from xml.sax.saxutils import unescape

    return unescape(text, {"&quot;": '"', "&apos;": "'"})
