"""Sheets Dispersion and Positioning: how far apart the members lie, and who holds what."""

from __future__ import annotations

from xl_smallcap.formulas.values import Grid
from xl_smallcap.workbooks import charts
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.sheets import LAST_ROW, LATEST, columns, heading, month_ends
from xl_smallcap.workbooks.styles import BETA, COUNT, DATE, OPEN_INTEREST, RANK, SIGMA, TIMES
from xl_smallcap.workbooks.tables import Field, show

ROW, CHART, HISTORY, MONTHS, WINNERS = 7, 16, 40, 60, 17
_TOLD = (("equal", "standard deviation"), ("winsor", "1 % at either end brought in"), ("iqr", "interquartile range"),
         ("cap", "by weights of the day"))  # fmt: skip


def dispersion(draft: Draft, page: Page) -> None:
    """Write the sheet Dispersion."""
    heading(page, "Dispersion", "How far apart do the members' returns lie, against the S&P 500's?")
    page.put(4, 0, "Returns over", kind="label")
    page.input(4, 1, "in_dispersion_window", "1m", ["1m", "3m", "12m", "21", "63"])
    page.row(ROW - 1, 0, ["weighting", "Russell, %", "S&P 500, %", "ratio", "coverage, %", "to"], "head")
    page.merged((ROW - 1, 6, ROW - 1, 9), "what it is", kind="head")
    for i, (weighting, says) in enumerate(_TOLD):
        page.put(ROW + i, 0, weighting)
        for j, index in enumerate(("russell", "sp500", "ratio")):
            formula = f'RUSSELL_DISPERSION("{index}","value",$A{ROW + i + 1},in_dispersion_window,in_as_of)'
            page.put(ROW + i, 1 + j, f'=IFERROR({formula},"n/a")', TIMES if index == "ratio" else "0.00", align="right")
        formula = f'RUSSELL_DISPERSION("russell","coverage",$A{ROW + i + 1},in_dispersion_window,in_as_of)'
        page.put(ROW + i, 4, f'=IFERROR({formula},"n/a")', "0.0", align="right")
        formula = f'RUSSELL_DISPERSION("ratio","last_date",$A{ROW + i + 1},in_dispersion_window,in_as_of)'
        page.put(ROW + i, 5, f'=IFERROR({formula},"n/a")', DATE, align="right")
        page.put(ROW + i, 6, says, kind="note", indent=1)
    members = 'RUSSELL_DISPERSION("russell","membership","equal",in_dispersion_window,in_as_of)'
    page.put(
        ROW + 4,
        0,
        f'=IFERROR({members},"No constituents for this day: load them with xl-smallcap data load.")',
        kind="warning",
    )
    page.put(ROW + 5, 0, '"More than twice" depends on the definition: read all four rows.', kind="note")
    start = f"EOMONTH({LATEST},-{MONTHS})"
    page.put(HISTORY - 1, 0, "Ratio of Russell to S&P 500, one month's returns", kind="label", align="left")
    history = page.spill(HISTORY, 0, f'=RUSSELL_DISPERSION_HISTORY("ratio","1m",in_as_of,{start})', MONTHS + 2)
    rows = len(history.rows) - 1 if isinstance(history, Grid) else MONTHS
    lines = ((2, "equal", "blue"), (5, "winsorised", "orange"), (4, "interquartile", "ink"))
    page.sheet.insert_chart(
        CHART,
        0,
        charts.lines(
            draft.book,
            page.name,
            HISTORY + 1,
            HISTORY + rows,
            0,
            lines,
            "Dispersion, Russell over S&P 500, times",
            (1010, 335),
        ),
    )
    page.put(
        ROW - 2, WINNERS, "Moves that macro and market do not explain (not for pitch sheets: names stocks)", kind="note"
    )
    page.spill(ROW - 1, WINNERS, "=RUSSELL_WINNERS(10,63,in_as_of)", 22)
    columns(page, (20, *[13.0] * 9))
    page.sheet.set_column(WINNERS, WINNERS + 14, 12)
    page.sheet.freeze_panes(3, 1)
    page.sheet.print_area(0, 0, LAST_ROW, 9)


GAUGES = 13
_GAUGE_FIELDS = (
    Field("label", "gauge", span=4, text=True),
    Field("value", "value", "0.0"),
    Field("change", "change", BETA),
    Field("percentile3y", "percentile, 3 y", RANK),
    Field("percentile5y", "percentile, 5 y", RANK),
    Field("z5y", "z, 5 y", BETA),
    Field("last_date", "of", DATE),
)
_WHO = (
    ("leveraged", "leveraged funds"),
    ("asset_manager", "asset managers"),
    ("dealer", "dealers"),
    ("other", "other reportables"),
)
_STATS = (("net", COUNT), ("net_pct", OPEN_INTEREST), ("change", COUNT), ("percentile3y", RANK), ("percentile5y", RANK),
          ("z3y", SIGMA), ("z5y", SIGMA), ("last_date", DATE), ("published", DATE))  # fmt: skip


def positioning(draft: Draft, page: Page) -> None:
    """Write the sheet Positioning, with the user's own gauges."""
    heading(page, "Positioning and gauges", "Who is long and short, and how unusual is that?")
    heads = ["E-mini Russell 2000", "net, contracts", "net, % OI", "change, week", "percentile, 3 y"]
    page.row(4, 0, [*heads, "percentile, 5 y", "z, 3 y", "z, 5 y", "report of", "published"], "head")
    for i, (category, label) in enumerate(_WHO):
        page.put(5 + i, 0, label)
        for j, (stat, form) in enumerate(_STATS, 1):
            formula = f'RUSSELL_POSITIONING("{category}","{stat}",in_as_of)'
            page.put(5 + i, j, f'=IFERROR({formula},"n/a")', form, align="right")
    page.put(
        9, 0, "Spreads excluded. Leveraged shorts include basis trades: short is not bearish by itself.", kind="note"
    )
    page.put(11, 0, "Gauges of your own (short interest, P/E by its rule, consensus)", kind="label", align="left")
    show(page, (12, 0), (12, GAUGES), "=RUSSELL_GAUGES(in_as_of)", _GAUGE_FIELDS, 5)
    page.put(HISTORY - 1, 0, "Net position at month ends, % of open interest", kind="label", align="left")
    page.row(HISTORY, 0, ["date", "leveraged", "asset_manager"], "head")
    for row in month_ends(page, HISTORY + 1, MONTHS):
        for j, category in enumerate(("leveraged", "asset_manager"), 1):
            page.put(row, j, f'=RUSSELL_POSITIONING("{category}","net_pct",$A{row + 1})', OPEN_INTEREST)
    lines = ((1, "leveraged funds", "blue"), (2, "asset managers", "orange"))
    page.sheet.insert_chart(
        19,
        0,
        charts.lines(
            draft.book,
            page.name,
            HISTORY + 1,
            HISTORY + MONTHS + 1,
            0,
            lines,
            "Net position, % of open interest",
            (1030, 285),
        ),
    )
    columns(page, (22, *[12.5] * 9))
    page.sheet.set_column(GAUGES, GAUGES + 16, 12)
    page.sheet.freeze_panes(3, 1)
    page.sheet.print_area(0, 0, LAST_ROW, 9)
