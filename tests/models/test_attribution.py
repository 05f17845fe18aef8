"""Contributions against a plain loop, exact closure, and what their intervals cover."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models import twins
from xl_smallcap.errors import FitError
from xl_smallcap.models.attribution import attribute, log_to_simple
from xl_smallcap.models.inference import bartlett_bse, newey_west_lags
from xl_smallcap.types import FloatArray, Method

NAMES = ("a", "b", "c", "d")
B = np.array([[1.0, 0.9], [0.1, 0.2], [0.05, 0.0], [-0.1, 0.3]])
RELATIVE = np.array([1.0, -1.0])
DAYS = np.arange("2020-01-01", "2023-01-01", dtype="datetime64[D]")


def legs(n: int, seed: int = 0, persistence: float = 0.0) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 4)) @ np.linalg.cholesky(0.3 * np.ones((4, 4)) + 0.7 * np.eye(4)).T
    noise = rng.standard_normal((n, 2))
    for t in range(1, n):
        noise[t] += persistence * noise[t - 1]
    return X @ B + noise + 0.05, X


@pytest.mark.parametrize(
    "method", [Method(), Method("pcr", 2), Method("pls"), Method("pls", 2, control=True)], ids=repr
)
@pytest.mark.parametrize("weights", [RELATIVE, np.array([1.0, 0.0])], ids=["relative", "one leg"])
def test_against_a_plain_loop(method: Method, weights: FloatArray) -> None:
    Y, X = legs(150)
    window, first = 80, 90
    result = attribute(Y, weights, X, NAMES, DAYS[: Y.shape[0]], window, first, method)
    log, mean_beta = np.zeros(6), np.zeros(4)
    for t in range(first, 150):
        y, x = Y[t - window : t] @ weights, X[t - window : t]
        beta = twins.betas(y, x, method)
        mean_beta += beta
        drift = y.mean() - x.mean(axis=0) @ beta
        log += [*(beta * X[t]), drift, Y[t] @ weights - drift - beta @ X[t]]
    np.testing.assert_allclose(result.log_contributions, log, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(result.factor_move, X[first:].sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(result.mean_beta, mean_beta / (150 - first), rtol=1e-9)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), components=st.integers(1, 4), first=st.integers(40, 70))
def test_closure(seed: int, components: int, first: int) -> None:
    Y, X = legs(80, seed)
    for method in (Method(), Method("pcr", components), Method("pls", components)):
        for weights in (RELATIVE, np.array([1.0, 0.0]), np.array([0.3, 0.7])):
            result = attribute(Y, weights, X, NAMES, DAYS[: Y.shape[0]], 40, first, method)
            levels = np.exp(Y[first:].sum(axis=0) / 100)
            log = 100 * np.log(levels) @ weights
            assert result.log_contributions.sum() == pytest.approx(log, abs=1e-12 * max(1.0, abs(log)))
            simple = 100 * (levels - 1) @ weights
            assert result.simple_contributions.sum() == pytest.approx(simple, abs=1e-12 * max(1.0, abs(simple)))
            assert result.log_return == pytest.approx(log, abs=1e-12)
            assert result.simple_return == pytest.approx(simple, abs=1e-12)


def test_the_linking_coefficient_has_its_limit() -> None:
    assert log_to_simple(0.0) == 1.0
    assert log_to_simple(1e-9) == pytest.approx(1.0, abs=1e-10)
    assert log_to_simple(10.0) == pytest.approx((np.exp(0.1) - 1) / 0.1, rel=1e-14)


@pytest.mark.parametrize("method", [Method(), Method("pls")], ids=str)
def test_what_intervals_cover(method: Method) -> None:
    """True contributions are true betas times moves; the interval is about the betas' estimation, nothing else."""
    from xl_smallcap.models.kernels.estimators import estimate

    R = 0.3 * np.ones((4, 4)) + 0.7 * np.eye(4)
    truth = estimate(method, R[:, :, None], (R @ (B @ RELATIVE))[:, None]).beta[:, 0]
    hits, drift, reps = np.zeros(4), 0, 150
    for seed in range(reps):
        Y, X = legs(450, seed, persistence=0.3)
        result = attribute(Y, RELATIVE, X, NAMES, DAYS[: Y.shape[0]], 250, 250, method)
        half = result.half_width * result.bse[:4]
        hits += np.abs(result.log_contributions[:4] - truth * result.factor_move) <= half
        # the legs have the same mean, so the true drift of their difference is zero
        drift += int(abs(result.log_contributions[4]) <= result.half_width * result.bse[4])
    assert abs(hits.mean() / reps - 0.89) < 0.04
    assert abs(drift / reps - 0.85) < 0.06


