"""Who is in an index on a day, with what weight, and which of them have prices?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from xl_smallcap.data.cross_section import CrossSection, Holdings, plain_ticker
from xl_smallcap.errors import NoDataError
from xl_smallcap.session import Session
from xl_smallcap.types import FloatArray, IntArray

Index = Literal["russell", "sp500"]
FUND_OF: dict[Index, str] = {"russell": "IWM", "sp500": "IVV"}
"""The fund whose holdings stand for an index."""
LABEL_OF: dict[Index, str] = {"russell": "Russell 2000", "sp500": "S&P 500"}
FEWEST = 30
"""Stocks with a return that a number needs."""
_SHARE_OF_A_DAY = 0.5
"""Of the year's usual number of prices that a trading day has."""


@dataclass(frozen=True)
class Roster:
    """The members of an index by one list."""

    index: Index  # "russell" or "sp500"
    day: np.datetime64  # of the list; NaT where it does not say
    columns: IntArray  # their columns in the cross-section; -1 where it has no price of them
    weights: FloatArray  # percent; NaN in a list without weights
    dated: bool  # whether the list was there at the start of the period asked about

    @property
    def membership(self) -> str:
        """How the members are known, in words."""
        label = LABEL_OF[self.index]
        if self.dated:
            return f"{label} members of {self.day}"
        of = "an undated list" if np.isnat(self.day) else f"the list of {self.day}"
        return f"{label} members of {of} applied to an earlier day: survivors only"


@dataclass
class Rosters:
    """All lists of one index in a snapshot, read when first asked for."""

    session: Session  # whose snapshot
    index: Index  # "russell" or "sp500"
    tickers: tuple[str, ...]  # of the cross-section
    _read: dict[str, tuple[IntArray, FloatArray]] = field(default_factory=dict)

    def on(self, day: np.datetime64) -> Roster:
        """Return the latest list dated no later than a day; without one an undated list, or the first dated later."""
        fund = FUND_OF[self.index]
        entries = [h for h in self.session.snapshot.holdings_entries if h.fund.upper() == fund]
        if not entries:
            raise NoDataError(
                f"The snapshot {self.session.snapshot.name} has no members of the {LABEL_OF[self.index]}. Fetch "
                "holdings: 'xl-smallcap data refresh --source ishares', or load a list: 'xl-smallcap data load FOLDER "
                "--constituents'."
            )
        dated = sorted((h for h in entries if h.as_of != "undated"), key=lambda h: h.as_of)
        before = [h for h in dated if np.datetime64(h.as_of, "D") <= day]
        undated = [h for h in entries if h.as_of == "undated"]
        chosen = before[-1] if before else (undated or dated)[0]
        if chosen.object not in self._read:
            self._read[chosen.object] = self._columns(self.session.snapshot.holdings_of(chosen))
        columns, weights = self._read[chosen.object]
        stamp = np.datetime64("NaT" if chosen.as_of == "undated" else chosen.as_of, "D")
        return Roster(self.index, stamp, columns, weights, bool(before))

    def _columns(self, held: Holdings) -> tuple[IntArray, FloatArray]:
        column_of = {plain_ticker(t): k for k, t in enumerate(self.tickers)}
        stocks = [
            k
            for k, (t, kind) in enumerate(zip(held.ticker, held.asset_class, strict=True))
            if t not in ("", "-") and kind in ("", "Equity") and not held.price[k] <= 0
        ]
        own: dict[str, float] = {}
        for k in stocks:  # two lines of one stock are one member
            name = plain_ticker(held.ticker[k])
            own[name] = own.get(name, 0.0) + float(held.weight[k])
        return np.array([column_of.get(name, -1) for name in own], dtype=np.int64), np.array(list(own.values()))


def names_of(session: Session) -> dict[str, tuple[str, str]]:
    """Return name and sector of every ticker the newest lists know. By plain ticker."""
    names: dict[str, tuple[str, str]] = {}
    for fund in FUND_OF.values():
        entries = [h for h in session.snapshot.holdings_entries if h.fund.upper() == fund]
        for entry in sorted(entries, key=lambda h: h.as_of)[-1:]:
            held = session.snapshot.holdings_of(entry)
            for ticker, name, sector in zip(held.ticker, held.name, held.sector, strict=True):
                if name or sector:
                    names.setdefault(plain_ticker(ticker), (name, sector))
    return names


def trading_days(data: CrossSection) -> CrossSection:
    """Leave out days on which hardly a stock has a price, such as a holiday one exchange worked on."""
    count = np.isfinite(data.prices).sum(axis=1)
    year = data.dates.astype("datetime64[Y]")
    usual = np.empty(count.size)
    for y in np.unique(year):
        usual[year == y] = np.median(count[year == y])
    keep = count >= _SHARE_OF_A_DAY * usual
    return data if keep.all() else CrossSection(data.dates[keep], data.tickers, data.prices[keep])
