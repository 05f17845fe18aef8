"""The obvious ways to the same numbers: one window at a time, by other libraries or by hand."""

from __future__ import annotations

import numpy as np
import statsmodels.api as sm
from sklearn.cross_decomposition import PLSRegression

from tests.reference.hac import leverage_hac
from xl_smallcap.types import FloatArray, Method

METHODS = [
    Method("ols"), Method("univariate"), Method("pcr"), Method("pcr", 2),
    Method("pls"), Method("pls", 1), Method("pls", 2, control=True), Method("pcr", 2, control=True),
    Method("pcr", control=True), Method("univariate", control=True),
]  # fmt: skip


def betas(y: FloatArray, X: FloatArray, method: Method) -> FloatArray:
    """Native betas of one window, written down as the definitions read; nothing of ours takes part."""
    n, p = X.shape
    if method.control and method.name != "ols":
        market = np.column_stack([np.ones(n), X[:, -1]])
        cleaned = X[:, :-1] - market @ np.linalg.lstsq(market, X[:, :-1], rcond=None)[0]
        rest = y - market @ np.linalg.lstsq(market, y, rcond=None)[0]
        slopes = betas(rest, cleaned, Method(method.name, method.components))
        # the market explains what the factors leave over; on its own where every factor is
        left = y if method.name == "univariate" else y - X[:, :-1] @ slopes
        return np.append(slopes, np.polyfit(X[:, -1], left, 1)[0])
    sd = X.std(axis=0, ddof=1)
    Z, v = (X - X.mean(axis=0)) / sd, y - y.mean()
    if method.name == "univariate":
        return np.array([np.polyfit(X[:, k], y, 1)[0] for k in range(p)])
    if method.name == "pls":
        fitted = PLSRegression(n_components=method.components or 2, scale=True).fit(X, y)
        return np.asarray(fitted.coef_).ravel()
    if method.name == "pcr":
        U, s, Vt = np.linalg.svd(Z, full_matrices=False)
        share = np.cumsum(s**2) / (s**2).sum()
        k = method.components or int(np.argmax(share >= 0.9 - 1e-12)) + 1
        return np.asarray(Vt[:k].T @ ((U[:, :k].T @ v) / s[:k]) / sd)
    return np.asarray(np.linalg.lstsq(np.column_stack([np.ones(n), Z]), y, rcond=None)[0][1:] / sd)


def newey_west(y: FloatArray, X: FloatArray, lags: int) -> FloatArray:
    """Errors of the slopes from statsmodels' pieces."""
    return np.asarray(leverage_hac(y, sm.add_constant(X), lags).bse[1:])


def returns(n: int = 700, p: int = 4, seed: int = 1) -> tuple[FloatArray, FloatArray]:
    """Correlated factors of very different scales, AR(0.3) noise."""
    rng = np.random.default_rng(seed)
    mix = np.eye(p) + 0.3 * rng.standard_normal((p, p))
    X = (rng.standard_normal((n, p)) @ mix) * np.array([0.8, 4.0, 300.0, 1e-3, 1.0, 5.0, 7.0, 0.1])[:p]
    noise = rng.standard_normal(n)
    for t in range(1, n):
        noise[t] += 0.3 * noise[t - 1]
    return X @ np.array([1.0, 0.1, 0.01, 100.0, 0.3, 0.2, -0.1, 1.0])[:p] + noise, X


def trending(n: int = 900) -> tuple[FloatArray, FloatArray]:
    """Levels that trend, so that factors are nearly collinear and far from any common centre."""
    rng = np.random.default_rng(2)
    X = np.cumsum(rng.standard_normal((n, 3)), axis=0) + 2.0 * np.arange(n)[:, None]
    return X @ [1.0, -2.0, 0.5] + rng.standard_normal(n), X


def bad_tick() -> tuple[FloatArray, FloatArray]:
    """A million in the target and in a factor."""
    y, X = returns()
    y[200], X[300, 1] = -1e6, 1e6
    return y, X
