"""Names, layouts and odd files: what is known is read by the catalogue's name, the rest is named, nothing is lost."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import polars as pl
import pytest
import xlsxwriter
from openpyxl.worksheet.table import Table

from tests.intake.desk import Desk, book, days, one, rows_of, write
from xl_smallcap.data.sources import folder
from xl_smallcap.types import DAY

LATER = ["2025-12-01", "2025-12-02", "2025-12-03"]


def near(desk: Desk, name: str, share: float = 1.001) -> list[tuple[str, float]]:
    """Three more days of a series in use."""
    return [(d, round(desk.last(name)[1] * share, 4)) for d in LATER]


# Stamps and words.

STAMPS: dict[str, Callable[[str], str]] = {
    "zone": lambda d: f"{d} 00:00:00-05:00",
    "zone with T": lambda d: f"{d}T00:00:00Z",
    "midnight": lambda d: f"{int(d[5:7])}/{int(d[8:])}/{d[:4]} 0:00",
    "midnight of twelve hours": lambda d: f"{int(d[5:7])}/{int(d[8:])}/{d[:4]} 12:00:00 AM",
    "month's name": lambda d: dt.date.fromisoformat(d).strftime("%d-%b-%Y"),
    "short year": lambda d: dt.date.fromisoformat(d).strftime("%d-%b-%y"),
    "digits": lambda d: d.replace("-", ""),
}


@pytest.mark.parametrize("how", [k for k in STAMPS if k != "short year"])
def test_stamps(desk: Desk, tmp_path: Path, how: str) -> None:
    rows = [(STAMPS[how](d), v) for d, v in [*rows_of("RUT", "2025-11-17"), *near(desk, "RUT")]]
    assert desk.add(one(tmp_path / "a", "RUT", rows)) == 0, desk.said
    assert desk.last("RUT")[0] == LATER[-1]


def test_a_year_of_two_digits_is_refused_with_a_sentence(desk: Desk, tmp_path: Path) -> None:
    assert desk.add(one(tmp_path / "a", "RUT", [(STAMPS["short year"](d), v) for d, v in near(desk, "RUT")])) == 1
    assert "RUT.csv, line 2" in desk.said
    assert "is not a date" in desk.said


@pytest.mark.parametrize("said", ["#N/A Requesting Data...", "#N/A Invalid Security", "#NAME?", "#REF!"])
def test_what_a_terminal_has_not_answered_is_no_missing_value(desk: Desk, tmp_path: Path, said: str) -> None:
    folder = write(tmp_path / "a" / "t.csv", ["date", "DGS2"], [(LATER[0], 4.1), (LATER[1], said)]).parent
    assert desk.add(folder) == 1
    assert f"line 3, column 'DGS2': '{said}' is not a number" in desk.said
    assert desk.add(book(tmp_path / "b.xlsx", ["date", "DGS2"], [(LATER[0], 4.1), (LATER[1], said)])) == 1


def test_what_a_terminal_says_of_a_missing_value(desk: Desk, tmp_path: Path) -> None:
    missing = ["#N/A N/A", "#N/A", "", "#N/A Field Not Applicable", "#N/A N/A"]
    rows: list[tuple[Any, ...]] = [(d, missing[k % 5], v) for k, (d, v) in enumerate(rows_of("DGS2", "2025-10-01"))]
    rows += [(d, 4.11 + k / 100, 4.12) for k, d in enumerate(LATER)]
    assert desk.add(write(tmp_path / "a" / "t.csv", ["date", "DGS2", "DGS10"], rows).parent) == 0, desk.said
    assert desk.last("DGS2") == (LATER[-1], 4.13)


# Names.


def test_a_yahoo_file_is_its_security_and_its_close(desk: Desk, tmp_path: Path) -> None:
    header = ["Date", "Open", "High", "Low", "Close", "Adj Close", "Volume"]
    for symbol, name in (("^RUT", "RUT"), ("^GSPC", "GSPC")):
        rows = [(d, v + 1, v + 9, v - 9, v, v, 3_100_000) for d, v in near(desk, name)]
        write(tmp_path / "a" / f"{symbol}.csv", header, rows)
    assert desk.add(tmp_path / "a") == 0, desk.said
    assert desk.last("RUT")[0] == desk.last("GSPC")[0] == LATER[-1]
    assert set(desk.snapshot.ids).isdisjoint({"Open", "High", "Volume", "Adj Close"})
    assert "Close is" in desk.said or "left out" in desk.said


def test_a_stooq_file_is_its_security(desk: Desk, tmp_path: Path) -> None:
    rows = [(d, v, v + 5, v - 5, v, 0) for d, v in near(desk, "RUT")]
    write(tmp_path / "a" / "^rut_d.csv", ["Date", "Open", "High", "Low", "Close", "Volume"], rows)
    assert desk.add(tmp_path / "a") == 0, desk.said
    assert desk.last("RUT")[0] == LATER[-1]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_tickers_of_a_terminal(desk: Desk, tmp_path: Path, kind: str) -> None:
    names = {"RTY Index": "RUT", "SPX Index": "GSPC"}
    columns = [near(desk, n) for n in names.values()]
    rows = [[d, *(c[k][1] for c in columns)] for k, d in enumerate(LATER)]
    header = ["date", *names]
    place = write(tmp_path / "a" / "t.csv", header, rows).parent
    if kind == "xlsx":
        place = book(tmp_path / "t.xlsx", header, [[dt.date.fromisoformat(str(r[0])), *r[1:]] for r in rows])
    assert desk.add(place) == 0, desk.said
    assert "Read by the catalogue's names: RTY Index as RUT, SPX Index as GSPC." in desk.said
    assert desk.last("GSPC")[0] == LATER[-1]
    assert "RTY Index" not in desk.snapshot.ids


def test_vintages_of_alfred_are_one_series(desk: Desk, tmp_path: Path) -> None:
    rows = [("2025-08-01", 323.4, 323.36), ("2025-09-01", 324.4, 324.37), ("2025-10-01", "", 325.03)]
    write(tmp_path / "a" / "cpi.csv", ["observation_date", "CPIAUCSL_20251024", "CPIAUCSL_20251118"], rows)
    assert desk.add(tmp_path / "a") == 0, desk.said
    data = desk.snapshot.series("CPIAUCSL")
    assert data.has_vintages
    assert data.values.size == 5


@pytest.mark.parametrize(("slip", "meant"), [("RTU", "RUT"), ("T5YE", "T5YIE"), ("DDGS2", "DGS2"), ("GPSC", "GSPC")])
def test_a_slip_in_a_name_is_asked_about(empty: Desk, tmp_path: Path, slip: str, meant: str) -> None:
    empty.load(one(tmp_path / "a", slip, rows_of(meant)))
    assert f"{slip} is not in the catalogue; did you mean {meant}?" in empty.said


def test_what_nobody_knows_is_named_and_kept(desk: Desk, tmp_path: Path) -> None:
    assert desk.add(one(tmp_path / "a", "DESK_SPREAD", [(d, 1.5) for d in LATER])) == 0
    assert "Not in the catalogue" in desk.said
    assert "DESK_SPREAD" in desk.said
    assert "DESK_SPREAD" in desk.snapshot.ids


def test_two_columns_that_mean_one_series_are_refused(desk: Desk, tmp_path: Path) -> None:
    rows = [(d, 4.1, 4.2) for d in LATER]
    assert desk.add(write(tmp_path / "a" / "t.csv", ["date", "RTY Index", "^RUT"], rows).parent) == 1
    assert "'RTY Index' and '^RUT' are both RUT; keep one." in desk.said


# Layouts of a workbook.


def bdh(sheet: Any, top: int, columns: dict[str, list[tuple[str, float]]]) -> None:
    for k, (ticker, rows) in enumerate(columns.items()):
        left = 1 + 3 * k
        sheet.cell(top, left, ticker)
        sheet.cell(top + 1, left, "Dates")
        sheet.cell(top + 1, left + 1, "PX_LAST")
        for i, (d, v) in enumerate(rows):
            sheet.cell(top + 2 + i, left, dt.datetime.fromisoformat(d))
            sheet.cell(top + 2 + i, left + 1, v)


def test_pairs_of_columns_each_with_its_own_days(desk: Desk, tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    bdh(
        made.active,
        1,
        {"RTY Index": near(desk, "RUT"), "USGG2YR Index": near(desk, "DGS2")[:2], "SPX Index": near(desk, "GSPC")},
    )
    made.save(tmp_path / "bdh.xlsx")
    assert desk.add(tmp_path / "bdh.xlsx") == 0, desk.said
    assert desk.last("RUT")[0] == LATER[-1]
    assert desk.last("GSPC")[0] == LATER[-1]


def test_pairs_without_a_ticker_say_what_to_give(desk: Desk, tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    bdh(made.active, 1, {"RTY Index": near(desk, "RUT"), "SPX Index": near(desk, "GSPC")})
    made.save(tmp_path / "bdh.xlsx")
    assert desk.add(tmp_path / "bdh.xlsx", "--range", "A2:E5") == 1
    assert "has no ticker above it" in desk.said
    assert desk.add(tmp_path / "bdh.xlsx", "--range", "A1:E5") == 0


def test_a_table_by_its_name_and_a_sheet_in_quotes(desk: Desk, tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = "Anne's page"
    sheet.append(["notes", None, None])
    for row in [
        ["date", "RUT", "GSPC"],
        *[
            [dt.date.fromisoformat(d), v, w]
            for (d, v), (_, w) in zip(near(desk, "RUT"), near(desk, "GSPC"), strict=True)
        ],
    ]:
        sheet.append(row)
    sheet.add_table(Table(displayName="Closes", ref="A2:C5"))
    made.save(tmp_path / "b.xlsx")
    for area in ("closes", "'Anne''s page'!$A$2:$C$5", "'Anne''s page'!A2:C5"):
        assert desk.add(tmp_path / "b.xlsx", "--range", area) == 0, desk.said
        assert desk.last("GSPC")[0] == LATER[-1]
    assert desk.add(tmp_path / "b.xlsx", "--range", "Closed") == 1
    assert "Closes" in desk.said


# Workbooks that were not calculated, are strict, or have a password.


def test_formulas_that_were_never_calculated_are_refused_by_their_cell(desk: Desk, tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.active.append(["date", "RUT"])
    for k, (d, v) in enumerate(near(desk, "RUT")):
        made.active.append([dt.date.fromisoformat(d), v if k < 2 else "=B3*1.01"])
    made.save(tmp_path / "b.xlsx")
    assert desk.add(tmp_path / "b.xlsx") == 1
    assert "cell B4 is a formula that was never calculated" in desk.said


def test_a_zero_a_writer_stores_for_a_formula_is_no_value(desk: Desk, tmp_path: Path) -> None:
    made = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet, day = made.add_worksheet(), made.add_format({"num_format": "yyyy-mm-dd"})
    sheet.write_row(0, 0, ["date", "DGS2"])
    for k, (d, v) in enumerate(near(desk, "DGS2"), 1):
        sheet.write_datetime(k, 0, dt.datetime.fromisoformat(d), day)
        if k < 3:
            sheet.write_number(k, 1, v)
        else:
            sheet.write_formula(k, 1, "=B3+0.01")
    made.close()
    assert desk.add(tmp_path / "b.xlsx") == 1
    assert "cell B4 is a formula that was never calculated" in desk.said


def test_a_formula_that_was_calculated_is_read(desk: Desk, tmp_path: Path) -> None:
    made = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet, day = made.add_worksheet(), made.add_format({"num_format": "yyyy-mm-dd"})
    sheet.write_row(0, 0, ["date", "DGS2"])
    for k, (d, v) in enumerate(near(desk, "DGS2"), 1):
        sheet.write_datetime(k, 0, dt.datetime.fromisoformat(d), day)
        sheet.write_formula(k, 1, f"={v}", None, v)
    made.close()
    assert desk.add(tmp_path / "b.xlsx") == 0, desk.said
    assert desk.last("DGS2")[0] == LATER[-1]


def strict(path: Path, out: Path) -> Path:
    """What Excel's "Strict Open XML Spreadsheet" is: the same parts in other namespaces."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            part = old.read(info)
            for usual, other in (
                (
                    b"http://schemas.openxmlformats.org/officeDocument/2006/",
                    b"http://purl.oclc.org/ooxml/officeDocument/",
                ),
                (
                    b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
                    b"http://purl.oclc.org/ooxml/spreadsheetml/main",
                ),
                (b"http://schemas.openxmlformats.org/drawingml/2006/", b"http://purl.oclc.org/ooxml/drawingml/"),
            ):
                part = part.replace(usual, other)
            if info.filename == "xl/workbook.xml":
                part = part.replace(b"<workbook ", b'<workbook conformance="strict" ', 1)
            new.writestr(info.filename, part)
    return out


