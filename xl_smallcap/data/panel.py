"""Catalogue + snapshot + as_of -> one frozen panel of aligned changes.

Levels are intersected on the dates where every series of the specification was observed, then differenced, so target
and factors span the same interval; a level is never carried forward into a zero change. (Differencing first and
dropping incomplete days afterwards keeps 6.8 of the Russell's 10.7 log % of 2025.)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast

import numpy as np

from xl_smallcap.data.catalogue import Catalogue, Series
from xl_smallcap.data.releases import Known, known_by
from xl_smallcap.data.snapshot import Snapshot
from xl_smallcap.errors import NoDataError
from xl_smallcap.types import DAY, DayArray, FloatArray, Frequency, IntArray, SeriesFrequency

LONGEST_STEP_DAYS = {"daily": 10, "weekly": 17, "monthly": 41}
"""Calendar days a single change may span; a change over a longer gap is no daily (weekly, monthly) change."""
REFUSED_GAP_DAYS = {"daily": 31, "weekly": 31, "monthly": 62}
"""A window that reaches across a longer gap is refused; across a shorter one it only lacks that change."""
_LEG_SCALE = 100.0
_SPLICE_GRID = 2.0**30
"""Spliced levels in bp are rounded to a 2**-30th: sums of such numbers are exact, so the offset of a splice cancels
from a change to the bit and later data cannot move an earlier one."""


@dataclass(frozen=True)
class Leg:
    """One signed, weighted series of a column."""

    series: str
    weight: float


@dataclass(frozen=True)
class Column:
    """A column of the panel: a named sum of legs, all prices (quote pct), yields (bp) or levels (pt)."""

    name: str
    quote: str
    legs: tuple[Leg, ...]

    @classmethod
    @lru_cache(maxsize=4096)
    def of(cls, name: str, quote: str, legs: tuple[tuple[str, float], ...]) -> Column:
        """Build a column from the catalogue's pairs."""
        return cls(name, quote, tuple(Leg(s, w) for s, w in legs))


@dataclass(frozen=True)
class Panel:
    """Aligned changes, oldest first."""

    names: tuple[str, ...]  # of the columns
    quotes: tuple[str, ...]  # quote pct means 100*log change in %, bp basis points, pt points of a level
    dates: DayArray  # last and first day each change spans
    starts: DayArray
    changes: FloatArray  # the changes
    level_dates: DayArray  # days on which every series was observed
    levels: FloatArray  # sums of 100*log prices (pct), of yields in bp or of levels (pt)
    gaps: IntArray  # positions in `changes` before which a change across a long gap was left out
    # series asked for -> series used; "BAMLH0A0HYM2 before 2023-11-20" -> BAA10Y where one stands in for first years
    used: dict[str, str]
    notes: tuple[str, ...]  # fallbacks, dropped levels and gaps, as sentences
    # hash of everything a fit depends on: quotes, dates, changes and gaps. Fits are cached under it, so neither a
    # vintage nor another snapshot can be answered with somebody else's fit.
    digest: str


def series_in(catalogue: Catalogue, snapshot: Snapshot, series_id: str) -> Series:
    """Return what is known of a stored series; one outside the catalogue has the frequency seen in its dates."""
    if series_id in catalogue.series:
        return catalogue.series[series_id]
    seen = snapshot.entries[series_id].frequency if series_id in snapshot.entries else "daily"
    return Series(id=series_id, label=series_id, frequency=cast(SeriesFrequency, seen))


def _resolve(catalogue: Catalogue, snapshot: Snapshot, series_id: str, notes: list[str]) -> Series:
    """Return the series, or the first of its fallbacks where the snapshot has not got it.

    The choice looks at nothing but the snapshot's list of series: one that depended on dates would let later data
    change an earlier answer.
    """
    wanted = catalogue.series_of(series_id)
    chosen = next((s for s in (wanted.id, *wanted.fallback) if s in snapshot), None)
    if chosen is None:
        also = f" nor its fallback {', '.join(wanted.fallback)}" if wanted.fallback else ""
        raise NoDataError(
            f"The snapshot {snapshot.name} has no series '{series_id}' ({wanted.label}){also}. Fetch it "
            "with 'xl-smallcap data refresh' or load it with 'xl-smallcap data load FOLDER --add'."
        )
    if chosen != series_id:
        notes.append(f"{series_id} is not in the snapshot: {chosen} used instead.")
    return series_in(catalogue, snapshot, chosen)


