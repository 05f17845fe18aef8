"""``workbook diff``: which numbers changed between two sheets, and whether data, window or model did it."""

from __future__ import annotations

import math
import re
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.formulas.calculator import Calculator, ask_engine
from xl_smallcap.formulas.values import CellError, UnsupportedError
from xl_smallcap.functions.formula import OURS
from xl_smallcap.session import current_session, one_snapshot
from xl_smallcap.types import Scalar, Table
from xl_smallcap.workbooks.foreign.reading import Contents, FormulaCell
from xl_smallcap.xlsx.package import open_package
from xl_smallcap.xlsx.references import address, read_reference, within

_SNAPSHOT = re.compile(r"\b([0-9a-f]{12})\b")
_MOVED = 1e-9
"""Relative changes below this are another machine's rounding."""
_MOSTLY = 0.8
CAUSES = ("model", "inputs", "data", "window")
"""In the order in which the old sheet is brought to the new one: code and settings, what was typed, snapshot, day."""
_LABEL = 60
Key = tuple[str, tuple[int, int]]


@dataclass(frozen=True)
class Difference:
    """The table of changed cells, and what was compared, in sentences."""

    table: Table
    told: tuple[str, ...]


def _open(path: Path) -> Contents:
    return Contents(open_package(path))


def _formulas(book: Contents) -> dict[Key, FormulaCell]:
    return {
        (s.name, place): cell
        for s in book.sheets
        if book.has_formulas(s)
        for place, cell in book.read(s.name).formulas.items()
    }


@dataclass(frozen=True)
class _Shown:
    """A cell that a formula fills, by itself or as part of the formula's table: the formula and what is stored."""

    cell: FormulaCell
    anchor: tuple[int, int]
    value: Any


def _shown(book: Contents, formulas: dict[Key, FormulaCell]) -> dict[Key, _Shown]:
    """Every formula cell and every cell of a formula's table."""
    shown: dict[Key, _Shown] = {}
    for (sheet, anchor), cell in formulas.items():
        shown[sheet, anchor] = _Shown(cell, anchor, cell.value)
        if cell.kind != "array" or cell.ref is None:
            continue
        contents = book.read(sheet)
        for row in range(cell.ref.top, min(cell.ref.bottom, contents.rows) + 1):
            for column in range(cell.ref.left, min(cell.ref.right, contents.columns) + 1):
                if (row, column) != anchor and (sheet, (row, column)) not in formulas:
                    shown[sheet, (row, column)] = _Shown(cell, anchor, contents.constants.get((row, column)))
    return shown


def _fingerprint(cells: dict[Key, FormulaCell]) -> str | None:
    """Of the snapshot a workbook was calculated on, from a cell with RUSSELL_SNAPSHOT()."""
    for cell in cells.values():
        if "RUSSELL_SNAPSHOT(" in cell.text.upper() and isinstance(cell.value, str):
            match = _SNAPSHOT.search(cell.value)
            if match:
                return match[1]
    return None


def _as_of_cell(book: Contents) -> Key | None:
    block = read_reference(book.names.get("IN_AS_OF", "")[1:])
    if block is None or block.sheet is None:
        return None
    return block.sheet, (block.top, block.left)


def _recalculated(book: Contents, keys: list[Key], pin: str) -> dict[Key, Any]:
    calculator, values = Calculator(book, ask_engine(pin)), {}
    for key in keys:
        try:
            values[key] = calculator.value(key[0], *key[1])
        except UnsupportedError:
            continue
    return values


def _moved(one: Any, two: Any) -> bool:
    if isinstance(one, float) and isinstance(two, float) and not isinstance(one, bool):
        return not math.isclose(one, two, rel_tol=_MOVED, abs_tol=1e-12)
    return bool(one != two) and not (one in (None, "") and two in (None, ""))


def _cause(values: list[Any]) -> str:
    """What made a value move, from the old one by model, inputs and data to the new one."""
    steps = list(zip(CAUSES, values, values[1:], strict=False))
    if all(isinstance(v, float) for v in values):
        sizes = {name: abs(b - a) for name, a, b in steps}
        total = sum(sizes.values())
        most = [name for name, size in sizes.items() if size >= _MOSTLY * total]
        return most[0] if most else " and ".join(n for n, s in sizes.items() if s > 0.05 * total)
    return " and ".join(name for name, a, b in steps if _moved(a, b)) or "nothing"


def _label(book: Contents, key: Key) -> str:
    """The words beside and above a cell, by which a person knows it."""
    contents = book.read(key[0])
    row, column = key[1]

    def words(r: int, c: int, *, heading: bool = False) -> str:
        cell = contents.formulas.get((r, c))
        if heading and cell is not None and cell.kind != "array":
            return ""  # what a formula says is no heading
        shown = contents.constants.get((r, c)) if cell is None else cell.value
        return shown.strip() if isinstance(shown, str) and 0 < len(shown) < _LABEL else ""

    beside = next((w for c in range(column - 1, max(column - 13, -1), -1) if (w := words(row, c))), "")
    above = next((w for r in range(row - 1, max(row - 130, -1), -1) if (w := words(r, column, heading=True))), "")
    return ", ".join(w for w in (beside, above) if w)


def _cell(value: Any) -> Scalar:
    return value.code if isinstance(value, CellError) else value


def _same_formula(key: Key, one: dict[Key, _Shown], two: dict[Key, _Shown], common: set[Key]) -> bool:
    """Whether one formula, in both workbooks the same, fills a cell."""
    places = {(key[0], shown[key].anchor) for shown in (one, two) if key in shown}
    return len(places) == 1 and places <= common


