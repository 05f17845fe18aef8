"""From a source to a snapshot: read everything, then write, then move CURRENT; any failure changes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xl_smallcap.data.sources import SOURCES
from xl_smallcap.data.store import Snapshot, Store


@dataclass(frozen=True)
class LoadReport:
    """The new snapshot, and the files of another layout that were left out, with the reason."""

    snapshot: Snapshot
    skipped: dict[str, str]


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
    snapshot = store.add(
        found.series,
        source=source,
        origins=found.origins,
        frequencies=found.frequencies(),
        synthetic=found.synthetic,
        loaded_at=dt.datetime.now().isoformat(timespec="seconds"),
    )
    if make_current:
        store.use(snapshot.fingerprint)
    return LoadReport(snapshot, found.skipped)
