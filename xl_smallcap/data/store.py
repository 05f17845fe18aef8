"""The store on disk: immutable series named by content, a manifest a snapshot, one CURRENT pointer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from xl_smallcap.data import columnar
from xl_smallcap.data.series import SeriesData
from xl_smallcap.errors import NoDataError, StoreError

SCHEMA = 1
SYNTHETIC_MARK = "SAMPLE (synthetic)"
"""Shown wherever the source of a number computed from the embedded sample is shown."""
_FINGERPRINT_LENGTH = 12


@dataclass(frozen=True)
class Entry:
    """What a manifest says of one series."""

    object: str
    source: str
    origin: str
    first: str
    last: str
    nobs: int
    frequency: str


@dataclass(frozen=True)
class Snapshot:
    """An immutable set of series; reads a series when first asked for it."""

    fingerprint: str
    source: str
    synthetic: bool
    loaded_at: str
    entries: Mapping[str, Entry]
    root: Path
    _read: dict[str, SeriesData] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the stored series, sorted."""
        return tuple(sorted(self.entries))

    @property
    def frequencies(self) -> dict[str, str]:
        """Frequency of each stored series, as seen in its dates."""
        return {name: self.entries[name].frequency for name in self.ids}

    @property
    def name(self) -> str:
        """Source and fingerprint; says SAMPLE (synthetic) where that is so."""
        return f"{SYNTHETIC_MARK if self.synthetic else self.source} {self.fingerprint}"

    def series(self, series_id: str) -> SeriesData:
        """Read one series and check it against its content hash.

        Parameters
        ----------
        series_id : str
            As stored.

        Returns
        -------
        SeriesData

        Raises
        ------
        NoDataError
            The snapshot has no such series.
        StoreError
            Its file is missing or damaged.
        """
        done = self._read.get(series_id)
        if done is not None:
            return done
        entry = self.entries.get(series_id)
        if entry is None:
            raise NoDataError(f"The snapshot {self.name} has no series '{series_id}'.")
        path = _object_path(self.root, entry.object)
        what = f"Series '{series_id}' of snapshot {self.fingerprint}"
        try:
            raw = path.read_bytes()
        except OSError as exc:
            raise StoreError(f"{what} could not be read ({exc.strerror}); load the data again to repair it.") from exc
        columns, _ = columnar.decode(raw, what)
        data = SeriesData(
            columns["dates"].view("datetime64[D]"),
            columns["values"],
            columns["available_at"].view("datetime64[m]"),
        )
        if data.digest() != entry.object:
            raise StoreError(f"{what} does not match its fingerprint; load the data again to repair it.")
        self._read[series_id] = data
        return data


def _object_path(root: Path, digest: str) -> Path:
    return root / "objects" / digest[:2] / f"{digest}.col"


