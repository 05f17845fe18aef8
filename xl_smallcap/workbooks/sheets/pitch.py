"""Sheet Pitch: the page a desk hands over, A4 landscape at its own size; every number leads to a named result."""

from __future__ import annotations

from typing import Any

from xl_smallcap.sentences import Known, Say, either
from xl_smallcap.session import current_session
from xl_smallcap.workbooks import charts
from xl_smallcap.workbooks.draft import Page
from xl_smallcap.workbooks.results import Results
from xl_smallcap.workbooks.sheets import inputs, pitch_data
from xl_smallcap.workbooks.sheets import pitch_words as words
from xl_smallcap.workbooks.sheets.reference import verdict_colours
from xl_smallcap.workbooks.styles import DERIVED_FILL, LINE, QUIET
from xl_smallcap.xlsx.references import address

NAME = "Pitch"
COLUMNS, PIXELS = 40, 25
"""A grid fine enough for every block of the page; together as wide as A4 between its margins."""
TITLE, SUBTITLE, BULLETS, FACTS, CHARTS, LOWER, FOOT = 0, 1, 3, 7, 10, 24, 39
CHART_ROWS, LOWER_ROWS, TRIGGERS = 12, 14, 3
LEFT, RIGHT = (0, 19), (21, COLUMNS - 1)
"""First and last column of the two halves below the charts."""
HEIGHTS = {TITLE: 27.0, SUBTITLE: 13.0, 2: 5.0, 6: 4.0, 9: 6.0, CHARTS: 14.0, CHARTS + CHART_ROWS + 1: 5.0,
           LOWER + LOWER_ROWS: 5.0}  # fmt: skip
BULLET, LINE_HEIGHT, CHART_ROW, LOWER_ROW, FOOT_ROW = 16.0, 13.5, 14.75, 13.6, 10.5
"""Points. With :data:`HEIGHTS` they add up to less than A4's height between its margins, so nothing is shrunk."""
SMALL, TEXT = 8.0, 8.5
FOOT_WIDTH, HOUSE_WIDTH = 180.0, 50.0
"""Small letters in one line of the foot, and in the house's place."""


def build(page: Page, options: inputs.PitchOptions, behind: pitch_data.Behind) -> None:
    """Write the page."""
    results = behind.results
    page.sheet.set_column_pixels(0, COLUMNS - 1, PIXELS)
    _heights(page)
    _head(page, options, results)
    _charts(page, behind)
    if options.projecting:
        _paths(page, options, results)
    else:
        _betas_table(page, results)
    change = "What would change our mind" if options.internal else "What would change the picture"
    _list(page, LOWER + LOWER_ROWS - 1 - TRIGGERS, LEFT, change,
          [f"trigger.{i}" for i in range(1, TRIGGERS + 1)], results)  # fmt: skip
    levels = "Levels that matter" if options.projecting else "Factors against their year"
    _list(page, LOWER, RIGHT, levels, [f"level.{i}" for i in (1, 2, 3)], results)
    _scorecard(page, results, behind.claims)
    _foot(page, options, results)
    _print_setup(page, FOOT + 2)


def _heights(page: Page) -> None:
    rows = dict(HEIGHTS)
    rows |= dict.fromkeys(range(BULLETS, BULLETS + 3), BULLET) | dict.fromkeys((FACTS, FACTS + 1), LINE_HEIGHT)
    rows |= dict.fromkeys(range(CHARTS + 1, CHARTS + 1 + CHART_ROWS), CHART_ROW)
    rows |= dict.fromkeys(range(LOWER, LOWER + LOWER_ROWS), LOWER_ROW)
    rows |= dict.fromkeys(range(FOOT, FOOT + 4), FOOT_ROW)
    for row, height in rows.items():
        page.sheet.set_row(row, height)


def _line(page: Page, row: int, columns: tuple[int, int], content: Any, **look: Any) -> None:
    kind = look.pop("kind", "text")
    page.merged(
        (row, columns[0], row, columns[1]), content, kind=kind, **{"font_size": TEXT, "valign": "vcenter", **look}
    )


