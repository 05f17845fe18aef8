"""Factor betas of every stock of a universe on given days, exact with missing days, and moves factors don't explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.models.inference import newey_west_lags
from xl_smallcap.models.many_targets import last_window
from xl_smallcap.models.patterns import OK, STILL, UNFIT, Group, Pattern, Sampling, group
from xl_smallcap.types import DayArray, FloatArray, IntArray

_STILL = 1e-12


@dataclass(frozen=True)
class UniverseFit:
    """Fits of every stock on every day asked.

    Parameters
    ----------
    params, bse, factor_sd : ndarray of shape (n_days, n_stocks, n_factors)
        % per +1 sd of each factor in the stock's own window; Newey-West errors; that sd in the factor's unit.
    const, rsquared, resid_sd : ndarray of shape (n_days, n_stocks)
        Intercept at average factor changes in % an observation; share of variance explained; sd of the residual in % an
        observation, n - k degrees of freedom.
    status, first, last : ndarray of int of shape (n_days, n_stocks)
        Place in ``patterns.STATUS``; the days the window spans, counted from 1970.
    """

    params: FloatArray
    bse: FloatArray
    factor_sd: FloatArray
    const: FloatArray
    rsquared: FloatArray
    resid_sd: FloatArray
    status: IntArray
    first: IntArray
    last: IntArray


def _changes(levels: FloatArray, pattern: Pattern, columns: IntArray | None = None) -> FloatArray:
    if columns is None:
        return np.asarray(levels[pattern.ends] - levels[pattern.starts])
    return np.asarray(levels[np.ix_(pattern.ends, columns)] - levels[np.ix_(pattern.starts, columns)])


def _moving(Y: FloatArray, found: Group, status: IntArray) -> tuple[FloatArray, IntArray]:
    """Leave out stocks that do not move beyond rounding."""
    still = Y.std(axis=0, ddof=1) <= _STILL * np.abs(Y).max(axis=0)
    status[found.columns[still]] = STILL
    return np.ascontiguousarray(Y[:, ~still]), found.columns[~still]


def fit_universe(
    days: DayArray, factors: FloatArray, stocks: FloatArray, at: IntArray, window: int, sampling: Sampling
) -> UniverseFit:
    """Fit every stock on its last window before each day.

    Parameters
    ----------
    days : ndarray of shape (n_levels,)
        Days on which every factor was observed.
    factors : ndarray of shape (n_levels, n_factors)
        Levels, as 100*log or in bp.
    stocks : ndarray of shape (n_levels, n_stocks)
        100*log prices; NaN where not observed.
    at : ndarray of int of shape (n_days,)
        Positions in `days` of the days asked; nothing after each is used.
    window : int
        Changes a window.
    sampling : Sampling
        From levels to changes.

    Returns
    -------
    UniverseFit

    Notes
    -----
    Joint least squares as for a single target; stocks whose windows have the same days share one inverse of the
    factors, all others are solved alone or in groups of their own.
    """
    k, m, p = at.size, stocks.shape[1], factors.shape[1]
    observed = np.isfinite(stocks)
    cube, flat = np.full((3, k, m, p), np.nan), np.full((3, k, m), np.nan)
    whole = np.zeros((3, k, m), dtype=np.int64)
    for i, position in enumerate(at):
        upto = slice(0, int(position) + 1)
        groups, status = group(observed[upto], days[upto], window, sampling, days[position])
        for found in groups:
            X = _changes(factors, found.pattern)
            Y, columns = _moving(_changes(stocks, found.pattern, found.columns), found, status)
            coefficients, bse = last_window(Y, X)
            bad = ~np.isfinite(coefficients).all(axis=0)
            status[columns[bad]] = UNFIT
            sd = X.std(axis=0, ddof=1)
            resid = Y - coefficients[0] - X @ coefficients[1:]
            squares = (resid * resid).sum(axis=0)
            total = ((Y - Y.mean(axis=0)) ** 2).sum(axis=0)
            cube[0, i, columns], cube[1, i, columns] = (coefficients[1:] * sd[:, None]).T, (bse * sd[:, None]).T
            cube[2, i, columns] = sd
            flat[0, i, columns] = coefficients[0] + X.mean(axis=0) @ coefficients[1:]
            flat[1, i, columns] = 1.0 - squares / total
            flat[2, i, columns] = np.sqrt(squares / (window - p - 1))
            whole[1, i, columns] = days[found.pattern.starts[0]].astype(np.int64)
            whole[2, i, columns] = days[found.pattern.ends[-1]].astype(np.int64)
        whole[0, i] = status
    return UniverseFit(*cube, *flat, *whole)


@dataclass(frozen=True)
class Moves:
    """What each stock did after its window, and how much of it the factors explain; NaN where it has none.

    Parameters
    ----------
    move, macro, residual : ndarray of shape (n_stocks,)
        In log %: the whole move, native betas times the factors' changes, the rest.
    se : ndarray of shape (n_stocks,)
        Standard error of the residual move in log %.
    rsquared : ndarray of shape (n_stocks,)
        Of the window before the move.
    nobs, status : ndarray of int of shape (n_stocks,)
        Changes the move spans; place in ``patterns.STATUS``.
    """

    move: FloatArray
    macro: FloatArray
    residual: FloatArray
    se: FloatArray
    rsquared: FloatArray
    nobs: IntArray
    status: IntArray


def _long_run_variance(resid: FloatArray) -> FloatArray:
    """Bartlett's, from residuals of shape (n_obs, n_stocks); Newey and West (1987)."""
    n = resid.shape[0]
    lags = newey_west_lags(n)
    total = (resid * resid).sum(axis=0)
    for lag in range(1, lags + 1):
        total += 2.0 * (1.0 - lag / (lags + 1.0)) * (resid[lag:] * resid[:-lag]).sum(axis=0)
    return np.asarray(np.maximum(total, 0.0))


