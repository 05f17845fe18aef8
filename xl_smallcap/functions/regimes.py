"""Worksheet functions of regimes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np

from xl_smallcap.analyses import regime_report as report
from xl_smallcap.analyses.provenance import source_label
from xl_smallcap.analyses.regime_draws import regimes_drawn
from xl_smallcap.analyses.regime_history import refit_path, regime_history
from xl_smallcap.analyses.regime_reading import durations, transitions, warnings_of
from xl_smallcap.analyses.regimes import LONGEST_HORIZON, REGIMES, Regime, regimes_now
from xl_smallcap.errors import BadArgumentError, NoDataError
from xl_smallcap.functions import _arguments as read
from xl_smallcap.functions._native import date, number
from xl_smallcap.session import Session, current_session
from xl_smallcap.types import RegimeModel, Scalar, Table


def _asked(model: Any) -> RegimeModel:
    chosen: RegimeModel = read.choice("model", model, RegimeModel, "chains")
    return chosen


def _opened() -> Session:
    session = current_session()
    session.follow()
    return session


def RUSSELL_REGIME(as_of: dt.date | str | float | None = None, model: RegimeModel | None = None) -> str:
    """Likeliest regime of the month of a day by what was known on it: goldilocks (growth, contained inflation), reflation (growth, inflation follows) or slowdown (growth does not show up).

    Parameters
    ----------
    as_of : date, optional
        Nothing published later is used. Default: the month of the last daily data, with everything in the snapshot.
    model : str, optional
        "chains" (default), "bands" (thresholds), "hmm" (three states) or "market" (growth and inflation factors).

    Returns
    -------
    str

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    session = _opened()
    found = regimes_now(session, _asked(model), read.day("as_of", as_of))
    return REGIMES[int(found.probabilities()[:3, 0].argmax())]


