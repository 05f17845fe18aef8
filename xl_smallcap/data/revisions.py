"""How a newly fetched series joins what is there: new days are added, changed values become vintages, nothing is lost.

A value that differs from what was there keeps the old row and adds one known from the moment it was seen, so that an
``as_of`` before that moment is answered as it would have been. A new day counts as known by the release calendar or the
usual lag, unless what we saw says otherwise: it was not there at the last fetch although the rule has it published by
then, or it is there although the rule has it published later. Then it counts as known from the moment it was seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.data.catalogue import Series
from xl_smallcap.data.releases import NEVER, available_at
from xl_smallcap.data.series import MinuteArray, SeriesData, frequency_of
from xl_smallcap.errors import SourceError
from xl_smallcap.types import BoolArray, DayArray, FloatArray

_SAME_PRICE = 1e-6
"""Daily prices come in single precision or adjusted anew at every download: differences up to this are rounding."""
_SAME_FACTOR = 1e-4
_NAT = np.datetime64("NaT", "m")


@dataclass(frozen=True)
class Joined:
    """A series after a fetch, with how many days came and how many values changed."""

    data: SeriesData
    added: int
    revised: int


def latest(data: SeriesData) -> tuple[DayArray, FloatArray]:
    """Return the last vintage of every day."""
    if not data.has_vintages:
        return data.dates, data.values
    # NaT sorts first as an integer (the smallest), which is where a first publication belongs.
    order = np.lexsort((data.available_at.view(np.int64), data.dates.view(np.int64)))
    days = data.dates[order]
    last = np.ones(days.size, dtype=bool)
    last[:-1] = days[1:] != days[:-1]
    return days[last], data.values[order][last]


@dataclass(frozen=True)
class Laid:
    """A series with newer rows laid over it: how many periods are new, how many changed, how many others stayed."""

    data: SeriesData
    added: int
    revised: int
    kept: int


_WEEK = 3
"""Days by which two datings of one week may lie apart: its Wednesday, its Friday, its end."""


_RESCALED = 1.5
"""A larger factor between two adjusted histories is another unit, not dividends."""


def same_period(frequency: str, days: DayArray, others: DayArray) -> BoolArray:
    """Tell which days are of a period that the other days have too: a month has one value, however it is dated."""
    if frequency == "monthly":
        return np.isin(days.astype("datetime64[M]"), others.astype("datetime64[M]"))
    if frequency != "weekly" or not others.size:
        return np.isin(days, others)
    at = np.searchsorted(others, days).clip(0, others.size - 1)
    after, earlier = others[at] - days, days - others[np.maximum(at - 1, 0)]
    return np.asarray(np.minimum(np.abs(after.astype(np.int64)), np.abs(earlier.astype(np.int64))) <= _WEEK)


def over(series: Series, before: SeriesData, data: SeriesData) -> Laid:
    """Lay a user's newer rows over what is there: on periods both have, the newer ones stand."""
    if series.rescaled and not data.has_vintages and not before.has_vintages and before.dates[0] < data.dates[0]:
        chained = _chained(data, *latest(before), force=False)
        if 1.0 / _RESCALED <= chained.values[0] / data.values[0] <= _RESCALED:
            data = chained
    # months over months and weeks over weeks; whatever else comes together is told by its days
    frequency = frequency_of(before) if frequency_of(before) == frequency_of(data) else "daily"
    gone = same_period(frequency, before.dates, np.unique(data.dates))
    days, values = latest(data)
    old_days, old_values = latest(before)
    both = same_period(frequency, days, old_days)
    _, first, second = np.intersect1d(days, old_days, assume_unique=True, return_indices=True)
    same = int((values[first] == old_values[second]).sum())
    joined = SeriesData.build(
        np.concatenate([before.dates[~gone], data.dates]),
        np.concatenate([before.values[~gone], data.values]),
        np.concatenate([before.available_at[~gone], data.available_at]),
    )
    kept = int(np.unique(before.dates[~gone]).size)
    return Laid(joined, int((~both).sum()), int(both.sum()) - same, kept)


def revised_days(data: SeriesData) -> tuple[int, np.datetime64]:
    """Return how many days have more than one vintage, and when the last revision became known.

    moment: NaT where nothing was revised.
    """
    if not data.has_vintages:
        return 0, _NAT
    again = np.flatnonzero(data.dates[1:] == data.dates[:-1]) + 1
    if not again.size:
        return 0, _NAT
    return int(np.unique(data.dates[again]).size), np.nanmax(data.available_at[again])


