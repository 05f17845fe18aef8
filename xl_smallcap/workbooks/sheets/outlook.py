"""Sheets Regimes, Scenarios and Needle: which regime, what a path means, what must be true."""

from __future__ import annotations

from typing import Any, get_args

from xl_smallcap.formulas.values import Grid
from xl_smallcap.types import RegimeModel
from xl_smallcap.workbooks import charts
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.sheets import LATEST, heading
from xl_smallcap.workbooks.sheets import columns as set_columns
from xl_smallcap.workbooks.styles import BETA, COUNT, DATE, GENERAL, PERCENT, PVALUE, SHARE
from xl_smallcap.workbooks.tables import Field, show
from xl_smallcap.xlsx.references import address

ROW, TRANSITIONS, RETURNS, CHART, SCORE, MONTHS = 8, 14, 21, 34, 54, 120
SCORES, WHOLE_COLUMN = 50, 13
MODEL = "in_as_of,in_regime_model"
_NOW = (
    Field("regime", "regime", text=True),
    Field("probability", "probability", SHARE),
    Field("lowest|lower", "least, by model", SHARE),
    Field("highest|upper", "most", SHARE),
    Field("growth_to", "growth known to", DATE, text=True),
    Field("inflation_to", "inflation known to", DATE, text=True),
    Field("members", "members", span=6, text=True),
)
_MOVES = (
    Field("from", "from", text=True),
    Field("goldilocks", "goldilocks", SHARE),
    Field("reflation", "reflation", SHARE),
    Field("slowdown, low inflation", "slowdown", SHARE),
    Field("stagflation", "stagflation", SHARE),
    Field("duration_months", "lasts, months", "0.0"),
    Field("long_run_share", "share of time", SHARE),
    Field("model", "model", span=2, text=True),
)
_AFTER = (
    Field("regime", "regime", text=True),
    Field("months", "when", span=2, text=True),
    Field("n", "months", COUNT),
    Field("spells", "spells", COUNT),
    Field("mean", "mean, % a month", BETA),
    Field("lower", "90 % from", BETA),
    Field("upper", "90 % to", BETA),
    Field("hit", "share above 0", SHARE),
    Field("tstat", "t against the rest", BETA),
    Field("verdict", "is there evidence?", span=2, text=True),
)
_CARD = (
    Field("regime", "regime", text=True),
    Field("horizon_months", "months ahead", COUNT),
    Field("truth", "held against", span=3, text=True, width=33),
    Field("n", "months", COUNT),
    Field("forecast|sure", "forecast", SHARE),
    Field("happened|null_sure", "happened", SHARE),
    Field("brier", "Brier score", PVALUE),
    Field("brier_climatology", "of the average", PVALUE),
    Field("brier_persistence", "of last month", PVALUE),
    Field("log_loss", "log loss", PVALUE),
)


