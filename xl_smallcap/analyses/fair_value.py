"""Where should the price be, given macro: today and at every date, and would noise say the same?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xl_smallcap.analyses.betas import out_of_sample_rsquared
from xl_smallcap.analyses.question import MARKET, Question, aligned, check_gaps, check_model
from xl_smallcap.data.panel import REFUSED_GAP_DAYS, Panel, period_ends
from xl_smallcap.errors import BadArgumentError, FitError, NoDataError
from xl_smallcap.models import fair_value as model
from xl_smallcap.models.estimation import still_target, unfit
from xl_smallcap.models.fair_value import Backtest, backtest
from xl_smallcap.models.rolling import rolling_fit
from xl_smallcap.session import Columns, Session
from xl_smallcap.types import BoolArray, DayArray, FairValueModel, FloatArray

SUPPORTED, NOISE, UNKNOWN = "supported", "not distinguishable from noise", "not enough data"
NOISE_PERCENTILE, COINTEGRATION_P = 0.95, 0.05
"""A gap is `supported` when R² beats 95 % of random walks, their residuals come back as strongly in at most 5 % of
draws, and the out-of-sample R² is positive. Fixed before looking at any data."""


@dataclass(frozen=True)
class FairValueQuestion:
    """A regression, how its fair value is meant, and over how many observations."""

    regression: Question
    model: FairValueModel = "changes"
    horizon: int = 21


@dataclass(frozen=True)
class FairValue:
    """A fair value with its evidence.

    `actual`, `value` and `gap` are in index points (a target of several legs: an index, 100 on the first common date
    of its series); `gap_pct` is simple, `gap_sigma` in `sigma` (log %), `drift` log % (NaN for `levels`, whose
    residuals have mean zero). Evidence: see models/fair_value.py.
    """

    actual: float
    value: float
    gap: float
    gap_pct: float
    gap_sigma: float
    sigma: float
    drift: float
    rsquared: float
    rsquared_oos: float
    noise_percentile: float
    cointegration_pvalue: float
    half_life: float
    noise_half_life: float
    first_date: np.datetime64
    last_date: np.datetime64
    nobs: int
    draws: int
    seed: int
    used: dict[str, str]
    missing: str
    """Why evidence is missing, as a sentence; empty where it is all there."""

    @property
    def verdict(self) -> str:
        """`supported`, `not distinguishable from noise` or `not enough data`."""
        return verdict(self.noise_percentile, self.cointegration_pvalue, self.rsquared_oos)


def verdict(noise_percentile: float, cointegration_pvalue: float, rsquared_oos: float) -> str:
    """Apply the rule."""
    if not np.isfinite([noise_percentile, cointegration_pvalue, rsquared_oos]).all():
        return UNKNOWN
    good = noise_percentile >= NOISE_PERCENTILE and cointegration_pvalue <= COINTEGRATION_P and rsquared_oos > 0
    return SUPPORTED if good else NOISE


def sampled_levels(panel: Panel, question: Question) -> tuple[DayArray, FloatArray]:
    """Return levels at the question's frequency: dates, and 100 x log or bp with the target first."""
    ends = period_ends(panel.level_dates, question.window.frequency)
    return panel.level_dates[ends], panel.levels[ends]


def points(question: Question, levels: FloatArray, origin: float) -> FloatArray:
    """Turn the target's log levels into index points."""
    legs = question.target.legs
    if len(legs) == 1 and legs[0][1] == 1.0:
        return np.asarray(np.exp(levels / 100.0))
    return np.asarray(100.0 * np.exp((levels - origin) / 100.0))


def _long_steps(question: Question, dates: DayArray) -> BoolArray:
    """Tell which steps between levels are gaps."""
    return np.asarray(np.diff(dates).astype(np.int64) > REFUSED_GAP_DAYS[question.window.frequency])


def check_count(question: Question, dates: DayArray, needed: int) -> None:
    """Refuse too few levels."""
    if dates.size < needed:
        since = f" (since {dates[0]})" if dates.size else ""
        kind = question.window.frequency
        raise NoDataError(f"Window {question.window} needs {needed} {kind} levels; there are {dates.size}{since}.")


def check_levels(question: Question, dates: DayArray, needed: int) -> None:
    """Refuse too few levels, or a long gap among those needed."""
    frequency = question.window.frequency
    check_count(question, dates, needed)
    long = np.flatnonzero(_long_steps(question, dates[-needed:]))
    if long.size:
        gap = dates.size - needed + int(long[-1])
        raise NoDataError(
            f"Window {question.window} reaches across a gap: not every series was observed between {dates[gap]} and "
            f"{dates[gap + 1]}. There are {dates.size - gap - 1} {frequency} levels since then."
        )