def residual_moves(
    days: DayArray, factors: FloatArray, stocks: FloatArray, span: int, window: int, sampling: Sampling
) -> Moves:
    """Split the last changes of every stock into what the factors explain, with betas known before, and the rest.

    Parameters
    ----------
    days, factors, stocks : ndarray
        As in :func:`fit_universe`; the move ends with the last level.
    span : int
        Changes the move spans.
    window : int
        Changes of the window the betas come from, which ends where the move begins.
    sampling : Sampling
        From levels to changes.

    Returns
    -------
    Moves

    Notes
    -----
    residual = y - b'F with y the stock's move and F the factors' over the span; the intercept of the window explains
    nothing and stays in it. Its variance is h LRV + s2 F'(X'X)^-1 F: h changes of long-run variance LRV (Bartlett) of
    the window's residuals, and what is not known of b (X about its mean; n - k degrees of freedom in both).
    """
    m, p = stocks.shape[1], factors.shape[1]
    out = np.full((5, m), np.nan)
    nobs = np.zeros(m, dtype=np.int64)
    groups, status = group(np.isfinite(stocks), days, window + span, sampling, days[-1])
    for found in groups:
        X = _changes(factors, found.pattern)
        Y, columns = _moving(_changes(stocks, found.pattern, found.columns), found, status)
        before, after = slice(0, window), slice(window, window + span)
        coefficients, _ = last_window(np.ascontiguousarray(Y[before]), X[before])
        bad = ~np.isfinite(coefficients).all(axis=0)
        status[columns[bad]] = UNFIT
        b = coefficients[1:]
        F, y = X[after].sum(axis=0), Y[after].sum(axis=0)
        resid = Y[before] - coefficients[0] - X[before] @ b
        squares = (resid * resid).sum(axis=0)
        total = ((Y[before] - Y[before].mean(axis=0)) ** 2).sum(axis=0)
        centred = X[before] - X[before].mean(axis=0)
        root = np.linalg.qr(centred)[1]
        leverage = np.linalg.lstsq(root.T, F, rcond=None)[0]
        spare = window - p - 1
        variance = span * _long_run_variance(resid) / spare + squares / spare * float(leverage @ leverage)
        macro = b.T @ F
        out[:, columns] = y, macro, y - macro, np.sqrt(variance), 1.0 - squares / total
        nobs[columns] = span
    out[:, status != OK] = np.nan
    return Moves(out[0], out[1], out[2], out[3], out[4], nobs, status)
