from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_snapshot
from xl_smallcap.data.catalogue import Catalogue
from xl_smallcap.data.panel import Column, build_panel, period_ends
from xl_smallcap.errors import NoDataError

RUT = Column.of("target", "pct", (("RUT", 1.0),))
EASING = Column.of("easing", "bp", (("DGS2", -1.0),))


def test_levels_are_intersected_before_differencing(tmp_path: Path, catalogue: Catalogue) -> None:
    snapshot = make_snapshot(
        tmp_path,
        {
            "RUT": (["2025-10-09", "2025-10-10", "2025-10-13", "2025-10-14"], [100.0, 110.0, 120.0, 130.0]),
            "DGS2": (["2025-10-09", "2025-10-10", "2025-10-14"], [3.5, 3.4, 3.6]),
        },
    )
    panel = build_panel(catalogue, snapshot, (RUT, EASING), None)
    assert [str(d) for d in panel.dates] == ["2025-10-10", "2025-10-14"]
    assert [str(d) for d in panel.starts] == ["2025-10-09", "2025-10-10"]
    np.testing.assert_allclose(panel.changes[:, 0], [100 * np.log(1.1), 100 * np.log(130 / 110)], rtol=1e-12)
    np.testing.assert_allclose(panel.changes[:, 1], [10.0, -20.0], rtol=1e-12)
    assert not panel.changes.flags.writeable


def test_a_level_at_or_below_zero_is_not_observed(tmp_path: Path, catalogue: Catalogue) -> None:
    days = ["2020-04-17", "2020-04-20", "2020-04-21"]
    snapshot = make_snapshot(tmp_path, {"RUT": (days, [1.0, 2.0, 4.0]), "DCOILWTICO": (days, [18.31, -36.98, 8.91])})
    oil = Column.of("oil", "pct", (("DCOILWTICO", 1.0),))
    panel = build_panel(catalogue, snapshot, (RUT, oil), None)
    np.testing.assert_allclose(panel.changes, [[100 * np.log(4), 100 * np.log(8.91 / 18.31)]], rtol=1e-12)
    assert "2020-04-20" in panel.notes[0]


def test_a_gap_is_no_daily_change(tmp_path: Path, catalogue: Catalogue) -> None:
    days = ["2021-12-14", "2021-12-15", "2025-09-08", "2025-09-09"]
    snapshot = make_snapshot(tmp_path, {"RUT": (days, [1.0, 2.0, 4.0, 8.0])})
    panel = build_panel(catalogue, snapshot, (RUT,), None)
    assert [str(d) for d in panel.dates] == ["2021-12-15", "2025-09-09"]
    assert panel.gaps.tolist() == [1]
    assert "2021-12-15 to 2025-09-08" in panel.notes[0]


def test_the_fallback_is_used_and_said(tmp_path: Path, catalogue: Catalogue) -> None:
    days = ["2025-01-02", "2025-01-03"]
    credit = Column.of("credit", "bp", (("BAMLH0A0HYM2", 1.0),))
    missing = make_snapshot(tmp_path / "a", {"BAA10Y": (days, [1.7, 1.8])})
    panel = build_panel(catalogue, missing, (credit,), None)
    assert panel.used == {"BAMLH0A0HYM2": "BAA10Y"}
    assert "not in the snapshot: BAA10Y used" in panel.notes[0]
    with pytest.raises(NoDataError, match="BAMLH0A0HYM2.*nor its fallback BAA10Y"):
        build_panel(catalogue, make_snapshot(tmp_path / "b", {"RUT": (days, [1.0, 2.0])}), (credit,), None)


def test_the_choice_of_a_fallback_never_depends_on_dates(tmp_path: Path, catalogue: Catalogue) -> None:
    """A series with a hole stays: a choice by coverage would let later data change an earlier history."""
    daily = np.arange("2020-01-01", "2025-12-25", dtype="datetime64[D]").astype(str).tolist()
    holed = [d for d in daily if not "2024-06" < d < "2025-09"]
    credit = Column.of("credit", "bp", (("BAMLH0A0HYM2", 1.0),))
    both = make_snapshot(tmp_path, {"BAMLH0A0HYM2": (holed, [4.0] * len(holed)), "BAA10Y": (daily, [9.0] * len(daily))})
    for as_of in (None, np.datetime64("2024-05-31"), np.datetime64("2025-01-31")):
        assert build_panel(catalogue, both, (credit,), as_of).used == {"BAMLH0A0HYM2": "BAMLH0A0HYM2"}


