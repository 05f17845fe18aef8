"""The present moment as the markets' clock shows it. Read when data come in, never by a cell."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np

NEW_YORK = "America/New_York"


def new_york_now() -> np.datetime64:
    """Return the present moment in New York.

    Returns
    -------
    numpy.datetime64
        ``datetime64[m]``, without a zone.
    """
    return np.datetime64(dt.datetime.now(ZoneInfo(NEW_YORK)).replace(tzinfo=None), "m")
