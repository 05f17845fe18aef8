import numpy as np
import pytest

from xl_smallcap.models.factor_ols import fit_factor_ols
from xl_smallcap.models.least_squares import solve_least_squares
from xl_smallcap.models.rolling import rolling_newey_west, rolling_ols, window_sums
from xl_smallcap.types import FloatArray


def loop(y: FloatArray, X: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """The obvious twin: one accurate fit a window."""
    fits = [
        solve_least_squares(np.column_stack([np.ones(window), X[i : i + window]]), y[i : i + window]).params
        for i in range(y.size - window + 1)
    ]
    return np.array(fits)[:, 1:], np.array(fits)[:, 0]


def returns(n: int = 700, p: int = 4, seed: int = 1) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * [0.8, 4.0, 300.0, 1e-3]
    return X @ [1.0, 0.1, 0.01, 100.0] + rng.standard_normal(n), X


@pytest.mark.parametrize("window", [15, 83, 250, 700])
def test_returns(window: int) -> None:
    y, X = returns()
    fit = rolling_ols(y, X, window)
    params, const = loop(y, X, window)
    np.testing.assert_allclose(fit.params, params, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(fit.const, const, rtol=1e-10, atol=1e-10)
    sd = [X[i : i + window].std(axis=0, ddof=1) for i in range(y.size - window + 1)]
    np.testing.assert_allclose(fit.factor_sd, sd, rtol=1e-10)


def test_trending_levels() -> None:
    rng = np.random.default_rng(2)
    X = np.cumsum(rng.standard_normal((900, 3)), axis=0) + 2.0 * np.arange(900)[:, None]
    y = X @ [1.0, -2.0, 0.5] + rng.standard_normal(900)
    fit = rolling_ols(y, X, 120)
    params, _ = loop(y, X, 120)
    np.testing.assert_allclose(fit.params, params, rtol=1e-10, atol=1e-10)


def test_a_bad_tick_leaves_no_trace_once_out_of_the_window() -> None:
    y, X = returns()
    bad_y, bad_X = y.copy(), X.copy()
    bad_y[200], bad_X[300, 1] = -1e6, 1e6
    fit = rolling_ols(bad_y, bad_X, 100)
    params, _ = loop(bad_y, bad_X, 100)
    scale = np.abs(params).max(axis=0)
    assert np.abs((fit.params - params) / scale).max() < 1e-10
    clean = rolling_ols(y, X, 100)
    np.testing.assert_allclose(fit.params[301:], clean.params[301:], rtol=1e-10, atol=1e-10)


def test_near_singular_windows_are_flagged_and_solved_alone() -> None:
    y, X = returns(p=4)
    X[300:500, 3] = X[300:500, 0] * 2.0 + 1e-5 * np.random.default_rng(4).standard_normal(200)
    fit = rolling_ols(y, X, 100)
    assert fit.stable[300:401].all()
    assert not fit.stable[:200].any()
    np.testing.assert_allclose(fit.params[350], loop(y[350:450], X[350:450], 100)[0][0], rtol=1e-6)
    X[300:500, 3] = X[300:500, 0] * 2.0 + 1e-9
    assert np.isnan(rolling_ols(y, X, 100).params[300:401]).all()
    X[300:500, 3] = 0.0
    assert np.isnan(rolling_ols(y, X, 100).params[350]).all()


def test_newey_west_of_every_window_against_single_fits() -> None:
    y, X = returns(400)
    names = ("a", "b", "c", "d")
    fit = rolling_ols(y, X, 90)
    bse = rolling_newey_west(y, X, fit, 90)
    for i in range(0, 311, 17):
        single = fit_factor_ols(y[i : i + 90], X[i : i + 90], names)
        np.testing.assert_allclose(bse[i] * fit.factor_sd[i], single.bse, rtol=1e-9)
        np.testing.assert_allclose(fit.params[i] * fit.factor_sd[i], single.params, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("n", "window"), [(10, 1), (10, 3), (10, 10), (25, 5), (26, 5)])
def test_window_sums(n: int, window: int) -> None:
    rows = np.random.default_rng(n).standard_normal((3, n))
    expected = [[row[i : i + window].sum() for i in range(n - window + 1)] for row in rows]
    np.testing.assert_allclose(window_sums(rows, window), expected, rtol=1e-13, atol=1e-13)
