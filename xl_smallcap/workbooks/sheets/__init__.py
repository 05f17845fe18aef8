"""The sheets of the workbook, and what every one has: the day, the heading with its legend, month ends."""

from __future__ import annotations

from collections.abc import Sequence

from xl_smallcap.sentences import iso
from xl_smallcap.workbooks.draft import Page
from xl_smallcap.workbooks.styles import DATE

LATEST = 'IF(in_as_of="",RUSSELL_ASOF(),in_as_of)'
"""The day everything is as of, in a formula."""
LATER = '&IF(in_as_of="",", later publications included","")'
"""Said beside it: a blank day takes everything the snapshot has."""


LAST_ROW = 33
"""Last row of one page, from zero, at the usual heights."""


def month_ends(page: Page, top: int, months: int) -> range:
    """Write month ends into the first column, oldest first, the last one the day of the workbook. Their rows."""
    for back in range(months, -1, -1):
        page.put(top + months - back, 0, f"=EOMONTH({LATEST},-{back})" if back else f"={LATEST}", DATE)
    return range(top, top + months + 1)


def heading(page: Page, title: str, says: str) -> None:
    """Write title, what the sheet answers, the data's name and day; set up the page for print, as wide as A4."""
    sheet = page.sheet
    sheet.set_row(0, 24)
    page.put(0, 0, title, kind="title")
    page.put(1, 0, says, kind="note")
    page.put(2, 0, f'="Data: "&RUSSELL_SNAPSHOT()&", as of "&{iso("page_day")}{LATER}', kind="warning")
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4, top=0.4, bottom=0.5)
    sheet.set_footer(
        "&L&9xl_smallcap, not affiliated with or endorsed by FTSE Russell. Not investment advice.&R&9&A, page &P of &N"
    )


def columns(page: Page, widths: Sequence[float]) -> None:
    """Set the widths of a sheet's columns, in characters; about 145 in all are a page at nine tenths and more."""
    for j, width in enumerate(widths):
        page.sheet.set_column(j, j, width)
