"""Which cells a formula of a chart means: a range, several, a name for one, or a name for a table that spills."""

from __future__ import annotations

import re
from dataclasses import dataclass

from xl_smallcap.workbooks.foreign.patching import Place
from xl_smallcap.workbooks.foreign.state import Book
from xl_smallcap.workbooks.formulas.references import ANCHORED, Block, read_reference

_PIECES = re.compile(r"(?:'(?:[^']|'')*'|[^',])+")
_NAME = re.compile(r"(?:(?P<sheet>'(?:[^']|'')+'|[^'!]+)!)?(?P<name>(?:[^\W\d]|\\)[\w.\\?]*)")


@dataclass(frozen=True)
class Reach:
    """The blocks a formula means, as the file was stored and as they are now, each with its sheet."""

    before: tuple[Block, ...]
    now: tuple[Block, ...]


def reach_of(book: Book, formula: str) -> Reach | None:
    """Return the cells a chart's formula means.

    None for what only Excel can follow: names that calculate, other workbooks.
    """
    text = formula.strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    found = [_piece(book, piece.strip()) for piece in _PIECES.findall(text)]
    if not found or any(f is None for f in found):
        return None
    known = [f for f in found if f is not None]
    return Reach(tuple(before for before, _ in known), tuple(now for _, now in known))


def _piece(book: Book, text: str) -> tuple[Block, Block] | None:
    seen: set[str] = set()
    while text not in seen:
        seen.add(text)
        block = read_reference(text)
        if block is not None:
            return (block, block) if block.sheet is not None else None
        spilled = ANCHORED.fullmatch(text)
        if spilled is not None:
            return _table(book, spilled[1])
        found = _NAME.fullmatch(text)
        meant = None if found is None else _named(book, found["sheet"], found["name"])
        if meant is None:
            return None
        text = meant  # a name may stand for a name
    return None


def _named(book: Book, sheet: str | None, name: str) -> str | None:
    """What a name stands for: the sheet's own where it has one, else the workbook's."""
    contents, key = book.contents, name.upper()
    before = "" if sheet is None else sheet.removeprefix("'").removesuffix("'").replace("''", "'").lower()
    if before not in ("", "[0]", *(s.name.lower() for s in contents.sheets)):
        return None  # of another workbook
    text = contents.scoped_names.get((before, key), contents.scoped_names.get(("", key)))
    return None if text is None else text[1:]


def _table(book: Book, written: str) -> tuple[Block, Block] | None:
    """Where the table of an anchor was and is."""
    anchor = read_reference(written)
    if anchor is None or anchor.sheet is None:
        return None
    sheet = next((n for n in book.sheets if n.lower() == anchor.sheet.lower()), "")
    at: Place = (anchor.top, anchor.left)
    before = book.stored_refs.get((sheet, at))
    cell = book.formulas.get(sheet, {}).get(at)
    if before is None or cell is None or cell.ref is None:
        return None

    def on_sheet(b: Block) -> Block:
        return Block(sheet, b.top, b.left, b.bottom, b.right)

    return on_sheet(before), on_sheet(cell.ref)
