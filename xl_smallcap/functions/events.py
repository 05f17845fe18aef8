"""Worksheet functions of news: what a factor's move means on days of one kind, and what comes next."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from xl_smallcap.analyses import events as analysis
from xl_smallcap.analyses.events import DIFFERENCE, EventBeta, KindDifference, NewsPanel
from xl_smallcap.analyses.provenance import source_of
from xl_smallcap.analyses.question import CHANGE_UNIT, snapshot_day, unit_factor, unit_name
from xl_smallcap.data.catalogue import Target
from xl_smallcap.data.events import UNSCHEDULED
from xl_smallcap.errors import BadArgumentError, FitError, NoDataError, XlSmallcapError
from xl_smallcap.functions import arguments as read
from xl_smallcap.functions.arguments import date, number, row_of, stats_of, table_of
from xl_smallcap.functions.parameters import AS_OF, FACTOR, RELATIVE, START, UNIT, WINDOW, statistic
from xl_smallcap.functions.table import Parameter, worksheet_function
from xl_smallcap.models.inference import student_pvalues, student_quantile
from xl_smallcap.session import Session
from xl_smallcap.types import All, BetaUnit, Day, EventStat, Scalar, Table, Window

_DAYS = 45
_TOGETHER = "Several events on this day; each slope is of days with one."
_IN_THE_END = "The day it was published in the end, not as it was scheduled then."
_STATS = (
    "beta (default), se, tstat, pvalue, lower, upper, nobs, shifted, top5_share, beta_without_top5, rank_slope, "
    "years_same_sign, years, beta_market_held, beta_growth_held, beta_growth_days, first_date, last_date or all; of "
    "cpi-payrolls also permutation_pvalue."
)


def _event(session: Session, value: Any) -> str:
    return "cpi" if read.is_blank(value) else analysis.check_kind(session, read.word("kind", value))


def _factor(session: Session, value: Any) -> str:
    return session.catalogue.factor("easing" if read.is_blank(value) else read.word("factor", value)).id


def _ahead(_: Session, value: Any) -> int:
    return read.whole("days", value, _DAYS, 3660, "calendar days")


_FACTOR = FACTOR.but(
    help='Any factor of the catalogue; "easing" (default) is a fall of the 2-year yield. See RUSSELL_FACTORS.',
    read=_factor,
    optional=True,
)
_EVENT = Parameter(
    "kind",
    'Kind of day: "cpi" (default), "payrolls", "fomc", "fomc_2day", "unscheduled", "several", "other", your own, or '
    '"cpi-payrolls" for the difference.',
    _event,
)
_AHEAD = Parameter("days", "How many calendar days ahead. Default 45.", _ahead, kind="number")


@dataclass(eq=False, repr=False)
class _EventBeta:
    """One kind of day."""

    beta: Scalar = None
    se: Scalar = None
    tstat: Scalar = None
    pvalue: Scalar = None
    lower: Scalar = None
    upper: Scalar = None
    nobs: Scalar = None
    shifted: Scalar = None
    top5_share: Scalar = None
    beta_without_top5: Scalar = None
    rank_slope: Scalar = None
    years_same_sign: Scalar = None
    years: Scalar = None
    beta_market_held: Scalar = None
    tstat_market_held: Scalar = None
    beta_growth_held: Scalar = None
    tstat_growth_held: Scalar = None
    nobs_growth_held: Scalar = None
    beta_growth_days: Scalar = None
    permutation_pvalue: Scalar = None
    first_date: Scalar = None
    last_date: Scalar = None
    unit: Scalar = None

    @classmethod
    def of(cls, one: EventBeta, panel: NewsPanel, unit: BetaUnit, confidence: float) -> _EventBeta:
        """Take a kind's numbers in a unit."""
        scale = panel.sd * unit_factor(unit, panel.quote, panel.sd, panel.factor)
        slope, half = one.slope, student_quantile(confidence, one.slope.df) * one.slope.bse
        return cls(
            beta=number(slope.slope * scale),
            se=number(slope.bse * scale),
            tstat=number(slope.tvalue),
            pvalue=number(slope.pvalue),
            lower=number((slope.slope - half) * scale),
            upper=number((slope.slope + half) * scale),
            nobs=slope.nobs,
            shifted=one.shifted,
            top5_share=number(slope.top_share),
            beta_without_top5=number(slope.slope_without_top * scale),
            rank_slope=number(slope.rank_slope),
            years_same_sign=slope.years_same_sign,
            years=slope.years,
            beta_market_held=number(one.market_held.slope * scale),
            tstat_market_held=number(one.market_held.tvalue),
            beta_growth_held=number(one.growth_held.slope * scale),
            tstat_growth_held=number(one.growth_held.tvalue),
            nobs_growth_held=one.growth_held.nobs or None,
            beta_growth_days=number(one.growth_held.slope_alone * scale),
            first_date=date(one.first_date),
            last_date=date(one.last_date),
            unit=unit_name(unit, panel.quote),
        )

    @classmethod
    def between(cls, two: KindDifference, panel: NewsPanel, unit: BetaUnit, confidence: float) -> _EventBeta:
        """Take the numbers of a difference of two kinds."""
        scale = panel.sd * unit_factor(unit, panel.quote, panel.sd, panel.factor)
        half, t = student_quantile(confidence, two.df) * two.bse, two.slope / two.bse
        return cls(
            beta=number(two.slope * scale),
            se=number(two.bse * scale),
            tstat=number(t),
            pvalue=number(float(student_pvalues(np.array([t]), two.df)[0])),
            lower=number((two.slope - half) * scale),
            upper=number((two.slope + half) * scale),
            nobs=two.nobs,
            permutation_pvalue=number(two.permutation_pvalue),
            first_date=date(two.first_date),
            last_date=date(two.last_date),
            unit=unit_name(unit, panel.quote),
        )


