"""Checks on real history, run when XL_SMALLCAP_REAL_DATA names the folder; nothing of it is in the repository."""

from __future__ import annotations

import csv
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import num
from tests.real.conftest import AS_OF, FOLDER
from xl_smallcap.analyses.regimes.record import regime_history
from xl_smallcap.config import load_settings
from xl_smallcap.data.loading import LoadReport, load
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.store import Store
from xl_smallcap.errors import NoDataError
from xl_smallcap.functions import (
    RUSSELL_ASOF,
    RUSSELL_ATTRIBUTION,
    RUSSELL_BETA,
    RUSSELL_BETA_HISTORY,
    RUSSELL_BETAS,
    RUSSELL_DISPERSION_HISTORY,
    RUSSELL_FACTOR,
    RUSSELL_FAIR_VALUE,
    RUSSELL_FIT,
    RUSSELL_POSITIONING,
    RUSSELL_POSITIONING_HISTORY,
    RUSSELL_REGIME,
    RUSSELL_REGIME_HISTORY,
    RUSSELL_REGIME_PROB,
    RUSSELL_REGIME_RETURNS,
    RUSSELL_REGIME_SCORE,
    RUSSELL_REGIMES,
    RUSSELL_SCENARIO,
    RUSSELL_SCENARIO_SCORE,
    RUSSELL_SCENARIOS,
    RUSSELL_SNAPSHOT,
    RUSSELL_SOURCE,
    RUSSELL_TIPPING,
    RUSSELL_WINNERS,
)
from xl_smallcap.session import Session, current_session, use_session

pytestmark = pytest.mark.skipif(not FOLDER, reason="XL_SMALLCAP_REAL_DATA is not set: no real data to check on")


def beta(factor: str, stat: str = "beta", target: str | None = None, *more: Any) -> float:
    value = RUSSELL_BETA(factor, target, stat, *more)
    assert isinstance(value, (int, float))
    return float(value)


def test_the_folder_is_read_and_the_rest_named(report: LoadReport) -> None:
    assert set(report.skipped) == {
        "event_dates.csv",
        "fred_md_2025-02.csv",
        "hamilton1989_rgnp.csv",
        "cross_section/meta.csv",
    }
    assert {"RUT", "GSPC", "DGS2", "T5YIE", "DTWEXBGS", "CPIAUCSL", "ICSA"} <= set(report.snapshot.ids)
    assert RUSSELL_SNAPSHOT().startswith("folder ")
    assert str(RUSSELL_ASOF()) == "2025-12-31"


def test_spot_values() -> None:
    """Published levels on days everybody knows."""
    assert RUSSELL_FACTOR("volatility", "level", "2020-03-16") == pytest.approx(82.69)
    assert RUSSELL_FACTOR("easing", "level", "2023-03-13") == pytest.approx(-4.03)
    assert RUSSELL_FACTOR("credit", "level", "2020-03-23") == pytest.approx(10.87)
    assert RUSSELL_FACTOR("oil", "last_date", "2020-04-20") != RUSSELL_FACTOR("oil", "last_date", "2020-04-21")


@pytest.mark.parametrize(
    ("factor", "target", "window", "value", "tstat"),
    [
        ("growth", "relative", 250, 0.253, 4.96),
        ("inflation", "relative", 250, -0.112, -1.74),
        ("easing", "relative", 250, 0.082, 1.32),
        ("growth", "russell", 250, 1.053, 10.56),
        ("growth", "russell", 4948, 1.00, 33.3),
        ("growth", "relative", 4948, 0.33, 17.8),
        ("easing", "relative", 4948, 0.07, 3.7),
        ("inflation", "relative", "104w", 0.47, 1.7),
        ("growth", "relative", "60m", 1.30, 3.8),
    ],
)
def test_the_numbers_in_the_docs(factor: str, target: str, window: Any, value: float, tstat: float) -> None:
    """docs/real-data.md, computed there a second time with pandas and statsmodels, plain Newey-West errors."""
    found = beta(factor, "beta", target, window, AS_OF)
    assert found == pytest.approx(value, abs=0.006)
    assert found / beta(factor, "se_nw", target, window, AS_OF) == pytest.approx(tstat, abs=0.06)
    assert 1.0 < beta(factor, "se", target, window, AS_OF) / beta(factor, "se_nw", target, window, AS_OF) < 1.2


