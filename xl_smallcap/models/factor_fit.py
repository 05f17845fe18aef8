"""One factor regression of a target on standardised factor changes, by any method, with its errors."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from xl_smallcap.errors import FitError
from xl_smallcap.models.bootstrap import BOOTSTRAP, Bootstrap, bootstrap_betas
from xl_smallcap.models.conditioning import COLLINEAR_CONDITION, condition, constant_columns, still_target
from xl_smallcap.models.estimation import point_fit, standardised
from xl_smallcap.models.inference import (
    bartlett_bse,
    benjamini_hochberg,
    counted_regressors,
    newey_west_lags,
    student_pvalues,
    student_quantile,
)
from xl_smallcap.models.signs import Windows
from xl_smallcap.types import OLS, FloatArray, Method

_EXACT = 1e6
"""Condition number above which nothing but rounding is left of a factor."""


@dataclass(frozen=True)
class FactorFit:
    """A fitted factor regression; field names as in statsmodels."""

    # per +1 standard deviation of the factor (window's own, ddof=1), in % of the target. Errors are Newey-West for
    # ``ols`` and ``univariate``, from a moving-block bootstrap for ``pcr`` and ``pls``.
    params: FloatArray
    bse: FloatArray
    # Newey-West errors with the components held fixed; equal to `bse` for ``ols`` and ``univariate``
    bse_conditional: FloatArray
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

    def to_columns(self) -> dict[str, FloatArray]:
        """Return every field as a float array, for the disk cache."""
        return {f.name: np.asarray(getattr(self, f.name), dtype=np.float64) for f in fields(self)}

    @classmethod
    def from_columns(cls, columns: dict[str, Any]) -> FactorFit:
        """Rebuild a fit from :meth:`to_columns`, bit for bit."""
        values: dict[str, Any] = {}
        for f in fields(cls):
            array = columns[f.name]
            if array.ndim:
                values[f.name] = array
            else:
                values[f.name] = int(array) if f.type == "int" else float(array)
        return cls(**values)


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
    conditional = bartlett_bse(fitted.influence * fitted.resid, lags, 1.0) * np.sqrt(n / (n - 1.0 - fitted.regressors))
    bse, draws = conditional, 0
    if method.name in ("pcr", "pls"):
        bse, draws = bootstrap_betas(y, X, method, counted, bootstrap)
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
