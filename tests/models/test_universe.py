"""Every stock against a regression of its own, with days missing, listings and delistings."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference.hac import leverage_hac
from xl_smallcap.data.panel import period_ends
from xl_smallcap.models.inference import newey_west_lags
from xl_smallcap.models.universe import (
    ENDED,
    GAP,
    NONE,
    OK,
    SHORT,
    STILL,
    UNFIT,
    Sampling,
    common_tstat,
    event_scale,
    fit_universe,
    group,
    last_pattern,
    residual_moves,
)
from xl_smallcap.types import DayArray, FloatArray

DAILY = Sampling(partial(period_ends, frequency="daily"), 10, 31, 10)
WINDOW = 60


def world(n: int = 200, p: int = 3, m: int = 12, seed: int = 5) -> tuple[DayArray, FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    days = np.busday_offset("2020-01-01", np.arange(n), roll="forward")
    moves = rng.standard_normal((n, p)) * [1.0, 5.0, 0.3]
    betas = rng.standard_normal((p, m)) / np.array([1.0, 5.0, 0.3])[:, None]
    return days, np.cumsum(moves, axis=0), np.cumsum(moves @ betas + rng.standard_normal((n, m)), axis=0)


def alone(days: DayArray, factors: FloatArray, stock: FloatArray, window: int = WINDOW) -> Any:
    """One stock by statsmodels, on the days it was observed."""
    seen = np.isfinite(stock)
    y, X = np.diff(stock[seen])[-window:], np.diff(factors[seen], axis=0)[-window:]
    return leverage_hac(y, sm.add_constant(X), newey_west_lags(window)), X.std(axis=0, ddof=1)


def test_every_stock_is_the_regression_of_its_own_days() -> None:
    days, factors, stocks = world()
    rng = np.random.default_rng(6)
    stocks[rng.random(stocks.shape[0]) < 0.2, 2] = np.nan  # scattered days
    stocks[150, 3] = np.nan  # one day, shared with the next
    stocks[150, 4] = np.nan
    stocks[:100, 5] = np.nan  # listed later, in time
    stocks[-3:, 6] = np.nan  # not traded the last days
    fit = fit_universe(days, factors, stocks, np.array([days.size - 1]), WINDOW, DAILY)
    assert (fit.status == OK).all()
    for j in range(stocks.shape[1]):
        expected, sd = alone(days, factors, stocks[:, j])
        np.testing.assert_allclose(fit.params[0, j], expected.params[1:] * sd, rtol=1e-11)
        np.testing.assert_allclose(fit.bse[0, j], expected.bse[1:] * sd, rtol=1e-10)
        assert fit.rsquared[0, j] == pytest.approx(expected.rsquared, rel=1e-10)
        assert fit.resid_sd[0, j] == pytest.approx(np.sqrt(expected.mse_resid), rel=1e-10)
        seen = days[np.isfinite(stocks[:, j])]
        assert fit.last[0, j] == seen[-1].astype(int)
        assert fit.first[0, j] == seen[-WINDOW - 1].astype(int)


def test_a_history_is_what_each_day_would_have_said() -> None:
    days, factors, stocks = world()
    stocks[::17, 3] = np.nan
    positions = np.array([70, 100, 151, 199])
    history = fit_universe(days, factors, stocks, positions, WINDOW, DAILY)
    for i, k in enumerate(positions):
        then = fit_universe(days[: k + 1], factors[: k + 1], stocks[: k + 1], np.array([k]), WINDOW, DAILY)
        np.testing.assert_array_equal(history.params[i], then.params[0])
        np.testing.assert_array_equal(history.bse[i], then.bse[0])


def test_company_makes_no_difference_beyond_rounding() -> None:
    days, factors, stocks = world(m=40)
    together = fit_universe(days, factors, stocks, np.array([199]), WINDOW, DAILY)
    for j in (0, 13, 39):
        single = fit_universe(days, factors, stocks[:, [j]], np.array([199]), WINDOW, DAILY)
        np.testing.assert_allclose(single.params[0, 0], together.params[0, j], rtol=1e-12, atol=1e-14)


def test_what_has_no_fit_says_why() -> None:
    days, factors, stocks = world()
    stocks[:, 0] = np.nan
    stocks[: -WINDOW // 2, 1] = np.nan
    stocks[120:, 2] = np.nan
    stocks[:, 3] = 7.0
    stocks[150:185, 4] = np.nan  # seven weeks
    fit = fit_universe(days, factors, stocks, np.array([199]), WINDOW, DAILY)
    assert fit.status[0, :6].tolist() == [NONE, SHORT, ENDED, STILL, GAP, OK]
    assert np.isnan(fit.params[0, :5]).all()
    assert np.isfinite(fit.params[0, 5:]).all()
    factors[:, 1] = 2.0 * factors[:, 0]
    assert fit_universe(days, factors, stocks, np.array([199]), WINDOW, DAILY).status[0, 5] == UNFIT


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.5))
def test_groups_are_the_patterns_of_each_stock(seed: int, missing: float) -> None:
    rng = np.random.default_rng(seed)
    days = np.busday_offset("2021-03-01", np.arange(90), roll="forward")
    observed = rng.random((90, 15)) >= missing * rng.random(15)
    groups, status = group(observed, days, 30, DAILY, days[-1])
    placed = {int(j): g.pattern for g in groups for j in g.columns}
    for j in range(15):
        own = last_pattern(np.flatnonzero(observed[:, j]), days, 30, DAILY)
        if status[j] == OK:
            assert not isinstance(own, int)
            np.testing.assert_array_equal(placed[j].starts, own.starts)
            np.testing.assert_array_equal(placed[j].ends, own.ends)
        else:
            assert j not in placed


def test_weekly_windows_take_each_stocks_own_week_ends() -> None:
    weekly = Sampling(partial(period_ends, frequency="weekly"), 17, 31, 10)
    days, factors, stocks = world(n=520)
    stocks[np.flatnonzero((days.astype(np.int64) + 3) % 7 == 4)[::5], 1] = np.nan  # some Fridays
    fit = fit_universe(days, factors, stocks, np.array([519]), 52, weekly)
    for j in (0, 1):
        seen = np.isfinite(stocks[:, j])
        ends = period_ends(days[seen], "weekly")
        y, X = np.diff(stocks[seen, j][ends])[-52:], np.diff(factors[seen][ends], axis=0)[-52:]
        expected = sm.OLS(y, sm.add_constant(X)).fit()
        np.testing.assert_allclose(fit.params[0, j], expected.params[1:] * X.std(axis=0, ddof=1), rtol=1e-11)


def test_a_residual_move_is_found_and_no_more_often_than_it_should() -> None:
    """Without news, 90 % intervals hold about 90 % of the residual moves; a jump stands out by its size."""
    inside, span = [], 21
    for seed in range(30):
        days, factors, stocks = world(n=400, m=60, seed=seed)
        moves = residual_moves(days, factors, stocks, 399 - span, 250, DAILY)
        inside.append(np.abs(moves.residual) <= 1.65 * moves.se)
    assert 0.85 < np.mean(inside) < 0.94
    days, factors, stocks = world(n=400, m=60, seed=99)
    calm = residual_moves(days, factors, stocks, 399 - span, 250, DAILY)
    stocks[-5:, 8] += 30.0
    moves = residual_moves(days, factors, stocks, 399 - span, 250, DAILY)
    assert moves.residual[8] - calm.residual[8] == pytest.approx(30.0)
    assert int(np.argmax(moves.residual / moves.se)) == 8
    np.testing.assert_allclose(moves.move, moves.macro + moves.residual, rtol=1e-13)
    before = stocks.copy()
    before[-span:] += 5.0  # whatever happens in the move leaves the betas alone
    np.testing.assert_array_equal(residual_moves(days, factors, before, 399 - span, 250, DAILY).macro, moves.macro)


@pytest.mark.parametrize(("louder", "wanted"), [(1.0, 1.0), (2.5, 2.5)])
def test_errors_swell_with_the_event(louder: float, wanted: float) -> None:
    """In a move in which everything swings more the errors do; in a calm one they are what the window says."""
    rng = np.random.default_rng(4)
    z = louder * rng.standard_normal(2000)
    z[:5] = 50.0
    assert event_scale(z) == pytest.approx(wanted, rel=0.06)
    assert event_scale(0.4 * z) >= 1.0
    inside = np.abs(z[5:] / event_scale(z)) <= 1.645
    assert inside.mean() == pytest.approx(0.9, abs=0.03)


def test_the_mean_of_stocks_that_move_together_is_hardly_told_from_zero() -> None:
    """Kolari and Pynnönen (2010): under no event 90 in a hundred within 1.645, where without it most are beyond."""
    rng = np.random.default_rng(6)
    held, naive = [], []
    for _ in range(300):
        common = rng.standard_normal((251, 1))
        all_days = np.sqrt(0.2) * common + np.sqrt(0.8) * rng.standard_normal((251, 150))
        z = all_days[-1]
        held.append(abs(common_tstat(z, all_days[:-1])) <= 1.645)
        naive.append(abs(z.mean() * np.sqrt(z.size) / z.std(ddof=1)) <= 1.645)
    assert np.mean(held) == pytest.approx(0.9, abs=0.05)
    assert np.mean(naive) < 0.4
