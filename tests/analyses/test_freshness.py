"""Data that ended long ago do not answer as today's, with a blank as_of as with a date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import num
from xl_smallcap.config import load_settings
from xl_smallcap.data.cross_section import CrossSection
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import PricesPart
from xl_smallcap.data.store import Store
from xl_smallcap.errors import NoDataError
from xl_smallcap.functions import (
    RUSSELL_ATTRIBUTION,
    RUSSELL_BETA,
    RUSSELL_BETA_HISTORY,
    RUSSELL_BETAS,
    RUSSELL_DISPERSION,
    RUSSELL_DISPERSION_HISTORY,
    RUSSELL_FACTOR,
    RUSSELL_FACTORS,
    RUSSELL_FAIR_VALUE,
    RUSSELL_FIT,
    RUSSELL_GAUGE,
    RUSSELL_POSITIONING,
    RUSSELL_SCENARIO,
    RUSSELL_STATUS,
    RUSSELL_THESIS,
    RUSSELL_WHY,
    RUSSELL_WINNERS,
)
from xl_smallcap.session import Session, use_session


@pytest.fixture
def cut(sample_home: Path, tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """The sample with some series, or the constituents, cut after a day."""

    def make(day: str, *names: str, stocks: str = "") -> Store:
        home = tmp_path / "home"
        original, store = Store(sample_home / "store").open(), Store(home / "store")
        series = {n: original.series(n) for n in original.ids}
        for name in names:
            keep = series[name].dates <= np.datetime64(day)
            series[name] = SeriesData.build(series[name].dates[keep], series[name].values[keep])
        priced = original.prices()
        early = priced.dates <= np.datetime64(stocks or "2099-01-01")
        kept = CrossSection(priced.dates[early], priced.tickers, priced.prices[early])
        entry = store.put_prices(kept, PricesPart("sample", "sample/prices.csv", "", priced.tickers))
        for held in original.holdings_entries:
            store.put(original.holdings_of(held))
        made = store.add(
            series, source="sample", synthetic=True, prices=entry, holdings=list(original.holdings_entries)
        )
        store.use(made.fingerprint)
        use_session(Session(load_settings(home)))
        return store

    yield make
    use_session(None)


def test_constituents_that_ended(cut: Callable[..., Store]) -> None:
    cut("2099-01-01", stocks="2023-06-30")
    sentence = (
        "No data for now: prices of constituents end on 2023-06-30, and the snapshot's day is 2025-12-31 "
        r"\(at most 10 days may lie between\). Give an as_of up to 2023-07-10, or run 'xl-smallcap data refresh'."
    )
    for ask in (RUSSELL_DISPERSION, RUSSELL_DISPERSION_HISTORY, RUSSELL_WINNERS):
        with pytest.raises(NoDataError, match=sentence):
            ask()
        assert ask(as_of="2023-07-05")
    with pytest.raises(NoDataError, match="No data for now: SML58 ends on 2023-06-30"):
        RUSSELL_BETA("growth", target="SML58")
    assert isinstance(RUSSELL_BETA("growth", target="SML58", as_of="2023-06-30"), float)
    assert "prices of constituents end on 2023-06-30" in RUSSELL_WHY("=RUSSELL_DISPERSION()")
    rows = [r for r in RUSSELL_THESIS() if "Dispersion" in str(r[0])]
    assert len(rows) == 3
    assert all("prices of constituents end on 2023-06-30" in " ".join(map(str, r)) for r in rows)
    assert all("not tested" in r for r in rows)
    status = {r[0]: r for r in RUSSELL_STATUS()}
    assert status["CONSTITUENTS"][RUSSELL_STATUS()[0].index("status")] == "stale"


def test_a_series_that_ended(cut: Callable[..., Store]) -> None:
    cut("2024-05-31", "RUT", "T5YIE")
    calls: list[Callable[[], object]] = [
        lambda: RUSSELL_BETA("inflation"),
        RUSSELL_BETAS,
        lambda: RUSSELL_BETA_HISTORY("oil"),
        RUSSELL_FIT,
        RUSSELL_FAIR_VALUE,
        lambda: RUSSELL_ATTRIBUTION("2024-01-31"),
        lambda: RUSSELL_SCENARIO("goldman"),
        lambda: RUSSELL_FACTOR("inflation"),
    ]
    for ask in calls:
        with pytest.raises(NoDataError, match="No data for now: .* 2024-05-31, and the snapshot's day is 2025-12-31"):
            ask()
    with pytest.raises(NoDataError, match="No data for now: RUT, T5YIE end on"):
        RUSSELL_BETAS()
    with pytest.raises(NoDataError, match="No data for now: T5YIE ends on"):
        RUSSELL_BETA("oil", target="sp500")
    assert isinstance(RUSSELL_BETA("inflation", as_of="2024-06-10"), float)
    table = {r[0]: r for r in RUSSELL_FACTORS()}
    assert "ends on 2024-05-31" in " ".join(map(str, table["inflation"]))
    assert isinstance(table["oil"][RUSSELL_FACTORS()[0].index("level")], float)


def test_a_few_days_are_no_matter(cut: Callable[..., Store]) -> None:
    cut("2025-12-22", "RUT", "GSPC")
    assert RUSSELL_BETA("inflation", stat="last_date") == dt.date(2025, 12, 22)


def test_positions_and_gauges_that_ended(cut: Callable[..., Store]) -> None:
    reports = [f"TFF_RUT_{k}" for k in ("OI", "LEV_LONG", "LEV_SHORT", "AM_LONG", "AM_SHORT")]
    cut("2025-06-30", *reports, "SHORT_INTEREST")
    with pytest.raises(NoDataError, match="No data for now: the CFTC's reports end on 2025-06-24"):
        RUSSELL_POSITIONING()
    with pytest.raises(NoDataError, match="No data for now: 'SHORT_INTEREST' was last published on 2025-"):
        RUSSELL_GAUGE("short_interest")
    assert isinstance(RUSSELL_POSITIONING(as_of="2025-08-29"), float)


def use(store: Store, series: dict[str, SeriesData]) -> None:
    store.use(store.add(series, source="sample", synthetic=True).fingerprint)
    use_session(Session(load_settings(store.root.parent)))


def test_a_percentile_over_weeks_without_reports_says_so(cut: Callable[..., Store]) -> None:
    store = cut("2099-01-01")
    series = {n: store.open().series(n) for n in store.open().ids}
    for name in [n for n in series if n.startswith("TFF_RUT")]:
        dates = series[name].dates
        there = (dates < np.datetime64("2025-09-25")) | (dates > np.datetime64("2025-11-20"))
        there &= dates != np.datetime64("2024-03-05")
        series[name] = SeriesData.build(dates[there], series[name].values[there])
    use(store, series)
    row = next(r for r in RUSSELL_THESIS() if "leveraged" in r)
    note = "9 weeks have no report in the last 5 years, the longest silence from 2025-09-23 to 2025-11-25."
    assert note in " ".join(map(str, row)), row


@pytest.mark.parametrize(("short", "verdict"), [(0.18, "contradicted"), (0.02, "supported")])
def test_a_crowded_short_is_not_light(cut: Callable[..., Store], short: float, verdict: str) -> None:
    """The same low percentile, once with a short of 18 % of open interest and once with one of 2 %."""
    store = cut("2099-01-01")
    series = {n: store.open().series(n) for n in store.open().ids}
    dates = series["TFF_RUT_OI"].dates
    interest = np.full(dates.size, 500_000.0)
    longs = np.full(dates.size, 100_000.0)
    shorts = longs - np.linspace(0.30, -short, dates.size) * interest  # ever less of it, the last one the lowest
    for name, values in (("OI", interest), ("LEV_LONG", longs), ("LEV_SHORT", shorts)):
        series[f"TFF_RUT_{name}"] = SeriesData.build(dates, values)
    use(store, series)
    head, *rows = RUSSELL_THESIS()
    row = dict(zip(map(str, head), next(r for r in rows if "leveraged" in r), strict=True))
    assert num(row["value"]) < 5.0
    assert row["verdict"] == verdict
    assert f"Net {-100 * short:+.1f} % of open interest." in str(row["note"])
    assert ("crowded" in str(row["note"])) == (verdict == "contradicted")
