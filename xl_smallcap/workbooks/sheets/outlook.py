"""Sheets Regimes, Scenarios and Needle: which regime, what a path means, what must be true."""

from __future__ import annotations

from typing import Any, get_args

from xl_smallcap.formulas.values import Grid
from xl_smallcap.types import RegimeModel
from xl_smallcap.workbooks import charts
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.sheets import LATEST, heading
from xl_smallcap.workbooks.styles import BETA, GENERAL, PERCENT, PVALUE, SHARE
from xl_smallcap.xlsx.references import address

ROW, TRANSITIONS, RETURNS, CHART, SCORE, MONTHS = 8, 15, 22, 36, 58, 120
SCORES, HISTORY_COLUMN = 50, 20
MODEL = "in_as_of,in_regime_model"


def build_regimes(draft: Draft, page: Page) -> None:
    """Write the sheet."""
    heading(page, "Regimes", "Growth without inflation: how likely, by what was known on the day?", 14)
    page.put(4, 0, "Model", kind="label")
    page.input(4, 1, "in_regime_model", "pool", list(get_args(RegimeModel)))
    page.put(5, 0, "Months ahead", kind="label")
    page.input(5, 1, "in_regime_ahead", 3, [0, 1, 3, 6, 12])
    page.put(4, 2, "filtered probabilities only; the report card below says how good they were", kind="note")
    page.put(6, 0, '="Probability in "&in_regime_ahead&" months"', kind="label", align="left")
    page.spill(ROW - 1, 0, f"=RUSSELL_REGIMES(in_regime_ahead,{MODEL})", 5)
    page.put(
        TRANSITIONS - 1,
        0,
        "Monthly transitions, from row to column (of the pool: its member chains)",
        kind="label",
        align="left",
    )
    with_states = 'IF(in_regime_model="pool","chains",in_regime_model)'
    page.spill(TRANSITIONS, 0, f"=RUSSELL_TRANSITIONS(in_as_of,{with_states})", 5)
    page.put(
        RETURNS - 1, 0, "Small against large by regime, % a month (log): is there evidence?", kind="label", align="left"
    )
    page.spill(RETURNS, 0, f'=RUSSELL_REGIME_RETURNS("relative",{MODEL})', 13)
    start = f"EOMONTH({LATEST},-{MONTHS})"
    page.put(ROW - 2, HISTORY_COLUMN, "Month ends as they could be told then", kind="label", align="left")
    history = page.spill(ROW - 1, HISTORY_COLUMN, f"=RUSSELL_REGIME_HISTORY({start},{MODEL})", MONTHS + 2)
    rows = len(history.rows) - 1 if isinstance(history, Grid) else MONTHS
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
    page.sheet.set_column(7, 7, 44)
    page.sheet.set_column(15, 15, 44)
    page.sheet.set_column(HISTORY_COLUMN, HISTORY_COLUMN + 12, 14)
    page.sheet.conditional_format(
        ROW, 2, ROW + 3, 2, {"type": "data_bar", "bar_color": "#56B4E9", "bar_solid": True, "min_type": "num",
                             "min_value": 0, "max_type": "num", "max_value": 1},
    )  # fmt: skip
    page.sheet.freeze_panes(3, 1)
    page.sheet.print_area(0, 0, SCORE + SCORES, 13)
    page.sheet.set_h_pagebreaks([SCORE - 2])
    page.sheet.fit_to_pages(1, 0)  # the report card has a page of its own


# -- Sheet Scenarios: type shocks, and mean, range, odds, contributions and the fan follow; every named path beside.


