"""What looks wrong in a series that came: a slip of the decimal, a split, a feed that stands still, another frequency.

A small doubt is named. A grave one (a value off by a factor near 10 or 100, a percentage taken for a fraction, another
price or another frequency over what is there) keeps the new data out of use until a person accepts the series. Limits
were measured on real history; docs/own-data.md has them. What shows where new rows meet old ones is in seams.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xl_smallcap.data.catalogue import Series
from xl_smallcap.data.clock import weekend
from xl_smallcap.data.revisions import latest
from xl_smallcap.data.series import SeriesData
from xl_smallcap.types import BoolArray, DayArray, FloatArray

_PRICE_STEP = {"daily": 0.45, "weekly": 0.4, "monthly": 0.4}
"""Largest plausible move of a price between two observations (log) where the catalogue has none of its own."""
_YIELD_STEP, _YIELD_LEVEL = 3.0, 30.0
_SLIPS = ((np.log(10.0), 0.15), (np.log(100.0), 0.2))
_BEYOND = np.log(8.0)
"""No price of the catalogue has ever moved so far between two observations."""
_SPLITS, _SPLIT_WITHIN = (2, 3, 4), 0.06
_SPIKE, _SPIKE_POINTS = 50.0, 0.25
"""A value that leaves and returns by so many usual steps; real ones reached 38 (repo rates apart)."""
_FAR_FROM_ZERO = 20.0
_STANDS = {"end": (10, 2.0), "inside": (15, 3.0)}
"""Observations without change that are odd, and how many times longer than the series' longest other run."""
_YEAR = {"daily": 240, "weekly": 50, "monthly": 24}
UNIT_FACTOR = 5.0
ONCE = {"weekly": "once a week", "monthly": "once a month", "quarterly": "once a quarter", "yearly": "once a year"}
_GAPS = {"daily": 4.0, "weekly": 10.0, "monthly": 60.0, "quarterly": 250.0, "yearly": np.inf}
_SHORT = 0.2
"""Days between observations up to which a series comes so often, by this quantile of them."""
_LEVEL_WITHIN = 0.15
SEVERAL = 8
"""Rows from which a series' own frequency and steps say something."""
_EXAMPLES = 3


@dataclass(frozen=True)
class Doubt:
    """Something to look at in a series: which, what, and whether it keeps the data out of use."""

    series: str
    sentence: str
    grave: bool = False


def shown(days: DayArray) -> str:
    """Return the first few days of many, for a sentence."""
    return ", ".join(str(d) for d in days[:_EXAMPLES]) + (" ..." if days.size > _EXAMPLES else "")


def comes(data: SeriesData) -> str:
    """Return how often a series comes, rarer than monthly too; values missing here and there do not make it rarer.

    daily, weekly, monthly, quarterly or yearly.
    """
    gaps = np.diff(np.unique(data.dates)).astype(np.int64)
    gap = float(np.quantile(gaps, _SHORT)) if gaps.size else 1.0
    return next(word for word, longest in _GAPS.items() if gap <= longest)


def often(frequency: str) -> int:
    """Return a frequency's rank: 0 daily, 4 yearly."""
    return ("daily", "weekly", "monthly", "quarterly", "yearly").index(frequency)


def usual_step(steps: FloatArray) -> float:
    """Return the median size of the steps that are not 0, in their unit; 0 where none is."""
    moved = np.abs(steps[steps != 0.0])
    return float(np.median(moved)) if moved.size else 0.0


def of_series(series: Series, data: SeriesData) -> list[Doubt]:
    """Say what looks wrong in a series by itself. Empty for most series."""
    days, values = latest(data)
    found = []
    if series.kind == "price":
        found = _of_price(series, days, values)
    elif series.kind == "yield":
        found = _of_yield(series, days, values)
    else:
        found = _of_level(series, days, values)
    found += _of_unit(series, values)
    seen = comes(data)
    if days.size >= SEVERAL and often(seen) > often(series.frequency):
        found.append(
            Doubt(
                series.id,
                f"{series.id} comes {ONCE[seen]} here and is published {series.frequency}; averages of another "
                "frequency?",
                True,
            )
        )
    if series.kind != "level" and series.frequency == "daily":  # a policy rate stands still for months
        found += _of_runs(series, days, values)
    if series.frequency == "daily" and weekend(days).any():
        off = days[weekend(days)]
        found.append(Doubt(series.id, f"{series.id} has {off.size} value(s) on Saturdays and Sundays: {shown(off)}."))
    return found


