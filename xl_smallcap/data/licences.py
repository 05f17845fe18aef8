"""What may be done with a stored series. docs/data-sources.md says why."""

from __future__ import annotations

from xl_smallcap.data.catalogue import Catalogue, Licence
from xl_smallcap.data.snapshot import Snapshot

_OF_SOURCE: dict[str, Licence] = {"bloomberg": "terminal", "yahoo": "restricted", "ishares": "restricted"}
"""What a source's own terms make of whatever comes from it."""


def licence_of(catalogue: Catalogue, snapshot: Snapshot, series_id: str) -> Licence:
    """Return what may be done with a stored series: the stricter of its owner's and its source's terms.

    Parameters
    ----------
    catalogue : Catalogue
        Owners' terms.
    snapshot : Snapshot
        Says where it came from.
    series_id : str
        As stored.

    Returns
    -------
    str
        public, attribution, restricted, terminal or own.
    """
    strict: tuple[Licence, ...] = ("own", "public", "attribution", "restricted", "terminal")
    owner = catalogue.series_of(series_id).licence
    source = _OF_SOURCE.get(snapshot.entries[series_id].source, "own")
    return max(owner, source, key=strict.index)