def _row(session: Session, panel: NewsPanel, kind: str, target: Target, unit: BetaUnit) -> _EventBeta:
    confidence = session.settings.confidence
    try:
        if kind == DIFFERENCE:
            return _EventBeta.between(analysis.kind_difference(session, panel, target.market), panel, unit, confidence)
        return _EventBeta.of(analysis.event_beta(panel, kind, target.market), panel, unit, confidence)
    except FitError as exc:
        raise FitError(f"{exc}{analysis.without_days(session, panel, kind)}") from exc


def _why_blank(stat: str, kind: str, factor: str, target: str) -> XlSmallcapError:
    """Why a stat has no number."""
    if stat == "permutation_pvalue":
        return BadArgumentError(f"'{stat}' compares two kinds of day; ask for kind \"{DIFFERENCE}\".")
    if kind == DIFFERENCE:
        return BadArgumentError(
            f"A difference of two kinds has no '{stat}', only beta, se, tstat, pvalue, lower, upper, nobs, "
            f'permutation_pvalue, first_date and last_date; ask for kind "cpi" or "payrolls".'
        )
    if "growth" in stat and factor == analysis.GROWTH:
        return BadArgumentError("Growth is the factor itself, so it cannot be held beside it.")
    if "growth" in stat:
        return NoDataError(
            f"'{stat}' needs growth on at least 20 of these days; its sector funds begin later or are not loaded."
        )
    if "market" in stat:
        return NoDataError(
            f"'{stat}' needs the market beside target '{target}'; it is the target itself or not loaded."
        )
    return NoDataError(f"'{stat}' of kind '{kind}' is not a finite number on these days.")


