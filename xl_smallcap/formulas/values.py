"""What a cell can hold while it is calculated, how Excel turns one kind into another, and TEXT()'s formats."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from xl_smallcap.functions.cells import day_number
from xl_smallcap.types import Scalar

_EPOCH = dt.date(1899, 12, 30)


class UnsupportedError(Exception):
    """The formula needs something this calculator does not do; the cell is left to a spreadsheet program."""


_PLAIN = re.compile(r"[ ]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?[ ]*", re.ASCII)
_SIMPLE = re.compile(r"[A-Za-z]*|[0-9]*")


@dataclass(frozen=True)
class CellError(Exception):
    """A spreadsheet error as a value; raised where it ends a calculation."""

    code: str


@dataclass(frozen=True)
class Grid:
    """A range or a spilled table."""

    rows: tuple[tuple[Any, ...], ...]

    @property
    def first(self) -> Any:
        """The upper left cell, which is what a single cell shows."""
        return self.rows[0][0] if self.rows and self.rows[0] else None

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.rows), len(self.rows[0]) if self.rows else 0


@dataclass(frozen=True)
class Range(Grid):
    """A reference to several cells, cut to the used part of its sheet; `whole` is its size as written.

    Where one value is wanted Excel takes the cell of the formula's own row or column; we leave that to Excel.
    """

    whole: tuple[int, int] = (0, 0)

    @property
    def first(self) -> Any:
        """Never taken for a single value."""
        raise UnsupportedError("a range where one value is wanted")

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns as written."""
        return self.whole


def serial(value: dt.date, date1904: bool = False) -> float:
    """Return the day number of a date."""
    return day_number(value) - (1462.0 if date1904 else 0.0)


def day_of(number: float) -> dt.date:
    """Return the date of a day number."""
    return _EPOCH + dt.timedelta(days=int(number))


def cell_of(value: Scalar, date1904: bool = False) -> Any:
    """Return a function's native value as a cell holds it: dates as day numbers, nothing as #N/A."""
    if value is None:
        return CellError("#N/A")
    if isinstance(value, bool):
        return value
    if isinstance(value, dt.date):
        return serial(value, date1904)
    return float(value) if isinstance(value, (int, float)) else value


def scalar(value: Any) -> Any:
    """Return a single value: of a grid its first cell; an error is raised."""
    if isinstance(value, Grid):
        value = value.first
    if isinstance(value, CellError):
        raise value
    return value


def number(value: Any) -> float:
    """Return a value as arithmetic takes it."""
    value = scalar(value)
    if value is None:
        return 0.0
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, float):
        return value
    if _PLAIN.fullmatch(value):
        return float(value)
    if any(c.isdigit() for c in value):
        raise UnsupportedError("a text that Excel may read as a number")  # dates, percent, thousands, by its language
    raise CellError("#VALUE!")


def text(value: Any) -> str:
    """Return a value as the operator & takes it."""
    value = scalar(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        if value != 0.0 and not 1e-4 <= abs(value) < 1e15:
            raise UnsupportedError("a very small or large number as text")  # programs differ in how they write it
        return str(int(value)) if value == int(value) else f"{value:.15g}"
    return str(value)


def truth(value: Any) -> bool:
    """Return a value as a condition."""
    value = scalar(value)
    if isinstance(value, str):
        if value.upper() in ("TRUE", "FALSE"):
            return value.upper() == "TRUE"
        raise CellError("#VALUE!")
    return bool(value)


def compare(one: Any, two: Any) -> int:
    """Order two values as Excel does: numbers before texts before booleans; texts without case. -1, 0 or 1."""
    one, two = scalar(one), scalar(two)
    if one is None:
        one = "" if isinstance(two, str) else False if isinstance(two, bool) else 0.0
    if two is None:
        two = "" if isinstance(one, str) else False if isinstance(one, bool) else 0.0

    def rank(value: Any) -> int:
        return 2 if isinstance(value, bool) else 1 if isinstance(value, str) else 0

    a, b = rank(one), rank(two)
    if a != b:
        return -1 if a < b else 1
    if isinstance(one, str):
        one, two = one.lower(), two.lower()
    elif isinstance(one, float):
        one, two = float(f"{one:.15g}"), float(f"{two:.15g}")  # the digits Excel compares
    return int(one > two) - int(one < two)


def sortable(value: Any) -> bool:
    """Return whether < and > on a value are plain: Excel sorts texts by the rules of a language."""
    value = scalar(value)
    return not isinstance(value, str) or _SIMPLE.fullmatch(value) is not None


# -- TEXT(): the few number formats our own formulas use.


FIRST_DAY = 61
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DIGITS = re.compile(r'^(?P<head>(?:[+-]|"[^"]*")*)(?P<thousands>#,##)?0(?P<point>\.0+)?(?P<tail>(?:%|"[^"]*")*)$')


def formatted(value: float, pattern: str) -> str:
    """Write a number by a pattern."""
    if pattern.lower() in ("yyyy-mm-dd", "d mmm yyyy", "mmm yyyy"):
        if value < FIRST_DAY:
            raise UnsupportedError("a day before March 1900")  # Excel has a 29 February there
        day = day_of(value)
        month = _MONTHS[day.month - 1]
        shapes = {"yyyy-mm-dd": day.isoformat(), "d mmm yyyy": f"{day.day} {month} {day.year}"}
        return shapes.get(pattern.lower(), f"{month} {day.year}")
    sections = pattern.split(";")
    if len(sections) > 3:
        raise UnsupportedError(f"number format {pattern}")
    which = 0 if value > 0 or len(sections) == 1 else 1 if value < 0 else len(sections) - 1
    if value == 0 and len(sections) == 2:
        which = 0
    match = _DIGITS.match(sections[which])
    if match is None:
        raise UnsupportedError(f"number format {pattern}")
    own_sign = which == 1
    tail = match["tail"] or ""
    percents = re.sub(r'"[^"]*"', "", tail).count("%")
    places = len(match["point"] or ".") - 1
    # half away from zero on the 15 digits a sheet knows, as Excel rounds
    exact = Decimal(f"{abs(value):.15g}").scaleb(2 * percents)
    rounded = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    digits = f"{rounded:{',' if match['thousands'] else ''}.{places}f}"
    minus = "-" if value < 0 and not own_sign and rounded != 0 else ""
    return minus + (match["head"] or "").replace('"', "") + digits + tail.replace('"', "")
