"""Bring the values a chart keeps of its cells up to date."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import unescape

from xl_smallcap.workbooks.foreign.package import Package
from xl_smallcap.workbooks.foreign.patching import encoded
from xl_smallcap.workbooks.formulas.references import read_reference
from xl_smallcap.workbooks.formulas.values import CellError, text

_REFERENCE = re.compile(
    rb"<(?P<p>\w+:)?(?P<k>num|str)Ref>\s*<(?:\w+:)?f>(?P<f>[^<]*)</(?:\w+:)?f>\s*"
    rb"(?P<open><(?:\w+:)?(?P=k)Cache>)(?P<body>.*?)(?P<close></(?:\w+:)?(?P=k)Cache>)",
    re.DOTALL,
)
_POINT = re.compile(rb"<(?:\w+:)?pt\b(?P<a>[^>]*)>\s*<(?:\w+:)?v>(?P<v>[^<]*)</(?:\w+:)?v>\s*</(?:\w+:)?pt>")
_COUNT = re.compile(rb'<(?:\w+:)?ptCount\s+val="(\d+)"\s*/>')
_INDEX = re.compile(rb'\bidx="(\d+)"')
Value = Callable[[str, int, int], Any]


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


def _renewed(found: re.Match[bytes], value: Value) -> bytes:
    whole, body, prefix = found[0], found["body"], found["p"] or b""
    block = read_reference(unescape(found["f"].decode(), {"&apos;": "'", "&quot;": '"'}))
    count = _COUNT.search(body)
    if block is None or block.sheet is None or count is None:
        return whole
    places = [(r, c) for r in range(block.top, block.bottom + 1) for c in range(block.left, block.right + 1)]
    if len(places) != int(count[1]):  # hidden rows are left out, or the range is a whole column
        return whole
    try:
        now = [_shown(value(block.sheet, r, c), found["k"] == b"num") for r, c in places]
    except KeyError:
        return whole
    before: dict[int, tuple[bytes, str]] = {}
    for point in _POINT.finditer(body):
        index = _INDEX.search(point["a"])
        if index is not None:
            before[int(index[1])] = (point["a"], unescape(point["v"].decode()))
    if {k: v for k, (_, v) in before.items()} == {k: v for k, v in enumerate(now) if v is not None}:
        return whole
    points = b"".join(
        b"<%spt%s><%sv>%s</%sv></%spt>"
        % (prefix, before[k][0] if k in before else b' idx="%d"' % k, prefix, encoded(v), prefix, prefix)
        for k, v in enumerate(now)
        if v is not None
    )
    start = count.end()
    spans = [m.span() for m in _POINT.finditer(body)]
    rest = body[spans[-1][1] :] if spans else body[start:]
    fresh = body[:start] + points + rest
    return whole[: found.start("body") - found.start()] + fresh + found["close"]


def refresh_charts(package: Package, value: Value) -> int:
    """Renew the caches of every chart whose cells changed.

    Parameters
    ----------
    package : Package
        The workbook; changed chart parts are put into it.
    value : callable
        Sheet, row, column -> what the cell shows now; raises KeyError for an unknown sheet.

    Returns
    -------
    int
        Charts changed.
    """
    changed = 0
    for name in package.names():
        if "/charts/" not in name or not name.endswith(".xml"):
            continue
        old = package.part(name)
        new = _REFERENCE.sub(lambda m: _renewed(m, value), old)
        if new != old:
            package.changed[name] = new
            changed += 1
    return changed