def RUSSELL_REGIME_PROB(
    regime: Regime,
    horizon: float | str | None = None,
    as_of: dt.date | str | float | None = None,
    model: RegimeModel | None = None,
) -> float:
    """Probability (0 to 1) of a regime in the month of a day or some months later, filtered: by what was known on that day and a model fitted to nothing later.

    Parameters
    ----------
    regime : str
        "goldilocks", "reflation", "slowdown" (these three add up to 1) or "stagflation" (the part of slowdown with high inflation).
    horizon : number, optional
        Months ahead, up to 120. Default: 0, the month itself.
    as_of : date, optional
        Nothing published later is used. Default: the month of the last daily data, with everything in the snapshot.
    model : str, optional
        "chains" (default), "bands" (thresholds), "hmm" (three states) or "market" (growth and inflation factors).

    Returns
    -------
    float

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    session = _opened()
    asked = _asked(model)
    if read.is_blank(regime):
        raise BadArgumentError("The argument 'regime' is missing: give goldilocks, reflation, slowdown or stagflation.")
    wanted: Regime = read.choice("regime", read.word("regime", regime), Regime, "goldilocks")
    steps = _months_ahead(horizon)
    value = regimes_now(session, asked, read.day("as_of", as_of)).probabilities(steps)[_place(wanted), 0]
    if not np.isfinite(value):
        raise NoDataError(
            f"Model '{asked}' has one slowdown and does not tell stagflation apart; use 'chains' or 'bands'."
        )
    return float(value)


def _place(regime: str) -> int:
    return (*REGIMES, "stagflation").index(regime)


def _months_ahead(value: Any) -> int:
    if read.is_blank(value):
        return 0
    text = f"{value:.15g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    text = text.strip() if isinstance(text, str) else ""
    if not (text.isascii() and text.isdigit()) or int(text) > LONGEST_HORIZON:
        why = " Far ahead every model only repeats its long-run shares." if text.isdigit() else ""
        raise BadArgumentError(
            f"The argument 'horizon' must be a whole number of months from 0 (the month itself) to {LONGEST_HORIZON}; got "
            f"{read.shown(value)}.{why} A date belongs in 'as_of', the argument after it."
        )
    return int(text)


def compute_regime_history(model: Any, as_of: Any, progress: Callable[[str, int, int], None]) -> Table:
    """Compute the history of one model, for ``xl-smallcap regime history``.

    Parameters
    ----------
    model, as_of : object
        As in RUSSELL_REGIME_HISTORY.
    progress : callable
        Told how far it is.

    Returns
    -------
    list of list
        As RUSSELL_REGIME_HISTORY.

    Raises
    ------
    BadArgumentError, NoDataError
        As the worksheet function.
    """
    asked, when = _asked(model), read.day("as_of", as_of)
    regime_history(_opened(), asked, when, progress)
    return RUSSELL_REGIME_HISTORY(None, when.item() if when is not None else None, asked)


def RUSSELL_REGIMES(
    horizon: float | str | None = None, as_of: dt.date | str | float | None = None, model: RegimeModel | None = None
) -> Table:
    """Table of the regimes: probability (0 to 1), its 90 % interval from the uncertainty of the model, average duration in months, the last months of data, and what to be wary of.

    Parameters
    ----------
    horizon : number, optional
        Months ahead, up to 120. Default: 0, the month itself.
    as_of : date, optional
        Nothing published later is used. Default: the month of the last daily data, with everything in the snapshot.
    model : str, optional
        "chains" (default), "bands" (thresholds), "hmm" (three states) or "market" (growth and inflation factors).

    Returns
    -------
    list of list
        A row a regime; stagflation is part of slowdown. Intervals by 200 drawn series for "chains" and "market".
        `starts_reached` is the share of random starts that found the best fit, `separation` how many standard deviations
        its states stand apart; of two chains the smaller.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    session = _opened()
    asked, when = _asked(model), read.day("as_of", as_of)
    steps = _months_ahead(horizon)
    found = regimes_now(session, asked, when)
    p, lasts = found.probabilities(steps)[:, 0], durations(found)
    drawn = regimes_drawn(session, asked, when, steps)
    tail = (1.0 - session.settings.confidence) / 2.0
    wary = warnings_of(found)
    worth: list[Scalar] = [None, None]
    if found.chains:
        worth = [float(min(c.reached[0] for c in found.chains)), float(min(c.separation[0] for c in found.chains))]
    table: Table = [
        [
            "regime",
            "month",
            "probability",
            "lower",
            "upper",
            "duration_months",
            "growth_to",
            "inflation_to",
            "starts_reached",
            "separation",
            "model",
            "seed",
            "wary_of",
            "source",
        ]
    ]
    month = date((found.months[0] + steps).astype("datetime64[D]"))
    for k, name in enumerate([*REGIMES, "stagflation"]):
        edges: list[Scalar] = [None, None]
        if drawn is not None:
            edges = [number(float(v)) for v in np.quantile(drawn.probabilities[k], [tail, 1.0 - tail])]
        table.append(
            [
                name,
                month,
                number(float(p[k])),
                *edges,
                lasts.get(name),
                date(found.last_growth[0]),
                date(found.last_inflation[0]),
                *worth,
                asked,
                session.settings.seed,
                wary,
                source_label(session),
            ]
        )
    return table


def RUSSELL_REGIME_HISTORY(
    start: dt.date | str | float | None = None,
    as_of: dt.date | str | float | None = None,
    model: RegimeModel | None = None,
) -> Table:
    """Table of the regimes at every month end as they could be told then: probabilities (0 to 1) and the likeliest, the model refitted each month; computed by 'xl-smallcap regime history' or a refresh.

    Parameters
    ----------
    start : date, optional
        First month end shown.
    as_of : date, optional
        No month end later. Default: the last.
    model : str, optional
        "chains" (default), "bands" (thresholds), "hmm" (three states) or "market" (growth and inflation factors).

    Returns
    -------
    list of list
        A row a month end; #N/A where nothing could be fitted. `separation` is how many standard deviations the states of that
        fit stand apart: below 1, and below 0.3 for certain, a label says little.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    session = _opened()
    first = read.day("start", start)
    told = regime_history(session, _asked(model), read.day("as_of", as_of))
    table: Table = [
        [
            "date",
            *REGIMES,
            "stagflation",
            "likeliest",
            "goldilocks_in_3m",
            "reflation_in_3m",
            "slowdown_in_3m",
            "separation",
        ]
    ]
    for i, day in enumerate(told.days):
        if first is None or day >= first:
            now, later = ([number(float(v)) for v in part[:, i]] for part in (told.probabilities, told.ahead3))
            table.append([date(day), *now, told.likeliest[i] or None, *later[:3], number(float(told.separation[i]))])
    if len(table) == 1:
        raise NoDataError(f"No month end on or after start {first}; the last is {told.days[-1]}.")
    return table


def RUSSELL_TRANSITIONS(as_of: dt.date | str | float | None = None, model: RegimeModel | None = None) -> Table:
    """Table of monthly transition probabilities between regimes (0 to 1), from row to column, with average durations in months and long-run shares.

    Parameters
    ----------
    as_of : date, optional
        Nothing published later is used. Default: everything in the snapshot.
    model : str, optional
        "chains" (default), "hmm" (three states) or "market"; "bands" has no states.

    Returns
    -------
    list of list
        Rows and columns: goldilocks, reflation, slowdown with low inflation, stagflation; for "hmm" one slowdown.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    session = _opened()
    asked = _asked(model)
    found = regimes_now(session, asked, read.day("as_of", as_of))
    names, matrix, shares = transitions(found)
    table: Table = [["from", *names, "duration_months", "long_run_share", "model"]]
    for k, name in enumerate(names):
        row = [float(v) for v in matrix[k]]
        table.append([name, *row, float(1.0 / max(1.0 - matrix[k, k], 1e-12)), float(shares[k]), asked])
    return table


