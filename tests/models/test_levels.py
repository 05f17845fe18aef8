"""Betas on levels against statsmodels, scikit-learn and plain loops; what noise shows, and how often it is beyond."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.cross_decomposition import PLSRegression

from xl_smallcap.errors import FitError
from xl_smallcap.models.fair_value import random_walks
from xl_smallcap.models.levels import LONG_LAGS, LevelsFit, fit_levels, walk_betas
from xl_smallcap.types import OLS, FloatArray, Method

NAMES = ("a", "b", "c")


def trending(
    n: int, seed: int, beta: tuple[float, ...] = (0.5, 0.0, -0.2), noise: float = 1.0
) -> tuple[FloatArray, FloatArray]:
    """Changes of a target and of three correlated factors of different sizes."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3)) @ np.array([[1.0, 0.3, 0.0], [0.0, 1.0, 0.4], [0.0, 0.0, 1.0]]) * [1.0, 5.0, 0.2]
    y = x / [1.0, 5.0, 0.2] @ np.array(beta) + noise * rng.standard_normal(n)
    return y, x


def fitted(y: FloatArray, x: FloatArray, method: Method = OLS, draws: int = 300) -> LevelsFit:
    n = y.size
    return fit_levels(np.cumsum(y), np.cumsum(x, axis=0), y, x, NAMES, method, random_walks(n, draws, seed=1))


def test_every_number_by_statsmodels_and_plain_loops() -> None:
    y, x = trending(250, 3)
    fit = fitted(y, x)
    level, levels, walks = np.cumsum(y), np.cumsum(x, axis=0), random_walks(250, 300, seed=1)
    z = (levels - levels.mean(axis=0)) / levels.std(axis=0, ddof=1)
    design = sm.add_constant(z)
    np.testing.assert_allclose(fit.params, sm.OLS(level, design).fit().params[1:], rtol=1e-10)
    assert fit.rsquared == pytest.approx(sm.OLS(level, design).fit().rsquared, rel=1e-10)
    unit = np.array([sm.OLS(walks[:, j], design).fit().params[1:] for j in range(300)]).T
    whole = sm.OLS(y, sm.add_constant(x)).fit()
    sigma = np.sqrt(whole.ssr / (250 - 3 - 1))
    for k in range(3):
        rest = sm.OLS(y, sm.add_constant(np.delete(x, k, axis=1))).fit()
        step = np.sqrt(rest.ssr / (250 - 2 - 1))
        share = (1 + (np.abs(step * unit[k]) >= abs(fit.params[k])).sum()) / 301
        assert fit.noise_share[k] == pytest.approx(share, abs=1e-12)
        lower, upper = np.percentile(step * unit[k], [5, 95])
        assert (fit.noise_lower[k], fit.noise_upper[k]) == pytest.approx((lower, upper), rel=1e-8)
        e = rest.resid
        long = e @ e + 2 * sum((1 - lag / (LONG_LAGS + 1)) * (e[lag:] @ e[:-lag]) for lag in range(1, LONG_LAGS + 1))
        long_step = np.sqrt(max(long, 0.0) / (250 - 3))
        assert fit.noise_share_long[k] == pytest.approx(
            (1 + (np.abs(long_step * unit[k]) >= abs(fit.params[k])).sum()) / 301, abs=1e-12
        )
        equivalent = whole.params[k + 1] * levels[:, k].std(ddof=1)
        assert fit.changes_equivalent[k] == pytest.approx(equivalent, rel=1e-9)
        beyond = (1 + (np.abs(sigma * unit[k]) >= abs(fit.params[k] - equivalent)).sum()) / 301
        assert fit.beyond_changes[k] == pytest.approx(beyond, abs=1e-12)
    np.testing.assert_array_equal(fit.beyond_noise, (fit.noise_share <= 0.1) & (fit.noise_share_long <= 0.1))


def test_components_against_the_libraries() -> None:
    y, x = trending(250, 5)
    level, levels = np.cumsum(y), np.cumsum(x, axis=0)
    z = (levels - levels.mean(axis=0)) / levels.std(axis=0, ddof=1)
    pls = PLSRegression(n_components=2, scale=False).fit(z, level)
    np.testing.assert_allclose(fitted(y, x, Method("pls")).params, pls.coef_[0], rtol=1e-7)
    values, vectors = np.linalg.eigh(np.corrcoef(levels.T))
    basis = vectors[:, ::-1][:, :2]
    scores = sm.OLS(level, sm.add_constant(z @ basis)).fit().params[1:]
    np.testing.assert_allclose(fitted(y, x, Method("pcr", 2)).params, basis @ scores, rtol=1e-9)
    assert values.size == 3


@pytest.mark.parametrize("method", [OLS, Method("pcr", 2), Method("pls"), Method("pls", control=True)], ids=str)
def test_walks_go_the_way_of_the_price(method: Method) -> None:
    """A walk as the price has the beta that the walks' own arithmetic gives it."""
    y, x = trending(120, 7)
    walks = random_walks(120, 8, seed=2)
    levels = np.cumsum(x, axis=0)
    z = (levels - levels.mean(axis=0)) / levels.std(axis=0, ddof=1)
    unit = walk_betas(z, walks, method)
    for j in range(8):
        one = fit_levels(walks[:, j], levels, y, x, NAMES, method, walks)
        np.testing.assert_allclose(unit[:, j], one.params, rtol=1e-8, atol=1e-10)


def test_noise_is_beyond_noise_as_often_as_it_says() -> None:
    """Where a factor does not matter and others do, its share is uniform: a tenth are at most .10."""
    shares, long = [], []
    for seed in range(250):
        y, x = trending(250, 1000 + seed)
        one = fitted(y, x, draws=200)
        shares.append(one.noise_share[1])
        long.append(one.noise_share_long[1])
    assert 0.05 <= np.mean(np.array(shares) <= 0.10) <= 0.16
    assert 0.35 <= np.mean(np.array(shares) <= 0.50) <= 0.65
    assert 0.05 <= np.mean(np.array(long) <= 0.10) <= 0.22


def test_levels_that_only_cumulate_changes_are_not_beyond_them() -> None:
    beyond = [fitted(*trending(250, 2000 + seed), draws=200).beyond_changes[0] for seed in range(200)]
    assert 0.04 <= np.mean(np.array(beyond) <= 0.10) <= 0.17


def test_what_cannot_be_fitted() -> None:
    y, x = trending(100, 9)
    x[:, 1] = 0.0
    with pytest.raises(FitError, match="'b' does not change"):
        fitted(y, x)
    x[:, 1] = x[:, 0]
    with pytest.raises(FitError, match="'a' and 'b' move together exactly"):
        fitted(y, x)
