"""Dispersion by hand, and what each weighting is robust to."""

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xl_smallcap.models.dispersion import cross_sectional_dispersion, cross_sectional_dispersions
from xl_smallcap.types import FloatArray, Weighting

UNWEIGHTED: list[Weighting] = ["equal", "iqr", "winsor"]


def test_by_hand() -> None:
    returns = np.array([-3.0, 1.0, 5.0, 9.0])
    assert cross_sectional_dispersion(returns, "equal") == pytest.approx(math.sqrt((36 + 4 + 4 + 36) / 4))
    weights = np.array([5.0, 3.0, 1.0, 1.0])
    middle = (-15 + 3 + 5 + 9) / 10
    by_hand = math.sqrt(sum(w * (r - middle) ** 2 for w, r in zip(weights / 10, returns, strict=True)))
    assert cross_sectional_dispersion(returns, "cap", weights) == pytest.approx(by_hand)
    assert cross_sectional_dispersion(returns, "cap", np.full(4, 7.0)) == pytest.approx(
        cross_sectional_dispersion(returns, "equal")
    )
    assert cross_sectional_dispersion(returns, "iqr") == pytest.approx((6.0 - 0.0) / 1.34898, rel=1e-5)


@pytest.mark.parametrize("weights", [None, np.arange(1.0, 101.0)])
def test_all_weightings_at_once_are_each_alone_bit_for_bit(weights: FloatArray | None) -> None:
    returns = np.random.default_rng(1).standard_t(3, 100)
    values = cross_sectional_dispersions(returns, weights)
    assert set(values) == set(get_args(Weighting)) - ({"cap"} if weights is None else set())
    for how, value in values.items():
        assert value == cross_sectional_dispersion(returns, how, weights)


def test_for_normal_returns_all_are_the_standard_deviation() -> None:
    returns = 4.0 * np.random.default_rng(1).standard_normal(200_000)
    for weighting in ("equal", "iqr"):
        assert cross_sectional_dispersion(returns, weighting) == pytest.approx(4.0, rel=0.01)
    # bringing in the outermost 1 % at either end of a normal leaves 0.975 of its sd
    assert cross_sectional_dispersion(returns, "winsor") == pytest.approx(0.975 * 4.0, rel=0.01)


def test_one_wild_stock() -> None:
    returns = np.random.default_rng(2).standard_normal(500)
    wild = np.append(returns, 900.0)
    assert cross_sectional_dispersion(wild, "equal") > 20
    assert cross_sectional_dispersion(wild, "winsor") == pytest.approx(
        cross_sectional_dispersion(returns, "winsor"), rel=0.02
    )
    assert cross_sectional_dispersion(wild, "iqr") == pytest.approx(
        cross_sectional_dispersion(returns, "iqr"), rel=0.02
    )


@given(
    st.lists(st.floats(-80, 300), min_size=2, max_size=60),
    st.floats(-50, 50),
    st.floats(0.1, 10),
    st.sampled_from(UNWEIGHTED),
)
def test_a_common_move_changes_nothing_and_scale_scales(
    returns: list[float], shift: float, by: float, how: Weighting
) -> None:
    r = np.array(returns)
    base = cross_sectional_dispersion(r, how)
    assert base >= 0
    assert cross_sectional_dispersion(r + shift, how) == pytest.approx(base, abs=1e-9, rel=1e-9)
    assert cross_sectional_dispersion(by * r, how) == pytest.approx(by * base, abs=1e-9, rel=1e-9)
