from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_snapshot
from xl_smallcap.data.catalogue import Catalogue
from xl_smallcap.data.releases import available_at, calendar, federal_holidays, known_by


def last_known(catalogue: Catalogue, tmp_path: Path, series: str, as_of: str) -> str:
    months = [f"2025-{m:02d}-01" for m in range(6, 13)]
    snapshot = make_snapshot(tmp_path, {series: (months, [float(i) for i in range(len(months))])})
    data = known_by(catalogue.series_of(series), snapshot.series(series), np.datetime64(as_of))
    return str(data.dates[-1])


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


@pytest.mark.parametrize(
    ("series", "as_of", "expected"),
    [
        ("TFF_RUT_OI", "2025-11-18", "2025-09-23"),
        ("TFF_RUT_OI", "2025-11-19", "2025-09-30"),
        ("TFF_RUT_OI", "2025-12-16", "2025-11-25"),
        ("TFF_RUT_OI", "2025-12-18", "2025-12-02"),
        ("TFF_RUT_OI", "2025-12-22", "2025-12-09"),
        # The plan of 18 November had the report of 9 December on 30 December; the one of 9 December overtook it.
        ("TFF_RUT_OI", "2025-12-24", "2025-12-16"),
        ("TFF_RUT_OI", "2019-01-31", "2018-12-18"),
        ("TFF_RUT_OI", "2019-02-20", "2019-01-29"),
        # by the usual timetable: a Friday, and the Monday after Thanksgiving and Christmas
        ("TFF_RUT_OI", "2024-11-22", "2024-11-19"),
        ("TFF_RUT_OI", "2024-11-29", "2024-11-19"),
        ("TFF_RUT_OI", "2024-12-02", "2024-11-26"),
        ("TFF_RUT_OI", "2024-12-27", "2024-12-17"),
        ("TFF_RUT_OI", "2024-12-30", "2024-12-24"),
        ("ICSA", "2025-10-02", "2025-09-20"),
        ("ICSA", "2025-11-19", "2025-09-20"),
        ("ICSA", "2025-11-20", "2025-11-15"),
        ("ICSA", "2025-12-24", "2025-12-20"),
    ],
)
def test_weekly_reports_through_the_shutdowns(
    catalogue: Catalogue, tmp_path: Path, series: str, as_of: str, expected: str
) -> None:
    if series == "ICSA":
        days = np.arange("2025-09-06", "2026-01-03", 7, dtype="M8[D]")
    else:
        days = np.arange("2018-12-04", "2026-01-03", 7, dtype="M8[D]")
        days[days == np.datetime64("2025-11-11")] = np.datetime64("2025-11-10")
        days[days == np.datetime64("2018-12-25")] = np.datetime64("2018-12-24")
        days[days == np.datetime64("2019-01-01")] = np.datetime64("2018-12-31")
    snapshot = make_snapshot(tmp_path, {series: (days.astype(str).tolist(), np.arange(float(days.size)).tolist())})
    data = known_by(catalogue.series[series], snapshot.series(series), np.datetime64(as_of))
    assert str(data.dates[-1]) == expected


def test_federal_holidays() -> None:
    days = {str(d) for d in federal_holidays(2021)}
    assert days == {"2021-01-01", "2021-01-18", "2021-02-15", "2021-05-31", "2021-06-18", "2021-07-05", "2021-09-06",
                    "2021-10-11", "2021-11-11", "2021-11-25", "2021-12-24"}  # fmt: skip
    assert "2020-06-19" not in {str(d) for d in federal_holidays(2020)}
    assert "2021-12-31" in {str(d) for d in federal_holidays(2022)}, "New Year's Day of a Saturday"


def test_every_weekly_and_monthly_series_has_a_timetable(catalogue: Catalogue) -> None:
    timed = [s for s in catalogue.series.values() if s.frequency != "daily"]
    assert len(timed) > 40
    for s in timed:
        assert s.schedule, f"{s.id}: whose timetable is its lag?"
        assert s.time != "16:00" or s.frequency == "daily", f"{s.id}: at what time of day?"
        assert s.lag_days > 0 or s.id == "MORTGAGE30US"


def test_october_2025_cpi_was_never_published(catalogue: Catalogue, tmp_path: Path) -> None:
    months = ["2025-09-01", "2025-10-01", "2025-11-01"]
    snapshot = make_snapshot(tmp_path, {"CPIAUCSL": (months, [1.0, 2.0, 3.0])})
    data = known_by(catalogue.series_of("CPIAUCSL"), snapshot.series("CPIAUCSL"), None)
    assert data.values.tolist() == [1.0, 3.0]
    assert not data.lag_assumed.any()


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
