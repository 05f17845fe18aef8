"""Gaps and their evidence: against statsmodels and plain loops, on noise and on a true relation."""

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.tsa.stattools import adfuller

from xl_smallcap.errors import FitError
from xl_smallcap.models.fair_value import (
    WalkProducts,
    changes_gap,
    changes_gaps,
    compare_with_noise,
    dickey_fuller,
    half_life,
    levels_gap,
    levels_gaps,
    levels_rsquared_oos,
    noise_by_products,
    noise_on_changes,
    noise_on_levels,
    random_walks,
)
from xl_smallcap.types import FloatArray

NAMES = ("a", "b", "c")


def walks(n: int, seed: int, k: int = 3) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.standard_normal(n)) * 2, np.cumsum(rng.standard_normal((n, k)), axis=0) * [1.0, 50.0, 0.1][:k]


def test_products_are_residuals() -> None:
    """Every number of every walk, on factors that trend, that move together, and on many of them."""
    for nobs, k, seed in ((60, 1, 0), (104, 5, 1), (250, 9, 2), (250, 24, 3)):
        rng = np.random.default_rng(seed)
        X = np.cumsum(rng.standard_normal((nobs, k)), axis=0) * rng.uniform(0.01, 100.0, k) + 1000.0
        if k > 1:
            X[:, 1] = X[:, 0] + 0.05 * X[:, 0].std() * rng.standard_normal(nobs)
        walks = random_walks(nobs, 300, seed=7)
        slow, fast = noise_on_levels(X, walks), noise_by_products(X, WalkProducts.of(walks))
        for name in ("rsquared", "dickey_fuller", "half_life"):
            np.testing.assert_allclose(
                getattr(fast, name), getattr(slow, name), rtol=1e-9, atol=1e-13, err_msg=f"{name} {nobs}"
            )


def test_levels_against_statsmodels() -> None:
    y, X = walks(200, 1)
    gap = levels_gap(y, X, NAMES)
    fit = sm.OLS(y, sm.add_constant(X)).fit()
    assert gap.gap == pytest.approx(fit.resid[-1], rel=1e-9)
    assert gap.sigma == pytest.approx(np.sqrt(fit.mse_resid), rel=1e-10)
    assert gap.rsquared == pytest.approx(fit.rsquared, rel=1e-10)
    np.testing.assert_allclose(gap.path, fit.resid, rtol=1e-8, atol=1e-10)


def test_changes_against_a_plain_loop() -> None:
    y, X = (np.diff(v, axis=0) for v in walks(161, 2))
    window, horizon = 60, 15
    gap = changes_gap(y, X, NAMES, window, horizon)
    left, drift = [], []
    for t in range(100, 160):
        params = sm.OLS(y[t - 60 : t], sm.add_constant(X[t - 60 : t])).fit().params
        left.append(y[t] - X[t] @ params[1:])
        drift.append(params[0])
    fit = sm.OLS(y[-60:], sm.add_constant(X[-60:])).fit()
    assert gap.gap == pytest.approx(sum(left[-15:]), rel=1e-9)
    assert gap.drift == pytest.approx(sum(drift[-15:]), rel=1e-8)
    assert gap.sigma == pytest.approx(np.sqrt(fit.mse_resid * 15), rel=1e-9)
    assert gap.rsquared == pytest.approx(fit.rsquared, rel=1e-8)
    path = np.cumsum(left)
    np.testing.assert_allclose(gap.path, path - path.mean(), rtol=1e-8, atol=1e-9)


def test_histories_end_at_the_scalar() -> None:
    y, X = walks(400, 3)
    rolled = levels_gaps(y, X, 90)
    for i in (0, 100, 310):
        one = levels_gap(y[i : i + 90], X[i : i + 90], NAMES)
        for name in ("gap", "sigma", "rsquared"):
            assert getattr(rolled, name)[i] == pytest.approx(getattr(one, name), rel=1e-9, abs=1e-10), name
    dy, dX = np.diff(y), np.diff(X, axis=0)
    rolled = changes_gaps(dy, dX, 90, 21)
    assert rolled.gap.size == 399 - 90 - 21 + 1
    for back in (0, 50, 150):
        stop = 399 - back
        one = changes_gap(dy[:stop], dX[:stop], NAMES, 90, 21)
        for name in ("gap", "sigma", "drift", "rsquared"):
            assert getattr(rolled, name)[-1 - back] == pytest.approx(getattr(one, name), rel=1e-9, abs=1e-10), name


def test_out_of_sample_against_a_plain_loop() -> None:
    y, X = walks(250, 4)
    window, horizon = 80, 10
    missed = still = 0.0
    for t in range(170, 250):
        rows = slice(t - horizon - window + 1, t - horizon + 1)
        params = sm.OLS(y[rows], sm.add_constant(X[rows])).fit().params
        missed += float((y[t] - params[0] - X[t] @ params[1:]) ** 2)
        still += float((y[t] - y[t - horizon]) ** 2)
    assert levels_rsquared_oos(y, X, window, horizon)[-1] == pytest.approx(1 - missed / still, rel=1e-8)
    assert levels_rsquared_oos(y, X, window, horizon).size == 250 - 2 * 80 - 10 + 2


