"""From a folder, a workbook or the sample to a snapshot: read, write, then move CURRENT; a failure changes nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from xl_smallcap.data.catalogue import Catalogue, load_catalogue
from xl_smallcap.data.clock import new_york_now
from xl_smallcap.data.cross_section import CrossSection, Joined, join
from xl_smallcap.data.manifest import HoldingsEntry, PricesEntry, PricesPart, Provenance, label_of
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import Snapshot
from xl_smallcap.data.sources import constituents, folder, sample
from xl_smallcap.data.sources import workbook as sheets
from xl_smallcap.data.sources._loaded import Loaded, Progress
from xl_smallcap.data.store import Store
from xl_smallcap.data.validation import suspects
from xl_smallcap.errors import BadArgumentError, SourceError, StoreError


@dataclass(frozen=True)
class LoadReport:
    """The new snapshot, files left out with the reason, values worth a look, and what became of the snapshot before."""

    snapshot: Snapshot
    skipped: dict[str, str]
    suspects: list[str]
    remarks: list[str] = field(default_factory=list)


def _read(place: str, progress: Progress, sheet: str | None, area: str | None, stocks: bool) -> tuple[str, Loaded]:
    """Read the place a user named, with the name of the source it is."""
    if stocks:
        many = constituents.read(Path(place).expanduser(), progress)
        return "folder", Loaded(
            series={}, origins={}, skipped=many.skipped, holdings=many.holdings, prices=many.prices,
            prices_origin=many.origin, remarks=many.remarks,
        )  # fmt: skip
    if place.strip().lower() == "sample":
        return "sample", sample.read(progress)
    path = Path(place).expanduser()
    if path.suffix.lower() in sheets.SUFFIXES:
        return "workbook", sheets.read(path, progress, sheet, area)
    if sheet or area:
        raise BadArgumentError(f"--sheet and --range are for a workbook (.xlsx, .xlsm); '{place}' is none.")
    return "folder", folder.read(path, progress)


def _over(mine: SeriesData, before: SeriesData) -> tuple[SeriesData, int]:
    """The place's rows, and those of other days from before; how many such days there are."""
    other = ~np.isin(before.dates, mine.dates)
    joined = SeriesData.build(
        np.concatenate([before.dates[other], mine.dates]),
        np.concatenate([before.values[other], mine.values]),
        np.concatenate([before.available_at[other], mine.available_at]),
    )
    return joined, int(np.unique(before.dates[other]).size)


def _no_series(prices: CrossSection, catalogue: Catalogue) -> None:
    """Refuse a folder of series that was meant to be loaded without --constituents."""
    wrong = [t for t in prices.tickers if t in catalogue.series and catalogue.series[t].kind != "price"]
    if wrong:
        raise SourceError(
            f"'{wrong[0]}' ({catalogue.series[wrong[0]].label}) is a series, not a stock; load this folder without "
            "--constituents, or move its prices of stocks to a folder of their own."
        )


def _joined_remarks(done: Joined) -> list[str]:
    told = []
    for names, what in (
        (done.extended, "agree with what was there where both have days: longer now, the days before kept"),
        (done.replaced, "differ from what was there: replaced, the history before is gone"),
        (done.kept, "differ from what was there and are shorter: NOT taken, what was there is kept"),
    ):
        if names:
            listed = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
            told.append(f"Prices of {len(names)} stock(s) {what} ({listed}).")
    return told


def _dropped(store: Store, current: str | None, names: set[str], stocks_gone: bool) -> list[str]:
    """Say which series of the snapshot in use the new one lacks."""
    try:
        before = store.open(current) if current else None
    except StoreError:
        return []
    if before is None or before.synthetic:
        return []
    gone = sorted(set(before.entries) - names)
    if stocks_gone and before.prices_entry is not None:
        return [
            *_dropped(store, current, names, False),
            f"The prices of {len(before.prices_entry.tickers)} stocks, and the holdings, of the snapshot before are "
            f"not in this one. 'xl-smallcap data use {before.fingerprint}' goes back; loading with --add keeps them.",
        ]
    if not gone:
        return []
    listed = ", ".join(gone[:5]) + (" ..." if len(gone) > 5 else "")
    return [
        f"{len(gone)} series of the snapshot before are not in this one ({listed}). 'xl-smallcap data use "
        f"{before.fingerprint}' goes back; loading with --add keeps them."
    ]


