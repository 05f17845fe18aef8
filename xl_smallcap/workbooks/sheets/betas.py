"""Sheet Betas: inputs, a row a factor with its evidence, bars with intervals, five years of one beta."""

from __future__ import annotations

from xl_smallcap.workbooks import charts
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.formulas.references import address
from xl_smallcap.workbooks.formulas.values import Grid
from xl_smallcap.workbooks.sheets._shared import heading, month_ends
from xl_smallcap.workbooks.styles import BETA, PVALUE, form_of

MODEL = "in_window,in_as_of,,in_spec"
"""Arguments from target to specification that every formula of the factor model takes."""
FIRST_ROW = 10
ROOM = 13
"""Rows for factors, the market and checks of the largest specification."""
TABLE_COLUMN, HISTORY_ROW, MONTHS = 13, 46, 60
_COLUMNS = (
    ("factor", "factor", 21.0),
    ("beta\n% per +1 sd", "beta", 11.0),
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
_NOTE = (
    "Beta: % of return per +1 standard deviation of the factor (the window's own). Newey-West errors, 90 % intervals. "
    "Growth is an equity proxy: read its check row growth_metals beside it."
)


def inputs(page: Page) -> None:
    """Write the inputs; first, since every sheet uses their names."""
    rows = [
        ("Target", "in_target", "relative", ["russell", "sp500", "relative", "hedged"], "what is explained"),
        ("Window", "in_window", 250, None, 'days, or "104w", "60m"'),
        ("Specification", "in_spec", "macro", ["macro", "macro_market", "full"], "which factors, jointly"),
        (
            "History of",
            "in_factor",
            "inflation",
            ["growth", "inflation", "easing", "dollar", "oil"],
            "the chart's factor",
        ),
    ]
    for i, (label, name, value, choices, hint) in enumerate(rows):
        page.put(4 + i, 0, label, kind="label")
        page.input(4 + i, 1, name, value, choices)
        page.put(4 + i, 2, hint, kind="note")


def build(draft: Draft, page: Page) -> None:
    """Write the sheet; every number is a RUSSELL_BETA formula of its own that a person can trace."""
    sheet = page.sheet
    heading(page, "Russell 2000: macro factor betas", "What moves it, how surely, and has that been so before?", 11)
    typed = (
        '"=RUSSELL_FIT("""&in_target&""",""nobs"","""&in_window&""","""&IF(in_as_of="","",TEXT(in_as_of,"yyyy-mm-dd"))'
        '&""",,"""&in_spec&""")"'
    )
    for i, (stat, label) in enumerate(
        (("rsquared", "R²"), ("rsquared_adj", "R² adjusted"), ("rsquared_oos", "R² out of sample"), ("nobs", "n"))
    ):
        page.put(4 + i, 8, label, kind="label")
        page.put(4 + i, 9, f'=RUSSELL_FIT(in_target,"{stat}",{MODEL})', PVALUE if stat != "nobs" else "#,##0")
    page.put(8, 0, f'=IF(ISNUMBER(J8),"",RUSSELL_WHY({typed}))', kind="warning")
    _rows(page, page.spill(FIRST_ROW, TABLE_COLUMN, f"=RUSSELL_BETAS(in_target,{MODEL})", ROOM + 1))
    page.put(FIRST_ROW - 1, TABLE_COLUMN, "The whole table, one spilled formula", kind="note")
    page.put(FIRST_ROW + ROOM + 1, 0, _NOTE, kind="note")
    _history(page)
    last = HISTORY_ROW + MONTHS + 1
    sheet.insert_chart(FIRST_ROW + ROOM + 3, 0, charts.bars("Betas", FIRST_ROW + 1, FIRST_ROW + 5, draft.book))
    sheet.insert_chart(FIRST_ROW + ROOM + 3, 6, charts.band(draft.book, "Betas", HISTORY_ROW, last))
    sheet.freeze_panes(FIRST_ROW + 1, 1)
    sheet.print_area(0, 0, HISTORY_ROW - 3, len(_COLUMNS) - 1)


def _rows(page: Page, table: object) -> None:
    head = [str(h) for h in table.rows[0]] if isinstance(table, Grid) else []
    for j, (title, stat, width) in enumerate(_COLUMNS):
        page.put(FIRST_ROW, j, title, kind="head")
        page.sheet.set_column(j, j, width)
        for i in range(1, ROOM + 1):
            row = FIRST_ROW + i
            if stat in ("factor", "spec", "role"):
                source = address(row, TABLE_COLUMN + (head.index(stat) if stat in head else 0))
                page.put(row, j, f'=IFERROR({source}&"","")')
            elif stat == "half":
                page.put(row, j, f'=IF($A{row + 1}="","",(E{row + 1}-D{row + 1})/2)', BETA)
            else:
                call = f'RUSSELL_BETA($A{row + 1},in_target,"{stat}",in_window,in_as_of,,$K{row + 1})'
                page.put(row, j, f'=IF($A{row + 1}="","",{call})', form_of(stat))
    page.sheet.set_column(TABLE_COLUMN, TABLE_COLUMN + len(head), 12)


def _history(page: Page) -> None:
    """A month end a row, oldest first, ending at the as-of date."""
    page.put(HISTORY_ROW - 1, 0, '="Beta to "&in_factor&" at month ends"', kind="label", align="left")
    page.row(HISTORY_ROW, 0, ["date", "beta", "lower", "upper"], "head")
    for row in month_ends(page, HISTORY_ROW + 1, MONTHS):
        for j, stat in enumerate(("beta", "lower", "upper"), 1):
            page.put(row, j, f'=RUSSELL_BETA(in_factor,in_target,"{stat}",in_window,$A{row + 1},,in_spec)', BETA)
