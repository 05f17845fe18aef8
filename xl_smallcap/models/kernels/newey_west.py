"""Newey-West errors of every window: influences of each observation in each beta, then their Bartlett sums."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from xl_smallcap.models.inference import newey_west_lags
from xl_smallcap.models.kernels.influence import moment_influences
from xl_smallcap.models.kernels.windows import Moments
from xl_smallcap.types import FloatArray, IntArray

_BLOCK = 32


def bartlett_sums(U: FloatArray, lags: int) -> FloatArray:
    """Bartlett-weighted sums of the products of each series with its own past."""
    total = np.einsum("...t,...t->...", U, U)
    for lag in range(1, lags + 1):
        weight = 2.0 * (1.0 - lag / (lags + 1.0))
        total += weight * np.einsum("...t,...t->...", U[..., lag:], U[..., :-lag])
    return np.asarray(total)


class WindowErrors:
    """Standard errors of the betas of every window of a span, a block of windows at a time."""

    def __init__(self, y: FloatArray, X: FloatArray, moments: Moments) -> None:
        self.window = moments.window
        self.lags = newey_west_lags(self.window)
        data = np.vstack([X.T, y])
        self._views = sliding_window_view(data, self.window, axis=1)
        self._level = moments.level
        with np.errstate(divide="ignore", invalid="ignore"):
            self._inverse_sd = 1.0 / np.sqrt(moments.variance)

    def _block(self, at: slice) -> tuple[FloatArray, FloatArray]:
        """Standardised factors (n, p, window) and the centred target (n, window) of some windows."""
        p = self._inverse_sd.shape[0]
        raw = np.moveaxis(self._views[:, at], 1, 0)
        z = raw[:, :p] - self._level[:p, at].T[:, :, None]
        z *= self._inverse_sd[:, at].T[:, :, None]
        return z, raw[:, p] - self._level[p, at][:, None]

    def of_maps(self, beta: FloatArray, maps: FloatArray, regressors: int) -> FloatArray:
        """Errors with the map from covariances to betas held fixed: exact for ``ols``. Per +1 sd."""
        out = np.empty_like(beta)
        n = beta.shape[1]
        scale = 1.0 / (self.window - 1)
        with np.errstate(invalid="ignore", over="ignore"):
            for start in range(0, n, _BLOCK):
                at = slice(start, min(start + _BLOCK, n))
                z, centred = self._block(at)
                resid = centred - np.matmul(beta[:, at].T[:, None], z)[:, 0]
                U = np.matmul(np.moveaxis(maps[:, :, at], 2, 0), z)
                U *= resid[:, None] * scale
                out[:, at] = bartlett_sums(U, self.lags).T
            correction = self.window / (self.window - 1.0 - regressors)
            return np.asarray(np.sqrt(np.maximum(out, 0.0) * correction))

    def of_single_factors(self, beta: FloatArray, loading: FloatArray | None) -> FloatArray:
        """Errors of ``univariate``: a regression a factor, with a control beside it where there is one. Per +1 sd."""
        out = np.empty_like(beta)
        scale = 1.0 / (self.window - 1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for start in range(0, beta.shape[1], _BLOCK):
                at = slice(start, min(start + _BLOCK, beta.shape[1]))
                z, centred = self._block(at)
                left: FloatArray | float = 1.0
                if loading is not None:
                    held = loading[:, at].T[:, :, None]
                    control = z[:, -1:]
                    centred = centred - beta[-1, at][:, None] * control[:, 0]
                    z[:, :-1] -= held * control
                    left = np.ones(z.shape[:2])
                    left[:, :-1] -= held[:, :, 0] ** 2
                    left = left[:, :, None]
                resid = centred[:, None] - beta[:, at].T[:, :, None] * z
                if loading is not None:
                    resid[:, -1] = centred
                out[:, at] = bartlett_sums(z * resid * (scale / left), self.lags).T
            regressors = np.ones((beta.shape[0], 1))
            if loading is not None:
                regressors[:-1] = 2.0
            correction = self.window / (self.window - 1.0 - regressors)
            return np.asarray(np.sqrt(np.maximum(out, 0.0) * correction))

    def of_moments(self, beta: FloatArray, weights: FloatArray, regressors: IntArray) -> FloatArray:
        """Errors that count the estimation of scaling and components as well. Per +1 sd of the window."""
        out = np.empty_like(beta)
        n = beta.shape[1]
        with np.errstate(invalid="ignore", over="ignore"):
            for start in range(0, n, _BLOCK):
                at = slice(start, min(start + _BLOCK, n))
                U = moment_influences(np.moveaxis(weights[:, :, at], 2, 0), *self._block(at))
                out[:, at] = bartlett_sums(U, self.lags).T
            correction = self.window / (self.window - 1.0 - regressors)
            return np.asarray(np.sqrt(np.maximum(out, 0.0) * correction))
