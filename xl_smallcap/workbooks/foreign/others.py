"""The other formulas of a foreign workbook: by LibreOffice, or as far as our calculator goes where it is not there."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from xl_smallcap.functions import BY_NAME
from xl_smallcap.functions.formula import OURS
from xl_smallcap.hosts.libreoffice.office import Office
from xl_smallcap.workbooks.foreign import outside
from xl_smallcap.workbooks.foreign.own import abandoned, in_the_way
from xl_smallcap.workbooks.foreign.patching import Change, Place
from xl_smallcap.workbooks.foreign.reading import FormulaCell
from xl_smallcap.workbooks.foreign.state import PREFIXES, Book, Ours, Progress, functions_in, unknown_functions
from xl_smallcap.workbooks.formulas.library import EAGER
from xl_smallcap.workbooks.formulas.references import ANCHORED, OPAQUE, WORD, Block, address, read_reference
from xl_smallcap.workbooks.formulas.values import CellError, Grid, UnsupportedError
from xl_smallcap.workbooks.on_call import OfficeOnCall

_CIRCULAR = {"Err:522", "Err:523"}
_ROUNDS = 8
_COMPARES = re.compile(
    r"(?<![\w.])(?:[VHX]?LOOKUP|X?MATCH|(?:COUNT|SUM|AVERAGE)IFS?|FILTER|UNIQUE|SORT|SORTBY|EXACT)\s*\(|=|<>",
    re.IGNORECASE,
)
_INDIRECT = re.compile(r"(?<![\w.])INDIRECT\s*\(([^()]{0,2000})", re.IGNORECASE)
_TEXTS = re.compile(r'"(?:[^"]|"")*"')
Key = tuple[str, Place]
_REFERENCES = re.compile(
    r"(?:'(?:[^']|'')+'!|[^\s'!,;:()\[\]+*/&<>=^-]+!)?\$?[A-Z]{1,3}\$?\d+(?::\$?[A-Z]{1,3}\$?\d+)?"
)


def mark_frozen(book: Book) -> None:
    """Say of which formulas the old value stays, before anything else is calculated."""
    for sheet, cells in book.formulas.items():
        for at, cell in cells.items():
            if at in book.direct[sheet] or at in book.spills[sheet]:
                continue
            text = _TEXTS.sub('""', OURS.sub(r"\1", cell.text))
            if cell.kind == "dataTable":
                book.kept[sheet][at] = "a data table, which only Excel calculates"
            elif outside.frozen(text) or _leads_outside(book, sheet, cell.text):
                book.kept[sheet][at] = (
                    "another workbook, a pivot table, a feed or the file itself, which only Excel sees"
                )
            elif _COMPARES.search(text) and any(_gives_a_table(m[1].upper(), cell.text) for m in OURS.finditer(text)):
                # LibreOffice does not find a text of an add-in's table equal to the same text
                book.kept[sheet][at] = "it compares texts of a table of ours; put the table into cells of its own"


def _leads_outside(book: Book, sheet: str, formula: str) -> bool:
    """Whether a formula reaches another workbook by a name, through names of names, or by INDIRECT."""
    waiting, seen = [OPAQUE.sub('""', formula)], set[str]()
    while waiting:
        for word in {w.upper() for w in WORD.findall(waiting.pop())} - seen:
            seen.add(word)
            for meant in book.meanings.get(word, ()):
                if outside.frozen(_TEXTS.sub('""', meant)):
                    return True
                waiting.append(OPAQUE.sub('""', meant))
    for found in _INDIRECT.finditer(formula):
        if "[" in found[1]:
            return True
        for reference in _REFERENCES.findall(_TEXTS.sub('""', found[1])):
            block = read_reference(reference)
            told = "" if block is None else _shown(book, block.sheet or sheet, (block.top, block.left))
            if isinstance(told, str) and "[" in told:
                return True
    return False


def _shown(book: Book, sheet: str, at: Place) -> object:
    try:
        contents = book.contents.read(sheet)
    except KeyError:
        return None
    cell = contents.formulas.get(at)
    return contents.constants.get(at) if cell is None else cell.value


def _gives_a_table(name: str, formula: str) -> bool:
    entry = BY_NAME.get(name)
    return entry is not None and (entry.table or (entry.spills and '"all"' in formula.lower()))


def constants(book: Book) -> dict[str, dict[Place, Change]]:
    """Return what the copy for LibreOffice holds instead of formulas: our results, and what nobody here can calculate.

    Sheet -> place -> change.
    """
    made: dict[str, dict[Place, Change]] = {}
    for sheet, cells in book.formulas.items():
        changes = made.setdefault(sheet, {})
        for at, value in book.direct[sheet].items():
            changes[at] = Change(value, "")
        for (top, left), grid in book.spills[sheet].items():
            for i, row in enumerate(grid.rows):
                for j, value in enumerate(row):
                    changes[top + i, left + j] = Change(value, "")
            for place in abandoned(book, sheet, (top, left), grid):
                changes[place] = Change(None, "")
        for at, cell in cells.items():
            change = None if at in changes else _in_the_copy(book, sheet, at, cell)
            if change is not None:
                changes[at] = change
    return made


def _in_the_copy(book: Book, sheet: str, at: Place, cell: FormulaCell) -> Change | None:
    """What becomes of a formula LibreOffice calculates; None where it reads it as it is."""
    if at in book.kept[sheet]:
        return Change(cell.value, "")
    plain = _for_office(book, sheet, cell)
    if cell.kind == "array" and plain != cell.text:
        return Change(None, plain, cell.ref or book.stored_refs[sheet, at])
    if cell.kind == "array":
        return Change(None, ref=cell.ref) if cell.ref not in (None, book.stored_refs[sheet, at]) else None
    # a shared formula is written out: its group's first cell may be a constant in the copy
    return Change(None, plain) if plain != cell.text or cell.kind == "shared" else None


def _outside_texts(text: str, change: Callable[[str], str]) -> str:
    """A formula changed everywhere but in its texts, quoted sheets and columns of tables."""
    pieces, at = [], 0
    for quoted in OPAQUE.finditer(text):
        pieces += [change(text[at : quoted.start()]), quoted[0]]
        at = quoted.end()
    return "".join([*pieces, change(text[at:])])


def _for_office(book: Book, sheet: str, cell: FormulaCell) -> str:
    """A formula as LibreOffice reads it: our names plain, A1# and a name for it as the range it has now."""

    def spelled(found: re.Match[str]) -> str:
        return book.spilled_names.get(found[0].upper(), found[0])

    def reach(found: re.Match[str]) -> str:
        block = read_reference(found[1])
        goal = None if block is None else book.formulas.get(block.sheet or sheet, {}).get((block.top, block.left))
        if block is None or goal is None or goal.ref is None:
            return found[0]
        before = found[1].rpartition("!")[0]
        written = f"{address(goal.ref.top, goal.ref.left)}:{address(goal.ref.bottom, goal.ref.right)}"
        return f"{before}!{written}" if before else written

    text = OURS.sub(r"\1", cell.text)
    if book.spilled_names:
        text = _outside_texts(text, lambda part: WORD.sub(spelled, part))
    return ANCHORED.sub(reach, text)


