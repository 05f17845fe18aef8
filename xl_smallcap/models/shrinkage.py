"""A covariance that can be inverted and trusted: correlations shrunk towards none, variances left alone."""

from __future__ import annotations

import numpy as np

from xl_smallcap.types import FloatArray


def shrunk_covariance(X: FloatArray) -> tuple[FloatArray, float]:
    """Return the covariance of columns with correlations shrunk by the rule of Ledoit and Wolf.

    Ledoit and Wolf (2004), eqs. 9 to 14, of the standardised columns. Percent and basis points must not be averaged,
    so the columns are standardised first; the target, a multiple of the identity, is then the identity itself.
    covariance: in the columns' units; its diagonal is the sample's (ddof 1); shrinkage: 0 leaves the correlations as
    they are, 1 sets them to zero.
    """
    n, p = X.shape
    centred = X - X.mean(axis=0)
    sd = np.sqrt((centred * centred).mean(axis=0))
    Z = centred / sd
    R = Z.T @ Z / n
    distance = float(((R - np.eye(p)) ** 2).sum())
    # mean squared distance of one observation's outer product from R: sum_t |z_t|^4 / n - |R|^2
    noise = (float(((Z * Z).sum(axis=1) ** 2).mean()) - float((R * R).sum())) / n
    shrinkage = min(max(noise, 0.0), distance) / distance if distance > 0 else 1.0
    R = (1.0 - shrinkage) * R + shrinkage * np.eye(p)
    unit = sd * np.sqrt(n / (n - 1.0))
    return R * np.outer(unit, unit), shrinkage
