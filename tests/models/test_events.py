"""Slopes on days of news against statsmodels and scipy; the permutation's size; how few days they hang on."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from xl_smallcap.errors import FitError
from xl_smallcap.models.events import event_slope, hc3, permutation_pvalue
from xl_smallcap.types import BoolArray, FloatArray, IntArray


def days(n: int, seed: int, slope: float = 0.4, noise: float = 1.0) -> tuple[FloatArray, FloatArray, IntArray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_t(4, n)
    return slope * x + noise * (1.0 + 0.5 * np.abs(x)) * rng.standard_normal(n), x, 2006 + np.arange(n) // 12


def test_slopes_and_errors_against_statsmodels() -> None:
    y, x, years = days(200, 1)
    held = np.random.default_rng(2).standard_normal(200) + 0.5 * x
    for X in (x[:, None], np.column_stack([x, held])):
        theirs = sm.OLS(y, sm.add_constant(X)).fit(cov_type="HC3", use_t=True)
        slopes, errors = hc3(y, X)
        np.testing.assert_allclose(slopes, theirs.params[1:], rtol=1e-10)
        np.testing.assert_allclose(errors, theirs.bse[1:], rtol=1e-10)
        one = event_slope(y, X, years, "easing", "cpi")
        assert (one.slope, one.bse, one.tvalue) == pytest.approx((theirs.params[1], theirs.bse[1], theirs.tvalues[1]))
        assert one.pvalue == pytest.approx(theirs.pvalues[1], rel=1e-9)
    assert one.nobs == 200


def test_a_kind_by_itself_is_the_joint_regression_with_dummies() -> None:
    y, x, _ = days(150, 3)
    kind = np.random.default_rng(4).integers(0, 3, 150)
    dummies = np.column_stack([kind == k for k in range(3)]).astype(float)
    joint = sm.OLS(y, np.hstack([dummies, dummies * x[:, None]])).fit(cov_type="HC3", use_t=True)
    for k in range(3):
        slopes, errors = hc3(y[kind == k], x[kind == k, None])
        assert (slopes[0], errors[0]) == pytest.approx((joint.params[3 + k], joint.bse[3 + k]), rel=1e-9)


def test_how_few_days_it_hangs_on() -> None:
    y, x, years = days(100, 5, slope=0.0, noise=0.2)
    x[10], y[10] = 20.0, 15.0
    one = event_slope(y, x[:, None], years, "easing", "cpi")
    products = np.abs((x - x.mean()) * (y - y.mean()))
    top = np.argsort(-products)[:5]
    assert one.top_share == pytest.approx(products[top].sum() / products.sum())
    assert one.top_share > 0.7
    left = np.delete(np.arange(100), top)
    assert one.slope_without_top == pytest.approx(np.polyfit(x[left], y[left], 1)[0], rel=1e-9)
    assert abs(one.slope_without_top) < 0.2 < one.slope
    assert one.rank_slope == pytest.approx(stats.spearmanr(x, y).statistic, rel=1e-12)
    signs = [np.polyfit(x[years == v], y[years == v], 1)[0] > 0 for v in np.unique(years) if (years == v).sum() >= 4]
    assert (one.years_same_sign, one.years) == (sum(signs), len(signs))


def test_equal_values_share_their_rank() -> None:
    y, x, years = days(100, 6)
    x = np.round(x, 0)
    assert event_slope(y, x[:, None], years, "easing", "cpi").rank_slope == pytest.approx(
        stats.spearmanr(x, y).statistic, rel=1e-12
    )


def by_loops(y: FloatArray, x: FloatArray, first: BoolArray) -> float:
    b, v = [], []
    for rows in (first, ~first):
        slopes, errors = hc3(y[rows], x[rows, None])
        b.append(slopes[0])
        v.append(errors[0] ** 2)
    return float((b[0] - b[1]) / np.sqrt(v[0] + v[1]))


def test_the_permutation_against_plain_loops() -> None:
    y, x, years = days(60, 7)
    first = np.arange(60) % 2 == 0
    y[first] += 0.5 * x[first]
    observed, rng, count = abs(by_loops(y, x, first)), np.random.default_rng(11), 0
    uniform = rng.random((200, 60))
    for u in uniform:
        labels = np.empty(60, dtype=bool)
        for year in np.unique(years):
            rows = np.flatnonzero(years == year)
            labels[rows] = first[rows][np.argsort(u[rows])]
        count += abs(by_loops(y, x, labels)) >= observed
    assert permutation_pvalue(y, x, first, years, 200, 11) == (1 + count) / 201


def test_its_size_under_equal_slopes_and_unequal_variances() -> None:
    """One slope for both, one kind three times as noisy: about five in a hundred are at most .05."""
    low = []
    for seed in range(300):
        y, x, years = days(144, 100 + seed, slope=-0.3)
        first = np.random.default_rng(seed).random(144) < 0.5
        y = y + 2.0 * first * np.random.default_rng(1000 + seed).standard_normal(144)
        low.append(permutation_pvalue(y, x, first, years, 199, seed) <= 0.05)
    assert 0.02 <= np.mean(low) <= 0.09


def test_size_where_growth_matters_and_easing_does_not() -> None:
    """With growth held the 90 % interval of easing's slope leaves out zero in a tenth of samples, as it says."""
    rejected = {"held": 0, "alone": 0}
    samples = 400
    for seed in range(samples):
        rng = np.random.default_rng(7_000 + seed)
        growth = rng.standard_t(5, 225)
        easing = -0.5 * growth + rng.standard_t(5, 225)
        y = 0.3 * growth + (0.5 + 0.3 * np.abs(easing)) * rng.standard_normal(225)  # wilder on large moves
        for name, X in (("held", np.column_stack([easing, growth])), ("alone", easing[:, None])):
            slopes, errors = hc3(y, X)
            rejected[name] += abs(slopes[0] / errors[0]) > 1.652
    assert 0.06 <= rejected["held"] / samples <= 0.14
    assert rejected["alone"] / samples > 0.3, "what growth does is taken for easing's where it is not held"


def test_a_difference_is_seen() -> None:
    y, x, years = days(240, 8, noise=0.3)
    first = np.arange(240) % 2 == 0
    y[first] -= 0.8 * x[first]
    assert permutation_pvalue(y, x, first, years, 999, 1) <= 0.02


@pytest.mark.parametrize(
    ("change", "says"),
    [("few", "There are 19 days of kind 'cpi'; a slope needs at least 20"),
     ("still", "'easing' hardly moves on days of kind 'cpi'"),
     ("three", "'easing' hardly moves on days of kind 'cpi'"),
     ("target", "The target does not move on days of kind 'cpi'")],
)  # fmt: skip
def test_what_has_no_slope(change: str, says: str) -> None:
    y, x, years = days(40, 9)
    if change == "few":
        y, x, years = y[:19], x[:19], years[:19]
    elif change == "still":
        x = np.zeros(40)
    elif change == "three":
        x = np.sign(x)
    else:
        y = np.zeros(40)
    with pytest.raises(FitError, match=says):
        event_slope(y, x[:, None], years, "easing", "cpi")
