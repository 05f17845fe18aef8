"""A1 references: sheet, rows, columns, and rectangles of cells filed by tile."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
    match = re.fullmatch(_CELL, cell)
    if match is None:
        raise ValueError(cell)
    return int(match[2]) - 1, column_number(match[1])


def read_reference(text: str) -> Block | None:
    """Read a reference. None where it is something else (a name, a structured reference)."""

    def sheet(quoted: str | None, bare: str | None) -> str | None:
        return quoted.replace("''", "'") if quoted else bare

    if match := _ONE.match(text):
        row, column = int(match[4]) - 1, column_number(match[3])
        made = Block(sheet(match[1], match[2]), row, column, row, column)
    elif match := _TWO.match(text):
        rows = sorted((int(match[4]) - 1, int(match[6]) - 1))
        columns = sorted((column_number(match[3]), column_number(match[5])))
        made = Block(sheet(match[1], match[2]), rows[0], columns[0], rows[1], columns[1])
    elif match := _COLUMNS.match(text):
        columns = sorted((column_number(match[3]), column_number(match[4])))
        made = Block(sheet(match[1], match[2]), 0, columns[0], MOST_ROWS - 1, columns[1])
    else:
        return None
    return made if made.top >= 0 and made.bottom < MOST_ROWS and made.right < MOST_COLUMNS else None


# -- Rectangles of cells on a sheet, filed by tile, so that asking which one holds a cell does not walk through all.


_ROWS, _TILE_COLUMNS = 16, 4
_MOST_TILES = 4096
"""A rectangle over more tiles is looked at every time."""
Key = tuple[int, int]


def meet(one: Block, two: Block) -> bool:
    """Return whether two rectangles share a cell."""
    return one.top <= two.bottom and two.top <= one.bottom and one.left <= two.right and two.left <= one.right


def within(block: Block, rows: int, columns: int) -> Block:
    """Return the part of a rectangle that lies in the used part of its sheet; its first cell at least."""
    bottom, right = max(block.top, min(block.bottom, rows - 1)), max(block.left, min(block.right, columns - 1))
    return Block(block.sheet, block.top, block.left, bottom, right)


class Areas:
    """Rectangles by a key of theirs; the newest of a key replaces the one before."""

    def __init__(self) -> None:
        self._blocks: dict[Key, Block] = {}
        self._tiles: dict[Key, set[Key]] = {}
        self._wide: set[Key] = set()

    def put(self, key: Key, block: Block) -> None:
        """File a rectangle."""
        before = self._blocks.get(key)
        if before == block:
            return
        if before is not None:
            for tile in self._under(before) or ():
                self._tiles[tile].discard(key)
            self._wide.discard(key)
        self._blocks[key] = block
        tiles = self._under(block)
        if tiles is None:
            self._wide.add(key)
        else:
            for tile in tiles:
                self._tiles.setdefault(tile, set()).add(key)

    @staticmethod
    def _under(block: Block) -> list[Key] | None:
        """The tiles a rectangle touches; None for one that touches too many."""
        rows = range(block.top // _ROWS, block.bottom // _ROWS + 1)
        columns = range(block.left // _TILE_COLUMNS, block.right // _TILE_COLUMNS + 1)
        if len(rows) * len(columns) > _MOST_TILES:
            return None
        return [(i, j) for i in rows for j in columns]

    def meeting(self, block: Block) -> Iterator[Key]:
        """Return the keys of all rectangles that share a cell with one. In order."""
        tiles = self._under(block)
        if tiles is None:
            near = set(self._blocks)
        else:
            near = set().union(self._wide, *(self._tiles.get(tile, ()) for tile in tiles))
        return iter(sorted(key for key in near if meet(self._blocks[key], block)))

    def holding(self, row: int, column: int) -> Iterator[Key]:
        """Return the keys of all rectangles that hold a cell. In order."""
        near = self._tiles.get((row // _ROWS, column // _TILE_COLUMNS), set()) | self._wide
        keys = []
        for key in near:
            block = self._blocks[key]
            if block.top <= row <= block.bottom and block.left <= column <= block.right:
                keys.append(key)
        return iter(sorted(keys))
