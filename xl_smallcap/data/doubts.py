"""What looks wrong: in a series by itself, where it meets what is there, and beside its peers (dividends)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xl_smallcap.data.catalogue import Catalogue, Series
from xl_smallcap.data.releases import weekend
from xl_smallcap.data.revisions import latest
from xl_smallcap.data.series import SeriesData, frequency_of
from xl_smallcap.types import DAY, MONTH, BoolArray, DayArray, FloatArray, IntArray

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
    doubts = []
    if series.kind == "price":
        doubts = _of_price(series, days, values)
    elif series.kind == "yield":
        doubts = _of_yield(series, days, values)
    else:
        doubts = _of_level(series, days, values)
    doubts += _of_unit(series, values)
    seen = comes(data)
    if days.size >= SEVERAL and often(seen) > often(series.frequency):
        doubts.append(
            Doubt(
                series.id,
                f"{series.id} comes {ONCE[seen]} here and is published {series.frequency}; averages of another "
                "frequency?",
                True,
            )
        )
    if series.kind != "level" and series.frequency == "daily":  # a policy rate stands still for months
        doubts += _of_runs(series, days, values)
    if series.frequency == "daily" and weekend(days).any():
        off = days[weekend(days)]
        doubts.append(Doubt(series.id, f"{series.id} has {off.size} value(s) on Saturdays and Sundays: {shown(off)}."))
    return doubts


def _of_price(series: Series, days: DayArray, values: FloatArray) -> list[Doubt]:
    name, doubts = series.id, []
    low = np.flatnonzero(values <= 0)
    if low.size:
        most = low.size > values.size / 2
        doubts.append(Doubt(name, f"{name}: {low.size} price(s) at or below zero, first on {days[low[0]]}.", most))
    if low.size == values.size:
        return doubts
    days, values = days[values > 0], values[values > 0]
    moves = np.diff(np.log(values))
    size, limit = np.abs(moves), series.step or _PRICE_STEP[series.frequency]
    slips = np.zeros(moves.size, dtype=bool)
    for factor, within in _SLIPS:
        slips |= np.abs(size - factor) <= within
    slips |= size >= _BEYOND
    doubts += _slips(name, days, values, slips & (size > limit))
    splits = np.zeros(moves.size, dtype=bool)
    for factor in _SPLITS:
        splits |= np.abs(size - np.log(factor)) <= _SPLIT_WITHIN
    splits &= (size > limit) & ~slips
    for k in np.flatnonzero(splits)[:_EXAMPLES]:
        ratio = np.exp(moves[k])
        times = f"about {ratio:.2g} times" if ratio > 1 else f"about 1/{1 / ratio:.2g} of"
        doubts.append(Doubt(name, f"{name} is {times} the value before on {days[k + 1]}; a split not adjusted?"))
    far = np.flatnonzero((size > limit) & ~slips & ~splits)
    if far.size:
        said = f"{100 * np.expm1(limit):.0f} % or more"
        doubts.append(
            Doubt(name, f"{name} moves by {said} between two observations {far.size} time(s): {shown(days[far + 1])}.")
        )
    return doubts


def _of_yield(series: Series, days: DayArray, values: FloatArray) -> list[Doubt]:
    name, doubts = series.id, []
    if values.size and np.abs(values).max() > _YIELD_LEVEL:
        doubts.append(Doubt(name, f"{name}: {np.abs(values).max():g} is no percentage a rate has; basis points?", True))
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
    doubts += _slips(name, days, values, slips)
    if zeros.any():
        doubts.append(
            Doubt(name, f"{name} is exactly 0 on {shown(days[zeros])}, between values far from it; a blank shown as 0?")
        )
    apart = slips | zeros[1:] | zeros[:-1]
    spikes = np.zeros(values.size, dtype=bool)
    if not series.step and steps.size > 1:
        turn = np.where(np.sign(steps[:-1]) != np.sign(steps[1:]), np.minimum(size[:-1], size[1:]), 0.0)
        spikes[1:-1] = (turn > max(_SPIKE * usual, _SPIKE_POINTS)) & ~apart[:-1] & ~apart[1:]
    if spikes.any():
        doubts.append(Doubt(name, f"{name} leaves its level for one observation and returns: {shown(days[spikes])}."))
    far = np.flatnonzero((size > limit) & ~apart & ~spikes[1:] & ~spikes[:-1])
    if far.size:
        doubts.append(
            Doubt(
                name,
                f"{name} moves by {limit:g} points or more between two observations {far.size} time(s): "
                f"{shown(days[far + 1])}.",
            )
        )
    return doubts


def _of_level(series: Series, days: DayArray, values: FloatArray) -> list[Doubt]:
    """Levels above zero, such as claims or contracts: slips of the decimal and zeros for blanks."""
    if values.size < 3 or (values < 0).any() or np.median(values) <= 0:
        return []
    doubts = []
    zeros = _zeros(values, usual_step(np.diff(values)))
    if zeros.any() and (values == 0.0).sum() <= _EXAMPLES:
        doubts.append(
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
    return doubts + _slips(series.id, days, values, slips)


def _slips(name: str, days: DayArray, values: FloatArray, where: BoolArray) -> list[Doubt]:
    """Values about 10 or 100 times the one before, or a tenth or a hundredth of it."""
    positions = np.flatnonzero(where)
    if not positions.size:
        return []
    k = int(positions[0])
    ratio = abs(float(values[k + 1] / values[k]))
    factor = 10.0 ** round(abs(np.log10(ratio)))
    more = f" ({positions.size} such steps in all)" if positions.size > 1 else ""
    text = (
        f"{name}: {values[k + 1]:g} on {days[k + 1]} follows {values[k]:g}, a factor near {factor:.0f}{more}; a "
        "decimal, a percent sign or another price?"
    )
    return [Doubt(name, text, True)]


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
    ids = {a.strip().lower() for a in accepted}
    return [d for d in doubts if d.grave and d.series.lower() not in ids]


# -- What looks wrong where rows that came meet those that are there: another unit, price or frequency, another day.


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
    doubts = _inside(series, days, old_days)
    common, at_new, at_old = np.intersect1d(days, old_days, assume_unique=True, return_indices=True)
    if not common.size:
        return doubts + _seam(series, old_days, old, days, new)
    return doubts + _on_common_days(
        series, common[-_COMPARED:], new[at_new][-_COMPARED:], old[at_old][-_COMPARED:], old
    )


def _on_common_days(series: Series, days: DayArray, a: FloatArray, b: FloatArray, old: FloatArray) -> list[Doubt]:
    """What came (a) against what is there (b) on the same days."""
    name, doubts = series.id, []
    if series.kind == "level" and not ((a > 0).all() and (b > 0).all()):
        return []
    if series.kind == "yield" and days.size >= _OTHER_DAYS:
        apart = float(np.median(np.abs(a - b)))
        if apart > max(_OTHER_POINTS, _OTHER_STEPS * usual_step(np.diff(old))):
            text = f"{name}: values differ by {apart:.2g} points from what is there on {days.size} common days"
            doubts.append(Doubt(name, f"{text}; another series?"))
    usable = (np.abs(a) > 0) & (np.abs(b) > (_LARGE if series.kind == "yield" else 0.0))
    if not usable.any():
        return doubts
    ratio = a[usable] / b[usable]
    middle = float(np.median(ratio))
    alike = 1.0 / _OTHER_UNIT <= middle <= _OTHER_UNIT
    if series.rescaled and alike and bool((np.abs(ratio / middle - 1.0) < _SAME_FACTOR).all()):
        if days.size == 1 and abs(middle - 1.0) > _OTHER_PRICE:
            text = f"{name}: brought to the scale of what is there by one day alone, {days[0]} ({a[0]:g} for {b[0]:g})"
            doubts.append(Doubt(name, f"{text}; whether both are of one fund a second day would show."))
        return doubts  # it is chained
    if not alike and (days.size > 1 or abs(np.log(abs(middle))) >= np.log(UNIT_FACTOR)):
        text = f"{name}: values are {middle:.4g} times what is there on the same days; another unit, another series?"
        return [*doubts, Doubt(name, text, True)]
    apart_by = np.abs(ratio - 1.0)
    if series.kind == "price" and series.frequency == "daily" and apart_by.max() > _OTHER_PRICE:
        k = int(apart_by.argmax())
        where, count = days[usable][k], int((apart_by > _OTHER_PRICE).sum())
        text = f"{name}: {count} price(s) differ by more than 1 % from what is there, most on {where} "
        doubts.append(Doubt(name, text + f"({a[usable][k]:g} for {b[usable][k]:g}); another price, another day?"))
    return doubts


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
            text = f"{name}: {came[0]:g} on {days[later][0]} follows {last:g}, a factor near 100"
            return [Doubt(name, f"{text}; a fraction for percent?", True)]
        far = step > _SEAM * max(usual, 0.01)
    elif last > 0 and came[0] > 0 and (old > 0).all():
        usual, step = usual_step(np.diff(np.log(old))), abs(float(np.log(came[0] / last)))
        far = step > _SEAM * usual and step > _OTHER_PRICE
    else:
        return []
    if not far:
        return []
    return [Doubt(name, f"{name}: {came[0]:g} on {days[later][0]} follows {last:g}, an unusual step; another series?")]


# -- Total-return legs beside their peers: newer rows that nobody uses, and funds that do not hold their dividends.


_ADJUSTED = "_ADJ"
_RATIO_STEP = 5e-4
_HALF_A_YEAR = np.timedelta64(200, "D")
_CENTS_DAYS = 140
"""After the last dividend adjusted and traded price are one, for a quarter; for half a year they never are."""
_QUARTERS, _A_YEAR = 13, 240
_AROUND = range(-3, 7)
"""Trading days from the third Friday of a quarter's last month to the day the funds go ex dividend."""
_LIKELY = (0, 1)
_SCORE, _SCORE_LIKELY, _SCORE_AFTER_ONE = -3.8, -3.3, -2.5
"""Mean fall on the ex-days over its usual spread: any shift, the two usual shifts, once the days are known."""
_FALL = (-1.5, -0.08)
"""Plausible dividends of a quarter, %."""
_FEWEST_LEGS, _FEWEST_QUARTERS, _FEWEST_PEERS = 5, 6, 3


