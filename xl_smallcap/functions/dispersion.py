"""Worksheet functions of dispersion and of moves that macro does not explain."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from xl_smallcap.analyses.dispersion import (
    WEIGHTINGS,
    Dispersion,
    Spread,
    average_dispersion,
    dispersion,
    dispersion_history,
)
from xl_smallcap.analyses.provenance import source_label
from xl_smallcap.analyses.universe import winners
from xl_smallcap.data.catalogue import Spec
from xl_smallcap.errors import BadArgumentError, NoDataError
from xl_smallcap.functions import arguments as read
from xl_smallcap.functions.arguments import date, number, row_of, table_of
from xl_smallcap.functions.parameters import AS_OF, SPEC, START, WINDOW, choice_reader, spec_reader, statistic
from xl_smallcap.functions.table import Parameter, worksheet_function
from xl_smallcap.session import Session
from xl_smallcap.types import All, Day, DispersionIndex, DispersionStat, Scalar, Table, Weighting, Window

_MONTH, _QUARTER = "21", "63"
_COUNTED: tuple[DispersionStat, ...] = ("nobs", "members", "coverage", "gone", "flagged", "membership")
_WORDS = (
    "value (default), annualised, average (of the window's single days, weeks or months), mean (return), nobs, members, "
    "coverage (% of members with a return), weight_covered, gone, flagged (left out), membership, first_date, last_date "
    "or all."
)
_INDEX = Parameter(
    "index",
    '"russell" (default), "sp500" or "ratio" (Russell over S&P, same closes and weighting).',
    choice_reader("index", DispersionIndex, "russell"),
)
_WEIGHTING = Parameter(
    "weighting",
    '"equal" (default), "cap" (weights at the start, where there are dated ones), "iqr" (interquartile range / 1.34898) '
    'or "winsor" (outermost 1 % brought in).',
    choice_reader("weighting", Weighting, "equal"),
)
_WINDOW = WINDOW.but(
    help='21 days (default), "4w", "1m", "12m": the period of the returns.',
    read=lambda _, value: read.window(value, _MONTH),
)
_STEPS = '21 days (default; periods follow one another), "1m" or "12m" (a row each month), "4w" (each week).'
_MOVE = "Days of the move: 63 (default, a quarter). Betas are of the 250 days before."
_FACTORS = 'Factors. Default "macro_market": with the S&P 500, so that a market move is nobody\'s own.'
_COUNT = Parameter(
    "count",
    "Rows: 10 (default) winners; -10 for losers; at most 500.",
    lambda _, value: read.signed_count("count", value, 10, 500),
    kind="number",
)


@dataclass(eq=False, repr=False)
class _Period:
    """One period of a history."""

    date: Scalar
    start: Scalar
    equal: Scalar
    cap: Scalar
    iqr: Scalar
    winsor: Scalar
    unit: Scalar
    nobs: Scalar
    members: Scalar
    coverage: Scalar
    gone: Scalar
    flagged: Scalar
    membership: Scalar
    source: Scalar


@dataclass(eq=False, repr=False)
class _Winner:
    """One stock whose move macro does not explain."""

    rank: Scalar
    ticker: Scalar
    name: Scalar
    sector: Scalar
    move: Scalar
    macro: Scalar
    residual: Scalar
    se: Scalar
    se_event: Scalar
    tstat: Scalar
    pvalue_bh: Scalar
    rsquared: Scalar
    unit: Scalar
    start: Scalar
    date: Scalar
    suspect: Scalar
    note: Scalar
    source: Scalar


def _both(measured: Dispersion, of: Any) -> float:
    """A number of the index; of the ratio the smaller one of its two, NaN where one of them is not known."""
    return float(np.min([float(of(s)) for s in (measured.spread, measured.other) if s is not None]))


def _coverage(spread: Spread) -> float:
    return 100.0 * spread.returns.size / spread.members if spread.members else 0.0


def _stat(measured: Dispersion, stat: DispersionStat, weighting: Weighting) -> Scalar:
    one = measured.spread
    membership = one.membership if measured.other is None else f"{one.membership}; {measured.other.membership}"
    answers: dict[str, Any] = {
        "value": lambda: number(measured.value),
        "annualised": lambda: number(measured.annualised),
        "mean": lambda: number(one.mean(weighting)),
        "nobs": lambda: _both(measured, lambda s: s.returns.size),
        "members": lambda: _both(measured, lambda s: s.members),
        "coverage": lambda: _both(measured, _coverage),
        "weight_covered": lambda: number(_both(measured, lambda s: s.weight_covered)),
        "gone": lambda: float(one.gone + (measured.other.gone if measured.other else 0)),
        "flagged": lambda: float(one.flagged + (measured.other.flagged if measured.other else 0)),
        "membership": lambda: membership,
        "first_date": lambda: date(one.start),
        "last_date": lambda: date(one.end),
    }
    value: Scalar = answers[stat]()
    return value


@worksheet_function(_INDEX, statistic(DispersionStat, "value", _WORDS), _WEIGHTING, _WINDOW, AS_OF)
def RUSSELL_DISPERSION(
    session: Session,
    index: DispersionIndex,
    stat: DispersionStat | All,
    weighting: Weighting,
    window: Window,
    as_of: Day,
) -> float | str | dt.date | Table:
    """Dispersion across the members of the Russell 2000 or S&P 500 in % (not annualised): how far apart their returns over the window lie; or the ratio of the two over the same days. Members and coverage by stat.

    Returns
    -------
    float, str, datetime.date or list of list
        The statistic, or the table stat, value.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    if stat == "average":
        return average_dispersion(session, index, weighting, window, as_of)
    if stat == "mean" and index == "ratio":
        raise BadArgumentError("A ratio of dispersions has no mean return; ask for that of 'russell' and of 'sp500'.")
    measured = dispersion(session, index, weighting, window, as_of)
    if stat == "all":
        stats: dict[str, Scalar] = {}
        for name in get_args(DispersionStat):
            if name == "average":
                stats[name] = average_dispersion(session, index, weighting, window, as_of)
            else:
                stats[name] = None if name == "mean" and index == "ratio" else _stat(measured, name, weighting)
        more: dict[str, Scalar] = {
            "index": index, "weighting": weighting, "window": str(window),
            "unit": "ratio" if index == "ratio" else f"% over {window}", "source": source_label(session),
        }  # fmt: skip
        return [["stat", "value"], *([n, v] for n, v in {**stats, **more}.items())]
    value = _stat(measured, stat, weighting)
    if value is None:
        raise NoDataError(
            "The list of members has no weights, so the weight covered is not known; see stat 'coverage'."
        )
    assert isinstance(value, (float, str, dt.date))
    return value


