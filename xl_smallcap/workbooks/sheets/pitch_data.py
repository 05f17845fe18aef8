"""Sheet Pitch data: the cells behind the pitch sheet; each of its numbers can be traced to a RUSSELL_ formula."""

from __future__ import annotations

from typing import Any

from xl_smallcap.analyses.sentence import CLEAR_P
from xl_smallcap.analyses.thesis import CLAIMS
from xl_smallcap.formulas.values import Grid
from xl_smallcap.session import current_session
from xl_smallcap.workbooks.draft import Page
from xl_smallcap.workbooks.sheets import LATEST, month_ends
from xl_smallcap.workbooks.sheets.factors import items_of, waterfall
from xl_smallcap.workbooks.styles import BETA, DATE, SHARE
from xl_smallcap.xlsx.references import address

NAME = "Pitch data"
FACTORS = ("growth", "inflation", "easing", "dollar", "oil")
BETAS, LEVELS, STEPS, MAP, HISTORY, FANS, REGIMES = 2, 11, 18, 34, 48, 48, 48
"""First rows of the blocks, from zero; blocks of the same row stand side by side."""
MONTHS, FAN_MONTHS, REGIME_MONTHS = 60, 12, 120
FAN_COLUMNS = (6, 14)
PATHS, PATHS_COLUMN, MOST_PATHS = 66, 6, 40
REGIME_COLUMN, CHART_COLUMN, THESIS_COLUMN, ATTRIBUTION_COLUMN = 23, 40, 35, 14
CLAIM_ROW, CLAIM_COLUMN = 2, 52
HEADS = ["claim", "statistic", "value", "unit", "lower", "upper", "verdict", "rows for", "rows against", "rows", "day"]
PROJECTED = (3, 4)
"""Claims that are projections: goldilocks months ahead, and the paths' difference."""
TARGET = '"relative"'


def _betas(page: Page) -> None:
    page.put(BETAS - 2, 0, "Betas of Russell less S&P 500, % per +1 sd, 250 days", kind="label", align="left")
    page.row(BETAS - 1, 0, ["factor", "beta", "± 90 %", "lower", "upper", "t", "reading"], "head")
    for i, factor in enumerate(FACTORS):
        r = BETAS + i
        page.put(r, 0, factor)
        for j, stat in ((1, "beta"), (3, "lower"), (4, "upper"), (5, "tstat")):
            page.put(r, j, f'=RUSSELL_BETA($A{r + 1},{TARGET},"{stat}",250,in_as_of)', BETA)
        page.put(r, 2, f"=(E{r + 1}-D{r + 1})/2", BETA)
        corrected = f'RUSSELL_BETA($A{r + 1},{TARGET},"pvalue_bh",250,in_as_of)'
        page.put(r, 6, f'=IF({corrected}<={CLEAR_P},"clear","not clear")')


def _levels(page: Page) -> None:
    """What must be true: today's level, and the one at which the path's call is a coin's toss."""
    page.put(
        LEVELS - 2,
        0,
        "Levels that matter: where outperformance on the path is a coin's toss",
        kind="label",
        align="left",
    )
    heads = [
        "factor",
        "now",
        "shock to one half",
        "level there",
        "outperformance fails",
        "interval from",
        "interval to",
        "bounded",
    ]
    page.row(LEVELS - 1, 0, heads, "head")
    table = f"RUSSELL_TIPPING(,in_path,{TARGET},,in_as_of)"
    for i, factor in enumerate(("growth", "inflation", "easing")):
        r = LEVELS + i
        page.put(r, 0, factor)
        sign = "-" if factor == "easing" else ""
        page.put(r, 1, f'={sign}RUSSELL_FACTOR("{factor}","level",in_as_of)', "0.00")
        page.put(r, 2, f'=RUSSELL_TIPPING("{factor}",in_path,{TARGET},,in_as_of)', "+0.0;-0.0;0.0")
        turn = "-" if factor == "easing" else "+"
        page.put(r, 3, f"=C{r + 1}" if factor == "growth" else f"=B{r + 1}{turn}C{r + 1}/100", "0.00")
        page.put(r, 4, f'=INDEX({table},{i + 2},3)&""')
        for j, column in ((5, 4), (6, 5)):
            page.put(r, j, f'=IFERROR(INDEX({table},{i + 2},{column}),"none")', "+0.0;-0.0;0.0")
        page.put(r, 7, f'=IF(ISNUMBER(F{r + 1}),"yes","no: the data cannot bound it")')


