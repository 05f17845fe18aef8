"""Who is long and short the futures, in contracts and of the open interest, and how unusual is that?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from xl_smallcap.data.panel import series_in
from xl_smallcap.data.releases import known_by
from xl_smallcap.errors import NoDataError
from xl_smallcap.session import Session
from xl_smallcap.types import BoolArray, DayArray, FloatArray

Category = Literal["leveraged", "asset_manager", "dealer", "other"]
FIELDS: dict[Category, str] = {"leveraged": "LEV", "asset_manager": "AM", "dealer": "DEALER", "other": "OTHER"}
YEARS = (3, 5)
LONGEST_SILENCE_DAYS = 75
"""An as_of may lie so far past the last report that was out: in autumn 2025 none came for 54 days."""
_WEEK = (5, 9)
_FEWEST_SHARE = 0.5
"""Of the weeks of a window that must have a report for a percentile or a z-score."""


@dataclass(frozen=True)
class Positions:
    """Every report known by a day, oldest first.

    `net` longs minus shorts in contracts, `net_pct` of the open interest in %, `change` of net since the week before,
    NaN after a gap; `published` when each report came out, `assumed` where that is only the usual timetable.
    Percentiles and z-scores are of `net_pct` in the years up to a report; NaN where under half of the weeks have one.
    """

    dates: DayArray
    published: DayArray
    assumed: BoolArray
    net: FloatArray
    net_pct: FloatArray
    change: FloatArray
    percentile: dict[int, FloatArray]
    z: dict[int, FloatArray]
    reports: dict[int, FloatArray]


def positions(session: Session, category: Category, as_of: np.datetime64 | None, contract: str = "RUT") -> Positions:
    """Compute positions of one category of traders.

    Parameters
    ----------
    session : Session
        Data.
    category : {"leveraged", "asset_manager", "dealer", "other"}
        Of the CFTC's report on financial futures.
    as_of : numpy.datetime64 or None
        Only reports published by then.
    contract : str
        "RUT" or "SPX".

    Returns
    -------
    Positions

    Raises
    ------
    NoDataError
        No report in the snapshot, or none recent enough by then.
    """
    ids = [f"TFF_{contract}_{f}" for f in ("OI", f"{FIELDS[category]}_LONG", f"{FIELDS[category]}_SHORT")]
    missing = next((i for i in ids if i not in session.snapshot.entries), None)
    if missing is not None:
        raise NoDataError(
            f"The snapshot {session.snapshot.name} has no CFTC positions ('{missing}'). Run 'xl-smallcap data refresh "
            "--source cftc', or load a folder with the CFTC's file."
        )
    known = []
    for name in ids:
        data = session.snapshot.series(name)
        known.append(known_by(series_in(session.catalogue, session.snapshot, name), data, as_of))
    dates = known[0].dates
    for k in known[1:]:
        dates = np.intersect1d(dates, k.dates, assume_unique=True)
    first, last = session.snapshot.entries[ids[0]].first, session.snapshot.entries[ids[0]].last
    silent = dates.size and as_of is not None and as_of > dates[-1] + np.timedelta64(LONGEST_SILENCE_DAYS, "D")
    if not dates.size or silent:
        raise NoDataError(f"No CFTC report for as_of {as_of}: the snapshot has those of {first} to {last}.")
    interest, longs, shorts = (k.values[np.searchsorted(k.dates, dates)] for k in known)
    published = np.maximum.reduce([k.published[np.searchsorted(k.dates, dates)] for k in known])
    net = longs - shorts
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(interest > 0, 100.0 * net / interest, np.nan)
    steps = np.diff(dates).astype(np.int64)
    change = np.full(net.size, np.nan)
    change[1:] = np.where((steps >= _WEEK[0]) & (steps <= _WEEK[1]), np.diff(net), np.nan)
    ranked = {y: _ranked(dates, share, y) for y in YEARS}
    return Positions(
        dates=dates,
        published=published.astype("datetime64[D]"),
        assumed=known[0].lag_assumed[np.searchsorted(known[0].dates, dates)],
        net=net,
        net_pct=share,
        change=change,
        percentile={y: r[0] for y, r in ranked.items()},
        z={y: r[1] for y, r in ranked.items()},
        reports={y: r[2] for y, r in ranked.items()},
    )


def _ranked(dates: DayArray, share: FloatArray, years: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Percentile (share of reports at or below, %), z-score and number of reports, of the years up to each."""
    days = round(365.25 * years)
    starts = np.searchsorted(dates, dates - np.timedelta64(days, "D"), side="right")
    percentile, z = np.full(dates.size, np.nan), np.full(dates.size, np.nan)
    count: FloatArray = (np.arange(dates.size) - starts + 1).astype(np.float64)
    for i in np.flatnonzero(count >= _FEWEST_SHARE * days / 7.0):
        window = share[starts[i] : i + 1]
        percentile[i] = 100.0 * np.mean(window <= share[i])
        spread = window.std(ddof=1)
        z[i] = (share[i] - window.mean()) / spread if spread > 0 else np.nan
    return percentile, z, count
