"""The formulas of a foreign workbook: ours, tables first; the others by LibreOffice or as far as we can."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

from xl_smallcap.formulas.library import EAGER
from xl_smallcap.formulas.values import CellError, Grid, UnsupportedError
from xl_smallcap.functions import BY_NAME
from xl_smallcap.functions.formula import OURS
from xl_smallcap.office.office import Office
from xl_smallcap.workbooks.foreign.patching import Change, Place, patch_sheet
from xl_smallcap.workbooks.foreign.reading import (
    PREFIXES,
    Book,
    FormulaCell,
    Ours,
    Progress,
    functions_in,
    unknown_functions,
)
from xl_smallcap.workbooks.on_call import OfficeOnCall
from xl_smallcap.xlsx import xml
from xl_smallcap.xlsx.package import Package
from xl_smallcap.xlsx.references import ANCHORED, MOST_COLUMNS, MOST_ROWS, OPAQUE, WORD, Block, address, read_reference

_MOST_CELLS = 200_000
"""Of an array formula's fixed range."""


def calculate_ours(book: Book, ours: Ours, progress: Progress) -> None:
    """Calculate the cells that hold our functions, as far as our calculator can."""
    _expand(book, ours, progress)
    calculator = book.calculator()
    alone = [(sheet, place) for sheet, place, _ in ours if place not in book.spills[sheet]]
    for k, (sheet, place) in enumerate(alone, len(ours) - len(alone)):
        if k % 200 == 0:
            progress("our functions", k, len(ours))
        try:
            value = calculator.value(sheet, *place)
        except UnsupportedError:
            continue  # LibreOffice's turn, with our add-in
        before = stored_at(book, sheet, place)
        if book.keep_numbers and isinstance(value, CellError) and isinstance(before, float):
            book.saved.append((sheet, place))
            book.contents.forced[sheet, place] = value = before
        book.direct[sheet][place] = value
    book.cut = {(sheet, (row, column)) for sheet, row, column in calculator.cut}
    progress("our functions", len(ours), len(ours))


def _expand(book: Book, ours: Ours, progress: Progress) -> None:
    """Calculate the tables that spill first: how far they reach decides what other cells see."""
    calculator = book.calculator()
    for k, (sheet, anchor, cell) in enumerate(one for one in ours if one[2].kind == "array"):
        if k % 200 == 0:
            progress("our functions", k, len(ours))
        try:
            result = calculator.whole(sheet, *anchor)
        except UnsupportedError:
            continue
        grid = result if isinstance(result, Grid) else Grid(((result,),))
        ref = cell.ref or Block(None, *anchor, *anchor)
        if cell.dynamic:
            reach = Block(None, *anchor, anchor[0] + len(grid.rows) - 1, anchor[1] + len(grid.rows[0]) - 1)
            if in_the_way(book, sheet, anchor, reach, ref):
                book.blocked[sheet].append(anchor)
                grid, reach = Grid(((CellError("#VALUE!"),),)), Block(None, *anchor, *anchor)
            book.contents.read(sheet).resize(anchor, reach)
        else:
            if (ref.bottom - ref.top + 1) * (ref.right - ref.left + 1) > _MOST_CELLS:
                continue  # LibreOffice's turn; it will say so
            grid = _filled(result, ref)
        if book.keep_numbers and isinstance(result, CellError):
            before = [[stored_at(book, sheet, (r, c)) for c in range(ref.left, ref.right + 1)]
                      for r in range(ref.top, ref.bottom + 1)]  # fmt: skip
            if any(isinstance(v, float) for line in before for v in line):
                book.saved += [(sheet, anchor)] * sum(isinstance(v, float) for line in before for v in line)
                grid = Grid(tuple(map(tuple, before)))
                book.contents.read(sheet).resize(anchor, book.stored_refs[sheet, anchor])
        book.spill(sheet, anchor, grid)


def stored_at(book: Book, sheet: str, place: Place) -> Any:
    """Return what a cell showed before."""
    contents = book.contents.read(sheet)
    cell = contents.formulas.get(place)
    return contents.constants.get(place) if cell is None else cell.value


def _filled(result: Any, ref: Block) -> Grid:
    """An array formula of a fixed range: cut to it, #N/A beyond the table, a single value everywhere."""
    rows, columns = ref.bottom - ref.top + 1, ref.right - ref.left + 1
    if not isinstance(result, Grid):
        return Grid(tuple((result,) * columns for _ in range(rows)))

    def cell(i: int, j: int) -> Any:
        inside = i < len(result.rows) and j < len(result.rows[0])
        return result.rows[i][j] if inside else CellError("#N/A")

    return Grid(tuple(tuple(cell(i, j) for j in range(columns)) for i in range(rows)))


