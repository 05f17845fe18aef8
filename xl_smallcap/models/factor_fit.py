"""One window's betas with all their evidence: Newey-West errors, bootstrap, signs of past windows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.errors import FitError
from xl_smallcap.models.estimation import (
    COLLINEAR_CONDITION,
    condition,
    constant_columns,
    point_fit,
    standardised,
    still_target,
    still_targets,
)
from xl_smallcap.models.inference import (
    bartlett_bse,
    benjamini_hochberg,
    counted_regressors,
    newey_west_lags,
    student_pvalues,
    student_quantile,
)
from xl_smallcap.models.kernels.estimators import eigen, estimate
from xl_smallcap.types import OLS, FloatArray, IntArray, Method

_FEWEST_USABLE = 0.9
_STILL = 1e-10
"""Share of a factor's variance below which it stands still in a draw."""
_SINGULAR = 1e-8
"""Smallest over largest eigenvalue of the correlations below which factors cannot be told apart in a draw."""


@dataclass(frozen=True)
class Bootstrap:
    """Draws and seed; the same seed gives the same bits."""

    draws: int = 1000
    seed: int = 20251224

    def block_length(self, nobs: int) -> int:
        """Return the block length, the cube root of the observations rounded up (7 for 250).

        Hall, Horowitz and Jing (1995): n^(1/3) is the best rate for a variance.
        """
        return int(np.ceil(nobs ** (1.0 / 3.0) - 1e-9))


BOOTSTRAP = Bootstrap()


