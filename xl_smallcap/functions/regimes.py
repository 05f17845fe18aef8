"""Worksheet functions of regimes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from xl_smallcap.analyses.provenance import source_label
from xl_smallcap.analyses.regimes import record as report
from xl_smallcap.analyses.regimes.now import (
    REGIMES,
    Pool,
    Regime,
    Regimes,
    durations,
    pool_now,
    pool_warnings,
    regimes_drawn,
    regimes_now,
    transitions,
    warnings_of,
)
from xl_smallcap.analyses.regimes.null import sureness
from xl_smallcap.analyses.regimes.record import refit_path, regime_history
from xl_smallcap.data.catalogue import Target
from xl_smallcap.errors import BadArgumentError, NoDataError
from xl_smallcap.functions import arguments as read
from xl_smallcap.functions.arguments import date, number, row_of, table_of
from xl_smallcap.functions.parameters import AS_OF, MONTHS_AHEAD, PUBLISHED, REGIME_MODEL, RELATIVE, START
from xl_smallcap.functions.parameters import choice_reader as read_choice
from xl_smallcap.functions.table import Parameter, worksheet_function
from xl_smallcap.session import Session, current_session
from xl_smallcap.types import MONTH, Day, RegimeModel, Scalar, Table

_WITH_STATES = REGIME_MODEL.but(
    help='"chains" (default), "chains_pce", "hmm" (three states) or "market"; bands and the pool have no states.',
    read=read_choice("model", RegimeModel, "chains"),
)


def _regime(_: Session, value: Any) -> Regime:
    if read.is_blank(value):
        raise BadArgumentError("The argument 'regime' is missing: give goldilocks, reflation, slowdown or stagflation.")
    return read.choice("regime", read.word("regime", value), Regime, "goldilocks")


_REGIME = Parameter(
    "regime",
    '"goldilocks", "reflation", "slowdown" (these three add up to 1) or "stagflation" (the part of slowdown with high '
    "inflation).",
    _regime,
    optional=False,
)


@dataclass(eq=False, repr=False)
class _RegimeRow:
    """One regime, now or months ahead."""

    regime: Scalar
    month: Scalar
    probability: Scalar
    lower: Scalar
    upper: Scalar
    lowest: Scalar
    highest: Scalar
    members: Scalar
    duration_months: Scalar
    growth_to: Scalar
    inflation_to: Scalar
    starts_reached: Scalar
    separation: Scalar
    model: Scalar
    seed: Scalar
    wary_of: Scalar
    source: Scalar


@dataclass(eq=False, repr=False)
class _MonthEnd:
    """What could be told at one month end."""

    date: Scalar
    goldilocks: Scalar
    reflation: Scalar
    slowdown: Scalar
    stagflation: Scalar
    likeliest: Scalar
    goldilocks_in_3m: Scalar
    reflation_in_3m: Scalar
    slowdown_in_3m: Scalar
    separation: Scalar
    goldilocks_lowest: Scalar
    goldilocks_highest: Scalar
    members: Scalar


@dataclass(eq=False, repr=False)
class _Return:
    """What a regime meant for returns over some months."""

    regime: Scalar
    months: Scalar
    n: Scalar
    spells: Scalar
    mean: Scalar
    sd: Scalar
    hit: Scalar
    se: Scalar
    lower: Scalar
    upper: Scalar
    difference: Scalar
    tstat: Scalar
    verdict: Scalar
    unit: Scalar
    target: Scalar
    model: Scalar
    source: Scalar


@dataclass(eq=False, repr=False)
class _Score:
    """How good forecasts of one regime were over one horizon."""

    regime: Scalar
    horizon_months: Scalar
    truth: Scalar
    n: Scalar
    forecast: Scalar = None
    happened: Scalar = None
    brier: Scalar = None
    brier_climatology: Scalar = None
    brier_persistence: Scalar = None
    brier_half: Scalar = None
    log_loss: Scalar = None
    log_loss_climatology: Scalar = None
    log_loss_persistence: Scalar = None
    skill: Scalar = None
    tstat: Scalar = None
    model: Scalar = None
    sure: Scalar = None
    null_sure: Scalar = None


@worksheet_function(PUBLISHED, REGIME_MODEL)
def RUSSELL_REGIME(session: Session, as_of: Day, model: RegimeModel) -> str:
    """Likeliest regime of the month of a day by what was known on it: goldilocks (growth, contained inflation), reflation (growth, inflation follows) or slowdown (growth does not show up).

    Returns
    -------
    str

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    return REGIMES[int(_now(session, model, as_of).probabilities()[:3, 0].argmax())]


def _now(session: Session, model: RegimeModel, as_of: Day) -> Regimes | Pool:
    return pool_now(session, as_of) if model == "pool" else regimes_now(session, model, as_of)


