"""CFTC, Traders in Financial Futures, futures only: positions of each Tuesday, from the Socrata server or a file.

Dataset gpe5-46if, "TFF - Futures Only". The same table comes in three spellings of its columns (Socrata's
``lev_money_positions_long``, the yearly files' ``Lev_Money_Positions_Long_All``, and a ``date`` in place of
``report_date_as_yyyy_mm_dd``); all three are read. The Russell 2000's E-mini moved from ICE (23977A) to CME (239742) in
2017: while both were reported, their positions are added. ICE halved its contract from $100 to $50 times the index on
2016-12-05 (every position became two); older rows count twice, so that all contracts are of $50 times the index.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.sources.answer import Context, Fetched, Request, needs_nothing
from xl_smallcap.data.sources.tables import Sheet, not_a_page, read_dates, read_days, read_values
from xl_smallcap.errors import SourceError

DATASET = "gpe5-46if"
CONTRACTS: dict[str, tuple[str, ...]] = {"RUT": ("239742", "23977A"), "SPX": ("13874A",)}
"""Contract codes of a symbol, the present one first."""
COLUMNS = {
    "OI": "open_interest",
    **{
        f"{short}_{side.upper()}": f"{long}_positions_{side}"
        for short, long in (
            ("DEALER", "dealer"), ("AM", "asset_mgr"), ("LEV", "lev_money"), ("OTHER", "other_rept"),
            ("NONREPT", "nonrept"),
        )
        for side in ("long", "short")
    },
}  # fmt: skip
PRESENT = "OI_PRESENT"
"""Field of a symbol with several contracts: the open interest of the present one, which tells what was traded where."""
_DOUBLED = {"23977A": np.datetime64("2016-12-05", "D")}
"""Contracts twice today's size before a day."""
_DATES = ("report_date_as_yyyy_mm_dd", "date")
_CODES = ("cftc_contract_market_code", "code")
_COMBINED = "futonly_or_combined"
_MOST_ROWS = 10_000
Row = Mapping[str, Any]


unusable = needs_nothing


def fetch(request: Request, context: Context) -> bytes:
    """Bring all weeks of a symbol's contracts. JSON."""
    codes = ", ".join(f"'{c}'" for c in CONTRACTS[request.symbol])
    query = {
        "$where": f"cftc_contract_market_code in ({codes})",
        "$order": "report_date_as_yyyy_mm_dd",
        "$limit": str(_MOST_ROWS),
    }
    url = f"{context.settings.cftc_url.rstrip('/')}/resource/{DATASET}.json"
    return context.client.get(url, query, f"CFTC, {request.symbol}")


def parse(raw: Any, request: Request) -> Fetched:
    """Read the JSON rows of the Socrata server. A series a field: open interest, longs and shorts of each category."""
    who = f"CFTC, {request.symbol}"
    not_a_page(raw, who)
    try:
        rows = json.loads(raw)
    except ValueError:
        raise SourceError(f"{who}: the answer is not JSON; it may be cut short.") from None
    if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
        raise SourceError(f"{who}: the answer is not a list of rows; has the layout changed?")
    if not rows:
        raise SourceError(f"{who}: the answer holds no report.")
    return Fetched(positions(rows, CONTRACTS[request.symbol], who))


def _spelling(name: str) -> str:
    return name.strip().lower().replace("-", "_").removesuffix("_all")


def is_report(header: Iterable[str]) -> bool:
    """Tell whether a table's columns are those of the report."""
    names = {_spelling(h) for h in header}
    return {"open_interest", "lev_money_positions_long"} <= names and bool(names & set(_CODES))


def read_report(sheet: Sheet) -> dict[str, SeriesData]:
    """Read a file of the report: every symbol we know, as series of the catalogue.

    By id, such as ``TFF_RUT_LEV_LONG``; empty where none of our contracts is in it.
    """
    spelt = [_spelling(h) for h in sheet.header]
    rows = [dict(zip(sheet.header, cells, strict=True)) for _, cells in sheet.rows]
    dated = next((h for h, name in zip(sheet.header, spelt, strict=True) if name in _DATES), None)
    if dated is not None:
        column = sheet.header.index(dated)
        cells_of = [(line, [cells[column]]) for line, cells in sheet.rows]
        for row, day in zip(rows, read_dates(Sheet(sheet.file, [dated], cells_of, ".")), strict=True):
            row[dated] = day.isoformat()
    series: dict[str, SeriesData] = {}
    for symbol, codes in CONTRACTS.items():
        own = [r for r in rows if _code(r) in codes]
        if own:
            for field, data in positions(own, codes, f"{sheet.file}, {symbol}").items():
                series[f"TFF_{symbol}_{field}"] = data
    return series


def _code(row: Row) -> str:
    return next((str(v).strip() for k, v in row.items() if _spelling(k) in _CODES), "")


def positions(rows: list[Any], codes: tuple[str, ...], who: str) -> dict[str, SeriesData]:
    """Turn rows of the report into series, the contracts of a day added up. By field."""
    spelt = [{_spelling(k): v for k, v in row.items()} for row in rows]
    if any(str(r.get(_COMBINED, "")).strip().lower().startswith("comb") for r in spelt):
        raise SourceError(
            f"{who}: this is the report of futures and options combined; take the one of futures only "
            "(fut_fin_txt_YYYY.zip), which is what the positions here mean."
        )
    names: set[str] = set().union(*spelt)
    day_column = next((d for d in _DATES if d in names), None)
    missing = [c for c in COLUMNS.values() if c not in names]
    if day_column is None or missing:
        raise SourceError(
            f"{who}: the column '{missing[0] if missing else _DATES[0]}' is not there; has the layout changed? "
            f"Columns: {', '.join(sorted(names)[:12])} ..."
        )
    days = read_days([r.get(day_column, "") for r in spelt], who)
    table = np.column_stack([read_values([r.get(c, "") for r in spelt], who) for c in COLUMNS.values()])
    seen: set[tuple[str, str]] = set()
    for row, day in zip(rows, days, strict=True):
        key = (str(day), _code(row))
        if key[1] not in codes:
            raise SourceError(f"{who}: contract '{key[1]}' was not asked for.")
        if key in seen:
            raise SourceError(f"{who}: contract {key[1]} comes twice on {day}.")
        seen.add(key)
    own = np.array([_code(row) for row in rows])
    for code, day in _DOUBLED.items():
        table[(own == code) & (days < day)] *= 2.0
    whole = np.isfinite(table).all(axis=1)
    days, table, own = days[whole], table[whole], own[whole]
    if not days.size:
        raise SourceError(f"{who}: no report is complete.")
    wrong = np.flatnonzero((table[:, 1:] > table[:, :1]).any(axis=1) | (table < 0).any(axis=1))
    if wrong.size:
        raise SourceError(f"{who}: on {days[wrong[0]]} a position exceeds the open interest or is negative.")
    when, place = np.unique(days, return_inverse=True)
    summed = np.zeros((when.size, table.shape[1]))
    np.add.at(summed, place, table)
    series = {field: SeriesData.build(when, summed[:, k]) for k, field in enumerate(COLUMNS)}
    if len(codes) > 1:
        present = np.zeros(when.size)
        np.add.at(present, place, np.where(own == codes[0], table[:, 0], 0.0))
        series[PRESENT] = SeriesData.build(when, present)
    return series
