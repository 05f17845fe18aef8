"""Standard errors robust to heteroskedasticity and autocorrelation, Student's t, false discovery rates."""

from __future__ import annotations

from typing import overload

import numpy as np

from xl_smallcap.types import FloatArray, IntArray, Method


def newey_west_lags(nobs: int) -> int:
    """Return the number of lags, floor(4 (T/100)^(2/9))."""
    return int(np.floor(4.0 * (nobs / 100.0) ** (2.0 / 9.0)))


@overload
def counted_regressors(method: Method, n_columns: int, components: int) -> int: ...
@overload
def counted_regressors(method: Method, n_columns: int, components: IntArray) -> IntArray: ...
def counted_regressors(method: Method, n_columns: int, components: int | IntArray) -> int | IntArray:
    """Return how many regressors small-sample corrections and degrees of freedom count, besides the constant.

    Parameters
    ----------
    method : Method
        How betas are estimated.
    n_columns : int
        Factors, and the control where there is one.
    components : int or ndarray of int
        Components in use, a control not counted.

    Returns
    -------
    int or ndarray of int
        ``pls`` counts all factors, since its directions are fitted to the target; a control counts as one.
    """
    if method.name in ("ols", "pls"):
        return n_columns if isinstance(components, int) else np.full_like(components, n_columns)
    return components + method.control


def bartlett_weights(lags: int) -> list[float]:
    """Weights of the products at lag 0, 1, ... of a series with its past; later lags count twice, for both sides."""
    return [1.0, *(2.0 * (1.0 - lag / (lags + 1.0)) for lag in range(1, lags + 1))]


def bartlett_sum(U: FloatArray, lags: int, axis: int = 0) -> FloatArray:
    """Long-run sum of squares along time: sum_t U_t^2 + 2 sum_l w_l sum_t U_t U_{t-l}; never below zero.

    Newey and West (1987), eq. 5: the diagonal of their sandwich, for every series at once.
    """
    U = np.moveaxis(U, axis, -1)
    n, total = U.shape[-1], np.zeros(U.shape[:-1])
    for lag, weight in enumerate(bartlett_weights(lags)):
        total += weight * np.einsum("...t,...t->...", U[..., lag:], U[..., : max(n - lag, 0)])
    return np.asarray(np.maximum(total, 0.0))


def bartlett_bse(influence: FloatArray, lags: int, correction: float) -> FloatArray:
    """Standard errors robust to heteroskedasticity and autocorrelation, in the units of the coefficients.

    With n/(n-k) as Stata's ``ivreg2, bw(lags+1) small`` has it.
    """
    return np.asarray(np.sqrt(bartlett_sum(influence, lags) * correction), dtype=np.float64)


_LEVERAGE = 1.0 - 1e-11
"""An observation that decides its own fit has no residual to weigh."""


def by_leverage(resid: FloatArray, leverage: FloatArray) -> FloatArray:
    """Residuals over 1 - h, the weights of HC3, since an observation with leverage pulls the fit towards itself.

    MacKinnon and White (1985); inside a Bartlett sum it mends the coverage of intervals where volatility comes in
    stretches (docs/methods.md, Errors).
    """
    return np.asarray(resid / (1.0 - np.minimum(leverage, _LEVERAGE)))


def student_quantile(confidence: float, df: float) -> float:
    """Return the half-width, in standard errors, of a two-sided Student-t interval.

    Parameters
    ----------
    confidence : float
        Coverage, such as 0.90.
    df : float
        Degrees of freedom.

    Returns
    -------
    float
    """
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.5 + confidence / 2.0))


def student_pvalues(tvalues: FloatArray, df: float) -> FloatArray:
    """Return two-sided p-values of Student-t statistics.

    Parameters
    ----------
    tvalues : ndarray of any shape
        Statistics.
    df : float
        Degrees of freedom.

    Returns
    -------
    ndarray of the same shape
    """
    from scipy.special import stdtr

    return np.asarray(2.0 * stdtr(df, -np.abs(tvalues)), dtype=np.float64)


def student_upper(tvalue: float, df: float) -> float:
    """Return the one-sided p-value of a Student-t statistic against "above zero"."""
    from scipy.special import stdtr

    return float(stdtr(df, -tvalue))


def holm(pvalues: list[float]) -> list[float]:
    """Return p-values corrected for being several (Holm 1979, step-down)."""
    corrected, largest = [0.0] * len(pvalues), 0.0
    for rank, k in enumerate(sorted(range(len(pvalues)), key=pvalues.__getitem__)):
        largest = max(largest, (len(pvalues) - rank) * pvalues[k])
        corrected[k] = min(largest, 1.0)
    return corrected


def benjamini_hochberg(pvalues: FloatArray) -> FloatArray:
    """Return p-values corrected for the number of questions asked, as false discovery rates.

    Parameters
    ----------
    pvalues : ndarray of shape (n,)
        Raw p-values.

    Returns
    -------
    ndarray of shape (n,)
        Benjamini and Hochberg (1995), step-up adjusted.
    """
    n = pvalues.size
    order = np.argsort(pvalues)[::-1]
    scaled = pvalues[order] * n / np.arange(n, 0, -1)
    adjusted = np.empty(n)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(scaled))
    return adjusted
