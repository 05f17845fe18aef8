"""Whether a set of factors can be told apart in a window: nothing constant, nothing collinear."""

from __future__ import annotations

import numpy as np

from xl_smallcap.types import BoolArray, FloatArray

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
