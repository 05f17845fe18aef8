"""Many stocks on a day: their prices side by side, a calendar year a file, and what a fund held."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from xl_smallcap.data import columnar
from xl_smallcap.errors import StoreError
from xl_smallcap.types import BoolArray, DayArray, FloatArray

SUSPECT_FACTOR = 4.0
"""A price that changes by about this factor or more from one close to the next is flagged; a split not adjusted?"""
_SAME_FACTOR = 2e-3
"""Prices rounded to cents differ by so much and are still the same."""
_AS_MANY = 0.9
_NO_LETTER = re.compile(r"[^A-Z0-9]")
_TERMINAL = re.compile(r"\s+(?:[A-Z]{2}\s+)?EQUITY$", re.IGNORECASE)
_SPLITS = (2.0, 3.0)
_SPLIT_WITHIN = 0.06
"""A split of two or three for one shows as that factor give or take the stock's own move of the day (log)."""


def ticker_of(word: str) -> str:
    """Return a ticker without what a terminal puts behind it: ``AAPL US Equity`` is AAPL."""
    return _TERMINAL.sub("", word.strip())


def plain_ticker(ticker: str) -> str:
    """Return a ticker without case and marks: BRK.B, BRK-B, BRKB and BRK/B US Equity are one."""
    return _NO_LETTER.sub("", ticker_of(ticker).upper())


@dataclass(frozen=True)
class CrossSection:
    """Closing prices, adjusted for splits and dividends, of many stocks."""

    dates: DayArray  # ascending, each once
    tickers: tuple[str, ...]  # one a column, sorted
    prices: FloatArray  # above zero; NaN where not observed
    SUFFIX: ClassVar[str] = "sec"

    @property
    def years(self) -> list[int]:
        """Calendar years that have a day."""
        return sorted({int(y) for y in self.dates.astype("datetime64[Y]").astype(np.int64) + 1970})

    def year(self, year: int) -> CrossSection:
        """Return the days of one year and the tickers observed in it."""
        rows = self.dates.astype("datetime64[Y]").astype(np.int64) + 1970 == year
        part = self.prices[rows]
        seen = np.isfinite(part).any(axis=0)
        names = tuple(t for t, s in zip(self.tickers, seen, strict=True) if s)
        return CrossSection(self.dates[rows], names, np.ascontiguousarray(part[:, seen]))

    def encode(self) -> bytes:
        """Return the bytes of the stored file."""
        return columnar.encode(
            {"dates": self.dates.view(np.int64), "prices": self.prices}, {"tickers": list(self.tickers)}
        )

    @classmethod
    def decode(cls, raw: bytes, where: str) -> CrossSection:
        """Read back what :meth:`encode` wrote."""
        columns, meta = columnar.decode(raw, where)
        try:
            return cls(columns["dates"].view("datetime64[D]"), tuple(meta["tickers"]), columns["prices"])
        except (KeyError, ValueError, TypeError) as exc:
            raise StoreError(f"{where} holds no prices; load the data again to repair it.") from exc

    def digest(self) -> str:
        """Return the sha-256 of the canonical content. 64 hexadecimal digits."""
        sha = hashlib.sha256(json.dumps(list(self.tickers)).encode())
        sha.update(np.ascontiguousarray(self.dates.view(np.int64)).astype("<i8").tobytes())
        sha.update(np.ascontiguousarray(self.prices, dtype="<f8").tobytes())
        return sha.hexdigest()


def stack(parts: list[CrossSection]) -> CrossSection:
    """Lay cross-sections of different days above one another; a ticker a part lacks is not observed there."""
    tickers = tuple(sorted({t for p in parts for t in p.tickers}))
    index = {t: k for k, t in enumerate(tickers)}
    prices = np.full((sum(p.dates.size for p in parts), len(tickers)), np.nan)
    row = 0
    for part in parts:
        columns = np.array([index[t] for t in part.tickers], dtype=np.int64)
        prices[row : row + part.dates.size, columns] = part.prices
        row += part.dates.size
    dates = np.concatenate([p.dates for p in parts]) if parts else np.empty(0, "datetime64[D]")
    return CrossSection(dates, tickers, prices)


def jumps(log_prices: FloatArray) -> BoolArray:
    """Tell which prices changed as an unadjusted split would show: about 2 or 3 for one, 4 and more, or the inverse.

    The price before is the stock's last one, whatever days lie between.
    """
    far = np.zeros(log_prices.shape, dtype=bool)
    if log_prices.shape[0] < 2:
        return far
    seen = np.isfinite(log_prices)
    previous = log_prices[:-1]
    if not seen.all():
        rows = np.where(seen[:-1], np.arange(log_prices.shape[0] - 1, dtype=np.int32)[:, None], np.int32(0))
        previous = np.take_along_axis(log_prices, np.maximum.accumulate(rows, axis=0), axis=0)
    with np.errstate(invalid="ignore"):
        moves = log_prices[1:] - previous
        np.abs(moves, out=moves)
        candidates = np.nonzero(moves >= np.log(min(_SPLITS)) - _SPLIT_WITHIN)  # few: the rest need not be looked at
    own = moves[candidates]
    like = own >= np.log(SUSPECT_FACTOR) - _SPLIT_WITHIN
    for factor in _SPLITS:
        like |= np.abs(own - np.log(factor)) <= _SPLIT_WITHIN
    far[candidates[0][like] + 1, candidates[1][like]] = True
    return far


@dataclass(frozen=True)
class JoinedPrices:
    """Prices joined to those there were, and the tickers that were extended, replaced, or kept as they were."""

    data: CrossSection
    extended: tuple[str, ...]
    replaced: tuple[str, ...]
    kept: tuple[str, ...]


