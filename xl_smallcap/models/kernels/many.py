"""Many targets on the same factors, or each on factors of its own days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from xl_smallcap.models.inference import bartlett_sum, bartlett_weights, by_leverage, newey_west_lags
from xl_smallcap.models.kernels.estimators import invert_all, solve_all
from xl_smallcap.models.kernels.windows import window_moments
from xl_smallcap.types import BoolArray, FloatArray

_BLOCK = 16
_NEAR = 4
_PANEL = 256


@dataclass(frozen=True)
class FactorInverse:
    """What every target needs from the factors, window by window."""

    # inverse of the factors' cross products about their means; NaN where they are constant or nearly collinear
    inverse: FloatArray
    level: FloatArray  # means of the factors
    window: int  # observations a window
    doubtful: BoolArray  # windows whose inverse is not exact enough

    def about(self, block: slice, centre: FloatArray) -> FloatArray:
        """Return the inverse cross products of (1, factors - centre) in some windows."""
        slopes, away = self.inverse[block], self.level[block] - centre
        n, p = away.shape
        full = np.empty((n, p + 1, p + 1))
        full[:, 1:, 1:] = slopes
        full[:, 1:, 0] = full[:, 0, 1:] = -np.einsum("nij,nj->ni", slopes, away)
        full[:, 0, 0] = 1.0 / self.window - np.einsum("ni,ni->n", full[:, 0, 1:], away)
        return full


def factor_inverse(X: FloatArray, window: int) -> FactorInverse:
    """Invert the factors' cross products of every window."""
    moments = window_moments(np.zeros(X.shape[0]), X, window)
    R, _ = moments.correlations()
    doubtful = solve_all(moments.cross)[1] | moments.off
    with np.errstate(divide="ignore", invalid="ignore"):
        length = 1.0 / (moments.factor_sd * np.sqrt(window - 1))
        inverse = invert_all(R) * length[:, None] * length[None]
    inverse[:, :, doubtful] = np.nan
    level = np.ascontiguousarray(moments.level[:-1].T)
    return FactorInverse(np.ascontiguousarray(np.moveaxis(inverse, 2, 0)), level, window, doubtful)


def _block_weights(inverse: FloatArray, before: FloatArray, after: FloatArray) -> FloatArray:
    """What turns (core, left edge, right edge) into the coefficients of the windows of a block.

    Window k of the block has rows k.. of the left edge and rows ..k of the right one.
    """
    count, q = inverse.shape[:2]
    k, edge = np.arange(count)[:, None, None], np.arange(count - 1)[None, None]
    weights = np.empty((count, q, q + 2 * (count - 1)))
    weights[:, :, :q] = inverse
    np.matmul(inverse, before.T * (edge >= k), out=weights[:, :, q : q + count - 1])
    np.matmul(inverse, after.T * (edge < k), out=weights[:, :, q + count - 1 :])
    return weights


def rolling_many(Y: FloatArray, X: FloatArray, window: int) -> Iterator[tuple[slice, FloatArray, BoolArray]]:
    """Joint OLS betas of many targets in every window, a block of windows at a time.

    block: its windows; window i holds observations i .. i + window - 1; coefficients: intercept and slopes,
    in units of each target per unit of each factor. The array is used again for the next block: copy what is to be
    kept. NaN where doubtful; doubtful: windows to be solved alone.
    """
    n, p = X.shape
    q, n_windows = p + 1, n - window + 1
    ready = factor_inverse(X, window)
    buffer = np.empty((_BLOCK * q, Y.shape[1]))
    for start in range(0, n_windows, _BLOCK):
        stop = min(start + _BLOCK, n_windows)
        count, block = stop - start, slice(start, stop)
        # measured from the middle of the block, so that a trend costs no digits; a median, so that a bad tick does not
        middle = (start + stop + window) // 2
        centre = np.median(X[middle - _NEAR : middle + _NEAR + 1], axis=0)
        G = ready.about(block, centre)
        rows = slice(start, stop - 1 + window)
        H = np.column_stack([np.ones(rows.stop - start), X[rows] - centre])
        # back from centred factors: the intercept less slopes times centre
        G[:, 0] -= np.einsum("j,njk->nk", centre, G[:, 1:])
        out = buffer[: count * q]
        if window >= 2 * count:
            edge = count - 1
            core = H[edge:window].T @ Y[stop - 1 : start + window]
            left, right = Y[start : stop - 1], Y[start + window : rows.stop]
            weights = _block_weights(G, H[:edge], H[window:])
            np.matmul(weights.reshape(count * q, -1), np.concatenate([core, left, right]), out=out)
        else:
            for j in range(count):
                out[j * q : (j + 1) * q] = G[j] @ (H[j : j + window].T @ Y[start + j : start + j + window])
        yield block, out.reshape(count, q, -1), ready.doubtful[block]


