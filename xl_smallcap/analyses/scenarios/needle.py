"""What must be true: the shock at which the call tips, and the odds of growth without inflation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.analyses.question import MARKET, Question, aligned
from xl_smallcap.analyses.scenarios.evidence import distance
from xl_smallcap.analyses.scenarios.projection import (
    FittedModel,
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
from xl_smallcap.types import BoolArray, FloatArray, Window

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


@dataclass(frozen=True)
class _Line:
    """The projected mean of outperformance as a line in one factor's change, the rest of a path as it is."""

    at_zero: float
    slope: float
    base: FloatArray
    per: FloatArray
    sd: float

    def crossing(self, session: Session, fitted: FittedModel) -> tuple[float, float, float]:
        """Where the mean is zero, and Fieller's interval of it."""
        model, confidence = fitted.model, session.settings.confidence
        ends = _fieller(self.at_zero, self.slope, self.base, self.per, model.beta_covariance, model.nobs, confidence)
        return -self.at_zero / self.slope, *ends


def _line(
    session: Session, question: Question, fitted: FittedModel, named: BoolArray, totals: FloatArray, k: int,
    length: int, months: int,
) -> _Line:  # fmt: skip
    """Project the path with one factor unchanged and with it changed by one."""
    given = condition_on(fitted.model.covariance, named, fitted.names)
    means = bool(session.settings.scenario_means)
    ends = []
    for s in (0.0, 1.0):
        changed = totals.copy()
        changed[k] = s
        monthly = np.repeat(changed[named][None] / length, length, axis=0)
        ends.append(project(fitted.model, given, monthly, months, means))
    at_zero, slope = float(ends[0].mean[-1]), float(ends[1].mean[-1] - ends[0].mean[-1])
    sd = float(np.sqrt(fitted.model.covariance[k, k] * WEEKS_A_MONTH * months))
    if abs(slope) * sd < 1e-9:
        raise FitError(f"No change of '{fitted.names[k]}' tips the call: it moves '{question.target.id}' by nothing.")
    base = ends[0].deviations[-1]
    return _Line(at_zero, slope, base, ends[1].deviations[-1] - base, sd)


def _regressor(fitted: FittedModel, question: Question, factor: str) -> int:
    if factor not in fitted.names:
        raise BadArgumentError(f"Factor '{factor}' is not in specification '{question.spec.id}'.")
    return fitted.names.index(factor)


def tipping(session: Session, query: ScenarioQuestion, factor: str) -> Tipping:
    """Return the change of one factor, the rest of the path as it is, that takes prob_outperform to one half.

    Where the mean is zero: the distribution is symmetric. The mean is linear in the shock. Interval: the shocks at
    which the mean is not told from zero given the errors of the betas (Fieller 1954).
    """
    question = outperformance(session, query.question)
    fitted = fit(session, question)
    k = _regressor(fitted, question, factor)
    path = path_of(session, replace(query, question=question), fitted)
    before = np.zeros(len(fitted.names))
    before[path.named] = path.total(query.months)
    named = path.named.copy()
    named[k] = True
    length = path.given_months(query.months)
    line = _line(session, question, fitted, named, before, k, length, query.months)
    shock, lower, upper = line.crossing(session, fitted)
    totals = before.copy()
    totals[k] = shock
    full = Path(named, np.repeat(totals[named][None] / length, length, axis=0))
    own = float(before[k]) if path.named[k] else float("nan")
    far = distance(fitted, full, query.months)
    fails = "below" if line.slope > 0 else "above"
    return Tipping(factor, fitted.panel.quotes[1 + k], shock, lower, upper, shock / line.sd, own, far, fails)


@dataclass(frozen=True)
class BreakEven:
    """Along which moves of two factors outperformance is as likely as not; NaN where the band has no end."""

    quotes: tuple[str, str]
    across: FloatArray
    down: FloatArray
    lower: FloatArray
    upper: FloatArray
    across_sd: float
    down_sd: float
    fails: str


def breakeven(session: Session, query: ScenarioQuestion, across: str, down: str) -> BreakEven:
    """Return for each move of one factor the other's at which prob_outperform is one half, with Fieller's band.

    The path's other factors are as it says; those it does not name follow.
    """
    question = outperformance(session, query.question)
    fitted = fit(session, question)
    i, k = (_regressor(fitted, question, f) for f in (across, down))
    if i == k:
        raise BadArgumentError(f"A line needs two factors; '{across}' was given twice.")
    path = path_of(session, replace(query, question=question), fitted)
    totals = np.zeros(len(fitted.names))
    totals[path.named] = path.total(query.months)
    named = path.named.copy()
    named[[i, k]] = True
    scale = np.sqrt(np.diag(fitted.model.covariance) * WEEKS_A_MONTH * query.months)
    length = path.given_months(query.months)
    moves = MAP_STEPS * scale[i]
    points, slope = [], 0.0
    for move in moves:
        totals[i] = move
        line = _line(session, question, fitted, named, totals, k, length, query.months)
        slope = line.slope
        points.append(line.crossing(session, fitted))
    shock, lower, upper = np.array(points).T
    quotes = (fitted.panel.quotes[1 + i], fitted.panel.quotes[1 + k])
    fails = "below" if slope > 0 else "above"
    return BreakEven(quotes, moves, shock, lower, upper, float(scale[i]), float(scale[k]), fails)


