"""Propagation, variance, simulation and entropy pooling against closed forms, plain loops and other libraries."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference.hac import leverage_hac
from xl_smallcap.errors import FitError
from xl_smallcap.models import scores
from xl_smallcap.models.projection import (
    WEEKS_A_MONTH,
    FactorModel,
    MixtureOutcome,
    SampledOutcome,
    StudentOutcome,
    condition_on,
    fit_factor_model,
    project,
    shapley,
    shrunk_covariance,
    tail_df,
)
from xl_smallcap.models.simulation import block_bootstrap, conditioned, pool, regime_moments, simulate

NAMES = ("growth", "inflation", "easing", "dollar")


def _model(seed: int = 1, n: int = 104, p: int = 4) -> tuple[FactorModel, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_t(5, (n, p)) @ (np.eye(p) + 0.4) * np.array([1.5, 5.0, 7.0, 0.8, 2.0, 1.0][:p])
    y = X @ np.array([0.6, -0.05, 0.04, 0.3, 0.1, 0.2][:p]) + rng.standard_normal(n)
    return fit_factor_model(y, X, ("a", "b", "c", "d", "e", "f")[:p], np.zeros(p, dtype=bool)), y, X


def test_the_model_is_that_of_statsmodels_and_scikit_learn() -> None:
    import statsmodels.api as sm
    from sklearn.covariance import ledoit_wolf

    model, y, X = _model()
    hac = leverage_hac(y, sm.add_constant(X), 4)
    np.testing.assert_allclose(model.beta, hac.params[1:], rtol=1e-11)
    np.testing.assert_allclose(model.beta_covariance, hac.cov_params()[1:, 1:], rtol=1e-9)
    assert model.residual_variance == pytest.approx(hac.mse_resid, rel=1e-12)
    assert model.drift == pytest.approx(hac.params[0], rel=1e-9)
    shrunk, share = ledoit_wolf((X - X.mean(axis=0)) / X.std(axis=0))
    np.testing.assert_allclose(model.covariance, shrunk * np.outer(X.std(axis=0, ddof=1), X.std(axis=0, ddof=1)))
    assert model.shrinkage == pytest.approx(share, rel=1e-10)


def test_variances_are_the_sample_s_whatever_the_shrinkage() -> None:
    X = np.random.default_rng(3).standard_normal((12, 6)) * np.arange(1, 7)
    covariance, share = shrunk_covariance(X)
    assert 0.1 < share <= 1.0
    np.testing.assert_allclose(np.diag(covariance), X.var(axis=0, ddof=1), rtol=1e-13)
    assert np.linalg.eigvalsh(covariance)[0] > 0


def test_propagation_against_the_closed_form_of_two_and_of_a_regression() -> None:
    sd, rho = np.array([2.0, 30.0]), -0.4
    S = np.array([[sd[0] ** 2, rho * sd[0] * sd[1]], [rho * sd[0] * sd[1], sd[1] ** 2]])
    propagation = condition_on(S, np.array([True, False]), ("a", "b"))
    assert propagation.matrix[:, 0].tolist() == pytest.approx([1.0, rho * sd[1] / sd[0]])
    assert propagation.covariance[1, 1] == pytest.approx(sd[1] ** 2 * (1 - rho**2))
    assert propagation.covariance[0].tolist() == [0.0, 0.0]
    # the conditional mean of normals is the regression on those given
    Z = np.random.default_rng(5).standard_normal((400, 4)) @ (np.eye(4) + 0.3)
    Z -= Z.mean(axis=0)
    given_ = condition_on(Z.T @ Z, np.array([False, True, True, False]), NAMES)
    slopes = np.linalg.lstsq(Z[:, 1:3], Z[:, [0, 3]], rcond=None)[0]
    np.testing.assert_allclose(given_.matrix[[0, 3]], slopes.T, rtol=1e-10)


def test_factors_that_move_together_cannot_all_be_given() -> None:
    S = np.array([[1.0, 2.0, 0.1], [2.0, 4.0, 0.2], [0.1, 0.2, 1.0]])
    with pytest.raises(FitError, match="'a', 'b' move together exactly"):
        condition_on(S, np.array([True, True, False]), ("a", "b", "c"))


def test_ten_million_draws_agree_with_the_analytic_mean_and_variance() -> None:
    model, _, _ = _model()
    propagation = condition_on(model.covariance, np.array([True, False, True, False]), NAMES)
    path = np.array([[3.0, 8.0], [1.0, -4.0]])
    exact = project(model, propagation, path, 3)
    n, first, second = 0, np.zeros(3), np.zeros(3)
    for part in range(10):
        drawn = simulate(model, propagation, exact, 2, 1_000_000, 100 + part)
        n += drawn.shape[1]
        first += drawn.sum(axis=1)
        second += (drawn * drawn).sum(axis=1)
    mean = first / n
    variance = second / n - mean**2
    error = np.sqrt(exact.variance / n)
    assert n == 10_000_000
    assert np.all(np.abs(mean - exact.mean) < 4.5 * error)
    # excess kurtosis of a month is at most 1.5: the variance's error is below sqrt(3.5/n)
    assert np.all(np.abs(variance / exact.variance - 1) < 4.5 * np.sqrt(3.5 / n))
    for p in (0.05, 0.25, 0.75, 0.95):  # the last million against the Student quantile that stands for it
        assert np.quantile(drawn[2], p) == pytest.approx(exact.outcome(3).quantile(p), abs=0.02 * exact.outcome(3).sd)


@pytest.mark.parametrize("draws", [1, 4096, 10_001])
def test_draws_do_not_depend_on_threads(draws: int) -> None:
    model, _, _ = _model()
    propagation = condition_on(model.covariance, np.array([True, False, True, False]), NAMES)
    exact = project(model, propagation, np.ones((2, 2)), 4)
    one = simulate(model, propagation, exact, 2, draws, 7, threads=1)
    for threads in (2, 5, None):
        assert np.array_equal(one, simulate(model, propagation, exact, 2, draws, 7, threads=threads))
    assert not np.array_equal(one, simulate(model, propagation, exact, 2, draws, 8))


def test_a_bootstrap_has_the_projection_s_moments_and_history_s_tails() -> None:
    model, y, X = _model(n=600)
    propagation = condition_on(model.covariance, np.array([True, False, False, False]), NAMES)
    exact = project(model, propagation, np.full((2, 1), 2.0), 4)
    y = y.copy()
    y[::40] *= 6.0  # crashes, and booms, for the tails
    drawn = block_bootstrap(model, propagation, exact, 2, (y, X), 40_000, 3)
    np.testing.assert_allclose(drawn.mean(axis=1), exact.mean, atol=5 * np.sqrt(exact.variance[-1] / 40_000))
    # a month is four weeks of one block (of nine): the sum of their circular autocovariances
    r = y - X @ model.beta + (X - X[:, :1] @ propagation.matrix.T) @ model.loading
    r -= r.mean()
    r *= np.sqrt((exact.path_variance[0] + exact.residual_variance[0]) / WEEKS_A_MONTH / (r * r).mean())
    gamma = [float((r * np.roll(r, k)).mean()) for k in range(4)]
    month = sum(gamma[abs(i - j)] for i in range(4) for j in range(4)) * WEEKS_A_MONTH / 4 + exact.beta_variance[0]
    assert drawn[0].var() == pytest.approx(month, rel=0.06)
    np.testing.assert_allclose(drawn.var(axis=1), exact.variance, rtol=0.25)
    centred = drawn[0] - drawn[0].mean()
    assert (centred**4).mean() / (centred**2).mean() ** 2 > 4.0
    assert np.array_equal(drawn, block_bootstrap(model, propagation, exact, 2, (y, X), 40_000, 3))


@settings(max_examples=40)
@given(
    st.lists(st.floats(-50, 50), min_size=4, max_size=4),
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.integers(1, 12),
    st.integers(1, 12),
)
def test_contributions_add_up_and_variance_has_three_parts(
    shocks: list[float], named: list[bool], length: int, months: int
) -> None:
    model, _, _ = _model()
    mask = np.array(named)
    propagation = condition_on(model.covariance, mask, NAMES)
    path = np.repeat(np.array(shocks)[mask][None], length, axis=0)
    result = project(model, propagation, path, months)
    np.testing.assert_allclose(result.contributions.sum(axis=1), result.mean, atol=1e-10)
    np.testing.assert_allclose(
        result.path_variance + result.beta_variance + result.residual_variance, result.variance, rtol=1e-14
    )
    inside = min(length, months)
    np.testing.assert_allclose(result.expected[-1][mask], inside * np.array(shocks)[mask], atol=1e-9)
    assert np.all(np.diff(result.residual_variance) > 0)
    # plain loop: month by month
    mean = np.zeros(4)
    S = np.zeros((4, 4))
    for m in range(months):
        if m < inside and mask.any():
            mean = mean + propagation.matrix @ path[m]
            S = S + WEEKS_A_MONTH * propagation.covariance
        else:
            S = S + WEEKS_A_MONTH * model.covariance
    V, b = model.beta_covariance, model.beta
    whole = b @ S @ b + mean @ V @ mean + np.trace(V @ S) + WEEKS_A_MONTH * months * model.residual_variance
    assert result.variance[-1] == pytest.approx(whole, rel=1e-10)


def test_a_hedged_market_has_no_contribution_but_its_coefficient_s_error_stays() -> None:
    _, y, X = _model()
    hedged = np.array([False, False, False, True])
    model = fit_factor_model(y, X, NAMES, hedged)
    propagation = condition_on(model.covariance, np.array([False, False, False, True]), NAMES)
    result = project(model, propagation, np.array([[5.0]]), 1)
    assert result.contributions[0, 3] == 0.0
    f = propagation.matrix[:, 0] * 5.0
    S = WEEKS_A_MONTH * propagation.covariance
    wanted = f @ model.beta_covariance @ f + (model.beta_covariance * S).sum()
    assert result.beta_variance[0] == pytest.approx(wanted, rel=1e-12)


def test_means_when_asked_are_the_window_s() -> None:
    model, y, X = _model()
    nothing = condition_on(model.covariance, np.zeros(4, dtype=bool), NAMES)
    result = project(model, nothing, np.zeros((5, 0)), 5, means=True)
    assert result.mean[-1] == pytest.approx(y.mean() * WEEKS_A_MONTH * 5, rel=1e-9)
    np.testing.assert_allclose(result.expected[-1], X.mean(axis=0) * WEEKS_A_MONTH * 5, rtol=1e-12)
    assert project(model, nothing, np.zeros((5, 0)), 5).mean[-1] == 0.0


def test_outcomes_against_scipy_and_each_other() -> None:
    from scipy import stats

    one = StudentOutcome(1.0, 4.0, tail_df(1))
    law = stats.t(8.2, 1.0, 4.0 * np.sqrt(6.2 / 8.2))
    assert law.std() == pytest.approx(4.0)
    assert one.quantile(0.05) == pytest.approx(law.ppf(0.05), rel=1e-12)
    assert one.above_zero() == pytest.approx(law.sf(0.0), rel=1e-12)
    both = MixtureOutcome(np.array([0.3, 0.7]), (one, StudentOutcome(-2.0, 1.0, tail_df(1))))
    x = both.quantile(0.2)
    other = stats.t(8.2, -2.0, np.sqrt(6.2 / 8.2))
    assert 0.3 * law.cdf(x) + 0.7 * other.cdf(x) == pytest.approx(0.2, abs=1e-12)
    assert both.above_zero() == pytest.approx(0.3 * law.sf(0) + 0.7 * other.sf(0), rel=1e-12)
    assert both.sd == pytest.approx(np.sqrt(0.3 * 16 + 0.7 * 1 + 0.21 * 9), rel=1e-12)
    values = np.array([3.0, -1.0, 2.0, -5.0])
    drawn = SampledOutcome.of(values, np.array([0.1, 0.2, 0.3, 0.4]))
    assert [drawn.mean, drawn.above_zero()] == pytest.approx([-1.3, 0.4])
    assert [drawn.quantile(p) for p in (0.05, 0.5, 0.65, 0.95)] == [-5.0, -1.0, 2.0, 3.0]


def test_pooling_meets_its_views_and_is_the_library_s_answer() -> None:
    from scipy.optimize import minimize

    rng = np.random.default_rng(11)
    A = rng.standard_t(4, (3, 4_000)) * np.array([[1.0], [20.0], [0.3]])
    views = A.mean(axis=1) + np.array([0.6, -0.4, 0.2]) * A.std(axis=1)
    pooled = pool(A, views, ("a", "b", "c"))
    assert np.abs((A @ pooled.weights - views) / A.std(axis=1)).max() < 1e-9
    assert pooled.weights.min() >= 0
    assert pooled.weights.sum() == pytest.approx(1.0, abs=1e-13)
    # scipy on the same dual, and the primal optimum's form: log weights are linear in the functions
    Z = (A - A.mean(axis=1, keepdims=True)) / A.std(axis=1, keepdims=True)
    b = (views - A.mean(axis=1)) / A.std(axis=1)

    def dual(x: np.ndarray) -> tuple[float, np.ndarray]:
        z = x @ Z
        q = np.exp(z - z.max())
        return float(np.log(q.sum()) + z.max() - x @ b), Z @ (q / q.sum()) - b

    best = minimize(dual, np.zeros(3), jac=True, method="L-BFGS-B", options={"ftol": 1e-16, "gtol": 1e-11})
    q = np.exp(best.x @ Z - (best.x @ Z).max())
    np.testing.assert_allclose(pooled.weights, q / q.sum(), atol=1e-8)
    assert pooled.effective == pytest.approx(np.exp(-(pooled.weights * np.log(pooled.weights)).sum()), rel=1e-12)
    same = pool(A, A.mean(axis=1), ("a", "b", "c"))
    assert same.effective == pytest.approx(4_000, rel=1e-12)


def test_views_out_of_reach_are_named() -> None:
    A = np.random.default_rng(2).standard_normal((2, 300))
    with pytest.raises(FitError, match=r"'a' = 9: in 300 periods it lay between -"):
        pool(A, np.array([9.0, 0.0]), ("'a'", "'b'"))
    A[1] = A[0] + 0.01 * A[1]  # each alone is possible, both are not
    with pytest.raises(FitError, match="contradict each other in the past"):
        pool(A, np.array([1.0, -1.0]), ("'a'", "'b'"))


def test_a_far_view_is_met_though_few_scenarios_are_left() -> None:
    A = np.sort(np.random.default_rng(2).standard_normal((1, 5_000)))
    view = A[:, -3:].mean(axis=1)
    pooled = pool(A, view, ("'a'",))
    assert pooled.effective < 30
    assert abs(float(A[0] @ pooled.weights) - view[0]) < 1e-9


def test_a_mixture_of_one_regime_is_the_conditional_normal() -> None:
    X = np.random.default_rng(4).standard_normal((300, 3)) @ (np.eye(3) + 0.3)
    flat = np.ones((1, 300))
    moments = regime_moments(X, flat, 1)
    weights, mean, covariance = conditioned(
        moments, np.ones(1), np.array([True, False, False]), np.array([2.0]), ("a", "b", "c")
    )
    given_ = condition_on(moments.covariance[0], np.array([True, False, False]), ("a", "b", "c"))
    np.testing.assert_allclose(mean[0], given_.matrix[:, 0] * 2.0, atol=1e-12)
    np.testing.assert_allclose(covariance[0], given_.covariance)
    assert weights.tolist() == [1.0]
    assert moments.effective[0] == pytest.approx(300.0)


def test_a_regime_in_which_such_changes_are_usual_gains_weight() -> None:
    from scipy import stats

    rng = np.random.default_rng(6)
    first = np.arange(400) < 200
    X = rng.standard_normal((400, 2)) + np.where(first[:, None], [1.5, 0.0], [-1.5, 0.0])
    p = np.vstack([first, ~first]).astype(float)
    moments = regime_moments(X, p, 1)
    weights, _, _ = conditioned(moments, np.array([0.5, 0.5]), np.array([True, False]), np.array([1.0]), ("a", "b"))
    like = [stats.norm(m[0], np.sqrt(S[0, 0])).pdf(1.0) for m, S in zip(moments.mean, moments.covariance, strict=True)]
    assert weights[0] == pytest.approx(like[0] / sum(like), rel=1e-12)
    assert weights[0] > 0.8


def test_auc_against_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(8)
    truth = (rng.random(500) < 0.4).astype(float)
    p = np.round(0.5 * truth + rng.random(500), 1)  # with ties
    assert scores.auc(p, truth) == pytest.approx(roc_auc_score(truth, p), rel=1e-13)
    assert scores.auc(np.full(500, 0.5), truth) == 0.5
    assert np.isnan(scores.auc(p, np.ones(500)))


def test_worths_of_telling_add_up_and_a_factor_without_beta_can_have_one() -> None:
    model, _, _ = _model()
    model = replace(model, loading=np.where(np.arange(model.beta.size) == 1, 0.0, model.loading))
    named = np.array([True, True, True] + [False] * (model.beta.size - 3))
    total = np.array([2.0, -10.0, 5.0])
    names = tuple("abcdef")[: model.beta.size]
    worth = shapley(model, named, total, 12.6, names)
    given = condition_on(model.covariance, named, names)
    path = project(model, given, np.repeat(total[None] / 3.0, 3, axis=0), 3)
    none = project(model, condition_on(model.covariance, ~named & named, names), np.zeros((3, 0)), 3)
    assert worth.sum() == pytest.approx(path.mean[-1] - none.mean[-1], rel=1e-10)
    assert abs(worth[1]) > 1e-6, "others follow from it"
    orders = []
    for order in itertools.permutations(range(3)):
        told, before, gains = np.zeros(3, dtype=bool), 0.0, np.zeros(3)
        for k in order:
            told[k] = True
            part = np.zeros_like(named)
            part[np.flatnonzero(told)] = True
            now = float(model.loading @ (condition_on(model.covariance, part, names).matrix @ total[told]))
            gains[k], before = now - before, now
        orders.append(gains)
    np.testing.assert_allclose(worth, np.mean(orders, axis=0), rtol=1e-9)
