"""All windows at once, for one target or for many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from xl_smallcap.models.estimation import (
    point_fit,
    solve_least_squares,
    standardised,
    still_target,
    unfit,
    window_influence,
)
from xl_smallcap.models.inference import bartlett_bse, counted_regressors, newey_west_lags
from xl_smallcap.models.kernels.estimators import Estimates, estimate, solve_all
from xl_smallcap.models.kernels.influence import moment_weights
from xl_smallcap.models.kernels.many import factor_inverse, many_newey_west, rolling_many
from xl_smallcap.models.kernels.windows import WindowErrors, WindowMoments, window_moments
from xl_smallcap.types import OLS, BoolArray, FloatArray, IntArray, Method


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
    """Joint OLS of every target in every window, a block of windows at a time."""
    for block, coefficients, doubtful in rolling_many(Y, X, window):
        for i in np.flatnonzero(doubtful):
            rows = slice(block.start + i, block.start + i + window)
            coefficients[i] = _alone(Y[rows], X[rows])
        yield block, coefficients


def last_window(Y: FloatArray, X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Joint OLS of every target on one window, with Newey-West errors."""
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


# -- Betas of every window by any method, with Newey-West errors; doubtful windows are solved alone and flagged.


_SPAN = 1300


@dataclass(frozen=True)
class RollingFit:
    """Betas of every window; row i is the window of observations i .. i + window - 1."""

    params: FloatArray  # in units of y per unit of each factor
    const: FloatArray  # intercepts, in units of y; for ``univariate`` the mean of y, since there is no joint regression
    factor_sd: FloatArray  # standard deviation of each factor in the window, ddof=1
    components: IntArray  # factors or components regressed on, a control not counted
    # windows that were doubtful and solved one by one; NaN where factors are constant or collinear, just where a
    # single fit is refused
    alone: BoolArray


def _solve_alone(y: FloatArray, X: FloatArray, method: Method, errors: bool) -> tuple[FloatArray, FloatArray, int]:
    """Native betas, their errors and the number of components of one window; NaN where a single fit is refused."""
    n, p = X.shape
    if not (np.isfinite(y).all() and np.isfinite(X).all()) or still_target(y) or unfit(X):
        return np.full(p, np.nan), np.full(p, np.nan), 0
    Z, _, sd = standardised(X)
    fitted = point_fit(y, Z, method)
    if not errors:
        return fitted.params / sd, np.full(p, np.nan), fitted.components
    U = window_influence(y, Z, fitted, method)
    bse = bartlett_bse(U, newey_west_lags(n), 1.0) * np.sqrt(n / (n - 1.0 - fitted.regressors))
    return fitted.params / sd, bse / sd, fitted.components


def _span(
    y: FloatArray, X: FloatArray, window: int, method: Method, errors: bool
) -> tuple[WindowMoments, Estimates | None, FloatArray, BoolArray, FloatArray | None]:
    """Betas per unit of each factor of a span, which windows to solve alone, and the errors where wanted."""
    moments = window_moments(y, X, window)
    p = X.shape[1]
    slopes, doubtful = solve_all(moments.cross.copy() if method.name != "ols" or errors else moments.cross)
    doubtful |= moments.off | moments.still
    if method.name == "ols" and not errors:
        return moments, None, slopes, doubtful, None
    R, r = moments.correlations()
    clean = np.isfinite(R).all(axis=(0, 1))
    if not clean.all():
        R[:, :, ~clean] = np.eye(p)[:, :, None]
        r[:, ~clean] = 1.0
    estimates = estimate(method, R, r, maps=errors and method.name == "ols")
    doubtful |= estimates.doubtful | ~clean
    sd = moments.factor_sd
    params = slopes if method.name == "ols" else estimates.beta / np.where(sd > 0, sd, 1.0)
    bse = None
    if errors:
        kernel = WindowErrors(y, X, moments)
        if estimates.maps is not None:
            bse = kernel.of_maps(estimates.beta, estimates.maps, p)
        elif method.name == "univariate":
            bse = kernel.of_single_factors(estimates.beta, R[:-1, -1] if method.control else None)
        else:
            counted = counted_regressors(method, p, estimates.components)
            bse = kernel.of_moments(estimates.beta, moment_weights(method, R, r, estimates.beta), counted)
        bse /= np.where(sd > 0, sd, 1.0)
    return moments, estimates, params, doubtful, bse


def rolling_fit(
    y: FloatArray, X: FloatArray, window: int, method: Method = OLS, errors: bool = False
) -> tuple[RollingFit, FloatArray | None]:
    """Fit every window by a method, with Newey-West errors on request.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target.
    X : ndarray of shape (n_obs, n_factors)
        Factors.
    window : int
        Observations a window, at least n_factors + 2.
    method : Method
        How.
    errors : bool
        Also return standard errors; those of ``pcr`` and ``pls`` count the estimation of the components (delta
        method), the number of components held.

    Returns
    -------
    fit : RollingFit
        Agrees with single fits to 1e-10 on returns, on trending levels and after a bad tick.
    bse : ndarray of shape (n_windows, n_factors) or None
        In units of y per unit of each factor; NaN where the fit is NaN.
    """
    n, p = X.shape
    n_windows = n - window + 1
    params, factor_sd = np.empty((n_windows, p)), np.empty((n_windows, p))
    const, alone = np.empty(n_windows), np.empty(n_windows, dtype=bool)
    components = np.full(n_windows, p - method.control if method.name == "ols" else 1, dtype=np.int64)
    bse = np.empty((n_windows, p)) if errors else None
    # Whole blocks of `window` at a time: what is worked on stays in the cache, and memory is used again.
    step = window * max(1, _SPAN // window)
    for start in range(0, n_windows, step):
        block = slice(start, min(start + step, n_windows))
        rows = slice(start, block.stop + window - 1)
        moments, estimates, slopes, alone[block], se = _span(y[rows], X[rows], window, method, errors)
        level = moments.level
        const[block] = level[p] - (0.0 if method.name == "univariate" else (slopes * level[:p]).sum(axis=0))
        params[block], factor_sd[block] = slopes.T, moments.factor_sd.T
        if estimates is not None:
            components[block] = estimates.components
        if bse is not None and se is not None:
            bse[block] = se.T
    # Far from the centre of its sums, nearly singular, or components hardly told apart.
    for i in np.flatnonzero(alone):
        xs, ys = X[i : i + window], y[i : i + window]
        factor_sd[i] = xs.std(axis=0, ddof=1)
        params[i], se_i, components[i] = _solve_alone(ys, xs, method, errors)
        const[i] = ys.mean() - (0.0 if method.name == "univariate" else float(xs.mean(axis=0) @ params[i]))
        if np.isnan(params[i]).any():
            const[i] = np.nan
        if bse is not None:
            bse[i] = se_i
    return RollingFit(params, const, factor_sd, components, alone), bse
