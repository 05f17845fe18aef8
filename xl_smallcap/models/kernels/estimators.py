"""From stacks of correlation matrices to betas, by every method; stacks of equations, solved or said not to be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xl_smallcap.types import BoolArray, FloatArray, IntArray, Method

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


# -- From correlations to betas by each method, for all windows or all bootstrap draws at once.


VARIANCE_SHARE = 0.90
"""``pcr`` without a number keeps the fewest components with at least this share of the factors' variance."""
PLS_COMPONENTS = 2
"""``pls`` without a number: one has the signs of the univariate betas, two is the fewest that can part factors."""
_CLOSE_EIGENVALUES = 1e-4
_EXHAUSTED = 1e-16


@dataclass(frozen=True)
class Estimates:
    """Betas of many correlation matrices."""

    beta: FloatArray  # in units of the target per +1 sd of each factor
    maps: FloatArray | None  # beta = maps @ r, with the components held fixed; None where not asked for
    components: IntArray  # how many were used, a control not counted
    explained: FloatArray  # share of the factors' variance in the components; NaN for pls and univariate
    # not to be trusted to full precision: components hardly told apart, or fewer directions than asked for
    doubtful: BoolArray


def components_by_share(eigenvalues: FloatArray) -> IntArray:
    """Return the fewest components with at least 90 % of the variance."""
    share = np.cumsum(eigenvalues, axis=1) / eigenvalues.sum(axis=1, keepdims=True)
    # A share of 0.9 that rounds to a hair below it still counts.
    return np.asarray(1 + (share[:, :-1] < VARIANCE_SHARE - 1e-12).sum(axis=1), dtype=np.int64)


