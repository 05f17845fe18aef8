"""A desk's home with two and a half years of an invented market, and what the commands say there."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

from xl_smallcap import cli
from xl_smallcap.data.snapshot import Snapshot
from xl_smallcap.data.store import Store
from xl_smallcap.session import use_session
from xl_smallcap.types import DAY

LEGS = ("XLI_ADJ", "XLY_ADJ", "XLB_ADJ", "XLF_ADJ", "XLU_ADJ", "XLP_ADJ", "XLV_ADJ")
FIRST, LAST = "2023-06-01", "2025-11-28"
Rows = list[tuple[str, float]]


def days(first: str = FIRST, last: str = LAST) -> np.ndarray:
    """Weekdays; the invented exchange knows no holidays."""
    every = np.arange(np.datetime64(first), np.datetime64(last) + DAY)
    return every[(every.view(np.int64) + 3) % 7 < 5]


def market(seed: int = 11) -> dict[str, np.ndarray]:
    """Levels of the default model's series, a value a weekday."""
    rng, n = np.random.default_rng(seed), days().size
    market_, cycle = rng.normal(0, 0.8, n), rng.normal(0, 0.5, n)
    rates = {"T5YIE": 2.4 + np.cumsum(rng.normal(0, 0.006, n)), "DGS2": 4.1 + np.cumsum(rng.normal(0, 0.02, n))}
    returns = {
        "RUT": 1.1 * market_ + 0.4 * cycle + rng.normal(0, 0.3, n),
        "GSPC": market_ + rng.normal(0, 0.1, n),
        "DTWEXBGS": rng.normal(0, 0.3, n),
        "DCOILWTICO": rng.normal(0, 1.8, n),
        **{leg: market_ + (0.5 if leg[2] in "IYBF" else -0.5) * cycle + rng.normal(0, 0.25, n) for leg in LEGS},
    }
    starts = {"RUT": 2000.0, "GSPC": 4800.0, "DTWEXBGS": 121.0, "DCOILWTICO": 74.0}
    prices = {k: starts.get(k, 90.0) * np.exp(np.cumsum(r) / 100.0) for k, r in returns.items()}
    return {k: np.round(v, 4) for k, v in {**prices, **rates}.items()}


def rows_of(name: str, first: str = FIRST, last: str = LAST) -> Rows:
    """One series as it is published."""
    dates, values = days(), market()[name]
    keep = (dates >= np.datetime64(first)) & (dates <= np.datetime64(last))
    return [(str(d), float(v)) for d, v in zip(dates[keep], values[keep], strict=True)]


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Write a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def one(path: Path, name: str, rows: Iterable[Sequence[Any]]) -> Path:
    """Write a file of one series, and return its folder."""
    return write(path / f"{name}.csv", ["date", "value"], rows).parent


def book(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]], formats: Mapping[int, str] | None = None
) -> Path:
    """Write a workbook of one sheet, columns from 1 with a number format where one is given."""
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.append(list(header))
    for row in rows:
        sheet.append(list(row))
    for column, shown in (formats or {}).items():
        for (cell,) in sheet.iter_rows(min_row=2, min_col=column, max_col=column):
            cell.number_format = shown
    made.save(path)
    return path


@dataclass
class Desk:
    """The home, and what was said last."""

    home: Path
    capture: pytest.CaptureFixture[str]
    code: int = 0
    out: str = ""
    err: str = ""

    def run(self, *arguments: str) -> int:
        """Run ``xl-smallcap``."""
        use_session(None)
        self.capture.readouterr()
        self.code = cli.main([str(a) for a in arguments])
        output = self.capture.readouterr()
        self.out, self.err = output.out, output.err
        return self.code

    def load(self, place: Path, *more: str) -> int:
        """Run ``data load``."""
        return self.run("data", "load", str(place), *more)

    def add(self, place: Path, *more: str) -> int:
        """Run ``data load --add``."""
        return self.load(place, "--add", *more)

    @property
    def said(self) -> str:
        """Everything, on one line."""
        return " ".join((self.out + " " + self.err).split())

    @property
    def snapshot(self) -> Snapshot:
        """What is in use."""
        return Store(self.home / "store").open()

    def values(self, name: str) -> dict[str, float]:
        """A series in use, the last told of each day."""
        data = self.snapshot.series(name)
        return {str(d): float(v) for d, v in zip(data.dates, data.values, strict=True)}

    def last(self, name: str) -> tuple[str, float]:
        """The newest day and value of a series in use."""
        return list(self.values(name).items())[-1]