def test_dickey_fuller_and_half_life_against_statsmodels() -> None:
    rng = np.random.default_rng(5)
    paths = np.zeros((120, 4))
    for t in range(1, 120):
        paths[t] = [0.2, 0.7, 0.95, 1.0] * paths[t - 1] + rng.standard_normal(4)
    paths -= paths.mean(axis=0)
    for j, (t, life) in enumerate(zip(dickey_fuller(paths), half_life(paths), strict=True)):
        theirs = adfuller(paths[:, j], maxlag=1, regression="n", autolag=None, result_object=False)
        assert t == pytest.approx(theirs[0], rel=1e-9)
        phi = sm.OLS(paths[1:, j], paths[:-1, j]).fit().params[0]
        assert life == pytest.approx(np.log(0.5) / np.log(phi), rel=1e-9)
    assert half_life(np.array([[1.0], [-1.0], [1.0], [-1.0]]))[0] == 0.0
    assert half_life(np.array([[1.0], [2.0], [4.0], [8.0]]))[0] == np.inf


def test_noise_on_levels_against_a_plain_loop() -> None:
    _, X = walks(100, 6)
    drawn = random_walks(100, 40, seed=2)
    noise = noise_on_levels(X, drawn)
    for j in range(40):
        fit = sm.OLS(drawn[:, j], sm.add_constant(X)).fit()
        assert noise.rsquared[j] == pytest.approx(fit.rsquared, rel=1e-8)
        theirs = adfuller(fit.resid, maxlag=1, regression="n", autolag=None, result_object=False)
        assert noise.dickey_fuller[j] == pytest.approx(theirs[0], rel=1e-7)
    assert (random_walks(100, 40, seed=2) == drawn).all()


def test_noise_on_changes_is_the_model_on_random_walks() -> None:
    X = np.diff(walks(121, 7)[1], axis=0)
    drawn = random_walks(120, 12, seed=3)
    noise = noise_on_changes(X, 60, drawn)
    for j in range(12):
        gap = changes_gap(np.diff(drawn[:, j], prepend=0.0), X, NAMES, 60, 10)
        assert noise.rsquared[j] == pytest.approx(gap.rsquared, rel=1e-8)
        assert noise.dickey_fuller[j] == pytest.approx(float(dickey_fuller(gap.path[:, None])[0]), rel=1e-7)


def test_noise_looks_good_and_is_seen_through() -> None:
    """Unrelated walks reach a high R²; their percentile and p-value are uniform, so 5 % pass at 5 %."""
    ranks, pvalues, high = [], [], 0
    for seed in range(150):
        y, X = walks(120, 100 + seed)
        gap = levels_gap(y, X, NAMES)
        high += gap.rsquared > 0.5
        evidence = compare_with_noise(gap.rsquared, gap.path, noise_on_levels(X, random_walks(120, 200, seed=1)))
        ranks.append(evidence.noise_percentile)
        pvalues.append(evidence.cointegration_pvalue)
    assert high > 40, "R² alone is no evidence"
    # the standard error of a mean of 150 uniforms is 0.024, of a share of 5 % 1.8 points
    assert np.mean(ranks) == pytest.approx(0.5, abs=0.08)
    assert np.mean(pvalues) == pytest.approx(0.5, abs=0.08)
    assert np.mean(np.array(pvalues) <= 0.05) == pytest.approx(0.05, abs=0.055)


def test_a_true_relation_is_found() -> None:
    rng = np.random.default_rng(8)
    _, X = walks(250, 9)
    gap_path = np.zeros(250)
    for t in range(1, 250):
        gap_path[t] = 0.7 * gap_path[t - 1] + 0.3 * rng.standard_normal()
    y = X @ [2.0, 0.05, 10.0] + gap_path
    gap = levels_gap(y, X, NAMES)
    evidence = compare_with_noise(gap.rsquared, gap.path, noise_on_levels(X, random_walks(250, 500, seed=1)))
    assert evidence.noise_percentile > 0.99
    assert evidence.cointegration_pvalue < 0.01
    assert evidence.half_life < evidence.noise_half_life


def test_constant_and_collinear_levels_are_named() -> None:
    y, X = walks(100, 10)
    X[:, 1] = 4.0
    with pytest.raises(FitError, match="'b' does not change"):
        levels_gap(y, X, NAMES)
    X[:, 1] = 2 * X[:, 0]
    with pytest.raises(FitError, match="'a' and 'b' move together"):
        levels_gap(y, X, NAMES)
