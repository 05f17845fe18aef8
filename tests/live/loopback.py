"""A server on the loopback address that answers as FRED, the CFTC, iShares and Yahoo do, and fails as they do.

The layouts are those of the real sites (see docs/verification.md); the numbers are the embedded sample's or drawn from
a seeded generator. `faults` maps a symbol (DGS2, RUT, IWM ...) or "*" to what goes wrong with it.
"""

from __future__ import annotations

import csv
import datetime as dt
import functools
import gzip
import io
import json
import socket
import ssl
import struct
import threading
import time
import zlib
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from xl_smallcap.config import Settings
from xl_smallcap.data.catalogue import load_catalogue
from xl_smallcap.data.sources import cftc, folder
from xl_smallcap.types import DAY

TRANSPORT = ("404", "429", "429 long", "500", "timeout", "reset", "gzip bomb", "redirect", "circle", "drip")
CONTENT = ("truncated", "html", "columns", "empty", "missing", "duplicates", "future", "unit", "jump", "shorter")
Rows = list[tuple[str, float | None]]


class World:
    """What the publishers have published: series by id, up to a last day."""

    def __init__(self, last: str = "2025-12-31") -> None:
        self.last = last
        self.changed: dict[str, dict[str, float]] = {}
        self.first: dict[str, str] = {}
        self.vintages: dict[str, list[tuple[str, str, str]]] = {}
        self.releases: dict[int, list[str]] = {10: [], 50: []}
        self.scale: dict[str, float] = {}
        sample = folder.read_sample(lambda *_: None)
        self._series = {n: (d.dates, d.values) for n, d in sample.series.items()}
        stocks = sample.prices
        assert stocks is not None
        for k, ticker in enumerate(stocks.tickers):
            seen = np.isfinite(stocks.prices[:, k])
            self._series[ticker] = (stocks.dates[seen], stocks.prices[seen, k])
        catalogue = load_catalogue()
        rng = np.random.default_rng(4)
        days = self._series["RUT"][0]
        for series in catalogue.series.values():
            if series.id in self._series or series.id.startswith("TFF_"):
                continue
            middle = float(np.mean(series.peak)) / 4 if series.peak[1] > 1 else 0.5
            middle = max(middle, series.peak[0] * 1.2)
            dates = days
            if series.frequency == "weekly":
                dates = np.arange("2006-01-07", "2026-01-03", 7, dtype="datetime64[D]")
            if series.frequency == "monthly":
                dates = np.arange("2006-01", "2026-01", dtype="datetime64[M]").astype("datetime64[D]")
            self._series[series.id] = (dates, np.round(middle * np.exp(0.02 * rng.standard_normal(dates.size)), 4))

    def rows(self, series_id: str) -> Rows:
        dates, values = self._series[series_id]
        scale, changed = self.scale.get(series_id, 1.0), self.changed.get(series_id, {})
        first = self.first.get(series_id, "0001-01-01")
        texts = dates.astype(str)
        out: Rows = []
        for day, value in zip(texts, values, strict=True):
            if first <= day <= self.last:
                out.append((str(day), changed.get(str(day), float(value) * scale)))
        return out

    def tuesdays(self) -> list[str]:
        dates = np.arange("2015-01-06", np.datetime64(self.last) + DAY, 7 * DAY, dtype="datetime64[D]")
        return [str(d) for d in dates]