def _of_price(series: Series, days: DayArray, values: FloatArray) -> list[Doubt]:
    name, found = series.id, []
    low = np.flatnonzero(values <= 0)
    if low.size:
        most = low.size > values.size / 2
        found.append(Doubt(name, f"{name}: {low.size} price(s) at or below zero, first on {days[low[0]]}.", most))
    if low.size == values.size:
        return found
    days, values = days[values > 0], values[values > 0]
    moves = np.diff(np.log(values))
    size, limit = np.abs(moves), series.step or _PRICE_STEP[series.frequency]
    slips = np.zeros(moves.size, dtype=bool)
    for factor, within in _SLIPS:
        slips |= np.abs(size - factor) <= within
    slips |= size >= _BEYOND
    found += _slips(name, days, values, slips & (size > limit))
    splits = np.zeros(moves.size, dtype=bool)
    for factor in _SPLITS:
        splits |= np.abs(size - np.log(factor)) <= _SPLIT_WITHIN
    splits &= (size > limit) & ~slips
    for k in np.flatnonzero(splits)[:_EXAMPLES]:
        ratio = np.exp(moves[k])
        times = f"about {ratio:.2g} times" if ratio > 1 else f"about 1/{1 / ratio:.2g} of"
        found.append(Doubt(name, f"{name} is {times} the value before on {days[k + 1]}; a split not adjusted?"))
    far = np.flatnonzero((size > limit) & ~slips & ~splits)
    if far.size:
        said = f"{100 * np.expm1(limit):.0f} % or more"
        found.append(
            Doubt(
                name,
                f"{name} moves by {said} between two observations {far.size} time(s): {shown(days[far + 1])}.",
            )
        )
    return found


def _of_yield(series: Series, days: DayArray, values: FloatArray) -> list[Doubt]:
    name, found = series.id, []
    if values.size and np.abs(values).max() > _YIELD_LEVEL:
        found.append(Doubt(name, f"{name}: {np.abs(values).max():g} is no percentage a rate has; basis points?", True))
    steps = np.diff(values)
    usual, limit = usual_step(steps), series.step or _YIELD_STEP
    size = np.abs(steps)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(np.log(np.abs(values[1:]) / np.abs(values[:-1])))
    slips = np.zeros(steps.size, dtype=bool)
    for factor, within in _SLIPS:
        slips |= np.abs(ratio - factor) <= within
    slips &= (np.maximum(np.abs(values[1:]), np.abs(values[:-1])) >= 1.0) & (size > _FAR_FROM_ZERO * usual)
    zeros = _zeros(values, usual)
    found += _slips(name, days, values, slips)
    if zeros.any():
        found.append(
            Doubt(
                name,
                f"{name} is exactly 0 on {shown(days[zeros])}, between values far from it; a blank shown as 0?",
            )
        )
    apart = slips | zeros[1:] | zeros[:-1]
    spikes = np.zeros(values.size, dtype=bool)
    if not series.step and steps.size > 1:
        turn = np.where(np.sign(steps[:-1]) != np.sign(steps[1:]), np.minimum(size[:-1], size[1:]), 0.0)
        spikes[1:-1] = (turn > max(_SPIKE * usual, _SPIKE_POINTS)) & ~apart[:-1] & ~apart[1:]
    if spikes.any():
        found.append(Doubt(name, f"{name} leaves its level for one observation and returns: {shown(days[spikes])}."))
    far = np.flatnonzero((size > limit) & ~apart & ~spikes[1:] & ~spikes[:-1])
    if far.size:
        found.append(
            Doubt(
                name,
                f"{name} moves by {limit:g} points or more between two observations {far.size} time(s): "
                f"{shown(days[far + 1])}.",
            )
        )
    return found