def in_the_way(book: Book, sheet: str, anchor: Place, reach: Block, before: Block) -> bool:
    """Return whether something stands where a table would spill: another cell, table or merge, or the sheet's end."""
    if reach.bottom >= MOST_ROWS or reach.right >= MOST_COLUMNS:
        return True
    if (reach.bottom, reach.right) == anchor:
        return False  # a single value does not spill: it may stand in a table or in merged cells
    contents = book.contents.read(sheet)
    granted = (other for other in book.granted[sheet].meeting(reach) if other != anchor)
    if any(book.contents.occupied(sheet).meeting(reach)) or any(granted):
        return True
    for row in range(reach.top, reach.bottom + 1):
        for column in range(reach.left, reach.right + 1):
            own = before.top <= row <= before.bottom and before.left <= column <= before.right
            place = (row, column)
            formula = contents.formulas.get(place)
            if own and formula is not None and formula.text.startswith("#"):
                continue  # an error some programs write as a formula: it is the table's own
            if place != anchor and (formula is not None or (place in contents.constants and not own)):
                return True
    return False


def abandoned(book: Book, sheet: str, anchor: Place, grid: Grid) -> list[Place]:
    """Return the cells of a table's stored range that it no longer reaches."""
    before, constants = book.stored_refs[sheet, anchor], book.contents.read(sheet).constants
    return [
        (row, column)
        for row in range(before.top, before.bottom + 1)
        for column in range(before.left, before.right + 1)
        if (row - anchor[0] >= len(grid.rows) or column - anchor[1] >= len(grid.rows[0])) and (row, column) in constants
    ]


# -- Ordinary formulas, calculated by a headless LibreOffice on a copy that it never saves.


Results = dict[str, dict[Place, Any]]
REAL_ERRORS = {"#N/A", "#NUM!", "#VALUE!", "#DIV/0!", "#REF!", "#NULL!", "#NAME?"}
_SECONDS = 600.0
_FROZEN = re.compile(
    r"\[\d+\][^'\[\]!,()]*'?!|(?<![\w.])(?:_xlfn\.|_xlws\.)*(?:GETPIVOTDATA|CUBE\w+|RTD|STOCKHISTORY|WEBSERVICE|IMAGE|PY|CALL|"
    r"REGISTER\.ID|BDP|BDH|BDS|FDS|TR|RDP\.\w+|CELL|INFO|FORMULATEXT|ISFORMULA)\s*\(",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"_xl(?:fn|ws|pm)\.", re.IGNORECASE)
_TEXTS = re.compile(r'"(?:[^"]|"")*"')


def frozen(text: str) -> bool:
    """Return whether nobody but Excel can renew a formula here.

    True for other workbooks' cells, pivot tables, cubes, terminals, feeds, and what asks about file or formulas.
    """
    return _FROZEN.search(_TEXTS.sub('""', text)) is not None


def unknown(office: Office, functions: Sequence[str]) -> set[str]:
    """Return the functions LibreOffice does not know, found by calling each from a workbook of their own."""
    if not functions:
        return set()
    with office.scratch() as folder:
        path = Path(folder) / "functions.xlsx"
        book = xlsxwriter.Workbook(str(path))
        sheet = book.add_worksheet("S")
        for row, name in enumerate(functions):
            sheet.write_formula(row, 0, f"={_PREFIX.sub(lambda m: m[0].lower(), name)}()")
        book.close()
        opened = office.do("open", str(path), seconds=_SECONDS)
        office.do("recalculate", opened, seconds=_SECONDS)
        by_sheet = office.do("results", opened, seconds=_SECONDS)
        office.do("close", opened, seconds=_SECONDS)
    missing = set()
    for top, _, rows in by_sheet["S"]:
        for row, (value,) in enumerate(rows, top):
            if value == {"error": "#NAME?"}:
                missing.add(functions[row])
    return missing


def _cut_off(copy: Package) -> None:
    """Take out of a copy all that would be fetched from elsewhere: linked pictures, other files, queries of the web."""
    for name in copy.names():
        lower = name.lower()
        if lower.endswith(".rels"):
            data = copy.part(name)
            for tag in reversed(xml.tags(data)):
                fetched = tag.name == "Relationship" and tag.attributes.get("TargetMode") == "External"
                if fetched and not tag.attributes.get("Type", "").endswith("/hyperlink"):
                    alone = data[tag.end - 2 : tag.end] == b"/>"
                    end = tag.end if alone else data.index(b">", data.index(b"</", tag.end)) + 1
                    data = data[: tag.start] + data[end:]
            if data != copy.part(name):
                copy.changed[name] = data
        elif lower.endswith("/connections.xml"):
            copy.changed[name] = (
                b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
                b'<connections xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'
            )


