"""Worksheet functions of fair value: where macro says the price should be, with the evidence against noise."""

from __future__ import annotations

import datetime as dt

import numpy as np

from xl_smallcap.analyses.fair_value import FairValue, FairValueQuestion, fair_value
from xl_smallcap.analyses.fair_value_history import gap_history
from xl_smallcap.analyses.provenance import source_of
from xl_smallcap.errors import NoDataError
from xl_smallcap.functions import _arguments as read
from xl_smallcap.functions._native import date, number
from xl_smallcap.functions._question import fair_value_question
from xl_smallcap.session import current_session
from xl_smallcap.types import FairValueStat, Scalar, Table

_FIRST_OF_TABLE: tuple[FairValueStat, ...] = (
    "value", "actual", "gap", "gap_pct", "gap_sigma", "sigma", "drift", "rsquared", "noise_percentile",
    "cointegration_pvalue", "rsquared_oos", "half_life", "noise_half_life", "verdict", "nobs", "first_date", "last_date",
    "draws", "seed",
)  # fmt: skip


def _values(found: FairValue) -> dict[FairValueStat, Scalar]:
    return {
        "value": number(found.value),
        "actual": number(found.actual),
        "gap": number(found.gap),
        "gap_pct": number(found.gap_pct),
        "gap_sigma": number(found.gap_sigma),
        "sigma": number(found.sigma),
        "drift": number(found.drift),
        "rsquared": number(found.rsquared),
        "noise_percentile": number(found.noise_percentile),
        "cointegration_pvalue": number(found.cointegration_pvalue),
        "rsquared_oos": number(found.rsquared_oos),
        "half_life": number(found.half_life),
        "noise_half_life": number(found.noise_half_life),
        "verdict": found.verdict,
        "nobs": found.nobs,
        "first_date": date(found.first_date),
        "last_date": date(found.last_date),
        "draws": found.draws,
        "seed": found.seed,
    }


def _notes(asked: FairValueQuestion) -> dict[str, str]:
    levels = asked.model == "levels"
    h = asked.horizon
    back = "the last residual of levels on factor levels in the window" if levels else (
        f"what yesterday's betas left unexplained, summed over the last {h} observations, drift included"
    )  # fmt: skip
    return {
        "value": "index points: actual without the gap",
        "actual": "index points; a target of several legs is an index, 100 on its first common date",
        "gap": f"index points, actual less value: {back}",
        "gap_pct": "% of value",
        "gap_sigma": "in sigma",
        "sigma": "log %: residual standard deviation of the window" + ("" if levels else f" x root of {h}"),
        "drift": "none: residuals of levels have mean zero"
        if levels
        else "log %: the part of the gap from the windows' intercepts",
        "rsquared": "of the window's regression, in sample; no evidence by itself",
        "noise_percentile": "share of random walks on the same factor paths with a lower R²",
        "cointegration_pvalue": "share of random walks whose gaps close at least as surely",
        "rsquared_oos": f"against no change over {h} observations, factors known"
        if levels
        else "one day ahead, factors known, against the mean",
        "half_life": "observations; least squares makes it too short, so compare noise_half_life",
        "noise_half_life": "observations: median of the random walks",
        "verdict": "supported: noise_percentile >= 0.95, cointegration_pvalue <= 0.05 and rsquared_oos > 0",
    }


