"""Behind ``xl-smallcap fair-value``: the evidence of every date, and trades against the gap that nobody made."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from xl_smallcap.analyses.fair_value_history import gap_backtest, gap_history
from xl_smallcap.analyses.provenance import source_label
from xl_smallcap.functions._native import number
from xl_smallcap.functions.fair_value import fair_value_question
from xl_smallcap.session import current_session
from xl_smallcap.types import Scalar


def compute_history(
    target: Any, window: Any, as_of: Any, spec: Any, horizon: Any, progress: Callable[[str, int, int], None]
) -> list[tuple[str, Scalar, str]]:
    """Compute the evidence of every date of model "levels" and sum it up, for ``xl-smallcap fair-value history``.

    Statistic, value, meaning.
    """
    session = current_session()
    session.follow()
    asked = fair_value_question(session, target, window, as_of, "levels", spec, horizon)
    told = gap_history(session, asked, progress)
    verdicts = [told.verdict(i) for i in range(told.dates.size)]
    fitted = np.isfinite(told.noise_percentile)
    return [
        ("dates", int(fitted.sum()), f"{told.dates[0]} to {told.dates[-1]}"),
        ("rsquared", number(float(np.median(told.rsquared[fitted]))), "median, in sample"),
        ("noise_percentile", number(float(np.median(told.noise_percentile[fitted]))), "median; noise has 0.5"),
        ("above_95", number(float((told.noise_percentile[fitted] >= 0.95).mean())), "share of dates; noise has 0.05"),
        ("pvalue_below_05", number(float((told.cointegration_pvalue[fitted] <= 0.05).mean())), "share; noise has 0.05"),
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
    asked = fair_value_question(session, target, window, as_of, model, spec, horizon)
    traded = gap_backtest(session, asked, entry, leave, delay)
    result, question = traded.result, asked.regression
    title = (
        f"HYPOTHETICAL, BEFORE COSTS: trading {question.target.id} against the gap of '{asked.model}', window "
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
