"""What of a publisher's answer is refused, and what becomes of a changed value."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.data.catalogue import Series
from xl_smallcap.data.releases import NEVER, available_at
from xl_smallcap.data.series import MinuteArray, SeriesData, frequency_of
from xl_smallcap.errors import SourceError
from xl_smallcap.types import BoolArray, DayArray, FloatArray

_FACTOR_JUMP = 20.0
"""Neighbours of a price or a level never differed by more: claims in March 2020 rose 12-fold."""
_POINT_JUMP = 10.0
"""Percentage points a rate never moved between two observations."""
_ROUGHLY = 0.9
_OTHER_PRICE = 0.01
_OTHER_UNIT = 1.5
"""A median ratio of new to old values beyond this is another unit or another series."""
_SAME_FACTOR = 1e-4
_LARGEST_RESCALING = 50.0
_YEAR = {"daily": 240, "weekly": 50, "monthly": 24}
_ENOUGH = 30
_EARLIEST = np.datetime64("1800-01-01", "D")
_COMPARED = 500


def check(
    series: Series,
    data: SeriesData,
    before: SeriesData | None,
    today: np.datetime64,
    *,
    other_source: bool = False,
    served: int = 0,
) -> None:
    """Refuse a fetched series that cannot be what was asked for."""
    name = series.id
    if data.dates.size == 0:
        raise SourceError(f"{name}: the answer holds no observation.")
    if not np.isfinite(data.values).all():
        raise SourceError(f"{name}: a value is not finite.")
    if data.dates[0] < _EARLIEST or data.dates[-1] > today:
        day = data.dates[0] if data.dates[0] < _EARLIEST else data.dates[-1]
        raise SourceError(f"{name}: {day} is {'before 1800' if day < _EARLIEST else f'after today, {today}'}.")
    if data.has_vintages:
        rows = np.rec.fromarrays([data.dates.view(np.int64), data.available_at.view(np.int64)])
        twice = np.flatnonzero(rows[1:] == rows[:-1])
    else:
        twice = np.flatnonzero(data.dates[1:] == data.dates[:-1])
    if twice.size:
        raise SourceError(f"{name}: {data.dates[twice[0]]} comes twice.")
    days, values = latest(data)
    often = frequency_of(data)
    if days.size >= _ENOUGH and series.frequency == "daily" and often != "daily":
        raise SourceError(f"{name}: the answer is {often}, but the series is {series.frequency}; averages?")
    _plausible(series, days, values)
    if before is not None:
        _compared(series, days, values, before, other_source, served)


def _plausible(series: Series, days: DayArray, values: FloatArray) -> None:
    size = np.abs(values)
    if series.peak:
        low, high = series.peak
        worst = int(size.argmax())
        if size[worst] > high:
            raise SourceError(
                f"{series.id}: {values[worst]:g} on {days[worst]} is beyond anything plausible ({high:g} "
                f"{series.unit}). Another unit?"
            )
        if days.size >= _YEAR[series.frequency] and size[worst] < low:
            raise SourceError(
                f"{series.id}: nothing in {days.size} observations exceeds {size[worst]:g}; {low:g} {series.unit} or "
                "more is expected of so long a history. Another unit?"
            )
    if values.size < 2:
        return
    if series.kind == "yield":
        steps = np.abs(np.diff(values))
        bad = np.flatnonzero(steps > _POINT_JUMP)
    else:
        both = (values[1:] > 0) & (values[:-1] > 0)
        steps = np.zeros(values.size - 1)
        steps[both] = np.abs(np.log(values[1:][both] / values[:-1][both]))
        signed = bool((values <= 0).any()) and series.kind == "level"
        bad = np.empty(0, np.int64) if signed else np.flatnonzero(steps > np.log(_FACTOR_JUMP))
    if bad.size:
        k = int(bad[0])
        raise SourceError(
            f"{series.id} jumps from {values[k]:g} to {values[k + 1]:g} on {days[k + 1]}; that is not plausible."
        )


def _compared(
    series: Series, days: DayArray, values: FloatArray, before: SeriesData, other_source: bool, served: int
) -> None:
    old_days, old_values = latest(before)
    accept = f"If it is right: --accept {series.id}."
    if days[-1] < old_days[-1]:
        raise SourceError(
            f"{series.id}: the answer ends on {days[-1]}, before what is there ({old_days[-1]}); it may be cut "
            f"short. {accept}"
        )
    # What this source gave last time is the measure; what others gave, with days of their own, only roughly.
    since = max(old_days[0], days[0])
    have, came = int((old_days >= since).sum()), int((days >= since).sum())
    least = served * (_ROUGHLY if series.rolling else 1.0) if served else 0
    if days.size < least or came < _ROUGHLY * have:
        got, expected = (days.size, served) if days.size < least else (came, have)
        raise SourceError(
            f"{series.id}: the answer is shorter than expected ({got} observations, not {expected}); it may be cut "
            f"short. {accept}"
        )
    common, new_at, old_at = np.intersect1d(days, old_days, assume_unique=True, return_indices=True)
    new, old = values[new_at][-_COMPARED:], old_values[old_at][-_COMPARED:]
    usable = (np.abs(old) > 0) & (np.abs(new) > 0)
    if common.size < 2 or not usable.any():
        return
    ratio = new[usable] / old[usable]
    middle = float(np.median(ratio))
    price = series.kind == "price" and not series.rescaled
    if other_source and price and abs(float(ratio[-1]) - 1.0) > _OTHER_PRICE:
        raise SourceError(
            f"{series.id}: on {common[-1]} this source says {new[usable][-1]:g}, but {old[usable][-1]:g} is there; "
            "another price?"
        )
    if 1.0 / _OTHER_UNIT <= middle <= _OTHER_UNIT:
        return
    steady = bool((np.abs(ratio / middle - 1.0) < _SAME_FACTOR).all())
    if series.rescaled and steady and 1.0 / _LARGEST_RESCALING <= middle <= _LARGEST_RESCALING:
        return
    raise SourceError(
        f"{series.id}: values are {middle:.4g} times what they were on the same days; another unit or another series. "
        f"{accept}"
    )


# -- How a newly fetched series joins what is there: new days are added, changed values become vintages, nothing is l


_SAME_PRICE = 1e-6
"""Daily prices come in single precision or adjusted anew at every download: differences up to this are rounding."""
_NAT = np.datetime64("NaT", "m")


@dataclass(frozen=True)
class JoinedSeries:
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
    positions = np.searchsorted(others, days).clip(0, others.size - 1)
    after, earlier = others[positions] - days, days - others[np.maximum(positions - 1, 0)]
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
) -> JoinedSeries:
    """Add a fetched series to what is there."""
    if before is not None and before.has_vintages:
        # a clock that was set back must not put a revision before the one it follows
        seen = max(seen, np.nanmax(before.available_at) + np.timedelta64(1, "m"))
    if before is not None:
        data = _dated_as(before, data)
    if before is None:
        here = SeriesData(data.dates, data.values, _not_later(series, data, seen))
        return JoinedSeries(here, int(np.unique(data.dates).size), 0)
    if data.has_vintages and not other_source:
        return _with_vintages(before, data, seen)
    old_days, old_values = latest(before)
    if series.rescaled:
        data = _chained(data, old_days, old_values, force=other_source)
    overlap = np.isin(data.dates, old_days)
    old = old_values[np.searchsorted(old_days, data.dates[overlap])]
    new = data.values[overlap]
    rounding = series.frequency == "daily" and series.kind == "price"
    same = np.abs(new - old) <= (_SAME_PRICE * np.abs(old) if rounding else 0.0)
    same |= other_source
    changed_days, changed = data.dates[overlap][~same], new[~same]
    added = SeriesData(data.dates[~overlap], data.values[~overlap], data.available_at[~overlap])
    moments = _when(series, added, before, seen, last_seen)
    if not changed.size and not added.dates.size:
        return JoinedSeries(before, 0, 0)
    rows = SeriesData.build(
        np.concatenate([before.dates, changed_days, added.dates]),
        np.concatenate([before.values, changed, added.values]),
        np.concatenate([before.available_at, np.full(changed.size, seen), moments]),
    )
    return JoinedSeries(rows, int(added.dates.size), int(changed.size))


def _dated_as(before: SeriesData, data: SeriesData) -> SeriesData:
    """Months dated otherwise than those that are there (first day, last day) get the days that are there."""
    if frequency_of(before) != "monthly" or frequency_of(data) != "monthly":
        return data
    days = np.unique(before.dates)
    months = days.astype("datetime64[M]")
    positions = np.searchsorted(months, data.dates.astype("datetime64[M]")).clip(0, days.size - 1)
    overlap = months[positions] == data.dates.astype("datetime64[M]")
    return SeriesData.build(np.where(overlap, days[positions], data.dates), data.values, data.available_at)


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


def _with_vintages(before: SeriesData, data: SeriesData, seen: np.datetime64) -> JoinedSeries:
    """The source itself has the vintages: they hold, and of ours what it does not have."""
    days, values = latest(data)
    old_days, old_values = latest(before)
    place = np.searchsorted(old_days, days).clip(0, old_days.size - 1)
    overlap = old_days[place] == days
    revised = int((overlap & (old_values[place] != values)).sum())
    gone = ~np.isin(before.dates, days)
    if gone.any():
        data = SeriesData.build(
            np.concatenate([data.dates, before.dates[gone]]),
            np.concatenate([data.values, before.values[gone]]),
            np.concatenate([data.available_at, before.available_at[gone]]),
        )
    if data.digest() == before.digest():
        return JoinedSeries(before, 0, 0)
    return JoinedSeries(data, int((~overlap).sum()), revised)
