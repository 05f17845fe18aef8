"""What must be true: the shock at which the call tips, and the odds of growth without inflation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.analyses.question import MARKET, Question, aligned
from xl_smallcap.analyses.scenarios.evidence import distance
from xl_smallcap.analyses.scenarios.projection import (
    Path,
    ScenarioQuestion,
    fit,
    outperformance,
    path_of,
    regime_weights,
)
from xl_smallcap.data.scenarios import Scenario, Shock
from xl_smallcap.errors import BadArgumentError, FitError
from xl_smallcap.models.inference import student_quantile
from xl_smallcap.models.projection import WEEKS_A_MONTH, condition_on, project
from xl_smallcap.session import Session
from xl_smallcap.types import FloatArray, Window

GROWTH, INFLATION = "growth", "inflation"
MAP_STEPS = np.arange(-2.0, 2.25, 0.5)
"""Axes of the map in standard deviations of the horizon."""


@dataclass(frozen=True)
class Tipping:
    """The shock at which outperformance is a coin's toss, in the factor's own unit and in standard deviations.

    `lower` and `upper` are Fieller's 90 % interval, NaN where it has no ends; `path_shock` is the path's own (NaN where
    it gives none); `path_distance` that of the path with the tipping shock;
    `fails` on which side of it the call fails, "above" or "below".
    """

    factor: str
    quote: str
    shock: float
    lower: float
    upper: float
    shock_sd: float
    path_shock: float
    path_distance: float
    fails: str


def tipping(session: Session, query: ScenarioQuestion, factor: str) -> Tipping:
    """Return the change of one factor, the rest of the path as it is, that takes prob_outperform to one half.

    Where the mean is zero: the distribution is symmetric. The mean is linear in the shock. Interval: the shocks at
    which the mean is not told from zero given the errors of the betas (Fieller 1954).
    """
    question = outperformance(session, query.question)
    fitted = fit(session, question)
    if factor not in fitted.names:
        raise BadArgumentError(f"Factor '{factor}' is not in specification '{question.spec.id}'.")
    k = fitted.names.index(factor)
    path = path_of(session, replace(query, question=question), fitted)
    before = np.zeros(len(fitted.names))
    before[path.named] = path.total(query.months)
    named = path.named.copy()
    named[k] = True
    given = condition_on(fitted.model.covariance, named, fitted.names)
    means = bool(session.settings.scenario_means)
    ends, length = [], path.given_months(query.months)
    for s in (0.0, 1.0):
        totals = before.copy()
        totals[k] = s
        monthly = np.repeat(totals[named][None] / length, length, axis=0)
        ends.append(project(fitted.model, given, monthly, query.months, means))
    at_zero, slope = float(ends[0].mean[-1]), float(ends[1].mean[-1] - ends[0].mean[-1])
    sd = float(np.sqrt(fitted.model.covariance[k, k] * WEEKS_A_MONTH * query.months))
    if abs(slope) * sd < 1e-9:
        raise FitError(f"No change of '{factor}' tips the call: it moves '{question.target.id}' by nothing.")
    shock = -at_zero / slope
    base, per = ends[0].expected[-1], ends[1].expected[-1] - ends[0].expected[-1]
    lower, upper = _fieller(at_zero, slope, base, per, fitted.model.beta_covariance, fitted.model.nobs)
    totals = before.copy()
    totals[k] = shock
    full = Path(named, np.repeat(totals[named][None] / length, length, axis=0))
    own = float(before[k]) if path.named[k] else float("nan")
    far = distance(fitted, full, query.months)
    fails = "below" if slope > 0 else "above"
    return Tipping(factor, fitted.panel.quotes[1 + k], shock, lower, upper, shock / sd, own, far, fails)


def _fieller(
    a: float, c: float, base: FloatArray, per: FloatArray, covariance: FloatArray, nobs: float
) -> tuple[float, float]:
    """Solve (a + c s)^2 = t^2 (base + s per)'V(base + s per) for s; an interval where there is one."""
    t2 = student_quantile(0.90, nobs - 1.0 - base.size) ** 2
    square = c * c - t2 * float(per @ covariance @ per)
    middle = a * c - t2 * float(base @ covariance @ per)
    rest = a * a - t2 * float(base @ covariance @ base)
    root = middle * middle - square * rest
    if square <= 0.0 or root < 0.0:
        return float("nan"), float("nan")
    ends = sorted(((-middle - np.sqrt(root)) / square, (-middle + np.sqrt(root)) / square))
    return float(ends[0]), float(ends[1])


