"""Regimes by thresholds: growth and inflation now and ahead as a bivariate normal, its mass beyond each threshold.

Where growth and inflation will be is a VAR(1) on what was known; how sure, its forecast errors and the variance of
revisions. The regions: goldilocks (growth at or above its threshold, inflation at or below its own), reflation (both
above), slowdown (growth below), and the part of slowdown with inflation above (stagflation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.types import BoolArray, FloatArray

CELLS = ("up_low", "up_high", "down_low", "down_high")


@dataclass(frozen=True)
class Bands:
    """A VAR(1) of growth and inflation, and the last observation of each.

    `constant` (2,), `matrix` (2, 2) and `noise` (2, 2): y_t = constant + matrix y_{t-1} + e, e with covariance `noise`.
    """

    constant: FloatArray
    matrix: FloatArray
    noise: FloatArray


def fit_bands(y: FloatArray) -> Bands:
    """Fit the VAR(1) by least squares on the months in which both are there, and were the month before.

    Parameters
    ----------
    y : ndarray of shape (n_months, 2)
        Growth and inflation, NaN where missing.

    Returns
    -------
    Bands

    Notes
    -----
    A matrix with a root at or beyond one is pulled back to 0.99, so that forecasts settle.
    """
    both: BoolArray = np.asarray(np.isfinite(y).all(axis=1))
    use = np.flatnonzero(both[1:] & both[:-1])
    X = np.column_stack([np.ones(use.size), y[use]])
    coefficients, *_ = np.linalg.lstsq(X, y[use + 1], rcond=None)
    residuals = y[use + 1] - X @ coefficients
    matrix: FloatArray = np.asarray(coefficients[1:].T, dtype=np.float64)
    largest = float(np.abs(np.linalg.eigvals(matrix)).max())
    constant = np.asarray(coefficients[0], dtype=np.float64)
    if largest > 0.99:
        mean = y[use].mean(axis=0)
        matrix = matrix * (0.99 / largest)
        constant = mean - matrix @ mean
    noise: FloatArray = residuals.T @ residuals / max(use.size - 3, 1)
    return Bands(constant, matrix, noise)


def forecast(bands: Bands, y: FloatArray, steps: int, revision: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and covariance of growth and inflation so many months after the last row.

    Parameters
    ----------
    bands : Bands
        From :func:`fit_bands`.
    y : ndarray of shape (n_months, 2)
        What was known; the last rows may lack one or both.
    steps : int
        Months after the last row, 0 or more.
    revision : ndarray of shape (2,)
        Variance by which a known value may still be revised.

    Returns
    -------
    mean : ndarray of shape (2,)
    covariance : ndarray of shape (2, 2)

    Notes
    -----
    A Kalman filter over the last two years of rows, started at the stationary mean and covariance: a month that lacks
    one series is nowcast from the other and from the month before (Kalman 1960).
    """
    mean = np.asarray(np.linalg.solve(np.eye(2) - bands.matrix, bands.constant), dtype=np.float64)
    system = np.eye(4) - np.kron(bands.matrix, bands.matrix)
    covariance = np.linalg.solve(system, bands.noise.ravel()).reshape(2, 2)
    for n, row in enumerate(y[-24:]):
        if n:
            mean = bands.constant + bands.matrix @ mean
            covariance = bands.matrix @ covariance @ bands.matrix.T + bands.noise
        seen = np.flatnonzero(np.isfinite(row))
        if seen.size:
            pick = np.eye(2)[seen]
            gain = covariance @ pick.T @ np.linalg.inv(pick @ covariance @ pick.T + np.diag(revision[seen]))
            mean = mean + gain @ (row[seen] - mean[seen])
            covariance = (np.eye(2) - gain @ pick) @ covariance
    for _ in range(steps):
        mean = bands.constant + bands.matrix @ mean
        covariance = bands.matrix @ covariance @ bands.matrix.T + bands.noise
    return mean, 0.5 * (covariance + covariance.T)


def _upper(h: float, k: float, rho: float) -> float:
    """P(X > h, Y > k) of standard normals with correlation rho, by Owen's T function (Owen 1956)."""
    from scipy.special import ndtr

    if abs(rho) > 1.0 - 1e-12:
        return float(min(ndtr(-h), ndtr(-k)) if rho > 0 else max(0.0, ndtr(-h) + ndtr(-k) - 1.0))
    root = np.sqrt(1.0 - rho * rho)

    # P(X < a, Y < b) = (Phi(a) + Phi(b)) / 2 - T(a, .) - T(b, .) - [1/2 where a and b lie on different sides]
    a, b = -h, -k
    if a == 0.0 and b == 0.0:
        return 0.25 + float(np.arcsin(rho)) / (2 * np.pi)
    below = 0.5 * (float(ndtr(a)) + float(ndtr(b)))
    below -= _owen(a, b, rho, root) + _owen(b, a, rho, root)
    if a * b < 0 or (a * b == 0 and a + b < 0):
        below -= 0.5
    return float(min(max(below, 0.0), 1.0))


def _owen(a: float, b: float, rho: float, root: float) -> float:
    from scipy.special import owens_t

    if a == 0.0:
        return 0.25 if b >= 0 else -0.25
    return float(owens_t(a, (b / a - rho) / root))


def cells(mean: FloatArray, covariance: FloatArray, thresholds: FloatArray) -> FloatArray:
    """Return the mass of the four regions around the thresholds.

    Parameters
    ----------
    mean : ndarray of shape (2,)
        Growth and inflation.
    covariance : ndarray of shape (2, 2)
        Of both.
    thresholds : ndarray of shape (2,)
        Least growth, most inflation.

    Returns
    -------
    ndarray of shape (4,)
        up_low, up_high, down_low, down_high; they add up to one.
    """
    from scipy.special import ndtr

    sd = np.sqrt(np.diag(covariance))
    rho = float(np.clip(covariance[0, 1] / (sd[0] * sd[1]), -1.0, 1.0))
    h, k = (thresholds - mean) / sd
    up_high = _upper(float(h), float(k), rho)
    up, high = float(ndtr(-h)), float(ndtr(-k))
    out = np.array([up - up_high, up_high, 1.0 - up - high + up_high, high - up_high])
    out = np.clip(out, 0.0, 1.0)
    return np.asarray(out / out.sum())
