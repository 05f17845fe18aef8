"""Signs of betas in many windows at once: from correlations, and window by window where those waver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.models.conditioning import COLLINEAR_CONDITION, constant_columns, still_targets
from xl_smallcap.models.estimation import point_fit
from xl_smallcap.models.kernels.estimators import estimate
from xl_smallcap.types import OLS, FloatArray, IntArray, Method

_NEAR_ZERO = 1e-8
"""Share of the largest beta below which a sign is asked of the accurate way."""
_NOISE = 1e-12
"""The same as a share of the target's standard deviation."""


@dataclass(frozen=True)
class Windows:
    """Windows in which a regression is possible, side by side."""

    y: FloatArray  # target changes
    Z: FloatArray  # factors with mean 0 and sd 1 in each window
    R: FloatArray  # correlations
    r: FloatArray  # covariances of the standardised factors with the target
    number: FloatArray  # condition numbers of the factors

    @classmethod
    def correlate(cls, y: FloatArray, Z: FloatArray) -> Windows:
        """Return windows of standardised factors with their correlations; none is left out."""
        n = y.shape[1]
        across = Z.transpose(0, 2, 1)
        R = across @ Z / (n - 1)
        r = (across @ (y - y.mean(axis=1, keepdims=True))[:, :, None])[:, :, 0] / (n - 1)
        values = np.linalg.eigvalsh(R)
        number = np.sqrt(values[:, -1] / np.maximum(values[:, 0], np.finfo(np.float64).tiny))
        return cls(y, Z, np.ascontiguousarray(np.moveaxis(R, 0, 2)), np.ascontiguousarray(r.T), number)

    @classmethod
    def fit(cls, y: FloatArray, X: FloatArray) -> Windows:
        """Standardise each window, and leave out those with a constant target, constant or collinear factors."""
        moving = ~constant_columns(X).any(axis=1) & ~still_targets(y)
        y, X = y[moving], X[moving]
        made = cls.correlate(y, (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, ddof=1, keepdims=True))
        apart = made.number <= COLLINEAR_CONDITION
        return cls(made.y[apart], made.Z[apart], made.R[..., apart], made.r[:, apart], made.number[apart])

    def signs(self, method: Method) -> FloatArray:
        """Return the signs of the betas. -1, 0 or 1."""
        if not self.number.size:
            return np.empty((0, self.r.shape[0]))
        found = estimate(method, self.R, self.r)
        size = np.abs(found.beta)
        least = np.maximum(_NEAR_ZERO * size.max(axis=0), _NOISE * self.y.std(axis=1))
        sure = ~found.doubtful & (size > least).all(axis=0)
        signs = np.sign(found.beta.T)
        for k in np.flatnonzero(~sure):
            signs[k] = np.sign(point_fit(self.y[k], self.Z[k], method).params)
        return np.ascontiguousarray(signs)


def independent_signs(y: FloatArray, X: FloatArray, window: int, gaps: IntArray, method: Method = OLS) -> FloatArray:
    """Signs of the betas in the windows before the last one, counted back from it without overlap.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target changes.
    X : ndarray of shape (n_obs, n_factors)
        Factor changes.
    window : int
        Observations a window.
    gaps : ndarray of int
        Positions before which observations are missing; a window across one is left out.
    method : Method
        How betas are estimated.

    Returns
    -------
    ndarray of shape (n_windows, n_factors)
        -1, 0 or 1, the latest window first; windows with a constant target, or constant or collinear
        factors, are left out. May be empty.
    """
    count = max(y.size // window - 1, 0)
    whole = slice(y.size - (count + 1) * window, y.size - window)
    starts = whole.start + window * np.arange(count)
    inside = (gaps > starts[:, None]) & (gaps < starts[:, None] + window)
    unbroken = ~inside.any(axis=1)
    ys, Xs = y[whole].reshape(count, window), X[whole].reshape(count, window, X.shape[1])
    return Windows.fit(ys[unbroken][::-1], Xs[unbroken][::-1]).signs(method)