def foresee_office(book: Book, ours: Ours) -> bool:
    """Return whether LibreOffice will be needed whatever our own functions give."""
    own = {(sheet, at) for sheet, at, _ in ours}
    return any(
        (sheet, at) not in own and cell.kind != "dataTable" and not outside.frozen(cell.text)
        for sheet, cells in book.formulas.items()
        for at, cell in cells.items()
    )


def left_over(book: Book, fixed: Mapping[str, Mapping[Place, Change]]) -> int:
    """Return how many formulas only LibreOffice can calculate."""
    return sum(
        1 for sheet, cells in book.formulas.items() for at in cells if at not in fixed[sheet] or fixed[sheet][at].text
    )


def _leans(book: Book, key: Key, on: Collection[Key]) -> bool:
    """Whether a formula refers to one of some cells."""
    sheet, at = key
    for written in _REFERENCES.findall(book.formulas[sheet][at].text):
        block = read_reference(written)
        if block is None:
            continue
        goal = block.sheet or sheet
        for row in range(block.top, min(block.bottom, block.top + 2000) + 1):
            for column in range(block.left, min(block.right, block.left + 200) + 1):
                if (goal, (row, column)) in on and (goal, (row, column)) != key:
                    return True
    return False


def _rightly_named(book: Book, bad: dict[Key, str]) -> None:
    """#NAME? where Excel shows it too: a function of ours that does not exist, and what leans on such a cell."""
    for sheet, cells in book.formulas.items():
        book.named |= {(sheet, at) for at, cell in cells.items() if unknown_functions(cell.text)}
    while True:
        waiting = [k for k, code in bad.items() if code == "#NAME?" and k not in book.named]
        found = {k for k in waiting if _leans(book, k, book.named)}
        book.named |= found
        if not found:
            break
    for key in book.named & set(bad):
        del bad[key]


