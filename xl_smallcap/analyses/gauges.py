"""How high is a series of the user's own (short interest, a P/E, a consensus), and how unusual is that?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.analyses.freshness import beside_the_snapshot, too_old
from xl_smallcap.analyses.provenance import stored_id
from xl_smallcap.analyses.ranking import ranked
from xl_smallcap.data.catalogue import Series
from xl_smallcap.data.panel import series_in
from xl_smallcap.data.releases import known_by
from xl_smallcap.errors import NoDataError
from xl_smallcap.session import Session

GAUGES = ("SHORT_INTEREST", "PE_ALL", "PE_POSITIVE", "EPS_GROWTH")
"""Series the catalogue describes for gauges; any other stored series can be one too."""
REVISION_DAYS = 91
"""A revision is the change since the last value at least so many days old."""
_NOT_OLDER = 2.0
"""That value may be older by so many usual gaps between observations."""
_STALE_GAPS = 4.0
YEARS = (3, 5, 0)


@dataclass(frozen=True)
class Gauge:
    """The latest value known by a day, and where it stands; NaN where there are too few observations.

    `change` is since the value before, `revision` since the last one at least 91 days old, both in the series' unit;
    `percentile`, `z` and `nobs` by the length of the window in years, 0 for all.
    """

    series: Series
    value: float
    change: float
    revision: float
    percentile: dict[int, float]
    z: dict[int, float]
    nobs: dict[int, float]
    first: np.datetime64
    last: np.datetime64
    published: np.datetime64
    assumed: bool


def gauge(session: Session, word: str, as_of: np.datetime64 | None) -> Gauge:
    """Read a series as a gauge."""
    wanted = word.strip().upper()
    if wanted in GAUGES and wanted not in session.snapshot:
        raise NoDataError(
            f"The snapshot {session.snapshot.name} has no series '{wanted}'. It is the user's own: save it as "
            f"{wanted}.csv (date,value) and load it with 'xl-smallcap data load FOLDER --add' (docs/gauges.md)."
        )
    name = stored_id(session, word)
    series = series_in(session.catalogue, session.snapshot, name)
    known = known_by(series, session.snapshot.series(name), as_of)
    entry = session.snapshot.entry(name)
    if not known.dates.size:
        raise NoDataError(f"Nothing of '{name}' was published by {as_of}; its first date is {entry.first}.")
    steps = np.diff(known.dates).astype(np.float64)
    spacing = float(np.median(steps)) if steps.size else 30.0
    days = 31 + int(_STALE_GAPS * spacing)
    out = known.published[-1].astype("datetime64[D]")
    if as_of is None and too_old(session, out, None, days):
        raise NoDataError(beside_the_snapshot(session, f"'{name}' was last published", out, days))
    if too_old(session, out, as_of, days):
        raise NoDataError(
            f"The last '{name}' known by {as_of} is of {known.dates[-1]}, too long ago for a series that comes every "
            f"{spacing:.0f} days; the snapshot has it from {entry.first} to {entry.last}."
        )
    ranks = {y: ranked(known.dates, known.values, y, max(spacing, 365.25 / 252.0), last_only=True) for y in YEARS}
    before = int(np.searchsorted(known.dates, known.dates[-1] - np.timedelta64(REVISION_DAYS, "D"), side="right")) - 1
    since = (known.dates[-1] - known.dates[before]).astype(int) if before >= 0 else 10**6
    revision = np.nan
    if since <= REVISION_DAYS + _NOT_OLDER * spacing:
        revision = known.values[-1] - known.values[before]
    return Gauge(
        series=series,
        value=float(known.values[-1]),
        change=float(known.values[-1] - known.values[-2]) if known.values.size > 1 else np.nan,
        revision=float(revision),
        percentile={y: float(r.percentile[-1]) for y, r in ranks.items()},
        z={y: float(r.z[-1]) for y, r in ranks.items()},
        nobs={y: float(r.nobs[-1]) for y, r in ranks.items()},
        first=known.dates[0],
        last=known.dates[-1],
        published=known.published[-1].astype("datetime64[D]"),
        assumed=bool(known.lag_assumed[-1]),
    )