def of_neighbours(catalogue: Catalogue, series: Mapping[str, SeriesData]) -> list[Doubt]:
    """Say what shows only beside other series. None of them grave."""
    doubts = _shadows(catalogue, series)
    legs = [n for n in adjusted(catalogue) if n in series and not series[n].has_vintages]
    signs = {**_by_ex_days({n: series[n] for n in legs}), **_by_cents(series, legs), **_by_ratio(catalogue, series)}
    return doubts + [Doubt(name, f"{name} {sign}") for name, sign in signs.items()]


def _shadows(catalogue: Catalogue, series: Mapping[str, SeriesData]) -> list[Doubt]:
    """Adjusted funds that end before the unadjusted ones beside them: while they are there the adjusted are used."""
    ends: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, other in _with_price(catalogue, series):
        last, newest = series[name].dates[-1], series[other].dates[-1]
        if newest > last:
            ends.setdefault((str(last), str(newest)), []).append((name, other))
    return [
        Doubt(
            pairs[0][0],
            f"{', '.join(n for n, _ in pairs)}: what is used ends on {last}; the newer rows of "
            f"{', '.join(o for _, o in pairs)}, to {newest}, are not used. Load newer rows of the adjusted ones.",
        )
        for (last, newest), pairs in ends.items()
    ]


