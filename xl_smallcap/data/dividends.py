"""Total-return legs beside their peers: newer rows that nobody uses, and funds that do not hold their dividends.

An adjusted price does not fall on the day its fund goes ex dividend. Three signs of one that was not adjusted: its
ratio to the traded price stands still while the peers' moves; its values are whole cents from some day on; or it falls
beside its peers on their ex-days, quarter after quarter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from xl_smallcap.data.catalogue import Catalogue
from xl_smallcap.data.doubts import Doubt
from xl_smallcap.data.series import SeriesData
from xl_smallcap.types import DAY, MONTH, DayArray, FloatArray, IntArray

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
    found = _shadows(catalogue, series)
    legs = [n for n in adjusted(catalogue) if n in series and not series[n].has_vintages]
    signs = {**_by_ex_days({n: series[n] for n in legs}), **_by_cents(series, legs), **_by_ratio(catalogue, series)}
    return found + [Doubt(name, f"{name} {sign}") for name, sign in signs.items()]


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
    found = {}
    for name in legs:
        cents = series[name].values * 100.0
        whole = np.abs(cents - np.round(cents)) < 1e-6
        other = np.flatnonzero(~whole)
        if not other.size or whole.size - 1 - other[-1] < _CENTS_DAYS or whole[: other[-1] + 1].mean() > 0.5:
            continue
        day = series[name].dates[other[-1] + 1]
        found[name] = f"is in whole cents from {day} on, as traded prices are; it seems not to hold its dividends."
    return found


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
    found: dict[str, str] = {}
    shifts: Sequence[int] = _AROUND
    while len(peers := [k for k, n in enumerate(names) if n not in found]) >= _FEWEST_PEERS:
        best = min((_score(returns, k, peers, fridays, shifts, bool(found)) for k in peers), key=lambda b: b[0])
        if best[0] == 0.0:
            break
        _, k, shift, mean = best
        shifts = (shift,)
        found[names[k]] = (
            f"falls by {-mean:.1f} % beside the other funds on their ex-dividend days of the last quarters; it seems "
            "not to hold its dividends."
        )
    return found


def _score(
    returns: FloatArray, k: int, peers: Sequence[int], fridays: IntArray, shifts: Sequence[int], known: bool
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
        limit = _SCORE_AFTER_ONE if known else _SCORE_LIKELY if shift in _LIKELY else _SCORE
        if score < limit and _FALL[0] < mean < _FALL[1] and score < best[0]:
            best = (score, k, shift, mean)
    return best
