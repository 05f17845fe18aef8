"""A user's workbook as it is read: sheets, formulas, values and names, and what a refresh finds for them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from xml.parsers import expat

from openpyxl.formula.translate import Translator, TranslatorError

from xl_smallcap.errors import BadArgumentError
from xl_smallcap.formulas.calculator import Calculator, Formula, ask_engine
from xl_smallcap.formulas.values import CellError, Grid, UnsupportedError
from xl_smallcap.functions import BY_NAME
from xl_smallcap.functions.formula import OURS
from xl_smallcap.workbooks.foreign.patching import Place
from xl_smallcap.xlsx import xml
from xl_smallcap.xlsx.package import Package, in_percent
from xl_smallcap.xlsx.references import ANCHORED, OPAQUE, WORD, Areas, Block, address, place, read_reference, within

FORMULA_TAG = re.compile(rb"<(?:\w+:)?f[\s>/]")
_ENCODING = re.compile(rb"""(?:\xef\xbb\xbf)?\s*<\?xml[^>]*encoding\s*=\s*["']([^"']+)["']""")
_BUILT_IN_PERCENT = ("9", "10")
"""Number formats 0% and 0.00%, which no file writes out."""
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


@dataclass
class FormulaCell:
    """A cell with a formula as the file holds it.

    `text` without "="; `kind` "", "array", "shared" or "dataTable"; `ref` the range an array fills; `dynamic` where
    Excel spills it; `group` of a shared formula; `value` and `type` as stored.
    """

    text: str
    kind: str = ""
    ref: Block | None = None
    dynamic: bool = False
    group: str = ""
    value: Any = None
    type: str = ""


@dataclass
class SheetContents:
    """What the calculator needs of a sheet."""

    formulas: dict[tuple[int, int], FormulaCell] = field(default_factory=dict)
    constants: dict[tuple[int, int], Any] = field(default_factory=dict)
    percentages: set[tuple[int, int]] = field(default_factory=set)
    merged: list[Block] = field(default_factory=list)
    rows: int = 1
    columns: int = 1

    @cached_property
    def arrays(self) -> Areas:
        """The ranges of the array formulas, dynamic or fixed, by the formula's place."""
        areas = Areas()
        for cell_at, cell in self.formulas.items():
            if cell.kind == "array" and cell.ref is not None:
                areas.put(cell_at, cell.ref)
        return areas

    def resize(self, anchor: tuple[int, int], ref: Block) -> None:
        """Give an array formula another range."""
        self.formulas[anchor].ref = ref
        self.arrays.put(anchor, ref)


def unescaped(text: str) -> str:
    """Return a text with _x000D_ and its like turned back to characters."""
    return _ESCAPED.sub(lambda m: chr(int(m[1], 16)), text) if "_x" in text else text


def stored_value(kind: str, text: str, strings: list[str]) -> Any:
    """Return a stored value."""
    value: Any
    if kind in ("str", "inlineStr"):
        value = unescaped(text)
    elif kind == "s":
        index = int(text) if text.strip().isdigit() else -1
        value = strings[index] if 0 <= index < len(strings) else ""
    elif text == "":
        value = None
    elif kind == "b":
        value = text.strip() == "1"
    elif kind == "e":
        value = CellError(text)
    else:
        try:
            value = float(text)
        except ValueError:
            value = unescaped(text)  # t="d": a date as text
        if isinstance(value, float) and not math.isfinite(value):
            value = CellError("#NUM!")
    return value


