"""Paths drawn from a model or from history, reweighted to a view, or mixed over regimes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from xl_smallcap.errors import FitError
from xl_smallcap.models.prior import monthly_ratios
from xl_smallcap.models.projection import (
    WEEKS_A_MONTH,
    FactorModel,
    Given,
    Projection,
    condition_on,
    scaled_covariance,
    shrunk_covariance,
    tail_df,
)
from xl_smallcap.types import BoolArray, FloatArray

CHUNK = 4096
"""Draws made together, from a stream of their own: results do not depend on how many threads there are."""


def _root(matrix: FloatArray) -> FloatArray:
    """Return a factor F with F F' = matrix, also where some directions have no variance."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def simulate(
    model: FactorModel,
    given: Given,
    projection: Projection,
    path_months: int,
    draws: int,
    seed: int,
    threads: int | None = None,
) -> FloatArray:
    """Draw the cumulated return after each month of a path.

    Parameters
    ----------
    model : FactorModel
        Betas and covariances.
    given : Given
        Propagation from the named factors.
    projection : Projection
        Expected factor changes by month.
    path_months : int
        Months in which factors are given; afterwards all are free.
    draws, seed : int
        How many, and of which stream.
    threads : int, optional
        Default: as many as there are processors, at most 8.

    Returns
    -------
    ndarray of shape (n_months, draws)
        %. Each draw has betas of its own (normal), and each month factors and residual that are together Student's t
        with :func:`tail_df` of one month, scaled to their covariance. Chunks of 4,096 draws have a child each of
        ``SeedSequence(seed)`` with SFC64.
    """
    months, p = projection.expected.shape
    steps = np.diff(projection.deviations, axis=0, prepend=np.zeros((1, p)))
    drift = np.diff(projection.drift, prepend=0.0)
    df = tail_df(1, model.weekly_df)
    beta_root = _root(model.beta_covariance).T.copy()
    ratios = np.array([monthly_ratios(float(r), months) for r in model.regressor_ratio]).T
    roots = []
    for m in range(months):
        S = scaled_covariance(given.covariance if m < path_months else model.covariance, ratios[m])
        root = _root(WEEKS_A_MONTH * S).T.copy()
        roots.append(root[np.abs(root).max(axis=1) > 0])  # directions without variance need no draws
    noise = np.sqrt(np.diff(projection.residual_variance, prepend=0.0))
    out = np.empty((months, draws))
    chunks = -(-draws // CHUNK)
    streams = np.random.SeedSequence(seed).spawn(chunks)

    def work(i: int) -> None:
        a, b = i * CHUNK, min(draws, (i + 1) * CHUNK)
        rng = np.random.default_rng(np.random.SFC64(streams[i]))
        # the position is loading'f, and the error of each beta enters with its factor, hedged or not
        betas = model.loading + rng.standard_normal((b - a, p)) @ beta_root
        total = np.zeros(b - a)
        for m in range(months):
            root = roots[m]
            scale = np.sqrt((df - 2.0) / (2.0 * rng.standard_gamma(df / 2.0, b - a)))
            moved = rng.standard_normal((b - a, root.shape[0])) @ root
            moved *= scale[:, None]
            moved += steps[m]
            total = (
                total + np.einsum("ij,ij->i", moved, betas) + noise[m] * scale * rng.standard_normal(b - a) + drift[m]
            )
            out[m, a:b] = total

    count = threads if threads is not None else min(8, os.cpu_count() or 1)
    if count > 1 and chunks > 1:
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(work, range(chunks)))
    else:
        for i in range(chunks):
            work(i)
    return out