class Loopback(ThreadingHTTPServer):
    """The publishers on one port."""

    daemon_threads = True

    def __init__(self, world: World | None = None, certificate: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Publisher)
        self.world = world or World()
        self.faults: dict[str, str] = {}
        self.times: Counter[str] = Counter()
        self.queries: list[str] = []
        self.agents: set[str] = set()
        self.latency = 0.0
        self.once: set[str] = set()
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        if certificate is not None:
            self.socket = certificate.wrap_socket(self.socket, server_side=True)
        self.scheme = "https" if certificate else "http"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def settings(self, home: Any, **more: Any) -> Settings:
        given: dict[str, Any] = {
            "fred_url": self.url, "fred_api_url": self.url, "cftc_url": self.url, "ishares_url": self.url,
            "sources": "fred,cftc,ishares", "timeout_seconds": 0.5, "retry_seconds": 0.01, "retries": 2,
            "requests_a_minute": 6000, "precompute": 0,
        }  # fmt: skip
        return Settings(home=home, **{**given, **more})

    def environment(self, home: Any) -> dict[str, str]:
        settings = self.settings(home)
        names = ("fred_url", "fred_api_url", "cftc_url", "ishares_url", "sources", "timeout_seconds", "retry_seconds",
                 "retries", "requests_a_minute", "precompute")  # fmt: skip
        return {f"XL_SMALLCAP_{n.upper()}": str(getattr(settings, n)) for n in names} | {"XL_SMALLCAP_HOME": str(home)}

    def fault(self, symbol: str) -> str:
        with self._lock:
            self.times[symbol] += 1
            kind = self.faults.get(symbol, self.faults.get("*", ""))
            if kind and symbol in self.once and self.times[symbol] > 1:
                return ""
            return kind

    def enter(self, step: int) -> None:
        with self._lock:
            self._now += step
            self.most_at_once = max(self.most_at_once, self._now)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or a handshake that failed, is what the tests are about."""

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Publisher(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Loopback

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""

    def do_GET(self) -> None:
        # counted until the answer begins: once it is sent the client may ask again before this thread goes on
        self.server.enter(1)
        if self.server.latency:
            time.sleep(self.server.latency)
        self.server.enter(-1)
        try:
            self._answer()
        except OSError:
            self.close_connection = True

    def _answer(self) -> None:
        where = urlsplit(self.path)
        query = {k: v[0] for k, v in parse_qs(where.query).items()}
        self.server.queries.append(self.path)
        self.server.agents.add(self.headers.get("User-Agent", ""))
        world = self.server.world
        if where.path == "/graph/fredgraph.csv":
            symbol = query["id"]
            fault = self.server.fault(symbol)
            kind, body = "text/csv", _fred_csv(world, symbol, fault)
        elif where.path == "/fred/series/observations":
            symbol = query["series_id"]
            fault = self.server.fault(symbol)
            kind, body = "application/json", _fred_json(world, symbol, query, fault)
        elif where.path == "/fred/release/dates":
            symbol = f"release {query['release_id']}"
            fault = self.server.fault(symbol)
            kind, body = "application/json", _release_dates(world, query, fault)
        elif where.path == "/resource/gpe5-46if.json":
            symbol = "SPX" if "13874A" in query["$where"] else "RUT"
            fault = self.server.fault(symbol)
            kind, body = "application/json", _cftc_json(world, symbol, fault)
        elif where.path.endswith("1467271812596.ajax"):
            symbol = query["fileName"].partition("_")[0]
            fault = self.server.fault(symbol)
            kind, body = "text/csv", _ishares_csv(world, symbol, fault)
        elif where.path.startswith("/v8/finance/chart/"):
            symbol = unquote(where.path.rpartition("/")[2])
            fault = self.server.fault(symbol)
            kind, body = "application/json", _yahoo_json(world, symbol, fault)
        else:
            self.send_error(404)
            return
        if body is None:
            self.send_error(404)
        elif fault in TRANSPORT:
            self._break(fault, kind, body)
        else:
            if fault == "html":
                kind, body = "text/html", b"<!DOCTYPE html><html><body>Please log in to the proxy.</body></html>"
            self._send(200, kind, body)

    def _send(self, status: int, kind: str, body: bytes, **headers: str) -> None:
        if "gzip" in self.headers.get("Accept-Encoding", "") and "Content_Encoding" not in headers and status == 200:
            body = gzip.compress(body, 1)
            headers["Content_Encoding"] = "gzip"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _break(self, fault: str, kind: str, body: bytes) -> None:
        if fault in ("404", "500"):
            self._send(int(fault), "text/html", b"<html>no</html>")
        elif fault.startswith("429"):
            self._send(429, "text/plain", b"", Retry_After="3600" if "long" in fault else "1")
        elif fault == "timeout":
            time.sleep(1.5)
            self.close_connection = True
        elif fault == "drip":
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                self.wfile.write(b"x")
                time.sleep(0.2)
        elif fault == "reset":
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        elif fault == "gzip bomb":
            self._send(200, kind, bomb(), Content_Encoding="gzip")
        elif fault == "redirect":
            self._send(302, kind, b"", Location="http://login.example.com/wifi")
        elif fault == "circle":
            self._send(302, kind, b"", Location=self.path)


@functools.lru_cache(maxsize=1)
def bomb() -> bytes:
    """Two hundred kilobytes that become two hundred megabytes."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b"0" * (1 << 20)
    return b"".join(squeeze.compress(block) for _ in range(200)) + squeeze.flush()