@worksheet_function(_FACTOR, RELATIVE, statistic(EventStat, "beta", _STATS), _EVENT, START, AS_OF, UNIT)
def RUSSELL_EVENT_BETA(
    session: Session,
    factor: str,
    target: Target,
    stat: EventStat | All,
    kind: str,
    start: Day,
    as_of: Day,
    unit: BetaUnit,
) -> float | dt.date | Table:
    """Beta to one factor on the days of one kind of news, in % per +1 standard deviation of the factor over all days: CPI, payrolls, FOMC; with HC3 errors, how few days it hangs on, and the difference of CPI and payroll days.

    Returns
    -------
    float, datetime.date or list of list
        The statistic asked for, or the table stat, value.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.

    Notes
    -----
    HC3 errors (MacKinnon and White 1985), Student's t; labels exchanged within years, studentised (DiCiccio and Romano 2015). docs/methods.md.
    """
    panel = analysis.news_panel(session, factor, target, start, as_of)
    cells = stats_of(_row(session, panel, kind, target, unit))
    if stat == "all":
        more: list[tuple[str, Scalar]] = [
            ("factor", factor), ("target", target.id), ("event", kind), ("factor_sd", panel.sd),
            ("factor_unit", CHANGE_UNIT[panel.quote]), ("source", source_of(session, panel.used)),
        ]  # fmt: skip
        return [["stat", "value"], *([n, v] for n, v in [*cells.items(), *more])]
    value = cells[stat]
    if value is None:
        raise _why_blank(stat, kind, factor, target.id)
    assert isinstance(value, (int, float, dt.date))
    return value


@worksheet_function(_FACTOR, RELATIVE, START, AS_OF, UNIT)
def RUSSELL_EVENT_BETAS(session: Session, factor: str, target: Target, start: Day, as_of: Day, unit: BetaUnit) -> Table:
    """Table of betas to one factor by kind of day, in % per +1 standard deviation of the factor over all days: CPI, payrolls, FOMC, days without news, and the difference of CPI and payroll days, with HC3 errors and how fragile each is.

    Returns
    -------
    list of list
        Header, then a row a kind; one with fewer than 20 days is #N/A with its reason in note.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    panel = analysis.news_panel(session, factor, target, start, as_of)
    source = source_of(session, panel.used)
    rows: Table = [["event", *stats_of(_EventBeta()), "note", "source"]]
    for kind in analysis.kinds_of(session):
        try:
            cells = list(stats_of(_row(session, panel, kind, target, unit)).values())
            note: Scalar = None
        except FitError as exc:
            cells, note = [None] * len(stats_of(_EventBeta())), str(exc)
        rows.append([kind, *cells, note, source])
    return rows


@dataclass(eq=False, repr=False)
class _EventWindow:
    """Five calendar years."""

    date: Scalar
    beta: Scalar
    lower: Scalar
    upper: Scalar
    nobs: Scalar
    unit: Scalar
    note: Scalar


@worksheet_function(_FACTOR, RELATIVE, _EVENT, AS_OF, UNIT)
def RUSSELL_EVENT_BETA_HISTORY(
    session: Session, factor: str, target: Target, kind: str, as_of: Day, unit: BetaUnit
) -> Table:
    """Table of betas on the days of one kind of news over windows of five calendar years, one ending with each year: date, beta and 90 % interval in % per +1 standard deviation of the factor over the window's days.

    Returns
    -------
    list of list
        date, beta, lower, upper, nobs, unit, note.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    if kind == DIFFERENCE:
        raise BadArgumentError(f"A history is of one kind of day; '{DIFFERENCE}' is in RUSSELL_EVENT_BETA.")
    panel = analysis.news_panel(session, factor, target, None, as_of)
    confidence, rows = session.settings.confidence, list[_EventWindow]()
    for last, part, one in analysis.five_years(panel, kind, target.market):
        if isinstance(one, FitError):
            rows.append(_EventWindow(date(last), None, None, None, None, None, str(one)))
            continue
        cells = _EventBeta.of(one, part, unit, confidence)
        rows.append(
            row_of(_EventWindow, date(last), cells.beta, cells.lower, cells.upper, cells.nobs, cells.unit, None)
        )
    return table_of(_EventWindow, rows)


@dataclass(eq=False, repr=False)
class _Coming:
    """One event to come."""

    date: Scalar
    event: Scalar
    days: Scalar
    beta: Scalar = None
    lower: Scalar = None
    upper: Scalar = None
    unit: Scalar = None
    nobs: Scalar = None
    note: Scalar = None


