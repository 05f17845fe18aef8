"""Sheet Pitch: one landscape page from the cells of Pitch data; careful words, no advice, evidence with each number."""

from __future__ import annotations

from dataclasses import dataclass

from xl_smallcap.analyses.thesis import CLAIMS
from xl_smallcap.session import current_session
from xl_smallcap.workbooks import charts
from xl_smallcap.workbooks.draft import Page
from xl_smallcap.workbooks.sheets import pitch_data as data
from xl_smallcap.workbooks.sheets import pitch_words as words
from xl_smallcap.workbooks.sheets.outlook import HEAT
from xl_smallcap.workbooks.sheets.reference import verdict_colours
from xl_smallcap.workbooks.styles import DATE, QUIET, SHARE
from xl_smallcap.xlsx.references import address

COLUMNS, WIDTH = 20, 9.0
HEAD, TILES, FIRST, SECOND, LISTS, FOOT = 2, 3, 7, 23, 39, 51
WATERMARK = "Internal - not for distribution"
_CHART_ROWS = 15
_PIXELS, _ROW = 68, 20
VEIL = "#7F8791"
"""Colour of the watermark alone, by which it is found and made translucent."""


@dataclass(frozen=True)
class PitchOptions:
    """For whom, and by what path. `projections` None: shown inside the house only."""

    path: str = "growth_low_inflation"
    against: str = "rebound_then_pause"
    audience: str = "internal"
    projections: bool | None = None
    disclaimer: str = ""
    approver: str = ""

    @property
    def projecting(self) -> bool:
        """Whether fans, odds and levels that come from projections are shown."""
        return self.audience == "internal" if self.projections is None else self.projections


def inputs(page: Page, options: PitchOptions, as_of: object, count: int) -> None:
    """Write the inputs first, since every sheet uses their names; paths to choose from stand on the data sheet.

    A list typed into a validation ends at 255 characters, which the library's names exceed.
    """
    column = data.PATHS_COLUMN
    first, last = (address(data.PATHS + i, column, True) for i in (0, count - 1))
    paths = f"='{data.NAME}'!{first}:{last}"
    page.put(1, 0, "As of", kind="label")
    page.input(1, 1, "in_as_of", as_of, form=DATE)
    page.spread((1, 1, 1, 2))
    if options.projecting:
        page.put(1, 3, "path", kind="label")
        page.input(1, 4, "in_path", options.path, paths)
        page.spread((1, 4, 1, 6))
        page.put(1, 7, "against", kind="label")
        page.input(1, 8, "in_against", options.against, paths)
        page.spread((1, 8, 1, 10))


def _tiles(page: Page, projecting: bool) -> None:
    tiles = words.level_tiles() if projecting else words.factor_tiles()
    for k, (label, number, says) in enumerate(tiles):
        left = (0, 7, 13)[k]
        right = (6, 12, 19)[k] if k < 2 else COLUMNS - 1
        right = left + (6 if k != 1 else 5)
        page.merged((TILES, left, TILES, right), label, kind="label", align="left", bold=True, top=1, top_color=QUIET)
        page.merged((TILES + 1, left, TILES + 1, right), number, kind="big")
        page.merged((TILES + 2, left, TILES + 2, right), says, kind="note", font_size=9)
    page.sheet.set_row(TILES + 1, 27)


def _first_charts(page: Page) -> None:
    book, height = page.draft.book, _CHART_ROWS * _ROW
    sheet = page.sheet
    sheet.insert_chart(
        FIRST, 0,
        charts.bars(data.NAME, data.BETAS, data.BETAS + 4, book, 0, "Beta of small less large, % per +1 sd, 90 %",
                    (7 * _PIXELS, height)),
    )  # fmt: skip
    lines = ((1, "growth", "blue"), (2, "inflation", "orange"), (3, "easing", "ink"))
    sheet.insert_chart(
        FIRST, 7,
        charts.lines(book, data.NAME, data.HISTORY + 1, data.HISTORY + data.MONTHS + 1, 0, lines,
                     "The same betas over five years", (6 * _PIXELS, height), "+0.0;-0.0;0.0"),
    )  # fmt: skip
    sheet.insert_chart(
        FIRST, 13,
        charts.areas(book, data.NAME, data.REGIMES, data.REGIMES + data.REGIME_MONTHS, data.CHART_COLUMN,
                     tuple(data.CHART_COLUMN + k for k in (1, 2, 3)), "Regimes, filtered probabilities",
                     (7 * _PIXELS, height)),
    )  # fmt: skip


