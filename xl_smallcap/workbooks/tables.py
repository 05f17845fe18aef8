"""Tables for people: columns of a spilled table in words, as wide as their texts, fit for print.

A function's table spills beside, whole and with the names its columns have in formulas; what is read and printed
refers to its cells. The rows kept for a larger table are formatted like the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xl_smallcap.formulas.values import CellError, Grid
from xl_smallcap.workbooks.draft import Page
from xl_smallcap.workbooks.styles import GENERAL
from xl_smallcap.xlsx.references import address

WHOLE = "The whole table, one formula"
LINE = 12.5
"""Points of one line of a text of ten."""


@dataclass(frozen=True)
class Field:
    """One column as people read it: its name in the table, its heading, and how many of the sheet's columns it takes.

    Of several names, with "|" between, the first that has a value in a row is shown. A text with a `width`, in
    characters, is broken into lines, and its row is as high as they need.
    """

    name: str
    words: str
    form: str = GENERAL
    span: int = 1
    text: bool = False
    width: int = 0


def show(
    page: Page, place: tuple[int, int], whole: tuple[int, int], formula: str, fields: Sequence[Field], room: int
) -> Grid | CellError:
    """Write a table twice: spilled whole beside the page, and the fields of it that are read.

    Parameters
    ----------
    page : Page
        The sheet.
    place, whole : tuple of int
        First cells of what is read and of what spills, row and column from zero; both in the same row.
    formula : str
        The call, with its sign of equality.
    fields : sequence of Field
        What is read, from left to right.
    room : int
        Rows kept, the heading among them.

    Returns
    -------
    Grid or CellError
        What the formula gives now.
    """
    table = page.spill(*whole, formula, room)
    page.put(whole[0] - 1, whole[1], WHOLE, kind="note")
    names = [str(cell) for cell in table.rows[0]] if isinstance(table, Grid) else []
    row, column = place
    numbers = False
    for field in fields:
        _put(page, (row, column, field.span), field.words, "head", GENERAL)
        sources = [whole[1] + names.index(name) for name in field.name.split("|") if name in names]
        for i in range(1, room):
            _put(page, (row + i, column, field.span), _reference(row + i, sources), None, field.form,
                 text=field.text, after_number=numbers, wrapped=field.width > 0)  # fmt: skip
        column += field.span
        numbers = not field.text
    wrapped = [(names.index(f.name), f.width) for f in fields if f.width and f.name in names]
    for i, line in enumerate(table.rows[1:] if isinstance(table, Grid) else (), 1):
        lines = max((-(-len(str(line[j] or "")) // width) for j, width in wrapped), default=1)
        if lines > 1:
            page.sheet.set_row(row + i, LINE * lines + 3.0)
    return table


def _reference(row: int, columns: list[int]) -> str:
    """What stands in the first of some cells that has a value."""
    said = '""'
    for column in reversed(columns):
        cell = address(row, column)
        said = f'IFERROR(IF({cell}="",{said},{cell}),{said})'
    return f"={said}"


def _put(
    page: Page, block: tuple[int, int, int], content: str, kind: str | None, form: str, *, text: bool = False,
    after_number: bool = False, wrapped: bool = False,
) -> None:  # fmt: skip
    row, column, span = block
    look: dict[str, object] = {}
    if kind is None:
        look = {"align": "left" if text else "right", "italic": False, "bg_color": "#FFFFFF"}
        if text and after_number:
            look["indent"] = 1
        if text and wrapped:
            look["text_wrap"] = True
    if span == 1:
        page.put(row, column, content, form, kind or "derived", **look)  # type: ignore[arg-type]  # kinds of ours
    else:
        page.merged((row, column, row, column + span - 1), content, form, kind or "derived", **look)  # type: ignore[arg-type]  # kinds of ours