SHOCKS, RESULTS, ALL, CHARTS, FAN = 8, 8, 30, 52, 75
RANGE = f"$A${SHOCKS + 1}:$C${SHOCKS + 5}"
_FACTORS = ["growth", "inflation", "easing", "dollar", "oil", "credit", "volatility", "real_yield", "market"]
_FIRST = [("growth", 6, "pct"), ("inflation", -20, "bp"), ("easing", 25, "bp"), (None, None, None), (None, None, None)]
_ARGUMENTS = "in_shock_months,in_as_of,,in_shock_spec"
_SENTENCES = ("frequency_conflict", "warning")
"""Statistics that are words: they take the whole line."""
_PATH_STATS = (
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


def build_scenarios(draft: Draft, page: Page) -> None:
    """Write the sheet."""
    heading(
        page, "Scenarios", "If growth, inflation and rates go this way, then what? Change a shock and all follows.", 9
    )
    targets = ["relative", "russell", "sp500", "hedged"]
    inputs: tuple[tuple[str, str, Any, list[Any]], ...] = (
        ("Target", "in_shock_target", "relative", targets),
        ("Months", "in_shock_months", 6, list(range(1, 13))),
        ("Specification", "in_shock_spec", "macro", ["macro", "macro_market", "full"]),
    )
    for k, (label, name, value, choices) in enumerate(inputs):
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
    for i, (stat, form, says) in enumerate(_PATH_STATS):
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
    page.spill(ALL, 0, "=RUSSELL_SCENARIOS(in_shock_target,,in_as_of)", 20)
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


# -- Sheet Needle: the odds of growth without inflation and outperformance together; the map over both.


MAP = 18
_NEEDLE_STATS = (
    ("joint", "growth, contained inflation and outperformance together"),
    ("window", "growth and contained inflation"),
    ("given_window", "outperformance, given those two"),
    ("outperform", "outperformance at all"),
)
HEAT: dict[str, Any] = {
    "type": "3_color_scale", "min_type": "num", "min_value": 0, "mid_type": "num", "mid_value": 0.5,
    "max_type": "num", "max_value": 1, "min_color": "#D55E00", "mid_color": "#FFFFFF", "max_color": "#0072B2",
}  # fmt: skip
"""Orange below one half, blue above: the two differ in lightness too, and every cell shows its number."""


def build_needle(draft: Draft, page: Page) -> None:
    """Write the sheet."""
    heading(page, "Threading the needle", "Growth without inflation, and small ahead of large: what are the odds?", 10)
    page.put(4, 0, "Months", kind="label")
    page.input(4, 1, "in_needle_months", 3, list(range(1, 13)))
    page.put(5, 0, "Growth at least", kind="label")
    page.input(5, 1, "in_growth_min", 0)
    page.put(5, 2, "% over the horizon (the growth factor's own unit)", kind="note")
    page.put(6, 0, "Inflation at most", kind="label")
    page.input(6, 1, "in_inflation_max", 0)
    page.put(6, 2, "bp over the horizon (5-year breakeven)", kind="note")
    page.row(8, 0, ["odds", "now", "± 1 se", "all months alike", "what it is"], "head")
    shared = "in_needle_months,in_as_of,in_growth_min,in_inflation_max"
    for i, (stat, says) in enumerate(_NEEDLE_STATS):
        page.put(9 + i, 0, stat, kind="label", align="left")
        for j, which in enumerate(("", "_se", "_base")):
            formula = f'RUSSELL_NEEDLE("relative","{stat}{which}",{shared})'
            text = '="n/a"' if stat == "outperform" and which == "_se" else f"={formula}"
            page.put(9 + i, 1 + j, text, SHARE, align="right")
        page.put(9 + i, 4, says, kind="note")
    page.put(
        13,
        0,
        "History weighted by today's regime probabilities; errors are binomial with the effective n.",
        kind="note",
    )
    page.put(
        14,
        0,
        "On the map lines of equal odds near one half are straight by construction: that is no finding.",
        kind="note",
    )
    page.put(MAP - 2, 0, "Probability of beating the S&P 500, conditional on the path", kind="label", align="left")
    source = '"relative",in_needle_months,in_as_of'
    for i in range(10):
        for j in range(10):
            cell = f"=INDEX(RUSSELL_NEEDLE_MAP({source}),{i + 1},{j + 1})"
            if i == j == 0:
                page.put(MAP - 1, 0, cell, kind="note")
                page.put(MAP, 0, "inflation, sd, down; growth, sd, across", kind="head")
            elif i == 0 or j == 0:
                page.put(MAP + i, j, cell, '+0.0" sd";-0.0" sd";0" sd"', bold=True, align="center")
            else:
                page.put(MAP + i, j, cell, SHARE, align="center")
    page.sheet.conditional_format(MAP + 1, 1, MAP + 9, 9, HEAT)
    page.sheet.set_column(0, 0, 24)
    page.sheet.set_column(1, 9, 11)
    page.sheet.freeze_panes(3, 1)
    page.sheet.print_area(0, 0, MAP + 10, 9)
    draft.names["NEEDLE_MAP"] = f"=Needle!{address(MAP, 0, True)}:{address(MAP + 9, 9, True)}"
    draft.book.define_name("needle_map", draft.names["NEEDLE_MAP"])
