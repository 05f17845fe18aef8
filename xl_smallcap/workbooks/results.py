"""Named results: what a page's sentences and charts are made of, a cell each, found by name and never by place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from xl_smallcap.formulas.values import Grid
from xl_smallcap.sentences import Say
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.styles import GENERAL
from xl_smallcap.xlsx.references import address

MISSING = "n/a"
"""What a result shows that there is not. Not an error: a program without our functions calculates those on opening."""


class Tables:
    """Places in the tables of functions, by the names of their rows and columns, found when a sheet is written.

    A spreadsheet could look for them too; but LibreOffice finds no add-in's text equal to the same text.
    """

    def __init__(self, draft: Draft, sheet: str) -> None:
        self._draft, self._sheet = draft, sheet
        self._read: dict[str, Grid | None] = {}

    def rows(self, call: str) -> list[dict[str, Any]]:
        """Return a table's rows by the names of its columns; none where it is an error now."""
        if call not in self._read:
            found = self._draft.calculator.calculate(f"={call}", self._sheet)
            self._read[call] = found if isinstance(found, Grid) else None
        table = self._read[call]
        if table is None:
            return []
        names = [str(cell) for cell in table.rows[0]]
        return [dict(zip(names, row, strict=True)) for row in table.rows[1:]]

    def at(self, call: str, row: int | Mapping[str, str], column: str) -> str:
        """Return the formula of one cell of a table: row by number from one, or by what stands in its columns.

        ``NA()`` where the table is an error or has no such row now.
        """
        rows = self.rows(call)
        places = [
            i for i, one in enumerate(rows, 1)
            if (i == row if isinstance(row, int) else all(one[name] == text for name, text in row.items()))
        ]  # fmt: skip
        return self.in_row(call, f"{places[0] + 1}", column) if places else "NA()"

    def in_row(self, call: str, row: str, column: str, *, like: str = "") -> str:
        """Return the formula of one column of a table, of a row that a formula says, counted with the header.

        `like` is a call whose table has the same columns, where this one may be an error now.
        """
        rows = self.rows(like or call)
        return f"INDEX({call},{row},{list(rows[0]).index(column) + 1})" if rows else "NA()"


class Results(Mapping[str, str]):
    """The named results of one sheet: name, value and what it is, one below the other."""

    def __init__(self, page: Page, top: int) -> None:
        self._page, self._row = page, top
        self._places: dict[str, str] = {}
        page.row(top, 0, ["name", "value", "what it is"], "head")

    def add(self, name: str, formula: str | Say, form: str = GENERAL, says: str = "") -> None:
        """Write one result: a formula without its sign of equality, or a sentence of results already there."""
        if name in self._places:
            raise ValueError(f"there is a result '{name}' already")
        self._row += 1
        page, row = self._page, self._row
        page.put(row, 0, name, kind="code")
        text = formula.formula(self) if isinstance(formula, Say) else f'IFERROR({formula},"{MISSING}")'
        page.put(row, 1, f"={text}", form, align="left")
        if says:
            page.put(row, 2, says, kind="note")
        self._places[name] = f"'{page.name}'!{address(row, 1, fixed=True)}"

    def section(self, title: str) -> None:
        """Leave a row and write what follows."""
        self._row += 2
        self._page.put(self._row, 0, title, kind="label", align="left")

    @property
    def bottom(self) -> int:
        """The last row written."""
        return self._row

    def __getitem__(self, name: str) -> str:
        return self._places[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