@pytest.mark.parametrize(
    ("factor", "target", "window", "method", "value", "tstat"),
    [
        ("easing", "relative", 250, "univariate", 0.03, 0.5),
        ("inflation", "relative", 250, "pcr", -0.13, -1.7),
        ("inflation", "relative", 250, "pls", -0.12, -1.9),
        ("growth", "relative", "104w", "pcr", 0.42, 2.7),
        ("inflation", "relative", "238m", "univariate", 0.75, 3.9),
        ("easing", "relative", "238m", "pcr", -0.32, -1.6),
        ("growth", "hedged", 250, "pcr", 0.27, 3.9),
        ("growth", "hedged", 250, "univariate", 0.25, 3.3),
    ],
)
def test_the_methods_in_the_docs(
    factor: str, target: str, window: Any, method: str, value: float, tstat: float
) -> None:
    """docs/real-data.md, The full model; computed a second time with pandas and scikit-learn by somebody else."""
    found = beta(factor, "beta", target, window, AS_OF, method)
    assert found == pytest.approx(value, abs=0.006)
    error = beta(factor, "se" if method in ("pcr", "pls") else "se_nw", target, window, AS_OF, method)
    assert found / error == pytest.approx(tstat, abs=0.06)


def test_the_attribution_in_the_docs() -> None:
    table = {row[0]: row for row in RUSSELL_ATTRIBUTION("2025-06-30", "2025-12-31", "relative")[1:]}
    wanted = {"growth": 0.12, "inflation": 0.45, "easing": 0.20, "drift": -4.95, "specific": 7.29, "total": 3.37}
    for name, value in wanted.items():
        assert table[name][1] == pytest.approx(value, abs=0.006), name
    assert sum(float(str(row[1])) for name, row in table.items() if name != "total") == pytest.approx(
        float(str(table["total"][1])), abs=1e-12
    )


@pytest.mark.parametrize(
    ("model", "target", "gap", "rsquared", "noise", "pvalue"),
    [
        ("levels", "russell", 1.26, 0.80, 0.77, 0.59),
        ("levels", "relative", 0.20, 0.73, 0.62, 0.04),
        ("changes", "russell", -3.23, 0.53, 1.00, 0.73),
    ],
)
def test_the_fair_values_in_the_docs(
    model: str, target: str, gap: float, rsquared: float, noise: float, pvalue: float
) -> None:
    def told(stat: str) -> Any:
        return RUSSELL_FAIR_VALUE(target, stat, 250, AS_OF, model)

    assert told("gap_pct") == pytest.approx(gap, abs=0.006)
    assert told("rsquared") == pytest.approx(rsquared, abs=0.006)
    assert told("noise_percentile") == pytest.approx(noise, abs=0.006)
    assert told("cointegration_pvalue") == pytest.approx(pvalue, abs=0.006)
    assert told("verdict") == "not distinguishable from noise"


@pytest.mark.parametrize("target", ["russell", "relative", "hedged"])
@pytest.mark.parametrize("window", [250, 83, "104w", "60m"])
@pytest.mark.parametrize("spec", ["macro", "macro_market", "full"])
def test_the_main_job(target: str, window: Any, spec: str) -> None:
    table = RUSSELL_BETAS(target, window, AS_OF, None, None, spec)
    rows = [dict(zip(table[0], r, strict=True)) for r in table[1:]]
    for row in rows:
        if row["role"] == "check" and row["beta"] is None:
            assert "HG_F" in str(row["construction"]) or "gap" in str(row["construction"])
            continue
        assert math.isfinite(float(str(row["beta"])))
        assert float(str(row["lower"])) < float(str(row["beta"])) < float(str(row["upper"]))
        assert row["source"] == "folder"
    fit = RUSSELL_FIT(target, "rsquared", window, AS_OF, None, spec)
    assert isinstance(fit, float)
    assert 0.05 < fit < 0.95


