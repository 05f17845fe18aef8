"""Sheet Attribution: what drove a period, adding up exactly, as a waterfall."""

from __future__ import annotations

from xl_smallcap.workbooks import charts
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.formulas.references import address
from xl_smallcap.workbooks.sheets._shared import heading
from xl_smallcap.workbooks.styles import BETA, DATE

ROW, ROOM, STEPS = 8, 14, 28
ITEMS = ("growth", "inflation", "easing", "dollar", "oil", "real_yield", "credit", "volatility", "market", "drift",
         "specific", "total")  # fmt: skip
"""Everything any of the specifications has; what a table has not is zero."""


def waterfall(page: Page, row: int, column: int, items: list[tuple[str, str]]) -> tuple[int, int]:
    """Write the helper columns of a waterfall: from, to, and what of each bar lies above and below zero.

    First and last row of the steps.
    """
    heads = [
        "item",
        "contribution",
        "from",
        "to",
        "clear +",
        "up +",
        "down +",
        "total +",
        "clear -",
        "up -",
        "down -",
        "total -",
    ]
    page.row(row, column, heads, "head")
    for i, (label, value) in enumerate(items):
        r = row + 1 + i
        at = [address(r, column + k) for k in range(len(heads))]
        total = i == len(items) - 1
        page.put(r, column, label)
        page.put(r, column + 1, value, BETA)
        page.put(r, column + 2, "=0" if total or i == 0 else f"={address(r - 1, column + 3)}", BETA)
        page.put(r, column + 3, f"={at[2]}+{at[1]}", BETA)
        over, under = (
            f"(MAX(0,{at[2]},{at[3]})-MAX(0,MIN({at[2]},{at[3]})))",
            f"(MIN(0,{at[2]},{at[3]})-MIN(0,MAX({at[2]},{at[3]})))",
        )
        page.put(r, column + 4, f"=MAX(0,MIN({at[2]},{at[3]}))", BETA)
        page.put(r, column + 8, f"=MIN(0,MAX({at[2]},{at[3]}))", BETA)
        for first, size in ((5, over), (9, under)):
            page.put(r, column + first, "=0" if total else f"=IF({at[1]}>=0,{size},0)", BETA)
            page.put(r, column + first + 1, "=0" if total else f"=IF({at[1]}<0,{size},0)", BETA)
            page.put(r, column + first + 2, f"={size}" if total else "=0", BETA)
    return row + 1, row + len(items)


def items_of(labels: str, values: str, rows: range, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return label and contribution of each step, found by name in a spilled attribution, the total last.

    Texts are compared as ``A1&""``: LibreOffice does not find a text of a spilled add-in table equal to the same
    text. Formulas.
    """
    found = []
    for name in names:
        terms = ",".join(f'IF({labels}{r}&""="{name}",{values}{r},0)' for r in rows)
        found.append((f'="{name}"', f"=SUM({terms})"))
    return found


def build(draft: Draft, page: Page) -> None:
    """Write the sheet."""
    heading(page, "Attribution", "What drove the return of a period? Log contributions add up exactly.", 12)
    page.put(4, 0, "From the close of", kind="label")
    page.input(4, 1, "in_from", None, form=DATE)
    page.put(
        4, 2, "empty = the end of the year before; target, window and specification are those of Betas", kind="note"
    )
    page.put(5, 0, "To", kind="label")
    page.put(5, 1, '=IF(in_as_of="",RUSSELL_ASOF(),in_as_of)', DATE)
    page.spill(ROW, 0, "=RUSSELL_ATTRIBUTION(in_from,in_as_of,in_target,in_window,,in_spec)", ROOM)
    rows = range(ROW + 2, ROW + ROOM + 1)
    items = items_of("$A", "$B", rows, ITEMS)
    first, last = waterfall(page, STEPS + 16, 0, items)
    page.put(STEPS + 15, 0, "Behind the chart", kind="label", align="left")
    page.sheet.insert_chart(
        ROW + ROOM + 1, 0, charts.waterfall(draft.book, page.name, first, last, 0, "Contributions, log %", (860, 380))
    )
    page.sheet.set_column(0, 0, 21)
    page.sheet.set_column(1, 14, 13.5)
    page.sheet.freeze_panes(ROW + 1, 1)
    page.sheet.print_area(0, 0, STEPS + 13, 14)
