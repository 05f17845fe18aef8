"""New values into a sheet's XML by byte offset, and what becomes of each cell."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

from xl_smallcap.formulas.values import CellError
from xl_smallcap.xlsx import xml
from xl_smallcap.xlsx.references import Block, address, place

_ILLEGAL = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_T = re.compile(rb'\s+(?:t|vm)\s*=\s*("[^"]*"|\'[^\']*\')')
_REF = re.compile(rb'(\sref\s*=\s*)("[^"]*"|\'[^\']*\')')
Place = tuple[int, int]


@dataclass(frozen=True)
class Change:
    """What becomes of a cell.

    `value` its new value, None for nothing; `text` a formula that takes the place of the cell's own, "" for none at
    all, None to keep it; `ref` the new range of the array formula it holds.
    """

    value: Any
    text: str | None = None
    ref: Block | None = None


@dataclass
class _Cell:
    column: int
    start: int
    tag_end: int
    end: int = 0
    formula: tuple[int, int] | None = None
    other: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class _SheetRow:
    number: int
    start: int
    tag_end: int
    close: int = 0
    cells: list[_Cell] = field(default_factory=list)


class _Locator:
    """Where rows, and the cells of the rows that change, stand."""

    def __init__(self, data: bytes, wanted: set[int]) -> None:
        self.data, self.wanted = data, wanted
        self.rows: list[_SheetRow] = []
        self.numbers: list[int] = []
        self.prefix = b""
        self.sheet_data = (0, 0)
        self.close, self._inside = 0, False
        self.dimension: tuple[int, int] | None = None
        self._row: _SheetRow | None = None
        self._cell: _Cell | None = None
        self._number, self._column, self._depth, self._child = 0, -1, 0, 0
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler, self._parser.EndElementHandler = self._start, self._end
        self._parser.Parse(data, True)

    def _start(self, name: str, a: dict[str, str]) -> None:
        prefix, _, local = name.rpartition(":")
        offset = self._parser.CurrentByteIndex
        if self._cell is not None:
            if self._depth == 0:
                self._child = offset
            self._depth += 1
        elif local == "row" and self._inside:
            self._number = int(a["r"]) if "r" in a else self._number + 1
            self._column = -1
            self.numbers.append(self._number - 1)
            self._row = _SheetRow(
                self._number - 1, offset, xml.tag_end(self.data, offset) if self._number - 1 in self.wanted else 0
            )
            self.rows.append(self._row)
        elif local == "c" and self._inside:
            self._column = place(a["r"])[1] if "r" in a else self._column + 1
            if self._row is not None and self._row.number in self.wanted:
                self._cell = _Cell(self._column, offset, xml.tag_end(self.data, offset))
                self._row.cells.append(self._cell)
                self._depth = 0
        elif local == "sheetData":
            self.prefix = (prefix + ":").encode() if prefix else b""
            self.sheet_data = (offset, xml.tag_end(self.data, offset))
            self._inside = True
        elif local == "dimension":
            self.dimension = (offset, xml.tag_end(self.data, offset))

    def _after(self, tag_end: int, offset: int) -> int:
        """Where an element ends: expat reports the end of an empty one right behind its tag."""
        empty = offset == tag_end and self.data[offset - 2 : offset] == b"/>"
        return offset if empty else xml.tag_end(self.data, offset)

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        offset = self._parser.CurrentByteIndex
        cell = self._cell
        if cell is not None:
            if self._depth > 0:
                self._depth -= 1
                if self._depth == 0:
                    span = (self._child, self._after(xml.tag_end(self.data, self._child), offset))
                    if local == "f":
                        cell.formula = span
                    elif local not in ("v", "is"):
                        cell.other.append(span)
                return
            cell.end = self._after(cell.tag_end, offset)
            self._cell = None
        elif local == "row" and self._row is not None:
            self._row.close = offset
            self._row = None
        elif local == "sheetData":
            self.close, self._inside = offset, False


def encoded(text: str) -> bytes:
    """Return a text as a sheet's XML holds it."""
    return escape(_ILLEGAL.sub(lambda m: f"_x{ord(m[0]):04X}_", text)).encode()


def _value(prefix: bytes, value: Any) -> tuple[bytes, bytes]:
    """Attribute t and element v of a value."""
    if value is None:
        return b"", b""
    if isinstance(value, CellError):
        return b' t="e"', b"<%sv>%s</%sv>" % (prefix, value.code.encode(), prefix)
    if isinstance(value, bool):
        return b' t="b"', b"<%sv>%d</%sv>" % (prefix, value, prefix)
    if isinstance(value, str):
        space = b' xml:space="preserve"' if value != value.strip() or "\n" in value else b""
        return b' t="str"', b"<%sv%s>%s</%sv>" % (prefix, space, encoded(value), prefix)
    shown = str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
    return b"", b"<%sv>%s</%sv>" % (prefix, shown.encode(), prefix)


