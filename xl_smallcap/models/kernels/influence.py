"""How a beta moves with each observation, when components are estimated from the same window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xl_smallcap.models.kernels.estimators import PLS_COMPONENTS, clean, components_by_share, eigen, estimate, krylov
from xl_smallcap.types import FloatArray, IntArray, Method

_STEP = 1e-30


def pairs(p: int) -> tuple[IntArray, IntArray]:
    """Return the positions of a matrix above its diagonal, row by row.

    Parameters
    ----------
    p : int
        Rows.

    Returns
    -------
    rows, columns : ndarray of int of shape (p (p - 1) / 2,)
    """
    iu, ju = np.triu_indices(p, 1)
    return iu, ju


def _pcr_derivatives(R: FloatArray, r: FloatArray, components: int | None) -> tuple[FloatArray, FloatArray]:
    """Derivative of the spectral function sum_k v v'/lambda by divided differences (Daleckii and Krein 1965)."""
    p, n = r.shape
    values, vectors = eigen(R)
    kept = components_by_share(values) if components is None else np.full(n, components, dtype=np.int64)
    chosen = np.arange(p) < kept[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(chosen, 1.0 / values, 0.0)
        difference = values[:, :, None] - values[:, None, :]
        divided = (inverse[:, :, None] - inverse[:, None, :]) / difference
    both = chosen[:, :, None] & chosen[:, None, :]
    # among the kept (1/a - 1/b)/(a - b) is -1/(ab), also on the diagonal; among the dropped it is 0
    divided = np.where(both, -inverse[:, :, None] * inverse[:, None, :], divided)
    divided = np.where(~chosen[:, :, None] & ~chosen[:, None, :], 0.0, divided)
    scores = np.einsum("nij,in->nj", vectors, r)
    iu, ju = pairs(p)
    left, right = vectors[:, iu], vectors[:, ju]
    # V (D o (V'EV)) V'r for E = e_i e_j' + e_j e_i'
    inner = left * np.einsum("nab,nmb->nma", divided, right * scores[:, None])
    inner += right * np.einsum("nab,nmb->nma", divided, left * scores[:, None])
    by_R = np.einsum("nka,nma->kmn", vectors, inner)
    by_r = np.einsum("nij,nj,nkj->ikn", vectors, inverse, vectors)
    return by_R, by_r


def _pls_derivatives(R: FloatArray, r: FloatArray, components: int) -> tuple[FloatArray, FloatArray]:
    """Complex steps: the imaginary part is the derivative, without subtraction (Squire and Trapp 1998)."""
    p, n = r.shape
    iu, ju = pairs(p)
    by_R, by_r = np.empty((p, iu.size, n)), np.empty((p, p, n))
    still_R, still_r = R.astype(np.complex128), r.astype(np.complex128)
    step = 1j * _STEP
    with np.errstate(divide="ignore", invalid="ignore"):
        for m, (i, j) in enumerate(zip(iu, ju, strict=True)):
            still_R[i, j] += step
            still_R[j, i] += step
            by_R[:, m] = krylov(still_R, still_r, components).beta.imag / _STEP
            still_R[i, j] = still_R[j, i] = R[i, j]
        for j in range(p):
            still_r[j] += step
            by_r[:, j] = krylov(still_R, still_r, components).beta.imag / _STEP
            still_r[j] = r[j]
    return by_R, by_r


def _controlled_derivatives(method: Method, R: FloatArray, r: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Chain rule through the cleaning of :func:`xl_smallcap.models.kernels.estimators.clean`."""
    cleaned = clean(R, r)
    loading, left, m = cleaned.loading, cleaned.left, r.shape[0] - 1
    beta = estimate(method, R, r).beta[:-1]
    inside = replace(method, control=False)
    inner_R, inner_r = (d / left[:, None] for d in derivatives(inside, cleaned.R, cleaned.r))
    iu, ju = pairs(m + 1)
    by_R, by_r = np.zeros((m + 1, iu.size, r.shape[1])), np.zeros((m + 1, m + 1, r.shape[1]))
    place = {pair: k for k, pair in enumerate(zip(iu.tolist(), ju.tolist(), strict=True))}
    for k, (i, j) in enumerate(zip(*pairs(m), strict=True)):
        by_R[:-1, place[int(i), int(j)]] = inner_R[:, k] / (left[i] * left[j])
        for a, b in ((i, j), (j, i)):  # what moves when the correlation of factor a with the control does
            slope = cleaned.R[i, j] * loading[a] / left[a] ** 2 - loading[b] / (left[i] * left[j])
            by_R[:-1, place[int(a), m]] += inner_R[:, k] * slope
    for i in range(m):
        slope = cleaned.r[i] * loading[i] / left[i] ** 2 - r[-1] / left[i]
        by_R[:-1, place[i, m]] += inner_r[:, i] * slope
        by_R[i, place[i, m]] += beta[i] * loading[i] / left[i] ** 2
        by_R[-1, place[i, m]] -= beta[i]
        by_r[:-1, i] = inner_r[:, i] / left[i]
        by_r[:-1, m] -= inner_r[:, i] * loading[i] / left[i]
    by_r[-1, m] = 1.0
    by_R[-1] -= (loading[:, None] * by_R[:-1]).sum(axis=0)
    by_r[-1] -= (loading[:, None] * by_r[:-1]).sum(axis=0)
    return by_R, by_r


def derivatives(method: Method, R: FloatArray, r: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how the betas of ``pcr`` or ``pls`` change with the moments, the number of components held.

    by_R: per unit of each correlation, in the order of :func:`pairs`; by_r: per unit of each covariance.
    """
    if method.control:
        return _controlled_derivatives(method, R, r)
    if method.name == "pcr":
        return _pcr_derivatives(R, r, method.components)
    return _pls_derivatives(R, r, method.components or PLS_COMPONENTS)


# -- What each observation adds to each beta when scaling and components are estimated too (delta method).


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