@worksheet_function(
    _INDEX,
    _WINDOW.but(help=_STEPS),
    AS_OF,
    START.but(help="Only periods that end on or after it: an Excel date or text."),
)
def RUSSELL_DISPERSION_HISTORY(
    session: Session, index: DispersionIndex, window: Window, as_of: Day, start: Day
) -> Table:
    """Table of dispersion through time by every weighting in % (or the ratio Russell over S&P), one row a period, with returns counted, share of members covered and whose members they are.

    Returns
    -------
    list of list
        cap is #N/A where no weights are dated at most 45 days before the period.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    unit = "ratio" if index == "ratio" else f"% over {window}"
    source, rows = source_label(session), list[_Period]()
    for row in dispersion_history(session, index, window, as_of, start):
        measured = Dispersion(0.0, window, row.spread, row.other)
        rest = [_stat(measured, s, "equal") for s in _COUNTED]
        values = [number(row.values[w]) for w in WEIGHTINGS]
        rows.append(row_of(_Period, date(row.spread.end), date(row.spread.start), *values, unit, *rest, source))
    return table_of(_Period, rows)


@worksheet_function(
    _COUNT,
    _WINDOW.but(help=_MOVE, read=lambda _, value: read.window(value, _QUARTER), kind="number"),
    AS_OF,
    SPEC.but(help=_FACTORS, read=spec_reader("macro_market")),
)
def RUSSELL_WINNERS(session: Session, count: int, window: Window, as_of: Day, spec: Spec) -> Table:
    """Table of the members of the Russell 2000 with the largest moves that macro does not explain, in log %: move, what factors and market explain with betas known before, the rest, its standard error, t and corrected p.

    Returns
    -------
    list of list
        pvalue_bh is corrected for the number of stocks; suspect marks a price that moved like an unadjusted split (about 2, 3, 4 or more, or the inverse) between two closes, in the move or in the window before. se_event is se scaled by the move's own volatility (Boehmer, Musumeci and Poulsen 1991); t and p use it. The note says how many stocks lie outside their own interval: 10 % would where errors are right.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    ranking = winners(session, count, window, as_of, spec)
    note = (
        f"{ranking.stocks} of {ranking.members}: {ranking.membership}; errors of the window times {ranking.scale:.2f} for "
        f"the move's own volatility, {ranking.beyond:.0f} % of them outside their 90 % interval "
        f"({ranking.beyond_unscaled:.0f} % without); median residual {ranking.common:+.1f} %, t of the mean "
        f"{ranking.common_tstat:+.1f}"
    )
    ends = (date(ranking.start), date(ranking.end))
    rows = [
        row_of(_Winner,
            rank, w.ticker, w.name, w.sector, w.move, w.macro, w.residual, w.se, w.se_event, w.tstat, w.pvalue_bh, w.rsquared,
            "log %", *ends, w.suspect, note, source_label(session),
        )
        for rank, w in enumerate(ranking.rows, start=1)
    ]  # fmt: skip
    return table_of(_Winner, rows)
