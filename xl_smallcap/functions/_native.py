"""From numpy to what a cell can hold."""

from __future__ import annotations

import datetime as dt

import numpy as np


def number(value: float) -> float | None:
    """Return a float, or None (#N/A) where it is not finite.

    Parameters
    ----------
    value : float
        Any number.

    Returns
    -------
    float or None
    """
    return float(value) if np.isfinite(value) else None


def date(value: np.datetime64) -> dt.date:
    """Return a calendar day as a cell takes it.

    Parameters
    ----------
    value : numpy.datetime64
        A day.

    Returns
    -------
    datetime.date
    """
    found = value.astype("datetime64[D]").item()
    assert isinstance(found, dt.date)
    return found
