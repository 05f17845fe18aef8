"""A snapshot as CSV files that ``data load`` reads back, without what its owner does not let out."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xl_smallcap.data.atomic import csv_bytes, write_atomic
from xl_smallcap.data.catalogue import Catalogue, Licence
from xl_smallcap.data.snapshot import Snapshot, licence_of
from xl_smallcap.errors import NoDataError, SourceError

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
    written, withheld, told = [], {}, io.StringIO()
    told.write(
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
        told.write(line + "\n")
    if not written:
        raise NoDataError("Nothing was written: no series of this snapshot may leave the house.")
    for name, why in withheld.items():
        told.write(f"{name}: not written ({why})\n")
    write_atomic(folder / "SOURCES.txt", told.getvalue().encode())
    return Exported(folder, tuple(written), withheld)