MOST_MULTIPLE = 20.0
_SEARCH = 0.01


@dataclass(frozen=True)
class Implied:
    """The multiple of a path at which the odds of outperformance are a given probability; NaN: not bounded."""

    multiple: float
    lower: float
    upper: float
    distance: float


def implied(session: Session, query: ScenarioQuestion, probability: float) -> Implied:
    """Return how much of a path must come for the odds of outperformance to be a given probability.

    The interval holds the multiples at which the projected mean is not told from the one wanted, by the errors of the
    betas; at one half it is Fieller's.
    """
    from scipy.special import stdtr, stdtrit

    question = outperformance(session, query.question)
    fitted = fit(session, question)
    path = path_of(session, replace(query, question=question), fitted)
    if not path.named.any():
        raise BadArgumentError(f"Path '{query.scenario.id}' names no factor, so there is no multiple of it.")
    given = condition_on(fitted.model.covariance, path.named, fitted.names)
    means = bool(session.settings.scenario_means)
    ends = [project(fitted.model, given, path.shocks * m, query.months, means) for m in (0.0, 1.0, -1.0)]
    df = ends[0].outcome(query.months).df
    level, slope = float(ends[0].mean[-1]), float(ends[1].mean[-1] - ends[0].mean[-1])
    v = [float(e.variance[-1]) for e in ends]
    shape = (df - 2.0) / df
    v0, v1, v2 = v[0] * shape, (v[1] - v[2]) / 2.0 * shape, ((v[1] + v[2]) / 2.0 - v[0]) * shape
    base, per = ends[0].deviations[-1], ends[1].deviations[-1] - ends[0].deviations[-1]
    q = float(stdtrit(df, probability))

    def miss(m: FloatArray) -> FloatArray:
        return np.asarray(level + slope * m - q * np.sqrt(v0 + v1 * m + v2 * m * m))

    grid = np.arange(-MOST_MULTIPLE, MOST_MULTIPLE + _SEARCH / 2.0, _SEARCH)
    signs = np.sign(miss(grid))
    crossings = np.flatnonzero(signs[1:] != signs[:-1])
    if not crossings.size:
        odds = stdtr(df, (level + slope * grid) / np.sqrt(v0 + v1 * grid + v2 * grid * grid))
        raise FitError(
            f"No multiple of the path up to {MOST_MULTIPLE:.0f} times makes the odds {probability:g}: they lie between "
            f"{odds.min():.2f} and {odds.max():.2f}."
        )
    start = int(crossings[np.abs(grid[crossings]).argmin()])
    found = _halved(miss, float(grid[start]), float(grid[start + 1]))
    V = fitted.model.beta_covariance
    t = student_quantile(session.settings.confidence, fitted.model.nobs - 1.0 - base.size)

    def outside(m: FloatArray) -> FloatArray:
        d = base[:, None] + np.outer(per, m)
        return np.asarray(np.abs(miss(m)) - t * np.sqrt(np.maximum(np.einsum("im,ij,jm->m", d, V, d), 0.0)))

    edges = [_edge(outside, found, sign * _SEARCH) for sign in (-1.0, 1.0)]
    scaled = Path(path.named, path.shocks * found)
    return Implied(found, edges[0], edges[1], distance(fitted, scaled, query.months))


def _edge(outside: Callable[[FloatArray], FloatArray], start: float, step: float) -> float:
    """Walk from a point until a function turns positive, and halve to where; NaN if it does not on the way to 20."""
    count = int((MOST_MULTIPLE - np.sign(step) * start) / abs(step))
    walk: FloatArray = start + step * np.arange(1.0, count + 1.0)
    beyond = np.flatnonzero(outside(walk) > 0.0)
    if not beyond.size:
        return float("nan")
    far = float(walk[beyond[0]])
    return _halved(outside, far - step, far)


def _halved(function: Callable[[FloatArray], FloatArray], one: float, other: float) -> float:
    """Where a function that differs in sign at two points is zero between them, by halving (bisection)."""
    sign = np.sign(float(function(np.array([one]))[0]))
    for _ in range(80):
        middle = 0.5 * (one + other)
        if np.sign(float(function(np.array([middle]))[0])) == sign:
            one = middle
        else:
            other = middle
    return 0.5 * (one + other)


def _fieller(
    a: float, c: float, base: FloatArray, per: FloatArray, covariance: FloatArray, nobs: float, confidence: float
) -> tuple[float, float]:
    """Solve (a + c s)^2 = t^2 (base + s per)'V(base + s per) for s; an interval where there is one."""
    t2 = student_quantile(confidence, nobs - 1.0 - base.size) ** 2
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
