"""The snapshots of a store: which there are, how two differ, which may go, and one as CSV files."""

from __future__ import annotations

import contextlib
import io
import re
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xl_smallcap.data.atomic import changing, csv_bytes, write_atomic
from xl_smallcap.data.catalogue import Catalogue, Licence
from xl_smallcap.data.cross_section import CrossSection, Holdings
from xl_smallcap.data.refresh import locked
from xl_smallcap.data.revisions import latest
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import Snapshot, licence_of, object_path
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, NoDataError, SourceError, StoreError

_LEFT_ALONE_SECONDS = 3600.0
"""Files younger than this may belong to a load under way in another process."""


@dataclass(frozen=True)
class SnapshotLine:
    """One snapshot: when made, after which, how many series, its newest day; `why` says why it cannot be read."""

    fingerprint: str
    made_at: str
    source: str
    parent: str
    series: int
    newest: str
    current: bool
    why: str = ""
    note: str = ""


@dataclass(frozen=True)
class SeriesChange:
    """How one series differs between two snapshots: only in the later one, only in the earlier, or both.

    `added`, `removed` and `revised` count days; `first_revised` is the earliest day whose latest value differs, and
    `largest` the largest such difference, relative to the earlier value.
    """

    series: str
    kind: str
    added: int = 0
    removed: int = 0
    revised: int = 0
    first_revised: str = ""
    largest: float = 0.0
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Pruned:
    """What a prune took away."""

    snapshots: tuple[str, ...]
    files: int
    size: int


def snapshots_of(store: Store) -> list[SnapshotLine]:
    """List the snapshots of a store, newest first."""
    current = store.current()
    lines = []
    for fingerprint in store.snapshots():
        try:
            opened = store.open(fingerprint)
        except StoreError as exc:
            lines.append(SnapshotLine(fingerprint, "", "", "", 0, "", fingerprint == current, str(exc)))
            continue
        newest = max((e.last for e in opened.entries.values()), default="")
        lines.append(
            SnapshotLine(
                fingerprint=fingerprint,
                made_at=opened.loaded_at,
                source=opened.name.rpartition(" ")[0],
                parent=opened.parent,
                series=len(opened.entries),
                newest=newest,
                current=fingerprint == current,
                note=opened.note,
            )
        )
    return _newest_first(lines)


def _newest_first(lines: list[SnapshotLine]) -> list[SnapshotLine]:
    """By when they were made, but none before the one it follows: a clock may have been wrong for a day."""
    by = {line.fingerprint: line for line in lines}

    def age(line: SnapshotLine) -> tuple[str, int]:
        latest, depth, seen = line.made_at, 0, {line.fingerprint}
        while (before := by.get(line.parent)) is not None and before.fingerprint not in seen:
            seen.add(before.fingerprint)
            latest, depth, line = max(latest, before.made_at), depth + 1, before
        return latest, depth

    return sorted(lines, key=lambda line: (*age(line), line.fingerprint), reverse=True)


def compare(before: Snapshot, after: Snapshot) -> list[SeriesChange]:
    """Say series by series how a later snapshot differs from an earlier one.

    Only series that differ, in the order of their names.
    """
    changes = []
    for name in sorted({*before.entries, *after.entries}):
        old, new = before.entries.get(name), after.entries.get(name)
        if old is None and new is not None:
            changes.append(SeriesChange(name, "new series", added=new.nobs, after=new.source))
        elif new is None and old is not None:
            changes.append(SeriesChange(name, "gone", removed=old.nobs, before=old.source))
        elif old is not None and new is not None and old.object != new.object:
            changes.append(_changed(name, before, after, old.source, new.source))
    return changes


def _changed(name: str, before: Snapshot, after: Snapshot, old_source: str, new_source: str) -> SeriesChange:
    old_days, old = latest(before.series(name))
    new_days, new = latest(after.series(name))
    common, i, j = np.intersect1d(old_days, new_days, assume_unique=True, return_indices=True)
    differs = old[i] != new[j]
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.abs(new[j] / old[i] - 1.0)[differs]
    finite = moves[np.isfinite(moves)]
    return SeriesChange(
        series=name,
        kind="revised" if differs.any() else "shortened" if old_days.size > common.size else "extended",
        added=int(new_days.size - common.size),
        removed=int(old_days.size - common.size),
        revised=int(differs.sum()),
        first_revised=str(common[differs][0]) if differs.any() else "",
        largest=float(finite.max()) if finite.size else 0.0,
        before=old_source,
        after=new_source,
    )