def _cell(data: bytes, cell: _Cell, change: Change, prefix: bytes) -> bytes:
    head = data[cell.start : cell.tag_end].rstrip(b">").rstrip(b"/").rstrip()
    kind, value = _value(prefix, change.value)
    formula = data[cell.formula[0] : cell.formula[1]] if cell.formula else b""
    if change.ref is not None:
        ref = change.ref
        first, last = address(ref.top, ref.left), address(ref.bottom, ref.right)
        shown = first if first == last else f"{first}:{last}"
        formula = _REF.sub(lambda m: m[1] + b'"' + shown.encode() + b'"', formula, count=1)
    if change.text and change.ref is not None:
        tag = formula[: formula.index(b">")].rstrip(b"/")
        formula = b"%s>%s</%sf>" % (tag, encoded(change.text), prefix)
    elif change.text is not None:
        formula = b"<%sf>%s</%sf>" % (prefix, encoded(change.text), prefix) if change.text else b""
        head = re.sub(rb'\s+cm\s*=\s*("[^"]*"|\'[^\']*\')', b"", head)
    rest = b"".join(data[a:b] for a, b in cell.other)
    inner = formula + value + rest
    head = _T.sub(b"", head) + kind
    return head + (b">" + inner + b"</%sc>" % prefix if inner else b"/>")


def _new(row: int, column: int, change: Change, prefix: bytes, style: bytes) -> bytes:
    kind, value = _value(prefix, change.value)
    return b'<%sc r="%s"%s%s>%s</%sc>' % (prefix, address(row, column).encode(), style, kind, value, prefix)


def _style(data: bytes, cell: _Cell) -> bytes:
    match = re.search(rb'\ss\s*=\s*("[^"]*"|\'[^\']*\')', data[cell.start : cell.tag_end])
    return b" s=" + match[1] if match else b""


def patch_sheet(data: bytes, changes: Mapping[Place, Change]) -> bytes:
    """Return a sheet with new values."""
    by_row: dict[int, dict[int, Change]] = {}
    for (row, column), change in changes.items():
        by_row.setdefault(row, {})[column] = change
    # rows above new cells are looked at for their style
    locator = _Locator(data, set(by_row) | {r - 1 for r in by_row})
    prefix, edits = locator.prefix, []
    styles: dict[Place, bytes] = {}
    for line in locator.rows:
        for cell in line.cells:
            styles[line.number, cell.column] = _style(data, cell)
    have = {r.number: r for r in locator.rows if r.number in by_row}
    fresh: dict[int, bytes] = {}
    for number in sorted(by_row):
        wanted = by_row[number]
        present = {c.column: c for c in have[number].cells} if number in have else {}
        made: dict[int, bytes] = {}
        for column, change in wanted.items():
            if column in present:
                cell = present[column]
                edits.append((cell.start, cell.end, _cell(data, cell, change, prefix)))
            elif change.value is not None:
                style = styles.get((number - 1, column), b"")
                styles[number, column] = style
                made[column] = _new(number, column, change, prefix, style)
        if not made:
            continue
        if number not in have:
            fresh[number] = b'<%srow r="%d">%s</%srow>' % (
                prefix, number + 1, b"".join(made[c] for c in sorted(made)), prefix,
            )  # fmt: skip
            continue
        edits += _inserted(data, have[number], made, prefix)
    edits += _new_rows(data, locator, fresh)
    edits += _dimension(data, locator, changes)
    pieces, offset = [], 0
    for start, end, text in sorted(edits, key=lambda e: (e[0], e[1])):
        pieces += [data[offset:start], text]
        offset = end
    return b"".join([*pieces, data[offset:]])


def _inserted(data: bytes, row: _SheetRow, made: dict[int, bytes], prefix: bytes) -> list[tuple[int, int, bytes]]:
    if data[row.tag_end - 2 : row.tag_end] == b"/>":
        inner = b"".join(made[c] for c in sorted(made))
        return [(row.tag_end - 2, row.tag_end, b">" + inner + b"</%srow>" % prefix)]
    columns = [c.column for c in row.cells]
    inserts: dict[int, bytes] = {}
    for column in sorted(made):
        k = bisect_left(columns, column)
        place_ = row.cells[k].start if k < len(columns) else row.close
        inserts[place_] = inserts.get(place_, b"") + made[column]
    return [(where, where, text) for where, text in inserts.items()]


def _new_rows(data: bytes, locator: _Locator, fresh: dict[int, bytes]) -> list[tuple[int, int, bytes]]:
    if not fresh:
        return []
    tag_end = locator.sheet_data[1]
    if data[tag_end - 2 : tag_end] == b"/>":
        inner = b"".join(fresh[n] for n in sorted(fresh))
        return [(tag_end - 2, tag_end, b">" + inner + b"</%ssheetData>" % locator.prefix)]
    close = locator.close
    inserts: dict[int, bytes] = {}
    for number in sorted(fresh):
        k = bisect_left(locator.numbers, number)
        where = locator.rows[k].start if k < len(locator.rows) else close
        inserts[where] = inserts.get(where, b"") + fresh[number]
    return [(where, where, text) for where, text in inserts.items()]


def _dimension(data: bytes, locator: _Locator, changes: Mapping[Place, Change]) -> list[tuple[int, int, bytes]]:
    """The used range, where new cells reach beyond it."""
    if locator.dimension is None:
        return []
    start, end = locator.dimension
    tag = data[start:end]
    ref = _REF.search(tag)
    if ref is None:
        return []
    corners = ref[2][1:-1].decode().split(":")
    try:
        top, left = place(corners[0])
        bottom, right = place(corners[-1])
    except ValueError:
        return []
    filled = [cell_at for cell_at, change in changes.items() if change.value is not None]
    rows, columns = [r for r, _ in filled], [c for _, c in filled]
    wide = (min([top, *rows]), min([left, *columns]), max([bottom, *rows]), max([right, *columns]))
    if wide == (top, left, bottom, right):
        return []
    shown = f"{address(wide[0], wide[1])}:{address(wide[2], wide[3])}".encode()
    return [(start, end, _REF.sub(lambda m: m[1] + b'"' + shown + b'"', tag, count=1))]
