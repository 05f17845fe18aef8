"""How old may data be beside the day asked about?

The day asked about is `as_of`, and where that is blank the snapshot's own day: data that ended long before it do not
answer as today's.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from xl_smallcap.data.panel import series_in
from xl_smallcap.errors import NoDataError
from xl_smallcap.session import Session

_ALLOWED_DAYS = {"daily": 0, "weekly": 21, "monthly": 110}
"""At least so many calendar days; a daily series has the days of grace. A month is dated by its first day and published
up to 40 days after its last."""


def newest_day(session: Session) -> np.datetime64 | None:
    """Return the day of the snapshot's last daily observation. None without a daily series."""
    days = [np.datetime64(e.last, "D") for e in session.snapshot.entries.values() if e.frequency == "daily"]
    return max(days) if days else None


def snapshot_day(session: Session) -> np.datetime64:
    """Return the snapshot's day: that of its last daily observation."""
    day = newest_day(session)
    if day is None:
        raise NoDataError("The snapshot has no daily series, so it is not clear which month is now; give an as_of.")
    return day


def allowed_days(session: Session, frequency: str) -> int:
    """Return how many calendar days the last observation of a series may lie before the day asked about."""
    return max(session.settings.grace_days, _ALLOWED_DAYS[frequency])


def coarsest(session: Session, series: Iterable[str]) -> str:
    """Return the frequency of those series that come least often."""
    ranks = list(_ALLOWED_DAYS)
    found = {series_in(session.catalogue, session.snapshot, s).frequency for s in series}
    return max(found, key=ranks.index, default="daily")


def too_old(session: Session, last: np.datetime64, as_of: np.datetime64 | None, days: int) -> bool:
    """Tell whether data end too long before the day asked about."""
    day = newest_day(session) if as_of is None else as_of
    return day is not None and bool(day > last + np.timedelta64(days, "D"))


def beside_the_snapshot(session: Session, what: str, last: np.datetime64, days: int) -> str:
    """Say that a blank as_of cannot be answered with data that old."""
    return (
        f"No data for now: {what} on {last}, and the snapshot's day is {newest_day(session)} (at most {days} days may "
        f"lie between). Give an as_of up to {last + np.timedelta64(days, 'D')}, or run 'xl-smallcap data refresh'."
    )