def test_a_strict_workbook_is_read(desk: Desk, tmp_path: Path) -> None:
    rows = [(dt.date.fromisoformat(d), v) for d, v in near(desk, "GSPC")]
    place = strict(book(tmp_path / "b.xlsx", ["date", "GSPC"], rows), tmp_path / "strict.xlsx")
    assert desk.add(place) == 0, desk.said
    assert desk.last("GSPC")[0] == LATER[-1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "has a password, or is an old .xls"),
        (b"PK\x03\x04 cut short", "is not a whole .xlsx or .xlsm workbook"),
        (b"date,RUT\n", "is not a whole .xlsx or .xlsm workbook"),
        (b"", "is not a whole .xlsx or .xlsm workbook"),
    ],
)
def test_what_is_no_readable_workbook_is_a_sentence(desk: Desk, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "b.xlsx").write_bytes(content)
    assert desk.add(tmp_path / "b.xlsx") == 1
    assert said in desk.said
    assert "Traceback" not in desk.said


# One odd file in a folder.

ODD: dict[str, bytes] = {
    "latin.csv": "date,Pré\n2025-12-01,1\n".encode("latin-1"),
    "cut.csv": b'date,A\n2025-12-01,"1\n',
    "words.csv": b"date,A\n2025-12-01,high\n2025-12-02,low\n",
    "page.csv": b"<!DOCTYPE html><html><body>Sign in</body></html>",
    "ragged.csv": b"date,A\n2025-12-01,1,2,3\n",
    "empty.csv": b"",
    "null.csv": b"\0" * 400,
}