def build_regimes(draft: Draft, page: Page) -> None:
    """Write the sheet."""
    heading(page, "Regimes", "Growth without inflation: how likely, by what was known on the day?")
    page.put(4, 0, "Model", kind="label")
    page.input(4, 1, "in_regime_model", "pool", list(get_args(RegimeModel)))
    page.put(5, 0, "Months ahead", kind="label")
    page.input(5, 1, "in_regime_ahead", 3, [0, 1, 3, 6, 12])
    page.put(4, 2, "filtered probabilities only; the report card says how good they were", kind="note", indent=1)
    page.put(6, 0, '="Probability in "&in_regime_ahead&" months"', kind="label", align="left")
    at = WHOLE_COLUMN
    show(page, (ROW - 1, 0), (ROW - 1, at), f"=RUSSELL_REGIMES(in_regime_ahead,{MODEL})", _NOW, 5)
    moves = "Monthly transitions, from row to column (of the pool: its member chains)"
    page.put(TRANSITIONS - 1, 0, moves, kind="label", align="left")
    with_states = 'IF(in_regime_model="pool","chains",in_regime_model)'
    show(page, (TRANSITIONS, 0), (TRANSITIONS, at), f"=RUSSELL_TRANSITIONS(in_as_of,{with_states})", _MOVES, 5)
    after = "Small against large by regime, % a month (log): is there evidence?"
    page.put(RETURNS - 1, 0, after, kind="label", align="left")
    show(page, (RETURNS, 0), (RETURNS, at), f'=RUSSELL_REGIME_RETURNS("relative",{MODEL})', _AFTER, 10)
    start = f"EOMONTH({LATEST},-{MONTHS})"
    history_at = at + 22
    page.put(ROW - 2, history_at, "Month ends as they could be told then", kind="label", align="left")
    history = page.spill(ROW - 1, history_at, f"=RUSSELL_REGIME_HISTORY({start},{MODEL})", MONTHS + 2)
    missing = f"ISERROR({address(ROW - 1, history_at)})"
    none = "No history is computed for this model yet: run  xl-smallcap regime history  once."
    page.put(RETURNS + 11, 0, f'=IF({missing},"{none}","")', kind="warning")
    rows = len(history.rows) - 1 if isinstance(history, Grid) else MONTHS
    page.put(SCORE - 1, 0, "Report card: lower Brier score and log loss are better", kind="label", align="left")
    show(page, (SCORE, 0), (SCORE, at), f"=RUSSELL_REGIME_SCORE({MODEL})", _CARD, SCORES)
    columns = tuple(history_at + k for k in (1, 2, 3))
    says = "Filtered probabilities at month ends"
    chart = charts.areas(draft.book, page.name, ROW - 1, ROW - 1 + rows, history_at, columns, says, (1030, 340))
    page.sheet.insert_chart(CHART, 0, chart)
    set_columns(page, (22, *[10.5] * 11))
    page.sheet.set_column(WHOLE_COLUMN, history_at + 12, 12)
    page.sheet.conditional_format(
        ROW, 1, ROW + 3, 1, {"type": "data_bar", "bar_color": "#56B4E9", "bar_solid": True, "min_type": "num",
                             "min_value": 0, "max_type": "num", "max_value": 1},
    )  # fmt: skip
    page.sheet.freeze_panes(3, 1)
    page.sheet.print_area(0, 0, SCORE + SCORES - 1, 11)
    page.sheet.set_h_pagebreaks([CHART - 1])
    page.sheet.repeat_rows(0, 2)


# -- Sheet Scenarios: type shocks, and mean, range, odds, contributions and the fan follow; every named path beside.


SHOCKS, RESULTS, CHARTS, ALL, FAN = 8, 8, 21, 36, 75
RANGE = f"$A${SHOCKS + 1}:$C${SHOCKS + 5}"
_FACTORS = ["growth", "inflation", "easing", "dollar", "oil", "credit", "volatility", "real_yield", "market"]
_FIRST = [("growth", 6, "pct"), ("inflation", -20, "bp"), ("easing", 25, "bp"), (None, None, None), (None, None, None)]
_ARGUMENTS = "in_shock_months,in_as_of,,in_shock_spec"
_SENTENCES = ("frequency_conflict", "warning")
"""Statistics that are words: they take the whole line."""
_PATH_STATS = (
    ("mean", "mean", PERCENT, "log return over the horizon"),
    ("p5", "low end", PERCENT, "one chance in twenty of less"),
    ("p95", "high end", PERCENT, "one in twenty of more"),
    ("prob_outperform", "odds of beating the S&P 500", SHARE, "conditional on the path"),
    ("base_rate", "base rate", SHARE, "how often it did so over that long in the past"),
    ("plausibility", "plausibility", PVALUE, "below 0.01 the path is implausible"),
    ("share_path", "variance: factors not named", SHARE, "they follow by their covariance"),
    ("share_beta", "variance: errors of betas", SHARE, "what estimation adds"),
    ("share_residual", "variance: not macro", SHARE, "what macro does not explain"),
    ("worst_analogue_return", "worst like stretch", PERCENT, "of the nearest stretches of history"),
    ("frequency_conflict", "days and weeks disagree on", GENERAL, ""),
    ("warning", "warning", GENERAL, ""),
)
WIDE = 14
_PATH_FIELDS = (
    Field("label", "path", span=3, text=True),
    Field("horizon_months", "months", COUNT),
    Field("mean", "mean, log %", BETA),
    Field("p5", "1 in 20 below", BETA),
    Field("p95", "1 in 20 above", BETA),
    Field("prob_outperform, conditional on the path", "odds to beat the S&P", SHARE),
    Field("base_rate", "base rate", SHARE),
    Field("plausibility", "plausibility", PVALUE),
    Field("share_beta", "variance: betas", SHARE),
)


