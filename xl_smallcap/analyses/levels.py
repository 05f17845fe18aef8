"""Betas on factor levels, as published models have them, and where a beta stands among those of earlier month ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.analyses.fair_value import check_levels, digest_of, sampled_levels
from xl_smallcap.analyses.question import Question, aligned, check_gaps, check_window
from xl_smallcap.data.panel import REFUSED_GAP_DAYS, period_ends
from xl_smallcap.errors import BadArgumentError, NoDataError
from xl_smallcap.models.fair_value import random_walks
from xl_smallcap.models.levels import LevelsFit, fit_levels
from xl_smallcap.models.rolling import rolling_fit
from xl_smallcap.session import Session
from xl_smallcap.types import BetaModel, BoolArray, DayArray, FloatArray

FEWEST_MONTH_ENDS = 120
FEWEST_WINDOWS = 10


@dataclass(frozen=True)
class FittedLevels:
    """Betas on levels with the dates around them."""

    question: Question
    names: tuple[str, ...]
    quotes: tuple[str, ...]
    fit: LevelsFit
    first_date: np.datetime64
    last_date: np.datetime64
    used: dict[str, str]

    def position(self, factor: str) -> int:
        """Return the index of a factor or the market in the arrays."""
        return self.names.index(factor)


@dataclass(frozen=True)
class Standing:
    """Where today's betas stand among those of earlier month ends: shares from 0 to 1, and how many there are."""

    names: tuple[str, ...]
    percentile: FloatArray  # per +1 sd of the window
    percentile_native: FloatArray  # per native unit
    nobs: int

    def position(self, factor: str) -> int:
        """Return the index of a factor or the market in the arrays."""
        return self.names.index(factor)


def refuse_univariate_levels(question: Question) -> None:
    """Say why there is no regression of a level on one factor's level."""
    if question.method.name == "univariate":
        raise BadArgumentError(
            "Model 'levels' has no method 'univariate': one trending price on one trending factor fits whatever they "
            'are. Use "ols", "pcr" or "pls".'
        )


def fit(session: Session, question: Question) -> FittedLevels:
    """Fit betas on levels, or return them from the cache."""
    refuse_univariate_levels(question)
    panel = aligned(session, question)
    check_window(session, question, panel)
    check_gaps(question, panel)
    n, settings = question.window.count, session.settings
    dates, levels = sampled_levels(panel, question)
    check_levels(question, dates, n)
    names, window, changes = panel.names[1:], levels[-n:], panel.changes[-n:]

    def compute() -> LevelsFit:
        walks = random_walks(n, settings.noise_draws, settings.seed)
        return fit_levels(
            window[:, 0], window[:, 1:], changes[:, 0], changes[:, 1:], names, question.estimator, walks
        )  # fmt: skip

    key = (
        "levels", digest_of(window, changes), repr(question.estimator), str(settings.noise_draws), str(settings.seed),
    )  # fmt: skip
    fitted = session.get_or_compute(key, compute, LevelsFit)
    return FittedLevels(question, names, panel.quotes[1:], fitted, dates[-n], dates[-1], panel.used)


@dataclass(frozen=True)
class LevelsHistory:
    """Betas on levels of every window: per own standard deviation of the level, and that deviation."""

    names: tuple[str, ...]
    quotes: tuple[str, ...]
    dates: DayArray
    params: FloatArray
    level_sd: FloatArray
    alone: BoolArray


def history(session: Session, question: Question) -> LevelsHistory:
    """Fit every window of levels up to `as_of` at once."""
    refuse_univariate_levels(question)
    panel = aligned(session, question)
    check_window(session, question, panel)
    n = question.window.count
    dates, levels = sampled_levels(panel, question)

    def compute() -> dict[str, FloatArray]:
        rolled, _ = rolling_fit(levels[:, 0], levels[:, 1:], n, question.estimator)
        long = np.diff(dates).astype(np.int64) > REFUSED_GAP_DAYS[question.window.frequency]
        for gap in np.flatnonzero(long) + 1:
            rolled.params[max(0, int(gap) - n + 1) : int(gap)] = np.nan
        return {
            "params": rolled.params * rolled.factor_sd,
            "level_sd": rolled.factor_sd,
            "alone": rolled.alone.astype(np.float64),
        }

    key = ("levels history", digest_of(levels), str(question.window), repr(question.estimator))
    kept = session.get_or_compute(key, compute, dict)
    return LevelsHistory(
        panel.names[1:], panel.quotes[1:], dates[n - 1 :], kept["params"], kept["level_sd"], kept["alone"] > 0
    )


@dataclass(frozen=True)
class EveryWindow:
    """Betas of every window of one length, by the day each ends on."""

    names: tuple[str, ...]
    dates: DayArray
    params: FloatArray
    sd: FloatArray

    def to(self, day: np.datetime64) -> EveryWindow:
        """Return the windows that end by a day."""
        n = int(np.searchsorted(self.dates, day, side="right"))
        return EveryWindow(self.names, self.dates[:n], self.params[:n], self.sd[:n])


def every_window(session: Session, question: Question, model: BetaModel) -> EveryWindow:
    """Fit every window up to `as_of` by either model."""
    if model == "levels":
        rows = history(session, question)
        return EveryWindow(rows.names, rows.dates, rows.params, rows.level_sd)
    from xl_smallcap.analyses import betas  # a levels beta needs none of it

    past = betas.history(session, question)
    return EveryWindow(past.names, past.dates, past.params, past.factor_sd)


def standing(session: Session, question: Question, model: BetaModel) -> Standing:
    """Place today's betas among those of windows of the same length that ended at earlier month ends."""
    return standing_of(every_window(session, question, model), question)


def standing_of(windows: EveryWindow, question: Question) -> Standing:
    """Place the last window's betas among the others'."""
    dates, params = windows.dates, windows.params
    ends = period_ends(dates, "monthly")
    this_month = dates[-1].astype("datetime64[M]")
    earlier = ends[dates[ends].astype("datetime64[M]") < this_month]
    earlier = earlier[np.isfinite(params[earlier]).all(axis=1)]
    count = question.window.count
    spanned = dates.size + count - 1
    if earlier.size < FEWEST_MONTH_ENDS or spanned < FEWEST_WINDOWS * count:
        raise NoDataError(
            f"A percentile of window {question.window} needs {FEWEST_MONTH_ENDS} earlier month ends with a beta and "
            f"{FEWEST_WINDOWS} windows that do not overlap; there are {earlier.size} and {spanned // count}."
        )
    native = params / windows.sd
    below, below_native = (
        (1.0 + (values[earlier] <= values[-1]).sum(axis=0)) / (earlier.size + 1.0) for values in (params, native)
    )
    return Standing(windows.names, below, below_native, int(earlier.size))


def expanding_percentiles(dates: DayArray, values: FloatArray, count: int) -> FloatArray:
    """Place every beta of windows of `count` among those of earlier month ends; NaN where there are too few."""
    months = dates.astype("datetime64[M]")
    ends = period_ends(dates, "monthly")
    ends = ends[np.isfinite(values[ends])]
    ranks = np.full(values.size, np.nan)
    earlier = np.searchsorted(months[ends], months)  # month ends before each day's month
    long_enough = np.arange(values.size) + count >= FEWEST_WINDOWS * count
    for n in np.unique(earlier[earlier >= FEWEST_MONTH_ENDS]):
        rows = (earlier == n) & np.isfinite(values) & long_enough
        past = np.sort(values[ends[:n]])
        ranks[rows] = (1.0 + np.searchsorted(past, values[rows], side="right")) / (n + 1.0)
    return ranks