def _of_level(series: Series, days: DayArray, values: FloatArray) -> list[Doubt]:
    """Levels above zero, such as claims or contracts: slips of the decimal and zeros for blanks."""
    if values.size < 3 or (values < 0).any() or np.median(values) <= 0:
        return []
    found = []
    zeros = _zeros(values, usual_step(np.diff(values)))
    if zeros.any() and (values == 0.0).sum() <= _EXAMPLES:
        found.append(
            Doubt(
                series.id,
                f"{series.id} is exactly 0 on {shown(days[zeros])}, between values far from it; a blank shown as 0?",
            )
        )
    days, values = days[values > 0], values[values > 0]
    moves = np.diff(np.log(values))
    slips = np.zeros(moves.size, dtype=bool)
    for factor in (100.0, 1000.0):
        slips |= np.abs(np.abs(moves) - np.log(factor)) <= _LEVEL_WITHIN
    tenth = np.abs(np.abs(moves) - np.log(10.0)) <= _LEVEL_WITHIN
    slips[:-1] |= tenth[:-1] & tenth[1:] & (moves[:-1] * moves[1:] < 0)  # claims of 2020 rose eleven times, and stayed
    return found + _slips(series.id, days, values, slips)


def _slips(name: str, days: DayArray, values: FloatArray, where: BoolArray) -> list[Doubt]:
    """Values about 10 or 100 times the one before, or a tenth or a hundredth of it."""
    at = np.flatnonzero(where)
    if not at.size:
        return []
    k = int(at[0])
    ratio = abs(float(values[k + 1] / values[k]))
    factor = 10.0 ** round(abs(np.log10(ratio)))
    more = f" ({at.size} such steps in all)" if at.size > 1 else ""
    told = (
        f"{name}: {values[k + 1]:g} on {days[k + 1]} follows {values[k]:g}, a factor near {factor:.0f}{more}; a "
        "decimal, a percent sign or another price?"
    )
    return [Doubt(name, told, True)]


def _zeros(values: FloatArray, usual: float) -> BoolArray:
    """Exact zeros whose last value other than zero lies many usual steps away."""
    zero = values == 0.0
    if not zero.any() or usual == 0.0:
        return np.zeros(values.size, dtype=bool)
    last = np.maximum.accumulate(np.where(zero, -1, np.arange(values.size)))
    before = np.where(last >= 0, values[np.maximum(last, 0)], 0.0)
    return np.asarray(zero & (np.abs(before) > _FAR_FROM_ZERO * usual))


def _of_unit(series: Series, values: FloatArray) -> list[Doubt]:
    if not series.peak or values.size < _YEAR[series.frequency]:
        return []
    largest, (low, high) = float(np.abs(values).max()), series.peak
    if low <= largest <= high:
        return []
    return [
        Doubt(
            series.id,
            f"{series.id}: its largest value is {largest:g}; {low:g} to {high:g} {series.unit} is expected. Another "
            "unit?",
            largest * UNIT_FACTOR < low or largest > high * UNIT_FACTOR,
        )
    ]


def _of_runs(series: Series, days: DayArray, values: FloatArray) -> list[Doubt]:
    """A stretch without any change that is longer than the series ever had: a feed that stands still, a fill."""
    moved = np.flatnonzero(np.diff(values) != 0.0)
    edges = np.concatenate([[-1], moved, [values.size - 1]])
    runs = np.diff(edges) - 1  # steps without change
    if not runs.size:
        return []
    longest = int(runs.argmax())
    others = np.delete(runs, longest)
    second = int(others.max()) if others.size else 0
    least, times = _STANDS["end" if longest == runs.size - 1 else "inside"]
    if runs[longest] < least or runs[longest] <= times * second:
        return []
    first, last = days[edges[longest] + 1], days[edges[longest + 1]]
    return [
        Doubt(
            series.id,
            f"{series.id} has not changed from {first} to {last} ({runs[longest] + 1} observations; before, never more "
            f"than {second + 1}); does its feed stand still?",
        )
    ]


def gravest(doubts: Sequence[Doubt], accepted: Sequence[str]) -> list[Doubt]:
    """Return the grave doubts about series that nobody accepted."""
    known = {a.strip().lower() for a in accepted}
    return [d for d in doubts if d.grave and d.series.lower() not in known]
