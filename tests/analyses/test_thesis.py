"""The thesis: numbers are those of the other functions, verdicts follow the rule, nothing is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from tests.conftest import num
from tests.hosts import independent as check
from tests.reference.hac import leverage_hac
from xl_smallcap.analyses.thesis import opposite, overall, side
from xl_smallcap.config import load_settings
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.store import Store
from xl_smallcap.errors import NoDataError
from xl_smallcap.functions import (
    RUSSELL_BETA,
    RUSSELL_DISPERSION,
    RUSSELL_GAUGE,
    RUSSELL_POSITIONING,
    RUSSELL_REGIME_PROB,
    RUSSELL_REGIMES,
    RUSSELL_SCENARIO,
    RUSSELL_THESIS,
)
from xl_smallcap.models.dispersion import bootstrap_ratio
from xl_smallcap.session import Session, use_session
from xl_smallcap.types import BetaStat, Weighting

CLAIMS = {
    "Growth is positive": 4,
    "Easing is positive": 2,
    "Inflation is negative": 2,
    "Goldilocks is likely": 1,
    "Growth with low inflation beats rebound then pause": 3,
    "Dispersion is more than twice the S&P's": 3,
    "Positioning is light": 2,
    "Short interest is high": 1,
    "Valuation is above average": 2,
    "Earnings estimates are too high": 1,
}
FOUND = {"Growth is positive": 1, "Easing is positive": 1, "Inflation is negative": 1,
         "Soft inflation prints help": 2, "Strong payrolls help": 2, "Cuts as such help": 2}  # fmt: skip
"""Rows at the end: levels, found in these data; and each claim about news, on its untouched set and since 2006."""


def rows(as_of: str | None = None) -> list[dict[str, Any]]:
    head, *table = RUSSELL_THESIS(as_of)
    return [dict(zip(map(str, head), row, strict=True)) for row in table]


def test_every_claim_has_its_rows_and_each_verdict_follows_from_the_numbers(session: Session) -> None:
    for as_of in (None, "2016-02-12", "2021-06-30"):
        table = rows(as_of)
        assert [(r["claim"]) for r in table] == [c for d in (CLAIMS, FOUND) for c, n in d.items() for _ in range(n)]
        for r in table:
            own = [q["verdict"] for q in table if q["claim"] == r["claim"] and q["status"] == "fixed before looking"]
            assert r["claim_verdict"] == overall(own)
            if r["value"] is None:
                assert r["verdict"] == "not tested"
                assert str(r["note"]).endswith((".", "20.")), r["note"]
            elif r["basis"] in ("levels", "untouched", "mid-caps") or r["claim"] == "Strong payrolls help":
                assert r["verdict"] in ("supported", "contradicted", "unclear")
            elif r["lower"] is not None:
                edge = {"share": 0.5, "times": 2.0}.get(r["unit"], 0.0)
                assert r["lower"] <= r["value"] <= r["upper"] or r["unit"] in ("share", "times")
                above = "supported" if r["lower"] > edge else "contradicted" if r["upper"] < edge else None
                if r["claim"] == "Inflation is negative":
                    above = {"supported": "contradicted", "contradicted": "supported"}.get(str(above))
                assert r["verdict"] == (above or ("mixed" if r["basis"] == "pool" else "unclear"))


def test_numbers_are_those_of_the_other_functions(session: Session) -> None:
    day = "2025-06-30"
    table = rows(day)
    columns: tuple[tuple[str, BetaStat], ...] = (
        ("value", "beta"), ("lower", "lower"), ("upper", "upper"), ("last_date", "last_date"),
    )  # fmt: skip
    signs = [("growth", "macro"), ("growth_metals", "macro:growth_metals"), ("easing", "macro"), ("inflation", "macro")]
    for k, (factor, spec) in enumerate(signs):
        for j, window in enumerate(("250", "60m")):
            r = table[2 * k + j]
            for column, stat in columns:
                assert r[column] == RUSSELL_BETA(factor, "relative", stat, window, day, None, None, spec)
    assert table[8]["value"] == RUSSELL_REGIME_PROB("goldilocks", 3, day)
    assert [table[8]["lower"], table[8]["upper"]] == RUSSELL_REGIMES(3, day)[1][5:7]
    apart = [num(RUSSELL_SCENARIO(p, None, "mean", 6, day)) for p in ("goldman", "jpmorgan")]
    assert table[9]["value"] == pytest.approx(apart[0] - apart[1], abs=1e-12)
    weightings: tuple[Weighting, ...] = ("equal", "winsor", "iqr")
    for k, weighting in enumerate(weightings):
        assert table[12 + k]["value"] == RUSSELL_DISPERSION("ratio", "value", weighting, "1m", day)
    for k, category in enumerate(("asset_manager", "leveraged")):
        assert table[15 + k]["value"] == RUSSELL_POSITIONING(category, "percentile5y", day)
    assert table[17]["value"] == RUSSELL_GAUGE("short_interest", "percentile5y", day)
    assert table[18]["value"] == RUSSELL_GAUGE("pe_all", "z5y", day)
    assert table[20]["value"] == RUSSELL_GAUGE("eps_growth", "percentile5y", day)


@pytest.mark.parametrize(("place", "window"), [(9, "104w"), (10, "250"), (11, "60m")])
def test_the_difference_of_paths_by_statsmodels(session: Session, place: int, window: str) -> None:
    """Betas and covariance by statsmodels on each window; the paths' factor changes by conditioning by hand."""
    r = rows()[place]
    weekly = check.weekly_model("relative", None)
    names = list(weekly.X.columns)
    expected = []
    for path in ("growth_low_inflation", "rebound_then_pause"):
        given: dict[int, float] = {}
        for shock in session.scenarios.find(path).shocks:
            k = names.index(shock.factor)
            given[k] = sum(shock.by_month) if shock.by_month else shock.total
        expected.append(check.expected(weekly, given, 4.2 * 6))
    moves = expected[0] - expected[1]
    _, X, y = check.window_of("relative", window)
    lags = int(4 * (len(y) / 100) ** (2 / 9))
    hac = leverage_hac(y, sm.add_constant(X), lags)
    b, V = hac.params.to_numpy()[1:], hac.cov_params().to_numpy()[1:, 1:]
    if window == "104w":
        b, V = weekly.beta, weekly.V
    assert r["value"] == pytest.approx(float(b @ moves), rel=1e-9)
    half = float(np.sqrt(moves @ V @ moves)) * stats.t.ppf(0.95, len(y) - 6)
    assert r["upper"] - r["value"] == pytest.approx(half, rel=1e-9)