def prune(store: Store, keep: int) -> Pruned:
    """Take away all but the newest snapshots, files no snapshot needs and what killed loads left.

    CURRENT always stays. A workbook may pin a snapshot that goes; nobody but its owner knows.
    """
    if keep < 0:
        raise BadArgumentError(f"--keep must be 0 or more; got {keep}.")
    with locked(store), changing(store.root):
        current = store.current()
        if store.snapshots() and current not in store.snapshots():
            raise StoreError(
                "Nothing was pruned: the store does not say which snapshot is in use. 'xl-smallcap data use "
                f"FINGERPRINT' names one of: {', '.join(store.snapshots())}."
            )
        lines = snapshots_of(store)
        broken = next((line for line in lines if line.why), None)
        if broken is not None:
            raise StoreError(f"Nothing was pruned: {broken.why}")
        others = [line.fingerprint for line in lines if not line.current]
        gone = others[keep:]
        size = 0
        for fingerprint in gone:
            path = store.root / "snapshots" / f"{fingerprint}.json"
            if store.current() != current:  # a program that knows no lock
                raise StoreError("Other data became CURRENT meanwhile; prune again.")
            size += path.stat().st_size
            path.unlink()
        needed, left = set(), store.snapshots()
        for fingerprint in left:
            opened = store.open(fingerprint)
            needed |= {object_path(store.root, SeriesData, e.object) for e in opened.entries.values()}
            needed |= {object_path(store.root, Holdings, h.object) for h in opened.holdings_entries}
            years = opened.prices_entry.objects if opened.prices_entry is not None else ()
            needed |= {object_path(store.root, CrossSection, y.partition(":")[2]) for y in years}
        files = 0
        for path in [p for kind in ("col", "own", "sec", "tmp") for p in store.root.rglob(f"*.{kind}")]:
            with contextlib.suppress(OSError):  # open in another program: next time
                stat = path.stat()
                if path not in needed and time.time() - stat.st_mtime > _LEFT_ALONE_SECONDS:
                    if store.snapshots() != left or path.stat().st_mtime != stat.st_mtime:
                        raise StoreError("Another program is adding to this store; prune again.")
                    path.unlink()
                    files, size = files + 1, size + stat.st_size
        return Pruned(tuple(gone), files, size)


# -- A snapshot as CSV files that ``data load`` reads back, without what its owner does not let out.


_ALWAYS: tuple[Licence, ...] = ("public", "attribution", "own")
_FILE_NAME = re.compile(r"(?!(?:con|prn|aux|nul|com\d|lpt\d)$)[A-Za-z0-9_^=&+-][A-Za-z0-9_.^=&+ -]*$", re.IGNORECASE)
_INSIDE: tuple[Licence, ...] = (*_ALWAYS, "restricted")


@dataclass(frozen=True)
class Exported:
    """Series written, and those left out with the reason."""

    folder: Path
    written: tuple[str, ...]
    withheld: dict[str, str]


def export(catalogue: Catalogue, snapshot: Snapshot, folder: Path, *, inside: bool = False) -> Exported:
    """Write a CSV file a series, ``date,value,available_at``, and SOURCES.txt."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SourceError(f"'{folder}' exists and is not an empty folder; name another.")
    if snapshot.synthetic:
        raise SourceError("The sample is synthetic; as plain files it would look like data, so it is not exported.")
    allowed = _INSIDE if inside else _ALWAYS
    written, withheld, listing = [], {}, io.StringIO()
    listing.write(
        f"Snapshot {snapshot.name}. One file a series: date, value, available_at (New York; empty: usual lag).\n"
    )
    for name in snapshot.ids:
        licence, entry = licence_of(catalogue, snapshot, name), snapshot.entries[name]
        series = catalogue.series_of(name)
        by = "+".join(entry.sources)
        line = f"{name}: {series.label}, {series.publisher}, by way of {by} {entry.origin}, licence {licence}"
        if not _FILE_NAME.match(name):
            withheld[name] = "its name is no file name everywhere"
            continue
        if licence not in allowed:
            withheld[name] = f"{licence}: {series.publisher}, by way of {by}"
            continue
        data = snapshot.series(name)
        rows = [
            [day, float(value), "" if np.isnat(moment) else moment]
            for day, value, moment in zip(data.dates, data.values, data.available_at, strict=True)
        ]
        write_atomic(folder / f"{name}.csv", csv_bytes(["date", "value", "available_at"], rows))
        written.append(name)
        listing.write(line + "\n")
    if not written:
        raise NoDataError("Nothing was written: no series of this snapshot may leave the house.")
    for name, why in withheld.items():
        listing.write(f"{name}: not written ({why})\n")
    write_atomic(folder / "SOURCES.txt", listing.getvalue().encode())
    return Exported(folder, tuple(written), withheld)
