"""The store on disk: immutable series named by content, a manifest a snapshot, one CURRENT pointer."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xl_smallcap.data.atomic import write_atomic
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.snapshot import (
    Entry,
    HoldingsEntry,
    PricesEntry,
    PricesPart,
    Provenance,
    Snapshot,
    Stored,
    object_path,
)
from xl_smallcap.errors import NoDataError, StoreError, not_read

if TYPE_CHECKING:
    from xl_smallcap.data.cross_section import CrossSection


SCHEMA = 1
_FINGERPRINT_LENGTH = 12
_FINGERPRINT = re.compile(r"[0-9a-f]{12}")


class Store:
    """Snapshots in a folder. Everything but CURRENT is immutable, so several processes can work in it at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def release_days(self) -> Path:
        """The later days of news that a refresh brought (see data/events.py)."""
        return self.root / "release-days.csv"

    def put(self, data: Stored) -> str:
        """Write the file of a series, of holdings or of a year of prices, if it is not there yet. Its content hash."""
        digest = data.digest()
        _write(object_path(self.root, type(data), digest), data.encode())
        return digest

    def put_prices(self, data: CrossSection, new: PricesPart, before: PricesEntry | None = None) -> PricesEntry:
        """Write constituents' prices, a file a year; a year that is there already is left alone."""
        objects = [f"{year}:{self.put(data.year(year))}" for year in data.years]
        rest = set(data.tickers) - set(new.tickers)
        old = [replace(p, tickers=tuple(t for t in p.tickers if t in rest)) for p in (before.parts if before else ())]
        parts = tuple(p for p in (*old, new) if p.tickers)
        return PricesEntry(tuple(objects), str(data.dates[0]), str(data.dates[-1]), parts)

    def add(
        self,
        series: Mapping[str, SeriesData],
        *,
        source: str,
        provenance: Mapping[str, Provenance] | None = None,
        synthetic: bool = False,
        loaded_at: str = "",
        holdings: Iterable[HoldingsEntry] = (),
        parent: str = "",
        kept: Mapping[str, Entry] | None = None,
        note: str = "",
        prices: PricesEntry | None = None,
    ) -> Snapshot:
        """Write series and a manifest; CURRENT is not touched."""
        entries: dict[str, dict[str, Any]] = {}
        over = {n: e for n, e in (kept or {}).items() if n not in series}
        for name in sorted([*series, *over]):
            if name in over:
                entries[name] = asdict(over[name])
                continue
            data = series[name]
            digest = self.put(data)
            came = (provenance or {}).get(name, Provenance())
            entries[name] = asdict(Entry.of(digest, data, replace(came, source=came.source or source)))
        owned = sorted(holdings, key=lambda h: (h.fund, h.as_of))
        objects = {name: str(entry["object"]) for name, entry in entries.items()}
        fingerprint = _fingerprint(source, synthetic, objects, owned, prices)
        before = self._known(fingerprint)
        manifest = {
            "schema": SCHEMA,
            "fingerprint": fingerprint,
            "source": source,
            "synthetic": synthetic,
            # the same content again is the same snapshot: when it was first made and after which stays
            "loaded_at": before.get("loaded_at") or loaded_at,
            "parent": before.get("parent", parent if parent != fingerprint else ""),
            "note": before.get("note") or note,
            "series": entries,
            "holdings": [asdict(h) for h in owned],
            "prices": asdict(prices) if prices is not None else None,
        }
        manifest["checksum"] = _checksum(manifest)
        write_atomic(self.manifest(fingerprint), json.dumps(manifest, indent=1, sort_keys=True).encode(), private=True)
        return self.open(fingerprint)

    def _known(self, fingerprint: str) -> dict[str, Any]:
        try:
            manifest: Any = json.loads(self.manifest(fingerprint).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return manifest if isinstance(manifest, dict) else {}

    def meant(self, fingerprint: str) -> str:
        """Return the whole fingerprint that begins so."""
        wanted = fingerprint.strip().lower()
        matches = [s for s in self.snapshots() if s.startswith(wanted)] if wanted else []
        if len(matches) != 1:
            listing = ", ".join(self.snapshots()) or "none"
            if matches:
                raise StoreError(f"{len(matches)} snapshots begin with '{fingerprint}': {', '.join(matches)}.")
            raise StoreError(f"There is no snapshot '{fingerprint}' in the store. Known: {listing}.")
        return matches[0]

    def use(self, fingerprint: str) -> None:
        """Make a snapshot the CURRENT one."""
        meant = self.meant(fingerprint)
        self.open(meant)  # one that cannot be read does not become CURRENT
        write_atomic(self.root / "CURRENT", meant.encode(), private=True)

    def current(self) -> str | None:
        """Return the fingerprint of the CURRENT snapshot, or None in an empty store."""
        try:
            content = (self.root / "CURRENT").read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise StoreError(not_read(f"The store at {self.root}", exc, "see whether the disk is there")) from exc
        fingerprint = content.strip().decode("ascii", "replace")
        if not _FINGERPRINT.fullmatch(fingerprint):
            snapshots = self.snapshots()
            if not snapshots:
                return None  # nothing it could have named
            raise StoreError(
                f"The file CURRENT in {self.root}, which says what is in use, is damaged. Nothing else is: "
                f"'xl-smallcap data use FINGERPRINT' mends it, with one of: {', '.join(snapshots)}."
            )
        return fingerprint

    def snapshots(self) -> list[str]:
        """Return the fingerprints in the store, sorted."""
        return sorted(p.stem for p in (self.root / "snapshots").glob("*.json"))

    def open(self, fingerprint: str | None = None) -> Snapshot:
        """Open a snapshot, by default the CURRENT one."""
        wanted = fingerprint or self.current()
        if wanted is None:
            raise NoDataError(
                "No data are loaded yet. Run 'xl-smallcap data refresh' to fetch them, 'xl-smallcap data load FOLDER' "
                "for your own, or 'xl-smallcap data load sample' for the embedded synthetic sample."
            )
        try:
            manifest = json.loads(self.manifest(wanted).read_text(encoding="utf-8"))
            if manifest["schema"] != SCHEMA or manifest["fingerprint"] != wanted:
                raise ValueError("schema")
            if "checksum" in manifest and manifest["checksum"] != _checksum(manifest):
                raise ValueError("checksum")
            entries = {
                name: Entry(**{**entry, "also": tuple(entry.get("also", ()))})
                for name, entry in manifest["series"].items()
            }
            owned = tuple(HoldingsEntry(**entry) for entry in manifest.get("holdings", []))
            priced = manifest.get("prices")
            if priced is not None:
                priced = PricesEntry.read(priced)
            origin = manifest["source"], manifest["synthetic"]
            if _fingerprint(*origin, {n: e.object for n, e in entries.items()}, owned, priced) != wanted:
                raise ValueError("fingerprint")
        except FileNotFoundError:
            listing = ", ".join(self.snapshots()) or "none"
            raise StoreError(f"There is no snapshot '{wanted}' in the store. Known: {listing}.") from None
        except OSError as exc:
            raise StoreError(not_read(str(self.manifest(wanted)), exc, "see whether the disk is there")) from exc
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
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
            holdings_entries=owned,
            parent=manifest.get("parent", ""),
            note=manifest.get("note", ""),
            prices_entry=priced,
        )

    def manifest(self, fingerprint: str) -> Path:
        """Return the file that lists a snapshot's series."""
        return self.root / "snapshots" / f"{fingerprint}.json"


def _fingerprint(
    source: str, synthetic: bool, objects: Mapping[str, str], holdings: Iterable[HoldingsEntry],
    prices: PricesEntry | None,
) -> str:  # fmt: skip
    """What a snapshot is called: a hash of what its data are, not of when they came."""
    sha = hashlib.sha256(f"{SCHEMA}|{source}|{synthetic}".encode())
    for name in sorted(objects):
        sha.update(f"|{name}={objects[name]}".encode())
    for held in holdings:
        sha.update(f"|{held.fund}@{held.as_of}={held.object}".encode())
    for year in prices.objects if prices is not None else ():
        sha.update(f"|prices {year}".encode())
    return sha.hexdigest()[:_FINGERPRINT_LENGTH]


def _checksum(manifest: Mapping[str, Any]) -> str:
    """Of all a manifest says, dates and sources too, which are no part of the fingerprint."""
    content = {k: v for k, v in manifest.items() if k != "checksum"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Write an object unless the same bytes are there: a damaged file is repaired, a whole one left alone."""
    if not path.is_file() or path.read_bytes() != content:
        write_atomic(path, content, private=True)
        return
    with contextlib.suppress(OSError):
        os.utime(path)  # in use again: a prune beside us leaves it alone
