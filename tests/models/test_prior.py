"""What all of the past adds to a projection: shrinkage, today's volatility, tails, and the score of a range."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from xl_smallcap.models.prior import WEEKLY_DF, faded, monthly_ratios, shrunk, volatility_ratios, weekly_tails
from xl_smallcap.models.scores import crps_student


def test_betas_are_pulled_by_how_far_windows_have_lain_from_all_of_them() -> None:
    last, every = np.array([1.0, 0.0]), np.array([0.2, 0.4])
    V, V_all = np.diag([0.04, 0.09]), np.diag([0.01, 0.01])
    past = np.array([[0.5, 0.4], [-0.1, 0.4], [0.2, 0.4]])
    made = shrunk(last, V, every, V_all, past, np.full((3, 2), 0.1))
    prior = ((past[:, 0] - 0.2) ** 2 - 0.01).mean()
    w = prior / (prior + 0.04)
    np.testing.assert_allclose(made.weight, [w, 0.0])
    np.testing.assert_allclose(made.beta, [w * 1.0 + (1 - w) * 0.2, 0.4])
    assert made.covariance[0, 0] == pytest.approx(w * 0.04 + (1 - w) ** 2 * (0.01 + 2.0 * 0.8**2))
    assert made.covariance[1, 1] == pytest.approx(0.01 + 2.0 * 0.4**2), "a beta that never moved is that of all weeks"
    alone = shrunk(last, V, every, V_all, past[:2], np.full((2, 2), 0.1))
    np.testing.assert_array_equal(alone.beta, last)
    np.testing.assert_array_equal(alone.covariance, V)


@pytest.mark.parametrize(("spread", "least", "most"), [(0.0, 0.95, 1.0), (0.15, 0.86, 0.94), (0.3, 0.83, 0.91)])
def test_shrinkage_covers_and_errs_less_when_betas_move_as_it_assumes(spread: float, least: float, most: float) -> None:
    """Betas drawn about a mean, estimated with known errors: 90 % intervals hold 86 to 98, errors are smaller."""
    rng = np.random.default_rng(1)
    held, mine, theirs = [], [], []
    for _ in range(2000):
        true = 0.5 + spread * rng.standard_normal(11)
        estimates = true + 0.3 * rng.standard_normal(11)
        made = shrunk(
            estimates[-1:], np.array([[0.09]]), estimates.mean(keepdims=True), np.array([[0.09 / 11]]),
            estimates[:-1, None], np.full((10, 1), 0.3),
        )  # fmt: skip
        held.append(abs(made.beta[0] - true[-1]) <= 1.645 * np.sqrt(made.covariance[0, 0]))
        mine.append((made.beta[0] - true[-1]) ** 2)
        theirs.append((estimates[-1] - true[-1]) ** 2)
    assert least <= np.mean(held) <= most
    assert np.mean(mine) < 0.75 * np.mean(theirs)


def test_volatility_is_weighted_by_half_lives_and_fades() -> None:
    calm = np.ones(520)
    np.testing.assert_allclose(volatility_ratios(calm), 1.0)
    loud = np.concatenate([np.ones(499), np.full(21, 4.0)])
    ratio = volatility_ratios(loud)[-1]
    assert ratio == pytest.approx((2.5 + (loud.mean() - 1.0) * 0.5 ** (520 / 21)) / loud.mean(), rel=1e-3)
    days = np.arange(1, 43)
    by_day = 1.0 + 0.5 * (ratio - 1.0) * 0.5 ** (days / 63.0)
    np.testing.assert_allclose(monthly_ratios(float(ratio), 2), [by_day[:21].mean(), by_day[21:].mean()])
    assert faded(1.0, 1, 5) == 1.0
    np.testing.assert_array_equal(monthly_ratios(1.0, 3), 1.0)


@pytest.mark.parametrize("df", [4.5, 6.0, 40.0])
def test_tails_are_those_the_weeks_have(df: float) -> None:
    rng = np.random.default_rng(2)
    ratios = np.exp(rng.standard_normal(4000) / 2.0)
    size = np.sqrt(2.0 * np.asarray(faded(ratios, 1, 5)))
    weeks = size * np.sqrt((df - 2.0) / df) * rng.standard_t(df, 4000)
    found = weekly_tails(weeks, ratios, 2.0)
    assert abs(WEEKLY_DF.index(found) - WEEKLY_DF.index(df)) <= 1
    like = [stats.t.logpdf(weeks / size, v, scale=np.sqrt((v - 2) / v)).sum() for v in WEEKLY_DF]
    assert found == WEEKLY_DF[int(np.argmax(like))]


@pytest.mark.parametrize(
    ("y", "mean", "sd", "df"), [(1.0, 0.3, 2.0, 8.2), (-3.0, 0.0, 1.0, 5.0), (0.0, 0.0, 1.5, 30.0)]
)
def test_the_score_of_a_range_is_its_integral(y: float, mean: float, sd: float, df: float) -> None:
    law = stats.t(df, mean, sd * np.sqrt((df - 2) / df))
    below = integrate.quad(lambda x: law.cdf(x) ** 2, -200.0, y, limit=500)[0]
    above = integrate.quad(lambda x: law.sf(x) ** 2, y, 200.0, limit=500)[0]
    assert crps_student(*(np.array([v]) for v in (y, mean, sd, df)))[0] == pytest.approx(below + above, rel=1e-7)
