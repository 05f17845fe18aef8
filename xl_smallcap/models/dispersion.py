"""How far apart the returns of an index's members are, by four weightings."""

from __future__ import annotations

import numpy as np

from xl_smallcap.types import FloatArray, Weighting

WINSORISED = 1.0
"""Percent of the returns at either end that are brought to the percentile there."""
_QUARTILES, _TAILS = (25.0, 75.0), (WINSORISED, 100.0 - WINSORISED)
NORMAL_IQR = 1.3489795003921634
"""Interquartile range of a standard normal: divided by it the range is a standard deviation for normal returns."""


def cross_sectional_dispersion(returns: FloatArray, weighting: Weighting, weights: FloatArray | None = None) -> float:
    """Dispersion of returns across stocks, in their unit: sqrt(sum w (r - R)^2), R = sum w r.

    Parameters
    ----------
    returns : ndarray of shape (n_stocks,)
        One a stock, finite.
    weighting : {"equal", "cap", "iqr", "winsor"}
        Equal weights; weights at the start of the period; interquartile range over 1.349; equal weights after bringing
        the outermost 1 % at either end to the percentile there.
    weights : ndarray of shape (n_stocks,), optional
        For "cap"; any scale.

    Returns
    -------
    float
    """
    if weighting == "iqr":
        low, high = np.percentile(returns, _QUARTILES)
        return float((high - low) / NORMAL_IQR)
    if weighting == "winsor":
        return _equal(np.clip(returns, *np.percentile(returns, _TAILS)))
    if weighting == "cap":
        assert weights is not None
        share = weights / weights.sum()
        middle = float(share @ returns)
        return float(np.sqrt(share @ (returns - middle) ** 2))
    return _equal(returns)


def cross_sectional_dispersions(returns: FloatArray, weights: FloatArray | None = None) -> dict[Weighting, float]:
    """Dispersion by every weighting, for the price of little more than one.

    Parameters
    ----------
    returns, weights
        As in :func:`cross_sectional_dispersion`.

    Returns
    -------
    dict of str to float
        "cap" is missing without weights.
    """
    low, high, least, most = np.percentile(returns, (*_QUARTILES, *_TAILS))
    dispersions: dict[Weighting, float] = {
        "equal": _equal(returns),
        "iqr": float((high - low) / NORMAL_IQR),
        "winsor": _equal(np.clip(returns, least, most)),
    }
    if weights is not None:
        dispersions["cap"] = cross_sectional_dispersion(returns, "cap", weights)
    return dispersions


def _equal(returns: FloatArray) -> float:
    return float(np.sqrt(np.mean((returns - returns.mean()) ** 2)))


def bootstrap_ratio(
    one: FloatArray, two: FloatArray, weighting: Weighting, draws: int, seed: int, confidence: float
) -> tuple[float, float]:
    """Interval of the ratio of two dispersions, stocks drawn anew from each set with replacement.

    Parameters
    ----------
    one, two : ndarray of shape (n_stocks,)
        Returns of the two sets.
    weighting : {"equal", "iqr", "winsor"}
        As in :func:`cross_sectional_dispersion`.
    draws, seed : int
        Of the bootstrap; the same seed gives the same bits.
    confidence : float
        Coverage, a share.

    Returns
    -------
    tuple of float
        Lower and upper end.

    Notes
    -----
    Percentile interval (Efron and Tibshirani 1993, 13.3). Stocks are drawn as if independent; they share factors, so
    the interval says how much a few stocks matter, not how another month would turn out.
    """
    rng = np.random.default_rng(seed)
    ratios = np.empty(draws)
    for k in range(draws):
        a, b = (x[rng.integers(0, x.size, x.size)] for x in (one, two))
        ratios[k] = cross_sectional_dispersion(a, weighting) / cross_sectional_dispersion(b, weighting)
    low, high = np.quantile(ratios, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return float(low), float(high)