@pytest.mark.parametrize("name", list(ODD))
def test_one_unreadable_file_is_left_out_and_named(desk: Desk, tmp_path: Path, name: str) -> None:
    folder = one(tmp_path / "a", "RUT", near(desk, "RUT"))
    (folder / name).write_bytes(ODD[name])
    assert desk.add(folder) == 3, desk.said
    assert name in desk.said
    assert desk.last("RUT")[0] == LATER[-1]


@pytest.mark.parametrize(
    "name", ["._RUT.csv", ".~lock.RUT.csv#", "~$RUT.csv", ".hidden.csv", "notes.txt", "RUT.csv.bak"]
)
def test_what_systems_leave_beside_files_is_none(desk: Desk, tmp_path: Path, name: str) -> None:
    folder = one(tmp_path / "a", "RUT", near(desk, "RUT"))
    (folder / name).write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        \2\0\xff\xfe")
    assert desk.add(folder) == 0, desk.said
    assert name not in desk.said


def test_a_file_in_use_that_cannot_be_read_any_more_keeps_the_data(empty: Desk, tmp_path: Path) -> None:
    folder = one(tmp_path / "a", "RUT", rows_of("RUT"))
    one(tmp_path / "a", "GSPC", rows_of("GSPC"))
    empty.load(folder)
    used = empty.snapshot.fingerprint
    (folder / "GSPC.csv").write_bytes(ODD["null.csv"])
    assert empty.load(folder) == 1
    assert "GSPC.csv could not be read, and GSPC in use came from it" in empty.said
    assert empty.snapshot.fingerprint == used


