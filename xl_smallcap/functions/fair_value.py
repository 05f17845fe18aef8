"""Worksheet functions of fair value: where macro says the price should be, with the evidence against noise."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np

from xl_smallcap.analyses.fair_value import FairValue, FairValueQuestion, fair_value
from xl_smallcap.analyses.fair_value_history import gap_history
from xl_smallcap.analyses.provenance import source_of
from xl_smallcap.analyses.question import Question
from xl_smallcap.data.catalogue import Spec, Target
from xl_smallcap.errors import NoDataError
from xl_smallcap.functions._native import date, number, table_of
from xl_smallcap.functions._question import question_of
from xl_smallcap.functions.parameters import (
    AS_OF,
    FAIR_VALUE_MODEL,
    OBSERVATIONS,
    SPEC,
    START,
    TARGET,
    WINDOW,
    statistic,
)
from xl_smallcap.functions.table import worksheet_function
from xl_smallcap.session import Session
from xl_smallcap.types import All, Day, FairValueModel, FairValueStat, Scalar, Table, Window

_WORDS = (
    "value (default), actual, gap, gap_pct, gap_sigma, sigma, drift, rsquared, noise_percentile, cointegration_pvalue, "
    "rsquared_oos, half_life, noise_half_life, verdict, nobs, first_date, last_date, draws, seed or all."
)


HORIZONS = {"daily": 21, "weekly": 4, "monthly": 1}
"""Observations in about a month."""


def fair_value_question(
    session: Session, target: Any, window: Any, as_of: Any, model: Any, spec: Any, horizon: Any
) -> FairValueQuestion:
    """Read what a command about fair value was asked."""
    question = question_of(session, target, window, as_of, None, spec)
    return over_horizon(question, FAIR_VALUE_MODEL.read(session, model), OBSERVATIONS.read(session, horizon))


def over_horizon(question: Question, model: FairValueModel, horizon: int | None) -> FairValueQuestion:
    """Return the question of a fair value; without a horizon it is about a month."""
    month = min(HORIZONS[question.window.frequency], question.window.count)
    return FairValueQuestion(question, model, month if horizon is None else horizon)


@dataclass(eq=False, repr=False)
class _Day:
    """The fair value of one date."""

    date: Scalar
    actual: Scalar
    value: Scalar
    gap: Scalar
    gap_pct: Scalar
    gap_sigma: Scalar
    rsquared: Scalar
    rsquared_oos: Scalar
    noise_percentile: Scalar
    cointegration_pvalue: Scalar
    half_life: Scalar
    verdict: Scalar
    evidence: Scalar


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


@worksheet_function(
    TARGET, statistic(FairValueStat, "value", _WORDS), WINDOW, AS_OF, FAIR_VALUE_MODEL, SPEC, OBSERVATIONS
)
def RUSSELL_FAIR_VALUE(
    session: Session,
    target: Target,
    stat: FairValueStat | All,
    window: Window,
    as_of: Day,
    model: FairValueModel,
    spec: Spec,
    horizon: int | None,
) -> float | str | dt.date | Table:
    """Fair value of the Russell 2000 given macro, in index points, or its gap (points, %, sigma) and the evidence: how often random walks would look as good, whether gaps close, and a verdict; stat "all" gives the table.

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
    asked = over_horizon(Question(target=target, spec=spec, window=window, as_of=as_of), model, horizon)
    found = fair_value(session, asked)
    values = _values(found)
    if stat == "all":
        notes = _notes(asked)
        if found.missing:
            notes["verdict"] = found.missing
        table: Table = [["stat", "value", "meaning"], *([s, v, notes.get(s)] for s, v in values.items())]
        return [*table, ["source", source_of(session, found.used), None]]
    value = values[stat]
    if value is None and stat == "drift":
        raise NoDataError("Model 'levels' has no drift: its residuals have mean zero. Model 'changes' has one.")
    if value is None and found.missing:
        raise NoDataError(found.missing)
    if value is None:
        raise NoDataError(f"'{stat}' is infinite: the path shows no tendency to come back.")
    assert isinstance(value, (int, float, str, dt.date))
    return value


@worksheet_function(TARGET, WINDOW, AS_OF, FAIR_VALUE_MODEL, SPEC, START, OBSERVATIONS)
def RUSSELL_FAIR_VALUE_HISTORY(
    session: Session,
    target: Target,
    window: Window,
    as_of: Day,
    model: FairValueModel,
    spec: Spec,
    start: Day,
    horizon: int | None,
) -> Table:
    """Table of fair values: date, actual, value and gap in index points, in % and in sigma, R², and for model "levels" the evidence against random walks of each date, once 'xl-smallcap fair-value history' has computed it.

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
    asked = over_horizon(Question(target=target, spec=spec, window=window, as_of=as_of), model, horizon)
    told = gap_history(session, asked)
    at = 0 if start is None else int(np.searchsorted(told.dates, start))
    if at >= told.dates.size:
        raise NoDataError(f"No fair value ends on or after start {start}; the last is of {told.dates[-1]}.")
    question = asked.regression
    until = "" if question.as_of is None else f" --as-of {question.as_of}"
    how = (
        f"not computed: xl-smallcap fair-value history --target {question.target.id} --window {question.window} "
        f"--spec {question.spec.id}{until}"
        if asked.model == "levels"
        else "not in a history: RUSSELL_FAIR_VALUE has it for one as_of"
    )
    columns = (told.actual, told.value, told.gap, told.gap_pct, told.gap_sigma, told.rsquared, told.rsquared_oos,
               told.noise_percentile, told.cointegration_pvalue, told.half_life)  # fmt: skip
    days, rows = told.dates.tolist(), list[_Day]()
    for i in range(at, told.dates.size):
        ends = (told.verdict(i), "computed") if told.computed[i] else (None, how)
        rows.append(_Day(days[i], *(number(c[i]) for c in columns), *ends))
    return table_of(_Day, rows)