def _head(page: Page, options: inputs.PitchOptions, results: Results) -> None:
    _line(page, TITLE, (0, COLUMNS - 1), _text(results, "title"), kind="title", font_size=17)
    _line(page, SUBTITLE, (0, 19), _text(results, "subtitle"), font_size=9, font_color=QUIET)
    # the corner is the tag's where there is one, else the house's
    tagged = options.internal or current_session().snapshot.synthetic
    house, tag = ((20, 32), (33, COLUMNS - 1)) if tagged else ((27, COLUMNS - 1), (20, 26))
    _line(page, SUBTITLE, house, shortened(options.house, HOUSE_WIDTH), literal=True, font_size=9, align="right")
    _line(page, SUBTITLE, tag, words.tag(options), kind="warning", font_size=9, align="right")
    third = "Paths" if options.projecting else "Drivers"
    for i, (label, name) in enumerate((("Evidence", "evidence"), ("Objection", "objection"), (third, "third"))):
        _line(page, BULLETS + i, (0, 3), label, bold=True, font_size=10.5)
        _line(page, BULLETS + i, (4, COLUMNS - 1), _text(results, name), font_size=10.5)
    for i, name in enumerate(("facts", "news")):
        _line(page, FACTS + i, (0, COLUMNS - 1), _text(results, name), font_size=9, bg_color=DERIVED_FILL)


def width_of(text: str) -> float:
    """Return how wide a text is, in small letters: capitals and what is not Latin are wider."""
    return sum(1.0 if c.isascii() and not c.isupper() else 1.4 if ord(c) < _WIDE else 2.0 for c in text)


_WIDE = 0x2E80
"""Characters from here on are as wide as high."""


def shortened(text: str, width: float) -> str:
    """Return a text, with an ellipsis where it is too wide."""
    if width_of(text) <= width:
        return text
    while text and width_of(text) > width - 1.0:
        text = text[:-1]
    return text.rstrip() + "…"


def _charts(page: Page, behind: pitch_data.Behind) -> None:
    book, results, height = page.draft.book, behind.results, round(CHART_ROWS * CHART_ROW / 0.75)
    blocks = ((0, 12), (13, 26), (27, COLUMNS - 1))
    titles: tuple[str, ...] = (
        _text(results, 'year'), "Betas ± 90%: weeks (dark: clear), days",
        "Drivers, by each day's betas, %",
    )  # fmt: skip
    for (left, right), title in zip(blocks, titles, strict=True):
        _line(page, CHARTS, (left, right), title, bold=True, font_size=9)
    sizes = [((right - left + 1) * PIXELS, height) for left, right in blocks]
    year = charts.plain_line(book, pitch_data.NAME, behind.year.first, behind.year.last, behind.year.column, sizes[0])
    betas = charts.paired_bars(
        book, pitch_data.NAME, behind.betas.first, behind.betas.last, behind.betas.column, sizes[1]
    )
    steps = charts.waterfall(
        book, pitch_data.NAME, behind.steps.first, behind.steps.last, behind.steps.column, "", sizes[2]
    )
    for (left, _), chart in zip(blocks, (year, betas, steps), strict=True):
        page.sheet.insert_chart(CHARTS + 1, left, chart, {"object_position": 2})


def _heading(page: Page, row: int, columns: tuple[int, int], content: str) -> None:
    _line(page, row, columns, content, bold=True, font_size=9.5)


def _columns(
    page: Page, row: int, columns: tuple[tuple[int, int], ...], contents: tuple[Any, ...], **look: Any
) -> None:
    for k, (block, content) in enumerate(zip(columns, contents, strict=True)):
        _line(page, row, block, content, align="left" if k == 0 else "right", **look)


def _paths(page: Page, options: inputs.PitchOptions, results: Results) -> None:
    columns = ((0, 9), (10, 11), (12, 14), (15, 16), (17, 19))
    _heading(page, LOWER, LEFT, _text(results, "paths"))
    _columns(page, LOWER + 1, columns, (_text(results, 'later'), "mean", "90% range", "odds", "base rate"),
             font_color=QUIET, bottom=1, bottom_color=LINE)  # fmt: skip
    for i in range(inputs.MOST_PATHS + 1):
        blend = i == inputs.MOST_PATHS
        stem = "blend" if blend else f"path.{i + 1}"
        said = {
            "mean": f"{{{stem}.mean:+1}}%", "p5": f"{{{stem}.p5:+0}} to {{{stem}.p95:+0}}%",
            "prob_outperform": f"{{{stem}.prob_outperform:%}}", "base_rate": f"{{{stem}.base_rate:%}}",
        }  # fmt: skip
        shown = [_where(f"{stem}.{name}", one).formula(results) for name, one in said.items()]
        mixed = f'IF(ISNUMBER({results["blend.mean"]}),"Your blend","Weights do not add up to 1")'
        label = f'=IF({results["weights"]}=0,"",{mixed})' if blend else _text(results, f"{stem}.label")
        _columns(page, LOWER + 2 + i, columns, (label, *(f"={s}" for s in shown)), bold=blend)
    if options.internal:
        _line(page, LOWER + 3 + inputs.MOST_PATHS, LEFT, _text(results, "futures"), font_size=SMALL, font_color=QUIET)