def test_a_parquet_of_prices_without_its_reader_does_not_stop_the_rest(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = one(tmp_path / "a", "RUT", near(desk, "RUT"))
    (folder / "cross_section").mkdir()
    (folder / "cross_section" / "prices.parquet").write_bytes(b"PAR1 and so on")
    for module in ("polars", "pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, module, None)
    assert desk.add(folder) == 3, desk.said
    assert "cross_section" in desk.said
    assert desk.last("RUT")[0] == LATER[-1]


# The CFTC's files.

CFTC = [
    "Market_and_Exchange_Names", "As_of_Date_In_Form_YYMMDD", "Report_Date_as_YYYY-MM-DD", "CFTC_Contract_Market_Code",
    "Open_Interest_All", "Dealer_Positions_Long_All", "Dealer_Positions_Short_All", "Asset_Mgr_Positions_Long_All",
    "Asset_Mgr_Positions_Short_All", "Lev_Money_Positions_Long_All", "Lev_Money_Positions_Short_All",
    "Other_Rept_Positions_Long_All", "Other_Rept_Positions_Short_All", "NonRept_Positions_Long_All",
    "NonRept_Positions_Short_All", "FutOnly_or_Combined",
]  # fmt: skip


def report(path: Path, first: str, weeks: int, kind: str = "FutOnly", shape: str = "iso") -> Path:
    rows = []
    for k in range(weeks):
        day = dt.date.fromisoformat(first) + dt.timedelta(7 * k)
        date = day.isoformat() if shape == "iso" else f"{day.month}/{day.day}/{day.year} 12:00:00 AM"
        rows.append(["RUSSELL E-MINI - CHICAGO MERCANTILE EXCHANGE", day.strftime("%y%m%d"), date, "239742",
                     *[460_000 + 500 * k, *[20_000 + 100 * j + k for j in range(10)]], kind])  # fmt: skip
    return write(path, CFTC, rows)


def test_the_combined_report_is_refused(desk: Desk, tmp_path: Path) -> None:
    folder = report(tmp_path / "a" / "FinComYY.csv", "2025-09-02", 10, "Combined").parent
    one(folder, "RUT", near(desk, "RUT"))
    assert desk.add(folder) == 3
    assert "FinComYY.csv" in desk.said
    assert "options" in desk.said
    assert "TFF_RUT_OI" not in desk.snapshot.ids


def test_two_years_of_reports_are_joined_text_files_too(desk: Desk, tmp_path: Path) -> None:
    report(tmp_path / "a" / "FinFutYY.txt", "2024-12-03", 5)
    report(tmp_path / "a" / "FinFut25.csv", "2024-12-31", 40, shape="us")
    assert desk.add(tmp_path / "a") == 1, "the week both have differs"
    assert "TFF_RUT" in desk.said
    report(tmp_path / "a" / "FinFut25.csv", "2025-01-07", 40, shape="us")
    assert desk.add(tmp_path / "a") == 0, desk.said
    assert desk.snapshot.series("TFF_RUT_OI").values.size == 45


# Holdings.


def holdings(path: Path, fund: str, tickers: Iterable[str]) -> Path:
    names = list(tickers)
    lines = [fund, 'Fund Holdings as of,"Nov 28, 2025"', "", "Ticker,Name,Sector,Asset Class,Market Value,Weight (%)"]
    lines += [f'{t},{t} Corp,Industrials,Equity,"1,000.00",{100 / len(names):.4f}' for t in names]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_preamble_says_whose_holdings_they_are(desk: Desk, tmp_path: Path) -> None:
    small, large = [f"SM{k:02}" for k in range(40)], [f"LG{k:02}" for k in range(40)]
    holdings(tmp_path / "a" / "download (1).csv", "iShares Russell 2000 ETF", small)
    holdings(tmp_path / "a" / "saved.csv", "iShares Core S&P 500 ETF", large)
    assert desk.add(tmp_path / "a") == 0, desk.said
    assert {e.fund for e in desk.snapshot.holdings_entries} == {"IWM", "IVV"}
    assert set(desk.snapshot.holdings("IWM").ticker) == set(small)


def test_a_file_of_one_fund_by_the_name_of_the_other_is_refused(desk: Desk, tmp_path: Path) -> None:
    one(tmp_path / "a", "RUT", near(desk, "RUT"))
    holdings(tmp_path / "a" / "IWM_holdings.csv", "iShares Core S&P 500 ETF", [f"LG{k:02}" for k in range(40)])
    assert desk.add(tmp_path / "a") == 3
    assert "IWM_holdings.csv" in desk.said
    assert "S&P 500" in desk.said
    assert not list(desk.snapshot.holdings_entries)


# Stocks.


def stocks(path: Path, tickers: list[str], change: Any = None, weekends: bool = False) -> Path:
    rng = np.random.default_rng(5)
    dates = np.arange(days()[-260], days()[-1] + DAY) if weekends else days()[-260:]
    moves = rng.normal(0, 1.2, (dates.size, len(tickers)))
    moves[(dates.view(np.int64) + 3) % 7 > 4] = 0.0
    prices = 50.0 * np.exp(np.cumsum(moves, axis=0) / 100.0)
    if change is not None:
        prices = change(dates, prices)
    rows = [[str(d), *np.round(p, 3)] for d, p in zip(dates, prices, strict=True)]
    return write(path, ["date", *tickers], rows)


def test_tickers_of_a_terminal_are_stocks(desk: Desk, tmp_path: Path) -> None:
    names = [f"AB{chr(65 + k)} US Equity" for k in range(20)]
    stocks(tmp_path / "c" / "prices.csv", [*names, "BRK/B UN Equity"])
    assert desk.load(tmp_path / "c", "--constituents") == 0, desk.said
    assert desk.snapshot.prices_entry is not None
    assert {"ABA", "ABT"} <= set(desk.snapshot.prices_entry.tickers)
    assert all("Equity" not in t for t in desk.snapshot.prices_entry.tickers)


@pytest.mark.parametrize("factor", [2.0, 3.0, 4.0, 0.5, 1 / 3, 0.25, 10.0])
def test_a_split_of_a_stock_is_named(desk: Desk, tmp_path: Path, factor: float) -> None:
    def split(dates: Any, prices: Any) -> Any:
        prices[dates >= np.datetime64("2025-08-04"), 3] *= factor
        return prices

    stocks(tmp_path / "c" / "prices.csv", [f"S{k:02}" for k in range(20)], split)
    assert desk.load(tmp_path / "c", "--constituents") == 0, desk.said
    assert "S03" in desk.said
    assert "on 2025-08-04" in desk.said
    assert "splits not adjusted?" in desk.said


def test_weekends_of_stocks_that_repeat_friday_are_left_out(desk: Desk, tmp_path: Path) -> None:
    stocks(tmp_path / "c" / "prices.csv", [f"S{k:02}" for k in range(20)], weekends=True)
    assert desk.load(tmp_path / "c", "--constituents") == 0, desk.said
    assert "Saturday(s) and Sunday(s) that repeat the day before are left out" in desk.said
    dates = desk.snapshot.prices().dates
    assert ((dates.view(np.int64) + 3) % 7 < 5).all()


def exchange_days(path: Path, every: bool) -> None:
    """Exchange day and month up to the twelfth, in the spelling of ISO or as texts beside it."""
    lines = path.read_text().splitlines()
    for k, line in enumerate(lines[1:], 1):
        day, rest = line.split(",", 1)
        year, month, of_month = day.split("-")
        if int(of_month) <= 12 and every:
            lines[k] = f"{year}-{of_month}-{month},{rest}"
        elif int(of_month) > 12 and not every:
            lines[k] = f"{of_month}/{month}/{year},{rest}"
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(("every", "said"), [(True, "in no order of days"), (False, "it exchanges day and month")])
def test_exchanged_days_of_stocks_are_refused(desk: Desk, tmp_path: Path, every: bool, said: str) -> None:
    exchange_days(stocks(tmp_path / "c" / "prices.csv", [f"S{k:02}" for k in range(20)]), every)
    assert desk.load(tmp_path / "c", "--constituents") == 1
    assert said in desk.said
    assert desk.snapshot.prices_entry is None


@pytest.mark.parametrize(("step", "once"), [(5, "once a week"), (21, "once a month")])
def test_stocks_of_another_frequency_are_named(desk: Desk, tmp_path: Path, step: int, once: str) -> None:
    path = stocks(tmp_path / "c" / "prices.csv", [f"S{k:02}" for k in range(20)])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *lines[1::step]]) + "\n")
    assert desk.load(tmp_path / "c", "--constituents") == 0, desk.said
    assert f"prices come {once}" in desk.said


