"""Constituents: what is read from a folder, what is refused with a sentence, and how the store keeps it."""

from __future__ import annotations

import datetime as dt
import gzip
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import xlsxwriter

from tests.conftest import make_snapshot
from xl_smallcap.data.catalogue import load_catalogue
from xl_smallcap.data.cross_section import CrossSection, plain_ticker, replaced, stack
from xl_smallcap.data.history import prune
from xl_smallcap.data.loading import load
from xl_smallcap.data.sources import constituents
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, NoDataError, SourceError, StoreError


def quiet(*_: Any) -> None:
    return None


def days(n: int, first: str = "2024-12-02") -> list[str]:
    return [str(d) for d in np.busday_offset(first, np.arange(n), roll="forward")]


def members(n: int = 40, **more: str) -> dict[str, str]:
    return {f"T{k:02d}": f"{100 / n}" for k in range(n)} | more


def write(folder: Path, name: str, rows: list[list[Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(",".join(map(str, r)) for r in rows) + "\n", encoding="utf-8")


def wide(folder: Path, tickers: list[str], prices: list[list[Any]], name: str = "prices.csv") -> None:
    write(folder, name, [["date", *tickers], *([d, *row] for d, row in zip(days(len(prices)), prices, strict=True))])


def weights(folder: Path, day: str, of: dict[str, str], name: str = "weights.csv", index: str = "russell") -> None:
    write(folder, name, [["date", "index", "ticker", "weight"], *([day, index, t, w] for t, w in of.items())])


def test_wide_long_excel_and_parquet_are_the_same(tmp_path: Path) -> None:
    prices: list[list[Any]] = [[10.0, 20.5], ["", 21.0], [11.0, 22.0]]
    wide(tmp_path / "wide", ["AAA", "BBB"], prices)
    rows = [[d, t, p] for d, row in zip(days(3), prices, strict=True) for t, p in zip(["AAA", "BBB"], row, strict=True)]
    write(tmp_path / "long", "any.csv", [["Date", "Symbol", "Adj_Close"], *rows])
    (tmp_path / "parquet").mkdir()
    made = {"AAA": [10.0, None, 11.0], "BBB": [20.5, 21.0, 22.0], "Date": [dt.date.fromisoformat(d) for d in days(3)]}
    pl.DataFrame(made).write_parquet(tmp_path / "parquet" / "p.parquet")
    (tmp_path / "excel").mkdir()
    with xlsxwriter.Workbook(tmp_path / "excel" / "p.xlsx", {"default_date_format": "d/m/yy"}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(2, 1, ["Date", "AAA", "BBB"])
        for k, (day, row) in enumerate(zip(days(3), prices, strict=True)):
            sheet.write_datetime(3 + k, 1, dt.datetime.fromisoformat(day))
            sheet.write_row(3 + k, 2, [v if v != "" else None for v in row])
    sections = [constituents.read(tmp_path / name, quiet).prices for name in ("wide", "long", "excel", "parquet")]
    for one in sections:
        assert one is not None
        assert one.tickers == ("AAA", "BBB")
        np.testing.assert_array_equal(one.prices, [[10.0, 20.5], [np.nan, 21.0], [11.0, 22.0]])
        assert one.dates.astype(str).tolist() == days(3)
    assert len({p.digest() for p in sections if p is not None}) == 1


def test_two_files_of_prices_are_put_side_by_side_but_no_ticker_twice(tmp_path: Path) -> None:
    wide(tmp_path, ["AAA"], [[1.0], [2.0], [3.0]], "a.csv")
    wide(tmp_path, ["BBB"], [[1.5], [2.5]], "b.csv")
    content = constituents.read(tmp_path, quiet)
    assert content.prices is not None
    assert content.origin == "a.csv+b.csv"
    np.testing.assert_array_equal(content.prices.prices, [[1.0, 1.5], [2.0, 2.5], [3.0, np.nan]])
    wide(tmp_path, ["aaa"], [[9.0]], "c.csv")
    with pytest.raises(SourceError, match=r"c\.csv: 'AAA' has prices in a\.csv\+b\.csv already"):
        constituents.read(tmp_path, quiet)


@pytest.mark.parametrize(
    ("tickers", "rows", "says"),
    [
        (["BRK.B", "BRK-B"], [[1, 2]], "'BRK.B' and 'BRK-B' are the same ticker"),
        (["AAA", "aaa"], [[1, 2]], "column 'aaa' is there twice"),
        (["AAA"], [["ten"]], r"line 2, column 'AAA': 'ten' is not a number"),
        (["AAA"], [["1,5"]], "cells where the header has"),
        (["AAA", "BBB"], [["", ""]], "there is no price in it"),
    ],
)
def test_faulty_prices_are_refused(tmp_path: Path, tickers: list[str], rows: list[list[Any]], says: str) -> None:
    wide(tmp_path, tickers, rows)
    with pytest.raises(SourceError, match=says):
        constituents.read(tmp_path, quiet)


def test_a_day_twice_a_future_day_and_a_pair_twice(tmp_path: Path) -> None:
    write(tmp_path / "a", "p.csv", [["date", "AAA"], ["2025-01-02", 1], ["2025-01-02", 2]])
    with pytest.raises(SourceError, match="2025-01-02 comes twice; keep one row a day"):
        constituents.read(tmp_path / "a", quiet)
    write(tmp_path / "b", "p.csv", [["date", "AAA"], ["2125-01-02", 1]])
    with pytest.raises(SourceError, match="2125-01-02 is after today"):
        constituents.read(tmp_path / "b", quiet)
    write(tmp_path / "c", "p.csv", [["date", "ticker", "price"], *[["2025-01-02", "AAA", 1]] * 2])
    with pytest.raises(SourceError, match="'AAA' comes twice on 2025-01-02"):
        constituents.read(tmp_path / "c", quiet)


def test_what_is_odd_is_kept_and_said(tmp_path: Path) -> None:
    wide(tmp_path, ["AAA", "BAD", "DEAD"], [[100.0, 0, ""], [10.0, 5, ""], [11.0, 5, ""]])
    content = constituents.read(tmp_path, quiet)
    assert content.prices is not None
    assert content.prices.tickers == ("AAA", "BAD")
    assert np.isnan(content.prices.prices[0, 1])
    remarks = " ".join(content.remarks)
    assert "1 price(s) at or below zero" in remarks
    assert "no price of DEAD; left out" in remarks
    assert f"AAA -90 % on {days(3)[1]}" in remarks
    assert "splits not adjusted?" in remarks


@pytest.mark.parametrize(
    ("of", "says"),
    [
        (members() | {"T00": "90"}, "add up to 187.5, not to about 100 %"),
        ({t: f"{float(w) / 100}" for t, w in members().items()}, r"not to about 100 %\. Weights are in %"),
        (members(20), "only 20 members of IWM on 2025-01-31; at least 30"),
        (members() | {"T00": "-2.5", "T01": "7.5"}, "is missing or below zero"),
        (members() | {"t00": "0"}, "'t00' has two weights of IWM on 2025-01-31"),
        (members() | {"T00": ""}, "is missing or below zero"),
    ],
)
def test_faulty_weights_are_refused(tmp_path: Path, of: dict[str, str], says: str) -> None:
    weights(tmp_path, "2025-01-31", of)
    with pytest.raises(SourceError, match=says):
        constituents.read(tmp_path, quiet)


def test_weights_by_date_of_two_indices(tmp_path: Path) -> None:
    rows = [
        [d, i, t, w] for d in ("2025-01-31", "2025-02-28") for i in ("Russell", "SPX") for t, w in members().items()
    ]
    write(tmp_path, "w.csv", [["date", "index", "ticker", "weight"], *rows])
    holdings = constituents.read(tmp_path, quiet).holdings
    assert [(h.fund, h.day) for h, _ in holdings] == [
        ("IVV", "2025-01-31"), ("IVV", "2025-02-28"), ("IWM", "2025-01-31"), ("IWM", "2025-02-28"),
    ]  # fmt: skip
    weights(tmp_path, "2025-01-31", members(), index="nasdaq", name="w.csv")
    with pytest.raises(SourceError, match="'nasdaq' is no index we know"):
        constituents.read(tmp_path, quiet)
    write(tmp_path, "w.csv", [["date", "ticker", "weight"], *(["2025-01-31", t, w] for t, w in members().items())])
    with pytest.raises(SourceError, match=r"'w\.csv' is no index we know"):
        constituents.read(tmp_path, quiet)


def test_a_list_of_members_and_a_file_of_neither(tmp_path: Path) -> None:
    write(tmp_path, "sp500_constituents.csv", [["Symbol", "Security"], *([f"T{k}", f"Name {k}"] for k in range(35))])
    write(tmp_path, "notes.csv", [["ticker", "remark"], ["AAA", "x"]])
    content = constituents.read(tmp_path, quiet)
    (held, origin), *_ = content.holdings
    assert (held.fund, held.day, origin, held.name[3]) == ("IVV", "undated", "sp500_constituents.csv", "Name 3")
    assert np.isnan(held.weight).all()
    assert "neither prices" in content.skipped["notes.csv"]


def test_a_holdings_file_whose_layout_changed(tmp_path: Path) -> None:
    head: list[Any] = ["Ticker", "Name", "Sector", "Asset Class", "Share of fund"]
    write(tmp_path, "iwm_holdings.csv", [head, *([f"T{k}", "n", "s", "Equity", 2] for k in range(50))])
    with pytest.raises(SourceError, match=r"the column 'Weight \(%\)' is not there; has the layout changed"):
        constituents.read(tmp_path, quiet)


def test_a_damaged_parquet_and_no_polars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.parquet").write_bytes(b"PAR1 nothing of the sort PAR1")
    with pytest.raises(SourceError, match=r"p\.parquet is no readable Parquet file"):
        constituents.read(tmp_path, quiet)
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    with pytest.raises(SourceError, match=r'needs the optional package polars: pip install "xl_smallcap\[parquet\]"'):
        constituents.read(tmp_path, quiet)


def sample_folder(root: Path) -> Path:
    """The sample's files of constituents as a user would have them."""
    folder = root / "mine"
    folder.mkdir()
    packed = resources.files("xl_smallcap.data.sample")
    for name in ("prices.csv", "weights.csv", "russell_members.csv"):
        (folder / name).write_bytes(gzip.decompress(packed.joinpath(f"{name}.gz").read_bytes()))
    return folder


def test_load_puts_them_beside_the_snapshot_and_a_subfolder_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.use(make_snapshot(tmp_path / "store", {"RUT": (["2025-01-02"], [2200.0])}).fingerprint)
    folder = sample_folder(tmp_path)
    done = load(store, str(folder), quiet, stocks=True)
    assert done.snapshot.ids == ("RUT",)
    assert done.snapshot.prices_entry is not None
    assert len(done.snapshot.prices_entry.tickers) == 100
    assert len(done.snapshot.prices_entry.objects) == 6, "a file a year, the last day of 2020 with it"
    again = load(store, str(folder), quiet, stocks=True)
    assert again.snapshot.fingerprint == done.snapshot.fingerprint
    both = tmp_path / "both"
    (both / "cross_section").mkdir(parents=True)
    write(both, "RUT.csv", [["date", "value"], ["2025-01-02", 2200.0], ["2025-01-03", 2210.0]])
    for path in folder.iterdir():
        (both / "cross_section" / path.name).write_bytes(path.read_bytes())
    whole = load(store, str(both), quiet)
    assert whole.snapshot.prices_entry is not None
    assert whole.snapshot.prices_entry.objects == done.snapshot.prices_entry.objects
    plain = load(store, str(_only_series(tmp_path)), quiet)
    assert plain.snapshot.prices_entry is None
    added = load(store, str(folder), quiet, stocks=True)
    kept = load(store, str(_only_series(tmp_path)), quiet, add=True)
    assert kept.snapshot.prices_entry == added.snapshot.prices_entry, "adding series keeps the stocks"


def _only_series(root: Path) -> Path:
    folder = root / "series"
    write(folder, "RUT.csv", [["date", "value"], ["2025-01-02", 2200.0], ["2025-01-03", 2215.0]])
    return folder


def test_damage_is_noticed_and_prune_keeps_what_is_needed(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.use(make_snapshot(tmp_path / "store", {"RUT": (["2025-01-02"], [2200.0])}).fingerprint)
    done = load(store, str(sample_folder(tmp_path)), quiet, stocks=True)
    prune(store, 0)
    opened = store.open()
    assert opened.prices().prices.shape == (1261, 100)
    path = next((store.root / "objects").rglob("*.sec"))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(StoreError, match="load the data again to repair it"):
        store.open().prices()
    load(store, str(tmp_path / "mine"), quiet, stocks=True)
    assert store.open().fingerprint == done.snapshot.fingerprint
    assert store.open().prices().prices.shape == (1261, 100)


def test_years_are_read_as_needed(sample_home: Path) -> None:
    snapshot = Store(sample_home / "store").open()
    part = snapshot.prices(np.datetime64("2025-03-03"), np.datetime64("2025-04-30"))
    assert (str(part.dates[0]), str(part.dates[-1])) == ("2025-03-03", "2025-04-30")
    assert set(snapshot._years) == {"2025"}
    whole = snapshot.prices()
    assert whole.prices.shape[1] == 100
    rows = np.isin(whole.dates, part.dates)
    seen = [whole.tickers.index(t) for t in part.tickers]
    np.testing.assert_array_equal(whole.prices[rows][:, seen], part.prices)


def test_without_constituents_it_is_said(tmp_path: Path) -> None:
    snapshot = make_snapshot(tmp_path, {"RUT": (["2025-01-02"], [2200.0])})
    with pytest.raises(NoDataError, match="has no prices of constituents. Load them with"):
        snapshot.prices()


def test_a_ticker_that_comes_anew_replaces_its_history() -> None:
    d = np.array(["2025-01-02", "2025-01-03", "2025-01-06"], dtype="M8[D]")
    old = CrossSection(d[:2], ("BRK-B", "KEPT"), np.array([[1.0, 5.0], [2.0, 6.0]]))
    new = CrossSection(d[1:], ("BRK.B",), np.array([[4.0], [4.5]]))
    made = replaced(old, new)
    assert made.tickers == ("BRK.B", "KEPT")
    np.testing.assert_array_equal(made.prices, [[np.nan, 5.0], [4.0, 6.0], [4.5, np.nan]])
    assert plain_ticker("brk.b") == plain_ticker("BRK-B") == "BRKB"
    parts = [made.year(y) for y in made.years]
    np.testing.assert_array_equal(stack(parts).prices, made.prices)


def test_a_ticker_that_is_also_a_series(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.use(make_snapshot(tmp_path / "store", {"RF": (days(3), [0.02, 0.02, 0.02])}).fingerprint)
    wide(tmp_path / "mine", ["RF", "AAA"], [[20.0, 1.0], [21.0, 2.0], [22.0, 3.0]])
    done = load(store, str(tmp_path / "mine"), quiet, stocks=True)
    assert "'RF' is a series and a stock: the stock is asked for as 'stock:RF'." in done.remarks
    opened = done.snapshot
    assert opened.series("RF").values.tolist() == [0.02, 0.02, 0.02]
    assert opened.series("stock:RF").values.tolist() == [20.0, 21.0, 22.0]
    assert opened.tickers == ("AAA", "stock:RF")
    assert opened.entry("stock:RF").origin == "prices.csv"
    assert load_catalogue().target("Stock:rf", opened.target_frequencies).legs == (("stock:RF", 1.0),)


def test_loading_again_loses_no_history_without_saying_so(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.use(make_snapshot(tmp_path / "store", {"RUT": (["2025-01-02"], [2200.0])}).fingerprint)
    rows = [[10.0 + k, 50.0 + k, 30.0, 8.0] for k in range(10)]
    wide(tmp_path / "a", ["SAME", "SCALED", "OTHER", "ALONE"], rows)
    first = load(store, str(tmp_path / "a"), quiet, stocks=True)
    later: list[list[Any]] = [["date", "SAME", "SCALED", "OTHER", "NEW"]]
    later += [[d, 17.0 + k, 0.98 * (57.0 + k), 77.0 + k, 5.0] for k, d in enumerate(days(14)[7:])]
    write(tmp_path / "b", "later.csv", later)
    done = load(store, str(tmp_path / "b"), quiet, stocks=True)
    had = {t: done.snapshot.series(t).values for t in done.snapshot.tickers}
    assert had["SAME"].tolist() == [10.0 + k for k in range(14)]
    np.testing.assert_allclose(had["SCALED"], [0.98 * (50.0 + k) for k in range(14)])
    assert had["OTHER"].tolist() == [30.0] * 10, "other prices, fewer days: what was there stays"
    assert had["ALONE"].size == 10
    remarks = " ".join(done.remarks)
    assert "Prices of 2 stock(s) agree with what was there" in remarks
    assert "Prices of 1 stock(s) differ from what was there and are shorter: NOT taken" in remarks
    assert done.snapshot.entry("SAME").origin == "later.csv"
    assert done.snapshot.entry("OTHER").origin == "prices.csv"
    dropped = load(store, str(_only_series(tmp_path)), quiet)
    assert any(
        "The prices of 5 stocks, and the holdings, of the snapshot before are not in this one" in r
        for r in dropped.remarks
    )
    assert first.snapshot.fingerprint != done.snapshot.fingerprint


def test_series_are_no_stocks_and_the_sample_is_not_mixed(tmp_path: Path, sample_home: Path) -> None:
    store = Store(tmp_path / "store")
    store.use(make_snapshot(tmp_path / "store", {"RUT": (["2025-01-02"], [2200.0])}).fingerprint)
    wide(tmp_path / "mine", ["RUT", "DGS10"], [[2200.0, 4.5]])
    with pytest.raises(SourceError, match=r"'DGS10' \(10-year Treasury yield\) is a series, not a stock"):
        load(store, str(tmp_path / "mine"), quiet, stocks=True)
    wide(tmp_path / "stocks", ["AAA"], [[1.0]])
    with pytest.raises(BadArgumentError, match="Load series of your own first"):
        load(Store(sample_home / "store"), str(tmp_path / "stocks"), quiet, stocks=True, make_current=False)


@pytest.mark.parametrize(
    ("dates", "says"),
    [
        (["02.01.2020", "03.01.2020"], "texts that are no dates like 2025-12-24"),
        ([2018, 2019], "holds Int64 where dates are expected"),
        ([dt.date(2020, 1, 2), None], "'date' is empty in a row"),
    ],
)
def test_odd_dates_of_a_parquet_are_refused(tmp_path: Path, dates: list[Any], says: str) -> None:
    pl.DataFrame({"date": dates, "AAA": [1.0, 2.0]}).write_parquet(tmp_path / "p.parquet")
    with pytest.raises(SourceError, match=says):
        constituents.read(tmp_path, quiet)


def test_other_kinds_of_parquet(tmp_path: Path) -> None:
    zone = pl.Datetime("us", "Europe/Berlin")
    stamps = pl.Series("date", [dt.datetime(2020, 1, 1, 23), dt.datetime(2020, 1, 2, 23)]).dt.replace_time_zone("UTC")
    pl.DataFrame({"date": stamps.cast(zone), "AAA": [1.0, 2.0]}).write_parquet(tmp_path / "p.parquet")
    section = constituents.read(tmp_path, quiet).prices
    assert section is not None
    assert section.dates.astype(str).tolist() == ["2020-01-02", "2020-01-03"], "midnights of Berlin"
    text = {"AAA": [1, 2], "__index_level_0__": ["2020-01-02", "2020-01-03T00:00:00"]}
    pl.DataFrame(text).write_parquet(tmp_path / "p.parquet")
    section = constituents.read(tmp_path, quiet).prices
    assert section is not None
    assert section.tickers == ("AAA",)
    pl.DataFrame({"date": ["2020-01-02"], "AAA": [1.0], "listed": [dt.date(1999, 1, 1)]}).write_parquet(
        tmp_path / "p.parquet"
    )
    with pytest.raises(SourceError, match="column 'listed' holds Date where numbers are expected"):
        constituents.read(tmp_path, quiet)
    long = {"date": ["2020-01-02", "2020-01-02"], "ticker": ["AAA", None], "price": [1.0, 2.0]}
    pl.DataFrame(long).write_parquet(tmp_path / "p.parquet")
    with pytest.raises(SourceError, match="row 2 below the header has no ticker"):
        constituents.read(tmp_path, quiet)


def test_decimal_commas_with_the_price_first(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("price;date;ticker\n1,5;2020-01-02;AAA\n2,25;2020-01-03;AAA\n")
    section = constituents.read(tmp_path, quiet).prices
    assert section is not None
    assert section.prices[:, 0].tolist() == [1.5, 2.25]


def test_a_split_across_a_missing_day_is_said(tmp_path: Path) -> None:
    wide(tmp_path, ["AAA"], [[100.0], [""], [10.0]])
    assert "AAA -90 %" in " ".join(constituents.read(tmp_path, quiet).remarks)
    wide(tmp_path, ["AAA", "BBB"], [[1800.0, 0.12], [7200.0, 0.03]])
    said = " ".join(constituents.read(tmp_path, quiet).remarks)
    assert "2 move(s) of a stock by a factor of about 2, 3, 4 or more" in said
