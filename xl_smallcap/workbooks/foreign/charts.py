"""Which cells a chart means, and the values it keeps of them brought up to date."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from xl_smallcap.formulas.values import CellError, text
from xl_smallcap.workbooks.foreign.patching import Place, encoded
from xl_smallcap.workbooks.foreign.reading import Book, is_utf8, plain_text
from xl_smallcap.xlsx.references import ANCHORED, Block, read_reference

_PIECES = re.compile(r"(?:'(?:[^']|'')*'|[^',])+")
_NAME = re.compile(r"(?:(?P<sheet>'(?:[^']|'')+'|[^'!]+)!)?(?P<name>(?:[^\W\d]|\\)[\w.\\?]*)")


@dataclass(frozen=True)
class Reach:
    """The blocks a formula means, as the file was stored and as they are now, each with its sheet."""

    before: tuple[Block, ...]
    now: tuple[Block, ...]


def reach_of(book: Book, formula: str) -> Reach | None:
    """Return the cells a chart's formula means.

    None for what only Excel can follow: names that calculate, other workbooks.
    """
    text = formula.strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    pieces = [_piece(book, piece.strip()) for piece in _PIECES.findall(text)]
    if not pieces or any(f is None for f in pieces):
        return None
    pairs = [f for f in pieces if f is not None]
    return Reach(tuple(before for before, _ in pairs), tuple(now for _, now in pairs))


def _piece(book: Book, text: str) -> tuple[Block, Block] | None:
    seen: set[str] = set()
    while text not in seen:
        seen.add(text)
        block = read_reference(text)
        if block is not None:
            return (block, block) if block.sheet is not None else None
        spilled = ANCHORED.fullmatch(text)
        if spilled is not None:
            return _table(book, spilled[1])
        match = _NAME.fullmatch(text)
        meant = None if match is None else _named(book, match["sheet"], match["name"])
        if meant is None:
            return None
        text = meant  # a name may stand for a name
    return None


def _named(book: Book, sheet: str | None, name: str) -> str | None:
    """What a name stands for: the sheet's own where it has one, else the workbook's."""
    contents, key = book.contents, name.upper()
    before = "" if sheet is None else sheet.removeprefix("'").removesuffix("'").replace("''", "'").lower()
    if before not in ("", "[0]", *(s.name.lower() for s in contents.sheets)):
        return None  # of another workbook
    text = contents.scoped_names.get((before, key), contents.scoped_names.get(("", key)))
    return None if text is None else text[1:]


def _table(book: Book, written: str) -> tuple[Block, Block] | None:
    """Where the table of an anchor was and is."""
    anchor = read_reference(written)
    if anchor is None or anchor.sheet is None:
        return None
    sheet = next((n for n in book.sheets if n.lower() == anchor.sheet.lower()), "")
    place: Place = (anchor.top, anchor.left)
    before = book.stored_refs.get((sheet, place))
    cell = book.formulas.get(sheet, {}).get(place)
    if before is None or cell is None or cell.ref is None:
        return None

    def on_sheet(b: Block) -> Block:
        return Block(sheet, b.top, b.left, b.bottom, b.right)

    return on_sheet(before), on_sheet(cell.ref)


# -- Bring the values a chart keeps of its cells up to date.


_REFERENCE = re.compile(
    rb"<(?P<p>\w+:)?(?P<k>num|str|multiLvlStr)Ref>\s*<(?:\w+:)?f>(?P<f>[^<]*)</(?:\w+:)?f>\s*"
    rb"(?P<open><(?:\w+:)?(?P=k)Cache>)(?P<body>.*?)(?P<close></(?:\w+:)?(?P=k)Cache>)",
    re.DOTALL,
)
_POINT = re.compile(
    rb"\s*<(?:\w+:)?pt\b(?P<a>[^>]*?)(?:/>|>\s*<(?:\w+:)?v(?:\s[^>]*?)?(?:/>|>(?P<v>[^<]*)</(?:\w+:)?v>)\s*</(?:\w+:)?pt>)"
)
_COUNT = re.compile(rb'(<(?:\w+:)?ptCount\s+val\s*=\s*["\'])(\d+)(["\']\s*(?:/>|>\s*</(?:\w+:)?ptCount>))')
_LEVEL = re.compile(rb"(<(?:\w+:)?lvl>)(.*?)(</(?:\w+:)?lvl>)", re.DOTALL)
_REST = re.compile(rb"\s*(?:<(?:\w+:)?extLst\b.*)?", re.DOTALL)
_INDEX = re.compile(rb'\bidx\s*=\s*["\'](\d+)["\']')
_SAME = 1e-14
Value = Callable[[str, int, int], Any]
Cell = tuple[str, int, int]


class _NotFollowedError(Exception):
    """A cache whose values cannot be told from the cells here."""


@dataclass(frozen=True)
class CellValues:
    """What cells show now and what the file has stored of them; both raise KeyError for an unknown sheet."""

    now: Value
    stored: Value
    extent: Callable[[str], tuple[int, int]]

    def moved(self, cell: Cell) -> bool:
        """Whether a cell shows something else now."""
        return not _alike(self.stored(*cell), self.now(*cell))


@dataclass
class ChartsReport:
    """How many charts changed, and what keeps its old values."""

    changed: int = 0
    kept: list[str] = field(default_factory=list)


def _alike(one: Any, two: Any) -> bool:
    if isinstance(one, float) and isinstance(two, float):
        return math.isclose(one, two, rel_tol=_SAME, abs_tol=1e-300)
    return bool((one in (None, "") and two in (None, "")) or (type(one) is type(two) and one == two))


def _point(value: Any, old: str | None, numbers: bool, moved: bool) -> str | None:
    """What a cache holds of a value; None for no point. A spelling that says the same stays."""
    if isinstance(value, CellError):
        return value.code
    if numbers:
        if not isinstance(value, (float, bool)):
            return None if value in (None, "") else "0"
        try:
            if old is not None and _alike(float(old), float(value)):
                return old
        except ValueError:
            pass  # an error stood there
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
    if isinstance(value, float) and not moved:
        return old  # as it was displayed
    if isinstance(value, float):
        raise _NotFollowedError  # a label in the number format of its cell
    return None if value is None else text(value)


def _points(prefix: bytes, old: bytes, cells: list[Cell | None], values: CellValues, numbers: bool) -> bytes:
    """The points of a cache with new values; each keeps its attributes."""
    before: dict[int, tuple[bytes, str]] = {}
    offset = 0
    while (point := _POINT.match(old, offset)) is not None:
        index = _INDEX.search(point["a"])
        if index is None:
            raise _NotFollowedError
        before[int(index[1])] = (point["a"], plain_text((point["v"] or b"").decode()))
        offset = point.end()
    if not _REST.fullmatch(old, offset):
        raise _NotFollowedError  # comments, or something newer than this reader
    had = {k: v for k, (_, v) in before.items() if v != ""}
    now: dict[int, str] = {}
    for k, cell in enumerate(cells):
        if cell is not None:
            shown = _point(values.now(*cell), had.get(k), numbers, values.moved(cell))
            if shown not in (None, ""):
                now[k] = str(shown)
    if now == had:
        return old
    points = b"".join(
        b"<%spt%s><%sv>%s</%sv></%spt>"
        % (prefix, before[k][0] if k in before else b' idx="%d"' % k, prefix, encoded(v), prefix, prefix)
        for k, v in now.items()
    )
    return points + old[offset:]


def _size(block: Block) -> tuple[int, int]:
    return block.bottom - block.top + 1, block.right - block.left + 1


def _lines(block: Block, values: CellValues, *, down: bool) -> Iterator[list[Cell | None]]:
    """The cells of a block column by column, or row by row; None beyond what the sheet uses."""
    sheet = block.sheet or ""
    rows, columns = values.extent(sheet)

    def cell(r: int, c: int) -> Cell | None:
        return (sheet, r, c) if r < rows and c < columns else None

    if down:
        for c in range(block.left, min(block.right + 1, max(columns, block.left + 1))):
            used = [cell(r, c) for r in range(block.top, min(block.bottom + 1, max(rows, block.top)))]
            yield [*used, *([None] * (_size(block)[0] - len(used)))]
    else:
        for r in range(block.top, min(block.bottom + 1, max(rows, block.top + 1))):
            used = [cell(r, c) for c in range(block.left, min(block.right + 1, max(columns, block.left)))]
            yield [*used, *([None] * (_size(block)[1] - len(used)))]


def _cells(blocks: tuple[Block, ...], values: CellValues) -> list[Cell | None]:
    cells: list[Cell | None] = []
    for block in blocks:
        for line in _lines(block, values, down=block.left == block.right):
            cells += line
    return cells


def _series(match: re.Match[bytes], reach: Reach, count: re.Match[bytes], values: CellValues) -> bytes:
    """The body of a cache of one value a point."""
    body = match["body"]
    if sum(r * c for r, c in map(_size, reach.before)) != int(count[2]):
        raise _NotFollowedError  # hidden rows are left out, or a whole column is cut
    cells = _cells(reach.now, values)
    head = body[: count.start()] + b"%s%d%s" % (count[1], len(cells), count[3])
    return head + _points(match["p"] or b"", body[count.end() :], cells, values, match["k"] == b"num")


def _levels(match: re.Match[bytes], reach: Reach, count: re.Match[bytes], values: CellValues) -> bytes:
    """The body of a cache of names in several levels, the innermost first."""
    body, levels = match["body"], list(_LEVEL.finditer(match["body"]))
    if len(reach.now) != 1:
        raise _NotFollowedError
    rows, columns = _size(reach.before[0])
    down, across = (rows, columns) == (int(count[2]), len(levels)), (columns, rows) == (int(count[2]), len(levels))
    lines = list(_lines(reach.now[0], values, down=down))[::-1]
    if down == across or len(lines) != len(levels):
        raise _NotFollowedError
    made = body[: count.start()] + b"%s%d%s" % (count[1], len(lines[0]), count[3])
    offset = count.end()
    for level, line in zip(levels, lines, strict=True):
        made += body[offset : level.start()] + level[1] + _points(match["p"] or b"", level[2], line, values, False)
        made += level[3]
        offset = level.end()
    return made + body[offset:]


def _renewed(match: re.Match[bytes], reach: Reach, values: CellValues) -> bytes:
    whole, count = match[0], _COUNT.search(match["body"])
    if count is None:
        raise _NotFollowedError
    make = _levels if match["k"] == b"multiLvlStr" else _series
    fresh = make(match, reach, count, values)
    return whole[: match.start("body") - match.start()] + fresh + match["close"]


def _one(book: Book, match: re.Match[bytes], values: CellValues) -> tuple[bytes, str]:
    """A cache renewed, and its formula where it keeps its old values."""
    formula = plain_text(match["f"].decode())
    if "#REF!" in formula:
        return match[0], ""  # broken: nobody can renew it
    reach = reach_of(book, formula)
    try:
        if reach is None:
            return match[0], formula
        try:
            return _renewed(match, reach, values), ""
        except _NotFollowedError:
            changed = any(c is not None and values.moved(c) for c in _cells(reach.now, values))
            return match[0], formula if changed or reach.before != reach.now else ""
    except KeyError:
        return match[0], formula


def refresh_charts(book: Book, values: CellValues) -> ChartsReport:
    """Renew the caches of every chart whose cells changed."""
    package, report = book.contents.package, ChartsReport()
    for name in package.names():
        if "/charts/" not in name or not name.endswith(".xml"):
            continue
        old, short, unknown = package.part(name), name.rpartition("/")[2], dict[str, None]()

        def renew(match: re.Match[bytes], unknown: dict[str, None] = unknown) -> bytes:
            fresh, kept = _one(book, match, values)
            if kept:
                unknown[kept] = None
            return fresh

        try:
            if not is_utf8(old):
                raise UnicodeError
            new = _REFERENCE.sub(renew, old)
        except UnicodeError:
            report.kept.append(f"{short} is not written in UTF-8 and keeps its old values; save the workbook in Excel.")
            continue
        if new != old:
            package.changed[name] = new
            report.changed += 1
        if unknown:
            report.kept.append(
                f"{short} keeps its old values of {', '.join(unknown)}, which only Excel can follow; it renews them "
                "when it opens the workbook."
            )
    return report
