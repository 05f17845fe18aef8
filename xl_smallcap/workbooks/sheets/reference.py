"""Sheets Thesis, Data and Functions: the checklist, where numbers come from, and help with a live example each."""

from __future__ import annotations

import math
from typing import Any

from xl_smallcap.functions import FUNCTIONS
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.sheets import LATEST, columns, heading
from xl_smallcap.workbooks.styles import BETA, COUNT, DATE
from xl_smallcap.workbooks.tables import LINE, Field, show
from xl_smallcap.xlsx.references import address

EXAMPLES = {
    "RUSSELL_BETA": '=RUSSELL_BETA("inflation","relative")',
    "RUSSELL_BETAS": '=INDEX(RUSSELL_BETAS("relative","104w"),2,2)',
    "RUSSELL_BETA_HISTORY": '=INDEX(RUSSELL_BETA_HISTORY("growth","relative"),2,2)',
    "RUSSELL_FIT": '=RUSSELL_FIT(,"rsquared_oos")',
    "RUSSELL_METHODS": '=INDEX(RUSSELL_METHODS("inflation","relative"),3,4)',
    "RUSSELL_ATTRIBUTION": '=INDEX(RUSSELL_ATTRIBUTION("2025-06-30",,"relative"),2,2)',
    "RUSSELL_FAIR_VALUE": '=RUSSELL_FAIR_VALUE(,"verdict",,,"levels")',
    "RUSSELL_FAIR_VALUE_HISTORY": "=INDEX(RUSSELL_FAIR_VALUE_HISTORY(),2,3)",
    "RUSSELL_FACTOR": '=RUSSELL_FACTOR("easing","z")',
    "RUSSELL_FACTORS": "=INDEX(RUSSELL_FACTORS(),2,3)",
    "RUSSELL_REGIME": "=RUSSELL_REGIME()",
    "RUSSELL_REGIME_PROB": '=RUSSELL_REGIME_PROB("goldilocks",3)',
    "RUSSELL_REGIMES": "=INDEX(RUSSELL_REGIMES(),2,8)",
    "RUSSELL_REGIME_HISTORY": "=INDEX(RUSSELL_REGIME_HISTORY(),2,2)",
    "RUSSELL_TRANSITIONS": "=INDEX(RUSSELL_TRANSITIONS(),2,2)",
    "RUSSELL_REGIME_RETURNS": "=INDEX(RUSSELL_REGIME_RETURNS(),2,3)",
    "RUSSELL_REGIME_SCORE": "=INDEX(RUSSELL_REGIME_SCORE(),2,7)",
    "RUSSELL_SCENARIO": '=RUSSELL_SCENARIO("goldman",,"prob_outperform")',
    "RUSSELL_SCENARIOS": "=INDEX(RUSSELL_SCENARIOS(),2,3)",
    "RUSSELL_PROJECTION": '=RUSSELL_PROJECTION({"inflation",25,"bp"})',
    "RUSSELL_FAN": '=INDEX(RUSSELL_FAN("jpmorgan"),7,3)',
    "RUSSELL_SCENARIO_SCORE": "=INDEX(RUSSELL_SCENARIO_SCORE(),2,7)",
    "RUSSELL_IMPLIED": '=RUSSELL_IMPLIED(0.7,"goldman")',
    "RUSSELL_BREAKEVEN": "=INDEX(RUSSELL_BREAKEVEN(),6,2)",
    "RUSSELL_SENTENCE": '=RUSSELL_SENTENCE("inflation")',
    "RUSSELL_TIPPING": '=RUSSELL_TIPPING("inflation","goldman")',
    "RUSSELL_NEEDLE": "=RUSSELL_NEEDLE()",
    "RUSSELL_NEEDLE_MAP": "=INDEX(RUSSELL_NEEDLE_MAP(),6,6)",
    "RUSSELL_DISPERSION": '=RUSSELL_DISPERSION("ratio",,"winsor")',
    "RUSSELL_DISPERSION_HISTORY": '=INDEX(RUSSELL_DISPERSION_HISTORY("ratio","1m"),2,3)',
    "RUSSELL_WINNERS": "=INDEX(RUSSELL_WINNERS(),2,2)",
    "RUSSELL_GAUGE": '=RUSSELL_GAUGE("short_interest","percentile3y")',
    "RUSSELL_GAUGES": "=INDEX(RUSSELL_GAUGES(),2,2)",
    "RUSSELL_EVENT_BETA": '=RUSSELL_EVENT_BETA("easing","relative","tstat","payrolls")',
    "RUSSELL_EVENT_BETAS": "=INDEX(RUSSELL_EVENT_BETAS(),2,4)",
    "RUSSELL_EVENT_BETA_HISTORY": '=INDEX(RUSSELL_EVENT_BETA_HISTORY(,,"cpi"),2,2)',
    "RUSSELL_CALENDAR": "=INDEX(RUSSELL_CALENDAR(),2,2)",
    "RUSSELL_NEWS_BETAS": "=INDEX(RUSSELL_NEWS_BETAS(),2,2)",
    "RUSSELL_POSITIONING": '=RUSSELL_POSITIONING("leveraged","percentile3y")',
    "RUSSELL_POSITIONING_HISTORY": '=INDEX(RUSSELL_POSITIONING_HISTORY("leveraged"),2,2)',
    "RUSSELL_THESIS": "=INDEX(RUSSELL_THESIS(),2,9)",
    "RUSSELL_CLAIMS": "=INDEX(RUSSELL_CLAIMS(),2,9)",
    "RUSSELL_DIFF": '=RUSSELL_WHY("=RUSSELL_DIFF()")',
    "RUSSELL_ASOF": "=RUSSELL_ASOF()",
    "RUSSELL_SOURCE": '=INDEX(RUSSELL_SOURCE("DGS2"),2,5)',
    "RUSSELL_SNAPSHOT": "=RUSSELL_SNAPSHOT()",
    "RUSSELL_STATUS": "=INDEX(RUSSELL_STATUS(),2,2)",
    "RUSSELL_WHY": '=RUSSELL_WHY("=RUSSELL_BETA(""inflaton"")")',
}
"""A live example of every worksheet function, for the sheet Functions and the documents."""
THESIS_ROW, THESIS_ROWS, THESIS_COLUMN, VERDICT = 5, 36, 12, 7
"""Column of the verdicts, which the claim's own follow."""
_THESIS = (
    Field("claim", "claim", text=True, width=24),
    Field("basis", "way of looking", text=True),
    Field("definition", "what is looked at", text=True, width=58),
    Field("value", "value", BETA),
    Field("lower", "90 % from", BETA),
    Field("upper", "90 % to", BETA),
    Field("unit", "unit", text=True, width=11),
    Field("verdict", "verdict", text=True),
    Field("claim_verdict", "of the claim", text=True),
    Field("status", "rule was", text=True, width=12),
)
_STATUS = (
    Field("series", "series", text=True),
    Field("label", "what it is", text=True, width=44),
    Field("source", "source", text=True),
    Field("frequency", "frequency", text=True),
    Field("first", "first", DATE, text=True),
    Field("last", "last", DATE, text=True),
    Field("nobs", "count", COUNT),
    Field("age_days", "days old", COUNT),
    Field("status", "status", text=True),
    Field("licence", "licence", text=True),
)
STATUS_ROWS, STATUS_COLUMN = 70, 12
_VERDICTS = (
    ("supported", "#00557F", "#DCEBF7"),
    ("contradicted", "#A33F00", "#FBE3D6"),
    ("mixed", "#5F6B7A", "#F0F1F3"),
    ("unclear", "#5F6B7A", "#F0F1F3"),
    ("not tested", "#5F6B7A", "#FFFFFF"),
)


