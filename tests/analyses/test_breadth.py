"""Dispersion, winners, positions and gauges on data made for the purpose."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import num
from tests.hosts import independent_stocks as check
from xl_smallcap.analyses.dispersion import WEIGHTINGS, Spreads, dispersion
from xl_smallcap.config import load_settings
from xl_smallcap.data.cross_section import NUMBERS, CrossSection, Holdings, jumps
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import HoldingsEntry, PricesPart
from xl_smallcap.data.sources import cftc
from xl_smallcap.data.sources.tables import read_sheet
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, NoDataError
from xl_smallcap.functions import (
    RUSSELL_BETA,
    RUSSELL_DISPERSION,
    RUSSELL_DISPERSION_HISTORY,
    RUSSELL_GAUGE,
    RUSSELL_POSITIONING,
    RUSSELL_SOURCE,
    RUSSELL_STATUS,
    RUSSELL_WINNERS,
)
from xl_smallcap.session import Session, current_session, use_session
from xl_smallcap.types import FloatArray, Window

N = 40


def held(fund: str, day: str, weight: FloatArray, prefix: str = "T") -> Holdings:
    names = tuple(f"{prefix}{k:02d}" for k in range(weight.size))
    blank = ("",) * weight.size
    missing = {n: np.full(weight.size, np.nan) for n in NUMBERS if n != "weight"}
    stamp = np.datetime64("NaT" if day == "undated" else day, "D")
    return Holdings(fund, stamp, names, blank, blank, ("Equity",) * weight.size, weight, **missing)


def made(root: Path, prices: FloatArray, lists: list[Holdings], first: str = "2025-01-02") -> Session:
    """A snapshot of forty stocks of the Russell and, as S, forty of the S&P with half their moves."""
    store = Store(root / "store")
    dates = np.busday_offset(first, np.arange(prices.shape[0]), roll="forward")
    half = prices[:1] * np.sqrt(prices / prices[:1])
    names = tuple(sorted([*(f"S{k:02d}" for k in range(N)), *(f"T{k:02d}" for k in range(N))]))
    stocks = CrossSection(dates, names, np.column_stack([half, prices]))
    entry = store.put_prices(stocks, PricesPart("folder", "prices.csv", "", names))
    owned = [
        HoldingsEntry(store.put(h), h.fund, h.day, len(h.ticker), "folder", "w.csv")
        for h in [*lists, held("IVV", "undated", np.full(N, np.nan), "S")]
    ]
    levels = SeriesData.build(dates, np.linspace(2000.0, 2100.0, dates.size))
    snapshot = store.add({"RUT": levels}, source="folder", holdings=owned, prices=entry)
    store.use(snapshot.fingerprint)
    opened = Session(load_settings(root))
    use_session(opened)
    return opened


def walk(n: int = 60, seed: int = 3) -> FloatArray:
    return np.asarray(50.0 * np.exp(np.cumsum(0.02 * np.random.default_rng(seed).standard_normal((n, N)), axis=0)))


@pytest.fixture(autouse=True)
def _session_of_the_environment() -> Any:
    yield
    use_session(None)


EQUAL = np.full(N, 100.0 / N)


def test_equal_and_cap_by_hand_with_weights_that_drift(tmp_path: Path) -> None:
    prices, weight = walk(), np.linspace(1.0, 4.0, N)
    made(tmp_path, prices, [held("IWM", "2025-02-14", weight)])
    returns = 100 * (prices[59] / prices[38] - 1)
    assert RUSSELL_DISPERSION() == pytest.approx(returns.std())
    assert RUSSELL_DISPERSION(stat="annualised") == pytest.approx(returns.std() * np.sqrt(12))
    own = weight * prices[38] / prices[31]  # from the list's Friday to the period's start
    own /= own.sum()
    assert RUSSELL_DISPERSION(weighting="cap") == pytest.approx(np.sqrt(own @ (returns - own @ returns) ** 2))
    days = [
        RUSSELL_DISPERSION(window=1, as_of=str(np.busday_offset("2025-01-02", k, roll="forward")))
        for k in range(39, 60)
    ]
    assert RUSSELL_DISPERSION(stat="average") == pytest.approx(np.mean(np.array(days, dtype=float)))
    assert RUSSELL_DISPERSION(stat="mean") == pytest.approx(returns.mean())
    assert RUSSELL_DISPERSION(stat="mean", weighting="cap") == pytest.approx(own @ returns)
    with pytest.raises(BadArgumentError, match="A ratio of dispersions has no mean return"):
        RUSSELL_DISPERSION("ratio", "mean")
    rows = RUSSELL_DISPERSION_HISTORY()
    assert [r[4] for r in rows[1:]] == [RUSSELL_DISPERSION(weighting="iqr", as_of=r[0]) for r in rows[1:]]


def test_cap_weights_only_where_they_are_of_the_day(tmp_path: Path) -> None:
    made(tmp_path, walk(), [held("IWM", "2024-12-01", EQUAL)])
    with pytest.raises(NoDataError, match=r"the snapshot has of 2024-12-01 ones \(at most 45 days older are taken\)"):
        RUSSELL_DISPERSION(weighting="cap")
    assert RUSSELL_DISPERSION(stat="membership") == "Russell 2000 members of 2024-12-01"
    made(tmp_path / "b", walk(), [held("IWM", "undated", EQUAL)])
    with pytest.raises(NoDataError, match="the snapshot has undated ones"):
        RUSSELL_DISPERSION(weighting="cap")
    membership = "Russell 2000 members of an undated list applied to an earlier day: survivors only"
    assert RUSSELL_DISPERSION(stat="membership") == membership
    made(tmp_path / "c", walk(), [held("IWM", "2025-03-20", EQUAL)])
    assert "the list of 2025-03-20 applied to an earlier day: survivors only" in str(
        RUSSELL_DISPERSION(stat="membership")
    )
    made(tmp_path / "d", walk(), [held("IWM", "undated", np.full(N, np.nan))])
    with pytest.raises(NoDataError, match="has members without weights"):
        RUSSELL_DISPERSION(weighting="cap")
    with pytest.raises(NoDataError, match="so the weight covered is not known"):
        RUSSELL_DISPERSION(stat="weight_covered")
    with pytest.raises(NoDataError, match="so the weight covered is not known"):
        RUSSELL_DISPERSION("ratio", "weight_covered")
    with pytest.raises(NoDataError, match="S&P 500 from .* has members without weights"):
        RUSSELL_DISPERSION("sp500", weighting="cap")


def test_weights_as_old_as_may_be_serve_a_short_window_too(tmp_path: Path) -> None:
    made(tmp_path, walk(), [held("IWM", "2025-02-10", np.linspace(1.0, 4.0, N))])
    for window in (1, "1w", 5):
        rows = RUSSELL_DISPERSION_HISTORY("russell", window)
        assert rows[-1][rows[0].index("cap")] == RUSSELL_DISPERSION("russell", None, "cap", window)


def test_the_ratio_is_of_the_same_days(tmp_path: Path) -> None:
    prices = walk()
    opened = made(tmp_path, prices, [held("IWM", "2025-02-14", EQUAL)])
    ratio = dispersion(opened, "ratio", "equal", Window(21, "daily"), None)
    assert ratio.other is not None
    assert (ratio.spread.start, ratio.spread.end) == (ratio.other.start, ratio.other.end)
    assert ratio.value == pytest.approx(num(RUSSELL_DISPERSION()) / num(RUSSELL_DISPERSION("sp500")))
    assert 1.9 < ratio.value < 2.2


def test_missing_delisted_and_unsplit_stocks_are_counted(tmp_path: Path) -> None:
    prices = walk()
    prices[45:, 0] = np.nan  # delisted in the window
    prices[:, 1] = np.nan  # never a price
    prices[38, 2] = np.nan  # not on the first day
    prices[50:, 3] /= 10.0  # a split not adjusted
    weight = np.full(N, 2.0) + np.where(np.arange(N) < 2, 8.0, -8.0 / 19)
    made(tmp_path, prices, [held("IWM", "2025-02-14", 100 * weight / weight.sum())])
    assert RUSSELL_DISPERSION(stat="members") == N
    assert RUSSELL_DISPERSION(stat="nobs") == N - 4
    assert RUSSELL_DISPERSION(stat="coverage") == pytest.approx(100 * (N - 4) / N)
    covered = weight[[k for k in range(N) if k > 3]].sum() / weight.sum()
    assert RUSSELL_DISPERSION(stat="weight_covered") == pytest.approx(100 * covered)
    assert RUSSELL_DISPERSION(stat="gone") == 1
    assert RUSSELL_DISPERSION(stat="flagged") == 1
    pairs = {w: (RUSSELL_DISPERSION(weighting=w), RUSSELL_DISPERSION(stat="mean", weighting=w)) for w in WEIGHTINGS}
    without = prices.copy()
    without[:, 3] = np.nan
    made(tmp_path / "without", without, [held("IWM", "2025-02-14", 100 * weight / weight.sum())])
    for w in WEIGHTINGS:
        assert pairs[w] == (RUSSELL_DISPERSION(weighting=w), RUSSELL_DISPERSION(stat="mean", weighting=w)), w


def test_jumps_found_at_once_are_those_of_each_period_alone(tmp_path: Path) -> None:
    rng, prices = np.random.default_rng(7), walk()
    for column in rng.choice(N, N // 3, replace=False):
        prices[rng.integers(1, prices.shape[0]) :, column] *= rng.choice([0.1, 0.5, 2.0, 5.0])
    prices[rng.random(prices.shape) < 0.1] = np.nan
    made(tmp_path, prices, [held("IWM", "2025-02-14", EQUAL)])
    session = current_session()
    session.follow()
    spreads = Spreads(session, Window(5, "daily"), None, whole=True)
    members = [t.startswith("T") for t in spreads.data.tickers]
    total = 0
    for period in spreads.periods():
        i, j = int(spreads.ends[period - 5]), int(spreads.ends[period])
        one = spreads.data.prices[i : j + 1, members]
        both = np.isfinite(one[[0, -1]]).all(axis=0)
        alone = jumps(np.log(one[:, both])).any(axis=0)
        assert spreads.spread("russell", period).flagged == alone.sum()
        assert spreads.spread("russell", period).returns == pytest.approx(
            100.0 * (one[-1, both][~alone] / one[0, both][~alone] - 1.0)
        )
        total += int(alone.sum())
    assert total > 3


def test_a_split_across_a_missing_day_is_flagged(tmp_path: Path) -> None:
    prices = walk()
    prices[49, 3] = np.nan
    prices[50:, 3] /= 10.0
    made(tmp_path, prices, [held("IWM", "2025-02-14", EQUAL)])
    assert RUSSELL_DISPERSION(stat="flagged") == 1


def test_two_lines_of_a_stock_are_one_member(tmp_path: Path) -> None:
    twice = held("IWM", "2025-02-14", np.append(EQUAL * 0.9, 10.0))
    names = (*twice.ticker[:-1], "T00")
    made(tmp_path, walk(), [Holdings(**{**twice.__dict__, "ticker": names})])
    assert RUSSELL_DISPERSION(stat="members") == N
    assert RUSSELL_DISPERSION(stat="weight_covered") == pytest.approx(100.0)


def test_prices_on_no_day_of_the_factors(tmp_path: Path, sample_home: Path) -> None:
    store = Store(sample_home / "store").open()
    own = Store(tmp_path / "store")
    series = {n: store.series(n) for n in store.ids}
    stocks = CrossSection(np.array(["2025-11-27"], dtype="M8[D]"), ("AAA",), np.array([[5.0]]))
    entry = own.put_prices(stocks, PricesPart("folder", "p.csv", "", ("AAA",)))
    own.use(own.add(series, source="folder", prices=entry).fingerprint)
    use_session(Session(load_settings(tmp_path)))
    with pytest.raises(NoDataError, match="No day has both prices of constituents"):
        RUSSELL_WINNERS(as_of="2025-11-28")
    with pytest.raises(
        NoDataError, match="No data for now: prices of constituents end on 2025-11-27, and the snapshot"
    ):
        RUSSELL_WINNERS()


def test_too_few(tmp_path: Path) -> None:
    prices = walk()
    prices[:, 25:] = np.nan
    made(tmp_path, prices, [held("IWM", "2025-02-14", EQUAL)])
    with pytest.raises(NoDataError, match="Only 25 of the 40 members of the Russell 2000 have a price on both"):
        RUSSELL_DISPERSION()
    with pytest.raises(NoDataError, match="at least 30"):
        RUSSELL_DISPERSION_HISTORY()
    made(tmp_path / "b", walk(), [])
    with pytest.raises(NoDataError, match="has no members of the Russell 2000. Fetch holdings"):
        RUSSELL_DISPERSION()


def test_winners_on_the_sample(session: Session) -> None:
    table = RUSSELL_WINNERS(59)
    rows = [dict(zip(table[0], row, strict=True)) for row in table[1:]]
    assert rows[0]["ticker"] == "SML07"
    assert num(rows[0]["pvalue_bh"]) < 0.01
    residuals = [num(r["residual"]) for r in rows]
    assert residuals == sorted(residuals, reverse=True)
    for r in (rows[0], rows[30], rows[58], next(r for r in rows if r["ticker"] == "SML58")):
        alone = check.residual_t(str(r["ticker"]), "2025-12-31")
        assert num(r["residual"]) / num(r["se"]) == pytest.approx(alone, rel=1e-9)
    z = np.array([num(r["residual"]) / num(r["se"]) for r in rows])
    scale = max(1.0, float(np.clip(z, *np.quantile(z, [0.02, 0.98])).std(ddof=1)))
    for r in rows:
        assert r["tstat"] == pytest.approx(num(r["residual"]) / num(r["se"]) / scale, rel=1e-9)
        assert r["se_event"] == pytest.approx(num(r["se"]) * scale, rel=1e-9)
        assert r["move"] == pytest.approx(num(r["macro"]) + num(r["residual"]), rel=1e-12)
    losers = RUSSELL_WINNERS(-3)
    assert [r[1] for r in losers[1:]] == [r["ticker"] for r in rows[::-1][:3]]
    assert "SML60" not in {r["ticker"] for r in rows}, "delisted in June"


def test_a_halt_in_the_move_is_in_the_move(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Halted for two weeks in the quarter and reopened at a fifth: the whole fall is the stock's, and it is flagged."""
    whole = session.snapshot.prices()
    prices = whole.prices.copy()
    k = whole.tickers.index("SML20")
    halt = (whole.dates >= np.datetime64("2025-11-03")) & (whole.dates < np.datetime64("2025-11-18"))
    prices[halt, k] = np.nan
    prices[whole.dates >= np.datetime64("2025-11-18"), k] *= 0.2
    changed = CrossSection(whole.dates, whole.tickers, prices)
    monkeypatch.setattr(type(session.snapshot), "prices", lambda self, first=None, last=None: changed)
    table = RUSSELL_WINNERS(-1)
    loser = dict(zip(table[0], table[1], strict=True))
    start, end = (np.flatnonzero(whole.dates == np.datetime64(str(loser[d])))[0] for d in ("start", "date"))
    assert loser["ticker"] == "SML20"
    assert loser["move"] == pytest.approx(100 * np.log(prices[end, k] / prices[start, k]))
    assert loser["suspect"] == "price moved like a split in the move"
    later = RUSSELL_WINNERS(-59, 21)
    rows = {r[1]: r[later[0].index("suspect")] for r in later[1:]}
    assert rows["SML20"] == "price moved like a split in the window before"
    prices[end, k] = np.nan
    assert "58 of 59:" in str(RUSSELL_WINNERS(-1)[1][-2]), "no price on the last day: not among them, and said"