@worksheet_function(_FACTOR, RELATIVE, _AHEAD, AS_OF)
def RUSSELL_CALENDAR(session: Session, factor: str, target: Target, days: int, as_of: Day) -> Table:
    """Table of the news to come within so many days after as_of: date, kind, and what a move of the factor by 10 bp, 1 % or 1 point has meant on such days, in % with its 90 % interval. The schedule is the calendar's; the unscheduled is in none.

    Returns
    -------
    list of list
        date, event, days, beta, lower, upper, unit, nobs, note.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    today = snapshot_day(session) if as_of is None else as_of
    upcoming = analysis.coming(session, today, days)
    if not upcoming:
        raise NoDataError(_nothing_from(session, today, today + np.timedelta64(days, "D")))
    panel = analysis.news_panel(session, factor, target, None, as_of)
    betas: dict[str, _EventBeta | XlSmallcapError] = {}
    for kind in dict.fromkeys(kind for _, kind in upcoming):
        try:
            betas[kind] = _row(session, panel, kind, target, "native")
        except FitError as exc:
            betas[kind] = exc
    rows = list[_Coming]()
    past = today < snapshot_day(session)
    together = Counter(day for day, _ in upcoming)
    for day, kind in upcoming:
        ahead, beta = int((day - today).astype(int)), betas[kind]
        said = [_TOGETHER] if together[day] > 1 else []
        said += [_IN_THE_END] if past else []
        if isinstance(beta, XlSmallcapError):
            rows.append(_Coming(date(day), kind, ahead, note=" ".join([str(beta), *said])))
        else:
            cells = (beta.beta, beta.lower, beta.upper, beta.unit, beta.nobs)
            rows.append(_Coming(date(day), kind, ahead, *cells, " ".join(said) or None))
    return table_of(_Coming, rows)


def _nothing_from(session: Session, today: np.datetime64, until: np.datetime64) -> str:
    """Why a calendar shows nothing: it begins later, has ended, or there is nothing in so few days."""
    shown = [d for kind, d in session.events.days.items() if kind != UNSCHEDULED and d.size]
    first, newest = min(d[0] for d in shown), max(d[-1] for d in shown)
    says = f"The calendar has no event from {today} to {until}"
    if newest <= today:
        return f"{says}: it ends on {newest}. A refresh with a FRED key extends it, or a file events.csv in the home."
    if first > until:
        return f"{says}: it begins on {first}."
    return f"{says}. Ask for more days, such as {_DAYS}."


@dataclass(eq=False, repr=False)
class _NewsBeta:
    """One kind of news."""

    news: Scalar
    beta: Scalar
    se: Scalar
    tstat: Scalar
    lower: Scalar
    upper: Scalar
    range_lower: Scalar
    range_upper: Scalar
    rsquared: Scalar
    nobs: Scalar
    first_date: Scalar
    last_date: Scalar
    unit: Scalar
    source: Scalar


@worksheet_function(RELATIVE, WINDOW, AS_OF)
def RUSSELL_NEWS_BETAS(session: Session, target: Target, window: Window, as_of: Day) -> Table:
    """Table of betas to growth news (S&P 500 and 2-year yield up together) and policy news (S&P up, yield down), in % per +1 standard deviation of the news, with the range over every way the signs allow to split a day.

    Returns
    -------
    list of list
        A row for growth and one for policy; range_lower and range_upper hold the beta over all admissible rotations.
        Targets "hedged" and "sp500" are refused: the news is made of the S&P 500 and one yield.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.

    Notes
    -----
    Jarocinski and Karadi (2020), Cieslak and Pang (2021); covariances weighted exponentially. docs/methods.md.
    """
    from xl_smallcap.analyses.news import NAMES, news_betas

    betas = news_betas(session, target, window, as_of)
    fit, source = betas.fit, source_of(session, betas.used)
    rows = [
        _NewsBeta(
            name, number(fit.params[i]), number(fit.bse[i]), number(fit.tvalues[i]), number(fit.lower[i]),
            number(fit.upper[i]), number(betas.lower[i]), number(betas.upper[i]), number(fit.rsquared_each[i]), fit.nobs,
            date(betas.first_date), date(betas.last_date), "% per +1 sd", source,
        )
        for i, name in enumerate(NAMES)
    ]  # fmt: skip
    return table_of(_NewsBeta, rows)
