"""Sheet News: what a factor's move means on the days of one kind of news, how that changed, and what comes next."""

from __future__ import annotations

from xl_smallcap.sentences import Known, either, say
from xl_smallcap.session import current_session
from xl_smallcap.workbooks import charts
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.sheets import LAST_ROW, LATEST, columns, heading
from xl_smallcap.workbooks.styles import BETA, COUNT, DATE, PVALUE, SHARE
from xl_smallcap.workbooks.tables import Field, show
from xl_smallcap.xlsx.references import address

NAME = "News"
KINDS, NEXT, CHART, HISTORY, YEARS = 7, 16, 22, 46, 15
"""First rows of the blocks, from zero, and how many windows the history has."""
NEXT_ROOM, WHOLE_COLUMN = 6, 13
_NEXT_FIELDS = (
    Field("date", "date", DATE, text=True),
    Field("event", "news", text=True),
    Field("days", "days ahead", COUNT),
    Field("beta", "has meant", BETA),
    Field("lower", "90 % from", BETA),
    Field("upper", "90 % to", BETA),
    Field("unit", "unit", span=2, text=True),
    Field("nobs", "past days", COUNT),
    Field("note", "remark", span=2, text=True),
)
_SAID = (
    ("cpi", "consumer prices are published at 8:30"),
    ("payrolls", "the Employment Situation is published at 8:30"),
    ("fomc", "scheduled decisions; yields are struck near 15:30, soon after"),
    ("fomc_2day", "the same, with the next day"),
    ("other", "no such news"),
    ("cpi-payrolls", "the difference of the first two"),
)
_COLUMNS = (
    ("beta", "beta", BETA),
    ("± 90 %", "", BETA),
    ("lower", "lower", BETA),
    ("upper", "upper", BETA),
    ("t", "tstat", BETA),
    ("days", "nobs", COUNT),
    ("share of five days", "top5_share", SHARE),
    ("without them", "beta_without_top5", BETA),
    ("market held", "beta_market_held", BETA),
)
_FACTORS = ("easing", "inflation", "growth", "dollar", "oil")
_ASK = 'RUSSELL_EVENT_BETA(in_news_factor,in_target,"{0}",{1},{2},{3},"native")'


def _of_kind(stat: str, kind: str) -> str:
    return _ASK.format(stat, kind, "", "in_as_of")


def build(draft: Draft, page: Page) -> None:
    """Write the sheet; every number is a formula of its own."""
    heading(page, "News days", "The same move of a yield means one thing after prices and another after jobs.")
    page.put(4, 0, "Factor", kind="label")
    page.input(4, 1, "in_news_factor", _FACTORS[0], list(_FACTORS))
    rates = [f for f in _FACTORS if current_session().catalogue.factors[f].quote == "bp"]
    unit = ",".join(f'in_news_factor="{f}"' for f in rates)
    page.put(4, 3, f'=in_target&", "&IF(OR({unit}),"% per 10 bp","% per 1 %")', kind="label", align="left")
    page.put(4, 6, "easing is a fall of the 2-year yield; the target is typed on the sheet Betas", kind="note")
    page.row(KINDS - 1, 0, ["kind of day", *(title for title, _, _ in _COLUMNS), "what it is"], "head")
    page.sheet.set_row(KINDS - 1, 30)
    for i, (kind, says) in enumerate(_SAID):
        row = KINDS + i
        page.put(row, 0, kind)
        for j, (_, stat, form) in enumerate(_COLUMNS, 1):
            if not stat:
                page.put(row, j, f'=IFERROR((E{row + 1}-D{row + 1})/2,"n/a")', form, align="right")
            elif kind != "cpi-payrolls" or stat in ("beta", "lower", "upper", "tstat", "nobs"):
                page.put(row, j, f'=IFERROR({_of_kind(stat, f"$A{row + 1}")},"n/a")', form, align="right")
        page.put(row, len(_COLUMNS) + 1, says, kind="note", indent=1)
    last = KINDS + len(_SAID)
    chance = _of_kind("permutation_pvalue", '"cpi-payrolls"')
    page.put(last, WHOLE_COLUMN, f"={chance}", PVALUE)
    page.put(last, WHOLE_COLUMN + 1, "of draws with labels exchanged within years differ as much", kind="note")
    cells = {"difference": f"B{last}", "t": f"F{last}", "chance": address(last, WHOLE_COLUMN, True)}
    by_labels = either(Known("chance"), ", p by labels exchanged within years {chance:4}", "")
    said = say("CPI and payroll days differ by {difference:+2} (t {t:+1}", by_labels, ").")
    page.put(
        last, 0, f"={either(Known('difference'), said, 'No difference: too few days.').formula(cells)}", kind="warning"
    )
    page.put(
        last + 1,
        0,
        "Seen in these data before it was tested. On days nobody had looked at: see the sheet Thesis, basis untouched.",
        kind="note",
    )
    page.put(NEXT - 1, 0, "What comes next, and what such a move has meant", kind="label", align="left")
    formula = "=RUSSELL_CALENDAR(in_news_factor,in_target,45,in_as_of)"
    show(page, (NEXT, 0), (NEXT, WHOLE_COLUMN), formula, _NEXT_FIELDS, NEXT_ROOM)
    page.put(
        NEXT - 1,
        5,
        f'=IF(ISERROR({address(NEXT, WHOLE_COLUMN)}),"No dates ahead: refresh with a FRED key, or add events.csv.","")',
        kind="warning",
    )
    _history(page)
    page.sheet.insert_chart(
        CHART, 0, charts.bars(NAME, KINDS, KINDS + len(_SAID) - 1, draft.book, title=_CHART, size=(455, 235))
    )
    lines = ((1, "CPI days", "blue"), (4, "payroll days", "orange"))
    rows = (HISTORY + 1, HISTORY + YEARS)
    over_time = charts.lines(
        draft.book, NAME, *rows, 0, lines, _OVER_TIME, (560, 235), "+0.0;-0.0;0", years=2
    )  # fmt: skip
    page.sheet.insert_chart(CHART, 6, over_time)
    columns(page, (13, *[9.0] * 9, 50))
    page.sheet.freeze_panes(3, 1)
    page.sheet.print_area(0, 0, LAST_ROW, 10)


_CHART = "Beta by kind of day with 90 % interval"
_OVER_TIME = "Beta over five years to each day"


def _history(page: Page) -> None:
    """Windows of five years, oldest first, the last one to the day of the workbook."""
    page.put(HISTORY - 1, 0, "Five years each", kind="label", align="left")
    heads = ["to", *(f"{kind}, {what}" for kind in ("cpi", "payrolls") for what in ("beta", "lower", "upper"))]
    page.row(HISTORY, 0, heads, "head")
    for back in range(YEARS - 1, -1, -1):
        row = HISTORY + YEARS - back
        page.put(row, 0, f"=EOMONTH({LATEST},-{12 * back})" if back else f"={LATEST}", DATE)
        for j, (kind, stat) in enumerate(((k, s) for k in ("cpi", "payrolls") for s in ("beta", "lower", "upper")), 1):
            ask = _ASK.format(stat, f'"{kind}"', f"EOMONTH($A{row + 1},-60)+1", f"$A{row + 1}")
            page.put(row, j, f"=IFERROR({ask},NA())", BETA)