def join(before: CrossSection, after: CrossSection) -> JoinedPrices:
    """Put prices beside what is there, and lengthen a ticker's history where both agree about it.

    Adjusted prices of two days of download differ by one factor for every dividend between: where the days both have
    differ by one factor only, the days that only the old one has are brought to the new level and kept. Where they
    differ otherwise, the new history stands if it has about as many days, else the old one.
    """
    there = {plain_ticker(t): k for k, t in enumerate(before.tickers)}
    dates = np.union1d(before.dates, after.dates)
    old_at, new_at = np.searchsorted(dates, before.dates), np.searchsorted(dates, after.dates)
    columns: dict[str, FloatArray] = {}
    extended, fresh, kept = [], [], []
    for j, ticker in enumerate(after.tickers):
        new = np.full(dates.size, np.nan)
        new[new_at] = after.prices[:, j]
        k = there.pop(plain_ticker(ticker), None)
        if k is None:
            columns[ticker] = new
            continue
        old = np.full(dates.size, np.nan)
        old[old_at] = before.prices[:, k]
        both = np.isfinite(old) & np.isfinite(new)
        ratio = new[both] / old[both]
        only = np.isfinite(old) & ~np.isfinite(new)
        if not only.any():
            columns[ticker] = new
        elif ratio.size and np.ptp(ratio) <= _SAME_FACTOR * ratio[0]:
            factor = 1.0 if abs(float(np.median(ratio)) - 1.0) <= _SAME_FACTOR else float(np.median(ratio))
            columns[ticker] = np.where(only, old * factor, new)
            extended.append(ticker)
        elif np.isfinite(new).sum() >= _AS_MANY * np.isfinite(old).sum():
            columns[ticker] = new
            fresh.append(ticker)
        else:
            columns[before.tickers[k]] = old
            kept.append(ticker)
    for k in there.values():
        old = np.full(dates.size, np.nan)
        old[old_at] = before.prices[:, k]
        columns[before.tickers[k]] = old
    names = tuple(sorted(columns))
    prices = np.column_stack([columns[n] for n in names])
    priced = np.isfinite(prices).any(axis=1)  # days that only histories not taken had
    made = CrossSection(dates[priced], names, np.ascontiguousarray(prices[priced]))
    return JoinedPrices(made, tuple(extended), tuple(fresh), tuple(kept))


def replaced(before: CrossSection, after: CrossSection) -> CrossSection:
    """Put tickers beside what is there; one that comes anew replaces its whole history.

    Adjusted prices of two days of download differ by every dividend between: a joint of both would be a jump that never
    was.
    """
    fresh = {plain_ticker(t) for t in after.tickers}
    kept = [k for k, t in enumerate(before.tickers) if plain_ticker(t) not in fresh]
    dates = np.union1d(before.dates, after.dates)
    names = [*(before.tickers[k] for k in kept), *after.tickers]
    order = sorted(range(len(names)), key=names.__getitem__)
    prices = np.full((dates.size, len(names)), np.nan)
    prices[np.searchsorted(dates, before.dates)[:, None], np.arange(len(kept))] = before.prices[:, kept]
    prices[np.searchsorted(dates, after.dates)[:, None], np.arange(len(kept), len(names))] = after.prices
    return CrossSection(dates, tuple(names[k] for k in order), np.ascontiguousarray(prices[:, order]))


# -- What a fund held on a day: one row a holding, and its canonical hash.


NUMBERS = ("weight", "price", "quantity", "market_value")
WORDS = ("ticker", "name", "sector", "asset_class")


@dataclass(frozen=True)
class Holdings:
    """The holdings of one fund on one day, in the order of the file."""

    fund: str  # its ticker, such as "IWM"
    as_of: np.datetime64  # day of the holdings, ``datetime64[D]``; NaT where the file does not say
    ticker: tuple[str, ...]  # a word a holding; "-" where the fund gives no ticker
    name: tuple[str, ...]
    sector: tuple[str, ...]
    asset_class: tuple[str, ...]
    weight: FloatArray  # percent of the fund
    price: FloatArray  # in US dollars and units; NaN where not given
    quantity: FloatArray
    market_value: FloatArray
    SUFFIX: ClassVar[str] = "own"

    @property
    def day(self) -> str:
        """Day of the holdings in ISO form, or "undated"."""
        return "undated" if np.isnat(self.as_of) else str(self.as_of)

    def encode(self) -> bytes:
        """Return the bytes of the stored file."""
        words = {w: list(getattr(self, w)) for w in WORDS}
        return columnar.encode(
            {n: getattr(self, n) for n in NUMBERS}, {"fund": self.fund, "as_of": self.day, "words": words}
        )

    @classmethod
    def decode(cls, raw: bytes, where: str) -> Holdings:
        """Read back what :meth:`encode` wrote."""
        columns, meta = columnar.decode(raw, where)
        try:
            words: dict[str, Any] = {w: tuple(meta["words"][w]) for w in WORDS}
            numbers: dict[str, Any] = {n: columns[n] for n in NUMBERS}
            day = np.datetime64("NaT" if meta["as_of"] == "undated" else meta["as_of"], "D")
            return cls(fund=meta["fund"], as_of=day, **words, **numbers)
        except (KeyError, ValueError, TypeError) as exc:
            raise StoreError(f"{where} holds no holdings; load the data again to repair it.") from exc

    def digest(self) -> str:
        """Return the sha-256 of the canonical content. 64 hexadecimal digits."""
        sha = hashlib.sha256(json.dumps([self.fund, self.day, *(getattr(self, w) for w in WORDS)]).encode())
        for n in NUMBERS:
            sha.update(np.ascontiguousarray(getattr(self, n)).astype("<f8").tobytes())
        return sha.hexdigest()
