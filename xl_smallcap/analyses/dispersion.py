"""How far apart do the returns of an index's members lie, and of the Russell's against the S&P's?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np

from xl_smallcap.analyses.constituents import FEWEST, LABEL_OF, Index, Roster, Rosters, trading_days
from xl_smallcap.analyses.question import beside_the_snapshot, too_old
from xl_smallcap.data.cross_section import CrossSection, jumps
from xl_smallcap.data.panel import period_ends
from xl_smallcap.errors import NoDataError
from xl_smallcap.models.dispersion import cross_sectional_dispersion, cross_sectional_dispersions
from xl_smallcap.session import Session
from xl_smallcap.types import BoolArray, DispersionIndex, FloatArray, IntArray, Weighting, Window

PERIODS_A_YEAR = {"daily": 252, "weekly": 52, "monthly": 12}
OLDEST_WEIGHTS_DAYS = 45
"""Weights may be so many days older than the period they weigh; to its start they drift with the prices."""
WEIGHTINGS: tuple[Weighting, ...] = get_args(Weighting)
_BLOCK = 256
"""Stocks looked at together for jumps: bounds the memory of a long history."""
_CALENDAR_DAYS = {"daily": 1.6, "weekly": 7.5, "monthly": 32.0}


@dataclass(frozen=True)
class Spread:
    """The members of one index over one period."""

    index: Index  # "russell" or "sp500"
    start: np.datetime64  # the closes the returns lie between
    end: np.datetime64
    # simple returns in %, of members with a price on both days that did not move like a split between
    returns: FloatArray
    weights: FloatArray | None  # at the start, in any scale; None where no list is dated shortly before it
    no_weights: str  # why there are none
    members: int  # members
    gone: int  # those with a price at the start and none at the end
    flagged: int  # those left out because their price moved like a split or merger in a day
    # percent of the list's own weights that belongs to stocks with a return; NaN where it has none
    weight_covered: float
    membership: str  # whose members, of which day

    def mean(self, weighting: Weighting) -> float:
        """Mean return in %: by the weights for "cap", else of all stocks alike."""
        if weighting == "cap" and self.weights is not None:
            return float(self.weights @ self.returns / self.weights.sum())
        return float(self.returns.mean())

    def dispersion(self, weighting: Weighting) -> float:
        """Dispersion of the returns in %."""
        self._refuse_few()
        if weighting == "cap" and self.weights is None:
            raise NoDataError(self.no_weights)
        return cross_sectional_dispersion(self.returns, weighting, self.weights)

    def dispersions(self) -> dict[Weighting, float]:
        """Dispersion of the returns in % by every weighting; "cap" is missing where no weights are of the day."""
        self._refuse_few()
        return cross_sectional_dispersions(self.returns, self.weights)

    def _refuse_few(self) -> None:
        if self.returns.size < FEWEST:
            raise NoDataError(
                f"Only {self.returns.size} of the {self.members} members of the {LABEL_OF[self.index]} have a price on "
                f"both {self.start} and {self.end}; at least {FEWEST} are needed."
            )


class Spreads:
    """Prices and lists of a snapshot, from which the spread of any period is taken."""

    def __init__(self, session: Session, window: Window, as_of: np.datetime64 | None, whole: bool = False) -> None:
        priced = session.snapshot.prices_entry
        reach = np.timedelta64(
            round(_CALENDAR_DAYS[window.frequency] * (window.count + 2)) + 2 * OLDEST_WEIGHTS_DAYS, "D"
        )
        last = np.datetime64(priced.last if priced is not None else "NaT", "D")
        if as_of is not None:
            last = np.minimum(as_of, last)
        # whole calendar years, whose median day tells what a trading day is: the same for a cell and for a history
        first = None if whole or priced is None else (last - reach).astype("datetime64[Y]").astype("datetime64[D]")
        self.data: CrossSection = trading_days(session.snapshot.prices(first, None if priced is None else last))
        self.window = window
        self.ends: IntArray = period_ends(self.data.dates, window.frequency)
        self._rosters: dict[Index, Rosters] = {}
        self._jumps: tuple[IntArray, IntArray] | None = None
        self._session = session
        days = self.data.dates
        if priced is not None:
            grace = session.settings.grace_days
            if as_of is None and days.size and too_old(session, days[-1], None, grace):
                raise NoDataError(beside_the_snapshot(session, "prices of constituents end", days[-1], grace))
            if as_of is not None and (not days.size or too_old(session, days[-1], as_of, grace)):
                raise NoDataError(
                    f"No prices of constituents for as_of {as_of}: the snapshot has those of {priced.first} to "
                    f"{priced.last} (an as_of may lie up to {session.settings.grace_days} days after the last)."
                )
        if self.ends.size < window.count + 1:
            since = priced.first if priced is not None else days[0]
            raise NoDataError(
                f"Window {window} needs {window.count + 1} {window.frequency} closes; the constituents have "
                f"{self.ends.size} by {days[-1]} (since {since})."
            )

    def periods(self) -> list[int]:
        """Return the positions in `ends` at which the periods of a history end.

        Every window-th close back from the last where the window is of days; each week or month where of those.
        """
        step = self.window.count if self.window.frequency == "daily" else 1
        return list(range(self.ends.size - 1, self.window.count - 1, -step))[::-1]

    def spread(self, index: Index, period: int | None = None, count: int | None = None) -> Spread:
        """Return the members' returns over one period."""
        finish = self.ends.size - 1 if period is None else period
        begin = finish - (self.window.count if count is None else count)
        i, j = int(self.ends[begin]), int(self.ends[finish])
        if index not in self._rosters:
            self._rosters[index] = Rosters(self._session, index, self.data.tickers)
        start, end = self.data.dates[i], self.data.dates[j]
        roster = self._rosters[index].on(start)
        priced = roster.columns >= 0
        columns, weights = roster.columns[priced], roster.weights[priced]
        opening, closing = self.data.prices[i, columns], self.data.prices[j, columns]
        both = np.isfinite(opening) & np.isfinite(closing)
        # one price that was not adjusted for a split can be the whole standard deviation
        flagged = self._jumped(i, j)[columns[both]]
        both[np.flatnonzero(both)[flagged]] = False
        listed = float(np.nansum(roster.weights))
        drifted, why = self._drifted(roster, columns, weights, i)
        return Spread(
            index=index,
            start=start,
            end=end,
            returns=100.0 * (closing[both] / opening[both] - 1.0),
            weights=None if drifted is None else drifted[both],
            no_weights=why,
            members=roster.columns.size,
            gone=int((np.isfinite(opening) & ~np.isfinite(closing)).sum()),
            flagged=int(flagged.sum()),
            weight_covered=100.0 * float(np.nansum(weights[both])) / listed if listed > 0 else np.nan,
            membership=roster.membership,
        )

    def _jumped(self, start: int, end: int) -> BoolArray:
        """Whether a stock's price moved like a split between two days; for stocks that have a price on the first."""
        if self._jumps is None:
            blocks = [
                np.nonzero(jumps(np.log(self.data.prices[:, left : left + _BLOCK])))
                for left in range(0, len(self.data.tickers), _BLOCK)
            ]
            rows = np.concatenate([r for r, _ in blocks])
            columns = np.concatenate([c + k * _BLOCK for k, (_, c) in enumerate(blocks)])
            order = np.argsort(rows, kind="stable")
            self._jumps = rows[order], columns[order]
        rows, columns = self._jumps
        first, last = np.searchsorted(rows, (start, end), side="right")
        flags = np.zeros(len(self.data.tickers), dtype=bool)
        flags[columns[first:last]] = True
        return flags

    def _drifted(
        self, roster: Roster, columns: IntArray, weights: FloatArray, start: int
    ) -> tuple[FloatArray | None, str]:
        """Weights at the start of a period, or why there are none."""
        label, day = LABEL_OF[roster.index], self.data.dates[start]
        refusal = f"Cap-weighted dispersion of the {label} from {day} needs its members' weights of about that day; "
        if not np.isfinite(roster.weights).any():
            return (None, refusal + "the snapshot has members without weights. Use weighting equal, iqr or winsor.")
        if not roster.dated or (day - roster.day).astype(int) > OLDEST_WEIGHTS_DAYS:
            of = "undated" if np.isnat(roster.day) else f"of {roster.day}"
            return None, refusal + (
                f"the snapshot has {of} ones (at most {OLDEST_WEIGHTS_DAYS} days older are taken). Use weighting "
                "equal, iqr or winsor, or load weights by date."
            )
        then = int(np.searchsorted(self.data.dates, roster.day, side="right")) - 1
        if then < 0:
            return None, refusal + f"the prices begin on {self.data.dates[0]}, after the weights of {roster.day}."
        drift = self.data.prices[start, columns] / self.data.prices[then, columns]
        return np.where(np.isfinite(drift), weights * drift, weights), ""