def verdict_colours(
    draft: Draft, page: Page, top: int, left: int, bottom: int, right: int, *, decided_only: bool = False
) -> None:
    """Colour verdicts; the word stays, so that grey print says the same."""
    for word, ink, fill in _VERDICTS[:2] if decided_only else _VERDICTS:
        look = draft.book.add_format(
            {"font_color": ink, "bg_color": fill, "bold": word in ("supported", "contradicted")}
        )
        # &"": a text of a spilled add-in table is not equal to the same text in LibreOffice
        first = address(top, left)
        rule: dict[str, Any] = {"type": "formula", "criteria": f'={first}&""="{word}"', "format": look}
        page.sheet.conditional_format(top, left, bottom, right, rule)


def thesis(draft: Draft, page: Page) -> None:
    """Write the sheet Thesis."""
    heading(page, "The thesis, claim by claim", "Rules were fixed before looking: docs/methods.md, Thesis.")
    show(page, (THESIS_ROW, 0), (THESIS_ROW, THESIS_COLUMN), "=RUSSELL_THESIS(in_as_of)", _THESIS, THESIS_ROWS)
    columns(page, (22, 12.5, 52, 7, 7, 7, 10, 11, 11, 11))
    page.sheet.set_column(THESIS_COLUMN, THESIS_COLUMN + 14, 14)
    verdict_colours(draft, page, THESIS_ROW + 1, VERDICT, THESIS_ROW + THESIS_ROWS, VERDICT + 1)
    page.sheet.freeze_panes(THESIS_ROW + 1, 2)
    page.sheet.repeat_rows(THESIS_ROW)
    page.sheet.print_area(0, 0, THESIS_ROW + THESIS_ROWS - 1, 9)