def test_economic_sense() -> None:
    """Cyclicals lead small caps in every long window, the market beta is near one beside growth, stress hurts."""
    assert beta("growth", "tstat", "russell", 4000, AS_OF) > 10
    assert beta("market", "beta", "hedged", 4000, AS_OF, "ols", None, "macro", "1pct") > 0.9
    assert beta("credit", "tstat", "russell", 4000, AS_OF, "ols", None, "full") < -2
    assert beta("volatility", "tstat", "russell", 4000, AS_OF, "ols", None, "full") < -10


def test_what_was_published_when() -> None:
    def last(series: str, as_of: str) -> str:
        return str(RUSSELL_SOURCE(series, as_of)[1][8])

    assert last("CPIAUCSL", "2025-12-17") == "2025-09-01"
    assert last("CPIAUCSL", AS_OF) == "2025-11-01"
    assert last("UNRATE", AS_OF) == "2025-11-01"
    assert last("ICSA", "2025-11-19") == "2025-09-20"
    assert last("TFF_RUT_LEV_SHORT", AS_OF) == "2025-12-16"


def test_positions_as_they_were_known() -> None:
    """From the CFTC's own file: RUSSELL E-MINI, 2025-12-16, 61,312 long and 103,608 short of 503,526."""
    assert RUSSELL_POSITIONING("leveraged", "net", AS_OF) == 61312 - 103608
    assert RUSSELL_POSITIONING("leveraged", "net_pct", AS_OF) == pytest.approx(
        100 * (61312 - 103608) / 503526, rel=1e-15
    )
    assert RUSSELL_POSITIONING("asset_manager", "net", AS_OF) == 167807 - 132973
    assert str(RUSSELL_POSITIONING("dealer", "last_date", AS_OF)) == "2025-12-16"
    assert str(RUSSELL_POSITIONING("dealer", "last_date", "2025-11-15")) == "2025-09-23", "nothing came in the shutdown"
    with pytest.raises(NoDataError, match=r"3 years have \d+"):
        RUSSELL_POSITIONING("leveraged", "percentile3y", "2017-05-30")
    table = RUSSELL_POSITIONING_HISTORY("leveraged", AS_OF)
    assert len(table) == 1 + 448, "every week of the file but the last two"
    gap = next(r for r in table if str(r[0]) == "2024-01-02")
    assert gap[5] is None, "no change across the gap of 2023"


def test_two_contracts_of_the_overlap_are_added() -> None:
    path = Path(str(FOLDER)) / "cot.csv"
    with path.open(encoding="utf-8") as handle:
        rows = [r for r in csv.DictReader(handle) if r["date"] == "2017-09-12" and r["code"] in ("239742", "23977A")]
    assert len(rows) == 2
    table = {str(r[0]): r for r in RUSSELL_POSITIONING_HISTORY("leveraged")}
    wanted = sum(int(r["Lev_Money_Positions_Long_All"]) - int(r["Lev_Money_Positions_Short_All"]) for r in rows)
    assert table["2017-09-12"][3] == wanted


