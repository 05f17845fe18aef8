"""From a folder, a workbook or the sample to a snapshot: read, write, then move CURRENT; a failure changes nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from xl_smallcap.data.catalogue import load_catalogue
from xl_smallcap.data.clock import new_york_now
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import HoldingsEntry, Provenance, Snapshot, label_of
from xl_smallcap.data.sources import folder, sample
from xl_smallcap.data.sources import workbook as sheets
from xl_smallcap.data.sources._loaded import Loaded, Progress
from xl_smallcap.data.store import Store
from xl_smallcap.data.validation import suspects
from xl_smallcap.errors import BadArgumentError, SourceError


@dataclass(frozen=True)
class LoadReport:
    """The new snapshot, files of another layout that were left out with the reason, and values worth a look."""

    snapshot: Snapshot
    skipped: dict[str, str]
    suspects: list[str]


def _read(place: str, progress: Progress, sheet: str | None, area: str | None) -> tuple[str, Loaded]:
    """Read the place a user named, with the name of the source it is."""
    if place.strip().lower() == "sample":
        return "sample", sample.read(progress)
    path = Path(place).expanduser()
    if path.suffix.lower() in sheets.SUFFIXES:
        return "workbook", sheets.read(path, progress, sheet, area)
    if sheet or area:
        raise BadArgumentError(f"--sheet and --range are for a workbook (.xlsx, .xlsm); '{place}' is none.")
    return "folder", folder.read(path, progress)


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
        Whether the CURRENT snapshot's other series are kept; those of the same name are replaced.
    catalogue_file : pathlib.Path, optional
        The user's own catalogue, whose spelling of series counts too.

    Returns
    -------
    LoadReport

    Raises
    ------
    BadArgumentError, SourceError, StoreError
        Nothing was changed.
    """
    source, found = _read(place, progress, sheet, area)
    catalogue = load_catalogue(catalogue_file)
    ids = {name.lower(): name for name in catalogue.series}
    renamed = {ids.get(name.lower(), name): data for name, data in found.series.items()}
    if len(renamed) < len(found.series):
        raise SourceError("Two series differ in nothing but capital letters; keep one of each.")
    looked_at = [
        s for name, data in renamed.items() if name in catalogue.series for s in suspects(catalogue.series[name], data)
    ]
    base = store.open() if add and store.current() else None
    if base is not None and base.synthetic != found.synthetic:
        raise BadArgumentError("The embedded sample is synthetic and never mixed with real data. Load without --add.")
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
    if base is not None:
        series = {**{n: base.series(n) for n in base.ids}, **series}
        provenance = {**{n: base.entries[n].provenance for n in base.ids}, **provenance}
        mine = {(h.fund, h.as_of) for h in holdings}
        holdings += [h for h in base.holdings_entries if (h.fund, h.as_of) not in mine]
    named = label_of([provenance[n].source for n in series] or [source])
    snapshot = store.add(
        series,
        source=named,
        provenance=provenance,
        synthetic=found.synthetic,
        loaded_at=dt.datetime.now().isoformat(timespec="seconds"),
        holdings=holdings,
        parent=store.current() or "",
    )
    if make_current:
        store.use(snapshot.fingerprint)
    return LoadReport(snapshot, found.skipped, looked_at)
