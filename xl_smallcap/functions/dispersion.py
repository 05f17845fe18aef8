"""Worksheet functions of dispersion and of moves that macro does not explain."""

from __future__ import annotations

import datetime as dt
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
from xl_smallcap.errors import BadArgumentError, NoDataError
from xl_smallcap.functions import _arguments as read
from xl_smallcap.functions._native import date, number
from xl_smallcap.session import current_session
from xl_smallcap.types import DispersionIndex, DispersionStat, Scalar, Table, Weighting, Window

_MONTH, _QUARTER = "21", "63"
_VALUE: DispersionStat = "value"


def _both(found: Dispersion, of: Any) -> float:
    """A number of the index; of the ratio the smaller one of its two, NaN where one of them is not known."""
    return float(np.min([float(of(s)) for s in (found.spread, found.other) if s is not None]))


def _coverage(spread: Spread) -> float:
    return 100.0 * spread.returns.size / spread.members if spread.members else 0.0


def _stat(found: Dispersion, asked: DispersionStat, weighting: Weighting) -> Scalar:
    one = found.spread
    told = one.membership if found.other is None else f"{one.membership}; {found.other.membership}"
    answers: dict[str, Any] = {
        "value": lambda: number(found.value),
        "annualised": lambda: number(found.annualised),
        "mean": lambda: number(one.mean(weighting)),
        "nobs": lambda: _both(found, lambda s: s.returns.size),
        "members": lambda: _both(found, lambda s: s.members),
        "coverage": lambda: _both(found, _coverage),
        "weight_covered": lambda: number(_both(found, lambda s: s.weight_covered)),
        "gone": lambda: float(one.gone + (found.other.gone if found.other else 0)),
        "flagged": lambda: float(one.flagged + (found.other.flagged if found.other else 0)),
        "membership": lambda: told,
        "first_date": lambda: date(one.start),
        "last_date": lambda: date(one.end),
    }
    value: Scalar = answers[asked]()
    return value


def RUSSELL_DISPERSION(
    index: DispersionIndex | None = None,
    stat: DispersionStat | None = None,
    weighting: Weighting | None = None,
    window: float | str | None = None,
    as_of: dt.date | str | float | None = None,
) -> float | str | dt.date | Table:
    """Dispersion across the members of the Russell 2000 or S&P 500 in % (not annualised): how far apart their returns over the window lie; or the ratio of the two over the same days. Members and coverage by stat.

    Parameters
    ----------
    index : str, optional
        "russell" (default), "sp500" or "ratio" (Russell over S&P, same closes and weighting).
    stat : str, optional
        value (default), annualised, average (of the window's single days, weeks or months), mean (return), nobs, members, coverage (% of members with a return), weight_covered, gone, flagged (left out), membership, first_date, last_date or all.
    weighting : str, optional
        "equal" (default), "cap" (weights at the start, where there are dated ones), "iqr" (interquartile range / 1.34898) or "winsor" (outermost 1 % brought in).
    window : number or text, optional
        21 days (default), "4w", "1m", "12m": the period of the returns.
    as_of : date, optional
        Nothing later is used. Default: the last day with prices.

    Returns
    -------
    float, str, datetime.date or list of list
        The statistic, or the table stat, value.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    which: DispersionIndex = read.choice("index", index, DispersionIndex, "russell")
    asked, whole = read.stat(stat, DispersionStat, _VALUE)
    how: Weighting = read.choice("weighting", weighting, Weighting, "equal")
    span, when = read.window(window, _MONTH), read.day("as_of", as_of)
    if asked == "average":
        return average_dispersion(session, which, how, span, when)
    if asked == "mean" and which == "ratio":
        raise BadArgumentError("A ratio of dispersions has no mean return; ask for that of 'russell' and of 'sp500'.")
    found = dispersion(session, which, how, span, when)
    if whole:
        told: dict[str, Scalar] = {}
        for name in get_args(DispersionStat):
            if name == "average":
                told[name] = average_dispersion(session, which, how, span, when)
            else:
                told[name] = None if name == "mean" and which == "ratio" else _stat(found, name, how)
        more: dict[str, Scalar] = {
            "index": which, "weighting": how, "window": str(span),
            "unit": "ratio" if which == "ratio" else f"% over {span}", "source": source_label(session),
        }  # fmt: skip
        return [["stat", "value"], *([n, v] for n, v in {**told, **more}.items())]
    value = _stat(found, asked, how)
    if value is None:
        raise NoDataError(
            "The list of members has no weights, so the weight covered is not known; see stat 'coverage'."
        )
    assert isinstance(value, (float, str, dt.date))
    return value


def RUSSELL_DISPERSION_HISTORY(
    index: DispersionIndex | None = None,
    window: float | str | None = None,
    as_of: dt.date | str | float | None = None,
    start: dt.date | str | float | None = None,
) -> Table:
    """Table of dispersion through time by every weighting in % (or the ratio Russell over S&P), one row a period, with returns counted, share of members covered and whose members they are.

    Parameters
    ----------
    index : str, optional
        "russell" (default), "sp500" or "ratio".
    window : number or text, optional
        21 days (default; periods follow one another), "1m" or "12m" (a row each month), "4w" (each week).
    as_of : date, optional
        Nothing later is used. Default: the last day with prices.
    start : date, optional
        Only periods that end on or after it.

    Returns
    -------
    list of list
        cap is #N/A where no weights are dated at most 45 days before the period.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    which: DispersionIndex = read.choice("index", index, DispersionIndex, "russell")
    span = read.window(window, _MONTH)
    rows = dispersion_history(session, which, span, read.day("as_of", as_of), read.day("start", start))
    table: Table = [
        ["date", "start", *WEIGHTINGS, "unit", "nobs", "members", "coverage", "gone", "flagged", "membership", "source"]
    ]
    unit = "ratio" if which == "ratio" else f"% over {span}"
    source = source_label(session)
    for row in rows:
        found = Dispersion(0.0, span, row.spread, row.other)
        rest = [_stat(found, s, "equal") for s in ("nobs", "members", "coverage", "gone", "flagged", "membership")]
        values = [number(row.values[w]) for w in WEIGHTINGS]
        table.append([date(row.spread.end), date(row.spread.start), *values, unit, *rest, source])
    return table


