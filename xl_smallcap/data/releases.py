"""When a number became known: the release calendar, the usual lag where it says nothing, and the markets' clock."""

from __future__ import annotations

import csv
import datetime as dt
import functools
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from xl_smallcap.config import PACKAGE
from xl_smallcap.data.catalogue import Series
from xl_smallcap.data.series import MinuteArray, SeriesData
from xl_smallcap.types import DAY, MONTH, YEAR, BoolArray, DayArray, FloatArray

NEW_YORK = "America/New_York"
_THURSDAY, _SATURDAY = 3, 5
"""1 January 1970 was a Thursday; Monday is 0."""


def new_york_now() -> np.datetime64:
    """Return the present moment in New York. ``datetime64[m]``, without a zone."""
    return np.datetime64(dt.datetime.now(ZoneInfo(NEW_YORK)).replace(tzinfo=None), "m")


def weekend(days: DayArray) -> BoolArray:
    """Tell which days are Saturdays and Sundays."""
    return np.asarray((days.astype("datetime64[D]").view(np.int64) + _THURSDAY) % 7 >= _SATURDAY)


# -- When a number became known: the release calendar, and the usual lag where it says nothing.


CFTC = "CFTC_TFF"
NEVER = np.datetime64("9999-12-31T00:00", "m")


@functools.lru_cache(maxsize=1)
def calendar() -> dict[str, dict[np.datetime64, np.datetime64]]:
    """Read the shipped calendar.

    Series id to {reference day: moment known}; a period never published is known in the year 9999.
    """
    text = (PACKAGE / "data" / "releases.csv").read_text(encoding="utf-8")
    releases: dict[str, dict[np.datetime64, np.datetime64]] = {}
    for row in csv.DictReader(text.splitlines()):
        moment = np.datetime64(row["released"], "m") if row["published"] == "yes" else NEVER
        releases.setdefault(row["series"], {})[np.datetime64(row["period"], "D")] = moment
    return releases


def _cftc_days(reports: DayArray) -> DayArray:
    """When the CFTC's report of a day is usually out: that week's Friday, or the Monday after.

    The Monday after where a federal holiday falls on the Wednesday, Thursday or Friday (the CFTC's own timetable; a
    report is dated Monday where Tuesday is a holiday).
    """
    if not reports.size:
        return reports
    # 1970-01-01 was a Thursday: + 3 makes weeks begin on Monday.
    monday = reports - ((reports.view(np.int64) + 3) % 7).astype("timedelta64[D]")
    years = np.arange(reports[0].astype("datetime64[Y]"), reports[-1].astype("datetime64[Y]") + 2 * YEAR)
    holidays = np.concatenate([federal_holidays(int(y.astype(np.int64)) + 1970) for y in years])
    late = np.isin(monday[:, None] + np.array([2, 3, 4], dtype="timedelta64[D]"), holidays).any(axis=1)
    return np.asarray(monday + np.where(late, 7, 4).astype("timedelta64[D]"), dtype="datetime64[D]")


@functools.cache
def federal_holidays(year: int) -> DayArray:
    """Return the days on which federal offices are closed (5 U.S.C. 6103), as observed; Juneteenth since 2021."""

    def nth(month: int, weekday: str, n: int) -> np.datetime64:
        holiday: np.datetime64 = np.busday_offset(f"{year}-{month:02d}", n - 1, roll="forward", weekmask=weekday)
        return holiday

    last_monday_of_may = np.busday_offset(f"{year}-06-01", -1, roll="forward", weekmask="Mon")
    moving = [
        nth(1, "Mon", 3),
        nth(2, "Mon", 3),
        last_monday_of_may,
        nth(9, "Mon", 1),
        nth(10, "Mon", 2),
        nth(11, "Thu", 4),
    ]
    fixed = ["01-01", "07-04", "11-11", "12-25", *(["06-19"] if year >= 2021 else [])]
    days = [*moving, *(np.datetime64(f"{year}-{d}", "D") for d in fixed)]
    observed = []
    for day in days:
        weekday = int((day.astype("datetime64[D]").astype(np.int64) + 3) % 7)
        observed.append(day - DAY if weekday == 5 else day + DAY if weekday == 6 else day)
    return np.array(observed, dtype="datetime64[D]")


