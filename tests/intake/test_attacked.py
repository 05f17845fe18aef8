"""What an attack on the loading of files found: other funds, levels, quarters, publication days, odd columns."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

from tests.intake.desk import Desk, Rows, book, market, one, rows_of, write
from tests.intake.test_complaints import text
from tests.intake.test_layouts import holdings
from xl_smallcap.types import DAY

NEWER = ["2025-12-01", "2025-12-02", "2025-12-03"]


def weekly(name: str, level: float, n: int = 60) -> Rows:
    first = np.datetime64("2025-11-22") - 7 * (n - 1) * DAY
    noise = np.random.default_rng(2).normal(0, 0.02, n)
    return [(str(first + 7 * k * DAY), round(float(level * np.exp(noise[k])), 0)) for k in range(n)]


def monthly(level: float, growth: float = 0.002) -> Rows:
    months = np.arange("2022-01", "2025-11", dtype="datetime64[M]").astype("datetime64[D]")
    noise = np.random.default_rng(6).normal(0, 0.0005, months.size)
    return [(str(d), round(float(level * np.exp(growth * k + noise[k])), 3)) for k, d in enumerate(months)]


@pytest.mark.parametrize(
    ("file", "title"),
    [
        ("IWO_holdings.csv", "iShares Russell 2000 Growth ETF"),
        ("IWM_holdings.csv", "iShares Russell 2000 Value ETF"),
        ("holdings.csv", "iShares S&P 500 Growth ETF"),
    ],
)
def test_a_fund_of_a_part_is_not_the_whole(desk: Desk, tmp_path: Path, file: str, title: str) -> None:
    one(tmp_path / "a", "RUT", rows_of("RUT", "2025-11-24"))
    holdings(tmp_path / "a" / file, title, [f"GR{k:02}" for k in range(40)])
    assert desk.add(tmp_path / "a") == 3
    assert f"'{title}', which holds a part of the" in desk.said
    assert not list(desk.snapshot.holdings_entries)


@pytest.mark.parametrize("name", ["ICSA", "WALCL"])
@pytest.mark.parametrize("common", [0, 5])
def test_a_level_in_another_unit_stays_out_of_use(desk: Desk, tmp_path: Path, name: str, common: int) -> None:
    level = {"ICSA": 220_000.0, "WALCL": 6_500_000.0}[name]
    base = weekly(name, level)
    assert desk.add(one(tmp_path / "a", name, base)) == 0, desk.said
    newer = [*base[len(base) - common :], ("2025-11-29", level * 1.01), ("2025-12-06", level * 0.99)]
    assert desk.add(one(tmp_path / "b", name, [(d, v / 1000.0) for d, v in newer])) == 1
    assert f"--accept {name}" in desk.said


def test_claims_that_rise_eleven_times_are_no_slip(desk: Desk, tmp_path: Path) -> None:
    base = weekly("ICSA", 230_000.0)
    rows = [(d, v * 10.7 if k > 40 else v) for k, (d, v) in enumerate(base)]
    assert desk.add(one(tmp_path / "a", "ICSA", rows)) == 0, desk.said
    slip = [(d, v * 10.0 if k == 40 else v) for k, (d, v) in enumerate(base)]
    assert desk.add(one(tmp_path / "b", "ICSA", slip)) == 1
    zero = [(d, 0.0 if k == 40 else v) for k, (d, v) in enumerate(base)]
    assert desk.add(one(tmp_path / "c", "ICSA", zero)) == 0
    assert "ICSA is exactly 0 on" in desk.said


def test_quarters_over_months_stay_out_of_use(desk: Desk, tmp_path: Path) -> None:
    assert desk.add(one(tmp_path / "a", "UNRATE", [(d, 4.0 + k % 3 / 10) for k, (d, _) in enumerate(monthly(1))])) == 0
    quarters = [(f"2025-{m:02}-01", 4.7) for m in (1, 4, 7)]
    assert desk.add(one(tmp_path / "b", "UNRATE", quarters)) == 1
    assert "UNRATE comes once a quarter here and is monthly in what is there" in desk.said


def test_publication_days_for_months_stay_out_of_use(desk: Desk, tmp_path: Path) -> None:
    assert desk.add(one(tmp_path / "a", "CPIAUCSL", monthly(290.0))) == 0, desk.said
    published = [("2025-08-12", 318.1), ("2025-09-11", 318.9), ("2025-10-24", 319.4)]
    assert desk.add(one(tmp_path / "b", "CPIAUCSL", published)) == 1
    assert "CPIAUCSL is dated inside the month" in desk.said


def test_of_a_month_told_twice_in_one_file_the_last_stands(desk: Desk, tmp_path: Path) -> None:
    rows = [("2025-11-01", 328.1), ("2025-11-30", 329.0), ("2025-12-31", 329.5)]
    assert desk.add(one(tmp_path / "a", "CPIAUCSL", rows)) == 0
    assert "CPIAUCSL has several rows of 1 month(s) (2025-11); the last one stands." in desk.said
    assert list(desk.values("CPIAUCSL").values()) == [329.0, 329.5]


def test_a_month_filled_daily_is_one_row_and_a_policy_rate_may_stand_still(desk: Desk, tmp_path: Path) -> None:
    filled = [
        (str(d), 4.3 if d < np.datetime64("2025-11-01") else 4.4)
        for d in np.arange("2025-10-01", "2025-11-28", dtype="M8[D]")
    ]
    assert desk.add(one(tmp_path / "a", "UNRATE", filled)) == 0
    assert list(desk.values("UNRATE").values()) == [4.3, 4.4]
    still = [(d, 5.33 if k > 20 else 5.0 + k / 100) for k, (d, _) in enumerate(monthly(1))]
    assert desk.add(one(tmp_path / "b", "FEDFUNDS", still)) == 0
    assert "stand still" not in desk.said


@pytest.mark.parametrize("common", [1, 4])
def test_an_adjusted_history_is_chained_to_what_is_there(desk: Desk, tmp_path: Path, common: int) -> None:
    last = rows_of("XLI_ADJ")[-common:]
    newer = [*last, *((d, round(last[-1][1] * (1 + 0.004 * k), 4)) for k, d in enumerate(NEWER, 1))]
    before = desk.values("XLI_ADJ")
    assert desk.add(one(tmp_path / "a", "XLI_ADJ", [(d, v * 0.93) for d, v in newer])) == 0, desk.said
    assert ("by one day alone, 2025-11-28" in desk.said) == (common == 1)
    values = desk.values("XLI_ADJ")
    assert {d: values[d] for d in before} == pytest.approx(before, rel=1e-9)
    assert values[NEWER[-1]] == pytest.approx(newer[-1][1], rel=1e-6), "no fall of 7 % where they meet"


def test_another_maturity_on_the_same_days_is_named(desk: Desk, tmp_path: Path) -> None:
    rows = [(d, round(v * 1.15, 3)) for d, v in rows_of("DGS2", "2025-03-03")]
    assert desk.add(one(tmp_path / "a", "DGS2", rows)) == 0
    assert "DGS2: values differ by 0.6" in desk.said
    assert "another series?" in desk.said


def test_a_spread_in_fractions_stays_out_of_use(desk: Desk, tmp_path: Path) -> None:
    rng = np.random.default_rng(12)
    spread = [(d, round(0.55 + float(rng.normal(0, 0.01)), 3)) for d, _ in rows_of("DGS2")]
    assert desk.add(one(tmp_path / "a", "T10Y2Y", spread)) == 0, desk.said
    assert desk.add(one(tmp_path / "b", "T10Y2Y", [(d, 0.0055) for d in NEWER])) == 1
    assert "a fraction for percent?" in desk.said


@pytest.mark.parametrize(("name", "by"), [("RUT", 1.15), ("DTWEXBGS", 0.95), ("GSPC", 1.2)])
def test_an_unusual_step_where_two_files_meet_is_named(desk: Desk, tmp_path: Path, name: str, by: float) -> None:
    last = desk.last(name)[1]
    assert desk.add(one(tmp_path / "a", name, [(d, round(last * by, 3)) for d in NEWER])) == 0
    assert "an unusual step; another series?" in desk.said


def test_one_past_day_that_is_overwritten_is_named(desk: Desk, tmp_path: Path) -> None:
    there = dict(rows_of("RUT"))["2025-05-12"]
    place = book(tmp_path / "b.xlsx", ["date", "RUT"], [(dt.date(2025, 5, 12), round(there * 1.05, 2))])
    assert desk.add(place) == 0
    assert "RUT: 1 price(s) differ by more than 1 % from what is there, most on 2025-05-12" in desk.said


def test_a_day_a_hair_before_midnight_is_that_day(desk: Desk, tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.active.append(["date", "RUT"])
    for k, value in enumerate((2351.0, 2352.0, 2353.0)):
        made.active.append([45992 + k + 1 - 2.0**-22, value])
        made.active.cell(k + 2, 1).number_format = "yyyy-mm-dd"
    made.save(tmp_path / "b.xlsx")
    assert desk.add(tmp_path / "b.xlsx") == 0, desk.said
    assert desk.last("RUT") == ("2025-12-04", 2353.0)


def test_two_columns_of_one_series_that_differ_are_not_put_to_use(desk: Desk, tmp_path: Path) -> None:
    rows = [(d, 2351.0 * 0.9, 2351.0) for d in NEWER]
    assert desk.add(write(tmp_path / "a" / "t.csv", ["date", "RTY Index", "RUT"], rows).parent) == 1
    assert "'RTY Index' and 'RUT' are both RUT and differ" in desk.said
    alike = [(d, 2351.5, 2351.0) for d in NEWER]
    assert desk.add(write(tmp_path / "b" / "t.csv", ["date", "RTY Index", "RUT"], alike).parent) == 0


@pytest.mark.parametrize("name", ["RUT.xlsx", "rut.tsv", "old.xls", "all.zip", "prices.parquet"])
def test_a_file_of_another_kind_is_named(desk: Desk, tmp_path: Path, name: str) -> None:
    folder = one(tmp_path / "a", "GSPC", rows_of("GSPC", "2025-11-24"))
    (folder / name).write_bytes(b"something")
    assert desk.add(folder) == 3
    assert f"Left out: {name}" in desk.said


GOOD: dict[str, tuple[str, str]] = {
    "four digits before a decimal comma": ("t.csv", "date;RUT\n" + "".join(f"{d};2351,531\n" for d in NEWER)),
    "an index without a name": ("t.csv", ",RUT\n" + "".join(f"{d},2351.5\n" for d in NEWER)),
    "date and close": ("RUT.csv", "Date,Close\n" + "".join(f"{d},2351.5\n" for d in NEWER)),
    "close and volume": ("^RUT.csv", "Date,Close,Volume\n" + "".join(f"{d},2351.5,9\n" for d in NEWER)),
    "a terminal's chart": ("t.csv", "Date,RTY Index - Last Price\n" + "".join(f"{d},2351.5\n" for d in NEWER)),
    "a line's side": ("t.csv", "Date,RTY Index (L1)\n" + "".join(f"{d},2351.5\n" for d in NEWER)),
    "a ticker's history": (
        "^RUT.csv",
        "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits,Capital Gains\n"
        + "".join(f"{d} 00:00:00-05:00,1,2,1,2351.5,9,0.0,0.0,0.0\n" for d in NEWER),
    ),
}


@pytest.mark.parametrize("name", list(GOOD))
def test_good_files_are_read(desk: Desk, tmp_path: Path, name: str) -> None:
    assert desk.add(text(tmp_path / "a", *GOOD[name])) == 0, desk.said
    assert desk.last("RUT")[0] == NEWER[-1]
    assert desk.last("RUT")[1] == pytest.approx(2351.5, abs=0.1)
    assert set(desk.snapshot.ids) == set(market())


def test_a_funds_file_of_stooq_is_the_fund(desk: Desk, tmp_path: Path) -> None:
    rows: list[list[Any]] = [[d, 1, 2, 1, 97.3 + k, 9] for k, d in enumerate(NEWER)]
    write(tmp_path / "a" / "xli.us_d.csv", ["Date", "Open", "High", "Low", "Close", "Volume"], rows)
    assert desk.add(tmp_path / "a") == 0, desk.said
    assert desk.last("XLI") == (NEWER[-1], 99.3)
