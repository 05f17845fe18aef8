"""Sums and second moments of every window, without subtraction.

Window sums come from suffix and prefix sums of blocks ("two stacks"), so nothing is ever subtracted: a bad tick leaves
no trace once it has left the window, unlike cumulative sums, which keep an error (6e-6 seen after a tick of 1e6).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.types import BoolArray, FloatArray

_OFF_CENTRE = 16.0
_NEAR = 9
_STILL = 1e-20


@dataclass(frozen=True)
class Moments:
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


def window_moments(y: FloatArray, X: FloatArray, window: int) -> Moments:
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
    return Moments(window, mean, out, variance, off, still)
