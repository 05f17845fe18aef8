"""One regression by any method: when it can be fitted, the solver, the betas."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.models.inference import by_leverage, counted_regressors
from xl_smallcap.models.kernels.estimators import PLS_COMPONENTS, components_by_share
from xl_smallcap.types import BoolArray, FloatArray, Method

COLLINEAR_CONDITION = 200.0
"""Condition number of the standardised factors above which they count as collinear; of two factors, a VIF of 10,000."""
HIGH_VIF = 100.0
"""Variance inflation above which a beta is answered and flagged: its error is ten times what it would be alone."""
_STILL = 1e-12


def constant_columns(X: FloatArray) -> BoolArray:
    """Tell which columns do not change beyond rounding."""
    sd = X.std(axis=-2, ddof=1)
    return np.asarray(sd <= _STILL * np.maximum(np.abs(X.mean(axis=-2)), np.abs(X).max(axis=-2)))


def still_targets(y: FloatArray) -> BoolArray:
    """Tell which targets do not change beyond rounding."""
    return np.asarray(y.std(axis=-1, ddof=1) <= _STILL * np.abs(y).max(axis=-1))


def still_target(y: FloatArray) -> bool:
    """Tell whether a target does not change beyond rounding.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target changes.

    Returns
    -------
    bool
    """
    return bool(still_targets(y))


def condition(Z: FloatArray) -> tuple[float, FloatArray]:
    """Return the condition number of standardised factors and the combination that changes least.

    Parameters
    ----------
    Z : ndarray of shape (n_obs, n_factors)
        Standardised factors (mean 0, sd 1 with ddof=1).

    Returns
    -------
    number : float
    weakest : ndarray of shape (n_factors,)
        Weights of the combination of factors closest to constant.
    """
    values, vectors = np.linalg.eigh(Z.T @ Z / (Z.shape[0] - 1))
    number = float(np.sqrt(values[-1] / max(values[0], np.finfo(np.float64).tiny)))
    return number, vectors[:, 0]


def unfit(X: FloatArray) -> bool:
    """Tell whether a joint regression on these factors is impossible.

    Parameters
    ----------
    X : ndarray of shape (n_obs, n_factors)
        Factor changes.

    Returns
    -------
    bool
    """
    if constant_columns(X).any():
        return True
    return condition((X - X.mean(axis=0)) / X.std(axis=0, ddof=1))[0] > COLLINEAR_CONDITION


# -- One accurate least-squares solve: scaled Householder QR, refined with residuals in doubled precision.


_SPLITTER = 134217729.0
_REFINEMENTS = 2


def _two_product(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the product and its exact rounding error (Dekker 1971)."""
    product = a * b
    a_big = _SPLITTER * a
    a_high = a_big - (a_big - a)
    b_big = _SPLITTER * b
    b_high = b_big - (b_big - b)
    a_low, b_low = a - a_high, b - b_high
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, error


