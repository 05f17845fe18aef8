"""What every feed of text has in common: it may be a page instead, dates are ISO, numbers are numbers or missing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from xl_smallcap.data.sources.delimited import MISSING
from xl_smallcap.errors import SourceError
from xl_smallcap.types import DayArray, FloatArray

_ISO = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T[\d:.]+Z?)?$")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")


def not_a_page(raw: bytes, who: str) -> None:
    """Refuse a web page that came with status 200 in place of data."""
    head = raw[:2000].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if not head:
        raise SourceError(f"{who}: the answer is empty.")
    if head.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<script")) or b"<html" in head:
        raise SourceError(
            f"{who}: a web page came instead of data. Is a proxy asking for a login, or the site refusing programs?"
        )


def read_days(cells: Sequence[Any], who: str) -> DayArray:
    """Read ISO dates."""
    out: list[str] = []
    for n, cell in enumerate(cells, 1):
        found = _ISO.match(str(cell).strip())
        if not found:
            raise SourceError(f"{who}: '{cell}' in row {n} is not a date; is the text cut short?")
        out.append(found.group(1))
    try:
        return np.array(out, dtype="datetime64[D]")
    except ValueError as exc:
        raise SourceError(f"{who}: a date does not exist ({exc}).") from None


def read_values(cells: Sequence[Any], who: str) -> FloatArray:
    """Read numbers; a dot, an empty cell or NaN is "not observed". NaN where not observed."""
    out = np.full(len(cells), np.nan)
    for n, cell in enumerate(cells):
        text = str(cell).strip()
        if text.lower() in MISSING or text == "-":
            continue
        if not _NUMBER.match(text) or not np.isfinite(float(text)):
            raise SourceError(f"{who}: '{text[:40]}' in row {n + 1} is not a number; is the text cut short?")
        out[n] = float(text)
    return out
