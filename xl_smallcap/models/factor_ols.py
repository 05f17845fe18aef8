"""Joint OLS of a target on standardised factor changes, with Newey-West errors."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from xl_smallcap.errors import FitError
from xl_smallcap.models.conditioning import COLLINEAR_CONDITION, condition, constant_columns, unfit
from xl_smallcap.models.inference import (
    benjamini_hochberg,
    newey_west_bse,
    newey_west_lags,
    student_pvalues,
    student_quantile,
)
from xl_smallcap.models.least_squares import solve_least_squares
from xl_smallcap.types import FloatArray, IntArray


def independent_signs(y: FloatArray, X: FloatArray, window: int, gaps: IntArray) -> FloatArray:
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

    Returns
    -------
    ndarray of shape (n_windows, n_factors)
        -1, 0 or 1; windows with constant or collinear factors are left out. May be empty.
    """
    found = []
    for stop in range(y.size - window, window - 1, -window):
        start = stop - window
        if ((gaps > start) & (gaps < stop)).any():
            continue
        if unfit(X[start:stop]):
            continue
        part = X[start:stop] - X[start:stop].mean(axis=0)
        found.append(np.sign(np.linalg.solve(part.T @ part, part.T @ y[start:stop])))
    return np.array(found).reshape(-1, X.shape[1])


@dataclass(frozen=True)
class FactorFit:
    """A fitted factor regression; field names as in statsmodels.

    Parameters
    ----------
    params, bse, tvalues, pvalues, pvalues_bh, lower, upper : ndarray of shape (n_factors,)
        Per +1 standard deviation of the factor (window's own, ddof=1), in % of the target.
    factor_sd, factor_mean : ndarray of shape (n_factors,)
        In the factor's own unit (% or bp) per observation.
    vif : ndarray of shape (n_factors,)
        Variance inflation factors.
    const : float
        Mean return per observation not explained, in %, at average factor changes.
    nobs, hac_lags : int
        Observations, and lags of the Newey-West errors.
    rsquared, rsquared_adj, condition_number, df_resid : float
        Of the regression; the condition number is that of the standardised factors.
    """

    params: FloatArray
    bse: FloatArray
    tvalues: FloatArray
    pvalues: FloatArray
    pvalues_bh: FloatArray
    lower: FloatArray
    upper: FloatArray
    factor_sd: FloatArray
    factor_mean: FloatArray
    vif: FloatArray
    const: float
    nobs: int
    hac_lags: int
    rsquared: float
    rsquared_adj: float
    condition_number: float
    df_resid: float

    def to_columns(self) -> dict[str, FloatArray]:
        """Return every field as a float array, for the disk cache.

        Returns
        -------
        dict of str to ndarray
        """
        return {f.name: np.asarray(getattr(self, f.name), dtype=np.float64) for f in fields(self)}

    @classmethod
    def from_columns(cls, columns: dict[str, Any]) -> FactorFit:
        """Rebuild a fit from :meth:`to_columns`, bit for bit.

        Parameters
        ----------
        columns : dict of str to ndarray
            As written.

        Returns
        -------
        FactorFit
        """
        values: dict[str, Any] = {}
        for f in fields(cls):
            array = columns[f.name]
            if array.ndim:
                values[f.name] = array
            else:
                values[f.name] = int(array) if f.type == "int" else float(array)
        return cls(**values)


def fit_factor_ols(y: FloatArray, X: FloatArray, names: tuple[str, ...], confidence: float = 0.90) -> FactorFit:
    """Regress a target on standardised factors jointly; betas in % per +1 standard deviation.

    Parameters
    ----------
    y : ndarray of shape (n_obs,)
        Target changes in %.
    X : ndarray of shape (n_obs, n_factors)
        Factor changes in their own units.
    names : tuple of str
        For errors.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    FactorFit

    Raises
    ------
    FitError
        A factor does not change in the window, or factors are collinear; both are named.
    """
    n, k = X.shape
    if not (np.isfinite(y).all() and np.isfinite(X).all()):
        raise FitError("The window holds a value that is not finite; look at 'xl-smallcap panel'.")
    mean = X.mean(axis=0)
    sd = X.std(axis=0, ddof=1)
    still = constant_columns(X)
    if still.any():
        flat = ", ".join(f"'{names[i]}'" for i in np.flatnonzero(still))
        raise FitError(
            f"Factor {flat} does not change in this window of {n} observations, so it has no beta; "
            "use a longer window or another specification."
        )
    if float(y.std(ddof=1)) <= 1e-12 * float(np.abs(y).max()):
        raise FitError(f"The target does not change in this window of {n} observations, so there is no beta.")
    Z = (X - mean) / sd
    number, weakest = condition(Z)
    if number > COLLINEAR_CONDITION:
        involved = np.flatnonzero(np.abs(weakest) > 0.1)
        tied = " and ".join(f"'{names[i]}'" for i in involved)
        raise FitError(f"Factors {tied} move together exactly in this window, so their betas cannot be told apart.")
    design = np.column_stack([np.ones(n), Z])
    solved = solve_least_squares(design, y)
    lags = newey_west_lags(n)
    df = float(n - k - 1)
    bse = newey_west_bse(design, solved.resid, solved.xtx_inverse, lags)[1:]
    params = solved.params[1:]
    with np.errstate(divide="ignore"):
        tvalues = params / bse
    pvalues = student_pvalues(tvalues, df)
    half = student_quantile(confidence, df) * bse
    total = float(((y - y.mean()) ** 2).sum())
    rsquared = 1.0 - float((solved.resid**2).sum()) / total
    return FactorFit(
        params=params,
        bse=bse,
        tvalues=tvalues,
        pvalues=pvalues,
        pvalues_bh=benjamini_hochberg(pvalues),
        lower=params - half,
        upper=params + half,
        factor_sd=sd,
        factor_mean=mean,
        vif=np.diag(np.linalg.inv(Z.T @ Z / (n - 1))).copy(),
        const=float(solved.params[0]),
        nobs=n,
        hac_lags=lags,
        rsquared=rsquared,
        rsquared_adj=1.0 - (1.0 - rsquared) * (n - 1) / df,
        condition_number=number,
        df_resid=df,
    )