def _resized(book: Book, sizes: dict[Key, tuple[int, int]]) -> bool:
    """Give spilled formulas of others the size they have now; whether any has another than it had."""
    moved = False
    for (sheet, at), (rows, columns) in sizes.items():
        cell = book.formulas[sheet][at]
        reach = Block(None, *at, at[0] + rows - 1, at[1] + columns - 1)
        if cell.ref == reach:
            continue
        moved = True
        if in_the_way(book, sheet, at, reach, book.stored_refs[sheet, at]):
            book.blocked[sheet].append(at)
            book.spill(sheet, at, Grid(((CellError("#VALUE!"),),)))
            reach = Block(None, *at, *at)
        book.contents.read(sheet).resize(at, reach)
    return moved


def _keep_unknown(book: Book, office: Office) -> None:
    """Keep the values of formulas with a function LibreOffice does not know: an IFERROR around it would hide that."""
    written: dict[Key, set[str]] = {}
    for sheet, cells in book.formulas.items():
        for at, cell in cells.items():
            if at not in book.direct[sheet] and at not in book.spills[sheet] and at not in book.kept[sheet]:
                written[sheet, at] = functions_in(book, _for_office(book, sheet, cell))
    asked = set().union(*written.values()) - set(EAGER)
    unknown = outside.unknown(office, sorted(f for f in asked if not OURS.match(f + "(")))
    for (sheet, at), found in written.items():
        if found & unknown:
            names = ", ".join(sorted(PREFIXES.sub("", f) for f in found & unknown))
            book.kept[sheet][at] = f"LibreOffice does not know {names}"


def calculate_others(book: Book, office: OfficeOnCall, pdf: Path | None, progress: Progress) -> None:
    """Let LibreOffice calculate every formula left; what it cannot calculate keeps its old value for others too."""
    parts = {name: s.part for name, s in book.sheets.items()}
    progress("LibreOffice", 0, _ROUNDS)
    _keep_unknown(book, office.ready())
    for round_ in range(_ROUNDS):
        progress("LibreOffice", round_, _ROUNDS)
        spilled = {
            (sheet, at): _for_office(book, sheet, cell)
            for sheet, cells in book.formulas.items()
            for at, cell in cells.items()
            if cell.dynamic and at not in book.spills[sheet] and at not in book.kept[sheet]
        }
        fixed = constants(book)
        results, sizes = outside.calculate(office.ready(), book.contents.package, parts, fixed, spilled, pdf)
        if _resized(book, sizes) and round_ < _ROUNDS - 1:
            continue
        bad: dict[Key, str] = {}
        for sheet, cells in book.formulas.items():
            for at, cell in cells.items():
                value = results.get(sheet, {}).get(at)
                if isinstance(value, CellError) and unknowable(cell, value) and at not in book.kept[sheet]:
                    bad[sheet, at] = value.code
        _rightly_named(book, bad)
        if not bad:
            break
        # those that fail merely because another does may do once that one keeps its value; at last all are kept
        roots = [key for key in bad if not _leans(book, key, bad)]
        for sheet, at in roots if roots and round_ < _ROUNDS - 2 else list(bad):
            code = bad[sheet, at]
            why = "a circular reference" if code in _CIRCULAR else f"LibreOffice cannot calculate it ({code})"
            book.kept[sheet][at] = why
    for sheet, found in results.items():
        if sheet in book.others:
            book.others[sheet] = found
    progress("LibreOffice", _ROUNDS, _ROUNDS)


def unknowable(cell: FormulaCell, value: CellError) -> bool:
    """Return whether a result says no more than that LibreOffice does not know the formula."""
    if value.code == "#NAME?":
        return bool(cell.value != value)
    return value.code not in outside.REAL_ERRORS


def without_office(book: Book) -> int:
    """Calculate by our own calculator what it knows. Formulas that keep their old values."""
    calculator = book.calculator()
    missed = 0
    for sheet, cells in book.formulas.items():
        for at, cell in cells.items():
            if at in book.direct[sheet] or at in book.spills[sheet] or at in book.kept[sheet]:
                continue
            try:
                found = calculator.whole(sheet, *at)
                if cell.kind == "array" and (isinstance(found, Grid) or cell.ref != Block(None, *at, *at)):
                    raise UnsupportedError("an array of many cells")
                book.others[sheet][at] = found
            except UnsupportedError:
                missed += 1
    return missed