def _two_sum(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the sum and its exact rounding error (Knuth 1969)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _residual(y: FloatArray, X: FloatArray, b: FloatArray) -> FloatArray:
    """Return y - X b as if computed in twice the precision: pairwise sums that keep every rounding error.

    Ogita, Rump and Oishi (2005), with the additions in a tree, so that all rows and half the columns go at once.
    """
    product, error = _two_product(X, -b)
    terms = np.concatenate([product.T, y[None]])
    errors = error.sum(axis=1)
    while terms.shape[0] > 1:
        half = terms.shape[0] // 2
        total, rounding = _two_sum(terms[:half], terms[half : 2 * half])
        errors += rounding.sum(axis=0)
        terms = np.concatenate([total, terms[2 * half :]])
    return np.asarray(terms[0] + errors)


@dataclass(frozen=True)
class LeastSquares:
    """A least-squares solution."""

    params: FloatArray  # coefficients, in units of y per unit of each column
    resid: FloatArray  # y - X params
    xtx_inverse: FloatArray  # inverse of X'X, from the triangular factor


def solve_least_squares(X: FloatArray, y: FloatArray) -> LeastSquares:
    """Minimise the sum of squares of y - X b.

    QR of the column-scaled matrix, then refinement of the augmented system for coefficients and residuals
    together (Björck 1967), with residuals in doubled precision. Scales are powers of two, so scaling is exact.
    """
    lengths = np.sqrt((X * X).sum(axis=0))
    if not np.all(lengths > 0):
        raise np.linalg.LinAlgError("zero column")
    scale = np.exp2(np.round(np.log2(lengths)))
    A = X / scale
    Q, R = np.linalg.qr(A)
    diagonal = np.abs(np.diag(R))
    if diagonal.min() <= np.finfo(np.float64).eps * diagonal.max() * max(X.shape) / 8:
        raise np.linalg.LinAlgError("dependent columns")
    R_inverse = np.linalg.inv(R)
    b = R_inverse @ (Q.T @ y)
    r = _residual(y, A, b)
    for _ in range(_REFINEMENTS):
        f = _residual(y, np.column_stack([A, r]), np.append(b, 1.0))
        g = _residual(np.zeros(A.shape[1]), np.ascontiguousarray(A.T), r)
        h = R_inverse.T @ g
        d = Q.T @ f
        change = R_inverse @ (d - h)
        b = b + change
        r = r + (f - Q @ d) + Q @ h
        if float(np.abs(change).max()) <= np.finfo(np.float64).eps * float(np.abs(b).max()):
            break  # a second step would move nothing
    inverse = (R_inverse @ R_inverse.T) / np.outer(scale, scale)
    return LeastSquares(b / scale, r, inverse)


# -- Betas of one window by each method, the accurate way, from its data: which components, and how y enters the beta


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
    vectors: list[FloatArray] = []
    start = float(np.linalg.norm(Z.T @ y))
    for _ in range(components or PLS_COMPONENTS):
        weights = rest.T @ y
        # Deflation keeps the weights orthogonal up to rounding; once more makes it exact.
        for earlier in vectors:
            weights -= earlier * (earlier @ weights)
        length = float(np.linalg.norm(weights))
        if not length > _EXHAUSTED * start:
            break
        weights /= length
        vectors.append(weights)
        scores = rest @ weights
        rest -= np.outer(scores, scores @ rest) / (scores @ scores)
    basis = np.column_stack(vectors) if vectors else np.zeros((Z.shape[1], 0))
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
    leverage: FloatArray  # of each observation in the regression of each of those columns
    const: float  # mean of the target, in %
    components: int  # factors or components regressed on; a control not counted
    regressors: FloatArray  # regressors of each regression that corrections count, besides the constant
    explained: float  # share of the (cleaned) factors' variance used

    @property
    def scores(self) -> FloatArray:
        """What each observation adds to each beta, residuals weighted by leverage."""
        return self.influence * by_leverage(self.resid, self.leverage)


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
    leverage = 1.0 / n + Z * influence
    if control:
        leverage[:, :-1] += (Z[:, -1] * influence[:, -1])[:, None]
    return PointFit(params, influence, v - Z * params, leverage, mean, 1, regressors, float("nan"))


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
    leverage = np.einsum("ij,jk,ik->i", design, solved.xtx_inverse, design)[:, None]
    mean = float(solved.params[0])
    return PointFit(params, influence, solved.resid[:, None], leverage, mean, k, regressors, explained)


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
    if method.name in ("ols", "univariate"):
        return fitted.scores
    if fitted.components == 0:
        return fitted.influence * fitted.resid
    n = y.size
    v = y - y.mean()
    R, r = (Z.T @ Z / (n - 1))[:, :, None], (Z.T @ v / (n - 1))[:, None]
    from xl_smallcap.models.kernels.influence import moment_influences, moment_weights  # a single fit needs none

    weights = moment_weights(replace(method, components=fitted.components), R, r, fitted.params[:, None])
    return np.asarray(moment_influences(np.moveaxis(weights, 2, 0), Z.T[None].copy(), v[None])[0].T)
