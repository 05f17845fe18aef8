"""A refresh looks at what comes as a load does: the same kinds, refused until accepted, or named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.live.loopback import Loopback, World
from xl_smallcap.data.catalogue import Catalogue
from xl_smallcap.data.loading import load
from xl_smallcap.data.refresh import RefreshReport, refresh
from xl_smallcap.data.store import Store
from xl_smallcap.types import DAY, MONTH

NOW = np.datetime64("2026-01-05T18:00", "m")


class Desk:
    """A store that FRED's imitation fills."""

    def __init__(self, home: Path, catalogue: Catalogue) -> None:
        self.home, self.catalogue, self.server = home, catalogue, Loopback(World())
        self.store = Store(home / "store")

    def refresh(self, name: str, minutes: int = 0, **more: Any) -> RefreshReport:
        return refresh(
            self.store, self.catalogue, self.server.settings(self.home), lambda *_: None, only_series=[name],
            only_sources=["fred"], now=NOW + np.timedelta64(minutes, "m"), **more,
        )  # fmt: skip

    def values(self, name: str) -> dict[str, float]:
        data = self.store.open().series(name)
        return {str(d): float(v) for d, v in zip(data.dates, data.values, strict=True)}


@pytest.fixture
def desk(tmp_path: Path, catalogue: Catalogue) -> Iterator[Desk]:
    made = Desk(tmp_path / "home", catalogue)
    yield made
    made.server.close()


def told(report: RefreshReport) -> str:
    (outcome,) = report.outcomes
    return " ".join([outcome.told, *report.notes])


@pytest.mark.parametrize(("name", "day"), [("T5YIE", "2025-12-30"), ("DGS2", "2025-06-16")])
def test_a_zero_between_values_far_from_it_is_named(desk: Desk, name: str, day: str) -> None:
    desk.server.world.changed[name] = {day: 0.0}
    assert f"{name} is exactly 0 on {day}" in told(desk.refresh(name))


@pytest.mark.parametrize("factor", [0.01, 0.1])
def test_a_slip_of_the_decimal_is_refused_until_accepted(desk: Desk, factor: float) -> None:
    desk.refresh("DGS2")
    before = desk.values("DGS2")
    desk.server.world.last = "2026-01-02"
    dates, values = desk.server.world._series["DGS2"]
    newer = np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[D]")
    desk.server.world._series["DGS2"] = (np.append(dates, newer), np.append(values, [values[-1] * factor] * 2))
    said = told(desk.refresh("DGS2", 1))
    assert "a factor near" in said
    assert desk.values("DGS2") == before
    assert desk.refresh("DGS2", 2, accept=["DGS2"]).changed
    assert len(desk.values("DGS2")) == len(before) + 2


def test_averages_over_daily_values_are_refused(desk: Desk) -> None:
    desk.refresh("DGS2")
    before = desk.values("DGS2")
    dates, values = desk.server.world._series["DGS2"]
    months = dates.astype("datetime64[M]")
    each = np.unique(months)
    desk.server.world._series["DGS2"] = (
        each.astype("datetime64[D]"), np.array([values[months == m].mean().round(4) for m in each])
    )  # fmt: skip
    assert "the answer is monthly, but the series is daily; averages?" in told(desk.refresh("DGS2", 1))
    assert desk.values("DGS2") == before


def test_a_feed_that_stands_still_is_named(desk: Desk) -> None:
    dates, values = desk.server.world._series["T5YIE"]
    stood = values.copy()
    stood[-40:] = stood[-40]
    desk.server.world._series["T5YIE"] = (dates, stood)
    assert f"T5YIE has not changed from {dates[-40]} to {dates[-1]}" in told(desk.refresh("T5YIE"))


def test_a_month_dated_otherwise_is_the_same_month(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    firsts = desk.server.world._series["CPIAUCSL"][0]
    ends = [str((d.astype("datetime64[M]") + MONTH).astype("datetime64[D]") - DAY) for d in firsts[-30:]]
    (folder / "CPIAUCSL.csv").write_text("date,value\n" + "".join(f"{d},{300 + k}\n" for k, d in enumerate(ends)))
    load(desk.store, str(folder), lambda *_: None)
    desk.refresh("CPIAUCSL", accept=["CPIAUCSL"])
    values = desk.values("CPIAUCSL")
    assert len({d[:7] for d in values}) == len(values), "one row a month"
    newest = list(values.values())[-1]
    assert newest == pytest.approx(float(desk.server.world._series["CPIAUCSL"][1][-1]))
