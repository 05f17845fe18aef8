"""Growth and policy news from how shares and a yield move together: shocks by signs, over every admissible rotation.

Jarocinski and Karadi (2020) and Cieslak and Pang (2021): growth news moves both up, easing moves shares up and the
yield down. Signs do not settle which part of a day is which; so a range stands beside every number.
"""

from __future__ import annotations

import numpy as np

from xl_smallcap.types import FloatArray

DECAY = 0.97
FIRST = 250
"""Days whose plain second moments begin the weighted ones."""
FRACTIONS = np.arange(1, 20) / 20.0
"""Of the admissible rotations: 5 %, 10 %, ..., 95 % of the way; the middle one is the median."""


def trailing_covariances(x: FloatArray) -> FloatArray:
    """Exponentially weighted second moments known at the end of the day before; shape (n_days - 250, 2, 2).

    `x` of shape (n_days, 2); row t of the answer belongs to day 250 + t.
    """
    current = x[:FIRST].T @ x[:FIRST] / FIRST
    out = np.empty((x.shape[0] - FIRST, 2, 2))
    for t in range(out.shape[0]):
        out[t] = current
        day = x[FIRST + t]
        current = DECAY * current + (1.0 - DECAY) * np.outer(day, day)
    return out


def signed_news(x: FloatArray) -> FloatArray:
    """Split each day into growth and policy news, of unit variance by what was known the day before.

    Parameters
    ----------
    x : ndarray of shape (n_days, 2)
        Changes of the share index and of the yield.

    Returns
    -------
    ndarray of shape (19, n_days - 250, 2)
        A row a rotation: growth news (both up), policy news (easing: shares up, yield down).

    Notes
    -----
    With C the Cholesky factor of a day's covariance, shocks are R' C^-1 x. A rotation by theta gives growth the
    loadings (a cos, b cos + c sin) and policy (a sin, b sin - c cos), with the wanted signs between two angles.
    """
    moments, days = trailing_covariances(x), x[FIRST:]
    a = np.sqrt(moments[:, 0, 0])
    b = moments[:, 1, 0] / a
    c = np.sqrt(moments[:, 1, 1] - b * b)
    low, high = np.maximum(0.0, np.arctan2(-b, c)), np.minimum(np.pi / 2.0, np.arctan2(c, b))
    e = np.empty_like(days)
    e[:, 0] = days[:, 0] / a
    e[:, 1] = (days[:, 1] - b * e[:, 0]) / c
    theta = low + FRACTIONS[:, None] * (high - low)
    cos, sin = np.cos(theta), np.sin(theta)
    return np.stack([cos * e[:, 0] + sin * e[:, 1], sin * e[:, 0] - cos * e[:, 1]], axis=-1)
