"""Many regressions at once, each with factors of its own: stocks that miss days of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.models.inference import newey_west_lags
from xl_smallcap.types import BoolArray, FloatArray

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
        U = (Z @ inverse) * resid[:, :, None]
        variance = (U * U).sum(axis=1)
        lags = newey_west_lags(n)
        for lag in range(1, lags + 1):
            variance += 2.0 * (1.0 - lag / (lags + 1.0)) * (U[:, lag:] * U[:, : n - lag]).sum(axis=1)
        bse = np.sqrt(np.maximum(variance, 0.0) * n / (n - p - 1))
    return OwnFits(params, bse, sd, inverse, const, resid, doubtful)


def _inverse_or_nan(matrix: FloatArray) -> FloatArray:
    try:
        return np.asarray(np.linalg.inv(matrix))
    except np.linalg.LinAlgError:
        return np.full_like(matrix, np.nan)