def _on_grid(values: FloatArray) -> FloatArray:
    return np.asarray(np.round(_LEG_SCALE * values * _SPLICE_GRID) / _SPLICE_GRID)


def _splice(
    catalogue: Catalogue, snapshot: Snapshot, series: Series, as_of: np.datetime64 | None, seen: Known
) -> tuple[DayArray, FloatArray, np.datetime64 | None, str]:
    """Levels of a rate in bp, before its first day those of its fallback moved to meet it; that day and the fallback.

    Which day comes first depends on the snapshot, not on the `as_of`: at a date at which the series itself is not known
    yet, the fallback stands alone, and its changes are the same to the bit.
    """
    dates, values = seen.dates, _on_grid(seen.values)
    stand_in = next((s for s in series.fallback if s in snapshot.entries), None)
    if stand_in is None:
        return dates, values, None, ""
    first = np.datetime64(snapshot.entries[series.id].first, "D")
    other = known_by(series_in(catalogue, snapshot, stand_in), snapshot.series(stand_in), as_of)
    before = _on_grid(other.values)
    if not (other.dates < first).any():
        return dates, values, None, ""
    both, own_at, other_at = np.intersect1d(dates, other.dates, assume_unique=True, return_indices=True)
    if not both.size:
        return other.dates, before, first, stand_in
    early, later = other.dates < both[0], dates >= both[0]
    before = before[early] + (values[own_at[0]] - before[other_at[0]])
    joined = np.concatenate([other.dates[early], dates[later]]), np.concatenate([before, values[later]])
    return *joined, both[0], stand_in


def _scaled(series: Series, quote: str, seen: Known, notes: list[str]) -> tuple[DayArray, FloatArray]:
    """Levels of a series whose differences are changes in its unit: 100*log of a price, bp of a yield, points."""
    if quote == "pt":
        return seen.dates, seen.values
    if quote == "bp":
        return seen.dates, _LEG_SCALE * seen.values
    dates, values = seen.dates, seen.values
    bad = values <= 0
    if bad.any():
        days = ", ".join(str(d) for d in dates[bad][:3])
        notes.append(
            f"{series.id}: {int(bad.sum())} level(s) at or below zero have no logarithm and count as not observed "
            f"({days})."
        )
        dates, values = dates[~bad], values[~bad]
    return dates, _LEG_SCALE * np.log(values)


def _levels(
    catalogue: Catalogue, snapshot: Snapshot, columns: tuple[Column, ...], as_of: np.datetime64 | None
) -> tuple[DayArray, FloatArray, dict[str, str], list[str]]:
    notes: list[str] = []
    used: dict[str, str] = {}
    histories: dict[tuple[str, str], tuple[DayArray, FloatArray]] = {}
    for column in columns:
        for leg in column.legs:
            key = (leg.series, column.quote)
            if key in histories:
                continue
            series = _resolve(catalogue, snapshot, leg.series, notes)
            used[leg.series] = series.id
            seen = known_by(series, snapshot.series(series.id), as_of)
            if column.quote == "bp" and series.splice:
                dates, values, day, stand_in = _splice(catalogue, snapshot, series, as_of, seen)
                histories[key] = (dates, values)
                if day is not None:
                    used[f"{leg.series} before {day}"] = stand_in
                    notes.append(f"{series.id} does not reach back: {stand_in} before {day}, moved to meet it.")
            else:
                histories[key] = _scaled(series, column.quote, seen, notes)
    if any(d.size == 0 for d, _ in histories.values()):
        empty = sorted(s for (s, _), (d, _) in histories.items() if d.size == 0)
        return (np.empty(0, "datetime64[D]"), np.empty((0, len(columns))), used, [f"no data: {', '.join(empty)}"])
    low = min(d[0] for d, _ in histories.values())
    span = int((max(d[-1] for d, _ in histories.values()) - low).astype(np.int64)) + 1
    count = np.zeros(span, dtype=np.int64)
    position = {s: (d - low).astype(np.int64) for s, (d, _) in histories.items()}
    for index in position.values():
        count[index] += 1
    common = np.flatnonzero(count == len(histories))
    levels = np.zeros((common.size, len(columns)))
    for k, column in enumerate(columns):
        for leg in column.legs:
            grid = np.empty(span)
            grid[position[leg.series, column.quote]] = histories[leg.series, column.quote][1]
            levels[:, k] += leg.weight * grid[common]
    return low + common.astype("timedelta64[D]"), levels, used, notes


