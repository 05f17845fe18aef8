"""The workbook we ship: live formulas with their values stored, so that it shows numbers in any viewer.

Sheets: Betas (inputs, beta table, bars with 90 % intervals, rolling history), History, Data (series and their age),
Functions (help with a live example each). Built from the function table and the open snapshot; the same inputs give
the same bytes.
"""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import Any

from xl_smallcap.data.columnar import write_atomic
from xl_smallcap.errors import FitError, NoDataError, XlSmallcapError
from xl_smallcap.functions import (
    BY_NAME,
    FUNCTIONS,
    RUSSELL_ASOF,
    RUSSELL_BETA,
    RUSSELL_BETAS,
    RUSSELL_FIT,
    RUSSELL_SNAPSHOT,
    RUSSELL_STATUS,
)
from xl_smallcap.types import Scalar, Table
from xl_smallcap.workbooks.charts import bar_chart, history_chart
from xl_smallcap.workbooks.examples import EXAMPLES
from xl_smallcap.workbooks.styles import Styles, make_styles

CREATED = dt.datetime(2026, 1, 1)
"""Fixed, so that the same inputs give the same file."""
FIRST_ROW = 9
_HISTORY_SHEET = "History"
_HISTORY_MONTHS = 60
_MODEL = ("relative", 250, "macro")
"""Target, window and specification the workbook opens with."""
_ROOM = 13
"""Rows for factors, the market and checks of the largest specification."""
_COLUMNS = (
    ("factor", "factor", 21.0),
    ("beta", "beta", 11.0),
    ("± 90 %", "half", 9.0),
    ("lower", "lower", 9.0),
    ("upper", "upper", 9.0),
    ("t", "tstat", 9.0),
    ("p", "pvalue", 9.0),
    ("p, all asked", "pvalue_bh", 11.0),
    ("same sign, past windows", "sign_share", 15.0),
    ("role", "role", 10.0),
    ("specification", "spec", 27.0),
)
_FOOTNOTE = (
    "Beta: % of return per +1 standard deviation of the factor (the window's own). Newey-West errors, 90 % intervals. "
    "Growth is an equity proxy: read its check row growth_metals beside it."
)
_WIDTHS = {"factor": 21, "unit": 12, "role": 9, "spec": 26, "construction": 62, "source": 20, "label": 44, "series": 20}


def _serial(value: dt.date) -> float:
    return float((value - dt.date(1899, 12, 30)).days)


def _stored(value: Scalar) -> Any:
    """A value as a cached result of a formula."""
    if value is None:
        return "#N/A"
    return _serial(value) if isinstance(value, dt.date) else value


class _Sheet:
    """One worksheet and the few ways we write to it."""

    def __init__(self, book: Any, name: str, styles: Styles) -> None:
        self.sheet = book.add_worksheet(name)
        self.styles = styles
        self.sheet.hide_gridlines(2)

    def formula(self, row: int, column: int, text: str, style: Any, value: Scalar) -> None:
        """Write a formula with its value."""
        self.sheet.write_formula(row, column, text, style, _stored(value))

    def grid(self, call: str, table: Table, formats: dict[str, Any], room: int = 0) -> None:
        """Write a table from A1, a formula a cell, with the values each has now.

        Not one spilled array: programs without the add-in show the stored value of a cell's formula, but #NAME? for an
        array. Rows beyond the table, up to `room`, are empty until a larger table fills them.
        """
        for i in range(max(len(table), room)):
            line = table[i] if i < len(table) else [""] * len(table[0])
            for j, value in enumerate(line):
                style = self.styles.head if i == 0 else formats.get(str(table[0][j]), self.styles.text)
                cell = f"INDEX({call},{i + 1},{j + 1})"
                # A stored empty text counts as "not calculated": IFERROR keeps it empty without the add-in.
                text = f"={cell}" if i < len(table) else f'=IFERROR({cell},"")'
                self.formula(i, j, text, style, value)


