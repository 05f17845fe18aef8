"""Bring the values a chart keeps of its cells up to date."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import unescape

from xl_smallcap.workbooks.foreign.patching import encoded
from xl_smallcap.workbooks.foreign.series import Reach, reach_of
from xl_smallcap.workbooks.foreign.state import Book
from xl_smallcap.workbooks.formulas.references import Block
from xl_smallcap.workbooks.formulas.values import CellError, text

_REFERENCE = re.compile(
    rb"<(?P<p>\w+:)?(?P<k>num|str|multiLvlStr)Ref>\s*<(?:\w+:)?f>(?P<f>[^<]*)</(?:\w+:)?f>\s*"
    rb"(?P<open><(?:\w+:)?(?P=k)Cache>)(?P<body>.*?)(?P<close></(?:\w+:)?(?P=k)Cache>)",
    re.DOTALL,
)
_POINT = re.compile(rb"<(?:\w+:)?pt\b(?P<a>[^>]*)>\s*<(?:\w+:)?v>(?P<v>[^<]*)</(?:\w+:)?v>\s*</(?:\w+:)?pt>")
_COUNT = re.compile(rb'(<(?:\w+:)?ptCount\s+val=")(\d+)("\s*/>)')
_LEVEL = re.compile(rb"(<(?:\w+:)?lvl>)(.*?)(</(?:\w+:)?lvl>)|<(?:\w+:)?lvl\s*/>", re.DOTALL)
_INDEX = re.compile(rb'\bidx="(\d+)"')
Value = Callable[[str, int, int], Any]
Cells = list[tuple[str, int, int]]


@dataclass
class ChartsReport:
    """How many charts changed, and what keeps its old values."""

    changed: int = 0
    kept: list[str] = field(default_factory=list)


def _shown(value: Any, numbers: bool) -> str | None:
    """What a cache holds of a value; None for no point."""
    if isinstance(value, CellError):
        return value.code
    if numbers:
        if isinstance(value, bool):
            return str(int(value))
        if not isinstance(value, float):
            return None if value in (None, "") else "0"
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    return None if value is None else text(value)


def _points(prefix: bytes, old: bytes, now: list[str | None]) -> bytes:
    """The points of a cache with new values; each keeps its attributes."""
    before: dict[int, tuple[bytes, str]] = {}
    for point in _POINT.finditer(old):
        index = _INDEX.search(point["a"])
        if index is not None:
            before[int(index[1])] = (point["a"], unescape(point["v"].decode()))
    if {k: v for k, (_, v) in before.items()} == {k: v for k, v in enumerate(now) if v is not None}:
        return old
    points = b"".join(
        b"<%spt%s><%sv>%s</%sv></%spt>"
        % (prefix, before[k][0] if k in before else b' idx="%d"' % k, prefix, encoded(v), prefix, prefix)
        for k, v in enumerate(now)
        if v is not None
    )
    spans = [m.span() for m in _POINT.finditer(old)]
    return old[: spans[0][0]] + points + old[spans[-1][1] :] if spans else points + old


def _size(blocks: tuple[Block, ...]) -> int:
    return sum((b.bottom - b.top + 1) * (b.right - b.left + 1) for b in blocks)


def _cells(blocks: tuple[Block, ...]) -> Cells:
    return [
        (b.sheet or "", r, c) for b in blocks for r in range(b.top, b.bottom + 1) for c in range(b.left, b.right + 1)
    ]


def _series(found: re.Match[bytes], reach: Reach, count: re.Match[bytes], value: Value) -> bytes:
    """The body of a cache of one value a point."""
    body = found["body"]
    if _size(reach.before) != int(count[2]):  # hidden rows are left out, or the range is a whole column
        return body
    now = [_shown(value(*cell), found["k"] == b"num") for cell in _cells(reach.now)]
    head = body[: count.start()] + b"%s%d%s" % (count[1], len(now), count[3])
    return head + _points(found["p"] or b"", body[count.end() :], now)


def _levels(found: re.Match[bytes], reach: Reach, count: re.Match[bytes], value: Value) -> bytes:
    """The body of a cache of names in several levels, the innermost first."""
    body, levels = found["body"], list(_LEVEL.finditer(found["body"]))
    if len(reach.now) != 1:
        return body
    old, new = reach.before[0], reach.now[0]
    down = (old.bottom - old.top + 1, old.right - old.left + 1) == (int(count[2]), len(levels))
    across = (old.right - old.left + 1, old.bottom - old.top + 1) == (int(count[2]), len(levels))
    if down == across or any(level[1] is None for level in levels):
        return body
    cells = _cells(reach.now)
    if down:
        lines = [[cell for cell in cells if cell[2] == column] for column in range(new.right, new.left - 1, -1)]
    else:
        lines = [[cell for cell in cells if cell[1] == row] for row in range(new.bottom, new.top - 1, -1)]
    if len(lines) != len(levels):
        return body
    made = body[: count.start()] + b"%s%d%s" % (count[1], len(lines[0]), count[3])
    at = count.end()
    for level, line in zip(levels, lines, strict=True):
        now = [_shown(value(*cell), False) for cell in line]
        made += body[at : level.start()] + level[1] + _points(found["p"] or b"", level[2], now) + level[3]
        at = level.end()
    return made + body[at:]


def _renewed(found: re.Match[bytes], reach: Reach | None, value: Value) -> bytes:
    whole, count = found[0], _COUNT.search(found["body"])
    if reach is None or count is None:
        return whole
    try:
        make = _levels if found["k"] == b"multiLvlStr" else _series
        fresh = make(found, reach, count, value)
    except KeyError:
        return whole
    return whole[: found.start("body") - found.start()] + fresh + found["close"]


def refresh_charts(book: Book, value: Value) -> ChartsReport:
    """Renew the caches of every chart whose cells changed.

    Parameters
    ----------
    book : Book
        The workbook, calculated; changed chart parts are put into its package.
    value : callable
        Sheet, row, column -> what the cell shows now; raises KeyError for an unknown sheet.

    Returns
    -------
    ChartsReport
    """
    package, report = book.contents.package, ChartsReport()
    for name in package.names():
        if "/charts/" not in name or not name.endswith(".xml"):
            continue
        unknown: list[str] = []

        def renew(found: re.Match[bytes], unknown: list[str] = unknown) -> bytes:
            formula = unescape(found["f"].decode(), {"&apos;": "'", "&quot;": '"'})
            reach = reach_of(book, formula)
            if reach is None:
                unknown.append(formula)
            return _renewed(found, reach, value)

        old = package.part(name)
        new = _REFERENCE.sub(renew, old)
        if new != old:
            package.changed[name] = new
            report.changed += 1
        if unknown:
            report.kept.append(
                f"{name.rpartition('/')[2]} keeps its old values of {', '.join(dict.fromkeys(unknown))}, which only "
                "Excel can follow; it shows them anew when the workbook is opened there."
            )
    return report