def data(draft: Draft, page: Page) -> None:
    """Write the sheet Data: the snapshot, its day, and a row a series."""
    from xl_smallcap._version import __version__

    heading(page, "Data", "Which data, how fresh, from where, under which licence?")
    for i, (label, formula, form) in enumerate(
        (
            ("Snapshot", "=RUSSELL_SNAPSHOT()", ""),
            ("As of", f"={LATEST}", DATE),
            ("Built by", f'="xl_smallcap {__version__}"', ""),
        )
    ):
        page.put(4 + i, 0, label, kind="label")
        page.put(4 + i, 1, formula, form)
    show(page, (8, 0), (8, STATUS_COLUMN), "=RUSSELL_STATUS(in_as_of)", _STATUS, STATUS_ROWS)
    columns(page, (24, 42, 17, 9.5, 10, 10, 10.5, 6.5, 7, 9.5))
    page.sheet.set_column(STATUS_COLUMN, STATUS_COLUMN + 16, 13)
    page.sheet.freeze_panes(9, 1)
    page.sheet.repeat_rows(8)
    page.sheet.print_area(0, 0, 8 + STATUS_ROWS - 1, 9)


def functions(draft: Draft, page: Page) -> None:
    """Write the sheet Functions from the function table."""
    heading(page, "Functions", "Every worksheet function with its help and a live example.")
    for j, (name, width) in enumerate(
        (("function", 28), ("gives", 47), ("arguments", 22), ("example", 29), ("it says now", 20))
    ):
        page.put(4, j, name, kind="head")
        page.sheet.set_column(j, j, width)
    for i, f in enumerate(FUNCTIONS, 5):
        page.put(i, 0, f.name, kind="code", valign="top")
        page.put(i, 1, f.help, kind="wrap")
        page.put(i, 2, ", ".join(p.name for p in f.parameters) or "none", kind="wrap")
        page.cells[i, 3] = EXAMPLES[f.name]
        page.looks[i, 3] = page.styles.get("code", text_wrap=True, valign="top")
        page.put(i, 4, EXAMPLES[f.name], DATE if f.name == "RUSSELL_ASOF" else "#,##0.00##", "wrap")
        lines = max(len(f.help) / 50, len(EXAMPLES[f.name]) / 28, len(str(page.value(i, 4))) / 19, 2.0)
        page.sheet.set_row(i, LINE * math.ceil(lines) + 6.0)
    page.sheet.freeze_panes(5, 1)
    page.sheet.repeat_rows(4)
    page.sheet.fit_to_pages(1, 0)
    page.sheet.print_area(0, 0, 4 + len(FUNCTIONS), 4)
