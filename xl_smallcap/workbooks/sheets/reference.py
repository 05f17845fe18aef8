"""Sheets Thesis, Data and Functions: the checklist, where numbers come from, and help with a live example each."""

from __future__ import annotations

from typing import Any

from xl_smallcap.functions import FUNCTIONS
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.sheets import LATEST, heading
from xl_smallcap.workbooks.styles import DATE
from xl_smallcap.xlsx.references import address

EXAMPLES = {
    "RUSSELL_BETA": '=RUSSELL_BETA("inflation","relative")',
    "RUSSELL_BETAS": '=ROWS(RUSSELL_BETAS("hedged","104w"))',
    "RUSSELL_BETA_HISTORY": '=ROWS(RUSSELL_BETA_HISTORY("growth","relative"))',
    "RUSSELL_FIT": '=RUSSELL_FIT(,"rsquared_oos")',
    "RUSSELL_METHODS": '=INDEX(RUSSELL_METHODS("inflation","relative"),18,16)',
    "RUSSELL_ATTRIBUTION": '=INDEX(RUSSELL_ATTRIBUTION("2025-06-30",,"relative"),2,2)',
    "RUSSELL_FAIR_VALUE": '=RUSSELL_FAIR_VALUE(,"verdict",,,"levels")',
    "RUSSELL_FAIR_VALUE_HISTORY": "=ROWS(RUSSELL_FAIR_VALUE_HISTORY())",
    "RUSSELL_FACTOR": '=RUSSELL_FACTOR("easing","z")',
    "RUSSELL_FACTORS": "=ROWS(RUSSELL_FACTORS())",
    "RUSSELL_REGIME": "=RUSSELL_REGIME()",
    "RUSSELL_REGIME_PROB": '=RUSSELL_REGIME_PROB("goldilocks",3)',
    "RUSSELL_REGIMES": "=INDEX(RUSSELL_REGIMES(),2,8)",
    "RUSSELL_REGIME_HISTORY": "=ROWS(RUSSELL_REGIME_HISTORY())",
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
    "RUSSELL_DISPERSION_HISTORY": '=ROWS(RUSSELL_DISPERSION_HISTORY("ratio","1m"))',
    "RUSSELL_WINNERS": "=INDEX(RUSSELL_WINNERS(),2,2)",
    "RUSSELL_GAUGE": '=RUSSELL_GAUGE("short_interest","percentile3y")',
    "RUSSELL_GAUGES": "=ROWS(RUSSELL_GAUGES())",
    "RUSSELL_EVENT_BETA": '=RUSSELL_EVENT_BETA("easing","relative","tstat","payrolls")',
    "RUSSELL_EVENT_BETAS": "=INDEX(RUSSELL_EVENT_BETAS(),2,4)",
    "RUSSELL_EVENT_BETA_HISTORY": '=ROWS(RUSSELL_EVENT_BETA_HISTORY(,,"cpi"))',
    "RUSSELL_CALENDAR": "=INDEX(RUSSELL_CALENDAR(),2,2)",
    "RUSSELL_NEWS_BETAS": "=INDEX(RUSSELL_NEWS_BETAS(),2,2)",
    "RUSSELL_POSITIONING": '=RUSSELL_POSITIONING("leveraged","percentile3y")',
    "RUSSELL_POSITIONING_HISTORY": '=ROWS(RUSSELL_POSITIONING_HISTORY("leveraged"))',
    "RUSSELL_THESIS": "=INDEX(RUSSELL_THESIS(),2,9)",
    "RUSSELL_CLAIMS": "=INDEX(RUSSELL_CLAIMS(),2,9)",
    "RUSSELL_DIFF": '=RUSSELL_WHY("=RUSSELL_DIFF()")',
    "RUSSELL_ASOF": "=RUSSELL_ASOF()",
    "RUSSELL_SOURCE": '=INDEX(RUSSELL_SOURCE("DGS2"),2,5)',
    "RUSSELL_SNAPSHOT": "=RUSSELL_SNAPSHOT()",
    "RUSSELL_STATUS": "=ROWS(RUSSELL_STATUS())",
    "RUSSELL_WHY": '=RUSSELL_WHY("=RUSSELL_BETA(""inflaton"")")',
}
"""A live example of every worksheet function, for the sheet Functions and the documents."""
THESIS_ROW, THESIS_ROWS = 5, 36
_SIZES = {"claim": 30, "basis": 13, "definition": 58, "statistic": 16, "unit": 12, "verdict": 16, "claim_verdict": 16,
          "rule": 34, "note": 60, "status": 20}  # fmt: skip
