"""Where should the price be, given macro, and is that more than noise would say?"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

import numpy as np

from xl_smallcap.analyses.betas import out_of_sample_rsquared
from xl_smallcap.analyses.question import Question, aligned, check_gaps, check_model
from xl_smallcap.data.panel import REFUSED_GAP_DAYS, Panel, period_ends
from xl_smallcap.errors import BadArgumentError, NoDataError
from xl_smallcap.models import fair_value as model
from xl_smallcap.models import noise
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
    residuals have mean zero). Evidence: see models/noise.py.
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
    at = period_ends(panel.level_dates, question.window.frequency)
    return panel.level_dates[at], panel.levels[at]


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


def check_horizon(asked: FairValueQuestion) -> None:
    """Refuse a horizon longer than the window."""
    if asked.horizon > asked.regression.window.count:
        raise BadArgumentError(
            f"The horizon of {asked.horizon} observations is longer than the window {asked.regression.window}; use a "
            "shorter horizon or a longer window."
        )


def digest_of(*arrays: FloatArray) -> str:
    """Hash arrays by their shapes and bits."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def _noise(session: Session, asked: FairValueQuestion, factors: FloatArray) -> noise.Noise:
    """Random walks on these factor paths, whatever the target: computed once."""
    settings, n = session.settings, asked.regression.window.count

    def compute() -> noise.Noise:
        walks = noise.random_walks(factors.shape[0], settings.noise_draws, settings.seed)
        if asked.model == "levels":
            return noise.noise_on_levels(factors, walks)
        return noise.noise_on_changes(factors, n, walks)

    def to_columns(result: noise.Noise) -> Columns:
        return {f.name: getattr(result, f.name) for f in fields(result)}

    key = ("noise", asked.model, digest_of(factors), str(n), str(settings.noise_draws), str(settings.seed))
    return session.get_or_compute(key, compute, to_columns, lambda columns: noise.Noise(**columns))


def fair_value(session: Session, asked: FairValueQuestion) -> FairValue:
    """Compute a fair value and compare it with random walks."""
    check_horizon(asked)
    question = asked.regression
    panel = aligned(session, question)
    check_model(session, question)
    n, names = question.window.count, panel.names[1:]
    dates, levels = sampled_levels(panel, question)
    missing = ""
    evidence = noise.Evidence(*[float("nan")] * 4)
    oos = float("nan")
    if asked.model == "levels":
        check_levels(question, dates, n)
        X = levels[-n:, 1:]
        gap = model.levels_gap(levels[-n:, 0], X, names)
        evidence = noise.compare(gap.rsquared, gap.path, _noise(session, asked, X))
        needed = 2 * n + asked.horizon - 1
        try:
            check_levels(question, dates, needed)
            oos = float(model.levels_rsquared_oos(levels[-needed:, 0], levels[-needed:, 1:], n, asked.horizon)[-1])
            if not np.isfinite(oos):
                missing = "A window before this one has constant or collinear factors, so there is no out-of-sample R²."
        except NoDataError as exc:
            missing = str(exc)
        first, last = dates[-n], dates[-1]
    else:
        check_gaps(question, panel)
        if panel.dates.size < n + asked.horizon:
            raise NoDataError(
                f"Fair value by 'changes' with window {question.window} needs {n + asked.horizon} "
                f"{question.window.frequency} changes, betas of the day before for {asked.horizon} days; there are "
                f"{panel.dates.size}."
            )
        y, X = panel.changes[:, 0], panel.changes[:, 1:]
        reach = n + asked.horizon
        try:
            check_gaps(question, panel, windows=2)
            if panel.dates.size < 2 * n:
                raise NoDataError(f"Evidence needs {2 * n} {question.window.frequency} changes; there are {y.size}.")
            gap = model.changes_gap(y[-2 * n :], X[-2 * n :], names, n, asked.horizon)
            evidence = noise.compare(gap.rsquared, gap.path, _noise(session, asked, X[-2 * n :]))
            oos = out_of_sample_rsquared(session, question)
        except NoDataError as exc:
            if (panel.gaps > y.size - reach).any():
                raise
            missing = str(exc)  # the gap itself needs less than its evidence
            gap = model.changes_gap(y[-reach:], X[-reach:], names, n, asked.horizon)
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
        drift=gap.drift if asked.model == "changes" else float("nan"),
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
