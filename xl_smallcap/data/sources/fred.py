"""FRED, the Federal Reserve Bank of St. Louis: one series an answer, with vintages where a key is given.

Without a key the file behind the "download" button is read (fredgraph.csv: ``observation_date,DGS2``, an empty cell or
"." for a day without a value). With one, weekly and monthly series come from the API with every vintage (ALFRED:
``realtime_start`` is the day a value was first shown). FRED API documentation, series/observations, output_type 1.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.sources.answer import Context, Fetched, Request, needs_nothing
from xl_smallcap.data.sources.tables import not_a_page, read_days, read_sheet, read_values
from xl_smallcap.errors import SourceError

_HEADERS = ("observation_date", "date")
_PAGE = 100_000
"""Observations an answer of the API holds at most."""


unusable = needs_nothing


def fetch(request: Request, context: Context) -> list[bytes]:
    """Bring one series: a CSV without a key, else the pages of the API's JSON. One CSV, or JSON pages."""
    settings, who = context.settings, f"FRED, series {request.symbol}"
    if not settings.fred_api_key:
        url = f"{settings.fred_url.rstrip('/')}/graph/fredgraph.csv"
        return [context.client.get(url, {"id": request.symbol}, who)]
    query = {"series_id": request.symbol, "api_key": settings.fred_api_key, "file_type": "json", "limit": str(_PAGE)}
    if any(s.frequency != "daily" for s in request.series):
        query |= {"realtime_start": "1776-07-04", "realtime_end": "9999-12-31"}
    url = f"{settings.fred_api_url.rstrip('/')}/fred/series/observations"
    pages: list[bytes] = []
    while True:
        pages.append(context.client.get(url, {**query, "offset": str(_PAGE * len(pages))}, who))
        page = _json(pages[-1], who)
        if int(page.get("count", 0)) <= _PAGE * len(pages):
            return pages


def _json(raw: bytes, who: str) -> dict[str, Any]:
    not_a_page(raw, who)
    try:
        page = json.loads(raw)
    except ValueError:
        raise SourceError(f"{who}: the answer is not JSON; it may be cut short.") from None
    if not isinstance(page, dict) or not isinstance(page.get("observations"), list):
        raise SourceError(f"{who}: the answer has no 'observations'; has the layout changed?")
    return page


def parse(raw: Any, request: Request) -> Fetched:
    """Read one series."""
    who = f"FRED, series {request.symbol}"
    first = raw[0].lstrip()[:1]
    data = _vintages(raw, who, request) if first == b"{" else _csv(raw[0], who, request.symbol)
    return Fetched({"": data})


def _csv(raw: bytes, who: str, symbol: str) -> SeriesData:
    not_a_page(raw, who)
    try:
        sheet = read_sheet(raw, who)
    except SourceError as exc:
        raise SourceError(f"{exc} The answer may be cut short.") from None
    if sheet.header[0].lower() not in _HEADERS or len(sheet.header) != 2:
        raise SourceError(
            f"{who}: the columns are {', '.join(sheet.header[:5])}; expected observation_date and {symbol}. Has the "
            "layout changed?"
        )
    if sheet.header[1].upper() != symbol.upper():
        raise SourceError(f"{who}: the answer is about '{sheet.header[1]}'.")
    days = read_days([row[0] for _, row in sheet.rows], who)
    return _kept(days, read_values([row[1] for _, row in sheet.rows], who), None, who)


def _vintages(raw: list[bytes], who: str, request: Request) -> SeriesData:
    rows = [o for page in raw for o in _json(page, who)["observations"]]
    try:
        days = read_days([o["date"] for o in rows], who)
        values = read_values([o["value"] for o in rows], who)
        shown = read_days([o["realtime_start"] for o in rows], who)
    except (KeyError, TypeError):
        raise SourceError(f"{who}: an observation lacks date, value or realtime_start; a new layout?") from None
    if not rows or all(s.frequency == "daily" for s in request.series):
        return _kept(days, values, None, who)
    # The first vintage ALFRED holds says nothing about when its values were published: the calendar or usual lag does.
    clock = np.timedelta64(int(request.series[0].time[:2]) * 60 + int(request.series[0].time[3:]), "m")
    moments = shown.astype("datetime64[m]") + clock
    moments[shown == shown.min()] = np.datetime64("NaT", "m")
    return _kept(days, values, moments, who)


RELEASES = {"cpi": "10", "payrolls": "50"}
"""FRED's numbers of the releases whose days it schedules: Consumer Price Index, Employment Situation."""


def release_days(kind: str, context: Context) -> list[str]:
    """Bring every day of a release, those to come included (fred/release/dates; needs a key)."""
    settings, who = context.settings, f"FRED, days of release {RELEASES[kind]} ({kind})"
    query = {
        "release_id": RELEASES[kind], "api_key": settings.fred_api_key, "file_type": "json",
        "include_release_dates_with_no_data": "true",
    }  # fmt: skip
    raw = context.client.get(f"{settings.fred_api_url.rstrip('/')}/fred/release/dates", query, who)
    not_a_page(raw, who)
    try:
        rows = json.loads(raw)["release_dates"]
        days = read_days([str(row["date"]) for row in rows], who)
    except (ValueError, KeyError, TypeError):
        raise SourceError(f"{who}: the answer has no 'release_dates' with a date each; a new layout?") from None
    return [str(day) for day in days]


def _kept(days: Any, values: Any, moments: Any, who: str) -> SeriesData:
    seen = np.isfinite(values)
    if not seen.any():
        raise SourceError(f"{who}: the answer holds no observation.")
    return SeriesData.build(days[seen], values[seen], None if moments is None else moments[seen])