@worksheet_function(_REGIME, MONTHS_AHEAD, PUBLISHED, REGIME_MODEL)
def RUSSELL_REGIME_PROB(session: Session, regime: Regime, horizon: int, as_of: Day, model: RegimeModel) -> float:
    """Probability (0 to 1) of a regime in the month of a day or some months later, filtered: by what was known on that day and a model fitted to nothing later.

    Returns
    -------
    float

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    value = _now(session, model, as_of).probabilities(horizon)[_place(regime), 0]
    if not np.isfinite(value):
        raise NoDataError(
            f"Model '{model}' has one slowdown and does not tell stagflation apart; use 'pool', 'chains' or 'bands'."
        )
    return float(value)


def _place(regime: str) -> int:
    return (*REGIMES, "stagflation").index(regime)


def compute_regime_history(model: Any, as_of: Any, progress: Callable[[str, int, int], None]) -> Table:
    """Compute the history of one model, for ``xl-smallcap regime history``. As RUSSELL_REGIME_HISTORY."""
    session = current_session()
    session.follow()
    regime_history(session, REGIME_MODEL.read(session, model), PUBLISHED.read(session, as_of), progress)
    return RUSSELL_REGIME_HISTORY(None, as_of, model)


@worksheet_function(MONTHS_AHEAD, PUBLISHED, REGIME_MODEL)
def RUSSELL_REGIMES(session: Session, horizon: int, as_of: Day, model: RegimeModel) -> Table:
    """Table of the regimes: probability (0 to 1), the least and most of the members of the pool or one model's 90 % interval, average duration in months, the last months of data, and what to be wary of.

    Returns
    -------
    list of list
        A row a regime; stagflation is part of slowdown. `lowest`, `highest` and `members` say what the members of the pool say:
        a range, not an interval. Intervals by 200 drawn series for "chains", "chains_pce" and "market".
        `starts_reached` is the share of random starts that found the best fit, `separation` how many standard deviations
        its states stand apart; of two chains the smaller.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    if model == "pool":
        return _pool_table(session, horizon, as_of)
    regimes = regimes_now(session, model, as_of)
    p, lasts = regimes.probabilities(horizon)[:, 0], durations(regimes)
    drawn = regimes_drawn(session, model, as_of, horizon)
    tail = (1.0 - session.settings.confidence) / 2.0
    wary = warnings_of(regimes)
    worth: list[Scalar] = [None, None]
    if regimes.chains:
        worth = [float(min(c.reached[0] for c in regimes.chains)), float(min(c.separation[0] for c in regimes.chains))]
    rows = list[_RegimeRow]()
    month = date((regimes.months[0] + horizon * MONTH).astype("datetime64[D]"))
    for k, name in enumerate([*REGIMES, "stagflation"]):
        edges: list[Scalar] = [None, None]
        if drawn is not None:
            edges = [number(float(v)) for v in np.quantile(drawn.probabilities[k], [tail, 1.0 - tail])]
        ends = (date(regimes.last_growth[0]), date(regimes.last_inflation[0]))
        about = (model, session.settings.seed, wary, source_label(session))
        range_of: list[Scalar] = [None, None, None]
        rows.append(
            row_of(
                _RegimeRow, name, month, number(float(p[k])), *edges, *range_of, lasts.get(name), *ends, *worth, *about
            )
        )  # fmt: skip
    return table_of(_RegimeRow, rows)


def _pool_table(session: Session, horizon: int, as_of: Day) -> Table:
    """RUSSELL_REGIMES of the pool: the mean, who says what, and who cannot say."""
    pool = pool_now(session, as_of)
    p, each = pool.probabilities(horizon)[:, 0], pool.each(horizon)[:, :, 0]
    month = date((pool.month + horizon * MONTH).astype("datetime64[D]"))
    growth_to = min(r.last_growth[0] for r in pool.members.values())
    inflation_to = min(r.last_inflation[0] for r in pool.members.values())
    chains = [c for r in pool.members.values() for c in r.chains]
    worth = (
        [float(min(c.reached[0] for c in chains)), float(min(c.separation[0] for c in chains))]
        if chains
        else [None] * 2
    )
    wary = pool_warnings(pool)
    rows = list[_RegimeRow]()
    for k, name in enumerate([*REGIMES, "stagflation"]):
        members = ", ".join(f"{m} {v:.2f}" for m, v in zip(pool.members, each[:, k], strict=True))
        rows.append(
            row_of(
                _RegimeRow, name, month, float(p[k]), None, None, float(each[:, k].min()), float(each[:, k].max()), members,
                None, date(growth_to), date(inflation_to), *worth, "pool", session.settings.seed, wary, source_label(session),
            )
        )  # fmt: skip
    return table_of(_RegimeRow, rows)


