"""What must be true: implied multiples, break-even lines; mixtures of paths by the user's weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from xl_smallcap import BadArgumentError, FitError, functions
from xl_smallcap.analyses.scenarios.projection import project_path
from xl_smallcap.functions.parameters import SPEC, TARGET
from xl_smallcap.functions.shocks import projection_question, scenario_question
from xl_smallcap.models.projection import StudentOutcome
from xl_smallcap.session import Session

F: Any = functions
HALF = [["growth", 2, "pct"], ["easing", 30, "bp"]]


def test_the_implied_multiple_is_where_the_odds_are_those(session: Session) -> None:
    for odds in (0.3, 0.5, 0.6, 0.75):
        m = F.RUSSELL_IMPLIED(odds, HALF, "relative", None, 6)
        scaled = [[f, m * v, u] for f, v, u in HALF]
        assert F.RUSSELL_PROJECTION(scaled, "relative", "prob_outperform", 6) == pytest.approx(odds, abs=1e-9)
    assert F.RUSSELL_IMPLIED(None, HALF, "relative", None, 6) == F.RUSSELL_IMPLIED(0.5, HALF, "relative", None, 6)
    # the Russell's own odds against the S&P are relative's
    assert F.RUSSELL_IMPLIED(0.6, HALF, "russell") == F.RUSSELL_IMPLIED(0.6, HALF, "relative")


def test_its_interval_is_where_the_mean_is_just_told_from_the_one_wanted(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(session.__dict__, "settings", replace(session.settings, scenario_bundle=0))
    path = [["growth", 5, "pct"]]
    table = dict(F.RUSSELL_IMPLIED(0.6, path, "relative", "all", 6)[1:])
    assert table["lower"] < table["multiple"] < table["upper"]
    question = projection_question(TARGET.read(session, "relative"), None, SPEC.read(session, None))
    for end in (table["lower"], table["upper"]):
        rows = [[f, end * v, u] for f, v, u in path]
        made = project_path(session, scenario_question(session, rows, 6, question))
        law = made.outcome
        assert isinstance(law, StudentOutcome)
        wanted = stats.t.ppf(0.6, law.df) * law.scale
        d = made.analytic.deviations[-1]
        error = np.sqrt(d @ made.fitted.model.beta_covariance @ d)
        assert abs(law.mean - wanted) / error == pytest.approx(stats.t.ppf(0.95, 98), rel=1e-6)


def test_at_one_half_it_is_fieller_s_for_a_path_of_one_factor(session: Session) -> None:
    table = dict(F.RUSSELL_IMPLIED(0.5, [["growth", 1, "pct"]], "relative", "all", 3)[1:])
    tipping = {r[0]: r for r in F.RUSSELL_TIPPING(None, [["growth", 1, "pct"]], "relative", 3)[1:]}["growth"]
    assert table["multiple"] == pytest.approx(tipping[1], abs=1e-9)
    assert (table["lower"], table["upper"]) == pytest.approx((tipping[3], tipping[4]), abs=1e-6)


def test_odds_that_no_multiple_makes_are_refused_with_those_it_makes(session: Session) -> None:
    table = dict(F.RUSSELL_IMPLIED(0.6, HALF, "relative", "all", 6)[1:])
    if table["lower"] is None:
        with pytest.raises(FitError, match="The data cannot bound it: 'lower'"):
            F.RUSSELL_IMPLIED(0.6, HALF, "relative", "lower", 6)
    with pytest.raises(FitError, match=r"No multiple of the path up to 20 times makes the odds 0.999"):
        F.RUSSELL_IMPLIED(0.999, [["oil", 1, "pct"]], "relative", None, 1)
    for odds in (0, 1, 1.2, -0.1, True, "most"):
        with pytest.raises(BadArgumentError, match="must lie between 0 and 1"):
            F.RUSSELL_IMPLIED(odds, "goldman")


def test_along_the_line_the_odds_are_one_half(session: Session) -> None:
    table = F.RUSSELL_BREAKEVEN("growth", "easing", None, "relative", 6)
    heads = [str(h) for h in table[0]]
    rows = [dict(zip(heads, r, strict=True)) for r in table[1:]]
    for r in (rows[0], rows[4], rows[8]):
        shocks = [["growth", r["across"], "pct"], ["easing", r["down"], "bp"]]
        assert F.RUSSELL_PROJECTION(shocks, "relative", "prob_outperform", 6) == pytest.approx(0.5, abs=1e-9)
    assert [r["across_sd"] for r in rows] == pytest.approx(np.arange(-2, 2.5, 0.5))
    slopes = np.diff([r["down"] for r in rows]) / np.diff([r["across"] for r in rows])
    assert slopes == pytest.approx(slopes[0])
    given = F.RUSSELL_BREAKEVEN("growth", "easing", [["oil", 10, "pct"]], "relative", 6)
    middle = [["growth", given[5][0], "pct"], ["easing", given[5][1], "bp"], ["oil", 10, "pct"]]
    assert F.RUSSELL_PROJECTION(middle, "relative", "prob_outperform", 6) == pytest.approx(0.5, abs=1e-9)
    with pytest.raises(BadArgumentError, match="A line needs two factors"):
        F.RUSSELL_BREAKEVEN("growth", "growth")
    with pytest.raises(BadArgumentError, match="is measured against"):
        F.RUSSELL_BREAKEVEN("growth", "easing", None, "sp500")


def test_coverage_of_intervals_of_what_must_be_true() -> None:
    """Drawn from a known model: the interval of a tipping point holds the true one as often as it says."""
    from xl_smallcap.analyses.scenarios.needle import _fieller
    from xl_smallcap.models.projection import fit_factor_model

    rng, held, bounded = np.random.default_rng(3), 0, 0
    for _ in range(800):
        X = rng.standard_normal((104, 2))
        y = X @ [0.6, 0.4] + rng.standard_normal(104)
        model = fit_factor_model(y, X, ("a", "b"), np.zeros(2, dtype=bool))
        base, per = np.array([1.0, 0.0]), np.array([0.0, 1.0])  # the first is given as one, the second is sought
        a, c = float(model.beta @ base), float(model.beta @ per)
        low, high = _fieller(a, c, base, per, model.beta_covariance, model.nobs, 0.9)
        if np.isfinite(low):
            bounded += 1
            held += low <= -1.5 <= high
    assert bounded > 700
    assert held / bounded == pytest.approx(0.9, abs=0.03)


def test_weights_mix_the_paths_distributions(session: Session) -> None:
    weights = [["path", "weight"], ["goldman", 0.6], ["growth_disappoints", 0.4]]
    table = F.RUSSELL_SCENARIOS("relative", 6, None, weights)
    heads = [str(h) for h in table[0]]
    rows = {r[0]: dict(zip(heads, r, strict=True)) for r in table[1:]}
    blend, one, two = (rows[n] for n in ("blend", "growth_low_inflation", "growth_disappoints"))
    assert (one["weight"], two["weight"], rows["no_change"]["weight"]) == (0.6, 0.4, 0.0)
    mean = 0.6 * one["mean"] + 0.4 * two["mean"]
    second = 0.6 * (one["sd"] ** 2 + one["mean"] ** 2) + 0.4 * (two["sd"] ** 2 + two["mean"] ** 2)
    assert blend["mean"] == pytest.approx(mean)
    assert blend["sd"] == pytest.approx(np.sqrt(second - mean**2))
    odds = "prob_outperform, conditional on the path"
    assert blend[odds] == pytest.approx(0.6 * one[odds] + 0.4 * two[odds])
    assert blend["p5"] < blend["p50"] < blend["p95"]
    assert blend["base_rate"] == one["base_rate"]
    plain = F.RUSSELL_SCENARIOS("relative", 6)
    assert [r[:-1] for r in plain[1:]] == [r[:-1] for r in table[1:-1]], "weights change no path"
    assert all(r[-1] is None for r in plain[1:])
    market = F.RUSSELL_SCENARIOS("sp500", 6, None, weights)
    assert market[-1][heads.index(odds)] is None, "it is what outperformance is measured against"


def test_a_path_without_a_weight_is_left_out_and_without_any_there_is_no_blend(session: Session) -> None:
    given = F.RUSSELL_SCENARIOS("relative", 6, None, [["goldman", 0.6], ["no_change", None], ["jpmorgan", 0.4]])
    assert given == F.RUSSELL_SCENARIOS("relative", 6, None, [["goldman", 0.6], ["jpmorgan", 0.4]])
    assert F.RUSSELL_SCENARIOS("relative", 6, None, [["goldman", None]]) == F.RUSSELL_SCENARIOS("relative", 6)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([["goldman", 0.6], ["jpmorgan", 0.3]], r"add up to 0.9, not to 1 \(growth_low_inflation 0.6, rebound"),
        ([["goldman", 60], ["jpmorgan", 40]], "must lie between 0 and 1; got the number 60"),
        ([["goldman", 0.5], ["growth_low_inflation", 0.5]], "is given twice"),
        ([["goldmann", 1.0]], "Did you mean 'goldman'"),
        ([["goldman", None], ["jpmorgan", 0.4]], "add up to 0.4, not to 1"),
        ("goldman", "give a range of two columns"),
    ],
)
def test_weights_that_are_none(session: Session, weights: Any, said: str) -> None:
    with pytest.raises(BadArgumentError, match=said):
        F.RUSSELL_SCENARIOS("relative", 6, None, weights)


def test_shapley_takes_eight_factors(session: Session) -> None:
    eight = ["growth", "inflation", "easing", "real_yield", "credit", "dollar", "oil", "volatility"]
    units = ["pct", "bp", "bp", "bp", "bp", "pct", "pct", "sd"]
    rows = [[f, 0.5, u] for f, u in zip(eight, units, strict=True)]
    worth = [F.RUSSELL_PROJECTION(rows, "relative", f"shapley:{f}", 3, spec="full") for f in eight]
    mean = F.RUSSELL_PROJECTION(rows, "relative", "mean", 3, spec="full")
    assert sum(worth) == pytest.approx(mean, abs=1e-9), "relative has no drift, so no path is worth nothing"
    with pytest.raises(BadArgumentError, match="take at most 8 factors; the path names 9"):
        F.RUSSELL_PROJECTION([*rows, ["market", 1, "pct"]], "hedged", "shapley:growth", 3, spec="full")
    with pytest.raises(BadArgumentError, match="Unknown stat 'shapley:oil'"):
        F.RUSSELL_SCENARIO("goldman", "relative", "shapley:oil")
