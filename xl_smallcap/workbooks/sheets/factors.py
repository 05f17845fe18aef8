"""Sheets Betas, Attribution and Fair value: what moves the target, what drove a period, where the price should be."""

from __future__ import annotations

from xl_smallcap.formulas.values import Grid
from xl_smallcap.sentences import iso
from xl_smallcap.workbooks import charts
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.sheets import LAST_ROW, columns, heading, month_ends
from xl_smallcap.workbooks.styles import BETA, DATE, GENERAL, PERCENT, POINTS, PVALUE, SHARE, SIGMA, form_of
from xl_smallcap.workbooks.tables import Field, show
from xl_smallcap.xlsx.references import address

MODEL = "in_window,in_as_of,,in_spec"
"""Arguments from target to specification that every formula of the factor model takes."""
FIRST_ROW = 9
BETA_ROOM = 12
"""Rows for factors, the market and checks of the largest specification."""
TABLE_COLUMN, HISTORY_ROW, BETA_MONTHS = 13, 46, 60
_COLUMNS = (
    ("factor", "factor", 21.0),
    ("beta\n% per +1 sd", "beta", 11.0),
    ("± 90 %", "half", 9.0),
    ("lower", "lower", 9.0),
    ("upper", "upper", 9.0),
    ("t", "tstat", 9.0),
    ("p", "pvalue", 9.0),
    ("p, corrected", "pvalue_bh", 11.0),
    ("same sign, past windows", "sign_share", 13.0),
    ("role", "role", 9.0),
    ("specification", "spec", 27.0),
)
_NOTE = (
    "Beta: % of return per +1 standard deviation of the factor. Newey-West errors, 90 % intervals. Growth is an equity "
    "proxy: read growth_metals beside it."
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
        page.put(4 + i, 2, hint, kind="note", indent=1)


def build_betas(draft: Draft, page: Page) -> None:
    """Write the sheet; every number is a RUSSELL_BETA formula of its own that a person can trace."""
    sheet = page.sheet
    heading(page, "Russell 2000: macro factor betas", "What moves it, how surely, and has that been so before?")
    day = f'IF(in_as_of="","",{iso("in_as_of")})'
    typed = f'"=RUSSELL_FIT("""&in_target&""",""nobs"","""&in_window&""","""&{day}&""",,"""&in_spec&""")"'
    for i, (stat, label) in enumerate(
        (("rsquared", "R²"), ("rsquared_adj", "R² adjusted"), ("rsquared_oos", "R² out of sample"), ("nobs", "n"))
    ):
        page.put(4 + i, 8, label, kind="label")
        page.put(4 + i, 9, f'=RUSSELL_FIT(in_target,"{stat}",{MODEL})', PVALUE if stat != "nobs" else "#,##0")
    page.put(8, 0, f'=IF(ISNUMBER(J8),"",RUSSELL_WHY({typed}))', kind="warning")
    _rows(
        page,
        page.spill(FIRST_ROW, TABLE_COLUMN, "=RUSSELL_BETAS(in_target,in_window,in_as_of,,,in_spec)", BETA_ROOM + 1),
    )
    page.put(FIRST_ROW - 1, TABLE_COLUMN, "The whole table, one spilled formula", kind="note")
    page.put(FIRST_ROW + BETA_ROOM + 1, 0, _NOTE, kind="note")
    _history(page)
    last = HISTORY_ROW + BETA_MONTHS + 1
    sheet.insert_chart(
        FIRST_ROW + BETA_ROOM + 2, 0, charts.bars("Betas", FIRST_ROW + 1, FIRST_ROW + 5, draft.book, size=(505, 225))
    )
    sheet.insert_chart(FIRST_ROW + BETA_ROOM + 2, 6, charts.band(draft.book, "Betas", HISTORY_ROW, last, (505, 225)))
    sheet.freeze_panes(FIRST_ROW + 1, 1)
    sheet.print_area(0, 0, LAST_ROW, len(_COLUMNS) - 1)


def _rows(page: Page, table: object) -> None:
    head = [str(h) for h in table.rows[0]] if isinstance(table, Grid) else []
    for j, (title, stat, width) in enumerate(_COLUMNS):
        page.put(FIRST_ROW, j, title, kind="head")
        page.sheet.set_column(j, j, width)
        for i in range(1, BETA_ROOM + 1):
            row = FIRST_ROW + i
            if stat in ("factor", "spec", "role"):
                source = address(row, TABLE_COLUMN + (head.index(stat) if stat in head else 0))
                page.put(row, j, f'=IFERROR({source}&"","")', indent=0 if j == 0 else 1)
            elif stat == "half":
                page.put(row, j, f'=IF($A{row + 1}="","",(E{row + 1}-D{row + 1})/2)', BETA)
            else:
                call = f'RUSSELL_BETA($A{row + 1},in_target,"{stat}",in_window,in_as_of,,,$K{row + 1})'
                page.put(row, j, f'=IF($A{row + 1}="","",{call})', form_of(stat))
    page.sheet.set_column(TABLE_COLUMN, TABLE_COLUMN + len(head), 12)


def _history(page: Page) -> None:
    """A month end a row, oldest first, ending at the as-of date."""
    page.put(HISTORY_ROW - 1, 0, '="Beta to "&in_factor&" at month ends"', kind="label", align="left")
    page.row(HISTORY_ROW, 0, ["date", "beta", "lower", "upper"], "head")
    for row in month_ends(page, HISTORY_ROW + 1, BETA_MONTHS):
        for j, stat in enumerate(("beta", "lower", "upper"), 1):
            page.put(row, j, f'=RUSSELL_BETA(in_factor,in_target,"{stat}",in_window,$A{row + 1},,,in_spec)', BETA)


# -- Sheet Attribution: what drove a period, adding up exactly, as a waterfall.


ITEM_ROW, ITEM_ROOM, STEPS, ITEMS_COLUMN = 8, 13, 30, 12
SHOWN = ("growth", "inflation", "easing", "dollar", "oil")
LAST = ("drift", "specific", "total")
_ITEM_FIELDS = (
    Field("item", "item", text=True),
    Field("contribution", "contribution, log %", BETA),
    Field("se", "standard error", BETA),
    Field("lower", "90 % from", BETA),
    Field("upper", "90 % to", BETA),
    Field("contribution_simple", "in simple %", BETA),
    Field("mean_beta", "mean beta", "0.000"),
    Field("beta_unit", "its unit", text=True),
    Field("move", "factor's move", "0.00"),
    Field("move_unit", "its unit", text=True),
)


def waterfall(page: Page, row: int, column: int, items: list[tuple[str, str]]) -> tuple[int, int]:
    """Write the helper columns of a waterfall: from, to, and what of each bar lies above and below zero.

    First and last row of the steps.
    """
    heads = [
        "item",
        "contribution",
        "from",
        "to",
        "clear +",
        "up +",
        "down +",
        "total +",
        "clear -",
        "up -",
        "down -",
        "total -",
    ]
    page.row(row, column, heads, "head")
    for i, (label, value) in enumerate(items):
        r = row + 1 + i
        cells = [address(r, column + k) for k in range(len(heads))]
        total = i == len(items) - 1
        page.put(r, column, label)
        page.put(r, column + 1, value, BETA)
        page.put(r, column + 2, "=0" if total or i == 0 else f"={address(r - 1, column + 3)}", BETA)
        page.put(r, column + 3, f"={cells[2]}+{cells[1]}", BETA)
        over, under = (
            f"(MAX(0,{cells[2]},{cells[3]})-MAX(0,MIN({cells[2]},{cells[3]})))",
            f"(MIN(0,{cells[2]},{cells[3]})-MIN(0,MAX({cells[2]},{cells[3]})))",
        )
        page.put(r, column + 4, f"=MAX(0,MIN({cells[2]},{cells[3]}))", BETA)
        page.put(r, column + 8, f"=MIN(0,MAX({cells[2]},{cells[3]}))", BETA)
        for first, size in ((5, over), (9, under)):
            page.put(r, column + first, "=0" if total else f"=IF({cells[1]}>=0,{size},0)", BETA)
            page.put(r, column + first + 1, "=0" if total else f"=IF({cells[1]}<0,{size},0)", BETA)
            page.put(r, column + first + 2, f"={size}" if total else "=0", BETA)
    return row + 1, row + len(items)


def items_of(labels: str, values: str, rows: range, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return label and contribution of each step, found by name in a spilled attribution, the total last.

    Texts are compared as ``A1&""``: LibreOffice does not find a text of a spilled add-in table equal to the same
    text. Formulas.
    """
    items = []
    for name in names:
        terms = ",".join(f'IF({labels}{r}&""="{name}",{values}{r},0)' for r in rows)
        items.append((f'="{name}"', f"=SUM({terms})"))
    return items


def build_attribution(draft: Draft, page: Page) -> None:
    """Write the sheet."""
    heading(page, "Attribution", "What drove the return of a period? Log contributions add up exactly.")
    page.put(4, 0, "From the close of", kind="label")
    page.input(4, 1, "in_from", None, form=DATE)
    page.put(
        4,
        2,
        "empty = the end of the year before; target, window and specification are those of Betas",
        kind="note",
        indent=1,
    )
    page.put(5, 0, "To", kind="label")
    page.put(5, 1, '=IF(in_as_of="",RUSSELL_ASOF(),in_as_of)', DATE)
    formula = "=RUSSELL_ATTRIBUTION(in_from,in_as_of,in_target,in_window,,in_spec)"
    show(page, (ITEM_ROW, 0), (ITEM_ROW, ITEMS_COLUMN), formula, _ITEM_FIELDS, ITEM_ROOM)
    first, last = waterfall(page, STEPS + 16, 0, _steps(page))
    page.put(STEPS + 15, 0, "Behind the chart", kind="label", align="left")
    page.sheet.insert_chart(
        ITEM_ROW + ITEM_ROOM,
        0,
        charts.waterfall(draft.book, page.name, first, last, 0, "Contributions, log %", (1000, 235)),
    )
    columns(page, (19, *[13.0] * 9))
    page.sheet.freeze_panes(ITEM_ROW + 1, 1)
    page.sheet.print_area(0, 0, LAST_ROW, 9)


def _steps(page: Page) -> list[tuple[str, str]]:
    """The bars: five factors, whatever other factors the specification has together, drift, specific, total."""
    rows = range(ITEM_ROW + 2, ITEM_ROW + ITEM_ROOM + 1)
    named = items_of("$A", "$B", rows, (*SHOWN, *LAST))
    factors, ends = named[: len(SHOWN)], named[len(SHOWN) :]
    every = f"SUM(B{rows[0]}:B{rows[-1]})"  # the total too, as among the named ones
    known = "+".join(f"({formula[1:]})" for _, formula in named)
    return [*factors, ('="other factors"', f"=ROUND({every}-({known}),9)"), *ends]


# -- Sheet Fair value: value, gap and the evidence for believing it, by both models; five years of the gap.


VALUE_ROW, HISTORY, VALUE_MONTHS, VALUE_CHARTS = 7, 44, 60, 20
_VALUE_STATS = (
    ("actual", "actual", POINTS, "index points"),
    ("value", "model value", POINTS, "index points: actual without the gap"),
    ("gap", "gap", POINTS, "index points, actual less value"),
    ("gap_pct", "gap, %", PERCENT, "of the value"),
    ("gap_sigma", "gap, sd", SIGMA, "residual standard deviations"),
    ("rsquared", "R²", PVALUE, "in sample"),
    ("rsquared_oos", "R², out of sample", PVALUE, "of days the fit had not seen"),
    ("noise_percentile", "R² among noise", SHARE, "where it lies among random walks': 95 % and more would be evidence"),
    (
        "cointegration_pvalue",
        "gaps close, p",
        PVALUE,
        "random walks whose gaps close as surely: 0.05 and less is evidence",
    ),
    ("half_life", "half-life", BETA, "observations until half a gap is closed"),
    ("verdict", "verdict", GENERAL, "supported, or not distinguishable from noise"),
)


def build_fair_value(draft: Draft, page: Page) -> None:
    """Write the sheet."""
    heading(page, "Fair value", "What is the Russell worth given macro, and would random walks look as good?")
    page.put(4, 0, "Target", kind="label")
    page.input(4, 1, "in_fv_target", "russell", ["russell", "sp500", "relative", "hedged"])
    page.put(4, 2, "window and specification are those of Betas", kind="note", indent=1)
    page.row(VALUE_ROW - 1, 0, ["", "changes", "levels", "what it is"], "head")
    for i, (stat, label, form, says) in enumerate(_VALUE_STATS):
        page.put(VALUE_ROW + i, 0, label, kind="label", align="left")
        for j, model in enumerate(("changes", "levels")):
            call = f'RUSSELL_FAIR_VALUE(in_fv_target,"{stat}",in_window,in_as_of,"{model}",in_spec)'
            page.put(VALUE_ROW + i, 1 + j, f'=IFERROR({call},"n/a")', form, align="right")
        page.put(VALUE_ROW + i, 3, says, kind="note", indent=1)
    page.row(HISTORY, 0, ["date", "actual", "value", "gap, sd"], "head")
    for row in month_ends(page, HISTORY + 1, VALUE_MONTHS):
        for j, (stat, form) in enumerate((("actual", POINTS), ("value", POINTS), ("gap_sigma", SIGMA)), 1):
            call = f'RUSSELL_FAIR_VALUE(in_fv_target,"{stat}",in_window,$A{row + 1},"changes",in_spec)'
            page.put(row, j, f"={call}", form)
    last = HISTORY + VALUE_MONTHS + 1
    lines = ((1, "actual", "ink"), (2, "value by yesterday's betas (changes)", "orange"))
    value = charts.lines(draft.book, page.name, HISTORY + 1, last, 0, lines, "Actual and model value", (510, 360))
    gaps = ((3, "gap", "blue"),)
    gap = charts.lines(draft.book, page.name, HISTORY + 1, last, 0, gaps, "Gap in standard deviations", (510, 360))
    page.sheet.insert_chart(VALUE_CHARTS, 0, value)
    page.sheet.insert_chart(VALUE_CHARTS, 3, gap)
    columns(page, (19, 26, 26, 22, 13, 13, 13, 13))
    page.sheet.freeze_panes(VALUE_ROW, 1)
    page.sheet.print_area(0, 0, HISTORY - 1, 7)
