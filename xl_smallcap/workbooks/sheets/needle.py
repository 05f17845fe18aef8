"""Sheet Needle: the odds of growth without inflation and outperformance together; the map over both."""

from __future__ import annotations

from typing import Any

from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.formulas.references import address
from xl_smallcap.workbooks.sheets._shared import heading
from xl_smallcap.workbooks.styles import SHARE

MAP = 18
_STATS = (
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


def build(draft: Draft, page: Page) -> None:
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
    for i, (stat, says) in enumerate(_STATS):
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