def check_horizon(question: FairValueQuestion) -> None:
    """Refuse a horizon longer than the window."""
    if question.horizon > question.regression.window.count:
        raise BadArgumentError(
            f"The horizon of {question.horizon} observations is longer than the window {question.regression.window}; "
            "use a shorter horizon or a longer window."
        )


def digest_of(*arrays: FloatArray) -> str:
    """Hash arrays by their shapes and bits."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def _noise(session: Session, question: FairValueQuestion, factors: FloatArray) -> model.Noise:
    """Random walks on these factor paths, whatever the target: computed once."""
    settings, n = session.settings, question.regression.window.count

    def compute() -> model.Noise:
        walks = model.random_walks(factors.shape[0], settings.noise_draws, settings.seed)
        if question.model == "levels":
            return model.noise_on_levels(factors, walks)
        return model.noise_on_changes(factors, n, walks)

    key = ("noise", question.model, digest_of(factors), str(n), str(settings.noise_draws), str(settings.seed))
    return session.get_or_compute(key, compute, model.Noise)


def fair_value(session: Session, query: FairValueQuestion) -> FairValue:
    """Compute a fair value and compare it with random walks."""
    check_horizon(query)
    question = query.regression
    panel = aligned(session, question)
    check_model(session, question)
    n, names = question.window.count, panel.names[1:]
    dates, levels = sampled_levels(panel, question)
    missing = ""
    evidence = model.Evidence(*[float("nan")] * 4)
    oos = float("nan")
    if query.model == "levels":
        check_levels(question, dates, n)
        X = levels[-n:, 1:]
        gap = model.levels_gap(levels[-n:, 0], X, names)
        evidence = model.compare_with_noise(gap.rsquared, gap.path, _noise(session, query, X))
        needed = 2 * n + query.horizon - 1
        try:
            check_levels(question, dates, needed)
            oos = float(model.levels_rsquared_oos(levels[-needed:, 0], levels[-needed:, 1:], n, query.horizon)[-1])
            if not np.isfinite(oos):
                missing = "A window before this one has constant or collinear factors, so there is no out-of-sample R²."
        except NoDataError as exc:
            missing = str(exc)
        first, last = dates[-n], dates[-1]
    else:
        check_gaps(question, panel)
        if panel.dates.size < n + query.horizon:
            raise NoDataError(
                f"Fair value by 'changes' with window {question.window} needs {n + query.horizon} "
                f"{question.window.frequency} changes, betas of the day before for {query.horizon} days; there are "
                f"{panel.dates.size}."
            )
        y, X = panel.changes[:, 0], panel.changes[:, 1:]
        reach = n + query.horizon
        try:
            check_gaps(question, panel, windows=2)
            if panel.dates.size < 2 * n:
                raise NoDataError(f"Evidence needs {2 * n} {question.window.frequency} changes; there are {y.size}.")
            gap = model.changes_gap(y[-2 * n :], X[-2 * n :], names, n, query.horizon)
            evidence = model.compare_with_noise(gap.rsquared, gap.path, _noise(session, query, X[-2 * n :]))
            oos = out_of_sample_rsquared(session, question)
        except NoDataError as exc:
            if (panel.gaps > y.size - reach).any():
                raise
            missing = str(exc)  # the gap itself needs less than its evidence
            gap = model.changes_gap(y[-reach:], X[-reach:], names, n, query.horizon)
        first, last = panel.starts[-n], panel.dates[-1]
    now, origin = float(levels[np.searchsorted(dates, last), 0]), float(levels[0, 0])
    actual, value = (float(points(question, np.array(v), origin)) for v in (now, now - gap.gap))
    return FairValue(
        actual=actual,
        value=value,
        gap=actual - value,
        gap_pct=100.0 * float(np.expm1(gap.gap / 100.0)),
        gap_sigma=gap.gap / gap.sigma,
        sigma=gap.sigma,
        drift=gap.drift if query.model == "changes" else float("nan"),
        rsquared=gap.rsquared,
        rsquared_oos=oos,
        noise_percentile=evidence.noise_percentile,
        cointegration_pvalue=evidence.cointegration_pvalue,
        half_life=evidence.half_life,
        noise_half_life=evidence.noise_half_life,
        first_date=first,
        last_date=last,
        nobs=n,
        draws=session.settings.noise_draws,
        seed=session.settings.seed,
        used=panel.used,
        missing=missing,
    )


# -- How did the gap move, what was it worth as evidence at the time, and would trading it have paid?


PERIODS_A_YEAR = {"daily": 252.0, "weekly": 52.0, "monthly": 12.0}
EVIDENCE = ("noise_percentile", "cointegration_pvalue", "half_life")
_CHUNK = 64
_ADDED_AT_ONCE = 3
"""Chunks at the end that a cell computes itself, half a second or so each, where those before are there."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class GapHistory:
    """Gaps of every date, and their evidence where it has been computed.

    Arrays of shape (n_dates,). `actual`, `value`, `gap` in index points, `gap_pct` simple %, `gap_sigma` in standard
    deviations. Evidence is NaN where it has not been computed; `computed` says where it has.
    """

    dates: DayArray
    actual: FloatArray
    value: FloatArray
    gap: FloatArray
    gap_pct: FloatArray
    gap_sigma: FloatArray
    rsquared: FloatArray
    rsquared_oos: FloatArray
    noise_percentile: FloatArray
    cointegration_pvalue: FloatArray
    half_life: FloatArray
    computed: BoolArray

    def verdict(self, i: int) -> str:
        """Verdict of one date."""
        return verdict(
            float(self.noise_percentile[i]), float(self.cointegration_pvalue[i]), float(self.rsquared_oos[i])
        )


