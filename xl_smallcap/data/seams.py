"""What looks wrong where rows that came meet those that are there: another unit, price or frequency, another day."""

from __future__ import annotations

import numpy as np

from xl_smallcap.data.catalogue import Series
from xl_smallcap.data.doubts import ONCE, SEVERAL, UNIT_FACTOR, Doubt, comes, often, shown, usual_step
from xl_smallcap.data.revisions import latest
from xl_smallcap.data.series import SeriesData, frequency_of
from xl_smallcap.types import DayArray, FloatArray

_OTHER_UNIT, _OTHER_PRICE, _SAME_FACTOR = 1.5, 0.01, 1e-4
_COMPARED = 500
_LARGE = 0.5
_SEAM = 8.0
"""Usual steps from the last day there to the first day that came, where no day is common."""
_OTHER_POINTS, _OTHER_STEPS, _OTHER_DAYS = 0.05, 3.0, 5
_FRACTION = 0.3
"""Median of what came over a hundredth of what is there, as a logarithm, that is still near 0."""
_FEW_BESIDE = {"daily": 3, "weekly": 6, "monthly": 3}
_LAST_OF_BEGINNING, _FIRST_OF_END = 4, 26
"""Days of the month from and to which a monthly series is dated inside it."""


def of_join(series: Series, before: SeriesData, came: SeriesData) -> list[Doubt]:
    """Say how what came differs from what is there on the same days, or in how often it comes."""
    name = series.id
    old_days, old = latest(before)
    days, new = latest(came)
    is_often, seen = frequency_of(before), comes(came)
    if often(seen) > often(is_often) and days.size >= _FEW_BESIDE[is_often]:
        return [
            Doubt(
                name,
                f"{name} comes {ONCE[seen]} here and is {is_often} in what is there; averages of another frequency?",
                True,
            )
        ]
    found = _inside(series, days, old_days)
    common, at_new, at_old = np.intersect1d(days, old_days, assume_unique=True, return_indices=True)
    if not common.size:
        return found + _seam(series, old_days, old, days, new)
    return found + _on_common_days(series, common[-_COMPARED:], new[at_new][-_COMPARED:], old[at_old][-_COMPARED:], old)


def _on_common_days(series: Series, days: DayArray, a: FloatArray, b: FloatArray, old: FloatArray) -> list[Doubt]:
    """What came (a) against what is there (b) on the same days."""
    name, found = series.id, []
    if series.kind == "level" and not ((a > 0).all() and (b > 0).all()):
        return []
    if series.kind == "yield" and days.size >= _OTHER_DAYS:
        apart = float(np.median(np.abs(a - b)))
        if apart > max(_OTHER_POINTS, _OTHER_STEPS * usual_step(np.diff(old))):
            told = f"{name}: values differ by {apart:.2g} points from what is there on {days.size} common days"
            found.append(Doubt(name, f"{told}; another series?"))
    usable = (np.abs(a) > 0) & (np.abs(b) > (_LARGE if series.kind == "yield" else 0.0))
    if not usable.any():
        return found
    ratio = a[usable] / b[usable]
    middle = float(np.median(ratio))
    alike = 1.0 / _OTHER_UNIT <= middle <= _OTHER_UNIT
    if series.rescaled and alike and bool((np.abs(ratio / middle - 1.0) < _SAME_FACTOR).all()):
        if days.size == 1 and abs(middle - 1.0) > _OTHER_PRICE:
            told = f"{name}: brought to the scale of what is there by one day alone, {days[0]} ({a[0]:g} for {b[0]:g})"
            found.append(Doubt(name, f"{told}; whether both are of one fund a second day would show."))
        return found  # it is chained
    if not alike and (days.size > 1 or abs(np.log(abs(middle))) >= np.log(UNIT_FACTOR)):
        told = f"{name}: values are {middle:.4g} times what is there on the same days; another unit, another series?"
        return [*found, Doubt(name, told, True)]
    apart_by = np.abs(ratio - 1.0)
    if series.kind == "price" and series.frequency == "daily" and apart_by.max() > _OTHER_PRICE:
        k = int(apart_by.argmax())
        where, count = days[usable][k], int((apart_by > _OTHER_PRICE).sum())
        told = f"{name}: {count} price(s) differ by more than 1 % from what is there, most on {where} "
        found.append(Doubt(name, told + f"({a[usable][k]:g} for {b[usable][k]:g}); another price, another day?"))
    return found


def _inside(series: Series, days: DayArray, old_days: DayArray) -> list[Doubt]:
    """Months that are dated neither by their first nor by their last days: the day of publication, a month late."""
    of_month = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
    inside = (of_month > _LAST_OF_BEGINNING) & (of_month < _FIRST_OF_END)
    if series.frequency != "monthly" or days.size < 2 or not inside.all():
        return []
    old_month = (old_days - old_days.astype("datetime64[M]")).astype(np.int64) + 1
    if ((old_month > _LAST_OF_BEGINNING) & (old_month < _FIRST_OF_END)).mean() > 0.5:
        return []  # as it always was
    return [
        Doubt(
            series.id,
            f"{series.id} is dated inside the month ({shown(days)}); is that the day of publication? A month's value "
            "belongs to its first or its last day.",
            True,
        )
    ]


def _seam(series: Series, old_days: DayArray, old: FloatArray, days: DayArray, new: FloatArray) -> list[Doubt]:
    """What the step from what is there to what came says: another scale, or a step that is not usual."""
    later = days > old_days[-1]
    if not later.any() or series.kind == "level" or old.size < SEVERAL or series.rescaled:
        return []
    name, last, came = series.id, float(old[-1]), new[later]
    if series.kind == "yield":
        usual, step = usual_step(np.diff(old)), abs(float(came[0]) - last)
        recent = float(np.median(np.abs(old[-20:])))
        share = float(np.median(np.abs(came)))
        if share > 0 and recent > 20.0 * usual and abs(np.log(100.0 * share / recent)) < _FRACTION:
            told = f"{name}: {came[0]:g} on {days[later][0]} follows {last:g}, a factor near 100"
            return [Doubt(name, f"{told}; a fraction for percent?", True)]
        far = step > _SEAM * max(usual, 0.01)
    elif last > 0 and came[0] > 0 and (old > 0).all():
        usual, step = usual_step(np.diff(np.log(old))), abs(float(np.log(came[0] / last)))
        far = step > _SEAM * usual and step > _OTHER_PRICE
    else:
        return []
    if not far:
        return []
    return [Doubt(name, f"{name}: {came[0]:g} on {days[later][0]} follows {last:g}, an unusual step; another series?")]
