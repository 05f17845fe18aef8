"""Who is long and short the futures, in contracts and of the open interest, and how unusual is that?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from xl_smallcap.analyses.freshness import beside_the_snapshot, too_old
from xl_smallcap.analyses.ranking import Ranked, ranked
from xl_smallcap.data.panel import series_in
from xl_smallcap.data.releases import known_by
from xl_smallcap.data.sources.cftc import CONTRACTS, PRESENT
from xl_smallcap.errors import NoDataError
from xl_smallcap.session import Session
from xl_smallcap.types import BoolArray, DayArray, FloatArray

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
    known = []
    for name in ids:
        data = session.snapshot.series(name)
        known.append(known_by(series_in(session.catalogue, session.snapshot, name), data, as_of))
    dates = known[0].dates
    for k in known[1:3]:
        dates = np.intersect1d(dates, k.dates, assume_unique=True)
    first, last = session.snapshot.entries[ids[0]].first, session.snapshot.entries[ids[0]].last
    silent = dates.size and too_old(session, dates[-1], as_of, LONGEST_SILENCE_DAYS)
    if silent and as_of is None:
        raise NoDataError(beside_the_snapshot(session, "the CFTC's reports end", dates[-1], LONGEST_SILENCE_DAYS))
    if not dates.size or silent:
        raise NoDataError(f"No CFTC report for as_of {as_of}: the snapshot has those of {first} to {last}.")
    interest, longs, shorts = (k.values[np.searchsorted(k.dates, dates)] for k in known[:3])
    published = np.maximum.reduce([k.published[np.searchsorted(k.dates, dates)] for k in known[:3]])
    net = longs - shorts
    steps = np.diff(dates).astype(np.int64)
    weekly = (steps >= _WEEK[0]) & (steps <= _WEEK[1])
    base = interest if denominator == "oi" else _four_week_mean(interest, weekly)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(base > 0, 100.0 * net / base, np.nan)
    change = np.full(net.size, np.nan)
    change[1:] = np.where(weekly, np.diff(net), np.nan)
    told = ("not known",) * dates.size
    if len(known) > 3:
        own = dict(zip(known[3].dates.tolist(), known[3].values.tolist(), strict=True))
        told = tuple(
            _contract(contract, own[day], float(oi)) if day in own else "not known"
            for day, oi in zip(dates.tolist(), interest, strict=True)
        )
    elif len(CONTRACTS[contract]) == 1:
        told = (_NAMES[CONTRACTS[contract][0]],) * dates.size
    return Positions(
        dates=dates,
        published=published.astype("datetime64[D]"),
        assumed=known[0].lag_assumed[np.searchsorted(known[0].dates, dates)],
        net=net,
        net_pct=share,
        change=change,
        contract=told,
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
