"""How much of a period's return came from which factor: yesterday's betas times today's changes, exact to rounding.

Contribution of factor k on day t = native beta_k of the window that ended the day before x the factor's change. What
the window's intercept adds is drift, the rest is specific. Each contribution is a sum over windows that share most of
their observations, so its estimation error is summed observation by observation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from xl_smallcap.errors import FitError
from xl_smallcap.models.estimation import point_fit, still_target, unfit, window_influence
from xl_smallcap.models.factor_fit import check_regression
from xl_smallcap.models.inference import (
    bartlett_bse,
    by_leverage,
    counted_regressors,
    newey_west_lags,
    student_quantile,
)
from xl_smallcap.models.kernels.estimators import estimate
from xl_smallcap.models.kernels.influence import moment_influences, moment_weights
from xl_smallcap.types import OLS, DayArray, FloatArray, IntArray, Method

_CHUNK = 256
_NEARLY_SINGULAR = 1e-2


@dataclass(frozen=True)
class Attribution:
    """Contributions to the return of a period, in %."""

    log_contributions: FloatArray  # factors, then drift, then specific; they add up to the log return of the target
    simple_contributions: FloatArray  # the same in simple returns, leg by leg
    bse: FloatArray  # standard error of each log contribution from the estimation of the betas
    half_width: float  # half an interval in standard errors
    mean_beta: FloatArray  # average native beta of the period, % of the target per unit of the factor
    factor_move: FloatArray  # sum of the factor's changes, in its own unit
    log_return: float  # of the target over the period, in %
    simple_return: float


def log_to_simple(log_return: float) -> float:
    """Return the factor that turns parts of a log return into parts of the simple one: (e^L - 1)/L, 1 at zero.

    Simple return over log return (Cariño 1999, with the linking coefficient of one period).
    """
    if log_return == 0.0:
        return 1.0
    return float(np.expm1(log_return / 100.0) / (log_return / 100.0))


@dataclass(frozen=True)
class _Windows:
    """Betas of some consecutive windows as maps of the target, and what each observation adds to them.

    maps and influence have shape (n_windows, n_factors, window), in native units; refused lists windows without betas.
    """

    maps: FloatArray
    influence: FloatArray
    resid: FloatArray
    mean: FloatArray
    components: IntArray
    refused: IntArray


def _windows(target: FloatArray, X: FloatArray, window: int, start: int, stop: int, method: Method) -> _Windows:
    """Fit the windows that end just before changes start .. stop - 1."""
    rows = slice(start - window, stop - 1)
    x = sliding_window_view(X[rows], window, axis=0)
    y = sliding_window_view(target[rows], window)
    mean, sd = x.mean(axis=2), x.std(axis=2, ddof=1)
    refused = np.array([i for i in range(stop - start) if still_target(y[i]) or unfit(x[i].T)], dtype=np.int64)
    if refused.size:
        empty = np.empty(0)
        return _Windows(empty, empty, empty, empty, refused, refused)
    z = (x - mean[:, :, None]) / sd[:, :, None]
    v = y - y.mean(axis=1, keepdims=True)
    R = np.moveaxis(np.matmul(z, np.swapaxes(z, 1, 2)), 0, 2) / (window - 1)
    r = np.einsum("cpw,cw->pc", z, v) / (window - 1)
    estimates = estimate(method, R, r, maps=True)
    assert estimates.maps is not None
    maps = np.matmul(np.moveaxis(estimates.maps, 2, 0), z) / (window - 1)
    components = estimates.components.copy()
    weakest = np.linalg.eigvalsh(np.moveaxis(R, 2, 0))[:, 0]
    doubtful = np.flatnonzero(estimates.doubtful | (weakest < _NEARLY_SINGULAR))
    alone = {int(i): point_fit(y[i], z[i].T, method) for i in doubtful}
    for i, fitted in alone.items():
        maps[i], components[i] = fitted.influence.T, fitted.components
    beta = np.einsum("cpw,cw->cp", maps, v)
    resid = v - np.einsum("cp,cpw->cw", beta, z)
    if method.name == "ols":
        resid = by_leverage(resid, 1.0 / window + (maps * z).sum(axis=1))
        influence = maps * resid[:, None]
    else:
        weights = moment_weights(method, R, r, beta.T)
        influence = moment_influences(np.moveaxis(weights, 2, 0), z, v)
        for i, fitted in alone.items():
            influence[i] = window_influence(y[i], z[i].T, fitted, method).T
    return _Windows(maps / sd[:, :, None], influence / sd[:, :, None], resid, mean, components, refused)


def attribute(
    legs: FloatArray,
    weights: FloatArray,
    X: FloatArray,
    names: tuple[str, ...],
    dates: DayArray,
    window: int,
    first: int,
    method: Method = OLS,
    confidence: float = 0.90,
) -> Attribution:
    """Attribute the target's return over the observations from `first` on.

    Parameters
    ----------
    legs : ndarray of shape (n_obs, n_legs)
        Log changes of what the target is made of, in %.
    weights : ndarray of shape (n_legs,)
        Of the legs in the target: 1 and -1 for a relative return.
    X : ndarray of shape (n_obs, n_factors)
        Factor changes in their own units.
    names : tuple of str
        Of the factors, for errors.
    dates : ndarray of shape (n_obs,)
        Last day of each change, for errors.
    window : int
        Observations a window.
    first : int
        Position of the first change attributed; the window before it must be there.
    method : Method
        How betas are estimated. ``univariate`` does not add up and is refused by the caller.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    Attribution

    Raises
    ------
    FitError
        A window has a constant target, a constant factor or collinear ones; date and factors are named.

    Notes
    -----
    The sum over t of f_t beta_(t-1) moves with observation s by the sum of f_t u_(t-1)(s), u what s adds to the betas
    of that window (components of pcr and pls counted); its variance is the Bartlett sum of those. Legs of a target
    share the target's components, so that their betas add up to its own.
    """
    if not (np.isfinite(legs).all() and np.isfinite(X).all()):
        raise FitError("The period or its first window holds a value that is not finite; look at 'xl-smallcap panel'.")
    n, p = X.shape
    target = legs @ weights
    by_leg = np.zeros((p + 2, legs.shape[1]))
    added = np.zeros((p + 1, n))
    betas = np.zeros(p)
    used = 0
    for start in range(first, n, _CHUNK):
        stop = min(start + _CHUNK, n)
        block = _windows(target, X, window, start, stop, method)
        if block.refused.size:
            t = start + int(block.refused[0])
            before = f"In the window before the change to {dates[t]}: "
            try:
                check_regression(target[t - window : t], X[t - window : t], names)
            except FitError as exc:
                raise FitError(before + str(exc)) from None
        used = max(used, counted_regressors(method, p, int(block.components.max())))
        y_windows = sliding_window_view(legs[start - window : stop - 1], window, axis=0)
        slopes = np.matmul(block.maps, np.moveaxis(y_windows, 1, 2))
        intercepts = y_windows.mean(axis=2) - np.einsum("cp,cpl->cl", block.mean, slopes)
        moved = X[start:stop]
        parts = moved[:, :, None] * slopes
        by_leg[:p] += parts.sum(axis=0)
        by_leg[p] += intercepts.sum(axis=0)
        by_leg[p + 1] += (legs[start:stop] - intercepts - parts.sum(axis=1)).sum(axis=0)
        betas += (slopes @ weights).sum(axis=0)
        drift = block.resid / window - np.einsum("cp,cpw->cw", block.mean, block.influence)
        for i in range(stop - start):
            rows = slice(start - window + i, start + i)
            added[:p, rows] += moved[i][:, None] * block.influence[i]
            added[p, rows] += drift[i]
    span = slice(first - window, n - 1)
    moves = np.vstack([added, -added.sum(axis=0)])[:, span]
    lags = newey_west_lags(n - 1 - (first - window))
    bse = bartlett_bse(moves.T, lags, window / (window - 1.0 - used))
    total = legs[first:].sum(axis=0)
    scale = np.array([log_to_simple(float(r)) for r in total])
    return Attribution(
        log_contributions=by_leg @ weights,
        simple_contributions=by_leg @ (weights * scale),
        bse=bse,
        half_width=student_quantile(confidence, float(window - 1 - used)),
        mean_beta=betas / (n - first),
        factor_move=X[first:].sum(axis=0),
        log_return=float(total @ weights),
        simple_return=float(100.0 * np.expm1(total / 100.0) @ weights),
    )