def difference(old_path: Path, new_path: Path) -> Difference:
    """Compare the stored values of two workbooks, formula by formula.

    A row a cell that the same formula fills in both and that shows another value, cells of tables included: sheet,
    cell, label, formula, old, new, change, the part of it from model, inputs, data and window, and the cause: the
    part with 80 %.
    """
    old, new = _open(old_path), _open(new_path)
    before, after = _formulas(old), _formulas(new)
    common = {k for k, c in before.items() if k in after and after[k].text == c.text and c.kind != "dataTable"}
    shown_before, shown_after = _shown(old, before), _shown(new, after)
    nothing = _Shown(FormulaCell(""), (0, 0), None)
    # in the order of the sheets; a table that has grown has cells that only the new workbook knows
    every = [k for k in {**shown_before, **shown_after} if _same_formula(k, shown_before, shown_after, common)]
    pairs = {k: (shown_before.get(k, nothing).value, shown_after.get(k, nothing).value) for k in every}
    changed = [k for k in every if _moved(*pairs[k])]
    inside = sum(k not in before or k not in after for k in changed)
    remarks = [
        f"{len(common)} formulas are in both; {len(changed)} cells they fill show something else"
        f"{f', {inside} of them inside tables' if inside else ''}. "
        f"Only in the old: {len(set(before) - set(after))}; only in the new: {len(set(after) - set(before))}; "
        f"with another formula: {sum(k in after and after[k].text != c.text for k, c in before.items())}."
    ]
    with one_snapshot() if current_session().store.current() else nullcontext():
        stages = _explained(old, new, (before, after), pairs, changed, remarks)
    table: Table = [
        ["sheet", "cell", "label", "formula", "old", "new", "change", "from_model", "from_inputs", "from_data",
         "from_window", "cause"]
    ]  # fmt: skip
    for key in changed:
        one, two = pairs[key]
        values = [one, *(stage.get(key) for stage in (stages.again, stages.typed, stages.newer)), two]
        numbers = isinstance(one, float) and isinstance(two, float)
        parts: list[Scalar] = [None] * len(CAUSES)
        if stages.has(key) and all(isinstance(v, float) for v in values):
            parts = [b - a for a, b in pairwise(values)]
        cause = _cause(values) if stages.has(key) else "not known"
        text = (shown_before.get(key) or shown_after[key]).cell.text
        if not OURS.search(text) and cause == "not known":
            cause = "follows other cells"
        table.append(
            [key[0], address(*key[1]), _label(old, key), "=" + text, _cell(one), _cell(two),
             two - one if numbers else None, *parts, cause]
        )  # fmt: skip
    return Difference(table, tuple(remarks))


@dataclass(frozen=True)
class _Stages:
    """The old sheet's cells calculated again: by today's code; with the new sheet's inputs; on its snapshot too."""

    again: dict[Key, Any]
    typed: dict[Key, Any]
    newer: dict[Key, Any]

    def has(self, key: Key) -> bool:
        """Whether a cell could be calculated at every stage."""
        return key in self.again and key in self.typed and key in self.newer


def _explained(
    old: Contents,
    new: Contents,
    formulas: tuple[dict[Key, FormulaCell], dict[Key, FormulaCell]],
    pairs: dict[Key, tuple[Any, Any]],
    changed: list[Key],
    remarks: list[str],
) -> _Stages:
    """Calculate the old sheet once more, changing one thing after the other; the day is what is left."""
    first, second = (_fingerprint(f) for f in formulas)
    if first is None or second is None:
        remarks.append("Causes are not known: a workbook has no cell with =RUSSELL_SNAPSHOT().")
        return _Stages({}, {}, {})
    remarks.append(f"Snapshots: {first} before, {second} after.")
    store = current_session().store
    for name in (first, second):
        try:
            store.meant(name)
        except XlSmallcapError as exc:
            remarks.append(f"Causes are not known: {exc}")
            return _Stages({}, {}, {})
    place = _as_of_cell(old)
    again = _recalculated(old, changed, first)
    day = _day(old, place, first)
    old.forced.update(_inputs(old, new, place, remarks))
    typed = _recalculated(old, changed, first) if old.forced else again
    if first == second:
        return _Stages(again, typed, typed)
    if place is None or not isinstance(day, float):
        remarks.append("No cell is named in_as_of, so what the window did is counted as data.")
        return _Stages(again, typed, {k: pairs[k][1] for k in typed})
    old.forced[place] = day
    return _Stages(again, typed, _recalculated(old, changed, second))


def _inputs(old: Contents, new: Contents, day: Key | None, remarks: list[str]) -> dict[Key, Any]:
    """Cells named in_..., but for the day, into which something else was typed."""
    inputs: dict[Key, Any] = {}
    for name, text in old.names.items():
        block = read_reference(text[1:])
        if not name.startswith("IN_") or block is None or block.sheet is None:
            continue
        try:
            sizes = [(c.rows, c.columns) for c in (book.read(block.sheet) for book in (old, new))]
        except KeyError:
            continue
        block = within(block, max(r for r, _ in sizes), max(c for _, c in sizes))
        assert block.sheet is not None
        for row in range(block.top, block.bottom + 1):
            for column in range(block.left, block.right + 1):
                key = (block.sheet, (row, column))
                try:
                    one, two = (book.content(block.sheet, row, column) for book in (old, new))
                except KeyError:
                    continue
                if key != day and one != two:
                    inputs[key] = two
                    remarks.append(f"Typed otherwise: {name.lower()}, {one} before, {two} after.")
    return inputs


def _day(book: Contents, place: Key | None, pin: str) -> Any:
    """The day the old sheet is of: what was typed, else the last of its snapshot."""
    if place is None:
        return None
    typed = book.content(place[0], *place[1])
    return typed if isinstance(typed, float) else Calculator(book, ask_engine(pin)).calculate("=RUSSELL_ASOF()", "")
