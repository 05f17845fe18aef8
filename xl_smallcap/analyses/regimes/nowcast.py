"""Growth in the months for which its index is not out yet, from claims, payrolls, production and unemployment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from xl_smallcap.data.panel import series_in
from xl_smallcap.data.releases import known_by
from xl_smallcap.models.regimes import winsorised
from xl_smallcap.session import Session
from xl_smallcap.types import DayArray, FloatArray

FEWEST = 60
"""Months an indicator needs beside the index."""


def _logs(x: FloatArray) -> FloatArray:
    return np.asarray(np.log(x))


def _log_changes(x: FloatArray) -> FloatArray:
    return np.concatenate([[np.nan], 100.0 * np.diff(np.log(x))])


def _changes(x: FloatArray) -> FloatArray:
    return np.concatenate([[np.nan], np.diff(x)])


INDICATORS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "ICSA": _logs, "PAYEMS": _log_changes, "INDPRO": _log_changes, "UNRATE": _changes,
}  # fmt: skip
"""What each is in a month: claims by their level, the others by their change."""


def three_months(growth: FloatArray) -> FloatArray:
    """Return the mean of each month and the two before, of those that are there, at least two.

    NaN also where the month itself is missing.
    """
    padded = np.concatenate([[np.nan, np.nan], growth])
    window = np.lib.stride_tricks.sliding_window_view(padded, 3)
    count = np.isfinite(window).sum(axis=1)
    total = np.nansum(window, axis=1)
    good = (count >= 2) & np.isfinite(growth)
    return np.where(good, total / np.maximum(count, 1), np.nan)


def nowcast(
    session: Session, day: np.datetime64 | None, months: DayArray, growth: FloatArray
) -> tuple[FloatArray, float]:
    """Estimate the three-month mean of growth in the months after its last.

    Parameters
    ----------
    session : Session
        With the indicators that are loaded; one that is not is left out.
    day : datetime64 or None
        By the end of which everything must have been known.
    months, growth : ndarray of shape (n_months,)
        The grid, and the index on it.

    Returns
    -------
    estimates : ndarray of shape (n_months,)
        NaN in months that have the index, and where no indicator is out.
    variance : float
        Mean squared error of such an estimate within the months that have both; NaN without an indicator.

    Notes
    -----
    The mean of one least squares regression an indicator (a combination of forecasts, Bates and Granger 1969).
    """
    target = three_months(winsorised(growth))
    fitted = []
    for name, made in INDICATORS.items():
        indicator = _indicator(session, day, name, months, made)
        both = np.isfinite(indicator) & np.isfinite(target)
        if both.sum() >= FEWEST and np.ptp(indicator[both]) > 0.0:
            slope, level = np.polyfit(indicator[both], target[both], 1)
            fitted.append(level + slope * indicator)
    out = np.full(months.size, np.nan)
    if not fitted:
        return out, float("nan")
    every = np.array(fitted)
    count = np.isfinite(every).sum(axis=0)
    mean = np.where(count > 0, np.nansum(every, axis=0) / np.maximum(count, 1), np.nan)
    late = np.arange(months.size) > np.flatnonzero(np.isfinite(growth))[-1]
    out[late] = mean[late]
    return out, float(np.nanmean((mean - target) ** 2))


def _indicator(
    session: Session, day: np.datetime64 | None, name: str, months: DayArray, made: Callable[[FloatArray], FloatArray]
) -> FloatArray:
    """One indicator's three-month means on the grid, pulled in like growth; all NaN where it is not loaded."""
    out = np.full(months.size, np.nan)
    if name not in session.snapshot.entries:
        return out
    visible = known_by(series_in(session.catalogue, session.snapshot, name), session.snapshot.series(name), day)
    place = (visible.dates.astype("datetime64[M]") - months[0]).astype(np.int64)
    inside = (place >= 0) & (place < months.size) & np.isfinite(visible.values)
    count = np.bincount(place[inside], minlength=months.size)
    total = np.bincount(place[inside], weights=visible.values[inside], minlength=months.size)
    out = made(np.where(count > 0, total / np.maximum(count, 1), np.nan))
    return three_months(winsorised(out)) if np.isfinite(out).any() else out