def build_scenarios(draft: Draft, page: Page) -> None:
    """Write the sheet."""
    heading(page, "Scenarios", "If growth, inflation and rates go this way, then what? Change a shock and all follows.")
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
    notes = (
        "Levels are the user's assumption, not a forecast by the firm named. Rates in bp, prices and growth in pct, or "
        "sd of the change over the horizon. Factors you leave out follow by their covariance."
    )
    page.merged((SHOCKS + 5, 0, SHOCKS + 10, 2), notes, kind="note", text_wrap=True, valign="top")
    call = f'RUSSELL_PROJECTION(in_shocks,in_shock_target,"mean",{_ARGUMENTS})'
    page.put(5, 0, f'=IF(ISNUMBER({call}),"","Shocks are not understood: =RUSSELL_WHY() lists why.")', kind="warning")
    page.row(RESULTS - 1, 4, ["", "", "value", "what it is", "", "", ""], "head")
    page.merged((RESULTS - 1, 4, RESULTS - 1, 5), "of your shocks", kind="head")
    for i, (stat, label, form, says) in enumerate(_PATH_STATS):
        page.put(RESULTS + i, 4, label, kind="label", align="left")
        formula = f'=IFERROR(RUSSELL_PROJECTION(in_shocks,in_shock_target,"{stat}",{_ARGUMENTS}),"n/a")'
        if stat in _SENTENCES:
            page.merged((RESULTS + i, 6, RESULTS + i, 10), formula, kind="wrap", bold=stat == "warning")
        else:
            page.put(RESULTS + i, 6, formula, form, align="right")
            page.put(RESULTS + i, 7, says, kind="note", indent=1)
    _contributions(page)
    page.put(
        ALL - 1, 0, "Every named path, each over its own months, default specification", kind="label", align="left"
    )
    table = "=RUSSELL_SCENARIOS(in_shock_target,,in_as_of)"
    show(page, (ALL, 0), (ALL, WIDE), table, _PATH_FIELDS, 20)
    page.put(FAN - 1, 0, "Fan of your shocks, cumulated log %", kind="label", align="left")
    page.row(FAN, 0, ["month", "mean", "p5", "p25", "p50", "p75", "p95"], "head")
    fan = f"RUSSELL_FAN(in_shocks,in_shock_target,{_ARGUMENTS})"
    for i in range(1, 13):
        page.put(FAN + i, 0, float(i))
        for j in range(1, 7):
            page.put(FAN + i, j, f"=IF($A{FAN + i + 1}>in_shock_months,NA(),INDEX({fan},{i + 1},{j + 1}))", BETA)
    shocks = ((0, "your shocks", "blue"),)
    title = "Fan of your shocks, cumulated log %"
    page.sheet.insert_chart(CHARTS, 0, charts.fan(draft.book, page.name, FAN + 1, FAN + 12, shocks, title, (510, 240)))
    parts = (PARTS + 1, PARTS + 7)
    page.sheet.insert_chart(
        CHARTS, 5, charts.columns(draft.book, page.name, *parts, 0, 1, "Contributions to the mean, log %", (520, 240))
    )
    set_columns(page, (19, 14, 10, 9, *[11.5] * 7))
    page.sheet.set_column(WIDE, WIDE + 24, 12)
    white = draft.book.add_format({"font_color": "#FFFFFF"})
    rule = {"type": "formula", "criteria": f"=ISNA(B{FAN + 2})", "format": white}
    page.sheet.conditional_format(FAN + 1, 1, FAN + 12, 6, rule)
    page.sheet.freeze_panes(3, 1)
    page.sheet.print_area(0, 0, ALL + 20, 10)
    page.sheet.set_h_pagebreaks([ALL - 1])


