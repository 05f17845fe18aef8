"""What each observation adds to each beta when scaling and components are estimated too (delta method)."""

from __future__ import annotations

import numpy as np

from xl_smallcap.models.kernels.derivatives import derivatives, pairs
from xl_smallcap.types import FloatArray, Method


def moment_weights(method: Method, R: FloatArray, r: FloatArray, beta: FloatArray) -> FloatArray:
    """Return how each beta responds to the products of standardised factors and target.

    With z standardised and v the centred target, the moments move with observation t by
    dR_ij = z_i z_j - R_ij (z_i² + z_j²)/2 and dr_i = z_i v - r_i (z_i² + 1)/2, and the beta per original sd by
    -beta_i (z_i² - 1)/2 besides; up to constants, whose sum is zero.

    For the features of :func:`moment_influences`.
    """
    p = r.shape[0]
    iu, ju = pairs(p)
    # Singular windows become NaN here; they are solved alone.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        by_R, by_r = derivatives(method, R, r)
        squares = -0.5 * by_r * r[None]
        for m, (i, j) in enumerate(zip(iu, ju, strict=True)):
            part = 0.5 * by_R[:, m] * R[i, j]
            squares[:, i] -= part
            squares[:, j] -= part
        squares[np.arange(p), np.arange(p)] -= 0.5 * beta
        return np.concatenate([by_R, squares, by_r], axis=1)


def moment_influences(weights: FloatArray, z: FloatArray, centred: FloatArray) -> FloatArray:
    """Return what each observation adds to each beta of each window. Per +1 sd; sums to zero over the window."""
    iu, ju = pairs(z.shape[1])
    features = np.concatenate([z[:, iu] * z[:, ju], z * z, z * centred[:, None]], axis=1)
    U = np.matmul(weights, features)
    U -= U.mean(axis=2, keepdims=True)
    U /= z.shape[2] - 1
    return np.asarray(U)