def moving_block_counts(nobs: int, block: int, draws: int, seed: int) -> FloatArray:
    """How often each observation is drawn when blocks of consecutive ones are drawn with replacement."""
    blocks = -(-nobs // block)
    starts = np.random.default_rng(seed).integers(0, nobs - block + 1, size=(draws, blocks))
    # A block adds one to a run of counts: +1 where it starts, -1 where it stops, summed along the row.
    lengths = np.full(blocks, block)
    lengths[-1] = nobs - block * (blocks - 1)
    edges = np.zeros((draws, nobs + 1))
    rows = np.arange(draws)[:, None]
    np.add.at(edges, (rows, starts), 1.0)
    np.add.at(edges, (rows, starts + lengths), -1.0)
    return np.asarray(np.cumsum(edges[:, :nobs], axis=1))


def draw_betas(y: FloatArray, X: FloatArray, counts: FloatArray, method: Method) -> FloatArray:
    """Refit scaling, components and betas on every draw.

    Per +1 standard deviation of the original window, so that draws differ by their betas and not by their units. NaN
    where a factor stands still in a draw or factors cannot be told apart.
    """
    n, p = X.shape
    sd = X.std(axis=0, ddof=1)
    data = np.column_stack([(X - X.mean(axis=0)) / sd, y - y.mean()])
    iu, ju = np.triu_indices(p + 1)
    sums = counts @ np.column_stack([data, data[:, iu] * data[:, ju]])
    mean = sums[:, : p + 1] / n
    cross = np.empty((p + 1, p + 1, counts.shape[0]))
    cross[iu, ju] = (sums[:, p + 1 :] - n * mean[:, iu] * mean[:, ju]).T
    cross[ju, iu] = cross[iu, ju]
    own = np.sqrt(np.maximum(cross[np.arange(p), np.arange(p)] / (n - 1), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        R = cross[:p, :p] / (own[:, None] * own[None] * (n - 1))
        r = cross[:p, p] / (own * (n - 1))
        beta = estimate(method, R, r).beta / own
    values = eigen(R)[0]
    garbage = ~(own**2 > _STILL).all(axis=0) | ~(values[:, -1] > _SINGULAR * values[:, 0])
    beta[:, garbage] = np.nan
    return np.ascontiguousarray(beta.T)


def bootstrap_betas(
    y: FloatArray, X: FloatArray, method: Method, regressors: int, bootstrap: Bootstrap
) -> tuple[FloatArray, int]:
    """Return the standard errors of betas, scaling and components refitted on every draw."""
    counts = moving_block_counts(y.size, bootstrap.block_length(y.size), bootstrap.draws, bootstrap.seed)
    betas = draw_betas(y, X, counts, method)
    usable = np.isfinite(betas).all(axis=1)
    if usable.sum() < _FEWEST_USABLE * bootstrap.draws:
        raise FitError(
            f"In {int((~usable).sum())} of {bootstrap.draws} bootstrap draws a factor does not change or factors "
            f"cannot be told apart, so '{method}' has no standard error here; use a longer window or method 'ols'."
        )
    n = y.size
    # The same small-sample correction as of the Newey-West errors.
    scale = np.sqrt(n / (n - 1.0 - regressors))
    return np.asarray(betas[usable].std(axis=0, ddof=1) * scale), int(usable.sum())


# -- Signs of betas in many windows at once: from correlations, and window by window where those waver.


_NEAR_ZERO = 1e-8
"""Share of the largest beta below which a sign is asked of the accurate way."""
_NOISE = 1e-12
"""The same as a share of the target's standard deviation."""


@dataclass(frozen=True)
class Windows:
    """Windows in which a regression is possible, side by side."""

    y: FloatArray  # target changes
    Z: FloatArray  # factors with mean 0 and sd 1 in each window
    R: FloatArray  # correlations
    r: FloatArray  # covariances of the standardised factors with the target
    number: FloatArray  # condition numbers of the factors

    @classmethod
    def correlate(cls, y: FloatArray, Z: FloatArray) -> Windows:
        """Return windows of standardised factors with their correlations; none is left out."""
        n = y.shape[1]
        across = Z.transpose(0, 2, 1)
        R = across @ Z / (n - 1)
        r = (across @ (y - y.mean(axis=1, keepdims=True))[:, :, None])[:, :, 0] / (n - 1)
        values = np.linalg.eigvalsh(R)
        number = np.sqrt(values[:, -1] / np.maximum(values[:, 0], np.finfo(np.float64).tiny))
        return cls(y, Z, np.ascontiguousarray(np.moveaxis(R, 0, 2)), np.ascontiguousarray(r.T), number)

    @classmethod
    def fit(cls, y: FloatArray, X: FloatArray) -> Windows:
        """Standardise each window, and leave out those with a constant target, constant or collinear factors."""
        moving = ~constant_columns(X).any(axis=1) & ~still_targets(y)
        y, X = y[moving], X[moving]
        made = cls.correlate(y, (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, ddof=1, keepdims=True))
        apart = made.number <= COLLINEAR_CONDITION
        return cls(made.y[apart], made.Z[apart], made.R[..., apart], made.r[:, apart], made.number[apart])

    def signs(self, method: Method) -> FloatArray:
        """Return the signs of the betas. -1, 0 or 1."""
        if not self.number.size:
            return np.empty((0, self.r.shape[0]))
        estimates = estimate(method, self.R, self.r)
        size = np.abs(estimates.beta)
        least = np.maximum(_NEAR_ZERO * size.max(axis=0), _NOISE * self.y.std(axis=1))
        sure = ~estimates.doubtful & (size > least).all(axis=0)
        signs = np.sign(estimates.beta.T)
        for k in np.flatnonzero(~sure):
            signs[k] = np.sign(point_fit(self.y[k], self.Z[k], method).params)
        return np.ascontiguousarray(signs)


def independent_signs(y: FloatArray, X: FloatArray, window: int, gaps: IntArray, method: Method = OLS) -> FloatArray:
    """Signs of the betas in the windows before the last one, counted back from it without overlap.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target changes.
    X : ndarray of shape (n_obs, n_factors)
        Factor changes.
    window : int
        Observations a window.
    gaps : ndarray of int
        Positions before which observations are missing; a window across one is left out.
    method : Method
        How betas are estimated.

    Returns
    -------
    ndarray of shape (n_windows, n_factors)
        -1, 0 or 1, the latest window first; windows with a constant target, or constant or collinear
        factors, are left out. May be empty.
    """
    count = max(y.size // window - 1, 0)
    whole = slice(y.size - (count + 1) * window, y.size - window)
    starts = whole.start + window * np.arange(count)
    inside = (gaps > starts[:, None]) & (gaps < starts[:, None] + window)
    unbroken = ~inside.any(axis=1)
    ys, Xs = y[whole].reshape(count, window), X[whole].reshape(count, window, X.shape[1])
    return Windows.fit(ys[unbroken][::-1], Xs[unbroken][::-1]).signs(method)


# -- One factor regression of a target on standardised factor changes, by any method, with its errors.


_EXACT = 1e6
"""Condition number above which nothing but rounding is left of a factor."""


@dataclass(frozen=True)
class FactorFit:
    """A fitted factor regression; field names as in statsmodels."""

    # per +1 standard deviation of the factor (window's own, ddof=1), in % of the target. Errors are Newey-West with
    # scores weighted by leverage for ``ols`` and ``univariate``, from a moving-block bootstrap for ``pcr`` and ``pls``.
    params: FloatArray
    bse: FloatArray
    # Newey-West errors with the components held fixed; equal to `bse` for ``ols`` and ``univariate``
    bse_conditional: FloatArray
    bse_nw: FloatArray  # plain Newey-West errors with the components held fixed, as Stata's ``ivreg2`` has them
    tvalues: FloatArray
    pvalues: FloatArray
    pvalues_bh: FloatArray
    lower: FloatArray
    upper: FloatArray
    factor_sd: FloatArray  # in the factor's own unit (% or bp) per observation
    factor_mean: FloatArray
    vif: FloatArray  # variance inflation factors of the joint regression
    # of the regression each beta comes from: the joint one's, or for ``univariate`` the factor's own
    rsquared_each: FloatArray
    rsquared_adj_each: FloatArray
    agreement: FloatArray  # share of the four methods (by rule) whose beta has this sign
    const: float  # mean return per observation not explained, in %, at average factor changes
    # observations; lags of the Newey-West errors; factors or components regressed on; draws, block length and seed of
    # the bootstrap (zero where there is none)
    nobs: int
    hac_lags: int
    components: int
    explained: float  # share of the factors' variance in the components; NaN for ``univariate``
    draws: int
    block: int
    seed: int
    condition_number: float  # of the standardised factors
    df_resid: float  # degrees of freedom of the intervals


def check_regression(y: FloatArray, X: FloatArray, names: tuple[str, ...]) -> None:
    """Refuse what cannot be regressed, naming the factor."""
    n = y.size
    if not (np.isfinite(y).all() and np.isfinite(X).all()):
        raise FitError("The window holds a value that is not finite; look at 'xl-smallcap panel'.")
    still = constant_columns(X)
    if still.any():
        flat = ", ".join(f"'{names[i]}'" for i in np.flatnonzero(still))
        raise FitError(
            f"Factor {flat} does not change in this window of {n} observations, so it has no beta; "
            "use a longer window or another specification."
        )
    if still_target(y):
        raise FitError(f"The target does not change in this window of {n} observations, so there is no beta.")
    number, weakest = condition(standardised(X)[0])
    if number > COLLINEAR_CONDITION:
        involved = np.flatnonzero(np.abs(weakest) > 0.1)
        tied = " and ".join(f"'{names[i]}'" for i in involved)
        how = "exactly" if number > _EXACT else f"almost exactly (condition number {number:,.0f})"
        raise FitError(f"Factors {tied} move together {how} in this window, so their betas cannot be told apart.")


METHODS = (OLS, Method("univariate"), Method("pcr"), Method("pls"))


def fit_factors(
    y: FloatArray,
    X: FloatArray,
    names: tuple[str, ...],
    method: Method = OLS,
    confidence: float = 0.90,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> FactorFit:
    """Regress a target on standardised factors; betas in % per +1 standard deviation.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target changes in %.
    X : ndarray of shape (n_obs, n_factors)
        Factor changes in their own units.
    names : tuple of str
        For errors.
    method : Method
        ``ols`` (joint), ``univariate``, ``pcr`` or ``pls``.
    confidence : float
        Coverage of the intervals.
    bootstrap : Bootstrap
        Draws and seed of the errors of ``pcr`` and ``pls``.

    Returns
    -------
    FactorFit

    Raises
    ------
    FitError
        A factor does not change in the window, or factors are collinear; both are named.
    """
    check_regression(y, X, names)
    n, p = X.shape
    Z, mean, sd = standardised(X)
    number, _ = condition(Z)
    fitted = point_fit(y, Z, method)
    lags = newey_west_lags(n)
    counted = counted_regressors(method, p, fitted.components)
    df = float(n - 1 - counted)
    correction = np.sqrt(n / (n - 1.0 - fitted.regressors))
    plain = bartlett_bse(fitted.influence * fitted.resid, lags, 1.0) * correction
    if method.name in ("pcr", "pls"):
        bse, draws = bootstrap_betas(y, X, method, counted, bootstrap)
        conditional = plain
    else:
        bse, draws = bartlett_bse(fitted.scores, lags, 1.0) * correction, 0
        conditional = bse
    params = fitted.params
    with np.errstate(divide="ignore", invalid="ignore"):
        tvalues = params / bse
    pvalues = student_pvalues(tvalues, df)
    half = student_quantile(confidence, df) * bse
    total = float(((y - y.mean()) ** 2).sum())
    rsquared = np.broadcast_to(1.0 - (fitted.resid**2).sum(axis=0) / total, (p,)).copy()
    others = [replace(m, control=method.control) for m in METHODS]
    alike = Windows.correlate(y[None], Z[None])
    signs = np.array([np.sign(params) if m == method else alike.signs(m)[0] for m in others])
    return FactorFit(
        params=params,
        bse=bse,
        bse_conditional=conditional,
        bse_nw=plain,
        tvalues=tvalues,
        pvalues=pvalues,
        pvalues_bh=benjamini_hochberg(pvalues),
        lower=params - half,
        upper=params + half,
        factor_sd=sd,
        factor_mean=mean,
        vif=np.diag(np.linalg.inv(Z.T @ Z / (n - 1))).copy(),
        rsquared_each=rsquared,
        rsquared_adj_each=1.0 - (1.0 - rsquared) * (n - 1) / df,
        agreement=np.mean(signs == np.sign(params), axis=0),
        const=fitted.const,
        nobs=n,
        hac_lags=lags,
        components=fitted.components,
        explained=fitted.explained,
        draws=draws,
        block=bootstrap.block_length(n) if draws else 0,
        seed=bootstrap.seed if draws else 0,
        condition_number=number,
        df_resid=df,
    )