def period_ends(dates: DayArray, frequency: Frequency) -> IntArray:
    """Return the positions of the last observation of each complete week (to Friday) or month.

    A period is complete when the next weekday after its last observation lies in the next period, or later data do.
    """
    if frequency == "daily" or dates.size == 0:
        return np.arange(dates.size)
    next_weekday = np.busday_offset(dates + DAY, 0, roll="forward")
    if frequency == "weekly":
        # 1970-01-01 was a Thursday: + 3 makes weeks begin on Monday.
        this = (dates.view(np.int64) + 3) // 7
        following = (next_weekday.view(np.int64) + 3) // 7
    else:
        this = dates.astype("datetime64[M]").view(np.int64)
        following = next_weekday.astype("datetime64[M]").view(np.int64)
    later = np.append(this[1:], following[-1])
    return np.flatnonzero(later != this)


def _digest(panel: Panel) -> str:
    sha = hashlib.sha256("|".join(panel.quotes).encode())
    for array in (panel.dates.view(np.int64), panel.starts.view(np.int64), panel.changes, panel.gaps):
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def build_panel(
    catalogue: Catalogue,
    snapshot: Snapshot,
    columns: tuple[Column, ...],
    as_of: np.datetime64 | None,
    frequency: Frequency = "daily",
) -> Panel:
    """Intersect levels known by a day, sample them and difference."""
    level_dates, levels, used, notes = _levels(catalogue, snapshot, columns, as_of)
    rows = period_ends(level_dates, frequency)
    dates, sampled = level_dates[rows], levels[rows]
    changes = np.diff(sampled, axis=0) if dates.size else np.empty((0, len(columns)))
    ends, starts = dates[1:], dates[:-1]
    steps = (ends - starts).astype(np.int64)
    too_long = steps > LONGEST_STEP_DAYS[frequency]
    if too_long.any():
        where = ", ".join(f"{a} to {b}" for a, b in zip(starts[too_long][-2:], ends[too_long][-2:], strict=True))
        notes.append(f"{int(too_long.sum())} change(s) across a gap left out (latest: {where}).")
    keep = ~too_long
    panel = Panel(
        names=tuple(c.name for c in columns),
        quotes=tuple(c.quote for c in columns),
        dates=ends[keep],
        starts=starts[keep],
        changes=np.ascontiguousarray(changes[keep]),
        level_dates=level_dates,
        levels=levels,
        gaps=_distinct(np.cumsum(keep, dtype=np.int64)[steps > REFUSED_GAP_DAYS[frequency]]),
        used=used,
        notes=tuple(notes),
        digest="",
    )
    panel = replace(panel, digest=_digest(panel))
    for array in (panel.dates, panel.starts, panel.changes, panel.level_dates, panel.levels, panel.gaps):
        array.flags.writeable = False
    return panel


def _distinct(ascending: IntArray) -> IntArray:
    """Each value once; np.unique would import numpy.ma, a tenth of a cold cell."""
    return ascending[np.flatnonzero(np.diff(ascending, prepend=-1))] if ascending.size else ascending
