"""A workbook during its refresh: its formulas, and the values found so far."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from xl_smallcap.errors import BadArgumentError
from xl_smallcap.functions import BY_NAME
from xl_smallcap.functions.formula import OURS
from xl_smallcap.workbooks.foreign.areas import Areas, within
from xl_smallcap.workbooks.foreign.contents import Contents
from xl_smallcap.workbooks.foreign.patching import Place
from xl_smallcap.workbooks.foreign.reading import FormulaCell
from xl_smallcap.workbooks.formulas.asking import ask_engine
from xl_smallcap.workbooks.formulas.calculator import Calculator
from xl_smallcap.workbooks.formulas.references import ANCHORED, OPAQUE, WORD, Block
from xl_smallcap.workbooks.formulas.values import Grid, UnsupportedError

_OF_FORMULAS = re.compile(r"(?<![\w.])(?:FORMULATEXT|ISFORMULA)\s*\(", re.IGNORECASE)
"""What looks at formulas is ours to answer: in LibreOffice's copy many of them are constants."""
_CALL = re.compile(r"(?<![\w.])((?:_xl\w+\.)*[^\W\d_][\w.]*)\s*\(", re.IGNORECASE)
PREFIXES = re.compile(r"_XL\w+\.", re.IGNORECASE)
"""What a file puts before the names of newer functions."""
Progress = Callable[[str, int, int], None]
Ours = list[tuple[str, Place, FormulaCell]]


class Book:
    """Values by sheet and place: `direct` of our functions, `spills` of tables, `others` by LibreOffice, `kept` why."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.sheets = {s.name: s for s in contents.sheets if contents.has_formulas(s)}
        self.formulas = {n: contents.read(n).formulas for n in self.sheets}
        self.direct: dict[str, dict[Place, Any]] = {n: {} for n in self.sheets}
        self.spills: dict[str, dict[Place, Grid]] = {n: {} for n in self.sheets}
        self.granted = {n: Areas() for n in self.sheets}
        """Where `spills` are."""
        self.keep_numbers = False
        """Whether a result of ours that would be an error leaves the number that was there."""
        self.saved: list[tuple[str, Place]] = []
        """Cells that were left so."""
        self.cut: set[tuple[str, Place]] = set()
        """Cells whose formula gives a table and shows only its upper left cell."""
        self.blocked: dict[str, list[Place]] = {n: [] for n in self.sheets}
        self.others: dict[str, dict[Place, Any]] = {n: {} for n in self.sheets}
        self.kept: dict[str, dict[Place, str]] = {n: {} for n in self.sheets}
        self.stored_refs: dict[tuple[str, Place], Block] = {}
        for sheet, cells in self.formulas.items():
            found = contents.read(sheet)
            for at, cell in cells.items():
                if cell.kind == "array":
                    # a file may say that a table fills the whole sheet: what it can have filled is the used part
                    ref = within(cell.ref or Block(None, *at, *at), found.rows, found.columns)
                    self.stored_refs[sheet, at] = ref
                    if cell.ref is not None and cell.ref != ref and cell.dynamic:
                        found.resize(at, ref)
        self.meanings: dict[str, list[str]] = {}
        """Names in capitals -> what they mean, on any sheet."""
        for (_, name), meant in contents.scoped_names.items():
            self.meanings.setdefault(name, []).append(meant)
        self.spilled_names = {n: t[1:] for n, t in contents.names.items() if ANCHORED.fullmatch(t[1:])}
        """Names for a table that spills -> A1# as the file holds it."""
        pin = contents.names.get("RUSSELL_PIN")
        self.named: set[tuple[str, Place]] = set()
        """Cells that are rightly #NAME?: they hold, or lean on, a function of ours that does not exist."""
        self.pin = None if pin is None else self._pin(pin)

    def _pin(self, text: str) -> Any:
        """What the workbook's RUSSELL_PIN holds."""
        try:
            return Calculator(self.contents, ask_engine()).calculate(text, "")
        except UnsupportedError as exc:
            raise BadArgumentError(
                f"The workbook's name RUSSELL_PIN cannot be read ({exc}); let it hold a fingerprint as text, or a cell."
            ) from exc

    def spill(self, sheet: str, at: Place, grid: Grid) -> None:
        """Take in a table."""
        self.spills[sheet][at] = grid
        self.contents.spill(sheet, at, grid)
        self.granted[sheet].put(at, Block(None, *at, at[0] + len(grid.rows) - 1, at[1] + len(grid.rows[0]) - 1))

    def calculator(self) -> Calculator:
        """Return a calculator that has calculated nothing yet."""
        return Calculator(self.contents, ask_engine(self.pin))

    def ours(self) -> Ours:
        """Return the cells in whose formula one of our functions stands, or a name that stands for one."""
        names = [n for n, text in self.contents.names.items() if OURS.search(text)]
        named = re.compile(r"(?<![\w.])(?:" + "|".join(map(re.escape, names)) + r")(?![\w.(])", re.I) if names else None
        return [
            (sheet, at, cell)
            for sheet, cells in self.formulas.items()
            for at, cell in cells.items()
            if OURS.search(cell.text)
            or _OF_FORMULAS.search(cell.text)
            or (named is not None and named.search(cell.text))
        ]


def functions_in(book: Book, text: str) -> set[str]:
    """Return the functions a formula calls, by itself or through names, as the file writes them.

    In capitals, with their prefixes.
    """
    found: set[str] = set()
    waiting, seen = [text], set[str]()
    while waiting:
        bare = OPAQUE.sub('""', waiting.pop())
        found |= {m[1].upper() for m in _CALL.finditer(bare)}
        for word in {w.upper() for w in WORD.findall(bare)} - seen:
            seen.add(word)
            waiting += book.meanings.get(word, ())
    return found


def unknown_functions(text: str) -> list[str]:
    """Return the words in a formula that look like functions of ours and are none."""
    return [m[1].upper() for m in OURS.finditer(text) if m[1].upper() not in BY_NAME]