@dataclass(frozen=True)
class Dispersion:
    """The answer to one question: the index's spread and, for the ratio, the S&P's over the same days."""

    value: float
    window: Window
    spread: Spread
    other: Spread | None

    @property
    def annualised(self) -> float:
        """Value times the root of the periods a year; a ratio stays as it is."""
        if self.other is not None:
            return self.value
        return self.value * float(np.sqrt(PERIODS_A_YEAR[self.window.frequency] / self.window.count))


def dispersion(
    session: Session, index: DispersionIndex, weighting: Weighting, window: Window, as_of: np.datetime64 | None
) -> Dispersion:
    """Compute the dispersion of the last period."""
    spreads = Spreads(session, window, as_of)
    first: Index = "sp500" if index == "sp500" else "russell"
    one = spreads.spread(first)
    two = spreads.spread("sp500") if index == "ratio" else None
    return Dispersion(_of(one, two, weighting), window, one, two)


def average_dispersion(
    session: Session, index: DispersionIndex, weighting: Weighting, window: Window, as_of: np.datetime64 | None
) -> float:
    """Mean dispersion in % of the single days, weeks or months of the last window; of the ratio the means' ratio."""
    spreads = Spreads(session, window, as_of)
    last = spreads.ends.size - 1
    positions = range(last - spreads.window.count + 1, last + 1)

    def mean(of: Index) -> float:
        return float(np.mean([spreads.spread(of, k, 1).dispersion(weighting) for k in positions]))

    return mean("sp500" if index == "sp500" else "russell") / (mean("sp500") if index == "ratio" else 1.0)