_VERDICTS = (
    ("supported", "#0072B2", "#DCEBF7"),
    ("contradicted", "#A33F00", "#FBE3D6"),
    ("mixed", "#5F6B7A", "#F0F1F3"),
    ("unclear", "#5F6B7A", "#F0F1F3"),
    ("not tested", "#5F6B7A", "#FFFFFF"),
)


def verdict_colours(draft: Draft, page: Page, top: int, left: int, bottom: int, right: int) -> None:
    """Colour verdicts; the word stays, so that grey print says the same."""
    for word, ink, fill in _VERDICTS:
        look = draft.book.add_format(
            {"font_color": ink, "bg_color": fill, "bold": word in ("supported", "contradicted")}
        )
        # &"": a text of a spilled add-in table is not equal to the same text in LibreOffice
        first = address(top, left)
        rule: dict[str, Any] = {"type": "formula", "criteria": f'={first}&""="{word}"', "format": look}
        page.sheet.conditional_format(top, left, bottom, right, rule)


def thesis(draft: Draft, page: Page) -> None:
    """Write the sheet Thesis."""
    heading(page, "The thesis, claim by claim", "Rules were fixed before looking: docs/methods.md, Thesis.", 13)
    table: Any = page.spill(THESIS_ROW, 0, "=RUSSELL_THESIS(in_as_of)", THESIS_ROWS, 44)
    for j, name in enumerate(getattr(table, "rows", ((),))[0]):
        page.sheet.set_column(j, j, _SIZES.get(str(name), 11))
    verdict_colours(draft, page, THESIS_ROW + 1, 8, THESIS_ROW + THESIS_ROWS, 9)
    page.sheet.freeze_panes(THESIS_ROW + 1, 2)
    page.sheet.print_area(0, 0, THESIS_ROW + THESIS_ROWS, 13)


def data(draft: Draft, page: Page) -> None:
    """Write the sheet Data: the snapshot, its day, and a row a series."""
    from xl_smallcap._version import __version__

    heading(page, "Data", "Which data, how fresh, from where, under which licence?", 15)
    for i, (label, formula, form) in enumerate(
        (
            ("Snapshot", "=RUSSELL_SNAPSHOT()", ""),
            ("As of", f"={LATEST}", DATE),
            ("Built by", f'="xl_smallcap {__version__}"', ""),
        )
    ):
        page.put(4 + i, 0, label, kind="label")
        page.put(4 + i, 1, formula, form)
    page.spill(8, 0, "=RUSSELL_STATUS(in_as_of)", 70)
    page.sheet.set_column(0, 0, 20)
    page.sheet.set_column(1, 1, 44)
    page.sheet.set_column(2, 14, 13)
    page.sheet.freeze_panes(9, 1)
    page.sheet.repeat_rows(8)
    page.sheet.fit_to_pages(1, 0)


def functions(draft: Draft, page: Page) -> None:
    """Write the sheet Functions from the function table."""
    heading(page, "Functions", "Every worksheet function with its help and a live example.", 5)
    for j, (name, width) in enumerate(
        (("function", 30), ("gives", 70), ("arguments", 52), ("example", 48), ("live", 30))
    ):
        page.put(4, j, name, kind="head")
        page.sheet.set_column(j, j, width)
    for i, f in enumerate(FUNCTIONS, 5):
        page.sheet.set_row(i, 62)
        page.put(i, 0, f.name, kind="code", valign="top")
        page.put(i, 1, f.help, kind="wrap")
        page.put(i, 2, ", ".join(p.name for p in f.parameters) or "none", kind="wrap")
        page.cells[i, 3] = EXAMPLES[f.name]
        page.looks[i, 3] = page.styles.get("code", text_wrap=True, valign="top")
        page.put(i, 4, EXAMPLES[f.name], DATE if f.name == "RUSSELL_ASOF" else "#,##0.00##", "wrap")
    page.sheet.freeze_panes(5, 1)
    page.sheet.repeat_rows(4)
    page.sheet.fit_to_pages(1, 0)
    page.sheet.print_area(0, 0, 4 + len(FUNCTIONS), 4)
