"""Is this what we asked for? Checks of a fetched series before it replaces anything."""

from __future__ import annotations

import numpy as np

from xl_smallcap.data.catalogue import Series
from xl_smallcap.data.revisions import latest
from xl_smallcap.data.series import SeriesData, frequency_of
from xl_smallcap.errors import SourceError
from xl_smallcap.types import DayArray, FloatArray

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
        got, known = (days.size, served) if days.size < least else (came, have)
        raise SourceError(
            f"{series.id}: the answer is shorter than expected ({got} observations, not {known}); it may be cut short. "
            f"{accept}"
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