def RUSSELL_FAIR_VALUE(
    stat: str | None = None,
    target: str | None = None,
    window: float | str | None = None,
    as_of: dt.date | str | float | None = None,
    model: str | None = None,
    spec: str | None = None,
    horizon: float | None = None,
) -> float | str | dt.date | Table:
    """Fair value of the Russell 2000 given macro, in index points, or its gap (points, %, sigma) and the evidence: how often random walks would look as good, whether gaps close, and a verdict; stat "all" gives the table.

    Parameters
    ----------
    stat : str, optional
        value (default), actual, gap, gap_pct, gap_sigma, sigma, drift, rsquared, noise_percentile, cointegration_pvalue, rsquared_oos, half_life, noise_half_life, verdict, nobs, first_date, last_date, draws, seed or all.
    target : str, optional
        "russell" (default), "sp500", "relative", "hedged", or a stored daily price.
    window : number or str, optional
        250 (days, default), or text: "104w" weeks, "60m" months.
    as_of : date, optional
        Nothing later is used. Default: the last date with every series.
    model : str, optional
        "changes" (default): what yesterday's betas left unexplained over the last observations. "levels": levels on factor levels in the window.
    spec : str, optional
        "macro" (default), "macro_market", "full", or one factor swapped.
    horizon : number, optional
        Observations the gap of "changes" is summed over, and how far ahead "levels" is tested. Default: a month, 21 days.

    Returns
    -------
    float, str, datetime.date or list of list
        The statistic, or the table stat, value, meaning; the last row names the source and any fallback series used.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.

    Notes
    -----
    Random walks on the factors' actual paths, 1,000 draws with a fixed seed; docs/methods.md, Fair value.
    """
    session = current_session()
    session.follow()
    whole = isinstance(stat, str) and stat.strip().lower() == "all"
    name: FairValueStat = "value" if whole else read.choice("stat", stat, FairValueStat, "value", also=("all",))
    asked = fair_value_question(session, target, window, as_of, model, spec, horizon)
    found = fair_value(session, asked)
    values = _values(found)
    if whole:
        notes = _notes(asked)
        if found.missing:
            notes["verdict"] = found.missing
        table: Table = [["stat", "value", "meaning"], *([s, values[s], notes.get(s)] for s in _FIRST_OF_TABLE)]
        return [*table, ["source", source_of(session, found.used), None]]
    value = values[name]
    if value is None and name == "drift":
        raise NoDataError("Model 'levels' has no drift: its residuals have mean zero. Model 'changes' has one.")
    if value is None and found.missing:
        raise NoDataError(found.missing)
    if value is None:
        raise NoDataError(f"'{name}' is infinite: the path shows no tendency to come back.")
    assert isinstance(value, (int, float, str, dt.date))
    return value


def RUSSELL_FAIR_VALUE_HISTORY(
    target: str | None = None,
    window: float | str | None = None,
    as_of: dt.date | str | float | None = None,
    model: str | None = None,
    spec: str | None = None,
    start: dt.date | str | float | None = None,
    horizon: float | None = None,
) -> Table:
    """Table of fair values: date, actual, value and gap in index points, in % and in sigma, R², and for model "levels" the evidence against random walks of each date, once 'xl-smallcap fair-value history' has computed it.

    Parameters
    ----------
    target : str, optional
        "russell" (default), "sp500", "relative", "hedged", or a stored daily price.
    window : number or str, optional
        250 (days, default), or text: "104w" weeks, "60m" months.
    as_of : date, optional
        The last date shown; nothing later is used.
    model : str, optional
        "changes" (default) or "levels".
    spec : str, optional
        "macro" (default), "macro_market", "full", or one factor swapped.
    start : date, optional
        The first date shown.
    horizon : number, optional
        Observations the gap of "changes" is summed over, and how far ahead "levels" is tested. Default: a month, 21 days.

    Returns
    -------
    list of list
        Each row knows only what was known by its date. A target of several legs is an index that is 100 on the first
        common date of its series. The column evidence says whether noise_percentile, cointegration_pvalue, half_life
        and verdict were computed, or how to; model "changes" has them in RUSSELL_FAIR_VALUE only, for one date.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    asked = fair_value_question(session, target, window, as_of, model, spec, horizon)
    told = gap_history(session, asked)
    first = read.day("start", start)
    at = 0 if first is None else int(np.searchsorted(told.dates, first))
    if at >= told.dates.size:
        raise NoDataError(f"No fair value ends on or after start {first}; the last is of {told.dates[-1]}.")
    question = asked.regression
    until = "" if question.as_of is None else f" --as-of {question.as_of}"
    how = (
        f"not computed: xl-smallcap fair-value history --target {question.target.id} --window {question.window} "
        f"--spec {question.spec.id}{until}"
        if asked.model == "levels"
        else "not in a history: RUSSELL_FAIR_VALUE has it for one as_of"
    )
    table: Table = [
        [
            "date", "actual", "value", "gap", "gap_pct", "gap_sigma", "rsquared", "rsquared_oos", "noise_percentile",
            "cointegration_pvalue", "half_life", "verdict", "evidence",
        ]
    ]  # fmt: skip
    columns = (told.actual, told.value, told.gap, told.gap_pct, told.gap_sigma, told.rsquared, told.rsquared_oos,
               told.noise_percentile, told.cointegration_pvalue, told.half_life)  # fmt: skip
    days = told.dates.tolist()
    for i in range(at, told.dates.size):
        done = bool(told.computed[i])
        table.append([days[i], *(number(c[i]) for c in columns), told.verdict(i) if done else None,
                      "computed" if done else how])  # fmt: skip
    return table