def _second_charts(page: Page, projecting: bool) -> None:
    book, height = page.draft.book, _CHART_ROWS * _ROW
    steps = (data.STEPS + 1, data.STEPS + 8)
    title = "Small less large this year, log % (drift, specific: not explained)"
    if not projecting:
        wide = (COLUMNS * _PIXELS, height)
        page.sheet.insert_chart(SECOND, 0, charts.waterfall(book, data.NAME, *steps, 0, title, wide))
        return
    longest = max(6, *(path.months for path in current_session().scenarios.paths.values()))
    paths = ((data.FAN_COLUMNS[0], "path", "blue"), (data.FAN_COLUMNS[1], "against", "orange"))
    page.sheet.insert_chart(
        SECOND, 0,
        charts.fan(book, data.NAME, data.FANS + 1, data.FANS + longest, paths, "Fan of both paths, log %, weekly betas",
                   (5 * _PIXELS, height)),
    )  # fmt: skip
    page.sheet.insert_chart(SECOND, 5, charts.waterfall(book, data.NAME, *steps, 0, title, (5 * _PIXELS, height)))
    page.merged((SECOND, 10, SECOND, 19), words.MAP_TITLE, kind="label", align="center", bold=True)
    for i in range(10):
        for j in range(10):
            source = f"='{data.NAME}'!{address(data.MAP - 1 + i, j)}"
            if i == j == 0:
                page.put(SECOND + 1, 10, "infl. \\ growth", kind="head", font_size=8)
            elif i == 0 or j == 0:
                page.put(SECOND + 1 + i, 10 + j, source, '+0.0" sd";-0.0" sd";0" sd"', "head", font_size=8)
            else:
                page.put(SECOND + 1 + i, 10 + j, source, SHARE, "text", align="center", font_size=9)
    for i in range(SECOND + 1, SECOND + 11):
        page.sheet.set_row(i, 18)
    bold = {"type": "cell", "criteria": ">", "value": 0.5, "format": book.add_format({"bold": True})}
    page.sheet.conditional_format(SECOND + 2, 11, SECOND + 10, 19, bold)  # the two halves look alike in grey print
    page.sheet.conditional_format(SECOND + 2, 11, SECOND + 10, 19, HEAT)
    page.merged((SECOND + 12, 10, SECOND + 13, 19), words.NEEDLE, kind="note", font_size=9, text_wrap=True)


def _lists(page: Page, projecting: bool) -> None:
    page.merged(
        (LISTS, 0, LISTS, 8), "The thesis, claim by claim (rows that support it); rules fixed beforehand", kind="head"
    )
    for i in range(len(CLAIMS)):
        claim, number, verdict = words.claim(i, projecting)
        page.merged((LISTS + 1 + i, 0, LISTS + 1 + i, 3), claim, kind="text", font_size=9, shrink=True)
        page.merged((LISTS + 1 + i, 4, LISTS + 1 + i, 6), number, kind="text", font_size=9, shrink=True)
        page.sheet.set_row(LISTS + 1 + i, 19)
        page.merged((LISTS + 1 + i, 7, LISTS + 1 + i, 8), verdict, kind="text", font_size=9, align="center")
    verdict_colours(page.draft, page, LISTS + 1, 7, LISTS + 10, 8)
    for title, left, right, lines in (
        ("The case against", 9, 14, words.against(projecting)),
        ("What would change our mind", 15, 19, words.change(projecting)),
    ):
        page.merged((LISTS, left, LISTS, right), title, kind="head")
        for i, line in enumerate(lines[:5]):
            page.merged((LISTS + 1 + 2 * i, left, LISTS + 2 + 2 * i, right), line, kind="wrap", font_size=9)


def build(page: Page, options: PitchOptions) -> None:
    """Write the page."""
    sheet, projecting = page.sheet, options.projecting
    internal = options.audience == "internal"
    sheet.set_column(0, COLUMNS - 1, WIDTH)
    sheet.set_row(0, 24)
    page.merged((0, 0, 0, 12), "Small against large: growth, inflation and easing", kind="title")
    mark = WATERMARK if internal else ""
    page.merged((0, 13, 0, 19), mark, kind="warning", font_size=13, align="right")
    page.merged((1, 11, 1, 19), words.SAMPLE, kind="warning", align="right")
    page.merged((HEAD, 0, HEAD, COLUMNS - 1), words.headline(projecting), kind="wrap", font_size=12, bold=True)
    sheet.set_row(HEAD, 50)
    _tiles(page, projecting)
    _first_charts(page)
    _second_charts(page, projecting)
    _lists(page, projecting)
    for i, line in enumerate(words.footer(options)):
        page.merged((FOOT + i, 0, FOOT + i, COLUMNS - 1), line, kind="note", font_size=8, text_wrap=True)
    sheet.set_row(FOOT, 24)
    sheet.set_row(FOOT + 1, 26)
    if internal:
        sheet.insert_textbox(
            FIRST + 12, 1, WATERMARK,
            {"width": 1240, "height": 100, "fill": {"none": True}, "line": {"none": True},
             "font": {"color": VEIL, "size": 60, "bold": True}, "align": {"horizontal": "center"},
             "object_position": 2},
        )  # fmt: skip
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.25, right=0.25, top=0.3, bottom=0.3)
    sheet.fit_to_pages(1, 1)
    sheet.center_horizontally()
    sheet.print_area(0, 0, FOOT + 3, COLUMNS - 1)
    sheet.activate()
