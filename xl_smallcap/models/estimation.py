"""Betas of one window by each method, the accurate way, from its data: which components, and how y enters the betas."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.models.inference import counted_regressors
from xl_smallcap.models.kernels.estimators import PLS_COMPONENTS, components_by_share
from xl_smallcap.models.least_squares import solve_least_squares
from xl_smallcap.types import FloatArray, Method

_EXHAUSTED = 1e-10


@dataclass(frozen=True)
class Components:
    """An orthonormal basis of the directions kept."""

    basis: FloatArray  # weights on the standardised factors
    explained: float  # share of the factors' variance that the scores account for, 0 to 1


def principal_components(Z: FloatArray, components: int | None) -> Components:
    """Return the leading principal components of standardised factors.

    Hotelling (1933); right singular vectors of Z. Their signs are arbitrary and cancel in every beta.
    """
    _, singular, rows = np.linalg.svd(Z, full_matrices=False)
    variance = singular**2
    k = int(components_by_share(variance[None])[0]) if components is None else components
    return Components(rows[:k].T.copy(), float(variance[:k].sum() / variance.sum()))


def partial_least_squares(Z: FloatArray, y: FloatArray, components: int | None) -> Components:
    """Return the weight vectors of PLS1 by deflation.

    Wold (1975) as in Geladi and Kowalski (1986, p. 9); the weights are orthonormal.
    """
    rest = Z.copy()
    found: list[FloatArray] = []
    start = float(np.linalg.norm(Z.T @ y))
    for _ in range(components or PLS_COMPONENTS):
        weights = rest.T @ y
        # Deflation keeps the weights orthogonal up to rounding; once more makes it exact.
        for earlier in found:
            weights -= earlier * (earlier @ weights)
        length = float(np.linalg.norm(weights))
        if not length > _EXHAUSTED * start:
            break
        weights /= length
        found.append(weights)
        scores = rest @ weights
        rest -= np.outer(scores, scores @ rest) / (scores @ scores)
    basis = np.column_stack(found) if found else np.zeros((Z.shape[1], 0))
    return Components(basis, 1.0 - float((rest**2).sum() / (Z**2).sum()))


def components_of(method: Method, Z: FloatArray, y: FloatArray) -> Components:
    """Return the directions ``pcr`` or ``pls`` regresses on."""
    if method.name == "pcr":
        return principal_components(Z, method.components)
    return partial_least_squares(Z, y, method.components)


@dataclass(frozen=True)
class PointFit:
    """Betas of one window and how they come from the target: beta = influence' y."""

    params: FloatArray  # % of the target per +1 standard deviation of each factor
    influence: FloatArray  # weight of each observation in each beta, components held fixed
    resid: FloatArray  # residuals; a column a factor for ``univariate``, which is a regression a factor
    const: float  # mean of the target, in %
    components: int  # factors or components regressed on; a control not counted
    regressors: FloatArray  # regressors of each regression that corrections count, besides the constant
    explained: float  # share of the (cleaned) factors' variance used


def _univariate(y: FloatArray, Z: FloatArray, control: bool) -> PointFit:
    """Regress on each factor alone, or on each beside the control; the control alone."""
    n, p = Z.shape
    mean = float(y.mean())
    v = y - mean
    regressors = np.ones(p)
    if control:
        held, loading = Z[:, -1], Z[:, :-1].T @ Z[:, -1] / (n - 1)
        v = np.repeat(v[:, None], p, axis=1)
        v[:, :-1] -= np.outer(held, held @ v[:, 0] / (n - 1))
        Z = np.column_stack([Z[:, :-1] - np.outer(held, loading), held])
        regressors[:-1] = 2.0
    else:
        v = v[:, None]
    influence = Z / (Z * Z).sum(axis=0)
    params = (influence * v).sum(axis=0)
    return PointFit(params, influence, v - Z * params, mean, 1, regressors, float("nan"))


def point_fit(y: FloatArray, Z: FloatArray, method: Method) -> PointFit:
    """Estimate the betas of one window from its data, the accurate way.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target changes.
    Z : ndarray of shape (n_obs, n_factors)
        Standardised factors, neither constant nor collinear; the control last where the method has one.
    method : Method
        How.

    Returns
    -------
    PointFit
    """
    n, p = Z.shape
    if method.name == "univariate":
        return _univariate(y, Z, method.control)
    if method.name == "ols":
        scores, back, explained, k = Z, np.eye(p), 1.0, p - method.control
    else:
        # back takes the coefficients of the scores (and of the control) to those of the factors (and the control)
        factors, v, m = Z, y - y.mean(), p - method.control
        left, loading = np.ones(m), np.zeros(m)
        if method.control:
            loading = Z[:, :m].T @ Z[:, m] / (n - 1)
            factors = Z[:, :m] - np.outer(Z[:, m], loading)
            left = factors.std(axis=0, ddof=1)
            factors = factors / left
            v = v - Z[:, m] * (Z[:, m] @ v / (n - 1))
        chosen = components_of(method, factors, v)
        k, explained = chosen.basis.shape[1], chosen.explained
        scores = np.column_stack([factors @ chosen.basis, Z[:, m:]])
        back = np.zeros((p, k + method.control))
        back[:m, :k] = chosen.basis / left[:, None]
        if method.control:
            back[m, :k] = -loading @ back[:m, :k]
            back[m, k] = 1.0
    design = np.column_stack([np.ones(n), scores])
    solved = solve_least_squares(design, y)
    influence = (design @ solved.xtx_inverse)[:, 1:] @ back.T
    params = back @ solved.params[1:]
    regressors = np.array([float(counted_regressors(method, p, k))])
    return PointFit(params, influence, solved.resid[:, None], float(solved.params[0]), k, regressors, explained)


def standardised(X: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return factors with mean 0 and sd 1, their means and their standard deviations (ddof=1).

    Parameters
    ----------
    X : ndarray of shape (n_obs, n_factors)
        Factor changes in their own units.

    Returns
    -------
    Z, mean, sd : ndarray
    """
    mean = X.mean(axis=0)
    sd = X.std(axis=0, ddof=1)
    return (X - mean) / sd, mean, sd


def window_influence(y: FloatArray, Z: FloatArray, fitted: PointFit, method: Method) -> FloatArray:
    """Return what each observation adds to each beta, the estimation of components counted, their number held.

    Per +1 sd; sums to zero.
    """
    if method.name in ("ols", "univariate") or fitted.components == 0:
        return fitted.influence * fitted.resid
    n = y.size
    v = y - y.mean()
    R, r = (Z.T @ Z / (n - 1))[:, :, None], (Z.T @ v / (n - 1))[:, None]
    from xl_smallcap.models.kernels.influence import moment_influences, moment_weights  # a single fit needs none

    weights = moment_weights(replace(method, components=fitted.components), R, r, fitted.params[:, None])
    return np.asarray(moment_influences(np.moveaxis(weights, 2, 0), Z.T[None].copy(), v[None])[0].T)
