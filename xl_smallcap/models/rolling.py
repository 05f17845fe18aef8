"""Kernels over all windows at once: rolling joint OLS and its Newey-West errors, plain numpy.

Window sums come from suffix and prefix sums of blocks ("two stacks"), so nothing is ever subtracted: a bad tick leaves
no trace once it has left the window, unlike cumulative sums, which keep an error (6e-6 seen after a tick of 1e6).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.models.conditioning import unfit
from xl_smallcap.models.inference import newey_west_lags
from xl_smallcap.models.least_squares import solve_least_squares
from xl_smallcap.types import BoolArray, FloatArray

_CHUNK = 8192
_SINGULAR = 1e-10
_OFF_CENTRE = 1e2


@dataclass(frozen=True)
class RollingFit:
    """Joint OLS over every window; row i is the window of observations i .. i + window - 1.

    Parameters
    ----------
    params : ndarray of shape (n_windows, n_factors)
        In units of y per unit of each factor.
    const : ndarray of shape (n_windows,)
        Intercepts, in units of y.
    factor_sd : ndarray of shape (n_windows, n_factors)
        Standard deviation of each factor in the window, ddof=1.
    stable : ndarray of bool of shape (n_windows,)
        Windows that were doubtful and solved one by one by QR; NaN where factors are constant or collinear, just where
        a single fit is refused.
    """

    params: FloatArray
    const: FloatArray
    factor_sd: FloatArray
    stable: BoolArray


def window_sums(rows: FloatArray, window: int) -> FloatArray:
    """Sum every window of each row without subtraction.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_obs)
        What is summed along the second axis.
    window : int
        Observations a window.

    Returns
    -------
    ndarray of shape (n_rows, n_obs - window + 1)
        A window over two blocks is a suffix of the first plus a prefix of the second (van Herk 1992).
    """
    m, n = rows.shape
    blocks = -(-n // window)
    padded = np.zeros((m, blocks, window))
    padded.reshape(m, -1)[:, :n] = rows
    out = np.empty_like(padded)
    out[:, :, ::-1] = np.cumsum(padded[:, :, ::-1], axis=2)
    np.cumsum(padded, axis=2, out=padded)
    out[:, :-1, 1:] += padded[:, 1:, :-1]
    return out.reshape(m, -1)[:, : n - window + 1]


def _solve_all(S: FloatArray, rhs: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Cholesky of many small matrices at once; S (p, p, n) is overwritten, rhs (p, n) becomes the solution."""
    p = S.shape[0]
    diagonal = S[np.arange(p), np.arange(p)].copy()
    bad = ~np.all(np.isfinite(diagonal) & (diagonal > 0), axis=0)
    for j in range(p):
        if j:
            S[j:, j] -= np.einsum("ikn,kn->in", S[j:, :j], S[j, :j])
        pivot = S[j, j]
        small = ~(pivot > _SINGULAR * diagonal[j])
        bad |= small
        pivot[small] = 1.0
        np.sqrt(pivot, out=pivot)
        if j + 1 < p:
            S[j + 1 :, j] /= pivot
    for j in range(p):
        rhs[j] /= S[j, j]
        if j + 1 < p:
            rhs[j + 1 :] -= S[j + 1 :, j] * rhs[j]
    for j in range(p - 1, -1, -1):
        rhs[j] /= S[j, j]
        if j:
            rhs[:j] -= S[j, :j] * rhs[j]
    return rhs, bad


