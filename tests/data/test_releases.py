from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_snapshot
from xl_smallcap.data.catalogue import Catalogue
from xl_smallcap.data.releases import available_at, calendar, known_by


def last_known(catalogue: Catalogue, tmp_path: Path, series: str, as_of: str) -> str:
    months = [f"2025-{m:02d}-01" for m in range(6, 13)]
    snapshot = make_snapshot(tmp_path, {series: (months, [float(i) for i in range(len(months))])})
    known = known_by(catalogue.series_of(series), snapshot.series(series), np.datetime64(as_of))
    return str(known.dates[-1])


@pytest.mark.parametrize(
    ("series", "as_of", "expected"),
    [
        ("CPIAUCSL", "2025-10-23", "2025-08-01"),
        ("CPIAUCSL", "2025-10-24", "2025-09-01"),
        ("CPIAUCSL", "2025-12-17", "2025-09-01"),
        ("CPIAUCSL", "2025-12-18", "2025-11-01"),
        ("CPIAUCSL", "2025-12-24", "2025-11-01"),
        ("PAYEMS", "2025-11-19", "2025-08-01"),
        ("PAYEMS", "2025-11-20", "2025-09-01"),
        ("UNRATE", "2025-12-16", "2025-11-01"),
    ],
)
def test_the_shutdown_of_2025(catalogue: Catalogue, tmp_path: Path, series: str, as_of: str, expected: str) -> None:
    assert last_known(catalogue, tmp_path, series, as_of) == expected


def test_october_2025_cpi_was_never_published(catalogue: Catalogue, tmp_path: Path) -> None:
    months = ["2025-09-01", "2025-10-01", "2025-11-01"]
    snapshot = make_snapshot(tmp_path, {"CPIAUCSL": (months, [1.0, 2.0, 3.0])})
    known = known_by(catalogue.series_of("CPIAUCSL"), snapshot.series("CPIAUCSL"), None)
    assert known.values.tolist() == [1.0, 3.0]
    assert not known.lag_assumed.any()


def test_a_month_dated_by_its_last_day_meets_the_calendar_too(catalogue: Catalogue, tmp_path: Path) -> None:
    snapshot = make_snapshot(tmp_path, {"CPIAUCSL": (["2025-08-31", "2025-09-30"], [1.0, 2.0])})
    series, data = catalogue.series_of("CPIAUCSL"), snapshot.series("CPIAUCSL")
    assert known_by(series, data, np.datetime64("2025-10-23")).values.tolist() == [1.0]
    assert known_by(series, data, np.datetime64("2025-10-24")).values.tolist() == [1.0, 2.0]


def test_without_a_calendar_row_the_lag_is_used_and_said(catalogue: Catalogue, tmp_path: Path) -> None:
    snapshot = make_snapshot(tmp_path, {"CPIAUCSL": (["2015-03-01"], [1.0])})
    series, data = catalogue.series_of("CPIAUCSL"), snapshot.series("CPIAUCSL")
    moments, assumed = available_at(series, data)
    assert str(moments[0]) == "2015-04-15T08:30"
    assert assumed.tolist() == [True]
    assert known_by(series, data, np.datetime64("2015-04-14")).dates.size == 0
    assert known_by(series, data, np.datetime64("2015-04-15")).dates.size == 1


def test_the_latest_vintage_known_by_then(catalogue: Catalogue, tmp_path: Path) -> None:
    snapshot = make_snapshot(
        tmp_path,
        {"PAYEMS": (["2025-01-01", "2025-01-01", "2025-02-01"], [100.0, 90.0, 120.0])},
        PAYEMS=["2025-02-07T08:30", "2025-03-07T08:30", "2025-03-07T08:30"],
    )
    series, data = catalogue.series_of("PAYEMS"), snapshot.series("PAYEMS")
    assert known_by(series, data, np.datetime64("2025-02-06")).values.tolist() == []
    assert known_by(series, data, np.datetime64("2025-02-07")).values.tolist() == [100.0]
    assert known_by(series, data, np.datetime64("2025-03-07")).values.tolist() == [90.0, 120.0]


def test_the_calendar_is_well_formed() -> None:
    table = calendar()
    assert sum(len(rows) for rows in table.values()) > 100
    for series, rows in table.items():
        for period, moment in rows.items():
            assert moment.astype("datetime64[D]") > period, (series, period)