@dataclass(frozen=True)
class Known:
    """What was known of one series by a day: the latest vintage of each date.

    `published` is when the row shown became known; `lag_assumed` marks dates for which that comes from the usual lag,
    not from a calendar row or a vintage.
    """

    dates: DayArray
    values: FloatArray
    lag_assumed: BoolArray
    published: MinuteArray


def available_at(series: Series, data: SeriesData) -> tuple[MinuteArray, BoolArray]:
    """Return when each row became known, ``datetime64[m]`` in New York, and whether that is only the usual lag."""
    rule = (series.frequency, series.time, series.lag_days, series.calendar_id)
    if rule not in data.moments:
        for column in (columns := _moments(series, data)):
            column.setflags(write=False)
        data.moments[rule] = columns
    return data.moments[rule]


def _moments(series: Series, data: SeriesData) -> tuple[MinuteArray, BoolArray]:
    hours, _, minutes = series.time.partition(":")
    clock = np.timedelta64(int(hours) * 60 + int(minutes), "m")
    rule: MinuteArray
    if series.frequency == "daily":
        rule = np.asarray(data.dates.astype("datetime64[m]") + clock, dtype="datetime64[m]")
        assumed = np.zeros(rule.size, dtype=bool)
    else:
        end = data.dates
        if series.frequency == "monthly":
            end = np.subtract((data.dates.astype("datetime64[M]") + MONTH).astype("datetime64[D]"), DAY)
        due = _cftc_days(end) if series.calendar_id == CFTC else end + np.timedelta64(series.lag_days, "D")
        out = due.astype("datetime64[m]") + clock
        rule = np.asarray(out, dtype="datetime64[m]")
        assumed = np.ones(rule.size, dtype=bool)
        # A month may be dated by its first day or its last; the calendar means the month.
        unit = "datetime64[M]" if series.frequency == "monthly" else "datetime64[D]"
        periods = data.dates.astype(unit)
        for period, moment in calendar().get(series.calendar_id, {}).items():
            hit = periods == period.astype(unit)
            rule[hit] = moment
            assumed[hit] = False
    own = ~np.isnat(data.available_at)
    rule[own] = data.available_at[own]
    assumed[own] = False
    # A first value was known before its own revision was, whatever the usual lag says.
    before = np.flatnonzero(~own[:-1] & own[1:] & (data.dates[1:] == data.dates[:-1]))
    rule[before] = np.minimum(rule[before], rule[before + 1])
    return rule, assumed


def known_by(series: Series, data: SeriesData, as_of: np.datetime64 | None) -> Known:
    """Return what was known of a series at the end of a day. Sorted by date, one row a date."""
    if series.frequency == "daily" and not data.has_vintages:
        stop = data.dates.size if as_of is None else int(np.searchsorted(data.dates, as_of, side="right"))
        moments, assumed = available_at(series, data)
        return Known(data.dates[:stop], data.values[:stop], assumed[:stop], moments[:stop])
    moments, assumed = available_at(series, data)
    limit = NEVER if as_of is None else (as_of + np.timedelta64(1, "D")).astype("datetime64[m]")
    keep = np.flatnonzero(moments < limit)
    # Rows of one date stand in order of publication: the last one is the latest vintage.
    keep = keep[np.lexsort((moments[keep].view(np.int64), data.dates[keep].view(np.int64)))]
    dates = data.dates[keep]
    last = np.ones(dates.size, dtype=bool)
    last[:-1] = dates[1:] != dates[:-1]
    chosen = keep[last]
    return Known(data.dates[chosen], data.values[chosen], assumed[chosen], moments[chosen])