def RUSSELL_WINNERS(
    count: float | str | None = None,
    window: float | str | None = None,
    as_of: dt.date | str | float | None = None,
    spec: str | None = None,
) -> Table:
    """Table of the members of the Russell 2000 with the largest moves that macro does not explain, in log %: move, what factors and market explain with betas known before, the rest, its standard error, t and corrected p.

    Parameters
    ----------
    count : number, optional
        Rows: 10 (default) winners; -10 for losers; at most 500.
    window : number, optional
        Days of the move: 63 (default, a quarter). Betas are of the 250 days before.
    as_of : date, optional
        Last day of the move. Default: the last day with prices and factors.
    spec : str, optional
        Factors. Default "macro_market": with the S&P 500, so that a market move is nobody's own.

    Returns
    -------
    list of list
        pvalue_bh is corrected for the number of stocks; suspect marks a price that moved like an unadjusted split (about 2, 3, 4 or more, or the inverse) between two closes, in the move or in the window before. The note says how many stocks lie outside their own interval: 10 % would where errors are right.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    rows = read.signed_count("count", count, 10, 500)
    span: Window = read.window(window, _QUARTER)
    asked = session.catalogue.spec(read.word("spec", spec, "macro_market"))
    found = winners(session, rows, span, read.day("as_of", as_of), asked)
    note = (
        f"{found.stocks} of {found.members}: {found.membership}; {found.beyond:.0f} % of them "
        f"outside their 90 % interval, median residual {found.common:+.1f} %"
    )
    table: Table = [
        [
            "rank", "ticker", "name", "sector", "move", "macro", "residual", "se", "tstat", "pvalue_bh", "rsquared", "unit",
            "start", "date", "suspect", "note", "source",
        ]
    ]  # fmt: skip
    for rank, w in enumerate(found.rows, start=1):
        table.append(
            [
                rank, w.ticker, w.name, w.sector, w.move, w.macro, w.residual, w.se, w.tstat, w.pvalue_bh, w.rsquared,
                "log %", date(found.start), date(found.end), w.suspect, note,
                source_label(session),
            ]
        )  # fmt: skip
    return table
