"""A workbook while it is written: cells are recorded, calculated by our own calculator, then written with their values.

So a formula stands once, its stored value is what that very text gives, and no value can differ from its formula.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from xl_smallcap.errors import BadArgumentError
from xl_smallcap.formulas.calculator import Calculator, Formula, NoFormats, ask_engine
from xl_smallcap.formulas.values import CellError, Grid, UnsupportedError, serial
from xl_smallcap.workbooks.styles import GENERAL, Kind, Styles, form_of
from xl_smallcap.xlsx.references import address


@dataclass(frozen=True)
class _Spill:
    """How a spilled table looks: rows kept styled for a larger one; height of rows whose long texts are wrapped."""

    kind: Kind
    room: int
    height: float


class Page:
    """One worksheet and the few ways we write to it."""

    def __init__(self, draft: Draft, name: str) -> None:
        self.draft, self.name = draft, name
        self.sheet = draft.book.add_worksheet(name)
        self.sheet.hide_gridlines(2)
        self.sheet.set_default_row(15)
        self.styles = draft.styles
        self.cells: dict[tuple[int, int], Any] = {}
        self._reach = 0, (0, 0)
        self.looks: dict[tuple[int, int], Any] = {}
        self.spills: dict[tuple[int, int], _Spill] = {}
        self.joined: set[tuple[int, int]] = set()
        """First cells of merged blocks."""

    def put(
        self, row: int, column: int, content: Any, form: str = GENERAL, kind: Kind | None = None, *,
        literal: bool = False, **more: Any,
    ) -> None:  # fmt: skip
        """Write a constant or, from a text that begins with "=", a formula; a person's own words are `literal`."""
        formula = not literal and isinstance(content, str) and content.startswith("=")
        if kind is None:
            kind = "text" if not formula else "result" if "RUSSELL_" in content else "derived"
        self.cells[row, column] = Formula(content) if formula else content
        self.looks[row, column] = self.styles.get(kind, form, **more)

    def merged(
        self, block: tuple[int, int, int, int], content: Any, form: str = GENERAL, kind: Kind | None = None, **more: Any
    ) -> None:
        """Write one content across a block of cells."""
        self.put(block[0], block[1], content, form, kind, **more)
        self.spread(block)

    def spread(self, block: tuple[int, int, int, int]) -> None:
        """Merge a block whose first cell is written."""
        self.sheet.merge_range(*block, "", self.looks[block[0], block[1]])
        self.joined.add(block[:2])

    def row(self, row: int, column: int, contents: Sequence[Any], kind: Kind | None = None, **more: Any) -> None:
        """Write contents side by side."""
        for k, content in enumerate(contents):
            self.put(row, column + k, content, kind=kind, **more)

    def input(
        self, row: int, column: int, name: str, value: Any, choices: Sequence[Any] | str | None = None,
        form: str = GENERAL,
    ) -> None:  # fmt: skip
        """Write a cell a person types into, with its name and its choices: a list, or the range that holds them."""
        self.put(row, column, value, form, "input")
        if name:
            self.draft.define(name, self.name, row, column)
        if choices:
            source = choices if isinstance(choices, str) else list(choices)
            self.sheet.data_validation(
                row, column, row, column, {"validate": "list", "source": source, "ignore_blank": True}
            )

    @property
    def reach(self) -> tuple[int, int]:
        """The last row and column written to; cells are only ever added."""
        if self._reach[0] != len(self.cells):
            self._reach = len(self.cells), (max(r for r, _ in self.cells), max(c for _, c in self.cells))
        return self._reach[1]

    def spill(self, row: int, column: int, formula: str, room: int = 0, height: float = 0.0) -> Grid | CellError:
        """Write a table function as one dynamic array. What it gives now."""
        self.cells[row, column] = Formula(formula, spills=True)
        self.spills[row, column] = _Spill("result", room, height)
        result = self.draft.calculator.whole(self.name, row, column)
        return result if isinstance(result, (Grid, CellError)) else Grid(((result,),))

    def value(self, row: int, column: int) -> Any:
        """Return what a cell shows."""
        return self.draft.calculator.value(self.name, row, column)

    def write(self) -> None:
        """Write every cell with the value it has now."""
        for anchor, spill in self.spills.items():
            with self._named(*anchor):
                self._write_spill(anchor, spill)
        for (row, column), content in self.cells.items():
            if (row, column) in self.spills:
                continue
            look = self.looks[row, column]
            if isinstance(content, Formula):
                with self._named(row, column):
                    self._write_formula(row, column, content, look)
            elif content is None:
                self.sheet.write_blank(row, column, None, look)
            elif isinstance(content, dt.date):
                self.sheet.write_number(row, column, serial(content), look)
            elif isinstance(content, str):
                self.sheet.write_string(row, column, content, look)
            else:
                self.sheet.write_number(row, column, content, look)

    @contextmanager
    def _named(self, row: int, column: int) -> Iterator[None]:
        """Say which cell it is whose formula our calculator cannot calculate."""
        try:
            yield
        except UnsupportedError as exc:
            raise BadArgumentError(
                f"The formula in {self.name}!{address(row, column)} cannot be calculated on these data ({exc}); "
                "nothing was written. Please report it with the first and last day of your data."
            ) from exc

    def _write_formula(self, row: int, column: int, content: Formula, look: Any) -> None:
        """Write a formula of one value.

        Excel 365 shows ``=@RUSSELL_BETA(...)`` for a plain formula with a function that might return a table. Stored
        as a dynamic array of one cell it shows no ``@``; Excel 2019 and LibreOffice show ``{=...}``. LibreOffice
        calculates arrays when it opens a file and has #NAME? where our add-in is missing, so only the macro workbook,
        Excel's own, is written that way. A merged cell cannot hold an array, and what gives a table would spill: both
        stay plain.
        """
        value = stored(self.value(row, column))
        ours = self.draft.for_excel and "RUSSELL_" in content.text and (row, column) not in self.joined
        if ours and not isinstance(self.draft.calculator.calculate(content.text, self.name), Grid):
            self.sheet.write_dynamic_array_formula(row, column, row, column, content.text, look, value)
        else:
            self.sheet.write_formula(row, column, content.text, look, value)

    def _write_shown(self, row: int, column: int, cell: Any, look: Any, own: str) -> None:
        """Write one cell of a table: its own formula where it has one, else what is shown.

        Only our own errors are errors: a text of the data that begins with # or = stays a text.
        """
        shown, error = stored(cell), isinstance(cell, CellError)
        if own and shown != "" and not error:  # an empty text or an error would be calculated on opening
            self.sheet.write_formula(row, column, own, look, shown)
        elif error:
            self.sheet.write_formula(row, column, f"={shown}", look, shown)
        elif isinstance(shown, str):
            self.sheet.write_string(row, column, shown, look)
        elif isinstance(shown, bool):
            self.sheet.write_boolean(row, column, shown, look)
        else:
            self.sheet.write_number(row, column, shown, look)

    def _write_spill(self, anchor: tuple[int, int], spill: _Spill) -> None:
        row, column = anchor
        result = self.draft.calculator.whole(self.name, row, column)
        text = self.cells[anchor].text
        table = result if isinstance(result, Grid) else Grid(((result,),))
        alone = self.draft.cell_by_cell and isinstance(result, Grid)
        head = self.styles.get("head")
        if isinstance(result, Grid):
            self.sheet.set_row(row, 30)
        bottom, right = row + len(table.rows) - 1, column + len(table.rows[0]) - 1
        look = head if isinstance(result, Grid) else self.styles.get("result")
        if not alone:
            self.sheet.write_dynamic_array_formula(row, column, bottom, right, text, look, stored(table.first))
        for i, line in enumerate(table.rows):
            if i and spill.height:
                self.sheet.set_row(row + i, spill.height)
            for j, cell in enumerate(line):
                if i == j == 0 and not alone:
                    continue
                form = form_of(str(table.rows[0][j]))
                if not form and isinstance(cell, float) and cell != int(cell):
                    form = "0.000"
                wrapped = {"text_wrap": True} if spill.height and isinstance(cell, str) else {}
                style = head if i == 0 else self.styles.get(spill.kind, form, **wrapped)
                own = f"=INDEX({text.removeprefix('=')},{i + 1},{j + 1})" if alone else ""
                self._write_shown(row + i, column + j, cell, style, own)
        self.sheet.conditional_format(row, column, bottom, right, {"type": "errors", "format": self.draft.faint})
        for i in range(len(table.rows), spill.room):
            for j, name in enumerate(table.rows[0]):
                self.sheet.write_blank(row + i, column + j, None, self.styles.get(spill.kind, form_of(str(name))))