def _formats(s: Styles) -> dict[str, Any]:
    numbers = ("beta", "se", "tstat", "lower", "upper", "vif", "factor_sd", "z")
    return {
        **dict.fromkeys(numbers, s.number),
        **dict.fromkeys(("pvalue", "pvalue_bh"), s.pvalue),
        **dict.fromkeys(("nobs", "sign_windows", "age_days"), s.count),
        **dict.fromkeys(("first_date", "last_date", "first", "last", "date"), s.date),
        "sign_share": s.share,
    }


def _inputs(out: _Sheet, book: Any) -> None:
    s, sheet = out.styles, out.sheet
    rows: list[tuple[str, str, Any, list[str] | None, str]] = [
        ("Target", "target", "relative", ["russell", "sp500", "relative", "hedged"], "what is explained"),
        ("Window", "window", 250, None, 'days, or "104w", "60m"'),
        ("As of", "as_of", None, None, "nothing later is used; empty = the last date of the data"),
        ("Specification", "spec", "macro", ["macro", "macro_market", "full"], "which factors, jointly"),
    ]
    for i, (label, name, value, choices, hint) in enumerate(rows):
        row = 3 + i
        sheet.write_string(row, 0, label, s.label)
        if value is None:
            sheet.write_blank(row, 1, None, s.input_date)
        else:
            sheet.write(row, 1, value, s.input)
        sheet.write_string(row, 2, hint, s.note)
        book.define_name(f"in_{name}", f"=Betas!$B${row + 1}")
        if choices:
            sheet.data_validation(row, 1, row, 1, {"validate": "list", "source": choices})


def _explanation(out: _Sheet) -> None:
    """A cell that is empty while the inputs are understood, and says what is wrong where they are not."""
    call = 'RUSSELL_FIT("nobs",in_target,in_window,in_as_of,,in_spec)'
    as_of = 'IF(in_as_of="","",TEXT(in_as_of,"yyyy-mm-dd"))'
    typed = f'"=RUSSELL_FIT(""nobs"","""&in_target&""","""&in_window&""","""&{as_of}&""",,"""&in_spec&""")"'
    out.formula(7, 0, f'=IF(ISNUMBER({call}),"",RUSSELL_WHY({typed}))', out.styles.warning, "")


def _quality(out: _Sheet) -> None:
    s = out.styles
    shown = {
        "rsquared": "R²",
        "rsquared_adj": "R² adjusted",
        "rsquared_oos": "R² out of sample",
        "nobs": "observations",
    }
    for i, (stat, label) in enumerate(shown.items()):
        value = RUSSELL_FIT(stat, *_MODEL[:2], None, None, _MODEL[2])
        assert isinstance(value, (int, float))
        out.sheet.write_string(3 + i, 8, label, s.label)
        style = s.count if stat == "nobs" else s.pvalue
        out.formula(3 + i, 9, f'=RUSSELL_FIT("{stat}",in_target,in_window,in_as_of,,in_spec)', style, value)


