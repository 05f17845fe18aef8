"""The sheets of the workbook, and what every one has: the day, the heading with its legend, month ends."""

from __future__ import annotations

from xl_smallcap.workbooks.draft import Page
from xl_smallcap.workbooks.styles import DATE

LATEST = 'IF(in_as_of="",RUSSELL_ASOF(),in_as_of)'
"""The day everything is as of, in a formula."""
LATER = '&IF(in_as_of="",", later publications included","")'
"""Said beside it: a blank day takes everything the snapshot has."""
LEGEND = (("typed by you", "input"), ("RUSSELL_ result", "result"), ("formula on results", "derived"))


def month_ends(page: Page, top: int, months: int) -> range:
    """Write month ends into the first column, oldest first, the last one the day of the workbook. Their rows."""
    for back in range(months, -1, -1):
        page.put(top + months - back, 0, f"=EOMONTH({LATEST},-{back})" if back else f"={LATEST}", DATE)
    return range(top, top + months + 1)


def heading(page: Page, title: str, says: str, columns: int) -> None:
    """Write title, what the sheet answers, the data's name and day, and the legend; set up the page for print."""
    sheet = page.sheet
    sheet.set_row(0, 24)
    page.put(0, 0, title, kind="title")
    page.put(1, 0, says, kind="note")
    page.put(2, 0, f'="Data: "&RUSSELL_SNAPSHOT()&", as of "&TEXT({LATEST},"yyyy-mm-dd"){LATER}', kind="warning")
    for k, (label, kind) in enumerate(LEGEND):
        page.put(0, columns - len(LEGEND) + k, label, kind=kind, font_size=8, align="center", bold=False)  # type: ignore[arg-type]  # kinds of LEGEND
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 1)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.set_footer(
        "&L&8xl_smallcap, not affiliated with or endorsed by FTSE Russell. Not investment advice.&R&8&A, &F"
    )
