"""The weekly model with what all of the past adds: shrunken betas, the S&P's drift, today's volatility."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.analyses.question import MARKET, Question, aligned
from xl_smallcap.data.panel import Column, Panel
from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.models.estimation import still_targets
from xl_smallcap.models.kernels.many import fit_own
from xl_smallcap.models.prior import shrunk, volatility_ratios, weekly_tails
from xl_smallcap.models.projection import FactorModel, fit_factor_model
from xl_smallcap.session import Session
from xl_smallcap.types import DayArray, FloatArray, Window

DAYS = 520
"""Days whose residuals say how volatile today is: two years, as the weekly window."""
FEWEST_DAYS = 250


@dataclass(frozen=True)
class Past:
    """What the bundle reads: weekly and daily changes of target and regressors, the S&P's weeks, the target's legs."""

    weekly: Panel
    daily: Panel | None
    market_weeks: DayArray
    market_changes: FloatArray
    weight: float
    why_no_days: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What distinguishes it in the cache from the past of other data, beside the weeks."""
        days = self.daily.digest if self.daily is not None else "none"
        market = self.market_weeks.tobytes() + self.market_changes.tobytes()
        return days, hashlib.sha256(market).hexdigest(), repr(self.weight)


def past_of(session: Session, question: Question, weekly: Panel) -> Past:
    """Collect what is known by the question's day."""
    column = Column.of(MARKET, "pct", ((session.catalogue.market, 1.0),))
    market = session.panel((column,), question.as_of, "weekly")
    daily, why = None, ""
    try:
        daily = aligned(session, replace(question, window=Window(DAYS, "daily")))
    except XlSmallcapError as exc:  # a weekly series has no days: said in the projection's warning
        why = str(exc)
    if daily is not None and daily.dates.size < FEWEST_DAYS:
        why = f"there are {daily.dates.size} days of target and factors together, and {FEWEST_DAYS} are needed"
    weight = sum(w for _, w in question.target.legs)
    return Past(weekly, daily, market.dates, market.changes[:, 0], weight, why)


def bundled(model: FactorModel, past: Past, stop: int, window: int, day: np.datetime64) -> FactorModel:
    """Return the model of the weeks before `stop` with what the past by that day adds.

    Parameters
    ----------
    model : FactorModel
        Of the last `window` weeks before `stop`.
    past : Past
        Of which nothing after `day` is read.
    stop, window : int
        Weeks that are known, and weeks of the model.
    day : datetime64
        The last day that is known.

    Returns
    -------
    FactorModel
    """
    changes, names = past.weekly.changes[:stop], past.weekly.names[1:]
    hedged = model.loading != model.beta
    every = fit_factor_model(changes[:, 0], changes[:, 1:], names, hedged)
    before, errors = _windows(past, stop, window)
    pulled = shrunk(model.beta, model.beta_covariance, every.beta, every.beta_covariance, before, errors)
    hedge = float(pulled.beta[hedged].sum())
    known = past.market_weeks <= past.weekly.dates[stop - 1]
    drift = float(past.market_changes[known].mean()) * (past.weight - hedge)
    out = replace(
        model, beta=pulled.beta, beta_covariance=pulled.covariance, loading=np.where(hedged, 0.0, pulled.beta),
        about=changes[:, 1:].mean(axis=0), own_drift=drift,
    )  # fmt: skip
    return _today(out, model, past, stop, window, day)


def _windows(past: Past, stop: int, window: int) -> tuple[FloatArray, FloatArray]:
    """Betas and errors of the disjoint windows before the last; without those a regression would refuse."""
    ends = np.arange(stop - window, window - 1, -window)
    starts = ends - window
    gaps = past.weekly.gaps
    broken = ((gaps > starts[:, None]) & (gaps < ends[:, None])).any(axis=1)
    rows = starts[~broken, None] + np.arange(window)
    if not rows.size:
        none = np.empty((0, past.weekly.changes.shape[1] - 1))
        return none, none
    y, X = past.weekly.changes[rows, 0], past.weekly.changes[rows, 1:]
    fits = fit_own(y, X)
    good = ~fits.doubtful & np.isfinite(fits.params).all(axis=1) & ~still_targets(y)
    return (fits.params / fits.sd)[good], (fits.bse / fits.sd)[good]


def _today(out: FactorModel, model: FactorModel, past: Past, stop: int, window: int, day: np.datetime64) -> FactorModel:
    """Add today's volatility and the tails of weeks once it is known; without enough days, none."""
    if past.daily is None:
        return out
    end = int(np.searchsorted(past.daily.dates, day, side="right"))
    rows = slice(max(0, end - DAYS), end)
    if end - rows.start < FEWEST_DAYS:
        return out
    y, X = past.daily.changes[rows, 0], past.daily.changes[rows, 1:]
    design = np.column_stack([np.ones(y.size), X])
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]  # squares of it need no last digits
    ratios = volatility_ratios(left**2)
    regressors = np.ones(model.beta.size)
    if MARKET in past.weekly.names[1:]:
        k = past.weekly.names[1:].index(MARKET)
        regressors[k] = volatility_ratios(X[:, k] ** 2)[-1]
    recent = slice(stop - window, stop)
    weeks = past.weekly.changes[recent]
    rest = weeks[:, 0] - weeks[:, 1:] @ model.beta
    place = np.searchsorted(past.daily.dates[rows], past.weekly.starts[recent], side="right") - 1
    before = np.where(place >= 0, ratios[np.maximum(place, 0)], 1.0)
    df = weekly_tails(rest - rest.mean(), before, model.residual_variance)
    return replace(out, residual_ratio=float(ratios[-1]), regressor_ratio=regressors, weekly_df=df)
