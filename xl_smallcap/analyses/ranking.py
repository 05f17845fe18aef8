"""How unusual is a value among those of the years before it?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.types import DayArray, FloatArray

FEWEST_SHARE = 0.5
"""Of the observations a window usually has that must be there for a percentile or a z-score."""
_STILL = 1e-9


@dataclass(frozen=True)
class Ranked:
    """Of each value among those of the years up to it; NaN where there are too few.

    `percentile` is the share of observations at or below in %, `z` the z-score (ddof=1), `nobs` how many there are.
    """

    percentile: FloatArray
    z: FloatArray
    nobs: FloatArray


def ranked(dates: DayArray, values: FloatArray, years: int, spacing: float, last_only: bool = False) -> Ranked:
    """Rank every value among those of the years up to it, itself included."""
    days = round(365.25 * years)
    least = FEWEST_SHARE * days / spacing if years else 365.25 / spacing
    starts = np.searchsorted(dates, dates - np.timedelta64(days, "D"), side="right") if years else np.zeros(dates.size)
    percentile, z = np.full(dates.size, np.nan), np.full(dates.size, np.nan)
    seen = np.isfinite(values)
    before = np.concatenate([[0], np.cumsum(seen)])
    first = starts.astype(np.int64)
    count = (before[1:] - before[first]).astype(np.float64)
    wanted = (count >= least) & seen
    if last_only:
        wanted[:-1] = False
    for i in np.flatnonzero(wanted):
        window = values[first[i] : i + 1]
        window = window[np.isfinite(window)]
        percentile[i] = 100.0 * np.mean(window <= values[i])
        spread = window.std(ddof=1)
        moved = spread > _STILL * np.abs(window).max()
        z[i] = (values[i] - window.mean()) / spread if moved else np.nan
    return Ranked(percentile, z, count)
