"""Worksheet functions of fair value, with the evidence for believing it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from xl_smallcap.analyses.fair_value import FairValue, FairValueQuestion, fair_value, gap_backtest, gap_history
from xl_smallcap.analyses.provenance import source_label, source_of
from xl_smallcap.analyses.question import Question
from xl_smallcap.data.catalogue import Spec, Target
from xl_smallcap.errors import NoDataError
from xl_smallcap.functions.arguments import date, number, table_of
from xl_smallcap.functions.parameters import (
    AS_OF,
    FAIR_VALUE_MODEL,
    OBSERVATIONS,
    SPEC,
    START,
    TARGET,
    WINDOW,
    question_of,
    statistic,
)
from xl_smallcap.functions.table import worksheet_function
from xl_smallcap.session import Session, current_session
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


def _values(fair: FairValue) -> dict[FairValueStat, Scalar]:
    return {
        "value": number(fair.value),
        "actual": number(fair.actual),
        "gap": number(fair.gap),
        "gap_pct": number(fair.gap_pct),
        "gap_sigma": number(fair.gap_sigma),
        "sigma": number(fair.sigma),
        "drift": number(fair.drift),
        "rsquared": number(fair.rsquared),
        "noise_percentile": number(fair.noise_percentile),
        "cointegration_pvalue": number(fair.cointegration_pvalue),
        "rsquared_oos": number(fair.rsquared_oos),
        "half_life": number(fair.half_life),
        "noise_half_life": number(fair.noise_half_life),
        "verdict": fair.verdict,
        "nobs": fair.nobs,
        "first_date": date(fair.first_date),
        "last_date": date(fair.last_date),
        "draws": fair.draws,
        "seed": fair.seed,
    }


def _notes(question: FairValueQuestion) -> dict[str, str]:
    levels = question.model == "levels"
    h = question.horizon
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
    question = over_horizon(Question(target=target, spec=spec, window=window, as_of=as_of), model, horizon)
    fair = fair_value(session, question)
    values = _values(fair)
    if stat == "all":
        notes = _notes(question)
        if fair.missing:
            notes["verdict"] = fair.missing
        table: Table = [["stat", "value", "meaning"], *([s, v, notes.get(s)] for s, v in values.items())]
        return [*table, ["source", source_of(session, fair.used), None]]
    value = values[stat]
    if value is None and stat == "drift":
        raise NoDataError("Model 'levels' has no drift: its residuals have mean zero. Model 'changes' has one.")
    if value is None and fair.missing:
        raise NoDataError(fair.missing)
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
    wanted = over_horizon(Question(target=target, spec=spec, window=window, as_of=as_of), model, horizon)
    gaps = gap_history(session, wanted)
    first = 0 if start is None else int(np.searchsorted(gaps.dates, start))
    if first >= gaps.dates.size:
        raise NoDataError(f"No fair value ends on or after start {start}; the last is of {gaps.dates[-1]}.")
    question = wanted.regression
    until = "" if question.as_of is None else f" --as-of {question.as_of}"
    how = (
        f"not computed: xl-smallcap fair-value history --target {question.target.id} --window {question.window} "
        f"--spec {question.spec.id}{until}"
        if wanted.model == "levels"
        else "not in a history: RUSSELL_FAIR_VALUE has it for one as_of"
    )
    columns = (gaps.actual, gaps.value, gaps.gap, gaps.gap_pct, gaps.gap_sigma, gaps.rsquared, gaps.rsquared_oos,
               gaps.noise_percentile, gaps.cointegration_pvalue, gaps.half_life)  # fmt: skip
    days, rows = gaps.dates.tolist(), list[_Day]()
    for i in range(first, gaps.dates.size):
        ends = (gaps.verdict(i), "computed") if gaps.computed[i] else (None, how)
        rows.append(_Day(days[i], *(number(c[i]) for c in columns), *ends))
    return table_of(_Day, rows)


# -- Behind ``xl-smallcap fair-value``: the evidence of every date, and trades against the gap that nobody made.


def compute_history(
    target: Any, window: Any, as_of: Any, spec: Any, horizon: Any, progress: Callable[[str, int, int], None]
) -> list[tuple[str, Scalar, str]]:
    """Compute the evidence of every date of model "levels" and sum it up, for ``xl-smallcap fair-value history``.

    Statistic, value, meaning.
    """
    session = current_session()
    session.follow()
    question = fair_value_question(session, target, window, as_of, "levels", spec, horizon)
    gaps = gap_history(session, question, progress)
    verdicts = [gaps.verdict(i) for i in range(gaps.dates.size)]
    fitted = np.isfinite(gaps.noise_percentile)
    return [
        ("dates", int(fitted.sum()), f"{gaps.dates[0]} to {gaps.dates[-1]}"),
        ("rsquared", number(float(np.median(gaps.rsquared[fitted]))), "median, in sample"),
        ("noise_percentile", number(float(np.median(gaps.noise_percentile[fitted]))), "median; noise has 0.5"),
        ("above_95", number(float((gaps.noise_percentile[fitted] >= 0.95).mean())), "share of dates; noise has 0.05"),
        ("pvalue_below_05", number(float((gaps.cointegration_pvalue[fitted] <= 0.05).mean())), "share; noise has 0.05"),
        ("supported", verdicts.count("supported"), f"dates with this verdict, of {len(verdicts)}"),
        ("seed", session.settings.seed, f"{session.settings.noise_draws} random walks"),
    ]


def hypothetical_trades(
    target: Any, window: Any, as_of: Any, model: Any, spec: Any, horizon: Any, entry: float, leave: float, delay: int
) -> tuple[str, list[tuple[str, Scalar, str]], list[list[Scalar]]]:
    """Back-test the gap as a signal, for ``xl-smallcap fair-value backtest``.

    title: says that it is hypothetical; table: statistic, value, meaning; series: header, then date, position and
    profit of every period.
    """
    session = current_session()
    session.follow()
    wanted = fair_value_question(session, target, window, as_of, model, spec, horizon)
    traded = gap_backtest(session, wanted, entry, leave, delay)
    result, question = traded.result, wanted.regression
    title = (
        f"HYPOTHETICAL, BEFORE COSTS: trading {question.target.id} against the gap of '{wanted.model}', window "
        f"{question.window}, specification {question.spec.id}, {traded.first_date} to {traded.last_date}, {source_label(session)}"
    )
    if not result.trades:
        result = dataclasses.replace(result, mean_year=np.nan, lower_year=np.nan, upper_year=np.nan)
    interval = f"{session.settings.confidence:.0%} interval, Newey-West"
    table: list[tuple[str, Scalar, str]] = [
        ("mean", number(result.mean_year), "% a year, log"),
        ("lower", number(result.lower_year), interval),
        ("upper", number(result.upper_year), interval),
        ("tstat", number(result.tstat), "of the mean"),
        ("ratio", number(result.ratio), "mean over standard deviation, a year"),
        (
            "trades",
            result.trades,
            "none was opened: there is no result"
            if not result.trades
            else f"opened beyond {entry:g} sd, {delay} period(s) after the signal",
        ),
        ("closed", result.closed, f"of them closed, within {leave:g} sd"),
        ("won", result.won, "of the closed, with a profit"),
        (
            "open_profit",
            number(result.open_profit),
            "log %, of the trade still open, marked to market and counted above",
        ),
        ("share_long", number(result.share_long), "of the time"),
        ("share_short", number(result.share_short), "of the time"),
        ("worst_fall", number(result.worst_fall), "log %, from an earlier high"),
        ("periods", result.profit.size, str(question.window.frequency)),
    ]
    series: list[list[Scalar]] = [["date", "position", "profit_log_pct"]]
    days = traded.dates.tolist()
    for day, side, profit in zip(days, result.position.tolist(), result.profit.tolist(), strict=True):
        series.append([day, side, profit + 0.0])
    return title, table, series