def test_stocks_that_stand_still_are_named(desk: Desk, tmp_path: Path) -> None:
    def stands(dates: Any, prices: Any) -> Any:
        late = dates >= np.datetime64("2025-11-03")
        prices[late, 2] = prices[late, 2][0]
        prices[dates >= np.datetime64("2025-11-20"), 5] = 7.0
        return prices

    stocks(tmp_path / "c" / "prices.csv", [f"S{k:02}" for k in range(20)], stands)
    assert desk.load(tmp_path / "c", "--constituents") == 0, desk.said
    assert "1 stock(s) have not changed for 10 observations or more at the end (S02)" in desk.said


def test_a_tenth_of_the_price_without_a_common_day_is_no_longer_history(desk: Desk, tmp_path: Path) -> None:
    names = [f"S{k:02}" for k in range(20)]
    path = stocks(tmp_path / "c" / "prices.csv", names)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-30]) + "\n")
    assert desk.load(tmp_path / "c", "--constituents") == 0
    tenth = [",".join([ln.split(",")[0], *(f"{float(v) / 10:.4f}" for v in ln.split(",")[1:])]) for ln in lines[-30:]]
    path.write_text("\n".join([lines[0], *tenth]) + "\n")
    assert desk.load(tmp_path / "c", "--constituents") == 0
    assert "NOT taken" in desk.said
    assert str(desk.snapshot.prices().dates[-1]) == lines[-31].split(",")[0]


