"""From a source to a snapshot: read everything, then write, then move CURRENT; any failure changes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xl_smallcap.data.catalogue import Series, load_catalogue
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.sources import SOURCES
from xl_smallcap.data.store import Snapshot, Store
from xl_smallcap.errors import SourceError

_PRICE_JUMP, _MONTH_JUMP, _YIELD_JUMP, _YIELD_LEVEL = 0.69, 0.4, 3.0, 30.0


@dataclass(frozen=True)
class LoadReport:
    """The new snapshot, files of another layout that were left out with the reason, and values worth a look."""

    snapshot: Snapshot
    skipped: dict[str, str]
    suspects: list[str]


def suspects(series: Series, data: SeriesData) -> list[str]:
    """Say which values of a series look like a misplaced decimal, another unit or a sign.

    Parameters
    ----------
    series : Series
        Its entry in the catalogue.
    data : SeriesData
        Its values; they are kept as they are.

    Returns
    -------
    list of str
        A sentence each; empty for most series.
    """
    values = data.values
    found = []
    if series.kind == "price":
        low = np.flatnonzero(values <= 0)
        if low.size:
            found.append(f"{series.id}: {low.size} price(s) at or below zero, first on {data.dates[low[0]]}.")
        keep = values > 0
        moves, days = np.abs(np.diff(np.log(values[keep]))), data.dates[keep]
        limit, said = (
            (_PRICE_JUMP, "by half or more") if series.frequency == "daily" else (_MONTH_JUMP, "by a third or more")
        )
    elif series.kind == "yield":
        moves, days, limit, said = np.abs(np.diff(values)), data.dates, _YIELD_JUMP, "by 3 points or more"
        if np.abs(values).max() > _YIELD_LEVEL:
            found.append(f"{series.id}: {np.abs(values).max():g} is no percentage a rate has; basis points?")
    else:
        return found
    jumps = np.flatnonzero(moves > limit)
    if jumps.size:
        listed = ", ".join(str(days[i + 1]) for i in jumps[:3]) + (" ..." if jumps.size > 3 else "")
        found.append(f"{series.id} moves {said} between two observations {jumps.size} time(s): {listed}.")
    return found


def _canonical(name: str, ids: dict[str, str]) -> str:
    """A series id in the catalogue's spelling, whatever its case in the file."""
    return ids.get(name.lower(), name)


def load(
    store: Store, place: str, progress: Callable[[str, int, int], None], *, make_current: bool = True
) -> LoadReport:
    """Read a source into a new snapshot.

    Parameters
    ----------
    store : Store
        Where it goes.
    place : str
        A folder, or ``"sample"``.
    progress : callable
        Called with (file, done, total).
    make_current : bool
        Whether the snapshot becomes CURRENT.

    Returns
    -------
    LoadReport

    Raises
    ------
    SourceError, StoreError
        Nothing was changed.
    """
    is_sample = place.strip().lower() == "sample"
    source = "sample" if is_sample else "folder"
    found = SOURCES[source](None if is_sample else Path(place).expanduser(), progress)
    catalogue = load_catalogue()
    ids = {name.lower(): name for name in catalogue.series}
    renamed = {_canonical(name, ids): data for name, data in found.series.items()}
    if len(renamed) < len(found.series):
        raise SourceError("Two series differ in nothing but capital letters; keep one of each.")
    looked_at = [
        s for name, data in renamed.items() if name in catalogue.series for s in suspects(catalogue.series[name], data)
    ]
    snapshot = store.add(
        renamed,
        source=source,
        origins={_canonical(n, ids): o for n, o in found.origins.items()},
        frequencies={_canonical(n, ids): f for n, f in found.frequencies().items()},
        synthetic=found.synthetic,
        loaded_at=dt.datetime.now().isoformat(timespec="seconds"),
    )
    if make_current:
        store.use(snapshot.fingerprint)
    return LoadReport(snapshot, found.skipped, looked_at)