def _prices(
    store: Store, base: Snapshot | None, found: Loaded, new: PricesPart, catalogue: Catalogue
) -> tuple[PricesEntry | None, list[str]]:
    """Join the place's constituents to those of the base and write them; what became of them as sentences."""
    before = base.prices_entry if base is not None else None
    if found.prices is None:
        return before, []
    _no_series(found.prices, catalogue)
    whole, came, told = found.prices, found.prices.tickers, []
    if base is not None and before is not None:
        try:
            done = join(base.prices(), found.prices)
            whole, came = done.data, tuple(t for t in came if t in done.data.tickers and t not in done.kept)
            told += _joined_remarks(done)
        except StoreError as exc:
            told.append(f"The constituents that were there could not be read and are left out: {exc}")
    entry = store.put_prices(whole, replace(new, tickers=came), before)
    ids = {n.upper() for n in [*found.series, *(base.entries if base is not None else ())]}
    both = sorted({t.upper() for t in whole.tickers} & ids)
    told += [f"'{t}' is a series and a stock: the stock is asked for as 'stock:{t}'." for t in both]
    return entry, told


def load(
    store: Store,
    place: str,
    progress: Progress,
    *,
    make_current: bool = True,
    sheet: str | None = None,
    area: str | None = None,
    add: bool = False,
    catalogue_file: Path | None = None,
    stocks: bool = False,
) -> LoadReport:
    """Read a source into a new snapshot.

    Parameters
    ----------
    store : Store
        Where it goes.
    place : str
        A folder, a workbook, or ``"sample"``.
    progress : callable
        Called with (file, done, total).
    make_current : bool
        Whether the snapshot becomes CURRENT.
    sheet, area : str, optional
        Of a workbook: the sheet, and the range or defined name.
    add : bool
        Whether the CURRENT snapshot is kept and added to; on days both have, the place's values stand.
    catalogue_file : pathlib.Path, optional
        The user's own catalogue, whose spelling of series counts too.
    stocks : bool
        Whether the place is a folder of constituents, put beside what is CURRENT.

    Returns
    -------
    LoadReport

    Raises
    ------
    BadArgumentError, SourceError, StoreError
        Nothing was changed.
    """
    source, found = _read(place, progress, sheet, area, stocks)
    add = add or stocks
    catalogue = load_catalogue(catalogue_file)
    ids = {name.lower(): name for name in catalogue.series}
    renamed = {ids.get(name.lower(), name): data for name, data in found.series.items()}
    if len(renamed) < len(found.series):
        raise SourceError("Two series differ in nothing but capital letters; keep one of each.")
    looked_at = [
        s for name, data in renamed.items() if name in catalogue.series for s in suspects(catalogue.series[name], data)
    ]
    if not found.series and not add:
        raise SourceError(
            f"'{place}' holds holdings but no series; give --add to put them beside the series of the snapshot in use."
        )
    current = store.current()
    base = store.open() if add and current else None
    if base is not None and base.synthetic != found.synthetic:
        advice = "Load series of your own first." if stocks else "Load without --add."
        raise BadArgumentError(f"The embedded sample is synthetic and never mixed with real data. {advice}")
    # The sample is no news of any day: the same everywhere, whenever it was loaded.
    fetched_at = "" if found.synthetic else str(new_york_now())
    frequencies = found.frequencies()
    provenance = {
        ids.get(n.lower(), n): Provenance(source, found.origins.get(n, ""), frequencies[n], fetched_at)
        for n in found.series
    }
    holdings = [
        HoldingsEntry(store.put_holdings(h), h.fund, h.day, len(h.ticker), source, origin, fetched_at)
        for h, origin in found.holdings
    ]
    series: dict[str, SeriesData] = dict(renamed)
    kept = {}
    remarks = _dropped(store, current, set(series), found.prices is None) if not add else []
    if base is not None:
        kept = dict(base.entries)
        for name in sorted(set(series) & set(base.entries)):
            series[name], days = _over(series[name], base.series(name))
            also = tuple(sorted(set(base.entries[name].sources) - {source})) if days else ()
            provenance[name] = replace(provenance[name], also=also)
            remarks.append(
                f"{name}: {renamed[name].dates.size} rows of '{place}' over what was there; {days} other days kept."
            )
        mine = {(h.fund, h.as_of) for h in holdings}
        holdings += [h for h in base.holdings_entries if (h.fund, h.as_of) not in mine]
    sources = [source] + [s for n, e in kept.items() if n not in series for s in e.sources]
    sources += [s for p in provenance.values() for s in p.also]
    named = label_of(sources or ["folder"])
    prices, told = _prices(store, base, found, PricesPart(source, found.prices_origin, fetched_at, ()), catalogue)
    remarks += told
    snapshot = store.add(
        series,
        source=named,
        provenance=provenance,
        synthetic=found.synthetic,
        loaded_at=dt.datetime.now().isoformat(timespec="seconds"),
        holdings=holdings,
        parent=current or "",
        kept=kept,
        note=f"load {place}" + (" --add" if add else ""),
        prices=prices,
    )
    if make_current:
        store.use(snapshot.fingerprint)
    return LoadReport(snapshot, found.skipped, looked_at, found.remarks + remarks)