def many_newey_west(Y: FloatArray, design: FloatArray, inverse: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Coefficients and Newey-West errors of many targets in one window.

    The variance of coefficient k is sum_l w_l sum_t (h_tk h_(t-l)k)(e_t e_(t-l)) with h = design @ inverse: one matrix
    product of lag products of the factors with lag products of the residuals.
    """
    n, q = design.shape
    lags = newey_west_lags(n)
    H = design @ inverse[:, 1:]
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)[:, None]
    coefficients = inverse @ (design.T @ Y)
    HH = [np.ascontiguousarray((w * (H[lag:] * H[: n - lag])).T) for lag, w in enumerate(bartlett_weights(lags))]
    variance = np.zeros((q - 1, Y.shape[1]))
    # A panel of targets at a time, whose products stay in the cache.
    buffer = np.empty((n, min(_PANEL, Y.shape[1])))
    for start in range(0, Y.shape[1], _PANEL):
        panel = slice(start, min(start + _PANEL, Y.shape[1]))
        E = by_leverage(Y[:, panel] - design @ coefficients[:, panel], leverage)
        for lag, products in enumerate(HH):
            lagged = buffer[: n - lag, : E.shape[1]]
            np.multiply(E[lag:], E[: n - lag], out=lagged)
            variance[:, panel] += products @ lagged
    return coefficients, np.sqrt(np.maximum(variance, 0.0) * n / (n - q))


# -- Many regressions at once, each with factors of its own: stocks that miss days of their own.


_DOUBTFUL = 1e4
"""Product of the Frobenius norms of the factors' correlations and of their inverse above which digits would be lost."""


@dataclass(frozen=True)
class OwnFits:
    """Fits of a batch."""

    params: FloatArray  # per +1 sd of each factor
    bse: FloatArray  # Newey-West errors
    sd: FloatArray  # those sds (ddof=1)
    inverse: FloatArray  # of the cross products of the standardised factors
    const: FloatArray  # mean of the target
    resid: FloatArray
    doubtful: BoolArray  # to be solved alone: constant or nearly collinear factors, or not finite


def fit_own(Y: FloatArray, X: FloatArray) -> OwnFits:
    """Regress every target on its own factors, with Newey-West errors.

    Factors are brought to mean 0 and sd 1, so that the intercept stands apart and scales cost no digits. The variance
    of slope k is sum_t U_tk^2 + 2 sum_l w_l sum_t U_tk U_(t-l)k with U = Z (Z'Z)^-1 * resid, times n / (n - k).
    """
    _, n, p = X.shape
    Z = X - X.mean(axis=1, keepdims=True)
    sd = np.sqrt((Z * Z).sum(axis=1) / (n - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        Z /= sd[:, None, :]
    const = Y.mean(axis=1)
    y = Y - const[:, None]
    products = np.swapaxes(Z, 1, 2) @ Z
    right = np.isfinite(products).all(axis=(1, 2))
    products[~right] = np.eye(p)
    try:
        inverse = np.linalg.inv(products)
    except np.linalg.LinAlgError:  # one is singular to the last bit: told apart one by one
        inverse = np.array([_inverse_or_nan(one) for one in products])
    with np.errstate(invalid="ignore"):
        size = np.sqrt((products**2).sum(axis=(1, 2)) * (inverse**2).sum(axis=(1, 2)))
        doubtful = np.asarray(~right | ~(size < _DOUBTFUL))
        params = (inverse @ (np.swapaxes(Z, 1, 2) @ y[:, :, None]))[:, :, 0]
        resid = y - (Z @ params[:, :, None])[:, :, 0]
        map_ = Z @ inverse
        leverage = 1.0 / n + (Z * map_).sum(axis=2)
        U = map_ * by_leverage(resid, leverage)[:, :, None]
        bse = np.sqrt(bartlett_sum(U, newey_west_lags(n), 1) * n / (n - p - 1))
    return OwnFits(params, bse, sd, inverse, const, resid, doubtful)


def _inverse_or_nan(matrix: FloatArray) -> FloatArray:
    try:
        return np.asarray(np.linalg.inv(matrix))
    except np.linalg.LinAlgError:
        return np.full_like(matrix, np.nan)