def _chunk_evidence(
    session: Session, levels: FloatArray, window: int, compute: bool, walks: list[model.WalkProducts]
) -> Columns | None:
    """Evidence of the windows of one chunk of levels, from the cache or by computing it."""
    settings = session.settings
    y, X = levels[:, 0], levels[:, 1:]
    key = ("noise history", digest_of(levels), str(window), str(settings.noise_draws), str(settings.seed))
    if not compute:
        return session.find(key, dict)

    def work() -> Columns:
        if not walks:
            walks.append(model.WalkProducts.of(model.random_walks(window, settings.noise_draws, settings.seed)))
        n = y.size - window + 1
        out = {name: np.full(n, np.nan) for name in EVIDENCE}
        for i in range(n):
            x, target = X[i : i + window], y[i : i + window]
            if still_target(target) or unfit(x):
                continue
            gap = model.levels_gap(target, x, tuple(str(k) for k in range(x.shape[1])))
            seen = model.compare_with_noise(gap.rsquared, gap.path, model.noise_by_products(x, walks[0]))
            for name, values in out.items():
                values[i] = getattr(seen, name)
        return out

    return session.get_or_compute(key, work, dict)


def _evidence(
    session: Session, levels: FloatArray, window: int, progress: Progress | None
) -> tuple[dict[str, FloatArray], BoolArray]:
    """Evidence of every window: what is cached, or all of it where a progress bar is given."""
    n = levels.shape[0] - window + 1
    out = {name: np.full(n, np.nan) for name in EVIDENCE}
    computed = np.zeros(n, dtype=bool)
    walks: list[model.WalkProducts] = []
    before = False
    for start in range(0, n, _CHUNK):
        stop = min(start + _CHUNK, n)
        part = levels[start : stop + window - 1]
        # New days change the last chunk and begin others: next to what is there, a few are cheap enough to be added.
        near = before and n - start <= _ADDED_AT_ONCE * _CHUNK
        chunk = _chunk_evidence(session, part, window, progress is not None or near, walks)
        before = chunk is not None
        if chunk is not None:
            computed[start:stop] = True
            for name, values in out.items():
                values[start:stop] = chunk[name]
        if progress is not None:
            progress("date", stop, n)
    return out, computed


def _windows_over(steps: BoolArray, length: int, count: int) -> BoolArray:
    """Tell which of the last `count` runs of `length` observations have a gap inside.

    `steps` says of each step from one observation to the next whether it is a gap.
    """
    before = np.concatenate([[0], np.cumsum(steps)])
    last = np.arange(before.size - count, before.size)
    return np.asarray(before[last] > before[np.maximum(last - length + 1, 0)])