def join(
    series: Series,
    before: SeriesData | None,
    data: SeriesData,
    seen: np.datetime64,
    last_seen: np.datetime64,
    *,
    other_source: bool = False,
) -> Joined:
    """Add a fetched series to what is there."""
    if before is not None and before.has_vintages:
        # a clock that was set back must not put a revision before the one it follows
        seen = max(seen, np.nanmax(before.available_at) + np.timedelta64(1, "m"))
    if before is not None:
        data = _dated_as(before, data)
    if before is None:
        here = SeriesData(data.dates, data.values, _not_later(series, data, seen))
        return Joined(here, int(np.unique(data.dates).size), 0)
    if data.has_vintages and not other_source:
        return _with_vintages(before, data, seen)
    old_days, old_values = latest(before)
    if series.rescaled:
        data = _chained(data, old_days, old_values, force=other_source)
    known = np.isin(data.dates, old_days)
    old = old_values[np.searchsorted(old_days, data.dates[known])]
    new = data.values[known]
    rounding = series.frequency == "daily" and series.kind == "price"
    same = np.abs(new - old) <= (_SAME_PRICE * np.abs(old) if rounding else 0.0)
    same |= other_source
    changed_days, changed = data.dates[known][~same], new[~same]
    added = SeriesData(data.dates[~known], data.values[~known], data.available_at[~known])
    moments = _when(series, added, before, seen, last_seen)
    if not changed.size and not added.dates.size:
        return Joined(before, 0, 0)
    rows = SeriesData.build(
        np.concatenate([before.dates, changed_days, added.dates]),
        np.concatenate([before.values, changed, added.values]),
        np.concatenate([before.available_at, np.full(changed.size, seen), moments]),
    )
    return Joined(rows, int(added.dates.size), int(changed.size))


def _dated_as(before: SeriesData, data: SeriesData) -> SeriesData:
    """Months dated otherwise than those that are there (first day, last day) get the days that are there."""
    if frequency_of(before) != "monthly" or frequency_of(data) != "monthly":
        return data
    days = np.unique(before.dates)
    months = days.astype("datetime64[M]")
    at = np.searchsorted(months, data.dates.astype("datetime64[M]")).clip(0, days.size - 1)
    known = months[at] == data.dates.astype("datetime64[M]")
    return SeriesData.build(np.where(known, days[at], data.dates), data.values, data.available_at)


def _when(
    series: Series, added: SeriesData, before: SeriesData, seen: np.datetime64, last_seen: np.datetime64
) -> MinuteArray:
    """When days that were not there before count as known; NaT leaves it to the rule."""
    moments = np.full(added.dates.size, _NAT)
    if not added.dates.size:
        return moments
    first, last = before.dates[0], before.dates[-1]
    inside = (added.dates >= first) & (added.dates <= last)
    moments[inside] = seen
    if series.frequency == "daily":
        return moments  # a day's own close, by convention
    rule, _ = available_at(series, added)
    after = added.dates > last
    late = after & (rule > seen) & (rule != NEVER)
    if not np.isnat(last_seen):
        late |= after & (rule <= last_seen)
    moments[late] = seen
    return moments


def _not_later(series: Series, data: SeriesData, seen: np.datetime64) -> MinuteArray:
    """What is there is known, whatever the usual lag says; a period the calendar calls never published stays so."""
    if series.frequency == "daily":
        return data.available_at
    rule, _ = available_at(series, data)
    return np.where(np.isnat(data.available_at) & (rule > seen) & (rule != NEVER), seen, data.available_at)


def _chained(data: SeriesData, old_days: DayArray, old_values: FloatArray, *, force: bool) -> SeriesData:
    """Bring a series defined up to a factor to the scale of what is there, so that old values keep their bits.

    With `force` (another source) by the ratio on the last common day, however the others are: only new days are taken.
    """
    common, new_at, old_at = np.intersect1d(data.dates, old_days, assume_unique=True, return_indices=True)
    if not common.size:
        if force:
            raise SourceError("it has no day in common with what is there, so it cannot be chained to it.")
        return data
    ratio = old_values[old_at] / data.values[new_at]
    factor = float(ratio[-1])
    steady = bool((np.abs(ratio / factor - 1.0) <= _SAME_FACTOR).all())
    if factor == 1.0 or not np.isfinite(factor) or not (steady or force):
        return data
    return replace(data, values=data.values * factor)


def _with_vintages(before: SeriesData, data: SeriesData, seen: np.datetime64) -> Joined:
    """The source itself has the vintages: they hold, and of ours what it does not have."""
    days, values = latest(data)
    old_days, old_values = latest(before)
    place = np.searchsorted(old_days, days).clip(0, old_days.size - 1)
    known = old_days[place] == days
    revised = int((known & (old_values[place] != values)).sum())
    gone = ~np.isin(before.dates, days)
    if gone.any():
        data = SeriesData.build(
            np.concatenate([data.dates, before.dates[gone]]),
            np.concatenate([data.values, before.values[gone]]),
            np.concatenate([data.available_at, before.available_at[gone]]),
        )
    if data.digest() == before.digest():
        return Joined(before, 0, 0)
    return Joined(data, int((~known).sum()), revised)