def test_a_holdings_file_in_a_folder(tmp_path: Path) -> None:
    assert FOLDER is not None
    shutil.copy(Path(FOLDER) / "cross_section" / "iwm_holdings.csv", tmp_path)
    made = load(Store(tmp_path / "store"), str(tmp_path), lambda *_: None, add=True).snapshot
    held = made.holdings("IWM")
    assert (len(held.ticker), held.day) == (1962, "undated"), "the copy has lost its as-of line"
    assert held.ticker[:3] == ("BE", "CRDO", "FN")
    assert held.weight[0] == 0.96
    assert 99.0 < held.weight.sum() < 101.0
    assert np.isfinite(held.price).all()
    with pytest.raises(NoDataError, match="the snapshot has: undated"):
        made.holdings("IWM", np.datetime64(AS_OF))


def test_high_yield_of_three_rolling_years_and_baa_before(tmp_path: Path, report: LoadReport) -> None:
    """As FRED serves it: the spread since 2023 only. Before, Baa moves in its place, and the answers say so."""
    real = report.snapshot
    since = real.series("BAMLH0A0HYM2")
    keep = since.dates >= np.datetime64("2023-01-01")
    cut = {n: real.series(n) for n in real.ids} | {
        "BAMLH0A0HYM2": SeriesData(since.dates[keep], since.values[keep], since.available_at[keep])
    }
    store = Store(tmp_path / "store")
    store.use(store.add(cut, source="folder", provenance={n: real.entries[n].provenance for n in real.ids}).fingerprint)
    recent = beta("credit", "beta", "russell", 250, AS_OF, "ols", None, "full")
    long = beta("credit", "tstat", "russell", 4000, AS_OF, "ols", None, "full")
    use_session(Session(load_settings(tmp_path)))
    assert beta("credit", "beta", "russell", 250, AS_OF, "ols", None, "full") == pytest.approx(recent, rel=1e-6)
    spliced = beta("credit", "tstat", "russell", 4000, AS_OF, "ols", None, "full")
    assert spliced < -2, "stress hurts by Baa as well"
    assert spliced != long
    table = RUSSELL_BETAS("russell", 250, AS_OF, None, None, "full")
    row = next(r for r in table if r[0] == "credit")
    assert "BAA10Y" not in str(row[table[0].index("construction")]), "this window does not reach back"
    table = RUSSELL_BETAS("russell", 1000, AS_OF, None, None, "full")
    row = next(r for r in table if r[0] == "credit")
    assert "BAA10Y for BAMLH0A0HYM2 before 2023-01-03" in str(row[table[0].index("construction")])


def test_the_history_ends_at_the_scalar_and_starts_where_data_do() -> None:
    table = RUSSELL_BETA_HISTORY("inflation", "relative", 250, AS_OF)
    assert table[-1][1] == pytest.approx(beta("inflation", "beta", "relative", 250, AS_OF), rel=1e-10)
    assert str(table[1][0]).startswith("2007-01")
    assert len(table) > 4_600


def test_regimes_on_christmas_eve() -> None:
    assert RUSSELL_REGIME_PROB("goldilocks", None, AS_OF) == pytest.approx(0.511, abs=0.005)
    assert RUSSELL_REGIME_PROB("slowdown", 3, AS_OF) == pytest.approx(0.144, abs=0.005)
    assert RUSSELL_REGIME_PROB("goldilocks", None, AS_OF, "chains") == pytest.approx(0.882, abs=0.005)
    assert RUSSELL_REGIME_PROB("goldilocks", None, AS_OF, "chains_pce") == pytest.approx(0.095, abs=0.005)
    assert RUSSELL_REGIME_PROB("goldilocks", None, AS_OF, "bands") == pytest.approx(0.694, abs=0.005)
    table = RUSSELL_REGIMES(None, AS_OF, "chains")
    row = dict(zip(table[0], table[1], strict=True))
    assert (str(row["growth_to"]), str(row["inflation_to"])) == ("2025-09-01", "2025-11-01"), "the shutdown"
    assert "growth is carried forward 3 months" in str(row["wary_of"])
    assert "rents count as unchanged" in str(row["wary_of"]), "six-month core CPI of November 2025 is too low"
    assert "rents" not in str(RUSSELL_REGIMES(None, "2025-10-20", "chains")[1]), "September's is as it should be"
    assert float(str(row["lower"])) < 0.882 < float(str(row["upper"]))
    pool = RUSSELL_REGIMES(None, AS_OF)
    said = dict(zip(pool[0], pool[1], strict=True))["wary_of"]
    assert str(said).count("growth is carried forward") == 1, "once for all members"
    assert "chains_pce, bands_pce: inflation is carried forward 3 months from 2025-09" in str(said)
    assert RUSSELL_REGIME("2022-06-30") == "reflation"
    assert RUSSELL_REGIME("2008-11-28") == "slowdown"
    assert RUSSELL_REGIME("1998-06-30") == "goldilocks"