def adjusted(catalogue: Catalogue) -> list[str]:
    """Return the adjusted funds of the catalogue."""
    return [n for n, s in catalogue.series.items() if s.rescaled and s.frequency == "daily" and n.endswith(_ADJUSTED)]


def _with_price(catalogue: Catalogue, series: Mapping[str, SeriesData]) -> list[tuple[str, str]]:
    return [(n, f) for n in adjusted(catalogue) if n in series for f in catalogue.series[n].fallback if f in series]


def _by_ratio(catalogue: Catalogue, series: Mapping[str, SeriesData]) -> dict[str, str]:
    """Funds whose ratio to the traded price has not moved for half a year, while that of two others has."""
    last: dict[str, np.datetime64] = {}
    for name, other in _with_price(catalogue, series):
        one, two = series[name], series[other]
        days, first, second = np.intersect1d(one.dates, two.dates, return_indices=True)
        if days.size < _CENTS_DAYS or not (one.values[first] > 0).all() or not (two.values[second] > 0).all():
            continue
        ratio = np.log(one.values[first] / two.values[second])
        moved = np.flatnonzero(np.abs(np.diff(ratio)) > _RATIO_STEP)
        last[name] = days[moved[-1] + 1] if moved.size else days[0]
    if len(last) < _FEWEST_PEERS:
        return {}
    newest = sorted(last.values())[-2]  # two have moved since
    return {
        n: f"has moved as its traded price since {day}, while other funds had dividends; it seems not to hold its own."
        for n, day in last.items()
        if newest - day > _HALF_A_YEAR
    }