def test_any_stock_is_a_target_with_missing_days_too(session: Session) -> None:
    for ticker in ("SML07", "sml58", "LRG40"):
        assert RUSSELL_BETA("growth", ticker, "nobs") == 250
        assert RUSSELL_SOURCE(ticker)[1][0] == ticker.upper()
    with pytest.raises(NoDataError, match="is observed from 2020-12-31 to 2025-06-30"):
        RUSSELL_BETA("growth", "SML60", None, None, "2025-12-24")


def test_the_cftcs_own_percentages() -> None:
    """Longs and shorts of both contracts in January 2018 as shares of open interest, against the file's own."""
    raw = (Path(__file__).parents[1] / "reference" / "cftc_russell_2018.csv").read_bytes()
    rows = list(csv.DictReader(raw.decode().splitlines()))
    kinds = ["Dealer", "Asset_Mgr", "Lev_Money", "Other_Rept", "NonRept"]
    for row in rows:
        for kind in kinds:
            for side in ("Long", "Short"):
                share = 100 * float(row[f"{kind}_Positions_{side}_All"]) / float(row["Open_Interest_All"])
                assert share == pytest.approx(float(row[f"Pct_of_OI_{kind}_{side}_All"]), abs=0.0501)
    # Canadian dollar, 2024-09-17: 256,538 contracts open, leveraged funds 9,819 long, 3.8 % by the CFTC
    assert pytest.approx(3.8, abs=0.05) == 100 * 9819 / 256_538
    kept = [",".join(c for c in rows[0] if not c.startswith("Pct"))]
    kept += [",".join(v for c, v in row.items() if not c.startswith("Pct")) for row in rows]
    series = cftc.read_report(read_sheet("\n".join(kept).encode(), "cftc.csv"))
    longs = series["TFF_RUT_LEV_LONG"]
    assert longs.values[3] == 158_905 + 239
    assert series["TFF_RUT_OI"].values[3] == 546_433 + 23_135
    assert series["TFF_RUT_OI_PRESENT"].values[3] == 546_433