def calculate(
    office: Office,
    package: Package,
    parts: Mapping[str, str],
    changes: Mapping[str, Mapping[Place, Change]],
    spilled: Mapping[tuple[str, Place], str],
    pdf: Path | None,
) -> tuple[Results, dict[tuple[str, Place], tuple[int, int]]]:
    """Return what every formula left in a changed copy of the workbook shows.

    Sheet -> place -> value; errors LibreOffice alone knows ("Err:522") are texts in a :class:`CellError`. Then the
    rows and columns of each spilled formula.
    """
    copy = Package(package.name, package.data)
    for sheet, part in parts.items():
        if changes.get(sheet):
            copy.changed[part] = patch_sheet(package.part(part), changes[sheet])
    _cut_off(copy)
    with office.scratch() as folder:
        # never the original: a lock file beside it would make loading fail in silence
        path = Path(folder) / "book.xlsx"
        path.write_bytes(copy.to_bytes())
        opened = office.do("open", str(path), seconds=_SECONDS)
        office.do("recalculate", opened, seconds=_SECONDS)
        # arrays are calculated after cells that refer to them from before; the second time all see them
        office.do("recalculate", opened, seconds=_SECONDS)
        by_sheet = office.do("results", opened, seconds=_SECONDS)
        keys = list(spilled)
        formulas = [[sheet, _PREFIX.sub("", spilled[sheet, place])] for sheet, place in keys]
        shapes = office.do("sizes", opened, formulas, seconds=_SECONDS) if keys else []
        if pdf is not None:
            office.do("save", opened, str(pdf.resolve()), "pdf", seconds=_SECONDS)
        office.do("close", opened, seconds=_SECONDS)
    results: Results = {}
    for sheet, blocks in by_sheet.items():
        cells = results.setdefault(sheet, {})
        for top, left, rows in blocks:
            for i, line in enumerate(rows):
                for j, value in enumerate(line):
                    cells[top + i, left + j] = CellError(value["error"]) if isinstance(value, dict) else value
    sizes = {key: (int(size[0]), int(size[1])) for key, size in zip(keys, shapes, strict=True) if size is not None}
    return results, sizes


# -- The other formulas of a foreign workbook: by LibreOffice, or as far as our calculator goes where it is not there


_CIRCULAR = {"Err:522", "Err:523"}
_ROUNDS = 8
_COMPARES = re.compile(
    r"(?<![\w.])(?:[VHX]?LOOKUP|X?MATCH|(?:COUNT|SUM|AVERAGE)IFS?|FILTER|UNIQUE|SORT|SORTBY|EXACT)\s*\(|=|<>",
    re.IGNORECASE,
)
_INDIRECT = re.compile(r"(?<![\w.])INDIRECT\s*\(([^()]{0,2000})", re.IGNORECASE)
Key = tuple[str, Place]
_REFERENCES = re.compile(
    r"(?:'(?:[^']|'')+'!|[^\s'!,;:()\[\]+*/&<>=^-]+!)?\$?[A-Z]{1,3}\$?\d+(?::\$?[A-Z]{1,3}\$?\d+)?"
)


def mark_frozen(book: Book) -> None:
    """Say of which formulas the old value stays, before anything else is calculated."""
    for sheet, cells in book.formulas.items():
        for place, cell in cells.items():
            if place in book.direct[sheet] or place in book.spills[sheet]:
                continue
            text = _TEXTS.sub('""', OURS.sub(r"\1", cell.text))
            if cell.kind == "dataTable":
                book.kept[sheet][place] = "a data table, which only Excel calculates"
            elif frozen(text) or _leads_outside(book, sheet, cell.text):
                book.kept[sheet][place] = (
                    "another workbook, a pivot table, a feed or the file itself, which only Excel sees"
                )
            elif _COMPARES.search(text) and any(_gives_a_table(m[1].upper(), cell.text) for m in OURS.finditer(text)):
                # LibreOffice does not find a text of an add-in's table equal to the same text
                book.kept[sheet][place] = "it compares texts of a table of ours; put the table into cells of its own"


