"""Between a cell's formula and our functions: who answers, and what a range of shocks shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from xl_smallcap.functions.cells import evaluate
from xl_smallcap.types import Scalar, Table
from xl_smallcap.workbooks.formulas.references import read_reference
from xl_smallcap.workbooks.formulas.values import CellError

Ask = Callable[[str, list[Any]], Any]


class Formats(Protocol):
    """Where names and number formats of a workbook are read."""

    @property
    def names(self) -> Mapping[str, str]:
        """What each defined name, in capitals, refers to."""

    def in_percent(self, sheet: str, row: int, column: int) -> bool:
        """Whether a cell's number format shows a percentage."""


class NoFormats:
    """A workbook whose shocks are plain numbers."""

    def in_percent(self, sheet: str, row: int, column: int) -> bool:
        """Whether a cell's number format shows a percentage: none does."""
        return False


def ask_engine(pin: Any = None) -> Ask:
    """Return what answers a RUSSELL_ call, errors as values.

    Name, raw arguments -> float, str, list of rows, or :class:`CellError`.
    """

    def ask(name: str, arguments: list[Any]) -> Scalar | Table | CellError:
        answer = evaluate(name, arguments, pin)
        if answer.code is not None:
            return CellError(answer.code)
        return answer.table if answer.table is not None else answer.value

    return ask


def as_shown(cells: Formats, written: str, rows: list[list[Any]], sheet: str) -> None:
    """Write shocks in cells with a percent format as they are shown: the cell of -10% holds -0.1."""
    block = read_reference(cells.names.get(written.rsplit("!", 1)[-1].upper(), written).lstrip("="))
    if block is None:
        return
    for i, row in enumerate(rows):
        plain = len(row) > 1 and isinstance(row[1], float)
        if plain and cells.in_percent(block.sheet or sheet, block.top + i, block.left + 1):
            row[1] = f"{100.0 * row[1]:.15g}%"
