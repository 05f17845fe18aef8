"""The same factors for many targets in one call: a universe of stocks, the legs of a target, random walks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from xl_smallcap.models.conditioning import unfit
from xl_smallcap.models.kernels.many import factor_inverse, many_newey_west, rolling_many
from xl_smallcap.models.least_squares import solve_least_squares
from xl_smallcap.types import FloatArray


def _alone(Y: FloatArray, X: FloatArray) -> FloatArray:
    """Coefficients of all targets in one doubtful window; NaN where a single fit is refused."""
    if not np.isfinite(X).all() or unfit(X):
        return np.full((X.shape[1] + 1, Y.shape[1]), np.nan)
    mean = X.mean(axis=0)
    design = np.column_stack([np.ones(X.shape[0]), X - mean])
    out = np.full((design.shape[1], Y.shape[1]), np.nan)
    for j in np.flatnonzero(np.isfinite(Y).all(axis=0)):
        out[:, j] = solve_least_squares(design, Y[:, j]).params
    out[0] -= mean @ out[1:]
    return out


def rolling_targets(Y: FloatArray, X: FloatArray, window: int) -> Iterator[tuple[slice, FloatArray]]:
    """Joint OLS of every target in every window, a block of windows at a time.

    Parameters
    ----------
    Y : ndarray of shape (n_obs, n_targets)
        Targets in %.
    X : ndarray of shape (n_obs, n_factors)
        Factors.
    window : int
        Observations a window.

    Yields
    ------
    at : slice
        The windows; window i holds observations i .. i + window - 1.
    coefficients : ndarray of shape (n_windows, n_factors + 1, n_targets)
        Intercept and slopes per unit of each factor. Used again for the next block: copy what is to be kept. NaN where
        a factor is constant or collinear, or the target has a gap.
    """
    for at, coefficients, doubtful in rolling_many(Y, X, window):
        for i in np.flatnonzero(doubtful):
            rows = slice(at.start + i, at.start + i + window)
            coefficients[i] = _alone(Y[rows], X[rows])
        yield at, coefficients


def last_window(Y: FloatArray, X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Joint OLS of every target on one window, with Newey-West errors.

    Parameters
    ----------
    Y : ndarray of shape (n_obs, n_targets)
        Targets in % in the window.
    X : ndarray of shape (n_obs, n_factors)
        Factors in the window.

    Returns
    -------
    coefficients : ndarray of shape (n_factors + 1, n_targets)
        Intercept and slopes per unit of each factor; NaN as in :func:`rolling_targets`.
    bse : ndarray of shape (n_factors, n_targets)
        Of the slopes.
    """
    n, p = X.shape
    mean = X.mean(axis=0)
    design = np.column_stack([np.ones(n), X - mean])
    ready = factor_inverse(X, n)
    if not ready.doubtful[0]:
        inverse = ready.about(slice(0, 1), mean)[0]
    elif not np.isfinite(X).all() or unfit(X):
        return np.full((p + 1, Y.shape[1]), np.nan), np.full((p, Y.shape[1]), np.nan)
    else:
        # through the triangular factor, which squares no condition number
        root = np.linalg.inv(np.linalg.qr(design)[1])
        inverse = root @ root.T
    coefficients, bse = many_newey_west(Y, design, inverse)
    coefficients[0] -= mean @ coefficients[1:]
    return coefficients, bse