def stored(value: Any) -> Any:
    """Return a value as XlsxWriter stores it beside a formula."""
    return value.code if isinstance(value, CellError) else "" if value is None else value


_WIDEST = 40
"""Columns of our tables, at most."""


class Draft(NoFormats):
    """Sheets and names of a workbook that is being written; the calculator reads it."""

    date1904 = False

    def __init__(self, book: Any, *, for_excel: bool = False, cell_by_cell: bool = False) -> None:
        self.book, self.styles, self.for_excel = book, Styles(book), for_excel
        self.cell_by_cell = cell_by_cell
        """Tables as a formula a cell: a program without our functions shows the stored value of each, while it
        calculates an array when it opens the file and has #NAME? in all of it."""
        self.pages: dict[str, Page] = {}
        self.names: dict[str, str] = {}
        self.calculator = Calculator(self, ask_engine())
        self.faint = book.add_format({"font_color": "#9AA5B1"})
        """For #N/A of a table's columns that do not apply."""

    def page(self, name: str) -> Page:
        """Add a sheet."""
        self.pages[name] = Page(self, name)
        return self.pages[name]

    def define(self, name: str, sheet: str, row: int, column: int) -> None:
        """Give a cell a name."""
        quoted = f"'{sheet}'" if " " in sheet else sheet
        self.names[name.upper()] = f"={quoted}!{address(row, column, fixed=True)}"
        self.book.define_name(name, self.names[name.upper()])

    def content(self, sheet: str, row: int, column: int) -> Any:
        """Return what was written to a cell; for the calculator."""
        content = self.pages[sheet].cells.get((row, column))
        if isinstance(content, dt.date):
            return serial(content)
        if isinstance(content, int) and not isinstance(content, bool):
            return float(content)
        return content

    def extent(self, sheet: str) -> tuple[int, int]:
        """Return the numbers of used rows and columns; for the calculator."""
        page = self.pages[sheet]
        rows, columns = page.reach
        for (row, column), spill in page.spills.items():
            rows, columns = max(rows, row + spill.room), max(columns, column + _WIDEST)
        return rows + 1, columns + 1

    def anchor(self, sheet: str, row: int, column: int) -> tuple[int, int] | None:
        """Return the spilled table that may reach a cell; for the calculator."""
        page = self.pages[sheet]
        if (row, column) in page.cells:
            return None
        before = [(r, c) for r, c in page.spills if r <= row and c <= column]
        return max(before, default=None, key=lambda anchor: (anchor[1], anchor[0]))

    def finish(self, tell: Callable[[str, int], None] = lambda *_: None) -> None:
        """Calculate and write every sheet, then the file."""
        for k, page in enumerate(self.pages.values()):
            tell(page.name, k)
            page.write()
        tell("the file", len(self.pages))
        self.book.close()
