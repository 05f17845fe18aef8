"""Sheets Thesis, Data and Functions: the checklist, where numbers come from, and help with a live example each."""

from __future__ import annotations

from typing import Any

from xl_smallcap.functions import FUNCTIONS
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.examples import EXAMPLES
from xl_smallcap.workbooks.formulas.references import address
from xl_smallcap.workbooks.sheets._shared import LATEST, heading
from xl_smallcap.workbooks.styles import DATE

THESIS_ROW, THESIS_ROWS = 5, 24
_SIZES = {"claim": 30, "basis": 13, "definition": 58, "statistic": 16, "unit": 12, "verdict": 16, "claim_verdict": 16,
          "rule": 34, "note": 60}  # fmt: skip
_VERDICTS = (
    ("supported", "#0072B2", "#DCEBF7"),
    ("contradicted", "#A33F00", "#FBE3D6"),
    ("not enough data", "#5F6B7A", "#F0F1F3"),
)


def verdict_colours(draft: Draft, page: Page, top: int, left: int, bottom: int, right: int) -> None:
    """Colour verdicts; the word stays, so that grey print says the same."""
    for word, ink, fill in _VERDICTS:
        look = draft.book.add_format({"font_color": ink, "bg_color": fill, "bold": word != "not enough data"})
        # &"": a text of a spilled add-in table is not equal to the same text in LibreOffice
        first = address(top, left)
        rule: dict[str, Any] = {"type": "formula", "criteria": f'={first}&""="{word}"', "format": look}
        page.sheet.conditional_format(top, left, bottom, right, rule)


def thesis(draft: Draft, page: Page) -> None:
    """Write the sheet Thesis."""
    heading(page, "The thesis, claim by claim", "Rules were fixed before looking: docs/methods.md, Thesis.", 13)
    found: Any = page.spill(THESIS_ROW, 0, "=RUSSELL_THESIS(in_as_of)", THESIS_ROWS, 44)
    for j, name in enumerate(getattr(found, "rows", ((),))[0]):
        page.sheet.set_column(j, j, _SIZES.get(str(name), 11))
    verdict_colours(draft, page, THESIS_ROW + 1, 8, THESIS_ROW + THESIS_ROWS, 9)
    page.sheet.freeze_panes(THESIS_ROW + 1, 2)
    page.sheet.print_area(0, 0, THESIS_ROW + THESIS_ROWS, 12)


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
