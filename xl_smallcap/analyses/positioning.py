"""Who holds what, a series of one's own, and how unusual either is among the years before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from xl_smallcap.analyses.provenance import stored_id
from xl_smallcap.analyses.question import beside_the_snapshot, too_old
from xl_smallcap.data.catalogue import Series
from xl_smallcap.data.panel import series_in
from xl_smallcap.data.releases import known_by
from xl_smallcap.data.sources.cftc import CONTRACTS, PRESENT
from xl_smallcap.errors import NoDataError
from xl_smallcap.session import Session
from xl_smallcap.types import BoolArray, DayArray, FloatArray

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


# -- How high is a series of the user's own (short interest, a P/E, a consensus), and how unusual is that?


GAUGES = ("SHORT_INTEREST", "PE_ALL", "PE_POSITIVE", "EPS_GROWTH")
"""Series the catalogue describes for gauges; any other stored series can be one too."""
REVISION_DAYS = 91
"""A revision is the change since the last value at least so many days old."""
_NOT_OLDER = 2.0
"""That value may be older by so many usual gaps between observations."""
_STALE_GAPS = 4.0
GAUGE_YEARS = (3, 5, 0)


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
    visible = known_by(series, session.snapshot.series(name), as_of)
    entry = session.snapshot.entry(name)
    if not visible.dates.size:
        raise NoDataError(f"Nothing of '{name}' was published by {as_of}; its first date is {entry.first}.")
    steps = np.diff(visible.dates).astype(np.float64)
    spacing = float(np.median(steps)) if steps.size else 30.0
    days = 31 + int(_STALE_GAPS * spacing)
    out = visible.published[-1].astype("datetime64[D]")
    if as_of is None and too_old(session, out, None, days):
        raise NoDataError(beside_the_snapshot(session, f"'{name}' was last published", out, days))
    if too_old(session, out, as_of, days):
        raise NoDataError(
            f"The last '{name}' known by {as_of} is of {visible.dates[-1]}, too long ago for a series that comes every "
            f"{spacing:.0f} days; the snapshot has it from {entry.first} to {entry.last}."
        )
    ranks = {
        y: ranked(visible.dates, visible.values, y, max(spacing, 365.25 / 252.0), last_only=True) for y in GAUGE_YEARS
    }
    before = (
        int(np.searchsorted(visible.dates, visible.dates[-1] - np.timedelta64(REVISION_DAYS, "D"), side="right")) - 1
    )
    since = (visible.dates[-1] - visible.dates[before]).astype(int) if before >= 0 else 10**6
    revision = np.nan
    if since <= REVISION_DAYS + _NOT_OLDER * spacing:
        revision = visible.values[-1] - visible.values[before]
    return Gauge(
        series=series,
        value=float(visible.values[-1]),
        change=float(visible.values[-1] - visible.values[-2]) if visible.values.size > 1 else np.nan,
        revision=float(revision),
        percentile={y: float(r.percentile[-1]) for y, r in ranks.items()},
        z={y: float(r.z[-1]) for y, r in ranks.items()},
        nobs={y: float(r.nobs[-1]) for y, r in ranks.items()},
        first=visible.dates[0],
        last=visible.dates[-1],
        published=visible.published[-1].astype("datetime64[D]"),
        assumed=bool(visible.lag_assumed[-1]),
    )


# -- Who is long and short the futures, in contracts and of the open interest, and how unusual is that?


Category = Literal["leveraged", "asset_manager", "dealer", "other"]
Denominator = Literal["oi", "oi4w"]
FIELDS: dict[Category, str] = {"leveraged": "LEV", "asset_manager": "AM", "dealer": "DEALER", "other": "OTHER"}
YEARS = (3, 5)
LONGEST_SILENCE_DAYS = 75
"""An as_of may lie so far past the last report that was out: in autumn 2025 none came for 54 days."""
_WEEK = (5, 9)
_WEEKS_OF_MEAN = 4


@dataclass(frozen=True)
class Positions:
    """Every report known by a day, oldest first.

    `net` longs minus shorts in contracts, `net_pct` in % of the open interest (of the report, or its mean over four
    weeks), `change` of net since the week before; both means and changes are NaN after a gap. `published` when each
    report came out, `assumed` where that is only the usual timetable, `contract` what was traded where. Percentiles and
    z-scores are of `net_pct` in the years up to a report; NaN where under half of the weeks have one.
    """

    dates: DayArray
    published: DayArray
    assumed: BoolArray
    net: FloatArray
    net_pct: FloatArray
    change: FloatArray
    contract: tuple[str, ...]
    last_only: bool = False

    @cached_property
    def _ranks(self) -> dict[int, Ranked]:
        """By years; only when asked for, since a cell that shows net positions has no use for them."""
        return {y: ranked(self.dates, self.net_pct, y, 7.0, self.last_only) for y in YEARS}

    @property
    def percentile(self) -> dict[int, FloatArray]:
        """Percentiles by years."""
        return {y: r.percentile for y, r in self._ranks.items()}

    @property
    def z(self) -> dict[int, FloatArray]:
        """Z-scores by years."""
        return {y: r.z for y, r in self._ranks.items()}

    def silence(self, years: int) -> str:
        """Say which weeks of the last window have no report: a percentile over them is of the others.

        Empty where none is missing.
        """
        inside = self.dates[self.dates > self.dates[-1] - np.timedelta64(round(365.25 * years), "D")]
        steps = np.diff(inside).astype(np.int64)
        missing = int(np.maximum(np.round(steps / 7.0) - 1.0, 0.0).sum())
        if not missing:
            return ""
        worst = int(steps.argmax())
        weeks = "1 week has" if missing == 1 else f"{missing} weeks have"
        return (
            f"{weeks} no report in the last {years} years, the longest silence from {inside[worst]} to "
            f"{inside[worst + 1]}."
        )

    @property
    def reports(self) -> dict[int, FloatArray]:
        """Reports in the window by years."""
        return {y: r.nobs for y, r in self._ranks.items()}


def positions(
    session: Session,
    category: Category,
    as_of: np.datetime64 | None,
    contract: str = "RUT",
    denominator: Denominator = "oi",
    last_only: bool = False,
) -> Positions:
    """Compute positions of one category of traders."""
    return session.once(
        ("positions", category, as_of, contract, denominator, last_only),
        lambda: _positions(session, category, as_of, contract, denominator, last_only),
    )


def _positions(
    session: Session, category: Category, as_of: np.datetime64 | None, contract: str, denominator: Denominator,
    last_only: bool,
) -> Positions:  # fmt: skip
    ids = [f"TFF_{contract}_{f}" for f in ("OI", f"{FIELDS[category]}_LONG", f"{FIELDS[category]}_SHORT")]
    missing = next((i for i in ids if i not in session.snapshot.entries), None)
    if missing is not None:
        raise NoDataError(
            f"The snapshot {session.snapshot.name} has no CFTC positions ('{missing}'). Run 'xl-smallcap data refresh "
            "--source cftc', or load a folder with the CFTC's file."
        )
    present = f"TFF_{contract}_{PRESENT}"
    if present in session.snapshot.entries:
        ids.append(present)
    visible = []
    for name in ids:
        data = session.snapshot.series(name)
        visible.append(known_by(series_in(session.catalogue, session.snapshot, name), data, as_of))
    dates = visible[0].dates
    for k in visible[1:3]:
        dates = np.intersect1d(dates, k.dates, assume_unique=True)
    first, last = session.snapshot.entries[ids[0]].first, session.snapshot.entries[ids[0]].last
    silent = dates.size and too_old(session, dates[-1], as_of, LONGEST_SILENCE_DAYS)
    if silent and as_of is None:
        raise NoDataError(beside_the_snapshot(session, "the CFTC's reports end", dates[-1], LONGEST_SILENCE_DAYS))
    if not dates.size or silent:
        raise NoDataError(f"No CFTC report for as_of {as_of}: the snapshot has those of {first} to {last}.")
    interest, longs, shorts = (k.values[np.searchsorted(k.dates, dates)] for k in visible[:3])
    published = np.maximum.reduce([k.published[np.searchsorted(k.dates, dates)] for k in visible[:3]])
    net = longs - shorts
    steps = np.diff(dates).astype(np.int64)
    weekly = (steps >= _WEEK[0]) & (steps <= _WEEK[1])
    base = interest if denominator == "oi" else _four_week_mean(interest, weekly)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(base > 0, 100.0 * net / base, np.nan)
    change = np.full(net.size, np.nan)
    change[1:] = np.where(weekly, np.diff(net), np.nan)
    contracts = ("not known",) * dates.size
    if len(visible) > 3:
        own = dict(zip(visible[3].dates.tolist(), visible[3].values.tolist(), strict=True))
        contracts = tuple(
            _contract(contract, own[day], float(oi)) if day in own else "not known"
            for day, oi in zip(dates.tolist(), interest, strict=True)
        )
    elif len(CONTRACTS[contract]) == 1:
        contracts = (_NAMES[CONTRACTS[contract][0]],) * dates.size
    return Positions(
        dates=dates,
        published=published.astype("datetime64[D]"),
        assumed=visible[0].lag_assumed[np.searchsorted(visible[0].dates, dates)],
        net=net,
        net_pct=share,
        change=change,
        contract=contracts,
        last_only=last_only,
    )


def _four_week_mean(interest: FloatArray, weekly: BoolArray) -> FloatArray:
    """Mean of a report's open interest and those of the three weeks before; NaN where one of them is missing."""
    mean = np.full(interest.size, np.nan)
    for i in range(_WEEKS_OF_MEAN - 1, interest.size):
        if weekly[i - _WEEKS_OF_MEAN + 1 : i].all():
            mean[i] = interest[i - _WEEKS_OF_MEAN + 1 : i + 1].mean()
    return mean


_NAMES = {"239742": "CME 239742", "23977A": "ICE 23977A", "13874A": "CME 13874A"}


def _contract(symbol: str, present: float, interest: float) -> str:
    new, old = (_NAMES[c] for c in CONTRACTS[symbol])
    share = 100.0 * present / interest if interest > 0 else 0.0
    if share <= 0.0:
        return old
    return new if share >= 100.0 else f"{new} ({share:.0f} % of open interest) and {old}, added"