def RUSSELL_REGIME_RETURNS(
    target: str | None = None, as_of: dt.date | str | float | None = None, model: RegimeModel | None = None
) -> Table:
    """Table of a target's mean return by regime in % a month (log): in the same month (known only at its end), the next and the next three; with n, volatility, hit rate, error, and whether there is evidence.

    Parameters
    ----------
    target : str, optional
        "russell", "sp500", "relative" (default here), "hedged" or a stored daily price.
    as_of : date, optional
        Nothing later is used. Default: everything in the snapshot.
    model : str, optional
        "chains" (default), "bands" (thresholds), "hmm" (three states) or "market" (growth and inflation factors).

    Returns
    -------
    list of list
        A row per regime and period; the verdict is "not enough evidence" unless the difference from other months has |t| >= 2
        with 24 months in 3 spells or more. `spells` counts the separate stretches the months are in: of few, even a clear t says little.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    session = _opened()
    asked = _asked(model)
    entry = session.catalogue.target(read.word("target", target, "relative"), session.snapshot.target_frequencies)
    told = report.regime_returns(session, entry, asked, read.day("as_of", as_of))
    names = ["mean", "sd", "hit", "se", "lower", "upper", "difference", "tstat"]
    table: Table = [["regime", "months", "n", "spells", *names, "verdict", "unit", "target", "model", "source"]]
    for paid in told:
        values = [number(getattr(paid, name)) for name in names]
        tail: list[Scalar] = [paid.verdict, "% a month, log", entry.id, asked, source_label(session)]
        table.append([paid.regime, paid.months, paid.n, paid.spells, *values, *tail])
    return table


def RUSSELL_REGIME_SCORE(as_of: dt.date | str | float | None = None, model: RegimeModel | None = None) -> Table:
    """Report card of a regime model: Brier score and log loss (lower is better) of its filtered probabilities beside climatology, persistence and 0.5, skill with t-value, recessions, reliability, renamed months.

    Parameters
    ----------
    as_of : date, optional
        Only forecasts and outcomes known by then. Default: all.
    model : str, optional
        "chains" (default), "bands" (thresholds), "hmm" (three states) or "market" (growth and inflation factors).

    Returns
    -------
    list of list
        Rows by regime, horizon in months and truth; then bands of forecasts with the share that happened.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    session = _opened()
    asked, when = _asked(model), read.day("as_of", as_of)
    cards = report.report_card(session, asked, when)
    names = [
        "forecast",
        "happened",
        "brier",
        "brier_climatology",
        "brier_persistence",
        "brier_half",
        "log_loss",
        "log_loss_climatology",
        "log_loss_persistence",
        "skill",
        "tstat",
    ]
    table: Table = [["regime", "horizon_months", "truth", "n", *names, "model"]]
    for card in cards:
        table.append([card.regime, card.horizon, card.truth, card.n, *(number(getattr(card, n)) for n in names), asked])
    if asked != "bands":
        history = regime_history(session, asked, when)
        months, now = refit_path(session, asked, when, history.days[-1])
        called = dict(zip(months.tolist(), now, strict=True))
        pairs = [
            (was, called.get(day.astype("datetime64[M]").item()))
            for day, was in zip(history.days, history.likeliest, strict=True)
            if was and called.get(day.astype("datetime64[M]").item())
        ]
        if not pairs:
            return table
        share = float(np.mean([a != b for a, b in pairs]))
        row: list[Scalar] = ["all", 0, "months that today's refit calls otherwise", len(pairs), None, share]
        table.append([*row, *[None] * 9, asked])
    return table