@worksheet_function(
    START.but(help="First month end shown: an Excel date or text."),
    AS_OF.but(help="No month end later: an Excel date or text. Default: the last."),
    REGIME_MODEL,
)
def RUSSELL_REGIME_HISTORY(session: Session, start: Day, as_of: Day, model: RegimeModel) -> Table:
    """Table of the regimes at every month end as they could be told then: probabilities (0 to 1) and the likeliest, the model refitted each month; computed by 'xl-smallcap regime history' or a refresh.

    Returns
    -------
    list of list
        A row a month end; #N/A where nothing could be fitted. `separation` is how many standard deviations the states of that
        fit stand apart: below 1, and below 0.3 for certain, a label says little. Of the pool also the least and most that its
        members gave goldilocks, and how many there were.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    history, rows = regime_history(session, model, as_of), list[_MonthEnd]()
    for i, day in enumerate(history.days):
        if start is None or day >= start:
            now, later = ([number(float(v)) for v in part[:, i]] for part in (history.probabilities, history.ahead3))
            clear = number(float(history.separation[i]))
            ends = number(float(history.lowest[0, i])), number(float(history.highest[0, i])), int(history.members[i])
            rows.append(row_of(_MonthEnd, date(day), *now, history.likeliest[i] or None, *later[:3], clear, *ends))
    if not rows:
        raise NoDataError(f"No month end on or after start {start}; the last is {history.days[-1]}.")
    return table_of(_MonthEnd, rows)


@worksheet_function(PUBLISHED, _WITH_STATES)
def RUSSELL_TRANSITIONS(session: Session, as_of: Day, model: RegimeModel) -> Table:
    """Table of monthly transition probabilities between regimes (0 to 1), from row to column, with average durations in months and long-run shares.

    Returns
    -------
    list of list
        Rows and columns: goldilocks, reflation, slowdown with low inflation, stagflation; for "hmm" one slowdown.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    if model == "pool":
        raise BadArgumentError(
            "The pool is a mean of models and has no states of its own; use 'chains', 'hmm' or 'market'."
        )
    regimes = regimes_now(session, model, as_of)
    names, matrix, shares = transitions(regimes)
    table: Table = [["from", *names, "duration_months", "long_run_share", "model"]]
    for k, name in enumerate(names):
        row = [float(v) for v in matrix[k]]
        table.append([name, *row, float(1.0 / max(1.0 - matrix[k, k], 1e-12)), float(shares[k]), model])
    return table


@worksheet_function(RELATIVE, AS_OF, REGIME_MODEL)
def RUSSELL_REGIME_RETURNS(session: Session, target: Target, as_of: Day, model: RegimeModel) -> Table:
    """Table of a target's mean return by regime in % a month (log): in the same month (known only at its end), the next and the next three; with n, volatility, hit rate, error, and whether there is evidence.

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
    names, rows = ("mean", "sd", "hit", "se", "lower", "upper", "difference", "tstat"), list[_Return]()
    for paid in report.regime_returns(session, target, model, as_of):
        values = [number(getattr(paid, name)) for name in names]
        tail: list[Scalar] = [paid.verdict, "% a month, log", target.id, model, source_label(session)]
        rows.append(row_of(_Return, paid.regime, paid.months, paid.n, paid.spells, *values, *tail))
    return table_of(_Return, rows)


@worksheet_function(PUBLISHED, REGIME_MODEL)
def RUSSELL_REGIME_SCORE(session: Session, as_of: Day, model: RegimeModel) -> Table:
    """Report card of a regime model: Brier score and log loss (lower is better) of its filtered probabilities beside climatology, persistence and 0.5, skill with t-value, recessions, reliability, renamed months.

    Returns
    -------
    list of list
        Rows by regime, horizon in months and truth; then bands of forecasts with the share that happened. sure is the share of
        months in which a chain is above .9 sure of a state, null_sure that on data with one regime: alike, it says nothing.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY.
    """
    names = [f.name for f in fields(_Score)][4:-3]
    rows = [
        row_of(_Score, card.regime, card.horizon, card.truth, card.n, *(number(getattr(card, n)) for n in names), model)
        for card in report.report_card(session, model, as_of)
    ]
    if model in ("pool", "chains", "chains_pce"):
        truth = "months with a state above 0.9: data, and data with one regime"
        rows += [
            _Score(f"chain of {one.series}", 0, truth, one.n, model=model, sure=one.sure, null_sure=one.null_sure)
            for one in sureness(session, model, as_of)
        ]
    if model not in ("pool", "bands", "bands_pce", "jump", "markov_switching"):
        history = regime_history(session, model, as_of)
        months, now = refit_path(session, model, as_of, history.days[-1])
        called = dict(zip(months.tolist(), now, strict=True))
        pairs = [
            (was, called.get(day.astype("datetime64[M]").item()))
            for day, was in zip(history.days, history.likeliest, strict=True)
            if was and called.get(day.astype("datetime64[M]").item())
        ]
        if pairs:
            share = float(np.mean([a != b for a, b in pairs]))
            truth = "months that today's refit calls otherwise"
            rows.append(_Score("all", 0, truth, len(pairs), happened=share, model=model))
    return table_of(_Score, rows)
