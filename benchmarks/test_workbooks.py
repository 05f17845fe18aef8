"""Workbooks: a refresh of ten thousand cells, a pitch sheet from a cold start, opening and first calculation.

The peer of the refresh is the same LibreOffice that calls our add-in cell by cell; results are compared. Times of a
machine mean little: read the ratio.
"""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from xl_smallcap.config import load_settings
from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.hosts.libreoffice.package import package_files
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session, use_session
from xl_smallcap.workbooks.book import build_workbook, prepare
from xl_smallcap.workbooks.foreign.refresh import refresh_workbook

FACTORS, STATS = ("growth", "inflation", "easing", "dollar", "oil"), ("beta", "se", "tstat", "lower", "upper")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "home"
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(folder))
    load(Store(folder / "store"), "sample", lambda *_: None)
    use_session(Session(load_settings(folder)))
    yield folder
    use_session(None)


def ten_thousand(path: Path, spilling: bool) -> Path:
    """400 days by five factors by five statistics, and a sum a row that only LibreOffice calculates.

    `spilling`: as Excel may store a function of an add-in, as an array formula of one cell.
    """
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("S")
    for i in range(400):
        sheet.write_number(i, 0, (dt.date(2024, 1, 1) - dt.date(1899, 12, 30)).days + i)
        for j in range(25):
            call = f'=RUSSELL_BETA("{FACTORS[j % 5]}","relative","{STATS[j // 5]}",250,$A{i + 1})'
            if spilling:
                sheet.write_dynamic_array_formula(i, 1 + j, i, 1 + j, call, None, 1.0)
            else:
                sheet.write_formula(i, 1 + j, call, None, 1.0)
        sheet.write_formula(i, 26, f"=SUMPRODUCT(B{i + 1}:Z{i + 1})", None, 0)
    book.close()
    return path


@pytest.mark.parametrize("spilling", [False, True])
def test_refresh_of_ten_thousand_cells(home: Path, tmp_path: Path, spilling: bool) -> None:
    path = ten_thousand(tmp_path / "book.xlsx", spilling)
    stages: dict[str, float] = {}
    for name in ("cold", "warm"):
        began = time.perf_counter()

        def step(what: str, done: int, total: int, began: float = began, name: str = name) -> None:
            stages.setdefault(f"{name} {what}", time.perf_counter() - began)

        done = refresh_workbook(path, tmp_path / "new.xlsx", None, step)
        stages[f"{name} all"] = time.perf_counter() - began
        assert done.changed == 10_400
    environment = {"XL_SMALLCAP_HOME": str(home)}
    began = time.perf_counter()
    with Office(extension=package_files(home), environment=environment) as office:
        start = time.perf_counter() - began
        began = time.perf_counter()
        opened = office.do("open", str(path), seconds=600)  # arrays are calculated then
        office.do("recalculate", opened, seconds=600)
        results = office.do("results", opened, seconds=600)
        peer = time.perf_counter() - began
    shown = {}
    for top, left, rows in results["S"]:
        shown.update({(top + i, left + j): v for i, row in enumerate(rows) for j, v in enumerate(row)})
    stored = openpyxl.load_workbook(tmp_path / "new.xlsx", data_only=True)["S"]
    for (row, column), value in shown.items():
        assert stored.cell(row + 1, column + 1).value == pytest.approx(value, rel=1e-12)
    print(f"\nstages { ({k: round(v, 2) for k, v in stages.items()}) }")
    print(f"LibreOffice: start {start:.2f} s; its 10,400 cells through the add-in {peer:.2f} s")
    rest = stages["warm all"] - start
    print(f"less the start: cold {stages['cold all'] - start:.2f} s; warm {rest:.2f} s, ratio {peer / rest:.1f}")


def test_pitch_from_a_cold_start(home: Path, tmp_path: Path) -> None:
    times: dict[str, float] = {}
    for name, extra in (("cold", []), ("again", []), ("with PDF", ["--pdf"])):
        began = time.perf_counter()
        command: list[Any] = [sys.executable, "-m", "xl_smallcap", "pitch", "--out", tmp_path / "p.xlsx", *extra]
        subprocess.run(command, check=True, capture_output=True)
        times[name] = time.perf_counter() - began
    print(f"\npitch { ({k: round(v, 2) for k, v in times.items()}) }")


def test_opening_and_first_calculation(home: Path, tmp_path: Path) -> None:
    prepare()
    began = time.perf_counter()
    path = build_workbook(tmp_path / "book.xlsx")
    built = time.perf_counter() - began
    with Office(extension=package_files(home), environment={"XL_SMALLCAP_HOME": str(home)}) as office:
        began = time.perf_counter()
        opened = office.do("open", str(path))
        opening = time.perf_counter() - began
        first, second = office.do("recalculate", opened), office.do("recalculate", opened)
    print(f"\nbuilt {built:.2f} s; opened {opening:.2f} s, first calculation {first:.2f} s, second {second:.2f} s")
