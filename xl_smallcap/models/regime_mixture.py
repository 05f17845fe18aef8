"""Factor changes that differ by regime: a normal a regime, shrunk to what holds in all, weighted by the forecast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.models.projection import condition_on
from xl_smallcap.models.shrinkage import shrunk_covariance
from xl_smallcap.types import BoolArray, FloatArray

PRIOR_MONTHS = 24.0
"""Effective months at which a regime's own moments count half."""


@dataclass(frozen=True)
class RegimeMoments:
    """Mean and covariance of h-month factor changes in each regime, and the effective months behind them."""

    mean: FloatArray
    covariance: FloatArray
    effective: FloatArray


def regime_moments(changes: FloatArray, probability: FloatArray, months: int) -> RegimeMoments:
    """Estimate what factors did over h months after a month end, by its regime.

    Parameters
    ----------
    changes : ndarray of shape (n, n_factors)
        Over the h months after each month end; overlapping.
    probability : ndarray of shape (n_regimes, n)
        Filtered at that month end.
    months : int
        h: overlapping periods count once in h.

    Returns
    -------
    RegimeMoments
        Moments weighted by the probabilities; their distance from those of all months shrunk by n/(n + 24), n the
        effective number (sum w)^2 / sum w^2 / h. Means are about the mean of all months, so that a path that names
        nothing drifts nowhere on average.
    """
    everything, _ = shrunk_covariance(changes)
    centred = changes - changes.mean(axis=0)
    means, covariances, counts = [], [], []
    for w in probability:
        n = float(w.sum() ** 2 / max(float((w * w).sum()), 1e-300)) / months if w.sum() > 0 else 0.0
        trust = n / (n + PRIOR_MONTHS)
        share = w / w.sum() if w.sum() > 0 else np.full(w.size, 1.0 / w.size)
        own = share @ centred
        away = centred - own
        spread = (away * share[:, None]).T @ away
        means.append(trust * own)
        covariances.append(trust * spread + (1.0 - trust) * everything)
        counts.append(n)
    return RegimeMoments(np.array(means), np.array(covariances), np.array(counts))


def conditioned(
    moments: RegimeMoments, weights: FloatArray, named: BoolArray, totals: FloatArray, names: tuple[str, ...]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Condition the mixture on given factor changes.

    Parameters
    ----------
    moments : RegimeMoments
        Of each regime.
    weights : ndarray of shape (n_regimes,)
        Probabilities of the regimes now.
    named : ndarray of bool of shape (n_factors,)
        Which factors are given.
    totals : ndarray of shape (n_named,)
        Their changes over the horizon.
    names : tuple of str
        For errors.

    Returns
    -------
    weights : ndarray of shape (n_regimes,)
        By Bayes: a regime in which such changes are usual gains.
    mean : ndarray of shape (n_regimes, n_factors)
    covariance : ndarray of shape (n_regimes, n_factors, n_factors)
    """
    logs, means, covariances = [], [], []
    for m, S, w in zip(moments.mean, moments.covariance, weights, strict=True):
        given = condition_on(S, named, names)
        away = totals - m[named]
        means.append(m + given.matrix @ away)
        covariances.append(given.covariance)
        S11 = S[np.ix_(named, named)]
        log = np.log(max(float(w), 1e-300))
        if named.any():
            log -= 0.5 * (float(away @ np.linalg.solve(S11, away)) + float(np.linalg.slogdet(S11)[1]))
        logs.append(log)
    found = np.exp(np.array(logs) - max(logs))
    return found / found.sum(), np.array(means), np.array(covariances)