def test_the_report_card_and_what_the_regimes_paid() -> None:
    session = Session(load_settings(current_session().snapshot.root.parent))
    use_session(session)
    regime_history(session, "pool", None, lambda *_: None)
    card = RUSSELL_REGIME_SCORE(None, "chains")
    rows = [dict(zip(card[0], r, strict=True)) for r in card[1:]]
    (nber,) = [r for r in rows if r["truth"] == "NBER recession"]
    assert nber["n"] == 457
    assert nber["brier"] == pytest.approx(0.029, abs=0.002)
    assert nber["brier_climatology"] == pytest.approx(0.073, abs=0.002)
    pooled = [dict(zip(RUSSELL_REGIME_SCORE()[0], r, strict=True)) for r in RUSSELL_REGIME_SCORE()[1:]]
    (three,) = [
        r for r in pooled if r["truth"] == "thresholds" and r["horizon_months"] == 3 and r["regime"] == "goldilocks"
    ]
    assert three["brier"] == pytest.approx(0.1415, abs=0.001)
    assert float(str(three["brier"])) > float(str(three["brier_persistence"])), (
        "last month's regime is the better guide, and the card says so"
    )
    history = RUSSELL_REGIME_HISTORY(None, None, "chains")
    named = {str(r[0])[:7]: r[5] for r in history[1:]}
    assert all(named[m] == "reflation" for m in ("2021-06", "2022-12", "2024-08"))
    assert named["2009-03"] == "slowdown"
    paid = RUSSELL_REGIME_RETURNS(None, None, "chains")
    returns = [dict(zip(paid[0], r, strict=True)) for r in paid[1:]]
    by = {(r["regime"], r["months"]): r for r in returns}
    assert by["reflation", "next month"]["mean"] == pytest.approx(-0.45, abs=0.02)
    assert by["reflation", "next month"]["verdict"] == "not enough evidence", "above 3 % is not enough to tell"
    assert by["goldilocks", "next month"]["verdict"] == "not enough evidence", "the claim is not supported"
    hedged = {(r[0], r[1]): r for r in RUSSELL_REGIME_RETURNS("hedged", None, "chains")[1:]}
    assert hedged["reflation", "next month"][3] == 2, "two spells"
    assert "not enough evidence" in hedged["reflation", "next month"]


def test_scenarios_on_christmas_eve() -> None:
    table = RUSSELL_SCENARIOS("relative", 6, AS_OF)
    rows = {r[0]: dict(zip(table[0], r, strict=True)) for r in table[1:]}
    odds = "prob_outperform, conditional on the path"
    assert rows["growth_low_inflation"][odds] == pytest.approx(0.591, abs=0.005)
    assert rows["rebound_then_pause"][odds] == pytest.approx(0.583, abs=0.005)
    assert rows["growth_disappoints"]["mean"] == pytest.approx(-2.22, abs=0.05)
    assert rows["growth_low_inflation"]["warning"] == "none", "signs differ, and not by more than their errors"
    assert RUSSELL_SCENARIO("goldman", None, "share_residual", 6, AS_OF) == pytest.approx(0.976, abs=0.005)
    tipped = RUSSELL_TIPPING("growth", "goldman", None, None, AS_OF)
    assert tipped == pytest.approx(-0.41, abs=0.05)
    assert abs(num(RUSSELL_TIPPING("inflation", "goldman", None, None, AS_OF))) > 500, "all weeks: nearly no beta"


