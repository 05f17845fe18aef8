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


def moment(text: str) -> dt.date | None:
    """Return a day or a moment noted as ISO text as a cell takes it.

    Parameters
    ----------
    text : str
        ``2026-11-25`` or ``2026-11-25T09:31``; anything else is none.

    Returns
    -------
    datetime.date, datetime.datetime or None
    """
    try:
        return dt.date.fromisoformat(text) if len(text) == 10 else dt.datetime.fromisoformat(text)
    except ValueError:
        return None