PARTS = FAN + 16


def _contributions(page: Page) -> None:
    """Behind the second chart: five factors, those of larger specifications together, and the rest."""
    page.row(PARTS, 0, ["contribution of", "%, log"], "head")

    def of(name: str) -> str:
        return f'IFERROR(RUSSELL_PROJECTION(in_shocks,in_shock_target,"contribution:{name}",{_ARGUMENTS}),0)'

    five, others = _FACTORS[:5], _FACTORS[5:]
    parts = [*((name, of(name)) for name in five), ("others", "+".join(map(of, others))), ("rest", of("rest"))]
    for row, (name, formula) in enumerate(parts, PARTS + 1):
        page.put(row, 0, name)
        page.put(row, 1, f"={formula}", PERCENT)


# -- Sheet Needle: the odds of growth without inflation and outperformance together; the map over both.


MAP = 18
_NEEDLE_STATS = (
    ("joint", "all three", "growth, contained inflation and outperformance together"),
    ("window", "the needle's eye", "growth and contained inflation"),
    ("given_window", "given the eye", "outperformance, given those two"),
    ("outperform", "outperformance", "whatever growth and inflation do"),
)
HEAT: dict[str, Any] = {
    "type": "3_color_scale", "min_type": "num", "min_value": 0, "mid_type": "num", "mid_value": 0.5,
    "max_type": "num", "max_value": 1, "min_color": "#D55E00", "mid_color": "#FFFFFF", "max_color": "#0072B2",
}  # fmt: skip
"""Orange below one half, blue above: the two differ in lightness too, and every cell shows its number."""


def build_needle(draft: Draft, page: Page) -> None:
    """Write the sheet."""
    heading(page, "Threading the needle", "Growth without inflation, and small ahead of large: what are the odds?")
    page.put(4, 0, "Months", kind="label")
    page.input(4, 1, "in_needle_months", 3, list(range(1, 13)))
    page.put(5, 0, "Growth at least", kind="label")
    page.input(5, 1, "in_growth_min", 0)
    page.put(5, 2, "% over the horizon (the growth factor's own unit)", kind="note", indent=1)
    page.put(6, 0, "Inflation at most", kind="label")
    page.input(6, 1, "in_inflation_max", 0)
    page.put(6, 2, "bp over the horizon (5-year breakeven)", kind="note", indent=1)
    page.row(8, 0, ["odds", "now", "± 1 se", "all months alike", "what it is"], "head")
    shared = "in_needle_months,in_as_of,in_growth_min,in_inflation_max"
    for i, (stat, label, says) in enumerate(_NEEDLE_STATS):
        page.put(9 + i, 0, label, kind="label", align="left")
        for j, which in enumerate(("", "_se", "_base")):
            formula = f'RUSSELL_NEEDLE("relative","{stat}{which}",{shared})'
            text = '="n/a"' if stat == "outperform" and which == "_se" else f'=IFERROR({formula},"n/a")'
            page.put(9 + i, 1 + j, text, SHARE, align="right")
        page.put(9 + i, 4, says, kind="note", indent=1)
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
    set_columns(page, (22, *[12.0] * 9))
    for row in range(MAP + 1, MAP + 10):
        page.sheet.set_row(row, 18)
    page.sheet.freeze_panes(3, 1)
    page.sheet.print_area(0, 0, MAP + 10, 9)
    draft.names["NEEDLE_MAP"] = f"=Needle!{address(MAP, 0, True)}:{address(MAP + 9, 9, True)}"
    draft.book.define_name("needle_map", draft.names["NEEDLE_MAP"])