class _SheetReader:
    """Expat's events -> contents; element names by their local part."""

    def __init__(self, strings: list[str], percent_styles: Set[str]) -> None:
        self.found = SheetContents()
        self.strings, self.percent_styles = strings, percent_styles
        self.row = self.column = -1
        self.kind = self.text = self.inline = ""
        self.formula: FormulaCell | None = None
        self.cell: tuple[int, int] | None = None
        self.dynamic = self.phonetic = self.inside = self.percent = False
        self.into = ""
        self.parts: list[str] = []

    def start(self, name: str, a: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "sheetData":
            self.inside = True
        elif local == "mergeCell" and "ref" in a:
            block = read_reference(a["ref"])
            if block is not None:
                self.found.merged.append(block)
        elif not self.inside:
            return
        elif local == "c":
            self.column += 1
            if "r" in a:
                self.cell = place(a["r"])
                self.column = self.cell[1]
            else:
                self.cell = (self.row, self.column)
            self.kind, self.dynamic = a.get("t", "n"), "cm" in a
            self.percent = a.get("s") in self.percent_styles
            self.text, self.inline, self.formula = "", "", None
        elif local == "row":
            self.row = int(a["r"]) - 1 if "r" in a else self.row + 1
            self.column = -1
        elif self.cell is not None and local == "f":
            ref = read_reference(a["ref"]) if "ref" in a else None
            kind = a.get("t", "normal")
            self.formula = FormulaCell("", "" if kind == "normal" else kind, ref, self.dynamic, a.get("si", ""))
            self.into, self.parts = "f", []
        elif self.cell is not None and local == "v":
            self.into, self.parts = "v", []
        elif self.cell is not None and local == "rPh":
            self.phonetic = True
        elif self.cell is not None and local == "t" and not self.phonetic:
            self.into, self.parts = "t", []

    def data(self, text: str) -> None:
        if self.into:
            self.parts.append(text)

    def end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local == self.into:
            text = "".join(self.parts)
            if local == "f" and self.formula is not None:
                self.formula.text = text
            elif local == "v":
                self.text = text
            else:
                self.inline += text
            self.into = ""
        elif local == "sheetData":
            self.inside = False
        elif local == "rPh":
            self.phonetic = False
        elif local == "c" and self.cell is not None:
            value = stored_value(self.kind, self.inline if self.kind == "inlineStr" else self.text, self.strings)
            contents = self.found
            contents.percentages |= {self.cell} if self.percent else set()
            if self.formula is not None:
                self.formula.value, self.formula.type = value, self.kind
                contents.formulas[self.cell] = self.formula
            elif value is not None:
                contents.constants[self.cell] = value
            contents.rows, contents.columns = (
                max(contents.rows, self.cell[0] + 1),
                max(contents.columns, self.cell[1] + 1),
            )
            self.cell = None


def is_utf8(data: bytes) -> bool:
    """Return whether a part says it is written in UTF-8, or says nothing."""
    match = _ENCODING.match(data[:200])
    marked = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    return not marked and (match is None or match[1].lower() in (b"utf-8", b"us-ascii", b"utf8"))


def read_sheet(data: bytes, strings: list[str], name: str, percent_styles: Set[str] = frozenset()) -> SheetContents:
    """Read a sheet."""
    if not is_utf8(data):
        raise BadArgumentError(f"Sheet '{name}' is not written in UTF-8; open the workbook in Excel and save it.")
    reader, parser = _SheetReader(strings, percent_styles), expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.data
    xml.parse(parser, data, f"Sheet '{name}'")
    return reader.found


def read_percent_styles(data: bytes) -> set[str]:
    """Return the numbers of the cell styles that show a percentage. As a cell's attribute s has them."""
    percent, styles = set(_BUILT_IN_PERCENT), list[str]()
    for tag in xml.tags(data):
        if tag.name == "numFmt" and tag.path[-1:] == ("numFmts",) and in_percent(tag.attributes.get("formatCode", "")):
            percent.add(tag.attributes.get("numFmtId", ""))
        elif tag.name == "xf" and tag.path[-1:] == ("cellXfs",):
            styles.append(tag.attributes.get("numFmtId", "0"))
    return {str(k) for k, number in enumerate(styles) if number in percent}


def read_strings(data: bytes) -> list[str]:
    """Read the shared strings, runs joined, phonetic hints left out."""
    strings: list[str] = []
    parts: list[str] = []
    state = {"in": False, "phonetic": False}
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(name: str, _: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "si":
            parts.clear()
        elif local == "rPh":
            state["phonetic"] = True
        elif local == "t":
            state["in"] = not state["phonetic"]

    def end(name: str) -> None:
        local = name.rpartition(":")[2]
        if local == "si":
            strings.append(unescaped("".join(parts)))
        elif local == "rPh":
            state["phonetic"] = False
        elif local == "t":
            state["in"] = False

    def text(data: str) -> None:
        if state["in"]:
            parts.append(data)

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    xml.parse(parser, data, "The part with the workbook's texts")
    return strings


# -- A user's workbook as the calculator reads it: sheets, formulas, names.


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
        listed = package.sheets()
        self.sheets = [SheetPart(name, part) for name, kind, part in listed if kind == "worksheet"]
        properties = [t.attributes for t in xml.tags(main) if t.name == "workbookPr"]
        self.date1904 = any(a.get("date1904", "0").lower() in ("1", "true") for a in properties)
        self.scoped_names: dict[tuple[str, str], str] = {}
        """Every name: (sheet in small letters, "" for the workbook; name in capitals) -> "=" and what it means."""
        self.names = self._names(main, [name for name, _, _ in listed])
        self.forced: dict[tuple[str, tuple[int, int]], Any] = {}
        """What some cells are held at, whatever their formula gives: another sheet's input, a number that is kept."""
        self.spilled: dict[tuple[str, tuple[int, int]], Grid] = {}
        self._reach: dict[str, tuple[int, int]] = {}
        self._strings: list[str] | None = None
        self._read: dict[str, SheetContents] = {}
        self._occupied: dict[str, Areas] = {}
        self._by_name = {s.name.lower(): s for s in self.sheets}
        self._relations = package.relations(package.main)

    def _names(self, main: bytes, sheets: list[str]) -> Mapping[str, str]:
        """Names of the whole workbook; one that a sheet has too is left to a spreadsheet program."""
        for attributes, text in xml.texts(main, "definedName"):
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
                    for tag in xml.tags(self.package.part(part)):
                        if tag.name in ("table", "location") and "ref" in tag.attributes:
                            block = read_reference(tag.attributes["ref"])
                            blocks += [block] if block is not None else []
            areas = self._occupied[sheet.name] = Areas()
            for k, block in enumerate(blocks):
                areas.put((k, 0), block)
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
            contents = read_sheet(self.package.part(sheet.part), self.strings, sheet.name, self.percent_styles)
            _share(contents)
            self._read[sheet.name] = contents
        return self._read[sheet.name]

    def content(self, sheet: str, row: int, column: int) -> Any:  # noqa: PLR0911 - a kind of cell a line
        """Return a cell's constant or formula; for the calculator."""
        if (sheet, (row, column)) in self.forced:
            return self.forced[sheet, (row, column)]
        contents = self.read(sheet)
        cell = contents.formulas.get((row, column))
        if cell is not None:
            if cell.kind == "dataTable" or not cell.text:
                return cell.value
            table = self.spilled.get((self._by_name[sheet.lower()].name, (row, column)))
            if table is not None and len(table.rows) == len(table.rows[0]) == 1:
                return table.first  # a single value, or one whose way is blocked
            return Formula(cell.text, spills=cell.dynamic or cell.kind == "array")
        anchor = self.anchor(sheet, row, column)
        if anchor is None:
            return contents.constants.get((row, column))
        table = self.spilled.get((self._by_name[sheet.lower()].name, anchor))
        down, across = row - anchor[0], column - anchor[1]
        if table is not None and down < len(table.rows) and across < len(table.rows[0]):
            return table.rows[down][across]
        return None  # a spilled value of before

    def extent(self, sheet: str) -> tuple[int, int]:
        """Return the numbers of used rows and columns; for the calculator."""
        contents, name = self.read(sheet), self._by_name[sheet.lower()].name
        rows, columns = self._reach.get(name, (0, 0))
        return max(contents.rows, rows), max(contents.columns, columns)

    def spill(self, sheet: str, anchor: tuple[int, int], grid: Grid) -> None:
        """Take in a table that is calculated already: it reaches as far as it is, not as far as the file says."""
        self.spilled[sheet, anchor] = grid
        rows, columns = self._reach.get(sheet, (0, 0))
        self._reach[sheet] = max(rows, anchor[0] + len(grid.rows)), max(columns, anchor[1] + len(grid.rows[0]))

    def anchor(self, sheet: str, row: int, column: int) -> tuple[int, int] | None:
        """Return the array formula whose stored range holds a cell; for the calculator."""
        return next((key for key in self.read(sheet).arrays.holding(row, column) if key != (row, column)), None)


def _share(contents: SheetContents) -> None:
    """Write out the formulas that a group of cells shares, each from the group's first."""
    masters = {c.group: (cell_at, c.text) for cell_at, c in contents.formulas.items() if c.kind == "shared" and c.text}
    for cell_at, cell in contents.formulas.items():
        if cell.kind == "shared" and not cell.text and cell.group in masters:
            origin, text = masters[cell.group]
            try:
                moved = Translator("=" + text, origin=address(*origin)).translate_formula(address(*cell_at))
            except (TranslatorError, IndexError, ValueError) as exc:
                raise BadArgumentError(f"The shared formula of {address(*cell_at)} cannot be read ({exc}).") from exc
            cell.text = moved[1:]


def plain_text(text: str) -> str:
    """Return a text of an XML part with its entities turned back to characters."""
    from xml.sax.saxutils import unescape

    return unescape(text, {"&quot;": '"', "&apos;": "'"})


# -- A workbook during its refresh: its formulas, and the values found so far.


_OF_FORMULAS = re.compile(r"(?<![\w.])(?:FORMULATEXT|ISFORMULA)\s*\(", re.IGNORECASE)
"""What looks at formulas is ours to answer: in LibreOffice's copy many of them are constants."""
_CALL = re.compile(r"(?<![\w.])((?:_xl\w+\.)*[^\W\d_][\w.]*)\s*\(", re.IGNORECASE)
PREFIXES = re.compile(r"_XL\w+\.", re.IGNORECASE)
"""What a file puts before the names of newer functions."""
Progress = Callable[[str, int, int], None]
Ours = list[tuple[str, Place, FormulaCell]]


class Book:
    """Values by sheet and place: `direct` of our functions, `spills` of tables, `others` by LibreOffice, `kept` why."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.sheets = {s.name: s for s in contents.sheets if contents.has_formulas(s)}
        self.formulas = {n: contents.read(n).formulas for n in self.sheets}
        self.direct: dict[str, dict[Place, Any]] = {n: {} for n in self.sheets}
        self.spills: dict[str, dict[Place, Grid]] = {n: {} for n in self.sheets}
        self.granted = {n: Areas() for n in self.sheets}
        """Where `spills` are."""
        self.keep_numbers = False
        """Whether a result of ours that would be an error leaves the number that was there."""
        self.saved: list[tuple[str, Place]] = []
        """Cells that were left so."""
        self.cut: set[tuple[str, Place]] = set()
        """Cells whose formula gives a table and shows only its upper left cell."""
        self.blocked: dict[str, list[Place]] = {n: [] for n in self.sheets}
        self.others: dict[str, dict[Place, Any]] = {n: {} for n in self.sheets}
        self.kept: dict[str, dict[Place, str]] = {n: {} for n in self.sheets}
        self.stored_refs: dict[tuple[str, Place], Block] = {}
        for sheet, cells in self.formulas.items():
            sheet_contents = contents.read(sheet)
            for cell_at, cell in cells.items():
                if cell.kind == "array":
                    # a file may say that a table fills the whole sheet: what it can have filled is the used part
                    ref = within(
                        cell.ref or Block(None, *cell_at, *cell_at), sheet_contents.rows, sheet_contents.columns
                    )
                    self.stored_refs[sheet, cell_at] = ref
                    if cell.ref is not None and cell.ref != ref and cell.dynamic:
                        sheet_contents.resize(cell_at, ref)
        self.meanings: dict[str, list[str]] = {}
        """Names in capitals -> what they mean, on any sheet."""
        for (_, name), meant in contents.scoped_names.items():
            self.meanings.setdefault(name, []).append(meant)
        self.spilled_names = {n: t[1:] for n, t in contents.names.items() if ANCHORED.fullmatch(t[1:])}
        """Names for a table that spills -> A1# as the file holds it."""
        pin = contents.names.get("RUSSELL_PIN")
        self.named: set[tuple[str, Place]] = set()
        """Cells that are rightly #NAME?: they hold, or lean on, a function of ours that does not exist."""
        self.pin = None if pin is None else self._pin(pin)

    def _pin(self, text: str) -> Any:
        """What the workbook's RUSSELL_PIN holds."""
        try:
            return Calculator(self.contents, ask_engine()).calculate(text, "")
        except UnsupportedError as exc:
            raise BadArgumentError(
                f"The workbook's name RUSSELL_PIN cannot be read ({exc}); let it hold a fingerprint as text, or a cell."
            ) from exc

    def spill(self, sheet: str, anchor: Place, grid: Grid) -> None:
        """Take in a table."""
        self.spills[sheet][anchor] = grid
        self.contents.spill(sheet, anchor, grid)
        self.granted[sheet].put(
            anchor, Block(None, *anchor, anchor[0] + len(grid.rows) - 1, anchor[1] + len(grid.rows[0]) - 1)
        )

    def calculator(self) -> Calculator:
        """Return a calculator that has calculated nothing yet."""
        return Calculator(self.contents, ask_engine(self.pin))

    def ours(self) -> Ours:
        """Return the cells in whose formula one of our functions stands, or a name that stands for one."""
        names = [n for n, text in self.contents.names.items() if OURS.search(text)]
        named = re.compile(r"(?<![\w.])(?:" + "|".join(map(re.escape, names)) + r")(?![\w.(])", re.I) if names else None
        return [
            (sheet, cell_at, cell)
            for sheet, cells in self.formulas.items()
            for cell_at, cell in cells.items()
            if OURS.search(cell.text)
            or _OF_FORMULAS.search(cell.text)
            or (named is not None and named.search(cell.text))
        ]


def functions_in(book: Book, text: str) -> set[str]:
    """Return the functions a formula calls, by itself or through names, as the file writes them.

    In capitals, with their prefixes.
    """
    functions: set[str] = set()
    waiting, seen = [text], set[str]()
    while waiting:
        bare = OPAQUE.sub('""', waiting.pop())
        functions |= {m[1].upper() for m in _CALL.finditer(bare)}
        for word in {w.upper() for w in WORD.findall(bare)} - seen:
            seen.add(word)
            waiting += book.meanings.get(word, ())
    return functions


def unknown_functions(text: str) -> list[str]:
    """Return the words in a formula that look like functions of ours and are none."""
    return [m[1].upper() for m in OURS.finditer(text) if m[1].upper() not in BY_NAME]