def _history(page: Page) -> None:
    page.row(HISTORY, 0, ["date", "growth", "inflation", "easing"], "head")
    page.put(HISTORY - 1, 0, "Betas at month ends, 250 days, % per +1 sd", kind="label", align="left")
    for r in month_ends(page, HISTORY + 1, MONTHS):
        for j, factor in enumerate(("growth", "inflation", "easing"), 1):
            page.put(r, j, f'=RUSSELL_BETA("{factor}",{TARGET},"beta",250,$A{r + 1})', BETA)


def _fans(page: Page) -> None:
    for column, name in zip(FAN_COLUMNS, ("in_path", "in_against"), strict=True):
        page.put(FANS - 1, column, f'="Fan of "&{name}&", cumulated log %"', kind="label", align="left")
        page.row(FANS, column, ["month", "mean", "p5", "p25", "p50", "p75", "p95"], "head")
        fan = f"RUSSELL_FAN({name},{TARGET},,in_as_of)"
        for i in range(1, FAN_MONTHS + 1):
            page.put(FANS + i, column, float(i))
            for j in range(1, 7):
                page.put(FANS + i, column + j, f"=IFERROR(INDEX({fan},{i + 1},{j + 1}),NA())", BETA)


def _paths(page: Page) -> None:
    """The library's paths and the days of their views: a page of an earlier day says so."""
    page.put(PATHS - 1, PATHS_COLUMN, "Paths and the days they were written", kind="label", align="left")
    for i, path in enumerate(current_session().scenarios.paths.values()):
        page.put(PATHS + i, PATHS_COLUMN, path.id)
        if path.dated is not None:
            page.put(PATHS + i, PATHS_COLUMN + 1, path.dated, DATE)


def _map(page: Page) -> None:
    page.put(
        MAP - 2,
        0,
        "Probability of outperformance over growth (across) and inflation (down), sd, 3 months",
        kind="label",
        align="left",
    )
    for i in range(10):
        for j in range(10):
            form = "0.0" if i == 0 or j == 0 else SHARE
            page.put(MAP - 1 + i, j, f"=INDEX(RUSSELL_NEEDLE_MAP({TARGET},3,in_as_of),{i + 1},{j + 1})", form)


def _attribution(page: Page) -> None:
    page.put(BETAS - 2, ATTRIBUTION_COLUMN, "Year to date, Russell less S&P 500, log %", kind="label", align="left")
    page.spill(BETAS - 1, ATTRIBUTION_COLUMN, f"=RUSSELL_ATTRIBUTION(,in_as_of,{TARGET})", 12)
    items = items_of("$O", "$P", range(BETAS + 1, BETAS + 13), (*FACTORS, "drift", "specific", "total"))
    page.put(STEPS - 1, 0, "Behind the waterfall", kind="label", align="left")
    waterfall(page, STEPS, 0, items)


_PARTS = ((1, 3), (2, 4), (3, 5), (4, 6), (5, 7), (6, 9), (10, 10))
"""Column of the summary, column of the thesis' table; from zero."""
_NUMBERS = {4: BETA, 6: BETA, 7: BETA, 10: DATE}


def _part(page: Page, row: int, column: int, of: int, formula: str) -> None:
    # &"": LibreOffice does not find a text of a spilled add-in table equal to the same text elsewhere
    form = _NUMBERS.get(of)
    page.put(row, CLAIM_COLUMN + column, formula + '&""' if form is None else formula, form or "")


def _table(page: Page) -> list[tuple[Any, ...]]:
    """Rows of the thesis' table with its header; it has all of them whatever the data, or is an error."""
    table = page.draft.calculator.calculate("=RUSSELL_THESIS(in_as_of)", page.name)
    return list(table.rows) if isinstance(table, Grid) else []


def _rows_of(page: Page) -> dict[str, list[int]]:
    """Rows of the thesis' table that each claim has, from one."""
    by_claim: dict[str, list[int]] = {}
    for i, row in enumerate(_table(page), 1):
        if row[-1] != "found in these data":  # what was found by looking decides no claim
            by_claim.setdefault(str(row[0]), []).append(i)
    return by_claim


