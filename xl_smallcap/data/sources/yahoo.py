"""Yahoo Finance through yfinance, an optional extra: daily closes and closes adjusted for dividends.

Yahoo's terms allow personal use; docs/data-sources.md. The row of a day that has not closed yet is left out.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from xl_smallcap.config import Settings
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.sources.answer import Context, Fetched, Request
from xl_smallcap.errors import SourceError, UnreachableError

CLOSE = "Close"
_FIRST = "1985-01-01"
_CLOSED = np.timedelta64(16 * 60 + 15, "m")
# yfinance opens a SQLite cache of time zones in its first request; several at once lock each other out
_cache_opening = threading.Lock()
_cache_opened = threading.Event()
_UNREACHABLE = ("DNSError", "ConnectionError", "ConnectTimeout", "ConnectionTimeout", "Timeout", "ProxyError")
"""What yfinance's HTTP libraries raise where no answer comes at all."""


def unusable(settings: Settings) -> str:
    """Say why Yahoo cannot be asked. Empty where yfinance is installed."""
    if find_spec("yfinance") is None:
        return 'Yahoo needs the optional package yfinance: pip install "xl_smallcap[yahoo]".'
    return ""


def fetch(request: Request, context: Context) -> Any:
    """Bring the daily history of one ticker.

    Indexed by day, with Close and Adj Close; rows of a day not closed yet are gone.
    """
    import yfinance

    warnings.filterwarnings("ignore", module="yfinance")  # what it calls deprecated is not the user's to mend
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)  # what fails is told once, by us
    yfinance.config.debug.hide_exceptions = False
    who = f"Yahoo, {request.symbol}"
    try:
        ticker = yfinance.Ticker(request.symbol)
        timeout = context.settings.timeout_seconds
        frame = _first_alone(lambda: ticker.history(start=_FIRST, auto_adjust=False, actions=False, timeout=timeout))
    except Exception as exc:  # yfinance raises its own and those of two HTTP libraries, some with an address inside
        kind = type(exc).__name__
        said = {
            "YFRateLimitError": "too many requests; try again in an hour.",
            "YFTzMissingError": "it does not know this ticker, or refuses this program.",
            "YFPricesMissingError": "it has no prices of this ticker.",
            "JSONDecodeError": "something else came instead of prices; it does not know this ticker or refuses us.",
        }.get(kind, f"no prices came ({kind}).")
        if kind in _UNREACHABLE:
            reason = "it cannot be reached; is there a network?"
            raise UnreachableError(f"{who}: {reason}", f"Yahoo: {reason}") from None
        raise SourceError(f"{who}: {said}") from None
    if len(frame) and context.now < np.datetime64(_day(frame.index[-1]), "D").astype("datetime64[m]") + _CLOSED:
        frame = frame.iloc[:-1]
    return frame


def _first_alone(ask: Callable[[], Any]) -> Any:
    if not _cache_opened.is_set():
        with _cache_opening:
            if not _cache_opened.is_set():
                try:
                    return ask()
                finally:
                    _cache_opened.set()
    return ask()


def _day(stamp: Any) -> dt.date:
    day: dt.date = stamp.date()
    return day


def parse(raw: Any, request: Request) -> Fetched:
    """Read the columns asked for."""
    who = f"Yahoo, {request.symbol}"
    if not len(raw):
        raise SourceError(f"{who}: the answer holds no price.")
    days = np.array([_day(s) for s in raw.index], dtype="datetime64[D]")
    series: dict[str, SeriesData] = {}
    for field in request.fields:
        column = field or CLOSE
        if column not in raw.columns:
            raise SourceError(
                f"{who}: the column '{column}' is not there; has the layout changed? Columns: {', '.join(raw.columns)}."
            )
        values = raw[column].to_numpy(dtype=np.float64)
        seen = np.isfinite(values)
        if not seen.any():
            raise SourceError(f"{who}: the column '{column}' holds no price.")
        series[field] = SeriesData.build(days[seen], values[seen])
    return Fetched(series)