def _leads_outside(book: Book, sheet: str, formula: str) -> bool:
    """Whether a formula reaches another workbook by a name, through names of names, or by INDIRECT."""
    waiting, seen = [OPAQUE.sub('""', formula)], set[str]()
    while waiting:
        for word in {w.upper() for w in WORD.findall(waiting.pop())} - seen:
            seen.add(word)
            for meant in book.meanings.get(word, ()):
                if frozen(_TEXTS.sub('""', meant)):
                    return True
                waiting.append(OPAQUE.sub('""', meant))
    for match in _INDIRECT.finditer(formula):
        if "[" in match[1]:
            return True
        for reference in _REFERENCES.findall(_TEXTS.sub('""', match[1])):
            block = read_reference(reference)
            shown = "" if block is None else _shown(book, block.sheet or sheet, (block.top, block.left))
            if isinstance(shown, str) and "[" in shown:
                return True
    return False


def _shown(book: Book, sheet: str, place: Place) -> object:
    try:
        contents = book.contents.read(sheet)
    except KeyError:
        return None
    cell = contents.formulas.get(place)
    return contents.constants.get(place) if cell is None else cell.value


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
        for cell_at, value in book.direct[sheet].items():
            changes[cell_at] = Change(value, "")
        for (top, left), grid in book.spills[sheet].items():
            for i, row in enumerate(grid.rows):
                for j, value in enumerate(row):
                    changes[top + i, left + j] = Change(value, "")
            for place in abandoned(book, sheet, (top, left), grid):
                changes[place] = Change(None, "")
        for cell_at, cell in cells.items():
            change = None if cell_at in changes else _in_the_copy(book, sheet, cell_at, cell)
            if change is not None:
                changes[cell_at] = change
    return made


def _in_the_copy(book: Book, sheet: str, place: Place, cell: FormulaCell) -> Change | None:
    """What becomes of a formula LibreOffice calculates; None where it reads it as it is."""
    if place in book.kept[sheet]:
        return Change(cell.value, "")
    plain = _for_office(book, sheet, cell)
    if cell.kind == "array" and plain != cell.text:
        return Change(None, plain, cell.ref or book.stored_refs[sheet, place])
    if cell.kind == "array":
        return Change(None, ref=cell.ref) if cell.ref not in (None, book.stored_refs[sheet, place]) else None
    # a shared formula is written out: its group's first cell may be a constant in the copy
    return Change(None, plain) if plain != cell.text or cell.kind == "shared" else None


def _outside_texts(text: str, change: Callable[[str], str]) -> str:
    """A formula changed everywhere but in its texts, quoted sheets and columns of tables."""
    pieces, offset = [], 0
    for quoted in OPAQUE.finditer(text):
        pieces += [change(text[offset : quoted.start()]), quoted[0]]
        offset = quoted.end()
    return "".join([*pieces, change(text[offset:])])


def _for_office(book: Book, sheet: str, cell: FormulaCell) -> str:
    """A formula as LibreOffice reads it: our names plain, A1# and a name for it as the range it has now."""

    def spelled(match: re.Match[str]) -> str:
        return book.spilled_names.get(match[0].upper(), match[0])

    def reach(match: re.Match[str]) -> str:
        block = read_reference(match[1])
        goal = None if block is None else book.formulas.get(block.sheet or sheet, {}).get((block.top, block.left))
        if block is None or goal is None or goal.ref is None:
            return match[0]
        before = match[1].rpartition("!")[0]
        written = f"{address(goal.ref.top, goal.ref.left)}:{address(goal.ref.bottom, goal.ref.right)}"
        return f"{before}!{written}" if before else written

    text = OURS.sub(r"\1", cell.text)
    if book.spilled_names:
        text = _outside_texts(text, lambda part: WORD.sub(spelled, part))
    return ANCHORED.sub(reach, text)


def foresee_office(book: Book, ours: Ours) -> bool:
    """Return whether LibreOffice will be needed whatever our own functions give."""
    own = {(sheet, place) for sheet, place, _ in ours}
    return any(
        (sheet, place) not in own and cell.kind != "dataTable" and not frozen(cell.text)
        for sheet, cells in book.formulas.items()
        for place, cell in cells.items()
    )


def left_over(book: Book, fixed: Mapping[str, Mapping[Place, Change]]) -> int:
    """Return how many formulas only LibreOffice can calculate."""
    return sum(
        1
        for sheet, cells in book.formulas.items()
        for place in cells
        if place not in fixed[sheet] or fixed[sheet][place].text
    )


def _leans(book: Book, key: Key, on: Collection[Key]) -> bool:
    """Whether a formula refers to one of some cells."""
    sheet, place = key
    for written in _REFERENCES.findall(book.formulas[sheet][place].text):
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
        book.named |= {(sheet, place) for place, cell in cells.items() if unknown_functions(cell.text)}
    while True:
        waiting = [k for k, code in bad.items() if code == "#NAME?" and k not in book.named]
        dependents = {k for k in waiting if _leans(book, k, book.named)}
        book.named |= dependents
        if not dependents:
            break
    for key in book.named & set(bad):
        del bad[key]


