"""WindowMoments of every window, and Newey-West errors of its betas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from xl_smallcap.models.inference import bartlett_sum, by_leverage, newey_west_lags
from xl_smallcap.models.kernels.influence import moment_influences
from xl_smallcap.types import BoolArray, FloatArray, IntArray

_OFF_CENTRE = 16.0
_NEAR = 9
_STILL = 1e-20


@dataclass(frozen=True)
class WindowMoments:
    """Means and centred second moments of every window, the target in the last column."""

    window: int  # observations a window
    level: FloatArray  # means
    cross: FloatArray  # sums of products about the window's means; only the upper triangle is filled
    variance: FloatArray  # of the factors in each window (ddof=1)
    # windows whose mean lies more than four of their standard deviations from the centre their sums were taken about:
    # the moments are not exact to the last digits there
    off: BoolArray
    still: BoolArray  # windows whose target does not, or hardly, change

    @property
    def factor_sd(self) -> FloatArray:
        """Standard deviation of each factor in each window, ddof=1, shape (n_factors, n_windows)."""
        return np.asarray(np.sqrt(np.maximum(self.variance, 0.0)))

    def correlations(self) -> tuple[FloatArray, FloatArray]:
        """Return the factors' correlations and their covariances with the target per +1 sd of each factor.

        r: in units of the target. Both are NaN or infinite where a factor does not change.
        """
        p = self.variance.shape[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = 1.0 / np.sqrt(self.variance * (self.window - 1))
            r = self.cross[:p, p] * inverse / np.sqrt(self.window - 1)
            R = np.empty((p, p, inverse.shape[1]))
            for i in range(p):
                R[i, i] = 1.0
                for j in range(i + 1, p):
                    np.multiply(self.cross[i, j], inverse[i], out=R[i, j])
                    R[i, j] *= inverse[j]
                    R[j, i] = R[i, j]
        return R, r


def window_moments(y: FloatArray, X: FloatArray, window: int) -> WindowMoments:
    """Means and centred second moments of every window.

    A window reaches from one block of `window` observations into the next: its sum is a suffix of the first plus a
    prefix of the second (van Herk 1992). Both parts are taken about a centre near the
    place where the two blocks meet, which every such window holds: sums stay small on trending levels too.
    """
    data = np.vstack([X.T, y])
    q, n = data.shape
    kept = n - window + 1
    blocks = -(-kept // window)
    meeting = np.arange(1, blocks + 1) * window
    near = meeting[:, None] + np.linspace(-window / 2, window / 2, _NEAR).astype(np.int64)
    centre = np.median(data[:, np.clip(near, 0, n - 1)], axis=2)
    own, following = np.zeros((2, q, blocks, window))
    reach = min(n, blocks * window)
    own.reshape(q, -1)[:, :reach] = data[:, :reach]
    following.reshape(q, -1)[:, : n - window] = data[:, window:]
    own -= centre[:, :, None]
    following -= centre[:, :, None]
    # One group of rows at a time in the same two buffers: they stay in the cache, fresh pages do not.
    products, prefix = np.empty((2, q, blocks, window))

    total = np.empty((q, blocks, window))
    np.cumsum(own[:, :, ::-1], axis=2, out=total[:, :, ::-1])
    np.cumsum(following[:, :, :-1], axis=2, out=prefix[:, :, :-1])
    total[:, :, 1:] += prefix[:, :, :-1]
    total_kept = total.reshape(q, -1)[:, :kept]
    mean = total_kept / window
    cross = np.empty((q, q, blocks, window))
    out = cross.reshape(q, q, -1)[:, :, :kept]
    correction = np.empty((q, kept))
    for i in range(q):
        k = q - i
        np.multiply(own[i], own[i:], out=products[:k])
        np.cumsum(products[:k, :, ::-1], axis=2, out=cross[i, i:, :, ::-1])
        np.multiply(following[i], following[i:], out=products[:k])
        np.cumsum(products[:k, :, :-1], axis=2, out=prefix[:k, :, :-1])
        cross[i, i:, :, 1:] += prefix[:k, :, :-1]
        np.multiply(mean[i], total_kept[i:], out=correction[:k])
        out[i, i:] -= correction[:k]
    p = q - 1
    variance = out[np.arange(p), np.arange(p)] / (window - 1)
    # written so that a NaN counts as off
    off = ~np.all(mean[:p] ** 2 <= _OFF_CENTRE * variance, axis=0)
    target_variance = out[p, p] / (window - 1)
    mean += np.repeat(centre, window, axis=1)[:, :kept]
    still = ~(target_variance > _STILL * mean[p] ** 2)
    return WindowMoments(window, mean, out, variance, off, still)


# -- Newey-West errors of every window: influences of each observation in each beta, then their Bartlett sums.


_BLOCK = 32


class WindowErrors:
    """Standard errors of the betas of every window of a span, a block of windows at a time."""

    def __init__(self, y: FloatArray, X: FloatArray, moments: WindowMoments) -> None:
        self.window = moments.window
        self.lags = newey_west_lags(self.window)
        data = np.vstack([X.T, y])
        self._views = sliding_window_view(data, self.window, axis=1)
        self._level = moments.level
        with np.errstate(divide="ignore", invalid="ignore"):
            self._inverse_sd = 1.0 / np.sqrt(moments.variance)

    def _block(self, block: slice) -> tuple[FloatArray, FloatArray]:
        """Standardised factors (n, p, window) and the centred target (n, window) of some windows."""
        p = self._inverse_sd.shape[0]
        raw = np.moveaxis(self._views[:, block], 1, 0)
        z = raw[:, :p] - self._level[:p, block].T[:, :, None]
        z *= self._inverse_sd[:, block].T[:, :, None]
        return z, raw[:, p] - self._level[p, block][:, None]

    def of_maps(self, beta: FloatArray, maps: FloatArray, regressors: int) -> FloatArray:
        """Errors with the map from covariances to betas held fixed: exact for ``ols``. Per +1 sd."""
        out = np.empty_like(beta)
        n = beta.shape[1]
        scale = 1.0 / (self.window - 1)
        with np.errstate(invalid="ignore", over="ignore"):
            for start in range(0, n, _BLOCK):
                block = slice(start, min(start + _BLOCK, n))
                z, centred = self._block(block)
                resid = centred - np.matmul(beta[:, block].T[:, None], z)[:, 0]
                U = np.matmul(np.moveaxis(maps[:, :, block], 2, 0), z)
                leverage = np.einsum("npw,npw->nw", U, z) * scale + 1.0 / self.window
                U *= by_leverage(resid, leverage)[:, None] * scale
                out[:, block] = bartlett_sum(U, self.lags, -1).T
            correction = self.window / (self.window - 1.0 - regressors)
            return np.asarray(np.sqrt(out * correction))

    def of_single_factors(self, beta: FloatArray, loading: FloatArray | None) -> FloatArray:
        """Errors of ``univariate``: a regression a factor, with a control beside it where there is one. Per +1 sd."""
        out = np.empty_like(beta)
        scale = 1.0 / (self.window - 1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for start in range(0, beta.shape[1], _BLOCK):
                block = slice(start, min(start + _BLOCK, beta.shape[1]))
                z, centred = self._block(block)
                left: FloatArray | float = 1.0
                leverage: FloatArray | float = 1.0 / self.window
                if loading is not None:
                    held = loading[:, block].T[:, :, None]
                    control = z[:, -1:]
                    centred = centred - beta[-1, block][:, None] * control[:, 0]
                    z[:, :-1] -= held * control
                    left = np.ones(z.shape[:2])
                    left[:, :-1] -= held[:, :, 0] ** 2
                    left = left[:, :, None]
                    leverage = np.repeat(control * control * scale + leverage, z.shape[1], axis=1)
                    leverage[:, -1] = 1.0 / self.window
                resid = centred[:, None] - beta[:, block].T[:, :, None] * z
                if loading is not None:
                    resid[:, -1] = centred
                resid = by_leverage(resid, leverage + z * z * (scale / left))
                out[:, block] = bartlett_sum(z * resid * (scale / left), self.lags, -1).T
            regressors = np.ones((beta.shape[0], 1))
            if loading is not None:
                regressors[:-1] = 2.0
            correction = self.window / (self.window - 1.0 - regressors)
            return np.asarray(np.sqrt(out * correction))

    def of_moments(self, beta: FloatArray, weights: FloatArray, regressors: IntArray) -> FloatArray:
        """Errors that count the estimation of scaling and components as well. Per +1 sd of the window."""
        out = np.empty_like(beta)
        n = beta.shape[1]
        with np.errstate(invalid="ignore", over="ignore"):
            for start in range(0, n, _BLOCK):
                block = slice(start, min(start + _BLOCK, n))
                U = moment_influences(np.moveaxis(weights[:, :, block], 2, 0), *self._block(block))
                out[:, block] = bartlett_sum(U, self.lags, -1).T
            correction = self.window / (self.window - 1.0 - regressors)
            return np.asarray(np.sqrt(out * correction))