def test_ices_contract_was_twice_the_size_before_december_2016() -> None:
    head = "date,code,open_interest," + ",".join(c for c in cftc.COLUMNS.values() if c != "open_interest")
    of = [("2016-11-29", "23977A"), ("2016-12-06", "23977A"), ("2016-11-29", "13874A"), ("2018-01-02", "239742")]
    rows = [f"{day},{code},100,{','.join(['10'] * 10)}" for day, code in of]
    series = cftc.read_report(read_sheet("\n".join([head, *rows]).encode(), "cftc.csv"))
    assert series["TFF_RUT_OI"].values.tolist() == [200.0, 100.0, 100.0]
    assert series["TFF_RUT_LEV_LONG"].values.tolist() == [20.0, 10.0, 10.0]
    assert series["TFF_RUT_OI_PRESENT"].values.tolist() == [0.0, 0.0, 100.0]
    assert series["TFF_SPX_OI"].values.tolist() == [100.0]
    assert "TFF_SPX_OI_PRESENT" not in series


def positions_home(root: Path, weeks: list[str], interest: list[float]) -> None:
    dates = np.array(weeks, dtype="M8[D]")
    series = {
        "TFF_RUT_OI": interest, "TFF_RUT_LEV_LONG": [100.0] * len(weeks), "TFF_RUT_LEV_SHORT": [300.0] * len(weeks),
    }  # fmt: skip
    built = {n: SeriesData.build(dates, np.array(v)) for n, v in series.items()}
    store = Store(root / "store")
    store.use(store.add(built, source="folder").fingerprint)
    use_session(Session(load_settings(root)))