def _by_cents(series: Mapping[str, SeriesData], legs: Sequence[str]) -> dict[str, str]:
    """Funds whose values are whole cents for half a year and more, and were not before."""
    signs = {}
    for name in legs:
        cents = series[name].values * 100.0
        whole = np.abs(cents - np.round(cents)) < 1e-6
        other = np.flatnonzero(~whole)
        if not other.size or whole.size - 1 - other[-1] < _CENTS_DAYS or whole[: other[-1] + 1].mean() > 0.5:
            continue
        day = series[name].dates[other[-1] + 1]
        signs[name] = f"is in whole cents from {day} on, as traded prices are; it seems not to hold its dividends."
    return signs


def _third_fridays(first: np.datetime64, last: np.datetime64) -> DayArray:
    months = np.arange(first.astype("datetime64[M]"), last.astype("datetime64[M]") + MONTH)
    begins = months[(months.view(np.int64) % 12 + 1) % 3 == 0].astype("datetime64[D]")
    weekday = (begins.view(np.int64) + 3) % 7
    return np.asarray(begins + ((4 - weekday) % 7 + 14) * DAY)


def _by_ex_days(legs: Mapping[str, SeriesData]) -> dict[str, str]:
    """Funds that fall beside their peers on the ex-days of the last quarters; those found are no peers of the rest."""
    names = list(legs)
    if len(names) < _FEWEST_LEGS:
        return {}
    days = legs[names[0]].dates
    for n in names[1:]:
        days = np.intersect1d(days, legs[n].dates)
    days = days[-_QUARTERS * 64 :]
    if days.size < _A_YEAR:
        return {}
    prices = np.column_stack([legs[n].values[np.searchsorted(legs[n].dates, days)] for n in names])
    if not (prices > 0).all():
        return {}
    days, returns = days[1:], 100.0 * np.diff(np.log(prices), axis=0)
    fridays = np.searchsorted(days, _third_fridays(days[0], days[-1]))
    signs: dict[str, str] = {}
    shifts: Sequence[int] = _AROUND
    while len(peers := [k for k, n in enumerate(names) if n not in signs]) >= _FEWEST_PEERS:
        best = min((_score(returns, k, peers, fridays, shifts, bool(signs)) for k in peers), key=lambda b: b[0])
        if best[0] == 0.0:
            break
        _, k, shift, mean = best
        shifts = (shift,)
        signs[names[k]] = (
            f"falls by {-mean:.1f} % beside the other funds on their ex-dividend days of the last quarters; it seems "
            "not to hold its dividends."
        )
    return signs


def _score(
    returns: FloatArray, k: int, peers: Sequence[int], fridays: IntArray, shifts: Sequence[int], shift_fixed: bool
) -> tuple[float, int, int, float]:
    """How surely one fund falls on the ex-days by what its peers' returns say; 0 where it does not."""
    design = np.column_stack([np.ones(returns.shape[0]), returns[:, [j for j in peers if j != k]]])
    rest = returns[:, k] - design @ np.linalg.lstsq(design, returns[:, k], rcond=None)[0]
    spread = 1.4826 * float(np.median(np.abs(rest)))
    best = (0.0, k, 0, 0.0)
    for shift in shifts:
        on = fridays + shift
        on = on[(on >= 0) & (on < rest.size)]
        if on.size < _FEWEST_QUARTERS or spread == 0.0:
            continue
        mean = float(rest[on].mean())
        score = mean / (spread / np.sqrt(on.size))
        limit = _SCORE_AFTER_ONE if shift_fixed else _SCORE_LIKELY if shift in _LIKELY else _SCORE
        if score < limit and _FALL[0] < mean < _FALL[1] and score < best[0]:
            best = (score, k, shift, mean)
    return best
