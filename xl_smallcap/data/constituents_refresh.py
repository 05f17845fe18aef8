"""Fetch the prices of an index's members from Yahoo, a ticker a request; stopped, it goes on where it was.

What a ticker brought is written beside the store at once. A ticker that fails keeps the prices it had, and the snapshot
changes only at the end.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xl_smallcap.config import Settings
from xl_smallcap.data import columnar
from xl_smallcap.data.clock import new_york_now
from xl_smallcap.data.cross_section import CrossSection, plain_ticker, replaced
from xl_smallcap.data.locks import changing
from xl_smallcap.data.manifest import PricesPart
from xl_smallcap.data.refresh import locked
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import Snapshot
from xl_smallcap.data.sources import Context, Request, yahoo
from xl_smallcap.data.store import Store
from xl_smallcap.data.writing import write_atomic
from xl_smallcap.errors import BadArgumentError, NoDataError, SourceError, StoreError

FIELD = "Adj Close"
_CLASSES = {"BRKB": "BRK-B", "BFA": "BF-A", "BFB": "BF-B", "MOGA": "MOG-A", "LENB": "LEN-B", "HEIA": "HEI-A",
            "CWENA": "CWEN-A", "GEFB": "GEF-B", "UHALB": "UHAL-B", "AKOA": "AKO-A"}  # fmt: skip
"""Share classes that iShares writes without the mark Yahoo has."""
_POLL_SECONDS = 0.2
_SHORTER = 0.9
"""A ticker's answer with less than this share of the days it had is not taken."""


@dataclass(frozen=True)
class ConstituentsReport:
    """The snapshot now CURRENT, how many tickers came, were there from a stopped run, and failed with what sentence."""

    snapshot: Snapshot
    came: int
    resumed: int
    failed: dict[str, str]


def tickers_of(snapshot: Snapshot, funds: tuple[str, ...]) -> list[str]:
    """Return the members by the newest holdings of some funds, as Yahoo writes them. Sorted."""
    found = set()
    for fund in funds:
        held = snapshot.holdings(fund)
        for ticker, kind in zip(held.ticker, held.asset_class, strict=True):
            if ticker not in ("", "-") and kind in ("", "Equity"):
                found.add(_CLASSES.get(plain_ticker(ticker), ticker.strip().upper().replace(".", "-")))
    return sorted(found)


def refresh_constituents(
    store: Store,
    settings: Settings,
    funds: tuple[str, ...],
    tell: Callable[[str, int, int], None],
    now: np.datetime64 | None = None,
) -> ConstituentsReport:
    """Fetch adjusted closes of every member and put them beside what the CURRENT snapshot has."""
    if "yahoo" not in settings.allowed_sources:
        raise BadArgumentError("Prices of constituents come from Yahoo, which the setting 'sources' does not allow.")
    lacking = yahoo.unusable(settings)
    if lacking:
        raise BadArgumentError(lacking)
    with locked(store):
        moment = new_york_now() if now is None else now
        base = store.open()
        if base.synthetic:
            raise BadArgumentError("The embedded sample is synthetic and never mixed with real data; refresh first.")
        wanted = tickers_of(base, funds)
        before = base.prices() if base.prices_entry is not None else None
        # a day's closes: a run stopped before the close does not go on after it
        closed = moment.astype("datetime64[D]") - (moment < moment.astype("datetime64[D]") + np.timedelta64(975, "m"))
        folder = store.root / "fetched" / f"{base.fingerprint}-{closed}"
        had, failed = _ask(settings, wanted, folder, before, moment, tell)
        came = _staged(folder, wanted)
        if not came:
            first = next(iter(failed.values()), "")
            raise NoDataError(f"No price of any of {len(wanted)} constituents came. {first}".strip())
        with changing(store.root):
            made = _joined(store, base, before, came, moment)
            if store.current() != base.fingerprint:
                raise StoreError(
                    "Other data were loaded while this refresh ran, and stay in use; refresh again to add to them."
                )
            store.use(made.fingerprint)
        shutil.rmtree(store.root / "fetched", ignore_errors=True)
        return ConstituentsReport(made, len(came), had, failed)