def _centred(y: FloatArray, X: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    data = np.vstack([X.T, y])
    few = data[:, :: max(1, data.shape[1] // 128)]
    centre = np.median(few, axis=1)
    spread = np.median(np.abs(few - centre[:, None]), axis=1)
    # The scale matters only to rounding, so any power of two near the spread does.
    spread = np.exp2(np.round(np.log2(np.where(spread > 0, spread, 1.0))))
    return (data - centre[:, None]) / spread[:, None], centre, spread


def _rolling_span(y: FloatArray, X: FloatArray, window: int) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
    """Slopes, intercepts and factor variances of all windows of one span; flags windows not to be trusted."""
    p = X.shape[1]
    data, centre, spread = _centred(y, X)
    iu, ju = np.triu_indices(p + 1)
    pairs = np.flatnonzero(iu < p)  # y*y is not needed
    iu, ju = iu[pairs], ju[pairs]
    rows = np.empty((p + 1 + iu.size, data.shape[1]))
    rows[: p + 1] = data
    np.multiply(data[iu], data[ju], out=rows[p + 1 :])
    sums = window_sums(rows, window)
    first, second = sums[: p + 1], sums[p + 1 :]
    mean = first / window
    second -= mean[iu] * first[ju]
    n_windows = sums.shape[1]
    S = np.empty((p, p, n_windows))
    rhs = np.empty((p, n_windows))
    inner = ju < p
    S[iu[inner], ju[inner]] = second[inner]
    S[ju[inner], iu[inner]] = second[inner]
    rhs[iu[~inner]] = second[~inner]
    variance = S[np.arange(p), np.arange(p)] / (window - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = (mean[:p] ** 2 > _OFF_CENTRE * variance).any(axis=0)
    slopes, bad = _solve_all(S, rhs)
    slopes *= spread[p] / spread[:p, None]
    level = mean * spread[:, None] + centre[:, None]
    const = level[p] - (slopes * level[:p]).sum(axis=0)
    return slopes.T, const, (variance * (spread[:p, None] ** 2)).T, bad | off


def rolling_ols(y: FloatArray, X: FloatArray, window: int) -> RollingFit:
    """Fit joint OLS with intercept over every window.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target.
    X : ndarray of shape (n_obs, n_factors)
        Factors.
    window : int
        Observations a window, at least n_factors + 2.

    Returns
    -------
    RollingFit
        Agrees with single fits to 1e-10 on returns, on trending levels and after a bad tick.
    """
    n, p = X.shape
    n_windows = n - window + 1
    params = np.empty((n_windows, p))
    const = np.empty(n_windows)
    variance = np.empty((n_windows, p))
    doubtful = np.empty(n_windows, dtype=bool)
    for start in range(0, n_windows, _CHUNK):
        stop = min(start + _CHUNK, n_windows)
        span = slice(start, stop + window - 1)
        at = slice(start, stop)
        params[at], const[at], variance[at], doubtful[at] = _rolling_span(y[span], X[span], window)
    # Far from the centre of its chunk (a trend) or nearly singular: solved alone, exactly.
    for i in np.flatnonzero(doubtful):
        xs, ys = X[i : i + window], y[i : i + window]
        variance[i] = xs.var(axis=0, ddof=1)
        if unfit(xs):
            params[i], const[i] = np.nan, np.nan
            continue
        mean = xs.mean(axis=0)
        try:
            solved = solve_least_squares(np.column_stack([np.ones(window), xs - mean]), ys)
            params[i] = solved.params[1:]
            const[i] = solved.params[0] - float(mean @ solved.params[1:])
        except np.linalg.LinAlgError:
            params[i], const[i] = np.nan, np.nan
    return RollingFit(params, const, np.sqrt(variance), doubtful)


def rolling_newey_west(y: FloatArray, X: FloatArray, fit: RollingFit, window: int) -> FloatArray:
    """Newey-West standard errors of the slopes of every window, in units of y per unit of each factor.

    Parameters
    ----------
    y, X : ndarray
        As given to :func:`rolling_ols`.
    fit : RollingFit
        Its result.
    window : int
        As given.

    Returns
    -------
    ndarray of shape (n_windows, n_factors)
        NaN where the fit is NaN.
    """
    n_windows, p = fit.params.shape
    lags = newey_west_lags(window)
    correction = window / (window - p - 1.0)
    weights = [2.0 * (1.0 - lag / (lags + 1.0)) for lag in range(1, lags + 1)]
    out = np.empty((n_windows, p))
    for i in range(n_windows):
        xs = X[i : i + window]
        centred = xs - xs.mean(axis=0)
        resid = y[i : i + window] - fit.const[i] - xs @ fit.params[i]
        try:
            U = np.linalg.solve(centred.T @ centred, centred.T).T * resid[:, None]
        except np.linalg.LinAlgError:
            out[i] = np.nan
            continue
        variance = np.einsum("ij,ij->j", U, U)
        for lag, weight in enumerate(weights, start=1):
            variance += weight * np.einsum("ij,ij->j", U[lag:], U[:-lag])
        out[i] = np.sqrt(np.maximum(variance, 0.0) * correction)
    return out
