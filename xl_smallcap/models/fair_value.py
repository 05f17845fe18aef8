"""Where macro says a price should be, two ways: levels on levels, and yesterday's betas summed up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from xl_smallcap.errors import FitError
from xl_smallcap.models.estimation import standardised
from xl_smallcap.models.factor_fit import check_regression
from xl_smallcap.models.least_squares import solve_least_squares
from xl_smallcap.models.rolling import rolling_fit
from xl_smallcap.types import FloatArray

_BLOCK = 256


@dataclass(frozen=True)
class Gap:
    """The gap of one date and the path it comes from."""

    gap: float  # actual less model, in log %
    # what a gap is measured in: `levels`, the residual's standard deviation in the window (n - k - 1 degrees of
    # freedom); `changes`, that of the regression of changes times the root of the horizon
    sigma: float
    # part of the gap that the windows' intercepts add (`changes`); 0 for `levels`, whose residuals have mean zero
    drift: float
    rsquared: float  # of the regression of the window, in sample
    # `levels`: residuals of the window; `changes`: the summed one-day-ahead residuals of the last `window` days, less
    # their mean
    path: FloatArray


def _regression(y: FloatArray, X: FloatArray, names: tuple[str, ...]) -> tuple[FloatArray, float, float]:
    """Residuals, their standard deviation (n - k - 1) and R² of one window."""
    check_regression(y, X, names)
    n, p = X.shape
    resid = solve_least_squares(np.column_stack([np.ones(n), standardised(X)[0]]), y).resid
    sse = float((resid**2).sum())
    return resid, float(np.sqrt(sse / (n - p - 1))), 1.0 - sse / float(((y - y.mean()) ** 2).sum())


def levels_gap(y: FloatArray, X: FloatArray, names: tuple[str, ...]) -> Gap:
    """Regress z-scored levels on z-scored factor levels in one window; the gap is the last residual.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target, 100 x log level.
    X : ndarray of shape (n_obs, n_factors)
        Factor levels (100 x log, or bp).
    names : tuple of str
        For errors.

    Returns
    -------
    Gap

    Raises
    ------
    FitError
        A factor is constant, or factors are collinear.
    """
    resid, sigma, rsquared = _regression(y, X, names)
    return Gap(gap=float(resid[-1]), sigma=sigma, drift=0.0, rsquared=rsquared, path=resid)


def one_day_ahead(y: FloatArray, X: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """Return what yesterday's betas leave unexplained each day, and yesterday's intercepts.

    y_t - b_(t-1)'f_t, the intercept not subtracted, and that intercept.
    """
    fit, _ = rolling_fit(y[:-1], X[:-1], window)
    return y[window:] - (X[window:] * fit.params).sum(axis=1), fit.const


def changes_gap(y: FloatArray, X: FloatArray, names: tuple[str, ...], window: int, horizon: int) -> Gap:
    """Sum what yesterday's betas left unexplained over the last days.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target changes in %: a window and at least a horizon; two windows for the whole path.
    X : ndarray of shape (n_obs, n_factors)
        Factor changes.
    names : tuple of str
        For errors.
    window : int
        Observations a window.
    horizon : int
        Days summed, at most `window`.

    Returns
    -------
    Gap

    Raises
    ------
    FitError
        A factor is constant, or factors are collinear.
    """
    _, sigma, rsquared = _regression(y[-window:], X[-window:], names)
    unexplained, drift = one_day_ahead(y[-2 * window :], X[-2 * window :], window)
    if not np.isfinite(unexplained).all():
        raise FitError(
            "In a window of the two that lead to this date a factor or the target does not change, or factors move "
            "together exactly, so yesterday's betas are not there for every day; use another date or window."
        )
    path = np.cumsum(unexplained)
    return Gap(
        gap=float(unexplained[-horizon:].sum()),
        sigma=sigma * float(np.sqrt(horizon)),
        drift=float(drift[-horizon:].sum()),
        rsquared=rsquared,
        path=path - path.mean(),
    )


@dataclass(frozen=True)
class Gaps:
    """Gaps of every date of a history; arrays of shape (n_dates,), in log % but for rsquared."""

    gap: FloatArray
    sigma: FloatArray
    drift: FloatArray
    rsquared: FloatArray


def _blocks(y: FloatArray, X: FloatArray, window: int) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
    """Window views of target (n, window) and factors (n, n_factors, window), some windows at a time."""
    ys, xs = sliding_window_view(y, window), sliding_window_view(X, window, axis=0)
    for start in range(0, ys.shape[0], _BLOCK):
        at = slice(start, min(start + _BLOCK, ys.shape[0]))
        yield at, ys[at], xs[at]


def _in_sample(y: FloatArray, X: FloatArray, window: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Last residual, residual variance and R² of the regression of every window."""
    fit, _ = rolling_fit(y, X, window)
    last, variance, rsquared = (np.empty(fit.const.size) for _ in range(3))
    for at, ys, xs in _blocks(y, X, window):
        resid = ys - fit.const[at][:, None] - np.einsum("np,npw->nw", fit.params[at], xs)
        sse = np.einsum("nw,nw->n", resid, resid)
        centred = ys - ys.mean(axis=1, keepdims=True)
        last[at], variance[at] = resid[:, -1], sse / (window - X.shape[1] - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            rsquared[at] = 1.0 - sse / np.einsum("nw,nw->n", centred, centred)
    return last, variance, rsquared


def levels_gaps(y: FloatArray, X: FloatArray, window: int) -> Gaps:
    """Gaps of model ``levels`` at the end of every window.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target levels.
    X : ndarray of shape (n_obs, n_factors)
        Factor levels.
    window : int
        Observations a window.

    Returns
    -------
    Gaps
        NaN where a window has no betas.
    """
    last, variance, rsquared = _in_sample(y, X, window)
    return Gaps(last, np.sqrt(variance), np.zeros(last.size), rsquared)


def changes_gaps(y: FloatArray, X: FloatArray, window: int, horizon: int) -> Gaps:
    """Gaps of model ``changes`` at every date with `horizon` one-day-ahead residuals.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target changes in %.
    X : ndarray of shape (n_obs, n_factors)
        Factor changes.
    window, horizon : int
        Observations a window, and days summed.

    Returns
    -------
    Gaps
        The first is of observation window + horizon - 1.
    """
    unexplained, drift = one_day_ahead(y, X, window)
    _, variance, rsquared = _in_sample(y, X, window)
    return Gaps(
        gap=sliding_window_view(unexplained, horizon).sum(axis=1),
        sigma=np.sqrt(variance[horizon:] * horizon),
        drift=sliding_window_view(drift, horizon).sum(axis=1),
        rsquared=rsquared[horizon:],
    )


def levels_rsquared_oos(y: FloatArray, X: FloatArray, window: int, horizon: int) -> FloatArray:
    """Share of the squared error of "no change" that the model of `horizon` days ago saves, given today's factors.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target levels, at least 2 x window + horizon - 1 of them.
    X : ndarray of shape (n_obs, n_factors)
        Factor levels.
    window, horizon : int
        Observations a window, and how far ahead.

    Returns
    -------
    ndarray of shape (n_obs - 2 x window - horizon + 2,)
        1 - sum (y_t - yhat_t)² / sum (y_t - y_(t-h))² over each `window` observations, yhat_t by the window that
        ended at t - h with the factor levels of t. Below zero: assuming that nothing changes is better.
    """
    fit, _ = rolling_fit(y[:-horizon], X[:-horizon], window)
    first = window + horizon - 1
    missed = (y[first:] - fit.const - (X[first:] * fit.params).sum(axis=1)) ** 2
    still = (y[first:] - y[first - horizon : -horizon]) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        saved = sliding_window_view(missed, window).sum(axis=1) / sliding_window_view(still, window).sum(axis=1)
    return np.asarray(1.0 - saved)
