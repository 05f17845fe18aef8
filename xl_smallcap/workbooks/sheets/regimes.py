"""Sheet Regimes: probabilities with intervals, ten years of them, transitions, returns and the report card."""

from __future__ import annotations

from xl_smallcap.workbooks import charts
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.formulas.values import Grid
from xl_smallcap.workbooks.sheets._shared import LATEST, heading

ROW, TRANSITIONS, RETURNS, CHART, SCORE, MONTHS = 8, 15, 22, 36, 58, 120
SCORES, HISTORY_COLUMN = 40, 17
MODEL = "in_as_of,in_regime_model"


def build(draft: Draft, page: Page) -> None:
    """Write the sheet."""
    heading(page, "Regimes", "Growth without inflation: how likely, by what was known on the day?", 14)
    page.put(4, 0, "Model", kind="label")
    page.input(4, 1, "in_regime_model", "chains", ["chains", "bands", "hmm", "market"])
    page.put(5, 0, "Months ahead", kind="label")
    page.input(5, 1, "in_regime_ahead", 3, [0, 1, 3, 6, 12])
    page.put(4, 2, "filtered probabilities only; the report card below says how good they were", kind="note")
    page.put(6, 0, '="Probability in "&in_regime_ahead&" months"', kind="label", align="left")
    page.spill(ROW - 1, 0, f"=RUSSELL_REGIMES(in_regime_ahead,{MODEL})", 5)
    page.put(TRANSITIONS - 1, 0, "Monthly transitions, from row to column", kind="label", align="left")
    page.spill(TRANSITIONS, 0, f"=RUSSELL_TRANSITIONS({MODEL})", 5)
    page.put(
        RETURNS - 1, 0, "Small against large by regime, % a month (log): is there evidence?", kind="label", align="left"
    )
    page.spill(RETURNS, 0, f'=RUSSELL_REGIME_RETURNS("relative",{MODEL})', 13)
    start = f"EOMONTH({LATEST},-{MONTHS})"
    page.put(ROW - 2, HISTORY_COLUMN, "Month ends as they could be told then", kind="label", align="left")
    found = page.spill(ROW - 1, HISTORY_COLUMN, f"=RUSSELL_REGIME_HISTORY({start},{MODEL})", MONTHS + 2)
    rows = len(found.rows) - 1 if isinstance(found, Grid) else MONTHS
    page.put(SCORE - 1, 0, "Report card: lower Brier score and log loss are better", kind="label", align="left")
    page.spill(SCORE, 0, f"=RUSSELL_REGIME_SCORE({MODEL})", SCORES)
    page.sheet.insert_chart(
        CHART,
        0,
        charts.areas(
            draft.book,
            page.name,
            ROW - 1,
            ROW - 1 + rows,
            HISTORY_COLUMN,
            tuple(HISTORY_COLUMN + k for k in (1, 2, 3)),
            "Filtered probabilities",
            (900, 380),
        ),
    )
    page.sheet.set_column(0, 0, 24, page.styles.get("text"))
    page.sheet.set_column(1, 15, 15)
    page.sheet.set_column(12, 12, 44)
    page.sheet.set_column(HISTORY_COLUMN, HISTORY_COLUMN + 9, 14)
    page.sheet.conditional_format(
        ROW, 2, ROW + 3, 2, {"type": "data_bar", "bar_color": "#56B4E9", "bar_solid": True, "min_type": "num",
                             "min_value": 0, "max_type": "num", "max_value": 1},
    )  # fmt: skip
    page.sheet.freeze_panes(3, 1)
    page.sheet.print_area(0, 0, SCORE + SCORES, 13)
    page.sheet.set_h_pagebreaks([SCORE - 2])
    page.sheet.fit_to_pages(1, 0)  # the report card has a page of its own
