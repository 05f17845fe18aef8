"""Betas of a price level on factor levels, and what random walks on the same factor paths would show.

No standard error stands here: the residuals of trending paths are no noise about a mean (Granger and Newbold 1974), so
what a beta is held against is noise that trends as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.models.estimation import point_fit, solve_least_squares, standardised
from xl_smallcap.models.factor_fit import check_regression
from xl_smallcap.models.inference import bartlett_sum
from xl_smallcap.models.kernels.estimators import estimate
from xl_smallcap.types import BoolArray, FloatArray, Method

LONG_LAGS = 21
"""Lags of the long-run standard deviation of a step, in short windows a tenth of the observations: residuals add up to
zero, so that the more lags the smaller the sum."""
BEYOND = 0.10
"""Share of random walks at or below which a beta is beyond noise. Fixed before looking."""


@dataclass(frozen=True)
class LevelsFit:
    """Betas on levels with what noise would show; arrays of shape (n_factors,), in % of the price per +1 sd of a level.

    `noise_share` is the share of random walks with a beta as large, by the steps' own standard deviation, and
    `noise_share_long` by their long-run one; `noise_lower` and `noise_upper` hold 90 % of the walks' betas.
    `changes_equivalent` is what the beta would be if the beta of changes merely cumulated, `beyond_changes` the share
    of walks that differ from it by as much.
    """

    params: FloatArray
    level_sd: FloatArray  # of each factor's level in the window: bp, 100 log or points
    noise_share: FloatArray
    noise_share_long: FloatArray
    noise_lower: FloatArray
    noise_upper: FloatArray
    changes_equivalent: FloatArray
    beyond_changes: FloatArray
    rsquared: float
    components: int
    nobs: int
    draws: int

    @property
    def beyond_noise(self) -> BoolArray:
        """Whether each beta is larger than noise shows, by both standard deviations of a step."""
        return np.asarray((self.noise_share <= BEYOND) & (self.noise_share_long <= BEYOND))


def walk_betas(Z: FloatArray, walks: FloatArray, method: Method) -> FloatArray:
    """Return the levels betas of random walks. Shape (n_factors, draws), per unit step and +1 sd of a factor's level.

    `Z` holds standardised levels, the control last where the method has one; `walks` as many rows.
    """
    n, p = Z.shape
    covariances = Z.T @ (walks - walks.mean(axis=0)) / (n - 1.0)
    correlations = np.ascontiguousarray(np.broadcast_to((Z.T @ Z / (n - 1.0))[:, :, None], (p, p, walks.shape[1])))
    return estimate(method, correlations, covariances).beta


def _without(y: FloatArray, X: FloatArray, k: int | None) -> FloatArray:
    """Residuals of changes on all factors but one, scaled so that their squares sum to the variance (n - k - 1)."""
    left = X if k is None else np.delete(X, k, axis=1)
    design = np.column_stack([np.ones(y.size), standardised(left)[0]]) if left.shape[1] else np.ones((y.size, 1))
    resid = solve_least_squares(design, y).resid
    return np.asarray(resid / np.sqrt(y.size - design.shape[1]))


def fit_levels(
    levels: FloatArray,
    factor_levels: FloatArray,
    changes: FloatArray,
    factor_changes: FloatArray,
    names: tuple[str, ...],
    method: Method,
    walks: FloatArray,
) -> LevelsFit:
    """Fit betas on levels and hold them against random walks.

    Parameters
    ----------
    levels : ndarray of shape (n_obs,)
        Target, 100 x log.
    factor_levels : ndarray of shape (n_obs, n_factors)
        100 x log, basis points or points; the market last where the method keeps it as a control.
    changes, factor_changes : ndarray of shape (n_changes,) and (n_changes, n_factors)
        Of the same days, in the same units.
    names : tuple of str
        For errors.
    method : Method
        "ols", "pcr" or "pls".
    walks : ndarray of shape (n_obs, draws)
        Gaussian random walks of unit steps.

    Returns
    -------
    LevelsFit

    Raises
    ------
    FitError
        A factor is constant, or factors are collinear, in levels or in changes.
    """
    check_regression(levels, factor_levels, names)
    check_regression(changes, factor_changes, names)
    Z, _, level_sd = standardised(factor_levels)
    fitted = point_fit(levels, Z, method)
    unit = walk_betas(Z, walks, method)
    p, draws = unit.shape

    def share(scale: float, distance: float, k: int) -> float:
        return float((1 + (np.abs(scale * unit[k]) >= abs(distance)).sum()) / (draws + 1))

    full = _without(changes, factor_changes, None)
    whole = float(np.sqrt(full @ full))
    slopes = point_fit(changes, standardised(factor_changes)[0], Method("ols")).params / factor_changes.std(
        axis=0, ddof=1
    )
    equivalent = slopes * level_sd
    own, long, lower, upper, beyond = (np.empty(p) for _ in range(5))
    for k in range(p):
        resid = _without(changes, factor_changes, k)
        step = float(np.sqrt(resid @ resid))
        own[k] = share(step, fitted.params[k], k)
        long[k] = share(float(np.sqrt(bartlett_sum(resid, min(LONG_LAGS, resid.size // 10)))), fitted.params[k], k)
        lower[k], upper[k] = np.percentile(step * unit[k], [5.0, 95.0])
        beyond[k] = share(whole, fitted.params[k] - equivalent[k], k)
    spread = levels - levels.mean()
    resid = fitted.resid[:, 0]
    return LevelsFit(
        params=fitted.params,
        level_sd=level_sd,
        noise_share=own,
        noise_share_long=long,
        noise_lower=lower,
        noise_upper=upper,
        changes_equivalent=equivalent,
        beyond_changes=beyond,
        rsquared=1.0 - float(resid @ resid) / float(spread @ spread),
        components=fitted.components,
        nobs=levels.size,
        draws=draws,
    )
