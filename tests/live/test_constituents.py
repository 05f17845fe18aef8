"""Prices of an index's members by the real yfinance from the loopback server: new, stopped, failing, cut short."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.live.loopback import Loopback
from xl_smallcap.data.cross_section import NUMBERS, Holdings
from xl_smallcap.data.refresh import ConstituentsReport, refresh_constituents, tickers_of
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import HoldingsEntry
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, NoDataError

NOW = np.datetime64("2026-01-05T18:00", "m")
WANTED = [f"SML{k:02d}" for k in range(1, 35)]


def prepared(home: Path, tickers: list[str]) -> Store:
    """A store with a series and the holdings of IWM, as a refresh leaves it."""
    store = Store(home / "store")
    days = np.array(["2025-12-30", "2025-12-31"], dtype="M8[D]")
    kinds = ("Equity",) * (len(tickers) - 1) + ("Cash",)
    missing = {n: np.full(len(tickers), np.nan) for n in NUMBERS if n != "weight"}
    held = Holdings(
        "IWM", days[1], tuple(tickers), ("",) * len(tickers), ("",) * len(tickers), kinds,
        np.full(len(tickers), 100.0 / len(tickers)), **missing,
    )  # fmt: skip
    entry = HoldingsEntry(store.put(held), "IWM", "2025-12-31", len(tickers), "ishares", "IWM")
    made = store.add({"RUT": SeriesData.build(days, np.array([2500.0, 2510.0]))}, source="fred", holdings=[entry])
    store.use(made.fingerprint)
    return store


def run(server: Loopback, store: Store, tell: Any = lambda *_: None, **more: Any) -> ConstituentsReport:
    settings = server.settings(store.root.parent, sources="yahoo", timeout_seconds=5.0)
    return refresh_constituents(store, replace(settings, parallel_requests=4), ("IWM",), tell, more.pop("now", NOW))


def test_every_member_and_the_rest_of_the_snapshot(yahoo_server: Loopback, tmp_path: Path) -> None:
    store = prepared(tmp_path, [*WANTED, "USD"])
    done = run(yahoo_server, store)
    assert (done.came, done.resumed, done.failed) == (34, 0, {})
    assert store.open().fingerprint == done.snapshot.fingerprint
    assert done.snapshot.ids == ("RUT",)
    assert done.snapshot.prices_entry is not None
    assert done.snapshot.prices_entry.tickers == tuple(WANTED), "and not the cash"
    assert done.snapshot.series("SML07").values.tolist() == [v for _, v in yahoo_server.world.rows("SML07")]
    again = run(yahoo_server, store)
    assert again.snapshot.prices_entry is not None
    assert again.snapshot.prices_entry.objects == done.snapshot.prices_entry.objects
    assert not (store.root / "pending-constituents.json").exists()


def test_stopped_it_goes_on_where_it_was(yahoo_server: Loopback, tmp_path: Path) -> None:
    store = prepared(tmp_path, [*WANTED, "USD"])
    before = store.current()

    def stop(_: str, done: int, total: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(yahoo_server, store, stop)
    assert store.current() == before
    count = sum(yahoo_server.times.values())
    done = run(yahoo_server, store)
    assert done.resumed >= 10
    assert done.came == 34
    assert sum(yahoo_server.times.values()) - count <= 2 * 24, "yfinance asks twice, and only for what had not come"


def test_what_fails_keeps_its_prices(yahoo_server: Loopback, tmp_path: Path) -> None:
    store = prepared(tmp_path, [*WANTED, "NOPE", "USD"])
    yahoo_server.world.last = "2025-12-30"
    first = run(yahoo_server, store)
    assert set(first.failed) == {"NOPE"}
    assert "it does not know this ticker" in first.failed["NOPE"]
    yahoo_server.world.last = "2025-12-31"
    yahoo_server.faults["SML03"] = "429"
    yahoo_server.world.first["SML04"] = "2025-06-02"
    second = run(yahoo_server, store)
    assert set(second.failed) == {"NOPE", "SML03", "SML04"}
    assert "too many requests" in second.failed["SML03"]
    assert "the answer may be cut short" in second.failed["SML04"]
    opened = store.open()
    assert str(opened.series("SML03").dates[-1]) == "2025-12-30"
    assert str(opened.series("SML04").dates[0]) == "2020-12-31"
    assert str(opened.series("SML05").dates[-1]) == "2025-12-31"


def test_what_is_refused(yahoo_server: Loopback, tmp_path: Path, sample_home: Path) -> None:
    settings = yahoo_server.settings(tmp_path, sources="fred")
    with pytest.raises(BadArgumentError, match="which the setting 'sources' does not allow"):
        refresh_constituents(Store(tmp_path / "store"), settings, ("IWM",), lambda *_: None, NOW)
    with pytest.raises(NoDataError, match="No data are loaded yet"):
        run(yahoo_server, Store(tmp_path / "empty"))
    with pytest.raises(BadArgumentError, match="never mixed with real data"):
        run(yahoo_server, Store(sample_home / "store"))
    store = prepared(tmp_path, ["NOPE", *(f"NO{k}" for k in range(3)), "USD"])
    before = store.current()
    with pytest.raises(NoDataError, match="No price of any of 4 constituents came. Yahoo, "):
        run(yahoo_server, store)
    assert store.current() == before


def test_share_classes_are_spelt_as_yahoo_does(tmp_path: Path) -> None:
    store = prepared(tmp_path, ["BRKB", "MOGA", "AAA.B", "aapl", "-", "USD"])
    assert tickers_of(store.open(), ("IWM",)) == ["AAA-B", "AAPL", "BRK-B", "MOG-A"]