def test_the_four_week_mean_needs_four_weeks(tmp_path: Path) -> None:
    weeks = [
        "2025-01-07",
        "2025-01-14",
        "2025-01-21",
        "2025-01-28",
        "2025-02-11",
        "2025-02-18",
        "2025-02-25",
        "2025-03-04",
    ]
    positions_home(tmp_path, weeks, [1000.0, 1000.0, 1000.0, 2000.0, 900.0, 900.0, 900.0, 900.0])
    assert RUSSELL_POSITIONING(as_of="2025-02-05") == -10.0
    assert RUSSELL_POSITIONING(as_of="2025-02-05", denominator="oi4w") == pytest.approx(-100 * 200 / 1250)
    with pytest.raises(NoDataError, match="oi4w those of three weeks"):
        RUSSELL_POSITIONING(as_of="2025-03-01", denominator="oi4w")
    assert RUSSELL_POSITIONING(as_of="2025-03-08", denominator="oi4w") == pytest.approx(-100 * 200 / 900)
    assert RUSSELL_POSITIONING(stat="contract") == "not known"
    with pytest.raises(NoDataError, match="a change needs the report of the week before"):
        RUSSELL_POSITIONING(stat="change", as_of="2025-02-15")


def test_the_contract_is_known_only_where_it_was_reported(tmp_path: Path) -> None:
    weeks = ["2025-01-07", "2025-01-14", "2025-01-21"]
    dates = np.array(weeks, dtype="M8[D]")
    levels = {"TFF_RUT_OI": 1000.0, "TFF_RUT_LEV_LONG": 100.0, "TFF_RUT_LEV_SHORT": 300.0}
    built = {n: SeriesData.build(dates, np.full(3, v)) for n, v in levels.items()}
    built["TFF_RUT_OI_PRESENT"] = SeriesData.build(dates[2:], np.array([650.0]))
    store = Store(tmp_path / "store")
    store.use(store.add(built, source="folder").fingerprint)
    use_session(Session(load_settings(tmp_path)))
    assert RUSSELL_POSITIONING(stat="contract", as_of="2025-01-18") == "not known"
    assert str(RUSSELL_POSITIONING(stat="contract")).startswith("CME 239742 (65 % of open interest)")