def _text(results: Results, name: str) -> str:
    """The formula of a sentence; joined with nothing, so that an empty one stays a text in every program."""
    return f'={results[name]}&""'


def _where(name: str, said: str) -> Say:
    return either(Known(name), said, "")


def _betas_table(page: Page, results: Results) -> None:
    """In place of paths: the betas in numbers, on weeks, days and months."""
    columns = ((0, 4), (5, 9), (10, 14), (15, 19))
    _heading(page, LOWER, LEFT, "The betas in numbers: % per sd, ± 90%")
    _columns(page, LOWER + 1, columns, ("", "weeks (lead)", "days", "months"), font_color=QUIET, bottom=1,
             bottom_color=LINE)  # fmt: skip
    for i, factor in enumerate(pitch_data.FACTORS):
        cells = []
        for frequency in ("weeks", "days", "months"):
            stem = f"{factor}.{frequency}"
            known = f"{stem}.beta" in results
            said = _where(f"{stem}.beta", f"{{{stem}.beta:+2}} ± {{{stem}.half:2}}").formula(results) if known else ""
            cells.append(f"={said}" if known else "")
        _columns(page, LOWER + 2 + i, columns, (factor, *cells))
    explained = _where("rsquared", "Macro explains {rsquared:%} of the weekly variance.").formula(results)
    _line(page, LOWER + 2 + len(pitch_data.FACTORS), LEFT, f"={explained}", font_size=SMALL, font_color=QUIET)


def _list(page: Page, row: int, columns: tuple[int, int], title: str, names: list[str], results: Results) -> None:
    _heading(page, row, columns, title)
    for i, name in enumerate(names, 1):
        _line(page, row + i, columns, _text(results, name))


def _scorecard(page: Page, results: Results, block: pitch_data.Block) -> None:
    """The claims in their order, at most eight: the r-th of the orders says which row of the data sheet it is."""
    top, columns = LOWER + 4, ((21, 28), (29, 35), (36, 39))
    heads = (_text(results, "scorecard"), "first reading", "verdict, all ways")
    for k, (where, head) in enumerate(zip(columns, heads, strict=True)):
        look: dict[str, Any] = {"bold": True, "font_size": 9.5} if k == 0 else {"font_color": QUIET, "align": "right"}
        _line(page, top, where, head, **look)
    _line(page, top + 1, RIGHT, _text(results, "not_shown"), font_size=SMALL, font_color=QUIET)

    def column(k: int) -> str:
        c = block.column + k
        return f"'{pitch_data.NAME}'!{address(block.first, c, True)}:{address(block.last, c, True)}"

    order = column(3)
    for r in range(1, min(words.MOST_CLAIMS, block.last - block.first + 1) + 1):
        rank = f"SMALL({order},{r})"
        cells = tuple(
            f'=IF({rank}>={pitch_data.NOT_TESTED},"",INDEX({column(k)},MATCH({rank},{order},0)))' for k in range(3)
        )
        _columns(page, top + 1 + r, columns, cells)
    verdict_colours(
        page.draft, page, top + 2, columns[2][0], top + 1 + words.MOST_CLAIMS, columns[2][1], decided_only=True
    )


def _foot(page: Page, options: inputs.PitchOptions, results: Results) -> None:
    for i, line in enumerate(words.sources(results, options)):
        top = {"top": 1, "top_color": LINE} if i == 0 else {}
        _line(page, FOOT + i, (0, COLUMNS - 1), line, literal=i > 1, font_size=SMALL, font_color=QUIET, **top)


def _print_setup(page: Page, last: int) -> None:
    sheet = page.sheet
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.35, right=0.35, top=0.28, bottom=0.28)
    sheet.fit_to_pages(1, 1)
    sheet.center_horizontally()
    sheet.print_area(0, 0, last, COLUMNS - 1)
    sheet.activate()