@dataclass(frozen=True)
class Needle:
    """Odds of growth, contained inflation and outperformance together, by history weighted with the regime forecast.

    `weighted` and `plain` hold joint, window, given_window and outperform; errors are binomial by effective months.
    """

    weighted: FloatArray
    errors: FloatArray
    plain: FloatArray
    effective: float
    nobs: int
    first: np.datetime64
    last: np.datetime64


def needle(session: Session, question: Question, months: int, growth_min: float, inflation_max: float) -> Needle:
    """Return the odds of threading the needle.

    Past stretches count by how likely their regime at the start is today's.
    """
    query = outperformance(session, question)
    for name in (GROWTH, INFLATION):
        if name not in query.spec.factors:
            raise BadArgumentError(f"The needle needs '{name}', which specification '{query.spec.id}' does not have.")
    panel = aligned(session, replace(query, window=Window(1, "monthly")))
    sums, p, now, starts, ends = regime_weights(session, query.as_of, panel, months)
    y = sums[:, 0]
    if query.target.market:
        fitted = fit(session, query)
        y = y - (fitted.model.beta - fitted.model.loading)[fitted.names.index(MARKET)] * sums[:, -1]
    column = {n: i for i, n in enumerate(panel.names)}
    window = (sums[:, column[GROWTH]] >= growth_min) & (sums[:, column[INFLATION]] <= inflation_max)
    won = y > 0.0
    q = (now / p.sum(axis=1)) @ p
    q = q / q.sum()
    equal = np.full(q.size, 1.0 / q.size)

    def shares(w: FloatArray) -> FloatArray:
        inside = float(w[window].sum())
        joint = float(w[window & won].sum())
        return np.array([joint, inside, joint / inside if inside > 0 else np.nan, float(w[won].sum())])

    odds = shares(q)
    effective = 1.0 / float((q * q).sum()) / months
    count = np.array([effective, effective, effective * odds[1], effective])
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.sqrt(odds * (1.0 - odds) / count)
    return Needle(odds, errors, shares(equal), effective, q.size, starts[0], ends[-1])


@dataclass(frozen=True)
class Map:
    """Probability of outperformance over growth (columns) and inflation (rows), both in standard deviations."""

    steps: FloatArray
    probability: FloatArray
    growth_sd: float
    inflation_sd: float


def needle_map(session: Session, question: Question, months: int) -> Map:
    """Return prob_outperform for every pair of growth and inflation, other factors following.

    By the analytic projection, so each cell is that of its path. The one-half line is straight by construction.
    """
    query = outperformance(session, question)
    fitted = fit(session, query)
    pair = (Shock(GROWTH, "sd", 1.0), Shock(INFLATION, "sd", 1.0))
    unit = path_of(session, ScenarioQuestion(query, Scenario("map", "map", pair), months), fitted)
    given = condition_on(fitted.model.covariance, unit.named, fitted.names)
    out = np.empty((MAP_STEPS.size, MAP_STEPS.size))
    for i, p in enumerate(MAP_STEPS):
        for j, g in enumerate(MAP_STEPS):
            order = np.array([g, p]) if fitted.names.index(GROWTH) < fitted.names.index(INFLATION) else np.array([p, g])
            projected = project(fitted.model, given, unit.shocks * order, months, bool(session.settings.scenario_means))
            out[i, j] = projected.outcome(months).above_zero()
    scale = np.sqrt(np.diag(fitted.model.covariance) * WEEKS_A_MONTH * months)
    position = fitted.names.index
    return Map(MAP_STEPS, out, float(scale[position(GROWTH)]), float(scale[position(INFLATION)]))
