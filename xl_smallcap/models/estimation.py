"""Betas of one window by each method, the accurate way, from its data: which components, and how y enters the betas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.models.kernels.estimators import PLS_COMPONENTS, components_by_share
from xl_smallcap.models.least_squares import solve_least_squares
from xl_smallcap.types import FloatArray, Method

_EXHAUSTED = 1e-10


@dataclass(frozen=True)
class Components:
    """An orthonormal basis of the directions kept.

    Parameters
    ----------
    basis : ndarray of shape (n_factors, n_components)
        Weights on the standardised factors.
    explained : float
        Share of the factors' variance along the basis, 0 to 1.
    """

    basis: FloatArray
    explained: float


def principal_components(Z: FloatArray, components: int | None) -> Components:
    """Return the leading principal components of standardised factors.

    Parameters
    ----------
    Z : ndarray of shape (n_obs, n_factors)
        Mean 0, sd 1 (ddof=1).
    components : int or None
        How many; None for the fewest with 90 % of the variance.

    Returns
    -------
    Components
        Hotelling (1933); right singular vectors of Z. Their signs are arbitrary and cancel in every beta.
    """
    _, singular, rows = np.linalg.svd(Z, full_matrices=False)
    variance = singular**2
    k = int(components_by_share(variance[None])[0]) if components is None else components
    return Components(rows[:k].T.copy(), float(variance[:k].sum() / variance.sum()))


def partial_least_squares(Z: FloatArray, y: FloatArray, components: int | None) -> Components:
    """Return the weight vectors of PLS1 by deflation.

    Parameters
    ----------
    Z : ndarray of shape (n_obs, n_factors)
        Mean 0, sd 1 (ddof=1).
    y : ndarray of shape (n_obs,)
        Target, centred.
    components : int or None
        How many; None for two. Fewer where the target has no covariance left with what remains of the factors.

    Returns
    -------
    Components
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
    return Components(basis, float(((Z @ basis) ** 2).sum() / (Z**2).sum()))


def components_of(method: Method, Z: FloatArray, y: FloatArray) -> Components:
    """Return the basis a joint method regresses on; the factors themselves for ``ols``.

    Parameters
    ----------
    method : Method
        "ols", "pcr" or "pls".
    Z : ndarray of shape (n_obs, n_factors)
        Standardised factors.
    y : ndarray of shape (n_obs,)
        Centred target.

    Returns
    -------
    Components
    """
    if method.name == "pcr":
        return principal_components(Z, method.components)
    if method.name == "pls":
        return partial_least_squares(Z, y, method.components)
    return Components(np.eye(Z.shape[1]), 1.0)


@dataclass(frozen=True)
class PointFit:
    """Betas of one window and how they come from the target: beta = influence' y.

    Parameters
    ----------
    params : ndarray of shape (n_factors,)
        % of the target per +1 standard deviation of each factor.
    influence : ndarray of shape (n_obs, n_factors)
        Weight of each observation in each beta, components held fixed.
    resid : ndarray of shape (n_obs, 1 or n_factors)
        Residuals; a column a factor for ``univariate``, which is a regression a factor.
    const : float
        Mean of the target, in %.
    regressors : int
        Regressors of each regression besides the constant: factors or components.
    explained : float
        Share of the factors' variance used.
    """

    params: FloatArray
    influence: FloatArray
    resid: FloatArray
    const: float
    regressors: int
    explained: float


def point_fit(y: FloatArray, Z: FloatArray, method: Method) -> PointFit:
    """Estimate the betas of one window from its data, the accurate way.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target changes.
    Z : ndarray of shape (n_obs, n_factors)
        Standardised factors, neither constant nor collinear.
    method : Method
        How.

    Returns
    -------
    PointFit
    """
    n, p = Z.shape
    if method.name == "univariate":
        mean = float(y.mean())
        influence = Z / (Z * Z).sum(axis=0)
        params = influence.T @ (y - mean)
        return PointFit(params, influence, (y - mean)[:, None] - Z * params, mean, 1, float("nan"))
    basis = components_of(method, Z, y - y.mean())
    if basis.basis.shape[1] == 0:
        return PointFit(np.zeros(p), np.zeros((n, p)), (y - y.mean())[:, None], float(y.mean()), 0, basis.explained)
    plain = method.name == "ols"
    design = np.column_stack([np.ones(n), Z if plain else Z @ basis.basis])
    solved = solve_least_squares(design, y)
    influence = (design @ solved.xtx_inverse)[:, 1:]
    params = solved.params[1:]
    if not plain:
        influence, params = influence @ basis.basis.T, basis.basis @ params
    return PointFit(
        params, influence, solved.resid[:, None], float(solved.params[0]), design.shape[1] - 1, basis.explained
    )


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
