"""Sheet Scenarios: type shocks, and mean, range, odds, contributions and the fan follow; every named path beside."""

from __future__ import annotations

from typing import Any

from xl_smallcap.workbooks import charts
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.sheets._shared import heading
from xl_smallcap.workbooks.styles import BETA, GENERAL, PERCENT, PVALUE, SHARE

SHOCKS, RESULTS, ALL, CHARTS, FAN = 8, 8, 30, 42, 65
RANGE = f"$A${SHOCKS + 1}:$C${SHOCKS + 5}"
_FACTORS = ["growth", "inflation", "easing", "dollar", "oil", "credit", "volatility", "real_yield", "market"]
_FIRST = [("growth", 6, "pct"), ("inflation", -20, "bp"), ("easing", 25, "bp"), (None, None, None), (None, None, None)]
_ARGUMENTS = "in_shock_months,in_as_of,,in_shock_spec"
_SENTENCES = ("frequency_conflict", "warning")
"""Statistics that are words: they take the whole line."""
_STATS = (
    ("mean", PERCENT, "log return over the horizon"),
    ("p5", PERCENT, "one chance in twenty of less"),
    ("p95", PERCENT, "one in twenty of more"),
    ("prob_outperform", SHARE, "of beating the S&P 500, conditional on the path"),
    ("base_rate", SHARE, "how often it did so over that long in the past, path unknown"),
    ("plausibility", PVALUE, "chi-squared tail of the path; below 0.01 is implausible"),
    ("share_path", SHARE, "of the variance: factors you did not name"),
    ("share_beta", SHARE, "of the variance: the betas' errors"),
    ("share_residual", SHARE, "of the variance: what macro does not explain"),
    ("worst_analogue_return", PERCENT, "the worst of the nearest stretches of history"),
    ("frequency_conflict", GENERAL, "factors whose daily and weekly betas differ in sign"),
    ("warning", GENERAL, "read this first"),
)


def build(draft: Draft, page: Page) -> None:
    """Write the sheet."""
    heading(
        page, "Scenarios", "If growth, inflation and rates go this way, then what? Change a shock and all follows.", 9
    )
    targets = ["relative", "russell", "sp500", "hedged"]
    asked: tuple[tuple[str, str, Any, list[Any]], ...] = (
        ("Target", "in_shock_target", "relative", targets),
        ("Months", "in_shock_months", 6, list(range(1, 13))),
        ("Specification", "in_shock_spec", "macro", ["macro", "macro_market", "full"]),
    )
    for k, (label, name, value, choices) in enumerate(asked):
        page.put(4, 2 * k, label, kind="label")
        page.input(4, 2 * k + 1, name, value, choices)
    page.row(SHOCKS - 1, 0, ["factor", "shock over the horizon", "unit"], "head")
    for i, (factor, shock, unit) in enumerate(_FIRST):
        page.input(SHOCKS + i, 0, "", factor, _FACTORS)
        page.input(SHOCKS + i, 1, "", shock)
        page.input(SHOCKS + i, 2, "", unit, ["bp", "pct", "sd"])
    draft.names["IN_SHOCKS"] = f"=Scenarios!{RANGE}"
    draft.book.define_name("in_shocks", draft.names["IN_SHOCKS"])
    page.put(SHOCKS + 5, 0, "Levels are the user's assumption, not a forecast by the firm named.", kind="note")
    page.put(SHOCKS + 6, 0, "Rates in bp, prices and growth in pct, or sd of the change over the horizon.", kind="note")
    page.put(SHOCKS + 7, 0, "Factors you leave out follow by their covariance.", kind="note")
    call = f'RUSSELL_PROJECTION(in_shocks,in_shock_target,"mean",{_ARGUMENTS})'
    page.put(5, 0, f'=IF(ISNUMBER({call}),"","Shocks are not understood: =RUSSELL_WHY() lists why.")', kind="warning")
    page.row(RESULTS - 1, 4, ["statistic", "value", "", "what it is"], "head")
    for i, (stat, form, says) in enumerate(_STATS):
        page.put(RESULTS + i, 4, stat, kind="label", align="left")
        formula = f'=IFERROR(RUSSELL_PROJECTION(in_shocks,in_shock_target,"{stat}",{_ARGUMENTS}),"n/a")'
        if stat in _SENTENCES:
            page.merged((RESULTS + i, 5, RESULTS + i, 13), formula, kind="wrap", bold=stat == "warning")
        else:
            page.put(RESULTS + i, 5, formula, form, align="right")
            page.put(RESULTS + i, 7, says, kind="note")
    page.row(SHOCKS + 9, 0, ["contribution of", "%, log"], "head")
    for i, factor in enumerate((*_FACTORS, "rest")):
        row = SHOCKS + 10 + i
        page.put(row, 0, factor)
        formula = f'RUSSELL_PROJECTION(in_shocks,in_shock_target,"contribution:"&A{row + 1},{_ARGUMENTS})'
        page.put(row, 1, f"=IFERROR({formula},NA())", PERCENT)
    page.put(
        ALL - 1, 0, "Every named path, each over its own months, default specification", kind="label", align="left"
    )
    page.spill(ALL, 0, "=RUSSELL_SCENARIOS(in_shock_target,,in_as_of)", 10)
    page.put(FAN - 1, 0, "Fan of your shocks, cumulated log %", kind="label", align="left")
    page.row(FAN, 0, ["month", "mean", "p5", "p25", "p50", "p75", "p95"], "head")
    fan = f"RUSSELL_FAN(in_shocks,in_shock_target,{_ARGUMENTS})"
    for i in range(1, 13):
        page.put(FAN + i, 0, float(i))
        for j in range(1, 7):
            page.put(FAN + i, j, f"=IF($A{FAN + i + 1}>in_shock_months,NA(),INDEX({fan},{i + 1},{j + 1}))", BETA)
    page.sheet.insert_chart(
        CHARTS,
        0,
        charts.fan(
            draft.book,
            page.name,
            FAN + 1,
            FAN + 12,
            ((0, "your shocks", "blue"),),
            "Fan of your shocks, cumulated log %",
            (560, 400),
        ),
    )
    page.sheet.insert_chart(
        CHARTS,
        5,
        charts.columns(
            draft.book,
            page.name,
            SHOCKS + 10,
            SHOCKS + 10 + len(_FACTORS),
            0,
            1,
            "Contributions to the mean, log %",
            (480, 400),
        ),
    )
    page.sheet.set_column(0, 0, 23)
    page.sheet.set_column(1, 8, 15)
    page.sheet.set_column(4, 4, 22)
    page.sheet.set_column(9, 22, 15)
    white = draft.book.add_format({"font_color": "#FFFFFF"})
    for top, bottom, right in ((FAN + 1, FAN + 12, 6), (SHOCKS + 10, SHOCKS + 10 + len(_FACTORS), 1)):
        rule = {"type": "formula", "criteria": f"=ISNA(B{top + 1})", "format": white}
        page.sheet.conditional_format(top, 1, bottom, right, rule)
    page.sheet.freeze_panes(3, 1)
    page.sheet.print_area(0, 0, FAN - 3, 14)