def _path(folder: Path, ticker: str) -> Path:
    return folder / f"_{plain_ticker(ticker)}.col"


def _ask(
    settings: Settings,
    wanted: list[str],
    folder: Path,
    before: CrossSection | None,
    now: np.datetime64,
    tell: Callable[[str, int, int], None],
) -> tuple[int, dict[str, str]]:
    """Ask for every ticker that is not there yet; how many were, and why the others failed."""
    context = Context(settings, None, now)  # type: ignore[arg-type]  # yfinance brings its own client
    waiting = [t for t in wanted if _read(_path(folder, t)) is None]
    had, total = len(wanted) - len(waiting), len(wanted)
    failed: dict[str, str] = {}
    done = had

    def ask(ticker: str) -> SeriesData:
        request = Request("yahoo", ticker, (FIELD,), ())
        return yahoo.parse(yahoo.fetch(request, context), request).series[FIELD]

    pool = ThreadPoolExecutor(max_workers=settings.parallel_requests, thread_name_prefix="constituents")
    running: dict[Future[SeriesData], str] = {}
    try:
        while waiting or running:
            while waiting and len(running) < settings.parallel_requests:
                ticker = waiting.pop(0)
                running[pool.submit(ask, ticker)] = ticker
            finished, _ = wait(running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in finished:
                ticker = running.pop(future)
                try:
                    data = future.result()
                    _check(ticker, data, before)
                    content = columnar.encode({"dates": data.dates.view(np.int64), "values": data.values}, {})
                    write_atomic(_path(folder, ticker), content, durable=False, private=True)
                except SourceError as exc:
                    failed[ticker] = str(exc)
                done += 1
                tell(ticker, done, total)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return had, failed


def _check(ticker: str, data: SeriesData, before: CrossSection | None) -> None:
    if not (data.values > 0).all():
        raise SourceError(f"Yahoo, {ticker}: a price is at or below zero.")
    if before is None:
        return
    names = {plain_ticker(t): k for k, t in enumerate(before.tickers)}
    k = names.get(plain_ticker(ticker))
    if k is None:
        return
    old = before.dates[np.isfinite(before.prices[:, k])]
    if data.dates.size < _SHORTER * old.size or data.dates[-1] < old[-1]:
        raise SourceError(
            f"Yahoo, {ticker}: {data.dates.size} days to {data.dates[-1]} came, but {old.size} to {old[-1]} are there; "
            "the answer may be cut short."
        )


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return columnar.decode(path.read_bytes(), str(path))[0]
    except (OSError, StoreError):
        return None


def _staged(folder: Path, wanted: list[str]) -> dict[str, dict[str, Any]]:
    found = {}
    for ticker in wanted:
        data = _read(_path(folder, ticker))
        if data is not None:
            found[ticker] = data
    return found


def _joined(
    store: Store, base: Snapshot, before: CrossSection | None, came: dict[str, dict[str, Any]], now: np.datetime64
) -> Snapshot:
    names = sorted(came)
    dates = np.unique(np.concatenate([came[t]["dates"] for t in names]))
    prices = np.full((dates.size, len(names)), np.nan)
    for k, ticker in enumerate(names):
        prices[np.searchsorted(dates, came[ticker]["dates"]), k] = came[ticker]["values"]
    fresh = CrossSection(dates.view("datetime64[D]"), tuple(names), prices)
    whole = replaced(before, fresh) if before is not None else fresh
    entry = store.put_prices(whole, PricesPart("yahoo", FIELD, str(now), tuple(names)), base.prices_entry)
    return store.add(
        {}, source=base.source, holdings=base.holdings_entries, parent=base.fingerprint, kept=base.entries,
        prices=entry, loaded_at=str(now.astype("datetime64[s]")), note=f"refresh: constituents, {len(names)} tickers",
    )  # fmt: skip
