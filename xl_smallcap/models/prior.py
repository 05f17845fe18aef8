"""What all of the past says beside the last two years: shrunken betas, today's volatility, the tails of weeks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.types import FloatArray

HALFLIFE, FADING = 21.0, 63.0
"""Days: of the weights of squared residuals, and of how what they say fades ahead."""
FEWEST_WINDOWS = 3
"""Disjoint windows before the last that betas are shrunk by."""
_MONTH, _WEEK = 21, 5
WEEKLY_DF = (4.5, 5.0, 6.0, 8.0, 12.0, 20.0, 40.0)


@dataclass(frozen=True)
class Shrunk:
    """Betas between those of the last window and those of all the past, with their covariance."""

    beta: FloatArray
    covariance: FloatArray
    weight: FloatArray  # of the last window, 0 to 1


def shrunk(
    last: FloatArray, last_covariance: FloatArray, every: FloatArray, every_covariance: FloatArray,
    past: FloatArray, past_se: FloatArray,
) -> Shrunk:  # fmt: skip
    """Shrink the betas of the last window towards those of all weeks, each by how far windows have lain from them.

    Parameters
    ----------
    last, every : ndarray of shape (n_factors,)
        Betas of the last window, and of everything.
    last_covariance, every_covariance : ndarray of shape (n_factors, n_factors)
        Of those.
    past, past_se : ndarray of shape (n_windows, n_factors)
        Betas and errors of the disjoint windows before the last.

    Returns
    -------
    Shrunk

    Notes
    -----
    Vasicek (1973), beta by beta; the variance of the prior by moments: squared distances less squared errors. That the
    weight is estimated adds 2/(windows - 3) (1 - weight)^2 times the squared distance (Morris 1983, eq. 5.10).
    """
    if past.shape[0] < FEWEST_WINDOWS:
        return Shrunk(last, last_covariance, np.ones_like(last))
    prior = np.maximum(((past - every) ** 2 - past_se**2).mean(axis=0), 0.0)
    weight = prior / (prior + np.diag(last_covariance))
    root, rest = np.sqrt(weight), 1.0 - weight
    covariance = np.outer(root, root) * last_covariance + np.outer(rest, rest) * every_covariance
    # the weight is estimated from few windows
    unsure = 2.0 / max(past.shape[0] - 3, 1) * rest**2
    covariance += np.diag(unsure * (last - every) ** 2)
    return Shrunk(weight * last + rest * every, covariance, weight)


def volatility_ratios(squared: FloatArray) -> FloatArray:
    """Return, at the end of each day, the exponentially weighted over the plain mean of squared residuals.

    Parameters
    ----------
    squared : ndarray of shape (n_days,)
        Squared residuals, oldest first; the weighted mean starts at the plain one.

    Returns
    -------
    ndarray of shape (n_days,)
    """
    mean = float(squared.mean())
    decay, value, out = 0.5 ** (1.0 / HALFLIFE), mean, np.empty(squared.size)
    for t, one in enumerate(squared.tolist()):
        value = decay * value + (1.0 - decay) * one
        out[t] = value
    return out / mean


def faded(ratio: float | FloatArray, first_day: int, days: int) -> float | FloatArray:
    """Mean over some days ahead of 1 + (ratio - 1)/2 2^(-day/63): variance over its usual size."""
    ahead = np.arange(first_day, first_day + days)
    return 1.0 + 0.5 * (ratio - 1.0) * float((0.5 ** (ahead / FADING)).mean())


def monthly_ratios(ratio: float, months: int) -> FloatArray:
    """Variance over its usual size in each month ahead."""
    if ratio == 1.0:
        return np.ones(months)
    return np.array([faded(ratio, 1 + _MONTH * m, _MONTH) for m in range(months)])


def weekly_tails(residuals: FloatArray, ratios: FloatArray, variance: float) -> float:
    """Return the degrees of freedom of weekly residuals by maximum likelihood, of a few.

    Parameters
    ----------
    residuals : ndarray of shape (n_weeks,)
        Of the regression.
    ratios : ndarray of shape (n_weeks,)
        Volatility ratio at the end of the day before each week.
    variance : float
        Of the residuals.

    Returns
    -------
    float
    """
    from scipy.special import gammaln

    z2 = residuals**2 / (variance * np.asarray(faded(ratios, 1, _WEEK)))
    likelihoods = []
    for df in WEEKLY_DF:
        scale = (df - 2.0) / df
        constant = gammaln((df + 1.0) / 2.0) - gammaln(df / 2.0) - 0.5 * np.log(np.pi * df * scale)
        likelihoods.append(float((constant - 0.5 * (df + 1.0) * np.log1p(z2 / (df * scale))).sum()))
    return WEEKLY_DF[int(np.argmax(likelihoods))]