def block_bootstrap(
    model: FactorModel,
    given: Given,
    projection: Projection,
    path_months: int,
    history: tuple[FloatArray, FloatArray],
    draws: int,
    seed: int,
) -> FloatArray:
    """Draw the cumulated return after each month from blocks of past weeks, for their tails.

    Parameters
    ----------
    model : FactorModel
        Betas and covariances.
    given : Given
        Propagation from the named factors.
    projection : Projection
        Means and variances.
    path_months : int
        Months in which factors are given.
    history : (ndarray of shape (n_weeks,), ndarray of shape (n_weeks, n_factors))
        Weekly changes of target and factors, as far back as there are.
    draws, seed : int
        How many, and of which stream.

    Returns
    -------
    ndarray of shape (n_months, draws)
        %. What today's betas and the given factors leave of each past week, centred and scaled to today's weekly
        variance, in circular blocks of ceil(n^(1/3)) weeks (Politis and Romano 1992); estimation error is normal. The
        mean is the projection's, the tails are history's, and so is the serial correlation within a block:
        where weeks have any, the variance of a sum differs from the projection's.
    """
    y, X = history
    months = projection.mean.size
    left = X - X[:, given.named] @ given.matrix.T
    residual = y - X @ model.beta
    series = []
    for free, part in ((False, left), (True, X)):
        r = residual + part @ model.loading
        r = r - r.mean()
        S = model.covariance if free else given.covariance
        wanted = float(model.loading @ S @ model.loading) + model.residual_variance
        series.append(r * np.sqrt(wanted / float((r * r).mean())))
    n = y.size
    block = int(np.ceil(n ** (1.0 / 3.0)))
    weeks = np.rint(WEEKS_A_MONTH * np.arange(1, months + 1)).astype(np.int64)
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, n, size=(draws, -(-int(weeks[-1]) // block)))
    index = (starts[:, :, None] + np.arange(block)).reshape(draws, -1)[:, : weeks[-1]] % n
    edge = int(weeks[min(path_months, months) - 1]) if path_months else 0
    drawn = np.empty(index.shape)
    drawn[:, :edge], drawn[:, edge:] = series[0][index[:, :edge]], series[1][index[:, edge:]]
    # today's volatility, where it is not the usual one
    usual = [
        float(model.loading @ S @ model.loading) + model.residual_variance for S in (given.covariance, model.covariance)
    ]
    made = np.diff(projection.path_variance + projection.residual_variance, prepend=0.0) / WEEKS_A_MONTH
    size = np.sqrt(made / np.where(np.arange(months) < path_months, *usual))
    drawn *= np.repeat(size, np.diff(weeks, prepend=0))
    sums = np.cumsum(drawn, axis=1)[:, weeks - 1]
    exact = np.sqrt(WEEKS_A_MONTH * np.arange(1, months + 1) / weeks)
    error = rng.standard_normal(draws)
    return np.asarray((projection.mean + sums * exact + np.outer(error, np.sqrt(projection.beta_variance))).T)


# -- History reweighted as little as possible so that it meets a view: entropy pooling.


FEWEST_EFFECTIVE = 30.0
"""Effective months below which a mixture over regimes is refused."""
FEWEST_STRETCHES = 10.0
"""Effective stretches that do not overlap below which a reweighted history is refused as a distribution."""
_TOLERANCE = 1e-13
_STEPS = 100
_SHRINKS = 40


@dataclass(frozen=True)
class Pooled:
    """Weights that meet the views, and how much of the history is left: exp of their entropy."""

    weights: FloatArray
    effective: float
    residual: float


def pool(functions: FloatArray, views: FloatArray, names: tuple[str, ...]) -> Pooled:
    """Find the weights closest to equal ones whose means are the views.

    Parameters
    ----------
    functions : ndarray of shape (n_views, n_scenarios)
        What each view is about, in each scenario.
    views : ndarray of shape (n_views,)
        The means wanted.
    names : tuple of str
        Of the views, for errors.

    Returns
    -------
    Pooled
        `residual` is the largest miss of a view in standard deviations of its function.

    Raises
    ------
    FitError
        No reweighting reaches the views; a view outside of history is named with its range.

    Notes
    -----
    Meucci (2008), relative entropy by its dual, min over l of log mean exp(l'(A - b)), by Newton's method with
    halved steps; functions are standardised, weights come by softmax. Kish's and other effective numbers exist; exp of
    the entropy is Meucci's (2012).
    """
    n = functions.shape[1]
    if not views.size:
        return Pooled(np.full(n, 1.0 / n), float(n), 0.0)
    low, high = functions.min(axis=1), functions.max(axis=1)
    for k, name in enumerate(names):
        if not low[k] < views[k] < high[k]:
            raise FitError(
                f"No reweighting of history reaches {name} = {views[k]:.4g}: in {n} periods it lay between "
                f"{low[k]:.4g} and {high[k]:.4g}. Give a smaller shock or a longer horizon."
            )
    centre, sd = functions.mean(axis=1), functions.std(axis=1)
    A = (functions - centre[:, None]) / sd[:, None]
    A -= ((views - centre) / sd)[:, None]
    dual = np.zeros(views.size)
    z = np.zeros(n)
    value, q = 0.0, np.full(n, 1.0 / n)
    for _ in range(_STEPS):
        gradient = A @ q
        if float(np.abs(gradient).max()) < _TOLERANCE:
            break
        weighted = A * q
        hessian = weighted @ A.T - np.outer(gradient, gradient)
        # far out the weights gather on few scenarios and the Hessian fades: a trace of the identity keeps it solvable
        step = np.linalg.solve(hessian + 1e-14 * np.trace(hessian) * np.eye(views.size), gradient)
        slope, size = float(gradient @ step), 1.0
        for _ in range(_SHRINKS):
            trial = dual - size * step
            z = trial @ A
            top = float(np.max(z))
            np.subtract(z, top, out=z)
            np.exp(z, out=z)
            total = float(z.sum())
            objective = np.log(total / n) + top
            if objective <= value - 1e-4 * size * slope + 1e-15:
                break
            size *= 0.5
        dual, value, q = trial, float(objective), z / total
        if value < -50.0:
            break  # the dual falls without end: the views lie outside of what any weights can give together
    residual = float(np.abs(A @ q).max())
    if residual > 1e-9:
        raise FitError(
            f"No reweighting of history reaches the views on {', '.join(names)} together, though each alone lies "
            "within its range: they contradict each other in the past. Give fewer or smaller shocks."
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -float(np.where(q > 0, q * np.log(q), 0.0).sum())
    return Pooled(q, float(np.exp(entropy)), residual)


# -- Factor changes that differ by regime: a normal a regime, shrunk to what holds in all, weighted by the forecast.


PRIOR_MONTHS = 24.0
"""Effective months at which a regime's own moments count half."""


@dataclass(frozen=True)
class RegimeMoments:
    """Mean and covariance of h-month factor changes in each regime, and the effective months behind them."""

    mean: FloatArray
    covariance: FloatArray
    effective: FloatArray


def regime_moments(changes: FloatArray, probability: FloatArray, months: int) -> RegimeMoments:
    """Estimate what factors did over h months after a month end, by its regime.

    Parameters
    ----------
    changes : ndarray of shape (n, n_factors)
        Over the h months after each month end; overlapping.
    probability : ndarray of shape (n_regimes, n)
        Filtered at that month end.
    months : int
        h: overlapping periods count once in h.

    Returns
    -------
    RegimeMoments
        Moments weighted by the probabilities; their distance from those of all months shrunk by n/(n + 24), n the
        effective number (sum w)^2 / sum w^2 / h. Means are about the mean of all months, so that a path that names
        nothing drifts nowhere on average.
    """
    everything, _ = shrunk_covariance(changes)
    centred = changes - changes.mean(axis=0)
    means, covariances, counts = [], [], []
    for w in probability:
        n = float(w.sum() ** 2 / max(float((w * w).sum()), 1e-300)) / months if w.sum() > 0 else 0.0
        trust = n / (n + PRIOR_MONTHS)
        share = w / w.sum() if w.sum() > 0 else np.full(w.size, 1.0 / w.size)
        own = share @ centred
        away = centred - own
        spread = (away * share[:, None]).T @ away
        means.append(trust * own)
        covariances.append(trust * spread + (1.0 - trust) * everything)
        counts.append(n)
    return RegimeMoments(np.array(means), np.array(covariances), np.array(counts))


def conditioned(
    moments: RegimeMoments, weights: FloatArray, named: BoolArray, totals: FloatArray, names: tuple[str, ...]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Condition the mixture on given factor changes.

    Parameters
    ----------
    moments : RegimeMoments
        Of each regime.
    weights : ndarray of shape (n_regimes,)
        Probabilities of the regimes now.
    named : ndarray of bool of shape (n_factors,)
        Which factors are given.
    totals : ndarray of shape (n_named,)
        Their changes over the horizon.
    names : tuple of str
        For errors.

    Returns
    -------
    weights : ndarray of shape (n_regimes,)
        By Bayes: a regime in which such changes are usual gains.
    mean : ndarray of shape (n_regimes, n_factors)
    covariance : ndarray of shape (n_regimes, n_factors, n_factors)
    """
    logs, means, covariances = [], [], []
    for m, S, w in zip(moments.mean, moments.covariance, weights, strict=True):
        given = condition_on(S, named, names)
        away = totals - m[named]
        means.append(m + given.matrix @ away)
        covariances.append(given.covariance)
        S11 = S[np.ix_(named, named)]
        log = np.log(max(float(w), 1e-300))
        if named.any():
            log -= 0.5 * (float(away @ np.linalg.solve(S11, away)) + float(np.linalg.slogdet(S11)[1]))
        logs.append(log)
    posterior = np.exp(np.array(logs) - max(logs))
    return posterior / posterior.sum(), np.array(means), np.array(covariances)