def _resized(book: Book, sizes: dict[Key, tuple[int, int]]) -> bool:
    """Give spilled formulas of others the size they have now; whether any has another than it had."""
    moved = False
    for (sheet, anchor), (rows, columns) in sizes.items():
        cell = book.formulas[sheet][anchor]
        reach = Block(None, *anchor, anchor[0] + rows - 1, anchor[1] + columns - 1)
        if cell.ref == reach:
            continue
        moved = True
        if in_the_way(book, sheet, anchor, reach, book.stored_refs[sheet, anchor]):
            book.blocked[sheet].append(anchor)
            book.spill(sheet, anchor, Grid(((CellError("#VALUE!"),),)))
            reach = Block(None, *anchor, *anchor)
        book.contents.read(sheet).resize(anchor, reach)
    return moved


def _keep_unknown(book: Book, office: Office) -> None:
    """Keep the values of formulas with a function LibreOffice does not know: an IFERROR around it would hide that."""
    written: dict[Key, set[str]] = {}
    for sheet, cells in book.formulas.items():
        for place, cell in cells.items():
            if place not in book.direct[sheet] and place not in book.spills[sheet] and place not in book.kept[sheet]:
                written[sheet, place] = functions_in(book, _for_office(book, sheet, cell))
    used = set().union(*written.values()) - set(EAGER)
    missing = unknown(office, sorted(f for f in used if not OURS.match(f + "(")))
    for (sheet, place), functions in written.items():
        if functions & missing:
            names = ", ".join(sorted(PREFIXES.sub("", f) for f in functions & missing))
            book.kept[sheet][place] = f"LibreOffice does not know {names}"


def calculate_others(book: Book, office: OfficeOnCall, pdf: Path | None, progress: Progress) -> None:
    """Let LibreOffice calculate every formula left; what it cannot calculate keeps its old value for others too."""
    parts = {name: s.part for name, s in book.sheets.items()}
    progress("LibreOffice", 0, _ROUNDS)
    _keep_unknown(book, office.ready())
    for round_ in range(_ROUNDS):
        progress("LibreOffice", round_, _ROUNDS)
        spilled = {
            (sheet, place): _for_office(book, sheet, cell)
            for sheet, cells in book.formulas.items()
            for place, cell in cells.items()
            if cell.dynamic and place not in book.spills[sheet] and place not in book.kept[sheet]
        }
        fixed = constants(book)
        results, sizes = calculate(office.ready(), book.contents.package, parts, fixed, spilled, pdf)
        if _resized(book, sizes) and round_ < _ROUNDS - 1:
            continue
        bad: dict[Key, str] = {}
        for sheet, cells in book.formulas.items():
            for place, cell in cells.items():
                value = results.get(sheet, {}).get(place)
                if isinstance(value, CellError) and unknowable(cell, value) and place not in book.kept[sheet]:
                    bad[sheet, place] = value.code
        _rightly_named(book, bad)
        if not bad:
            break
        # those that fail merely because another does may do once that one keeps its value; at last all are kept
        roots = [key for key in bad if not _leans(book, key, bad)]
        for sheet, place in roots if roots and round_ < _ROUNDS - 2 else list(bad):
            code = bad[sheet, place]
            why = "a circular reference" if code in _CIRCULAR else f"LibreOffice cannot calculate it ({code})"
            book.kept[sheet][place] = why
    for sheet, values in results.items():
        if sheet in book.others:
            book.others[sheet] = values
    progress("LibreOffice", _ROUNDS, _ROUNDS)


def unknowable(cell: FormulaCell, value: CellError) -> bool:
    """Return whether a result says no more than that LibreOffice does not know the formula."""
    if value.code == "#NAME?":
        return bool(cell.value != value)
    return value.code not in REAL_ERRORS


def without_office(book: Book) -> int:
    """Calculate by our own calculator what it knows. Formulas that keep their old values."""
    calculator = book.calculator()
    missed = 0
    for sheet, cells in book.formulas.items():
        for place, cell in cells.items():
            if place in book.direct[sheet] or place in book.spills[sheet] or place in book.kept[sheet]:
                continue
            try:
                result = calculator.whole(sheet, *place)
                if cell.kind == "array" and (isinstance(result, Grid) or cell.ref != Block(None, *place, *place)):
                    raise UnsupportedError("an array of many cells")
                book.others[sheet][place] = result
            except UnsupportedError:
                missed += 1
    return missed
