"""A path's return drawn: Monte Carlo by months, and a block bootstrap of the weeks of history."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from xl_smallcap.models.projection import WEEKS_A_MONTH, FactorModel, Given, Projection, tail_df
from xl_smallcap.types import FloatArray

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
    steps = np.diff(projection.expected, axis=0, prepend=np.zeros((1, p)))
    drift = np.diff(projection.drift, prepend=0.0)
    df = tail_df(1)
    beta_root = _root(model.beta_covariance).T.copy()
    roots = [_root(WEEKS_A_MONTH * s).T.copy() for s in (given.covariance, model.covariance)]
    # directions without variance need no draws
    roots = [r[np.abs(r).max(axis=1) > 0] for r in roots]
    noise = np.sqrt(WEEKS_A_MONTH * model.residual_variance)
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
            root = roots[0] if m < path_months else roots[1]
            scale = np.sqrt((df - 2.0) / (2.0 * rng.standard_gamma(df / 2.0, b - a)))
            moved = rng.standard_normal((b - a, root.shape[0])) @ root
            moved *= scale[:, None]
            moved += steps[m]
            total = total + np.einsum("ij,ij->i", moved, betas) + noise * scale * rng.standard_normal(b - a) + drift[m]
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
    at = (starts[:, :, None] + np.arange(block)).reshape(draws, -1)[:, : weeks[-1]] % n
    edge = int(weeks[min(path_months, months) - 1]) if path_months else 0
    drawn = np.empty(at.shape)
    drawn[:, :edge], drawn[:, edge:] = series[0][at[:, :edge]], series[1][at[:, edge:]]
    sums = np.cumsum(drawn, axis=1)[:, weeks - 1]
    exact = np.sqrt(WEEKS_A_MONTH * np.arange(1, months + 1) / weeks)
    error = rng.standard_normal(draws)
    return np.asarray((projection.mean + sums * exact + np.outer(error, np.sqrt(projection.beta_variance))).T)