def _betas_sheet(book: Any, s: Styles, snapshot: str, table: Table) -> _Sheet:
    """Inputs, then a row a factor: every number is a RUSSELL_BETA formula of its own that a person can trace."""
    out = _Sheet(book, "Betas", s)
    sheet = out.sheet
    sheet.set_row(0, 24)
    sheet.write_string(0, 0, "Russell 2000: macro factor betas", s.title)
    out.formula(1, 0, '="Data: "&RUSSELL_SNAPSHOT()', s.warning, f"Data: {snapshot}")
    _inputs(out, book)
    _explanation(out)
    _quality(out)
    at = {str(name): i for i, name in enumerate(table[0])}
    for j, (title, _, width) in enumerate(_COLUMNS):
        sheet.write_string(FIRST_ROW, j, title, s.head)
        sheet.set_column(j, j, width)
    for i in range(1, _ROOM + 1):
        row = FIRST_ROW + i
        known = table[i] if i < len(table) else None
        for j, (_, stat, _) in enumerate(_COLUMNS):
            if stat in ("factor", "spec", "role"):
                source = f"Table!{_column(at[stat])}{i + 1}"
                out.formula(row, j, f'={source}&""', s.text, known[at[stat]] if known else "")
            elif stat == "half":
                upper, lower = (known[at["upper"]], known[at["lower"]]) if known else (None, None)
                half = (upper - lower) / 2 if isinstance(upper, float) and isinstance(lower, float) else ""
                text = f'=IF($A{row + 1}="","",(E{row + 1}-D{row + 1})/2)'
                out.formula(row, j, text, s.number, half)
            else:
                call = f'RUSSELL_BETA($A{row + 1},"{stat}",in_target,in_window,in_as_of,,$K{row + 1})'
                style = _formats(s).get(stat, s.text)
                out.formula(row, j, f'=IF($A{row + 1}="","",{call})', style, known[at[stat]] if known else "")
    below = FIRST_ROW + _ROOM + 1
    sheet.write_string(below, 0, _FOOTNOTE, s.note)
    sheet.freeze_panes(FIRST_ROW + 1, 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 1)
    sheet.print_area(0, 0, below + 17, len(_COLUMNS) - 1)
    sheet.set_footer("&L&8xl_smallcap, not affiliated with or endorsed by FTSE Russell&R&8&F")
    return out


def _column(index: int) -> str:
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(65 + rest) + name
    return name


def _table_sheet(book: Any, s: Styles, table: Table) -> None:
    out = _Sheet(book, "Table", s)
    out.grid("RUSSELL_BETAS(in_target,in_window,in_as_of,,in_spec)", table, _formats(s), _ROOM + 1)
    for i, name in enumerate(table[0]):
        out.sheet.set_column(i, i, _WIDTHS.get(str(name), 11))
    out.sheet.freeze_panes(1, 1)
    out.sheet.set_landscape()
    out.sheet.fit_to_pages(1, 0)