def test_one_unreadable_file_of_stocks_is_left_out_and_named(desk: Desk, tmp_path: Path) -> None:
    stocks(tmp_path / "c" / "prices.csv", [f"S{k:02}" for k in range(20)])
    (tmp_path / "c" / "weights.csv").write_bytes(b"date,ticker,weight\n2025-11-28,S01,lots\n")
    (tmp_path / "c" / "._prices.csv").write_bytes(b"\0\5\x16\7")
    assert desk.load(tmp_path / "c", "--constituents") == 3, desk.said
    assert "weights.csv" in desk.said
    assert "._prices.csv" not in desk.said


# Two at once.


def test_two_additions_at_once_are_both_there(desk: Desk, tmp_path: Path) -> None:
    places = [one(tmp_path / n, n, [(d, 1.5) for d in LATER]) for n in ("OWN_A", "OWN_B", "OWN_C")]
    command = [sys.executable, "-P", "-m", "xl_smallcap", "data", "load"]
    running = [
        subprocess.Popen(
            [*command, str(p), "--add"], env={**os.environ}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for p in places
    ]
    outputs = [r.communicate(timeout=60)[0] for r in running]
    assert [r.returncode for r in running] == [0, 0, 0], outputs
    assert {"OWN_A", "OWN_B", "OWN_C", "RUT"} <= set(desk.snapshot.ids)


def test_an_addition_waits_for_another_and_says_so_when_it_waited_long(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xl_smallcap.data import atomic as module

    monkeypatch.setattr(module, "_PATIENCE", 0.2)
    place = one(tmp_path / "a", "OWN_A", [(d, 1.5) for d in LATER])
    with module.changing(desk.home / "store"):
        assert desk.add(place) == 1
    assert "again" in desk.said
    assert "OWN_A" not in desk.snapshot.ids
    assert desk.add(place) == 0


def test_a_folder_of_parquet_is_a_folder_of_csv(tmp_path: Path) -> None:
    """Dates, moments and text as days; nothing is lost of a number; words and gaps are told apart."""
    stamps = [dt.date(2025, 12, 1), dt.date(2025, 12, 2), dt.date(2025, 12, 3)]
    columns = {"DGS2": [3.51, None, 3.4900000000000002], "date": stamps, "RUT": [2500.1, 2510.2, 0.1 + 2500]}
    for name in ("csv", "parquet"):
        (tmp_path / name).mkdir()
    pl.DataFrame(columns).write_parquet(tmp_path / "parquet" / "mine.parquet")
    pl.DataFrame(columns).select("date", "DGS2", "RUT").write_csv(tmp_path / "csv" / "mine.csv")
    by = {name: folder.read(tmp_path / name, lambda *_: None) for name in ("csv", "parquet")}
    assert list(by["parquet"].series) == ["DGS2", "RUT"]
    for name, data in by["csv"].series.items():
        assert data.digest() == by["parquet"].series[name].digest()
    pl.DataFrame({"date": stamps, "code": ["a", "b", "c"]}).write_parquet(tmp_path / "parquet" / "words.parquet")
    pl.DataFrame({"x": [1.0]}).write_parquet(tmp_path / "parquet" / "undated.parquet")
    left_out = folder.read(tmp_path / "parquet", lambda *_: None).skipped
    assert "column 'code' holds words" in left_out["words.parquet"]
    assert "expected a column 'date' and at least one series" in left_out["undated.parquet"]