def test_errors_of_drift_and_specific_against_sums_by_hand() -> None:
    Y, X = legs(150)
    y, first, window = Y @ RELATIVE, 90, 80
    result = attribute(Y, RELATIVE, X, NAMES, DAYS[:150], window, first)
    moves = np.zeros((150, 5))
    for t in range(first, 150):
        rows = slice(t - window, t)
        design = np.column_stack([np.ones(window), X[rows]])
        inverse = np.linalg.inv(design.T @ design)
        resid = y[rows] - design @ (inverse @ design.T @ y[rows])
        leverage = np.diag(design @ inverse @ design.T)
        share = (design @ inverse) * (resid / (1.0 - leverage))[:, None]
        moves[rows, :4] += share[:, 1:] * X[t]
        moves[rows, 4] += share[:, 0]
    span = moves[first - window : 149]
    span = np.column_stack([span, -span.sum(axis=1)])
    lags = newey_west_lags(span.shape[0])
    np.testing.assert_allclose(result.bse, bartlett_bse(span, lags, window / (window - 5.0)), rtol=1e-9)


def test_a_long_period_is_its_parts() -> None:
    Y, X = legs(700)
    whole = attribute(Y, RELATIVE, X, NAMES, DAYS[:700], 80, 90)
    parts = [attribute(Y[:stop], RELATIVE, X[:stop], NAMES, DAYS[:stop], 80, a) for a, stop in ((90, 300), (300, 700))]
    np.testing.assert_allclose(whole.log_contributions, sum(p.log_contributions for p in parts), rtol=1e-9)


def test_errors_count_the_market_once() -> None:
    """All components beside a control are the joint regression: the same contributions, and errors of each kind."""
    Y, X = legs(150)
    days = DAYS[: Y.shape[0]]
    joint = attribute(Y, RELATIVE, X, NAMES, days, 80, 90, Method("ols", control=True))
    plain = attribute(Y, RELATIVE, X, NAMES, days, 80, 90, Method("pcr", 4))
    for method in (Method("ols"), Method("pcr", 3, control=True), Method("pls", 3, control=True), Method("pcr", 4)):
        other = attribute(Y, RELATIVE, X, NAMES, days, 80, 90, method)
        np.testing.assert_allclose(other.log_contributions, joint.log_contributions, rtol=1e-9)
        np.testing.assert_allclose(other.bse, (joint if method.name == "ols" else plain).bse, rtol=1e-9)
        assert other.half_width == joint.half_width
    assert (joint.bse > plain.bse).all(), "weighted by leverage"


def test_a_window_without_betas_is_named() -> None:
    Y, X = legs(150)
    X[20:110, 2] = 3.0
    with pytest.raises(
        FitError, match="In the window before the change to 2020-04-10: Factor 'c' does not change in this window of 80"
    ):
        attribute(Y, RELATIVE, X, NAMES, DAYS[: Y.shape[0]], 80, 92)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_named(bad: float) -> None:
    Y, X = legs(150)
    X[120, 1] = bad
    with pytest.raises(FitError, match="holds a value that is not finite"):
        attribute(Y, RELATIVE, X, NAMES, DAYS[:150], 80, 100)


def test_nearly_collinear_factors_are_solved_accurately() -> None:
    Y, X = legs(150)
    X[:, 3] = X[:, 0] + 3e-2 * X[:, 3]
    result = attribute(Y, RELATIVE, X, NAMES, DAYS[: Y.shape[0]], 80, 100)
    log = np.zeros(4)
    for t in range(100, 150):
        log += twins.betas(Y[t - 80 : t] @ RELATIVE, X[t - 80 : t], Method()) * X[t]
    np.testing.assert_allclose(result.log_contributions[:4], log, rtol=1e-7, atol=1e-8)
    assert result.log_contributions.sum() == pytest.approx(float(Y[100:].sum(axis=0) @ RELATIVE), abs=1e-10)
