"""The present moment as the markets' clock shows it, and days off. Read when data come in, never by a cell."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np

from xl_smallcap.types import BoolArray, DayArray

NEW_YORK = "America/New_York"
_THURSDAY, _SATURDAY = 3, 5
"""1 January 1970 was a Thursday; Monday is 0."""


def new_york_now() -> np.datetime64:
    """Return the present moment in New York. ``datetime64[m]``, without a zone."""
    return np.datetime64(dt.datetime.now(ZoneInfo(NEW_YORK)).replace(tzinfo=None), "m")


def weekend(days: DayArray) -> BoolArray:
    """Tell which days are Saturdays and Sundays."""
    return np.asarray((days.astype("datetime64[D]").view(np.int64) + _THURSDAY) % 7 >= _SATURDAY)
