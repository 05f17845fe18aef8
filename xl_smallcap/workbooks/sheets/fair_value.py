"""Sheet Fair value: value, gap and the evidence for believing it, by both models; five years of the gap."""

from __future__ import annotations

from xl_smallcap.workbooks import charts
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.sheets._shared import heading, month_ends
from xl_smallcap.workbooks.styles import BETA, GENERAL, PERCENT, POINTS, PVALUE, SHARE, SIGMA

ROW, HISTORY, MONTHS = 7, 44, 60
_STATS = (
    ("actual", POINTS, "index points"),
    ("value", POINTS, "index points: actual without the gap"),
    ("gap", POINTS, "index points, actual less value"),
    ("gap_pct", PERCENT, "of the value"),
    ("gap_sigma", SIGMA, "residual standard deviations"),
    ("rsquared", PVALUE, "in sample"),
    ("rsquared_oos", PVALUE, "out of sample"),
    ("noise_percentile", SHARE, "where R² lies among random walks': 95 % and more would be evidence"),
    (
        "cointegration_pvalue",
        PVALUE,
        "share of random walks whose gaps close as surely: 0.05 and less would be evidence",
    ),
    ("half_life", BETA, "observations until half a gap is closed"),
    ("verdict", GENERAL, "supported, or not distinguishable from noise"),
)


def build(draft: Draft, page: Page) -> None:
    """Write the sheet."""
    heading(page, "Fair value", "What is the Russell worth given macro, and would random walks look as good?", 8)
    page.put(4, 0, "Target", kind="label")
    page.input(4, 1, "in_fv_target", "russell", ["russell", "sp500", "relative", "hedged"])
    page.put(4, 2, "window and specification are those of Betas", kind="note")
    page.row(ROW - 1, 0, ["", "changes", "levels", "what it is"], "head")
    for i, (stat, form, says) in enumerate(_STATS):
        page.put(ROW + i, 0, stat, kind="label", align="left")
        for j, model in enumerate(("changes", "levels")):
            call = f'RUSSELL_FAIR_VALUE(in_fv_target,"{stat}",in_window,in_as_of,"{model}",in_spec)'
            page.put(ROW + i, 1 + j, f'=IFERROR({call},"n/a")', form, align="right")
        page.put(ROW + i, 3, says, kind="note")
    page.row(HISTORY, 0, ["date", "actual", "value", "gap, sd"], "head")
    for row in month_ends(page, HISTORY + 1, MONTHS):
        for j, (stat, form) in enumerate((("actual", POINTS), ("value", POINTS), ("gap_sigma", SIGMA)), 1):
            call = f'RUSSELL_FAIR_VALUE(in_fv_target,"{stat}",in_window,$A{row + 1},"changes",in_spec)'
            page.put(row, j, f"={call}", form)
    last = HISTORY + MONTHS + 1
    lines = ((1, "actual", "ink"), (2, "value by yesterday's betas (changes)", "orange"))
    page.sheet.insert_chart(
        20, 0, charts.lines(draft.book, page.name, HISTORY + 1, last, 0, lines, "Actual and model value", (470, 330))
    )
    gaps = ((3, "gap", "blue"),)
    page.sheet.insert_chart(
        20, 4, charts.lines(draft.book, page.name, HISTORY + 1, last, 0, gaps, "Gap in standard deviations", (440, 330))
    )
    page.sheet.set_column(0, 0, 21)
    page.sheet.set_column(1, 2, 27)
    page.sheet.set_column(3, 3, 16)
    page.sheet.set_column(4, 8, 15)
    page.sheet.freeze_panes(ROW, 1)
    page.sheet.print_area(0, 0, HISTORY - 3, 8)