def test_what_does_not_move_has_no_z(tmp_path: Path) -> None:
    dates = np.arange("2022-01-07", "2025-12-26", 7, dtype="M8[D]")
    store = Store(tmp_path / "store")
    store.use(store.add({"SHORT_INTEREST": SeriesData.build(dates, np.full(dates.size, 3.3))}, source="x").fingerprint)
    use_session(Session(load_settings(tmp_path)))
    assert RUSSELL_GAUGE("short_interest", "percentile3y") == 100.0
    with pytest.raises(NoDataError, match="'z3y' of 'SHORT_INTEREST' is not available"):
        RUSSELL_GAUGE("short_interest", "z3y")


def test_a_gauge_of_ones_own_with_vintages_and_its_rule(tmp_path: Path) -> None:
    dates = np.array(["2025-03-31", "2025-06-30", "2025-06-30", "2025-09-30"], dtype="M8[D]")
    times = np.array(["2025-04-02T09:00", "2025-07-02T09:00", "2025-10-15T09:00", "2025-10-02T09:00"], dtype="M8[m]")
    data = SeriesData.build(dates, np.array([10.0, 12.0, 11.0, 9.0]), times)
    store = Store(tmp_path / "store")
    store.use(store.add({"EPS_GROWTH": data}, source="folder").fingerprint)
    (tmp_path / "catalogue.toml").write_text('[series.EPS_GROWTH]\nrule = "I/B/E/S, members with positive earnings"\n')
    use_session(Session(load_settings(tmp_path)))
    assert RUSSELL_GAUGE("eps_growth") == 9.0
    assert RUSSELL_GAUGE("eps_growth", "revision") == 9.0 - 11.0, "of the revised value"
    assert RUSSELL_GAUGE("eps_growth", "revision", "2025-10-10") == 9.0 - 12.0, "as it was known"
    assert RUSSELL_GAUGE("eps_growth", None, "2025-07-10") == 12.0
    with pytest.raises(NoDataError, match="'percentile3y' of 'EPS_GROWTH' is not available on 2025-09-30"):
        RUSSELL_GAUGE("eps_growth", "percentile3y")
    with pytest.raises(NoDataError, match="too long ago for a series that comes every"):
        RUSSELL_GAUGE("eps_growth", None, "2027-03-01")
    with pytest.raises(NoDataError, match=r"save it as SHORT_INTEREST\.csv"):
        RUSSELL_GAUGE("short_interest")
    source = dict(zip(*RUSSELL_SOURCE("eps_growth"), strict=True))
    assert source["rule"] == "I/B/E/S, members with positive earnings"
    assert [r[0] for r in RUSSELL_STATUS()[1:]] == ["EPS_GROWTH"]