def test_how_good_projections_were() -> None:
    table = RUSSELL_SCENARIO_SCORE("relative", 1, AS_OF)
    rows = {r[0]: dict(zip(table[0], r, strict=True)) for r in table[1:7]}
    assert rows["path"]["n"] == 178
    assert rows["path"]["brier"] == pytest.approx(0.2176, abs=0.002)
    assert rows["path"]["auc"] == pytest.approx(0.711, abs=0.005)
    assert rows["path"]["coverage90"] == pytest.approx(0.904, abs=0.01)
    assert rows["none"]["brier"] == 0.25, "without the path there is no skill"
    assert rows["base_rate"]["brier"] == pytest.approx(0.253, abs=0.002)


stocks = pytest.mark.skipif(
    not (Path(str(FOLDER)) / "cross_section").is_dir(), reason="this folder of real data has no subfolder cross_section"
)


@stocks
def test_dispersion_depends_on_its_definition() -> None:
    """Design saw on survivors, 2020 to 2024: ratio of sds 1.9 to 2.1, of interquartile ranges 1.5 to 1.7."""
    table = RUSSELL_DISPERSION_HISTORY("ratio", "1m", "2022-12-30", "2020-01-01")
    head = table[0]
    equal, iqr = ([num(r[head.index(w)]) for r in table[1:]] for w in ("equal", "iqr"))
    assert 1.9 < np.median(equal) < 2.15
    assert 1.4 < np.median(iqr) < 1.7
    assert all(row[head.index("cap")] is None for row in table[1:]), "no weights by date"
    assert all("survivors only" in str(row[head.index("membership")]) for row in table[1:])


@stocks
def test_winners_are_the_events_everybody_knows() -> None:
    """Madrigal's trial of 19 December 2022, Indivior's share consolidation; mortgage REITs in March 2020."""
    table = RUSSELL_WINNERS(3, 63, "2022-12-30")
    winners = {str(r[1]): dict(zip(table[0], r, strict=True)) for r in table[1:]}
    assert {"MDGL", "INDV"} <= set(winners)
    assert winners["INDV"]["suspect"] and not winners["MDGL"]["suspect"]
    assert num(winners["MDGL"]["pvalue_bh"]) < 0.01
    losers = {r[1] for r in RUSSELL_WINNERS(-10, 63, "2020-03-31")[1:]}
    assert len(losers & {"MITT", "IVR", "MFA", "ACR", "CIM", "ARR"}) >= 4
    note = str(RUSSELL_WINNERS(1, 63, "2020-03-31")[1][-2])
    assert "13 % of them outside their 90 % interval (39 % without)" in note, "errors know that the quarter was wild"


@stocks
def test_a_stock_is_a_target_and_the_splits_are_flagged(report: LoadReport) -> None:
    assert num(RUSSELL_BETA("growth", "AAPL", "tstat", 250, "2022-12-15")) > 5
    assert any("a factor of about 2, 3, 4 or more between two closes" in r and "QUBT" in r for r in report.remarks)
    assert any("no price of" in r for r in report.remarks)


def test_open_interest_does_not_double_by_ices_split() -> None:
    table = RUSSELL_POSITIONING_HISTORY("leveraged")
    ids = {str(r[0]): r for r in table[1:]}
    assert ids["2015-12-29"][-1] == "ICE 23977A"
    assert ids["2020-06-02"][-1] == "CME 239742"
    assert "added" in str(ids["2017-10-03"][-1])
    interest = RUSSELL_SOURCE("TFF_RUT_OI", "2016-01-10")
    assert interest[1][interest[0].index("value")] == 2 * 365_067