def gap_history(session: Session, query: FairValueQuestion, progress: Progress | None = None) -> GapHistory:
    """Compute the gaps of every date up to the question's."""
    check_horizon(query)
    question = query.regression
    panel = aligned(session, question)
    check_model(session, question)
    n = question.window.count
    dates, levels = sampled_levels(panel, question)
    if query.model == "levels":
        check_count(question, dates, n)
        gaps = model.levels_gaps(levels[:, 0], levels[:, 1:], n)
        when, now = dates[n - 1 :], levels[n - 1 :, 0]
        steps = np.diff(dates).astype(np.int64) > REFUSED_GAP_DAYS[question.window.frequency]
        evidence, computed = _evidence(session, levels, n, progress)
        oos = np.full(when.size, np.nan)
        if dates.size >= 2 * n + query.horizon - 1:
            rsquared = model.levels_rsquared_oos(levels[:, 0], levels[:, 1:], n, query.horizon)
            oos[-rsquared.size :] = rsquared
        across = _windows_over(steps, n, when.size)
        for name in EVIDENCE:
            evidence[name] = np.where(across, np.nan, evidence[name])
        # an out-of-sample R² reaches back over another window and the horizon
        oos[_windows_over(steps, 2 * n + query.horizon - 1, when.size)] = np.nan
    else:
        if panel.dates.size < n + query.horizon:
            raise NoDataError(
                f"A history of fair values by 'changes' with window {question.window} needs {n + query.horizon} "
                f"{question.window.frequency} changes; there are {panel.dates.size} (since {panel.level_dates[0]})."
            )
        gaps = model.changes_gaps(panel.changes[:, 0], panel.changes[:, 1:], n, query.horizon)
        when = panel.dates[n + query.horizon - 1 :]
        now = levels[np.searchsorted(dates, when), 0]
        evidence = {name: np.full(when.size, np.nan) for name in EVIDENCE}
        computed, oos = np.zeros(when.size, dtype=bool), np.full(when.size, np.nan)
        missing = np.zeros(panel.dates.size, dtype=bool)
        missing[panel.gaps[(panel.gaps > 0) & (panel.gaps < panel.dates.size)] - 1] = True
        across = _windows_over(missing[:-1], n + query.horizon, when.size)
    gap = np.where(across, np.nan, gaps.gap)
    origin = float(levels[0, 0])
    actual, value = points(question, now, origin), points(question, now - gap, origin)
    return GapHistory(
        dates=when,
        actual=actual,
        value=value,
        gap=actual - value,
        gap_pct=100.0 * np.expm1(gap / 100.0),
        gap_sigma=gap / gaps.sigma,
        rsquared=np.where(np.isfinite(gap), gaps.rsquared, np.nan),
        rsquared_oos=oos,
        computed=computed,
        **evidence,
    )


@dataclass(frozen=True)
class GapTrade:
    """A back-test and the dates it is about."""

    result: Backtest
    dates: DayArray
    first_date: np.datetime64
    last_date: np.datetime64


def gap_backtest(session: Session, query: FairValueQuestion, entry: float, leave: float, delay: int) -> GapTrade:
    """Trade against the gap, hypothetically and before costs.

    Returns are the target's; of ``hedged``, the Russell's less yesterday's market beta times the market.
    """
    if not (entry > leave >= 0.0 and delay >= 0):
        raise BadArgumentError(
            f"A trade opens at --entry {entry:g} and closes at --exit {leave:g} standard deviations after --delay "
            f"{delay} periods: entry must be above exit, none of them negative."
        )
    history = gap_history(session, query)
    question = query.regression
    panel = aligned(session, question)
    n = question.window.count
    earned = panel.changes[:, 0].copy()
    if question.target.market:
        fit, _ = rolling_fit(panel.changes[:, 0], panel.changes[:, 1:], n)
        m = panel.names.index(MARKET)
        earned[:n] = np.nan
        earned[n:] -= fit.params[:-1, m - 1] * panel.changes[n:, m]
    # Every return follows the one before: begin after the last change that was left out, and where there is a return.
    broken = np.flatnonzero(panel.starts[1:] != panel.dates[:-1])
    first = max(int(np.searchsorted(panel.dates, history.dates[0])), int(broken[-1]) + 1 if broken.size else 0)
    held = np.flatnonzero(np.isfinite(earned[first:]))
    first += int(held[0]) if held.size else 0
    if panel.dates.size - first < n + delay:
        where = ""
        if broken.size and int(broken[-1]) + 1 <= first:
            where = f" after the missing change from {panel.dates[broken[-1]]} to {panel.starts[broken[-1] + 1]}"
        raise NoDataError(
            f"A back-test needs at least {n + delay} {question.window.frequency} returns in a row; there are "
            f"{panel.dates.size - first}{where}."
        )
    lost = np.flatnonzero(~np.isfinite(earned[first:]))
    if lost.size:
        raise FitError(
            f"On {panel.dates[first + int(lost[0])]} there is no market beta of the day before (constant or collinear "
            "factors), so the hedged return is not known; use another window."
        )
    gaps = history.gap_sigma[np.searchsorted(history.dates, panel.dates[first:])]
    a_year = PERIODS_A_YEAR[question.window.frequency]
    result = backtest(gaps, earned[first:], entry, leave, delay, a_year, session.settings.confidence)
    dates = panel.dates[first + delay + 1 :]
    return GapTrade(result, dates, dates[0], panel.dates[-1])
