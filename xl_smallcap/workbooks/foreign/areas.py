"""Rectangles of cells on a sheet, filed by tile, so that asking which one holds a cell does not walk through all."""

from __future__ import annotations

from collections.abc import Iterator

from xl_smallcap.workbooks.formulas.references import Block

_ROWS, _COLUMNS = 16, 4
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
        columns = range(block.left // _COLUMNS, block.right // _COLUMNS + 1)
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
        near = self._tiles.get((row // _ROWS, column // _COLUMNS), set()) | self._wide
        found = []
        for key in near:
            block = self._blocks[key]
            if block.top <= row <= block.bottom and block.left <= column <= block.right:
                found.append(key)
        return iter(sorted(found))
