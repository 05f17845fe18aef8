"""How good would noise look? Random walks regressed on the factors' actual paths.

Two unrelated trending series fit each other well (Yule 1926; Granger and Newbold 1974), so the R² of a regression of
levels says nothing until it is compared with the R² that random walks reach on the very same factor paths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.models.many_targets import rolling_targets
from xl_smallcap.models.unit_root import dickey_fuller, half_life
from xl_smallcap.types import FloatArray


@dataclass(frozen=True)
class Noise:
    """What random-walk targets look like on some factor paths; arrays of shape (draws,)."""

    rsquared: FloatArray
    dickey_fuller: FloatArray
    half_life: FloatArray


@dataclass(frozen=True)
class Evidence:
    """A fit seen against noise."""

    noise_percentile: float  # share of random walks with a lower R², 0 to 1
    cointegration_pvalue: float  # share of random walks whose residuals come back at least as strongly
    half_life: float  # observations after which half of a gap is gone
    noise_half_life: float  # of the fit, and the median of the random walks


def random_walks(nobs: int, draws: int, seed: int) -> FloatArray:
    """Draw Gaussian random walks; the same seed gives the same walks for every factor path.

    Parameters
    ----------
    nobs, draws, seed : int
        Length, number, seed of ``numpy.random.default_rng``.

    Returns
    -------
    ndarray of shape (nobs, draws)
    """
    return np.asarray(np.cumsum(np.random.default_rng(seed).standard_normal((nobs, draws)), axis=0))


def noise_on_levels(X: FloatArray, walks: FloatArray) -> Noise:
    """Regress random walks on factor levels.

    Parameters
    ----------
    X : ndarray of shape (n_obs, n_factors)
        Factor levels of the window, neither constant nor collinear.
    walks : ndarray of shape (n_obs, draws)
        From :func:`random_walks`. Their scale does not matter.

    Returns
    -------
    Noise
    """
    Z = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    Q, _ = np.linalg.qr(Z)
    centred = walks - walks.mean(axis=0)
    resid = centred - Q @ (Q.T @ centred)
    sse = np.einsum("tj,tj->j", resid, resid)
    rsquared = 1.0 - sse / np.einsum("tj,tj->j", centred, centred)
    return Noise(rsquared, dickey_fuller(resid), half_life(resid))


def noise_on_changes(X: FloatArray, window: int, walks: FloatArray) -> Noise:
    """Regress the steps of random walks on factor changes, day by day as the model does, and sum what is left.

    Parameters
    ----------
    X : ndarray of shape (2 x window, n_factors)
        Factor changes of the last two windows.
    window : int
        Observations a window.
    walks : ndarray of shape (2 x window, draws)
        From :func:`random_walks`.

    Returns
    -------
    Noise
    """
    steps = np.diff(walks, axis=0, prepend=0.0)
    left = steps[window:].copy()
    for at, coefficients in rolling_targets(steps[:-1], X[:-1], window):
        moved = X[window + at.start : window + at.stop]
        left[at] -= np.einsum("np,npj->nj", moved, coefficients[:, 1:])
    path = np.cumsum(left, axis=0)
    path -= path.mean(axis=0)
    last, x = steps[window:], X[window:]
    Q, _ = np.linalg.qr((x - x.mean(axis=0)) / x.std(axis=0, ddof=1))
    centred = last - last.mean(axis=0)
    explained = ((Q.T @ centred) ** 2).sum(axis=0)
    return Noise(explained / (centred**2).sum(axis=0), dickey_fuller(path), half_life(path))


def compare(rsquared: float, path: FloatArray, noise: Noise) -> Evidence:
    """Place a fit among random walks.

    Parameters
    ----------
    rsquared : float
        Of the fit.
    path : ndarray of shape (n_obs,)
        Its residual path, mean zero.
    noise : Noise
        Random walks on the same factors.

    Returns
    -------
    Evidence
        NaN where a path or a walk has no statistic. The p-value counts the fit itself as one of the draws (Davison and
        Hinkley 1997, eq. 4.11).
    """
    ours = float(dickey_fuller(path[:, None])[0])
    if not (np.isfinite(ours) and np.isfinite(noise.dickey_fuller).all()):
        return Evidence(*[float("nan")] * 4)
    draws = noise.rsquared.size
    return Evidence(
        noise_percentile=float((noise.rsquared < rsquared).mean()),
        cointegration_pvalue=float((1 + (noise.dickey_fuller <= ours).sum()) / (draws + 1)),
        half_life=float(half_life(path[:, None])[0]),
        noise_half_life=float(np.median(noise.half_life)),
    )