def eigen(R: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return eigenvalues, largest first, and eigenvectors of many correlation matrices."""
    usable = np.isfinite(R).all(axis=(0, 1))
    stacked = np.moveaxis(np.where(usable, R, np.eye(R.shape[0])[:, :, None]), 2, 0)
    values, vectors = np.linalg.eigh(stacked)
    return values[:, ::-1], vectors[:, :, ::-1]


def _pcr(R: FloatArray, r: FloatArray, components: int | None, maps: bool) -> Estimates:
    p, n = r.shape
    usable = np.isfinite(R).all(axis=(0, 1)) & np.isfinite(r).all(axis=0)
    values, vectors = eigen(R)
    kept = components_by_share(values) if components is None else np.full(n, components, dtype=np.int64)
    chosen = np.arange(p) < kept[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(chosen, 1.0 / values, 0.0)
        scores = np.einsum("nij,in->nj", vectors, np.where(usable, r, 0.0))
        beta = np.einsum("nij,nj->in", vectors, scores * inverse)
    beta[:, ~usable] = np.nan
    following = np.take_along_axis(values, np.minimum(kept, p - 1)[:, None], axis=1)[:, 0]
    last = np.take_along_axis(values, kept[:, None] - 1, axis=1)[:, 0]
    close = (kept < p) & (last - following < _CLOSE_EIGENVALUES * values[:, 0])
    explained = np.where(chosen, values, 0.0).sum(axis=1) / values.sum(axis=1)
    full = np.einsum("nij,nj,nkj->ikn", vectors, inverse, vectors) if maps else None
    return Estimates(beta, full, kept, explained, close | ~usable)


@dataclass(frozen=True)
class Krylov:
    """Conjugate gradients from zero: betas after m steps, the directions walked, their curvatures and what was left.

    Arrays are complex where the moments are (complex-step derivatives).
    """

    beta: NDArray[Any]
    directions: list[NDArray[Any]]
    curvatures: list[NDArray[Any]]
    squares: list[NDArray[Any]]


def krylov(R: NDArray[Any], r: NDArray[Any], components: int) -> Krylov:
    """Walk m conjugate-gradient steps on R b = r, all windows at once: PLS1 with m components.

    `squares` holds the squared length of what was left before each step.
    """
    beta = np.zeros_like(r)
    residual, direction = r.copy(), r.copy()
    square = np.einsum("in,in->n", residual, residual)
    earlier: list[NDArray[Any]] = []
    walked = Krylov(beta, [], [], [])
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(components):
            image = np.einsum("ijn,jn->in", R, direction)
            curvature = np.einsum("in,in->n", direction, image)
            walked.directions.append(direction)
            walked.curvatures.append(curvature)
            walked.squares.append(square)
            step = square / curvature
            beta += step * direction
            earlier.append(residual / np.sqrt(square))
            residual = residual - step * image
            # Residuals are orthogonal but for rounding, which nearly collinear factors would let grow.
            for unit in earlier:
                residual -= np.einsum("in,in->n", unit, residual) * unit
            following = np.einsum("in,in->n", residual, residual)
            direction = residual + (following / square) * direction
            square = following
    return walked


def _pls(R: FloatArray, r: FloatArray, components: int, maps: bool) -> Estimates:
    walked = krylov(R, r, components)
    full = None
    with np.errstate(divide="ignore", invalid="ignore"):
        doubtful = ~np.all([left > _EXHAUSTED * walked.squares[0] for left in walked.squares], axis=0)
        doubtful |= ~(walked.squares[0] > 0)
        if maps:
            steps = zip(walked.directions, walked.curvatures, strict=True)
            full = np.sum([d[:, None] * (d / c) for d, c in steps], axis=0)
    n = r.shape[1]
    return Estimates(walked.beta, full, np.full(n, components, dtype=np.int64), np.full(n, np.nan), doubtful)


@dataclass(frozen=True)
class Cleaned:
    """Factors and target cleaned of a control, the last column, by regression on it (Frisch and Waugh 1933)."""

    loading: FloatArray  # correlation of each factor with the control
    left: FloatArray  # standard deviation of each factor that the control leaves over, as a share of its own
    R: FloatArray  # correlations of the cleaned factors
    r: FloatArray  # covariances of the cleaned, standardised factors with the target


def clean(R: FloatArray, r: FloatArray) -> Cleaned:
    """Take the control out of correlations and covariances."""
    loading = R[:-1, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.sqrt(1.0 - loading**2)
        partial = (R[:-1, :-1] - loading[:, None] * loading[None]) / (left[:, None] * left[None])
        return Cleaned(loading, left, partial, (r[:-1] - loading * r[-1]) / left)


def _controlled(method: Method, R: FloatArray, r: FloatArray, maps: bool) -> Estimates:
    """Betas with a control that no method shrinks: its coefficient is that of what the factors leave over."""
    cleaned = clean(R, r)
    estimates = estimate(method, cleaned.R, cleaned.r, maps)
    loading = cleaned.loading
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = estimates.beta / cleaned.left
        beta = np.vstack([factors, r[-1] - (loading * factors).sum(axis=0)])
        full = None
        if method.name == "univariate":
            beta[-1] = r[-1]
        elif estimates.maps is not None:
            inner = estimates.maps / (cleaned.left[:, None] * cleaned.left[None])
            full = np.empty_like(R)
            full[:-1, :-1] = inner
            full[:-1, -1] = full[-1, :-1] = -np.einsum("ijn,jn->in", inner, loading)
            full[-1, -1] = 1.0 - (full[-1, :-1] * loading).sum(axis=0)
    return Estimates(beta, full, estimates.components, estimates.explained, estimates.doubtful)


def estimate(method: Method, R: FloatArray, r: FloatArray, maps: bool = False) -> Estimates:
    """Return the betas of every window or draw by one method.

    Parameters
    ----------
    method : Method
        With a control, the last factor is kept whole, and the others are cleaned of it before components are taken.
    R : ndarray of shape (n_factors, n_factors, n)
        Correlations of the factors.
    r : ndarray of shape (n_factors, n)
        Covariances of the standardised factors with the target, in units of the target.
    maps : bool
        Also return the matrices M of beta = M r (not for ``univariate`` with a control).

    Returns
    -------
    Estimates
    """
    if method.control and method.name != "ols":
        return _controlled(replace(method, control=False), R, r, maps)
    p, n = r.shape
    sure = np.zeros(n, dtype=bool)
    if method.name == "pcr":
        return _pcr(R, r, method.components, maps)
    if method.name == "pls":
        return _pls(R, r, method.components or PLS_COMPONENTS, maps)
    if method.name == "univariate":
        full = np.repeat(np.eye(p)[:, :, None], n, axis=2) if maps else None
        return Estimates(r.copy(), full, np.ones(n, dtype=np.int64), np.full(n, np.nan), sure)
    inverse = invert_all(R)
    beta = np.einsum("ijn,jn->in", inverse, r)
    k = np.full(n, p - method.control, dtype=np.int64)
    return Estimates(beta, inverse if maps else None, k, np.ones(n), sure)
