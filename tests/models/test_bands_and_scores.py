"""Regimes by thresholds, and the scores: against scipy, scikit-learn and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss
from statsmodels.tsa.api import VAR

from xl_smallcap.models import regimes, scores


@settings(max_examples=60)
@given(st.integers(0, 100_000))
def test_cells_are_the_mass_of_a_bivariate_normal(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mean, root, edge = rng.standard_normal(2), rng.standard_normal((2, 2)), rng.standard_normal(2)
    covariance = root @ root.T + 0.05 * np.eye(2)
    mass = regimes.cells(mean, covariance, edge)
    below = float(multivariate_normal(mean, covariance).cdf(edge))
    assert mass.sum() == pytest.approx(1.0, abs=1e-12)
    assert mass[2] == pytest.approx(below, abs=1e-6)
    other = float(multivariate_normal(-mean, covariance).cdf(-edge))
    assert mass[1] == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize("rho", [-0.6, 0.0, 0.7])
@pytest.mark.parametrize("mean", [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0)])
def test_cells_at_the_edges(mean: tuple[float, float], rho: float) -> None:
    covariance = np.array([[1.0, rho], [rho, 1.0]])
    mass = regimes.cells(np.array(mean), covariance, np.zeros(2))
    assert mass[2] == pytest.approx(float(multivariate_normal(mean, covariance).cdf([0, 0])), abs=1e-9)


def test_the_var_is_statsmodels_and_forecasts_repeat_one_step() -> None:
    rng = np.random.default_rng(1)
    y = np.zeros((300, 2))
    for t in range(1, 300):
        y[t] = [0.1, 0.5] + np.array([[0.7, 0.1], [0.0, 0.8]]) @ y[t - 1] + 0.3 * rng.standard_normal(2)
    bands = regimes.fit_bands(y)
    peer = VAR(y).fit(1)
    np.testing.assert_allclose(bands.constant, peer.params[0], atol=1e-10)
    np.testing.assert_allclose(bands.matrix, peer.params[1:].T, atol=1e-10)
    np.testing.assert_allclose(bands.noise, peer.sigma_u, rtol=1e-10)
    revision = np.zeros(2)
    mean, covariance = regimes.forecast(bands, y, 4, revision)
    np.testing.assert_allclose(mean, peer.forecast(y[-1:], 4)[-1], atol=1e-8)
    np.testing.assert_allclose(covariance, peer.forecast_cov(4)[-1], atol=1e-8)
    gap = y.copy()
    gap[-1, 0] = np.nan
    nowcast, wide = regimes.forecast(bands, gap, 0, revision)
    assert nowcast[1] == pytest.approx(y[-1, 1], abs=1e-9)
    assert 0 < wide[0, 0] <= bands.noise[0, 0] + 1e-9, "the missing one is nowcast from the other and the month before"


def test_losses_are_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    p, truth = rng.uniform(0.01, 0.99, 200), (rng.random(200) < 0.4).astype(float)
    assert scores.brier(p, truth).mean() == pytest.approx(brier_score_loss(truth, p), rel=1e-12)
    assert scores.log_loss(p, truth).mean() == pytest.approx(sklearn_log_loss(truth, p), rel=1e-12)
    assert np.isfinite(scores.log_loss(np.array([0.0, 1.0]), np.array([1.0, 0.0]))).all()


def test_group_means_are_a_regression_on_dummies() -> None:
    rng = np.random.default_rng(4)
    group = np.repeat(rng.integers(0, 3, 40), 6)
    y = rng.standard_normal(240) + 0.3 * group
    y[1:] += 0.4 * y[:-1]
    means, errors = scores.group_means(y, group, 3, 5)
    dummies = (group[:, None] == np.arange(3)).astype(float)
    peer = sm.OLS(y, dummies).fit(cov_type="HAC", cov_kwds={"maxlags": 5, "use_correction": True})
    np.testing.assert_allclose(means, peer.params, rtol=1e-12)
    np.testing.assert_allclose(errors, peer.bse, rtol=1e-10)
    lone, error = scores.group_means(y, np.where(np.arange(240) == 7, 0, 1), 3, 5)
    assert lone[0] == y[7]
    assert np.isnan(error[0])
    assert np.isnan(lone[2])


def test_reliability_counts_every_forecast_once() -> None:
    p = np.array([0.0, 0.05, 0.3, 0.99, 1.0])
    truth = np.array([0.0, 1.0, 0.0, 1.0, 1.0])
    bins = scores.reliability(p, truth, np.array([0.0, 0.1, 0.5, 1.0]))
    assert [(low, n, share) for low, _, n, _, share in bins] == [(0.0, 2, 0.5), (0.1, 1, 0.0), (0.5, 2, 1.0)]


def test_baselines_know_nothing_early() -> None:
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 3, 200)
    for t in (90, 150):
        other = labels.copy()
        other[t - 1 :] = (other[t - 1 :] + 1) % 3
        for baseline, changed in (
            (scores.climatology(labels, 3, 2, 60), scores.climatology(other, 3, 2, 60)),
            (scores.persistence(labels, 3, 2, 3, 60), scores.persistence(other, 3, 2, 3, 60)),
        ):
            np.testing.assert_array_equal(baseline[: t + 1], changed[: t + 1])
            np.testing.assert_allclose(baseline[t].sum(), 1.0)
    sticky = np.repeat([0, 1, 2, 0], 50)
    assert scores.persistence(sticky, 3, 2, 0, 60)[120, 2] > 0.8


def test_difference_of_two_groups_is_a_regression_on_a_dummy() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(4)
    y, group = rng.standard_normal(200), rng.random(200) < 0.3
    fit = sm.OLS(y, sm.add_constant(group.astype(float))).fit(
        cov_type="HAC", cov_kwds={"maxlags": 5, "use_correction": True}
    )
    difference, tstat = scores.difference_tstat(y, group, ~group, 5)
    assert difference == pytest.approx(fit.params[1], abs=1e-12)
    assert tstat == pytest.approx(fit.tvalues[1], abs=1e-10)
    assert np.isnan(scores.difference_tstat(y, np.zeros(200, dtype=bool), group, 5)[1])