def _counts(page: Page, row: int, rows: list[int]) -> None:
    """How many of a claim's rows support and contradict it, and how many there are."""
    for column, word in ((7, "supported"), (8, "contradicted")):
        terms = ",".join(f'IF(INDEX(RUSSELL_THESIS(in_as_of),{r},9)&""="{word}",1,0)' for r in rows)
        page.put(row, CLAIM_COLUMN + column, f"=SUM({terms})" if rows else "=0", "0")
    page.put(row, CLAIM_COLUMN + 9, f"={len(rows)}", "0")


def _thesis(page: Page) -> None:
    page.put(BETAS - 2, THESIS_COLUMN, "The thesis, row by row", kind="label", align="left")
    height = max(len(_table(page)), 2)
    page.spill(BETAS - 1, THESIS_COLUMN, "=RUSSELL_THESIS(in_as_of)", height)
    keys = THESIS_COLUMN + 14
    for r in range(BETAS, BETAS + height - 1):
        page.put(r, keys, f'={address(r, THESIS_COLUMN)}&""')

    def part(column: int) -> str:
        return f"{address(BETAS, column, True)}:{address(BETAS + height - 2, column, True)}"

    of = _rows_of(page)
    for i, claim in enumerate(CLAIMS):
        r = CLAIM_ROW + i
        page.put(r, CLAIM_COLUMN, claim)
        _counts(page, r, of.get(claim, []))
        position = f"MATCH({address(r, CLAIM_COLUMN)},{part(keys)},0)"
        for j, column in _PARTS:
            _part(page, r, j, column, f"=INDEX({part(THESIS_COLUMN + column)},{position})")


def _thesis_without_projections(page: Page) -> None:
    """Only the rows that project nothing: what is not to leave the house is not in the file either."""
    of = _rows_of(page)
    for i, claim in enumerate(CLAIMS):
        r = CLAIM_ROW + i
        if i in PROJECTED or claim not in of:
            continue
        page.put(r, CLAIM_COLUMN, claim)
        _counts(page, r, of[claim])
        for j, column in _PARTS:
            _part(page, r, j, column, f"=INDEX(RUSSELL_THESIS(in_as_of),{of[claim][0]},{column + 1})")


def _regimes(page: Page, projections: bool) -> None:
    """The history, and of it the last months side by side for the chart, however many there are."""
    call = f"RUSSELL_REGIME_HISTORY(EOMONTH({LATEST},-{REGIME_MONTHS}),in_as_of)"
    table, count = call, address(REGIMES - 1, CHART_COLUMN + 3, True)
    page.put(REGIMES - 1, CHART_COLUMN + 3, f"=ROWS({call})", "0")
    if projections:
        page.put(
            REGIMES - 1, REGIME_COLUMN, "Regimes at month ends as they could be told then", kind="label", align="left"
        )
        page.spill(REGIMES, REGIME_COLUMN, f"={call}", REGIME_MONTHS + 2)
        left, right = REGIME_COLUMN, REGIME_COLUMN + 3
        bottom = REGIMES + REGIME_MONTHS + 1
        table = f"{address(REGIMES, left, True)}:{address(bottom, right, True)}"
    top = REGIMES + 1
    page.put(REGIMES - 1, CHART_COLUMN, "Regimes at month ends, for the chart", kind="label", align="left")
    page.row(REGIMES, CHART_COLUMN, ["month", "goldilocks", "reflation", "slowdown"], "head")
    for i in range(REGIME_MONTHS):
        for j, form in enumerate((DATE, SHARE, SHARE, SHARE)):
            # row 0 of INDEX is the whole column, row 1 the header: months before the first have neither
            month = f"{count}-{REGIME_MONTHS - 1 - i}"
            formula = f"=IF({month}<2,NA(),IFERROR(INDEX({table},{month},{j + 1}),NA()))"
            page.put(top + i, CHART_COLUMN + j, formula, form)


def build(page: Page, projections: bool) -> None:
    """Write the sheet."""
    _betas(page)
    _attribution(page)
    page.row(CLAIM_ROW - 1, CLAIM_COLUMN, HEADS, "head")
    _history(page)
    if projections:
        _thesis(page)
        _levels(page)
        _map(page)
        _fans(page)
        _paths(page)
    else:
        _thesis_without_projections(page)
    _regimes(page, projections)
    page.sheet.set_column(0, 66, 11)
    page.sheet.freeze_panes(2, 1)
    page.sheet.set_landscape()
    page.sheet.fit_to_pages(1, 0)
