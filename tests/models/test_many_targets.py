"""Many left-hand sides at once against one at a time."""

import numpy as np
import pytest

from tests.models import twins
from xl_smallcap.models.estimation import solve_least_squares
from xl_smallcap.models.inference import newey_west_lags
from xl_smallcap.models.rolling import last_window, rolling_targets
from xl_smallcap.types import FloatArray


def universe(n: int = 400, p: int = 5, targets: int = 7) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((n, p)) * np.logspace(-2, 2, p) + np.arange(p)
    return X @ (rng.standard_normal((p, targets)) / np.logspace(-2, 2, p)[:, None]) + rng.standard_normal(
        (n, targets)
    ), X


def collect(Y: FloatArray, X: FloatArray, window: int) -> FloatArray:
    out = np.full((Y.shape[0] - window + 1, X.shape[1] + 1, Y.shape[1]), -9.0)
    for windows, coefficients in rolling_targets(Y, X, window):
        out[windows] = coefficients
    return out


def loop(Y: FloatArray, X: FloatArray, window: int) -> FloatArray:
    def one(i: int, j: int) -> FloatArray:
        rows = slice(i, i + window)
        return solve_least_squares(np.column_stack([np.ones(window), X[rows]]), Y[rows, j]).params

    return np.array([np.column_stack([one(i, j) for j in range(Y.shape[1])]) for i in range(Y.shape[0] - window + 1)])


@pytest.mark.parametrize("window", [17, 31, 120, 400])
def test_every_window_and_target(window: int) -> None:
    Y, X = universe()
    actual, expected = collect(Y, X, window), loop(Y, X, window)
    scale = np.abs(expected).max(axis=0)
    assert (np.abs(actual - expected) / scale)[:, 1:].max() < 1e-12 * max(1.0, 4000 / window**2)
    assert (np.abs(actual - expected) / scale).max() < 1e-10


def test_trends_bad_ticks_and_doubtful_windows() -> None:
    y, X = twins.trending(500)
    actual, expected = collect(np.column_stack([y, -2 * y]), X, 100), loop(np.column_stack([y, -2 * y]), X, 100)
    assert (np.abs(actual - expected) / np.abs(expected).max(axis=0))[:, 1:].max() < 1e-10
    y, X = twins.bad_tick()
    Y = np.column_stack([y, np.random.default_rng(1).standard_normal(y.size)])
    actual, expected = collect(Y, X, 90), loop(Y, X, 90)
    assert (np.abs(actual - expected) / np.abs(expected).max(axis=0)).max() < 1e-10
    X[300:500, 3] = 2 * X[300:500, 0]
    assert np.isnan(collect(Y, X, 90)[320]).all()
    assert np.isfinite(collect(Y, X, 90)[:200]).all()


def test_a_gap_in_one_target_is_its_own() -> None:
    Y, X = universe()
    whole = collect(Y, X, 60)
    Y[200, 3] = np.nan
    broken = collect(Y, X, 60)
    others = [j for j in range(7) if j != 3]
    np.testing.assert_array_equal(broken[:, :, others], whole[:, :, others])
    assert np.isnan(broken[141:201, :, 3]).all()
    finite = np.isfinite(broken[:, 0, 3])
    np.testing.assert_allclose(broken[finite][:, :, 3], whole[finite][:, :, 3], rtol=1e-12)
    assert finite[:125].all()
    assert finite[217:].all()


def test_last_window_with_errors_against_statsmodels() -> None:
    Y, X = universe(250)
    coefficients, bse = last_window(Y, X)
    for j in range(7):
        expected = solve_least_squares(np.column_stack([np.ones(250), X]), Y[:, j]).params
        np.testing.assert_allclose(coefficients[:, j], expected, rtol=1e-10, atol=1e-11)
        np.testing.assert_allclose(bse[:, j], twins.newey_west(Y[:, j], X, newey_west_lags(250)), rtol=1e-9)


def test_last_window_nearly_singular_and_singular() -> None:
    Y, X = universe(250)
    X[:, 4] = X[:, 0] + 1e-6 * X[:, 4]
    coefficients, bse = last_window(Y, X)
    expected = solve_least_squares(np.column_stack([np.ones(250), X]), Y[:, 2]).params
    np.testing.assert_allclose(coefficients[1:, 2], expected[1:], rtol=1e-6)
    assert np.isfinite(bse).all()
    X[:, 4] = X[:, 0]
    coefficients, bse = last_window(Y, X)
    assert np.isnan(coefficients).all()
    assert np.isnan(bse).all()
