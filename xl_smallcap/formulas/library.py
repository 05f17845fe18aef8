"""The ordinary worksheet functions the calculator knows; every other is left to a spreadsheet program."""

from __future__ import annotations

import calendar
import datetime as dt
import math
from collections.abc import Callable, Iterator
from typing import Any

from xl_smallcap.formulas.values import (
    FIRST_DAY,
    CellError,
    Grid,
    UnsupportedError,
    compare,
    day_of,
    formatted,
    number,
    scalar,
    serial,
    text,
    truth,
)

Values = list[Any]


def _numbers(values: Values) -> Iterator[float]:
    """Numbers of the arguments; in ranges texts, booleans and blanks do not count."""
    for value in values:
        if isinstance(value, Grid):
            for row in value.rows:
                for cell in row:
                    if isinstance(cell, CellError):
                        raise cell
                    if isinstance(cell, float):
                        yield cell
        else:
            yield number(value)  # an argument left out counts as 0


def _index(values: Values) -> Any:
    if isinstance(values[0], CellError):
        raise values[0]
    grid = values[0] if isinstance(values[0], Grid) else Grid(((values[0],),))
    height, width = grid.size
    row, column = int(number(values[1])), int(number(values[2])) if len(values) > 2 else 0
    if len(values) == 2:
        if height != 1 and width != 1:
            raise UnsupportedError("INDEX of a whole row")
        row, column = (1, row) if height == 1 and width != 1 else (row, 1)
    if row < 0 or column < 0 or row > height or column > width:
        raise CellError("#REF!")
    if row == 0 or column == 0:
        raise UnsupportedError("INDEX of a whole row or column")
    inside = row <= len(grid.rows) and column <= len(grid.rows[0])
    return grid.rows[row - 1][column - 1] if inside else None


def _match(values: Values) -> float:
    if len(values) < 3 or number(values[2]) != 0 or not isinstance(values[1], Grid):
        raise UnsupportedError("MATCH other than exact")
    wanted = scalar(values[0])
    if wanted is None or (isinstance(wanted, str) and any(c in wanted for c in "*?~")):
        raise UnsupportedError("MATCH with wildcards, or of nothing")
    if 1 not in values[1].size:
        raise CellError("#N/A")
    cells = [c for row in values[1].rows for c in row]
    for i, cell in enumerate(cells):
        same = type(cell) is type(wanted) and not isinstance(cell, CellError)
        if same and compare(cell, wanted) == 0:
            return float(i + 1)
    raise CellError("#N/A")


def _month_end(values: Values) -> float:
    if number(values[0]) < FIRST_DAY:
        raise UnsupportedError("a day before March 1900")
    day = day_of(number(values[0]))
    months = day.year * 12 + day.month - 1 + int(number(values[1]))
    year, month = divmod(months, 12)
    return serial(day.replace(year=year, month=month + 1, day=calendar.monthrange(year, month + 1)[1]))


def _round(values: Values) -> float:
    places = int(number(values[1])) if len(values) > 1 else 0
    value, scale = number(values[0]), 10.0**places
    scaled = float(f"{abs(value) * scale:.15g}")
    return math.copysign(math.floor(scaled + 0.5) / scale, value)


def _joined(values: Values, combine: Callable[[list[bool]], bool]) -> bool:
    cells = []
    for value in values:
        for cell in [c for row in value.rows for c in row] if isinstance(value, Grid) else [value]:
            if isinstance(cell, CellError):
                raise cell
            if not (isinstance(value, Grid) and (cell is None or isinstance(cell, str))):
                cells.append(truth(cell))
    if not cells:
        raise CellError("#VALUE!")
    return combine(cells)


def _average(values: Values) -> float:
    numbers = list(_numbers(values))
    if not numbers:
        raise CellError("#DIV/0!")
    return sum(numbers) / len(numbers)


def _count_if(values: Values) -> float:
    wanted = scalar(values[1])
    plain = isinstance(wanted, str) and wanted.isalpha()
    if not isinstance(values[0], Grid) or not (plain or (isinstance(wanted, float) and not isinstance(wanted, bool))):
        raise UnsupportedError("COUNTIF with a criterion")
    cells = [c for row in values[0].rows for c in row]
    if not plain and any(isinstance(c, str) and any(ch.isdigit() for ch in c) for c in cells):
        raise UnsupportedError("COUNTIF over texts that may be numbers")
    return float(sum(type(c) is type(wanted) and compare(c, wanted) == 0 for c in cells))


def _text(values: Values) -> str:
    value = scalar(values[0])
    if isinstance(value, bool):
        return text(value)
    if isinstance(value, str):
        if any(c.isdigit() for c in value):
            raise UnsupportedError("TEXT of a text that may be a number")
        return value
    return formatted(number(value), text(values[1]))


def _basic(value: Any) -> str:
    """A text whose length and case every program sees alike."""
    string = text(value)
    if any(ord(c) > 0xFFFF or len(c.upper()) != 1 or len(c.lower()) != 1 for c in string):
        raise UnsupportedError("characters that programs count differently")
    return string