def test_a_spread_that_does_not_reach_back_is_spliced_and_later_data_move_no_bit(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    rng = np.random.default_rng(3)
    days = np.arange("2020-01-01", "2022-01-01", dtype="datetime64[D]")
    baa = np.round(2.0 + 0.01 * np.cumsum(rng.standard_normal(days.size)), 2)
    hy = np.round(4.0 + 0.03 * np.cumsum(rng.standard_normal(days.size)), 2)
    starts = 300
    text = days.astype(str).tolist()
    snapshot = make_snapshot(
        tmp_path, {"BAMLH0A0HYM2": (text[starts:], hy[starts:].tolist()), "BAA10Y": (text, baa.tolist())}
    )
    credit = Column.of("credit", "bp", (("BAMLH0A0HYM2", 1.0),))
    whole = build_panel(catalogue, snapshot, (credit,), None)
    assert whole.used == {"BAMLH0A0HYM2": "BAMLH0A0HYM2", f"BAMLH0A0HYM2 before {text[starts]}": "BAA10Y"}
    assert f"BAA10Y before {text[starts]}, moved to meet it" in whole.notes[0]
    plain = 100 * np.concatenate([np.diff(baa[: starts + 1]), np.diff(hy[starts:])])
    np.testing.assert_allclose(whole.changes[:, 0], plain, atol=1e-8)
    np.testing.assert_allclose(whole.levels[starts:, 0], 100 * hy[starts:], atol=1e-8, err_msg="its own level since")
    for day in (100, starts - 1, starts, starts + 1, 500):
        early = build_panel(catalogue, snapshot, (credit,), days[day])
        assert early.changes.tobytes() == whole.changes[:day].tobytes(), "to the bit, before and after the splice"


def test_a_spread_that_never_meets_its_fallback_waits_for_it(tmp_path: Path, catalogue: Catalogue) -> None:
    days = ["2025-01-02", "2025-01-03", "2025-01-06", "2025-01-07"]
    snapshot = make_snapshot(
        tmp_path, {"BAMLH0A0HYM2": ([days[2]], [4.0]), "BAA10Y": ([days[0], days[1], days[3]], [1.0, 1.1, 1.2])}
    )
    credit = Column.of("credit", "bp", (("BAMLH0A0HYM2", 1.0),))
    panel = build_panel(catalogue, snapshot, (credit,), None)
    assert panel.level_dates.astype(str).tolist() == [days[0], days[1], days[3]], "the fallback alone"


def test_weeks_end_on_their_last_day_and_only_complete_ones_count() -> None:
    # Mon 15 .. Fri 19, Mon 22 .. Wed 24 December 2025
    days = np.array(["2025-12-15", "2025-12-18", "2025-12-19", "2025-12-22", "2025-12-24"], dtype="datetime64[D]")
    assert period_ends(days, "weekly").tolist() == [2]
    assert period_ends(days[:2], "weekly").tolist() == [], "Thursday does not end the week"
    assert period_ends(days[:3], "weekly").tolist() == [2]


def test_months_are_complete_when_no_weekday_is_left() -> None:
    days = np.array(["2025-10-31", "2025-11-27", "2025-11-28", "2025-12-30"], dtype="datetime64[D]")
    assert period_ends(days, "monthly").tolist() == [0, 2]
    assert period_ends(np.array(["2025-12-31"], dtype="datetime64[D]"), "monthly").tolist() == [0]
    assert period_ends(days, "daily").tolist() == [0, 1, 2, 3]


def test_weekly_changes_add_up_to_the_daily_ones(sample_home: Path, catalogue: Catalogue) -> None:
    from xl_smallcap.data.store import Store

    snapshot = Store(sample_home / "store").open()
    daily = build_panel(catalogue, snapshot, (RUT, EASING), None)
    weekly = build_panel(catalogue, snapshot, (RUT, EASING), None, "weekly")
    inside = (daily.dates > weekly.starts[0]) & (daily.dates <= weekly.dates[-1])
    np.testing.assert_allclose(weekly.changes.sum(axis=0), daily.changes[inside].sum(axis=0), atol=1e-8)
    assert set(weekly.dates.tolist()) <= set(daily.dates.tolist())
