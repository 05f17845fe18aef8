"""The ordinary worksheet functions the calculator knows; every other is left to a spreadsheet program."""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable, Iterator
from typing import Any

from xl_smallcap.workbooks.formulas.formats import formatted
from xl_smallcap.workbooks.formulas.values import (
    CellError,
    Grid,
    UnsupportedError,
    compare,
    day_of,
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
        elif value is not None:
            yield number(value)


def _index(values: Values) -> Any:
    if isinstance(values[0], CellError):
        raise values[0]
    grid = values[0] if isinstance(values[0], Grid) else Grid(((values[0],),))
    row, column = int(number(values[1])), int(number(values[2])) if len(values) > 2 else 0
    if len(values) == 2 and len(grid.rows) == 1:
        row, column = 1, row
    column = column or (1 if len(grid.rows[0]) == 1 or len(values) == 2 else 0)
    if row < 0 or column < 0 or row > len(grid.rows) or column > len(grid.rows[0]):
        raise CellError("#REF!")
    if row == 0 or column == 0:
        raise UnsupportedError("INDEX of a whole row or column")
    return grid.rows[row - 1][column - 1]


def _match(values: Values) -> float:
    if len(values) < 3 or number(values[2]) != 0 or not isinstance(values[1], Grid):
        raise UnsupportedError("MATCH other than exact")
    wanted = scalar(values[0])
    if isinstance(wanted, str) and any(c in wanted for c in "*?~"):
        raise UnsupportedError("MATCH with wildcards")
    cells = [c for row in values[1].rows for c in row]
    for i, cell in enumerate(cells):
        same = type(cell) is type(wanted) and not isinstance(cell, CellError)
        if same and compare(cell, wanted) == 0:
            return float(i + 1)
    raise CellError("#N/A")


def _month_end(values: Values) -> float:
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
            if not (cell is None or (isinstance(value, Grid) and isinstance(cell, str))):
                cells.append(truth(cell))
    return combine(cells)


def _average(values: Values) -> float:
    found = list(_numbers(values))
    if not found:
        raise CellError("#DIV/0!")
    return sum(found) / len(found)


def _count_if(values: Values) -> float:
    wanted = scalar(values[1])
    if not isinstance(values[0], Grid) or (isinstance(wanted, str) and any(c in wanted for c in "*?~<>=")):
        raise UnsupportedError("COUNTIF with a criterion")
    cells = [c for row in values[0].rows for c in row if type(c) is type(wanted)]
    return float(sum(compare(c, wanted) == 0 for c in cells))


def _text(values: Values) -> str:
    value = scalar(values[0])
    if isinstance(value, str):
        return value
    return formatted(number(value), text(values[1]))


def _square_root(values: Values) -> float:
    value = number(values[0])
    if value < 0:
        raise CellError("#NUM!")
    return math.sqrt(value)


def _missing(_: Values) -> float:
    raise CellError("#N/A")


EAGER: dict[str, Callable[[Values], Any]] = {
    "ABS": lambda v: abs(number(v[0])),
    "AND": lambda v: _joined(v, all),
    "AVERAGE": _average,
    "COLUMNS": lambda v: float(len(v[0].rows[0])) if isinstance(v[0], Grid) else 1.0,
    "CONCATENATE": lambda v: "".join(text(x) for x in v),
    "COUNTIF": _count_if,
    "EOMONTH": _month_end,
    "EXACT": lambda v: text(v[0]) == text(v[1]),
    "FALSE": lambda v: False,
    "INDEX": _index,
    "LEFT": lambda v: text(v[0])[: int(number(v[1])) if len(v) > 1 else 1],
    "LEN": lambda v: float(len(text(v[0]))),
    "LOWER": lambda v: text(v[0]).lower(),
    "MATCH": _match,
    "MAX": lambda v: max(_numbers(v), default=0.0),
    "MIN": lambda v: min(_numbers(v), default=0.0),
    "NA": _missing,
    "NOT": lambda v: not truth(v[0]),
    "OR": lambda v: _joined(v, any),
    "ROUND": _round,
    "ROWS": lambda v: float(len(v[0].rows)) if isinstance(v[0], Grid) else 1.0,
    "SQRT": _square_root,
    "SUBSTITUTE": lambda v: text(v[0]).replace(text(v[1]), text(v[2])),
    "SUM": lambda v: math.fsum(_numbers(v)),
    "TEXT": _text,
    "TRUE": lambda v: True,
    "UPPER": lambda v: text(v[0]).upper(),
}
"""Functions of values; IF, IFERROR and those that look at errors are the calculator's own."""
RANGED = frozenset({"AND", "AVERAGE", "MAX", "MIN", "OR", "SUM"})
"""Those that take a reference to one cell as a range."""
