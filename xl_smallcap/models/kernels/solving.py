"""Many small symmetric systems at once."""

from __future__ import annotations

import numpy as np

from xl_smallcap.types import BoolArray, FloatArray

_SINGULAR = 1e-2
"""Share of a factor's variance left over by those before it, below which a window is looked at alone: whether its
factors count as collinear is told by their eigenvalues, and sums of products are not exact enough."""


def solve_all(S: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Solve the normal equations of every window by symmetric elimination.

    doubtful: windows with a factor that does not change, or nearly a combination of those before it.
    """
    p = S.shape[0] - 1
    diagonal = S[np.arange(p), np.arange(p)].copy()
    doubtful = ~np.all(np.isfinite(diagonal) & (diagonal > 0), axis=0)
    reciprocal = np.empty((p, S.shape[2]))
    row = np.empty((p + 1, S.shape[2]))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for i in range(p):
            doubtful |= ~(S[i, i] > _SINGULAR * diagonal[i])
            np.divide(1.0, S[i, i], out=reciprocal[i])
            for k in range(i + 1, p):
                part = row[: p + 1 - k]
                np.multiply(S[i, k:], S[i, k] * reciprocal[i], out=part)
                S[k, k:] -= part
        slopes = np.empty((p, S.shape[2]))
        for i in range(p - 1, -1, -1):
            rest = S[i, p]
            for k in range(i + 1, p):
                rest = rest - S[i, k] * slopes[k]
            np.multiply(rest, reciprocal[i], out=slopes[i])
    return slopes, doubtful


def invert_all(R: FloatArray) -> FloatArray:
    """Invert symmetric positive definite matrices by Gauss-Jordan elimination, all at once.

    NaN or infinite where a matrix is singular.
    """
    A = R.copy()
    p = A.shape[0]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for i in range(p):
            pivot = 1.0 / A[i, i]
            column = A[:, i].copy()
            scaled = A[i] * pivot
            A -= column[:, None] * scaled[None]
            A[i] = scaled
            A[:, i] = -column * pivot
            A[i, i] = pivot
    return A