def _month_end(day: dt.date, back: int) -> dt.date:
    """What EOMONTH(day, -back) gives."""
    months = day.year * 12 + day.month - back
    return dt.date(months // 12, months % 12 + 1, 1) - dt.timedelta(days=1)


def _history_sheet(book: Any, s: Styles, as_of: dt.date) -> int:
    """Five years of the beta to inflation: a month end a row, oldest first, ending at the as-of date."""
    out = _Sheet(book, _HISTORY_SHEET, s)
    for j, name in enumerate(("date", "beta", "lower", "upper")):
        out.sheet.write_string(0, j, name, s.head)
    latest = 'IF(in_as_of="",RUSSELL_ASOF(),in_as_of)'
    for i in range(1, _HISTORY_MONTHS + 2):
        back = _HISTORY_MONTHS + 1 - i
        day = _month_end(as_of, back) if back else as_of
        out.formula(i, 0, f"=EOMONTH({latest},-{back})" if back else f"={latest}", s.date, day)
        for j, stat in enumerate(("beta", "lower", "upper"), 1):
            value = RUSSELL_BETA("inflation", stat, *_MODEL[:2], day, None, _MODEL[2])  # type: ignore[arg-type]  # stat is one of three words above
            text = f'=RUSSELL_BETA("inflation","{stat}",in_target,in_window,$A{i + 1},,in_spec)'
            out.formula(i, j, text, s.number, value)
    out.sheet.set_column(0, 3, 12)
    out.sheet.freeze_panes(1, 1)
    out.sheet.fit_to_pages(1, 0)
    return _HISTORY_MONTHS + 1


def _data_sheet(book: Any, s: Styles) -> None:
    out = _Sheet(book, "Data", s)
    table = RUSSELL_STATUS()
    out.grid("RUSSELL_STATUS()", table, _formats(s))
    for i, name in enumerate(table[0]):
        out.sheet.set_column(i, i, _WIDTHS.get(str(name), 12))
    out.sheet.freeze_panes(1, 1)
    out.sheet.set_landscape()
    out.sheet.fit_to_pages(1, 0)


def example_value(formula: str) -> Scalar:
    """Compute what the example of a function shows.

    Parameters
    ----------
    formula : str
        Its example: the call itself, or ROWS(...) or INDEX(...,i,j) around it.

    Returns
    -------
    float, str or datetime.date
    """
    from xl_smallcap.functions.formula import find_calls

    (call,) = find_calls(formula)[:1]
    result = BY_NAME[call.name].call(*call.arguments)
    if formula.startswith("=ROWS("):
        return len(result)
    if formula.startswith("=INDEX("):
        row, column = formula.rstrip(")").rsplit(",", 2)[1:]
        cell: Scalar = result[int(row) - 1][int(column) - 1]
        return cell
    value: Scalar = result
    return value


def _functions_sheet(book: Any, s: Styles) -> None:
    out = _Sheet(book, "Functions", s)
    sheet = out.sheet
    for j, (name, width) in enumerate(
        (("function", 24), ("gives", 70), ("arguments", 52), ("example", 44), ("live", 30))
    ):
        sheet.write_string(0, j, name, s.head)
        sheet.set_column(j, j, width)
    for i, f in enumerate(FUNCTIONS, 1):
        sheet.set_row(i, 48)
        sheet.write_string(i, 0, f.name, s.code)
        sheet.write_string(i, 1, f.help, s.wrap)
        sheet.write_string(i, 2, ", ".join(p.name for p in f.parameters) or "none", s.wrap)
        formula = EXAMPLES[f.name]
        sheet.write_string(i, 3, formula, s.code)
        value = example_value(formula)
        out.formula(i, 4, formula, s.date if isinstance(value, dt.date) else s.wrap, value)
    sheet.freeze_panes(1, 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def workbook_bytes(*, macros: bool = False) -> bytes:
    """Return the workbook, computed from the open snapshot.

    Parameters
    ----------
    macros : bool
        Whether our macros will be put into it: then it has the button that calls RUSSELL_REFRESH.

    Returns
    -------
    bytes
        An .xlsx.

    Raises
    ------
    NoDataError
        No data are loaded, or the default model cannot be fitted.
    """
    import xlsxwriter

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    book.set_properties({"title": "xl_smallcap", "comments": "Russell 2000 macro factor betas", "created": CREATED})
    book.set_calc_mode("auto")
    s = make_styles(book)
    try:
        as_of, snapshot = RUSSELL_ASOF(), RUSSELL_SNAPSHOT()
        table = RUSSELL_BETAS(*_MODEL[:2], None, None, _MODEL[2])
        betas = _betas_sheet(book, s, snapshot, table)
        _table_sheet(book, s, table)
        rows = _history_sheet(book, s, as_of)
        _data_sheet(book, s)
        _functions_sheet(book, s)
    except FitError as exc:
        raise NoDataError(f"The workbook's own tables cannot be fitted on these data: {exc}") from exc
    except XlSmallcapError:
        raise
    if macros:
        betas.sheet.insert_button(
            0, 7, {"macro": "RUSSELL_REFRESH", "caption": "Refresh data", "width": 110, "height": 24}
        )
    factors = sum(1 for row in table[1:] if row[table[0].index("role")] != "check")
    betas.sheet.insert_chart(FIRST_ROW + _ROOM + 3, 0, bar_chart(book, FIRST_ROW + 1, FIRST_ROW + factors))
    betas.sheet.insert_chart(FIRST_ROW + _ROOM + 3, 6, history_chart(book, _HISTORY_SHEET, rows))
    book.close()
    return buffer.getvalue()


def build_workbook(path: Path, *, macros: bool = False) -> Path:
    """Write the workbook.

    Parameters
    ----------
    path : pathlib.Path
        An .xlsx; replaced as a whole.
    macros : bool
        Whether our macros will be put into it.

    Returns
    -------
    pathlib.Path
        The file.
    """
    write_atomic(path, workbook_bytes(macros=macros))
    return path
