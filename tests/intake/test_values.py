"""Wrong numbers that look like numbers: exchanged dates, a seam, another frequency, zeros, splits, feeds that stand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from tests.intake.desk import Desk, Rows, book, days, market, one, rows_of, write
from xl_smallcap.types import DAY

NEWER = ["2025-12-01", "2025-12-02", "2025-12-03", "2025-12-04", "2025-12-05"]


def slashed(day: str, order: str = "dmy") -> str:
    year, month, of_month = day.split("-")
    return f"{of_month}/{month}/{year}" if order == "dmy" else f"{month}/{of_month}/{year}"


def exchanged(day: str) -> dt.datetime | str:
    """What Excel with another order makes of 24/12/2025: days up to 12 become dates of another month."""
    year, month, of_month = map(int, day.split("-"))
    return dt.datetime(year, of_month, month) if of_month <= 12 else f"{of_month:02}/{month:02}/{year}"


# Day and month exchanged.


def test_true_dates_beside_slashed_text_are_refused(desk: Desk, tmp_path: Path) -> None:
    rows = [(exchanged(d), v) for d, v in rows_of("RUT", "2025-03-03", "2025-11-28")]
    before = desk.values("RUT")
    assert desk.add(book(tmp_path / "uk.xlsx", ["date", "RUT"], rows)) == 1
    assert "day and month" in desk.said.lower() or "mixes" in desk.said
    assert desk.values("RUT") == before


def test_iso_dates_beside_slashed_ones_are_refused(desk: Desk, tmp_path: Path) -> None:
    mixed = [(d if int(d[-2:]) <= 12 else slashed(d), v) for d, v in rows_of("T5YIE", "2025-09-01")]
    assert desk.add(one(tmp_path / "a", "T5YIE", mixed)) in (1, 3)
    assert "T5YIE.csv" in desk.said
    assert desk.last("T5YIE") == (str(days()[-1]), float(market()["T5YIE"][-1]))


def test_rows_in_no_order_with_weekends_among_them_are_refused(desk: Desk, tmp_path: Path) -> None:
    turned = []
    for d, v in rows_of("GSPC", "2025-01-02", "2025-11-28"):
        year, month, day = d.split("-")
        turned.append((f"{year}-{day}-{month}" if int(day) <= 12 else d, v))
    assert desk.add(one(tmp_path / "a", "GSPC", turned)) in (1, 3)
    assert "in no order of days" in desk.said
    assert "weekends" in desk.said


def test_rows_newest_first_are_in_order(desk: Desk, tmp_path: Path) -> None:
    rows = rows_of("GSPC", "2025-10-01")[::-1]
    assert desk.add(one(tmp_path / "a", "GSPC", rows)) == 0
    assert "order" not in desk.said


# The seam of --add.


def scaled(name: str, factor: float, first: str = "2025-10-01") -> Rows:
    return [(d, round(v * factor, 6)) for d, v in rows_of(name, first)]


@pytest.mark.parametrize(
    ("name", "factor"),
    [("RUT", 0.1), ("GSPC", 10.0), ("DCOILWTICO", 0.01), ("DGS2", 0.01), ("T5YIE", 0.01), ("DGS2", 100.0)],
)
def test_another_scale_over_what_is_there_stays_out_of_use(
    desk: Desk, tmp_path: Path, name: str, factor: float
) -> None:
    before, used = desk.values(name), desk.snapshot.fingerprint
    folder = one(tmp_path / "a", name, scaled(name, factor))
    assert desk.add(folder) == 1
    assert f"--accept {name}" in desk.said
    assert f"snapshot {used} stays in use" in desk.said
    assert desk.values(name) == before
    assert desk.add(folder, "--accept", name.lower()) == 0
    assert desk.last(name)[1] == pytest.approx(before[str(days()[-1])] * factor, rel=1e-5)


@pytest.mark.parametrize(("name", "factor"), [("RUT", 0.1), ("DGS2", 0.01), ("XLU_ADJ", 10.0)])
def test_another_scale_without_a_common_day_stays_out_of_use(
    desk: Desk, tmp_path: Path, name: str, factor: float
) -> None:
    last = desk.last(name)
    rows = [(d, round(last[1] * factor * (1 + 0.001 * k), 6)) for k, d in enumerate(NEWER)]
    assert desk.add(one(tmp_path / "a", name, rows)) == 1
    assert f"--accept {name}" in desk.said
    assert desk.last(name) == last


def test_a_load_without_add_is_looked_at_in_the_same_way(empty: Desk, history: Path, tmp_path: Path) -> None:
    rows = rows_of("RUT")
    slipped = [(d, v / 10.0 if d >= "2025-11-03" else v) for d, v in rows]
    assert empty.load(one(tmp_path / "a", "RUT", slipped)) == 1
    assert "no data are in use" in empty.said
    assert "--accept RUT" in empty.said
    assert empty.load(tmp_path / "a", "--accept", "RUT") == 3, "in use, but the default model lacks the rest"


@pytest.mark.parametrize("shown", ["0.00%", "0.00 %;[Red]-0.00 %", "0%"])
def test_percent_cells_are_read_as_they_are_shown(desk: Desk, tmp_path: Path, shown: str) -> None:
    rows = [(dt.date.fromisoformat(d), 0.0407 + 0.0001 * k) for k, d in enumerate(NEWER)]
    place = book(tmp_path / "b.xlsx", ["date", "DGS2"], rows, {2: shown})
    assert desk.add(place) == 0, desk.said
    day, value = desk.last("DGS2")
    assert day == NEWER[-1]
    assert value == pytest.approx(4.11)
    assert "percent" in desk.said


def test_fractions_in_plain_cells_stay_out_of_use(desk: Desk, tmp_path: Path) -> None:
    rows = [(dt.date.fromisoformat(d), 0.0407 + 0.0001 * k) for k, d in enumerate(NEWER)]
    assert desk.add(book(tmp_path / "b.xlsx", ["date", "DGS2"], rows)) == 1
    assert "--accept DGS2" in desk.said


@pytest.mark.parametrize("factor", [2.0, 3.0, 0.5, 1.0 / 3.0])
@pytest.mark.parametrize("day", ["2025-06-16", "2025-12-01"])
def test_a_split_is_named(desk: Desk, tmp_path: Path, factor: float, day: str) -> None:
    rows = [(d, round(v * (factor if d >= day else 1.0), 4)) for d, v in rows_of("XLI_ADJ")]
    rows += [(d, round(rows[-1][1] * (factor if day in NEWER else 1.0), 4)) for d in NEWER]
    assert desk.add(one(tmp_path / "a", "XLI_ADJ", rows)) in (0, 1)
    assert "XLI_ADJ is about" in desk.said
    assert "a split not adjusted?" in desk.said


# Another frequency.


def averages(name: str, by: str) -> Rows:
    dates, values = days(), market()[name]
    if by == "month":
        groups = dates.astype("datetime64[M]")
        return [(f"{m}-01", round(float(values[groups == m].mean()), 4)) for m in np.unique(groups)]
    fridays = dates[(dates.view(np.int64) + 3) % 7 == 4]
    return [(str(f), round(float(values[(dates > f - 7 * DAY) & (dates <= f)].mean()), 4)) for f in fridays]


@pytest.mark.parametrize("by", ["month", "week"])
@pytest.mark.parametrize("name", ["DGS2", "DTWEXBGS"])
def test_averages_over_daily_values_stay_out_of_use(desk: Desk, tmp_path: Path, name: str, by: str) -> None:
    before = desk.values(name)
    assert desk.add(one(tmp_path / "a", name, averages(name, by))) == 1
    assert name in desk.said
    assert f"comes once a {by} here and is daily in what is there" in desk.said
    assert desk.values(name) == before


def test_a_daily_series_that_comes_monthly_names_itself_where_there_is_nothing(empty: Desk, tmp_path: Path) -> None:
    assert empty.load(one(tmp_path / "a", "DGS2", averages("DGS2", "month"))) == 1
    assert "DGS2 comes once a month here and is published daily" in empty.said


# A month or a week dated twice.


def test_a_month_dated_by_its_end_and_by_its_first_day_is_one_row(desk: Desk, tmp_path: Path) -> None:
    ends = [("2025-07-31", 322.1), ("2025-08-31", 323.4), ("2025-09-30", 324.4)]
    firsts = [("2025-08-01", 323.5), ("2025-09-01", 324.6), ("2025-10-01", 325.1)]
    assert desk.add(one(tmp_path / "a", "CPIAUCSL", ends)) == 0
    assert desk.add(one(tmp_path / "b", "CPIAUCSL", firsts)) == 0
    values = desk.values("CPIAUCSL")
    assert sorted(values.values()) == [322.1, 323.5, 324.6, 325.1], "the newcomer's value of each month"
    assert [d[:7] for d in values] == ["2025-07", "2025-08", "2025-09", "2025-10"]


def test_a_week_dated_by_friday_and_by_saturday_is_one_row(desk: Desk, tmp_path: Path) -> None:
    fridays = [("2025-10-31", -0.52), ("2025-11-07", -0.53), ("2025-11-14", -0.51)]
    saturdays = [("2025-11-08", -0.54), ("2025-11-15", -0.55), ("2025-11-22", -0.50)]
    assert desk.add(one(tmp_path / "a", "NFCI", fridays)) == 0
    assert desk.add(one(tmp_path / "b", "NFCI", saturdays)) == 0
    assert list(desk.values("NFCI").values()) == [-0.52, -0.54, -0.55, -0.50]


# Calendar days filled.


def filled(rows: Rows) -> Rows:
    values = dict(rows)
    out, last = [], rows[0][1]
    for d in map(str, np.arange(np.datetime64(rows[0][0]), np.datetime64(rows[-1][0]) + DAY)):
        last = values.get(d, last)
        out.append((d, last))
    return out


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_weekends_that_repeat_friday_are_left_out(desk: Desk, tmp_path: Path, kind: str) -> None:
    rows = filled(rows_of("DGS2"))
    place = one(tmp_path / "a", "DGS2", rows)
    if kind == "xlsx":
        place = book(tmp_path / "b.xlsx", ["date", "DGS2"], [(dt.date.fromisoformat(d), v) for d, v in rows])
    assert desk.add(place) == 0
    assert "Saturdays and Sundays repeat the day before and are left out" in desk.said
    assert desk.values("DGS2") == dict(rows_of("DGS2"))


def test_weekends_with_values_of_their_own_are_named(desk: Desk, tmp_path: Path) -> None:
    rows = [*rows_of("DGS2", "2025-11-03"), ("2025-11-29", 4.2), ("2025-11-30", 4.15)]
    assert desk.add(one(tmp_path / "a", "DGS2", rows)) == 0
    assert "DGS2 has 2 value(s) on Saturdays and Sundays: 2025-11-29, 2025-11-30" in desk.said


# A zero for a blank, a slip of the decimal, limits.


@pytest.mark.parametrize("name", ["T5YIE", "DGS2"])
def test_a_zero_between_values_far_from_it_is_named(desk: Desk, tmp_path: Path, name: str) -> None:
    rows = [(d, 0.0 if d == "2025-08-12" else v) for d, v in rows_of(name)]
    desk.add(one(tmp_path / "a", name, rows))
    assert f"{name} is exactly 0 on 2025-08-12" in desk.said


def test_a_decimal_that_slipped_is_grave(desk: Desk, tmp_path: Path) -> None:
    rows = [(d, round(v / 10, 4) if d == "2025-08-12" else v) for d, v in rows_of("T5YIE")]
    assert desk.add(one(tmp_path / "a", "T5YIE", rows)) == 1
    assert "T5YIE: 0.2" in desk.said
    assert "a factor near 10" in desk.said


def test_a_move_no_year_has_seen_is_named(desk: Desk, tmp_path: Path) -> None:
    rows = [(d, round(v * (1.09 if d >= "2025-08-12" else 1.0), 4)) for d, v in rows_of("DTWEXBGS")]
    desk.add(one(tmp_path / "a", "DTWEXBGS", rows))
    assert "DTWEXBGS moves by" in desk.said
    assert "2025-08-12" in desk.said


# A feed that stands still.


@pytest.mark.parametrize(("name", "first"), [("RUT", "2025-10-20"), ("T5YIE", "2025-10-01"), ("GSPC", "2025-03-03")])
def test_a_feed_that_stands_still_is_named(desk: Desk, tmp_path: Path, name: str, first: str) -> None:
    rows = rows_of(name)
    held = dict(rows)[first]
    end = "2025-11-28" if name != "GSPC" else "2025-03-31"
    stood = [(d, held if first <= d <= end else v) for d, v in rows]
    assert desk.add(one(tmp_path / "a", name, stood)) == 0
    assert f"{name} has not changed from {first} to {end}" in desk.said


# Legs without their dividends, and adjusted rows that shadow newer ones.


QUARTERS = [
    "2023-06-19",
    "2023-09-18",
    "2023-12-18",
    "2024-03-18",
    "2024-06-24",
    "2024-09-23",
    "2024-12-23",
    "2025-03-24",
    "2025-06-23",
    "2025-09-22",
]


def paid(rows: Rows, dividend: float = 0.6) -> Rows:
    """Prices that fall by a dividend on each ex-day: what an adjusted series would not do."""
    gone = 1.0
    out = []
    for d, v in rows:
        gone *= (1 - dividend / 100.0) if d in QUARTERS else 1.0
        out.append((d, round(v * gone, 4)))
    return out


def test_a_leg_that_misses_its_ex_days_is_named(empty: Desk, tmp_path: Path) -> None:
    rng, dates = np.random.default_rng(3), days()
    common = np.cumsum(rng.normal(0, 0.8, dates.size))
    names = ("XLI_ADJ", "XLY_ADJ", "XLB_ADJ", "XLF_ADJ", "XLU_ADJ", "XLP_ADJ", "XLV_ADJ")
    for name in names:
        own = 80.0 * np.exp((common + np.cumsum(rng.normal(0, 0.25, dates.size))) / 100.0)
        rows = [(str(d), round(float(v), 4)) for d, v in zip(dates, own, strict=True)]
        one(tmp_path / "good", name, rows)
        one(tmp_path / "bad", name, paid(rows) if name in ("XLU_ADJ", "XLP_ADJ") else rows)
    empty.load(tmp_path / "good")
    assert "dividends" not in empty.said
    empty.load(tmp_path / "bad")
    for name in ("XLU_ADJ", "XLP_ADJ"):
        assert f"{name} falls by 0." in empty.said
    assert empty.said.count("it seems not to hold its dividends") == 2


def test_a_leg_that_moves_as_its_traded_price_is_named(empty: Desk, tmp_path: Path) -> None:
    rng, dates = np.random.default_rng(4), days()
    for name in ("XLI", "XLY", "XLB", "XLF"):
        own = 80.0 * np.exp(np.cumsum(rng.normal(0, 0.9, dates.size)) / 100.0)
        rows = [(str(d), round(float(v), 4)) for d, v in zip(dates, own, strict=True)]
        one(tmp_path / "a", name, paid(rows))
        one(tmp_path / "a", f"{name}_ADJ", paid(rows) if name == "XLF" else rows)
    empty.load(tmp_path / "a")
    assert "XLF_ADJ has moved as its traded price since" in empty.said
    assert "XLI_ADJ has moved" not in empty.said


def test_newer_rows_that_nobody_uses_are_named(desk: Desk, tmp_path: Path) -> None:
    assert desk.add(one(tmp_path / "a", "XLY", [(d, 103.0 + k) for k, d in enumerate(NEWER)])) == 0
    assert "XLY_ADJ: what is used ends on 2025-11-28" in desk.said
    assert "the newer rows of XLY, to 2025-12-05, are not used" in desk.said


# The same in a workbook's sheet.


def change(name: str, how: str) -> list[tuple[dt.date, float]]:
    def changed(d: str, v: float) -> float:
        if how == "zero":
            return 0.0 if d == "2025-08-12" else v
        if how == "slip":
            return v / 100.0 if d >= "2025-11-03" else v
        if how == "split":
            return v * 2.0 if d >= "2025-05-05" else v
        return 2000.25 if d > "2025-09-01" else v

    return [(dt.date.fromisoformat(d), changed(d, v)) for d, v in rows_of(name)]


@pytest.mark.parametrize(
    ("name", "how", "said", "code"),
    [
        ("T5YIE", "zero", "T5YIE is exactly 0 on 2025-08-12", 0),
        ("DGS2", "slip", "--accept DGS2", 1),
        ("XLB_ADJ", "split", "a split not adjusted?", 0),
        ("RUT", "stands", "RUT has not changed from 2025-09-02", 0),
    ],
)
def test_a_sheet_is_looked_at_as_a_file_is(
    desk: Desk, tmp_path: Path, name: str, how: str, said: str, code: int
) -> None:
    place = book(tmp_path / "b.xlsx", ["date", name], change(name, how))
    assert desk.add(place) == code, desk.said
    assert said in desk.said


def test_good_rows_are_added_without_a_word_of_doubt(desk: Desk, tmp_path: Path) -> None:
    series = market()
    rows = [(d, *(round(float(v[-1]) * (1 + 0.001 * k), 4) for v in series.values())) for k, d in enumerate(NEWER)]
    assert desk.add(write(tmp_path / "a" / "new.csv", ["date", *series], rows).parent) == 0
    assert desk.said.count("Look at") == 1, (
        "only of the adjusted ones: without a common day their levels cannot be held"
    )
    assert "XLI_ADJ, XLY_ADJ, XLB_ADJ, XLF_ADJ, XLU_ADJ and 2 more: no day in common" in desk.said
    assert "Added: 13 series" in desk.said
    assert "65 days are new, 0 values replaced (none)" in desk.said
    assert len(desk.out.splitlines()) < 8, "a summary, not a line a series"
