"""The rule by hand, its profit marked to market, and no look-ahead."""

import numpy as np
import pytest
import statsmodels.api as sm

from xl_smallcap.models.fair_value import backtest, positions

NAN = float("nan")


def test_the_rule_by_hand() -> None:
    gaps = np.array([0.2, 1.1, 0.5, -0.1, -0.9, -1.0, -2.0, -0.3, 0.0, 1.5, NAN, 1.2, 0.4])
    assert positions(gaps, 1.0, 0.0).tolist() == [0, -1, -1, 0, 0, 1, 1, 1, 0, -1, 0, -1, -1]
    assert positions(gaps, 1.0, 0.5).tolist() == [0, -1, 0, 0, 0, 1, 1, 0, 0, -1, 0, -1, 0]
    assert positions(np.array([1.2, -1.3, 1.4]), 1.0, 0.0).tolist() == [-1, 1, -1], "through zero to the other side"


def test_profit_trades_and_the_open_one() -> None:
    gaps = np.array([1.5, 1.2, -0.2, 0.0, -1.5, -1.4, -1.3, -1.2])
    returns = np.array([9.0, 9.0, -1.0, -2.0, 3.0, 9.0, 0.5, -0.25])
    result = backtest(gaps, returns, 1.0, 0.0, delay=1, periods_a_year=252)
    # decided at 0 and 1, held over returns 2 and 3; decided at 4 and 5, held over 6 and 7 and still open
    assert result.position.tolist() == [-1, -1, 0, 0, 1, 1]
    assert result.profit.tolist() == [1.0, 2.0, 0.0, 0.0, 0.5, -0.25]
    assert (result.trades, result.closed, result.won) == (2, 1, 1)
    assert result.open_profit == pytest.approx(0.25)
    assert result.mean_year == pytest.approx(3.25 / 6 * 252)
    assert result.worst_fall == pytest.approx(0.25)
    assert result.share_long == pytest.approx(2 / 6)
    assert result.share_short == pytest.approx(2 / 6)
    at_once = backtest(gaps, returns, 1.0, 0.0, delay=0, periods_a_year=252)
    assert at_once.profit.tolist() == [-9.0, 1.0, 0.0, 0.0, 9.0, 0.5, -0.25]


def test_a_loss_counts_from_the_first_day() -> None:
    result = backtest(np.array([1.5, 1.5, 1.5]), np.array([0.0, 2.0, 1.0]), 1.0, 0.0, 0, 252)
    assert result.worst_fall == pytest.approx(3.0)


def test_the_interval_is_newey_west_of_the_mean() -> None:
    rng = np.random.default_rng(1)
    gaps, returns = rng.standard_normal(300).cumsum() / 5, rng.standard_normal(300)
    result = backtest(gaps, returns, 1.0, 0.0, 1, 52)
    lags = int(4 * (298 / 100) ** (2 / 9))
    fit = sm.OLS(result.profit, np.ones(298)).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True
    )
    assert result.mean_year == pytest.approx(52 * fit.params[0], rel=1e-12)
    assert result.se_year == pytest.approx(52 * fit.bse[0], rel=1e-10)
    low, high = fit.conf_int(0.10)[0]
    assert result.lower_year == pytest.approx(52 * low, rel=1e-9)
    assert result.upper_year == pytest.approx(52 * high, rel=1e-9)


def test_later_gaps_change_no_earlier_profit() -> None:
    rng = np.random.default_rng(2)
    gaps, returns = rng.standard_normal(200).cumsum() / 4, rng.standard_normal(200)
    whole = backtest(gaps, returns, 1.0, 0.0, 1, 252).profit
    for cut in (50, 120):
        assert (backtest(gaps[:cut], returns[:cut], 1.0, 0.0, 1, 252).profit == whole[: cut - 2]).all()
