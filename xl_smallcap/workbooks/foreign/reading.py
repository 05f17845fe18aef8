"""A sheet's XML -> its formulas with their stored values, and its constants."""

from __future__ import annotations

import math
import re
from collections.abc import Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from xml.parsers import expat

from xl_smallcap.data.sources.ooxml import in_percent
from xl_smallcap.errors import BadArgumentError
from xl_smallcap.hosts.excel import opc
from xl_smallcap.workbooks.foreign.areas import Areas
from xl_smallcap.workbooks.formulas.references import Block, place, read_reference
from xl_smallcap.workbooks.formulas.values import CellError

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
        found = Areas()
        for at, cell in self.formulas.items():
            if cell.kind == "array" and cell.ref is not None:
                found.put(at, cell.ref)
        return found

    def resize(self, at: tuple[int, int], ref: Block) -> None:
        """Give an array formula another range."""
        self.formulas[at].ref = ref
        self.arrays.put(at, ref)


def unescaped(text: str) -> str:
    """Return a text with _x000D_ and its like turned back to characters."""
    return _ESCAPED.sub(lambda m: chr(int(m[1], 16)), text) if "_x" in text else text


def stored_value(kind: str, text: str, strings: list[str]) -> Any:
    """Return a stored value."""
    found: Any
    if kind in ("str", "inlineStr"):
        found = unescaped(text)
    elif kind == "s":
        at = int(text) if text.strip().isdigit() else -1
        found = strings[at] if 0 <= at < len(strings) else ""
    elif text == "":
        found = None
    elif kind == "b":
        found = text.strip() == "1"
    elif kind == "e":
        found = CellError(text)
    else:
        try:
            found = float(text)
        except ValueError:
            found = unescaped(text)  # t="d": a date as text
        if isinstance(found, float) and not math.isfinite(found):
            found = CellError("#NUM!")
    return found


class _Reader:
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
            found = self.found
            found.percentages |= {self.cell} if self.percent else set()
            if self.formula is not None:
                self.formula.value, self.formula.type = value, self.kind
                found.formulas[self.cell] = self.formula
            elif value is not None:
                found.constants[self.cell] = value
            found.rows, found.columns = max(found.rows, self.cell[0] + 1), max(found.columns, self.cell[1] + 1)
            self.cell = None


def is_utf8(data: bytes) -> bool:
    """Return whether a part says it is written in UTF-8, or says nothing."""
    told = _ENCODING.match(data[:200])
    marked = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    return not marked and (told is None or told[1].lower() in (b"utf-8", b"us-ascii", b"utf8"))


def read_sheet(data: bytes, strings: list[str], name: str, percent_styles: Set[str] = frozenset()) -> SheetContents:
    """Read a sheet."""
    if not is_utf8(data):
        raise BadArgumentError(f"Sheet '{name}' is not written in UTF-8; open the workbook in Excel and save it.")
    reader, parser = _Reader(strings, percent_styles), expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.data
    opc.parse(parser, data, f"Sheet '{name}'")
    return reader.found


def read_percent_styles(data: bytes) -> set[str]:
    """Return the numbers of the cell styles that show a percentage. As a cell's attribute s has them."""
    percent, styles = set(_BUILT_IN_PERCENT), list[str]()
    for tag in opc.tags(data):
        if tag.name == "numFmt" and tag.path[-1:] == ("numFmts",) and in_percent(tag.attributes.get("formatCode", "")):
            percent.add(tag.attributes.get("numFmtId", ""))
        elif tag.name == "xf" and tag.path[-1:] == ("cellXfs",):
            styles.append(tag.attributes.get("numFmtId", "0"))
    return {str(k) for k, number in enumerate(styles) if number in percent}


def read_strings(data: bytes) -> list[str]:
    """Read the shared strings, runs joined, phonetic hints left out."""
    found: list[str] = []
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
            found.append(unescaped("".join(parts)))
        elif local == "rPh":
            state["phonetic"] = False
        elif local == "t":
            state["in"] = False

    def text(data: str) -> None:
        if state["in"]:
            parts.append(data)

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    opc.parse(parser, data, "The part with the workbook's texts")
    return found
