"""A1 references: sheet, rows, columns."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384
_CELL = r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7})"
_SHEET = r"(?:(?:'((?:[^']|'')+)'|([^\s'!,;:()\[\]+*/&<>=^-]+))!)?"
_ONE = re.compile(rf"^{_SHEET}{_CELL}$")
_TWO = re.compile(rf"^{_SHEET}{_CELL}:{_CELL}$")
_COLUMNS = re.compile(rf"^{_SHEET}\$?([A-Za-z]{{1,3}}):\$?([A-Za-z]{{1,3}})$")


ANCHORED = re.compile(r"_xlfn\.ANCHORARRAY\(((?:'(?:[^']|'')*'|[^'()])+)\)", re.IGNORECASE)
"""A1# as a file holds it; the group is A1."""
OPAQUE = re.compile(r"""\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|\[(?:[^\[\]]|\[[^\[\]]*\])*\]""")
"""What is neither a function nor a name in a formula: texts, quoted sheets, columns of tables."""
WORD = re.compile(r"(?<![\w.\\!'\]])[^\W\d][\w.\\?]*(?![\w.\\?(!'\[])")
"""A word in a formula that may be a defined name: no function, sheet, table or part of one."""


@dataclass(frozen=True)
class Block:
    """A rectangle of cells, from zero, ends included; `sheet` None is the formula's own."""

    sheet: str | None
    top: int
    left: int
    bottom: int
    right: int


def column_number(letters: str) -> int:
    """Return a column's number from zero."""
    n = 0
    for ch in letters.upper():
        n = 26 * n + ord(ch) - 64
    return n - 1


def column_letters(number: int) -> str:
    """Return a column's letters."""
    name, number = "", number + 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(65 + rest) + name
    return name


def address(row: int, column: int, fixed: bool = False) -> str:
    """Return a cell's address."""
    mark = "$" if fixed else ""
    return f"{mark}{column_letters(column)}{mark}{row + 1}"


def place(cell: str) -> tuple[int, int]:
    """Return row and column of an address such as B7, from zero."""
    found = re.fullmatch(_CELL, cell)
    if found is None:
        raise ValueError(cell)
    return int(found[2]) - 1, column_number(found[1])


def read_reference(text: str) -> Block | None:
    """Read a reference. None where it is something else (a name, a structured reference)."""

    def sheet(quoted: str | None, bare: str | None) -> str | None:
        return quoted.replace("''", "'") if quoted else bare

    if found := _ONE.match(text):
        row, column = int(found[4]) - 1, column_number(found[3])
        made = Block(sheet(found[1], found[2]), row, column, row, column)
    elif found := _TWO.match(text):
        rows = sorted((int(found[4]) - 1, int(found[6]) - 1))
        columns = sorted((column_number(found[3]), column_number(found[5])))
        made = Block(sheet(found[1], found[2]), rows[0], columns[0], rows[1], columns[1])
    elif found := _COLUMNS.match(text):
        columns = sorted((column_number(found[3]), column_number(found[4])))
        made = Block(sheet(found[1], found[2]), 0, columns[0], MOST_ROWS - 1, columns[1])
    else:
        return None
    return made if made.top >= 0 and made.bottom < MOST_ROWS and made.right < MOST_COLUMNS else None