def test_interval_of_a_ratio_of_dispersions_against_theory_and_twice_the_same() -> None:
    rng = np.random.default_rng(1)
    one, two = 2.0 * rng.standard_normal(2000), rng.standard_normal(500)
    low, high = bootstrap_ratio(one, two, "equal", 2000, 7, 0.9)
    assert bootstrap_ratio(one, two, "equal", 2000, 7, 0.9) == (low, high)
    ratio = one.std() / two.std()
    half = 1.645 * ratio * np.sqrt(1 / 4000 + 1 / 1000)
    assert (high - low) / 2 == pytest.approx(half, rel=0.08)
    assert low < ratio < high


def test_rules_in_words() -> None:
    assert side(2.1, 3.0, 2.0) == "supported"
    assert side(1.0, 1.9, 2.0) == "contradicted"
    assert side(2.0, 3.0, 2.0) == side(1.0, 2.0, 2.0) == "unclear"
    assert side(float("nan"), float("nan"), 0.0) == "unclear"
    assert opposite("supported") == "contradicted"
    assert opposite("unclear") == "unclear"
    assert overall(["supported", "supported"]) == "supported"
    assert overall(["supported", "contradicted"]) == overall(["supported", "unclear"]) == "mixed"
    assert overall(["not tested", "not tested"]) == "not tested"
    assert overall(["supported", "not tested"]) == "unclear", "not supported by the ways that happened to work"
    assert overall(["supported", "contradicted", "not tested"]) == "mixed"


@pytest.mark.parametrize(
    ("last", "before", "verdicts"),
    [
        (30.0, 40.0, ["supported", "supported", "supported"]),
        (-30.0, -40.0, ["contradicted", "contradicted", "contradicted"]),
        (30.0, 20.0, ["supported", "supported", "unclear"]),
        (0.2, 0.1, ["unclear", "unclear", "unclear"]),
    ],
)
def test_gauges_alone(tmp_path: Path, last: float, before: float, verdicts: list[str]) -> None:
    """High and revised down, low and revised up, high and revised up, in the middle; the rest says what is missing."""
    dates = np.arange("2020-01", "2026-01", dtype="datetime64[M]").astype("datetime64[D]")
    values = 10.0 * np.sin(np.arange(dates.size) * 2.0)
    values[-1], values[-4:-1] = last, before
    series = {n: SeriesData.build(dates, values) for n in ("SHORT_INTEREST", "PE_ALL", "EPS_GROWTH")}
    store = Store(tmp_path / "store")
    store.use(store.add(series, source="folder", synthetic=False).fingerprint)
    use_session(Session(load_settings(tmp_path)))
    table = rows()
    use_session(None)
    actual = [r["verdict"] for r in table if r["claim"] == "Short interest is high" or r["basis"] == "pe_all"]
    earnings = next(r for r in table if r["claim"] == "Earnings estimates are too high")
    assert [*actual, earnings["verdict"]] == verdicts
    assert all(r["note"] for r in table if r["value"] is None)
    assert next(r for r in table if r["basis"] == "pe_positive")["claim_verdict"] in ("unclear", "not tested")


def test_without_any_data_the_error_says_so(session: Session) -> None:
    with pytest.raises(NoDataError, match="No claim of the thesis can be looked at"):
        RUSSELL_THESIS("1951-01-01")


def test_a_set_that_is_not_there_still_counts_in_the_correction(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a claim would be clearer because another could not be tested."""
    from xl_smallcap.analyses import thesis as module

    def notes() -> dict[str, str]:
        return {r["claim"]: str(r["note"]) for r in rows() if r["basis"] in ("untouched", "mid-caps")}

    assert "MDY_ADJ" in notes()["Cuts as such help"]
    # the sample begins in 2006, so that two of the three cannot be tested whatever mid-caps there are
    monkeypatch.setattr(module, "MID_CAPS", session.catalogue.targets["relative"])
    monkeypatch.setattr(module, "student_upper", lambda t, df: 0.02)
    assert notes()["Cuts as such help"] == "p after Holm 0.06."
