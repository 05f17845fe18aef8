"""Series as they came from a place: under the catalogue's names, on the days they are observed, one row a period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from xl_smallcap.data.catalogue import Catalogue
from xl_smallcap.data.clock import weekend
from xl_smallcap.data.doubts import Doubt
from xl_smallcap.data.names import Names
from xl_smallcap.data.series import SeriesData, frequency_of
from xl_smallcap.data.sources._loaded import Loaded
from xl_smallcap.errors import SourceError

_SHOWN = 5
_TWICE, _DAILY = 2, 10
_ALIKE = 0.01
"""Two columns of one series that differ by less are one series of two publishers."""


@dataclass
class Came:
    """Series as they came, under the catalogue's names, with their origin and what was seen on the way."""

    series: dict[str, SeriesData]
    origins: dict[str, str]
    unknown: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)


def named(found: Loaded, names: Names) -> Came:
    """Give series the catalogue's names; put ALFRED's columns together as vintages."""
    came = Came({}, {})
    vintages: dict[str, list[tuple[np.datetime64, SeriesData]]] = {}
    spelt: dict[str, str] = {}
    own = {n for n in found.series if names.series_of(n) == n}
    for word, data in found.series.items():
        dated = names.vintage_of(word)
        if dated is not None:
            vintages.setdefault(dated[0], []).append((dated[1], data))
            came.origins[dated[0]] = found.origins.get(word, "")
            continue
        known = names.series_of(word)
        name = word if known is None or (known in own and word != known and known.lower() != word.lower()) else known
        if name == word and known in own and word != known:
            came.doubts += _beside(word, data, str(known), found.series[str(known)])
        if name in came.series:
            if name.lower() in (word.lower(), spelt[name].lower()):
                raise SourceError("Two series differ in nothing but capital letters; keep one of each.")
            raise SourceError(f"'{spelt[name]}' and '{word}' are both {name}; keep one.")
        spelt[name] = word
        came.series[name] = data
        came.origins[name] = found.origins.get(word, "")
    for name, columns in vintages.items():
        if name in came.series:
            raise SourceError(f"{name} comes both with vintages and without; keep one.")
        came.series[name] = _from_vintages(columns)
    read_as = [f"{word} as {name}" for name, word in spelt.items() if word.lower() != name.lower()]
    if read_as:
        came.remarks.append(f"Read by the catalogue's names: {listed(read_as)}.")
    came.unknown = sorted(n for n in came.series if n not in names.catalogue.series and names.series_of(n) is None)
    for name in came.unknown:
        meant = names.meant(name, came.series)
        if meant is not None:
            came.doubts.append(Doubt(name, f"{name} is not in the catalogue; did you mean {meant}?"))
    return came


def _beside(word: str, data: SeriesData, name: str, other: SeriesData) -> list[Doubt]:
    """Two columns of one series: the one by the catalogue's name is it; where the other differs that is said."""
    _, first, second = np.intersect1d(data.dates, other.dates, return_indices=True)
    a, b = data.values[first], other.values[second]
    if not a.size or (np.abs(a - b) <= _ALIKE * np.maximum(np.abs(a), np.abs(b))).all():
        return []
    return [Doubt(name, f"'{word}' and '{name}' are both {name} and differ; '{name}' is taken. Keep one.", True)]


def _from_vintages(columns: Sequence[tuple[np.datetime64, SeriesData]]) -> SeriesData:
    """A column a day of publication -> a row wherever a value was new or changed."""
    days: list[np.datetime64] = []
    values: list[float] = []
    known: list[np.datetime64] = []
    last: dict[np.datetime64, float] = {}
    for when, data in sorted(columns, key=lambda c: c[0]):
        for day, value in zip(data.dates, data.values, strict=True):
            if last.get(day) != value:
                last[day] = float(value)
                days.append(day)
                values.append(float(value))
                known.append(when)
    return SeriesData.build(
        np.array(days, dtype="datetime64[D]"), np.array(values), np.array(known, dtype="datetime64[m]")
    )


def on_trading_days(came: Came, catalogue: Catalogue) -> None:
    """Leave out weekends that only repeat the day before: a fill, not an observation."""
    filled = []
    for name, data in came.series.items():
        known = catalogue.series.get(name)
        frequency = known.frequency if known is not None else frequency_of(data)
        if frequency != "daily" or data.has_vintages or data.dates.size < 2:
            continue
        repeats = weekend(data.dates)
        repeats[1:] &= data.values[1:] == data.values[:-1]
        repeats[0] = False
        if repeats.any():
            came.series[name] = SeriesData.build(data.dates[~repeats], data.values[~repeats])
            filled.append((name, int(repeats.sum())))
    if filled:
        rows = sum(n for _, n in filled)
        came.doubts.append(
            Doubt(
                filled[0][0],
                f"{rows} value(s) on Saturdays and Sundays repeat the day before and are left out "
                f"({listed([n for n, _ in filled])}); holidays filled in the same way look like days of no change.",
            )
        )


def one_a_month(came: Came, catalogue: Catalogue) -> None:
    """Of a month with several rows let the last one stand: a preliminary value before it, or a month filled daily."""
    for name, data in came.series.items():
        known = catalogue.series.get(name)
        if known is None or known.frequency != "monthly" or data.has_vintages:
            continue
        months = data.dates.astype("datetime64[M]")
        last = np.append(months[1:] != months[:-1], True)
        usual = float(np.median(np.unique(months, return_counts=True)[1]))
        if last.all() or _TWICE <= usual < _DAILY:  # short interest comes twice a month
            continue
        twice = np.unique(months[~last])
        came.series[name] = SeriesData.build(data.dates[last], data.values[last])
        which = f"{twice[0]}{' ...' if twice.size > 1 else ''}"
        came.doubts.append(
            Doubt(name, f"{name} has several rows of {twice.size} month(s) ({which}); the last one stands.")
        )


def listed(words: Sequence[str]) -> str:
    """Return the first words of a list, and how many more there are."""
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more
