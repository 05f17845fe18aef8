"""How good were probabilities, and what did a regime pay? Proper scores, reliability, group means with HAC errors."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from xl_smallcap.models.inference import bartlett_sum
from xl_smallcap.types import BoolArray, FloatArray, IntArray

LEAST = 1e-3
"""Probabilities are kept this far from 0 and 1 in a log loss, which else one certain mistake makes infinite."""


@dataclass(frozen=True)
class Score:
    """Mean losses of a binary forecast (Brier 1950; Good 1952), and the t-value of its gain over another.

    `gain_tstat` is that of the mean difference of Brier losses (Diebold and Mariano 1995), Newey-West.
    """

    brier: float
    log_loss: float
    gain_tstat: float


def brier(probability: FloatArray, truth: FloatArray) -> FloatArray:
    """Return the squared error of each forecast.

    Parameters
    ----------
    probability, truth : ndarray of shape (n,)
        Forecast, and 0 or 1 (or a probability that stands for it).

    Returns
    -------
    ndarray of shape (n,)
    """
    return np.asarray((probability - truth) ** 2)


def crps_student(y: FloatArray, mean: FloatArray, sd: FloatArray, df: FloatArray) -> FloatArray:
    """Return the continuous ranked probability score of Student forecasts, in the units of what came; lower is better.

    Parameters
    ----------
    y, mean, sd, df : ndarray of shape (n,)
        What came; mean, standard deviation and degrees of freedom (more than 2) of each forecast.

    Returns
    -------
    ndarray of shape (n,)

    Notes
    -----
    Jordan, Krueger and Lerch (2019), the closed form for the t distribution.
    """
    from scipy.special import beta, gammaln, stdtr

    scale = sd * np.sqrt((df - 2.0) / df)
    z = (y - mean) / scale
    density = (
        np.exp(gammaln((df + 1) / 2) - gammaln(df / 2)) / np.sqrt(df * np.pi) * (1 + z * z / df) ** (-(df + 1) / 2)
    )
    spread = 2.0 * np.sqrt(df) * beta(0.5, df - 0.5) / ((df - 1.0) * beta(0.5, df / 2.0) ** 2)
    return np.asarray(scale * (z * (2.0 * stdtr(df, z) - 1.0) + 2.0 * density * (df + z * z) / (df - 1.0) - spread))


def log_loss(probability: FloatArray, truth: FloatArray) -> FloatArray:
    """Return minus the log of the probability given to what happened.

    Parameters
    ----------
    probability, truth : ndarray of shape (n,)
        As in :func:`brier`.

    Returns
    -------
    ndarray of shape (n,)
    """
    p = np.clip(probability, LEAST, 1.0 - LEAST)
    return np.asarray(-(truth * np.log(p) + (1.0 - truth) * np.log(1.0 - p)))


def score(probability: FloatArray, truth: FloatArray, against: FloatArray, lags: int) -> Score:
    """Score a forecast, and compare it with another.

    Parameters
    ----------
    probability, truth, against : ndarray of shape (n,)
        Forecast, what happened, and the other forecast.
    lags : int
        Newey-West lags of the comparison.

    Returns
    -------
    Score
    """
    mine = brier(probability, truth)
    gain = brier(against, truth) - mine
    means, errors = group_means(gain, np.zeros(gain.size, dtype=np.int64), 1, lags)
    with np.errstate(divide="ignore", invalid="ignore"):
        tstat = float(means[0] / errors[0])
    return Score(float(mine.mean()), float(log_loss(probability, truth).mean()), tstat)


def group_means(y: FloatArray, group: IntArray, groups: int, lags: int) -> tuple[FloatArray, FloatArray]:
    """Return the mean of each group of a time series and its Newey-West standard error.

    Parameters
    ----------
    y : ndarray of shape (n,)
        In order of time.
    group : ndarray of int of shape (n,)
        From 0; another number belongs to none.
    groups : int
        How many.
    lags : int
        Bartlett weights up to this lag (Newey and West 1987).

    Returns
    -------
    means, errors : ndarray of shape (groups,)
        NaN for an empty group.

    Notes
    -----
    The same as regressing y on a dummy a group: scores are the residuals inside the group, zero outside, so that months
    of a regime that lie apart are not taken for neighbours.
    """
    means, errors = np.full(groups, np.nan), np.full(groups, np.nan)
    for k in range(groups):
        inside = group == k
        n = int(inside.sum())
        if not n:
            continue
        means[k] = y[inside].mean()
        total = float(bartlett_sum(np.where(inside, y - means[k], 0.0), lags))
        scale = y.size / max(y.size - groups, 1)
        errors[k] = np.sqrt(total * scale) / n if n > 1 else np.nan
    return means, errors


def difference_tstat(y: FloatArray, inside: BoolArray, outside: BoolArray, lags: int) -> tuple[float, float]:
    """Return the difference of two means, and its t-value with the covariance of the two counted.

    Parameters
    ----------
    y : ndarray of shape (n,)
        In order of time.
    inside, outside : ndarray of bool of shape (n,)
        The two groups; what is in neither keeps its place in time.
    lags : int
        Newey-West lags.

    Returns
    -------
    difference, tstat : float
        NaN where a group has fewer than two.
    """
    n, m = int(inside.sum()), int(outside.sum())
    if n < 2 or m < 2:
        return float("nan"), float("nan")
    mean, other = float(y[inside].mean()), float(y[outside].mean())
    s = np.where(inside, (y - mean) / n, 0.0) - np.where(outside, (y - other) / m, 0.0)
    error = float(np.sqrt(bartlett_sum(s, lags) * (n + m) / max(n + m - 2, 1)))
    return mean - other, (mean - other) / error if error > 0 else float("nan")


def reliability(
    probability: FloatArray, truth: FloatArray, edges: FloatArray
) -> list[tuple[float, float, int, float, float]]:
    """Return, for each band of forecasts, how often it happened.

    Parameters
    ----------
    probability, truth : ndarray of shape (n,)
        Forecast, and 0 or 1.
    edges : ndarray of shape (n_bands + 1,)
        Of the bands, from 0 to 1.

    Returns
    -------
    list of (low, high, n, mean forecast, share that happened)
        Bands without a forecast are left out.
    """
    out = []
    for low, high in itertools.pairwise(edges):
        inside = (probability >= low) & ((probability < high) | (high >= 1.0))
        if inside.any():
            mean, share = float(probability[inside].mean()), float(truth[inside].mean())
            out.append((float(low), float(high), int(inside.sum()), mean, share))
    return out


def climatology(labels: IntArray, groups: int, delay: int, least: int) -> FloatArray:
    """Return the share of each label in all months that were known, month by month.

    Parameters
    ----------
    labels : ndarray of int of shape (n,)
        From 0; -1 where there is none.
    groups : int
        How many labels.
    delay : int
        Months until a label is known.
    least : int
        Labels needed.

    Returns
    -------
    ndarray of shape (n, groups)
        NaN before.
    """
    hits = np.stack([np.cumsum(labels == k) for k in range(groups)], axis=1).astype(np.float64)
    out = np.full(hits.shape, np.nan)
    counts = hits[:-delay] if delay else hits
    total = counts.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        out[delay:] = np.where(total >= least, counts / total, np.nan)
    return out


def persistence(labels: IntArray, groups: int, delay: int, horizon: int, least: int) -> FloatArray:
    """Return how often each label followed the last one known, month by month.

    Parameters
    ----------
    labels : ndarray of int of shape (n,)
        As in :func:`climatology`.
    groups, delay, least : int
        As there.
    horizon : int
        Months from the forecast to what it is about.

    Returns
    -------
    ndarray of shape (n, groups)
        NaN before. Each pair of labels is counted once more than seen, so that none is impossible.
    """
    step = delay + horizon
    out = np.full((labels.size, groups), np.nan)
    counts = np.ones((groups, groups))
    seen = 0
    for t in range(labels.size):
        # at t the labels up to t - delay are known, and so the pairs that end there
        end = t - delay
        begin = end - step
        if begin >= 0 and labels[begin] >= 0 and labels[end] >= 0:
            counts[labels[begin], labels[end]] += 1.0
            seen += 1
        if end >= 0 and labels[end] >= 0 and seen >= least:
            out[t] = counts[labels[end]] / counts[labels[end]].sum()
    return out


def auc(probability: FloatArray, truth: FloatArray) -> float:
    """Return how often a case that happened was given more than one that did not (0.5 is no skill).

    Parameters
    ----------
    probability, truth : ndarray of shape (n,)
        Forecast, and 0 or 1.

    Returns
    -------
    float
        Area under the receiver operating characteristic by ranks (Mann and Whitney 1947), ties counted half; NaN where
        everything or nothing happened.
    """
    order = np.argsort(probability, kind="stable")
    ranked, inverse = np.unique(probability[order], return_inverse=True)
    count = np.bincount(inverse, minlength=ranked.size)
    rank = np.empty(probability.size)
    rank[order] = (np.cumsum(count) - (count - 1) / 2.0)[inverse]
    hits = truth > 0.5
    yes, no = int(hits.sum()), int((~hits).sum())
    if not yes or not no:
        return float("nan")
    return float((rank[hits].sum() - yes * (yes + 1) / 2.0) / (yes * no))