def _spoilt(rows: Rows, fault: str) -> Rows:
    """What content faults do to dates and values, in any layout."""
    if fault == "empty":
        return []
    if fault == "duplicates":
        return [*rows, rows[-1]]
    if fault == "future":
        return [*rows, ("2099-01-04", rows[-1][1])]
    if fault == "unit":
        return [(d, None if v is None else v * 100) for d, v in rows]
    if fault == "jump":
        return [(d, (v or 0) * 1e6 if k == len(rows) - 1 else v) for k, (d, v) in enumerate(rows)]
    if fault == "shorter":
        return rows[-len(rows) // 2 :]
    if fault == "missing":
        return [(d, None if k % 3 == 1 else v) for k, (d, v) in enumerate(rows)]
    return rows


def _number(value: float | None, missing: str) -> str:
    return missing if value is None else repr(value)


def _fred_csv(world: World, symbol: str, fault: str) -> bytes | None:
    try:
        rows = _spoilt(world.rows(symbol), fault)
    except KeyError:
        return None
    header = f"DATE,VALUE_{symbol}" if fault == "columns" else f"observation_date,{symbol}"
    text = "\n".join([header, *(f"{d},{_number(v, '.')}" for d, v in rows)]) + "\n"
    return text[:-9].encode() if fault == "truncated" else text.encode()


def _fred_json(world: World, symbol: str, query: dict[str, str], fault: str) -> bytes | None:
    if query.get("api_key") != "secret-key-0123456789":
        return json.dumps({"error_code": 400, "error_message": "Bad Request. The value for api_key is wrong."}).encode()
    vintages = world.vintages.get(symbol)
    if "realtime_end" not in query or vintages is None:
        vintages = [(d, _number(v, "."), "2025-12-31") for d, v in _spoilt(world.rows(symbol), fault)]
    observations = [
        {"realtime_start": shown, "realtime_end": "9999-12-31", "date": d, "value": v} for d, v, shown in vintages
    ]
    offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 100000)), 100000)
    answer = {
        "realtime_start": "1776-07-04", "realtime_end": "9999-12-31", "output_type": 1, "file_type": "json",
        "order_by": "observation_date", "sort_order": "asc", "count": len(observations), "offset": offset,
        "limit": limit, "observations": observations[offset : offset + limit],
    }  # fmt: skip
    text = json.dumps(answer)
    return text[: len(text) // 2].encode() if fault == "truncated" else text.encode()


def _release_dates(world: World, query: dict[str, str], fault: str) -> bytes:
    """As FRED's documentation of fred/release/dates shows it."""
    if query.get("api_key") != "secret-key-0123456789":
        return json.dumps({"error_code": 400, "error_message": "Bad Request. The value for api_key is wrong."}).encode()
    release = int(query["release_id"])
    days = world.releases.get(release, []) if query.get("include_release_dates_with_no_data") == "true" else []
    rows = [{"release_id": release, "date": day} for day in days]
    if fault == "columns":
        rows = [{"release_id": release, "day": day} for day in days]
    answer = {
        "realtime_start": "1776-07-04", "realtime_end": "9999-12-31", "order_by": "release_date", "sort_order": "asc",
        "count": len(rows), "offset": 0, "limit": 10000, "release_dates": rows,
    }  # fmt: skip
    text = json.dumps(answer)
    return text[: len(text) // 2].encode() if fault == "truncated" else text.encode()


def _cftc_json(world: World, symbol: str, fault: str) -> bytes:
    rng = np.random.default_rng(23)
    out = []
    weeks = [d for d, _ in _spoilt([(d, 1.0) for d in world.tuesdays()], fault)]
    for k, day in enumerate(weeks):
        interest = float(400_000 + 20 * k)
        if fault == "unit":
            interest *= 100
        if fault == "jump" and k == len(weeks) - 1:
            interest *= 1e6
        row: dict[str, str] = {
            "id": f"{k}F", "market_and_exchange_names": "E-MINI RUSSELL 2000 INDEX - CHICAGO MERCANTILE EXCHANGE",
            "report_date_as_yyyy_mm_dd": f"{day}T00:00:00.000",
            "cftc_contract_market_code": cftc.CONTRACTS[symbol][0], "futonly_or_combined": "FutOnly",
        }  # fmt: skip
        for name in cftc.COLUMNS.values():
            spelt = f"{name}_all" if name.startswith(("open", "dealer", "nonrept")) else name
            share = 1.0 if name == "open_interest" else float(rng.uniform(0.05, 0.3))
            row[spelt] = str(int(interest * share))
        if fault == "missing" and k % 3 == 1:
            del row["open_interest_all"]
        if fault == "columns":
            row["leveraged_funds_long"] = row.pop("lev_money_positions_long")
        out.append(row)
    text = json.dumps(out)
    return text[: len(text) // 2].encode() if fault == "truncated" else text.encode()


def _ishares_csv(world: World, symbol: str, fault: str) -> bytes:
    name = {"IWM": "iShares Russell 2000 ETF", "IVV": "iShares Core S&P 500 ETF"}[symbol]
    day = dt.date.fromisoformat("2099-01-04" if fault == "future" else world.last)
    out = io.StringIO()
    out.write(f'\ufeff{name}\nFund Holdings as of,"{day:%b %d, %Y}"\nInception Date,"May 22, 2000"\n')
    out.write('Shares Outstanding,"268,850,000.00"\nStock,"-"\nBond,"-"\nCash,"-"\nOther,"-"\n\xa0\n')
    header = ["Ticker", "Name", "Sector", "Asset Class", "Market Value", "Weight (%)", "Notional Value", "Quantity",
              "Price", "Location", "Exchange", "Currency", "FX Rate", "Market Currency", "Accrual Date"]  # fmt: skip
    if fault == "columns":
        header[5] = "Share of fund"
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    out.write(",".join(header) + "\n")
    count = 0 if fault == "empty" else 10 if fault == "shorter" else 200
    for k in range(count):
        weight = 0.5 * {"unit": 0.01, "jump": 1e6}.get(fault, 1.0)
        cells = [f"T{k:03d}", f"Company {k} Inc", "Industrials", "Equity", f"{1234567.5 + k:,.2f}", f"{weight:.4f}",
                 f"{1234567.5 + k:,.2f}", f"{10000 + k:,.2f}", f"{12 + k / 10:.2f}", "United States", "NASDAQ", "USD",
                 "1.00", "USD", "-"]  # fmt: skip
        if fault == "missing" and k % 3 == 1:
            cells[8] = "-"
        writer.writerow(cells)
    if fault == "duplicates":
        writer.writerow(cells)
    out.write('\xa0\n"The content contained herein is owned or licensed by BlackRock."\n')
    text = out.getvalue()
    return text[: len(text) // 2].encode() if fault == "truncated" else text.encode()


def _yahoo_json(world: World, symbol: str, fault: str) -> bytes | None:
    names = {"^RUT": "RUT", "^GSPC": "GSPC", "^NDX": "NDX", "^IXIC": "NASDAQCOM", "^VIX": "VIXCLS", "HG=F": "HG_F",
             "DX-Y.NYB": "DXY"}  # fmt: skip
    series_id = names.get(symbol, f"{symbol}_ADJ" if symbol.startswith("XL") else symbol)
    try:
        rows = _spoilt(world.rows(series_id), fault)
    except KeyError:
        return None
    stamps = [int(dt.datetime.fromisoformat(f"{d}T14:30:00+00:00").timestamp()) for d, _ in rows]
    prices = [v for _, v in rows]
    quote = dict.fromkeys(("open", "high", "low", "close"), prices) | {"volume": [1000] * len(prices)}
    meta = {
        "currency": "USD", "symbol": symbol, "exchangeName": "PCX", "instrumentType": "ETF", "gmtoffset": -18000,
        "timezone": "EST", "exchangeTimezoneName": "America/New_York", "dataGranularity": "1d", "range": "",
        "validRanges": ["1d", "max"], "priceHint": 2, "firstTradeDate": stamps[0] if stamps else 0,
    }  # fmt: skip
    result = {"meta": meta, "timestamp": stamps, "indicators": {"quote": [quote], "adjclose": [{"adjclose": prices}]}}
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()