class Store:
    """Snapshots in a folder. Everything but CURRENT is immutable, so several processes can work in it at once.

    Parameters
    ----------
    root : pathlib.Path
        The folder; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(
        self,
        series: Mapping[str, SeriesData],
        *,
        source: str,
        origins: Mapping[str, str],
        frequencies: Mapping[str, str],
        synthetic: bool,
        loaded_at: str,
    ) -> Snapshot:
        """Write series and a manifest; CURRENT is not touched.

        Parameters
        ----------
        series : mapping of str to SeriesData
            By id.
        source : str
            Name of the source, such as ``"folder"``.
        origins : mapping of str to str
            File or feed each series came from.
        frequencies : mapping of str to str
            As seen in the data.
        synthetic : bool
            Whether every number computed from it must say SAMPLE.
        loaded_at : str
            ISO moment, kept for information; not part of the fingerprint.

        Returns
        -------
        Snapshot

        Raises
        ------
        StoreError
            The disk is full or not writable; the store stays as it was.
        """
        sha = hashlib.sha256(f"{SCHEMA}|{source}|{synthetic}".encode())
        entries: dict[str, dict[str, Any]] = {}
        for name in sorted(series):
            data = series[name]
            digest = data.digest()
            sha.update(f"|{name}={digest}".encode())
            path = _object_path(self.root, digest)
            content = columnar.encode(
                {
                    "dates": data.dates.view(np.int64),
                    "values": data.values,
                    "available_at": data.available_at.view(np.int64),
                },
                {},
            )
            if not path.is_file() or path.read_bytes() != content:
                columnar.write_atomic(path, content)
            entries[name] = {
                "object": digest,
                "source": source,
                "origin": origins.get(name, ""),
                "first": str(data.dates[0]),
                "last": str(data.dates[-1]),
                "nobs": int(np.unique(data.dates).size),
                "frequency": frequencies.get(name, "daily"),
            }
        fingerprint = sha.hexdigest()[:_FINGERPRINT_LENGTH]
        manifest = {
            "schema": SCHEMA,
            "fingerprint": fingerprint,
            "source": source,
            "synthetic": synthetic,
            "loaded_at": loaded_at,
            "series": entries,
        }
        columnar.write_atomic(self._manifest(fingerprint), json.dumps(manifest, indent=1, sort_keys=True).encode())
        return self.open(fingerprint)

    def use(self, fingerprint: str) -> None:
        """Make a snapshot the CURRENT one.

        Parameters
        ----------
        fingerprint : str
            Of a snapshot in the store, or its beginning where no other begins so.

        Raises
        ------
        StoreError
            No snapshot, or several, begin so; CURRENT stays.
        """
        meant = [s for s in self.snapshots() if s.startswith(fingerprint)] if fingerprint else []
        if len(meant) != 1:
            known = ", ".join(self.snapshots()) or "none"
            raise StoreError(f"There is no snapshot '{fingerprint}' in the store, or several begin so. Known: {known}.")
        self.open(meant[0])
        columnar.write_atomic(self.root / "CURRENT", meant[0].encode())

    def current(self) -> str | None:
        """Return the fingerprint of the CURRENT snapshot, or None in an empty store.

        Returns
        -------
        str or None
        """
        try:
            return (self.root / "CURRENT").read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as exc:
            raise StoreError(f"The store at {self.root} cannot be read: {exc}.") from exc

    def snapshots(self) -> list[str]:
        """Return the fingerprints in the store, sorted.

        Returns
        -------
        list of str
        """
        return sorted(p.stem for p in (self.root / "snapshots").glob("*.json"))

    def open(self, fingerprint: str | None = None) -> Snapshot:
        """Open a snapshot, by default the CURRENT one.

        Parameters
        ----------
        fingerprint : str, optional
            Which snapshot.

        Returns
        -------
        Snapshot

        Raises
        ------
        NoDataError
            The store is empty.
        StoreError
            The manifest is missing or damaged.
        """
        wanted = fingerprint or self.current()
        if wanted is None:
            raise NoDataError(
                "No data are loaded yet. Run 'xl-smallcap data load FOLDER' for your own, or "
                "'xl-smallcap data load sample' for the embedded synthetic sample."
            )
        try:
            manifest = json.loads(self._manifest(wanted).read_text(encoding="utf-8"))
            if manifest["schema"] != SCHEMA or manifest["fingerprint"] != wanted:
                raise ValueError("schema")
            entries = {name: Entry(**entry) for name, entry in manifest["series"].items()}
        except FileNotFoundError:
            known = ", ".join(self.snapshots()) or "none"
            raise StoreError(f"There is no snapshot '{wanted}' in the store. Known: {known}.") from None
        except (ValueError, KeyError, TypeError):
            others = ", ".join(s for s in self.snapshots() if s != wanted) or "none"
            raise StoreError(
                f"The manifest of snapshot '{wanted}' is damaged. Load the data again, or go back with "
                f"'xl-smallcap data use FINGERPRINT' to one of: {others}."
            ) from None
        return Snapshot(
            fingerprint=wanted,
            source=manifest["source"],
            synthetic=manifest["synthetic"],
            loaded_at=manifest["loaded_at"],
            entries=entries,
            root=self.root,
        )

    def _manifest(self, fingerprint: str) -> Path:
        return self.root / "snapshots" / f"{fingerprint}.json"