@dataclass(frozen=True)
class HistoryRow:
    """One period of a history: spreads, and each weighting's value, NaN where it has none."""

    spread: Spread
    other: Spread | None
    values: dict[Weighting, float]


def dispersion_history(
    session: Session, index: DispersionIndex, window: Window, as_of: np.datetime64 | None, start: np.datetime64 | None
) -> list[HistoryRow]:
    """Compute the dispersion of every period by every weighting. Periods with fewer than 30 returns are left out."""
    spreads = Spreads(session, window, as_of, whole=True)
    first: Index = "sp500" if index == "sp500" else "russell"
    rows, why = [], ""
    for period in spreads.periods():
        if start is not None and spreads.data.dates[spreads.ends[period]] < start:
            continue
        one = spreads.spread(first, period)
        two = spreads.spread("sp500", period) if index == "ratio" else None
        try:
            values, below = one.dispersions(), {} if two is None else two.dispersions()
        except NoDataError as exc:
            why = str(exc)
            continue
        if two is not None:
            values = {w: v / below[w] for w, v in values.items() if w in below}
        rows.append(HistoryRow(one, two, {w: values.get(w, float("nan")) for w in WEIGHTINGS}))
    if not rows:
        raise NoDataError(why or f"No period of window {window} ends on or after {start}.")
    return rows


def _of(one: Spread, two: Spread | None, weighting: Weighting) -> float:
    return one.dispersion(weighting) / (two.dispersion(weighting) if two is not None else 1.0)
