"""What may be done with a stored series. docs/data-sources.md says why."""

from __future__ import annotations

from xl_smallcap.data.catalogue import Catalogue, Licence
from xl_smallcap.data.snapshot import Snapshot

_OF_SOURCE: dict[str, Licence] = {"bloomberg": "terminal", "yahoo": "restricted", "ishares": "restricted"}
"""What a source's own terms make of whatever comes from it."""


def licence_of_source(source: str) -> Licence:
    """Return what a source's own terms allow. own where it has none."""
    return _OF_SOURCE.get(source, "own")


def licence_of(catalogue: Catalogue, snapshot: Snapshot, series_id: str) -> Licence:
    """Return what may be done with a stored series: the strictest of its owner's and its sources' terms.

    public, attribution, restricted, terminal or own.
    """
    strict: tuple[Licence, ...] = ("own", "public", "attribution", "restricted", "terminal")
    owner = catalogue.series_of(series_id).licence
    sources = (licence_of_source(s) for s in snapshot.entry(series_id).sources)
    return max(owner, *sources, key=strict.index)
