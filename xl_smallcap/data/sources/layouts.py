"""Tables that are laid out otherwise than "date, then a column a series": a terminal's pairs, a day's open to close.

Bloomberg's BDH writes a column of dates beside each column of values, the tickers in the row above. Yahoo, stooq and
others write one security a file with its day's open, high, low and close.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from xl_smallcap.data.sources.delimited import Sheet
from xl_smallcap.errors import SourceError

Row = tuple[int, list[str]]
DATES = ("date", "dates", "observation_date")
"""Headers of the column of dates, in small letters."""
_FIELDS = ("px_last", "px last", "last_price", "last price", "tot_return_index_gross_dvds", "px_settle", "px_mid")
_OPEN_TO_CLOSE = {"open", "high", "low"}
_CLOSE = ("close", "price", "last")
CLOSE, ADJ_CLOSE = "Close", "Adj Close"
"""Yahoo's names of a close without and with its dividends; the second is the catalogue's field, too."""
_ADJUSTED = ("adj close", "adj_close", "adjusted close", "adjclose")
_STACKED = {"price", "ticker", "date"}
_BESIDE = _OPEN_TO_CLOSE | {
    "volume",
    "vol.",
    "vol",
    "change %",
    "change",
    "openint",
    "dividends",
    "stock splits",
    "capital gains",
}


@dataclass(frozen=True)
class Pair:
    """One security of a terminal's table: its ticker, the field asked for, and its own days and values."""

    ticker: str
    field: str
    sheet: Sheet


def pairs(rows: Sequence[Row], where: str) -> list[Pair]:
    """Read a terminal's table: pairs of columns with tickers above, or one column of dates and fields below tickers.

    Empty where the table is of another layout.
    """
    for n, (_, cells) in enumerate(rows[:3]):
        places = [k for k, cell in enumerate(cells) if cell.lower() in DATES]
        fields = [k for k, cell in enumerate(cells) if cell.lower() in _FIELDS]
        if len(places) < 2 and not (places and fields):
            continue
        above = rows[n - 1][1] if n else [""] * len(cells)
        found = []
        for k, first in enumerate(places):
            end = places[k + 1] if k + 1 < len(places) else len(cells)
            for column in range(first + 1, end):
                if cells[column] or above[column] or any(row[column] for _, row in rows[n + 1 :]):
                    found.append(_pair(rows[n:], above, first, column, where))
        return found
    return []


def _pair(rows: Sequence[Row], above: list[str], first: int, column: int, where: str) -> Pair:
    head = rows[0][1][column]
    named = above[column] or (above[first] if column == first + 1 else "")
    field = head if head.lower() in _FIELDS else ""
    ticker = named or ("" if field else head)
    if not ticker:
        raise SourceError(
            f"{where}, row {rows[0][0]}: column {column + 1} ('{head}') has no ticker above it. Give the range with "
            "the row of tickers, such as --range A1:D42."
        )
    own = [(line, [cells[first], cells[column]]) for line, cells in rows[1:] if cells[first]]
    return Pair(ticker, field, Sheet(where, ["date", ticker], own, "."))


def stacked(rows: Sequence[Row], where: str) -> list[Pair]:
    """Read what yfinance writes of a download: fields in the first row, tickers in the second, Date in the third.

    The closes, and the adjusted ones where there are; empty where the table is of another layout.
    """
    if len(rows) < len(_STACKED):
        return []
    first = {rows[k][1][0].lower(): rows[k][1] for k in range(len(_STACKED)) if rows[k][1]}
    if set(first) != _STACKED:
        return []
    found = []
    for column in range(1, len(first["price"])):
        field, ticker = first["price"][column], first["ticker"][column]
        if field.lower() in (*_CLOSE, *_ADJUSTED):
            own = [(line, [cells[0], cells[column]]) for line, cells in rows[len(_STACKED) :] if cells[0]]
            which = CLOSE if field.lower() in _CLOSE else ADJ_CLOSE
            found.append(Pair(ticker, which, Sheet(where, ["date", ticker], own, ".")))
    return found


@dataclass(frozen=True)
class Bars:
    """A file of one security's days: where close and adjusted close stand, and what else there is."""

    close: int
    adjusted: int | None
    beside: list[str]


def bars(header: Sequence[str]) -> Bars | None:
    """Tell whether a header is that of one security's days: its close, mostly with open, high and low."""
    lowered = [h.strip().lower() for h in header]
    close = next((lowered.index(c) for c in _CLOSE if c in lowered), None)
    others = set(lowered[1:]) - _BESIDE - set(_CLOSE) - set(_ADJUSTED)
    if close is None or others:
        return None
    adjusted = next((lowered.index(a) for a in _ADJUSTED if a in lowered), None)
    beside = [h for k, h in enumerate(header) if k not in (0, close, adjusted)]
    return Bars(close, adjusted, beside)


def security_of(stem: str) -> str:
    """Return the security a downloaded file is about, from its name."""
    name = re.sub(r"(?: ?\(\d+\)|_d|_daily|_history| Historical Data)$", "", stem.strip(), flags=re.IGNORECASE)
    return re.sub(r"\.us$", "", name, flags=re.IGNORECASE)