def _left(values: Values) -> str:
    count = int(number(values[1])) if len(values) > 1 else 1
    if count < 0:
        raise CellError("#VALUE!")
    return _basic(values[0])[:count]


def _substitute(values: Values) -> str:
    if len(values) != 3:
        raise UnsupportedError("SUBSTITUTE of one occurrence")
    old = text(values[1])
    return text(values[0]).replace(old, text(values[2])) if old else text(values[0])


def _square_root(values: Values) -> float:
    value = number(values[0])
    if value < 0:
        raise CellError("#NUM!")
    return math.sqrt(value)


def _fixed(values: Values) -> str:
    """FIXED in the separators of English, as every text our calculator writes."""
    places = int(number(values[1])) if len(values) > 1 else 2
    if places < 0:
        raise UnsupportedError("FIXED of tens")
    value = _round([values[0], float(places)])
    plain = len(values) > 2 and truth(values[2])
    return f"{value:.{places}f}" if plain else f"{value:,.{places}f}"


def _part_of_day(part: str) -> Callable[[Values], float]:
    def read(values: Values) -> float:
        if number(values[0]) < FIRST_DAY:
            raise UnsupportedError("a day before March 1900")
        return float(getattr(day_of(number(values[0])), part))

    return read


def _date(values: Values) -> float:
    year, month, day = (int(number(v)) for v in values)
    if not (1901 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= 28):
        raise UnsupportedError("DATE beyond a month's first 28 days")
    return serial(dt.date(year, month, day))


def _months_later(values: Values) -> float:
    if number(values[0]) < FIRST_DAY:
        raise UnsupportedError("a day before March 1900")
    day = day_of(number(values[0]))
    year, month = divmod(day.year * 12 + day.month - 1 + int(number(values[1])), 12)
    last = calendar.monthrange(year, month + 1)[1]
    return serial(day.replace(year=year, month=month + 1, day=min(day.day, last)))


def _small(values: Values) -> float:
    numbers, rank = sorted(_numbers(values[:1])), int(number(values[1]))
    if not 1 <= rank <= len(numbers):
        raise CellError("#NUM!")
    return numbers[rank - 1]


def _logarithm(values: Values) -> float:
    value = number(values[0])
    if value <= 0:
        raise CellError("#NUM!")
    return math.log(value)


def _remainder(values: Values) -> float:
    number_, by = number(values[0]), number(values[1])
    if by == 0:
        raise CellError("#DIV/0!")
    return number_ - by * math.floor(number_ / by)


def _right(values: Values) -> str:
    count = int(number(values[1])) if len(values) > 1 else 1
    if count < 0:
        raise CellError("#VALUE!")
    string = _basic(values[0])
    return string[max(len(string) - count, 0) :]


def _missing(_: Values) -> float:
    raise CellError("#N/A")


EAGER: dict[str, Callable[[Values], Any]] = {
    "ABS": lambda v: abs(number(v[0])),
    "AND": lambda v: _joined(v, all),
    "AVERAGE": _average,
    "COLUMNS": lambda v: float(v[0].size[1]) if isinstance(v[0], Grid) else 1.0,
    "CONCATENATE": lambda v: "".join(text(x) for x in v),
    "COUNTIF": _count_if,
    "DATE": _date,
    "DAY": _part_of_day("day"),
    "EDATE": _months_later,
    "EOMONTH": _month_end,
    "EXACT": lambda v: text(v[0]) == text(v[1]),
    "FALSE": lambda v: False,
    "FIXED": _fixed,
    "INDEX": _index,
    "LEFT": _left,
    "LEN": lambda v: float(len(_basic(v[0]))),
    "LN": _logarithm,
    "LOWER": lambda v: _basic(v[0]).lower(),
    "MATCH": _match,
    "MAX": lambda v: max(_numbers(v), default=0.0),
    "MIN": lambda v: min(_numbers(v), default=0.0),
    "MOD": _remainder,
    "MONTH": _part_of_day("month"),
    "NA": _missing,
    "NOT": lambda v: not truth(v[0]),
    "OR": lambda v: _joined(v, any),
    "RIGHT": _right,
    "ROUND": _round,
    "ROWS": lambda v: float(v[0].size[0]) if isinstance(v[0], Grid) else 1.0,
    "SMALL": _small,
    "SQRT": _square_root,
    "SUBSTITUTE": _substitute,
    "SUM": lambda v: math.fsum(_numbers(v)),
    "TEXT": _text,
    "TRUE": lambda v: True,
    "UPPER": lambda v: _basic(v[0]).upper(),
    "YEAR": _part_of_day("year"),
}
"""Functions of values; IF, IFERROR, CHOOSE and those that look at errors are the calculator's own."""
OF_DAYS = frozenset({"DATE", "DAY", "EDATE", "EOMONTH", "MONTH", "TEXT", "YEAR"})
"""Those whose days a workbook that counts from 1904 has otherwise."""
RANGED = frozenset({"AND", "AVERAGE", "MAX", "MIN", "OR", "SUM"})
"""Those that take a reference to one cell as a range."""
